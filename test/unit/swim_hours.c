/* Hours at 20 % loss both ways, N = 100 and 1,000, and nobody who lives is declared dead by
 * anybody. (N = 10, a hundred node-hours: swim_loss.)
 *
 * In `make check` 100 nodes for 3 minutes, which is 5 node-hours. `make sim-hours` sets SWIM_HOURS
 * to "nodes hours", in all; the goal is 100 node-hours for each size. */
#include "swim_world.h"
#include "verify_once.h"

static void no_false_death_at_20_percent_loss(void)
{
	const char *text = getenv("SWIM_HOURS");
	unsigned long nodes = 100, hours = 5;
	uint64_t bytes = 0, suspicions = 0, seconds;
	struct world w;
	char *end;

	if (text) {
		nodes = strtoul(text, &end, 10);
		hours = strtoul(end, NULL, 10);
	}
	seconds = hours * 3600 / nodes;
	world_init(&w, (uint32_t)nodes, 2024);
	world_join_all(&w);
	ok(world_until(&w, world_full, 60 * S) != UINT64_MAX);
	world_run(&w, 20 * S);
	for (uint32_t i = 0; i < w.n; i++)
		bytes -= w.nodes[i].bytes;
	w.loss_permille = 200;
	world_run(&w, seconds * S);
	eq_int(world_deaths(&w), 0);
	for (uint32_t i = 0; i < w.n; i++) {
		bytes += w.nodes[i].bytes;
		suspicions += swim_counters(w.nodes[i].swim)->suspicions;
	}
	printf("# N = %lu, %lu node-hours: %ju false deaths, %ju suspicions, %.0f IP bytes "
	       "a second and node\n",
	       nodes, hours, (uintmax_t)world_deaths(&w), (uintmax_t)suspicions,
	       (double)bytes / (double)(seconds * nodes));
	w.loss_permille = 0;
	ok(world_until(&w, world_full, 10 * S) != UINT64_MAX);
	world_free(&w);
}

TAP_TESTS(
	T(no_false_death_at_20_percent_loss))
