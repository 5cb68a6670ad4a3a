/* Punching in virtual time: one side of it, and what the other side and the helpers would say. */
#include "punch_world.h"

#include "base/cursor.h"

static void who_asks_fires_half_a_round_trip_after_its_now(void)
{
	begin();
	run_ms(30);
	eq_int(sent.count, 1);
	eq_int(sent.said[0].step, PUNCH_ASK);
	eq_int(sent.via[0], HELPER);
	eq_int(punch_state(u, PEER), PUNCH_RUNS);
	run_ms(70); /* the ask left about 80 ms ago */
	const struct punch_message m = reply(PUNCH_ANSWER, NAT_EASY, 0);
	const struct instant heard = now;
	hear(&m, true);
	eq_int(sent.count, 2);
	eq_int(sent.said[1].step, PUNCH_NOW);
	eq_int((intmax_t)sent.epoch[1], 99);
	eq_mem(sent.said[1].answered, m.answered, 8);
	ok(sent.said[1].count >= 1 && ip_equal(&sent.said[1].list[0].ip, &(struct ip){
		FAMILY_IPV4, { 6, 11, 0, 2 } }));
	eq_int(sent.openers + sent.whole, 0);
	run_ms(300);
	eq_int(sent.openers, 3);
	eq_int(sent.other_hops, 0);
	intmax_t waited = (intmax_t)span_in_ms(instant_since(sent.first_opener, heard));
	ok(waited >= 35 && waited <= 45);
	ok(instant_since(sent.first_whole, sent.first_opener).ns >= span_ms(100).ns);
	ok(sent.whole >= 1);
	ok(endpoint_equal(&sent.to, &m.list[0]));
}

static void who_is_asked_answers_once_and_fires_at_now(void)
{
	struct punch_message m = { .step = PUNCH_ASK, .kind = NAT_EASY, .asked = { 5 } };

	begin();
	punch_up(u, PEER, now); /* nothing of our own is wanted */
	run_ms(100);
	eq_int(sent.count, 0);
	hear(&m, false);
	eq_int(sent.count, 1);
	eq_int(sent.said[0].step, PUNCH_ANSWER);
	eq_mem(sent.said[0].asked, m.asked, 8);
	eq_int((intmax_t)sent.epoch[0], 99);
	run_ms(500);
	eq_int(sent.openers + sent.whole, 0);
	m.step = PUNCH_NOW;
	memcpy(m.answered, sent.said[0].answered, 8);
	m.count = 1;
	m.list[0] = at(2, 40000);
	hear(&m, true);
	run_ms(150);
	eq_int(sent.openers, 3);
	eq_int(sent.whole, 1);
	eq_int(sent.to.port, 40000);
	eq_int(sent.count, 1);
}

static void nothing_is_fired_at_words_that_do_not_fit(void)
{
	for (unsigned i = 0; i < 6; i++) {
		struct punch_message m;

		begin();
		run_ms(30);
		m = reply(i == 3 ? PUNCH_NOW : PUNCH_ANSWER, NAT_EASY, 0);
		m.asked[7] ^= i == 1;
		if (i == 2)
			run_ms(5000); /* too late */
		if (i == 4)
			punch_forget(u, PEER);
		if (i == 5)
			punch_up(u, PEER, now);
		clear();
		hear(&m, i != 0);
		run_ms(400);
		eq_int(sent.openers + sent.whole, 0);
		ok(punch_counters(u)->drop_unasked + punch_counters(u)->drop_malformed > 0);
	}
}

static void an_ask_draws_at_most_one_answer_of_its_size_and_few_at_a_time(void)
{
	struct punch_message m = { .step = PUNCH_ASK, .kind = NAT_EASY };
	unsigned answers = 0;

	begin();
	punch_up(u, PEER, now);
	clear();
	for (unsigned i = 0; i < 100; i++) {
		m.asked[0] = (uint8_t)i;
		hear(&m, false);
		answers += sent.count;
		eq_int(sent.openers + sent.whole, 0);
		clear();
	}
	eq_int(answers, 4);
}

static void other_helpers_are_asked_when_none_answers(void)
{
	begin();
	run_ms(2500);
	eq_int(sent.count, 3);
	eq_int(sent.via[0], HELPER);
	eq_int(sent.via[1], SECOND);
	eq_int(punch_state(u, PEER), PUNCH_WAITS);
}

static void it_is_tried_again_after_5_15_60_and_300_s_with_fresh_sockets(void)
{
	static const unsigned pause_s[] = { 5, 15, 60, 300, 300 };
	struct instant last;

	begin();
	run_ms(30);
	eq_int(sent.said[0].flags, 0);
	for (unsigned i = 0; i < 5; i++) {
		while (punch_state(u, PEER) == PUNCH_RUNS)
			run_ms(10);
		last = now;
		clear();
		while (!sent.count && instant_since(now, last).ns < span_s(400).ns)
			run_ms(100);
		intmax_t waited = (intmax_t)span_in_ms(instant_since(now, last));
		ok(waited >= pause_s[i] * 1000 - 20 && waited <= pause_s[i] * 1000 + 1000);
		eq_int(sent.said[0].flags, PUNCH_FRESH);
	}
	ok(punch_counters(u)->sockets <= 3);
}

static void news_have_it_tried_again_at_once(void)
{
	const struct endpoint other[] = { at(3, 51821) };

	begin();
	run_ms(30);
	while (punch_state(u, PEER) != PUNCH_WAITS)
		run_ms(10);
	run_ms(100);
	clear();
	punch_set_record(u, PEER, NAT_EASY, other, 1, now);
	run_ms(50);
	eq_int(sent.count, 1);
	while (punch_state(u, PEER) != PUNCH_WAITS)
		run_ms(10);
	clear();
	punch_set_own(u, other, 1, now);
	run_ms(50);
	eq_int(sent.count, 1);
	clear();
	punch_set_own(u, other, 1, now); /* no news */
	run_ms(50);
	eq_int(sent.count, 0);
}

static void news_during_an_attempt_have_it_tried_again_soon(void)
{
	const struct endpoint claims[] = { at(2, 51821), at(2, 51822) };

	begin();
	run_ms(50);
	const struct punch_message m = reply(PUNCH_ANSWER, NAT_EASY, 0);
	hear(&m, true);
	run_ms(500);
	punch_set_record(u, PEER, NAT_HARD, claims, 2, now);
	clear();
	run_ms(1500);
	eq_int(sent.count, 0);
	run_ms(1500); /* it has failed; nothing else would come for five seconds */
	eq_int(sent.count, 1);
	eq_int(sent.said[0].flags, 0);
}

static void two_hard_sides_ask_nobody(void)
{
	begin_with(NAT_HARD, NAT_HARD, true);
	run_ms(1000);
	eq_int(sent.count, 0);
	eq_int(punch_state(u, PEER), PUNCH_BOTH_HARD);
}

static void attack_03_and_12_little_is_handed_on_and_never_in_a_circle(void)
{
	unsigned passed = 0;

	begin();
	for (unsigned i = 0; i < 1000; i++)
		passed += punch_may_pass(u, HELPER, SECOND, now);
	eq_int(passed, 16);
	now = instant_add(now, span_s(10));
	for (unsigned i = 0; i < 1000; i++)
		passed += punch_may_pass(u, HELPER, SECOND, now);
	eq_int(passed, 32);
	ok(!punch_may_pass(u, SECOND, SECOND, now));
	ok(!punch_may_pass(u, SECOND, PEER, now));   /* no path */
	ok(!punch_may_pass(u, 5, SECOND, now));      /* not admitted */
	ok(!punch_may_pass(u, SECOND, 5, now));
	ok(punch_may_pass(u, SECOND, HELPER, now));
}

static void what_is_not_exactly_a_message_is_refused(void)
{
	struct punch_message m = { .step = PUNCH_ASK, .count = 2 }, got;
	uint8_t wire[PUNCH_LEN + 1] = { 0 };
	static const struct { unsigned where; uint8_t what; } bad[] = {
		{ 0, 0x22 }, { 1, 0 }, { 1, 4 }, { 2, 4 }, { 20, 9 }, { 20, 1 }, { 20, 3 },
		{ 21, 0 }, { 21, 5 }, { 24, 0 }, { 24, 240 }, { 28, 1 },
		{ 21 + 19, 4 }, { 21 + 2 * 19, 1 }, { PUNCH_LEN - 1, 1 },
	};

	m.list[0] = at(2, 256);
	m.list[1] = (struct endpoint){ .ip = { FAMILY_IPV6, { 0x20, 1, [15] = 1 } }, .port = 1 };
	punch_encode(&m, wire);
	ok(punch_decode(bytes_of(wire, PUNCH_LEN), &got));
	eq_int(got.count, 2);
	ok(endpoint_equal(&got.list[0], &m.list[0]) && endpoint_equal(&got.list[1], &m.list[1]));
	for (size_t len = 0; len <= sizeof(wire); len++)
		if (len != PUNCH_LEN)
			ok(!punch_decode(bytes_of(wire, len), &got));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		uint8_t damaged[PUNCH_LEN];

		memcpy(damaged, wire, PUNCH_LEN);
		damaged[bad[i].where] = bad[i].what;
		if (punch_decode(bytes_of(damaged, PUNCH_LEN), &got))
			TAP_FAIL("byte %u may be %u", bad[i].where, bad[i].what);
	}
}

TAP_TESTS(T(who_asks_fires_half_a_round_trip_after_its_now),
	  T(who_is_asked_answers_once_and_fires_at_now),
	  T(nothing_is_fired_at_words_that_do_not_fit),
	  T(an_ask_draws_at_most_one_answer_of_its_size_and_few_at_a_time),
	  T(other_helpers_are_asked_when_none_answers),
	  T(it_is_tried_again_after_5_15_60_and_300_s_with_fresh_sockets),
	  T(news_have_it_tried_again_at_once),
	  T(news_during_an_attempt_have_it_tried_again_soon),
	  T(two_hard_sides_ask_nobody),
	  T(attack_03_and_12_little_is_handed_on_and_never_in_a_circle),
	  T(what_is_not_exactly_a_message_is_refused))
