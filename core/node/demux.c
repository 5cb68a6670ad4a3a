#include "node/node_impl.h"

/* WireGuard's messages, by type, with their exact lengths (data: at least). */
static bool is_wireguard(const uint8_t *p, size_t len)
{
	if (len < 32 || p[1] || p[2] || p[3])
		return false;
	switch (p[0]) {
	case 1: return len == 148;
	case 2: return len == 92;
	case 3: return len == 64;
	case 4: return true; /* a packet of full length is padded to the MTU only */
	}
	return false;
}

enum demux_kind demux(struct bytes d)
{
	const uint8_t *p = d.data;

	if (is_wireguard(p, d.len))
		return DEMUX_WIREGUARD;
	if (d.len >= 20 && p[0] == 1 && (p[1] == 0x01 || p[1] == 0x11) &&
	    load_be32(p + 4) == 0x2112A442u)
		return DEMUX_STUN;
	if (d.len >= 4 && p[0] >= 0x40 && p[0] <= 0x7F)
		return DEMUX_RELAY;
	if (d.len >= CHANNEL_OVERHEAD && p[0] == CHANNEL_FIRST_BYTE)
		return DEMUX_SEALED;
	if (d.len >= CHANNEL_CALL_LEN(CHANNEL_CALL_LEAST) && p[0] == CHANNEL_CALL_BYTE)
		return DEMUX_CALL;
	if (d.len >= PATH_PADDED_MIN && p[0] == PADDED_FIRST_BYTE && p[1] == CHANNEL_FIRST_BYTE)
		return DEMUX_PADDED;
	if (d.len && p[0] >= INTRODUCE_FIRST_BYTE && p[0] <= INTRODUCE_LAST_BYTE)
		return DEMUX_INTRODUCTION;
	return DEMUX_UNKNOWN;
}

enum node_claim node_expects(const struct node *n, struct bytes d)
{
	switch (demux(d)) {
	case DEMUX_WIREGUARD:
		return wg_expects(n->wg, d) ? NODE_CLAIMS : NODE_DISCLAIMS;
	case DEMUX_SEALED:
	case DEMUX_CALL:
		return channel_expects(n->channel, d) ? NODE_CLAIMS : NODE_DISCLAIMS;
	case DEMUX_PADDED:
		return channel_expects(n->channel, bytes_of(d.data + 1, PATH_PADDED_MIN - 1)) ?
			NODE_CLAIMS : NODE_DISCLAIMS;
	case DEMUX_STUN:
	case DEMUX_RELAY:
	case DEMUX_INTRODUCTION:
	case DEMUX_UNKNOWN:
		break;
	}
	return NODE_CANNOT_SAY;
}
