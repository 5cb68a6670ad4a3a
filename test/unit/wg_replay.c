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
