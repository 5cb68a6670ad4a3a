/* service.h - what the parts of `service` share: whom rules are for, and the rules of one file. */
#ifndef CLI_SERVICE_H
#define CLI_SERVICE_H

#include "cli/daemon.h"
#include "cli/keys.h"
#include "control/report.h"
#include "linux/services_pending.h"

#define SERVICE_LABEL (POLICY_NAME + 16u)
#define SERVICE_RULE (SERVICES_FILE + POLICY_RULE_TEXT + 32u)

/* A peer as somebody called it: by alias, or by key in base64 or 64 hex digits. */
struct peer {
	bool has_key;
	bool by_key;                  /* called by it */
	bool trusted;
	struct public_key key;
	char hex[POLICY_NAME + 1];    /* of the key */
	char alias[MAX_NAME + 1];     /* in use for the key; "" for none */
};
/* Prints the line of an error: EXIT_USAGE for what can be no peer. Who is not trusted is none. */
enum exit_code find_peer(struct store *s, const char *word, struct peer *out);
/* Whose rules hold for the peer, too: the org of --org, or those of which a running daemon says
 * that it is a member. */
struct orgs_asked {
	char given[REPORT_MEMBERSHIPS][MAX_NAME + 1]; /* the names of their rules, in order */
	unsigned count;
	char called[REPORT_MEMBERSHIPS * (MAX_NAME + 3)]; /* all, for people: "acme, beta" */
};
void orgs_asked(struct store *s, const struct arguments *a, const struct peer *p,
		struct orgs_asked *out);
/* One whose file was read and is good. */
void peer_of_trusted(const struct trusted *t, struct peer *out);
/* EXIT_FAILED after a line that names the nearest name. */
enum exit_code nobody_known(struct store *s, enum policy_origin origin, const char *word);

/* Whose file is meant. */
struct target {
	enum policy_origin origin;    /* of a peer, an org, or global */
	char name[POLICY_NAME + 1];   /* of the file */
	char file[SERVICES_FILE];
	char label[SERVICE_LABEL];    /* "global", "peer node-1", "org eosrio" */
	char option[SERVICE_LABEL];   /* that means it: "", " --peer node-1" */
	struct peer peer;
};
/* By --peer, --org or neither. Refuses names that are not trusted and have no file, unless
 * --force. */
enum exit_code find_target(struct store *s, const struct arguments *a, struct target *out);
/* The list that holds for the peer: by key before alias. NULL: none. */
const struct service_list *list_of_peer(const struct services *sv, const struct peer *p);

/* All rules; prints the line of an error. To be freed by services_free. */
enum exit_code read_services(struct store *s, struct services *out);
/* "services/global.policy:3: deny all" */
void format_rule(const struct service_list *l, const struct policy_rule *r,
		 char out[static SERVICE_RULE]);

/* service_judge.c: the rules, compiled; the ids of their lists are the places in sv.lists. */
struct judge {
	struct services sv;
	struct policy *policy;
};
/* Of all files; prints the line of an error. To be closed in any case, zeroed before. */
enum exit_code judge_open(struct store *s, struct judge *j);
/* Of j->sv as it is. */
enum exit_code judge_compile(struct judge *j);
void judge_close(struct judge *j);
/* own: the list that is asked first, NULL: none; then those of the orgs. */
void judge_ask(const struct judge *j, const struct service_list *own,
	       const char orgs[][MAX_NAME + 1], unsigned org_count, enum policy_kind kind,
	       uint16_t port, struct policy_verdict *v);
/* Where it comes from: "services/global.policy:3: deny all". */
void judge_reason(const struct judge *j, const struct policy_verdict *v,
		  char out[static SERVICE_RULE]);
/* "allowed", "denied", "rejected" */
const char *verdict_word(const struct policy_verdict *v);

/* service_guard.c: what a change makes of the rules. */
struct outcome {
	enum { GUARD_LIST, GUARD_DEFAULT, GUARD_RESET } of;
	const struct target *target;     /* GUARD_LIST: whose file has these rules then, */
	bool gone;                       /* or is gone */
	const struct policy_rule *rules;
	size_t count;
	enum policy_default fallback;    /* GUARD_DEFAULT */
};
/* Right before the change. EXIT_FAILED after a line if it would cut the connection over which this
 * command was called, and neither --force nor --confirm-within was given. */
enum exit_code guard_connection(struct store *s, const struct arguments *a,
				const struct outcome *o);

/* services/, made when it is not there. Prints the line of an error. */
enum exit_code open_services(struct store *s, struct store *services);
/* After a change: it is in force only if all the rest is good, too. */
void warn_of_the_rest(struct store *s);
/* Says why a file is not changed; EXIT_FAILED. */
enum exit_code spoilt(const struct store *services, const char *file,
		      const struct policy_mistake *m);

/* The rules of one file, and its text, to be changed. */
struct rule_file {
	char text[POLICY_MAX_TEXT + 1];
	size_t len;
	struct policy_rule rules[POLICY_MAX_RULES];
	size_t count;
};
/* A file that is not there has no text. Prints the line of an error; a file with a bad line is one.
 * services: the folder. */
enum exit_code rule_file_read(struct store *services, const char *file, struct rule_file *out);
enum exit_code rule_file_write(struct store *services, const char *file,
			       const struct rule_file *f);
/* Puts the rule before the one with that index, or, with `count`, at the end. False: no room. */
bool rule_file_insert(struct rule_file *f, size_t index, const struct policy_rule *r) must_check;
void rule_file_remove(struct rule_file *f, size_t index);

/* What the daemon of this interface counted, if it has this directory; nothing without one. To be
 * freed by service_hits_free. */
struct service_hits {
	struct report_service *rules;
	size_t count, cap;
};
void service_hits_read(struct service_hits *h, const char *interface, const struct store *s);
/* However the daemon calls it. */
bool is_directory_of(const struct store *s, const char *path);
void service_hits_free(struct service_hits *h);
/* What was counted for a rule; line 0: the default. NULL: nothing is known. */
const struct report_service *service_hits_find(const struct service_hits *h, const char *origin,
					       const char *list, uint32_t line, const char *rule);
/* "  12 packets, 3 flows", or nothing. */
void service_hits_print(const struct service_hits *h, const char *origin, const char *list,
			uint32_t line, const char *rule);

/* service_pending.c: around each change. It takes the lock, rolls back what is overdue, and with
 * --confirm-within sees to it that somebody will roll back. change_end gives back the code of the
 * change, and says what waits for a confirmation. The line of an error was printed. */
struct change {
	int lock;
	bool asked;           /* --confirm-within */
	bool waits;           /* this change, or one before */
	bool fresh;           /* none before */
	struct services_pending mark;
};
enum exit_code change_begin(struct store *s, const struct arguments *a, struct change *c);
enum exit_code change_end(struct store *s, struct change *c, enum exit_code code);
/* Right before something is written. EXIT_TIMED_OUT after a line if nobody would roll it back any
 * more: this command was held up until its time was over. */
enum exit_code change_is_covered(struct store *s, const struct arguments *a);
enum exit_code service_confirm(struct store *s, const struct arguments *a,
			       const char *const *words, unsigned count);
/* A line on standard output if a change waits. */
void service_pending_print(struct store *s);

/* service_default.c */
enum exit_code service_default(struct store *s, const struct arguments *a,
			       const char *const *words, unsigned count);
enum exit_code service_reset(struct store *s, const struct arguments *a, const char *const *words,
			     unsigned count);
/* service_show.c: what changes nothing. `words` are those after the verb. */
enum exit_code service_list(struct store *s, const struct arguments *a, const char *const *words,
			    unsigned count);
enum exit_code service_show(struct store *s, const struct arguments *a, const char *const *words,
			    unsigned count);
/* service_explain.c */
enum exit_code service_explain(struct store *s, const struct arguments *a,
			       const char *const *words, unsigned count);
/* service_who.c */
enum exit_code service_who(struct store *s, const struct arguments *a, const char *const *words,
			   unsigned count);
/* service_learn.c */
enum exit_code service_learn(struct store *s, const struct arguments *a, const char *const *words,
			     unsigned count);

#endif
