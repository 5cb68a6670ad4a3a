/* checksum.h - the Internet checksum (RFC 1071), and the sums that TCP, UDP and ICMPv6 add. */
#ifndef PACKET_CHECKSUM_H
#define PACKET_CHECKSUM_H

#include "base/endpoint.h"

/* A sum of 16-bit words so far; start with 0. Parts are added in order, and each but the last
 * has an even length; the last odd byte counts as the upper half of a word. */
uint32_t checksum_add(uint32_t sum, const void *data, size_t len);
/* The pseudo-header in front of a payload of len bytes (RFC 9293 3.1, RFC 8200 8.1). Both
 * addresses are of one family. */
uint32_t checksum_pseudo(const struct ip *src, const struct ip *dst, uint8_t protocol,
			 uint32_t len);
/* What goes into the header's field, host order. Over data with a right checksum in it: 0.
 * A UDP checksum that comes out as 0 is sent as 0xffff; that is the caller's to do. */
uint16_t checksum_finish(uint32_t sum);

#endif
