/* Two engines on a pretended wire: what a user of the tunnel sees. */
#include "wg_world.h"

static void first_packet_arrives_after_a_handshake(void)
{
	struct world *w = world_pair(1, true);
	struct world_node *a = &w->nodes[0], *b = &w->nodes[1];

	ok(world_send(w, a, b, 84, 7));
	eq_int(a->sent[MESSAGE_INITIATION], 1);
	eq_int(a->sent[MESSAGE_DATA], 0);
	world_run(w, span_ms(100));
	eq_int(b->sent[MESSAGE_RESPONSE], 1);
	eq_int(b->delivered, 1);
	eq_int(b->last_len, 84);
	eq_mem(b->last, world_packet(w, a, b, 84, 7).data, 84);
	eq_int(a->facts[WG_FACT_HANDSHAKE], 1);
	eq_int(b->facts[WG_FACT_HANDSHAKE], 1);
	ok(world_ping(w, b, a));
	world_free(w);
}

TAP_TESTS(T(first_packet_arrives_after_a_handshake))
