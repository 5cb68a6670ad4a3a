/* Section 6 as a table: an event at second 0, and when each timer is due. */
#include "tap.h"
#include "wg/timers.h"

static const struct instant start = { 1000 * 1000000000ull };

static struct instant after_ms(uint64_t ms)
{
	return instant_add(start, span_ms(ms));
}

/* Milliseconds after the start; -1: off. */
static intmax_t due_ms(const struct timers *t, enum timer which)
{
	if (!timers_is_set(t, which))
		return -1;
	return (intmax_t)(t->due[which].ns - start.ns) / 1000000;
}

static struct timers fresh(uint16_t persistent_s)
{
	struct timers t;

	timers_init(&t);
	t.persistent_s = persistent_s;
	timers_attempt_begins(&t, start);
	return t;
}

enum event {
	DATA_SENT, DATA_RECEIVED, ANY_SENT, ANY_RECEIVED, TRAVERSAL, INITIATED, COMPLETE,
	GAVE_UP, DERIVED,
};

static void happen(struct timers *t, enum event e)
{
	switch (e) {
	case DATA_SENT: timers_data_sent(t, start, span_ms(333)); break;
	case DATA_RECEIVED: timers_data_received(t, start); break;
	case ANY_SENT: timers_any_authenticated_sent(t); break;
	case ANY_RECEIVED: timers_any_authenticated_received(t); break;
	case TRAVERSAL: timers_any_authenticated_traversal(t, start); break;
	case INITIATED: timers_handshake_initiated(t, start, span_ms(333)); break;
	case COMPLETE: timers_handshake_complete(t); break;
	case GAVE_UP: timers_handshake_gave_up(t, start); break;
	case DERIVED: timers_session_derived(t, start); break;
	}
}

static void each_event_sets_its_timer_and_no_other(void)
{
	static const struct {
		enum event event;
		enum timer timer;
		intmax_t ms;
	} rows[] = {
		{ DATA_SENT, TIMER_NEW_HANDSHAKE, 15333 },
		{ DATA_RECEIVED, TIMER_KEEPALIVE, 10000 },
		{ ANY_SENT, TIMERS, 0 },
		{ ANY_RECEIVED, TIMERS, 0 },
		{ TRAVERSAL, TIMER_PERSISTENT, 25000 },
		{ INITIATED, TIMER_RETRANSMIT, 5333 },
		{ COMPLETE, TIMERS, 0 },
		{ GAVE_UP, TIMER_ZERO_KEYS, 540000 },
		{ DERIVED, TIMER_ZERO_KEYS, 540000 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct timers t = fresh(25);

		happen(&t, rows[i].event);
		for (int k = 0; k < TIMERS; k++)
			eq_int(due_ms(&t, k), (int)rows[i].timer == k ? rows[i].ms : -1);
	}
}

static void each_event_ends_the_timers_that_it_answers(void)
{
	static const struct {
		enum event event;
		unsigned int ended; /* bits of enum timer */
	} rows[] = {
		{ DATA_SENT, 0 }, { DATA_RECEIVED, 0 },
		{ ANY_SENT, 1u << TIMER_KEEPALIVE },
		{ ANY_RECEIVED, 1u << TIMER_NEW_HANDSHAKE },
		{ COMPLETE, 1u << TIMER_RETRANSMIT },
		{ GAVE_UP, 1u << TIMER_RETRANSMIT | 1u << TIMER_KEEPALIVE },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct timers t = fresh(25);

		for (int k = 0; k < TIMERS; k++)
			timers_set(&t, k, after_ms(1));
		happen(&t, rows[i].event);
		for (int k = 0; k < TIMERS; k++)
			eq_int(due_ms(&t, k), rows[i].ended >> k & 1 ? -1 : 1);
	}
}

static void more_data_does_not_put_off_the_first_deadline(void)
{
	struct timers t = fresh(0);

	timers_data_sent(&t, after_ms(0), span_ms(0));
	timers_data_sent(&t, after_ms(4000), span_ms(0));
	eq_int(due_ms(&t, TIMER_NEW_HANDSHAKE), 15000);
	timers_data_received(&t, after_ms(0));
	timers_data_received(&t, after_ms(4000));
	eq_int(due_ms(&t, TIMER_KEEPALIVE), 10000);
	eq_int(due_ms(&t, TIMER_PERSISTENT), -1);
}

static void data_after_the_first_asks_for_one_more_keepalive(void)
{
	struct timers t = fresh(0);

	timers_data_received(&t, after_ms(0));
	ok(timers_take(&t, TIMER_KEEPALIVE, after_ms(10000)));
	timers_keepalive_sent(&t, after_ms(10000));
	eq_int(due_ms(&t, TIMER_KEEPALIVE), -1);

	timers_data_received(&t, after_ms(20000));
	timers_data_received(&t, after_ms(21000));
	ok(timers_take(&t, TIMER_KEEPALIVE, after_ms(30000)));
	timers_keepalive_sent(&t, after_ms(30000));
	eq_int(due_ms(&t, TIMER_KEEPALIVE), 40000);
	ok(timers_take(&t, TIMER_KEEPALIVE, after_ms(40000)));
	timers_keepalive_sent(&t, after_ms(40000));
	eq_int(due_ms(&t, TIMER_KEEPALIVE), -1);
}

static void a_timer_is_due_at_its_instant_and_not_before(void)
{
	struct timers t = fresh(0);
	struct instant due = after_ms(7), before = { due.ns - 1 };

	timers_set(&t, TIMER_FLUSH, due);
	ok(!timers_take(&t, TIMER_FLUSH, before));
	ok(timers_take(&t, TIMER_FLUSH, due));
	ok(!timers_take(&t, TIMER_FLUSH, due));
	ok(!timers_take(&t, TIMER_FLUSH, INSTANT_NEVER));
}

static void the_next_is_the_earliest(void)
{
	struct timers t = fresh(0);

	eq_int(timers_next(&t).ns == INSTANT_NEVER.ns, true);
	for (int k = 0; k < TIMERS; k++)
		timers_set(&t, k, after_ms(100u - (unsigned int)k));
	eq_int(timers_next(&t).ns, after_ms(100 - TIMERS + 1).ns);
}

static void an_attempt_ends_after_ninety_seconds_to_the_nanosecond(void)
{
	struct timers t = fresh(0);
	struct instant end = after_ms(90000), before = { end.ns - 1 };

	ok(!timers_attempt_is_over(&t, before));
	ok(timers_attempt_is_over(&t, end));
	timers_handshake_initiated(&t, after_ms(84000), span_ms(333));
	eq_int(due_ms(&t, TIMER_RETRANSMIT), 89333);
	timers_handshake_initiated(&t, after_ms(85000), span_ms(333));
	eq_int(due_ms(&t, TIMER_RETRANSMIT), 90000);
	timers_attempt_begins(&t, after_ms(80000));
	timers_handshake_initiated(&t, after_ms(85000), span_ms(333));
	eq_int(due_ms(&t, TIMER_RETRANSMIT), 90333);
}

static void a_delayed_initiation_does_not_move_one_that_is_due(void)
{
	struct timers t = fresh(0);

	timers_handshake_delayed(&t, INSTANT_NEVER);
	eq_int(due_ms(&t, TIMER_RETRANSMIT), 90000);
	timers_handshake_complete(&t);
	timers_attempt_begins(&t, start);
	timers_handshake_delayed(&t, after_ms(3000));
	timers_handshake_delayed(&t, after_ms(2000));
	eq_int(due_ms(&t, TIMER_RETRANSMIT), 3000);
}

TAP_TESTS(T(each_event_sets_its_timer_and_no_other),
	  T(each_event_ends_the_timers_that_it_answers),
	  T(more_data_does_not_put_off_the_first_deadline),
	  T(data_after_the_first_asks_for_one_more_keepalive),
	  T(a_timer_is_due_at_its_instant_and_not_before),
	  T(the_next_is_the_earliest),
	  T(an_attempt_ends_after_ninety_seconds_to_the_nanosecond),
	  T(a_delayed_initiation_does_not_move_one_that_is_due))
