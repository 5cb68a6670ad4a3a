/* checksum.c - sums in the machine's own byte order, four bytes at a time.
 *
 * A one's complement sum of swapped words is the swapped sum (RFC 1071, 2.B), and a sum of
 * 32-bit words folds to that of their halves, so only the result is put in order.
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

uint32_t checksum_add(uint32_t sum, const void *data, size_t len)
{
	const uint8_t *at = data;
	uint64_t words = 0;
	uint32_t word;
	uint16_t own;

	for (; len >= sizeof(word); at += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		words += word;
	}
	if (len) {
		word = 0;
		memcpy(&word, at, len);
		words += word;
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
