/* service.c - which services of this host the peers may reach.
 *
 * The shell gives all rules at once. They are put together beside those in force, and take their
 * place in one step; a set that is bad or does not fit changes nothing. Rules are kept by names and
 * keys; a peer is bound to those that concern it when it comes, and when names may have changed.
 *
 * A packet is judged after it came out of the tunnel, where its source is known to be the peer's;
 * one that may not come in never reaches the TUN. */
#include "node/node_impl.h"

#include "base/bucket.h"
#include "base/text.h"

#include <string.h>

/* Denials are told ten at once, and one a second after that. */
#define DENIED_EVERY span_s(1)
#define DENIED_BURST 10u
#define PICKUP_S 60u

static struct policy_capacity capacity_of(uint32_t members)
{
	return (struct policy_capacity){ .slots = members, .lists = NODE_LISTS,
					 .rules = NODE_RULES };
}

static struct filter_config filter_for(const struct node *n, uint32_t members)
{
	struct filter_config c = { .peers = members, .flows = FLOW_DEFAULT_CAP };

	if (n)
		memcpy(c.hash_key, n->hash_key, sizeof(c.hash_key));
	return c;
}

void service_place(struct service_layout *l, uint32_t members, size_t *at)
{
	struct policy_capacity c = capacity_of(members);
	struct filter_config f = filter_for(NULL, members);

	for (int i = 0; i < 2; i++) {
		l->policy[i] = node_place(at, policy_size(&c));
		l->hits[i] = node_place(at, policy_most_hits(&c) * sizeof(struct policy_hits));
	}
	l->filter = node_place(at, filter_size(&f));
}

static struct policy *in_force(const struct services *s)
{
	return s->policy[s->current];
}

void service_init(struct node *n, uint8_t *base, const struct service_layout *l, struct instant now)
{
	struct policy_capacity c = capacity_of(n->config.members);
	struct filter_config f = filter_for(n, n->config.members);
	struct services *s = &n->services;

	for (int i = 0; i < 2; i++) {
		s->policy[i] = policy_init(base + l->policy[i], &c);
		s->hits[i] = (struct policy_hits *)(void *)(base + l->hits[i]);
	}
	s->denied_full = now;
	if (n->config.gossip_only)
		return;
	if (n->config.closed) {
		/* Connections that were open before us are not cut by our start. */
		f.pickup_until = instant_add(now, span_s(PICKUP_S));
		policy_break(in_force(s));
	}
	s->filter = filter_init(base + l->filter, &f);
	filter_set_policy(s->filter, in_force(s), s->hits[s->current]);
}

/* --- which rules hold for whom */

static uint32_t own_list(const struct node *n, uint32_t slot)
{
	const struct public_key *key = trust_key(n->trust, slot);
	char hex[2 * sizeof(key->b) + 1];
	uint32_t list;

	hex_encode(key->b, sizeof(key->b), hex, sizeof(hex));
	list = policy_find(in_force(&n->services), POLICY_FROM_PEER, hex);
	/* A name that somebody else gave it is no name here. */
	if (list == POLICY_NONE && trust_find_name(n->trust, trust_name(n->trust, slot)) == slot)
		list = policy_find(in_force(&n->services), POLICY_FROM_PEER,
				   trust_name(n->trust, slot));
	return list;
}

static void bind(struct node *n, uint32_t slot)
{
	struct policy *p = in_force(&n->services);
	uint32_t orgs[TRUST_MEMBERSHIPS], lists[TRUST_MEMBERSHIPS], count = 0;
	unsigned found = trust_orgs_of(n->trust, slot, orgs);

	for (unsigned i = 0; i < found; i++) {
		lists[count] = policy_find(p, POLICY_FROM_ORG, trust_org_name(n->trust, orgs[i]));
		count += lists[count] != POLICY_NONE;
	}
	policy_bind(p, slot, own_list(n, slot), lists, count);
}

void service_bind(struct node *n, uint32_t slot)
{
	if (!n->services.filter)
		return;
	bind(n, slot);
	filter_judge_again(n->services.filter);
}

void service_bind_all(struct node *n)
{
	uint32_t slot = TRUST_NONE;

	if (!n->services.filter)
		return;
	if (policy_lists(in_force(&n->services)))
		while ((slot = trust_next(n->trust, slot)) != TRUST_NONE)
			bind(n, slot);
	filter_judge_again(n->services.filter);
}

void service_forget(struct node *n, uint32_t slot)
{
	if (!n->services.filter)
		return;
	policy_bind(in_force(&n->services), slot, POLICY_NONE, NULL, 0);
	filter_forget_peer(n->services.filter, slot);
}

/* --- new rules */

static void copy(char *out, size_t cap, const char *text)
{
	size_t len = strnlen(text, cap - 1);

	memcpy(out, text, len);
	out[len] = '\0';
}

static void trouble(struct node *n, const char *what, struct instant now)
{
	struct services *s = &n->services;

	if (!strncmp(s->trouble, what, sizeof(s->trouble) - 1))
		return;
	copy(s->trouble, sizeof(s->trouble), what);
	node_emit(n, now, EV_SERVICES_BAD, TRUST_NONE, NULL, 0);
}

static void take_over(struct node *n, enum policy_default d, struct instant now)
{
	struct services *s = &n->services;
	unsigned next = !s->current;
	uint32_t rules = 0;

	if (s->full) {
		trouble(n, "there are more service rules than there is room for", now);
		return;
	}
	policy_set_default(s->policy[next], d);
	policy_hits_carry(in_force(s), s->hits[s->current], s->policy[next], s->hits[next]);
	s->current = next;
	s->trouble[0] = '\0';
	for (uint32_t i = 0; i < policy_lists(in_force(s)); i++)
		rules += policy_list_of(in_force(s), i).count;
	if (s->filter)
		filter_set_policy(s->filter, in_force(s), s->hits[next]);
	service_bind_all(n);
	node_emit(n, now, EV_SERVICES_RULED, TRUST_NONE, NULL, rules);
}

void service_event(struct node *n, const struct node_event *e, struct instant now)
{
	struct services *s = &n->services;
	struct policy *next = s->policy[!s->current];

	switch (e->kind) {
	case NODE_POLICY_BEGIN:
		policy_clear(next);
		s->full = false;
		break;
	case NODE_POLICY_LIST:
		s->full |= policy_add(next, e->list->origin, e->list->name, e->list->rules,
				      e->list->count) == POLICY_NONE;
		break;
	case NODE_POLICY_END:
		take_over(n, (enum policy_default)e->number, now);
		break;
	case NODE_POLICY_UNDONE:
		node_emit(n, now, EV_SERVICES_UNDONE, TRUST_NONE, NULL, 0);
		break;
	default:
		BUG_ON(e->kind != NODE_POLICY_BAD);
		trouble(n, e->name, now);
	}
}

/* The list that has this hit among its own. */
static struct policy_list list_of_hit(const struct policy *p, uint32_t hit)
{
	struct policy_list list = { 0 };

	for (uint32_t i = 0; i < policy_lists(p); i++) {
		list = policy_list_of(p, i);
		if (hit - list.hit < list.count)
			break;
	}
	return list;
}

uint32_t node_report_service(const struct node *n, uint32_t after, struct report_service *out)
{
	static const char *const origins[] = {
		[POLICY_FROM_PEER] = "peer", [POLICY_FROM_ORG] = "org",
		[POLICY_FROM_GLOBAL] = "global",
	};
	const struct policy *p = in_force(&n->services);
	const struct policy_hits *hits = n->services.hits[n->services.current];
	uint32_t hit = after + 1;

	if (hit >= policy_hits_count(p))
		return UINT32_MAX;
	out->packets = hits[hit].packets;
	out->flows = hits[hit].flows;
	if (!hit) {
		copy(out->origin, sizeof(out->origin), "default");
		copy(out->rule, sizeof(out->rule), service_default_name(n));
		return hit;
	}
	struct policy_list list = list_of_hit(p, hit);
	const struct policy_rule *rule = &list.rules[hit - list.hit];
	copy(out->origin, sizeof(out->origin), origins[list.origin]);
	copy(out->list, sizeof(out->list), list.name);
	policy_rule_format(rule, out->rule);
	out->line = rule->line;
	return hit;
}

uint32_t node_report_observed(const struct node *n, uint32_t after, struct report_observed *out)
{
	const struct filter *f = n->services.filter;

	for (uint32_t at = after + 1; f && at < OBSERVED_PLACES; at++) {
		const struct observed *o = observed_at(filter_observed(f), at);

		if (!o || trust_admission(n->trust, o->peer) == ADMIT_NO)
			continue;
		out->key = *trust_key(n->trust, o->peer);
		copy(out->name, sizeof(out->name), trust_name(n->trust, o->peer));
		out->protocol = o->protocol;
		out->port = o->port;
		out->times = o->times;
		out->first = o->first;
		out->last = o->last;
		return at;
	}
	return UINT32_MAX;
}

const char *service_default_name(const struct node *n)
{
	const struct policy *p = in_force(&n->services);

	return policy_is_broken(p) ? "closed" : policy_default_name(policy_default_of(p));
}

void service_report(const struct node *n, struct report_node *out)
{
	copy(out->services_default, sizeof(out->services_default), service_default_name(n));
	copy(out->services_trouble, sizeof(out->services_trouble), n->services.trouble);
	out->service_rules = policy_hits_count(in_force(&n->services)) - 1;
}

/* --- packets */

void service_out(struct node *n, struct bytes packet, uint32_t slot, struct instant now)
{
	if (n->services.filter)
		filter_out(n->services.filter, packet, slot, now);
}

static void denied(struct node *n, uint32_t slot, const struct filter_decision *d,
		   struct instant now)
{
	if (d->reason == FILTER_JUDGED &&
	    bucket_take(&n->services.denied_full, now, DENIED_EVERY, DENIED_BURST))
		node_emit(n, now, EV_SERVICE_DENIED, slot, NULL,
			  (int64_t)d->protocol << 16 | d->port);
}

static void answer(struct node *n, struct moment now, struct bytes packet, uint32_t slot,
		   struct outbox *out)
{
	uint8_t memory[FILTER_ANSWER_MAX];
	size_t len = filter_answer(n->services.filter, packet, slot, now.boot, memory,
				   sizeof(memory));

	if (len)
		wg_send(n->wg, now, n->peers[slot].wg, bytes_of(memory, len), out);
}

/* items: those of `out` that hold the packets, which are all of this node's peers. */
static void judge(struct node *n, struct moment now, const uint32_t *items, uint32_t count,
		  struct outbox *out)
{
	struct filter_packet packets[FILTER_BATCH] = { 0 };
	struct filter_decision d[FILTER_BATCH] uninitialized;

	for (uint32_t i = 0; i < count; i++) {
		const struct out *item = &out->items[items[i]];

		packets[i] = (struct filter_packet){ bytes_of(item->data, item->len), item->slot };
	}
	filter_in_batch(n->services.filter, packets, count, now.boot, d);
	for (uint32_t i = 0; i < count; i++) {
		if (d[i].result == FILTER_PASS)
			continue;
		out->items[items[i]].kind = OUT_NOTHING;
		denied(n, packets[i].peer, &d[i], now.boot);
		if (d[i].result == FILTER_REJECT)
			answer(n, now, packets[i].bytes, packets[i].peer, out);
	}
}

void service_in(struct node *n, struct moment now, uint32_t first, struct outbox *out)
{
	const uint32_t end = out->count; /* answers come after it */
	uint32_t items[FILTER_BATCH] uninitialized, count = 0;

	for (uint32_t i = first; n->services.filter && i < end; i++) {
		if (out->items[i].kind != OUT_PACKET)
			continue;
		items[count++] = i;
		if (count == FILTER_BATCH) {
			judge(n, now, items, count, out);
			count = 0;
		}
	}
	if (count)
		judge(n, now, items, count, out);
}

void service_tick(struct node *n, struct instant now)
{
	if (instant_reached(service_deadline(n), now))
		filter_tick(n->services.filter, now);
}

struct instant service_deadline(const struct node *n)
{
	return n->services.filter ? filter_deadline(n->services.filter) : INSTANT_NEVER;
}
