/* Segments of one packet that are sealed as one run of datagrams are what single packets are. */
#include "wg_world.h"

#define PAYLOAD 400u
#define COUNT 30u
#define LAST 77u

/* A UDP packet that stands for COUNT segments, the last one shorter, with a number in each. */
static struct bytes long_packet(const struct world *w, const struct world_node *from,
				const struct world_node *to)
{
	const uint32_t len = 28 + (COUNT - 1) * PAYLOAD + LAST;
	struct bytes b = world_packet(w, from, to, len, 0);
	uint8_t *p = (uint8_t *)(uintptr_t)b.data;

	p[1] = 2; /* ECT(0) */
	p[9] = 17;
	store_be16(p + 24, (uint16_t)(len - 20));
	for (uint32_t i = 0; i < COUNT; i++)
		store_be32(p + 28 + i * PAYLOAD, i);
	return b;
}

static const struct offload uso = { .kind = OFFLOAD_UDP, .segment = PAYLOAD };

struct seen {
	uint64_t first, next;
	uint32_t count;
};

/* Counts on, and sees that no counter is left out. */
static bool watch(struct world *w, struct world_node *from, struct world_datagram *d)
{
	struct seen *seen = w->ctx;

	(void)from;
	if (d->data[0] != 4 || from != &w->nodes[0])
		return false;
	if (seen->count++ == 0)
		seen->first = seen->next = load_le64(d->data + 8);
	eq_int(load_le64(d->data + 8), seen->next++);
	return false;
}

static void a_run_arrives_as_its_segments(void)
{
	struct world *w = world_pair(1, true);
	struct world_node *a = &w->nodes[0], *b = &w->nodes[1];
	const uint32_t peer = wg_peer_find(a->wg, &b->key);
	struct seen seen = { 0 };
	struct split split, naive;
	uint8_t expected[65536];
	size_t len = 0;
	uint64_t sent;

	ok(world_ping(w, a, b));
	w->meddle = watch;
	w->ctx = &seen;
	ok(split_init(&split, long_packet(w, a, b), &uso));
	naive = split;
	for (size_t n; (n = split_next(&naive, expected)) > 0;)
		len = n;
	sent = wg_counters(a->wg)->data_sent;
	b->delivered = 0;
	eq_int(wg_send_split(a->wg, w->now, peer, &split, 7, &w->out), 7);
	eq_int(w->out.count, 1);
	eq_int(w->out.items[0].segment, (28 + PAYLOAD + 15) / 16 * 16 + 32);
	eq_int(w->out.items[0].ecn, 2);
	eq_int(split_left(&split), (COUNT - 8) * PAYLOAD + LAST);
	eq_int(wg_send_split(a->wg, w->now, peer, &split, 64, &w->out), COUNT - 7);
	eq_int(split_left(&split), 0);
	eq_int(wg_counters(a->wg)->data_sent, sent + COUNT);
	world_drain(w, a);
	eq_int(seen.count, COUNT);
	world_run(w, span_ms(100));
	eq_int(b->delivered, COUNT);
	eq_int(b->last_len, len);
	ok(!memcmp(b->last, expected, len));
	world_free(w);
}

/* Nothing is taken of the packet, so that its segments can be staged one by one. */
static void without_a_session_there_is_no_run(void)
{
	struct world *w = world_pair(2, true);
	struct world_node *a = &w->nodes[0], *b = &w->nodes[1];
	const uint32_t peer = wg_peer_find(a->wg, &b->key);
	struct split split;

	ok(split_init(&split, long_packet(w, a, b), &uso));
	eq_int(wg_send_split(a->wg, w->now, peer, &split, 64, &w->out), 0);
	world_send(w, a, b, 84, 1); /* staged */
	ok(split_init(&split, long_packet(w, a, b), &uso));
	eq_int(wg_send_split(a->wg, w->now, peer, &split, 64, &w->out), 0);
	eq_int(split_left(&split), (COUNT - 1) * PAYLOAD + LAST);
	world_run(w, span_ms(200));
	ok(split_init(&split, long_packet(w, a, b), &uso));
	eq_int(wg_send_split(a->wg, w->now, peer, &split, 64, &w->out), COUNT);
	world_free(w);
}

/* What one key may seal ends in the middle of the run. */
static void the_last_counter_ends_a_run(void)
{
	struct world *w = world_pair(3, true);
	struct world_node *a = &w->nodes[0], *b = &w->nodes[1];
	const uint32_t peer = wg_peer_find(a->wg, &b->key);
	struct split split;

	ok(world_ping(w, a, b));
	peer_session(a->wg, &a->wg->peers[peer], PAIR_CURRENT)->send_counter =
		REJECT_AFTER_MESSAGES - 5;
	ok(split_init(&split, long_packet(w, a, b), &uso));
	eq_int(wg_send_split(a->wg, w->now, peer, &split, 64, &w->out), 5);
	eq_int(wg_send_split(a->wg, w->now, peer, &split, 64, &w->out), 0);
	world_free(w);
}

static void a_full_outbox_takes_no_run(void)
{
	struct world *w = world_pair(4, true);
	struct world_node *a = &w->nodes[0], *b = &w->nodes[1];
	const uint32_t peer = wg_peer_find(a->wg, &b->key);
	struct split split;
	struct out items[1];
	uint8_t arena[2000];
	struct outbox out;

	ok(world_ping(w, a, b));
	outbox_init(&out, items, 1, arena, sizeof(arena));
	ok(split_init(&split, long_packet(w, a, b), &uso));
	eq_int(wg_send_split(a->wg, w->now, peer, &split, 64, &out), 0);
	eq_int(wg_send_split(a->wg, w->now, peer, &split, 4, &out), 4);
	eq_int(wg_send_split(a->wg, w->now, peer, &split, 1, &out), 0);
	world_free(w);
}

TAP_TESTS(T(a_run_arrives_as_its_segments), T(without_a_session_there_is_no_run),
	  T(the_last_counter_ends_a_run), T(a_full_outbox_takes_no_run))
