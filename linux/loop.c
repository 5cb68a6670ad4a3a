/* loop.c - epoll with a timer on the boot clock.
 *
 * epoll's own timeout counts on the monotonic clock, which stands still while the machine
 * sleeps; our deadlines do not. So the deadline is a timerfd on CLOCK_BOOTTIME, which is due
 * at once after a resume. It is moved only when the deadline comes earlier: timers that each
 * packet pushes back cost no system call, and one idle wake-up when the old time comes.
 *
 * A handler may remove descriptors whose events are still in the batch at hand, and the number
 * may even be in use again. Each registration therefore has a generation, which travels in the
 * epoll data.
 */
#include "linux/loop.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

struct loop_entry {
	loop_handler *fn; /* NULL: not registered */
	void *ctx;
	uint32_t generation;
};

#define EVENTS_AT_ONCE 64
#define TIMER_TAG UINT64_MAX

static const size_t entries_size = LOOP_MAX_FDS * sizeof(struct loop_entry);

int loop_init(struct loop *l)
{
	*l = (struct loop){ .epoll = -1, .timer = -1, .armed = INSTANT_NEVER };
	int err;

	void *memory = mmap(NULL, entries_size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		return -errno;
	l->entries = memory;
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	l->timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (l->epoll < 0 || l->timer < 0)
		goto failed;
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = TIMER_TAG };
	if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, l->timer, &ev) < 0)
		goto failed;
	return 0;
failed:
	err = -errno;
	loop_close(l);
	return err;
}

void loop_close(struct loop *l)
{
	if (l->epoll >= 0)
		close(l->epoll);
	if (l->timer >= 0)
		close(l->timer);
	if (l->entries)
		munmap(l->entries, entries_size);
	*l = (struct loop){ .epoll = -1, .timer = -1 };
}

static int control(struct loop *l, int op, int fd, uint32_t events)
{
	const uint64_t tag = (uint64_t)l->entries[fd].generation << 32 | (uint32_t)fd;
	struct epoll_event ev = { .events = events, .data.u64 = tag };

	return epoll_ctl(l->epoll, op, fd, &ev) < 0 ? -errno : 0;
}

int loop_add(struct loop *l, int fd, uint32_t events, loop_handler *fn, void *ctx)
{
	if (fd < 0)
		return -EBADF;
	if (fd >= LOOP_MAX_FDS)
		return -EMFILE;
	struct loop_entry *e = &l->entries[fd];
	BUG_ON(e->fn);
	e->generation++;
	const int err = control(l, EPOLL_CTL_ADD, fd, events);
	if (err)
		return err;
	e->fn = fn;
	e->ctx = ctx;
	return 0;
}

int loop_change(struct loop *l, int fd, uint32_t events)
{
	BUG_ON(fd < 0 || fd >= LOOP_MAX_FDS || !l->entries[fd].fn);
	return control(l, EPOLL_CTL_MOD, fd, events);
}

void loop_remove(struct loop *l, int fd)
{
	if (fd < 0 || fd >= LOOP_MAX_FDS || !l->entries[fd].fn)
		return;
	l->entries[fd].fn = NULL;
	l->entries[fd].generation++;
	epoll_ctl(l->epoll, EPOLL_CTL_DEL, fd, NULL);
}

/* Sets the timer; false when the deadline has come already and nothing is to be waited for. */
static bool arm(struct loop *l, struct instant deadline)
{
	if (!instant_before(deadline, l->armed))
		return true;
	struct timespec t;
	clock_gettime(CLOCK_BOOTTIME, &t);
	if (deadline.ns <= (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec)
		return false;
	const struct itimerspec at = {
		.it_value.tv_sec = (time_t)(deadline.ns / 1000000000u),
		.it_value.tv_nsec = (long)(deadline.ns % 1000000000u),
	};
	const int err = timerfd_settime(l->timer, TFD_TIMER_ABSTIME, &at, NULL);
	BUG_ON(err < 0);
	l->armed = deadline;
	return true;
}

static void timer_came(struct loop *l)
{
	uint64_t times;
	ssize_t n = read(l->timer, &times, sizeof(times));

	(void)n; /* EAGAIN: it was moved since; then it is armed anew below all the same */
	l->armed = INSTANT_NEVER;
}

int loop_turn(struct loop *l, struct instant deadline)
{
	struct epoll_event events[EVENTS_AT_ONCE];
	const bool wait = arm(l, deadline);

	const int n = epoll_wait(l->epoll, events, EVENTS_AT_ONCE, wait ? -1 : 0);
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	l->turns++;
	for (int i = 0; i < n; i++) {
		if (events[i].data.u64 == TIMER_TAG) {
			timer_came(l);
			continue;
		}
		const struct loop_entry *e = &l->entries[(uint32_t)events[i].data.u64];
		if (e->fn && e->generation == events[i].data.u64 >> 32)
			e->fn(e->ctx, events[i].events);
	}
	return 0;
}

struct moment clock_now(void)
{
	struct timespec boot, wall;

	clock_gettime(CLOCK_BOOTTIME, &boot);
	clock_gettime(CLOCK_REALTIME, &wall);
	return (struct moment){
		.boot.ns = (uint64_t)boot.tv_sec * 1000000000u + (uint64_t)boot.tv_nsec,
		.wall.s = wall.tv_sec > 0 ? (uint64_t)wall.tv_sec : 0,
		.wall.ns = (uint32_t)wall.tv_nsec,
	};
}

void entropy(void *out, size_t len)
{
	uint8_t *at = out;

	while (len) {
		const ssize_t n = getrandom(at, len, 0);
		BUG_ON(n < 0 && errno != EINTR);
		if (n > 0) {
			at += n;
			len -= (size_t)n;
		}
	}
}
