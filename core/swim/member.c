/* member.c - the table of members.
 *
 * Sums that describe the whole view (how many live, how many records, the digest) are kept by
 * differences: whatever changes a member goes through here, takes its old share out and puts its
 * new one in.
 *
 * The digest is the sum of keyed hashes of (id, sequence, dead). Both ends must compute the same,
 * so the key is a constant. A sum, unlike an exclusive or, does not lose a member that is in it
 * twice. It is a hint that two views differ and proves nothing: who forges one delays a repair
 * between himself and one other.
 *
 * Facts are bits of the member and a list of members that have some, so that none is ever lost
 * for want of room; what happens to a member between two questions is told as its outcome. */
#include "swim/member.h"

#include "swim/peer.h"
#include "swim/rings.h"
#include "swim/scope.h"

#include "crypto/hash.h"

#include <string.h>

static const uint8_t view_key[16] = { 'm', 'e', 's', 'h', 'g', 'u', 'a', 'r', 'd', ' ',
				      'v', 'i', 'e', 'w', ' ', '1' };
static const uint8_t list_key[16] = { 'm', 'e', 's', 'h', 'g', 'u', 'a', 'r', 'd', ' ',
				      'l', 'i', 's', 't', ' ', '1' };

uint64_t member_id(const struct public_key *key)
{
	struct hash h;

	blake3(&h, key->b, sizeof(key->b));
	return load_be64(h.b);
}

void swim_identify(const struct public_key *key, struct swim_identity *out)
{
	out->key = *key;
	out->id = member_id(key);
	rings_place(out);
}

uint64_t member_share(const struct swim *s, uint32_t slot)
{
	const struct member *m = &s->members[slot];
	uint64_t sequence = slot_sequence(s, slot);
	uint8_t view[17];

	if (!sequence)
		return 0;
	store_be64(view, slot_id(s, slot));
	store_be64(view + 8, sequence);
	view[16] = m->state == SWIM_DEAD && !m->lost;
	return siphash(view_key, view, sizeof(view));
}

/* Its share comes into the sums, or out of them (sign -1). */
static void count_view(struct swim *s, uint32_t slot, int sign)
{
	uint64_t share = member_share(s, slot) * (uint64_t)(int64_t)sign;

	s->digest += share;
	s->bucket[slot_id(s, slot) >> 56] += share;
	scope_count_view(s, slot, share, slot_sequence(s, slot) ? (uint32_t)sign : 0);
}

static uint64_t list_hash(uint64_t id)
{
	uint8_t bytes[8];

	store_be64(bytes, id);
	return siphash(list_key, bytes, sizeof(bytes));
}

uint32_t member_from(const struct swim *s, uint64_t id)
{
	uint32_t low = 0, high = s->known;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (slot_id(s, s->by_id[mid]) < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

uint32_t member_find_id(const struct swim *s, uint64_t id)
{
	uint32_t at = member_from(s, id);

	return at < s->known && slot_id(s, s->by_id[at]) == id ? s->by_id[at] : NONE;
}

static bool is_at(const struct swim *s, uint32_t slot, const struct public_key *key)
{
	return s->members[slot].used
	       && !memcmp(slot_identity(s, slot)->key.b, key->b, sizeof(key->b));
}

uint32_t member_find(const struct swim *s, const struct public_key *key)
{
	uint32_t *hint = &s->hints[load_be32(key->b) % HINTS];
	uint64_t id;

	if (*hint && is_at(s, *hint - 1, key))
		return *hint - 1;
	id = member_id(key);
	for (uint32_t at = member_from(s, id); at < s->known; at++) {
		if (slot_id(s, s->by_id[at]) != id)
			break;
		if (is_at(s, s->by_id[at], key)) {
			*hint = s->by_id[at] + 1;
			return s->by_id[at];
		}
	}
	return NONE;
}

void member_fact(struct swim *s, uint32_t slot, uint8_t bits)
{
	struct member *m = &s->members[slot];

	m->facts |= bits;
	if (m->in_facts)
		return;
	m->in_facts = true;
	m->fact_next = 0;
	if (s->facts_last)
		s->members[s->facts_last - 1].fact_next = slot + 1;
	else
		s->facts_first = slot + 1;
	s->facts_last = slot + 1;
}

static void unlink_fact(struct swim *s, uint32_t slot)
{
	uint32_t before = 0;

	if (!s->members[slot].in_facts)
		return;
	for (uint32_t at = s->facts_first; at != slot + 1; at = s->members[at - 1].fact_next)
		before = at;
	if (before)
		s->members[before - 1].fact_next = s->members[slot].fact_next;
	else
		s->facts_first = s->members[slot].fact_next;
	if (s->facts_last == slot + 1)
		s->facts_last = before;
	s->members[slot].in_facts = false;
}

static void swap_near(struct swim *s, uint32_t a, uint32_t b)
{
	uint32_t slot = s->near[a];

	s->near[a] = s->near[b];
	s->near[b] = slot;
	s->members[s->near[a]].near = a + 1;
	s->members[s->near[b]].near = b + 1;
}

void member_set_list(struct swim *s, uint32_t slot, uint64_t list)
{
	const struct member *m = &s->members[slot];
	struct peer *p = peer_of(s, slot);

	if (m->near && list && !p->list)
		swap_near(s, m->near - 1, s->acquainted++);
	else if (m->near && !list && p->list)
		swap_near(s, m->near - 1, --s->acquainted);
	p->list = list;
}

/* Brings `near` and the strangers in line with state and reachability. */
static void update_near(struct swim *s, uint32_t slot)
{
	struct member *m = &s->members[slot];
	bool want = m->reachable && m->state != SWIM_DEAD && m->state != SWIM_LEFT;
	bool stranger = want && m->state == SWIM_UNKNOWN;

	if (want && !m->near) {
		s->near[s->near_count++] = slot;
		m->near = s->near_count;
		if (peer_seen(s, slot)->list)
			swap_near(s, m->near - 1, s->acquainted++);
	} else if (!want && m->near) {
		if (peer_seen(s, slot)->list)
			swap_near(s, m->near - 1, --s->acquainted);
		swap_near(s, m->near - 1, --s->near_count);
		m->near = 0;
	}
	if (stranger != m->stranger) {
		s->strangers += stranger ? 1 : -1u;
		m->stranger = stranger;
	}
}

static void change(struct swim *s, uint32_t slot, enum swim_state state, bool lost)
{
	struct member *m = &s->members[slot];
	bool lived = member_lives(m);

	s->counters.suspect += (state == SWIM_SUSPECT ? 1u : 0u) -
			       (m->state == SWIM_SUSPECT ? 1u : 0u);
	count_view(s, slot, -1);
	s->lost += (lost ? 1u : 0u) - (m->lost ? 1u : 0u);
	m->lost = lost;
	m->state = (uint8_t)state;
	m->since = tick_of(s->now);
	count_view(s, slot, 1);
	s->counters.alive += (member_lives(m) ? 1u : 0u) - (lived ? 1u : 0u);
	if (lived != member_lives(m))
		s->targets_stale = true;
	if (state == SWIM_DEAD && !lost)
		m->estranged = true;
	update_near(s, slot);
	member_fact(s, slot, FACT_STATE);
}

void member_set_state(struct swim *s, uint32_t slot, enum swim_state state)
{
	BUG_ON(slot == s->cap);
	if (s->members[slot].state != state || s->members[slot].lost)
		change(s, slot, state, false);
}

void member_set_lost(struct swim *s, uint32_t slot)
{
	change(s, slot, SWIM_DEAD, true);
}

void member_set_reachable(struct swim *s, uint32_t slot, bool yes)
{
	s->members[slot].reachable = yes;
	update_near(s, slot);
}

/* Our record is new. */
static void nobody_told(struct swim *s)
{
	for (uint32_t i = 0; i < s->known; i++)
		s->members[s->by_id[i]].told = false;
}

void member_store(struct swim *s, uint32_t slot, const struct record *record)
{
	uint64_t before = slot_sequence(s, slot);

	BUG_ON(record->body.sequence < before || !record->body.sequence);
	count_view(s, slot, -1);
	if (!before)
		s->records_held++;
	if (!before && slot != s->cap)
		rings_add(s, slot);
	if (s->store) {
		s->shared[slot] = s->store->keep(s->store->ctx, record) + 1;
	} else {
		s->records[slot].sequence = record->body.sequence;
		record_keep(record, &s->records[slot].kept);
	}
	count_view(s, slot, 1);
	if (slot != s->cap)
		member_fact(s, slot, FACT_RECORD);
	else
		nobody_told(s);
}

void member_add(struct swim *s, uint32_t slot, const struct public_key *key)
{
	struct member *m = &s->members[slot];
	uint32_t at;

	BUG_ON(slot > s->cap || m->used);
	*m = (struct member){ .since = tick_of(s->now), .used = true };
	if (slot == s->cap)
		swim_identify(key, &s->self);
	else if (!s->store)
		swim_identify(key, &s->own_identities[slot]);
	BUG_ON(memcmp(slot_identity(s, slot)->key.b, key->b, sizeof(key->b)) != 0);
	at = member_from(s, slot_id(s, slot));
	for (uint32_t i = at; i < s->known && slot_id(s, s->by_id[i]) == slot_id(s, slot); i++)
		BUG_ON(!memcmp(slot_identity(s, s->by_id[i])->key.b, key->b, sizeof(key->b)));
	memmove(s->by_id + at + 1, s->by_id + at, (s->known - at) * sizeof(*s->by_id));
	s->by_id[at] = slot;
	s->known++;
	s->list += list_hash(slot_id(s, slot));
	if (slot == s->cap)
		rings_add(s, slot);
}

void member_remove(struct swim *s, uint32_t slot)
{
	struct member *m = &s->members[slot];
	uint32_t at = member_from(s, slot_id(s, slot));

	BUG_ON(slot >= s->cap || !m->used);
	member_set_reachable(s, slot, false);
	if (m->state != SWIM_UNKNOWN)
		change(s, slot, SWIM_UNKNOWN, false);
	count_view(s, slot, -1);
	scope_forget(s, slot);
	s->list -= list_hash(slot_id(s, slot));
	if (slot_sequence(s, slot)) {
		s->records_held--;
		rings_remove(s, slot);
	}
	if (s->store)
		s->shared[slot] = 0;
	else
		s->records[slot].sequence = 0;
	peer_forget(s, slot);
	s->lists_due -= m->list_due;
	unlink_fact(s, slot);
	while (s->by_id[at] != slot)
		at++;
	s->known--;
	memmove(s->by_id + at, s->by_id + at + 1, (s->known - at) * sizeof(*s->by_id));
	memset(m, 0, sizeof(*m));
	s->targets_stale = true;
}
