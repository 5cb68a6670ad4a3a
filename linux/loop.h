/* linux/loop.h - epoll, the clocks, and entropy: one turn at a time. */
#ifndef LINUX_LOOP_H
#define LINUX_LOOP_H

#include "base/bug.h"
#include "base/instant.h"

#include <stddef.h>
#include <stdint.h>

typedef void loop_handler(void *ctx, uint32_t events); /* EPOLLIN and so on */

#define LOOP_MAX_FDS 4096

struct loop {
	int epoll;
	int timer;                  /* timerfd on the boot clock */
	struct instant armed;       /* what the timer is set to; INSTANT_NEVER: nothing */
	struct loop_entry *entries; /* by descriptor */
	uint64_t turns;             /* wake-ups since start */
};

int loop_init(struct loop *l) must_check;
void loop_close(struct loop *l);
int loop_add(struct loop *l, int fd, uint32_t events, loop_handler *fn, void *ctx) must_check;
int loop_change(struct loop *l, int fd, uint32_t events) must_check;
void loop_remove(struct loop *l, int fd);
/* Waits until a descriptor is ready or the deadline has come, and calls the handlers. A handler may
 * remove any descriptor. 0, or negative errno (EINTR is not an error). */
int loop_turn(struct loop *l, struct instant deadline) must_check;

struct moment clock_now(void);          /* CLOCK_BOOTTIME and CLOCK_REALTIME */
void entropy(void *out, size_t len);    /* getrandom; aborts if the kernel has none */

#endif
