/* Tokens and reply codes as people paste them, and the bytes of a token as a hostile maker signs
 * them. */
#include "contexts.h"

#include "crypto/curve.h"
#include "identity/signed.h"
#include "identity/token.h"

#include <string.h>

static struct token mine;
static struct secret_key sk;

static void as_text(const char *text, size_t size)
{
	struct token t;
	struct endpoint e;
	char again[TOKEN_REPLY];
	bool hard;

	BUG_ON(token_read(text, size, &t) == TOKEN_OK && t.candidate_count > TOKEN_CANDIDATES);
	if (!token_reply_read(&mine, text, size, &e, &hard))
		return;
	token_reply(&mine, &e, hard, again);
	BUG_ON(!token_reply_read(&mine, again, strlen(again), &e, &hard));
}

/* The bytes with our key and a good signature. */
static void as_signed(const uint8_t *data, size_t size)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	uint8_t wire[512] = { 0 };
	char text[800] = "mg://", again[TOKEN_TEXT + 1];
	size_t n = 5, len = size + 64;
	struct token t;

	if (size < 68 || size > 400)
		return;
	memcpy(wire, data, size);
	wire[0] = 2;
	memcpy(wire + 3, &mine.key, sizeof(mine.key));
	signed_make(wire + size, "meshguard token v2", bytes_of(wire, size), &sk);
	for (size_t bit = 0; bit < len * 8; bit += 6) {
		unsigned two = (unsigned)wire[bit / 8] << 8 | wire[bit / 8 + 1];

		text[n++] = alphabet[two >> (10 - bit % 8) & 63];
	}
	if (token_read(text, n, &t) != TOKEN_OK)
		return;
	/* One encoding, and signatures are deterministic. */
	BUG_ON(!token_make(&t, &sk, again));
	BUG_ON(strlen(again) != n || memcmp(again, text, n) != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t seed[32] = { 1 };

	test_crypto();
	ed25519_from_seed(&mine.key, &sk, seed);
	as_text((const char *)data, size);
	as_signed(data, size);
	return 0;
}
