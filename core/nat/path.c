/* DOC: the path manager
 *
 * A member has up to twelve addresses: those that its record claims and those that it was heard
 * from. Each is probed with a sealed datagram; the answer proves that the address works in both
 * directions and gives the round trip. One answered address is the path in use.
 *
 * The path in use is probed after 25 s of silence, and at once when something casts doubt on it
 * (a packet from elsewhere, an unanswered SWIM probe, a handshake that gave up, a change of our
 * own network). After two unanswered probes another address that answered lately takes over;
 * after four the path is lost, and all addresses are probed, three times fast, then with doubling
 * intervals up to ten minutes.
 *
 * A path without tunnel traffic for three minutes is not probed any more, nor are the other
 * addresses: a big mesh knows many that it does not use. The next use asks first whether it
 * stands. Gossip is no use: who gossips finds out by itself that no answer comes, and says so.
 *
 * A host that is too busy must not be made busier: a probe is repeated with the same id, so that
 * an answer counts though it comes late, and waits longer where our own deadlines are missed.
 *
 * What a stranger can make us send: nothing, only members reach this room. What a member can make
 * us send: 20 answers a second of the size of its questions, and three probes to each of eight
 * addresses for a new record.
 */
#include "nat/path_impl.h"

#include <string.h>

#define CREDIT_MAX 4096u
#define LATE_MAX span_s(2)
#define ASLEEP span_s(5)

static size_t round_up(size_t n)
{
	return (n + 63) & ~(size_t)63;
}

size_t paths_size(uint32_t members)
{
	return round_up(sizeof(struct paths)) + round_up(members * sizeof(struct path)) +
	       heap_size(members);
}

struct paths *paths_init(void *memory, const struct paths_config *config, struct instant now)
{
	struct paths *p = memory;
	uint8_t *rest = (uint8_t *)memory + round_up(sizeof(*p));

	p->config = *config;
	rng_init(&p->rng, config->seed);
	p->list = (struct path *)(void *)rest;
	rest += round_up(config->members * sizeof(struct path));
	heap_init(&p->due, rest, config->members);
	p->seed_next = now;
	dialback_init(p, now);
	return p;
}

void paths_set_filter(struct paths *p, bool (*underlay)(void *ctx, const struct ip *ip), void *ctx)
{
	p->underlay = underlay;
	p->underlay_ctx = ctx;
}

bool path_usable(const struct paths *p, const struct endpoint *e)
{
	return e->port && ip_is_unicast(&e->ip) &&
	       (!p->underlay || p->underlay(p->underlay_ctx, &e->ip));
}

void path_fact_add(struct paths *p, enum path_fact_kind kind, uint32_t slot,
		   const struct endpoint *e, int64_t a)
{
	if (p->fact_count == PATH_FACTS) {
		p->fact_first = (p->fact_first + 1) % PATH_FACTS;
		p->fact_count--;
	}
	p->facts[(p->fact_first + p->fact_count++) % PATH_FACTS] = (struct path_fact){
		.kind = kind, .slot = slot, .endpoint = *e, .a = a,
	};
}

bool paths_next_fact(struct paths *p, struct path_fact *out)
{
	if (!p->fact_count)
		return false;
	*out = p->facts[p->fact_first];
	p->fact_first = (p->fact_first + 1) % PATH_FACTS;
	p->fact_count--;
	return true;
}

void path_reschedule(struct paths *p, uint32_t slot)
{
	const struct path *path = &p->list[slot];
	struct instant first = path->mtu.next;

	for (unsigned i = 0; i < path->count; i++)
		first = instant_min(first, path->list[i].next);
	heap_set(&p->due, slot, first);
}

void paths_admit(struct paths *p, uint32_t slot, struct instant now)
{
	struct path *path = &p->list[slot];

	if (path->admitted)
		return;
	memset(path, 0, sizeof(*path));
	path->admitted = true;
	path->best = NO_ADDRESS;
	path->mtu.next = INSTANT_NEVER;
	path->since = now;
	if (slot >= p->top)
		p->top = slot + 1;
	/* The seeds are asked for it without waiting for their backoff. */
	for (uint32_t i = 0; i < p->seed_count; i++)
		if (p->seeds[i].slot == NO_SLOT) {
			p->seeds[i].cursor = 0;
			p->seeds[i].next = now;
		}
}

/* What was told of a member that is gone must not be read as told of its successor. */
static void forget_facts(struct paths *p, uint32_t slot)
{
	uint32_t count = p->fact_count;

	for (uint32_t i = 0; i < count; i++) {
		struct path_fact fact;

		if (paths_next_fact(p, &fact) && fact.slot != slot)
			path_fact_add(p, fact.kind, fact.slot, &fact.endpoint, fact.a);
	}
}

void paths_forget(struct paths *p, uint32_t slot)
{
	p->told -= p->list[slot].told;
	path_mtu_reset(p, slot);
	path_ping_forget(p, slot);
	seen_forget(p, slot);
	for (unsigned i = 0; i < SEED_PENDING; i++)
		if (p->pending[i].slot == slot)
			memset(&p->pending[i], 0, sizeof(p->pending[i]));
	path_seeds_lost(p, slot, INSTANT_ZERO);
	forget_facts(p, slot);
	memset(&p->list[slot], 0, sizeof(p->list[slot]));
	heap_set(&p->due, slot, INSTANT_NEVER);
}

static void forget_local(struct address *a)
{
	a->to.local = (struct ip){ 0 };
	a->to.local_ifindex = 0;
}

static void probe_now(struct address *a, struct instant now)
{
	if (a->waiting)
		return;
	a->next = now;
}

/* Doubts may be made up of replays, and an answer just now dispels them for a while. */
static void probe_best(struct path *path, struct instant now)
{
	struct address *best = &path->list[path->best];
	struct instant soon = instant_add(best->answered, DOUBT_EVERY);

	if (!best->waiting)
		best->next = instant_min(best->next, instant_before(now, soon) ? soon : now);
}

void paths_doubt(struct paths *p, uint32_t slot, struct instant now)
{
	struct path *path = &p->list[slot];

	if (!path->admitted || path->best == NO_ADDRESS)
		return;
	probe_best(path, now);
	path_reschedule(p, slot);
}

void paths_received(struct paths *p, uint32_t slot, const struct endpoint *from, size_t bytes,
		    bool fresh)
{
	struct address *a = p->list[slot].admitted ? path_address(p, slot, from, fresh) : NULL;

	if (!a || instant_is_set(a->answered))
		return;
	a->credit = bytes < CREDIT_MAX - a->credit ? a->credit + (uint32_t)bytes : CREDIT_MAX;
}

/* Moves the next keepalive, but no probe that a doubt has made due; the heap is told when it comes
 * due. */
static void heard_from_best(const struct paths *p, struct path *path, struct instant now)
{
	struct address *best = &path->list[path->best];
	struct instant confirm = instant_add(best->answered, PATH_CONFIRM);

	best->heard = now;
	if (p->keepalive.ns || path_is_active(path, now))
		return;
	if (!best->waiting && best->next.ns != UINT64_MAX &&
	    instant_before(instant_add(now, DOUBT_EVERY), best->next))
		best->next = instant_min(instant_add(now, PATH_KEEP), confirm);
}

static void retry_now(struct address *a, struct instant now)
{
	a->tries = 0;
	probe_now(a, now);
}

static bool path_is_best(const struct path *path, const struct endpoint *from)
{
	return path->admitted && path->best != NO_ADDRESS &&
	       endpoint_equal(&path->list[path->best].to, from);
}

void paths_used(struct paths *p, uint32_t slot, struct instant now)
{
	struct path *path = &p->list[slot];
	bool idle = !path_is_used(p, path, now);

	path->used = now;
	if (path->best == NO_ADDRESS)
		return;
	if (path->mtu.next.ns == UINT64_MAX)
		path_mtu_wanted(p, slot, now);
	struct address *best = &path->list[path->best];
	struct instant beat = instant_add(best->answered, PATH_BEAT);
	if (instant_before(beat, now))
		beat = now;
	/* While a relay carries it, ways around it are looked for. */
	for (unsigned i = 0; idle && best->to.channel && i < path->count; i++)
		if (!path->list[i].to.channel)
			retry_now(&path->list[i], now);
	if (!best->waiting && instant_before(beat, best->next))
		best->next = beat;
	else if (!idle)
		return;
	path_reschedule(p, slot);
}

void paths_heard(struct paths *p, uint32_t slot, const struct endpoint *from, struct instant now)
{
	struct path *path = &p->list[slot];
	struct address *a;
	bool news;

	if (!path->admitted)
		return;
	if (path_is_best(path, from)) {
		heard_from_best(p, path, now);
		return;
	}
	dialback_heard(p, slot, from, now);
	a = path_find(p, slot, from);
	if (!a)
		return;
	news = instant_since(now, a->heard).ns >= span_ms(500).ns || !instant_is_set(a->heard) ||
	       a->starved;
	a->heard = now;
	if (!news)
		return;
	a->starved = false;
	a->tries = 0;
	probe_now(a, now);
	if (path->best != NO_ADDRESS)
		probe_best(path, now);
	path_reschedule(p, slot);
}

void paths_wanted(struct paths *p, uint32_t slot, struct instant now)
{
	struct path *path = &p->list[slot];

	if (!path->admitted || path->best != NO_ADDRESS)
		return;
	if (instant_is_set(path->wanted) && instant_since(now, path->wanted).ns < span_s(1).ns)
		return;
	path->wanted = now;
	for (unsigned i = 0; i < path->count; i++)
		probe_now(&path->list[i], now);
	path_seeds_wanted(p, now);
	path_reschedule(p, slot);
}

void paths_try(struct paths *p, uint32_t slot, struct instant now)
{
	if (!path_was_asked(&p->list[slot]))
		paths_wanted(p, slot, now);
}

/* Our old source address may be gone, or lead nowhere: the system chooses. */
static void network_changed(struct paths *p, uint32_t slot, struct instant now)
{
	struct path *path = &p->list[slot];
	bool asked = path_was_asked(path);

	path_mtu_doubt(path, now);
	for (unsigned i = 0; i < path->count; i++) {
		struct address *a = &path->list[i];

		forget_local(a);
		if (path->best == NO_ADDRESS ? !asked : i != path->best)
			continue;
		a->waiting = false;
		a->tries = 0;
		a->next = now;
	}
	path_reschedule(p, slot);
}

void paths_network_changed(struct paths *p, struct instant now)
{
	for (uint32_t slot = 0; slot < p->top; slot++)
		if (p->list[slot].admitted)
			network_changed(p, slot, now);
	for (uint32_t i = 0; i < p->seed_count; i++)
		if (p->seeds[i].slot == NO_SLOT) {
			p->seeds[i].added = now;
			p->seeds[i].next = now;
		}
	memset(p->seen, 0, sizeof(p->seen));
	dialback_reset(p, now);
}

struct span path_probe_timeout(const struct paths *p, const struct address *a)
{
	struct span t = { a->rtt.ns * 4 };

	if (!a->rtt.ns || t.ns > PROBE_TIMEOUT_MAX.ns)
		t = a->rtt.ns ? PROBE_TIMEOUT_MAX : span_ms(500);
	else if (t.ns < PROBE_TIMEOUT_MIN.ns)
		t = PROBE_TIMEOUT_MIN;
	/* It waits there as long as here, if that host is as busy. */
	return (struct span){ t.ns + 2 * p->late.ns };
}

/* On a busy host answers lie in the socket for as long as our deadlines are missed by; not on one
 * that slept. */
static void note_lateness(struct paths *p, struct instant now)
{
	struct instant due = heap_first(&p->due);
	uint64_t late = instant_before(due, now) ? instant_since(now, due).ns : 0;

	if (late > ASLEEP.ns)
		late = 0;
	if (late > LATE_MAX.ns)
		late = LATE_MAX.ns;
	p->late.ns = late > p->late.ns ? late : p->late.ns - p->late.ns / 8;
}

/* When an address that does not answer is probed again: soon, then 2, 4, 8 ... 600 s. */
static struct span backoff(struct paths *p, const struct address *a, bool idle)
{
	uint32_t shift = a->tries < ADDRESS_TRIES_FAST ? 0 : a->tries - ADDRESS_TRIES_FAST + 1;
	uint64_t wait;

	if (!shift && !idle)
		return span_ms(50);
	wait = span_s(idle ? 60 : 1).ns << (shift > 10 ? 10 : shift);
	if (wait > BACKOFF_MAX.ns)
		wait = BACKOFF_MAX.ns;
	return (struct span){ wait + rng_below(&p->rng, wait / 8) };
}

/* A relay is in use: the direct addresses are tried again, soon and then more and more rarely. */
static void retry_direct(struct path *path, struct instant now)
{
	for (unsigned i = 0; i < path->count; i++) {
		struct address *a = &path->list[i];

		if (a->to.channel || a->waiting)
			continue;
		if (a->tries > ADDRESS_TRIES_FAST)
			a->tries = ADDRESS_TRIES_FAST;
		a->next = instant_min(a->next, instant_add(now, path_retry(a)));
	}
}

static void take_path(struct paths *p, uint32_t slot, unsigned index, struct instant now)
{
	struct path *path = &p->list[slot];
	bool was_up = path->best != NO_ADDRESS;

	path->best = (uint8_t)index;
	path_mtu_reset(p, slot);
	path->taken = now;
	if (!was_up)
		path->since = now;
	path_fact_add(p, was_up ? PATH_FACT_CHANGED : PATH_FACT_UP, slot, &path->list[index].to,
		      (int64_t)(path->list[index].rtt.ns / 1000));
}

void path_answered(struct paths *p, uint32_t slot, struct address *a, struct span rtt, bool exact,
		   struct instant now)
{
	struct path *path = &p->list[slot];
	unsigned index = (unsigned)(a - path->list);
	bool first = !instant_is_set(a->answered) || a->rough || !a->rtt.ns;

	path_seeds_met(p, slot, &a->to);
	if (first)
		a->rtt = rtt;
	else if (exact)
		a->rtt.ns = (a->rtt.ns * 7 + rtt.ns) / 8;
	a->rough = first && !exact;
	a->asked = false;
	a->answered = now;
	a->heard = now;
	a->tries = 0;
	a->waiting = false;
	a->loss -= a->loss / 8;
	if (a->answers < ANSWERS_SWITCH)
		a->answers++;
	if (path->best == NO_ADDRESS || (index != path->best && path_takes(path, a, now))) {
		bool relayed = path_is_relayed(path);

		take_path(p, slot, index, now);
		if (!relayed && a->to.channel)
			retry_direct(path, now);
	}
	a->next = path_answered_next(p, path, a, now);
	path_reschedule(p, slot);
}

/* The address that answered last, if that was after the failing one in use did; NO_ADDRESS:
 * none. */
static unsigned other_answered(const struct path *path)
{
	unsigned found = path->best;

	for (unsigned i = 0; i < path->count; i++)
		if (path->list[i].answered.ns > path->list[found].answered.ns)
			found = i;
	return found == path->best ? NO_ADDRESS : found;
}

void path_lost(struct paths *p, uint32_t slot, struct instant now)
{
	struct path *path = &p->list[slot];

	path_fact_add(p, PATH_FACT_LOST, slot, &path->list[path->best].to, 0);
	path->best = NO_ADDRESS;
	path_mtu_reset(p, slot);
	path->since = now;
	for (unsigned i = 0; i < path->count; i++) {
		path->list[i].rtt = (struct span){ 0 };
		path->list[i].tries = 0;
		if (!path->list[i].waiting)
			path->list[i].next = now;
	}
	path_seeds_lost(p, slot, now);
	path_seeds_wanted(p, now);
}

/* A probe to the address in use got no answer. */
static void best_unanswered(struct paths *p, uint32_t slot, struct instant now)
{
	struct path *path = &p->list[slot];
	struct address *best = &path->list[path->best];
	unsigned other = other_answered(path);

	if (best->tries >= PATH_TRIES_SWITCH && other != NO_ADDRESS) {
		best->next = instant_add(now, span_s(1));
		take_path(p, slot, other, now);
		path->list[other].next = path_keep_at(p, path, now);
		return;
	}
	if (best->tries == PATH_TRIES_SWITCH) /* time to look for another one */
		for (unsigned i = 0; i < path->count; i++)
			if (i != path->best && !path->list[i].waiting)
				path->list[i].next = now;
	if (best->tries >= PATH_TRIES_LOST)
		path_lost(p, slot, now);
	else
		best->next = now;
}

static void address_due(struct paths *p, uint32_t slot, unsigned i, struct instant now,
			struct outbox *out)
{
	struct path *path = &p->list[slot];
	struct address *a = &path->list[i];

	if (a->waiting) {
		a->waiting = false;
		address_unanswered(a);
		forget_local(a); /* silence may mean that it is gone */
		if (i == path->best)
			best_unanswered(p, slot, now);
		else if (path_is_relayed(path) && !a->to.channel &&
			 a->tries >= ADDRESS_TRIES_FAST)
			a->next = instant_add(now, path_retry(a));
		else
			a->next = instant_add(now, backoff(p, a, path->best != NO_ADDRESS &&
							   a->tries >= ADDRESS_TRIES_FAST));
		if (path->best != NO_ADDRESS && i != path->best &&
		    a->tries >= ADDRESS_TRIES_FAST && !path_is_used(p, path, now))
			a->next = INSTANT_NEVER;
		return;
	}
	if (!probe_allowed(p, path, a, now)) {
		/* Claims wait for their turn; others, until more comes from there. */
		a->starved = !a->claimed;
		a->next = a->claimed ? instant_add(now, span_ms(1000 + rng_below(&p->rng, 1000))) :
				       INSTANT_NEVER;
		return;
	}
	if (!address_asked(a, now)) {
		random_bytes(p->config.random, a->id, sizeof(a->id));
		a->asked = true;
		a->since = now;
	}
	probe_send(p, slot, &a->to, path_opener(path, a, now), instant_is_set(a->answered), a->id,
		   out);
	if (a->claimed && path->best == NO_ADDRESS && a->tries == !path->shy)
		path_fact_add(p, PATH_FACT_ASKED, slot, &a->to, 0);
	a->waiting = true;
	a->sent = now;
	a->next = instant_add(now, path_probe_timeout(p, a));
}

void paths_tick(struct paths *p, struct instant now, struct outbox *out)
{
	note_lateness(p, now);
	while (p->fact_count + PATH_ADDRESSES + MAX_SEEDS < PATH_FACTS &&
	       outbox_has_room(out, 2 * PATH_ADDRESSES + 1,
			       (2 * PATH_ADDRESSES + 1) * 64)) {
		uint32_t slot = heap_pop(&p->due, now);

		if (slot == HEAP_NONE)
			break;
		for (unsigned i = 0; i < p->list[slot].count; i++)
			if (instant_reached(p->list[slot].list[i].next, now))
				address_due(p, slot, i, now, out);
		if (instant_reached(p->list[slot].mtu.next, now))
			path_mtu_due(p, slot, now, out);
		path_reschedule(p, slot);
	}
	path_ping_tick(p, now, out);
	path_seeds_tick(p, now, out);
}

struct instant paths_deadline(const struct paths *p)
{
	return instant_min(instant_min(heap_first(&p->due), path_ping_deadline(p)),
			   path_seeds_deadline(p));
}

bool paths_best(const struct paths *p, uint32_t slot, struct endpoint *out)
{
	const struct path *path = &p->list[slot];

	if (!path->admitted || path->best == NO_ADDRESS)
		return false;
	*out = path->list[path->best].to;
	return true;
}

void paths_info(const struct paths *p, uint32_t slot, struct path_info *out)
{
	const struct path *path = &p->list[slot];
	const struct address *a = NULL;

	*out = (struct path_info){
		.candidates = path->count, .since = path->since, .asked = path_was_asked(path),
	};
	if (!path->admitted)
		return;
	if (path->best != NO_ADDRESS) {
		a = &path->list[path->best];
		out->up = true;
	}
	for (unsigned i = 0; i < path->count && !out->up; i++)
		if (!a || path->list[i].answered.ns > a->answered.ns)
			a = &path->list[i];
	if (!a)
		return;
	out->endpoint = a->to;
	out->rtt = a->rtt;
	out->last_answer = a->answered;
	out->probes_unanswered = a->tries;
	out->loss_permille = (uint16_t)(a->loss * 1000u / LOSS_ALL);
	out->mtu = path->mtu.passed < PATH_MTU_MIN ? path->mtu.limit : path->mtu.passed;
}

const struct paths_counters *paths_counters(const struct paths *p)
{
	return &p->counters;
}
