/* aead.h - ChaCha20-Poly1305 (RFC 8439) and XChaCha20-Poly1305.
 *
 * out may be equal to in. Sealing writes len + AEAD_TAG bytes. Opening reads len
 * bytes (tag included, len >= AEAD_TAG or it fails), writes len - AEAD_TAG, and on
 * failure leaves nothing of the plaintext in out.
 */
#ifndef CRYPTO_AEAD_H
#define CRYPTO_AEAD_H

#include "base/bytes.h"
#include "base/bug.h"

#define AEAD_TAG 16u
#define XAEAD_NONCE 24u

/* Nonce: 32 zero bits and the counter, little-endian (WireGuard paper, 5.4). */
void aead_seal(uint8_t *out, const uint8_t *in, size_t len, const void *ad, size_t ad_len,
	       uint64_t counter, const struct sym_key *key);
bool aead_open(uint8_t *out, const uint8_t *in, size_t len, const void *ad, size_t ad_len,
	       uint64_t counter, const struct sym_key *key) must_check;

/* The same for one that the library is called with a full 12-byte nonce (vectors). */
void aead_seal_nonce(uint8_t *out, const uint8_t *in, size_t len, const void *ad, size_t ad_len,
		     const uint8_t nonce[12], const struct sym_key *key);
bool aead_open_nonce(uint8_t *out, const uint8_t *in, size_t len, const void *ad, size_t ad_len,
		     const uint8_t nonce[12], const struct sym_key *key) must_check;

void xaead_seal(uint8_t *out, const uint8_t *in, size_t len, const void *ad, size_t ad_len,
		const uint8_t nonce[XAEAD_NONCE], const struct sym_key *key);
bool xaead_open(uint8_t *out, const uint8_t *in, size_t len, const void *ad, size_t ad_len,
		const uint8_t nonce[XAEAD_NONCE], const struct sym_key *key) must_check;

#endif
