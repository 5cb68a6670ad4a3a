/* segments.h - TCP and UDP packets with right checksums, and the way there and back: what is split
 * and merged again must be what it was. For the unit test and the fuzz target. */
#ifndef TEST_SEGMENTS_H
#define TEST_SEGMENTS_H

#include "packet/checksum.h"
#include "packet/merge.h"
#include "packet/split.h"
#include "packet/tcp.h"

#include <string.h>

struct shape {
	bool is_v4, is_tcp;
	uint32_t options;   /* of TCP: bytes, a multiple of 4, at most 40 */
	uint32_t payload;
	uint8_t flags;      /* of TCP */
	uint16_t id;
	uint32_t seq;
};

/* Sets lengths and checksums of a packet whose other fields are there. */
static inline void seal_packet(uint8_t *p, size_t len, bool is_v4, bool is_tcp)
{
	size_t l4 = is_v4 ? 20 : 40, field = l4 + (is_tcp ? 16 : 6);
	uint32_t sum;
	uint16_t checksum;

	if (is_v4) {
		store_be16(p + 2, (uint16_t)len);
		store_be16(p + 10, 0);
		store_be16(p + 10, checksum_finish(checksum_add(0, p, 20)));
	} else {
		store_be16(p + 4, (uint16_t)(len - 40));
	}
	if (!is_tcp)
		store_be16(p + l4 + 4, (uint16_t)(len - l4));
	store_be16(p + field, 0);
	sum = checksum_add((is_tcp ? 6u : 17u) + (uint32_t)(len - l4), p + (is_v4 ? 12 : 8),
			   is_v4 ? 8 : 32);
	checksum = checksum_finish(checksum_add(sum, p + l4, len - l4));
	store_be16(p + field, checksum || is_tcp ? checksum : 0xffff);
}

static inline size_t header_of(const struct shape *s)
{
	return (s->is_v4 ? 20 : 40) + (s->is_tcp ? 20 + s->options : 8);
}

/* The payload is in its place already. */
static inline size_t make_segment(uint8_t *p, const struct shape *s)
{
	size_t l4 = s->is_v4 ? 20 : 40, header = header_of(s);

	memset(p, 0, header);
	if (s->is_v4) {
		p[0] = 0x45;
		store_be16(p + 4, s->id);
		p[8] = 64;
		p[9] = s->is_tcp ? 6 : 17;
		memcpy(p + 12, "\x0a\x63\x01\x02\x0a\x63\x03\x04", 8);
	} else {
		p[0] = 0x60;
		p[6] = s->is_tcp ? 6 : 17;
		p[7] = 64;
		memcpy(p + 8, "\xfd\x99\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16);
		memcpy(p + 24, "\xfd\x99\0\0\0\0\0\0\0\0\0\0\0\0\0\2", 16);
	}
	store_be16(p + l4, 40000);
	store_be16(p + l4 + 2, 443);
	if (s->is_tcp) {
		store_be32(p + l4 + 4, s->seq);
		store_be32(p + l4 + 8, 77);
		p[l4 + 12] = (uint8_t)((20 + s->options) / 4 << 4);
		p[l4 + 13] = s->flags;
		store_be16(p + l4 + 14, 500);
		memset(p + l4 + 20, 1, s->options);
	}
	seal_packet(p, header + s->payload, s->is_v4, s->is_tcp);
	return header + s->payload;
}

/* Puts the packets of a run together: the first with its header changed, then the payloads. */
static inline size_t merged_bytes(uint8_t *out, const uint8_t *first, size_t first_len,
				  const struct bytes *more, uint32_t count)
{
	size_t len = first_len;

	memcpy(out, first, first_len);
	for (uint32_t i = 0; i < count; i++) {
		memcpy(out + len, more[i].data, more[i].len);
		len += more[i].len;
	}
	return len;
}

#endif
