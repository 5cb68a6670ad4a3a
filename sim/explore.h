/* explore.h - random worlds: from a seed a scenario of faults, a calm, and what must hold then.
 *
 * A failure is replayed exactly by its seed, and shrunk by leaving out one fault after the other as
 * long as it still fails. What remains is a scenario like any other.
 */
#ifndef SIM_EXPLORE_H
#define SIM_EXPLORE_H

#include "sim/scenario.h"

/* The scenario of that seed; the caller frees it. */
char *explore_scenario(uint64_t seed);
/* Runs it in a process of its own, so that a BUG is one failure more. */
bool explore_run(const char *text, uint64_t seed, struct scenario_result *out);
/* The same without the faults that do not matter; NULL when it does not fail. */
char *explore_shrink(const char *text, uint64_t seed);
/* Worlds first..first + n - 1; prints each failure, shrunk; the number of failures. */
unsigned explore(uint64_t first, uint64_t n, const char *commit);

#endif
