/* The command line: words and options in any order, and what is said about slips. */
#include "cli/options.h"
#include "tap.h"

static const struct option_spec specs[] = {
	{ .name = "force", .kind = OPTION_FLAG, .help = "" },
	{ .name = "name", .kind = OPTION_TEXT, .value = "NAME", .help = "" },
	{ .name = "seed", .kind = OPTION_TEXT, .repeats = true, .value = "HOST:PORT", .help = "" },
	{ .name = "port", .kind = OPTION_NUMBER, .min = 1, .max = 65535, .value = "N", .help = "" },
	{ 0 },
};

#define ARGS 6

static bool parse(struct arguments *a, const char *const words[ARGS])
{
	static char copies[ARGS][32]; /* the parser borrows them */
	char *argv[ARGS + 1] = { 0 };
	int argc = 0;

	while (argc < ARGS && words[argc]) {
		snprintf(copies[argc], sizeof(copies[argc]), "%s", words[argc]);
		argv[argc] = copies[argc];
		argc++;
	}
	return arguments_parse(a, specs, argc, argv);
}

static void command_lines_that_are_right(void)
{
	static const struct {
		const char *words[ARGS];
		unsigned count;
		const char *first, *name;
		bool force;
		uint32_t port;
		unsigned seeds;
	} rows[] = {
		{ { NULL }, 0, NULL, NULL, false, 0, 0 },
		{ { "key" }, 1, "key", NULL, false, 0, 0 },
		{ { "-" }, 1, "-", NULL, false, 0, 0 },
		{ { "key", "--name", "bob" }, 1, "key", "bob", false, 0, 0 },
		{ { "--name", "bob", "key" }, 1, "key", "bob", false, 0, 0 },
		{ { "--name=bob", "key", "--force" }, 1, "key", "bob", true, 0, 0 },
		{ { "--name=-bob" }, 0, NULL, "-bob", false, 0, 0 },
		{ { "--name=a=b" }, 0, NULL, "a=b", false, 0, 0 },
		{ { "--name", "-" }, 0, NULL, "-", false, 0, 0 },
		{ { "--force", "--force" }, 0, NULL, NULL, true, 0, 0 },
		{ { "--", "--name" }, 1, "--name", NULL, false, 0, 0 },
		{ { "--force", "--", "-h", "--" }, 2, "-h", NULL, true, 0, 0 },
		{ { "--port", "1", }, 0, NULL, NULL, false, 1, 0 },
		{ { "--port=65535", }, 0, NULL, NULL, false, 65535, 0 },
		{ { "--seed", "a:1", "--seed=b:2", "--port", "7" }, 0, NULL, NULL, false, 7, 2 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct arguments a;
		unsigned seeds = 0;

		if (!parse(&a, rows[i].words)) {
			TAP_FAIL("row %zu: %s", i, a.error);
			continue;
		}
		eq_int(a.word_count, rows[i].count);
		if (rows[i].first)
			eq_str(a.words[0], rows[i].first);
		eq_str(option_text(&a, "name", "none"), rows[i].name ? rows[i].name : "none");
		eq_int(has_option(&a, "force"), rows[i].force);
		eq_int(option_number(&a, "port", 0), rows[i].port);
		while (option_nth(&a, "seed", seeds))
			seeds++;
		eq_int(seeds, rows[i].seeds);
		ok(!a.help);
	}
}

static void command_lines_that_are_wrong(void)
{
	static const struct {
		const char *words[ARGS];
		const char *error;
	} rows[] = {
		{ { "--forse" }, "unknown option --forse (did you mean --force?)" },
		{ { "--nmae=x" }, "unknown option --nmae (did you mean --name?)" },
		{ { "--zzzzzz" }, "unknown option --zzzzzz" },
		{ { "-f" }, "unknown option -f" },
		{ { "-name" }, "unknown option -name (did you mean --name?)" },
		{ { "--hlep" }, "unknown option --hlep (did you mean --help?)" },
		{ { "--force=yes" }, "--force takes no value" },
		{ { "--name" }, "--name needs a value: --name NAME" },
		{ { "--name=" }, "--name needs a value: --name NAME" },
		{ { "--name", "" }, "--name needs a value: --name NAME" },
		{ { "--name", "--force" }, "--name needs a value: --name NAME" },
		{ { "--name", "a", "--name", "b" }, "--name is given twice" },
		{ { "--port", "0" }, "--port 0: it must be a number from 1 to 65535" },
		{ { "--port", "65536" }, "--port 65536: it must be a number from 1 to 65535" },
		{ { "--port", "1x" }, "--port 1x: it must be a number from 1 to 65535" },
		{ { "--port", "007" }, "--port 007: it must be a number from 1 to 65535" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct arguments a;

		ok(!parse(&a, rows[i].words));
		eq_str(a.error, rows[i].error);
	}
}

static void help_is_an_option_of_everything(void)
{
	struct arguments a;

	ok(parse(&a, (const char *const[ARGS]){ "--help" }) && a.help);
	ok(parse(&a, (const char *const[ARGS]){ "key", "-h" }) && a.help);
	ok(parse(&a, (const char *const[ARGS]){ "--", "--help" }) && !a.help);
}

static void too_much_is_refused(void)
{
	static char word[] = "word", option[] = "--seed=a:1";
	static char *words[MAX_WORDS + 1], *given[MAX_GIVEN + 1];
	struct arguments a;

	for (unsigned i = 0; i <= MAX_WORDS; i++)
		words[i] = word;
	for (unsigned i = 0; i <= MAX_GIVEN; i++)
		given[i] = option;
	ok(arguments_parse(&a, specs, MAX_WORDS, words));
	ok(!arguments_parse(&a, specs, MAX_WORDS + 1, words));
	ok(arguments_parse(&a, specs, MAX_GIVEN, given));
	ok(!arguments_parse(&a, specs, MAX_GIVEN + 1, given));
}

static void a_long_unknown_option_does_not_overflow(void)
{
	static char word[5000] = "--";
	char *argv[] = { word };
	struct arguments a;

	memset(word + 2, 'x', sizeof(word) - 3);
	ok(!arguments_parse(&a, specs, 1, argv));
	ok(strlen(a.error) < 120);
}

static void edit_distances(void)
{
	static const struct { const char *a, *b; unsigned d; } rows[] = {
		{ "", "", 0 }, { "", "abc", 3 }, { "abc", "", 3 }, { "abc", "abc", 0 },
		{ "abc", "abd", 1 }, { "abc", "ab", 1 }, { "abc", "xabc", 1 }, { "abc", "acb", 1 },
		{ "ca", "abc", 3 }, /* optimal string alignment: 3; unrestricted would be 2 */
		{ "kitten", "sitting", 3 }, { "trsut", "trust", 1 }, { "stauts", "status", 1 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		eq_int(edit_distance(rows[i].a, rows[i].b), rows[i].d);
		eq_int(edit_distance(rows[i].b, rows[i].a), rows[i].d);
	}
}

static const char *nearest(const char *word)
{
	static const char *const names[] = { "keygen", "export", "trust", "revoke", "up", "down",
					     "status", "config", "version", "help" };
	const char *best = NULL;
	unsigned distance = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		suggest(word, names[i], &best, &distance);
	return best ? best : "nothing";
}

static void suggestions(void)
{
	static const struct { const char *word, *best; } rows[] = {
		{ "keygne", "keygen" }, { "stat", "status" }, { "sttaus", "status" },
		{ "trsut", "trust" }, { "conf", "config" }, { "donw", "down" }, { "u", "up" },
		{ "vers", "version" }, { "revok", "revoke" }, { "ping", "nothing" },
		{ "xyzzy", "nothing" }, { "", "nothing" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		eq_str(nearest(rows[i].word), rows[i].best);
}

TAP_TESTS(T(command_lines_that_are_right), T(command_lines_that_are_wrong),
	  T(help_is_an_option_of_everything), T(too_much_is_refused),
	  T(a_long_unknown_option_does_not_overflow), T(edit_distances), T(suggestions))
