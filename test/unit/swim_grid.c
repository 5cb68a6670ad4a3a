/* Lifeguard's interval experiment (arXiv 1707.00788, table IV) at N = 128: C members at once are
 * blocked for D ms and run for I ms, in lock step, for 120 s. A blocked member blocks before it sends
 * and after it received: it hears nothing and says nothing, and what it was sent waits for it.
 *
 * A false positive (FP) is an event that somebody was declared dead who never stopped running. As
 * in the paper it is FP- if the one who declares it was never blocked either. The paper counts who
 * is blocked as healthy if it comes back, too: what is said of those is printed apart.
 *
 * In `make check` six cells, 20 s each; `make sim-grid` sets SWIM_GRID to "repetitions" of the
 * whole grid, 9 * 6 * 8 cells of 120 s. */
#include "swim_world.h"
#include "verify_once.h"

#include <time.h>

#define N 128u

static const uint32_t cs[] = { 1, 4, 8, 12, 16, 20, 24, 28, 32 };
static const uint32_t ds[] = { 128, 512, 2048, 8192, 16384, 32768 };
static const uint32_t is[] = { 1, 4, 16, 64, 256, 1024, 4096, 16384 };

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* What is said to and by a blocked one: held back until it runs. */
static bool sick[N];
static bool blocked;
static uint64_t runs_at;

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

static uint64_t (*deaths_of)[N]; /* by observer and subject */

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
