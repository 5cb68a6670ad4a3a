/* Linear probing. An entry lies at its home cell or in the unbroken run after it;
 * removal moves later entries of the run back, so that there are no tombstones and a
 * long-lived map does not slow down. Half of the cells stay empty, so runs are short.
 * Zeroed memory is an empty map: cells hold slot + 1.
 *
 * A map for sixteen thousand that holds a hundred would touch a page for each: so it begins with
 * 16 cells, and when half of them are used it moves to twice as many, which follow them. */
#include "base/map.h"
#include "base/bug.h"

#include <string.h>

#define FIRST_CELLS 16u

struct map_cell {
	uint64_t hash;
	uint64_t slot1; /* slot + 1; 0: empty */
};

static uint32_t cells_for(uint32_t cap)
{
	uint32_t n = 2;

	BUG_ON(cap > UINT32_C(1) << 30);
	while (n < 2 * cap)
		n *= 2;
	return n;
}

static uint32_t first_cells(uint32_t cap)
{
	return cells_for(cap) < FIRST_CELLS ? cells_for(cap) : FIRST_CELLS;
}

/* All sizes that it may have, one after the other. */
size_t map_size(uint32_t cap)
{
	return (2 * (size_t)cells_for(cap) - first_cells(cap)) * sizeof(struct map_cell);
}

void map_init(struct map *m, void *memory, uint32_t cap)
{
	*m = (struct map){ .cells = memory, .mask = first_cells(cap) - 1, .cap = cap };
}

/* Multiplied, so that hashes which differ in high bits only do not share a run. */
static uint32_t home(const struct map *m, uint64_t hash)
{
	return (uint32_t)(hash * 0x9e3779b97f4a7c15u >> 32) & m->mask;
}

uint32_t map_find(const struct map *m, uint64_t hash, map_same *same, const void *ctx)
{
	for (uint32_t i = home(m, hash); m->cells[i].slot1; i = (i + 1) & m->mask) {
		uint32_t slot = (uint32_t)(m->cells[i].slot1 - 1);

		if (m->cells[i].hash == hash && same(ctx, slot))
			return slot;
	}
	return MAP_NONE;
}

static void grow(struct map *m)
{
	struct map_cell *old = m->cells;
	uint32_t cells = m->mask + 1;

	m->cells = old + cells;
	m->mask = 2 * cells - 1;
	for (uint32_t k = 0; k < cells; k++) {
		uint32_t i = home(m, old[k].hash);

		if (!old[k].slot1)
			continue;
		while (m->cells[i].slot1)
			i = (i + 1) & m->mask;
		m->cells[i] = old[k];
	}
	memset(old, 0, cells * sizeof(*old));
}

bool map_add(struct map *m, uint64_t hash, uint32_t slot)
{
	uint32_t i;

	BUG_ON(slot == MAP_NONE);
	if (m->count == m->cap)
		return false;
	if (2 * m->count > m->mask)
		grow(m);
	i = home(m, hash);
	for (; m->cells[i].slot1; i = (i + 1) & m->mask)
		BUG_ON(m->cells[i].hash == hash && m->cells[i].slot1 - 1 == slot);
	m->cells[i] = (struct map_cell){ hash, (uint64_t)slot + 1 };
	m->count++;
	return true;
}

bool map_remove(struct map *m, uint64_t hash, uint32_t slot)
{
	uint32_t hole = home(m, hash), i;

	while (m->cells[hole].hash != hash || m->cells[hole].slot1 != (uint64_t)slot + 1) {
		if (!m->cells[hole].slot1)
			return false;
		hole = (hole + 1) & m->mask;
	}
	for (i = (hole + 1) & m->mask; m->cells[i].slot1; i = (i + 1) & m->mask) {
		uint32_t from_home = (i - home(m, m->cells[i].hash)) & m->mask;

		/* It may move into the hole unless its home lies after it. */
		if (from_home >= ((i - hole) & m->mask)) {
			m->cells[hole] = m->cells[i];
			hole = i;
		}
	}
	m->cells[hole] = (struct map_cell){ 0, 0 };
	m->count--;
	return true;
}
