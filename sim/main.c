/* mgsim - runs scenarios and explores random worlds. */
#include "sim/explore.h"
#include "sim/memberlist.h"
#include "sim/memberlist_world.h"

#include <stdlib.h>
#include <string.h>

struct args {
	struct scenario_options options;
	const char *path, *commit;
	uint64_t worlds, memberlist;
	bool print, write;
};

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
	      "       mgsim --golden FILE.scn\n"
	      "       mgsim --memberlist N [--seed FIRST]\n"
	      "Runs a scenario, the random world of a seed, or N random worlds; writes\n"
	      "FILE.trace, with which runs of FILE.scn are compared where it exists.\n"
	      "--memberlist: N nodes of memberlist and serf, beside what real ones did.\n"
	      "Output is TAP; a trace goes to standard error.\n", stderr);
	return 2;
}

static void trace_path(const char *path, char *out, size_t size)
{
	size_t len = strlen(path), stem = len > 4 ? len - 4 : len;

	snprintf(out, size, "%.*s.trace", (int)stem, path);
}

static bool write_trace(const char *where, const char *text)
{
	FILE *f = fopen(where, "w");
	bool good = f && fputs(text, f) >= 0;

	good = f && !fclose(f) && good;
	if (!good)
		fprintf(stderr, "mgsim: cannot write %s\n", where);
	return good;
}

static void compare(const char *where, const char *want, const char *got,
		    struct scenario_result *r)
{
	unsigned line = 1;
	bool same = !strcmp(want, got);

	for (size_t i = 0; got[i] && got[i] == want[i]; i++)
		line += got[i] == '\n';
	printf("%sok %u - the trace is as recorded\n", same ? "" : "not ", ++r->expects);
	if (!same)
		printf("# line %u of %s differs; `make golden` writes it anew\n", line, where);
	r->failures += !same;
}

static void summary(const struct scenario_result *r)
{
	printf("# seed %ju, %ju.%03ju virtual seconds, %ju things, hash %016jx\n"
	       "# %.1f bytes a second and machine, %ju leaks\n1..%u\n", (uintmax_t)r->seed,
	       (uintmax_t)(r->virtual_ms / 1000), (uintmax_t)(r->virtual_ms % 1000),
	       (uintmax_t)r->events, (uintmax_t)r->hash, r->bytes, (uintmax_t)r->leaks,
	       r->expects);
}

/* A file, or the random world of the seed. */
static int run_one(struct args *a)
{
	char *text = a->path ? read_file(a->path) : explore_scenario(a->options.seed);
	char where[512], *want = NULL, *got = NULL;
	struct scenario_result r;
	size_t size;

	if (!text) {
		fprintf(stderr, "mgsim: cannot read %s\n", a->path);
		return 1;
	}
	if (a->path && !a->options.has_seed && !a->options.lines) {
		trace_path(a->path, where, sizeof(where));
		want = read_file(where);
		if (want || a->write)
			a->options.lines = open_memstream(&got, &size);
	}
	puts("TAP version 13");
	scenario_run(text, &a->options, &r);
	if (want || a->write)
		fclose(a->options.lines);
	if (a->write)
		r.failures += !write_trace(where, got);
	else if (want)
		compare(where, want, got, &r);
	summary(&r);
	free(want);
	free(got);
	free(text);
	return r.failures != 0;
}

/* Another protocol in the same simulator: has it the rows of its real processes? */
static int memberlist(const struct args *a)
{
	static struct ml_rows r;
	int failed = 0;

	ml_measure(&r, (uint32_t)a->memberlist, a->options.has_seed ? a->options.seed : 1);
	ml_print(&r, stdout);
	for (enum ml_row i = 0; i < ML_ROWS; i++)
		failed |= !ml_reproduced(&r, i);
	return failed;
}

static bool parse(struct args *a, int argc, char **argv)
{
	struct scenario_options *o = &a->options;

	for (int i = 1; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : "";

		if (!strcmp(argv[i], "--seed") && *value) {
			o->has_seed = true;
			o->seed = strtoull(argv[++i], NULL, 0);
		} else if (!strcmp(argv[i], "--explore") && *value) {
			a->worlds = strtoull(argv[++i], NULL, 0);
		} else if (!strcmp(argv[i], "--memberlist") && *value) {
			a->memberlist = strtoull(argv[++i], NULL, 0);
			if (a->memberlist < 4 || a->memberlist > ML_MAX)
				return false;
		} else if (!strcmp(argv[i], "--commit") && *value) {
			a->commit = argv[++i];
		} else if (!strcmp(argv[i], "--print")) {
			a->print = true;
		} else if (!strcmp(argv[i], "--golden")) {
			a->write = true;
		} else if (!strcmp(argv[i], "--trace") || !strcmp(argv[i], "--datagrams")) {
			o->lines = stderr;
			o->datagrams |= argv[i][2] == 'd';
		} else if (argv[i][0] == '-' || a->path) {
			return false;
		} else {
			a->path = argv[i];
		}
	}
	o->name = a->path;
	if (a->write && (!a->path || o->has_seed || o->lines))
		return false;
	return a->path || o->has_seed || a->worlds || a->memberlist;
}

int main(int argc, char **argv)
{
	struct args a = { .options = { .tap = stdout }, .commit = "unknown" };

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!parse(&a, argc, argv))
		return usage();
	if (a.memberlist)
		return memberlist(&a);
	if (a.worlds)
		return explore(a.options.has_seed ? a.options.seed : 1, a.worlds, a.commit) != 0;
	if (a.print && !a.path) {
		char *text = explore_scenario(a.options.seed);

		fputs(text, stdout);
		free(text);
		return 0;
	}
	return run_one(&a);
}
