/* random.h - random bytes for keys and nonces from entropy that the shell gave.
 *
 * ChaCha20 with fast key erasure: what was given out cannot be computed from the
 * state afterwards. The shell mixes fresh entropy in at each turn of its loop, so a
 * restored snapshot of the machine does not repeat a stream; a simulator mixes its seed.
 */
#ifndef CRYPTO_RANDOM_H
#define CRYPTO_RANDOM_H

#include "base/bytes.h"

struct random { struct sym_key key; };

void random_init(struct random *r, const uint8_t entropy[32]);
void random_mix(struct random *r, const uint8_t entropy[32]);
void random_bytes(struct random *r, void *out, size_t len);
uint32_t random_u32(struct random *r);
uint64_t random_u64(struct random *r);

#endif
