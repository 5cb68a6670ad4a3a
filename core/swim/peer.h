/* peer.h - what is held of those that we talk with, besides what is held of every member.
 *
 * PEER_MAX of them: in a larger mesh the one used longest ago gives way, if no answer to it waits.
 * What was held of it is learned again with its next message; its buckets are full again, which
 * costs no more than as many members more would.
 */
#ifndef SWIM_PEER_H
#define SWIM_PEER_H

#include "swim/state.h"

struct peer {
	struct list by_use;
	uint32_t slot;
	uint32_t count;             /* records of the view that we share, as it last said */
	uint64_t digest;            /* of that view; 0: unknown */
	uint64_t list;              /* tag of whom it admits, as it last said; 0: unknown */
	uint64_t conflict;          /* the sequence of its own that a conflict was told of */
	struct instant listed;      /* last LIST of ours to it began */
	struct instant own_sent;    /* our record went to it */
	struct instant credit_since;
	/* token buckets: the instant at which each is full again */
	struct instant verify_full; /* signatures checked for it as a sender */
	struct instant answer_full; /* records and wants sent to it unasked */
	struct instant accuse_full; /* members that its lists make us look at */
	struct instant heed_full;   /* accusations heeded of it as an accuser */
	struct instant scope_full;  /* SCOPE_ASKs of it answered */
	struct instant parts_full;  /* SCOPEs of it taken in */
	uint8_t was_right, was_wrong; /* accusations of others, since credit_since */
	uint8_t list_wait;          /* exponent of the wait before the next LIST */
	uint8_t jobs;               /* of sync.c for it; while there are any, it stays */
};

/* Valid until the next peer_of() for another. */
struct peer *peer_of(struct swim *s, uint32_t slot);
/* The same for who only asks: all zeros where nothing is held. */
const struct peer *peer_seen(const struct swim *s, uint32_t slot);
void peer_forget(struct swim *s, uint32_t slot);

#endif
