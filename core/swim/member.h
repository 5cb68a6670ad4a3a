/* member.h - the table: who is admitted, what is stored about each, in which state it is. */
#ifndef SWIM_MEMBER_H
#define SWIM_MEMBER_H

#include "swim/state.h"

static inline const struct swim_identity *slot_identity(const struct swim *s, uint32_t slot)
{
	return slot == s->cap ? &s->self : &s->identities[slot];
}
/* The 8 bytes that stand for a key in lists and accusations: the first of BLAKE3(key). */
uint64_t member_id(const struct public_key *key);
static inline uint64_t slot_id(const struct swim *s, uint32_t slot)
{
	return slot_identity(s, slot)->id;
}
void member_add(struct swim *s, uint32_t slot, const struct public_key *key);
void member_remove(struct swim *s, uint32_t slot);
/* NONE when not admitted; s->cap: this node. */
uint32_t member_find(const struct swim *s, const struct public_key *key);
uint32_t member_find_id(const struct swim *s, uint64_t id);
/* Index in s->by_id of the first id that is not below this one; s->known: there is none. */
uint32_t member_from(const struct swim *s, uint64_t id);
static inline bool member_lives(const struct member *m)
{
	return m->state == SWIM_ALIVE || m->state == SWIM_SUSPECT;
}

void member_set_state(struct swim *s, uint32_t slot, enum swim_state state);
/* Dead because we hear nobody: not told to others, and taken back at the first sign of anybody. */
void member_set_lost(struct swim *s, uint32_t slot);
/* Its share in the sums that describe a view. */
uint64_t member_share(const struct swim *s, uint32_t slot);
/* The tag of whom it admits; 0: not known. */
void member_set_list(struct swim *s, uint32_t slot, uint64_t list);
void member_set_reachable(struct swim *s, uint32_t slot, bool yes);
/* Stores a record of at least the sequence that is stored. */
void member_store(struct swim *s, uint32_t slot, const struct record *record);
/* Of the stored record; never falls; 0: none. */
static inline uint64_t slot_sequence(const struct swim *s, uint32_t slot)
{
	if (!s->store)
		return s->records[slot].sequence;
	return s->shared[slot] ? s->store->records[s->shared[slot] - 1].sequence : 0;
}
/* The stored one; only where the sequence is not 0. Valid until the next member_store. */
static inline const struct record_kept *member_record(const struct swim *s, uint32_t slot)
{
	return s->store ? &s->store->records[s->shared[slot] - 1].kept : &s->records[slot].kept;
}
/* The wish to be told: FACT_* bits; s->cap: this node. */
void member_fact(struct swim *s, uint32_t slot, uint8_t bits);

#endif
