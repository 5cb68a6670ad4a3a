/* ChaCha20-Poly1305 is libcrypto's, whose assembly is the fastest for packets; a context
 * is reused and keyed anew for each, so that nothing is allocated. XChaCha20-Poly1305,
 * which libcrypto lacks, is libsodium's. */
#include "crypto/aead.h"
#include "crypto/contexts.h"

#include <limits.h>
#include <openssl/evp.h>
#include <sodium.h>
#include <string.h>

void aead_seal_nonce(uint8_t *out, const uint8_t *in, size_t len, const void *ad, size_t ad_len,
		     const uint8_t nonce[12], const struct sym_key *key)
{
	EVP_CIPHER_CTX *ctx = crypto_current()->seal;
	int n = 0;

	BUG_ON(len > INT_MAX - AEAD_TAG || ad_len > INT_MAX);
	BUG_ON(EVP_EncryptInit_ex(ctx, NULL, NULL, key->b, nonce) != 1);
	BUG_ON(ad_len && EVP_EncryptUpdate(ctx, NULL, &n, ad, (int)ad_len) != 1);
	BUG_ON(len && (EVP_EncryptUpdate(ctx, out, &n, in, (int)len) != 1 || n != (int)len));
	BUG_ON(EVP_EncryptFinal_ex(ctx, out + len, &n) != 1 || n);
	BUG_ON(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG, out + len) != 1);
}

bool aead_open_nonce(uint8_t *out, const uint8_t *in, size_t len, const void *ad, size_t ad_len,
		     const uint8_t nonce[12], const struct sym_key *key)
{
	EVP_CIPHER_CTX *ctx = crypto_current()->open;
	uint8_t tag[AEAD_TAG], nothing[AEAD_TAG];
	int n = 0;

	if (len < AEAD_TAG || len > INT_MAX || ad_len > INT_MAX)
		return false;
	len -= AEAD_TAG;
	memcpy(tag, in + len, AEAD_TAG);
	BUG_ON(EVP_DecryptInit_ex(ctx, NULL, NULL, key->b, nonce) != 1);
	BUG_ON(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG, tag) != 1);
	BUG_ON(ad_len && EVP_DecryptUpdate(ctx, NULL, &n, ad, (int)ad_len) != 1);
	BUG_ON(len && (EVP_DecryptUpdate(ctx, out, &n, in, (int)len) != 1 || n != (int)len));
	if (EVP_DecryptFinal_ex(ctx, nothing, &n) == 1)
		return true;
	wipe(out, len); /* the plaintext was written before its tag could be checked */
	return false;
}

static void counter_nonce(uint8_t nonce[static 12], uint64_t counter)
{
	memset(nonce, 0, 4);
	store_le64(nonce + 4, counter);
}

void aead_seal(uint8_t *out, const uint8_t *in, size_t len, const void *ad, size_t ad_len,
	       uint64_t counter, const struct sym_key *key)
{
	uint8_t nonce[12];

	counter_nonce(nonce, counter);
	aead_seal_nonce(out, in, len, ad, ad_len, nonce, key);
}

bool aead_open(uint8_t *out, const uint8_t *in, size_t len, const void *ad, size_t ad_len,
	       uint64_t counter, const struct sym_key *key)
{
	uint8_t nonce[12];

	counter_nonce(nonce, counter);
	return aead_open_nonce(out, in, len, ad, ad_len, nonce, key);
}

void xaead_seal(uint8_t *out, const uint8_t *in, size_t len, const void *ad, size_t ad_len,
		const uint8_t nonce[XAEAD_NONCE], const struct sym_key *key)
{
	unsigned long long n = 0;

	BUG_ON(crypto_aead_xchacha20poly1305_ietf_encrypt(out, &n, in, len, ad, ad_len, NULL,
							  nonce, key->b));
	BUG_ON(n != len + AEAD_TAG);
}

bool xaead_open(uint8_t *out, const uint8_t *in, size_t len, const void *ad, size_t ad_len,
		const uint8_t nonce[XAEAD_NONCE], const struct sym_key *key)
{
	return !crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL, in, len, ad, ad_len,
							   nonce, key->b);
}
