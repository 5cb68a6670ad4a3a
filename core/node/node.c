#include "node/node_impl.h"

#include <string.h>

struct layout {
	uint32_t members;
	struct wg_limits wg;
	size_t node, trust, channel, swim, paths, punches, wg_at, peers, forwarding, holders;
	size_t events;
	size_t burnt, burnt_pool, burnt_map, size;
	struct service_layout services;
	struct orgs_layout orgs;
	struct relaying_layout relaying;
};

size_t node_place(size_t *at, size_t size)
{
	size_t here = *at;

	*at = (here + size + 63) & ~(size_t)63;
	return here;
}

static struct layout layout_of(uint32_t members, uint32_t sessions)
{
	struct layout l = { .members = members ? members : MAX_MEMBERS };
	size_t at = 0;

	l.wg = (struct wg_limits){
		.peers = l.members,
		.sessions = sessions ? sessions : 3 * 2048,
		.staged_packets = 4096,
	};
	l.node = node_place(&at, sizeof(struct node));
	l.trust = node_place(&at, trust_size(l.members));
	l.channel = node_place(&at, channel_size(l.members));
	l.swim = node_place(&at, swim_size(l.members));
	l.paths = node_place(&at, paths_size(l.members));
	l.punches = node_place(&at, punches_size(l.members));
	l.wg_at = node_place(&at, wg_size(&l.wg));
	l.peers = node_place(&at, l.members * sizeof(struct node_peer));
	l.forwarding = node_place(&at, forwarding_size(l.members));
	l.holders = node_place(&at, map_size(l.members));
	l.burnt = node_place(&at, l.members * sizeof(struct burnt));
	l.burnt_pool = node_place(&at, pool_size(l.members));
	l.burnt_map = node_place(&at, map_size(l.members));
	service_place(&l.services, l.members, &at);
	orgs_place(&l.orgs, l.members, &at);
	relaying_place(&l.relaying, l.members, &at);
	l.events = node_place(&at, NODE_EVENTS * sizeof(struct event));
	l.size = at;
	return l;
}

size_t node_size(uint32_t members, uint32_t sessions)
{
	return layout_of(members, sessions).size;
}

#define TUNNEL_RUN 64u

static bool is_underlay(void *ctx, const struct ip *ip)
{
	const struct node *n = ctx;

	return !mesh_has_address(&n->config.prefix, ip);
}

/* Of a peer, one that may be tried. */
static bool is_candidate(void *ctx, const struct ip *ip)
{
	const struct node *n = ctx;

	return is_underlay(ctx, ip) && address_rules_allow(&n->config.rules, ip);
}

static void init_protocols(struct node *n, uint8_t *base, const struct layout *l, struct moment now)
{
	struct channel_config channel = {
		.members = l->members, .random = &n->random, .secret = &n->config.secret,
		.public = &n->config.public, .epoch = random_u64(&n->random) | 1,
	};
	struct swim_config swim = {
		.members = l->members, .seed = random_u64(&n->random), .self = n->config.public,
		.profile = n->config.profile, .secret = &n->config.secret,
	};
	struct paths_config paths = {
		.members = l->members, .seed = random_u64(&n->random), .random = &n->random,
		.restarted = n->config.clock.len > 0,
		.loopback = ip_is_loopback(&n->config.announce[0].ip),
	};
	struct wg_config wg = {
		.limits = l->wg, .random = &n->random, .keylog = n->config.keylog,
		.keylog_ctx = n->config.keylog_ctx,
	};

	memcpy(channel.hash_key, n->hash_key, sizeof(n->hash_key));
	memcpy(swim.hash_key, n->hash_key, sizeof(n->hash_key));
	memcpy(paths.hash_key, n->hash_key, sizeof(n->hash_key));
	memcpy(wg.hash_key, n->hash_key, sizeof(n->hash_key));
	n->trust = trust_init(base + l->trust, l->members, n->hash_key, &n->config.public);
	n->channel = channel_init(base + l->channel, &channel);
	n->swim = swim_init(base + l->swim, &swim, now.boot);
	n->paths = paths_init(base + l->paths, &paths, now.boot);
	const struct punches_config punches = {
		.members = l->members, .seed = paths.seed + 1, .random = &n->random,
		.paths = n->paths, .birthday = !n->config.no_birthday,
	};
	n->punches = punches_init(base + l->punches, &punches);
	n->wg = wg_init(base + l->wg_at, &wg, now.boot);
	paths_set_filter(n->paths, is_candidate, n);
	wg_set_mtu(n->wg, n->config.mtu);
	if (!n->config.gossip_only)
		paths_set_mtu(n->paths, n->config.mtu);
	ed25519_to_dh_secret(&n->dh, &n->config.secret);
	wg_set_private(n->wg, &n->dh, now.boot);
}

struct node *node_init(void *memory, const struct node_config *config, struct moment now)
{
	struct layout l = layout_of(config->members, config->sessions);
	uint8_t *base = memory;
	struct node *n = (struct node *)(void *)(base + l.node);

	n->config = *config;
	n->config.members = l.members;
	n->started = now.boot;
	random_init(&n->random, config->entropy);
	wipe(n->config.entropy, sizeof(n->config.entropy));
	rng_init(&n->rng, random_u64(&n->random));
	random_bytes(&n->random, n->hash_key, sizeof(n->hash_key));
	event_ring_init(&n->events, (struct event *)(void *)(base + l.events), NODE_EVENTS);
	outbox_init(&n->inner, n->inner_items, sizeof(n->inner_items) / sizeof(*n->inner_items),
		    n->inner_arena, sizeof(n->inner_arena));
	n->peers = (struct node_peer *)(void *)(base + l.peers);
	map_init(&n->holders, base + l.holders, l.members);
	n->burnt = (struct burnt *)(void *)(base + l.burnt);
	pool_init(&n->burnt_pool, base + l.burnt_pool, l.members);
	map_init(&n->burnt_map, base + l.burnt_map, l.members);
	forwarding_init(&n->forwarding, base + l.forwarding, l.members);
	init_protocols(n, base, &l, now);
	wg_set_routes(n->wg, n->forwarding.current->routes);
	service_init(n, base, &l.services, now.boot);
	orgs_init(n, base, &l.orgs, now);
	successor_init(n);
	relaying_init(n, base, &l.relaying, now.boot);
	cache_init(n);
	n->cache_due = INSTANT_NEVER;
	where_init(n, now.boot);
	keeping_init(n, now.boot);
	records_init(n, now);
	records_sign(n, now);
	return n;
}

void node_wipe(struct node *n)
{
	uint32_t slot = TRUST_NONE;

	while ((slot = trust_next(n->trust, slot)) != TRUST_NONE) {
		wg_peer_remove(n->wg, n->peers[slot].wg);
		channel_remove(n->channel, slot);
	}
	wg_set_private(n->wg, NULL, INSTANT_ZERO);
	wipe(&n->config.secret, sizeof(n->config.secret));
	wipe(&n->dh, sizeof(n->dh));
	introduce_wipe(n->orgs.introductions);
	wipe(&n->connect, sizeof(n->connect));
	wipe(&n->random, sizeof(n->random));
}

void node_entropy(struct node *n, const uint8_t entropy[32])
{
	random_mix(&n->random, entropy);
}

void node_emit(struct node *n, struct instant now, enum event_kind kind, uint32_t slot,
	       const struct endpoint *e, int64_t a)
{
	struct event event = { .at = now, .kind = kind, .a = a };

	if (slot != TRUST_NONE)
		event.subject = *trust_key(n->trust, slot);
	if (e)
		event.endpoint = *e;
	event_emit(&n->events, &event);
}

uint32_t node_tunnel(struct node *n, struct moment now, const struct node_event *e,
		     uint32_t count, struct outbox *out)
{
	struct bytes datagrams[TUNNEL_RUN] uninitialized;
	uint32_t before = out->count, taken;
	size_t sent = 0;

	for (taken = 0; taken < count && taken < TUNNEL_RUN; taken++) {
		datagrams[taken] = e[taken].data;
		if (taken && (e[taken].ecn != e->ecn ||
			      !endpoint_equal(&e[taken].from, &e->from) ||
			      !ip_equal(&e[taken].from.local, &e->from.local)))
			break;
	}
	taken = wg_input_run(n->wg, now, &e->from, e->ecn, datagrams, taken, out);
	for (uint32_t i = before; i < out->count; i++)
		if (out->items[i].kind == OUT_DATAGRAM &&
		    endpoint_equal(&out->items[i].to, &e->from))
			sent += out->items[i].len;
	n->tunnel_credit = e->data.len > sent ? e->data.len - sent : 0;
	return taken;
}

static void input_control(struct node *n, struct moment now, const struct node_event *e,
			  enum demux_kind kind, struct outbox *out)
{
	switch (kind) {
	case DEMUX_SEALED:
		reach_input(n, now, &e->from, e->data, out);
		break;
	case DEMUX_CALL:
		reach_call(n, now, &e->from, e->data);
		break;
	case DEMUX_PADDED:
		reach_padded(n, now, &e->from, e->data);
		break;
	case DEMUX_INTRODUCTION:
		orgs_contact(n, now, &e->from, e->data, out);
		break;
	case DEMUX_WIREGUARD:
		n->counters.drop_gossip_only++;
		break;
	case DEMUX_STUN:
		where_stun_input(n, &e->from, e->data, now.boot);
		break;
	case DEMUX_RELAY:
		relaying_frame(n, now, e, out);
		break;
	case DEMUX_UNKNOWN:
		n->counters.drop_unknown_kind++;
		break;
	}
}

/* The socket whose mapping is measured carries nothing but that. */
static enum demux_kind kind_of(const struct node_event *e)
{
	const enum demux_kind kind = demux(e->data);

	return e->from.socket == NODE_LIFETIME_SOCKET && kind != DEMUX_SEALED ? DEMUX_UNKNOWN :
	       kind;
}

/* A run of tunnel datagrams, or one of another kind; how many. What another kind does may change
 * who is let in, and what a new session or a new address means is looked at before the next
 * datagram: there a run ends, so that packets are judged by what held when they came. What came
 * through the tunnel to the tunnel's own port is nobody's underlay. */
static uint32_t input_datagrams(struct node *n, struct moment now, const struct node_event *e,
				uint32_t count, struct outbox *out)
{
	const uint32_t before = out->count;
	uint32_t i = 0;

	do {
		const enum demux_kind kind = kind_of(&e[i]);
		const bool is_tunnel = !n->config.gossip_only &&
				       (kind == DEMUX_WIREGUARD ||
					(kind == DEMUX_RELAY && relaying_is_tunnel(e[i].data)));

		if (i && !is_tunnel)
			break;
		uint32_t taken = 1;
		if (!is_underlay(n, &e[i].from.ip))
			n->counters.drop_mesh_source++;
		else if (kind == DEMUX_WIREGUARD && is_tunnel)
			taken = node_tunnel(n, now, &e[i], count - i, out);
		else
			input_control(n, now, &e[i], kind, out);
		n->counters.datagrams += taken;
		i += taken;
		if (!is_tunnel)
			break;
	} while (i < count && !wg_has_facts(n->wg) &&
		 outbox_has_room(out, OUTBOX_STEP_ITEMS, OUTBOX_STEP_BYTES));
	fit_in(n, before, out);
	service_in(n, now, before, out);
	return i;
}

/* What goes through a relay gets its channel in front. */
static void add_channels(struct outbox *out, uint32_t first)
{
	for (uint32_t i = first; i < out->count; i++) {
		struct out *o = &out->items[i];

		if (o->kind != OUT_DATAGRAM || !o->to.channel)
			continue;
		if (!outbox_frame(out, o, o->to.channel))
			o->kind = OUT_NOTHING;
		o->to.channel = 0;
	}
}

#define TICKED_ROOMS 7u

static void tick_room(struct node *n, unsigned room, struct moment now, struct outbox *out)
{
	switch (room) {
	case 0:
		if (instant_reached(paths_deadline(n->paths), now.boot))
			paths_tick(n->paths, now.boot, &n->inner);
		break;
	case 1:
		if (instant_reached(swim_deadline(n->swim), now.boot)) {
			reach_vouch(n, now);
			swim_tick(n->swim, now.boot, &n->inner);
		}
		break;
	case 2:
		if (instant_reached(wg_deadline(n->wg), now.boot))
			wg_tick(n->wg, now, out);
		break;
	case 3:
		if (instant_reached(spread_deadline(n->orgs.spread), now.boot))
			spread_tick(n->orgs.spread, now.boot, orgs_now(n, now), &n->inner);
		break;
	case 4:
		if (instant_reached(introduce_deadline(n->orgs.introductions), now.boot))
			introduce_tick(n->orgs.introductions, now.boot, out);
		break;
	case 5:
		if (instant_reached(punch_deadline(n->punches), now.boot))
			punch_tick(n->punches, now.boot, &n->inner);
		break;
	case 6:
		relaying_tick(n, now.boot);
		break;
	}
	reach_flush(n, now, out);
}

/* Each room that is due, in turn, as long as there is room for all that one may send: who
 * does not come to it now is due still, and the first of the next step. */
static void tick(struct node *n, struct moment now, struct outbox *out)
{
	for (unsigned i = 0; i < TICKED_ROOMS; i++) {
		if (!outbox_has_room(out, OUTBOX_STEP_ITEMS, OUTBOX_STEP_BYTES))
			break;
		n->ticked = (n->ticked + 1) % TICKED_ROOMS;
		tick_room(n, n->ticked, now, out);
	}
}

static void stop(struct node *n, struct moment now)
{
	n->leaving = true;
	n->record_stale = true;
	records_sign(n, now);
	swim_leave(n->swim, now.boot, &n->inner);
	/* The floors in use are exact now: nothing of the time ahead was needed. */
}

static void tell_address(struct node *n, struct node_actions *actions)
{
	if (ip_equal(&n->told_ipv4, &n->ipv4))
		return;
	if (!actions->set_address)
		actions->former = n->told_ipv4;
	actions->set_address = true;
	actions->ipv4 = n->told_ipv4 = n->ipv4;
}

/* Data goes only where a handshake or a probe went before. */
static void note_sent(struct node *n, struct instant now, const struct outbox *out)
{
	for (uint32_t i = n->out_before; i < out->count; i++)
		if (out->items[i].kind == OUT_DATAGRAM && out->items[i].data[0] != 4)
			paths_sent_to(n->paths, &out->items[i].to.ip, now);
}

void node_begin(struct node *n, struct moment now, const struct outbox *out)
{
	n->out_before = out->count;
	n->tunnel_credit = 0;
	n->orgs.now = orgs_now(n, now);
}

void node_finish(struct node *n, struct moment now, enum node_event_kind kind,
		 struct node_actions *actions)
{
	struct outbox *out = &actions->out;

	reach_facts(n, now, out);
	orgs_facts(n, now);
	contest_tick(n, now.boot);
	records_sign(n, now);
	records_network(n, now);
	forward_publish(n, now.boot);
	if (kind == NODE_TIME) {
		tick(n, now, out);
		service_tick(n, now.boot);
		orgs_tick(n, now);
		successor_tick(n, now.boot, out);
		connect_tick(n, now, out);
		where_tick(n, now.boot, out);
		keeping_tick(n, now.boot, out);
	}
	reach_facts(n, now, out);
	orgs_facts(n, now);
	forward_publish(n, now.boot); /* who was let go in this step is routed to no more */
	reach_flush(n, now, out);
	note_sent(n, now.boot, out);
	add_channels(out, n->out_before);
	orgs_save(n, actions);
	connect_wish(n, actions);
	records_clock(n, now, actions);
	tell_address(n, actions);
	if (instant_reached(n->cache_due, now.boot) ||
	    (kind == NODE_STOP && n->cache_due.ns != UINT64_MAX))
		cache_save(n, now.boot, actions);
}

uint32_t node_datagrams(struct node *n, struct moment now, const struct node_event *events,
			uint32_t count, struct node_actions *actions)
{
	uint32_t taken;

	BUG_ON(!count);
	node_begin(n, now, &actions->out);
	taken = input_datagrams(n, now, events, count, &actions->out);
	node_finish(n, now, NODE_DATAGRAM, actions);
	return taken;
}

static void input(struct node *n, struct moment now, const struct node_event *e,
		  struct node_actions *actions)
{
	struct outbox *out = &actions->out;

	switch (e->kind) {
	case NODE_TIME:
		break;
	case NODE_DATAGRAM:
		(void)input_datagrams(n, now, e, 1, out);
		break;
	case NODE_PACKET:
		node_packet(n, now, e->data, out);
		break;
	case NODE_TRUST_BEGIN:
		n->bad_keys = n->left_out = 0;
		peering_begin(n, e->unreadable);
		break;
	case NODE_TRUST_DENY:
	case NODE_TRUST_ORG:
	case NODE_TRUST_STATEMENT:
	case NODE_TRUST_CERTIFICATE:
		orgs_event(n, e, now);
		break;
	case NODE_TRUST_KEY:
		peering_key(n, e, now);
		break;
	case NODE_TRUST_END:
		peering_end(n, e->number, now);
		if (n->left_out && trust_count(n->trust) < n->config.members)
			actions->read_trust_again = true;
		where_started(n, EV_START_SERVING, 0, now.boot);
		break;
	case NODE_POLICY_BEGIN:
	case NODE_POLICY_LIST:
	case NODE_POLICY_END:
	case NODE_POLICY_BAD:
	case NODE_POLICY_UNDONE:
		service_event(n, e, now.boot);
		break;
	case NODE_RESUMED:
		n->network_stale = true;
		break;
	case NODE_MAPPED:
		n->where.mapped = e->from;
		n->record_stale = true;
		break;
	case NODE_STUN:
		where_stun(n, e, now, out);
		break;
	case NODE_SEED:
		paths_add_seed(n->paths, &e->from, (enum seed_source)e->number, now.boot);
		(void)introduce_add_target(n->orgs.introductions, &e->from, now.boot);
		where_started(n, EV_START_SEEDS, 1, now.boot);
		break;
	case NODE_LAN:
		lan_found(n, e, now.boot);
		break;
	case NODE_ADDRESSES:
		records_own_addresses(n, e->addresses, e->number, now);
		break;
	case NODE_TOKENS_BEGIN:
	case NODE_TOKEN:
	case NODE_TOKENS_END:
	case NODE_TOKEN_TOLD:
		connect_event(n, e, now, out);
		break;
	case NODE_STOP:
		stop(n, now);
		break;
	}
}

void node_step(struct node *n, struct moment now, const struct node_event *e,
	       struct node_actions *actions)
{
	node_begin(n, now, &actions->out);
	input(n, now, e, actions);
	node_finish(n, now, e->kind, actions);
}

struct instant node_deadline(const struct node *n)
{
	struct instant first = instant_min(paths_deadline(n->paths), swim_deadline(n->swim));

	first = instant_min(first, instant_min(wg_deadline(n->wg), service_deadline(n)));
	first = instant_min(first, instant_min(contest_deadline(n), n->cache_due));
	first = instant_min(first, instant_min(orgs_deadline(n), successor_deadline(n)));
	first = instant_min(first, spread_deadline(n->orgs.spread));
	first = instant_min(first, relaying_deadline(n));
	first = instant_min(first, introduce_deadline(n->orgs.introductions));
	first = instant_min(first, where_deadline(n));
	first = instant_min(first, keeping_deadline(n));
	first = instant_min(first, punch_deadline(n->punches));
	first = instant_min(first, connect_deadline(n));
	return instant_min(instant_min(first, forward_deadline(n)), records_deadline(n));
}

const struct event_ring *node_events(const struct node *n)
{
	return &n->events;
}

void node_uapi(struct node *n, struct uapi_device *out)
{
	*out = (struct uapi_device){
		.wg = n->wg, .shown = n->forwarding.current->routes,
		.listen_port = n->config.port,
	};
}
