#include "cli/format.h"

#include "cli/command.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

void format_age(char out[static FORMAT_TEXT], uint64_t seconds)
{
	unsigned long long s = seconds;

	if (s < 60)
		snprintf(out, FORMAT_TEXT, "%llus", s);
	else if (s < 3600)
		snprintf(out, FORMAT_TEXT, "%llum%02llus", s / 60, s % 60);
	else if (s < 86400)
		snprintf(out, FORMAT_TEXT, "%lluh%02llum", s / 3600, s % 3600 / 60);
	else
		snprintf(out, FORMAT_TEXT, "%llud%02lluh", s / 86400, s % 86400 / 3600);
}

void format_bytes(char out[static FORMAT_TEXT], uint64_t bytes)
{
	static const char units[] = "KMGTPE";
	unsigned unit = 0;

	if (bytes < 1024) {
		snprintf(out, FORMAT_TEXT, "%u", (unsigned)bytes);
		return;
	}
	/* Stop one unit early: what is left holds the fraction. */
	for (; bytes >> 20; bytes >>= 10)
		unit++;

	unsigned tenths = (unsigned)(bytes * 10 / 1024);

	if (tenths < 100)
		snprintf(out, FORMAT_TEXT, "%u.%u%c", tenths / 10, tenths % 10, units[unit]);
	else
		snprintf(out, FORMAT_TEXT, "%u%c", tenths / 10, units[unit]);
}

void format_rtt(char out[static FORMAT_TEXT], uint64_t microseconds)
{
	unsigned long long us = microseconds;

	if (us == 0)
		snprintf(out, FORMAT_TEXT, "-");
	else if (us < 100)
		snprintf(out, FORMAT_TEXT, "<0.1ms");
	else if (us < 10000)
		snprintf(out, FORMAT_TEXT, "%llu.%llums", us / 1000, us % 1000 / 100);
	else if (us < 1000000)
		snprintf(out, FORMAT_TEXT, "%llums", us / 1000);
	else
		snprintf(out, FORMAT_TEXT, "%llu.%llus", us / 1000000, us % 1000000 / 100000);
}

struct screen screen_of(FILE *out)
{
	struct screen s = { .out = out, .terminal = isatty(fileno(out)) != 0, .width = 80 };
	const char *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");
	struct winsize size;

	s.colour = s.terminal && !(no_color && *no_color) && term && *term
		   && strcmp(term, "dumb") != 0;
	if (s.terminal && ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col)
		s.width = size.ws_col;
	return s;
}

static const char *escape(enum colour colour)
{
	switch (colour) {
	case BOLD: return "\033[1m";
	case RED: return "\033[31m";
	case GREEN: return "\033[32m";
	case YELLOW: return "\033[33m";
	case PLAIN: break;
	}
	return NULL;
}

void put(const struct screen *s, enum colour colour, const char *text)
{
	const char *e = s->colour ? escape(colour) : NULL;

	fprintf(s->out, "%s%s%s", e ? e : "", text, e ? "\033[0m" : "");
}

void table_add(struct table *t, enum colour colour, const char *text)
{
	if (t->count == t->cap) {
		size_t cap = t->cap ? 2 * t->cap : 64;
		struct cell *cells = reallocarray(t->cells, cap, sizeof(*cells));

		if (!cells)
			exit(fail(EXIT_FAILED, "out of memory"));
		t->cells = cells;
		t->cap = cap;
	}
	t->cells[t->count].text = strdup(text);
	t->cells[t->count].colour = colour;
	if (!t->cells[t->count].text)
		exit(fail(EXIT_FAILED, "out of memory"));
	t->count++;
}

static void print_row(const struct table *t, const struct cell *row, const unsigned *widths,
		      const struct screen *s, unsigned gap, bool fold)
{
	unsigned last = t->columns - 1;

	for (unsigned c = 0; c <= last; c++) {
		int pad = (int)widths[c] - (int)strlen(row[c].text);
		bool right = t->right >> c & 1;

		if (c == last && fold)
			fputs("\n    ", s->out);
		else if (c > 0)
			fprintf(s->out, "%*s", (int)gap, "");
		if (right)
			fprintf(s->out, "%*s", pad, "");
		put(s, row[c].colour, row[c].text);
		if (!right && c < last - fold)
			fprintf(s->out, "%*s", pad, "");
	}
	putc('\n', s->out);
}

void table_print(struct table *t, const struct screen *s)
{
	unsigned widths[MAX_COLUMNS] = { 0 };
	unsigned sum = 0;

	for (size_t i = 0; i < t->count; i++) {
		unsigned len = (unsigned)strlen(t->cells[i].text);

		if (len > widths[i % t->columns])
			widths[i % t->columns] = len;
	}
	for (unsigned c = 0; c < t->columns; c++)
		sum += widths[c];

	unsigned gap = sum + 2 * (t->columns - 1) <= s->width ? 2 : 1;
	bool fold = s->terminal && sum + t->columns - 1 > s->width;

	for (size_t i = 0; i + t->columns <= t->count; i += t->columns)
		print_row(t, t->cells + i, widths, s, gap, fold);
	for (size_t i = 0; i < t->count; i++)
		free(t->cells[i].text);
	free(t->cells);
	t->cells = NULL;
	t->count = t->cap = 0;
}
