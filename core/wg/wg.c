/* wg.c - the engine as a whole: its memory, its settings, its ticks. */
#include "wg/engine.h"
#include "wg/timestamp.h"

#include "base/limits.h"

#include <string.h>

/* --- memory: one block, carved the same way to measure it and to use it */

struct carver {
	uint8_t *base; /* NULL: only measuring */
	size_t used;
};

static void *carve(struct carver *c, size_t len)
{
	void *at = c->base ? c->base + c->used : NULL;

	c->used += (len + 63) / 64 * 64;
	return at;
}

struct parts {
	void *wg, *peers, *peer_pool, *by_key, *deadlines;
	void *sessions, *session_pool, *indices, *stage, *ratelimit;
};

static uint32_t index_count(const struct wg_limits *l)
{
	return l->peers + l->sessions + 1; /* a response is given its index before its session */
}

static size_t carve_parts(struct parts *p, const struct wg_limits *l, void *memory)
{
	struct carver c = { .base = memory };

	p->wg = carve(&c, sizeof(struct wg));
	p->peers = carve(&c, (size_t)l->peers * sizeof(struct peer));
	p->peer_pool = carve(&c, pool_size(l->peers));
	p->by_key = carve(&c, map_size(l->peers));
	p->deadlines = carve(&c, heap_size(l->peers));
	p->sessions = carve(&c, (size_t)l->sessions * sizeof(struct session));
	p->session_pool = carve(&c, pool_size(l->sessions));
	p->indices = carve(&c, indices_size(index_count(l)));
	p->stage = carve(&c, stage_size(l->staged_packets));
	p->ratelimit = carve(&c, ratelimit_size());
	return c.used;
}

size_t wg_size(const struct wg_limits *limits)
{
	struct parts parts;

	return carve_parts(&parts, limits, NULL);
}

struct wg *wg_init(void *memory, const struct wg_config *config, struct instant now)
{
	const struct wg_limits *l = &config->limits;
	struct parts parts;
	struct wg *wg;

	BUG_ON(!l->peers || !l->sessions || (uintptr_t)memory % 64);
	carve_parts(&parts, l, memory);
	wg = parts.wg;
	wg->config = *config;
	wg->mtu = MESH_MTU;
	wg->up = true;
	wg->latest = now;
	wg->peers = parts.peers;
	wg->sessions = parts.sessions;
	pool_init(&wg->peer_pool, parts.peer_pool, l->peers);
	pool_init(&wg->session_pool, parts.session_pool, l->sessions);
	map_init(&wg->by_key, parts.by_key, l->peers);
	heap_init(&wg->deadlines, parts.deadlines, l->peers);
	indices_init(&wg->indices, parts.indices, index_count(l));
	stage_init(&wg->stage, parts.stage, l->staged_packets);
	wg->ratelimit = ratelimit_init(parts.ratelimit, config->hash_key);
	list_init(&wg->lru);
	return wg;
}

/* --- settings */

void wg_set_private(struct wg *wg, const struct dh_secret *secret, struct instant now)
{
	uint32_t self;

	wg->latest = now;
	noise_identity_set(&wg->self, secret);
	cookie_checker_init(&wg->checker, &wg->self.public);
	self = wg->self.is_set ? wg_peer_find(wg, &wg->self.public) : WG_NONE;
	if (self != WG_NONE)
		wg_peer_remove(wg, self);

	for (uint32_t i = WG_NONE; (i = wg_peer_next(wg, i)) != WG_NONE;) {
		noise_remote_forget_static(&wg->peers[i].remote);
		if (!wg->self.is_set)
			stage_clear(&wg->stage, &wg->peers[i].staged);
		wg_peer_expire(wg, i);
	}
}

bool wg_has_private(const struct wg *wg)
{
	return wg->self.is_set;
}

const struct dh_secret *wg_private(const struct wg *wg)
{
	return &wg->self.secret;
}

const struct dh_public *wg_public(const struct wg *wg)
{
	return &wg->self.public;
}

void wg_set_routes(struct wg *wg, const struct allowedips *routes)
{
	wg->routes = routes;
}

void wg_set_mtu(struct wg *wg, uint32_t mtu)
{
	wg->mtu = mtu;
}

void wg_set_up(struct wg *wg, bool up, struct moment now, struct outbox *out)
{
	(void)out;
	wg->latest = now.boot;
	if (up == wg->up)
		return;
	wg->up = up;
	for (uint32_t i = WG_NONE; (i = wg_peer_next(wg, i)) != WG_NONE;) {
		struct peer *p = &wg->peers[i];

		if (up) {
			peer_wake(wg, p);
			continue;
		}
		peer_forget_keys(wg, p);
		stage_clear(&wg->stage, &p->staged);
		timers_stop(&p->timers);
		p->last_sent_handshake = INSTANT_ZERO;
		peer_schedule(wg, p);
	}
}

void wg_set_timestamp_floor(struct wg *wg, struct tai64n floor)
{
	wg->floor = floor;
}

struct tai64n wg_timestamp_last(const struct wg *wg)
{
	return wg->issued;
}

const struct wg_counters *wg_counters(const struct wg *wg)
{
	return &wg->counters;
}

/* --- facts */

void wg_tell(struct wg *wg, enum wg_fact_kind kind, const struct peer *p, bool initiator)
{
	struct facts *f = &wg->facts;

	if (f->count == FACTS) {
		f->first = (f->first + 1) % FACTS;
		f->count--;
	}
	f->ring[(f->first + f->count++) % FACTS] = (struct wg_fact){
		.kind = kind,
		.peer = p->handle,
		.slot = p->slot,
		.endpoint = kind == WG_FACT_HEARD_FROM ? p->heard_from : p->endpoint,
		.initiator = initiator,
	};
}

bool wg_next_fact(struct wg *wg, struct wg_fact *out)
{
	struct facts *f = &wg->facts;

	while (f->count) {
		*out = f->ring[f->first];
		f->first = (f->first + 1) % FACTS;
		f->count--;
		if (out->peer != WG_NONE)
			return true;
	}
	return false;
}

bool wg_has_facts(const struct wg *wg)
{
	return wg->facts.count > 0;
}

/* --- time */

struct span wg_jitter(struct wg *wg)
{
	return span_ms(random_u32(wg->config.random) % (REKEY_TIMEOUT_JITTER_MAX_MS + 1));
}

/* Silence may mean that our own address is gone: the next try may leave by another. */
static void forget_local(struct wg *wg, struct peer *p)
{
	if (!wg->config.roam)
		return;
	p->endpoint.local = (struct ip){ .family = FAMILY_NONE };
	p->endpoint.local_ifindex = 0;
}

static void retransmit(struct wg *wg, struct peer *p, struct moment now, struct outbox *out)
{
	/* What was wanted came about in another way. */
	if (!p->handshake.in_flight && endpoint_is_set(&p->endpoint) &&
	    peer_sending(wg, p, now.boot)) {
		p->timers.attempt_since = INSTANT_ZERO;
		return;
	}
	if (timers_attempt_is_over(&p->timers, now.boot)) {
		uint32_t lost = stage_clear(&wg->stage, &p->staged);

		if (!endpoint_is_set(&p->endpoint))
			wg->counters.drop_no_endpoint += lost;
		peer_forget_handshake(wg, p);
		timers_handshake_gave_up(&p->timers, now.boot);
		wg_tell(wg, WG_FACT_GAVE_UP, p, true);
		return;
	}
	forget_local(wg, p);
	handshake_initiate(wg, p, now, false, out);
}

/* 6.3: what a session left behind; an initiation that still tries is not that. */
static void zero_keys(struct wg *wg, struct peer *p)
{
	if (!timers_is_set(&p->timers, TIMER_RETRANSMIT))
		peer_forget_handshake(wg, p);
	if (peer_forget_pairs(wg, p))
		wg_tell(wg, WG_FACT_EXPIRED, p, false);
}

static bool flush(struct wg *wg, struct peer *p, struct moment now, struct outbox *out)
{
	if (p->staged.count)
		return send_staged(wg, p, now, out);
	if (instant_is_set(p->timers.attempt_since))
		handshake_initiate(wg, p, now, false, out);
	return true;
}

/* Whatever is due; false if the outbox became full. */
static bool serve(struct wg *wg, struct peer *p, struct moment now, struct outbox *out)
{
	struct timers *t = &p->timers;
	bool room = true;

	if (timers_take(t, TIMER_RETRANSMIT, now.boot))
		retransmit(wg, p, now, out);
	if (timers_take(t, TIMER_NEW_HANDSHAKE, now.boot)) {
		forget_local(wg, p);
		handshake_initiate(wg, p, now, true, out);
	}
	if (timers_take(t, TIMER_KEEPALIVE, now.boot)) {
		send_keepalive(wg, p, now, out);
		timers_keepalive_sent(t, now.boot);
	}
	if (timers_take(t, TIMER_PERSISTENT, now.boot))
		send_keepalive(wg, p, now, out);
	if (timers_take(t, TIMER_ZERO_KEYS, now.boot))
		zero_keys(wg, p);
	if (timers_take(t, TIMER_FLUSH, now.boot))
		room = flush(wg, p, now, out);
	peer_schedule(wg, p);
	return room;
}

void wg_tick(struct wg *wg, struct moment now, struct outbox *out)
{
	wg->latest = now.boot;
	/* Room for all that one peer may send at once, but for staged packets. */
	while (outbox_has_room(out, 8, 8 * sizeof(struct message_initiation))) {
		uint32_t peer = heap_pop(&wg->deadlines, now.boot);

		if (peer == HEAP_NONE || !serve(wg, &wg->peers[peer], now, out))
			return;
	}
}

struct instant wg_deadline(const struct wg *wg)
{
	return heap_first(&wg->deadlines);
}
