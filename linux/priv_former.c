#include "linux/priv_former.h"

#include <stdlib.h>
#include <string.h>

#define LOOK_AGAIN_S 3600u

struct sorted {
	struct key_entry *entry;
};

static int by_key(const void *a, const void *b)
{
	const struct sorted *x = a, *y = b;

	return memcmp(&x->entry->key, &y->entry->key, sizeof(x->entry->key));
}

/* One of the entries that hold this key, in a list sorted by key; NULL: there is none. */
static struct sorted *find(struct sorted *list, uint32_t count, const struct public_key *key)
{
	struct key_entry wanted = { .key = *key };

	return bsearch(&(struct sorted){ &wanted }, list, count, sizeof(*list), by_key);
}

/* A key may lie there under several names. Returns how many ended here. */
static uint32_t end_all(struct sorted *list, uint32_t count, struct sorted *at)
{
	const struct public_key key = at->entry->key;
	uint32_t ended = 0;

	while (at > list && !memcmp(&at[-1].entry->key, &key, sizeof(key)))
		at--;
	for (; at < list + count && !memcmp(&at->entry->key, &key, sizeof(key)); at++) {
		ended += !at->entry->ended;
		at->entry->ended = true;
	}
	return ended;
}

static uint32_t mark(struct sorted *list, uint32_t count, const struct statement_folder *f,
		     struct moment now, struct instant *next)
{
	uint32_t ended = 0;

	for (uint32_t i = 0; i < f->count; i++) {
		const struct statement_entry *e = &f->entries[i];
		struct statement_claim claim; /* verified when it was read */
		struct sorted *old;

		if (e->state != STATEMENT_GOOD
		    || !statement_decode(bytes_of(e->wire, e->len), &claim)
		    || claim.body.kind != STATEMENT_SUCCESSOR)
			continue;
		old = find(list, count, &claim.body.issuer);
		if (!old || !find(list, count, &claim.body.subject))
			continue;

		uint64_t left = claim.body.until > now.wall.s ? claim.body.until - now.wall.s : 0;

		if (left)
			*next = instant_min(*next, instant_add(now.boot, span_s(
				left < LOOK_AGAIN_S ? left : LOOK_AGAIN_S)));
		else
			ended += end_all(list, count, old);
	}
	return ended;
}

uint32_t former_mark(struct key_folder *keys, const struct statement_folder *statements,
		     struct moment now, struct instant *next)
{
	struct sorted *list;
	uint32_t ended;

	*next = INSTANT_NEVER;
	for (uint32_t i = 0; i < keys->count; i++)
		keys->entries[i].ended = false;
	if (!keys->count || !statements->count)
		return 0;
	list = reallocarray(NULL, keys->count, sizeof(*list));
	if (!list) { /* they end later than they should, rather than all at once */
		*next = instant_add(now.boot, span_s(1));
		return 0;
	}
	for (uint32_t i = 0; i < keys->count; i++)
		list[i].entry = &keys->entries[i];
	qsort(list, keys->count, sizeof(*list), by_key);
	ended = mark(list, keys->count, statements, now, next);
	free(list);
	return ended;
}
