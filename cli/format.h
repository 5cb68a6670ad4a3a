/* format.h - numbers, tables and colour for people. */
#ifndef CLI_FORMAT_H
#define CLI_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define FORMAT_TEXT 24

/* "12s", "3m12s", "2h05m", "4d03h". */
void format_age(char out[static FORMAT_TEXT], uint64_t seconds);
/* "999", "1.2K", "34M": powers of 1024, rounded down, at most 5 columns. */
void format_bytes(char out[static FORMAT_TEXT], uint64_t bytes);
/* "0.4ms", "12ms", "1.2s"; "-" for 0, which means unknown. */
void format_rtt(char out[static FORMAT_TEXT], uint64_t microseconds);

enum colour { PLAIN, BOLD, RED, GREEN, YELLOW };

/* How to write to this stream. */
struct screen {
	FILE *out;
	bool colour;      /* a terminal that can, and NO_COLOR is not set */
	bool terminal;
	unsigned width;   /* of the terminal, else 80 */
};
struct screen screen_of(FILE *out);
void put(const struct screen *s, enum colour colour, const char *text);

#define MAX_COLUMNS 12u
/* Cells are given row by row; the first row is the head. All zero and the columns set: empty. */
struct table {
	unsigned columns;
	unsigned right;        /* bit n: column n is aligned right */
	struct cell { char *text; enum colour colour; } *cells;
	size_t count, cap;
};
/* Copies text. Out of memory ends the program with exit code 1. */
void table_add(struct table *t, enum colour colour, const char *text);
/* Columns are as wide as their widest cell, two blanks apart, one when the screen is too narrow for
 * two. On a terminal that is still too narrow the last column goes to lines of its own. Frees the
 * cells. */
void table_print(struct table *t, const struct screen *s);

#endif
