/* rumour.h - what is new is told on, to a few at a time, until it has probably reached all. */
#ifndef ORG_RUMOUR_H
#define ORG_RUMOUR_H

#include "org/state.h"

/* Into the queue; from: who told us, NONE: nobody. */
void rumour_add(struct spread *s, const struct ref *ref, uint32_t from);
/* What lies in this slot is gone, or replaced. */
void rumour_drop(struct spread *s, const struct ref *ref);
/* A peer told us, too: that is one telling less for us. */
void rumour_heard(struct spread *s, const struct ref *ref);
/* A peer is gone, and its slot with it. */
void rumour_forget(struct spread *s, uint32_t slot);
/* There may be somebody to tell now. */
void rumour_wake(struct spread *s);
/* What is due. */
void rumour_tick(struct spread *s);
/* Writes one object; false: it does not fit. */
bool rumour_write(const struct spread *s, struct writer *w, const struct ref *ref);

#endif
