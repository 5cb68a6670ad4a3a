#include "packet/merge.h"

#include "packet/checksum.h"
#include "packet/tcp.h"

#include <string.h>

#define UDP_HEADER 8u
#define TCP_CHECKSUM 16u
#define UDP_CHECKSUM 6u
#define LONGEST 65535u
#define DONT_FRAGMENT 0x40u

/* A packet that may be part of a run. */
struct part {
	uint32_t l4, header_len, len;
	bool is_tcp, is_v4;
};

/* Headers without options of IP, no fragment, and nothing behind the packet. */
static bool read_ip(const uint8_t *p, size_t len, struct part *out)
{
	uint8_t protocol;

	if (len >= IPV4_HEADER && p[0] == 0x45) {
		if (load_be16(p + 2) != len || (p[6] & (uint8_t)~DONT_FRAGMENT) || p[7] ||
		    checksum_finish(checksum_add(0, p, IPV4_HEADER)))
			return false;
		protocol = p[9];
	} else if (len >= IPV6_HEADER && p[0] >> 4 == 6) {
		if (load_be16(p + 4) + IPV6_HEADER != len)
			return false;
		protocol = p[6];
	} else {
		return false;
	}
	*out = (struct part){ .is_v4 = p[0] >> 4 == 4, .is_tcp = protocol == PROTO_TCP,
			      .len = (uint32_t)len };
	out->l4 = out->is_v4 ? IPV4_HEADER : IPV6_HEADER;
	return protocol == PROTO_TCP || protocol == PROTO_UDP;
}

static uint32_t pseudo(const uint8_t *p, bool is_v4, bool is_tcp, uint32_t len)
{
	uint32_t sum = checksum_add(0, p + (is_v4 ? 12 : 8), is_v4 ? 8 : 32);

	return sum + (is_tcp ? PROTO_TCP : PROTO_UDP) + len;
}

/* With payload, and nothing about it that is not the same in all of a run. */
static bool read_part(const uint8_t *p, size_t len, struct part *out)
{
	const uint8_t *l4;
	uint32_t rest;

	if (len > LONGEST || !read_ip(p, len, out))
		return false;
	l4 = p + out->l4;
	rest = out->len - out->l4;
	if (out->is_tcp) {
		if (rest < TCP_HEADER || (l4[12] >> 4) * 4u < TCP_HEADER || l4[12] & 15 ||
		    (l4[13] & (uint8_t)~TCP_PSH) != TCP_ACK)
			return false;
		out->header_len = out->l4 + (l4[12] >> 4) * 4u;
	} else {
		if (rest < UDP_HEADER || load_be16(l4 + 4) != rest || !load_be16(l4 + UDP_CHECKSUM))
			return false;
		out->header_len = out->l4 + UDP_HEADER;
	}
	return out->header_len < out->len &&
	       !checksum_finish(checksum_add(pseudo(p, out->is_v4, out->is_tcp, rest), l4, rest));
}

bool merge_begin(struct merge *m, uint8_t *packet, size_t len)
{
	struct part part;

	if (!read_part(packet, len, &part))
		return false;
	*m = (struct merge){
		.first = packet, .l4 = part.l4, .header_len = part.header_len,
		.segment = part.len - part.header_len, .payload = part.len - part.header_len,
		.count = 1, .is_tcp = part.is_tcp, .is_v4 = part.is_v4,
		.last_flags = part.is_tcp ? packet[part.l4 + 13] : 0,
	};
	m->is_closed = m->last_flags & TCP_PSH;
	return true;
}

/* Lengths, checksums and what counts on are left out. Of packets that are never to be fragments
 * the identification means nothing (RFC 6864). */
static bool same_ip(const struct merge *m, const uint8_t *p)
{
	const uint8_t *a = m->first;

	if (!m->is_v4)
		return !memcmp(a, p, 4) && !memcmp(a + 6, p + 6, IPV6_HEADER - 6);
	return !memcmp(a, p, 2) && !memcmp(a + 6, p + 6, 4) && !memcmp(a + 12, p + 12, 8) &&
	       ((a[6] & DONT_FRAGMENT) ||
		(uint16_t)(load_be16(a + 4) + m->count) == load_be16(p + 4));
}

static bool same_l4(const struct merge *m, const uint8_t *p)
{
	const uint8_t *a = m->first + m->l4, *b = p + m->l4;
	const uint32_t options = m->header_len - m->l4 - TCP_HEADER;

	if (!m->is_tcp)
		return !memcmp(a, b, 4);
	return !memcmp(a, b, 4) && load_be32(a + 4) + m->payload == load_be32(b + 4) &&
	       !memcmp(a + 8, b + 8, 5) && !memcmp(a + 14, b + 14, 2) &&
	       !memcmp(a + 18, b + 18, 2 + options);
}

bool merge_add(struct merge *m, const uint8_t *packet, size_t len, struct bytes *payload)
{
	struct part part;
	uint32_t more;

	if (m->is_closed || m->count == MERGE_MOST || len <= m->header_len)
		return false;
	more = (uint32_t)len - m->header_len;
	if (more > m->segment || m->header_len + m->payload + more > LONGEST ||
	    !same_ip(m, packet) || !read_part(packet, len, &part) || part.is_tcp != m->is_tcp ||
	    part.header_len != m->header_len || !same_l4(m, packet))
		return false;
	*payload = bytes_of(packet + m->header_len, more);
	m->payload += more;
	m->count++;
	if (m->is_tcp)
		m->last_flags = packet[m->l4 + 13];
	m->is_closed = more < m->segment || (m->last_flags & TCP_PSH);
	return true;
}

void merge_end(struct merge *m, struct offload *out)
{
	uint32_t len = m->header_len + m->payload;
	uint8_t *p = m->first, *l4 = p + m->l4;
	uint16_t sum;

	*out = (struct offload){ .kind = OFFLOAD_NONE };
	if (m->count < 2)
		return;
	if (m->is_v4) {
		store_be16(p + 2, (uint16_t)len);
		store_be16(p + 10, 0);
		store_be16(p + 10, checksum_finish(checksum_add(0, p, IPV4_HEADER)));
	} else {
		store_be16(p + 4, (uint16_t)(len - IPV6_HEADER));
	}
	sum = (uint16_t)~checksum_finish(pseudo(p, m->is_v4, m->is_tcp, len - m->l4));
	if (m->is_tcp) {
		l4[13] = m->last_flags;
		store_be16(l4 + TCP_CHECKSUM, sum);
	} else {
		store_be16(l4 + 4, (uint16_t)(len - m->l4));
		store_be16(l4 + UDP_CHECKSUM, sum);
	}
	*out = (struct offload){
		.kind = m->is_tcp ? OFFLOAD_TCP : OFFLOAD_UDP, .segment = (uint16_t)m->segment,
		.needs_checksum = true, .checksum_at = (uint16_t)m->l4,
		.checksum_offset = m->is_tcp ? TCP_CHECKSUM : UDP_CHECKSUM,
		.header_len = (uint16_t)m->header_len,
	};
}
