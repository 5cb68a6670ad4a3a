/* linux/store_successor.h - the new key of a peer takes the place of its old one, on disk.
 *
 * authorized_keys/NAME.pub is rewritten; the old key stays beside it as NAME.old.pub, until its
 * overlap is over (linux/priv_former.h). Service rules of the old one hold for both.
 * authorized_keys/NAME.follow, which holds the key of NAME, too, says that its owner need not be
 * asked.
 */
#ifndef LINUX_STORE_SUCCESSOR_H
#define LINUX_STORE_SUCCESSOR_H

#include "base/bytes.h"
#include "base/limits.h"
#include "linux/store.h"

#define OLD_NAME_ENDING ".old"

/* NAME's key is `old`. Writes which name the old key has now. The order of the writes: the rules
 * of both keys, the old key under its new name, the new key under the old one; whatever is cut off
 * in between, no key has another's rights, and the same call does the rest. 0, or negative errno
 * with s->error: -EEXIST if both names for the old key are taken. */
int store_successor_accept(struct store *s, const char *name, const struct public_key *old,
			   const struct public_key *new,
			   char old_name[static MAX_NAME + 1]) must_check;

/* 0, or negative errno with s->error. */
int store_follow(struct store *s, const char *name, const struct public_key *key) must_check;
/* True if this very key is followed by that name. */
bool store_is_followed(struct store *s, const char *name, const struct public_key *key);
/* 0 also where there is no such file. */
int store_unfollow(struct store *s, const char *name) must_check;

#endif
