/* memberlist.h - one node of another protocol, to be compared with: SWIM with Lifeguard as
 * HashiCorp's memberlist publishes it (LAN defaults), and serf's intents to join and to leave.
 *
 * Written from the published rules. Pure: time, packets and timers come in; packets and what is
 * believed about a member come out through two calls. What a rumour says is a struct; only its
 * size is that of the wire, so that datagrams fill up as they do there.
 */
#ifndef SIM_MEMBERLIST_H
#define SIM_MEMBERLIST_H

#include "base/instant.h"
#include "base/rng.h"

#include <stddef.h>

#define ML_MAX 256u          /* nodes */
#define ML_ACCUSERS 3u       /* the first one and two confirmations */
#define ML_HELPS 32u
#define ML_RUMOURS 64u       /* in one datagram */
#define ML_QUEUE (4u * ML_MAX)

enum ml_state { ML_UNKNOWN, ML_ALIVE, ML_SUSPECT, ML_DEAD, ML_LEFT };
enum ml_said { ML_IS_ALIVE, ML_IS_SUSPECT, ML_IS_DEAD, ML_JOINS, ML_LEAVES };
enum ml_packet_kind {
	ML_GOSSIP, ML_PING, ML_PING_REQ, ML_ACK, ML_NACK,
	ML_TCP_PING, ML_TCP_ACK, ML_PUSH, ML_PULL, /* over TCP */
};

struct ml_rumour {
	uint8_t said;
	uint16_t subject, from;
	uint32_t version;    /* incarnation, or for an intent Lamport time */
};

struct ml_entry { uint8_t state; uint32_t incarnation, intent; bool leaving; };

struct ml_packet {
	uint8_t kind;
	uint16_t from, to, target;
	uint32_t seq, bytes; /* IP bytes */
	uint32_t count;
	struct ml_rumour rumours[ML_RUMOURS];
	struct ml_entry *entries; /* ML_PUSH, ML_PULL: ML_MAX of them, the packet's own */
};

struct ml_member {
	uint8_t state;
	bool leaving;
	uint32_t incarnation, intent;
	struct instant changed, due; /* due: the suspicion becomes a verdict */
	uint16_t accusers[ML_ACCUSERS];
	uint32_t accused;
};

struct ml_item { struct ml_rumour r; uint32_t sends; uint64_t number; };

struct ml_help { uint32_t seq, their_seq; uint16_t asker; struct instant nack; };

struct ml_probe {
	bool active, asked;
	uint16_t target;
	uint32_t seq, nacks, expected;
	struct instant ask, end;
};

enum ml_leave { ML_STAYS, ML_SAYS_INTENT, ML_SAYS_DEATH, ML_GONE };

struct ml_node {
	uint16_t self;
	struct rng rng;
	struct ml_member members[ML_MAX];
	uint16_t list[ML_MAX];       /* whom to probe, in turn */
	uint32_t listed, next, known, health, seq, clock;
	struct ml_item queue[ML_QUEUE];
	uint32_t queued;
	uint64_t numbers;
	struct ml_probe probe;
	struct ml_help helps[ML_HELPS];
	uint32_t helped;
	struct instant probe_at, gossip_at, push_at;
	enum ml_leave leave;
	void *ctx;
	/* The packet is the node's; its entries become the taker's. */
	void (*send)(void *ctx, struct ml_packet *p);
	void (*believes)(void *ctx, uint16_t self, uint16_t subject, uint8_t state);
};

/* ctx and the two calls are set before. */
void ml_start(struct ml_node *n, struct instant now, uint16_t self, uint64_t seed);
void ml_join(struct ml_node *n, struct instant now, uint16_t seed);
void ml_leave(struct ml_node *n, struct instant now);
void ml_packet(struct ml_node *n, struct instant now, const struct ml_packet *p);
void ml_timer(struct ml_node *n, struct instant now);
struct instant ml_deadline(const struct ml_node *n);

#endif
