#include "base/map.h"

#include "base/rng.h"
#include "dies.h"
#include "tap.h"

/* The owner's things: slot i holds a key; the map only sees a hash of it. */
struct things {
	uint64_t key[64];
	uint64_t wanted;
	unsigned kind;   /* of the hash */
};

/* Few hashes, so that runs collide, share a hash, and wrap around the end. */
static uint64_t weak_hash(uint64_t key, unsigned kind)
{
	switch (kind) {
	case 0: return key % 5;
	case 1: return key << 60;
	case 2: return 7;
	default: return key * 0x9e3779b97f4a7c15u;
	}
}


static bool same(const void *ctx, uint32_t slot)
{
	const struct things *t = ctx;

	ok(weak_hash(t->key[slot], t->kind) == weak_hash(t->wanted, t->kind)); /* asked then only */
	return t->key[slot] == t->wanted;
}

static void race(uint64_t seed, uint32_t cap, unsigned kind)
{
	static uint64_t memory[4096];
	struct things t = { .kind = kind };
	bool used[64] = { false };
	struct map m;
	struct rng rng;
	uint32_t count = 0;

	memset(memory, 0, sizeof(memory));
	ok(map_size(cap) <= sizeof(memory));
	map_init(&m, memory, cap);
	rng_init(&rng, seed);
	for (int step = 0; step < 4000; step++) {
		uint32_t slot = (uint32_t)rng_below(&rng, 64), twin = MAP_NONE;

		t.wanted = rng_below(&rng, 100);
		for (uint32_t i = 0; i < 64; i++)
			if (used[i] && t.key[i] == t.wanted)
				twin = i;
		eq_int(map_find(&m, weak_hash(t.wanted, kind), same, &t), twin);
		if (used[slot]) {
			ok(map_remove(&m, weak_hash(t.key[slot], kind), slot));
			ok(!map_remove(&m, weak_hash(t.key[slot], kind), slot));
			used[slot] = false;
			count--;
		} else if (twin == MAP_NONE) {
			bool fits = map_add(&m, weak_hash(t.wanted, kind), slot);

			ok(fits == (count < cap));
			used[slot] = fits;
			t.key[slot] = t.wanted;
			count += fits;
		}
		eq_int(m.count, count);
		if (tap_bad)
			return;
	}
}

static void test_race(void)
{
	static const uint32_t caps[] = { 1, 2, 3, 8, 31, 64 };

	for (uint64_t seed = 0; seed < 5; seed++)
		for (size_t c = 0; c < sizeof(caps) / sizeof(*caps); c++)
			for (unsigned kind = 0; kind < 4; kind++)
				race(seed, caps[c], kind);
}

static void test_sizes(void)
{
	uint64_t memory[8] = { 0 };
	struct map m;

	/* At most half of the cells are used, and a map for nothing is always full. */
	for (uint32_t cap = 0; cap < 3000; cap++) {
		map_init(&m, NULL, cap);
		ok(map_size(cap) >= 2 * 16 * (size_t)cap && (m.mask & (m.mask + 1)) == 0);
	}
	ok(map_size(0) <= sizeof(memory));
	map_init(&m, memory, 0);
	ok(!map_add(&m, 1, 1) && map_find(&m, 1, same, NULL) == MAP_NONE && !map_remove(&m, 1, 1));
	ok(map_size(UINT32_C(1) << 30) == ((size_t)16 << 32) - 16 * 16);
}

static bool is_same(const void *ctx, uint32_t slot)
{
	return *(const uint32_t *)ctx == slot;
}

/* A map for many that holds few touches little; a full one holds all and stays in its memory. */
static void test_growth(void)
{
	const uint32_t cap = 5000;
	size_t size = map_size(cap);
	uint8_t *memory = calloc(1, size + 64);
	struct map m;

	map_init(&m, memory, cap);
	for (uint32_t i = 0; i < cap; i++) {
		ok(map_add(&m, i * UINT64_C(0x123456789abcd), i));
		ok(2 * m.count <= m.mask + UINT64_C(1));
		for (size_t at = 512 * 16; i == 100 && at < size; at++)
			ok(!memory[at]);
	}
	ok(!map_add(&m, 1, cap));
	for (uint32_t i = 0; i < cap; i++)
		eq_int(map_find(&m, i * UINT64_C(0x123456789abcd), is_same, &i), i);
	for (size_t at = size; at < size + 64; at++)
		ok(!memory[at]);
	for (uint32_t i = 0; i < cap; i++)
		ok(map_remove(&m, i * UINT64_C(0x123456789abcd), i));
	eq_int(m.count, 0);
	free(memory);
}

static void too_big(void *arg)
{
	map_size(*(uint32_t *)arg);
}

static void add_twice(void *arg)
{
	uint64_t memory[64] = { 0 };
	struct map m;

	map_init(&m, memory, 4);
	map_add(&m, 9, 1);
	map_add(&m, 9, *(uint32_t *)arg);
}

static void test_misuse(void)
{
	ok(dies(too_big, &(uint32_t){ (UINT32_C(1) << 30) + 1 }));
	ok(!dies(add_twice, &(uint32_t){ 2 }));
	ok(dies(add_twice, &(uint32_t){ 1 }));
	ok(dies(add_twice, &(uint32_t){ MAP_NONE }));
}

TAP_TESTS(T(test_race), T(test_sizes), T(test_growth), T(test_misuse))
