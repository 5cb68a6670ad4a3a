/* addresses.c - the table of a member's addresses: what is in it, and what gives way. */
#include "nat/path_impl.h"

#define STALE_PLACES 2u

struct address *path_find(struct paths *p, uint32_t slot, const struct endpoint *e)
{
	struct path *path = &p->list[slot];

	for (unsigned i = 0; i < path->count; i++)
		if (endpoint_equal(&path->list[i].to, e))
			return &path->list[i];
	return NULL;
}

/* The one that is least worth keeping: never claims nor what is in use; first what may have been
 * replayed, then what answered longest ago. What is not fresh replaces only its like. */
static unsigned find_victim(const struct path *path, bool fresh)
{
	unsigned victim = NO_ADDRESS;

	for (unsigned i = 0; i < path->count; i++) {
		const struct address *a = &path->list[i];
		const struct address *v = &path->list[victim % PATH_ADDRESSES];

		if (i == path->best || a->claimed || (a->fresh && !fresh))
			continue;
		if (victim == NO_ADDRESS || a->fresh < v->fresh ||
		    (a->fresh == v->fresh && a->answered.ns < v->answered.ns))
			victim = i;
	}
	return victim;
}

static unsigned count_fresh(const struct path *path)
{
	unsigned n = 0;

	for (unsigned i = 0; i < path->count; i++)
		n += path->list[i].fresh;
	return n;
}

/* Who was restarted comes from a new port with words that are not fresh yet: two places are kept
 * for those, whatever came before. */
static void leave_places(struct path *path)
{
	while (count_fresh(path) > PATH_ADDRESSES - STALE_PLACES) {
		unsigned victim = NO_ADDRESS;

		for (unsigned i = 0; i < path->count; i++) {
			const struct address *a = &path->list[i];

			if (i != path->best && !a->claimed && a->fresh &&
			    (victim == NO_ADDRESS || a->heard.ns < path->list[victim].heard.ns))
				victim = i;
		}
		if (victim == NO_ADDRESS)
			return;
		path_drop_address(path, victim);
	}
}

/* The address of this member with that endpoint, made when it is new. NULL: unusable, or no
 * room. */
struct address *path_address(struct paths *p, uint32_t slot, const struct endpoint *e, bool fresh)
{
	struct path *path = &p->list[slot];
	struct address *known = path_find(p, slot, e);
	unsigned place = path->count;

	if (known) {
		known->fresh |= fresh;
		return known;
	}
	if (!path_usable(p, e))
		return NULL;
	leave_places(path);
	place = path->count;
	if (place == PATH_ADDRESSES)
		place = find_victim(path, fresh);
	else
		path->count++;
	if (place == NO_ADDRESS)
		return NULL;
	path->list[place] = (struct address){ .to = *e, .next = INSTANT_NEVER, .fresh = fresh };
	return &path->list[place];
}

void path_drop_address(struct path *path, unsigned i)
{
	unsigned last = --path->count;

	if (i != last) {
		path->list[i] = path->list[last];
		if (path->best == last)
			path->best = (uint8_t)i;
	}
}

bool path_was_asked(const struct path *path)
{
	for (unsigned i = 0; i < path->count; i++)
		if (instant_is_set(path->list[i].sent))
			return true;
	return false;
}

bool address_asked(const struct address *a, struct instant now)
{
	return a->asked && instant_since(now, a->since).ns < ANSWER_LATEST.ns;
}

void paths_relay(struct paths *p, uint32_t slot, const struct endpoint *at, struct instant now)
{
	struct address *a = p->list[slot].admitted ? path_address(p, slot, at, true) : NULL;

	if (!a || a->waiting)
		return;
	a->tries = 0;
	a->next = now;
	path_reschedule(p, slot);
}

void paths_relay_gone(struct paths *p, uint32_t slot, const struct endpoint *at,
		      struct instant now)
{
	struct path *path = &p->list[slot];
	struct address *a = path->admitted ? path_find(p, slot, at) : NULL;

	if (!a)
		return;
	if (path->best != NO_ADDRESS && a == &path->list[path->best])
		path_lost(p, slot, now);
	path_drop_address(path, (unsigned)(a - path->list));
	path_reschedule(p, slot);
}
