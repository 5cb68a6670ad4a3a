/* What hostile orgs, wrong clocks, twins, full tables and moves do to members, and must not. There
 * are 60 machines, for some of these fill the table. */
#define NODES 60
#define MEMBERS 64
#include "orgs_world.h"

static struct public_key minus(const struct public_key *p)
{
	struct public_key q = *p;

	q.b[31] ^= 0x80; /* -P: the same y, the other x; the same X25519 twin */
	return q;
}

static struct certificate certificate_of(unsigned org, const struct public_key *key, uint64_t from,
					 uint64_t ends)
{
	struct certificate_body b = { .org = orgs[org], .node = *key, .not_before = from,
				      .expires = ends, .name = "phantom" };
	struct certificate c;

	ok(certificate_sign(&b, &org_secrets[org], &c));
	return c;
}

static struct statement statement_of(enum statement_kind kind, unsigned org,
				     const struct public_key *key, uint64_t issued)
{
	struct statement_body b = { .kind = kind, .issuer = orgs[org], .number = 1,
				    .subject = *key, .issued = issued };
	struct statement s;

	ok(statement_sign(&b, &org_secrets[org], NULL, &s));
	return s;
}

static struct public_key hostile[4];
static struct secret_key hostile_secret[4];

static void hostile_orgs(void)
{
	for (unsigned i = 0; i < 4; i++) {
		uint8_t s[32] = { 99, (uint8_t)i };
		ed25519_from_seed(&hostile[i], &hostile_secret[i], s);
	}
}

/* a node without a certificate of its own looks at no clock after its first look. */
static void a_member_goes_when_its_certificate_ends(void)
{
	orgs_world();
	disks[0].trusted = 1u << ACME;
	disks[1].keys = 1u << 0;
	member(1, ACME, now.wall.s + 600);
	disks[1].trusted = 0;
	start(0);
	run_ms(2000);
	start(1);
	run_ms(5000);
	ok(knows(0, 1));
	run_ms(620000);
	ok(!knows(0, 1)); /* over for 25 s */
	run_ms(7200000);
	ok(!knows(0, 1)); /* over for two hours */
	run_ms(2 * 86400000ull);
	ok(!knows(0, 1) || !passes(1, 0, false, 1000)); /* two days, with traffic */
}

/* with one of its own, up to an hour. */
static void also_of_a_node_that_has_one_itself(void)
{
	orgs_world();
	member(0, ACME, now.wall.s + 90 * DAY);
	member(1, ACME, now.wall.s + 600);
	start(0);
	run_ms(2000);
	start(1);
	run_ms(5000);
	ok(knows(0, 1));
	run_ms(620000);
	ok(!knows(0, 1));
	run_ms(1800000);
	ok(!knows(0, 1));
}

/* one org's word about time ends the certificates of all others. */
static void one_org_does_not_end_the_certificates_of_others(void)
{
	orgs_world();
	for (unsigned i = 0; i < 3; i++) {
		member(i, ACME, now.wall.s + 90 * DAY);
		disks[i].trusted |= 1u << BETA;
		start(i);
	}
	run_ms(5000);
	ok(knows(0, 1) && knows(1, 2));
	disks[0].said[0] = statement_of(STATEMENT_VOUCH, BETA, &machines[3].public, UINT64_MAX);
	disks[0].said_count = 1;
	read_disk(0);
	run_ms(30000);
	ok(knows(0, 1) && knows(1, 2) && knows(2, 1));
	run_ms(3600000);
	ok(knows(0, 1) && knows(1, 2) && knows(2, 1));
	for (unsigned i = 0; i < 3; i++) {
		disks[i].trusted &= ~(1u << BETA); /* the owners trust it no more */
		disks[i].said_count = 0;
		read_disk(i);
	}
	run_ms(60000);
	ok(knows(0, 1) && knows(1, 2) && knows(2, 1));
}

/* a renewal that begins tomorrow is put on the disk today. */
static void a_certificate_that_begins_later_changes_nothing_today(void)
{
	orgs_world();
	for (unsigned i = 0; i < 3; i++) {
		member(i, ACME, now.wall.s + 30 * DAY);
		start(i);
	}
	run_ms(5000);
	ok(knows(0, 1) && knows(0, 2));
	disks[0].own[1] = certificate_of(BETA, &machines[0].public, now.wall.s + 60 * DAY,
					 now.wall.s + 90 * DAY);
	disks[0].own_count = 2;
	disks[0].trusted |= 1u << BETA;
	read_disk(0);
	run_ms(5000);
	ok(knows(0, 1) && knows(0, 2));
}

/* BETA vouches for -P; the owner trusts P himself. */
static void a_vouch_for_the_twin_keeps_no_trusted_key_out(void)
{
	struct public_key twin;

	orgs_world();
	twin = minus(&machines[1].public);
	disks[0].trusted = 1u << BETA;
	disks[0].said[0] = statement_of(STATEMENT_VOUCH, BETA, &twin, now.wall.s);
	disks[0].said_count = 1;
	start(0);
	disks[0].keys = 1u << 1;
	read_disk(0);
	ok(knows(0, 1)); /* live */
	switch_off(&machines[0]);
	start(0);
	ok(knows(0, 1)); /* after a restart */
}

/* and no member of another org. */
static void a_vouch_for_the_twin_keeps_no_member_out(void)
{
	orgs_world();
	member(0, ACME, now.wall.s + DAY);
	member(1, ACME, now.wall.s + DAY);
	disks[0].trusted |= 1u << BETA;
	struct public_key twin = minus(&machines[1].public);
	disks[0].said[0] = statement_of(STATEMENT_VOUCH, BETA, &twin, now.wall.s);
	disks[0].said_count = 1;
	start(0);
	start(1);
	run_ms(10000);
	ok(knows(0, 1));
}

static void phantoms(unsigned count, enum statement_kind kind, unsigned first)
{
	for (unsigned i = 0; i < count; i++) {
		uint8_t seed[32] = { 77, (uint8_t)(first + i) };
		struct public_key p;
		struct secret_key s;

		ed25519_from_seed(&p, &s, seed);
		struct statement st = statement_of(kind, BETA, &p, now.wall.s);
		event(&machines[0], &(struct node_event){ .kind = NODE_TRUST_STATEMENT,
							  .data = bytes_of(st.wire, st.len) });
	}
}

/* an org names keys that nobody has; members of another find no place. */
static void one_org_takes_not_all_places(void)
{
	orgs_world();
	member(0, ACME, now.wall.s + DAY);
	member(1, ACME, now.wall.s + DAY);
	disks[0].trusted |= 1u << BETA;
	start(0);
	phantoms(MEMBERS, STATEMENT_VOUCH, 0);
	start(1);
	run_ms(10000);
	ok(knows(0, 1));
	/* places are free again, and it goes on asking */
	phantoms(20, STATEMENT_REVOCATION, 0);
	run_ms(900000);
	ok(knows(0, 1));
}

/* the clock is wrong for five seconds, just when the trust store is read. */
static void a_wrong_clock_for_a_moment_puts_nobody_out_for_long(void)
{
	orgs_world();
	for (unsigned i = 0; i < 3; i++) {
		member(i, ACME, now.wall.s + 90 * DAY);
		start(i);
	}
	run_ms(60000);
	ok(knows(0, 1) && knows(0, 2));
	machines[0].wall_ahead_s = 100 * 365ll * DAY;
	read_disk(0);
	ok(!knows(0, 1));
	run_ms(300);
	machines[0].wall_ahead_s = 0;
	run_ms(3600000);
	ok(knows(0, 1) && knows(0, 2));
}

static void give(struct machine *m, const struct certificate *c)
{
	event(m, &(struct node_event){ .kind = NODE_TRUST_CERTIFICATE,
				       .data = bytes_of(c->wire, c->len) });
}

static void trust_org(struct machine *m, const struct public_key *key, const char *name)
{
	event(m, &(struct node_event){ .kind = NODE_TRUST_ORG, .key = *key, .name = name });
}

/* A round in which ACME and the hostile orgs are trusted, with certificates of some of these. */
static void own_round(unsigned i, unsigned from, unsigned to, uint64_t ends, bool acme)
{
	struct machine *m = &machines[i];

	event(m, &(struct node_event){ .kind = NODE_TRUST_BEGIN });
	trust_org(m, &orgs[ACME], "acme");
	for (unsigned o = 0; o < 4; o++)
		trust_org(m, &hostile[o], "evil");
	for (unsigned o = from; o < to; o++) {
		struct certificate_body b = { .org = hostile[o], .node = m->public,
			.not_before = now.wall.s - 10, .expires = ends, .name = "ceo" };
		struct certificate c;

		ok(certificate_sign(&b, &hostile_secret[o], &c));
		give(m, &c);
	}
	if (acme)
		give(m, &disks[i].own[0]);
	event(m, &(struct node_event){ .kind = NODE_TRUST_END });
}

/* four orgs certify a member of ACME, which it needs not want, for ten minutes. */
static void four_hostile_orgs_displace_no_membership_for_good(void)
{
	uint64_t ends;
	orgs_world();
	hostile_orgs();
	ends = now.wall.s + 3500;
	member(0, ACME, now.wall.s + 90 * DAY);
	member(1, ACME, now.wall.s + 90 * DAY);
	switch_on(&machines[0]);
	own_round(0, 0, 0, 0, true);
	switch_on(&machines[1]);
	own_round(1, 0, 4, ends, false);
	seed(&machines[1], &machines[0].at);
	run_ms(5000);
	ok(knows(0, 1));
	own_round(1, 0, 4, ends, true);
	run_ms(120000);
	ok(knows(0, 1));
	run_ms(3600000);
	run_ms(600000);
	ok(knows(0, 1)); /* by ACME's certificate */
	own_round(0, 0, 0, 0, true); /* reading the trust store again helps */
	ok(knows(0, 1));
}

/* another org gives a member of ACME a name of ACME's. */
static void a_name_is_of_the_org_that_gave_it(void)
{
	struct report_peer p;

	orgs_world();
	hostile_orgs();
	member(0, ACME, now.wall.s + 90 * DAY);
	member(1, ACME, now.wall.s + 90 * DAY);
	switch_on(&machines[0]);
	own_round(0, 0, 0, 0, true);
	start(1);
	run_ms(5000);
	ok(report_of(0, 1, &p));
	eq_str(p.name, "node1.acme");
	own_round(1, 0, 1, now.wall.s + DAY, true);
	run_ms(120000);
	ok(report_of(0, 1, &p));
	ok(strcmp(p.name, "ceo.acme") != 0);
}

/* A seed moves while it is met, and dies at its new address; another member is put at the old
 * one. */
static void an_address_is_asked_again_when_who_lived_there_moved(void)
{
	struct endpoint old;
	struct report_peer p;
	orgs_world();
	for (unsigned i = 0; i < 2; i++) {
		member(i, ACME, now.wall.s + 90 * DAY);
		start(i);
	}
	run_ms(10000);
	ok(passes(1, 0, false, 500));
	old = machines[0].at;
	machines[0].at.ip = ip_v4(192, 0, 2, 99);
	event(&machines[0], &(struct node_event){ .kind = NODE_ADDRESSES, .number = 1,
						  .addresses = &machines[0].at.ip });
	run_ms(60000);
	ok(passes(0, 1, false, 500) && passes(1, 0, false, 500));
	switch_off(&machines[0]);
	machines[2].at = old;
	member(2, ACME, now.wall.s + 90 * DAY);
	switch_on(&machines[2]);
	read_disk(2);
	run_ms(4 * 3600000);
	ok(report_of(1, 2, &p));
}

static void strangers_leave_room_for_members(void)
{
	orgs_world();
	member(0, ACME, now.wall.s + DAY);
	machines[0].open = true;
	start(0);
	for (unsigned i = 2; i < NODES; i++) {
		machines[i].open = true;
		start(i);
	}
	run_ms(20000);
	for (unsigned i = 2; i < NODES; i++) /* they are gone, for ever */
		switch_off(&machines[i]);
	run_ms(3600000);
	member(1, ACME, now.wall.s + DAY);
	start(1);
	run_ms(20000);
	ok(knows(0, 1));
	run_ms(86400000ull);
	ok(knows(0, 1));
}

/* a clock that stands in 1970 never ends a certificate. */
static void a_clock_of_1970_sees_certificates_end(void)
{
	orgs_world();
	member(0, ACME, now.wall.s + 90 * DAY);
	member(1, ACME, now.wall.s + 7200);
	machines[0].wall_ahead_s = -(int64_t)now.wall.s;
	start(0);
	start(1);
	run_ms(5000);
	ok(knows(0, 1));
	for (unsigned i = 0; i < 10; i++) {
		run_ms(86400000);
		read_disk(0);
	}
	ok(!knows(0, 1));
	ok(!passes(1, 0, false, 1000));
}

/* the org is trusted again; the asker waits for the pause after an accept. */
static void an_org_that_is_trusted_again_is_asked_for_again(void)
{
	uint64_t ms = 0;
	orgs_world();
	for (unsigned i = 0; i < 2; i++) {
		member(i, ACME, now.wall.s + 90 * DAY);
		start(i);
	}
	run_ms(70000);
	ok(knows(1, 0));
	disks[1].trusted = 0;
	read_disk(1);
	run_ms(15000);
	disks[1].trusted = 1u << ACME;
	read_disk(1);
	while (!knows(1, 0) && ms < 86400000) {
		run_ms(1000);
		ms += 1000;
	}
	ok(ms < 120000);
}

/* the certificate of the node that is everybody's seed ends, and a new one comes a minute late. */
static void a_seed_that_renews_late_is_met_again(void)
{
	orgs_world();
	member(0, ACME, now.wall.s + 7200);
	member(1, ACME, now.wall.s + 90 * DAY);
	member(2, ACME, now.wall.s + 90 * DAY);
	for (unsigned i = 0; i < 3; i++)
		start(i);
	run_ms(10000);
	ok(passes(1, 0, false, 500) && passes(2, 0, false, 500) && passes(1, 2, false, 500));
	run_ms(7210000);
	ok(!knows(1, 0) && !knows(2, 0));
	disks[0].own_count = 0;
	member(0, ACME, now.wall.s + 90 * DAY);
	read_disk(0);
	run_ms(3600000);
	ok(knows(1, 0) && knows(2, 0));
	run_ms(86400000ull);
	ok(knows(1, 0) && knows(2, 0));
	switch_off(&machines[1]);
	start(1);
	run_ms(20000);
	ok(knows(1, 0)); /* a restart helps */
}

/* Whom an org lets in counts more than whom open does, met or not. */
static void a_stranger_makes_nobody_go_whom_an_org_lets_in(void)
{
	static struct report_node r;

	orgs_world();
	machines[0].open = machines[1].open = true;
	disks[0].trusted = 1u << BETA;
	start(0);
	phantoms(MEMBERS, STATEMENT_VOUCH, 0);
	node_report(machines[0].node, &r);
	eq_int(r.trusted, MEMBERS - MEMBERS / 4);
	start(1);
	run_ms(20000);
	ok(!knows(0, 1));
	node_report(machines[0].node, &r);
	eq_int(r.trusted, MEMBERS - MEMBERS / 4);
}

TAP_TESTS(T(a_stranger_makes_nobody_go_whom_an_org_lets_in),
	  T(a_member_goes_when_its_certificate_ends),
	  T(also_of_a_node_that_has_one_itself),
	  T(one_org_does_not_end_the_certificates_of_others),
	  T(a_certificate_that_begins_later_changes_nothing_today),
	  T(a_vouch_for_the_twin_keeps_no_trusted_key_out),
	  T(a_vouch_for_the_twin_keeps_no_member_out),
	  T(one_org_takes_not_all_places),
	  T(a_wrong_clock_for_a_moment_puts_nobody_out_for_long),
	  T(four_hostile_orgs_displace_no_membership_for_good),
	  T(a_name_is_of_the_org_that_gave_it),
	  T(an_address_is_asked_again_when_who_lived_there_moved),
	  T(strangers_leave_room_for_members),
	  T(a_clock_of_1970_sees_certificates_end),
	  T(an_org_that_is_trusted_again_is_asked_for_again),
	  T(a_seed_that_renews_late_is_met_again))
