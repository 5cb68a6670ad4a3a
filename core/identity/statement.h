/* statement.h - what an issuer says about a subject, for ever or until it says more: revocation,
 * vouch, alias, key successor.
 *
 * One kind of object with one verifier. Each kind signs a context string of its own, so none passes
 * as another. A claim is decoded, a statement is verified; only statement_verify (and
 * statement_sign) make the second, and every function that changes state takes the second. Whether
 * the issuer's word counts is the question of core/identity/trust. Bytes: docs/protocol.md,
 * "Signed statements".
 */
#ifndef IDENTITY_STATEMENT_H
#define IDENTITY_STATEMENT_H

#include "base/limits.h"
#include "identity/signed.h"

enum statement_kind {
	STATEMENT_REVOCATION = 1,  /* the issuer, an org, lets the subject's key in no more */
	STATEMENT_VOUCH = 2,       /* who trusts the issuer, an org, may let the subject in */
	STATEMENT_ALIAS = 3,       /* the issuer, an org, calls the subject, or itself, by a name */
	STATEMENT_SUCCESSOR = 4,   /* the issuer's new key is the subject; both sign */
};
#define STATEMENT_KINDS 4u

enum revocation_reason { REVOKED_UNSPECIFIED, REVOKED_KEY_COMPROMISED, REVOKED_ADMIN_REMOVED };
#define REVOCATION_REASONS 3u

struct statement_body {
	enum statement_kind kind;
	struct public_key issuer;
	struct public_key subject;     /* another than the issuer; of an alias perhaps the same */
	uint64_t number;               /* from 1; the highest counts: of issuer, subject, kind */
	uint64_t issued;               /* unix seconds */
	/* of one kind each; the others are zero */
	enum revocation_reason reason;
	char name[MAX_NAME + 1];       /* alias: name_valid */
	uint64_t until;                /* successor: unix seconds at which the old key ends */
};

struct statement_claim {
	struct statement_body body;
	uint16_t len;
	uint8_t wire[MAX_STATEMENT];
};
struct statement { /* verified */
	struct statement_body body;
	uint16_t len;
	uint8_t wire[MAX_STATEMENT];
};

/* Length of the statement that starts here, from its own header; 0 if malformed or cut short. */
size_t statement_length(struct bytes wire);
/* Exactly one statement in `wire`; checks lengths, ranges, name, canonical form. *out is a claim
 * only if it returns true. */
bool statement_decode(struct bytes wire, struct statement_claim *out) must_check;
/* The signature of the issuer, and of a successor also that of the subject, over valid points;
 * false too where both share an X25519 twin, unless an alias is an org's of itself. */
bool statement_verify(const struct statement_claim *claim, struct statement *out) must_check;
/* Of a claim whose issuer's key is known to be valid, as that of a trusted org is: the same, for
 * two thirds of the work. Not for successors (BUG). */
bool statement_verify_of_known(const struct statement_claim *claim, struct statement *out)
	must_check;
/* The signatures alone, for two fifths of the work: for who hands the bytes to somebody that will
 * verify them. */
bool statement_is_signed(const struct statement_claim *claim) must_check;
/* `issuer` must be the secret of body->issuer (BUG). `subject`: that of body->subject, for a
 * successor, else NULL (BUG). False if others would refuse it. */
bool statement_sign(const struct statement_body *body, const struct secret_key *issuer,
		    const struct secret_key *subject, struct statement *out) must_check;
/* For gossip: names these very bytes; never all zero. */
void statement_hash(const struct statement *s, uint8_t out[static SIGNED_HASH]);

/* "revocation", "vouch", "alias", "successor" */
const char *statement_kind_name(enum statement_kind kind);
/* "unspecified", "key-compromised", "admin-removed" */
const char *revocation_reason_name(enum revocation_reason reason);

#endif
