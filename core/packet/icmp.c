/* icmp.c - builds ICMP errors, and knows when to hold one's tongue. */
#include "packet/icmp.h"

#include "base/cursor.h"
#include "packet/checksum.h"
#include "packet/ip.h"

#define ICMP_HEADER 8u
#define ICMPV4_ERROR_MAX 576u /* RFC 1812, 4.3.2.3 */
#define INTERNET_CONTROL 0xc0u /* RFC 1812, 4.3.2.5: precedence of an ICMPv4 error */
#define DONT_FRAGMENT 0x4000u
#define HOPS 64u

/* An error must not cause an error: else two of them could go on for ever. */
static bool is_icmp_error(const struct ip_packet *p, struct bytes packet)
{
	uint8_t type;

	if (p->protocol != PROTO_ICMP && p->protocol != PROTO_ICMPV6)
		return false;
	if (p->l4_offset >= p->total_len)
		return true; /* cannot be told */
	type = packet.data[p->l4_offset];
	if (p->protocol == PROTO_ICMPV6)
		return type < 128 || type == 137; /* errors; redirect */
	/* unreachable, source quench, redirect, time exceeded, parameter problem */
	return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}

static bool deserves_answer(const struct ip_packet *p, struct bytes packet)
{
	return p->has_l4 && ip_is_unicast(&p->src) && ip_is_unicast(&p->dst) &&
	       !is_icmp_error(p, packet);
}

static void write_v4(struct writer *w, const struct ip_packet *p, const struct ip *from,
		     size_t total)
{
	wr_u8(w, 0x45);
	wr_u8(w, INTERNET_CONTROL);
	wr_be16(w, (uint16_t)total);
	wr_be16(w, 0); /* identification: never a fragment (RFC 6864) */
	wr_be16(w, DONT_FRAGMENT);
	wr_u8(w, HOPS);
	wr_u8(w, PROTO_ICMP);
	wr_be16(w, 0); /* checksum */
	wr_bytes(w, from->b, 4);
	wr_bytes(w, p->src.b, 4);
}

static void write_v6(struct writer *w, const struct ip_packet *p, const struct ip *from,
		     size_t total)
{
	wr_be32(w, UINT32_C(6) << 28);
	wr_be16(w, (uint16_t)(total - IPV6_HEADER));
	wr_u8(w, PROTO_ICMPV6);
	wr_u8(w, HOPS);
	wr_bytes(w, from->b, 16);
	wr_bytes(w, p->src.b, 16);
}

/* Type and code; then the second word, of which only "too big" has a use. */
static void write_icmp(struct writer *w, unsigned version, enum icmp_reason reason, uint32_t mtu)
{
	static const uint8_t codes[2][3][2] = {
		{ { 3, 1 }, { 3, 13 }, { 3, 4 } }, /* IPv4: host, prohibited, needs fragmenting */
		{ { 1, 3 }, { 1, 1 }, { 2, 0 } },  /* IPv6: address, prohibited, too big */
	};

	wr_bytes(w, codes[version == 6][reason], 2);
	wr_be16(w, 0); /* checksum */
	if (reason != ICMP_TOO_BIG)
		mtu = 0;
	else if (version == 4 && mtu > UINT16_MAX)
		mtu = UINT16_MAX;
	wr_be32(w, mtu);
}

size_t icmp_unreachable(struct bytes packet, enum icmp_reason reason, uint32_t mtu,
			const struct ip *from, uint8_t *out, size_t cap)
{
	struct ip_packet p;
	struct writer w = wr_of(out, cap);
	size_t header, max, quoted;
	uint32_t sum = 0;

	if (!ip_packet_parse(packet, &p) || !deserves_answer(&p, packet))
		return 0;
	if (!from || from->family != p.dst.family)
		from = &p.dst;
	header = p.version == 4 ? IPV4_HEADER : IPV6_HEADER;
	max = p.version == 4 ? ICMPV4_ERROR_MAX : ICMP_ERROR_MAX;
	quoted = max - header - ICMP_HEADER;
	quoted = p.total_len < quoted ? p.total_len : quoted;

	(p.version == 4 ? write_v4 : write_v6)(&w, &p, from, header + ICMP_HEADER + quoted);
	write_icmp(&w, p.version, reason, mtu);
	wr_bytes(&w, packet.data, quoted);
	if (!wr_ok(&w))
		return 0;
	if (p.version == 4)
		store_be16(out + 10, checksum_finish(checksum_add(0, out, header)));
	else
		sum = checksum_pseudo(from, &p.src, PROTO_ICMPV6, (uint32_t)(ICMP_HEADER + quoted));
	sum = checksum_add(sum, out + header, ICMP_HEADER + quoted);
	store_be16(out + header + 2, checksum_finish(sum));
	return wr_len(&w);
}
