/* Lifeguard's interval experiment (arXiv 1707.00788, table IV) at N = 128: C members at once are
 * blocked for D ms and run for I ms, in lock step, for 120 s. A blocked member stands still, its
 * timers too, and what it is sent waits for it.
 *
 * A false positive (FP) is a verdict about somebody who was never blocked; FP- if the one who took
 * it was never blocked either. Verdicts about blocked ones are printed apart: who stands still for
 * eight seconds is found dead.
 *
 * In `make check` five cells, 20 s each. `make sim-grid` sets SWIM_GRID to "repetitions step": of
 * the 9 * 6 * 8 cells of 120 s each so manieth, all for 1. A verdict is counted once a turn of
 * blocking and running, and once after the last. */
#include "swim_world.h"
#include "verify_once.h"

#define N 128u

static const uint32_t cs[] = { 1, 4, 8, 12, 16, 20, 24, 28, 32 };
static const uint32_t ds[] = { 128, 512, 2048, 8192, 16384, 32768 };
static const uint32_t is[] = { 1, 4, 16, 64, 256, 1024, 4096, 16384 };

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static bool sick[N];
static bool blocked;
static uint64_t runs_at;

/* What is said to a blocked one is held back until it runs. */
static bool hold(struct world *w, uint32_t from, uint32_t to, struct bytes message)
{
	struct world_event e = { .kind = WORLD_MESSAGE, .from = from, .to = to };

	if (!blocked || !sick[to])
		return true;
	e.at = runs_at + w->delay_min + rng_below(&w->rng, MS);
	e.run = w->nodes[to].run;
	e.len = (uint16_t)message.len;
	e.data = malloc(message.len);
	memcpy(e.data, message.data, message.len);
	world_push(w, e);
	return false;
}

struct sums {
	uint64_t fp, fp_healthy, of_blocked;
};

static void block(struct world *w, bool yes, uint64_t for_ns)
{
	blocked = yes;
	runs_at = w->now + for_ns;
	for (uint32_t i = 0; i < N; i++)
		w->nodes[i].paused = yes && sick[i];
	world_run(w, for_ns);
}

static void count(const struct world *w, uint64_t since, struct sums *sums)
{
	for (uint32_t i = 0; i < N; i++)
		for (uint32_t j = 0; j < N; j++) {
			if (w->nodes[i].dead_at[j] <= since)
				continue;
			sums->of_blocked += sick[j];
			sums->fp += !sick[j];
			sums->fp_healthy += !sick[j] && !sick[i];
		}
}

static void cell(struct world *w, uint32_t c, uint32_t d, uint32_t i, uint64_t seconds,
		 struct sums *sums)
{
	uint64_t end = w->now + seconds * S, since;

	memset(sick, 0, sizeof(sick));
	for (uint32_t left = c; left;) {
		uint32_t who = (uint32_t)rng_below(&w->rng, N);

		left -= !sick[who];
		sick[who] = true;
	}
	while (w->now < end) {
		since = w->now;
		block(w, true, d * MS);
		block(w, false, i * MS);
		count(w, since, sums);
	}
	since = w->now;
	ok(world_until(w, world_full, 60 * S) != UINT64_MAX);
	world_run(w, 2 * S);
	count(w, since, sums);
}

static struct sums a_cell(uint64_t seed, uint32_t c, uint32_t d, uint32_t i, uint64_t seconds)
{
	struct sums sums = { 0 };
	struct world w;

	world_init(&w, N, seed);
	w.watch = hold;
	blocked = false;
	world_join_all(&w);
	ok(world_until(&w, world_full, 20 * S) != UINT64_MAX);
	world_run(&w, 3 * S);
	cell(&w, c, d, i, seconds, &sums);
	world_free(&w);
	return sums;
}

static void print(const char *what, const struct sums *s, unsigned cells)
{
	printf("# %s, %u cells: FP %ju, FP- %ju; verdicts about blocked ones %ju\n", what, cells,
	       (uintmax_t)s->fp, (uintmax_t)s->fp_healthy, (uintmax_t)s->of_blocked);
}

/* The corners of the grid, and its middle. */
static void some_cells(void)
{
	static const uint32_t some[][3] = { { 1, 128, 1 }, { 32, 128, 64 }, { 16, 8192, 64 },
					    { 32, 32768, 1 }, { 32, 2048, 256 } };
	struct sums all = { 0 };

	for (unsigned k = 0; k < COUNT(some); k++) {
		struct sums s = a_cell(k, some[k][0], some[k][1], some[k][2], 20);

		all.fp += s.fp;
		all.fp_healthy += s.fp_healthy;
		all.of_blocked += s.of_blocked;
	}
	print("some of the grid", &all, COUNT(some));
	eq_int(all.fp, 0);
	eq_int(all.fp_healthy, 0);
	ok(all.of_blocked > 0); /* who is blocked for 8 s is found dead */
}

static void the_grid(uint64_t repetitions, uint64_t step)
{
	for (uint64_t r = 0; r < repetitions; r++) {
		struct sums all = { 0 };
		unsigned cells = 0;

		for (uint64_t k = r % step; k < COUNT(cs) * COUNT(ds) * COUNT(is); k += step) {
			uint32_t c = cs[k / COUNT(is) / COUNT(ds)];
			uint32_t d = ds[k / COUNT(is) % COUNT(ds)], i = is[k % COUNT(is)];
			struct sums s = a_cell(r * 1000 + k, c, d, i, 120);

			cells++;
			all.fp += s.fp;
			all.fp_healthy += s.fp_healthy;
			all.of_blocked += s.of_blocked;
			if (s.fp)
				printf("# C %u, D %u, I %u: FP %ju, FP- %ju\n", c, d, i,
				       (uintmax_t)s.fp, (uintmax_t)s.fp_healthy);
		}
		print("repetition", &all, cells);
		ok(all.fp <= 50);
		eq_int(all.fp_healthy, 0);
	}
}

static void who_runs_is_not_blamed_for_who_is_blocked(void)
{
	const char *text = getenv("SWIM_GRID");
	uint64_t repetitions;
	char *end;

	if (!text) {
		some_cells();
		return;
	}
	repetitions = strtoull(text, &end, 10);
	the_grid(repetitions, strtoull(end, NULL, 10));
}

TAP_TESTS(
	T(who_runs_is_not_blamed_for_who_is_blocked))
