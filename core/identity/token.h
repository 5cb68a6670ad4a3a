/* token.h - the mg:// token that brings two strangers together, and the short code that one of them
 * may have to read out to the other (docs/protocol.md, "Token").
 *
 * A token says who its maker is and where, and holds a secret. Whoever has it may come in, once.
 * It is signed, so that nobody on its way can make it point elsewhere. A token is either made here
 * or read here, where its signature is checked: there is none that was not.
 */
#ifndef IDENTITY_TOKEN_H
#define IDENTITY_TOKEN_H

#include "base/bug.h"
#include "base/endpoint.h"
#include "base/limits.h"

#define TOKEN_TEXT 600u          /* characters that are looked at, at most; ours are below 460 */
#define TOKEN_ID 8u
#define TOKEN_SECRET 16u
#define TOKEN_CANDIDATES MAX_CANDIDATES
#define TOKEN_INTRODUCERS 2u
#define TOKEN_SECONDS_MAX UINT64_C(86400) /* between its making and its end */

enum token_kind {
	TOKEN_HOST,      /* an address of the host itself */
	TOKEN_SEEN,      /* others see it there */
	TOKEN_MAPPED,    /* a router forwards this port */
	TOKEN_ANNOUNCED, /* its owner says so */
};

struct token_candidate {
	struct endpoint at;          /* address and port */
	uint8_t kind;                /* enum token_kind */
	bool open;                   /* anybody may send there; else the way must be opened first */
};

struct token_introducer {
	uint8_t key[8];              /* the first bytes of the member's key */
	struct token_candidate at;
};

struct token {
	struct public_key key;       /* who made it */
	uint8_t id[TOKEN_ID];
	uint8_t secret[TOKEN_SECRET];
	uint64_t expires;            /* unix seconds, below 2^40 */
	struct prefix prefix;        /* IPv4 prefix of its maker's mesh */
	bool closed;                 /* its maker is reached by nobody but whom he called */
	bool hard;                   /* his NAT uses another port for each destination */
	uint8_t candidate_count, introducer_count;
	struct token_candidate candidates[TOKEN_CANDIDATES];
	struct token_introducer introducers[TOKEN_INTRODUCERS];
};

enum token_problem {
	TOKEN_OK,
	TOKEN_TOO_LONG,
	TOKEN_NO_SCHEME,     /* does not begin with mg:// */
	TOKEN_BAD_CHARACTER, /* not base64url without padding */
	TOKEN_BAD_VERSION,   /* of a version or with a flag that is not known here */
	TOKEN_MALFORMED,     /* cut short, too long, or a value out of range */
	TOKEN_FORGED,        /* not what its maker signed */
};

/* What the maker of a token says to who comes with it. */
enum token_verdict {
	VERDICT_ACCEPTED,              /* he is trusted from now on */
	VERDICT_ASKED,                 /* a human is asked: come again */
	VERDICT_USED,                  /* somebody else came before */
	VERDICT_EXPIRED,
	VERDICT_REFUSED,               /* the human said no */
	VERDICTS
};

/* The text of a token, with a terminator. Wipe it: it is a secret. False if token_read would refuse
 * it. `key` that is not the secret's, and counts above the maxima, are BUGs. */
bool token_make(const struct token *t, const struct secret_key *secret,
		char out[static TOKEN_TEXT + 1]) must_check;
/* White space around it, and line breaks inside, do not count. *out is written only when all is
 * good; whether it is over is the caller's question. */
enum token_problem token_read(const char *text, size_t len, struct token *out) must_check;
/* For a message: what is wrong with it. */
const char *token_problem_text(enum token_problem p);

/* What the tags of a first contact by this token are keyed with. It tells nothing of the secret. */
void token_mark(const struct token *t, struct sym_key *out);
/* The same for an introducer, who learns this one and so can hear that somebody comes, and cannot
 * come himself. */
void token_bell(const struct token *t, struct sym_key *out);

/* 20 characters for an IPv4 address, 39 for IPv6, in groups of five. */
#define TOKEN_REPLY (39u + 7u + 1u)
/* The code by which the joiner tells where he is seen; a MAC in it is keyed by the secret. hard: of
 * the address alone, for his NAT uses another port for each destination. */
void token_reply(const struct token *t, const struct endpoint *at, bool hard,
		 char out[static TOKEN_REPLY]);
/* Upper and lower case are one, as are O and 0, and I, L and 1; blanks and dashes do not count.
 * False: not a code for this token; *out and *hard are untouched. */
bool token_reply_read(const struct token *t, const char *text, size_t len, struct endpoint *out,
		      bool *hard) must_check;

/* What two people compare by voice: eight groups of four hex digits, of a hash of the key. */
#define FINGERPRINT_TEXT 40u
void fingerprint_format(const struct public_key *key, char out[static FINGERPRINT_TEXT]);

#endif
