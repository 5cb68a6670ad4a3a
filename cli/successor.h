/* successor.h - the key that a trusted key announced, in its place. */
#ifndef CLI_SUCCESSOR_H
#define CLI_SUCCESSOR_H

#include "cli/keys.h"

/* The new key of the peer NAME, which a file (or "-", or NULL: only what lies in statements/)
 * announces, is trusted under that name; the old one stays as NAME.old until the overlap is over.
 * Service rules of either go with it. Opens the directory itself. */
enum exit_code trust_successor(const char *name, const char *file);

/* Calls fn for each trusted key that ended, or will end, in favour of this one, with its name.
 * Stops at the first non-zero and returns it. Negative errno with s->error. */
int each_former(struct store *s, const struct public_key *key,
		int (*fn)(void *ctx, const struct public_key *former, const char *name), void *ctx);

#endif
