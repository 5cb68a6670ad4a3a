#include "dns/limit.h"

#include "base/bucket.h"

#define OWN_BURST 2000u
#define OWN_EACH (struct span){ 500000u }
#define SOURCE_BURST 32u
#define SOURCE_EACH span_ms(50)
#define PEERS_BURST 256u
#define PEERS_EACH span_ms(2)

/* The bucket of that address, or the one that is full again first. */
static struct dns_source *source_of(struct dns_limit *l, const struct ip *ip)
{
	struct dns_source *found = l->sources;

	for (struct dns_source *s = l->sources; s < l->sources + DNS_LIMIT_SOURCES; s++) {
		if (ip_equal(&s->ip, ip))
			return s;
		if (instant_before(s->full, found->full))
			found = s;
	}
	*found = (struct dns_source){ .ip = *ip };
	return found;
}

/* The source first: what it has too much of is taken from nobody. */
bool dns_limit_take(struct dns_limit *l, const struct ip *from, struct instant now)
{
	if (!from)
		return bucket_take(&l->own_full, now, OWN_EACH, OWN_BURST);
	return bucket_take(&source_of(l, from)->full, now, SOURCE_EACH, SOURCE_BURST) &&
	       bucket_take(&l->peers_full, now, PEERS_EACH, PEERS_BURST);
}
