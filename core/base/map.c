/* Linear probing. An entry lies at its home cell or in the unbroken run after it;
 * removal moves later entries of the run back, so that there are no tombstones and a
 * long-lived map does not slow down. Half of the cells stay empty, so runs are short.
 * Zeroed memory is an empty map: cells hold slot + 1. */
#include "base/map.h"
#include "base/bug.h"

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

size_t map_size(uint32_t cap)
{
	return cells_for(cap) * sizeof(struct map_cell);
}

void map_init(struct map *m, void *memory, uint32_t cap)
{
	*m = (struct map){ .cells = memory, .mask = cells_for(cap) - 1, .cap = cap };
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

bool map_add(struct map *m, uint64_t hash, uint32_t slot)
{
	uint32_t i = home(m, hash);

	BUG_ON(slot == MAP_NONE);
	if (m->count == m->cap)
		return false;
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
