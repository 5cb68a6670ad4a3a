/* fit.c - packets that are longer than the path to their peer takes (nat/mtu.c measures it).
 *
 * They do what they would at a router (RFC 1191, RFC 8201): those that may not be cut are answered
 * by an ICMP error that says what passes; an IPv4 packet that may be goes in pieces. And who opens
 * a TCP connection is told of segments that fit, on its way out and in (RFC 4459, 3.2). Where no
 * path is narrow nothing of this is asked. */
#include "base/bucket.h"
#include "node/node_impl.h"
#include "packet/fragment.h"
#include "packet/tcp.h"

#include <string.h>

#define ERROR_EACH span_ms(10)
#define ERROR_BURST 20u

/* Whose word it is: the address that the packet was for. The kernel takes none from its own
 * addresses out of a TUN. */
static void too_big(struct node *n, struct moment now, struct bytes packet, uint32_t limit,
		    struct outbox *out)
{
	uint8_t *error = outbox_reserve(out, ICMP_ERROR_MAX);

	n->counters.too_big++;
	if (!error || !bucket_take(&n->too_big_full, now.boot, ERROR_EACH, ERROR_BURST))
		return;
	const size_t len = icmp_unreachable(packet, ICMP_TOO_BIG, limit, NULL, error,
					    ICMP_ERROR_MAX);
	if (len)
		outbox_commit(out, OUT_PACKET, len);
}

static void send_pieces(struct node *n, struct moment now, uint32_t wg, struct fragmenter *f,
			struct outbox *out)
{
	uint8_t piece[PATH_MTU_MAX] uninitialized;
	size_t len;

	n->counters.cut++;
	while ((len = fragment_next(f, piece)))
		wg_send(n->wg, now, wg, bytes_of(piece, len), out);
}

/* A SYN is short; one that is not keeps what it says. */
static bool send_clamped(struct node *n, struct moment now, uint32_t wg, struct bytes packet,
			 const struct ip_packet *ip, uint32_t limit, struct outbox *out)
{
	uint8_t syn[512] uninitialized;

	if (ip->protocol != PROTO_TCP || packet.len > sizeof(syn))
		return false;
	memcpy(syn, packet.data, packet.len);
	if (!tcp_clamp(syn, ip, limit))
		return false;
	wg_send(n->wg, now, wg, bytes_of(syn, packet.len), out);
	return true;
}

bool fit_send(struct node *n, struct moment now, uint32_t slot, struct bytes packet,
	      const struct ip_packet *ip, struct outbox *out)
{
	const uint32_t limit = paths_mtu(n->paths, slot), wg = n->peers[slot].wg;
	struct fragmenter f;

	if (!limit)
		return false;
	if (packet.len <= limit)
		return send_clamped(n, now, wg, packet, ip, limit, out);
	if (fragment_init(&f, packet, limit))
		send_pieces(n, now, wg, &f, out);
	else
		too_big(n, now, packet, limit, out);
	return true;
}

void fit_in(struct node *n, uint32_t first, const struct outbox *out)
{
	for (uint32_t i = first; paths_any_narrow(n->paths) && i < out->count; i++) {
		const struct out *o = &out->items[i];
		struct ip_packet ip;

		if (o->kind != OUT_PACKET || o->slot == UINT32_MAX)
			continue;
		const uint32_t limit = paths_mtu(n->paths, o->slot);
		if (limit && ip_packet_parse(bytes_of(o->data, o->len), &ip) &&
		    ip.protocol == PROTO_TCP)
			(void)tcp_clamp(o->data, &ip, limit);
	}
}
