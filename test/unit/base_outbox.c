#include "base/event.h"
#include "base/outbox.h"

#include "dies.h"
#include "tap.h"

static _Alignas(16) uint8_t arena[256];

static void test_commit(void)
{
	struct out items[3];
	struct outbox o;
	uint8_t *p, *q;
	struct out *item;

	memset(items, 0xee, sizeof(items));
	outbox_init(&o, items, 3, arena, sizeof(arena));
	p = outbox_reserve(&o, 100);
	ok(p == arena);
	ok(outbox_reserve(&o, 50) == p); /* not taken until committed */
	item = outbox_commit(&o, OUT_MESSAGE, 17);
	ok(item == items && item->kind == OUT_MESSAGE && item->slot == UINT32_MAX);
	ok(item->data == p && item->len == 17 && item->ecn == 0 && !endpoint_is_set(&item->to));
	q = outbox_reserve(&o, 1);
	ok(q == arena + 32); /* the next item begins aligned */
	ok(outbox_commit(&o, OUT_PACKET, 0)->len == 0);
	ok(outbox_reserve(&o, 1) == q + 16); /* room for a frame, even so */
	outbox_commit(&o, OUT_DATAGRAM, 1);
	eq_int(o.count, 3);
	eq_int(o.refused, 0);
	ok(!outbox_reserve(&o, 1) && o.refused == 1); /* no item left */
	outbox_clear(&o);
	ok(outbox_reserve(&o, 256) == arena && o.refused == 1);
	outbox_commit(&o, OUT_PACKET, 256);
	ok(outbox_reserve(&o, 0) && !outbox_reserve(&o, 1) && o.refused == 2);
}

/* What has_room() promises for so many items of so many bytes in sum does fit. */
static void test_room(void)
{
	struct out items[64];

	for (size_t skew = 0; skew < 16; skew++) {
		for (uint32_t n = 1; n < 20; n++) {
			struct outbox o;
			size_t bytes = 0;

			outbox_init(&o, items, 64, arena + skew, 200);
			while (outbox_has_room(&o, n, bytes + 1))
				bytes++;
			for (uint32_t i = 0; bytes && i < n; i++) {
				size_t len = i == n - 1 ? bytes - bytes / n * (n - 1) : bytes / n;
				uint8_t *p = outbox_reserve(&o, len);

				ok(p && p >= arena + skew && p + len <= arena + skew + 200);
				ok((uintptr_t)p % 16 == 0);
				if (p)
					outbox_commit(&o, OUT_PACKET, len);
			}
			eq_int(o.refused, 0);
		}
	}
}

static void test_room_boundaries(void)
{
	struct out items[2];
	struct outbox o;

	outbox_init(&o, items, 2, arena, 64);
	ok(outbox_has_room(&o, 2, 26) && !outbox_has_room(&o, 2, 27) && !outbox_has_room(&o, 3, 1));
	ok(!outbox_has_room(&o, 1, SIZE_MAX) && !outbox_has_room(&o, UINT32_MAX, 0));
	ok(!outbox_reserve(&o, SIZE_MAX) && !outbox_reserve(&o, 65) && o.refused == 2);
	outbox_init(&o, items, 2, arena, 50); /* the end is not aligned */
	ok(outbox_reserve(&o, 50) && outbox_commit(&o, OUT_PACKET, 50));
	ok(!outbox_has_room(&o, 1, 1) && !outbox_reserve(&o, 1) && outbox_has_room(&o, 0, 0));
	outbox_init(&o, items, 2, arena + 1, 3);
	ok(!outbox_reserve(&o, 1));
}

/* Four bytes in front, and what lies behind stays as it is; not beyond the end. */
static void test_frame(void)
{
	struct out items[3];
	struct outbox o;
	uint8_t *p;

	outbox_init(&o, items, 3, arena, 128);
	for (uint8_t i = 0; i < 2; i++) {
		p = outbox_reserve(&o, 16);
		memset(p, i + 1, 16);
		outbox_commit(&o, OUT_DATAGRAM, 16);
	}
	ok(outbox_frame(&o, &items[0], 0x41020304));
	eq_int(items[0].len, 20);
	eq_mem(items[0].data, "\x41\2\3\4\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1", 20);
	eq_mem(items[1].data, "\2\2\2\2\2\2\2\2\2\2\2\2\2\2\2\2", 16);
	ok(outbox_reserve(&o, 64));
	outbox_commit(&o, OUT_DATAGRAM, 61);
	ok(!outbox_frame(&o, &items[2], 1) && items[2].len == 61);
	items[2].len = 60;
	ok(outbox_frame(&o, &items[2], 1) && items[2].len == 64);
}

static void commit_more(void *len)
{
	struct out items[2];
	struct outbox o;

	outbox_init(&o, items, 2, arena, 64);
	if (outbox_reserve(&o, 10))
		outbox_commit(&o, OUT_PACKET, *(size_t *)len);
}

static void test_misuse(void)
{
	ok(!dies(commit_more, &(size_t){ 10 }));
	ok(dies(commit_more, &(size_t){ 11 }));
}

static void test_events(void)
{
	struct event memory[3];
	struct event_ring r;
	struct event e = { .kind = EV_HANDSHAKE, .number = 99 };

	event_ring_init(&r, memory, 3);
	ok(!event_get(&r, 0) && !event_get(&r, 1));
	for (int64_t i = 1; i <= 10; i++) {
		e.a = i;
		event_emit(&r, &e);
		for (int64_t n = 0; n <= i + 2; n++) {
			const struct event *got = event_get(&r, (uint64_t)n);

			ok((got != NULL) == (n > 0 && n <= i && n > i - 3));
			ok(!got || (got->a == n && got->number == (uint64_t)n));
		}
	}
	ok(!event_get(&r, UINT64_MAX));
	eq_int(e.number, 99);
}

TAP_TESTS(T(test_commit), T(test_room), T(test_room_boundaries), T(test_misuse), T(test_frame),
	  T(test_events))
