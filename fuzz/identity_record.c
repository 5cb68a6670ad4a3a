/* Records as strangers send them, and the same bytes as an admitted but hostile node signs them. */
#include "contexts.h"

#include "crypto/curve.h"
#include "identity/record.h"

#include <string.h>

static void as_it_is(struct bytes wire)
{
	struct record_claim claim;
	struct record record;
	size_t len = record_length(wire);

	BUG_ON(len > wire.len || len > MAX_RECORD);
	if (record_decode(wire, &claim)) {
		BUG_ON(len != wire.len || claim.len != len || memcmp(claim.wire, wire.data, len));
		(void)!record_verify(&claim, &record);
	}
}

/* With the key and a good signature of a node that we would believe. */
static void as_signed(const uint8_t *data, size_t size, const struct public_key *pk,
		      const struct secret_key *sk)
{
	static const char context[] = "meshguard node record v1";
	uint8_t message[sizeof(context) - 1 + MAX_RECORD];
	uint8_t *wire = message + sizeof(context) - 1;
	struct record_claim claim;
	struct record verified, again;
	struct signature signature;

	if (size < 64 || size > MAX_RECORD - 64)
		return;
	memcpy(message, context, sizeof(context) - 1);
	memcpy(wire, data, size);
	store_be16(wire + 1, (uint16_t)(size + 64));
	memcpy(wire + 3, pk->b, sizeof(pk->b));
	ed25519_sign(&signature, message, sizeof(context) - 1 + size, sk);
	memcpy(wire + size, signature.b, sizeof(signature.b));
	if (!record_decode(bytes_of(wire, size + 64), &claim))
		return;
	BUG_ON(!record_verify(&claim, &verified));
	/* One encoding, and signatures are deterministic: we would have sent the same bytes. */
	BUG_ON(!record_sign(&verified.body, sk, &again));
	BUG_ON(again.len != size + 64 || memcmp(again.wire, wire, again.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t seed[32] = { 1 };
	static struct public_key pk;
	static struct secret_key sk;

	test_crypto();
	if (!sk.b[0])
		ed25519_from_seed(&pk, &sk, seed);
	as_it_is(bytes_of(data, size));
	as_signed(data, size, &pk, &sk);
	return 0;
}
