/* Names of the mesh (dns/zone.h): those of the trust store first, then those of certificates,
 * NODE.ORG, then those that derive from keys; and this host's own. What a node calls itself is a
 * label that nobody believes, and resolves nowhere but on that node.
 *
 * Names of the trust store may differ by case alone, and DNS knows no case: the first in the order
 * of bytes is meant, unless one is spelled as asked. A question costs a look at each name; who may
 * ask is this host, and peers as far as service rules let them. */
#include "node/node_impl.h"

#include "dns/zone.h"

#include <string.h>

#define MEMBER_NAME (2 * MAX_NAME + 2)

/* name.org */
static void join(char out[static MEMBER_NAME], const char *name, const char *org)
{
	const size_t len = strlen(name);

	memcpy(out, name, len);
	out[len] = '.';
	memcpy(out + len + 1, org, strlen(org) + 1);
}

static void name_of(const struct node *n, uint32_t slot, char out[static MEMBER_NAME])
{
	const char *name = trust_name(n->trust, slot);
	uint32_t orgs[TRUST_MEMBERSHIPS], org = trust_label_org(n->trust, slot);

	memcpy(out, name, strlen(name) + 1);
	if (trust_admission(n->trust, slot) != ADMIT_ORG)
		return;
	if (org == TRUST_NONE && trust_orgs_of(n->trust, slot, orgs))
		org = orgs[0];
	if (org != TRUST_NONE)
		join(out, name, trust_org_called(n->trust, org));
}

static unsigned rank_of(const struct node *n, uint32_t slot)
{
	const enum admission why = trust_admission(n->trust, slot);

	return why == ADMIT_AUTHORIZED ? 0 : why == ADMIT_ORG ? 1 : 2;
}

/* name is the end of longer, after a dot. */
static bool leads_to(const char *name, const char *longer)
{
	return dns_name_within(longer, name) && !dns_name_equal(longer, name);
}

struct search {
	const char *name;
	uint32_t slot;               /* the best so far, or TRUST_NONE */
	unsigned rank;
	char is[MEMBER_NAME];        /* its name */
	bool above;
};

static void consider(const struct node *n, uint32_t slot, struct search *s)
{
	char name[MEMBER_NAME];
	const unsigned rank = rank_of(n, slot);

	name_of(n, slot, name);
	s->above |= leads_to(s->name, name);
	if (!dns_name_equal(name, s->name))
		return;
	if (s->slot != TRUST_NONE
	    && (rank > s->rank || (rank == s->rank && strcmp(name, s->is) >= 0)))
		return;
	s->slot = slot;
	s->rank = rank;
	memcpy(s->is, name, sizeof(name));
}

/* What this node is called: by itself, and by the orgs that it is a member of. */
static bool own_name(const struct node *n, unsigned i, char out[static MEMBER_NAME])
{
	char org[MAX_NAME + 1];
	uint32_t known;

	if (i == 0) {
		memcpy(out, n->config.label, sizeof(n->config.label));
		return out[0] != '\0';
	}

	const struct certificate *c = &n->orgs.own[i - 1];

	known = trust_find_org(n->trust, &c->body.org);
	if (known == TRUST_NONE)
		org_name_default(&c->body.org, org);
	join(out, c->body.name, known == TRUST_NONE ? org : trust_org_called(n->trust, known));
	return true;
}

static bool is_own(const struct node *n, struct search *s)
{
	char name[MEMBER_NAME];
	bool found = false;

	for (unsigned i = 0; i <= n->orgs.own_count; i++) {
		if (!own_name(n, i, name))
			continue;
		found |= dns_name_equal(name, s->name);
		s->above |= leads_to(s->name, name);
	}
	return found;
}

static void host_of(const struct node *n, uint32_t slot, struct dns_host *out)
{
	out->ipv4 = n->peers[slot].ipv4;
	mesh_ipv6(trust_key(n->trust, slot), &out->ipv6);
}

static enum dns_found find(const void *ctx, const char *name, struct dns_host *out)
{
	const struct node *n = ctx;
	struct search s = { .name = name, .slot = TRUST_NONE };
	uint32_t slot = trust_find_name(n->trust, name);

	if (slot != TRUST_NONE) {
		host_of(n, slot, out);
		return DNS_HOST;
	}
	while ((slot = trust_next(n->trust, slot)) != TRUST_NONE)
		consider(n, slot, &s);
	if (s.slot != TRUST_NONE) {
		host_of(n, s.slot, out);
		return DNS_HOST;
	}
	if (is_own(n, &s)) {
		*out = (struct dns_host){ n->ipv4, n->ipv6 };
		return DNS_HOST;
	}
	return s.above ? DNS_ABOVE : DNS_UNKNOWN;
}

static uint32_t slot_at(const struct node *n, const struct ip *ip)
{
	const uint32_t wg = allowedips_lookup(n->forwarding.current->routes, ip);

	return wg == ALLOWEDIPS_NONE ? TRUST_NONE : wg_peer_slot(n->wg, wg);
}

_Static_assert(MEMBER_NAME <= DNS_NAME_TEXT, "every name has room");

static bool reverse(const void *ctx, const struct ip *ip, char name[static DNS_NAME_TEXT])
{
	const struct node *n = ctx;
	uint32_t slot;

	if (ip_equal(ip, &n->ipv4) || ip_equal(ip, &n->ipv6)) {
		for (unsigned i = 0; i <= n->orgs.own_count; i++)
			if (own_name(n, i, name))
				return true;
		return false;
	}
	slot = slot_at(n, ip);
	if (slot == TRUST_NONE)
		return false;
	name_of(n, slot, name);
	return true;
}

size_t node_answer_dns(struct node *n, struct instant now, const struct ip *from,
		       struct bytes query, uint8_t *out)
{
	const struct dns_names names = {
		.find = find, .reverse = reverse, .ctx = n, .ipv4 = n->config.prefix,
		.ipv6 = mesh_ipv6_prefix(),
	};

	/* Cryptokey routing lets nobody else come from there. */
	if (from && (ip_equal(from, &n->ipv4) || ip_equal(from, &n->ipv6)))
		from = NULL;
	if (!dns_limit_take(&n->dns_limit, from, now)) {
		n->counters.drop_dns_rate++;
		return 0;
	}
	return dns_answer(query, &names, out);
}

uint32_t node_name(const struct node *n, uint32_t after, struct node_name *out)
{
	const uint32_t slot = trust_next(n->trust, after);
	struct dns_host host;

	if (slot == TRUST_NONE)
		return UINT32_MAX;
	name_of(n, slot, out->name);
	host_of(n, slot, &host);
	out->ipv4 = host.ipv4;
	out->ipv6 = host.ipv6;
	return slot;
}

/* Routes follow every coming, going and moving; names change with the trust store. */
uint64_t node_names_version(const struct node *n)
{
	return n->forwarding.current->generation + ((uint64_t)n->trust_rounds << 32);
}
