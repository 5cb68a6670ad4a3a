/* Whole nodes on a wire that swallows what is longer: what becomes of packets that do not fit. */
#define NODES 3
#include "node_world.h"

#include "packet/checksum.h"
#include "packet/tcp.h"

enum { A, B, R };

static uint32_t takes;        /* datagrams up to this length pass, */
static bool apart;            /* and none between A and B */
static uint8_t came[64][2048]; /* packets to this host of the machine that is watched */
static size_t came_len[64];
static unsigned came_count, whole_count;
static unsigned watched;
static size_t longest_data;   /* datagram of WireGuard, or frame with one */

static bool is_swallowed(const struct machine *m, const struct out *o)
{
	const struct endpoint plain = { .ip = o->to.ip, .port = o->to.port };
	const unsigned from = (unsigned)(m - machines);

	whole_count += o->whole;
	ok(!o->whole || o->data[0] == 0xE7 || o->data[4] == 0xE7);
	if ((o->data[0] == 4 || o->data[4] == 4) && o->len > longest_data)
		longest_data = o->len;
	if (apart && ((from == A && endpoint_equal(&plain, &machines[B].at)) ||
		      (from == B && endpoint_equal(&plain, &machines[A].at))))
		return true;
	return o->len > takes;
}

static void watch(struct machine *m, const struct out *o)
{
	if (o->kind != OUT_PACKET || m != &machines[watched] || came_count == 64)
		return;
	memcpy(came[came_count], o->data, o->len);
	came_len[came_count++] = o->len;
}

static void begin(void)
{
	world(false);
	cut = is_swallowed;
	on_out = watch;
	apart = false;
	takes = UINT32_MAX;
	came_count = whole_count = 0;
	watched = A;
	longest_data = 0;
	for (unsigned i = 0; i < NODES; i++) {
		machines[i].relay = i == R ? RELAY_ON : RELAY_OFF;
		switch_on(&machines[i]);
		trust(&machines[i], 7u & ~(1u << i));
	}
	seed(&machines[A], &machines[R].at);
	seed(&machines[B], &machines[R].at);
	run_ms(3000);
}

static struct ip address(unsigned machine, bool ipv6)
{
	struct ip ip;

	if (ipv6)
		mesh_ipv6(&machines[machine].public, &ip);
	else
		mesh_ipv4(&machines[machine].public, 0, &machines[machine].prefix, &ip);
	return ip;
}

/* From one to another; fragment: the field of IPv4. Returns len. */
static size_t build(uint8_t *p, unsigned from, unsigned to, bool ipv6, size_t len,
		    uint8_t protocol, uint16_t fragment)
{
	const struct ip src = address(from, ipv6), dst = address(to, ipv6);

	memset(p, 0, len);
	if (ipv6) {
		p[0] = 0x60;
		store_be16(p + 4, (uint16_t)(len - 40));
		p[6] = protocol;
		p[7] = 64;
		memcpy(p + 8, src.b, 16);
		memcpy(p + 24, dst.b, 16);
		return len;
	}
	p[0] = 0x45;
	store_be16(p + 2, (uint16_t)len);
	store_be16(p + 6, fragment);
	p[8] = 64;
	p[9] = protocol;
	memcpy(p + 12, src.b, 4);
	memcpy(p + 16, dst.b, 4);
	store_be16(p + 10, checksum_finish(checksum_add(0, p, 20)));
	return len;
}

static void give(unsigned from, unsigned to, bool ipv6, size_t len, uint16_t fragment)
{
	uint8_t p[2048];

	build(p, from, to, ipv6, len, 253, fragment);
	event(&machines[from], &(struct node_event){ .kind = NODE_PACKET,
						     .data = bytes_of(p, len) });
}

static unsigned mtu_of(unsigned from, unsigned to)
{
	struct report_peer r = { 0 };

	ok(node_report_key(machines[from].node, &machines[to].public, &r) != UINT32_MAX);
	return r.path_mtu;
}

/* Traffic both ways until paths are measured. */
static void measure(unsigned seconds)
{
	for (unsigned i = 0; i < 2 * seconds; i++) {
		give(A, B, false, 60, 0x4000);
		give(B, A, false, 60, 0x4000);
		run_ms(500);
	}
	came_count = 0;
	longest_data = 0;
}

static void what_fits_passes_and_what_does_not_is_told(void)
{
	begin();
	const struct ip b4 = address(B, false), a4 = address(A, false), b6 = address(B, true);
	takes = 1372; /* packets of 1340 */
	measure(10);
	ok(whole_count > 3);
	eq_int(mtu_of(A, B), 1328);
	eq_int(mtu_of(B, A), 1328);
	const unsigned got = machines[B].got_packets;
	give(A, B, false, 1328, 0x4000);
	give(A, B, true, 1328, 0);
	run_ms(10);
	eq_int(machines[B].got_packets, got + 2);
	eq_int((intmax_t)longest_data, 1328 + 32);
	eq_int(came_count, 0);
	give(A, B, false, 1329, 0x4000);
	eq_int(came_count, 1);
	/* Destination unreachable, fragmentation needed (RFC 1191): from where it was to go. */
	eq_int(came[0][20], 3);
	eq_int(came[0][21], 4);
	eq_int(load_be16(came[0] + 26), 1328);
	eq_mem(came[0] + 12, b4.b, 4);
	eq_mem(came[0] + 16, a4.b, 4);
	eq_int(load_be16(came[0] + 28 + 2), 1329);
	eq_mem(came[0] + 28 + 12, a4.b, 4);
	ok(came_len[0] <= 576);
	give(A, B, true, 1420, 0);
	eq_int(came_count, 2);
	/* Packet too big (RFC 4443, 3.2). */
	eq_int(came[1][40], 2);
	eq_int(load_be32(came[1] + 44), 1328);
	eq_mem(came[1] + 8, b6.b, 16);
	eq_int((intmax_t)came_len[1], 1280);
	run_ms(10);
	eq_int(machines[B].got_packets, got + 2);
	eq_int((intmax_t)longest_data, 1328 + 32);
}

static void what_may_be_cut_is_and_nobody_is_told(void)
{
	begin();
	takes = 1372;
	measure(10);
	const unsigned got = machines[B].got_packets;
	give(A, B, false, 1420, 0);
	run_ms(10);
	eq_int(machines[B].got_packets, got + 2);
	eq_int(came_count, 0);
	eq_int((intmax_t)longest_data, 1324 + 4 + 32); /* 1304 bytes and a header, padded to 16 */
}

static void errors_are_few_and_none_is_about_an_error(void)
{
	uint8_t p[1420];

	begin();
	takes = 1372;
	measure(10);
	for (unsigned i = 0; i < 60; i++)
		give(A, B, false, 1420, 0x4000);
	ok(came_count > 5 && came_count <= 21);
	run_ms(1000);
	came_count = 0;
	build(p, A, B, false, sizeof(p), PROTO_ICMP, 0x4000);
	p[20] = 3;
	event(&machines[A], &(struct node_event){ .kind = NODE_PACKET,
						  .data = bytes_of(p, sizeof(p)) });
	build(p, A, B, true, sizeof(p), PROTO_ICMPV6, 0);
	p[40] = 2;
	event(&machines[A], &(struct node_event){ .kind = NODE_PACKET,
						  .data = bytes_of(p, sizeof(p)) });
	eq_int(came_count, 0);
}

/* A SYN that asks for segments of 1380 (IPv4). */
static void give_syn(unsigned from, unsigned to)
{
	uint8_t p[44];
	struct ip_packet ip;

	build(p, from, to, false, sizeof(p), PROTO_TCP, 0x4000);
	store_be16(p + 20, 40000);
	store_be16(p + 22, 22);
	p[32] = 6 << 4;
	p[33] = TCP_SYN;
	memcpy(p + 40, "\2\4\5\x64", 4);
	ok(ip_packet_parse(bytes_of(p, sizeof(p)), &ip));
	store_be16(p + 36, checksum_finish(checksum_add(
		checksum_pseudo(&ip.src, &ip.dst, PROTO_TCP, 24), p + 20, 24)));
	event(&machines[from], &(struct node_event){ .kind = NODE_PACKET,
						     .data = bytes_of(p, sizeof(p)) });
	run_ms(10);
}

static void expect_syn(uint16_t segment)
{
	struct ip_packet ip;

	eq_int(came_count, 1);
	ok(ip_packet_parse(bytes_of(came[0], came_len[0]), &ip));
	eq_int(load_be16(came[0] + 42), segment);
	eq_int(checksum_finish(checksum_add(checksum_pseudo(&ip.src, &ip.dst, PROTO_TCP, 24),
					    came[0] + 20, 24)), 0);
	came_count = 0;
}

static void who_opens_a_connection_is_told_of_segments_that_fit(void)
{
	begin();
	measure(2);
	watched = B;
	give_syn(A, B);
	expect_syn(1380);
	takes = 1372;
	measure(30);
	give_syn(A, B);
	expect_syn(1288);
	watched = A;
	give_syn(B, A);
	expect_syn(1288);
}

/* One way alone is narrow: who is there clamps what comes as well as what goes. */
static bool narrow_from_a(const struct machine *m, const struct out *o)
{
	return m == &machines[A] && o->len > 1372;
}

static void one_end_is_enough(void)
{
	begin();
	cut = narrow_from_a;
	measure(10);
	eq_int(mtu_of(A, B), 1328);
	eq_int(mtu_of(B, A), 1420);
	watched = A;
	give_syn(B, A);
	expect_syn(1288);
	watched = B;
	give_syn(A, B);
	expect_syn(1288);
}

/* Its channel is in front of each datagram. */
static void by_a_relay_four_bytes_less_pass(void)
{
	begin();
	apart = true;
	takes = 1420 + 32;
	for (unsigned i = 0; i < 5; i++)
		measure(6);
	eq_int(mtu_of(A, B), 1408);
	eq_int(mtu_of(A, R), 0); /* nothing went there */
	const unsigned got = machines[B].got_packets;
	give(A, B, false, 1408, 0x4000);
	run_ms(20);
	eq_int(machines[B].got_packets, got + 1);
	eq_int((intmax_t)longest_data, 4 + 1408 + 32);
	/* And where there is room for the channel, all pass. */
	begin();
	apart = true;
	takes = 4 + 1420 + 32;
	for (unsigned i = 0; i < 5; i++)
		measure(6);
	eq_int(mtu_of(A, B), 1420);
}

TAP_TESTS(T(what_fits_passes_and_what_does_not_is_told),
	  T(what_may_be_cut_is_and_nobody_is_told), T(errors_are_few_and_none_is_about_an_error),
	  T(who_opens_a_connection_is_told_of_segments_that_fit), T(one_end_is_enough),
	  T(by_a_relay_four_bytes_less_pass))
