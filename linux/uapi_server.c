/* uapi_server.c - a state machine per client, fed with what its socket has.
 *
 * Input is cut into lines of at most UAPI_LINE_MAX bytes. In a set transaction each line goes to
 * core/wg/uapi.h at once, so that a configuration of any length needs no room here. Answers are
 * gathered in memory and written as fast as the client reads; until an answer is out no further
 * input of its client is looked at. One turn of the loop takes at most READ_AT_ONCE bytes
 * of one client, so that tunnels go on while thousands of peers are configured.
 *
 * The memory of answers is wiped before it is given back: it may hold private keys.
 */
#include "linux/uapi_server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_AT_ONCE 16384u
#define ANSWER_FIRST 4096u

enum state {
	AT_REST,    /* the next line names the operation */
	IN_GET,     /* "get=1" was read: an empty line must follow */
	IN_SET,
};

struct uapi_client {
	struct uapi_server *server;
	int fd;                    /* -1: free */
	enum state state;
	struct instant deadline;   /* INSTANT_NEVER: at rest, nothing to write */
	struct instant since;      /* of the last transaction; who rests longest makes room */
	struct uapi_set set;
	char line[UAPI_LINE_MAX];
	size_t line_len;
	bool line_too_long;
	char *answer;              /* answer_len bytes, of which answer_at are written */
	size_t answer_len, answer_at, answer_cap;
	bool answer_failed;
};

static void answer_drop(struct uapi_client *c)
{
	if (c->answer) {
		wipe(c->answer, c->answer_len);
		free(c->answer);
	}
	c->answer = NULL;
	c->answer_len = c->answer_at = c->answer_cap = 0;
}

/* uapi_sink: appends to the answer. */
static void answer_add(void *ctx, const char *text, size_t len)
{
	struct uapi_client *c = ctx;

	if (c->answer_failed)
		return;
	if (len > UAPI_ANSWER_MAX - c->answer_len) {
		c->answer_failed = true;
		return;
	}
	if (len > c->answer_cap - c->answer_len) {
		size_t cap = c->answer_cap ? c->answer_cap : ANSWER_FIRST;
		while (len > cap - c->answer_len)
			cap *= 2;
		/* No realloc: it may leave a copy of a key behind. */
		char *larger = malloc(cap);
		if (!larger) {
			c->answer_failed = true;
			return;
		}
		if (c->answer) {
			memcpy(larger, c->answer, c->answer_len);
			wipe(c->answer, c->answer_len);
			free(c->answer);
		}
		c->answer = larger;
		c->answer_cap = cap;
	}
	memcpy(c->answer + c->answer_len, text, len);
	c->answer_len += len;
}

/* As wireguard-go writes it, with a minus: wg(8) finds the words for its message by that. */
static void answer_errno(struct uapi_client *c, int error)
{
	char buf[32];
	struct text t = text_of(buf, sizeof(buf));

	text_add(&t, error ? "errno=-" : "errno=");
	text_u64(&t, (uint64_t)error);
	text_add(&t, "\n\n");
	answer_add(c, buf, t.len);
}

/* Each change may send something; the outbox must have room for the largest before it. */
static void make_room(const struct uapi_server *s)
{
	if (!outbox_has_room(s->out, OUTBOX_STEP_ITEMS, (size_t)OUTBOX_STEP_BYTES))
		s->flush(s->ctx);
}

static void set_begin(struct uapi_client *c)
{
	uapi_set_init(&c->set, c->server->device);
	c->state = IN_SET;
}

static void set_end(struct uapi_client *c, bool tell)
{
	struct uapi_server *s = c->server;

	make_room(s);
	const int error = uapi_set_end(&c->set, clock_now(), s->out);
	s->flush(s->ctx);
	wipe(&c->set, sizeof(c->set));
	c->state = AT_REST;
	if (tell)
		answer_errno(c, error);
}

static void client_drop(struct uapi_client *c)
{
	if (c->state == IN_SET)
		set_end(c, false); /* what was applied stays, like with every WireGuard */
	loop_remove(c->server->loop, c->fd);
	close(c->fd);
	answer_drop(c);
	wipe(c->line, sizeof(c->line));
	*c = (struct uapi_client){ .server = c->server, .fd = -1, .deadline = INSTANT_NEVER };
}

static bool is_line(const struct uapi_client *c, const char *want)
{
	return c->line_len == strlen(want) && !memcmp(c->line, want, c->line_len);
}

/* One whole line is in c->line. False: the client talks nonsense and is to be dropped. */
static bool take_line(struct uapi_client *c)
{
	struct uapi_server *s = c->server;

	switch (c->state) {
	case AT_REST:
		if (is_line(c, "get=1"))
			c->state = IN_GET;
		else if (is_line(c, "set=1"))
			set_begin(c);
		else
			return false;
		c->since = clock_now().boot;
		c->deadline = instant_add(c->since, span_s(UAPI_PATIENCE_S));
		return true;
	case IN_GET:
		if (c->line_len)
			return false;
		uapi_get(s->device, s->hide_secrets, clock_now().boot, answer_add, c);
		answer_errno(c, 0);
		c->state = AT_REST;
		return true;
	case IN_SET:
		if (!c->line_len && !c->line_too_long) {
			set_end(c, true);
			return true;
		}
		if (c->line_too_long && !c->set.error)
			c->set.error = EINVAL;
		make_room(s);
		uapi_set_line(&c->set, c->line, c->line_len, clock_now(), s->out);
		return true;
	}
	return false;
}

/* Takes lines until there is an answer to write. The bytes that it used up; SIZE_MAX: drop. */
static size_t take_bytes(struct uapi_client *c, const char *data, size_t len)
{
	size_t at = 0;

	while (at < len && !c->answer) {
		const char byte = data[at++];
		if (byte != '\n') {
			if (c->line_len == sizeof(c->line))
				c->line_too_long = true;
			else
				c->line[c->line_len++] = byte;
			continue;
		}
		const bool sane = (c->state == IN_SET || !c->line_too_long) && take_line(c);
		wipe(c->line, c->line_len);
		c->line_len = 0;
		c->line_too_long = false;
		if (!sane)
			return SIZE_MAX;
	}
	return at;
}

/* Writes what the socket takes. False: drop. */
static bool client_write(struct uapi_client *c)
{
	struct loop *loop = c->server->loop;

	while (c->answer_at < c->answer_len) {
		const ssize_t n = send(c->fd, c->answer + c->answer_at,
				       c->answer_len - c->answer_at, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			const struct instant now = clock_now().boot;
			c->deadline = instant_add(now, span_s(UAPI_PATIENCE_S));
			return !loop_change(loop, c->fd, EPOLLOUT);
		}
		if (n < 0)
			return false;
		c->answer_at += (size_t)n;
	}
	answer_drop(c);
	c->deadline = INSTANT_NEVER;
	return !loop_change(loop, c->fd, EPOLLIN);
}

/* Reads with MSG_PEEK first, so that what follows an answer waits in the socket. */
static bool client_read(struct uapi_client *c)
{
	char buf[READ_AT_ONCE];

	const ssize_t n = recv(c->fd, buf, sizeof(buf), MSG_PEEK | MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (n == 0)
		return false;
	size_t used = take_bytes(c, buf, (size_t)n);
	wipe(buf, (size_t)n);
	if (used == SIZE_MAX || c->answer_failed)
		return false;
	const ssize_t taken = recv(c->fd, buf, used, MSG_DONTWAIT);
	wipe(buf, used);
	if (taken != (ssize_t)used)
		return false;
	return !c->answer || client_write(c);
}

static void client_ready(void *ctx, uint32_t events)
{
	struct uapi_client *c = ctx;
	bool keep;

	if (c->answer)
		keep = !(events & (EPOLLERR | EPOLLHUP)) && client_write(c);
	else
		keep = client_read(c);
	if (!keep)
		client_drop(c);
}

/* A free place, or that of who rests longest; NULL: all are in the middle of something. */
static struct uapi_client *find_place(struct uapi_server *s)
{
	struct uapi_client *oldest = NULL;

	for (unsigned i = 0; i < UAPI_CLIENTS; i++) {
		struct uapi_client *c = &s->clients[i];
		if (c->fd < 0)
			return c;
		if (c->state != AT_REST || c->answer)
			continue;
		if (!oldest || instant_before(c->since, oldest->since))
			oldest = c;
	}
	if (oldest)
		client_drop(oldest);
	return oldest;
}

static void listener_ready(void *ctx, uint32_t events)
{
	struct uapi_server *s = ctx;

	(void)events;
	const int fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0)
		return;
	struct uapi_client *c = find_place(s);
	if (!c || loop_add(s->loop, fd, EPOLLIN, client_ready, c)) {
		close(fd);
		return;
	}
	c->fd = fd;
	c->since = clock_now().boot;
	/* Also who says nothing at all is waited for only so long, until its first transaction. */
	c->deadline = instant_add(c->since, span_s(UAPI_PATIENCE_S));
}

int uapi_server_open(struct uapi_server *s)
{
	s->clients = NULL;
	if (s->listener < 0)
		return 0;
	s->clients = calloc(UAPI_CLIENTS, sizeof(*s->clients));
	if (!s->clients)
		return -ENOMEM;
	for (unsigned i = 0; i < UAPI_CLIENTS; i++)
		s->clients[i] = (struct uapi_client){
			.server = s, .fd = -1, .deadline = INSTANT_NEVER,
		};
	const int err = loop_add(s->loop, s->listener, EPOLLIN, listener_ready, s);
	if (err) {
		free(s->clients);
		s->clients = NULL;
	}
	return err;
}

void uapi_server_close(struct uapi_server *s)
{
	if (!s->clients)
		return;
	loop_remove(s->loop, s->listener);
	for (unsigned i = 0; i < UAPI_CLIENTS; i++)
		if (s->clients[i].fd >= 0)
			client_drop(&s->clients[i]);
	free(s->clients);
	s->clients = NULL;
}

void uapi_server_tick(struct uapi_server *s, struct instant now)
{
	for (unsigned i = 0; s->clients && i < UAPI_CLIENTS; i++) {
		struct uapi_client *c = &s->clients[i];
		if (c->fd >= 0 && instant_reached(c->deadline, now))
			client_drop(c);
	}
}

struct instant uapi_server_deadline(const struct uapi_server *s)
{
	struct instant first = INSTANT_NEVER;

	for (unsigned i = 0; s->clients && i < UAPI_CLIENTS; i++)
		if (s->clients[i].fd >= 0)
			first = instant_min(first, s->clients[i].deadline);
	return first;
}
