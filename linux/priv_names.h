/* priv_names.h - handing the names of the mesh to this host: a block in /etc/hosts by choice, and
 * systemd-resolved where it runs. */
#ifndef LINUX_PRIV_NAMES_H
#define LINUX_PRIV_NAMES_H

#include "base/instant.h"
#include "linux/hosts.h"
#include "linux/priv_inside.h"

struct name_feed {
	struct priv *p;
	struct host_entry *list;   /* NULL without --hosts */
	unsigned count;
	bool due;                  /* the list is whole, and not written yet */
	bool complained;
};

int name_feed_open(struct name_feed *f, struct priv *p) must_check;
/* Takes the block away. */
void name_feed_close(struct name_feed *f);
/* PRIV_HOSTS: more of the list. 0, or negative errno for what may not stand there. */
int name_feed_take(struct name_feed *f, const struct priv_message *m) must_check;
void name_feed_tick(struct name_feed *f);

/* Tells systemd-resolved, if it runs, that this interface answers for names of the mesh; by a
 * process of its own, for which nobody waits. resolved forgets it with the interface. */
void resolved_tell(const struct priv *p, const struct ip *ipv4);

#endif
