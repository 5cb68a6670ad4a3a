#include "cli/options.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

#define MAX_COMPARED 32u /* longer words are no misspelling of ours */

unsigned edit_distance(const char *a, const char *b)
{
	/* Of the table over all prefixes: two rows back, one back, now. */
	unsigned rows[3][MAX_COMPARED + 1];
	size_t a_len = strlen(a), b_len = strlen(b);

	if (a_len > MAX_COMPARED || b_len > MAX_COMPARED)
		return MAX_COMPARED;
	for (size_t j = 0; j <= b_len; j++)
		rows[0][j] = rows[1][j] = (unsigned)j;
	for (size_t i = 1; i <= a_len; i++) {
		unsigned *now = rows[2];

		now[0] = (unsigned)i;
		for (size_t j = 1; j <= b_len; j++) {
			unsigned best = rows[1][j - 1] + (a[i - 1] != b[j - 1]);

			if (best > rows[1][j] + 1)
				best = rows[1][j] + 1;
			if (best > now[j - 1] + 1)
				best = now[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]
			    && best > rows[0][j - 2] + 1)
				best = rows[0][j - 2] + 1;
			now[j] = best;
		}
		memcpy(rows[0], rows[1], sizeof(rows[0]));
		memcpy(rows[1], now, sizeof(rows[1]));
	}
	return rows[1][b_len];
}

void suggest(const char *word, const char *name, const char **best, unsigned *distance)
{
	size_t len = strlen(word);
	unsigned d = edit_distance(word, name);

	/* One slip in three letters; and what was cut short after three ("interf"). */
	if (d > (len + 2) / 3) {
		if (len < 3 || strncmp(word, name, len) != 0)
			return;
		d = (unsigned)(len + 2) / 3;
	}
	if (!*best || d < *distance) {
		*best = name;
		*distance = d;
	}
}

static const struct option_spec *find(const struct option_spec *specs, const char *name, size_t len)
{
	for (; specs && specs->name; specs++)
		if (strlen(specs->name) == len && !memcmp(specs->name, name, len))
			return specs;
	return NULL;
}

static bool unknown(struct arguments *a, const struct option_spec *specs, const char *word)
{
	size_t dashes = word[1] == '-' ? 2 : 1;
	int len = (int)strcspn(word, "=");
	const char *best = NULL;
	unsigned distance = 0;
	char name[MAX_COMPARED + 2];

	snprintf(name, sizeof(name), "%.*s", len - (int)dashes, word + dashes);
	for (; specs && specs->name; specs++)
		suggest(name, specs->name, &best, &distance);
	suggest(name, "help", &best, &distance);
	if (best)
		snprintf(a->error, sizeof(a->error), "unknown option %.*s (did you mean --%s?)",
			 len < 80 ? len : 80, word, best);
	else
		snprintf(a->error, sizeof(a->error), "unknown option %.*s", len < 80 ? len : 80,
			 word);
	return false;
}

static bool number_ok(struct arguments *a, struct given *g)
{
	const struct option_spec *spec = g->spec;
	uint64_t value;

	if (!parse_u64(g->text, strlen(g->text), spec->max, &value) || value < spec->min) {
		snprintf(a->error, sizeof(a->error),
			 "--%s %.80s: it must be a number from %u to %u", spec->name, g->text,
			 spec->min, spec->max);
		return false;
	}
	g->number = (uint32_t)value;
	return true;
}

/* An option with what follows its name; returns how many words of argv it took, 0 for an error. */
static int take(struct arguments *a, const struct option_spec *spec, const char *value,
		const char *next)
{
	struct given g = { .spec = spec, .text = value };
	int taken = 1;

	if (spec->kind == OPTION_FLAG && value) {
		snprintf(a->error, sizeof(a->error), "--%s takes no value", spec->name);
		return 0;
	}
	if (spec->kind != OPTION_FLAG && !value) {
		/* A word with a dash is rather an option than a value; --name=-x can say it. */
		if (next && (next[0] != '-' || !next[1])) {
			g.text = next;
			taken = 2;
		}
	}
	if (spec->kind != OPTION_FLAG && (!g.text || !*g.text)) {
		snprintf(a->error, sizeof(a->error), "--%s needs a value: --%s %s", spec->name,
			 spec->name, spec->value);
		return 0;
	}
	if (spec->kind == OPTION_NUMBER && !number_ok(a, &g))
		return 0;
	if (!spec->repeats && spec->kind != OPTION_FLAG && has_option(a, spec->name)) {
		snprintf(a->error, sizeof(a->error), "--%s is given twice", spec->name);
		return 0;
	}
	if (a->given_count == MAX_GIVEN) {
		snprintf(a->error, sizeof(a->error), "too many options: at most %u", MAX_GIVEN);
		return 0;
	}
	a->given[a->given_count++] = g;
	return taken;
}

static bool add_word(struct arguments *a, const char *word)
{
	if (a->word_count == MAX_WORDS) {
		snprintf(a->error, sizeof(a->error), "too many words: \"%.80s\"", word);
		return false;
	}
	a->words[a->word_count++] = word;
	return true;
}

bool arguments_parse(struct arguments *a, const struct option_spec *specs, int argc, char **argv)
{
	bool options = true;

	memset(a, 0, sizeof(*a));
	for (int i = 0; i < argc; ) {
		const char *word = argv[i++];
		const char *equals = strchr(word, '=');

		if (!options || word[0] != '-' || !word[1]) {
			if (!add_word(a, word))
				return false;
			continue;
		}
		if (!strcmp(word, "--")) {
			options = false;
			continue;
		}
		if (!strcmp(word, "--help") || !strcmp(word, "-h")) {
			a->help = true;
			continue;
		}

		size_t len = equals ? (size_t)(equals - word) : strlen(word);
		const struct option_spec *spec = NULL;

		if (word[1] == '-' && len > 2)
			spec = find(specs, word + 2, len - 2);
		if (!spec)
			return unknown(a, specs, word);

		int taken = take(a, spec, equals ? equals + 1 : NULL, i < argc ? argv[i] : NULL);

		if (!taken)
			return false;
		i += taken - 1;
	}
	return true;
}

const char *option_nth(const struct arguments *a, const char *name, unsigned n)
{
	for (unsigned i = 0; i < a->given_count; i++)
		if (!strcmp(a->given[i].spec->name, name) && n-- == 0)
			return a->given[i].text ? a->given[i].text : "";
	return NULL;
}

bool has_option(const struct arguments *a, const char *name)
{
	return option_nth(a, name, 0) != NULL;
}

const char *option_text(const struct arguments *a, const char *name, const char *otherwise)
{
	const char *text = option_nth(a, name, 0);

	return text ? text : otherwise;
}

uint32_t option_number(const struct arguments *a, const char *name, uint32_t otherwise)
{
	for (unsigned i = 0; i < a->given_count; i++)
		if (!strcmp(a->given[i].spec->name, name))
			return a->given[i].number;
	return otherwise;
}
