/* Each draw makes one ChaCha20 block: half becomes the next key, half is given out, both
 * under a key that is gone afterwards. The nonce may stay zero, as no key is used twice. */
#include "crypto/random.h"
#include "crypto/hash.h"

#include <sodium.h>
#include <string.h>

void random_init(struct random *r, const uint8_t entropy[32])
{
	memset(r, 0, sizeof(*r));
	random_mix(r, entropy);
}

void random_mix(struct random *r, const uint8_t entropy[32])
{
	struct bytes part = bytes_of(entropy, 32);
	struct hash next;

	blake2b(&next, &r->key, &part, 1);
	memcpy(r->key.b, next.b, sizeof(r->key.b));
	wipe(&next, sizeof(next));
}

void random_bytes(struct random *r, void *out, size_t len)
{
	static const uint8_t nonce[crypto_stream_chacha20_ietf_NONCEBYTES];
	uint8_t block[64], *to = out;

	while (len) {
		size_t n = len < 32 ? len : 32;

		crypto_stream_chacha20_ietf(block, sizeof(block), nonce, r->key.b);
		memcpy(r->key.b, block, 32);
		memcpy(to, block + 32, n);
		to += n;
		len -= n;
	}
	wipe(block, sizeof(block));
}

uint32_t random_u32(struct random *r)
{
	uint8_t b[4];

	random_bytes(r, b, sizeof(b));
	return load_le32(b);
}

uint64_t random_u64(struct random *r)
{
	uint8_t b[8];

	random_bytes(r, b, sizeof(b));
	return load_le64(b);
}
