/* scope.h - what a peer may be told of: keys that it admits itself, and nothing else. */
#ifndef SWIM_SCOPE_H
#define SWIM_SCOPE_H

#include "swim/state.h"

/* Whom a peer admits, as far as we know; valid until the next message is taken in. */
struct scope_view {
	uint32_t self, peer;
	bool all;                 /* its list is ours */
	const uint64_t *bits;     /* else, by slot; NULL: it told us nothing of its list yet */
};

struct scope_view scope_with(const struct swim *s, uint32_t peer);
static inline bool scope_has(const struct scope_view *v, uint32_t slot)
{
	return v->all || slot == v->self || slot == v->peer
	       || (v->bits && v->bits[slot / 64] >> slot % 64 & 1);
}
bool scope_shares(const struct swim *s, uint32_t peer, uint32_t slot);
/* It told us its list, and this member is not in it. */
bool scope_lacks(const struct swim *s, uint32_t peer, uint32_t slot);

/* The tag of our list as `from`, if it is its list, too, gives it to `to`. Never 0. */
uint64_t scope_tag(const struct swim *s, uint32_t from, uint32_t to);
/* The fingerprint of a key in a list that `from` tells to `to`. */
uint64_t scope_print(const struct swim *s, uint32_t from, uint32_t to, uint64_t id);
/* What headers to this peer say: the digest of what both admit (and of both lists; 0: not known),
 * and the count of records of such. */
uint64_t scope_digest(const struct swim *s, uint32_t peer);
uint32_t scope_count(const struct swim *s, uint32_t peer);
/* Digests of what both admit by the first byte of the id. */
void scope_buckets(const struct swim *s, uint32_t peer, uint64_t out[WIRE_BUCKETS_COUNT]);

/* A header came: learns the tag of its sender's list, completes a brief one, and asks for the
 * list if it is not ours. False: a brief one whose digest is not ours (any more), which says
 * nothing. */
bool scope_heard(struct swim *s, uint32_t from, struct wire_header *h);
void scope_asked(struct swim *s, uint32_t from, const struct wire_message *m);
void scope_take(struct swim *s, uint32_t from, const struct wire_message *m);
/* What was known of its list is not: it may be another process than before. */
void scope_reset(struct swim *s, uint32_t peer);
void scope_forget(struct swim *s, uint32_t slot);
/* The share of a member in the view changes by this much, and the count of records. */
void scope_count_view(struct swim *s, uint32_t slot, uint64_t share, uint32_t records);

#endif
