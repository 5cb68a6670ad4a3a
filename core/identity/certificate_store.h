/* certificate_store.h - the newest verified certificate of each org and node.
 *
 * Bounded, and nothing is ever evicted: what nobody needs any more (it is over, its org is not
 * trusted, or has revoked the node) the caller removes.
 */
#ifndef IDENTITY_CERTIFICATE_STORE_H
#define IDENTITY_CERTIFICATE_STORE_H

#include "identity/certificate.h"

#define CERTIFICATE_NONE UINT32_MAX

enum certificate_put {
	CERTIFICATE_NEW,     /* taken; what it replaces, if anything, is gone */
	CERTIFICATE_SAME,    /* these very bytes are there */
	CERTIFICATE_OLDER,   /* a newer one is there */
	CERTIFICATE_FULL,    /* there is no room for it */
};

struct certificate_store;
/* Memory for so many certificates (at least 1): zeroed, aligned for uint64_t, touched only as far
 * as used. */
size_t certificate_store_size(uint32_t certificates);
struct certificate_store *certificate_store_init(void *memory, uint32_t certificates,
						 const uint8_t hash_key[16]);
/* Of one org and node the one that begins later stays; of two that begin together the one that ends
 * later; of two that end together, too, the greater bytes, so that all stores agree. Writes *slot
 * except for CERTIFICATE_FULL: of the one that is there now. */
enum certificate_put certificate_store_put(struct certificate_store *s,
					   const struct certificate *c, uint32_t *slot);
void certificate_store_remove(struct certificate_store *s, uint32_t slot);

/* Slots; CERTIFICATE_NONE if there is none. O(1). */
uint32_t certificate_store_find(const struct certificate_store *s, const struct public_key *org,
				const struct public_key *node);
uint32_t certificate_store_find_hash(const struct certificate_store *s,
				     const uint8_t hash[static SIGNED_HASH]);
/* The next slot in use after `slot`, rising; CERTIFICATE_NONE to start and at the end. */
uint32_t certificate_store_next(const struct certificate_store *s, uint32_t slot);
uint32_t certificate_store_count(const struct certificate_store *s);
uint32_t certificate_store_cap(const struct certificate_store *s);
/* Of a slot in use (else a BUG); valid until the next put or remove. */
const struct certificate *certificate_store_at(const struct certificate_store *s, uint32_t slot);
const uint8_t *certificate_store_hash(const struct certificate_store *s, uint32_t slot);

#endif
