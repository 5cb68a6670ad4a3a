#include "base/heap.h"

#include "base/rng.h"
#include "dies.h"
#include "tap.h"

#define CAP 50u

static struct instant at(uint64_t ns)
{
	return (struct instant){ ns };
}

static void test_race(void)
{
	for (uint64_t seed = 0; seed < 8; seed++) {
		static uint64_t memory[CAP * 2];
		uint64_t when[CAP];
		struct heap h;
		struct rng rng;

		ok(heap_size(CAP) <= sizeof(memory));
		memset(memory, 0, sizeof(memory));
		memset(when, 0xff, sizeof(when));
		heap_init(&h, memory, CAP);
		rng_init(&rng, seed);
		for (uint64_t step = 0; step < 5000 && !tap_bad; step++) {
			uint32_t slot = (uint32_t)rng_below(&rng, CAP), count = 0;
			uint64_t first = UINT64_MAX, now = rng_below(&rng, 60);
			uint64_t what = rng_below(&rng, 4);

			if (what < 2) { /* few values, so that many are equal */
				when[slot] = now + rng_below(&rng, seed < 4 ? 20 : 100000);
				heap_set(&h, slot, at(when[slot]));
			} else if (what == 2) {
				when[slot] = UINT64_MAX;
				heap_set(&h, slot, INSTANT_NEVER);
			}
			for (uint32_t i = 0; i < CAP; i++) {
				first = when[i] < first ? when[i] : first;
				count += when[i] != UINT64_MAX;
				ok(heap_when(&h, i).ns == when[i]);
			}
			ok(heap_first(&h).ns == first);
			eq_int(h.count, count);
			if (what == 3) {
				slot = heap_pop(&h, at(now));
				ok((slot == HEAP_NONE) == (first > now || !count));
				if (slot != HEAP_NONE) {
					ok(slot < CAP && when[slot] == first);
					when[slot] = UINT64_MAX;
				}
			}
		}
	}
}

static void test_boundaries(void)
{
	uint64_t memory[8] = { 0 };
	struct heap h;

	heap_init(&h, memory, 4);
	ok(heap_first(&h).ns == UINT64_MAX && heap_pop(&h, INSTANT_NEVER) == HEAP_NONE);
	heap_set(&h, 3, INSTANT_NEVER); /* absent: nothing to remove */
	eq_int(h.count, 0);
	heap_set(&h, 3, at(10));
	ok(heap_pop(&h, at(9)) == HEAP_NONE);
	eq_int(heap_pop(&h, at(10)), 3);
	heap_set(&h, 0, at(0));
	heap_set(&h, 1, at(UINT64_MAX - 1));
	eq_int(heap_pop(&h, at(0)), 0);
	ok(heap_first(&h).ns == UINT64_MAX - 1);
	heap_set(&h, 1, at(5));
	heap_set(&h, 1, at(5));
	eq_int(h.count, 1);
}

static void set_outside(void *arg)
{
	uint64_t memory[8] = { 0 };
	struct heap h;

	heap_init(&h, memory, 4);
	heap_set(&h, *(uint32_t *)arg, at(1));
}

static void test_misuse(void)
{
	ok(!dies(set_outside, &(uint32_t){ 3 }));
	ok(dies(set_outside, &(uint32_t){ 4 }));
}

TAP_TESTS(T(test_race), T(test_boundaries), T(test_misuse))
