#include "base/pool.h"

#include "base/rng.h"
#include "dies.h"
#include "tap.h"

#define CAP 37u

static void test_race(void)
{
	uint32_t memory[CAP] = { 0 };
	bool used[CAP] = { false };
	uint32_t count = 0, highest = 0;
	struct pool p;
	struct rng rng;

	eq_int(pool_size(CAP), sizeof(memory));
	pool_init(&p, memory, CAP);
	rng_init(&rng, 3);
	for (int step = 0; step < 20000; step++) {
		/* Phases that fill and phases that drain. */
		if (rng_below(&rng, 100) < (step / 200 % 2 ? 30u : 70u)) {
			uint32_t slot = pool_get(&p);

			if (count == CAP) {
				ok(slot == POOL_NONE);
				continue;
			}
			ok(slot < CAP && !used[slot]);
			ok(slot <= highest); /* no fresh slot before its turn */
			if (slot == highest)
				highest++;
			if (tap_bad)
				return;
			used[slot] = true;
			count++;
		} else {
			uint32_t slot = (uint32_t)rng_below(&rng, CAP);

			if (used[slot]) {
				pool_put(&p, slot);
				used[slot] = false;
				count--;
			}
		}
		eq_int(p.count, count);
		for (uint32_t i = 0; i < CAP; i++)
			ok(pool_used(&p, i) == used[i]);
	}
	ok(highest == CAP && !pool_used(&p, CAP) && !pool_used(&p, POOL_NONE));
}

/* Unused slots' memory is not touched: it stays what it was, even if that is no link. */
static void test_untouched(void)
{
	uint32_t memory[4];
	struct pool p;

	memset(memory, 0xff, sizeof(memory));
	memory[3] = UINT32_MAX - 1; /* as if in use */
	pool_init(&p, memory, 4);
	for (uint32_t i = 0; i < 3; i++)
		eq_int(pool_get(&p), i);
	ok(!pool_used(&p, 3));
	eq_int(memory[3], UINT32_MAX - 1);
	pool_put(&p, 1);
	eq_int(pool_get(&p), 1);
	eq_int(pool_get(&p), 3);
	ok(pool_get(&p) == POOL_NONE);
}

static void put_twice(void *arg)
{
	uint32_t memory[4] = { 0 };
	struct pool p;

	pool_init(&p, memory, 4);
	pool_get(&p);
	pool_put(&p, 0);
	pool_put(&p, *(uint32_t *)arg);
}

static void test_misuse(void)
{
	ok(dies(put_twice, &(uint32_t){ 0 }));
	ok(dies(put_twice, &(uint32_t){ 1 }));
	ok(dies(put_twice, &(uint32_t){ 4 }));
}

static void test_empty(void)
{
	struct pool p;

	pool_init(&p, NULL, 0);
	ok(pool_get(&p) == POOL_NONE && !pool_used(&p, 0));
}

TAP_TESTS(T(test_race), T(test_untouched), T(test_misuse), T(test_empty))
