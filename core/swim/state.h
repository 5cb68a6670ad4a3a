/* state.h - what the files of this room share; no other room includes it.
 *
 * A call from outside sets s->now and s->out and does all its work with them; out is NULL where
 * the contract gives none, and what has to be sent is then left to the next tick (leave() in
 * swim.c makes its deadline).
 *
 * Memory per member: a struct member, a struct record_kept (8 bytes where a simulator shares the
 * records of its nodes) and indexes of 32 bits. Everything lies in one block, in arrays by slot,
 * touched only as slots are used.
 */
#ifndef SWIM_STATE_H
#define SWIM_STATE_H

#include "base/heap.h"
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
#define RINGS 4u                 /* beyond it, the successor on each of these rings */
#define LOOKERS 2u               /* so many before a member on each ring look at once */
#define WATCHERS 4u              /* and so many may accuse it */
#define QUEUE_MAX 4096u
#define SENDS_MAX 16u
#define JOB_MAX 64u
#define JOBS_PER_PEER 32u
#define LISTS_AT_ONCE 4u
#define SCOPE_MAX 256u          /* peers whose list is not ours */

struct member {
	struct public_key key;
	uint64_t id;                /* index only: the full key decides */
	uint64_t sequence;          /* of the stored record; never falls; 0: none */
	uint64_t conflict;          /* the sequence that a conflict was told of */
	uint64_t told;              /* sequence of our record that it said it holds */
	uint64_t digest;            /* of the view that we share, as it last said; 0: unknown */
	uint64_t list;              /* tag of whom it admits, as it last said; 0: unknown */
	uint32_t count;
	uint32_t by;                /* first accuser; NONE: we */
	struct instant since;       /* of state */
	struct instant heard;       /* from itself */
	struct instant probed;      /* last probe of ours began */
	struct instant listed;      /* last LIST of ours to it began */
	struct instant own_sent;    /* our record went to it */
	struct instant credit_since;
	/* token buckets: the instant at which each is full again */
	struct instant verify_full; /* signatures checked for it as a sender */
	struct instant accept_full; /* records accepted about it */
	struct instant answer_full; /* records and wants sent to it unasked */
	struct instant accuse_full; /* members that its lists make us look at */
	struct instant heed_full;   /* accusations heeded of it as an accuser */
	struct instant scope_full;  /* SCOPE_ASKs of it answered */
	struct instant parts_full;  /* SCOPEs of it taken in */
	uint32_t near;              /* index in s->near plus 1 */
	uint32_t scope;             /* index in s->scopes plus 1 */
	uint32_t suspicion;         /* index in s->suspicions plus 1 */
	uint32_t item;              /* of its record in the queue plus 1 */
	uint32_t fact_next;         /* list of members with facts; slot plus 1 */
	uint8_t facts;              /* bits FACT_* */
	uint8_t was_right, was_wrong; /* accusations of others, since credit_since */
	uint8_t state;              /* enum swim_state */
	uint8_t reported;           /* the state that the last fact told */
	uint8_t list_wait;          /* exponent of the wait before the next LIST */
	bool used;
	bool reachable;
	bool was_dead;              /* and does not know it yet */
	bool estranged;             /* was dead, and its view not seen equal to ours since */
	bool list_due;
	bool list_first;            /* LIST wanted as soon as we know what it admits */
	bool lost;                  /* dead only because we heard nobody at all */
	bool stranger;              /* reachable, and no record of it yet */
	bool in_facts;
};

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
	struct instant nack_at;     /* NEVER: said */
	struct instant ends;
};

struct suspicion {
	uint32_t slot;
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
	/* cap + 1 of one of these, valid where member.sequence is not 0: member_record() */
	const struct swim_store *store; /* NULL: the records are ours */
	struct record_kept *records;
	const struct record_kept **shared;
	uint32_t *by_id;            /* slots, this node's with them, by rising id (and slot) */
	uint32_t known;             /* entries of by_id */
	uint32_t *rings;            /* RINGS times cap + 1 slots, sorted by place */
	uint32_t ringed;            /* on each ring: this node and who has a record */
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
	uint32_t greet_exponent;
	struct instant greet_at, greeted;

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
	struct instant unsettled_since;
	bool bursting;
	struct instant burst_at;
	uint32_t burst_turn;        /* who of those that follow us gets the next one */
	struct instant gossip_full; /* buckets of bytes */
	struct instant sync_full;

	bool pumping;
	struct instant pump_at;
	uint32_t job_count;
	uint32_t job_turn;
	uint32_t lists_due;         /* members with list_due */
	uint32_t first_lists;       /* sent to newly reachable ones since we knew nobody */
	struct instant joined;      /* first message after we knew nobody */
	bool left;
	struct job jobs[JOB_MAX];
};

/* Takes one of `burst` tokens that come back one in `each`; *full: when all are back. */
static inline bool bucket_take(struct instant *full, struct instant now, struct span each,
			       uint64_t burst)
{
	if (instant_before(*full, now))
		*full = now;
	if (instant_since(*full, now).ns > (burst - 1) * each.ns)
		return false;
	*full = instant_add(*full, each);
	return true;
}

#endif
