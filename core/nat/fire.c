/* What punching asks of the path manager: probes at a moment and with a TTL of its choosing, many
 * ports of one address, and sockets of ours that may go. */
#include "nat/path_impl.h"

#include "crypto/hash.h"

#include <string.h>

#define FIRE_BURST 32u /* whole probes to one IP address, and one in each of */
#define FIRE_EVERY span_ms(250)

bool paths_outside(const struct ip *ip)
{
	return ip_is_unicast(ip) && !ip_is_private(ip) && !ip_is_link_local(ip) &&
	       !ip_is_loopback(ip);
}

/* A NAT that drops nothing takes what comes unasked for the first packet of a flow, and gives the
 * packets of its own host another port then. So what goes first to somebody behind a NAT opens our
 * own and dies on the way; whole probes follow when that brought nothing. */
uint8_t path_opener(const struct path *path, const struct address *a, struct instant now)
{
	bool early = a->tries < ADDRESS_TRIES_FAST || instant_before(now, path->shy_until);

	if (!path->shy || !early || !a->claimed || instant_is_set(a->answered) ||
	    instant_is_set(a->heard) || !paths_outside(&a->to.ip))
		return 0;
	return (uint8_t)(PATH_OPENER_FIRST + a->tries % PATH_OPENERS);
}

void paths_set_shy(struct paths *p, uint32_t slot, bool shy)
{
	p->list[slot].shy = shy;
}

void paths_leave_to_punch(struct paths *p, uint32_t slot, struct instant until)
{
	p->list[slot].shy_until = until;
}

bool paths_fire(struct paths *p, uint32_t slot, const struct endpoint *to, uint8_t hops,
		struct instant now, struct outbox *out)
{
	struct address *a = p->list[slot].admitted ? path_address(p, slot, to, true) : NULL;
	uint64_t hash;

	if (!a)
		return false;
	hash = siphash(p->config.hash_key, a->to.ip.b, a->to.ip.family == FAMILY_IPV6 ? 8 : 4);
	if (!hops && !instant_is_set(a->answered) &&
	    !bucket_take(&p->ip_full[hash % PATH_IPS], now, FIRE_EVERY, FIRE_BURST))
		return false;
	if (!address_asked(a, now)) {
		random_bytes(p->config.random, a->id, sizeof(a->id));
		a->asked = true;
		a->since = now;
	}
	a->sent = now;
	probe_send(p, slot, &a->to, hops, false, a->id, out);
	return true;
}

void paths_throw(struct paths *p, uint32_t slot, const struct endpoint *to, uint8_t hops,
		 struct outbox *out)
{
	uint8_t id[8];

	random_bytes(p->config.random, id, sizeof(id));
	probe_send(p, slot, to, hops, false, id, out);
}

void paths_spray_begin(struct paths *p, uint32_t slot, const struct ip *ip, struct instant now)
{
	p->spray = (struct spray){ .slot = slot, .ip = *ip, .since = now };
	random_bytes(p->config.random, p->spray.id, sizeof(p->spray.id));
}

void paths_spray(struct paths *p, uint16_t port, struct outbox *out)
{
	const struct endpoint to = { .ip = p->spray.ip, .port = port };

	if (instant_is_set(p->spray.since) && path_usable(p, &to))
		probe_send(p, p->spray.slot, &to, 0, false, p->spray.id, out);
}

bool path_spray_answer(const struct paths *p, uint32_t slot, const struct endpoint *from,
		       const uint8_t id[static 8], struct instant now)
{
	const struct spray *s = &p->spray;

	return instant_is_set(s->since) && s->slot == slot && ip_equal(&s->ip, &from->ip) &&
	       instant_since(now, s->since).ns < ANSWER_LATEST.ns && ct_equal(s->id, id, 8);
}

static bool answers_outside(const struct address *a)
{
	return instant_is_set(a->answered) && !a->to.channel && a->to.ip.family == FAMILY_IPV4 &&
	       paths_outside(&a->to.ip);
}

struct ip paths_answered_at(const struct paths *p, uint32_t slot)
{
	const struct path *path = &p->list[slot];

	if (path->best != NO_ADDRESS && answers_outside(&path->list[path->best]))
		return path->list[path->best].to.ip;
	for (unsigned i = 0; i < path->count; i++)
		if (answers_outside(&path->list[i]) && !path->list[i].tries)
			return path->list[i].to.ip;
	return (struct ip){ 0 };
}

bool paths_socket_used(const struct paths *p, uint32_t slot, uint16_t socket, struct span lately,
		       struct instant now)
{
	const struct path *path = &p->list[slot];

	for (unsigned i = 0; i < path->count; i++)
		if (path->list[i].to.socket == socket &&
		    (i == path->best || (instant_is_set(path->list[i].heard) &&
					 instant_since(now, path->list[i].heard).ns < lately.ns)))
			return true;
	return false;
}

void paths_drop_socket(struct paths *p, uint32_t slot, uint16_t socket, struct instant now)
{
	struct path *path = &p->list[slot];

	for (unsigned i = path->count; i-- > 0;) {
		if (path->list[i].to.socket != socket)
			continue;
		if (i == path->best)
			path_lost(p, slot, now);
		path_drop_address(path, i);
	}
	path_reschedule(p, slot);
}

bool paths_socket_seen(const struct paths *p, uint16_t socket, struct endpoint *out)
{
	if (p->extra.socket != socket || !endpoint_is_set(&p->extra.as))
		return false;
	*out = p->extra.as;
	return true;
}
