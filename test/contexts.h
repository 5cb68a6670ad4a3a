/* contexts.h - the crypto libraries' contexts for test programs: one thread, never freed
 * before the program ends. */
#ifndef TEST_CONTEXTS_H
#define TEST_CONTEXTS_H

#include "crypto/contexts.h"

#include <openssl/evp.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#if CRYPTO_IPSEC_MB
#include <intel-ipsec-mb.h>
#endif

/* Call it before anything of crypto/; further calls do nothing. */
static inline void test_crypto(void)
{
	static struct crypto_contexts c;
	EVP_CIPHER *cipher;
	EVP_MAC *mac;

	if (c.seal)
		return;
	cipher = EVP_CIPHER_fetch(NULL, "ChaCha20-Poly1305", NULL);
	mac = EVP_MAC_fetch(NULL, "BLAKE2SMAC", NULL);
	c.blake2s = EVP_MD_fetch(NULL, "BLAKE2S-256", NULL);
	c.digest = EVP_MD_CTX_new();
	c.blake2s_mac = EVP_MAC_CTX_new(mac);
	c.seal = EVP_CIPHER_CTX_new();
	c.open = EVP_CIPHER_CTX_new();
	if (sodium_init() < 0 || !c.blake2s || !c.digest || !c.blake2s_mac
	    || EVP_EncryptInit_ex(c.seal, cipher, NULL, NULL, NULL) != 1
	    || EVP_DecryptInit_ex(c.open, cipher, NULL, NULL, NULL) != 1) {
		puts("Bail out! the crypto libraries do not start");
		exit(1);
	}
	EVP_CIPHER_free(cipher);
	EVP_MAC_free(mac);
	crypto_use(&c);
}

/* For batches, too: what the processor can do, or up to an architecture of intel-ipsec-mb (SSE: 2,
 * AVX: 3, AVX2: 4, AVX512: 5). False: this machine has nothing of that kind. */
static inline bool test_crypto_many(int up_to)
{
#if CRYPTO_IPSEC_MB
	static struct crypto_contexts many;
	static IMB_MGR *m;
	IMB_ARCH arch = IMB_ARCH_NONE;

	test_crypto();
	if (!m)
		m = alloc_mb_mgr(0);
	if (!m)
		return false;
	init_mb_mgr_auto(m, &arch);
	if ((int)arch < up_to || arch == IMB_ARCH_NONE)
		return false;
	if (up_to == IMB_ARCH_SSE)
		init_mb_mgr_sse(m);
	if (up_to == IMB_ARCH_AVX)
		init_mb_mgr_avx(m);
	if (up_to == IMB_ARCH_AVX2)
		init_mb_mgr_avx2(m);
	many = *crypto_used();
	many.many = m;
	crypto_use(&many);
	return true;
#else
	(void)up_to;
	return false;
#endif
}

#endif
