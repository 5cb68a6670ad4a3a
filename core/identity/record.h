/* record.h - what a node says about itself, signed by itself; the only thing that makes a member.
 *
 * A claim is decoded, a record is verified; only record_verify (and record_sign) make a record,
 * and every function that changes state takes a record. Bytes: docs/protocol.md, "Node record".
 */
#ifndef IDENTITY_RECORD_H
#define IDENTITY_RECORD_H

#include "base/bug.h"
#include "base/endpoint.h"
#include "base/limits.h"

enum record_flags {
	RECORD_RELAYS = 1,
	RECORD_KERNEL = 2,
	RECORD_LEAVING = 4,
	RECORD_SETTLED = 8,  /* has held its IPv4 address for a while among others */
};
/* How the NAT between a node and the others maps it, by its own word; a hint, never a proof. What
 * is above the last one counts as unknown. */
enum nat_kind {
	NAT_UNKNOWN,
	NAT_PUBLIC,     /* none: it is seen under an address of its own, or was dialled back */
	NAT_EASY,       /* one outside port for all destinations, as far as is known: also with one
	                   observer only. Filtering is not said */
	NAT_HARD,       /* another outside port for each destination, by chance */
	NAT_HARD_SEQUENTIAL, /* the same, in a row: observers saw ports at most 20 apart */
	NAT_KINDS,
};
/* Bits of the flags: 1 + the address index that it left as a settled holder; 0: none. */
#define RECORD_LEFT_SHIFT 8u
#define RECORD_LEFT_MASK 31u
#define RECORD_RELAY_MAX 4u
#define RECORD_ROUTE_MAX 4u
/* "This key is dead": no higher number can follow. */
#define RECORD_SEQUENCE_DEAD UINT64_MAX

struct record_body {
	struct public_key key;
	uint64_t sequence;             /* from 1 */
	struct prefix prefix;          /* IPv4 mesh prefix, /8 to /24 */
	uint8_t address_index;         /* j; ADDRESS_INDEXES: IPv6-only */
	uint8_t nat_kind;              /* enum nat_kind; unknown values are kept */
	uint16_t flags;                /* enum record_flags; unknown bits are kept */
	uint8_t certificate[8];        /* hash; zero: none */
	char name[MAX_NAME + 1];       /* a label that the node gives itself; may be empty */
	uint8_t candidate_count;
	struct endpoint candidates[MAX_CANDIDATES]; /* address and port travel, scope does not */
	uint8_t relay_count;
	struct public_key relays[RECORD_RELAY_MAX];
	uint8_t route_count;
	struct prefix routes[RECORD_ROUTE_MAX]; /* offers */
};

struct record_claim {
	struct record_body body;
	uint16_t len;
	uint8_t wire[MAX_RECORD];
};
struct record { /* verified */
	struct record_body body;
	uint16_t len;
	uint8_t wire[MAX_RECORD];
};

/* A verified record as tables keep it: its bytes. */
struct record_kept {
	uint16_t len;
	uint8_t wire[MAX_RECORD];
};

/* Exactly one record in `wire`; checks lengths, ranges, name, candidates (unicast, port not 0),
 * canonical form. *out is a claim only if it returns true. Whether the key is admitted, and a valid
 * point, is the caller's question. */
bool record_decode(struct bytes wire, struct record_claim *out) must_check;
/* The signature of the key in the claim; design, section 4. */
bool record_verify(const struct record_claim *claim, struct record *out) must_check;
/* Only a verified record can be kept, so what comes back is one. */
void record_keep(const struct record *record, struct record_kept *out);
void record_unkeep(const struct record_kept *kept, struct record *out);
/* Signs a body of ours; false if it does not fit MAX_RECORD, or if record_decode would
 * refuse it. A key that is not the secret's and counts above the maxima are BUGs. */
bool record_sign(const struct record_body *body, const struct secret_key *secret,
		 struct record *out) must_check;
/* For queues: length of the record that starts here, from its own header; 0 if malformed or cut
 * short. */
size_t record_length(struct bytes wire);
/* Whose it is; only where record_length is not 0. */
void record_key(struct bytes wire, struct public_key *out);

#endif
