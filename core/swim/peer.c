/* peer.c - a table of peers, in the order of their last use. */
#include "swim/peer.h"

#include "swim/member.h"

static const struct peer nobody;

const struct peer *peer_seen(const struct swim *s, uint32_t slot)
{
	uint32_t at = s->members[slot].peer;

	return at ? &s->peers[at - 1] : &nobody;
}

void peer_forget(struct swim *s, uint32_t slot)
{
	struct member *m = &s->members[slot];

	if (!m->peer)
		return;
	member_set_list(s, slot, 0);
	list_remove(&s->peers[m->peer - 1].by_use);
	pool_put(&s->peer_pool, m->peer - 1u);
	m->peer = 0;
}

_Static_assert(PEER_MAX > JOB_MAX, "one has no job");

static uint32_t used_longest_ago(const struct swim *s)
{
	struct list *at = s->peers_by_use.next;

	while (list_entry(at, struct peer, by_use)->jobs)
		at = at->next;
	return list_entry(at, struct peer, by_use)->slot;
}

static struct peer *make(struct swim *s, uint32_t slot)
{
	uint32_t index = pool_get(&s->peer_pool);
	struct peer *p;

	if (index == POOL_NONE) {
		peer_forget(s, used_longest_ago(s));
		index = pool_get(&s->peer_pool);
	}
	p = &s->peers[index];
	*p = (struct peer){ .slot = slot };
	s->members[slot].peer = (uint16_t)(index + 1);
	return p;
}

struct peer *peer_of(struct swim *s, uint32_t slot)
{
	uint32_t at = s->members[slot].peer;
	struct peer *p;

	BUG_ON(slot == s->cap);
	if (at) {
		p = &s->peers[at - 1];
		list_remove(&p->by_use);
	} else {
		p = make(s, slot);
	}
	list_add_tail(&s->peers_by_use, &p->by_use);
	return p;
}
