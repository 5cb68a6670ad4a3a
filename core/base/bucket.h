/* bucket.h - a token bucket in one instant: when it is full again. */
#ifndef BASE_BUCKET_H
#define BASE_BUCKET_H

#include "base/instant.h"

/* Takes one of `burst` tokens that come back one in `each`; *full: when all are back. */
static inline bool bucket_take(struct instant *full, struct instant now, struct span each,
			       uint64_t burst)
{
	if (instant_before(*full, now))
		*full = now;
	if (instant_since(*full, now).ns > (burst - 1) * each.ns)
		return false;
	*full = instant_add(*full, each);
	return true;
}

#endif
