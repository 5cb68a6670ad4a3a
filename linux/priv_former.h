/* priv_former.h - keys that have ended: their owner announced another one, which is trusted here,
 * too, and their overlap is over.
 *
 * A statement that the old key alone could bring about ends nothing: the new key must be one that
 * the owner of this directory trusts, and it signed when the old one ends.
 */
#ifndef LINUX_PRIV_FORMER_H
#define LINUX_PRIV_FORMER_H

#include "base/instant.h"
#include "linux/priv_keys.h"
#include "linux/priv_statements.h"

/* Sets `ended` of all keys, and returns of how many. *next: when to ask again though no file
 * changed, INSTANT_NEVER if never; within the hour, for the clock may be set. Statements that were
 * checked count (statement_folder_check). */
uint32_t former_mark(struct key_folder *keys, const struct statement_folder *statements,
		     struct moment now, struct instant *next);

#endif
