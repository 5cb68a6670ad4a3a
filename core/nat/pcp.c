#include "nat/pcp.h"

#include "base/cursor.h"

#include <string.h>

#define PCP_VERSION 2u
#define NATPMP_VERSION 0u
#define OP_ANSWER 0x80u
#define PCP_OP_ANNOUNCE 0u
#define PCP_OP_MAP 1u
#define NATPMP_OP_ADDRESS 0u
#define NATPMP_OP_MAP_UDP 1u
#define UDP 17u
#define UNSUPPORTED_VERSION 1u /* in both */
#define PCP_LONGEST 1100u      /* RFC 6887, 7 */

/* RFC 6887, 5: IPv4 addresses are mapped ones. */
static void put_ip(struct writer *w, const struct ip *ip)
{
	if (ip->family == FAMILY_IPV6) {
		wr_bytes(w, ip->b, 16);
		return;
	}
	wr_zero(w, 10);
	wr_be16(w, 0xffff);
	wr_bytes(w, ip->b, 4);
}

static struct ip get_ip(struct cursor *c)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	uint8_t b[16];

	cur_bytes(c, b, sizeof(b));
	return memcmp(b, mapped, sizeof(mapped)) ? ip_of(FAMILY_IPV6, b) :
	       ip_of(FAMILY_IPV4, b + 12);
}

static void put_head(struct writer *w, uint8_t op, uint32_t lifetime_s, const struct ip *client)
{
	wr_u8(w, PCP_VERSION);
	wr_u8(w, op);
	wr_be16(w, 0);
	wr_be32(w, lifetime_s);
	put_ip(w, client);
}

void pcp_map(const struct pcp_wish *wish, uint8_t out[static PCP_MAP_LEN])
{
	struct writer w = wr_of(out, PCP_MAP_LEN);

	put_head(&w, PCP_OP_MAP, wish->lifetime_s, &wish->client);
	wr_bytes(&w, wish->nonce, PCP_NONCE);
	wr_u8(&w, UDP);
	wr_zero(&w, 3);
	wr_be16(&w, wish->internal);
	wr_be16(&w, wish->external);
	/* 11.1: where any will do, zero, in the form of the family that is wanted. */
	if (!wish->external_ip.family && wish->client.family == FAMILY_IPV6)
		wr_zero(&w, 16);
	else
		put_ip(&w, &wish->external_ip);
	BUG_ON(wr_len(&w) != PCP_MAP_LEN);
}

void pcp_announce(const struct ip *client, uint8_t out[static PCP_ANNOUNCE_LEN])
{
	struct writer w = wr_of(out, PCP_ANNOUNCE_LEN);

	put_head(&w, PCP_OP_ANNOUNCE, 0, client);
	BUG_ON(wr_len(&w) != PCP_ANNOUNCE_LEN);
}

void natpmp_address(uint8_t out[static NATPMP_ADDRESS_LEN])
{
	out[0] = NATPMP_VERSION;
	out[1] = NATPMP_OP_ADDRESS;
}

void natpmp_map(const struct pcp_wish *wish, uint8_t out[static NATPMP_MAP_LEN])
{
	struct writer w = wr_of(out, NATPMP_MAP_LEN);

	wr_u8(&w, NATPMP_VERSION);
	wr_u8(&w, NATPMP_OP_MAP_UDP);
	wr_be16(&w, 0);
	wr_be16(&w, wish->internal);
	wr_be16(&w, wish->lifetime_s ? wish->external : 0); /* 3.4 */
	wr_be32(&w, wish->lifetime_s);
	BUG_ON(wr_len(&w) != NATPMP_MAP_LEN);
}

static bool decode_pcp(struct cursor *c, uint8_t op, struct pcp_answer *out)
{
	struct bytes rest;

	cur_u8(c);
	out->result = cur_u8(c);
	out->lifetime_s = cur_be32(c);
	out->epoch_s = cur_be32(c);
	cur_span(c, 12);
	if (out->result == UNSUPPORTED_VERSION) {
		out->kind = PCP_ANSWER_VERSION;
		return cur_ok(c);
	}
	if (op == PCP_OP_ANNOUNCE) {
		out->kind = PCP_ANSWER_ANNOUNCE;
		return cur_ok(c);
	}
	if (op != PCP_OP_MAP)
		return false;
	out->kind = PCP_ANSWER_MAP;
	cur_bytes(c, out->nonce, PCP_NONCE);
	uint8_t protocol = cur_u8(c);
	cur_span(c, 3);
	out->internal = cur_be16(c);
	out->external = cur_be16(c);
	out->external_ip = get_ip(c);
	rest = cur_span(c, cur_left(c)); /* options; we asked for none */
	return cur_ok(c) && protocol == UDP && rest.len % 4 == 0;
}

static bool decode_natpmp(struct cursor *c, uint8_t op, struct pcp_answer *out)
{
	uint8_t b[4] = { 0 };

	out->result = cur_be16(c);
	out->epoch_s = cur_be32(c);
	if (out->result == UNSUPPORTED_VERSION) {
		out->kind = PCP_ANSWER_VERSION;
		return cur_ok(c);
	}
	switch (op) {
	case NATPMP_OP_ADDRESS:
		out->kind = NATPMP_ANSWER_ADDRESS;
		if (out->result && !cur_left(c))
			return cur_ok(c);
		cur_bytes(c, b, sizeof(b));
		out->external_ip = ip_of(FAMILY_IPV4, b);
		return cur_done(c);
	case NATPMP_OP_MAP_UDP:
		out->kind = NATPMP_ANSWER_MAP;
		if (out->result && !cur_left(c))
			return cur_ok(c);
		out->internal = cur_be16(c);
		out->external = cur_be16(c);
		out->lifetime_s = cur_be32(c);
		return cur_done(c);
	}
	return false;
}

bool pcp_decode(struct bytes d, struct pcp_answer *out)
{
	struct cursor c = cur_of(d.data, d.len);
	uint8_t version = cur_u8(&c), op = cur_u8(&c);

	memset(out, 0, sizeof(*out));
	if (!cur_ok(&c) || !(op & OP_ANSWER) || d.len > PCP_LONGEST)
		return false;
	op &= (uint8_t)~OP_ANSWER;
	if (version == PCP_VERSION)
		return decode_pcp(&c, op, out);
	return version == NATPMP_VERSION && decode_natpmp(&c, op, out);
}
