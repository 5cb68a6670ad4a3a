/* Whole nodes behind filters that a third one helps to each other, and strangers who saw it. */
#include "node_world.h"

#include "node/node_impl.h"

static bool sent_to[NODES][NODES];
static unsigned openers;

#define CAPTURED 4096
static struct flying *captured;
static unsigned captured_count;

static unsigned number_at(const struct endpoint *at)
{
	for (unsigned i = 0; i < NODES; i++)
		if (ip_equal(&machines[i].at.ip, &at->ip))
			return i;
	return NODES;
}

/* All but the first are behind filters that let in only whom they sent to; an opener dies between
 * them. */
static bool filters(const struct machine *m, const struct out *o)
{
	unsigned from = (unsigned)(m - machines), to = number_at(&o->to);

	if (to == NODES)
		return true;
	sent_to[from][to] = true;
	openers += o->hops != 0;
	return to && (!sent_to[to][from] || o->hops);
}

static void capture(struct machine *m, const struct flying *f)
{
	(void)m;
	if (captured_count < CAPTURED)
		captured[captured_count++] = *f;
}

static uint64_t counter_of(const struct node *n, const char *name)
{
	struct report_node r;

	node_report(n, &r);
	for (unsigned i = 0; i < r.counter_count; i++)
		if (!strcmp(r.counters[i].name, name))
			return r.counters[i].value;
	TAP_FAIL("there is no counter %s", name);
	return 0;
}

static bool path(unsigned a, unsigned b, struct endpoint *at)
{
	const struct node *n = machines[a].node;

	return paths_best(n->paths, trust_find(n->trust, &machines[b].public), at);
}

static void two_behind_filters(void)
{
	memset(sent_to, 0, sizeof(sent_to));
	openers = captured_count = 0;
	if (!captured)
		captured = calloc(CAPTURED, sizeof(*captured));
	world(false);
	cut = filters;
	on_arrival = capture;
	for (unsigned i = 0; i < 3; i++) {
		const struct ip inside = ip_v4(192, 168, (uint8_t)i, 2);

		switch_on(&machines[i]);
		if (i) /* they know their inside addresses only */
			event(&machines[i], &(struct node_event){
				.kind = NODE_ADDRESSES, .addresses = &inside, .number = 1 });
		trust(&machines[i], 7u & ~(1u << i));
	}
	seed(&machines[1], &machines[0].at);
	seed(&machines[2], &machines[0].at);
	run_ms(3000);
}

static void a_member_that_reaches_both_helps_them_to_each_other(void)
{
	struct endpoint at;

	two_behind_filters();
	ok(path(1, 2, &at) && endpoint_equal(&at, &machines[2].at));
	ok(path(2, 1, &at) && endpoint_equal(&at, &machines[1].at));
	ok(openers > 0);
	ok(passes(1, 2, false, 300));
	ok(passes(2, 1, true, 300));
	eq_int((intmax_t)(counter_of(machines[1].node, "punch_successes") +
			  counter_of(machines[2].node, "punch_successes")) > 0, 1);
	ok(counter_of(machines[0].node, "punch_passed") >= 3);
	eq_int((intmax_t)counter_of(machines[1].node, "punch_passed"), 0);
}

static void at_most_three_messages_of_a_run_go_through_the_third(void)
{
	two_behind_filters();
	run_ms(60000);
	ok(counter_of(machines[0].node, "punch_passed") <= 6);
}

static size_t hears(unsigned i, const struct endpoint *from, const void *data, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1); /* a sanitizer sees a read beyond it */
	size_t answered = 0;

	in_flight = 0;
	memcpy(copy, data, len);
	event(&machines[i], &(struct node_event){ .kind = NODE_DATAGRAM, .from = *from,
						  .data = bytes_of(copy, len) });
	free(copy);
	for (unsigned k = 0; k < in_flight; k++)
		answered += wire[k].len;
	in_flight = 0;
	return answered;
}

/* Whoever saw the probes, and sends them from elsewhere, whole or changed. */
static void attack_15_a_probe_of_anybody_with_numbers_that_were_seen_moves_no_endpoint(void)
{
	const struct endpoint stranger = { .ip = ip_v4(203, 0, 113, 66), .port = 4000 };
	struct endpoint before[3], after;
	unsigned heard = 0;

	two_behind_filters();
	cut = NULL;
	on_arrival = NULL;
	for (unsigned b = 1; b < 3; b++)
		ok(path(0, b, &before[b]));
	ok(path(1, 2, &before[0]));
	for (unsigned i = 0; i < captured_count; i++) {
		const struct flying *f = &captured[i];
		unsigned to = number_at(&f->to);
		uint8_t changed[2048];

		if (to >= 3 || f->data[0] != 0xE1 || f->len > sizeof(changed))
			continue;
		(void)hears(to, &stranger, f->data, f->len);
		memcpy(changed, f->data, f->len);
		changed[9 + i % (f->len - 9)] ^= (uint8_t)(1u << i % 8);
		eq_int((intmax_t)hears(to, &stranger, changed, f->len), 0);
		heard++;
	}
	ok(heard > 30);
	for (unsigned b = 1; b < 3; b++)
		ok(path(0, b, &after) && endpoint_equal(&after, &before[b]));
	ok(path(1, 2, &after) && endpoint_equal(&after, &before[0]));
	for (unsigned i = 0; i < 3; i++) {
		const struct node *n = machines[i].node;
		struct path_seed seeds[MAX_SEEDS];
		unsigned count = paths_seeds(n->paths, seeds, MAX_SEEDS);

		for (unsigned k = 0; k < count; k++)
			ok(!endpoint_equal(&seeds[k].endpoint, &stranger));
		for (unsigned k = 0; k < n->self.candidate_count; k++)
			ok(!ip_equal(&n->self.candidates[k].ip, &stranger.ip));
	}
}

static void attack_16_bare_numbers_of_4_or_20_bytes_are_nothing(void)
{
	const struct endpoint stranger = { .ip = ip_v4(203, 0, 113, 66), .port = 4000 };
	struct endpoint before, after;

	two_behind_filters();
	cut = NULL;
	on_arrival = NULL;
	const uint64_t runs = counter_of(machines[1].node, "punch_asks_received");
	ok(path(1, 2, &before));
	for (unsigned first = 0; first < 256; first++)
		for (unsigned fill = 0; fill < 3; fill++)
			for (unsigned len = 4; len <= 20; len += 16) {
				uint8_t bare[20];

				memset(bare, fill ? fill == 1 ? 0x20 + (int)first % 16 : 0xFF : 0,
				       sizeof(bare));
				bare[0] = (uint8_t)first;
				eq_int((intmax_t)hears(1, &stranger, bare, len), 0);
				eq_int((intmax_t)hears(1, &machines[2].at, bare, len), 0);
			}
	ok(path(1, 2, &after) && endpoint_equal(&after, &before));
	eq_int((intmax_t)counter_of(machines[1].node, "punch_asks_received"), (intmax_t)runs);
}

TAP_TESTS(T(a_member_that_reaches_both_helps_them_to_each_other),
	  T(at_most_three_messages_of_a_run_go_through_the_third),
	  T(attack_15_a_probe_of_anybody_with_numbers_that_were_seen_moves_no_endpoint),
	  T(attack_16_bare_numbers_of_4_or_20_bytes_are_nothing))
