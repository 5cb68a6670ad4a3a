/* memberlist_world.h - nodes of sim/memberlist.h on the simulator's own queue, links and chance,
 * and the rows that were measured with real serf processes of the same number.
 *
 * What is compared with anything has to reproduce these rows first. Loss and pauses are not here:
 * for them only the real serf counts (docs/membership.md).
 */
#ifndef SIM_MEMBERLIST_WORLD_H
#define SIM_MEMBERLIST_WORLD_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum ml_row {
	ML_ROW_JOIN, ML_ROW_SUSPECT, ML_ROW_FIRST, ML_ROW_ALL, ML_ROW_LEAVE, ML_ROW_REJOIN,
	ML_ROW_IDLE, ML_ROWS,
};

#define ML_SAMPLES 160u
#define ML_TOLERANCE 0.15

struct ml_rows {
	uint32_t nodes, seeds;
	double sample[ML_ROWS][ML_SAMPLES]; /* in order after ml_measure */
	uint32_t samples[ML_ROWS];
	uint64_t hash;           /* of all that was believed, and when */
};

/* Worlds of `nodes` (4..ML_MAX), 32 small ones or 16 large ones, from seed `first` on. */
void ml_measure(struct ml_rows *r, uint32_t nodes, uint64_t first);
/* The median; of joint starts the mean of the middle half, because their times gather at ticks of
 * gossip and a single one was measured. */
double ml_typical(const struct ml_rows *r, enum ml_row row);
/* False when something was measured with so many processes, and what is typical here is farther
 * off than ML_TOLERANCE. */
bool ml_reproduced(const struct ml_rows *r, enum ml_row row);
void ml_print(const struct ml_rows *r, FILE *out);

#endif
