/* Where others reach us: candidates of our own, who tells us of them, and what is between us and
 * the Internet.
 *
 * STUN servers are asked when we start and when our network changed, and after that only while no
 * member can tell us: none that we reach over the Internet. Nothing waits for their answers. */
#include "node/node_impl.h"

#include <string.h>

#define ASK_EVERY span_s(25)    /* NATs forget in 30 s, and nobody else keeps the mapping */
#define ASK_RARELY span_s(300)  /* after ten minutes without anybody */
#define ASK_OFTEN 24u
#define ASK_SOON span_s(2)

_Static_assert(STUN_TARGETS == REPORT_STUN && STUN_TARGETS == PATH_SERVERS, "one for each");

void where_started(struct node *n, enum event_kind step, int64_t a, struct instant now)
{
	while (EV_START_IDENTITY + n->where.started <= step) {
		enum event_kind kind = EV_START_IDENTITY + n->where.started++;
		const bool interface = kind == EV_START_INTERFACE || kind == EV_START_ASSIGNED;

		if (!interface || !n->config.gossip_only)
			node_emit(n, now, kind, TRUST_NONE, NULL, kind == step ? a : 0);
	}
}

void where_init(struct node *n, struct instant now)
{
	stun_client_init(&n->where.stun, &n->random);
	n->where.ask_at = INSTANT_NEVER;
	where_started(n, EV_START_ASSIGNED, n->config.mtu, now);
}

static bool is_of_mesh(void *ctx, const struct ip *ip)
{
	const struct node *n = ctx;

	return mesh_has_address(&n->config.prefix, ip);
}

/* Their requests leave in this very step. */
void where_stun(struct node *n, const struct node_event *e, struct moment now, struct outbox *out)
{
	struct node_where *w = &n->where;

	if (is_of_mesh(n, &e->from.ip) ||
	    !stun_client_add(&w->stun, e->number, &e->from, now.boot))
		return;
	if (w->ask_at.ns == UINT64_MAX)
		w->ask_at = instant_add(now.boot, ASK_EVERY);
	stun_client_tick(&w->stun, now.boot, out);
	where_started(n, EV_START_STUN, stun_client_count(&w->stun), now.boot);
}

void where_stun_input(struct node *n, const struct endpoint *from, struct bytes datagram,
		      struct instant now)
{
	struct stun_client *c = &n->where.stun;
	unsigned target = stun_client_input(c, now, from, datagram, is_of_mesh, n);

	if (target == STUN_TARGETS)
		return;
	paths_seen_by_server(n->paths, target, &c->targets[target].mapped, now);
	n->record_stale = true;
}

void where_changed(struct node *n, struct instant now)
{
	struct node_where *w = &n->where;

	if (!stun_client_count(&w->stun))
		return;
	stun_client_again(&w->stun, now);
	w->asked = 0;
	w->ask_at = instant_add(now, ASK_EVERY);
}

void where_alone(struct node *n, struct instant now)
{
	struct node_where *w = &n->where;

	if (stun_client_count(&w->stun) && w->ask_at.ns == UINT64_MAX)
		w->ask_at = instant_add(now, ASK_SOON);
}

/* A member that we reach over the Internet sees what a server would. */
static bool members_can_tell(const struct node *n)
{
	uint32_t slot = TRUST_NONE;
	struct endpoint to;

	while ((slot = trust_next(n->trust, slot)) != TRUST_NONE)
		if (paths_best(n->paths, slot, &to) && !ip_is_private(&to.ip) &&
		    !ip_is_link_local(&to.ip) && !ip_is_loopback(&to.ip))
			return true;
	return false;
}

static void ask_again(struct node *n, struct instant now)
{
	struct node_where *w = &n->where;
	uint64_t wait = (w->asked < ASK_OFTEN ? ASK_EVERY : ASK_RARELY).ns;

	if (members_can_tell(n)) {
		w->asked = 0;
		w->ask_at = INSTANT_NEVER; /* until a path is lost */
		return;
	}
	stun_client_ask(&w->stun, now);
	w->asked += w->asked < ASK_OFTEN;
	w->ask_at = instant_add(now, (struct span){ wait - rng_below(&n->rng, wait / 10) });
}

void where_tick(struct node *n, struct instant now, struct outbox *out)
{
	if (!outbox_has_room(out, OUTBOX_STEP_ITEMS, OUTBOX_STEP_BYTES))
		return; /* due still, and so the next step */
	if (instant_reached(n->where.ask_at, now))
		ask_again(n, now);
	stun_client_tick(&n->where.stun, now, out);
}

struct instant where_deadline(const struct node *n)
{
	return instant_min(n->where.ask_at, stun_client_deadline(&n->where.stun));
}

struct gathering {
	struct node *n;
	struct record_body *body;
	enum report_candidate source;
};

static void add(struct gathering *g, const struct endpoint *e)
{
	struct record_body *b = g->body;

	for (unsigned i = 0; i < b->candidate_count; i++)
		if (endpoint_equal(&b->candidates[i], e))
			return;
	if (b->candidate_count == MAX_CANDIDATES || !e->port || !ip_is_unicast(&e->ip) ||
	    ip_is_link_local(&e->ip) || is_of_mesh(g->n, &e->ip) ||
	    !address_rules_allow(&g->n->config.rules, &e->ip))
		return;
	if (g->source != CANDIDATE_ANNOUNCED && ip_is_loopback(&e->ip))
		return;
	g->n->where.sources[b->candidate_count] = (uint8_t)g->source;
	b->candidates[b->candidate_count++] = *e;
}

static void add_own(struct gathering *g, bool public)
{
	g->source = CANDIDATE_INTERFACE;
	for (unsigned i = 0; i < g->n->own_count; i++) {
		struct endpoint e = { .ip = g->n->own[i], .port = g->n->config.port };

		if (ip_is_public(&e.ip) == public)
			add(g, &e);
	}
}

/* A router that names an address which the Internet has not got, or not seen, is behind another
 * one, or lies. */
static bool is_believable(const struct node *n, const struct endpoint *seen, unsigned count)
{
	const struct ip *told = &n->where.mapped.ip;

	if (!ip_is_public(told))
		return false;
	for (unsigned i = 0; i < count; i++)
		if (seen[i].ip.family == told->family && ip_is_public(&seen[i].ip) &&
		    !ip_equal(&seen[i].ip, told))
			return false;
	return true;
}

/* The first one is what was asked for; then what works best: no NAT, what others see us as, and
 * the addresses of our own networks. On loopback only what was asked for. */
void where_fill(struct node *n, struct record_body *body, struct instant now)
{
	struct gathering g = { .n = n, .body = body };
	struct endpoint seen[MAX_CANDIDATES / 2];
	unsigned count = paths_seen_as(n->paths, seen, MAX_CANDIDATES / 2);
	uint8_t kind = (uint8_t)paths_nat_kind(n->paths, n->own, n->own_count);

	memset(body->candidates, 0, sizeof(body->candidates));
	body->candidate_count = 0;
	g.source = CANDIDATE_ANNOUNCED;
	for (unsigned i = 0; i < n->config.announce_count; i++) {
		struct endpoint e = n->config.announce[i];

		e.port = e.port ? e.port : n->config.port;
		add(&g, &e);
	}
	add_own(&g, true);
	g.source = CANDIDATE_MAPPED;
	if (is_believable(n, seen, count))
		add(&g, &n->where.mapped);
	g.source = CANDIDATE_SEEN;
	for (unsigned i = 0; i < count; i++)
		add(&g, &seen[i]);
	add_own(&g, false);
	if (kind != body->nat_kind)
		node_emit(n, now, EV_NAT_KIND, TRUST_NONE, NULL, kind);
	body->nat_kind = kind;
}

void where_report(const struct node *n, struct report_node *r)
{
	const struct record_body *body = &n->self;

	keeping_report(n, r);
	r->nat_kind = body->nat_kind;
	r->dialled_back = paths_dialled_back(n->paths);
	r->candidate_count = body->candidate_count;
	for (unsigned i = 0; i < body->candidate_count; i++) {
		r->candidates[i].endpoint = body->candidates[i];
		r->candidates[i].source = n->where.sources[i];
	}
	for (unsigned i = 0; i < STUN_TARGETS; i++) {
		const struct stun_target *t = &n->where.stun.targets[i];

		if (!endpoint_is_set(&t->at))
			continue;
		r->stun[r->stun_count++] = (struct report_stun){
			.server = t->at, .mapped = t->mapped, .asking = t->waiting,
			.answered = t->answered, .rtt_us = t->rtt.ns / 1000,
		};
	}
}
