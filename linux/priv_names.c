#include "linux/priv_names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int name_feed_open(struct name_feed *f, struct priv *p)
{
	*f = (struct name_feed){ .p = p };
	if (!p->config->hosts)
		return 0;
	f->list = calloc(HOSTS_MOST, sizeof(*f->list));
	return f->list ? 0 : -ENOMEM;
}

static void write_block(struct name_feed *f, unsigned count)
{
	int error = hosts_write(f->p->child->interface, f->list, count);

	if (error == -EBADMSG && !f->complained)
		priv_say("/etc/hosts: a block of %s begins and does not end; it stays as it is",
			 f->p->child->interface);
	else if (error && !f->complained)
		priv_say("/etc/hosts cannot be written: %s", strerror(-error));
	f->complained = error != 0;
}

void name_feed_close(struct name_feed *f)
{
	if (f->list)
		write_block(f, 0);
	free(f->list);
	f->list = NULL;
}

int name_feed_take(struct name_feed *f, const struct priv_message *m)
{
	const unsigned count = m->data_len / sizeof(struct host_entry);

	if (!f->list)
		return -EOPNOTSUPP;
	if (m->data_len % sizeof(struct host_entry))
		return -EINVAL;
	if (m->flag & PRIV_HOSTS_FIRST)
		f->count = 0;
	f->due = m->flag & PRIV_HOSTS_LAST;
	for (unsigned i = 0; i < count; i++) {
		struct host_entry *e = &f->list[f->count];

		if (f->count == HOSTS_MOST)
			return -ENOSPC;
		memcpy(e, m->data + i * sizeof(*e), sizeof(*e));
		if (!hosts_entry_ok(e, &f->p->child->prefix))
			return -EPERM;
		f->count++;
	}
	return 0;
}

void name_feed_tick(struct name_feed *f)
{
	if (!f->due)
		return;
	f->due = false;
	write_block(f, f->count);
}
