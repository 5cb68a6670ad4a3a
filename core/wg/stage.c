#include "wg/stage.h"

#include "base/bug.h"

#include <string.h>

static size_t align_up(size_t n)
{
	return (n + 63) / 64 * 64;
}

size_t stage_size(uint32_t chunks)
{
	return align_up(pool_size(chunks)) +
	       align_up((size_t)chunks * sizeof(struct stage_chunk)) +
	       (size_t)chunks * STAGE_CHUNK;
}

void stage_init(struct stage *s, void *memory, uint32_t chunks)
{
	uint8_t *at = memory;

	pool_init(&s->pool, at, chunks);
	at += align_up(pool_size(chunks));
	s->chunks = (struct stage_chunk *)at;
	at += align_up((size_t)chunks * sizeof(struct stage_chunk));
	s->data = (uint8_t(*)[STAGE_CHUNK])at;
	s->oldest = s->newest = STAGE_NONE;
}

static uint32_t chunks_for(size_t len)
{
	return len ? (uint32_t)((len + STAGE_CHUNK - 1) / STAGE_CHUNK) : 1;
}

static void unlink_age(struct stage *s, const struct stage_chunk *c)
{
	*(c->older == STAGE_NONE ? &s->oldest : &s->chunks[c->older].newer) = c->newer;
	*(c->newer == STAGE_NONE ? &s->newest : &s->chunks[c->newer].older) = c->older;
}

/* Takes the first packet off its queue; out NULL: nobody wants it. Packets are wiped, for
 * they are somebody's plaintext and the store outlives the peer. */
static void take_first(struct stage *s, struct stage_queue *q, uint8_t *out)
{
	uint32_t at = q->first;
	uint32_t left = s->chunks[at].len;

	BUG_ON(!q->count);
	unlink_age(s, &s->chunks[at]);
	q->first = s->chunks[at].next_packet;
	q->count--;
	while (at != STAGE_NONE) {
		uint32_t next = s->chunks[at].next_chunk;
		uint32_t n = left < STAGE_CHUNK ? left : STAGE_CHUNK;

		if (out) {
			memcpy(out, s->data[at], n);
			out += n;
		}
		wipe(s->data[at], n);
		left -= n;
		pool_put(&s->pool, at);
		at = next;
	}
}

static void append(struct stage *s, struct stage_queue *q, uint32_t first)
{
	struct stage_chunk *c = &s->chunks[first];

	c->queue = q;
	c->next_packet = STAGE_NONE;
	if (q->count)
		s->chunks[q->last].next_packet = first;
	else
		q->first = first;
	q->last = first;
	q->count++;

	c->older = s->newest;
	c->newer = STAGE_NONE;
	*(s->newest == STAGE_NONE ? &s->oldest : &s->chunks[s->newest].newer) = first;
	s->newest = first;
}

bool stage_push(struct stage *s, struct stage_queue *q, struct bytes packet, uint64_t *lost)
{
	uint32_t need = chunks_for(packet.len), first = STAGE_NONE;
	size_t end = packet.len;

	if (need > s->pool.cap)
		return false;
	if (q->count == STAGE_PER_PEER) {
		take_first(s, q, NULL);
		++*lost;
	}
	while (s->pool.cap - s->pool.count < need) {
		take_first(s, s->chunks[s->oldest].queue, NULL);
		++*lost;
	}
	for (uint32_t i = need; i-- > 0; end = (size_t)i * STAGE_CHUNK) {
		size_t start = (size_t)i * STAGE_CHUNK;
		uint32_t at = pool_get(&s->pool);

		if (end > start)
			memcpy(s->data[at], packet.data + start, end - start);
		s->chunks[at].next_chunk = first;
		first = at;
	}
	s->chunks[first].len = (uint32_t)packet.len;
	append(s, q, first);
	return true;
}

uint32_t stage_front_len(const struct stage *s, const struct stage_queue *q)
{
	BUG_ON(!q->count);
	return s->chunks[q->first].len;
}

void stage_pop(struct stage *s, struct stage_queue *q, uint8_t *out)
{
	take_first(s, q, out);
}

uint32_t stage_clear(struct stage *s, struct stage_queue *q)
{
	uint32_t count = q->count;

	while (q->count)
		take_first(s, q, NULL);
	return count;
}
