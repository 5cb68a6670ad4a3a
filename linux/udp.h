/* linux/udp.h - the UDP sockets: batches in, batches out, with the local address of each. */
#ifndef LINUX_UDP_H
#define LINUX_UDP_H

#include "base/bug.h"
#include "base/outbox.h"

#define UDP_EXTRA 385 /* more sockets, numbered from 1 */

struct udp {
	int fd4, fd6;        /* -1: none */
	uint16_t port;
	int extra[UDP_EXTRA]; /* IPv4, each on a port of its own; 0: none */
	int ready;           /* epoll of these; 0: none can be opened */
	bool segments;       /* runs of datagrams to one address go out by UDP_SEGMENT */
	bool gathers;        /* runs that came are given by UDP_GRO */
	unsigned refused;    /* runs in a row that only went out one by one */
	uint64_t sent, received, send_errors;
};

/* Binds both families on one port (0: any, the same for both); IPV6_V6ONLY, PKTINFO, receive
 * TOS, large buffers as far as allowed. -EADDRINUSE when either is taken. -EAFNOSUPPORT when
 * there is neither. */
int udp_open(struct udp *u, uint16_t port, uint32_t mark) must_check;
void udp_close(struct udp *u);
/* Has the kernel take and give runs of datagrams, as far as it can: Linux 4.18 for `segments`,
 * 5.12 for `gathers` (before, UDP_GRO lost data). What it cannot stays off; the datagrams are the
 * same. UDP_SEGMENT ends when a network card refuses it (EIO), or 16 runs in a row were refused. */
void udp_offload(struct udp *u, bool segments, bool gathers);

/* From now on OUT_SOCKET_OPEN and OUT_SOCKET_CLOSE are obeyed, as far as descriptors can be had;
 * u->ready is readable when something came to one of those sockets. Negative errno. */
int udp_allow_extra(struct udp *u) must_check;

#define UDP_BATCH 32                 /* messages, each one datagram or a run of them */
#define UDP_RUN 64u                  /* datagrams in a run */
#define UDP_ITEMS (UDP_BATCH * UDP_RUN)
struct udp_datagram {
	struct endpoint from;  /* local and local_ifindex set: the answer goes out from there */
	uint8_t ecn;           /* DS field */
	uint8_t *data;
	uint32_t len;
};
struct udp_batch {
	struct udp_datagram *items;
	unsigned count;
	uint8_t (*buffers)[65536]; /* mapped once, touched on use */
};
int udp_batch_make(struct udp_batch *b) must_check;
void udp_batch_free(struct udp_batch *b);
/* Reads what is there, up to a batch; how many datagrams, 0 when there are none, or negative
 * errno. */
int udp_receive(struct udp *u, int fd, struct udp_batch *b) must_check;
/* The same from one of the extra sockets that has something; from.socket says which. */
int udp_receive_extra(struct udp *u, struct udp_batch *b) must_check;
/* Sends every OUT_DATAGRAM of the outbox in order (sendmmsg), those that are to stay whole with
 * "don't fragment" however long they are; those that follow each other to
 * one address, of one length but for a shorter last one, as a run if that is on. An error of one
 * datagram (unreachable, local address gone: then once more without it) does not stop the others;
 * errors are counted. A full socket is waited for 5 ms at the most, then the rest is dropped. */
void udp_send(struct udp *u, const struct outbox *out);

#endif
