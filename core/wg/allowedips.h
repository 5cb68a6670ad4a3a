/* allowedips.h - cryptokey routing: from an address to the peer with the longest prefix.
 *
 * A binary trie over IPv4 and one over IPv6, path-compressed; the entries of a peer
 * are also linked with each other, for listing and removal. A table is either edited in
 * place by one thread, or built once and published (core/node/forward.h); looking up
 * never writes. Memory is the caller's and is touched as far as it is used.
 */
#ifndef WG_ALLOWEDIPS_H
#define WG_ALLOWEDIPS_H

#include "base/endpoint.h"

#define ALLOWEDIPS_NONE UINT32_MAX

struct allowedips;

/* For so many prefixes (both families together) of peers numbered below `peers`. */
size_t allowedips_size(uint32_t prefixes, uint32_t peers);
struct allowedips *allowedips_init(void *memory, uint32_t prefixes, uint32_t peers);
/* Back to empty, in time proportional to what was used. */
void allowedips_clear(struct allowedips *t);
/* The prefix belongs to this peer from now on, whoever had it. False when full. */
bool allowedips_insert(struct allowedips *t, const struct prefix *p, uint32_t peer);
/* Removes the prefix if it belongs to this peer; false if it does not. */
bool allowedips_remove(struct allowedips *t, const struct prefix *p, uint32_t peer);
void allowedips_remove_peer(struct allowedips *t, uint32_t peer);
/* The peer of the longest matching prefix, or ALLOWEDIPS_NONE. */
uint32_t allowedips_lookup(const struct allowedips *t, const struct ip *ip);
uint32_t allowedips_lookup_v4(const struct allowedips *t, const uint8_t ip[static 4]);
uint32_t allowedips_lookup_v6(const struct allowedips *t, const uint8_t ip[static 16]);
/* Walks the prefixes of one peer: start with *cursor = 0; false at the end. */
bool allowedips_next(const struct allowedips *t, uint32_t peer, uint32_t *cursor,
		     struct prefix *out);
uint32_t allowedips_count(const struct allowedips *t);

#endif
