/* mg:// tokens and reply codes: their bytes, and what is refused. */
#include "tap.h"
#include "contexts.h"

#include "base/text.h"
#include "crypto/curve.h"
#include "identity/token.h"

static struct secret_key sk;

static struct endpoint at(const char *text)
{
	struct endpoint e;

	ok(endpoint_parse(text, strlen(text), 0, &e));
	return e;
}

static struct token a_token(void)
{
	static const uint8_t seed[32] = { 7 };
	struct token t = { .expires = 0x123456789A, .candidate_count = 2 };

	test_crypto();
	ed25519_from_seed(&t.key, &sk, seed);
	memset(t.id, 0x1D, sizeof(t.id));
	memset(t.secret, 0x5E, sizeof(t.secret));
	ok(prefix_parse("10.99.0.0/16", 12, &t.prefix));
	t.candidates[0] = (struct token_candidate){ at("2.0.0.1:51821"), TOKEN_ANNOUNCED, true };
	t.candidates[1] = (struct token_candidate){ at("[2001:db8::7]:4000"), TOKEN_HOST, false };
	return t;
}

static struct token the_longest(void)
{
	struct token t = a_token();

	t.closed = true;
	t.candidate_count = TOKEN_CANDIDATES;
	for (unsigned i = 0; i < TOKEN_CANDIDATES; i++)
		t.candidates[i] = t.candidates[1];
	t.introducer_count = TOKEN_INTRODUCERS;
	for (unsigned i = 0; i < TOKEN_INTRODUCERS; i++) {
		memset(t.introducers[i].key, 0x11, 8);
		t.introducers[i].at = t.candidates[1];
	}
	return t;
}

static enum token_problem read_text(const char *text)
{
	struct token t;

	return token_read(text, strlen(text), &t);
}

static bool same(const struct token *a, const struct token *b)
{
	char x[TOKEN_TEXT + 1], y[TOKEN_TEXT + 1];

	return token_make(a, &sk, x) && token_make(b, &sk, y) && !strcmp(x, y);
}

/* base64url as base64, for its decoder. */
static size_t wire_of(const char *text, uint8_t *out)
{
	char std[TOKEN_TEXT + 4];
	size_t n = strlen(text) - 5, len = n * 3 / 4;

	memcpy(std, text + 5, n);
	for (size_t i = 0; i < n; i++)
		std[i] = std[i] == '-' ? '+' : std[i] == '_' ? '/' : std[i];
	while (n % 4)
		std[n++] = '=';
	ok(base64_decode(std, n, out, len));
	return len;
}

static void its_bytes_are_those_of_the_protocol(void)
{
	static const uint8_t tail[] = {
		0x12, 0x34, 0x56, 0x78, 0x9A, 10, 99, 0, 16,
		TOKEN_ANNOUNCED | 4, 2, 0, 0, 1, 0xCA, 0x6D,
		TOKEN_HOST | 8, 0x20, 0x01, 0x0D, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7,
		0x0F, 0xA0,
	};
	char text[TOKEN_TEXT + 1];
	uint8_t wire[400];
	struct token t = a_token();

	ok(token_make(&t, &sk, text));
	eq_int(wire_of(text, wire), 68 + 7 + 19 + 64);
	eq_int(wire[0], 2);
	eq_int(wire[1], 0x20);
	eq_int(wire[2], 0);
	eq_mem(wire + 3, &t.key, 32);
	eq_mem(wire + 35, t.id, 8);
	eq_mem(wire + 43, t.secret, 16);
	eq_mem(wire + 59, tail, sizeof(tail));
}

static void what_is_made_is_read(void)
{
	struct token made[] = { a_token(), the_longest(), a_token() }, back;
	char text[TOKEN_TEXT + 1];

	made[2].candidate_count = 0;
	for (unsigned i = 0; i < 3; i++) {
		memset(&back, 0xFF, sizeof(back));
		ok(token_make(&made[i], &sk, text));
		eq_int(token_read(text, strlen(text), &back), TOKEN_OK);
		ok(same(&back, &made[i]));
		ok(back.closed == made[i].closed);
	}
}

static void no_bad_token_is_made(void)
{
	char text[TOKEN_TEXT + 1];
	struct token t = a_token();

	t.candidates[0].at.port = 0;
	ok(!token_make(&t, &sk, text));
	t = a_token();
	t.candidates[0].at = at("224.0.0.1:5");
	ok(!token_make(&t, &sk, text));
	t = a_token();
	t.expires = UINT64_C(1) << 40;
	ok(!token_make(&t, &sk, text));
}

static void white_space_around_and_line_breaks_inside_do_not_count(void)
{
	char text[TOKEN_TEXT + 1], wrapped[2 * TOKEN_TEXT];
	struct token t = a_token();

	ok(token_make(&t, &sk, text));
	snprintf(wrapped, sizeof(wrapped), " \n\t%.40s\r\n%.30s\n%s \r\n", text, text + 40,
		 text + 70);
	eq_int(read_text(wrapped), TOKEN_OK);
	snprintf(wrapped, sizeof(wrapped), "%.40s %s", text, text + 40);
	eq_int(read_text(wrapped), TOKEN_BAD_CHARACTER);
}

/* Attack 14: 0 to 2000 characters of anything. */
static void nothing_else_is_read(void)
{
	static const char *const rows[] = {
		"", " ", "mg:/", "mg:///", "MG://AAAA", "http://AAAA", "mg://=", "mg://AA==",
		"mg://\xc3\xa4", "mg://\xf0\x9f\x94\x91", "mg://A+/A", "mg://%41",
	};
	static char text[2001];
	struct token t = a_token(), out;

	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		ok(read_text(rows[i]) != TOKEN_OK);
	for (size_t len = 0; len <= 2000; len++) {
		memset(text, 'A', sizeof(text));
		memcpy(text, "mg://", 5);
		enum token_problem p = token_read(text, len, &out);

		ok(p != TOKEN_OK);
		ok((len > TOKEN_TEXT) == (p == TOKEN_TOO_LONG));
	}
	ok(token_make(&t, &sk, text));
	text[40] = '\0';
	eq_int(token_read(text, 200, &out), TOKEN_BAD_CHARACTER);
}

/* Of a good one: each character changed, cut at each place, with more behind it. */
static void nothing_near_a_good_one_is_read(void)
{
	char text[TOKEN_TEXT + 8];
	struct token t = a_token(), out;
	size_t len;

	memset(&out, 0xEE, sizeof(out));
	ok(token_make(&t, &sk, text));
	len = strlen(text);
	for (size_t i = 0; i < len; i++) {
		char was = text[i];

		ok(token_read(text, i, &out) != TOKEN_OK);
		text[i] = was == 'A' ? 'B' : 'A';
		ok(token_read(text, len, &out) != TOKEN_OK);
		text[i] = was;
	}
	strcpy(text + len, "AAAA");
	ok(token_read(text, len + 4, &out) != TOKEN_OK);
	for (size_t i = 0; i < sizeof(out); i++)
		ok(((uint8_t *)&out)[i] == 0xEE);
	eq_int(token_read(text, len, &out), TOKEN_OK);
}

#define A22 "AAAAAAAAAAAAAAAAAAAAAA"
#define A88 A22 A22 A22 A22

static void versions_and_flags_of_others_are_named_so(void)
{
	eq_int(read_text("mg://AwAA" A88 A88), TOKEN_BAD_VERSION);
	eq_int(read_text("mg://AgAE" A88 A88), TOKEN_BAD_VERSION);
}

static void the_mark_depends_on_id_and_secret(void)
{
	struct token t = a_token(), u = a_token();
	struct sym_key a, b;

	token_mark(&t, &a);
	u.id[7] ^= 1;
	token_mark(&u, &b);
	ok(memcmp(&a, &b, sizeof(a)) != 0);
	u = t;
	u.secret[15] ^= 1;
	token_mark(&u, &b);
	ok(memcmp(&a, &b, sizeof(a)) != 0);
	u = t;
	u.expires++;
	token_mark(&u, &b);
	eq_mem(&a, &b, sizeof(a));
}

static void a_reply_code_is_short_and_comes_back(void)
{
	static const struct { const char *at; size_t len; } rows[] = {
		{ "2.0.0.1:51821", 20 + 3 }, { "[2001:db8::7]:1", 39 + 7 },
		{ "255.0.0.254:65535", 0 }, { "198.51.100.255:1", 20 + 3 },
	};
	struct token t = a_token();

	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct endpoint e = at(rows[i].at), back = { .port = 1 };
		char code[TOKEN_REPLY], loose[3 * TOKEN_REPLY];
		size_t n = 0;
		bool hard = !(i & 1);

		token_reply(&t, &e, i & 1, code);
		if (!rows[i].len) { /* nobody's address */
			ok(!token_reply_read(&t, code, strlen(code), &back, &hard));
			continue;
		}
		eq_int(strlen(code), rows[i].len);
		ok(token_reply_read(&t, code, strlen(code), &back, &hard));
		eq_int(hard, i & 1);
		ok(endpoint_equal(&back, &e));
		for (const char *c = code; *c; c++) {
			loose[n++] = ' ';
			loose[n++] = *c == '0' ? 'o' : *c == '1' ? 'l'
				   : *c >= 'A' ? (char)(*c + 32) : *c;
		}
		ok(token_reply_read(&t, loose, n, &back, &hard));
	}
}

static void a_slip_or_another_token_makes_no_reply(void)
{
	struct token t = a_token(), u = a_token();
	struct endpoint e = at("2.0.0.1:51821"), back = { .port = 77 };
	char code[TOKEN_REPLY];
	bool hard = true;
	size_t len;

	u.secret[0] ^= 1;
	token_reply(&t, &e, false, code);
	len = strlen(code);
	ok(!token_reply_read(&u, code, len, &back, &hard));
	for (size_t i = 0; i < len; i++) {
		char was = code[i];

		ok(!token_reply_read(&t, code, i, &back, &hard));
		code[i] = was == '7' ? '8' : '7';
		ok(was == '-' || !token_reply_read(&t, code, len, &back, &hard));
		code[i] = 'U';
		ok(!token_reply_read(&t, code, len, &back, &hard));
		code[i] = was;
	}
	eq_int(back.port, 77);
	ok(hard);
	ok(token_reply_read(&t, code, len, &back, &hard));
	ok(!token_reply_read(&t, "", 0, &back, &hard));
}

static void a_fingerprint_is_eight_groups(void)
{
	char a[FINGERPRINT_TEXT], b[FINGERPRINT_TEXT];
	struct token t = a_token();

	fingerprint_format(&t.key, a);
	eq_int(strlen(a), 39);
	ok(a[4] == ' ' && a[34] == ' ');
	t.key.b[31] ^= 1;
	fingerprint_format(&t.key, b);
	ok(strcmp(a, b) != 0);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		T(its_bytes_are_those_of_the_protocol),
		T(what_is_made_is_read),
		T(no_bad_token_is_made),
		T(white_space_around_and_line_breaks_inside_do_not_count),
		T(nothing_else_is_read),
		T(nothing_near_a_good_one_is_read),
		T(versions_and_flags_of_others_are_named_so),
		T(the_mark_depends_on_id_and_secret),
		T(a_reply_code_is_short_and_comes_back),
		T(a_slip_or_another_token_makes_no_reply),
		T(a_fingerprint_is_eight_groups),
	};

	return tap_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
