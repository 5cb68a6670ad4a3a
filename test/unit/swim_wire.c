/* The codec of swim's messages: golden bytes, round trips, and what is refused whole. */
#include "tap.h"
#include "contexts.h"

#include "base/rng.h"
#include "crypto/curve.h"
#include "identity/record.h"
#include "swim/wire.h"

static struct record record_one, record_two;

static void make_record(struct record *out, uint8_t fill, uint64_t sequence)
{
	struct record_body body = { .sequence = sequence };
	struct secret_key secret;
	uint8_t seed[32];

	memset(seed, fill, sizeof(seed));
	ed25519_from_seed(&body.key, &secret, seed);
	body.prefix = (struct prefix){ ip_v4(10, 99, 0, 0), 16 };
	ok(record_sign(&body, &secret, out));
}

static void prepare(void)
{
	test_crypto();
	make_record(&record_one, 1, 7);
	make_record(&record_two, 2, 9);
}

static const struct wire_header ping = {
	.type = WIRE_PING, .flags = WIRE_QUIET, .id = 0x01020304, .known = 0x1112131415161718,
	.count = 3, .list = 0x3132333435363738, .digest = 0x2122232425262728,
};

static struct writer begin(uint8_t *memory, uint8_t type)
{
	struct wire_header h = ping;
	struct writer w = wr_of(memory, CHANNEL_PAYLOAD_MAX);

	h.type = type;
	wire_put_header(&w, &h);
	return w;
}

static bool decodes(const uint8_t *data, size_t len)
{
	/* A copy of the exact size, so that a sanitizer sees a byte read too far. */
	uint8_t *copy = malloc(len ? len : 1);
	struct wire_message m;
	bool good;

	memcpy(copy, data, len);
	good = wire_decode(bytes_of(copy, len), &m);
	free(copy);
	return good;
}

static void a_ping_has_the_bytes_of_the_specification(void)
{
	static const uint8_t want[] = {
		0x10, 0x01, 1, 2, 3, 4, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18,
		0, 0, 0, 3, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38,
		0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28, 0,
	};
	uint8_t memory[CHANNEL_PAYLOAD_MAX];
	struct wire_message m;
	struct writer w = begin(memory, WIRE_PING);

	wr_u8(&w, 0);
	eq_int(wr_len(&w), sizeof(want));
	eq_mem(memory, want, sizeof(want));
	ok(wire_decode(bytes_of(want, sizeof(want)), &m));
	eq_int(m.h.type, WIRE_PING);
	eq_int(m.h.flags, WIRE_QUIET);
	eq_int(m.h.id, ping.id);
	ok(m.h.known == ping.known && m.h.list == ping.list && m.h.digest == ping.digest);
	eq_int(m.h.count, 3);
	eq_int(m.items, 0);
	for (size_t len = 0; len < sizeof(want); len++)
		ok(!decodes(want, len));
}

static void an_idle_ping_is_fourteen_bytes(void)
{
	static const uint8_t want[] = {
		0x10, 0x0d, 1, 2, 3, 4, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28,
	};
	uint8_t memory[CHANNEL_PAYLOAD_MAX];
	struct wire_header h = ping;
	struct wire_message m;
	struct writer w = wr_of(memory, sizeof(memory));

	h.flags |= WIRE_BRIEF | WIRE_BARE;
	wire_put_header(&w, &h);
	eq_int(wr_len(&w), sizeof(want));
	eq_int(wr_len(&w), WIRE_HEADER - WIRE_BRIEF_LEN);
	eq_mem(memory, want, sizeof(want));
	ok(wire_decode(bytes_of(want, sizeof(want)), &m));
	ok(!m.h.known && !m.h.count && !m.h.list && m.h.digest == ping.digest && !m.items);
	for (size_t len = 0; len < sizeof(want); len++)
		ok(!decodes(want, len));
	wr_u8(&w, 0); /* bare has no number of items */
	ok(!decodes(memory, wr_len(&w)));
}

static void records_and_accusations_come_back_as_they_went(void)
{
	uint8_t memory[CHANNEL_PAYLOAD_MAX];
	struct accusation a = { 1, 2, UINT64_MAX, { { 5, [63] = 6 } } };
	struct wire_message m;
	struct writer w;

	prepare();
	w = begin(memory, WIRE_ITEMS);
	wr_u8(&w, 3);
	wire_put_record(&w, bytes_of(record_one.wire, record_one.len));
	wire_put_accusation(&w, &a);
	wire_put_record(&w, bytes_of(record_two.wire, record_two.len));
	ok(wire_decode(bytes_of(memory, wr_len(&w)), &m));
	eq_int(m.items, 3);
	eq_int(m.item[0].kind, WIRE_ITEM_RECORD);
	eq_int(m.item[0].record.len, record_one.len);
	eq_mem(m.item[0].record.data, record_one.wire, record_one.len);
	eq_int(m.item[1].kind, WIRE_ITEM_ACCUSATION);
	ok(m.item[1].accusation.subject == 1 && m.item[1].accusation.sequence == 2);
	ok(m.item[1].accusation.accuser == UINT64_MAX);
	eq_mem(m.item[1].accusation.signature.b, a.signature.b, sizeof(a.signature.b));
	eq_mem(m.item[2].record.data, record_two.wire, record_two.len);
	for (size_t len = 0; len < wr_len(&w); len++)
		ok(!decodes(memory, len));
	memory[wr_len(&w)] = 0;
	ok(!decodes(memory, wr_len(&w) + 1));
}

/* Attack 01: the declared number is larger than what follows; or smaller. */
static void attack_01_a_count_that_is_not_the_number_of_items_refuses_the_whole_message(void)
{
	uint8_t memory[CHANNEL_PAYLOAD_MAX];
	struct writer w;
	struct accusation a = { .subject = 1, .sequence = 2, .accuser = 3 };

	prepare();
	for (unsigned n = 0; n < 256; n++) {
		w = begin(memory, n % 2 ? WIRE_PING : WIRE_ACK);
		wr_u8(&w, (uint8_t)n);
		wire_put_record(&w, bytes_of(record_one.wire, record_one.len));
		eq_int(decodes(memory, wr_len(&w)), n == 1);
		w = begin(memory, WIRE_PING);
		wr_u8(&w, (uint8_t)n);
		for (unsigned i = 0; i < 8; i++)
			wire_put_accusation(&w, &a);
		eq_int(decodes(memory, wr_len(&w)), n == 8);
	}
}

static void the_largest_messages_fit_and_one_more_does_not(void)
{
	uint8_t memory[CHANNEL_PAYLOAD_MAX + 64];
	struct wire_message m;
	struct writer w;

	ok(WIRE_HEADER + 17 + WIRE_ENTRIES_MAX * WIRE_ENTRY + 1 <= CHANNEL_PAYLOAD_MAX);
	ok(WIRE_HEADER + 17 + (WIRE_ENTRIES_MAX + 1) * WIRE_ENTRY + 1 > CHANNEL_PAYLOAD_MAX);
	ok(WIRE_HEADER + 1 + WIRE_ITEMS_MAX * WIRE_ACCUSATION <= CHANNEL_PAYLOAD_MAX);
	ok(WIRE_HEADER + 1 + (WIRE_ITEMS_MAX + 1) * WIRE_ACCUSATION > CHANNEL_PAYLOAD_MAX);
	for (unsigned n = WIRE_ENTRIES_MAX; n <= WIRE_ENTRIES_MAX + 1; n++) {
		w = wr_of(memory, sizeof(memory));
		wire_put_header(&w, &(struct wire_header){ .type = WIRE_LIST });
		wr_be64(&w, 0);
		wr_be64(&w, UINT64_MAX);
		wr_u8(&w, (uint8_t)n);
		for (unsigned i = 0; i < n; i++)
			wire_put_entry(&w, &(struct wire_entry){ i, 1, i % 2 });
		wr_u8(&w, 0);
		eq_int(wire_decode(bytes_of(memory, wr_len(&w)), &m), n == WIRE_ENTRIES_MAX);
	}
	for (unsigned n = WIRE_ITEMS_MAX; n <= WIRE_ITEMS_MAX + 1; n++) {
		w = wr_of(memory, sizeof(memory));
		wire_put_header(&w, &ping);
		wr_u8(&w, (uint8_t)n);
		for (unsigned i = 0; i < n; i++)
			wire_put_accusation(&w, &(struct accusation){ .subject = i });
		eq_int(wire_decode(bytes_of(memory, wr_len(&w)), &m), n == WIRE_ITEMS_MAX);
	}
}

struct list_row {
	const char *what;
	uint64_t first, last;
	unsigned n;
	struct wire_entry e[3];
	bool good;
};

static void lists_rise_strictly_within_their_range(void)
{
	static const struct list_row rows[] = {
		{ "empty, everything", 0, UINT64_MAX, 0, { { 0 } }, true },
		{ "one point", 5, 5, 1, { { 5, 1, false } }, true },
		{ "range reversed", 6, 5, 0, { { 0 } }, false },
		{ "rising", 1, 9, 3, { { 1, 1, true }, { 2, 9, false }, { 9, 1, true } }, true },
		{ "equal ids", 1, 9, 2, { { 2, 1, false }, { 2, 2, false } }, false },
		{ "falling ids", 1, 9, 2, { { 3, 1, false }, { 2, 2, false } }, false },
		{ "below the range", 2, 9, 1, { { 1, 1, false } }, false },
		{ "above the range", 2, 9, 1, { { 10, 1, false } }, false },
		{ "sequence 0", 2, 9, 1, { { 3, 0, false } }, false },
		{ "the greatest id last", 0, UINT64_MAX, 2,
		  { { UINT64_MAX - 1, 1, false }, { UINT64_MAX, 1, false } }, true },
		{ "the greatest id twice", 0, UINT64_MAX, 2,
		  { { UINT64_MAX, 1, false }, { UINT64_MAX, 1, false } }, false },
		{ "something after the greatest id", 0, UINT64_MAX, 2,
		  { { UINT64_MAX, 1, false }, { 0, 1, false } }, false },
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		uint8_t memory[CHANNEL_PAYLOAD_MAX];
		struct writer w = begin(memory, WIRE_LIST);

		wr_be64(&w, rows[i].first);
		wr_be64(&w, rows[i].last);
		wr_u8(&w, (uint8_t)rows[i].n);
		for (unsigned k = 0; k < rows[i].n; k++)
			wire_put_entry(&w, &rows[i].e[k]);
		wr_u8(&w, 0);
		if (decodes(memory, wr_len(&w)) != rows[i].good)
			TAP_FAIL("%s: should be %s", rows[i].what, rows[i].good ? "good" : "bad");
		for (size_t len = 0; len < wr_len(&w); len++)
			ok(!decodes(memory, len));
	}
}

static void bucket_digests_come_whole(void)
{
	uint8_t memory[CHANNEL_PAYLOAD_MAX];
	struct writer w = begin(memory, WIRE_BUCKETS);
	struct wire_message m;

	ok(WIRE_HEADER + WIRE_BUCKETS_COUNT * WIRE_BUCKET + 1 <= CHANNEL_PAYLOAD_MAX);
	for (unsigned i = 0; i < WIRE_BUCKETS_COUNT; i++)
		wr_be32(&w, i * 3);
	wr_u8(&w, 0);
	ok(wire_decode(bytes_of(memory, wr_len(&w)), &m));
	eq_int(m.buckets.len, WIRE_BUCKETS_COUNT * WIRE_BUCKET);
	eq_int(load_be32(m.buckets.data + 255 * WIRE_BUCKET), 765);
	eq_int(m.entries, 0);
	for (size_t len = 0; len < wr_len(&w); len++)
		ok(!decodes(memory, len));
}

static void fingerprints_lie_within_their_list(void)
{
	static const struct { uint32_t position, total; uint8_t n; bool good; } rows[] = {
		{ 0, 1, 1, true }, { 5, 7, 2, true }, { 0, WIRE_LIST_MAX, 2, true },
		{ 0, WIRE_PRINTS_MAX, WIRE_PRINTS_MAX, true },
		{ 0, 1, 0, false }, { 0, 1, 2, false }, { 6, 7, 2, false }, { 8, 7, 1, false },
		{ UINT32_MAX, 7, 1, false }, { UINT32_MAX, UINT32_MAX, 1, false },
		{ 0, WIRE_LIST_MAX + 1, 1, false },
	};
	uint8_t memory[CHANNEL_PAYLOAD_MAX];
	struct wire_message m;

	ok(WIRE_HEADER + 9 + WIRE_PRINTS_MAX * WIRE_PRINT + 1 <= CHANNEL_PAYLOAD_MAX);
	ok(WIRE_HEADER + 9 + (WIRE_PRINTS_MAX + 1) * WIRE_PRINT + 1 > CHANNEL_PAYLOAD_MAX);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct writer w = begin(memory, WIRE_SCOPE);

		wr_be32(&w, rows[i].position);
		wr_be32(&w, rows[i].total);
		wr_u8(&w, rows[i].n);
		for (unsigned k = 0; k < rows[i].n; k++)
			wr_be64(&w, k + 100);
		wr_u8(&w, 0);
		eq_int(decodes(memory, wr_len(&w)), rows[i].good);
		for (size_t len = 0; len < wr_len(&w); len++)
			ok(!decodes(memory, len));
		if (!rows[i].good || !wire_decode(bytes_of(memory, wr_len(&w)), &m))
			continue;
		eq_int(m.position, rows[i].position);
		eq_int(m.total, rows[i].total);
		eq_int(m.prints.len, rows[i].n * WIRE_PRINT);
		eq_int(load_be64(m.prints.data), 100);
	}
	struct writer ask = begin(memory, WIRE_SCOPE_ASK);
	wr_be32(&ask, 12);
	wr_u8(&ask, 0);
	ok(wire_decode(bytes_of(memory, wr_len(&ask)), &m));
	eq_int(m.position, 12);
	for (size_t len = 0; len < wr_len(&ask); len++)
		ok(!decodes(memory, len));
}

static void a_list_may_declare_no_entry_that_is_not_there(void)
{
	uint8_t memory[CHANNEL_PAYLOAD_MAX];

	for (unsigned n = 0; n < 256; n++) {
		struct writer w = begin(memory, WIRE_LIST);

		wr_be64(&w, 0);
		wr_be64(&w, UINT64_MAX);
		wr_u8(&w, (uint8_t)n);
		wire_put_entry(&w, &(struct wire_entry){ 4, 1, false });
		wr_u8(&w, 0);
		eq_int(decodes(memory, wr_len(&w)), n == 1);
		w = begin(memory, WIRE_WANT);
		wr_u8(&w, (uint8_t)n);
		wr_be64(&w, 77);
		wr_u8(&w, 0);
		eq_int(decodes(memory, wr_len(&w)), n == 1);
	}
}

static void unknown_types_kinds_reasons_and_verdicts_are_refused(void)
{
	uint8_t memory[CHANNEL_PAYLOAD_MAX];
	struct writer w;

	for (unsigned type = 0; type < 256; type++) {
		bool plain = type == WIRE_PING || type == WIRE_ACK || type == WIRE_FORWARDED
			     || type == WIRE_ITEMS;

		w = begin(memory, (uint8_t)type);
		wr_u8(&w, 0);
		eq_int(decodes(memory, wr_len(&w)), plain);
	}
	for (unsigned v = 0; v < 256; v++) {
		w = begin(memory, WIRE_NACK);
		wr_u8(&w, (uint8_t)v);
		wr_u8(&w, 0);
		eq_int(decodes(memory, wr_len(&w)), v <= 1);
		w = begin(memory, WIRE_LIST);
		wr_be64(&w, 0);
		wr_be64(&w, 9);
		wr_u8(&w, 1);
		wr_be64(&w, 3);
		wr_be64(&w, 4);
		wr_u8(&w, (uint8_t)v);
		wr_u8(&w, 0);
		eq_int(decodes(memory, wr_len(&w)), v <= 1);
		w = begin(memory, WIRE_PING);
		wr_u8(&w, 1);
		wr_u8(&w, (uint8_t)v);
		wr_zero(&w, WIRE_ACCUSATION - 1);
		eq_int(decodes(memory, wr_len(&w)), v == WIRE_ITEM_ACCUSATION);
	}
}

static void a_record_that_does_not_decode_refuses_the_whole_message(void)
{
	uint8_t memory[CHANNEL_PAYLOAD_MAX];
	struct record bad;
	struct writer w;

	prepare();
	bad = record_two;
	bad.wire[0] = 0xff;
	w = begin(memory, WIRE_PING);
	wr_u8(&w, 2);
	wire_put_record(&w, bytes_of(record_one.wire, record_one.len));
	wire_put_record(&w, bytes_of(bad.wire, bad.len));
	ok(!decodes(memory, wr_len(&w)));
	/* A wrong signature is not a matter of form. */
	bad = record_two;
	bad.wire[bad.len - 1] ^= 1;
	w = begin(memory, WIRE_PING);
	wr_u8(&w, 2);
	wire_put_record(&w, bytes_of(record_one.wire, record_one.len));
	wire_put_record(&w, bytes_of(bad.wire, bad.len));
	ok(decodes(memory, wr_len(&w)));
}

static void random_bytes_are_read_within_their_bounds(void)
{
	struct rng rng;
	unsigned good = 0;

	rng_init(&rng, 5);
	for (unsigned i = 0; i < 200000; i++) {
		uint8_t data[200];
		size_t len = rng_below(&rng, sizeof(data));

		for (size_t k = 0; k < len; k++)
			data[k] = (uint8_t)(rng_below(&rng, 4) ? 0 : rng_u64(&rng));
		if (len)
			data[0] = (uint8_t)(0x10 + rng_below(&rng, 9));
		good += decodes(data, len);
	}
	ok(good > 0);
}

TAP_TESTS(
	T(a_ping_has_the_bytes_of_the_specification),
	T(an_idle_ping_is_fourteen_bytes),
	T(records_and_accusations_come_back_as_they_went),
	T(attack_01_a_count_that_is_not_the_number_of_items_refuses_the_whole_message),
	T(the_largest_messages_fit_and_one_more_does_not),
	T(lists_rise_strictly_within_their_range),
	T(bucket_digests_come_whole),
	T(fingerprints_lie_within_their_list),
	T(a_list_may_declare_no_entry_that_is_not_there),
	T(unknown_types_kinds_reasons_and_verdicts_are_refused),
	T(a_record_that_does_not_decode_refuses_the_whole_message),
	T(random_bytes_are_read_within_their_bounds))
