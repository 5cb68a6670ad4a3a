/* mgsim - runs scenarios and explores random worlds. */
#include "sim/explore.h"

#include <stdlib.h>
#include <string.h>

static char *read_file(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = NULL;
	size_t size = 0;

	if (!f)
		return NULL;
	FILE *into = open_memstream(&text, &size);
	for (int c; into && (c = getc(f)) != EOF;)
		putc(c, into);
	fclose(f);
	if (into)
		fclose(into);
	return text;
}

static int usage(void)
{
	fputs("usage: mgsim [--seed N] [--trace | --datagrams] FILE.scn\n"
	      "       mgsim --seed N [--trace | --datagrams | --print]\n"
	      "       mgsim --explore N [--seed FIRST] [--commit ID]\n"
	      "Runs a scenario, the random world of a seed, or N random worlds.\n"
	      "Output is TAP; a trace goes to standard error.\n", stderr);
	return 2;
}

/* A file, or the random world of the seed. */
static int run_one(const char *path, struct scenario_options *o, bool print)
{
	struct scenario_result r;
	char *text = path ? read_file(path) : explore_scenario(o->seed);

	if (text && print) {
		fputs(text, stdout);
		free(text);
		return 0;
	}
	if (!text) {
		fprintf(stderr, "mgsim: cannot read %s\n", path);
		return 1;
	}
	puts("TAP version 13");
	scenario_run(text, o, &r);
	printf("# seed %ju, %ju.%03ju virtual seconds, %ju things, hash %016jx\n"
	       "# %.1f bytes a second and machine, %ju leaks\n1..%u\n", (uintmax_t)r.seed,
	       (uintmax_t)(r.virtual_ms / 1000), (uintmax_t)(r.virtual_ms % 1000),
	       (uintmax_t)r.events, (uintmax_t)r.hash, r.bytes, (uintmax_t)r.leaks,
	       r.expects);
	free(text);
	return r.failures != 0;
}

int main(int argc, char **argv)
{
	struct scenario_options o = { .tap = stdout };
	const char *path = NULL, *commit = "unknown";
	uint64_t worlds = 0;
	bool print = false;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--seed") && i + 1 < argc) {
			o.has_seed = true;
			o.seed = strtoull(argv[++i], NULL, 0);
		} else if (!strcmp(argv[i], "--explore") && i + 1 < argc) {
			worlds = strtoull(argv[++i], NULL, 0);
		} else if (!strcmp(argv[i], "--commit") && i + 1 < argc) {
			commit = argv[++i];
		} else if (!strcmp(argv[i], "--print")) {
			print = true;
		} else if (!strcmp(argv[i], "--trace")) {
			o.lines = stderr;
		} else if (!strcmp(argv[i], "--datagrams")) {
			o.lines = stderr;
			o.datagrams = true;
		} else if (argv[i][0] == '-' || path) {
			return usage();
		} else {
			path = argv[i];
		}
	}
	o.name = path;
	if (worlds)
		return explore(o.has_seed ? o.seed : 1, worlds, commit) != 0;
	return path || o.has_seed ? run_one(path, &o, print) : usage();
}
