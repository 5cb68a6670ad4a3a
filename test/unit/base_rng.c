#include "base/rng.h"

#include "dies.h"
#include "tap.h"

/* Published first outputs of xoshiro256** from the state 1, 2, 3, 4, and of splitmix64
 * from zero. */
static void test_vectors(void)
{
	static const uint64_t want[] = { 11520u, 0u, 1509978240u, 1215971899390074240u,
					 1216172134540287360u, 607988272756665600u,
					 16172922978634559625u, 8476171486693032832u };
	static const uint64_t seeded[] = { 0xe220a8397b1dcdafu, 0x6e789e6aa1b965f4u,
					   0x06c45d188009454fu, 0xf88bb8a8724c81ecu };
	struct rng r = { { 1, 2, 3, 4 } };

	for (size_t i = 0; i < sizeof(want) / sizeof(*want); i++)
		ok(rng_u64(&r) == want[i]);
	rng_init(&r, 0);
	eq_mem(r.s, seeded, sizeof(seeded));
}

static void test_below(void)
{
	struct rng r;
	uint64_t most = UINT64_C(3) << 62; /* three quarters of all numbers */
	unsigned count[7] = { 0 }, low = 0;

	rng_init(&r, 1);
	for (int i = 0; i < 70000; i++)
		count[rng_below(&r, 7)]++;
	for (int i = 0; i < 7; i++)
		ok(count[i] > 9500 && count[i] < 10500);
	for (int i = 0; i < 1000; i++) {
		uint64_t v = rng_below(&r, most);

		ok(v < most && rng_below(&r, 1) == 0);
		low += v < most / 3;
	}
	ok(low > 260 && low < 410); /* a plain remainder would give 500 */
}

static void below_nothing(void *arg)
{
	rng_below(arg, 0);
}

static void test_below_nothing(void)
{
	struct rng r;

	rng_init(&r, 1);
	ok(dies(below_nothing, &r));
}

TAP_TESTS(T(test_vectors), T(test_below), T(test_below_nothing))
