#include "base/outbox.h"
#include "base/bug.h"

#include <string.h>

void outbox_init(struct outbox *o, struct out *items, uint32_t cap, void *arena, size_t size)
{
	size_t skip = -(uintptr_t)arena % OUTBOX_ALIGN;

	if (skip > size)
		skip = size;
	*o = (struct outbox){ .items = items, .cap = cap, .size = size - skip };
	o->arena = (uint8_t *)arena + skip;
}

void outbox_clear(struct outbox *o)
{
	o->count = 0;
	o->used = 0;
	o->reserved = 0;
}

bool outbox_has_room(const struct outbox *o, uint32_t items, size_t bytes)
{
	size_t left = o->size - o->used, lost = (size_t)items * (OUTBOX_ALIGN - 1 + OUTBOX_FRAME);

	return items <= o->cap - o->count && lost <= left && bytes <= left - lost;
}

uint8_t *outbox_reserve(struct outbox *o, size_t len)
{
	o->reserved = 0;
	if (o->count == o->cap || len > o->size - o->used) {
		o->refused++;
		return NULL;
	}
	o->reserved = len;
	return o->arena + o->used;
}

struct out *outbox_commit_at(struct outbox *o, enum out_kind kind, uint8_t *at, size_t len)
{
	uint8_t *const reserved = o->arena + o->used;
	const size_t skip = (size_t)(at - reserved);
	struct out *item;

	BUG_ON(at < reserved || skip > o->reserved || len > o->reserved - skip);
	BUG_ON(len > UINT32_MAX || o->count == o->cap);
	item = &o->items[o->count++];
	*item = (struct out){ .kind = kind, .slot = UINT32_MAX, .len = (uint32_t)len };
	item->data = at;
	const size_t taken = skip + OUTBOX_PLACE(len);
	o->used += taken;
	if (o->used > o->size)
		o->used = o->size; /* only the last item may lack its padding */
	o->reserved -= taken < o->reserved ? taken : o->reserved;
	return item;
}

struct out *outbox_commit(struct outbox *o, enum out_kind kind, size_t len)
{
	struct out *item = outbox_commit_at(o, kind, o->arena + o->used, len);

	o->reserved = 0;
	return item;
}

bool outbox_frame(const struct outbox *o, struct out *item, uint32_t header)
{
	if ((size_t)(o->arena + o->size - item->data) < item->len + OUTBOX_FRAME)
		return false;
	memmove(item->data + OUTBOX_FRAME, item->data, item->len);
	store_be32(item->data, header);
	item->len += OUTBOX_FRAME;
	return true;
}
