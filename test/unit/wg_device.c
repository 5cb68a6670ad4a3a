/* The engine as the device around it sees it: settings, counters, memory, many peers. */
#include "wg_world.h"

#define A (&w->nodes[0])
#define B (&w->nodes[1])

static struct peer *peer_of(struct world_node *n)
{
	return &n->wg->peers[0];
}

static struct wg_peer_info info_of(const struct world_node *n, uint32_t peer)
{
	struct wg_peer_info info;

	wg_peer_info(n->wg, peer, &info);
	return info;
}

/* --- what `wg show` shows */

static void bytes_are_counted_as_the_kernel_counts_them(void)
{
	struct world *w = world_pair(1, true);
	struct wg_peer_info a, b;

	/* ping -c 10 of 84 bytes: an initiation and ten of 128; a response and ten of 128. */
	for (int i = 0; i < 10; i++) {
		ok(world_ping(w, A, B));
		world_run(w, span_ms(800));
	}
	a = info_of(A, 0);
	b = info_of(B, 0);
	eq_int(a.rx_bytes, 1372);
	eq_int(a.tx_bytes, 1428);
	eq_int(b.tx_bytes, 1372);
	eq_int(b.rx_bytes, 1428);
	/* The keepalive that ends the conversation is counted too. */
	world_run(w, span_s(20));
	eq_int(info_of(A, 0).tx_bytes, 1460);
	eq_int(info_of(B, 0).rx_bytes, 1460);
	ok(a.has_session && b.has_session);
	eq_int(a.last_handshake.s, 1700000000);
	eq_int(a.keepalive_s, 0);
	eq_int(a.slot, 1);
	ok(endpoint_equal(&a.endpoint, &B->address));
	eq_mem(a.key.b, B->key.b, 32);
	world_run(w, span_s(180));
	wg_tick(A->wg, w->now, &w->out);
	ok(!info_of(A, 0).has_session);
	world_free(w);
}

static void a_dropped_inner_packet_counts_for_no_bytes(void)
{
	struct world *w = world_pair(2, true);
	uint64_t before;
	uint8_t p[84];

	ok(world_ping(w, A, B));
	before = info_of(B, 0).rx_bytes;
	memcpy(p, world_packet(w, B, A, 84, 1).data, sizeof(p));
	wg_send(A->wg, w->now, 0, bytes_of(p, sizeof(p)), &w->out);
	world_drain(w, A);
	world_run(w, span_ms(50));
	eq_int(wg_counters(B->wg)->drop_source, 1);
	eq_int(info_of(B, 0).rx_bytes, before);
	world_free(w);
}

/* --- packets of all sizes */

static void every_length_arrives_whole_within_the_mtu(void)
{
	static const uint32_t mtus[] = { 1300, 1420, 9000, 65000 };
	struct world *w = world_pair(3, true);

	ok(world_ping(w, A, B));
	for (size_t m = 0; m < sizeof(mtus) / sizeof(*mtus); m++) {
		wg_set_mtu(A->wg, mtus[m]);
		for (uint32_t len = 24; len <= mtus[m]; len += len < mtus[m] - 70 && len > 100 ?
		     61 : 1) {
			A->sent_bytes = 0;
			ok(world_send(w, A, B, len, len));
			ok(A->sent_bytes <= mtus[m] + 32);
			ok((A->sent_bytes - 32) % 16 == 0 || A->sent_bytes == mtus[m] + 32);
			world_run(w, span_ms(21));
			eq_int(B->last_len, len);
			eq_mem(B->last, world_packet(w, A, B, len, len).data, len);
		}
	}
	eq_int(wg_counters(B->wg)->drop_inner + wg_counters(B->wg)->drop_source, 0);
	world_free(w);
}

static void too_long_and_empty_packets_are_dropped(void)
{
	struct world *w = world_pair(4, true);
	static uint8_t p[65536];

	p[0] = 0x45;
	ok(!wg_send(A->wg, w->now, 0, bytes_of(p, 0), &w->out));
	ok(!wg_send(A->wg, w->now, 0, bytes_of(p, MESSAGE_MAX_INNER + 1), &w->out));
	ok(wg_send(A->wg, w->now, 0, bytes_of(p, MESSAGE_MAX_INNER), &w->out));
	eq_int(wg_counters(A->wg)->drop_inner, 2);
	world_free(w);
}

static void packets_without_a_route_are_dropped(void)
{
	struct world *w = world_pair(5, true);
	uint8_t p[84];

	memcpy(p, world_packet(w, A, B, 84, 1).data, sizeof(p));
	p[19] = 99;
	ok(!wg_route(A->wg, w->now, bytes_of(p, sizeof(p)), &w->out));
	eq_int(wg_counters(A->wg)->drop_no_route, 1);
	ok(!wg_route(A->wg, w->now, bytes_of(p, 19), &w->out));
	eq_int(wg_counters(A->wg)->drop_inner, 1);
	wg_set_routes(A->wg, NULL);
	ok(!world_send(w, A, B, 84, 1));
	world_free(w);
}

/* --- packets that wait */

/* The number in the packet delivered last. */
static uint32_t number_in(const struct world_node *n)
{
	return load_be32(n->last + 20);
}

static void waiting_packets_go_out_in_order_after_the_handshake(void)
{
	struct world *w = world_pair(6, true);

	for (uint32_t i = 0; i < 200; i++)
		ok(world_send(w, A, B, 1420, i));
	eq_int(info_of(A, 0).staged, 128);
	eq_int(wg_counters(A->wg)->drop_staged_full, 72);
	eq_int(A->sent[MESSAGE_INITIATION], 1);
	world_run(w, span_ms(100));
	eq_int(B->delivered, 128);
	eq_int(number_in(B), 199);
	eq_int(info_of(A, 0).staged, 0);
	eq_int(wg_counters(A->wg)->data_sent, 128);
	world_free(w);
}

static void a_small_outbox_is_filled_again_and_again_by_ticks(void)
{
	struct world *w = world_pair(7, true);

	for (uint32_t i = 0; i < 100; i++)
		ok(world_send(w, A, B, 1420, i));
	outbox_init(&w->out, w->items, 512, w->arena, 10000); /* six packets at once */
	world_run(w, span_ms(100));
	eq_int(B->delivered, 100);
	eq_int(number_in(B), 99);
	ok(A->wakeups >= 16);
	eq_int(w->out.refused, 0);
	world_free(w);
}

static void a_packet_does_not_overtake_those_that_wait(void)
{
	struct world *w = world_pair(17, true);

	ok(world_ping(w, A, B));
	world_run(w, span_s(1));
	outbox_init(&w->out, w->items, 512, w->arena, 1000); /* no room for one of 1420 */
	for (uint32_t i = 0; i < 3; i++)
		ok(wg_route(A->wg, w->now, world_packet(w, A, B, 1420, i), &w->out));
	eq_int(w->out.count, 0);
	eq_int(info_of(A, 0).staged, 3);
	outbox_init(&w->out, w->items, 512, w->arena, sizeof(w->arena));
	ok(world_send(w, A, B, 1420, 3));
	world_run(w, span_ms(50));
	eq_int(B->delivered, 5);
	eq_int(number_in(B), 3);
	eq_int(info_of(A, 0).staged, 0);
	world_free(w);
}

static void jumbo_packets_wait_and_flow_in_order(void)
{
	struct world *w = world_pair(8, true);

	wg_set_mtu(A->wg, 65000);
	for (uint32_t i = 0; i < 20; i++)
		ok(world_send(w, A, B, 65000, i));
	/* The store of this test is 256 chunks; a packet needs 32 of them. */
	eq_int(info_of(A, 0).staged, 8);
	eq_int(wg_counters(A->wg)->drop_staged_full, 12);
	world_run(w, span_ms(100));
	eq_int(B->delivered, 8);
	eq_int(number_in(B), 19);
	eq_int(B->last_len, 65000);
	ok(A->wakeups >= 2); /* not all in one step */
	world_free(w);
}

static void one_step_never_asks_for_more_than_it_promised(void)
{
	struct world *w = world_pair(9, true);

	for (uint32_t i = 0; i < 128; i++)
		ok(world_send(w, A, B, 1420, i));
	outbox_init(&w->out, w->items, OUTBOX_STEP_ITEMS, w->arena, OUTBOX_STEP_BYTES);
	world_run(w, span_ms(45));
	eq_int(w->out.refused, 0);
	eq_int(A->sent[MESSAGE_DATA], 128);
	eq_int(A->wakeups, 0);
	world_free(w);
}

/* --- settings */

static void going_down_forgets_and_is_silent_going_up_speaks_again(void)
{
	struct world *w = world_pair(10, true);
	uint32_t sent;

	wg_peer_set_keepalive(A->wg, 0, 25, w->now, &w->out);
	world_drain(w, A);
	ok(world_ping(w, A, B));
	wg_set_up(A->wg, false, w->now, &w->out);
	eq_int(w->out.count, 0);
	ok(wg_deadline(A->wg).ns == INSTANT_NEVER.ns);
	eq_int(A->wg->session_pool.count + A->wg->indices.count, 0);
	sent = A->sent_bytes;
	ok(!world_send(w, A, B, 84, 1));
	ok(!world_ping(w, B, A));
	world_run(w, span_s(100));
	eq_int(A->sent_bytes, sent);
	wg_set_up(A->wg, true, w->now, &w->out);
	world_drain(w, A);
	world_run(w, span_ms(100));
	eq_int(A->facts[WG_FACT_HANDSHAKE], 2);
	ok(world_ping(w, A, B));
	world_free(w);
}

static void a_new_private_key_shakes_hands_at_once(void)
{
	struct world *w = world_pair(11, true);
	struct dh_secret secret = { { 77 } };
	uint32_t peer;

	ok(world_ping(w, A, B));
	wg_set_private(A->wg, &secret, w->now.boot);
	eq_int(A->wg->session_pool.count + A->wg->indices.count, 0);
	A->key = *wg_public(A->wg);
	wg_peer_remove(B->wg, 0);
	allowedips_clear(B->routes);
	peer = world_peer(w, B, A, true);
	ok(world_ping(w, A, B));
	ok(info_of(B, peer).has_session);
	wg_set_private(A->wg, NULL, w->now.boot);
	ok(!wg_has_private(A->wg));
	ok(ct_is_zero(wg_private(A->wg), 32) && ct_is_zero(wg_public(A->wg), 32));
	ok(!world_send(w, A, B, 84, 1));
	ok(!world_ping(w, B, A));
	world_free(w);
}

static void a_removed_peer_leaves_nothing_behind(void)
{
	struct world *w = world_pair(12, true);
	static const struct peer none;
	struct sym_key psk = { { 5 } };
	struct wg_fact fact;
	uint32_t peer;

	wg_peer_set_preshared(A->wg, 0, &psk);
	wg_peer_set_preshared(B->wg, 0, &psk);
	ok(info_of(A, 0).has_preshared);
	ok(world_ping(w, A, B));
	world_send(w, A, B, 84, 1);
	wg_tell(A->wg, WG_FACT_EXPIRED, peer_of(A), false);
	wg_peer_remove(A->wg, 0);
	eq_mem(peer_of(A), &none, sizeof(none));
	ok(ct_is_zero(A->wg->sessions, 4 * sizeof(struct session)));
	eq_int(A->wg->session_pool.count + A->wg->indices.count + A->wg->stage.pool.count, 0);
	ok(wg_deadline(A->wg).ns == INSTANT_NEVER.ns);
	ok(!wg_next_fact(A->wg, &fact));
	eq_int(wg_peer_count(A->wg), 0);
	ok(wg_peer_next(A->wg, WG_NONE) == WG_NONE);
	world_send(w, B, A, 84, 1);
	world_run(w, span_ms(50));
	eq_int(wg_counters(A->wg)->drop_unknown_index, 1);
	/* A route that still names it leads nowhere. */
	ok(!world_send(w, A, B, 84, 1));
	allowedips_clear(A->routes);
	peer = world_peer(w, A, B, true);
	ok(!info_of(A, peer).has_preshared);
	world_free(w);
}

static void facts_keep_the_newest(void)
{
	struct world *w = world_pair(13, true);
	struct wg_fact fact;
	uint32_t count = 0;

	for (uint32_t i = 0; i < FACTS + 10; i++)
		wg_tell(A->wg, i < 10 ? WG_FACT_GAVE_UP : WG_FACT_EXPIRED, peer_of(A), false);
	for (; wg_next_fact(A->wg, &fact); count++)
		eq_int(fact.kind, WG_FACT_EXPIRED);
	eq_int(count, FACTS);
	world_free(w);
}

struct logged {
	uint32_t count;
	struct dh_public ephemeral[4], remote[4];
	bool preshared[4];
};

static void note_keys(void *ctx, const struct wg_keylog *log)
{
	struct logged *l = ctx;

	x25519_public(&l->ephemeral[l->count], log->local_ephemeral);
	l->preshared[l->count] = log->preshared != NULL;
	l->remote[l->count++] = *log->remote_static;
}

/* ctx: where the ephemeral keys of initiations and responses are kept. */
static bool note_ephemerals(struct world *w, struct world_node *from, struct world_datagram *d)
{
	struct dh_public *seen = w->ctx;

	(void)from;
	if (d->data[0] == MESSAGE_INITIATION)
		memcpy(&seen[0], d->data + 8, 32);
	if (d->data[0] == MESSAGE_RESPONSE)
		memcpy(&seen[1], d->data + 12, 32);
	return false;
}

static void the_key_log_has_the_ephemerals_of_both_sides(void)
{
	struct world *w = world_pair(14, true);
	struct logged at_a = { .count = 0 }, at_b = { .count = 0 };
	struct dh_public seen[2];

	A->wg->config.keylog = B->wg->config.keylog = note_keys;
	A->wg->config.keylog_ctx = &at_a;
	B->wg->config.keylog_ctx = &at_b;
	w->meddle = note_ephemerals;
	w->ctx = seen;
	ok(world_ping(w, A, B));
	eq_int(at_a.count, 1);
	eq_int(at_b.count, 1);
	eq_mem(&at_a.ephemeral[0], &seen[0], 32);
	eq_mem(&at_b.ephemeral[0], &seen[1], 32);
	eq_mem(&at_a.remote[0], &B->key, 32);
	ok(!at_a.preshared[0]);
	world_free(w);
}

static void a_clock_that_went_back_still_shakes_hands(void)
{
	struct world *w = world_pair(15, true);
	struct tai64n last;

	ok(world_ping(w, A, B));
	last = wg_timestamp_last(A->wg);
	/* As if A restarted in 1970; only the persisted floor helps. */
	w->now.wall.s = 100;
	wg_peer_expire(A->wg, 0);
	memset(&A->wg->issued, 0, sizeof(A->wg->issued));
	wg_peer_handshake(A->wg, 0, w->now, &w->out);
	world_drain(w, A);
	world_run(w, span_ms(100));
	eq_int(A->facts[WG_FACT_HANDSHAKE], 1);
	eq_int(wg_counters(B->wg)->drop_replayed_handshake, 1);
	wg_set_timestamp_floor(A->wg, last);
	world_run(w, span_s(6));
	eq_int(A->facts[WG_FACT_HANDSHAKE], 2);
	ok(memcmp(wg_timestamp_last(A->wg).b, last.b, 12) > 0);
	world_free(w);
}

static void wg_peer_handshake_asks_once_and_only_when_needed(void)
{
	struct world *w = world_pair(16, true);

	for (int i = 0; i < 3; i++) {
		wg_peer_handshake(A->wg, 0, w->now, &w->out);
		world_drain(w, A);
	}
	eq_int(A->sent[MESSAGE_INITIATION], 1);
	world_run(w, span_s(10));
	wg_peer_handshake(A->wg, 0, w->now, &w->out);
	world_drain(w, A);
	eq_int(A->sent[MESSAGE_INITIATION], 1);
	world_run(w, span_s(111));
	wg_peer_handshake(A->wg, 0, w->now, &w->out);
	world_drain(w, A);
	eq_int(A->sent[MESSAGE_INITIATION], 2);
	world_free(w);
}

/* --- many peers */

/* Node 0 knows `count` peers with made-up keys, and the real node 1. */
static struct world *world_crowd(uint64_t seed, uint32_t count, uint32_t sessions)
{
	struct world *w = world_new(seed);
	struct wg_limits small = { .peers = 8, .sessions = 16, .staged_packets = 256 };
	struct wg_limits large = { .peers = count + 1, .sessions = sessions,
				   .staged_packets = 1024 };
	struct dh_public key = { { 0 } };

	world_add(w, true, large);
	world_add(w, true, small);
	for (uint32_t i = 0; i < count; i++) {
		store_be32(key.b, i);
		key.b[9] = 9;
		eq_int(wg_peer_add(A->wg, &key, i, w->now.boot), i);
	}
	world_peer(w, A, B, true);
	world_peer(w, B, A, true);
	return w;
}

static void sixteen_thousand_peers_are_found_served_and_counted(void)
{
	uint32_t count = 16383, seen = 0;
	struct world *w = world_crowd(20, count, 2048);
	struct endpoint nowhere = { .ip = ip_v4(198, 51, 100, 1), .port = 9 };
	struct dh_public key = { { 0 } };

	ok(world_ping(w, A, B));
	ok(world_ping(w, B, A));
	eq_int(wg_peer_count(A->wg), count + 1);
	for (uint32_t i = WG_NONE; (i = wg_peer_next(A->wg, i)) != WG_NONE;)
		seen++;
	eq_int(seen, count + 1);
	store_be32(key.b, 12345);
	key.b[9] = 9;
	eq_int(wg_peer_find(A->wg, &key), 12345);
	key.b[9] = 8;
	ok(wg_peer_find(A->wg, &key) == WG_NONE);
	ok(wg_peer_add(A->wg, &key, 0, w->now.boot) == WG_NONE); /* full */
	/* A tick serves who is due, not everybody. */
	for (uint32_t i = 0; i < 100; i++) {
		wg_peer_set_endpoint(A->wg, i, &nowhere);
		wg_peer_set_keepalive(A->wg, i, 1, w->now, &w->out);
		world_drain(w, A);
	}
	eq_int(A->sent[MESSAGE_INITIATION], 101);
	eq_int(A->wg->deadlines.count, 101);
	world_free(w);
}

static void memory_is_touched_as_far_as_it_is_used(void)
{
	struct wg_limits limits = { .peers = 16384, .sessions = 2048, .staged_packets = 4096 };
	size_t size = wg_size(&limits), touched = 0;
	struct wg_config config = { .limits = limits };
	uint8_t *memory = aligned_alloc(64, size);

	test_crypto();
	memset(memory, 0, size);
	wg_init(memory, &config, (struct instant){ 1 });
	for (size_t i = 0; i < size; i += 4096)
		touched += !ct_is_zero(memory + i, size - i < 4096 ? size - i : 4096);
	ok(size < 64u << 20);
	ok(touched <= 8);
	free(memory);
}

static void the_peer_silent_longest_gives_its_keys_up(void)
{
	struct world *w = world_new(21);
	struct wg_limits two = { .peers = 8, .sessions = 2, .staged_packets = 64 };
	struct wg_limits many = { .peers = 8, .sessions = 16, .staged_packets = 64 };

	world_add(w, true, two);
	for (uint32_t i = 1; i < 4; i++) {
		world_add(w, true, many);
		world_peer(w, A, &w->nodes[i], true);
		world_peer(w, &w->nodes[i], A, true);
	}
	ok(world_ping(w, A, &w->nodes[1]));
	ok(world_ping(w, A, &w->nodes[2]));
	ok(world_ping(w, A, &w->nodes[1]));
	ok(world_ping(w, A, &w->nodes[3]));
	ok(info_of(A, 0).has_session);
	ok(!info_of(A, 1).has_session);
	ok(info_of(A, 2).has_session);
	eq_int(A->wg->session_pool.count, 2);
	/* It comes back when it has something to say, at the cost of the next one. */
	world_run(w, span_s(6));
	ok(world_ping(w, A, &w->nodes[2]));
	eq_int(A->wg->session_pool.count, 2);
	eq_int(A->wg->indices.count, 2);
	world_free(w);
}

static bool lose_data(struct world *w, struct world_node *from, struct world_datagram *d)
{
	(void)w, (void)from;
	return d->data[0] == MESSAGE_DATA;
}

static void handshakes_that_nobody_confirms_fill_no_table(void)
{
	struct world *w = world_new(23);
	struct wg_limits two = { .peers = 8, .sessions = 2, .staged_packets = 64 };

	world_add(w, true, two);
	w->meddle = lose_data;
	for (uint32_t i = 1; i < 4; i++) {
		world_add(w, true, two);
		world_peer(w, A, &w->nodes[i], false);
		world_peer(w, &w->nodes[i], A, true);
		world_send(w, &w->nodes[i], A, 84, 1);
		world_run(w, span_ms(100));
		eq_int(w->nodes[i].facts[WG_FACT_HANDSHAKE], 1);
	}
	eq_int(A->wg->session_pool.count, 2);
	ok(!peer_session(A->wg, &A->wg->peers[0], PAIR_NEXT));
	ok(peer_session(A->wg, &A->wg->peers[2], PAIR_NEXT));
	world_free(w);
}

static void one_key_pair_in_all_is_enough_to_talk(void)
{
	struct world *w = world_new(22);
	struct wg_limits one = { .peers = 8, .sessions = 1, .staged_packets = 64 };

	world_add(w, true, one);
	world_add(w, true, one);
	world_peer(w, A, B, true);
	world_peer(w, B, A, true);
	for (int i = 0; i < 400; i++) {
		world_send(w, A, B, 84, 1);
		world_run(w, span_s(1));
	}
	ok(B->delivered >= 396);
	world_free(w);
}

TAP_TESTS(T(bytes_are_counted_as_the_kernel_counts_them),
	  T(a_dropped_inner_packet_counts_for_no_bytes),
	  T(every_length_arrives_whole_within_the_mtu),
	  T(too_long_and_empty_packets_are_dropped),
	  T(packets_without_a_route_are_dropped),
	  T(waiting_packets_go_out_in_order_after_the_handshake),
	  T(a_small_outbox_is_filled_again_and_again_by_ticks),
	  T(a_packet_does_not_overtake_those_that_wait),
	  T(jumbo_packets_wait_and_flow_in_order),
	  T(one_step_never_asks_for_more_than_it_promised),
	  T(going_down_forgets_and_is_silent_going_up_speaks_again),
	  T(a_new_private_key_shakes_hands_at_once),
	  T(a_removed_peer_leaves_nothing_behind),
	  T(facts_keep_the_newest),
	  T(the_key_log_has_the_ephemerals_of_both_sides),
	  T(a_clock_that_went_back_still_shakes_hands),
	  T(wg_peer_handshake_asks_once_and_only_when_needed),
	  T(sixteen_thousand_peers_are_found_served_and_counted),
	  T(memory_is_touched_as_far_as_it_is_used),
	  T(the_peer_silent_longest_gives_its_keys_up),
	  T(handshakes_that_nobody_confirms_fill_no_table),
	  T(one_key_pair_in_all_is_enough_to_talk))
