/* priv_dns.c - the sockets of the mesh's name server: port 53 of our own mesh addresses. */
#include "linux/priv_inside.h"

#include "identity/address.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DNS_PORT 53

static bool set(int fd, int level, int name)
{
	const int on = 1;

	return setsockopt(fd, level, name, &on, sizeof(on)) == 0;
}

/* The address may be off the interface for a moment; that is no reason to be without a socket. */
static int open_at(const struct ip *ip)
{
	const bool v4 = ip->family == FAMILY_IPV4;
	struct sockaddr_in at4 = { .sin_family = AF_INET, .sin_port = htons(DNS_PORT) };
	struct sockaddr_in6 at6 = { .sin6_family = AF_INET6, .sin6_port = htons(DNS_PORT) };
	int fd = socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	bool good;

	if (fd < 0)
		return -errno;
	memcpy(&at4.sin_addr, ip->b, 4);
	memcpy(&at6.sin6_addr, ip->b, 16);
	if (v4)
		good = set(fd, IPPROTO_IP, IP_FREEBIND) && set(fd, IPPROTO_IP, IP_PKTINFO)
		       && bind(fd, (struct sockaddr *)&at4, sizeof(at4)) == 0;
	else
		good = set(fd, IPPROTO_IPV6, IPV6_FREEBIND) && set(fd, IPPROTO_IPV6, IPV6_V6ONLY)
		       && set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO)
		       && bind(fd, (struct sockaddr *)&at6, sizeof(at6)) == 0;
	if (!good) {
		int error = -errno;

		close(fd);
		return error;
	}
	return fd;
}

void priv_dns_close(struct priv *p)
{
	for (unsigned i = 0; i < 2; i++) {
		if (p->dns[i] >= 0)
			close(p->dns[i]);
		p->dns[i] = -1;
	}
}

int priv_dns_open(struct priv *p, const struct ip *ipv4)
{
	struct ip ipv6;

	if (!p->config->mesh || p->config->gossip_only
	    || (ipv4->family && !priv_is_own_ipv4(p, ipv4)))
		return -EPERM;
	priv_dns_close(p);
	mesh_ipv6(&p->child->public, &ipv6);
	if (ipv4->family == FAMILY_IPV4)
		p->dns[0] = open_at(ipv4);
	if (ipv4->family && p->dns[0] < 0) {
		int error = p->dns[0];

		p->dns[0] = -1;
		return error;
	}
	p->dns[1] = open_at(&ipv6);
	if (p->dns[1] < 0) { /* a host may have IPv6 switched off */
		int error = p->dns[0] < 0 ? p->dns[1] : 0;

		p->dns[1] = -1;
		return error;
	}
	return 0;
}
