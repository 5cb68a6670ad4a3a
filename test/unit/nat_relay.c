/* The relay as a room: what it keeps, for whom it sends, and what its limits are. */
#include "tap.h"

#include "base/cursor.h"
#include "contexts.h"
#include "nat/relay.h"
#include "nat/relayed.h"

#define MEMBERS 600u

static struct relay *r;
static struct random random_state;
static struct instant now;
static struct outbox out;

static struct relay_end end_of(uint8_t slot)
{
	struct relay_end e = { .slot = slot, .key = { { slot } } };

	e.at = (struct endpoint){ .ip = ip_v4(192, 0, 2, slot), .port = 51821 };
	return e;
}

static const struct endpoint *at_of(uint8_t slot)
{
	static struct relay_end e;

	e = end_of(slot);
	return &e.at;
}

static void begin(const struct relay_config *wanted)
{
	static struct out items[512];
	static uint8_t arena[1u << 20];
	static void *memory;
	const uint8_t entropy[32] = { 1 };
	struct relay_config config = *wanted;

	test_crypto();
	free(memory);
	memory = calloc(1, relay_size(MEMBERS, config.sessions));
	random_init(&random_state, entropy);
	outbox_init(&out, items, 512, arena, sizeof(arena));
	now = (struct instant){ 1000000000000u };
	config.random = &random_state;
	config.members = MEMBERS;
	r = relay_init(memory, &config, now);
	relay_set_willing(r, true);
}

static void wait_ms(uint64_t ms)
{
	now = instant_add(now, span_ms(ms));
	relay_tick(r, now);
}

/* The newest message to that member; false: none. Empties nothing. */
static bool told(uint8_t slot, struct relay_message *m)
{
	for (uint32_t i = out.count; i-- > 0;)
		if (out.items[i].kind == OUT_MESSAGE && out.items[i].slot == slot)
			return relay_decode(bytes_of(out.items[i].data, out.items[i].len), m);
	return false;
}

static void ask(uint8_t a, uint8_t b)
{
	struct relay_end from = end_of(a), to = end_of(b);

	relay_open(r, now, &from, &to, true, &out);
}

static void bind_as(const struct relay_end *from, uint8_t b, const struct relay_message *offer)
{
	struct relay_end to = end_of(b);
	struct relay_message m = *offer;

	m.type = RELAY_TYPE_BIND;
	relay_bind(r, now, from, &to, &m, &out);
}

static void bind(uint8_t a, uint8_t b, const struct relay_message *offer)
{
	struct relay_end from = end_of(a);

	bind_as(&from, b, offer);
}

/* A channel between the two; its number. */
static uint32_t join(uint8_t a, uint8_t b)
{
	struct relay_message for_a = { 0 }, for_b = { 0 };

	outbox_clear(&out);
	ask(a, b);
	ok(told(a, &for_a) && told(b, &for_b));
	ok(for_a.type == RELAY_TYPE_OFFER && for_a.channel == for_b.channel);
	bind(a, b, &for_a);
	bind(b, a, &for_b);
	ok(told(a, &for_a) && told(b, &for_b));
	ok(for_a.type == RELAY_TYPE_BOUND && for_a.state == RELAY_BOTH);
	ok(for_b.type == RELAY_TYPE_BOUND && for_b.state == RELAY_BOTH);
	outbox_clear(&out);
	return for_a.channel;
}

/* Where a frame of so many bytes goes that comes from there; port 0: nowhere. */
static struct endpoint sent_to(const struct endpoint *from, uint32_t channel, size_t len)
{
	static uint8_t frame[4096];

	memset(frame, 0xab, sizeof(frame));
	store_be32(frame, channel);
	outbox_clear(&out);
	(void)relay_forward(r, now, from, bytes_of(frame, len), 1, &out);
	if (!out.count)
		return (struct endpoint){ 0 };
	eq_int(out.count, 1);
	eq_int(out.items[0].len, len); /* never larger than received */
	eq_mem(out.items[0].data, frame, len);
	eq_int(out.items[0].ecn, 1);
	return out.items[0].to;
}

static bool passes(uint8_t a, uint8_t b, uint32_t channel, size_t len)
{
	struct relay_end from = end_of(a), to = end_of(b);
	struct endpoint at = sent_to(&from.at, channel, len);

	return endpoint_equal(&at, &to.at);
}

static void nothing_is_kept_before_a_cookie_returns(void)
{
	begin(&(struct relay_config){ 0 });
	for (unsigned i = 0; i < 60; i++)
		ask(1, (uint8_t)(2 + i));
	eq_int(relay_channels(r), 0);
	eq_int(relay_deadline(r).ns, UINT64_MAX);
	/* one message for each end, as long as the question */
	eq_int(out.count, 120);
	for (uint32_t i = 0; i < out.count; i++)
		eq_int(out.items[i].len, RELAY_LEN);
}

static void two_ends_are_joined_and_nobody_else(void)
{
	begin(&(struct relay_config){ 0 });
	const uint32_t channel = join(1, 2), other = join(3, 4);
	struct relay_end third = end_of(9), moved = end_of(1);

	ok(channel != other);
	ok(channel >= RELAY_CHANNEL_FIRST && channel <= RELAY_CHANNEL_LAST);
	ok(passes(1, 2, channel, 100) && passes(2, 1, channel, 1500));
	ok(passes(3, 4, other, 100) && passes(4, 3, other, 100));
	ok(!sent_to(&third.at, channel, 100).port);
	ok(!sent_to(at_of(3), channel, 100).port);
	moved.at.port++;
	ok(!sent_to(&moved.at, channel, 100).port);
	moved = end_of(1);
	moved.at.channel = channel; /* it came through another relay */
	ok(!sent_to(&moved.at, channel, 100).port);
	eq_int(relay_counters(r)->drop_address, 4);
	ok(!relay_forward(r, now, at_of(1), bytes_of("\x40\0\0\0\4", 5), 0, &out));
}

static void a_cookie_is_good_for_its_address_end_and_channel_alone(void)
{
	struct relay_message for_1 = { 0 }, for_2 = { 0 }, m;
	struct relay_end end = end_of(1);

	begin(&(struct relay_config){ 0 });
	ask(1, 2);
	ok(told(1, &for_1) && told(2, &for_2));
	end.at.port++;
	bind_as(&end, 2, &for_1);
	end = end_of(1);
	end.at.ip.b[0]++;
	bind_as(&end, 2, &for_1);
	end = end_of(3); /* another member, from the address of the first */
	end.at = end_of(1).at;
	bind_as(&end, 2, &for_1);
	bind(1, 2, &for_2);
	bind(1, 3, &for_1);
	m = for_1;
	m.channel ^= 1;
	bind(1, 2, &m);
	for (unsigned bit = 0; bit < 8 * RELAY_COOKIE; bit++) {
		m = for_1;
		m.cookie[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (bit % 16 == 0)
			wait_ms(1000); /* within the limit of what it may ask */
		bind(1, 2, &m);
	}
	eq_int(relay_channels(r), 0);
	eq_int(relay_counters(r)->bound, 0);
	bind(1, 2, &for_1);
	eq_int(relay_channels(r), 1);
}

static void a_bind_that_is_replayed_later_binds_nothing(void)
{
	struct relay_message for_1 = { 0 }, for_2 = { 0 };

	begin(&(struct relay_config){ 0 });
	ask(1, 2);
	ok(told(1, &for_1) && told(2, &for_2));
	wait_ms(121000);
	ask(3, 4); /* a new secret is drawn */
	bind(1, 2, &for_1);
	eq_int(relay_channels(r), 0);
	eq_int(relay_counters(r)->drop_cookie, 1);
	/* after 59 seconds it is good, and after the next change of the secret */
	ask(1, 2);
	ok(told(1, &for_1));
	wait_ms(61000);
	ask(3, 4);
	bind(1, 2, &for_1);
	eq_int(relay_channels(r), 1);
}

static void an_end_that_moves_takes_its_channel_along(void)
{
	struct relay_message m = { 0 };
	struct relay_end moved = end_of(1), other = end_of(2);

	begin(&(struct relay_config){ 0 });
	const uint32_t channel = join(1, 2);
	wait_ms(100000); /* and another secret */
	moved.at.ip = ip_v4(203, 0, 113, 1);
	relay_open(r, now, &moved, &other, true, &out);
	ok(told(1, &m));
	eq_int(m.channel, channel);
	bind_as(&moved, 2, &m);
	struct endpoint at = sent_to(&moved.at, channel, 99);
	ok(endpoint_equal(&at, &other.at));
	at = sent_to(&other.at, channel, 99);
	ok(endpoint_equal(&at, &moved.at));
	ok(!sent_to(at_of(1), channel, 99).port);
	eq_int(relay_channels(r), 1);
}

static void refused(uint8_t slot, enum relay_state state)
{
	struct relay_message m = { 0 };

	ok(told(slot, &m));
	eq_int(m.type, RELAY_TYPE_BOUND);
	eq_int(m.state, state);
	eq_int(m.channel, 0);
	outbox_clear(&out);
}

static void who_gets_no_channel_is_told_why(void)
{
	struct relay_end a = end_of(1), b = end_of(2);

	begin(&(struct relay_config){ 0 });
	relay_open(r, now, &a, &b, false, &out);
	refused(1, RELAY_REFUSED_PEER);
	relay_open(r, now, &a, &a, true, &out);
	refused(1, RELAY_REFUSED_PEER);
	b.at.channel = RELAY_CHANNEL_FIRST; /* reached through another relay */
	relay_open(r, now, &a, &b, true, &out);
	refused(1, RELAY_REFUSED_PEER);
	a.at.channel = RELAY_CHANNEL_FIRST; /* asks through another relay: no answer at all */
	relay_open(r, now, &a, &b, true, &out);
	eq_int(out.count, 0);
	relay_set_willing(r, false);
	ask(1, 2);
	refused(1, RELAY_REFUSED_OFF);
}

static void a_channel_ends_with_its_time_or_its_members(void)
{
	struct relay_message m = { 0 };

	begin(&(struct relay_config){ 0 });
	uint32_t channel = join(1, 2);
	wait_ms(299000);
	ok(passes(1, 2, channel, 50));
	wait_ms(299000);
	ok(passes(1, 2, channel, 50));
	wait_ms(300000);
	eq_int(relay_channels(r), 0);
	ok(!passes(1, 2, channel, 50));
	ask(1, 2); /* one end alone has half a minute */
	ok(told(1, &m));
	bind(1, 2, &m);
	ok(!passes(1, 2, m.channel, 50));
	eq_int(relay_counters(r)->drop_unbound, 1);
	wait_ms(29000);
	eq_int(relay_channels(r), 1);
	wait_ms(1000);
	eq_int(relay_channels(r), 0);
	channel = join(1, 2);
	(void)join(3, 4);
	relay_forget(r, 2);
	eq_int(relay_channels(r), 1);
	ok(!passes(1, 2, channel, 50));
	relay_set_willing(r, false);
	eq_int(relay_channels(r), 0);
}

static void the_table_is_full_and_gives_way_to_who_comes_after_a_minute(void)
{
	struct relay_message m = { 0 };

	begin(&(struct relay_config){ .sessions = 3 });
	const uint32_t first = join(1, 2);
	wait_ms(1000);
	for (uint8_t i = 0; i < 2; i++)
		(void)join((uint8_t)(10 + 2 * i), (uint8_t)(11 + 2 * i));
	ask(30, 31);
	ok(told(30, &m));
	bind(30, 31, &m);
	refused(30, RELAY_REFUSED_FULL);
	wait_ms(59500);
	(void)join(30, 31);
	eq_int(relay_channels(r), 3);
	ok(!passes(1, 2, first, 50));
}

static void one_member_does_not_take_all_channels(void)
{
	struct relay_message m = { 0 };

	begin(&(struct relay_config){ .sessions = 8 });
	for (uint8_t i = 0; i < 4; i++)
		(void)join(1, (uint8_t)(10 + i));
	ask(1, 20);
	ok(told(1, &m));
	bind(1, 20, &m);
	refused(1, RELAY_REFUSED_FULL);
	(void)join(2, 20);
	(void)join(2, 21);
	ask(22, 2);
	ok(told(22, &m));
	bind(22, 2, &m);
	refused(22, RELAY_REFUSED_FULL);
	(void)join(22, 23);
	eq_int(relay_channels(r), 7);
}

static void bytes_are_limited_for_each_channel_and_for_all(void)
{
	uint64_t passed = 0;

	begin(&(struct relay_config){ .session_rate = 100000, .total_rate = 150000 });
	const uint32_t one = join(1, 2), two = join(3, 4);
	for (unsigned ms = 0; ms < 10000; ms += 5) {
		wait_ms(5);
		passed += passes(1, 2, one, 1000) ? 1000 : 0;
		passed += passes(2, 1, one, 1000) ? 1000 : 0;
	}
	ok(passed >= 950000 && passed <= 1025000);
	passed = 0;
	for (unsigned ms = 0; ms < 10000; ms += 5) {
		wait_ms(5);
		passed += passes(1, 2, one, 1000) ? 1000 : 0;
		passed += passes(3, 4, two, 1000) ? 1000 : 0;
	}
	ok(passed >= 1450000 && passed <= 1535000);
	ok(relay_counters(r)->drop_budget > 0);
	wait_ms(1000);
	ok(passes(1, 2, one, RELAY_FRAME_MAX) && !passes(1, 2, one, RELAY_FRAME_MAX + 1));
	eq_int(relay_counters(r)->drop_size, 1);
}

static void a_member_may_ask_so_often(void)
{
	unsigned answered = 0;

	begin(&(struct relay_config){ 0 });
	for (unsigned i = 0; i < 1000; i++) {
		outbox_clear(&out);
		ask(1, 2);
		answered += out.count > 0;
	}
	eq_int(answered, 64);
	wait_ms(1000);
	for (unsigned i = 0; i < 1000; i++) {
		outbox_clear(&out);
		ask(1, 2);
		answered += out.count > 0;
	}
	eq_int(answered, 74);
	ask(3, 4); /* another one is not held back */
	ok(out.count > 0);
	const struct relay_end other = { .slot = 1 + 256, .key = { { 1, 1 } }, .at = *at_of(5) };
	outbox_clear(&out);
	relay_open(r, now, &other, &other, false, &out); /* nor is anybody by his number */
	ok(out.count > 0);
}

/* Three members open channels to 1 all the time, and 1 binds what is offered: that is theirs to
 * pay. Its own channels are made and renewed all the while. */
static void what_others_open_to_a_member_costs_it_nothing(void)
{
	struct relay_message m = { 0 };

	begin(&(struct relay_config){ 0 });
	const uint32_t mine = join(1, 2);
	for (unsigned ms = 0; ms < 20000; ms += 20) {
		wait_ms(20);
		for (uint8_t who = 10; who < 13; who++) {
			outbox_clear(&out);
			ask(who, 1);
			if (told(1, &m))
				bind(1, who, &m);
		}
	}
	ok(relay_counters(r)->drop_rate > 1000);
	ok(passes(1, 2, mine, 100));
	ask(1, 2);
	ok(told(1, &m));
	bind(1, 2, &m);
	ok(told(1, &m));
	eq_int(m.state, RELAY_BOTH);
	(void)join(1, 3);
	(void)join(4, 1);
}

/* Who was offered a channel binds and binds: who opened it is not held back. */
static void who_binds_too_often_holds_back_nobody_else(void)
{
	struct relay_message m = { 0 };
	unsigned answered = 0;

	begin(&(struct relay_config){ 0 });
	ask(1, 2);
	ok(told(2, &m));
	for (unsigned i = 0; i < 1000; i++) {
		outbox_clear(&out);
		bind(2, 1, &m);
		answered += out.count > 0;
	}
	eq_int(answered, 1 + 8); /* the one that made it, and those of its end */
	for (uint8_t i = 0; i < 20; i++)
		(void)join(1, (uint8_t)(100 + i));
	(void)join(1, 2);
}

static void only_whole_messages_in_their_ranges_are_read(void)
{
	struct relay_message m = { .type = RELAY_TYPE_OFFER, .channel = RELAY_CHANNEL_FIRST }, back;
	uint8_t wire[RELAY_LEN + 1] = { 0 };

	relay_encode(&m, wire);
	ok(relay_decode(bytes_of(wire, RELAY_LEN), &back));
	eq_int(back.channel, m.channel);
	for (size_t len = 0; len < RELAY_LEN; len++)
		ok(!relay_decode(bytes_of(wire, len), &back));
	ok(!relay_decode(bytes_of(wire, RELAY_LEN + 1), &back));
	m.channel = RELAY_CHANNEL_FIRST - 1;
	relay_encode(&m, wire);
	ok(!relay_decode(bytes_of(wire, RELAY_LEN), &back));
	m.channel = RELAY_CHANNEL_LAST + 1;
	relay_encode(&m, wire);
	ok(!relay_decode(bytes_of(wire, RELAY_LEN), &back));
	m = (struct relay_message){ .type = RELAY_TYPE_OPEN };
	relay_encode(&m, wire);
	ok(relay_decode(bytes_of(wire, RELAY_LEN), &back));
	wire[3] = 1;
	ok(!relay_decode(bytes_of(wire, RELAY_LEN), &back));
	m = (struct relay_message){ .type = RELAY_TYPE_BOUND, .state = RELAY_STATES };
	relay_encode(&m, wire);
	ok(!relay_decode(bytes_of(wire, RELAY_LEN), &back));
}

TAP_TESTS(T(nothing_is_kept_before_a_cookie_returns),
	  T(two_ends_are_joined_and_nobody_else),
	  T(a_cookie_is_good_for_its_address_end_and_channel_alone),
	  T(a_bind_that_is_replayed_later_binds_nothing),
	  T(an_end_that_moves_takes_its_channel_along),
	  T(who_gets_no_channel_is_told_why),
	  T(a_channel_ends_with_its_time_or_its_members),
	  T(the_table_is_full_and_gives_way_to_who_comes_after_a_minute),
	  T(one_member_does_not_take_all_channels),
	  T(bytes_are_limited_for_each_channel_and_for_all),
	  T(a_member_may_ask_so_often),
	  T(what_others_open_to_a_member_costs_it_nothing),
	  T(who_binds_too_often_holds_back_nobody_else),
	  T(only_whole_messages_in_their_ranges_are_read))
