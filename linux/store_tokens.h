/* linux/store_tokens.h - what `meshguard connect` keeps in the configuration directory.
 *
 *   invitations/ID        a token that we made, to be used once; secret
 *   invitations/ID.used   what became of it; the secret is gone
 *   invitations/ID.reply  where the joiner says that he is: ADDRESS:PORT, and "symmetric"
 *   joins/ID              a token that we join by; secret
 *   joins/ID.done         what became of that
 *   seeds/NAME.seed       where a peer was met: an address to ask after a restart
 *
 * ID is that of the token, 16 hex digits. Each file is a few lines of a word and its value. One
 * rename, ID to ID.used, decides who has an invitation; nobody is trusted before it is on disk.
 */
#ifndef LINUX_STORE_TOKENS_H
#define LINUX_STORE_TOKENS_H

#include "identity/token.h"
#include "linux/store.h"

#define INVITATION_FOLDER "invitations"
#define JOIN_FOLDER "joins"
#define SEED_FOLDER "seeds"
#define TOKEN_ID_TEXT (2 * TOKEN_ID)

enum token_outcome {
	OUTCOME_NONE,     /* the use was cut short: nobody is trusted by it */
	OUTCOME_JOINED,
	OUTCOME_ASKED,    /* somebody is there, and `connect` asks its user */
	OUTCOME_USED,     /* joins: somebody else came before */
	OUTCOME_EXPIRED,
	OUTCOME_REFUSED,
	OUTCOMES
};

struct token_file {
	char id[TOKEN_ID_TEXT + 1];
	bool ended;                  /* .used or .done */
	char name[MAX_NAME + 1];     /* what the other one is to be called, or is; may be empty */
	uint64_t expires;
	/* not ended */
	bool confirm;                /* the user is asked first */
	struct token token;          /* wipe it */
	/* ended */
	enum token_outcome outcome;
	struct sym_key mark;         /* of an invitation: to know a second one who comes */
	struct public_key key;       /* whom it was about; zero: nobody */
	struct endpoint from;        /* who waits for the user: where he is */
	uint64_t at;                 /* unix seconds */
};

/* A new invitation, or a join: text as token_make gave it. 0, or negative errno with s->error:
 * -EEXIST: that token was seen here. */
int token_store(struct store *s, const char *folder, const struct token *t, const char *text,
		const char *name, bool confirm) must_check;
/* By the name of the file, without the folder. -EBADMSG: it holds something else; or as
 * store_read. */
int token_load(struct store *s, const char *folder, const char *file,
	       struct token_file *out) must_check;
/* A use that was cut short is ended: the secret goes. Nothing, if it was not. */
void token_mend(struct store *s, const struct token_file *f);
/* True for the name of such a file. */
bool is_token_file(const char *file);
/* An invitation that nobody used is no more; -ENOENT: there is none. A join the same. */
int token_remove(struct store *s, const char *folder, const char *id) must_check;

/* Somebody with this key, at this address, comes by an invitation. What became of it, or negative
 * errno with s->error: then he may try again. OUTCOME_JOINED: he is trusted, and that is on disk;
 * OUTCOME_ASKED: the invitation is his, but the user is asked. */
int invitation_use(struct store *s, const char *id, const struct public_key *key,
		   const struct endpoint *at, uint64_t now) must_check;
/* What the user says, as invitation_use. -ENOENT: nobody waits. */
int invitation_decide(struct store *s, const char *id, bool yes, uint64_t now) must_check;
/* How our own join ended; JOINED: its maker is trusted, under the name that was wished. */
int join_end(struct store *s, const char *id, enum token_outcome outcome,
	     const struct endpoint *at, uint64_t now) must_check;

/* Where a joiner said he is; hard: at that address, by whatever port. -ENOENT: he did not. */
int reply_store(struct store *s, const char *id, const struct endpoint *at, bool hard) must_check;
int reply_load(struct store *s, const char *id, struct endpoint *out, bool *hard) must_check;

/* seeds/NAME.seed. */
int seed_load(struct store *s, const char *file, struct endpoint *out) must_check;
bool is_seed_file(const char *file);
bool seed_exists(struct store *s, const char *name);
int seed_remove(struct store *s, const char *name) must_check;

#endif
