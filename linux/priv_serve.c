/* priv_serve.c - the privileged process while the node process lives.
 *
 * It sleeps until the child asks, the trust store or the rules change, a signal comes or a seed is
 * due. What goes to the child is made when the channel has room for it: the answer to the request
 * at hand, the order to stop, seeds, service rules, and the trust store. So nothing queues up, and
 * a child that does not read cannot hold us. While an answer waits no further request is read.
 */
#include "linux/priv_server.h"

#include "linux/runtime.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define STOP_SECONDS 5
#define TWICE_MS 300     /* two interrupts within it may be one key, passed on by who runs us */

/* --- requests ------------------------------------------------------------------------------ */

static void lock_ready(void *ctx, uint32_t events)
{
	const struct server *s = ctx;

	(void)events;
	if (s->p->interface_lock >= 0)
		lock_answer(s->p->interface_lock);
	if (s->p->port_lock >= 0)
		lock_answer(s->p->port_lock);
}

static void watch_port_lock(struct server *s)
{
	if (s->p->port_lock >= 0
	    && loop_add(&s->loop, s->p->port_lock, EPOLLIN, lock_ready, s) < 0)
		priv_say("cannot watch the lock of the port");
}

static void take_request(struct server *s, const struct priv_message *m)
{
	bool moves_port = m->kind == PRIV_UDP_OPEN || m->kind == PRIV_UDP_CLOSE;

	message_init(&s->answer, m->kind);
	s->answer_fd_count = 0;
	if (moves_port)
		loop_remove(&s->loop, s->p->port_lock);
	s->answer.result = request_carry_out(s, m);
	if (moves_port)
		watch_port_lock(s);
	s->answering = true;
}

/* --- the channel --------------------------------------------------------------------------- */

static void begin_stop(struct server *s)
{
	if (s->stopping)
		return;
	s->stopping = s->mdns.stopping = true;
	/* s->now is from before the wait that a signal has just ended. */
	s->stop_at = clock_now().boot;
	s->kill_at = instant_add(s->stop_at, span_s(STOP_SECONDS));
}

/* Who presses the key twice means it. */
static void interrupt(struct server *s)
{
	const struct instant now = clock_now().boot;

	if (s->stopping && instant_reached(instant_add(s->stop_at, span_ms(TWICE_MS)), now)) {
		s->hurried = true;
		s->kill_at = now;
	}
	begin_stop(s);
}

/* The child must end now, by itself or not. */
static void close_channels(struct server *s)
{
	if (s->p->channel < 0)
		return;
	loop_remove(&s->loop, s->p->channel);
	loop_remove(&s->loop, s->p->requests);
	close(s->p->channel);
	close(s->p->requests);
	s->p->channel = s->p->requests = -1;
	begin_stop(s);
}

static bool next_message(struct server *s, struct priv_message *m)
{
	if (s->stopping && !s->stop_sent) {
		message_init(m, PRIV_STOP);
		return true;
	}
	/* Rules go first: when the first peer is let in they are in force. And who is to tell us
	 * where we are is asked before everybody else. */
	return seeds_next(&s->stun, m) || seeds_next(&s->seeds, m) || upnp_next(&s->upnp, m)
	       || policy_feed_next(&s->policy, m) || trust_feed_next(&s->trust, m)
	       || connect_feed_next(&s->connect, m);
}

/* The rules are told to it, too. */
static void second_sent(struct server *s)
{
	const struct second_feed *f = &s->trust.second;

	if (memcmp(&f->main, &s->p->child->public, sizeof(f->main)) != 0)
		connect_feed_again(&s->connect, s->now);
	priv_keys_told(s->p, &f->main, f->role == SECOND_NONE ? NULL : &f->key);
	trust_feed_sent(&s->trust);
	if (f->role != SECOND_NONE)
		policy_feed_again(&s->policy, s->now);
}

static void was_sent(struct server *s, const struct priv_message *m)
{
	if (m->kind == PRIV_STOP)
		s->stop_sent = true;
	else if (m->kind == PRIV_SEED)
		seeds_sent(&s->seeds);
	else if (m->kind == PRIV_STUN)
		seeds_sent(&s->stun);
	else if (m->kind == PRIV_MAPPED)
		upnp_sent(&s->upnp);
	else if (m->kind >= PRIV_POLICY_BEGIN && m->kind <= PRIV_POLICY_PENDING)
		policy_feed_sent(&s->policy);
	else if (m->kind >= PRIV_TOKENS_BEGIN && m->kind <= PRIV_SAVED_SEED)
		connect_feed_sent(&s->connect, m);
	else if (m->kind == PRIV_SECOND)
		second_sent(s);
	else
		trust_feed_sent(&s->trust);
}

static void wait_on(struct server *s, int fd, uint32_t *have, uint32_t want)
{
	if (s->p->channel < 0 || *have == want)
		return;
	*have = want;
	if (loop_change(&s->loop, fd, want) < 0)
		close_channels(s);
}

static void send_answer(struct server *s)
{
	int r;

	if (s->answering) {
		r = channel_send(s->p->requests, &s->answer, s->answer_fds, s->answer_fd_count);
		s->answering = r == -EAGAIN;
		if (r < 0 && r != -EAGAIN)
			close_channels(s);
	}
	wait_on(s, s->p->requests, &s->request_events, s->answering ? EPOLLOUT : EPOLLIN);
}

static void send_notices(struct server *s)
{
	struct priv_message m;
	int r = 0;

	while (r == 0 && next_message(s, &m)) {
		r = channel_send(s->p->channel, &m, NULL, 0);
		if (r == 0)
			was_sent(s, &m);
		if (m.kind == PRIV_SECOND || m.kind == PRIV_TOKEN)
			wipe(&m, sizeof(m));
	}
	if (r < 0 && r != -EAGAIN)
		close_channels(s);
	wait_on(s, s->p->channel, &s->channel_events, r == -EAGAIN ? EPOLLOUT : 0);
}

/* Sends as much as goes. */
static void flush(struct server *s)
{
	if (s->p->channel >= 0)
		send_answer(s);
	if (s->p->channel >= 0)
		send_notices(s);
}

static void channel_ready(void *ctx, uint32_t events)
{
	if (events & (EPOLLHUP | EPOLLERR))
		close_channels(ctx);
}

static void request_ready(void *ctx, uint32_t events)
{
	struct server *s = ctx;
	struct priv_message m;
	int fds[2], r = 0;

	if ((events & EPOLLIN) && !s->answering)
		r = channel_receive(s->p->requests, &m, fds);
	if (r == 1) {
		for (int i = 0; i < 2; i++) /* nobody asked for these */
			if (fds[i] >= 0)
				close(fds[i]);
		take_request(s, &m);
	} else if (r < 0 || (events & (EPOLLHUP | EPOLLERR))) {
		if (r == -EBADMSG)
			priv_say("the node process sent a malformed request; ending");
		close_channels(s);
	}
}

/* --- signals, the trust store, readiness ---------------------------------------------------- */

static void reap(struct server *s)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (seeds_reaped(&s->seeds, pid) || seeds_reaped(&s->stun, pid) ||
		    upnp_reaped(&s->upnp, pid) ||
		    mdns_keeper_reaped(&s->mdns, pid, s->now) || pid != s->p->node)
			continue;
		s->ended = true;
		s->wait_status = status;
	}
}

static void reload(struct server *s)
{
	trust_feed_reload(&s->trust, s->now);
	watch_reload(&s->policy.watch, s->now);
}

static void take_signal(struct server *s, uint32_t number)
{
	switch (number) {
	case SIGCHLD:
		reap(s);
		break;
	case SIGHUP:
		if (s->terminal)
			begin_stop(s);
		else if (s->p->config->mesh)
			reload(s);
		break;
	case SIGINT:
		interrupt(s);
		break;
	default:
		begin_stop(s);
	}
}

static void signals_ready(void *ctx, uint32_t events)
{
	struct server *s = ctx;
	struct signalfd_siginfo info;

	(void)events;
	while (read(s->signals, &info, sizeof(info)) == sizeof(info))
		take_signal(s, info.ssi_signo);
}

static void files_ready(void *ctx, uint32_t events)
{
	struct server *s = ctx;

	(void)events;
	watch_changed(&s->trust.watch, clock_now().boot);
}

/* As wireguard-go does: whoever removes the socket of a plain device ends it. */
static void socket_watch_ready(void *ctx, uint32_t events)
{
	struct server *s = ctx;
	char buf[4096];

	(void)events;
	while (read(s->socket_watch, buf, sizeof(buf)) > 0)
		;
	if (!priv_socket_is_there(&s->p->uapi))
		begin_stop(s);
}

/* The child is ready: tell who waits, and let go of his terminal. */
static void ready_ready(void *ctx, uint32_t events)
{
	struct server *s = ctx;
	char byte;
	ssize_t n = read(s->p->ready, &byte, 1);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	loop_remove(&s->loop, s->p->ready);
	close(s->p->ready);
	s->p->ready = -1;
	if (n != 1) /* it ended without; how is told at the end */
		return;
	if (write(s->p->launcher, "", 1) < 0 && errno != EPIPE)
		priv_say("cannot tell that all is ready: %s", strerror(errno));
	close(s->p->launcher);
	s->p->launcher = -1;
	priv_silence();
}

/* --- life and death ------------------------------------------------------------------------- */

static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

static int watch_socket(struct server *s)
{
	s->socket_watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (s->socket_watch < 0)
		return 0; /* then it is only ended by signal or by removing the interface */
	if (inotify_add_watch(s->socket_watch, s->p->uapi.path, IN_ATTRIB | IN_DELETE_SELF) < 0)
		return -errno;
	return loop_add(&s->loop, s->socket_watch, EPOLLIN, socket_watch_ready, s);
}

static int open_mesh(struct server *s)
{
	int r = 0;

	trust_feed_open(&s->trust, &s->p->store, &s->p->child->public, s->now);
	s->trust.second.secret = &s->p->child->secret; /* the main one's is wiped */
	policy_feed_open(&s->policy, &s->p->store, &s->trust.watch, s->now);
	r = connect_feed_open(&s->connect, &s->p->store, &s->trust.watch, s->now);
	if (r == 0 && s->trust.watch.inotify >= 0)
		r = loop_add(&s->loop, s->trust.watch.inotify, EPOLLIN, files_ready, s);
	return r;
}

static int server_open(struct server *s)
{
	int r = loop_init(&s->loop);

	if (r < 0)
		return r;
	s->signals = open_signals();
	if (s->signals < 0)
		return -errno;
	s->request_events = EPOLLIN;
	r = loop_add(&s->loop, s->p->channel, 0, channel_ready, s);
	if (!r)
		r = loop_add(&s->loop, s->p->requests, EPOLLIN, request_ready, s);
	if (!r)
		r = loop_add(&s->loop, s->signals, EPOLLIN, signals_ready, s);
	if (!r && s->p->ready >= 0)
		r = loop_add(&s->loop, s->p->ready, EPOLLIN, ready_ready, s);
	if (!r && s->p->interface_lock >= 0)
		r = loop_add(&s->loop, s->p->interface_lock, EPOLLIN, lock_ready, s);
	if (!r && s->p->port_lock >= 0)
		r = loop_add(&s->loop, s->p->port_lock, EPOLLIN, lock_ready, s);
	upnp_open(&s->upnp, &s->loop);
	if (!r)
		r = seeds_open(&s->seeds, s->p->config, &s->loop, s->now);
	if (!r)
		r = stun_servers_open(&s->stun, s->p->config, &s->loop, s->now);
	if (!r)
		r = name_feed_open(&s->names, s->p);
	mdns_keeper_open(&s->mdns, s->p, s->now);
	if (!r)
		r = s->p->config->mesh ? open_mesh(s) : watch_socket(s);
	return r;
}

static void server_close(struct server *s)
{
	seeds_close(&s->seeds);
	seeds_close(&s->stun);
	upnp_close(&s->upnp);
	name_feed_close(&s->names);
	mdns_keeper_close(&s->mdns);
	if (s->p->config->mesh) {
		trust_feed_close(&s->trust);
		policy_feed_close(&s->policy);
		connect_feed_close(&s->connect);
	}
	if (s->socket_watch >= 0)
		close(s->socket_watch);
	if (s->signals >= 0)
		close(s->signals);
	loop_close(&s->loop);
}

static struct instant deadline(const struct server *s)
{
	struct instant first = instant_min(seeds_deadline(&s->seeds), seeds_deadline(&s->stun));

	first = instant_min(first, mdns_keeper_deadline(&s->mdns));

	if (s->p->config->mesh) {
		first = instant_min(first, trust_feed_deadline(&s->trust));
		first = instant_min(first, policy_feed_deadline(&s->policy));
		first = instant_min(first, connect_feed_deadline(&s->connect));
	}
	return s->stopping && !s->killed ? instant_min(first, s->kill_at) : first;
}

static void kill_child(struct server *s)
{
	s->killed = true;
	kill(s->p->node, SIGKILL);
}

static void turn(struct server *s)
{
	s->now = clock_now().boot;
	seeds_tick(&s->seeds, s->now);
	seeds_tick(&s->stun, s->now);
	name_feed_tick(&s->names);
	mdns_keeper_tick(&s->mdns, s->now);
	if (s->p->config->mesh) {
		policy_feed_tick(&s->policy, s->now);
		trust_feed_tick(&s->trust, s->now);
		connect_feed_tick(&s->connect, s->now);
	}
	if (s->stopping && !s->killed && instant_reached(s->kill_at, s->now))
		kill_child(s);
	flush(s);
	if (loop_turn(&s->loop, deadline(s)) < 0) {
		priv_say("waiting for events failed; ending");
		kill_child(s);
		while (waitpid(s->p->node, &s->wait_status, 0) < 0 && errno == EINTR)
			;
		s->ended = true;
	}
}

static int exit_status(const struct server *s)
{
	if (WIFEXITED(s->wait_status))
		return WEXITSTATUS(s->wait_status);

	int number = WTERMSIG(s->wait_status);

	if (s->killed && s->hurried)
		priv_say("interrupted again: the node process was killed before it could end");
	else if (s->killed)
		priv_say("the node process did not end within %d seconds and was killed",
			 STOP_SECONDS);
	else if (number == SIGKILL)
		priv_say("the node process was killed");
	else
		priv_say("the node process was ended by signal %d (%s); this is a fault in "
			 "meshguard, please report it", number, strsignal(number));
	return 1;
}

int priv_serve(struct priv *p)
{
	static struct server server;
	struct server *s = &server;
	int r;

	*s = (struct server){ .p = p, .signals = -1, .socket_watch = -1, .now = clock_now().boot };
	s->terminal = isatty(STDIN_FILENO) && p->launcher < 0;
	r = server_open(s);
	if (r < 0) {
		priv_say("the privileged process cannot start: %s", strerror(-r));
		begin_stop(s);
		kill_child(s);
	}
	reap(s); /* it may have ended before there was anything to wake us */
	while (!s->ended && r == 0)
		turn(s);
	if (!s->ended)
		waitpid(p->node, &s->wait_status, 0);
	server_close(s);
	return r < 0 ? 1 : exit_status(s);
}
