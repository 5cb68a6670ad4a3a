/* statement_store.h - the newest verified statement of each issuer, kind and subject.
 *
 * Bounded, and nothing is ever evicted: a revocation that somebody pushes out would be undone.
 * Revocations may use every slot, the other kinds together at most half of them, so that vouches
 * cannot keep revocations out. Of one issuer two successors are kept, for two mean none and a third
 * says nothing more. What nobody needs any more (an issuer whose word no longer counts) the caller
 * removes.
 */
#ifndef IDENTITY_STATEMENT_STORE_H
#define IDENTITY_STATEMENT_STORE_H

#include "identity/statement.h"

#define STATEMENT_NONE UINT32_MAX

enum statement_put {
	STATEMENT_NEW,     /* taken; what it replaces, if anything, is gone */
	STATEMENT_SAME,    /* these very bytes are there */
	STATEMENT_OLDER,   /* a higher number is there */
	STATEMENT_FULL,    /* there is no room for it */
};

struct statement_store;
/* Memory for so many statements (at least 2): zeroed, aligned for uint64_t, touched only as far as
 * used. */
size_t statement_store_size(uint32_t statements);
struct statement_store *statement_store_init(void *memory, uint32_t statements,
					     const uint8_t hash_key[16]);
/* Of one issuer, kind and subject the highest number stays; of equal numbers, which an issuer
 * should not give, the greater bytes, so that all stores agree. Writes *slot except for
 * STATEMENT_FULL: of the one that is there now. */
enum statement_put statement_store_put(struct statement_store *s, const struct statement *statement,
				       uint32_t *slot);
void statement_store_remove(struct statement_store *s, uint32_t slot);

/* Slots; STATEMENT_NONE if there is none. O(1). */
uint32_t statement_store_find(const struct statement_store *s, enum statement_kind kind,
			      const struct public_key *issuer, const struct public_key *subject);
uint32_t statement_store_find_hash(const struct statement_store *s,
				   const uint8_t hash[static SIGNED_HASH]);
/* The successor of a key; with *disputed there are two, which mean none: this is one of them. */
uint32_t statement_store_successor(const struct statement_store *s, const struct public_key *issuer,
				   bool *disputed);
/* The next slot in use after `slot`, rising; STATEMENT_NONE to start and at the end. */
uint32_t statement_store_next(const struct statement_store *s, uint32_t slot);
uint32_t statement_store_count(const struct statement_store *s);
uint32_t statement_store_cap(const struct statement_store *s);
/* Of a slot in use (else a BUG); valid until the next put or remove. */
const struct statement *statement_store_at(const struct statement_store *s, uint32_t slot);
const uint8_t *statement_store_hash(const struct statement_store *s, uint32_t slot);

#endif
