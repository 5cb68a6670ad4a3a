/* statement.c - one encoder, one decoder, one verifier for four kinds.
 *
 * As with records, what was decoded is encoded again and must give the same bytes. The kind is in
 * the bytes and chooses the context string that they were signed with.
 */
#include "identity/statement.h"
#include "base/cursor.h"
#include "crypto/curve.h"
#include "identity/address.h"

#include <string.h>

#define VERSION 1u
#define KIND_AT 1u
#define LENGTH_AT 2u
#define SIGNATURE 64u
#define HEADER 84u          /* the fixed fields */
#define MIN_STATEMENT (HEADER + SIGNATURE)

_Static_assert(MAX_STATEMENT >= HEADER + 1 + MAX_NAME + SIGNATURE, "the longest alias fits");
_Static_assert(MAX_STATEMENT >= HEADER + 8 + 2 * SIGNATURE, "a successor fits");
_Static_assert(MAX_STATEMENT <= SIGNED_MAX, "it is hashed and written as text");

const char *statement_kind_name(enum statement_kind kind)
{
	static const char *const names[] = { "revocation", "vouch", "alias", "successor" };

	BUG_ON(kind < 1 || kind > STATEMENT_KINDS);
	return names[kind - 1];
}

const char *revocation_reason_name(enum revocation_reason reason)
{
	static const char *const names[] = { "unspecified", "key-compromised", "admin-removed" };

	BUG_ON(reason >= REVOCATION_REASONS);
	return names[reason];
}

static const char *context_of(enum statement_kind kind)
{
	static const char *const contexts[] = {
		"meshguard revocation v1", "meshguard vouch v1", "meshguard alias v1",
		"meshguard successor v1",
	};

	BUG_ON(kind < 1 || kind > STATEMENT_KINDS);
	return contexts[kind - 1];
}

static size_t signatures_of(unsigned kind)
{
	return kind == STATEMENT_SUCCESSOR ? 2 * SIGNATURE : SIGNATURE;
}

/* Everything before the signatures; 0 if the whole would not fit. */
static size_t encode(const struct statement_body *b, uint8_t out[static MAX_STATEMENT])
{
	struct writer w = wr_of(out, MAX_STATEMENT - signatures_of(b->kind));
	size_t name_len = strnlen(b->name, MAX_NAME);

	wr_u8(&w, VERSION);
	wr_u8(&w, (uint8_t)b->kind);
	wr_be16(&w, 0); /* the length, below */
	wr_bytes(&w, b->issuer.b, sizeof(b->issuer.b));
	wr_bytes(&w, b->subject.b, sizeof(b->subject.b));
	wr_be64(&w, b->number);
	wr_be64(&w, b->issued);
	switch (b->kind) {
	case STATEMENT_REVOCATION:
		wr_u8(&w, (uint8_t)b->reason);
		break;
	case STATEMENT_VOUCH:
		break;
	case STATEMENT_ALIAS:
		wr_u8(&w, (uint8_t)name_len);
		wr_bytes(&w, b->name, name_len);
		break;
	case STATEMENT_SUCCESSOR:
		wr_be64(&w, b->until);
		break;
	}
	if (wr_ok(&w))
		store_be16(out + LENGTH_AT, (uint16_t)(wr_len(&w) + signatures_of(b->kind)));
	return wr_len(&w);
}

static void read_name(struct cursor *c, char out[static MAX_NAME + 1])
{
	struct bytes name = cur_span(c, cur_u8(c));

	if (!cur_ok(c) || !name_valid((const char *)name.data, name.len))
		return cur_fail(c);
	memcpy(out, name.data, name.len);
}

static void read_body(struct cursor *c, struct statement_body *b)
{
	cur_bytes(c, b->issuer.b, sizeof(b->issuer.b));
	cur_bytes(c, b->subject.b, sizeof(b->subject.b));
	b->number = cur_be64(c);
	b->issued = cur_be64(c);
	if (!b->number)
		return cur_fail(c);
	switch (b->kind) {
	case STATEMENT_REVOCATION:
		b->reason = cur_u8(c);
		if (b->reason >= REVOCATION_REASONS)
			cur_fail(c);
		break;
	case STATEMENT_VOUCH:
		break;
	case STATEMENT_ALIAS:
		read_name(c, b->name);
		break;
	case STATEMENT_SUCCESSOR:
		b->until = cur_be64(c);
		break;
	}
}

size_t statement_length(struct bytes wire)
{
	size_t len;

	if (wire.len < MIN_STATEMENT || wire.data[0] != VERSION || wire.data[KIND_AT] < 1
	    || wire.data[KIND_AT] > STATEMENT_KINDS)
		return 0;
	len = load_be16(wire.data + LENGTH_AT);
	return len < HEADER + signatures_of(wire.data[KIND_AT]) || len > MAX_STATEMENT
	       || len > wire.len ? 0 : len;
}

bool statement_decode(struct bytes wire, struct statement_claim *out)
{
	struct cursor c;
	uint8_t again[MAX_STATEMENT];
	size_t body;

	if (!statement_length(wire) || statement_length(wire) != wire.len)
		return false;
	memset(out, 0, sizeof(*out));
	out->body.kind = wire.data[KIND_AT];
	body = wire.len - signatures_of(out->body.kind);
	c = cur_of(wire.data + LENGTH_AT + 2, body - LENGTH_AT - 2);
	read_body(&c, &out->body);
	if (!cur_done(&c) || encode(&out->body, again) != body
	    || memcmp(again, wire.data, body) != 0)
		return false;
	out->len = (uint16_t)wire.len;
	memcpy(out->wire, wire.data, wire.len);
	return true;
}

/* --- signatures */

static bool keys_are_good(const struct statement_body *b)
{
	struct dh_public issuer, subject;

	if (!ed25519_to_dh_public(&issuer, &b->issuer)
	    || !ed25519_to_dh_public(&subject, &b->subject))
		return false;
	if (b->kind == STATEMENT_ALIAS && !memcmp(&b->issuer, &b->subject, sizeof(b->issuer)))
		return true;
	return memcmp(&issuer, &subject, sizeof(issuer)) != 0;
}

static void take(const struct statement_claim *claim, struct statement *out)
{
	out->body = claim->body;
	out->len = claim->len;
	memcpy(out->wire, claim->wire, sizeof(out->wire));
}

bool statement_is_signed(const struct statement_claim *claim)
{
	const struct statement_body *b = &claim->body;
	const char *context = context_of(b->kind);
	size_t len = claim->len - signatures_of(b->kind);
	struct bytes m = bytes_of(claim->wire, len);

	BUG_ON(claim->len < MIN_STATEMENT || claim->len > MAX_STATEMENT);
	return signed_check(claim->wire + len, context, m, &b->issuer)
	    && (b->kind != STATEMENT_SUCCESSOR
		|| signed_check(claim->wire + len + SIGNATURE, context, m, &b->subject));
}

bool statement_verify(const struct statement_claim *claim, struct statement *out)
{
	if (!statement_is_signed(claim) || !keys_are_good(&claim->body))
		return false;
	take(claim, out);
	return true;
}

/* Of valid keys those are twins that differ in the sign alone. */
static bool is_twin(const struct public_key *a, const struct public_key *b)
{
	return !memcmp(a->b, b->b, 31) && ((a->b[31] ^ b->b[31]) & 0x7f) == 0;
}

bool statement_verify_of_known(const struct statement_claim *claim, struct statement *out)
{
	const struct statement_body *b = &claim->body;
	bool is_own = !memcmp(&b->issuer, &b->subject, sizeof(b->issuer));
	struct dh_public subject;

	BUG_ON(b->kind == STATEMENT_SUCCESSOR);
	if (!statement_is_signed(claim))
		return false;
	if (!is_own && (!ed25519_to_dh_public(&subject, &b->subject)
			|| is_twin(&b->issuer, &b->subject)))
		return false;
	if (is_own && b->kind != STATEMENT_ALIAS)
		return false;
	take(claim, out);
	return true;
}

static bool is_pair(const struct public_key *key, const struct secret_key *secret)
{
	return !memcmp(key->b, secret->b + 32, sizeof(key->b));
}

bool statement_sign(const struct statement_body *body, const struct secret_key *issuer,
		    const struct secret_key *subject, struct statement *out)
{
	const char *context = context_of(body->kind);
	bool both = body->kind == STATEMENT_SUCCESSOR;
	struct statement_claim claim;
	uint8_t wire[MAX_STATEMENT];
	size_t len;

	BUG_ON(!is_pair(&body->issuer, issuer) || both != (subject != NULL));
	BUG_ON(both && !is_pair(&body->subject, subject));
	len = encode(body, wire);
	BUG_ON(!len);
	signed_make(wire + len, context, bytes_of(wire, len), issuer);
	if (both)
		signed_make(wire + len + SIGNATURE, context, bytes_of(wire, len), subject);
	if (!statement_decode(bytes_of(wire, len + signatures_of(body->kind)), &claim)
	    || !keys_are_good(&claim.body))
		return false;
	take(&claim, out);
	return true;
}

void statement_hash(const struct statement *s, uint8_t out[static SIGNED_HASH])
{
	signed_hash(bytes_of(s->wire, s->len), out);
}
