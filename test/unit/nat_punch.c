/* Punching in virtual time: one side of it, and what the other side and the helpers would say. */
#include "tap.h"

#include "base/cursor.h"
#include "contexts.h"
#include "nat/punch.h"

#define MEMBERS 64u
#define PEER 0u
#define HELPER 1u  /* public */
#define SECOND 2u  /* a helper, too */
#define OTHERS 3u

static struct punch_via helper;
static struct paths *p;
static struct punches *u;
static struct random random_state;
static struct instant now;
static struct outbox out;

/* What went out since `clear`. */
static struct {
	struct punch_message said[8];
	unsigned count, via[8];
	uint64_t epoch[8];
	unsigned openers, whole, opened, closed, other_hops;
	struct instant first_whole, first_opener;
	uint16_t last_socket;
	uint8_t probe[8];          /* id of the last whole probe to the peer */
	struct endpoint to;
} sent;

static struct endpoint at(uint8_t last, uint16_t port)
{
	return (struct endpoint){ .ip = ip_v4(6, 12, 0, last), .port = port };
}

static void take(void)
{
	for (uint32_t i = 0; i < out.count; i++) {
		const struct out *o = &out.items[i];

		if (o->kind == OUT_THROUGH && o->slot >= OTHERS)
			continue;
		if (o->kind == OUT_THROUGH && sent.count < 8) {
			ok(o->slot == PEER);
			ok(punch_decode(bytes_of(o->data, o->len), &sent.said[sent.count]));
			sent.epoch[sent.count] = o->epoch;
			sent.via[sent.count++] = o->via;
		} else if (o->kind == OUT_SOCKET_OPEN) {
			sent.opened++;
			sent.last_socket = o->to.socket;
		} else if (o->kind == OUT_SOCKET_CLOSE) {
			sent.closed++;
		} else if (o->kind == OUT_MESSAGE && o->slot == PEER && o->hops) {
			if (!sent.openers++)
				sent.first_opener = now;
			sent.other_hops += o->hops < 2 || o->hops > 4;
		} else if (o->kind == OUT_MESSAGE && o->slot == PEER) {
			if (!sent.whole++)
				sent.first_whole = now;
			memcpy(sent.probe, o->data + 1, 8);
			sent.to = o->to;
		}
	}
	outbox_clear(&out);
}

static void run_ms(unsigned ms)
{
	for (unsigned i = 0; i < ms; i++) {
		now = instant_add(now, span_ms(1));
		while (instant_reached(punch_deadline(u), now)) {
			punch_tick(u, now, &out);
			take();
		}
	}
}

static void clear(void)
{
	memset(&sent, 0, sizeof(sent));
}

/* The member answers a probe to that address: there is a path. */
static void path_to(uint32_t slot, const struct endpoint *to, unsigned rtt_ms)
{
	uint8_t answer[PATH_PROBE_LEN] = { PATH_TYPE_ANSWER };
	bool found = false;

	paths_suggest(p, slot, to, now);
	paths_tick(p, now, &out);
	for (uint32_t i = 0; i < out.count; i++)
		if (out.items[i].slot == slot) {
			memcpy(answer + 1, out.items[i].data + 1, 8);
			found = true;
		}
	ok(found);
	outbox_clear(&out);
	answer[9] = FAMILY_IPV4;
	answer[10] = answer[11] = 77;
	memcpy(answer + 12, (const uint8_t[]){ 6, 11, 0, 2 }, 4);
	now = instant_add(now, span_ms(rtt_ms));
	ok(paths_input(p, now, slot, to, bytes_of(answer, sizeof(answer)), 9, true, &out));
	outbox_clear(&out);
}

static void begin_with(uint8_t self, uint8_t kind, bool birthday)
{
	static struct out items[1024];
	static uint8_t arena[1u << 20];
	static void *memory[2];
	const uint8_t entropy[32] = { 1 };
	const struct endpoint claims[] = { at(2, 51821) };
	const struct endpoint own[] = { { .ip = ip_v4(6, 11, 0, 2), .port = 51821 } };

	test_crypto();
	random_init(&random_state, entropy);
	outbox_init(&out, items, 1024, arena, sizeof(arena));
	now = (struct instant){ 1000000000u };
	free(memory[0]);
	free(memory[1]);
	memory[0] = calloc(1, paths_size(MEMBERS));
	memory[1] = calloc(1, punches_size(MEMBERS));
	const struct paths_config paths = { .members = MEMBERS, .seed = 7,
					    .random = &random_state };
	p = paths_init(memory[0], &paths, now);
	const struct punches_config config = { .members = MEMBERS, .seed = 8, .paths = p,
					       .random = &random_state, .birthday = birthday };
	u = punches_init(memory[1], &config);
	for (uint32_t slot = 0; slot < 3; slot++) {
		paths_admit(p, slot, now);
		punch_admit(u, slot, true);
	}
	path_to(HELPER, &(struct endpoint){ .ip = ip_v4(4, 1, 0, 2), .port = 51821 }, 40);
	path_to(SECOND, &(struct endpoint){ .ip = ip_v4(4, 2, 0, 2), .port = 51821 }, 60);
	punch_set_record(u, HELPER, NAT_PUBLIC, NULL, 0, now);
	punch_set_self(u, self);
	punch_set_own(u, own, 1, now);
	punch_set_record(u, PEER, kind, claims, 1, now);
	paths_set_shy(p, PEER, true);
	paths_set_candidates(p, PEER, claims, 1, now);
	paths_tick(p, now, &out);
	outbox_clear(&out);
	clear();
	helper = (struct punch_via){ .slot = HELPER, .sees = at(2, 0).ip };
	punch_wanted(u, PEER, now);
}

static void begin(void)
{
	begin_with(NAT_EASY, NAT_EASY, true);
}


/* What the peer says to our last ask. */
static struct punch_message reply(uint8_t step, uint8_t kind, uint8_t flags)
{
	struct punch_message m = { .step = step, .kind = kind, .flags = flags, .count = 1 };

	memcpy(m.asked, sent.said[0].asked, 8);
	memset(m.answered, 7, 8);
	m.list[0] = at(2, 51821);
	return m;
}

static void hear(const struct punch_message *m, bool knows_us)
{
	uint8_t wire[PUNCH_LEN];

	punch_encode(m, wire);
	punch_input(u, now, PEER, &helper, bytes_of(wire, sizeof(wire)), 99, knows_us, &out);
	take();
}

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

static void the_hard_side_opens_256_sockets_and_closes_them(void)
{
	begin_with(NAT_HARD, NAT_EASY, true);
	run_ms(50);
	struct punch_message m = reply(PUNCH_ANSWER, NAT_EASY, PUNCH_BIRTHDAY);
	hear(&m, true);
	eq_int(sent.said[1].flags, PUNCH_BIRTHDAY);
	run_ms(440);
	eq_int(sent.opened, 0);
	run_ms(100);
	ok(sent.opened > 0 && sent.opened <= 80);
	run_ms(600);
	eq_int(sent.opened, 256);
	eq_int(sent.openers, 3 + 3 * 256);
	eq_int(sent.other_hops, 0);
	eq_int(punch_counters(u)->sockets, 256);
	run_ms(20000);
	eq_int(sent.closed, 256);
	eq_int(punch_counters(u)->sockets, 0);
	/* One in ten minutes. */
	eq_int((intmax_t)punch_counters(u)->birthdays, 1);
	clear();
	run_ms(60000);
	for (unsigned i = 0; i < sent.count; i++)
		eq_int(sent.said[i].flags & PUNCH_BIRTHDAY, 0);
}

static void the_winning_socket_stays(void)
{
	uint8_t probe[PATH_PROBE_LEN] = { PATH_TYPE_PROBE, 1, 2, 3 };
	uint8_t answer[PATH_PROBE_LEN] = { PATH_TYPE_ANSWER };
	struct endpoint from = at(2, 51821);

	begin_with(NAT_HARD, NAT_EASY, true);
	run_ms(50);
	struct punch_message m = reply(PUNCH_ANSWER, NAT_EASY, PUNCH_BIRTHDAY);
	hear(&m, true);
	run_ms(1200);
	from.socket = 100;
	paths_received(p, PEER, &from, 210, false);
	(void)paths_input(p, now, PEER, &from, bytes_of(probe, sizeof(probe)), 99, false, &out);
	paths_tick(p, now, &out);
	for (uint32_t i = 0; i < out.count; i++)
		if (out.items[i].slot == PEER && out.items[i].data[0] == PATH_TYPE_PROBE) {
			eq_int(out.items[i].to.socket, 100);
			memcpy(answer + 1, out.items[i].data + 1, 8);
		}
	outbox_clear(&out);
	answer[9] = FAMILY_IPV4;
	ok(paths_input(p, now, PEER, &from, bytes_of(answer, sizeof(answer)), 99, true, &out));
	punch_up(u, PEER, now);
	clear();
	run_ms(30000);
	eq_int(sent.closed, 255);
	eq_int(punch_counters(u)->sockets, 1);
	ok(paths_best(p, PEER, &from));
	eq_int(from.socket, 100);
	punch_forget(u, PEER);
	paths_forget(p, PEER);
	run_ms(200);
	eq_int(punch_counters(u)->sockets, 0);
}

static void the_easy_side_probes_2048_ports_500_a_second(void)
{
	begin_with(NAT_EASY, NAT_HARD, true);
	run_ms(50);
	struct punch_message m = reply(PUNCH_ANSWER, NAT_HARD, PUNCH_BIRTHDAY);
	hear(&m, true);
	run_ms(620);
	clear();
	run_ms(1000);
	ok(sent.whole >= 450 && sent.whole <= 520);
	run_ms(6000);
	ok(sent.whole >= 2000 && sent.whole <= 2060);
	eq_int(sent.opened, 0);
	/* An answer from any port of that address counts, by its id. */
	uint8_t answer[PATH_PROBE_LEN] = { PATH_TYPE_ANSWER };
	const struct endpoint hit = at(2, 12345), elsewhere = at(3, 12345);

	memcpy(answer + 1, sent.probe, 8);
	answer[9] = FAMILY_IPV4;
	ok(!paths_input(p, now, PEER, &elsewhere, bytes_of(answer, 32), 9, true, &out));
	ok(!paths_input(p, now, SECOND, &hit, bytes_of(answer, 32), 9, true, &out));
	ok(paths_input(p, now, PEER, &hit, bytes_of(answer, 32), 9, true, &out));
}

static void ports_in_a_row_are_tried_first(void)
{
	begin_with(NAT_EASY, NAT_HARD_SEQUENTIAL, true);
	run_ms(50);
	struct punch_message m = reply(PUNCH_ANSWER, NAT_HARD_SEQUENTIAL, PUNCH_BIRTHDAY);
	m.list[0].port = 40007;
	hear(&m, true);
	while (!sent.whole || sent.to.port == 40007)
		run_ms(1);
	ok(sent.to.port > 40007 && sent.to.port <= 40015);
}

static void no_birthday_where_it_is_off_or_makes_no_sense(void)
{
	static const struct {
		uint8_t self, kind, flags;
		bool on;
	} rows[] = {
		{ NAT_EASY, NAT_EASY, PUNCH_BIRTHDAY, true },
		{ NAT_EASY, NAT_HARD, 0, true },              /* the other side takes no part */
		{ NAT_EASY, NAT_HARD, PUNCH_BIRTHDAY, false },
		{ NAT_HARD, NAT_EASY, PUNCH_BIRTHDAY, false },
		{ NAT_HARD, NAT_PUBLIC, PUNCH_BIRTHDAY, true },
		{ NAT_PUBLIC, NAT_HARD, PUNCH_BIRTHDAY, true },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		begin_with(rows[i].self, rows[i].kind, rows[i].on);
		run_ms(50);
		struct punch_message m = reply(PUNCH_ANSWER, rows[i].kind, rows[i].flags);
		hear(&m, true);
		run_ms(3000);
		eq_int((intmax_t)punch_counters(u)->birthdays, 0);
		eq_int(sent.opened, 0);
		ok(sent.whole <= 8);
	}
}

/* What the peer says of itself is not enough: the helper reaches it elsewhere, or knows of no
 * address, or the peer names another one. */
static void no_birthday_at_an_address_that_only_the_peer_names(void)
{
	for (unsigned i = 0; i < 6; i++) {
		const bool hard = i & 1;

		begin_with(hard ? NAT_HARD : NAT_EASY, hard ? NAT_EASY : NAT_HARD, true);
		run_ms(50);
		struct punch_message m = reply(PUNCH_ANSWER, hard ? NAT_EASY : NAT_HARD,
					       PUNCH_BIRTHDAY);
		if (i < 2)
			helper.sees = at(99, 0).ip;
		else if (i < 4)
			helper.sees = (struct ip){ 0 };
		else
			m.list[0] = at(99, 51821);
		hear(&m, true);
		run_ms(3000);
		eq_int((intmax_t)punch_counters(u)->birthdays, 0);
		eq_int(sent.opened, 0);
		ok(sent.whole <= 8);
	}
}

/* So many members behind one address, or behind others, ask for one: the run of each is an ask of
 * theirs, our answer, and their "now". */
static unsigned birthdays_of(unsigned members, bool one_address)
{
	begin_with(NAT_EASY, NAT_HARD, true);
	punch_up(u, PEER, now);
	for (uint32_t slot = OTHERS; slot < OTHERS + members; slot++) {
		struct punch_message m = { .step = PUNCH_ASK, .kind = NAT_HARD, .count = 1 };
		uint8_t wire[PUNCH_LEN];

		paths_admit(p, slot, now);
		punch_admit(u, slot, false);
		m.asked[0] = (uint8_t)slot;
		m.list[0] = at(one_address ? 2 : (uint8_t)slot, (uint16_t)(1024 + slot));
		helper.sees = m.list[0].ip;
		for (m.step = PUNCH_ASK; m.step <= PUNCH_NOW; m.step += 2) {
			punch_encode(&m, wire);
			punch_input(u, now, slot, &helper, bytes_of(wire, sizeof(wire)), 99, true,
				    &out);
			for (uint32_t i = 0; i < out.count; i++)
				if (out.items[i].kind == OUT_THROUGH) {
					struct punch_message said;

					ok(punch_decode(bytes_of(out.items[i].data,
								 out.items[i].len), &said));
					memcpy(m.answered, said.answered, 8);
				}
			outbox_clear(&out);
			m.flags = PUNCH_BIRTHDAY;
		}
		run_ms(9000);
	}
	return (unsigned)punch_counters(u)->birthdays;
}

static void birthdays_are_limited_by_address_and_in_all(void)
{
	/* in 30 times 9 s: 4 at once and one in 150 s; 16 at once and one in 30 s */
	unsigned n = birthdays_of(30, true);
	ok(n >= 4 && n <= 5);
	n = birthdays_of(30, false);
	ok(n >= 24 && n <= 25);
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
	  T(news_have_it_tried_again_at_once), T(the_hard_side_opens_256_sockets_and_closes_them),
	  T(the_winning_socket_stays), T(the_easy_side_probes_2048_ports_500_a_second),
	  T(ports_in_a_row_are_tried_first), T(no_birthday_where_it_is_off_or_makes_no_sense),
	  T(no_birthday_at_an_address_that_only_the_peer_names),
	  T(birthdays_are_limited_by_address_and_in_all),
	  T(two_hard_sides_ask_nobody),
	  T(attack_03_and_12_little_is_handed_on_and_never_in_a_circle),
	  T(what_is_not_exactly_a_message_is_refused))
