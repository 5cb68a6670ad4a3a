#include "sim/crypto.h"

#include "crypto/contexts.h"

#include <openssl/evp.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

void sim_crypto(void)
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
	c.blake2s_mac = mac ? EVP_MAC_CTX_new(mac) : NULL;
	c.seal = EVP_CIPHER_CTX_new();
	c.open = EVP_CIPHER_CTX_new();
	if (sodium_init() < 0 || !cipher || !c.blake2s || !c.digest || !c.blake2s_mac ||
	    EVP_EncryptInit_ex(c.seal, cipher, NULL, NULL, NULL) != 1 ||
	    EVP_DecryptInit_ex(c.open, cipher, NULL, NULL, NULL) != 1) {
		fputs("mgsim: the crypto libraries do not start\n", stderr);
		exit(1);
	}
	EVP_CIPHER_free(cipher);
	EVP_MAC_free(mac);
	crypto_use(&c);
}
