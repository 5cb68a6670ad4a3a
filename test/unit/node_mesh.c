/* Whole nodes on a virtual wire in virtual time: the same objects that the daemon drives. */
#include "node_world.h"

static void chain(bool ipv6)
{
	world(ipv6);
	for (unsigned i = 0; i < 3; i++) {
		switch_on(&machines[i]);
		trust(&machines[i], 7u & ~(1u << i));
	}
	seed(&machines[1], &machines[0].at);
	seed(&machines[2], &machines[0].at);
	run_ms(3000);
	for (unsigned a = 0; a < 3; a++)
		for (unsigned b = 0; b < 3; b++)
			if (a != b) {
				ok(passes(a, b, false, 300));
				ok(passes(a, b, true, 300));
			}
}

static void three_nodes_with_one_seed_reach_each_other(void)
{
	chain(false);
}

static void and_over_an_ipv6_underlay(void)
{
	chain(true);
}

static void two_nodes(unsigned first_off_ms)
{
	world(false);
	switch_on(&machines[1]);
	trust(&machines[1], 1);
	seed(&machines[1], &machines[0].at);
	run_ms(first_off_ms);
	switch_on(&machines[0]);
	trust(&machines[0], 2);
}

static void a_seed_that_comes_a_minute_later_is_found(void)
{
	two_nodes(60000);
	run_ms(10000);
	ok(passes(0, 1, false, 300));
}

static void a_seed_that_comes_an_hour_later_is_found(void)
{
	two_nodes(3600000);
	run_ms(600000);
	ok(passes(0, 1, false, 300));
}

static void a_killed_node_is_back_within_five_seconds(void)
{
	two_nodes(10);
	run_ms(3000);
	ok(passes(0, 1, false, 300));
	switch_off(&machines[1]);
	run_ms(30000);
	switch_on(&machines[1]);
	trust(&machines[1], 1);
	seed(&machines[1], &machines[0].at);
	run_ms(4000);
	ok(passes(0, 1, false, 1000));
	ok(passes(1, 0, false, 300));
	/* and the same at once, before anybody noticed that it was gone */
	switch_off(&machines[1]);
	run_ms(50);
	switch_on(&machines[1]);
	trust(&machines[1], 1);
	seed(&machines[1], &machines[0].at);
	run_ms(1000);
	ok(passes(0, 1, false, 1000));
}

static void the_seed_may_be_the_one_that_restarts(void)
{
	two_nodes(10);
	run_ms(3000);
	switch_off(&machines[0]);
	run_ms(20000);
	switch_on(&machines[0]);
	trust(&machines[0], 2);
	run_ms(5000);
	ok(passes(0, 1, false, 1000));
}

static void a_node_whose_clock_goes_back_ten_years_still_handshakes(void)
{
	two_nodes(10);
	run_ms(3000);
	ok(passes(1, 0, false, 300));
	switch_off(&machines[1]);
	now.wall.s -= 10ull * 365 * 86400;
	switch_on(&machines[1]);
	trust(&machines[1], 1);
	seed(&machines[1], &machines[0].at);
	run_ms(3000);
	ok(passes(1, 0, false, 1000));
}

static void a_revoked_peer_is_cut_at_once(void)
{
	two_nodes(10);
	run_ms(3000);
	ok(passes(1, 0, false, 300));
	trust(&machines[0], 0);
	ok(!passes(1, 0, false, 1000));
	ok(!passes(0, 1, false, 1000));
	trust(&machines[0], 2);
	run_ms(5000);
	ok(passes(1, 0, false, 1000));
}

static void who_trusts_nobody_or_is_trusted_by_nobody_hears_nothing(void)
{
	/* 1 trusts 0, but 0 trusts nobody. */
	world(false);
	switch_on(&machines[0]);
	trust(&machines[0], 0);
	switch_on(&machines[1]);
	trust(&machines[1], 1);
	seed(&machines[1], &machines[0].at);
	run_ms(60000);
	eq_int(machines[0].sent, 0);
	ok(machines[1].sent > 3);
	/* 0 trusts 2 now, which does not help 1. */
	trust(&machines[0], 4);
	run_ms(60000);
	eq_int(machines[0].sent, 0);
	ok(!passes(1, 0, false, 1000));
}

static void a_node_whose_address_changes_keeps_its_sessions(void)
{
	two_nodes(10);
	run_ms(3000);
	ok(passes(0, 1, false, 300));
	machines[1].at.ip = ip_v4(198, 51, 100, 7);
	event(&machines[1], &(struct node_event){ .kind = NODE_ADDRESSES,
		.addresses = &machines[1].at.ip, .number = 1 });
	run_ms(500);
	ok(passes(0, 1, false, 500));
	/* Without being told: its next packet shows it. */
	machines[1].at.ip = ip_v4(198, 51, 100, 8);
	ok(passes(1, 0, false, 100));
	run_ms(1500);
	ok(passes(0, 1, false, 100));
}

static void nodes_of_different_prefixes_have_ipv6_only(void)
{
	world(false);
	machines[1].prefix = prefix_of(&(struct ip){ FAMILY_IPV4, { 10 } }, 8);
	start_pair();
	run_ms(3000);
	ok(passes(0, 1, true, 300));
	ok(!passes(0, 1, false, 300));
}

/* What `at` shows of `whom`; all zero: nothing. */
static struct report_peer seen(unsigned at, unsigned whom)
{
	struct report_peer r;
	uint32_t slot = UINT32_MAX;

	while ((slot = node_report_peer(machines[at].node, slot, &r)) != UINT32_MAX)
		if (!memcmp(&r.key, &machines[whom].public, sizeof(r.key)))
			return r;
	return (struct report_peer){ 0 };
}

static enum report_state state_of(unsigned at, unsigned whom)
{
	return seen(at, whom).state;
}

static void a_leaving_node_is_seen_to_leave_and_a_killed_one_to_die(void)
{
	chain(false);
	eq_int(state_of(0, 2), REPORT_ALIVE);
	eq_int(state_of(2, 1), REPORT_ALIVE);
	event(&machines[2], &(struct node_event){ .kind = NODE_STOP });
	switch_off(&machines[2]);
	run_ms(1000);
	eq_int(state_of(0, 2), REPORT_LEFT);
	eq_int(state_of(1, 2), REPORT_LEFT);
	switch_off(&machines[1]);
	/* Ten seconds of grace for tunnel traffic, then a suspicion. */
	run_ms(13000);
	eq_int(state_of(0, 1), REPORT_DEAD);
	eq_int(state_of(0, 2), REPORT_LEFT);
	switch_on(&machines[2]);
	trust(&machines[2], 3);
	seed(&machines[2], &machines[0].at);
	run_ms(3000);
	eq_int(state_of(0, 2), REPORT_ALIVE);
}

static void a_mesh_lives_with_loss(void)
{
	chain(false);
	loss_percent = 20;
	run_ms(600000);
	for (unsigned a = 0; a < 3; a++)
		for (unsigned b = 0; b < 3; b++)
			if (a != b)
				eq_int(state_of(a, b), REPORT_ALIVE);
}

static void an_idle_mesh_sleeps(void)
{
	chain(false);
	run_ms(200000);
	unsigned before = machines[0].sent;
	run_ms(60000);
	/* Two probes a second and two answers, with room for keepalives. */
	ok(machines[0].sent - before < 360);
}

static void the_peer_cache_finds_the_mesh_again_without_a_seed(void)
{
	chain(false);
	run_ms(5000);
	/* Killed, not stopped; and started without seeds. */
	switch_off(&machines[1]);
	switch_off(&machines[2]);
	run_ms(60000);
	for (unsigned i = 1; i < 3; i++) {
		switch_on(&machines[i]);
		trust(&machines[i], 7u & ~(1u << i));
	}
	run_ms(4000);
	for (unsigned a = 0; a < 3; a++)
		for (unsigned b = 0; b < 3; b++)
			if (a != b)
				ok(passes(a, b, false, 300));
	/* Without its memory it is lost, until the others find it. */
	switch_off(&machines[1]);
	machines[1].peers_len = 0;
	machines[1].at.ip = ip_v4(198, 51, 100, 9);
	switch_on(&machines[1]);
	trust(&machines[1], 5);
	run_ms(4000);
	ok(!passes(1, 0, false, 300));
}

/* Machine 1 starts again with these bytes of its saved clock overwritten. */
static void spoil_clock(size_t at, size_t len)
{
	struct report_node self;

	for (unsigned i = 0; i < 2; i++) {
		switch_off(&machines[1]);
		memset(machines[1].clock + at, 0xff, i ? 0 : len);
		switch_on(&machines[1]);
		trust(&machines[1], 5);
		run_ms(4000);
		ok(passes(1, 0, false, 300));
		node_report(machines[1].node, &self);
		ok(self.sequence < INT64_MAX);
		eq_int(state_of(0, 1), REPORT_ALIVE);
		eq_int(seen(0, 1).sequence, self.sequence);
	}
}

static void a_spoilt_clock_makes_nobody_mute(void)
{
	chain(false);
	spoil_clock(12, 8); /* its sequence */
	spoil_clock(13, 7);
	spoil_clock(0, 8);  /* the time of its handshakes */
	spoil_clock(1, 7);
	spoil_clock(20, 1); /* the index of its address */
}

/* Its records never have the sequence of another: it hears of none that is higher than its own. */
static void a_clone_that_comes_later_is_shown_as_a_conflict(void)
{
	chain(false);
	run_ms(90000);
	machines[3].public = machines[1].public;
	machines[3].secret = machines[1].secret;
	switch_on(&machines[3]);
	trust(&machines[3], 5);
	seed(&machines[3], &machines[0].at);
	run_ms(60000);
	ok(seen(0, 1).conflict);
	ok(!seen(0, 2).conflict);
}

static void a_restart_is_no_conflict(void)
{
	chain(false);
	for (unsigned i = 0; i < 20; i++) {
		switch_off(&machines[1]);
		switch_on(&machines[1]);
		trust(&machines[1], 5);
		run_ms(3000);
	}
	ok(!seen(0, 1).conflict);
	ok(!seen(2, 1).conflict);
}

/* Machine `other` gets a key whose first address is that of machine `of`, found by trying. */
static void collide(unsigned of, unsigned other)
{
	struct ip want, got;
	uint8_t seed_bytes[32] = { [31] = 7 };

	mesh_ipv4(&machines[of].public, 0, &machines[of].prefix, &want);
	for (uint32_t i = 0;; i++) {
		store_be32(seed_bytes, i);
		ed25519_from_seed(&machines[other].public, &machines[other].secret, seed_bytes);
		mesh_ipv4(&machines[other].public, 0, &machines[other].prefix, &got);
		if (ip_equal(&want, &got))
			return;
	}
}

static struct ip address_of(unsigned at)
{
	struct report_node r;

	node_report(machines[at].node, &r);
	return r.ipv4;
}

/* The IPv4 address that `at` routes to `whom`; family 0: none. */
static struct ip routed(unsigned at, unsigned whom)
{
	return seen(at, whom).ipv4;
}

static void start_three(unsigned whom)
{
	for (unsigned i = 0; i < 3; i++) {
		if (!(whom & 1u << i))
			continue;
		switch_on(&machines[i]);
		trust(&machines[i], 7u & ~(1u << i));
		if (i)
			seed(&machines[i], &machines[0].at);
	}
}

static void agree(void)
{
	for (unsigned at = 0; at < 3; at++)
		for (unsigned whom = 0; whom < 3; whom++) {
			struct ip is = address_of(whom), seen = routed(at, whom);

			ok(at == whom || ip_equal(&is, &seen));
		}
}

/* How many events of that kind `at` told, of this subject (NODES: itself) and cause (NODES:
 * anybody); *value: of the last. */
static unsigned told(unsigned at, enum event_kind kind, unsigned subject, unsigned by,
		     int64_t *value)
{
	static const struct public_key itself;
	const struct event_ring *ring = node_events(machines[at].node);
	const struct public_key *who = subject < NODES ? &machines[subject].public : &itself;
	unsigned count = 0;

	for (uint64_t i = 1; i <= ring->count; i++) {
		const struct event *e = event_get(ring, i);

		if (!e || e->kind != kind || memcmp(&e->subject, who, sizeof(*who)) != 0
		    || (by < NODES && memcmp(&e->by, &machines[by].public, sizeof(e->by)) != 0))
			continue;
		count++;
		if (value)
			*value = e->a;
	}
	return count;
}

/* It told of its move, and what it told is where it is. */
static bool told_its_move(unsigned at)
{
	int64_t index = -1;
	struct ip ip, is = address_of(at);

	if (told(at, EV_ADDRESS_MOVED, NODES, NODES, &index) != 1)
		return false;
	mesh_ipv4(&machines[at].public, (unsigned)index, &machines[at].prefix, &ip);
	return ip_equal(&ip, &is);
}

static void a_newcomer_that_meets_its_address_moves_on(void)
{
	struct ip first, second;

	world(false);
	collide(1, 2);
	start_three(3);
	run_ms(90000);
	start_three(4);
	run_ms(3000);
	mesh_ipv4(&machines[1].public, 0, &machines[1].prefix, &first);
	mesh_ipv4(&machines[2].public, 1, &machines[2].prefix, &second);
	struct ip one = address_of(1), two = address_of(2);
	ok(ip_equal(&one, &first));
	ok(ip_equal(&two, &second));
	agree();
	ok(told_its_move(2));
	ok(!told_its_move(1));
	eq_int(told(0, EV_ADDRESS_CONFLICT, 2, 1, NULL), 1);
	ok(passes(2, 1, true, 300));
	/* It remembers over a restart. */
	switch_off(&machines[2]);
	start_three(4);
	two = address_of(2);
	ok(ip_equal(&two, &second));
	run_ms(3000);
	agree();
}

/* In whatever order they find each other. */
static void two_that_start_together_on_one_address_both_move(void)
{
	for (unsigned chance = 0; chance < 8; chance++) {
		world(false);
		collide(1, 2);
		entropy_count += 1000;
		start_three(7);
		run_ms(5000);
		struct ip one = address_of(1), two = address_of(2);
		ok(!ip_equal(&one, &two));
		agree();
		ok(told_its_move(1) && told_its_move(2));
		eq_int(told(0, EV_ADDRESS_CONFLICT, 1, 2, NULL)
		       + told(0, EV_ADDRESS_CONFLICT, 2, 1, NULL), 1);
		run_ms(100000);
		ok(ip_equal(&one, &(struct ip){ 0 }) == false);
		agree();
	}
}

static void two_halves_that_meet_agree_in_the_end(void)
{
	world(false);
	collide(1, 2);
	/* 0 and 1 are settled; 2 is settled with 3, apart from them. */
	start_three(3);
	switch_on(&machines[2]);
	trust(&machines[2], 8 | 3);
	switch_on(&machines[3]);
	trust(&machines[3], 4);
	seed(&machines[3], &machines[2].at);
	run_ms(100000);
	struct ip one = address_of(1), two = address_of(2);
	ok(ip_equal(&one, &two));
	seed(&machines[2], &machines[0].at);
	run_ms(10000);
	one = address_of(1);
	two = address_of(2);
	ok(!ip_equal(&one, &two));
	agree();
	ok(told_its_move(1) && told_its_move(2));
	eq_int(told(0, EV_ADDRESS_CONFLICT, 2, 1, NULL), 1);
	ok(passes(1, 2, true, 300));
}

static void three_nodes_meet_inside_a_prefix_of_eight_bits(void)
{
	world(false);
	for (unsigned i = 0; i < NODES; i++)
		machines[i].prefix = (struct prefix){ ip_v4(10, 0, 0, 0), 8 };
	start_three(7);
	run_ms(3000);
	agree();
	for (unsigned a = 0; a < 3; a++)
		for (unsigned b = 0; b < 3; b++)
			ok(a == b || (passes(a, b, false, 300) && passes(a, b, true, 300)));
	/* All 24 bits are used. */
	ok(address_of(0).b[1] != address_of(1).b[1] || address_of(1).b[1] != address_of(2).b[1]);
}

static void a_ground_key_never_gets_the_address_it_drove_another_from(void)
{
	struct ip first;

	world(false);
	collide(1, 2);
	start_three(3);
	run_ms(90000);
	mesh_ipv4(&machines[1].public, 0, &machines[1].prefix, &first);
	start_three(4);
	run_ms(3000);
	/* The victim leaves; its address is routed to nobody, whatever the other claims: here it
	 * lost its memory and claims the first address again. */
	switch_off(&machines[1]);
	switch_off(&machines[2]);
	trust(&machines[0], 6);
	run_ms(20000);
	machines[2].has_clock = false;
	machines[2].wall_ahead_s = 100;
	start_three(4);
	run_ms(100000);
	struct ip got = routed(0, 2);
	ok(!ip_equal(&got, &first));
	/* When one of the two is no longer admitted, so is when the other is not. */
	trust(&machines[0], 4);
	run_ms(1000);
	got = routed(0, 2);
	ok(!ip_equal(&got, &first));
}

TAP_TESTS(T(three_nodes_with_one_seed_reach_each_other), T(and_over_an_ipv6_underlay),
	  T(a_seed_that_comes_a_minute_later_is_found), T(a_seed_that_comes_an_hour_later_is_found),
	  T(a_killed_node_is_back_within_five_seconds), T(the_seed_may_be_the_one_that_restarts),
	  T(a_node_whose_clock_goes_back_ten_years_still_handshakes),
	  T(a_revoked_peer_is_cut_at_once),
	  T(who_trusts_nobody_or_is_trusted_by_nobody_hears_nothing),
	  T(a_node_whose_address_changes_keeps_its_sessions),
	  T(nodes_of_different_prefixes_have_ipv6_only),
	  T(a_leaving_node_is_seen_to_leave_and_a_killed_one_to_die), T(a_mesh_lives_with_loss),
	  T(an_idle_mesh_sleeps), T(the_peer_cache_finds_the_mesh_again_without_a_seed),
	  T(a_spoilt_clock_makes_nobody_mute),
	  T(a_clone_that_comes_later_is_shown_as_a_conflict), T(a_restart_is_no_conflict),
	  T(a_newcomer_that_meets_its_address_moves_on),
	  T(two_that_start_together_on_one_address_both_move),
	  T(two_halves_that_meet_agree_in_the_end),
	  T(three_nodes_meet_inside_a_prefix_of_eight_bits),
	  T(a_ground_key_never_gets_the_address_it_drove_another_from))
