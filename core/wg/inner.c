#include "wg/inner.h"

#define IPV4_HEADER 20u
#define IPV6_HEADER 40u

enum ecn { ECN_NOT_ECT = 0, ECN_ECT1 = 1, ECN_ECT0 = 2, ECN_CE = 3, ECN_MASK = 3 };

static unsigned int version_of(struct bytes packet)
{
	return packet.len ? packet.data[0] >> 4 : 0;
}

bool inner_read(struct bytes packet, struct inner *out)
{
	const uint8_t *p = packet.data;

	if (version_of(packet) == 4 && packet.len >= IPV4_HEADER) {
		out->len = load_be16(p + 2);
		out->source = ip_of(FAMILY_IPV4, p + 12);
		out->destination = ip_of(FAMILY_IPV4, p + 16);
		return out->len >= IPV4_HEADER && out->len <= packet.len;
	}
	if (version_of(packet) == 6 && packet.len >= IPV6_HEADER) {
		out->len = (size_t)load_be16(p + 4) + IPV6_HEADER;
		out->source = ip_of(FAMILY_IPV6, p + 8);
		out->destination = ip_of(FAMILY_IPV6, p + 24);
		return out->len <= packet.len;
	}
	return false;
}

/* The DS field: a byte of its own in IPv4, across the first two bytes in IPv6. */
static enum ecn ecn_of(struct bytes packet)
{
	if (version_of(packet) == 4 && packet.len >= IPV4_HEADER)
		return packet.data[1] & ECN_MASK;
	if (version_of(packet) == 6 && packet.len >= IPV6_HEADER)
		return packet.data[1] >> 4 & ECN_MASK;
	return ECN_NOT_ECT;
}

uint8_t inner_ecn_encap(struct bytes packet)
{
	enum ecn ecn = ecn_of(packet);

	return ecn == ECN_CE ? ECN_ECT0 : (uint8_t)ecn;
}

/* RFC 1624: HC' = ~(~HC + ~m + m') for one changed 16-bit word. */
static void fix_checksum(uint8_t *sum, uint16_t was, uint16_t is)
{
	uint32_t s = (uint16_t)~load_be16(sum);

	s += (uint16_t)~was;
	s += is;
	s = (s & 0xffff) + (s >> 16);
	s = (s & 0xffff) + (s >> 16);
	store_be16(sum, (uint16_t)~s);
}

void inner_ecn_decap(uint8_t *packet, size_t len, uint8_t outer)
{
	struct bytes bytes = bytes_of(packet, len);
	enum ecn ecn = ecn_of(bytes);
	uint16_t was;

	if ((outer & ECN_MASK) != ECN_CE || ecn == ECN_NOT_ECT || ecn == ECN_CE)
		return;
	if (version_of(bytes) == 6) {
		packet[1] |= ECN_CE << 4;
		return;
	}
	was = load_be16(packet);
	packet[1] |= ECN_CE;
	fix_checksum(packet + 10, was, load_be16(packet));
}
