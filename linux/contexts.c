#include "linux/contexts.h"

#include "crypto/aead_batch.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <sodium.h>
#include <stdbool.h>
#include <string.h>
#if CRYPTO_IPSEC_MB
#include <intel-ipsec-mb.h>
#endif

static bool make_ciphers(struct crypto_contexts *c)
{
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, "ChaCha20-Poly1305", NULL);
	bool made;

	c->seal = EVP_CIPHER_CTX_new();
	c->open = EVP_CIPHER_CTX_new();
	made = cipher && c->seal && c->open
	       && EVP_EncryptInit_ex(c->seal, cipher, NULL, NULL, NULL) == 1
	       && EVP_DecryptInit_ex(c->open, cipher, NULL, NULL, NULL) == 1;
	EVP_CIPHER_free(cipher); /* the contexts hold references of their own */
	return made;
}

static bool make_hashes(struct crypto_contexts *c)
{
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "BLAKE2SMAC", NULL);

	c->blake2s = EVP_MD_fetch(NULL, "BLAKE2S-256", NULL);
	c->digest = EVP_MD_CTX_new();
	c->blake2s_mac = mac ? EVP_MAC_CTX_new(mac) : NULL;
	EVP_MAC_free(mac);
	return c->blake2s && c->digest && c->blake2s_mac;
}

#if CRYPTO_IPSEC_MB

/* Not being able to have it is no error: libcrypto does the same. The library must wipe what it
 * leaves in registers and on the stack (it is built so in Debian). */
static void make_many(struct crypto_contexts *c)
{
	IMB_ARCH arch = IMB_ARCH_NONE;
	IMB_MGR *m = alloc_mb_mgr(0);

	if (!m)
		return;
	init_mb_mgr_auto(m, &arch);
	c->many = m;
	if (arch != IMB_ARCH_NONE && !imb_get_errno(m) && (m->features & IMB_FEATURE_SAFE_DATA) &&
	    aead_batch_check(c))
		return;
	free_mb_mgr(m);
	c->many = NULL;
}

static void free_many(struct crypto_contexts *c)
{
	if (c->many)
		free_mb_mgr(c->many);
}

#else

static void make_many(struct crypto_contexts *c)
{
	c->many = NULL;
}

static void free_many(struct crypto_contexts *c)
{
	(void)c;
}

#endif

int crypto_contexts_make(struct crypto_contexts *out, bool with_batches)
{
	/* No file says which of its providers we get; not to read them saves 1 ms, too. */
	const uint64_t init = OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ADD_ALL_CIPHERS |
			      OPENSSL_INIT_NO_ADD_ALL_DIGESTS;

	memset(out, 0, sizeof(*out));
	if (sodium_init() < 0 || OPENSSL_init_crypto(init, NULL) != 1)
		return -EIO;
	if (make_ciphers(out) && make_hashes(out)) {
		if (with_batches)
			make_many(out);
		return 0;
	}
	crypto_contexts_free(out);
	return -ENOMEM;
}

void crypto_contexts_free(struct crypto_contexts *c)
{
	free_many(c);
	EVP_CIPHER_CTX_free(c->seal);
	EVP_CIPHER_CTX_free(c->open);
	EVP_MAC_CTX_free(c->blake2s_mac);
	EVP_MD_CTX_free(c->digest);
	EVP_MD_free(c->blake2s);
	memset(c, 0, sizeof(*c));
}
