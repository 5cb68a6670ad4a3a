/* The path manager against a world of addresses that answer or do not, in virtual time. */
#include "tap.h"

#include "base/cursor.h"
#include "base/limits.h"
#include "contexts.h"
#include "nat/path.h"

#define MEMBERS 64

static struct paths *p;
static struct random random_state;
static struct instant now;
static struct outbox out;
static struct endpoint alive[8]; /* addresses at which the member of that number answers */
static uint32_t alive_slot[8];
static unsigned alive_count;
static struct span delay;
static unsigned probes_to[256];  /* by last byte of the address */
static struct path_fact facts[64];
static unsigned fact_count;

static struct endpoint at(uint8_t last)
{
	return (struct endpoint){ .ip = ip_v4(192, 0, 2, last), .port = 51821 };
}

static void begin(void)
{
	static struct out items[512];
	static uint8_t arena[1u << 19];
	static void *memory;
	const uint8_t entropy[32] = { 1 };
	struct paths_config config = { .members = MEMBERS, .seed = 7, .random = &random_state };

	test_crypto();
	free(memory);
	memory = calloc(1, paths_size(MEMBERS));
	random_init(&random_state, entropy);
	outbox_init(&out, items, 512, arena, sizeof(arena));
	now = (struct instant){ 1000000000u };
	p = paths_init(memory, &config, now);
	alive_count = fact_count = 0;
	delay = span_ms(2);
	memset(probes_to, 0, sizeof(probes_to));
}

static void answers_at(uint32_t slot, uint8_t last)
{
	alive[alive_count] = at(last);
	alive_slot[alive_count++] = slot;
}

static void take_facts(void)
{
	while (fact_count < 64 && paths_next_fact(p, &facts[fact_count]))
		fact_count++;
}

static unsigned facts_of(enum path_fact_kind kind)
{
	unsigned n = 0;

	take_facts();
	for (unsigned i = 0; i < fact_count; i++)
		n += facts[i].kind == kind;
	return n;
}

/* The answer that a live member gives to this probe. */
static void make_answer(const uint8_t probe[PATH_PROBE_LEN], uint8_t answer[PATH_PROBE_LEN])
{
	struct endpoint me = { .ip = ip_v4(198, 51, 100, 1), .port = 4000 };
	struct writer w = wr_of(answer, PATH_PROBE_LEN);

	wr_u8(&w, PATH_TYPE_ANSWER);
	wr_bytes(&w, probe + 1, 8);
	wr_u8(&w, me.ip.family);
	wr_be16(&w, me.port);
	wr_bytes(&w, me.ip.b, 16);
	wr_zero(&w, PATH_PROBE_LEN - 28);
}

/* Everything in the outbox is delivered `delay` later; the answers come back at that time. */
static void exchange(void)
{
	static uint8_t answers[512][PATH_PROBE_LEN];
	static struct { struct endpoint from; uint32_t slot; } from[512];
	unsigned n = 0;

	for (uint32_t i = 0; i < out.count; i++) {
		const struct out *o = &out.items[i];

		probes_to[o->to.ip.b[3]]++;
		for (unsigned k = 0; k < alive_count; k++)
			if (o->data[0] == PATH_TYPE_PROBE && alive_slot[k] == o->slot &&
			    endpoint_equal(&alive[k], &o->to)) {
				make_answer(o->data, answers[n]);
				from[n].slot = o->slot;
				from[n++].from = o->to;
			}
	}
	outbox_clear(&out);
	if (n)
		now = instant_add(now, delay);
	for (unsigned i = 0; i < n; i++)
		paths_input(p, now, from[i].slot, &from[i].from,
			    bytes_of(answers[i], PATH_PROBE_LEN), 9, true, &out);
}

static void run_ms(uint64_t ms)
{
	struct instant end = instant_add(now, span_ms(ms));

	while (instant_reached(paths_deadline(p), end) || out.count) {
		if (!out.count && instant_before(now, paths_deadline(p)))
			now = paths_deadline(p);
		if (instant_reached(paths_deadline(p), now))
			paths_tick(p, now, &out);
		exchange();
		take_facts();
	}
	if (instant_before(now, end))
		now = end;
}

static bool best_is(uint32_t slot, uint8_t last)
{
	struct endpoint e, want = at(last);

	return paths_best(p, slot, &e) && endpoint_equal(&e, &want);
}

static void claim(uint32_t slot, uint8_t first, unsigned n)
{
	struct endpoint list[MAX_CANDIDATES];

	for (unsigned i = 0; i < n; i++)
		list[i] = at((uint8_t)(first + i));
	paths_set_candidates(p, slot, list, n, now);
}

static void the_candidate_that_answers_becomes_the_path(void)
{
	begin();
	paths_admit(p, 3, now);
	answers_at(3, 12);
	claim(3, 10, 4);
	run_ms(1000);
	ok(best_is(3, 12));
	eq_int(facts_of(PATH_FACT_UP), 1);
	struct path_info info;
	paths_info(p, 3, &info);
	ok(info.up);
	eq_int(info.rtt.ns, delay.ns);
	struct endpoint seen[4];
	eq_int(paths_seen_as(p, seen, 4), 1);
	eq_int(seen[0].port, 4000);
}

static void a_silent_candidate_gets_three_probes_and_then_few(void)
{
	begin();
	paths_admit(p, 3, now);
	claim(3, 10, 1);
	run_ms(2500);
	eq_int(probes_to[10], 3);
	run_ms(3600000);
	ok(probes_to[10] >= 10 && probes_to[10] <= 20);
}

static void seeds_are_asked_for_each_member_without_a_path(void)
{
	begin();
	for (uint32_t slot = 0; slot < 5; slot++)
		paths_admit(p, slot, now);
	answers_at(4, 20);
	struct endpoint seed = at(20);
	paths_add_seed(p, &seed, now);
	run_ms(500);
	ok(best_is(4, 20));
	struct endpoint e;
	bool answered;
	eq_int(paths_seeds(p, &e, &answered, 1), 1);
	ok(answered);
	/* It is known who lives there: nobody else is asked for at that address any more. */
	unsigned before = probes_to[20];
	run_ms(10000);
	eq_int(probes_to[20], before);
}

static void probes_to_seeds_are_at_most_fifty_a_second(void)
{
	begin();
	for (uint32_t slot = 0; slot < MEMBERS; slot++)
		paths_admit(p, slot, now);
	for (uint8_t i = 0; i < 20; i++) {
		struct endpoint seed = at((uint8_t)(100 + i));
		paths_add_seed(p, &seed, now);
	}
	run_ms(10000);
	unsigned sum = 0;
	for (unsigned i = 100; i < 120; i++)
		sum += probes_to[i];
	ok(sum <= 501 && sum > 400);
}

static void a_seed_that_comes_later_is_found_in_an_eighth_of_that_time(void)
{
	static const uint64_t late_s[] = { 1, 10, 60, 600, 3600, 86400 };

	for (unsigned i = 0; i < sizeof(late_s) / sizeof(*late_s); i++) {
		begin();
		paths_admit(p, 0, now);
		struct endpoint seed = at(20);
		paths_add_seed(p, &seed, now);
		run_ms(late_s[i] * 1000);
		answers_at(0, 20);
		uint64_t wait = late_s[i] * 1000 / 8 * 5 / 4;
		run_ms((wait > 600000 ? 675000 : wait) + 1500);
		ok(best_is(0, 20));
	}
}

static void a_path_in_use_that_dies_is_lost_and_found_elsewhere(void)
{
	begin();
	paths_admit(p, 3, now);
	answers_at(3, 10);
	claim(3, 10, 2);
	run_ms(1000);
	ok(best_is(3, 10));
	alive[0] = at(11);
	run_ms(40000);
	ok(best_is(3, 11));
	alive_count = 0;
	run_ms(40000);
	struct endpoint e;
	ok(!paths_best(p, 3, &e));
	eq_int(facts_of(PATH_FACT_LOST), 1);
	answers_at(3, 10);
	paths_wanted(p, 3, now);
	run_ms(1000);
	ok(best_is(3, 10));
}

static void doubt_finds_a_dead_path_within_a_second(void)
{
	begin();
	paths_admit(p, 3, now);
	answers_at(3, 10);
	claim(3, 10, 1);
	run_ms(1000);
	alive_count = 0;
	paths_doubt(p, 3, now);
	run_ms(1000);
	eq_int(facts_of(PATH_FACT_LOST), 1);
}

static void a_packet_from_elsewhere_moves_the_path_only_when_probes_say_so(void)
{
	begin();
	paths_admit(p, 3, now);
	answers_at(3, 10);
	claim(3, 10, 1);
	run_ms(1000);
	/* Nothing answers there: replayed from anywhere, it moves nothing. */
	struct endpoint elsewhere = at(66);
	paths_heard(p, 3, &elsewhere, now);
	run_ms(2000);
	ok(best_is(3, 10));
	/* The member really moved. */
	elsewhere = at(77);
	alive[0] = elsewhere;
	paths_heard(p, 3, &elsewhere, now);
	run_ms(600);
	ok(best_is(3, 77));
}

static void an_address_that_answers_both_ways_does_not_flap(void)
{
	begin();
	paths_admit(p, 3, now);
	answers_at(3, 10);
	answers_at(3, 11);
	claim(3, 10, 2);
	run_ms(1000);
	bool ten = best_is(3, 10);
	for (int i = 0; i < 60; i++) {
		struct endpoint other = at(ten ? 11 : 10);
		paths_heard(p, 3, &other, now);
		run_ms(1000);
	}
	ok(best_is(3, ten ? 10 : 11));
	eq_int(facts_of(PATH_FACT_CHANGED), 0);
}

static bool not_ten(void *ctx, const struct ip *ip)
{
	(void)ctx;
	return ip->b[0] != 10;
}

static void addresses_of_the_mesh_are_never_candidates(void)
{
	begin();
	paths_set_filter(p, not_ten, NULL);
	paths_admit(p, 3, now);
	struct endpoint mesh = { .ip = ip_v4(10, 99, 1, 2), .port = 51821 };
	struct endpoint nothing = { .ip = ip_v4(0, 0, 0, 0), .port = 51821 };
	struct endpoint many = { .ip = ip_v4(224, 0, 0, 251), .port = 5353 };
	struct endpoint bad[] = { mesh, nothing, many };
	paths_set_candidates(p, 3, bad, 3, now);
	paths_heard(p, 3, &mesh, now);
	run_ms(5000);
	struct path_info info;
	paths_info(p, 3, &info);
	eq_int(info.candidates, 0);
}

static void wrong_answers_are_not_taken(void)
{
	uint8_t probe[PATH_PROBE_LEN], answer[PATH_PROBE_LEN];

	begin();
	paths_admit(p, 3, now);
	paths_admit(p, 4, now);
	claim(3, 10, 1);
	paths_tick(p, now, &out);
	eq_int(out.count, 1);
	memcpy(probe, out.items[0].data, sizeof(probe));
	outbox_clear(&out);
	make_answer(probe, answer);
	struct endpoint ten = at(10), other = at(11);
	struct bytes right = bytes_of(answer, sizeof(answer));
	ok(!paths_input(p, now, 3, &other, right, 9, true, &out)); /* from another address */
	ok(!paths_input(p, now, 4, &ten, right, 9, true, &out));   /* from another member */
	ok(!paths_input(p, now, 3, &ten, right, 9, false, &out));  /* without our epoch */
	ok(!paths_input(p, now, 3, &ten, bytes_of(answer, 31), 9, true, &out));
	answer[3] ^= 1;
	ok(!paths_input(p, now, 3, &ten, right, 9, true, &out));   /* another id */
	answer[3] ^= 1;
	answer[9] = 5;
	ok(!paths_input(p, now, 3, &ten, right, 9, true, &out));   /* seen from no family */
	answer[9] = 4;
	ok(paths_input(p, now, 3, &ten, right, 9, true, &out));
	ok(!paths_input(p, now, 3, &ten, right, 9, true, &out));   /* once only */
	eq_int(out.count, 0);
}

static void probes_are_answered_in_their_size_and_not_without_limit(void)
{
	uint8_t probe[PATH_PROBE_LEN] = { PATH_TYPE_PROBE, 1, 2, 3 };
	struct endpoint from = at(50);

	begin();
	paths_admit(p, 3, now);
	for (int i = 0; i < 100; i++)
		paths_input(p, now, 3, &from, bytes_of(probe, sizeof(probe)), 42, false, &out);
	eq_int(out.count, 20);
	eq_int(out.items[0].len, PATH_PROBE_LEN);
	eq_int(out.items[0].epoch, 42);
	ok(endpoint_equal(&out.items[0].to, &from));
	eq_mem(out.items[0].data + 1, probe + 1, 8);
	outbox_clear(&out);
	/* It did not know our epoch: we ask ourselves, once. */
	unsigned before = probes_to[50];
	run_ms(100);
	eq_int(probes_to[50] - before, 1);
	/* Nobody without a slot is answered. */
	paths_input(p, now, 9, &from, bytes_of(probe, sizeof(probe)), 42, false, &out);
	eq_int(out.count, 0);
}

static void a_forgotten_member_gets_nothing_any_more(void)
{
	begin();
	paths_admit(p, 3, now);
	answers_at(3, 10);
	claim(3, 10, 1);
	struct endpoint seed = at(10);
	paths_add_seed(p, &seed, now);
	run_ms(1000);
	paths_forget(p, 3);
	unsigned before = probes_to[10];
	run_ms(100000);
	eq_int(probes_to[10], before);
	struct endpoint e;
	ok(!paths_best(p, 3, &e));
	/* Admitted again, it is found at once. */
	paths_admit(p, 3, now);
	run_ms(1000);
	ok(best_is(3, 10));
}

static void an_idle_path_costs_a_probe_each_25_seconds(void)
{
	begin();
	paths_admit(p, 3, now);
	answers_at(3, 10);
	claim(3, 10, 1);
	run_ms(1000);
	unsigned before = probes_to[10];
	run_ms(250000);
	ok(probes_to[10] - before >= 9 && probes_to[10] - before <= 11);
}

static void a_change_of_our_network_probes_everything_at_once(void)
{
	begin();
	paths_admit(p, 3, now);
	answers_at(3, 10);
	claim(3, 10, 1);
	run_ms(1000);
	unsigned before = probes_to[10];
	paths_network_changed(p, now);
	run_ms(10);
	eq_int(probes_to[10], before + 1);
	ok(best_is(3, 10));
}

TAP_TESTS(T(the_candidate_that_answers_becomes_the_path),
	  T(a_silent_candidate_gets_three_probes_and_then_few),
	  T(seeds_are_asked_for_each_member_without_a_path),
	  T(probes_to_seeds_are_at_most_fifty_a_second),
	  T(a_seed_that_comes_later_is_found_in_an_eighth_of_that_time),
	  T(a_path_in_use_that_dies_is_lost_and_found_elsewhere),
	  T(doubt_finds_a_dead_path_within_a_second),
	  T(a_packet_from_elsewhere_moves_the_path_only_when_probes_say_so),
	  T(an_address_that_answers_both_ways_does_not_flap),
	  T(addresses_of_the_mesh_are_never_candidates), T(wrong_answers_are_not_taken),
	  T(probes_are_answered_in_their_size_and_not_without_limit),
	  T(a_forgotten_member_gets_nothing_any_more),
	  T(an_idle_path_costs_a_probe_each_25_seconds),
	  T(a_change_of_our_network_probes_everything_at_once))
