/* index.c - a sorted array: what is asked most is a range, and there are far fewer changes (each
 * costs a signature check) than words to move would make dear. */
#include "org/index.h"

#include <string.h>

_Static_assert(SPREAD_BUCKETS == 64, "bucket_of takes six bits");

static bool before(const struct ref *a, unsigned org, uint64_t hash)
{
	return a->org != org ? a->org < org : a->hash < hash;
}

/* The first that is not before. */
static uint32_t place(const struct spread *s, unsigned org, uint64_t hash)
{
	uint32_t low = 0, high = s->held;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (before(&s->refs[middle], org, hash))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void index_append(struct spread *s, const struct ref *ref)
{
	BUG_ON(s->held == certificate_store_cap(s->certificates)
	       + statement_store_cap(s->statements));
	s->refs[s->held++] = *ref;
}

void index_add(struct spread *s, const struct ref *ref)
{
	uint32_t at = place(s, ref->org, ref->hash), after = s->held - at;

	index_append(s, ref);
	memmove(&s->refs[at + 1], &s->refs[at], after * sizeof(*ref));
	s->refs[at] = *ref;
}

void index_remove(struct spread *s, const struct ref *ref)
{
	uint32_t at = place(s, ref->org, ref->hash);

	while (at < s->held && (s->refs[at].slot != ref->slot || s->refs[at].kind != ref->kind))
		at++; /* an org may give two objects one hash, if it takes the trouble */
	BUG_ON(at == s->held);
	s->held--;
	memmove(&s->refs[at], &s->refs[at + 1], (s->held - at) * sizeof(*ref));
}

/* Down to where it belongs in the heap of the first `count`. */
static void sink(struct ref *refs, uint32_t at, uint32_t count)
{
	struct ref moved = refs[at];

	for (uint32_t child; (child = 2 * at + 1) < count; at = child) {
		if (child + 1 < count
		    && before(&refs[child], refs[child + 1].org, refs[child + 1].hash))
			child++;
		if (!before(&moved, refs[child].org, refs[child].hash))
			break;
		refs[at] = refs[child];
	}
	refs[at] = moved;
}

void index_sort(struct spread *s)
{
	for (uint32_t i = s->held / 2; i-- > 0;)
		sink(s->refs, i, s->held);
	for (uint32_t left = s->held; left-- > 1;) {
		struct ref greatest = s->refs[0];

		s->refs[0] = s->refs[left];
		s->refs[left] = greatest;
		sink(s->refs, 0, left);
	}
}

const struct ref *index_find(const struct spread *s, unsigned org, uint64_t hash)
{
	uint32_t at = place(s, org, hash);

	return at < s->held && s->refs[at].org == org && s->refs[at].hash == hash ? &s->refs[at]
										    : NULL;
}

uint32_t index_of_org(const struct spread *s, unsigned org, uint32_t *first)
{
	*first = place(s, org, 0);
	return place(s, org + 1, 0) - *first;
}

void index_buckets(const struct spread *s, unsigned org, uint64_t out[SPREAD_BUCKETS])
{
	uint32_t first, count = index_of_org(s, org, &first);

	memset(out, 0, SPREAD_BUCKETS * sizeof(*out));
	for (uint32_t i = first; i < first + count; i++)
		out[bucket_of(s->refs[i].hash)] += s->refs[i].hash;
}
