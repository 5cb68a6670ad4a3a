/* link.h - what becomes of one datagram between two machines; one direction.
 *
 * Pure: quality, chance and time come in, the fate comes out. A datagram is lost, or arrives once
 * or twice, each copy after its own delay, perhaps damaged. `rate` makes a queue of at most
 * LINK_QUEUE; what would wait longer is lost.
 */
#ifndef SIM_LINK_H
#define SIM_LINK_H

#include "base/instant.h"
#include "base/rng.h"

#define LINK_QUEUE span_ms(200)
#define LINK_HOLD_MS 100u    /* a reordered datagram is held back by up to so much */

struct link_quality {
	struct span delay, jitter;   /* delay..delay + jitter, each datagram its own */
	uint32_t loss, duplicate, reorder, corrupt; /* permille */
	uint32_t mtu;                /* bytes of an IP packet; larger ones vanish; 0: no limit */
	uint64_t rate;               /* bytes a second; 0: no limit */
	bool cut;                    /* nothing passes */
};

struct link_fate {
	unsigned copies;             /* 0..2 */
	struct instant at[2];
	uint32_t damage[2];          /* 0: none; else the bit that is flipped, plus 1 */
};

/* *free: when the queue of this direction is empty again; only `rate` uses it. `ip_bytes` with all
 * headers, `payload` what damage can hit. */
void link_carry(const struct link_quality *q, struct instant *free, struct rng *rng,
		struct instant now, uint32_t ip_bytes, uint32_t payload, struct link_fate *out);

#endif
