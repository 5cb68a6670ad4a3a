/* siphash.h - a short keyed hash for tables that are filled with what strangers choose.
 *
 * SipHash-1-3 of whole words (Aumasson, Bernstein; the variant of Linux's hash tables): who does
 * not know the key cannot choose things that meet in one place. Not a MAC. Where the keys of a
 * table are bytes and speed does not matter, crypto/hash.h has SipHash-2-4.
 */
#ifndef BASE_SIPHASH_H
#define BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

struct siphash_key {
	uint64_t a, b;
};

/* From 16 random bytes. */
struct siphash_key siphash_key(const uint8_t bytes[16]);

struct siphash_state {
	uint64_t a, b, c, d;
};

static inline uint64_t siphash_rotated(uint64_t x, unsigned by)
{
	return x << by | x >> (64 - by);
}

static inline void siphash_turn(struct siphash_state *v)
{
	v->a += v->b;
	v->b = siphash_rotated(v->b, 13) ^ v->a;
	v->a = siphash_rotated(v->a, 32);
	v->c += v->d;
	v->d = siphash_rotated(v->d, 16) ^ v->c;
	v->a += v->d;
	v->d = siphash_rotated(v->d, 21) ^ v->a;
	v->c += v->b;
	v->b = siphash_rotated(v->b, 17) ^ v->c;
	v->c = siphash_rotated(v->c, 32);
}

static inline void siphash_take(struct siphash_state *v, uint64_t word)
{
	v->d ^= word;
	siphash_turn(v);
	v->a ^= word;
}

/* Of the words, in order, as if each were written with its lowest byte first. Inline, for it is a
 * part of what each packet costs. */
static inline uint64_t siphash_of(struct siphash_key key, const uint64_t *words, size_t count)
{
	struct siphash_state v = {
		key.a ^ UINT64_C(0x736f6d6570736575), key.b ^ UINT64_C(0x646f72616e646f6d),
		key.a ^ UINT64_C(0x6c7967656e657261), key.b ^ UINT64_C(0x7465646279746573),
	};

	for (size_t i = 0; i < count; i++)
		siphash_take(&v, words[i]);
	siphash_take(&v, (uint64_t)(count * 8 & 255) << 56);
	v.c ^= 255;
	siphash_turn(&v);
	siphash_turn(&v);
	siphash_turn(&v);
	return v.a ^ v.b ^ v.c ^ v.d;
}

/* The same by the key's bytes. */
uint64_t siphash_words(const uint8_t key[16], const uint64_t *words, size_t count);

#endif
