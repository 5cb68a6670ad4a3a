/* certificate.h - an org's word that a key is a node of its own, for a time.
 *
 * A claim is decoded, a certificate is verified; only certificate_verify (and certificate_sign)
 * make the second. Whether the org is trusted, and has not revoked the node since, is the question
 * of core/identity/trust. A certificate is public: it proves nothing about who shows it.
 * Bytes: docs/protocol.md, "Certificate".
 */
#ifndef IDENTITY_CERTIFICATE_H
#define IDENTITY_CERTIFICATE_H

#include "base/limits.h"
#include "identity/signed.h"

#define CERTIFICATE_GROUPS 8u

struct certificate_body {
	struct public_key org;         /* who signs */
	struct public_key node;
	uint64_t not_before;           /* unix seconds: the moment of signing */
	uint64_t expires;              /* unix seconds: the first at which it is over */
	uint16_t flags;                /* none is defined; unknown bits are kept */
	char name[MAX_NAME + 1];       /* name_valid */
	uint8_t group_count;
	char groups[CERTIFICATE_GROUPS][MAX_NAME + 1]; /* name_valid, rising, no two alike */
};

struct certificate_claim {
	struct certificate_body body;
	uint16_t len;
	uint8_t wire[MAX_CERTIFICATE];
};
struct certificate { /* verified */
	struct certificate_body body;
	uint16_t len;
	uint8_t wire[MAX_CERTIFICATE];
};

/* Exactly one certificate in `wire`; checks lengths, names, order of the groups, that it begins
 * before it ends, canonical form. *out is a claim only if it returns true. */
bool certificate_decode(struct bytes wire, struct certificate_claim *out) must_check;
/* The signature of the org that it names, over valid points; false too where the node's key is the
 * org's own, or has the same X25519 twin. */
bool certificate_verify(const struct certificate_claim *claim,
			struct certificate *out) must_check;
/* Signs as the org; body->org must be the secret's (BUG). False if it does not fit MAX_CERTIFICATE,
 * or if others would refuse it. */
bool certificate_sign(const struct certificate_body *body, const struct secret_key *secret,
		      struct certificate *out) must_check;
/* As the node record carries it; never all zero. */
void certificate_hash(const struct certificate *c, uint8_t out[static SIGNED_HASH]);

/* `now` in unix seconds: the latest of the clock, the build time and the newest issue time verified
 * so far (design, section 3). */
enum validity_state { VALIDITY_NOT_YET, VALIDITY_GOOD, VALIDITY_EXPIRED };
struct validity {
	enum validity_state state;
	uint64_t seconds;      /* until it begins, until it ends, since it ended */
};
struct validity certificate_validity(const struct certificate *c, uint64_t now);

#endif
