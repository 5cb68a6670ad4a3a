/* net.h - addresses, routes and packets of the world; for world.c alone. */
#ifndef SIM_NET_H
#define SIM_NET_H

#include "sim/world.h"

/* A fresh underlay address for the machine. */
void net_give_address(struct world *w, uint32_t i);
/* Sends what the machine's node wished, and takes its packets. */
void net_carry_out(struct world *w, uint32_t i);
/* Who gets it, now that it arrives, and at which socket (d->from.socket); NOBODY. */
uint32_t net_receiver(struct world *w, struct datagram *d);

#endif
