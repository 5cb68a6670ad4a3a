/* Datagrams over loopback: all of a batch, with their addresses of both ends and their DS field. */
#include "linux/loop.h"
#include "linux/udp.h"

#include "tap.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

static struct out items[256];
static uint8_t arena[1 << 20];

static struct out *add(struct outbox *o, const char *to, uint16_t port, uint8_t mark, size_t len)
{
	uint8_t *p = outbox_reserve(o, len);
	struct out *out;

	memset(p, mark, len);
	out = outbox_commit(o, OUT_DATAGRAM, len);
	if (!endpoint_parse(to, strlen(to), port, &out->to))
		abort();
	return out;
}

static struct ip address(const char *text)
{
	struct ip ip = { 0 };

	if (!ip_parse(text, strlen(text), &ip))
		abort();
	return ip;
}

/* Waits up to a second for the next batch. */
static int next_batch(struct udp *u, int fd, struct udp_batch *b)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 1000) > 0 ? udp_receive(u, fd, b) : 0;
}

static bool open_pair(struct udp *a, struct udp *b, struct udp_batch *batch)
{
	int e = udp_open(a, 0, 0);

	e |= udp_open(b, 0, 0);
	e |= udp_batch_make(batch);
	return e == 0;
}

static void close_pair(struct udp *a, struct udp *b, struct udp_batch *batch)
{
	udp_close(a);
	udp_close(b);
	udp_batch_free(batch);
}

static void one_port_serves_both_families_and_cannot_be_had_twice(void)
{
	struct udp a, b;

	eq_int(udp_open(&a, 0, 0), 0);
	ok(a.port != 0);
	ok(a.fd4 >= 0);
	eq_int(udp_open(&b, a.port, 0), -EADDRINUSE);
	udp_close(&a);
	eq_int(a.fd4, -1);
	eq_int(udp_open(&b, a.port, 0), 0);
	eq_int(b.port, a.port);
	udp_close(&b);
}

static void three_batches_arrive_whole_and_in_order(void)
{
	struct udp a, b;
	struct udp_batch batch;
	struct outbox o;
	unsigned got = 0;

	ok(open_pair(&a, &b, &batch));
	outbox_init(&o, items, 256, arena, sizeof(arena));
	for (unsigned i = 0; i < 100; i++)
		add(&o, "127.0.0.1", b.port, (uint8_t)i, 100 + i);
	udp_send(&a, &o);
	eq_int(a.sent, 100);
	eq_int(a.send_errors, 0);
	while (got < 100 && next_batch(&b, b.fd4, &batch) > 0)
		for (unsigned i = 0; i < batch.count; i++, got++) {
			eq_int(batch.items[i].len, 100 + got);
			eq_int(batch.items[i].data[99], got);
			eq_int(batch.items[i].from.port, a.port);
		}
	eq_int(got, 100);
	eq_int(b.received, 100);
	eq_int(udp_receive(&b, b.fd4, &batch), 0);
	close_pair(&a, &b, &batch);
}

static void the_largest_datagram_passes(void)
{
	struct udp a, b;
	struct udp_batch batch;
	struct outbox o;

	ok(open_pair(&a, &b, &batch));
	outbox_init(&o, items, 256, arena, sizeof(arena));
	add(&o, "127.0.0.1", b.port, 7, 65507);
	add(&o, "127.0.0.1", b.port, 8, 65508); /* does not fit; the next one is not its victim */
	add(&o, "127.0.0.1", b.port, 9, 1);
	udp_send(&a, &o);
	eq_int(a.sent, 2);
	eq_int(a.send_errors, 1);
	eq_int(next_batch(&b, b.fd4, &batch), 2);
	eq_int(batch.items[0].len, 65507);
	eq_int(batch.items[0].data[65506], 7);
	eq_int(batch.items[1].data[0], 9);
	close_pair(&a, &b, &batch);
}

static void the_source_is_the_one_named_and_another_when_it_is_gone(void)
{
	static const struct { const char *local, *seen; } table[] = {
		{ "127.0.0.5", "127.0.0.5" },
		{ "127.0.0.77", "127.0.0.77" },
		{ "192.0.2.1", "127.0.0.1" }, /* not ours */
	};
	struct udp a, b;
	struct udp_batch batch;
	struct outbox o;

	ok(open_pair(&a, &b, &batch));
	outbox_init(&o, items, 256, arena, sizeof(arena));
	for (unsigned i = 0; i < 3; i++)
		add(&o, "127.0.0.1", b.port, 1, 32)->to.local = address(table[i].local);
	add(&o, "127.0.0.9", b.port, 1, 32);
	udp_send(&a, &o);
	eq_int(a.send_errors, 0);
	eq_int(next_batch(&b, b.fd4, &batch), 4);
	for (unsigned i = 0; i < 3; i++) {
		struct ip want = address(table[i].seen), to = address("127.0.0.1");
		ok(ip_equal(&batch.items[i].from.ip, &want));
		ok(ip_equal(&batch.items[i].from.local, &to));
		ok(batch.items[i].from.local_ifindex != 0);
	}
	/* The answer to what came to 127.0.0.9 goes out from there. */
	struct ip nine = address("127.0.0.9");
	ok(ip_equal(&batch.items[3].from.local, &nine));
	outbox_clear(&o);
	add(&o, "127.0.0.1", a.port, 2, 32)->to = batch.items[3].from;
	udp_send(&b, &o);
	eq_int(next_batch(&a, a.fd4, &batch), 1);
	ok(ip_equal(&batch.items[0].from.ip, &nine));
	close_pair(&a, &b, &batch);
}

static void the_ds_field_goes_both_ways(void)
{
	static const uint8_t fields[] = { 0, 1, 2, 3, 0x88, 0xb8 };
	struct udp a, b;
	struct udp_batch batch;
	struct outbox o;

	ok(open_pair(&a, &b, &batch));
	outbox_init(&o, items, 256, arena, sizeof(arena));
	for (unsigned i = 0; i < sizeof(fields); i++) {
		struct out *out = add(&o, "127.0.0.1", b.port, 1, 32);
		out->ecn = fields[i];
		out->hops = (uint8_t)(i ? 56 : 0);
	}
	udp_send(&a, &o);
	eq_int(next_batch(&b, b.fd4, &batch), sizeof(fields));
	for (unsigned i = 0; i < sizeof(fields); i++)
		eq_int(batch.items[i].ecn, fields[i]);
	close_pair(&a, &b, &batch);
}

static void families_may_be_mixed_in_one_outbox(void)
{
	struct udp a, b;
	struct udp_batch batch;
	struct outbox o;
	unsigned got4 = 0, got6 = 0;
	int n;

	ok(open_pair(&a, &b, &batch));
	if (a.fd6 < 0) { /* a kernel without IPv6: there is nothing to mix */
		close_pair(&a, &b, &batch);
		return;
	}
	outbox_init(&o, items, 256, arena, sizeof(arena));
	for (unsigned i = 0; i < 90; i++) {
		struct out *out = add(&o, i % 3 ? "127.0.0.1" : "::1", b.port, 1, 32);
		out->ecn = i % 3 ? 0 : 2;
	}
	udp_send(&a, &o);
	eq_int(a.send_errors, 0);
	while (got4 < 60 && (n = next_batch(&b, b.fd4, &batch)) > 0)
		got4 += (unsigned)n;
	while (got6 < 30 && (n = next_batch(&b, b.fd6, &batch)) > 0) {
		got6 += (unsigned)n;
		eq_int(batch.items[0].ecn, 2);
		eq_int(batch.items[0].from.ip.family, FAMILY_IPV6);
	}
	eq_int(got4, 60);
	eq_int(got6, 30);
	close_pair(&a, &b, &batch);
}

static int discovery(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	ok(getsockopt(fd, level, name, &value, &len) == 0);
	return value;
}

/* Whole ones go out one by one, in their places, and leave the socket as it was. */
static void whole_datagrams_are_sent_in_their_places(void)
{
	struct udp a, b;
	struct udp_batch batch;
	struct outbox o;
	unsigned got = 0;
	int n;

	ok(open_pair(&a, &b, &batch));
	udp_offload(&a, true, true);
	outbox_init(&o, items, 256, arena, sizeof(arena));
	for (unsigned i = 0; i < 60; i++)
		add(&o, "127.0.0.1", b.port, (uint8_t)i, 100)->whole = i % 7 == 3;
	udp_send(&a, &o);
	eq_int(a.send_errors, 0);
	while (got < 60 && (n = next_batch(&b, b.fd4, &batch)) > 0)
		for (int i = 0; i < n; i++)
			eq_int(batch.items[i].data[0], (int)got++);
	eq_int(got, 60);
	eq_int(discovery(a.fd4, IPPROTO_IP, IP_MTU_DISCOVER), IP_PMTUDISC_WANT);
	outbox_clear(&o);
	if (a.fd6 >= 0) {
		add(&o, "::1", b.port, 9, 1400)->whole = true;
		udp_send(&a, &o);
		eq_int(next_batch(&b, b.fd6, &batch), 1);
		eq_int(discovery(a.fd6, IPPROTO_IPV6, IPV6_MTU_DISCOVER), IPV6_PMTUDISC_WANT);
	}
	close_pair(&a, &b, &batch);
}

#define RUN_ITEMS 200u

/* Datagrams of three lengths to two ports, in runs of many kinds; each knows its number. */
static void send_runs(struct udp *a, uint16_t port, uint16_t other)
{
	static const size_t lens[] = { 1452, 1452, 100, 1452, 64, 64 };
	struct outbox o;

	outbox_init(&o, items, 256, arena, sizeof(arena));
	for (unsigned i = 0; i < RUN_ITEMS; i++) {
		struct out *out = add(&o, "127.0.0.1", i % 50 == 49 ? other : port, (uint8_t)i,
				      lens[i / 20 % 6] - (i % 20 == 19 ? 7 : 0));

		out->ecn = i >= 120 ? 1 : 0;
	}
	udp_send(a, &o);
}

/* What came to b: all that was sent to it, each as it was, in order, with its own DS field. */
static unsigned take_runs(struct udp *b, struct udp_batch *batch)
{
	unsigned got = 0, i = 0;

	while (got < RUN_ITEMS - RUN_ITEMS / 50 && next_batch(b, b->fd4, batch) > 0)
		for (unsigned k = 0; k < batch->count; k++, got++, i++) {
			const struct udp_datagram *d = &batch->items[k];

			i += i % 50 == 49;
			for (unsigned n = 0; n < d->len; n++)
				if (d->data[n] != (uint8_t)i)
					TAP_FAIL("byte %u of %u is another's", n, i);
			eq_int(d->ecn, i >= 120 ? 1 : 0);
			eq_int(d->len % 64 == 57 || d->len == 1445 || d->len == 93, i % 20 == 19);
		}
	return got;
}

static void runs_are_the_same_datagrams(void)
{
	struct udp a, b, c;
	struct udp_batch batch;

	for (unsigned how = 0; how < 4; how++) {
		ok(open_pair(&a, &b, &batch));
		eq_int(udp_open(&c, 0, 0), 0);
		udp_offload(&a, how & 1, false);
		udp_offload(&b, false, how & 2);
		if (!a.segments && (how & 1))
			puts("# this kernel has no UDP_SEGMENT");
		ok(how & 2 || !b.gathers);
		send_runs(&a, b.port, c.port);
		eq_int(a.sent, RUN_ITEMS);
		eq_int(a.send_errors, 0);
		eq_int(a.refused, 0);
		eq_int(take_runs(&b, &batch), RUN_ITEMS - RUN_ITEMS / 50);
		eq_int(b.received, RUN_ITEMS - RUN_ITEMS / 50);
		udp_close(&c);
		close_pair(&a, &b, &batch);
	}
}

/* Items that are runs themselves: the same datagrams, whether the kernel takes runs or not. */
static void an_item_may_be_a_run(void)
{
	struct udp a, b;
	struct udp_batch batch;
	struct outbox o;

	for (unsigned how = 0; how < 3; how++) {
		unsigned got = 0;
		const int off = 1;

		ok(open_pair(&a, &b, &batch));
		udp_offload(&a, how > 0, false);
		if (how == 2) /* a kernel that says no, see below */
			ok(!setsockopt(a.fd4, SOL_SOCKET, SO_NO_CHECK, &off, sizeof(off)));
		outbox_init(&o, items, 256, arena, sizeof(arena));
		for (unsigned i = 0; i < 3; i++) {
			struct out *out = add(&o, "127.0.0.1", b.port, 0, 50 * 1000 - (i == 2));

			out->segment = 1000;
			for (unsigned k = 0; k < 50; k++)
				memset(out->data + 1000 * k, (int)(50 * i + k), k < 49 || i < 2 ?
				       1000 : 999);
		}
		udp_send(&a, &o);
		eq_int(a.sent, 150);
		eq_int(a.send_errors, 0);
		while (got < 150 && next_batch(&b, b.fd4, &batch) > 0)
			for (unsigned i = 0; i < batch.count; i++, got++) {
				eq_int(batch.items[i].len, got < 149 ? 1000 : 999);
				eq_int(batch.items[i].data[0], got);
				eq_int(batch.items[i].data[998], got);
			}
		eq_int(got, 150);
		close_pair(&a, &b, &batch);
	}
}

/* The kernel says no to runs, not to their datagrams; after 16 of them none is tried any more. */
static void a_run_that_is_refused_goes_out_one_by_one(void)
{
	struct udp a, b;
	struct udp_batch batch;
	struct outbox o;
	unsigned got = 0;
	const int off = 1;

	ok(open_pair(&a, &b, &batch));
	udp_offload(&a, true, false);
	/* Without checksums there are no runs. */
	ok(!setsockopt(a.fd4, SOL_SOCKET, SO_NO_CHECK, &off, sizeof(off)));
	outbox_init(&o, items, 256, arena, sizeof(arena));
	for (unsigned i = 0; i < 10; i++)
		add(&o, "127.0.0.1", b.port, (uint8_t)i, 500);
	for (unsigned run = 1; run <= 17; run++) {
		const bool tries = a.segments;

		udp_send(&a, &o);
		eq_int(a.segments, tries && run < 16);
		eq_int(a.sent, 10 * run);
		eq_int(a.send_errors, 0);
		for (got = 0; got < 10 && next_batch(&b, b.fd4, &batch) > 0;)
			for (unsigned i = 0; i < batch.count; i++, got++)
				eq_int(batch.items[i].data[0], got);
		eq_int(got, 10);
	}
	close_pair(&a, &b, &batch);
}

static void extra_sockets_have_ports_of_their_own_and_say_which_they_are(void)
{
	struct udp a, b;
	struct udp_batch batch;
	struct outbox o;
	uint16_t ports[3] = { 0 };

	ok(open_pair(&a, &b, &batch));
	eq_int(udp_allow_extra(&a), 0);
	outbox_init(&o, items, 256, arena, sizeof(arena));
	for (uint16_t socket = 0; socket <= 2; socket++) {
		if (socket && outbox_reserve(&o, 0))
			outbox_commit(&o, OUT_SOCKET_OPEN, 0)->to.socket = socket;
		add(&o, "127.0.0.1", b.port, (uint8_t)socket, 30)->to.socket = socket;
	}
	udp_send(&a, &o);
	for (unsigned got = 0; got < 3;) {
		int n = next_batch(&b, b.fd4, &batch);

		ok(n > 0);
		if (n <= 0)
			break;
		got += (unsigned)n;
		for (int i = 0; i < n; i++)
			ports[batch.items[i].data[0] % 3] = batch.items[i].from.port;
	}
	eq_int(ports[0], a.port);
	ok(ports[1] && ports[2] && ports[1] != ports[2] && ports[1] != a.port);

	/* What comes to one of them says so. */
	outbox_clear(&o);
	add(&o, "127.0.0.1", ports[2], 9, 20);
	udp_send(&b, &o);
	struct pollfd ready = { .fd = a.ready, .events = POLLIN };
	eq_int(poll(&ready, 1, 1000), 1);
	eq_int(udp_receive_extra(&a, &batch), 1);
	eq_int(batch.items[0].from.socket, 2);
	eq_int(batch.items[0].from.port, b.port);
	eq_int(batch.items[0].len, 20);

	/* A closed one sends nothing, and neither does one that was never opened. */
	outbox_clear(&o);
	if (outbox_reserve(&o, 0))
		outbox_commit(&o, OUT_SOCKET_CLOSE, 0)->to.socket = 2;
	add(&o, "127.0.0.1", b.port, 1, 20)->to.socket = 2;
	add(&o, "127.0.0.1", b.port, 1, 20)->to.socket = UDP_EXTRA;
	add(&o, "127.0.0.1", b.port, 1, 20)->to.socket = UDP_EXTRA + 1;
	udp_send(&a, &o);
	eq_int((intmax_t)a.send_errors, 3);
	close_pair(&a, &b, &batch);
}

TAP_TESTS(T(whole_datagrams_are_sent_in_their_places),
	  T(one_port_serves_both_families_and_cannot_be_had_twice),
	  T(three_batches_arrive_whole_and_in_order), T(the_largest_datagram_passes),
	  T(the_source_is_the_one_named_and_another_when_it_is_gone),
	  T(the_ds_field_goes_both_ways), T(families_may_be_mixed_in_one_outbox),
	  T(runs_are_the_same_datagrams), T(an_item_may_be_a_run),
	  T(a_run_that_is_refused_goes_out_one_by_one),
	  T(extra_sockets_have_ports_of_their_own_and_say_which_they_are))
