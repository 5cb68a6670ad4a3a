/* mapping.h - a UDP port of ours, mapped by the router: asked for, renewed, made again, given back.
 * By IPv6, where nothing is translated, that is a pinhole in its firewall, and only PCP is spoken.
 *
 * PCP is tried first, then NAT-PMP, then UPnP, which is spoken elsewhere: the shell is asked to.
 * A mapping is renewed after half its lifetime. The router tells with each word how long it has
 * had its tables; when that goes back, or it announces so, it was restarted, and the mapping is
 * made again at once. Only words from the address of the router that was asked count.
 *
 * What a router says is a claim, like a peer's candidate: nobody takes us for open because of it.
 */
#ifndef NAT_MAPPING_H
#define NAT_MAPPING_H

#include "base/instant.h"
#include "base/outbox.h"
#include "crypto/random.h"
#include "nat/pcp.h"

#define MAPPING_LIFETIME 7200u   /* seconds; RFC 6886, 3.3 */

enum mapping_protocol { MAPPING_PCP, MAPPING_NATPMP, MAPPING_UPNP, MAPPING_PROTOCOLS };

struct mapping {
	struct random *random;
	uint16_t port;               /* ours */
	struct ip gateway, client;   /* gateway.family 0: there is none */

	enum mapping_protocol protocol; /* the one that is tried, or that works */
	bool mapped;
	bool asking;                 /* an answer is waited for */
	bool rested;                 /* no protocol worked: a pause */
	uint8_t sends;               /* of this question */
	struct instant next;         /* NEVER: nothing to do */
	struct endpoint external;    /* while mapped; NAT-PMP: family 0 until the address is told */
	struct ip told_ip;           /* NAT-PMP: what it said last that its address is */
	struct instant until, renew; /* while mapped */
	struct instant watch;        /* when the epoch is asked for */
	uint8_t nonce[PCP_NONCE];
	uint32_t epoch_s;            /* as last told, */
	struct instant epoch_at;     /* then; zero: never */

	struct instant lost_at;      /* it was restarted then; the next time counts 5 s later */

	bool changed;                /* what mapping_external says; the caller clears it */
	enum mapping_upnp {          /* what the shell is asked to do by UPnP; it clears it */
		UPNP_NOTHING, UPNP_MAP, UPNP_UNMAP,
	} upnp;
	struct mapping_counters {
		uint64_t requests, answers, refused, restarts;
		uint64_t drop_source, drop_malformed, drop_unasked;
	} counters;
};

void mapping_init(struct mapping *m, struct random *random, uint16_t port);
/* The default router, and our address in its network; gateway family 0: none. Another one than
 * before: what was mapped there is forgotten, and all begins anew. Both of one family. */
void mapping_network(struct mapping *m, const struct ip *gateway, const struct ip *client,
		     struct instant now);
/* A datagram from there; unicast, or announced to 224.0.0.1. */
void mapping_input(struct mapping *m, struct instant now, const struct endpoint *from,
		   struct bytes datagram);
/* Something says that the router was restarted: the mapping is made again, at most once in 5 s. */
void mapping_restarted(struct mapping *m, struct instant now);
/* The outcome of UPNP_MAP: mapped as `external` for so many seconds; NULL: it failed. */
void mapping_upnp_done(struct mapping *m, struct instant now, const struct endpoint *external,
		       uint32_t lifetime_s);
/* At most two small datagrams. */
void mapping_tick(struct mapping *m, struct instant now, struct outbox *out);
struct instant mapping_deadline(const struct mapping *m);
/* We end: takes the mapping away, by a datagram or by `upnp`. */
void mapping_stop(struct mapping *m, struct outbox *out);
/* What we are mapped as; false: nothing, or not known yet. */
bool mapping_external(const struct mapping *m, struct endpoint *out);

#endif
