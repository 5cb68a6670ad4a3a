/* suspicion.h - from "it does not answer" to a verdict, and back. */
#ifndef SWIM_SUSPICION_H
#define SWIM_SUSPICION_H

#include "swim/gossip.h"

/* Whether an accusation that `from` passed on is worth checking its signature. */
bool suspicion_cares(struct swim *s, uint32_t slot, uint32_t accuser, uint32_t from);
/* One that suspicion_cares about, and whose signature is good. */
void suspicion_heard(struct swim *s, uint32_t slot, uint32_t accuser,
		     const struct signature *proof);
/* `from` takes it for dead, without proof: we look, if we are among those who watch it. */
void suspicion_look(struct swim *s, uint32_t slot, uint32_t from);
/* A probe of ours begins. */
void suspicion_probed(struct swim *s, uint32_t slot, struct instant began);
/* A probe of ours that began then failed although we are well. */
void suspicion_own(struct swim *s, uint32_t slot, struct instant began);
/* The probe that an accusation caused could not tell. */
void suspicion_untold(struct swim *s, uint32_t slot);
/* It lives: its accusers were wrong. */
void suspicion_clear(struct swim *s, uint32_t slot);
/* It left or goes: nobody was wrong. */
void suspicion_drop(struct swim *s, uint32_t slot);
void suspicion_tick(struct swim *s);
/* See swim_next_due. */
uint32_t suspicion_next_due(const struct swim *s, struct instant now, uint32_t *place);
/* We slept: nobody is to be blamed for that time. */
void suspicion_shift(struct swim *s, struct span by);
/* A member goes that may have accused others. */
void suspicion_forget_accuser(struct swim *s, uint32_t slot);

/* Who said it first; NONE: we, or nobody. */
uint32_t suspicion_by(const struct swim *s, uint32_t slot);
/* What is held against a member: the signature of this accuser (s->cap: ours); one accuser
 * (s->cap: us, if there is no other); all of it into a message, false if it does not fit. */
bool suspicion_proof(const struct swim *s, uint32_t slot, uint32_t accuser, struct signature *out);
uint32_t suspicion_accuser(const struct swim *s, uint32_t slot);
bool suspicion_put_proof(struct swim *s, struct draft *d, uint32_t slot);

#endif
