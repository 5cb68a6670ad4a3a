#include "base/heap.h"
#include "base/bug.h"

size_t heap_size(uint32_t cap)
{
	return (size_t)cap * (sizeof(struct instant) + 2 * sizeof(uint32_t));
}

void heap_init(struct heap *h, void *memory, uint32_t cap)
{
	struct instant *when = memory;
	uint32_t *order = (uint32_t *)(when + cap);

	*h = (struct heap){ .when = when, .order = order, .place = order + cap, .cap = cap };
}

static void put_at(struct heap *h, uint32_t i, uint32_t slot)
{
	h->order[i] = slot;
	h->place[slot] = i + 1;
}

static void rise(struct heap *h, uint32_t i, uint32_t slot)
{
	while (i && instant_before(h->when[slot], h->when[h->order[(i - 1) / 2]])) {
		put_at(h, i, h->order[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	put_at(h, i, slot);
}

static void sink(struct heap *h, uint32_t i, uint32_t slot)
{
	for (;;) {
		uint64_t child = 2 * (uint64_t)i + 1;

		if (child >= h->count)
			break;
		if (child + 1 < h->count
		    && instant_before(h->when[h->order[child + 1]], h->when[h->order[child]]))
			child++;
		if (!instant_before(h->when[h->order[child]], h->when[slot]))
			break;
		put_at(h, i, h->order[child]);
		i = (uint32_t)child;
	}
	put_at(h, i, slot);
}

/* Puts the slot at place i, or above or below, where its deadline belongs. */
static void settle(struct heap *h, uint32_t i, uint32_t slot)
{
	if (i && instant_before(h->when[slot], h->when[h->order[(i - 1) / 2]]))
		rise(h, i, slot);
	else
		sink(h, i, slot);
}

static void remove_at(struct heap *h, uint32_t i)
{
	uint32_t last = h->order[--h->count];

	h->place[h->order[i]] = 0;
	if (i < h->count)
		settle(h, i, last);
}

void heap_set(struct heap *h, uint32_t slot, struct instant when)
{
	BUG_ON(slot >= h->cap);
	if (when.ns == INSTANT_NEVER.ns) {
		if (h->place[slot])
			remove_at(h, h->place[slot] - 1);
		return;
	}
	h->when[slot] = when;
	if (h->place[slot])
		settle(h, h->place[slot] - 1, slot);
	else
		rise(h, h->count++, slot);
}

struct instant heap_when(const struct heap *h, uint32_t slot)
{
	BUG_ON(slot >= h->cap);
	return h->place[slot] ? h->when[slot] : INSTANT_NEVER;
}

struct instant heap_first(const struct heap *h)
{
	return h->count ? h->when[h->order[0]] : INSTANT_NEVER;
}

uint32_t heap_pop(struct heap *h, struct instant now)
{
	uint32_t slot;

	if (!h->count || !instant_reached(h->when[h->order[0]], now))
		return HEAP_NONE;
	slot = h->order[0];
	remove_at(h, 0);
	return slot;
}
