/* receive.c - datagrams in.
 *
 * A packet is opened into the outbox, so that it is copied by nobody, and is committed there
 * before anything is sent in consequence of it: until then the outbox keeps only one place.
 */
#include "wg/engine.h"

#define RUN_BYTES (96u * 1024u) /* beside what is sent in consequence, see FLUSH_BYTES */

/* Packets of one session that came together. */
struct run {
	struct wg *wg;
	struct peer *p;
	const struct endpoint *from;
	uint8_t ecn;
	struct ip source;              /* the last that was the peer's; family 0: none yet */
	struct session_packet packets[SESSION_RUN];
	uint32_t count;
	size_t bytes;                  /* that they take in the outbox */
};

/* Cryptokey routing (section 2): the source inside must be the peer's. Trims the padding. */
static bool judge_inner(struct run *r, struct bytes packet, size_t *len)
{
	struct wg *wg = r->wg;
	struct inner inner;

	if (!inner_read(packet, &inner)) {
		wg->counters.drop_inner++;
		return false;
	}
	*len = inner.len;
	if (ip_equal(&r->source, &inner.source))
		return true;
	if (!wg->routes || allowedips_lookup(wg->routes, &inner.source) != r->p->handle) {
		wg->counters.drop_source++;
		return false;
	}
	r->source = inner.source;
	return true;
}

static void deliver(struct run *r, const struct session_packet *packet, struct outbox *out)
{
	const size_t padded = packet->in.len - MESSAGE_DATA_OVERHEAD;
	struct out *item;
	size_t len;

	if (!judge_inner(r, bytes_of(packet->out, padded), &len)) {
		wipe(packet->out, padded);
		return;
	}
	inner_ecn_decap(packet->out, len, r->ecn);
	item = outbox_commit_at(out, OUT_PACKET, packet->out, len);
	item->slot = r->p->slot;
	item->to = *r->from;
	r->wg->counters.data_received++;
	r->p->rx_bytes += packet->in.len;
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

static bool is_data(struct bytes datagram)
{
	return datagram.len >= MESSAGE_DATA_OVERHEAD && load_le32(datagram.data) == MESSAGE_DATA;
}

static uint32_t receiver_of(struct bytes datagram)
{
	return load_le32(((const struct message_data *)datagram.data)->receiver);
}

/* Those of the first one's session, each with its place in the outbox; the places are not
 * reserved yet. */
static void gather(struct run *r, const struct bytes *datagrams, uint32_t count)
{
	for (; r->count < count && r->count < SESSION_RUN; r->count++) {
		const struct bytes in = datagrams[r->count];

		if (!is_data(in) || receiver_of(in) != receiver_of(datagrams[0]))
			break;
		const size_t place = OUTBOX_PLACE(in.len - MESSAGE_DATA_OVERHEAD);
		if (r->count && r->bytes + place > RUN_BYTES)
			break;
		r->packets[r->count].in = in;
		r->bytes += place;
	}
}

static void input_run(struct run *r, uint32_t slot, struct moment now, struct outbox *out)
{
	struct session *s = &r->wg->sessions[slot];
	uint8_t *at = outbox_reserve(out, r->bytes);
	bool any = false, data = false;

	if (!at)
		return;
	r->p = &r->wg->peers[s->peer];
	for (uint32_t i = 0; i < r->count; i++) {
		r->packets[i].out = at;
		at += OUTBOX_PLACE(r->packets[i].in.len - MESSAGE_DATA_OVERHEAD);
	}
	session_open_run(s, r->packets, r->count, now.boot);
	for (uint32_t i = 0; i < r->count; i++) {
		const struct session_packet *packet = &r->packets[i];

		if (packet->result != SESSION_OPENED) {
			count_refused(r->wg, packet->result);
			continue;
		}
		any = true;
		if (packet->in.len > MESSAGE_DATA_OVERHEAD) {
			data = true;
			deliver(r, packet, out);
		} else {
			r->wg->counters.keepalives_received++;
			r->p->rx_bytes += MESSAGE_DATA_OVERHEAD;
		}
	}
	if (!any)
		return;
	peer_heard(r->wg, r->p, r->from, now.boot);
	note_received(r->wg, r->p, r->p->pairs[PAIR_NEXT] == slot, data, now, out);
}

uint32_t wg_input_run(struct wg *wg, struct moment now, const struct endpoint *from, uint8_t ecn,
		      const struct bytes *datagrams, uint32_t count, struct outbox *out)
{
	struct run r uninitialized;
	uint32_t slot;

	BUG_ON(!count);
	if (!is_data(datagrams[0]) || !wg->up) {
		wg_input(wg, now, from, ecn, datagrams[0], out);
		return 1;
	}
	wg->latest = now.boot;
	r.wg = wg;
	r.from = from;
	r.ecn = ecn;
	r.source = (struct ip){ .family = FAMILY_NONE };
	r.count = 0;
	r.bytes = 0;
	gather(&r, datagrams, count);
	if (indices_find(&wg->indices, receiver_of(datagrams[0]), &slot) == INDEX_SESSION)
		input_run(&r, slot, now, out);
	else
		wg->counters.drop_unknown_index += r.count;
	return r.count;
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
	if (is_data(datagram))
		(void)wg_input_run(wg, now, from, ecn, &datagram, 1, out);
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
