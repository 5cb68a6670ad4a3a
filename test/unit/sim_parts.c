/* The simulator's own parts: what it promises, and that it repeats itself. */
#include "tap.h"

#include "sim/link.h"
#include "sim/queue.h"
#include "sim/scenario.h"

static void the_queue_keeps_time_and_within_an_instant_order(void)
{
	struct queue q = { 0 };
	struct rng rng;
	uint64_t last = 0, last_number = 0;
	bool sorted = true;

	rng_init(&rng, 7);
	for (uint64_t i = 0; i < 50000; i++) {
		uint64_t *data = malloc(2 * sizeof(*data));

		data[0] = rng_below(&rng, 1000);
		data[1] = i;
		queue_push(&q, (struct instant){ data[0] }, data);
	}
	for (uint64_t i = 0; i < 50000; i++) {
		uint64_t at = queue_first(&q).ns, *data = queue_pop(&q);

		sorted &= at == data[0] && at >= last;
		sorted &= at > last || !i || data[1] > last_number;
		last = at;
		last_number = data[1];
		free(data);
	}
	ok(sorted);
	ok(!queue_pop(&q));
	eq_int(queue_first(&q).ns == UINT64_MAX, 1);
	queue_push(&q, INSTANT_ZERO, malloc(1));
	queue_free(&q);
}

struct tally {
	unsigned none, two, damaged;
	uint64_t first, last;
};

static struct tally carry(const struct link_quality *q, unsigned n, uint32_t size)
{
	struct tally t = { .first = UINT64_MAX };
	struct instant free_at = INSTANT_ZERO;
	struct link_fate f;
	struct rng rng;

	rng_init(&rng, 11);
	for (unsigned i = 0; i < n; i++) {
		link_carry(q, &free_at, &rng, (struct instant){ 1000 }, size, size - 28, &f);
		t.none += !f.copies;
		t.two += f.copies == 2;
		for (unsigned k = 0; k < f.copies; k++) {
			t.damaged += f.damage[k] && f.damage[k] <= 8 * (size - 28);
			t.first = f.at[k].ns < t.first ? f.at[k].ns : t.first;
			t.last = f.at[k].ns > t.last ? f.at[k].ns : t.last;
		}
	}
	return t;
}

static bool near(unsigned got, unsigned want)
{
	return got > want - want / 10 && got < want + want / 10;
}

static void a_plain_link_carries_everything_once_and_in_time(void)
{
	struct tally t = carry(&(struct link_quality){ .delay = span_ms(2), .jitter = span_ms(3) },
			       10000, 100);

	eq_int(t.none, 0);
	eq_int(t.two, 0);
	eq_int(t.damaged, 0);
	ok(t.first >= 2001000 && t.first < 2010000);
	ok(t.last <= 5001000 && t.last > 4990000);
}

static void a_bad_link_is_as_bad_as_it_says(void)
{
	ok(near(carry(&(struct link_quality){ .loss = 200 }, 10000, 100).none, 2000));
	ok(near(carry(&(struct link_quality){ .duplicate = 300 }, 10000, 100).two, 3000));
	ok(near(carry(&(struct link_quality){ .corrupt = 100 }, 10000, 100).damaged, 1000));
	eq_int(carry(&(struct link_quality){ .loss = 1000 }, 1000, 100).none, 1000);
	eq_int(carry(&(struct link_quality){ .cut = true }, 1000, 100).none, 1000);
	struct tally t = carry(&(struct link_quality){ .reorder = 500 }, 10000, 100);
	ok(t.first == 1000 && t.last > 90000000 && t.last <= 100001000);
}

static void an_mtu_hole_swallows_what_is_larger(void)
{
	struct link_quality q = { .mtu = 1280 };

	eq_int(carry(&q, 10, 1280).none, 0);
	eq_int(carry(&q, 10, 1281).none, 10);
}

static void a_slow_link_queues_and_then_drops(void)
{
	/* 1000 bytes take 10 ms: one goes, 200 ms of others wait, the rest is lost. */
	struct tally t = carry(&(struct link_quality){ .rate = 100000 }, 100, 1000);

	eq_int(t.none, 79);
	eq_int(t.last, 210001000);
}

static const char busy[] =
	"nodes 6\ntrust all\nseed 1-5 0\nloss 10\nduplicate 5\nreorder 10\ncorrupt 2\n"
	"run 10s\nkill 3\nrun 10s\nstart 3\nmove 2\nsend all all\ncut 0 1 for 5s\nrun 20s\n";

static struct scenario_result run(const char *text, uint64_t seed)
{
	struct scenario_options o = { .has_seed = true, .seed = seed };
	struct scenario_result r;

	scenario_run(text, &o, &r);
	return r;
}

static void one_seed_is_one_world(void)
{
	struct scenario_result a = run(busy, 5), b = run(busy, 5), c = run(busy, 6);

	eq_str(a.first, "");
	ok(a.events > 1000);
	ok(a.hash == b.hash && a.events == b.events);
	ok(a.hash != c.hash);
}

#define THREE "nodes 3\ntrust all\nseed 1,2 0\n"

static void a_false_expectation_fails_and_a_true_one_does_not(void)
{
	static const struct { const char *text; bool good; } rows[] = {
		{ THREE "expect 2s full\n", true },
		{ "nodes 3\ntrust all\nexpect 5s full\n", false },
		{ THREE "run 5s\nexpect all 2 alive\nexpect all 2 up\n", true },
		{ THREE "run 5s\nexpect all 2 dead\n", false },
		{ THREE "off 2\nrun 5s\nexpect 0 2 unknown\nexpect 0 2 away\n", true },
		{ THREE "run 5s\nnever 5s 0 2 dead\n", true },
		{ THREE "run 5s\nkill 2\nnever 30s 0 2 dead\n", false },
		{ THREE "expect 5s ping all all\n", true },
		{ THREE "off 2\nexpect 5s ping 0 2\n", false },
		{ THREE "never 5s ping 0 1\n", false },
		{ "nodes 3\ntrust 0 1\nseed 0 1\nnever 5s ping 0 1\n", true },
		{ THREE "run 5s\ncut 0 1,2 for 60s\nrun 40s\nexpect 0 1,2 dead\n"
		  "run 22s\nexpect 10s full\n", true },
		{ THREE "run 5s\nmark\nrun 10s\nexpect bytes below 1\n", false },
		{ THREE "run 5s\nkill 2\nrun 20s\nexpect no death\n", false },
		{ THREE "run 5s\nkill 2\nrun 20s\nexpect no false death\n", true },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct scenario_result r = run(rows[i].text, 1);

		if ((r.failures == 0) != rows[i].good)
			printf("# row %zu: %s\n", i, r.first);
		ok((r.failures == 0) == rows[i].good);
	}
}

static void a_script_that_makes_no_sense_fails(void)
{
	static const char *const rows[] = {
		"run 5s\n", "nodes\n", "nodes 0\n", "nodes 3\nnodes 3\n", "nodes 3\nkill 3\n",
		"nodes 3\nkill x\n", "nodes 3\nkill 2-1\n", "nodes 3\nfly 1\n", "nodes 3\nrun 5\n",
		"nodes 3\nloss 101\n", "nodes 3\nexpect\n", "nodes 3\nexpect 5s all all happy\n",
		"nodes 3\nnever all all dead\n", "nodes 3\nrun 5s\nat 4s kill 1\n",
		"nodes 3\nclock 1 5s\n", "nodes 3\nmove 1 for 5s\n", "trust all\n",
		"nodes 3\nloss 5 1\n",
		"nodes 3\nrandom 4\n",
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct scenario_result r = run(rows[i], 1);

		if (!r.failures)
			printf("# row %zu\n", i);
		ok(r.failures);
	}
}

TAP_TESTS(T(the_queue_keeps_time_and_within_an_instant_order),
	  T(a_plain_link_carries_everything_once_and_in_time), T(a_bad_link_is_as_bad_as_it_says),
	  T(an_mtu_hole_swallows_what_is_larger), T(a_slow_link_queues_and_then_drops),
	  T(one_seed_is_one_world), T(a_false_expectation_fails_and_a_true_one_does_not),
	  T(a_script_that_makes_no_sense_fails))
