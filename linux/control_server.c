/* control_server.c - clients as small machines: a request comes in, an answer goes out, the next
 * one.
 *
 * States. A client with verb REQUEST_NONE collects bytes of a request; they are looked at when the
 * answer before is out. While it is answered nothing is read: who does not take his answer cannot
 * ask more. A ping is waited for without events, until a turn of the loop finds it over. The answer
 * is made frame by frame into the out buffer, and only when that has run empty, so that the work of
 * one turn is bounded and the report is as fresh as it can be.
 *
 * Limits. CONTROL_MAX_CLIENTS; one more takes the place of a client that has asked nothing for a
 * second, else it hears "busy". A stalled or idle client is cut by tick. Buffers are mapped once;
 * what a client touched goes back to the kernel when it leaves.
 */
#include "linux/control_server.h"

#include "linux/control_json.h"
#include "linux/version.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER (CONTROL_HEAD + CONTROL_MAX_FRAME)
#define PAGE ((size_t)4096)
#define BUFFER_ROOM ((BUFFER + PAGE - 1) / PAGE * PAGE)
#define NO_FD (-1)

enum phase { ANSWER_BEGIN, ANSWER_WAITS, ANSWER_PARTS, ANSWER_END };

struct client {
	struct control_server *server;
	int fd;                    /* NO_FD: free */
	uid_t uid;
	struct instant since; /* out pending: the last progress; else the end of the last answer */
	uint32_t events;           /* what the loop waits for */
	bool ended;                /* it will send no more */
	bool closing;              /* cut it when the out buffer is empty */
	bool stopping;             /* tell the daemon to end when the out buffer is empty */
	struct request request;    /* being answered; verb REQUEST_NONE: none */
	enum phase phase;
	uint32_t after;            /* slot of the last peer, number of the last rule sent */
	uint32_t parts;            /* of these, sent so far */
	uint32_t ping;             /* under way; CONTROL_NO_PEER: none */
	size_t in_len, out_at, out_len;
	uint8_t *in, *out;         /* BUFFER bytes each */
};

struct control_server {
	struct loop *loop;
	struct control_config config;
	struct control_about about;
	struct instant paused;     /* not accepting until then: out of descriptors */
	struct client clients[CONTROL_MAX_CLIENTS];
	uint8_t *buffers;
	struct report_node node;   /* scratch */
	struct report_peer peer;
};

#define BUFFERS_SIZE (2 * BUFFER_ROOM * CONTROL_MAX_CLIENTS)

static void end_ping(struct client *c)
{
	const struct control_handlers *h = &c->server->config.handlers;

	if (c->ping != CONTROL_NO_PEER)
		h->ping_end(h->ctx, c->ping);
	c->ping = CONTROL_NO_PEER;
}

static void cut(struct client *c)
{
	end_ping(c);
	loop_remove(c->server->loop, c->fd);
	close(c->fd);
	c->fd = NO_FD;
	madvise(c->in, 2 * BUFFER_ROOM, MADV_DONTNEED);
}

/* --- making answers ---------------------------------------------------------------------- */

/* Appends one part; false when it has no room. */
static bool append(struct client *c, const char *name, json_t *part)
{
	size_t n = frame_encode(c->request.id, name, part, c->out + c->out_len,
				BUFFER - c->out_len);

	c->out_len += n;
	return n != 0;
}

static bool append_node(struct client *c)
{
	struct control_server *s = c->server;

	memset(&s->node, 0, sizeof(s->node));
	s->config.handlers.status(s->config.handlers.ctx, &s->node);
	return append(c, "node", report_node_json(&s->node, &s->about, clock_now().boot));
}

/* The next peer, rule or observation, and which that is; CONTROL_NO_PEER: there is none. */
static uint32_t next_part(struct client *c, bool *fits)
{
	struct control_server *s = c->server;
	const struct control_handlers *h = &s->config.handlers;
	struct report_observed observed = { 0 };
	struct report_service rule = { 0 };
	uint32_t at;

	*fits = true;
	if (c->request.verb == REQUEST_OBSERVED) {
		at = h->observed(h->ctx, c->after, &observed);
		if (at != CONTROL_NO_PEER)
			*fits = append(c, "observed",
				       report_observed_json(&observed, clock_now().boot));
		return at;
	}
	if (c->request.verb == REQUEST_SERVICES) {
		at = h->service(h->ctx, c->after, &rule);
		if (at != CONTROL_NO_PEER)
			*fits = append(c, "rule", report_service_json(&rule));
		return at;
	}
	memset(&s->peer, 0, sizeof(s->peer));
	at = h->peer(h->ctx, c->after, &s->peer);
	if (at != CONTROL_NO_PEER)
		*fits = append(c, "peer", report_peer_json(&s->peer, clock_now().boot));
	return at;
}

/* As many as have room. */
static void append_parts(struct client *c)
{
	for (;;) {
		bool fits;
		uint32_t at = next_part(c, &fits);

		if (at == CONTROL_NO_PEER) {
			c->phase = ANSWER_END;
			return;
		}
		if (!fits)
			return;
		c->after = at;
		c->parts++;
	}
}

/* True: the ping is over, and what it found in the out buffer. */
static bool waited(struct client *c)
{
	struct control_server *s = c->server;
	const struct control_handlers *h = &s->config.handlers;
	uint64_t rtt_us = 0;

	if (c->ping != CONTROL_NO_PEER && !h->pinged(h->ctx, c->ping, &rtt_us))
		return false;
	end_ping(c);
	c->out_len += frame_encode_pong(c->request.id, rtt_us, c->out + c->out_len,
					BUFFER - c->out_len);
	memset(&s->peer, 0, sizeof(s->peer));
	if (h->peer_of(h->ctx, &c->request.peer, &s->peer) != CONTROL_NO_PEER)
		c->parts += append(c, "peer", report_peer_json(&s->peer, clock_now().boot));
	c->phase = ANSWER_END;
	return true;
}

static void finish(struct client *c)
{
	c->request = (struct request){ 0 };
	c->since = clock_now().boot;
}

/* Makes the next stretch of the answer in the empty out buffer. */
static void make_answer(struct client *c)
{
	if (c->phase == ANSWER_BEGIN) {
		if ((c->request.verb == REQUEST_STATUS || c->request.verb == REQUEST_COUNTERS)
		    && !append_node(c)) {
			c->closing = true; /* out of memory: better no answer than half of one */
			finish(c);
			return;
		}
		c->phase = c->request.verb == REQUEST_COUNTERS || c->request.verb == REQUEST_DOWN
			   ? ANSWER_END : ANSWER_PARTS;
		if (c->request.verb == REQUEST_PING) {
			c->ping = c->server->config.handlers.ping(c->server->config.handlers.ctx,
								  &c->request.peer);
			c->phase = ANSWER_WAITS;
		}
	}
	if (c->phase == ANSWER_WAITS && !waited(c))
		return;
	if (c->phase == ANSWER_PARTS)
		append_parts(c);
	if (c->phase == ANSWER_END) {
		size_t n = frame_encode_done(c->request.id, c->parts, c->out + c->out_len,
					     BUFFER - c->out_len);

		c->out_len += n;
		if (n) {
			c->stopping = c->request.verb == REQUEST_DOWN;
			finish(c);
			return;
		}
	}
	if (c->out_len == 0) { /* a frame that no buffer holds, or no memory */
		c->closing = true;
		finish(c);
	}
}

static void refuse(struct client *c, enum request_problem problem)
{
	c->out_len = frame_encode_error(c->request.id, problem, c->out, BUFFER);
	c->closing = problem == REQUEST_MALFORMED || problem == REQUEST_BUSY;
	finish(c);
}

/* --- taking requests --------------------------------------------------------------------- */

/* Takes the next whole request out of the in buffer; false when there is none yet. */
static bool take_request(struct client *c)
{
	enum request_problem problem;
	size_t len;

	if (c->in_len < CONTROL_HEAD)
		return false;
	len = load_be32(c->in);
	if (len == 0 || len > CONTROL_MAX_FRAME) {
		refuse(c, REQUEST_MALFORMED);
		return true;
	}
	if (c->in_len < CONTROL_HEAD + len)
		return false;
	problem = request_decode(c->in + CONTROL_HEAD, len, &c->request);
	c->in_len -= CONTROL_HEAD + len;
	memmove(c->in, c->in + CONTROL_HEAD + len, c->in_len);
	if (problem == REQUEST_OK
	    && !request_allowed(c->request.verb, c->uid, c->server->config.owner))
		problem = REQUEST_REFUSED;
	if (problem != REQUEST_OK) {
		refuse(c, problem);
		return true;
	}
	c->phase = ANSWER_BEGIN;
	c->after = CONTROL_NO_PEER;
	c->parts = 0;
	c->since = clock_now().boot;
	return true;
}

/* --- moving bytes ------------------------------------------------------------------------ */

/* False when the client is lost. */
static bool receive(struct client *c)
{
	ssize_t n;

	if (c->in_len == BUFFER)
		return true;
	n = recv(c->fd, c->in + c->in_len, BUFFER - c->in_len, MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (n == 0)
		c->ended = true;
	c->in_len += (size_t)n;
	return true;
}

/* Sends what is in the out buffer, as far as the socket takes it. False when the client is lost. */
static bool flush(struct client *c)
{
	while (c->out_at < c->out_len) {
		ssize_t n = send(c->fd, c->out + c->out_at, c->out_len - c->out_at,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN;
		c->out_at += (size_t)n;
		c->since = clock_now().boot;
	}
	c->out_at = c->out_len = 0;
	return true;
}

static bool wait_for(struct client *c, uint32_t events)
{
	if (c->events == events)
		return true;
	c->events = events;
	return loop_change(c->server->loop, c->fd, events) == 0;
}

/* What can be done without waiting, one stretch of an answer at most. False when the client is done
 * with. */
static bool proceed(struct client *c)
{
	if (c->out_len == 0 && c->request.verb == REQUEST_NONE && !c->closing)
		take_request(c);
	if (c->out_len == 0 && c->request.verb != REQUEST_NONE)
		make_answer(c);
	if (!flush(c))
		return false;
	if (c->out_len == 0 && c->closing)
		return false;
	if (c->out_len == 0 && c->request.verb != REQUEST_NONE && c->phase == ANSWER_WAITS)
		return wait_for(c, 0);
	/* Nothing left of the answer, and maybe a next request in the buffer: come back at once. */
	if (c->out_len || c->request.verb != REQUEST_NONE)
		return wait_for(c, EPOLLOUT);
	if (c->in_len >= CONTROL_HEAD && c->in_len >= CONTROL_HEAD + load_be32(c->in))
		return wait_for(c, EPOLLOUT);
	return !c->ended && wait_for(c, EPOLLIN);
}

static void on_client(void *ctx, uint32_t events)
{
	struct client *c = ctx;
	struct control_server *s = c->server;
	bool alive = true;

	if (events & EPOLLIN || (events & (EPOLLHUP | EPOLLERR) && c->events == EPOLLIN))
		alive = receive(c);
	if (events & (EPOLLHUP | EPOLLERR) && !c->events)
		alive = false;
	if (alive)
		alive = proceed(c);

	bool stopping = c->stopping && (!alive || c->out_len == 0);

	if (stopping)
		c->stopping = false;
	if (!alive)
		cut(c);
	if (stopping)
		s->config.handlers.down(s->config.handlers.ctx);
}

/* --- coming and going -------------------------------------------------------------------- */

/* A free place, made free by the client that was idle longest if need be; NULL when all are at
 * work. */
static struct client *find_place(struct control_server *s, struct instant now)
{
	struct client *idle = NULL;

	for (unsigned i = 0; i < CONTROL_MAX_CLIENTS; i++) {
		struct client *c = &s->clients[i];

		if (c->fd == NO_FD)
			return c;
		if (c->request.verb == REQUEST_NONE && c->out_len == 0
		    && instant_reached(instant_add(c->since, span_s(1)), now)
		    && (!idle || instant_before(c->since, idle->since)))
			idle = c;
	}
	if (idle)
		cut(idle);
	return idle;
}

static void turn_away(int fd)
{
	uint8_t frame[128];
	size_t n = frame_encode_error(0, REQUEST_BUSY, frame, sizeof(frame));

	/* Should this fail, it sees the end alone. */
	(void)!send(fd, frame, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	close(fd);
}

static void welcome(struct control_server *s, int fd, struct instant now)
{
	struct client *c;
	struct ucred who;
	socklen_t len = sizeof(who);
	unsigned n;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) < 0 || len != sizeof(who)) {
		close(fd);
		return;
	}
	c = find_place(s, now);
	if (!c) {
		turn_away(fd);
		return;
	}
	n = (unsigned)(c - s->clients);
	*c = (struct client){
		.server = s, .fd = fd, .uid = who.uid, .since = now, .events = EPOLLIN,
		.ping = CONTROL_NO_PEER,
		.in = s->buffers + 2 * BUFFER_ROOM * n,
		.out = s->buffers + BUFFER_ROOM * (n * 2 + 1),
	};
	if (loop_add(s->loop, fd, EPOLLIN, on_client, c) < 0) {
		c->fd = NO_FD;
		close(fd);
	}
}

static void on_listener(void *ctx, uint32_t events)
{
	struct control_server *s = ctx;
	struct instant now = clock_now().boot;

	(void)events;
	for (unsigned i = 0; i < CONTROL_MAX_CLIENTS; i++) {
		int fd = accept4(s->config.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			welcome(s, fd, now);
			continue;
		}
		/* The caller stays in the queue, and the listener would stay ready: pause. */
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
			s->paused = instant_add(now, span_s(1));
			if (loop_change(s->loop, s->config.listener, 0) < 0)
				s->paused = INSTANT_ZERO;
		}
		if (errno != EINTR && errno != ECONNABORTED)
			return;
	}
}

static struct instant client_deadline(const struct client *c)
{
	bool asking = c->request.verb == REQUEST_NONE && c->out_len == 0;

	return instant_add(c->since, span_s(asking ? CONTROL_IDLE_S : CONTROL_STALL_S));
}

struct instant control_server_deadline(const struct control_server *s)
{
	struct instant first = INSTANT_NEVER;

	if (!s)
		return first;
	if (instant_is_set(s->paused))
		first = s->paused;
	for (unsigned i = 0; i < CONTROL_MAX_CLIENTS; i++)
		if (s->clients[i].fd != NO_FD)
			first = instant_min(first, client_deadline(&s->clients[i]));
	return first;
}

void control_server_tick(struct control_server *s, struct instant now)
{
	if (!s)
		return;
	if (instant_is_set(s->paused) && instant_reached(s->paused, now)
	    && loop_change(s->loop, s->config.listener, EPOLLIN) == 0)
		s->paused = INSTANT_ZERO;
	for (unsigned i = 0; i < CONTROL_MAX_CLIENTS; i++) {
		struct client *c = &s->clients[i];

		if (c->fd != NO_FD && !c->events && !proceed(c))
			cut(c);
		if (c->fd != NO_FD && instant_reached(client_deadline(c), now))
			cut(c);
	}
}

int control_server_open(struct control_server **out, struct loop *loop,
			const struct control_config *config)
{
	struct control_server *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE,
					MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t seed;
	int r;

	if (s == MAP_FAILED)
		return -errno;
	s->buffers = mmap(NULL, BUFFERS_SIZE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (s->buffers == MAP_FAILED) {
		r = -errno;
		munmap(s, sizeof(*s));
		return r;
	}
	s->loop = loop;
	s->config = *config;
	snprintf(s->about.daemon, sizeof(s->about.daemon), "%s", MESHGUARD_VERSION);
	snprintf(s->about.directory, sizeof(s->about.directory), "%s",
		 config->directory ? config->directory : "");
	for (unsigned i = 0; i < CONTROL_MAX_CLIENTS; i++)
		s->clients[i].fd = NO_FD;
	/* jansson would look for a device file, which this process may not have. */
	entropy(&seed, sizeof(seed));
	json_object_seed(seed | 1);
	r = loop_add(loop, config->listener, EPOLLIN, on_listener, s);
	if (r < 0) {
		munmap(s->buffers, BUFFERS_SIZE);
		munmap(s, sizeof(*s));
		return r;
	}
	*out = s;
	return 0;
}

void control_server_close(struct control_server *s)
{
	if (!s)
		return;
	for (unsigned i = 0; i < CONTROL_MAX_CLIENTS; i++)
		if (s->clients[i].fd != NO_FD)
			cut(&s->clients[i]);
	loop_remove(s->loop, s->config.listener);
	munmap(s->buffers, BUFFERS_SIZE);
	munmap(s, sizeof(*s));
}
