/* Forty-eight lies (attack T-S4), told by members with good keys in a mesh of 128. A liar runs what
 * everybody runs; what it says beside that, or instead of it, is below.
 *
 * In `make check`: 20 worlds, 48 lies, each once: 3 seconds by day, and then until a member that
 * was killed is found dead. `make sim-large` and `make sim-insiders` set SWIM_INSIDERS to "from to
 * seconds count": the worlds of these seeds, each lie so long, so many lies one after the other in
 * each.
 *
 * A world has three liars, K, in all: four who agree can evict whom they watch. Demanded of each
 * lie: nobody who lives and answers is declared dead by anybody honest; of a single liar's
 * accusations not more than 16 subjects are in anybody's table (who accuses those who stand between
 * an accomplice and others makes room for him: 17 were seen, twice 16 is demanded); tables, new
 * records and bytes stay in their bounds; who dies meanwhile is found dead by all; and when the lie
 * ends and the dead one comes back, all views are full. */
#include "swim_world.h"
#include "verify_once.h"

#include "swim/accuse.h"
#include "swim/member.h"
#include "swim/scope.h"
#include "swim/rings.h"
#include "swim/state.h"

#define N 128u
#define GANG 3u                   /* colluding: K */
#define REACH (RINGS * WATCHERS)  /* whom one accuser is heard about */
#define TELL_EACH (S / 2)
#define EARLY (2 * MS)
#define RATE 32768u               /* swim.c: bytes a second, for gossip and for lists */
#define BURST_S 72u               /* gossip.c: what both may spend at once, in seconds */

struct lie {
	const char *name;
	unsigned liars;
	/* What it says to this member, twice a second. */
	void (*tell)(struct world *w, uint32_t liar, uint32_t to);
	/* What becomes of a message from or to a liar; false: it is dropped. */
	bool (*bend)(struct world *w, uint32_t from, uint32_t to, struct bytes message);
};

static const struct lie *lie;     /* NULL: nobody lies at present */
static uint32_t gang[GANG], victim, killed;
static bool crook[N];             /* of the gang */
static bool accused[N];
static uint64_t said[N];          /* bytes that liars sent to it beside their own */
static uint64_t turn;             /* of telling */
static unsigned most_errands, most_jobs, most_queued, most_suspected;

static bool is_liar(uint32_t i)
{
	for (unsigned k = 0; lie && k < lie->liars; k++)
		if (gang[k] == i)
			return true;
	return false;
}

static struct swim *room(const struct world *w, uint32_t i)
{
	return w->nodes[i].swim;
}

static uint64_t id_of(const struct world *w, uint32_t i)
{
	return member_id(&w->nodes[i].key);
}

static uint64_t sequence_of(const struct world *w, uint32_t i)
{
	return w->nodes[i].body.sequence;
}

/* --- how a liar speaks */

static uint8_t said_bytes[CHANNEL_PAYLOAD_MAX];

static struct writer begin_as(const struct world *w, uint32_t liar, uint32_t to, uint8_t type,
			      uint8_t flags, uint32_t id)
{
	const struct swim *s = room(w, liar);
	struct writer m = wr_of(said_bytes, sizeof(said_bytes));
	struct wire_header h = { .type = type, .flags = flags, .id = id,
				 .known = sequence_of(w, to), .count = s->records_held,
				 .list = scope_tag(s, s->cap, to), .digest = scope_digest(s, to) };

	wire_put_header(&m, &h);
	return m;
}

static void deliver(struct world *w, uint32_t from, uint32_t to, struct bytes m, uint64_t late)
{
	struct world_event e = { .kind = WORLD_MESSAGE, .from = from, .to = to };

	e.at = w->now + late + w->delay_min + rng_below(&w->rng, w->delay_max - w->delay_min + 1);
	e.run = w->nodes[to].run;
	e.len = (uint16_t)m.len;
	e.data = malloc(m.len);
	memcpy(e.data, m.data, m.len);
	said[to] += m.len + CHANNEL_OVERHEAD + 28;
	world_push(w, e);
}

static void send(struct world *w, uint32_t liar, uint32_t to, struct writer *m)
{
	deliver(w, liar, to, bytes_of(m->start, wr_len(m)), 0);
}

static uint32_t anybody(struct world *w)
{
	return (uint32_t)rng_below(&w->rng, N);
}

/* --- accusations */

/* Signing is dear: what was signed for this sequence is kept. */
static const struct accusation *signed_by(struct world *w, uint32_t accuser, uint32_t subject,
					  uint64_t sequence)
{
	static struct accusation kept[4096];
	struct accusation *a = &kept[(accuser * 131 + subject * 7 + sequence) % 4096];

	if (a->subject != id_of(w, subject) || a->sequence != sequence
	    || a->accuser != id_of(w, accuser))
		*a = world_accusation(w, subject, sequence, accuser);
	return a;
}

static void accuse(struct world *w, uint32_t liar, uint32_t to, const struct accusation *a,
		   unsigned n)
{
	struct writer m = begin_as(w, liar, to, WIRE_ITEMS, 0, 0);

	wr_u8(&m, (uint8_t)n);
	for (unsigned i = 0; i < n; i++)
		wire_put_accusation(&m, &a[i]);
	send(w, liar, to, &m);
}

static void accuse_one(struct world *w, uint32_t liar, uint32_t to, uint32_t subject)
{
	accuse(w, liar, to, signed_by(w, liar, subject, sequence_of(w, subject)), 1);
}

/* Each hears of others first. */
static void accuse_everybody(struct world *w, uint32_t liar, uint32_t to)
{
	struct accusation a[WIRE_ITEMS_MAX];

	for (unsigned i = 0; i < WIRE_ITEMS_MAX; i++) {
		uint32_t subject = (uint32_t)(((turn + to) * WIRE_ITEMS_MAX + i) % N);

		a[i] = *signed_by(w, liar, subject, sequence_of(w, subject));
	}
	accuse(w, liar, to, a, WIRE_ITEMS_MAX);
}

/* All whom it may accuse: the whole of its power. */
static void accuse_all_it_watches(struct world *w, uint32_t liar, uint32_t to)
{
	struct accusation a[WIRE_ITEMS_MAX];
	unsigned n = 0;

	for (uint32_t i = 0; i < N && n < WIRE_ITEMS_MAX; i++) {
		uint32_t subject = (i + (uint32_t)turn * 40) % N;

		if (subject != liar && rings_rank(room(w, liar), w->cap, subject, WATCHERS))
			a[n++] = *signed_by(w, liar, subject, sequence_of(w, subject));
	}
	if (n)
		accuse(w, liar, to, a, n);
}

static void accuse_one_victim(struct world *w, uint32_t liar, uint32_t to)
{
	if (to != victim)
		accuse_one(w, liar, to, victim);
}

static void accuse_each_to_its_face(struct world *w, uint32_t liar, uint32_t to)
{
	accuse_one(w, liar, to, to);
}

/* The names are of those who would be believed. */
static void accuse_in_the_name_of_its_watchers(struct world *w, uint32_t liar, uint32_t to)
{
	struct accusation a[WIRE_ITEMS_MAX];
	unsigned n = 0;

	for (uint32_t i = 0; i < N && n < 6; i++) {
		if (i == victim || i == to || !accuse_admissible(room(w, liar), i, victim))
			continue;
		a[n] = *signed_by(w, liar, victim, sequence_of(w, victim));
		a[n++].accuser = id_of(w, i);
	}
	if (n && to != victim)
		accuse(w, liar, to, a, n);
}

static void accuse_in_its_own_name(struct world *w, uint32_t liar, uint32_t to)
{
	struct accusation a = *signed_by(w, liar, victim, sequence_of(w, victim));

	a.accuser = id_of(w, turn % 2 ? victim : to);
	accuse(w, liar, to, &a, 1);
}

static void accuse_with_a_broken_signature(struct world *w, uint32_t liar, uint32_t to)
{
	struct accusation a = *signed_by(w, liar, victim, sequence_of(w, victim));

	a.signature.b[turn % 64] ^= 1;
	accuse(w, liar, to, &a, 1);
}

static void accuse_of_records_to_come(struct world *w, uint32_t liar, uint32_t to)
{
	uint64_t ahead = turn % 2 ? 1 : UINT64_C(1) << 40;

	accuse(w, liar, to, signed_by(w, liar, victim, sequence_of(w, victim) + ahead), 1);
}

/* Of the four who accused it once, and were right then. */
static void replay_old_accusations(struct world *w, uint32_t liar, uint32_t to)
{
	struct accusation a[WIRE_ITEMS_MAX];
	unsigned n = 0;

	for (uint32_t i = 0; i < N && n < 5; i++)
		if (i != victim && accuse_admissible(room(w, liar), i, victim))
			a[n++] = *signed_by(w, i, victim, sequence_of(w, victim) - 1);
	if (n)
		accuse(w, liar, to, a, n);
}

/* Who stands between it and the victim gives way, so that it is nearer. */
static void accuse_its_way_to_the_victim(struct world *w, uint32_t liar, uint32_t to)
{
	struct accusation a[WIRE_ITEMS_MAX];
	unsigned n = 0;

	for (uint32_t i = 0; i < N && n + 1 < WIRE_ITEMS_MAX; i++)
		if (i != victim && i != liar
		    && rings_rank(room(w, liar), i, victim, WATCHERS))
			a[n++] = *signed_by(w, liar, i, sequence_of(w, i));
	a[n++] = *signed_by(w, liar, victim, sequence_of(w, victim));
	accuse(w, liar, to, a, n);
}

static void accuse_strangers(struct world *w, uint32_t liar, uint32_t to)
{
	struct accusation a[WIRE_ITEMS_MAX];

	for (unsigned i = 0; i < WIRE_ITEMS_MAX; i++) {
		a[i] = *signed_by(w, liar, victim, sequence_of(w, victim));
		a[i].subject = rng_u64(&w->rng);
	}
	accuse(w, liar, to, a, WIRE_ITEMS_MAX);
}

/* Three of the victim's watchers, and whatever it says does not get past them. */
static bool drop_the_victims_words(struct world *w, uint32_t from, uint32_t to,
				   struct bytes message)
{
	(void)w;
	(void)message;
	return from != victim && to != victim;
}

/* --- lists */

static void list(struct world *w, uint32_t liar, uint32_t to, const struct wire_entry *e,
		 unsigned n, uint64_t first, uint64_t last)
{
	struct writer m = begin_as(w, liar, to, WIRE_LIST, 0, 0);

	wr_be64(&m, first);
	wr_be64(&m, last);
	wr_u8(&m, (uint8_t)n);
	for (unsigned i = 0; i < n; i++)
		wire_put_entry(&m, &e[i]);
	wr_u8(&m, 0);
	send(w, liar, to, &m);
}

/* Half of all, in their order, with what is added to their sequences. */
static void list_half(struct world *w, uint32_t liar, uint32_t to, int64_t add, bool dead)
{
	const struct swim *s = room(w, liar);
	struct wire_entry e[WIRE_ENTRIES_MAX] = { 0 };
	uint32_t start = turn % 2 ? 0 : s->known / 2;
	unsigned n = 0;

	for (uint32_t i = start; i < s->known && n < 60; i++) {
		uint32_t slot = s->by_id[i];
		uint64_t sequence = slot == s->cap ? sequence_of(w, liar) : sequence_of(w, slot);

		e[n++] = (struct wire_entry){ slot_id(s, slot), sequence + (uint64_t)add,
					      dead };
	}
	list(w, liar, to, e, n, e[0].id, e[n - 1].id);
}

static void list_all_as_dead(struct world *w, uint32_t liar, uint32_t to)
{
	list_half(w, liar, to, 0, true);
}

static void list_what_it_does_not_hold(struct world *w, uint32_t liar, uint32_t to)
{
	list_half(w, liar, to, 1000, false);
}

static void list_old_sequences(struct world *w, uint32_t liar, uint32_t to)
{
	list_half(w, liar, to, -900, false);
}

static void list_nothing(struct world *w, uint32_t liar, uint32_t to)
{
	list(w, liar, to, NULL, 0, 0, UINT64_MAX);
}

static void list_strangers(struct world *w, uint32_t liar, uint32_t to)
{
	struct wire_entry e[WIRE_ENTRIES_MAX];
	uint64_t id = rng_u64(&w->rng) >> 8;

	for (unsigned i = 0; i < WIRE_ENTRIES_MAX; i++)
		e[i] = (struct wire_entry){ id += 1 + rng_below(&w->rng, UINT64_C(1) << 40), 7,
					    i % 2 };
	list(w, liar, to, e, WIRE_ENTRIES_MAX, e[0].id, id);
}

static void want(struct world *w, uint32_t liar, uint32_t to, bool known)
{
	const struct swim *s = room(w, liar);
	struct writer m = begin_as(w, liar, to, WIRE_WANT, 0, 0);

	wr_u8(&m, 60);
	for (uint32_t i = 0; i < 60; i++)
		wr_be64(&m, known ? slot_id(s, s->by_id[i + turn % 60])
			: (uint64_t)i << 56 | (turn + 1));
	wr_u8(&m, 0);
	send(w, liar, to, &m);
}

static void want_everything_for_ever(struct world *w, uint32_t liar, uint32_t to)
{
	for (unsigned i = 0; i < 40; i++)
		want(w, liar, to, true);
}

static void want_strangers(struct world *w, uint32_t liar, uint32_t to)
{
	want(w, liar, to, false);
}

static void false_sums(struct world *w, uint32_t liar, uint32_t to)
{
	struct writer m = begin_as(w, liar, to, WIRE_BUCKETS, 0, 0);

	for (unsigned i = 0; i < WIRE_BUCKETS_COUNT; i++)
		wr_be32(&m, turn % 3 ? (uint32_t)rng_u64(&w->rng) : 0);
	wr_u8(&m, 0);
	send(w, liar, to, &m);
}

/* --- records */

static void give(struct world *w, uint32_t liar, uint32_t to, const uint8_t *wire, size_t len,
		 uint8_t flags)
{
	struct writer m = begin_as(w, liar, to, WIRE_ITEMS, flags, 0);

	wr_u8(&m, 1);
	wire_put_record(&m, bytes_of(wire, len));
	send(w, liar, to, &m);
}

static struct record_kept old[N]; /* as they were before this lie */

static void replay_old_records(struct world *w, uint32_t liar, uint32_t to)
{
	const struct record_kept *r = &old[anybody(w)];

	if (r->len)
		give(w, liar, to, r->wire, r->len, turn % 2 ? WIRE_BULK : 0);
}

/* The fields at 35 and 43 are sequence and flags; whose signature it is does not follow. */
static void forge(struct world *w, uint32_t liar, uint32_t to, uint16_t flags)
{
	struct record_kept r = old[victim];

	store_be64(r.wire + 35, sequence_of(w, victim) + 1 + turn);
	store_be16(r.wire + 43, flags);
	give(w, liar, to, r.wire, r.len, 0);
}

static void forge_a_record(struct world *w, uint32_t liar, uint32_t to)
{
	forge(w, liar, to, 0);
}

static void pretend_that_another_left(struct world *w, uint32_t liar, uint32_t to)
{
	forge(w, liar, to, RECORD_LEAVING);
}

static void sign_own(struct world *w, uint32_t liar, uint32_t to, struct record_body body)
{
	struct record r;

	ok(record_sign(&body, &w->nodes[liar].secret, &r));
	give(w, liar, to, r.wire, r.len, 0);
}

/* Two records of one sequence, for two halves of the mesh. */
static void equivocate(struct world *w, uint32_t liar, uint32_t to)
{
	struct record_body body = w->nodes[liar].body;

	body.sequence += 1;
	body.candidates[0].port = (uint16_t)(1000 + to % 2);
	sign_own(w, liar, to, body);
}

static void jump_to_the_last_sequence(struct world *w, uint32_t liar, uint32_t to)
{
	struct record_body body = w->nodes[liar].body;

	body.sequence = RECORD_SEQUENCE_DEAD - 1;
	sign_own(w, liar, to, body);
}

static void sign_without_end(struct world *w, uint32_t liar, uint32_t to)
{
	struct record_body body = w->nodes[liar].body;

	body.sequence += turn * N + to + 1;
	sign_own(w, liar, to, body);
}

static void leave_and_come_back(struct world *w, uint32_t liar, uint32_t to)
{
	struct record_body body = w->nodes[liar].body;

	body.sequence += turn + 1;
	body.flags = turn % 2 ? 0 : RECORD_LEAVING;
	sign_own(w, liar, to, body);
}

/* Its own record says that it is where others are. */
static void claim_the_addresses_of_others(struct world *w, uint32_t liar, uint32_t to)
{
	struct record_body body = w->nodes[liar].body;
	const struct record_body *other = &w->nodes[anybody(w)].body;

	body.sequence += turn + 1;
	body.candidates[0] = other->candidates[0];
	body.candidates[1] = w->nodes[victim].body.candidates[1];
	body.prefix = other->prefix;
	body.address_index = other->address_index;
	sign_own(w, liar, to, body);
}

static void records_of_strangers(struct world *w, uint32_t liar, uint32_t to)
{
	static struct record_body body = { .sequence = 5 };
	static struct secret_key secret;
	static struct record r;
	uint8_t seed[32] = { (uint8_t)turn, (uint8_t)(turn >> 8), 99 };

	if (r.body.sequence != turn + 1) {
		ed25519_from_seed(&body.key, &secret, seed);
		body.prefix = w->nodes[0].body.prefix;
		body.sequence = turn + 1;
		ok(record_sign(&body, &secret, &r));
	}
	give(w, liar, to, r.wire, r.len, 0);
}

/* --- headers: its own messages, changed on their way */

static bool change_header(struct world *w, uint32_t from, uint32_t to, struct bytes message,
			  void (*change)(struct world *w, struct wire_header *h))
{
	struct wire_message m;
	struct writer out = wr_of(said_bytes, sizeof(said_bytes));
	size_t head;

	if (!is_liar(from))
		return true;
	ok(wire_decode(message, &m));
	head = WIRE_HEADER - (m.h.flags & WIRE_BRIEF ? WIRE_BRIEF_LEN : 0);
	if (m.h.flags & WIRE_BRIEF) {
		m.h.known = sequence_of(w, to);
		m.h.count = room(w, from)->records_held;
		m.h.list = scope_tag(room(w, from), room(w, from)->cap, to);
	}
	m.h.flags &= (uint8_t)~WIRE_BRIEF;
	change(w, &m.h);
	if (message.len - head + WIRE_HEADER > CHANNEL_PAYLOAD_MAX)
		return true;
	wire_put_header(&out, &m.h);
	wr_bytes(&out, message.data + head, message.len - head);
	send(w, from, to, &out);
	return false;
}

static void digest_of_nothing(struct world *w, struct wire_header *h)
{
	h->digest = rng_u64(&w->rng);
	h->flags |= WIRE_QUIET;
}

static void count_of_nothing(struct world *w, struct wire_header *h)
{
	h->digest = 1;
	h->count = rng_below(&w->rng, 2) ? 0 : UINT32_MAX;
}

static void knows_more_than_we(struct world *w, struct wire_header *h)
{
	(void)w;
	h->known = UINT64_MAX;
}

static void knows_nothing_of_us(struct world *w, struct wire_header *h)
{
	(void)w;
	h->known = 0;
}

static bool false_digests(struct world *w, uint32_t from, uint32_t to, struct bytes m)
{
	return change_header(w, from, to, m, digest_of_nothing);
}

static bool false_counts(struct world *w, uint32_t from, uint32_t to, struct bytes m)
{
	return change_header(w, from, to, m, count_of_nothing);
}

static bool claim_to_know_more_of_the_receiver(struct world *w, uint32_t from, uint32_t to,
					       struct bytes m)
{
	return change_header(w, from, to, m, knows_more_than_we);
}

static bool claim_to_know_nothing_of_the_receiver(struct world *w, uint32_t from, uint32_t to,
						  struct bytes m)
{
	return change_header(w, from, to, m, knows_nothing_of_us);
}

/* --- probes */

static void short_message(struct world *w, uint32_t liar, uint32_t to, uint8_t type, uint32_t id)
{
	struct writer m = begin_as(w, liar, to, type, WIRE_BARE, id);

	if (type == WIRE_NACK)
		wr_u8(&m, WIRE_NACK_SILENT);
	send(w, liar, to, &m);
}

/* The ids of all probes that run there, as if it could read them. */
static void answer_what_nobody_asked(struct world *w, uint32_t liar, uint32_t to)
{
	const struct swim *s = room(w, to);

	for (unsigned i = 0; i < PROBE_MAX; i++)
		if (s->probes[i].used) {
			short_message(w, liar, to, WIRE_ACK, s->probes[i].id);
			short_message(w, liar, to, WIRE_FORWARDED, s->probes[i].id);
		}
	short_message(w, liar, to, WIRE_ACK, (uint32_t)rng_u64(&w->rng));
}

static void nack_what_nobody_asked(struct world *w, uint32_t liar, uint32_t to)
{
	const struct swim *s = room(w, to);

	for (unsigned i = 0; i < PROBE_MAX; i++)
		if (s->probes[i].used)
			short_message(w, liar, to, WIRE_NACK, s->probes[i].id);
	for (unsigned i = 0; i < 8; i++)
		short_message(w, liar, to, WIRE_NACK, (uint32_t)rng_u64(&w->rng));
}

static void ping_without_end(struct world *w, uint32_t liar, uint32_t to)
{
	for (unsigned i = 0; i < 16; i++)
		short_message(w, liar, to, WIRE_PING, (uint32_t)rng_u64(&w->rng));
}

static void ask_for_pings(struct world *w, uint32_t liar, uint32_t to, bool strange)
{
	for (unsigned i = 0; i < 40; i++) {
		struct public_key key = w->nodes[i ? anybody(w) : victim].key;
		struct writer m = begin_as(w, liar, to, WIRE_PING_REQ, WIRE_BARE, 1 + i);

		if (strange)
			key.b[i % 32] ^= 0x55;
		wr_bytes(&m, key.b, sizeof(key.b));
		send(w, liar, to, &m);
	}
}

/* All are to ping one. */
static void have_all_ping_the_victim(struct world *w, uint32_t liar, uint32_t to)
{
	ask_for_pings(w, liar, to, false);
}

static void have_strangers_pinged(struct world *w, uint32_t liar, uint32_t to)
{
	ask_for_pings(w, liar, to, true);
}

/* A helper that says so at once, whatever it was asked. */
static bool helper_says(struct world *w, uint32_t from, uint32_t to, struct bytes message,
			uint8_t says)
{
	struct wire_message m;

	if (is_liar(from))
		return message.data[0] != WIRE_FORWARDED && message.data[0] != WIRE_NACK;
	ok(wire_decode(message, &m));
	if (m.h.type != WIRE_PING_REQ)
		return true;
	if (says)
		short_message(w, to, from, says, m.h.id);
	return false;
}

static bool help_by_a_lie(struct world *w, uint32_t from, uint32_t to, struct bytes m)
{
	return helper_says(w, from, to, m, WIRE_FORWARDED);
}

static bool help_by_a_nack(struct world *w, uint32_t from, uint32_t to, struct bytes m)
{
	return helper_says(w, from, to, m, WIRE_NACK);
}

static bool withhold_help(struct world *w, uint32_t from, uint32_t to, struct bytes m)
{
	return helper_says(w, from, to, m, 0);
}

/* --- silence */

/* Whoever is accused hears nothing of it from this one, nor anybody else. */
static bool pass_nothing_on(struct world *w, uint32_t from, uint32_t to, struct bytes message)
{
	(void)w;
	(void)to;
	return !is_liar(from)
	       || (message.data[0] != WIRE_ITEMS && (message.data[WIRE_FLAGS_AT] & WIRE_BARE));
}

/* It is there, accuses, and answers nobody: it is found dead, and others are not. */
static bool answer_nobody(struct world *w, uint32_t from, uint32_t to, struct bytes message)
{
	(void)w;
	(void)to;
	return !is_liar(from) || message.data[0] == WIRE_PING || message.data[0] == WIRE_PING_REQ;
}

static bool answer_half_of_the_mesh(struct world *w, uint32_t from, uint32_t to,
				    struct bytes message)
{
	(void)w;
	(void)message;
	return !is_liar(from) || to % 2;
}

static bool answer_late(struct world *w, uint32_t from, uint32_t to, struct bytes message)
{
	if (!is_liar(from))
		return true;
	deliver(w, from, to, message, 2 * S);
	return false;
}

static void malformed(struct world *w, uint32_t liar, uint32_t to)
{
	uint8_t bytes[200];

	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)rng_u64(&w->rng);
	bytes[0] = (uint8_t)(WIRE_PING + turn % 10);
	deliver(w, liar, to, bytes_of(bytes, 1 + rng_below(&w->rng, sizeof(bytes))), 0);
}

#define TELLS(f) { #f, 1, f, NULL }
#define BENDS(f) { #f, 1, NULL, f }

static const struct lie lies[] = {
	TELLS(accuse_everybody),
	TELLS(accuse_all_it_watches),
	TELLS(accuse_one_victim),
	TELLS(accuse_each_to_its_face),
	TELLS(accuse_in_the_name_of_its_watchers),
	TELLS(accuse_in_its_own_name),
	TELLS(accuse_with_a_broken_signature),
	TELLS(accuse_of_records_to_come),
	TELLS(replay_old_accusations),
	TELLS(accuse_its_way_to_the_victim),
	TELLS(accuse_strangers),
	{ "three_watchers_accuse_one", 3, accuse_one_victim, NULL },
	{ "three_watchers_accuse_one_and_drop_its_words", 3, accuse_one_victim,
	  drop_the_victims_words },
	{ "three_accuse_everybody", 3, accuse_everybody, NULL },
	{ "accuse_everybody_and_answer_nobody", 1, accuse_everybody, answer_nobody },
	TELLS(list_all_as_dead),
	TELLS(list_what_it_does_not_hold),
	TELLS(list_old_sequences),
	TELLS(list_nothing),
	TELLS(list_strangers),
	TELLS(want_everything_for_ever),
	TELLS(want_strangers),
	TELLS(false_sums),
	TELLS(replay_old_records),
	TELLS(forge_a_record),
	TELLS(pretend_that_another_left),
	TELLS(equivocate),
	TELLS(sign_without_end),
	TELLS(leave_and_come_back),
	TELLS(claim_the_addresses_of_others),
	TELLS(records_of_strangers),
	BENDS(false_digests),
	BENDS(false_counts),
	BENDS(claim_to_know_more_of_the_receiver),
	BENDS(claim_to_know_nothing_of_the_receiver),
	TELLS(answer_what_nobody_asked),
	TELLS(nack_what_nobody_asked),
	TELLS(ping_without_end),
	TELLS(have_all_ping_the_victim),
	TELLS(have_strangers_pinged),
	BENDS(help_by_a_lie),
	BENDS(help_by_a_nack),
	BENDS(withhold_help),
	BENDS(pass_nothing_on),
	BENDS(answer_half_of_the_mesh),
	BENDS(answer_late),
	TELLS(malformed),
	TELLS(jump_to_the_last_sequence), /* the last: nobody hears this liar after it */
};

#define LIES (sizeof(lies) / sizeof(lies[0]))

/* --- what is demanded */

static bool on_the_way(struct world *w, uint32_t from, uint32_t to, struct bytes message)
{
	if (!lie || !lie->bend || (!is_liar(from) && !is_liar(to)))
		return true;
	return lie->bend(w, from, to, message);
}

/* All honest ones see all honest ones, and each other's newest record. */
static bool honest_views_are_full(const struct world *w)
{
	for (uint32_t i = 0; i < N; i++)
		for (uint32_t j = 0; j < N; j++)
			if (i != j && !crook[i] && !crook[j]
			    && (world_state(w, i, j) != SWIM_ALIVE
				|| world_sequence(w, i, j) != sequence_of(w, j)))
				return false;
	return true;
}

static bool the_dead_is_found(const struct world *w)
{
	for (uint32_t i = 0; i < N; i++)
		if (!crook[i] && w->nodes[i].up && world_state(w, i, killed) != SWIM_DEAD)
			return false;
	return true;
}

static void more(unsigned *most, unsigned now)
{
	if (now > *most)
		*most = now;
}

/* The tables of one honest member. */
static void look_at(const struct world *w, uint32_t i)
{
	const struct swim *s = room(w, i);
	unsigned errands[N] = { 0 }, jobs[N] = { 0 };

	for (uint32_t k = 0; k < s->suspicion_pool.fresh; k++) {
		const struct suspicion *x = &s->suspicions[k];

		for (unsigned a = 0; pool_used(&s->suspicion_pool, k) && a < x->accusers; a++)
			if (x->accuser[a] == gang[0])
				accused[x->slot] = true;
	}
	for (unsigned k = 0; k < ERRAND_MAX; k++)
		if (s->errands[k].origin != NONE)
			more(&most_errands, ++errands[s->errands[k].origin]);
	for (unsigned k = 0; k < JOB_MAX; k++)
		if (s->jobs[k].kind != JOB_NONE)
			more(&most_jobs, ++jobs[s->jobs[k].peer]);
	more(&most_queued, s->queue_pool.count);
	more(&most_suspected, s->suspected);
}

static void tell_for(struct world *w, uint64_t seconds, bool (*until)(const struct world *))
{
	for (uint64_t t = 0; t < seconds * (S / TELL_EACH); t++, turn++) {
		if (until && until(w))
			return;
		for (uint32_t to = 0; lie->tell && to < N; to++)
			for (unsigned k = 0; k < lie->liars; k++)
				if (!is_liar(to) && w->nodes[to].up)
					lie->tell(w, gang[k], to);
		for (unsigned part = 0; part < 2; part++) { /* before it is refuted, and after */
			world_run(w, part ? TELL_EACH - EARLY : EARLY);
			for (uint32_t i = 0; i < N; i++)
				if (!crook[i] && w->nodes[i].up)
					look_at(w, i);
		}
	}
}

static uint32_t honest(struct world *w)
{
	uint32_t i = anybody(w);

	while (crook[i])
		i = (i + 1) % N;
	return i;
}

/* The liars of a world are three of those who may accuse its victim. */
static void choose(struct world *w)
{
	uint32_t view;
	unsigned n = 0;

	memset(crook, 0, sizeof(crook));
	victim = anybody(w);
	view = (victim + 1) % N;
	for (uint32_t k = 0, start = anybody(w); k < N && n < GANG; k++) {
		uint32_t i = (start + k) % N;

		if (i != victim && i != view && accuse_admissible(room(w, view), i, victim))
			gang[n++] = i;
	}
	eq_int(n, GANG);
	for (unsigned k = 0; k < n; k++)
		crook[gang[k]] = true;
}

static void note_old_records(const struct world *w)
{
	uint32_t view = (victim + 1) % N;

	for (uint32_t i = 0; i < N; i++)
		if (i != view)
			old[i] = room(w, view)->records[i].kept;
}

/* Deaths of honest ones who live, seen by honest ones. */
static unsigned wrongful(const struct world *w, uint64_t since, uint32_t but)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < N; i++)
		for (uint32_t j = 0; j < N; j++)
			n += !crook[i] && !crook[j] && j != but && w->nodes[i].dead_at[j] > since;
	return n;
}

static void bytes_in_bounds(const struct world *w, const uint64_t *before, uint64_t time)
{
	for (uint32_t i = 0; i < N; i++) {
		uint64_t sent = w->nodes[i].bytes - before[i];

		if (!crook[i] && sent > said[i] + 2 * RATE * (time / S + BURST_S))
			TAP_FAIL("%u sent %ju bytes", i, (uintmax_t)sent);
	}
}

static void tell_one(struct world *w, const struct lie *which, uint64_t seconds)
{
	uint64_t start = w->now, bytes[N], sequence[N];
	unsigned reach = 0;
	int bad = tap_bad;

	for (uint32_t i = 0; i < N; i++) {
		bytes[i] = w->nodes[i].bytes;
		sequence[i] = sequence_of(w, i);
	}
	lie = which;
	memset(accused, 0, sizeof(accused));
	memset(said, 0, sizeof(said));
	most_errands = most_jobs = most_queued = most_suspected = 0;
	note_old_records(w);
	world_sign(w, victim, sequence_of(w, victim) + 1, 0);
	world_flush(w, victim);
	tell_for(w, seconds, NULL);
	for (uint32_t i = 0; i < N; i++) {
		reach += accused[i];
		if (!crook[i])
			ok(sequence_of(w, i) - sequence[i] <= seconds / 5 + 6);
	}
	ok(reach <= REACH * (which->liars > 1 ? 2 : 1));
	eq_int(wrongful(w, start, N), 0);
	/* It cannot keep a dead one alive either. */
	killed = honest(w);
	while (killed == victim)
		killed = honest(w);
	world_kill(w, killed);
	tell_for(w, 20, the_dead_is_found);
	ok(the_dead_is_found(w));
	eq_int(wrongful(w, start, killed), 0);
	ok(most_errands <= 16 && most_jobs <= JOBS_PER_PEER && most_suspected <= N
	   && most_queued <= QUEUE_MAX / 4);
	bytes_in_bounds(w, bytes, w->now - start);
	lie = NULL;
	world_start(w, killed, sequence_of(w, killed) + 1);
	world_path(w, killed, victim, MS);
	ok(world_until(w, honest_views_are_full, 30 * S) != UINT64_MAX);
	eq_int(wrongful(w, start, killed), 0);
	if (tap_bad != bad || seconds > 60)
		printf("# %s: accused %u, errands %u, jobs %u, queue %u, suspicions %u\n",
		       which->name, reach, most_errands, most_jobs, most_queued, most_suspected);
}

/* A world tells the lies from this one on. */
static void a_world(uint64_t seed, uint64_t seconds, unsigned long first, unsigned long count)
{
	struct world w;
	int bad = tap_bad;

	turn = 0;
	world_init(&w, N, seed);
	w.watch = on_the_way;
	world_join_all(&w);
	ok(world_until(&w, world_full, 20 * S) != UINT64_MAX);
	world_run(&w, 3 * S);
	choose(&w);
	for (unsigned long i = 0; i < count; i++)
		tell_one(&w, &lies[(first + i) % LIES], seconds);
	world_free(&w);
	if (tap_bad != bad)
		printf("# in the world of seed %ju\n", (uintmax_t)seed);
}

static void each_lie_evicts_nobody_and_stops_nothing(void)
{
	const char *text = getenv("SWIM_INSIDERS");
	unsigned long from = 0, to = 20, seconds = 3, count = 0, told = 0;
	char *end;

	if (text) {
		from = strtoul(text, &end, 10);
		to = strtoul(end, &end, 10);
		seconds = strtoul(end, &end, 10);
		count = strtoul(end, &end, 10);
	}
	for (unsigned long seed = from; seed < to; seed++) {
		unsigned long first = count ? seed * count : seed * LIES / (to - from);
		unsigned long last = count ? first + count : (seed + 1) * LIES / (to - from);

		a_world(seed, seconds, first, last - first);
		told += last - first;
	}
	printf("# %lu worlds of %u, %lu lies of %lu s, of %zu different ones\n", to - from, N, told,
	       seconds, LIES);
}

TAP_TESTS(
	T(each_lie_evicts_nobody_and_stops_nothing))
