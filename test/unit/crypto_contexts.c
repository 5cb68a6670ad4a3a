/* The libraries' memory is ours here, so that it can be searched for keys. */
#include "crypto/contexts.h"
#include "crypto/aead.h"
#include "crypto/hash.h"

#include "contexts.h"
#include "tap.h"

#include <openssl/crypto.h>

static _Alignas(16) uint8_t heap[1 << 23];
static size_t heap_used;
static size_t taken, given_back; /* pieces */

/* Never reuses: what was freed without wiping stays to be found. */
static void *get(size_t len, const char *file, int line)
{
	uint8_t *p = heap + heap_used + 16;

	(void)file, (void)line;
	if (len > sizeof(heap) - 32 - heap_used)
		return NULL;
	memcpy(p - 16, &len, sizeof(len));
	heap_used += 16 + (len + 15) / 16 * 16;
	taken++;
	return p;
}

static void put(void *p, const char *file, int line)
{
	(void)file, (void)line;
	given_back += p != NULL;
}

static void *grow(void *p, size_t len, const char *file, int line)
{
	size_t had = 0;
	void *to = get(len, file, line);

	if (p)
		memcpy(&had, (uint8_t *)p - 16, sizeof(had));
	if (p && to)
		memcpy(to, p, had < len ? had : len);
	put(to ? p : NULL, file, line);
	return to;
}

/* Any eight bytes in a row of those 32. */
static bool found(const uint8_t secret[32])
{
	for (size_t i = 0; i + 8 <= 32; i++)
		if (memmem(heap, heap_used, secret + i, 8))
			return true;
	return false;
}

static void test_forget(void)
{
	struct sym_key key;
	struct hash h;
	uint8_t sealed[32 + AEAD_TAG] = { 0 }, stream[32], mac[16];

	if (!CRYPTO_set_mem_functions(get, grow, put)) {
		TAP_FAIL("%s", "the library has taken memory before");
		return;
	}
	test_crypto();
	for (uint8_t i = 0; i < 32; i++)
		key.b[i] = (uint8_t)(i * 37 + 11);
	aead_seal(sealed, sealed, 32, NULL, 0, 5, &key); /* of zeros: the key stream */
	memcpy(stream, sealed, 32);
	ok(found(key.b) && found(stream)); /* else this test would show nothing */
	crypto_forget();
	ok(!found(key.b) && !found(stream));

	ok(aead_open(sealed, sealed, sizeof(sealed), NULL, 0, 5, &key));
	ok(found(key.b));
	crypto_forget();
	ok(!found(key.b) && !found(stream));

	blake2s_mac(mac, key.b, 32, bytes_of("in", 2));
	blake2s(&h, bytes_of(key.b, 32), bytes_of(NULL, 0));
	crypto_forget();
	ok(!found(key.b));
}

/* With the contexts made, ciphers and MACs take no memory: that is each packet. */
static void test_takes_no_memory(void)
{
	struct sym_key key = { { 1 } };
	uint8_t buf[200 + AEAD_TAG] = { 0 }, mac[16];
	size_t before;

	test_crypto();
	before = taken;
	for (int i = 0; i < 3; i++) {
		aead_seal(buf, buf, 200, "ad", 2, 5, &key);
		ok(aead_open(buf, buf, sizeof(buf), "ad", 2, 5, &key));
		ok(!aead_open(buf, buf, sizeof(buf), "ad", 2, 5, &key));
		blake2s_mac(mac, key.b, 16, bytes_of(buf, 100));
		crypto_forget();
	}
	ok(before > 0);
	eq_int(taken, before);
}

/* libcrypto 3.0 replaces a digest's state at each start. It must not pile up, and the
 * old one must be wiped. */
static void test_digest_memory(void)
{
	struct hash h, k, secret = { { 0 } };
	size_t before, back;

	test_crypto();
	for (uint8_t i = 0; i < 32; i++)
		secret.b[i] = (uint8_t)(i * 41 + 7);
	blake2s(&h, bytes_of("", 0), bytes_of("", 0));
	before = taken;
	back = given_back;
	for (int i = 0; i < 100; i++) {
		blake2s(&h, bytes_of(secret.b, 32), bytes_of("x", 1));
		kdf(&h, &k, NULL, &h, bytes_of(secret.b, 32));
	}
	eq_int(taken - before, given_back - back);
	ok(!found(secret.b));
}

TAP_TESTS(T(test_forget), T(test_takes_no_memory), T(test_digest_memory))
