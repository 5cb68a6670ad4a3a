/* Lossy, cut and paused networks: nobody who lives is declared dead, and what was cut grows
 * together. */
#include "swim_world.h"

static double seconds(uint64_t ns)
{
	return ns == UINT64_MAX ? -1 : (double)ns / 1e9;
}

static void a_hundred_node_hours_at_20_percent_loss_without_a_false_death(void)
{
	struct world w;
	uint64_t bytes = 0, suspicions = 0;

	world_init(&w, 10, 2024);
	world_join_all(&w);
	ok(world_until(&w, world_full, 20 * S) != UINT64_MAX);
	w.loss_permille = 200;
	world_run(&w, 36000 * S);
	ok(world_full(&w));
	eq_int(world_deaths(&w), 0);
	for (uint32_t i = 0; i < w.n; i++) {
		bytes += w.nodes[i].bytes;
		suspicions += swim_counters(w.nodes[i].swim)->suspicions;
	}
	printf("# %ju suspicions, %.0f IP bytes a second and node\n", (uintmax_t)suspicions,
	       (double)bytes / 360000);
	ok(suspicions <= 30);
	world_free(&w);
}

static void joins_work_at_20_percent_loss(void)
{
	uint64_t worst = 0;

	for (uint64_t seed = 1; seed <= 10; seed++) {
		struct world w;
		uint64_t took;

		world_init(&w, seed % 2 ? 10 : 3, seed);
		w.loss_permille = 200;
		world_join_all(&w);
		took = world_until(&w, world_full, 60 * S);
		worst = took > worst ? took : worst;
		world_free(&w);
	}
	printf("# worst of 10: %.2f s\n", seconds(worst));
	ok(worst <= 5 * S);
}

/* The papers' figure: 17 joins, one after the other, under 10 % loss. */
static void seventeen_sequential_joins_under_10_percent_loss_make_seventeen(void)
{
	struct world w;

	world_init(&w, 17, 4);
	w.loss_permille = 100;
	world_start(&w, 0, 1000);
	for (uint32_t i = 1; i < 17; i++) {
		world_start(&w, i, 1000);
		world_path(&w, i, 0, MS);
		world_run(&w, 2 * S);
	}
	world_run(&w, 30 * S);
	ok(world_full(&w));
	eq_int(world_deaths(&w), 0);
	world_free(&w);
}

static void split(struct world *w, uint32_t first, bool cut)
{
	for (uint32_t i = 0; i < w->n; i++)
		w->nodes[i].group = cut && i < first;
}

/* What core/nat tells after a while: paths across the cut are lost. */
static void lose_paths(struct world *w, uint32_t first)
{
	for (uint32_t i = 0; i < w->n; i++)
		for (uint32_t j = 0; j < w->n; j++)
			if ((i < first) != (j < first)) {
				swim_reachable(w->nodes[i].swim, j, false, world_time(w));
				world_flush(w, i);
			}
}

static void partition(uint32_t n, uint32_t first, bool all_paths, uint64_t limit)
{
	struct world w;
	uint64_t took;

	world_init(&w, n, n + first);
	world_join_all(&w);
	ok(world_until(&w, world_full, 20 * S) != UINT64_MAX);
	world_run(&w, 5 * S);
	split(&w, first, true);
	world_run(&w, 8 * S);
	lose_paths(&w, first);
	world_run(&w, 52 * S);
	eq_int(world_state(&w, 0, n - 1), SWIM_DEAD);
	eq_int(world_state(&w, n - 1, 0), SWIM_DEAD);
	eq_int(world_state(&w, n - 1, n - 2), SWIM_ALIVE);
	split(&w, first, false);
	/* One pair meets, or all do over a second. */
	for (uint32_t i = 0; i < first; i++)
		for (uint32_t j = first; j < n; j++)
			if (all_paths || (!i && j == first))
				world_path(&w, i, j, rng_below(&w.rng, S) + 1);
	took = world_until(&w, world_full, 60 * S);
	printf("# N = %u, %u cut off for 60 s, %s: healed in %.2f s\n", n, first,
	       all_paths ? "all paths come back" : "one path comes back", seconds(took));
	ok(took <= limit);
	world_run(&w, 30 * S);
	ok(world_full(&w));
	world_free(&w);
}

static void a_halved_mesh_grows_together_when_paths_come_back(void)
{
	partition(10, 5, true, 10 * S);
	partition(100, 50, true, 10 * S);
}

static void one_path_is_enough_to_heal_a_halved_mesh(void)
{
	partition(10, 5, false, 10 * S);
	partition(60, 30, false, 15 * S);
}

static void a_single_node_cut_off_comes_back(void)
{
	partition(10, 1, true, 10 * S);
	partition(3, 1, true, 10 * S);
}

static void a_node_cut_off_alone_blames_nobody_for_half_a_minute(void)
{
	struct world w;

	world_init(&w, 10, 5);
	world_join_all(&w);
	ok(world_until(&w, world_full, 20 * S) != UINT64_MAX);
	world_run(&w, 5 * S);
	split(&w, 1, true);
	world_run(&w, 25 * S);
	eq_int(w.nodes[0].deaths, 0);
	for (uint32_t i = 1; i < w.n; i++)
		eq_int(world_state(&w, i, 0), SWIM_DEAD);
	world_run(&w, 20 * S);
	eq_int(world_state(&w, 0, 5), SWIM_DEAD);
	/* Its view of that time is told to nobody: nobody has to refute it. */
	split(&w, 1, false);
	world_path(&w, 0, 1, MS);
	ok(world_until(&w, world_full, 10 * S) != UINT64_MAX);
	for (uint32_t i = 1; i < w.n; i++)
		eq_int(w.nodes[i].own_newer, 0);
	ok(w.nodes[0].own_newer > 0);
	world_free(&w);
}

/* One hears all, is heard by all but one: the others answer for it. */
static bool deaf_pair(struct world *w, uint32_t from, uint32_t to, struct bytes message)
{
	(void)w;
	(void)message;
	return !((from == 1 && to == 2) || (from == 2 && to == 1));
}

static void a_member_without_a_path_to_us_is_alive_through_others(void)
{
	struct world w;

	world_init(&w, 6, 8);
	w.watch = deaf_pair;
	world_join_all(&w);
	ok(world_until(&w, world_full, 20 * S) != UINT64_MAX);
	world_run(&w, 300 * S);
	ok(world_full(&w));
	eq_int(world_deaths(&w), 0);
	/* Both were told to look at their path, again and again, and nobody else was. */
	for (uint32_t i = 0; i < w.n; i++)
		ok(i == 1 || i == 2 ? w.nodes[i].doubted > 20 : !w.nodes[i].doubted);
	/* And the same when the path room says so. */
	swim_reachable(w.nodes[1].swim, 2, false, world_time(&w));
	swim_reachable(w.nodes[2].swim, 1, false, world_time(&w));
	world_run(&w, 300 * S);
	ok(world_full(&w));
	eq_int(world_deaths(&w), 0);
	for (uint32_t i = 0; i < w.n; i++)
		eq_int(w.nodes[i].own_newer, 0); /* nobody had to refute */
	world_free(&w);
}

static void a_paused_process_blames_nobody_when_it_wakes(void)
{
	struct world w;

	world_init(&w, 8, 21);
	world_join_all(&w);
	ok(world_until(&w, world_full, 20 * S) != UINT64_MAX);
	for (unsigned i = 0; i < 20; i++) {
		world_run(&w, 3 * S + rng_below(&w.rng, S));
		w.nodes[3].paused = true;
		world_run(&w, 200 * MS + rng_below(&w.rng, 60 * S));
		w.nodes[3].paused = false;
		ok(world_until(&w, world_full, 30 * S) != UINT64_MAX);
	}
	eq_int(w.nodes[3].deaths, 0);
	for (uint32_t i = 0; i < w.n; i++)
		for (uint32_t j = 0; j < w.n; j++)
			if (j != 3)
				eq_int(w.nodes[i].dead_at[j], 0);
	world_free(&w);
}

static void a_short_pause_kills_nobody(void)
{
	struct world w;

	world_init(&w, 10, 22);
	world_join_all(&w);
	ok(world_until(&w, world_full, 20 * S) != UINT64_MAX);
	for (unsigned i = 0; i < 200; i++) {
		uint32_t who = (uint32_t)rng_below(&w.rng, 10);

		world_run(&w, rng_below(&w.rng, 4 * S));
		w.nodes[who].paused = true;
		world_run(&w, 1500 * MS);
		w.nodes[who].paused = false;
	}
	world_run(&w, 10 * S);
	eq_int(world_deaths(&w), 0);
	ok(world_full(&w));
	world_free(&w);
}

TAP_TESTS(
	T(joins_work_at_20_percent_loss),
	T(seventeen_sequential_joins_under_10_percent_loss_make_seventeen),
	T(a_hundred_node_hours_at_20_percent_loss_without_a_false_death),
	T(a_halved_mesh_grows_together_when_paths_come_back),
	T(one_path_is_enough_to_heal_a_halved_mesh),
	T(a_single_node_cut_off_comes_back),
	T(a_node_cut_off_alone_blames_nobody_for_half_a_minute),
	T(a_member_without_a_path_to_us_is_alive_through_others),
	T(a_paused_process_blames_nobody_when_it_wakes),
	T(a_short_pause_kills_nobody))
