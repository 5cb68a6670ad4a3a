/* linux/loopguard.h - tunnels that are routed through each other must not feed each other. */
#ifndef LINUX_LOOPGUARD_H
#define LINUX_LOOPGUARD_H

#include "packet/split.h"

/* For a packet from the TUN: the TTL or hop limit that the datagram around it gets, 0 for the
 * system's. False: the packet is to be dropped, it has been through too many tunnels. */
bool loopguard_hops(struct bytes packet, uint8_t *hops);
/* True if all segments that it is split into would get the same answer as the whole packet. */
bool loopguard_same(const struct split *split);

#endif
