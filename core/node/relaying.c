/* relaying.c - traffic through others, and of others through us (design, section 6).
 *
 * A packet for a peer without a direct path asks the two nearest relays for a channel to it: those
 * that the peer names first, then any member that relays. The channel is an address of the peer
 * like any other, and a tunnel begins through it at once; probes find out whether a direct address
 * works, and take over. Whoever relays is reached directly: no relay is reached through another,
 * and no frame lies within a frame. */
#include "base/bucket.h"
#include "node/node_impl.h"

#include <string.h>

#define HELD 2u                    /* channels to a peer, each by another relay */
#define ASK_BURST 4u
#define ASK_EACH span_s(1)
#define UNUSED span_s(180)         /* without tunnel traffic, after which channels are let go */
#define LOOK_EACH span_s(15)
#define LET_GO 16u                 /* at once */
#define REFUSED_MOST 4u            /* after so many the next packet asks again */
#define LISTED 2u                  /* relays in our own record */
#define NOT_LISTED span_ms(50)     /* what a relay that the peer does not name counts for more */

void relaying_place(struct relaying_layout *l, uint32_t members, size_t *at)
{
	l->service = node_place(at, relay_size(members, 0));
	l->mine = node_place(at, relayed_size());
}

void relaying_init(struct node *n, uint8_t *base, const struct relaying_layout *l,
		   struct instant now)
{
	struct relay_config config = { .members = n->config.members, .random = &n->random };

	n->relaying.service = relay_init(base + l->service, &config, now);
	n->relaying.mine = relayed_init(base + l->mine, n->hash_key);
	relaying_judge(n);
}

/* --- what we do for others */

/* Others reach us, by what is known: at a public address of our own, or at another public one at
 * which somebody came to us unasked. */
static bool is_reached(const struct node *n)
{
	const bool dialled = instant_is_set(paths_dialled_back(n->paths));

	for (unsigned i = 0; i < n->own_count; i++)
		if (ip_is_public(&n->own[i]))
			return true;
	for (unsigned i = 0; dialled && i < n->self.candidate_count; i++)
		if (ip_is_public(&n->self.candidates[i].ip))
			return true;
	return false;
}

void relaying_judge(struct node *n)
{
	relay_set_willing(n->relaying.service,
			  n->config.relay == RELAY_ON ||
			  (n->config.relay == RELAY_AUTO && is_reached(n)));
}

static bool end_at(const struct node *n, uint32_t slot, struct relay_end *end)
{
	end->slot = slot;
	end->key = *trust_key(n->trust, slot);
	return paths_best(n->paths, slot, &end->at) && !end->at.channel;
}

/* The handshake asks as well as a probe does whether the peer is there. One is enough. */
static void begin_tunnel(struct node *n, struct moment now, uint32_t slot,
			 const struct endpoint *at, struct outbox *out)
{
	const uint32_t wg = n->peers[slot].wg;
	struct wg_peer_info info;

	wg_peer_info(n->wg, wg, &info);
	wipe(&info.preshared, sizeof(info.preshared));
	if (info.handshaking && info.endpoint.channel)
		return;
	wg_peer_set_endpoint(n->wg, wg, at);
	if (info.staged)
		wg_peer_handshake(n->wg, wg, now, out);
}

void relaying_input(struct node *n, struct moment now, uint32_t slot,
		    const struct endpoint *from, struct bytes message, struct outbox *out)
{
	struct relaying *r = &n->relaying;
	struct relay_end asker = { slot, *trust_key(n->trust, slot), *from };
	struct relay_end other = { .slot = TRUST_NONE };
	struct relay_message m;
	struct endpoint at;
	bool reachable = false;

	if (from->channel || !relay_decode(message, &m)) {
		r->drop_message++;
		return;
	}
	other.key = m.other;
	other.slot = trust_find(n->trust, &m.other);
	if (other.slot != TRUST_NONE)
		reachable = end_at(n, other.slot, &other);
	if (m.type == RELAY_TYPE_OPEN) {
		relay_open(r->service, now.boot, &asker, &other, reachable, &n->inner);
		return;
	}
	if (other.slot == TRUST_NONE || other.slot == slot) {
		r->drop_message++;
		return;
	}
	if (m.type == RELAY_TYPE_BIND) {
		relay_bind(r->service, now.boot, &asker, &other, &m, &n->inner);
	} else if (m.type == RELAY_TYPE_OFFER) {
		relayed_offered(r->mine, now.boot, other.slot, &asker, &m, &n->inner);
	} else if (relayed_bound(r->mine, now.boot, other.slot, &asker, &m, &at)) {
		paths_relay(n->paths, other.slot, &at, now.boot);
		if (paths_best(n->paths, other.slot, &other.at) || n->config.gossip_only)
			return;
		begin_tunnel(n, now, other.slot, &at, out);
	}
}

/* --- frames */

bool relaying_is_from(const struct node *n, uint32_t slot, const struct endpoint *from)
{
	return !from->channel || relayed_peer(n->relaying.mine, from) == slot;
}

static enum demux_kind kind_within(struct bytes frame)
{
	return demux(bytes_of(frame.data + RELAY_HEADER, frame.len - RELAY_HEADER));
}

bool relaying_is_tunnel(struct bytes frame)
{
	return kind_within(frame) == DEMUX_WIREGUARD;
}

void relaying_frame(struct node *n, struct moment now, const struct node_event *e,
		    struct outbox *out)
{
	struct relaying *r = &n->relaying;
	struct node_event inner = *e;
	const enum demux_kind kind = kind_within(e->data);

	inner.data = bytes_of(e->data.data + RELAY_HEADER, e->data.len - RELAY_HEADER);
	if (kind != DEMUX_WIREGUARD && kind != DEMUX_PADDED &&
	    (kind != DEMUX_SEALED || inner.data.len > MAX_SEALED)) {
		r->drop_frame++;
		return;
	}
	const uint32_t before = out->count;
	if (relay_forward(r->service, now.boot, &e->from, e->data, e->ecn, out)) {
		if (out->count > before)
			out->items[before].whole = kind == DEMUX_PADDED;
		return;
	}
	inner.from.channel = load_be32(e->data.data);
	if (relayed_frame(r->mine, now.boot, &inner.from) == RELAYED_NONE)
		r->drop_frame++;
	else if (kind == DEMUX_SEALED)
		reach_input(n, now, &inner.from, inner.data, out);
	else if (kind == DEMUX_PADDED)
		reach_padded(n, now, &inner.from, inner.data);
	else if (n->config.gossip_only)
		n->counters.drop_gossip_only++;
	else
		(void)node_tunnel(n, now, &inner, 1, out);
}

/* --- what others do for us */

void relaying_record(struct node *n, uint32_t slot, const struct record_body *body)
{
	struct relaying *r = &n->relaying;
	unsigned i = 0;

	while (i < r->known_count && r->known[i] != slot)
		i++;
	if ((body->flags & RECORD_RELAYS) && !(body->flags & RECORD_LEAVING)) {
		if (i == r->known_count && i < NODE_RELAYS)
			r->known[r->known_count++] = slot;
	} else if (i < r->known_count) {
		r->known[i] = r->known[--r->known_count];
	}
}

void relaying_path(struct node *n, uint32_t slot)
{
	for (unsigned i = 0; i < n->relaying.known_count; i++)
		n->record_stale |= n->relaying.known[i] == slot;
}

void relaying_forget(struct node *n, uint32_t slot)
{
	static const struct record_body none;

	relaying_record(n, slot, &none);
	relay_forget(n->relaying.service, slot);
	relayed_forget(n->relaying.mine, slot);
}

/* A relay is fresh when it left no probe unanswered. */
static bool is_fresh(const struct node *n, uint32_t relay, struct path_info *info)
{
	paths_info(n->paths, relay, info);
	return info->up && !info->endpoint.channel && !info->probes_unanswered;
}

static bool names(const struct record_body *body, const struct public_key *key)
{
	for (unsigned i = 0; i < body->relay_count; i++)
		if (!memcmp(&body->relays[i], key, sizeof(*key)))
			return true;
	return false;
}

static void read_record(const struct node *n, uint32_t slot, struct record *record)
{
	struct swim_info info;

	memset(record, 0, sizeof(*record));
	swim_info(n->swim, slot, &info);
	if (info.record)
		record_unkeep(info.record, record);
}

/* The nearest relay that has no channel to the peer yet, and is not that one; TRUST_NONE: none. */
static uint32_t choose(const struct node *n, uint32_t slot, uint32_t except)
{
	const struct relaying *r = &n->relaying;
	uint32_t best = TRUST_NONE;
	uint64_t least = UINT64_MAX;
	struct record record;

	read_record(n, slot, &record);
	for (unsigned i = 0; i < r->known_count; i++) {
		const uint32_t relay = r->known[i];
		struct path_info info;

		if (relay == slot || relay == except || relayed_has(r->mine, slot, relay) ||
		    !is_fresh(n, relay, &info))
			continue;
		const bool named = names(&record.body, trust_key(n->trust, relay));
		const uint64_t far = info.rtt.ns + (named ? 0 : NOT_LISTED.ns);
		if (far < least) {
			least = far;
			best = relay;
		}
	}
	return best;
}

static void ask(struct node *n, uint32_t slot, uint32_t relay, struct instant now)
{
	struct relay_end end;

	if (end_at(n, relay, &end))
		relayed_ask(n->relaying.mine, now, slot, trust_key(n->trust, slot), &end,
			    &n->inner);
}

/* Channels to the peer by relays that are there. */
static unsigned working(const struct node *n, uint32_t slot, struct instant now)
{
	uint32_t peer, relay;
	struct path_info info;
	unsigned count = 0;

	for (uint32_t i = 0; relayed_nth(n->relaying.mine, i, &peer, &relay); i++)
		count += peer == slot && relayed_works(n->relaying.mine, i, now) &&
			 is_fresh(n, relay, &info);
	return count;
}

static void want(struct node *n, uint32_t slot, uint32_t except, struct instant now)
{
	const unsigned has = working(n, slot, now);
	uint32_t relay;

	if (has >= HELD || !n->relaying.known_count ||
	    !bucket_take(&n->peers[slot].relays_full, now, ASK_EACH, ASK_BURST))
		return;
	for (unsigned i = has; i < HELD && (relay = choose(n, slot, except)) != TRUST_NONE;
	     i++)
		ask(n, slot, relay, now);
}

void relaying_want(struct node *n, uint32_t slot, struct instant now)
{
	n->peers[slot].refused = 0;
	want(n, slot, TRUST_NONE, now);
}

void relaying_renew(struct node *n, uint32_t slot, struct instant now)
{
	uint32_t peer, relay;

	for (uint32_t i = 0; relayed_nth(n->relaying.mine, i, &peer, &relay); i++) {
		if ((slot != UINT32_MAX && peer != slot) ||
		    !outbox_has_room(&n->inner, 2, 2 * RELAY_LEN))
			continue;
		paths_doubt(n->paths, relay, now);
		ask(n, peer, relay, now);
	}
}

void relaying_fill(const struct node *n, struct record_body *self)
{
	/* What the rest of the record may take, at the most. */
	const size_t taken = 140 + strlen(self->name) + 19u * self->candidate_count;
	const size_t room = taken < MAX_RECORD ? (MAX_RECORD - taken) / sizeof(*self->relays) : 0;
	const size_t most = room < LISTED ? room : LISTED;
	struct path_info info;

	memset(self->relays, 0, sizeof(self->relays));
	self->relay_count = 0;
	if (self->flags & RECORD_RELAYS)
		return;
	for (unsigned i = 0; i < n->relaying.known_count && self->relay_count < most; i++)
		if (is_fresh(n, n->relaying.known[i], &info))
			self->relays[self->relay_count++] =
				*trust_key(n->trust, n->relaying.known[i]);
}

void relaying_facts(struct node *n, struct instant now)
{
	struct relayed_fact f;

	while (relayed_next_fact(n->relaying.mine, &f)) {
		if (f.kind == RELAYED_FACT_GONE)
			paths_relay_gone(n->paths, f.peer, &f.at, now);
		else if (n->peers[f.peer].refused++ < REFUSED_MOST)
			want(n, f.peer, f.relay, now);
	}
}

/* Gossip alone must not hold channels: a relay has few, and others want them. */
static void let_go(struct node *n, struct instant now)
{
	struct relayed *mine = n->relaying.mine;
	const uint32_t before = relayed_channels(mine);
	uint32_t peer, relay;

	/* Some at a time: there is room for so many facts about them. */
	for (uint32_t i = before; i-- > 0 && relayed_channels(mine) + LET_GO > before;)
		if (relayed_nth(mine, i, &peer, &relay) &&
		    !paths_used_within(n->paths, peer, UNUSED, now))
			relayed_release(mine, peer, UNUSED, now);
	n->relaying.look_at = instant_add(now, relayed_channels(mine) + LET_GO > before ?
					       LOOK_EACH : span_ms(100));
}

void relaying_tick(struct node *n, struct instant now)
{
	if (instant_reached(n->relaying.look_at, now))
		let_go(n, now);
	relay_tick(n->relaying.service, now);
	relayed_tick(n->relaying.mine, now, &n->inner);
}

struct instant relaying_deadline(const struct node *n)
{
	struct instant first = instant_min(relay_deadline(n->relaying.service),
					   relayed_deadline(n->relaying.mine));

	return relayed_channels(n->relaying.mine) ? instant_min(first, n->relaying.look_at) : first;
}

void relaying_report(const struct node *n, const struct endpoint *at, struct report_peer *r)
{
	const uint32_t relay = at->channel ? relayed_relay(n->relaying.mine, at) : RELAYED_NONE;
	struct report_peer its;

	if (relay == RELAYED_NONE)
		return;
	memset(&its, 0, sizeof(its));
	orgs_report_peer(n, relay, &its);
	memcpy(r->relay, its.name, sizeof(r->relay));
	if (!*r->relay)
		memcpy(r->relay, "?", 2);
}
