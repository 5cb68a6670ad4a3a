/* ratelimit.h - how many handshake messages one source may cost us under load.
 *
 * A token bucket for each source: 20 a second, 5 at once. A source is an IPv4 address or
 * an IPv6 /64, since whoever has one address of a /64 has all of them; behind a relay, one of its
 * channels.
 */
#ifndef WG_RATELIMIT_H
#define WG_RATELIMIT_H

#include "base/bug.h"
#include "base/endpoint.h"
#include "base/instant.h"

#define RATELIMIT_PER_SECOND 20u
#define RATELIMIT_BURST 5u
#define RATELIMIT_ENTRIES 8192u

struct ratelimit;

size_t ratelimit_size(void);
/* memory: ratelimit_size() bytes, zeroed, aligned for uint64_t; the caller's, and lives as long.
 * hash_key: random, so that nobody can choose sources that meet in one place of the table. */
struct ratelimit *ratelimit_init(void *memory, const uint8_t hash_key[16]);
/* Takes a token of the source's bucket; false if there is none. now must not go back. */
bool ratelimit_allow(struct ratelimit *r, const struct ip *from, uint32_t channel,
		     struct instant now) must_check;

#endif
