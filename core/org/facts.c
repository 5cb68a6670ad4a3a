/* facts.c - one ring for each store, with one place a slot, so that it cannot overflow. A slot that
 * is told of and emptied before anybody asked keeps its place in the ring, and says nothing. */
#include "org/facts.h"

#define IN_RING 1u
#define TO_TELL 2u

size_t facts_bits_size(uint32_t slots)
{
	return slots;
}

size_t facts_ring_size(uint32_t slots)
{
	return slots * sizeof(uint32_t);
}

static struct facts *of_kind(struct spread *s, enum spread_kind kind)
{
	return &s->facts[kind == SPREAD_CERTIFICATE ? SPREAD_FACT_CERTIFICATE
						    : SPREAD_FACT_STATEMENT];
}

void facts_add(struct spread *s, enum spread_kind kind, uint32_t slot)
{
	struct facts *f = of_kind(s, kind);

	if (!(f->bits[slot] & IN_RING))
		f->ring[(f->first + f->count++) % f->cap] = slot;
	f->bits[slot] = IN_RING | TO_TELL;
}

void facts_cancel(struct spread *s, enum spread_kind kind, uint32_t slot)
{
	of_kind(s, kind)->bits[slot] &= (uint8_t)~TO_TELL;
}

static bool next_of(struct facts *f, uint32_t *slot)
{
	while (f->count) {
		uint8_t bits;

		*slot = f->ring[f->first];
		bits = f->bits[*slot];
		f->bits[*slot] = 0;
		f->first = (f->first + 1) % f->cap;
		f->count--;
		if (bits & TO_TELL)
			return true;
	}
	return false;
}

bool spread_next_fact(struct spread *s, struct spread_fact *out)
{
	out->kind = SPREAD_FACT_STATEMENT;
	if (next_of(&s->facts[SPREAD_FACT_STATEMENT], &out->slot))
		return true;
	out->kind = SPREAD_FACT_CERTIFICATE;
	return next_of(&s->facts[SPREAD_FACT_CERTIFICATE], &out->slot);
}
