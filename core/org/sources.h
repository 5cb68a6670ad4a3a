/* sources.h - how much of one address we listen to; for this room only.
 *
 * A token bucket for each source in a table of fixed size, as core/wg/ratelimit has them: a source
 * is an IPv4 address or an IPv6 /64, and one that is not there takes the place of the bucket of its
 * set that is closest to full, so nobody is locked out for want of room.
 */
#ifndef ORG_SOURCES_H
#define ORG_SOURCES_H

#include "base/bug.h"
#include "base/endpoint.h"
#include "base/instant.h"

#define SOURCES_PER_SECOND 20u
#define SOURCES_BURST 40u
#define SOURCES_WAYS 8u
#define SOURCES_SETS 256u

struct sources { /* zeroed at first */
	struct source {
		uint64_t hash;
		struct instant full;
	} list[SOURCES_SETS][SOURCES_WAYS];
};

/* Takes a token of that source; false: there is none. */
bool sources_take(struct sources *s, const uint8_t hash_key[static 16], const struct ip *from,
		  struct instant now) must_check;

#endif
