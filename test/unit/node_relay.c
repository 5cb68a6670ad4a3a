/* Whole nodes that cannot reach each other, and members that relay for them. */
#define NODES 5
#include "node_world.h"

#include "identity/record.h"

#include "nat/relay.h"

enum { A, B, R, S, STRANGER };

static bool a_b_cut;          /* no datagram between A and B */
static bool dead[NODES];
static struct flying seen[256]; /* frames that a relay sent on, and what came to it */
static unsigned seen_count;

static bool is_cut(const struct machine *m, const struct out *o)
{
	const unsigned from = (unsigned)(m - machines);

	if (dead[from])
		return true;
	for (unsigned k = 0; k < NODES; k++)
		if (endpoint_equal(&machines[k].at, &(struct endpoint){ .ip = o->to.ip,
									.port = o->to.port }) &&
		    (dead[k] || (a_b_cut && ((from == A && k == B) || (from == B && k == A)))))
			return true;
	return false;
}

static void see(struct machine *m, const struct flying *f)
{
	if (m == &machines[R] && f->len > 4 && f->data[0] >= 0x40 && f->data[0] <= 0x7f &&
	    seen_count < sizeof(seen) / sizeof(*seen))
		seen[seen_count++] = *f;
}

/* A and B trust the relays and each other; the relays trust all. */
static void begin(bool ipv6, unsigned relays)
{
	world(ipv6);
	cut = is_cut;
	on_arrival = see;
	seen_count = 0;
	a_b_cut = true;
	memset(dead, 0, sizeof(dead));
	for (unsigned i = 0; i < 2 + relays; i++) {
		machines[i].relay = i >= R ? RELAY_ON : RELAY_OFF;
		switch_on(&machines[i]);
		trust(&machines[i], (relays > 2 ? 31u : 15u) & ~(1u << i));
	}
	for (unsigned i = 0; i < 2; i++)
		for (unsigned k = 0; k < relays; k++)
			seed(&machines[i], &machines[R + k].at);
	run_ms(5000);
}

static uint64_t counter_of(unsigned machine, const char *name)
{
	static struct report_node report;

	node_report(machines[machine].node, &report);
	for (unsigned i = 0; i < report.counter_count; i++)
		if (!strcmp(report.counters[i].name, name))
			return report.counters[i].value;
	TAP_FAIL("no counter %s", name);
	return 0;
}

/* What A reports of B. */
static struct report_peer peer_of(unsigned machine, unsigned whom)
{
	struct report_peer p = { 0 };
	uint32_t slot = UINT32_MAX;

	while ((slot = node_report_peer(machines[machine].node, slot, &p)) != UINT32_MAX)
		if (!memcmp(&p.key, &machines[whom].public, sizeof(p.key)))
			return p;
	TAP_FAIL("machine %u does not know %u", machine, whom);
	return p;
}

static bool goes_through(unsigned from, unsigned to, unsigned relay)
{
	const struct report_peer p = peer_of(from, to);

	const char name[] = { 'n', (char)('0' + relay), '\0' };

	return p.path_up && !strcmp(p.relay, name) &&
	       ip_equal(&p.endpoint.ip, &machines[relay].at.ip);
}

static bool goes_direct(unsigned from, unsigned to)
{
	const struct report_peer p = peer_of(from, to);

	return p.path_up && !*p.relay && ip_equal(&p.endpoint.ip, &machines[to].at.ip);
}

static void a_packet_passes_through_a_relay_within_two_round_trips_and_the_handshake(void)
{
	for (int ipv6 = 0; ipv6 < 2; ipv6++) {
		begin(ipv6, 1);
		ok(!peer_of(A, B).path_up);
		/* A to R and back 2 ms, so A to B and back 4 ms: two of those until both ends are
		 * bound, one for WireGuard's handshake, and half for the packet. */
		ok(passes(A, B, false, 20));
		ok(passes(B, A, true, 20));
		run_ms(100);
		ok(goes_through(A, B, R) && goes_through(B, A, R));
		ok(counter_of(R, "relay_frames") >= 6);
		eq_int(counter_of(R, "relay_channels"), 1);
		/* nothing of theirs is opened on the way */
		eq_int(counter_of(R, "wireguard_data_received"), 0);
	}
}

static void without_a_willing_relay_nothing_passes(void)
{
	world(false);
	cut = is_cut;
	a_b_cut = true;
	memset(dead, 0, sizeof(dead));
	for (unsigned i = 0; i < 3; i++) {
		machines[i].relay = RELAY_OFF;
		switch_on(&machines[i]);
		trust(&machines[i], 7u & ~(1u << i));
		seed(&machines[i], &machines[R].at);
	}
	run_ms(5000);
	ok(!passes(A, B, false, 2000));
	eq_int(counter_of(R, "relay_frames"), 0);
}

/* The relay admits both, and each the other; else there is no channel. */
static void both_ends_admit_each_other_and_the_relay_both(void)
{
	begin(false, 1);
	trust(&machines[B], 1u << R);
	ok(!passes(A, B, false, 2000));
	trust(&machines[B], 1u << R | 1u << A);
	run_ms(6000);
	(void)passes(A, B, false, 2000); /* brings the one with it that waited */
	ok(passes(A, B, false, 100));

	begin(false, 1);
	ok(passes(A, B, false, 100));
	trust(&machines[R], 1u << A); /* B goes, and with it the channel */
	const uint64_t frames = counter_of(R, "relay_frames");
	ok(!passes(A, B, false, 2000));
	eq_int(counter_of(R, "relay_frames"), frames);
}

static void the_second_relay_takes_over_within_seven_seconds(void)
{
	begin(false, 2);
	ok(passes(A, B, false, 100));
	for (unsigned i = 0; i < 30; i++) {
		(void)passes(A, B, false, 200);
		(void)passes(B, A, false, 200);
	}
	const unsigned first = goes_through(A, B, R) ? R : S, second = first == R ? S : R;
	ok(goes_through(A, B, first));
	eq_int(counter_of(first, "relay_channels"), 1);
	eq_int(counter_of(second, "relay_channels"), 1);
	dead[first] = true;
	const struct instant died = now.boot;
	unsigned tries = 0;
	while (!passes(A, B, false, 100) && ++tries < 200)
		;
	ok(instant_since(now.boot, died).ns <= span_s(7).ns);
	while (!passes(B, A, false, 100) && ++tries < 200)
		;
	ok(instant_since(now.boot, died).ns <= span_s(7).ns);
	ok(goes_through(A, B, second) && goes_through(B, A, second));
}

/* Two channels through relays that died meanwhile keep nobody from asking a third. */
static void dead_relays_are_no_reason_not_to_ask_another(void)
{
	unsigned alive = 0, tries = 0;

	begin(false, 3);
	ok(passes(A, B, false, 100));
	a_b_cut = false;
	while (!goes_direct(A, B) && ++tries < 400)
		(void)passes(A, B, false, 200);
	ok(goes_direct(A, B));
	for (unsigned i = R; i < R + 3; i++) {
		dead[i] = counter_of(i, "relay_channels") > 0;
		alive += !dead[i];
	}
	eq_int(alive, 1);
	for (unsigned i = 0; i < 300; i++)
		(void)passes(A, B, false, 200);
	ok(goes_direct(A, B));
	a_b_cut = true;
	const struct instant cut_at = now.boot;
	for (tries = 0; !passes(A, B, false, 100) && tries < 600; tries++)
		;
	ok(instant_since(now.boot, cut_at).ns <= span_s(10).ns);
}

static void a_direct_path_takes_over_and_no_packet_is_lost(void)
{
	unsigned lost_packets = 0;

	begin(false, 1);
	ok(passes(A, B, false, 100));
	for (unsigned i = 0; i < 50; i++)
		lost_packets += !passes(A, B, false, 100);
	eq_int(lost_packets, 0);
	ok(goes_through(A, B, R));
	a_b_cut = false;
	/* It is tried again after 5, 15, 60 and 300 s at the latest. */
	for (unsigned i = 0; i < 3100 && !(goes_direct(A, B) && goes_direct(B, A)); i++) {
		lost_packets += !passes(A, B, false, 50);
		lost_packets += !passes(B, A, false, 50);
		run_ms(100);
	}
	for (unsigned i = 0; i < 50; i++)
		lost_packets += !passes(A, B, false, 50);
	eq_int(lost_packets, 0);
	ok(goes_direct(A, B) && goes_direct(B, A));
}

/* An address of a node was replaced: its channel is bound to the new one. */
static void an_end_that_moves_binds_its_channel_again(void)
{
	begin(false, 1);
	ok(passes(A, B, false, 100));
	machines[A].at.ip.b[3] = 77;
	event(&machines[A], &(struct node_event){ .kind = NODE_ADDRESSES,
						  .addresses = &machines[A].at.ip, .number = 1 });
	unsigned tries = 0;
	while (!passes(A, B, false, 100) && ++tries < 50)
		;
	ok(tries < 10);
	ok(passes(B, A, false, 100));
	ok(goes_through(A, B, R) && goes_through(B, A, R));
}

/* --- attacks */

static void inject(unsigned to, const struct endpoint *from, const uint8_t *data, size_t len)
{
	event(&machines[to], &(struct node_event){ .kind = NODE_DATAGRAM, .from = *from,
						   .data = bytes_of(data, len) });
}

/* Nothing that is told to the relay from now on makes it send anything. */
static unsigned sent_for(unsigned to, const struct endpoint *from, const uint8_t *data, size_t len)
{
	const unsigned before = machines[to].sent;

	inject(to, from, data, len);
	return machines[to].sent - before;
}

/* The newest frame that came to R from A. */
static const struct flying *frame_of_a(void)
{
	for (unsigned i = seen_count; i-- > 0;)
		if (endpoint_equal(&seen[i].from, &machines[A].at))
			return &seen[i];
	TAP_FAIL("%s sent no frame", "A");
	return &seen[0];
}

static void attack_03_unauthenticated_frames_name_nobody(void)
{
	struct endpoint third = { .ip = ip_v4(192, 0, 2, 99), .port = 51821 };
	struct flying f;
	uint8_t any[2048] = { 0x40 };

	begin(false, 1);
	ok(passes(A, B, false, 100));
	f = *frame_of_a();
	/* a frame of the channel from a third address, and from the right one at another port */
	eq_int(sent_for(R, &third, f.data, f.len), 0);
	third = machines[A].at;
	third.port++;
	eq_int(sent_for(R, &third, f.data, f.len), 0);
	ok(counter_of(R, "relay_drop_address") == 2);
	/* any channel, with a payload that would pass */
	for (unsigned i = 0; i < 1000; i++) {
		store_be32(any, 0x40000000u + i * 65537u);
		memcpy(any + 4, f.data + 4, f.len - 4);
		eq_int(sent_for(R, &machines[A].at, any, f.len), 0);
		eq_int(sent_for(R, &third, any, f.len), 0);
	}
}

static void only_wireguard_and_sealed_datagrams_travel_and_no_frame_in_a_frame(void)
{
	static const uint8_t first[][8] = {
		{ 0 }, { 0x41, 0, 0, 0 }, { 0x7f, 0xff, 0xff, 0xff }, { 0xe2 }, { 0xe3 },
		{ 0xe6 }, { 1, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42 }, { 4, 0, 0, 1 }, { 5 }, { 0x45 },
	};
	struct flying f;

	begin(false, 1);
	ok(passes(A, B, false, 100));
	f = *frame_of_a();
	for (unsigned i = 0; i < sizeof(first) / sizeof(*first); i++) {
		uint8_t frame[200];

		memset(frame, 0x5a, sizeof(frame));
		memcpy(frame, f.data, 4);
		memcpy(frame + 4, first[i], sizeof(first[i]));
		eq_int(sent_for(R, &machines[A].at, frame, sizeof(frame)), 0);
	}
	/* the whole frame within another one of the same channel */
	uint8_t twice[2048];
	memcpy(twice, f.data, 4);
	memcpy(twice + 4, f.data, f.len);
	eq_int(sent_for(R, &machines[A].at, twice, f.len + 4), 0);
	/* a handshake of the wrong length, a sealed datagram that is too long, one too short */
	memset(twice + 4, 0, sizeof(twice) - 4);
	twice[4] = 1;
	eq_int(sent_for(R, &machines[A].at, twice, 4 + 149), 0);
	twice[4] = 0xe1;
	eq_int(sent_for(R, &machines[A].at, twice, 4 + 1229), 0);
	eq_int(sent_for(R, &machines[A].at, twice, 4 + 72), 0);
	eq_int(sent_for(R, &machines[A].at, twice, 4), 0);
	eq_int(sent_for(R, &machines[A].at, twice, 4 + 1228), 1);
}

static void attack_36_a_replay_through_the_relay_is_taken_by_nobody(void)
{
	unsigned got;

	begin(false, 1);
	ok(passes(A, B, false, 100));
	run_ms(1000);
	const unsigned count = seen_count;
	got = machines[B].got_packets;
	const uint64_t replayed = counter_of(B, "wireguard_drop_replay") +
				  counter_of(B, "drop_control_replayed");
	for (unsigned i = 0; i < count; i++)
		if (endpoint_equal(&seen[i].from, &machines[A].at))
			inject(R, &seen[i].from, seen[i].data, seen[i].len);
	run_ms(1000);
	eq_int(machines[B].got_packets, got);
	ok(counter_of(B, "wireguard_drop_replay") + counter_of(B, "drop_control_replayed") >
	   replayed);
	ok(passes(A, B, false, 100));
}

/* A packet inside the tunnel whose source is not the peer's is dropped, relay or not. */
static void attack_31_cryptokey_routing_holds_through_the_relay(void)
{
	uint8_t p[64];
	size_t len;

	begin(false, 1);
	ok(passes(A, B, false, 100));
	const unsigned got = machines[B].got_packets;
	const uint64_t before = counter_of(B, "wireguard_drop_source");
	len = make_packet(p, R, B, false, 9); /* R's address, sent by A */
	event(&machines[A], &(struct node_event){ .kind = NODE_PACKET, .data = bytes_of(p, len) });
	run_ms(500);
	eq_int(machines[B].got_packets, got);
	eq_int(counter_of(B, "wireguard_drop_source"), before + 1);
}

/* A names B and B names A as the way to the other: each is the other's relay, and for R, too. */
static void attack_12_relays_that_name_each_other_make_no_loop(void)
{
	begin(false, 2);
	for (unsigned i = 0; i < 2; i++) {
		switch_off(&machines[i]);
		machines[i].relay = RELAY_ON;
		switch_on(&machines[i]);
		trust(&machines[i], 15u & ~(1u << i));
		seed(&machines[i], &machines[R].at);
	}
	run_ms(5000);
	dead[S] = true;
	ok(passes(A, B, false, 1000));
	run_ms(1000);
	ok(goes_through(A, B, R));
	/* All that is sent in the silence afterwards is a few probes. */
	unsigned before = 0, after = 0;
	for (unsigned i = 0; i < NODES; i++)
		before += machines[i].sent;
	run_ms(20000);
	for (unsigned i = 0; i < NODES; i++)
		after += machines[i].sent;
	ok(after - before < 1500);
	ok(counter_of(A, "relay_frames") == 0 && counter_of(B, "relay_frames") == 0);
}

TAP_TESTS(T(a_packet_passes_through_a_relay_within_two_round_trips_and_the_handshake),
	  T(without_a_willing_relay_nothing_passes),
	  T(both_ends_admit_each_other_and_the_relay_both),
	  T(the_second_relay_takes_over_within_seven_seconds),
	  T(dead_relays_are_no_reason_not_to_ask_another),
	  T(a_direct_path_takes_over_and_no_packet_is_lost),
	  T(an_end_that_moves_binds_its_channel_again),
	  T(attack_03_unauthenticated_frames_name_nobody),
	  T(only_wireguard_and_sealed_datagrams_travel_and_no_frame_in_a_frame),
	  T(attack_36_a_replay_through_the_relay_is_taken_by_nobody),
	  T(attack_31_cryptokey_routing_holds_through_the_relay),
	  T(attack_12_relays_that_name_each_other_make_no_loop))
