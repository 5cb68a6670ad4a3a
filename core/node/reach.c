/* How a peer is reached. Three rooms know a part: nat knows addresses that answer, swim knows who
 * lives, wg has the tunnel. What one of them learns is told to the others here, and nowhere
 * else. */
#include "node/node_impl.h"

#include <string.h>

#define STRANGERS_TOLD 100u

/* Another process of that peer: sessions with the former one are void, and we make the next. */
static void renew_sessions(struct node *n, uint32_t slot, struct moment now, struct outbox *out)
{
	struct endpoint best;

	if (n->config.gossip_only)
		return;
	if (paths_best(n->paths, slot, &best))
		wg_peer_set_endpoint(n->wg, n->peers[slot].wg, &best);
	wg_peer_renew(n->wg, n->peers[slot].wg, now, out);
}

/* Whoever tells of keys that we do not admit is told of once. A few times mean nothing: who was
 * revoked a moment ago is in messages on their way. */
static void input_gossip(struct node *n, uint32_t slot, struct bytes message, struct moment now)
{
	const struct swim_counters *c = swim_counters(n->swim);
	struct node_peer *peer = &n->peers[slot];
	const uint64_t before = c->drop_not_admitted;

	swim_input(n->swim, now.boot, slot, message, &n->inner);
	if (c->drop_not_admitted == before || peer->strangers == STRANGERS_TOLD)
		return;
	if (++peer->strangers == STRANGERS_TOLD)
		node_emit(n, now.boot, EV_MEMBER_STRANGERS, slot, NULL, STRANGERS_TOLD);
}

/* An opened, authentic message from a member. */
static void input_message(struct node *n, struct moment now, const struct endpoint *from,
			  const struct channel_opened *opened, bool fresh, struct outbox *out)
{
	struct bytes message = bytes_of(opened->payload, opened->len);
	uint8_t type = opened->len ? opened->payload[0] : 0;

	if (!relaying_is_from(n, opened->slot, from)) {
		n->counters.drop_type++;
		return;
	}
	if (keeping_input(n, opened->slot, from, message, fresh, now.boot))
		return;
	paths_received(n->paths, opened->slot, from, opened->len + CHANNEL_OVERHEAD, fresh);
	if (type == PATH_TYPE_PROBE || type == PATH_TYPE_ANSWER || type == PATH_TYPE_HERE) {
		bool current = type == PATH_TYPE_ANSWER ? opened->knows_us : fresh;

		/* Who asks lives, though he may not hear us. */
		if (fresh)
			swim_proof_of_life(n->swim, opened->slot, now.boot);
		if (!paths_input(n->paths, now.boot, opened->slot, from, message, opened->epoch,
				 current, &n->inner))
			return;
		if (from->channel)
			relayed_proved(n->relaying.mine, from);
		if (channel_peer_epoch(n->channel, opened->slot) != opened->epoch) {
			if (channel_peer_epoch(n->channel, opened->slot))
				renew_sessions(n, opened->slot, now, out);
			swim_reachable(n->swim, opened->slot, false, now.boot);
			if (channel_adopt(n->channel, opened))
				swim_conflict(n->swim, opened->slot, now.boot);
		}
		swim_proof_of_life(n->swim, opened->slot, now.boot);
		swim_reachable(n->swim, opened->slot, true, now.boot);
		return;
	}
	if (!fresh) {
		/* It may have been restarted, or we were: a probe of ours finds out. */
		n->counters.drop_stale++;
		paths_doubt(n->paths, opened->slot, now.boot);
		paths_heard(n->paths, opened->slot, from, now.boot);
		return;
	}
	paths_heard(n->paths, opened->slot, from, now.boot);
	if (type >= SWIM_TYPE_FIRST && type <= SWIM_TYPE_LAST)
		input_gossip(n, opened->slot, message, now);
	else if (type >= SPREAD_TYPE_FIRST && type <= SPREAD_TYPE_LAST)
		orgs_input(n, opened->slot, message, now);
	else if (type >= RELAY_TYPE_OPEN && type <= RELAY_TYPE_BOUND)
		relaying_input(n, now, opened->slot, from, message, out);
	else if (type == BELL_TYPE)
		connect_input(n, opened->slot, message, now);
	else if (type == SUCCESSOR_TYPE)
		successor_input(n, opened->slot, message, now);
	else if (!opened->len || !punching_input(n, opened->slot, message, now.boot))
		n->counters.drop_type++;
}

/* True: authentic. */
static bool open_sealed(struct node *n, struct bytes datagram, struct channel_opened *opened,
			bool *fresh)
{
	const enum channel_verdict verdict = channel_open(n->channel, datagram, opened);

	*fresh = verdict == CHANNEL_FRESH;
	switch (verdict) {
	case CHANNEL_FRESH:
	case CHANNEL_AUTHENTIC:
		return true;
	case CHANNEL_REPLAYED:
		n->counters.drop_replayed++;
		break;
	case CHANNEL_UNKNOWN:
		n->counters.drop_unknown_tag++;
		break;
	case CHANNEL_FORGED:
		n->counters.drop_forged++;
		break;
	case CHANNEL_MALFORMED:
		n->counters.drop_control++;
		break;
	}
	return false;
}

void reach_input(struct node *n, struct moment now, const struct endpoint *from,
		 struct bytes datagram, struct outbox *out)
{
	struct channel_opened opened;
	bool fresh;

	if (open_sealed(n, datagram, &opened, &fresh))
		input_message(n, now, from, &opened, fresh, out);
	wipe(opened.payload, sizeof(opened.payload));
}

/* How long a datagram passes: what is behind the probe says nothing, but that it came. */
void reach_padded(struct node *n, struct moment now, const struct endpoint *from,
		  struct bytes datagram)
{
	const struct bytes sealed = bytes_of(datagram.data + 1, PATH_PADDED_MIN - 1);
	struct channel_opened opened;
	bool fresh;

	if (!open_sealed(n, sealed, &opened, &fresh))
		return;
	if (!relaying_is_from(n, opened.slot, from)) {
		n->counters.drop_type++;
		return;
	}
	paths_received(n->paths, opened.slot, from, sealed.len, fresh);
	paths_padded(n->paths, now.boot, opened.slot, from, bytes_of(opened.payload, opened.len),
		     opened.epoch, fresh, datagram.len, &n->inner);
}

/* Somebody asks whether we are one of those whose tags it names. */
void reach_call(struct node *n, struct moment now, const struct endpoint *from,
		struct bytes datagram)
{
	uint8_t id[CHANNEL_CALL_ID];
	uint32_t slot;

	if (!paths_may_look(n->paths, now.boot, datagram.len))
		return;
	slot = channel_called(n->channel, datagram, id);
	if (slot == CHANNEL_NOBODY)
		n->counters.drop_call++;
	else
		paths_called(n->paths, now.boot, slot, from, id, &n->inner);
}

static void flush_call(struct node *n, const struct out *item, struct outbox *out)
{
	const struct path_call *call = (const struct path_call *)(const void *)item->data;
	uint8_t *data = outbox_reserve(out, CHANNEL_CALL_LEN(CHANNEL_CALL_MOST));

	if (!data)
		return; /* counted by the outbox, and repeated */
	size_t len = channel_call(n->channel, call->id, call->slots, call->count, data);
	outbox_commit(out, OUT_DATAGRAM, len)->to = item->to;
}

static void seal_padded(struct node *n, const struct out *item, uint8_t *data, size_t len)
{
	data[0] = PADDED_FIRST_BYTE;
	const size_t sealed = channel_seal(n->channel, item->slot, item->epoch,
					   bytes_of(item->data, item->len), data + 1);
	BUG_ON(1 + sealed > len);
	memset(data + 1 + sealed, 0, len - 1 - sealed);
}

/* Seals what swim and nat wish to send. */
void reach_flush(struct node *n, struct moment now, struct outbox *out)
{
	for (uint32_t i = 0; i < n->inner.count; i++) {
		const struct out *item = &n->inner.items[i];
		struct endpoint to = item->to;

		if (item->kind == OUT_CALL) {
			flush_call(n, item, out);
			continue;
		}
		if (item->kind == OUT_THROUGH) {
			punching_flush(n, item, out);
			continue;
		}
		if (item->kind == OUT_SOCKET_OPEN || item->kind == OUT_SOCKET_CLOSE) {
			if (outbox_reserve(out, 0))
				outbox_commit(out, item->kind, 0)->to = to;
			continue;
		}
		BUG_ON(item->kind != OUT_MESSAGE);
		if (!endpoint_is_set(&to) && !paths_best(n->paths, item->slot, &to)) {
			n->counters.drop_no_path++;
			paths_try(n->paths, item->slot, now.boot); /* its sender repeats it */
			continue;
		}
		size_t len = item->padded ? item->padded : CHANNEL_OVERHEAD + item->len;
		uint8_t *data = outbox_reserve(out, len);
		if (!data)
			continue; /* counted by the outbox; every sender of these repeats */
		if (item->padded)
			seal_padded(n, item, data, len);
		else
			channel_seal(n->channel, item->slot, item->epoch,
				     bytes_of(item->data, item->len), data);
		struct out *sealed = outbox_commit(out, OUT_DATAGRAM, len);
		sealed->whole = item->padded;
		sealed->slot = item->slot;
		sealed->to = to;
		sealed->hops = item->hops;
	}
	outbox_clear(&n->inner);
}

static bool lives(const struct node *n, uint32_t slot)
{
	struct swim_info info;

	swim_info(n->swim, slot, &info);
	return info.state == SWIM_ALIVE || info.state == SWIM_SUSPECT;
}

static void path_fact(struct node *n, const struct path_fact *f, struct moment now,
		      struct outbox *out)
{
	struct wg_peer_info info;
	uint32_t wg = f->slot == UINT32_MAX ? WG_NONE : n->peers[f->slot].wg;

	switch (f->kind) {
	case PATH_FACT_UP:
	case PATH_FACT_CHANGED:
		cache_changed(n, now.boot);
		if (!f->endpoint.channel)
			punch_up(n->punches, f->slot, now.boot);
		wg_peer_info(n->wg, wg, &info);
		if (f->kind == PATH_FACT_CHANGED && endpoint_is_set(&info.endpoint))
			orgs_path(n, f->slot, &info.endpoint, false, now.boot);
		if (info.endpoint.channel && !endpoint_equal(&info.endpoint, &f->endpoint))
			relaying_renew(n, f->slot, now.boot); /* or find that it is dead */
		orgs_path(n, f->slot, &f->endpoint, true, now.boot);
		wg_peer_set_endpoint(n->wg, wg, &f->endpoint);
		if ((info.staged || n->peers[f->slot].renew) && !n->config.gossip_only)
			wg_peer_handshake(n->wg, wg, now, out);
		n->peers[f->slot].renew = false;
		if (f->kind == PATH_FACT_UP) {
			/* It may have missed what we have, and we what it has. */
			swim_reachable(n->swim, f->slot, false, now.boot);
			swim_reachable(n->swim, f->slot, true, now.boot);
			successor_path_up(n, f->slot, now.boot);
			relaying_path(n, f->slot);
		}
		wipe(&info.preshared, sizeof(info.preshared));
		if (f->kind == PATH_FACT_UP)
			node_emit(n, now.boot, EV_PATH_UP, f->slot, &f->endpoint, f->a);
		else if (!endpoint_equal(&info.endpoint, &f->endpoint))
			node_emit(n, now.boot, EV_ENDPOINT_CHANGED, f->slot, &f->endpoint, f->a);
		break;
	case PATH_FACT_LOST:
		/* The tunnel keeps its endpoint and its keys: a verdict destroys nothing. While
		 * swim holds it alive it goes on asking, so that it comes to a verdict. */
		if (!lives(n, f->slot))
			swim_reachable(n->swim, f->slot, false, now.boot);
		orgs_path(n, f->slot, &f->endpoint, false, now.boot);
		where_alone(n, now.boot);
		punch_wanted(n->punches, f->slot, now.boot);
		if (f->endpoint.channel)
			relaying_renew(n, f->slot, now.boot);
		relaying_path(n, f->slot);
		node_emit(n, now.boot, EV_PATH_LOST, f->slot, &f->endpoint, 0);
		break;
	case PATH_FACT_ASKED:
		punch_wanted(n->punches, f->slot, now.boot);
		break;
	case PATH_FACT_SEEN_AS:
		n->record_stale = true;
		break;
	case PATH_FACT_SEED_UNANSWERED:
		node_emit(n, now.boot, EV_SEED_UNANSWERED, UINT32_MAX, &f->endpoint, f->a);
		break;
	}
}

static void wg_fact(struct node *n, const struct wg_fact *f, struct moment now)
{
	switch (f->kind) {
	case WG_FACT_HANDSHAKE:
		swim_proof_of_life(n->swim, f->slot, now.boot);
		node_emit(n, now.boot, EV_HANDSHAKE, f->slot, &f->endpoint, f->initiator);
		break;
	case WG_FACT_GAVE_UP:
		paths_doubt(n->paths, f->slot, now.boot);
		node_emit(n, now.boot, EV_HANDSHAKE_GAVE_UP, f->slot, &f->endpoint, 0);
		break;
	case WG_FACT_EXPIRED:
		node_emit(n, now.boot, EV_SESSION_EXPIRED, f->slot, NULL, 0);
		break;
	case WG_FACT_HEARD_FROM:
		if (!relaying_is_from(n, f->slot, &f->endpoint))
			break;
		paths_received(n->paths, f->slot, &f->endpoint, n->tunnel_credit, true);
		paths_heard(n->paths, f->slot, &f->endpoint, now.boot);
		paths_used(n->paths, f->slot, now.boot);
		break;
	}
}

/* Authentic tunnel traffic of the last ten seconds vetoes a suspicion and a verdict (design,
 * section 5). */
static void vouch(struct node *n, uint32_t slot, struct moment now)
{
	struct wg_peer_info info;

	wg_peer_info(n->wg, n->peers[slot].wg, &info);
	wipe(&info.preshared, sizeof(info.preshared));
	if (instant_is_set(info.last_heard) &&
	    instant_since(now.boot, info.last_heard).ns < span_s(10).ns)
		swim_proof_of_life(n->swim, slot, now.boot);
}

void reach_vouch(struct node *n, struct moment now)
{
	uint32_t place = 0, slot;

	while ((slot = swim_next_due(n->swim, now.boot, &place)) != UINT32_MAX)
		vouch(n, slot, now);
}

/* By its own word that process is going, and its sessions with it; but not those of its
 * successor, of whom we may have heard first. */
static void left(struct node *n, uint32_t slot, struct moment now)
{
	struct wg_peer_info info;

	wg_peer_info(n->wg, n->peers[slot].wg, &info);
	wipe(&info.preshared, sizeof(info.preshared));
	if (instant_since(now.boot, info.last_handshake_at).ns >= span_s(5).ns)
		wg_peer_expire(n->wg, n->peers[slot].wg);
	paths_doubt(n->paths, slot, now.boot);
}

static void swim_fact(struct node *n, const struct swim_fact *f, struct moment now)
{
	struct endpoint best;

	switch (f->kind) {
	case SWIM_FACT_RECORD:
		records_accept(n, f->slot, now);
		break;
	case SWIM_FACT_ALIVE:
		node_emit(n, now.boot, EV_MEMBER_ALIVE, f->slot, NULL, (int64_t)f->sequence);
		break;
	case SWIM_FACT_SUSPECT:
		vouch(n, f->slot, now);
		paths_doubt(n->paths, f->slot, now.boot);
		node_emit(n, now.boot, EV_MEMBER_SUSPECT, f->slot, NULL, (int64_t)f->sequence);
		break;
	case SWIM_FACT_DEAD:
		if (!paths_best(n->paths, f->slot, &best))
			swim_reachable(n->swim, f->slot, false, now.boot);
		paths_doubt(n->paths, f->slot, now.boot);
		node_emit(n, now.boot, EV_MEMBER_DEAD, f->slot, NULL, (int64_t)f->sequence);
		break;
	case SWIM_FACT_LEFT:
		left(n, f->slot, now);
		node_emit(n, now.boot, EV_MEMBER_LEFT, f->slot, NULL, (int64_t)f->sequence);
		break;
	case SWIM_FACT_PATH_DOUBTED:
		paths_doubt(n->paths, f->slot, now.boot);
		paths_try(n->paths, f->slot, now.boot);
		break;
	case SWIM_FACT_CONFLICT:
		node_emit(n, now.boot, EV_MEMBER_CONFLICT, f->slot, NULL, (int64_t)f->sequence);
		break;
	case SWIM_FACT_OWN_NEWER:
		if (f->sequence < RECORD_SEQUENCE_DEAD - 1 && f->sequence >= n->self.sequence) {
			n->self.sequence = f->sequence;
			node_emit(n, now.boot, EV_SEQUENCE_JUMP, UINT32_MAX, NULL,
				  (int64_t)f->sequence + 1);
			n->record_stale = n->record_urgent = true;
		}
		break;
	}
}

void reach_facts(struct node *n, struct moment now, struct outbox *out)
{
	struct path_fact path;
	struct wg_fact tunnel;
	struct swim_fact member;
	bool more = true;

	/* A fact may cause others; each room has fewer than its ring holds. */
	for (int round = 0; more && round < 8; round++) {
		more = false;
		while (paths_next_fact(n->paths, &path)) {
			path_fact(n, &path, now, out);
			more = true;
		}
		while (wg_next_fact(n->wg, &tunnel)) {
			wg_fact(n, &tunnel, now);
			more = true;
		}
		while (swim_next_fact(n->swim, &member)) {
			swim_fact(n, &member, now);
			more = true;
		}
		relaying_facts(n, now.boot);
	}
}
