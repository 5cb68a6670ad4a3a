/* loopguard.c - why a routing loop through tunnels ends.
 *
 * Each datagram of a tunnel starts with a full TTL, so a packet whose datagram is routed into
 * another tunnel, and that one's back into the first, goes round for ever. It grows each time; once
 * it is longer than the MTU it is cut in two, and both halves go round. (The kernel's WireGuard
 * bounds the depth of its own transmit path, which does not see sockets of another process.)
 *
 * So a packet that holds a WireGuard message hands its TTL down, less TUNNEL_COST: eight tunnels
 * inside each other are as many as there can be, and a loop ends long before packets are cut. For
 * a tunnel inside a tunnel, which is the common case, 56 hops are left. Later fragments of UDP
 * may be part of such a message and are taken for one.
 */
#include "linux/loopguard.h"

#include "packet/ip.h"

#define FULL_TTL 64u
#define TUNNEL_COST 8u
#define UDP_HEADER 8u

static bool is_message(const uint8_t *m)
{
	return m[0] >= 1 && m[0] <= 4 && !m[1] && !m[2] && !m[3];
}

static bool may_be_tunnel(const struct ip_packet *p, struct bytes packet)
{
	if (p->protocol != PROTO_UDP)
		return false;
	if (p->fragment_offset)
		return true;
	if (!p->has_l4 || packet.len - p->l4_offset < UDP_HEADER + 4)
		return false;
	return is_message(packet.data + p->l4_offset + UDP_HEADER);
}

bool loopguard_hops(struct bytes packet, uint8_t *hops)
{
	struct ip_packet p;

	*hops = 0;
	if (!ip_packet_parse(packet, &p) || !may_be_tunnel(&p, packet))
		return true; /* what is malformed the engine refuses */
	if (p.ttl <= TUNNEL_COST)
		return false;
	const unsigned ttl = p.ttl < FULL_TTL ? p.ttl : FULL_TTL;
	*hops = (uint8_t)(ttl - TUNNEL_COST);
	return true;
}

bool loopguard_same(const struct split *split)
{
	const struct bytes p = split->packet;
	uint32_t messages = 0, count = 0;

	if (split->is_tcp)
		return true;
	for (size_t at = split->header_len; at < p.len; at += split->segment, count++)
		messages += p.len - at >= 4 && is_message(p.data + at);
	return !messages || messages == count;
}
