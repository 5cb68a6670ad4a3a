/* zone.h - answers of the mesh to questions for its names: `.mesh`, and the reverse zones of its
 * addresses. Authoritative, without recursion: what is in none of these zones is refused.
 *
 * A and AAAA of a name, PTR of an address, SOA of a zone (RFC 1035); a name without such a record
 * is told from one that does not exist, with the SOA by which that may be remembered (RFC 2308).
 * A name that only leads to longer ones exists (RFC 8020). EDNS is answered (RFC 6891).
 */
#ifndef DNS_ZONE_H
#define DNS_ZONE_H

#include "base/endpoint.h"
#include "dns/message.h"

#define DNS_MESH "mesh"
#define DNS_MESH_TTL 10u       /* seconds: names follow trust and addresses */
#define DNS_ANSWER_MAX 512u    /* bytes (RFC 1035, section 4.2.1); every answer fits */

enum dns_found {
	DNS_UNKNOWN,           /* no such name */
	DNS_ABOVE,             /* longer names end in it */
	DNS_HOST,
};
struct dns_host {
	struct ip ipv4, ipv6;  /* family 0: it has none */
};
struct dns_names {
	/* The name without `.mesh`, in any case of letters; *out for DNS_HOST alone. */
	enum dns_found (*find)(const void *ctx, const char *name, struct dns_host *out);
	/* The name, without `.mesh`, of the host that has this address; not told if DNS cannot say
	 * it (with a label that is empty or too long). False: nobody. */
	bool (*reverse)(const void *ctx, const struct ip *ip, char name[static DNS_NAME_TEXT]);
	const void *ctx;
	struct prefix ipv4, ipv6;  /* of the mesh: its reverse zones begin at the next octet or
	                              digit; IPv4 of /8 to /24, IPv6 of /64 */
};

/* Answers one query. out has DNS_ANSWER_MAX bytes. Returns the length, 0 for what gets no answer:
 * what is too short, or an answer itself. */
size_t dns_answer(struct bytes query, const struct dns_names *names, uint8_t *out);

#endif
