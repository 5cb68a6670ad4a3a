/* priv_pending.h - the privileged process undoes a change of the service rules that nobody
 * confirmed in time. It alone lives on when the command, its shell and the connection are gone. */
#ifndef LINUX_PRIV_PENDING_H
#define LINUX_PRIV_PENDING_H

#include "linux/priv.h"
#include "linux/services_pending.h"

struct pending_feed {
	struct store *store;
	struct services_pending mark; /* as it was read last */
	struct instant until;         /* when its time is over; INSTANT_NEVER: nothing waits */
	struct instant next;          /* when to see to it */
	bool tell;                    /* `until` is other than was told, or `undone` is new */
	bool undone;                  /* one was, since it was told last */
	char said[SERVICES_WHY];      /* the last failure on standard error */
};

void pending_feed_open(struct pending_feed *f, struct store *store);
/* Reads the mark, and undoes at once what is overdue. The directory is open. */
void pending_feed_look(struct pending_feed *f, struct instant now);
/* Undoes what is due. True: the rules are others now. */
bool pending_feed_tick(struct pending_feed *f, struct instant now) must_check;
struct instant pending_feed_deadline(const struct pending_feed *f);
/* As those of policy_feed. */
bool pending_feed_next(const struct pending_feed *f, struct priv_message *m);
void pending_feed_sent(struct pending_feed *f);

#endif
