#include "cli/help.h"

#include "base/text.h"

#include <string.h>

/* True if the first word of the name is `word`. */
static bool starts_with(const struct command *c, const char *word)
{
	size_t len = strcspn(c->name, " ");

	return strlen(word) == len && !memcmp(c->name, word, len);
}

static const struct command *unknown_command(const char *word)
{
	const char *best = NULL;
	unsigned distance = 0;
	char first[32];

	for (const struct command *const *c = commands; *c; c++) {
		snprintf(first, sizeof(first), "%.*s", (int)strcspn((*c)->name, " "), (*c)->name);

		const char *before = best;

		suggest(word, first, &best, &distance);
		if (best != before) /* `first` is gone after this turn */
			best = (*c)->name;
	}
	if (best)
		fail(EXIT_USAGE,
		     "unknown command \"%.60s\"; did you mean %.*s? see: meshguard help", word,
		     (int)strcspn(best, " "), best);
	else
		fail(EXIT_USAGE, "unknown command \"%.60s\"; see: meshguard help", word);
	return NULL;
}

/* first is a word that needs a second one; second is not one of them. */
static const struct command *unknown_second(const char *first, const char *second)
{
	const char *best = NULL;
	unsigned distance = 0;
	char all[256];
	struct text t = text_of(all, sizeof(all));

	for (const struct command *const *c = commands; *c; c++) {
		if (!starts_with(*c, first))
			continue;

		const char *name = strchr((*c)->name, ' ') + 1;

		if (t.len)
			text_add(&t, ", ");
		text_add(&t, name);
		if (second)
			suggest(second, name, &best, &distance);
	}
	if (!second)
		fail(EXIT_USAGE, "%s needs one more word: %s", first, all);
	else if (best)
		fail(EXIT_USAGE, "unknown word \"%.60s\" after %s; did you mean %s %s?", second,
		     first, first, best);
	else
		fail(EXIT_USAGE, "unknown word \"%.60s\" after %s; it takes: %s", second, first,
		     all);
	return NULL;
}

const struct command *find_command(const char *first, const char *second, unsigned *words)
{
	bool group = false;

	for (const struct command *const *c = commands; *c; c++) {
		const char *rest = strchr((*c)->name, ' ');

		if (!starts_with(*c, first))
			continue;
		if (!rest || (second && !strcmp(rest + 1, second))) {
			*words = rest ? 2 : 1;
			return *c;
		}
		group = true;
	}
	return group ? unknown_second(first, second) : unknown_command(first);
}

void format_usage(const struct command *c, char *out, size_t cap)
{
	struct text t = text_of(out, cap);

	text_add(&t, "meshguard ");
	text_add(&t, c->name);
	if (c->words[0]) {
		text_add(&t, " ");
		text_add(&t, c->words);
	}
	for (const struct option_spec *o = c->options; o && o->name; o++) {
		if (!o->help)
			continue;
		text_add(&t, " [--");
		text_add(&t, o->name);
		if (o->value) {
			text_add(&t, " ");
			text_add(&t, o->value);
		}
		text_add(&t, o->repeats ? "]..." : "]");
	}
}

/* "usage: ..." with the lines broken between options. */
static void print_usage(const struct command *c)
{
	char usage[512];
	size_t column = strlen("usage: ");

	format_usage(c, usage, sizeof(usage));
	fputs("usage: ", stdout);
	for (const char *at = usage; *at; ) {
		/* A part is all up to the next " [". */
		const char *next = strstr(at + 1, " [");
		size_t len = next ? (size_t)(next - at) : strlen(at);

		if (column + len > 78 && at != usage) {
			printf("\n        ");
			column = 8;
		}
		printf("%.*s", (int)len, at);
		column += len;
		at += len;
	}
	putchar('\n');
}

void print_command_help(const struct command *c)
{
	print_usage(c);
	printf("\n%s\n", c->text);
	if (c->options && c->options->name)
		putchar('\n');
	for (const struct option_spec *o = c->options; o && o->name; o++) {
		char left[64];

		if (!o->help)
			continue;
		snprintf(left, sizeof(left), "--%s%s%s", o->name, o->value ? " " : "",
			 o->value ? o->value : "");
		printf("  %-22s %s\n", left, o->help);
	}
	printf("\nexample: %s\n", c->example);
}

unsigned print_group_help(const char *first)
{
	unsigned count = 0;

	for (const struct command *const *c = commands; *c; c++) {
		if (!starts_with(*c, first) || !strchr((*c)->name, ' '))
			continue;
		if (count++)
			putchar('\n');
		print_command_help(*c);
	}
	return count;
}

void print_help(FILE *out)
{
	fputs("usage: meshguard COMMAND [WORDS AND OPTIONS IN ANY ORDER]\n\n"
	      "Joins machines that trust each other's keys into one encrypted network.\n\n", out);
	for (const struct command *const *c = commands; *c; c++)
		fprintf(out, "  %-14s %s\n", (*c)->name, (*c)->summary);
	fputs("\nHelp on one of them: meshguard help COMMAND\n"
	      "Exit: 0 done, 1 failed, 2 wrong usage, 3 not running, 4 refused, 5 timed out\n"
	      "Environment: MESHGUARD_CONFIG_DIR, the configuration directory\n", out);
}
