/* STUN: the bytes of RFC 8489 against the vectors of RFC 5769, and the client against servers that
 * answer, lie, answer late or not at all, in virtual time. */
#include "tap.h"

#include "contexts.h"
#include "nat/stun_client.h"

/* --- the codec */

static size_t unhex(const char *hex, uint8_t *out)
{
	size_t n = strlen(hex) / 2;

	for (size_t i = 0; i < n; i++) {
		unsigned v;

		sscanf(hex + 2 * i, "%2x", &v);
		out[i] = (uint8_t)v;
	}
	return n;
}

#define ID "b7e7a701bc34d686fa87dfae"
/* RFC 5769, 2.1 to 2.4 */
#define REQUEST "000100582112a442" ID "802200105354554e207465737420636c69656e74" \
	"002400046e0001ff" \
	"80290008932ff9b151263b36000600096576746a3a68367659202020" \
	"000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf"
#define ANSWER4 "0101003c2112a442" ID "8022000b7465737420766563746f7220002000080001a147e112a643" \
	"000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96"
#define ANSWER6 "010100482112a442" ID "8022000b7465737420766563746f7220" \
	"002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9" \
	"00080014a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c"
#define REQUEST_LONG_TERM \
	"000100602112a44278ad3433c6ad72c029da412e00060012e3839ee38388e383aae38383e382afe3" \
	"82b900000015001c662f2f3439396b39353464364f4c33346f4c394653547679363473410014000b" \
	"6578616d706c652e6f72670000080014f67024656dd64a3e02b8e0712e85c9a28ca89666"

static bool decode(const char *hex, struct stun_answer *a)
{
	uint8_t raw[512];
	size_t len = unhex(hex, raw);

	return stun_answer_decode(bytes_of(raw, len), a);
}

static void is_at(const struct endpoint *e, const char *want)
{
	char text[ENDPOINT_TEXT];

	endpoint_format(e, text);
	eq_str(text, want);
}

static void the_vectors_of_rfc_5769_are_read(void)
{
	struct stun_answer a;
	uint8_t raw[512], id[STUN_ID];

	unhex(ID, id);
	ok(decode(ANSWER4, &a) && !a.error);
	is_at(&a.mapped, "192.0.2.1:32853");
	eq_mem(a.id, id, sizeof(id));
	ok(!endpoint_is_set(&a.other));
	ok(decode(ANSWER6, &a) && !a.error);
	is_at(&a.mapped, "[2001:db8:1234:5678:11:2233:4455:6677]:32853");
	ok(!decode(REQUEST, &a));            /* no answers */
	ok(!decode(REQUEST_LONG_TERM, &a));
	ok(stun_fingerprint_ok(bytes_of(raw, unhex(REQUEST, raw))));
	ok(!stun_fingerprint_ok(bytes_of(raw, unhex(REQUEST_LONG_TERM, raw)))); /* it has none */
}

static void each_bit_of_a_vector_is_covered_by_its_fingerprint(void)
{
	uint8_t raw[512];
	size_t len = unhex(ANSWER4, raw);
	unsigned taken = 0;
	struct stun_answer a;

	for (size_t bit = 0; bit < 8 * len; bit++) {
		raw[bit / 8] ^= (uint8_t)(1u << bit % 8);
		/* What makes another attribute of it leaves it without a fingerprint. */
		if (bit / 8 < len - 8 || bit / 8 >= len - 4)
			taken += stun_answer_decode(bytes_of(raw, len), &a);
		raw[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	eq_int(taken, 1); /* the length of the attribute before it, which then covers it */
	for (size_t n = 0; n < len; n++)
		ok(!stun_answer_decode(bytes_of(raw, n), &a));
}

static void a_request_of_ours_is_well_formed(void)
{
	uint8_t id[STUN_ID], raw[STUN_REQUEST_LEN], want[32];

	unhex(ID, id);
	stun_request(id, raw);
	ok(stun_fingerprint_ok(bytes_of(raw, sizeof(raw))));
	unhex("000100082112a442" ID "80280004", want);
	eq_mem(raw, want, 24);
}

static void attributes_are_judged_by_their_kind(void)
{
	struct stun_answer a;

	/* Optional ones that nobody knows, padding of any content, an address of old kind. */
	ok(decode("010100182112a442" ID "ffee0003010203ff"
		  "000100080001115c02030405" "80ff0000", &a));
	is_at(&a.mapped, "2.3.4.5:4444");
	/* The XORed one is taken, whichever comes first. */
	ok(decode("010100182112a442" ID "002000080001304e2311a047" "000100080001115c02030405", &a));
	is_at(&a.mapped, "2.3.4.5:4444");
	/* One that must be known and is not (section 15, comprehension-required). */
	ok(!decode("010100102112a442" ID "7fee0000" "000100080001115c02030405", &a));
	/* OTHER-ADDRESS, and CHANGED-ADDRESS of RFC 3489. */
	ok(decode("010100182112a442" ID "000100080001115c02030405" "802c000800010d9706070809", &a));
	is_at(&a.other, "6.7.8.9:3479");
	ok(decode("010100182112a442" ID "000100080001115c02030405" "0005000800010d9706070809", &a));
	is_at(&a.other, "6.7.8.9:3479");
	/* No address; one of no family; one that is too long; a length that lies. */
	ok(!decode("010100002112a442" ID, &a));
	ok(!decode("0101000c2112a442" ID "000100080003115c02030405", &a));
	ok(!decode("010100102112a442" ID "0001000c0001115c0203040500000000", &a));
	ok(!decode("0101000c2112a442" ID "0001000c0001115c02030405", &a));
	ok(!decode("0101000a2112a442" ID "000100080001115c0203", &a));
	/* An error needs none. */
	ok(decode("011100102112a442" ID "0009000c000004006e6f7065" "00000000", &a) && a.error);
	ok(!endpoint_is_set(&a.mapped));
}

/* --- the client */

static struct stun_client c;
static struct random random_state;
static struct instant now;
static struct outbox out;

static bool is_of_the_mesh(void *ctx, const struct ip *ip)
{
	(void)ctx;
	return ip->family == FAMILY_IPV4 && ip->b[0] == 25;
}

static struct endpoint server(uint8_t last)
{
	return (struct endpoint){ .ip = ip_v4(5, 5, 5, last), .port = 3478 };
}

static void begin(void)
{
	static struct out items[64];
	static uint8_t arena[1u << 16];
	const uint8_t entropy[32] = { 3 };

	test_crypto();
	random_init(&random_state, entropy);
	outbox_init(&out, items, 64, arena, sizeof(arena));
	stun_client_init(&c, &random_state);
	now = (struct instant){ 1000000000u };
}

/* Lets time pass up to `until`; returns the number of requests that went out. */
static unsigned run(struct instant until)
{
	unsigned sent = 0;

	for (;;) {
		outbox_clear(&out);
		stun_client_tick(&c, now, &out);
		sent += out.count;
		struct instant next = stun_client_deadline(&c);
		if (!instant_before(next, until))
			break;
		ok(instant_before(now, next));
		now = next;
	}
	now = until;
	return sent;
}

/* The answer of the server to the last request to it. */
static size_t answer_of(const struct stun_target *t, const struct endpoint *mapped, uint8_t *raw)
{
	const bool six = mapped->ip.family == FAMILY_IPV6;
	size_t len = six ? 24 : 12;
	static const uint8_t head[] = { 1, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42 };

	memcpy(raw, head, sizeof(head));
	raw[3] = (uint8_t)len;
	memcpy(raw + 8, t->id, STUN_ID);
	store_be16(raw + 20, 0x0001);
	store_be16(raw + 22, (uint16_t)(len - 4));
	store_be16(raw + 24, six ? 2 : 1);
	store_be16(raw + 26, mapped->port);
	memcpy(raw + 28, mapped->ip.b, six ? 16 : 4);
	return 20 + len;
}

static unsigned told(const struct stun_target *t, const struct endpoint *from,
		     const struct endpoint *mapped)
{
	uint8_t raw[64];
	size_t len = answer_of(t, mapped, raw);

	return stun_client_input(&c, now, from, bytes_of(raw, len), is_of_the_mesh, NULL);
}

static void all_servers_are_asked_at_once_and_no_answer_is_waited_for(void)
{
	struct endpoint six = { .ip = { FAMILY_IPV6, { 0x2a, 1, [15] = 1 } }, .port = 3478 };

	begin();
	for (uint8_t i = 0; i < STUN_SERVERS; i++) {
		struct endpoint at = server(i);

		ok(stun_client_add(&c, i, &at, now));
		ok(!stun_client_add(&c, i, &at, now));
	}
	ok(stun_client_add(&c, 0, &six, now));
	ok(!stun_client_add(&c, STUN_SERVERS, &six, now));
	stun_client_tick(&c, now, &out);
	eq_int(out.count, 5);
	for (unsigned i = 0; i < out.count; i++) {
		eq_int(out.items[i].kind, OUT_DATAGRAM);
		eq_int(out.items[i].len, STUN_REQUEST_LEN);
		ok(stun_fingerprint_ok(bytes_of(out.items[i].data, out.items[i].len)));
	}
}

static void a_silent_server_is_asked_seven_times_with_doubling_pauses(void)
{
	static const unsigned at_ms[] = { 0, 500, 1500, 3500, 7500, 15500, 31500, 39500 };
	struct instant start;
	struct endpoint at = server(1);

	begin();
	start = now;
	stun_client_add(&c, 0, &at, now);
	for (unsigned i = 0; i < 7; i++) {
		eq_int(run(instant_add(start, span_ms(at_ms[i] + 1))), 1);
		eq_int(span_in_ms(instant_since(stun_client_deadline(&c), start)), at_ms[i + 1]);
	}
	eq_int(run(instant_add(start, span_s(3600))), 0);
	eq_int(c.counters.requests, 7);
	eq_int(c.counters.unanswered, 1);
	ok(stun_client_deadline(&c).ns == UINT64_MAX);
	stun_client_ask(&c, now);
	eq_int(run(instant_add(now, span_ms(1))), 1);
}

static void an_answer_counts_from_whom_was_asked_and_once(void)
{
	struct endpoint a = server(1), b = server(2),
			mapped = { .ip = ip_v4(5, 6, 7, 8), .port = 4000 };
	struct stun_target *t = &c.targets[0];

	begin();
	stun_client_add(&c, 0, &a, now);
	eq_int(told(t, &a, &mapped), STUN_TARGETS); /* nothing was sent yet */
	run(instant_add(now, span_ms(20)));
	eq_int(told(t, &b, &mapped), STUN_TARGETS);
	b = a;
	b.port++;
	eq_int(told(t, &b, &mapped), STUN_TARGETS);
	t->id[3] ^= 1;
	{
		uint8_t raw[64];
		size_t len = answer_of(t, &mapped, raw);

		t->id[3] ^= 1;
		eq_int(stun_client_input(&c, now, &a, bytes_of(raw, len), is_of_the_mesh, NULL),
		       STUN_TARGETS);
	}
	eq_int(c.counters.drop_unasked, 4);
	eq_int(told(t, &a, &mapped), 0);
	is_at(&t->mapped, "5.6.7.8:4000");
	eq_int(span_in_ms(t->rtt), 20);
	eq_int(told(t, &a, &mapped), STUN_TARGETS);
	eq_int(c.counters.answers, 1);
	eq_int(c.counters.drop_unasked, 5);
}

/* Attack 17. */
static void what_can_be_nobodys_address_is_refused_and_counted(void)
{
	static const char *const lies[] = {
		"127.0.0.1:4000", "10.1.2.3:4000", "172.16.0.1:4000", "192.168.1.1:4000",
		"100.64.1.1:4000", "169.254.1.1:4000", "224.0.0.1:4000", "255.255.255.255:4000",
		"0.0.0.0:4000", "240.0.0.1:4000", "192.0.2.1:4000", "203.0.113.9:4000",
		"198.18.0.1:4000", "25.1.2.3:4000", "5.6.7.8:0",
	};
	static const char *const lies6[] = {
		"[::1]:4000", "[fe80::1]:4000", "[ff02::1]:4000", "[::]:4000", "[fd99::1]:4000",
		"[2001:db8::1]:4000", "[::ffff:5.6.7.8]:4000", "[2002:506:708::1]:4000",
		"5.6.7.8:4000",
	};
	struct endpoint a = server(1), six = { .ip = { FAMILY_IPV6, { 0x2a, 1, [15] = 1 } },
					       .port = 3478 };
	const unsigned n = sizeof(lies) / sizeof(*lies), n6 = sizeof(lies6) / sizeof(*lies6);

	for (unsigned i = 0; i < n + n6; i++) {
		const char *text = i < n ? lies[i] : lies6[i - n];
		struct endpoint mapped = { 0 };
		struct stun_target *t = &c.targets[i >= n];

		begin();
		stun_client_add(&c, 0, i < n ? &a : &six, now);
		run(instant_add(now, span_ms(20)));
		if (!endpoint_parse(text, strlen(text), 0, &mapped)) /* port 0 */
			ok(ip_parse("5.6.7.8", 7, &mapped.ip));
		if (told(t, &t->at, &mapped) != STUN_TARGETS || c.counters.drop_address != 1)
			TAP_FAIL("%s was taken", text);
		ok(!endpoint_is_set(&t->mapped));
		ok(!t->answered);
	}
}

static void a_lie_does_not_take_the_place_of_what_was_known(void)
{
	struct endpoint a = server(1), good = { .ip = ip_v4(5, 6, 7, 8), .port = 4000 },
			bad = { .ip = ip_v4(127, 0, 0, 1), .port = 4000 };
	struct stun_target *t = &c.targets[0];

	begin();
	stun_client_add(&c, 0, &a, now);
	run(instant_add(now, span_ms(20)));
	eq_int(told(t, &a, &good), 0);
	stun_client_ask(&c, now);
	run(instant_add(now, span_ms(20)));
	eq_int(told(t, &a, &bad), STUN_TARGETS);
	is_at(&t->mapped, "5.6.7.8:4000");
}

static void another_address_of_a_server_takes_the_place_of_the_first(void)
{
	struct endpoint a = server(1), b = server(2),
			mapped = { .ip = ip_v4(5, 6, 7, 8), .port = 4000 };

	begin();
	stun_client_add(&c, 0, &a, now);
	run(instant_add(now, span_ms(1)));
	struct stun_target old = c.targets[0];
	ok(stun_client_add(&c, 0, &b, now));
	eq_int(stun_client_count(&c), 1);
	eq_int(run(instant_add(now, span_ms(1))), 1);
	eq_int(told(&old, &a, &mapped), STUN_TARGETS);
	eq_int(told(&c.targets[0], &b, &mapped), 0);
	eq_int(stun_client_open(&c), 0);
}

static void a_full_outbox_costs_one_request_and_no_more(void)
{
	struct endpoint a = server(1);

	begin();
	stun_client_add(&c, 0, &a, now);
	out.cap = 0;
	stun_client_tick(&c, now, &out);
	eq_int(out.count, 0);
	out.cap = 64;
	eq_int(run(instant_add(now, span_ms(600))), 1);
}

TAP_TESTS(T(the_vectors_of_rfc_5769_are_read),
	  T(each_bit_of_a_vector_is_covered_by_its_fingerprint),
	  T(a_request_of_ours_is_well_formed),
	  T(attributes_are_judged_by_their_kind),
	  T(all_servers_are_asked_at_once_and_no_answer_is_waited_for),
	  T(a_silent_server_is_asked_seven_times_with_doubling_pauses),
	  T(an_answer_counts_from_whom_was_asked_and_once),
	  T(what_can_be_nobodys_address_is_refused_and_counted),
	  T(a_lie_does_not_take_the_place_of_what_was_known),
	  T(another_address_of_a_server_takes_the_place_of_the_first),
	  T(a_full_outbox_costs_one_request_and_no_more))
