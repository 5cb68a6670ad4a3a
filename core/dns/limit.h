/* limit.h - how often questions are answered: token buckets for each source and for all, so that a
 * peer that asks without end costs little, and keeps nobody else from his answer. What is beyond
 * gets no answer. */
#ifndef DNS_LIMIT_H
#define DNS_LIMIT_H

#include "base/bug.h"
#include "base/endpoint.h"
#include "base/instant.h"

#define DNS_LIMIT_SOURCES 64u

/* All zeros to begin with. */
struct dns_limit {
	struct instant own_full;     /* of this host */
	struct instant peers_full;   /* of all others together */
	struct dns_source {
		struct ip ip;
		struct instant full;
	} sources[DNS_LIMIT_SOURCES];
};

/* Whether a question may be answered. from: NULL for this host itself: 2000 at once, then 2000 a
 * second. Of each other address 32 at once, then 20 a second; of all of them 256 at once, then 500
 * a second. The 64 newest sources are told apart; who asks least gives way. */
bool dns_limit_take(struct dns_limit *l, const struct ip *from, struct instant now) must_check;

#endif
