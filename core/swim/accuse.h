/* accuse.h - accusations are signed by who makes them, and count only from who watches. */
#ifndef SWIM_ACCUSE_H
#define SWIM_ACCUSE_H

#include "swim/state.h"

/* Our own accusation of a member, with the sequence that we hold. */
void accuse_sign(const struct swim *s, uint32_t subject, struct signature *out);
/* The signature of that member under these words. */
bool accuse_verify(const struct swim *s, uint32_t accuser, const struct accusation *a) must_check;
/* Whether an accusation of the subject by that member (s->cap: us) counts: in a small mesh
 * anybody's, else that of its monitors, and of who would be one if a few members were not there,
 * since views differ a little. Never that of whom the subject does not admit, as far as we know:
 * he has no path to it, and it does not hear him to refute. */
bool accuse_admissible(struct swim *s, uint32_t accuser, uint32_t subject) must_check;
/* Everybody watches everybody. */
bool accuse_small(const struct swim *s);

/* Who is refuted again and again is not believed for a while: he begins no suspicion, and counts in
 * one only when others who are believed have said the same (suspicion_cares). */
void accuse_was_right(struct swim *s, uint32_t accuser, bool right);
bool accuse_believed(const struct swim *s, uint32_t accuser);

#endif
