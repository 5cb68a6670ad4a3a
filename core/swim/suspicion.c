/* suspicion.c - accusations, suspicions, verdicts.
 *
 * An accusation is hearsay: all that it does is that we probe its subject at once (the ping tells
 * it, so that it can refute), and pass it on if the subject does not answer within a tenth of a
 * second. Only our own failed probes make a member SUSPECT here, and only after a time without
 * any sign of it is it DEAD. Further accusers shorten that time (Lifeguard): with C of them
 *
 *     S(C) = MAX - (MAX - MIN) * ln(C + 1) / ln(K + 1)
 *     MIN = 2 periods, MAX = 6 MIN, K = min(3, others that could)
 *
 * from the failure of our probe on; from its start if an accusation caused it, for others have
 * waited already. So liars can make us look, and can make us decide sooner about a member that
 * does not answer us anyway; they cannot make us decide against one that does. Every sign of life
 * clears a suspicion.
 *
 * No verdict is taken while we hear nobody at all (unless there is only one other member: then
 * the two cases cannot be told apart), nor within a second after we ourselves slept. */
#include "swim/suspicion.h"

#include "swim/gossip.h"
#include "swim/member.h"
#include "swim/probe.h"

#define LOOK_AGAIN_MS 100u  /* when all probes are busy */
#define STALL_EXTRA_MS 1000u
/* Probes that accusations may cause, in all; accusations heeded from one sender. */
#define LOOKS_PER_SECOND 16u
#define LOOKS_BURST 64u
#define HEED_PER_SECOND 16u
#define HEED_BURST 64u
#define AGREE_PER_SECOND 20u
#define AGREE_BURST 40u

/* ln(C + 1) / ln(K + 1) in permille; [K][C]. */
static const uint16_t shortening[CONFIRMERS + 1][CONFIRMERS + 1] = {
	{ 1000, 1000, 1000, 1000 },
	{ 0, 1000, 1000, 1000 },
	{ 0, 631, 1000, 1000 },
	{ 0, 500, 792, 1000 },
};

static struct suspicion *find(struct swim *s, uint32_t slot)
{
	uint32_t at = s->members[slot].suspicion;

	return at ? &s->suspicions[at - 1] : NULL;
}

static uint32_t index_of(const struct swim *s, const struct suspicion *x)
{
	return (uint32_t)(x - s->suspicions);
}

static struct suspicion *make(struct swim *s, uint32_t slot)
{
	uint32_t index = pool_get(&s->suspicion_pool);

	if (index == POOL_NONE) {
		s->counters.drop_rate++;
		return NULL;
	}
	s->suspicions[index] = (struct suspicion){ .slot = slot, .since = s->now };
	s->members[slot].suspicion = index + 1;
	return &s->suspicions[index];
}

static struct span time_out(const struct swim *s, unsigned accusers)
{
	uint32_t others = s->counters.alive ? s->counters.alive - 1 : 0;
	unsigned k = others < CONFIRMERS ? others : CONFIRMERS;
	unsigned c = accusers < CONFIRMERS ? accusers : CONFIRMERS;
	struct span least = span_ms(s->profile->suspicion_ms);
	uint64_t more = (MAX_SUSPICION_FACTOR - 1) * least.ns;

	return (struct span){ least.ns + more / 1000 * (1000u - shortening[k][c]) };
}

/* Never in the past: a deadline that is long over means that we slept. */
static void set_verdict(struct swim *s, struct suspicion *x)
{
	x->verdict_at = instant_add(x->since, time_out(s, x->accusers));
	if (instant_before(x->verdict_at, s->now))
		x->verdict_at = s->now;
}

static struct span again(const struct swim *s)
{
	return span_ms(s->profile->again_ms);
}

/* When to look at it next: at the verdict, or for another probe some time after the last one
 * began. */
static void schedule(struct swim *s, struct suspicion *x)
{
	struct instant probe = instant_add(s->members[x->slot].probed, again(s));

	if (!instant_before(s->now, probe))
		probe = instant_add(s->now, span_ms(LOOK_AGAIN_MS));
	heap_set(&s->suspicion_heap, index_of(s, x), instant_min(probe, x->verdict_at));
}

static bool add_accuser(struct suspicion *x, uint32_t accuser)
{
	for (unsigned i = 0; i < x->accusers; i++)
		if (x->accuser[i] == accuser)
			return false;
	if (x->accusers == ACCUSERS)
		return false;
	x->accuser[x->accusers++] = accuser;
	return true;
}

/* The accuser is late and not sure yet: we have been through that. */
static void agree(struct swim *s, uint32_t slot, uint32_t accuser)
{
	struct draft d;

	if (!bucket_take(&s->members[accuser].answer_full, s->now, span_ms(1000 / AGREE_PER_SECOND),
			 AGREE_BURST))
		return;
	draft_begin(s, &d, accuser, WIRE_ITEMS, 0, 0);
	draft_items(&d);
	if (draft_accusation(s, &d, slot, s->cap))
		draft_send(s, &d);
}

void suspicion_heard(struct swim *s, uint32_t slot, uint32_t accuser, uint32_t from)
{
	struct member *m = &s->members[slot];
	struct suspicion *x = find(s, slot);

	if (m->state == SWIM_DEAD && !m->lost && from == accuser)
		agree(s, slot, from);
	if (!member_lives(m) || accuser == slot)
		return;
	for (unsigned i = 0; x && i < x->accusers; i++)
		if (x->accuser[i] == accuser)
			return;
	if (!bucket_take(&s->members[from].accuse_full, s->now,
			 (struct span){ 1000000000u / HEED_PER_SECOND }, HEED_BURST)) {
		s->counters.drop_rate++;
		return;
	}
	if (!x) {
		x = make(s, slot);
		if (!x)
			return;
		m->by = accuser;
		heap_set(&s->suspicion_heap, index_of(s, x), s->now);
	}
	if (!add_accuser(x, accuser))
		return;
	if (x->relayed)
		gossip_accusation(s, slot, accuser);
	if (x->own) {
		set_verdict(s, x);
		schedule(s, x);
	}
}

/* It did not answer our first ping at once either. */
static void relay(struct swim *s, struct suspicion *x)
{
	x->relayed = true;
	for (unsigned i = 0; i < x->accusers; i++)
		gossip_accusation(s, x->slot, x->accuser[i]);
}

void suspicion_own(struct swim *s, uint32_t slot)
{
	struct suspicion *x = find(s, slot);

	if (!member_lives(&s->members[slot]))
		return;
	if (!x) {
		x = make(s, slot);
		if (!x)
			return;
		s->members[slot].by = NONE;
	}
	if (!x->own) {
		x->own = true;
		if (!x->relayed)
			relay(s, x);
		x->since = x->accusers ? s->members[slot].probed : s->now;
		s->counters.suspicions++;
		member_set_state(s, slot, SWIM_SUSPECT);
		set_verdict(s, x);
	}
	/* Again after each probe, until enough others agree: who has a verdict already answers
	 * that. */
	if (x->accusers < CONFIRMERS)
		gossip_accusation(s, slot, s->cap);
	schedule(s, x);
}

void suspicion_untold(struct swim *s, uint32_t slot)
{
	struct suspicion *x = find(s, slot);

	if (x && !x->own)
		suspicion_clear(s, slot);
	else if (x)
		schedule(s, x);
}

void suspicion_clear(struct swim *s, uint32_t slot)
{
	struct suspicion *x = find(s, slot);

	if (!x)
		return;
	heap_set(&s->suspicion_heap, index_of(s, x), INSTANT_NEVER);
	pool_put(&s->suspicion_pool, index_of(s, x));
	s->members[slot].suspicion = 0;
}

void suspicion_forget_accuser(struct swim *s, uint32_t slot)
{
	for (uint32_t i = 0; i < s->suspicion_pool.fresh; i++) {
		struct suspicion *x = &s->suspicions[i];

		for (unsigned k = 0; pool_used(&s->suspicion_pool, i) && k < x->accusers; k++)
			if (x->accuser[k] == slot)
				x->accuser[k] = x->accuser[--x->accusers];
	}
}

/* Whether we may judge: not just awake, and, if there is anybody else, we heard somebody since
 * the suspicion began, and just now. */
static bool may_judge(const struct swim *s, const struct suspicion *x)
{
	if (instant_before(s->now, s->no_verdict_before))
		return false;
	return s->counters.alive == 1
	       || (instant_before(x->since, s->heard)
		   && instant_since(s->now, s->heard).ns <= 2 * again(s).ns * (s->health + 1));
}

static void look(struct swim *s, struct suspicion *x)
{
	uint32_t index = index_of(s, x);
	struct instant soon = instant_add(s->now, span_ms(LOOK_AGAIN_MS));
	struct span token = { 1000000000u / LOOKS_PER_SECOND };

	if (x->own && instant_reached(x->verdict_at, s->now)) {
		if (may_judge(s, x)) {
			uint32_t slot = x->slot;

			s->counters.deaths++;
			suspicion_clear(s, slot);
			member_set_state(s, slot, SWIM_DEAD);
			return;
		}
		x->verdict_at = instant_add(s->now, span_ms(STALL_EXTRA_MS));
	}
	if (x->own && instant_since(s->now, s->members[x->slot].probed).ns < again(s).ns) {
		schedule(s, x);
		return;
	}
	if (x->looked && !x->own && probe_running(s, x->slot)) {
		relay(s, x);
		return; /* the end of the probe goes on */
	}
	/* An own suspicion probes once a period; what others accuse has a budget. */
	if (probe_running(s, x->slot)
	    || (!x->own && !bucket_take(&s->verify_full, s->now, token, LOOKS_BURST))
	    || !probe_start(s, x->slot)) {
		heap_set(&s->suspicion_heap, index, soon);
		return;
	}
	if (x->own)
		schedule(s, x);
	else
		heap_set(&s->suspicion_heap, index,
			 instant_add(s->now, span_ms(s->profile->gap_ms)));
	x->looked = true;
}

void suspicion_tick(struct swim *s)
{
	uint32_t index;

	while ((index = heap_pop(&s->suspicion_heap, s->now)) != HEAP_NONE)
		look(s, &s->suspicions[index]);
}

void suspicion_shift(struct swim *s, struct span by)
{
	struct span all = { by.ns + span_ms(STALL_EXTRA_MS).ns };

	for (uint32_t i = 0; i < s->suspicion_pool.fresh; i++) {
		struct suspicion *x = &s->suspicions[i];

		if (!pool_used(&s->suspicion_pool, i))
			continue;
		if (x->own) {
			x->verdict_at = instant_add(x->verdict_at, all);
			schedule(s, x);
		} else {
			heap_set(&s->suspicion_heap, i, s->now);
		}
	}
	s->no_verdict_before = instant_add(s->now, span_ms(STALL_EXTRA_MS));
}
