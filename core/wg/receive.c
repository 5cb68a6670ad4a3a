/* receive.c - datagrams in.
 *
 * A packet is opened into the outbox, so that it is copied by nobody, and is committed there
 * before anything is sent in consequence of it: until then the outbox keeps only one place.
 */
#include "wg/engine.h"

/* Cryptokey routing (section 2): the source inside must be the peer's. Trims the padding. */
static bool judge_inner(struct wg *wg, const struct peer *p, struct bytes packet, size_t *len)
{
	struct inner inner;

	if (!inner_read(packet, &inner)) {
		wg->counters.drop_inner++;
		return false;
	}
	if (!wg->routes || allowedips_lookup(wg->routes, &inner.source) != p->handle) {
		wg->counters.drop_source++;
		return false;
	}
	*len = inner.len;
	return true;
}

static void deliver(struct wg *wg, struct peer *p, const struct endpoint *from, uint8_t ecn,
		    uint8_t *packet, size_t padded, struct outbox *out)
{
	struct out *item;
	size_t len;

	if (!judge_inner(wg, p, bytes_of(packet, padded), &len)) {
		wipe(packet, padded);
		return;
	}
	inner_ecn_decap(packet, len, ecn);
	item = outbox_commit(out, OUT_PACKET, len);
	item->slot = p->slot;
	item->to = *from;
	wg->counters.data_received++;
	p->rx_bytes += padded + MESSAGE_DATA_OVERHEAD;
}

/* What follows from an authentic data message (section 6). */
static void note_received(struct wg *wg, struct peer *p, bool is_next, bool data,
			  struct moment now, struct outbox *out)
{
	struct session *s;

	peer_touch(wg, p);
	if (is_next) {
		peer_confirm_session(wg, p);
		timers_handshake_complete(&p->timers);
		p->last_handshake = now.wall;
		p->last_handshake_at = now.boot;
		wg_tell(wg, WG_FACT_HANDSHAKE, p, false);
	}
	timers_any_authenticated_received(&p->timers);
	timers_any_authenticated_traversal(&p->timers, now.boot);
	if (data)
		timers_data_received(&p->timers, now.boot);
	if (is_next)
		send_staged(wg, p, now, out);

	s = peer_sending(wg, p, now.boot);
	if (s && session_is_stale_to_receive(s, now.boot) &&
	    !p->timers.sent_lastminute_handshake) {
		p->timers.sent_lastminute_handshake = true;
		handshake_initiate(wg, p, now, true, out);
	}
	peer_schedule(wg, p);
}

static void count_refused(struct wg *wg, enum session_opened why)
{
	wg->counters.drop_expired += why == SESSION_EXPIRED;
	wg->counters.drop_auth += why == SESSION_FORGED;
	wg->counters.drop_replay += why == SESSION_REPLAYED;
}

static void input_data(struct wg *wg, struct moment now, const struct endpoint *from,
		       uint8_t ecn, struct bytes datagram, struct outbox *out)
{
	const struct message_data *m = (const struct message_data *)datagram.data;
	size_t padded = datagram.len - MESSAGE_DATA_OVERHEAD;
	enum session_opened opened;
	uint32_t slot;
	struct session *s;
	struct peer *p;
	uint8_t *at;

	if (indices_find(&wg->indices, load_le32(m->receiver), &slot) != INDEX_SESSION) {
		wg->counters.drop_unknown_index++;
		return;
	}
	s = &wg->sessions[slot];
	p = &wg->peers[s->peer];
	at = outbox_reserve(out, padded ? padded : 1);
	if (!at)
		return;
	opened = session_open(s, at, datagram, now.boot);
	if (opened != SESSION_OPENED) {
		count_refused(wg, opened);
		return;
	}
	peer_heard(wg, p, from, now.boot);
	if (padded) {
		deliver(wg, p, from, ecn, at, padded, out);
	} else {
		wg->counters.keepalives_received++;
		p->rx_bytes += MESSAGE_DATA_OVERHEAD;
	}
	note_received(wg, p, p->pairs[PAIR_NEXT] == slot, padded > 0, now, out);
}

bool wg_expects(const struct wg *wg, struct bytes datagram)
{
	const uint8_t *d = datagram.data;
	size_t receiver = offsetof(struct message_data, receiver);
	uint32_t slot;

	if (datagram.len < MESSAGE_DATA_OVERHEAD)
		return false;
	switch (load_le32(d)) {
	case MESSAGE_INITIATION:
		return datagram.len == sizeof(struct message_initiation) &&
		       cookie_mac1_valid(&wg->checker, datagram);
	case MESSAGE_RESPONSE:
		receiver = offsetof(struct message_response, receiver);
		if (datagram.len != sizeof(struct message_response))
			return false;
		break;
	case MESSAGE_COOKIE_REPLY:
	case MESSAGE_DATA:
		break;
	default:
		return false;
	}
	return indices_find(&wg->indices, load_le32(d + receiver), &slot) != INDEX_NONE;
}

void wg_input(struct wg *wg, struct moment now, const struct endpoint *from, uint8_t ecn,
	      struct bytes datagram, struct outbox *out)
{
	uint32_t type = datagram.len >= 4 ? load_le32(datagram.data) : 0;

	wg->latest = now.boot;
	if (!wg->up)
		return;
	if (type == MESSAGE_DATA && datagram.len >= MESSAGE_DATA_OVERHEAD)
		input_data(wg, now, from, ecn, datagram, out);
	else if (type == MESSAGE_INITIATION && datagram.len == sizeof(struct message_initiation))
		handshake_input_initiation(wg, now, from, datagram, out);
	else if (type == MESSAGE_RESPONSE && datagram.len == sizeof(struct message_response))
		handshake_input_response(wg, now, from, datagram, out);
	else if (type == MESSAGE_COOKIE_REPLY &&
		 datagram.len == sizeof(struct message_cookie_reply))
		handshake_input_cookie(wg, now, datagram);
	else
		wg->counters.drop_malformed++;
}
