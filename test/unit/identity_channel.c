/* Sealed datagrams: keys of each direction, freshness, adoption, and what is dropped. */
#include "tap.h"
#include "contexts.h"

#include "base/rng.h"
#include "crypto/aead.h"
#include "crypto/curve.h"
#include "crypto/hash.h"
#include "identity/channel.h"

#define MEMBERS 8u
#define EPOCH_A UINT64_C(0xa1a1a1a1a1a1a1a1)
#define EPOCH_B UINT64_C(0xb2b2b2b2b2b2b2b2)

struct node {
	struct public_key pk;
	struct secret_key sk;
	struct random random;
	struct channel *c;
};

static void node_start(struct node *n, uint8_t id, uint64_t epoch)
{
	uint8_t seed[32] = { id };
	struct channel_config config = {
		.members = MEMBERS,
		.random = &n->random,
		.hash_key = { 9, id },
		.secret = &n->sk,
		.public = &n->pk,
		.epoch = epoch,
	};

	ed25519_from_seed(&n->pk, &n->sk, seed);
	seed[1] = (uint8_t)epoch; /* a restarted node has other random bytes */
	random_init(&n->random, seed);
	n->c = channel_init(calloc(1, channel_size(MEMBERS)), &config);
}

/* A has B in slot 3, B has A in slot 5. */
#define B_OF_A 3u
#define A_OF_B 5u

struct two {
	struct node a, b;
};

static void two_start(struct two *t)
{
	node_start(&t->a, 1, EPOCH_A);
	node_start(&t->b, 2, EPOCH_B);
	ok(channel_add(t->a.c, B_OF_A, &t->b.pk));
	ok(channel_add(t->b.c, A_OF_B, &t->a.pk));
}

static void two_stop(struct two *t)
{
	free(t->a.c);
	free(t->b.c);
}

struct datagram {
	uint8_t b[MAX_DATAGRAM];
	size_t len;
};

static struct datagram seal(struct node *n, uint32_t slot, uint64_t your_epoch, const char *text)
{
	struct datagram d;

	d.len = channel_seal(n->c, slot, your_epoch, bytes_of(text, strlen(text)), d.b);
	eq_int(d.len, CHANNEL_OVERHEAD + strlen(text));
	return d;
}

static enum channel_verdict open_at(struct node *n, const struct datagram *d,
				    struct channel_opened *o)
{
	return channel_open(n->c, bytes_of(d->b, d->len), o);
}

static enum channel_verdict verdict(struct node *n, const struct datagram *d)
{
	struct channel_opened o;

	return open_at(n, d, &o);
}

/* --- the protocol, written a second time from docs/protocol.md */

static void twin_key(const struct node *from, const struct node *to, struct sym_key *key,
		     uint8_t tag[8])
{
	struct dh_secret secret, shared;
	struct dh_public point;
	struct sym_key k;
	struct hash h;
	struct bytes parts[3] = { bytes_of("meshguard sealed datagram v1", 28),
				  bytes_of(from->pk.b, 32), bytes_of(to->pk.b, 32) };
	struct bytes label = bytes_of("meshguard sealed datagram tag v1", 32);

	ed25519_to_dh_secret(&secret, &from->sk);
	ok(ed25519_to_dh_public(&point, &to->pk));
	ok(x25519(&shared, &secret, &point));
	memcpy(k.b, shared.b, 32);
	blake2b(&h, &k, parts, 3);
	memcpy(key->b, h.b, 32);
	blake2b(&h, key, &label, 1);
	memcpy(tag, h.b, 8);
}

static struct datagram craft(const struct node *from, const struct node *to, uint64_t epoch,
			     uint64_t counter, uint64_t your_epoch, const char *text)
{
	struct datagram d = { .len = 73 + strlen(text) };
	struct sym_key key;
	uint8_t inner[MAX_DATAGRAM];

	d.b[0] = 0xe1;
	twin_key(from, to, &key, d.b + 1);
	memset(d.b + 9, 0x77, 24);
	store_be64(inner, epoch);
	store_be64(inner + 8, counter);
	store_be64(inner + 16, your_epoch);
	memcpy(inner + 24, text, strlen(text));
	xaead_seal(d.b + 33, inner, 24 + strlen(text), d.b, 9, d.b + 9, &key);
	return d;
}

/* As after an answer of A to a probe of B. */
static void b_adopts_a(struct two *t, uint64_t epoch, uint64_t counter)
{
	struct datagram d = craft(&t->a, &t->b, epoch, counter, EPOCH_B, "answer");
	struct channel_opened o;

	eq_int(open_at(&t->b, &d, &o), CHANNEL_AUTHENTIC);
	ok(o.knows_us);
	channel_adopt(t->b.c, &o);
	ok(channel_peer_epoch(t->b.c, A_OF_B) == epoch);
}

static void two_strangers_become_fresh_by_a_probe_each_way(void)
{
	struct channel_opened o;
	struct datagram d, probe;
	struct two t;

	two_start(&t);
	ok(channel_epoch(t.a.c) == EPOCH_A);
	/* a probe: authentic, and its sender knows nothing of us */
	probe = seal(&t.a, B_OF_A, 0, "probe");
	eq_int(open_at(&t.b, &probe, &o), CHANNEL_AUTHENTIC);
	eq_int(o.slot, A_OF_B);
	ok(o.epoch == EPOCH_A);
	ok(o.counter == 1);
	ok(!o.knows_us);
	eq_int(o.len, 5);
	eq_mem(o.payload, "probe", 5);
	channel_adopt(t.b.c, &o); /* not an answer: it does not count */
	ok(channel_peer_epoch(t.b.c, A_OF_B) == 0);
	/* the answer, for the epoch of the question */
	d = seal(&t.b, A_OF_B, o.epoch, "answer");
	eq_int(open_at(&t.a, &d, &o), CHANNEL_AUTHENTIC);
	ok(o.knows_us);
	eq_int(o.slot, B_OF_A);
	channel_adopt(t.a.c, &o);
	ok(channel_peer_epoch(t.a.c, B_OF_A) == EPOCH_B);
	eq_int(verdict(&t.a, &d), CHANNEL_REPLAYED);
	/* A knows B now; B does not know A yet, but sees that A knows it */
	d = seal(&t.a, B_OF_A, 0, "x");
	eq_int(open_at(&t.b, &d, &o), CHANNEL_AUTHENTIC);
	ok(o.knows_us);
	channel_adopt(t.b.c, &o);
	d = seal(&t.a, B_OF_A, 0, "fresh");
	eq_int(open_at(&t.b, &d, &o), CHANNEL_FRESH);
	eq_mem(o.payload, "fresh", 5);
	ok(o.counter == 3);
	eq_int(verdict(&t.b, &d), CHANNEL_REPLAYED);
	d = seal(&t.b, A_OF_B, 0, "back");
	eq_int(open_at(&t.a, &d, &o), CHANNEL_FRESH);
	ok(o.counter == 2);
	/* the probe of before does not become fresh, nor is it answered again */
	eq_int(verdict(&t.b, &probe), CHANNEL_REPLAYED);
	two_stop(&t);
}

/* As after an answer of A: whether two processes answer with its key. */
static bool two_answer(struct two *t, uint64_t epoch)
{
	static uint64_t counter = 1000;
	struct datagram d = craft(&t->a, &t->b, epoch, ++counter, EPOCH_B, "answer");
	struct channel_opened o;

	if (open_at(&t->b, &d, &o) == CHANNEL_MALFORMED)
		return false;
	return channel_adopt(t->b.c, &o);
}

static void epochs_that_take_turns_are_two_processes(void)
{
	struct two t;

	two_start(&t);
	/* restarts, each with late answers of the process before */
	for (uint64_t epoch = 1; epoch < 9; epoch++)
		for (unsigned late = 0; late < 3; late++) {
			ok(!two_answer(&t, epoch));
			ok(!two_answer(&t, epoch + 1));
		}
	/* and two that go on answering */
	for (unsigned i = 0; i < 3; i++) {
		ok(!two_answer(&t, EPOCH_A));
		ok(!two_answer(&t, EPOCH_A + 1));
	}
	ok(!two_answer(&t, EPOCH_A));
	ok(!two_answer(&t, EPOCH_A)); /* it is known */
	ok(two_answer(&t, EPOCH_A + 1));
	ok(two_answer(&t, EPOCH_A));
	/* until another one comes */
	ok(!two_answer(&t, EPOCH_A + 2));
	ok(!two_answer(&t, EPOCH_A));
	two_stop(&t);
}

static void our_bytes_are_those_of_the_protocol(void)
{
	struct channel_opened o;
	struct sym_key ab, ba;
	uint8_t tag_ab[8], tag_ba[8], plain[64];
	struct datagram d;
	struct two t;

	two_start(&t);
	twin_key(&t.a, &t.b, &ab, tag_ab);
	twin_key(&t.b, &t.a, &ba, tag_ba);
	ok(memcmp(&ab, &ba, sizeof(ab)) != 0);
	ok(memcmp(tag_ab, tag_ba, sizeof(tag_ab)) != 0);
	d = seal(&t.a, B_OF_A, UINT64_C(0x1122334455667788), "text");
	eq_int(d.b[0], 0xe1);
	eq_mem(d.b + 1, tag_ab, 8);
	ok(xaead_open(plain, d.b + 33, d.len - 33, d.b, 9, d.b + 9, &ab));
	ok(load_be64(plain) == EPOCH_A);
	ok(load_be64(plain + 8) == 1);
	ok(load_be64(plain + 16) == UINT64_C(0x1122334455667788));
	eq_mem(plain + 24, "text", 4);
	d = craft(&t.a, &t.b, EPOCH_A, 7, EPOCH_B, "by the twin");
	eq_int(open_at(&t.b, &d, &o), CHANNEL_AUTHENTIC);
	eq_int(o.len, 11);
	eq_mem(o.payload, "by the twin", 11);
	two_stop(&t);
}

static void a_reflected_datagram_is_nobodys(void)
{
	struct datagram d;
	struct two t;

	two_start(&t);
	d = seal(&t.a, B_OF_A, EPOCH_A, "to myself");
	eq_int(verdict(&t.a, &d), CHANNEL_UNKNOWN);
	/* even with the tag of the other direction in place */
	twin_key(&t.b, &t.a, &(struct sym_key){ { 0 } }, d.b + 1);
	eq_int(verdict(&t.a, &d), CHANNEL_FORGED);
	two_stop(&t);
}

static void forged_cut_and_unknown_datagrams_are_told_apart(void)
{
	struct datagram d, good;
	struct two t;

	two_start(&t);
	b_adopts_a(&t, EPOCH_A, 1);
	good = craft(&t.a, &t.b, EPOCH_A, 2, EPOCH_B, "payload");
	for (size_t bit = 0; bit < 8 * good.len; bit++) {
		enum channel_verdict want = bit < 8 ? CHANNEL_MALFORMED
					  : bit < 72 ? CHANNEL_UNKNOWN : CHANNEL_FORGED;

		d = good;
		d.b[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (verdict(&t.b, &d) != want)
			TAP_FAIL("bit %zu", bit);
	}
	for (size_t len = 0; len < good.len; len++) {
		d = good;
		d.len = len;
		eq_int(verdict(&t.b, &d), len < CHANNEL_OVERHEAD ? CHANNEL_MALFORMED
								  : CHANNEL_FORGED);
	}
	d.len = MAX_SEALED;
	eq_int(verdict(&t.b, &d), CHANNEL_FORGED);
	eq_int(channel_open(t.b.c, bytes_of((uint8_t[MAX_SEALED + 1]){ 0xe1 }, MAX_SEALED + 1),
			    &(struct channel_opened){ 0 }), CHANNEL_MALFORMED);
	/* nothing of all that moved the window */
	eq_int(verdict(&t.b, &good), CHANNEL_FRESH);
	/* authentic, but no epoch or no counter: no sender of ours makes it */
	d = craft(&t.a, &t.b, 0, 3, EPOCH_B, "");
	eq_int(verdict(&t.b, &d), CHANNEL_MALFORMED);
	d = craft(&t.a, &t.b, EPOCH_A, 0, EPOCH_B, "");
	eq_int(verdict(&t.b, &d), CHANNEL_MALFORMED);
	two_stop(&t);
}

static void empty_and_full_payloads_travel(void)
{
	static uint8_t payload[CHANNEL_PAYLOAD_MAX];
	struct channel_opened o;
	struct datagram d;
	struct two t;

	two_start(&t);
	b_adopts_a(&t, EPOCH_A, 1);
	ok(CHANNEL_OVERHEAD == 73);
	ok(CHANNEL_PAYLOAD_MAX == 1155);
	(void)seal(&t.a, B_OF_A, EPOCH_B, ""); /* counter 1 is used up */
	d = seal(&t.a, B_OF_A, EPOCH_B, "");
	eq_int(d.len, 73);
	eq_int(open_at(&t.b, &d, &o), CHANNEL_FRESH);
	eq_int(o.len, 0);
	memset(payload, 0x3c, sizeof(payload));
	d.len = channel_seal(t.a.c, B_OF_A, EPOCH_B, bytes_of(payload, sizeof(payload)), d.b);
	eq_int(d.len, MAX_SEALED);
	eq_int(open_at(&t.b, &d, &o), CHANNEL_FRESH);
	eq_int(o.len, sizeof(payload));
	eq_mem(o.payload, payload, sizeof(payload));
	two_stop(&t);
}

static void the_window_is_64_wide(void)
{
	static const struct {
		uint64_t counter;
		enum channel_verdict want;
	} rows[] = {
		{ 101, CHANNEL_FRESH }, { 101, CHANNEL_REPLAYED },
		{ 100, CHANNEL_REPLAYED }, { 99, CHANNEL_REPLAYED }, { 1, CHANNEL_REPLAYED },
		{ 103, CHANNEL_FRESH }, { 102, CHANNEL_FRESH }, { 102, CHANNEL_REPLAYED },
		{ 103 + 63, CHANNEL_FRESH }, { 103, CHANNEL_REPLAYED }, { 102, CHANNEL_REPLAYED },
		{ 104, CHANNEL_FRESH },
		{ 166 + 64, CHANNEL_FRESH }, { 166, CHANNEL_REPLAYED }, { 165, CHANNEL_REPLAYED },
		{ 167, CHANNEL_FRESH }, { 167, CHANNEL_REPLAYED }, { 229, CHANNEL_FRESH },
		{ 1000, CHANNEL_FRESH }, { 936, CHANNEL_REPLAYED }, { 937, CHANNEL_FRESH },
		{ 230, CHANNEL_REPLAYED }, { 999, CHANNEL_FRESH }, { 1000, CHANNEL_REPLAYED },
		{ UINT64_MAX - 1, CHANNEL_FRESH }, { UINT64_MAX, CHANNEL_FRESH },
		{ UINT64_MAX - 63, CHANNEL_FRESH }, { UINT64_MAX - 64, CHANNEL_REPLAYED },
		{ UINT64_MAX, CHANNEL_REPLAYED }, { 1, CHANNEL_REPLAYED },
	};
	struct two t;

	two_start(&t);
	b_adopts_a(&t, EPOCH_A, 100);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct datagram d = craft(&t.a, &t.b, EPOCH_A, rows[i].counter, EPOCH_B, "w");

		if (verdict(&t.b, &d) != rows[i].want)
			TAP_FAIL("row %zu: counter %" PRIu64, i, rows[i].counter);
	}
	two_stop(&t);
}

#define SEEN_MAX 20000u

static void the_window_agrees_with_one_that_remembers_all(void)
{
	static bool seen[SEEN_MAX];
	uint64_t highest = 500;
	struct rng r;
	struct two t;

	two_start(&t);
	b_adopts_a(&t, EPOCH_A, highest);
	memset(seen, 0, sizeof(seen));
	memset(seen, 1, highest + 1);
	rng_init(&r, 99);
	for (int i = 0; i < 20000 && highest < SEEN_MAX - 200 && !tap_bad; i++) {
		uint64_t ahead = rng_below(&r, 30) ? 3 : 150;
		uint64_t counter = highest + ahead - rng_below(&r, ahead + 75);
		bool fresh = counter + 64 > highest && !seen[counter];
		struct datagram d = craft(&t.a, &t.b, EPOCH_A, counter, EPOCH_B, "");

		eq_int(verdict(&t.b, &d), fresh ? CHANNEL_FRESH : CHANNEL_REPLAYED);
		seen[counter] = true;
		if (counter > highest)
			highest = counter;
	}
	ok(highest > 5000);
	two_stop(&t);
}

static void a_restarted_peer_is_authentic_until_adopted(void)
{
	struct channel_opened o;
	struct datagram d, withheld;
	struct two t;

	two_start(&t);
	b_adopts_a(&t, EPOCH_A, 1);
	(void)seal(&t.a, B_OF_A, EPOCH_B, "1");
	d = seal(&t.a, B_OF_A, EPOCH_B, "2");
	eq_int(verdict(&t.b, &d), CHANNEL_FRESH);
	withheld = seal(&t.a, B_OF_A, EPOCH_B, "3");

	free(t.a.c);
	node_start(&t.a, 1, EPOCH_A + 1);
	ok(channel_add(t.a.c, B_OF_A, &t.b.pk));
	d = seal(&t.a, B_OF_A, 0, "probe of the new epoch");
	eq_int(open_at(&t.b, &d, &o), CHANNEL_AUTHENTIC);
	ok(!o.knows_us);
	ok(channel_peer_epoch(t.b.c, A_OF_B) == EPOCH_A);
	d = seal(&t.a, B_OF_A, EPOCH_B, "answer to B's probe");
	eq_int(open_at(&t.b, &d, &o), CHANNEL_AUTHENTIC);
	channel_adopt(t.b.c, &o);
	ok(channel_peer_epoch(t.b.c, A_OF_B) == EPOCH_A + 1);
	/* what was withheld from before is not fresh and moves nothing, time and again */
	for (int i = 0; i < 3; i++) {
		eq_int(verdict(&t.b, &withheld), CHANNEL_AUTHENTIC);
		ok(channel_peer_epoch(t.b.c, A_OF_B) == EPOCH_A + 1);
		d = seal(&t.a, B_OF_A, EPOCH_B, "goes on");
		eq_int(verdict(&t.b, &d), CHANNEL_FRESH);
	}
	two_stop(&t);
}

static void a_wrong_idea_of_our_epoch_is_authentic_only(void)
{
	struct channel_opened o;
	struct datagram d;
	struct two t;

	two_start(&t);
	b_adopts_a(&t, EPOCH_A, 1);
	d = craft(&t.a, &t.b, EPOCH_A, 2, EPOCH_B ^ 1, "stale");
	eq_int(open_at(&t.b, &d, &o), CHANNEL_AUTHENTIC);
	ok(!o.knows_us);
	d = craft(&t.a, &t.b, EPOCH_A + 1, 2, EPOCH_B ^ 1, "stale, restarted");
	eq_int(open_at(&t.b, &d, &o), CHANNEL_AUTHENTIC);
	channel_adopt(t.b.c, &o);
	ok(channel_peer_epoch(t.b.c, A_OF_B) == EPOCH_A);
	/* the one of the adopted epoch took its place in the window, the other none */
	d = craft(&t.a, &t.b, EPOCH_A, 2, EPOCH_B ^ 1, "stale again");
	eq_int(verdict(&t.b, &d), CHANNEL_REPLAYED);
	d = craft(&t.a, &t.b, EPOCH_A, 2, EPOCH_B, "of the same counter");
	eq_int(verdict(&t.b, &d), CHANNEL_REPLAYED);
	d = craft(&t.a, &t.b, EPOCH_A + 1, 2, EPOCH_B ^ 1, "stale, restarted");
	eq_int(verdict(&t.b, &d), CHANNEL_AUTHENTIC);
	/* adopting what is known changes nothing: 3 may still come after 4 */
	d = craft(&t.a, &t.b, EPOCH_A, 4, EPOCH_B, "answer");
	eq_int(open_at(&t.b, &d, &o), CHANNEL_FRESH);
	channel_adopt(t.b.c, &o);
	d = craft(&t.a, &t.b, EPOCH_A, 3, EPOCH_B, "late");
	eq_int(verdict(&t.b, &d), CHANNEL_FRESH);
	two_stop(&t);
}

static bool contains(const uint8_t *memory, size_t size, const void *what, size_t len)
{
	return memmem(memory, size, what, len) != NULL;
}

static void removing_wipes_and_adding_again_repeats_no_counter(void)
{
	size_t size = channel_size(MEMBERS);
	const uint8_t *memory;
	struct channel_opened o;
	struct sym_key ab, ba;
	uint8_t tag[8];
	struct dh_secret twin;
	struct datagram d, first;
	struct two t;

	two_start(&t);
	memory = (const uint8_t *)t.a.c;
	ed25519_to_dh_secret(&twin, &t.a.sk);
	ok(!contains(memory, size, &twin, sizeof(twin)));
	twin_key(&t.a, &t.b, &ab, tag);
	twin_key(&t.b, &t.a, &ba, tag);
	ok(contains(memory, size, &ab, sizeof(ab)));
	ok(contains(memory, size, &ba, sizeof(ba)));
	first = seal(&t.b, A_OF_B, EPOCH_A, "answer");
	eq_int(open_at(&t.a, &first, &o), CHANNEL_AUTHENTIC);
	channel_adopt(t.a.c, &o);
	b_adopts_a(&t, EPOCH_A, 1);
	for (int i = 0; i < 100; i++)
		d = seal(&t.a, B_OF_A, 0, "x");
	eq_int(verdict(&t.b, &d), CHANNEL_FRESH);

	channel_remove(t.a.c, B_OF_A);
	ok(!contains(memory, size, &ab, sizeof(ab)));
	ok(!contains(memory, size, &ba, sizeof(ba)));
	eq_int(verdict(&t.a, &first), CHANNEL_UNKNOWN);
	channel_remove(t.a.c, B_OF_A); /* harmless */

	ok(channel_add(t.a.c, B_OF_A, &t.b.pk));
	ok(channel_peer_epoch(t.a.c, B_OF_A) == 0);
	/* B kept its window: 100 was seen, 101 is next */
	d = seal(&t.a, B_OF_A, EPOCH_B, "again");
	eq_int(open_at(&t.b, &d, &o), CHANNEL_FRESH);
	ok(o.counter == 101);
	/* what B sealed before does not become fresh by adopting B's epoch a second time */
	eq_int(verdict(&t.a, &first), CHANNEL_AUTHENTIC);
	d = seal(&t.b, A_OF_B, EPOCH_A, "answer");
	eq_int(open_at(&t.a, &d, &o), CHANNEL_AUTHENTIC);
	channel_adopt(t.a.c, &o);
	eq_int(verdict(&t.a, &first), CHANNEL_REPLAYED);
	two_stop(&t);
}

static void only_keys_with_a_twin_are_added(void)
{
	struct public_key bad = { { 2 } }, small = { { 1 } };
	struct two t;

	two_start(&t);
	ok(!channel_add(t.a.c, 0, &bad));
	ok(!channel_add(t.a.c, 0, &small));
	channel_remove(t.a.c, 0);
	two_stop(&t);
}

/* Each peer's datagrams come out at its own slot, also after others left. */
static void many_peers_are_told_apart_by_tag(void)
{
	struct node center, others[MEMBERS];
	struct channel_opened o;

	node_start(&center, 100, EPOCH_A);
	for (uint8_t i = 0; i < MEMBERS; i++) {
		node_start(&others[i], (uint8_t)(i + 1), EPOCH_B + i);
		ok(channel_add(center.c, i, &others[i].pk));
		ok(channel_add(others[i].c, 0, &center.pk));
	}
	channel_remove(center.c, 2);
	channel_remove(center.c, 6);
	for (uint32_t i = 0; i < MEMBERS; i++) {
		struct datagram d = seal(&others[i], 0, EPOCH_A, "hello");
		enum channel_verdict v = open_at(&center, &d, &o);

		eq_int(v, i == 2 || i == 6 ? CHANNEL_UNKNOWN : CHANNEL_AUTHENTIC);
		if (v == CHANNEL_AUTHENTIC)
			eq_int(o.slot, i);
		for (uint32_t k = 0; k < MEMBERS; k++)
			eq_int(verdict(&others[k], &d), CHANNEL_UNKNOWN);
	}
	for (uint32_t i = 0; i < MEMBERS; i++)
		free(others[i].c);
	free(center.c);
}

/* --- calls */

#define CALL_TAGS 20u

static const uint8_t call_id[8] = { 'c', 'a', 'l', 'l', 1, 2, 3, 4 };

static uint32_t called_at(struct node *n, const uint8_t *d, size_t len)
{
	uint8_t *copy = malloc(len), id[8] = { 0 };
	uint32_t slot;

	memcpy(copy, d, len);
	slot = channel_called(n->c, bytes_of(copy, len), id);
	if (slot != CHANNEL_NOBODY)
		eq_mem(id, d + 1, 8);
	free(copy);
	return slot;
}

/* A call of somebody else, of that many tags that are nobody's. */
static size_t noise_call(uint8_t d[static MAX_DATAGRAM + 8], unsigned tags)
{
	struct rng r;

	rng_init(&r, 77 + tags);
	for (size_t i = 0; i < MAX_DATAGRAM + 8; i++)
		d[i] = (uint8_t)rng_below(&r, 256);
	d[0] = 0xe6;
	return 9 + 8 * tags;
}

static void who_is_called_finds_itself_and_others_do_not(void)
{
	uint8_t d[CHANNEL_CALL_LEN(CHANNEL_CALL_MOST)], tag[8];
	uint32_t slots[MEMBERS];
	struct node center, others[MEMBERS];
	struct sym_key key;

	node_start(&center, 99, EPOCH_A);
	for (uint32_t i = 0; i < MEMBERS; i++) {
		node_start(&others[i], (uint8_t)(10 + i), EPOCH_B);
		ok(channel_add(center.c, i, &others[i].pk));
		ok(channel_add(others[i].c, i, &center.pk));
		slots[i] = MEMBERS - 1 - i;
	}
	eq_int(channel_call(center.c, call_id, slots, MEMBERS - 1, d), 105);
	eq_int(d[0], 0xe6);
	eq_mem(d + 1, call_id, 8);
	for (uint32_t i = 0; i < MEMBERS; i++) {
		eq_int(called_at(&others[i], d, 105), i ? i : CHANNEL_NOBODY);
		twin_key(&center, &others[slots[i]], &key, tag);
		ok(!memcmp(d + 9 + 8 * i, tag, 8) == (i < MEMBERS - 1));
	}
	eq_int(called_at(&center, d, 105), CHANNEL_NOBODY); /* reflected */
	channel_remove(others[1].c, 1);
	eq_int(called_at(&others[1], d, 105), CHANNEL_NOBODY);
	for (uint32_t i = 0; i < MEMBERS; i++)
		free(others[i].c);
	free(center.c);
}

/* Made up tags, up to the least that makes it as long as a sealed answer, differ each time. */
static void a_call_to_few_is_padded(void)
{
	uint8_t d[2][CHANNEL_CALL_LEN(CHANNEL_CALL_LEAST)];
	const uint32_t slot = B_OF_A;
	struct two t;

	two_start(&t);
	for (unsigned i = 0; i < 2; i++)
		eq_int(channel_call(t.a.c, call_id, &slot, 1, d[i]), sizeof(d[i]));
	eq_mem(d[0], d[1], 17);
	for (unsigned i = 1; i < CHANNEL_CALL_LEAST; i++)
		ok(memcmp(d[0] + 9 + 8 * i, d[1] + 9 + 8 * i, 8) != 0);
	eq_int(called_at(&t.b, d[0], sizeof(d[0])), A_OF_B);
	two_stop(&t);
}

static void only_whole_calls_are_read(void)
{
	uint8_t d[MAX_DATAGRAM + 8], tag[8];
	struct sym_key key;
	struct two t;
	size_t len;

	two_start(&t);
	twin_key(&t.a, &t.b, &key, tag);
	/* at each place of the longest one; twice is as good as once */
	for (unsigned i = 0; i < CHANNEL_CALL_MOST; i++) {
		len = noise_call(d, CHANNEL_CALL_MOST);
		eq_int(called_at(&t.b, d, len), CHANNEL_NOBODY);
		memcpy(d + 9 + 8 * i, tag, 8);
		memcpy(d + 9 + 8 * (i / 2), tag, 8);
		eq_int(called_at(&t.b, d, len), A_OF_B);
	}
	/* every length, with the tag first: whole tags, 12 to 152 */
	for (len = 0; len <= MAX_DATAGRAM + 8; len++) {
		bool good = len >= 105 && len <= 1225 && (len - 9) % 8 == 0;

		noise_call(d, 0);
		memcpy(d + 9, tag, 8);
		eq_int(called_at(&t.b, d, len), good ? A_OF_B : CHANNEL_NOBODY);
	}
	/* a tag between two places, a wrong first byte, a tag in the id's place */
	len = noise_call(d, CALL_TAGS);
	memcpy(d + 9 + 3, tag, 8);
	eq_int(called_at(&t.b, d, len), CHANNEL_NOBODY);
	memcpy(d + 1, tag, 8);
	eq_int(called_at(&t.b, d, len), CHANNEL_NOBODY);
	memcpy(d + 9, tag, 8);
	d[0] = 0xe1;
	eq_int(called_at(&t.b, d, len), CHANNEL_NOBODY);
	/* the other direction's is not ours to hear */
	twin_key(&t.b, &t.a, &key, tag);
	len = noise_call(d, CALL_TAGS);
	memcpy(d + 9, tag, 8);
	eq_int(called_at(&t.b, d, len), CHANNEL_NOBODY);
	eq_int(called_at(&t.a, d, len), B_OF_A);
	two_stop(&t);
}

static void a_hint_is_for_one_peer_one_way_and_one_word(void)
{
	struct two t;
	struct node other;
	uint8_t a[CHANNEL_HINT], b[CHANNEL_HINT];

	two_start(&t);
	node_start(&other, 3, EPOCH_A);
	ok(channel_add(t.a.c, 0, &other.pk));
	channel_hint(t.a.c, B_OF_A, true, bytes_of("word", 4), a);
	channel_hint(t.b.c, A_OF_B, false, bytes_of("word", 4), b);
	eq_mem(a, b, sizeof(a));
	channel_hint(t.b.c, A_OF_B, true, bytes_of("word", 4), b); /* the other way */
	ok(memcmp(a, b, sizeof(a)));
	channel_hint(t.b.c, A_OF_B, false, bytes_of("wore", 4), b);
	ok(memcmp(a, b, sizeof(a)));
	channel_hint(t.a.c, 0, true, bytes_of("word", 4), b);
	ok(memcmp(a, b, sizeof(a)));
	free(other.c);
	two_stop(&t);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		T(two_strangers_become_fresh_by_a_probe_each_way),
		T(epochs_that_take_turns_are_two_processes),
		T(our_bytes_are_those_of_the_protocol),
		T(a_reflected_datagram_is_nobodys),
		T(forged_cut_and_unknown_datagrams_are_told_apart),
		T(empty_and_full_payloads_travel),
		T(the_window_is_64_wide),
		T(the_window_agrees_with_one_that_remembers_all),
		T(a_restarted_peer_is_authentic_until_adopted),
		T(a_wrong_idea_of_our_epoch_is_authentic_only),
		T(removing_wipes_and_adding_again_repeats_no_counter),
		T(only_keys_with_a_twin_are_added),
		T(many_peers_are_told_apart_by_tag),
		T(who_is_called_finds_itself_and_others_do_not),
		T(a_call_to_few_is_padded),
		T(only_whole_calls_are_read),
		T(a_hint_is_for_one_peer_one_way_and_one_word),
	};

	test_crypto();
	return tap_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
