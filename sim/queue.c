#include "sim/queue.h"

#include "base/bug.h"

#include <stdlib.h>

static bool before(const struct occasion *a, const struct occasion *b)
{
	return a->at.ns != b->at.ns ? a->at.ns < b->at.ns : a->number < b->number;
}

void queue_push(struct queue *q, struct instant at, void *data)
{
	struct occasion new = { .at = at, .number = q->numbers++, .data = data };
	size_t i = q->count++;

	if (i == q->cap) {
		q->cap = q->cap ? 2 * q->cap : 1024;
		q->heap = realloc(q->heap, q->cap * sizeof(*q->heap));
		BUG_ON(!q->heap);
	}
	while (i && before(&new, &q->heap[(i - 1) / 2])) {
		q->heap[i] = q->heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	q->heap[i] = new;
}

struct instant queue_first(const struct queue *q)
{
	return q->count ? q->heap[0].at : INSTANT_NEVER;
}

void *queue_pop(struct queue *q)
{
	if (!q->count)
		return NULL;
	void *first = q->heap[0].data;
	struct occasion last = q->heap[--q->count];
	size_t i = 0;

	for (size_t child; (child = 2 * i + 1) < q->count; i = child) {
		if (child + 1 < q->count && before(&q->heap[child + 1], &q->heap[child]))
			child++;
		if (!before(&q->heap[child], &last))
			break;
		q->heap[i] = q->heap[child];
	}
	q->heap[i] = last;
	return first;
}

void queue_free(struct queue *q)
{
	for (size_t i = 0; i < q->count; i++)
		free(q->heap[i].data);
	free(q->heap);
	*q = (struct queue){ 0 };
}
