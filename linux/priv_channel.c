/* priv_channel.c - messages between the two processes, and the child's way to ask.
 *
 * There are two sockets: requests and their answers go over one, notices over the other. So the
 * child can wait for an answer, in the midst of its work on a notice too, and no notice is lost or
 * out of order. A message travels without the unused end of its data. Answers come in order, so
 * one that comes after the child stopped waiting is counted off later, and that of a request that
 * it does not wait for is put by when it waits for another.
 */
#include "linux/priv_inside.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MESSAGE_HEAD offsetof(struct priv_message, data)
#define PATIENCE_MS 5000
#define MAX_FDS 2

void message_init(struct priv_message *m, uint32_t kind)
{
	memset(m, 0, sizeof(*m));
	m->kind = kind;
}

int channel_send(int fd, const struct priv_message *m, const int *fds, unsigned n)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(MAX_FDS * sizeof(int))] = { 0 };
	struct iovec part = { (void *)(uintptr_t)m, MESSAGE_HEAD + m->data_len };
	struct msghdr h = { .msg_iov = &part, .msg_iovlen = 1 };

	BUG_ON(m->data_len > PRIV_DATA || n > MAX_FDS);
	if (n) {
		h.msg_control = control;
		h.msg_controllen = CMSG_SPACE(n * sizeof(int));

		struct cmsghdr *c = CMSG_FIRSTHDR(&h);

		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	}
	for (;;) {
		if (sendmsg(fd, &h, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
			return 0;
		if (errno == ECONNRESET)
			return -EPIPE;
		if (errno != EINTR)
			return errno == EWOULDBLOCK ? -EAGAIN : -errno;
	}
}

static void take_fds(struct msghdr *h, int fds[MAX_FDS])
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		int got[MAX_FDS] = { -1, -1 };
		size_t len = c->cmsg_len - CMSG_LEN(0);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS
		    || len > sizeof(got)) /* the buffer holds no more */
			continue;
		memcpy(got, CMSG_DATA(c), len);
		memcpy(fds, got, sizeof(got));
	}
}

static void close_fds(int fds[MAX_FDS])
{
	for (int i = 0; i < MAX_FDS; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
		fds[i] = -1;
	}
}

static bool well_formed(const struct priv_message *m, ssize_t len)
{
	return len >= (ssize_t)MESSAGE_HEAD && m->data_len <= PRIV_DATA
	       && len == (ssize_t)(MESSAGE_HEAD + m->data_len) && m->name[MAX_NAME] == '\0';
}

int channel_receive(int fd, struct priv_message *m, int fds[2])
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(MAX_FDS * sizeof(int))];
	struct iovec part = { .iov_len = sizeof(*m) };
	struct msghdr h = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control,
			    .msg_controllen = sizeof(control) };
	ssize_t n;

	memset(m, 0, MESSAGE_HEAD);
	part.iov_base = m;
	fds[0] = fds[1] = -1;
	do {
		n = recvmsg(fd, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : errno == ECONNRESET ? -EPIPE : -errno;
	take_fds(&h, fds);
	if (n == 0)
		return -EPIPE;
	if ((h.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) || !well_formed(m, n)) {
		close_fds(fds);
		return -EBADMSG;
	}
	return 1;
}

/* --- the child ----------------------------------------------------------------------------- */

static unsigned late; /* answers that nobody waits for any more */
static bool telling;  /* priv_tell's request is under way, sent before all of those */
static bool told;     /* its answer is here */
static int told_result;

/* True when this answer is none that is waited for. */
static bool put_by(const struct priv_message *m)
{
	if (telling && !told) {
		told = true;
		told_result = m->result;
		return true;
	}
	if (late == 0)
		return false;
	late--;
	return true;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int wait_for(int fd, short events, int64_t until)
{
	struct pollfd p = { .fd = fd, .events = events };

	for (;;) {
		int64_t left = until - now_ms();
		int n = poll(&p, 1, left > 0 ? (int)left : 0);

		if (n > 0)
			return 0;
		if (n == 0)
			return -ETIMEDOUT;
		if (errno != EINTR)
			return -errno;
	}
}

static int send_request(int fd, const struct priv_message *m, int64_t until)
{
	for (;;) {
		int r = channel_send(fd, m, NULL, 0);

		if (r != -EAGAIN)
			return r;
		r = wait_for(fd, POLLOUT, until);
		if (r < 0)
			return r;
	}
}

static int wait_answer(int fd, struct priv_message *m, int fds[2], int64_t until)
{
	for (;;) {
		int r = channel_receive(fd, m, fds);

		if (r == 1 && !put_by(m))
			return 0;
		if (r == 1)
			close_fds(fds);
		if (r == 0)
			r = wait_for(fd, POLLIN, until);
		if (r < 0)
			return r;
	}
}

int priv_ask(struct priv_child *c, struct priv_message *m, int fds[2])
{
	const uint32_t kind = m->kind;
	const int64_t until = now_ms() + PATIENCE_MS;
	int got[2] = { -1, -1 };
	int r;

	r = send_request(c->requests, m, until);
	if (r < 0)
		return r;
	r = wait_answer(c->requests, m, got, until);
	if (r == -ETIMEDOUT)
		late++;
	if (r == 0 && m->kind != kind)
		r = -EBADMSG;
	if (r == 0 && m->result == 0 && fds) {
		/* A missing family has no descriptor: flag bit 0 is IPv4, bit 1 is IPv6. */
		fds[0] = m->flag & 1 ? got[0] : -1;
		fds[1] = m->flag & 2 ? got[m->flag & 1] : -1;
	} else {
		close_fds(got);
	}
	return r < 0 ? r : m->result;
}

int priv_tell(struct priv_child *c, const struct priv_message *m)
{
	int r;

	if (telling || late)
		return -EAGAIN;
	r = channel_send(c->requests, m, NULL, 0);
	telling = r == 0;
	return r;
}

int priv_told(struct priv_child *c, int *result)
{
	struct priv_message m;
	int fds[2];

	while (!told) {
		int r = channel_receive(c->requests, &m, fds);

		if (r <= 0)
			return r;
		close_fds(fds);
		if (!put_by(&m))
			return -EBADMSG;
	}
	telling = told = false;
	*result = told_result;
	return 1;
}

void priv_ready(struct priv_child *c)
{
	if (c->config->mesh && !c->config->detach && !c->config->log_events && !c->told) {
		c->told = true;
		priv_say("%s is up on UDP port %u; ^C or meshguard down ends it", c->interface,
			 c->port);
	}
	if (c->ready < 0)
		return;
	/* When the write fails nobody waits any more, which is fine. */
	ssize_t n = write(c->ready, "", 1);

	(void)n;
	close(c->ready);
	c->ready = -1;
	priv_silence();
}

int priv_next_notice(struct priv_child *c, struct priv_message *m)
{
	int fds[2];
	int r = channel_receive(c->channel, m, fds);

	if (r == 1)
		close_fds(fds);
	return r;
}
