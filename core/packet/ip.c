/* ip.c - reads the headers of packets from both sides of the tunnel.
 *
 * Nobody may be trusted with lengths: a peer sends what he likes, and so does a local
 * program with a raw socket. Everything is read through a cursor that ends where the
 * packet's own total length ends, so that padding is never taken for payload.
 */
#include "packet/ip.h"

#include "base/cursor.h"

static void read_ports(struct ip_packet *p, struct cursor c)
{
	uint16_t src, dst;

	switch (p->protocol) {
	case PROTO_TCP:
	case PROTO_UDP:
	case PROTO_UDPLITE:
	case PROTO_DCCP:
	case PROTO_SCTP:
		break;
	default:
		return;
	}
	src = cur_be16(&c);
	dst = cur_be16(&c);
	if (!cur_ok(&c))
		return;
	p->src_port = src;
	p->dst_port = dst;
	p->has_ports = true;
}

/* True if the length that the header gave is there, or may be cut off. */
static bool fits(struct bytes packet, struct ip_packet *p, bool quoted)
{
	if (quoted && p->total_len > packet.len)
		p->total_len = (uint32_t)packet.len;
	return p->total_len <= packet.len;
}

/* RFC 791, 3.1: a list of options, each but two with its length. */
static bool has_odd_options(struct cursor c)
{
	enum { END = 0, NO_OPERATION = 1, LOOSE_ROUTE = 131, STRICT_ROUTE = 137 };

	while (cur_left(&c)) {
		uint8_t type = cur_u8(&c);
		uint8_t len = type > NO_OPERATION ? cur_u8(&c) : 0;

		if (type == END)
			return false;
		if (type == NO_OPERATION)
			continue;
		if (len < 2 || type == LOOSE_ROUTE || type == STRICT_ROUTE)
			return true;
		cur_span(&c, len - 2u);
		if (!cur_ok(&c))
			return true;
	}
	return false;
}

static bool parse_v4(struct bytes packet, struct ip_packet *p, bool quoted)
{
	struct cursor c = cur_of(packet.data, packet.len);
	uint32_t header_len = (cur_u8(&c) & 15u) * 4;
	uint8_t ds = cur_u8(&c);
	uint16_t fragment;

	p->total_len = cur_be16(&c);
	p->fragment_id = cur_be16(&c);
	fragment = cur_be16(&c);
	p->ttl = cur_u8(&c);
	p->protocol = cur_u8(&c);
	cur_be16(&c); /* checksum */
	p->src = ip_of(FAMILY_IPV4, cur_span(&c, 4).data);
	p->dst = ip_of(FAMILY_IPV4, cur_span(&c, 4).data);
	if (header_len < IPV4_HEADER || !fits(packet, p, quoted) || p->total_len < header_len)
		return false;
	p->version = 4;
	p->is_odd = has_odd_options(cur_of(packet.data + IPV4_HEADER, header_len - IPV4_HEADER));
	p->dscp = ds >> 2;
	p->ecn = ds & 3;
	p->l4_offset = p->fragment_at = header_len;
	p->dont_fragment = fragment & 0x4000;
	p->more_fragments = fragment & 0x2000;
	p->fragment_offset = (uint16_t)((fragment & 0x1fffu) * 8);
	p->is_fragment = p->more_fragments || p->fragment_offset;
	p->has_l4 = !p->fragment_offset;
	return true;
}

/* One extension header. False if the walk is over: this is none, or it runs out of the packet. */
static bool step_over(struct ip_packet *p, struct cursor *c)
{
	struct cursor at = *c;
	uint8_t next = cur_u8(&at);
	uint8_t len = cur_u8(&at);
	uint32_t size;
	uint16_t fragment;

	switch (p->protocol) {
	case PROTO_HOP_BY_HOP:
		p->is_odd |= p->l4_offset != IPV6_HEADER;
		size = (len + 1u) * 8;
		break;
	case PROTO_ROUTING:
		cur_u8(&at); /* type */
		p->is_odd |= cur_u8(&at) != 0;
		size = (len + 1u) * 8;
		break;
	case PROTO_DESTINATION:
	case PROTO_MOBILITY:
	case PROTO_HIP:
	case PROTO_SHIM6:
		size = (len + 1u) * 8;
		break;
	case PROTO_AH:
		size = (len + 2u) * 4;
		break;
	case PROTO_FRAGMENT:
		fragment = cur_be16(&at);
		p->fragment_id = cur_be32(&at);
		p->fragment_offset = fragment & 0xfff8u;
		p->more_fragments = fragment & 1;
		p->is_odd |= p->is_fragment;
		p->is_fragment = true;
		p->fragment_at = p->l4_offset + 8;
		size = 8;
		break;
	default:
		p->has_l4 = true;
		return false;
	}
	if (!cur_span(c, size).data)
		return false;
	p->l4_offset += size;
	p->protocol = next;
	return !p->fragment_offset;
}

static bool parse_v6(struct bytes packet, struct ip_packet *p, bool quoted)
{
	struct cursor c = cur_of(packet.data, packet.len);
	uint8_t ds = (uint8_t)(cur_be32(&c) >> 20);

	p->total_len = cur_be16(&c) + IPV6_HEADER;
	p->protocol = cur_u8(&c);
	p->ttl = cur_u8(&c);
	p->src = ip_of(FAMILY_IPV6, cur_span(&c, 16).data);
	p->dst = ip_of(FAMILY_IPV6, cur_span(&c, 16).data);
	if (!fits(packet, p, quoted))
		return false;
	p->version = 6;
	p->dscp = ds >> 2;
	p->ecn = ds & 3;
	p->l4_offset = IPV6_HEADER;
	p->dont_fragment = true;
	c = cur_of(packet.data + IPV6_HEADER, p->total_len - IPV6_HEADER);
	while (step_over(p, &c))
		;
	return true;
}

static bool parse(struct bytes packet, struct ip_packet *out, bool quoted)
{
	struct ip_packet p = { 0 };
	unsigned version = packet.len ? packet.data[0] >> 4 : 0;

	if (version == 4 ? packet.len < IPV4_HEADER || !parse_v4(packet, &p, quoted) :
	    version == 6 ? packet.len < IPV6_HEADER || !parse_v6(packet, &p, quoted) :
			   true)
		return false;
	if (p.has_l4)
		read_ports(&p, cur_of(packet.data + p.l4_offset, p.total_len - p.l4_offset));
	*out = p;
	return true;
}

bool ip_packet_parse(struct bytes packet, struct ip_packet *out)
{
	return parse(packet, out, false);
}

bool ip_packet_parse_quoted(struct bytes quote, struct ip_packet *out)
{
	return parse(quote, out, true);
}
