/* contexts.h - what the crypto libraries need that the core may not make itself.
 *
 * The shell allocates and fetches these once per thread (linux/contexts.c, and
 * test/contexts.h for tests) and hands them over; the core only uses them. A call that
 * needs them before crypto_use() is a BUG. Ciphers and MACs then take no memory; libcrypto 3.0
 * itself replaces the state of `digest` at each BLAKE2s (taken, wiped, given back).
 */
#ifndef CRYPTO_CONTEXTS_H
#define CRYPTO_CONTEXTS_H

struct crypto_contexts {
	void *blake2s;       /* const EVP_MD *: BLAKE2S-256 */
	void *digest;        /* EVP_MD_CTX * */
	void *blake2s_mac;   /* EVP_MAC_CTX * of BLAKE2SMAC */
	void *seal;          /* EVP_CIPHER_CTX *, initialised for encrypting ChaCha20-Poly1305 */
	void *open;          /* EVP_CIPHER_CTX *, initialised for decrypting the same */
	void *many;          /* IMB_MGR * of intel-ipsec-mb, for runs of packets; NULL: none, then
	                        they go through `seal` and `open`. See aead_batch_check() */
};

/* For the calling thread, from now on; the contexts must outlive the thread's calls. */
void crypto_use(const struct crypto_contexts *contexts);

/* Overwrites the keys and key streams that the last calls left in the contexts: for when a
 * session or key has been erased everywhere else, and before a long sleep. */
void crypto_forget(void);

/* What crypto_use() was given; for this room only. */
const struct crypto_contexts *crypto_current(void);
const struct crypto_contexts *crypto_used(void); /* NULL: nothing yet */

#endif
