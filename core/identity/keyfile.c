/* keyfile.c - one line of base64 each way.
 *
 * Outputs are written only when the whole text is good; copies of a secret are wiped either way.
 */
#include "identity/keyfile.h"
#include "base/bug.h"
#include "base/text.h"
#include "crypto/curve.h"

#include <string.h>

static size_t without_trailing_space(const char *text, size_t len)
{
	while (len && (text[len - 1] == '\n' || text[len - 1] == '\r' || text[len - 1] == ' '
		       || text[len - 1] == '\t'))
		len--;
	return len;
}

enum key_problem peer_key_parse(const char *text, size_t len, struct public_key *out,
				struct dh_public *twin)
{
	struct public_key k;

	if (!base64_decode(text, without_trailing_space(text, len), k.b, sizeof(k.b)))
		return KEY_NOT_BASE64;
	if (!ed25519_to_dh_public(twin, &k))
		return KEY_BAD_POINT;
	*out = k;
	return KEY_OK;
}

enum key_problem public_key_parse(const char *text, size_t len, struct public_key *out)
{
	return peer_key_parse(text, len, out, &(struct dh_public){ 0 });
}

enum key_problem secret_key_parse(const char *text, size_t len, struct secret_key *secret,
				  struct public_key *public)
{
	struct secret_key read, made;
	struct public_key k;
	bool belongs;

	if (!base64_decode(text, without_trailing_space(text, len), read.b, sizeof(read.b)))
		return KEY_NOT_BASE64;
	/* The public half is never believed: signing with a wrong one gives the secret away.
	 * One that derives from the seed is a valid point. */
	ed25519_from_seed(&k, &made, read.b);
	belongs = ct_equal(&made, &read, sizeof(made));
	if (belongs) {
		*secret = made;
		*public = k;
	}
	wipe(&read, sizeof(read));
	wipe(&made, sizeof(made));
	return belongs ? KEY_OK : KEY_MISMATCH;
}

static void format(const void *key, size_t len, char *out, size_t out_cap)
{
	BUG_ON(out_cap < BASE64_LEN(len) + 2);
	base64_encode(key, len, out, out_cap);
	memcpy(out + BASE64_LEN(len), "\n", 2);
}

void public_key_format(const struct public_key *key, char out[static KEYFILE_PUBLIC + 1])
{
	format(key->b, sizeof(key->b), out, KEYFILE_PUBLIC + 1);
}

void secret_key_format(const struct secret_key *key, char out[static KEYFILE_SECRET + 1])
{
	format(key->b, sizeof(key->b), out, KEYFILE_SECRET + 1);
}

const char *key_problem_text(enum key_problem p)
{
	switch (p) {
	case KEY_OK:
		return "a good key";
	case KEY_NOT_BASE64:
		return "not a key in base64 of exactly the right length";
	case KEY_BAD_POINT:
		return "not a valid Ed25519 key (not a point of the curve, not canonical, "
		       "or of small order)";
	case KEY_MISMATCH:
		return "its secret and public half do not belong together";
	}
	BUG_ON(true);
}
