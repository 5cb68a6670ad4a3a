#include "base/text.h"

#include "base/rng.h"
#include "dies.h"
#include "tap.h"

/* RFC 4648, section 10, and what must be refused for each length. */
static void test_base64_table(void)
{
	static const struct {
		const char *text;
		size_t len;
		const char *bytes; /* NULL: refused */
	} rows[] = {
		{ "", 0, "" },
		{ "Zg==", 1, "f" },
		{ "Zm8=", 2, "fo" },
		{ "Zm9v", 3, "foo" },
		{ "Zm9vYg==", 4, "foob" },
		{ "Zm9vYmE=", 5, "fooba" },
		{ "Zm9vYmFy", 6, "foobar" },
		{ "+/+/", 3, "\xfb\xff\xbf" },
		{ "Zh==", 1, NULL }, /* non-zero trailing bits: lowest, highest */
		{ "Zo==", 1, NULL },
		{ "Zm9=", 2, NULL },
		{ "Zm+=", 2, NULL },
		{ "Zg=", 1, NULL }, /* padding */
		{ "Zg", 1, NULL },
		{ "Zg===", 1, NULL },
		{ "Zg=A", 1, NULL },
		{ "Z===", 1, NULL },
		{ "Zm8A", 2, NULL },
		{ "Zm8", 2, NULL },
		{ "Zm8=", 3, NULL }, /* another length than asked for */
		{ "Zm8=", 1, NULL },
		{ "Zm9v", 2, NULL },
		{ "Zm9v", 6, NULL },
		{ "", 1, NULL },
		{ "A", 0, NULL },
		{ "====", 0, NULL },
		{ "====", 1, NULL },
		{ "Zm9v\n", 3, NULL }, /* white space */
		{ " Zm9v", 3, NULL },
		{ "Zm 9", 3, NULL },
		{ "Zm\n9", 3, NULL },
		{ "-_-_", 3, NULL }, /* the other alphabet */
		{ "Zm9\xf6", 3, NULL },
		{ "Zm=v", 3, NULL },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char out[8] = "#######", back[16];
		bool good = base64_decode(rows[i].text, strlen(rows[i].text), out, rows[i].len);

		if (good != (rows[i].bytes != NULL))
			TAP_FAIL("%s gives %d", rows[i].text, good);
		eq_mem(out + (good ? rows[i].len : 0), "#######", 7 - rows[i].len);
		if (!good || !rows[i].bytes)
			continue;
		eq_mem(out, rows[i].bytes, rows[i].len);
		base64_encode(out, rows[i].len, back, sizeof(back));
		eq_str(back, rows[i].text);
	}
}

/* Of the 256 characters exactly the 64 of the alphabet are taken, each for its value. */
static void test_base64_alphabet(void)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (int c = 0; c < 256; c++) {
		char text[4] = { 'A', 'A', 'A', (char)c };
		const char *at = c ? strchr(alphabet, c) : NULL;
		uint8_t out[3] = { 0xee, 0xee, 0xee };

		ok(base64_decode(text, 4, out, 3) == (at != NULL));
		eq_int(out[2], at ? at - alphabet : 0xee);
	}
}

static void test_base64_round_trip(void)
{
	struct rng rng;

	rng_init(&rng, 64);
	for (int i = 0; i < 2000; i++) {
		uint8_t in[70], out[70];
		char text[BASE64_LEN(70) + 1];
		size_t len = rng_below(&rng, sizeof(in) + 1);

		for (size_t k = 0; k < len; k++)
			in[k] = (uint8_t)rng_u64(&rng);
		base64_encode(in, len, text, BASE64_LEN(len) + 1);
		eq_int(strlen(text), BASE64_LEN(len));
		ok(base64_decode(text, strlen(text), out, len));
		eq_mem(out, in, len);
	}
}

static void encode_short(void *cap)
{
	char out[64];

	base64_encode("0123456789012345678901234567890", 32, out, *(size_t *)cap);
}

static void hex_short(void *cap)
{
	char out[16];

	hex_encode("abc", 3, out, *(size_t *)cap);
}

static void test_short_buffers_are_bugs(void)
{
	ok(!dies(encode_short, &(size_t){ 45 }));
	ok(dies(encode_short, &(size_t){ 44 }));
	ok(!dies(hex_short, &(size_t){ 7 }));
	ok(dies(hex_short, &(size_t){ 6 }));
}

static void test_hex(void)
{
	uint8_t out[3] = { 7, 7, 7 };
	char text[7];

	ok(hex_decode("00aBfF", 6, out, 3));
	eq_mem(out, "\x00\xab\xff", 3);
	hex_encode(out, 3, text, sizeof(text));
	eq_str(text, "00abff");
	ok(hex_decode("", 0, out, 0));
	ok(!hex_decode("00aBf", 5, out, 2) && !hex_decode("00aBfF", 6, out, 2));
	ok(!hex_decode("0000", 4, out, 3));
	for (int c = 0; c < 256; c++) {
		char two[2] = { (char)c, '1' };
		bool digit = c && strchr("0123456789abcdefABCDEF", c);

		ok(hex_decode(two, 2, out, 1) == digit);
	}
	memset(out, 7, 3);
	ok(!hex_decode("010203040g", 10, out, 5) && out[0] == 7);
}

static void test_numbers(void)
{
	static const struct {
		const char *text;
		uint64_t max;
		bool good;
		uint64_t value;
	} rows[] = {
		{ "0", 0, true, 0 },
		{ "1", 0, false, 0 },
		{ "65535", 65535, true, 65535 },
		{ "65536", 65535, false, 0 },
		{ "99999", 65535, false, 0 },
		{ "18446744073709551615", UINT64_MAX, true, UINT64_MAX },
		{ "18446744073709551616", UINT64_MAX, false, 0 },
		{ "18446744073709551620", UINT64_MAX, false, 0 },
		{ "184467440737095516150", UINT64_MAX, false, 0 },
		{ "", 9, false, 0 },
		{ "00", 9, false, 0 },
		{ "01", 9, false, 0 },
		{ "+1", 9, false, 0 },
		{ "-1", 9, false, 0 },
		{ "-0", 9, false, 0 },
		{ " 1", 9, false, 0 },
		{ "1 ", 9, false, 0 },
		{ "1\n", 9, false, 0 },
		{ "0x1", 9, false, 0 },
		{ "1e0", 99, false, 0 },
		{ "1/", 99, false, 0 },
		{ "1:", 99, false, 0 },
		{ "\xb1", 99, false, 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		uint64_t v = 77;

		if (parse_u64(rows[i].text, strlen(rows[i].text), rows[i].max, &v) != rows[i].good)
			TAP_FAIL("\"%s\" up to %" PRIu64, rows[i].text, rows[i].max);
		ok(v == (rows[i].good ? rows[i].value : 77));
	}
}

static void test_builder(void)
{
	char buf[12];
	struct text t = text_of(buf, sizeof(buf));

	eq_str(buf, "");
	text_add(&t, "ab");
	text_char(&t, '-');
	text_u64(&t, 0);
	text_add_n(&t, "xyz", 1);
	text_hex(&t, "\x0f\xa0", 2);
	eq_str(buf, "ab-0x0fa0");
	text_add(&t, "12");
	ok(!t.truncated && t.len == 11); /* exactly full */
	text_add(&t, "");
	ok(!t.truncated);
	text_char(&t, '3');
	ok(t.truncated);
	eq_str(buf, "ab-0x0fa012");

	t = text_of(buf, 4);
	text_u64(&t, UINT64_MAX);
	ok(t.truncated);
	eq_str(buf, "184");
	t = text_of(buf, 1);
	text_add(&t, "x");
	ok(t.truncated && t.len == 0 && !buf[0]);
	{
		char big[32];
		struct text n = text_of(big, sizeof(big));

		text_u64(&n, UINT64_MAX);
		eq_str(big, "18446744073709551615");
	}
}

TAP_TESTS(T(test_base64_table), T(test_base64_alphabet), T(test_base64_round_trip),
	  T(test_short_buffers_are_bugs), T(test_hex), T(test_numbers), T(test_builder))
