/* event.h - one ring of typed events with causes.
 *
 * A room says what happened; the words for it are chosen in linux/ or cli/.
 * The ring keeps the newest `cap` events; memory is the caller's.
 */
#ifndef BASE_EVENT_H
#define BASE_EVENT_H

#include "base/endpoint.h"
#include "base/instant.h"

enum event_kind {
	EV_NONE,
	/* membership */
	EV_MEMBER_ALIVE,      /* subject; a: sequence */
	EV_MEMBER_SUSPECT,    /* subject; a: sequence */
	EV_MEMBER_DEAD,       /* subject; a: sequence */
	EV_MEMBER_LEFT,       /* subject; a: sequence */
	EV_MEMBER_CONFLICT,   /* subject: two records of one sequence, a (cloned key) */
	EV_MEMBER_STRANGERS,  /* subject: has told much of keys that we do not admit; once */
	/* tunnels */
	EV_HANDSHAKE,         /* subject, endpoint; a: 1 when we were the initiator */
	EV_HANDSHAKE_GAVE_UP, /* subject, endpoint; a: attempts */
	EV_SESSION_EXPIRED,   /* subject */
	EV_ENDPOINT_CHANGED,  /* subject, endpoint: the new one */
	/* admission */
	EV_PEER_ADMITTED,     /* subject; a: enum admission */
	EV_PEER_REVOKED,      /* subject */
	EV_TRUST_EMPTY,       /* the trust store admits nobody */
	EV_TRUST_BAD,         /* a: number of unusable entries */
	EV_TRUST_FULL,        /* a: number of keys that found no room; once for each number */
	EV_KEY_TWIN,          /* subject: refused, its X25519 key is that of another key */
	EV_CERTIFICATE_ENDS,  /* by: the org of a certificate of ours; a: seconds left, 0: it has
	                         ended. Told 30, 7 and 1 days before, and then */
	EV_REVOKED,           /* by: an org that revoked this node; a: enum revocation_reason */
	EV_ORG_NAMED,         /* by: an org, whose alias made some org be called otherwise here */
	EV_SUCCESSOR,         /* subject: announces the key `by`; a: 1 if it announced another one,
	                         too: then neither counts */
	/* addresses */
	EV_ADDRESS_MOVED,     /* subject; a: new index */
	EV_ADDRESS_CONFLICT,  /* subject: lost the address; by: the holder */
	EV_PREFIX_DIFFERS,    /* subject: only IPv6 works with it */
	/* paths */
	EV_PATH_UP,           /* subject, endpoint; a: round trip in microseconds */
	EV_PATH_LOST,         /* subject, endpoint */
	EV_NETWORK_CHANGED,   /* our own addresses changed */
	EV_SEED_UNANSWERED,   /* endpoint; a: tries */
	EV_SEQUENCE_JUMP,     /* our own sequence was below what others remember; a: new one */
	EV_NAT_KIND,          /* what is between us and the Internet is known; a: enum nat_kind */
	/* the start, in this order */
	EV_START_IDENTITY,    /* our identity was read; the first event of a process */
	EV_START_ADDRESS,     /* and our mesh addresses derived from it */
	EV_START_INTERFACE,   /* the interface was made */
	EV_START_ASSIGNED,    /* it has the addresses; a: its MTU */
	EV_START_STUN,        /* STUN servers are asked; a: so many addresses at once */
	EV_START_SEEDS,       /* seeds are called; a: as many addresses at once */
	EV_START_SERVING,     /* the loop of gossip and tunnels */
	/* services */
	EV_SERVICES_RULED,    /* other rules are in force; a: how many */
	EV_SERVICES_BAD,      /* the rules cannot be used; what was in force stays */
	EV_SERVICES_UNDONE,   /* a change was not confirmed in time: those of before follow */
	EV_SERVICE_DENIED,    /* subject: tried; a: protocol << 16 | port, port 0: it has none */
	EV_KINDS
};

struct event {
	struct instant at;
	uint64_t number;           /* rises by one, starts with 1 */
	enum event_kind kind;
	struct public_key subject; /* all zero: this node */
	struct public_key by;      /* all zero: nobody */
	struct endpoint endpoint;
	int64_t a;
};

struct event_ring {
	struct event *events;
	uint32_t cap;
	uint64_t count; /* events ever emitted; the newest has this number */
};

void event_ring_init(struct event_ring *r, struct event *memory, uint32_t cap);
/* Copies *e, and sets its number. */
void event_emit(struct event_ring *r, const struct event *e);
/* The event of that number, or NULL when it is gone or not there yet. */
const struct event *event_get(const struct event_ring *r, uint64_t number);

#endif
