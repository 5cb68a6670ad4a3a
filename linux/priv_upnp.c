#include "linux/priv_upnp.h"

#include "linux/priv_inside.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

void upnp_open(struct upnp_feed *u, struct loop *loop)
{
	*u = (struct upnp_feed){ .loop = loop, .uid = 65534, .gid = 65534, .socket = -1 };
	priv_user("nobody", &u->uid, &u->gid);
}

static void end_talk(struct upnp_feed *u)
{
	if (u->socket < 0)
		return;
	loop_remove(u->loop, u->socket);
	close(u->socket);
	u->socket = -1;
}

void upnp_close(struct upnp_feed *u)
{
	if (u->loop)
		end_talk(u);
}

/* Numbers, which the node judges like a stranger's. */
static void socket_ready(void *ctx, uint32_t events)
{
	struct upnp_feed *u = ctx;
	struct upnp_said said = { 0 };
	ssize_t n = recv(u->socket, &said, sizeof(said), MSG_DONTWAIT);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	end_talk(u);
	if (n != sizeof(said) || said.port > UINT16_MAX)
		said = (struct upnp_said){ 0 };
	u->said = said;
	u->unsent = true;
}

static int start(struct upnp_feed *u, const struct upnp_wish *w)
{
	pid_t parent = w->map ? getpid() : 0;
	int ends[2], error;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	error = loop_add(u->loop, ends[0], EPOLLIN, socket_ready, u);
	u->helper = error ? -1 : fork();
	if (u->helper == 0)
		upnp_help(u, w, ends[1], parent);
	if (!error && u->helper < 0) {
		error = -errno;
		loop_remove(u->loop, ends[0]);
	}
	close(ends[1]);
	if (error) {
		close(ends[0]);
		u->helper = 0;
		return error;
	}
	u->socket = ends[0];
	return 0;
}

int upnp_request(struct upnp_feed *u, const struct priv_message *m, uint16_t port)
{
	struct upnp_wish w = { .gateway = m->endpoint.ip, .client = m->endpoint.local,
			       .internal = port, .external = (uint16_t)m->which,
			       .map = m->flag };

	if (m->value != port || w.gateway.family != FAMILY_IPV4 ||
	    w.client.family != FAMILY_IPV4 || m->which > UINT16_MAX || m->which < 1024)
		return -EINVAL;
	if (u->helper && w.map)
		return -EBUSY;
	if (u->helper) /* we end: what it wanted is of no use any more */
		kill(u->helper, SIGKILL);
	end_talk(u); /* of one that was reaped before it was heard, too */
	return start(u, &w);
}

bool upnp_reaped(struct upnp_feed *u, pid_t pid)
{
	if (u->helper != pid)
		return false;
	u->helper = 0;
	return true;
}

bool upnp_next(const struct upnp_feed *u, struct priv_message *m)
{
	if (!u->unsent)
		return false;
	message_init(m, PRIV_MAPPED);
	m->flag = u->said.mapped != 0;
	m->value = u->said.lease_s;
	m->endpoint.ip = ip_of(FAMILY_IPV4, u->said.ip);
	m->endpoint.port = (uint16_t)u->said.port;
	return true;
}

void upnp_sent(struct upnp_feed *u)
{
	u->unsent = false;
}
