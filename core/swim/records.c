/* records.c - which claim counts.
 *
 * Only a record signed by its subject creates a member, and the newest sequence wins; what is
 * older is answered with what we hold, so that a claim that is out of date dies where it meets
 * somebody who knows better. The stored sequence never falls, also for the dead: their records
 * stay as tombstones while the key is admitted. Two records of one sequence mean that two nodes
 * sign with one key (or that one lost its state): it is told, and everybody keeps the one whose
 * bytes are smaller, so that all agree.
 *
 * Somebody who remembers more of us than we do has to show our signature. Then, and when we hear
 * that we are accused, the node is asked for a record with a higher sequence: four times at once,
 * then every five seconds, so that neither liars nor a second node with our key make us flood the
 * mesh. */
#include "swim/records.h"

#include "swim/accuse.h"
#include "swim/gossip.h"
#include "swim/member.h"
#include "swim/peer.h"
#include "swim/probe.h"
#include "swim/suspicion.h"
#include "swim/sync.h"

#include <string.h>

#define VERIFY_PER_SECOND 200u /* signatures, for each sender */
#define VERIFY_BURST 1024u
#define ACCEPT_TICKS 4u        /* from one record about a subject to the next */
#define ACCEPT_BURST 16u
#define OWN_EACH_S 5u
#define OWN_BURST 4u
#define JOINING_MS 6000u
#define JOINING_MOST_MS 60000u /* while answers to lists come without a pause */
#define BULK_PAUSE_MS 1000u

static struct span per_second(unsigned n)
{
	return (struct span){ 1000000000u / n };
}

/* --- ourselves */

static void want_higher(struct swim *s, uint64_t sequence, uint32_t by)
{
	if (s->own_newer < sequence)
		s->own_newer = sequence;
	s->own_by = by;
	if (s->own_pending || (s->members[s->cap].facts & FACT_OWN))
		return;
	if (bucket_take(&s->own_full, s->now, span_s(OWN_EACH_S), OWN_BURST)) {
		member_fact(s, s->cap, FACT_OWN);
		return;
	}
	s->own_pending = true;
	s->own_at = instant_add(s->now, span_s(OWN_EACH_S));
}

void records_tick(struct swim *s)
{
	if (!s->own_pending || !instant_reached(s->own_at, s->now))
		return;
	s->own_pending = false;
	if (s->own_newer >= slot_sequence(s, s->cap))
		want_higher(s, s->own_newer, s->own_by);
}

static void refute(struct swim *s, uint32_t by)
{
	/* Who does not watch us cannot make us doubt ourselves: else one liar slows all down. */
	if (s->own_newer < slot_sequence(s, s->cap) && s->health < HEALTH_MAX
	    && accuse_admissible(s, by, s->cap))
		s->health++;
	want_higher(s, slot_sequence(s, s->cap), by);
}

static void take_own(struct swim *s, uint32_t from, const struct record_claim *claim)
{
	struct record record;

	if (claim->body.sequence < slot_sequence(s, s->cap)) {
		s->counters.drop_stale++;
		sync_give(s, from, s->cap);
		return;
	}
	if (!bucket_take(&peer_of(s, from)->verify_full, s->now, per_second(VERIFY_PER_SECOND),
			 VERIFY_BURST))
		s->counters.drop_rate++;
	else if (!record_verify(claim, &record))
		s->counters.drop_signature++;
	else
		want_higher(s, claim->body.sequence, NONE);
}

/* --- others */

static void settle_state(struct swim *s, uint32_t slot, const struct record_body *b)
{
	struct member *m = &s->members[slot];

	if ((b->flags & RECORD_LEAVING) || m->state == SWIM_DEAD)
		suspicion_drop(s, slot);
	suspicion_clear(s, slot);
	if ((b->flags & RECORD_LEAVING) || b->sequence == RECORD_SEQUENCE_DEAD) {
		member_set_state(s, slot, SWIM_LEFT);
		return;
	}
	s->counters.refutations += m->state == SWIM_SUSPECT;
	m->was_dead = false; /* it has refuted: no need to tell it */
	member_set_state(s, slot, SWIM_ALIVE);
}

bool records_joining(const struct swim *s)
{
	uint64_t since_ns = instant_since(s->now, s->joined).ns;

	return instant_is_set(s->joined)
	       && (since_ns < span_ms(JOINING_MS).ns
		   || (s->records_held > RECORDS_MANY && since_ns < span_ms(JOINING_MOST_MS).ns
		       && instant_since(s->now, s->bulk_heard).ns < span_ms(BULK_PAUSE_MS).ns));
}

static bool may_accept(const struct swim *s, struct member *m)
{
	uint32_t now = tick_of(s->now);

	if (m->accept_full < now)
		m->accept_full = now;
	if (m->accept_full - now > (ACCEPT_BURST - 1) * ACCEPT_TICKS)
		return false;
	m->accept_full += ACCEPT_TICKS;
	return true;
}

void records_conflict(struct swim *s, uint32_t slot)
{
	struct peer *p = peer_of(s, slot);
	const uint64_t sequence = slot_sequence(s, slot);

	if (p->conflict != sequence) {
		s->counters.conflicts++;
		member_fact(s, slot, FACT_CONFLICT);
	}
	p->conflict = sequence;
}

static void accept(struct swim *s, uint32_t slot, const struct record *record, uint32_t from,
		   bool bulk)
{
	uint64_t sequence = slot_sequence(s, slot);

	if (record->body.sequence == sequence) {
		records_conflict(s, slot);
		sync_give(s, from, slot);
		if (memcmp(record->wire, member_record(s, slot)->wire, MAX_RECORD) > 0)
			return;
	}
	member_store(s, slot, record);
	sync_news(s);
	/* Another one of the same sequence is no news of its life. */
	if (record->body.sequence > sequence || (record->body.flags & RECORD_LEAVING))
		settle_state(s, slot, &record->body);
	/* To a newcomer everything is new that the others know long since. */
	if ((!bulk && s->records_held <= RECORDS_MANY) || !records_joining(s))
		gossip_record(s, slot);
}

bool records_hold(const void *ctx, struct bytes wire)
{
	const struct swim *s = ctx;
	const struct record_kept *kept;
	struct public_key key;
	uint32_t slot;

	record_key(wire, &key);
	slot = member_find(s, &key);
	if (slot == NONE || !slot_sequence(s, slot))
		return false;
	kept = member_record(s, slot);
	return kept->len == wire.len && !memcmp(kept->wire, wire.data, wire.len);
}

void records_take(struct swim *s, uint32_t from, struct bytes wire, bool bulk)
{
	struct record_claim claim;
	struct record record;
	uint32_t slot;

	s->counters.records_received++;
	if (records_hold(s, wire))
		return;
	BUG_ON(!record_decode(wire, &claim)); /* wire_decode saw to it */
	slot = member_find(s, &claim.body.key);
	if (slot == NONE) {
		/* Costs its sender what a record of a member would. */
		if (bucket_take(&peer_of(s, from)->verify_full, s->now,
				per_second(VERIFY_PER_SECOND), VERIFY_BURST))
			s->counters.drop_not_admitted++;
		else
			s->counters.drop_rate++;
		return;
	}
	if (slot == s->cap) {
		take_own(s, from, &claim);
		return;
	}
	if (claim.body.sequence < slot_sequence(s, slot)) {
		s->counters.drop_stale++;
		sync_give(s, from, slot);
		return;
	}
	if (!bucket_take(&peer_of(s, from)->verify_full, s->now, per_second(VERIFY_PER_SECOND),
			 VERIFY_BURST)) {
		s->counters.drop_rate++;
		return;
	}
	if (!record_verify(&claim, &record)) {
		s->counters.drop_signature++;
		return;
	}
	if (!may_accept(s, &s->members[slot])) {
		s->counters.drop_rate++;
		return;
	}
	accept(s, slot, &record, from, bulk);
}

/* Whether the accuser signed it; the work that a sender causes is bounded. */
static bool is_signed(struct swim *s, uint32_t from, uint32_t accuser, const struct accusation *a)
{
	if (!bucket_take(&peer_of(s, from)->verify_full, s->now, per_second(VERIFY_PER_SECOND),
			 VERIFY_BURST)) {
		s->counters.drop_rate++;
		return false;
	}
	if (accuse_verify(s, accuser, a))
		return true;
	s->counters.drop_signature++;
	return false;
}

void records_accused(struct swim *s, uint32_t from, const struct accusation *a)
{
	uint32_t slot = member_find_id(s, a->subject), accuser = member_find_id(s, a->accuser);

	if (slot == NONE || accuser == NONE) {
		s->counters.drop_not_admitted++;
	} else if (a->sequence < slot_sequence(s, slot)) {
		s->counters.drop_stale++;
		sync_give(s, from, slot);
	} else if (a->sequence > slot_sequence(s, slot)) {
		sync_ask(s, from, a->subject);
	} else if (accuser == s->cap || accuser == slot) {
		return;
	} else if (slot == s->cap) {
		if (is_signed(s, from, accuser, a))
			refute(s, accuser);
	} else if (suspicion_cares(s, slot, accuser, from)
		   && is_signed(s, from, accuser, a)) {
		suspicion_heard(s, slot, accuser, &a->signature);
	}
}

bool records_said_dead(struct swim *s, uint32_t slot, uint32_t from)
{
	if (slot == s->cap) {
		refute(s, from);
		return false;
	}
	if (!member_lives(&s->members[slot]))
		return false;
	suspicion_look(s, slot, from);
	return true;
}

/* --- signs of life */

static void take_back_lost(struct swim *s)
{
	for (uint32_t i = 0; s->lost && i < s->known; i++)
		if (s->members[s->by_id[i]].lost)
			member_set_state(s, s->by_id[i], SWIM_ALIVE);
}

void records_heard(struct swim *s, uint32_t slot)
{
	struct member *m = &s->members[slot];

	m->heard = tick_of(s->now);
	s->heard = s->quiet_since = s->now;
	take_back_lost(s);
	probe_success(s, slot);
	if (m->state == SWIM_DEAD)
		suspicion_drop(s, slot);
	suspicion_clear(s, slot);
	if (!instant_is_set(s->joined))
		s->joined = s->now;
	if (m->state == SWIM_SUSPECT) {
		s->counters.refutations++;
		member_set_state(s, slot, SWIM_ALIVE);
	} else if (m->state == SWIM_DEAD) {
		m->was_dead = true;
		member_set_state(s, slot, SWIM_ALIVE);
		if (m->reachable)
			sync_due(s, slot);
	}
}
