/* priv_connect.h - tokens and saved seeds on their way to the node process.
 *
 * Watches the folders, reads all of them after a change, and when a token ends; tells the tokens
 * whenever they are others, and each saved seed once. Carries out what the node wishes when
 * somebody comes by a token: it may end a token that is there, and nothing else.
 */
#ifndef LINUX_PRIV_CONNECT_H
#define LINUX_PRIV_CONNECT_H

#include "base/instant.h"
#include "linux/priv.h"
#include "linux/priv_watch.h"
#include "node/node.h"

enum connect_phase { CONNECT_IDLE, CONNECT_AT_BEGIN, CONNECT_AT_TOKENS, CONNECT_AT_END };

struct connect_feed {
	struct store *store;
	struct watch watch;         /* watch_changed: for the owner of the feed */
	enum connect_phase phase;
	unsigned next;
	struct instant ends;        /* when a token does */
	unsigned count, count_before;
	struct node_token *list, *before; /* NODE_TOKENS each, in a mapping of their own */
	bool told;
	unsigned seed_count, seeds_told;
	struct endpoint seeds[MAX_SEEDS];
};

/* The store is borrowed. The first state is due at once. The tokens are in memory that processes
 * forked later, for helpers, do not get, and dumps neither. `with`: see watch_open. 0 or negative
 * errno. */
int connect_feed_open(struct connect_feed *f, struct store *store, struct watch *with,
		      struct instant now) must_check;
void connect_feed_close(struct connect_feed *f);
/* PRIV_TOKEN: 0: the other one is trusted; -EINPROGRESS: the user is asked; -EALREADY: it was used;
 * -ETIME: it is over; or another negative errno. */
int connect_feed_wish(struct connect_feed *f, const struct priv_message *m) must_check;

/* The tokens are to be told again: to another node. */
void connect_feed_again(struct connect_feed *f, struct instant now);
struct instant connect_feed_deadline(const struct connect_feed *f);
void connect_feed_tick(struct connect_feed *f, struct instant now);
/* The next message, the same until connect_feed_sent; false when there is none. */
bool connect_feed_next(const struct connect_feed *f, struct priv_message *m);
void connect_feed_sent(struct connect_feed *f, const struct priv_message *m);

#endif
