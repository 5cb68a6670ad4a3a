/* inspect.h - what a packet is to the filter: its kind, and the flow that it would belong to. */
#ifndef POLICY_INSPECT_H
#define POLICY_INSPECT_H

#include "packet/ip.h"
#include "policy/flow.h"
#include "policy/policy.h"

enum inspected_as {
	INSPECTED_PLAIN,         /* of no flow: to be judged each time */
	INSPECTED_FLOW,          /* may open a flow: TCP, UDP, other protocols */
	INSPECTED_ECHO_REQUEST,
	INSPECTED_ECHO_REPLY,
	INSPECTED_ICMP_ERROR,    /* about a packet that somebody sent */
	INSPECTED_LATER_FRAGMENT,
};

struct inspected {
	enum inspected_as as;
	enum policy_kind kind;
	uint16_t port;           /* destination port of TCP and UDP; else 0 */
	uint8_t protocol;        /* number in the IP header */
	uint8_t tcp_flags;
	bool is_plain;           /* a whole packet of TCP or UDP without any options of IP: then
	                            `ip` and header_end were not needed, and are not set */
	struct ip_packet ip;
	uint16_t header_end;     /* of a first fragment: its headers end so many bytes behind
	                            ip.fragment_at */
	struct flow_key key;     /* INSPECTED_FLOW, _ECHO_*: the flow; peer is the caller's */
};

/* from_here: this host sent it, so that its source is local. False: it is no IP packet. */
bool inspect(struct bytes packet, bool from_here, struct inspected *out) must_check;
/* The same, by the long way also where there is a short one; is_plain is never set. */
bool inspect_any(struct bytes packet, bool from_here, struct inspected *out) must_check;

/* INSPECTED_ICMP_ERROR that came in: the flow of the packet that it is about, if this host sent
 * that one. */
bool inspect_quote(struct bytes packet, const struct inspected *error, struct flow_key *out)
	must_check;

/* The packet begins a TCP connection. */
bool inspected_is_syn(const struct inspected *p);

#endif
