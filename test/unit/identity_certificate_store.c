/* The store of certificates: which one stays, what fits, and a naive twin that agrees. */
#include "tap.h"
#include "contexts.h"
#include "dies.h"

#include "base/rng.h"
#include "crypto/curve.h"
#include "identity/certificate_store.h"

#define KEYS 6u
#define CAP 5u

static struct public_key keys[KEYS];
static struct secret_key secrets[KEYS];

static struct certificate_store *new_store(uint32_t cap)
{
	static const uint8_t hash_key[16] = { 7 };
	static void *memory;

	free(memory);
	memory = calloc(1, certificate_store_size(cap));
	return certificate_store_init(memory, cap, hash_key);
}

static struct certificate make(unsigned org, unsigned node, uint64_t begins, uint64_t ends,
			       const char *name)
{
	struct certificate_body b = { .org = keys[org], .node = keys[node], .not_before = begins,
				      .expires = ends };
	struct certificate c;

	snprintf(b.name, sizeof(b.name), "%s", name);
	ok(certificate_sign(&b, &secrets[org], &c));
	return c;
}

static uint32_t find(const struct certificate_store *store, const struct certificate *c)
{
	return certificate_store_find(store, &c->body.org, &c->body.node);
}

/* Each counts more than the one before it, whatever is said after the first difference. */
static void the_newest_stays_in_any_order(void)
{
	const struct certificate rising[] = {
		make(0, 1, 5, 900, "zzzz"), make(0, 1, 6, 10, "z"), make(0, 1, 6, 11, "a"),
		make(0, 1, 6, 11, "b"), make(0, 1, 6, 11, "aa"), /* the length comes first */
	};
	uint8_t hash[SIGNED_HASH];
	uint32_t slot, again;

	for (unsigned i = 0; i < 5; i++)
		for (unsigned j = 0; j < 5; j++) {
			struct certificate_store *store = new_store(1);
			const struct certificate *newest = &rising[i > j ? i : j];
			const struct certificate *other = &rising[i > j ? j : i];

			eq_int(find(store, newest), CERTIFICATE_NONE);
			eq_int(certificate_store_put(store, &rising[i], &slot), CERTIFICATE_NEW);
			eq_int(certificate_store_put(store, &rising[j], &again),
			       j > i ? CERTIFICATE_NEW
			       : j < i ? CERTIFICATE_OLDER : CERTIFICATE_SAME);
			eq_int(again, slot);
			eq_int(certificate_store_count(store), 1);
			eq_int(find(store, newest), slot);
			eq_mem(certificate_store_at(store, slot)->wire, newest->wire, newest->len);
			certificate_hash(newest, hash);
			eq_mem(certificate_store_hash(store, slot), hash, sizeof(hash));
			eq_int(certificate_store_find_hash(store, hash), slot);
			certificate_hash(other, hash);
			eq_int(certificate_store_find_hash(store, hash),
			       i == j ? slot : CERTIFICATE_NONE);
		}
}

static void a_full_store_refuses_and_renews(void)
{
	struct certificate_store *store = new_store(2);
	struct certificate one = make(0, 1, 5, 9, "a"), two = make(0, 2, 5, 9, "a");
	struct certificate three = make(3, 1, 5, 9, "a"), renewed = make(0, 1, 6, 9, "a");
	uint32_t slot = 77, seen = 0;

	eq_int(certificate_store_put(store, &one, &slot), CERTIFICATE_NEW);
	eq_int(certificate_store_put(store, &two, &slot), CERTIFICATE_NEW);
	slot = 77;
	eq_int(certificate_store_put(store, &three, &slot), CERTIFICATE_FULL);
	eq_int(slot, 77);
	eq_int(certificate_store_cap(store), 2);
	eq_int(certificate_store_put(store, &renewed, &slot), CERTIFICATE_NEW);
	certificate_store_remove(store, find(store, &two));
	eq_int(find(store, &two), CERTIFICATE_NONE);
	eq_int(certificate_store_put(store, &three, &slot), CERTIFICATE_NEW);
	eq_int(certificate_store_count(store), 2);
	for (slot = CERTIFICATE_NONE;
	     (slot = certificate_store_next(store, slot)) != CERTIFICATE_NONE; seen++)
		ok(slot == find(store, &renewed) || slot == find(store, &three));
	eq_int(seen, 2);
}

/* --- a naive twin: a list that is searched from end to end */

struct naive {
	struct certificate list[CAP];
	unsigned count;
};

static bool is_newer(const struct certificate *a, const struct certificate *b)
{
	if (a->body.not_before != b->body.not_before)
		return a->body.not_before > b->body.not_before;
	if (a->body.expires != b->body.expires)
		return a->body.expires > b->body.expires;
	return memcmp(a->wire, b->wire, sizeof(a->wire)) > 0;
}

static enum certificate_put naive_put(struct naive *n, const struct certificate *c)
{
	for (unsigned i = 0; i < n->count; i++) {
		struct certificate *there = &n->list[i];

		if (memcmp(&there->body.org, &c->body.org, 32)
		    || memcmp(&there->body.node, &c->body.node, 32))
			continue;
		if (is_newer(c, there)) {
			*there = *c;
			return CERTIFICATE_NEW;
		}
		return is_newer(there, c) ? CERTIFICATE_OLDER : CERTIFICATE_SAME;
	}
	if (n->count == CAP)
		return CERTIFICATE_FULL;
	n->list[n->count++] = *c;
	return CERTIFICATE_NEW;
}

static void a_naive_store_agrees(void)
{
	static struct certificate pool[300];
	static const char *const names[] = { "a", "b", "cc" };
	struct rng rng;

	rng_init(&rng, 3);
	for (unsigned i = 0; i < 300; i++)
		pool[i] = make((unsigned)rng_below(&rng, 3), 3 + (unsigned)rng_below(&rng, 3),
			       1 + rng_below(&rng, 3), 10 + rng_below(&rng, 3),
			       names[rng_below(&rng, 3)]);
	for (int round = 0; round < 200; round++) {
		struct certificate_store *store = new_store(CAP);
		static struct naive naive;

		naive.count = 0;
		for (int step = 0; step < 100; step++) {
			const struct certificate *c = &pool[rng_below(&rng, 300)];
			uint32_t slot;

			if (naive.count && rng_below(&rng, 8) == 0) {
				unsigned gone = (unsigned)rng_below(&rng, naive.count);

				certificate_store_remove(store, find(store, &naive.list[gone]));
				naive.list[gone] = naive.list[--naive.count];
			}
			eq_int(certificate_store_put(store, c, &slot), naive_put(&naive, c));
			eq_int(certificate_store_count(store), naive.count);
		}
		for (unsigned i = 0; i < naive.count; i++) {
			uint32_t slot = find(store, &naive.list[i]);
			uint8_t hash[SIGNED_HASH];

			ok(slot != CERTIFICATE_NONE);
			eq_mem(certificate_store_at(store, slot)->wire, naive.list[i].wire,
			       naive.list[i].len);
			certificate_hash(&naive.list[i], hash);
			eq_int(certificate_store_find_hash(store, hash), slot);
		}
	}
}

static void read_free_slot(void *arg)
{
	certificate_store_at(arg, 0);
}

static void a_slot_that_is_free_is_a_bug(void)
{
	ok(dies(read_free_slot, new_store(CAP)));
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		T(the_newest_stays_in_any_order),
		T(a_full_store_refuses_and_renews),
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
