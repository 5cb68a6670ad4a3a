/* priv_request.c - what the node process may ask the privileged one to do.
 *
 * The child is not trusted: a request may only do what the node needs, with the addresses of its
 * own key, and only files of state are written.
 */
#include "linux/priv_server.h"

#include "linux/runtime.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define MIN_MTU 576u

static int set_mark(struct server *s, const struct priv_message *m)
{
	const int fds[] = { s->p->udp.fd4, s->p->udp.fd6 };

	for (unsigned i = 0; i < 2; i++)
		if (fds[i] >= 0
		    && setsockopt(fds[i], SOL_SOCKET, SO_MARK, &m->value, sizeof(m->value)) < 0)
			return -errno;
	s->p->mark = m->value;
	return 0;
}

static void release_port(struct priv *p)
{
	udp_close(&p->udp);
	p->udp.port = 0;
	if (p->port_lock >= 0)
		close(p->port_lock);
	p->port_lock = -1;
}

/* New sockets, and on failure the old ones. The same port again gives the same sockets. */
static int open_udp(struct priv *p, uint16_t port)
{
	struct udp fresh;
	pid_t holder;
	int lock = -1, r;

	if (port && port == p->udp.port && (p->udp.fd4 >= 0 || p->udp.fd6 >= 0))
		return 0;
	if (port) {
		lock = lock_take_port(port, &holder);
		if (lock == -EADDRINUSE)
			return lock;
	}
	r = udp_open(&fresh, port, p->mark);
	if (r < 0) {
		if (lock >= 0)
			close(lock);
		return r;
	}
	release_port(p);
	p->udp = fresh;
	p->port_lock = lock >= 0 ? lock : port ? -1 : lock_take_port(fresh.port, &holder);
	return 0;
}

/* Two descriptors, of which one may be missing, go with the answer. */
static void hand_out(struct server *s, int v4, int v6)
{
	if (v4 >= 0) {
		s->answer.flag |= 1;
		s->answer_fds[s->answer_fd_count++] = v4;
	}
	if (v6 >= 0) {
		s->answer.flag |= 2;
		s->answer_fds[s->answer_fd_count++] = v6;
	}
}

static int udp_request(struct server *s, const struct priv_message *m)
{
	struct priv *p = s->p;
	int r;

	if (m->value > UINT16_MAX)
		return -EINVAL;
	/* A mesh has its port; no service of this host's is to be posed as. */
	if (p->config->mesh && m->value && m->value < 1024 && m->value != p->config->port)
		return -EPERM;
	r = open_udp(p, (uint16_t)m->value);
	if (r < 0)
		return r;
	s->answer.value = p->udp.port;
	hand_out(s, p->udp.fd4, p->udp.fd6);
	return 0;
}

static int dns_request(struct server *s, const struct priv_message *m)
{
	int r = priv_dns_open(s->p, &m->prefix.ip);

	if (r == 0)
		hand_out(s, s->p->dns[0], s->p->dns[1]);
	if (r == 0)
		resolved_tell(s->p, &m->prefix.ip);
	return r;
}

static int save(struct server *s, const struct priv_message *m)
{
	const char *name = priv_saved_name(m->which);

	if (!s->p->config->mesh)
		return -EOPNOTSUPP;
	if (!name)
		return -EINVAL;
	return store_write(&s->p->store, name, m->data, m->data_len, STORE_SECRET | STORE_REPLACE);
}

int request_carry_out(struct server *s, const struct priv_message *m)
{
	switch (m->kind) {
	case PRIV_SET_MARK:
		return set_mark(s, m);
	case PRIV_UDP_OPEN:
		return udp_request(s, m);
	case PRIV_UDP_CLOSE:
		release_port(s->p);
		return 0;
	case PRIV_DNS_OPEN:
		return dns_request(s, m);
	case PRIV_HOSTS:
		return name_feed_take(&s->names, m);
	case PRIV_ADDRESS:
		return priv_change_address(s->p, &m->prefix, m->flag, m->value);
	case PRIV_SET_MTU:
		if (s->p->config->gossip_only || m->value < MIN_MTU || m->value > MAX_PACKET)
			return -EINVAL;
		return rtnl_link_mtu(&s->p->netlink, s->p->link, m->value);
	case PRIV_SAVE:
		return save(s, m);
	case PRIV_TRUST_AGAIN:
		if (!s->p->config->mesh)
			return -EOPNOTSUPP;
		trust_feed_reload(&s->trust, s->now);
		return 0;
	case PRIV_UPNP:
		return s->p->config->mesh && !s->p->config->no_mapping ?
		       upnp_request(&s->upnp, m, s->p->udp.port) : -EOPNOTSUPP;
	case PRIV_SAVE_STATEMENT:
		return s->p->config->mesh ? trust_feed_save(&s->trust, m) : -EOPNOTSUPP;
	case PRIV_TOKEN_WISH:
		return s->p->config->mesh ? connect_feed_wish(&s->connect, m) : -EOPNOTSUPP;
	default:
		return -EBADRQC;
	}
}
