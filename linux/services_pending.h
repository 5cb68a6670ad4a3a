/* linux/services_pending.h - a change of the service rules that waits for its confirmation.
 *
 * Before the change the rules are copied to services.before/, and services.pending is written: the
 * mark that a change waits, and until when. Whoever finds the mark after that time puts the copy in
 * the place of services/: the privileged process, which watches for it, the one that starts later,
 * or the next command. So what is undone depends on no process that lives, and on no connection.
 *
 * All of this is done under the lock; whoever changes services/ by a command has it, too.
 */
#ifndef LINUX_SERVICES_PENDING_H
#define LINUX_SERVICES_PENDING_H

#include "base/instant.h"
#include "linux/services.h"

#define SERVICES_MARK "services.pending"
#define SERVICES_BEFORE "services.before"
#define SERVICES_LATE "services.undone" /* the mark of the last change that was rolled back */
#define PENDING_MIN_S 10u
#define PENDING_MAX_S 3600u

struct services_pending {
	bool had;               /* there was a services/ */
	bool is_back;           /* it is in its place again; only the mark is left */
	bool damaged;           /* nobody knows until when: the wait is over */
	char id[33];            /* of the change that made the copy; hex */
	char boot[40];          /* of the kernel, when the mark was written; "" unknown */
	uint64_t until_boot_ms; /* the boot clock counts as long as the kernel is the same */
	uint64_t until_s;       /* unix seconds, for after a reboot */
	uint64_t within_s;      /* no wait is longer, whatever a clock says after a reboot */
};

/* Of the directory, until the descriptor is closed. Without `wait` -EAGAIN when somebody has it;
 * negative errno with s->error. */
int services_lock(struct store *s, bool wait) must_check;
/* 1 when a change waits, 0 when none does, negative errno with s->error: -EBADMSG for a mark that
 * is none, and no copy beside it that is whole. With such a copy the mark is only damaged. */
int services_pending_read(struct store *s, struct services_pending *out) must_check;
/* How long it still waits; zero: it is to be undone. */
struct span services_pending_left(const struct services_pending *p, struct moment now);
/* Keeps the rules as they are now, unless a change waits already, which this one joins; in both
 * cases it waits for so many seconds from now. 0, or negative errno with s->error: -EEXIST for
 * files that are not ours. */
int services_pending_begin(struct store *s, uint64_t within_s, struct moment now,
			   struct services_pending *out) must_check;
/* The change stays. Returns as services_pending_read. */
int services_pending_confirm(struct store *s) must_check;
/* The rules of before come back, in one step. Killed in between, it goes on when it is called
 * again. Needs no room on the disk. Returns as services_pending_read. */
int services_pending_undo(struct store *s) must_check;
/* True if that was the last that became of a change, and nobody was told here yet. */
bool services_pending_was_late(struct store *s);

#endif
