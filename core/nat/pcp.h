/* pcp.h - what is said to a router that maps ports: PCP (RFC 6887) and NAT-PMP (RFC 6886), which
 * share a port and differ in the first byte.
 *
 * Only the bytes; who may be believed is the business of mapping.h.
 */
#ifndef NAT_PCP_H
#define NAT_PCP_H

#include "base/bug.h"
#include "base/endpoint.h"

#define PCP_PORT 5351u           /* of the router */
#define PCP_ANNOUNCE_PORT 5350u  /* to which it announces, at 224.0.0.1 */
#define PCP_NONCE 12u
#define PCP_MAP_LEN 60u
#define PCP_ANNOUNCE_LEN 24u
#define NATPMP_ADDRESS_LEN 2u
#define NATPMP_MAP_LEN 12u

/* A UDP port of ours that is to be mapped. Lifetime 0 takes the mapping away. */
struct pcp_wish {
	struct ip client;            /* our address, as the router sees it */
	uint16_t internal, external; /* external: the one that we would like; 0: any */
	struct ip external_ip;       /* the same, for PCP; family 0: any */
	uint32_t lifetime_s;
	uint8_t nonce[PCP_NONCE];    /* PCP: the same for as long as the mapping is ours */
};

/* RFC 6887, 7.1 and 11.1; RFC 6887, 14.1.1: asks for the epoch alone. */
void pcp_map(const struct pcp_wish *wish, uint8_t out[static PCP_MAP_LEN]);
void pcp_announce(const struct ip *client, uint8_t out[static PCP_ANNOUNCE_LEN]);
/* RFC 6886, 3.2 and 3.3. */
void natpmp_address(uint8_t out[static NATPMP_ADDRESS_LEN]);
void natpmp_map(const struct pcp_wish *wish, uint8_t out[static NATPMP_MAP_LEN]);

enum pcp_kind {
	PCP_ANSWER_MAP,          /* PCP: internal, external, external_ip, lifetime_s, nonce */
	PCP_ANSWER_ANNOUNCE,     /* PCP: epoch alone */
	NATPMP_ANSWER_ADDRESS,   /* NAT-PMP: external_ip */
	NATPMP_ANSWER_MAP,       /* NAT-PMP: internal, external, lifetime_s */
	PCP_ANSWER_VERSION,      /* it does not speak the version that it was asked in */
};
struct pcp_answer {
	enum pcp_kind kind;
	uint16_t result;             /* 0: done; else the code of the RFC, and only epoch is set */
	uint32_t epoch_s;            /* since the router lost its tables */
	uint16_t internal, external;
	struct ip external_ip;
	uint32_t lifetime_s;         /* of the mapping, or of the error */
	uint8_t nonce[PCP_NONCE];
};
/* A whole answer or announcement. False: it is none that we know. */
bool pcp_decode(struct bytes datagram, struct pcp_answer *out) must_check;

#endif
