/* offload.h - what is left to be done for a packet that stands for several, in the terms of a
 * virtio network header (Virtual I/O Device 1.1, 5.1.6), as a TUN interface of Linux has it. */
#ifndef PACKET_OFFLOAD_H
#define PACKET_OFFLOAD_H

#include <stdbool.h>
#include <stdint.h>

enum offload_kind { OFFLOAD_NONE, OFFLOAD_TCP, OFFLOAD_UDP };

struct offload {
	enum offload_kind kind;   /* not NONE: to be split into segments */
	uint16_t segment;         /* bytes of payload in each segment but the last */
	bool needs_checksum;      /* of what begins at checksum_at; the field holds the sum of the
	                             pseudo-header */
	uint16_t checksum_at;     /* bytes from the start of the packet */
	uint16_t checksum_offset; /* of the field, from there */
	uint16_t header_len;      /* of all headers; of what is merged here */
};

#endif
