/* fragment.h - an IPv4 packet that may be cut in pieces is (RFC 791, 3.2). */
#ifndef PACKET_FRAGMENT_H
#define PACKET_FRAGMENT_H

#include "packet/ip.h"

#define FRAGMENT_MTU_MIN 68u /* the longest header, and eight bytes */

struct fragmenter {
	struct bytes packet;
	uint32_t header_len; /* of the next piece; of the first: that of the packet */
	uint32_t data_at;    /* where the payload of the packet begins */
	uint32_t at;         /* bytes of it that were given out */
	uint32_t mtu;
	uint16_t offset;     /* of the packet, if it is a fragment itself: its field */
};

/* False if the packet may not be cut: IPv6, or with "don't fragment". It must stay until the last
 * fragment_next(). mtu: FRAGMENT_MTU_MIN at least. */
bool fragment_init(struct fragmenter *f, struct bytes packet, uint32_t mtu) must_check;
/* Writes the next piece, which has its checksum; its length, at most mtu; 0 after the last. */
size_t fragment_next(struct fragmenter *f, uint8_t *out);

#endif
