#include "linux/names.h"

#include "dns/zone.h"
#include "linux/hosts.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH 16        /* questions a turn of the loop: packets come first */
#define QUERY_MAX 1232

union control {
	struct cmsghdr align;
	uint8_t bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

/* The interface that the datagram came in by, or 0. */
static int came_by(struct msghdr *h)
{
	struct in6_pktinfo v6;
	struct in_pktinfo v4;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			memcpy(&v4, CMSG_DATA(c), sizeof(v4));
			return v4.ipi_ifindex;
		}
		if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			memcpy(&v6, CMSG_DATA(c), sizeof(v6));
			return (int)v6.ipi6_ifindex;
		}
	}
	return 0;
}

static struct ip ip_from(const struct sockaddr_storage *from)
{
	if (from->ss_family == AF_INET)
		return ip_of(FAMILY_IPV4,
			     &((const struct sockaddr_in *)(const void *)from)->sin_addr);
	return ip_of(FAMILY_IPV6, &((const struct sockaddr_in6 *)(const void *)from)->sin6_addr);
}

/* False when nothing is there. */
static bool answer_one(struct names *n, int fd)
{
	uint8_t query[QUERY_MAX], answer[DNS_ANSWER_MAX];
	struct sockaddr_storage from;
	struct iovec part = { query, sizeof(query) };
	union control control;
	struct msghdr h = {
		.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &part, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	const ssize_t len = recvmsg(fd, &h, MSG_DONTWAIT);
	struct ip ip;
	size_t out_len;
	int link;

	if (len < 0)
		return errno == EINTR || errno == ECONNREFUSED;
	link = came_by(&h);
	if ((h.msg_flags & MSG_TRUNC) || (link != n->link && link != n->loopback))
		return true;
	ip = ip_from(&from);
	out_len = node_answer_dns(n->node, clock_now().boot, link == n->loopback ? NULL : &ip,
				  bytes_of(query, (size_t)len), answer);
	/* A full socket costs the asker a second question, no more. */
	if (out_len && sendto(fd, answer, out_len, MSG_DONTWAIT | MSG_NOSIGNAL,
			      (struct sockaddr *)&from, h.msg_namelen) < 0)
		return true;
	return true;
}

static void answer_some(struct names *n, int fd)
{
	n->wake(n->ctx);
	for (int i = 0; i < BATCH && answer_one(n, fd); i++)
		;
}

static void on_query4(void *ctx, uint32_t events)
{
	struct names *n = ctx;

	(void)events;
	answer_some(n, n->fd4);
}

static void on_query6(void *ctx, uint32_t events)
{
	struct names *n = ctx;

	(void)events;
	answer_some(n, n->fd6);
}

static void close_one(struct names *n, int *fd)
{
	if (*fd >= 0) {
		loop_remove(n->loop, *fd);
		close(*fd);
	}
	*fd = -1;
}

void names_close(struct names *n)
{
	close_one(n, &n->fd4);
	close_one(n, &n->fd6);
}

static void complain(struct names *n, int error)
{
	if (n->complained)
		return;
	n->complained = true;
	fprintf(stderr, "meshguard: names below ." DNS_MESH " are not served: port 53 of the mesh "
		"address: %s%s\n", strerror(-error),
		error == -EADDRINUSE ? "; another name server listens on all addresses" : "");
}

void names_open(struct names *n)
{
	struct priv_message ask = { .kind = PRIV_DNS_OPEN };
	struct report_node report;
	int fds[2] = { -1, -1 }, error;

	names_close(n); /* the same address could not be bound again */
	node_report(n->node, &report);
	ask.prefix.ip = report.ipv4;
	error = priv_ask(n->child, &ask, fds);
	n->fd4 = fds[0];
	n->fd6 = fds[1];
	if (!error && n->fd4 >= 0)
		error = loop_add(n->loop, n->fd4, EPOLLIN, on_query4, n);
	if (!error && n->fd6 >= 0)
		error = loop_add(n->loop, n->fd6, EPOLLIN, on_query6, n);
	if (error)
		complain(n, error);
}

/* --- /etc/hosts ------------------------------------------------------------------------------ */

#define HOSTS_EVERY span_s(1)
#define HOSTS_IN_ONE (PRIV_DATA / sizeof(struct host_entry))

static bool hosts_changed(const struct names *n)
{
	return n->child->config->hosts && n->hosts_version != node_names_version(n->node);
}

static bool entry_of(const struct names *n, const struct node_name *name, struct host_entry *e)
{
	const size_t len = strlen(name->name);

	memset(e, 0, sizeof(*e));
	if (len >= sizeof(e->name))
		return false;
	e->ipv4 = name->ipv4;
	e->ipv6 = name->ipv6;
	memcpy(e->name, name->name, len);
	return hosts_entry_ok(e, &n->child->prefix);
}

static int give(struct names *n, const struct host_entry *list, size_t count, uint32_t flag)
{
	struct priv_message m = { .kind = PRIV_HOSTS, .flag = flag };

	m.data_len = (uint32_t)(count * sizeof(*list));
	memcpy(m.data, list, m.data_len);
	return priv_ask(n->child, &m, NULL);
}

static int give_all(struct names *n)
{
	struct host_entry list[HOSTS_IN_ONE];
	struct node_name name;
	uint32_t at = UINT32_MAX, flag = PRIV_HOSTS_FIRST;
	unsigned count = 0, given = 0;
	int error = 0;

	while (!error && given < HOSTS_MOST
	       && (at = node_name(n->node, at, &name)) != UINT32_MAX) {
		if (!entry_of(n, &name, &list[count]))
			continue;
		given++;
		if (++count < HOSTS_IN_ONE)
			continue;
		error = give(n, list, count, flag);
		flag = 0;
		count = 0;
	}
	return error ? error : give(n, list, count, flag | PRIV_HOSTS_LAST);
}

struct instant names_deadline(const struct names *n)
{
	return hosts_changed(n) ? n->hosts_at : INSTANT_NEVER;
}

void names_tick(struct names *n, struct instant now)
{
	int error;

	if (!hosts_changed(n) || !instant_reached(n->hosts_at, now))
		return;
	n->hosts_version = node_names_version(n->node);
	n->hosts_at = instant_add(now, HOSTS_EVERY);
	error = give_all(n);
	if (error)
		fprintf(stderr, "meshguard: the names for /etc/hosts were not taken: %s\n",
			strerror(-error));
}
