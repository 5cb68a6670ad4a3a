/* tcp.h - the header of a TCP segment, and the reset that answers one (RFC 9293). */
#ifndef PACKET_TCP_H
#define PACKET_TCP_H

#include "packet/ip.h"

#define TCP_HEADER 20u /* without options */

enum { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_PSH = 8, TCP_ACK = 16 };

struct tcp_header {
	uint32_t seq, ack;
	uint32_t header_len;  /* with options */
	uint32_t payload_len; /* in this packet */
	uint8_t flags;
};

/* p: what ip_packet_parse read of the packet. False when it is no TCP, or its header is not there
 * as a whole. */
bool tcp_header_read(struct bytes packet, const struct ip_packet *p, struct tcp_header *out)
	must_check;

/* The segments that the sender of a SYN wants (RFC 9293, 3.7.1) are made to fit into packets of mtu
 * bytes, if they are longer. True: the packet was changed, its checksum with it. mtu: at least that
 * of the headers. */
bool tcp_clamp(uint8_t *packet, const struct ip_packet *p, uint32_t mtu);

/* Longest reset. */
#define TCP_RESET_MAX (IPV6_HEADER + TCP_HEADER)

/* Writes the reset that a closed port would answer with (RFC 9293, 3.10.7.1), and returns its
 * length. 0 when there is none to send: it is no whole TCP segment, has RST itself, is a fragment,
 * or not from one host to one host; or cap is less than the reset takes. */
size_t tcp_reset(struct bytes packet, uint8_t *out, size_t cap);

#endif
