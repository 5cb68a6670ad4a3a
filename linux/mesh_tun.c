/* What this host sends, from the TUN to core/node: packets for several are split here. */
#include "linux/mesh_inside.h"

#include "linux/loopguard.h"
#include "packet/split.h"

#include <errno.h>
#include <stdio.h>

#define TUN_BATCH 64
#define SEGMENTS 64u            /* that the node is given at a time */

/* All from one source and with that TTL. */
static void step_packets(struct mesh *m, const struct bytes *packets, uint32_t count, uint8_t hops)
{
	uint32_t done = 0;

	for (; done < count; done++) {
		const struct node_event e = { .kind = NODE_PACKET, .data = packets[done] };

		if (!second_took_packet(&m->second, &e, hops))
			break;
	}
	while (done < count) {
		mesh_make_room(m);
		const uint32_t before = m->actions.out.count;

		done += node_packets(m->node, m->now, packets + done, count - done, &m->actions);
		mesh_act(m);
		for (uint32_t k = before; k < m->actions.out.count; k++)
			m->actions.out.items[k].hops = hops;
	}
}

/* Segments straight into the outbox, as long as their way is open. What is left goes by the other
 * way below, be it nothing. */
static void step_run(struct mesh *m, struct split *split)
{
	uint32_t count;
	uint8_t hops;

	if (m->second.node || !loopguard_same(split) || !loopguard_hops(split->packet, &hops))
		return;
	do {
		mesh_make_room(m);
		const uint32_t before = m->actions.out.count;

		count = node_segments(m->node, m->now, split, &m->actions);
		mesh_act(m);
		for (uint32_t k = before; hops && k < m->actions.out.count; k++)
			m->actions.out.items[k].hops = hops;
	} while (count && split_left(split));
}

/* The segments of one packet, as many at a time as there is room for. */
static void step_split(struct mesh *m, struct bytes packet, const struct offload *o)
{
	struct bytes packets[SEGMENTS] uninitialized;
	struct split split;
	uint8_t hops = 0, other;
	bool more = split_init(&split, packet, o);

	if (more)
		step_run(m, &split);
	while (more) {
		uint32_t count = 0;
		size_t used = 0;

		while (count < SEGMENTS && used + split_longest(&split) <= MESH_SEGMENT_BYTES) {
			const size_t n = split_next(&split, m->segments + used);
			const struct bytes segment = bytes_of(m->segments + used, n);

			more = n > 0;
			if (!more)
				break;
			if (o->kind == OFFLOAD_UDP && !loopguard_hops(segment, &other))
				continue;
			if (o->kind == OFFLOAD_UDP && count && other != hops) {
				step_packets(m, packets, count, hops);
				count = 0;
			}
			if (o->kind == OFFLOAD_UDP)
				hops = other;
			packets[count++] = segment;
			used += n;
		}
		if (count)
			step_packets(m, packets, count, hops);
	}
}

void mesh_on_tun(void *ctx, uint32_t events)
{
	struct mesh *m = ctx;

	(void)events;
	mesh_wake(m);
	for (int i = 0; i < TUN_BATCH; i++) {
		struct offload o;
		int n = tun_read(&m->tun, m->packet, MAX_PACKET, &o);

		if (n == -EBADFD) {
			fprintf(stderr, "meshguard: %s was removed by somebody else; start again "
				"with: meshguard up\n", m->child->interface);
			m->failed = true;
			loop_remove(&m->loop, m->child->tun);
		}
		if (n <= 0)
			break;
		const struct bytes packet = bytes_of(m->packet, (size_t)n);
		uint8_t hops;

		if (o.kind != OFFLOAD_NONE)
			step_split(m, packet, &o);
		else if (offload_checksum(m->packet, packet.len, &o) &&
			 loopguard_hops(packet, &hops))
			step_packets(m, &packet, 1, hops);
	}
	mesh_flush(m);
}
