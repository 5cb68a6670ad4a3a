/* probe.h - pings of ours, and pings for others. */
#ifndef SWIM_PROBE_H
#define SWIM_PROBE_H

#include "swim/state.h"

/* False when too many run. Does nothing, and is true, when one to this member runs. */
bool probe_start(struct swim *s, uint32_t slot);
bool probe_running(const struct swim *s, uint32_t slot);
/* When the one that runs began; INSTANT_ZERO: none runs. */
struct instant probe_began(const struct swim *s, uint32_t slot);
/* One ping, outside of any probe when id is 0. */
void probe_ping(struct swim *s, uint32_t to, uint32_t id);
/* A sign of life, from itself or by a helper: what runs has succeeded. */
void probe_success(struct swim *s, uint32_t slot);
/* `from` says of the target of our probe with this id that it answered him, or did not. */
void probe_helped(struct swim *s, uint32_t from, uint32_t id, bool forwarded);
/* Whatever runs to it is of no interest any more. */
void probe_drop(struct swim *s, uint32_t slot);
void probe_tick(struct swim *s);
/* No probe's failure counts: we slept. */
void probe_drop_all(struct swim *s);
void probe_forget(struct swim *s, uint32_t slot);
/* Whether there is anybody whom we could probe, directly or through others. */
bool probe_possible(const struct swim *s);
struct instant probe_deadline(const struct swim *s);

/* A PING_REQ from `origin`, and the answer of a target. */
void errand_start(struct swim *s, uint32_t origin, uint32_t id, const struct public_key *target);
void errand_answered(struct swim *s, uint32_t target, uint32_t ping_id);

#endif
