/* inner.h - as much of an inner IP packet as cryptokey routing needs, and its ECN bits. */
#ifndef WG_INNER_H
#define WG_INNER_H

#include "base/endpoint.h"

/* Family, source and destination, and how long the packet says it is (at most len). False if
 * it is not a whole IPv4 or IPv6 packet. */
struct inner {
	struct ip source, destination;
	size_t len;
};
bool inner_read(struct bytes packet, struct inner *out);

/* RFC 6040 as WireGuard applies it. The outer bits for an inner packet: copied, but "congestion
 * experienced" becomes ECT(0). */
uint8_t inner_ecn_encap(struct bytes packet);
/* Congestion that the outer header met is noted in an inner one that is capable of it. */
void inner_ecn_decap(uint8_t *packet, size_t len, uint8_t outer);

#endif
