/* probe.c - whom we probe, how often, through whom.
 *
 * Once a period one target is probed. Up to TARGETS_ALL other members everybody probes all, in
 * the order of their ids, which are hashes. Beyond that each node has fixed targets: the next
 * living member after it on each of RINGS circles, on which members are ordered by a hash of
 * their id and the circle's number; so each member has as many monitors, always the same ones.
 * Both orders are walked round by round, whatever comes and goes, and have nodes that started
 * together probe the same target one after the other and not at once.
 *
 * A probe is one id and up to 8 pings, 100 ms apart, direct where there is a path. After the
 * second and the fifth gap three others are asked to ping the target for us; they say FORWARDED
 * when it answers, or NACK when it did not so far. After 800 ms without an answer the probe has
 * failed. If nobody else said anything in that time, then we are the one to blame: nobody is
 * accused, and our own health gets worse, which stretches our periods and time-outs. With a
 * single other member that cannot be told apart, and he is to blame. */
#include "swim/probe.h"

#include "swim/gossip.h"
#include "swim/member.h"
#include "swim/rings.h"
#include "swim/scope.h"
#include "swim/suspicion.h"

#define ERRANDS_PER_ORIGIN 16u

/* --- whom */

static void choose_targets(struct swim *s)
{
	s->targets_stale = false;
	s->target_count = 0;
	if (s->counters.alive > TARGETS_ALL) {
		for (unsigned ring = 0; ring < RINGS; ring++)
			s->targets[s->target_count++] = rings_successor(s, ring);
		return;
	}
	for (uint32_t i = 0; i < s->known; i++)
		if (s->by_id[i] != s->cap && member_lives(&s->members[s->by_id[i]]))
			s->targets[s->target_count++] = s->by_id[i];
}

/* Of all, the first one after the last one by id; else the next ring's. */
static uint32_t next_target(struct swim *s)
{
	uint32_t best = NONE;

	if (s->targets_stale)
		choose_targets(s);
	if (s->counters.alive > TARGETS_ALL)
		return s->targets[s->probe_turn++ % RINGS];
	for (unsigned i = 0; i < s->target_count; i++) {
		uint32_t slot = s->targets[i];
		uint64_t far = slot_id(s, slot) - s->probe_after - 1;

		if (best == NONE || far < slot_id(s, best) - s->probe_after - 1)
			best = slot;
	}
	if (best != NONE)
		s->probe_after = slot_id(s, best);
	return best;
}

bool probe_possible(const struct swim *s)
{
	return !s->left && s->counters.alive && (s->near_count || s->counters.alive == 1);
}

/* --- how */

static struct probe *find(struct swim *s, uint32_t slot)
{
	for (struct probe *p = s->probes; s->probe_count && p < s->probes + PROBE_MAX; p++)
		if (p->used && p->slot == slot)
			return p;
	return NULL;
}

static const struct probe *running(const struct swim *s, uint32_t slot)
{
	for (uint32_t i = 0; s->probe_count && i < PROBE_MAX; i++)
		if (s->probes[i].used && s->probes[i].slot == slot)
			return &s->probes[i];
	return NULL;
}

bool probe_running(const struct swim *s, uint32_t slot)
{
	return running(s, slot) != NULL;
}

struct instant probe_began(const struct swim *s, uint32_t slot)
{
	const struct probe *p = running(s, slot);

	return p ? p->started : INSTANT_ZERO;
}

static void end(struct swim *s, struct probe *p)
{
	p->used = false;
	s->probe_count--;
}

void probe_ping(struct swim *s, uint32_t to, uint32_t id)
{
	struct draft d;

	draft_begin(s, &d, to, WIRE_PING, 0, id);
	draft_items(&d);
	draft_piggyback(s, &d);
	draft_send(s, &d);
	s->counters.pings++;
}

static void send_ping_req(struct swim *s, uint32_t to, const struct probe *p)
{
	const struct public_key *target = &slot_identity(s, p->slot)->key;
	struct draft d;

	draft_begin(s, &d, to, WIRE_PING_REQ, 0, p->id);
	if (d.ok)
		wr_bytes(&d.w, target->b, sizeof(target->b));
	draft_items(&d);
	draft_piggyback(s, &d);
	draft_send(s, &d);
	s->counters.ping_reqs++;
}

static void note_helper(struct probe *p, uint32_t slot)
{
	for (unsigned i = 0; i < p->helps; i++)
		if (p->help[i].slot == slot)
			return;
	if (p->helps < HELP_MAX)
		p->help[p->helps++] = (struct help){ .slot = slot };
}

static void ask_helpers(struct swim *s, struct probe *p)
{
	uint32_t chosen[HELPERS];
	unsigned n = 0;

	for (unsigned tries = 0; s->acquainted && tries < 4 * HELPERS && n < HELPERS; tries++) {
		uint32_t slot = s->near[rng_below(&s->rng, s->acquainted)];
		bool unfit = slot == p->slot || s->members[slot].state != SWIM_ALIVE
			     || !scope_shares(s, slot, p->slot);

		for (unsigned i = 0; i < n; i++)
			unfit |= chosen[i] == slot;
		if (!unfit)
			chosen[n++] = slot;
	}
	for (unsigned i = 0; i < n; i++) {
		note_helper(p, chosen[i]);
		send_ping_req(s, chosen[i], p);
	}
}

/* Longer while we are not well. */
static struct span stretched(const struct swim *s, uint32_t ms)
{
	return span_ms((uint64_t)ms * (s->health + 1));
}

static void step(struct swim *s, struct probe *p)
{
	const struct profile *t = s->profile;
	bool direct = s->members[p->slot].reachable;

	if (direct && p->tries < t->tries)
		probe_ping(s, p->slot, p->id);
	if (!direct && !p->tries)
		member_fact(s, p->slot, FACT_PATH);
	if (p->tries == t->help_at[0] || p->tries == t->help_at[1] || (!direct && !p->tries))
		ask_helpers(s, p);
	p->tries++;
	p->next = instant_add(p->started, stretched(s, p->tries * t->gap_ms));
	if (p->tries >= t->tries || instant_before(p->ends, p->next))
		p->next = p->ends;
}

bool probe_start(struct swim *s, uint32_t slot)
{
	if (find(s, slot))
		return true;
	for (struct probe *p = s->probes; p < s->probes + PROBE_MAX; p++) {
		if (p->used)
			continue;
		*p = (struct probe){ .used = true, .slot = slot };
		p->id = (uint32_t)rng_u64(&s->rng) | 1;
		p->started = s->now;
		p->ends = instant_add(s->now, stretched(s, s->profile->fail_ms));
		suspicion_probed(s, slot, s->now);
		s->probe_count++;
		step(s, p);
		return true;
	}
	return false;
}

void probe_success(struct swim *s, uint32_t slot)
{
	struct probe *p = find(s, slot);

	if (!p)
		return;
	end(s, p);
	if (s->health)
		s->health--;
}

/* One helper's word is taken where nobody contradicts, or as many agree: a liar among many cannot
 * keep a dead member alive. */
static bool is_vouched_for(const struct probe *p, bool at_the_end)
{
	unsigned yes = 0, no = 0;

	for (unsigned i = 0; i < p->helps; i++) {
		yes += p->help[i].forwarded;
		no += p->help[i].nacked && !p->help[i].forwarded;
	}
	return at_the_end ? yes && yes >= no : yes > 1 || (yes && p->helps == 1);
}

static void vouched_for(struct swim *s, uint32_t slot)
{
	probe_success(s, slot);
	member_fact(s, slot, FACT_PATH);
	suspicion_clear(s, slot);
	if (s->members[slot].state == SWIM_SUSPECT) {
		s->counters.refutations++;
		member_set_state(s, slot, SWIM_ALIVE);
	}
}

static void fail(struct swim *s, struct probe *p)
{
	uint32_t slot = p->slot;
	struct instant started = p->started;

	if (is_vouched_for(p, true)) {
		vouched_for(s, slot);
		return;
	}
	end(s, p);
	if (!member_lives(&s->members[slot]))
		return;
	if (s->counters.alive > 1 && !instant_before(started, s->heard)) {
		if (s->health < HEALTH_MAX)
			s->health++;
		suspicion_untold(s, slot);
		return;
	}
	suspicion_own(s, slot, started);
}

void probe_drop(struct swim *s, uint32_t slot)
{
	struct probe *p = find(s, slot);

	if (p)
		end(s, p);
}

void probe_drop_all(struct swim *s)
{
	for (struct probe *p = s->probes; p < s->probes + PROBE_MAX; p++)
		p->used = false;
	s->probe_count = 0;
}

/* --- for others */

static void send_short(struct swim *s, uint32_t to, enum wire_type type, uint32_t id,
		       enum wire_nack reason)
{
	struct draft d;

	draft_begin(s, &d, to, type, 0, id);
	if (type == WIRE_NACK && d.ok)
		wr_u8(&d.w, (uint8_t)reason);
	draft_items(&d);
	draft_piggyback(s, &d);
	draft_send(s, &d);
}

static void end_errand(struct swim *s, struct errand *e)
{
	*e = (struct errand){ .origin = NONE };
	s->errand_count--;
}

/* The place of an errand: its former self, one that is over, or an unused one; NULL: too many. */
static struct errand *place_for(struct swim *s, uint32_t origin, uint32_t target)
{
	struct errand *place = NULL;
	unsigned of_origin = 0;

	for (struct errand *e = s->errands; e < s->errands + ERRAND_MAX; e++) {
		if (e->origin != NONE && e->origin == origin && e->target == target) {
			s->errand_count--;
			return e;
		}
		if (e->origin != NONE && instant_reached(e->ends, s->now))
			end_errand(s, e);
		if (e->origin == NONE)
			place = e;
		else
			of_origin += e->origin == origin;
	}
	return of_origin < ERRANDS_PER_ORIGIN ? place : NULL;
}

/* As soon as there is a path. */
static void errand_ping(struct swim *s, struct errand *e)
{
	if (!s->members[e->target].near) {
		e->ping_at = instant_add(s->now, span_ms(s->profile->gap_ms / 2));
		return;
	}
	e->ping_at = INSTANT_NEVER;
	probe_ping(s, e->target, e->ping_id);
}

void errand_start(struct swim *s, uint32_t origin, uint32_t id, const struct public_key *target)
{
	uint32_t slot = member_find(s, target);
	struct errand *e;

	if (slot == s->cap) {
		send_short(s, origin, WIRE_FORWARDED, id, 0);
		return;
	}
	e = slot != NONE && slot != origin && member_lives(&s->members[slot])
	    ? place_for(s, origin, slot) : NULL;
	if (!e) {
		send_short(s, origin, WIRE_NACK, id, WIRE_NACK_UNKNOWN);
		return;
	}
	*e = (struct errand){ .origin = origin, .target = slot, .origin_id = id };
	e->ping_id = (uint32_t)rng_u64(&s->rng) | 1;
	e->nack_at = instant_add(s->now, span_ms(s->profile->nack_ms));
	e->ends = instant_add(s->now, span_ms(s->profile->again_ms));
	s->errand_count++;
	e->ping_at = s->now;
	if (!s->members[slot].near)
		member_fact(s, slot, FACT_PATH);
	errand_ping(s, e);
}

void errand_answered(struct swim *s, uint32_t target, uint32_t ping_id)
{
	for (struct errand *e = s->errands; s->errand_count && e < s->errands + ERRAND_MAX; e++) {
		if (e->origin == NONE || e->target != target || e->ping_id != ping_id)
			continue;
		send_short(s, e->origin, WIRE_FORWARDED, e->origin_id, 0);
		end_errand(s, e);
	}
}

static void errand_tick(struct swim *s)
{
	for (struct errand *e = s->errands; s->errand_count && e < s->errands + ERRAND_MAX; e++) {
		if (e->origin == NONE)
			continue;
		if (instant_reached(e->ping_at, s->now))
			errand_ping(s, e);
		if (instant_reached(e->nack_at, s->now)) {
			e->nack_at = INSTANT_NEVER;
			send_short(s, e->origin, WIRE_NACK, e->origin_id,
				   e->ping_at.ns == UINT64_MAX ? WIRE_NACK_SILENT :
								 WIRE_NACK_UNKNOWN);
		}
		if (instant_reached(e->ends, s->now))
			end_errand(s, e);
	}
}

/* --- time */

void probe_helped(struct swim *s, uint32_t from, uint32_t id, bool forwarded)
{
	for (struct probe *p = s->probes; s->probe_count && p < s->probes + PROBE_MAX; p++) {
		if (!p->used || p->id != id)
			continue;
		for (unsigned i = 0; i < p->helps; i++) {
			p->help[i].forwarded |= forwarded && p->help[i].slot == from;
			p->help[i].nacked |= !forwarded && p->help[i].slot == from;
		}
		if (is_vouched_for(p, false))
			vouched_for(s, p->slot);
	}
}

void probe_tick(struct swim *s)
{
	for (struct probe *p = s->probes; s->probe_count && p < s->probes + PROBE_MAX; p++) {
		if (!p->used || !instant_reached(p->next, s->now))
			continue;
		if (instant_reached(p->ends, s->now))
			fail(s, p);
		else
			step(s, p);
	}
	errand_tick(s);
	if (s->probing && instant_reached(s->probe_at, s->now)) {
		uint32_t slot = next_target(s);

		if (slot != NONE)
			probe_start(s, slot);
		s->probe_at = instant_add(s->now, (struct span){ s->period.ns * (s->health + 1) });
	}
}

void probe_forget(struct swim *s, uint32_t slot)
{
	struct probe *p = find(s, slot);

	if (p)
		end(s, p);
	for (struct errand *e = s->errands; s->errand_count && e < s->errands + ERRAND_MAX; e++)
		if (e->origin != NONE && (e->origin == slot || e->target == slot))
			end_errand(s, e);
}

struct instant probe_deadline(const struct swim *s)
{
	struct instant first = s->probing ? s->probe_at : INSTANT_NEVER;

	for (uint32_t i = 0; s->probe_count && i < PROBE_MAX; i++)
		if (s->probes[i].used)
			first = instant_min(first, s->probes[i].next);
	for (uint32_t i = 0; s->errand_count && i < ERRAND_MAX; i++) {
		const struct errand *e = &s->errands[i];

		if (e->origin != NONE)
			first = instant_min(instant_min(first, e->ping_at),
					    instant_min(e->nack_at, e->ends));
	}
	return first;
}
