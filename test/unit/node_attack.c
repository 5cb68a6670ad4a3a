/* Whole nodes against strangers, replays, peers that lie, and packets of this host. */
#define MEMBERS 1024
#include "node_world.h"

#include "node/node_impl.h"

static void two_nodes(void)
{
	world(false);
	switch_on(&machines[0]);
	trust(&machines[0], 2);
	switch_on(&machines[1]);
	trust(&machines[1], 1);
	seed(&machines[1], &machines[0].at);
	run_ms(3000);
	ok(passes(0, 1, false, 300));
	ok(passes(1, 0, false, 300));
}

/* Keys of nobody, besides those of the machines. */
static void trust_many(struct machine *m, unsigned whom, unsigned first, unsigned count)
{
	event(m, &(struct node_event){ .kind = NODE_TRUST_BEGIN });
	for (unsigned i = 0; i < count; i++) {
		struct node_event e = { .kind = NODE_TRUST_KEY, .name = "nobody" };
		uint8_t bytes[32] = { 0xAA, (uint8_t)((first + i) >> 8), (uint8_t)(first + i) };
		struct secret_key secret;

		ed25519_from_seed(&e.key, &secret, bytes);
		event(m, &e);
	}
	for (unsigned i = 0; i < NODES; i++)
		if (whom & 1u << i)
			event(m, &(struct node_event){ .kind = NODE_TRUST_KEY, .name = "friend",
						       .key = machines[i].public });
	event(m, &(struct node_event){ .kind = NODE_TRUST_END });
}

/* Tables of many peers are built now and then; a revocation does not wait for that. */
static void a_revoked_peer_is_cut_at_once_among_many(void)
{
	uint8_t p[64];
	size_t len;

	two_nodes();
	trust_many(&machines[0], 2, 0, 400);
	run_ms(500);
	ok(passes(0, 1, false, 300));
	ok(passes(1, 0, false, 300));
	run_ms(500);
	trust_many(&machines[0], 2, 0, 401);
	unsigned sent = machines[0].sent;
	trust_many(&machines[0], 0, 0, 402);
	len = make_packet(p, 0, 1, false, 7);
	event(&machines[0], &(struct node_event){ .kind = NODE_PACKET, .data = bytes_of(p, len) });
	eq_int(machines[0].sent, sent);
	ok(!passes(0, 1, true, 300));
	ok(!passes(1, 0, false, 300));
}

/* A caller that gives no more room than the contract says, and everybody due at once. */
static void a_step_never_asks_for_more_room_than_it_may(void)
{
	static struct out items[OUTBOX_STEP_ITEMS];
	static uint8_t arena[OUTBOX_STEP_BYTES + 16 * OUTBOX_STEP_ITEMS];
	struct node_actions few = { .save_clock = false };
	const struct node_event time = { .kind = NODE_TIME };
	struct endpoint at[MAX_CANDIDATES];
	unsigned peers = 0, sent = 0, steps = 0, handshakes = 0;
	struct node *n;

	two_nodes();
	n = machines[0].node;
	trust_many(&machines[0], 2, 0, 900);
	outbox_init(&few.out, items, OUTBOX_STEP_ITEMS, arena, sizeof(arena));
	for (uint32_t slot = 0; slot < trust_count(n->trust); slot++, peers++) {
		for (unsigned i = 0; i < MAX_CANDIDATES; i++) {
			at[i] = machines[3].at;
			at[i].ip.b[1] = (uint8_t)(slot >> 8);
			at[i].ip.b[2] = (uint8_t)slot;
			at[i].ip.b[3] = (uint8_t)i;
		}
		paths_set_candidates(n->paths, slot, at, MAX_CANDIDATES, now.boot);
		wg_peer_set_endpoint(n->wg, n->peers[slot].wg, &at[0]);
		outbox_clear(&actions.out);
		wg_peer_handshake(n->wg, n->peers[slot].wg, now, &actions.out);
		/* the next one is due now as well */
		wg_peer_expire(n->wg, n->peers[slot].wg);
		wg_send(n->wg, now, n->peers[slot].wg, bytes_of(at, 64), &actions.out);
		wg_peer_expire(n->wg, n->peers[slot].wg);
	}
	outbox_clear(&actions.out);
	eq_int(peers, 901);
	while (instant_reached(node_deadline(n), now.boot) && steps++ < 1000) {
		node_step(n, now, &time, &few);
		for (uint32_t i = 0; i < few.out.count; i++)
			handshakes += few.out.items[i].data[0] == 1;
		sent += few.out.count;
		outbox_clear(&few.out);
	}
	ok(steps < 1000);
	eq_int(few.out.refused, 0);
	eq_int(n->inner.refused, 0);
	eq_int(handshakes, peers);
	ok(sent > 8 * 900);
}

/* The padding ends where the MTU does, so a full packet is no multiple of 16 (paper, 5.4.6). */
static void packets_of_every_length_pass(void)
{
	uint8_t p[2048];

	two_nodes();
	for (uint16_t len = 24; len <= MESH_MTU; len++) {
		unsigned before = machines[1].got_packets;

		memset(p, 0, sizeof(p));
		make_packet(p, 0, 1, false, 1);
		store_be16(p + 2, len);
		event(&machines[0], &(struct node_event){ .kind = NODE_PACKET,
							  .data = bytes_of(p, len) });
		run_ms(3);
		eq_int(machines[1].got_packets - before, 1);
	}
}

TAP_TESTS(T(a_step_never_asks_for_more_room_than_it_may),
	  T(a_revoked_peer_is_cut_at_once_among_many),
	  T(packets_of_every_length_pass))
