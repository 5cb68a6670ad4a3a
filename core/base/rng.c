/* xoshiro256** (Blackman, Vigna), seeded by splitmix64 as its authors advise: the
 * state is then never all zero, and near seeds give far streams. */
#include "base/rng.h"
#include "base/bug.h"

static uint64_t rotl(uint64_t v, unsigned by)
{
	return v << by | v >> (64 - by);
}

void rng_init(struct rng *r, uint64_t seed)
{
	for (unsigned i = 0; i < 4; i++) {
		uint64_t z = seed += 0x9e3779b97f4a7c15u;

		z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
		z = (z ^ z >> 27) * 0x94d049bb133111ebu;
		r->s[i] = z ^ z >> 31;
	}
}

uint64_t rng_u64(struct rng *r)
{
	uint64_t *s = r->s;
	uint64_t out = rotl(s[1] * 5, 7) * 9, t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotl(s[3], 45);
	return out;
}

uint64_t rng_below(struct rng *r, uint64_t below)
{
	uint64_t v, skip;

	BUG_ON(below == 0);
	skip = -below % below; /* 2^64 mod below: so many values would be drawn once too often */
	do
		v = rng_u64(r);
	while (v < skip);
	return v % below;
}
