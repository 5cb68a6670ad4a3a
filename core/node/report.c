/* What the node tells about itself: facts only, read, never changed. */
#include "node/node_impl.h"

#include <string.h>

static void counter(struct report_node *r, const char *name, uint64_t value)
{
	unsigned i = r->counter_count++;

	BUG_ON(i >= sizeof(r->counters) / sizeof(*r->counters));
	r->counters[i].name = name;
	r->counters[i].value = value;
}

static void table(struct report_node *r, const char *name, uint64_t bytes, uint64_t entries,
		  uint64_t used)
{
	unsigned i = r->table_count++;

	BUG_ON(i >= sizeof(r->tables) / sizeof(*r->tables));
	r->tables[i].name = name;
	r->tables[i].bytes = bytes;
	r->tables[i].entries = entries;
	r->tables[i].used = used;
}

static void tables(const struct node *n, struct report_node *r)
{
	uint32_t members = n->config.members;
	uint32_t sessions = n->config.sessions ? n->config.sessions : 3 * 2048;
	uint32_t used = trust_count(n->trust);
	struct wg_limits wg = { members, sessions, 4096 };

	table(r, "trust", trust_size(members), members, used);
	table(r, "channel", channel_size(members), members, used);
	table(r, "swim", swim_size(members), members, swim_counters(n->swim)->alive);
	table(r, "paths", paths_size(members), members, used);
	table(r, "punching", punches_size(members), members, used);
	table(r, "wireguard", wg_size(&wg), members, wg_peer_count(n->wg));
	table(r, "forwarding", forwarding_size(members), 2 * members,
	      allowedips_count(n->forwarding.current->routes));
	table(r, "addresses", map_size(members), members, n->holders.count);
	table(r, "relayed", relayed_size(), RELAYED_MAX, relayed_channels(n->relaying.mine));
	table(r, "relaying", relay_size(members, 0), relay_most(n->relaying.service),
	      relay_channels(n->relaying.service));
	table(r, "events", NODE_EVENTS * sizeof(struct event), NODE_EVENTS,
	      n->events.count < NODE_EVENTS ? n->events.count : NODE_EVENTS);
}

static void wg_counts(const struct node *n, struct report_node *r)
{
	const struct wg_counters *w = wg_counters(n->wg);

	counter(r, "wireguard_handshakes_sent", w->handshakes_sent);
	counter(r, "wireguard_handshakes_received", w->handshakes_received);
	counter(r, "wireguard_cookies_sent", w->cookies_sent);
	counter(r, "wireguard_cookies_received", w->cookies_received);
	counter(r, "wireguard_data_sent", w->data_sent);
	counter(r, "wireguard_data_received", w->data_received);
	counter(r, "wireguard_drop_malformed", w->drop_malformed);
	counter(r, "wireguard_drop_mac1", w->drop_mac1);
	counter(r, "wireguard_drop_mac2_needed", w->drop_mac2_needed);
	counter(r, "wireguard_drop_ratelimit", w->drop_ratelimit);
	counter(r, "wireguard_drop_unknown_peer", w->drop_unknown_peer);
	counter(r, "wireguard_drop_unknown_index", w->drop_unknown_index);
	counter(r, "wireguard_drop_handshake", w->drop_handshake);
	counter(r, "wireguard_drop_replayed_handshake", w->drop_replayed_handshake);
	counter(r, "wireguard_drop_flood", w->drop_flood);
	counter(r, "wireguard_drop_auth", w->drop_auth);
	counter(r, "wireguard_drop_replay", w->drop_replay);
	counter(r, "wireguard_drop_expired", w->drop_expired);
	counter(r, "wireguard_drop_source", w->drop_source);
	counter(r, "wireguard_drop_inner", w->drop_inner);
	counter(r, "wireguard_drop_staged_full", w->drop_staged_full);
}

static void relay_counts(const struct node *n, struct report_node *r)
{
	const struct relay_counters *s = relay_counters(n->relaying.service);
	const struct relayed_counters *m = relayed_counters(n->relaying.mine);

	counter(r, "relay_channels", relay_channels(n->relaying.service));
	counter(r, "relay_frames", s->frames);
	counter(r, "relay_bytes", s->bytes);
	counter(r, "relay_opened", s->opened);
	counter(r, "relay_refused", s->refused);
	counter(r, "relay_drop_rate", s->drop_rate);
	counter(r, "relay_drop_cookie", s->drop_cookie);
	counter(r, "relay_drop_address", s->drop_address);
	counter(r, "relay_drop_unbound", s->drop_unbound);
	counter(r, "relay_drop_size", s->drop_size);
	counter(r, "relay_drop_budget", s->drop_budget);
	counter(r, "relay_drop_frame", n->relaying.drop_frame);
	counter(r, "drop_no_consent", n->counters.drop_no_consent);
	counter(r, "relay_drop_message", n->relaying.drop_message);
	counter(r, "relayed_channels", relayed_channels(n->relaying.mine));
	counter(r, "relayed_asked", m->asked);
	counter(r, "relayed_bound", m->bound);
	counter(r, "relayed_refused", m->refused);
}

static void counts(const struct node *n, struct report_node *r)
{
	const struct node_counters *c = &n->counters;
	const struct paths_counters *p = paths_counters(n->paths);
	const struct swim_counters *s = swim_counters(n->swim);
	const struct stun_counters *stun = &n->where.stun.counters;

	counter(r, "datagrams", c->datagrams);
	counter(r, "packets", c->packets);
	counter(r, "drop_unknown_kind", c->drop_unknown_kind);
	counter(r, "drop_mesh_source", c->drop_mesh_source);
	counter(r, "drop_gossip_only", c->drop_gossip_only);
	counter(r, "drop_control_malformed", c->drop_control);
	counter(r, "drop_control_unknown_tag", c->drop_unknown_tag);
	counter(r, "drop_control_forged", c->drop_forged);
	counter(r, "drop_call_unknown", c->drop_call);
	counter(r, "drop_lan_unknown", c->drop_lan);
	counter(r, "drop_call_rate", p->drop_call_rate);
	counter(r, "drop_control_replayed", c->drop_replayed);
	counter(r, "drop_control_stale", c->drop_stale);
	counter(r, "drop_control_type", c->drop_type);
	counter(r, "drop_successor", c->drop_successor);
	counter(r, "drop_no_path", c->drop_no_path);
	counter(r, "drop_packet_malformed", c->drop_packet);
	counter(r, "drop_packet_no_route", c->drop_no_route);
	counter(r, "drop_packet_too_big", c->too_big);
	counter(r, "packets_cut", c->cut);
	counter(r, "drop_dns_rate", c->drop_dns_rate);
	counter(r, "probes_sent", p->probes_sent);
	counter(r, "probes_received", p->probes_received);
	counter(r, "probe_answers_sent", p->answers_sent);
	counter(r, "probe_answers_received", p->answers_received);
	counter(r, "padded_probes_sent", p->padded_sent);
	counter(r, "padded_probes_received", p->padded_received);
	counter(r, "padded_probe_answers", p->padded_answered);
	counter(r, "calls_sent", p->calls_sent);
	counter(r, "calls_received", p->calls_received);
	counter(r, "call_answers_sent", p->heres_sent);
	counter(r, "call_answers_received", p->heres_received);
	counter(r, "probe_drop_malformed", p->drop_malformed);
	counter(r, "probe_drop_unasked", p->drop_unasked);
	counter(r, "probe_drop_rate", p->drop_rate);
	counter(r, "stun_requests", stun->requests);
	counter(r, "stun_answers", stun->answers);
	counter(r, "stun_unanswered", stun->unanswered);
	counter(r, "stun_drop_malformed", stun->drop_malformed);
	counter(r, "stun_drop_unasked", stun->drop_unasked);
	counter(r, "stun_drop_address", stun->drop_address);
	counter(r, "swim_pings", s->pings);
	counter(r, "swim_acks", s->acks);
	counter(r, "swim_syncs", s->syncs);
	counter(r, "swim_records_sent", s->records_sent);
	counter(r, "swim_records_received", s->records_received);
	counter(r, "swim_suspicions", s->suspicions);
	counter(r, "swim_refutations", s->refutations);
	counter(r, "swim_deaths", s->deaths);
	counter(r, "swim_conflicts", s->conflicts);
	counter(r, "swim_drop_malformed", s->drop_malformed);
	counter(r, "swim_drop_signature", s->drop_signature);
	counter(r, "swim_drop_not_admitted", s->drop_not_admitted);
	counter(r, "swim_drop_stale", s->drop_stale);
	counter(r, "swim_drop_rate", s->drop_rate);
}

static void punch_counts(const struct node *n, struct report_node *r)
{
	const struct punch_counters *u = punch_counters(n->punches);

	counter(r, "punch_asks_sent", u->asks_sent);
	counter(r, "punch_asks_received", u->asks_received);
	counter(r, "punch_answers_received", u->answers_received);
	counter(r, "punch_runs", u->runs);
	counter(r, "punch_successes", u->successes);
	counter(r, "punch_birthdays", u->birthdays);
	counter(r, "punch_sockets", u->sockets);
	counter(r, "punch_passed", u->passed);
	counter(r, "punch_drop_malformed", u->drop_malformed);
	counter(r, "punch_drop_rate", u->drop_rate);
	counter(r, "punch_drop_unasked", u->drop_unasked);
	counter(r, "punch_drop_sealed", n->counters.drop_passed);
}

static void org_counts(const struct node *n, struct report_node *r)
{
	const struct introduce_counters *i = introduce_counters(n->orgs.introductions);
	const struct spread_counters *s = spread_counters(n->orgs.spread);

	counter(r, "org_hellos_sent", i->hellos_sent);
	counter(r, "org_hellos_received", i->hellos_received);
	counter(r, "org_introductions_received", i->introductions_received);
	counter(r, "org_accepts_received", i->accepts_received);
	counter(r, "org_contact_malformed", i->drop_malformed);
	counter(r, "org_contact_no_match", i->drop_no_match);
	counter(r, "org_contact_rate", i->drop_rate);
	counter(r, "org_contact_cookie", i->drop_cookie);
	counter(r, "org_contact_replayed", i->drop_replayed);
	counter(r, "org_contact_forged", i->drop_forged);
	counter(r, "org_contact_papers", i->drop_papers);
	counter(r, "org_words_received", s->objects_received);
	counter(r, "org_words_new", s->objects_new);
	counter(r, "org_bad_sig", s->org_bad_sig);
	counter(r, "org_drop_malformed", s->drop_malformed);
	counter(r, "org_drop_not_trusted", s->drop_not_trusted);
	counter(r, "org_drop_rate", s->drop_rate);
	counter(r, "org_drop_full", s->drop_full);
	counter(r, "org_no_room", n->orgs.no_room);
}

void node_report(const struct node *n, struct report_node *r)
{
	static const enum report_source sources[SEED_SOURCES] = {
		[SEED_GIVEN] = REPORT_GIVEN, [SEED_SAVED] = REPORT_SAVED, [SEED_NAME] = REPORT_NAME,
		[SEED_DNS] = REPORT_DNS, [SEED_MDNS] = REPORT_MDNS,
	};
	struct path_seed seeds[MAX_SEEDS];

	memset(r, 0, sizeof(*r));
	r->key = n->config.public;
	memcpy(r->interface, n->config.interface, sizeof(r->interface));
	r->ipv4 = n->ipv4;
	r->ipv6 = n->ipv6;
	r->prefix = n->config.prefix;
	r->gossip_only = n->config.gossip_only;
	r->port = n->config.port;
	r->mtu = n->config.mtu;
	r->started = n->started;
	r->sequence = n->self.sequence;
	r->trusted = trust_count(n->trust);
	r->alive = swim_counters(n->swim)->alive - swim_counters(n->swim)->suspect;
	r->bad_keys = n->bad_keys;
	r->max_members = n->config.members;
	r->left_out = n->left_out;
	r->trust_unreadable = n->trust_unreadable;
	r->relays = relay_is_willing(n->relaying.service);
	r->seed_count = paths_seeds(n->paths, seeds, MAX_SEEDS);
	for (unsigned i = 0; i < r->seed_count; i++) {
		r->seeds[i].endpoint = seeds[i].endpoint;
		r->seeds[i].answered = seeds[i].answered;
		r->seeds[i].source = sources[seeds[i].source];
	}
	where_report(n, r);
	service_report(n, r);
	orgs_report(n, r);
	tables(n, r);
	counts(n, r);
	punch_counts(n, r);
	org_counts(n, r);
	relay_counts(n, r);
	wg_counts(n, r);
}

/* Its addresses are known. */
static enum report_reason no_answer(const struct node *n, uint32_t slot)
{
	switch (punch_state(n->punches, slot)) {
	case PUNCH_BOTH_HARD:
		return REASON_BOTH_HARD;
	case PUNCH_NOBODY:
		return REASON_NO_HELPER;
	case PUNCH_IDLE:
	case PUNCH_WAITS:
	case PUNCH_RUNS:
		break;
	}
	return REASON_NO_ANSWER;
}

static enum report_reason reason(const struct node *n, uint32_t slot, const struct node_peer *peer,
				 const struct report_peer *r, const struct path_info *path)
{
	if (r->state == REPORT_LEFT)
		return REASON_LEFT;
	if (r->state == REPORT_DEAD)
		return REASON_DEAD;
	if (!path->up) {
		struct path_seed seed;

		if (path->candidates) /* in a large mesh not everybody is asked */
			return path->asked ? no_answer(n, slot) : REASON_NONE;
		return paths_seeds(n->paths, &seed, 1) ? REASON_NEVER_HEARD :
			REASON_NO_SEED;
	}
	if (peer->prefix_differs)
		return REASON_PREFIX;
	if (peer->address_lost)
		return REASON_ADDRESS;
	return r->handshaking && !r->session ? REASON_NO_HANDSHAKE : REASON_NONE;
}

static void report_tunnel(const struct node *n, const struct node_peer *peer, struct report_peer *r)
{
	struct wg_peer_info info;

	wg_peer_info(n->wg, peer->wg, &info);
	wipe(&info.preshared, sizeof(info.preshared));
	r->session = info.has_session;
	r->handshaking = info.handshaking;
	r->last_handshake = info.last_handshake;
	r->last_handshake_at = info.last_handshake_at;
	r->last_heard = info.last_heard;
	r->rx_bytes = info.rx_bytes;
	r->tx_bytes = info.tx_bytes;
}

uint32_t node_report_peer(const struct node *n, uint32_t after, struct report_peer *r)
{
	static const enum report_state states[] = {
		[SWIM_UNKNOWN] = REPORT_UNKNOWN, [SWIM_ALIVE] = REPORT_ALIVE,
		[SWIM_SUSPECT] = REPORT_SUSPECT, [SWIM_DEAD] = REPORT_DEAD,
		[SWIM_LEFT] = REPORT_LEFT,
	};
	uint32_t slot = trust_next(n->trust, after);
	struct swim_info member;
	struct path_info path;

	if (slot == TRUST_NONE)
		return TRUST_NONE;
	memset(r, 0, sizeof(*r));
	r->key = *trust_key(n->trust, slot);
	r->wireguard_key = *trust_dh(n->trust, slot);
	orgs_report_peer(n, slot, r);
	successor_report(n, slot, r);
	r->ipv4 = n->peers[slot].ipv4;
	mesh_ipv6(&r->key, &r->ipv6);
	swim_info(n->swim, slot, &member);
	r->state = states[member.state];
	r->sequence = member.sequence;
	r->conflict = member.conflict;
	if (member.record) {
		struct record record;

		record_unkeep(member.record, &record);
		memcpy(r->label, record.body.name, sizeof(r->label));
		r->nat_kind = record.body.nat_kind < NAT_KINDS ? record.body.nat_kind : 0;
	}
	report_tunnel(n, &n->peers[slot], r);
	if (member.last_heard.ns > r->last_heard.ns)
		r->last_heard = member.last_heard;
	paths_info(n->paths, slot, &path);
	r->path_up = path.up;
	r->endpoint = path.endpoint;
	relaying_report(n, &path.endpoint, r);
	r->endpoint.channel = 0;
	r->rtt_us = path.up ? path.rtt.ns / 1000 : 0;
	r->path_mtu = path.up ? path.mtu : 0;
	r->reason = reason(n, slot, &n->peers[slot], r, &path);
	return slot;
}

bool node_reaches(const struct node *n, const struct public_key *key)
{
	uint32_t slot = trust_find(n->trust, key);
	struct endpoint at;

	return slot != TRUST_NONE && paths_best(n->paths, slot, &at);
}
