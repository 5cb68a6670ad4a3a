/* dialback.c - proof that strangers reach us: one did.
 *
 * A packet of a member from an address of the Internet that we never sent anything to cannot have
 * passed a NAT or a firewall as an answer. What the kernel or a router remembers of a former
 * process of ours, or of a datagram of long ago, must not count: an address is forgotten ten
 * minutes after the last datagram to it, and a node that was restarted believes nothing for its
 * first three minutes.
 *
 * A call is not authentic, and we answer it: who calls from such an address is remembered, and
 * counts when an authentic packet of the same member follows from there.
 */
#include "nat/path_impl.h"

#include "crypto/hash.h"

#include <string.h>

#define REMEMBERED span_s(600)
#define FORMER_FLOWS span_s(180)
#define CALL_LASTS span_s(5)

static struct instant *sent_to(struct paths *p, const struct ip *ip)
{
	uint64_t hash = siphash(p->config.hash_key, ip->b, ip_bits(ip) / 8);

	return &p->dialback.sent[hash % DIALBACK_IPS];
}

static bool is_unasked(struct paths *p, const struct endpoint *from, struct instant now)
{
	const struct instant *sent = sent_to(p, &from->ip);

	return instant_reached(p->dialback.from, now) && !from->socket &&
	       !ip_is_private(&from->ip) && !ip_is_link_local(&from->ip) &&
	       !ip_is_loopback(&from->ip) &&
	       (!instant_is_set(*sent) || instant_since(now, *sent).ns > REMEMBERED.ns);
}

void dialback_init(struct paths *p, struct instant now)
{
	p->dialback.from = p->config.restarted ? instant_add(now, FORMER_FLOWS) : now;
}

void dialback_reset(struct paths *p, struct instant now)
{
	p->dialback.proved = INSTANT_ZERO;
	memset(p->dialback.calls, 0, sizeof(p->dialback.calls));
	p->dialback.from = instant_add(now, FORMER_FLOWS);
}

void paths_sent_to(struct paths *p, const struct ip *to, struct instant now)
{
	*sent_to(p, to) = now;
}

static void prove(struct paths *p, const struct endpoint *from, struct instant now)
{
	bool news = !instant_is_set(p->dialback.proved);

	p->dialback.proved = now;
	if (news)
		path_fact_add(p, PATH_FACT_SEEN_AS, NO_SLOT, from, 0);
}

void dialback_called(struct paths *p, uint32_t slot, const struct endpoint *from,
		     struct instant now)
{
	if (is_unasked(p, from, now))
		p->dialback.calls[p->dialback.calls_at++ % DIALBACK_CALLS] =
			(struct dialled){ .by = *from, .slot = slot, .at = now };
}

void dialback_answered(struct paths *p, uint32_t slot, const struct endpoint *from,
		       struct instant now)
{
	for (struct dialled *d = p->dialback.calls; d < p->dialback.calls + DIALBACK_CALLS; d++) {
		if (!instant_is_set(d->at) || d->slot != slot || !endpoint_equal(&d->by, from))
			continue;
		if (instant_since(now, d->at).ns < CALL_LASTS.ns)
			prove(p, from, now);
		d->at = INSTANT_ZERO;
	}
}

void dialback_heard(struct paths *p, uint32_t slot, const struct endpoint *from,
		    struct instant now)
{
	if (is_unasked(p, from, now))
		prove(p, from, now);
	else
		dialback_answered(p, slot, from, now);
}

struct instant paths_dialled_back(const struct paths *p)
{
	return p->dialback.proved;
}
