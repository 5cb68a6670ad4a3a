/* signed.c - an object of one kind can never pass as one of another: the context strings differ,
 * and none is the beginning of another. */
#include "identity/signed.h"
#include "base/text.h"
#include "crypto/curve.h"
#include "crypto/hash.h"

#include <string.h>

#define MAX_CONTEXT 64u

static struct bytes message(const char *context, struct bytes body,
			    uint8_t memory[static MAX_CONTEXT + SIGNED_MAX])
{
	size_t n = strlen(context);

	BUG_ON(n > MAX_CONTEXT || body.len > SIGNED_MAX);
	memcpy(memory, context, n);
	memcpy(memory + n, body.data, body.len);
	return bytes_of(memory, n + body.len);
}

void signed_make(uint8_t signature[static 64], const char *context, struct bytes body,
		 const struct secret_key *secret)
{
	uint8_t memory[MAX_CONTEXT + SIGNED_MAX];
	struct bytes m = message(context, body, memory);
	struct signature s;

	ed25519_sign(&s, m.data, m.len, secret);
	memcpy(signature, s.b, sizeof(s.b));
}

bool signed_check(const uint8_t signature[static 64], const char *context, struct bytes body,
		  const struct public_key *key)
{
	uint8_t memory[MAX_CONTEXT + SIGNED_MAX];
	struct bytes m = message(context, body, memory);
	struct signature s;

	memcpy(s.b, signature, sizeof(s.b));
	return ed25519_verify(&s, m.data, m.len, key);
}

void signed_hash(struct bytes wire, uint8_t out[static SIGNED_HASH])
{
	struct hash h;

	blake2b(&h, NULL, &wire, 1);
	memcpy(out, h.b, SIGNED_HASH);
	if (ct_is_zero(out, SIGNED_HASH))
		out[SIGNED_HASH - 1] = 1;
}

size_t signed_parse(const char *text, size_t len, uint8_t out[static SIGNED_MAX])
{
	size_t n;

	while (len && strchr("\n\r \t", text[len - 1]) && text[len - 1])
		len--;
	if (!len || len % 4)
		return 0;
	n = len / 4 * 3;
	n -= text[len - 1] == '=';
	n -= text[len - 2] == '=';
	return n <= SIGNED_MAX && base64_decode(text, len, out, n) ? n : 0;
}

void signed_format(struct bytes wire, char out[static SIGNED_TEXT(SIGNED_MAX) + 1])
{
	BUG_ON(wire.len > SIGNED_MAX);
	base64_encode(wire.data, wire.len, out, SIGNED_TEXT(SIGNED_MAX) + 1);
	memcpy(out + BASE64_LEN(wire.len), "\n", 2);
}
