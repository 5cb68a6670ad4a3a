/* state.h - what the files that spread objects share; nobody else includes it.
 *
 *   spread.c   the contract: peers, orgs, time
 *   tell.c     ORGS: who trusts which of our orgs
 *   pull.c     comparing with a peer, and fetching what it has and we have not
 *   rumour.c   the queue of what is new
 *   hold.c     objects into and out of the stores
 *   index.c    what is held, by org and hash
 *
 * A call from outside sets s->now (and s->wall and s->out where it is given them) and does all its
 * work with them; out is NULL where the contract gives none, and what has to be sent then waits for
 * the next tick.
 */
#ifndef ORG_STATE_H
#define ORG_STATE_H

#include "base/bucket.h"
#include "base/rng.h"
#include "org/spread.h"
#include "org/wire.h"

#define NONE UINT32_MAX
#define RUMOURS 256u
#define PULLS 4u                  /* at once, of different orgs */
#define BACKOFFS 256u             /* comparisons that brought nothing, remembered */
#define TICK_MS 200u
#define FRESH_S 30u               /* so long after something new comparisons come often */

struct peer {
	uint64_t id;              /* stands for its key, in prints */
	uint64_t shared;          /* a bit for each of our orgs that it trusts, by number */
	struct instant tell_at;   /* our orgs to it; NEVER: they were told */
	struct instant orgs_full; /* buckets: its ORGS and BUCKETS that we look at */
	struct instant give_full; /* objects that it wants */
	struct instant verify_full; /* signatures checked for it */
	uint32_t place;           /* 1 + where in reach[]; 0: not reachable */
	uint8_t tries;            /* unanswered ORGS */
	bool asked;               /* and its answer may still come */
	bool admitted;
};

/* The comparison with one peer that is under way. */
struct pull {
	uint32_t slot;            /* NONE: there is none */
	struct instant at;        /* the next round, whatever came of this one */
	struct instant begun;
	struct instant progress;  /* when it last brought something, or began */
	uint16_t wanted, left;    /* objects, in this round */
	uint8_t barren;           /* rounds in a row that brought nothing */
	bool brought;             /* something, in this round */
	bool fruitful;            /* something, in any */
	bool answered;            /* a HAVE came, in this round */
};

struct org {
	struct public_key key;
	uint64_t digest;          /* sum of the hashes of what we hold of it */
	uint32_t certificates, revocations, others;
	struct instant changed;   /* digest did */
	struct pull pull;
};

/* A reference to an object in its store. */
struct ref {
	uint64_t hash;
	uint32_t slot;
	uint8_t kind;             /* enum spread_kind */
	uint8_t org;
};

struct rumour {
	struct ref ref;
	uint32_t from;            /* who told us; NONE: nobody */
	uint8_t class;            /* the lower the sooner */
	uint16_t sent;
};

/* The last comparison with a peer, and the digests before it. */
struct backoff {
	uint32_t slot;            /* NONE: none */
	uint8_t org;
	uint8_t exponent;         /* of the wait, while both digests stay */
	uint64_t ours, its;
	struct instant begun;
};

/* Slots of one store, of which the caller has not been told. */
struct facts {
	uint8_t *bits;            /* by slot */
	uint32_t *ring;           /* at most one place a slot */
	uint32_t cap, first, count;
};

struct spread {
	uint32_t cap;
	uint32_t known;           /* slots below were once admitted */
	uint64_t self_id;
	struct statement_store *statements;
	struct certificate_store *certificates;
	struct instant now;
	uint64_t wall;
	struct outbox *out;
	struct rng rng;

	struct peer *peers;
	uint32_t *reach;          /* slots of those that are reachable, in no order */
	uint32_t reached;

	struct org orgs[TRUST_ORGS];
	unsigned org_count;
	uint8_t version;          /* of the set of orgs */

	struct ref *refs;         /* rising by org, hash */
	uint32_t held;
	bool counted;             /* what the stores held at first */
	uint64_t next_expiry;     /* of a certificate held: wall; UINT64_MAX: none */

	struct rumour rumours[RUMOURS];
	uint32_t rumour_count;
	struct instant rumour_at; /* the next burst; NEVER: nobody is there to tell, or nothing */
	struct instant rumoured;  /* the last burst */

	struct backoff backoffs[BACKOFFS];
	struct instant pull_ok;   /* when what was wanted so far should have come */
	struct instant give_full; /* objects given to all */

	struct instant tell_at;   /* the first of the peers', but not so soon after `told` */
	struct instant told;
	uint32_t tell_place;      /* in reach[], to go on from */
	struct instant compare_at; /* ORGS to one at random */
	struct instant fresh_until;

	struct facts facts[2];    /* by enum spread_fact_kind */
	struct spread_counters counters;
};

/* Bits of our orgs that this peer shares. */
static inline bool shares(const struct spread *s, uint32_t slot, unsigned org)
{
	return s->peers[slot].shared >> org & 1;
}

/* A reachable peer with one of these bits, at random; NONE: there is none. */
uint32_t peer_sharing(struct spread *s, uint64_t orgs);
/* A message is written into `d` and sent to `to`; nothing is if the outbox is full. */
struct draft {
	struct writer w;
	uint8_t bytes[CHANNEL_PAYLOAD_MAX];
};
void message_begin(struct draft *d, enum spread_type type);
void message_send(struct spread *s, struct draft *d, uint32_t to);
/* Something is new, or came anew: comparisons come often for a while. */
void note_fresh(struct spread *s);
/* The number of an org; NONE: it is not trusted. */
uint32_t org_find(const struct spread *s, const struct public_key *key);

#endif
