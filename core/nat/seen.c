/* What others see us as.
 *
 * Each answer to a probe tells the address that we were seen under. One member may lie, or see an
 * address that is good for nobody else (behind a NAT that maps each flow apart). So an address
 * counts when two members saw it, or one did and no other saw a different one of that kind. An
 * observation that was not repeated in the ten minutes before the newest of its kind is void. */
#include "nat/path_impl.h"

#include <string.h>

#define SEEN_LASTS span_s(600)
#define SEEN_MAX PATH_OBSERVERS

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

unsigned paths_seen_as(const struct paths *p, struct endpoint *out, unsigned n)
{
	bool left[PATH_OBSERVERS];
	unsigned count = 0;

	for (unsigned i = 0; i < PATH_OBSERVERS; i++)
		left[i] = counts(p, &p->seen[i]);
	while (count < n) {
		unsigned newest = PATH_OBSERVERS;
		bool known = false;

		for (unsigned i = 0; i < PATH_OBSERVERS; i++)
			if (left[i] && (newest == PATH_OBSERVERS ||
					p->seen[i].at.ns > p->seen[newest].at.ns))
				newest = i;
		if (newest == PATH_OBSERVERS)
			break;
		left[newest] = false;
		for (unsigned k = 0; k < count; k++)
			known |= endpoint_equal(&out[k], &p->seen[newest].as);
		if (!known)
			out[count++] = p->seen[newest].as;
	}
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
		path_fact_add(p, PATH_FACT_SEEN_AS, slot, as, 0);
}

void seen_forget(struct paths *p, uint32_t slot)
{
	for (struct seen *s = p->seen; s < p->seen + PATH_OBSERVERS; s++)
		if (s->by == slot)
			memset(s, 0, sizeof(*s));
}
