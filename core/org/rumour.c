/* rumour.c - a short queue, searched from end to end.
 *
 * Each item is sent 2 + 2 * ceil(log2(n + 1)) times, n reachable peers, to three of them chosen at
 * random every 200 ms. What does not fit into the queue, or was lost each time, is found by
 * comparing (pull.c). */
#include "org/rumour.h"

#include "org/hold.h"

#define BURST 3u              /* peers at once */
#define TRIES 6u              /* to find so many different ones */
#define REVOCATIONS 0u
#define OTHERS 1u

static unsigned sends(const struct spread *s)
{
	unsigned log2 = 0;

	while (log2 < 31 && (UINT32_C(1) << log2) < s->reached + 1)
		log2++;
	return 2 + 2 * log2;
}

static void drop(struct spread *s, uint32_t at)
{
	s->rumours[at] = s->rumours[--s->rumour_count];
	if (!s->rumour_count)
		s->rumour_at = INSTANT_NEVER;
}

/* Of two: which is told first? */
static bool sooner(const struct rumour *a, const struct rumour *b)
{
	return a->class != b->class ? a->class < b->class : a->sent < b->sent;
}

void rumour_wake(struct spread *s)
{
	struct instant next = instant_add(s->rumoured, span_ms(TICK_MS));

	if (s->rumour_count && s->rumour_at.ns == INSTANT_NEVER.ns)
		s->rumour_at = instant_before(next, s->now) ? s->now : next;
}

void rumour_add(struct spread *s, const struct ref *ref, uint32_t from)
{
	struct rumour new = { .ref = *ref, .from = from, .class = OTHERS };
	uint32_t last = 0;

	if (hold_is_revocation(s, ref))
		new.class = REVOCATIONS;
	if (!s->reached)
		return; /* who comes compares */
	if (s->rumour_count == RUMOURS) {
		for (uint32_t i = 1; i < RUMOURS; i++)
			if (sooner(&s->rumours[last], &s->rumours[i]))
				last = i;
		if (!sooner(&new, &s->rumours[last]))
			return;
		drop(s, last);
	}
	s->rumours[s->rumour_count++] = new;
	rumour_wake(s);
}

void rumour_drop(struct spread *s, const struct ref *ref)
{
	for (uint32_t i = 0; i < s->rumour_count; i++)
		if (s->rumours[i].ref.kind == ref->kind && s->rumours[i].ref.slot == ref->slot)
			return drop(s, i);
}

void rumour_heard(struct spread *s, const struct ref *ref)
{
	for (uint32_t i = 0; i < s->rumour_count; i++)
		if (s->rumours[i].ref.kind == ref->kind && s->rumours[i].ref.slot == ref->slot)
			s->rumours[i].sent++;
}

void rumour_forget(struct spread *s, uint32_t slot)
{
	for (uint32_t i = 0; i < s->rumour_count; i++)
		if (s->rumours[i].from == slot)
			s->rumours[i].from = NONE;
}

/* --- telling */

bool rumour_write(const struct spread *s, struct writer *w, const struct ref *ref)
{
	struct bytes wire = hold_wire(s, ref);

	if ((size_t)(w->end - w->at) < 1 + wire.len)
		return false;
	wr_u8(w, ref->kind);
	wr_bytes(w, wire.data, wire.len);
	return true;
}

/* The next to be told to this peer, after those already taken; NONE: that was all that fits. */
static uint32_t next_for(const struct spread *s, uint32_t to, const uint64_t *done, size_t room)
{
	uint32_t best = NONE;

	for (uint32_t i = 0; i < s->rumour_count; i++) {
		const struct rumour *r = &s->rumours[i];

		if (done[i / 64] >> i % 64 & 1 || r->from == to || !shares(s, to, r->ref.org)
		    || (best != NONE && !sooner(r, &s->rumours[best]))
		    || hold_wire(s, &r->ref).len >= room)
			continue;
		best = i;
	}
	return best;
}

static void tell(struct spread *s, uint32_t to)
{
	uint64_t done[RUMOURS / 64] = { 0 };
	struct draft d;
	uint32_t at;

	message_begin(&d, SPREAD_MSG_OBJECTS);
	wr_u8(&d.w, 0);
	while ((at = next_for(s, to, done, (size_t)(d.w.end - d.w.at))) != NONE) {
		BUG_ON(!rumour_write(s, &d.w, &s->rumours[at].ref));
		done[at / 64] |= UINT64_C(1) << at % 64;
		s->rumours[at].sent++;
		s->counters.objects_sent++;
	}
	for (uint32_t i = 0; i < s->rumour_count; i++)
		if (s->rumours[i].from == to)
			s->rumours[i].sent++; /* it needs no telling */
	if (wr_len(&d.w) > 2)
		message_send(s, &d, to);
}

static uint64_t orgs_in_queue(const struct spread *s)
{
	uint64_t orgs = 0;

	for (uint32_t i = 0; i < s->rumour_count; i++)
		orgs |= UINT64_C(1) << s->rumours[i].ref.org;
	return orgs;
}

static void burst(struct spread *s)
{
	uint32_t told[BURST] = { NONE }, n = 0;
	uint64_t orgs = orgs_in_queue(s);

	for (unsigned tries = 0; tries < TRIES && n < BURST; tries++) {
		uint32_t to = peer_sharing(s, orgs), i = 0;

		if (to == NONE) { /* until somebody says that it trusts one of these */
			s->rumour_at = INSTANT_NEVER;
			return;
		}
		while (i < n && told[i] != to)
			i++;
		if (i < n)
			continue;
		told[n++] = to;
		tell(s, to);
	}
}

void rumour_tick(struct spread *s)
{
	unsigned enough = sends(s);

	if (!instant_reached(s->rumour_at, s->now))
		return;
	s->rumoured = s->now;
	s->rumour_at = instant_add(s->now, span_ms(TICK_MS));
	burst(s);
	for (uint32_t i = s->rumour_count; i-- > 0;)
		if (s->rumours[i].sent >= enough)
			drop(s, i);
}
