#include "base/event.h"
#include "base/bug.h"

void event_ring_init(struct event_ring *r, struct event *memory, uint32_t cap)
{
	BUG_ON(cap == 0);
	*r = (struct event_ring){ .events = memory, .cap = cap };
}

void event_emit(struct event_ring *r, const struct event *e)
{
	struct event *to = &r->events[r->count % r->cap];

	*to = *e;
	to->number = ++r->count;
}

const struct event *event_get(const struct event_ring *r, uint64_t number)
{
	if (!number || number > r->count || r->count - number >= r->cap)
		return NULL;
	return &r->events[(number - 1) % r->cap];
}
