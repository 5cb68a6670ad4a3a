/* contexts.h - makes what the crypto room may not make itself: library contexts. */
#ifndef LINUX_CONTEXTS_H
#define LINUX_CONTEXTS_H

#include "crypto/contexts.h"

#include <stdbool.h>

/* Starts the libraries and allocates the contexts of one thread; call crypto_use() next.
 * with_batches: for who seals and opens packets; also what crypto/aead_batch.h is fast by, if there
 * is such a thing and it agrees with libcrypto. 0, or a negative errno with *out all zero. May be
 * called from any thread. */
int crypto_contexts_make(struct crypto_contexts *out, bool with_batches);
/* Wipes and frees them; *c is all zero afterwards. */
void crypto_contexts_free(struct crypto_contexts *c);

#endif
