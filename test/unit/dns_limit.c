/* How many questions are answered, of whom. */
#include "tap.h"

#include "dns/limit.h"

static struct dns_limit l;
static struct instant now;

static void begin(void)
{
	l = (struct dns_limit){ 0 };
	now = (struct instant){ 1000000000u };
}

static struct ip peer(unsigned i)
{
	return ip_v4(10, 99, (uint8_t)(i >> 8), (uint8_t)i);
}

/* Of so many questions, each a millisecond after the one before. */
static unsigned answered(const struct ip *from, unsigned asked)
{
	unsigned n = 0;

	for (unsigned i = 0; i < asked; i++) {
		now = instant_add(now, span_ms(1));
		n += dns_limit_take(&l, from, now);
	}
	return n;
}

static void a_source_has_a_burst_and_a_rate(void)
{
	const struct ip one = peer(1);

	begin();
	unsigned n = answered(&one, 1000);
	ok(n >= 32 + 19 && n <= 32 + 20);
	n = answered(&one, 10000);
	ok(n >= 199 && n <= 200);
	now = instant_add(now, span_s(10));
	n = answered(&one, 30); /* and the burst again */
	eq_int(n, 30);
}

static void who_asks_without_end_holds_back_no_other(void)
{
	const struct ip loud = peer(1), quiet = peer(2);
	unsigned n = 0;

	begin();
	for (unsigned second = 0; second < 20; second++) {
		(void)answered(&loud, 1000);
		n += dns_limit_take(&l, &quiet, now);
		n += dns_limit_take(&l, NULL, now);
	}
	eq_int(n, 40);
}

static void all_peers_together_have_a_limit_and_this_host_its_own(void)
{
	unsigned n = 0;

	begin();
	for (unsigned ms = 0; ms < 10000; ms++) {
		now = instant_add(now, span_ms(1));
		for (unsigned i = 0; i < 10; i++) {
			const struct ip from = peer(ms * 10 + i); /* new ones all the time */

			n += dns_limit_take(&l, &from, now);
		}
	}
	ok(n >= 256 + 4990 && n <= 256 + 5000);
	eq_int(answered(NULL, 5000), 5000);
	n = 0;
	for (unsigned i = 0; i < 5000; i++)
		n += dns_limit_take(&l, NULL, now);
	ok(n >= 1999 && n <= 2000);
}

/* Sixty-four others, each of which asks once, do not make one forget who asked too much. */
static void who_asked_most_is_remembered_longest(void)
{
	const struct ip loud = peer(1000);

	begin();
	(void)answered(&loud, 100);
	for (unsigned i = 0; i < 100; i++) {
		const struct ip from = peer(i);

		(void)!dns_limit_take(&l, &from, now);
	}
	ok(!dns_limit_take(&l, &loud, now));
}

TAP_TESTS(T(a_source_has_a_burst_and_a_rate), T(who_asks_without_end_holds_back_no_other),
	  T(all_peers_together_have_a_limit_and_this_host_its_own),
	  T(who_asked_most_is_remembered_longest))
