/* options.h - the command line of one command: words and options in any order.
 *
 * `--name value`, `--name=value`, `--` ends the options, a lone `-` is a word. Unknown options are
 * errors that name the nearest one. `--help` and `-h` are known everywhere.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_kind { OPTION_FLAG, OPTION_TEXT, OPTION_NUMBER };

struct option_spec {
	const char *name;      /* without dashes; NULL ends a table */
	enum option_kind kind;
	bool repeats;          /* may be given more than once */
	uint32_t min, max;     /* OPTION_NUMBER */
	const char *value;     /* what the help calls its value */
	const char *help;      /* NULL: the manual has it, the help does not */
};

#define MAX_WORDS 8u
#define MAX_GIVEN 128u

struct arguments {
	const char *words[MAX_WORDS];
	unsigned word_count;
	struct given {
		const struct option_spec *spec;
		const char *text;      /* NULL for a flag */
		uint32_t number;
	} given[MAX_GIVEN];
	unsigned given_count;
	bool help;
	char error[320];               /* after a failure: what is wrong with which word */
};

/* argv: the words after the command. Borrows them and the table. False with error set. */
bool arguments_parse(struct arguments *a, const struct option_spec *specs, int argc, char **argv);

bool has_option(const struct arguments *a, const char *name);
/* The value of an option, or `otherwise` when it was not given. */
const char *option_text(const struct arguments *a, const char *name, const char *otherwise);
uint32_t option_number(const struct arguments *a, const char *name, uint32_t otherwise);
/* The values of one that repeats: n-th from 0, NULL after the last. */
const char *option_nth(const struct arguments *a, const char *name, unsigned n);

/* Optimal string alignment distance: insert, delete, change, swap of neighbours. */
unsigned edit_distance(const char *a, const char *b);
/* The name that somebody who typed `word` most likely meant, or NULL when none is near. Keep the
 * nearest in *best and its distance in *distance (start with NULL) over any number of names. */
void suggest(const char *word, const char *name, const char **best, unsigned *distance);

#endif
