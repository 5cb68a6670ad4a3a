/* observed.h - what the default `observe` lets in and `deny` would not: the stuff of new rules.
 *
 * Each peer has a set of places, which it shares with few others: who tries every port fills his
 * own. In a full set the rarest gives way, the oldest of them first.
 */
#ifndef POLICY_OBSERVED_H
#define POLICY_OBSERVED_H

#include "base/instant.h"
#include "policy/policy.h"

struct observed {
	uint32_t peer;               /* slot */
	uint16_t port;               /* of TCP and UDP; else 0 */
	uint8_t kind;                /* enum policy_kind */
	uint8_t protocol;            /* the number in the IP header */
	uint64_t times;              /* flows, or packets of what has none; 0: the place is free */
	struct instant first, last;
};

struct observations;

#define OBSERVED_PLACES 4096u

size_t observed_size(void);
/* memory: observed_size() bytes, zeroed, aligned for uint64_t; touched as far as it is used. */
struct observations *observed_init(void *memory);
/* peer, port, kind and protocol of `what`; the rest of it does not count. */
void observed_note(struct observations *o, const struct observed *what, struct instant now);
void observed_forget_peer(struct observations *o, uint32_t peer);
/* The place of that number below OBSERVED_PLACES; NULL if it is free. No order. */
const struct observed *observed_at(const struct observations *o, uint32_t place);

#endif
