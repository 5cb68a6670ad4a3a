#include "crypto/aead.h"

#include "base/rng.h"
#include "contexts.h"
#include "hex.h"

static const char plain_hex[] =
	"4c616469657320616e642047656e746c656d656e206f662074686520636c617373206f66202739393a20"
	"4966204920636f756c64206f6666657220796f75206f6e6c79206f6e652074697020666f722074686520"
	"6675747572652c2073756e73637265656e20776f756c642062652069742e";
#define PLAIN 114u

struct vector {
	uint8_t key[32], nonce[24], ad[12], plain[PLAIN], sealed[PLAIN + AEAD_TAG];
};

static void fill(struct vector *v, const char *nonce, const char *sealed)
{
	test_crypto();
	unhex("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f", v->key, 32);
	unhex("50515253c0c1c2c3c4c5c6c7", v->ad, sizeof(v->ad));
	unhex(nonce, v->nonce, sizeof(v->nonce));
	eq_int(unhex(plain_hex, v->plain, PLAIN), PLAIN);
	eq_int(unhex(sealed, v->sealed, sizeof(v->sealed)), PLAIN + AEAD_TAG);
}

typedef void seal_fn(uint8_t *, const uint8_t *, size_t, const void *, size_t, const uint8_t *,
		     const struct sym_key *);
typedef bool open_fn(uint8_t *, const uint8_t *, size_t, const void *, size_t, const uint8_t *,
		     const struct sym_key *);

/* Both directions, in place too; then each bit of the sealed bytes, the additional data and
 * the nonce flipped, and each shorter length: refused, and no plaintext left behind. */
static void check(const struct vector *v, size_t nonce_len, seal_fn *seal, open_fn *open)
{
	uint8_t out[PLAIN + AEAD_TAG], bent[PLAIN + AEAD_TAG], ad[12], nonce[24];
	static const uint8_t zero[PLAIN];
	struct sym_key key;

	memcpy(key.b, v->key, 32);
	seal(out, v->plain, PLAIN, v->ad, 12, v->nonce, &key);
	eq_mem(out, v->sealed, sizeof(out));
	ok(open(out, out, sizeof(out), v->ad, 12, v->nonce, &key));
	eq_mem(out, v->plain, PLAIN);
	seal(out, out, PLAIN, v->ad, 12, v->nonce, &key);
	eq_mem(out, v->sealed, sizeof(out));
	ok(open(out, v->sealed, sizeof(out), v->ad, 12, v->nonce, &key));
	eq_mem(out, v->plain, PLAIN);

	for (size_t bit = 0; bit < 8 * sizeof(bent); bit++) {
		memcpy(bent, v->sealed, sizeof(bent));
		bent[bit / 8] ^= (uint8_t)(1 << bit % 8);
		memset(out, 0, sizeof(out));
		ok(!open(out, bent, sizeof(bent), v->ad, 12, v->nonce, &key));
		eq_mem(out, zero, PLAIN);
		ok(!open(bent, bent, sizeof(bent), v->ad, 12, v->nonce, &key)); /* in place */
		ok(memcmp(bent, v->plain, 16) != 0);
	}
	for (size_t bit = 0; bit < 96; bit++) {
		memcpy(ad, v->ad, sizeof(ad));
		ad[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ok(!open(out, v->sealed, sizeof(out), ad, 12, v->nonce, &key));
	}
	ok(!open(out, v->sealed, sizeof(out), v->ad, 11, v->nonce, &key));
	ok(!open(out, v->sealed, sizeof(out), NULL, 0, v->nonce, &key));
	for (size_t bit = 0; bit < 8 * nonce_len; bit++) {
		memcpy(nonce, v->nonce, sizeof(nonce));
		nonce[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ok(!open(out, v->sealed, sizeof(out), v->ad, 12, nonce, &key));
	}
	for (size_t len = 0; len < sizeof(out); len++)
		ok(!open(out, v->sealed, len, v->ad, 12, v->nonce, &key));
	key.b[31] ^= 0x80;
	ok(!open(out, v->sealed, sizeof(out), v->ad, 12, v->nonce, &key));
}

/* RFC 8439, 2.8.2. */
static void test_chacha(void)
{
	struct vector v;

	fill(&v, "070000004041424344454647",
	     "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca96712"
	     "82fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58"
	     "fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09"
	     "e26a7e902ecbd0600691");
	check(&v, 12, aead_seal_nonce, aead_open_nonce);
}

/* draft-arciszewski-xchacha, A.3.1. */
static void test_xchacha(void)
{
	struct vector v;

	fill(&v, "404142434445464748494a4b4c4d4e4f5051525354555657",
	     "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa644"
	     "0bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e"
	     "3f3fac2bc369488f76b2383565d3fff921f9664c97637da9768812f615c68b13b52ec0875924c1c7"
	     "987947deafd8780acf49");
	check(&v, 24, xaead_seal, xaead_open);
}

/* The counter is the nonce's last eight bytes, little-endian. */
static void test_counter(void)
{
	static const uint64_t counters[] = { 0, 1, 255, 256, UINT32_MAX, UINT64_C(1) << 32,
					     0x0102030405060708u, UINT64_MAX };
	struct sym_key key = { { 1 } };

	test_crypto();
	for (size_t i = 0; i < sizeof(counters) / sizeof(*counters); i++) {
		uint8_t nonce[12] = { 0 }, a[20], b[20], out[4];

		for (unsigned k = 0; k < 8; k++)
			nonce[4 + k] = (uint8_t)(counters[i] >> 8 * k);
		aead_seal(a, (const uint8_t *)"text", 4, "ad", 2, counters[i], &key);
		aead_seal_nonce(b, (const uint8_t *)"text", 4, "ad", 2, nonce, &key);
		eq_mem(a, b, 20);
		ok(aead_open(out, a, 20, "ad", 2, counters[i], &key));
		eq_mem(out, "text", 4);
		ok(!aead_open(out, a, 20, "ad", 2, counters[i] ^ 1, &key));
	}
}

/* An empty message (a keepalive) is a tag alone, and still bound to its counter. */
static void test_empty(void)
{
	struct sym_key key = { { 1 } };
	uint8_t tag[16], other[16];

	test_crypto();
	aead_seal(tag, NULL, 0, NULL, 0, 7, &key);
	ok(aead_open(NULL, tag, 16, NULL, 0, 7, &key));
	ok(!aead_open(NULL, tag, 16, NULL, 0, 8, &key));
	ok(!aead_open(NULL, tag, 15, NULL, 0, 7, &key));
	aead_seal(other, NULL, 0, "x", 1, 7, &key);
	ok(memcmp(tag, other, 16) != 0 && aead_open(NULL, other, 16, "x", 1, 7, &key));
}

/* All lengths around block boundaries, unaligned, with two keys in turn on one context. */
static void test_lengths(void)
{
	struct sym_key keys[2] = { { { 1 } }, { { 2 } } };
	uint8_t in[600], out[620], back[600];
	struct rng rng;

	test_crypto();
	rng_init(&rng, 8439);
	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)rng_u64(&rng);
	for (size_t len = 0; len < 560; len++) {
		const struct sym_key *key = &keys[len % 2];
		size_t skew = len % 16, ad = len % 33;

		out[skew + len + AEAD_TAG] = 0xee;
		aead_seal(out + skew, in + skew, len, in, ad, len, key);
		eq_int(out[skew + len + AEAD_TAG], 0xee);
		ok(!aead_open(back, out + skew, len + AEAD_TAG, in, ad, len, &keys[!(len % 2)]));
		ok(aead_open(back, out + skew, len + AEAD_TAG, in, ad, len, key));
		eq_mem(back, in + skew, len);
		xaead_seal(out + skew, in + skew, len, in, ad, in + len % 7, key);
		eq_int(out[skew + len + AEAD_TAG], 0xee);
		ok(xaead_open(back, out + skew, len + AEAD_TAG, in, ad, in + len % 7, key));
		eq_mem(back, in + skew, len);
	}
}

TAP_TESTS(T(test_chacha), T(test_xchacha), T(test_counter), T(test_empty), T(test_lengths))
