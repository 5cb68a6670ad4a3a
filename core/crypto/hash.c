/* libcrypto has BLAKE2s but knows no HMAC over it without fetching, so HMAC (RFC 2104)
 * and the key derivation are written here over the plain hash. BLAKE3 of one block is
 * one compression: nothing of the tree is needed. */
#include "crypto/hash.h"
#include "base/bug.h"
#include "crypto/contexts.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <sodium.h>
#include <string.h>

void blake2s(struct hash *out, struct bytes a, struct bytes b)
{
	const struct crypto_contexts *c = crypto_current();

	BUG_ON(EVP_DigestInit_ex(c->digest, c->blake2s, NULL) != 1);
	BUG_ON(a.len && EVP_DigestUpdate(c->digest, a.data, a.len) != 1);
	BUG_ON(b.len && EVP_DigestUpdate(c->digest, b.data, b.len) != 1);
	BUG_ON(EVP_DigestFinal_ex(c->digest, out->b, NULL) != 1);
}

void blake2s_mac(uint8_t out[16], const void *key, size_t key_len, struct bytes in)
{
	EVP_MAC_CTX *ctx = crypto_current()->blake2s_mac;
	size_t size = 16;
	const OSSL_PARAM params[] = {
		OSSL_PARAM_size_t(OSSL_MAC_PARAM_SIZE, &size),
		OSSL_PARAM_END,
	};

	BUG_ON(key_len < 1 || key_len > 32);
	BUG_ON(EVP_MAC_init(ctx, key, key_len, params) != 1);
	BUG_ON(in.len && EVP_MAC_update(ctx, in.data, in.len) != 1);
	BUG_ON(EVP_MAC_final(ctx, out, &size, 16) != 1 || size != 16);
}

#define BLAKE2S_BLOCK 64u

void hmac_blake2s(struct hash *out, const void *key, size_t key_len, struct bytes in)
{
	uint8_t inner[BLAKE2S_BLOCK] = { 0 }, outer[BLAKE2S_BLOCK];
	struct hash h;

	if (key_len > BLAKE2S_BLOCK) {
		blake2s(&h, bytes_of(key, key_len), bytes_of(NULL, 0));
		memcpy(inner, h.b, sizeof(h.b));
	} else if (key_len) {
		memcpy(inner, key, key_len);
	}
	for (size_t i = 0; i < BLAKE2S_BLOCK; i++) {
		outer[i] = inner[i] ^ 0x5c;
		inner[i] ^= 0x36;
	}
	blake2s(&h, bytes_of(inner, sizeof(inner)), in);
	blake2s(out, bytes_of(outer, sizeof(outer)), bytes_of(h.b, sizeof(h.b)));
	wipe(inner, sizeof(inner));
	wipe(outer, sizeof(outer));
	wipe(&h, sizeof(h));
}

void kdf(struct hash *t1, struct hash *t2, struct hash *t3, const struct hash *key,
	 struct bytes in)
{
	struct hash *const t[3] = { t1, t2, t3 };
	struct hash prk;
	uint8_t next[sizeof(struct hash) + 1]; /* the previous t, and a number */
	size_t before = 0;

	BUG_ON(!t1 || (t3 && !t2));
	/* Before any t is written: t1 is often the key of the next step, in place. */
	hmac_blake2s(&prk, key->b, sizeof(key->b), in);
	for (uint8_t i = 0; i < 3 && t[i]; i++) {
		next[before] = (uint8_t)(i + 1);
		hmac_blake2s(t[i], prk.b, sizeof(prk.b), bytes_of(next, before + 1));
		memcpy(next, t[i]->b, sizeof(t[i]->b));
		before = sizeof(t[i]->b);
	}
	wipe(&prk, sizeof(prk));
	wipe(next, sizeof(next));
}

void blake2b(struct hash *out, const struct sym_key *key, const struct bytes *parts, size_t n)
{
	crypto_generichash_blake2b_state state;

	BUG_ON(crypto_generichash_blake2b_init(&state, key ? key->b : NULL,
					       key ? sizeof(key->b) : 0, sizeof(out->b)));
	for (size_t i = 0; i < n; i++)
		if (parts[i].len)
			crypto_generichash_blake2b_update(&state, parts[i].data, parts[i].len);
	BUG_ON(crypto_generichash_blake2b_final(&state, out->b, sizeof(out->b)));
	wipe(&state, sizeof(state));
}

/* --- BLAKE3 (specification of 2020, sections 2.1 and 2.2) */

static uint32_t rotr(uint32_t v, unsigned by)
{
	return v >> by | v << (32 - by);
}

static void mix(uint32_t *v, unsigned a, unsigned b, unsigned c, unsigned d, uint32_t x, uint32_t y)
{
	v[a] += v[b] + x;
	v[d] = rotr(v[d] ^ v[a], 16);
	v[c] += v[d];
	v[b] = rotr(v[b] ^ v[c], 12);
	v[a] += v[b] + y;
	v[d] = rotr(v[d] ^ v[a], 8);
	v[c] += v[d];
	v[b] = rotr(v[b] ^ v[c], 7);
}

static void mix_all(uint32_t *v, const uint32_t *m)
{
	mix(v, 0, 4, 8, 12, m[0], m[1]);
	mix(v, 1, 5, 9, 13, m[2], m[3]);
	mix(v, 2, 6, 10, 14, m[4], m[5]);
	mix(v, 3, 7, 11, 15, m[6], m[7]);
	mix(v, 0, 5, 10, 15, m[8], m[9]);
	mix(v, 1, 6, 11, 12, m[10], m[11]);
	mix(v, 2, 7, 8, 13, m[12], m[13]);
	mix(v, 3, 4, 9, 14, m[14], m[15]);
}

#define BLAKE3_BLOCK 64u
#define CHUNK_START 1u
#define CHUNK_END 2u
#define ROOT 8u

void blake3(struct hash *out, const void *data, size_t len)
{
	static const uint32_t iv[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
					0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };
	static const uint8_t permute[16] = { 2, 6,  3,  10, 7, 0,  4,  13,
					     1, 11, 12, 5,  9, 14, 15, 8 };
	uint8_t block[BLAKE3_BLOCK] = { 0 };
	uint32_t m[16], moved[16], v[16];

	BUG_ON(len > BLAKE3_BLOCK);
	if (len)
		memcpy(block, data, len);
	for (unsigned i = 0; i < 16; i++)
		m[i] = load_le32(block + 4 * i);
	memcpy(v, iv, sizeof(iv));
	memcpy(v + 8, iv, 4 * sizeof(*iv));
	v[12] = v[13] = 0; /* counter: the first chunk */
	v[14] = (uint32_t)len;
	v[15] = CHUNK_START | CHUNK_END | ROOT;
	for (unsigned round = 0; round < 7; round++) {
		mix_all(v, m);
		for (unsigned i = 0; i < 16; i++)
			moved[i] = m[permute[i]];
		memcpy(m, moved, sizeof(m));
	}
	for (unsigned i = 0; i < 8; i++)
		store_le32(out->b + 4 * i, v[i] ^ v[i + 8]);
	wipe(block, sizeof(block));
	wipe(m, sizeof(m));
	wipe(moved, sizeof(moved));
	wipe(v, sizeof(v));
}

uint64_t siphash(const uint8_t key[16], const void *data, size_t len)
{
	uint8_t out[8];

	crypto_shorthash_siphash24(out, data, len, key);
	return load_le64(out);
}
