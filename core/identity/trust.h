/* trust.h - who is admitted, and why; the numbering of peers.
 *
 * Each admitted key has a slot, 0..members-1, that every room of this node uses for it. The shell
 * gives the whole trust store again whenever it changed; keys that are not in it any more lose
 * their slot, unless an org lets them in.
 *
 * Who is in is asked in this order (design, section 3): a local denial; the trust store; a valid
 * certificate of a trusted org that has not revoked the key; a vouch of such an org; open, unless
 * a trusted org has revoked the key. What orgs revoke does not touch who is in the trust store.
 */
#ifndef IDENTITY_TRUST_H
#define IDENTITY_TRUST_H

#include "identity/certificate.h"
#include "identity/statement_store.h"

#define TRUST_NONE UINT32_MAX
#define TRUST_ORGS 64u     /* orgs that can be trusted */
#define TRUST_DENIALS 4096u /* denials at most; not more than members */
#define TRUST_MEMBERSHIPS 4u /* orgs whose certificates are kept of one key */

/* Of those that are admitted the lower counts more. */
enum admission { ADMIT_NO, ADMIT_AUTHORIZED, ADMIT_ORG, ADMIT_VOUCHED, ADMIT_OPEN, ADMIT_DENIED };

enum trust_result {
	TRUST_NEW,       /* a slot was given */
	TRUST_SAME,      /* was there before, perhaps under another name */
	TRUST_OWN_KEY,   /* refused: it is ours */
	TRUST_TWIN,      /* refused: another key, or ours, has the same X25519 key */
	TRUST_INVALID,   /* refused: not a valid point */
	TRUST_FULL,      /* refused: no slot is free */
	TRUST_REFUSED,   /* refused: it is denied, or nothing admits it */
};

struct trust;
/* Memory for that many keys: zeroed, aligned for uint64_t, touched only as far as used. */
size_t trust_size(uint32_t members);
/* `own` must be valid (BUG): it comes from secret_key_parse. */
struct trust *trust_init(void *memory, uint32_t members, const uint8_t hash_key[16],
			 const struct public_key *own);
/* What orgs said, borrowed; NULL, as at first: nothing. Open admits every key, as `up --open`. */
void trust_use(struct trust *t, const struct statement_store *statements, bool open);

/* Between begin and end the store is given anew: denials and orgs first, then keys. Until end
 * nothing is removed. */
void trust_begin(struct trust *t);
/* A key that is kept out, whatever admits it. TRUST_NEW, TRUST_SAME or TRUST_FULL: then orgs and
 * open admit nobody until a round in which all fit. */
enum trust_result trust_deny(struct trust *t, const struct public_key *key);
/* Not all that is to keep others out could be read: the same, for this round. */
void trust_deny_unknown(struct trust *t);
uint32_t trust_denied_count(const struct trust *t);
/* An org; of several names for one the first of a round counts. The name must be valid (BUG).
 * TRUST_NEW, TRUST_SAME, TRUST_INVALID, TRUST_FULL. */
enum trust_result trust_add_org(struct trust *t, const struct public_key *key, const char *name);
/* One entry of the store; writes *slot for TRUST_NEW and TRUST_SAME only. The name must be valid
 * (name_valid; else a BUG). Of several names for one key the first of a round counts; between
 * rounds a key takes its new name. Of several keys with one name, which a store of files cannot
 * give, the first of a round is found by it and the others are admitted with the name as a mere
 * label. TRUST_TWIN and TRUST_FULL can be due to keys that are about to go: after trust_remove of
 * the stale ones, adding again tells. twin: the key's X25519 twin where the caller has it (from
 * ed25519_to_dh_public, 70 us); NULL: it is found here, and only then TRUST_INVALID can be. */
enum trust_result trust_add(struct trust *t, const struct public_key *key,
			    const struct dh_public *twin, const char *name, uint32_t *slot);
/* That org signed something at that moment, in unix seconds: for what it says of others it is not
 * earlier now, whatever the clock says. False: that is no news, or it is not trusted. */
bool trust_org_time(struct trust *t, const struct public_key *org, uint64_t seconds);
/* So many seconds passed since, for all orgs: their time goes on where a clock stands still. */
void trust_pass(struct trust *t, uint64_t seconds);
/* The latest of all orgs' times and now. */
uint64_t trust_newest(const struct trust *t, uint64_t now);
/* Forgets orgs and denials that were not given again, and judges every slot (trust_judge). A store
 * of keys alone does not need it. */
void trust_end(struct trust *t, uint64_t now);

/* --- by orgs; `now` in unix seconds, as of certificate_validity */

/* A key with its certificate. It keeps the slot that it has, with the certificate of the two of one
 * org that began later; of a fifth org it takes the place of one that is good no more, or none. The
 * certificate's name is a label:
 * trust_find_name finds the trust store's names alone. One that the trust store gave stays as such
 * a label when it is taken back, until the certificate is shown again. At most three quarters of
 * the slots go to keys that are not in the trust store. */
enum trust_result trust_admit_certificate(struct trust *t, const struct certificate *c,
					  uint64_t now, uint32_t *slot);
/* The same without a certificate: vouched for, or open. Its label is name_default. */
enum trust_result trust_admit_key(struct trust *t, const struct public_key *key, uint64_t now,
				  uint32_t *slot);
/* Who would be admitted, and why; nothing changes. c: NULL, or of this key (else a BUG). */
enum admission trust_would_admit(const struct trust *t, const struct public_key *key,
				 const struct certificate *c, uint64_t now);
/* Judges every slot anew: after a statement that was new, and when trust_expiry comes. */
void trust_judge(struct trust *t, uint64_t now);
/* The same for one in use: something was said about its key. */
void trust_judge_slot(struct trust *t, uint32_t slot, uint64_t now);
/* The first moment at which a certificate ends that admits somebody, as of the last judging;
 * UINT64_MAX: none. */
uint64_t trust_expiry(const struct trust *t);

/* The next slot (after `slot`, TRUST_NONE to start) that was not given again, or is not admitted
 * any more; the caller tells the other rooms and then trust_remove()s it. TRUST_NONE: done. */
uint32_t trust_stale(const struct trust *t, uint32_t slot);
void trust_remove(struct trust *t, uint32_t slot);

/* Slots by key, name, X25519 twin; TRUST_NONE: nobody's, or our own. O(1). */
uint32_t trust_find(const struct trust *t, const struct public_key *key);
uint32_t trust_find_name(const struct trust *t, const char *name);
uint32_t trust_find_dh(const struct trust *t, const struct dh_public *dh);
/* The next slot in use after `slot`, rising; TRUST_NONE to start and at the end. */
uint32_t trust_next(const struct trust *t, uint32_t slot);
uint32_t trust_count(const struct trust *t);
/* Of a slot in use (else a BUG); valid until it is removed, a name until the next change. */
const struct public_key *trust_key(const struct trust *t, uint32_t slot);
const struct dh_public *trust_dh(const struct trust *t, uint32_t slot);
const char *trust_name(const struct trust *t, uint32_t slot);
/* True where another slot of the same org has that label, too. O(1). */
bool trust_label_is_shared(const struct trust *t, uint32_t slot);
/* ADMIT_NO for a slot that is not in use. */
enum admission trust_admission(const struct trust *t, uint32_t slot);
/* The numbers of the orgs whose certificates of this slot were good when it was last judged, also
 * where the trust store admits the key; in the order in which they came. Returns how many. */
unsigned trust_orgs_of(const struct trust *t, uint32_t slot,
		       uint32_t out[static TRUST_MEMBERSHIPS]);
/* The org in whose certificate the label of this slot stands; TRUST_NONE: in none. */
uint32_t trust_label_org(const struct trust *t, uint32_t slot);
/* When the last of those certificates ends, in unix seconds; 0: there is none. */
uint64_t trust_member_until(const struct trust *t, uint32_t slot);

/* The trusted orgs are numbered 0..count-1, anew in each round. */
uint32_t trust_org_count(const struct trust *t);
uint32_t trust_find_org(const struct trust *t, const struct public_key *key); /* or TRUST_NONE */
const struct public_key *trust_org_key(const struct trust *t, uint32_t org);
/* The name that it was given here, which is that of its service rules. */
const char *trust_org_name(const struct trust *t, uint32_t org);
/* What people call it: that, or its alias (identity/org_name.h). */
const char *trust_org_called(const struct trust *t, uint32_t org);
/* After an alias was put into the store of statements; trust_end does it, too. True: some org is
 * called otherwise now. */
bool trust_name_orgs(struct trust *t);

#endif
