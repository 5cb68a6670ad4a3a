/* Service rules in whole nodes: what comes out of the tunnel and what is kept from the TUN. */
#include "orgs_world.h"

#include "packet/ip.h"

#define SYN 0x02u
#define ACK 0x10u
#define RST 0x04u

static uint8_t ip_packet[256];
static struct event seen_event;

/* Both are on and know each other. */
static void two_nodes(void)
{
	world(false);
	start_pair();
	run_ms(3000);
	ok(passes(1, 0, false, 300));
}

static void rule_lists(unsigned at, const struct policy_list *lists, unsigned n,
		       enum policy_default d)
{
	event(&machines[at], &(struct node_event){ .kind = NODE_POLICY_BEGIN });
	for (unsigned i = 0; i < n; i++)
		event(&machines[at], &(struct node_event){ .kind = NODE_POLICY_LIST,
							   .list = &lists[i] });
	event(&machines[at], &(struct node_event){ .kind = NODE_POLICY_END, .number = d });
}

/* One list of one rule. */
static void rule(unsigned at, enum policy_origin origin, const char *name, const char *const *words,
		 unsigned count, enum policy_default d)
{
	struct policy_rule r;
	struct policy_list list = { .name = name, .origin = origin, .rules = &r, .count = 1 };

	eq_int(policy_rule_parse(words, count, &r), POLICY_OK);
	rule_lists(at, &list, 1, d);
}

static size_t tcp(unsigned from, unsigned to, uint16_t src, uint16_t dst, uint8_t flags)
{
	size_t len = make_packet(ip_packet, from, to, false, 0) - 4 + 20;

	memset(ip_packet + 20, 0, 20);
	store_be16(ip_packet + 2, (uint16_t)len);
	ip_packet[9] = PROTO_TCP;
	store_be16(ip_packet + 20, src);
	store_be16(ip_packet + 22, dst);
	ip_packet[32] = 0x50;
	ip_packet[33] = flags;
	return len;
}

/* Whether it arrives within 100 ms. */
static bool arrives(unsigned from, unsigned to, uint16_t src, uint16_t dst, uint8_t flags)
{
	unsigned before = machines[to].got_packets;
	size_t len = tcp(from, to, src, dst, flags);

	event(&machines[from], &(struct node_event){ .kind = NODE_PACKET,
						     .data = bytes_of(ip_packet, len) });
	run_ms(100);
	return machines[to].got_packets == before + 1;
}

static unsigned events_of(unsigned at, enum event_kind kind)
{
	const struct event_ring *ring = node_events(machines[at].node);
	unsigned n = 0;

	for (uint64_t i = 1; i <= ring->count; i++) {
		const struct event *e = event_get(ring, i);

		if (e && e->kind == kind) {
			seen_event = *e;
			n++;
		}
	}
	return n;
}

static void default_deny_lets_in_answers_and_what_is_allowed(void)
{
	static const char *const ssh[] = { "allow", "tcp", "22" };

	two_nodes();
	rule(0, POLICY_FROM_GLOBAL, "", ssh, 3, POLICY_DEFAULT_DENY);
	ok(arrives(1, 0, 40000, 22, SYN));
	ok(arrives(0, 1, 22, 40000, SYN | ACK));
	ok(arrives(1, 0, 40000, 22, ACK));
	ok(!arrives(1, 0, 40001, 23, SYN));
	ok(!passes(1, 0, false, 300)); /* protocol 253 */
	/* Every connection of this host works. */
	ok(arrives(0, 1, 50000, 23, SYN));
	ok(arrives(1, 0, 23, 50000, SYN | ACK));
	ok(arrives(0, 1, 50000, 23, ACK));
	ok(arrives(1, 0, 23, 50000, ACK));
	eq_int(events_of(0, EV_SERVICES_RULED), 1);
	eq_int(seen_event.a, 1);
	eq_int(events_of(0, EV_SERVICE_DENIED), 2);
	eq_int(seen_event.a, 253 << 16);
	ok(!memcmp(&seen_event.subject, &machines[1].public, sizeof(seen_event.subject)));
}

static void a_change_judges_open_flows_of_others_again(void)
{
	static const char *const all[] = { "allow", "all" }, *const none[] = { "deny", "all" };

	two_nodes();
	rule(0, POLICY_FROM_GLOBAL, "", all, 2, POLICY_DEFAULT_DENY);
	ok(arrives(1, 0, 40000, 80, SYN));
	ok(arrives(0, 1, 50000, 80, SYN));
	ok(arrives(1, 0, 80, 50000, SYN | ACK));
	rule(0, POLICY_FROM_GLOBAL, "", none, 2, POLICY_DEFAULT_ALLOW);
	ok(!arrives(1, 0, 40000, 80, ACK));
	ok(arrives(1, 0, 80, 50000, ACK));
}

/* Node 1 is trusted by its key, too: it stays, and what the org opened to it closes. */
static void three_members(uint64_t lasts)
{
	static const char *const ssh[] = { "allow", "tcp", "22" };

	orgs_world();
	disks[0].keys = 1u << 1;
	for (unsigned i = 0; i < 3; i++) {
		member(i, ACME, now.wall.s + (i == 1 ? lasts : DAY));
		start(i);
	}
	rule(0, POLICY_FROM_ORG, "acme", ssh, 3, POLICY_DEFAULT_DENY);
	run_ms(5000);
	ok(arrives(1, 0, 40000, 22, SYN));
	ok(arrives(0, 1, 22, 40000, SYN | ACK));
	ok(arrives(1, 0, 40000, 22, ACK));
}

static void rules_of_an_org_end_with_the_certificate(void)
{
	three_members(60);
	run_ms(45000);
	ok(arrives(1, 0, 40000, 22, ACK));
	run_ms(15000);
	ok(knows(0, 1));
	ok(!arrives(1, 0, 40000, 22, ACK));
	ok(!arrives(1, 0, 40001, 22, SYN));
}

static void rules_of_an_org_end_when_it_revokes(void)
{
	three_members(DAY);
	say(2, STATEMENT_REVOCATION, ACME, 1);
	run_ms(5000);
	ok(knows(0, 1));
	ok(!arrives(1, 0, 40000, 22, ACK));
	ok(!arrives(1, 0, 40001, 22, SYN));
}

static void a_rejected_segment_gets_a_reset(void)
{
	static const char *const words[] = { "reject", "tcp", "25" };
	struct ip_packet ip;

	two_nodes();
	rule(0, POLICY_FROM_GLOBAL, "", words, 3, POLICY_DEFAULT_ALLOW);
	unsigned before = machines[1].got_packets;
	ok(!arrives(1, 0, 40000, 25, SYN));
	eq_int(machines[1].got_packets, before + 1);
	ok(ip_packet_parse(bytes_of(machines[1].last_packet, machines[1].last_len), &ip));
	eq_int(ip.src_port, 25);
	eq_int(ip.dst_port, 40000);
	ok(machines[1].last_packet[ip.l4_offset + 13] & RST);
}

static void rules_of_a_peer_hold_by_its_key_and_by_its_name(void)
{
	static const char *const words[] = { "allow", "tcp", "5432" };
	struct policy_rule deny = { .action = POLICY_DENY, .proto = POLICY_ALL, .last = 65535 };
	char hex[65];

	two_nodes();
	rule(0, POLICY_FROM_PEER, "n1", words, 3, POLICY_DEFAULT_DENY);
	ok(arrives(1, 0, 40000, 5432, SYN));
	rule(0, POLICY_FROM_PEER, "n2", words, 3, POLICY_DEFAULT_DENY);
	ok(!arrives(1, 0, 40001, 5432, SYN));
	/* The key's file comes before that of the name. */
	struct policy_rule allow;
	eq_int(policy_rule_parse(words, 3, &allow), POLICY_OK);
	hex_encode(machines[1].public.b, 32, hex, sizeof(hex));
	struct policy_list lists[] = {
		{ .name = "n1", .origin = POLICY_FROM_PEER, .rules = &deny, .count = 1 },
		{ .name = hex, .origin = POLICY_FROM_PEER, .rules = &allow, .count = 1 },
	};
	rule_lists(0, lists, 2, POLICY_DEFAULT_DENY);
	ok(arrives(1, 0, 40002, 5432, SYN));
	/* Rules wait for a peer that is trusted later. */
	trust(&machines[0], 0);
	trust(&machines[0], 2);
	run_ms(5000);
	(void)arrives(1, 0, 40003, 5432, SYN);
	ok(arrives(1, 0, 40003, 5432, SYN));
	ok(!arrives(1, 0, 40004, 22, SYN));
}

static void what_would_be_denied_is_observed(void)
{
	static const char *const words[] = { "allow", "tcp", "22" };
	struct report_observed o = { 0 };

	two_nodes();
	rule(0, POLICY_FROM_GLOBAL, "", words, 3, POLICY_DEFAULT_OBSERVE);
	ok(arrives(1, 0, 40000, 22, SYN));
	eq_int(node_report_observed(machines[0].node, UINT32_MAX, &o), UINT32_MAX);
	ok(arrives(1, 0, 40000, 80, SYN));
	ok(arrives(1, 0, 40001, 80, SYN));
	uint32_t at = node_report_observed(machines[0].node, UINT32_MAX, &o);
	ok(at != UINT32_MAX);
	eq_str(o.name, "n1");
	eq_int(o.protocol, PROTO_TCP);
	eq_int(o.port, 80);
	eq_int(o.times, 2);
	eq_int(node_report_observed(machines[0].node, at, &o), UINT32_MAX);
}

static void rules_are_reported_with_their_hits(void)
{
	static const char *const words[] = { "allow", "tcp", "22" };
	struct report_service r = { 0 };
	struct report_node node;

	two_nodes();
	rule(0, POLICY_FROM_PEER, "n1", words, 3, POLICY_DEFAULT_DENY);
	ok(arrives(1, 0, 40000, 22, SYN));
	ok(arrives(1, 0, 40000, 22, SYN));
	ok(!arrives(1, 0, 40000, 23, SYN));
	eq_int(node_report_service(machines[0].node, UINT32_MAX, &r), 0);
	eq_str(r.origin, "default");
	eq_str(r.rule, "deny");
	eq_int(r.packets, 1);
	memset(&r, 0, sizeof(r));
	eq_int(node_report_service(machines[0].node, 0, &r), 1);
	eq_str(r.origin, "peer");
	eq_str(r.list, "n1");
	eq_str(r.rule, "allow tcp 22");
	eq_int(r.packets, 2);
	eq_int(r.flows, 1);
	eq_int(node_report_service(machines[0].node, 1, &r), UINT32_MAX);
	node_report(machines[0].node, &node);
	eq_str(node.services_default, "deny");
	eq_int(node.service_rules, 1);
}

static void bad_rules_change_nothing_and_are_told_once(void)
{
	static const char *const words[] = { "deny", "tcp", "22" };
	struct report_service r = { 0 };
	struct report_node node;

	two_nodes();
	rule(0, POLICY_FROM_GLOBAL, "", words, 3, POLICY_DEFAULT_ALLOW);
	for (int i = 0; i < 3; i++)
		event(&machines[0], &(struct node_event){ .kind = NODE_POLICY_BAD,
							  .name = "global.policy:3: why" });
	ok(!arrives(1, 0, 40000, 22, SYN));
	ok(arrives(1, 0, 40000, 23, SYN));
	eq_int(events_of(0, EV_SERVICES_BAD), 1);
	node_report(machines[0].node, &node);
	eq_str(node.services_trouble, "global.policy:3: why");
	eq_int(node.service_rules, 1);
	eq_int(node_report_service(machines[0].node, 0, &r), 1);
	eq_int(r.packets, 1);
	rule(0, POLICY_FROM_GLOBAL, "", words, 3, POLICY_DEFAULT_ALLOW);
	node_report(machines[0].node, &node);
	eq_str(node.services_trouble, "");
	eq_int(node_report_service(machines[0].node, 0, &r), 1);
	eq_int(r.packets, 1); /* carried */
}

static void rules_that_do_not_fit_change_nothing(void)
{
	struct policy_rule many[POLICY_MAX_RULES];
	struct policy_list lists[NODE_RULES / POLICY_MAX_RULES + 1];
	char names[sizeof(lists) / sizeof(*lists)][4];
	struct report_node node;

	two_nodes();
	for (unsigned i = 0; i < POLICY_MAX_RULES; i++)
		many[i] = (struct policy_rule){ .action = POLICY_DENY, .proto = POLICY_TCP,
						.first = (uint16_t)(i + 1),
						.last = (uint16_t)(i + 1) };
	for (unsigned i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
		memcpy(names[i], (char[]){ 'p', (char)('a' + i), '\0' }, 3);
		lists[i] = (struct policy_list){ .name = names[i], .origin = POLICY_FROM_PEER,
						 .rules = many, .count = POLICY_MAX_RULES };
	}
	rule_lists(0, lists, sizeof(lists) / sizeof(*lists), POLICY_DEFAULT_DENY);
	node_report(machines[0].node, &node);
	ok(*node.services_trouble);
	eq_int(node.service_rules, 0);
	ok(arrives(1, 0, 40000, 22, SYN));
	rule_lists(0, lists, sizeof(lists) / sizeof(*lists) - 1, POLICY_DEFAULT_DENY);
	node_report(machines[0].node, &node);
	ok(!*node.services_trouble);
	eq_int(node.service_rules, NODE_RULES);
	ok(!arrives(1, 0, 40000, 22, SYN));
}

static void before_its_rules_are_read_a_node_is_closed(void)
{
	world(false);
	machines[0].closed = true;
	start_pair();
	run_ms(3000);
	ok(!arrives(1, 0, 40000, 22, SYN));
	ok(!arrives(1, 0, 40000, 22, SYN));
	ok(arrives(0, 1, 50000, 22, SYN));
	ok(arrives(1, 0, 22, 50000, SYN | ACK));
	/* Bad ones open nothing. */
	event(&machines[0], &(struct node_event){ .kind = NODE_POLICY_BAD,
						  .name = "default: why" });
	ok(!arrives(1, 0, 40000, 22, SYN));
	rule_lists(0, NULL, 0, POLICY_DEFAULT_ALLOW);
	ok(arrives(1, 0, 40000, 22, SYN));
}

static void a_flood_of_denials_is_told_ten_times_and_once_a_second(void)
{
	static const char *const words[] = { "deny", "all" };

	two_nodes();
	rule(0, POLICY_FROM_GLOBAL, "", words, 2, POLICY_DEFAULT_ALLOW);
	for (uint16_t i = 0; i < 100; i++) {
		size_t len = tcp(1, 0, 40000, (uint16_t)(1000 + i), SYN);

		event(&machines[1], &(struct node_event){ .kind = NODE_PACKET,
							  .data = bytes_of(ip_packet, len) });
		run_ms(20);
	}
	ok(events_of(0, EV_SERVICE_DENIED) >= 11 && events_of(0, EV_SERVICE_DENIED) <= 12);
}

TAP_TESTS(T(default_deny_lets_in_answers_and_what_is_allowed),
	  T(a_change_judges_open_flows_of_others_again),
	  T(rules_of_an_org_end_with_the_certificate), T(rules_of_an_org_end_when_it_revokes),
	  T(a_rejected_segment_gets_a_reset),
	  T(rules_of_a_peer_hold_by_its_key_and_by_its_name),
	  T(what_would_be_denied_is_observed), T(rules_are_reported_with_their_hits),
	  T(bad_rules_change_nothing_and_are_told_once),
	  T(rules_that_do_not_fit_change_nothing),
	  T(before_its_rules_are_read_a_node_is_closed),
	  T(a_flood_of_denials_is_told_ten_times_and_once_a_second))
