/* state.h - what the files of this room share; no other room includes it.
 *
 * A call from outside sets s->now and s->out and does all its work with them; out is NULL where
 * the contract gives none, and what has to be sent is then left to the next tick (leave() in
 * swim.c makes its deadline).
 *
 * Memory per member: a struct member, a struct swim_identity, a struct swim_record (4 bytes for
 * both where a simulator's nodes share them) and indexes of 32 bits; a struct peer for each of
 * the PEER_MAX that we talk with. Everything lies in one block, in arrays by slot, touched only as
 * slots are used.
 */
#ifndef SWIM_STATE_H
#define SWIM_STATE_H

#include "base/bucket.h"
#include "base/heap.h"
#include "base/list.h"
#include "base/pool.h"
#include "swim/swim.h"
#include "swim/wire.h"

#define NONE UINT32_MAX

/* What a profile fixes; milliseconds. */
struct profile {
	uint32_t period_ms;         /* from one probe to the next */
	uint32_t gap_ms;            /* between two tries of a probe */
	uint32_t fail_ms;           /* a probe fails after this */
	uint32_t nack_ms;           /* a helper says nack after this */
	uint32_t again_ms;          /* from one probe of a suspect to the next */
	uint32_t suspicion_ms;      /* at least, before a verdict */
	uint8_t tries;
	uint8_t help_at[2];         /* tries at which helpers are asked */
	uint32_t budget;            /* bytes a second for spreading, and for synchronising */
};

#define MAX_SUSPICION_FACTOR 6u

#define PROBE_MAX 32u            /* at once */
#define HELPERS 3u
#define HELP_MAX 9u              /* of three rounds */
#define ERRAND_MAX 64u           /* pings for others, at once */
#define HEALTH_MAX 4u
#define CONFIRMERS 3u            /* K: further accusers that shorten a suspicion all the way */
#define ACCUSERS 4u              /* K + 1: remembered for each subject, and relayed */
#define SUSPICION_MAX 1024u
#define TARGETS_ALL 32u          /* up to so many others everybody probes everybody */
#define RINGS SWIM_RINGS         /* beyond it, the successor on each of these rings */
#define RING_NEW_MAX 256u
#define LOOKERS 2u               /* so many before a member on each ring look at once */
#define WATCHERS 4u              /* and so many may accuse it */
#define QUEUE_MAX 4096u
#define RECORDS_MANY (2 * WIRE_ENTRIES_MAX) /* a large mesh, where lists are dear */
#define SENDS_MAX 16u
#define JOB_MAX 64u
#define JOBS_PER_PEER 32u
#define LISTS_AT_ONCE 4u
#define SCOPE_MAX 256u           /* peers whose list is not ours */
#define HINTS 4096u              /* a power of two */
#define PEER_MAX 512u            /* members that we talk with */

/* What everybody is to us, whom we admit: 32 bytes, so that ten thousand of them are cheap. The key
 * is in slot_identity(), the record in member_record(), what we hold of those that we talk with in
 * peer.h. */
struct member {
	uint32_t since;             /* ticks; of state */
	uint32_t heard;             /* ticks; from itself; 0: never */
	uint32_t accept_full;       /* ticks; token bucket: records accepted about it */
	uint32_t near;              /* index in s->near plus 1 */
	uint32_t fact_next;         /* list of members with facts; slot plus 1 */
	uint16_t peer;              /* index in s->peers plus 1 */
	uint16_t scope;             /* index in s->scopes plus 1 */
	uint16_t suspicion;         /* index in s->suspicions plus 1 */
	uint16_t item;              /* of its record in the queue plus 1 */
	uint8_t state;              /* enum swim_state */
	uint8_t reported;           /* the state that the last fact told */
	uint8_t facts;              /* bits FACT_* */
	bool used : 1;
	bool reachable : 1;
	bool was_dead : 1;          /* and does not know it yet */
	bool estranged : 1;         /* was dead, and its view not seen equal to ours since */
	bool lost : 1;              /* dead only because we heard nobody at all */
	bool stranger : 1;          /* reachable, and no record of it yet */
	bool in_facts : 1;
	bool told : 1;              /* it has said that it holds our record */
	bool list_due : 1;
	bool list_first : 1;        /* LIST wanted as soon as we know what it admits */
};

/* Sixteenths of a second on the boot clock: a word of them is eight years. */
#define TICK_NS 62500000u
static inline uint32_t tick_of(struct instant t)
{
	return (uint32_t)(t.ns / TICK_NS);
}
static inline struct instant instant_of(uint32_t tick)
{
	return (struct instant){ (uint64_t)tick * TICK_NS };
}

enum { FACT_RECORD = 1, FACT_CONFLICT = 2, FACT_STATE = 4, FACT_OWN = 8, FACT_PATH = 16 };

/* What helpers said of the target. */
struct help {
	uint32_t slot;
	bool forwarded, nacked;
};

struct probe {
	bool used;
	unsigned helps;
	struct help help[HELP_MAX];
	uint32_t slot;
	uint32_t id;
	unsigned tries;
	struct instant started, next, ends;
};

/* A ping that we send because `origin` asked us to. */
struct errand {
	uint32_t origin, target;    /* origin NONE: unused */
	uint32_t origin_id, ping_id;
	struct instant ping_at;     /* NEVER: sent */
	struct instant nack_at;     /* NEVER: said */
	struct instant ends;
};

struct suspicion {
	uint32_t slot;
	uint32_t by;                /* first accuser; NONE: we */
	struct instant probed;      /* last probe of ours began */
	bool own;                   /* our own probes failed: the member is SUSPECT */
	bool looked;                /* a probe was started for it */
	bool relayed;               /* accusations are passed on */
	bool dead;                  /* a verdict was taken: its proof, while there is room */
	unsigned accusers;
	uint32_t accuser[ACCUSERS]; /* others than us */
	struct signature proof[ACCUSERS];
	struct signature own_proof; /* where own */
	struct instant heard;       /* of it for the first time */
	struct instant since;       /* of our own suspicion */
	struct instant verdict_at;  /* own */
};

/* What a peer whose list is not ours admits of ours (scope.c). */
struct scope {
	uint32_t peer;              /* NONE: unused */
	uint32_t got;               /* fingerprints of its list so far */
	uint64_t list, ours;        /* its tag, and s->list, when the first of them came */
	bool complete;
	uint8_t tries;              /* exponent of the wait before the next SCOPE_ASK */
	uint32_t count;             /* records of members that both admit */
	uint64_t digest;            /* of the view of them */
	struct instant ask_at, used;
};

enum gossip_class { GOSSIP_OWN, GOSSIP_RECORD, GOSSIP_LEAVE, GOSSIP_ACCUSATION, GOSSIP_CLASSES };

struct gossip_item {
	uint32_t next, prev;        /* index plus 1; circular within its list */
	uint32_t slot;
	uint32_t accuser;           /* class accusation */
	uint64_t sequence;          /* class accusation: void when the member has a newer one */
	uint8_t class;
	uint8_t left;               /* sends */
	uint8_t passed;             /* messages to peers that must not hear of it */
};

enum job_kind { JOB_NONE, JOB_BUCKETS, JOB_LIST, JOB_NEWER, JOB_WANTED };

/* A part of a synchronisation that goes out as pace and budget allow. */
struct job {
	enum job_kind kind;
	uint32_t peer;
	struct instant made;
	uint64_t next, last;        /* ids */
	uint64_t mask[WIRE_BUCKETS_COUNT / 64]; /* LIST: buckets that differ */
	unsigned entries;           /* NEWER: what the peer listed; WANTED: what it wants */
	struct wire_entry entry[WIRE_ENTRIES_MAX];
};

struct swim {
	struct instant now;
	struct outbox *out;

	uint32_t cap;               /* members; the slot of this node in the next two */
	const struct profile *profile;
	struct span period;
	const struct secret_key *secret;
	struct rng rng;
	struct swim_counters counters;

	struct member *members;     /* cap + 1 */
	struct swim_identity self;
	const struct swim_identity *identities; /* slot_identity(); by slot */
	struct swim_identity *own_identities; /* the same, where they are ours */
	/* cap + 1 of one of these: member_record() */
	const struct swim_store *store; /* NULL: identities and records are ours */
	struct swim_record *records; /* sequence 0: none */
	uint32_t *shared;           /* index in store->records plus 1 */
	uint32_t *hints;            /* where a key was found last; slot plus 1 */
	struct pool peer_pool;
	struct peer *peers;
	struct list peers_by_use;   /* the one used longest ago first */
	uint32_t *by_id;            /* slots, this node's with them, by rising id (and slot) */
	uint32_t known;             /* entries of by_id */
	uint32_t *rings;            /* RINGS times cap + 1 slots, sorted by place */
	uint32_t ringed;            /* on each ring: this node and who has a record */
	uint32_t ring_new[RING_NEW_MAX]; /* and these, but not yet */
	uint32_t ring_new_count;
	uint32_t *near;             /* slots reachable and neither dead nor left; first those of
	                             * whom we know whom they admit */
	uint32_t near_count, acquainted;
	uint32_t strangers;
	uint32_t records_held;
	uint64_t digest;            /* sum of view hashes */
	uint64_t list;              /* sum of hashes of whom we admit, ourselves with them */
	uint64_t bucket[WIRE_BUCKETS_COUNT]; /* the same, by the first byte of the id */
	uint32_t lost;              /* members with that flag */
	uint32_t facts_first, facts_last; /* slot plus 1 */
	struct instant heard;       /* from anybody */
	struct instant quiet_since; /* the later of heard and what else excuses silence */

	uint64_t own_newer;         /* somebody remembers this sequence of ours */
	uint32_t own_by;
	bool own_pending;           /* it waits for own_at */
	struct instant own_at;
	struct instant own_full;

	struct scope *scopes;
	uint64_t *scope_bits;       /* scope_words for each scope, by slot */
	size_t scope_words;
	uint32_t scope_cap, scopes_used;

	bool probing;               /* probe_at counts */
	struct instant probe_at;
	uint64_t probe_after;       /* id of the last target */
	uint32_t probe_turn;        /* ring of the next one */
	unsigned health;            /* 0: well; HEALTH_MAX: we may be the problem */
	uint32_t targets[TARGETS_ALL];
	unsigned target_count;
	bool targets_stale;
	struct probe probes[PROBE_MAX];
	uint32_t probe_count;
	struct errand errands[ERRAND_MAX];
	uint32_t errand_count;
	bool greeting;              /* greet_at counts */
	uint32_t greet_exponent;
	struct instant greet_at, greeted;
	uint64_t list_told;         /* s->list, when we last told of it of our own accord */
	bool telling;               /* tell_at counts */
	struct instant tell_at;

	struct pool suspicion_pool;
	struct heap suspicion_heap;
	struct suspicion *suspicions;
	uint32_t suspected;         /* of these, without a verdict */
	struct instant suspected_since; /* there are any */
	uint32_t proof_turn;        /* where to look for a proof to give up */
	uint32_t suspicion_cap;
	struct instant no_verdict_before;
	struct instant verify_full; /* bucket: probes that accusations cause */

	struct pool queue_pool;
	struct gossip_item *queue;
	uint32_t queue_cap;
	uint32_t heads[GOSSIP_CLASSES][SENDS_MAX]; /* index plus 1, by sends left */
	bool unsettled;             /* something is on its way, without a pause since then */
	struct instant unsettled_since, settled_since;
	bool bursting;
	struct instant burst_at;
	uint32_t burst_turn;        /* who of those that follow us gets the next one */
	struct instant gossip_full; /* buckets of bytes */
	struct instant sync_full;

	struct instant news_at;     /* the last record that was new to us */
	bool sure;                  /* a digest equalled ours since then */
	unsigned checks;            /* members asked for theirs since then */
	bool pumping;
	struct instant pump_at;
	uint32_t job_count;
	uint32_t job_turn;
	uint32_t lists_due;         /* members with list_due */
	struct instant list_began;  /* the last one of ours */
	struct instant bulk_heard;  /* an answer to lists came */
	uint64_t introduced;        /* id from which the next newcomer is told of others */
	uint32_t first_lists;       /* sent to newly reachable ones since we knew nobody */
	struct instant joined;      /* first message after we knew nobody */
	bool left;
	struct job jobs[JOB_MAX];
};

#endif
