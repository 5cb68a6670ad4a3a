/* indices.h - from the receiver index of a message to a session or a handshake, in O(1).
 *
 * An index is a random number whose low bits are the number of a free cell: one look, no
 * collision, nothing for a stranger to fill. At most half of the cells are used, so that
 * drawing an index takes two tries on average.
 */
#ifndef WG_INDICES_H
#define WG_INDICES_H

#include "base/bug.h"
#include "crypto/random.h"

enum index_kind {
	INDEX_NONE,      /* the cell is free */
	INDEX_HANDSHAKE, /* slot: a peer, whose initiation waits for its response */
	INDEX_SESSION,   /* slot: a session */
};

struct index_cell {
	uint32_t index;
	uint32_t slot;
	enum index_kind kind;
};

struct indices {
	struct index_cell *cells;
	uint32_t mask; /* cells - 1 */
	uint32_t count;
};

size_t indices_size(uint32_t entries);
/* memory: indices_size() bytes, zeroed, aligned for uint32_t. */
void indices_init(struct indices *t, void *memory, uint32_t entries);
/* A new index for the slot. More than `entries` at once is a BUG. */
uint32_t indices_add(struct indices *t, struct random *random, enum index_kind kind,
		     uint32_t slot);
/* The index leads to that slot from now on. */
void indices_move(struct indices *t, uint32_t index, enum index_kind kind, uint32_t slot);
void indices_remove(struct indices *t, uint32_t index);
/* INDEX_NONE if nobody has it. */
enum index_kind indices_find(const struct indices *t, uint32_t index, uint32_t *slot);

#endif
