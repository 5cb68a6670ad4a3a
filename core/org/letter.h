/* letter.h - what an introduction and an accept say inside: who I am; for this room only.
 *
 *   key 32 | n 1, n tags of common marks | p 1, p papers | zeros | signature 64
 *
 * The signature is over both ephemeral keys, in an accept the initiator's key, and a hash of all
 * that is before it; each of the two has a context string of its own.
 */
#ifndef ORG_LETTER_H
#define ORG_LETTER_H

#include "org/contact.h"

enum paper_kind { PAPER_CERTIFICATE = 1, PAPER_VOUCH = 2, PAPER_VERDICT = 3 };

/* Of our own. */
struct paper {
	enum paper_kind kind;
	struct public_key org;
	uint16_t len;
	uint8_t wire[MAX_CERTIFICATE];
};

struct letter_draft {
	enum step step;                    /* STEP_INTRODUCTION or STEP_ACCEPT */
	const struct contact *contact;
	const struct public_key *own;
	const struct secret_key *secret;
	const struct public_key *initiator; /* of an accept: whom it answers */
	const struct marks *marks;
	const struct match *match;         /* whose tags are named, and whose papers are shown */
	const struct paper *papers;
	unsigned paper_count;
};
/* Bytes that fit: at least LETTER_LEAST. Shows as many papers as do. `fill`: takes all of it.
 * Returns the length. */
#define LETTER_LEAST (32u + 1 + MARK_TAG * INTRODUCE_MATCHES + 1 + 64)
size_t letter_write(uint8_t *out, size_t room, bool fill, const struct letter_draft *d);

/* Points into what was read. */
struct letter {
	struct public_key key;
	unsigned tag_count, paper_count;
	const uint8_t *tags;
	struct { enum paper_kind kind; struct bytes wire; } papers[INTRODUCE_PAPERS];
	struct bytes body;                 /* all before the signature */
	const uint8_t *signature;
};
/* Checks the form; nothing of it is true yet. */
bool letter_read(struct letter *out, struct bytes plain) must_check;
/* The signature; initiator as in a draft. */
bool letter_verify(const struct letter *l, enum step step, const struct contact *c,
		   const struct public_key *initiator) must_check;
/* What an accept by a token says, which is all that is in it. */
bool letter_verdict(const struct letter *l, enum token_verdict *out) must_check;
/* Decodes and verifies the papers, all of which must be about the letter's key. */
bool letter_papers(const struct letter *l, struct introduced *out) must_check;

#endif
