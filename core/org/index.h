/* index.h - what is held, by org and hash: one sorted array. */
#ifndef ORG_INDEX_H
#define ORG_INDEX_H

#include "org/state.h"

/* A reference in; O(number held) words are moved. There is room: as much as in the stores. */
void index_add(struct spread *s, const struct ref *ref);
/* That of this org, hash, kind and slot out again; it must be there (BUG). */
void index_remove(struct spread *s, const struct ref *ref);
/* For many at once: append in any order, then sort. */
void index_append(struct spread *s, const struct ref *ref);
void index_sort(struct spread *s);

/* An object of this org with this hash, or NULL. */
const struct ref *index_find(const struct spread *s, unsigned org, uint64_t hash);
/* All of an org: *first in s->refs; returns how many. */
uint32_t index_of_org(const struct spread *s, unsigned org, uint32_t *first);
/* Sums of an org's hashes by their highest bits. */
void index_buckets(const struct spread *s, unsigned org, uint64_t out[SPREAD_BUCKETS]);
static inline unsigned bucket_of(uint64_t hash)
{
	return (unsigned)(hash >> 58);
}

#endif
