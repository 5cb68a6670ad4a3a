/* replay.h - which counters of one session were seen (paper, 5.4.6; RFC 6479).
 *
 * A window of 8192 bits trails the highest counter. Datagrams of one session may arrive
 * in any order within it; older or repeated ones are refused.
 */
#ifndef WG_REPLAY_H
#define WG_REPLAY_H

#include "base/bug.h"

#include <stdbool.h>
#include <stdint.h>

#define REPLAY_BITS 8192u
#define REPLAY_BLOCK 64u
/* How far behind the highest counter one may be; one block is lost to moving by whole blocks. */
#define REPLAY_WINDOW (REPLAY_BITS - REPLAY_BLOCK)
/* The first counter that is never accepted: REJECT_AFTER_MESSAGES, 2^64 - 2^13 - 1. */
#define REPLAY_REJECT (UINT64_MAX - REPLAY_BITS)

struct replay {
	uint64_t highest;                      /* of the counters seen; 0 before the first */
	uint64_t bits[REPLAY_BITS / REPLAY_BLOCK]; /* ring of blocks: bit c mod 8192 */
};

void replay_init(struct replay *r);
/* True the first time that the counter is seen inside the window; it counts as seen from then
 * on. Call it only for authentic datagrams: whoever moves the window shuts out older ones. */
bool replay_check_and_update(struct replay *r, uint64_t counter) must_check;

#endif
