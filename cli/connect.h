/* connect.h - what the files of `connect` share. */
#ifndef CLI_CONNECT_H
#define CLI_CONNECT_H

#include "cli/command.h"
#include "cli/keys.h"
#include "control/report.h"
#include "linux/store_tokens.h"

#define CONNECT_MINUTES 10u

struct connect {
	struct store store;
	struct identity identity;
	struct secret_key secret;      /* wipe it */
	const char *interface;         /* for a daemon that we start */
	const char *name;              /* --name, or "" */
	struct report_node node;       /* of the daemon that serves this directory */
	bool started;                  /* by us */
	bool exchange_only;            /* it has no rights to make a tunnel */
};

/* connect_daemon.c: one that serves this directory, started if there is none. */
enum exit_code connect_daemon(struct connect *c, const struct prefix *prefix);
/* Nothing came of it, or nothing more can: one that we started ends. */
void connect_stop(const struct connect *c);
/* Waits, and false when the user interrupted; prints how it went with the peer. */
bool connect_tunnel(const struct connect *c, const struct public_key *key);
/* What we are told of the peer with this key; false: it is not known. */
bool connect_peer(const struct connect *c, const struct public_key *key, struct report_peer *out);
/* Where this host may be reached, best first, and whether anybody can from anywhere as far as was
 * seen, and not only said by a router. Waits a moment for what others see. */
bool connect_candidates(struct connect *c, struct token *t);
/* Members that hear for us that somebody comes, and that anybody can reach; the name of the first
 * goes to name, "" for none. */
void connect_introducers(const struct connect *c, struct token *t, char name[static MAX_NAME + 1]);
/* Where others see this host from the Internet, by a family that the maker of the token has, too;
 * hard: the port is another one for each of them. False: nobody told. */
bool connect_seen_as(struct connect *c, const struct token *t, struct endpoint *out, bool *hard);
/* STUN servers were asked and none has answered, and no member does. */
bool connect_hears_nobody(const struct connect *c);

/* connect_wait.c: what happens while a human waits. */
void connect_catch(void);              /* signals that end a program end the wait instead */
extern volatile int connect_interrupted;
/* A tenth of a second, or until a whole line came on standard input, if it is looked at: then true,
 * with the line. The end of standard input makes `look` false. */
bool connect_pause(bool *look, char *line, size_t cap);

/* What both sides say of the peer when all is written. */
void connect_say(const struct connect *c, const struct token_file *f);
/* connect_generate.c, connect_join.c, connect_list.c */
enum exit_code connect_generate(struct connect *c, uint32_t minutes, bool confirm, bool qr);
enum exit_code connect_reply(struct connect *c, const char *code);
enum exit_code connect_join(struct connect *c, const char *word);
enum exit_code connect_list(struct store *s);
enum exit_code connect_cancel(struct store *s, const char *id);

/* Directory and identity, and that the name is free. */
enum exit_code connect_open(struct connect *c);

#endif
