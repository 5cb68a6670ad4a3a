/* trust.h - who is admitted, and why; the numbering of peers.
 *
 * Each admitted key has a slot, 0..members-1, that every room of this node uses for it. The shell
 * gives the whole trust store again whenever it changed; keys that are not in it any more lose
 * their slot.
 */
#ifndef IDENTITY_TRUST_H
#define IDENTITY_TRUST_H

#include "base/bug.h"
#include "base/limits.h"
#include "base/bytes.h"

#define TRUST_NONE UINT32_MAX

enum admission { ADMIT_NO, ADMIT_AUTHORIZED /* certificate, vouch and open: a later issue */ };

enum trust_result {
	TRUST_NEW,       /* a slot was given */
	TRUST_SAME,      /* was there before, perhaps under another name */
	TRUST_OWN_KEY,   /* refused: it is ours */
	TRUST_TWIN,      /* refused: another key, or ours, has the same X25519 key */
	TRUST_INVALID,   /* refused: not a valid point */
	TRUST_FULL,      /* refused: no slot is free */
};

struct trust;
/* Memory for that many keys: zeroed, aligned for uint64_t, touched only as far as used. */
size_t trust_size(uint32_t members);
/* `own` must be valid (BUG): it comes from secret_key_parse. */
struct trust *trust_init(void *memory, uint32_t members, const uint8_t hash_key[16],
			 const struct public_key *own);
/* Between begin and end the store is given anew; until end nothing is removed. */
void trust_begin(struct trust *t);
/* One entry of the store; writes *slot for TRUST_NEW and TRUST_SAME only. The name must be valid
 * (name_valid; else a BUG). Of several names for one key the first of a round counts; between
 * rounds a key takes its new name. Of several keys with one name, which a store of files cannot
 * give, the first of a round is found by it and the others are admitted with the name as a mere
 * label. TRUST_TWIN and TRUST_FULL can be due to keys that are about to go: after trust_remove of
 * the stale ones, adding again tells. twin: the key's X25519 twin where the caller has it (from
 * ed25519_to_dh_public, 70 us); NULL: it is found here, and only then TRUST_INVALID can be. */
enum trust_result trust_add(struct trust *t, const struct public_key *key,
			    const struct dh_public *twin, const char *name, uint32_t *slot);
/* The next slot (after `slot`, TRUST_NONE to start) that was not given again; the caller tells the
 * other rooms and then trust_remove()s it. TRUST_NONE: done. */
uint32_t trust_stale(const struct trust *t, uint32_t slot);
void trust_remove(struct trust *t, uint32_t slot);

/* Slots by key, name, X25519 twin; TRUST_NONE: nobody's, or our own. O(1). */
uint32_t trust_find(const struct trust *t, const struct public_key *key);
uint32_t trust_find_name(const struct trust *t, const char *name);
uint32_t trust_find_dh(const struct trust *t, const struct dh_public *dh);
/* The next slot in use after `slot`, rising; TRUST_NONE to start and at the end. */
uint32_t trust_next(const struct trust *t, uint32_t slot);
uint32_t trust_count(const struct trust *t);
/* Of a slot in use (else a BUG); valid until it is removed, a name until the next trust_add. */
const struct public_key *trust_key(const struct trust *t, uint32_t slot);
const struct dh_public *trust_dh(const struct trust *t, uint32_t slot);
const char *trust_name(const struct trust *t, uint32_t slot);
/* ADMIT_NO for a slot that is not in use. */
enum admission trust_admission(const struct trust *t, uint32_t slot);

#endif
