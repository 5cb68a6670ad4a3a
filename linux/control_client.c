#include "linux/control_client.h"

#include "linux/loop.h"
#include "linux/priv.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

int control_connect_path(struct control_client *c, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval patience = { .tv_sec = CONTROL_ANSWER_S };
	int r;

	c->fd = -1;
	c->id = 0;
	c->at = c->have = 0;
	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path) + 1);
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return -errno;
	/* Also bounds connect, should the daemon's queue be full. */
	if (setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0
	    || connect(c->fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		r = errno == EAGAIN ? -ETIMEDOUT : -errno;
		control_close(c);
		return r;
	}
	return 0;
}

int control_connect(struct control_client *c, const char *interface)
{
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	int first = -ENOENT;

	for (unsigned place = 0; place < RUNTIME_PLACES; place++) {
		int r = runtime_path(path, sizeof(path), place, interface, ".sock") ?
			control_connect_path(c, path) : -ENOENT;

		if (r == 0)
			return 0;
		if (first == -ENOENT)
			first = r;
	}
	return first;
}

void control_close(struct control_client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

static int ask(struct control_client *c, const struct request *request)
{
	uint8_t frame[256];
	size_t len = request_encode(request, frame, sizeof(frame)), at = 0;

	if (len == 0)
		return -ENOMEM;
	while (at < len) {
		ssize_t n = send(c->fd, frame + at, len - at, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		/* A daemon that turned us away has said why; the answer is read all the same. */
		if (n < 0)
			return errno == EPIPE ? 0 : errno == EAGAIN ? -ETIMEDOUT : -errno;
		at += (size_t)n;
	}
	return 0;
}

int control_ask(struct control_client *c, enum request_verb verb)
{
	return ask(c, &(struct request){ .id = ++c->id, .verb = verb });
}

int control_ping(struct control_client *c, const struct public_key *peer)
{
	return ask(c, &(struct request){ .id = ++c->id, .verb = REQUEST_PING, .peer = *peer });
}

/* Waits for bytes until the deadline and takes them. 0: end of the stream. */
static ssize_t more(struct control_client *c, struct instant deadline)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };

	for (;;) {
		struct span left = instant_since(deadline, clock_now().boot);
		int r = poll(&p, 1, (int)(span_in_ms(left) + (left.ns != 0)));
		ssize_t n;

		if (r == 0)
			return -ETIMEDOUT;
		if (r < 0 && errno != EINTR)
			return -errno;
		if (r < 0)
			continue;
		n = recv(c->fd, c->in + c->have, sizeof(c->in) - c->have, MSG_DONTWAIT);
		if (n >= 0 || (errno != EAGAIN && errno != EINTR))
			return n < 0 ? (errno == ECONNRESET ? 0 : -errno) : n;
	}
}

/* Waits for one whole frame at c->at; its length, or negative errno. */
static ssize_t next_frame(struct control_client *c)
{
	for (;;) {
		size_t have = c->have - c->at;
		size_t len = have >= CONTROL_HEAD ? load_be32(c->in + c->at) : 0;

		if (have >= CONTROL_HEAD && (len == 0 || len > CONTROL_MAX_FRAME))
			return -EPROTO;
		if (have >= CONTROL_HEAD && have >= CONTROL_HEAD + len)
			return (ssize_t)len;
		memmove(c->in, c->in + c->at, have);
		c->at = 0;
		c->have = have;

		ssize_t n = more(c, instant_add(clock_now().boot, span_s(CONTROL_ANSWER_S)));

		if (n <= 0)
			return n == 0 ? -EPIPE : n;
		c->have += (size_t)n;
	}
}

int control_next(struct control_client *c, struct answer *out)
{
	ssize_t len = next_frame(c);
	bool good;

	if (len < 0)
		return (int)len;
	good = answer_decode(c->in + c->at + CONTROL_HEAD, (size_t)len, clock_now().boot, out);
	c->at += CONTROL_HEAD + (size_t)len;
	/* An error may come before our request was read; everything else answers it. */
	if (!good || (out->id != c->id && !(out->kind == ANSWER_ERROR && out->id == 0)))
		return -EPROTO;
	return out->kind != ANSWER_DONE && out->kind != ANSWER_ERROR;
}

int control_wait_end(struct control_client *c, unsigned milliseconds)
{
	struct instant deadline = instant_add(clock_now().boot, span_ms(milliseconds));

	for (;;) {
		c->at = c->have = 0;

		ssize_t n = more(c, deadline);

		if (n <= 0)
			return n == 0 ? 0 : (int)n;
	}
}
