/* priv_second.h - the other key of this machine while its key changes, as it lies on disk
 * (docs/rotation.md).
 *
 *   next.key and a statement of identity.key that it follows      SECOND_NEXT
 *   former.key, and its statement that identity.key follows it,
 *   as long as their overlap is not over                          SECOND_FORMER
 *
 * A statement counts with both signatures. A next key runs on when the overlap is over: those who
 * accepted it let no other in any more. identity.key is the main key from the start on; that
 * another key is in it means something only when that one was told as the next before.
 */
#ifndef LINUX_PRIV_SECOND_H
#define LINUX_PRIV_SECOND_H

#include "base/instant.h"
#include "linux/priv.h"
#include "linux/store.h"

struct second_feed {
	struct public_key main;
	enum second_role role;
	struct public_key key;       /* unless there is none */
	uint64_t issued, until;      /* unix seconds; of the overlap */
	struct secret_key *secret;   /* its place, the caller's: pages that are not swapped out.
	                                Wiped once it was told. NULL: there is no second key */
	bool tell;                   /* not as it was told */
	bool told;                   /* the present one was, once at least */
	unsigned warned;             /* of its end: stages that were told */
	char complaint[256];         /* the last one */
	struct instant look;         /* when to read though no file changed */
};

void second_feed_open(struct second_feed *f, const struct public_key *own);
/* True if it is to be told now. What is worth a warning is said. *soon: read again in a moment. */
bool second_feed_read(struct second_feed *f, struct store *s, struct moment now, bool *soon);
void second_feed_message(const struct second_feed *f, struct priv_message *m);
void second_feed_sent(struct second_feed *f);

#endif
