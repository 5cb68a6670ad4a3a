/* handshake.c - initiations, responses and cookie replies, both ways.
 *
 * What a stranger can make us compute is ordered by its price: mac1 (one hash) before
 * anything, then the index of a response, then under load mac2 and the rate of its source,
 * and only then X25519.
 *
 * An initiation of ours on its way is kept apart from initiations that we answer: when two
 * peers begin at once, both handshakes complete and either pair of keys works.
 */
#include "wg/engine.h"
#include "wg/timestamp.h"

#include "base/bucket.h"
#include "crypto/curve.h"

#include <string.h>

static void draw_ephemeral(struct wg *wg, struct noise_fresh *fresh)
{
	random_bytes(wg->config.random, fresh->ephemeral.b, sizeof(fresh->ephemeral.b));
	x25519_clamp(&fresh->ephemeral);
}

static void log_keys(struct wg *wg, const struct peer *p, const struct noise_fresh *fresh)
{
	const struct sym_key *psk = &p->remote.preshared;
	struct wg_keylog log = {
		.local_static = &wg->self.secret,
		.remote_static = &p->remote.key,
		.local_ephemeral = &fresh->ephemeral,
		.preshared = ct_is_zero(psk->b, sizeof(psk->b)) ? NULL : psk,
	};

	if (wg->config.keylog)
		wg->config.keylog(wg->config.keylog_ctx, &log);
}

/* --- out */

/* There can be no handshake with this peer: his key is of small order. */
static void cannot_initiate(struct wg *wg, struct peer *p)
{
	wg->counters.drop_handshake++;
	stage_clear(&wg->stage, &p->staged);
	p->timers.attempt_since = INSTANT_ZERO;
}

static void send_initiation(struct wg *wg, struct peer *p, struct moment now, struct outbox *out)
{
	struct noise_fresh fresh = { .timestamp = { { 0 } } };
	struct message_initiation m;

	peer_forget_handshake(wg, p);
	wg->issued = tai64n_next(now.wall, wg->issued, wg->floor);
	draw_ephemeral(wg, &fresh);
	fresh.timestamp = wg->issued;
	fresh.index = indices_add(&wg->indices, wg->config.random, INDEX_HANDSHAKE, p->handle);
	p->last_sent_handshake = now.boot;

	if (!noise_create_initiation(&m, &p->handshake, &wg->self, &p->remote, &fresh)) {
		indices_remove(&wg->indices, fresh.index);
		cannot_initiate(wg, p);
		goto out;
	}
	log_keys(wg, p, &fresh);
	cookie_add_macs(&p->cookie, &m, sizeof(m), now.boot);
	send_message(p, &p->endpoint, &m, sizeof(m), out);
	wg->counters.handshakes_sent++;
	timers_any_authenticated_sent(&p->timers);
	timers_any_authenticated_traversal(&p->timers, now.boot);
	timers_handshake_initiated(&p->timers, now.boot, wg_jitter(wg));
out:
	wipe(&fresh, sizeof(fresh));
}

void handshake_initiate(struct wg *wg, struct peer *p, struct moment now, bool wanted,
			struct outbox *out)
{
	struct timers *t = &p->timers;
	struct instant earliest = instant_add(p->last_sent_handshake, REKEY_TIMEOUT);

	if (!wg->up || !wg->self.is_set)
		return;
	if (wanted || !instant_is_set(t->attempt_since))
		timers_attempt_begins(t, now.boot);
	if (!endpoint_is_set(&p->endpoint))
		timers_handshake_delayed(t, INSTANT_NEVER);
	else if (instant_is_set(p->last_sent_handshake) && instant_before(now.boot, earliest))
		timers_handshake_delayed(t, earliest);
	else if (!outbox_has_room(out, 1, sizeof(struct message_initiation)))
		timers_set(t, TIMER_FLUSH, INSTANT_ZERO);
	else
		send_initiation(wg, p, now, out);
	peer_schedule(wg, p);
}

void wg_peer_handshake(struct wg *wg, uint32_t peer, struct moment now, struct outbox *out)
{
	struct peer *p = peer_at(wg, peer);
	struct session *s = peer_sending(wg, p, now.boot);

	wg->latest = now.boot;
	if (s && !session_is_stale_to_send(s, now.boot))
		return;
	if (p->handshake.in_flight && timers_is_set(&p->timers, TIMER_RETRANSMIT))
		return;
	handshake_initiate(wg, p, now, true, out);
}

/* --- under load */

/* An answer costs more than all else that a stranger can have under load, most of it in the kernel.
 * A peer that gets none asks again in 5 s. */
#define COOKIE_EACH ((struct span){ 50 * 1000u }) /* 20,000 a second */
#define COOKIE_BURST 2000u

static bool is_under_load(struct load *l, struct instant now)
{
	struct instant first = l->recent[l->next]; /* so many messages ago */

	l->recent[l->next] = now;
	l->next = (l->next + 1) % LOAD_MESSAGES;
	if (instant_is_set(first) && instant_since(now, first).ns < LOAD_WINDOW.ns)
		l->until = instant_add(now, LOAD_LASTS);
	return instant_before(now, l->until);
}

/* The bytes that a cookie is bound to: address, port and, behind a relay, channel. */
static struct bytes source_of(const struct endpoint *from, uint8_t buf[static 22])
{
	size_t len = ip_bits(&from->ip) / 8;

	memcpy(buf, from->ip.b, len);
	store_be16(buf + len, from->port);
	store_be32(buf + len + 2, from->channel);
	return bytes_of(buf, len + (from->channel ? 6 : 2));
}

static void send_cookie(struct wg *wg, const struct endpoint *from, struct bytes source,
			struct bytes datagram, struct outbox *out)
{
	struct message_cookie_reply *m;
	uint8_t nonce[COOKIE_NONCE];
	uint8_t *at = outbox_reserve(out, sizeof(*m));

	if (!at)
		return;
	m = (struct message_cookie_reply *)at;
	random_bytes(wg->config.random, nonce, sizeof(nonce));
	cookie_create_reply(m, &wg->checker, datagram, source, nonce);
	outbox_commit(out, OUT_DATAGRAM, sizeof(*m))->to = *from;
	wg->counters.cookies_sent++;
}

/* Whether this message, whose mac1 is right, may cost us curve operations. */
static bool admit(struct wg *wg, struct moment now, const struct endpoint *from,
		  struct bytes datagram, struct outbox *out)
{
	uint8_t buf[22];
	struct bytes source = source_of(from, buf);

	if (!is_under_load(&wg->load, now.boot))
		return true;
	cookie_checker_refresh(&wg->checker, now.boot, wg->config.random);
	if (!cookie_mac2_valid(&wg->checker, datagram, source)) {
		wg->counters.drop_mac2_needed++;
		if (bucket_take(&wg->cookies_full, now.boot, COOKIE_EACH, COOKIE_BURST))
			send_cookie(wg, from, source, datagram, out);
		return false;
	}
	if (!ratelimit_allow(wg->ratelimit, &from->ip, from->channel, now.boot)) {
		wg->counters.drop_ratelimit++;
		return false;
	}
	return true;
}

static bool mac1_is_good(struct wg *wg, struct bytes datagram)
{
	if (wg->self.is_set && cookie_mac1_valid(&wg->checker, datagram))
		return true;
	wg->counters.drop_mac1++;
	return false;
}

/* --- in */

static void count_refused(struct wg *wg, enum noise_result why)
{
	wg->counters.drop_handshake += why == NOISE_BAD;
	wg->counters.drop_replayed_handshake += why == NOISE_REPLAYED;
	wg->counters.drop_flood += why == NOISE_FLOOD;
}

/* The answer goes where the question came from, wherever else the peer may be reached. */
static bool send_response(struct wg *wg, struct peer *p, struct noise_handshake *hs,
			  struct moment now, const struct endpoint *from, struct outbox *out)
{
	struct noise_fresh fresh = { .index = 0 };
	struct message_response m;
	bool good;

	draw_ephemeral(wg, &fresh);
	fresh.index = indices_add(&wg->indices, wg->config.random, INDEX_HANDSHAKE, p->handle);
	good = noise_create_response(&m, hs, &p->remote, &fresh);
	if (good) {
		log_keys(wg, p, &fresh);
		cookie_add_macs(&p->cookie, &m, sizeof(m), now.boot);
		send_message(p, from, &m, sizeof(m), out);
		wg->counters.handshakes_sent++;
		p->last_sent_handshake = now.boot;
	} else {
		indices_remove(&wg->indices, fresh.index);
		wg->counters.drop_handshake++;
	}
	wipe(&fresh, sizeof(fresh));
	return good;
}

/* Finds whose initiation this is and checks all of it; NULL: refused. */
static struct peer *read_initiation(struct wg *wg, struct noise_handshake *hs, struct moment now,
				    const struct message_initiation *m)
{
	enum noise_result result;
	struct dh_public who;
	struct peer *p;

	if (!noise_read_static(&who, hs, &wg->self, m)) {
		wg->counters.drop_handshake++;
		return NULL;
	}
	p = peer_by_key(wg, &who);
	if (!p) {
		wg->counters.drop_unknown_peer++;
		return NULL;
	}
	result = noise_read_timestamp(hs, &wg->self, &p->remote, m, now.boot);
	count_refused(wg, result);
	return result == NOISE_OK ? p : NULL;
}

void handshake_input_initiation(struct wg *wg, struct moment now, const struct endpoint *from,
				struct bytes datagram, struct outbox *out)
{
	const struct message_initiation *m = (const struct message_initiation *)datagram.data;
	struct noise_handshake hs;
	struct peer *p;

	if (!mac1_is_good(wg, datagram) || !admit(wg, now, from, datagram, out))
		return;
	if (!outbox_has_room(out, 1, sizeof(struct message_response)))
		return;
	noise_handshake_clear(&hs);
	p = read_initiation(wg, &hs, now, m);
	if (!p)
		goto out;
	wg->counters.handshakes_received++;
	peer_heard(wg, p, from, now.boot);
	p->rx_bytes += datagram.len;
	timers_any_authenticated_received(&p->timers);
	if (send_response(wg, p, &hs, now, from, out)) {
		peer_new_session(wg, p, &hs, false, now.boot);
		timers_session_derived(&p->timers, now.boot);
		timers_any_authenticated_sent(&p->timers);
	}
	timers_any_authenticated_traversal(&p->timers, now.boot);
	peer_schedule(wg, p);
out:
	noise_handshake_clear(&hs);
}

void handshake_input_response(struct wg *wg, struct moment now, const struct endpoint *from,
			      struct bytes datagram, struct outbox *out)
{
	const struct message_response *m = (const struct message_response *)datagram.data;
	struct peer *p;
	uint32_t peer;

	if (!mac1_is_good(wg, datagram))
		return;
	if (indices_find(&wg->indices, load_le32(m->receiver), &peer) != INDEX_HANDSHAKE) {
		wg->counters.drop_unknown_index++;
		return;
	}
	if (!admit(wg, now, from, datagram, out))
		return;
	p = &wg->peers[peer];
	if (!noise_read_response(&p->handshake, &wg->self, &p->remote, m)) {
		wg->counters.drop_handshake++;
		return;
	}
	wg->counters.handshakes_received++;
	peer_heard(wg, p, from, now.boot);
	p->rx_bytes += datagram.len;
	peer_new_session(wg, p, &p->handshake, true, now.boot);
	timers_session_derived(&p->timers, now.boot);
	timers_handshake_complete(&p->timers);
	timers_any_authenticated_received(&p->timers);
	timers_any_authenticated_traversal(&p->timers, now.boot);
	p->last_handshake = now.wall;
	p->last_handshake_at = now.boot;
	wg_tell(wg, WG_FACT_HANDSHAKE, p, true);
	/* The other side may not speak before it has heard of us under the new keys. */
	send_keepalive(wg, p, now, out);
	peer_schedule(wg, p);
}

/* The index is the one that we sent in the message that is answered: of an initiation, or of
 * a session that we answered for. */
void handshake_input_cookie(struct wg *wg, struct moment now, struct bytes datagram)
{
	const struct message_cookie_reply *m =
		(const struct message_cookie_reply *)datagram.data;
	uint32_t slot;
	struct peer *p;

	switch (indices_find(&wg->indices, load_le32(m->receiver), &slot)) {
	case INDEX_HANDSHAKE:
		p = &wg->peers[slot];
		break;
	case INDEX_SESSION:
		p = &wg->peers[wg->sessions[slot].peer];
		break;
	default:
		wg->counters.drop_unknown_index++;
		return;
	}
	if (cookie_read_reply(&p->cookie, m, now.boot))
		wg->counters.cookies_received++;
	else
		wg->counters.drop_handshake++;
}
