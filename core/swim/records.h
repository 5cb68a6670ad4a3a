/* records.h - what others say: signed records, and accusations; what we make of it. */
#ifndef SWIM_RECORDS_H
#define SWIM_RECORDS_H

#include "swim/state.h"

/* Whether s holds just these bytes; they are as long as record_length says. */
bool records_hold(const void *s, struct bytes wire);
/* A record that came from `from`, well formed. bulk: as the answer to a list. */
void records_take(struct swim *s, uint32_t from, struct bytes wire, bool bulk);
void records_accused(struct swim *s, uint32_t from, const struct accusation *a);
/* `from` holds this member (s->cap: us) dead with the sequence that we hold. True: the proof is
 * of interest. */
bool records_said_dead(struct swim *s, uint32_t slot, uint32_t from);
/* Its key, of which there is a record, is used at two places. */
void records_conflict(struct swim *s, uint32_t slot);
/* The member itself was heard. */
void records_heard(struct swim *s, uint32_t slot);
/* A wish for a higher sequence that had to wait. */
void records_tick(struct swim *s);

/* Whether we met the others a few seconds ago, or still hear of them in bulk. */
bool records_joining(const struct swim *s);

#endif
