/* What a verdict does not do: it takes nobody's keys, ends no session, and is no reason to stop
 * asking. */
#include "node_world.h"

#include "node/node_impl.h"

static struct report_peer peer_of(unsigned at, unsigned whom)
{
	struct report_peer r;
	uint32_t slot = UINT32_MAX;

	while ((slot = node_report_peer(machines[at].node, slot, &r)) != UINT32_MAX)
		if (!memcmp(&r.key, &machines[whom].public, sizeof(r.key)))
			return r;
	return (struct report_peer){ .state = REPORT_UNKNOWN };
}

static uint64_t handshakes(unsigned at)
{
	const struct wg_counters *c = wg_counters(machines[at].node->wg);

	return c->handshakes_sent + c->handshakes_received;
}

static void start_three(void)
{
	world(false);
	for (unsigned i = 0; i < 3; i++) {
		switch_on(&machines[i]);
		trust(&machines[i], 7u & ~(1u << i));
		if (i)
			seed(&machines[i], &machines[0].at);
	}
	run_ms(5000);
}

static bool concerns_1(const struct machine *m, const struct out *o)
{
	return m == &machines[1] || endpoint_equal(&o->to, &machines[1].at);
}

static bool control_of_1(const struct machine *m, const struct out *o)
{
	return concerns_1(m, o) && demux(bytes_of(o->data, o->len)) != DEMUX_WIREGUARD;
}

static void a_verdict_never_removes_keys_or_sessions(void)
{
	start_three();
	ok(passes(0, 1, false, 300));
	ok(passes(1, 0, false, 300));
	run_ms(15000); /* the answers to both */
	cut = concerns_1;
	run_ms(15000);
	eq_int(peer_of(0, 1).state, REPORT_DEAD);
	ok(peer_of(0, 1).session);
	/* The session of before carries packets again as soon as the wire does, while nothing that
	 * could take the verdict back gets through. */
	uint64_t before = handshakes(0) + handshakes(1);

	cut = control_of_1;
	ok(passes(0, 1, false, 300));
	ok(passes(0, 1, true, 300));
	eq_int(peer_of(0, 1).state, REPORT_DEAD);
	eq_int(handshakes(0) + handshakes(1), before);
	ok(passes(1, 0, false, 300));
	eq_int(handshakes(0) + handshakes(1), before);
	/* Long after every session is over the keys make the next one. */
	run_ms(900000);
	eq_int(peer_of(0, 1).state, REPORT_DEAD);
	ok(passes(0, 1, false, 6000));
	ok(handshakes(0) + handshakes(1) > before);
}

static void traffic_through_the_tunnel_vetoes_a_verdict(void)
{
	start_three();
	ok(passes(0, 1, false, 300));
	cut = control_of_1;
	for (unsigned s = 0; s < 60; s++) {
		ok(passes(1, 0, false, 300));
		run_ms(1000);
		ok(peer_of(0, 1).state != REPORT_DEAD);
	}
}

/* The tunnel was silent when the suspicion began, and speaks before it ends. */
static void traffic_that_comes_during_a_suspicion_vetoes_the_verdict(void)
{
	struct report_node report;

	start_three();
	ok(passes(0, 1, false, 300));
	ok(passes(1, 0, false, 300));
	run_ms(20000);
	cut = control_of_1;
	for (unsigned i = 0; i < 100 && peer_of(0, 1).state != REPORT_SUSPECT; i++)
		run_ms(100);
	eq_int(peer_of(0, 1).state, REPORT_SUSPECT);
	node_report(machines[0].node, &report);
	eq_int(report.alive, 1); /* the suspect is not one of them */
	ok(passes(1, 0, false, 300));
	for (unsigned i = 0; i < 95; i++) {
		run_ms(100);
		ok(peer_of(0, 1).state != REPORT_DEAD);
	}
	run_ms(15000);
	eq_int(peer_of(0, 1).state, REPORT_DEAD);
}

/* Attempts to reach 1, and the longest pause between two. */
static unsigned attempts;
static struct instant last_attempt;
static uint64_t pause_s;

static void watch_attempts(struct machine *m, const struct out *o)
{
	if (o->kind != OUT_DATAGRAM || !concerns_1(m, o) || m == &machines[1])
		return;
	if (attempts++ && span_in_s(instant_since(now.boot, last_attempt)) > pause_s)
		pause_s = span_in_s(instant_since(now.boot, last_attempt));
	last_attempt = now.boot;
}

static void reconnection_to_the_dead_goes_on_for_ever_with_backoff(void)
{
	const uint64_t hour = 3600000, day = 24 * hour;
	unsigned first, each[10];

	world(false);
	for (unsigned i = 0; i < 2; i++)
		switch_on(&machines[i]);
	trust(&machines[0], 2);
	trust(&machines[1], 1);
	seed(&machines[1], &machines[0].at);
	run_ms(60000);
	switch_off(&machines[1]);
	machines[1].peers_len = 0; /* it will not know where we are, and has no seed */
	on_out = watch_attempts;
	attempts = 0;
	pause_s = 0;
	run_ms(hour);
	first = attempts;
	eq_int(peer_of(0, 1).state, REPORT_DEAD);
	for (unsigned d = 0; d < 10; d++) {
		attempts = 0;
		run_ms(day);
		each[d] = attempts;
		ok(first > 2 * each[d] / 24); /* backoff */
	}
	printf("# attempts: %u in the first hour, %u on the first day, %u on the tenth; the "
	       "longest pause was %ju s\n", first, each[0], each[9], (uintmax_t)pause_s);
	ok(pause_s <= 720);
	ok(each[9] >= 120);
	/* Found by these attempts alone. */
	switch_on(&machines[1]);
	trust(&machines[1], 1);
	on_out = NULL;
	run_ms(720000);
	ok(passes(0, 1, false, 300));
}

TAP_TESTS(T(a_verdict_never_removes_keys_or_sessions),
	  T(traffic_through_the_tunnel_vetoes_a_verdict),
	  T(traffic_that_comes_during_a_suspicion_vetoes_the_verdict),
	  T(reconnection_to_the_dead_goes_on_for_ever_with_backoff))
