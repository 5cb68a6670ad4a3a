/* main.c - finds the command that is meant, reads its options, runs it.
 *
 * Everything that a command prints goes through stdout's buffer; whether it arrived is asked once,
 * at the end: output that was lost (a full disk) is a failure whatever the command said.
 */
#include "cli/cmd_wireguard.h"
#include "cli/help.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* True if `word` begins the name of a command. */
static bool is_first(const struct command *c, const char *word)
{
	size_t len = strcspn(c->name, " ");

	return strlen(word) == len && !memcmp(c->name, word, len);
}

static bool is_command(const char *word)
{
	for (const struct command *const *c = commands; *c; c++)
		if (is_first(*c, word))
			return true;
	return false;
}

/* True if `word` is an option whose value is the next word: of a command that begins with `first`,
 * or, with NULL, of any. Some are a flag of one command and not of another (--org): before the
 * command is known, such a one has a value unless a command follows. */
static bool takes_next(const char *first, const char *word, const char *next)
{
	bool flag = false, value = false;

	if (strncmp(word, "--", 2) != 0)
		return false;
	for (const struct command *const *c = commands; *c; c++) {
		if (first && !is_first(*c, first))
			continue;
		for (const struct option_spec *o = (*c)->options; o && o->name; o++) {
			if (strcmp(word + 2, o->name) != 0)
				continue;
			flag |= o->kind == OPTION_FLAG;
			value |= o->kind != OPTION_FLAG;
		}
	}
	return value && !(flag && next && is_command(next));
}

/* The index of the first positional word from `at` on, or argc; `first`: the first of all. */
static int next_word(int at, int argc, char **argv, const char *first)
{
	for (int i = at; i < argc; i++) {
		if (!strcmp(argv[i], "--"))
			return i + 1;
		if (argv[i][0] != '-' || !argv[i][1])
			return i;
		if (takes_next(first, argv[i], argv[i + 1]))
			i++;
	}
	return argc;
}

static void take_out(int *argc, char **argv, int at)
{
	memmove(argv + at, argv + at + 1, (size_t)(*argc - at) * sizeof(*argv));
	--*argc;
}

static bool wants_help(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
			return true;
	return false;
}

/* Options without a command. */
static int run_bare(int argc, char **argv)
{
	if (argc == 2 && (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")))
		return command_version.run(&(struct arguments){ 0 });
	if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		print_help(stdout);
		return EXIT_DONE;
	}
	if (argc > 1)
		return fail(EXIT_USAGE, "%.60s: a command is missing; see: meshguard help",
			    argv[1]);
	print_help(stderr);
	return EXIT_USAGE;
}

static int run_raw(const struct command *c, int argc, char **argv)
{
	if (wants_help(argc, argv)) {
		print_command_help(c);
		return EXIT_DONE;
	}
	return c->run_raw(argc, argv);
}

static int run_command(const struct command *c, int argc, char **argv)
{
	static struct arguments a; /* commands may keep pointers into it */
	char usage[512];

	format_usage(c, usage, sizeof(usage));
	if (!arguments_parse(&a, c->options, argc, argv))
		return fail(EXIT_USAGE, "%s: %s; see: meshguard help %s", c->name, a.error,
			    c->name);
	if (a.help) {
		print_command_help(c);
		return EXIT_DONE;
	}
	if (a.word_count < c->min_words)
		return fail(EXIT_USAGE, "%s: something is missing; usage: %s", c->name, usage);
	if (a.word_count > c->max_words)
		return fail(EXIT_USAGE, "%s: one word too many: \"%.80s\"; usage: %s", c->name,
			    a.words[c->max_words], usage);
	return c->run(&a);
}

static int run(int argc, char **argv)
{
	int at = next_word(1, argc, argv, NULL);

	if (at >= argc)
		return run_bare(argc, argv);
	/* Its command line is not ours: nothing in it is looked at. */
	if (at == 1 && !strcmp(argv[1], command_wireguard.name))
		return run_raw(&command_wireguard, argc - 1, argv + 1);

	int second = next_word(at + 1, argc, argv, argv[at]);
	unsigned words;

	if (second >= argc && wants_help(argc, argv) && print_group_help(argv[at]))
		return EXIT_DONE;

	const struct command *c = find_command(argv[at], second < argc ? argv[second] : NULL,
					       &words);

	if (!c)
		return EXIT_USAGE;
	if (words == 2)
		take_out(&argc, argv, second);
	take_out(&argc, argv, at);
	if (c->run_raw)
		return fail(EXIT_USAGE, "%s: write the command first: meshguard %s %s", c->name,
			    c->name, c->words);
	return run_command(c, argc - 1, argv + 1);
}

/* The program's name as another program's: meshguard-wireguard is `meshguard wireguard`. */
static bool is_wireguard(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return path && !strcmp(slash ? slash + 1 : path, "meshguard-wireguard");
}

int main(int argc, char **argv)
{
	int code;

	if (argc > 0 && is_wireguard(argv[0]))
		code = cmd_wireguard(argc, argv);
	else
		code = run(argc, argv);
	errno = 0;
	if (fflush(stdout) != 0 || ferror(stdout)) {
		note("cannot write the output: %s", errno ? strerror(errno) : "it was lost");
		if (code == EXIT_DONE)
			code = EXIT_FAILED;
	}
	return code;
}
