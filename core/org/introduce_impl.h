/* introduce_impl.h - what the files of this room share; nobody else includes it. */
#ifndef ORG_INTRODUCE_IMPL_H
#define ORG_INTRODUCE_IMPL_H

#include "base/rng.h"
#include "crypto/aead.h"
#include "org/letter.h"
#include "org/sources.h"

#define COOKIE 16u
#define ECHO 8u                 /* of the initiator's ephemeral key */
#define HELLO_STEP 16u          /* tags come in multiples of this */
#define HELLO_LEN(tags) (1u + 32u + (tags) * MARK_TAG)
#define HELLO_LEAST HELLO_LEN(HELLO_STEP)
#define HELLO_MOST HELLO_LEN(INTRODUCE_MARKS)
#define WELCOME_HEADER (1u + ECHO + 32u)
#define WELCOME_INNER (COOKIE + MARK_TAG * INTRODUCE_MATCHES)
#define WELCOME_LEN (WELCOME_HEADER + XAEAD_NONCE + WELCOME_INNER + AEAD_TAG)
#define INTRODUCTION_HEADER (1u + 32u + 32u + COOKIE)
#define INTRODUCTION_LEN MAX_DATAGRAM
#define INTRODUCTION_LETTER (INTRODUCTION_LEN - INTRODUCTION_HEADER - XAEAD_NONCE - AEAD_TAG)
#define ACCEPT_HEADER (1u + ECHO)
#define ACCEPT_OVERHEAD (ACCEPT_HEADER + XAEAD_NONCE + AEAD_TAG)
#define ACCEPT_LETTER (MAX_DATAGRAM - ACCEPT_OVERHEAD)

#define HELLO_RATE 50u          /* in any second, in all */
#define TURN_LIFE span_s(120)   /* of a responder's ephemeral key; then as long as the former */
#define REPLAYS 256u
#define RUNG 8u
#define POKED_TARGETS 8u        /* addresses where only a hello said that somebody is */

_Static_assert(WELCOME_LEN <= HELLO_LEAST, "no answer is longer than its question");
_Static_assert(INTRODUCE_MARKS % HELLO_STEP == 0, "tags are padded");

/* Where we ask. */
struct target {
	struct endpoint to;
	bool known;
	bool token;                 /* asked by the mark of this token alone: */
	uint8_t id[TOKEN_ID];
	bool poked;                 /* asked once for each hello that came from there */
	uint8_t hops;               /* that a hello to it goes; 0: all */
	uint8_t farther;            /* than that the next one does, to pass several NATs */
	bool searches;              /* at random ports of this address */
	uint32_t left, rate;        /* so many of them, so many a second */
	enum ask_state { ASK_NOTHING, ASK_HELLO, ASK_INTRODUCED } state;
	uint8_t bad;                /* welcomes to this hello that were none */
	struct instant since;       /* how long we have been asking */
	struct instant next;        /* when to send a hello */
	struct instant until;       /* when secrets are forgotten; NEVER: there are none */
	struct dh_secret secret;    /* of contact.initiator */
	struct sym_key draws;       /* of this hello: it is sent again as it was */
	struct sym_key accept;      /* once introduced */
	struct contact contact;
};

/* What answers strangers for a while, without keeping anything of them. */
struct turn {
	bool used;
	struct instant born;
	struct dh_secret secret;
	struct dh_public public;
	struct sym_key cookie;
};

struct introductions {
	struct random *random;
	struct rng rng;
	uint8_t hash_key[16];
	const struct secret_key *secret;
	struct public_key own;
	struct dh_public twin;
	struct marks marks;
	struct marks token_marks;   /* in the order of: */
	struct introduce_token tokens[INTRODUCE_TOKENS];
	struct rung { uint8_t id[TOKEN_ID]; struct endpoint from; } rung[RUNG];
	unsigned rung_count;
	struct paper papers[2 * INTRODUCE_PAPERS];
	unsigned paper_count;
	struct introduce_counters counters;

	/* initiator */
	struct target targets[INTRODUCE_TARGETS];
	unsigned target_count;
	struct instant sent[HELLO_RATE]; /* the last hellos, a ring */
	unsigned sent_at;
	struct instant send_next;        /* not before this */

	/* responder */
	struct turn turns[2];            /* the present and the former */
	struct instant match_full, welcome_full, verify_full; /* buckets */
	uint64_t replays[REPLAYS];       /* hashes of ephemeral keys that were introduced, a ring */
	unsigned replay_at;
	struct sources hellos, letters;
};

/* ask.c - the initiator */
void ask_forget(struct target *t);
void ask_again(struct introductions *x, struct instant now); /* all that are not known */
void ask_tokens_changed(struct introductions *x);
/* The maker of a token that we have said hello from there. */
void ask_poked(struct introductions *x, unsigned token, const struct endpoint *from,
	       struct instant now);
bool ask_is_ours(const struct introductions *x, const struct dh_public *ephemeral);
void ask_tick(struct introductions *x, struct instant now, struct outbox *out);
struct instant ask_deadline(const struct introductions *x);
void ask_welcome(struct introductions *x, struct instant now, const struct endpoint *from,
		 struct bytes d, struct outbox *out);
bool ask_accept(struct introductions *x, struct instant now, const struct endpoint *from,
		struct bytes d, struct introduced *who) must_check;

/* answer.c - the responder */
void answer_hello(struct introductions *x, struct instant now, const struct endpoint *from,
		  struct bytes d, struct outbox *out);
bool answer_introduction(struct introductions *x, struct instant now, const struct endpoint *from,
			 struct bytes d, struct introduced *who) must_check;
void answer_tick(struct introductions *x, struct instant now);
struct instant answer_deadline(const struct introductions *x);

/* introduce.c - the marks that a contact may be by: ours, or those of tokens. */
const struct marks *introduce_match(const struct introductions *x, struct match *m, enum step step,
				    const struct contact *c, const uint8_t *tags, unsigned count);

/* introduce.c - what both sides read alike. First whose it is: a key that is not ours, with a good
 * signature. Then the common marks and the papers. False: counted. */
bool introduce_signer(struct introductions *x, const struct letter *l, enum step step,
		      const struct contact *c, struct introduced *who) must_check;
bool introduce_papers_of(struct introductions *x, const struct letter *l, enum step step,
			 const struct contact *c, struct introduced *who) must_check;

#endif
