/* The texts of identity.key, identity.pub and authorized_keys/NAME.pub. */
#include "tap.h"
#include "contexts.h"

#include "base/text.h"
#include "crypto/curve.h"
#include "identity/keyfile.h"

/* RFC 8032, 7.1, test 1. */
#define SEED "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
#define PUBLIC "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
#define PUBLIC_TEXT "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
#define SECRET_TEXT                                                           \
	"nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2DXWpgBgrEKt9VL/tPJZAc6DuFy89qmIyWvAhpo9wdRGg=="

static enum key_problem parse_public(const char *text)
{
	struct public_key k;

	return public_key_parse(text, strlen(text), &k);
}

static void formats_are_the_texts_of_the_design(void)
{
	char public_text[KEYFILE_PUBLIC + 1], secret_text[KEYFILE_SECRET + 1];
	struct public_key pk, parsed_pk;
	struct dh_public twin, parsed_twin;
	struct secret_key sk, parsed_sk;
	uint8_t seed[32];

	ok(hex_decode(SEED, 64, seed, sizeof(seed)));
	ed25519_from_seed(&pk, &sk, seed);
	public_key_format(&pk, public_text);
	eq_str(public_text, PUBLIC_TEXT "\n");
	eq_int(strlen(public_text), KEYFILE_PUBLIC);
	secret_key_format(&sk, secret_text);
	eq_str(secret_text, SECRET_TEXT "\n");
	eq_int(strlen(secret_text), KEYFILE_SECRET);
	eq_int(peer_key_parse(public_text, KEYFILE_PUBLIC, &parsed_pk, &parsed_twin), KEY_OK);
	eq_mem(&parsed_pk, &pk, sizeof(pk));
	ok(ed25519_to_dh_public(&twin, &pk));
	eq_mem(&parsed_twin, &twin, sizeof(twin));
	memset(&parsed_pk, 0, sizeof(parsed_pk));
	eq_int(secret_key_parse(secret_text, KEYFILE_SECRET, &parsed_sk, &parsed_pk), KEY_OK);
	eq_mem(&parsed_sk, &sk, sizeof(sk));
	eq_mem(&parsed_pk, &pk, sizeof(pk));
}

static void only_white_space_at_the_end_is_forgiven(void)
{
	static const struct {
		const char *text;
		enum key_problem want;
	} rows[] = {
		{ PUBLIC_TEXT, KEY_OK },
		{ PUBLIC_TEXT "\n", KEY_OK },
		{ PUBLIC_TEXT "\r\n", KEY_OK },
		{ PUBLIC_TEXT " \t \n\n", KEY_OK },
		{ " " PUBLIC_TEXT, KEY_NOT_BASE64 },
		{ "\n" PUBLIC_TEXT, KEY_NOT_BASE64 },
		{ PUBLIC_TEXT "\v", KEY_NOT_BASE64 },
		{ PUBLIC_TEXT "\n#", KEY_NOT_BASE64 },
		{ PUBLIC_TEXT "\n" PUBLIC_TEXT "\n", KEY_NOT_BASE64 },
		{ "", KEY_NOT_BASE64 },
		{ "\n", KEY_NOT_BASE64 },
		{ "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo", KEY_NOT_BASE64 },
		{ "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHUR==", KEY_NOT_BASE64 },
		{ "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURp=", KEY_NOT_BASE64 },
		{ "11qYAYKxCrfVS/7TyWQHOg7hcvPap iMlrwIaaPcHURo", KEY_NOT_BASE64 },
		{ "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo=", KEY_NOT_BASE64 },
		{ SECRET_TEXT "\n", KEY_NOT_BASE64 },
		{ PUBLIC "\n", KEY_NOT_BASE64 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (parse_public(rows[i].text) != rows[i].want)
			TAP_FAIL("row %zu: '%s'", i, rows[i].text);
	ok(public_key_parse(PUBLIC_TEXT "\0", 45, &(struct public_key){ 0 }) == KEY_NOT_BASE64);
}

static void bad_points_are_refused(void)
{
	static const struct {
		const char *hex, *why;
	} rows[] = {
		{ "0000000000000000000000000000000000000000000000000000000000000000", "order 4" },
		{ "0100000000000000000000000000000000000000000000000000000000000000", "identity" },
		{ "0100000000000000000000000000000000000000000000000000000000000080",
		  "identity, non-canonical sign" },
		{ "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "order 2" },
		{ "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", "order 8" },
		{ "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", "order 8" },
		{ "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "y = p" },
		{ "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "y = p + 1" },
		{ "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", "y > p" },
		{ "0200000000000000000000000000000000000000000000000000000000000000", "no x" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct public_key k, out;
		char text[KEYFILE_PUBLIC + 1];

		memset(&out, 0x5a, sizeof(out));
		ok(hex_decode(rows[i].hex, 64, k.b, sizeof(k.b)));
		public_key_format(&k, text);
		if (public_key_parse(text, KEYFILE_PUBLIC, &out) != KEY_BAD_POINT)
			TAP_FAIL("taken: %s", rows[i].why);
		eq_int(out.b[0], 0x5a);
	}
}

static void a_secret_key_must_carry_its_own_public_half(void)
{
	struct secret_key sk, out, untouched;
	struct public_key pk, out_pk;
	char text[KEYFILE_SECRET + 1];

	memset(&untouched, 0x5a, sizeof(untouched));
	out = untouched;
	for (size_t bit = 0; bit < 512; bit += 37) {
		eq_int(secret_key_parse(SECRET_TEXT, 88, &sk, &pk), KEY_OK);
		sk.b[bit / 8] ^= (uint8_t)(1u << bit % 8);
		secret_key_format(&sk, text);
		eq_int(secret_key_parse(text, KEYFILE_SECRET, &out, &out_pk), KEY_MISMATCH);
		eq_mem(&out, &untouched, sizeof(out));
	}
	eq_int(secret_key_parse(SECRET_TEXT, 87, &out, &out_pk), KEY_NOT_BASE64);
	eq_int(secret_key_parse(PUBLIC_TEXT, 44, &out, &out_pk), KEY_NOT_BASE64);
	eq_int(secret_key_parse("", 0, &out, &out_pk), KEY_NOT_BASE64);
	eq_int(secret_key_parse(SECRET_TEXT "\r\n", 90, &out, &out_pk), KEY_OK);
}

static void each_problem_has_words(void)
{
	for (enum key_problem p = KEY_OK; p <= KEY_MISMATCH; p++)
		ok(strlen(key_problem_text(p)) > 5);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		T(formats_are_the_texts_of_the_design),
		T(only_white_space_at_the_end_is_forgiven),
		T(bad_points_are_refused),
		T(a_secret_key_must_carry_its_own_public_half),
		T(each_problem_has_words),
	};

	test_crypto();
	return tap_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
