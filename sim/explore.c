/* The generator knows what must not be asked for: machine 0 is everybody's seed and never moves, so
 * that whoever lost everything else still finds the mesh; trust is mutual with machine 0; and all
 * faults end before the calm. Whatever happens under these rules, everybody has to be together
 * again some time after. */
#include "sim/explore.h"

#include "base/bug.h"
#include "base/rng.h"

#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define FAULTS_MAX 16u
#define CHAOS_S 90u
#define LIFE_S 120u              /* of a child, in real time */
#define TWICE_EVERY 16u          /* of so many seeds one is run twice, for its hash */
#define DEAF_EVERY 8u            /* of so many seeds one ends with somebody who hears nobody */
#define LARGE_EVERY 16u          /* of so many seeds one has more machines than watch each other */
#define RELAYED_EVERY 16u        /* of so many seeds one needs relays */
#define LARGE_LEAST 33u
#define LARGE_MOST 64u

/* --- making */

static uint32_t below(struct rng *r, uint32_t n)
{
	return (uint32_t)rng_below(r, n);
}

static void random_set(FILE *f, struct rng *r, uint32_t n)
{
	uint32_t first = below(r, n), last = first;

	if (!below(r, 3))
		last = first + below(r, n - first);
	fprintf(f, first == last ? "%u" : "%u-%u", first, last);
}

/* Two sets that split everybody. */
static void halves(FILE *f, struct rng *r, uint32_t n)
{
	uint32_t at = 1 + below(r, n - 1);

	fprintf(f, "0-%u %u-%u", at - 1, at, n - 1);
}

static void machine_fault(FILE *f, struct rng *r, uint32_t n)
{
	static const char *const plain[] = { "kill", "leave", "pause", "suspend" };
	static const char *const lasts[] = { "200ms", "1s", "3s", "8s", "20s" };

	fprintf(f, "%s ", plain[below(r, 4)]);
	random_set(f, r, n);
	fprintf(f, " for %s\n", lasts[below(r, 5)]);
}

static void odd_fault(FILE *f, struct rng *r, uint32_t n)
{
	static const char *const clocks[] = { "+1h", "-1h", "+30d", "-30d", "+3650d", "-3650d" };

	switch (below(r, 6)) {
	case 0:
		fprintf(f, "reboot %u\n", below(r, n));
		break;
	case 1:
		fprintf(f, "lose %u\n", below(r, n));
		break;
	case 2:
		fprintf(f, "clock %u %s\n", below(r, n), clocks[below(r, 6)]);
		break;
	case 3:
		fprintf(f, "move %u%s\n", 1 + below(r, n - 1), below(r, 2) ? " silent" : "");
		break;
	case 4:
		fprintf(f, "natboot %u\n", below(r, n));
		break;
	default:
		fprintf(f, "send all all\n");
		break;
	}
}

static void net_fault(FILE *f, struct rng *r, uint32_t n, bool gentle)
{
	static const char *const verbs[] = { "loss", "duplicate", "reorder", "corrupt" };

	switch (gentle ? below(r, 3) : below(r, 6)) {
	case 0:
		fprintf(f, "cut ");
		halves(f, r, n);
		break;
	case 1:
		fprintf(f, "cut %u %u", below(r, n), below(r, n));
		break;
	case 2:
		fprintf(f, "oneway ");
		random_set(f, r, n);
		fprintf(f, " ");
		random_set(f, r, n);
		break;
	case 3:
		fprintf(f, "delay %ums %ums", below(r, 50), 50 + below(r, 300));
		break;
	case 4:
		fprintf(f, "rate %u", 5000 + below(r, 100000));
		break;
	default:
		fprintf(f, "%s %u", verbs[below(r, 4)], 1 + below(r, 60));
		break;
	}
	fprintf(f, " for %us\n", 1 + below(r, 40));
}

static void trust_fault(FILE *f, struct rng *r, uint32_t n)
{
	fprintf(f, "distrust %u %u for %us\n", below(r, n), below(r, n), 1 + below(r, 20));
}

static void fault(FILE *f, struct rng *r, uint32_t n, bool gentle)
{
	uint32_t what = below(r, 10);

	if (what < 4)
		machine_fault(f, r, n);
	else if (what < 6)
		odd_fault(f, r, n);
	else if (what < 9)
		net_fault(f, r, n, gentle);
	else
		trust_fault(f, r, n);
}

/* That machine trusts machine 0 and, of three others, so many. */
static void trust_some(FILE *f, struct rng *r, uint32_t a, uint32_t n, uint32_t of_three)
{
	fprintf(f, "trust %u 0", a);
	for (uint32_t b = 1; b < n; b++)
		if (a != b && below(r, 3) >= 3 - of_three)
			fprintf(f, ",%u", b);
	fprintf(f, "\n");
}

/* In a large mesh few trust few: who does sees a small one, and accuses whom he does not watch. */
static void trust(FILE *f, struct rng *r, uint32_t n)
{
	bool large = n >= LARGE_LEAST;

	if (below(r, 4) && !(large && below(r, 2))) {
		fprintf(f, "trust all\n");
		return;
	}
	fprintf(f, "trust 0 all\n");
	for (uint32_t a = 1; a < n; a++)
		if (!large)
			trust_some(f, r, a, n, 2);
		else if (!below(r, 8))
			trust_some(f, r, a, n, 1);
		else
			fprintf(f, "trust %u all\n", a);
}

static bool is_relayed(uint64_t seed)
{
	return seed % RELAYED_EVERY == RELAYED_EVERY / 4;
}

/* Some behind one NAT and some behind another, both of the kind that nothing passes: who is not
 * behind the same one speaks through machine 0, or through another one that relays, too. */
static void separate(FILE *f, struct rng *r, uint32_t n)
{
	const uint32_t second = 2 + below(r, n - 2), last = n - 1 - below(r, n - second);

	fprintf(f, "nat 1-%u port port random\n", second - 1);
	if (last >= second)
		fprintf(f, "nat %u-%u port port random%s\n", second, last,
			below(r, 2) ? " hairpin" : "");
	fprintf(f, "relay 0\n");
	if (last < n - 1)
		fprintf(f, "relay %u\n", n - 1);
}

static void introduce(FILE *f, struct rng *r, uint32_t n, bool gentle, bool relayed)
{
	bool ipv6 = !relayed && !below(r, 6);

	fprintf(f, "%snodes %u\n", ipv6 ? "underlay ipv6\n" : "", n);
	trust(f, r, n);
	if (relayed) {
		separate(f, r, n);
	} else if (n > 2 && !ipv6 && !below(r, 3)) {
		uint32_t first = 1 + below(r, n - 1);

		/* Without relays nothing stricter is sure to be passed. */
		fprintf(f, "nat %u-%u any any%s\n", first, first + below(r, n - first),
			below(r, 2) ? " hairpin" : "");
	}
	fprintf(f, "seed all 0\n");
	if (!below(r, 3))
		fprintf(f, "delay 10ms %ums\n", 20 + below(r, 100));
	if (!below(r, 3))
		fprintf(f, "loss %u\n", 1 + below(r, gentle ? 5 : 20));
	if (!below(r, 6))
		fprintf(f, "corrupt 1\nduplicate 2\nreorder 5\n");
	if (!below(r, 4))
		fprintf(f, "mtu 1280\n");
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Somebody dies, and whoever may suspect him hears nobody any more: rare among random faults. */
static void deafen(FILE *f, struct rng *r, uint32_t n)
{
	uint32_t dead = 1 + below(r, n - 1), deaf = below(r, dead);
	uint32_t from = (CHAOS_S + 22) * 1000, at = from + 500 + below(r, 2000);

	fprintf(f, "at %us calm\nstart all\n", CHAOS_S + 1);
	fprintf(f, "at %u.%03us kill %u for 30s\n", from / 1000, from % 1000, dead);
	fprintf(f, "at %u.%03us cut %u 0-%u for 25s\n", at / 1000, at % 1000, deaf, n - 1);
	fprintf(f, "at %us calm\nstart all\n", CHAOS_S + 53);
}

char *explore_scenario(uint64_t seed)
{
	uint32_t times[FAULTS_MAX], count;
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);
	struct rng r;

	BUG_ON(!f);
	rng_init(&r, seed ^ 0x6578706c6f7265u);
	uint32_t n = 2 + below(&r, below(&r, 4) ? 5 : 11);
	if (seed % LARGE_EVERY == LARGE_EVERY / 2)
		n = LARGE_LEAST + below(&r, LARGE_MOST - LARGE_LEAST + 1);
	/* With a network that is cut but never bad nobody is to be declared dead wrongly. */
	bool gentle = below(&r, 2);
	if (is_relayed(seed) && n < 4)
		n += 3;
	introduce(f, &r, n, gentle, is_relayed(seed));
	count = 1 + below(&r, FAULTS_MAX);
	for (uint32_t i = 0; i < count; i++)
		times[i] = below(&r, CHAOS_S * 1000);
	qsort(times, count, sizeof(*times), by_value);
	for (uint32_t i = 0; i < count; i++) {
		fprintf(f, "at %u.%03us ", times[i] / 1000, times[i] % 1000);
		fault(f, &r, n, gentle);
	}
	if (seed % DEAF_EVERY == DEAF_EVERY - 1)
		deafen(f, &r, n);
	else
		fprintf(f, "at %us calm\nstart all\n", CHAOS_S + 1);
	/* Who is reached by a relay alone has no path before somebody wants one. */
	fprintf(f, "expect 5m %s\nexpect %s tunnels\n", is_relayed(seed) ? "full" : "settled",
		is_relayed(seed) ? "2m" : "30s");
	/* Who speaks through one relay alone is cut off with it, which world_connected() cannot
	 * know. */
	if (gentle && !is_relayed(seed))
		fprintf(f, "expect no false death\n");
	fclose(f);
	return text;
}

/* --- running */

static struct scenario_result *shared;

static void on_signal(int number)
{
	snprintf(shared->first, sizeof(shared->first), "signal %d at %s: %.200s", number,
		 bug_where ? bug_where : "?", bug_what ? bug_what : "?");
	shared->failures = 1;
	_exit(3);
}

bool explore_run(const char *text, uint64_t seed, struct scenario_result *out)
{
	struct scenario_options o = { .name = "explore", .has_seed = true, .seed = seed };
	int status = 0;

	if (!shared)
		shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	BUG_ON(shared == MAP_FAILED);
	memset(shared, 0, sizeof(*shared));
	fflush(NULL);
	pid_t child = fork();
	BUG_ON(child < 0);
	if (!child) {
		signal(SIGABRT, on_signal);
		signal(SIGSEGV, on_signal);
		signal(SIGALRM, on_signal);
		alarm(LIFE_S);
		_exit(!scenario_run(text, &o, shared));
	}
	waitpid(child, &status, 0);
	*out = *shared;
	if (!WIFEXITED(status) && !out->failures++)
		snprintf(out->first, sizeof(out->first), "ended by signal %d", WTERMSIG(status));
	return !out->failures;
}

/* --- shrinking */

static char *without(const char *text, const char *from, size_t len)
{
	size_t before = (size_t)(from - text), after = strlen(from + len);
	char *out = malloc(before + after + 1);

	BUG_ON(!out);
	memcpy(out, text, before);
	memcpy(out + before, from + len, after + 1);
	return out;
}

static bool can_go(const char *line)
{
	static const char *const keep[] = {
		"underlay", "nodes", "seed", "trust", "expect",
	};

	for (size_t i = 0; i < sizeof(keep) / sizeof(*keep); i++)
		if (!strncmp(line, keep[i], strlen(keep[i])))
			return false;
	return strstr(line, "calm") == NULL || strstr(line, "calm") > strchr(line, '\n');
}

/* Leaves out the first line from `skip` on that need not be there; NULL when all have to. */
static char *shrink_once(const char *text, uint64_t seed, size_t *skip)
{
	for (const char *line = text + *skip; *line; line = strchr(line, '\n') + 1) {
		size_t len = (size_t)(strchr(line, '\n') - line) + 1;
		struct scenario_result r;
		char *less;

		*skip = (size_t)(line - text);
		if (!can_go(line))
			continue;
		less = without(text, line, len);
		if (!explore_run(less, seed, &r))
			return less;
		free(less);
	}
	return NULL;
}

char *explore_shrink(const char *text, uint64_t seed)
{
	struct scenario_result r;
	char *best, *less;
	bool again = true;

	if (explore_run(text, seed, &r))
		return NULL;
	best = strdup(text);
	BUG_ON(!best);
	while (again) {
		size_t skip = 0;

		again = false;
		while ((less = shrink_once(best, seed, &skip))) {
			free(best);
			best = less;
			again = true;
		}
	}
	return best;
}

/* --- exploring */

static bool explore_one(uint64_t seed, const char *commit, uint64_t *slowest_ms)
{
	struct scenario_result r, twin;
	char *text = explore_scenario(seed), *least;
	bool good = explore_run(text, seed, &r);

	if (*slowest_ms < r.slowest_ms)
		*slowest_ms = r.slowest_ms;
	if (good && seed % TWICE_EVERY == 0) {
		explore_run(text, seed, &twin);
		good = twin.hash == r.hash;
		if (!good)
			snprintf(r.first, sizeof(r.first), "two runs differ");
	}
	if (!good) {
		printf("# seed %ju of commit %s: %s\n", (uintmax_t)seed, commit, r.first);
		least = explore_shrink(text, seed);
		printf("# mgsim --seed %ju replays it; shrunk to:\nrandom %ju\n%s\n",
		       (uintmax_t)seed, (uintmax_t)seed, least ? least : text);
		free(least);
	}
	free(text);
	return good;
}

unsigned explore(uint64_t first, uint64_t n, const char *commit)
{
	unsigned bad = 0;
	uint64_t slowest = 0;

	for (uint64_t i = 0; i < n; i++) {
		bad += !explore_one(first + i, commit, &slowest);
		if ((i + 1) % 100 == 0 || i + 1 == n)
			printf("# %ju worlds, %u failed, the slowest settled in %ju ms\n",
			       (uintmax_t)(i + 1), bad, (uintmax_t)slowest);
	}
	return bad;
}
