/* swim.c - the room's verbs: what comes in, what time brings, when to be called next.
 *
 * Every call that may change something starts with enter() and ends with leave(). enter() notices
 * that we slept: when we are called more than 400 ms after the deadline we gave, the process was
 * paused or the machine suspended, and nobody is to be blamed for that time. leave() starts and
 * stops the timers that depend on there being something to do: with nobody to probe, to greet or
 * to spread to there is no deadline at all. */
#include "swim/swim.h"

#include "swim/gossip.h"
#include "swim/member.h"
#include "swim/peer.h"
#include "swim/probe.h"
#include "swim/records.h"
#include "swim/scope.h"
#include "swim/suspicion.h"
#include "swim/sync.h"

#include <string.h>

#define STALL_MS 400u
#define ALONE_S 30u         /* hearing nobody for so long, all are taken for lost */
#define FIRST_LISTS 3u      /* sent to whom we meet first; others meet us by digest */
#define GREET_MS 200u
#define GREET_SOONEST_MS 50u /* newcomers do not wait longer, nor are the others asked more often */
#define GREET_EXPONENT_MAX 9u
#define GREET_AT_ONCE 16u
#define GREET_FAST 64u      /* so many acquainted; then lists tell of the others sooner */
#define TELL_AT_ONCE 16u    /* so many hear at once that we admit others than before */
#define TELL_GATHER_MS 50u  /* a trust store comes key by key */
#define TELL_EACH_S 1u
#define ACQUAINTED 256u     /* so many are asked for whom they admit; others tell in time */
#define GATHER_MS 20u       /* before the first burst: what comes together goes together */
#define LEAVE_MAX 128u      /* messages of one step */
#define MEMBERS_MAX (UINT32_C(1) << 24)

/* --- profiles */

/* An idle node sends a ping and an ack a period: 2 * (48 + 73 + 14) = 270 bytes over IPv6, 230
 * over IPv4. Detection takes half a period, fail_ms and suspicion_ms, and a second to spread. */
static const struct profile profiles[SWIM_PROFILES] = {
	[SWIM_LAN] = {
		.period_ms = 1400, .gap_ms = 100, .fail_ms = 800, .nack_ms = 150, .again_ms = 1000,
		.suspicion_ms = 1800, .tries = 8, .help_at = { 2, 5 }, .budget = 32768,
	},
	[SWIM_WAN] = {
		.period_ms = 3500, .gap_ms = 250, .fail_ms = 2000, .nack_ms = 450, .again_ms = 2500,
		.suspicion_ms = 4000, .tries = 8, .help_at = { 2, 5 }, .budget = 16384,
	},
	[SWIM_METERED] = {
		.period_ms = 15000, .gap_ms = 800, .fail_ms = 5000, .nack_ms = 1500,
		.again_ms = 7500, .suspicion_ms = 15000, .tries = 6, .help_at = { 2, 4 },
		.budget = 4096,
	},
};

/* --- memory */

static size_t aligned(size_t size)
{
	return (size + 63) / 64 * 64;
}

static uint32_t suspicion_cap(uint32_t members)
{
	return members < SUSPICION_MAX ? members : SUSPICION_MAX;
}

static uint32_t peer_cap(uint32_t members)
{
	return members < PEER_MAX ? members : PEER_MAX;
}

static uint32_t scope_cap(uint32_t members)
{
	return members < SCOPE_MAX ? members : SCOPE_MAX;
}

static size_t scope_words(uint32_t members)
{
	return members / 64 + 1; /* a bit for this node, too */
}

struct layout {
	size_t members, identities, records, shared, hints, peers, peer_pool, by_id, near, rings;
	size_t queue, queue_pool, suspicions, suspicion_pool, suspicion_heap, scopes, scope_bits;
	size_t end;
};

static size_t take(size_t *at, size_t size)
{
	size_t place = *at;

	*at += aligned(size);
	return place;
}

static struct layout layout_of(uint32_t members)
{
	uint32_t all = members + 1, suspicions = suspicion_cap(members);
	struct layout l;
	size_t at = 0;

	BUG_ON(!members || members > MEMBERS_MAX);
	take(&at, sizeof(struct swim));
	l.members = take(&at, all * sizeof(struct member));
	l.identities = take(&at, members * sizeof(struct swim_identity));
	l.records = take(&at, all * sizeof(struct swim_record));
	l.shared = take(&at, all * sizeof(uint32_t));
	l.hints = take(&at, HINTS * sizeof(uint32_t));
	l.peers = take(&at, peer_cap(members) * sizeof(struct peer));
	l.peer_pool = take(&at, pool_size(peer_cap(members)));
	l.by_id = take(&at, all * sizeof(uint32_t));
	l.near = take(&at, all * sizeof(uint32_t));
	l.rings = take(&at, RINGS * all * sizeof(uint32_t));
	l.queue = take(&at, QUEUE_MAX * sizeof(struct gossip_item));
	l.queue_pool = take(&at, pool_size(QUEUE_MAX));
	l.suspicions = take(&at, suspicions * sizeof(struct suspicion));
	l.suspicion_pool = take(&at, pool_size(suspicions));
	l.suspicion_heap = take(&at, heap_size(suspicions));
	l.scopes = take(&at, scope_cap(members) * sizeof(struct scope));
	l.scope_bits = take(&at, scope_cap(members) * scope_words(members) * sizeof(uint64_t));
	l.end = at;
	return l;
}

size_t swim_size(uint32_t members)
{
	return layout_of(members).end;
}

struct swim *swim_init(void *memory, const struct swim_config *config, struct instant now)
{
	struct layout l = layout_of(config->members);
	uint8_t *base = memory;
	struct swim *s = memory;

	s->now = now;
	s->cap = config->members;
	BUG_ON(config->profile >= SWIM_PROFILES);
	s->secret = config->secret;
	s->profile = &profiles[config->profile];
	s->period = config->period.ns ? config->period : span_ms(s->profile->period_ms);
	rng_init(&s->rng, config->seed);
	s->members = (struct member *)(base + l.members);
	s->store = config->store;
	s->own_identities = (struct swim_identity *)(base + l.identities);
	s->identities = s->store ? s->store->identities : s->own_identities;
	s->records = (struct swim_record *)(base + l.records);
	s->shared = (uint32_t *)(base + l.shared);
	s->hints = (uint32_t *)(base + l.hints);
	s->peers = (struct peer *)(base + l.peers);
	pool_init(&s->peer_pool, base + l.peer_pool, peer_cap(s->cap));
	list_init(&s->peers_by_use);
	s->by_id = (uint32_t *)(base + l.by_id);
	s->near = (uint32_t *)(base + l.near);
	s->rings = (uint32_t *)(base + l.rings);
	s->queue = (struct gossip_item *)(base + l.queue);
	pool_init(&s->queue_pool, base + l.queue_pool, QUEUE_MAX);
	s->suspicion_cap = suspicion_cap(s->cap);
	s->suspicions = (struct suspicion *)(base + l.suspicions);
	pool_init(&s->suspicion_pool, base + l.suspicion_pool, suspicion_cap(s->cap));
	heap_init(&s->suspicion_heap, base + l.suspicion_heap, suspicion_cap(s->cap));
	s->scopes = (struct scope *)(base + l.scopes);
	s->scope_bits = (uint64_t *)(base + l.scope_bits);
	s->scope_cap = scope_cap(s->cap);
	s->scope_words = scope_words(s->cap);
	for (unsigned i = 0; i < ERRAND_MAX; i++)
		s->errands[i].origin = NONE;
	s->own_by = NONE;
	s->quiet_since = now;
	member_add(s, s->cap, &config->self);
	s->probe_after = slot_id(s, s->cap);
	return s;
}

/* --- every call */

static void enter(struct swim *s, struct instant now, struct outbox *out)
{
	struct instant due = swim_deadline(s);
	struct span late = instant_since(now, due);

	s->now = now;
	s->out = out;
	if (late.ns <= span_ms(STALL_MS).ns)
		return;
	probe_drop_all(s);
	suspicion_shift(s, late);
	s->quiet_since = now;
	if (s->health < HEALTH_MAX)
		s->health++;
}

static struct instant later(struct instant a, struct instant b)
{
	return instant_before(a, b) ? b : a;
}

/* Whether there is somebody near of whom we should know more. */
static bool greets(const struct swim *s)
{
	return s->strangers || (s->acquainted < s->near_count && s->acquainted < ACQUAINTED);
}

static void leave(struct swim *s)
{
	bool spread = !s->left && !gossip_idle(s) && s->near_count;
	bool pump = s->job_count || s->lists_due;
	bool probe = probe_possible(s);
	bool greet = greets(s);
	bool tell = s->list != s->list_told && s->near_count;

	if (probe && !s->probing)
		s->probe_at.ns = s->now.ns + rng_below(&s->rng, s->period.ns);
	s->probing = probe;
	if (spread && !s->bursting)
		s->burst_at = later(s->burst_at, instant_add(s->now, span_ms(GATHER_MS)));
	s->bursting = spread;
	if (pump && !s->pumping)
		s->pump_at = later(s->pump_at, s->now);
	s->pumping = pump;
	if (greet && !s->greeting)
		s->greet_at = later(s->greet_at, s->now);
	s->greeting = greet;
	if (tell && !s->telling)
		s->tell_at = later(s->tell_at, instant_add(s->now, span_ms(TELL_GATHER_MS)));
	s->telling = tell;
	if (!s->near_count) {
		s->list_told = s->list; /* who comes near is greeted */
		s->first_lists = 0;
		s->joined = INSTANT_ZERO;
	}
	gossip_note(s);
	s->out = NULL;
}

/* What this call queued may go out with it. */
static void pump_and_leave(struct swim *s, struct outbox *out)
{
	leave(s);
	s->out = out;
	sync_pump(s);
	leave(s);
}

/* --- admission, paths, our own record */

void swim_admit(struct swim *s, uint32_t slot, const struct public_key *key, struct instant now)
{
	BUG_ON(slot >= s->cap);
	enter(s, now, NULL);
	member_add(s, slot, key);
	leave(s);
}

void swim_forget(struct swim *s, uint32_t slot, struct instant now)
{
	BUG_ON(slot >= s->cap);
	enter(s, now, NULL);
	gossip_forget(s, slot);
	suspicion_drop(s, slot);
	suspicion_forget_accuser(s, slot);
	probe_forget(s, slot);
	sync_forget(s, slot);
	if (s->own_by == slot)
		s->own_by = NONE;
	member_remove(s, slot);
	leave(s);
}

void swim_reachable(struct swim *s, uint32_t slot, bool yes, struct instant now)
{
	struct member *m = &s->members[slot];

	BUG_ON(slot >= s->cap || !m->used);
	if (m->reachable == yes)
		return;
	enter(s, now, NULL);
	member_set_reachable(s, slot, yes);
	if (yes) {
		/* It may be another process than before: what it knew is not known. */
		m->told = false;
		scope_reset(s, slot);
		if (m->estranged || s->first_lists < FIRST_LISTS) {
			s->first_lists++;
			sync_due(s, slot);
		}
		if (s->acquainted < GREET_FAST || (m->stranger && s->strangers <= GREET_AT_ONCE)) {
			s->greet_exponent = 0;
			s->greet_at = instant_add(s->greeted, span_ms(GREET_SOONEST_MS));
			s->greet_at = later(s->greet_at, now);
		}
	}
	leave(s);
}

void swim_set_self(struct swim *s, const struct record *record, struct instant now)
{
	uint64_t sequence = slot_sequence(s, s->cap);

	BUG_ON(memcmp(record->body.key.b, s->self.key.b, sizeof(s->self.key.b)) != 0);
	BUG_ON(record->body.sequence < sequence);
	if (record->body.sequence == sequence)
		return;
	enter(s, now, NULL);
	member_store(s, s->cap, record);
	gossip_record(s, s->cap);
	leave(s);
	s->burst_at = now; /* it waits for nothing */
}

void swim_proof_of_life(struct swim *s, uint32_t slot, struct instant now)
{
	BUG_ON(slot >= s->cap || !s->members[slot].used);
	enter(s, now, NULL);
	records_heard(s, slot);
	leave(s);
}

void swim_conflict(struct swim *s, uint32_t slot, struct instant now)
{
	BUG_ON(slot >= s->cap || !s->members[slot].used);
	enter(s, now, NULL);
	if (slot_sequence(s, slot))
		records_conflict(s, slot);
	leave(s);
}

uint32_t swim_next_due(const struct swim *s, struct instant now, uint32_t *place)
{
	return suspicion_next_due(s, now, place);
}

void swim_leave(struct swim *s, struct instant now, struct outbox *out)
{
	uint32_t first, n;

	enter(s, now, out);
	n = s->near_count < LEAVE_MAX ? s->near_count : LEAVE_MAX;
	first = n ? (uint32_t)rng_below(&s->rng, s->near_count) : 0;
	for (uint32_t i = 0; i < n && slot_sequence(s, s->cap); i++) {
		struct draft d;

		draft_begin(s, &d, s->near[(first + i) % s->near_count], WIRE_ITEMS, 0, 0);
		draft_items(&d);
		if (d.ok && draft_record(s, &d, s->cap))
			draft_send(s, &d);
	}
	s->left = true;
	leave(s);
}

/* --- messages */

static void answer_ping(struct swim *s, uint32_t to, uint32_t id)
{
	struct draft d;

	draft_begin(s, &d, to, WIRE_ACK, 0, id);
	draft_items(&d);
	draft_piggyback(s, &d);
	draft_send(s, &d);
}

static void input_body(struct swim *s, uint32_t from, const struct wire_message *m)
{
	switch ((enum wire_type)m->h.type) {
	case WIRE_PING:
		answer_ping(s, from, m->h.id);
		break;
	case WIRE_ACK:
		s->counters.acks++;
		errand_answered(s, from, m->h.id);
		break;
	case WIRE_PING_REQ:
		errand_start(s, from, m->h.id, &m->target);
		break;
	case WIRE_FORWARDED:
		probe_helped(s, from, m->h.id, true);
		break;
	case WIRE_NACK:
		s->counters.nacks++;
		if (m->reason == WIRE_NACK_SILENT)
			probe_helped(s, from, m->h.id, false);
		break;
	case WIRE_LIST:
		sync_list(s, from, m);
		break;
	case WIRE_WANT:
		sync_want(s, from, m);
		break;
	case WIRE_BUCKETS:
		sync_buckets(s, from, m);
		break;
	case WIRE_SCOPE:
		scope_take(s, from, m);
		break;
	case WIRE_SCOPE_ASK:
		scope_asked(s, from, m);
		break;
	case WIRE_ITEMS:
		break;
	}
}

/* The sender's header says what it holds of us: less than there is, or more than we know. */
static void compare_own(struct swim *s, uint32_t from, const struct wire_header *h)
{
	uint64_t own = slot_sequence(s, s->cap);
	struct instant sent = peer_seen(s, from)->own_sent;
	struct instant again = instant_add(sent, span_ms(100));

	s->members[from].told = h->known >= own;
	if (h->known > own)
		sync_ask(s, from, s->self.id);
	else if (h->known < own && h->type != WIRE_PING
		 && (!instant_is_set(sent) || instant_reached(again, s->now)))
		sync_give(s, from, s->cap);
}

static void input(struct swim *s, uint32_t from, struct wire_message *m)
{
	bool complete;

	records_heard(s, from);
	complete = scope_heard(s, from, &m->h);
	if (m->h.flags & WIRE_BULK)
		s->bulk_heard = s->now;
	for (unsigned i = 0; i < m->items; i++) {
		if (m->item[i].kind == WIRE_ITEM_RECORD)
			records_take(s, from, m->item[i].record, m->h.flags & WIRE_BULK);
		else
			records_accused(s, from, &m->item[i].accusation);
	}
	if (complete)
		compare_own(s, from, &m->h);
	input_body(s, from, m);
	sync_compare(s, from, &m->h, m->h.type == WIRE_ACK);
}

void swim_input(struct swim *s, struct instant now, uint32_t from, struct bytes message,
		struct outbox *out)
{
	struct wire_message m;

	BUG_ON(from >= s->cap);
	enter(s, now, out);
	if (!s->members[from].used)
		s->counters.drop_not_admitted++;
	else if (!wire_decode_new(message, records_hold, s, &m))
		s->counters.drop_malformed++;
	else
		input(s, from, &m);
	pump_and_leave(s, out);
}

/* --- time */

/* Who is reachable and has told nothing of himself yet is asked, less and less often. */
static void greet(struct swim *s)
{
	unsigned greeted = 0;
	uint32_t start;

	if (!greets(s) || !instant_reached(s->greet_at, s->now))
		return;
	s->greeted = s->now;
	start = (uint32_t)rng_below(&s->rng, s->near_count);
	for (uint32_t i = 0; i < s->near_count && greeted < GREET_AT_ONCE; i++) {
		uint32_t slot = s->near[(start + i) % s->near_count];

		if (!s->members[slot].stranger && peer_seen(s, slot)->list)
			continue;
		probe_ping(s, slot, 0);
		greeted++;
	}
	s->greet_at = instant_add(s->now, span_ms((uint64_t)GREET_MS << s->greet_exponent));
	if (s->greet_exponent < GREET_EXPONENT_MAX)
		s->greet_exponent++;
}

/* Whom we admit has changed: what we may tell a peer, and he us, with it. Each message says it; who
 * gets none for a while would go on by the former list, so some are asked something. */
static void tell_list(struct swim *s)
{
	uint32_t n = s->near_count < TELL_AT_ONCE ? s->near_count : TELL_AT_ONCE;
	uint32_t start;

	if (!s->telling || !instant_reached(s->tell_at, s->now))
		return;
	s->list_told = s->list;
	s->tell_at = instant_add(s->now, span_s(TELL_EACH_S));
	start = (uint32_t)rng_below(&s->rng, s->near_count);
	for (uint32_t i = 0; i < n; i++)
		probe_ping(s, s->near[(start + i) % s->near_count], 0);
}

static struct instant alone_at(const struct swim *s)
{
	if (s->left || s->counters.alive < 2)
		return INSTANT_NEVER;
	return instant_add(s->quiet_since, span_s(ALONE_S));
}

/* We hear nobody: they may be dead or we cut off. Shown as dead, told to nobody, and taken back
 * later. */
static void give_up(struct swim *s)
{
	for (uint32_t i = 0; i < s->known; i++) {
		uint32_t slot = s->by_id[i];

		if (slot == s->cap || !member_lives(&s->members[slot]))
			continue;
		suspicion_drop(s, slot);
		member_set_lost(s, slot);
	}
}

void swim_tick(struct swim *s, struct instant now, struct outbox *out)
{
	enter(s, now, out);
	if (instant_reached(alone_at(s), now))
		give_up(s);
	records_tick(s);
	suspicion_tick(s);
	probe_tick(s);
	greet(s);
	tell_list(s);
	gossip_burst(s);
	sync_check(s);
	pump_and_leave(s, out);
}

struct instant swim_deadline(const struct swim *s)
{
	struct instant first;

	if (s->left)
		return INSTANT_NEVER;
	first = instant_min(probe_deadline(s), heap_first(&s->suspicion_heap));
	first = instant_min(first, alone_at(s));
	first = instant_min(first, sync_check_at(s));
	if (s->bursting)
		first = instant_min(first, s->burst_at);
	if (s->pumping)
		first = instant_min(first, s->pump_at);
	if (s->greeting)
		first = instant_min(first, s->greet_at);
	if (s->telling)
		first = instant_min(first, s->tell_at);
	if (s->own_pending)
		first = instant_min(first, s->own_at);
	return first;
}
