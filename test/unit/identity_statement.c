/* Signed statements: round trip, golden bytes, canonical form, what is refused, signatures. */
#include "tap.h"
#include "contexts.h"
#include "rfc8032.h"
#include "dies.h"
#include "hex.h"

#include "base/rng.h"
#include "crypto/curve.h"
#include "identity/statement.h"

#define SIGNATURE 64u

static struct public_key org, node, other;
static struct secret_key org_secret, node_secret, other_secret;

static const char *const contexts[] = { NULL, "meshguard revocation v1", "meshguard vouch v1",
					"meshguard alias v1", "meshguard successor v1" };

static struct statement_body body_of(enum statement_kind kind)
{
	struct statement_body b = { .kind = kind, .issuer = org, .subject = node,
				    .number = 0x0102030405060708, .issued = 0x1112131415161718 };

	if (kind == STATEMENT_REVOCATION)
		b.reason = REVOKED_ADMIN_REMOVED;
	if (kind == STATEMENT_ALIAS)
		strcpy(b.name, "acme");
	if (kind == STATEMENT_SUCCESSOR)
		b.until = 0x2122232425262728;
	return b;
}

static bool sign(const struct statement_body *b, struct statement *out)
{
	return statement_sign(b, &org_secret,
			      b->kind == STATEMENT_SUCCESSOR ? &node_secret : NULL, out);
}

static void eq_body(const struct statement_body *a, const struct statement_body *b)
{
	eq_int(a->kind, b->kind);
	eq_mem(&a->issuer, &b->issuer, sizeof(a->issuer));
	eq_mem(&a->subject, &b->subject, sizeof(a->subject));
	ok(a->number == b->number);
	ok(a->issued == b->issued);
	eq_int(a->reason, b->reason);
	eq_str(a->name, b->name);
	ok(a->until == b->until);
}

static void everything_in_a_body_travels(void)
{
	for (enum statement_kind kind = 1; kind <= STATEMENT_KINDS; kind++) {
		struct statement_body b = body_of(kind);
		struct statement made, verified;
		struct statement_claim claim;

		ok(sign(&b, &made));
		eq_body(&made.body, &b);
		eq_int(statement_length(bytes_of(made.wire, made.len)), made.len);
		ok(statement_decode(bytes_of(made.wire, made.len), &claim));
		eq_body(&claim.body, &b);
		ok(statement_verify(&claim, &verified));
		eq_body(&verified.body, &b);
		eq_int(verified.len, made.len);
		eq_mem(verified.wire, made.wire, made.len);
		b.number = UINT64_MAX;
		b.issued = 0;
		ok(sign(&b, &made));
	}
}

#define ORG "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
#define NODE "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"

/* Written by hand from docs/protocol.md; the signatures are checked on their own. */
static void the_bytes_are_those_of_the_protocol(void)
{
	static const char *const want[] = {
		NULL,
		"0101" "0095" ORG NODE "0102030405060708" "1112131415161718" "02",
		"0102" "0094" ORG NODE "0102030405060708" "1112131415161718",
		"0103" "0099" ORG NODE "0102030405060708" "1112131415161718" "04" "61636d65",
		"0104" "00dc" ORG NODE "0102030405060708" "1112131415161718" "2122232425262728",
	};

	for (enum statement_kind kind = 1; kind <= STATEMENT_KINDS; kind++) {
		struct statement_body b = body_of(kind);
		size_t signatures = kind == STATEMENT_SUCCESSOR ? 128 : 64, n;
		uint8_t message[64 + MAX_STATEMENT];
		struct signature s;
		struct statement made;

		ok(sign(&b, &made));
		eq_hex(made.wire, made.len - signatures, want[kind]);
		n = strlen(contexts[kind]);
		memcpy(message, contexts[kind], n);
		memcpy(message + n, made.wire, made.len - signatures);
		n += made.len - signatures;
		memcpy(s.b, made.wire + made.len - signatures, SIGNATURE);
		ok(ed25519_verify(&s, message, n, &org));
		memcpy(s.b, made.wire + made.len - SIGNATURE, SIGNATURE);
		ok(ed25519_verify(&s, message, n, kind == STATEMENT_SUCCESSOR ? &node : &org));
	}
}

/* Signs whatever bytes are there, as a hostile issuer would. */
static void sign_anew(struct statement *s, size_t signatures, const char *context,
		      const struct secret_key *first, const struct secret_key *second)
{
	size_t len = s->len - signatures;

	signed_make(s->wire + len, context, bytes_of(s->wire, len), first);
	if (signatures > SIGNATURE)
		signed_make(s->wire + len + SIGNATURE, context, bytes_of(s->wire, len), second);
}

static bool is_taken(const struct statement *s)
{
	struct statement_claim claim;
	struct statement verified, known;
	struct dh_public twin;
	bool good;

	if (!statement_decode(bytes_of(s->wire, s->len), &claim))
		return false;
	good = statement_verify(&claim, &verified);
	/* The short way agrees wherever it may be taken. */
	if (claim.body.kind != STATEMENT_SUCCESSOR
	    && ed25519_to_dh_public(&twin, &claim.body.issuer))
		eq_int(statement_verify_of_known(&claim, &known), good);
	if (good)
		ok(statement_is_signed(&claim));
	return good;
}

static void fields_out_of_range_are_refused(void)
{
	static const struct {
		const char *what;
		enum statement_kind kind;
		unsigned at;
		unsigned n;
		uint8_t bytes[8];
		bool good;
	} rows[] = {
		{ "unchanged", STATEMENT_REVOCATION, 0, 1, { 1 }, true },
		{ "version 0", STATEMENT_VOUCH, 0, 1, { 0 }, false },
		{ "version 2", STATEMENT_VOUCH, 0, 1, { 2 }, false },
		{ "kind 0", STATEMENT_VOUCH, 1, 1, { 0 }, false },
		{ "kind 5", STATEMENT_VOUCH, 1, 1, { 5 }, false },
		{ "length one less", STATEMENT_VOUCH, 2, 2, { 0, 0x93 }, false },
		{ "length one more", STATEMENT_VOUCH, 2, 2, { 0, 0x95 }, false },
		{ "number 0", STATEMENT_VOUCH, 68, 8, { 0 }, false },
		{ "number 1", STATEMENT_VOUCH, 68, 8, { [7] = 1 }, true },
		{ "issued long ago", STATEMENT_VOUCH, 76, 8, { 0 }, true },
		{ "reason 0", STATEMENT_REVOCATION, 84, 1, { 0 }, true },
		{ "reason 3", STATEMENT_REVOCATION, 84, 1, { 3 }, false },
		{ "no name", STATEMENT_ALIAS, 84, 1, { 0 }, false },
		{ "name one shorter", STATEMENT_ALIAS, 84, 1, { 3 }, false },
		{ "name one longer", STATEMENT_ALIAS, 84, 1, { 5 }, false },
		{ "name of 64", STATEMENT_ALIAS, 84, 1, { 64 }, false },
		{ "name with a slash", STATEMENT_ALIAS, 86, 1, { '/' }, false },
		{ "name with a dot first", STATEMENT_ALIAS, 85, 1, { '.' }, false },
		{ "any end", STATEMENT_SUCCESSOR, 84, 8, { 0 }, true },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct statement_body b = body_of(rows[i].kind);
		struct statement s;

		ok(sign(&b, &s));
		memcpy(s.wire + rows[i].at, rows[i].bytes, rows[i].n);
		sign_anew(&s, b.kind == STATEMENT_SUCCESSOR ? 128 : 64, contexts[b.kind],
			  &org_secret, &node_secret);
		if (is_taken(&s) != rows[i].good)
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
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"0200000000000000000000000000000000000000000000000000000000000000",
	};
	struct statement_body b;
	struct statement s;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		b = body_of(STATEMENT_VOUCH);
		unhex(bad[i], b.subject.b, 32);
		ok(!sign(&b, &s));
		b = body_of(STATEMENT_VOUCH);
		ok(sign(&b, &s));
		unhex(bad[i], s.wire + 36, 32);
		sign_anew(&s, 64, contexts[b.kind], &org_secret, NULL);
		ok(!is_taken(&s));
		unhex(bad[i], s.wire + 4, 32);
		memset(s.wire + s.len - SIGNATURE, 0, SIGNATURE);
		ok(!is_taken(&s));
		unhex(bad[i], s.wire + s.len - SIGNATURE, 32);
		ok(!is_taken(&s));
	}
	for (enum statement_kind kind = 1; kind < STATEMENT_SUCCESSOR; kind++) {
		b = body_of(kind);
		ok(sign(&b, &s));
		memcpy(s.wire + 36, org.b, 32);
		sign_anew(&s, 64, contexts[kind], &org_secret, NULL);
		ok(is_taken(&s) == (kind == STATEMENT_ALIAS));
		s.wire[36 + 31] ^= 0x80; /* -P */
		sign_anew(&s, 64, contexts[kind], &org_secret, NULL);
		ok(!is_taken(&s));
		b.subject = org;
		ok(sign(&b, &s) == (kind == STATEMENT_ALIAS)); /* an org names itself */
		b.subject.b[31] ^= 0x80; /* -P */
		ok(!sign(&b, &s));
	}
}

static void only_its_issuer_can_change_a_statement(void)
{
	for (enum statement_kind kind = 1; kind <= STATEMENT_KINDS; kind++) {
		struct statement_body b = body_of(kind);
		struct statement_claim claim;
		struct statement s, verified;
		unsigned claims = 0;

		ok(sign(&b, &s));
		for (unsigned bit = 0; bit < 8u * s.len; bit++) {
			s.wire[bit / 8] ^= (uint8_t)(1u << bit % 8);
			if (statement_decode(bytes_of(s.wire, s.len), &claim)) {
				claims++;
				if (statement_verify(&claim, &verified)
				    || statement_is_signed(&claim)
				    || (kind != STATEMENT_SUCCESSOR
					&& statement_verify_of_known(&claim, &verified)))
					TAP_FAIL("kind %d: bit %u may be changed", kind, bit);
			}
			s.wire[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
		ok(claims > 512); /* the signatures were looked at */
	}
}

/* Attacks 02 and 22: random, zero, truncated and other orgs' signatures. */
static void forged_signatures_do_not_count(void)
{
	struct rng rng;

	rng_init(&rng, 22);
	for (enum statement_kind kind = 1; kind < STATEMENT_SUCCESSOR; kind++) {
		struct statement_body b = body_of(kind);
		struct statement s;
		struct statement_claim claim;

		ok(sign(&b, &s));
		for (size_t len = 0; len < s.len; len++)
			ok(!statement_decode(bytes_of(s.wire, len), &claim));
		sign_anew(&s, 64, contexts[kind], &other_secret, NULL);
		ok(!is_taken(&s));
		sign_anew(&s, 64, contexts[kind], &node_secret, NULL);
		ok(!is_taken(&s));
		memset(s.wire + s.len - SIGNATURE, 0, SIGNATURE);
		ok(!is_taken(&s));
		for (int n = 0; n < 100; n++) {
			for (unsigned i = 0; i < SIGNATURE; i++)
				s.wire[s.len - SIGNATURE + i] = (uint8_t)rng_u64(&rng);
			ok(!is_taken(&s));
		}
	}
}

static void no_statement_passes_as_another(void)
{
	for (enum statement_kind kind = 1; kind <= STATEMENT_KINDS; kind++) {
		for (enum statement_kind as = 1; as <= STATEMENT_KINDS; as++) {
			struct statement_body b = body_of(as);
			struct statement s;

			ok(sign(&b, &s));
			sign_anew(&s, as == STATEMENT_SUCCESSOR ? 128 : 64, contexts[kind],
				  &org_secret, &node_secret);
			ok(is_taken(&s) == (kind == as));
		}
	}
}

static void a_successor_needs_both_signatures(void)
{
	struct statement_body b = body_of(STATEMENT_SUCCESSOR);
	struct statement s;

	ok(sign(&b, &s));
	sign_anew(&s, 128, contexts[b.kind], &org_secret, &org_secret);
	ok(!is_taken(&s));
	sign_anew(&s, 128, contexts[b.kind], &node_secret, &node_secret);
	ok(!is_taken(&s));
	sign_anew(&s, 128, contexts[b.kind], &node_secret, &org_secret);
	ok(!is_taken(&s));
	sign_anew(&s, 128, contexts[b.kind], &org_secret, &other_secret);
	ok(!is_taken(&s));
	sign_anew(&s, 128, contexts[b.kind], &org_secret, &node_secret);
	ok(is_taken(&s));
}

static void a_statement_is_exactly_as_long_as_it_says(void)
{
	for (enum statement_kind kind = 1; kind <= STATEMENT_KINDS; kind++) {
		struct statement_body b = body_of(kind);
		uint8_t longer[2 * MAX_STATEMENT] = { 0 };
		struct statement_claim claim;
		struct statement s;

		ok(sign(&b, &s));
		memcpy(longer, s.wire, s.len);
		for (size_t len = 0; len < sizeof(longer); len++) {
			ok(statement_decode(bytes_of(longer, len), &claim) == (len == s.len));
			eq_int(statement_length(bytes_of(longer, len)), len < s.len ? 0 : s.len);
		}
	}
}

static void what_others_would_refuse_is_not_signed(void)
{
	struct statement_body b = body_of(STATEMENT_REVOCATION);
	struct statement s;

	b.number = 0;
	ok(!sign(&b, &s));
	b = body_of(STATEMENT_REVOCATION);
	b.reason = REVOCATION_REASONS;
	ok(!sign(&b, &s));
	b = body_of(STATEMENT_ALIAS);
	strcpy(b.name, "a/b");
	ok(!sign(&b, &s));
	memset(b.name, 'a', MAX_NAME);
	ok(sign(&b, &s));
	eq_int(s.len, 212);
}

static void sign_as_other(void *arg)
{
	struct statement_body b = body_of(STATEMENT_VOUCH);
	struct statement s;

	(void)!statement_sign(&b, &other_secret, NULL, arg ? NULL : &s);
}

static void sign_alone(void *arg)
{
	struct statement_body b = body_of(STATEMENT_SUCCESSOR);
	struct statement s;

	(void)!statement_sign(&b, &org_secret, NULL, arg ? NULL : &s);
}

static void wrong_secrets_are_bugs(void)
{
	ok(dies(sign_as_other, NULL));
	ok(dies(sign_alone, NULL));
}

static void kinds_and_reasons_have_names(void)
{
	eq_str(statement_kind_name(STATEMENT_REVOCATION), "revocation");
	eq_str(statement_kind_name(STATEMENT_SUCCESSOR), "successor");
	eq_str(revocation_reason_name(REVOKED_UNSPECIFIED), "unspecified");
	eq_str(revocation_reason_name(REVOKED_ADMIN_REMOVED), "admin-removed");
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		T(everything_in_a_body_travels),
		T(the_bytes_are_those_of_the_protocol),
		T(fields_out_of_range_are_refused),
		T(keys_that_are_no_good_are_refused),
		T(only_its_issuer_can_change_a_statement),
		T(forged_signatures_do_not_count),
		T(no_statement_passes_as_another),
		T(a_successor_needs_both_signatures),
		T(a_statement_is_exactly_as_long_as_it_says),
		T(what_others_would_refuse_is_not_signed),
		T(wrong_secrets_are_bugs),
		T(kinds_and_reasons_have_names),
	};

	test_crypto();
	rfc8032_keys(1, &org, &org_secret);
	rfc8032_keys(2, &node, &node_secret);
	rfc8032_keys(3, &other, &other_secret);
	return tap_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
