#include "cli/connect.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOOK_MS 100

volatile int connect_interrupted;

static void interrupted(int number)
{
	connect_interrupted = number;
}

void connect_catch(void)
{
	const struct sigaction catch = { .sa_handler = interrupted };

	sigaction(SIGINT, &catch, NULL);
	sigaction(SIGTERM, &catch, NULL);
	sigaction(SIGHUP, &catch, NULL);
}

/* Standard input as it comes; the buffer of stdio would hide a line from poll. */
bool connect_pause(bool *look, char *line, size_t cap)
{
	static char have[256];
	static size_t len;
	struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };
	char *end;
	ssize_t n;

	if (poll(&p, *look ? 1 : 0, LOOK_MS) <= 0 || !*look)
		return false;
	n = read(STDIN_FILENO, have + len, sizeof(have) - len);
	if (n <= 0) {
		*look = n < 0 && errno == EINTR;
		return false;
	}
	len += (size_t)n;
	end = memchr(have, '\n', len);
	if (!end) {
		len = len == sizeof(have) ? 0 : len; /* too long for anything that we ask */
		return false;
	}
	*end = '\0';
	snprintf(line, cap, "%s", have);
	len -= (size_t)(end + 1 - have);
	memmove(have, end + 1, len);
	return true;
}
