/* Certificates: round trip, golden bytes, canonical form, what is refused, signatures,
 * time, text. */
#include "tap.h"
#include "contexts.h"
#include "rfc8032.h"
#include "dies.h"
#include "hex.h"

#include "base/rng.h"
#include "crypto/curve.h"
#include "identity/certificate.h"

#define SIGNATURE 64u
#define CONTEXT "meshguard certificate v1"
#define CONTEXT_LEN (sizeof(CONTEXT) - 1)

static struct public_key org, node, other;
static struct secret_key org_secret, node_secret, other_secret;

static struct certificate_body small_body(void)
{
	return (struct certificate_body){ .org = org, .node = node, .not_before = 1000,
					  .expires = 2000, .name = "n" };
}

static struct certificate_body full_body(void)
{
	return (struct certificate_body){
		.org = org, .node = node, .not_before = 0x0102030405060708,
		.expires = 0x1112131415161718, .flags = 0x8001, .name = "alice", .group_count = 2,
		.groups = { "db", "web.eu" },
	};
}

static void eq_body(const struct certificate_body *a, const struct certificate_body *b)
{
	eq_mem(&a->org, &b->org, sizeof(a->org));
	eq_mem(&a->node, &b->node, sizeof(a->node));
	ok(a->not_before == b->not_before);
	ok(a->expires == b->expires);
	eq_int(a->flags, b->flags);
	eq_str(a->name, b->name);
	eq_int(a->group_count, b->group_count);
	for (unsigned i = 0; i < a->group_count; i++)
		eq_str(a->groups[i], b->groups[i]);
}

static void round_trip(const struct certificate_body *body)
{
	struct certificate made, verified;
	struct certificate_claim claim;

	ok(certificate_sign(body, &org_secret, &made));
	eq_body(&made.body, body);
	ok(certificate_decode(bytes_of(made.wire, made.len), &claim));
	eq_body(&claim.body, body);
	ok(certificate_verify(&claim, &verified));
	eq_body(&verified.body, body);
	eq_int(verified.len, made.len);
	eq_mem(verified.wire, made.wire, made.len);
}

static void everything_in_a_body_travels(void)
{
	struct certificate_body b = small_body();

	round_trip(&b);
	b = full_body();
	round_trip(&b);
	b.flags = UINT16_MAX;
	b.not_before = 0;
	b.expires = UINT64_MAX;
	memset(b.name, 'n', MAX_NAME);
	round_trip(&b);
}

/* Written by hand from docs/protocol.md; the signature is checked on its own. */
static void the_bytes_are_those_of_the_protocol(void)
{
	static const char want[] =
		"01" "00a6"
		"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
		"3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
		"0102030405060708" "1112131415161718" "8001" "05" "02"
		"616c696365" "02" "6462" "06" "7765622e6575";
	struct certificate_body b = full_body();
	struct certificate c;
	struct signature s;
	uint8_t message[CONTEXT_LEN + MAX_CERTIFICATE];

	ok(certificate_sign(&b, &org_secret, &c));
	eq_int(c.len, 0xa6);
	eq_hex(c.wire, c.len - SIGNATURE, want);
	memcpy(message, CONTEXT, CONTEXT_LEN);
	memcpy(message + CONTEXT_LEN, c.wire, c.len - SIGNATURE);
	memcpy(s.b, c.wire + c.len - SIGNATURE, SIGNATURE);
	ok(ed25519_verify(&s, message, CONTEXT_LEN + c.len - SIGNATURE, &org));
}

/* Signs whatever bytes are there with any secret, as a hostile org would. */
static void sign_anew(uint8_t *wire, size_t len, const char *context,
		      const struct secret_key *secret)
{
	signed_make(wire + len - SIGNATURE, context, bytes_of(wire, len - SIGNATURE), secret);
}

static bool is_taken(const uint8_t *wire, size_t len)
{
	struct certificate_claim claim;
	struct certificate verified;

	return certificate_decode(bytes_of(wire, len), &claim)
	    && certificate_verify(&claim, &verified);
}

static void fields_out_of_range_are_refused(void)
{
	/* Offsets into the certificate of full_body(): name 87, groups 92 and 95. */
	static const struct {
		const char *what;
		unsigned at;
		unsigned n;
		uint8_t bytes[16];
		bool good;
	} rows[] = {
		{ "unchanged", 0, 1, { 1 }, true },
		{ "version 0", 0, 1, { 0 }, false },
		{ "version 2", 0, 1, { 2 }, false },
		{ "length one less", 1, 2, { 0, 0xa5 }, false },
		{ "length one more", 1, 2, { 0, 0xa7 }, false },
		{ "begins when it ends", 67, 8,
		  { 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18 }, false },
		{ "begins one before it ends", 67, 8,
		  { 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x17 }, true },
		{ "begins after it ends", 67, 1, { 0xff }, false },
		{ "never ends", 75, 8, { 255, 255, 255, 255, 255, 255, 255, 255 }, true },
		{ "unknown flags", 83, 2, { 0xff, 0xff }, true },
		{ "no name", 85, 1, { 0 }, false },
		{ "name one shorter", 85, 1, { 4 }, false },
		{ "name one longer", 85, 1, { 6 }, false },
		{ "name of 64", 85, 1, { 64 }, false },
		{ "1 group", 86, 1, { 1 }, false },
		{ "3 groups", 86, 1, { 3 }, false },
		{ "9 groups", 86, 1, { 9 }, false },
		{ "name with a slash", 88, 1, { '/' }, false },
		{ "name with a nul", 88, 1, { 0 }, false },
		{ "name with a dot first", 87, 1, { '.' }, false },
		{ "empty group", 92, 1, { 0 }, false },
		{ "group with a blank", 93, 1, { ' ' }, false },
		{ "groups that fall", 93, 1, { 'z' }, false },
		{ "group beyond the end", 95, 1, { 7 }, false },
		{ "bytes after the last group", 95, 1, { 5 }, false },
		{ "org is of order one", 3, 16, { 1 }, false },
	};
	struct certificate_body b = full_body();
	struct certificate c;

	ok(certificate_sign(&b, &org_secret, &c));
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		uint8_t wire[MAX_CERTIFICATE];

		memcpy(wire, c.wire, c.len);
		memcpy(wire + rows[i].at, rows[i].bytes, rows[i].n);
		sign_anew(wire, c.len, CONTEXT, &org_secret);
		if (is_taken(wire, c.len) != rows[i].good)
			TAP_FAIL("%s", rows[i].what);
	}
}

static void keys_that_are_no_good_are_refused(void)
{
	static const char *const bad[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"0200000000000000000000000000000000000000000000000000000000000000",
	};
	struct certificate_body b = full_body();
	struct certificate c;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct certificate good;
		uint8_t zero[MAX_CERTIFICATE] = { 0 };

		b = full_body();
		ok(certificate_sign(&b, &org_secret, &good));
		unhex(bad[i], good.wire + 35, 32);
		sign_anew(good.wire, good.len, CONTEXT, &org_secret);
		ok(!is_taken(good.wire, good.len));
		unhex(bad[i], b.node.b, 32);
		ok(!certificate_sign(&b, &org_secret, &c));
		/* An org of small order verifies anything where R and S are zero or R the key. */
		b = full_body();
		ok(certificate_sign(&b, &org_secret, &good));
		unhex(bad[i], good.wire + 3, 32);
		memcpy(good.wire + good.len - SIGNATURE, zero, SIGNATURE);
		ok(!is_taken(good.wire, good.len));
		memcpy(good.wire + good.len - SIGNATURE, good.wire + 3, 32);
		ok(!is_taken(good.wire, good.len));
	}
	b = full_body();
	b.node = org;
	ok(!certificate_sign(&b, &org_secret, &c));
	b.node.b[31] ^= 0x80; /* -P: the same twin */
	ok(!certificate_sign(&b, &org_secret, &c));
}

static void only_its_org_can_change_a_certificate(void)
{
	struct certificate_body b = full_body();
	struct certificate_claim claim;
	struct certificate c, verified;
	unsigned claims = 0;

	ok(certificate_sign(&b, &org_secret, &c));
	for (unsigned bit = 0; bit < 8u * c.len; bit++) {
		c.wire[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (certificate_decode(bytes_of(c.wire, c.len), &claim)) {
			claims++;
			if (certificate_verify(&claim, &verified))
				TAP_FAIL("bit %u may be changed", bit);
		}
		c.wire[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	ok(claims > 512); /* the signatures were looked at */
}

static void another_orgs_signature_does_not_count(void)
{
	static const char *const contexts[] = { "", "meshguard certificate v2",
		"meshguard node record v1", "meshguard vouch v1", "meshguard revocation v1" };
	struct certificate_body b = full_body();
	struct certificate c;

	ok(certificate_sign(&b, &org_secret, &c));
	sign_anew(c.wire, c.len, CONTEXT, &other_secret);
	ok(!is_taken(c.wire, c.len));
	sign_anew(c.wire, c.len, CONTEXT, &node_secret);
	ok(!is_taken(c.wire, c.len));
	for (size_t i = 0; i < sizeof(contexts) / sizeof(*contexts); i++) {
		sign_anew(c.wire, c.len, contexts[i], &org_secret);
		ok(!is_taken(c.wire, c.len));
	}
	memset(c.wire + c.len - SIGNATURE, 0, SIGNATURE);
	ok(!is_taken(c.wire, c.len));
	sign_anew(c.wire, c.len, CONTEXT, &org_secret);
	ok(is_taken(c.wire, c.len));
}

/* S + L is the same signature to a verifier that does not look: Wycheproof, attack 33. */
static void a_second_form_of_a_signature_is_refused(void)
{
	static const uint8_t order[32] = { 0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6,
		0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, [31] = 0x10 };
	struct certificate_body b = full_body();
	struct certificate c;
	unsigned carry = 0;

	ok(certificate_sign(&b, &org_secret, &c));
	for (unsigned i = 0; i < 32; i++) {
		carry += c.wire[c.len - 32u + i] + (unsigned)order[i];
		c.wire[c.len - 32u + i] = (uint8_t)carry;
		carry >>= 8;
	}
	ok(!is_taken(c.wire, c.len));
}

static void a_certificate_is_exactly_as_long_as_it_says(void)
{
	struct certificate_body b = full_body();
	uint8_t longer[2 * MAX_CERTIFICATE] = { 0 };
	struct certificate_claim claim;
	struct certificate c;

	ok(certificate_sign(&b, &org_secret, &c));
	memcpy(longer, c.wire, c.len);
	for (size_t len = 0; len < sizeof(longer); len++)
		if (len != c.len)
			ok(!certificate_decode(bytes_of(longer, len), &claim));
}

static void what_others_would_refuse_is_not_signed(void)
{
	struct certificate_body b = small_body();
	struct certificate c;

	b.name[0] = '\0';
	ok(!certificate_sign(&b, &org_secret, &c));
	strcpy(b.name, "a b");
	ok(!certificate_sign(&b, &org_secret, &c));
	b = small_body();
	b.expires = b.not_before;
	ok(!certificate_sign(&b, &org_secret, &c));
	b = full_body();
	strcpy(b.groups[1], "db");
	ok(!certificate_sign(&b, &org_secret, &c));
	b = full_body();
	b.group_count = 1;
	ok(certificate_sign(&b, &org_secret, &c));
	b = full_body();
	b.group_count = CERTIFICATE_GROUPS;
	for (unsigned i = 0; i < CERTIFICATE_GROUPS; i++) {
		memset(b.groups[i], 'g', MAX_NAME);
		b.groups[i][0] = (char)('a' + i);
	}
	ok(!certificate_sign(&b, &org_secret, &c)); /* longer than MAX_CERTIFICATE */
	b.group_count = 5;
	ok(certificate_sign(&b, &org_secret, &c));
}

static void sign_as_other(void *arg)
{
	struct certificate_body b = small_body();
	struct certificate c;

	(void)arg;
	(void)!certificate_sign(&b, &other_secret, &c);
}

static void signing_for_another_org_is_a_bug(void)
{
	ok(dies(sign_as_other, NULL));
}

static void time_is_told_to_the_second(void)
{
	static const struct {
		uint64_t now;
		enum validity_state state;
		uint64_t seconds;
	} rows[] = {
		{ 0, VALIDITY_NOT_YET, 1000 },
		{ 999, VALIDITY_NOT_YET, 1 },
		{ 1000, VALIDITY_GOOD, 1000 },
		{ 1999, VALIDITY_GOOD, 1 },
		{ 2000, VALIDITY_EXPIRED, 0 },
		{ 2001, VALIDITY_EXPIRED, 1 },
		{ UINT64_MAX, VALIDITY_EXPIRED, UINT64_MAX - 2000 },
	};
	struct certificate_body b = small_body();
	struct certificate c;

	ok(certificate_sign(&b, &org_secret, &c));
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct validity v = certificate_validity(&c, rows[i].now);

		if (v.state != rows[i].state || v.seconds != rows[i].seconds)
			TAP_FAIL("row %zu", i);
	}
}

static void the_hash_is_blake2b_of_all_of_it(void)
{
	struct certificate_body b = full_body();
	struct certificate c;
	uint8_t h[SIGNED_HASH], again[SIGNED_HASH];

	ok(certificate_sign(&b, &org_secret, &c));
	certificate_hash(&c, h);
	/* hashlib.blake2b(wire, digest_size=32).digest()[:8] */
	eq_hex(h, sizeof(h), "18ce4c75efe223ee");
	c.wire[c.len - 1] ^= 1;
	certificate_hash(&c, again);
	ok(memcmp(h, again, sizeof(h)) != 0);
}

static void the_text_is_one_line(void)
{
	struct certificate_body b = full_body();
	struct certificate c;
	char text[SIGNED_TEXT(SIGNED_MAX) + 1], worse[sizeof(text) + 8];
	uint8_t wire[SIGNED_MAX];
	size_t len;

	ok(certificate_sign(&b, &org_secret, &c));
	signed_format(bytes_of(c.wire, c.len), text);
	len = strlen(text);
	eq_int(len, SIGNED_TEXT(c.len));
	ok(strchr(text, '\n') == text + len - 1);
	eq_int(signed_parse(text, len, wire), c.len);
	eq_mem(wire, c.wire, c.len);
	eq_int(signed_parse(text, len - 1, wire), c.len);
	eq_int(signed_parse(text, len - 2, wire), 0);
	eq_int(signed_parse("", 0, wire), 0);
	eq_int(signed_parse("\n", 1, wire), 0);
	eq_int(signed_parse("====", 4, wire), 0);
	eq_int(signed_parse(text, len, wire), c.len);
	snprintf(worse, sizeof(worse), " %s", text);
	eq_int(signed_parse(worse, len + 1, wire), 0);
	snprintf(worse, sizeof(worse), "%s \r\n\t", text);
	eq_int(signed_parse(worse, strlen(worse), wire), c.len);
	eq_int(signed_parse(worse, strlen(worse) + 1, wire), 0); /* a NUL is no white space */
	memset(text, 'A', sizeof(text));
	eq_int(signed_parse(text, 680, wire), 510);
	eq_int(signed_parse(text, 684, wire), 0); /* 513 bytes */
}

static void random_damage_is_refused_or_canonical(void)
{
	struct certificate_body b = full_body();
	struct certificate c, again;
	struct rng rng;
	unsigned good = 0;

	ok(certificate_sign(&b, &org_secret, &c));
	rng_init(&rng, 7);
	for (int i = 0; i < 100000; i++) {
		struct certificate_claim claim;
		uint8_t wire[MAX_CERTIFICATE];

		memcpy(wire, c.wire, c.len);
		for (uint64_t n = 1 + rng_below(&rng, 3); n; n--)
			wire[67 + rng_below(&rng, 102 - 67)] = (uint8_t)rng_u64(&rng);
		if (!certificate_decode(bytes_of(wire, c.len), &claim) || good++ % 50)
			continue;
		/* what was read, signed anew, gives the same bytes */
		ok(certificate_sign(&claim.body, &org_secret, &again));
		eq_int(again.len, c.len);
		eq_mem(again.wire, wire, c.len - SIGNATURE);
	}
	ok(good > 1000);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		T(everything_in_a_body_travels),
		T(the_bytes_are_those_of_the_protocol),
		T(fields_out_of_range_are_refused),
		T(keys_that_are_no_good_are_refused),
		T(only_its_org_can_change_a_certificate),
		T(another_orgs_signature_does_not_count),
		T(a_second_form_of_a_signature_is_refused),
		T(a_certificate_is_exactly_as_long_as_it_says),
		T(what_others_would_refuse_is_not_signed),
		T(signing_for_another_org_is_a_bug),
		T(time_is_told_to_the_second),
		T(the_hash_is_blake2b_of_all_of_it),
		T(the_text_is_one_line),
		T(random_damage_is_refused_or_canonical),
	};

	test_crypto();
	rfc8032_keys(1, &org, &org_secret);
	rfc8032_keys(2, &node, &node_secret);
	rfc8032_keys(3, &other, &other_secret);
	return tap_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
