#include "identity/address.h"
#include "base/bug.h"
#include "base/text.h"
#include "crypto/hash.h"

#include <string.h>

struct prefix mesh_ipv4_default_prefix(void)
{
	return (struct prefix){ .ip = ip_v4(10, 99, 0, 0), .len = 16 };
}

struct prefix mesh_ipv6_prefix(void)
{
	static const uint8_t net[16] = { 0xfd, 0x99, 0x6d, 0x67 };

	return (struct prefix){ .ip = ip_of(FAMILY_IPV6, net), .len = 64 };
}

static bool is_default(const struct prefix *p)
{
	struct prefix d = mesh_ipv4_default_prefix();

	return p->len == d.len && ip_equal(&p->ip, &d.ip);
}

/* BLAKE3(key) for index 0, with which every node starts; else BLAKE3(key, index). */
static struct hash hash_of(const struct public_key *key, unsigned index)
{
	uint8_t in[sizeof(key->b) + 1];
	struct hash h;

	memcpy(in, key->b, sizeof(key->b));
	in[sizeof(key->b)] = (uint8_t)index;
	blake3(&h, in, sizeof(key->b) + (index ? 1 : 0));
	return h;
}

void mesh_ipv4(const struct public_key *key, unsigned index, const struct prefix *prefix,
	       struct ip *out)
{
	struct hash h;
	uint8_t a[4];

	BUG_ON(index >= ADDRESS_INDEXES);
	BUG_ON(prefix->ip.family != FAMILY_IPV4 || prefix->len < 8 || prefix->len > 24);
	h = hash_of(key, index);
	/* The first 32 - len bits of h, where the prefix ends. */
	store_be32(a, load_be32(prefix->ip.b) | load_be32(h.b) >> prefix->len);
	if (is_default(prefix) && a[2] == 0)
		a[2] = 1;
	/* Neither the network nor the broadcast address of any /24. */
	if (a[3] == 0)
		a[3] = 1;
	else if (a[3] == 255)
		a[3] = 254;
	*out = ip_of(FAMILY_IPV4, a);
}

void mesh_ipv6(const struct public_key *key, struct ip *out)
{
	struct hash h = hash_of(key, 0);

	*out = mesh_ipv6_prefix().ip;
	memcpy(out->b + 8, h.b, 8);
	if (ct_is_zero(out->b + 8, 8)) /* the subnet-router anycast address (RFC 4291, 2.6.1) */
		out->b[15] = 1;
}

bool mesh_has_address(const struct prefix *ipv4, const struct ip *ip)
{
	struct prefix ipv6 = mesh_ipv6_prefix();

	return prefix_contains(ipv4, ip) || prefix_contains(&ipv6, ip);
}

static bool name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
	    || c == '-' || c == '_' || c == '.';
}

bool name_valid(const char *name, size_t len)
{
	if (len < 1 || len > MAX_NAME || name[0] == '.')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!name_char(name[i]))
			return false;
	return true;
}

void name_default(const struct public_key *key, char out[static MAX_NAME + 1])
{
	struct hash h = hash_of(key, 0);
	struct text t = text_of(out, MAX_NAME + 1);

	text_add(&t, "peer-");
	text_hex(&t, h.b, 4);
}

void org_name_default(const struct public_key *key, char out[static MAX_NAME + 1])
{
	struct hash h = hash_of(key, 0);
	struct text t = text_of(out, MAX_NAME + 1);

	text_hex(&t, h.b, 3);
}
