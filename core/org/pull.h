/* pull.h - comparing what is held of an org with a peer, and fetching what it has and we lack.
 *
 *   we: BUCKETS ->  peer: HAVE ->  we: WANT ->  peer: OBJECTS, ...  we: BUCKETS -> and so on
 */
#ifndef ORG_PULL_H
#define ORG_PULL_H

#include "org/state.h"

/* The peer holds something else of this org than we: `its` is its digest as tell_digest() makes
 * it. A comparison begins, if it is time for one. answer: to a question of ours, of which the peer
 * cannot make more. */
void pull_consider(struct spread *s, uint32_t from, unsigned org, uint64_t its, bool answer);
/* The peer holds the same. */
void pull_equal(struct spread *s, uint32_t from, unsigned org);
void pull_buckets(struct spread *s, uint32_t from, const struct spread_message *m);
void pull_have(struct spread *s, uint32_t from, const struct spread_message *m);
void pull_want(struct spread *s, uint32_t from, const struct spread_message *m);
/* An object came that answers a WANT. True: it is news, and not one of the many that others have
 * known for long. */
bool pull_came(struct spread *s, uint32_t from, unsigned org, bool taken);
/* Nothing that is under way or was tried holds any more. */
void pull_reset(struct spread *s);
void pull_forget(struct spread *s, uint32_t slot);
void pull_tick(struct spread *s);
struct instant pull_deadline(const struct spread *s);

#endif
