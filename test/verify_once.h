/* verify_once.h - one process verifies what a thousand nodes would: the linker (Makefile) puts a
 * memory of verdicts before ed25519_verify, which is the only thing that the nodes of a world
 * share. */
#ifndef TEST_VERIFY_ONCE_H
#define TEST_VERIFY_ONCE_H

#include "crypto/curve.h"
#include "crypto/hash.h"

bool __real_ed25519_verify(const struct signature *sig, const void *message, size_t len,
			   const struct public_key *pk);
bool __wrap_ed25519_verify(const struct signature *sig, const void *message, size_t len,
			   const struct public_key *pk);

/* The last bit of a tag is the verdict. */
static uint64_t verdicts[1u << 20];

bool __wrap_ed25519_verify(const struct signature *sig, const void *message, size_t len,
			   const struct public_key *pk)
{
	static const uint8_t key[16] = "not a secret";
	uint64_t h[3] = { siphash(key, sig->b, sizeof(sig->b)), siphash(key, message, len),
			  siphash(key, pk->b, sizeof(pk->b)) };
	uint64_t tag = siphash(key, h, sizeof(h)) | 1;
	uint64_t *place = &verdicts[tag >> 1 & ((1u << 20) - 1)];

	if ((*place | 1) != tag)
		*place = tag - !__real_ed25519_verify(sig, message, len, pk);
	return *place & 1;
}

#endif
