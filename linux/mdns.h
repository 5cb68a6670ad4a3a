/* linux/mdns.h - neighbours on the LAN by mDNS (RFC 6762) and DNS-SD (RFC 6763), for `up --mdns`.
 *
 * avahi-core answers and asks in a helper process that holds nothing: nobody, no capability, no
 * file, bounded memory, sockets to the LAN, and one to the node process. That one says what is to
 * be announced, and judges what was found (node/lan.c); the privileged process starts the helper,
 * again when it ends, and reads none of it.
 */
#ifndef LINUX_MDNS_H
#define LINUX_MDNS_H

#include "dns/lan.h"
#include "linux/loop.h"
#include "linux/priv.h"
#include "node/node.h"

#define MDNS_TYPE "_meshguard._udp"

/* Between helper and node, one SOCK_SEQPACKET message each. */
struct mdns_announcement {
	char name[LAN_NAME + 1];      /* of the instance, and of the host below .local */
	uint16_t port;
	uint16_t len;
	uint8_t txt[LAN_TXT_MAX];     /* strings with their lengths before them */
};
struct mdns_finding {
	char name[64];                /* of the instance; empty: the helper began, and wants to be
	                                 told what to announce */
	bool taken;                   /* our name is announced by somebody else, too; no finding */
	struct endpoint at;
	uint16_t len;
	uint8_t txt[LAN_TXT_MAX];
};

/* In the node process. */
struct mdns {
	struct loop *loop;
	struct node *node;
	int socket;                   /* -1: without --mdns */
	uint16_t port;
	struct mdns_announcement announcement;
	uint64_t version;             /* of the peers that it is for */
	struct instant next;          /* when it may change */
	struct instant renew;         /* when it gets another name */
	void (*found)(void *ctx, const struct node_event *e);
	void *ctx;
};
int mdns_open(struct mdns *m) must_check;
void mdns_close(struct mdns *m);
struct instant mdns_deadline(const struct mdns *m);
void mdns_tick(struct mdns *m, struct instant now);

/* In the privileged process. */
struct mdns_keeper {
	struct priv *p;               /* NULL: without --mdns */
	pid_t helper;                 /* 0: none */
	unsigned failures;
	struct instant due, started;
	bool stopping;                /* set it when the node is to end: none is started again */
};
struct priv;
void mdns_keeper_open(struct mdns_keeper *k, struct priv *p, struct instant now);
/* Lets it say good-bye, a moment long. */
void mdns_keeper_close(struct mdns_keeper *k);
struct instant mdns_keeper_deadline(const struct mdns_keeper *k);
void mdns_keeper_tick(struct mdns_keeper *k, struct instant now);
bool mdns_keeper_reaped(struct mdns_keeper *k, pid_t pid, struct instant now);

/* mdns_helper.c: what runs in the helper, which has no rights any more. Returns at the end of the
 * socket, or when nothing works. */
void mdns_help(int socket, const char *mesh_interface);

#endif
