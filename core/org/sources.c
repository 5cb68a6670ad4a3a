#include "org/sources.h"
#include "base/bucket.h"
#include "crypto/hash.h"

#include <string.h>

#define EACH ((struct span){ UINT64_C(1000000000) / SOURCES_PER_SECOND })

static struct source *find(struct sources *s, uint64_t hash)
{
	struct source *set = s->list[hash % SOURCES_SETS], *fullest = set;

	for (struct source *at = set; at < set + SOURCES_WAYS; at++) {
		if (at->hash == hash)
			return at;
		if (instant_before(at->full, fullest->full))
			fullest = at;
	}
	*fullest = (struct source){ .hash = hash };
	return fullest;
}

bool sources_take(struct sources *s, const uint8_t hash_key[static 16], const struct ip *from,
		  struct instant now)
{
	uint8_t source[9] = { from->family };

	memcpy(source + 1, from->b, from->family == FAMILY_IPV4 ? 4 : 8);
	return bucket_take(&find(s, siphash(hash_key, source, sizeof(source)))->full, now, EACH,
			   SOURCES_BURST);
}
