/* The path manager against a world of addresses that answer or do not, in virtual time. */
#include "tap.h"

#include "base/cursor.h"
#include "base/limits.h"
#include "base/rng.h"
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
static struct path_fact facts[256];
static unsigned fact_count;
static struct endpoint me[MEMBERS]; /* what each member sees us as */
static struct ip to_us;             /* address of ours that answers come to */

static struct endpoint at(uint8_t last)
{
	return (struct endpoint){ .ip = ip_v4(192, 0, 2, last), .port = 51821 };
}

static void begin_with(uint32_t members)
{
	static struct out items[512];
	static uint8_t arena[1u << 19];
	static void *memory;
	const uint8_t entropy[32] = { 1 };
	struct paths_config config = { .members = members, .seed = 7, .random = &random_state };

	test_crypto();
	free(memory);
	memory = calloc(1, paths_size(members));
	random_init(&random_state, entropy);
	outbox_init(&out, items, 512, arena, sizeof(arena));
	now = (struct instant){ 1000000000u };
	p = paths_init(memory, &config, now);
	alive_count = fact_count = 0;
	delay = span_ms(2);
	memset(probes_to, 0, sizeof(probes_to));
	to_us = (struct ip){ 0 };
	for (unsigned i = 0; i < MEMBERS; i++)
		me[i] = (struct endpoint){ .ip = ip_v4(198, 51, 100, 1), .port = 4000 };
}

static void begin(void)
{
	begin_with(MEMBERS);
}

static void answers_at(uint32_t slot, uint8_t last)
{
	alive[alive_count] = at(last);
	alive_slot[alive_count++] = slot;
}

static void take_facts(void)
{
	while (fact_count < 256 && paths_next_fact(p, &facts[fact_count]))
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
static void make_answer(uint32_t slot, const uint8_t probe[PATH_PROBE_LEN],
			uint8_t answer[PATH_PROBE_LEN])
{
	struct writer w = wr_of(answer, PATH_PROBE_LEN);

	wr_u8(&w, PATH_TYPE_ANSWER);
	wr_bytes(&w, probe + 1, 8);
	wr_u8(&w, me[slot].ip.family);
	wr_be16(&w, me[slot].port);
	wr_bytes(&w, me[slot].ip.b, 16);
	wr_zero(&w, PATH_PROBE_LEN - 28);
}

/* The word of a live member that it was called. */
static void make_here(const uint8_t id[8], uint8_t here[PATH_PROBE_LEN])
{
	struct writer w = wr_of(here, PATH_PROBE_LEN);

	wr_u8(&w, PATH_TYPE_HERE);
	wr_bytes(&w, id, 8);
	wr_zero(&w, PATH_PROBE_LEN - 9);
}

static bool calls(const struct out *o, uint32_t slot)
{
	const struct path_call *call = (const struct path_call *)(const void *)o->data;

	for (uint32_t i = 0; i < call->count; i++)
		if (call->slots[i] == slot)
			return true;
	return false;
}

/* What member k has to say to that, if it is for it; false: nothing. */
static bool replies(unsigned k, const struct out *o, uint8_t reply[PATH_PROBE_LEN])
{
	if (!endpoint_equal(&alive[k], &o->to))
		return false;
	if (o->kind == OUT_CALL && calls(o, alive_slot[k])) {
		make_here(o->data, reply);
		return true;
	}
	if (o->kind == OUT_CALL || o->data[0] != PATH_TYPE_PROBE || alive_slot[k] != o->slot)
		return false;
	make_answer(o->slot, o->data, reply);
	return true;
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
			if (replies(k, o, answers[n])) {
				from[n].slot = alive_slot[k];
				from[n].from = o->to;
				from[n++].from.local = to_us;
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

/* Who was met first by what he sent us: nobody is asked for at the seed, where he answers. */
static void a_seed_where_a_member_answered_reads_so(void)
{
	struct endpoint seed = at(20), other = at(21);
	struct path_seed told[2];

	begin();
	paths_admit(p, 4, now);
	answers_at(4, 20);
	claim(4, 20, 1);
	run_ms(500);
	ok(best_is(4, 20));
	paths_add_seed(p, &other, SEED_GIVEN, now);
	paths_add_seed(p, &seed, SEED_GIVEN, now);
	eq_int(paths_seeds(p, told, 2), 2);
	ok(told[1].answered && !told[0].answered);
	/* then it is met elsewhere, where another seed is */
	alive[0] = at(21);
	claim(4, 21, 1);
	paths_doubt(p, 4, now);
	run_ms(30000);
	paths_seeds(p, told, 2);
	ok(best_is(4, 21) && told[1].answered && told[0].answered);
	alive_count = 0;
	paths_doubt(p, 4, now);
	run_ms(60000);
	paths_seeds(p, told, 2);
	ok(!told[1].answered && !told[0].answered);
	alive[alive_count] = at(21);
	alive_slot[alive_count++] = 4;
	run_ms(60000);
	paths_seeds(p, told, 2);
	ok(told[0].answered);
	paths_forget(p, 4);
	paths_admit(p, 4, now); /* another one has the slot */
	paths_seeds(p, told, 2);
	ok(!told[1].answered && !told[0].answered);
}

static void seeds_are_asked_for_each_member_without_a_path(void)
{
	begin();
	for (uint32_t slot = 0; slot < 5; slot++)
		paths_admit(p, slot, now);
	answers_at(4, 20);
	struct endpoint seed = at(20);
	paths_add_seed(p, &seed, SEED_GIVEN, now);
	run_ms(500);
	ok(best_is(4, 20));
	struct path_seed told;
	eq_int(paths_seeds(p, &told, 1), 1);
	ok(told.answered);
	/* It is known who lives there: nobody else is asked for at that address any more. */
	unsigned before = probes_to[20];
	run_ms(10000);
	eq_int(probes_to[20], before);
}

static bool is_seed(const struct endpoint *e, enum seed_source source)
{
	struct path_seed list[MAX_SEEDS];
	unsigned n = paths_seeds(p, list, MAX_SEEDS);

	for (unsigned i = 0; i < n; i++)
		if (endpoint_equal(&list[i].endpoint, e) && list[i].source == source)
			return true;
	return false;
}

static void seeds_that_were_found_give_way_and_typed_ones_do_not(void)
{
	struct endpoint given = at(20), e = at(21);

	begin();
	paths_admit(p, 0, now);
	paths_add_seed(p, &given, SEED_GIVEN, now);
	for (unsigned i = 0; i < 3 * MAX_SEEDS; i++) {
		e.port = (uint16_t)(1000 + i);
		now = instant_add(now, span_ms(1));
		paths_add_seed(p, &e, i % 2 ? SEED_DNS : SEED_MDNS, now);
		ok(is_seed(&e, i % 2 ? SEED_DNS : SEED_MDNS));
	}
	ok(is_seed(&given, SEED_GIVEN));
	/* What a LAN says takes no place of what a domain or a person said. */
	for (unsigned i = 0; i < 3 * MAX_SEEDS; i++) {
		e.port = (uint16_t)(5000 + i);
		paths_add_seed(p, &e, SEED_DNS, now);
	}
	e.port = 9999;
	paths_add_seed(p, &e, SEED_MDNS, now);
	ok(!is_seed(&e, SEED_MDNS));
	/* Who says it with more weight is remembered. */
	e.port = 5000 + 3 * MAX_SEEDS - 1;
	ok(is_seed(&e, SEED_DNS));
	paths_add_seed(p, &e, SEED_GIVEN, now);
	ok(is_seed(&e, SEED_GIVEN));
	/* Nor is one replaced that a member answered at. */
	begin();
	paths_admit(p, 0, now);
	answers_at(0, 20);
	paths_add_seed(p, &given, SEED_MDNS, now);
	run_ms(500);
	for (unsigned i = 0; i < 3 * MAX_SEEDS; i++) {
		e.port = (uint16_t)(1000 + i);
		paths_add_seed(p, &e, SEED_NAME, now);
	}
	ok(is_seed(&given, SEED_MDNS));
}

static void calls_to_seeds_are_at_most_fifty_a_second(void)
{
	begin();
	for (uint32_t slot = 0; slot < MEMBERS; slot++)
		paths_admit(p, slot, now);
	for (uint8_t i = 0; i < MAX_SEEDS; i++) {
		struct endpoint seed = at((uint8_t)(100 + i));
		paths_add_seed(p, &seed, SEED_GIVEN, now);
	}
	run_ms(10000);
	unsigned sum = 0;
	for (unsigned i = 100; i < 100 + MAX_SEEDS; i++) {
		ok(probes_to[i] > 4);
		sum += probes_to[i];
	}
	ok(sum <= 550 && sum > 300); /* 50 at once, ten times and at the end; then they back off */
}

static void a_seed_is_found_by_one_call_for_all(void)
{
	for (uint32_t whom = 0; whom < MEMBERS; whom += 7) {
		begin();
		for (uint32_t slot = 0; slot < MEMBERS; slot++)
			paths_admit(p, slot, now);
		answers_at(whom, 20);
		struct endpoint seed = at(20);
		paths_add_seed(p, &seed, SEED_GIVEN, now);
		run_ms(5);
		ok(best_is(whom, 20));
		eq_int(probes_to[20], 2); /* the call, and the probe of who was there */
	}
}

/* More than one call holds: each is named once in a round. */
static void of_many_each_is_called_once_in_a_round(void)
{
	static bool named[1000];
	unsigned sent = 0, sum = 0;
	struct endpoint seed = at(20);

	begin_with(1000);
	memset(named, 0, sizeof(named));
	for (uint32_t slot = 0; slot < 1000; slot++)
		paths_admit(p, slot, now);
	paths_add_seed(p, &seed, SEED_GIVEN, now);
	paths_tick(p, now, &out);
	for (; sent < out.count; sent++) {
		const struct path_call *call = (const void *)out.items[sent].data;

		eq_int(out.items[sent].kind, OUT_CALL);
		for (uint32_t i = 0; i < call->count; i++, sum++) {
			ok(!named[call->slots[i]]);
			named[call->slots[i]] = true;
		}
	}
	eq_int(sent, 7);
	eq_int(sum, 1000);
	ok(instant_before(instant_add(now, span_ms(999)), paths_deadline(p)));
}

/* Only the call's id, from where it went, and once. */
static void a_here_that_answers_no_call_is_nothing(void)
{
	struct endpoint seed = at(20), other = at(21);
	uint8_t here[PATH_PROBE_LEN], id[8];
	uint64_t unasked;

	begin();
	paths_admit(p, 3, now);
	paths_add_seed(p, &seed, SEED_GIVEN, now);
	paths_tick(p, now, &out);
	eq_int(out.count, 1);
	memcpy(id, out.items[0].data, 8);
	outbox_clear(&out);
	unasked = paths_counters(p)->drop_unasked;
	make_here(id, here);
	paths_input(p, now, 3, &other, bytes_of(here, sizeof(here)), 9, false, &out);
	here[1] ^= 1;
	paths_input(p, now, 3, &seed, bytes_of(here, sizeof(here)), 9, false, &out);
	here[1] ^= 1;
	paths_input(p, now, 3, &seed, bytes_of(here, sizeof(here) - 1), 9, false, &out);
	eq_int(out.count, 0);
	eq_int(paths_counters(p)->drop_unasked, unasked + 2);
	paths_input(p, now, 3, &seed, bytes_of(here, sizeof(here)), 9, false, &out);
	eq_int(out.count, 1);
	eq_int(out.items[0].data[0], PATH_TYPE_PROBE);
	eq_int(out.items[0].slot, 3);
	ok(endpoint_equal(&out.items[0].to, &seed));
	outbox_clear(&out);
	paths_input(p, now, 3, &seed, bytes_of(here, sizeof(here)), 9, false, &out);
	eq_int(out.count, 0);
	struct endpoint e;
	ok(!paths_best(p, 3, &e)); /* that takes an answer */
}

static void a_call_gets_one_short_reply_two_a_second_and_changes_nothing(void)
{
	const uint8_t id[8] = { 1, 2, 3 };
	struct endpoint stranger = at(66), zero = at(66);
	struct instant deadline;
	unsigned sent = 0;

	begin();
	zero.port = 0;
	paths_admit(p, 3, now);
	deadline = paths_deadline(p);
	paths_called(p, now, 3, &zero, id, &out);
	paths_called(p, now, 4, &stranger, id, &out); /* not admitted */
	eq_int(out.count, 0);
	for (unsigned i = 0; i < 10000; i++) {
		paths_called(p, now, 3, &stranger, id, &out);
		for (uint32_t k = 0; k < out.count; k++, sent++) {
			ok(CHANNEL_OVERHEAD + out.items[k].len <=
			   CHANNEL_CALL_LEN(CHANNEL_CALL_LEAST));
			eq_int(out.items[k].data[0], PATH_TYPE_HERE);
			eq_mem(out.items[k].data + 1, id, 8);
			ok(endpoint_equal(&out.items[k].to, &stranger));
		}
		outbox_clear(&out);
		now = instant_add(now, span_ms(1));
	}
	ok(sent >= 20 && sent <= 25);
	eq_int(paths_deadline(p).ns, deadline.ns);
	struct path_info info;
	paths_info(p, 3, &info);
	ok(!info.up && !info.candidates);
}

/* As many bytes of the shortest as of the longest, of which four thousand a second; for 10 s. */
static void calls_are_looked_at_by_their_bytes(void)
{
	static const size_t lens[] = { CHANNEL_CALL_LEN(CHANNEL_CALL_MOST),
				       CHANNEL_CALL_LEN(CHANNEL_CALL_LEAST), 65535 };

	for (unsigned k = 0; k < 3; k++) {
		uint64_t looked = 0, asked = 0;

		begin();
		for (uint64_t ns = 0; ns < 10000000000u; ns += 10000, asked++) {
			looked += paths_may_look(p, now, lens[k]);
			now = instant_add(now, (struct span){ 10000 });
		}
		eq_int(paths_counters(p)->drop_call_rate, asked - looked);
		ok(looked * lens[k] >= 40000u * 1225 && looked * lens[k] <= 41300u * 1225);
	}
}

static void admissions_do_not_keep_a_member_from_being_asked_for(void)
{
	begin();
	for (uint32_t slot = 0; slot < MEMBERS; slot++)
		paths_admit(p, slot, now);
	answers_at(MEMBERS - 1, 20);
	struct endpoint seed = at(20);
	paths_add_seed(p, &seed, SEED_GIVEN, now);
	for (int i = 0; i < 100 && !best_is(MEMBERS - 1, 20); i++) {
		paths_forget(p, 0);
		paths_admit(p, 0, now);
		run_ms(200);
	}
	ok(best_is(MEMBERS - 1, 20));
}

static void a_seed_that_comes_later_is_found_in_an_eighth_of_that_time(void)
{
	static const uint64_t late_s[] = { 1, 10, 60, 600, 3600, 86400 };

	for (unsigned i = 0; i < sizeof(late_s) / sizeof(*late_s); i++) {
		begin();
		paths_admit(p, 0, now);
		struct endpoint seed = at(20);
		paths_add_seed(p, &seed, SEED_GIVEN, now);
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
	paths_used(p, 3, now);
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
	paths_received(p, 3, &elsewhere, 128, true);
	paths_heard(p, 3, &elsewhere, now);
	run_ms(2000);
	ok(best_is(3, 10));
	/* The member really moved. */
	elsewhere = at(77);
	alive[0] = elsewhere;
	paths_received(p, 3, &elsewhere, 128, true);
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
	paths_received(p, 3, &mesh, 1000, true);
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
	make_answer(3, probe, answer);
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

static void a_late_answer_counts_for_ten_seconds(void)
{
	uint8_t first[PATH_PROBE_LEN], answer[PATH_PROBE_LEN];
	struct endpoint ten = at(10);
	struct path_info info;

	for (int late_s = 8; late_s <= 12; late_s += 4) {
		begin();
		paths_admit(p, 3, now);
		claim(3, 10, 1);
		paths_tick(p, now, &out);
		memcpy(first, out.items[0].data, sizeof(first));
		outbox_clear(&out);
		make_answer(3, first, answer);
		run_ms((uint64_t)late_s * 1000);
		ok(probes_to[10] >= 3); /* repeated since */
		ok(paths_input(p, now, 3, &ten, bytes_of(answer, sizeof(answer)), 9, true, &out) ==
		   (late_s == 8));
		ok(best_is(3, 10) == (late_s == 8));
	}
	/* The time since the first probe is not the round trip: the next answer tells it. */
	begin();
	paths_admit(p, 3, now);
	claim(3, 10, 1);
	run_ms(600);
	answers_at(3, 10);
	run_ms(2000);
	ok(best_is(3, 10));
	paths_info(p, 3, &info);
	ok(info.rtt.ns > span_ms(500).ns);
	paths_doubt(p, 3, now);
	run_ms(500);
	paths_info(p, 3, &info);
	eq_int(info.rtt.ns, delay.ns);
}

static void who_asks_and_asks_is_asked_twice_a_second(void)
{
	uint8_t probe[PATH_PROBE_LONG] = { PATH_TYPE_PROBE };
	struct endpoint from = at(66);

	begin();
	paths_admit(p, 3, now);
	for (int i = 0; i < 400; i++) {
		paths_received(p, 3, &from, 73 + sizeof(probe), true);
		(void)paths_input(p, now, 3, &from, bytes_of(probe, sizeof(probe)), 42, false,
				  &out);
		outbox_clear(&out);
		run_ms(10);
	}
	ok(probes_to[66] >= 4 && probes_to[66] <= 9);
}

static void who_is_late_waits_longer(void)
{
	begin();
	paths_admit(p, 3, now);
	claim(3, 10, 1);
	now = instant_add(now, span_s(1));
	run_ms(2400);
	eq_int(probes_to[10], 1); /* 500 ms, and twice the second that we were late by */
	run_ms(200);
	eq_int(probes_to[10], 2);
	/* Who slept was not busy. */
	begin();
	paths_admit(p, 3, now);
	claim(3, 10, 1);
	now = instant_add(now, span_s(3600));
	run_ms(600);
	eq_int(probes_to[10], 2);
}

static void probes_are_answered_in_their_size_and_not_without_limit(void)
{
	uint8_t probe[PATH_PROBE_LEN] = { PATH_TYPE_PROBE, 1, 2, 3 };
	struct endpoint from = at(50);

	begin();
	paths_admit(p, 3, now);
	for (int i = 0; i < 100; i++) {
		paths_received(p, 3, &from, 73 + sizeof(probe), true);
		paths_input(p, now, 3, &from, bytes_of(probe, sizeof(probe)), 42, false, &out);
	}
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

/* Counts what goes to an address, as it is sealed; nobody answers there. */
static size_t bytes_to(uint8_t last)
{
	size_t sum = 0;

	for (uint32_t i = 0; i < out.count; i++)
		if (out.items[i].to.ip.b[3] == last)
			sum += 73 + out.items[i].len;
	outbox_clear(&out);
	return sum;
}

static void an_address_that_proved_nothing_gets_no_more_than_it_gave(void)
{
	uint8_t probe[PATH_PROBE_LONG] = { PATH_TYPE_PROBE };
	struct endpoint from = at(66);
	size_t got = 0, gave = 0;
	struct rng rng;

	begin();
	rng_init(&rng, 5);
	paths_admit(p, 3, now);
	for (unsigned i = 0; i < 20000; i++) {
		unsigned what = (unsigned)rng_below(&rng, 8);
		size_t len = what < 2 ? PATH_PROBE_LEN : what < 4 ? PATH_PROBE_LONG :
			     rng_below(&rng, 200);

		gave += 73 + len;
		paths_received(p, 3, &from, 73 + len, true);
		if (what < 4)
			paths_input(p, now, 3, &from, bytes_of(probe, len), 42, what & 1, &out);
		else
			paths_heard(p, 3, &from, now);
		now = instant_add(now, span_ms(rng_below(&rng, 300)));
		if (rng_below(&rng, 50) == 0)
			now = instant_add(now, span_s(700));
		paths_doubt(p, 3, now);
		paths_wanted(p, 3, now);
		for (int k = 0; k < 3 && instant_reached(paths_deadline(p), now); k++)
			paths_tick(p, now, &out);
		got += bytes_to(66);
		ok(got <= gave);
	}
	ok(got > gave / 4);
}

static void a_long_question_is_answered_and_the_address_probed_at_once(void)
{
	uint8_t probe[PATH_PROBE_LONG] = { PATH_TYPE_PROBE };
	struct endpoint from = at(66);

	for (int fresh = 0; fresh < 2; fresh++) {
		begin();
		paths_admit(p, 3, now);
		paths_received(p, 3, &from, 73 + sizeof(probe), true);
		paths_input(p, now, 3, &from, bytes_of(probe, sizeof(probe)), 42, fresh, &out);
		eq_int(out.count, 1);
		eq_int(out.items[0].len, PATH_PROBE_LEN);
		paths_tick(p, now, &out);
		eq_int(out.count, 2);
		eq_int(out.items[1].len, PATH_PROBE_LEN);
	}
	/* any other length is nothing of ours, and no answer is long */
	for (size_t len = 0; len < sizeof(probe); len++) {
		outbox_clear(&out);
		if (len != PATH_PROBE_LEN)
			ok(!paths_input(p, now, 3, &from, bytes_of(probe, len), 42, true, &out));
		eq_int(out.count, 0);
	}
}

/* Who replays the probes of a former process must not keep the present one from its answers. */
static void replayed_probes_do_not_use_up_the_answers_to_fresh_ones(void)
{
	uint8_t probe[PATH_PROBE_LEN] = { PATH_TYPE_PROBE };
	struct endpoint from = at(50);

	begin();
	paths_admit(p, 3, now);
	for (int i = 0; i < 1000; i++)
		paths_input(p, now, 3, &from, bytes_of(probe, sizeof(probe)), 42, false, &out);
	eq_int(out.count, 20);
	outbox_clear(&out);
	for (int i = 0; i < 1000; i++)
		paths_input(p, now, 3, &from, bytes_of(probe, sizeof(probe)), 42, true, &out);
	eq_int(out.count, 20);
	outbox_clear(&out);
	now = instant_add(now, span_s(1));
	for (int i = 0; i < 1000; i++)
		paths_input(p, now, 3, &from, bytes_of(probe, sizeof(probe)), 42, true, &out);
	eq_int(out.count, 20);
}

/* As if from the address in use, which is dead. */
static void replayed_probes_do_not_keep_a_dead_path(void)
{
	uint8_t probe[PATH_PROBE_LEN] = { PATH_TYPE_PROBE };
	struct endpoint e, from = at(10);

	begin();
	paths_admit(p, 3, now);
	answers_at(3, 10);
	claim(3, 10, 1);
	run_ms(1000);
	ok(best_is(3, 10));
	alive_count = 0;
	for (int i = 0; i < 200 && paths_best(p, 3, &e); i++) {
		paths_received(p, 3, &from, 105, false);
		paths_input(p, now, 3, &from, bytes_of(probe, sizeof(probe)), 42, false, &out);
		paths_doubt(p, 3, now);
		paths_heard(p, 3, &from, now);
		run_ms(50);
	}
	ok(!paths_best(p, 3, &e));
}

/* A member moves; before its answer comes, somebody replays from everywhere what it said before. */
static void replays_do_not_displace_the_address_of_a_member_that_moves(void)
{
	uint8_t probe[PATH_PROBE_LEN] = { 0 }, answer[PATH_PROBE_LEN];
	struct endpoint moved = at(77);

	begin();
	paths_admit(p, 3, now);
	claim(3, 10, 8);
	run_ms(100);
	paths_received(p, 3, &moved, 105, true);
	paths_heard(p, 3, &moved, now);
	for (unsigned i = 0; i < 100; i++) {
		struct endpoint from = at((uint8_t)(100 + i));

		paths_received(p, 3, &from, 105, false);
		paths_heard(p, 3, &from, now);
		paths_tick(p, now, &out);
		for (uint32_t k = 0; k < out.count; k++)
			if (out.items[k].to.ip.b[3] == 77)
				memcpy(probe, out.items[k].data, sizeof(probe));
		outbox_clear(&out);
		now = instant_add(now, span_ms(1));
	}
	make_answer(3, probe, answer);
	ok(paths_input(p, now, 3, &moved, bytes_of(answer, sizeof(answer)), 9, true, &out));
	ok(best_is(3, 77));
}

static void records_cannot_make_us_flood_anybody(void)
{
	struct endpoint list[MAX_CANDIDATES], victim = { .port = 51821 };
	const uint8_t network[16] = { 0x20, 0x01, 0x0d, 0xb8 };
	unsigned port = 1000, sum;

	victim.ip = ip_of(FAMILY_IPV6, network);

	/* ten members, all at one victim, on ever new ports, for a minute */
	begin();
	for (uint32_t slot = 0; slot < 10; slot++)
		paths_admit(p, slot, now);
	for (unsigned round = 0; round < 240; round++) {
		for (uint32_t slot = 0; slot < 10; slot++) {
			for (unsigned i = 0; i < MAX_CANDIDATES; i++) {
				list[i] = at(99);
				list[i].port = (uint16_t)++port;
			}
			paths_set_candidates(p, slot, list, MAX_CANDIDATES, now);
		}
		run_ms(250);
	}
	ok(probes_to[99] > 100 && probes_to[99] <= 32 + 4 * 61);

	/* forty, all at ever new addresses of one victim's network */
	begin();
	for (uint32_t slot = 0; slot < 40; slot++)
		paths_admit(p, slot, now);
	for (unsigned round = 0; round < 240; round++) {
		for (uint32_t slot = 0; slot < 40; slot++) {
			for (unsigned i = 0; i < MAX_CANDIDATES; i++) {
				list[i] = victim;
				store_be32(list[i].ip.b + 12, ++port);
			}
			paths_set_candidates(p, slot, list, MAX_CANDIDATES, now);
		}
		run_ms(250);
	}
	ok(probes_to[victim.ip.b[3]] > 500 && probes_to[victim.ip.b[3]] <= 512 + 4 * 61);

	/* one member, at ever new addresses */
	begin();
	paths_admit(p, 0, now);
	for (unsigned round = 0; round < 240; round++) {
		claim(0, (uint8_t)(round * 8), 8);
		run_ms(250);
	}
	sum = 0;
	for (unsigned i = 0; i < 256; i++)
		sum += probes_to[i];
	ok(sum > 100 && sum <= 32 + 8 * 61);

	/* the same record again and again is no reason to begin again */
	begin();
	paths_admit(p, 0, now);
	for (unsigned round = 0; round < 240; round++) {
		claim(0, 10, 1);
		run_ms(250);
	}
	ok(probes_to[10] >= 3 && probes_to[10] <= 6 * 6);
}

static void claims_do_not_lead_into_this_host(void)
{
	const uint8_t local[16] = { 0xfe, 0x80, [15] = 9 }, loop[16] = { [15] = 1 };
	struct endpoint bad[] = {
		{ .ip = ip_v4(127, 0, 0, 1), .port = 53 },
		{ .ip = ip_v4(127, 9, 9, 9), .port = 53 },
		{ .ip = ip_v4(169, 254, 1, 1), .port = 53 },
		{ .ip = ip_of(FAMILY_IPV6, loop), .port = 53 },
		{ .ip = ip_of(FAMILY_IPV6, local), .port = 53 },
	};
	struct path_info info;

	begin();
	paths_admit(p, 3, now);
	paths_set_candidates(p, 3, bad, sizeof(bad) / sizeof(*bad), now);
	paths_info(p, 3, &info);
	eq_int(info.candidates, 0);
	/* but a neighbour on the link may be heard from there */
	bad[4].scope = 2;
	paths_received(p, 3, &bad[4], 105, true);
	paths_heard(p, 3, &bad[4], now);
	paths_tick(p, now, &out);
	eq_int(out.count, 1);
	eq_int(out.items[0].to.scope, 2);
}

/* With an address of ours there announced, all nodes of a bench share one IP address. */
static void who_announces_loopback_believes_claims_there(void)
{
	static struct out items[512];
	static uint8_t arena[1u << 19];
	struct paths_config config = { .members = MEMBERS, .seed = 7, .random = &random_state,
				       .loopback = true };
	struct endpoint loop = { .ip = ip_v4(127, 0, 0, 1) };
	void *memory = calloc(1, paths_size(MEMBERS));

	begin();
	outbox_init(&out, items, 512, arena, sizeof(arena));
	p = paths_init(memory, &config, now);
	for (uint32_t slot = 0; slot < MEMBERS; slot++) {
		paths_admit(p, slot, now);
		loop.port = (uint16_t)(20000 + slot);
		paths_set_candidates(p, slot, &loop, 1, now);
	}
	paths_tick(p, now, &out);
	eq_int(out.count, 32); /* unasked for, so in turn; no fewer because the address is one */
	for (int ms = 0; ms < 1000; ms += 10) {
		now = instant_add(now, span_ms(10));
		if (instant_reached(paths_deadline(p), now))
			paths_tick(p, now, &out);
	}
	unsigned asked = 0;
	for (uint32_t slot = 0; slot < MEMBERS; slot++) {
		struct path_info info;

		paths_info(p, slot, &info);
		asked += info.asked;
	}
	eq_int(asked, MEMBERS);
	free(memory);
	begin();
}

static void doubts_cost_five_probes_a_second_at_most(void)
{
	begin();
	paths_admit(p, 3, now);
	answers_at(3, 10);
	claim(3, 10, 1);
	run_ms(1000);
	unsigned before = probes_to[10];
	for (int i = 0; i < 10000; i++) {
		paths_doubt(p, 3, now);
		run_ms(1);
	}
	ok(probes_to[10] - before >= 25 && probes_to[10] - before <= 51);
}

static void a_path_that_carries_traffic_is_probed_each_three_seconds(void)
{
	struct endpoint from = at(10);

	begin();
	paths_admit(p, 3, now);
	answers_at(3, 10);
	claim(3, 10, 1);
	run_ms(1000);
	unsigned before = probes_to[10];
	for (int i = 0; i < 600; i++) {
		paths_heard(p, 3, &from, now);
		paths_used(p, 3, now);
		run_ms(1000);
	}
	ok(probes_to[10] - before >= 195 && probes_to[10] - before <= 205);
}

static void a_path_that_only_gossip_uses_is_not_probed(void)
{
	struct endpoint from = at(10);

	begin();
	paths_admit(p, 3, now);
	answers_at(3, 10);
	claim(3, 10, 1);
	run_ms(1000);
	unsigned before = probes_to[10];
	for (int i = 0; i < 600; i++) {
		paths_heard(p, 3, &from, now);
		run_ms(1000);
	}
	eq_int(probes_to[10], before);
	/* Nor does it stay up when it is broken and a doubt comes. */
	alive_count = 0;
	paths_doubt(p, 3, now);
	run_ms(2000);
	eq_int(facts_of(PATH_FACT_LOST), 1);
}

static void look_again(uint32_t members)
{
	for (uint32_t slot = 0; slot < members; slot++)
		paths_doubt(p, slot, now);
	run_ms(500);
}

static bool seen_is(unsigned n, unsigned first, unsigned second)
{
	const unsigned want[2] = { first, second };
	struct endpoint seen[8];
	unsigned found = 0;

	if (paths_seen_as(p, seen, 8) != n)
		return false;
	for (unsigned i = 0; i < n; i++)
		for (unsigned k = 0; k < n; k++)
			found += seen[i].ip.b[3] == want[k];
	return found == n;
}

static void two_members_say_what_we_are_seen_as_or_one_alone(void)
{
	begin();
	for (uint32_t slot = 0; slot < 4; slot++) {
		paths_admit(p, slot, now);
		answers_at(slot, (uint8_t)(10 + slot));
		me[slot] = (struct endpoint){ .ip = ip_v4(203, 0, 113, 5), .port = 4000 };
	}
	claim(0, 10, 1);
	run_ms(500);
	ok(seen_is(1, 5, 0));           /* nobody disagrees */
	me[1].ip.b[3] = 6;
	claim(1, 11, 1);
	run_ms(500);
	ok(seen_is(0, 0, 0));           /* one lies, and who? */
	claim(2, 12, 1);
	run_ms(500);
	ok(seen_is(1, 5, 0));           /* two against one */
	me[3] = (struct endpoint){ .ip = ip_v4(192, 168, 0, 9), .port = 51821 };
	claim(3, 13, 1);
	run_ms(500);
	ok(seen_is(2, 5, 9));           /* a neighbour sees another kind of address */
	eq_int(facts_of(PATH_FACT_SEEN_AS), 4);
	/* A liar who changes his mind all the time changes nothing. */
	for (uint8_t i = 0; i < 50; i++) {
		me[1].ip.b[3] = (uint8_t)(100 + i);
		look_again(4);
	}
	ok(seen_is(2, 5, 9));
	eq_int(facts_of(PATH_FACT_SEEN_AS), 4);
	/* The two that agreed are gone for long, and what they said with them. */
	paths_forget(p, 3);
	alive[0] = alive[2] = at(200);
	for (int i = 0; i < 14; i++) {
		run_ms(60000);
		paths_doubt(p, 1, now);
	}
	ok(seen_is(1, 149, 0));
	paths_forget(p, 1);
	ok(!seen_is(1, 149, 0));
}

/* The address of ours that answers come to is the one to leave by, until it brings nothing. */
static void the_source_address_is_told_and_forgotten(void)
{
	struct endpoint e;

	begin();
	paths_admit(p, 3, now);
	answers_at(3, 10);
	claim(3, 10, 1);
	to_us = ip_v4(10, 0, 0, 7);
	run_ms(1000);
	ok(paths_best(p, 3, &e) && ip_equal(&e.local, &to_us));
	eq_int(facts_of(PATH_FACT_UP), 1);
	eq_int(facts_of(PATH_FACT_CHANGED), 0);
	/* It changes, and the tunnel must know. */
	to_us = ip_v4(10, 0, 0, 8);
	look_again(4);
	eq_int(facts_of(PATH_FACT_CHANGED), 1);
	ok(ip_equal(&facts[fact_count - 1].endpoint.local, &to_us));
	look_again(4);
	eq_int(facts_of(PATH_FACT_CHANGED), 1);
	/* Our network changed, or nobody answers: the system chooses. */
	paths_network_changed(p, now);
	ok(paths_best(p, 3, &e) && e.local.family == FAMILY_NONE);
	run_ms(1000);
	ok(paths_best(p, 3, &e) && ip_equal(&e.local, &to_us));
	alive_count = 0;
	paths_doubt(p, 3, now);
	run_ms(150);
	ok(paths_best(p, 3, &e) && e.local.family == FAMILY_NONE);
}

static void facts_of_a_forgotten_member_are_not_told(void)
{
	struct path_fact fact;
	unsigned told = 0;

	begin();
	for (uint32_t slot = 0; slot < 3; slot++) {
		struct endpoint from = at((uint8_t)(10 + slot));

		paths_admit(p, slot, now);
		claim(slot, (uint8_t)(10 + slot), 1);
		paths_tick(p, now, &out);
		uint8_t answer[PATH_PROBE_LEN];
		make_answer(slot, out.items[0].data, answer);
		outbox_clear(&out);
		struct bytes right = bytes_of(answer, sizeof(answer));
		ok(paths_input(p, now, slot, &from, right, 9, true, &out));
	}
	paths_forget(p, 1);
	while (paths_next_fact(p, &fact))
		if (fact.slot == 1)
			ok(false);
		else
			told += fact.kind == PATH_FACT_UP;
	eq_int(told, 2);
}

static void only_a_seed_that_was_asked_is_told_unanswered(void)
{
	struct endpoint seed = at(20), mesh = at(1), bad = at(30);
	struct path_seed list[4];

	begin();
	paths_set_filter(p, not_ten, NULL);
	mesh.ip.b[0] = 10;
	bad.port = 0;
	paths_add_seed(p, &mesh, SEED_GIVEN, now);
	paths_add_seed(p, &bad, SEED_GIVEN, now);
	eq_int(paths_seeds(p, list, 4), 0);
	paths_add_seed(p, &seed, SEED_GIVEN, now);
	run_ms(60000);
	eq_int(facts_of(PATH_FACT_SEED_UNANSWERED), 0);
	paths_admit(p, 3, now);
	run_ms(60000);
	eq_int(facts_of(PATH_FACT_SEED_UNANSWERED), 1);
}

static void a_forgotten_member_gets_nothing_any_more(void)
{
	begin();
	paths_admit(p, 3, now);
	answers_at(3, 10);
	claim(3, 10, 1);
	struct endpoint seed = at(10);
	paths_add_seed(p, &seed, SEED_GIVEN, now);
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

static void a_path_in_use_costs_a_probe_each_25_seconds_and_an_idle_one_none(void)
{
	unsigned before;

	begin();
	paths_admit(p, 3, now);
	answers_at(3, 10);
	claim(3, 10, 2);
	run_ms(60000);
	before = probes_to[10] + probes_to[11];
	run_ms(3600000);
	eq_int(probes_to[10] + probes_to[11], before);
	ok(best_is(3, 10));
	/* In use again, it is asked first. */
	paths_used(p, 3, now);
	run_ms(100);
	eq_int(probes_to[10], before - probes_to[11] + 1);
	run_ms(12000);
	before = probes_to[10];
	run_ms(150000);
	eq_int(probes_to[10] - before, 6);
	/* An idle one that died is found out by its next use. */
	run_ms(600000);
	alive_count = 0;
	paths_used(p, 3, now);
	run_ms(2000);
	eq_int(facts_of(PATH_FACT_LOST), 1);
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

/* --- a large mesh */

static unsigned asked(uint32_t members)
{
	unsigned n = 0;

	for (uint32_t slot = 0; slot < members; slot++) {
		struct path_info info;

		paths_info(p, slot, &info);
		n += info.asked;
	}
	return n;
}

static void tell_of(uint32_t members)
{
	for (uint32_t slot = 0; slot < members; slot++) {
		struct endpoint e = at(1);

		e.ip.b[1] = (uint8_t)(slot >> 8);
		e.ip.b[2] = (uint8_t)slot;
		paths_set_candidates(p, slot, &e, 1, now);
	}
	run_ms(5000);
}

static void of_many_not_all_are_probed(void)
{
	begin_with(1000);
	for (uint32_t slot = 0; slot < 1000; slot++)
		paths_admit(p, slot, now);
	tell_of(64);
	eq_int(asked(1000), 64);
	tell_of(500);
	/* 64 + 32 ln(500 / 64), and 32 of those told of again */
	ok(asked(1000) > 100 && asked(1000) < 180);
	unsigned before = asked(1000);
	tell_of(500);
	ok(asked(1000) < before + 60);
}

static void who_was_not_probed_is_when_somebody_wants_it(void)
{
	uint32_t slot = 64;
	struct path_info info;

	begin_with(1000);
	for (uint32_t i = 0; i < 1000; i++)
		paths_admit(p, i, now);
	tell_of(500);
	for (paths_info(p, slot, &info); info.asked; paths_info(p, ++slot, &info))
		;
	unsigned before = asked(1000);
	paths_network_changed(p, now);
	run_ms(10);
	eq_int(asked(1000), before);
	paths_try(p, slot, now);
	run_ms(10);
	eq_int(asked(1000), before + 1);
	/* Gossip asks once; then the backoff has its way. */
	run_ms(20000);
	uint64_t sent = paths_counters(p)->probes_sent;
	paths_try(p, slot, now);
	run_ms(1);
	eq_int(paths_counters(p)->probes_sent, sent);
	for (paths_info(p, slot, &info); info.asked; paths_info(p, ++slot, &info))
		;
	paths_wanted(p, slot, now);
	run_ms(10);
	eq_int(asked(1000), before + 2);
}

TAP_TESTS(T(the_candidate_that_answers_becomes_the_path),
	  T(of_many_not_all_are_probed), T(who_was_not_probed_is_when_somebody_wants_it),
	  T(a_silent_candidate_gets_three_probes_and_then_few),
	  T(a_seed_where_a_member_answered_reads_so),
	  T(seeds_are_asked_for_each_member_without_a_path),
	  T(seeds_that_were_found_give_way_and_typed_ones_do_not),
	  T(calls_to_seeds_are_at_most_fifty_a_second),
	  T(of_many_each_is_called_once_in_a_round),
	  T(a_here_that_answers_no_call_is_nothing),
	  T(a_call_gets_one_short_reply_two_a_second_and_changes_nothing),
	  T(calls_are_looked_at_by_their_bytes),
	  T(a_seed_is_found_by_one_call_for_all),
	  T(admissions_do_not_keep_a_member_from_being_asked_for),
	  T(a_seed_that_comes_later_is_found_in_an_eighth_of_that_time),
	  T(a_path_in_use_that_dies_is_lost_and_found_elsewhere),
	  T(doubt_finds_a_dead_path_within_a_second),
	  T(a_packet_from_elsewhere_moves_the_path_only_when_probes_say_so),
	  T(an_address_that_answers_both_ways_does_not_flap),
	  T(addresses_of_the_mesh_are_never_candidates), T(wrong_answers_are_not_taken),
	  T(a_late_answer_counts_for_ten_seconds), T(who_asks_and_asks_is_asked_twice_a_second),
	  T(who_is_late_waits_longer),
	  T(probes_are_answered_in_their_size_and_not_without_limit),
	  T(an_address_that_proved_nothing_gets_no_more_than_it_gave),
	  T(a_long_question_is_answered_and_the_address_probed_at_once),
	  T(replayed_probes_do_not_use_up_the_answers_to_fresh_ones),
	  T(replayed_probes_do_not_keep_a_dead_path),
	  T(replays_do_not_displace_the_address_of_a_member_that_moves),
	  T(records_cannot_make_us_flood_anybody), T(claims_do_not_lead_into_this_host),
	  T(who_announces_loopback_believes_claims_there),
	  T(doubts_cost_five_probes_a_second_at_most),
	  T(a_path_that_carries_traffic_is_probed_each_three_seconds),
	  T(a_path_that_only_gossip_uses_is_not_probed),
	  T(two_members_say_what_we_are_seen_as_or_one_alone),
	  T(the_source_address_is_told_and_forgotten), T(facts_of_a_forgotten_member_are_not_told),
	  T(only_a_seed_that_was_asked_is_told_unanswered),
	  T(a_forgotten_member_gets_nothing_any_more),
	  T(a_path_in_use_costs_a_probe_each_25_seconds_and_an_idle_one_none),
	  T(a_change_of_our_network_probes_everything_at_once))
