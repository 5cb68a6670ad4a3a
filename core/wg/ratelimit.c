/* ratelimit.c - token buckets in a table of fixed size, eight ways to a set.
 *
 * A bucket is one number: the instant at which it will be full again (`full_at`). A token
 * costs 50 ms; there is one left while the bucket is at most 200 ms away from full. A bucket
 * that is full again says nothing about its source that a missing one does not say as well,
 * so it may be overwritten freely: no sweeping is needed.
 *
 * A source looks only into its set of eight, found by a keyed hash. When it is not there it
 * takes the place of the bucket that is closest to full. So:
 * - no source is ever locked out for want of room;
 * - what is lost is worth the least: a flood of sources that send one packet each (50 ms from
 *   full) evicts its own members, and never a source that has used up its bucket (200 ms and
 *   more), unless all the other seven of its set are kept just as empty. Who wants to reset one
 *   bucket without knowing the hash key must keep most of the table so empty: as many
 *   handshakes as 8192 honest sources may make, each of them with a cookie that shows that
 *   the source is real.
 */
#include "wg/ratelimit.h"

#include "crypto/hash.h"

#include <string.h>

#define WAYS 8u
#define SETS (RATELIMIT_ENTRIES / WAYS)
#define TOKEN (UINT64_C(1000000000) / RATELIMIT_PER_SECOND)

struct bucket {
	uint64_t source;        /* keyed hash of the source: 64 bits are as good as the address */
	struct instant full_at; /* in the past: full; so is an unused one */
};

struct ratelimit {
	uint8_t hash_key[16];
	struct bucket buckets[SETS][WAYS];
};

size_t ratelimit_size(void)
{
	return sizeof(struct ratelimit);
}

struct ratelimit *ratelimit_init(void *memory, const uint8_t hash_key[16])
{
	struct ratelimit *r = memory;

	memcpy(r->hash_key, hash_key, sizeof(r->hash_key));
	return r;
}

static uint64_t hash_of(const struct ratelimit *r, const struct ip *from, uint32_t channel)
{
	uint8_t source[13] = { from->family };

	memcpy(source + 1, from->b, from->family == FAMILY_IPV4 ? 4 : 8);
	store_be32(source + 9, channel);
	return siphash(r->hash_key, source, sizeof(source));
}

static struct bucket *find(struct ratelimit *r, uint64_t source)
{
	struct bucket *set = r->buckets[source % SETS];
	struct bucket *fullest = set;

	for (struct bucket *b = set; b < set + WAYS; b++) {
		if (b->source == source)
			return b;
		if (instant_before(b->full_at, fullest->full_at))
			fullest = b;
	}
	*fullest = (struct bucket){ .source = source };
	return fullest;
}

bool ratelimit_allow(struct ratelimit *r, const struct ip *from, uint32_t channel,
		     struct instant now)
{
	struct bucket *b = find(r, hash_of(r, from, channel));

	if (instant_before(b->full_at, now))
		b->full_at = now;
	if (instant_since(b->full_at, now).ns > (RATELIMIT_BURST - 1) * TOKEN)
		return false;
	b->full_at = instant_add(b->full_at, (struct span){ TOKEN });
	return true;
}
