/* heap.h - the earliest of many deadlines; binary heap of slot numbers.
 *
 * Each slot is in the heap at most once. Memory is the caller's: heap_size(cap)
 * bytes, zeroed, aligned for uint64_t.
 */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include "base/instant.h"

#include <stddef.h>

struct heap {
	struct instant *when;   /* by slot; valid while the slot is in the heap */
	uint32_t *order;        /* the heap: slots */
	uint32_t *place;        /* by slot: 1 + index in order; 0 when absent */
	uint32_t count;
	uint32_t cap;
};

#define HEAP_NONE UINT32_MAX

size_t heap_size(uint32_t cap);
void heap_init(struct heap *h, void *memory, uint32_t cap);
/* Sets or moves the slot's deadline; INSTANT_NEVER removes it. */
void heap_set(struct heap *h, uint32_t slot, struct instant when);
/* The slot's deadline; INSTANT_NEVER when absent. */
struct instant heap_when(const struct heap *h, uint32_t slot);
/* The earliest deadline; INSTANT_NEVER when empty. */
struct instant heap_first(const struct heap *h);
/* Takes out and returns the earliest slot whose deadline has come, or HEAP_NONE. */
uint32_t heap_pop(struct heap *h, struct instant now);

#endif
