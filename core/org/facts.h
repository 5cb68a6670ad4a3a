/* facts.h - which slots of the stores the caller has not been told of. */
#ifndef ORG_FACTS_H
#define ORG_FACTS_H

#include "org/state.h"

size_t facts_bits_size(uint32_t slots);
size_t facts_ring_size(uint32_t slots);
void facts_add(struct spread *s, enum spread_kind kind, uint32_t slot);
/* What lay there is gone. */
void facts_cancel(struct spread *s, enum spread_kind kind, uint32_t slot);

#endif
