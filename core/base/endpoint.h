/* endpoint.h - a UDP address of somebody, and the address of ours that he speaks to. Behind a relay
 * it is the relay's, and a channel. */
#ifndef BASE_ENDPOINT_H
#define BASE_ENDPOINT_H

#include "base/bytes.h"
#include "base/text.h"

enum family { FAMILY_NONE = 0, FAMILY_IPV4 = 4, FAMILY_IPV6 = 6 };

/* IPv4 uses the first four bytes; the rest is zero. */
struct ip {
	uint8_t family; /* enum family */
	uint8_t b[16];
};

struct endpoint {
	struct ip ip;
	uint16_t port;         /* host order */
	uint32_t scope;        /* interface index, for link-local IPv6 only, else 0 */
	uint32_t channel;      /* of the relay there, in front of each datagram; 0: direct */
	struct ip local;       /* our address that the last datagram came to; family 0: any.
	                          Not part of the identity of an endpoint. */
	uint16_t socket;       /* of ours that he speaks to: 0 the main one, else one more that
	                          the node asked for. Part of the identity; never travels */
	uint32_t local_ifindex; /* 0: any */
};

/* A network prefix; bits beyond len are zero. */
struct prefix {
	struct ip ip;
	uint8_t len; /* 0..32 or 0..128 */
};

struct ip ip_v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d);
struct ip ip_of(enum family family, const void *bytes); /* 4 or 16 bytes */
bool ip_equal(const struct ip *a, const struct ip *b);
/* Bits of the family: 32 or 128. */
unsigned ip_bits(const struct ip *ip);
/* Loopback, unspecified, multicast, broadcast, link-local and so on. */
bool ip_is_loopback(const struct ip *ip);
bool ip_is_link_local(const struct ip *ip);
bool ip_is_private(const struct ip *ip);   /* RFC 1918, RFC 4193, RFC 6598 */
/* False for what can never be a unicast peer: 0/8, 224/3, ::, ff00::/8, v4-mapped. */
bool ip_is_unicast(const struct ip *ip);
/* What a host on the Internet can be reached at: unicast, and in no range of the IANA registries of
 * special addresses (RFC 6890: loopback, private, shared, link-local, documentation, benchmarks and
 * so on; of IPv6 only 2000::/3). */
bool ip_is_public(const struct ip *ip);

/* Same address, port, scope, channel and socket of ours; the local address does not count. */
bool endpoint_equal(const struct endpoint *a, const struct endpoint *b);
bool endpoint_is_set(const struct endpoint *e);

bool prefix_contains(const struct prefix *p, const struct ip *ip);
bool prefix_overlaps(const struct prefix *a, const struct prefix *b);
/* The prefix with its host bits cleared. */
struct prefix prefix_of(const struct ip *ip, uint8_t len);

/* Text forms: RFC 5952 for IPv6; "192.0.2.7:51821", "[2001:db8::1]:51821",
 * "[fe80::1%2]:51821" (scope as a number). */
#define IP_TEXT 48
#define ENDPOINT_TEXT 72
#define PREFIX_TEXT 52
void ip_format(const struct ip *ip, char out[static IP_TEXT]);
void endpoint_format(const struct endpoint *e, char out[static ENDPOINT_TEXT]);
void prefix_format(const struct prefix *p, char out[static PREFIX_TEXT]);
bool ip_parse(const char *text, size_t len, struct ip *out);
/* default_port 0: a port is required. IPv6 with a port needs brackets. */
bool endpoint_parse(const char *text, size_t len, uint16_t default_port, struct endpoint *out);
/* "10.0.0.0/8"; a bare address is a full-length prefix. Host bits are cleared. */
bool prefix_parse(const char *text, size_t len, struct prefix *out);

#endif
