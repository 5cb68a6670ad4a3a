#include "packet/tcp.h"

#include "base/cursor.h"
#include "packet/checksum.h"

#define DONT_FRAGMENT 0x4000u
#define HOPS 64u

bool tcp_header_read(struct bytes packet, const struct ip_packet *p, struct tcp_header *out)
{
	struct cursor c;
	struct tcp_header h = { 0 };
	uint32_t len = p->total_len - p->l4_offset;

	if (!p->has_l4 || p->protocol != PROTO_TCP || len < TCP_HEADER)
		return false;
	c = cur_of(packet.data + p->l4_offset, len);
	cur_be32(&c); /* ports */
	h.seq = cur_be32(&c);
	h.ack = cur_be32(&c);
	h.header_len = (cur_u8(&c) >> 4) * 4u;
	h.flags = cur_u8(&c);
	if (h.header_len < TCP_HEADER || h.header_len > len)
		return false;
	h.payload_len = len - h.header_len;
	*out = h;
	return true;
}

/* The option's value of two bytes, from the start of the header; 0: there is none. */
static uint32_t find_mss(const uint8_t *header, uint32_t len)
{
	enum { END = 0, NO_OPERATION = 1, MSS = 2, MSS_LEN = 4 };

	for (uint32_t at = TCP_HEADER; at < len && header[at] != END;) {
		const uint32_t left = len - at;

		if (header[at] == NO_OPERATION) {
			at++;
			continue;
		}
		if (left < 2 || header[at + 1] < 2 || header[at + 1] > left)
			return 0;
		if (header[at] == MSS)
			return header[at + 1] == MSS_LEN ? at + 2 : 0;
		at += header[at + 1];
	}
	return 0;
}

/* RFC 1624, 3: of one byte that changed at that place. */
static uint32_t changed(uint32_t at, uint8_t was, uint8_t is)
{
	const unsigned shift = at % 2 ? 0 : 8;

	return (uint16_t)~((uint32_t)was << shift) + ((uint32_t)is << shift);
}

bool tcp_clamp(uint8_t *packet, const struct ip_packet *p, uint32_t mtu)
{
	const uint32_t most = mtu - TCP_HEADER - (p->version == 4 ? IPV4_HEADER : IPV6_HEADER);
	uint8_t *header = packet + p->l4_offset;
	struct tcp_header h;
	uint8_t is[2];

	if (p->is_fragment || !tcp_header_read(bytes_of(packet, p->total_len), p, &h) ||
	    !(h.flags & TCP_SYN))
		return false;
	const uint32_t at = find_mss(header, h.header_len);
	if (!at || load_be16(header + at) <= most)
		return false;
	store_be16(is, (uint16_t)most);
	uint32_t sum = (uint16_t)~load_be16(header + 16);
	for (uint32_t i = 0; i < 2; i++) {
		sum += changed(at + i, header[at + i], is[i]);
		header[at + i] = is[i];
	}
	store_be16(header + 16, checksum_finish(sum));
	return true;
}

static void write_ip(struct writer *w, const struct ip_packet *p)
{
	size_t address = ip_bits(&p->dst) / 8;

	if (p->version == 4) {
		wr_be16(w, 0x4500);
		wr_be16(w, IPV4_HEADER + TCP_HEADER);
		wr_be16(w, 0); /* identification: never a fragment (RFC 6864) */
		wr_be16(w, DONT_FRAGMENT);
		wr_u8(w, HOPS);
		wr_u8(w, PROTO_TCP);
		wr_be16(w, 0); /* checksum */
	} else {
		wr_be32(w, UINT32_C(6) << 28);
		wr_be16(w, TCP_HEADER);
		wr_u8(w, PROTO_TCP);
		wr_u8(w, HOPS);
	}
	wr_bytes(w, p->dst.b, address);
	wr_bytes(w, p->src.b, address);
}

/* An acknowledgement says which number its sender expects next; without one, zero and an
 * acknowledgement of all that came. */
static void write_tcp(struct writer *w, const struct ip_packet *p, const struct tcp_header *h)
{
	bool has_ack = h->flags & TCP_ACK;
	uint32_t taken = h->payload_len + !!(h->flags & TCP_SYN) + !!(h->flags & TCP_FIN);

	wr_be16(w, p->dst_port);
	wr_be16(w, p->src_port);
	wr_be32(w, has_ack ? h->ack : 0);
	wr_be32(w, has_ack ? 0 : h->seq + taken);
	wr_u8(w, TCP_HEADER / 4 << 4);
	wr_u8(w, has_ack ? TCP_RST : TCP_RST | TCP_ACK);
	wr_be16(w, 0); /* window */
	wr_be16(w, 0); /* checksum */
	wr_be16(w, 0); /* urgent pointer */
}

size_t tcp_reset(struct bytes packet, uint8_t *out, size_t cap)
{
	struct ip_packet p;
	struct tcp_header h;
	struct writer w = wr_of(out, cap);
	size_t header;
	uint32_t sum;

	if (!ip_packet_parse(packet, &p) || p.is_fragment || p.is_odd ||
	    !tcp_header_read(packet, &p, &h) || (h.flags & TCP_RST) || !ip_is_unicast(&p.src) ||
	    !ip_is_unicast(&p.dst))
		return 0;
	header = p.version == 4 ? IPV4_HEADER : IPV6_HEADER;
	write_ip(&w, &p);
	write_tcp(&w, &p, &h);
	if (!wr_ok(&w))
		return 0;
	if (p.version == 4)
		store_be16(out + 10, checksum_finish(checksum_add(0, out, header)));
	sum = checksum_pseudo(&p.dst, &p.src, PROTO_TCP, TCP_HEADER);
	sum = checksum_add(sum, out + header, TCP_HEADER);
	store_be16(out + header + 16, checksum_finish(sum));
	return wr_len(&w);
}
