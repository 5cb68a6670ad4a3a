/* policy_world.h - a filter with its rules, and packets to and from three peers, in either family.
 *
 * This host is ::1 or .1; peer n is ::10+n or .10+n. Ports are named from this host's side. */
#ifndef TEST_POLICY_WORLD_H
#define TEST_POLICY_WORLD_H

#include "base/cursor.h"
#include "packet/checksum.h"
#include "packet/tcp.h"
#include "policy/filter.h"
#include "tap.h"

#define WORLD_PEERS 4u
#define WORLD_RULES 256u

struct world {
	struct filter *filter;
	struct policy *policy;
	struct policy_hits hits[WORLD_RULES + 1];
	struct instant now;
	struct filter_decision last;
	uint8_t family; /* 4 or 6 */
};

struct shot {
	uint8_t bytes[2048];
	size_t len;
};

static inline void world_rules(struct world *w, enum policy_default standard, const char *global)
{
	static struct policy_rule rules[WORLD_RULES];
	struct policy_mistake mistake;
	size_t count;

	policy_clear(w->policy);
	ok(policy_rules_parse(bytes_of(global, strlen(global)), rules, WORLD_RULES, &count,
			      &mistake));
	ok(policy_add(w->policy, POLICY_FROM_GLOBAL, "", rules, (uint32_t)count) != POLICY_NONE);
	policy_set_default(w->policy, standard);
	memset(w->hits, 0, sizeof(w->hits));
	filter_set_policy(w->filter, w->policy, w->hits);
}

static inline struct world *world_new(uint8_t family, uint32_t flows)
{
	const struct policy_capacity cap = { WORLD_PEERS, 8, WORLD_RULES };
	const struct filter_config config = { .peers = WORLD_PEERS, .flows = flows,
		.hash_key = "sixteen bytes...", .pickup_until = { 2000000000 } };
	struct world *w = calloc(1, sizeof(*w));

	w->family = family;
	w->now = instant_add(INSTANT_ZERO, span_s(10));
	w->filter = filter_init(calloc(1, filter_size(&config)), &config);
	w->policy = policy_init(calloc(1, policy_size(&cap)), &cap);
	return w;
}

static inline void world_free(struct world *w)
{
	free(w->filter);
	free(w->policy);
	free(w);
}

static inline void put_address(struct writer *w, uint8_t family, uint8_t host)
{
	if (family == 4)
		wr_bytes(w, "\x0a\x63\0", 3);
	else
		wr_bytes(w, "\xfd\x99\x6d\x67\0\0\0\0\0\0\0\0\0\0\0", 15);
	wr_u8(w, host);
}

/* An IP packet; `fragment` is the field of IPv4. The checksum of IPv4 is left out. */
static inline struct shot ip_shot(uint8_t family, uint8_t src, uint8_t dst, uint8_t protocol,
				  uint16_t fragment, const void *payload, size_t len)
{
	struct shot s;
	struct writer w = wr_of(s.bytes, sizeof(s.bytes));

	if (family == 4) {
		wr_be16(&w, 0x4500);
		wr_be16(&w, (uint16_t)(20 + len));
		wr_be16(&w, 77);
		wr_be16(&w, fragment);
		wr_u8(&w, 64);
		wr_u8(&w, protocol);
		wr_be16(&w, 0);
	} else {
		wr_be32(&w, 0x60000000);
		wr_be16(&w, (uint16_t)len);
		wr_u8(&w, protocol);
		wr_u8(&w, 64);
	}
	put_address(&w, family, src);
	put_address(&w, family, dst);
	wr_bytes(&w, payload, len);
	s.len = wr_len(&w);
	return s;
}

static inline size_t l4_header(uint8_t out[40], uint8_t protocol, uint16_t src, uint16_t dst,
			       uint8_t flags)
{
	struct writer w = wr_of(out, 40);

	wr_be16(&w, src);
	wr_be16(&w, dst);
	if (protocol == PROTO_TCP) {
		wr_be32(&w, 1000);
		wr_be32(&w, flags & TCP_ACK ? 2000 : 0);
		wr_u8(&w, 0x50);
		wr_u8(&w, flags);
		wr_zero(&w, 6);
	} else {
		wr_be16(&w, 12);
		wr_zero(&w, 6);
	}
	return wr_len(&w);
}

/* A segment or datagram between a port of this host and one of the peer. */
static inline struct shot port_shot(uint8_t family, bool inwards, uint32_t peer, uint8_t protocol,
				    uint16_t local, uint16_t remote, uint8_t flags)
{
	uint8_t l4[40], them = (uint8_t)(10 + peer);
	size_t len = l4_header(l4, protocol, inwards ? remote : local, inwards ? local : remote,
			       flags);

	return ip_shot(family, inwards ? them : 1, inwards ? 1 : them, protocol, 0, l4, len);
}

static inline struct shot icmp_shot(uint8_t family, bool inwards, uint32_t peer, uint8_t type,
				    uint16_t id, const void *quote, size_t len)
{
	uint8_t icmp[1500] = { type, 0, 0, 0, (uint8_t)(id >> 8), (uint8_t)id };
	uint8_t them = (uint8_t)(10 + peer);

	if (len)
		memcpy(icmp + 8, quote, len);
	return ip_shot(family, inwards ? them : 1, inwards ? 1 : them,
		       family == 4 ? PROTO_ICMP : PROTO_ICMPV6, 0, icmp, 8 + len);
}

/* The shot lies at the end of memory of its own, so that a sanitizer sees each byte too far. */
static inline enum filter_result shot_in(struct world *w, uint32_t peer, const struct shot *s)
{
	uint8_t *copy = malloc(s->len ? s->len : 1);
	enum filter_result r;

	memcpy(copy, s->bytes, s->len);
	r = filter_in(w->filter, bytes_of(copy, s->len), peer, w->now, &w->last);
	free(copy);
	return r;
}

static inline void shot_out(struct world *w, uint32_t peer, const struct shot *s)
{
	filter_out(w->filter, bytes_of(s->bytes, s->len), peer, w->now);
}

/* --- the short forms that scenarios are written in */

static inline bool tcp_in(struct world *w, uint32_t peer, uint16_t local, uint16_t remote,
			  uint8_t flags)
{
	struct shot s = port_shot(w->family, true, peer, PROTO_TCP, local, remote, flags);

	return shot_in(w, peer, &s) == FILTER_PASS;
}

static inline void tcp_out(struct world *w, uint32_t peer, uint16_t local, uint16_t remote,
			   uint8_t flags)
{
	struct shot s = port_shot(w->family, false, peer, PROTO_TCP, local, remote, flags);

	shot_out(w, peer, &s);
}

static inline bool udp_in(struct world *w, uint32_t peer, uint16_t local, uint16_t remote)
{
	struct shot s = port_shot(w->family, true, peer, PROTO_UDP, local, remote, 0);

	return shot_in(w, peer, &s) == FILTER_PASS;
}

static inline void udp_out(struct world *w, uint32_t peer, uint16_t local, uint16_t remote)
{
	struct shot s = port_shot(w->family, false, peer, PROTO_UDP, local, remote, 0);

	shot_out(w, peer, &s);
}

static inline bool echo_in(struct world *w, uint32_t peer, bool is_reply, uint16_t id)
{
	uint8_t type = w->family == 4 ? (is_reply ? 0 : 8) : (is_reply ? 129 : 128);
	struct shot s = icmp_shot(w->family, true, peer, type, id, NULL, 0);

	return shot_in(w, peer, &s) == FILTER_PASS;
}

static inline void echo_out(struct world *w, uint32_t peer, bool is_reply, uint16_t id)
{
	uint8_t type = w->family == 4 ? (is_reply ? 0 : 8) : (is_reply ? 129 : 128);
	struct shot s = icmp_shot(w->family, false, peer, type, id, NULL, 0);

	shot_out(w, peer, &s);
}

#endif
