/* Certificates as strangers send them, the same bytes as a trusted but hostile org signs them, and
 * the text of a file. */
#include "contexts.h"

#include "crypto/curve.h"
#include "identity/certificate.h"

#include <string.h>

static void as_it_is(struct bytes wire)
{
	struct certificate_claim claim;
	struct certificate verified;

	if (!certificate_decode(wire, &claim))
		return;
	BUG_ON(claim.len != wire.len || memcmp(claim.wire, wire.data, wire.len) != 0);
	BUG_ON(claim.body.not_before >= claim.body.expires);
	(void)!certificate_verify(&claim, &verified);
}

/* With the keys and a good signature of an org that we would believe. */
static void as_signed(const uint8_t *data, size_t size, const struct public_key keys[2],
		      const struct secret_key *sk)
{
	uint8_t wire[MAX_CERTIFICATE];
	struct certificate_claim claim;
	struct certificate verified, again;

	if (size < 67 || size > MAX_CERTIFICATE - 64)
		return;
	memcpy(wire, data, size);
	store_be16(wire + 1, (uint16_t)(size + 64));
	memcpy(wire + 3, keys, 64);
	signed_make(wire + size, "meshguard certificate v1", bytes_of(wire, size), sk);
	if (!certificate_decode(bytes_of(wire, size + 64), &claim))
		return;
	BUG_ON(!certificate_verify(&claim, &verified));
	/* One encoding, and signatures are deterministic: we would have sent the same bytes. */
	BUG_ON(!certificate_sign(&verified.body, sk, &again));
	BUG_ON(again.len != size + 64 || memcmp(again.wire, wire, again.len) != 0);
}

static void as_text(const uint8_t *data, size_t size)
{
	uint8_t wire[SIGNED_MAX];
	char text[SIGNED_TEXT(SIGNED_MAX) + 1];
	size_t n = signed_parse((const char *)data, size, wire);

	if (!n)
		return;
	signed_format(bytes_of(wire, n), text);
	BUG_ON(strlen(text) > size + 1 || memcmp(text, data, strlen(text) - 1) != 0);
	as_it_is(bytes_of(wire, n));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t seeds[2][32] = { { 1 }, { 2 } };
	static struct public_key keys[2];
	static struct secret_key sk, other;

	test_crypto();
	if (!sk.b[0]) {
		ed25519_from_seed(&keys[0], &sk, seeds[0]);
		ed25519_from_seed(&keys[1], &other, seeds[1]);
	}
	as_it_is(bytes_of(data, size));
	as_signed(data, size, keys, &sk);
	as_text(data, size);
	return 0;
}
