/* outbox.h - what a room wishes to have sent; the caller's fixed memory.
 *
 * A room reserves bytes, writes them, and commits an item; nothing is copied again
 * on the way to the socket. The caller asks outbox_has_room() before each step and
 * empties the outbox when there is less than one step's worst case (OUTBOX_STEP_*).
 */
#ifndef BASE_OUTBOX_H
#define BASE_OUTBOX_H

#include "base/bug.h"
#include "base/endpoint.h"

enum out_kind {
	OUT_DATAGRAM, /* to the network: bytes as they go on the wire, to `to` */
	OUT_PACKET,   /* to the TUN: one IP packet */
	OUT_MESSAGE,  /* to the member in `slot`: plain bytes, to be sealed by the node;
	                 `to` unset: by its best path */
	OUT_CALL,     /* to `to`: a struct path_call, from which the node makes the datagram */
	OUT_THROUGH,  /* as OUT_MESSAGE, handed on by the member in `via` */
	OUT_SOCKET_OPEN,  /* socket to.socket of ours, before what follows: no bytes */
	OUT_SOCKET_CLOSE,
	OUT_NOTHING,  /* taken back */
};

struct out {
	enum out_kind kind;
	uint32_t slot;       /* peer or member the item belongs to; UINT32_MAX: none */
	uint32_t via;        /* OUT_THROUGH */
	struct endpoint to;
	uint8_t *data;
	uint32_t len;
	uint32_t segment;    /* OUT_DATAGRAM: `data` is several datagrams of that length that follow
	                        each other, the last of which may be shorter; 0: it is one */
	uint64_t epoch;      /* OUT_MESSAGE: of the question that it answers; 0: no answer */
	uint8_t ecn;         /* OUT_DATAGRAM: DS field to send with (WireGuard: ECN bits) */
	uint8_t hops;        /* OUT_DATAGRAM: TTL or hop limit to send with; 0: the system's */
	bool whole;          /* OUT_DATAGRAM: not to be cut in fragments, here or on the way */
	uint16_t padded;     /* OUT_MESSAGE, a probe: length to pad its datagram to; 0: none */
};

struct outbox {
	struct out *items;
	uint32_t count;
	uint32_t cap;
	uint8_t *arena;
	size_t used;
	size_t size;
	size_t reserved;     /* bytes that a commit may take */
	uint64_t refused;    /* reservations that did not fit; such items are lost */
};

#define OUTBOX_FRAME 4u  /* bytes behind each item that are free for outbox_frame */

/* What one step of any room may ask for at the most. */
#define OUTBOX_STEP_ITEMS 160u
#define OUTBOX_STEP_BYTES (160u * 2048u)

void outbox_init(struct outbox *o, struct out *items, uint32_t cap, void *arena, size_t size);
void outbox_clear(struct outbox *o);
bool outbox_has_room(const struct outbox *o, uint32_t items, size_t bytes);
/* len writable bytes (16-byte aligned) for the next item, or NULL (counted in refused).
 * Not taken until committed; a second reserve gives the same bytes again. */
uint8_t *outbox_reserve(struct outbox *o, size_t len);
/* Puts four bytes in front of the item's data, once: see OUTBOX_FRAME. The data stays where it
 * begins. False: the memory ends there. */
bool outbox_frame(const struct outbox *o, struct out *item, uint32_t header) must_check;
/* Takes the len first bytes reserved last as an item; returns it, to fill in the rest
 * (zeroed: slot UINT32_MAX, kind as given). */
struct out *outbox_commit(struct outbox *o, enum out_kind kind, size_t len);
/* The same for len bytes at `at`, anywhere among those reserved last; those behind
 * OUTBOX_PLACE(len) stay reserved for more items, and what lies in front is given up. */
#define OUTBOX_ALIGN 16u
#define OUTBOX_PLACE(len) \
	(((len) + OUTBOX_FRAME + OUTBOX_ALIGN - 1) / OUTBOX_ALIGN * OUTBOX_ALIGN)
struct out *outbox_commit_at(struct outbox *o, enum out_kind kind, uint8_t *at, size_t len);

#endif
