/* merge.h - segments of one flow that follow each other become one packet again (what hardware does
 * as LRO, and Linux as GRO), so that the kernel has one to look at instead of many.
 *
 * Only what split would make of the result: headers that are alike, sequence numbers without a gap,
 * payloads of one length but for a shorter last one, and right checksums, which are not there
 * afterwards. A segment with PSH is the last. Payloads are not copied: the result is the first
 * packet, with its header changed, and then the payloads of the others. */
#ifndef PACKET_MERGE_H
#define PACKET_MERGE_H

#include "base/bytes.h"
#include "packet/offload.h"

#define MERGE_MOST 64u /* packets */

struct merge {
	uint8_t *first;
	uint32_t l4;
	uint32_t header_len;
	uint32_t segment;    /* bytes of payload in each but the last */
	uint32_t payload;    /* in all of them */
	uint32_t count;
	bool is_tcp, is_v4;
	bool is_closed;      /* nothing may follow */
	uint8_t last_flags;  /* TCP: of the last one */
};

/* True if others may follow this one; it is changed by merge_end(). */
bool merge_begin(struct merge *m, uint8_t *packet, size_t len);
/* True if it was taken in. *payload: what of it belongs behind what was taken before. */
bool merge_add(struct merge *m, const uint8_t *packet, size_t len, struct bytes *payload);
/* Changes the header of the first packet to that of them all; *out: what is left to do. Of one
 * packet alone nothing is changed. */
void merge_end(struct merge *m, struct offload *out);

#endif
