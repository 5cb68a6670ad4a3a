/* accusers.h - whose accusations may count at which machine: the rule of core/swim, told anew.
 *
 * In a mesh of more than 40 an accusation counts from the first four living members before its
 * subject on any of four rings. What a machine thinks of those between is known here from its
 * events and from what was sent to it; where it may think either, it is given the benefit. So "may
 * not count" is certain, and "may count" is not.
 */
#ifndef SIM_ACCUSERS_H
#define SIM_ACCUSERS_H

#include "sim/world.h"

struct accusers;
struct accusers *accusers_new(const struct world *w);
void accusers_free(struct accusers *a);

/* That machine begins anew. */
void accusers_forget(struct accusers *a, uint32_t who);
/* It reads a record of that one, which may change what it thinks of it in this step. */
void accusers_record(struct accusers *a, uint32_t who, uint32_t subject);
/* It reads that somebody holds that one for dead: whether it lives is not sure for a while. */
void accusers_doubt(struct accusers *a, uint32_t who, uint32_t subject);
/* It reads an accusation, which is kept if it may count. */
void accusers_read(struct accusers *a, uint32_t who, uint32_t accuser, uint32_t subject,
		   uint64_t sequence);
/* Whether it may hold that accusation. */
bool accusers_has(const struct accusers *a, uint32_t who, uint32_t accuser, uint32_t subject,
		  uint64_t sequence);
/* How many it may hold, with that sequence. */
unsigned accusers_count(const struct accusers *a, uint32_t who, uint32_t subject,
			uint64_t sequence);

#endif
