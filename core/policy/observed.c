#include "policy/observed.h"

#define WAYS 32u
#define SETS (OBSERVED_PLACES / WAYS)

struct observations {
	struct observed sets[SETS][WAYS];
};

size_t observed_size(void)
{
	return sizeof(struct observations);
}

struct observations *observed_init(void *memory)
{
	return memory;
}

static bool is_same(const struct observed *a, const struct observed *b)
{
	return a->times && a->peer == b->peer && a->port == b->port && a->kind == b->kind &&
	       a->protocol == b->protocol;
}

static bool gives_way_before(const struct observed *a, const struct observed *b)
{
	return a->times < b->times || (a->times == b->times && instant_before(a->last, b->last));
}

void observed_note(struct observations *o, const struct observed *what, struct instant now)
{
	struct observed *set = o->sets[what->peer % SETS], *place = set;

	for (struct observed *at = set; at < set + WAYS; at++) {
		if (is_same(at, what)) {
			at->times++;
			at->last = now;
			return;
		}
		if (gives_way_before(at, place))
			place = at;
	}
	*place = *what;
	place->times = 1;
	place->first = place->last = now;
}

void observed_forget_peer(struct observations *o, uint32_t peer)
{
	struct observed *set = o->sets[peer % SETS];

	for (struct observed *at = set; at < set + WAYS; at++)
		if (at->peer == peer)
			*at = (struct observed){ 0 };
}

const struct observed *observed_at(const struct observations *o, uint32_t place)
{
	const struct observed *at;

	BUG_ON(place >= OBSERVED_PLACES);
	at = &o->sets[place / WAYS][place % WAYS];
	return at->times ? at : NULL;
}
