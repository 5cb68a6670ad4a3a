/* suspicion.c - accusations, suspicions, verdicts.
 *
 * Two ways lead to a verdict.
 *
 * Our own eyes: a probe of ours failed, the member is SUSPECT here, and for some time there is no
 * sign of it. Further accusers shorten that time (Lifeguard): with C of them
 *
 *     S(C) = MAX - (MAX - MIN) * ln(C + 1) / ln(K + 1)
 *     MIN by the profile, MAX = 6 MIN, K = min(3, others that could)
 *
 * from the failure of our probe on; from its start if an accusation caused it, for others have
 * waited already. In a small mesh this is the only way: an accusation only makes us look.
 *
 * The eyes of others, in a large mesh, for members that we do not watch: K + 1 = 4 signed
 * accusations by admissible accusers, and MIN without a sign of the member since the first of
 * them. Who watches it looks at once when the first accusation comes; who would be next looks a
 * while later, if there are not enough by then. So an accusation costs its subject some 8
 * probes, whatever the size of the mesh, and one liar is heard about 16 subjects and convicts
 * none.
 *
 * After a verdict the accusations stay as its proof, for who asks, until the member shows a
 * higher sequence or the room is needed. Every sign of life clears a suspicion.
 *
 * No verdict is taken while we hear nobody at all (unless there is only one other member: then
 * the two cases cannot be told apart), nor within a second after we ourselves slept. */
#include "swim/suspicion.h"

#include "swim/accuse.h"
#include "swim/gossip.h"
#include "swim/member.h"
#include "swim/peer.h"
#include "swim/probe.h"
#include "swim/rings.h"

#include <string.h>

#define LOOK_AGAIN_MS 100u  /* when all probes are busy */
#define STALL_EXTRA_MS 1000u
/* Probes that accusations may cause, in all; accusations heeded of one accuser; what one sender's
 * lists make us look at. */
#define LOOKS_PER_SECOND 16u
#define LOOKS_BURST 64u
#define HEED_EACH_MS 1000u
#define HEED_BURST 40u
#define HINT_EACH_MS 100u
#define HINT_BURST 40u
#define AGREED 2u           /* believed accusers: then those count, too, who are not believed */
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

static const struct suspicion *seen(const struct swim *s, uint32_t slot)
{
	uint32_t at = s->members[slot].suspicion;

	return at ? &s->suspicions[at - 1] : NULL;
}

static uint32_t index_of(const struct swim *s, const struct suspicion *x)
{
	return (uint32_t)(x - s->suspicions);
}

static void drop(struct swim *s, struct suspicion *x)
{
	heap_set(&s->suspicion_heap, index_of(s, x), INSTANT_NEVER);
	s->suspected -= !x->dead;
	s->members[x->slot].suspicion = 0;
	pool_put(&s->suspicion_pool, index_of(s, x));
}

/* What is past gives way: the proof of some verdict. */
static bool give_up_proof(struct swim *s)
{
	for (uint32_t i = 0; i < s->suspicion_cap; i++) {
		uint32_t index = s->proof_turn++ % s->suspicion_cap;

		if (pool_used(&s->suspicion_pool, index) && s->suspicions[index].dead) {
			drop(s, &s->suspicions[index]);
			return true;
		}
	}
	return false;
}

static struct suspicion *make(struct swim *s, uint32_t slot, uint32_t by)
{
	uint32_t index = pool_get(&s->suspicion_pool);

	if (index == POOL_NONE && give_up_proof(s))
		index = pool_get(&s->suspicion_pool);
	if (index == POOL_NONE) {
		s->counters.drop_rate++;
		return NULL;
	}
	s->suspicions[index] = (struct suspicion){ .slot = slot, .by = by };
	s->suspicions[index].heard = s->suspicions[index].since = s->now;
	s->suspicions[index].probed = probe_began(s, slot);
	s->members[slot].suspicion = (uint16_t)(index + 1);
	if (!s->suspected++)
		s->suspected_since = s->now;
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

/* In a large mesh K + 1 accusations with ours convict as soon as they would without it: who looks
 * later than others is not the last one to know. Never in the past: a deadline that is long over
 * means that we slept. */
static void set_verdict(struct swim *s, struct suspicion *x)
{
	struct instant by_others = instant_add(x->heard, span_ms(s->profile->suspicion_ms));

	x->verdict_at = instant_add(x->since, time_out(s, x->accusers));
	if (!accuse_small(s) && x->accusers + 1 >= ACCUSERS)
		x->verdict_at = instant_min(x->verdict_at, by_others);
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
	struct instant probe = instant_add(x->probed, again(s));

	if (!instant_before(s->now, probe))
		probe = instant_add(s->now, span_ms(LOOK_AGAIN_MS));
	heap_set(&s->suspicion_heap, index_of(s, x), instant_min(probe, x->verdict_at));
}

static bool has_accuser(const struct suspicion *x, uint32_t accuser)
{
	for (unsigned i = 0; i < x->accusers; i++)
		if (x->accuser[i] == accuser)
			return true;
	return false;
}

bool suspicion_proof(const struct swim *s, uint32_t slot, uint32_t accuser, struct signature *out)
{
	const struct suspicion *x = seen(s, slot);

	if (x && accuser == s->cap && x->own) {
		*out = x->own_proof;
		return true;
	}
	for (unsigned i = 0; x && i < x->accusers; i++) {
		if (x->accuser[i] == accuser) {
			*out = x->proof[i];
			return true;
		}
	}
	return false;
}

uint32_t suspicion_accuser(const struct swim *s, uint32_t slot)
{
	const struct suspicion *x = seen(s, slot);

	return x && !x->own && x->accusers ? x->accuser[0] : s->cap;
}

bool suspicion_put_proof(struct swim *s, struct draft *d, uint32_t slot)
{
	const struct suspicion *x = seen(s, slot);
	unsigned others = x ? x->accusers : 0;
	bool own = !others || x->own;

	if (draft_room(d) < (others + own) * WIRE_ACCUSATION
	    || d->items + others + own > WIRE_ITEMS_MAX)
		return false;
	for (unsigned i = 0; i < others; i++)
		draft_accusation(s, d, slot, x->accuser[i]);
	if (own)
		draft_accusation(s, d, slot, s->cap);
	return true;
}

/* The accuser is late and not sure yet: we have been through that. */
static void agree(struct swim *s, uint32_t slot, uint32_t accuser)
{
	struct peer *p = peer_of(s, accuser);
	struct draft d;

	if (!bucket_take(&p->answer_full, s->now, span_ms(1000 / AGREE_PER_SECOND), AGREE_BURST))
		return;
	draft_begin(s, &d, accuser, WIRE_ITEMS, 0, 0);
	draft_items(&d);
	if (d.ok && suspicion_put_proof(s, &d, slot))
		draft_send(s, &d);
}

bool suspicion_cares(struct swim *s, uint32_t slot, uint32_t accuser, uint32_t from)
{
	struct member *m = &s->members[slot];
	struct suspicion *x = find(s, slot);

	if (m->state == SWIM_DEAD && !m->lost && from == accuser)
		agree(s, slot, from);
	if (!member_lives(m) || (x && (has_accuser(x, accuser) || x->accusers >= ACCUSERS)))
		return false;
	return (accuse_believed(s, accuser) || (x && x->accusers >= AGREED))
	       && accuse_admissible(s, accuser, slot);
}

enum turn { NEVER, AT_ONCE, LATER };

/* When this node looks at an accused member. */
static enum turn our_turn(struct swim *s, uint32_t slot)
{
	unsigned rank = accuse_small(s) ? 1 : rings_rank(s, s->cap, slot, WATCHERS);

	if (!rank)
		return NEVER;
	return rank <= LOOKERS ? AT_ONCE : LATER;
}

void suspicion_look(struct swim *s, uint32_t slot, uint32_t from)
{
	struct suspicion *x = find(s, slot);

	if (x || our_turn(s, slot) != AT_ONCE
	    || !bucket_take(&peer_of(s, from)->accuse_full, s->now, span_ms(HINT_EACH_MS),
			    HINT_BURST))
		return;
	x = make(s, slot, from);
	if (!x)
		return;
	heap_set(&s->suspicion_heap, index_of(s, x), s->now);
}

void suspicion_heard(struct swim *s, uint32_t slot, uint32_t accuser, const struct signature *proof)
{
	struct suspicion *x = find(s, slot);

	if (!bucket_take(&peer_of(s, accuser)->heed_full, s->now, span_ms(HEED_EACH_MS),
			 HEED_BURST)) {
		s->counters.drop_rate++;
		return;
	}
	if (!x) {
		x = make(s, slot, accuser);
		if (!x)
			return;
	}
	x->accuser[x->accusers] = accuser;
	x->proof[x->accusers++] = *proof;
	x->relayed |= our_turn(s, slot) == NEVER; /* who does not look passes it on at once */
	if (x->relayed)
		gossip_accusation(s, slot, accuser);
	if (x->own) {
		set_verdict(s, x);
		schedule(s, x);
	} else if (x->accusers == 1 || x->accusers == ACCUSERS) {
		heap_set(&s->suspicion_heap, index_of(s, x), s->now);
	}
}

/* It did not answer our first ping at once either. */
static void relay(struct swim *s, struct suspicion *x)
{
	x->relayed = true;
	for (unsigned i = 0; i < x->accusers; i++)
		gossip_accusation(s, x->slot, x->accuser[i]);
}

void suspicion_own(struct swim *s, uint32_t slot, struct instant began)
{
	struct suspicion *x = find(s, slot);

	if (!member_lives(&s->members[slot]))
		return;
	if (!x) {
		x = make(s, slot, NONE);
		if (!x)
			return;
		x->probed = began;
	}
	if (!x->own) {
		x->own = true;
		accuse_sign(s, slot, &x->own_proof);
		if (!x->relayed)
			relay(s, x);
		x->since = x->accusers ? x->probed : s->now;
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

void suspicion_probed(struct swim *s, uint32_t slot, struct instant began)
{
	struct suspicion *x = find(s, slot);

	if (x)
		x->probed = began;
}

uint32_t suspicion_by(const struct swim *s, uint32_t slot)
{
	const struct suspicion *x = seen(s, slot);

	return x ? x->by : NONE;
}

void suspicion_untold(struct swim *s, uint32_t slot)
{
	struct suspicion *x = find(s, slot);

	if (x && !x->own && accuse_small(s))
		drop(s, x);
	else if (x)
		heap_set(&s->suspicion_heap, index_of(s, x), instant_add(s->now, again(s)));
}

void suspicion_clear(struct swim *s, uint32_t slot)
{
	struct suspicion *x = find(s, slot);

	if (!x)
		return;
	for (unsigned i = 0; i < x->accusers; i++)
		accuse_was_right(s, x->accuser[i], false);
	drop(s, x);
}

void suspicion_drop(struct swim *s, uint32_t slot)
{
	struct suspicion *x = find(s, slot);

	if (x)
		drop(s, x);
}

void suspicion_forget_accuser(struct swim *s, uint32_t slot)
{
	for (uint32_t i = 0; i < s->suspicion_pool.fresh; i++) {
		struct suspicion *x = &s->suspicions[i];

		if (x->by == slot)
			x->by = NONE;
		for (unsigned k = 0; pool_used(&s->suspicion_pool, i) && k < x->accusers; k++)
			if (x->accuser[k] == slot) {
				x->accuser[k] = x->accuser[--x->accusers];
				x->proof[k] = x->proof[x->accusers];
			}
	}
}

/* Whether we may judge: not just awake, and, if there is anybody else, we heard somebody since
 * the suspicion began, and just now. */
static bool may_judge(const struct swim *s, struct instant since)
{
	if (instant_before(s->now, s->no_verdict_before))
		return false;
	return s->counters.alive == 1
	       || (instant_before(since, s->heard)
		   && instant_since(s->now, s->heard).ns <= 2 * again(s).ns * (s->health + 1));
}

static void judge(struct swim *s, struct suspicion *x)
{
	for (unsigned i = 0; i < x->accusers; i++)
		accuse_was_right(s, x->accuser[i], true);
	s->counters.deaths++;
	s->suspected--;
	x->dead = true;
	heap_set(&s->suspicion_heap, index_of(s, x), INSTANT_NEVER);
	probe_drop(s, x->slot);
	member_set_state(s, x->slot, SWIM_DEAD);
}

/* Our own suspicion: the verdict, or another probe. */
static void look_own(struct swim *s, struct suspicion *x)
{
	if (instant_reached(x->verdict_at, s->now)) {
		if (may_judge(s, x->since)) {
			judge(s, x);
			return;
		}
		x->verdict_at = instant_add(s->now, span_ms(STALL_EXTRA_MS));
	}
	if (instant_since(s->now, x->probed).ns >= again(s).ns
	    && !probe_running(s, x->slot) && probe_start(s, x->slot))
		x->looked = true;
	schedule(s, x);
}

/* What others said, about a member that we do not watch, or that we watch and that has not failed
 * us: their verdict, its end, or a probe of ours. */
static void look_accused(struct swim *s, struct suspicion *x)
{
	uint32_t index = index_of(s, x);
	struct instant soon = instant_add(s->now, span_ms(LOOK_AGAIN_MS));
	struct instant least = instant_add(x->heard, span_ms(s->profile->suspicion_ms));
	struct instant most = instant_add(x->heard, time_out(s, 0));
	enum turn ours = our_turn(s, x->slot);

	if (!accuse_small(s) && x->accusers == ACCUSERS && instant_reached(least, s->now)
	    && may_judge(s, x->heard)) {
		judge(s, x);
		return;
	}
	if (instant_reached(most, s->now)) {
		drop(s, x);
		return;
	}
	if (x->looked && probe_running(s, x->slot)) {
		if (!x->relayed)
			relay(s, x);
		heap_set(&s->suspicion_heap, index, instant_add(s->now, again(s)));
		return; /* before that the end of the probe goes on */
	}
	if (ours == NEVER || (ours == LATER && x->accusers == ACCUSERS)) {
		if (!x->relayed)
			relay(s, x);
		heap_set(&s->suspicion_heap, index,
			 x->accusers == ACCUSERS && s->now.ns < least.ns ? least
			 : instant_min(most, instant_add(s->now, again(s))));
		return;
	}
	if (ours == LATER && instant_since(s->now, x->heard).ns < again(s).ns) {
		heap_set(&s->suspicion_heap, index, instant_add(x->heard, again(s)));
		return;
	}
	/* What others accuse has a budget. */
	if (probe_running(s, x->slot)
	    || !bucket_take(&s->verify_full, s->now, span_ms(1000u / LOOKS_PER_SECOND), LOOKS_BURST)
	    || !probe_start(s, x->slot)) {
		heap_set(&s->suspicion_heap, index, soon);
		return;
	}
	x->looked = true;
	heap_set(&s->suspicion_heap, index, instant_add(s->now, span_ms(s->profile->gap_ms)));
}

uint32_t suspicion_next_due(const struct swim *s, struct instant now, uint32_t *place)
{
	struct span least = span_ms(s->profile->suspicion_ms);

	if (!instant_reached(heap_first(&s->suspicion_heap), now))
		return NONE;
	while (*place < s->suspicion_pool.fresh) {
		uint32_t index = (*place)++;
		const struct suspicion *x = &s->suspicions[index];

		if (pool_used(&s->suspicion_pool, index) && !x->dead
		    && instant_reached(x->own ? x->verdict_at : instant_add(x->heard, least), now))
			return x->slot;
	}
	return NONE;
}

void suspicion_tick(struct swim *s)
{
	uint32_t index;

	while ((index = heap_pop(&s->suspicion_heap, s->now)) != HEAP_NONE) {
		struct suspicion *x = &s->suspicions[index];

		if (x->own)
			look_own(s, x);
		else
			look_accused(s, x);
	}
}

void suspicion_shift(struct swim *s, struct span by)
{
	struct span all = { by.ns + span_ms(STALL_EXTRA_MS).ns };

	for (uint32_t i = 0; i < s->suspicion_pool.fresh; i++) {
		struct suspicion *x = &s->suspicions[i];

		if (!pool_used(&s->suspicion_pool, i) || x->dead)
			continue;
		x->heard = instant_add(x->heard, all);
		if (x->own) {
			x->verdict_at = instant_add(x->verdict_at, all);
			schedule(s, x);
		} else {
			heap_set(&s->suspicion_heap, i, s->now);
		}
	}
	s->no_verdict_before = instant_add(s->now, span_ms(STALL_EXTRA_MS));
}
