/* hold.h - objects into and out of the stores, and what follows from it. */
#ifndef ORG_HOLD_H
#define ORG_HOLD_H

#include "org/state.h"

/* An object that a peer sent, of our org with this number and not held: decodes, judges, verifies
 * and takes it. False if it was not taken; why is counted. */
bool hold_learn(struct spread *s, uint32_t from, unsigned org, const struct spread_object *o,
		struct ref *taken);
/* Verified ones; *taken is written for SPREAD_NEW. */
enum spread_put hold_certificate(struct spread *s, const struct certificate *c, struct ref *taken);
enum spread_put hold_statement(struct spread *s, const struct statement *statement,
			       struct ref *taken);
/* Before it is verified: SPREAD_NEW, or why it would not be taken. */
enum spread_put hold_judge(const struct spread *s, const struct statement_body *b);
/* The bytes of one that is held. */
struct bytes hold_wire(const struct spread *s, const struct ref *ref);
bool hold_is_revocation(const struct spread *s, const struct ref *ref);
/* What the stores hold is counted anew; what is of no org of ours, or void, is removed. */
void hold_recount(struct spread *s);
/* Certificates that are over are removed. */
void hold_expire(struct spread *s);

#endif
