/* wallclock.c - to be preloaded: the wall clock is off by WALLCLOCK_OFFSET seconds, or says
 * WALLCLOCK_START seconds since 1970 when the process starts. All other clocks, and what waits for
 * them, are the real ones. */
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long offset(const struct timespec *real)
{
	static long seconds;
	static int known;

	if (!known) {
		const char *by = getenv("WALLCLOCK_OFFSET"), *start = getenv("WALLCLOCK_START");

		seconds = start ? atol(start) - real->tv_sec : by ? atol(by) : 0;
		known = 1;
	}
	return seconds;
}

int clock_gettime(clockid_t id, struct timespec *t)
{
	int r = (int)syscall(SYS_clock_gettime, id, t);

	if (r == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
		t->tv_sec += offset(t);
	return r;
}

int gettimeofday(struct timeval *t, void *zone)
{
	struct timespec s;
	int r = clock_gettime(CLOCK_REALTIME, &s);

	(void)zone;
	t->tv_sec = s.tv_sec;
	t->tv_usec = s.tv_nsec / 1000;
	return r;
}

time_t time(time_t *out)
{
	struct timespec s;

	clock_gettime(CLOCK_REALTIME, &s);
	if (out)
		*out = s.tv_sec;
	return s.tv_sec;
}
