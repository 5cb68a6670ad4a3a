/* stage.h - packets that wait for a handshake.
 *
 * One store of 2 KiB chunks for all peers, each peer with its own queue. A packet takes as many
 * chunks as it needs, so that an interface with an MTU of 65,000 costs no more memory than one
 * with 1,420. Oldest first out, and oldest first lost: of the peer when he has STAGE_PER_PEER
 * packets, of all peers when the store is full.
 */
#ifndef WG_STAGE_H
#define WG_STAGE_H

#include "base/bytes.h"
#include "base/pool.h"

#define STAGE_CHUNK 2048u
#define STAGE_PER_PEER 128u
#define STAGE_NONE UINT32_MAX

/* The queue of one peer; zeroed memory is an empty one. */
struct stage_queue {
	uint32_t first, last; /* packets; valid while count > 0 */
	uint32_t count;
};

/* About one chunk; all but next_chunk holds for the first chunk of a packet only. */
struct stage_chunk {
	struct stage_queue *queue;
	uint32_t next_chunk;
	uint32_t next_packet;  /* of the same queue */
	uint32_t older, newer; /* of all queues */
	uint32_t len;          /* of the packet */
};

struct stage {
	struct pool pool;
	struct stage_chunk *chunks;
	uint8_t (*data)[STAGE_CHUNK];
	uint32_t oldest, newest;
};

size_t stage_size(uint32_t chunks);
/* memory: stage_size() bytes, zeroed, aligned for pointers. */
void stage_init(struct stage *s, void *memory, uint32_t chunks);
/* Copies the packet in. False if it can never fit. *lost counts older packets that made room. */
bool stage_push(struct stage *s, struct stage_queue *q, struct bytes packet, uint64_t *lost);
/* Bytes of the oldest packet; the queue must not be empty. */
uint32_t stage_front_len(const struct stage *s, const struct stage_queue *q);
/* Takes the oldest packet out and copies it to out. */
void stage_pop(struct stage *s, struct stage_queue *q, uint8_t *out);
/* Forgets all packets of the queue; returns how many. */
uint32_t stage_clear(struct stage *s, struct stage_queue *q);

#endif
