/* hex.h - vectors are written as hex; these turn them into bytes. */
#ifndef TEST_HEX_H
#define TEST_HEX_H

#include "base/text.h"
#include "tap.h"

/* Fills out (cap bytes) and returns the length; a bad vector fails the test. */
static inline size_t unhex(const char *hex, void *out, size_t cap)
{
	size_t len = strlen(hex) / 2;

	if (len > cap || !hex_decode(hex, strlen(hex), out, len)) {
		TAP_FAIL("bad hex in a vector: %s", hex);
		return 0;
	}
	return len;
}

/* Compares len bytes with a vector. */
static inline void eq_hex_at(const char *file, int line, const void *got, size_t len,
			     const char *want)
{
	char text[1024];

	hex_encode(got, len, text, sizeof(text));
	if (strcmp(text, want)) {
		tap_bad++;
		printf("#  %s:%d: is\n#    %s\n#  want\n#    %s\n", file, line, text, want);
	}
}
#define eq_hex(got, len, want) eq_hex_at(__FILE__, __LINE__, got, len, want)

#endif
