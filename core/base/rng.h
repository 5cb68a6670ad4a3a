/* rng.h - a seeded stream for jitter, shuffles and choices; never for keys.
 *
 * xoshiro256**; the caller gives the seed, so a simulated run repeats exactly.
 */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stdint.h>

struct rng { uint64_t s[4]; };

void rng_init(struct rng *r, uint64_t seed); /* any seed, also 0 */
uint64_t rng_u64(struct rng *r);
/* Uniform in 0..below-1 without bias; below > 0. */
uint64_t rng_below(struct rng *r, uint64_t below);

#endif
