/* linux/tun.h - the TUN interface. */
#ifndef LINUX_TUN_H
#define LINUX_TUN_H

#include "base/bug.h"
#include "base/outbox.h"

#include <net/if.h>

/* Makes or attaches the interface (IFF_TUN | IFF_NO_PI, non-blocking); name may hold %d and
 * gets the real one. Needs CAP_NET_ADMIN. -EBUSY: another process has it. */
int tun_open(char name[IFNAMSIZ]) must_check;
/* Reads one packet; its length, 0 when there is none, -EBADFD when the interface was removed. */
int tun_read(int fd, uint8_t *buf, size_t cap) must_check;
/* Writes every OUT_PACKET of the outbox in order; packets the kernel refuses are dropped.
 * Returns the number written. */
unsigned tun_write(int fd, const struct outbox *out);

#endif
