/* A hundred members of one org, all of whom know one address and no key: they meet, and a
 * revocation that one of them is told is everywhere in time. */
#define NODES 100
#define MEMBERS 160
#include "orgs_world.h"

#define MEET_MS 20000u
#define LIMIT_MS 15000u  /* from one to all */

static void everybody_starts(void)
{
	orgs_world();
	for (unsigned i = 0; i < NODES; i++) {
		member(i, ACME, now.wall.s + 90 * DAY);
		start(i);
	}
}

static unsigned count_who_know(unsigned whom)
{
	unsigned count = 0;

	for (unsigned i = 0; i < NODES; i++)
		count += i != whom && knows(i, whom);
	return count;
}

static unsigned let_in_by(unsigned i)
{
	static struct report_node r;

	node_report(machines[i].node, &r);
	return r.trusted;
}

static bool all_know_all(void)
{
	for (unsigned i = 0; i < NODES; i++)
		if (let_in_by(i) != NODES - 1)
			return false;
	return true;
}

static uint64_t until(bool (*true_at_last)(void), uint64_t limit_ms)
{
	uint64_t ms = 0;

	while (!true_at_last() && ms < limit_ms) {
		run_ms(50);
		ms += 50;
	}
	return ms;
}

static bool nobody_knows_7(void)
{
	return !count_who_know(7);
}

static void a_revocation_reaches_all_though_a_fifth_is_lost(void)
{
	uint64_t ms;

	everybody_starts();
	ms = until(all_know_all, MEET_MS);
	printf("# all let all in after %u ms\n", (unsigned)ms);
	ok(ms < MEET_MS);
	loss_percent = 20;
	run_ms(3000);
	say(42, STATEMENT_REVOCATION, ACME, 7);
	ok(!knows(42, 7)); /* in the same step */
	ms = until(nobody_knows_7, LIMIT_MS);
	printf("# gone everywhere after %u ms\n", (unsigned)ms);
	ok(ms < LIMIT_MS);
	run_ms(10000);
	eq_int(count_who_know(7), 0);
	eq_int(count_who_know(8), NODES - 1); /* the one who was revoked did nothing to others */
}

TAP_TESTS(T(a_revocation_reaches_all_though_a_fifth_is_lost))
