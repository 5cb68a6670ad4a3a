/* What people see of `status`: whole pages, as they are printed. */
#include "cli/report.h"

#include "tap.h"

static const struct instant now = { 100000 * 1000000000ull };

static struct instant ago(uint64_t seconds)
{
	return (struct instant){ now.ns - span_s(seconds).ns };
}

static void address(struct ip *out, const char *text)
{
	ok(ip_parse(text, strlen(text), out));
}

static void endpoint(struct endpoint *out, const char *text)
{
	ok(endpoint_parse(text, strlen(text), 0, out));
}

static struct report report_of(struct report_peer *peers, size_t count)
{
	struct report r = {
		.node = { .interface = "mg0", .port = 51821, .mtu = 1420, .started = ago(3723),
			  .trusted = (uint32_t)count, .alive = 1,
			  .services_default = "allow" },
		.about = { .directory = "/home/a/.config/meshguard" },
		.peers = peers, .count = count, .now = now,
	};

	address(&r.node.ipv4, "10.99.108.49");
	address(&r.node.ipv6, "fd99:6d67::1");
	ok(prefix_parse("10.99.0.0/16", 12, &r.node.prefix));
	return r;
}

static struct report_peer peer_of(const char *name, const char *ipv4, enum report_state state)
{
	struct report_peer p = { .state = state };

	snprintf(p.name, sizeof(p.name), "%s", name);
	address(&p.ipv4, ipv4);
	return p;
}

static const char *printed(const struct report *r, struct screen s)
{
	static char out[8192];

	memset(out, 0, sizeof(out));
	s.out = fmemopen(out, sizeof(out), "w");
	print_report(r, &s);
	fclose(s.out);
	return out;
}

#define HEAD                                                                  \
	"mg0: up 1h02m, UDP port 51821, mode userspace, MTU 1420\n"           \
	"  key        AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"         \
	"  addresses  10.99.108.49, fd99:6d67::1 (prefix 10.99.0.0/16)\n"     \
	"  directory  /home/a/.config/meshguard\n"

static void a_node_that_trusts_nobody_says_what_to_do(void)
{
	struct report r = report_of(NULL, 0);

	eq_str(printed(&r, (struct screen){ .width = 80 }),
	       HEAD "  peers      1 alive of 0 trusted\n"
		    "  nobody is trusted; let somebody in with: meshguard trust KEY\n");
}

/* One peer that works, one that left, one that is only claimed, two that were never heard. */
static void fill(struct report_peer p[5])
{
	p[0] = peer_of("alice", "10.99.16.39", REPORT_ALIVE);
	endpoint(&p[0].endpoint, "192.0.2.7:51821");
	p[0].path_up = p[0].session = true;
	p[0].rtt_us = 12345;
	p[0].last_handshake_at = ago(75);
	p[0].last_heard = ago(1);
	p[0].rx_bytes = 1536;
	p[0].tx_bytes = 10 << 20;
	p[1] = peer_of("bob", "10.99.1.1", REPORT_LEFT);
	p[1].last_heard = ago(9);
	p[1].reason = REASON_LEFT;
	p[2] = peer_of("carol", "10.99.1.2", REPORT_ALIVE);
	endpoint(&p[2].endpoint, "198.51.100.1:5");
	p[2].reason = REASON_NO_ANSWER;
	p[3] = peer_of("dora", "10.99.1.3", REPORT_UNKNOWN);
	p[3].reason = REASON_NO_SEED;
	p[4] = peer_of("emil", "10.99.1.4", REPORT_UNKNOWN);
	p[4].reason = REASON_NEVER_HEARD;
	p[4].ipv4.family = FAMILY_NONE;
	address(&p[4].ipv6, "fd99:6d67::9");
}

static void a_page_for_every_kind_of_peer(void)
{
	struct report_peer p[5];

	fill(p);

	struct report r = report_of(p, 5);

	r.node.seed_count = 2;
	endpoint(&r.node.seeds[0].endpoint, "192.0.2.7:51821");
	r.node.seeds[0].answered = true;
	r.node.seeds[0].source = REPORT_DNS;
	endpoint(&r.node.seeds[1].endpoint, "192.0.2.8:51821");
	r.node.bad_keys = 2;
	r.node.max_members = 5;
	r.node.left_out = 3;
	eq_str(printed(&r, (struct screen){ .width = 80 }),
	       HEAD "  peers      1 alive of 5 trusted\n"
	       "  2 unusable keys; meshguard config show names them\n"
	       "  trusted keys left out: 3, with room for 5; raise --max-members\n"
	       "  seed       192.0.2.7:51821 answered (dns)\n"
	       "  seed       192.0.2.8:51821 no answer\n"
	       "\n"
	       "NAME  ADDRESS     STATE TUNNEL  RTT HANDSHAKE    RX/TX PATH\n"
	       "alice 10.99.16.39 alive up     12ms     1m15s 1.5K/10M direct 192.0.2.7:51821\n"
	       "bob   10.99.1.1   left  idle      -     never      0/0 -\n"
	       "carol 10.99.1.2   alive idle      -     never      0/0 198.51.100.1:5 (silent)\n"
	       "\n"
	       "Trusted, but never heard:\n"
	       "dora  10.99.1.3     no address to ask; give one with --seed\n"
	       "emil  fd99:6d67::9  no seed and no peer knows where it is\n"
	       "\n"
	       "carol: no answer from where it should be\n");
}

static void a_key_at_two_places_is_said_in_red(void)
{
	struct report_peer p[5];
	char plain[8192];

	fill(p);

	struct report r = report_of(p, 5);

	snprintf(plain, sizeof(plain), "%s", printed(&r, (struct screen){ .width = 80 }));
	ok(!strstr(plain, "conflict"));
	p[0].conflict = 7;
	snprintf(plain + strlen(plain), sizeof(plain) - strlen(plain),
		 "\nalice: conflict: its key is used at two places\n");
	eq_str(printed(&r, (struct screen){ .width = 80 }), plain);
	ok(strstr(printed(&r, (struct screen){ .width = 80, .colour = true }),
		  "\033[31m\nalice: conflict: "));
}

static void a_new_key_is_shown_with_its_addresses_and_how_to_accept_it(void)
{
	static const struct public_key next = { .b = {
		0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64,
		0x07, 0x3a, 0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6, 0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68,
		0xf7, 0x07, 0x51, 0x1a } };
	struct report_peer p[5];
	const char *page;

	fill(p);
	p[0].has_successor = true;
	p[0].successor = next;

	struct report r = report_of(p, 5);

	page = printed(&r, (struct screen){ .width = 80 });
	ok(strstr(page, "\nalice: announces a new key "
			"11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
			"  its addresses will be 10.99.108.49, fd99:6d67::6c31:412:68f4:7160\n"
			"  accept it with: meshguard trust --successor alice\n"));
	p[0].successor_disputed = true;
	page = printed(&r, (struct screen){ .width = 80 });
	ok(!strstr(page, "accept"));
	ok(strstr(page, "\nalice: announced two different new keys, so neither counts\n"
			"  its key may be stolen\n"));
}

static void while_its_own_key_changes_both_are_shown(void)
{
	struct report_peer p[5];
	const char *page;

	fill(p);

	struct report r = report_of(p, 5);

	r.node.second.role = REPORT_NEXT;
	r.node.second.ipv4 = ip_v4(10, 99, 1, 9);
	ok(ip_parse("fd99:6d67::9", 12, &r.node.second.ipv6));
	r.node.second.left_s = 2 * 86400;
	r.node.second.peers = 5;
	page = printed(&r, (struct screen){ .width = 80 });
	ok(strstr(page, "  new key    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
			"    there    10.99.1.9, fd99:6d67::9\n"
			"    reaches  0 of 5 peers; not: alice\n"
			"    overlap  ends in 2d00h; before that: meshguard rotate --finish\n"));
	p[0].second_reached = true;
	r.node.second.left_s = 0;
	page = printed(&r, (struct screen){ .width = 80 });
	ok(strstr(page, "of 5 peers\n    the overlap has ended: peers that accepted the new key "
			"let only that one in\n    finish it with: meshguard rotate --finish\n"));
	ok(strstr(printed(&r, (struct screen){ .width = 80, .colour = true }),
		  "\033[31m    the overlap has ended"));
	r.node.second.role = REPORT_FORMER;
	r.node.second.left_s = 3600;
	page = printed(&r, (struct screen){ .width = 80 });
	ok(strstr(page, "  old key    AAAA"));
	ok(strstr(page, "    overlap  ends in 1h00m, and the old key with it"));
	ok(!strstr(page, "--finish"));
}

static void orgs_and_what_ends_soon_are_said(void)
{
	struct report_peer p[5];
	const char *page;

	fill(p);
	p[0].until = 1;
	p[0].left_s = 30 * 86400;
	p[1].until = 1;
	p[1].left_s = 30 * 86400 + 1;

	struct report r = report_of(p, 5);

	r.node.open = true;
	r.node.org_count = 3;
	r.node.orgs[0] = (struct report_org){ .name = "acme", .trusted = true, .members = 3,
					      .until = 1, .left_s = 3600 };
	r.node.orgs[1] = (struct report_org){ .name = "beta", .until = 1 };
	r.node.orgs[2] = (struct report_org){ .name = "corp", .trusted = true };
	page = printed(&r, (struct screen){ .width = 80 });
	ok(strstr(page, "  open       every key that finds this node is let in (up --open)\n"
			"  org        acme: members here 3; this node's certificate ends in 1h00m\n"
			"  org        beta: not trusted here; this node's certificate has ended\n"
			"  org        corp: members here 0\n"));
	ok(strstr(page, "\nalice: its certificate ends in 30d00h\n"));
	ok(!strstr(page, "bob: its certificate"));
	page = printed(&r, (struct screen){ .width = 80, .colour = true });
	ok(strstr(page, "\033[33m; this node's certificate ends in 1h00m"));
	ok(strstr(page, "\033[31m; this node's certificate has ended"));
	ok(strstr(page, "\033[31m  open "));
}

static void lines_stay_within_80_columns(void)
{
	struct report_peer p[5];

	fill(p);
	endpoint(&p[0].endpoint, "[2001:db8:1111:2222:3333:4444:5555:6666]:51821");
	snprintf(p[0].name, sizeof(p[0].name), "a-host-with-a-name-of-30-bytes");

	struct report r = report_of(p, 5);
	const char *at = printed(&r, (struct screen){ .width = 80, .terminal = true });

	while (*at) {
		size_t len = strcspn(at, "\n");

		if (len > 80)
			TAP_FAIL("%zu columns: %.*s", len, (int)len, at);
		at += len + 1;
	}
}

static void an_unreadable_store_is_said_in_red(void)
{
	struct report r = report_of(NULL, 0);
	const char *page;

	r.node.trust_unreadable = true;
	page = printed(&r, (struct screen){ .width = 80, .colour = true });
	ok(strstr(page, "\033[31m  the trusted keys cannot be read: nobody is let in\n\033[0m"));
	ok(!strstr(page, "meshguard trust KEY"));
}

static void service_rules_are_told_where_there_are_any(void)
{
	struct report r = report_of(NULL, 0);
	const struct screen plain = { .width = 80 };

	strcpy(r.node.services_default, "allow");
	ok(!strstr(printed(&r, plain), "services"));
	r.node.service_rules = 3;
	ok(strstr(printed(&r, plain), "  services   allow by default, rules 3\n"));
	strcpy(r.node.services_trouble, "global.policy:3: why");
	ok(strstr(printed(&r, plain), "as before, for global.policy:3: why\n"));
	strcpy(r.node.services_default, "closed");
	ok(strstr(printed(&r, plain), "nothing new comes in\n"));
}

static void a_node_without_an_ipv4_address_says_so(void)
{
	struct report r = report_of(NULL, 0);

	r.node.ipv4.family = FAMILY_NONE;
	ok(strstr(printed(&r, (struct screen){ .width = 80 }), "IPv6 only"));
}

TAP_TESTS(T(service_rules_are_told_where_there_are_any),
	  T(a_node_that_trusts_nobody_says_what_to_do),
	  T(a_page_for_every_kind_of_peer),
	  T(while_its_own_key_changes_both_are_shown),
	  T(orgs_and_what_ends_soon_are_said),
	  T(a_new_key_is_shown_with_its_addresses_and_how_to_accept_it),
	  T(lines_stay_within_80_columns), T(an_unreadable_store_is_said_in_red),
	  T(a_node_without_an_ipv4_address_says_so), T(a_key_at_two_places_is_said_in_red))
