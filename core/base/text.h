/* text.h - text forms of bytes and numbers; strict, bounded, no locale.
 *
 * Every parser takes a length, never relies on a terminator, refuses what is not
 * the canonical form, and writes nothing when it refuses. Every formatter writes
 * a terminator and BUG_ONs on a buffer below the stated size.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "base/bytes.h"

/* Base64 of RFC 4648 section 4 with padding; len_out = exact decoded length wanted.
 * Refuses white space, missing padding and non-zero trailing bits. Constant time in the
 * characters. */
bool base64_decode(const char *text, size_t text_len, void *out, size_t out_len);
/* Writes 4 * ceil(len / 3) characters and a terminator. */
void base64_encode(const void *data, size_t len, char *out, size_t out_cap);
#define BASE64_LEN(n) (((n) + 2) / 3 * 4)

bool hex_decode(const char *text, size_t text_len, void *out, size_t out_len); /* either case */
void hex_encode(const void *data, size_t len, char *out, size_t out_cap);      /* lower case */

/* Decimal without sign, blank or leading zero, at most max. */
bool parse_u64(const char *text, size_t len, uint64_t max, uint64_t *out);

/* A bounded string builder: truncates, stays terminated, remembers that it truncated. */
struct text {
	char *start;
	size_t len;
	size_t cap; /* includes the terminator; > 0 */
	bool truncated;
};
struct text text_of(char *buf, size_t cap);
void text_add(struct text *t, const char *s);
void text_add_n(struct text *t, const char *s, size_t len);
void text_char(struct text *t, char c);
void text_u64(struct text *t, uint64_t v);
void text_hex(struct text *t, const void *data, size_t len);

#endif
