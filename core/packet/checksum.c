/* checksum.c - sums in the machine's own byte order, eight bytes at a time.
 *
 * A one's complement sum of swapped words is the swapped sum (RFC 1071, 2.B), and a sum of
 * 32-bit words folds to that of their halves, so only the result is put in order. The same holds
 * for words of 64 bits with their carry.
 */
#include "packet/checksum.h"

#include "base/bug.h"

#include <string.h>

static uint32_t fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint32_t)sum;
}

static inline uint64_t add(uint64_t a, uint64_t b)
{
	a += b;
	return a + (a < b);
}

static inline uint64_t word_at(const uint8_t *at)
{
	uint64_t w;

	memcpy(&w, at, sizeof(w));
	return w;
}

uint32_t checksum_add(uint32_t sum, const void *data, size_t len)
{
	const uint8_t *at = data;
	uint64_t words = 0, more[3] = { 0 }, word;
	uint16_t own;

	/* Four sums side by side: one alone would wait for its own carry. */
	for (; len >= 32; at += 32, len -= 32) {
		words = add(words, word_at(at));
		more[0] = add(more[0], word_at(at + 8));
		more[1] = add(more[1], word_at(at + 16));
		more[2] = add(more[2], word_at(at + 24));
	}
	words = add(add(words, more[0]), add(more[1], more[2]));
	for (; len >= sizeof(word); at += sizeof(word), len -= sizeof(word))
		words = add(words, word_at(at));
	if (len) {
		word = 0;
		memcpy(&word, at, len);
		words = add(words, word);
	}
	own = (uint16_t)fold(words);
	return fold((uint64_t)sum + load_be16(&own));
}

uint32_t checksum_pseudo(const struct ip *src, const struct ip *dst, uint8_t protocol,
			 uint32_t len)
{
	size_t size = ip_bits(src) / 8;
	uint32_t sum;

	BUG_ON(src->family != dst->family);
	sum = checksum_add(0, src->b, size);
	sum = checksum_add(sum, dst->b, size);
	return fold((uint64_t)sum + protocol + (len >> 16) + (len & 0xffff));
}

uint16_t checksum_finish(uint32_t sum)
{
	return (uint16_t)~fold(sum);
}
