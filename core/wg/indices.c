#include "wg/indices.h"

static uint32_t cells_for(uint32_t entries)
{
	uint32_t cells = 16;

	BUG_ON(entries > UINT32_MAX / 8);
	while (cells < 2 * entries)
		cells *= 2;
	return cells;
}

size_t indices_size(uint32_t entries)
{
	return (size_t)cells_for(entries) * sizeof(struct index_cell);
}

void indices_init(struct indices *t, void *memory, uint32_t entries)
{
	*t = (struct indices){ .cells = memory, .mask = cells_for(entries) - 1 };
}

static struct index_cell *cell_of(const struct indices *t, uint32_t index)
{
	return &t->cells[index & t->mask];
}

uint32_t indices_add(struct indices *t, struct random *random, enum index_kind kind, uint32_t slot)
{
	uint32_t index, tries = 0;

	BUG_ON(t->count > t->mask / 2);
	do {
		/* With half of the cells free, so many misses mean a broken random source. */
		BUG_ON(tries++ == 128);
		index = random_u32(random);
	} while (cell_of(t, index)->kind != INDEX_NONE);
	*cell_of(t, index) = (struct index_cell){ .index = index, .slot = slot, .kind = kind };
	t->count++;
	return index;
}

void indices_move(struct indices *t, uint32_t index, enum index_kind kind, uint32_t slot)
{
	struct index_cell *cell = cell_of(t, index);

	BUG_ON(cell->kind == INDEX_NONE || cell->index != index);
	cell->kind = kind;
	cell->slot = slot;
}

void indices_remove(struct indices *t, uint32_t index)
{
	struct index_cell *cell = cell_of(t, index);

	BUG_ON(cell->kind == INDEX_NONE || cell->index != index);
	*cell = (struct index_cell){ .kind = INDEX_NONE };
	t->count--;
}

enum index_kind indices_find(const struct indices *t, uint32_t index, uint32_t *slot)
{
	const struct index_cell *cell = cell_of(t, index);

	if (cell->kind == INDEX_NONE || cell->index != index)
		return INDEX_NONE;
	*slot = cell->slot;
	return cell->kind;
}
