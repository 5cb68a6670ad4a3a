#include "sim/memberlist.h"

#include <stdlib.h>
#include <string.h>

/* The published LAN defaults. */
#define PROBE_MS 1000u
#define TIMEOUT_MS 500u
#define HELPERS 3u
#define SUSPICION_MULT 4u
#define SUSPICION_MAX 6u     /* times the shortest suspicion */
#define CONFIRMATIONS (SUSPICION_MULT - 2)
#define GOSSIP_MS 200u
#define GOSSIP_NODES 3u
#define RETRANSMIT_MULT 4u
#define PUSH_MS 30000u
#define DEAD_MS 30000u       /* the dead are gossiped to for so long */
#define HEALTH_MAX 8u
#define UDP_BYTES 1400u

/* Bytes of the messages: the names of their fields and the values as MessagePack writes them, names
 * of nodes of four letters, IPv4, no tags, and two bytes of length in a compound message. That of
 * an acknowledgement, with serf's coordinate of eight numbers, is what the idle row leaves. */
static const uint32_t rumour_bytes[] = { 64, 37, 37, 23, 30 };
static const uint32_t packet_bytes[] = { 0, 21, 40, 187, 12, 21, 12, 100, 100 };
#define ENTRY_BYTES 80u
#define UDP_HEADERS 28u

static double log2_of(double x)
{
	double r = 0;

	for (; x >= 2; x /= 2)
		r++;
	for (double bit = 0.5; bit > 1e-9; bit /= 2) {
		x *= x;
		if (x >= 2) {
			x /= 2;
			r += bit;
		}
	}
	return r;
}

static double log10_of(double x)
{
	return log2_of(x) / 3.3219280948873626;
}

static uint32_t ceiling(double x)
{
	uint32_t whole = (uint32_t)x;

	return whole + (x > whole);
}

static struct instant after(struct instant now, uint64_t ms)
{
	return instant_add(now, span_ms(ms));
}

static uint64_t scaled(const struct ml_node *n, uint64_t ms)
{
	return ms * (n->health + 1);
}

static void health(struct ml_node *n, int by)
{
	int value = (int)n->health + by;

	n->health = value < 0 ? 0 : value > (int)HEALTH_MAX - 1 ? HEALTH_MAX - 1 : (uint32_t)value;
}

/* --- what is to be told */

static bool is_intent(uint8_t said)
{
	return said == ML_JOINS || said == ML_LEAVES;
}

/* Replaces what was queued about the same member; the rumours of serf are another queue. */
static void tell(struct ml_node *n, uint8_t said, uint16_t subject, uint16_t from,
		 uint32_t version)
{
	struct ml_rumour r = { said, subject, from, version };
	uint32_t i = 0;

	while (i < n->queued && (n->queue[i].r.subject != subject ||
				 is_intent(n->queue[i].r.said) != is_intent(said)))
		i++;
	if (i == ML_QUEUE)
		return;
	n->queued += i == n->queued;
	n->queue[i] = (struct ml_item){ r, 0, ++n->numbers };
}

static bool goes_before(const struct ml_item *a, const struct ml_item *b)
{
	if (is_intent(a->r.said) != is_intent(b->r.said))
		return !is_intent(a->r.said);
	return a->sends != b->sends ? a->sends < b->sends : a->number > b->number;
}

/* The fewest-sent first, of these the newest, as many as there is room for. */
static void fill(struct ml_node *n, struct ml_packet *p)
{
	uint32_t limit = RETRANSMIT_MULT * ceiling(log10_of(n->known + 1));
	bool taken[ML_QUEUE] = { false };

	while (p->count < ML_RUMOURS) {
		uint32_t best = ML_QUEUE;

		for (uint32_t i = 0; i < n->queued; i++)
			if (!taken[i] && p->bytes + rumour_bytes[n->queue[i].r.said] <= UDP_BYTES &&
			    (best == ML_QUEUE || goes_before(&n->queue[i], &n->queue[best])))
				best = i;
		if (best == ML_QUEUE)
			break;
		taken[best] = true;
		p->bytes += rumour_bytes[n->queue[best].r.said];
		p->rumours[p->count++] = n->queue[best].r;
		n->queue[best].sends++;
	}
	for (uint32_t i = n->queued; i-- > 0;)
		if (n->queue[i].sends >= limit)
			n->queue[i] = n->queue[--n->queued];
}

static void send(struct ml_node *n, uint8_t kind, uint16_t to, uint16_t target, uint32_t seq)
{
	struct ml_packet p = { .kind = kind, .from = n->self, .to = to, .target = target,
			       .seq = seq, .bytes = packet_bytes[kind] };

	if (kind <= ML_NACK) {
		/* A suspect is told with each ping that it is one. */
		if (kind == ML_PING && n->members[to].state == ML_SUSPECT) {
			p.rumours[p.count++] = (struct ml_rumour){ ML_IS_SUSPECT, to, n->self,
				n->members[to].incarnation };
			p.bytes += rumour_bytes[ML_IS_SUSPECT];
		}
		fill(n, &p);
		if (kind == ML_GOSSIP && !p.count)
			return;
	}
	p.bytes += UDP_HEADERS;
	n->send(n->ctx, &p);
}

static void send_state(struct ml_node *n, uint8_t kind, uint16_t to)
{
	struct ml_packet p = { .kind = kind, .from = n->self, .to = to,
			       .bytes = packet_bytes[kind] + ENTRY_BYTES * n->known,
			       .entries = calloc(ML_MAX, sizeof(*p.entries)) };

	for (uint32_t i = 0; p.entries && i < ML_MAX; i++)
		p.entries[i] = (struct ml_entry){ n->members[i].state,
			n->members[i].incarnation, n->members[i].intent,
			n->members[i].leaving };
	n->send(n->ctx, &p);
}

/* --- what is believed */

static void becomes(struct ml_node *n, struct instant now, uint16_t subject, uint8_t state)
{
	struct ml_member *m = &n->members[subject];

	m->state = state;
	m->changed = now;
	m->due = INSTANT_NEVER;
	if (state != ML_SUSPECT)
		n->believes(n->ctx, n->self, subject, state);
}

static void refute(struct ml_node *n, uint32_t version)
{
	struct ml_member *me = &n->members[n->self];

	me->incarnation = (version > me->incarnation ? version : me->incarnation) + 1;
	health(n, 1);
	tell(n, ML_IS_ALIVE, n->self, n->self, me->incarnation);
}

static void list_add(struct ml_node *n, uint16_t subject)
{
	uint32_t at = (uint32_t)rng_below(&n->rng, n->listed + 1);

	n->list[n->listed++] = n->list[at];
	n->list[at] = subject;
	n->known++;
}

static void hear_alive(struct ml_node *n, struct instant now, const struct ml_rumour *r)
{
	struct ml_member *m = &n->members[r->subject];

	if (r->subject == n->self) {
		if (r->version > m->incarnation && n->leave == ML_STAYS)
			refute(n, r->version);
		return;
	}
	if (m->state == ML_UNKNOWN)
		list_add(n, r->subject);
	else if (r->version <= m->incarnation)
		return;
	m->incarnation = r->version;
	tell(n, ML_IS_ALIVE, r->subject, r->from, r->version);
	if (m->state == ML_SUSPECT) {
		m->state = ML_ALIVE;
		m->changed = now;
		m->due = INSTANT_NEVER;
	} else if (m->state != ML_ALIVE) {
		m->leaving = false;
		becomes(n, now, r->subject, ML_ALIVE);
	}
}

static struct span suspicion(const struct ml_node *n, uint32_t confirmed)
{
	double size = log10_of(n->known), least, most, ms;
	uint32_t k = n->known < CONFIRMATIONS + 2 ? 0 : CONFIRMATIONS;

	least = SUSPICION_MULT * (size > 1 ? size : 1) * PROBE_MS;
	most = SUSPICION_MAX * least;
	ms = k ? most - log2_of(confirmed + 1) / log2_of(k + 1) * (most - least) : least;
	return span_ms((uint64_t)(ms > least ? ms : least));
}

static void hear_suspect(struct ml_node *n, struct instant now, const struct ml_rumour *r)
{
	struct ml_member *m = &n->members[r->subject];

	if (m->state == ML_UNKNOWN || r->version < m->incarnation)
		return;
	if (m->state == ML_SUSPECT) {
		for (uint32_t i = 0; i < m->accused; i++)
			if (m->accusers[i] == r->from)
				return;
		if (m->accused == ML_ACCUSERS)
			return;
		m->accusers[m->accused++] = r->from;
		m->due = instant_add(m->changed, suspicion(n, m->accused - 1));
		tell(n, ML_IS_SUSPECT, r->subject, r->from, r->version);
		return;
	}
	if (m->state != ML_ALIVE)
		return;
	if (r->subject == n->self) {
		if (n->leave == ML_STAYS)
			refute(n, r->version);
		return;
	}
	m->incarnation = r->version;
	becomes(n, now, r->subject, ML_SUSPECT);
	m->accused = 1;
	m->accusers[0] = r->from;
	m->due = instant_add(now, suspicion(n, 0));
	tell(n, ML_IS_SUSPECT, r->subject, r->from, r->version);
}

static void hear_dead(struct ml_node *n, struct instant now, const struct ml_rumour *r)
{
	struct ml_member *m = &n->members[r->subject];

	if (r->version < m->incarnation || m->state == ML_UNKNOWN || m->state >= ML_DEAD)
		return;
	if (r->subject == n->self && n->leave == ML_STAYS) {
		refute(n, r->version);
		return;
	}
	m->incarnation = r->version;
	tell(n, ML_IS_DEAD, r->subject, r->from, r->version);
	becomes(n, now, r->subject, r->from == r->subject || m->leaving ? ML_LEFT : ML_DEAD);
}

/* serf's: ordered by Lamport time, passed on by all who had not heard of it. */
static void hear_intent(struct ml_node *n, const struct ml_rumour *r)
{
	struct ml_member *m = &n->members[r->subject];

	n->clock = (r->version > n->clock ? r->version : n->clock) + 1;
	if (r->version <= m->intent)
		return;
	m->intent = r->version;
	m->leaving = r->said == ML_LEAVES;
	tell(n, r->said, r->subject, r->from, r->version);
}

static void hear(struct ml_node *n, struct instant now, const struct ml_rumour *r)
{
	if (r->said == ML_IS_ALIVE)
		hear_alive(n, now, r);
	else if (r->said == ML_IS_SUSPECT)
		hear_suspect(n, now, r);
	else if (r->said == ML_IS_DEAD)
		hear_dead(n, now, r);
	else
		hear_intent(n, r);
}

/* The dead of another are suspects at first; who left is believed. */
static void merge(struct ml_node *n, struct instant now, const struct ml_packet *p)
{
	for (uint16_t i = 0; p->entries && i < ML_MAX; i++) {
		const struct ml_entry *e = &p->entries[i];
		struct ml_rumour r = { ML_IS_ALIVE, i, i, e->incarnation };

		if (e->state == ML_UNKNOWN)
			continue;
		if (e->state == ML_LEFT)
			r.said = ML_IS_DEAD;
		else if (e->state != ML_ALIVE)
			r = (struct ml_rumour){ ML_IS_SUSPECT, i, n->self, e->incarnation };
		if (e->intent > n->members[i].intent) {
			n->members[i].intent = e->intent;
			n->members[i].leaving = e->leaving;
			n->clock = (e->intent > n->clock ? e->intent : n->clock) + 1;
		}
		hear(n, now, &r);
	}
}

/* --- what is done, and when */

static bool is_up(const struct ml_node *n, uint16_t i)
{
	return n->members[i].state == ML_ALIVE || n->members[i].state == ML_SUSPECT;
}

/* Up to `want` different ones; the dead too when `dead_since` is before their death. */
static uint32_t some(struct ml_node *n, uint32_t want, uint16_t except, struct instant dead_since,
		     uint16_t *out)
{
	uint32_t count = 0;

	for (uint32_t tries = 0; count < want && tries < 3 * n->listed; tries++) {
		uint16_t i = n->list[rng_below(&n->rng, n->listed)];
		bool take = is_up(n, i) || instant_before(dead_since, n->members[i].changed);

		for (uint32_t k = 0; k < count; k++)
			take &= out[k] != i;
		if (take && i != n->self && i != except)
			out[count++] = i;
	}
	return count;
}

/* The end of the list: those who are dead for long go, the others are shuffled. */
static void list_wrap(struct ml_node *n, struct instant now)
{
	for (uint32_t i = n->listed; i-- > 0;) {
		struct ml_member *m = &n->members[n->list[i]];

		if (m->state < ML_DEAD || instant_since(now, m->changed).ns <= span_ms(DEAD_MS).ns)
			continue;
		m->state = ML_UNKNOWN;
		n->list[i] = n->list[--n->listed];
		n->known--;
	}
	for (uint32_t i = n->listed; i > 1; i--) {
		uint32_t k = (uint32_t)rng_below(&n->rng, i);
		uint16_t keep = n->list[i - 1];

		n->list[i - 1] = n->list[k];
		n->list[k] = keep;
	}
	n->next = 0;
}

static void probe_start(struct ml_node *n, struct instant now)
{
	for (uint32_t tries = 0; tries < n->listed; tries++) {
		if (n->next >= n->listed)
			list_wrap(n, now);
		uint16_t target = n->list[n->next++];

		if (target == n->self || !is_up(n, target))
			continue;
		n->probe = (struct ml_probe){ .active = true, .target = target, .seq = ++n->seq,
			.ask = after(now, scaled(n, TIMEOUT_MS)),
			.end = after(now, scaled(n, PROBE_MS)) };
		send(n, ML_PING, target, target, n->probe.seq);
		return;
	}
}

static void probe_ask(struct ml_node *n)
{
	struct ml_probe *p = &n->probe;
	uint16_t helpers[HELPERS];

	p->asked = true;
	p->expected = some(n, HELPERS, p->target, INSTANT_NEVER, helpers);
	for (uint32_t i = 0; i < p->expected; i++)
		send(n, ML_PING_REQ, helpers[i], p->target, p->seq);
	send(n, ML_TCP_PING, p->target, p->target, p->seq);
}

/* Helpers that do not answer at all say that it is rather oneself who is ill. */
static void probe_fail(struct ml_node *n, struct instant now)
{
	struct ml_probe *p = &n->probe;
	struct ml_rumour r = { ML_IS_SUSPECT, p->target, n->self,
			       n->members[p->target].incarnation };

	p->active = false;
	health(n, p->expected ? (int)p->expected - (int)p->nacks : 1);
	hear(n, now, &r);
}

static void probe_ack(struct ml_node *n, uint32_t seq)
{
	if (n->probe.active && n->probe.seq == seq) {
		n->probe.active = false;
		health(n, -1);
	}
}

static void help(struct ml_node *n, struct instant now, const struct ml_packet *p)
{
	if (n->helped == ML_HELPS)
		return;
	n->helps[n->helped++] = (struct ml_help){ ++n->seq, p->seq, p->from,
		after(now, TIMEOUT_MS * 8 / 10) };
	send(n, ML_PING, p->target, p->target, n->seq);
}

static void help_ack(struct ml_node *n, uint32_t seq)
{
	for (uint32_t i = n->helped; i-- > 0;) {
		struct ml_help h = n->helps[i];

		if (h.seq != seq)
			continue;
		n->helps[i] = n->helps[--n->helped];
		send(n, ML_ACK, h.asker, h.asker, h.their_seq);
	}
}

static uint64_t push_ms(const struct ml_node *n)
{
	return n->known <= 32 ? PUSH_MS :
	       (uint64_t)PUSH_MS * (ceiling(log2_of(n->known) - 5) + 1);
}

/* Leaving: the intent is told as often as a rumour is, then the death, by oneself. */
static void leave_step(struct ml_node *n, struct instant now)
{
	struct ml_rumour r = { ML_IS_DEAD, n->self, n->self, n->members[n->self].incarnation };
	uint8_t said = n->leave == ML_SAYS_INTENT ? ML_LEAVES : ML_IS_DEAD;
	bool waits = false;

	for (uint32_t i = 0; i < n->queued; i++)
		waits |= n->queue[i].r.subject == n->self && n->queue[i].r.said == said;
	if (waits)
		return;
	if (n->leave == ML_SAYS_DEATH) {
		n->leave = ML_GONE;
		return;
	}
	n->leave = ML_SAYS_DEATH;
	hear(n, now, &r);
}

static void gossip(struct ml_node *n, struct instant now)
{
	struct instant since = { now.ns > span_ms(DEAD_MS).ns ? now.ns - span_ms(DEAD_MS).ns : 0 };
	uint16_t to[GOSSIP_NODES];
	uint32_t count = some(n, GOSSIP_NODES, n->self, since, to);

	for (uint32_t i = 0; i < count; i++)
		send(n, ML_GOSSIP, to[i], to[i], 0);
}

void ml_timer(struct ml_node *n, struct instant now)
{
	uint16_t with;

	if (n->probe.active && !n->probe.asked && instant_reached(n->probe.ask, now))
		probe_ask(n);
	if (n->probe.active && instant_reached(n->probe.end, now))
		probe_fail(n, now);
	if (instant_reached(n->probe_at, now)) {
		n->probe_at = after(n->probe_at, PROBE_MS);
		if (!n->probe.active)
			probe_start(n, now);
	}
	if (instant_reached(n->gossip_at, now)) {
		n->gossip_at = after(n->gossip_at, GOSSIP_MS);
		gossip(n, now);
	}
	if (instant_reached(n->push_at, now)) {
		n->push_at = after(now, push_ms(n));
		if (some(n, 1, n->self, INSTANT_NEVER, &with))
			send_state(n, ML_PUSH, with);
	}
	for (uint32_t i = n->helped; i-- > 0;) {
		struct ml_help h = n->helps[i];

		if (!instant_reached(h.nack, now))
			continue;
		n->helps[i] = n->helps[--n->helped];
		send(n, ML_NACK, h.asker, h.asker, h.their_seq);
	}
	for (uint16_t i = 0; i < ML_MAX; i++) {
		struct ml_rumour r = { ML_IS_DEAD, i, n->self, n->members[i].incarnation };

		if (n->members[i].state == ML_SUSPECT && instant_reached(n->members[i].due, now))
			hear(n, now, &r);
	}
	if (n->leave == ML_SAYS_INTENT || n->leave == ML_SAYS_DEATH)
		leave_step(n, now);
}

struct instant ml_deadline(const struct ml_node *n)
{
	struct instant t = instant_min(n->probe_at, instant_min(n->gossip_at, n->push_at));

	if (n->probe.active)
		t = instant_min(t, n->probe.asked ? n->probe.end : n->probe.ask);
	for (uint32_t i = 0; i < n->helped; i++)
		t = instant_min(t, n->helps[i].nack);
	for (uint32_t i = 0; i < n->listed; i++)
		if (n->members[n->list[i]].state == ML_SUSPECT)
			t = instant_min(t, n->members[n->list[i]].due);
	return t;
}

void ml_packet(struct ml_node *n, struct instant now, const struct ml_packet *p)
{
	if (p->kind == ML_PING)
		send(n, ML_ACK, p->from, p->from, p->seq);
	else if (p->kind == ML_TCP_PING)
		send(n, ML_TCP_ACK, p->from, p->from, p->seq);
	else if (p->kind == ML_PING_REQ)
		help(n, now, p);
	else if (p->kind == ML_NACK)
		n->probe.nacks += n->probe.active && n->probe.seq == p->seq;
	else if (p->kind == ML_PUSH)
		send_state(n, ML_PULL, p->from);
	if (p->kind == ML_ACK || p->kind == ML_TCP_ACK) {
		probe_ack(n, p->seq);
		help_ack(n, p->seq);
	}
	for (uint32_t i = 0; i < p->count; i++)
		hear(n, now, &p->rumours[i]);
	merge(n, now, p);
}

void ml_start(struct ml_node *n, struct instant now, uint16_t self, uint64_t seed)
{
	*n = (struct ml_node){ .self = self, .ctx = n->ctx, .send = n->send,
			       .believes = n->believes };
	rng_init(&n->rng, seed);
	list_add(n, self);
	n->members[self] = (struct ml_member){ .state = ML_ALIVE, .incarnation = 1,
		.changed = now, .due = INSTANT_NEVER };
	tell(n, ML_IS_ALIVE, self, self, 1);
	/* The tickers of probes and of gossip begin with the node, that of push/pull anywhere. */
	n->probe_at = after(now, PROBE_MS);
	n->gossip_at = after(now, GOSSIP_MS);
	n->push_at = after(now, PUSH_MS + rng_below(&n->rng, PUSH_MS));
}

void ml_join(struct ml_node *n, struct instant now, uint16_t seed)
{
	struct ml_member *me = &n->members[n->self];

	me->intent = ++n->clock;
	me->changed = now;
	tell(n, ML_JOINS, n->self, n->self, me->intent);
	send_state(n, ML_PUSH, seed);
}

void ml_leave(struct ml_node *n, struct instant now)
{
	struct ml_member *me = &n->members[n->self];

	me->intent = ++n->clock;
	me->leaving = true;
	tell(n, ML_LEAVES, n->self, n->self, me->intent);
	n->leave = ML_SAYS_INTENT;
	leave_step(n, now);
}
