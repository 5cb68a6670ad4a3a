#include "crypto/curve.h"

#include <sodium.h>

bool x25519(struct dh_secret *out_shared, const struct dh_secret *secret,
	    const struct dh_public *point)
{
	if (crypto_scalarmult_curve25519(out_shared->b, secret->b, point->b) == 0)
		return true;
	wipe(out_shared, sizeof(*out_shared));
	return false;
}

void x25519_public(struct dh_public *out, const struct dh_secret *secret)
{
	BUG_ON(crypto_scalarmult_curve25519_base(out->b, secret->b));
}

void x25519_clamp(struct dh_secret *secret)
{
	secret->b[0] &= 248;
	secret->b[31] &= 127;
	secret->b[31] |= 64;
}

void ed25519_from_seed(struct public_key *pk, struct secret_key *sk, const uint8_t seed[32])
{
	BUG_ON(crypto_sign_ed25519_seed_keypair(pk->b, sk->b, seed));
}

void ed25519_sign(struct signature *out, const void *message, size_t len,
		  const struct secret_key *sk)
{
	BUG_ON(crypto_sign_ed25519_detached(out->b, NULL, message, len, sk->b));
}

bool ed25519_verify(const struct signature *sig, const void *message, size_t len,
		    const struct public_key *pk)
{
	return crypto_sign_ed25519_verify_detached(sig->b, message, len, pk->b) == 0;
}

bool ed25519_to_dh_public(struct dh_public *out, const struct public_key *pk)
{
	/* It refuses small order and what lies outside the main subgroup. No encoding of the
	 * rest is non-canonical: of y = 0..18 only y = 1 is in it, and that is of order one. */
	return crypto_sign_ed25519_pk_to_curve25519(out->b, pk->b) == 0;
}

void ed25519_to_dh_secret(struct dh_secret *out, const struct secret_key *sk)
{
	BUG_ON(crypto_sign_ed25519_sk_to_curve25519(out->b, sk->b));
}
