/* map.h - from a 64-bit keyed hash to a slot number; fixed size, open addressing.
 *
 * The map stores (hash, slot) only; the caller owns the things and compares them.
 * Hashes of anything that a stranger chooses must be keyed (crypto/siphash.h).
 * Memory is the caller's: map_size(cap) bytes, zeroed, aligned for uint64_t.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAP_NONE UINT32_MAX

struct map {
	struct map_cell *cells;
	uint32_t mask;  /* cells - 1, at present; at most half of them are used */
	uint32_t count;
	uint32_t cap;   /* entries that it was made for */
};

/* True if the thing in that slot is the one that ctx asks for. */
typedef bool map_same(const void *ctx, uint32_t slot);

size_t map_size(uint32_t cap);
void map_init(struct map *m, void *memory, uint32_t cap);
/* The slot whose hash is equal and for which same() holds, or MAP_NONE. */
uint32_t map_find(const struct map *m, uint64_t hash, map_same *same, const void *ctx);
/* False when full. The pair must not be in the map yet; slot != MAP_NONE. */
bool map_add(struct map *m, uint64_t hash, uint32_t slot);
/* Removes the pair; false if it was not there. */
bool map_remove(struct map *m, uint64_t hash, uint32_t slot);

#endif
