/* The store of statements: which one stays, what fits, and a naive twin that agrees. */
#include "tap.h"
#include "contexts.h"
#include "dies.h"

#include "base/rng.h"
#include "crypto/curve.h"
#include "identity/statement_store.h"

#define KEYS 6u
#define CAP 8u

static struct public_key keys[KEYS];
static struct secret_key secrets[KEYS];

static struct statement_store *new_store(uint32_t cap)
{
	static const uint8_t hash_key[16] = { 7 };
	static void *memory;

	free(memory);
	memory = calloc(1, statement_store_size(cap));
	return statement_store_init(memory, cap, hash_key);
}

static struct statement make(enum statement_kind kind, unsigned issuer, unsigned subject,
			     uint64_t number, unsigned detail)
{
	struct statement_body b = { .kind = kind, .issuer = keys[issuer], .subject = keys[subject],
				    .number = number };
	struct statement s;

	if (kind == STATEMENT_REVOCATION)
		b.reason = detail % 3;
	if (kind == STATEMENT_ALIAS)
		b.name[0] = (char)('a' + detail % 26);
	if (kind == STATEMENT_SUCCESSOR)
		b.until = detail;
	ok(statement_sign(&b, &secrets[issuer],
			  kind == STATEMENT_SUCCESSOR ? &secrets[subject] : NULL, &s));
	return s;
}

static uint32_t find(const struct statement_store *store, const struct statement *s)
{
	return statement_store_find(store, s->body.kind, &s->body.issuer, &s->body.subject);
}

static void the_highest_number_stays(void)
{
	struct statement_store *store = new_store(CAP);
	struct statement one = make(STATEMENT_REVOCATION, 0, 1, 5, 0);
	struct statement two = make(STATEMENT_REVOCATION, 0, 1, 6, 1);
	uint8_t hash[SIGNED_HASH];
	uint32_t slot, again;

	eq_int(find(store, &one), STATEMENT_NONE);
	eq_int(statement_store_put(store, &one, &slot), STATEMENT_NEW);
	eq_int(statement_store_put(store, &one, &again), STATEMENT_SAME);
	eq_int(again, slot);
	eq_int(statement_store_put(store, &two, &again), STATEMENT_NEW);
	eq_int(again, slot);
	eq_int(statement_store_put(store, &one, &again), STATEMENT_OLDER);
	eq_int(statement_store_count(store), 1);
	eq_int(find(store, &one), slot);
	eq_int(statement_store_at(store, slot)->body.number, 6);
	statement_hash(&two, hash);
	eq_mem(statement_store_hash(store, slot), hash, sizeof(hash));
	eq_int(statement_store_find_hash(store, hash), slot);
	statement_hash(&one, hash);
	eq_int(statement_store_find_hash(store, hash), STATEMENT_NONE);
}

static void kinds_issuers_and_subjects_are_apart(void)
{
	struct statement_store *store = new_store(CAP);
	struct statement all[] = {
		make(STATEMENT_REVOCATION, 0, 1, 1, 0), make(STATEMENT_REVOCATION, 0, 2, 1, 0),
		make(STATEMENT_REVOCATION, 3, 1, 1, 0), make(STATEMENT_VOUCH, 0, 1, 9, 0),
		make(STATEMENT_ALIAS, 0, 1, 1, 0),
	};
	uint32_t slot = STATEMENT_NONE, count = 0;

	for (size_t i = 0; i < 5; i++)
		eq_int(statement_store_put(store, &all[i], &slot), STATEMENT_NEW);
	for (size_t i = 0; i < 5; i++)
		eq_mem(statement_store_at(store, find(store, &all[i]))->wire, all[i].wire,
		       all[i].len);
	for (slot = STATEMENT_NONE;
	     (slot = statement_store_next(store, slot)) != STATEMENT_NONE; count++)
		;
	eq_int(count, 5);
	statement_store_remove(store, find(store, &all[2]));
	eq_int(find(store, &all[2]), STATEMENT_NONE);
	eq_int(statement_store_count(store), 4);
	ok(find(store, &all[0]) != STATEMENT_NONE);
}

static void equal_numbers_end_the_same_way_in_any_order(void)
{
	struct statement one = make(STATEMENT_ALIAS, 0, 1, 5, 0);
	struct statement two = make(STATEMENT_ALIAS, 0, 1, 5, 1);
	uint32_t slot;

	for (int order = 0; order < 2; order++) {
		struct statement_store *store = new_store(CAP);

		ok(statement_store_put(store, order ? &one : &two, &slot) == STATEMENT_NEW);
		eq_int(statement_store_put(store, order ? &two : &one, &slot),
		       order ? STATEMENT_NEW : STATEMENT_OLDER);
		eq_str(statement_store_at(store, slot)->body.name, "b");
	}
}

/* Vouches cannot keep a revocation out, and nothing pushes one out. */
static void revocations_always_have_half_the_room(void)
{
	struct statement_store *store = new_store(CAP);
	struct statement s;
	uint32_t slot;

	for (unsigned i = 0; i < CAP; i++) {
		s = make(i & 1 ? STATEMENT_VOUCH : STATEMENT_ALIAS, i / 4, 2 + i / 2 % 4, 1, i);
		eq_int(statement_store_put(store, &s, &slot),
		       i < CAP / 2 ? STATEMENT_NEW : STATEMENT_FULL);
	}
	eq_int(statement_store_count(store), CAP / 2);
	eq_int(statement_store_cap(store), CAP);
	for (unsigned i = 0; i < CAP; i++) {
		s = make(STATEMENT_REVOCATION, i / 4, 2 + i % 4, 1, 0);
		eq_int(statement_store_put(store, &s, &slot),
		       i < CAP / 2 ? STATEMENT_NEW : STATEMENT_FULL);
	}
	s = make(STATEMENT_REVOCATION, 0, 2, 2, 0); /* what is there can always be renewed */
	eq_int(statement_store_put(store, &s, &slot), STATEMENT_NEW);
	s = make(STATEMENT_ALIAS, 0, 2, 2, 0);
	eq_int(statement_store_put(store, &s, &slot), STATEMENT_NEW);
	s = make(STATEMENT_REVOCATION, 0, 2, 2, 0);
	statement_store_remove(store, find(store, &s));
	s = make(STATEMENT_VOUCH, 1, 5, 1, 0); /* a slot is free, but not for this */
	eq_int(statement_store_put(store, &s, &slot), STATEMENT_FULL);
	s = make(STATEMENT_REVOCATION, 1, 4, 1, 0);
	eq_int(statement_store_put(store, &s, &slot), STATEMENT_NEW);
}

static void two_successors_mean_none(void)
{
	struct statement_store *store = new_store(2 * CAP);
	struct statement one = make(STATEMENT_SUCCESSOR, 0, 1, 1, 0);
	struct statement two = make(STATEMENT_SUCCESSOR, 0, 2, 1, 0);
	struct statement three = make(STATEMENT_SUCCESSOR, 0, 3, 9, 0);
	struct statement renewed = make(STATEMENT_SUCCESSOR, 0, 1, 2, 7);
	struct statement others = make(STATEMENT_SUCCESSOR, 4, 5, 1, 0);
	uint32_t slot;
	bool disputed;

	eq_int(statement_store_successor(store, &keys[0], &disputed), STATEMENT_NONE);
	ok(!disputed);
	eq_int(statement_store_put(store, &others, &slot), STATEMENT_NEW);
	eq_int(statement_store_put(store, &one, &slot), STATEMENT_NEW);
	eq_int(statement_store_successor(store, &keys[0], &disputed), slot);
	ok(!disputed);
	eq_int(statement_store_put(store, &two, &slot), STATEMENT_NEW);
	ok(statement_store_successor(store, &keys[0], &disputed) != STATEMENT_NONE);
	ok(disputed);
	eq_int(statement_store_put(store, &three, &slot), STATEMENT_FULL);
	eq_int(statement_store_put(store, &renewed, &slot), STATEMENT_NEW);
	statement_store_remove(store, find(store, &two));
	eq_int(statement_store_successor(store, &keys[0], &disputed), find(store, &one));
	ok(!disputed);
	ok(statement_store_successor(store, &keys[4], &disputed) != STATEMENT_NONE && !disputed);
}

/* --- a naive twin: a list that is searched from end to end */

struct naive {
	struct statement list[CAP];
	unsigned count;
};

static bool same(const struct statement *a, const struct statement *b)
{
	return a->body.kind == b->body.kind && !memcmp(&a->body.issuer, &b->body.issuer, 32)
	    && !memcmp(&a->body.subject, &b->body.subject, 32);
}

static enum statement_put naive_put(struct naive *n, const struct statement *s)
{
	unsigned others = 0, successors = 0;
	bool revokes = s->body.kind == STATEMENT_REVOCATION;

	for (unsigned i = 0; i < n->count; i++) {
		struct statement *t = &n->list[i];

		if (same(t, s)) {
			if (t->body.number > s->body.number)
				return STATEMENT_OLDER;
			if (t->body.number == s->body.number) {
				int order = memcmp(s->wire, t->wire, s->len);

				if (order <= 0)
					return order ? STATEMENT_OLDER : STATEMENT_SAME;
			}
			*t = *s;
			return STATEMENT_NEW;
		}
		others += t->body.kind != STATEMENT_REVOCATION;
		successors += t->body.kind == STATEMENT_SUCCESSOR
			   && !memcmp(&t->body.issuer, &s->body.issuer, 32);
	}
	if (n->count == CAP || (!revokes && others == CAP / 2)
	    || (s->body.kind == STATEMENT_SUCCESSOR && successors == 2))
		return STATEMENT_FULL;
	n->list[n->count++] = *s;
	return STATEMENT_NEW;
}

static void a_naive_store_agrees(void)
{
	static struct statement pool[400];
	struct rng rng;

	rng_init(&rng, 3);
	for (unsigned i = 0; i < 400; i++) {
		unsigned issuer = (unsigned)rng_below(&rng, 3);

		pool[i] = make(1 + (unsigned)rng_below(&rng, 4), issuer,
			       3 + (unsigned)rng_below(&rng, 3), 1 + rng_below(&rng, 3),
			       (unsigned)rng_below(&rng, 3));
	}
	for (int round = 0; round < 200; round++) {
		struct statement_store *store = new_store(CAP);
		static struct naive naive;

		naive.count = 0;
		for (int step = 0; step < 100; step++) {
			const struct statement *s = &pool[rng_below(&rng, 400)];
			uint32_t slot;

			if (naive.count && rng_below(&rng, 8) == 0) {
				unsigned gone = (unsigned)rng_below(&rng, naive.count);

				slot = find(store, &naive.list[gone]);
				statement_store_remove(store, slot);
				naive.list[gone] = naive.list[--naive.count];
			}
			eq_int(statement_store_put(store, s, &slot), naive_put(&naive, s));
			eq_int(statement_store_count(store), naive.count);
		}
		for (unsigned i = 0; i < naive.count; i++) {
			uint32_t slot = find(store, &naive.list[i]);
			uint8_t hash[SIGNED_HASH];

			ok(slot != STATEMENT_NONE);
			eq_mem(statement_store_at(store, slot)->wire, naive.list[i].wire,
			       naive.list[i].len);
			statement_hash(&naive.list[i], hash);
			eq_int(statement_store_find_hash(store, hash), slot);
		}
	}
}

static void read_free_slot(void *arg)
{
	statement_store_at(arg, 0);
}

static void a_slot_that_is_free_is_a_bug(void)
{
	ok(dies(read_free_slot, new_store(CAP)));
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		T(the_highest_number_stays),
		T(kinds_issuers_and_subjects_are_apart),
		T(equal_numbers_end_the_same_way_in_any_order),
		T(revocations_always_have_half_the_room),
		T(two_successors_mean_none),
		T(a_naive_store_agrees),
		T(a_slot_that_is_free_is_a_bug),
	};

	test_crypto();
	for (unsigned i = 0; i < KEYS; i++) {
		const uint8_t seed[32] = { (uint8_t)(i + 1) };

		ed25519_from_seed(&keys[i], &secrets[i], seed);
	}
	return tap_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
