/* record.c - one encoder, one decoder, and a signature over the very bytes.
 *
 * A record is passed on as it was signed, so its bytes are kept. There is one encoding for each
 * meaning: what was decoded is encoded again and must give the same bytes, so no relaying node
 * can make a second, equally signed form, and no check of the form can be forgotten.
 */
#include "identity/record.h"

#include "base/cursor.h"
#include "identity/address.h"
#include "identity/signed.h"

#include <string.h>

#define VERSION 1u
#define LENGTH_AT 1u        /* offset of the length */
#define KEY_AT 3u
#define HEADER 64u          /* the fixed fields */
#define SIGNATURE 64u
#define MIN_RECORD (HEADER + SIGNATURE)

static const char context[] = "meshguard node record v1";

/* --- encoding */

static void write_ip(struct writer *w, const struct ip *ip)
{
	wr_bytes(w, ip->b, ip->family == FAMILY_IPV4 ? 4 : 16);
}

static void write_lists(struct writer *w, const struct record_body *b)
{
	for (unsigned i = 0; i < b->candidate_count; i++) {
		wr_u8(w, b->candidates[i].ip.family);
		wr_be16(w, b->candidates[i].port);
		write_ip(w, &b->candidates[i].ip);
	}
	for (unsigned i = 0; i < b->relay_count; i++)
		wr_bytes(w, b->relays[i].b, sizeof(b->relays[i].b));
	for (unsigned i = 0; i < b->route_count; i++) {
		wr_u8(w, b->routes[i].ip.family);
		wr_u8(w, b->routes[i].len);
		write_ip(w, &b->routes[i].ip);
	}
}

/* Everything before the signature; 0 if the whole would not fit MAX_RECORD. */
static size_t encode(const struct record_body *b, uint8_t out[static MAX_RECORD])
{
	struct writer w = wr_of(out, MAX_RECORD - SIGNATURE);
	size_t name_len = strnlen(b->name, MAX_NAME);

	wr_u8(&w, VERSION);
	wr_be16(&w, 0); /* the length, below */
	wr_bytes(&w, b->key.b, sizeof(b->key.b));
	wr_be64(&w, b->sequence);
	wr_be16(&w, b->flags);
	wr_u8(&w, b->nat_kind);
	wr_u8(&w, b->address_index);
	wr_bytes(&w, b->prefix.ip.b, 4);
	wr_u8(&w, b->prefix.len);
	wr_bytes(&w, b->certificate, sizeof(b->certificate));
	wr_u8(&w, (uint8_t)name_len);
	wr_u8(&w, b->candidate_count);
	wr_u8(&w, b->relay_count);
	wr_u8(&w, b->route_count);
	wr_bytes(&w, b->name, name_len);
	write_lists(&w, b);
	if (wr_ok(&w))
		store_be16(out + LENGTH_AT, (uint16_t)(wr_len(&w) + SIGNATURE));
	return wr_len(&w);
}

/* --- decoding */

static struct ip read_ip(struct cursor *c, uint8_t family)
{
	struct ip ip = { .family = family };

	if (family == FAMILY_IPV4)
		cur_bytes(c, ip.b, 4);
	else if (family == FAMILY_IPV6)
		cur_bytes(c, ip.b, 16);
	else
		cur_fail(c);
	return ip;
}

static void read_candidate(struct cursor *c, struct endpoint *e)
{
	uint8_t family = cur_u8(c);

	e->port = cur_be16(c);
	e->ip = read_ip(c, family);
	if (!e->port || !ip_is_unicast(&e->ip))
		cur_fail(c);
}

static void read_route(struct cursor *c, struct prefix *p)
{
	uint8_t family = cur_u8(c), len = cur_u8(c);
	struct ip ip = read_ip(c, family);

	if (!cur_ok(c) || len > ip_bits(&ip))
		return cur_fail(c);
	*p = prefix_of(&ip, len); /* host bits would show when it is encoded again */
}

static void read_name(struct cursor *c, char out[static MAX_NAME + 1], size_t len)
{
	struct bytes name = cur_span(c, len);

	if (!cur_ok(c) || (len && !name_valid((const char *)name.data, len)))
		return cur_fail(c);
	memcpy(out, name.data, len);
}

static void read_prefix(struct cursor *c, struct prefix *p)
{
	struct ip ip = read_ip(c, FAMILY_IPV4);
	uint8_t len = cur_u8(c);

	if (len < 8 || len > 24)
		return cur_fail(c);
	*p = prefix_of(&ip, len);
}

static void read_body(struct cursor *c, struct record_body *b)
{
	uint8_t name_len;

	cur_bytes(c, b->key.b, sizeof(b->key.b));
	b->sequence = cur_be64(c);
	b->flags = cur_be16(c);
	b->nat_kind = cur_u8(c);
	b->address_index = cur_u8(c);
	read_prefix(c, &b->prefix);
	cur_bytes(c, b->certificate, sizeof(b->certificate));
	name_len = cur_u8(c);
	b->candidate_count = cur_u8(c);
	b->relay_count = cur_u8(c);
	b->route_count = cur_u8(c);
	if (!b->sequence || b->address_index > ADDRESS_INDEXES || name_len > MAX_NAME
	    || b->candidate_count > MAX_CANDIDATES || b->relay_count > RECORD_RELAY_MAX
	    || b->route_count > RECORD_ROUTE_MAX)
		return cur_fail(c);
	read_name(c, b->name, name_len);
	for (unsigned i = 0; i < b->candidate_count; i++)
		read_candidate(c, &b->candidates[i]);
	for (unsigned i = 0; i < b->relay_count; i++)
		cur_bytes(c, b->relays[i].b, sizeof(b->relays[i].b));
	for (unsigned i = 0; i < b->route_count; i++)
		read_route(c, &b->routes[i]);
}

size_t record_length(struct bytes wire)
{
	size_t len;

	if (wire.len < MIN_RECORD || wire.data[0] != VERSION)
		return 0;
	len = load_be16(wire.data + LENGTH_AT);
	return len < MIN_RECORD || len > MAX_RECORD || len > wire.len ? 0 : len;
}

void record_key(struct bytes wire, struct public_key *out)
{
	memcpy(out->b, wire.data + KEY_AT, sizeof(out->b));
}

bool record_decode(struct bytes wire, struct record_claim *out)
{
	struct cursor c;
	uint8_t again[MAX_RECORD];

	if (!record_length(wire) || record_length(wire) != wire.len)
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

/* --- signatures */

static void take(const struct record_claim *claim, struct record *out)
{
	out->body = claim->body;
	out->len = claim->len;
	memcpy(out->wire, claim->wire, sizeof(out->wire));
}

bool record_verify(const struct record_claim *claim, struct record *out)
{
	size_t len = claim->len - SIGNATURE;

	BUG_ON(claim->len < MIN_RECORD || claim->len > MAX_RECORD);
	if (!signed_check(claim->wire + len, context, bytes_of(claim->wire, len),
			  &claim->body.key))
		return false;
	take(claim, out);
	return true;
}

void record_keep(const struct record *record, struct record_kept *out)
{
	out->len = record->len;
	memcpy(out->wire, record->wire, sizeof(out->wire));
}

void record_unkeep(const struct record_kept *kept, struct record *out)
{
	struct record_claim claim;

	BUG_ON(!record_decode(bytes_of(kept->wire, kept->len), &claim));
	take(&claim, out);
}

bool record_sign(const struct record_body *body, const struct secret_key *secret,
		 struct record *out)
{
	uint8_t wire[MAX_RECORD];
	struct record_claim claim;
	size_t len;

	BUG_ON(memcmp(body->key.b, secret->b + 32, sizeof(body->key.b)) != 0);
	BUG_ON(body->prefix.ip.family != FAMILY_IPV4);
	BUG_ON(body->candidate_count > MAX_CANDIDATES || body->relay_count > RECORD_RELAY_MAX
	       || body->route_count > RECORD_ROUTE_MAX);
	len = encode(body, wire);
	if (!len)
		return false;
	signed_make(wire + len, context, bytes_of(wire, len), secret);
	len += SIGNATURE;
	if (!record_decode(bytes_of(wire, len), &claim)) /* others would refuse it, too */
		return false;
	take(&claim, out);
	return true;
}
