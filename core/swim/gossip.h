/* gossip.h - what is being spread, and how it gets into messages. */
#ifndef SWIM_GOSSIP_H
#define SWIM_GOSSIP_H

#include "swim/scope.h"
#include "swim/state.h"

/* The member's record (s->cap: ours) is spread from now on; once more if it was being spread. */
void gossip_record(struct swim *s, uint32_t slot);
/* The accusation of this member by that one (s->cap: by us), with the sequence that we hold. */
void gossip_accusation(struct swim *s, uint32_t subject, uint32_t accuser);
/* Everything about a slot whose member goes. */
void gossip_forget(struct swim *s, uint32_t slot);
/* Bursts: due is now; the next one 120 ms later. */
void gossip_burst(struct swim *s);
/* Something is being spread or judged, and everybody will soon know without being asked. */
bool gossip_settles(const struct swim *s);
/* After each call: since when that is so. */
void gossip_note(struct swim *s);
static inline bool gossip_idle(const struct swim *s)
{
	return s->queue_pool.count == 0;
}

/* A message under construction. Without room in the outbox it does nothing, and is lost like on
 * the way. */
struct draft {
	struct writer w;
	uint32_t to;
	struct scope_view scope; /* what the receiver may hear of */
	uint8_t items;
	uint32_t records;
	bool own_in;      /* our record is among the items */
	bool equal;       /* it holds what we hold */
	bool spreads;     /* so is something from the queue */
	bool bulk;        /* LIST, or ITEMS that answer one */
	bool ok;
	size_t body;      /* offset of the count of items, if there are any */
};

/* Starts a message of this type to that member. The caller writes the body into d->w, then
 * draft_items. */
void draft_begin(struct swim *s, struct draft *d, uint32_t to, enum wire_type type, uint8_t flags,
		 uint32_t id);
/* The body is written: items follow. */
void draft_items(struct draft *d);
/* False when it does not fit. The receiver may hear of it. */
bool draft_record(struct swim *s, struct draft *d, uint32_t slot);
/* Bytes of items that still fit. */
size_t draft_room(const struct draft *d);
/* False, too, when we do not hold that accusation or the receiver may not hear of it. Ours is
 * signed if need be. */
bool draft_accusation(struct swim *s, struct draft *d, uint32_t subject, uint32_t accuser);
/* Adds what it must know (our record, that we suspect it) and, if the budget allows, what is
 * being spread. Returns the number of items that the message has then. */
unsigned draft_piggyback(struct swim *s, struct draft *d);
void draft_send(struct swim *s, struct draft *d);

/* Bytes may go out for a synchronisation. */
bool sync_budget_left(const struct swim *s);

#endif
