/* linux/tun.h - the TUN interface. */
#ifndef LINUX_TUN_H
#define LINUX_TUN_H

#include "base/bug.h"
#include "base/outbox.h"
#include "packet/offload.h"

#include <net/if.h>

struct tun {
	int fd;            /* -1: none */
	bool headers;      /* each packet has a virtio network header in front of it */
	bool segments;     /* the kernel gives and takes TCP packets that stand for several, */
	bool uso;          /* and UDP ones */
};

/* Makes or attaches the interface (IFF_TUN | IFF_NO_PI, non-blocking); name may hold %d and
 * gets the real one. headers: with IFF_VNET_HDR; then tun_offload() comes before the first packet.
 * Needs CAP_NET_ADMIN. -EBUSY: another process has it. */
int tun_open(char name[IFNAMSIZ], bool headers) must_check;
/* Fills *t for that descriptor, and has the kernel merge and split as far as it can: `uso` since
 * Linux 6.2. Without headers nothing of it. */
void tun_offload(struct tun *t, int fd, bool segments, bool uso);
/* Reads one packet; its length, 0 when there is none, -EBADFD when the interface was removed.
 * *o: what is left to do for it, see packet/split.h. */
int tun_read(const struct tun *t, uint8_t *buf, size_t cap, struct offload *o) must_check;
/* Writes every OUT_PACKET of the outbox in order, and changes them: those of one flow that follow
 * each other are merged if that is on. Packets the kernel refuses are dropped. Returns the number
 * of writes that it took. */
unsigned tun_write(const struct tun *t, const struct outbox *out);

#endif
