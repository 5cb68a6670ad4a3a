/* Whole meshes in virtual time: join, kill, leave, restart, and what a quiet mesh costs. */
#include "swim_world.h"

static uint32_t victim;

static bool victim_dead(const struct world *w)
{
	for (uint32_t i = 0; i < w->n; i++)
		if (w->nodes[i].up && i != victim && world_state(w, i, victim) != SWIM_DEAD)
			return false;
	return true;
}

static bool victim_left(const struct world *w)
{
	for (uint32_t i = 0; i < w->n; i++)
		if (w->nodes[i].up && i != victim && world_state(w, i, victim) != SWIM_LEFT)
			return false;
	return true;
}

static double seconds(uint64_t ns)
{
	return ns == UINT64_MAX ? -1 : (double)ns / 1e9;
}

static void joint_start(uint32_t n, unsigned runs, uint64_t limit)
{
	uint64_t worst = 0;

	for (uint64_t seed = 1; seed <= runs; seed++) {
		struct world w;
		uint64_t took;

		world_init(&w, n, seed);
		world_join_all(&w);
		took = world_until(&w, world_full, 20 * S);
		worst = took > worst ? took : worst;
		ok(w.largest <= CHANNEL_PAYLOAD_MAX);
		eq_int(world_deaths(&w), 0);
		if (seed == 1)
			printf("# %u join through one seed: %.2f s, %.1f KB a node\n", n,
			       seconds(took), (double)w.nodes[n - 1].bytes / 1000);
		world_free(&w);
	}
	printf("# worst of %u: %.2f s\n", runs, seconds(worst));
	ok(worst <= limit);
}

static void three_join_through_one_seed_within_a_second(void) { joint_start(3, 5, 1 * S); }
static void ten_join_through_one_seed_within_a_second(void) { joint_start(10, 5, 1 * S); }
static void a_hundred_join_through_one_seed_within_two_seconds(void) { joint_start(100, 3, 2 * S); }
/* More than the seed alone could tell within its budget. */
static void two_hundred_join_through_one_seed_within_three_seconds(void)
{
	joint_start(200, 1, 3 * S);
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void kill_one(uint32_t n, unsigned runs, uint64_t median, uint64_t p90)
{
	uint64_t took[32];

	for (uint64_t seed = 0; seed < runs; seed++) {
		struct world w;

		world_init(&w, n, 100 + seed);
		world_join_all(&w);
		ok(world_until(&w, world_full, 20 * S) != UINT64_MAX);
		world_run(&w, 10 * S + rng_below(&w.rng, 3 * S));
		victim = 1 + (uint32_t)rng_below(&w.rng, n - 1);
		world_kill(&w, victim);
		took[seed] = world_until(&w, victim_dead, 30 * S);
		eq_int(world_deaths(&w), n - 1); /* and nobody else */
		world_free(&w);
	}
	qsort(took, runs, sizeof(took[0]), by_size);
	printf("# N = %u, killed until all know: median %.1f, p90 %.1f, max %.1f s\n", n,
	       seconds(took[runs / 2]), seconds(took[runs * 9 / 10]), seconds(took[runs - 1]));
	ok(took[runs / 2] <= median);
	ok(took[runs * 9 / 10] <= p90);
}

static void of_two_the_survivor_knows_within_five_seconds(void) { kill_one(2, 20, 5 * S, 5 * S); }
static void of_three_the_survivors_know_soon(void) { kill_one(3, 20, 5 * S, 6 * S); }
static void of_ten_all_know_of_a_kill_soon(void) { kill_one(10, 20, 9 * S / 2, 11 * S / 2); }
static void of_a_hundred_all_know_of_a_kill_soon(void) { kill_one(100, 32, 9 * S / 2, 11 * S / 2); }

static void a_leave_is_seen_by_all_at_once(void)
{
	for (uint32_t n = 3; n <= 60; n += 19) {
		struct world w;
		uint64_t took;

		world_init(&w, n, n);
		world_join_all(&w);
		ok(world_until(&w, world_full, 20 * S) != UINT64_MAX);
		world_run(&w, 5 * S);
		victim = 1;
		world_sign(&w, victim, w.nodes[victim].body.sequence + 1, RECORD_LEAVING);
		swim_leave(w.nodes[victim].swim, world_time(&w), &w.out);
		world_flush(&w, victim);
		ok(swim_deadline(w.nodes[victim].swim).ns == UINT64_MAX);
		took = world_until(&w, victim_left, 5 * S);
		printf("# N = %u, leave seen by all: %.3f s\n", n, seconds(took));
		ok(took <= S / 2);
		world_kill(&w, victim);
		world_run(&w, 20 * S);
		ok(victim_left(&w));
		eq_int(world_deaths(&w), 0);
		/* It comes back with a newer record. */
		world_start(&w, victim, w.nodes[victim].body.sequence + 1);
		world_path(&w, victim, 0, MS);
		ok(world_until(&w, world_full, 5 * S) <= 2 * S);
		world_free(&w);
	}
}

static void one_joiner_is_seen_by_all_soon(void)
{
	static const struct { uint32_t n; uint64_t limit; } rows[] = {
		{ 10, S / 2 }, { 100, S },
	};

	for (unsigned i = 0; i < 2; i++) {
		struct world w;
		uint64_t took;

		world_init(&w, rows[i].n, 7);
		world_join_all(&w);
		world_kill(&w, 5);
		victim = 5;
		world_run(&w, 30 * S);
		world_start(&w, 5, 5000);
		world_path(&w, 5, 0, MS);
		took = world_until(&w, world_full, 20 * S);
		printf("# N = %u, one joiner, all views full: %.2f s\n", rows[i].n, seconds(took));
		ok(took <= rows[i].limit);
		world_free(&w);
	}
}

static void a_restart_with_a_lost_sequence_jumps_above_what_others_remember(void)
{
	struct world w;
	struct swim_info info;

	world_init(&w, 5, 3);
	world_join_all(&w);
	ok(world_until(&w, world_full, 5 * S) != UINT64_MAX);
	world_run(&w, 3 * S);
	world_kill(&w, 2);
	victim = 2;
	ok(world_until(&w, victim_dead, 20 * S) != UINT64_MAX);
	for (uint32_t i = 0; i < w.n; i++)
		if (i != 2)
			swim_reachable(w.nodes[i].swim, 2, false, world_time(&w));
	world_start(&w, 2, 1);
	world_path(&w, 2, 0, MS);
	ok(world_until(&w, world_full, 5 * S) != UINT64_MAX);
	world_run(&w, 2 * S);
	ok(w.nodes[2].body.sequence > 1000);
	eq_int(w.nodes[2].own_newer <= 3, 1);
	for (uint32_t i = 0; i < w.n; i++) {
		if (i == 2)
			continue;
		swim_info(w.nodes[i].swim, 2, &info);
		eq_int(info.sequence, w.nodes[2].body.sequence);
	}
	world_free(&w);
}

static void a_clone_is_shown_as_a_conflict_and_all_keep_the_same_record(void)
{
	struct world w;
	struct swim_info first, other;
	uint64_t conflicts = 0;

	world_init(&w, 4, 3);
	world_join_all(&w);
	ok(world_until(&w, world_full, 5 * S) != UINT64_MAX);
	world_kill(&w, 2);
	w.nodes[2].body.candidates[0].port = 4242; /* the same key and sequence, other bytes */
	for (uint32_t i = 0; i < w.n; i++)
		if (i != 2)
			swim_reachable(w.nodes[i].swim, 2, false, world_time(&w));
	world_start(&w, 2, 1000);
	w.nodes[2].body.sequence = 1000;
	world_path(&w, 2, 0, MS);
	world_run(&w, 3 * S);
	for (uint32_t i = 0; i < w.n; i++)
		conflicts += w.nodes[i].conflicts;
	ok(conflicts > 0);
	ok(w.nodes[2].body.sequence > 1000); /* it was told, and went above */
	swim_info(w.nodes[0].swim, 2, &first);
	swim_info(w.nodes[3].swim, 2, &other);
	eq_int(first.record->len, other.record->len);
	eq_mem(first.record->wire, other.record->wire, first.record->len);
	world_free(&w);
}

static void a_quiet_mesh_of_two_or_three_wakes_up_rarely(void)
{
	for (uint32_t n = 2; n <= 3; n++) {
		struct world w;
		uint64_t wakes, bytes;

		world_init(&w, n, 3);
		world_join_all(&w);
		world_run(&w, 10 * S);
		wakes = w.nodes[1].wakes;
		bytes = w.nodes[1].bytes;
		world_run(&w, 60 * S);
		printf("# N = %u, idle: %.2f timer wake-ups and %.0f IP bytes a second\n", n,
		       (double)(w.nodes[1].wakes - wakes) / 60,
		       (double)(w.nodes[1].bytes - bytes) / 60);
		ok(w.nodes[1].wakes - wakes <= 61);
		ok(w.nodes[1].bytes - bytes <= 60 * 200);
		world_free(&w);
	}
}

/* Over IPv6, whose header is 20 bytes longer than what the world counts. */
static void idle_bytes_keep_to_the_budget_of_the_profile(void)
{
	static const struct row {
		enum swim_profile profile;
		const char *name;
		uint64_t budget;
	} rows[] = {
		{ SWIM_LAN, "LAN", 200 }, { SWIM_WAN, "WAN", 80 }, { SWIM_METERED, "metered", 20 },
	};
	static const uint32_t sizes[] = { 2, 10, 33, 100 };

	for (unsigned k = 0; k < 12; k++) {
		const uint32_t n = sizes[k % 4];
		uint64_t bytes = 0, messages = 0;
		struct world w;

		world_init(&w, n, 3);
		w.profile = rows[k / 4].profile;
		world_join_all(&w);
		world_run(&w, 300 * S);
		for (uint32_t i = 0; i < n; i++)
			w.nodes[i].bytes = w.nodes[i].messages = 0;
		world_run(&w, 600 * S);
		for (uint32_t i = 0; i < n; i++) {
			bytes += w.nodes[i].bytes;
			messages += w.nodes[i].messages;
		}
		printf("# %s, N = %u: idle %.0f bytes a second over IPv4, %.0f over IPv6\n",
		       rows[k / 4].name, n, (double)bytes / 600 / n,
		       (double)(bytes + 20 * messages) / 600 / n);
		ok(bytes + 20 * messages <= 600 * n * rows[k / 4].budget);
		world_free(&w);
	}
}

static void profile_row(enum swim_profile profile, uint64_t limit)
{
	for (uint32_t n = 3; n <= 60; n += 57) {
		struct world w;
		uint64_t took;

		world_init(&w, n, 30 + n);
		w.profile = profile;
		w.delay_max = 60 * MS;
		world_join_all(&w);
		ok(world_until(&w, world_full, 20 * S) != UINT64_MAX);
		world_run(&w, 60 * S);
		victim = 2;
		world_kill(&w, victim);
		took = world_until(&w, victim_dead, 120 * S);
		printf("# profile %u, N = %u, killed until all know: %.1f s\n", profile, n,
		       seconds(took));
		ok(took <= limit);
		eq_int(world_deaths(&w), n - 1);
		world_free(&w);
	}
}

static void longer_periods_find_the_dead_later(void)
{
	profile_row(SWIM_WAN, 16 * S);
	profile_row(SWIM_METERED, 70 * S);
}

static void a_node_alone_has_no_deadline(void)
{
	struct world w;

	world_init(&w, 3, 3);
	world_start(&w, 0, 1);
	ok(swim_deadline(w.nodes[0].swim).ns == UINT64_MAX);
	world_join_all(&w);
	ok(world_until(&w, world_full, 5 * S) != UINT64_MAX);
	world_kill(&w, 1);
	world_kill(&w, 2);
	world_run(&w, 60 * S);
	eq_int(world_state(&w, 0, 1), SWIM_DEAD);
	eq_int(world_state(&w, 0, 2), SWIM_DEAD);
	ok(swim_deadline(w.nodes[0].swim).ns == UINT64_MAX);
	/* One comes back: what was lost is asked again, the other one is really dead. */
	world_start(&w, 1, 5000);
	world_path(&w, 0, 1, MS);
	world_run(&w, S);
	eq_int(world_state(&w, 0, 1), SWIM_ALIVE);
	world_run(&w, 20 * S);
	eq_int(world_state(&w, 0, 1), SWIM_ALIVE);
	eq_int(world_state(&w, 0, 2), SWIM_DEAD);
	world_free(&w);
}

static void ten_percent_killed_at_once_are_known_soon(void)
{
	struct world w;
	uint64_t start;

	world_init(&w, 100, 9);
	world_join_all(&w);
	ok(world_until(&w, world_full, 20 * S) != UINT64_MAX);
	world_run(&w, 10 * S);
	for (uint32_t i = 0; i < 10; i++)
		world_kill(&w, 7 + 9 * i);
	start = w.now;
	for (uint32_t i = 0; i < 10; i++) {
		victim = 7 + 9 * i;
		ok(world_until(&w, victim_dead, 60 * S) != UINT64_MAX);
	}
	printf("# N = 100, ten killed until all know all: %.1f s\n", seconds(w.now - start));
	ok(w.now - start <= 10 * S);
	eq_int(world_deaths(&w), 900);
	world_free(&w);
}

/* Attack of one's own making: each node that had held it dead told it so once more, and each time
 * it signed a new record, for a minute after its return. */
static void who_came_back_refutes_once_and_not_for_each_that_had_given_it_up(void)
{
	struct world w;
	uint64_t sequence;

	world_init(&w, 60, 4);
	world_join_all(&w);
	world_run(&w, 10 * S);
	world_kill(&w, 5);
	world_run(&w, 20 * S);
	world_start(&w, 5, 5000);
	world_path(&w, 5, 0, MS);
	world_run(&w, 5 * S);
	sequence = w.nodes[5].body.sequence;
	ok(sequence <= 5001);
	world_run(&w, 120 * S);
	ok(w.nodes[5].body.sequence == sequence);
	world_free(&w);
}

static unsigned entries_listed;

static bool count_entries(struct world *w, uint32_t from, uint32_t to, struct bytes message)
{
	static struct wire_message m;

	(void)w;
	(void)from;
	(void)to;
	if (wire_decode(message, &m) && m.h.type == WIRE_LIST)
		entries_listed += m.entries;
	return true;
}

/* A difference among many costs datagrams of digests and short lists, not all ids. */
static void one_difference_among_many_is_found_by_buckets(void)
{
	struct world w;

	world_init(&w, 200, 12);
	world_join_all(&w);
	ok(world_until(&w, world_full, 20 * S) != UINT64_MAX);
	world_run(&w, 60 * S);
	w.nodes[9].group = 1;
	world_run(&w, S / 2);
	world_sign(&w, 3, 3000, 0);
	world_flush(&w, 3);
	world_run(&w, S);
	w.nodes[9].group = 0;
	entries_listed = 0;
	w.watch = count_entries;
	for (uint32_t i = 0; i < w.n; i++)
		ok(world_sequence(&w, i, 3) == (i == 9 ? 1000 : 3000) || i == 3);
	world_run(&w, 4 * S);
	eq_int(world_sequence(&w, 9, 3), 3000);
	printf("# found by lists of %u entries\n", entries_listed);
	ok(entries_listed > 0 && entries_listed < 200);
	world_free(&w);
}

/* The third time the nodes share the bytes of records, as only large simulations do. */
static void the_same_seed_gives_the_same_run(void)
{
	uint64_t bytes[3], messages[3];

	for (unsigned i = 0; i < 3; i++) {
		struct world w;

		world_init(&w, 20, 77);
		world_sort(&w);
		if (i == 2)
			world_share(&w);
		w.loss_permille = 100;
		world_join_all(&w);
		world_run(&w, 20 * S);
		bytes[i] = messages[i] = 0;
		for (uint32_t k = 0; k < w.n; k++) {
			bytes[i] = bytes[i] * 31 + w.nodes[k].bytes;
			messages[i] += w.nodes[k].messages;
		}
		if (i == 2)
			eq_int(w.records.count, w.n); /* nobody signed a second one */
		world_free(&w);
	}
	ok(bytes[0] == bytes[1] && bytes[0] == bytes[2]);
	ok(messages[0] == messages[1] && messages[0] == messages[2] && messages[0] > 1000);
}

TAP_TESTS(
	T(three_join_through_one_seed_within_a_second),
	T(ten_join_through_one_seed_within_a_second),
	T(a_hundred_join_through_one_seed_within_two_seconds),
	T(two_hundred_join_through_one_seed_within_three_seconds),
	T(one_joiner_is_seen_by_all_soon),
	T(of_two_the_survivor_knows_within_five_seconds),
	T(of_three_the_survivors_know_soon),
	T(of_ten_all_know_of_a_kill_soon),
	T(of_a_hundred_all_know_of_a_kill_soon),
	T(ten_percent_killed_at_once_are_known_soon),
	T(a_leave_is_seen_by_all_at_once),
	T(a_restart_with_a_lost_sequence_jumps_above_what_others_remember),
	T(a_clone_is_shown_as_a_conflict_and_all_keep_the_same_record),
	T(a_quiet_mesh_of_two_or_three_wakes_up_rarely),
	T(idle_bytes_keep_to_the_budget_of_the_profile),
	T(longer_periods_find_the_dead_later),
	T(a_node_alone_has_no_deadline),
	T(who_came_back_refutes_once_and_not_for_each_that_had_given_it_up),
	T(one_difference_among_many_is_found_by_buckets),
	T(the_same_seed_gives_the_same_run))
