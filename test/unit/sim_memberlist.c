/* What is compared with memberlist in the simulator is first compared with the real one. */
#include "tap.h"

#include "sim/memberlist_world.h"

static void reproduces(uint32_t nodes)
{
	static struct ml_rows r;

	ml_measure(&r, nodes, 1);
	ml_print(&r, stdout);
	ok(r.samples[ML_ROW_ALL] == 5 * r.seeds && r.samples[ML_ROW_LEAVE] == 3 * r.seeds);
	ok(ml_reproduced(&r, ML_ROW_JOIN));
	ok(ml_reproduced(&r, ML_ROW_FIRST));
	ok(ml_reproduced(&r, ML_ROW_ALL));
	ok(ml_reproduced(&r, ML_ROW_LEAVE));
	ok(ml_reproduced(&r, ML_ROW_REJOIN));
}

static void ten_nodes_join_die_and_leave_as_those_of_serf(void)
{
	reproduces(10);
}

static void a_hundred_nodes_join_die_and_leave_as_those_of_serf(void)
{
	reproduces(100);
}

static void one_seed_is_one_run_and_another_is_another(void)
{
	static struct ml_rows a, b, c;

	ml_measure(&a, 5, 7);
	ml_measure(&b, 5, 7);
	ml_measure(&c, 5, 8);
	ok(a.hash == b.hash);
	ok(a.hash != c.hash);
}

static void a_row_that_is_off_is_not_reproduced(void)
{
	static struct ml_rows r = { .nodes = 10 };

	r.samples[ML_ROW_ALL] = 1;
	r.sample[ML_ROW_ALL][0] = 6.5 * 1.14;
	ok(ml_reproduced(&r, ML_ROW_ALL));
	r.sample[ML_ROW_ALL][0] = 6.5 * 1.16;
	ok(!ml_reproduced(&r, ML_ROW_ALL));
	r.sample[ML_ROW_ALL][0] = 6.5 * 0.84;
	ok(!ml_reproduced(&r, ML_ROW_ALL));
}

TAP_TESTS(T(ten_nodes_join_die_and_leave_as_those_of_serf),
	  T(a_hundred_nodes_join_die_and_leave_as_those_of_serf),
	  T(one_seed_is_one_run_and_another_is_another),
	  T(a_row_that_is_off_is_not_reproduced))
