/* split.h - a TCP or UDP packet that is longer than the link allows becomes the segments that would
 * have been sent (what hardware does as TSO and USO); and the checksum that was left out. */
#ifndef PACKET_SPLIT_H
#define PACKET_SPLIT_H

#include "base/bug.h"
#include "base/bytes.h"
#include "packet/offload.h"

struct split {
	struct bytes packet;
	uint32_t l4;         /* where TCP or UDP begins, */
	uint32_t header_len; /* and where the payload does */
	uint32_t segment;
	uint32_t at;         /* of the payload, what was given out so far */
	uint16_t index;
	bool is_tcp, is_v4;
};

/* False if it is no whole packet of that kind, a fragment, or the segment is 0. The packet must
 * stay until the last split_next(). */
bool split_init(struct split *s, struct bytes packet, const struct offload *o) must_check;
/* Bytes of the longest segment. */
size_t split_longest(const struct split *s);
/* Writes the next segment, whole and with its checksums; its length, 0 after the last. out:
 * split_longest() bytes. */
size_t split_next(struct split *s, uint8_t *out);

/* Bytes of payload that split_next() has not given yet. */
static inline size_t split_left(const struct split *s)
{
	return s->packet.len - s->header_len - s->at;
}

/* Fills in the checksum that o->needs_checksum tells of. False if it lies outside. */
bool offload_checksum(uint8_t *packet, size_t len, const struct offload *o) must_check;

#endif
