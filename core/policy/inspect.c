/* inspect.c - one rule for all doubts: what a packet might become, once it is put together or taken
 * apart by somebody else, is not known as long as its headers are not there as a whole. Such a
 * packet is doubtful: no rule about ports lets it pass, and every rule that denies does deny it.
 */
#include "policy/inspect.h"

#include "packet/tcp.h"

#include <string.h>

#define UDP_HEADER 8u
#define ICMP_HEADER 8u
#define LONGEST 65535u

enum { /* types of ICMP (RFC 792), and of ICMPv6 (RFC 4443) */
	V4_ECHO_REPLY = 0, V4_UNREACHABLE = 3, V4_ECHO = 8, V4_TIME_EXCEEDED = 11,
	V4_PARAMETER = 12,
	V6_UNREACHABLE = 1, V6_PARAMETER = 4, V6_ECHO = 128, V6_ECHO_REPLY = 129,
};

static enum inspected_as icmp_as(unsigned version, uint8_t type)
{
	if (type == (version == 4 ? V4_ECHO : V6_ECHO))
		return INSPECTED_ECHO_REQUEST;
	if (type == (version == 4 ? V4_ECHO_REPLY : V6_ECHO_REPLY))
		return INSPECTED_ECHO_REPLY;
	if (version == 4 ? type == V4_UNREACHABLE || type == V4_TIME_EXCEEDED ||
				   type == V4_PARAMETER :
			   type >= V6_UNREACHABLE && type <= V6_PARAMETER)
		return INSPECTED_ICMP_ERROR;
	return INSPECTED_PLAIN;
}

static bool is_icmp(const struct ip_packet *ip)
{
	return ip->protocol == (ip->version == 4 ? PROTO_ICMP : PROTO_ICMPV6);
}

static void set_key(struct flow_key *key, const struct ip_packet *ip, bool from_here)
{
	const struct ip *local = from_here ? &ip->src : &ip->dst;
	const struct ip *remote = from_here ? &ip->dst : &ip->src;

	*key = (struct flow_key){ .protocol = ip->protocol, .version = ip->version };
	memcpy(key->local, local->b, sizeof(key->local));
	memcpy(key->remote, remote->b, sizeof(key->remote));
	if (!ip->has_ports)
		return;
	key->local_port = from_here ? ip->src_port : ip->dst_port;
	key->remote_port = from_here ? ip->dst_port : ip->src_port;
}

/* The identifier stands for the port of who asked. */
static void set_echo(struct flow_key *key, uint16_t id, bool asked_here)
{
	key->local_port = asked_here ? id : 0;
	key->remote_port = asked_here ? 0 : id;
}

static void inspect_icmp(struct bytes packet, bool from_here, struct inspected *p)
{
	const uint8_t *icmp = packet.data + p->ip.l4_offset;

	p->kind = POLICY_IS_ICMP;
	p->as = icmp_as(p->ip.version, icmp[0]);
	if (p->as == INSPECTED_ECHO_REQUEST)
		set_echo(&p->key, load_be16(icmp + 4), from_here);
	if (p->as == INSPECTED_ECHO_REPLY)
		set_echo(&p->key, load_be16(icmp + 4), !from_here);
}

/* The header at l4_offset, which is not that of a later fragment. Its length, or 0: it is not
 * there as a whole. */
static uint32_t inspect_l4(struct bytes packet, bool from_here, struct inspected *p)
{
	uint32_t len = p->ip.total_len - p->ip.l4_offset;
	struct tcp_header tcp;

	if (p->ip.protocol == PROTO_NONE)
		return len ? len : 1;
	set_key(&p->key, &p->ip, from_here);
	if (p->ip.protocol == PROTO_TCP) {
		if (!tcp_header_read(packet, &p->ip, &tcp))
			return 0;
		p->tcp_flags = tcp.flags;
		p->kind = POLICY_IS_TCP;
		len = tcp.header_len;
	} else if (p->ip.protocol == PROTO_UDP) {
		if (len < UDP_HEADER)
			return 0;
		p->kind = POLICY_IS_UDP;
		len = UDP_HEADER;
	} else if (is_icmp(&p->ip)) {
		if (len < ICMP_HEADER)
			return 0;
		inspect_icmp(packet, from_here, p);
		return ICMP_HEADER;
	}
	p->as = INSPECTED_FLOW;
	p->port = p->kind == POLICY_IS_OTHER ? 0 : p->ip.dst_port;
	return len ? len : 1;
}

/* Where the header of TCP or UDP begins in a packet that has nothing before it but an IP header
 * without options, and is no fragment; 0: another packet. *total: its length. */
static uint32_t plain_l4(struct bytes packet, uint32_t *total, uint8_t *protocol)
{
	const uint8_t *b = packet.data;
	uint32_t header;

	if (packet.len < IPV4_HEADER)
		return 0;
	if (b[0] == (4 << 4 | IPV4_HEADER / 4) && !(b[6] & 0x3f) && !b[7]) {
		header = IPV4_HEADER;
		*total = (uint32_t)b[2] << 8 | b[3];
		*protocol = b[9];
	} else if (b[0] >> 4 == 6 && packet.len >= IPV6_HEADER) {
		header = IPV6_HEADER;
		*total = IPV6_HEADER + ((uint32_t)b[4] << 8 | b[5]);
		*protocol = b[6];
	} else {
		return 0;
	}
	if ((*protocol != PROTO_TCP && *protocol != PROTO_UDP) || *total > packet.len)
		return 0;
	return header;
}

/* Almost all packets; what the walk below finds out about them, in a fraction of the time. */
static bool inspect_plain(struct bytes packet, bool from_here, struct inspected *out)
{
	uint32_t total = 0, l4, tcp_len = TCP_HEADER;
	size_t address;
	uint8_t protocol = 0;
	const uint8_t *h, *local, *remote;

	l4 = plain_l4(packet, &total, &protocol);
	if (!l4 || total < l4 + (protocol == PROTO_TCP ? TCP_HEADER : UDP_HEADER))
		return false;
	h = packet.data + l4;
	if (protocol == PROTO_TCP)
		tcp_len = (h[12] >> 4) * 4u;
	if (tcp_len < TCP_HEADER || (protocol == PROTO_TCP && l4 + tcp_len > total))
		return false;
	address = l4 == IPV4_HEADER ? 4 : 16;
	local = packet.data + l4 - (from_here ? 2 : 1) * address;
	remote = packet.data + l4 - (from_here ? 1 : 2) * address;
	out->as = INSPECTED_FLOW;
	out->kind = protocol == PROTO_TCP ? POLICY_IS_TCP : POLICY_IS_UDP;
	out->port = (uint16_t)(h[2] << 8 | h[3]);
	out->protocol = protocol;
	out->tcp_flags = protocol == PROTO_TCP ? h[13] : 0;
	out->is_plain = true;
	out->key = (struct flow_key){ .protocol = protocol, .version = address == 4 ? 4 : 6 };
	out->key.local_port = from_here ? (uint16_t)(h[0] << 8 | h[1]) : out->port;
	out->key.remote_port = from_here ? out->port : (uint16_t)(h[0] << 8 | h[1]);
	memcpy(out->key.local, local, address);
	memcpy(out->key.remote, remote, address);
	return true;
}

bool inspect(struct bytes packet, bool from_here, struct inspected *out)
{
	return inspect_plain(packet, from_here, out) || inspect_any(packet, from_here, out);
}

bool inspect_any(struct bytes packet, bool from_here, struct inspected *out)
{
	struct inspected p = { .as = INSPECTED_PLAIN, .kind = POLICY_IS_OTHER };
	uint32_t header = 1;

	if (!ip_packet_parse(packet, &p.ip))
		return false;
	p.protocol = p.ip.protocol;
	if (p.ip.fragment_offset && !p.ip.is_odd)
		p.as = INSPECTED_LATER_FRAGMENT;
	else
		header = p.ip.has_l4 && !p.ip.is_odd ? inspect_l4(packet, from_here, &p) : 0;
	if (p.ip.fragment_offset + p.ip.total_len - p.ip.fragment_at > LONGEST && p.ip.is_fragment)
		header = 0;
	if (!header) {
		p.as = INSPECTED_PLAIN;
		p.kind = POLICY_IS_DOUBTFUL;
		p.port = 0;
	} else {
		p.header_end = (uint16_t)(p.ip.l4_offset + header - p.ip.fragment_at);
	}
	*out = p;
	return true;
}

/* An answer to an echo request is nothing that anybody need hear errors about. */
bool inspect_quote(struct bytes packet, const struct inspected *error, struct flow_key *out)
{
	uint32_t at = error->ip.l4_offset + ICMP_HEADER;
	struct bytes quote = bytes_of(packet.data + at, error->ip.total_len - at);
	const uint8_t *icmp;
	struct ip_packet ip;

	if (!ip_packet_parse_quoted(quote, &ip) || ip.version != error->ip.version ||
	    !ip_equal(&ip.src, &error->ip.dst) || ip.is_odd || !ip.has_l4)
		return false;
	set_key(out, &ip, true);
	if (!is_icmp(&ip))
		return ip.has_ports || (ip.protocol != PROTO_TCP && ip.protocol != PROTO_UDP);
	icmp = quote.data + ip.l4_offset;
	if (ip.total_len - ip.l4_offset < ICMP_HEADER ||
	    icmp_as(ip.version, icmp[0]) != INSPECTED_ECHO_REQUEST)
		return false;
	set_echo(out, load_be16(icmp + 4), true);
	return true;
}

bool inspected_is_syn(const struct inspected *p)
{
	return p->kind == POLICY_IS_TCP &&
	       (p->tcp_flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) == TCP_SYN;
}
