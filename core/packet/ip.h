/* ip.h - what the header of an IPv4 or IPv6 packet says (RFC 791, RFC 8200). */
#ifndef PACKET_IP_H
#define PACKET_IP_H

#include "base/bug.h"
#include "base/endpoint.h"

#define IPV4_HEADER 20u /* without options */
#define IPV6_HEADER 40u

/* Protocols that rooms ask about by name. */
enum {
	PROTO_HOP_BY_HOP = 0, PROTO_ICMP = 1, PROTO_TCP = 6, PROTO_UDP = 17, PROTO_DCCP = 33,
	PROTO_ROUTING = 43, PROTO_FRAGMENT = 44, PROTO_AH = 51, PROTO_ICMPV6 = 58,
	PROTO_NONE = 59, PROTO_DESTINATION = 60, PROTO_SCTP = 132, PROTO_MOBILITY = 135,
	PROTO_UDPLITE = 136, PROTO_HIP = 139, PROTO_SHIM6 = 140,
};

struct ip_packet {
	struct ip src, dst;
	uint32_t total_len;     /* header and payload; bytes of the buffer beyond it are padding */
	uint32_t l4_offset;     /* <= total_len; where the walk over the headers ended */
	uint32_t fragment_id;
	uint32_t fragment_at;   /* of a fragment: where what was cut in pieces begins */
	uint16_t fragment_offset; /* bytes */
	uint16_t src_port, dst_port;
	uint8_t version;        /* 4 or 6 */
	uint8_t dscp;           /* 0..63 */
	uint8_t ecn;            /* 0..3 */
	uint8_t ttl;            /* or hop limit */
	uint8_t protocol;       /* what is at l4_offset; of a later fragment: of the whole packet's
	                           fragmented part */
	bool is_fragment;       /* also the first one */
	bool more_fragments;
	bool dont_fragment;     /* always so in IPv6 */
	bool has_l4;            /* the header of `protocol` starts at l4_offset. False for later
	                           fragments and for extension headers that run out of the packet */
	bool has_ports;         /* TCP, UDP, UDP-Lite, DCCP or SCTP, with has_l4 and both ports */
	bool is_odd;            /* not to be trusted with what it seems to be. IPv6: hop-by-hop
	                           options behind another header, two fragment headers, or a
	                           routing header with segments left, so that dst is not where it
	                           ends; IPv4: a source route, or options that do not fit */
};

/* False when there is no whole header, or its lengths contradict each other or the buffer.
 * Checksums are not looked at. A packet with a header that is good and a payload that is not
 * (say, a chain of extension headers cut short) is a packet: has_l4 says so. */
bool ip_packet_parse(struct bytes packet, struct ip_packet *out) must_check;
/* The same for the beginning of a packet, as an ICMP error quotes it: what the header says is
 * missing is taken for cut off. total_len is what is there. */
bool ip_packet_parse_quoted(struct bytes quote, struct ip_packet *out) must_check;

#endif
