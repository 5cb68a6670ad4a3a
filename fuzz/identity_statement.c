/* Statements as strangers send them, the same bytes as a trusted but hostile issuer signs them, and
 * several in a row, put into a small store. */
#include "contexts.h"

#include "crypto/curve.h"
#include "identity/statement_store.h"

#include <string.h>

#define SLOTS 4u

static struct public_key keys[2];
static struct secret_key secrets[2];

static const char *const contexts[] = { NULL, "meshguard revocation v1", "meshguard vouch v1",
					"meshguard alias v1", "meshguard successor v1" };

static size_t as_it_is(struct bytes wire)
{
	struct statement_claim claim;
	struct statement verified;
	size_t len = statement_length(wire);

	BUG_ON(len > wire.len || len > MAX_STATEMENT);
	if (statement_decode(wire, &claim)) {
		BUG_ON(len != wire.len || claim.len != len || memcmp(claim.wire, wire.data, len));
		(void)!statement_verify(&claim, &verified);
	}
	return len;
}

/* With keys and good signatures of an issuer whose word counts; `size` is that of the body. */
static void as_signed(struct statement_store *store, const uint8_t *data, size_t size)
{
	uint8_t wire[MAX_STATEMENT], hash[SIGNED_HASH];
	struct statement_claim claim;
	struct statement verified, again;
	uint32_t slot;
	unsigned kind;
	bool both;

	if (size < 68 || data[1] < 1 || data[1] > STATEMENT_KINDS)
		return;
	kind = data[1];
	both = kind == STATEMENT_SUCCESSOR;
	if (size > MAX_STATEMENT - (both ? 128u : 64u))
		return;
	memcpy(wire, data, size);
	store_be16(wire + 2, (uint16_t)(size + (both ? 128 : 64)));
	memcpy(wire + 4, keys, 64);
	signed_make(wire + size, contexts[kind], bytes_of(wire, size), &secrets[0]);
	if (both)
		signed_make(wire + size + 64, contexts[kind], bytes_of(wire, size), &secrets[1]);
	if (!statement_decode(bytes_of(wire, load_be16(wire + 2)), &claim))
		return;
	BUG_ON(!statement_verify(&claim, &verified));
	/* One encoding, and signatures are deterministic: we would have sent the same bytes. */
	BUG_ON(!statement_sign(&verified.body, &secrets[0], both ? &secrets[1] : NULL, &again));
	BUG_ON(again.len != verified.len || memcmp(again.wire, wire, again.len) != 0);
	if (statement_store_put(store, &verified, &slot) == STATEMENT_FULL)
		return;
	statement_hash(statement_store_at(store, slot), hash);
	BUG_ON(memcmp(hash, statement_store_hash(store, slot), sizeof(hash)) != 0);
	BUG_ON(statement_store_find(store, kind, &keys[0], &keys[1]) != slot);
	BUG_ON(statement_store_find_hash(store, hash) != slot);
	BUG_ON(statement_store_at(store, slot)->body.number < verified.body.number);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t seeds[2][32] = { { 1 }, { 2 } }, hash_key[16] = { 3 };
	static _Alignas(64) uint8_t memory[64u << 10];
	struct statement_store *store;

	test_crypto();
	for (unsigned i = 0; i < 2 && !secrets[i].b[0]; i++)
		ed25519_from_seed(&keys[i], &secrets[i], seeds[i]);
	BUG_ON(statement_store_size(SLOTS) > sizeof(memory));
	memset(memory, 0, statement_store_size(SLOTS));
	store = statement_store_init(memory, SLOTS, hash_key);
	as_signed(store, data, size);
	for (size_t at = 0, len; at < size; at += len) {
		len = as_it_is(bytes_of(data + at, size - at));
		if (!len)
			break;
		as_signed(store, data + at, len - (data[at + 1] == STATEMENT_SUCCESSOR ? 128 : 64));
	}
	return 0;
}
