/* curve.h - X25519 (RFC 7748), Ed25519 (RFC 8032), and the map between their keys. */
#ifndef CRYPTO_CURVE_H
#define CRYPTO_CURVE_H

#include "base/bytes.h"
#include "base/bug.h"

/* False if the result is all zero (low-order point); out is wiped then. */
bool x25519(struct dh_secret *out_shared, const struct dh_secret *secret,
	    const struct dh_public *point) must_check;
void x25519_public(struct dh_public *out, const struct dh_secret *secret);
void x25519_clamp(struct dh_secret *secret);

/* Key pair from a 32-byte seed (RFC 8032, 5.1.5). */
void ed25519_from_seed(struct public_key *pk, struct secret_key *sk, const uint8_t seed[32]);
void ed25519_sign(struct signature *out, const void *message, size_t len,
		  const struct secret_key *sk);
/* Refuses non-canonical S and small-order or non-canonical keys. */
bool ed25519_verify(const struct signature *sig, const void *message, size_t len,
		    const struct public_key *pk) must_check;
/* The X25519 twins (libsodium's conversions); the first is false for what is not on the curve, not
 * canonical, of small order or outside the prime-order subgroup. */
bool ed25519_to_dh_public(struct dh_public *out, const struct public_key *pk) must_check;
void ed25519_to_dh_secret(struct dh_secret *out, const struct secret_key *sk);

#endif
