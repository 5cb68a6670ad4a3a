/* sync.h - making two views equal: lists of what is known, and the records that differ. */
#ifndef SWIM_SYNC_H
#define SWIM_SYNC_H

#include "swim/state.h"

/* compare.c: a LIST to that member is wanted, or not; sent as soon as pace and budget allow, if the
 * views still differ then. */
void sync_due(struct swim *s, uint32_t slot);
void sync_not_due(struct swim *s, uint32_t slot);
/* A message told the sender's digest and count. `answer`: to a question of ours. */
void sync_compare(struct swim *s, uint32_t from, const struct wire_header *h, bool answer);
/* A record came that was new to us. While we join and no more of them come, a few members are asked
 * for their digests, until one equals ours. */
void sync_news(struct swim *s);
struct instant sync_check_at(const struct swim *s);
void sync_check(struct swim *s);

/* sync.c */
void sync_list(struct swim *s, uint32_t from, const struct wire_message *m);
void sync_want(struct swim *s, uint32_t from, const struct wire_message *m);
void sync_buckets(struct swim *s, uint32_t from, const struct wire_message *m);
/* Its record (s->cap: ours) goes to `to`, or a WANT for one id; both within a limit per receiver.
 */
void sync_give(struct swim *s, uint32_t to, uint32_t slot);
void sync_ask(struct swim *s, uint32_t to, uint64_t id);
void sync_pump(struct swim *s);
void sync_forget(struct swim *s, uint32_t slot);

#endif
