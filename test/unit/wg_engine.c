/* Two engines on a pretended wire: what a user of the tunnel sees, in pretended time. */
#include "wg_world.h"

#include "crypto/aead.h"

#define A (&w->nodes[0])
#define B (&w->nodes[1])

static struct peer *peer_of(struct world_node *n)
{
	return &n->wg->peers[0];
}

static uint64_t seconds_since(const struct world *w, struct instant t)
{
	return span_in_s(instant_since(w->now.boot, t));
}

/* Milliseconds between two instants. */
static intmax_t ms(struct instant later, struct instant earlier)
{
	return (intmax_t)span_in_ms(instant_since(later, earlier));
}

/* --- things that happen to datagrams on the wire */

static bool lose_all(struct world *w, struct world_node *from, struct world_datagram *d)
{
	(void)w, (void)from, (void)d;
	return true;
}

/* ctx: a message type; the first such datagram is lost. */
static bool lose_first(struct world *w, struct world_node *from, struct world_datagram *d)
{
	uint32_t *type = w->ctx;

	(void)from;
	if (d->data[0] != *type)
		return false;
	*type = 0;
	return true;
}

static bool lose_tenth(struct world *w, struct world_node *from, struct world_datagram *d)
{
	(void)from, (void)d;
	return rng_below(&w->rng, 10) == 0;
}

/* --- the handshake */

static void first_packet_arrives_after_a_handshake(void)
{
	struct world *w = world_pair(1, true);

	ok(world_send(w, A, B, 84, 7));
	eq_int(A->sent[MESSAGE_INITIATION], 1);
	eq_int(A->sent[MESSAGE_DATA], 0);
	eq_int(A->last_ecn, 0x88);
	world_run(w, span_ms(100));
	eq_int(B->sent[MESSAGE_RESPONSE], 1);
	eq_int(B->delivered, 1);
	eq_int(B->last_len, 84);
	eq_mem(B->last, world_packet(w, A, B, 84, 7).data, 84);
	eq_int(A->facts[WG_FACT_HANDSHAKE], 1);
	eq_int(B->facts[WG_FACT_HANDSHAKE], 1);
	ok(A->last_fact[WG_FACT_HANDSHAKE].initiator);
	ok(!B->last_fact[WG_FACT_HANDSHAKE].initiator);
	eq_int(A->last_fact[WG_FACT_HANDSHAKE].slot, 1);
	ok(!timers_is_set(&peer_of(A)->timers, TIMER_RETRANSMIT));
	ok(!instant_is_set(peer_of(A)->timers.attempt_since));
	ok(world_ping(w, B, A));
	world_free(w);
}

static void responder_sends_only_after_the_first_authentic_packet(void)
{
	struct world *w = world_pair(2, true);
	uint32_t lose = MESSAGE_DATA;

	/* The initiator's first packet, which confirms the keys, is lost. */
	w->meddle = lose_first;
	w->ctx = &lose;
	wg_peer_handshake(A->wg, 0, w->now, &w->out);
	world_drain(w, A);
	world_run(w, span_ms(100));
	eq_int(lose, 0);
	eq_int(B->facts[WG_FACT_HANDSHAKE], 0);
	world_send(w, B, A, 84, 1);
	world_run(w, span_ms(100));
	eq_int(B->sent[MESSAGE_DATA], 0);
	eq_int(A->delivered, 0);
	/* The next one confirms them, and what waited goes out. */
	world_send(w, A, B, 84, 1);
	world_run(w, span_ms(100));
	eq_int(B->facts[WG_FACT_HANDSHAKE], 1);
	eq_int(A->delivered, 1);
	world_free(w);
}

static void lost_initiation_or_response_is_tried_again_after_five_seconds_and_jitter(void)
{
	static const uint32_t types[] = { MESSAGE_INITIATION, MESSAGE_RESPONSE };
	bool differs = false;
	intmax_t first = 0;

	for (uint32_t i = 0; i < 8; i++) {
		struct world *w = world_pair(10 + i, true);
		uint32_t lose = types[i % 2];
		struct instant begun = w->now.boot;
		intmax_t took;

		w->meddle = lose_first;
		w->ctx = &lose;
		world_send(w, A, B, 84, 1);
		world_run(w, span_ms(4999));
		eq_int(A->sent[MESSAGE_INITIATION], 1);
		world_run(w, span_ms(400));
		eq_int(A->sent[MESSAGE_INITIATION], 2);
		took = ms(A->last_sent[MESSAGE_INITIATION], begun);
		ok(took >= 5000 && took <= 5333);
		differs |= i && took != first;
		first = took;
		world_run(w, span_ms(100));
		eq_int(B->delivered, 1);
		world_free(w);
	}
	ok(differs);
}

static void both_beginning_at_once_end_with_one_round_trip_and_working_keys(void)
{
	struct world *w = world_pair(3, true);

	world_send(w, A, B, 84, 1);
	world_send(w, B, A, 84, 2);
	world_run(w, span_ms(100));
	eq_int(A->delivered, 1);
	eq_int(B->delivered, 1);
	eq_int(A->sent[MESSAGE_INITIATION] + B->sent[MESSAGE_INITIATION], 2);
	ok(peer_session(A->wg, peer_of(A), PAIR_CURRENT)->initiator);
	ok(!peer_session(A->wg, peer_of(A), PAIR_PREVIOUS)->initiator);
	ok(!peer_session(A->wg, peer_of(A), PAIR_NEXT));
	for (int i = 0; i < 20; i++)
		ok(world_ping(w, A, B));
	eq_int(A->sent[MESSAGE_INITIATION] + B->sent[MESSAGE_INITIATION], 2);
	world_free(w);
}

static void gives_up_after_ninety_seconds_without_an_answer(void)
{
	struct world *w = world_pair(4, true);
	struct instant begun = w->now.boot;

	w->meddle = lose_all;
	world_send(w, A, B, 84, 1);
	world_run_until(w, (struct instant){ instant_add(begun, span_s(90)).ns - 1 });
	eq_int(A->facts[WG_FACT_GAVE_UP], 0);
	ok(A->sent[MESSAGE_INITIATION] >= 17 && A->sent[MESSAGE_INITIATION] <= 18);
	eq_int(peer_of(A)->staged.count, 1);
	world_run(w, span_ms(1));
	eq_int(A->facts[WG_FACT_GAVE_UP], 1);
	eq_int(peer_of(A)->staged.count, 0);
	ok(!peer_of(A)->handshake.in_flight);
	world_run(w, span_s(1000));
	ok(A->sent[MESSAGE_INITIATION] <= 18);
	eq_int(wg_deadline(A->wg).ns == INSTANT_NEVER.ns, true);
	/* A new packet begins anew. */
	w->meddle = NULL;
	ok(world_ping(w, A, B));
	world_free(w);
}

static void a_packet_during_the_attempt_counts_the_ninety_seconds_from_then(void)
{
	struct world *w = world_pair(5, true);

	w->meddle = lose_all;
	world_send(w, A, B, 84, 1);
	world_run(w, span_s(80));
	world_send(w, A, B, 84, 2);
	world_run(w, span_ms(89999));
	eq_int(A->facts[WG_FACT_GAVE_UP], 0);
	world_run(w, span_ms(1));
	eq_int(A->facts[WG_FACT_GAVE_UP], 1);
	world_free(w);
}

static void wrong_preshared_key_never_makes_a_session(void)
{
	struct world *w = world_pair(6, true);
	struct sym_key psk = { { 1 } };

	wg_peer_set_preshared(A->wg, 0, &psk);
	ok(!world_ping(w, A, B));
	eq_int(wg_counters(A->wg)->drop_handshake, 1);
	wg_peer_set_preshared(B->wg, 0, &psk);
	world_run(w, span_s(6));
	ok(world_ping(w, A, B));
	world_free(w);
}

/* --- what time does to a session */

static void initiator_renews_after_120_seconds_responder_does_not(void)
{
	struct world *w = world_pair(20, true);
	struct instant born;

	ok(world_ping(w, A, B));
	born = peer_session(A->wg, peer_of(A), PAIR_CURRENT)->birth;
	world_run_until(w, (struct instant){ instant_add(born, span_s(120)).ns - 1 });
	world_send(w, A, B, 84, 1);
	eq_int(A->sent[MESSAGE_INITIATION], 1);
	world_run(w, span_ms(1));
	world_send(w, B, A, 84, 1);
	eq_int(B->sent[MESSAGE_INITIATION], 0);
	world_send(w, A, B, 84, 1);
	eq_int(A->sent[MESSAGE_INITIATION], 2);
	world_run(w, span_ms(100));
	eq_int(A->facts[WG_FACT_HANDSHAKE], 2);
	eq_int(A->delivered + B->delivered, 5);
	world_free(w);
}

static void receiving_makes_the_initiator_renew_once_at_165_seconds(void)
{
	struct world *w = world_pair(21, true);
	struct instant born;

	ok(world_ping(w, A, B));
	born = peer_session(A->wg, peer_of(A), PAIR_CURRENT)->birth;
	world_run_until(w, instant_add(born, span_s(164)));
	world_send(w, B, A, 84, 1);
	world_run(w, span_ms(30));
	eq_int(A->sent[MESSAGE_INITIATION], 1);
	world_run_until(w, instant_add(born, span_s(165)));
	w->meddle = lose_first;
	w->ctx = &(uint32_t){ MESSAGE_INITIATION };
	for (int i = 0; i < 3; i++) {
		world_send(w, B, A, 84, 1);
		world_run(w, span_ms(30));
	}
	eq_int(A->sent[MESSAGE_INITIATION], 2);
	world_free(w);
}

static bool lose_from_first_node(struct world *w, struct world_node *from,
				 struct world_datagram *d)
{
	(void)d;
	return from == &w->nodes[0];
}

static void what_is_received_late_does_not_prolong_the_attempt(void)
{
	struct world *w = world_pair(32, true);
	struct instant born;

	/* Keepalives of the responder, each second; the initiator is heard no more. */
	ok(world_ping(w, A, B));
	born = peer_session(A->wg, peer_of(A), PAIR_CURRENT)->birth;
	world_run_until(w, instant_add(born, span_s(160)));
	w->meddle = lose_from_first_node;
	wg_peer_set_keepalive(B->wg, 0, 1, w->now, &w->out);
	world_drain(w, B);
	world_run_until(w, instant_add(born, span_s(164)));
	eq_int(A->sent[MESSAGE_INITIATION], 1);
	world_run_until(w, instant_add(born, span_s(254)));
	ok(A->sent[MESSAGE_INITIATION] > 5);
	eq_int(A->facts[WG_FACT_GAVE_UP], 0);
	world_run_until(w, instant_add(born, span_s(257)));
	eq_int(A->facts[WG_FACT_GAVE_UP], 1);
	world_free(w);
}

static void a_session_ends_at_180_seconds_on_both_sides(void)
{
	struct world *w = world_pair(22, true);
	struct instant born, end;
	struct session *at_a, *at_b;

	ok(world_ping(w, A, B));
	at_a = peer_session(A->wg, peer_of(A), PAIR_CURRENT);
	at_b = peer_session(B->wg, peer_of(B), PAIR_CURRENT);
	born = at_a->birth;
	end = instant_add(born, span_s(180));
	ok(session_may_send(at_a, (struct instant){ end.ns - 1 }));
	ok(!session_may_send(at_a, end));
	/* The responder's clock began a round trip earlier. */
	world_run_until(w, (struct instant){ end.ns - span_ms(100).ns });
	w->meddle = lose_all;
	world_send(w, B, A, 84, 1);
	eq_int(B->sent[MESSAGE_DATA] > 0, true);
	eq_int(B->sent[MESSAGE_INITIATION], 0);
	world_run_until(w, end);
	world_send(w, B, A, 84, 1);
	eq_int(B->sent[MESSAGE_INITIATION], 1);
	ok(!session_may_send(at_b, end));
	world_free(w);
}

static void expired_sessions_take_no_packet(void)
{
	struct world *w = world_pair(23, true);
	uint8_t late[32 + 96];
	struct session *s;

	ok(world_ping(w, A, B));
	s = peer_session(A->wg, peer_of(A), PAIR_CURRENT);
	memcpy(late + 16, world_packet(w, A, B, 84, 1).data, 84);
	session_seal(s, late, 84, sizeof(late));
	world_run(w, span_s(181));
	world_input(w, B, &A->address, 0, bytes_of(late, sizeof(late)));
	eq_int(wg_counters(B->wg)->drop_expired, 1);
	eq_int(B->delivered, 1);
	world_free(w);
}

static void keys_are_wiped_after_540_seconds(void)
{
	struct world *w = world_pair(24, true);
	struct session before, none = { .birth = { 0 } };
	struct session *s;

	ok(world_ping(w, A, B));
	s = peer_session(A->wg, peer_of(A), PAIR_CURRENT);
	before = *s;
	world_run_until(w, (struct instant){ instant_add(s->birth, span_s(540)).ns - 1 });
	eq_mem(&s->send_key, &before.send_key, 32);
	world_run(w, span_ms(1));
	eq_mem(s, &none, sizeof(none));
	ok(peer_of(A)->pairs[PAIR_CURRENT] == WG_NONE);
	eq_int(A->facts[WG_FACT_EXPIRED], 1);
	world_run(w, span_s(1));
	eq_int(B->facts[WG_FACT_EXPIRED], 1);
	eq_int(A->wg->indices.count + A->wg->session_pool.count, 0);
	ok(wg_deadline(A->wg).ns == INSTANT_NEVER.ns);
	world_free(w);
}

static void data_without_an_answer_is_acknowledged_by_a_keepalive_after_ten_seconds(void)
{
	struct world *w = world_pair(25, true);
	struct instant received;

	ok(world_ping(w, A, B));
	world_run(w, span_s(20));
	memset(A->sent, 0, sizeof(A->sent));
	memset(B->sent, 0, sizeof(B->sent));
	world_send(w, A, B, 84, 1);
	received = instant_add(w->now.boot, WORLD_DELAY);
	world_run(w, span_s(30));
	eq_int(B->sent[MESSAGE_DATA], 1);
	eq_int(ms(B->last_sent[MESSAGE_DATA], received), 10000);
	eq_int(A->sent[MESSAGE_DATA], 1); /* a keepalive is not answered */
	eq_int(A->sent[MESSAGE_INITIATION], 0);
	world_free(w);
}

static void data_that_goes_on_is_acknowledged_again(void)
{
	struct world *w = world_pair(33, true);

	ok(world_ping(w, A, B));
	world_run(w, span_s(20));
	memset(B->sent, 0, sizeof(B->sent));
	world_send(w, A, B, 84, 1);
	world_run(w, span_s(1));
	world_send(w, A, B, 84, 1);
	world_run(w, span_s(10));
	eq_int(B->sent[MESSAGE_DATA], 1);
	world_run(w, span_s(10));
	eq_int(B->sent[MESSAGE_DATA], 2);
	world_run(w, span_s(30));
	eq_int(B->sent[MESSAGE_DATA], 2);
	world_free(w);
}

static void unanswered_data_begins_a_new_handshake_after_fifteen_seconds(void)
{
	struct world *w = world_pair(26, true);
	struct instant sent;
	intmax_t took;

	ok(world_ping(w, A, B));
	world_run(w, span_s(20));
	w->meddle = lose_all;
	world_send(w, A, B, 84, 1);
	sent = w->now.boot;
	world_run(w, span_s(5));
	world_send(w, A, B, 84, 1);
	world_run(w, span_ms(9999));
	eq_int(A->sent[MESSAGE_INITIATION], 1);
	world_run(w, span_ms(400));
	eq_int(A->sent[MESSAGE_INITIATION], 2);
	took = ms(A->last_sent[MESSAGE_INITIATION], sent);
	ok(took >= 15000 && took <= 15333);
	world_free(w);
}

static void a_restarted_peer_is_found_again_by_unanswered_data(void)
{
	struct world *w = world_pair(27, true);

	ok(world_ping(w, A, B));
	world_run(w, span_s(20));
	wg_peer_expire(B->wg, 0); /* as after a restart: it knows no session */
	ok(!world_ping(w, A, B));
	world_run(w, span_s(16));
	ok(world_ping(w, A, B));
	world_free(w);
}

static void renewing_leaves_what_a_restarted_peer_made_just_now(void)
{
	struct world *w = world_pair(28, true);

	ok(world_ping(w, A, B));
	world_run(w, span_s(20));
	wg_peer_expire(B->wg, 0);
	world_send(w, B, A, 84, 1); /* its new process begins, and A answers before it knows */
	world_run(w, span_ms(30));
	wg_peer_renew(A->wg, 0, w->now, &w->out);
	world_drain(w, A);
	ok(!peer_session(A->wg, peer_of(A), PAIR_CURRENT));
	ok(peer_session(A->wg, peer_of(A), PAIR_NEXT));
	world_run(w, span_ms(200));
	for (int i = 0; i < 20; i++) {
		ok(world_ping(w, A, B));
		ok(world_ping(w, B, A));
	}
	/* Where there is nothing to renew, nothing is sent. */
	wg_peer_expire(A->wg, 0);
	world_run(w, span_ms(50));
	uint32_t sent = A->sent[MESSAGE_INITIATION];
	wg_peer_renew(A->wg, 0, w->now, &w->out);
	world_drain(w, A);
	eq_int(A->sent[MESSAGE_INITIATION], sent);
	world_free(w);
}

static void persistent_keepalive_sends_whenever_silent_for_so_long(void)
{
	struct world *w = world_pair(28, true);
	uint32_t before;

	wg_peer_set_keepalive(A->wg, 0, 25, w->now, &w->out);
	world_drain(w, A);
	eq_int(A->sent[MESSAGE_INITIATION], 1);
	world_run(w, span_ms(100));
	eq_int(A->sent[MESSAGE_DATA], 1);
	before = A->sent[MESSAGE_DATA];
	world_run(w, span_s(100));
	eq_int(A->sent[MESSAGE_DATA] - before, 4);
	/* For ever, across renewals; and off means off. */
	world_run(w, span_s(3600));
	ok(A->facts[WG_FACT_HANDSHAKE] >= 28);
	ok(instant_since(w->now.boot, A->last_sent[MESSAGE_DATA]).ns <= span_s(25).ns);
	wg_peer_set_keepalive(A->wg, 0, 0, w->now, &w->out);
	world_run(w, span_s(1));
	before = A->sent[MESSAGE_DATA];
	world_run(w, span_s(60));
	eq_int(A->sent[MESSAGE_DATA], before);
	world_free(w);
}

static void persistent_keepalive_goes_on_trying_while_the_peer_is_away(void)
{
	struct world *w = world_pair(29, true);

	w->meddle = lose_all;
	wg_peer_set_keepalive(A->wg, 0, 25, w->now, &w->out);
	world_drain(w, A);
	world_run(w, span_s(3600));
	ok(A->facts[WG_FACT_GAVE_UP] >= 20);
	w->meddle = NULL;
	world_run(w, span_s(30));
	eq_int(B->facts[WG_FACT_HANDSHAKE], 1);
	world_free(w);
}

/* --- counters of messages */

static void rekey_after_messages_and_reject_after_messages(void)
{
	struct world *w = world_pair(30, true);
	struct session *s;

	ok(world_ping(w, A, B));
	world_run(w, span_s(6));
	s = peer_session(B->wg, peer_of(B), PAIR_CURRENT); /* the responder renews too, for this */
	s->send_counter = REKEY_AFTER_MESSAGES;
	world_send(w, B, A, 84, 1);
	eq_int(B->sent[MESSAGE_INITIATION], 1);
	world_run(w, span_ms(100));
	eq_int(B->facts[WG_FACT_HANDSHAKE], 2);
	eq_int(B->facts[WG_FACT_HANDSHAKE] + A->facts[WG_FACT_HANDSHAKE], 4);

	world_run(w, span_s(6));
	s = peer_session(B->wg, peer_of(B), PAIR_CURRENT);
	s->send_counter = REJECT_AFTER_MESSAGES;
	memset(B->sent, 0, sizeof(B->sent));
	world_send(w, B, A, 84, 1);
	eq_int(B->sent[MESSAGE_DATA], 0);
	eq_int(B->sent[MESSAGE_INITIATION], 1);
	ok(world_ping(w, B, A));
	world_free(w);
}

/* A packet of A's present session to B with this counter, whatever the session's own. */
static void forge(struct world *w, uint64_t counter, uint8_t out[static 128])
{
	struct session *s = peer_session(A->wg, peer_of(A), PAIR_CURRENT);
	struct message_data *m = (struct message_data *)out;

	store_le32(m->type, MESSAGE_DATA);
	store_le32(m->receiver, s->remote_index);
	store_le64(m->counter, counter);
	memcpy(out + 16, world_packet(w, A, B, 96, 1).data, 96);
	aead_seal(out + 16, out + 16, 96, NULL, 0, counter, &s->send_key);
}

static void attack_32_highest_counters_are_refused_and_the_window_stays(void)
{
	struct world *w = world_pair(31, true);
	struct session *s;
	struct replay before;
	uint8_t packet[128];

	ok(world_ping(w, A, B));
	s = peer_session(B->wg, peer_of(B), PAIR_CURRENT);
	before = s->replay;
	for (uint64_t c = REJECT_AFTER_MESSAGES; c; c = c == UINT64_MAX ? 0 : UINT64_MAX) {
		forge(w, c, packet);
		world_input(w, B, &A->address, 0, bytes_of(packet, sizeof(packet)));
		eq_mem(&s->replay, &before, sizeof(before));
	}
	eq_int(wg_counters(B->wg)->drop_expired, 2);
	/* And a forged one with a counter far ahead does not move it either. */
	forge(w, 1000000, packet);
	packet[100] ^= 1;
	world_input(w, B, &A->address, 0, bytes_of(packet, sizeof(packet)));
	eq_mem(&s->replay, &before, sizeof(before));
	eq_int(wg_counters(B->wg)->drop_auth, 1);
	ok(world_ping(w, A, B));
	world_free(w);
}

/* --- endpoints */

static void roaming_follows_authentic_packets_only(void)
{
	struct world *w = world_pair(40, true);
	uint8_t packet[128];

	ok(world_ping(w, A, B));
	A->address = (struct endpoint){ .ip = ip_v4(198, 51, 100, 9), .port = 4444 };
	forge(w, 50, packet);
	packet[20] ^= 1;
	world_input(w, B, &A->address, 0, bytes_of(packet, sizeof(packet)));
	ok(!endpoint_equal(&peer_of(B)->endpoint, &A->address));
	ok(world_ping(w, A, B));
	ok(endpoint_equal(&peer_of(B)->endpoint, &A->address));
	eq_int(B->facts[WG_FACT_HEARD_FROM], 0);
	world_free(w);
}

static void without_roaming_an_unexpected_endpoint_is_only_told(void)
{
	struct world *w = world_pair(41, false);
	struct endpoint old = w->nodes[0].address;

	ok(world_ping(w, A, B));
	eq_int(B->facts[WG_FACT_HEARD_FROM], 0);
	A->address = (struct endpoint){ .ip = ip_v4(198, 51, 100, 9), .port = 4444 };
	ok(!world_ping(w, A, B));
	ok(endpoint_equal(&peer_of(B)->endpoint, &old));
	eq_int(B->facts[WG_FACT_HEARD_FROM], 1);
	ok(endpoint_equal(&B->last_fact[WG_FACT_HEARD_FROM].endpoint, &A->address));
	wg_peer_set_endpoint(B->wg, 0, &A->address);
	ok(world_ping(w, A, B));
	eq_int(B->facts[WG_FACT_HEARD_FROM], 1);
	world_free(w);
}

static void a_reply_goes_by_the_address_that_was_spoken_to(void)
{
	struct world *w = world_pair(42, true);
	struct endpoint from = w->nodes[0].address;
	uint8_t packet[128];

	ok(world_ping(w, A, B));
	from.local = ip_v4(192, 0, 2, 77);
	from.local_ifindex = 5;
	forge(w, 9, packet);
	world_input(w, B, &from, 0, bytes_of(packet, sizeof(packet)));
	world_send(w, B, A, 84, 1);
	ok(ip_equal(&B->last_to.local, &from.local));
	eq_int(B->last_to.local_ifindex, 5);
	/* When nothing comes back the system may choose another. */
	w->meddle = lose_all;
	world_run(w, span_s(16));
	eq_int(B->sent[MESSAGE_INITIATION], 1);
	eq_int(B->last_to.local.family, FAMILY_NONE);
	world_free(w);
}

static void packets_wait_for_an_endpoint_but_not_for_ever(void)
{
	struct world *w = world_new(43);
	struct wg_limits limits = { .peers = 8, .sessions = 16, .staged_packets = 256 };
	uint32_t peer;

	world_add(w, false, limits);
	world_add(w, false, limits);
	peer = world_peer(w, A, B, false);
	world_peer(w, B, A, true);
	ok(world_send(w, A, B, 84, 1));
	world_run(w, span_s(60));
	eq_int(A->sent[MESSAGE_INITIATION], 0);
	wg_peer_set_endpoint(A->wg, peer, &B->address);
	world_run(w, span_ms(100));
	eq_int(B->delivered, 1);

	wg_peer_set_endpoint(A->wg, peer, &(struct endpoint){ .port = 0 });
	ok(world_send(w, A, B, 84, 1));
	world_run(w, span_ms(90001));
	eq_int(peer_of(A)->staged.count, 0);
	eq_int(wg_counters(A->wg)->drop_no_endpoint, 1);
	world_free(w);
}

static void an_endpoint_that_returns_ends_the_waiting(void)
{
	struct world *w = world_pair(45, false);

	ok(world_ping(w, A, B));
	wg_peer_set_endpoint(A->wg, 0, &(struct endpoint){ .port = 0 });
	ok(world_send(w, A, B, 84, 1));
	world_run(w, span_s(1));
	wg_peer_set_endpoint(A->wg, 0, &B->address);
	world_run(w, span_ms(50));
	eq_int(B->delivered, 2);
	world_run(w, span_s(100));
	eq_int(A->facts[WG_FACT_GAVE_UP], 0);
	eq_int(A->sent[MESSAGE_INITIATION], 1);
	world_free(w);
}

static void a_second_try_may_leave_by_another_address(void)
{
	struct world *w = world_pair(46, true);
	struct endpoint to = w->nodes[1].address;

	to.local = ip_v4(192, 0, 2, 77);
	wg_peer_set_endpoint(A->wg, 0, &to);
	w->meddle = lose_all;
	world_send(w, A, B, 84, 1);
	ok(ip_equal(&A->last_to.local, &to.local));
	world_run(w, span_ms(5400));
	eq_int(A->sent[MESSAGE_INITIATION], 2);
	eq_int(A->last_to.local.family, FAMILY_NONE);
	world_free(w);
}

static void a_new_endpoint_is_tried_at_once(void)
{
	struct world *w = world_pair(44, false);
	struct endpoint elsewhere = { .ip = ip_v4(198, 51, 100, 66), .port = 1 };

	wg_peer_set_endpoint(A->wg, 0, &elsewhere);
	world_send(w, A, B, 84, 1);
	world_run(w, span_s(1));
	wg_peer_set_endpoint(A->wg, 0, &B->address);
	world_run(w, span_ms(100));
	eq_int(B->delivered, 1);
	world_free(w);
}

/* Frames of the first channel pass, or are lost. */
static bool by_relays(struct world *w, struct world_node *from, struct world_datagram *d)
{
	const bool is_first = d->to.channel == 1;

	(void)from;
	d->to.channel = 0;
	return is_first && w->ctx;
}

static void two_channels(struct world *w)
{
	struct endpoint by = B->address;

	by.channel = 1;
	wg_peer_set_endpoint(A->wg, 0, &by);
	world_run(w, span_s(10));
	w->meddle = by_relays;
	world_send(w, A, B, 84, 1);
	world_run(w, span_ms(5));
	by.channel = 2;
	wg_peer_set_endpoint(A->wg, 0, &by);
}

static void another_relay_does_not_make_the_answer_void(void)
{
	struct world *w = world_pair(45, false);

	two_channels(w);
	world_run(w, span_ms(100));
	eq_int(A->sent[MESSAGE_INITIATION], 1);
	eq_int(B->delivered, 1);
	world_free(w);
}

static void a_relay_that_lost_an_initiation_is_not_waited_for_long(void)
{
	struct world *w = world_pair(46, false);

	w->ctx = w;
	two_channels(w);
	world_run(w, span_ms(280));
	eq_int(A->sent[MESSAGE_INITIATION], 1);
	world_run(w, span_ms(120));
	eq_int(A->sent[MESSAGE_INITIATION], 2);
	eq_int(B->delivered, 1);
	world_free(w);
}

/* --- long runs */

/* One packet a second each way for ten hours; how many of them did not arrive. */
static uint32_t ten_hours(struct world *w)
{
	uint32_t lost = 0, seconds = 36000;

	for (uint32_t i = 0; i < seconds; i++) {
		world_send(w, A, B, 84, i);
		world_run(w, span_ms(500));
		world_send(w, B, A, 84, i);
		world_run(w, span_ms(500));
	}
	world_run(w, span_ms(100));
	lost = 2 * seconds - A->delivered - B->delivered;
	return lost;
}

static void ten_hours_of_pings_lose_nothing(void)
{
	struct world *w = world_pair(50, true);
	struct instant begun = w->now.boot;

	eq_int(ten_hours(w), 0);
	ok(seconds_since(w, begun) >= 36000);
	eq_int(A->facts[WG_FACT_GAVE_UP] + B->facts[WG_FACT_GAVE_UP], 0);
	/* One handshake in two minutes, not one a packet. */
	ok(A->sent[MESSAGE_INITIATION] + B->sent[MESSAGE_INITIATION] >= 290);
	ok(A->sent[MESSAGE_INITIATION] + B->sent[MESSAGE_INITIATION] <= 310);
	world_free(w);
}

static void ten_hours_on_a_bad_line_lose_what_the_line_loses(void)
{
	struct world *w = world_pair(51, true);
	uint32_t lost;

	w->meddle = lose_tenth;
	lost = ten_hours(w);
	/* 7,200 of 72,000 expected, give or take three hundred; none for lack of keys. */
	ok(lost > 6900 && lost < 7500);
	eq_int(A->facts[WG_FACT_GAVE_UP] + B->facts[WG_FACT_GAVE_UP], 0);
	eq_int(wg_counters(A->wg)->drop_staged_full, 0);
	world_free(w);
}

TAP_TESTS(T(first_packet_arrives_after_a_handshake),
	  T(responder_sends_only_after_the_first_authentic_packet),
	  T(lost_initiation_or_response_is_tried_again_after_five_seconds_and_jitter),
	  T(both_beginning_at_once_end_with_one_round_trip_and_working_keys),
	  T(gives_up_after_ninety_seconds_without_an_answer),
	  T(a_packet_during_the_attempt_counts_the_ninety_seconds_from_then),
	  T(wrong_preshared_key_never_makes_a_session),
	  T(initiator_renews_after_120_seconds_responder_does_not),
	  T(receiving_makes_the_initiator_renew_once_at_165_seconds),
	  T(what_is_received_late_does_not_prolong_the_attempt),
	  T(a_session_ends_at_180_seconds_on_both_sides),
	  T(expired_sessions_take_no_packet),
	  T(keys_are_wiped_after_540_seconds),
	  T(data_without_an_answer_is_acknowledged_by_a_keepalive_after_ten_seconds),
	  T(data_that_goes_on_is_acknowledged_again),
	  T(unanswered_data_begins_a_new_handshake_after_fifteen_seconds),
	  T(a_restarted_peer_is_found_again_by_unanswered_data),
	  T(renewing_leaves_what_a_restarted_peer_made_just_now),
	  T(persistent_keepalive_sends_whenever_silent_for_so_long),
	  T(persistent_keepalive_goes_on_trying_while_the_peer_is_away),
	  T(rekey_after_messages_and_reject_after_messages),
	  T(attack_32_highest_counters_are_refused_and_the_window_stays),
	  T(roaming_follows_authentic_packets_only),
	  T(without_roaming_an_unexpected_endpoint_is_only_told),
	  T(a_reply_goes_by_the_address_that_was_spoken_to),
	  T(packets_wait_for_an_endpoint_but_not_for_ever),
	  T(an_endpoint_that_returns_ends_the_waiting),
	  T(a_second_try_may_leave_by_another_address),
	  T(a_new_endpoint_is_tried_at_once),
	  T(another_relay_does_not_make_the_answer_void),
	  T(a_relay_that_lost_an_initiation_is_not_waited_for_long),
	  T(ten_hours_of_pings_lose_nothing),
	  T(ten_hours_on_a_bad_line_lose_what_the_line_loses))
