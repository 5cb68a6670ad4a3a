/* The loop: handlers that remove each other, deadlines, and who is called. */
#include "linux/loop.h"

#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

static struct loop l;

struct end {
	int fd;      /* readable */
	int peer;    /* writes make it so */
	unsigned calls;
	struct end *removes;
};

static void on_ready(void *ctx, uint32_t events)
{
	struct end *e = ctx;
	char buf[16];

	(void)events;
	e->calls++;
	if (read(e->fd, buf, sizeof(buf)) < 0)
		abort();
	if (e->removes)
		loop_remove(&l, e->removes->fd);
}

static void make(struct end *e)
{
	int fds[2];

	*e = (struct end){ 0 };
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		abort();
	e->fd = fds[0];
	e->peer = fds[1];
	eq_int(loop_add(&l, e->fd, EPOLLIN, on_ready, e), 0);
}

static void poke(const struct end *e)
{
	if (write(e->peer, "x", 1) != 1)
		abort();
}

/* One turn; a second is more than it takes when something is ready. */
static int turn(void)
{
	return loop_turn(&l, instant_add(clock_now().boot, span_s(1)));
}

static void drop(struct end *e)
{
	loop_remove(&l, e->fd);
	close(e->fd);
	close(e->peer);
}

static void who_is_ready_is_called(void)
{
	struct end a, b;

	eq_int(loop_init(&l), 0);
	make(&a);
	make(&b);
	poke(&a);
	eq_int(turn(), 0);
	eq_int(a.calls, 1);
	eq_int(b.calls, 0);
	poke(&b);
	eq_int(turn(), 0);
	eq_int(b.calls, 1);
	eq_int(l.turns, 2);
	drop(&a);
	drop(&b);
	loop_close(&l);
}

static void who_was_removed_in_the_same_turn_is_not_called(void)
{
	struct end a, b;

	eq_int(loop_init(&l), 0);
	make(&a);
	make(&b);
	a.removes = &b;
	b.removes = &a;
	poke(&a);
	poke(&b);
	eq_int(turn(), 0);
	eq_int(a.calls + b.calls, 1);
	drop(&a);
	drop(&b);
	loop_close(&l);
}

static struct end *born; /* takes the number of one that died in the same turn */

static void on_ready_reuse(void *ctx, uint32_t events)
{
	struct end *old = ctx;

	(void)events;
	old->calls++;
	loop_remove(&l, born->fd);
	eq_int(loop_add(&l, born->fd, EPOLLIN, on_ready, born), 0);
}

static void a_new_owner_of_a_number_does_not_get_old_events(void)
{
	struct end a, b;

	eq_int(loop_init(&l), 0);
	make(&a);
	make(&b);
	loop_remove(&l, a.fd);
	loop_remove(&l, b.fd);
	eq_int(loop_add(&l, a.fd, EPOLLIN, on_ready_reuse, &a), 0);
	eq_int(loop_add(&l, b.fd, EPOLLIN, on_ready, &b), 0);
	born = &b;
	poke(&a);
	poke(&b);
	eq_int(turn(), 0);
	eq_int(a.calls, 1);
	eq_int(b.calls, 0); /* its event was of the registration before */
	loop_remove(&l, a.fd);
	eq_int(turn(), 0);
	eq_int(b.calls, 1); /* and is seen anew */
	drop(&a);
	drop(&b);
	loop_close(&l);
}

/* How late it was is the scheduler's matter, that it was not early is ours. */
static void deadlines_come_in_any_order(void)
{
	static const uint64_t ms[] = { 30, 5, 20, 0, 1 };

	eq_int(loop_init(&l), 0);
	for (size_t i = 0; i < sizeof(ms) / sizeof(*ms); i++) {
		const struct instant start = clock_now().boot;
		const struct instant end = instant_add(start, span_ms(ms[i]));
		unsigned turns = 0;
		while (!instant_reached(end, clock_now().boot) && turns++ < 100)
			eq_int(loop_turn(&l, end), 0);
		ok(turns <= 3);
		ok(instant_reached(end, clock_now().boot));
	}
	eq_int(loop_turn(&l, INSTANT_ZERO), 0); /* long past: returns at once */
	loop_close(&l);
}

static void numbers_out_of_range_are_refused(void)
{
	eq_int(loop_init(&l), 0);
	eq_int(loop_add(&l, -1, EPOLLIN, on_ready, NULL), -EBADF);
	eq_int(loop_add(&l, LOOP_MAX_FDS, EPOLLIN, on_ready, NULL), -EMFILE);
	eq_int(loop_add(&l, LOOP_MAX_FDS - 1, EPOLLIN, on_ready, NULL), -EBADF);
	loop_remove(&l, LOOP_MAX_FDS - 1);
	loop_remove(&l, -1);
	loop_close(&l);
}

static void entropy_fills_all_of_it(void)
{
	uint8_t a[300] = { 0 }, b[300] = { 0 };
	unsigned zero = 0;

	entropy(a, sizeof(a));
	entropy(b, sizeof(b));
	ok(memcmp(a, b, sizeof(a)) != 0);
	for (size_t i = 0; i < sizeof(a); i++)
		zero += a[i] == 0;
	ok(zero < 20);
}

TAP_TESTS(T(who_is_ready_is_called), T(who_was_removed_in_the_same_turn_is_not_called),
	  T(a_new_owner_of_a_number_does_not_get_old_events), T(deadlines_come_in_any_order),
	  T(numbers_out_of_range_are_refused), T(entropy_fills_all_of_it))
