/* pool.h - slots numbered 0..cap-1, handed out and taken back in O(1).
 *
 * Memory is the caller's: pool_size(cap) bytes, zeroed. Slots are first handed out
 * in rising order, so memory behind them is touched only as far as it is used.
 */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define POOL_NONE UINT32_MAX

struct pool {
	uint32_t *next;   /* free slots, linked; POOL_USED in used ones */
	uint32_t cap;
	uint32_t fresh;   /* slots from here on were never handed out */
	uint32_t free;    /* head of the list of returned slots */
	uint32_t count;   /* slots in use */
};

size_t pool_size(uint32_t cap);
void pool_init(struct pool *p, void *memory, uint32_t cap);
/* POOL_NONE when full. */
uint32_t pool_get(struct pool *p);
/* The slot must be in use. */
void pool_put(struct pool *p, uint32_t slot);
bool pool_used(const struct pool *p, uint32_t slot);

#endif
