/* priv_policy.h - the service rules on their way to the node process.
 *
 * Reads all of services/ after a change and gives it out message by message, as the trust store
 * is: a list in as many parts as it needs. Bad rules are told as one line, once, to the node and on
 * standard error; what is as it was told is not told again. A change that waits for its
 * confirmation is undone when its time is over, before the rules are read.
 */
#ifndef LINUX_PRIV_POLICY_H
#define LINUX_PRIV_POLICY_H

#include "linux/priv.h"
#include "linux/priv_pending.h"
#include "linux/priv_watch.h"
#include "linux/services.h"

enum policy_phase { FEED_IDLE, FEED_AT_BEGIN, FEED_AT_LISTS, FEED_AT_END, FEED_AT_BAD };

struct policy_feed {
	struct watch watch;         /* watch_changed, watch_reload: for the owner of the feed */
	struct pending_feed pending;
	enum policy_phase phase;
	struct services services;   /* as they were read last */
	bool seen;                  /* something was read */
	bool told;                  /* good rules were, once at least */
	uint32_t list, rule;        /* the next ones to be given */
};

/* The store is borrowed. The first state is due at once. `with`: see watch_open. */
void policy_feed_open(struct policy_feed *f, struct store *store, struct watch *with,
		      struct instant now);
void policy_feed_close(struct policy_feed *f);
/* All is to be read and told again, changed or not. */
void policy_feed_again(struct policy_feed *f, struct instant now);
struct instant policy_feed_deadline(const struct policy_feed *f);
void policy_feed_tick(struct policy_feed *f, struct instant now);
/* The next message, the same until policy_feed_sent; false when there is none. */
bool policy_feed_next(const struct policy_feed *f, struct priv_message *m);
void policy_feed_sent(struct policy_feed *f);

#endif
