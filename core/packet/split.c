/* split.c - as Linux does it (tcp_gso_segment, __udp_gso_segment): sequence numbers and the
 * identification of IPv4 count on, FIN and PSH go with the last segment, CWR with the first. */
#include "packet/split.h"

#include "packet/checksum.h"
#include "packet/tcp.h"

#include <string.h>

#define UDP_HEADER 8u
#define TCP_CHECKSUM 16u
#define UDP_CHECKSUM 6u
#define TCP_CWR 0x80u

bool split_init(struct split *s, struct bytes packet, const struct offload *o)
{
	struct ip_packet ip;
	struct tcp_header tcp;

	*s = (struct split){ .packet = packet, .segment = o->segment };
	if (!o->segment || !ip_packet_parse(packet, &ip) || ip.is_fragment || ip.is_odd)
		return false;
	s->packet.len = ip.total_len;
	s->l4 = ip.l4_offset;
	s->is_v4 = ip.version == 4;
	s->is_tcp = o->kind == OFFLOAD_TCP;
	if (s->is_tcp) {
		if (!tcp_header_read(packet, &ip, &tcp))
			return false;
		s->header_len = s->l4 + tcp.header_len;
	} else {
		if (o->kind != OFFLOAD_UDP || ip.protocol != PROTO_UDP || !ip.has_l4 ||
		    ip.total_len - s->l4 < UDP_HEADER)
			return false;
		s->header_len = s->l4 + UDP_HEADER;
	}
	return true;
}

size_t split_longest(const struct split *s)
{
	size_t payload = s->packet.len - s->header_len;

	return s->header_len + (payload < s->segment ? payload : s->segment);
}

static void write_ip(const struct split *s, uint8_t *out, size_t len)
{
	if (!s->is_v4) {
		store_be16(out + 4, (uint16_t)(len - IPV6_HEADER));
		return;
	}
	store_be16(out + 2, (uint16_t)len);
	store_be16(out + 4, (uint16_t)(load_be16(out + 4) + s->index));
	store_be16(out + 10, 0);
	store_be16(out + 10, checksum_finish(checksum_add(0, out, (out[0] & 15) * 4u)));
}

/* The addresses where IP has them: a packet with segments left in a routing header is odd. */
static uint32_t pseudo(const struct split *s, const uint8_t *out, uint32_t len)
{
	uint32_t sum = checksum_add(0, out + (s->is_v4 ? 12 : 8), s->is_v4 ? 8 : 32);

	return sum + (s->is_tcp ? PROTO_TCP : PROTO_UDP) + len;
}

size_t split_next(struct split *s, uint8_t *out)
{
	size_t left = s->packet.len - s->header_len - s->at;
	size_t payload = left < s->segment ? left : s->segment;
	size_t len = s->header_len + payload, field = s->l4 + UDP_CHECKSUM;
	uint8_t *l4 = out + s->l4;
	uint16_t sum;

	if (s->index && !left)
		return 0;
	memcpy(out, s->packet.data, s->header_len);
	memcpy(out + s->header_len, s->packet.data + s->header_len + s->at, payload);
	write_ip(s, out, len);
	if (s->is_tcp) {
		field = s->l4 + TCP_CHECKSUM;
		store_be32(l4 + 4, load_be32(l4 + 4) + s->at);
		if (payload < left)
			l4[13] &= (uint8_t)~(TCP_FIN | TCP_PSH);
		if (s->index)
			l4[13] &= (uint8_t)~TCP_CWR;
	} else {
		store_be16(l4 + 4, (uint16_t)(len - s->l4));
	}
	store_be16(out + field, 0);
	sum = checksum_finish(checksum_add(pseudo(s, out, (uint32_t)(len - s->l4)), l4,
					   len - s->l4));
	store_be16(out + field, sum || s->is_tcp ? sum : 0xffff);
	s->at += (uint32_t)payload;
	s->index++;
	return len;
}

bool offload_checksum(uint8_t *packet, size_t len, const struct offload *o)
{
	size_t field = (size_t)o->checksum_at + o->checksum_offset;
	uint16_t sum;

	if (!o->needs_checksum)
		return true;
	if (field + 2 > len || o->checksum_at > len || o->checksum_offset % 2)
		return false;
	sum = checksum_finish(checksum_add(0, packet + o->checksum_at, len - o->checksum_at));
	store_be16(packet + field, sum || o->checksum_offset != UDP_CHECKSUM ? sum : 0xffff);
	return true;
}
