/* instant.h - points on the boot clock and spans between them; nanoseconds.
 *
 * The core never reads a clock: an instant comes in as an argument, read once per
 * turn of the loop. INSTANT_NEVER is later than every instant. Arithmetic saturates.
 */
#ifndef BASE_INSTANT_H
#define BASE_INSTANT_H

#include <stdbool.h>
#include <stdint.h>

struct instant { uint64_t ns; }; /* CLOCK_BOOTTIME; 0 means "did not happen yet" */
struct span { uint64_t ns; };

#define INSTANT_NEVER ((struct instant){ UINT64_MAX })
#define INSTANT_ZERO ((struct instant){ 0 })

static inline struct span span_ms(uint64_t ms) { return (struct span){ ms * 1000000u }; }
static inline struct span span_s(uint64_t s) { return (struct span){ s * 1000000000u }; }
static inline uint64_t span_in_ms(struct span d) { return d.ns / 1000000u; }
static inline uint64_t span_in_s(struct span d) { return d.ns / 1000000000u; }

static inline struct instant instant_add(struct instant t, struct span d)
{
	return (struct instant){ t.ns > UINT64_MAX - d.ns ? UINT64_MAX : t.ns + d.ns };
}
/* later - earlier; zero if earlier is not earlier. */
static inline struct span instant_since(struct instant later, struct instant earlier)
{
	return (struct span){ later.ns > earlier.ns ? later.ns - earlier.ns : 0 };
}
static inline bool instant_before(struct instant a, struct instant b) { return a.ns < b.ns; }
/* True when t has come: t <= now. */
static inline bool instant_reached(struct instant t, struct instant now) { return t.ns <= now.ns; }
static inline struct instant instant_min(struct instant a, struct instant b)
{
	return a.ns < b.ns ? a : b;
}
static inline bool instant_is_set(struct instant t) { return t.ns != 0; }

/* Wall clock: only certificates, tokens and TAI64N look at it. */
struct wall { uint64_t s; uint32_t ns; }; /* since 1970-01-01 UTC */

/* Both clocks, read together once per turn of the loop. */
struct moment {
	struct instant boot;
	struct wall wall;
};

#endif
