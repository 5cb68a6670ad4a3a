/* resume.h - whether this machine slept: the boot clock goes on meanwhile, the monotonic one does
 * not. */
#ifndef LINUX_RESUME_H
#define LINUX_RESUME_H

#include "base/instant.h"

#define RESUME_SLEPT span_s(30)

struct resume { uint64_t ahead; bool known; }; /* all zero: to begin with */

/* Both clocks, read just now. True if more than RESUME_SLEPT were slept since the last time. */
static inline bool resume_noticed(struct resume *r, struct instant boot, struct instant monotonic)
{
	uint64_t ahead = instant_since(boot, monotonic).ns;
	bool slept = r->known && ahead > r->ahead + RESUME_SLEPT.ns;

	/* Short naps add up to nothing: each is judged alone. */
	r->ahead = ahead;
	r->known = true;
	return slept;
}

/* CLOCK_MONOTONIC. */
struct instant resume_monotonic(void);

#endif
