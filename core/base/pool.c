#include "base/pool.h"
#include "base/bug.h"

#define POOL_USED (UINT32_MAX - 1)

size_t pool_size(uint32_t cap)
{
	return (size_t)cap * sizeof(uint32_t);
}

void pool_init(struct pool *p, void *memory, uint32_t cap)
{
	BUG_ON(cap >= POOL_USED);
	*p = (struct pool){ .next = memory, .cap = cap, .free = POOL_NONE };
}

uint32_t pool_get(struct pool *p)
{
	uint32_t slot = p->free;

	if (slot != POOL_NONE)
		p->free = p->next[slot];
	else if (p->fresh < p->cap)
		slot = p->fresh++;
	else
		return POOL_NONE;
	p->next[slot] = POOL_USED;
	p->count++;
	return slot;
}

void pool_put(struct pool *p, uint32_t slot)
{
	BUG_ON(!pool_used(p, slot));
	p->next[slot] = p->free;
	p->free = slot;
	p->count--;
}

bool pool_used(const struct pool *p, uint32_t slot)
{
	return slot < p->fresh && p->next[slot] == POOL_USED;
}
