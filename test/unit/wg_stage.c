/* The store of waiting packets against a naive twin, and at its edges. */
#include "base/rng.h"
#include "tap.h"
#include "wg/stage.h"

#define QUEUES 5
#define CHUNKS 64u
#define MAX_TWIN 400

static uint8_t packet[70000], got[70000];

static struct stage *stage_new(struct stage *s, uint32_t chunks)
{
	stage_init(s, calloc(1, stage_size(chunks)), chunks);
	return s;
}

static void stage_free(struct stage *s)
{
	free(s->pool.next); /* the memory begins with the pool */
}

static struct bytes numbered(uint32_t number, size_t len)
{
	for (size_t i = 0; i < len; i++)
		packet[i] = (uint8_t)(number * 31 + i * 7 + (i >> 8));
	return bytes_of(packet, len);
}

static bool pop_is(struct stage *s, struct stage_queue *q, uint32_t number, size_t len)
{
	if (!q->count || stage_front_len(s, q) != len)
		return false;
	stage_pop(s, q, got);
	return !memcmp(got, numbered(number, len).data, len);
}

/* The twin: all packets of all queues in one array, oldest first. */
struct twin {
	struct { uint32_t queue, number; size_t len; } p[MAX_TWIN];
	uint32_t count;
};

static uint32_t chunks_of(size_t len)
{
	return len ? (uint32_t)((len + 2047) / 2048) : 1;
}

static uint32_t twin_used(const struct twin *t)
{
	uint32_t used = 0;

	for (uint32_t i = 0; i < t->count; i++)
		used += chunks_of(t->p[i].len);
	return used;
}

static void twin_remove(struct twin *t, uint32_t i)
{
	memmove(&t->p[i], &t->p[i + 1], (--t->count - i) * sizeof(t->p[0]));
}

/* The oldest of the queue; MAX_TWIN: none. */
static uint32_t twin_first(const struct twin *t, uint32_t queue)
{
	for (uint32_t i = 0; i < t->count; i++)
		if (t->p[i].queue == queue)
			return i;
	return MAX_TWIN;
}

static void it_does_what_one_long_list_would_do(void)
{
	static struct twin twin;
	struct stage_queue queues[QUEUES] = { { 0 } };
	struct stage s;
	struct rng rng;
	uint64_t lost = 0, want_lost = 0;

	stage_new(&s, CHUNKS);
	rng_init(&rng, 7);
	for (uint32_t n = 0; n < 20000; n++) {
		uint32_t q = (uint32_t)rng_below(&rng, QUEUES), first = twin_first(&twin, q);
		size_t len = (size_t)rng_below(&rng, rng_below(&rng, 4) ? 3000 : 65000);

		if (rng_below(&rng, 200) == 0) {
			uint32_t count = 0;

			for (; (first = twin_first(&twin, q)) != MAX_TWIN; count++)
				twin_remove(&twin, first);
			eq_int(stage_clear(&s, &queues[q]), count);
		} else if (rng_below(&rng, 2)) {
			ok(stage_push(&s, &queues[q], numbered(n, len), &lost));
			for (; CHUNKS - twin_used(&twin) < chunks_of(len); want_lost++)
				twin_remove(&twin, 0);
			twin.p[twin.count].queue = q;
			twin.p[twin.count].number = n;
			twin.p[twin.count++].len = len;
			eq_int(lost, want_lost);
		} else if (first == MAX_TWIN) {
			eq_int(queues[q].count, 0);
		} else {
			ok(pop_is(&s, &queues[q], twin.p[first].number, twin.p[first].len));
			twin_remove(&twin, first);
		}
		eq_int(s.pool.count, twin_used(&twin));
	}
	ok(want_lost > 100);
	stage_free(&s);
}

static void a_peer_has_128_packets_and_loses_the_oldest(void)
{
	struct stage_queue q = { 0 }, other = { 0 };
	struct stage s;
	uint64_t lost = 0;

	stage_new(&s, 256);
	ok(stage_push(&s, &other, numbered(999, 5), &lost));
	for (uint32_t n = 0; n < 200; n++)
		ok(stage_push(&s, &q, numbered(n, 1400), &lost));
	eq_int(lost, 72);
	eq_int(q.count, 128);
	for (uint32_t n = 72; n < 200; n++)
		ok(pop_is(&s, &q, n, 1400));
	ok(pop_is(&s, &other, 999, 5));
	eq_int(s.pool.count, 0);
	stage_free(&s);
}

static void lengths_at_the_edges_of_chunks_come_back_whole(void)
{
	static const size_t lens[] = { 0, 1, 2047, 2048, 2049, 4096, 4097, 65000, 65535 };
	struct stage_queue q = { 0 };
	struct stage s;
	uint64_t lost = 0;

	stage_new(&s, 128);
	for (uint32_t i = 0; i < sizeof(lens) / sizeof(*lens); i++)
		ok(stage_push(&s, &q, numbered(i, lens[i]), &lost));
	for (uint32_t i = 0; i < sizeof(lens) / sizeof(*lens); i++)
		ok(pop_is(&s, &q, i, lens[i]));
	eq_int(lost, 0);
	stage_free(&s);
}

static void what_can_never_fit_is_refused_and_costs_nobody(void)
{
	struct stage_queue q = { 0 };
	struct stage s;
	uint64_t lost = 0;

	stage_new(&s, 4);
	ok(stage_push(&s, &q, numbered(1, 100), &lost));
	ok(!stage_push(&s, &q, numbered(2, 4 * 2048 + 1), &lost));
	eq_int(lost, 0);
	ok(stage_push(&s, &q, numbered(3, 4 * 2048), &lost));
	eq_int(lost, 1);
	ok(pop_is(&s, &q, 3, 4 * 2048));
	stage_free(&s);
}

static void nothing_of_a_packet_stays_behind(void)
{
	struct stage_queue q = { 0 };
	struct stage s;
	uint64_t lost = 0;

	stage_new(&s, 8);
	ok(stage_push(&s, &q, numbered(1, 5000), &lost));
	ok(stage_push(&s, &q, numbered(2, 5000), &lost));
	stage_pop(&s, &q, got);
	stage_clear(&s, &q);
	ok(ct_is_zero(s.data, 8 * sizeof(s.data[0])));
	stage_free(&s);
}

TAP_TESTS(T(it_does_what_one_long_list_would_do),
	  T(a_peer_has_128_packets_and_loses_the_oldest),
	  T(lengths_at_the_edges_of_chunks_come_back_whole),
	  T(what_can_never_fit_is_refused_and_costs_nobody),
	  T(nothing_of_a_packet_stays_behind))
