/* Requests and reports as JSON and back; what is refused. */
#include "linux/control_json.h"
#include "tap.h"

static const struct instant now = { 5000 * 1000000000ull };
static uint8_t frame[CONTROL_HEAD + CONTROL_MAX_FRAME];

static void requests_survive_the_way(void)
{
	for (unsigned v = REQUEST_NONE + 1; v < REQUEST_VERBS; v++) {
		struct request r = { .id = UINT32_MAX - v, .verb = (enum request_verb)v }, back;
		size_t n = request_encode(&r, frame, sizeof(frame));

		ok(n > CONTROL_HEAD);
		eq_int(load_be32(frame), n - CONTROL_HEAD);
		eq_int(request_decode(frame + CONTROL_HEAD, n - CONTROL_HEAD, &back), REQUEST_OK);
		eq_int(back.id, r.id);
		eq_int(back.verb, r.verb);
	}
}

static void what_is_no_request_is_named(void)
{
	static const struct {
		const char *json;
		enum request_problem problem;
		uint32_t id;
	} rows[] = {
		{ "{\"version\":1,\"id\":7,\"verb\":\"status\"}", REQUEST_OK, 7 },
		{ "{\"version\":1,\"id\":0,\"verb\":\"down\"}", REQUEST_OK, 0 },
		{ "{\"version\":1,\"id\":4294967295,\"verb\":\"down\"}", REQUEST_OK, UINT32_MAX },
		{ "{\"version\":1,\"id\":4294967296,\"verb\":\"down\"}", REQUEST_MALFORMED, 0 },
		{ "{\"version\":1,\"id\":-1,\"verb\":\"down\"}", REQUEST_MALFORMED, 0 },
		{ "{\"version\":1,\"id\":1.0,\"verb\":\"down\"}", REQUEST_MALFORMED, 0 },
		{ "{\"version\":1,\"id\":\"1\",\"verb\":\"down\"}", REQUEST_MALFORMED, 0 },
		{ "{\"version\":2,\"id\":7,\"verb\":\"status\"}", REQUEST_VERSION, 7 },
		{ "{\"version\":2,\"id\":7,\"verb\":\"new\",\"more\":1}", REQUEST_VERSION, 7 },
		{ "{\"id\":7,\"verb\":\"status\"}", REQUEST_MALFORMED, 7 },
		{ "{\"version\":1,\"id\":7}", REQUEST_MALFORMED, 7 },
		{ "{\"version\":1,\"id\":7,\"verb\":3}", REQUEST_MALFORMED, 7 },
		{ "{\"version\":1,\"id\":7,\"verb\":\"ping\"}", REQUEST_MALFORMED, 7 },
		{ "{\"version\":1,\"id\":7,\"verb\":\"ping\",\"peer\":\"bob\"}",
		  REQUEST_MALFORMED, 7 },
		{ "{\"version\":1,\"id\":7,\"verb\":\"ping\",\"peer\":"
		  "\"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"}", REQUEST_OK, 7 },
		{ "{\"version\":1,\"id\":7,\"verb\":\"ping\",\"peer\":"
		  "\"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\",\"x\":1}",
		  REQUEST_MALFORMED, 7 },
		{ "{\"version\":1,\"id\":7,\"verb\":\"\"}", REQUEST_UNKNOWN, 7 },
		{ "{\"version\":1,\"id\":7,\"verb\":\"Status\"}", REQUEST_UNKNOWN, 7 },
		{ "{\"version\":1,\"id\":7,\"verb\":\"down\",\"x\":1}", REQUEST_MALFORMED, 7 },
		{ "{\"version\":1,\"id\":7,\"id\":7,\"verb\":\"down\"}", REQUEST_MALFORMED, 0 },
		{ "[]", REQUEST_MALFORMED, 0 },
		{ "7", REQUEST_MALFORMED, 0 },
		{ "", REQUEST_MALFORMED, 0 },
		{ "{", REQUEST_MALFORMED, 0 },
		{ "{\"version\":1,\"id\":7,\"verb\":\"down\"} x", REQUEST_MALFORMED, 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct request r;

		if (request_decode(rows[i].json, strlen(rows[i].json), &r) != rows[i].problem)
			TAP_FAIL("row %zu: %s", i, rows[i].json);
		eq_int(r.id, rows[i].id);
		ok((r.verb != REQUEST_NONE) == (rows[i].problem == REQUEST_OK));
	}
}

static void deep_nesting_is_refused(void)
{
	static char deep[CONTROL_MAX_FRAME];
	struct request r;

	memset(deep, '[', sizeof(deep));
	eq_int(request_decode(deep, sizeof(deep), &r), REQUEST_MALFORMED);
}

static struct report_node sample_node(void)
{
	struct report_node n = {
		.interface = "mg0", .ipv4 = ip_v4(10, 99, 1, 2), .port = 51821, .mtu = 1420,
		.started = { 1000 * 1000000000ull }, .sequence = 9, .trusted = 3, .alive = 2,
		.max_members = 65536, .left_out = 4,
		.open = true, .denied = 5, .statements = 6, .org_count = 2,
		.orgs = { { .name = "acme", .trusted = true, .members = 7 },
			  { .name = "beta", .until = 1700000000, .left_s = 60 } },
		.bad_keys = 1, .wakeups = 77, .aead = "libcrypto", .offloads = "tso gro",
		 .table_count = 2, .counter_count = 2, .seed_count = 2,
		.tables = { { "peers", 4096, 16384, 3 }, { "sessions", 1, 2, 3 } },
		.counters = { { "datagrams", 12 }, { "dropped", UINT64_MAX } },
	};

	memset(n.key.b, 0xa5, sizeof(n.key.b));
	ok(ip_parse("fd99:6d67::1", 12, &n.ipv6));
	ok(prefix_parse("10.99.0.0/16", 12, &n.prefix));
	ok(endpoint_parse("192.0.2.7:51821", 15, 0, &n.seeds[0].endpoint));
	n.seeds[0].answered = true;
	n.seeds[0].source = REPORT_MDNS;
	ok(endpoint_parse("[2001:db8::1]:1", 15, 0, &n.seeds[1].endpoint));
	n.nat_kind = 2;
	n.dialled_back = (struct instant){ now.ns - span_s(9).ns };
	n.candidate_count = 2;
	n.candidates[0].endpoint = n.seeds[1].endpoint;
	n.candidates[0].source = CANDIDATE_SEEN;
	n.candidates[1].endpoint = n.seeds[0].endpoint;
	n.stun_count = 2;
	n.stun[0] = (struct report_stun){ .server = n.seeds[0].endpoint, .asking = true };
	n.stun[1] = (struct report_stun){ .server = n.seeds[1].endpoint, .answered = true,
					  .mapped = n.seeds[0].endpoint, .rtt_us = 1234 };
	n.mapping_count = 1;
	n.mappings[0] = (struct report_mapping){ .protocol = MAPPED_BY_UPNP,
		.gateway = n.seeds[0].endpoint, .external = n.seeds[1].endpoint,
		.until = instant_add(now, span_s(77)), .double_nat = true };
	return n;
}

static bool take(size_t n, struct answer *a)
{
	ok(n > CONTROL_HEAD);
	return n && answer_decode(frame + CONTROL_HEAD, n - CONTROL_HEAD, now, a);
}

static void a_node_survives_the_way(void)
{
	static struct answer a;
	struct control_about about = { .daemon = "0.1.0", .directory = "/home/a b/\xc3\xa4" };
	struct report_node n = sample_node();
	json_t *json = report_node_json(&n, &about, now);

	ok(take(frame_encode(7, "node", json, frame, sizeof(frame)), &a));
	eq_int(a.kind, ANSWER_NODE);
	eq_int(a.id, 7);
	eq_str(a.about.daemon, about.daemon);
	eq_str(a.about.directory, about.directory);
	eq_mem(&a.node.key, &n.key, sizeof(n.key));
	eq_str(a.node.interface, "mg0");
	ok(ip_equal(&a.node.ipv4, &n.ipv4) && ip_equal(&a.node.ipv6, &n.ipv6));
	ok(ip_equal(&a.node.prefix.ip, &n.prefix.ip) && a.node.prefix.len == 16);
	eq_int(a.node.port, 51821);
	eq_int(a.node.mtu, 1420);
	eq_int(a.node.started.ns, n.started.ns);
	eq_int(a.node.trusted, 3);
	eq_int(a.node.alive, 2);
	eq_int(a.node.bad_keys, 1);
	eq_int(a.node.max_members, 65536);
	eq_int(a.node.left_out, 4);
	ok(a.node.open);
	eq_int(a.node.denied, 5);
	eq_int(a.node.statements, 6);
	eq_int(a.node.org_count, 2);
	eq_str(a.node.orgs[0].name, "acme");
	ok(a.node.orgs[0].trusted && !a.node.orgs[1].trusted);
	eq_int(a.node.orgs[0].members, 7);
	eq_int(a.node.orgs[0].until, 0);
	eq_int(a.node.orgs[1].until, 1700000000);
	eq_int(a.node.orgs[1].left_s, 60);
	eq_int(a.node.wakeups, 77);
	eq_str(a.node.aead, "libcrypto");
	eq_str(a.node.offloads, "tso gro");
	eq_int(a.node.table_count, 2);
	eq_str(a.node.tables[0].name, "peers");
	eq_int(a.node.tables[0].entries, 16384);
	eq_int(a.node.counter_count, 2);
	eq_int(a.node.seed_count, 2);
	ok(a.node.seeds[0].answered && !a.node.seeds[1].answered);
	eq_int(a.node.seeds[0].source, REPORT_MDNS);
	eq_int(a.node.seeds[1].source, REPORT_GIVEN);
	ok(endpoint_equal(&a.node.seeds[1].endpoint, &n.seeds[1].endpoint));
	eq_int(a.node.nat_kind, n.nat_kind);
	eq_int(a.node.dialled_back.ns, n.dialled_back.ns);
	eq_int(a.node.candidate_count, 2);
	eq_int(a.node.candidates[0].source, CANDIDATE_SEEN);
	ok(endpoint_equal(&a.node.candidates[0].endpoint, &n.candidates[0].endpoint));
	eq_int(a.node.stun_count, 2);
	ok(a.node.stun[0].asking && !a.node.stun[0].answered && !a.node.stun[1].asking);
	ok(!endpoint_is_set(&a.node.stun[0].mapped) && a.node.stun[1].answered);
	ok(endpoint_equal(&a.node.stun[1].mapped, &n.stun[1].mapped));
	eq_int(a.node.stun[1].rtt_us, 1234);
	eq_int(a.node.mapping_count, 1);
	eq_int(a.node.mappings[0].protocol, MAPPED_BY_UPNP);
	ok(a.node.mappings[0].double_nat);
	eq_int(a.node.mappings[0].until.ns, n.mappings[0].until.ns);
	ok(endpoint_equal(&a.node.mappings[0].external, &n.mappings[0].external));
	for (unsigned i = 0; i < 2; i++)
		if (!strcmp(a.node.counters[i].name, "dropped"))
			eq_int(a.node.counters[i].value, INT64_MAX);
}

static void both_keys_survive_the_way(void)
{
	static struct answer a;
	const struct control_about about = { .daemon = "0.1.0", .directory = "/" };
	struct report_node n = sample_node();
	json_t *json;

	n.second.role = REPORT_FORMER;
	memset(n.second.key.b, 9, sizeof(n.second.key.b));
	n.second.ipv4 = ip_v4(10, 99, 5, 6);
	ok(ip_parse("fd99:6d67::3", 12, &n.second.ipv6));
	n.second.until = 1700000001;
	n.second.left_s = 61;
	n.second.reached = 2;
	n.second.peers = 3;
	json = report_node_json(&n, &about, now);
	ok(take(frame_encode(7, "node", json, frame, sizeof(frame)), &a));
	eq_int(a.node.second.role, REPORT_FORMER);
	eq_mem(&a.node.second.key, &n.second.key, 32);
	ok(ip_equal(&a.node.second.ipv4, &n.second.ipv4));
	ok(ip_equal(&a.node.second.ipv6, &n.second.ipv6));
	eq_int(a.node.second.until, 1700000001);
	eq_int(a.node.second.left_s, 61);
	eq_int(a.node.second.reached, 2);
	eq_int(a.node.second.peers, 3);
	n.second.role = REPORT_NO_SECOND;
	json = report_node_json(&n, &about, now);
	ok(take(frame_encode(7, "node", json, frame, sizeof(frame)), &a));
	eq_int(a.node.second.role, REPORT_NO_SECOND);
}

static struct report_peer sample_peer(void)
{
	struct report_peer p = {
		.name = "bob",
		.label = "bob-laptop",
		.admission = REPORT_MEMBER, .org = "acme", .until = 1700000000, .left_s = 3,
		.ipv4 = ip_v4(10, 99, 3, 4),
		.state = REPORT_SUSPECT,
		.reason = REASON_PREFIX,
		.path_up = true,
		.rtt_us = 1234,
		.session = true,
		.last_handshake = { .s = 1700000000 },
		.last_handshake_at = { 4988 * 1000000000ull },
		.last_heard = { 4999 * 1000000000ull },
		.rx_bytes = 123456789012,
		.tx_bytes = 5,
		.sequence = 17, .conflict = 16,
		.second_reached = true,
		.has_successor = true, .successor_disputed = true, .successor_until = 1800000000,
	};

	memset(p.key.b, 1, sizeof(p.key.b));
	memset(p.wireguard_key.b, 2, sizeof(p.wireguard_key.b));
	memset(p.successor.b, 3, sizeof(p.successor.b));
	ok(ip_parse("fd99:6d67::2", 12, &p.ipv6));
	ok(endpoint_parse("[fe80::1%3]:51821", 17, 0, &p.endpoint));
	return p;
}

static void a_peer_survives_the_way(void)
{
	static struct answer a;
	struct report_peer p = sample_peer();

	ok(take(frame_encode(0, "peer", report_peer_json(&p, now), frame, sizeof(frame)), &a));
	eq_int(a.kind, ANSWER_PEER);
	eq_mem(&a.peer.key, &p.key, 32);
	eq_mem(&a.peer.wireguard_key, &p.wireguard_key, 32);
	eq_str(a.peer.name, "bob");
	eq_str(a.peer.label, "bob-laptop");
	eq_int(a.peer.admission, REPORT_MEMBER);
	eq_str(a.peer.org, "acme");
	eq_int(a.peer.until, 1700000000);
	eq_int(a.peer.left_s, 3);
	ok(ip_equal(&a.peer.ipv4, &p.ipv4) && ip_equal(&a.peer.ipv6, &p.ipv6));
	eq_int(a.peer.state, REPORT_SUSPECT);
	eq_int(a.peer.reason, REASON_PREFIX);
	ok(a.peer.path_up && a.peer.session);
	ok(endpoint_equal(&a.peer.endpoint, &p.endpoint));
	eq_int(a.peer.rtt_us, 1234);
	eq_int(a.peer.last_handshake.s, 1700000000);
	eq_int(a.peer.last_handshake_at.ns, p.last_handshake_at.ns);
	eq_int(a.peer.last_heard.ns, p.last_heard.ns);
	eq_int(a.peer.rx_bytes, 123456789012);
	eq_int(a.peer.sequence, 17);
	eq_int(a.peer.conflict, 16);
	ok(a.peer.second_reached);
	ok(a.peer.has_successor && a.peer.successor_disputed);
	eq_mem(&a.peer.successor, &p.successor, 32);
	eq_int(a.peer.successor_until, 1800000000);
}

static void what_is_unknown_stays_unknown(void)
{
	static struct answer a;
	struct report_peer p = { .name = "x" };

	ok(take(frame_encode(0, "peer", report_peer_json(&p, now), frame, sizeof(frame)), &a));
	ok(a.peer.ipv4.family == FAMILY_NONE && !endpoint_is_set(&a.peer.endpoint));
	ok(!a.peer.path_up && !a.peer.session && !a.peer.rtt_us);
	ok(!a.peer.last_handshake.s && !instant_is_set(a.peer.last_handshake_at));
	ok(!instant_is_set(a.peer.last_heard));
	ok(!a.peer.has_successor && !a.peer.successor_disputed && !a.peer.successor_until);
}

static void ends_and_errors_survive_the_way(void)
{
	static struct answer a;

	ok(take(frame_encode_done(3, 16384, frame, sizeof(frame)), &a));
	eq_int(a.kind, ANSWER_DONE);
	eq_int(a.peers, 16384);
	for (unsigned p = REQUEST_OK + 1; p < REQUEST_PROBLEMS; p++) {
		ok(take(frame_encode_error(3, (enum request_problem)p, frame, sizeof(frame)), &a));
		eq_int(a.kind, ANSWER_ERROR);
		eq_int(a.problem, p);
	}
}

/* Replaces the first occurrence of `from` in the JSON of the sample peer. */
static bool peer_with(const char *from, const char *to, struct answer *a)
{
	char text[4096], edited[5000];
	struct report_peer p = sample_peer();
	size_t n = frame_encode(0, "peer", report_peer_json(&p, now), frame, sizeof(frame));
	char *at;

	snprintf(text, sizeof(text), "%.*s", (int)(n - CONTROL_HEAD), frame + CONTROL_HEAD);
	at = strstr(text, from);
	if (!at) {
		TAP_FAIL("%s is not in %s", from, text);
		return false;
	}
	snprintf(edited, sizeof(edited), "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
	return answer_decode(edited, strlen(edited), now, a);
}

static void answers_are_checked(void)
{
	static struct answer a;

	/* What a later version may add. */
	ok(peer_with("\"name\":", "\"extra\":[1],\"name\":", &a));
	ok(peer_with("\"suspect\"", "\"asleep\"", &a));
	eq_int(a.peer.state, REPORT_UNKNOWN);
	ok(peer_with("\"direct\"", "\"relay\"", &a) && a.peer.path_up);
	/* What would reach the terminal, or is of another kind. */
	ok(!peer_with("\"bob\"", "\"b\\u001b[2J\"", &a));
	ok(!peer_with("\"bob\"", "\"b\\nb\"", &a));
	ok(!peer_with("\"bob\"", "7", &a));
#define NAME_OF_32 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	ok(peer_with("bob", NAME_OF_32 NAME_OF_32 NAME_OF_32 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		     &a));
	ok(!peer_with("bob", NAME_OF_32 NAME_OF_32 NAME_OF_32 NAME_OF_32 NAME_OF_32 NAME_OF_32,
		      &a));
#undef NAME_OF_32
	ok(!peer_with("10.99.3.4", "10.99.3.400", &a));
	ok(!peer_with("1234", "-1", &a));
	ok(!peer_with("\"tunnel_up\":true", "\"tunnel_up\":1", &a));
	ok(!peer_with("\"rx_bytes\":", "\"rx\":", &a));
	ok(!peer_with("\"version\":1", "\"version\":2", &a));
	ok(!peer_with("AQEBAQ", "AQEB", &a));
}

static void labels_cannot_carry_control_characters(void)
{
	static struct answer a;
	struct report_peer p = sample_peer();

	strcpy(p.label, "x\033[2Jy\n\xff");
	ok(take(frame_encode(0, "peer", report_peer_json(&p, now), frame, sizeof(frame)), &a));
	eq_str(a.peer.label, "x?[2Jy??");
}

static void a_frame_without_room_is_not_begun(void)
{
	uint8_t small[64];
	struct report_peer p = sample_peer();

	memset(small, 0x55, sizeof(small));
	eq_int(frame_encode(0, "peer", report_peer_json(&p, now), small, 0), 0);
	eq_int(frame_encode(0, "peer", report_peer_json(&p, now), small, CONTROL_HEAD), 0);
	eq_int(frame_encode(0, "peer", report_peer_json(&p, now), small, 40), 0);
	for (unsigned i = 40; i < sizeof(small); i++)
		eq_int(small[i], 0x55);
}

static void the_largest_report_fits_a_frame(void)
{
	static struct answer a;
	static struct control_about about;
	struct report_node n = sample_node();

	memset(about.directory, 0x01, sizeof(about.directory) - 1); /* '?' each */
	memset(about.daemon, '"', sizeof(about.daemon) - 1);        /* escaped */
	n.table_count = 16;
	n.counter_count = 64;
	n.seed_count = MAX_SEEDS;
	for (unsigned i = 0; i < 16; i++) {
		n.tables[i].name = "a table with a name as long 31.";
		n.tables[i].bytes = n.tables[i].entries = n.tables[i].used = UINT64_MAX;
	}
	for (unsigned i = 0; i < 64; i++) {
		static char names[64][ANSWER_NAME];

		snprintf(names[i], ANSWER_NAME, "a_counter_with_a_long_name_%02u", i);
		n.counters[i].name = names[i];
		n.counters[i].value = UINT64_MAX;
	}
	for (unsigned i = 0; i < MAX_SEEDS; i++)
		ok(endpoint_parse("[2001:1111:2222:3333:4444:5555:6666:7777]:65535", 47, 0,
				  &n.seeds[i].endpoint));
	ok(take(frame_encode(UINT32_MAX, "node", report_node_json(&n, &about, now), frame,
			     sizeof(frame)), &a));
	eq_int(a.node.counter_count, 64);
}

static void down_is_for_root_and_the_owner(void)
{
	ok(request_allowed(REQUEST_STATUS, 1234, 1000));
	ok(request_allowed(REQUEST_COUNTERS, 1234, 1000));
	ok(!request_allowed(REQUEST_DOWN, 1234, 1000));
	ok(request_allowed(REQUEST_DOWN, 1000, 1000));
	ok(request_allowed(REQUEST_DOWN, 0, 1000));
	ok(!request_allowed(REQUEST_NONE, 0, 0));
}

TAP_TESTS(T(requests_survive_the_way), T(what_is_no_request_is_named), T(deep_nesting_is_refused),
	  T(a_node_survives_the_way), T(both_keys_survive_the_way),
	  T(a_peer_survives_the_way), T(what_is_unknown_stays_unknown),
	  T(ends_and_errors_survive_the_way), T(answers_are_checked),
	  T(labels_cannot_carry_control_characters), T(a_frame_without_room_is_not_begun),
	  T(the_largest_report_fits_a_frame), T(down_is_for_root_and_the_owner))
