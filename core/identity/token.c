/* token.c - bytes and text of a token.
 *
 * As with records there is one encoding for each meaning: what was decoded is encoded again and
 * must give the same bytes. All is decoded into memory of fixed size, and every copy is wiped.
 */
#include "identity/token.h"

#include "base/cursor.h"
#include "crypto/hash.h"
#include "identity/signed.h"

#include <string.h>

#define VERSION 2u
#define FLAG_CLOSED 1u
#define FLAG_HARD 2u
#define SIGNATURE 64u
#define KIND_MASK 3u
#define OPEN_BIT 4u
#define IPV6_BIT 8u
#define CANDIDATE_MAX 19u
#define BODY_MAX (68u + TOKEN_CANDIDATES * CANDIDATE_MAX + TOKEN_INTRODUCERS * (8u + CANDIDATE_MAX))
#define WIRE_MAX (BODY_MAX + SIGNATURE)
#define SCHEME "mg://"
#define SCHEME_LEN (sizeof(SCHEME) - 1)

static const char context[] = "meshguard token v2";
static const char mark_label[] = "meshguard token mark v2";
static const char bell_label[] = "meshguard token bell v2";

_Static_assert(SCHEME_LEN + (WIRE_MAX * 4 + 2) / 3 <= TOKEN_TEXT, "the longest is accepted");
_Static_assert(BODY_MAX <= SIGNED_MAX, "and can be signed");

/* --- encoding */

static void write_candidate(struct writer *w, const struct token_candidate *c)
{
	bool v4 = c->at.ip.family == FAMILY_IPV4;

	wr_u8(w, (uint8_t)(c->kind | (c->open ? OPEN_BIT : 0) | (v4 ? 0 : IPV6_BIT)));
	wr_bytes(w, c->at.ip.b, v4 ? 4 : 16);
	wr_be16(w, c->at.port);
}

/* All before the signature. */
static size_t encode(const struct token *t, uint8_t out[static BODY_MAX])
{
	struct writer w = wr_of(out, BODY_MAX);

	wr_u8(&w, VERSION);
	wr_u8(&w, (uint8_t)(t->candidate_count << 4 | t->introducer_count));
	wr_u8(&w, (uint8_t)((t->closed ? FLAG_CLOSED : 0) | (t->hard ? FLAG_HARD : 0)));
	wr_bytes(&w, t->key.b, sizeof(t->key.b));
	wr_bytes(&w, t->id, sizeof(t->id));
	wr_bytes(&w, t->secret, sizeof(t->secret));
	wr_u8(&w, (uint8_t)(t->expires >> 32));
	wr_be32(&w, (uint32_t)t->expires);
	wr_bytes(&w, t->prefix.ip.b, 3);
	wr_u8(&w, t->prefix.len);
	for (unsigned i = 0; i < t->candidate_count; i++)
		write_candidate(&w, &t->candidates[i]);
	for (unsigned i = 0; i < t->introducer_count; i++) {
		wr_bytes(&w, t->introducers[i].key, sizeof(t->introducers[i].key));
		write_candidate(&w, &t->introducers[i].at);
	}
	return wr_len(&w);
}

/* --- decoding */

static void read_candidate(struct cursor *c, struct token_candidate *out)
{
	uint8_t kind = cur_u8(c);
	bool v6 = kind & IPV6_BIT;

	if (kind & ~(KIND_MASK | OPEN_BIT | IPV6_BIT))
		cur_fail(c);
	out->kind = kind & KIND_MASK;
	out->open = kind & OPEN_BIT;
	out->at.ip.family = v6 ? FAMILY_IPV6 : FAMILY_IPV4;
	cur_bytes(c, out->at.ip.b, v6 ? 16 : 4);
	out->at.port = cur_be16(c);
	if (!out->at.port || !ip_is_unicast(&out->at.ip) || ip_is_link_local(&out->at.ip))
		cur_fail(c);
}

static void read_prefix(struct cursor *c, struct prefix *out)
{
	struct ip ip = { .family = FAMILY_IPV4 };
	uint8_t len;

	cur_bytes(c, ip.b, 3);
	len = cur_u8(c);
	if (len < 8 || len > 24)
		return cur_fail(c);
	*out = prefix_of(&ip, len); /* host bits would show when it is encoded again */
}

static bool decode(struct bytes body, struct token *t)
{
	struct cursor c = cur_of(body.data, body.len);
	uint8_t counts, flags;

	(void)cur_u8(&c); /* the version was looked at */
	counts = cur_u8(&c);
	flags = cur_u8(&c);
	t->closed = flags & FLAG_CLOSED;
	t->hard = flags & FLAG_HARD;
	t->candidate_count = counts >> 4;
	t->introducer_count = counts & 15;
	if (t->candidate_count > TOKEN_CANDIDATES || t->introducer_count > TOKEN_INTRODUCERS)
		return false;
	cur_bytes(&c, t->key.b, sizeof(t->key.b));
	cur_bytes(&c, t->id, sizeof(t->id));
	cur_bytes(&c, t->secret, sizeof(t->secret));
	t->expires = (uint64_t)cur_u8(&c) << 32;
	t->expires |= cur_be32(&c);
	read_prefix(&c, &t->prefix);
	for (unsigned i = 0; i < t->candidate_count; i++)
		read_candidate(&c, &t->candidates[i]);
	for (unsigned i = 0; i < t->introducer_count; i++) {
		cur_bytes(&c, t->introducers[i].key, sizeof(t->introducers[i].key));
		read_candidate(&c, &t->introducers[i].at);
	}
	return cur_done(&c);
}

static enum token_problem read_wire(struct bytes wire, struct token *t)
{
	struct bytes body = { wire.data, wire.len - SIGNATURE };
	uint8_t again[BODY_MAX];
	bool same;

	if (wire.len <= SIGNATURE + 3)
		return TOKEN_MALFORMED;
	if (wire.data[0] != VERSION || wire.data[2] & ~(FLAG_CLOSED | FLAG_HARD))
		return TOKEN_BAD_VERSION;
	if (!decode(body, t))
		return TOKEN_MALFORMED;
	same = encode(t, again) == body.len && !memcmp(again, body.data, body.len);
	wipe(again, sizeof(again));
	if (!same)
		return TOKEN_MALFORMED;
	return signed_check(wire.data + body.len, context, body, &t->key) ? TOKEN_OK : TOKEN_FORGED;
}

/* --- text */

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static int value_of(char c)
{
	const char *at = c ? strchr(alphabet, c) : NULL;

	return at ? (int)(at - alphabet) : -1;
}

/* RFC 4648, section 5, without padding. Line breaks are passed over. */
static enum token_problem decode_text(const char *text, size_t len, uint8_t out[static WIRE_MAX],
				      size_t *out_len)
{
	uint32_t bits = 0;
	unsigned have = 0;
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		int v = value_of(text[i]);

		if (text[i] == '\n' || text[i] == '\r')
			continue;
		if (v < 0)
			return TOKEN_BAD_CHARACTER;
		bits = (bits << 6 | (uint32_t)v) & 0xFFFF;
		have += 6;
		if (have < 8)
			continue;
		have -= 8;
		if (n == WIRE_MAX)
			return TOKEN_MALFORMED;
		out[n++] = (uint8_t)(bits >> have);
	}
	*out_len = n;
	return have == 6 || (bits & ((1u << have) - 1)) ? TOKEN_MALFORMED : TOKEN_OK;
}

static void encode_text(const uint8_t *wire, size_t len, char *out)
{
	uint32_t bits = 0;
	unsigned have = 0;

	for (size_t i = 0; i < len; i++) {
		bits = (bits << 8 | wire[i]) & 0xFFFF;
		for (have += 8; have >= 6; have -= 6)
			*out++ = alphabet[bits >> (have - 6) & 63];
	}
	if (have)
		*out++ = alphabet[bits << (6 - have) & 63];
	*out = '\0';
}

/* --- making and reading */

bool token_make(const struct token *t, const struct secret_key *secret,
		char out[static TOKEN_TEXT + 1])
{
	uint8_t wire[WIRE_MAX];
	struct token again;
	bool good;
	size_t len;

	BUG_ON(memcmp(t->key.b, secret->b + 32, sizeof(t->key.b)) != 0);
	BUG_ON(t->candidate_count > TOKEN_CANDIDATES || t->introducer_count > TOKEN_INTRODUCERS);
	if (t->expires >> 40)
		return false;
	len = encode(t, wire);
	BUG_ON(!len);
	signed_make(wire + len, context, bytes_of(wire, len), secret);
	memcpy(out, SCHEME, SCHEME_LEN);
	encode_text(wire, len + SIGNATURE, out + SCHEME_LEN);
	good = token_read(out, strlen(out), &again) == TOKEN_OK;
	wipe(wire, sizeof(wire));
	wipe(&again, sizeof(again));
	return good;
}

enum token_problem token_read(const char *text, size_t len, struct token *out)
{
	enum token_problem problem;
	uint8_t wire[WIRE_MAX];
	struct token t;
	size_t n = 0;

	while (len && is_space(text[len - 1]))
		len--;
	while (len && is_space(*text))
		text++, len--;
	if (len > TOKEN_TEXT)
		return TOKEN_TOO_LONG;
	if (len < SCHEME_LEN || memcmp(text, SCHEME, SCHEME_LEN) != 0)
		return TOKEN_NO_SCHEME;
	memset(&t, 0, sizeof(t));
	problem = decode_text(text + SCHEME_LEN, len - SCHEME_LEN, wire, &n);
	if (problem == TOKEN_OK)
		problem = read_wire(bytes_of(wire, n), &t);
	if (problem == TOKEN_OK)
		*out = t;
	wipe(wire, sizeof(wire));
	wipe(&t, sizeof(t));
	return problem;
}

const char *token_problem_text(enum token_problem p)
{
	switch (p) {
	case TOKEN_OK:
		return "a good token";
	case TOKEN_TOO_LONG:
		return "it is longer than any token";
	case TOKEN_NO_SCHEME:
		return "it does not begin with mg://";
	case TOKEN_BAD_CHARACTER:
		return "it holds a character that no token has";
	case TOKEN_BAD_VERSION:
		return "it is of a version that this program does not know";
	case TOKEN_MALFORMED:
		return "a part of it is missing, or too much";
	case TOKEN_FORGED:
		return "it was changed after it was made";
	}
	BUG_ON(true);
}

/* --- keys */

static void derive(const struct token *t, const struct bytes *parts, size_t n, struct hash *out)
{
	struct sym_key key = { { 0 } };

	memcpy(key.b, t->secret, sizeof(t->secret));
	blake2b(out, &key, parts, n);
	wipe(&key, sizeof(key));
}

static void derive_key(const struct token *t, const char *label, struct sym_key *out)
{
	const struct bytes parts[] = {
		bytes_of(label, strlen(label)), bytes_of(t->id, sizeof(t->id)),
	};
	struct hash h;

	derive(t, parts, 2, &h);
	memcpy(out->b, h.b, sizeof(out->b));
	wipe(&h, sizeof(h));
}

void token_mark(const struct token *t, struct sym_key *out)
{
	derive_key(t, mark_label, out);
}

void token_bell(const struct token *t, struct sym_key *out)
{
	derive_key(t, bell_label, out);
}

/* --- reply code: version 4 bits, flags 4, port 16, address 32 or 128, MAC 40 */

static const char reply_label[] = "meshguard token reply v2";
static const char crockford[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

#define REPLY_VERSION 1u
#define REPLY_IPV6 1u            /* flags */
#define REPLY_HARD 2u
#define REPLY_MAC 5u
#define REPLY_GROUP 5u
#define REPLY_BYTES(v6) (3u + ((v6) ? 16u : 4u) + REPLY_MAC)
#define REPLY_CHARACTERS(bytes) (((bytes) * 8u + 4u) / 5u)

static void reply_mac(const struct token *t, struct bytes body, uint8_t out[static REPLY_MAC])
{
	const struct bytes parts[] = {
		bytes_of(reply_label, sizeof(reply_label) - 1), bytes_of(t->id, sizeof(t->id)),
		body,
	};
	struct hash h;

	derive(t, parts, 3, &h);
	memcpy(out, h.b, REPLY_MAC);
	wipe(&h, sizeof(h));
}

void token_reply(const struct token *t, const struct endpoint *at, bool hard,
		 char out[static TOKEN_REPLY])
{
	bool v6 = at->ip.family == FAMILY_IPV6;
	uint8_t wire[REPLY_BYTES(true) + 1] = {
		(uint8_t)(REPLY_VERSION << 4 | (v6 ? REPLY_IPV6 : 0) | (hard ? REPLY_HARD : 0)),
	};
	unsigned len = REPLY_BYTES(v6), count = REPLY_CHARACTERS(len);

	store_be16(wire + 1, at->port);
	memcpy(wire + 3, at->ip.b, len - 3 - REPLY_MAC);
	reply_mac(t, bytes_of(wire, len - REPLY_MAC), wire + len - REPLY_MAC);
	for (unsigned i = 0; i < count; i++) {
		unsigned bit = i * 5;
		unsigned two = (unsigned)wire[bit / 8] << 8 | wire[bit / 8 + 1];

		if (i && i % REPLY_GROUP == 0)
			*out++ = '-';
		*out++ = crockford[two >> (11 - bit % 8) & 31];
	}
	*out = '\0';
}

static int reply_value(char c)
{
	const char *at;

	if (c >= 'a' && c <= 'z')
		c = (char)(c - 'a' + 'A');
	if (c == 'O')
		c = '0';
	if (c == 'I' || c == 'L')
		c = '1';
	at = c ? strchr(crockford, c) : NULL;
	return at ? (int)(at - crockford) : -1;
}

/* The characters as bits; 0: too many, or one that is none. Returns how many there were. */
static unsigned reply_bits(const char *text, size_t len, uint8_t out[static REPLY_BYTES(true) + 1])
{
	unsigned count = 0;

	for (size_t i = 0; i < len; i++) {
		int v = reply_value(text[i]);
		unsigned bit = count * 5;

		if (is_space(text[i]) || text[i] == '-')
			continue;
		if (v < 0 || ++count > REPLY_CHARACTERS(REPLY_BYTES(true)))
			return 0;
		v <<= 11 - bit % 8;
		out[bit / 8] |= (uint8_t)(v >> 8);
		out[bit / 8 + 1] |= (uint8_t)v;
	}
	return count;
}

bool token_reply_read(const struct token *t, const char *text, size_t len, struct endpoint *out,
		      bool *hard)
{
	uint8_t wire[REPLY_BYTES(true) + 1] = { 0 }, mac[REPLY_MAC];
	unsigned count = reply_bits(text, len, wire), bytes;
	struct endpoint e = { .port = load_be16(wire + 1) };
	bool v6 = wire[0] & REPLY_IPV6;

	bytes = REPLY_BYTES(v6);
	if (wire[0] >> 4 != REPLY_VERSION || wire[0] & 15 & ~(REPLY_IPV6 | REPLY_HARD) ||
	    count != REPLY_CHARACTERS(bytes) || wire[bytes])
		return false;
	reply_mac(t, bytes_of(wire, bytes - REPLY_MAC), mac);
	if (!ct_equal(mac, wire + bytes - REPLY_MAC, REPLY_MAC))
		return false;
	e.ip = ip_of(v6 ? FAMILY_IPV6 : FAMILY_IPV4, wire + 3);
	if (!e.port || !ip_is_unicast(&e.ip) || ip_is_link_local(&e.ip))
		return false;
	*out = e;
	*hard = wire[0] & REPLY_HARD;
	return true;
}

/* --- fingerprint */

void fingerprint_format(const struct public_key *key, char out[static FINGERPRINT_TEXT])
{
	static const char label[] = "meshguard fingerprint v1";
	const struct bytes parts[] = { bytes_of(label, sizeof(label) - 1),
				       bytes_of(key->b, sizeof(key->b)) };
	struct hash h;

	blake2b(&h, NULL, parts, 2);
	for (unsigned i = 0; i < 8; i++) {
		hex_encode(h.b + 2 * (size_t)i, 2, out + 5 * (size_t)i, 5);
		out[5 * i + 4] = i < 7 ? ' ' : '\0';
	}
}
