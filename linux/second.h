/* second.h - the second node of a daemon, under another key, while its key changes
 * (docs/rotation.md).
 *
 * Two struct node stand beside each other on the same sockets and the same TUN: the first has the
 * main key, the second the one that is to follow it, or that it followed. What comes in is given to
 * whose it is: a datagram to the key that it was made for, a packet of this host by its source.
 * What the privileged process tells is told to both. Neither lets the other in.
 *
 * Without a second key all of this is one comparison.
 */
#ifndef LINUX_SECOND_H
#define LINUX_SECOND_H

#include "linux/priv.h"
#include "linux/saver.h"
#include "node/node.h"

#define SECOND_STUN 16u /* addresses of STUN servers that are remembered */

/* Where a node and what belongs to it are kept; all of it moves when the two change places. */
struct node_place {
	struct node **node;
	void **memory;                /* mapped, node_size() of the configured members */
	struct node_actions *actions;
	struct saver *saver;
	uint64_t *events_told, *events_seen;
};

struct second {
	/* Filled in by the caller, which stays where it is: */
	struct priv_child *child;
	const struct moment *now;
	struct node_place first;
	void (*step)(void *ctx, const struct node_event *e); /* of the first node */
	void (*send)(void *ctx, struct outbox *out); /* and clears it */
	void (*configure)(void *ctx, struct node_config *out); /* what holds for both */
	void (*renew)(void *ctx); /* a node is new: the host's addresses are told to both */
	void *ctx;
	/* Ours: */
	struct node *node;            /* NULL: there is no second one */
	void *memory;
	struct node_actions actions;
	struct saver saver;
	uint64_t events_told, events_seen;
	struct second_stun {          /* what was told, for a node that begins later */
		struct endpoint at;
		uint32_t server;
	} stun[SECOND_STUN];
	unsigned stun_count;
	struct endpoint mapped;       /* likewise; family 0: nothing */
	bool one_socket;              /* the extra sockets (linux/udp.h) are the first one's */
	enum second_role role;
	struct public_key key;
	uint64_t until;               /* unix seconds */
	struct ip ipv4, ipv6;         /* of the second */
};

/* PRIV_SECOND: it begins, ends, or is the first one from now on. */
void second_notice(struct second *s, struct priv_message *m);
/* What both are told: the trust store, rules, addresses, seeds, the end. */
void second_give(struct second *s, const struct node_event *e);
/* Of so many datagrams, those that are not for the first node alone are given to whom they belong;
 * the rest is moved together. How many that are. */
uint32_t second_pick(struct second *s, struct node_event *datagrams, uint32_t count);
/* True if the packet of this host was the second one's. hops: see linux/loopguard.h. */
bool second_took_packet(struct second *s, const struct node_event *e, uint8_t hops);

/* For each turn of the loop. */
void second_entropy(struct second *s, const uint8_t entropy[32]);
void second_tick(struct second *s);
void second_flush(struct second *s);
struct instant second_deadline(const struct second *s);
/* The answer to a write of its own came. False: it was none of its. */
bool second_answer(struct second *s);
/* The interface lost addresses: it gets those of the second key again. */
void second_restore(const struct second *s);
/* It said goodbye by NODE_STOP: all is saved, and its secrets are wiped. */
void second_close(struct second *s);

void second_report(const struct second *s, struct report_node *out);
void second_report_peer(const struct second *s, struct report_peer *out);

#endif
