#include "nat/punch_impl.h"

#include "base/cursor.h"

#include <string.h>

#define ASK_WAIT span_ms(700)       /* for an answer, before another member is asked to help */
#define ANSWER_LASTS span_s(3)      /* an answer waits for its "now" so long */
#define FIRST_WAITS span_ms(20)     /* a path may be there by then */
#define SECOND_WAITS span_ms(400)   /* who is not the first to ask waits so long */
#define SOCKET_POLL span_ms(20)
#define SOCKET_WAIT span_ms(600)
#define LEFT_TO_US span_s(400)      /* beyond the longest pause between attempts */
#define NEAR_RTT span_ms(50)        /* a member that is not public counts as so much farther */

#define NEWS_WAIT 500u              /* ms; what failed during news is tried again */
#define PREDICTED_UNTIL_MS 900u     /* ports in a row are tried by then */

/* When it is fired, after the beginning; the first with TTL 2, 3, 4. */
static const uint16_t shots_ms[] = { 0, 25, 50, 100, 300, 500, 900, 1300, 1900, 2400 };
#define SHOTS (sizeof(shots_ms) / sizeof(*shots_ms))

static size_t round_up(size_t n)
{
	return (n + 63) & ~(size_t)63;
}

size_t punches_size(uint32_t members)
{
	return round_up(sizeof(struct punches)) +
	       round_up(members * sizeof(struct punch_peer)) + heap_size(members);
}

struct punches *punches_init(void *memory, const struct punches_config *config)
{
	struct punches *u = memory;
	uint8_t *rest = (uint8_t *)memory + round_up(sizeof(*u));

	u->config = *config;
	rng_init(&u->rng, config->seed);
	u->list = (struct punch_peer *)(void *)rest;
	heap_init(&u->due, rest + round_up(config->members * sizeof(struct punch_peer)),
		  config->members);
	u->close_at = INSTANT_NEVER;
	u->birthday.slot = NOBODY;
	return u;
}

struct run *run_of(struct punches *u, uint32_t slot)
{
	for (struct run *r = u->runs; r < u->runs + RUNS; r++)
		if (r->state != RUN_FREE && r->slot == slot)
			return r;
	return NULL;
}

struct run *run_new(struct punches *u, uint32_t slot, uint32_t via)
{
	for (struct run *r = u->runs; r < u->runs + RUNS; r++)
		if (r->state == RUN_FREE) {
			*r = (struct run){ .slot = slot, .via = via };
			u->list[slot].runs = true;
			u->running++;
			return r;
		}
	return NULL;
}

void run_end(struct punches *u, struct run *r)
{
	u->list[r->slot].runs = false;
	u->running--;
	r->state = RUN_FREE;
}

void punch_admit(struct punches *u, uint32_t slot, bool first)
{
	if (u->list[slot].admitted)
		return;
	u->list[slot] = (struct punch_peer){ .admitted = true, .first = first };
	if (slot >= u->top)
		u->top = slot + 1;
}

void punch_forget(struct punches *u, uint32_t slot)
{
	struct run *r = run_of(u, slot);

	if (r)
		run_end(u, r);
	birthday_end(u, slot);
	sockets_forget(u, slot);
	memset(&u->list[slot], 0, sizeof(u->list[slot]));
	heap_set(&u->due, slot, INSTANT_NEVER);
}

void punch_set_self(struct punches *u, uint8_t kind)
{
	u->kind = kind;
}

/* Failures of before count no more. */
static void try_again(struct punches *u, uint32_t slot, struct instant now)
{
	u->list[slot].news |= u->list[slot].runs;
	if (heap_when(&u->due, slot).ns == UINT64_MAX)
		return;
	u->list[slot].attempts = 0;
	punch_wanted(u, slot, now);
}

void punch_set_record(struct punches *u, uint32_t slot, uint8_t kind, const struct endpoint *list,
		      unsigned n, struct instant now)
{
	struct punch_peer *peer = &u->list[slot];
	uint64_t claims = kind;

	for (unsigned i = 0; i < n; i++) {
		claims = claims * 31 + list[i].port;
		for (unsigned k = 0; k < sizeof(list[i].ip.b); k++)
			claims = claims * 31 + list[i].ip.b[k];
	}
	peer->kind = kind;
	if (claims == peer->claims)
		return;
	peer->claims = claims;
	try_again(u, slot, now);
}

static bool same_list(const struct punches *u, const struct endpoint *list, unsigned n)
{
	bool same = n == u->own_count;

	for (unsigned i = 0; same && i < n; i++)
		same = endpoint_equal(&list[i], &u->own[i]);
	return same;
}

void punch_set_own(struct punches *u, const struct endpoint *list, unsigned n, struct instant now)
{
	if (same_list(u, list, n))
		return;
	u->own_count = n < MAX_CANDIDATES ? n : MAX_CANDIDATES;
	memcpy(u->own, list, u->own_count * sizeof(*list));
	for (uint32_t slot = 0; slot < u->top; slot++)
		try_again(u, slot, now);
}

void punch_wanted(struct punches *u, uint32_t slot, struct instant now)
{
	struct punch_peer *peer = &u->list[slot];
	struct instant when = instant_add(now, peer->first ? FIRST_WAITS : SECOND_WAITS);

	if (!peer->admitted || peer->runs || paths_direct(u->config.paths, slot))
		return;
	if (heap_when(&u->due, slot).ns == UINT64_MAX)
		peer->attempts = 0;
	if (peer->attempts)
		return;
	heap_set(&u->due, slot, instant_min(when, heap_when(&u->due, slot)));
}

void punch_up(struct punches *u, uint32_t slot, struct instant now)
{
	struct run *r = run_of(u, slot);

	heap_set(&u->due, slot, INSTANT_NEVER);
	u->list[slot].attempts = 0;
	u->list[slot].nobody = false;
	if (!r && u->birthday.slot != slot)
		return;
	if (r) {
		/* The other side may have heard us without our hearing it. */
		u->counters.successes++;
		run_end(u, r);
	}
	birthday_end(u, slot);
	sockets_release(u, slot, now);
}

/* 5, 15, 60, 300 s, or soon after news; a birthday shall have ended. */
static void retry(struct punches *u, uint32_t slot, struct instant now)
{
	static const uint16_t pause_s[] = { 5, 15, 60, 300 };
	struct punch_peer *peer = &u->list[slot];
	unsigned i = peer->attempts < 3 ? peer->attempts : 3;
	uint64_t wait = (peer->news ? NEWS_WAIT : pause_s[i] * 1000u) +
			(u->birthday.slot == slot ? 6000u : 0);

	if (peer->news)
		peer->attempts = 0;
	else if (peer->attempts < UINT8_MAX)
		peer->attempts++;
	peer->news = false;
	heap_set(&u->due, slot, instant_add(now, span_ms(wait + rng_below(&u->rng, 200))));
}

/* Who shall hand on: the nearest that we reach directly, public ones first, and not yet asked. */
static uint32_t choose_via(const struct punches *u, const struct run *r)
{
	uint64_t least = UINT64_MAX;
	uint32_t found = NOBODY;

	for (uint32_t slot = 0; slot < u->top; slot++) {
		const struct punch_peer *peer = &u->list[slot];
		struct path_info info;
		struct endpoint to;
		bool tried = slot == r->slot;

		if (!peer->admitted || !paths_best(u->config.paths, slot, &to) || to.channel)
			continue;
		for (unsigned i = 0; i < r->vias; i++)
			tried |= r->tried[i] == slot;
		paths_info(u->config.paths, slot, &info);
		uint64_t far = info.rtt.ns + (peer->kind == NAT_PUBLIC ? 0 : NEAR_RTT.ns);
		if (!tried && far < least) {
			least = far;
			found = slot;
		}
	}
	return found;
}

static void add_own(struct punch_message *m, const struct endpoint *e)
{
	for (unsigned i = 0; i < m->count; i++)
		if (endpoint_equal(&m->list[i], e))
			return;
	if (m->count < MAX_CANDIDATES && e->port && ip_is_unicast(&e->ip))
		m->list[m->count++] = (struct endpoint){ .ip = e->ip, .port = e->port };
}

/* First what counts most: the fresh socket, then what was seen last, then all that we claim. */
static void fill_own(const struct punches *u, const struct run *r, struct punch_message *m)
{
	struct endpoint seen[3];
	unsigned n = paths_seen_any(u->config.paths, seen, 3);

	if (r->socket && paths_socket_seen(u->config.paths, r->socket, &seen[0]))
		n = 1;
	for (unsigned i = 0; i < n; i++)
		add_own(m, &seen[i]);
	for (unsigned i = 0; i < u->own_count; i++)
		add_own(m, &u->own[i]);
}

void run_says(struct punches *u, const struct run *r, enum punch_step step, uint64_t epoch,
	      struct outbox *out)
{
	struct punch_message m = { .step = (uint8_t)step, .kind = u->kind };
	uint8_t *data = outbox_reserve(out, PUNCH_LEN);

	if (!data)
		return; /* counted by the outbox; the asker asks again */
	m.flags = (uint8_t)((r->fresh ? PUNCH_FRESH : 0) | (r->birthday ? PUNCH_BIRTHDAY : 0));
	memcpy(m.asked, r->asked, sizeof(m.asked));
	if (step != PUNCH_ASK)
		memcpy(m.answered, r->answered, sizeof(m.answered));
	fill_own(u, r, &m);
	punch_encode(&m, data);
	struct out *o = outbox_commit(out, OUT_THROUGH, PUNCH_LEN);
	o->slot = r->slot;
	o->via = r->via;
	o->epoch = epoch;
}

static void ask(struct punches *u, struct run *r, struct instant now, struct outbox *out)
{
	random_bytes(u->config.random, r->asked, sizeof(r->asked));
	r->tried[r->vias++] = r->via;
	r->since = now;
	r->next = instant_add(now, ASK_WAIT);
	r->state = RUN_ASKED;
	u->counters.asks_sent++;
	run_says(u, r, PUNCH_ASK, 0, out);
}

void run_answers(struct punches *u, struct run *r, struct instant now, struct outbox *out)
{
	r->next = instant_add(now, ANSWER_LASTS);
	r->state = RUN_ANSWERED;
	r->birthday = birthday_may(u, r, now);
	run_says(u, r, PUNCH_ANSWER, r->epoch, out);
}

/* A socket of our own for this run; the member that hands on tells how it looks. */
void run_opens(struct punches *u, struct run *r, struct instant now, struct outbox *out)
{
	struct endpoint to;

	if (!paths_best(u->config.paths, r->via, &to) || to.ip.family != FAMILY_IPV4)
		return;
	r->socket = to.socket = socket_open(u, r->slot, out);
	if (!r->socket)
		return;
	u->sockets[r->socket].via = r->via;
	paths_fire(u->config.paths, r->via, &to, 0, now, out);
	r->state = RUN_SOCKET;
	r->since = now;
	r->next = instant_add(now, SOCKET_POLL);
}

/* Only a birthday can help, and the node has another one. */
static bool must_wait(const struct punches *u, uint32_t slot)
{
	const struct punch_peer *peer = &u->list[slot];

	return peer->attempts && u->birthday.slot != NOBODY && u->birthday.slot != slot &&
	       (kind_is_hard(u->kind) || kind_is_hard(peer->kind));
}

static void begin(struct punches *u, uint32_t slot, struct instant now, struct outbox *out)
{
	struct punch_peer *peer = &u->list[slot];
	const bool count = kinds_count(u->kind, peer->kind);
	const bool hard = kind_is_hard(u->kind), hard_too = kind_is_hard(peer->kind);
	struct path_info info;

	paths_info(u->config.paths, slot, &info);
	if (peer->runs || !info.asked || paths_direct(u->config.paths, slot))
		return;
	if (must_wait(u, slot)) {
		heap_set(&u->due, slot,
			 instant_add(u->birthday.ends, span_ms(rng_below(&u->rng, 200))));
		return;
	}
	struct run *r = run_new(u, slot, NOBODY);
	if (r)
		r->via = choose_via(u, r);
	peer->nobody = r && r->via == NOBODY;
	if (!r || r->via == NOBODY || (hard && hard_too && !count)) {
		if (r)
			run_end(u, r);
		retry(u, slot, now);
		return;
	}
	u->counters.runs++;
	r->asks = true;
	/* Where ports are counted a fresh socket tells what has been reached. */
	r->fresh = count || (peer->attempts && !hard && !hard_too);
	if (r->fresh)
		run_opens(u, r, now, out);
	if (r->state != RUN_SOCKET)
		ask(u, r, now, out);
}

static void fail(struct punches *u, struct run *r, struct instant now)
{
	uint32_t slot = r->slot;

	run_end(u, r);
	if (u->birthday.slot != slot)
		sockets_release(u, slot, now);
	if (!paths_direct(u->config.paths, slot))
		retry(u, slot, now);
}

void run_fires(struct punches *u, struct run *r, struct instant at, struct instant now)
{
	r->begin = r->next = at;
	r->shots = 0;
	r->state = RUN_FIRES;
	paths_leave_to_punch(u->config.paths, r->slot, instant_add(now, LEFT_TO_US));
	if (r->birthday)
		birthday_begin(u, r, now);
}

static void fire(struct punches *u, struct run *r, struct instant now, struct outbox *out)
{
	const bool opener = r->shots < PATH_OPENERS;
	/* The other side is about to probe the port that a whole probe of ours would come from: it
	 * must not take it away first (docs/nat.md, "The trap"). Where both count, each flow
	 * counts. */
	const bool predicted = (!opener || kinds_count(u->kind, r->kind)) &&
			       u->kind == NAT_HARD_SEQUENTIAL &&
			       shots_ms[r->shots] < PREDICTED_UNTIL_MS;

	if (r->shots == SHOTS - 1) {
		fail(u, r, now);
		return;
	}
	for (unsigned i = 0; i < r->count && !predicted; i++) {
		struct endpoint to = r->list[i];

		if (ip_is_loopback(&to.ip) || ip_is_link_local(&to.ip) ||
		    (opener && !paths_outside(&to.ip)))
			continue;
		to.socket = to.ip.family == FAMILY_IPV4 ? r->socket : 0;
		paths_fire(u->config.paths, r->slot, &to,
			   (uint8_t)(opener ? PATH_OPENER_FIRST + r->shots : 0), now, out);
	}
	r->shots++;
	r->next = instant_add(r->begin, span_ms(shots_ms[r->shots]));
}

static void run_tick(struct punches *u, struct run *r, struct instant now, struct outbox *out)
{
	struct endpoint seen;

	switch ((enum run_state)r->state) {
	case RUN_SOCKET:
		r->next = instant_add(now, SOCKET_POLL);
		if (!paths_socket_seen(u->config.paths, r->socket, &seen) &&
		    instant_since(now, r->since).ns < SOCKET_WAIT.ns)
			break;
		if (r->asks)
			ask(u, r, now, out);
		else
			run_answers(u, r, now, out);
		break;
	case RUN_ASKED:
		r->via = r->vias < VIAS ? choose_via(u, r) : NOBODY;
		if (r->via == NOBODY && r->vias < VIAS)
			r->via = r->tried[0]; /* it may have been lost */
		if (r->via == NOBODY)
			fail(u, r, now);
		else
			ask(u, r, now, out);
		break;
	case RUN_ANSWERED:
		fail(u, r, now);
		break;
	case RUN_FIRES:
		fire(u, r, now, out);
		break;
	case RUN_FREE:
		break;
	}
}

void punch_tick(struct punches *u, struct instant now, struct outbox *out)
{
	for (struct run *r = u->runs; r < u->runs + RUNS; r++) {
		if (!outbox_has_room(out, 2 * MAX_CANDIDATES, 2 * MAX_CANDIDATES * 256))
			return;
		if (r->state != RUN_FREE && instant_reached(r->next, now))
			run_tick(u, r, now, out);
	}
	if (outbox_has_room(out, 4 * SOCKETS_A_TICK, 4 * SOCKETS_A_TICK * 64))
		birthday_tick(u, now, out);
	if (outbox_has_room(out, 4 * SOCKETS_A_TICK, 4 * SOCKETS_A_TICK))
		sockets_tick(u, now, out);
	/* A few at a time: each looks at all members. */
	for (unsigned i = 0; i < 4 && outbox_has_room(out, 4, 1024); i++) {
		uint32_t slot = heap_pop(&u->due, now);

		if (slot == HEAP_NONE)
			break;
		begin(u, slot, now, out);
	}
}

struct instant punch_deadline(const struct punches *u)
{
	struct instant first = instant_min(heap_first(&u->due), u->close_at);

	if (u->birthday.slot != NOBODY)
		first = instant_min(first, u->birthday.next);
	for (const struct run *r = u->runs; u->running && r < u->runs + RUNS; r++)
		if (r->state != RUN_FREE)
			first = instant_min(first, r->next);
	return first;
}

enum punch_state punch_state(const struct punches *u, uint32_t slot)
{
	const struct punch_peer *peer = &u->list[slot];

	if (peer->runs || u->birthday.slot == slot)
		return PUNCH_RUNS;
	if (!peer->admitted || heap_when(&u->due, slot).ns == UINT64_MAX)
		return PUNCH_IDLE;
	if (kind_is_hard(u->kind) && kind_is_hard(peer->kind))
		return PUNCH_BOTH_HARD;
	return peer->nobody ? PUNCH_NOBODY : PUNCH_WAITS;
}

const struct punch_counters *punch_counters(const struct punches *u)
{
	return &u->counters;
}
