/* Insiders: members with good keys that lie about others. Nobody who lives is declared dead,
 * nobody who is dead comes back, and what a liar can make others send is bounded. */
#include "swim_world.h"

#include "crypto/hash.h"

static uint64_t id_of(const struct world *w, uint32_t i)
{
	struct hash h;

	blake3(&h, w->nodes[i].key.b, sizeof(w->nodes[i].key.b));
	return load_be64(h.b);
}

static uint64_t sequence_of(const struct world *w, uint32_t i)
{
	return w->nodes[i].body.sequence;
}

static struct writer begin(uint8_t *memory, uint8_t type, uint8_t flags)
{
	struct writer w = wr_of(memory, CHANNEL_PAYLOAD_MAX);

	wire_put_header(&w, &(struct wire_header){ .type = type, .flags = flags, .count = 3 });
	return w;
}

static void inject(struct world *w, uint32_t from, uint32_t to, const struct writer *message)
{
	struct bytes bytes = bytes_of(message->start, wr_len(message));

	store_be64(message->start + 6, sequence_of(w, to)); /* known: it wants no record */
	swim_input(w->nodes[to].swim, world_time(w), from, bytes, &w->out);
	world_flush(w, to);
}

/* The liar accuses everybody, in the name of everybody, and lists all as dead. */
static void lie(struct world *w, uint32_t liar, uint32_t to)
{
	uint8_t memory[CHANNEL_PAYLOAD_MAX];
	struct writer m = begin(memory, WIRE_ITEMS, 0);
	struct wire_entry entry[WIRE_ENTRIES_MAX];
	unsigned n = 0;

	wr_u8(&m, WIRE_ITEMS_MAX);
	for (unsigned i = 0; i < WIRE_ITEMS_MAX; i++) {
		uint32_t victim = (uint32_t)rng_below(&w->rng, w->n);
		uint32_t accuser = (uint32_t)rng_below(&w->rng, w->n);
		struct accusation a = world_accusation(w, victim, sequence_of(w, victim), liar);

		if (rng_below(&w->rng, 2))
			a.accuser = id_of(w, accuser); /* whose signature he has not */
		wire_put_accusation(&m, &a);
	}
	inject(w, liar, to, &m);
	for (uint32_t i = 0; i < w->n && n < WIRE_ENTRIES_MAX; i++) {
		struct wire_entry e = { id_of(w, i), sequence_of(w, i), true };
		unsigned k = n++;

		for (; k && entry[k - 1].id > e.id; k--)
			entry[k] = entry[k - 1];
		entry[k] = e;
	}
	m = begin(memory, WIRE_LIST, 0);
	wr_be64(&m, entry[0].id);
	wr_be64(&m, entry[n - 1].id);
	wr_u8(&m, (uint8_t)n);
	for (unsigned i = 0; i < n; i++)
		wire_put_entry(&m, &entry[i]);
	wr_u8(&m, 0);
	inject(w, liar, to, &m);
}

static uint64_t total_bytes(const struct world *w, uint32_t but)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < w->n; i++)
		sum += i == but ? 0 : w->nodes[i].bytes;
	return sum;
}

static uint64_t total_pings(const struct world *w, uint32_t but)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < w->n; i++)
		sum += i == but ? 0 : swim_counters(w->nodes[i].swim)->pings;
	return sum;
}

/* Attack 24. */
static void accuse_everybody(uint32_t n, uint32_t loss_permille)
{
	struct world w;
	uint32_t liar = n - 1;
	uint64_t bytes, pings, sequence;
	const uint64_t seconds = 120;

	world_init(&w, n, n + loss_permille);
	world_join_all(&w);
	ok(world_until(&w, world_full, 20 * S) != UINT64_MAX);
	world_run(&w, 5 * S);
	w.loss_permille = loss_permille;
	bytes = total_bytes(&w, liar);
	pings = total_pings(&w, liar);
	sequence = w.nodes[1].body.sequence;
	for (uint64_t t = 0; t < seconds * 2; t++) {
		for (uint32_t to = 0; to < liar; to++)
			lie(&w, liar, to);
		world_run(&w, S / 2);
	}
	eq_int(world_deaths(&w), 0);
	world_run(&w, 5 * S);
	ok(world_full(&w));
	printf("# N = %u, loss %u: a liar makes each send %.1f pings, %.0f bytes, %.2f new records "
	       "a second\n", n, loss_permille / 10,
	       (double)(total_pings(&w, liar) - pings) / (double)(seconds * (n - 1)),
	       (double)(total_bytes(&w, liar) - bytes) / (double)(seconds * (n - 1)),
	       (double)(w.nodes[1].body.sequence - sequence) / (double)seconds);
	ok(total_pings(&w, liar) - pings <= seconds * (n - 1) * 22);
	ok(w.nodes[1].body.sequence - sequence <= seconds / 5 + 6);
	world_free(&w);
}

static void attack_24_who_accuses_everybody_for_ever_kills_nobody(void)
{
	accuse_everybody(3, 0);
	accuse_everybody(10, 0);
	accuse_everybody(40, 0);
}

static void attack_24_not_even_on_a_lossy_network(void)
{
	accuse_everybody(10, 200);
}

static struct record old_record, newest;

static void give_record(struct world *w, uint32_t from, uint32_t to, const struct record *r)
{
	uint8_t memory[CHANNEL_PAYLOAD_MAX];
	struct writer m = begin(memory, WIRE_ITEMS, WIRE_BULK);

	wr_u8(&m, 1);
	wire_put_record(&m, bytes_of(r->wire, r->len));
	inject(w, from, to, &m);
}

static void attack_25_an_old_record_of_a_dead_member_does_not_revive_it(void)
{
	struct world w;
	struct swim_info info;

	world_init(&w, 5, 6);
	world_join_all(&w);
	ok(world_until(&w, world_full, 20 * S) != UINT64_MAX);
	swim_info(w.nodes[0].swim, 3, &info);
	record_unkeep(info.record, &old_record);
	world_sign(&w, 3, 2000, 0);
	world_run(&w, 2 * S);
	world_kill(&w, 3);
	world_run(&w, 10 * S);
	swim_info(w.nodes[0].swim, 3, &info);
	eq_int(info.state, SWIM_DEAD);
	eq_int(info.sequence, 2000);
	record_unkeep(info.record, &newest);
	give_record(&w, 4, 0, &newest);
	give_record(&w, 4, 0, &old_record);
	eq_int(world_state(&w, 0, 3), SWIM_DEAD);
	/* A fresh signed one does; since nobody answers, that lasts as long as a kill takes. */
	w.nodes[3].body.sequence = 2001;
	ok(record_sign(&w.nodes[3].body, &w.nodes[3].secret, &old_record));
	give_record(&w, 4, 0, &old_record);
	eq_int(world_state(&w, 0, 3), SWIM_ALIVE);
	world_run(&w, 15 * S);
	eq_int(world_state(&w, 0, 3), SWIM_DEAD);
	world_free(&w);
}

/* An unsigned claim to know more of us. */
static void attack_25_a_claim_of_a_higher_own_sequence_needs_our_signature(void)
{
	struct world w;
	uint8_t memory[CHANNEL_PAYLOAD_MAX];
	struct writer m = wr_of(memory, sizeof(memory));

	world_init(&w, 3, 6);
	world_join_all(&w);
	ok(world_until(&w, world_full, 20 * S) != UINT64_MAX);
	world_run(&w, S);
	wire_put_header(&m, &(struct wire_header){ .type = WIRE_PING, .known = UINT64_MAX });
	wr_u8(&m, 0);
	for (unsigned i = 0; i < 100; i++) {
		swim_input(w.nodes[0].swim, world_time(&w), 2, bytes_of(memory, wr_len(&m)),
			   &w.out);
		world_flush(&w, 0);
		world_run(&w, 10 * MS);
	}
	eq_int(w.nodes[0].body.sequence, 1000);
	world_free(&w);
}

/* Subjects that nobody here admits. */
static void attack_11_26_records_about_strangers_leave_no_trace(void)
{
	struct world w, other;
	uint64_t bytes, records = 0;

	world_init(&w, 10, 6);
	world_init(&other, 64, 99);
	world_join_all(&w);
	ok(world_until(&w, world_full, 20 * S) != UINT64_MAX);
	world_run(&w, 10 * S);
	bytes = total_bytes(&w, 9);
	world_run(&w, 60 * S);
	bytes = total_bytes(&w, 9) - bytes;
	uint64_t before = total_bytes(&w, 9);
	for (unsigned t = 0; t < 600; t++) {
		for (uint32_t to = 0; to < 9; to++) {
			struct world_node *x = &other.nodes[t % 64];
			struct record r;

			x->body.sequence = t + 1;
			ok(record_sign(&x->body, &x->secret, &r));
			give_record(&w, 9, to, &r);
			records++;
		}
		world_run(&w, S / 10);
	}
	printf("# idle %ju bytes a minute, with %ju strange records %ju\n", (uintmax_t)bytes,
	       (uintmax_t)records, (uintmax_t)(total_bytes(&w, 9) - before));
	ok(total_bytes(&w, 9) - before <= bytes * 11 / 10);
	eq_int(swim_counters(w.nodes[0].swim)->drop_not_admitted, 600);
	eq_int(swim_counters(w.nodes[0].swim)->alive, 9);
	world_free(&other);
	world_free(&w);
}

/* Eight subjects in each message, none of them known here. */
static void attack_11_a_flood_about_strangers_drains_the_senders_own_bucket(void)
{
	struct world w, other;
	struct record about[64], news;
	const struct swim_counters *c;

	world_init(&w, 10, 6);
	world_init(&other, 64, 99);
	world_join_all(&w);
	ok(world_until(&w, world_full, 20 * S) != UINT64_MAX);
	world_run(&w, 10 * S);
	c = swim_counters(w.nodes[0].swim);
	for (unsigned i = 0; i < 64; i++) {
		other.nodes[i].body.sequence = 1;
		other.nodes[i].body.candidate_count = 0; /* so that eight fit */
		ok(record_sign(&other.nodes[i].body, &other.nodes[i].secret, &about[i]));
	}
	for (unsigned t = 0; t < 400; t++) {
		uint8_t memory[CHANNEL_PAYLOAD_MAX];
		struct writer m = begin(memory, WIRE_ITEMS, 0);

		wr_u8(&m, 8);
		for (unsigned k = 0; k < 8; k++) {
			const struct record *r = &about[(8 * t + k) % 64];

			wire_put_record(&m, bytes_of(r->wire, r->len));
		}
		inject(&w, 9, 0, &m);
	}
	eq_int(c->drop_not_admitted + c->drop_rate, 3200);
	ok(c->drop_not_admitted <= 1024);
	eq_int(c->alive, 9);
	/* Nothing is taken of it now, and of the others as before. */
	w.nodes[3].body.sequence++;
	ok(record_sign(&w.nodes[3].body, &w.nodes[3].secret, &news));
	give_record(&w, 9, 0, &news);
	eq_int(world_sequence(&w, 0, 3), news.body.sequence - 1);
	give_record(&w, 8, 0, &news);
	eq_int(world_sequence(&w, 0, 3), news.body.sequence);
	/* A second later it is heard again. */
	world_run(&w, S);
	w.nodes[4].body.sequence++;
	ok(record_sign(&w.nodes[4].body, &w.nodes[4].secret, &news));
	give_record(&w, 9, 0, &news);
	eq_int(world_sequence(&w, 0, 4), news.body.sequence);
	world_free(&other);
	world_free(&w);
}

static void a_member_that_signs_without_end_is_slowed_down(void)
{
	struct world w;
	uint64_t accepted;

	world_init(&w, 10, 6);
	world_join_all(&w);
	ok(world_until(&w, world_full, 20 * S) != UINT64_MAX);
	world_run(&w, 5 * S);
	accepted = swim_counters(w.nodes[0].swim)->drop_rate;
	for (unsigned t = 0; t < 1000; t++) {
		struct record r;

		w.nodes[9].body.sequence = 2000 + t;
		ok(record_sign(&w.nodes[9].body, &w.nodes[9].secret, &r));
		give_record(&w, 9, 0, &r);
		world_run(&w, 10 * MS);
	}
	ok(swim_counters(w.nodes[0].swim)->drop_rate - accepted >= 1000 - 16 - 4 * 10 - 10);
	world_run(&w, 30 * S);
	eq_int(world_deaths(&w), 0);
	ok(world_full(&w));
	world_free(&w);
}

/* Withheld help: helpers that lie about every target. */
static bool lying_helpers(struct world *w, uint32_t from, uint32_t to, struct bytes message)
{
	(void)from;
	(void)to;
	(void)w;
	return message.data[0] != WIRE_FORWARDED;
}

static void helpers_that_withhold_answers_kill_nobody_who_answers_himself(void)
{
	struct world w;

	world_init(&w, 10, 16);
	w.watch = lying_helpers;
	w.loss_permille = 100;
	world_join_all(&w);
	ok(world_until(&w, world_full, 20 * S) != UINT64_MAX);
	world_run(&w, 3600 * S);
	eq_int(world_deaths(&w), 0);
	world_free(&w);
}

TAP_TESTS(
	T(attack_24_who_accuses_everybody_for_ever_kills_nobody),
	T(attack_24_not_even_on_a_lossy_network),
	T(attack_25_an_old_record_of_a_dead_member_does_not_revive_it),
	T(attack_25_a_claim_of_a_higher_own_sequence_needs_our_signature),
	T(attack_11_26_records_about_strangers_leave_no_trace),
	T(attack_11_a_flood_about_strangers_drains_the_senders_own_bucket),
	T(a_member_that_signs_without_end_is_slowed_down),
	T(helpers_that_withhold_answers_kill_nobody_who_answers_himself))
