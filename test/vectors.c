/* vectors.c - one cryptographic call a line, for test/vectors.py.
 *
 * A line is an operation and its arguments in hex ("-" for none); the answer is the result
 * in hex, "-" for an empty one, or "bad" where the call refuses. */
#include "base/text.h"
#include "contexts.h"
#include "crypto/aead.h"
#include "crypto/curve.h"
#include "crypto/hash.h"

#include <string.h>

#define MOST 8192u /* bytes of an argument */

struct arg {
	uint8_t b[MOST + AEAD_TAG];
	size_t len;
};

static struct arg args[4];

static void answer(const void *data, size_t len)
{
	static char text[2 * (MOST + AEAD_TAG) + 1];

	hex_encode(data, len, text, sizeof(text));
	puts(len ? text : "-");
}

static void aead(const char *what, bool extended)
{
	static uint8_t out[MOST + AEAD_TAG];
	const struct arg *nonce = &args[1], *ad = &args[2], *in = &args[3];
	struct sym_key key;
	bool good = args[0].len == sizeof(key.b) && nonce->len == (extended ? XAEAD_NONCE : 12);

	memcpy(key.b, args[0].b, sizeof(key.b));
	if (good && strcmp(what, "seal") == 0) {
		(extended ? xaead_seal : aead_seal_nonce)(out, in->b, in->len, ad->b, ad->len,
							  nonce->b, &key);
		answer(out, in->len + AEAD_TAG);
	} else if (good && (extended ? xaead_open : aead_open_nonce)(out, in->b, in->len, ad->b,
								     ad->len, nonce->b, &key)) {
		answer(out, in->len - AEAD_TAG);
	} else {
		puts("bad");
	}
}

static void dh(void)
{
	struct dh_secret secret, out;
	struct dh_public point;

	memcpy(secret.b, args[0].b, 32);
	memcpy(point.b, args[1].b, 32);
	if (args[1].len == 32 && x25519(&out, &secret, &point))
		answer(out.b, 32);
	else
		puts("bad");
}

static void verify(void)
{
	struct public_key pk;
	struct signature sig;

	memcpy(pk.b, args[0].b, 32);
	memcpy(sig.b, args[2].b, 64);
	if (args[2].len == 64 && ed25519_verify(&sig, args[1].b, args[1].len, &pk))
		puts("-");
	else
		puts("bad");
}

static void hashes(const char *what)
{
	struct hash h;
	uint8_t tag[8];

	if (strcmp(what, "siphash") == 0) {
		store_le64(tag, siphash(args[0].b, args[1].b, args[1].len));
		answer(tag, sizeof(tag));
		return;
	}
	blake3(&h, args[0].b, args[0].len);
	answer(h.b, sizeof(h.b));
}

int main(void)
{
	static char line[8 * MOST];

	test_crypto();
	while (fgets(line, sizeof(line), stdin)) {
		char *what = strtok(line, " \n"), *word;
		size_t n = 0;

		memset(args, 0, sizeof(args));
		while (n < 4 && (word = strtok(NULL, " \n"))) {
			size_t len = strcmp(word, "-") == 0 ? 0 : strlen(word);

			args[n].len = len / 2;
			if (len / 2 > MOST || !hex_decode(word, len, args[n].b, len / 2))
				return 2;
			n++;
		}
		if (!what)
			return 2;
		if (strcmp(what, "x25519") == 0)
			dh();
		else if (strcmp(what, "verify") == 0)
			verify();
		else if (what[0] == 'x')
			aead(what + 1, true);
		else if (strcmp(what, "seal") == 0 || strcmp(what, "open") == 0)
			aead(what, false);
		else
			hashes(what);
	}
	return 0;
}
