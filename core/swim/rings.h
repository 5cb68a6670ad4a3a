/* rings.h - who watches whom: circles on which members are ordered by a hash of their id. */
#ifndef SWIM_RINGS_H
#define SWIM_RINGS_H

#include "swim/state.h"

/* Fills in the places of an id. */
void rings_place(struct swim_identity *identity);
/* A member with a record, or this node, comes and goes. */
void rings_add(struct swim *s, uint32_t slot);
void rings_remove(struct swim *s, uint32_t slot);
/* The next living member after us on this ring; NONE: there is none. */
uint32_t rings_successor(struct swim *s, unsigned ring);
/* How many living members lie between a watcher and a subject on the ring where they are fewest,
 * plus one; 0: above `most` on each. Not counted: the suspected, and who does not admit the subject
 * or is not admitted by it. */
unsigned rings_rank(struct swim *s, uint32_t watcher, uint32_t subject, unsigned most);

#endif
