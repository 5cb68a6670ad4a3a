/* certificate.c - as record.c does it: one encoding of each meaning, and the very bytes are kept
 * and passed on. */
#include "identity/certificate.h"
#include "base/cursor.h"
#include "crypto/curve.h"
#include "identity/address.h"

#include <string.h>

#define VERSION 1u
#define LENGTH_AT 1u
#define SIGNATURE 64u
#define HEADER 87u          /* the fixed fields */
#define MIN_CERTIFICATE (HEADER + 1 + SIGNATURE)

_Static_assert(MAX_CERTIFICATE <= SIGNED_MAX, "it is hashed and written as text");

static const char context[] = "meshguard certificate v1";

/* Everything before the signature; 0 if the whole would not fit MAX_CERTIFICATE. */
static size_t encode(const struct certificate_body *b, uint8_t out[static MAX_CERTIFICATE])
{
	struct writer w = wr_of(out, MAX_CERTIFICATE - SIGNATURE);
	size_t name_len = strnlen(b->name, MAX_NAME);

	wr_u8(&w, VERSION);
	wr_be16(&w, 0); /* the length, below */
	wr_bytes(&w, b->org.b, sizeof(b->org.b));
	wr_bytes(&w, b->node.b, sizeof(b->node.b));
	wr_be64(&w, b->not_before);
	wr_be64(&w, b->expires);
	wr_be16(&w, b->flags);
	wr_u8(&w, (uint8_t)name_len);
	wr_u8(&w, b->group_count);
	wr_bytes(&w, b->name, name_len);
	for (unsigned i = 0; i < b->group_count; i++) {
		size_t len = strnlen(b->groups[i], MAX_NAME);

		wr_u8(&w, (uint8_t)len);
		wr_bytes(&w, b->groups[i], len);
	}
	if (wr_ok(&w))
		store_be16(out + LENGTH_AT, (uint16_t)(wr_len(&w) + SIGNATURE));
	return wr_len(&w);
}

static void read_name(struct cursor *c, char out[static MAX_NAME + 1], size_t len)
{
	struct bytes name = cur_span(c, len);

	if (!cur_ok(c) || !name_valid((const char *)name.data, len))
		return cur_fail(c);
	memcpy(out, name.data, len);
}

static void read_body(struct cursor *c, struct certificate_body *b)
{
	uint8_t name_len;

	cur_bytes(c, b->org.b, sizeof(b->org.b));
	cur_bytes(c, b->node.b, sizeof(b->node.b));
	b->not_before = cur_be64(c);
	b->expires = cur_be64(c);
	b->flags = cur_be16(c);
	name_len = cur_u8(c);
	b->group_count = cur_u8(c);
	if (b->not_before >= b->expires || b->group_count > CERTIFICATE_GROUPS)
		return cur_fail(c);
	read_name(c, b->name, name_len);
	for (unsigned i = 0; i < b->group_count; i++) {
		read_name(c, b->groups[i], cur_u8(c));
		if (i && strcmp(b->groups[i - 1], b->groups[i]) >= 0)
			cur_fail(c);
	}
}

bool certificate_decode(struct bytes wire, struct certificate_claim *out)
{
	struct cursor c;
	uint8_t again[MAX_CERTIFICATE];

	if (wire.len < MIN_CERTIFICATE || wire.len > MAX_CERTIFICATE || wire.data[0] != VERSION
	    || load_be16(wire.data + LENGTH_AT) != wire.len)
		return false;
	memset(out, 0, sizeof(*out));
	c = cur_of(wire.data + LENGTH_AT + 2, wire.len - SIGNATURE - LENGTH_AT - 2);
	read_body(&c, &out->body);
	if (!cur_done(&c) || encode(&out->body, again) != wire.len - SIGNATURE
	    || memcmp(again, wire.data, wire.len - SIGNATURE) != 0)
		return false;
	out->len = (uint16_t)wire.len;
	memcpy(out->wire, wire.data, wire.len);
	return true;
}

static bool keys_are_good(const struct certificate_body *b)
{
	struct dh_public org, node;

	return ed25519_to_dh_public(&org, &b->org) && ed25519_to_dh_public(&node, &b->node)
	    && memcmp(&org, &node, sizeof(org)) != 0;
}

static void take(const struct certificate_claim *claim, struct certificate *out)
{
	out->body = claim->body;
	out->len = claim->len;
	memcpy(out->wire, claim->wire, sizeof(out->wire));
}

bool certificate_verify(const struct certificate_claim *claim, struct certificate *out)
{
	size_t len = claim->len - SIGNATURE;

	BUG_ON(claim->len < MIN_CERTIFICATE || claim->len > MAX_CERTIFICATE);
	if (!signed_check(claim->wire + len, context, bytes_of(claim->wire, len),
			  &claim->body.org)
	    || !keys_are_good(&claim->body))
		return false;
	take(claim, out);
	return true;
}

bool certificate_sign(const struct certificate_body *body, const struct secret_key *secret,
		      struct certificate *out)
{
	struct certificate_claim claim;
	uint8_t wire[MAX_CERTIFICATE];
	size_t len;

	BUG_ON(memcmp(body->org.b, secret->b + 32, sizeof(body->org.b)) != 0);
	BUG_ON(body->group_count > CERTIFICATE_GROUPS);
	len = encode(body, wire);
	if (!len)
		return false;
	signed_make(wire + len, context, bytes_of(wire, len), secret);
	if (!certificate_decode(bytes_of(wire, len + SIGNATURE), &claim)
	    || !keys_are_good(&claim.body))
		return false;
	take(&claim, out);
	return true;
}

void certificate_hash(const struct certificate *c, uint8_t out[static SIGNED_HASH])
{
	signed_hash(bytes_of(c->wire, c->len), out);
}

struct validity certificate_validity(const struct certificate *c, uint64_t now)
{
	const struct certificate_body *b = &c->body;

	if (now < b->not_before)
		return (struct validity){ VALIDITY_NOT_YET, b->not_before - now };
	if (now < b->expires)
		return (struct validity){ VALIDITY_GOOD, b->expires - now };
	return (struct validity){ VALIDITY_EXPIRED, now - b->expires };
}
