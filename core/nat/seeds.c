/* First contact when both know each other's key: each seed is called by the tags of all trusted
 * keys that have no path yet, 152 in a datagram. Only the node that is meant finds its own among
 * them; to anybody else they are noise. Its sealed word that it is here makes us probe it.
 *
 * All seeds together get 50 calls in any second, at once where there are so many. A seed that does
 * not answer is called again after an eighth of the time that we have been waiting for it, at least
 * a second and at most ten minutes. */
#include "nat/path_impl.h"

#include <string.h>

/* Where a new one goes: what was found yesterday gives way to what is found today, and never what
 * somebody typed. MAX_SEEDS: nowhere. */
static uint32_t place_of_new(const struct paths *p, enum seed_source source)
{
	uint32_t place = MAX_SEEDS;

	if (p->seed_count < MAX_SEEDS)
		return p->seed_count;
	for (uint32_t i = 0; i < p->seed_count; i++) {
		const struct seed *s = &p->seeds[i];

		if (s->slot != NO_SLOT || s->source == SEED_GIVEN || s->source < source)
			continue;
		if (place == MAX_SEEDS || instant_before(s->added, p->seeds[place].added))
			place = i;
	}
	return place;
}

/* Answers to what went to the former seed of this number prove nothing about the next one. */
static void forget_pending(struct paths *p, uint32_t number)
{
	for (unsigned i = 0; i < SEED_PENDING; i++)
		if (p->pending[i].seed == number)
			memset(&p->pending[i], 0, sizeof(p->pending[i]));
}

/* Who answered there before it was a seed. */
static uint32_t met_at(const struct paths *p, const struct endpoint *at)
{
	for (uint32_t slot = 0; slot < p->top; slot++) {
		const struct path *path = &p->list[slot];

		for (unsigned i = 0; path->admitted && i < path->count; i++)
			if (instant_is_set(path->list[i].answered)
			    && endpoint_equal(&path->list[i].to, at))
				return slot;
	}
	return NO_SLOT;
}

void paths_add_seed(struct paths *p, const struct endpoint *seed, enum seed_source source,
		    struct instant now)
{
	uint32_t i;

	BUG_ON(source >= SEED_SOURCES);
	for (i = 0; i < p->seed_count; i++) {
		if (!endpoint_equal(&p->seeds[i].to, seed))
			continue;
		if (source < p->seeds[i].source)
			p->seeds[i].source = (uint8_t)source;
		return;
	}
	i = place_of_new(p, source);
	if (i == MAX_SEEDS || !path_usable(p, seed))
		return;
	if (i == p->seed_count)
		p->seed_count++;
	else
		forget_pending(p, i);
	p->seeds[i] = (struct seed){
		.to = *seed, .source = (uint8_t)source, .slot = NO_SLOT, .met = met_at(p, seed),
		.added = now, .next = now,
	};
}

static struct pending *find_pending(struct paths *p, uint32_t slot, const struct endpoint *from,
				    const uint8_t id[static 8])
{
	for (unsigned i = 0; i < SEED_PENDING; i++) {
		struct pending *q = &p->pending[i];

		if (instant_is_set(q->sent) && q->slot == slot && ct_equal(q->id, id, 8) &&
		    endpoint_equal(&p->seeds[q->seed].to, from))
			return q;
	}
	return NULL;
}

bool path_seeds_answer(struct paths *p, uint32_t slot, const struct endpoint *from,
		       const uint8_t id[static 8], struct instant now, struct span *rtt)
{
	struct pending *q = find_pending(p, slot, from, id);

	if (!q)
		return false;
	*rtt = instant_since(now, q->sent);
	p->seeds[q->seed].slot = slot;
	p->seeds[q->seed].rounds = 0;
	p->seeds[q->seed].next = INSTANT_NEVER;
	memset(q, 0, sizeof(*q));
	return true;
}

bool path_seeds_here(struct paths *p, uint32_t slot, const struct endpoint *from,
		     const uint8_t id[static 8], struct instant now, struct outbox *out)
{
	struct pending *q = find_pending(p, NO_SLOT, from, id);

	if (!q)
		return false;
	q->slot = slot;
	q->sent = now;
	random_bytes(p->config.random, q->id, sizeof(q->id));
	probe_send(p, slot, &p->seeds[q->seed].to, 0, true, q->id, out);
	return true;
}

void path_seeds_lost(struct paths *p, uint32_t slot, struct instant now)
{
	for (uint32_t i = 0; i < p->seed_count; i++) {
		if (p->seeds[i].met == slot && !instant_is_set(now)) /* it goes */
			p->seeds[i].met = NO_SLOT;
		if (p->seeds[i].slot != slot)
			continue;
		p->seeds[i].slot = NO_SLOT;
		if (instant_is_set(now))
			p->seeds[i].added = now;
		p->seeds[i].next = now;
		p->seeds[i].cursor = 0;
	}
}

void path_seeds_met(struct paths *p, uint32_t slot, const struct endpoint *at)
{
	for (uint32_t i = 0; i < p->seed_count; i++)
		if (p->seeds[i].met != slot && endpoint_equal(&p->seeds[i].to, at))
			p->seeds[i].met = slot;
}

void path_seeds_wanted(struct paths *p, struct instant now)
{
	for (uint32_t i = 0; i < p->seed_count; i++)
		if (p->seeds[i].slot == NO_SLOT && p->seeds[i].next.ns != UINT64_MAX &&
		    instant_before(now, p->seeds[i].next))
			p->seeds[i].next = now;
}

static struct span seed_backoff(struct paths *p, const struct seed *s, struct instant now)
{
	uint64_t wait = instant_since(now, s->added).ns / 8;

	if (wait < span_s(1).ns)
		wait = span_s(1).ns;
	if (wait > BACKOFF_MAX.ns)
		wait = BACKOFF_MAX.ns;
	return (struct span){ wait + rng_below(&p->rng, wait / 8) };
}

/* The next member without a path from s->cursor on, or NO_SLOT at the end of the round. A round
 * that is begun again and again, for new members, must not always ask for the same ones. */
static uint32_t next_unlocated(struct paths *p, struct seed *s)
{
	if (!s->cursor && p->top)
		s->first = (uint32_t)rng_below(&p->rng, p->top);
	while (s->cursor < p->top) {
		uint32_t slot = (s->first + s->cursor++) % p->top;

		if (p->list[slot].admitted && p->list[slot].best == NO_ADDRESS)
			return slot;
	}
	return NO_SLOT;
}

static void send_call(struct paths *p, uint32_t number, const struct path_call *call,
		      struct outbox *out)
{
	struct path_call *data = (struct path_call *)(void *)outbox_reserve(out, sizeof(*data));

	if (!data)
		return;
	*data = *call;
	outbox_commit(out, OUT_CALL, sizeof(*data))->to = p->seeds[number].to;
	p->counters.calls_sent++;
}

static void seed_step(struct paths *p, uint32_t number, struct instant now, struct outbox *out)
{
	struct seed *s = &p->seeds[number];
	struct path_call call = { .count = 0 };
	uint32_t slot;

	while (call.count < CHANNEL_CALL_MOST && (slot = next_unlocated(p, s)) != NO_SLOT)
		call.slots[call.count++] = slot;
	if (!call.count) {
		s->cursor = 0;
		s->next = instant_add(now, seed_backoff(p, s, now));
		s->rounds += s->asked;
		if (s->rounds == 3 && s->asked)
			path_fact_add(p, PATH_FACT_SEED_UNANSWERED, NO_SLOT, &s->to,
				      (int64_t)s->rounds);
		s->asked = false;
		return;
	}
	s->asked = true;
	struct pending *q = &p->pending[p->pending_at++ % SEED_PENDING];
	random_bytes(p->config.random, call.id, sizeof(call.id));
	memcpy(q->id, call.id, sizeof(q->id));
	q->slot = NO_SLOT;
	q->seed = number;
	q->sent = now;
	send_call(p, number, &call, out);
	p->seed_sent[p->seed_sent_at++ % SEED_RATE] = now;
	struct instant oldest = p->seed_sent[p->seed_sent_at % SEED_RATE];
	p->seed_next = instant_is_set(oldest) ? instant_add(oldest, span_s(1)) : now;
}

void path_seeds_tick(struct paths *p, struct instant now, struct outbox *out)
{
	if (!instant_reached(p->seed_next, now))
		return;
	for (uint32_t n = 0; n < p->seed_count; n++) {
		/* Not always the first seed first. */
		uint32_t i = (n + (uint32_t)(now.ns >> 24)) % p->seed_count;

		while (instant_reached(p->seeds[i].next, now)) {
			if (!instant_reached(p->seed_next, now) ||
			    !outbox_has_room(out, 1, sizeof(struct path_call)))
				return;
			seed_step(p, i, now, out);
		}
	}
}

struct instant path_seeds_deadline(const struct paths *p)
{
	struct instant first = INSTANT_NEVER;

	for (uint32_t i = 0; i < p->seed_count; i++)
		first = instant_min(first, p->seeds[i].next);
	if (first.ns != UINT64_MAX && instant_before(first, p->seed_next))
		first = p->seed_next;
	return first;
}

static bool is_answered(const struct paths *p, const struct seed *s)
{
	return s->slot != NO_SLOT
	    || (s->met != NO_SLOT && p->list[s->met].best != NO_ADDRESS);
}

unsigned paths_seeds(const struct paths *p, struct path_seed *out, unsigned n)
{
	unsigned i;

	for (i = 0; i < p->seed_count && i < n; i++)
		out[i] = (struct path_seed){
			.endpoint = p->seeds[i].to, .answered = is_answered(p, &p->seeds[i]),
			.source = (enum seed_source)p->seeds[i].source,
		};
	return i;
}
