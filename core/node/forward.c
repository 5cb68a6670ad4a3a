#include "node/node_impl.h"

#include <string.h>

/* A big mesh changes often; the table is built anew at most ten times a second. Who is not admitted
 * any more leaves it at once: his handle may be the next one's. */
#define BUILD_EVERY span_ms(100)
#define BUILD_AT_ONCE_BELOW 32u

size_t forwarding_size(uint32_t members)
{
	return 2 * ((allowedips_size(2 * members, members) + 63) & ~(size_t)63);
}

void forwarding_init(struct forwarding *f, void *memory, uint32_t members)
{
	size_t one = forwarding_size(members) / 2;

	for (int i = 0; i < 2; i++)
		f->buffers[i].routes = allowedips_init((uint8_t *)memory + one * i, 2 * members,
						       members);
	f->current = &f->buffers[0];
}

struct holder_query {
	const struct node *node;
	const struct ip *ip;
};

static bool holds(const void *ctx, uint32_t slot)
{
	const struct holder_query *q = ctx;

	return ip_equal(&q->node->peers[slot].ipv4, q->ip);
}

uint64_t forward_hash(const struct node *n, const struct ip *ip)
{
	return siphash(n->hash_key, ip->b, 4);
}

uint32_t forward_holder(const struct node *n, const struct ip *ip)
{
	struct holder_query q = { n, ip };

	return map_find(&n->holders, forward_hash(n, ip), holds, &q);
}

/* Everybody keeps routing to the holder known first (contest.c); IPv6 never collides. */
void forward_claim(struct node *n, uint32_t slot, unsigned index, struct instant now)
{
	struct node_peer *peer = &n->peers[slot];
	const struct ip before = peer->ipv4;
	bool stale = n->forwarding.stale;
	struct ip ip;

	forward_release(n, slot);
	peer->address_index = (uint8_t)index;
	peer->address_lost = false;
	n->forwarding.stale = true;
	if (peer->prefix_differs || index >= ADDRESS_INDEXES)
		return;
	mesh_ipv4(trust_key(n->trust, slot), index, &n->config.prefix, &ip);
	uint32_t holder = forward_holder(n, &ip);
	bool ours = ip_equal(&ip, &n->ipv4);
	if (peer->claimed && holder != MAP_NONE && !n->peers[holder].claimed) {
		forward_release(n, holder);
		holder = MAP_NONE;
		stale = true;
	}
	if (holder != MAP_NONE || ours || contest_burnt(n, &ip)) {
		peer->address_lost = true;
		if (peer->claimed && (holder != MAP_NONE || ours))
			contest_mark(n, &ip, slot, holder, now);
		return;
	}
	peer->ipv4 = ip;
	n->forwarding.stale = stale || !ip_equal(&before, &ip);
	BUG_ON(!map_add(&n->holders, forward_hash(n, &ip), slot));
}

void forward_release(struct node *n, uint32_t slot)
{
	struct node_peer *peer = &n->peers[slot];

	if (peer->ipv4.family)
		BUG_ON(!map_remove(&n->holders, forward_hash(n, &peer->ipv4), slot));
	memset(&peer->ipv4, 0, sizeof(peer->ipv4));
	n->forwarding.stale = true;
}

static void build(struct node *n, struct forward *f)
{
	uint32_t slot = TRUST_NONE;

	allowedips_clear(f->routes);
	while ((slot = trust_next(n->trust, slot)) != TRUST_NONE) {
		const struct node_peer *peer = &n->peers[slot];
		struct prefix p;
		struct ip ipv6;

		mesh_ipv6(trust_key(n->trust, slot), &ipv6);
		p = prefix_of(&ipv6, 128);
		BUG_ON(!allowedips_insert(f->routes, &p, peer->wg));
		if (!peer->ipv4.family)
			continue;
		p = prefix_of(&peer->ipv4, 32);
		BUG_ON(!allowedips_insert(f->routes, &p, peer->wg));
	}
}

void forward_publish(struct node *n, struct instant now)
{
	struct forwarding *f = &n->forwarding;

	if (!f->stale)
		return;
	if (!f->gone && trust_count(n->trust) > BUILD_AT_ONCE_BELOW &&
	    instant_before(now, instant_add(f->built, BUILD_EVERY)))
		return;
	struct forward *next = &f->buffers[f->current == &f->buffers[0]];
	build(n, next);
	next->generation = f->current->generation + 1;
	f->current = next;
	f->stale = f->gone = false;
	f->built = now;
	wg_set_routes(n->wg, next->routes);
}

struct instant forward_deadline(const struct node *n)
{
	return n->forwarding.stale ? instant_add(n->forwarding.built, BUILD_EVERY) : INSTANT_NEVER;
}
