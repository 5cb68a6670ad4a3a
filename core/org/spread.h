/* spread.h - certificates and what orgs said reach every node that trusts the org.
 *
 * Objects are certificates of members, and revocations, vouches and aliases. What is new is told
 * on at once, revocations first, to a few peers at a time; peers that trust an org compare what
 * they hold of it now and then, and each fetches what it lacks. Nobody is told anything of an org
 * that it does not trust, not even its name: an org is called by a print that only who knows its
 * key can make. Messages come in opened and fresh, and go out as OUT_MESSAGE items. Bytes:
 * docs/protocol.md, "What orgs said, spread".
 *
 * Peers are the slots of identity/trust.h. Both stores are the caller's memory, but what they hold
 * of certificates, revocations, vouches and aliases is changed here alone. Whether an
 * object lets anybody in is the question of identity/trust.
 */
#ifndef ORG_SPREAD_H
#define ORG_SPREAD_H

#include "base/instant.h"
#include "base/outbox.h"
#include "identity/certificate_store.h"
#include "identity/trust.h"

/* First payload byte of these messages. */
#define SPREAD_TYPE_FIRST 0x30u
#define SPREAD_TYPE_LAST 0x37u

struct spread;

struct spread_config {
	uint32_t members;
	uint64_t seed;               /* of its rng */
	struct public_key self;
	struct statement_store *statements;     /* the caller's, for as long as the room */
	struct certificate_store *certificates; /* likewise */
};

/* The capacities are those of the two stores. Memory: zeroed, aligned for uint64_t, touched only
 * as far as used. */
size_t spread_size(uint32_t members, uint32_t statements, uint32_t certificates);
/* The stores may hold something already: what a node kept. It counts from spread_orgs on, is not
 * told on, and makes no facts. */
struct spread *spread_init(void *memory, const struct spread_config *config, struct instant now);

/* The orgs that are trusted, from now on: at most TRUST_ORGS, no two alike (else a BUG). What the
 * stores hold of others is removed, and what their own revocations do away with. */
void spread_orgs(struct spread *s, const struct public_key *orgs, unsigned count,
		 struct instant now);

/* Of a slot that is not admitted nothing is taken. A slot must be forgotten before it is admitted
 * again (else a BUG). */
void spread_admit(struct spread *s, uint32_t slot, const struct public_key *key);
void spread_forget(struct spread *s, uint32_t slot);
/* Whether there is a path to it at present. When it becomes reachable it is told our orgs. */
void spread_reachable(struct spread *s, uint32_t slot, bool yes, struct instant now);

/* What was done with an object. */
enum spread_put {
	SPREAD_NEW,          /* taken, and told on while there is somebody to tell */
	SPREAD_SAME,         /* these very bytes are there */
	SPREAD_OLDER,        /* a newer one is there */
	SPREAD_FULL,         /* no room: the store is full, or this org's share of it */
	SPREAD_NOT_TRUSTED,  /* its org is not */
	SPREAD_REVOKED,      /* its org has revoked the key that it is about */
	SPREAD_NOT_VALID,    /* over; or a statement that is not spread */
};

/* What this node knows by itself: its own certificate, files, papers of an introduction. wall: unix
 * seconds, as of certificate_validity. A revocation removes the certificate and the vouch of its
 * org for that key. */
enum spread_put spread_certificate(struct spread *s, const struct certificate *c,
				   struct instant now, uint64_t wall);
enum spread_put spread_statement(struct spread *s, const struct statement *statement,
				 struct instant now);
/* What a statement that says this could be, before anybody verifies it: SPREAD_NEW, or why it would
 * not be taken. */
enum spread_put spread_judge(const struct spread *s, const struct statement_body *b);

/* One fresh message from the peer in `from`. */
void spread_input(struct spread *s, struct instant now, uint64_t wall, uint32_t from,
		  struct bytes message, struct outbox *out);
/* Certificates that are over are removed here, within 20 s. */
void spread_tick(struct spread *s, struct instant now, uint64_t wall, struct outbox *out);
struct instant spread_deadline(const struct spread *s);

/* What was taken since, local or learned, in order; each slot once, and not if it is gone again. */
enum spread_fact_kind { SPREAD_FACT_CERTIFICATE, SPREAD_FACT_STATEMENT };
struct spread_fact {
	enum spread_fact_kind kind;
	uint32_t slot;        /* of the store of that kind; in use */
};
bool spread_next_fact(struct spread *s, struct spread_fact *out);

/* Objects received are all that came in well-formed messages: new, known, or dropped by one of the
 * reasons below. */
struct spread_counters {
	uint64_t messages_sent, bytes_sent, objects_sent; /* bytes of payloads */
	uint64_t objects_received, objects_new, objects_known;
	uint64_t comparisons;       /* begun by us */
	uint64_t org_bad_sig;
	uint64_t drop_malformed;    /* messages; objects that do not decode */
	uint64_t drop_rate;         /* a sender asked, or told us, too much */
	uint64_t drop_not_trusted;  /* of an org that is not trusted here, or not by the sender */
	uint64_t drop_unasked;      /* answers to no question */
	uint64_t drop_older, drop_full, drop_revoked, drop_not_valid; /* as enum spread_put */
	uint64_t changes;           /* of what the stores hold: to tell whether to save them */
	uint32_t certificates, statements; /* held at present, of trusted orgs */
};
const struct spread_counters *spread_counters(const struct spread *s);

#endif
