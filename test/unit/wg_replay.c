/* The replay window: the boundary table, and a race against a twin that remembers everything. */
#include "tap.h"

#include "base/rng.h"
#include "wg/replay.h"

#define W UINT64_C(8128)
#define R UINT64_C(18446744073709543423) /* 2^64 - 2^13 - 1 */

struct step {
	uint64_t counter;
	bool accepted;
};

static void run_steps(struct replay *r, const char *name, const struct step *steps, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (replay_check_and_update(r, steps[i].counter) != steps[i].accepted)
			TAP_FAIL("%s, step %zu: counter %" PRIu64 " should be %s", name, i,
				 steps[i].counter, steps[i].accepted ? "accepted" : "refused");
}

static void accept_range(struct replay *r, uint64_t from, uint64_t to)
{
	for (uint64_t c = from;; c += from < to ? 1 : UINT64_MAX) {
		if (!replay_check_and_update(r, c))
			TAP_FAIL("%" PRIu64 " of %" PRIu64 "..%" PRIu64 " refused", c, from, to);
		if (c == to)
			break;
	}
}

static void constants_are_those_of_the_paper(void)
{
	ok(REPLAY_WINDOW == W);
	ok(REPLAY_REJECT == R);
	ok(REPLAY_REJECT == 0 - (UINT64_C(1) << 13) - 1);
}

static void each_counter_is_accepted_once_within_the_window(void)
{
	static const struct step mixed[] = {
		{ 0, true }, { 1, true }, { 1, false }, { 9, true }, { 8, true },
		{ 7, true }, { 7, false },
		{ W + 1, true }, { W, true }, { W, false }, { W - 1, true },
		{ 2, true }, { 2, false }, /* W - 1 behind */
		{ W + 17, true }, { 3, false }, { W + 17, false },
		/* a jump by more than the ring: everything behind is new or too old */
		{ W * 4 + 4, true }, { W * 3 + 4, true }, { 10, false },
		{ W * 3 + 3, false }, { W * 3 + 2, false },
		{ W * 3 + 5, true }, { W * 3 + 4, false }, { 0, false },
		/* the end of the session's life; refused ones move nothing */
		{ R, false }, { R - 1, true }, { R, false }, { R - 1, false },
		{ R - 2, true }, { R + 1, false }, { R + 2, false }, { R - 2, false },
		{ R - 3, true }, { 0, false },
	};
	struct replay r;

	replay_init(&r);
	run_steps(&r, "mixed", mixed, sizeof(mixed) / sizeof(*mixed));
}

static void the_window_ends_8128_behind_the_highest(void)
{
	static const struct {
		const char *name;
		uint64_t from, to;
		struct step steps[2];
		size_t n;
	} runs[] = {
		{ "ascending 1..W, then 0", 1, W, { { 0, true }, { 0, false } }, 2 },
		{ "ascending 2..W+1, then 1 and 0", 2, W + 1, { { 1, true }, { 0, false } }, 2 },
		{ "descending W..0", W, 0, { { 0, false } }, 1 },
		{ "descending W+1..1, then 0", W + 1, 1, { { 0, false } }, 1 },
		{ "descending W..1, W+1, then 0", W, 1, { { W + 1, true }, { 0, false } }, 2 },
		{ "descending W..1, 0, then W+1", W, 1, { { 0, true }, { W + 1, true } }, 2 },
	};

	for (size_t i = 0; i < sizeof(runs) / sizeof(*runs); i++) {
		struct replay r;

		replay_init(&r);
		accept_range(&r, runs[i].from, runs[i].to);
		run_steps(&r, runs[i].name, runs[i].steps, runs[i].n);
	}
}

static void a_refused_counter_moves_nothing(void)
{
	static const uint64_t refused[] = { R, R + 1, UINT64_MAX - 1, UINT64_MAX };
	struct replay r, before;

	replay_init(&r);
	accept_range(&r, 5, 20);
	before = r;
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++)
		ok(!replay_check_and_update(&r, refused[i]));
	ok(!replay_check_and_update(&r, 7));
	eq_mem(&r, &before, sizeof(r));
}

/* Every alignment of the highest counter within its block gives the same window. */
static void the_window_does_not_depend_on_alignment(void)
{
	for (uint64_t high = 3 * 8192; high < 3 * 8192 + 130; high++) {
		struct replay r;

		replay_init(&r);
		ok(replay_check_and_update(&r, high));
		ok(!replay_check_and_update(&r, high - W - 1));
		ok(replay_check_and_update(&r, high - W));
		ok(!replay_check_and_update(&r, high - W));
	}
}

/* The twin: one byte for each counter, and the rule as one sentence. */
#define TWIN 100000u

static void a_naive_twin_agrees(void)
{
	uint8_t *seen = malloc(TWIN);

	for (uint64_t seed = 1; seed <= 10; seed++) {
		struct rng rng;
		struct replay r;
		uint64_t highest = 0;

		rng_init(&rng, seed);
		replay_init(&r);
		memset(seen, 0, TWIN);
		for (int step = 0; step < 60000; step++) {
			static const uint64_t reach[] = { 3, 70, 8300, 20000 };
			uint64_t back = rng_below(&rng, reach[rng_below(&rng, 4)]);
			uint64_t c = highest + rng_below(&rng, 3) * rng_below(&rng, 3);
			bool want;

			c = c < back ? 0 : c - back;
			if (rng_below(&rng, 4000) == 0)
				c = highest + rng_below(&rng, 9000);
			if (c >= TWIN)
				break;
			want = !seen[c] && c + W >= highest;
			if (replay_check_and_update(&r, c) != want)
				TAP_FAIL("seed %" PRIu64 ", step %d: %" PRIu64 " should be %s",
					 seed, step, c, want ? "accepted" : "refused");
			if (want)
				seen[c] = 1;
			highest = want && c > highest ? c : highest;
		}
	}
	free(seen);
}

TAP_TESTS(T(constants_are_those_of_the_paper),
	  T(each_counter_is_accepted_once_within_the_window),
	  T(the_window_ends_8128_behind_the_highest),
	  T(a_refused_counter_moves_nothing),
	  T(the_window_does_not_depend_on_alignment),
	  T(a_naive_twin_agrees))
