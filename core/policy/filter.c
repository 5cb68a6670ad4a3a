/* filter.c - every packet that comes in leaves by one of a few doors: it belongs to a flow, to a
 * first fragment or to an error about a flow; or it is judged. Judging is the only place where
 * rules are asked; what belongs to something was judged once, under the rules of the generation
 * that is written down with it.
 *
 * A flow of a peer that the rules came to deny must stay in the table. Were it forgotten, the next
 * packet that this host sends in it (a retransmission, a stream) would open it as ours, and no rule
 * could ever end it.
 */
#include "policy/filter.h"

#include "base/bucket.h"
#include "packet/icmp.h"
#include "packet/tcp.h"
#include "policy/fragments.h"
#include "policy/inspect.h"

#include <string.h>

#define FIRST_CLIENT_PORT 32768u /* of Linux */
#define SHORTEST_TCP 20u
#define ANSWER_EVERY (struct span){ UINT64_C(1000000000) / FILTER_ANSWERS_PER_SECOND }
#define ANY_ANSWERS (UINT64_C(10) * FILTER_ANSWERS_PER_SECOND)
#define ANY_ANSWER_EVERY (struct span){ UINT64_C(1000000000) / ANY_ANSWERS }

_Static_assert(FILTER_ANSWER_MAX >= ICMP_ERROR_MAX && FILTER_ANSWER_MAX >= TCP_RESET_MAX, "room");

struct filter {
	struct filter_config config;
	const struct policy *policy; /* NULL: none yet */
	struct policy_hits *hits;
	uint32_t generation;         /* of the rules; a flow that was never judged has 0 */
	struct flows *flows;
	struct fragments *fragments;
	struct observations *observed;
	struct instant *answers;     /* bucket, by peer */
	struct instant any_answer;   /* bucket */
	struct filter_counts counts;
	struct inspected batch[FILTER_BATCH]; /* of filter_in_batch() */
	struct flow_place places[FILTER_BATCH];
};

/* One packet of a peer on its way. */
struct passage {
	struct filter *f;
	struct inspected *p;
	const struct flow_place *place; /* of its flow, if it may belong to one */
	struct instant now;
	struct filter_decision *d;
};

static size_t rounded(size_t n)
{
	return (n + 63) & ~(size_t)63;
}

size_t filter_size(const struct filter_config *c)
{
	return rounded(sizeof(struct filter)) + rounded(flows_size(c->flows, c->peers)) +
	       rounded(fragments_size()) + rounded(observed_size()) +
	       rounded(c->peers * sizeof(struct instant));
}

struct filter *filter_init(void *memory, const struct filter_config *c)
{
	uint8_t *at = memory;
	struct filter *f = memory;

	f->config = *c;
	f->generation = 1;
	at += rounded(sizeof(*f));
	f->flows = flows_init(at, c->flows, c->peers, c->hash_key);
	at += rounded(flows_size(c->flows, c->peers));
	f->fragments = fragments_init(at);
	at += rounded(fragments_size());
	f->observed = observed_init(at);
	at += rounded(observed_size());
	f->answers = (struct instant *)(void *)at;
	return f;
}

void filter_set_policy(struct filter *f, const struct policy *p, struct policy_hits *hits)
{
	f->policy = p;
	f->hits = hits;
	filter_judge_again(f);
}

void filter_judge_again(struct filter *f)
{
	if (!++f->generation)
		f->generation = 1;
}

void filter_forget_peer(struct filter *f, uint32_t peer)
{
	flow_close_peer(f->flows, peer);
	fragments_forget_peer(f->fragments, peer);
	observed_forget_peer(f->observed, peer);
	f->answers[peer] = INSTANT_ZERO;
}

static enum policy_kind kind_of(const struct flow *flow)
{
	return flow->protocol == PROTO_TCP ? POLICY_IS_TCP :
	       flow->protocol == PROTO_UDP ? POLICY_IS_UDP :
					     POLICY_IS_OTHER;
}

/* --- out */

static void flow_out(struct filter *f, const struct inspected *p, struct instant now)
{
	uint32_t slot = flow_find(f->flows, &p->key, now);
	bool is_tcp = p->kind == POLICY_IS_TCP;
	bool opens = !is_tcp || inspected_is_syn(p);

	if (slot != FLOW_NONE && is_tcp && opens &&
	    !(flow_of(f->flows, slot)->flags & FLOW_IS_OURS)) {
		flow_close(f->flows, slot);
		slot = FLOW_NONE;
	}
	if (slot != FLOW_NONE) {
		flow_packet(f->flows, slot, true, p->tcp_flags, now);
		return;
	}
	if (is_tcp && !opens)
		opens = instant_before(now, f->config.pickup_until) &&
			p->key.local_port >= FIRST_CLIENT_PORT && !(p->tcp_flags & TCP_RST);
	if (opens)
		flow_open(f->flows, &p->key, true, now);
}

void filter_out(struct filter *f, struct bytes packet, uint32_t peer, struct instant now)
{
	struct inspected p;

	BUG_ON(peer >= f->config.peers);
	f->counts.out++;
	if (!inspect(packet, true, &p))
		return;
	p.key.peer = peer;
	if (p.as == INSPECTED_FLOW || p.as == INSPECTED_ECHO_REQUEST)
		flow_out(f, &p, now);
}

/* --- in */

static void observe(const struct passage *w)
{
	const struct observed what = {
		.peer = w->p->key.peer,
		.port = w->d->port,
		.kind = w->d->kind,
		.protocol = w->d->protocol,
	};

	observed_note(w->f->observed, &what, w->now);
}

/* By the rules, and counted there. */
static enum filter_result judge_as(const struct passage *w, enum policy_kind kind, uint16_t port)
{
	static const uint8_t results[] = { FILTER_PASS, FILTER_DROP, FILTER_REJECT };
	struct policy_verdict *v = &w->d->verdict;

	w->d->reason = FILTER_JUDGED;
	w->d->kind = (uint8_t)kind;
	w->d->port = port;
	if (!w->f->policy) {
		*v = (struct policy_verdict){ .action = POLICY_DENY, .list = POLICY_NONE,
			.origin = POLICY_FROM_BROKEN };
		return FILTER_DROP;
	}
	policy_judge(w->f->policy, w->p->key.peer, kind, port, v);
	w->f->hits[v->hit].packets++;
	return results[v->action];
}

static enum filter_result judge(const struct passage *w)
{
	enum filter_result result = judge_as(w, w->p->kind, w->p->port);

	if (w->d->verdict.observed && w->p->as != INSPECTED_LATER_FRAGMENT)
		observe(w);
	return result;
}

static enum filter_result pass(const struct passage *w, enum filter_reason reason)
{
	w->d->reason = (uint8_t)reason;
	return FILTER_PASS;
}

/* Of the peer, by the verdict. A reset opens nothing. */
static void open_flow(const struct passage *w)
{
	struct flow *flow;

	if (w->p->tcp_flags & TCP_RST)
		return;
	flow = flow_of(w->f->flows, flow_open(w->f->flows, &w->p->key, false, w->now));
	flow->generation = w->f->generation;
	flow->hit = w->d->verdict.hit;
	w->f->hits[flow->hit].flows++;
	w->d->is_first = true;
}

/* The peer opens a connection where this host has one or had one with him; not both at once, which
 * is one connection. While ours lasts, his SYN is no more than a stray segment. */
static enum filter_result opened_against_ours(const struct passage *w, uint32_t slot)
{
	enum filter_result result = judge(w);

	if (result == FILTER_PASS && flow_is_over(flow_of(w->f->flows, slot))) {
		flow_close(w->f->flows, slot);
		open_flow(w);
	}
	return result;
}

static enum filter_result judge_again(const struct passage *w, uint32_t slot)
{
	struct flow *flow = flow_of(w->f->flows, slot);
	bool begins = inspected_is_syn(w->p) && flow_is_over(flow);
	enum filter_result result = judge(w);

	flow->generation = w->f->generation;
	if (result != FILTER_PASS) {
		flow->flags |= FLOW_IS_DENIED;
		flow_touch(w->f->flows, slot, w->now);
		return result;
	}
	flow->flags &= (uint8_t)~FLOW_IS_DENIED;
	flow->hit = w->d->verdict.hit;
	if (begins) {
		w->f->hits[flow->hit].flows++;
		w->d->is_first = true;
	}
	flow_packet(w->f->flows, slot, false, w->p->tcp_flags, w->now);
	return result;
}

static enum filter_result flow_in(const struct passage *w)
{
	struct flows *flows = w->f->flows;
	uint32_t slot = flow_find_fetched(flows, &w->p->key, w->place, w->now);
	struct flow *flow;

	if (slot == FLOW_NONE) {
		enum filter_result result = judge(w);

		if (result == FILTER_PASS)
			open_flow(w);
		return result;
	}
	flow = flow_of(flows, slot);
	if (flow->flags & FLOW_IS_OURS) {
		if (inspected_is_syn(w->p) && flow->state != FLOW_SYN)
			return opened_against_ours(w, slot);
		flow_packet(flows, slot, false, w->p->tcp_flags, w->now);
		return pass(w, FILTER_OWN);
	}
	if (flow->generation != w->f->generation || (flow->flags & FLOW_IS_DENIED) ||
	    (inspected_is_syn(w->p) && flow_is_over(flow)))
		return judge_again(w, slot);
	w->f->hits[flow->hit].packets++;
	flow_packet(flows, slot, false, w->p->tcp_flags, w->now);
	return pass(w, FILTER_KNOWN);
}

static enum filter_result echo_reply_in(const struct passage *w)
{
	uint32_t slot = flow_find_fetched(w->f->flows, &w->p->key, w->place, w->now);

	if (slot == FLOW_NONE)
		return judge(w);
	flow_packet(w->f->flows, slot, false, 0, w->now);
	return pass(w, FILTER_OWN);
}

/* A flow of the peer may go on as long as the rules that are in force allow it. */
static bool may_go_on(const struct passage *w, const struct flow *flow)
{
	struct policy_verdict v;

	if (flow->flags & FLOW_IS_OURS)
		return true;
	if (flow->generation == w->f->generation)
		return !(flow->flags & FLOW_IS_DENIED);
	if (!w->f->policy)
		return false;
	policy_judge(w->f->policy, flow->peer, kind_of(flow), flow->local_port, &v);
	return v.action == POLICY_ALLOW;
}

static enum filter_result error_in(const struct passage *w, struct bytes packet)
{
	struct flow_key key;
	uint32_t slot = FLOW_NONE;

	if (inspect_quote(packet, w->p, &key)) {
		key.peer = w->p->key.peer;
		slot = flow_find(w->f->flows, &key, w->now);
	}
	if (slot == FLOW_NONE || !may_go_on(w, flow_of(w->f->flows, slot)))
		return judge(w);
	return pass(w, FILTER_RELATED);
}

/* RFC 1858, RFC 3128: what lies in the first fragment is not to be replaced. */
static enum filter_result fragment_in(const struct passage *w)
{
	const struct inspected *p = w->p;
	const struct fragment *first = fragments_find(w->f->fragments, p, p->key.peer, w->now);
	uint32_t least = first ? first->header_end : 0;
	enum filter_result result;

	if (p->protocol == PROTO_TCP && least < SHORTEST_TCP)
		least = SHORTEST_TCP;
	if (p->ip.fragment_offset < least) {
		w->d->reason = FILTER_OVERLAP;
		return FILTER_DROP;
	}
	if (!first)
		return judge(w);
	if (first->is_own)
		return pass(w, FILTER_FRAGMENT);
	result = judge_as(w, first->kind, first->port);
	return result == FILTER_PASS ? pass(w, FILTER_FRAGMENT) : result;
}

static enum filter_result packet_in(const struct passage *w, struct bytes packet)
{
	switch (w->p->as) {
	case INSPECTED_FLOW:
		return flow_in(w);
	case INSPECTED_ECHO_REPLY:
		return echo_reply_in(w);
	case INSPECTED_ICMP_ERROR:
		return error_in(w, packet);
	case INSPECTED_LATER_FRAGMENT:
		return fragment_in(w);
	default:
		return judge(w);
	}
}

/* Whether the packet may belong to a flow; then its key is whole. */
static bool has_flow(const struct inspected *p)
{
	return p->as == INSPECTED_FLOW || p->as == INSPECTED_ECHO_REPLY;
}

/* Looks at the packet that is the i-th of a batch. A flow of it is fetched, and found later; often
 * it is that of the packet before (is_ip of that one: after_ip). */
static bool look(struct filter *f, const struct filter_packet *packet, uint32_t i, bool after_ip)
{
	struct inspected *p = &f->batch[i];

	BUG_ON(packet->peer >= f->config.peers);
	if (!inspect(packet->bytes, false, p))
		return false;
	p->key.peer = packet->peer;
	if (!has_flow(p))
		return true;
	if (after_ip && has_flow(p - 1) && !memcmp(&p->key, &p[-1].key, sizeof(p->key)))
		f->places[i] = f->places[i - 1];
	else
		flow_fetch_index(f->flows, &p->key, &f->places[i]);
	return true;
}

static void decide(const struct passage *w, const struct filter_packet *packet)
{
	struct filter_decision *d = w->d;
	const struct inspected *p = w->p;
	enum filter_result result;

	d->kind = (uint8_t)p->kind;
	d->protocol = p->protocol;
	d->port = p->port;
	result = packet_in(w, packet->bytes);
	if (result == FILTER_PASS && !p->is_plain && p->ip.more_fragments && !p->ip.fragment_offset)
		fragments_add(w->f->fragments, p, packet->peer, d->reason == FILTER_OWN, w->now);
	d->result = (uint8_t)result;
}

void filter_in_batch(struct filter *f, const struct filter_packet *packets, uint32_t count,
		     struct instant now, struct filter_decision *out)
{
	struct inspected *p = f->batch;
	bool is_ip[FILTER_BATCH];

	BUG_ON(count > FILTER_BATCH);
	for (uint32_t i = 0; i < count; i++)
		is_ip[i] = look(f, &packets[i], i, i && is_ip[i - 1]);
	for (uint32_t i = 0; i < count; i++)
		if (is_ip[i] && has_flow(&p[i]))
			flow_fetch(f->flows, &f->places[i]);
	for (uint32_t i = 0; i < count; i++)
		if (is_ip[i] && has_flow(&p[i]))
			flow_fetch_order(f->flows, &f->places[i], now);
	for (uint32_t i = 0; i < count; i++)
		if (is_ip[i] && has_flow(&p[i]))
			flow_fetch_beside(f->flows, &f->places[i], now);
	for (uint32_t i = 0; i < count; i++) {
		const struct passage w = { f, &p[i], &f->places[i], now, &out[i] };

		out[i] = (struct filter_decision){ .result = FILTER_DROP, .reason = FILTER_NOT_IP,
						   .kind = POLICY_IS_DOUBTFUL };
		if (is_ip[i])
			decide(&w, &packets[i]);
		f->counts.in[out[i].reason][out[i].result]++;
	}
}

enum filter_result filter_in(struct filter *f, struct bytes packet, uint32_t peer,
			     struct instant now, struct filter_decision *out)
{
	const struct filter_packet one = { packet, peer };

	filter_in_batch(f, &one, 1, now, out);
	return (enum filter_result)out->result;
}

/* --- the rest */

size_t filter_answer(struct filter *f, struct bytes packet, uint32_t peer, struct instant now,
		     uint8_t *out, size_t cap)
{
	struct inspected p;
	size_t len = 0;

	BUG_ON(peer >= f->config.peers);
	if (!inspect_any(packet, false, &p) || p.ip.is_fragment || p.ip.is_odd)
		return 0;
	if (!bucket_take(&f->answers[peer], now, ANSWER_EVERY, FILTER_ANSWERS_PER_SECOND) ||
	    !bucket_take(&f->any_answer, now, ANY_ANSWER_EVERY, ANY_ANSWERS)) {
		f->counts.unanswered++;
		return 0;
	}
	if (p.protocol == PROTO_TCP)
		len = tcp_reset(packet, out, cap);
	else
		len = icmp_unreachable(packet, ICMP_PROHIBITED, 0, NULL, out, cap);
	f->counts.answers += len > 0;
	return len;
}

void filter_tick(struct filter *f, struct instant now)
{
	flows_tick(f->flows, now);
}

struct instant filter_deadline(const struct filter *f)
{
	return flows_deadline(f->flows);
}

const struct filter_counts *filter_counts(const struct filter *f)
{
	return &f->counts;
}

struct flows *filter_flows(struct filter *f)
{
	return f->flows;
}

const struct observations *filter_observed(const struct filter *f)
{
	return f->observed;
}
