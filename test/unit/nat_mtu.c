/* How long a packet a path takes: padded probes over a wire that swallows what is longer. */
#include "tap.h"

#include "base/cursor.h"
#include "contexts.h"
#include "nat/path.h"

#define MEMBERS 400u
#define MTU 1420u

static struct paths *p;
static struct random random_state;
static struct instant now;
static struct outbox out;
static uint32_t takes;             /* datagrams up to this length pass */
static bool deaf;                  /* the peer knows no padded probes */
static bool silent;                /* nothing passes */
static unsigned loss_percent;
static unsigned padded, longest, since_mark;
static uint64_t chance;

static struct endpoint at(uint8_t last)
{
	return (struct endpoint){ .ip = ip_v4(192, 0, 2, last), .port = 51821 };
}

static void begin(uint32_t mtu)
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
	paths_set_mtu(p, mtu);
	takes = UINT32_MAX;
	deaf = silent = false;
	loss_percent = 0;
	padded = longest = since_mark = 0;
	chance = 1;
}

static bool lost(void)
{
	chance = chance * 6364136223846793005u + 1442695040888963407u;
	return (chance >> 33) % 100 < loss_percent;
}

static void answer(const struct out *o)
{
	uint8_t reply[PATH_PROBE_LEN] = { PATH_TYPE_ANSWER };

	memcpy(reply + 1, o->data + 1, 8);
	reply[9] = FAMILY_IPV4;
	store_be16(reply + 10, 4000);
	memcpy(reply + 12, ip_v4(198, 51, 100, 1).b, 4);
	if (!lost())
		paths_input(p, now, o->slot, &o->to, bytes_of(reply, sizeof(reply)), 9, true,
			    &out);
}

static void exchange(void)
{
	struct out sent[512];
	uint8_t data[512][PATH_PROBE_LEN];
	unsigned n = 0;

	for (uint32_t i = 0; i < out.count; i++) {
		const struct out *o = &out.items[i];
		if (o->kind != OUT_MESSAGE || o->data[0] != PATH_TYPE_PROBE)
			continue;
		if (o->padded) {
			padded++;
			since_mark++;
			longest = o->padded > longest ? o->padded : longest;
			eq_int(load_be16(o->data + 9), o->padded);
			ok(o->padded >= PATH_PADDED_MIN);
		} else {
			eq_int(load_be16(o->data + 9), 0);
		}
		if (silent || lost() || (o->padded && (deaf || o->padded > takes)))
			continue;
		memcpy(data[n], o->data, PATH_PROBE_LEN);
		sent[n] = *o;
		sent[n].data = data[n];
		n++;
	}
	outbox_clear(&out);
	now = instant_add(now, n ? span_ms(2) : span_ms(0));
	for (unsigned i = 0; i < n; i++)
		answer(&sent[i]);
}

static void run_ms(uint64_t ms)
{
	struct path_fact fact;
	struct instant end = instant_add(now, span_ms(ms));

	while (instant_reached(paths_deadline(p), end) || out.count) {
		if (!out.count && instant_before(now, paths_deadline(p)))
			now = paths_deadline(p);
		if (instant_reached(paths_deadline(p), now))
			paths_tick(p, now, &out);
		exchange();
		while (paths_next_fact(p, &fact))
			;
	}
	if (instant_before(now, end))
		now = end;
}

static void use_for_s(uint32_t slot, unsigned s)
{
	for (unsigned i = 0; i < s * 4; i++) {
		paths_used(p, slot, now);
		run_ms(250);
	}
}

static void claim(uint32_t slot, uint8_t last)
{
	const struct endpoint e = at(last);

	paths_set_candidates(p, slot, &e, 1, now);
}

/* Member 0 with a path. */
static void begin_with_path(uint32_t mtu)
{
	begin(mtu);
	paths_admit(p, 0, now);
	claim(0, 7);
	run_ms(100);
	ok(paths_direct(p, 0));
}

static unsigned measured(uint32_t slot)
{
	struct path_info info;

	paths_info(p, slot, &info);
	return info.mtu;
}

static void a_path_that_takes_all_costs_one_padded_probe_and_has_no_limit(void)
{
	begin_with_path(MTU);
	run_ms(5000);
	eq_int(padded, 0); /* nobody uses it */
	eq_int(measured(0), 0);
	paths_used(p, 0, now);
	run_ms(1000);
	eq_int(padded, 1);
	eq_int(longest, MTU + PATH_SEALED_MORE);
	eq_int(measured(0), MTU);
	eq_int(paths_mtu(p, 0), 0);
	ok(!paths_any_narrow(p));
}

static void every_limit_between_is_found_to_sixteen_bytes(void)
{
	for (uint32_t mtu = 1280; mtu < MTU; mtu++) {
		const uint32_t want = mtu / 16 * 16;

		begin_with_path(MTU);
		takes = mtu + PATH_SEALED_MORE;
		use_for_s(0, 10);
		eq_int(measured(0), want);
		eq_int(paths_mtu(p, 0), want);
		ok(paths_any_narrow(p));
		ok(padded <= 20);
	}
}

static void the_least_holds_at_once_while_the_search_goes_on(void)
{
	begin_with_path(MTU);
	takes = 1400 + PATH_SEALED_MORE;
	paths_used(p, 0, now);
	run_ms(650);
	eq_int(paths_mtu(p, 0), 0); /* nothing is held back on a suspicion */
	run_ms(150);
	ok(paths_mtu(p, 0) >= PATH_MTU_MIN && paths_mtu(p, 0) < 1400);
	use_for_s(0, 10);
	eq_int(paths_mtu(p, 0), 1392);
}

static void a_jumbo_frame_is_looked_for_and_more_is_not(void)
{
	begin_with_path(9000);
	takes = 8192 + PATH_SEALED_MORE;
	use_for_s(0, 30);
	eq_int(paths_mtu(p, 0), 8192);
	begin_with_path(9001);
	use_for_s(0, 5);
	begin_with_path(PATH_MTU_MIN);
	use_for_s(0, 5);
	eq_int(padded, 0);
}

static void a_path_below_the_least_has_the_least(void)
{
	begin_with_path(MTU);
	takes = 1200;
	use_for_s(0, 20);
	eq_int(paths_mtu(p, 0), PATH_MTU_MIN);
	eq_int(measured(0), PATH_MTU_MIN);
}

static void a_peer_that_knows_no_padded_probes_is_left_alone_for_ten_minutes(void)
{
	begin_with_path(MTU);
	deaf = true;
	use_for_s(0, 60);
	eq_int(paths_mtu(p, 0), 0);
	eq_int(measured(0), 0);
	eq_int(padded, 9);
	for (unsigned i = 0; i < 5; i++) { /* not each time that it is used again */
		run_ms(60000);
		use_for_s(0, 2);
	}
	eq_int(padded, 9);
	deaf = false;
	use_for_s(0, 300);
	eq_int(measured(0), MTU);
}

static void a_hole_that_opens_is_found_within_twenty_seconds_of_use(void)
{
	begin_with_path(MTU);
	use_for_s(0, 30);
	eq_int(measured(0), MTU);
	takes = 1300 + PATH_SEALED_MORE;
	use_for_s(0, 20);
	eq_int(paths_mtu(p, 0), 1296);
}

static void what_takes_more_again_is_used_again(void)
{
	begin_with_path(MTU);
	takes = 1300 + PATH_SEALED_MORE;
	use_for_s(0, 30);
	eq_int(paths_mtu(p, 0), 1296);
	takes = 1350 + PATH_SEALED_MORE;
	use_for_s(0, 60);
	eq_int(paths_mtu(p, 0), 1344);
	takes = UINT32_MAX;
	use_for_s(0, 180);
	eq_int(paths_mtu(p, 0), 0);
	eq_int(measured(0), MTU);
	ok(!paths_any_narrow(p));
}

static void a_path_whose_limit_stays_is_asked_more_and_more_rarely(void)
{
	begin_with_path(MTU);
	takes = 1300 + PATH_SEALED_MORE;
	use_for_s(0, 3600);
	eq_int(paths_mtu(p, 0), 1296);
	/* Four a minute, and a search of up to twelve in some ten minutes. */
	since_mark = 0;
	use_for_s(0, 3600);
	ok(since_mark > 200 && since_mark < 240 + 7 * 13);
}

static void a_path_that_is_not_used_is_not_measured(void)
{
	begin_with_path(MTU);
	use_for_s(0, 5);
	run_ms(20000);
	since_mark = 0;
	run_ms(3600000);
	eq_int(since_mark, 0);
	paths_used(p, 0, now);
	run_ms(300);
	eq_int(since_mark, 1);
}

static void loss_makes_no_limit(void)
{
	for (unsigned seed = 1; seed <= 20; seed++) {
		begin_with_path(MTU);
		chance = seed;
		loss_percent = 10;
		use_for_s(0, 300);
		eq_int(paths_mtu(p, 0), 0);
	}
}

static void silence_of_the_path_is_no_limit_of_it(void)
{
	begin_with_path(MTU);
	use_for_s(0, 5);
	silent = true;
	use_for_s(0, 30);
	eq_int(paths_mtu(p, 0), 0);
	ok(!paths_direct(p, 0));
	silent = false;
	use_for_s(0, 30);
	eq_int(measured(0), MTU);
}

static void another_path_is_measured_anew(void)
{
	struct endpoint both[2] = { at(7), at(8) };

	begin_with_path(MTU);
	takes = 1300 + PATH_SEALED_MORE;
	use_for_s(0, 10);
	eq_int(paths_mtu(p, 0), 1296);
	silent = true;
	run_ms(60000);
	silent = false;
	takes = UINT32_MAX;
	paths_set_candidates(p, 0, both, 2, now);
	run_ms(1000);
	eq_int(paths_mtu(p, 0), 0);
	use_for_s(0, 2);
	eq_int(measured(0), MTU);
}

static void a_member_that_goes_leaves_no_limit(void)
{
	begin_with_path(MTU);
	takes = 1300 + PATH_SEALED_MORE;
	use_for_s(0, 10);
	ok(paths_any_narrow(p));
	paths_forget(p, 0);
	ok(!paths_any_narrow(p));
}

/* Padded probes are the longest that this room has sent: fifty a second, whoever uses how many. */
static void many_at_once_are_paced(void)
{
	begin(MTU);
	for (uint32_t slot = 0; slot < MEMBERS; slot++) {
		paths_admit(p, slot, now);
		claim(slot, (uint8_t)(1 + slot % 250));
		paths_wanted(p, slot, now);
		run_ms(300);
	}
	since_mark = 0;
	for (uint32_t slot = 0; slot < MEMBERS; slot++)
		paths_used(p, slot, now);
	run_ms(1000);
	ok(since_mark > 40 && since_mark <= 16 + 51);
	for (unsigned i = 0; i < 10; i++) {
		for (uint32_t slot = 0; slot < MEMBERS; slot++)
			paths_used(p, slot, now);
		run_ms(1000);
	}
	for (uint32_t slot = 0; slot < MEMBERS; slot++)
		eq_int(measured(slot), MTU);
}

static unsigned answers_to(uint16_t said, size_t len, uint8_t type, bool fresh)
{
	const struct endpoint from = at(7);
	uint8_t probe[PATH_PROBE_LEN] = { type, 1, 2, 3 };

	store_be16(probe + 9, said);
	outbox_clear(&out);
	paths_padded(p, now, 0, &from, bytes_of(probe, sizeof(probe)), 9, fresh, len, &out);
	for (uint32_t i = 0; i < out.count; i++) {
		eq_int(out.items[i].len, PATH_PROBE_LEN);
		eq_int(out.items[i].data[0], PATH_TYPE_ANSWER);
		eq_mem(out.items[i].data + 1, probe + 1, 8);
		ok(endpoint_equal(&out.items[i].to, &from));
	}
	return out.count;
}

static void only_a_probe_that_came_whole_is_answered(void)
{
	const struct endpoint from = at(7);
	uint8_t probe[PATH_PROBE_LEN] = { PATH_TYPE_PROBE };

	begin_with_path(MTU);
	eq_int(answers_to(1452, 1452, PATH_TYPE_PROBE, true), 1);
	eq_int(answers_to(1452, 1452, PATH_TYPE_PROBE, false), 1);
	eq_int(answers_to(1452, 1451, PATH_TYPE_PROBE, true), 0);
	eq_int(answers_to(1452, 1453, PATH_TYPE_PROBE, true), 0);
	eq_int(answers_to(1452, 1452, PATH_TYPE_ANSWER, true), 0);
	eq_int(answers_to(1452, 1452, PATH_TYPE_HERE, true), 0);
	/* Without its padding it is no probe of another kind, either. */
	store_be16(probe + 9, 1452);
	outbox_clear(&out);
	ok(!paths_input(p, now, 0, &from, bytes_of(probe, sizeof(probe)), 9, true, &out));
	eq_int(out.count, 0);
	/* A burst, and then as many as of other probes. */
	unsigned n = 0;
	for (unsigned i = 0; i < 100; i++)
		n += answers_to(1452, 1452, PATH_TYPE_PROBE, true);
	ok(n <= 20);
}

static void a_ping_is_a_probe_of_its_own(void)
{
	struct span rtt;
	uint32_t ping, last = 0;

	begin_with_path(MTU);
	run_ms(300000);
	ping = paths_ping(p, 0, now);
	eq_int(paths_pinged(p, ping, &rtt), PING_WAITS);
	run_ms(100);
	eq_int(paths_pinged(p, ping, &rtt), PING_ANSWERED);
	eq_int((intmax_t)rtt.ns, (intmax_t)span_ms(2).ns);
	paths_ping_end(p, ping);
	/* Nothing passes: three seconds, and no more. */
	silent = true;
	ping = paths_ping(p, 0, now);
	run_ms(2900);
	eq_int(paths_pinged(p, ping, &rtt), PING_WAITS);
	run_ms(200);
	eq_int(paths_pinged(p, ping, &rtt), PING_SILENT);
	paths_ping_end(p, ping);
	/* There is no path yet, and then there is. */
	paths_admit(p, 1, now);
	ping = paths_ping(p, 1, now);
	run_ms(500);
	silent = false;
	claim(1, 9);
	run_ms(1000);
	eq_int(paths_pinged(p, ping, &rtt), PING_ANSWERED);
	/* Places are few, and come back; those that nobody asks about, too. */
	for (unsigned i = 0; i < PATH_PINGS - 1; i++)
		ok((last = paths_ping(p, 0, now)) != PATH_NO_PING);
	eq_int(paths_ping(p, 0, now), PATH_NO_PING);
	paths_ping_end(p, last);
	ok(paths_ping(p, 0, now) != PATH_NO_PING);
	run_ms(14000);
	ok(paths_ping(p, 0, now) != PATH_NO_PING);
	/* Of who is let in no more nothing comes. */
	ping = paths_ping(p, 0, now);
	paths_forget(p, 0);
	eq_int(paths_pinged(p, ping, &rtt), PING_SILENT);
}

TAP_TESTS(T(a_ping_is_a_probe_of_its_own),
	  T(a_path_that_takes_all_costs_one_padded_probe_and_has_no_limit),
	  T(every_limit_between_is_found_to_sixteen_bytes),
	  T(the_least_holds_at_once_while_the_search_goes_on),
	  T(a_jumbo_frame_is_looked_for_and_more_is_not),
	  T(a_path_below_the_least_has_the_least),
	  T(a_peer_that_knows_no_padded_probes_is_left_alone_for_ten_minutes),
	  T(a_hole_that_opens_is_found_within_twenty_seconds_of_use),
	  T(what_takes_more_again_is_used_again),
	  T(a_path_whose_limit_stays_is_asked_more_and_more_rarely),
	  T(a_path_that_is_not_used_is_not_measured), T(loss_makes_no_limit),
	  T(silence_of_the_path_is_no_limit_of_it), T(another_path_is_measured_anew),
	  T(a_member_that_goes_leaves_no_limit), T(many_at_once_are_paced),
	  T(only_a_probe_that_came_whole_is_answered))
