/* The peer cache: where peers were reached last, kept on disk, so that a node finds its mesh again
 * after a restart without any seed. A hint, no more: each address is probed like a claim.
 *
 * Up to 80 peers, evenly over all that have a path; 80 are enough to find the rest. Written at most
 * once a minute, and when the node ends. */
#include "node/node_impl.h"

#include "base/cursor.h"

#include <string.h>

#define ENTRY 51u
#define SAVE_SOON span_s(3)
#define SAVE_EACH span_s(60)

/* The next entry; false at the end or when the rest is malformed. */
static bool next_entry(struct cursor *c, struct public_key *key, struct endpoint *to)
{
	memset(to, 0, sizeof(*to));
	cur_bytes(c, key->b, sizeof(key->b));
	to->ip.family = cur_u8(c);
	to->port = cur_be16(c);
	cur_bytes(c, to->ip.b, sizeof(to->ip.b));
	return cur_ok(c) && (to->ip.family == FAMILY_IPV4 || to->ip.family == FAMILY_IPV6);
}

void cache_init(struct node *n)
{
	size_t len = n->config.peers.len;

	if (len <= sizeof(n->cache) && len % ENTRY == 0 && len)
		memcpy(n->cache, n->config.peers.data, len);
	else
		len = 0;
	n->cache_len = len;
	n->config.peers = bytes_of(NULL, 0);
}

void cache_suggest(struct node *n, uint32_t slot, struct instant now)
{
	struct cursor c = cur_of(n->cache, n->cache_len);
	struct public_key key;
	struct endpoint to;

	while (cur_left(&c) && next_entry(&c, &key, &to))
		if (!memcmp(&key, trust_key(n->trust, slot), sizeof(key)))
			paths_suggest(n->paths, slot, &to, now);
}

void cache_introduce(struct node *n, struct instant now)
{
	struct cursor c = cur_of(n->cache, n->cache_len);
	struct public_key key;
	struct endpoint to;

	if (n->trust_loaded)
		return;
	while (cur_left(&c) && next_entry(&c, &key, &to))
		if (trust_find(n->trust, &key) == TRUST_NONE)
			(void)introduce_add_target(n->orgs.introductions, &to, now);
}

void cache_changed(struct node *n, struct instant now)
{
	struct instant soon = instant_add(now, SAVE_SOON);
	struct instant later = instant_add(n->cache_saved, SAVE_EACH);

	if (n->cache_due.ns != UINT64_MAX)
		return;
	n->cache_due = instant_is_set(n->cache_saved) && instant_before(soon, later) ? later : soon;
}

static size_t fill(const struct node *n, uint8_t *out)
{
	struct writer w = wr_of(out, NODE_PEERS_MAX);
	uint32_t slot = TRUST_NONE, up = 0, seen = 0, most = NODE_PEERS_MAX / ENTRY;
	struct endpoint to;

	while ((slot = trust_next(n->trust, slot)) != TRUST_NONE)
		up += paths_best(n->paths, slot, &to) && !to.channel;
	while ((slot = trust_next(n->trust, slot)) != TRUST_NONE) {
		if (!paths_best(n->paths, slot, &to) || to.channel)
			continue;
		/* Of more than there is room for, every so many. */
		if (up <= most || (uint64_t)seen * most / up != (uint64_t)(seen + 1) * most / up) {
			wr_bytes(&w, trust_key(n->trust, slot)->b, 32);
			wr_u8(&w, to.ip.family);
			wr_be16(&w, to.port);
			wr_bytes(&w, to.ip.b, sizeof(to.ip.b));
		}
		seen++;
	}
	BUG_ON(!wr_ok(&w));
	return wr_len(&w);
}

size_t node_peers(const struct node *n, uint8_t out[static NODE_PEERS_MAX])
{
	return fill(n, out);
}

void cache_save(struct node *n, struct instant now, struct node_actions *actions)
{
	size_t len = fill(n, actions->peers);

	n->cache_due = INSTANT_NEVER;
	n->cache_saved = now;
	/* A node that reaches nobody forgets nobody. */
	if (!len || (len == n->cache_len && !memcmp(n->cache, actions->peers, len)))
		return;
	memcpy(n->cache, actions->peers, len);
	n->cache_len = len;
	actions->peers_len = (uint32_t)len;
	actions->save_peers = true;
}
