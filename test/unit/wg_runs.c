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

/* --- in */

#define CAUGHT 12u

struct caught {
	uint8_t bytes[CAUGHT][1500];
	struct bytes datagrams[CAUGHT];
	uint32_t count;
};

/* Keeps A's data back. */
static bool keep(struct world *w, struct world_node *from, struct world_datagram *d)
{
	struct caught *c = w->ctx;

	if (d->data[0] != 4 || from != &w->nodes[0] || c->count == CAUGHT)
		return false;
	memcpy(c->bytes[c->count], d->data, d->len);
	c->datagrams[c->count] = bytes_of(c->bytes[c->count], d->len);
	c->count++;
	return true;
}

static struct world *with_caught(struct caught *c, uint64_t seed)
{
	struct world *w = world_pair(seed, true);
	struct world_node *a = &w->nodes[0], *b = &w->nodes[1];

	c->count = 0;
	ok(world_ping(w, a, b));
	w->meddle = keep;
	w->ctx = c;
	for (uint32_t i = 0; i < CAUGHT; i++)
		ok(world_send(w, a, b, 100 + 10 * i, i));
	eq_int(c->count, CAUGHT);
	outbox_clear(&w->out);
	return w;
}

static uint32_t input(struct world *w, const struct caught *c, uint32_t first, uint32_t count)
{
	return wg_input_run(w->nodes[1].wg, w->now, &w->nodes[0].address, 0, c->datagrams + first,
			    count, &w->out);
}

/* Each of a run is judged alone: forged, replayed, or with a source that is not the peer's. */
static void each_datagram_of_a_run_is_judged(void)
{
	static struct caught c;
	struct world *w = with_caught(&c, 5);
	struct world_node *b = &w->nodes[1];
	const struct wg_counters *n = wg_counters(b->wg);
	const uint64_t received = n->data_received;

	c.bytes[3][40] ^= 1;
	c.datagrams[5] = c.datagrams[4];
	eq_int(input(w, &c, 0, CAUGHT), CAUGHT);
	eq_int(n->drop_auth, 1);
	eq_int(n->drop_replay, 1);
	eq_int(n->data_received, received + CAUGHT - 2);
	eq_int(w->out.count, CAUGHT - 2);
	for (uint32_t i = 0, at = 0; i < CAUGHT; i++) {
		if (i == 3 || i == 5)
			continue;
		eq_int(w->out.items[at].kind, OUT_PACKET);
		eq_int(w->out.items[at].len, 100 + 10 * i);
		eq_int(load_be32(w->out.items[at++].data + 20), i);
	}
	eq_int(input(w, &c, 0, CAUGHT), CAUGHT);
	eq_int(n->data_received, received + CAUGHT - 2);
	eq_int(n->drop_replay, 1 + CAUGHT - 1);
	world_free(w);
}

static void a_foreign_source_in_a_run_is_dropped(void)
{
	static struct caught c;
	struct world *w = with_caught(&c, 6);
	struct world_node *a = &w->nodes[0], *b = &w->nodes[1];
	struct bytes p = world_packet(w, a, b, 200, 9);
	uint64_t received = wg_counters(b->wg)->data_received;

	c.count = 4; /* in the middle of the run */
	((uint8_t *)(uintptr_t)p.data)[15] = 77;
	ok(wg_route(a->wg, w->now, p, &w->out));
	world_drain(w, a);
	eq_int(input(w, &c, 0, CAUGHT), CAUGHT);
	eq_int(wg_counters(b->wg)->drop_source, 1);
	eq_int(wg_counters(b->wg)->data_received, received + CAUGHT - 1);
	world_free(w);
}

/* A run is of one session, and of data: what is of another kind ends it. */
static void what_does_not_belong_ends_a_run(void)
{
	static struct caught c;
	struct world *w = with_caught(&c, 7);
	const struct wg_counters *n = wg_counters(w->nodes[1].wg);

	c.bytes[4][4] ^= 1;                          /* another receiver */
	c.bytes[6][0] = 3;                           /* a cookie reply of a wrong length */
	c.datagrams[8].len = 20;
	eq_int(input(w, &c, 0, CAUGHT), 4);
	eq_int(input(w, &c, 4, CAUGHT - 4), 1);
	eq_int(n->drop_unknown_index, 1);
	eq_int(input(w, &c, 5, CAUGHT - 5), 1);
	eq_int(input(w, &c, 6, CAUGHT - 6), 1);
	eq_int(n->drop_malformed, 1);
	eq_int(input(w, &c, 7, CAUGHT - 7), 1);
	eq_int(input(w, &c, 8, CAUGHT - 8), 1);
	eq_int(n->drop_malformed, 2);
	eq_int(input(w, &c, 9, CAUGHT - 9), 3);
	world_free(w);
}

TAP_TESTS(T(a_run_arrives_as_its_segments), T(without_a_session_there_is_no_run),
	  T(the_last_counter_ends_a_run), T(a_full_outbox_takes_no_run),
	  T(each_datagram_of_a_run_is_judged), T(a_foreign_source_in_a_run_is_dropped),
	  T(what_does_not_belong_ends_a_run))
