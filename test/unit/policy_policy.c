/* Compiled service rules: the order of the lists, the kinds of packets, and a naive twin. */
#include "policy/policy.h"

#include "base/rng.h"
#include "dies.h"
#include "tap.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static const struct policy_capacity roomy = { .slots = 8, .lists = 12, .rules = 4096 };

static struct policy *fresh(const struct policy_capacity *c)
{
	return policy_init(calloc(1, policy_size(c)), c);
}

static uint32_t add(struct policy *p, enum policy_origin origin, const char *name, const char *file)
{
	static struct policy_rule rules[POLICY_MAX_RULES];
	struct policy_mistake mistake;
	size_t count;

	ok(policy_rules_parse(bytes_of(file, strlen(file)), rules, COUNT(rules), &count, &mistake));
	return policy_add(p, origin, name, rules, (uint32_t)count);
}

static struct policy_verdict judge(const struct policy *p, uint32_t slot, enum policy_kind kind,
				   uint16_t port)
{
	struct policy_verdict v;

	policy_judge(p, slot, kind, port, &v);
	return v;
}

static bool allowed(const struct policy *p, uint32_t slot, enum policy_kind kind, uint16_t port)
{
	return judge(p, slot, kind, port).action == POLICY_ALLOW;
}

static void without_rules_the_default_decides(void)
{
	struct policy *p = fresh(&roomy);
	struct policy_verdict v = judge(p, 3, POLICY_IS_TCP, 22);

	eq_int(v.action, POLICY_ALLOW);
	eq_int(v.origin, POLICY_FROM_DEFAULT);
	eq_int(v.list, POLICY_NONE);
	eq_int(v.hit, 0);
	ok(!v.observed);
	policy_set_default(p, POLICY_DEFAULT_DENY);
	for (enum policy_kind k = POLICY_IS_TCP; k <= POLICY_IS_DOUBTFUL; k++)
		ok(!allowed(p, 3, k, 22));
	policy_set_default(p, POLICY_DEFAULT_OBSERVE);
	v = judge(p, 3, POLICY_IS_OTHER, 0);
	eq_int(v.action, POLICY_ALLOW);
	ok(v.observed);
	free(p);
}

/* The examples of the manual: SSH and HTTPS for all, Postgres for node-1, HTTP for an org. */
static void the_lists_are_asked_in_order(void)
{
	struct policy *p = fresh(&roomy);
	uint32_t global = add(p, POLICY_FROM_GLOBAL, "", "allow tcp 22\nallow tcp 443\ndeny all\n");
	uint32_t node = add(p, POLICY_FROM_PEER, "node-1", "allow tcp 5432\n\ndeny tcp 443\n");
	uint32_t org = add(p, POLICY_FROM_ORG, "eosrio", "allow tcp 80\nallow tcp 443\n");
	struct policy_verdict v;

	policy_bind(p, 1, node, &org, 1);
	policy_bind(p, 2, POLICY_NONE, &org, 1);
	ok(allowed(p, 0, POLICY_IS_TCP, 22) && allowed(p, 0, POLICY_IS_TCP, 443));
	ok(!allowed(p, 0, POLICY_IS_TCP, 80) && !allowed(p, 0, POLICY_IS_UDP, 443));
	ok(!allowed(p, 0, POLICY_IS_TCP, 5432) && allowed(p, 1, POLICY_IS_TCP, 5432));
	ok(!allowed(p, 2, POLICY_IS_TCP, 5432) && allowed(p, 2, POLICY_IS_TCP, 80));
	v = judge(p, 1, POLICY_IS_TCP, 443);
	eq_int(v.action, POLICY_DENY);
	eq_int(v.origin, POLICY_FROM_PEER);
	eq_int(v.list, node);
	eq_int(v.rule, 1);
	eq_int(v.line, 3);
	eq_int(v.hit, policy_list_of(p, node).hit + 1);
	v = judge(p, 2, POLICY_IS_TCP, 443);
	eq_int(v.origin, POLICY_FROM_ORG);
	eq_int(v.list, org);
	eq_int(v.line, 2);
	v = judge(p, 2, POLICY_IS_ICMP, 0);
	eq_int(v.action, POLICY_DENY);
	eq_int(v.origin, POLICY_FROM_GLOBAL);
	eq_int(v.list, global);
	eq_int(v.line, 3);
	policy_judge_as(p, node, NULL, 0, POLICY_IS_TCP, 80, &v);
	eq_int(v.origin, POLICY_FROM_GLOBAL);
	policy_bind(p, 1, POLICY_NONE, NULL, 0);
	ok(!allowed(p, 1, POLICY_IS_TCP, 5432));
	eq_int(policy_lists(p), 3);
	eq_str(policy_list_of(p, org).name, "eosrio");
	eq_int(policy_find(p, POLICY_FROM_ORG, "eosrio"), org);
	eq_int(policy_find(p, POLICY_FROM_PEER, "eosrio"), POLICY_NONE);
	free(p);
}

static void orgs_are_asked_by_name(void)
{
	struct policy *p = fresh(&roomy);
	uint32_t orgs[POLICY_PEER_ORGS + 1];

	orgs[0] = add(p, POLICY_FROM_ORG, "north", "deny tcp 22\n");
	orgs[1] = add(p, POLICY_FROM_ORG, "east", "allow tcp 22\nreject tcp 80");
	orgs[2] = add(p, POLICY_FROM_ORG, "west", "allow tcp 80\nallow udp\n");
	policy_bind(p, 0, POLICY_NONE, orgs, 3);
	eq_int(judge(p, 0, POLICY_IS_TCP, 22).list, orgs[1]);
	eq_int(judge(p, 0, POLICY_IS_TCP, 80).action, POLICY_REJECT);
	eq_int(judge(p, 0, POLICY_IS_UDP, 80).list, orgs[2]);
	for (uint32_t i = 3; i < COUNT(orgs); i++)
		orgs[i] = add(p, POLICY_FROM_ORG, (char[]){ (char)('a' + i), 0 }, "allow all\n");
	policy_bind(p, 0, POLICY_NONE, orgs, POLICY_PEER_ORGS);
	eq_int(judge(p, 0, POLICY_IS_OTHER, 0).list, orgs[3]);
	policy_bind(p, 0, POLICY_NONE, orgs, POLICY_PEER_ORGS + 1);
	eq_int(judge(p, 0, POLICY_IS_TCP, 22).action, POLICY_DENY);
	eq_int(judge(p, 0, POLICY_IS_TCP, 22).origin, POLICY_FROM_BROKEN);
	free(p);
}

static void a_broken_policy_denies_everything(void)
{
	struct policy *p = fresh(&roomy);

	ok(add(p, POLICY_FROM_GLOBAL, "", "allow all\n") != POLICY_NONE);
	policy_break(p);
	for (enum policy_kind k = POLICY_IS_TCP; k <= POLICY_IS_DOUBTFUL; k++) {
		eq_int(judge(p, 0, k, 22).action, POLICY_DENY);
		eq_int(judge(p, 0, k, 22).origin, POLICY_FROM_BROKEN);
	}
	ok(policy_is_broken(p));
	policy_clear(p);
	ok(!policy_is_broken(p));
	ok(allowed(p, 0, POLICY_IS_TCP, 22));
	free(p);
}

static void each_kind_has_its_rules(void)
{
	/* a: allowed, d: denied, by rule or by the default of the row */
	static const struct {
		const char *file;
		enum policy_default standard;
		const char *verdicts; /* TCP 22, UDP 22, TCP 0, ICMP, other, doubtful */
	} rows[] = {
		{ "allow tcp 22", POLICY_DEFAULT_DENY, "addddd" },
		{ "allow udp 22", POLICY_DEFAULT_DENY, "dadddd" },
		{ "allow all 22", POLICY_DEFAULT_DENY, "aadddd" },
		{ "allow all 1-65535", POLICY_DEFAULT_DENY, "aadddd" },
		{ "allow tcp", POLICY_DEFAULT_DENY, "adaddd" },
		{ "allow icmp", POLICY_DEFAULT_DENY, "dddadd" },
		{ "allow all", POLICY_DEFAULT_DENY, "aaaaaa" },
		{ "deny tcp 22", POLICY_DEFAULT_ALLOW, "daaaad" },
		{ "deny all 22", POLICY_DEFAULT_ALLOW, "ddaaad" },
		{ "reject icmp", POLICY_DEFAULT_ALLOW, "aaadad" },
		{ "deny all", POLICY_DEFAULT_ALLOW, "dddddd" },
		{ "allow tcp 1-65535", POLICY_DEFAULT_ALLOW, "aaaaaa" },
		{ "allow tcp 22\ndeny all", POLICY_DEFAULT_ALLOW, "addddd" },
		{ "allow all\ndeny tcp 22", POLICY_DEFAULT_DENY, "aaaaaa" },
		{ "deny tcp 80\nallow all", POLICY_DEFAULT_DENY, "aaaaad" },
		{ "deny udp 22", POLICY_DEFAULT_OBSERVE, "adaaad" },
		{ "", POLICY_DEFAULT_ALLOW, "aaaaaa" },
		{ "", POLICY_DEFAULT_DENY, "dddddd" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct policy *p = fresh(&roomy);
		char got[7] = { 0 };

		ok(add(p, POLICY_FROM_GLOBAL, "", rows[i].file) != POLICY_NONE);
		policy_set_default(p, rows[i].standard);
		got[0] = allowed(p, 0, POLICY_IS_TCP, 22) ? 'a' : 'd';
		got[1] = allowed(p, 0, POLICY_IS_UDP, 22) ? 'a' : 'd';
		got[2] = allowed(p, 0, POLICY_IS_TCP, 0) ? 'a' : 'd';
		got[3] = allowed(p, 0, POLICY_IS_ICMP, 0) ? 'a' : 'd';
		got[4] = allowed(p, 0, POLICY_IS_OTHER, 22) ? 'a' : 'd';
		got[5] = allowed(p, 0, POLICY_IS_DOUBTFUL, 22) ? 'a' : 'd';
		if (strcmp(got, rows[i].verdicts))
			TAP_FAIL("row %zu is %s, want %s", i, got, rows[i].verdicts);
		free(p);
	}
}

/* --- a twin that asks rule by rule */

struct twin {
	struct policy_rule rules[8][64];
	uint32_t counts[8]; /* list 0: global; 1, 2: of peers; 3..: of orgs, by name */
	uint32_t ids[8];
};

static bool twin_takes(const struct policy_rule *r, enum policy_kind kind, uint16_t port)
{
	bool everything = r->proto == POLICY_ALL && !r->first && r->last == 65535;

	switch (kind) {
	case POLICY_IS_TCP:
	case POLICY_IS_UDP:
		return (r->proto == POLICY_ALL || r->proto == (enum policy_proto)kind) &&
		       r->first <= port && port <= r->last;
	case POLICY_IS_ICMP:
		return everything || r->proto == POLICY_ICMP;
	case POLICY_IS_OTHER:
		return everything;
	default:
		return everything || r->action != POLICY_ALLOW;
	}
}

static struct policy_rule random_rule(struct rng *rng)
{
	struct policy_rule r = { (uint8_t)rng_below(rng, 3), (uint8_t)rng_below(rng, 4), 0, 65535,
				 (uint32_t)rng_below(rng, 1000) };
	uint64_t a = 1 + rng_below(rng, 65535), b = 1 + rng_below(rng, 65535);

	if (r.proto == POLICY_ICMP || !rng_below(rng, 9))
		return r;
	if (rng_below(rng, 2)) /* small numbers meet often */
		a = 1 + a % 24, b = 1 + b % 24;
	if (!rng_below(rng, 20))
		b = 65535;
	if (rng_below(rng, 2))
		b = a;
	r.first = (uint16_t)(a < b ? a : b);
	r.last = (uint16_t)(a < b ? b : a);
	return r;
}

static void fill_randomly(struct rng *rng, struct policy *p, struct twin *t)
{
	for (uint32_t i = 0; i < 8; i++) {
		enum policy_origin origin = i == 0 ? POLICY_FROM_GLOBAL :
					    i < 3  ? POLICY_FROM_PEER :
						     POLICY_FROM_ORG;

		t->counts[i] = (uint32_t)rng_below(rng, i ? 12 : 65);
		for (uint32_t k = 0; k < t->counts[i]; k++)
			t->rules[i][k] = random_rule(rng);
		t->ids[i] = policy_add(p, origin, i ? (char[]){ (char)('a' + i), 0 } : "",
				       t->rules[i], t->counts[i]);
		ok(t->ids[i] != POLICY_NONE);
	}
	policy_set_default(p, (enum policy_default)rng_below(rng, 3));
}

static void compare(const struct policy *p, const struct twin *t, uint32_t slot,
		    const uint32_t *order, uint32_t n, enum policy_kind kind, uint16_t port)
{
	struct policy_verdict v = judge(p, slot, kind, port);

	for (uint32_t i = 0; i < n; i++) {
		const struct policy_rule *rules = t->rules[order[i]];

		for (uint32_t k = 0; k < t->counts[order[i]]; k++) {
			if (!twin_takes(&rules[k], kind, port))
				continue;
			eq_int(v.list, t->ids[order[i]]);
			eq_int(v.rule, k);
			eq_int(v.line, rules[k].line);
			eq_int(v.action, rules[k].action);
			eq_int(v.hit, policy_list_of(p, v.list).hit + k);
			ok(!v.observed);
			return;
		}
	}
	eq_int(v.origin, POLICY_FROM_DEFAULT);
	eq_int(v.action, policy_default_of(p) == POLICY_DEFAULT_DENY ? POLICY_DENY : POLICY_ALLOW);
}

static void a_naive_twin_agrees(void)
{
	static struct twin t;
	struct policy *p = fresh(&roomy);
	struct rng rng;

	rng_init(&rng, 8);
	for (unsigned turn = 0; turn < 300 && !tap_bad; turn++) {
		uint32_t orgs[3], order[5] = { 1 + (uint32_t)rng_below(&rng, 2) };

		policy_clear(p);
		fill_randomly(&rng, p, &t);
		for (uint32_t i = 0, first = 3 + (uint32_t)rng_below(&rng, 3); i < 3; i++)
			orgs[2 - i] = t.ids[order[1 + i] = first + i];
		order[4] = 0;
		policy_bind(p, 5, t.ids[order[0]], orgs, 3);
		for (unsigned q = 0; q < 400; q++) {
			enum policy_kind kind = (enum policy_kind)rng_below(&rng, 5);
			uint16_t port = (uint16_t)(rng_below(&rng, 2) ? rng_below(&rng, 65536) :
									rng_below(&rng, 26));

			compare(p, &t, 5, order, 5, kind, port);
			compare(p, &t, 4, order + 4, 1, kind, port);
		}
		compare(p, &t, 5, order, 5, POLICY_IS_TCP, 65535);
		compare(p, &t, 5, order, 5, POLICY_IS_UDP, 0);
	}
	free(p);
}

static void room_is_what_was_asked_for(void)
{
	const struct policy_capacity tight = { .slots = 1, .lists = 2, .rules = POLICY_MAX_RULES };
	static struct policy_rule rules[POLICY_MAX_RULES];
	struct policy *p = fresh(&tight);

	/* every rule cuts twice, in both protocols: the most pieces that there can be */
	for (uint32_t i = 0; i < POLICY_MAX_RULES; i++)
		rules[i] = (struct policy_rule){ POLICY_DENY, POLICY_ALL, (uint16_t)(1 + 4 * i),
			(uint16_t)(2 + 4 * i), i + 1 };
	eq_int(policy_add(p, POLICY_FROM_GLOBAL, "", rules, POLICY_MAX_RULES), 0);
	eq_int(policy_add(p, POLICY_FROM_PEER, "a", rules, 1), POLICY_NONE);
	eq_int(policy_add(p, POLICY_FROM_PEER, "a", rules, 0), 1);
	eq_int(policy_add(p, POLICY_FROM_PEER, "b", rules, 0), POLICY_NONE);
	eq_int(judge(p, 0, POLICY_IS_UDP, 4 * 1023 + 2).line, 1024);
	eq_int(judge(p, 0, POLICY_IS_TCP, 4 * 1023 + 3).origin, POLICY_FROM_DEFAULT);
	eq_int(judge(p, 0, POLICY_IS_TCP, 4 * 500 + 1).rule, 500);
	eq_int(policy_hits_count(p), policy_most_hits(&tight));
	free(p);
}

static void hits_stay_with_their_rules(void)
{
	struct policy *old = fresh(&roomy), *now = fresh(&roomy);
	struct policy_hits from[16], to[16];

	add(old, POLICY_FROM_GLOBAL, "", "allow tcp 22\nallow tcp 443\ndeny all\n");
	add(old, POLICY_FROM_PEER, "a", "allow tcp 1\nallow tcp 1\n");
	add(now, POLICY_FROM_PEER, "b", "allow tcp 22\n");
	add(now, POLICY_FROM_PEER, "a", "allow udp 1\nallow tcp 1\nallow tcp 1\nallow tcp 1\n");
	add(now, POLICY_FROM_GLOBAL, "", "# moved\nallow tcp 443\nallow tcp 22\ndeny tcp 443\n");
	for (uint64_t i = 0; i < COUNT(from); i++)
		from[i] = (struct policy_hits){ 100 + i, 10 + i };
	memset(to, 0x55, sizeof(to));
	policy_hits_carry(old, from, now, to);
	eq_int(to[0].packets, 100);
	eq_int(to[1].packets, 0); /* another list */
	eq_int(to[2].packets, 0);
	eq_int(to[3].packets, 104);
	eq_int(to[4].packets, 105);
	eq_int(to[5].packets, 0);
	eq_int(to[6].packets, 102);
	eq_int(to[6].flows, 12);
	eq_int(to[7].packets, 101);
	eq_int(to[8].packets, 0); /* another action */
	policy_set_default(now, POLICY_DEFAULT_DENY);
	policy_hits_carry(old, from, now, to);
	eq_int(to[0].packets, 0);
	policy_hits_carry(NULL, NULL, now, to);
	eq_int(to[4].packets, 0);
	free(old);
	free(now);
}

static void add_twice(void *arg)
{
	add(arg, POLICY_FROM_PEER, "a", "");
	add(arg, POLICY_FROM_PEER, "a", "");
}

static void one_name_is_one_list(void)
{
	struct policy *p = fresh(&roomy);

	ok(dies(add_twice, p));
	ok(add(p, POLICY_FROM_PEER, "a", "") != add(p, POLICY_FROM_ORG, "a", ""));
	free(p);
}

TAP_TESTS(T(without_rules_the_default_decides), T(the_lists_are_asked_in_order),
	  T(orgs_are_asked_by_name), T(a_broken_policy_denies_everything),
	  T(each_kind_has_its_rules),
	  T(a_naive_twin_agrees), T(room_is_what_was_asked_for), T(hits_stay_with_their_rules),
	  T(one_name_is_one_list))
