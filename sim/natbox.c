#include "sim/natbox.h"

#include "base/bug.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_PORT 1024u
#define TIMEOUT span_s(120)
#define MAPPINGS 1024u

/* A remote endpoint that the inside has sent to through the mapping. */
struct permission {
	struct endpoint remote;
	struct instant used;
};

struct mapping {
	bool live;
	struct endpoint inside;
	struct endpoint remote;      /* of the first datagram: what the mapping depends on */
	uint16_t port;
	struct instant used;
	struct permission *permissions;
	uint32_t count, cap;
};

struct natbox {
	struct nat_config config;
	struct mapping *list;
	struct rng rng;
	uint32_t next_port;
	uint64_t passed;             /* strangers so far */
};

struct natbox *natbox_new(const struct nat_config *config, uint64_t seed)
{
	struct natbox *n = calloc(1, sizeof(*n));

	BUG_ON(!n);
	n->config = *config;
	if (!n->config.first_port)
		n->config.first_port = FIRST_PORT;
	if (!n->config.timeout.ns)
		n->config.timeout = TIMEOUT;
	if (!n->config.mappings)
		n->config.mappings = MAPPINGS;
	n->next_port = n->config.first_port;
	n->list = calloc(n->config.mappings, sizeof(*n->list));
	BUG_ON(!n->list);
	rng_init(&n->rng, seed);
	return n;
}

void natbox_forget(struct natbox *n)
{
	for (uint32_t i = 0; i < n->config.mappings; i++) {
		free(n->list[i].permissions);
		n->list[i] = (struct mapping){ 0 };
	}
}

void natbox_free(struct natbox *n)
{
	natbox_forget(n);
	free(n->list);
	free(n);
}

const struct nat_config *natbox_config(const struct natbox *n)
{
	return &n->config;
}

static bool is_over(const struct natbox *n, struct instant used, struct instant now)
{
	return instant_since(now, used).ns >= n->config.timeout.ns;
}

static void expire(struct natbox *n, struct instant now)
{
	for (uint32_t i = 0; i < n->config.mappings; i++)
		if (n->list[i].live && is_over(n, n->list[i].used, now)) {
			free(n->list[i].permissions);
			n->list[i] = (struct mapping){ 0 };
		}
}

uint32_t natbox_count(struct natbox *n, struct instant now)
{
	uint32_t count = 0;

	expire(n, now);
	for (uint32_t i = 0; i < n->config.mappings; i++)
		count += n->list[i].live;
	return count;
}

/* Whether two remotes are one, as far as the box looks. */
static bool same(enum nat_by by, const struct endpoint *a, const struct endpoint *b)
{
	switch (by) {
	case NAT_BY_NONE:
		return true;
	case NAT_BY_ADDRESS:
		return ip_equal(&a->ip, &b->ip);
	case NAT_BY_ADDRESS_AND_PORT:
		return endpoint_equal(a, b);
	}
	return false;
}

/* One outside port must tell the inside's endpoints apart; mappings that depend on the remote may
 * share it when their remotes differ. */
static bool is_free(const struct natbox *n, uint32_t port, const struct endpoint *to)
{
	bool shares = n->config.ports == NAT_PORTS_PRESERVE && n->config.mapping != NAT_BY_NONE;

	for (uint32_t i = 0; i < n->config.mappings; i++) {
		const struct mapping *m = &n->list[i];

		if (m->live && m->port == port &&
		    (!shares || same(n->config.mapping, &m->remote, to)))
			return false;
	}
	return true;
}

/* What strangers took since the last flow of ours; they come evenly. */
static void pass_strangers(struct natbox *n, struct instant now)
{
	uint32_t first = n->config.first_port, range = 65536u - first;
	uint64_t all = now.ns / 1000000u * n->config.strangers / 1000u;

	n->next_port = first + (uint32_t)((n->next_port - first + (all - n->passed)) % range);
	n->passed = all;
}

/* 0: none is left. */
static uint16_t choose_port(struct natbox *n, struct instant now, const struct endpoint *inside,
			    const struct endpoint *to)
{
	uint32_t first = n->config.first_port, range = 65536u - first;

	pass_strangers(n, now);
	if (n->config.ports == NAT_PORTS_PRESERVE && is_free(n, inside->port, to))
		return inside->port;
	for (uint32_t tries = 0; tries < range; tries++) {
		uint32_t port = n->next_port;

		if (n->config.ports == NAT_PORTS_RANDOM)
			port = first + (uint32_t)rng_below(&n->rng, range);
		n->next_port = n->next_port == 65535u ? first : n->next_port + 1;
		if (is_free(n, port, to))
			return (uint16_t)port;
	}
	return 0;
}

static struct mapping *find(struct natbox *n, const struct endpoint *inside,
			    const struct endpoint *to)
{
	for (uint32_t i = 0; i < n->config.mappings; i++) {
		struct mapping *m = &n->list[i];

		if (m->live && endpoint_equal(&m->inside, inside) &&
		    same(n->config.mapping, &m->remote, to))
			return m;
	}
	return NULL;
}

static struct mapping *make(struct natbox *n, struct instant now, const struct endpoint *inside,
			    const struct endpoint *to)
{
	for (uint32_t i = 0; i < n->config.mappings; i++) {
		struct mapping *m = &n->list[i];
		uint16_t port;

		if (m->live)
			continue;
		port = choose_port(n, now, inside, to);
		if (!port)
			return NULL;
		*m = (struct mapping){ .live = true, .inside = *inside, .remote = *to };
		m->port = port;
		return m;
	}
	return NULL;
}

static struct permission *permission(struct mapping *m, const struct endpoint *remote)
{
	for (uint32_t i = 0; i < m->count; i++)
		if (endpoint_equal(&m->permissions[i].remote, remote))
			return &m->permissions[i];
	return NULL;
}

static void permit(struct mapping *m, const struct endpoint *to, struct instant now)
{
	struct permission *p = permission(m, to);

	if (!p) {
		if (m->count == m->cap) {
			m->cap = m->cap ? 2 * m->cap : 4;
			m->permissions = realloc(m->permissions, m->cap * sizeof(*m->permissions));
			BUG_ON(!m->permissions);
		}
		p = &m->permissions[m->count++];
		p->remote = *to;
	}
	p->used = now;
}

bool natbox_out(struct natbox *n, struct instant now, const struct endpoint *inside,
		const struct endpoint *to, struct endpoint *as)
{
	struct mapping *m;

	expire(n, now);
	m = find(n, inside, to);
	if (!m)
		m = make(n, now, inside, to);
	if (!m)
		return false;
	m->used = now;
	permit(m, to, now);
	*as = (struct endpoint){ .ip = n->config.outside, .port = m->port };
	return true;
}

bool natbox_owner(const struct natbox *n, struct instant now, uint16_t port,
		  struct endpoint *inside)
{
	for (uint32_t i = 0; i < n->config.mappings; i++) {
		const struct mapping *m = &n->list[i];

		if (m->live && m->port == port && !is_over(n, m->used, now)) {
			*inside = m->inside;
			return true;
		}
	}
	return false;
}

static bool lets_in(const struct natbox *n, const struct mapping *m, const struct endpoint *from,
		    struct instant now)
{
	for (uint32_t i = 0; i < m->count; i++)
		if (same(n->config.filtering, &m->permissions[i].remote, from) &&
		    !is_over(n, m->permissions[i].used, now))
			return true;
	return n->config.filtering == NAT_BY_NONE;
}

bool natbox_in(struct natbox *n, struct instant now, const struct endpoint *from, uint16_t port,
	       struct endpoint *inside)
{
	struct mapping *found = NULL;

	expire(n, now);
	for (uint32_t i = 0; i < n->config.mappings; i++) {
		struct mapping *m = &n->list[i];
		bool meant = same(n->config.mapping, &m->remote, from);

		/* Of those that share the port, the one that was made for this remote. */
		if (m->live && m->port == port && lets_in(n, m, from, now) && (!found || meant))
			found = m;
	}
	if (!found)
		return false;
	if (n->config.inbound_refreshes)
		found->used = now;
	*inside = found->inside;
	return true;
}
