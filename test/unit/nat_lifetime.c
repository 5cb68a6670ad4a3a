/* How long a NAT keeps a silent mapping: the search against NATs in virtual time that forget after
 * any time, with loss, with helpers that die; and what a helper does for members. */
#include "tap.h"

#include "nat/lifetime.h"

/* --- a NAT, a helper behind the Internet, and us */

static struct world {
	struct instant now;
	struct span flow, stream;    /* until it forgets: at first, and once a flow is 2 s old */
	bool only_outward;           /* what comes in does not count as use */
	struct instant made, dies;   /* the mapping of the socket in question */
	unsigned lose, seed;         /* datagrams of a hundred, each way */
	struct instant helper_ends;
	struct span rtt;
	struct instant arrives;      /* the helper's answer; NEVER: none */
	unsigned sockets, touches, knocks;
} w;

static bool lost(void)
{
	w.seed = w.seed * 1103515245u + 12345u;
	return (w.seed >> 16) % 100 < w.lose;
}

static void use(bool outward)
{
	const bool is_stream = instant_since(w.now, w.made).ns > span_s(2).ns;

	if (outward || !w.only_outward)
		w.dies = instant_add(w.now, is_stream ? w.stream : w.flow);
}

static bool lives(void)
{
	return instant_is_set(w.made) && instant_before(w.now, w.dies);
}

/* The helper sends to the mapping as it last heard of it. */
static void helper_answers(void)
{
	if (lost() || lost() || !instant_before(w.now, w.helper_ends) || !lives())
		return;
	use(false);
	w.arrives = instant_add(w.now, w.rtt);
}

static void act(enum lifetime_do what)
{
	if (what == LIFETIME_FRESH) {
		w.sockets++;
		w.made = w.now;
		w.arrives = INSTANT_NEVER;
	}
	if (what == LIFETIME_KNOCK) {
		w.knocks++;
	} else {
		w.touches++;
		if (!lives())
			w.made = w.now;
		use(true);
	}
	helper_answers();
}

static struct lifetime l;

/* Measures, at most so long; seconds that it took. */
static uint64_t measure(uint16_t most_s, uint64_t patience_s)
{
	const struct instant start = w.now;
	enum lifetime_do what;

	w.arrives = INSTANT_NEVER;
	lifetime_begin(&l, most_s, w.now);
	while (lifetime_measures(&l) && instant_since(w.now, start).ns < span_s(patience_s).ns) {
		while ((what = lifetime_tick(&l, w.now)) != LIFETIME_NOTHING)
			act(what);
		w.now = instant_min(lifetime_deadline(&l), w.arrives);
		if (w.now.ns == UINT64_MAX)
			break;
		if (w.now.ns == w.arrives.ns) {
			w.arrives = INSTANT_NEVER;
			lifetime_heard(&l, w.now);
		}
	}
	return span_in_s(instant_since(w.now, start));
}

static void nat(uint64_t flow_s, uint64_t stream_s)
{
	w = (struct world){ .now = { 1000000000u }, .flow = span_s(flow_s),
			    .stream = span_s(stream_s), .helper_ends = INSTANT_NEVER,
			    .rtt = span_ms(80), .seed = 1, .arrives = INSTANT_NEVER };
	lifetime_init(&l);
}

/* --- the search */

static void the_longest_silence_that_is_survived_is_found(void)
{
	static const struct { uint64_t nat_s; unsigned found; } table[] = {
		{ 1, 0 }, { 5, 0 }, { 10, 8 }, { 15, 8 }, { 20, 18 }, { 27, 18 }, { 30, 28 },
		{ 45, 28 }, { 60, 58 }, { 90, 58 }, { 120, 118 }, { 180, 118 }, { 300, 298 },
		{ 3600, 298 },
	};

	for (unsigned i = 0; i < sizeof(table) / sizeof(*table); i++) {
		nat(table[i].nat_s, table[i].nat_s);
		uint64_t took = measure(UINT16_MAX, 3600);

		ok(l.known);
		eq_int(l.seconds, table[i].found);
		ok(w.sockets <= 3); /* halves each time */
		ok(took < 500);
	}
	nat(10, 10);
	w.only_outward = true;
	measure(UINT16_MAX, 3600);
	eq_int(l.seconds, 8);
}

/* Linux: 30 s at first, 120 s once there was traffic after two seconds. */
static void it_is_the_lifetime_of_a_flow_that_was_used_for_a_while(void)
{
	nat(30, 120);
	measure(UINT16_MAX, 3600);
	eq_int(l.seconds, 118);
}

static void no_more_is_tried_than_asked_for(void)
{
	nat(3600, 3600);
	ok(measure(60, 3600) < 130);
	eq_int(l.seconds, 58);
	nat(3600, 3600);
	measure(7, 10);
	ok(!l.known && !lifetime_measures(&l));
}

static void lost_datagrams_never_make_it_longer_and_rarely_shorter(void)
{
	unsigned right = 0;

	for (unsigned seed = 0; seed < 400; seed++) {
		nat(60, 60);
		w.seed = seed;
		w.lose = 10;
		measure(UINT16_MAX, 3600);
		ok(!l.known || l.seconds <= 58);
		right += l.known && l.seconds == 58;
	}
	ok(right >= 380);
}

static void a_helper_that_goes_away_makes_no_result(void)
{
	for (uint64_t s = 0; s < 60; s++) {
		nat(120, 120);
		w.helper_ends = instant_add(w.now, span_s(s));
		measure(UINT16_MAX, 3600);
		ok(!l.known && !lifetime_measures(&l));
		eq_int(lifetime_keepalive(&l).ns, span_s(20).ns);
	}
	/* What was known before stays so. */
	nat(60, 60);
	measure(UINT16_MAX, 3600);
	w.helper_ends = instant_add(w.now, span_s(10));
	measure(UINT16_MAX, 3600);
	ok(l.known);
	eq_int(l.seconds, 58);
}

static void keepalives_leave_room_for_one_that_is_lost(void)
{
	static const struct { uint16_t seconds; uint64_t every_ms; } table[] = {
		{ 0, 5000 }, { 8, 5000 }, { 18, 10800 }, { 28, 16800 }, { 58, 34800 },
		{ 118, 70800 }, { 298, 120000 },
	};

	lifetime_init(&l);
	eq_int(span_in_ms(lifetime_keepalive(&l)), 20000);
	for (unsigned i = 0; i < sizeof(table) / sizeof(*table); i++) {
		l = (struct lifetime){ .known = true, .seconds = table[i].seconds };
		eq_int(span_in_ms(lifetime_keepalive(&l)), table[i].every_ms);
	}
}

/* --- between members */

static void messages_are_read_whole(void)
{
	uint8_t raw[LIFETIME_ASK_LEN + 1] = { 0 }, id[LIFETIME_ID] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	uint8_t got[LIFETIME_ID];
	static const uint8_t asks[] = { LIFETIME_TYPE_TOUCH, LIFETIME_TYPE_KNOCK };

	for (unsigned i = 0; i < 2; i++) {
		lifetime_encode(asks[i], id, raw);
		ok(lifetime_decode(bytes_of(raw, LIFETIME_ASK_LEN), got));
		eq_mem(got, id, sizeof(id));
		for (size_t len = 0; len <= sizeof(raw); len++)
			ok(lifetime_decode(bytes_of(raw, len), got) == (len == LIFETIME_ASK_LEN));
		raw[31] = 1;
		ok(!lifetime_decode(bytes_of(raw, LIFETIME_ASK_LEN), got));
	}
	lifetime_encode(LIFETIME_TYPE_ANSWER, id, raw);
	for (size_t len = 0; len <= sizeof(raw); len++)
		ok(lifetime_decode(bytes_of(raw, len), got) == (len == LIFETIME_ANSWER_LEN));
	raw[0] = LIFETIME_TYPE_KNOCK + 1;
	ok(!lifetime_decode(bytes_of(raw, LIFETIME_ASK_LEN), got));
	ok(LIFETIME_ANSWER_LEN < LIFETIME_ASK_LEN); /* no answer is longer than its question */
}

static struct endpoint at(uint16_t port)
{
	return (struct endpoint){ .ip = ip_v4(5, 5, 5, 5), .port = port };
}

static void a_knock_is_answered_where_that_member_touched(void)
{
	static struct lifetime_help h;
	const uint8_t id[LIFETIME_ID] = { 7 }, other[LIFETIME_ID] = { 8 };
	struct instant now = { 1000000000u };
	struct endpoint touched = at(1000), to;

	ok(!lifetime_knocked(&h, 0, id, &to, now));
	ok(lifetime_touched(&h, 3, &touched, id, now));
	ok(lifetime_knocked(&h, 3, id, &to, now));
	ok(endpoint_equal(&to, &touched));
	ok(!lifetime_knocked(&h, 3, other, &to, now)); /* of a former trial */
	ok(!lifetime_knocked(&h, 0, id, &to, now));    /* not his */
	ok(!lifetime_knocked(&h, 4, id, &to, now));
	lifetime_forget(&h, 3);
	ok(!lifetime_knocked(&h, 3, id, &to, now));
}

static void who_asks_too_much_gets_no_answers_and_the_table_is_bounded(void)
{
	static struct lifetime_help h;
	const uint8_t id[LIFETIME_ID] = { 7 };
	struct instant now = { 1000000000u };
	struct endpoint touched = at(1000), to;
	unsigned answered = 0;

	for (unsigned i = 0; i < 1000; i++)
		answered += lifetime_touched(&h, 0, &touched, id, now);
	eq_int(answered, 8);
	now = instant_add(now, span_s(2));
	for (unsigned i = 0; i < 1000; i++)
		answered += lifetime_knocked(&h, 0, id, &to, now);
	eq_int(answered, 12);
	/* Others get their place: the oldest gives way, and it alone. */
	for (uint32_t slot = 1; slot <= LIFETIME_HELPED; slot++) {
		now = instant_add(now, span_s(1));
		ok(lifetime_touched(&h, slot, &touched, id, now));
	}
	now = instant_add(now, span_s(9));
	ok(!lifetime_knocked(&h, 0, id, &to, now));
	for (uint32_t slot = 1; slot <= LIFETIME_HELPED; slot++)
		ok(lifetime_knocked(&h, slot, id, &to, now));
}

TAP_TESTS(T(the_longest_silence_that_is_survived_is_found),
      T(it_is_the_lifetime_of_a_flow_that_was_used_for_a_while),
      T(no_more_is_tried_than_asked_for),
      T(lost_datagrams_never_make_it_longer_and_rarely_shorter),
      T(a_helper_that_goes_away_makes_no_result), T(keepalives_leave_room_for_one_that_is_lost),
      T(messages_are_read_whole), T(a_knock_is_answered_where_that_member_touched),
      T(who_asks_too_much_gets_no_answers_and_the_table_is_bounded))
