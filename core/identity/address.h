/* address.h - mesh addresses and names that derive from keys (design, section 3). */
#ifndef IDENTITY_ADDRESS_H
#define IDENTITY_ADDRESS_H

#include "base/endpoint.h"
#include "base/limits.h"

#define ADDRESS_INDEXES 16u /* j = 0..15; a node that used all up is IPv6-only */

/* The IPv4 address of a key with index j in a prefix of /8 to /24 (BUG outside). The default
 * 10.99.0.0/16 gives a = h[0] (0 becomes 1), b = h[1] (0 becomes 1, 255 becomes 254) of
 * h = BLAKE3(key), or BLAKE3(key, j) for j = 1..15. Other prefixes: the first bits of h; a last
 * octet of 0 or 255 becomes 1 or 254. */
void mesh_ipv4(const struct public_key *key, unsigned index, const struct prefix *prefix,
	       struct ip *out);
/* fd99:6d67::/64 and h[0..8]; never moves. */
void mesh_ipv6(const struct public_key *key, struct ip *out);
struct prefix mesh_ipv4_default_prefix(void); /* 10.99.0.0/16 */
struct prefix mesh_ipv6_prefix(void);         /* fd99:6d67::/64 */
/* True for addresses that only a mesh can have: never candidates of the underlay. */
bool mesh_has_address(const struct prefix *ipv4, const struct ip *ip);

/* Letters, digits, '-', '_', '.', 1 to 63 bytes, not starting with a dot. */
bool name_valid(const char *name, size_t len);
/* "peer-" and 8 hex digits of BLAKE3(key). */
void name_default(const struct public_key *key, char out[static MAX_NAME + 1]);
/* Of an org: the six hex digits of BLAKE3(key)[0..3]. */
void org_name_default(const struct public_key *key, char out[static MAX_NAME + 1]);

#endif
