/* Orgs in whole nodes: who meets whom by a seed and an org alone, who hears what orgs say, and who
 * goes when they say so. */
#include "orgs_world.h"

/* Four members of ACME; all but the first ask the first. */
static void four_members(void)
{
	orgs_world();
	for (unsigned i = 0; i < NODES; i++) {
		member(i, ACME, now.wall.s + 90 * DAY);
		start(i);
	}
}

static void members_that_never_heard_of_each_other_meet_by_one_seed(void)
{
	struct report_peer p;

	four_members();
	run_ms(5000);
	for (unsigned a = 0; a < NODES; a++)
		for (unsigned b = 0; b < NODES; b++)
			ok(a == b || passes(a, b, a > b, 500));
	ok(report_of(1, 2, &p));
	eq_int(p.admission, REPORT_MEMBER);
	eq_str(p.name, "node2.acme");
	eq_str(p.org, "acme");
	eq_int(p.until, now.wall.s + p.left_s);
	ok(p.left_s > 89 * DAY && p.left_s <= 90 * DAY);
}

static void a_revocation_told_to_one_cuts_the_node_off_everywhere(void)
{
	four_members();
	run_ms(5000);
	ok(passes(2, 3, false, 500));
	say(1, STATEMENT_REVOCATION, ACME, 3);
	ok(!knows(1, 3)); /* at once */
	ok(!passes(3, 1, false, 500));
	run_ms(4000);
	ok(!knows(0, 3) && !knows(2, 3));
	ok(!passes(3, 2, false, 1000) && !passes(2, 3, false, 1000));
	ok(passes(0, 2, false, 500) && passes(1, 2, false, 500));
	/* and is kept, by who did not have it from his disk */
	eq_int(machines[2].said_count, 1);
	eq_int(machines[2].said[0].body.kind, STATEMENT_REVOCATION);
	eq_mem(&machines[2].said[0].body.subject, &machines[3].public, 32);
	eq_int(machines[1].said_count, 0);
	run_ms(60000); /* its certificate does not bring it back */
	ok(!knows(0, 3) && !knows(2, 3) && !knows(1, 3));
}

static unsigned told_revoked(unsigned i)
{
	const struct event_ring *ring = node_events(machines[i].node);
	unsigned count = 0;

	for (uint64_t at = 1; at <= ring->count; at++) {
		const struct event *e = event_get(ring, at);

		count += e && e->kind == EV_REVOKED && !memcmp(&e->by, &orgs[ACME], sizeof(e->by));
	}
	return count;
}

static void a_revoked_node_that_holds_its_revocation_says_so(void)
{
	static struct report_node r;

	four_members();
	run_ms(3000);
	node_report(machines[3].node, &r);
	ok(!r.orgs[0].revoked);
	say(3, STATEMENT_REVOCATION, ACME, 2); /* of another one */
	eq_int(told_revoked(3), 0);
	say(3, STATEMENT_REVOCATION, ACME, 3);
	eq_int(told_revoked(3), 1);
	node_report(machines[3].node, &r);
	ok(r.orgs[0].revoked);
	read_disk(3); /* is no news */
	eq_int(told_revoked(3), 1);
}

static void a_late_joiner_hears_of_revocations(void)
{
	orgs_world();
	for (unsigned i = 0; i < NODES; i++)
		member(i, ACME, now.wall.s + 90 * DAY);
	for (unsigned i = 0; i < 3; i++)
		start(i);
	run_ms(3000);
	say(0, STATEMENT_REVOCATION, ACME, 2);
	run_ms(3000);
	start(3);
	run_ms(5000);
	ok(passes(3, 1, false, 500));
	ok(!knows(3, 2) && !knows(1, 2));
}

static void an_individually_trusted_key_stays_in(void)
{
	four_members();
	disks[0].keys = 1u << 3;
	read_disk(0);
	run_ms(3000);
	say(1, STATEMENT_REVOCATION, ACME, 3);
	run_ms(5000);
	ok(knows(0, 3) && !knows(1, 3));
	/* and back where only the trust store lets it in: it lets in nobody who is revoked */
	disks[0].keys = 0;
	read_disk(0);
	ok(!knows(0, 3));
}

static void a_denial_counts_more_and_can_be_lifted(void)
{
	four_members();
	run_ms(4000);
	disks[0].denied = 1u << 2;
	read_disk(0);
	ok(!knows(0, 2) && knows(1, 2));
	ok(!passes(2, 0, false, 1000));
	run_ms(30000);
	ok(!knows(0, 2));
	disks[0].denied = 0;
	read_disk(0);
	ok(knows(0, 2));
	run_ms(15000);
	ok(passes(0, 2, false, 1000));
}

static void a_guest_is_let_in_by_a_vouch(void)
{
	struct report_peer p;

	orgs_world();
	for (unsigned i = 0; i < 3; i++) {
		member(i, ACME, now.wall.s + 90 * DAY);
		start(i);
	}
	disks[3].trusted = 1u << ACME;
	start(3); /* it trusts the org, and is nothing to it */
	run_ms(5000);
	ok(!knows(0, 3) && !knows(1, 3));
	say(1, STATEMENT_VOUCH, ACME, 3);
	ok(knows(1, 3));
	run_ms(20000);
	ok(report_of(2, 3, &p));
	eq_int(p.admission, REPORT_VOUCHED);
	ok(passes(3, 0, false, 1000) && passes(3, 2, false, 1000) && passes(1, 3, false, 1000));
}

static void who_does_not_trust_the_org_hears_nothing_of_it(void)
{
	orgs_world();
	member(0, ACME, now.wall.s + DAY);
	member(1, ACME, now.wall.s + DAY);
	disks[0].keys = 1u << 2;
	disks[2].keys = 1u << 0;
	member(2, BETA, now.wall.s + DAY);
	member(3, BETA, now.wall.s + DAY);
	for (unsigned i = 0; i < NODES; i++)
		start(i);
	seed(&machines[3], &machines[2].at);
	run_ms(30000);
	ok(passes(0, 1, false, 500) && passes(0, 2, false, 500) && passes(2, 3, false, 500));
	ok(!knows(2, 1) && !knows(1, 2) && !knows(0, 3) && !knows(3, 0));
}

static void a_member_of_an_org_that_is_trusted_no_more_goes(void)
{
	four_members();
	run_ms(4000);
	ok(knows(0, 1) && knows(0, 3));
	disks[0].trusted = 0;
	read_disk(0);
	ok(!knows(0, 1) && !knows(0, 3));
	disks[0].trusted = 1u << ACME;
	read_disk(0);
	run_ms(30000);
	ok(knows(0, 1) && knows(0, 3));
	ok(passes(0, 3, false, 1000));
}

static void a_certificate_ends_at_its_hour(void)
{
	orgs_world();
	member(0, ACME, now.wall.s + 90 * DAY);
	member(1, ACME, now.wall.s + 5000);
	start(0);
	start(1);
	run_ms(3000);
	ok(passes(1, 0, false, 500));
	run_until(instant_add(now.boot, span_s(4995)));
	ok(knows(0, 1));
	run_ms(3000);
	ok(!knows(0, 1));
	ok(!passes(1, 0, false, 1000));
	/* it gets another one */
	disks[1].own_count = 0;
	member(1, ACME, now.wall.s + DAY);
	read_disk(1);
	run_ms(20000);
	ok(passes(1, 0, false, 1000));
}

static void who_is_let_go_by_time_is_routed_to_no_more(void)
{
	uint8_t packet[64];
	unsigned before;
	size_t len;

	orgs_world();
	member(0, ACME, now.wall.s + 90 * DAY);
	member(1, ACME, now.wall.s + 5000);
	start(0);
	start(1);
	run_ms(3000);
	ok(passes(0, 1, false, 500));
	run_until(instant_add(now.boot, span_s(4990)));
	ok(knows(0, 1));
	set_time(instant_add(now.boot, span_s(10)));
	event(&machines[0], &(struct node_event){ .kind = NODE_TIME });
	ok(!knows(0, 1));
	before = machines[0].got_packets;
	len = make_packet(packet, 0, 1, false, 1);
	event(&machines[0], &(struct node_event){ .kind = NODE_PACKET,
						  .data = bytes_of(packet, len) });
	eq_int(machines[0].got_packets, before + 1); /* that nobody has the address */
}

static unsigned warnings(int64_t *left)
{
	const struct event_ring *ring = node_events(machines[0].node);
	unsigned count = 0;

	for (uint64_t i = 1; i <= ring->count; i++) {
		const struct event *e = event_get(ring, i);

		if (!e || e->kind != EV_CERTIFICATE_ENDS)
			continue;
		ok(!memcmp(&e->by, &orgs[ACME], sizeof(e->by)));
		*left = e->a;
		count++;
	}
	return count;
}

static void the_end_of_ones_own_certificate_is_told_30_and_7_and_1_days_before(void)
{
	static const unsigned days[] = { 30, 7, 1, 0 };
	uint64_t ends;
	int64_t left = -1;

	orgs_world();
	ends = now.wall.s + 31 * DAY;
	member(0, ACME, ends);
	start(0);
	run_ms(1000);
	eq_int(warnings(&left), 0);
	for (unsigned i = 0; i < 4; i++) {
		run_until(instant_add(now.boot, span_s(ends - days[i] * DAY - now.wall.s - 3)));
		eq_int(warnings(&left), i);
		run_ms(4000);
		eq_int(warnings(&left), i + 1);
		ok(left <= days[i] * (int64_t)DAY && left > days[i] * (int64_t)DAY - 4);
		read_disk(0); /* which is no news */
		run_ms(1000);
		eq_int(warnings(&left), i + 1);
	}
}

/* While the store is being given, nobody goes who was not given yet. */
static void a_certificate_that_ends_in_the_middle_of_a_round_ends_it_alone(void)
{
	orgs_world();
	member(0, ACME, now.wall.s + 90 * DAY);
	member(1, ACME, now.wall.s + 60);
	disks[0].keys = 1u << 2;
	disks[2].keys = 1u << 0;
	for (unsigned i = 0; i < 3; i++)
		start(i);
	run_ms(5000);
	ok(knows(0, 1) && knows(0, 2));
	event(&machines[0], &(struct node_event){ .kind = NODE_TRUST_BEGIN });
	run_ms(120000);
	ok(knows(0, 2));
	ok(passes(0, 2, false, 500));
	read_disk(0);
	ok(!knows(0, 1) && knows(0, 2));
}

static void a_clock_of_1970_joins_and_a_clock_of_2100_is_out(void)
{
	orgs_world();
	for (unsigned i = 0; i < 3; i++)
		member(i, ACME, now.wall.s + 90 * DAY);
	machines[1].wall_ahead_s = -(int64_t)now.wall.s;
	machines[2].wall_ahead_s = 80ll * 365 * DAY;
	for (unsigned i = 0; i < 3; i++)
		start(i);
	run_ms(5000);
	ok(passes(1, 0, false, 500) && passes(0, 1, false, 500));
	ok(!knows(2, 0) && !knows(2, 1)); /* for it, all is over */
}

/* BETA, which is trusted too, says something in 2100: that ends what BETA said, and no more. */
static void no_org_can_end_the_certificates_of_another(void)
{
	struct statement_body b = { .kind = STATEMENT_VOUCH, .number = 1 };
	struct statement s;

	orgs_world();
	for (unsigned i = 0; i < 3; i++) {
		member(i, i < 2 ? ACME : BETA, now.wall.s + 90 * DAY);
		disks[i].trusted = 1u << ACME | 1u << BETA;
	}
	for (unsigned i = 0; i < 3; i++)
		start(i);
	run_ms(5000);
	ok(knows(0, 1) && knows(0, 2) && knows(1, 2));
	b.issuer = orgs[BETA];
	b.subject = machines[3].public;
	b.issued = now.wall.s + 80ull * 365 * DAY;
	ok(statement_sign(&b, &org_secrets[BETA], NULL, &s));
	disks[2].said[disks[2].said_count++] = s;
	read_disk(2);
	run_ms(10000);
	ok(knows(0, 3)); /* it was heard */
	ok(knows(0, 1) && knows(1, 0) && passes(0, 1, false, 500));
	ok(!knows(0, 2) && !knows(1, 2));
}

static void what_others_signed_lets_nobody_in(void)
{
	orgs_world();
	member(0, ACME, now.wall.s + DAY);
	/* BETA's certificate, while the node says that it knows ACME; and one of another key */
	disks[1].trusted = 1u << ACME;
	disks[1].own[0] = certificate(BETA, 1, now.wall.s + DAY);
	disks[1].own_count = 1;
	disks[2].trusted = 1u << ACME;
	disks[2].own[0] = certificate(ACME, 3, now.wall.s + DAY);
	disks[2].own_count = 1;
	for (unsigned i = 0; i < 3; i++)
		start(i);
	run_ms(20000);
	ok(!knows(0, 1) && !knows(0, 2) && !knows(0, 3));
}

static void open_nodes_meet_by_a_seed(void)
{
	struct report_peer p;

	orgs_world();
	machines[0].open = machines[1].open = true;
	for (unsigned i = 0; i < 3; i++)
		start(i);
	run_ms(5000);
	ok(passes(0, 1, false, 500) && passes(1, 0, true, 500));
	ok(report_of(0, 1, &p));
	eq_int(p.admission, REPORT_OPEN);
	ok(!knows(0, 2) && !knows(2, 0)); /* who is not open finds no open door: it does not ask */
}

static void a_member_that_starts_without_a_seed_finds_its_mesh(void)
{
	four_members();
	run_ms(10000);
	switch_off(&machines[2]);
	run_ms(2000);
	switch_on(&machines[2]);
	read_disk(2);
	run_ms(10000);
	for (unsigned i = 0; i < NODES; i++)
		ok(i == 2 || passes(2, i, false, 1000));
}

static void mixed_admission_works_both_ways(void)
{
	orgs_world();
	member(0, ACME, now.wall.s + DAY); /* lets members in */
	member(1, ACME, now.wall.s + DAY);
	disks[1].trusted = 0;              /* trusts this one key */
	disks[1].keys = 1u << 0;
	start(0);
	start(1);
	run_ms(5000);
	ok(passes(1, 0, false, 500) && passes(0, 1, false, 500));
}

TAP_TESTS(T(members_that_never_heard_of_each_other_meet_by_one_seed),
	  T(a_revocation_told_to_one_cuts_the_node_off_everywhere),
	  T(a_revoked_node_that_holds_its_revocation_says_so),
	  T(a_late_joiner_hears_of_revocations), T(an_individually_trusted_key_stays_in),
	  T(a_denial_counts_more_and_can_be_lifted), T(a_guest_is_let_in_by_a_vouch),
	  T(who_does_not_trust_the_org_hears_nothing_of_it),
	  T(a_member_of_an_org_that_is_trusted_no_more_goes), T(a_certificate_ends_at_its_hour),
	  T(who_is_let_go_by_time_is_routed_to_no_more),
	  T(the_end_of_ones_own_certificate_is_told_30_and_7_and_1_days_before),
	  T(a_certificate_that_ends_in_the_middle_of_a_round_ends_it_alone),
	  T(a_clock_of_1970_joins_and_a_clock_of_2100_is_out),
	  T(no_org_can_end_the_certificates_of_another),
	  T(what_others_signed_lets_nobody_in), T(open_nodes_meet_by_a_seed),
	  T(a_member_that_starts_without_a_seed_finds_its_mesh),
	  T(mixed_admission_works_both_ways))
