/* send.c - packets out.
 *
 * A packet that finds a session, an address and nobody waiting is sealed straight into the
 * outbox. All else is staged and goes out in order: by the handshake that completes, by the
 * endpoint that gets known, or by the next tick when the outbox was full.
 */
#include "wg/engine.h"

#include <string.h>

#define RUN_TOGETHER 16u
#define RUN_BYTES 65000u /* as linux/udp.c sends at once */

/* What follows from having sent something by the peer's session (section 6). */
static void note_sent(struct wg *wg, struct peer *p, const struct session *s, struct moment now,
		      bool data, struct outbox *out)
{
	peer_touch(wg, p);
	timers_any_authenticated_sent(&p->timers);
	timers_any_authenticated_traversal(&p->timers, now.boot);
	if (data && !timers_is_set(&p->timers, TIMER_NEW_HANDSHAKE))
		timers_data_sent(&p->timers, now.boot, wg_jitter(wg));
	if (session_is_stale_to_send(s, now.boot))
		handshake_initiate(wg, p, now, true, out);
	peer_schedule(wg, p);
}

/* Seals the packet of len bytes that was put at at + MESSAGE_DATA_PLAIN. */
static void seal_reserved(struct peer *p, struct session *s, uint8_t *at, size_t len,
			  size_t sealed_len, struct outbox *out)
{
	uint8_t ecn = inner_ecn_encap(bytes_of(at + MESSAGE_DATA_PLAIN, len));
	struct out *item;

	session_seal(s, at, len, sealed_len);
	item = outbox_commit(out, OUT_DATAGRAM, sealed_len);
	item->slot = p->slot;
	item->to = p->endpoint;
	item->ecn = ecn;
	p->tx_bytes += sealed_len;
}

void send_message(struct peer *p, const struct endpoint *to, const void *message, size_t len,
		  struct outbox *out)
{
	uint8_t *at = outbox_reserve(out, len);
	struct out *item;

	if (!at)
		return;
	memcpy(at, message, len);
	item = outbox_commit(out, OUT_DATAGRAM, len);
	item->slot = p->slot;
	item->to = *to;
	item->ecn = HANDSHAKE_DSCP;
	p->tx_bytes += len;
}

bool send_staged(struct wg *wg, struct peer *p, struct moment now, struct outbox *out)
{
	struct session *s = peer_sending(wg, p, now.boot);
	size_t begun = out->used;
	bool any = false, full = false;

	if (!p->staged.count)
		return true;
	if (!s || !endpoint_is_set(&p->endpoint)) {
		handshake_initiate(wg, p, now, true, out);
		return true;
	}
	while (p->staged.count && s->send_counter < REJECT_AFTER_MESSAGES) {
		size_t len = stage_front_len(&wg->stage, &p->staged);
		size_t sealed_len = session_sealed_len(len, wg->mtu);
		uint8_t *at;

		full = out->used - begun + sealed_len > FLUSH_BYTES ||
		       !outbox_has_room(out, 1, sealed_len);
		if (full)
			break;
		at = outbox_reserve(out, sealed_len);
		stage_pop(&wg->stage, &p->staged, at + MESSAGE_DATA_PLAIN);
		seal_reserved(p, s, at, len, sealed_len, out);
		wg->counters.data_sent++;
		any = true;
	}
	if (full)
		timers_set(&p->timers, TIMER_FLUSH, INSTANT_ZERO);
	if (any)
		note_sent(wg, p, s, now, true, out);
	peer_schedule(wg, p);
	return !full;
}

void send_keepalive(struct wg *wg, struct peer *p, struct moment now, struct outbox *out)
{
	struct session *s = peer_sending(wg, p, now.boot);
	size_t sealed_len = session_sealed_len(0, wg->mtu);
	uint8_t *at;

	if (!wg->up || !endpoint_is_set(&p->endpoint))
		return;
	if (p->staged.count) {
		send_staged(wg, p, now, out);
		return;
	}
	if (!s) {
		handshake_initiate(wg, p, now, true, out);
		return;
	}
	at = outbox_reserve(out, sealed_len);
	if (!at)
		return;
	seal_reserved(p, s, at, 0, sealed_len, out);
	wg->counters.keepalives_sent++;
	note_sent(wg, p, s, now, false, out);
}

bool wg_send(struct wg *wg, struct moment now, uint32_t peer, struct bytes packet,
	     struct outbox *out)
{
	struct peer *p = peer_at(wg, peer);
	struct session *s = peer_sending(wg, p, now.boot);
	size_t sealed_len = session_sealed_len(packet.len, wg->mtu);
	uint8_t *at;

	wg->latest = now.boot;
	if (!packet.len || packet.len > MESSAGE_MAX_INNER) {
		wg->counters.drop_inner++;
		return false;
	}
	if (!wg->up || !wg->self.is_set) {
		wg->counters.drop_handshake++;
		return false;
	}
	if (p->staged.count || !s || !endpoint_is_set(&p->endpoint) ||
	    !outbox_has_room(out, 1, sealed_len)) {
		bool staged = stage_push(&wg->stage, &p->staged, packet,
					 &wg->counters.drop_staged_full);

		wg->counters.drop_staged_full += !staged;
		send_staged(wg, p, now, out);
		return staged;
	}
	at = outbox_reserve(out, sealed_len);
	memcpy(at + MESSAGE_DATA_PLAIN, packet.data, packet.len);
	seal_reserved(p, s, at, packet.len, sealed_len, out);
	wg->counters.data_sent++;
	note_sent(wg, p, s, now, true, out);
	return true;
}

/* Splits and seals up to RUN_TOGETHER at a time, which are in the cache then. *at is moved on.
 * Returns how many; the last one may be shorter than the others, and ends the packet. */
static uint32_t seal_some(struct wg *wg, struct session *s, struct split *split, uint32_t most,
			  uint8_t **at)
{
	struct aead_job jobs[RUN_TOGETHER] uninitialized;
	uint32_t count = 0;

	while (count < most && count < RUN_TOGETHER) {
		const size_t len = split_next(split, *at + MESSAGE_DATA_PLAIN);

		if (!len)
			break;
		const size_t sealed_len = session_sealed_len(len, wg->mtu);
		jobs[count++] = session_prepare(s, *at, len, sealed_len);
		*at += sealed_len;
	}
	aead_seal_batch(jobs, count);
	return count;
}

uint32_t wg_send_split(struct wg *wg, struct moment now, uint32_t peer, struct split *split,
		       uint32_t most, struct outbox *out)
{
	struct peer *p = peer_at(wg, peer);
	struct session *s = peer_sending(wg, p, now.boot);
	const size_t longest = split_longest(split);
	const size_t sealed_len = session_sealed_len(longest, wg->mtu);
	uint8_t *begin, *at, ecn;
	uint32_t count = 0, more;

	wg->latest = now.boot;
	if (!wg->up || !wg->self.is_set || p->staged.count || !s ||
	    !endpoint_is_set(&p->endpoint) || longest > MESSAGE_MAX_INNER)
		return 0;
	if (most > RUN_BYTES / sealed_len)
		most = (uint32_t)(RUN_BYTES / sealed_len);
	if (most > REJECT_AFTER_MESSAGES - s->send_counter)
		most = (uint32_t)(REJECT_AFTER_MESSAGES - s->send_counter);
	if (!most || !outbox_has_room(out, 1, most * sealed_len))
		return 0;
	begin = at = outbox_reserve(out, most * sealed_len);
	do {
		more = seal_some(wg, s, split, most - count, &at);
		count += more;
	} while (more && count < most);
	if (!count)
		return 0;
	ecn = inner_ecn_encap(split->packet);
	struct out *item = outbox_commit(out, OUT_DATAGRAM, (size_t)(at - begin));
	item->slot = p->slot;
	item->to = p->endpoint;
	item->ecn = ecn;
	item->segment = count > 1 ? (uint32_t)sealed_len : 0;
	p->tx_bytes += item->len;
	wg->counters.data_sent += count;
	note_sent(wg, p, s, now, true, out);
	return count;
}

bool wg_route(struct wg *wg, struct moment now, struct bytes packet, struct outbox *out)
{
	struct inner inner;
	uint32_t peer;

	if (!inner_read(packet, &inner)) {
		wg->counters.drop_inner++;
		return false;
	}
	peer = wg->routes ? allowedips_lookup(wg->routes, &inner.destination) : ALLOWEDIPS_NONE;
	if (peer == ALLOWEDIPS_NONE || !pool_used(&wg->peer_pool, peer)) {
		wg->counters.drop_no_route++;
		return false;
	}
	return wg_send(wg, now, peer, packet, out);
}
