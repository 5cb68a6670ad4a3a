/* portmap.h - core/nat/mapping in the loop of the node process: its socket to the router, what the
 * router announces, and UPnP by way of the privileged process; and a pinhole by IPv6. */
#ifndef LINUX_PORTMAP_H
#define LINUX_PORTMAP_H

#include "control/report.h"
#include "crypto/random.h"
#include "linux/loop.h"
#include "linux/pinhole.h"
#include "linux/priv.h"
#include "nat/mapping.h"

struct portmap {
	struct priv_child *child;
	struct loop *loop;
	struct random random;
	struct mapping mapping;
	struct pinhole pinhole;      /* the same by IPv6 */
	int link;                    /* our interface, which leads to no router of ours */
	int fd;                      /* connected to the router; -1: none */
	int announced;               /* 224.0.0.1:5350; -1: none */
	int notified;                /* 239.255.255.250:1900, for UPnP; -1: none */
	uint64_t boot;               /* the router's BOOTID.UPNP.ORG; 0: not heard yet */
	struct instant look_at;      /* for the router, once more; NEVER: not */
	void (*mapped)(void *ctx, const struct endpoint *external); /* NULL: no more */
	void *ctx;
};

/* Without a router, or where `on` is not set, nothing is sent. */
void portmap_open(struct portmap *p, struct priv_child *child, struct loop *loop, bool on);
/* Addresses or routes of this host changed: is it another router? */
void portmap_network(struct portmap *p, struct instant now);
/* A PRIV_MAPPED. */
void portmap_upnp(struct portmap *p, const struct priv_message *m, struct instant now);
struct instant portmap_deadline(const struct portmap *p);
void portmap_tick(struct portmap *p, struct instant now);
void portmap_report(const struct portmap *p, struct report_node *out);
/* Gives the mapping back, without waiting for anything. */
void portmap_close(struct portmap *p);

#endif
