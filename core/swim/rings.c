/* rings.c - the circles, as arrays of slots sorted by place.
 *
 * A member's place on ring r is SipHash(id || r), so everybody who knows the same members sees the
 * same circles, and nobody can choose his neighbours but by grinding keys for one ring at a
 * time.
 *
 * Who is new waits in a short list until somebody asks: so thousands who come in one second cost a
 * merge for each RING_NEW_MAX of them, and not four moves of half the table each. */
#include "swim/rings.h"

#include "swim/member.h"
#include "swim/scope.h"

#include "crypto/hash.h"

#include <string.h>

static const uint8_t ring_key[16] = { 'm', 'e', 's', 'h', 'g', 'u', 'a', 'r', 'd', ' ',
				      'r', 'i', 'n', 'g', ' ', '1' };

void rings_place(struct swim_identity *identity)
{
	uint8_t in[9];

	store_be64(in, identity->id);
	for (unsigned ring = 0; ring < RINGS; ring++) {
		in[8] = (uint8_t)ring;
		identity->place[ring] = siphash(ring_key, in, sizeof(in));
	}
}

static uint64_t place(const struct swim *s, uint32_t slot, unsigned ring)
{
	return slot_identity(s, slot)->place[ring];
}

static uint32_t *ring_of(const struct swim *s, unsigned ring)
{
	return s->rings + (size_t)ring * (s->cap + 1);
}

/* The first index whose member has at least this place; of one place the lower slot is first. */
static uint32_t search(const struct swim *s, unsigned ring, uint64_t at, uint32_t slot)
{
	const uint32_t *r = ring_of(s, ring);
	uint32_t low = 0, high = s->ringed;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		uint64_t here = place(s, r[mid], ring);

		if (here < at || (here == at && r[mid] < slot))
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool is_after(const struct swim *s, unsigned ring, uint32_t a, uint32_t b)
{
	uint64_t pa = place(s, a, ring), pb = place(s, b, ring);

	return pa > pb || (pa == pb && a > b);
}

/* Puts those that are new where they belong, the last one first. */
static void merge(struct swim *s, unsigned ring)
{
	uint32_t *r = ring_of(s, ring), new[RING_NEW_MAX], old = s->ringed, n = 0;

	for (; n < s->ring_new_count; n++) {
		uint32_t at = n;

		for (; at && is_after(s, ring, new[at - 1], s->ring_new[n]); at--)
			new[at] = new[at - 1];
		new[at] = s->ring_new[n];
	}
	while (n) {
		if (old && is_after(s, ring, r[old - 1], new[n - 1])) {
			r[old + n - 1] = r[old - 1];
			old--;
		} else {
			n--;
			r[old + n] = new[n];
		}
	}
}

static void settle(struct swim *s)
{
	if (!s->ring_new_count)
		return;
	for (unsigned ring = 0; ring < RINGS; ring++)
		merge(s, ring);
	s->ringed += s->ring_new_count;
	s->ring_new_count = 0;
}

void rings_add(struct swim *s, uint32_t slot)
{
	if (s->ring_new_count == RING_NEW_MAX)
		settle(s);
	s->ring_new[s->ring_new_count++] = slot;
}

void rings_remove(struct swim *s, uint32_t slot)
{
	settle(s);
	for (unsigned ring = 0; ring < RINGS; ring++) {
		uint32_t *r = ring_of(s, ring);
		uint32_t at = search(s, ring, place(s, slot, ring), slot);

		BUG_ON(at >= s->ringed || r[at] != slot);
		memmove(r + at, r + at + 1, (s->ringed - at - 1) * sizeof(*r));
	}
	s->ringed--;
}

uint32_t rings_successor(struct swim *s, unsigned ring)
{
	const uint32_t *r = ring_of(s, ring);
	uint32_t at;

	settle(s);
	at = search(s, ring, place(s, s->cap, ring), s->cap);

	for (uint32_t i = 1; i < s->ringed; i++) {
		uint32_t slot = r[(at + i) % s->ringed];

		if (member_lives(&s->members[slot]))
			return slot;
	}
	return NONE;
}

/* Whether a member between a watcher and his subject is taken for living. What the watcher alone
 * says against it is not heard: else each lie would make room for the next. Who does not admit the
 * subject, or is not admitted by it, cannot watch it. */
static bool counts(const struct swim *s, uint32_t slot, uint32_t watcher, uint32_t subject)
{
	const struct member *m = &s->members[slot];
	const struct suspicion *x = m->suspicion ? &s->suspicions[m->suspicion - 1] : NULL;

	if (slot == s->cap)
		return true;
	return m->state == SWIM_ALIVE && !scope_lacks(s, slot, subject)
	       && (subject == s->cap || !scope_lacks(s, subject, slot))
	       && (!x || (!x->own && x->accusers == 1 && x->accuser[0] == watcher));
}

static unsigned rank_on(const struct swim *s, unsigned ring, uint32_t watcher, uint32_t subject,
			unsigned most)
{
	const uint32_t *r = ring_of(s, ring);
	uint32_t at = search(s, ring, place(s, subject, ring), subject);
	unsigned rank = 1;

	for (uint32_t i = 1; i < s->ringed && rank <= most; i++) {
		uint32_t slot = r[(at + s->ringed - i) % s->ringed];

		if (slot == watcher)
			return rank;
		rank += counts(s, slot, watcher, subject);
	}
	return 0;
}

unsigned rings_rank(struct swim *s, uint32_t watcher, uint32_t subject, unsigned most)
{
	unsigned best = 0;

	settle(s);
	for (unsigned ring = 0; ring < RINGS && best != 1; ring++) {
		unsigned rank = rank_on(s, ring, watcher, subject, most);

		if (rank && (!best || rank < best))
			best = rank;
	}
	return best;
}
