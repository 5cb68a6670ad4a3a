/* First contact: whom we ask, how often, and when we stop. */
#include "org_world.h"

static struct person a;
static const struct public_key mark = { { 1 } };

static void start(void)
{
	person_start(&a, 1);
	introduce_marks(a.x, &mark, 1, false, at_ms(0));
}

/* Hellos of one tick, all to targets of address_of. */
static unsigned hellos(uint64_t ms, unsigned *by_target)
{
	unsigned n;

	introduce_tick(a.x, at_ms(ms), emptied());
	n = box.out.count;
	for (unsigned i = 0; i < n; i++) {
		ok(box.items[i].data[0] == 0xe2 && box.items[i].kind == OUT_DATAGRAM);
		if (by_target)
			by_target[box.items[i].to.ip.b[3]]++;
	}
	ok(!box.out.refused);
	return n;
}

/* To the next deadline, from which something is sent. */
static uint64_t next_hello(uint64_t ms)
{
	for (unsigned turns = 0; turns < 10; turns++) {
		struct instant next = introduce_deadline(a.x);

		if (next.ns == UINT64_MAX)
			break;
		if (instant_before(at_ms(ms), next))
			ms = (next.ns - at_ms(0).ns + 999999) / 1000000;
		if (hellos(ms, NULL))
			return ms;
	}
	return UINT64_MAX;
}

static void a_target_is_asked_less_and_less(void)
{
	struct endpoint to = endpoint_v4(7, 51821);
	uint64_t last = 0, now, most = 0;
	unsigned count = 1;

	start();
	ok(introduce_add_target(a.x, &to, at_ms(0)));
	eq_int(hellos(0, NULL), 1);
	for (; last < 86400000; last = now, count++) {
		uint64_t least = last / 8 < 1000 ? 1000 : last / 8 > 600000 ? 600000 : last / 8;

		now = next_hello(last + 1);
		if (now < last + least || now > last + least + least / 8 + 1)
			TAP_FAIL("from %" PRIu64 " to %" PRIu64, last, now);
		if (now - last > most)
			most = now - last;
	}
	ok(most > 600000 && most <= 675001);
	ok(count > 130 && count < 200);
	person_stop(&a);
}

static void targets_share_fifty_a_second(void)
{
	static uint64_t sent[100000];
	unsigned by_target[256] = { 0 }, n = 0;
	struct endpoint to;

	start();
	for (unsigned i = 0; i < INTRODUCE_TARGETS; i++) {
		to = endpoint_v4((uint8_t)i, 51821);
		ok(introduce_add_target(a.x, &to, at_ms(0)));
		ok(introduce_add_target(a.x, &to, at_ms(0))); /* it is there */
	}
	to = endpoint_v4(200, 51821);
	ok(!introduce_add_target(a.x, &to, at_ms(0)));
	eq_int(hellos(0, by_target), 50);
	for (unsigned i = 0; i < 50; i++)
		sent[n++] = 0;
	ok(introduce_deadline(a.x).ns == at_ms(1000).ns);
	for (uint64_t ms = 1; ms < 20000; ms++) {
		unsigned k = hellos(ms, by_target);

		while (k--)
			sent[n++] = ms;
		if (ms == 3000) /* each of them within three seconds */
			for (unsigned i = 0; i < INTRODUCE_TARGETS; i++)
				ok(by_target[i] > 0);
	}
	ok(n > 500);
	for (unsigned i = 50; i < n; i++)
		ok(sent[i] - sent[i - 50] >= 1000);
	for (unsigned i = 0; i < INTRODUCE_TARGETS; i++)
		ok(by_target[i] > 3);
	person_stop(&a);
}

static void only_addresses_of_somebody_are_asked(void)
{
	struct endpoint bad[] = {
		{ .port = 1 }, endpoint_v4(1, 0), { .ip = ip_v4(224, 0, 0, 1), .port = 1 },
		{ .ip = ip_v4(0, 0, 0, 1), .port = 1 },
	};

	start();
	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		ok(!introduce_add_target(a.x, &bad[i], at_ms(0)));
	introduce_target_known(a.x, &bad[1]);
	introduce_target_lost(a.x, &bad[1], at_ms(0));
	eq_int(hellos(0, NULL), 0);
	ok(introduce_deadline(a.x).ns == UINT64_MAX);
	person_stop(&a);
}

static void who_is_known_is_not_asked(void)
{
	struct endpoint to = endpoint_v4(7, 51821), other = endpoint_v4(8, 51821);
	unsigned by_target[256] = { 0 };

	start();
	ok(introduce_add_target(a.x, &to, at_ms(0)));
	ok(introduce_add_target(a.x, &other, at_ms(0)));
	introduce_target_known(a.x, &to);
	for (uint64_t ms = 0; ms < 100000; ms += 100)
		hellos(ms, by_target);
	ok(!by_target[7] && by_target[8] > 10);
	introduce_target_known(a.x, &other);
	ok(introduce_deadline(a.x).ns == UINT64_MAX);
	introduce_target_lost(a.x, &to, at_ms(100000));
	ok(introduce_deadline(a.x).ns <= at_ms(100000).ns);
	eq_int(hellos(100000, by_target), 1);
	eq_int(by_target[7], 1);
	/* and as often as one that is new */
	eq_int(hellos(101200, by_target), 1);
	introduce_target_lost(a.x, &to, at_ms(101201)); /* of one that was not known: nothing */
	eq_int(hellos(101201, by_target), 0);
	person_stop(&a);
}

/* What could change the answer makes us ask at once. */
static void other_marks_and_papers_ask_anew(void)
{
	struct public_key marks[3] = { { { 1 } }, { { 2 } }, { { 3 } } };
	struct endpoint to = endpoint_v4(7, 51821), known = endpoint_v4(8, 51821);
	struct certificate c;
	struct statement v;
	struct person org;
	struct datagram first, again;

	start();
	key_start(&org, 50);
	ok(introduce_add_target(a.x, &to, at_ms(0)));
	ok(introduce_add_target(a.x, &known, at_ms(0)));
	introduce_target_known(a.x, &known);
	first = tick(&a, at_ms(0));
	eq_int(first.len, 161);
#define ASKED(ms) (again = tick(&a, at_ms(ms)), again.len != 0)
	introduce_marks(a.x, marks, 1, false, at_ms(10));
	ok(!ASKED(10));
	introduce_marks(a.x, marks, 3, false, at_ms(20));
	ok(ASKED(20));
	ok(memcmp(first.b + 1, again.b + 1, 32) != 0);
	introduce_marks(a.x, (struct public_key[]){ marks[2], marks[0], marks[1] }, 3, false,
			at_ms(30));
	ok(!ASKED(30));
	introduce_marks(a.x, marks, 3, true, at_ms(40));
	ok(ASKED(40));
	introduce_marks(a.x, NULL, 0, false, at_ms(50));
	ok(!ASKED(50) && introduce_deadline(a.x).ns == UINT64_MAX);
	introduce_marks(a.x, marks, 1, false, at_ms(60));
	ok(ASKED(60));

	c = certificate_of(&org, &a);
	v = vouch_of(&org, &a);
	introduce_papers(a.x, &c, 1, NULL, 0, at_ms(70));
	ok(ASKED(70));
	introduce_papers(a.x, &c, 1, NULL, 0, at_ms(80));
	ok(!ASKED(80));
	introduce_papers(a.x, &c, 1, &v, 1, at_ms(90));
	ok(ASKED(90));
	introduce_papers(a.x, NULL, 0, NULL, 0, at_ms(100));
	ok(ASKED(100));
	introduce_papers(a.x, NULL, 0, NULL, 0, at_ms(110));
	ok(!ASKED(110));
	person_stop(&a);
}

/* The same hello for 15 seconds, so that a slow answer finds its question. */
static void a_hello_is_sent_again_as_it_was(void)
{
	struct datagram first, again, welcome;
	struct meeting m;
	unsigned same = 0;

	meeting_start(&m);
	introduce_marks(m.a.x, &mark, 1, true, at_ms(0));
	introduce_marks(m.b.x, &mark, 1, true, at_ms(0));
	first = tick(&m.a, at_ms(0));
	for (uint64_t ms = 100; ms < 15000; ms += 100) {
		again = tick(&m.a, at_ms(ms));
		if (!again.len)
			continue;
		same++;
		eq_int(again.len, first.len);
		eq_mem(again.b, first.b, first.len);
	}
	ok(same >= 9);
	welcome = answer(&m.b, at_ms(500), &m.a.at, &first);
	for (uint64_t ms = 15000; !(again = tick(&m.a, at_ms(ms))).len;)
		ms += 100;
	ok(memcmp(again.b + 1, first.b + 1, 32) != 0);
	nothing_comes_of(&m.a, at_ms(18000), &m.b.at, &welcome);
	meeting_stop(&m);
}

/* Each way takes four seconds; the hello is sent again meanwhile, and answered each time. */
static void a_slow_way_is_a_way(void)
{
	struct datagram d;
	struct meeting m;

	meeting_start(&m);
	introduce_marks(m.a.x, &mark, 1, true, at_ms(0));
	introduce_marks(m.b.x, &mark, 1, true, at_ms(0));
	m.hello = tick(&m.a, at_ms(0));
	for (uint64_t ms = 100; ms < 8000; ms += 100)
		(void)tick(&m.a, at_ms(ms));
	m.welcome = answer(&m.b, at_ms(4000), &m.a.at, &m.hello);
	m.introduction = answer(&m.a, at_ms(8000), &m.b.at, &m.welcome);
	eq_int(m.introduction.len, MAX_DATAGRAM);
	/* no hello while an accept may come */
	for (uint64_t ms = 8000; ms < 13000; ms += 100) {
		d = tick(&m.a, at_ms(ms));
		ok(!d.len);
	}
	ok(feed(&m.b, at_ms(12000), &m.a.at, &m.introduction, &m.of_a));
	introduce_accept(m.b.x, &m.of_a, emptied());
	m.accept = only();
	ok(feed(&m.a, at_ms(12900), &m.b.at, &m.accept, &m.of_b));
	/* then the node has a minute for its verdict */
	for (uint64_t ms = 12900; ms < 72900; ms += 100) {
		d = tick(&m.a, at_ms(ms));
		ok(!d.len);
	}
	d = tick(&m.a, at_ms(72900));
	eq_int(d.len, 161);
	meeting_stop(&m);
}

/* Lost on the way: any of the four; asked again until they meet. */
static void what_is_lost_is_made_good(void)
{
	for (unsigned lost = 0; lost < 4; lost++) {
		struct meeting m;
		bool good = false;

		meeting_start(&m);
		introduce_marks(m.a.x, &mark, 1, true, at_ms(0));
		introduce_marks(m.b.x, &mark, 1, true, at_ms(0));
		switch (lost) {
		case 0: m.hello = tick(&m.a, at_ms(0)); break;
		case 1: ok(meet_welcome(&m, at_ms(0))); break;
		case 2: ok(meet_introduction(&m, at_ms(0))); break;
		case 3: ok(meet_accept(&m, at_ms(0))); break;
		}
		for (uint64_t ms = 100; ms < 7000 && !good; ms += 100)
			good = meet(&m, at_ms(ms));
		ok(good);
		eq_mem(&m.of_a.key, &m.a.pk, 32);
		eq_mem(&m.of_b.key, &m.b.pk, 32);
		meeting_stop(&m);
	}
}

static void a_full_outbox_loses_nothing_but_time(void)
{
	static uint8_t small[1400];
	struct outbox out;
	struct out items[4];
	static struct introduced who;
	struct meeting m;

	meeting_start(&m);
	introduce_marks(m.a.x, &mark, 1, true, at_ms(0));
	introduce_marks(m.b.x, &mark, 1, true, at_ms(0));
	outbox_init(&out, items, 4, small, 100);
	introduce_tick(m.a.x, at_ms(0), &out);
	eq_int(out.count, 0);
	ok(introduce_deadline(m.a.x).ns <= at_ms(0).ns);
	m.hello = tick(&m.a, at_ms(0));
	ok(!introduce_input(m.b.x, at_ms(0), &m.a.at, bytes_of(m.hello.b, 161), &who, &out));
	eq_int(introduce_counters(m.b.x)->drop_no_room, 1);
	m.welcome = answer(&m.b, at_ms(0), &m.a.at, &m.hello);
	ok(!introduce_input(m.a.x, at_ms(0), &m.b.at, bytes_of(m.welcome.b, 161), &who, &out));
	eq_int(introduce_counters(m.a.x)->drop_no_room, 1);
	eq_int(out.count, 0);
	m.introduction = answer(&m.a, at_ms(0), &m.b.at, &m.welcome);
	ok(feed(&m.b, at_ms(0), &m.a.at, &m.introduction, &m.of_a));
	introduce_accept(m.b.x, &m.of_a, &out);
	eq_int(out.count, 0);
	eq_int(introduce_counters(m.b.x)->accepts_sent, 0);
	meeting_stop(&m);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		T(a_target_is_asked_less_and_less),
		T(targets_share_fifty_a_second),
		T(only_addresses_of_somebody_are_asked),
		T(who_is_known_is_not_asked),
		T(other_marks_and_papers_ask_anew),
		T(a_hello_is_sent_again_as_it_was),
		T(a_slow_way_is_a_way),
		T(what_is_lost_is_made_good),
		T(a_full_outbox_loses_nothing_but_time),
	};

	test_crypto();
	return tap_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
