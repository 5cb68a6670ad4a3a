/* icmp.h - the error that a packet gets which cannot be delivered (RFC 792, RFC 4443). */
#ifndef PACKET_ICMP_H
#define PACKET_ICMP_H

#include "base/endpoint.h"

enum icmp_reason {
	ICMP_HOST_UNREACHABLE, /* nobody has that address, or he cannot be reached */
	ICMP_PROHIBITED,       /* a rule forbids it */
	ICMP_TOO_BIG,          /* longer than the path takes */
};

/* Longest error: the IPv6 minimum MTU; an IPv4 one is at most 576 bytes. */
#define ICMP_ERROR_MAX 1280u

/* Writes the error into out (cap >= ICMP_ERROR_MAX always suffices) and returns its length; 0
 * when there is none to send: the packet is malformed, is an ICMP error itself (or might be), a
 * fragment other than the first, or not from one host to one host (RFC 1122 3.2.2, RFC 4443 2.4 e).
 *
 * from: whose word it is; NULL or of the other family: that of the packet's destination. An
 * address of this host would be refused as a martian when it comes out of a TUN.
 * mtu: for ICMP_TOO_BIG, the longest packet that passes. In IPv4 only to be sent about packets
 * with dont_fragment set; others may be cut in pieces. */
size_t icmp_unreachable(struct bytes packet, enum icmp_reason reason, uint32_t mtu,
			const struct ip *from, uint8_t *out, size_t cap);

#endif
