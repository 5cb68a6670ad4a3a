#include "linux/mdns.h"

#include "base/text.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH 16
#define CHANGE_EVERY span_s(2)
#define DAY span_s(24 * 3600)

static void draw_name(struct mdns *m)
{
	uint8_t chance[LAN_NAME / 2];

	entropy(chance, sizeof(chance));
	hex_encode(chance, sizeof(chance), m->announcement.name, sizeof(m->announcement.name));
}

static void announce(struct mdns *m, struct instant now)
{
	struct mdns_announcement *a = &m->announcement;

	if (instant_reached(m->renew, now)) {
		draw_name(m);
		m->renew = instant_add(now, DAY);
	}
	m->version = node_names_version(m->node);
	m->next = instant_add(now, CHANGE_EVERY);
	a->port = m->port;
	a->len = (uint16_t)node_lan_txt(m->node, bytes_of(a->name, LAN_NAME), a->txt);
	/* One that is gone asks when it is there again; one that is busy hears the next change. */
	if (send(m->socket, a, sizeof(*a), MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == EAGAIN)
		m->version = 0;
}

/* What the helper says comes from strangers. */
static void take(struct mdns *m, const struct mdns_finding *f)
{
	struct node_event e = { .kind = NODE_LAN, .from = f->at, .name = f->name };

	if (f->len > sizeof(f->txt) || f->name[sizeof(f->name) - 1])
		return;
	if (f->taken) {
		m->renew = INSTANT_ZERO; /* the next helper gets another name */
		return;
	}
	if (!f->name[0]) {
		announce(m, clock_now().boot);
		return;
	}
	if (!strcmp(f->name, m->announcement.name) || ip_is_loopback(&f->at.ip)
	    || (f->at.ip.family != FAMILY_IPV4 && f->at.ip.family != FAMILY_IPV6))
		return;
	e.data = bytes_of(f->txt, f->len);
	m->found(m->ctx, &e);
}

static void socket_ready(void *ctx, uint32_t events)
{
	struct mdns *m = ctx;
	struct mdns_finding f;
	ssize_t n = 0;

	(void)events;
	for (int i = 0; i < BATCH; i++) {
		n = recv(m->socket, &f, sizeof(f), MSG_DONTWAIT);
		if (n <= 0)
			break;
		if (n == sizeof(f))
			take(m, &f);
	}
	/* The parent holds the other end, too: it is gone only with him. */
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		mdns_close(m);
}

int mdns_open(struct mdns *m)
{
	m->renew = INSTANT_ZERO;
	return m->socket < 0 ? 0 : loop_add(m->loop, m->socket, EPOLLIN, socket_ready, m);
}

void mdns_close(struct mdns *m)
{
	if (m->socket < 0)
		return;
	loop_remove(m->loop, m->socket);
	close(m->socket);
	m->socket = -1;
}

static bool is_stale(const struct mdns *m)
{
	return m->version != node_names_version(m->node);
}

struct instant mdns_deadline(const struct mdns *m)
{
	if (m->socket < 0 || !instant_is_set(m->renew))
		return INSTANT_NEVER;
	return is_stale(m) ? m->next : m->renew;
}

void mdns_tick(struct mdns *m, struct instant now)
{
	if (instant_reached(mdns_deadline(m), now))
		announce(m, now);
}
