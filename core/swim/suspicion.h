/* suspicion.h - from "it does not answer" to a verdict, and back. */
#ifndef SWIM_SUSPICION_H
#define SWIM_SUSPICION_H

#include "swim/state.h"

/* `from` passed on that `accuser` gets no answer from the member: we look ourselves. */
void suspicion_heard(struct swim *s, uint32_t slot, uint32_t accuser, uint32_t from);
/* A probe of ours failed although we are well. */
void suspicion_own(struct swim *s, uint32_t slot);
/* The probe that an accusation caused could not tell: forgotten, unless our own suspicion runs. */
void suspicion_untold(struct swim *s, uint32_t slot);
/* It lives, left, died or goes. */
void suspicion_clear(struct swim *s, uint32_t slot);
void suspicion_tick(struct swim *s);
/* We slept: nobody is to be blamed for that time. */
void suspicion_shift(struct swim *s, struct span by);
/* A member goes that may have accused others. */
void suspicion_forget_accuser(struct swim *s, uint32_t slot);

#endif
