/* timestamp.h - TAI64N as initiations carry it (section 5.1): strictly rising, coarse. */
#ifndef WG_TIMESTAMP_H
#define WG_TIMESTAMP_H

#include "wg/wg.h"

/* The wall clock, rounded down to 2^24 ns (about 17 ms), so that it tells little about the
 * machine's clock. */
struct tai64n tai64n_of(struct wall wall);
/* One nanosecond later; the highest value stays. */
struct tai64n tai64n_after(struct tai64n t);
bool tai64n_before(const struct tai64n *a, const struct tai64n *b);
/* What to send next: later than both `last` and `floor`, and not before the clock. */
struct tai64n tai64n_next(struct wall wall, struct tai64n last, struct tai64n floor);

#endif
