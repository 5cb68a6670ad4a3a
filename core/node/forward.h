/* forward.h - the forwarding snapshot: what the packet path needs to know, immutable once
 * published.
 *
 * The node builds the next snapshot beside the present one and exchanges the pointer; a reader
 * that holds the old one sees a consistent old world. Generations count up. Two buffers: the
 * spare one is built only when no reader holds it any more (with one thread: always).
 */
#ifndef NODE_FORWARD_H
#define NODE_FORWARD_H

#include "base/instant.h"
#include "wg/allowedips.h"

struct forward {
	uint64_t generation;
	struct allowedips *routes;   /* address -> WireGuard peer handle, for both directions */
};

struct forwarding {
	struct forward buffers[2];
	const struct forward *current;
	bool stale;                  /* the world changed since the current one was built */
	bool gone;                   /* it names a peer that is not admitted any more */
	struct instant built;
};

size_t forwarding_size(uint32_t members);
void forwarding_init(struct forwarding *f, void *memory, uint32_t members);

#endif
