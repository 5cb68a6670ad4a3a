/* facts.c - what the room tells of itself: members, what happened to them, counters. */
#include "swim/member.h"
#include "swim/peer.h"
#include "swim/suspicion.h"

void swim_info(const struct swim *s, uint32_t slot, struct swim_info *out)
{
	const struct member *m = &s->members[slot];

	BUG_ON(slot >= s->cap);
	*out = (struct swim_info){
		.state = (enum swim_state)m->state, .sequence = slot_sequence(s, slot),
		.conflict = peer_seen(s, slot)->conflict,
		.since = instant_of(m->since), .last_heard = instant_of(m->heard),
		.record = slot_sequence(s, slot) ? member_record(s, slot) : NULL,
	};
}

static enum swim_fact_kind kind_of_state(enum swim_state state)
{
	switch (state) {
	case SWIM_SUSPECT:
		return SWIM_FACT_SUSPECT;
	case SWIM_DEAD:
		return SWIM_FACT_DEAD;
	case SWIM_LEFT:
		return SWIM_FACT_LEFT;
	case SWIM_UNKNOWN:
	case SWIM_ALIVE:
		break;
	}
	return SWIM_FACT_ALIVE;
}

/* The next fact of this member; false: nothing of it is worth telling any more. */
static bool take_fact(struct swim *s, uint32_t slot, struct swim_fact *out)
{
	struct member *m = &s->members[slot];
	uint8_t bit = m->facts & (uint8_t)-m->facts;

	m->facts &= (uint8_t)~bit;
	*out = (struct swim_fact){ .slot = slot, .by = UINT32_MAX };
	out->sequence = slot_sequence(s, slot);
	switch (bit) {
	case FACT_RECORD:
		out->kind = SWIM_FACT_RECORD;
		return true;
	case FACT_CONFLICT:
		out->kind = SWIM_FACT_CONFLICT;
		return true;
	case FACT_OWN:
		out->kind = SWIM_FACT_OWN_NEWER;
		out->slot = UINT32_MAX;
		out->by = s->own_by;
		out->sequence = s->own_newer;
		return s->own_newer >= slot_sequence(s, slot);
	case FACT_PATH:
		out->kind = SWIM_FACT_PATH_DOUBTED;
		return true;
	default:
		out->kind = kind_of_state((enum swim_state)m->state);
		if (m->state == SWIM_SUSPECT || m->state == SWIM_DEAD)
			out->by = suspicion_by(s, slot);
		if (m->state == m->reported || m->state == SWIM_UNKNOWN)
			return false;
		m->reported = m->state;
		return true;
	}
}

bool swim_next_fact(struct swim *s, struct swim_fact *out)
{
	while (s->facts_first) {
		uint32_t slot = s->facts_first - 1;
		struct member *m = &s->members[slot];

		if (m->facts && take_fact(s, slot, out))
			return true;
		if (m->facts)
			continue;
		s->facts_first = m->fact_next;
		if (!s->facts_first)
			s->facts_last = 0;
		m->in_facts = false;
	}
	return false;
}

const struct swim_counters *swim_counters(const struct swim *s)
{
	return &s->counters;
}
