/* aead_batch.h - ChaCha20-Poly1305 of many packets at a time, without additional data.
 *
 * On x86-64 it is intel-ipsec-mb's where the contexts hold a manager of that library (which finds
 * out what the processor can do), else libcrypto's, packet by packet. Both give the same bytes:
 * aead_batch_check() is asked at the start of a program, and the library is not used if they do
 * not. Nonces as in crypto/aead.h.
 */
#ifndef CRYPTO_AEAD_BATCH_H
#define CRYPTO_AEAD_BATCH_H

#include "crypto/aead.h"
#include "crypto/contexts.h"

/* One packet; its key, its buffers. out may be equal to in; else they do not overlap, nor do those
 * of different jobs. */
struct aead_job {
	const uint8_t *in;
	uint8_t *out;
	size_t len;               /* of the plaintext; at most AEAD_BATCH_LONGEST */
	uint64_t counter;
	const struct sym_key *key;
	bool ok;                  /* after aead_open_batch(): it is authentic */
};
#define AEAD_BATCH_LONGEST 65535u

/* Each job writes len + AEAD_TAG bytes. */
void aead_seal_batch(struct aead_job *jobs, size_t count);
/* Each job reads len + AEAD_TAG bytes and writes len; zeros if they are not authentic. */
void aead_open_batch(struct aead_job *jobs, size_t count);

/* What the calling thread's contexts use: "intel-ipsec-mb" or "libcrypto". */
const char *aead_name(void);

/* Known answers of RFC 8439, and agreement with libcrypto for lengths around all block sizes,
 * forged tags included. False: c->many must not be used. The thread's own contexts are not
 * touched. */
bool aead_batch_check(const struct crypto_contexts *c) must_check;

#endif
