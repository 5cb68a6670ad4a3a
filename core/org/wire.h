/* wire.h - the messages of spread, decoded whole or not at all (docs/protocol.md, "What orgs said,
 * spread").
 *
 *   ORGS     30 | flags 1 | echo 1 | n times (print 8 | digest 8)
 *   BUCKETS  31 | print 8 | 64 times sum 8
 *   HAVE     32 | print 8 | n times hash 8
 *   WANT     33 | print 8 | n times hash 8
 *   OBJECTS  34 | flags 1 | n times (kind 1 | certificate or statement)
 *
 * A decoded message borrows the bytes it was decoded from. Nothing in it is verified but its form;
 * of an object that is its length and its kind.
 */
#ifndef ORG_WIRE_H
#define ORG_WIRE_H

#include "base/bug.h"
#include "base/cursor.h"
#include "identity/channel.h"
#include "identity/trust.h"

#define SPREAD_BUCKETS 64u
#define SPREAD_HASHES 128u      /* in one HAVE or WANT */
#define SPREAD_OBJECTS 8u       /* in one message: the smallest have 149 bytes */

enum spread_type {
	SPREAD_MSG_ORGS = 0x30,
	SPREAD_MSG_BUCKETS = 0x31,
	SPREAD_MSG_HAVE = 0x32,
	SPREAD_MSG_WANT = 0x33,
	SPREAD_MSG_OBJECTS = 0x34,
};

enum spread_flags {
	SPREAD_ASK = 1,     /* ORGS: to be answered */
	SPREAD_ANSWER = 2,  /* ORGS: echo is that of the question */
	SPREAD_BULK = 1,    /* OBJECTS: they answer a WANT */
};

enum spread_kind { SPREAD_CERTIFICATE = 1, SPREAD_STATEMENT = 2 };

struct spread_object {
	enum spread_kind kind;
	struct bytes wire;
};

struct spread_message {
	enum spread_type type;
	uint8_t flags;           /* ORGS, OBJECTS; unknown ones are kept */
	uint8_t echo;            /* ORGS */
	uint64_t print;          /* BUCKETS, HAVE, WANT */
	struct bytes list;       /* ORGS: pairs; BUCKETS: sums; HAVE, WANT: hashes */
	unsigned objects;
	struct spread_object object[SPREAD_OBJECTS];
};

/* False for anything that is not exactly one message; *out is then void. */
bool spread_decode(struct bytes message, struct spread_message *out) must_check;

/* Whose object it is, by its form alone. */
void spread_object_org(const struct spread_object *o, struct public_key *out);

#endif
