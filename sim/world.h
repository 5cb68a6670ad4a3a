/* world.h - machines, the network between them, and time, from one seed.
 *
 * Nothing here reads a clock or asks for chance: two worlds of one seed that are told the same do
 * the same, byte for byte, and end with the same trace hash. Streams of chance are independent: one
 * for each machine and one for each machine's outgoing links, so that a change at one machine moves
 * the others as little as possible.
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "base/heap.h"
#include "sim/host.h"
#include "sim/link.h"
#include "sim/natbox.h"
#include "sim/queue.h"
#include "sim/trace.h"

#define NOBODY UINT32_MAX
#define IP_UDP(ip) ((ip)->family == FAMILY_IPV6 ? 48u : 28u)

/* What one machine believes of another, as its events told. */
struct view {
	uint8_t state;               /* enum report_state */
	uint64_t sequence;           /* when that event came */
	struct instant since;
};

struct direction {
	bool own;                    /* has a quality of its own */
	struct link_quality quality;
	struct instant free;
};

struct datagram {
	struct endpoint from, to;
	uint32_t sender;             /* machine */
	uint32_t damage;
	uint32_t len;
	uint8_t data[];
};

struct world;
/* Whoever watches is called for everything that happens; any may be NULL. */
struct watch {
	/* `to`: who has that address now, or NOBODY. */
	void (*sent)(void *ctx, uint32_t from, uint32_t to, struct bytes data);
	void (*delivered)(void *ctx, uint32_t to, const struct datagram *d);
	void (*event)(void *ctx, uint32_t host, const struct event *e);
	void (*stepped)(void *ctx, uint32_t host);
	void (*started)(void *ctx, uint32_t host);
	void *ctx;
};

struct world {
	uint64_t seed;
	struct instant now;
	uint32_t n, members;
	struct host *hosts;
	uint32_t *by_key;            /* hosts in the order of their keys */
	struct heap timers;          /* by host */
	void *timer_memory;
	struct queue queue;
	struct trace trace;

	bool ipv6;                   /* of new underlay addresses */
	uint32_t *owners;            /* by number of the address: host, n + NAT, or NOBODY */
	uint32_t addresses;          /* numbers given so far */
	struct natbox **boxes;
	uint32_t box_count;
	struct link_quality quality; /* where a direction has none of its own */
	struct direction *directions; /* [from * n + to] */
	bool *cuts;                  /* the same; besides any quality */
	struct instant cut_changed;
	struct rng *link_rngs;       /* by sender */
	bool *trusts;                /* [who * n + whom] */
	bool *told;                  /* the same, as far as the node was told */
	struct instant *untold_since; /* where that ended; 0: it never was */

	struct view *views;          /* [who * n + about] */
	uint64_t changes;            /* of views */
	uint64_t deaths, false_deaths;
	uint64_t lost, carried;
	uint64_t leaks;              /* things told to machines that do not admit their subject */
	bool stuck;                  /* time does not go on: the end */

	struct node_actions actions;
	void *items, *arena;
	struct watch watch;
	uint64_t packets;            /* sent by world_ping */
	uint8_t *arrived;            /* by number of the packet: how often */
	size_t arrived_cap;
	uint32_t *passed;            /* packets, [from * n + to] */

	unsigned violations;
	char first_violation[256];
};

void world_init(struct world *w, uint64_t seed, uint32_t n, bool ipv6);
void world_free(struct world *w);
/* A seed for one purpose, from the world's. */
uint64_t world_stream(const struct world *w, const char *purpose, uint64_t number);

/* The machine with that key; NOBODY. */
uint32_t world_find(const struct world *w, const struct public_key *key);
struct view *world_view(const struct world *w, uint32_t who, uint32_t about);
/* Whether both trust each other and datagrams can pass both ways, directly or through most of the
 * others. */
bool world_connected(const struct world *w, uint32_t a, uint32_t b);
bool world_runs(const struct world *w, uint32_t i); /* on and not paused */
uint32_t world_at(const struct world *w, const struct ip *ip); /* whose, outside; NOBODY */
/* Through whom the path from one to another leads, by what the first one reports: the other itself,
 * a relay; NOBODY: there is none. */
uint32_t world_through(const struct world *w, uint32_t from, uint32_t to);

/* Machines. Trust is applied to a running node by world_tell_trust, and at its start. */
void world_trust(struct world *w, uint32_t who, uint32_t whom, bool yes);
void world_tell_trust(struct world *w, uint32_t i);
void world_seed(struct world *w, uint32_t who, uint32_t whom);
void world_on(struct world *w, uint32_t i, bool reboot);
void world_off(struct world *w, uint32_t i);          /* as if killed */
void world_leave(struct world *w, uint32_t i);        /* says goodbye, and is off */
void world_lose_disk(struct world *w, uint32_t i);    /* all but the identity and the trust */
void world_pause(struct world *w, uint32_t i, bool keeps);
void world_resume(struct world *w, uint32_t i);
void world_clock(struct world *w, uint32_t i, int64_t ms); /* its wall clock jumps */
void world_move(struct world *w, uint32_t i, bool told);  /* to a new address, out of a NAT */
void world_tell_addresses(struct world *w, uint32_t i);

/* One event for its node, now; nothing when it is off or paused. */
void world_event(struct world *w, uint32_t i, const struct node_event *e);

/* The network. */
/* That direction's own from now on. */
struct link_quality *world_quality(struct world *w, uint32_t from, uint32_t to);
void world_cut(struct world *w, uint32_t from, uint32_t to, bool yes); /* one direction */
void world_heal(struct world *w);                     /* no cuts, no qualities of their own */

/* These machines move behind a new NAT, and are told. config->outside is chosen here. */
void world_nat(struct world *w, const bool *set, const struct nat_config *config);
/* The NAT of that machine forgets everything. */
void world_nat_reboot(struct world *w, uint32_t i);

/* One IP packet of a machine to another over the mesh; returns its number. */
uint64_t world_ping(struct world *w, uint32_t from, uint32_t to, bool ipv6);
unsigned world_arrived(const struct world *w, uint64_t number);

/* The next thing that happens before or at `until`; false: nothing, and it is `until`. */
bool world_step(struct world *w, struct instant until);
void world_run(struct world *w, struct instant until);

/* Something that must never happen did. */
void world_violation(struct world *w, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
