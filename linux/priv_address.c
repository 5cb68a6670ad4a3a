/* priv_address.c - addresses of the interface, which the node process may ask for: those that
 * derive from our own key, and no others. */
#include "linux/priv_inside.h"

#include "identity/address.h"

#include <errno.h>

#define IPV6_LEN 64

/* Index of this IPv4 address among those that derive from our key, or -1. */
static int index_of(const struct priv *p, const struct ip *ip)
{
	struct ip ours;

	for (unsigned j = 0; j < ADDRESS_INDEXES; j++) {
		mesh_ipv4(&p->child->public, j, &p->child->prefix, &ours);
		if (ip_equal(&ours, ip))
			return (int)j;
	}
	return -1;
}

bool priv_is_own_ipv4(const struct priv *p, const struct ip *ip)
{
	return index_of(p, ip) >= 0;
}

/* The kernel takes the later addresses of a net away with its first one; they are put back. */
static int restore_ipv4(struct priv *p)
{
	int r = 0;

	for (unsigned j = 0; j < ADDRESS_INDEXES && r == 0; j++) {
		struct ip ip;

		if (!(p->ipv4_indexes & 1u << j))
			continue;
		mesh_ipv4(&p->child->public, j, &p->child->prefix, &ip);
		r = rtnl_address_add(&p->netlink, p->link, &ip, p->child->prefix.len);
	}
	return r;
}

static int change_ipv4(struct priv *p, const struct prefix *a, bool add)
{
	int j = index_of(p, &a->ip);
	int r;

	if (j < 0 || a->len != p->child->prefix.len)
		return -EPERM;
	if (add) {
		r = rtnl_address_add(&p->netlink, p->link, &a->ip, a->len);
		p->ipv4_indexes |= r == 0 ? 1u << j : 0;
		return r;
	}
	r = rtnl_address_remove(&p->netlink, p->link, &a->ip, a->len);
	if (r < 0)
		return r;
	p->ipv4_indexes &= ~(1u << j);
	return restore_ipv4(p);
}

int priv_change_address(struct priv *p, const struct prefix *a, bool add)
{
	struct ip ours;

	if (!p->config->mesh || p->config->gossip_only)
		return -EPERM;
	if (a->ip.family == FAMILY_IPV4)
		return change_ipv4(p, a, add);
	mesh_ipv6(&p->child->public, &ours);
	if (a->len != IPV6_LEN || !ip_equal(&ours, &a->ip))
		return -EPERM;
	return add ? rtnl_address_add(&p->netlink, p->link, &ours, IPV6_LEN)
		   : rtnl_address_remove(&p->netlink, p->link, &ours, IPV6_LEN);
}
