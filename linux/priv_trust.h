/* priv_trust.h - the trust store on its way to the node process.
 *
 * Watches the directory, reads all of it after a change, and gives it out message by message as
 * fast as the channel takes them. A change that comes while an older state is on its way is read
 * when that is through.
 */
#ifndef LINUX_PRIV_TRUST_H
#define LINUX_PRIV_TRUST_H

#include "base/instant.h"
#include "linux/priv.h"
#include "linux/priv_watch.h"

enum trust_phase { TRUST_IDLE, TRUST_AT_BEGIN, TRUST_AT_KEYS, TRUST_AT_END };

struct trust_feed {
	struct store *store;
	struct watch watch;         /* watch_changed, watch_reload: for the owner of the feed */
	uid_t owner;                /* of the store when it was read */
	enum trust_phase phase;
	bool unreadable;
	struct trust_entry *entries; /* sorted by name while idle */
	uint32_t count, cap, next;
	struct trust_entry *before;  /* the state read before, while a new one is read */
	uint32_t before_count;
	uint32_t unusable;
	char **told;                /* sorted: unusable names that the user has been told */
	uint32_t told_count;
	char **bad;                 /* those of the state being read */
	uint32_t bad_count, bad_cap;
};

/* The store is borrowed. The first state is due at once. */
void trust_feed_open(struct trust_feed *f, struct store *store, struct instant now);
void trust_feed_close(struct trust_feed *f);
struct instant trust_feed_deadline(const struct trust_feed *f);
void trust_feed_tick(struct trust_feed *f, struct instant now);
/* The next message, the same until trust_feed_sent; false when there is none. */
bool trust_feed_next(const struct trust_feed *f, struct priv_message *m);
void trust_feed_sent(struct trust_feed *f);

#endif
