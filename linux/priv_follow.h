/* priv_follow.h - new keys of peers whose owner said `trust --follow`: accepted without asking.
 *
 * What trust --successor refuses is refused here, too: two different keys, one that is over, or
 * that is denied, trusted under another name, an org's, or this node's own.
 */
#ifndef LINUX_PRIV_FOLLOW_H
#define LINUX_PRIV_FOLLOW_H

#include "linux/priv_keys.h"
#include "linux/priv_statements.h"

struct follow {
	struct store *store;
	const struct public_key *own;
	const struct key_folder *keys, *denials, *orgs;
	const struct statement_folder *statements;   /* checked */
	uint64_t now;                                /* unix seconds */
};

/* Rewrites the files of those that are to be accepted, and says each; they are to be read anew. */
void follow_accept(const struct follow *f);

#endif
