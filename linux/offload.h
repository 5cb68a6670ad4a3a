/* linux/offload.h - what may be switched off of what makes packets cheap. */
#ifndef LINUX_OFFLOAD_H
#define LINUX_OFFLOAD_H

#include "base/bug.h"

#include <stdbool.h>

struct offload_off {
	bool tso;          /* TUN: headers, TCP in packets of up to 64 KiB */
	bool uso;          /* TUN: UDP, too */
	bool udp_segment;  /* runs of datagrams out */
	bool udp_gro;      /* and in */
	bool ipsec_mb;     /* the library for the sealing and opening of packets */
};

/* Words with commas between: tso, uso, udp-segment, udp-gro, ipsec-mb, or all. */
bool offload_parse(const char *words, struct offload_off *out) must_check;

#endif
