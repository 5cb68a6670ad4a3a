/* The filter: what may come in, by rules and by flows; both families alike. */
#include "policy_world.h"

#define S TCP_SYN
#define SA (TCP_SYN | TCP_ACK)
#define A TCP_ACK
#define FA (TCP_FIN | TCP_ACK)
#define R TCP_RST

static uint8_t families[] = { 4, 6 };
#define EACH_FAMILY(f) for (uint8_t *f = families; f < families + 2; f++)

/* The example that no stateless filter passes: `default deny`, `allow tcp 22`. */
static void ssh_in_and_everything_out(void)
{
	EACH_FAMILY(f) {
		struct world *w = world_new(*f, 64);

		world_rules(w, POLICY_DEFAULT_DENY, "allow tcp 22\n");
		ok(tcp_in(w, 1, 22, 50000, S));
		ok(w->last.is_first && w->last.verdict.line == 1);
		tcp_out(w, 1, 22, 50000, SA);
		ok(tcp_in(w, 1, 22, 50000, A));
		eq_int(w->last.reason, FILTER_KNOWN);
		ok(!w->last.is_first);
		ok(tcp_in(w, 1, 22, 50000, A | TCP_PSH));

		ok(!tcp_in(w, 1, 23, 50000, S));
		eq_int(w->last.verdict.origin, POLICY_FROM_DEFAULT);
		ok(!udp_in(w, 1, 22, 50000));
		ok(!echo_in(w, 1, false, 7));

		tcp_out(w, 2, 40000, 443, S);
		ok(tcp_in(w, 2, 40000, 443, SA));
		eq_int(w->last.reason, FILTER_OWN);
		tcp_out(w, 2, 40000, 443, A);
		ok(tcp_in(w, 2, 40000, 443, A));
		tcp_out(w, 2, 40000, 443, FA);
		ok(tcp_in(w, 2, 40000, 443, FA));
		tcp_out(w, 2, 40000, 443, A);
		ok(tcp_in(w, 2, 40000, 443, FA)); /* sent again */
		udp_out(w, 2, 5353, 53);
		ok(udp_in(w, 2, 5353, 53));
		echo_out(w, 2, false, 9);
		ok(echo_in(w, 2, true, 9));
		eq_int(w->last.reason, FILTER_OWN);
		world_free(w);
	}
}

static void only_the_answer_comes_back(void)
{
	EACH_FAMILY(f) {
		struct world *w = world_new(*f, 64);
		struct shot s;

		world_rules(w, POLICY_DEFAULT_DENY, "");
		tcp_out(w, 1, 40000, 443, S);
		udp_out(w, 1, 5000, 53);
		echo_out(w, 1, false, 9);
		ok(!tcp_in(w, 2, 40000, 443, SA));
		ok(!tcp_in(w, 1, 40001, 443, SA) && !tcp_in(w, 1, 40000, 444, SA));
		ok(!udp_in(w, 1, 5000, 54) && !udp_in(w, 1, 5001, 53) && !udp_in(w, 1, 53, 5000));
		ok(!udp_in(w, 2, 5000, 53) && !udp_in(w, 1, 40000, 443));
		ok(!echo_in(w, 1, true, 8) && !echo_in(w, 2, true, 9) && !echo_in(w, 1, false, 9));
		/* the addresses of peer 1, but through the tunnel of peer 2 */
		s = port_shot(*f, true, 1, PROTO_TCP, 40000, 443, SA);
		eq_int(shot_in(w, 2, &s), FILTER_DROP);
		eq_int(shot_in(w, 1, &s), FILTER_PASS);
		world_free(w);
	}
}

static void segments_out_of_nowhere_are_new(void)
{
	static const uint8_t flags[] = { S, SA, A, FA, R, R | A, TCP_FIN, 0, 0xff, S | TCP_FIN };

	EACH_FAMILY(f) {
		for (size_t i = 0; i < sizeof(flags); i++) {
			struct world *w = world_new(*f, 64);

			world_rules(w, POLICY_DEFAULT_DENY, "allow tcp 22\n");
			ok(!tcp_in(w, 1, 80, 5, flags[i]));
			ok(tcp_in(w, 1, 22, 5, flags[i]));
			eq_int(flows_count(filter_flows(w->filter)), !(flags[i] & R));
			world_free(w);
		}
	}
}

static void flows_end(void)
{
	EACH_FAMILY(f) {
		struct world *w = world_new(*f, 64);

		world_rules(w, POLICY_DEFAULT_DENY, "");
		udp_out(w, 1, 5000, 53);
		w->now = instant_add(w->now, span_s(29));
		ok(udp_in(w, 1, 5000, 53));
		w->now = instant_add(w->now, span_s(179));
		ok(udp_in(w, 1, 5000, 53));
		w->now = instant_add(w->now, span_s(180));
		ok(!udp_in(w, 1, 5000, 53));
		tcp_out(w, 1, 40000, 443, S);
		ok(tcp_in(w, 1, 40000, 443, SA));
		tcp_out(w, 1, 40000, 443, A);
		w->now = instant_add(w->now, span_s(4 * 24 * 3600));
		ok(tcp_in(w, 1, 40000, 443, A));
		ok(tcp_in(w, 1, 40000, 443, R));
		w->now = instant_add(w->now, span_s(5));
		ok(tcp_in(w, 1, 40000, 443, A));
		w->now = instant_add(w->now, span_s(5));
		ok(!tcp_in(w, 1, 40000, 443, A)); /* it could not be held open */
		world_free(w);
	}
}

/* --- a change of rules */

static void a_change_of_rules_judges_again(void)
{
	EACH_FAMILY(f) {
		struct world *w = world_new(*f, 64);

		world_rules(w, POLICY_DEFAULT_ALLOW, "");
		ok(tcp_in(w, 1, 22, 50000, S));
		tcp_out(w, 1, 22, 50000, SA);
		ok(tcp_in(w, 1, 22, 50000, A));
		ok(udp_in(w, 1, 53, 50000));
		udp_out(w, 1, 53, 50000);
		tcp_out(w, 1, 40000, 443, S);
		udp_out(w, 1, 40000, 443);

		world_rules(w, POLICY_DEFAULT_DENY, "");
		ok(tcp_in(w, 1, 40000, 443, SA) && udp_in(w, 1, 40000, 443)); /* ours go on */
		ok(!tcp_in(w, 1, 22, 50000, A) && !udp_in(w, 1, 53, 50000));
		/* what this host goes on to send makes them no flows of ours */
		tcp_out(w, 1, 22, 50000, A);
		udp_out(w, 1, 53, 50000);
		ok(!tcp_in(w, 1, 22, 50000, A) && !udp_in(w, 1, 53, 50000));

		world_rules(w, POLICY_DEFAULT_DENY, "allow tcp 22\nallow udp 53\n");
		ok(tcp_in(w, 1, 22, 50000, A) && udp_in(w, 1, 53, 50000));
		ok(tcp_in(w, 1, 22, 50000, A));
		eq_int(w->last.reason, FILTER_KNOWN);
		world_free(w);
	}
}

/* It is the peer's next packet that is judged; what this host sends before it must not count. */
static void what_we_send_first_changes_nothing(void)
{
	EACH_FAMILY(f) {
		struct world *w = world_new(*f, 64);

		world_rules(w, POLICY_DEFAULT_ALLOW, "");
		ok(udp_in(w, 1, 53, 50000) && tcp_in(w, 1, 22, 50000, S));
		world_rules(w, POLICY_DEFAULT_DENY, "");
		udp_out(w, 1, 53, 50000);
		tcp_out(w, 1, 22, 50000, A);
		ok(!udp_in(w, 1, 53, 50000) && !tcp_in(w, 1, 22, 50000, A));
		world_free(w);
	}
}

/* A denied flow is remembered as long as either side goes on with it. */
static void a_denied_flow_is_not_forgotten(void)
{
	struct world *w = world_new(4, 64);

	world_rules(w, POLICY_DEFAULT_ALLOW, "");
	ok(udp_in(w, 1, 53, 50000));
	udp_out(w, 1, 53, 50000);
	world_rules(w, POLICY_DEFAULT_DENY, "");
	for (unsigned i = 0; i < 10; i++) {
		w->now = instant_add(w->now, span_s(100));
		if (i % 2)
			udp_out(w, 1, 53, 50000);
		else
			ok(!udp_in(w, 1, 53, 50000));
	}
	ok(!udp_in(w, 1, 53, 50000));
	w->now = instant_add(w->now, span_s(180));
	udp_out(w, 1, 53, 50000); /* after that it is a new one, and ours */
	ok(udp_in(w, 1, 53, 50000));
	world_free(w);
}

static void a_bound_peer_is_judged_again(void)
{
	struct world *w = world_new(4, 64);
	struct policy_rule rule = { POLICY_DENY, POLICY_ALL, 0, 65535, 1 };
	uint32_t list;

	world_rules(w, POLICY_DEFAULT_ALLOW, "");
	list = policy_add(w->policy, POLICY_FROM_PEER, "a", &rule, 1);
	ok(tcp_in(w, 1, 22, 50000, S) && tcp_in(w, 2, 22, 50000, S));
	policy_bind(w->policy, 1, list, NULL, 0);
	ok(tcp_in(w, 1, 22, 50000, A));
	filter_judge_again(w->filter);
	ok(!tcp_in(w, 1, 22, 50000, A) && tcp_in(w, 2, 22, 50000, A));
	eq_int(flows_of_peer(filter_flows(w->filter), 1), 1);
	filter_forget_peer(w->filter, 1);
	eq_int(flows_of_peer(filter_flows(w->filter), 1), 0);
	eq_int(flows_of_peer(filter_flows(w->filter), 2), 1);
	world_free(w);
}

static void a_hundred_reloads_lose_nothing(void)
{
	EACH_FAMILY(f) {
		struct world *w = world_new(*f, 64);

		world_rules(w, POLICY_DEFAULT_DENY, "allow tcp 22\n");
		ok(tcp_in(w, 1, 22, 50000, S));
		tcp_out(w, 2, 40000, 443, S);
		for (unsigned i = 0; i < 100; i++) {
			world_rules(w, POLICY_DEFAULT_DENY, i % 2 ? "allow tcp 22\n" :
				    "deny udp\nallow all 22\n");
			ok(tcp_in(w, 1, 22, 50000, A) && tcp_in(w, 2, 40000, 443, A));
			tcp_out(w, 1, 22, 50000, A);
			ok(tcp_in(w, 1, 22, 50000, A) && tcp_in(w, 2, 40000, 443, A));
			tcp_out(w, 2, 40000, 443, A);
		}
		world_free(w);
	}
}

static void without_rules_nothing_new_comes_in(void)
{
	struct world *w = world_new(4, 64);

	ok(!tcp_in(w, 1, 22, 5, S));
	eq_int(w->last.verdict.origin, POLICY_FROM_BROKEN);
	tcp_out(w, 1, 40000, 443, S);
	ok(tcp_in(w, 1, 40000, 443, SA));
	policy_break(w->policy);
	filter_set_policy(w->filter, w->policy, w->hits);
	ok(!tcp_in(w, 1, 22, 5, S) && !echo_in(w, 1, false, 1));
	ok(tcp_in(w, 1, 40000, 443, A));
	world_free(w);
}

/* --- who opened what */

static void a_peer_cannot_open_against_ours(void)
{
	EACH_FAMILY(f) {
		struct world *w = world_new(*f, 64);

		world_rules(w, POLICY_DEFAULT_DENY, "");
		tcp_out(w, 1, 40000, 443, S);
		ok(tcp_in(w, 1, 40000, 443, S)); /* both at once */
		tcp_out(w, 1, 40000, 443, SA);
		ok(tcp_in(w, 1, 40000, 443, SA));
		tcp_out(w, 1, 40000, 443, A);
		ok(!tcp_in(w, 1, 40000, 443, S));
		ok(tcp_in(w, 1, 40000, 443, A)); /* and ours goes on */
		world_rules(w, POLICY_DEFAULT_DENY, "allow tcp 40000\n");
		ok(tcp_in(w, 1, 40000, 443, S));
		world_rules(w, POLICY_DEFAULT_DENY, "");
		ok(tcp_in(w, 1, 40000, 443, A)); /* as ours, still */
		tcp_out(w, 1, 40000, 443, FA);
		ok(tcp_in(w, 1, 40000, 443, FA));
		ok(!tcp_in(w, 1, 40000, 443, S)); /* the port may be another program's now */
		world_rules(w, POLICY_DEFAULT_DENY, "allow tcp 40000\n");
		ok(tcp_in(w, 1, 40000, 443, S));
		ok(w->last.is_first);
		world_rules(w, POLICY_DEFAULT_DENY, "");
		ok(!tcp_in(w, 1, 40000, 443, A)); /* it was his */
		tcp_out(w, 1, 40000, 443, S);
		ok(tcp_in(w, 1, 40000, 443, SA)); /* and is ours */
		world_free(w);
	}
}

static void a_connection_may_come_again(void)
{
	struct world *w = world_new(4, 64);

	world_rules(w, POLICY_DEFAULT_DENY, "allow tcp 22\n");
	for (unsigned i = 1; i <= 3; i++) {
		ok(tcp_in(w, 1, 22, 50000, S));
		ok(w->last.is_first);
		tcp_out(w, 1, 22, 50000, SA);
		ok(tcp_in(w, 1, 22, 50000, A));
		ok(tcp_in(w, 1, 22, 50000, i % 2 ? R : FA));
		tcp_out(w, 1, 22, 50000, FA);
		if (i % 2) /* a host that goes on does not believe the reset */
			ok(tcp_in(w, 1, 22, 50000, FA));
		eq_int(w->hits[1].flows, i);
	}
	world_free(w);
}

static void connections_from_before_are_picked_up(void)
{
	EACH_FAMILY(f) {
		struct world *w = world_new(*f, 64);

		world_rules(w, POLICY_DEFAULT_DENY, "");
		w->now = instant_add(INSTANT_ZERO, span_s(1));
		tcp_out(w, 1, 40000, 443, A);
		tcp_out(w, 1, 22, 50000, A); /* no client */
		tcp_out(w, 1, 40001, 443, R);
		ok(tcp_in(w, 1, 40000, 443, A));
		ok(!tcp_in(w, 1, 22, 50000, A) && !tcp_in(w, 1, 40001, 443, A));
		w->now = instant_add(INSTANT_ZERO, span_s(2));
		tcp_out(w, 1, 40002, 443, A);
		ok(!tcp_in(w, 1, 40002, 443, A));
		ok(tcp_in(w, 1, 40000, 443, A));
		world_free(w);
	}
}

static void echoes_know_who_asked(void)
{
	EACH_FAMILY(f) {
		struct world *w = world_new(*f, 64);

		world_rules(w, POLICY_DEFAULT_DENY, "allow icmp\n");
		ok(echo_in(w, 1, false, 9) && echo_in(w, 1, true, 9));
		world_rules(w, POLICY_DEFAULT_DENY, "");
		ok(!echo_in(w, 1, false, 9));
		echo_out(w, 1, true, 9); /* an answer asks nothing */
		ok(!echo_in(w, 1, true, 9) && !echo_in(w, 1, false, 9));
		echo_out(w, 1, false, 9);
		ok(echo_in(w, 1, true, 9) && !echo_in(w, 1, false, 9));
		ok(!tcp_in(w, 1, 9, 0, A) && !udp_in(w, 1, 9, 0));
		w->now = instant_add(w->now, span_s(200));
		ok(!echo_in(w, 1, true, 9));
		world_free(w);
	}
}

static void other_protocols_are_answered_too(void)
{
	static const uint8_t protocols[] = { 47, 50, PROTO_SCTP, PROTO_UDPLITE, 4, 253 };

	EACH_FAMILY(f) {
		for (size_t i = 0; i < sizeof(protocols); i++) {
			struct world *w = world_new(*f, 64);
			struct shot in = port_shot(*f, true, 1, protocols[i], 7, 8, 0);
			struct shot out = port_shot(*f, false, 1, protocols[i], 7, 8, 0);

			world_rules(w, POLICY_DEFAULT_DENY, "allow tcp\nallow udp\nallow icmp\n");
			eq_int(shot_in(w, 1, &in), FILTER_DROP);
			eq_int(w->last.kind, POLICY_IS_OTHER);
			shot_out(w, 1, &out);
			eq_int(shot_in(w, 1, &in), FILTER_PASS);
			eq_int(shot_in(w, 2, &in), FILTER_DROP);
			world_rules(w, POLICY_DEFAULT_DENY, "allow all\n");
			eq_int(shot_in(w, 2, &in), FILTER_PASS);
			world_rules(w, POLICY_DEFAULT_DENY, "");
			shot_out(w, 2, &out); /* the answer to him is not ours */
			eq_int(shot_in(w, 2, &in), FILTER_DROP);
			world_free(w);
		}
	}
}

/* --- errors */

static void errors_about_our_packets_pass(void)
{
	static const struct { uint8_t family, type; bool passes; } types[] = {
		{ 4, 3, true }, { 4, 11, true }, { 4, 12, true }, { 4, 4, false }, { 4, 5, false },
		{ 4, 0, false }, { 4, 13, false }, { 6, 1, true }, { 6, 2, true }, { 6, 3, true },
		{ 6, 4, true }, { 6, 0, false }, { 6, 5, false }, { 6, 137, false },
		{ 6, 135, false },
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		uint8_t f = types[i].family;
		struct world *w = world_new(f, 64);
		struct shot sent = port_shot(f, false, 1, PROTO_UDP, 5000, 53, 0), e;

		world_rules(w, POLICY_DEFAULT_DENY, "");
		shot_out(w, 1, &sent);
		e = icmp_shot(f, true, 1, types[i].type, 0, sent.bytes, sent.len);
		eq_int(shot_in(w, 1, &e) == FILTER_PASS, types[i].passes);
		world_free(w);
	}
}

static void errors_about_others_do_not_pass(void)
{
	EACH_FAMILY(f) {
		uint8_t type = *f == 4 ? 3 : 1, header = *f == 4 ? 20 : 40;
		struct world *w = world_new(*f, 64);
		struct shot sent = port_shot(*f, false, 1, PROTO_TCP, 40000, 443, A), e, q;

		world_rules(w, POLICY_DEFAULT_DENY, "");
		tcp_out(w, 1, 40000, 443, S);
		e = icmp_shot(*f, true, 1, type, 0, sent.bytes, header + 8u); /* cut, as is usual */
		eq_int(shot_in(w, 1, &e), FILTER_PASS);
		eq_int(w->last.reason, FILTER_RELATED);
		eq_int(shot_in(w, 2, &e), FILTER_DROP); /* another peer */
		e = icmp_shot(*f, true, 1, type, 0, sent.bytes, header + 3u); /* half a port */
		eq_int(shot_in(w, 1, &e), FILTER_DROP);
		e = icmp_shot(*f, true, 1, type, 0, sent.bytes, header - 1u);
		eq_int(shot_in(w, 1, &e), FILTER_DROP);
		e = icmp_shot(*f, true, 1, type, 0, NULL, 0);
		eq_int(shot_in(w, 1, &e), FILTER_DROP);
		q = port_shot(*f, true, 1, PROTO_TCP, 40000, 443, A); /* what he sent himself */
		e = icmp_shot(*f, true, 1, type, 0, q.bytes, q.len);
		eq_int(shot_in(w, 1, &e), FILTER_DROP);
		q = port_shot(*f, false, 1, PROTO_UDP, 40000, 443, 0);
		e = icmp_shot(*f, true, 1, type, 0, q.bytes, q.len);
		eq_int(shot_in(w, 1, &e), FILTER_DROP);
		q = port_shot(*f, false, 2, PROTO_TCP, 40000, 443, A); /* to somebody else */
		e = icmp_shot(*f, true, 1, type, 0, q.bytes, q.len);
		eq_int(shot_in(w, 1, &e), FILTER_DROP);
		q = port_shot(*f == 4 ? 6 : 4, false, 1, PROTO_TCP, 40000, 443, A);
		e = icmp_shot(*f, true, 1, type, 0, q.bytes, q.len);
		eq_int(shot_in(w, 1, &e), FILTER_DROP);
		e = icmp_shot(*f, true, 1, type, 0, sent.bytes, sent.len);
		e.bytes[header - 1] = 99; /* to another address than the one that sent it */
		eq_int(shot_in(w, 1, &e), FILTER_DROP);
		/* an error is no packet of the flow: it keeps nothing open */
		eq_int(flow_at(filter_flows(w->filter), 0)->state, FLOW_SYN);
		world_free(w);
	}
}

static void an_error_names_its_ports(void)
{
	EACH_FAMILY(f) {
		struct world *w = world_new(*f, 64);
		struct shot sent = port_shot(*f, false, 1, PROTO_TCP, 0, 0, S), e;

		world_rules(w, POLICY_DEFAULT_DENY, "");
		shot_out(w, 1, &sent);
		e = icmp_shot(*f, true, 1, *f == 4 ? 3 : 1, 0, sent.bytes, *f == 4 ? 23 : 43);
		eq_int(shot_in(w, 1, &e), FILTER_DROP);
		e = icmp_shot(*f, true, 1, *f == 4 ? 3 : 1, 0, sent.bytes, *f == 4 ? 24 : 44);
		eq_int(shot_in(w, 1, &e), FILTER_PASS);
		world_free(w);
	}
}

static void errors_about_their_flows_pass_while_they_may(void)
{
	EACH_FAMILY(f) {
		struct world *w = world_new(*f, 64);
		struct shot sent = port_shot(*f, false, 1, PROTO_TCP, 22, 50000, A);
		struct shot e = icmp_shot(*f, true, 1, *f == 4 ? 3 : 2, 0, sent.bytes, sent.len);

		world_rules(w, POLICY_DEFAULT_DENY, "allow tcp 22\n");
		eq_int(shot_in(w, 1, &e), FILTER_DROP);
		ok(tcp_in(w, 1, 22, 50000, S));
		eq_int(shot_in(w, 1, &e), FILTER_PASS);
		world_rules(w, POLICY_DEFAULT_DENY, "allow tcp 22\n");
		eq_int(shot_in(w, 1, &e), FILTER_PASS);
		world_rules(w, POLICY_DEFAULT_DENY, "");
		eq_int(shot_in(w, 1, &e), FILTER_DROP);
		ok(!tcp_in(w, 1, 22, 50000, A));
		eq_int(shot_in(w, 1, &e), FILTER_DROP);
		world_rules(w, POLICY_DEFAULT_DENY, "allow icmp\n");
		eq_int(shot_in(w, 1, &e), FILTER_PASS);
		eq_int(w->last.reason, FILTER_JUDGED);
		world_free(w);
	}
}

static void errors_about_our_echoes_pass(void)
{
	EACH_FAMILY(f) {
		struct world *w = world_new(*f, 64);
		uint8_t ask = *f == 4 ? 8 : 128, told = *f == 4 ? 0 : 129, gone = *f == 4 ? 11 : 3;
		struct shot sent = icmp_shot(*f, false, 1, ask, 9, NULL, 0), e;

		world_rules(w, POLICY_DEFAULT_DENY, "");
		shot_out(w, 1, &sent);
		e = icmp_shot(*f, true, 1, gone, 0, sent.bytes, sent.len);
		eq_int(shot_in(w, 1, &e), FILTER_PASS); /* traceroute */
		sent = icmp_shot(*f, false, 1, ask, 8, NULL, 0);
		e = icmp_shot(*f, true, 1, gone, 0, sent.bytes, sent.len);
		eq_int(shot_in(w, 1, &e), FILTER_DROP);
		sent = icmp_shot(*f, false, 1, told, 9, NULL, 0);
		e = icmp_shot(*f, true, 1, gone, 0, sent.bytes, sent.len);
		eq_int(shot_in(w, 1, &e), FILTER_DROP);
		e.len -= 1; /* of eight bytes seven */
		store_be16(e.bytes + (*f == 4 ? 2 : 4), (uint16_t)(e.len - (*f == 4 ? 0 : 40)));
		eq_int(shot_in(w, 1, &e), FILTER_DROP);
		world_free(w);
	}
}

/* --- rejects, hits, observations */

static size_t answer(struct world *w, const struct shot *s, uint8_t *out)
{
	return filter_answer(w->filter, bytes_of(s->bytes, s->len), 1, w->now, out,
			     FILTER_ANSWER_MAX);
}

static void a_reject_is_answered(void)
{
	EACH_FAMILY(f) {
		struct world *w = world_new(*f, 64);
		struct shot s = port_shot(*f, true, 1, PROTO_TCP, 22, 50000, S);
		uint8_t out[FILTER_ANSWER_MAX];
		struct ip_packet p;
		struct tcp_header h;
		size_t len;

		world_rules(w, POLICY_DEFAULT_DENY, "reject all\n");
		eq_int(shot_in(w, 1, &s), FILTER_REJECT);
		len = answer(w, &s, out);
		ok(len && ip_packet_parse(bytes_of(out, len), &p));
		ok(tcp_header_read(bytes_of(out, len), &p, &h));
		eq_int(h.flags, TCP_RST | TCP_ACK);
		eq_int(h.ack, 1001);
		s = port_shot(*f, true, 1, PROTO_UDP, 53, 50000, 0);
		eq_int(shot_in(w, 1, &s), FILTER_REJECT);
		len = answer(w, &s, out);
		ok(len && ip_packet_parse(bytes_of(out, len), &p));
		eq_mem(out + p.l4_offset, *f == 4 ? "\3\x0d" : "\1\1", 2);
		s = icmp_shot(*f, true, 1, *f == 4 ? 8 : 128, 1, NULL, 0);
		eq_int(shot_in(w, 1, &s), FILTER_REJECT);
		ok(answer(w, &s, out));
		world_free(w);
	}
}

static void some_rejects_are_silent(void)
{
	EACH_FAMILY(f) {
		struct world *w = world_new(*f, 64);
		struct shot q = port_shot(*f, false, 1, PROTO_UDP, 1, 2, 0), s[6];
		uint8_t out[FILTER_ANSWER_MAX];

		world_rules(w, POLICY_DEFAULT_DENY, "reject all\n");
		s[0] = port_shot(*f, true, 1, PROTO_TCP, 22, 50000, R | A);
		s[1] = icmp_shot(*f, true, 1, *f == 4 ? 3 : 1, 0, q.bytes, q.len);
		s[2] = port_shot(*f, true, 1, PROTO_TCP, 22, 50000, S);
		memcpy(s[2].bytes + (*f == 4 ? 16 : 24), *f == 4 ? "\xe0\0\0\1" : "\xff\2\0\0", 4);
		s[3] = s[4] = port_shot(*f, true, 1, PROTO_UDP, 22, 50000, 0);
		memcpy(s[3].bytes + (*f == 4 ? 16 : 24),
		       *f == 4 ? "\xff\xff\xff\xff" : "\xff\2\0\0", 4);
		s[4] = *f == 4 ? ip_shot(4, 11, 1, PROTO_UDP, 0x2000,
					 "\0\1\0\2\0\x0c\0\0ping", 12) :
				 ip_shot(6, 11, 1, PROTO_FRAGMENT, 0,
					 "\x11\0\0\1\0\0\0\7\0\1\0\2\0\x0c\0\0ping", 20);
		s[5] = ip_shot(*f, 11, 1, PROTO_TCP, 0, "\0\1\0\2", 4);
		for (size_t i = 0; i < 6; i++) {
			eq_int(shot_in(w, 1, &s[i]), FILTER_REJECT);
			if (answer(w, &s[i], out))
				TAP_FAIL("packet %zu is answered", i);
		}
		world_free(w);
	}
}

static void rejects_are_rationed(void)
{
	struct world *w = world_new(4, 64);
	struct shot s = port_shot(4, true, 1, PROTO_TCP, 22, 50000, S);
	uint8_t out[FILTER_ANSWER_MAX];
	unsigned answers = 0;

	world_rules(w, POLICY_DEFAULT_DENY, "reject all\n");
	for (unsigned i = 0; i < 100000; i++) { /* ten seconds */
		answers += answer(w, &s, out) > 0;
		w->now.ns += 100000;
	}
	ok(answers >= 540 && answers <= 551);
	eq_int(filter_counts(w->filter)->answers, answers);
	eq_int(filter_counts(w->filter)->unanswered, 100000 - answers);
	/* another peer has tokens of his own */
	ok(filter_answer(w->filter, bytes_of(s.bytes, s.len), 2, w->now, out, sizeof(out)));
	world_free(w);
}

static void rules_count_packets_and_flows(void)
{
	struct world *w = world_new(6, 64);

	world_rules(w, POLICY_DEFAULT_DENY, "allow tcp 22\ndeny udp\nallow icmp\n");
	for (uint16_t i = 0; i < 3; i++) {
		ok(tcp_in(w, 1, 22, 50000 + i, S));
		tcp_out(w, 1, 22, 50000 + i, SA);
		ok(tcp_in(w, 1, 22, 50000 + i, A));
		ok(!udp_in(w, 1, 53, 50000 + i));
		ok(echo_in(w, 1, false, i));
	}
	ok(!tcp_in(w, 1, 23, 1, S));
	eq_int(w->hits[0].packets, 1);
	eq_int(w->hits[1].packets, 6);
	eq_int(w->hits[1].flows, 3);
	eq_int(w->hits[2].packets, 3);
	eq_int(w->hits[2].flows, 0);
	eq_int(w->hits[3].packets, 3);
	eq_int(filter_counts(w->filter)->in[FILTER_JUDGED][FILTER_DROP], 4);
	eq_int(filter_counts(w->filter)->in[FILTER_KNOWN][FILTER_PASS], 3);
	eq_int(filter_counts(w->filter)->out, 3);
	world_free(w);
}

static unsigned count_observed(const struct world *w, uint32_t peer, uint64_t *times)
{
	unsigned count = 0;

	*times = 0;
	for (uint32_t i = 0; i < OBSERVED_PLACES; i++) {
		const struct observed *o = observed_at(filter_observed(w->filter), i);

		if (!o || o->peer != peer)
			continue;
		count++;
		*times += o->times;
	}
	return count;
}

static void observe_remembers_what_deny_would_refuse(void)
{
	struct world *w = world_new(4, 256);
	const struct observed *o;
	struct shot later;
	uint64_t times;

	world_rules(w, POLICY_DEFAULT_OBSERVE, "allow tcp 22\ndeny tcp 23\n");
	ok(tcp_in(w, 1, 22, 1, S) && !tcp_in(w, 1, 23, 1, S));
	eq_int(count_observed(w, 1, &times), 0);
	for (uint16_t i = 0; i < 5; i++)
		ok(tcp_in(w, 1, 5432, 1000 + i, S) && tcp_in(w, 1, 5432, 1000 + i, A));
	ok(udp_in(w, 1, 53, 1) && echo_in(w, 1, false, 3));
	ok(udp_in(w, 2, 53, 1));
	later = ip_shot(4, 11, 1, PROTO_UDP, 0x0010, "a later fragment", 16);
	eq_int(shot_in(w, 1, &later), FILTER_PASS); /* of what, nobody can say */
	eq_int(count_observed(w, 1, &times), 3);
	eq_int(times, 7); /* flows, not packets */
	for (uint32_t i = 0; i < OBSERVED_PLACES; i++) {
		o = observed_at(filter_observed(w->filter), i);
		if (o && o->port == 5432) {
			eq_int(o->times, 5);
			eq_int(o->kind, POLICY_IS_TCP);
			eq_int(o->protocol, PROTO_TCP);
			eq_int(o->first.ns, w->now.ns);
		}
	}
	/* one who tries every port neither forgets what he does often, nor touches others */
	for (uint16_t port = 1; port < 2000; port++)
		udp_in(w, 1, port, 7);
	eq_int(count_observed(w, 1, &times), 32);
	ok(times >= 5 + 31);
	eq_int(count_observed(w, 2, &times), 1);
	filter_forget_peer(w->filter, 1);
	eq_int(count_observed(w, 1, &times), 0);
	eq_int(count_observed(w, 2, &times), 1);
	world_free(w);
}

/* A flood of a peer that may reach one port, while the host talks with another peer. */
static void a_flood_cuts_nothing_of_ours(void)
{
	EACH_FAMILY(f) {
		struct world *w = world_new(*f, 256);

		world_rules(w, POLICY_DEFAULT_DENY, "allow udp 53\nallow tcp 80\n");
		for (uint16_t i = 0; i < 64; i++)
			udp_out(w, 2, 40000 + i, 443);
		for (uint16_t i = 0; i < 20; i++)
			ok(tcp_in(w, 3, 80, 1 + i, S));
		for (uint32_t i = 0; i < 20000; i++) {
			udp_in(w, 1, 53, (uint16_t)i);
			udp_out(w, 1, 53, (uint16_t)(i - 100)); /* so late that it is ours now */
			tcp_in(w, 1, 80, (uint16_t)i, i % 2 ? S : A);
			w->now.ns += 100000;
		}
		for (uint16_t i = 0; i < 64; i++)
			ok(udp_in(w, 2, 40000 + i, 443));
		eq_int(flows_of_peer(filter_flows(w->filter), 3), 20);
		world_free(w);
	}
}

TAP_TESTS(T(ssh_in_and_everything_out), T(only_the_answer_comes_back),
	  T(segments_out_of_nowhere_are_new), T(flows_end), T(a_change_of_rules_judges_again),
	  T(what_we_send_first_changes_nothing), T(a_denied_flow_is_not_forgotten),
	  T(a_bound_peer_is_judged_again),
	  T(a_hundred_reloads_lose_nothing), T(without_rules_nothing_new_comes_in),
	  T(a_peer_cannot_open_against_ours), T(a_connection_may_come_again),
	  T(connections_from_before_are_picked_up), T(echoes_know_who_asked),
	  T(other_protocols_are_answered_too), T(errors_about_our_packets_pass),
	  T(errors_about_others_do_not_pass), T(an_error_names_its_ports),
	  T(errors_about_their_flows_pass_while_they_may),
	  T(errors_about_our_echoes_pass), T(a_reject_is_answered), T(some_rejects_are_silent),
	  T(rejects_are_rationed), T(rules_count_packets_and_flows),
	  T(observe_remembers_what_deny_would_refuse), T(a_flood_cuts_nothing_of_ours))
