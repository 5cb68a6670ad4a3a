/* queue.h - what will happen: ordered by time, and by order of posting within one instant. */
#ifndef SIM_QUEUE_H
#define SIM_QUEUE_H

#include "base/instant.h"

#include <stddef.h>

struct occasion {
	struct instant at;
	uint64_t number;     /* set by queue_push */
	void *data;          /* the poster's; the taker frees it */
};

struct queue {
	struct occasion *heap;
	size_t count, cap;
	uint64_t numbers;
};

void queue_push(struct queue *q, struct instant at, void *data);
/* INSTANT_NEVER when there is nothing. */
struct instant queue_first(const struct queue *q);
/* The data of the first one, or NULL when there is nothing. */
void *queue_pop(struct queue *q);
/* Frees what waits as well. */
void queue_free(struct queue *q);

#endif
