/* policy.c - a list is compiled into two maps from port to rule, for TCP and for UDP: sorted pieces
 * of 0..65535, each with the first rule that matches there. The other kinds of packets have one
 * answer a list. So what a rule means is worked out once, by asking the rules in order; later the
 * maps only repeat it.
 *
 * n rules cut the ports in at most 2n + 1 pieces, which is what policy_size reckons with.
 */
#include "policy/policy.h"

#include <string.h>

#define NO_RULE UINT16_MAX
#define TOO_MANY UINT16_MAX

/* From here to where the next piece begins. */
struct piece {
	uint16_t from;
	uint16_t rule; /* index in the list, or NO_RULE */
};

struct pieces {
	uint32_t first, count;
};

struct compiled {
	char name[POLICY_NAME + 1];
	uint8_t origin;
	uint32_t first_rule, rules;
	struct pieces ports[2];  /* POLICY_IS_TCP, POLICY_IS_UDP */
	uint16_t portless[3];    /* POLICY_IS_ICMP, _OTHER, _DOUBTFUL: rule, or NO_RULE */
};

/* List + 1; 0: none. Only the first 0 among orgs ends them. */
struct subject {
	uint16_t own;
	uint16_t orgs[POLICY_PEER_ORGS]; /* by name; TOO_MANY in the first one: more than fit */
};

struct policy {
	struct policy_capacity cap;
	enum policy_default standard;
	bool broken;
	uint32_t lists, rules, pieces;
	uint32_t global;       /* list, or POLICY_NONE */
	uint32_t bound;        /* slots from here on were never bound */
	struct subject *subjects;
	struct compiled *list;
	struct policy_rule *rule;
	struct piece *piece;
};

static size_t rounded(size_t n)
{
	return (n + 7) & ~(size_t)7;
}

/* Of both protocols together. */
static size_t most_pieces(const struct policy_capacity *c)
{
	return 2 * (2 * (size_t)c->rules + c->lists);
}

size_t policy_size(const struct policy_capacity *c)
{
	return rounded(sizeof(struct policy)) + rounded(c->slots * sizeof(struct subject)) +
	       rounded(c->lists * sizeof(struct compiled)) +
	       rounded(c->rules * sizeof(struct policy_rule)) +
	       rounded(most_pieces(c) * sizeof(struct piece));
}

static void *carve(uint8_t **at, size_t size)
{
	void *got = *at;

	*at += rounded(size);
	return got;
}

struct policy *policy_init(void *memory, const struct policy_capacity *c)
{
	uint8_t *at = memory;
	struct policy *p = carve(&at, sizeof(*p));

	BUG_ON(c->lists > POLICY_MOST_LISTS);
	p->cap = *c;
	p->global = POLICY_NONE;
	p->subjects = carve(&at, c->slots * sizeof(*p->subjects));
	p->list = carve(&at, c->lists * sizeof(*p->list));
	p->rule = carve(&at, c->rules * sizeof(*p->rule));
	p->piece = carve(&at, most_pieces(c) * sizeof(*p->piece));
	return p;
}

void policy_clear(struct policy *p)
{
	memset(p->subjects, 0, p->bound * sizeof(*p->subjects));
	p->standard = POLICY_DEFAULT_ALLOW;
	p->broken = false;
	p->lists = p->rules = p->pieces = p->bound = 0;
	p->global = POLICY_NONE;
}

/* --- what one rule says */

static bool is_everything(const struct policy_rule *r)
{
	return r->proto == POLICY_ALL && r->first == 0 && r->last == UINT16_MAX;
}

static bool takes_port(const struct policy_rule *r, enum policy_kind kind, uint16_t port)
{
	enum policy_proto proto = kind == POLICY_IS_TCP ? POLICY_TCP : POLICY_UDP;

	return (r->proto == proto || r->proto == POLICY_ALL) && port >= r->first && port <= r->last;
}

static bool takes_portless(const struct policy_rule *r, enum policy_kind kind)
{
	if (kind == POLICY_IS_ICMP && r->proto == POLICY_ICMP)
		return true;
	if (kind == POLICY_IS_DOUBTFUL && r->action != POLICY_ALLOW)
		return true;
	return is_everything(r);
}

/* --- compiling */

/* Keeps the pieces sorted and different; their rules are not known yet. */
static void cut_at(struct piece *pieces, uint32_t *count, uint32_t from)
{
	uint32_t i = *count;

	if (from > UINT16_MAX)
		return;
	while (i && pieces[i - 1].from > from)
		i--;
	if (i && pieces[i - 1].from == from)
		return;
	memmove(&pieces[i + 1], &pieces[i], (*count - i) * sizeof(*pieces));
	pieces[i] = (struct piece){ (uint16_t)from, NO_RULE };
	++*count;
}

/* Neighbours with one answer become one piece. */
static uint32_t join(struct piece *pieces, uint32_t count)
{
	uint32_t kept = 1;

	for (uint32_t i = 1; i < count; i++)
		if (pieces[i].rule != pieces[kept - 1].rule)
			pieces[kept++] = pieces[i];
	return kept;
}

static struct pieces compile_ports(struct policy *p, const struct policy_rule *rules, uint32_t n,
				   enum policy_kind kind)
{
	struct pieces made = { p->pieces, 0 };
	struct piece *pieces = p->piece + made.first;

	cut_at(pieces, &made.count, 0);
	for (uint32_t i = 0; i < n; i++) {
		if (!takes_port(&rules[i], kind, rules[i].first))
			continue;
		cut_at(pieces, &made.count, rules[i].first);
		cut_at(pieces, &made.count, rules[i].last + 1u);
	}
	for (struct piece *at = pieces; at < pieces + made.count; at++) {
		uint32_t i = 0;

		while (i < n && !takes_port(&rules[i], kind, at->from))
			i++;
		at->rule = i < n ? (uint16_t)i : NO_RULE;
	}
	made.count = join(pieces, made.count);
	p->pieces += made.count;
	return made;
}

static uint16_t compile_portless(const struct policy_rule *rules, uint32_t n, enum policy_kind kind)
{
	uint32_t i = 0;

	while (i < n && !takes_portless(&rules[i], kind))
		i++;
	return i < n ? (uint16_t)i : NO_RULE;
}

uint32_t policy_add(struct policy *p, enum policy_origin origin, const char *name,
		    const struct policy_rule *rules, uint32_t count)
{
	struct compiled *l = &p->list[p->lists];

	BUG_ON(origin > POLICY_FROM_GLOBAL || strlen(name) > POLICY_NAME);
	BUG_ON(policy_find(p, origin, name) != POLICY_NONE);
	BUG_ON(origin == POLICY_FROM_GLOBAL && *name);
	if (p->lists == p->cap.lists || count > POLICY_MAX_RULES || count > p->cap.rules - p->rules)
		return POLICY_NONE;
	*l = (struct compiled){ .origin = (uint8_t)origin,
		.first_rule = p->rules, .rules = count };
	memcpy(l->name, name, strlen(name));
	for (enum policy_kind k = POLICY_IS_TCP; k <= POLICY_IS_UDP; k++)
		l->ports[k] = compile_ports(p, rules, count, k);
	for (enum policy_kind k = POLICY_IS_ICMP; k <= POLICY_IS_DOUBTFUL; k++)
		l->portless[k - POLICY_IS_ICMP] = compile_portless(rules, count, k);
	if (count)
		memcpy(p->rule + p->rules, rules, count * sizeof(*rules));
	p->rules += count;
	if (origin == POLICY_FROM_GLOBAL)
		p->global = p->lists;
	return p->lists++;
}

void policy_set_default(struct policy *p, enum policy_default d)
{
	p->standard = d;
}

void policy_break(struct policy *p)
{
	p->broken = true;
}

uint32_t policy_find(const struct policy *p, enum policy_origin origin, const char *name)
{
	for (uint32_t i = 0; i < p->lists; i++)
		if (p->list[i].origin == origin && !strcmp(p->list[i].name, name))
			return i;
	return POLICY_NONE;
}

static struct subject subject_of(const struct policy *p, uint32_t own, const uint32_t *orgs,
				 uint32_t count)
{
	struct subject s = { .own = own == POLICY_NONE ? 0 : (uint16_t)(own + 1) };

	BUG_ON(own != POLICY_NONE && own >= p->lists);
	if (count > POLICY_PEER_ORGS) {
		s.orgs[0] = TOO_MANY;
		return s;
	}
	for (uint32_t n = 0; n < count; n++) {
		uint32_t i = n;

		BUG_ON(orgs[n] >= p->lists);
		for (; i && strcmp(p->list[s.orgs[i - 1] - 1].name, p->list[orgs[n]].name) > 0; i--)
			s.orgs[i] = s.orgs[i - 1];
		s.orgs[i] = (uint16_t)(orgs[n] + 1);
	}
	return s;
}

void policy_bind(struct policy *p, uint32_t slot, uint32_t own, const uint32_t *orgs,
		 uint32_t org_count)
{
	BUG_ON(slot >= p->cap.slots);
	p->subjects[slot] = subject_of(p, own, orgs, org_count);
	if (slot >= p->bound)
		p->bound = slot + 1;
}

/* --- judging */

/* The last piece that does not begin behind the port. */
static uint16_t rule_at(const struct policy *p, const struct pieces *of, uint16_t port)
{
	const struct piece *base = p->piece + of->first;
	uint32_t count = of->count;

	while (count > 1) {
		uint32_t half = count / 2;

		base += base[half].from <= port ? half : 0;
		count -= half;
	}
	return base->rule;
}

/* False if none of the list's rules matches. */
static bool ask(const struct policy *p, uint32_t id, enum policy_kind kind, uint16_t port,
		struct policy_verdict *out)
{
	const struct compiled *l = &p->list[id];
	uint16_t rule = kind >= POLICY_IS_ICMP ? l->portless[kind - POLICY_IS_ICMP] :
						 rule_at(p, &l->ports[kind], port);
	const struct policy_rule *r;

	if (rule == NO_RULE)
		return false;
	r = &p->rule[l->first_rule + rule];
	*out = (struct policy_verdict){ .action = r->action, .origin = l->origin, .list = id,
		.rule = rule, .line = r->line, .hit = 1 + l->first_rule + rule };
	return true;
}

static void judge(const struct policy *p, const struct subject *s, enum policy_kind kind,
		  uint16_t port, struct policy_verdict *out)
{
	if (p->broken || s->orgs[0] == TOO_MANY) {
		*out = (struct policy_verdict){ .action = POLICY_DENY, .origin = POLICY_FROM_BROKEN,
			.list = POLICY_NONE };
		return;
	}
	if (s->own && ask(p, s->own - 1u, kind, port, out))
		return;
	for (uint32_t i = 0; i < POLICY_PEER_ORGS && s->orgs[i]; i++)
		if (ask(p, s->orgs[i] - 1u, kind, port, out))
			return;
	if (p->global != POLICY_NONE && ask(p, p->global, kind, port, out))
		return;
	*out = (struct policy_verdict){ .origin = POLICY_FROM_DEFAULT, .list = POLICY_NONE,
		.action = p->standard == POLICY_DEFAULT_DENY ? POLICY_DENY : POLICY_ALLOW,
		.observed = p->standard == POLICY_DEFAULT_OBSERVE };
}

void policy_judge(const struct policy *p, uint32_t slot, enum policy_kind kind, uint16_t port,
		  struct policy_verdict *out)
{
	BUG_ON(slot >= p->cap.slots);
	judge(p, &p->subjects[slot], kind, port, out);
}

void policy_judge_as(const struct policy *p, uint32_t own, const uint32_t *orgs, uint32_t org_count,
		     enum policy_kind kind, uint16_t port, struct policy_verdict *out)
{
	struct subject s = subject_of(p, own, orgs, org_count);

	judge(p, &s, kind, port, out);
}

enum policy_default policy_default_of(const struct policy *p)
{
	return p->standard;
}

bool policy_is_broken(const struct policy *p)
{
	return p->broken;
}

uint32_t policy_lists(const struct policy *p)
{
	return p->lists;
}

struct policy_list policy_list_of(const struct policy *p, uint32_t id)
{
	const struct compiled *l;

	BUG_ON(id >= p->lists);
	l = &p->list[id];
	return (struct policy_list){ l->name, l->origin, p->rule + l->first_rule, l->rules,
		1 + l->first_rule };
}

/* --- hits */

uint32_t policy_most_hits(const struct policy_capacity *c)
{
	return 1 + c->rules;
}

uint32_t policy_hits_count(const struct policy *p)
{
	return 1 + p->rules;
}

/* How many of the first n rules are the same as r. */
static uint32_t count_equal(const struct policy_rule *rules, uint32_t n,
			    const struct policy_rule *r)
{
	uint32_t equal = 0;

	for (uint32_t i = 0; i < n; i++)
		equal += policy_rule_equal(&rules[i], r);
	return equal;
}

/* A rule that stands in a list twice keeps the hits of the first for the first. */
static void carry_list(const struct policy_list *old, const struct policy_hits *from,
		       const struct policy_list *l, struct policy_hits *to)
{
	for (uint32_t i = 0; i < l->count; i++) {
		uint32_t before = count_equal(l->rules, i, &l->rules[i]), k = 0;

		for (; k < old->count; k++)
			if (policy_rule_equal(&old->rules[k], &l->rules[i]) && !before--)
				break;
		if (k < old->count)
			to[l->hit + i] = from[old->hit + k];
	}
}

void policy_hits_carry(const struct policy *old, const struct policy_hits *from,
		       const struct policy *p, struct policy_hits *to)
{
	memset(to, 0, policy_hits_count(p) * sizeof(*to));
	if (!old)
		return;
	if (old->standard == p->standard && old->broken == p->broken)
		to[0] = from[0];
	for (uint32_t i = 0; i < p->lists; i++) {
		struct policy_list now = policy_list_of(p, i), was;
		uint32_t id = policy_find(old, now.origin, now.name);

		if (id == POLICY_NONE)
			continue;
		was = policy_list_of(old, id);
		carry_list(&was, from, &now, to);
	}
}
