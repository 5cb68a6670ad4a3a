/* flow.h - the flows that are open between this host and its peers; what makes the filter stateful.
 *
 * A flow is two addresses, a protocol and two ports, seen from this host, with one peer: the same
 * addresses and ports with another peer are another flow. It is ours when this host opened it.
 * The table says how far a flow has come and when it ends; who may open one is the filter's to
 * decide.
 *
 * Bounded, and without allocation. When there is no room, the peer that holds most loses a flow, so
 * that a flood ends at the expense of who makes it: one that he opened weighs FLOW_WEIGHT times as
 * much as one of ours, and goes first; among either those that were never answered; among these the
 * one longest idle. All of it O(1), an insertion included.
 *
 * One thread at a time. `now` never goes back.
 */
#ifndef POLICY_FLOW_H
#define POLICY_FLOW_H

#include "base/bug.h"
#include "base/endpoint.h"
#include "base/instant.h"

#define FLOW_NONE UINT32_MAX
#define FLOW_DEFAULT_CAP 65536u
#define FLOW_WEIGHT 4u

struct flow_key {
	uint8_t local[16], remote[16];   /* IPv4: four bytes, then zero */
	uint32_t peer;                   /* slot of the peer */
	uint16_t local_port, remote_port; /* host order. ICMP echo: the identifier is the port of
	                                     who asks, and the other one is 0 */
	uint8_t protocol, version;       /* version: 4 or 6 */
	uint16_t unused;                 /* 0 */
};

enum flow_state {
	FLOW_SYN,         /* TCP: opened, not answered */
	FLOW_ANSWERED,    /* TCP: the opener has not yet taken up the answer */
	FLOW_ESTABLISHED, /* TCP */
	FLOW_HALF_CLOSED, /* TCP: one side sent FIN */
	FLOW_CLOSED,      /* TCP: both did */
	FLOW_RESET,       /* TCP: one side sent RST */
	FLOW_ONE_WAY,     /* UDP and others: never answered */
	FLOW_TWO_WAYS,    /* UDP and others */
	FLOW_STATES
};

enum flow_flag {
	FLOW_IS_OURS = 1,     /* this host opened it */
	FLOW_IS_DENIED = 2,   /* the filter's: let in once, and denied since. It is kept so that
	                         what this host still sends does not make it a flow of ours */
	FLOW_OPENER_FIN = 4,
	FLOW_OTHER_FIN = 8,
};

struct flow {
	uint8_t local[16], remote[16];
	uint32_t peer;
	uint16_t local_port, remote_port;
	uint8_t protocol, version;
	uint8_t state;          /* enum flow_state */
	uint8_t flags;          /* enum flow_flag */
	uint32_t hash;          /* of the key */
	uint32_t generation;    /* the filter's: of the policy that judged it last */
	uint32_t hit;           /* the filter's: index of the rule that let it in */
	struct instant seen;    /* its idle time counts from here */
};

struct flow_counts {
	uint64_t opened, expired;
	uint64_t evicted[2]; /* for want of room: of peers, ours */
};

struct flows;

/* cap: flows, at most 2^20; peers: slots 0..peers-1, at most 2^24. */
size_t flows_size(uint32_t cap, uint32_t peers);
/* memory: flows_size() bytes, zeroed, aligned for uint64_t; the caller's. It is touched as far as
 * it is used. hash_key: random. */
struct flows *flows_init(void *memory, uint32_t cap, uint32_t peers, const uint8_t hash_key[16]);

/* The slot of the flow that is still open at `now`, or FLOW_NONE. */
uint32_t flow_find(struct flows *t, const struct flow_key *key, struct instant now);

/* For packets that come in a batch: what they need from memory is asked for all of them before any
 * of them waits for it. flow_fetch_index() for each key, then flow_fetch(), flow_fetch_order() and
 * flow_fetch_beside() for each place, then flow_find_fetched(), which is flow_find(). Between them
 * the table may change. */
struct flow_place {
	uint32_t hash; /* from flow_fetch_index() on */
	uint32_t slot; /* from flow_fetch() on: where the flow seems to be, or FLOW_NONE */
};
void flow_fetch_index(const struct flows *t, const struct flow_key *key, struct flow_place *out);
void flow_fetch(const struct flows *t, struct flow_place *place);
void flow_fetch_order(const struct flows *t, const struct flow_place *place, struct instant now);
void flow_fetch_beside(const struct flows *t, const struct flow_place *place, struct instant now);
uint32_t flow_find_fetched(struct flows *t, const struct flow_key *key,
			   const struct flow_place *place, struct instant now);

/* A new flow, by its first packet: there must be none with that key. May evict another one. Returns
 * its slot; generation and hit are 0. */
uint32_t flow_open(struct flows *t, const struct flow_key *key, bool is_ours, struct instant now);
/* A packet of the flow that passed: the state goes on, and the idle time begins anew. */
void flow_packet(struct flows *t, uint32_t slot, bool from_here, uint8_t tcp_flags,
		 struct instant now);
/* A packet of the flow that did not pass: it is kept. */
void flow_touch(struct flows *t, uint32_t slot, struct instant now);
void flow_close(struct flows *t, uint32_t slot);
/* All flows of the peer: his slot may be another one's from now on. */
void flow_close_peer(struct flows *t, uint32_t peer);

/* The flow in a slot in use, to be read; the filter's fields may be written. NULL: unused. */
struct flow *flow_at(struct flows *t, uint32_t slot);
/* The same for a slot that was just found or opened; nothing is looked up. */
struct flow *flow_of(struct flows *t, uint32_t slot);
/* True if a packet with SYN and no ACK would begin it anew. */
static inline bool flow_is_over(const struct flow *f)
{
	return f->state == FLOW_CLOSED || f->state == FLOW_RESET;
}
bool flow_has_expired(const struct flow *f, struct instant now);
/* What a packet of the flow does to its state and to the flags about FIN; for the table. */
void flow_step(struct flow *f, bool from_here, uint8_t tcp_flags);
/* How long it stays open without packets. */
struct span flow_timeout(enum flow_state state);

/* Frees a part of what has expired; to be called when the deadline has come, and as often as one
 * likes. Correctness does not depend on it: an expired flow is not found. */
void flows_tick(struct flows *t, struct instant now);
struct instant flows_deadline(const struct flows *t);

/* In use, the expired that were not freed yet included. */
uint32_t flows_count(const struct flows *t);
uint32_t flows_of_peer(const struct flows *t, uint32_t peer);
const struct flow_counts *flows_counts(const struct flows *t);

#endif
