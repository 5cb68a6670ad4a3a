/* The token buckets in virtual time: burst, refill, who is one source, and a full table. */
#include "tap.h"

#include "base/rng.h"
#include "wg/ratelimit.h"

static const uint8_t hash_key[16] = { 7, 1, 2, 3, 4, 5, 6, 0, 9 };
#define MS(n) ((struct instant){ UINT64_C(1000000) * (n) })

static struct ratelimit *fresh(void)
{
	return ratelimit_init(calloc(1, ratelimit_size()), hash_key);
}

static void five_at_once_then_one_each_50_ms(void)
{
	static const struct {
		uint64_t at_us;
		bool allowed;
	} steps[] = {
		{ 0, true }, { 0, true }, { 0, true }, { 0, true }, { 0, true },
		{ 0, false }, { 49999, false },
		{ 50000, true }, { 50000, false },
		{ 149999, true }, { 149999, false },
		{ 150000, true }, { 150000, false },
		/* full after 250 ms, and never more than full */
		{ 400000, true }, { 400000, true }, { 400000, true }, { 400000, true },
		{ 400000, true }, { 400000, false },
		{ 3600000000, true }, { 3600000000, true }, { 3600000000, true },
		{ 3600000000, true }, { 3600000000, true }, { 3600000000, false },
	};
	static const uint64_t start_s[] = { 0, 1, 1000000 };
	struct ip ip = ip_v4(192, 0, 2, 1);

	for (size_t k = 0; k < 3; k++) {
		struct ratelimit *r = fresh();

		for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
			struct instant now = { start_s[k] * 1000000000 + steps[i].at_us * 1000 };

			if (ratelimit_allow(r, &ip, 0, now) != steps[i].allowed)
				TAP_FAIL("step %zu from second %" PRIu64 " should be %s", i,
					 start_s[k], steps[i].allowed ? "allowed" : "refused");
		}
		free(r);
	}
}

static void refused_ones_cost_nothing(void)
{
	struct ratelimit *r = fresh();
	struct ip ip = ip_v4(192, 0, 2, 1);
	unsigned allowed = 0;

	for (unsigned ms = 0; ms < 10000; ms++)
		allowed += ratelimit_allow(r, &ip, 0, MS(ms));
	eq_int(allowed, 5 + 10000 / 50 - 1);
	free(r);
}

static bool drained(struct ratelimit *r, struct ip ip, struct instant now)
{
	for (unsigned i = 0; i < RATELIMIT_BURST; i++)
		if (!ratelimit_allow(r, &ip, 0, now))
			return false;
	return !ratelimit_allow(r, &ip, 0, now);
}

static void a_source_is_an_ipv4_address_or_an_ipv6_64(void)
{
	struct ratelimit *r = fresh();
	struct ip six = ip_of(FAMILY_IPV6, "\x20\x01\x0d\xb8\0\0\0\1\0\0\0\0\0\0\0\1");
	struct ip same = ip_of(FAMILY_IPV6, "\x20\x01\x0d\xb8\0\0\0\1\xff\0\0\0\0\0\0\2");
	struct ip next = ip_of(FAMILY_IPV6, "\x20\x01\x0d\xb8\0\0\0\2\0\0\0\0\0\0\0\1");
	struct ip four = ip_v4(0x20, 0x01, 0x0d, 0xb8);
	struct ip near = ip_v4(0x20, 0x01, 0x0d, 0xb9);

	ok(drained(r, six, MS(1)));
	ok(!ratelimit_allow(r, &same, 0, MS(1)));
	ok(drained(r, next, MS(1)));
	ok(drained(r, four, MS(1)));
	ok(drained(r, near, MS(1)));
	/* of a relay, each channel */
	ok(ratelimit_allow(r, &near, 0x40000000, MS(1)));
	free(r);
}

/* 100,000 sources a second, one packet each: all served, and the busy one stays limited. */
static void a_flood_of_sources_resets_nobody_and_locks_out_nobody(void)
{
	struct ratelimit *r = fresh();
	struct ip busy = ip_v4(192, 0, 2, 1);
	struct rng rng;
	unsigned busy_allowed = 0, refused = 0;
	const unsigned ms_all = 5000;

	rng_init(&rng, 3);
	for (unsigned ms = 0; ms < ms_all; ms++) {
		for (unsigned i = 0; i < 100; i++) {
			uint32_t a = (uint32_t)rng_u64(&rng);
			struct ip other = ip_of(FAMILY_IPV4, &a);

			refused += !ratelimit_allow(r, &other, 0, MS(ms));
		}
		busy_allowed += ratelimit_allow(r, &busy, 0, MS(ms));
		busy_allowed += ratelimit_allow(r, &busy, 0, MS(ms));
	}
	eq_int(busy_allowed, 5 + ms_all / 50 - 1);
	eq_int(refused, 0);
	free(r);
}

/* A table full of emptied buckets gives way to a newcomer, and recovers with time. */
static void a_full_table_still_takes_newcomers(void)
{
	struct ratelimit *r = fresh();
	unsigned refused = 0;

	for (uint32_t i = 0; i < 4 * RATELIMIT_ENTRIES; i++) {
		struct ip ip = ip_of(FAMILY_IPV4, &i);

		for (unsigned k = 0; k < RATELIMIT_BURST; k++)
			refused += !ratelimit_allow(r, &ip, 0, MS(10));
	}
	eq_int(refused, 0);
	ok(drained(r, ip_v4(203, 0, 113, 5), MS(10)));
	ok(drained(r, ip_v4(203, 0, 113, 5), MS(260)));
	free(r);
}

TAP_TESTS(T(five_at_once_then_one_each_50_ms),
	  T(refused_ones_cost_nothing),
	  T(a_source_is_an_ipv4_address_or_an_ipv6_64),
	  T(a_flood_of_sources_resets_nobody_and_locks_out_nobody),
	  T(a_full_table_still_takes_newcomers))
