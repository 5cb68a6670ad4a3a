#include "base/siphash.h"

#include "base/bytes.h"

struct sip {
	uint64_t a, b, c, d;
};

static inline uint64_t rotated(uint64_t x, unsigned by)
{
	return x << by | x >> (64 - by);
}

static inline void turn(struct sip *v)
{
	v->a += v->b;
	v->b = rotated(v->b, 13) ^ v->a;
	v->a = rotated(v->a, 32);
	v->c += v->d;
	v->d = rotated(v->d, 16) ^ v->c;
	v->a += v->d;
	v->d = rotated(v->d, 21) ^ v->a;
	v->c += v->b;
	v->b = rotated(v->b, 17) ^ v->c;
	v->c = rotated(v->c, 32);
}

static inline void take(struct sip *v, uint64_t word)
{
	v->d ^= word;
	turn(v);
	v->a ^= word;
}

uint64_t siphash_words(const uint8_t key[16], const uint64_t *words, size_t count)
{
	uint64_t k0 = load_le64(key), k1 = load_le64(key + 8);
	struct sip v = {
		k0 ^ UINT64_C(0x736f6d6570736575), k1 ^ UINT64_C(0x646f72616e646f6d),
		k0 ^ UINT64_C(0x6c7967656e657261), k1 ^ UINT64_C(0x7465646279746573),
	};

	for (size_t i = 0; i < count; i++)
		take(&v, words[i]);
	take(&v, (uint64_t)(count * 8 & 255) << 56);
	v.c ^= 255;
	turn(&v);
	turn(&v);
	turn(&v);
	return v.a ^ v.b ^ v.c ^ v.d;
}
