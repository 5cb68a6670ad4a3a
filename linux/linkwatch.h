/* linux/linkwatch.h - is our interface up, how large are its packets, is it still there?
 *
 * Needs no rights: an rtnetlink socket that listens to RTM_NEWLINK and RTM_DELLINK, and the
 * descriptor of the TUN. An interface that was moved to another network namespace is out of the
 * socket's sight; it is then looked at through the TUN once a second (its MTU stays as last known).
 */
#ifndef LINUX_LINKWATCH_H
#define LINUX_LINKWATCH_H

#include "base/bug.h"
#include "base/instant.h"

#include <net/if.h>

struct linkwatch {
	int fd;                 /* readable: call linkwatch_read */
	int tun;                /* the caller's */
	int index;
	bool up;
	bool gone;
	bool moved;
	uint32_t mtu;           /* 0: not known */
	struct instant look;    /* when to call linkwatch_tick; INSTANT_NEVER */
};

/* 0 with the present state in `up` and `mtu`, or negative errno. */
int linkwatch_open(struct linkwatch *w, const char *interface, int tun) must_check;
void linkwatch_close(struct linkwatch *w);
/* Takes what the kernel has to say, without waiting. */
void linkwatch_read(struct linkwatch *w, struct instant now);
void linkwatch_tick(struct linkwatch *w, struct instant now);

#endif
