/* replay.c - the window moves by whole blocks of 64 counters (RFC 6479).
 *
 * The ring holds the block of the highest counter and the 127 before it. Moving forward
 * clears the blocks that come into use, never bits; the price is that only the last 8128
 * counters are sure to be in the ring, wherever in its block the highest one lies. So
 * exactly those are judged, and the window does not depend on the alignment.
 */
#include "wg/replay.h"

#include <string.h>

#define BLOCKS (REPLAY_BITS / REPLAY_BLOCK)

void replay_init(struct replay *r)
{
	memset(r, 0, sizeof(*r));
}

static void move_to(struct replay *r, uint64_t counter)
{
	uint64_t from = r->highest / REPLAY_BLOCK;
	uint64_t blocks = counter / REPLAY_BLOCK - from;

	if (blocks > BLOCKS)
		blocks = BLOCKS;
	for (uint64_t i = 1; i <= blocks; i++)
		r->bits[(from + i) % BLOCKS] = 0;
	r->highest = counter;
}

bool replay_check_and_update(struct replay *r, uint64_t counter)
{
	if (counter >= REPLAY_REJECT)
		return false;
	if (counter > r->highest)
		move_to(r, counter);
	else if (r->highest - counter > REPLAY_WINDOW)
		return false;

	uint64_t *block = &r->bits[counter / REPLAY_BLOCK % BLOCKS];
	uint64_t bit = UINT64_C(1) << counter % REPLAY_BLOCK;

	if (*block & bit)
		return false;
	*block |= bit;
	return true;
}
