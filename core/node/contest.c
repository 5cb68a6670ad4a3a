/* Two keys can meet on one IPv4 address by chance, and an insider can make a key that meets a
 * chosen one (design, section 3). So an address can be lost, but never taken over:
 *
 * - A record claims an index j, and only addresses that derive from its own key. Everybody keeps
 *   routing to the holder known first.
 * - A contested address is burnt: once its first holder is gone it is routed to nobody, as long as
 *   one of the keys that met on it is admitted.
 * - Who meets another on his own address moves on to his next free j. A newcomer moves; where two
 *   established holders meet, both do. Established is who has held his address for a minute among
 *   others, and says so in his record (RECORD_SETTLED).
 * - Both must hear of it, though the first to move takes his claim back: his record tells which
 *   index he left as an established holder, or for another newcomer.
 * - After 15 moves a node is IPv6-only. IPv6 never moves.
 *
 * A claim that no record made (j = 0 of a key that was not heard yet) gives way to one that was. */
#include "node/node_impl.h"

#include <string.h>

#define SETTLE_AFTER span_s(60)

struct burnt_query {
	const struct node *node;
	const struct ip *ip;
};

static bool is_that_burnt(const void *ctx, uint32_t i)
{
	const struct burnt_query *q = ctx;

	return ip_equal(&q->node->burnt[i].ip, q->ip);
}

static uint32_t find_burnt(const struct node *n, const struct ip *ip)
{
	struct burnt_query q = { n, ip };

	return map_find(&n->burnt_map, forward_hash(n, ip), is_that_burnt, &q);
}

bool contest_burnt(const struct node *n, const struct ip *ip)
{
	/* When there is no room to remember another one, nobody new is believed. */
	return n->burnt_pool.count == n->burnt_pool.cap || find_burnt(n, ip) != MAP_NONE;
}

/* The address of this peer's index is contested from now on. */
static void burn(struct node *n, const struct ip *ip, uint32_t slot, unsigned index)
{
	struct node_peer *peer = &n->peers[slot];
	uint32_t i = find_burnt(n, ip);

	if (peer->burnt & 1u << index)
		return;
	if (i == MAP_NONE) {
		i = pool_get(&n->burnt_pool);
		if (i == POOL_NONE)
			return;
		n->burnt[i] = (struct burnt){ .ip = *ip };
		BUG_ON(!map_add(&n->burnt_map, forward_hash(n, ip), i));
	}
	n->burnt[i].keys++;
	peer->burnt |= (uint16_t)(1u << index);
}

void contest_mark(struct node *n, const struct ip *ip, uint32_t slot, uint32_t holder,
		  struct instant now)
{
	struct event e = { .at = now, .kind = EV_ADDRESS_CONFLICT,
			   .subject = *trust_key(n->trust, slot), .by = n->config.public };
	bool news = !(n->peers[slot].burnt & 1u << n->peers[slot].address_index);

	burn(n, ip, slot, n->peers[slot].address_index);
	if (holder != MAP_NONE) {
		burn(n, ip, holder, n->peers[holder].address_index);
		e.by = *trust_key(n->trust, holder);
	}
	if (news)
		event_emit(&n->events, &e);
}

void contest_forget(struct node *n, uint32_t slot)
{
	struct node_peer *peer = &n->peers[slot];

	for (unsigned j = 0; peer->burnt >> j; j++) {
		struct ip ip;
		uint32_t i;

		if (!(peer->burnt & 1u << j))
			continue;
		mesh_ipv4(trust_key(n->trust, slot), j, &n->config.prefix, &ip);
		i = find_burnt(n, &ip);
		BUG_ON(i == MAP_NONE);
		if (--n->burnt[i].keys)
			continue;
		BUG_ON(!map_remove(&n->burnt_map, forward_hash(n, &ip), i));
		pool_put(&n->burnt_pool, i);
	}
	peer->burnt = 0;
}

/* The next index of ours whose address nobody claims and nobody burnt; ADDRESS_INDEXES: none. */
static unsigned next_index(const struct node *n)
{
	unsigned j = n->self.address_index + 1u;
	struct ip ip;

	for (; j < ADDRESS_INDEXES; j++) {
		mesh_ipv4(&n->config.public, j, &n->config.prefix, &ip);
		if (forward_holder(n, &ip) == MAP_NONE && find_burnt(n, &ip) == MAP_NONE)
			return j;
	}
	return ADDRESS_INDEXES;
}

void contest_use_index(struct node *n, unsigned index)
{
	memset(&n->ipv4, 0, sizeof(n->ipv4));
	n->self.address_index = (uint8_t)index;
	if (index < ADDRESS_INDEXES)
		mesh_ipv4(&n->config.public, index, &n->config.prefix, &n->ipv4);
}

/* We go, and it came first: it may have the address for all that we know. */
static void yield(struct node *n, uint32_t slot, struct instant now)
{
	contest_forget(n, slot);
	forward_claim(n, slot, n->peers[slot].address_index, now);
}

static void met(struct node *n, uint32_t slot, bool holds, struct moment now)
{
	struct swim_info info;

	swim_info(n->swim, slot, &info);
	bool there = info.state == SWIM_ALIVE || info.state == SWIM_SUSPECT;
	bool settled = true;

	if (holds) {
		struct record record;

		record_unkeep(info.record, &record);
		settled = record.body.flags & RECORD_SETTLED;
	}

	if (n->settled && (!there || !settled))
		return; /* it moves, or will when it is back */
	/* Where both are newcomers it may have heard nothing of our claim, but others may, and do
	 * not route it to this one. */
	if (n->settled || !settled)
		n->self_left = n->self.address_index + 1u;
	contest_use_index(n, next_index(n));
	if (!n->settled && settled && holds)
		yield(n, slot, now.boot);
	n->settled = false;
	n->settle_from = INSTANT_ZERO;
	n->record_stale = n->record_urgent = true;
	node_emit(n, now.boot, EV_ADDRESS_MOVED, UINT32_MAX, NULL, n->self.address_index);
}

void contest_record(struct node *n, uint32_t slot, const struct record_body *body,
		    struct moment now)
{
	unsigned left = body->flags >> RECORD_LEFT_SHIFT & RECORD_LEFT_MASK;
	struct ip claim;

	if (n->peers[slot].prefix_differs || !n->ipv4.family)
		return;
	if (body->address_index < ADDRESS_INDEXES) {
		mesh_ipv4(&body->key, body->address_index, &n->config.prefix, &claim);
		if (ip_equal(&claim, &n->ipv4)) {
			met(n, slot, true, now);
			return;
		}
	}
	if (left && left <= ADDRESS_INDEXES) {
		mesh_ipv4(&body->key, left - 1, &n->config.prefix, &claim);
		if (ip_equal(&claim, &n->ipv4))
			met(n, slot, false, now);
	}
}

void contest_tick(struct node *n, struct instant now)
{
	if (!swim_counters(n->swim)->alive) {
		n->settle_from = INSTANT_ZERO;
		n->settled = false; /* told by the next record; alone nobody hears it */
	} else if (!instant_is_set(n->settle_from)) {
		n->settle_from = now;
	} else if (!n->settled && instant_reached(contest_deadline(n), now)) {
		n->settled = n->record_stale = true;
	}
}

struct instant contest_deadline(const struct node *n)
{
	return n->settled || !instant_is_set(n->settle_from) ? INSTANT_NEVER :
		instant_add(n->settle_from, SETTLE_AFTER);
}
