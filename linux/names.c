#include "linux/names.h"

#include "dns/zone.h"

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
	size_t out_len;
	int link;

	if (len < 0)
		return errno == EINTR || errno == ECONNREFUSED;
	link = came_by(&h);
	if ((h.msg_flags & MSG_TRUNC) || (link != n->link && link != n->loopback))
		return true;
	out_len = node_answer_dns(n->node, bytes_of(query, (size_t)len), answer);
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
