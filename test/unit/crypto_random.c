#include "crypto/random.h"

#include "contexts.h"
#include "tap.h"

static const uint8_t seed[32] = { 1, 2, 3 };

static void test_repeats(void)
{
	struct random a, b;
	uint8_t x[100], y[100];

	test_crypto();
	random_init(&a, seed);
	random_init(&b, seed);
	random_bytes(&a, x, sizeof(x));
	random_bytes(&b, y, sizeof(y));
	eq_mem(x, y, sizeof(x));
	ok(random_u64(&a) == random_u64(&b) && random_u32(&a) == random_u32(&b));
	ok(random_u64(&a) != random_u64(&a));
}

/* Each draw replaces the key, and nothing given out is the key. */
static void test_key_erasure(void)
{
	struct random r;
	uint8_t before[32], out[96];

	test_crypto();
	random_init(&r, seed);
	ok(memcmp(r.key.b, seed, 32) != 0);
	for (size_t len = 1; len <= sizeof(out); len++) {
		memcpy(before, r.key.b, 32);
		random_bytes(&r, out, len);
		ok(memcmp(before, r.key.b, 32) != 0);
		for (size_t i = 0; i + 32 <= len; i++)
			ok(memcmp(out + i, r.key.b, 32) != 0 && memcmp(out + i, before, 32) != 0);
	}
	memcpy(before, r.key.b, 32);
	random_bytes(&r, NULL, 0);
	eq_mem(before, r.key.b, 32);
}

/* After a snapshot is restored, fresh entropy parts the streams; entropy adds to the state. */
static void test_mix(void)
{
	struct random a, b;
	uint8_t other[32] = { 9 };

	test_crypto();
	random_init(&a, seed);
	random_u64(&a);
	b = a;
	random_mix(&a, seed);
	random_mix(&b, other);
	ok(random_u64(&a) != random_u64(&b));
	random_mix(&a, other);
	random_mix(&b, other);
	ok(random_u64(&a) != random_u64(&b)); /* the older state still counts */
	random_init(&a, seed);
	random_init(&b, seed);
	random_mix(&a, other);
	random_mix(&b, other);
	ok(random_u64(&a) == random_u64(&b));
}

static void test_length(void)
{
	struct random r;
	uint8_t out[70];
	unsigned ones = 0;

	test_crypto();
	random_init(&r, seed);
	for (size_t len = 0; len < sizeof(out); len++) {
		memset(out, 0, sizeof(out));
		random_bytes(&r, out, len);
		ok(ct_is_zero(out + len, sizeof(out) - len));
		ok(len < 4 || !ct_is_zero(out + len - 4, 4));
	}
	for (int i = 0; i < 1000; i++)
		ones += (unsigned)__builtin_popcountll(random_u64(&r));
	ok(ones > 31400 && ones < 32600); /* about 5 sigma */
}

TAP_TESTS(T(test_repeats), T(test_key_erasure), T(test_mix), T(test_length))
