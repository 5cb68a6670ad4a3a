/* path_impl.h - what the files of the path manager share; nobody else includes it. */
#ifndef NAT_PATH_IMPL_H
#define NAT_PATH_IMPL_H

#include "base/bucket.h"
#include "base/heap.h"
#include "base/limits.h"
#include "base/rng.h"
#include "nat/path.h"

#define PATH_ADDRESSES 12u    /* per member: what its record claims, and what it was heard from */
#define PATH_FACTS 512u
#define PATH_OBSERVERS 16u
#define PATH_IPS 4096u        /* buckets of IP addresses, by keyed hash */
#define DIALBACK_IPS 4096u    /* by keyed hash */
#define DIALBACK_CALLS 8u
#define SEED_PENDING 512u     /* calls and probes to seeds that may still be answered */
#define SEED_RATE 50u         /* calls to seeds in any second, in all */
#define NO_ADDRESS 255u
#define NO_SLOT UINT32_MAX

/* Constants of the path manager. */
#define PROBE_TIMEOUT_MIN span_ms(100)
#define PROBE_TIMEOUT_MAX span_s(1)
#define ANSWER_LATEST span_s(10)    /* an answer proves something for so long after the probe */
#define PATH_KEEP span_s(25)        /* silence after which the path in use is probed */
#define PATH_IDLE span_s(180)       /* without use, after which it is left alone */
#define PATH_CONFIRM span_s(30)     /* traffic or not, it is probed after this */
#define DOUBT_EVERY span_ms(200)    /* after an answer, before doubt probes again */
#define PATH_BEAT span_s(3)         /* the path in use is probed so often with traffic on it, */
#define PATH_ACTIVE span_s(10)      /* which is for so long after a packet */
#define PATH_KEPT span_s(7200)      /* without use; behind a NAT mappings are kept so long */
#define STANDBY_EACH span_s(20)     /* a relay beside the one in use is probed */
#define LOSS_ALL 4096u
#define ANSWERS_SWITCH 3u           /* in a row, before a better address is taken */
#define PATH_TRIES_SWITCH 2u        /* unanswered probes before another answered address is taken */
#define PATH_TRIES_LOST 4u          /* unanswered probes before the path is lost */
#define ADDRESS_TRIES_FAST 3u       /* probes to an address that never answered, before backoff */
#define BACKOFF_MAX span_s(600)
#define PATHS_ALL 64u               /* while we know where so many may be, all are probed */
#define PATHS_SHARE 32u             /* of more, each with the chance of this by their number */

struct address {
	struct endpoint to;
	bool claimed : 1;           /* in the member's newest record */
	bool waiting : 1;           /* a probe is out */
	bool starved : 1;           /* it was to be probed, but lacked credit */
	bool fresh : 1;             /* what came from there was no replay */
	bool asked : 1;             /* an answer to `id` counts, for ANSWER_LATEST from `since` */
	bool rough : 1;             /* rtt is of a repeated probe: too long, perhaps */
	uint8_t id[8];              /* of the last probe, and of those before it that it repeats */
	uint16_t tries;             /* probes unanswered in a row */
	uint16_t loss;              /* of probes, smoothed; of LOSS_ALL */
	uint8_t answers;            /* in a row; as many as ANSWERS_SWITCH, at the most */
	uint32_t credit;            /* bytes that came from there, less those sent to it; while it
	                               never answered */
	struct instant since;       /* the first probe with this id */
	struct instant sent;        /* the last probe */
	struct instant next;        /* when to probe (or give this probe up); NEVER: idle */
	struct instant answered;    /* the last answer */
	struct instant heard;       /* the last authentic packet from there */
	struct span rtt;            /* smoothed */
};

/* What the path in use takes; mtu.c. */
struct path_mtu {
	uint16_t passed;            /* the longest packet that does; 0: none is known to */
	uint16_t failed;            /* the shortest that does not; 0: none */
	uint16_t asked;             /* what the probe under way stands for; 0: there is none */
	uint16_t limit;             /* see paths_mtu */
	uint8_t tries;
	uint8_t id[8];              /* of the probes under way */
	struct instant next;        /* NEVER: when a packet goes to the peer */
	struct instant raise_at;    /* longer ones are tried again */
	struct span raise;
};

struct path {
	bool admitted;
	bool told;                  /* where it may be: counted in paths.told */
	bool shy;                   /* it is behind a NAT, by its own word */
	uint8_t best;               /* index of the address in use, or NO_ADDRESS */
	uint8_t count;
	struct instant since;       /* up or down since */
	struct instant taken;       /* when `best` came into use */
	struct instant wanted;      /* last paths_wanted */
	struct instant used;        /* by tunnel traffic, last */
	struct instant shy_until;   /* only openers go to silent claims, so long */
	struct instant claimed;     /* when silent claims were last probed for a new record */
	/* buckets: the instant at which each is full again */
	struct instant answer_full, stale_full; /* answers to fresh probes, and to others */
	struct instant called_full; /* answers to calls */
	struct instant silent_full; /* probes to claims that never answered */
	struct path_mtu mtu;
	struct address list[PATH_ADDRESSES];
};

struct seed {
	struct endpoint to;
	uint8_t source;             /* enum seed_source */
	uint32_t slot;              /* the member that answered there, or NO_SLOT */
	uint32_t met;               /* the one that did last, met elsewhere or not; or NO_SLOT */
	uint32_t first;             /* the slot that this round began with, by chance */
	uint32_t cursor;            /* next member to call, counted from there */
	uint64_t rounds;            /* unanswered rounds */
	bool asked;                 /* somebody, in this round */
	struct instant added;
	struct instant next;        /* next call; within a round paced, then after the backoff */
};

struct pending {
	uint8_t id[8];
	uint32_t slot;              /* NO_SLOT: a call */
	uint32_t seed;
	struct instant sent;        /* zero: free */
};

struct path_ping {
	enum path_ping_state state;
	uint32_t slot;
	uint8_t id[8];
	struct endpoint at;
	struct instant sent;        /* zero: not yet */
	struct instant next, until;
	struct span rtt;
};

/* One probe to many ports of an address. */
struct spray {
	uint32_t slot;
	struct ip ip;
	uint8_t id[8];
	struct instant since;       /* zero: none */
};

struct paths {
	struct paths_config config;
	struct rng rng;
	struct path *list;          /* by slot */
	struct heap due;            /* by slot */
	uint32_t top;               /* slots below this one may be admitted */
	uint32_t told;              /* members of whom we were told where they may be */
	struct span keepalive;      /* of our NAT's mappings; 0: there is no NAT */
	uint16_t mtu;               /* of the tunnel; 0: paths are not measured */
	uint32_t narrow;            /* members whose path has a limit */
	struct instant mtu_full;    /* bucket: padded probes, of all */
	struct span late;           /* by which our deadlines were missed lately */
	struct instant claim_next;  /* bucket: members whose claims were probed unasked */
	bool (*underlay)(void *ctx, const struct ip *ip);
	void *underlay_ctx;

	struct seed seeds[MAX_SEEDS];
	uint32_t seed_count;
	struct instant seed_sent[SEED_RATE]; /* the last calls to seeds, a ring */
	uint32_t seed_sent_at;
	struct instant seed_next;   /* not before this */
	struct pending pending[SEED_PENDING];
	uint32_t pending_at;
	struct instant looked_full; /* bucket: calls of others that were looked at */

	struct seen {
		struct endpoint as;
		uint8_t kind;       /* its family, and whether it is private */
		uint32_t by;
		struct instant at;  /* zero: unused */
	} seen[PATH_OBSERVERS];
	struct dialback {
		struct instant sent[DIALBACK_IPS]; /* last datagram to an address, by hash */
		struct instant from;      /* nothing counts before this */
		struct instant proved;    /* zero: never */
		struct dialled {          /* a call of somebody that nothing was sent to */
			struct endpoint by;
			uint32_t slot;
			struct instant at;  /* zero: unused */
		} calls[DIALBACK_CALLS];
		unsigned calls_at;
	} dialback;
	struct instant ip_full[PATH_IPS]; /* buckets: probes to what never answered */
	struct spray spray;
	struct path_ping pings[PATH_PINGS];
	struct {                    /* what an extra socket was last seen as */
		uint16_t socket;
		struct endpoint as;
	} extra;

	struct path_fact facts[PATH_FACTS];
	uint32_t fact_first, fact_count;
	struct paths_counters counters;
};

/* path.c */
void path_fact_add(struct paths *p, enum path_fact_kind kind, uint32_t slot,
		   const struct endpoint *e, int64_t a);
/* exact: rtt is that of the only probe with this id. */
void path_answered(struct paths *p, uint32_t slot, struct address *a, struct span rtt, bool exact,
		   struct instant now);
void path_reschedule(struct paths *p, uint32_t slot);
void path_lost(struct paths *p, uint32_t slot, struct instant now);
bool path_usable(const struct paths *p, const struct endpoint *e);
/* How long an answer of this address is waited for. */
struct span path_probe_timeout(const struct paths *p, const struct address *a);

/* mtu.c */
/* Another path, or none: it is not known what it takes. */
void path_mtu_reset(struct paths *p, uint32_t slot);
/* What was measured may not hold any more. */
void path_mtu_doubt(struct path *path, struct instant now);
/* A packet goes to the peer, and nothing is to be asked yet. */
void path_mtu_wanted(struct paths *p, uint32_t slot, struct instant now);
void path_mtu_due(struct paths *p, uint32_t slot, struct instant now, struct outbox *out);
/* False: that is not the answer to a padded probe. */
bool path_mtu_answered(struct paths *p, uint32_t slot, const struct endpoint *from,
		       const uint8_t id[static 8], struct instant now);

/* choice.c */
bool path_is_relayed(const struct path *path);
bool path_is_used(const struct paths *p, const struct path *path, struct instant now);
bool path_is_active(const struct path *path, struct instant now);
/* Whether this address, which has just answered, is to be taken now instead of the one in use. */
bool path_takes(const struct path *path, const struct address *a, struct instant now);
/* When an address that answered is probed next. */
struct instant path_answered_next(struct paths *p, const struct path *path,
				  const struct address *a, struct instant now);
/* When the address in use is probed next without a reason. */
struct instant path_keep_at(const struct paths *p, const struct path *path, struct instant now);
/* How long a direct address that does not answer waits while a relay is in use. */
struct span path_retry(const struct address *a);
void address_unanswered(struct address *a);

/* addresses.c */
/* The address with that endpoint, or NULL. */
struct address *path_find(struct paths *p, uint32_t slot, const struct endpoint *e);
/* The same, made when it is new. NULL: unusable, or no room. */
struct address *path_address(struct paths *p, uint32_t slot, const struct endpoint *e, bool fresh);
void path_drop_address(struct path *path, unsigned i);
/* Whether a probe ever went to one of its addresses. */
bool path_was_asked(const struct path *path);
/* Whether an answer of this address is still on its way, perhaps. */
bool address_asked(const struct address *a, struct instant now);

/* fire.c */
/* The TTL of the next probe to that address; 0: the system's. */
uint8_t path_opener(const struct path *path, const struct address *a, struct instant now);
bool path_spray_answer(const struct paths *p, uint32_t slot, const struct endpoint *from,
		       const uint8_t id[static 8], struct instant now);

/* probe.c */
/* hops: TTL or hop limit to leave with; 0: the system's. */
void probe_send(struct paths *p, uint32_t slot, const struct endpoint *to, uint8_t hops,
		bool longer, const uint8_t id[static 8], struct outbox *out);
/* A padded probe of len bytes on the wire, PATH_PADDED_MIN at least. */
void probe_padded(struct paths *p, uint32_t slot, const struct endpoint *to, uint32_t len,
		  const uint8_t id[static 8], struct outbox *out);
/* Whether a probe to this address is within what it may get; takes it from there. */
bool probe_allowed(struct paths *p, struct path *path, struct address *a, struct instant now);

/* ping.c */
/* The member is gone. */
void path_ping_forget(struct paths *p, uint32_t slot);
void path_ping_tick(struct paths *p, struct instant now, struct outbox *out);
struct instant path_ping_deadline(const struct paths *p);
bool path_ping_answered(struct paths *p, uint32_t slot, const struct endpoint *from,
			const uint8_t id[static 8], struct instant now);

/* seen.c */
void seen_add(struct paths *p, uint32_t slot, const struct endpoint *as, struct instant now);
void seen_forget(struct paths *p, uint32_t slot);

/* dialback.c */
void dialback_init(struct paths *p, struct instant now);
/* Our network changed: nothing is proved, and what was sent came from elsewhere. */
void dialback_reset(struct paths *p, struct instant now);
/* The member seems to call from there, which proves nothing yet. */
void dialback_called(struct paths *p, uint32_t slot, const struct endpoint *from,
		     struct instant now);
/* The member's answer came from there. */
void dialback_answered(struct paths *p, uint32_t slot, const struct endpoint *from,
		       struct instant now);
/* A packet of the member came from there. */
void dialback_heard(struct paths *p, uint32_t slot, const struct endpoint *from,
		    struct instant now);

/* seeds.c */
bool path_seeds_answer(struct paths *p, uint32_t slot, const struct endpoint *from,
		       const uint8_t id[static 8], struct instant now, struct span *rtt);
/* Who was called says that it is there: it is probed. False: no call of ours. */
bool path_seeds_here(struct paths *p, uint32_t slot, const struct endpoint *from,
		     const uint8_t id[static 8], struct instant now, struct outbox *out);
void path_seeds_lost(struct paths *p, uint32_t slot, struct instant now);
void path_seeds_wanted(struct paths *p, struct instant now);
/* It answered at that address. */
void path_seeds_met(struct paths *p, uint32_t slot, const struct endpoint *at);
void path_seeds_tick(struct paths *p, struct instant now, struct outbox *out);
struct instant path_seeds_deadline(const struct paths *p);

#endif
