/* What the files of the node process share; for linux/mesh*.c alone. */
#ifndef LINUX_MESH_INSIDE_H
#define LINUX_MESH_INSIDE_H

#include "linux/control_server.h"
#include "linux/loop.h"
#include "linux/mdns.h"
#include "linux/mesh.h"
#include "linux/names.h"
#include "linux/notice.h"
#include "linux/portmap.h"
#include "linux/resume.h"
#include "linux/saver.h"
#include "linux/second.h"
#include "linux/tun.h"
#include "linux/uapi_server.h"
#include "linux/udp.h"
#include "node/node.h"

#define MESH_DATAGRAMS 64u      /* that the node is given at a time */
#define MESH_SEGMENT_BYTES (2u * MAX_PACKET) /* that one packet is split into at a time */

struct mesh {
	struct priv_child *child;
	struct loop loop;
	struct node *node;
	void *memory;               /* its */
	struct node_actions actions;
	struct moment now;
	uint64_t turn;              /* of the loop, in which `now` was read */
	struct udp udp;
	struct udp_batch batch;
	struct node_event datagrams[MESH_DATAGRAMS];
	struct tun tun;
	uint8_t *packet;            /* one packet from the TUN, */
	uint8_t *segments;          /* and what it is split into */
	struct control_server *control;
	struct uapi_server uapi;
	struct uapi_device device;
	int watch;                  /* rtnetlink: addresses and our link */
	int link;                   /* index of the interface, whatever it is called by now */
	uint32_t mtu;               /* of the interface at present */
	struct instant restore;     /* when to give the interface its addresses again */
	uint32_t left_out;          /* trusted keys without room, as told on standard error */
	uint64_t events_told;       /* on standard error */
	uint64_t events_seen;       /* by warn_endings */
	struct saver saver;
	struct second second;
	struct notices notices;
	struct names names;
	struct mdns mdns;
	struct portmap portmap;
	struct resume resume;
	bool stopping;
	bool failed;
};

/* The first handler of a turn reads the clocks and mixes entropy in, for all that follow in it: a
 * machine that was copied must not draw the nonces of its twin. */
void mesh_wake(struct mesh *m);
/* Makes room in the outbox for one step of the node, by sending what is in it if need be. */
void mesh_make_room(struct mesh *m);
/* Does what a step asked for beside sending. */
void mesh_act(struct mesh *m);
/* Sends what is in the outbox. ctx: struct mesh. */
void mesh_flush(void *ctx);
/* The TUN has packets. ctx: struct mesh. */
void mesh_on_tun(void *ctx, uint32_t events);

#endif
