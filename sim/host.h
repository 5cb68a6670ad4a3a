/* host.h - one machine of the world: a node, its clocks, its disk.
 *
 * The node is the daemon's own: node_step() with the machine's time. Every machine has its own boot
 * clock, far from that of others, and a wall clock that can be wrong. Its disk keeps the identity
 * and, unless it is lost, what the node asked to be saved.
 */
#ifndef SIM_HOST_H
#define SIM_HOST_H

#include "base/rng.h"
#include "nat/punch.h"
#include "node/node.h"

#define HOST_WAITING 128u /* datagrams that a paused process finds in its socket afterwards */

struct host {
	uint32_t number;
	struct public_key public;
	struct dh_public twin;
	struct secret_key secret;
	struct prefix prefix;
	struct endpoint at;          /* its underlay address, as it knows it */
	uint32_t box;                /* the NAT that it is behind plus 1; 0: none */
	bool relays;                 /* for others; before it is on */
	struct rng rng;              /* entropy of its node */

	struct node *node;           /* NULL: off */
	void *memory;
	size_t size;
	uint32_t runs;               /* how often it was started */
	uint64_t events_seen;        /* of the node's ring */
	struct instant on_since;     /* world time */
	struct instant well_since;   /* on, not paused, moved or told to trust others since then */

	struct span boot_ahead;      /* boot clock minus world time */
	int64_t wall_ahead_ms;
	uint8_t clock[NODE_CLOCK_LEN];
	bool has_clock;

	bool paused, keeps;          /* keeps: what comes meanwhile waits */
	struct instant paused_at, resumed_at; /* last, in world time; 0: never since it is on */
	bool untold;                 /* not all of its trust and addresses was told to the node */
	uint16_t sockets[NODE_SOCKETS + 1]; /* ports of the extra ones that are open; else 0 */
	uint32_t next_socket;        /* each has a port that no other had lately */
	void *waiting[HOST_WAITING];
	unsigned waiting_count;

	struct endpoint *seeds;
	unsigned seed_count;

	uint64_t sent_bytes, sent_datagrams; /* IP level */
	uint64_t wakes;
};

/* Keys and clocks come from the seed. */
void host_init(struct host *h, uint32_t number, uint64_t seed);
/* Its boot clock starts anew too, if `reboot`. */
void host_on(struct host *h, uint32_t members, bool reboot, struct instant now);
void host_off(struct host *h);
struct moment host_moment(const struct host *h, struct instant now);
/* World time; NEVER when off or paused. */
struct instant host_deadline(const struct host *h);
/* One event; the clock is saved on the machine's disk when the node asks for that. */
void host_step(struct host *h, struct instant now, const struct node_event *event,
	       struct node_actions *actions);

#endif
