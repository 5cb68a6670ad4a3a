/* peer.c - peers, and who holds which key pair.
 *
 * Peers stand in an array that is touched as far as it is used. Key pairs come from one
 * smaller pool: most peers of a large mesh are silent. A peer that needs a pair when all are
 * taken gets the place of the peer that was silent longest, which then has none and will shake
 * hands again when it has something to say.
 */
#include "wg/engine.h"

#include "crypto/hash.h"

#include <string.h>

struct key_question {
	const struct wg *wg;
	const struct dh_public *key;
};

static bool same_key(const void *ctx, uint32_t slot)
{
	const struct key_question *q = ctx;

	return !memcmp(&q->wg->peers[slot].remote.key, q->key, sizeof(*q->key));
}

static uint64_t key_hash(const struct wg *wg, const struct dh_public *key)
{
	return siphash(wg->config.hash_key, key->b, sizeof(key->b));
}

struct peer *peer_at(const struct wg *wg, uint32_t handle)
{
	BUG_ON(!pool_used(&wg->peer_pool, handle));
	return &wg->peers[handle];
}

uint32_t wg_peer_find(const struct wg *wg, const struct dh_public *key)
{
	struct key_question q = { .wg = wg, .key = key };

	return map_find(&wg->by_key, key_hash(wg, key), same_key, &q);
}

struct peer *peer_by_key(const struct wg *wg, const struct dh_public *key)
{
	uint32_t handle = wg_peer_find(wg, key);

	return handle == WG_NONE ? NULL : &wg->peers[handle];
}

uint32_t wg_peer_add(struct wg *wg, const struct dh_public *key, uint32_t slot, struct instant now)
{
	uint32_t handle = wg_peer_find(wg, key);
	struct peer *p;

	(void)now;
	if (handle != WG_NONE)
		return handle;
	if (wg->self.is_set && !memcmp(key, &wg->self.public, sizeof(*key)))
		return WG_NONE;
	handle = pool_get(&wg->peer_pool);
	if (handle == POOL_NONE)
		return WG_NONE;
	BUG_ON(!map_add(&wg->by_key, key_hash(wg, key), handle));

	p = &wg->peers[handle];
	*p = (struct peer){ .handle = handle, .slot = slot };
	list_init(&p->lru);
	noise_remote_init(&p->remote, key);
	cookie_sender_init(&p->cookie, key);
	timers_init(&p->timers);
	for (int i = 0; i < PAIRS; i++)
		p->pairs[i] = WG_NONE;
	return handle;
}

/* What was told of a peer that is gone must not be read as told of its successor. */
static void forget_facts(struct wg *wg, uint32_t handle)
{
	for (uint32_t i = 0; i < wg->facts.count; i++) {
		struct wg_fact *f = &wg->facts.ring[(wg->facts.first + i) % FACTS];

		if (f->peer == handle)
			f->peer = WG_NONE;
	}
}

void wg_peer_remove(struct wg *wg, uint32_t peer)
{
	struct peer *p = peer_at(wg, peer);

	peer_forget_keys(wg, p);
	stage_clear(&wg->stage, &p->staged);
	heap_set(&wg->deadlines, peer, INSTANT_NEVER);
	forget_facts(wg, peer);
	BUG_ON(!map_remove(&wg->by_key, key_hash(wg, &p->remote.key), peer));
	wipe(p, sizeof(*p));
	pool_put(&wg->peer_pool, peer);
}

uint32_t wg_peer_slot(const struct wg *wg, uint32_t peer)
{
	return peer_at(wg, peer)->slot;
}

uint32_t wg_peer_next(const struct wg *wg, uint32_t peer)
{
	for (uint32_t i = peer == WG_NONE ? 0 : peer + 1; i < wg->peer_pool.fresh; i++)
		if (pool_used(&wg->peer_pool, i))
			return i;
	return WG_NONE;
}

uint32_t wg_peer_count(const struct wg *wg)
{
	return wg->peer_pool.count;
}

/* --- key pairs */

struct session *peer_session(const struct wg *wg, const struct peer *p, enum pair which)
{
	return p->pairs[which] == WG_NONE ? NULL : &wg->sessions[p->pairs[which]];
}

struct session *peer_sending(const struct wg *wg, const struct peer *p, struct instant now)
{
	struct session *s = peer_session(wg, p, PAIR_CURRENT);

	return s && session_may_send(s, now) ? s : NULL;
}

static bool drop_pair(struct wg *wg, struct peer *p, enum pair which)
{
	struct session *s = peer_session(wg, p, which);

	if (!s)
		return false;
	indices_remove(&wg->indices, s->local_index);
	wipe(s, sizeof(*s));
	pool_put(&wg->session_pool, p->pairs[which]);
	p->pairs[which] = WG_NONE;
	return true;
}

static void move_pair(struct wg *wg, struct peer *p, enum pair from, enum pair to)
{
	drop_pair(wg, p, to);
	p->pairs[to] = p->pairs[from];
	p->pairs[from] = WG_NONE;
}

void peer_touch(struct wg *wg, struct peer *p)
{
	if (wg->lru.prev == &p->lru)
		return;
	list_remove(&p->lru);
	list_add_tail(&wg->lru, &p->lru);
}

void peer_forget_handshake(struct wg *wg, struct peer *p)
{
	if (p->handshake.in_flight)
		indices_remove(&wg->indices, p->handshake.local_index);
	noise_handshake_clear(&p->handshake);
}

bool peer_forget_pairs(struct wg *wg, struct peer *p)
{
	bool any = false;

	for (int i = 0; i < PAIRS; i++)
		any |= drop_pair(wg, p, i);
	list_remove(&p->lru);
	return any;
}

void peer_forget_keys(struct wg *wg, struct peer *p)
{
	peer_forget_handshake(wg, p);
	peer_forget_pairs(wg, p);
}

/* A free place for a key pair of this peer, at the cost of the one silent longest. */
static uint32_t get_session(struct wg *wg, struct peer *p)
{
	uint32_t slot = pool_get(&wg->session_pool);

	if (slot == POOL_NONE) {
		struct peer *idle = list_entry(wg->lru.next, struct peer, lru);

		if (idle == p && p->lru.next != &wg->lru)
			idle = list_entry(p->lru.next, struct peer, lru);
		peer_forget_pairs(wg, idle);
		slot = pool_get(&wg->session_pool);
	}
	BUG_ON(slot == POOL_NONE);
	return slot;
}

void peer_new_session(struct wg *wg, struct peer *p, struct noise_handshake *hs, bool initiator,
		      struct instant now)
{
	uint32_t index = hs->local_index, slot;

	if (!initiator) {
		/* An older answer that was never confirmed is worth nothing now. */
		drop_pair(wg, p, PAIR_NEXT);
	} else if (p->pairs[PAIR_NEXT] != WG_NONE) {
		/* Both began at once: he may use the pair that we answered for, already. */
		drop_pair(wg, p, PAIR_CURRENT);
		move_pair(wg, p, PAIR_NEXT, PAIR_PREVIOUS);
	} else {
		move_pair(wg, p, PAIR_CURRENT, PAIR_PREVIOUS);
	}
	slot = get_session(wg, p);
	p->pairs[initiator ? PAIR_CURRENT : PAIR_NEXT] = slot;
	session_init(&wg->sessions[slot], hs, initiator, p->handle, now);
	indices_move(&wg->indices, index, INDEX_SESSION, slot);
	peer_touch(wg, p);
}

void peer_confirm_session(struct wg *wg, struct peer *p)
{
	move_pair(wg, p, PAIR_CURRENT, PAIR_PREVIOUS);
	move_pair(wg, p, PAIR_NEXT, PAIR_CURRENT);
}

void peer_schedule(struct wg *wg, struct peer *p)
{
	struct instant next = timers_next(&p->timers);

	if (heap_when(&wg->deadlines, p->handle).ns != next.ns)
		heap_set(&wg->deadlines, p->handle, next);
}

/* --- where a peer is */

static bool same_place(const struct endpoint *a, const struct endpoint *b)
{
	return endpoint_equal(a, b) && ip_equal(&a->local, &b->local) &&
	       a->local_ifindex == b->local_ifindex;
}

void peer_heard(struct wg *wg, struct peer *p, const struct endpoint *from, struct instant now)
{
	bool told = endpoint_equal(&p->heard_from, from) &&
		    instant_since(now, p->heard_from_at).ns < span_s(1).ns;

	p->last_heard = now;
	if (wg->config.roam) {
		if (!same_place(&p->endpoint, from))
			p->endpoint = *from;
		return;
	}
	if (endpoint_equal(&p->endpoint, from) || told)
		return;
	p->heard_from = *from;
	p->heard_from_at = now;
	wg_tell(wg, WG_FACT_HEARD_FROM, p, false);
}

/* --- settings of a peer */

void peer_wake(struct wg *wg, struct peer *p)
{
	struct timers *t = &p->timers;

	if (p->staged.count || instant_is_set(t->attempt_since))
		timers_set(t, TIMER_FLUSH, INSTANT_ZERO);
	if (t->persistent_s && !timers_is_set(t, TIMER_PERSISTENT))
		timers_set(t, TIMER_PERSISTENT, INSTANT_ZERO);
	peer_schedule(wg, p);
}

void wg_peer_set_preshared(struct wg *wg, uint32_t peer, const struct sym_key *psk)
{
	peer_at(wg, peer)->remote.preshared = *psk;
}

#define ANSWER_SOON span_ms(300)

/* An initiation that went elsewhere does not hold back one to the new address. But a relay passes
 * what it is given: the answer is on its way, and another initiation would make it void. */
static void forget_initiation(struct wg *wg, struct peer *p, bool was_relayed)
{
	const struct instant soon = instant_add(p->last_sent_handshake, ANSWER_SOON);

	if (!was_relayed || soon.ns <= REKEY_TIMEOUT.ns || instant_reached(soon, wg->latest)) {
		p->last_sent_handshake = INSTANT_ZERO;
		return;
	}
	p->last_sent_handshake.ns = soon.ns - REKEY_TIMEOUT.ns;
	timers_set(&p->timers, TIMER_RETRANSMIT, soon);
}

void wg_peer_set_endpoint(struct wg *wg, uint32_t peer, const struct endpoint *to)
{
	struct peer *p = peer_at(wg, peer);
	bool moved = !endpoint_equal(&p->endpoint, to);
	bool was_relayed = p->endpoint.channel;

	p->endpoint = *to;
	if (!moved || !endpoint_is_set(to))
		return;
	if (p->handshake.in_flight)
		forget_initiation(wg, p, was_relayed);
	peer_wake(wg, p);
}

const struct endpoint *wg_peer_endpoint(const struct wg *wg, uint32_t peer)
{
	return &peer_at(wg, peer)->endpoint;
}

void wg_peer_set_keepalive(struct wg *wg, uint32_t peer, uint16_t seconds, struct moment now,
			   struct outbox *out)
{
	struct peer *p = peer_at(wg, peer);
	bool begins = seconds && !p->timers.persistent_s;

	p->timers.persistent_s = seconds;
	if (!seconds)
		timers_set(&p->timers, TIMER_PERSISTENT, INSTANT_NEVER);
	if (begins && wg->up)
		send_keepalive(wg, p, now, out);
	timers_any_authenticated_traversal(&p->timers, now.boot);
	peer_schedule(wg, p);
}

void wg_peer_expire(struct wg *wg, uint32_t peer)
{
	struct peer *p = peer_at(wg, peer);

	peer_forget_keys(wg, p);
	timers_stop(&p->timers);
	p->last_sent_handshake = INSTANT_ZERO;
	peer_wake(wg, p);
}

void wg_peer_renew(struct wg *wg, uint32_t peer, struct moment now, struct outbox *out)
{
	struct peer *p = peer_at(wg, peer);
	bool any = false, left = false;

	wg->latest = now.boot;
	for (int i = 0; i < PAIRS; i++) {
		const struct session *s = peer_session(wg, p, i);

		any |= s != NULL;
		if (s && instant_since(now.boot, s->birth).ns >= REKEY_TIMEOUT.ns)
			drop_pair(wg, p, i);
		else
			left |= s != NULL;
	}
	if (!left)
		list_remove(&p->lru);
	if (!any || p->handshake.in_flight)
		return;
	p->last_sent_handshake = INSTANT_ZERO;
	handshake_initiate(wg, p, now, true, out);
}

void wg_peer_info(const struct wg *wg, uint32_t peer, struct wg_peer_info *out)
{
	const struct peer *p = peer_at(wg, peer);

	*out = (struct wg_peer_info){
		.key = p->remote.key,
		.slot = p->slot,
		.preshared = p->remote.preshared,
		.has_preshared = !ct_is_zero(p->remote.preshared.b, sizeof(p->remote.preshared.b)),
		.endpoint = p->endpoint,
		.keepalive_s = p->timers.persistent_s,
		.last_handshake = p->last_handshake,
		.last_handshake_at = p->last_handshake_at,
		.last_heard = p->last_heard,
		.rx_bytes = p->rx_bytes,
		.tx_bytes = p->tx_bytes,
		.has_session = peer_sending(wg, p, wg->latest) != NULL,
		.handshaking = instant_is_set(p->timers.attempt_since),
		.staged = p->staged.count,
	};
}
