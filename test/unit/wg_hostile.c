/* What strangers, eavesdroppers and dishonest peers send, and what they get for it. */
#include "wg_world.h"

#include "crypto/aead.h"

#define A (&w->nodes[0])
#define B (&w->nodes[1])

static struct peer *peer_of(struct world_node *n)
{
	return &n->wg->peers[0];
}

/* An initiation for `to` by a stranger, with a right mac1 and without a mac2. */
static struct message_initiation stranger(struct world *w, const struct world_node *to)
{
	struct noise_identity self = { .is_set = false };
	struct noise_handshake hs = { .in_flight = false };
	struct noise_remote remote;
	struct cookie_sender macs;
	struct noise_fresh fresh = { .index = 77 };
	struct message_initiation m;
	struct dh_secret secret;

	world_random(w, &secret, sizeof(secret));
	noise_identity_set(&self, &secret);
	world_random(w, &fresh.ephemeral, sizeof(fresh.ephemeral));
	x25519_clamp(&fresh.ephemeral);
	noise_remote_init(&remote, &to->key);
	cookie_sender_init(&macs, &to->key);
	ok(noise_create_initiation(&m, &hs, &self, &remote, &fresh));
	cookie_add_macs(&macs, &m, sizeof(m), w->now.boot);
	return m;
}

static struct endpoint place(uint8_t a, uint8_t b, uint16_t port)
{
	return (struct endpoint){ .ip = ip_v4(203, 0, a, b), .port = port };
}

/* So many initiations of strangers within one instant. */
static void flood(struct world *w, struct world_node *to, uint32_t count)
{
	struct message_initiation m = stranger(w, to);

	for (uint32_t i = 0; i < count; i++) {
		struct endpoint from = place((uint8_t)(i >> 8), (uint8_t)i, 999);

		world_input(w, to, &from, 0, bytes_of(&m, sizeof(m)));
	}
}

/* --- silence */

static void strangers_get_no_answer(void)
{
	struct world *w = world_pair(1, true);
	struct message_initiation m = stranger(w, B);
	struct endpoint from = place(1, 1, 1);

	world_input(w, B, &from, 0, bytes_of(&m, sizeof(m)));
	eq_int(wg_counters(B->wg)->drop_unknown_peer, 1);
	m.mac1[0] ^= 1;
	world_input(w, B, &from, 0, bytes_of(&m, sizeof(m)));
	eq_int(wg_counters(B->wg)->drop_mac1, 1);
	eq_int(B->sent_bytes, 0);
	eq_int(B->wg->session_pool.count + B->wg->indices.count, 0);
	world_free(w);
}

static void random_and_cut_datagrams_change_nothing(void)
{
	struct world *w = world_pair(2, true);
	struct endpoint from = place(1, 1, 1);
	uint8_t junk[256];
	uint32_t sent;

	ok(world_ping(w, A, B));
	world_run(w, span_s(30));
	sent = B->sent_bytes;
	for (uint32_t i = 0; i < 20000; i++) {
		size_t len = rng_below(&w->rng, sizeof(junk));

		world_random(w, junk, len);
		if (len >= 4 && i % 2) {
			static const uint8_t lens[] = { 0, 148, 92, 64, 32 };
			uint32_t type = 1 + i / 2 % 4;

			store_le32(junk, type);
			len = i / 8 % 2 ? lens[type] : len;
		}
		world_input(w, B, &from, 0, bytes_of(junk, len));
	}
	eq_int(B->sent_bytes, sent);
	eq_int(B->delivered, 1);
	ok(endpoint_equal(&peer_of(B)->endpoint, &A->address));
	ok(world_ping(w, A, B));
	world_free(w);
}

/* Every datagram is seen by an eavesdropper, who sends all of them again at the end. */
struct tape {
	struct world_datagram d[64];
	uint32_t count;
};

static bool record(struct world *w, struct world_node *from, struct world_datagram *d)
{
	struct tape *tape = w->ctx;
	struct world_datagram *copy = &tape->d[tape->count++];

	(void)from;
	*copy = *d;
	copy->data = malloc(d->len);
	memcpy(copy->data, d->data, d->len);
	return false;
}

static void nothing_that_is_sent_again_is_accepted_or_answered(void)
{
	struct world *w = world_pair(3, true);
	struct endpoint thief = place(1, 1, 1);
	struct tape tape = { .count = 0 };
	uint32_t sent;

	w->meddle = record;
	w->ctx = &tape;
	for (int i = 0; i < 5; i++)
		ok(world_ping(w, A, B));
	w->meddle = NULL;
	sent = A->sent_bytes + B->sent_bytes;
	ok(tape.count >= 12);
	for (uint32_t i = 0; i < tape.count; i++) {
		struct bytes again = bytes_of(tape.d[i].data, tape.d[i].len);

		world_input(w, A, &thief, 0, again);
		world_input(w, B, &thief, 0, again);
		free(tape.d[i].data);
	}
	eq_int(A->sent_bytes + B->sent_bytes, sent);
	eq_int(A->delivered + B->delivered, 10);
	eq_int(wg_counters(B->wg)->drop_replayed_handshake, 1);
	ok(endpoint_equal(&peer_of(B)->endpoint, &A->address));
	ok(endpoint_equal(&peer_of(A)->endpoint, &B->address));
	ok(world_ping(w, A, B));
	world_free(w);
}

static void attack_30_forged_responses_fail_at_mac1_or_their_index(void)
{
	struct world *w = world_pair(4, true);
	struct endpoint from = place(1, 1, 1);
	struct message_response m = { .type = { MESSAGE_RESPONSE } };
	struct cookie_sender macs;
	uint32_t drops;

	/* An initiation of A waits; its index is known to the eavesdropper. */
	world_send(w, A, B, 84, 1);
	world_random(w, m.ephemeral, sizeof(m.ephemeral));
	store_le32(m.receiver, peer_of(A)->handshake.local_index);
	world_input(w, A, &from, 0, bytes_of(&m, sizeof(m)));
	eq_int(wg_counters(A->wg)->drop_mac1, 1);
	eq_int(wg_counters(A->wg)->drop_handshake, 0);

	cookie_sender_init(&macs, &A->key);
	store_le32(m.receiver, ~peer_of(A)->handshake.local_index);
	cookie_add_macs(&macs, &m, sizeof(m), w->now.boot);
	for (int i = 0; i < 100; i++)
		world_input(w, A, &from, 0, bytes_of(&m, sizeof(m)));
	eq_int(wg_counters(A->wg)->drop_unknown_index, 100);
	eq_int(wg_counters(A->wg)->cookies_sent, 0);

	/* With the index and mac1 right it costs X25519, but soon no more: cookies. */
	store_le32(m.receiver, peer_of(A)->handshake.local_index);
	cookie_add_macs(&macs, &m, sizeof(m), w->now.boot);
	for (int i = 0; i < 100; i++)
		world_input(w, A, &from, 0, bytes_of(&m, sizeof(m)));
	drops = (uint32_t)wg_counters(A->wg)->drop_handshake;
	eq_int(drops, LOAD_MESSAGES);
	eq_int(wg_counters(A->wg)->drop_mac2_needed, 100 - drops);
	/* The true response, meeting the same, is sent anew with a cookie. */
	world_run(w, span_s(6));
	eq_int(B->delivered, 1);
	world_free(w);
}

/* --- under load */

static void load_begins_with_33_messages_in_100_ms_and_lasts_a_second(void)
{
	struct world *w = world_pair(5, true);

	flood(w, B, LOAD_MESSAGES);
	eq_int(B->sent[MESSAGE_COOKIE_REPLY], 0);
	world_run(w, span_ms(100));
	flood(w, B, LOAD_MESSAGES);
	eq_int(B->sent[MESSAGE_COOKIE_REPLY], 0);
	world_run(w, span_ms(99));
	flood(w, B, 1);
	eq_int(B->sent[MESSAGE_COOKIE_REPLY], 1);
	world_run(w, span_ms(999));
	flood(w, B, 1);
	eq_int(B->sent[MESSAGE_COOKIE_REPLY], 2);
	world_run(w, span_ms(1));
	flood(w, B, 1);
	eq_int(B->sent[MESSAGE_COOKIE_REPLY], 2);
	world_free(w);
}

static void under_load_answers_are_never_larger_than_questions(void)
{
	struct world *w = world_pair(6, true);

	flood(w, B, 1000);
	eq_int(B->sent[MESSAGE_COOKIE_REPLY], 1000 - LOAD_MESSAGES);
	eq_int(B->sent_bytes, 64 * (1000 - LOAD_MESSAGES));
	eq_int(wg_counters(B->wg)->drop_unknown_peer, LOAD_MESSAGES);
	world_free(w);
}

/* Two thousand at once, 20,000 a second: all else that a flood sends costs two hashes. */
static void a_flood_gets_no_more_than_so_many_cookies(void)
{
	struct world *w = world_pair(16, true);

	flood(w, B, 2500);
	eq_int(B->sent[MESSAGE_COOKIE_REPLY], 2000);
	eq_int(wg_counters(B->wg)->cookies_sent, 2000);
	eq_int(wg_counters(B->wg)->drop_mac2_needed, 2500 - LOAD_MESSAGES);
	world_run(w, span_ms(10));
	flood(w, B, 500);
	eq_int(B->sent[MESSAGE_COOKIE_REPLY], 2000 + 200);
	world_free(w);
}

static void under_load_a_peer_gets_in_by_a_cookie(void)
{
	struct world *w = world_pair(7, true);

	flood(w, B, 100);
	world_send(w, A, B, 84, 1);
	world_run(w, span_ms(50));
	eq_int(wg_counters(A->wg)->cookies_received, 1);
	eq_int(B->delivered, 0);
	/* Still under load when A tries again, now with mac2. */
	world_run(w, span_ms(4900));
	flood(w, B, 100);
	world_run(w, span_ms(500));
	eq_int(A->sent[MESSAGE_INITIATION], 2);
	eq_int(B->delivered, 1);
	world_free(w);
}

static void a_cookie_is_worth_nothing_at_another_address_or_port(void)
{
	struct world *w = world_pair(8, true);
	struct message_initiation m = stranger(w, B);
	struct endpoint here = place(9, 9, 1000), port = place(9, 9, 1001), ip = place(9, 8, 1000);
	struct message_cookie_reply reply;
	struct cookie_sender macs;
	uint32_t cookies;

	cookie_sender_init(&macs, &B->key);
	cookie_add_macs(&macs, &m, sizeof(m), w->now.boot);
	flood(w, B, 100);
	wg_input(B->wg, w->now, &here, 0, bytes_of(&m, sizeof(m)), &w->out);
	eq_int(w->out.items[0].len, sizeof(reply));
	memcpy(&reply, w->out.items[0].data, sizeof(reply));
	world_drain(w, B);
	ok(cookie_read_reply(&macs, &reply, w->now.boot));
	cookie_add_macs(&macs, &m, sizeof(m), w->now.boot);

	cookies = B->sent[MESSAGE_COOKIE_REPLY];
	world_input(w, B, &port, 0, bytes_of(&m, sizeof(m)));
	world_input(w, B, &ip, 0, bytes_of(&m, sizeof(m)));
	eq_int(B->sent[MESSAGE_COOKIE_REPLY], cookies + 2);
	/* At the right place it counts, five at once. */
	for (int i = 0; i < 8; i++)
		world_input(w, B, &here, 0, bytes_of(&m, sizeof(m)));
	eq_int(B->sent[MESSAGE_COOKIE_REPLY], cookies + 2);
	eq_int(wg_counters(B->wg)->drop_unknown_peer, LOAD_MESSAGES + 5);
	eq_int(wg_counters(B->wg)->drop_ratelimit, 3);
	/* And for two minutes only. */
	world_run(w, span_s(120));
	flood(w, B, 100);
	cookies = B->sent[MESSAGE_COOKIE_REPLY];
	world_input(w, B, &here, 0, bytes_of(&m, sizeof(m)));
	eq_int(B->sent[MESSAGE_COOKIE_REPLY], cookies + 1);
	world_free(w);
}

static bool keep_cookie(struct world *w, struct world_node *from, struct world_datagram *d)
{
	(void)from;
	if (d->data[0] == MESSAGE_COOKIE_REPLY)
		memcpy(w->ctx, d->data, d->len);
	return false;
}

static void cookie_replies_are_taken_once_and_only_for_what_we_sent(void)
{
	struct world *w = world_pair(9, true);
	struct message_cookie_reply reply = { .type = { 0 } }, forged;
	uint8_t cookie[COOKIE_LEN];

	w->meddle = keep_cookie;
	w->ctx = &reply;
	flood(w, B, 100);
	world_send(w, A, B, 84, 1);
	world_run(w, span_ms(30));
	forged = reply;
	forged.encrypted_cookie[0] ^= 1;
	world_input(w, A, &B->address, 0, bytes_of(&forged, sizeof(forged)));
	eq_int(wg_counters(A->wg)->drop_handshake, 1);
	world_run(w, span_ms(30));
	eq_int(wg_counters(A->wg)->cookies_received, 1);
	memcpy(cookie, peer_of(A)->cookie.cookie, sizeof(cookie));
	world_input(w, A, &B->address, 0, bytes_of(&reply, sizeof(reply)));
	eq_int(wg_counters(A->wg)->cookies_received, 1);
	eq_int(wg_counters(A->wg)->drop_handshake, 2);
	store_le32(forged.receiver, ~load_le32(forged.receiver));
	world_input(w, A, &B->address, 0, bytes_of(&forged, sizeof(forged)));
	eq_int(wg_counters(A->wg)->drop_unknown_index, 1);
	eq_mem(cookie, peer_of(A)->cookie.cookie, sizeof(cookie));
	world_free(w);
}

static void initiations_of_a_peer_are_answered_fifty_times_a_second(void)
{
	struct world *w = world_pair(10, true);
	struct noise_handshake hs = { .in_flight = false };
	struct noise_remote remote;
	struct cookie_sender macs;
	struct noise_fresh fresh = { .index = 5 };
	struct noise_identity self = { .is_set = false };
	struct message_initiation m;

	noise_identity_set(&self, &A->secret);
	noise_remote_init(&remote, &B->key);
	cookie_sender_init(&macs, &B->key);
	for (uint32_t i = 0; i < 1000; i++) {
		world_random(w, &fresh.ephemeral, sizeof(fresh.ephemeral));
		x25519_clamp(&fresh.ephemeral);
		store_be32(fresh.timestamp.b + 8, i + 1);
		ok(noise_create_initiation(&m, &hs, &self, &remote, &fresh));
		cookie_add_macs(&macs, &m, sizeof(m), w->now.boot);
		world_input(w, B, &A->address, 0, bytes_of(&m, sizeof(m)));
		w->now.boot = instant_add(w->now.boot, span_ms(4));
	}
	/* 4 seconds; 20 ms apart; 25 within 100 ms are no load. */
	eq_int(B->sent[MESSAGE_RESPONSE], 200);
	eq_int(wg_counters(B->wg)->drop_flood, 800);
	/* They used one place for a key pair, not two hundred. */
	eq_int(B->wg->session_pool.count, 1);
	eq_int(B->wg->indices.count, 1);
	world_free(w);
}

/* --- keys that must not be used */

static void low_order_peers_never_get_a_packet(void)
{
	static const uint8_t bad[][32] = {
		{ 0 }, { 1 },
		{ 0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1,
		  0x9f, 0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62,
		  0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00 },
	};
	struct world *w = world_pair(11, true);

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct dh_public key;
		uint32_t peer;

		memcpy(key.b, bad[i], sizeof(key.b));
		peer = wg_peer_add(A->wg, &key, 9, w->now.boot);
		ok(peer != WG_NONE);
		wg_peer_set_endpoint(A->wg, peer, &B->address);
		wg_peer_set_keepalive(A->wg, peer, 1, w->now, &w->out);
		wg_send(A->wg, w->now, peer, world_packet(w, A, B, 84, 1), &w->out);
		world_drain(w, A);
		world_run(w, span_s(10));
		eq_int(A->sent_bytes, 0);
		eq_int(A->wg->indices.count, 0);
		eq_int(A->wg->stage.pool.count, 0);
		wg_peer_remove(A->wg, peer);
	}
	world_free(w);
}

static void our_own_key_is_no_peer(void)
{
	struct world *w = world_pair(12, true);
	struct dh_secret secret = { { 9 } };
	struct dh_public own;
	uint32_t peer;

	ok(wg_peer_add(A->wg, &A->key, 0, w->now.boot) == WG_NONE);
	x25519_public(&own, &(struct dh_secret){ { 8, [31] = 64 } });
	peer = wg_peer_add(A->wg, &own, 0, w->now.boot);
	ok(peer != WG_NONE);
	wg_set_private(A->wg, &secret, w->now.boot); /* 9 is clamped to 8 and a high bit */
	eq_mem(wg_public(A->wg), &own, sizeof(own));
	eq_int(wg_private(A->wg)->b[0], 8);
	eq_int(wg_private(A->wg)->b[31], 64);
	ok(wg_peer_find(A->wg, &own) == WG_NONE);
	eq_int(wg_peer_count(A->wg), 1);
	world_free(w);
}

/* --- dishonest peers: what is inside */

/* Sends this as an inner packet from A to B, whatever it is. */
static void send_raw(struct world *w, const void *packet, size_t len)
{
	wg_send(A->wg, w->now, 0, bytes_of(packet, len), &w->out);
	world_drain(w, A);
	world_run(w, span_ms(50));
}

static void attack_13_inner_sources_that_are_not_the_peers_are_dropped(void)
{
	static const uint8_t sources[][4] = {
		{ 10, 0, 0, 2 }, { 10, 0, 0, 3 }, { 0, 0, 0, 0 }, { 224, 0, 0, 1 },
		{ 255, 255, 255, 255 }, { 127, 0, 0, 1 },
	};
	struct world *w = world_pair(13, true);
	uint8_t packet[84], v6[60] = { 0x60, 0, 0, 0, 0, 20, 59, 64 };
	struct endpoint moved = { .ip = ip_v4(198, 51, 100, 9), .port = 4444 };

	ok(world_ping(w, A, B));
	memcpy(packet, world_packet(w, A, B, 84, 1).data, sizeof(packet));
	A->address = moved;
	for (size_t i = 0; i < sizeof(sources) / sizeof(*sources); i++) {
		memcpy(packet + 12, sources[i], 4);
		send_raw(w, packet, sizeof(packet));
		eq_int(wg_counters(B->wg)->drop_source, i + 1);
	}
	send_raw(w, v6, sizeof(v6)); /* from :: */
	v6[18] = v6[19] = 0xff;      /* from ::ffff:10.0.0.1 */
	memcpy(v6 + 20, (uint8_t[]){ 10, 0, 0, 1 }, 4);
	send_raw(w, v6, sizeof(v6));
	eq_int(wg_counters(B->wg)->drop_source, 8);
	eq_int(B->delivered, 1);
	/* They were authentic all the same: the endpoint moved (row 17). */
	ok(endpoint_equal(&peer_of(B)->endpoint, &moved));
	world_free(w);
}

static void the_longest_prefix_says_whose_a_source_is(void)
{
	struct world *w = world_pair(15, true);
	struct dh_public key = { { 9 } };
	struct ip ip = ip_v4(10, 7, 0, 0), host = ip_v4(10, 7, 0, 9);
	struct prefix wide = prefix_of(&ip, 24), narrow = prefix_of(&host, 32);
	uint32_t other = wg_peer_add(B->wg, &key, 5, w->now.boot);
	uint8_t packet[84];

	ok(world_ping(w, A, B));
	memcpy(packet, world_packet(w, A, B, 84, 1).data, sizeof(packet));
	memcpy(packet + 12, host.b, 4);
	ok(allowedips_insert(B->routes, &wide, 0));
	send_raw(w, packet, sizeof(packet));
	eq_int(B->delivered, 2);
	ok(allowedips_insert(B->routes, &narrow, other));
	send_raw(w, packet, sizeof(packet));
	eq_int(B->delivered, 2);
	eq_int(wg_counters(B->wg)->drop_source, 1);
	world_free(w);
}

static void malformed_inner_packets_are_dropped(void)
{
	struct world *w = world_pair(14, true);
	uint8_t p[84], nothing[16] = { 0 };
	uint64_t drops = 0;

	ok(world_ping(w, A, B));
	for (uint32_t len = 0; len < 20; len++) { /* total length below a header */
		memcpy(p, world_packet(w, A, B, 84, 1).data, sizeof(p));
		store_be16(p + 2, (uint16_t)len);
		send_raw(w, p, sizeof(p));
		eq_int(wg_counters(B->wg)->drop_inner, ++drops);
	}
	store_be16(p + 2, 97); /* 84 are padded to 96 */
	send_raw(w, p, sizeof(p));
	eq_int(wg_counters(B->wg)->drop_inner, ++drops);
	for (unsigned int version = 0; version < 16; version++) {
		memcpy(p, world_packet(w, A, B, 84, 1).data, sizeof(p));
		p[0] = (uint8_t)(version << 4 | 5);
		if (version == 4 || version == 6)
			continue;
		send_raw(w, p, sizeof(p));
		eq_int(wg_counters(B->wg)->drop_inner, ++drops);
	}
	send_raw(w, nothing, sizeof(nothing));
	eq_int(wg_counters(B->wg)->drop_inner, ++drops);
	eq_int(B->delivered, 1);
	/* A shorter one within its padding is trimmed to what it says. */
	memcpy(p, world_packet(w, A, B, 84, 1).data, sizeof(p));
	store_be16(p + 2, 30);
	send_raw(w, p, sizeof(p));
	eq_int(B->last_len, 30);
	world_free(w);
}

TAP_TESTS(T(strangers_get_no_answer),
	  T(random_and_cut_datagrams_change_nothing),
	  T(nothing_that_is_sent_again_is_accepted_or_answered),
	  T(attack_30_forged_responses_fail_at_mac1_or_their_index),
	  T(load_begins_with_33_messages_in_100_ms_and_lasts_a_second),
	  T(under_load_answers_are_never_larger_than_questions),
	  T(a_flood_gets_no_more_than_so_many_cookies),
	  T(under_load_a_peer_gets_in_by_a_cookie),
	  T(a_cookie_is_worth_nothing_at_another_address_or_port),
	  T(cookie_replies_are_taken_once_and_only_for_what_we_sent),
	  T(initiations_of_a_peer_are_answered_fifty_times_a_second),
	  T(low_order_peers_never_get_a_packet),
	  T(our_own_key_is_no_peer),
	  T(attack_13_inner_sources_that_are_not_the_peers_are_dropped),
	  T(the_longest_prefix_says_whose_a_source_is),
	  T(malformed_inner_packets_are_dropped))
