/* Private keys pass through these forms, so characters are translated with arithmetic:
 * no table and no branch depends on them. A first pass judges the whole text, so that
 * a refused one leaves the output alone. */
#include "base/text.h"
#include "base/bug.h"

#include <string.h>

/* All ones if lo <= c <= hi, else zero; the sign bit of both differences says so. */
static int within(int c, int lo, int hi)
{
	return ((lo - 1 - c) & (c - hi - 1)) >> 31;
}

/* 0..63, or -1. */
static int from_base64(char ch)
{
	int c = (unsigned char)ch;

	return -1 + (within(c, 'A', 'Z') & (c - 'A' + 1)) + (within(c, 'a', 'z') & (c - 'a' + 27))
	     + (within(c, '0', '9') & (c - '0' + 53)) + (within(c, '+', '+') & 63)
	     + (within(c, '/', '/') & 64);
}

static char to_base64(unsigned v)
{
	int n = (int)(v & 63);

	return (char)((within(n, 0, 25) & ('A' + n)) | (within(n, 26, 51) & ('a' + n - 26))
		      | (within(n, 52, 61) & ('0' + n - 52)) | (within(n, 62, 62) & '+')
		      | (within(n, 63, 63) & '/'));
}

bool base64_decode(const char *text, size_t text_len, void *out, size_t out_len)
{
	size_t pad = (3 - out_len % 3) % 3, chars = text_len - pad;
	uint8_t *to = out;
	unsigned acc = 0, bits = 0;
	int bad = 0;

	if (text_len != BASE64_LEN(out_len))
		return false;
	for (size_t i = 0; i < chars; i++) {
		int v = from_base64(text[i]);

		bad |= v;
		if (i == chars - 1 && pad) /* bits that belong to no byte are zero */
			bad |= -(v & (pad == 1 ? 3 : 15));
	}
	for (size_t i = chars; i < text_len; i++)
		bad |= -(text[i] != '=');
	if (bad < 0)
		return false;
	for (size_t i = 0; i < chars; i++) {
		acc = acc << 6 | (unsigned)from_base64(text[i]);
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			*to++ = (uint8_t)(acc >> bits);
		}
	}
	wipe(&acc, sizeof(acc));
	return true;
}

void base64_encode(const void *data, size_t len, char *out, size_t out_cap)
{
	const uint8_t *in = data;

	BUG_ON(out_cap <= BASE64_LEN(len));
	for (size_t i = 0; i < len; i += 3) {
		size_t n = len - i < 3 ? len - i : 3;
		unsigned v = (unsigned)in[i] << 16 | (n > 1 ? (unsigned)in[i + 1] << 8 : 0u)
			   | (n > 2 ? in[i + 2] : 0u);

		*out++ = to_base64(v >> 18);
		*out++ = to_base64(v >> 12);
		*out++ = n > 1 ? to_base64(v >> 6) : '=';
		*out++ = n > 2 ? to_base64(v) : '=';
	}
	*out = '\0';
}

/* 0..15, or -1. */
static int from_hex(char ch)
{
	int c = (unsigned char)ch;

	return -1 + (within(c, '0', '9') & (c - '0' + 1)) + (within(c, 'a', 'f') & (c - 'a' + 11))
	     + (within(c, 'A', 'F') & (c - 'A' + 11));
}

static char to_hex(unsigned v)
{
	int n = (int)(v & 15);

	return (char)((within(n, 0, 9) & ('0' + n)) | (within(n, 10, 15) & ('a' + n - 10)));
}

bool hex_decode(const char *text, size_t text_len, void *out, size_t out_len)
{
	uint8_t *to = out;
	int bad = 0;

	if (text_len % 2 || text_len / 2 != out_len)
		return false;
	for (size_t i = 0; i < text_len; i++)
		bad |= from_hex(text[i]);
	if (bad < 0)
		return false;
	for (size_t i = 0; i < out_len; i++)
		to[i] = (uint8_t)(from_hex(text[2 * i]) << 4 | from_hex(text[2 * i + 1]));
	return true;
}

void hex_encode(const void *data, size_t len, char *out, size_t out_cap)
{
	const uint8_t *in = data;

	BUG_ON(out_cap / 2 < len || out_cap <= 2 * len);
	for (size_t i = 0; i < len; i++) {
		*out++ = to_hex((unsigned)in[i] >> 4);
		*out++ = to_hex(in[i]);
	}
	*out = '\0';
}

bool parse_u64(const char *text, size_t len, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;

	if (!len || (len > 1 && text[0] == '0'))
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned digit = (unsigned)(unsigned char)text[i] - '0';

		if (digit > 9 || __builtin_mul_overflow(v, (uint64_t)10, &v)
		    || __builtin_add_overflow(v, (uint64_t)digit, &v) || v > max)
			return false;
	}
	*out = v;
	return true;
}

struct text text_of(char *buf, size_t cap)
{
	BUG_ON(cap == 0);
	buf[0] = '\0';
	return (struct text){ .start = buf, .cap = cap };
}

void text_add_n(struct text *t, const char *s, size_t len)
{
	size_t left = t->cap - 1 - t->len;

	if (len > left) {
		t->truncated = true;
		len = left;
	}
	if (len)
		memcpy(t->start + t->len, s, len);
	t->len += len;
	t->start[t->len] = '\0';
}

void text_add(struct text *t, const char *s)
{
	text_add_n(t, s, strlen(s));
}

void text_char(struct text *t, char c)
{
	text_add_n(t, &c, 1);
}

void text_u64(struct text *t, uint64_t v)
{
	char digits[20]; /* UINT64_MAX has 20 */
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	text_add_n(t, digits + at, sizeof(digits) - at);
}

void text_hex(struct text *t, const void *data, size_t len)
{
	const uint8_t *in = data;

	for (size_t i = 0; i < len; i++) {
		text_char(t, to_hex((unsigned)in[i] >> 4));
		text_char(t, to_hex(in[i]));
	}
}
