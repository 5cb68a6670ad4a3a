/* Whole nodes against strangers, replays, peers that lie, and packets of this host. */
#define MEMBERS 1024
#include "node_world.h"

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

TAP_TESTS(T(a_revoked_peer_is_cut_at_once_among_many),
	  T(packets_of_every_length_pass))
