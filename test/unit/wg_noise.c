/* The handshake and what it wraps against two exchanges of another implementation, byte by
 * byte; and what a handshake must refuse. */
#include "base/text.h"
#include "contexts.h"
#include "crypto/curve.h"
#include "tap.h"
#include "vectors/wg_golden.h"
#include "wg/cookie.h"
#include "wg/noise.h"
#include "wg/session.h"

#define GOLDENS (sizeof(wg_golden) / sizeof(*wg_golden))
#define HEX(out, text) ok(hex_decode(text, strlen(text), out, sizeof(out)))
#define EQ_HEX(got, text)                                                     \
	do {                                                                  \
		char hex_[2 * sizeof(got) + 1];                               \
		hex_encode(&(got), sizeof(got), hex_, sizeof(hex_));          \
		eq_str(hex_, text);                                           \
	} while (0)

static const struct instant now = { 5000000000000 };

/* Both ends of one exchange. */
struct pair {
	struct noise_identity i, r;
	struct noise_remote of_i, of_r; /* the initiator seen by the responder, and so on */
	struct noise_handshake hi, hr;
	struct noise_fresh fi, fr;
	struct message_initiation initiation;
	struct message_response response;
};

static void pair_init(struct pair *p, const struct wg_golden *g)
{
	struct dh_secret i, r;

	test_crypto();
	memset(p, 0, sizeof(*p));
	HEX(i.b, g->initiator_static_private);
	HEX(r.b, g->responder_static_private);
	noise_identity_set(&p->i, &i);
	noise_identity_set(&p->r, &r);
	noise_remote_init(&p->of_i, &p->i.public);
	noise_remote_init(&p->of_r, &p->r.public);
	HEX(p->of_i.preshared.b, g->psk);
	HEX(p->of_r.preshared.b, g->psk);
	HEX(p->fi.ephemeral.b, g->initiator_ephemeral_private);
	HEX(p->fr.ephemeral.b, g->responder_ephemeral_private);
	x25519_clamp(&p->fi.ephemeral);
	x25519_clamp(&p->fr.ephemeral);
	HEX(p->fi.timestamp.b, g->tai64n);
	p->fi.index = GOLDEN_INITIATOR_INDEX;
	p->fr.index = GOLDEN_RESPONDER_INDEX;
}

static bool create(struct pair *p)
{
	return noise_create_initiation(&p->initiation, &p->hi, &p->i, &p->of_r, &p->fi);
}

static enum noise_result answer_at(struct pair *p, struct instant at)
{
	struct dh_public who;
	enum noise_result r;

	if (!noise_read_static(&who, &p->hr, &p->r, &p->initiation))
		return NOISE_BAD;
	eq_mem(who.b, p->i.public.b, 32);
	r = noise_read_timestamp(&p->hr, &p->r, &p->of_i, &p->initiation, at);
	if (r == NOISE_OK)
		ok(noise_create_response(&p->response, &p->hr, &p->of_i, &p->fr));
	return r;
}

static void exchange(struct pair *p, const struct wg_golden *g)
{
	pair_init(p, g);
	ok(create(p));
	eq_int(answer_at(p, now), NOISE_OK);
	ok(noise_read_response(&p->hi, &p->i, &p->of_r, &p->response));
}

static void both_messages_are_those_of_the_golden_exchanges(void)
{
	for (size_t n = 0; n < GOLDENS; n++) {
		const struct wg_golden *g = &wg_golden[n];
		struct cookie_sender to_r, to_i;
		struct pair p;

		exchange(&p, g);
		EQ_HEX(p.i.public.b, g->initiator_static_public);
		EQ_HEX(p.r.public.b, g->responder_static_public);
		cookie_sender_init(&to_r, &p.r.public);
		cookie_sender_init(&to_i, &p.i.public);
		cookie_add_macs(&to_r, &p.initiation, sizeof(p.initiation), now);
		cookie_add_macs(&to_i, &p.response, sizeof(p.response), now);
		EQ_HEX(p.initiation, g->initiation);
		EQ_HEX(p.response, g->response);
		EQ_HEX(p.hi.h, g->handshake_hash);
		EQ_HEX(p.hr.h, g->handshake_hash);
	}
}

static void sessions_seal_and_open_the_golden_packets(void)
{
	for (size_t n = 0; n < GOLDENS; n++) {
		const struct wg_golden *g = &wg_golden[n];
		struct session si, sr;
		uint8_t keepalive[32], data[64], plain[29], out[64];
		struct pair p;

		exchange(&p, g);
		session_init(&si, &p.hi, true, 0, now);
		session_init(&sr, &p.hr, false, 0, now);
		EQ_HEX(si.send_key, g->initiator_send_key);
		EQ_HEX(sr.send_key, g->responder_send_key);
		EQ_HEX(si.receive_key, g->responder_send_key);
		ok(ct_is_zero(&p.hi, sizeof(p.hi)) && ct_is_zero(&p.hr, sizeof(p.hr)));

		eq_int(session_sealed_len(0, 1420), 32);
		session_seal(&si, keepalive, 0, 32);
		EQ_HEX(keepalive, g->keepalive_i2r_counter0);
		HEX(plain, g->data_plain);
		memcpy(data + MESSAGE_DATA_PLAIN, plain, sizeof(plain));
		eq_int(session_sealed_len(sizeof(plain), 1420), 64);
		session_seal(&si, data, sizeof(plain), 64);
		EQ_HEX(data, g->data_i2r_counter1);
		eq_int(session_open(&sr, out, bytes_of(data, 64), now), SESSION_OPENED);
		eq_mem(out, plain, sizeof(plain));
		eq_int(session_open(&sr, out, bytes_of(keepalive, 32), now), SESSION_OPENED);
		eq_int(session_open(&sr, out, bytes_of(data, 64), now), SESSION_REPLAYED);
		HEX(data, g->data_r2i_counter0);
		eq_int(session_open(&si, out, bytes_of(data, 64), now), SESSION_OPENED);
	}
}

static void cookies_and_mac2_are_those_of_the_golden_exchanges(void)
{
	static const uint8_t source[] = { 203, 0, 113, 7, 51820 >> 8, 51820 & 255 };

	for (size_t n = 0; n < GOLDENS; n++) {
		const struct wg_golden *g = &wg_golden[n];
		struct message_cookie_reply reply;
		struct cookie_checker checker;
		struct cookie_sender sender;
		struct bytes from = bytes_of(source, sizeof(source)), message;
		uint8_t nonce[COOKIE_NONCE];
		struct pair p;

		exchange(&p, g);
		message = bytes_of(&p.initiation, sizeof(p.initiation));
		cookie_checker_init(&checker, &p.r.public);
		cookie_sender_init(&sender, &p.r.public);
		HEX(checker.secret, g->cookie_secret);
		HEX(nonce, g->cookie_nonce);
		cookie_add_macs(&sender, &p.initiation, sizeof(p.initiation), now);
		ok(cookie_mac1_valid(&checker, message));
		ok(!cookie_mac2_valid(&checker, message, from));
		cookie_create_reply(&reply, &checker, message, from, nonce);
		EQ_HEX(reply, g->cookie_reply);
		ok(cookie_read_reply(&sender, &reply, now));
		EQ_HEX(sender.cookie, g->cookie);
		cookie_add_macs(&sender, &p.initiation, sizeof(p.initiation), now);
		EQ_HEX(p.initiation, g->initiation_with_mac2);
		ok(cookie_mac2_valid(&checker, message, from));
		ok(!cookie_mac2_valid(&checker, message, bytes_of(source, 5)));
	}
}

static void every_changed_byte_of_an_initiation_is_noticed(void)
{
	struct pair p;

	pair_init(&p, &wg_golden[1]);
	ok(create(&p));
	/* Type and sender are covered by mac1 only; the ephemeral's top bit by nothing. */
	for (size_t i = 8; i < 116; i++) {
		uint8_t *byte = (uint8_t *)&p.initiation + i;
		struct noise_remote before = p.of_i;

		*byte ^= 1;
		eq_int(answer_at(&p, now), NOISE_BAD);
		*byte ^= 1;
		eq_mem(p.of_i.greatest.b, before.greatest.b, 12);
	}
	eq_int(answer_at(&p, now), NOISE_OK);
}

static void every_changed_byte_of_a_response_is_noticed_and_the_handshake_waits_on(void)
{
	struct pair p;

	pair_init(&p, &wg_golden[1]);
	ok(create(&p));
	eq_int(answer_at(&p, now), NOISE_OK);
	for (size_t i = 12; i < 60; i++) {
		uint8_t *byte = (uint8_t *)&p.response + i;

		*byte ^= 1;
		ok(!noise_read_response(&p.hi, &p.i, &p.of_r, &p.response));
		*byte ^= 1;
	}
	ok(p.hi.in_flight);
	ok(noise_read_response(&p.hi, &p.i, &p.of_r, &p.response));
}

static void a_wrong_preshared_key_fails_at_the_response(void)
{
	struct pair p;

	pair_init(&p, &wg_golden[1]);
	p.of_i.preshared.b[31] ^= 1;
	ok(create(&p));
	eq_int(answer_at(&p, now), NOISE_OK);
	ok(!noise_read_response(&p.hi, &p.i, &p.of_r, &p.response));
}

static void only_a_greater_timestamp_is_taken_and_fifty_a_second(void)
{
	static const struct {
		int after_ms, steps;
		enum noise_result want;
	} rows[] = {
		{ 0, 0, NOISE_OK },          { 1000, 0, NOISE_REPLAYED },
		{ 1000, -1, NOISE_REPLAYED }, { 1000, 1, NOISE_OK },
		{ 1019, 2, NOISE_FLOOD },    { 1020, 2, NOISE_OK },
		{ 1040, 2, NOISE_REPLAYED }, { 1040, 3, NOISE_OK },
	};
	struct pair p;

	pair_init(&p, &wg_golden[0]);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		HEX(p.fi.timestamp.b, wg_golden[0].tai64n);
		p.fi.timestamp.b[11] = (uint8_t)(128 + rows[i].steps);
		ok(create(&p));
		eq_int(answer_at(&p, instant_add(now, span_ms((uint64_t)rows[i].after_ms))),
		       rows[i].want);
	}
}

/* The points of small order that WireGuard's own network test has. */
static const char *const low_order[] = {
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
	"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
};

static void points_of_small_order_end_a_handshake_wherever_they_are(void)
{
	for (size_t i = 0; i < sizeof(low_order) / sizeof(*low_order); i++) {
		struct pair p;
		struct dh_public key;

		pair_init(&p, &wg_golden[0]);
		HEX(key.b, low_order[i]);
		noise_remote_init(&p.of_r, &key);
		ok(!create(&p));
		ok(!p.hi.in_flight);

		pair_init(&p, &wg_golden[0]);
		ok(create(&p));
		memcpy(p.initiation.ephemeral, key.b, 32);
		eq_int(answer_at(&p, now), NOISE_BAD);

		exchange(&p, &wg_golden[0]);
		memcpy(p.response.ephemeral, key.b, 32);
		ok(!noise_read_response(&p.hi, &p.i, &p.of_r, &p.response));
	}
}

static void without_a_key_of_our_own_nothing_is_made_or_read(void)
{
	struct dh_public who;
	struct pair p;

	exchange(&p, &wg_golden[0]);
	noise_identity_set(&p.i, NULL);
	noise_identity_set(&p.r, NULL);
	ok(!create(&p));
	ok(!noise_read_static(&who, &p.hr, &p.r, &p.initiation));
	ok(!noise_read_response(&p.hi, &p.i, &p.of_r, &p.response));
}

TAP_TESTS(T(both_messages_are_those_of_the_golden_exchanges),
	  T(sessions_seal_and_open_the_golden_packets),
	  T(cookies_and_mac2_are_those_of_the_golden_exchanges),
	  T(every_changed_byte_of_an_initiation_is_noticed),
	  T(every_changed_byte_of_a_response_is_noticed_and_the_handshake_waits_on),
	  T(a_wrong_preshared_key_fails_at_the_response),
	  T(only_a_greater_timestamp_is_taken_and_fifty_a_second),
	  T(points_of_small_order_end_a_handshake_wherever_they_are),
	  T(without_a_key_of_our_own_nothing_is_made_or_read))
