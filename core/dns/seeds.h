/* seeds.h - seeds that a domain names in DNS: the records TXT and SRV of _meshguard._udp.DOMAIN.
 *
 * Each string of a TXT record is `meshguard=HOST:PORT`; strings of another form are somebody
 * else's. HOST is a name, an IPv4 address, or an IPv6 address in brackets; without `:PORT` it is
 * the default port. SRV records (RFC 2782) name host and port; weights mean nothing here.
 */
#ifndef DNS_SEEDS_H
#define DNS_SEEDS_H

#include "dns/message.h"

#define DNS_SEEDS_LABELS "_meshguard._udp"
#define DNS_TARGETS 16u      /* of one answer at the most */

struct dns_target {
	char host[DNS_NAME_TEXT];  /* a name, or an address without brackets */
	uint16_t port;
};

/* Letters, digits, `-`, `_` and dots, labels of 1 to 63, at most 253 in all; a dot at the end is
 * left out of account. Digits and dots alone are a mistyped address, and no name. */
bool dns_host_valid(const char *name, size_t len);
/* HOST[:PORT]; an IPv6 address is in brackets. Writes nothing when it refuses. */
bool dns_target_parse(const char *text, size_t len, uint16_t default_port,
		      struct dns_target *out) must_check;
/* One string of a TXT record. */
bool dns_seed_parse(struct bytes string, struct dns_target *out) must_check;

struct dns_seeds {
	struct dns_target list[DNS_TARGETS];
	unsigned count;
	uint32_t ttl;              /* the shortest, in seconds; UINT32_MAX: no record */
};
/* Adds what the answer section of a whole message says in records of `type` (DNS_TXT or DNS_SRV);
 * those beyond the room are left out. False: the message is not well formed; what was read before
 * stays. Set *s to zero and ttl to UINT32_MAX first. */
bool dns_seeds_read(struct bytes message, enum dns_type type, struct dns_seeds *s) must_check;

#endif
