/* Large meshes in virtual time. In `make check` 200 nodes; `make sim-large` sets SWIM_LARGE to
 * 1000 and 10000. What a run may take is said before any of it is taken, and what it took after
 * each test. */
#include "swim_world.h"
#include "verify_once.h"

#include "swim/peer.h"
#include "swim/state.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#define GB (UINT64_C(1) << 30)
#define MEMORY_MAX (12 * GB)
#define CPU_S_OF_1000 40u /* of the first test: the square of N */
#define SIZE_MIN 20u
#define MANY 1000u        /* larger ones: no mass kills, no partition, and 100 node-hours of loss */
/* Of a member at each other one: its state, which record, and its places in six indexes. */
#define MEMBER_BYTES (sizeof(struct member) + (3 + RINGS) * sizeof(uint32_t))
_Static_assert(MEMBER_BYTES <= 64, "ten thousand nodes fit");
/* Of a node, whatever the size: peers, its queue, some jobs, some suspicions. */
#define NODE_BYTES (sizeof(struct swim) + PEER_MAX * sizeof(struct peer) \
		    + QUEUE_MAX * (sizeof(struct gossip_item) + sizeof(uint32_t)) \
		    + 64 * sizeof(struct suspicion) + 16 * 4096)

static uint32_t size;
static bool *victims;

static double seconds(uint64_t ns)
{
	return ns == UINT64_MAX ? -1 : (double)ns / 1e9;
}

static double cpu(void)
{
	return (double)clock() / CLOCKS_PER_SEC;
}

/* Asked at each event: the one that did not know last time is asked first. */
static bool victims_dead(const struct world *w)
{
	static uint32_t i, k;
	uint32_t first = i % w->n;

	for (uint32_t n = 0; n < w->n; n++) {
		i = (first + n) % w->n;
		if (!w->nodes[i].up)
			continue;
		for (uint32_t m = 0; m < w->n; m++, k++) {
			k %= w->n;
			if (victims[k] && world_state(w, i, k) != SWIM_DEAD)
				return false;
		}
	}
	return true;
}

static uint64_t bytes_sent(const struct world *w)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < w->n; i++)
		sum += w->nodes[i].bytes;
	return sum;
}

static uint64_t memory_at_most(uint64_t n)
{
	return n * (n * MEMBER_BYTES + NODE_BYTES + sizeof(struct world_node))
	       + WORLD_EVENTS * sizeof(struct world_event);
}

/* Says it before any of it is taken. */
static uint32_t size_asked_for(void)
{
	const char *text = getenv("SWIM_LARGE");
	unsigned long n = text ? strtoul(text, NULL, 10) : 200;

	if (n < SIZE_MIN || n > UINT16_MAX || memory_at_most(n) > MEMORY_MAX) {
		printf("Bail out! N = %lu: less than %u, or more than fits in %.0f GB\n", n,
		       SIZE_MIN, (double)MEMORY_MAX / GB);
		exit(1);
	}
	printf("# N = %lu: at most %.1f GB, about %.0f s of CPU\n", n,
	       (double)memory_at_most(n) / GB, (double)(CPU_S_OF_1000 * n * n) / 1e6);
	return (uint32_t)n;
}

static void what_it_took(void)
{
	struct rusage use;

	getrusage(RUSAGE_SELF, &use);
	ok((uint64_t)use.ru_maxrss * 1024 <= MEMORY_MAX);
	printf("# N = %u, so far: %.1f GB at the most, %.0f s of CPU\n", size,
	       (double)use.ru_maxrss * 1024 / GB, cpu());
}

static void a_row(const char *what, uint64_t took, uint64_t limit, double bytes, double start)
{
	printf("# N = %u, %s: %.2f s (at most %.1f), %.1f KB a node, %.0f s of CPU here\n", size,
	       what, seconds(took), seconds(limit), bytes / 1000, cpu() - start);
	fflush(stdout);
	ok(took <= limit);
}

static void join(struct world *w, bool is_row)
{
	double start = cpu();
	uint64_t took;

	if (!size)
		size = size_asked_for();
	world_init(w, size, 77);
	world_share(w);
	world_join_all(w);
	took = world_until(w, world_full, 120 * S);
	if (is_row)
		a_row("joint start", took, size > MANY ? 25 * S : 5 * S,
		      (double)bytes_sent(w) / size, start);
	ok(took != UINT64_MAX);
	eq_int(world_deaths(w), 0);
	ok(w->largest <= CHANNEL_PAYLOAD_MAX);
	world_run(w, 15 * S);
}

static void kill_many(struct world *w, uint32_t count, uint64_t limit, const char *what)
{
	double start = cpu(), bytes = (double)bytes_sent(w);
	uint64_t took, deaths = world_deaths(w), up = 0;

	victims = calloc(size, sizeof(*victims));
	for (uint32_t left = count; left;) {
		uint32_t i = (uint32_t)rng_below(&w->rng, size);

		if (!w->nodes[i].up)
			continue;
		victims[i] = true;
		world_kill(w, i);
		left--;
	}
	for (uint32_t i = 0; i < size; i++)
		up += w->nodes[i].up;
	took = world_until(w, victims_dead, 120 * S);
	a_row(what, took, limit, ((double)bytes_sent(w) - bytes) / (double)up, start);
	deaths = world_deaths(w) - deaths;
	printf("# false deaths: %jd\n", (intmax_t)(deaths - up * count));
	ok(deaths <= up * count + (count > 1 ? up * count / 100 : 0));
	world_run(w, 10 * S);
	free(victims);
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void kills(struct world *w)
{
	uint64_t took[11], median = size > 100 ? 5 * S : 9 * S / 2;
	double start = cpu(), bytes = (double)bytes_sent(w);

	victims = calloc(size, sizeof(*victims));
	for (unsigned k = 0; k < 11; k++) {
		uint32_t i = (uint32_t)rng_below(&w->rng, size);

		while (!w->nodes[i].up)
			i = (i + 1) % size;
		victims[i] = true;
		world_kill(w, i);
		took[k] = world_until(w, victims_dead, 30 * S);
		world_run(w, 5 * S + rng_below(&w->rng, 3 * S));
	}
	qsort(took, 11, sizeof(took[0]), by_size);
	a_row("one killed until all know, median", took[5], median,
	      ((double)bytes_sent(w) - bytes) / size / 11, start);
	a_row("one killed until all know, 9 of 10", took[9], median + S, 0, start);
	free(victims);
}

static bool five_is_seen(const struct world *w)
{
	for (uint32_t i = 0; i < w->n; i++)
		if (i != 5 && world_state(w, i, 5) != SWIM_ALIVE)
			return false;
	return true;
}

/* A hundred node-hours, while a fifth of all messages is lost. */
static void lose_some(struct world *w)
{
	uint64_t deaths = world_deaths(w), time = 100 * 3600 * S / size;
	double start = cpu(), bytes = (double)bytes_sent(w);

	w->loss_permille = 200;
	world_run(w, time);
	w->loss_permille = 0;
	bytes = ((double)bytes_sent(w) - bytes) / seconds(time) / size;
	printf("# N = %u, 20 %% loss for 100 node-hours: %ju false deaths, %.0f IP bytes a second "
	       "and node, %.0f s of CPU here\n", size, (uintmax_t)(world_deaths(w) - deaths),
	       bytes, cpu() - start);
	eq_int(world_deaths(w), deaths);
}

static void the_rows_of_a_large_mesh(void)
{
	struct world w;
	double start;
	uint64_t bytes, took, since;

	join(&w, true);
	world_kill(&w, 5);
	world_run(&w, 20 * S);
	bytes = bytes_sent(&w);
	start = cpu();
	world_start(&w, 5, 5000);
	world_path(&w, 5, 0, MS);
	took = world_until(&w, five_is_seen, 20 * S);
	a_row("one joiner seen by all", took, size > MANY ? 3 * S / 2 : S,
	      (double)(bytes_sent(&w) - bytes) / size, start);
	since = w.now - took;
	ok(world_until(&w, world_full, 20 * S) != UINT64_MAX);
	printf("# N = %u, all views full, its own too: %.2f s\n", size, seconds(w.now - since));
	world_run(&w, 20 * S);
	bytes = bytes_sent(&w);
	start = cpu();
	world_run(&w, 60 * S);
	printf("# N = %u, idle: %.0f IP bytes a second and node, %.3f ms of CPU here\n", size,
	       (double)(bytes_sent(&w) - bytes) / 60 / size, (cpu() - start) / 60 / size * 1000);
	ok(bytes_sent(&w) - bytes <= UINT64_C(200) * 60 * size);
	if (size > MANY)
		lose_some(&w);
	kills(&w);
	if (size <= MANY)
		kill_many(&w, size / 10, 10 * S, "a tenth killed at once");
	world_free(&w);
	what_it_took();
}

static void half_of_a_large_mesh_dies(void)
{
	struct world w;

	if (size > MANY)
		return;
	join(&w, false);
	kill_many(&w, size / 2, 20 * S, "half killed at once");
	world_free(&w);
	what_it_took();
}

static void a_large_mesh_heals(void)
{
	struct world w;
	double start;
	uint64_t bytes, took;

	if (size > MANY)
		return;
	join(&w, false);
	for (uint32_t i = 0; i < size; i += 2)
		w.nodes[i].group = 1;
	world_run(&w, 60 * S);
	for (uint32_t i = 0; i < size; i++)
		w.nodes[i].group = 0;
	/* As core/nat does it: who was reached is asked, some of them a second. */
	for (uint32_t i = 0; i < size; i += 2)
		world_path(&w, i, 1 + 2 * (uint32_t)rng_below(&w.rng, size / 2),
			   rng_below(&w.rng, 2 * S));
	bytes = bytes_sent(&w);
	start = cpu();
	took = world_until(&w, world_full, 60 * S);
	a_row("half cut off for 60 s, healed", took, 10 * S,
	      (double)(bytes_sent(&w) - bytes) / size, start);
	world_free(&w);
	what_it_took();
}

TAP_TESTS(
	T(the_rows_of_a_large_mesh),
	T(half_of_a_large_mesh_dies),
	T(a_large_mesh_heals))
