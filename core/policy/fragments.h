/* fragments.h - first fragments that passed, so that the rest of their packets may follow.
 *
 * Each peer has a set of places, which it shares with few others: who floods it delays fragments of
 * his own. What comes before its first fragment is not known here.
 */
#ifndef POLICY_FRAGMENTS_H
#define POLICY_FRAGMENTS_H

#include "base/instant.h"
#include "policy/inspect.h"

#define FRAGMENTS_LIFE span_s(30) /* as long as Linux waits for the rest */

struct fragment {
	struct ip src, dst;
	uint32_t peer;
	uint32_t id;
	uint16_t port;           /* what its first fragment was judged by */
	uint16_t header_end;     /* nothing behind the first fragment may begin before it */
	uint8_t protocol;        /* IPv4; 0 in IPv6, where the identification is enough */
	uint8_t kind;            /* enum policy_kind */
	bool is_own;             /* it belongs to a flow of ours, whatever the rules */
	struct instant until;    /* 0: the place is free */
};

struct fragments;

size_t fragments_size(void);
/* memory: fragments_size() bytes, zeroed, aligned for uint64_t; touched as far as it is used. */
struct fragments *fragments_init(void *memory);
/* A first fragment that passed; replaces the one of its set that ends first. */
void fragments_add(struct fragments *f, const struct inspected *p, uint32_t peer, bool is_own,
		   struct instant now);
/* What the later fragment belongs to, or NULL. */
const struct fragment *fragments_find(const struct fragments *f, const struct inspected *p,
				      uint32_t peer, struct instant now);
void fragments_forget_peer(struct fragments *f, uint32_t peer);

#endif
