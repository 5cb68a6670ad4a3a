/* priv_address.c - addresses of the interface, which the node process may ask for: those that
 * derive from our own keys, and no others.
 *
 * While the key changes there are two (docs/rotation.md). Those of the second key are additional:
 * no packet of this host has one for its source unless its program chose it, or answers what came
 * to it. IPv4 ones are alone in their net, so the kernel neither takes them away with another one
 * nor prefers them; IPv6 ones are deprecated.
 */
#include "linux/priv_inside.h"

#include "identity/address.h"

#include <errno.h>
#include <string.h>

#define IPV4_BITS 32
#define IPV6_LEN 64

static const struct public_key *key_of(const struct priv *p, unsigned which)
{
	return which ? &p->second : &p->child->public;
}

/* True if it derives from one of our keys: which, and by which index. */
static bool find_ipv4(const struct priv *p, const struct ip *ip, unsigned *which, unsigned *index)
{
	struct ip ours;

	for (*which = 0; *which < 1u + p->has_second; ++*which)
		for (*index = 0; *index < ADDRESS_INDEXES; ++*index) {
			mesh_ipv4(key_of(p, *which), *index, &p->child->prefix, &ours);
			if (ip_equal(&ours, ip))
				return true;
		}
	return false;
}

bool priv_is_own_ipv4(const struct priv *p, const struct ip *ip)
{
	unsigned which, index;

	return find_ipv4(p, ip, &which, &index) && which == 0;
}

/* The kernel takes the later addresses of a net away with its first one; they are put back. */
static int restore_ipv4(struct priv *p)
{
	int r = 0;

	for (unsigned which = 0; which < 2; which++)
		for (unsigned j = 0; j < ADDRESS_INDEXES && r == 0; j++) {
			struct ip ip;

			if (!(p->ipv4_indexes[which] & 1u << j))
				continue;
			mesh_ipv4(key_of(p, which), j, &p->child->prefix, &ip);
			r = rtnl_address_add(&p->netlink, p->link, &ip, p->child->prefix.len);
		}
	return r;
}

static int change_ipv4(struct priv *p, const struct prefix *a, bool add, bool additional)
{
	unsigned which, j;
	int r;

	if (!find_ipv4(p, &a->ip, &which, &j)
	    || a->len != (additional ? IPV4_BITS : p->child->prefix.len))
		return -EPERM;
	r = add ? rtnl_address_add(&p->netlink, p->link, &a->ip, a->len)
		: rtnl_address_remove(&p->netlink, p->link, &a->ip, a->len);
	if (r < 0 || additional)
		return r;
	if (add) {
		p->ipv4_indexes[which] |= 1u << j;
		return 0;
	}
	p->ipv4_indexes[which] &= ~(1u << j);
	return restore_ipv4(p);
}

static bool is_our_ipv6(const struct priv *p, const struct ip *ip)
{
	struct ip ours;

	mesh_ipv6(key_of(p, 0), &ours);
	if (ip_equal(&ours, ip))
		return true;
	mesh_ipv6(key_of(p, 1), &ours);
	return p->has_second && ip_equal(&ours, ip);
}

int priv_change_address(struct priv *p, const struct prefix *a, bool add, bool additional)
{
	if (!p->config->mesh || p->config->gossip_only)
		return -EPERM;
	if (a->ip.family == FAMILY_IPV4)
		return change_ipv4(p, a, add, additional);
	if (a->len != IPV6_LEN || !is_our_ipv6(p, &a->ip))
		return -EPERM;
	return add ? rtnl_address_prefer(&p->netlink, p->link, &a->ip, IPV6_LEN, !additional)
		   : rtnl_address_remove(&p->netlink, p->link, &a->ip, IPV6_LEN);
}

void priv_keys_told(struct priv *p, const struct public_key *main, const struct public_key *second)
{
	const bool changed = memcmp(main, &p->child->public, sizeof(*main)) != 0;

	if (changed) {
		const unsigned indexes = p->ipv4_indexes[0];

		p->ipv4_indexes[0] = p->ipv4_indexes[1];
		p->ipv4_indexes[1] = indexes;
		p->second = p->child->public;
		p->has_second = true;
		p->child->public = *main;
	}
	/* One that ended stays until there is another: its addresses are to be taken off. */
	if (second && (!p->has_second || memcmp(second, &p->second, sizeof(*second)) != 0)) {
		p->has_second = true;
		p->second = *second;
		p->ipv4_indexes[1] = 0;
	}
	if (changed && !p->config->gossip_only && priv_alias(p) < 0)
		priv_say("cannot name the owner of %s: %s", p->child->interface, p->netlink.error);
	if (changed && priv_write_state(p) != 0) {
		/* It was said why; nothing else depends on it. */
	}
}
