/* linux/names.h - the name server of the mesh: port 53 of this node's mesh addresses, over UDP.
 *
 * The sockets are bound by the privileged process to those addresses alone. A host accepts
 * packets to any address of its own on any interface; here only what came through the mesh
 * interface, where service rules were asked, or from this host itself is answered.
 */
#ifndef LINUX_NAMES_H
#define LINUX_NAMES_H

#include "linux/loop.h"
#include "linux/priv.h"
#include "node/node.h"

struct names {
	struct priv_child *child;
	struct loop *loop;
	struct node *node;
	int link;             /* index of the mesh interface */
	int loopback;
	int fd4, fd6;         /* -1: none */
	bool complained;
	uint64_t hosts_version;  /* of the names that were given for /etc/hosts */
	struct instant hosts_at; /* not before this again */
	void (*wake)(void *ctx); /* before each batch: the node may be asked */
	void *ctx;
};

/* Opens for the addresses that the node has now; again when they changed. That it cannot is told
 * once, and stops nothing. */
void names_open(struct names *n);
void names_close(struct names *n);
/* Names for /etc/hosts (`up --hosts`): given to the parent when they changed, once a second at the
 * most. */
struct instant names_deadline(const struct names *n);
void names_tick(struct names *n, struct instant now);

#endif
