/* mgsim - runs scenarios and explores random worlds. */
#include "sim/scenario.h"

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
	      "Output is TAP; a trace goes to standard error.\n", stderr);
	return 2;
}

static int run_file(const char *path, struct scenario_options *o)
{
	struct scenario_result r;
	char *text = read_file(path);

	if (!text) {
		fprintf(stderr, "mgsim: cannot read %s\n", path);
		return 1;
	}
	puts("TAP version 13");
	scenario_run(text, o, &r);
	printf("# seed %ju, %ju.%03ju virtual seconds, %ju things, hash %016jx\n"
	       "# %.1f bytes a second and machine\n1..%u\n", (uintmax_t)r.seed,
	       (uintmax_t)(r.virtual_ms / 1000), (uintmax_t)(r.virtual_ms % 1000),
	       (uintmax_t)r.events, (uintmax_t)r.hash, r.bytes, r.expects);
	free(text);
	return r.failures != 0;
}

int main(int argc, char **argv)
{
	struct scenario_options o = { .tap = stdout };
	const char *path = NULL;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--seed") && i + 1 < argc) {
			o.has_seed = true;
			o.seed = strtoull(argv[++i], NULL, 0);
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
	return path ? run_file(path, &o) : usage();
}
