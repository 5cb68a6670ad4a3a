/* stun_client.h - asks STUN servers which address they see us under.
 *
 * Up to four servers are asked, each by IPv4 and by IPv6, all at once, from the socket that
 * carries everything else: only that one's mapping is of use. An answer counts when it comes from
 * the address that was asked, with the id of the transaction that is open there, and names an
 * address that a host on the Internet can have. What it says is one observation, no more: a server
 * may lie (paths_seen_by_server judges).
 */
#ifndef NAT_STUN_CLIENT_H
#define NAT_STUN_CLIENT_H

#include "base/instant.h"
#include "base/outbox.h"
#include "crypto/random.h"
#include "nat/stun.h"

#define STUN_SERVERS 4u      /* by name */
#define STUN_TARGETS 8u      /* each by IPv4 and by IPv6 */

/* RFC 8489, 6.2.1: RTO doubling, Rc requests, and Rm RTOs after the last one. */
#define STUN_RTO span_ms(500)
#define STUN_SENDS 7u
#define STUN_LAST span_s(8)

struct stun_target {
	struct endpoint at;         /* family 0: none */
	uint8_t id[STUN_ID];
	uint8_t sends;              /* of this transaction */
	bool waiting;
	bool answered;              /* the last transaction that ended */
	struct instant sent;        /* the last request */
	struct instant next;        /* NEVER: nothing to do */
	struct instant heard;       /* the last good answer; zero: never */
	struct endpoint mapped;     /* what it said */
	struct endpoint other;      /* it can answer from there, too (RFC 5780), or family 0 */
	struct span rtt;            /* of a request that was not repeated; 0: unknown */
};

struct stun_client {
	struct random *random;
	struct stun_target targets[STUN_TARGETS];
	struct stun_counters {
		uint64_t requests, answers, errors, unanswered;
		uint64_t drop_malformed;  /* no STUN, or not to be used */
		uint64_t drop_unasked;    /* no transaction, or from elsewhere */
		uint64_t drop_address;    /* it names what can be nobody's public address */
	} counters;
};

void stun_client_init(struct stun_client *c, struct random *random);
/* The server that was named as number `name` (below STUN_SERVERS) has that address; it replaces
 * another one of that family. A new one is asked at once. False: it is known, or can be none. */
bool stun_client_add(struct stun_client *c, unsigned name, const struct endpoint *at,
		     struct instant now);
/* All are asked anew; transactions that are open go on. */
void stun_client_ask(struct stun_client *c, struct instant now);
/* Our network changed: all are asked anew, and no answer to what was sent before counts. */
void stun_client_again(struct stun_client *c, struct instant now);
/* A datagram that demux takes for STUN. Returns the number of the target whose answer it is, or
 * STUN_TARGETS for none. `refuse` says for which addresses ours cannot be, beside those that are
 * not public. */
unsigned stun_client_input(struct stun_client *c, struct instant now, const struct endpoint *from,
			   struct bytes datagram,
			   bool (*refuse)(void *ctx, const struct ip *ip), void *ctx);
/* At most STUN_TARGETS items of STUN_REQUEST_LEN bytes. */
void stun_client_tick(struct stun_client *c, struct instant now, struct outbox *out);
struct instant stun_client_deadline(const struct stun_client *c);
/* Targets there are, and those that a transaction is open with. */
unsigned stun_client_count(const struct stun_client *c);
unsigned stun_client_open(const struct stun_client *c);

#endif
