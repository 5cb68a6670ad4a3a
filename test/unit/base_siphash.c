/* SipHash-1-3 of words: values of CPython 3.11, whose hash of bytes it is, and of the reference's
 * key. */
#include "base/siphash.h"

#include "tap.h"

static void the_values_are_those_of_others(void)
{
	static const struct {
		bool counted_key; /* 00 01 .. 0f, else zero */
		size_t count;
		uint64_t want;
	} rows[] = {
		{ false, 1, UINT64_C(0xead411e67ebe2eea) },
		{ false, 2, UINT64_C(0x8972188433a5c5b7) },
		{ false, 6, UINT64_C(0xfe1f2445ba50237f) },
		{ true, 0, UINT64_C(0xabac0158050fc4dc) },
		{ true, 1, UINT64_C(0x369095118d299a8e) },
		{ true, 2, UINT64_C(0xcc4fdd1a7d908b66) },
		{ true, 6, UINT64_C(0x9f3143f8df074c46) },
	};
	uint64_t words[6];
	uint8_t key[16];

	for (uint64_t i = 0; i < 6; i++)
		words[i] = UINT64_C(0x0706050403020100) + i * UINT64_C(0x0808080808080808);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		for (uint8_t k = 0; k < 16; k++)
			key[k] = rows[i].counted_key ? k : 0;
		ok(siphash_words(key, words, rows[i].count) == rows[i].want);
	}
}

TAP_TESTS(T(the_values_are_those_of_others))
