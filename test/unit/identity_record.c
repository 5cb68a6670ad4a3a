/* The node record: round trip, golden bytes, canonical form, what is refused, signatures. */
#include "tap.h"
#include "contexts.h"

#include "base/rng.h"
#include "base/text.h"
#include "crypto/curve.h"
#include "identity/record.h"
#include "identity/signed.h"

#define SIGNATURE 64u
static const char context[] = "meshguard node record v1";

static struct public_key pk;
static struct secret_key sk;

static struct endpoint endpoint(const char *text)
{
	struct endpoint e = { 0 };

	ok(endpoint_parse(text, strlen(text), 0, &e));
	return e;
}

static struct prefix prefix(const char *text)
{
	struct prefix p = { 0 };

	ok(prefix_parse(text, strlen(text), &p));
	return p;
}

static struct record_body small_body(void)
{
	return (struct record_body){ .key = pk, .sequence = 1, .prefix = prefix("10.99.0.0/16") };
}

/* Every field is set, and each list has both families. */
static struct record_body full_body(void)
{
	struct record_body b = {
		.key = pk,
		.sequence = 0x0102030405060708,
		.prefix = prefix("10.99.0.0/16"),
		.address_index = 3,
		.nat_kind = 9,
		.flags = 0x8000 | RECORD_RELAYS | RECORD_LEAVING,
		.certificate = { 1, 2, 3, 4, 5, 6, 7, 8 },
		.name = "alice",
		.candidate_count = 2,
		.candidates = { endpoint("192.0.2.7:51821"), endpoint("[2001:db8::1]:443") },
		.relay_count = 1,
		.route_count = 2,
		.routes = { prefix("192.168.0.0/22"), prefix("2001:db8:7::/48") },
	};

	memset(b.relays[0].b, 0xcc, sizeof(b.relays[0].b));
	return b;
}

static void eq_body(const struct record_body *a, const struct record_body *b)
{
	eq_mem(&a->key, &b->key, sizeof(a->key));
	ok(a->sequence == b->sequence);
	eq_int(a->prefix.len, b->prefix.len);
	ok(ip_equal(&a->prefix.ip, &b->prefix.ip));
	eq_int(a->address_index, b->address_index);
	eq_int(a->nat_kind, b->nat_kind);
	eq_int(a->flags, b->flags);
	eq_mem(a->certificate, b->certificate, sizeof(a->certificate));
	eq_str(a->name, b->name);
	eq_int(a->candidate_count, b->candidate_count);
	for (unsigned i = 0; i < a->candidate_count; i++)
		ok(endpoint_equal(&a->candidates[i], &b->candidates[i]));
	eq_int(a->relay_count, b->relay_count);
	eq_mem(a->relays, b->relays, sizeof(a->relays));
	eq_int(a->route_count, b->route_count);
	for (unsigned i = 0; i < a->route_count; i++) {
		eq_int(a->routes[i].len, b->routes[i].len);
		ok(ip_equal(&a->routes[i].ip, &b->routes[i].ip));
	}
}

static void round_trip(const struct record_body *body)
{
	struct record made, verified;
	struct record_claim claim;

	ok(record_sign(body, &sk, &made));
	eq_body(&made.body, body);
	ok(made.len <= MAX_RECORD);
	eq_int(record_length(bytes_of(made.wire, made.len)), made.len);
	ok(record_decode(bytes_of(made.wire, made.len), &claim));
	eq_body(&claim.body, body);
	ok(record_verify(&claim, &verified));
	eq_body(&verified.body, body);
	eq_int(verified.len, made.len);
	eq_mem(verified.wire, made.wire, made.len);
}

static void everything_in_a_body_travels(void)
{
	struct record_body b = small_body();

	round_trip(&b);
	b = full_body();
	round_trip(&b);
	b.sequence = RECORD_SEQUENCE_DEAD;
	b.flags = UINT16_MAX;
	b.nat_kind = UINT8_MAX;
	b.address_index = 16;
	memset(b.name, 'n', MAX_NAME);
	b.route_count = 0;
	round_trip(&b);
	b = small_body();
	b.routes[0] = prefix("0.0.0.0/0");
	b.routes[1] = prefix("::/0");
	b.routes[2] = prefix("192.0.2.1/32");
	b.routes[3] = prefix("2001:db8::1/128");
	b.route_count = 4;
	round_trip(&b);
}

/* Written by hand from docs/protocol.md; the signature is checked on its own. */
static void the_bytes_are_those_of_the_protocol(void)
{
	static const char want[] =
		"01" "00d7"
		"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
		"0102030405060708" "8005" "09" "03" "0a630000" "10" "0102030405060708"
		"05" "02" "01" "02"
		"616c696365"
		"04" "ca6d" "c0000207"
		"06" "01bb" "20010db8000000000000000000000001"
		"cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
		"04" "16" "c0a80000"
		"06" "30" "20010db8000700000000000000000000";
	struct record_body b = full_body();
	struct record r;
	struct signature s;
	char hex[2 * MAX_RECORD + 1];
	uint8_t message[24 + MAX_RECORD];

	ok(record_sign(&b, &sk, &r));
	hex_encode(r.wire, r.len - SIGNATURE, hex, sizeof(hex));
	eq_str(hex, want);
	memcpy(message, context, 24);
	memcpy(message + 24, r.wire, r.len - SIGNATURE);
	memcpy(s.b, r.wire + r.len - SIGNATURE, SIGNATURE);
	ok(ed25519_verify(&s, message, 24 + r.len - SIGNATURE, &pk));
}

/* Signs whatever bytes are there, as a hostile subject would. */
static bool decodes(uint8_t *wire, size_t len)
{
	struct record_claim claim;
	struct record verified;
	struct signature s;
	uint8_t message[24 + MAX_RECORD + 64];

	memcpy(message, context, 24);
	memcpy(message + 24, wire, len - SIGNATURE);
	ed25519_sign(&s, message, 24 + len - SIGNATURE, &sk);
	memcpy(wire + len - SIGNATURE, s.b, SIGNATURE);
	return record_decode(bytes_of(wire, len), &claim) && record_verify(&claim, &verified);
}

static void what_was_kept_comes_back(void)
{
	struct record_body bodies[] = { small_body(), full_body() };

	for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
		struct record signed_one, back;
		struct record_kept kept;

		ok(record_sign(&bodies[i], &sk, &signed_one));
		record_keep(&signed_one, &kept);
		record_unkeep(&kept, &back);
		eq_body(&back.body, &bodies[i]);
		eq_int(back.len, signed_one.len);
		eq_mem(back.wire, signed_one.wire, sizeof(back.wire));
	}
}

static void fields_out_of_range_are_refused(void)
{
	/* Offsets into the record of full_body(): name 64, candidates 69 and 76, relay 95,
	 * routes 127 and 133, signature 151. */
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
		{ "length one less", 1, 2, { 0, 0xd6 }, false },
		{ "length one more", 1, 2, { 0, 0xd8 }, false },
		{ "sequence 0", 35, 8, { 0 }, false },
		{ "sequence 1", 35, 8, { 0, 0, 0, 0, 0, 0, 0, 1 }, true },
		{ "unknown flags", 43, 2, { 0xff, 0xff }, true },
		{ "nat kind", 45, 1, { 0xff }, true },
		{ "address index 16", 46, 1, { 16 }, true },
		{ "address index 17", 46, 1, { 17 }, false },
		{ "prefix with host bits", 47, 4, { 10, 99, 0, 1 }, false },
		{ "prefix /7", 47, 5, { 10, 0, 0, 0, 7 }, false },
		{ "prefix /8", 47, 5, { 10, 0, 0, 0, 8 }, true },
		{ "prefix /24", 51, 1, { 24 }, true },
		{ "prefix /25", 51, 1, { 25 }, false },
		{ "name one shorter", 60, 1, { 4 }, false },
		{ "name one longer", 60, 1, { 6 }, false },
		{ "name of 64", 60, 1, { 64 }, false },
		{ "1 candidate", 61, 1, { 1 }, false },
		{ "9 candidates", 61, 1, { 9 }, false },
		{ "no relay", 62, 1, { 0 }, false },
		{ "5 relays", 62, 1, { 5 }, false },
		{ "1 route", 63, 1, { 1 }, false },
		{ "5 routes", 63, 1, { 5 }, false },
		{ "name with a slash", 65, 1, { '/' }, false },
		{ "name with a nul", 65, 1, { 0 }, false },
		{ "name with a dot first", 64, 1, { '.' }, false },
		{ "candidate of family 5", 69, 1, { 5 }, false },
		{ "candidate of family 6 for 4", 69, 1, { 6 }, false },
		{ "candidate with port 0", 70, 2, { 0, 0 }, false },
		{ "candidate 0.1.2.3", 72, 4, { 0, 1, 2, 3 }, false },
		{ "candidate 224.0.0.1", 72, 4, { 224, 0, 0, 1 }, false },
		{ "candidate 255.255.255.255", 72, 4, { 255, 255, 255, 255 }, false },
		{ "candidate 127.0.0.1", 72, 4, { 127, 0, 0, 1 }, true },
		{ "candidate ::", 79, 16, { 0 }, false },
		{ "candidate ff02::", 79, 16, { 0xff, 2 }, false },
		{ "candidate ::ffff:a.b.c.d", 79, 16, { [10] = 255, 255, 1, 2, 3, 4 }, false },
		{ "route of family 0", 127, 1, { 0 }, false },
		{ "route with host bits", 132, 1, { 1 }, false },
		{ "IPv4 route /33", 128, 1, { 33 }, false },
		{ "IPv6 route /129", 134, 1, { 129 }, false },
		{ "IPv6 route /128", 134, 1, { 128 }, true },
		{ "IPv6 route /47 with a bit too many", 134, 1, { 47 }, false },
	};
	struct record_body b = full_body();
	struct record r;

	ok(record_sign(&b, &sk, &r));
	eq_int(r.len, 215);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		uint8_t wire[MAX_RECORD];

		memcpy(wire, r.wire, r.len);
		memcpy(wire + rows[i].at, rows[i].bytes, rows[i].n);
		if (decodes(wire, r.len) != rows[i].good)
			TAP_FAIL("%s", rows[i].what);
	}
}

static void only_its_subject_can_change_a_record(void)
{
	struct record_body b = full_body();
	struct record_claim claim;
	struct record r, verified;
	unsigned taken = 0;

	ok(record_sign(&b, &sk, &r));
	for (unsigned bit = 0; bit < 8u * r.len; bit++) {
		r.wire[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (record_decode(bytes_of(r.wire, r.len), &claim)) {
			taken++;
			if (record_verify(&claim, &verified))
				TAP_FAIL("bit %u may be changed", bit);
		}
		r.wire[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	ok(taken > 512); /* the signatures were looked at */
}

static void a_signature_for_something_else_does_not_count(void)
{
	static const char *const others[] = { "", "meshguard node record v2",
					      "meshguard vouch v1" };
	struct record_body b = full_body();
	struct record r, verified;
	struct record_claim claim;

	ok(record_sign(&b, &sk, &r));
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		signed_make(r.wire + r.len - SIGNATURE, others[i],
			    bytes_of(r.wire, r.len - SIGNATURE), &sk);
		ok(record_decode(bytes_of(r.wire, r.len), &claim));
		ok(!record_verify(&claim, &verified));
	}
}

static void a_record_is_exactly_as_long_as_it_says(void)
{
	struct record_body b = full_body();
	uint8_t longer[2 * MAX_RECORD] = { 0 };
	struct record_claim claim;
	struct record r;

	ok(record_sign(&b, &sk, &r));
	memcpy(longer, r.wire, r.len);
	for (size_t len = 0; len < r.len; len++) {
		ok(!record_decode(bytes_of(r.wire, len), &claim));
		eq_int(record_length(bytes_of(r.wire, len)), 0);
	}
	for (size_t len = r.len + 1u; len < sizeof(longer); len++) {
		ok(!record_decode(bytes_of(longer, len), &claim));
		eq_int(record_length(bytes_of(longer, len)), r.len); /* the next one follows */
	}
	store_be16(longer + 1, 127);
	eq_int(record_length(bytes_of(longer, sizeof(longer))), 0);
	store_be16(longer + 1, 128);
	eq_int(record_length(bytes_of(longer, sizeof(longer))), 128);
	store_be16(longer + 1, MAX_RECORD);
	eq_int(record_length(bytes_of(longer, sizeof(longer))), MAX_RECORD);
	store_be16(longer + 1, MAX_RECORD + 1);
	eq_int(record_length(bytes_of(longer, sizeof(longer))), 0);
}

static void a_body_that_does_not_fit_is_not_signed(void)
{
	struct record_body b = small_body();
	struct record r;

	memset(b.name, 'n', MAX_NAME);
	b.candidate_count = MAX_CANDIDATES;
	b.route_count = RECORD_ROUTE_MAX;
	for (unsigned i = 0; i < MAX_CANDIDATES; i++)
		b.candidates[i] = endpoint("192.0.2.7:51821");
	for (unsigned i = 0; i < RECORD_ROUTE_MAX; i++)
		b.routes[i] = prefix("192.0.2.0/24");
	ok(record_sign(&b, &sk, &r));
	b.relay_count = 3;
	ok(record_sign(&b, &sk, &r));
	eq_int(r.len, 64 + 63 + 56 + 96 + 24 + 64);
	b.relay_count = 4; /* 399 bytes: the most that IPv4 can need */
	ok(record_sign(&b, &sk, &r));
	eq_int(r.len, 399);
	b.routes[0] = prefix("2001:db8::/32");
	ok(!record_sign(&b, &sk, &r));
	b.relay_count = 0;
	for (unsigned i = 0; i < MAX_CANDIDATES; i++)
		b.candidates[i] = endpoint("[2001:db8::1]:51821");
	ok(record_sign(&b, &sk, &r)); /* the most candidates and the longest name always fit */
}

static void what_others_would_refuse_is_not_signed(void)
{
	struct record_body b = small_body();
	struct record r;

	ok(record_sign(&b, &sk, &r));
	b.sequence = 0;
	ok(!record_sign(&b, &sk, &r));
	b = small_body();
	b.address_index = 17;
	ok(!record_sign(&b, &sk, &r));
	b = small_body();
	strcpy(b.name, "a b");
	ok(!record_sign(&b, &sk, &r));
	b = small_body();
	b.candidate_count = 1; /* all zero: no family */
	ok(!record_sign(&b, &sk, &r));
	b = small_body();
	b.prefix.len = 25;
	ok(!record_sign(&b, &sk, &r));
	b = full_body();
	b.candidates[1].scope = 3; /* does not travel */
	b.candidates[1].local = ip_v4(192, 0, 2, 1);
	ok(record_sign(&b, &sk, &r));
	eq_int(r.body.candidates[1].scope, 0);
	eq_int(r.body.candidates[1].local.family, FAMILY_NONE);
}

static void random_damage_is_refused_or_canonical(void)
{
	struct record_body b = full_body();
	struct record r, again;
	struct rng rng;

	ok(record_sign(&b, &sk, &r));
	rng_init(&rng, 7);
	for (int i = 0; i < 200000; i++) {
		struct record_claim claim;
		uint8_t wire[MAX_RECORD];

		memcpy(wire, r.wire, r.len);
		for (uint64_t n = 1 + rng_below(&rng, 3); n; n--)
			wire[rng_below(&rng, 151)] = (uint8_t)rng_u64(&rng);
		if (!record_decode(bytes_of(wire, r.len), &claim)
		    || memcmp(claim.body.key.b, pk.b, sizeof(pk.b)) != 0)
			continue;
		/* what was read, signed anew, gives the same bytes */
		if (i % 50 == 0) {
			ok(record_sign(&claim.body, &sk, &again));
			eq_int(again.len, r.len);
			eq_mem(again.wire, wire, r.len - SIGNATURE);
		}
	}
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		T(everything_in_a_body_travels),
		T(the_bytes_are_those_of_the_protocol),
		T(what_was_kept_comes_back),
		T(fields_out_of_range_are_refused),
		T(only_its_subject_can_change_a_record),
		T(a_signature_for_something_else_does_not_count),
		T(a_record_is_exactly_as_long_as_it_says),
		T(a_body_that_does_not_fit_is_not_signed),
		T(what_others_would_refuse_is_not_signed),
		T(random_damage_is_refused_or_canonical),
	};
	uint8_t seed[32];

	test_crypto();
	/* RFC 8032, 7.1, test 1 */
	ok(hex_decode("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", 64,
		      seed, sizeof(seed)));
	ed25519_from_seed(&pk, &sk, seed);
	return tap_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
