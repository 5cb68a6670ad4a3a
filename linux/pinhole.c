#include "linux/pinhole.h"

#include "linux/rtnetlink.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOOK_SOON span_ms(200)   /* addresses come before routes */
#define MESSAGE 1200u

static struct sockaddr_in6 address_of(const struct ip *ip, uint16_t port, uint32_t link)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_port = htons(port) };

	memcpy(&a.sin6_addr, ip->b, sizeof(a.sin6_addr));
	a.sin6_scope_id = ip_is_link_local(ip) ? link : 0;
	return a;
}

static void on_answer(void *ctx, uint32_t events)
{
	struct pinhole *p = ctx;
	struct instant now = clock_now().boot;
	uint8_t raw[MESSAGE];
	struct sockaddr_in6 from;
	socklen_t len = sizeof(from);
	ssize_t n;

	(void)events;
	for (int i = 0; i < 16; i++, len = sizeof(from)) {
		n = recvfrom(p->fd, raw, sizeof(raw), MSG_DONTWAIT, (struct sockaddr *)&from,
			     &len);
		if (n < 0)
			break; /* also that nobody listens there: the mapping gives up by itself */
		struct endpoint e = { .ip = ip_of(FAMILY_IPV6, &from.sin6_addr),
				      .port = ntohs(from.sin6_port) };
		mapping_input(&p->mapping, now, &e, bytes_of(raw, (size_t)n));
	}
	pinhole_tick(p, now);
}

static void shut(struct pinhole *p)
{
	if (p->fd < 0)
		return;
	loop_remove(p->loop, p->fd);
	close(p->fd);
	p->fd = -1;
}

/* The address that this host uses towards the Internet: nothing is sent for that. */
static bool find_client(struct ip *client)
{
	static const struct ip anywhere = { FAMILY_IPV6, { 0x20 } };
	struct sockaddr_in6 to = address_of(&anywhere, PCP_PORT, 0), own;
	socklen_t len = sizeof(own);
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool found = fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0 &&
		     getsockname(fd, (struct sockaddr *)&own, &len) == 0;

	if (found)
		*client = ip_of(FAMILY_IPV6, &own.sin6_addr);
	if (fd >= 0)
		close(fd);
	return found && ip_is_public(client);
}

/* From the address that the pinhole is for: the router looks at that (RFC 6887, 8.1). */
static bool open_socket(struct pinhole *p, const struct ip *gateway, uint32_t link,
			const struct ip *client)
{
	struct sockaddr_in6 own = address_of(client, 0, 0);
	struct sockaddr_in6 to = address_of(gateway, PCP_PORT, link);
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return false;
	if (bind(fd, (struct sockaddr *)&own, sizeof(own)) < 0 ||
	    connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 ||
	    loop_add(p->loop, fd, EPOLLIN, on_answer, p) < 0) {
		close(fd);
		return false;
	}
	p->fd = fd;
	return true;
}

static void look(struct pinhole *p, struct instant now)
{
	struct ip gateway = { 0 }, client = { 0 };
	uint32_t link;

	p->look_at = INSTANT_NEVER;
	shut(p);
	if (rtnl_gateway(p->link, FAMILY_IPV6, &gateway, &link) < 0 || !gateway.family ||
	    !find_client(&client) || !open_socket(p, &gateway, link, &client))
		gateway = client = (struct ip){ 0 };
	mapping_network(&p->mapping, &gateway, &client, now);
}

void pinhole_open(struct pinhole *p, struct loop *loop, int link, uint16_t port)
{
	uint8_t seed[32];

	*p = (struct pinhole){ .loop = loop, .link = link, .fd = -1 };
	p->look_at = clock_now().boot;
	entropy(seed, sizeof(seed));
	random_init(&p->random, seed);
	mapping_init(&p->mapping, &p->random, port);
}

void pinhole_network(struct pinhole *p, struct instant now)
{
	if (p->loop)
		p->look_at = instant_min(p->look_at, instant_add(now, LOOK_SOON));
}

struct instant pinhole_deadline(const struct pinhole *p)
{
	return p->loop ? instant_min(p->look_at, mapping_deadline(&p->mapping)) : INSTANT_NEVER;
}

static void send_all(struct pinhole *p, const struct outbox *out)
{
	for (uint32_t i = 0; i < out->count && p->fd >= 0; i++)
		if (send(p->fd, out->items[i].data, out->items[i].len, MSG_DONTWAIT) < 0 &&
		    errno == ECONNREFUSED) /* of the one before */
			(void)!send(p->fd, out->items[i].data, out->items[i].len, MSG_DONTWAIT);
}

void pinhole_tick(struct pinhole *p, struct instant now)
{
	struct out items[4];
	_Alignas(16) uint8_t arena[512];
	struct outbox out;

	if (!p->loop)
		return;
	if (instant_reached(p->look_at, now))
		look(p, now);
	outbox_init(&out, items, 4, arena, sizeof(arena));
	mapping_tick(&p->mapping, now, &out);
	send_all(p, &out);
	p->mapping.changed = false; /* our address is what it was */
}

void pinhole_report(const struct pinhole *p, struct report_node *out)
{
	struct report_mapping *r = &out->mappings[out->mapping_count];

	if (!p->loop || !mapping_external(&p->mapping, &r->external))
		return;
	r->protocol = MAPPED_BY_PCP;
	r->gateway = (struct endpoint){ .ip = p->mapping.gateway, .port = PCP_PORT };
	r->until = p->mapping.until;
	r->double_nat = !ip_equal(&r->external.ip, &p->mapping.client) ||
			r->external.port != p->mapping.port;
	out->mapping_count++;
}

void pinhole_close(struct pinhole *p)
{
	struct out items[2];
	_Alignas(16) uint8_t arena[256];
	struct outbox out;

	if (!p->loop)
		return;
	outbox_init(&out, items, 2, arena, sizeof(arena));
	mapping_stop(&p->mapping, &out);
	send_all(p, &out);
	shut(p);
}
