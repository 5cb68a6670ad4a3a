/* wire.h - swim's messages, decoded whole or not at all (docs/protocol.md, "SWIM messages").
 *
 *   type 1 | flags 1 | id 4 | known 8 | count 4 | list 8 | digest 8 | body | items n 1 | items
 *
 * without known, count and list if BRIEF, without n and items if BARE: what idle meshes send is
 * both. A decoded message borrows the bytes it was decoded from. Nothing in it is verified but its
 * form: records in it decode, lists rise strictly and lie in their range, nothing is left over.
 */
#ifndef SWIM_WIRE_H
#define SWIM_WIRE_H

#include "base/bug.h"
#include "base/cursor.h"
#include "identity/channel.h"

#define WIRE_FLAGS_AT 1u
#define WIRE_HEADER 34u
#define WIRE_BRIEF_LEN 20u /* by so much a header is shorter */
#define WIRE_ENTRY 17u
#define WIRE_ACCUSATION 89u
#define WIRE_RECORD_HEADER 1u
/* What fits into a datagram; the count of entries also bounds an answer to them. */
#define WIRE_ENTRIES_MAX 64u
#define WIRE_ITEMS_MAX 12u
#define WIRE_BUCKETS_COUNT 256u
#define WIRE_BUCKET 4u
#define WIRE_PRINT 8u
#define WIRE_PRINTS_MAX 138u
#define WIRE_LIST_MAX (1u << 24) /* keys that a list may have */

enum wire_type {
	WIRE_PING = 0x10,      /* answered by ACK with the same id */
	WIRE_ACK = 0x11,
	WIRE_PING_REQ = 0x12,  /* target key 32: answered by FORWARDED or NACK with the same id */
	WIRE_FORWARDED = 0x13, /* the target answered the helper */
	WIRE_NACK = 0x14,      /* reason 1: it did not (yet), or the helper cannot ask it */
	WIRE_ITEMS = 0x15,     /* nothing but items */
	WIRE_LIST = 0x16,      /* first 8 | last 8 | n 1 | n times (id 8 | sequence 8 | dead 1) */
	WIRE_WANT = 0x17,      /* n 1 | n times id 8: their records are asked for */
	WIRE_BUCKETS = 0x18,   /* 256 times 4: digests by first byte of the id; answered by LISTs */
	WIRE_SCOPE = 0x19,     /* position 4 | total 4 | n 1 | n times 8: fingerprints of keys */
	WIRE_SCOPE_ASK = 0x1A, /* position 4: of the first fingerprint that is wanted */
};

enum wire_flags {
	WIRE_QUIET = 1, /* the sender has nothing queued, or too much, and suspects nobody */
	WIRE_BULK = 2,  /* ITEMS: records that answer a LIST or a WANT */
	WIRE_BRIEF = 4, /* no known, count, list: the digest says that the views are equal */
	WIRE_BARE = 8,  /* no items */
};

enum wire_nack { WIRE_NACK_SILENT, WIRE_NACK_UNKNOWN };

enum wire_item_kind { WIRE_ITEM_RECORD = 1, WIRE_ITEM_ACCUSATION = 2 };

struct wire_header {
	uint8_t type;
	uint8_t flags;
	uint32_t id;     /* of the question; 0 where there is none */
	uint64_t known;  /* sequence of the receiver's record that the sender holds; 0: none */
	uint32_t count;  /* records that the sender holds of what both admit, its own with them */
	uint64_t list;   /* tag of whom the sender admits, for this receiver; 0: not said */
	uint64_t digest; /* of what both admit, and of both lists; 0: not known */
};

struct wire_entry {
	uint64_t id;
	uint64_t sequence;
	bool dead;       /* the sender's own verdict on this sequence */
};

/* accuser says: the subject does not answer; known to me with this sequence. Whether he signed it
 * is another question (accuse.h). */
struct accusation {
	uint64_t subject;
	uint64_t sequence;
	uint64_t accuser;
	struct signature signature;
};

struct wire_item {
	enum wire_item_kind kind;
	struct bytes record;          /* decodes; nothing is verified */
	struct accusation accusation;
};

struct wire_message {
	struct wire_header h;
	struct public_key target;     /* PING_REQ */
	enum wire_nack reason;        /* NACK */
	uint64_t first, last;         /* LIST */
	struct bytes buckets;         /* BUCKETS */
	uint32_t position, total;     /* SCOPE; SCOPE_ASK: position */
	struct bytes prints;          /* SCOPE */
	unsigned entries;             /* LIST, WANT (ids only) */
	struct wire_entry entry[WIRE_ENTRIES_MAX];
	unsigned items;
	struct wire_item item[WIRE_ITEMS_MAX];
};

/* False for anything that is not exactly one message; *out is then void. */
bool wire_decode(struct bytes message, struct wire_message *out) must_check;
/* The same; a record of which is_held() says that just these bytes have been decoded before is not
 * decoded again. */
bool wire_decode_new(struct bytes message, bool (*is_held)(const void *ctx, struct bytes record),
		     const void *ctx, struct wire_message *out) must_check;

void wire_put_header(struct writer *w, const struct wire_header *h);
void wire_put_entry(struct writer *w, const struct wire_entry *e);
void wire_put_record(struct writer *w, struct bytes record);
void wire_put_accusation(struct writer *w, const struct accusation *a);

#endif
