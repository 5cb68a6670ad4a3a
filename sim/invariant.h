/* invariant.h - what holds in every world, whatever happens: checked at each event and datagram.
 *
 * - a member is revived by a higher sequence that it signed itself, or by its own traffic - states
 * change only as they may, and sequences that somebody knows never fall - a machine's own sequence
 * never falls, restarts included, while its disk is kept - nobody tells, holds or reports anything
 * about a key that he does not admit, or tells it to somebody who does not admit it either (a
 * minute after that one ceased to, and told so) - nothing is told of a record that its subject has
 * not signed - what is sent can be read by whom it is sealed for, and no counter is used twice
 * - datagrams of the control channel have at most 1232 bytes, and a machine's gossip keeps its
 * budget - who is accused again and again answers with a higher sequence - who hears nobody judges
 * nobody, but may take all for lost at once - who stood still judges nobody within a second - an
 * accusation is passed on only if its accuser may watch the accused by the view of him who passes
 * it on, and a verdict without a suspicion of one's own needs four such, in a mesh of more than 32
 * others - tables hold no more than they have room for - who does not relay has no channel of
 * others, and a path through somebody leads through a member that is trusted and is not the peer
 * - events and reports agree - time goes on
 *
 * (Packets through tunnels: sim/net.c.) */
#ifndef SIM_INVARIANT_H
#define SIM_INVARIANT_H

#include "sim/world.h"

struct invariants;
/* Becomes the world's watcher; freed before the world. */
struct invariants *invariants_attach(struct world *w);
void invariants_free(struct invariants *v);

#endif
