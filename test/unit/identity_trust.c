/* Who is admitted: slots, names, twins, reloads; and a naive twin that keeps a plain list. */
#include "tap.h"
#include "contexts.h"

#include "base/rng.h"
#include "base/text.h"
#include "crypto/curve.h"
#include "identity/address.h"
#include "identity/trust.h"

#include <sys/mman.h>
#include <unistd.h>

static const uint8_t hash_key[16] = { 1, 2, 3 };

static struct public_key key_number(uint32_t n)
{
	uint8_t seed[32] = { 7 };
	struct public_key pk;
	struct secret_key sk;

	store_be32(seed + 1, n);
	ed25519_from_seed(&pk, &sk, seed);
	return pk;
}

/* -P: the other point with the same y, and so with the same X25519 key. */
static struct public_key negated(struct public_key k)
{
	k.b[31] ^= 0x80;
	return k;
}

#define OWN 1000000u

static struct trust *new_trust(uint32_t members)
{
	struct public_key own = key_number(OWN);
	void *memory = calloc(1, trust_size(members));

	ok(memory);
	return trust_init(memory, members, hash_key, &own);
}

static uint32_t add(struct trust *t, uint32_t number, const char *name, enum trust_result want)
{
	struct public_key k = key_number(number);
	uint32_t slot = TRUST_NONE;

	eq_int(trust_add(t, &k, NULL, name, &slot), want);
	return slot;
}

static void a_key_is_found_by_key_name_and_twin(void)
{
	struct trust *t = new_trust(8);
	struct public_key k = key_number(1);
	struct dh_public dh;
	uint32_t alice, bob;

	trust_begin(t);
	alice = add(t, 1, "alice", TRUST_NEW);
	bob = add(t, 2, "bob", TRUST_NEW);
	eq_int(alice, 0);
	eq_int(bob, 1);
	eq_int(trust_stale(t, TRUST_NONE), TRUST_NONE);
	ok(ed25519_to_dh_public(&dh, &k));
	eq_int(trust_find(t, &k), alice);
	eq_int(trust_find_dh(t, &dh), alice);
	eq_int(trust_find_name(t, "alice"), alice);
	eq_int(trust_find_name(t, "bob"), bob);
	eq_int(trust_find_name(t, "Alice"), TRUST_NONE);
	eq_int(trust_find_name(t, ""), TRUST_NONE);
	k = key_number(3);
	eq_int(trust_find(t, &k), TRUST_NONE);
	eq_int(trust_count(t), 2);
	eq_str(trust_name(t, bob), "bob");
	eq_mem(trust_dh(t, alice), &dh, sizeof(dh));
	eq_int(trust_admission(t, alice), ADMIT_AUTHORIZED);
	eq_int(trust_admission(t, 2), ADMIT_NO);
	eq_int(trust_admission(t, TRUST_NONE), ADMIT_NO);
	eq_int(trust_next(t, TRUST_NONE), alice);
	eq_int(trust_next(t, alice), bob);
	eq_int(trust_next(t, bob), TRUST_NONE);
	free(t);
}

static void what_may_not_be_admitted_is_refused(void)
{
	struct trust *t = new_trust(8);
	struct public_key own = key_number(OWN), minus_own = negated(own), one = key_number(1);
	struct public_key minus_one = negated(one), bad = { { 2 } }, small = { { 1 } };
	struct dh_public a, b;
	uint32_t slot = 99;

	ok(ed25519_to_dh_public(&a, &one) && ed25519_to_dh_public(&b, &minus_one));
	eq_mem(&a, &b, sizeof(a)); /* the premise of TRUST_TWIN */
	trust_begin(t);
	eq_int(trust_add(t, &own, NULL, "me", &slot), TRUST_OWN_KEY);
	eq_int(trust_add(t, &minus_own, NULL, "minus-me", &slot), TRUST_TWIN);
	eq_int(trust_add(t, &bad, NULL, "bad", &slot), TRUST_INVALID);
	eq_int(trust_add(t, &small, NULL, "small", &slot), TRUST_INVALID);
	eq_int(slot, 99);
	eq_int(trust_count(t), 0);
	add(t, 1, "one", TRUST_NEW);
	eq_int(trust_add(t, &minus_one, NULL, "minus-one", &slot), TRUST_TWIN);
	eq_int(trust_find(t, &minus_one), TRUST_NONE);
	eq_int(trust_find_name(t, "minus-one"), TRUST_NONE);
	eq_int(trust_find(t, &own), TRUST_NONE);
	eq_int(trust_count(t), 1);

	/* In the next round -P comes first, but P still holds its slot; then P is gone. */
	trust_begin(t);
	eq_int(trust_add(t, &minus_one, NULL, "minus-one", &slot), TRUST_TWIN);
	slot = trust_stale(t, TRUST_NONE);
	eq_int(slot, 0);
	trust_remove(t, slot);
	eq_int(trust_add(t, &minus_one, &a, "minus-one", &slot), TRUST_NEW);
	eq_int(trust_find_dh(t, &a), slot);
	free(t);
}

static void of_two_names_for_one_key_the_first_counts(void)
{
	struct trust *t = new_trust(8);
	uint32_t slot;

	trust_begin(t);
	slot = add(t, 1, "alice", TRUST_NEW);
	eq_int(add(t, 1, "alice-again", TRUST_SAME), slot);
	eq_str(trust_name(t, slot), "alice");
	eq_int(trust_find_name(t, "alice-again"), TRUST_NONE);
	eq_int(trust_count(t), 1);
	/* without the first file the second one counts, and the slot stays */
	trust_begin(t);
	eq_int(add(t, 1, "alice-again", TRUST_SAME), slot);
	eq_str(trust_name(t, slot), "alice-again");
	eq_int(trust_find_name(t, "alice"), TRUST_NONE);
	eq_int(trust_find_name(t, "alice-again"), slot);
	free(t);
}

static void of_two_keys_with_one_name_the_first_is_found(void)
{
	struct trust *t = new_trust(8);
	uint32_t first, second;

	trust_begin(t);
	first = add(t, 1, "x", TRUST_NEW);
	second = add(t, 2, "x", TRUST_NEW);
	eq_int(trust_find_name(t, "x"), first);
	eq_str(trust_name(t, second), "x");
	trust_remove(t, first);
	eq_int(trust_find_name(t, "x"), TRUST_NONE);
	trust_begin(t);
	eq_int(add(t, 2, "x", TRUST_SAME), second);
	eq_int(trust_find_name(t, "x"), second);
	trust_remove(t, second);
	eq_int(trust_find_name(t, "x"), TRUST_NONE);
	free(t);
}

static void names_may_be_swapped_in_a_reload(void)
{
	struct trust *t = new_trust(8);
	uint32_t one, two;

	trust_begin(t);
	one = add(t, 1, "a", TRUST_NEW);
	two = add(t, 2, "b", TRUST_NEW);
	trust_begin(t);
	eq_int(add(t, 2, "a", TRUST_SAME), two);
	eq_int(trust_find_name(t, "a"), two);
	eq_int(add(t, 1, "b", TRUST_SAME), one);
	eq_int(trust_find_name(t, "a"), two);
	eq_int(trust_find_name(t, "b"), one);
	eq_int(trust_stale(t, TRUST_NONE), TRUST_NONE);
	/* a new key takes the name of one that goes */
	trust_begin(t);
	add(t, 3, "b", TRUST_NEW);
	eq_int(trust_stale(t, TRUST_NONE), one);
	eq_str(trust_name(t, one), "b"); /* for the message that it is gone */
	trust_remove(t, one);
	eq_int(trust_stale(t, TRUST_NONE), two);
	trust_remove(t, two);
	eq_int(trust_count(t), 1);
	eq_int(trust_find_name(t, "b"), 2);
	eq_int(trust_find_name(t, "a"), TRUST_NONE);
	free(t);
}

static void the_table_ends_at_its_limit(void)
{
	struct trust *t = new_trust(3);
	uint32_t freed;

	trust_begin(t);
	for (uint32_t i = 0; i < 3; i++)
		eq_int(add(t, i, (char[]){ (char)('a' + i), 0 }, TRUST_NEW), i);
	add(t, 3, "d", TRUST_FULL);
	eq_int(add(t, 1, "b", TRUST_SAME), 1);
	trust_begin(t);
	add(t, 0, "a", TRUST_SAME);
	add(t, 3, "d", TRUST_FULL);
	add(t, 2, "c", TRUST_SAME);
	freed = trust_stale(t, TRUST_NONE);
	eq_int(freed, 1);
	trust_remove(t, freed);
	eq_int(trust_next(t, 0), 2);
	eq_int(add(t, 3, "d", TRUST_NEW), 1);
	eq_int(trust_find_name(t, "d"), 1);
	free(t);
}

/* Naive twin: for each round the list of (key, name), first come first served. */
#define KEYS 24u
#define NAMES 30u
#define CAP 20u

struct twin { bool in, given; unsigned name; };

static bool name_is_taken(const struct twin *twin, unsigned name)
{
	for (unsigned k = 0; k < KEYS; k++)
		if (twin[k].given && twin[k].name == name)
			return true;
	return false;
}

static void check_twin(const struct trust *t, const struct twin *twin, const uint32_t *slot)
{
	uint32_t count = 0;

	for (uint32_t k = 0; k < KEYS; k++) {
		struct public_key key = key_number(k);
		char name[8];

		snprintf(name, sizeof(name), "n%u", twin[k].name);
		eq_int(trust_find(t, &key), twin[k].in ? slot[k] : TRUST_NONE);
		if (twin[k].in) {
			eq_str(trust_name(t, slot[k]), name);
			eq_int(trust_find_name(t, name), slot[k]);
			eq_mem(trust_key(t, slot[k]), &key, sizeof(key));
		}
		count += twin[k].in;
	}
	eq_int(trust_count(t), count);
	for (uint32_t s = trust_next(t, TRUST_NONE); s != TRUST_NONE; s = trust_next(t, s))
		count--;
	eq_int(count, 0);
}

static void random_reloads_agree_with_the_twin(void)
{
	struct trust *t = new_trust(CAP);
	struct twin twin[KEYS] = { { 0 } };
	uint32_t slot[KEYS] = { 0 };
	struct rng r;

	rng_init(&r, 42);
	for (int round = 0; round < 300 && !tap_bad; round++) {
		uint32_t live = trust_count(t);

		trust_begin(t);
		for (unsigned k = 0; k < KEYS; k++)
			twin[k].given = false;
		for (int i = 0; i < 30; i++) {
			uint32_t k = (uint32_t)rng_below(&r, KEYS);
			unsigned n = (unsigned)rng_below(&r, NAMES);
			char name[8];

			if (!twin[k].given && name_is_taken(twin, n))
				continue; /* no two files of one name */
			snprintf(name, sizeof(name), "n%u", n);
			if (twin[k].in) {
				eq_int(add(t, k, name, TRUST_SAME), slot[k]);
			} else if (live == CAP) {
				add(t, k, name, TRUST_FULL);
				continue;
			} else {
				slot[k] = add(t, k, name, TRUST_NEW);
				live++;
			}
			if (!twin[k].given)
				twin[k] = (struct twin){ true, true, n };
		}
		for (uint32_t s = trust_stale(t, TRUST_NONE); s != TRUST_NONE;
		     s = trust_stale(t, s))
			trust_remove(t, s);
		for (unsigned k = 0; k < KEYS; k++)
			twin[k].in = twin[k].given;
		check_twin(t, twin, slot);
	}
	free(t);
}

static void pages_are_touched_only_as_far_as_used(void)
{
	size_t size = trust_size(MAX_MEMBERS), page = (size_t)sysconf(_SC_PAGESIZE);
	size_t pages = (size + page - 1) / page, touched = 0;
	uint8_t *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned char *resident = calloc(pages, 1);
	struct public_key own = key_number(OWN);
	struct trust *t = trust_init(memory, MAX_MEMBERS, hash_key, &own);

	trust_begin(t);
	add(t, 1, "a", TRUST_NEW);
	add(t, 2, "b", TRUST_NEW);
	add(t, 3, "c", TRUST_NEW);
	eq_int(trust_stale(t, TRUST_NONE), TRUST_NONE);
	eq_int(mincore(memory, size, resident), 0);
	for (size_t i = 0; i < pages; i++)
		touched += resident[i] & 1;
	/* the head, the pool, the peers, and a page of each map for each of the three keys */
	if (touched > 16)
		TAP_FAIL("%zu of %zu pages touched", touched, pages);
	free(resident);
	munmap(memory, size);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		T(a_key_is_found_by_key_name_and_twin),
		T(what_may_not_be_admitted_is_refused),
		T(of_two_names_for_one_key_the_first_counts),
		T(of_two_keys_with_one_name_the_first_is_found),
		T(names_may_be_swapped_in_a_reload),
		T(the_table_ends_at_its_limit),
		T(random_reloads_agree_with_the_twin),
		T(pages_are_touched_only_as_far_as_used),
	};

	test_crypto();
	return tap_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
