/* ping.c - a user asks for the round trip to a peer. It counts as a use of its path: what a packet
 * for it would set going begins. */
#include "node/node_impl.h"

uint32_t node_ping(struct node *n, struct moment now, const struct public_key *key)
{
	const uint32_t slot = trust_find(n->trust, key);
	struct endpoint to;

	if (slot == TRUST_NONE)
		return NODE_NO_PING;
	const bool up = paths_best(n->paths, slot, &to);
	if (up)
		paths_used(n->paths, slot, now.boot);
	else
		paths_wanted(n->paths, slot, now.boot);
	if (!up || to.channel) {
		punch_wanted(n->punches, slot, now.boot);
		relaying_want(n, slot, now.boot);
	}
	return paths_ping(n->paths, slot, now.boot);
}

bool node_pinged(const struct node *n, uint32_t ping, uint64_t *rtt_us)
{
	struct span rtt;
	const enum path_ping_state state = paths_pinged(n->paths, ping, &rtt);

	*rtt_us = state == PING_ANSWERED ? rtt.ns / 1000 + !(rtt.ns / 1000) : 0;
	return state != PING_WAITS;
}

void node_ping_end(struct node *n, uint32_t ping)
{
	paths_ping_end(n->paths, ping);
}

uint32_t node_report_key(const struct node *n, const struct public_key *key,
			 struct report_peer *out)
{
	const uint32_t slot = trust_find(n->trust, key);

	return slot == TRUST_NONE ? UINT32_MAX : node_report_peer(n, slot - 1, out);
}
