/* trust.h - who is admitted, and why; the numbering of peers.
 *
 * Each admitted key has a slot, 0..members-1, that every room of this node uses for it. The shell gives
 * the whole trust store again whenever it changed; keys that are not in it any more lose their slot.
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
	TRUST_FULL,
};

struct trust;
size_t trust_size(uint32_t members);
struct trust *trust_init(void *memory, uint32_t members, const uint8_t hash_key[16],
			 const struct public_key *own);
/* Between begin and end the store is given anew; until end nothing is removed. */
void trust_begin(struct trust *t);
enum trust_result trust_add(struct trust *t, const struct public_key *key, const char *name,
			    uint32_t *slot);
/* The next slot (after `slot`, TRUST_NONE to start) that was not given again; the caller tells the
 * other rooms and then trust_remove()s it. TRUST_NONE: done. */
uint32_t trust_stale(const struct trust *t, uint32_t slot);
void trust_remove(struct trust *t, uint32_t slot);

uint32_t trust_find(const struct trust *t, const struct public_key *key);
uint32_t trust_find_name(const struct trust *t, const char *name);
uint32_t trust_find_dh(const struct trust *t, const struct dh_public *dh);
/* The next slot in use after `slot`, rising; TRUST_NONE to start and at the end. */
uint32_t trust_next(const struct trust *t, uint32_t slot);
uint32_t trust_count(const struct trust *t);
const struct public_key *trust_key(const struct trust *t, uint32_t slot);
const struct dh_public *trust_dh(const struct trust *t, uint32_t slot);
const char *trust_name(const struct trust *t, uint32_t slot);
enum admission trust_admission(const struct trust *t, uint32_t slot);

#endif
