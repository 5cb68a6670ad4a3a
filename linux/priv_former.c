#include "linux/priv_former.h"

#include <stdlib.h>
#include <string.h>

#define LOOK_AGAIN_S 3600u

static int by_key(const void *a, const void *b)
{
	const struct key_entry *const *x = a, *const *y = b;

	return memcmp(&(*x)->key, &(*y)->key, sizeof((*x)->key));
}

/* One of the entries that hold this key, in a list sorted by key; NULL: there is none. */
static struct key_entry **find(struct key_entry **list, uint32_t count,
			       const struct public_key *key)
{
	const struct key_entry wanted = { .key = *key };
	const struct key_entry *at = &wanted;

	return bsearch(&at, list, count, sizeof(*list), by_key);
}

/* A key may lie there under several names. Returns how many ended here. */
static uint32_t end_all(struct key_entry **list, uint32_t count, struct key_entry **at)
{
	const struct public_key key = (*at)->key;
	uint32_t ended = 0;

	while (at > list && !memcmp(&at[-1]->key, &key, sizeof(key)))
		at--;
	for (; at < list + count && !memcmp(&(*at)->key, &key, sizeof(key)); at++) {
		ended += !(*at)->ended;
		(*at)->ended = true;
	}
	return ended;
}

static uint32_t mark(struct key_entry **list, uint32_t count, const struct statement_folder *f,
		     struct moment now, struct instant *next)
{
	uint32_t ended = 0;

	for (uint32_t i = 0; i < f->count; i++) {
		const struct statement_entry *e = &f->entries[i];
		struct statement_claim claim; /* verified when it was read */
		struct key_entry **old;

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
	struct key_entry **list;
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
		list[i] = &keys->entries[i];
	qsort(list, keys->count, sizeof(*list), by_key);
	ended = mark(list, keys->count, statements, now, next);
	free(list);
	return ended;
}
