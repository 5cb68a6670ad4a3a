/* punch_impl.h - what the files of punching share; nobody else includes it. */
#ifndef NAT_PUNCH_IMPL_H
#define NAT_PUNCH_IMPL_H

#include "base/bucket.h"
#include "base/heap.h"
#include "base/rng.h"
#include "identity/record.h"
#include "nat/punch.h"

#define RUNS 64u               /* at once; who comes later waits for the next attempt */
#define NOBODY UINT32_MAX
#define VIAS 3u                /* members that are asked to help, one after the other */

/* Constants of the birthday (docs/nat.md, E5). */
#define BIRTHDAY_SOCKETS 256u
#define BIRTHDAY_PROBES 2048u
#define BIRTHDAY_AFTER span_ms(450)  /* of the first opener: plain probes come first */
#define BIRTHDAY_PROBES_AFTER span_ms(600) /* some sockets are open by then */
#define BIRTHDAY_BURST 2u            /* for each member: the first may go wrong */
#define BIRTHDAY_EACH span_s(600)    /* then one in so long */
#define BIRTHDAY_IP_BURST 4u         /* to one address at once, then one in */
#define BIRTHDAY_IP_EACH_S 150u
#define BIRTHDAY_IP_EACH span_s(BIRTHDAY_IP_EACH_S)
#define BIRTHDAY_ALL_BURST 16u       /* of this node at once, then one in */
#define BIRTHDAY_ALL_EACH_S 30u
#define BIRTHDAY_ALL_EACH span_s(BIRTHDAY_ALL_EACH_S)
#define BIRTHDAY_IPS 64u             /* addresses that are remembered: more than matter */
#define SOCKETS_A_TICK 16u
#define SOCKETS_EVERY span_ms(25)
#define PROBES_A_TICK 8u
#define PROBES_EVERY span_ms(16)
#define LATE_MOST span_ms(200)       /* of lateness is made up for */
#define PREDICT 20u                  /* ports beyond and before the one that was seen last */
#define PREDICT_SOCKETS 25u          /* where both sides count their ports */
#define PREDICT_ROUNDS 3u            /* of whole probes from all of those */
#define PREDICT_AFTER span_ms(250)   /* the sockets are open: the other side's shall be, too */
#define PREDICT_LASTS span_ms(2300)
#define SOCKET_LATELY span_s(60)

enum run_state { RUN_FREE, RUN_SOCKET, RUN_ASKED, RUN_ANSWERED, RUN_FIRES };

struct run {
	uint8_t state;              /* enum run_state */
	bool asks;                  /* it is we who ask */
	bool fresh;
	bool birthday;              /* both sides take part in one */
	uint8_t kind;               /* of the other's NAT, as it said last */
	struct ip sees;             /* where the one that hands on reaches the other */
	uint8_t shots;              /* fired */
	uint8_t vias;               /* that were asked */
	uint32_t slot, via;
	uint32_t tried[VIAS];
	uint16_t socket;            /* of ours, when fresh */
	uint8_t asked[8], answered[8];
	uint64_t epoch;             /* of the ask that waits for its answer */
	struct instant since;       /* asked */
	struct instant begin;       /* of the firing */
	struct instant next;
	unsigned count;
	struct endpoint list[MAX_CANDIDATES];
};

struct punch_peer {
	bool admitted, first, runs;
	bool nobody;                /* at the last attempt nobody could help */
	bool news;                  /* its record or ours changed during the run */
	uint8_t kind;
	uint8_t attempts;           /* since the last news */
	uint64_t claims;            /* a hash of what its record says */
	struct instant ask_full, pass_full; /* buckets: asks of it, and what it has handed on */
	struct instant birthday_full; /* bucket */
};

enum socket_state { SOCKET_CLOSED, SOCKET_RUNS, SOCKET_KEPT, SOCKET_CLOSES };
struct extra_socket {
	uint8_t state;              /* enum socket_state */
	uint32_t slot;              /* whose path it is for */
	uint32_t via;               /* who was asked how it looks; NOBODY */
	struct instant check;       /* kept: whether it is used */
};

struct punches {
	struct punches_config config;
	struct rng rng;
	uint8_t kind;               /* of our own NAT */
	unsigned own_count;
	struct endpoint own[MAX_CANDIDATES];
	struct punch_peer *list;    /* by slot */
	struct heap due;            /* when to try next, by slot */
	uint32_t top;
	struct run runs[RUNS];
	unsigned running;
	struct extra_socket sockets[PUNCH_SOCKETS + 1]; /* the first is the main one: unused */
	struct instant close_at;    /* sockets are to be looked at; NEVER: none */
	struct instant pass_full;   /* bucket: what is handed on, in all */
	struct birthday {           /* the one of this node */
		uint32_t slot;      /* NOBODY: none */
		bool hard;          /* it is we who open sockets */
		bool predicted;     /* both do: each is probed where its ports have got to */
		uint8_t rounds;     /* predicted: of whole probes, so far */
		uint32_t done;      /* sockets opened, or probes sent */
		struct endpoint to; /* the easy side; or the hard one, with its port seen last */
		uint8_t kind;       /* of the hard side */
		struct instant next, ends;
	} birthday;
	struct target {
		struct ip ip;
		struct instant full; /* bucket */
	} targets[BIRTHDAY_IPS];
	struct instant birthdays_full; /* bucket: all of this node */
	struct punch_counters counters;
};

/* punch.c */
struct run *run_of(struct punches *u, uint32_t slot); /* NULL: none */
struct run *run_new(struct punches *u, uint32_t slot, uint32_t via); /* NULL: too many */
void run_end(struct punches *u, struct run *r);
void run_says(struct punches *u, const struct run *r, enum punch_step step, uint64_t epoch,
	      struct outbox *out);
void run_answers(struct punches *u, struct run *r, struct instant now, struct outbox *out);
/* A socket of its own; it waits for what that looks like. */
void run_opens(struct punches *u, struct run *r, struct instant now, struct outbox *out);
void run_fires(struct punches *u, struct run *r, struct instant at, struct instant now);

/* birthday.c */
/* Whether one may begin here: the other's address is known to be its own, and none is going on;
 * both sides count their ports, or exactly one is hard, the other not public, and there were not
 * too many lately. */
bool birthday_may(struct punches *u, const struct run *r, struct instant now);
void birthday_begin(struct punches *u, const struct run *r, struct instant now);
void birthday_end(struct punches *u, uint32_t slot);
void birthday_tick(struct punches *u, struct instant now, struct outbox *out);
/* A socket of ours for that member; 0: none is left. */
uint16_t socket_open(struct punches *u, uint32_t slot, struct outbox *out);
/* Those of that member are closed, but not while they are used. */
void sockets_release(struct punches *u, uint32_t slot, struct instant now);
/* Those of that member are closed. */
void sockets_forget(struct punches *u, uint32_t slot);
void sockets_tick(struct punches *u, struct instant now, struct outbox *out);

static inline bool kind_is_hard(uint8_t kind)
{
	return kind == NAT_HARD || kind == NAT_HARD_SEQUENTIAL;
}
/* Both sides count their ports: where both have got to can be predicted. */
static inline bool kinds_count(uint8_t a, uint8_t b)
{
	return a == NAT_HARD_SEQUENTIAL && b == NAT_HARD_SEQUENTIAL;
}

#endif
