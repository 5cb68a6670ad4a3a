/* swim.h - membership: who is there. SWIM with what Lifeguard adds.
 *
 * Members are the slots of identity/trust.h. Messages come in opened and fresh, and go out as
 * OUT_MESSAGE items (the node seals them and picks the path). Only self-signed records create or
 * revive a member. Accusations only make us look ourselves. A verdict is advice: keys and
 * sessions are not touched by it.
 */
#ifndef SWIM_SWIM_H
#define SWIM_SWIM_H

#include "base/event.h"
#include "base/outbox.h"
#include "base/rng.h"
#include "identity/record.h"

/* First payload byte of swim's messages: 0x10..0x1F. */
#define SWIM_TYPE_FIRST 0x10u
#define SWIM_TYPE_LAST 0x1Fu

struct swim;

/* How much may be spent while nothing happens, in IP bytes a second over IPv6: 200, 80, 20. */
enum swim_profile { SWIM_LAN, SWIM_WAN, SWIM_METERED, SWIM_PROFILES };

/* What follows from a key: the 8 bytes that stand for it, and its places on the circles. */
#define SWIM_RINGS 4u
struct swim_identity {
	struct public_key key;
	uint64_t id;                 /* index only: the full key decides */
	uint64_t place[SWIM_RINGS];
};
void swim_identify(const struct public_key *key, struct swim_identity *out);

struct swim_record {
	uint64_t sequence;
	struct record_kept kept;
};

/* Where keys and records lie. A node of its own keeps them in its tables. A simulator gives all its
 * nodes one store instead: the identity of slot j is the same for all that admit it, and keep()
 * returns the index in `records` of this one, which stays for as long as any of the nodes
 * exists. */
struct swim_store {
	const struct swim_identity *identities;
	const struct swim_record *records;
	uint32_t (*keep)(void *ctx, const struct record *record);
	void *ctx;
};

struct swim_config {
	uint32_t members;
	uint64_t seed;               /* of its rng */
	uint8_t hash_key[16];
	struct public_key self;
	const struct secret_key *secret; /* of self; the caller's, for as long as the room */
	enum swim_profile profile;
	struct span period;          /* probe period; 0: the profile's */
	const struct swim_store *store;  /* the caller's, for as long as the room; NULL: tables */
};

enum swim_state {
	SWIM_UNKNOWN,   /* admitted, never heard of */
	SWIM_ALIVE,
	SWIM_SUSPECT,
	SWIM_DEAD,
	SWIM_LEFT,
};

size_t swim_size(uint32_t members);
struct swim *swim_init(void *memory, const struct swim_config *config, struct instant now);

/* Admission: nothing about a key that has no slot is stored, counted, relayed or answered. */
void swim_admit(struct swim *s, uint32_t slot, const struct public_key *key, struct instant now);
void swim_forget(struct swim *s, uint32_t slot, struct instant now);
/* Whether there is a path to it at present. When it becomes reachable, it is synced with. Probing
 * asks only reachable members directly; unreachable ones are asked through others. */
void swim_reachable(struct swim *s, uint32_t slot, bool yes, struct instant now);
/* Our own record; a newer sequence is spread at once, first in every queue. */
void swim_set_self(struct swim *s, const struct record *record, struct instant now);
/* An authentic packet came from it (WireGuard, probe answer): it lives. */
void swim_proof_of_life(struct swim *s, uint32_t slot, struct instant now);
/* Two processes answer with its key: told as a conflict of the record that it has here, once for
 * each; nothing while it has none. */
void swim_conflict(struct swim *s, uint32_t slot, struct instant now);
/* The next member of whom the next tick may say that it is dead; *place is 0 to begin with. Who has
 * heard of it otherwise says so first (swim_proof_of_life). UINT32_MAX: none, or no more. */
uint32_t swim_next_due(const struct swim *s, struct instant now, uint32_t *place);

/* One fresh message from the member in `from`. */
void swim_input(struct swim *s, struct instant now, uint32_t from, struct bytes message,
		struct outbox *out);
void swim_tick(struct swim *s, struct instant now, struct outbox *out);
struct instant swim_deadline(const struct swim *s);
/* Our last record (flag RECORD_LEAVING, set by swim_set_self before) goes to everybody reachable
 * at once. */
void swim_leave(struct swim *s, struct instant now, struct outbox *out);

struct swim_info {
	enum swim_state state;
	uint64_t sequence;           /* 0: no record */
	uint64_t conflict;           /* the last sequence with two different records; 0: none, or of
	                              * one of more than 512 that has not talked for long */
	struct instant since;        /* of this state */
	struct instant last_heard;   /* from itself; zero: never */
	const struct record_kept *record; /* valid until the next call that changes s; NULL: none */
};
void swim_info(const struct swim *s, uint32_t slot, struct swim_info *out);

enum swim_fact_kind {
	SWIM_FACT_RECORD,     /* a newer record was accepted: swim_info has it */
	SWIM_FACT_ALIVE, SWIM_FACT_SUSPECT, SWIM_FACT_DEAD, SWIM_FACT_LEFT,
	SWIM_FACT_PATH_DOUBTED, /* we want to ask it and cannot, or others hear it and we do not */
	/* A cloned key: two different records of one sequence, or swim_conflict(). */
	SWIM_FACT_CONFLICT,
	/* Somebody holds a record of ours with this sequence or above, or (`by` set) accuses us
	 * with it: sign a higher one and swim_set_self() it. Four at once, then one in five
	 * seconds. */
	SWIM_FACT_OWN_NEWER,
};
struct swim_fact {
	enum swim_fact_kind kind;
	uint32_t slot;        /* UINT32_MAX: this node */
	uint32_t by;          /* accuser; UINT32_MAX: ourselves or nobody */
	uint64_t sequence;
};
bool swim_next_fact(struct swim *s, struct swim_fact *out);

/* Pings and ping-reqs are those sent; acks, nacks and records_received those that came; syncs the
 * lists begun; suspicions, deaths our own verdicts; refutations the suspicions that ended well.
 * drop_rate also counts what a full table or an exhausted budget refused. */
struct swim_counters {
	uint64_t pings, acks, ping_reqs, nacks, syncs, records_sent, records_received;
	uint64_t drop_malformed, drop_signature, drop_not_admitted, drop_stale, drop_rate;
	uint64_t suspicions, refutations, deaths;
	uint64_t conflicts;   /* sequences of which a second, different record came */
	uint32_t alive;       /* members alive or suspect at present, without ourselves */
	uint32_t suspect;     /* of these, suspect */
};
const struct swim_counters *swim_counters(const struct swim *s);

#endif
