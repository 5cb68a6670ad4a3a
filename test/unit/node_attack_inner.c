/* What a trusted peer sends through its tunnel, and is not what it should be: packets from others'
 * addresses, and packets that are made to get round the rules. Nothing of it reaches the TUN. */
#include "node_world.h"

#include "packet/ip.h"

#define SYN 0x02u

static uint8_t packet[256];

/* Machine 0 is attacked by 1, and 2 is a peer that it lets in. */
static void three_nodes(void)
{
	world(false);
	for (unsigned i = 0; i < 3; i++) {
		switch_on(&machines[i]);
		trust(&machines[i], 7u & ~(1u << i));
	}
	seed(&machines[1], &machines[0].at);
	seed(&machines[2], &machines[0].at);
	run_ms(3000);
	ok(passes(1, 0, false, 300) && passes(1, 0, true, 300));
	ok(passes(2, 0, false, 300) && passes(2, 0, true, 300));
}

/* Default deny at machine 0, and these rules of one line each: for everybody, and of a peer. */
static void rules(const char *everybody, const char *name, const char *peers)
{
	static struct policy_rule r[2];
	struct policy_mistake mistake;
	struct policy_list lists[2] = {
		{ .name = "", .origin = POLICY_FROM_GLOBAL, .rules = &r[0] },
		{ .name = name, .origin = POLICY_FROM_PEER, .rules = &r[1] },
	};
	const char *texts[2] = { everybody, peers };

	event(&machines[0], &(struct node_event){ .kind = NODE_POLICY_BEGIN });
	for (unsigned i = 0; i < 2; i++) {
		size_t count;

		ok(policy_rules_parse(bytes_of(texts[i], strlen(texts[i])), &r[i], 1, &count,
				      &mistake));
		lists[i].count = (uint32_t)count;
		event(&machines[0], &(struct node_event){ .kind = NODE_POLICY_LIST,
							  .list = &lists[i] });
	}
	event(&machines[0], &(struct node_event){ .kind = NODE_POLICY_END,
						  .number = POLICY_DEFAULT_DENY });
}

/* A SYN to a port of machine 0 that says it is from there. */
static size_t syn(const struct ip *src, uint16_t port)
{
	bool six = src->family == FAMILY_IPV6;
	size_t head = six ? 40 : 20;

	memset(packet, 0, sizeof(packet));
	make_packet(packet, 1, 0, six, 0);
	memcpy(packet + (six ? 8 : 12), src->b, six ? 16 : 4);
	packet[six ? 6 : 9] = PROTO_TCP;
	store_be16(packet + (six ? 4 : 2), (uint16_t)(six ? 20 : 40));
	memset(packet + head, 0, 20);
	store_be16(packet + head, 40000);
	store_be16(packet + head + 2, port);
	packet[head + 12] = 0x50;
	packet[head + 13] = SYN;
	return head + 20;
}

static void send(unsigned from, size_t len)
{
	event(&machines[from], &(struct node_event){ .kind = NODE_PACKET,
						     .data = bytes_of(packet, len) });
}

static struct ip address_of(unsigned machine, bool six)
{
	struct ip ip;

	if (six)
		mesh_ipv6(&machines[machine].public, &ip);
	else
		mesh_ipv4(&machines[machine].public, 0, &machines[machine].prefix, &ip);
	return ip;
}

static uint64_t counter_of(const char *name)
{
	struct report_node r;

	node_report(machines[0].node, &r);
	for (unsigned i = 0; i < r.counter_count; i++)
		if (!strcmp(r.counters[i].name, name))
			return r.counters[i].value;
	TAP_FAIL("there is no counter %s", name);
	return 0;
}

/* Packets that any rule or the default of machine 0 decided about. */
static uint64_t judged(void)
{
	struct report_service r;
	uint64_t sum = 0;

	for (uint32_t at = UINT32_MAX;; sum += r.packets) {
		memset(&r, 0, sizeof(r));
		at = node_report_service(machines[0].node, at, &r);
		if (at == UINT32_MAX)
			return sum;
	}
}

static unsigned denials(void)
{
	const struct event_ring *ring = node_events(machines[0].node);
	unsigned n = 0;

	for (uint64_t i = 1; i <= ring->count; i++) {
		const struct event *e = event_get(ring, i);

		n += e && e->kind == EV_SERVICE_DENIED;
	}
	return n;
}

/* Sources that machine 1 has no right to: those of others, our own, and those of nobody. */
static unsigned false_sources(struct ip *out)
{
	static const uint8_t four[][4] = {
		{ 0, 0, 0, 0 }, { 127, 0, 0, 1 }, { 224, 0, 0, 1 }, { 255, 255, 255, 255 },
		{ 10, 99, 250, 250 }, { 192, 0, 2, 2 },
	};
	static const uint8_t six[][16] = {
		{ 0 }, { [15] = 1 }, { 0xff, 2, [15] = 1 }, { 0xfe, 0x80, [15] = 1 },
		{ 0xfd, 0x99, 0x6d, 0x67, [15] = 77 }, { 0x20, 1, 0xd, 0xb8, [15] = 2 },
	};
	const struct ip own = address_of(1, false);
	uint8_t mapped[16] = { [10] = 0xff, [11] = 0xff };
	unsigned n = 0;

	for (unsigned i = 0; i < 6; i++) {
		out[n++] = ip_of(FAMILY_IPV4, four[i]);
		out[n++] = ip_of(FAMILY_IPV6, six[i]);
	}
	for (unsigned who = 0; who <= 2; who += 2) {
		out[n++] = address_of(who, false);
		out[n++] = address_of(who, true);
	}
	memcpy(mapped + 12, own.b, 4);
	out[n++] = ip_of(FAMILY_IPV6, mapped);
	return n;
}
#define FALSE_SOURCES 17u

/* Attack 13: inner packets from the address of somebody else. Attack 27: what made it worse, such
 * a packet of a peer that nothing is allowed to, from the address of one that may, went through the
 * rules as that one's. */
static void attack_13_27_a_false_source_reaches_neither_the_tun_nor_the_rules(void)
{
	struct ip sources[FALSE_SOURCES];
	unsigned before;

	three_nodes();
	rules("", "n2", "allow tcp 22\n");
	eq_int(false_sources(sources), FALSE_SOURCES);
	before = machines[0].got_packets;
	for (unsigned i = 0; i < FALSE_SOURCES; i++) {
		send(1, syn(&sources[i], 22));
		run_ms(20);
		eq_int(counter_of("wireguard_drop_source"), i + 1);
	}
	eq_int(machines[0].got_packets, before);
	eq_int(judged(), 0);
	eq_int(denials(), 0);
	/* What they have a right to is judged, each by its own rules. */
	for (unsigned six = 0; six < 2; six++) {
		struct ip attacker = address_of(1, six), friend = address_of(2, six);

		send(1, syn(&attacker, 22));
		send(2, syn(&friend, 22));
		run_ms(20);
	}
	eq_int(machines[0].got_packets, before + 2);
	eq_int(judged(), 4);
	eq_int(denials(), 2);
}

/* Attack 28, at the TUN: IPv6 that is made to be taken for something else than it is. All of the
 * filter's cases are in policy_inspect. */
static void attack_28_ipv6_under_default_deny(void)
{
	/* Next header of the IPv6 header, then what follows it in hex; t: a SYN to port 22. */
	static const struct { uint8_t next; const char *name, *hex; bool passes; } shots[] = {
		{ 6, "a plain segment", "t", true },
		{ 0, "behind hop-by-hop options", "0600010400000000t", true },
		{ 60, "behind destination options", "0600010400000000t", true },
		{ 44, "a first fragment", "0600000100000007t", true },
		{ 17, "UDP to the port", "9c400016000800000000", false },
		{ 58, "an echo request", "80000000000100010000", false },
		{ 50, "ESP", "000000010000000100000000", false },
		{ 59, "no next header", "t", false },
		{ 41, "IPv6 in it", "6000000000003b400000000000000000", false },
		{ 44, "a later fragment", "0600001800000008t", false },
		{ 44, "one that overlaps the first", "0600000800000007t", false },
		{ 44, "half a header in a fragment", "06000001000000099c400016", false },
		{ 44, "a fragment in a fragment", "2c0000000000000a060000000000000bt", false },
		{ 0, "hop-by-hop options twice", "00000104000000000600010400000000t", false },
		{ 60, "hop-by-hop not first", "00000104000000000600010400000000t", false },
		{ 43, "a routing header that goes on", "0600000100000000t", false },
		{ 60, "options beyond the end", "06ff010400000000t", false },
		{ 6, "half a segment", "9c4000160000", false },
		{ 255, "nothing known", "t", false },
	};
	struct ip from;

	three_nodes();
	rules("allow tcp 22\n", "n2", "");
	from = address_of(1, true);
	for (size_t i = 0; i < sizeof(shots) / sizeof(*shots); i++) {
		uint8_t segment[20];
		size_t len = 40, digits = strspn(shots[i].hex, "0123456789abcdef");
		unsigned before = machines[0].got_packets;

		syn(&from, 22);
		memcpy(segment, packet + 40, 20);
		segment[1] = (uint8_t)i; /* each its own flow */
		packet[6] = shots[i].next;
		for (size_t k = 0; k < digits; k += 2, len++) {
			unsigned byte;

			ok(sscanf(shots[i].hex + k, "%2x", &byte) == 1);
			packet[len] = (uint8_t)byte;
		}
		if (shots[i].hex[digits] == 't') {
			memcpy(packet + len, segment, 20);
			len += 20;
		}
		store_be16(packet + 4, (uint16_t)(len - 40));
		send(1, len);
		run_ms(20);
		if ((machines[0].got_packets == before + 1) != shots[i].passes)
			TAP_FAIL("%s: %s", shots[i].name, shots[i].passes ? "denied" : "passes");
	}
}

/* Marks of what came to machine 0, in order. */
static uint8_t came[256];
static unsigned came_count;

static void note_arrivals(struct machine *m, const struct out *o)
{
	size_t at = o->len && o->data[0] >> 4 == 6 ? 40 : 20;

	if (m == &machines[0] && o->kind == OUT_PACKET && came_count < sizeof(came))
		came[came_count++] = o->data[at + 1];
}

/* Honest and false packets in turn, all sent at one moment, so that they arrive together; with the
 * number in the source port. */
static unsigned send_mixed(const struct ip *sources)
{
	unsigned honest = 0;

	for (unsigned i = 0; i < 64; i++) {
		struct ip own = address_of(1, i & 2);
		bool is_honest = i % 3 == 0;
		const struct ip *src = is_honest ? &own : &sources[i % FALSE_SOURCES];
		size_t len = syn(src, 22);

		packet[(src->family == FAMILY_IPV6 ? 40 : 20) + 1] = (uint8_t)i;
		send(1, len);
		honest += is_honest;
	}
	return honest;
}

static void honest_ones_came(unsigned honest)
{
	eq_int(came_count, honest);
	for (unsigned i = 0; i < came_count; i++)
		eq_int(came[i] % 3, 0);
}

/* Attack 31: the source is checked wherever packets are opened: of one that comes with others in
 * one turn; of the first ones of a session, which waited for it and confirm it; while a new session
 * takes over; of those that come from a new address of the peer. */
static void attack_31(void)
{
	struct ip sources[FALSE_SOURCES];
	uint64_t drops;
	unsigned honest;

	three_nodes();
	rules("allow tcp 22\n", "n2", "");
	false_sources(sources);
	on_out = note_arrivals;

	came_count = 0;
	honest = send_mixed(sources);
	run_ms(50);
	honest_ones_came(honest);
	drops = counter_of("wireguard_drop_source");
	eq_int(drops, 64 - honest);

	/* The attacker starts anew: nothing goes before the handshake is over. */
	switch_off(&machines[1]);
	run_ms(100);
	switch_on(&machines[1]);
	trust(&machines[1], 5);
	seed(&machines[1], &machines[0].at);
	came_count = 0;
	honest = send_mixed(sources);
	eq_int(came_count, 0);
	run_ms(5000);
	ok(came_count > 0);
	honest_ones_came(came_count);
	ok(counter_of("wireguard_drop_source") > drops);

	/* Within 140 s a new session takes over. */
	for (unsigned i = 0; i < 14; i++) {
		run_ms(10000);
		came_count = 0;
		honest = send_mixed(sources);
		run_ms(50);
		honest_ones_came(honest);
	}

	machines[1].at.ip = ip_v4(192, 0, 2, 77);
	came_count = 0;
	drops = counter_of("wireguard_drop_source");
	honest = send_mixed(sources);
	run_ms(50);
	honest_ones_came(honest);
	eq_int(counter_of("wireguard_drop_source"), drops + 64 - honest);
}

static void attack_31_on_every_way_in(void)
{
	attack_31();
}

/* The packets of a batch are opened one after the other, and judged together. */
static void attack_31_in_batches(void)
{
	in_batches = true;
	longest_run = 0;
	attack_31();
	ok(longest_run >= 30);
	in_batches = false;
}

TAP_TESTS(T(attack_13_27_a_false_source_reaches_neither_the_tun_nor_the_rules),
	  T(attack_28_ipv6_under_default_deny), T(attack_31_on_every_way_in),
	  T(attack_31_in_batches))
