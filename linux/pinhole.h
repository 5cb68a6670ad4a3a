/* pinhole.h - core/nat/mapping by IPv6 in the loop of the node process: routers translate nothing
 * there, but most let nobody in; a PCP MAP opens our port to all (RFC 6887, 11). */
#ifndef LINUX_PINHOLE_H
#define LINUX_PINHOLE_H

#include "control/report.h"
#include "crypto/random.h"
#include "linux/loop.h"
#include "nat/mapping.h"

struct pinhole {
	struct loop *loop;           /* NULL: off */
	struct random random;
	struct mapping mapping;
	int link;                    /* our interface, which leads to no router of ours */
	int fd;                      /* from our address to the router; -1: none */
	struct instant look_at;      /* for the router, once more; NEVER: not */
};

void pinhole_open(struct pinhole *p, struct loop *loop, int link, uint16_t port);
/* Addresses or routes of this host changed. */
void pinhole_network(struct pinhole *p, struct instant now);
struct instant pinhole_deadline(const struct pinhole *p);
void pinhole_tick(struct pinhole *p, struct instant now);
/* After that of the mapping by IPv4. */
void pinhole_report(const struct pinhole *p, struct report_node *out);
/* Gives it back, without waiting for anything. */
void pinhole_close(struct pinhole *p);

#endif
