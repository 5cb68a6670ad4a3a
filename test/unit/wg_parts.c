/* The small parts of the engine: timestamps, indices, inner headers, sessions, cookies. */
#include "contexts.h"
#include "tap.h"
#include "wg/cookie.h"
#include "wg/indices.h"
#include "wg/inner.h"
#include "wg/session.h"
#include "wg/timestamp.h"

static const struct instant now = { 5000000000000 };

static struct random seeded(void)
{
	static const uint8_t entropy[32] = { 1 };
	struct random r;

	test_crypto();
	random_init(&r, entropy);
	return r;
}

/* --- timestamps */

static struct tai64n stamp(uint64_t s, uint32_t ns)
{
	struct tai64n t;

	store_be64(t.b, 0x400000000000000a + s);
	store_be32(t.b + 8, ns);
	return t;
}

static void timestamps_rise_whatever_the_clock_does(void)
{
	static const struct {
		struct wall wall;
		uint64_t last_s, floor_s;
		uint32_t last_ns, floor_ns;
		uint64_t want_s;
		uint32_t want_ns;
	} rows[] = {
		{ { 1700000000, 0 }, 0, 0, 0, 0, 1700000000, 0 },
		{ { 1700000000, 0xffffff }, 0, 0, 0, 0, 1700000000, 0 },
		{ { 1700000000, 0x1000000 }, 0, 0, 0, 0, 1700000000, 0x1000000 },
		{ { 1700000000, 999999999 }, 0, 0, 0, 0, 1700000000, 0x3b000000 },
		/* within one rounding of the last; the clock went back; a carry */
		{ { 1700000000, 9 }, 1700000000, 0, 0, 0, 1700000000, 1 },
		{ { 9, 0 }, 1700000000, 0, 5, 0, 1700000000, 6 },
		{ { 9, 0 }, 1700000000, 0, 999999999, 0, 1700000001, 0 },
		/* the floor, alone and against the last */
		{ { 9, 0 }, 0, 1800000000, 0, 7, 1800000000, 8 },
		{ { 9, 0 }, 1900000000, 1800000000, 3, 7, 1900000000, 4 },
		{ { 2000000000, 0 }, 1900000000, 1800000000, 3, 7, 2000000000, 0 },
		{ { 1800000000, 0 }, 0, 1800000000, 0, 0, 1800000000, 1 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct tai64n none = { { 0 } };
		struct tai64n last = stamp(rows[i].last_s, rows[i].last_ns);
		struct tai64n floor = stamp(rows[i].floor_s, rows[i].floor_ns);
		struct tai64n want = stamp(rows[i].want_s, rows[i].want_ns), got;

		got = tai64n_next(rows[i].wall, rows[i].last_s ? last : none,
				  rows[i].floor_s ? floor : none);
		eq_int(load_be64(got.b), load_be64(want.b));
		eq_int(load_be32(got.b + 8), load_be32(want.b + 8));
		ok(tai64n_before(&last, &got) || !rows[i].last_s);
	}
}

static void the_highest_timestamp_stays(void)
{
	struct tai64n t;

	memset(t.b, 0xff, sizeof(t.b));
	eq_mem(tai64n_after(t).b, t.b, sizeof(t.b));
	ok(!tai64n_before(&t, &t));
}

/* --- indices */

#define ENTRIES 1000u

static void indices_lead_to_their_slots_and_to_nobody_else(void)
{
	struct random random = seeded();
	static uint32_t index[ENTRIES];
	struct indices t;
	uint32_t slot = 0;

	indices_init(&t, calloc(1, indices_size(ENTRIES)), ENTRIES);
	for (uint32_t round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < ENTRIES; i++)
			index[i] = indices_add(&t, &random, INDEX_HANDSHAKE, i);
		for (uint32_t i = 0; i < ENTRIES; i += 2)
			indices_move(&t, index[i], INDEX_SESSION, i + 5000);
		for (uint32_t i = 0; i < ENTRIES; i++) {
			eq_int(indices_find(&t, index[i], &slot),
			       i % 2 ? INDEX_HANDSHAKE : INDEX_SESSION);
			eq_int(slot, i % 2 ? i : i + 5000);
			eq_int(indices_find(&t, index[i] ^ 0x80000000, &slot), INDEX_NONE);
		}
		for (uint32_t i = 0; i < ENTRIES; i++) {
			indices_remove(&t, index[i]);
			eq_int(indices_find(&t, index[i], &slot), INDEX_NONE);
		}
		eq_int(t.count, 0);
	}
	free(t.cells);
}

/* --- inner headers */

static void inner_headers_are_read_at_their_edges(void)
{
	static const struct {
		uint8_t first;
		size_t len;
		uint16_t says; /* total length, or payload length */
		bool good;
		size_t want;
	} rows[] = {
		{ 0x45, 20, 20, true, 20 }, { 0x45, 19, 19, false, 0 },
		{ 0x45, 64, 19, false, 0 }, { 0x45, 64, 65, false, 0 },
		{ 0x45, 64, 64, true, 64 }, { 0x45, 64, 20, true, 20 },
		{ 0x60, 40, 0, true, 40 },  { 0x60, 39, 0, false, 0 },
		{ 0x60, 64, 24, true, 64 }, { 0x60, 64, 25, false, 0 },
		{ 0x60, 64, 65535, false, 0 }, { 0x50, 64, 64, false, 0 },
		{ 0x00, 64, 64, false, 0 }, { 0x45, 0, 0, false, 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		uint8_t p[64] = { rows[i].first };
		struct inner inner = { .len = 0 };

		store_be16(p + (rows[i].first >> 4 == 6 ? 4 : 2), rows[i].says);
		eq_int(inner_read(bytes_of(p, rows[i].len), &inner), rows[i].good);
		if (rows[i].good)
			eq_int(inner.len, rows[i].want);
	}
}

static uint16_t checksum(const uint8_t *p)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < 20; i += 2)
		sum += load_be16(p + i);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void congestion_marks_cross_the_tunnel(void)
{
	static const uint8_t outer_of[4] = { 0, 1, 2, 2 }; /* CE becomes ECT(0) */

	for (uint8_t inner = 0; inner < 4; inner++) {
		for (uint8_t outer = 0; outer < 4; outer++) {
			uint8_t want = outer == 3 && inner ? 3 : inner;
			uint8_t v4[20] = { 0x45, (uint8_t)(0xb8 | inner), 0, 20, 1, 2, 0, 0, 64 };
			uint8_t v6[40] = { 0x6b, (uint8_t)(0x8a | inner << 4) };

			store_be16(v4 + 10, checksum(v4));
			eq_int(inner_ecn_encap(bytes_of(v4, 20)), outer_of[inner]);
			eq_int(inner_ecn_encap(bytes_of(v6, 40)), outer_of[inner]);
			inner_ecn_decap(v4, 20, 0xb8 | outer);
			inner_ecn_decap(v6, 40, 0xb8 | outer);
			eq_int(v4[1], 0xb8 | want);
			eq_int(checksum(v4), 0);
			eq_int(v6[0], 0x6b);
			eq_int(v6[1], 0x8a | want << 4);
		}
	}
	eq_int(inner_ecn_encap(bytes_of(NULL, 0)), 0);
}

/* --- sessions */

static void padding_goes_to_sixteen_but_not_beyond_the_mtu(void)
{
	static const struct {
		size_t len;
		uint32_t mtu;
		size_t padded;
	} rows[] = {
		{ 0, 1420, 0 },       { 1, 1420, 16 },     { 16, 1420, 16 },
		{ 17, 1420, 32 },     { 1408, 1420, 1408 }, { 1409, 1420, 1420 },
		{ 1420, 1420, 1420 }, { 1421, 1420, 1421 }, { 1500, 1420, 1500 },
		{ 1269, 1299, 1280 }, { 1297, 1299, 1299 }, { 65000, 65000, 65000 },
		{ 64999, 65000, 65000 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		eq_int(session_sealed_len(rows[i].len, rows[i].mtu), rows[i].padded + 32);
}

static void age_and_counter_decide_what_a_session_may(void)
{
	static const struct {
		uint64_t counter;
		uint64_t age_s;
		bool initiator, may_send, stale_to_send, stale_to_receive;
	} rows[] = {
		{ 0, 0, true, true, false, false },
		{ 0, 119, true, true, false, false },
		{ 0, 120, true, true, true, false },
		{ 0, 120, false, true, false, false },
		{ 0, 164, true, true, true, false },
		{ 0, 165, true, true, true, true },
		{ 0, 165, false, true, false, false },
		{ 0, 179, true, true, true, true },
		{ 0, 180, true, false, true, true },
		{ 0, 180, false, false, false, false },
		{ REKEY_AFTER_MESSAGES, 0, false, true, false, false },
		{ REKEY_AFTER_MESSAGES + 1, 0, false, true, true, false },
		{ REJECT_AFTER_MESSAGES - 1, 0, true, true, true, false },
		{ REJECT_AFTER_MESSAGES, 0, true, false, true, false },
		{ UINT64_MAX, 0, true, false, true, false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct session s = { .birth = now, .send_counter = rows[i].counter,
				     .initiator = rows[i].initiator };
		struct instant at = instant_add(now, span_s(rows[i].age_s));

		eq_int(session_may_send(&s, at), rows[i].may_send);
		eq_int(session_is_stale_to_send(&s, at), rows[i].stale_to_send);
		eq_int(session_is_stale_to_receive(&s, at), rows[i].stale_to_receive);
	}
}

/* --- cookies */

static void cookies_are_used_for_115_seconds_and_secrets_for_120(void)
{
	struct random random = seeded();
	struct dh_public key = { { 9 } };
	struct cookie_checker checker;
	struct cookie_sender sender;
	struct message_initiation m = { .type = { MESSAGE_INITIATION } };
	struct message_cookie_reply reply;
	struct bytes message = bytes_of(&m, sizeof(m)), source = bytes_of("place", 5);
	uint8_t nonce[COOKIE_NONCE] = { 3 }, secret[32];

	cookie_checker_init(&checker, &key);
	cookie_sender_init(&sender, &key);
	cookie_checker_refresh(&checker, now, &random);
	memcpy(secret, checker.secret, sizeof(secret));
	cookie_add_macs(&sender, &m, sizeof(m), now);
	ok(ct_is_zero(m.mac2, sizeof(m.mac2)));
	cookie_create_reply(&reply, &checker, message, source, nonce);
	ok(cookie_read_reply(&sender, &reply, now));
	for (uint64_t s = 0; s <= 200; s++) {
		struct instant at = instant_add(now, span_s(s));

		cookie_add_macs(&sender, &m, sizeof(m), at);
		ok(cookie_mac1_valid(&checker, message));
		eq_int(!ct_is_zero(m.mac2, sizeof(m.mac2)), s < 115);
		cookie_checker_refresh(&checker, at, &random);
		eq_int(!memcmp(secret, checker.secret, sizeof(secret)), s < 120);
		eq_int(cookie_mac2_valid(&checker, message, source), s < 115);
	}
}

TAP_TESTS(T(timestamps_rise_whatever_the_clock_does),
	  T(the_highest_timestamp_stays),
	  T(indices_lead_to_their_slots_and_to_nobody_else),
	  T(inner_headers_are_read_at_their_edges),
	  T(congestion_marks_cross_the_tunnel),
	  T(padding_goes_to_sixteen_but_not_beyond_the_mtu),
	  T(age_and_counter_decide_what_a_session_may),
	  T(cookies_are_used_for_115_seconds_and_secrets_for_120))
