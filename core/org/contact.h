/* contact.h - keys and tags of one first contact; for this room only. */
#ifndef ORG_CONTACT_H
#define ORG_CONTACT_H

#include "base/bug.h"
#include "org/introduce.h"

#define MARK_TAG 8u

/* The first byte of each datagram; it also tells the keys and tags of the steps apart. */
enum step { STEP_HELLO = 0xE2, STEP_WELCOME = 0xE3, STEP_INTRODUCTION = 0xE4, STEP_ACCEPT = 0xE5 };

/* The ephemeral keys of both sides. */
struct contact {
	struct dh_public initiator, responder;
};

struct marks {
	unsigned count;
	bool open;                     /* the first one stands for "open" */
	struct sym_key list[INTRODUCE_MARKS];
};

/* Numbers of common marks, in the order of our own. */
struct match {
	unsigned count;
	uint8_t mark[INTRODUCE_MATCHES];
};

/* The mark that stands for "open". */
void contact_open_mark(struct sym_key *out);
/* The key that this step is sealed with. */
void contact_key(struct sym_key *out, enum step step, const struct dh_secret *shared,
		 const struct contact *c);
/* The tag of a mark in this step; in a hello there is no responder yet. */
void contact_tag(uint8_t out[static MARK_TAG], enum step step, const struct sym_key *mark,
		 const struct contact *c);
/* Which of our marks have a tag among these. */
void contact_match(struct match *out, enum step step, const struct marks *marks,
		   const struct contact *c, const uint8_t *tags, unsigned count);

#endif
