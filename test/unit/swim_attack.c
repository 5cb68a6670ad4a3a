/* Attacks on the failure detector from without its messages: silence. */
#include "swim_world.h"

#define ROOMS 60u
#define SILENT 50u

/* Fifty withhold their answers at once, so that many suspicions end together. */
static void attack_05_of_sixty_fifty_fall_silent_and_each_is_given_up_by_its_own_name(void)
{
	struct world w;

	world_init(&w, ROOMS, 5);
	world_join_all(&w);
	ok(world_until(&w, world_full, 20 * S) != UINT64_MAX);
	world_run(&w, 5 * S);
	for (uint32_t i = ROOMS - SILENT; i < ROOMS; i++)
		world_kill(&w, i);
	world_run(&w, 60 * S);
	for (uint32_t i = 0; i < ROOMS - SILENT; i++) {
		eq_int(w.nodes[i].deaths, SILENT);
		for (uint32_t k = 0; k < ROOMS; k++) {
			bool silent = k >= ROOMS - SILENT;

			eq_int(w.nodes[i].dead_at[k] != 0, silent);
			if (k != i)
				eq_int(world_state(&w, i, k), silent ? SWIM_DEAD : SWIM_ALIVE);
		}
	}
	world_free(&w);
}

TAP_TESTS(
	T(attack_05_of_sixty_fifty_fall_silent_and_each_is_given_up_by_its_own_name))
