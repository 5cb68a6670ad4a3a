/* packets.c - what this host sends to its peers: one by one, or the segments of one packet, for
 * which everything is looked up once. */
#include "node/node_impl.h"

#include "base/bucket.h"

#define CONSENT span_s(30)

/* Tells this host that nobody has the address; at most a hundred times a second. */
static void refuse(struct node *n, struct moment now, struct bytes packet, struct outbox *out)
{
	uint8_t *error = outbox_reserve(out, ICMP_ERROR_MAX);

	if (!error || instant_since(now.boot, n->refused_at).ns < span_ms(10).ns)
		return;
	size_t len = icmp_unreachable(packet, ICMP_HOST_UNREACHABLE, 0, NULL, error,
				      ICMP_ERROR_MAX);
	if (!len)
		return;
	outbox_commit(out, OUT_PACKET, len);
	n->refused_at = now.boot;
}

/* No stream of data goes for longer than 30 s to where nothing comes from (RFC 7675): a packet now
 * and then may, to find out, and so may a handshake. */
static bool has_consent(struct node *n, uint32_t wg, struct instant now)
{
	struct wg_peer_info info;

	wg_peer_info(n->wg, wg, &info);
	wipe(&info.preshared, sizeof(info.preshared));
	return !info.has_session || instant_since(now, info.last_heard).ns < CONSENT.ns ||
	       bucket_take(&n->consent_full, now, span_ms(100), 10);
}

/* A packet of this host. Its peer's path is asked for when there is none. */
void node_packet(struct node *n, struct moment now, struct bytes data, struct outbox *out)
{
	struct ip_packet ip;
	struct endpoint to;

	n->counters.packets++;
	if (!ip_packet_parse(data, &ip)) {
		n->counters.drop_packet++;
		return;
	}
	uint32_t wg = allowedips_lookup(n->forwarding.current->routes, &ip.dst);
	if (wg == ALLOWEDIPS_NONE) {
		n->counters.drop_no_route++;
		refuse(n, now, data, out);
		return;
	}
	uint32_t slot = wg_peer_slot(n->wg, wg);
	struct bytes packet = bytes_of(data.data, ip.total_len);

	const bool up = paths_best(n->paths, slot, &to);

	if (up || has_consent(n, wg, now.boot)) {
		service_out(n, packet, slot, now.boot);
		if (!paths_any_narrow(n->paths) || !fit_send(n, now, slot, packet, &ip, out))
			wg_send(n->wg, now, wg, packet, out);
	} else {
		n->counters.drop_no_consent++;
	}
	if (up)
		paths_used(n->paths, slot, now.boot);
	else
		paths_wanted(n->paths, slot, now.boot);
	if (up && !to.channel)
		return;
	punch_wanted(n->punches, slot, now.boot);
	relaying_want(n, slot, now.boot);
}

uint32_t node_packets(struct node *n, struct moment now, const struct bytes *packets,
		      uint32_t count, struct node_actions *actions)
{
	struct outbox *out = &actions->out;
	uint32_t i = 0;

	BUG_ON(!count);
	node_begin(n, now, out);
	do {
		node_packet(n, now, packets[i++], out);
	} while (i < count && outbox_has_room(out, OUTBOX_STEP_ITEMS, OUTBOX_STEP_BYTES));
	node_finish(n, now, NODE_PACKET, actions);
	return i;
}

uint32_t node_segments(struct node *n, struct moment now, struct split *split,
		       struct node_actions *actions)
{
	struct ip_packet ip;
	struct endpoint to;
	uint32_t wg, slot, count;

	if (!ip_packet_parse(split->packet, &ip))
		return 0;
	wg = allowedips_lookup(n->forwarding.current->routes, &ip.dst);
	if (wg == ALLOWEDIPS_NONE)
		return 0;
	slot = wg_peer_slot(n->wg, wg);
	if (!paths_best(n->paths, slot, &to) || to.channel ||
	    wg_peer_endpoint(n->wg, wg)->channel ||
	    (paths_any_narrow(n->paths) && paths_mtu(n->paths, slot)))
		return 0;
	node_begin(n, now, &actions->out);
	service_out(n, split->packet, slot, now.boot);
	count = wg_send_split(n->wg, now, wg, split, NODE_SEGMENTS, &actions->out);
	n->counters.packets += count;
	if (count)
		paths_used(n->paths, slot, now.boot);
	node_finish(n, now, NODE_PACKET, actions);
	return count;
}
