/* What others see us as.
 *
 * Each answer to a probe tells the address that we were seen under, and so does a STUN server. One
 * observer may lie, or see an address that is good for nobody else (behind a NAT that maps each
 * flow apart). So an address counts when two saw it, or one did and no other saw a different one of
 * that kind. An observation that was not repeated in the ten minutes before the newest of its kind
 * is void. */
#include "nat/path_impl.h"

#include <string.h>

#define SEEN_LASTS span_s(600)
#define SEEN_MAX PATH_OBSERVERS
#define FIRST_SERVER (UINT32_MAX - PATH_SERVERS) /* above all slots, below NO_SLOT */
#define SEEN_TOGETHER span_s(120)
#define SEQUENTIAL 20

/* Never 0. */
static uint8_t kind_of(const struct ip *ip)
{
	return (uint8_t)(ip->family << 1 | ip_is_private(ip));
}

static bool counts(const struct paths *p, const struct seen *s)
{
	bool agreed = false, disputed = false;

	if (!instant_is_set(s->at))
		return false;
	for (const struct seen *o = p->seen; o < p->seen + PATH_OBSERVERS; o++) {
		if (o == s || !instant_is_set(o->at) || o->kind != s->kind)
			continue;
		if (instant_since(o->at, s->at).ns > SEEN_LASTS.ns)
			return false;
		if (instant_since(s->at, o->at).ns > SEEN_LASTS.ns)
			continue;
		if (!endpoint_equal(&o->as, &s->as))
			disputed = true;
		else if (o->by != s->by)
			agreed = true;
	}
	return agreed || !disputed;
}

/* The newest of those that are left, which is left no more; PATH_OBSERVERS: none is. */
static unsigned take_newest(const struct paths *p, bool left[static PATH_OBSERVERS])
{
	unsigned newest = PATH_OBSERVERS;

	for (unsigned i = 0; i < PATH_OBSERVERS; i++)
		if (left[i] && (newest == PATH_OBSERVERS ||
				p->seen[i].at.ns > p->seen[newest].at.ns))
			newest = i;
	if (newest < PATH_OBSERVERS)
		left[newest] = false;
	return newest;
}

unsigned paths_seen_as(const struct paths *p, struct endpoint *out, unsigned n)
{
	bool left[PATH_OBSERVERS];
	unsigned count = 0, i;

	for (i = 0; i < PATH_OBSERVERS; i++)
		left[i] = counts(p, &p->seen[i]);
	while (count < n && (i = take_newest(p, left)) < PATH_OBSERVERS) {
		bool known = false;

		for (unsigned k = 0; k < count; k++)
			known |= endpoint_equal(&out[k], &p->seen[i].as);
		if (!known)
			out[count++] = p->seen[i].as;
	}
	return count;
}

unsigned paths_seen_any(const struct paths *p, struct endpoint *out, unsigned n)
{
	bool left[PATH_OBSERVERS];
	unsigned count = 0, i;

	for (i = 0; i < PATH_OBSERVERS; i++)
		left[i] = instant_is_set(p->seen[i].at);
	while (count < n && (i = take_newest(p, left)) < PATH_OBSERVERS)
		out[count++] = p->seen[i].as;
	return count;
}

static bool same_set(const struct endpoint *a, unsigned na, const struct endpoint *b, unsigned nb)
{
	unsigned found = 0;

	for (unsigned i = 0; i < na; i++)
		for (unsigned k = 0; k < nb; k++)
			found += endpoint_equal(&a[i], &b[k]);
	return na == nb && found == na;
}

/* The place of what this member saw before, of that kind; else the one that is oldest. */
static struct seen *place_for(struct paths *p, uint32_t slot, const struct endpoint *as)
{
	struct seen *place = p->seen;
	uint8_t kind = kind_of(&as->ip);

	for (struct seen *s = p->seen; s < p->seen + PATH_OBSERVERS; s++) {
		if (instant_is_set(s->at) && s->by == slot && s->kind == kind)
			return s;
		if (s->at.ns < place->at.ns)
			place = s;
	}
	return place;
}

/* Somebody saw an address of that kind, and all who did saw this one. */
static bool all_saw(const struct paths *p, const struct endpoint *as)
{
	bool any = false;

	for (const struct seen *s = p->seen; s < p->seen + PATH_OBSERVERS; s++) {
		if (!instant_is_set(s->at) || s->kind != kind_of(&as->ip))
			continue;
		if (!endpoint_equal(&s->as, as))
			return false;
		any = true;
	}
	return any;
}

void seen_add(struct paths *p, uint32_t slot, const struct endpoint *as, struct instant now)
{
	struct endpoint before[SEEN_MAX], after[SEEN_MAX];
	struct seen *place = place_for(p, slot, as);
	unsigned n_before = 0, n_after;
	bool agreed;

	if (instant_is_set(place->at) && place->by == slot && endpoint_equal(&place->as, as)) {
		place->at = now;
		return;
	}
	agreed = (!instant_is_set(place->at) || place->kind == kind_of(&as->ip)) &&
		 all_saw(p, as);
	if (!agreed)
		n_before = paths_seen_as(p, before, SEEN_MAX);
	*place = (struct seen){
		.as = { .ip = ip_of(as->ip.family, as->ip.b), .port = as->port },
		.kind = kind_of(&as->ip), .by = slot, .at = now,
	};
	if (agreed)
		return; /* nothing can have changed */
	n_after = paths_seen_as(p, after, SEEN_MAX);
	if (!same_set(before, n_before, after, n_after))
		path_fact_add(p, PATH_FACT_SEEN_AS, slot < FIRST_SERVER ? slot : NO_SLOT, as, 0);
}

void paths_seen_by_server(struct paths *p, unsigned server, const struct endpoint *as,
			  struct instant now)
{
	seen_add(p, FIRST_SERVER + server, as, now);
}

struct instant paths_told_at(const struct paths *p)
{
	struct instant last = INSTANT_ZERO;

	for (const struct seen *s = p->seen; s < p->seen + PATH_OBSERVERS; s++)
		if (instant_is_set(s->at) && s->by < FIRST_SERVER && !ip_is_private(&s->as.ip) &&
		    instant_before(last, s->at))
			last = s->at;
	return last;
}

/* What was seen long before the newest was seen before the NAT forgot us, perhaps. */
static bool is_of(const struct paths *p, const struct seen *s, uint8_t family)
{
	if (!instant_is_set(s->at) || s->as.ip.family != family || ip_is_private(&s->as.ip))
		return false;
	for (const struct seen *o = p->seen; o < p->seen + PATH_OBSERVERS; o++)
		if (o->kind == s->kind && instant_since(o->at, s->at).ns > SEEN_TOGETHER.ns)
			return false;
	return true;
}

static bool is_own(const struct ip *ip, const struct ip *own, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (ip_equal(&own[i], ip))
			return true;
	return false;
}

/* Two saw the same: it does not depend on who looks, whatever a third one says. */
static enum nat_kind mapping(const struct paths *p, uint8_t family, const struct ip *own,
			     unsigned n_own)
{
	const struct seen *first = NULL;
	bool differ = false, same_ip = true, all_own = true;
	uint16_t low = UINT16_MAX, high = 0;

	for (const struct seen *s = p->seen; s < p->seen + PATH_OBSERVERS; s++) {
		if (!is_of(p, s, family))
			continue;
		for (const struct seen *o = p->seen; o < s; o++)
			if (o->by != s->by && is_of(p, o, family) && endpoint_equal(&o->as, &s->as))
				return is_own(&s->as.ip, own, n_own) ? NAT_PUBLIC : NAT_EASY;
		first = first ? first : s;
		differ |= !endpoint_equal(&first->as, &s->as);
		same_ip &= ip_equal(&first->as.ip, &s->as.ip);
		all_own &= is_own(&s->as.ip, own, n_own);
		low = s->as.port < low ? s->as.port : low;
		high = s->as.port > high ? s->as.port : high;
	}
	if (!first)
		return NAT_UNKNOWN;
	if (!differ || all_own) /* of several own addresses others see several */
		return all_own ? NAT_PUBLIC : NAT_EASY;
	return same_ip && high - low <= SEQUENTIAL ? NAT_HARD_SEQUENTIAL : NAT_HARD;
}

unsigned paths_observers(const struct paths *p)
{
	unsigned count = 0;

	for (const struct seen *s = p->seen; s < p->seen + PATH_OBSERVERS; s++)
		count += is_of(p, s, FAMILY_IPV4);
	return count;
}

enum nat_kind paths_nat_kind(const struct paths *p, const struct ip *own, unsigned n)
{
	enum nat_kind kind = mapping(p, FAMILY_IPV4, own, n);

	if (kind == NAT_UNKNOWN)
		kind = mapping(p, FAMILY_IPV6, own, n);
	return instant_is_set(p->dialback.proved) ? NAT_PUBLIC : kind;
}

void seen_forget(struct paths *p, uint32_t slot)
{
	for (struct seen *s = p->seen; s < p->seen + PATH_OBSERVERS; s++)
		if (s->by == slot)
			memset(s, 0, sizeof(*s));
}
