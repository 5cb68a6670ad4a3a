#include "linux/portmap.h"

#include "linux/rtnetlink.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOOK_SOON span_ms(200)   /* addresses come before routes */
#define MESSAGE 1200u
#define SSDP_PORT 1900u

/* --- the router ---------------------------------------------------------------------------- */

static struct sockaddr_in address_of(const struct ip *ip, uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };

	memcpy(&a.sin_addr, ip->b, sizeof(a.sin_addr));
	return a;
}

/* Takes datagrams from `fd`, and believes of the source what recvfrom says. */
static void take(struct portmap *p, int fd)
{
	struct instant now = clock_now().boot;
	uint8_t raw[MESSAGE];
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	ssize_t n;

	for (int i = 0; i < 16; i++, len = sizeof(from)) {
		n = recvfrom(fd, raw, sizeof(raw), MSG_DONTWAIT, (struct sockaddr *)&from, &len);
		if (n < 0)
			break; /* also that nobody listens there: the mapping gives up by itself */
		if (from.sin_family != AF_INET)
			continue;
		struct endpoint e = { .ip = ip_of(FAMILY_IPV4, &from.sin_addr),
				      .port = ntohs(from.sin_port) };
		mapping_input(&p->mapping, now, &e, bytes_of(raw, (size_t)n));
	}
	portmap_tick(p, now);
}

static void on_answer(void *ctx, uint32_t events)
{
	struct portmap *p = ctx;

	(void)events;
	take(p, p->fd);
}

static void on_announcement(void *ctx, uint32_t events)
{
	struct portmap *p = ctx;

	(void)events;
	take(p, p->announced);
}

static void shut(struct portmap *p, int *fd)
{
	if (*fd < 0)
		return;
	loop_remove(p->loop, *fd);
	close(*fd);
	*fd = -1;
}

/* UPnP Device Architecture 2.0, 1.2.2: the number is another one after each restart. That it was
 * not heard before may mean the same. Whoever forges it makes us ask the router once in five
 * seconds. */
static void on_notice(void *ctx, uint32_t events)
{
	static const char field[] = "BOOTID.UPNP.ORG:";
	struct portmap *p = ctx;
	struct instant now = clock_now().boot;
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	char text[MESSAGE + 1];
	ssize_t n;

	(void)events;
	for (int i = 0; i < 32; i++, len = sizeof(from)) {
		uint64_t boot = 0;

		n = recvfrom(p->notified, text, MESSAGE, MSG_DONTWAIT, (struct sockaddr *)&from,
			     &len);
		if (n < 0)
			break;
		text[n] = '\0';
		const char *at = strcasestr(text, field);
		if (memcmp(&from.sin_addr, p->mapping.gateway.b, 4) != 0 ||
		    strncmp(text, "NOTIFY ", 7) != 0 || !at)
			continue;
		at += sizeof(field) - 1;
		at += strspn(at, " \t");
		if (!parse_u64(at, strspn(at, "0123456789"), UINT32_MAX, &boot) || !boot ||
		    boot == p->boot)
			continue;
		p->boot = boot;
		if (p->mapping.protocol == MAPPING_UPNP || p->mapping.rested)
			mapping_restarted(&p->mapping, now);
	}
	portmap_tick(p, now);
}

/* What routers announce to all; other programs may want it too (RFC 6886, 3.2.1). -1: it cannot be
 * had. */
static int listen_to(struct portmap *p, struct ip group_ip, uint16_t port,
		     const struct ip *client, loop_handler *handler)
{
	struct sockaddr_in at = address_of(&group_ip, port);
	struct ip_mreq group = { .imr_multiaddr = at.sin_addr };
	int on = 1, fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	memcpy(&group.imr_interface, client->b, sizeof(group.imr_interface));
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) < 0 ||
	    setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof(group)) < 0 ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 ||
	    loop_add(p->loop, fd, EPOLLIN, handler, p) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* A socket to the router, and our address on the way to it. */
static bool open_socket(struct portmap *p, const struct ip *gateway, struct ip *client)
{
	struct sockaddr_in to = address_of(gateway, PCP_PORT), own;
	socklen_t len = sizeof(own);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return false;
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 ||
	    getsockname(fd, (struct sockaddr *)&own, &len) < 0 ||
	    loop_add(p->loop, fd, EPOLLIN, on_answer, p) < 0) {
		close(fd);
		return false;
	}
	p->fd = fd;
	*client = ip_of(FAMILY_IPV4, &own.sin_addr);
	return true;
}

/* A host without NAT needs none, and a router on the Internet side of us is none of ours. */
static void look(struct portmap *p, struct instant now)
{
	struct ip gateway = { 0 }, client = { 0 };
	uint32_t link;

	p->look_at = INSTANT_NEVER;
	shut(p, &p->fd);
	shut(p, &p->announced);
	shut(p, &p->notified);
	if (rtnl_gateway(p->link, FAMILY_IPV4, &gateway, &link) < 0 || !gateway.family ||
	    !open_socket(p, &gateway, &client) || !ip_is_private(&client)) {
		shut(p, &p->fd);
		gateway = client = (struct ip){ 0 };
	} else {
		p->announced = listen_to(p, ip_v4(224, 0, 0, 1), PCP_ANNOUNCE_PORT, &client,
					 on_announcement);
		p->notified = listen_to(p, ip_v4(239, 255, 255, 250), SSDP_PORT, &client,
					on_notice);
	}
	mapping_network(&p->mapping, &gateway, &client, now);
}

/* --- UPnP ---------------------------------------------------------------------------------- */

static void ask_upnp(struct portmap *p, struct instant now)
{
	struct priv_message m = { .kind = PRIV_UPNP };

	m.flag = p->mapping.upnp == UPNP_MAP;
	m.endpoint.ip = p->mapping.gateway;
	m.endpoint.local = p->mapping.client;
	m.value = p->mapping.port;
	m.which = p->mapping.external.port ? p->mapping.external.port : p->mapping.port;
	p->mapping.upnp = UPNP_NOTHING;
	if (priv_ask(p->child, &m, NULL) < 0)
		mapping_upnp_done(&p->mapping, now, NULL, 0);
}

void portmap_upnp(struct portmap *p, const struct priv_message *m, struct instant now)
{
	mapping_upnp_done(&p->mapping, now, m->flag ? &m->endpoint : NULL, m->value);
	portmap_tick(p, now);
}

/* --- in the loop --------------------------------------------------------------------------- */

void portmap_open(struct portmap *p, struct priv_child *child, struct loop *loop, bool on)
{
	uint8_t seed[32];

	p->child = child;
	p->loop = loop;
	p->fd = p->announced = p->notified = -1;
	p->look_at = on ? clock_now().boot : INSTANT_NEVER;
	entropy(seed, sizeof(seed));
	random_init(&p->random, seed);
	mapping_init(&p->mapping, &p->random, child->port);
	if (on)
		pinhole_open(&p->pinhole, loop, p->link, child->port);
}

void portmap_network(struct portmap *p, struct instant now)
{
	if (p->child->config->no_mapping)
		return;
	p->look_at = instant_min(p->look_at, instant_add(now, LOOK_SOON));
	pinhole_network(&p->pinhole, now);
}

struct instant portmap_deadline(const struct portmap *p)
{
	return instant_min(instant_min(p->look_at, mapping_deadline(&p->mapping)),
			   pinhole_deadline(&p->pinhole));
}

static void send_all(struct portmap *p, const struct outbox *out)
{
	for (uint32_t i = 0; i < out->count && p->fd >= 0; i++)
		if (send(p->fd, out->items[i].data, out->items[i].len, MSG_DONTWAIT) < 0 &&
		    errno == ECONNREFUSED) /* of the one before */
			(void)!send(p->fd, out->items[i].data, out->items[i].len, MSG_DONTWAIT);
}

void portmap_tick(struct portmap *p, struct instant now)
{
	struct out items[4];
	_Alignas(16) uint8_t arena[512];
	struct outbox out;
	struct endpoint e;

	if (instant_reached(p->look_at, now))
		look(p, now);
	pinhole_tick(&p->pinhole, now);
	outbox_init(&out, items, 4, arena, sizeof(arena));
	mapping_tick(&p->mapping, now, &out);
	send_all(p, &out);
	if (p->mapping.upnp != UPNP_NOTHING)
		ask_upnp(p, now);
	if (!p->mapping.changed)
		return;
	p->mapping.changed = false;
	p->mapped(p->ctx, mapping_external(&p->mapping, &e) ? &e : NULL);
}

static void report_ipv4(const struct portmap *p, struct report_node *out)
{
	struct report_mapping *r = &out->mappings[0];
	struct endpoint seen = { 0 };

	if (!mapping_external(&p->mapping, &r->external))
		return;
	r->protocol = (enum report_protocol)p->mapping.protocol;
	r->gateway = (struct endpoint){ .ip = p->mapping.gateway, .port = PCP_PORT };
	r->until = p->mapping.until;
	for (unsigned i = 0; i < out->candidate_count; i++)
		if (out->candidates[i].source == CANDIDATE_SEEN &&
		    out->candidates[i].endpoint.ip.family == FAMILY_IPV4)
			seen = out->candidates[i].endpoint;
	r->double_nat = !ip_is_public(&r->external.ip) ||
			(endpoint_is_set(&seen) && !ip_equal(&seen.ip, &r->external.ip));
	out->mapping_count = 1;
}

void portmap_report(const struct portmap *p, struct report_node *out)
{
	report_ipv4(p, out);
	pinhole_report(&p->pinhole, out);
}

void portmap_close(struct portmap *p)
{
	struct out items[2];
	_Alignas(16) uint8_t arena[256];
	struct outbox out;

	if (!p->child)
		return;
	outbox_init(&out, items, 2, arena, sizeof(arena));
	pinhole_close(&p->pinhole);
	mapping_stop(&p->mapping, &out);
	send_all(p, &out);
	if (p->mapping.upnp == UPNP_UNMAP)
		ask_upnp(p, clock_now().boot);
	shut(p, &p->fd);
	shut(p, &p->announced);
	shut(p, &p->notified);
}
