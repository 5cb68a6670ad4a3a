/* The birthday of one side, in virtual time. */
#include "punch_world.h"

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
	eq_int((intmax_t)punch_counters(u)->birthdays, 1);
}

/* The other side takes part whenever it is asked. */
static void one_that_failed_is_repeated_once_and_then_every_ten_minutes(void)
{
	intmax_t after_s[4] = { 0 };
	unsigned count = 0;

	begin_with(NAT_HARD, NAT_EASY, true);
	const struct instant since = now;
	while (instant_since(now, since).ns < span_s(1500).ns) {
		clear();
		run_ms(100);
		for (unsigned i = 0; i < sent.count; i++) {
			if (sent.said[i].step != PUNCH_ASK)
				continue;
			struct punch_message m = reply(PUNCH_ANSWER, NAT_EASY, PUNCH_BIRTHDAY);
			memcpy(m.asked, sent.said[i].asked, 8);
			hear(&m, true);
		}
		if (count < punch_counters(u)->birthdays && count < 4)
			after_s[count++] = (intmax_t)(instant_since(now, since).ns / span_s(1).ns);
	}
	eq_int((intmax_t)punch_counters(u)->birthdays, 4);
	ok(after_s[1] >= 9 && after_s[1] <= 15);
	ok(after_s[2] >= 600 && after_s[2] < 950);
	ok(after_s[3] >= 1200);
}

/* Says that to us as `slot`; what we say to it is *said. */
static void says(uint32_t slot, const struct punch_message *m, struct punch_message *said)
{
	const struct punch_via via = { .slot = HELPER, .sees = m->list[0].ip };
	uint8_t wire[PUNCH_LEN];

	punch_encode(m, wire);
	punch_input(u, now, slot, &via, bytes_of(wire, sizeof(wire)), 99, true, &out);
	for (uint32_t i = 0; i < out.count; i++)
		if (out.items[i].kind == OUT_THROUGH)
			ok(punch_decode(bytes_of(out.items[i].data, out.items[i].len), said));
	outbox_clear(&out);
}

static void a_second_attempt_waits_for_the_end_of_a_birthday_with_another_member(void)
{
	struct punch_message m = { .step = PUNCH_ASK, .kind = NAT_EASY, .asked = { 5 },
				   .count = 1, .list = { at(9, 51821) } }, said;

	begin_with(NAT_HARD, NAT_EASY, true);
	paths_admit(p, 3, now);
	punch_admit(u, 3, true);
	run_ms(6000);
	eq_int(sent.count, 3); /* by three members; nobody answered */
	says(3, &m, &said);
	eq_int(said.flags, PUNCH_BIRTHDAY);
	m.step = PUNCH_NOW;
	m.flags = PUNCH_BIRTHDAY;
	memcpy(m.answered, said.answered, 8);
	says(3, &m, &said);
	eq_int((intmax_t)punch_counters(u)->birthdays, 1);
	clear();
	run_ms(7900);
	eq_int(sent.count, 0);
	run_ms(400);
	eq_int(sent.count, 1);
}

/* Both sides count: each opens sockets towards where the other's count will have got to. */
static void two_that_count_predict_each_other(void)
{
	begin_with(NAT_HARD_SEQUENTIAL, NAT_HARD_SEQUENTIAL, true);
	run_ms(800); /* nobody tells how the fresh socket looks */
	eq_int(sent.opened, 1);
	eq_int(sent.count, 1);
	eq_int(sent.said[0].flags, PUNCH_FRESH);
	struct punch_message m = reply(PUNCH_ANSWER, NAT_HARD_SEQUENTIAL,
				       PUNCH_FRESH | PUNCH_BIRTHDAY);
	m.list[0].port = 40007;
	clear();
	hear(&m, true);
	eq_int(sent.said[0].step, PUNCH_NOW);
	eq_int(sent.said[0].flags, PUNCH_FRESH | PUNCH_BIRTHDAY);
	while (sent.opened < 25)
		run_ms(1);
	/* Openers first, and nothing else that the NAT would count. */
	run_ms(200);
	eq_int(sent.opened, 25);
	eq_int(sent.openers, 3 * 25);
	eq_int(sent.whole, 0);
	eq_int(sent.other_hops, 0);
	run_ms(100);
	eq_int(sent.whole, 25);
	eq_int(sent.to.port, 40027);
	run_ms(400);
	eq_int(sent.whole, 2 * 25);
	run_ms(6000);
	eq_int(sent.closed, 26);
	eq_int(punch_counters(u)->sockets, 0);
	eq_int((intmax_t)punch_counters(u)->birthdays, 1);
}

static void beyond_the_last_port_nothing_is_predicted(void)
{
	begin_with(NAT_HARD_SEQUENTIAL, NAT_HARD_SEQUENTIAL, true);
	run_ms(800);
	struct punch_message m = reply(PUNCH_ANSWER, NAT_HARD_SEQUENTIAL,
				       PUNCH_FRESH | PUNCH_BIRTHDAY);
	m.list[0].port = UINT16_MAX - 3;
	hear(&m, true);
	run_ms(3000);
	eq_int((intmax_t)punch_counters(u)->birthdays, 0);
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

/* A busy host looks at the clock ten times a second. */
static void late_probes_are_made_up_for(void)
{
	begin_with(NAT_EASY, NAT_HARD, true);
	run_ms(50);
	struct punch_message m = reply(PUNCH_ANSWER, NAT_HARD, PUNCH_BIRTHDAY);
	hear(&m, true);
	run_ms(700);
	clear();
	for (unsigned i = 0; i < 10; i++) {
		now = instant_add(now, span_ms(99));
		run_ms(1);
	}
	ok(sent.whole >= 450 && sent.whole <= 520);
	now = instant_add(now, span_s(1)); /* but a sleeper does not flood */
	clear();
	run_ms(1);
	ok(sent.whole >= 80 && sent.whole <= 130);
}

/* It may be hard, too; at the second attempt that would be known. */
static void who_was_seen_by_one_alone_waits_for_the_second_attempt(void)
{
	const struct endpoint elsewhere = { .ip = ip_v4(4, 1, 0, 3), .port = 51821 };
	struct punch_message m;

	begin_with(NAT_EASY, NAT_HARD, true);
	ok(paths_observers(p) == 2);
	now = instant_add(now, span_s(121));
	path_to(HELPER, &elsewhere, 40);
	ok(paths_observers(p) == 1);
	for (unsigned attempt = 0; attempt < 2; attempt++) {
		clear();
		while (!sent.count)
			run_ms(1);
		m = reply(PUNCH_ANSWER, NAT_HARD, PUNCH_BIRTHDAY);
		hear(&m, true);
		eq_int(sent.said[1].flags, attempt ? PUNCH_BIRTHDAY : 0);
		run_ms(4000);
		eq_int((intmax_t)punch_counters(u)->birthdays, attempt);
	}
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
		{ NAT_HARD_SEQUENTIAL, NAT_HARD_SEQUENTIAL, PUNCH_BIRTHDAY, false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		begin_with(rows[i].self, rows[i].kind, rows[i].on);
		run_ms(50);
		struct punch_message m = reply(PUNCH_ANSWER, rows[i].kind, rows[i].flags);
		hear(&m, true);
		run_ms(3000);
		eq_int((intmax_t)punch_counters(u)->birthdays, 0);
		ok(sent.opened <= (rows[i].self == NAT_HARD_SEQUENTIAL)); /* its fresh one */
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

TAP_TESTS(T(the_hard_side_opens_256_sockets_and_closes_them),
	  T(one_that_failed_is_repeated_once_and_then_every_ten_minutes),
	  T(a_second_attempt_waits_for_the_end_of_a_birthday_with_another_member),
	  T(the_winning_socket_stays), T(the_easy_side_probes_2048_ports_500_a_second),
	  T(late_probes_are_made_up_for),
	  T(who_was_seen_by_one_alone_waits_for_the_second_attempt),
	  T(ports_in_a_row_are_tried_first),
	  T(two_that_count_predict_each_other), T(beyond_the_last_port_nothing_is_predicted),
	  T(no_birthday_where_it_is_off_or_makes_no_sense),
	  T(no_birthday_at_an_address_that_only_the_peer_names),
	  T(birthdays_are_limited_by_address_and_in_all))
