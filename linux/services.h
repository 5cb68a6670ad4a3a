/* linux/services.h - the service rules as they lie in the configuration directory.
 *
 * services/ holds `default` (one word), `global.policy`, `peer/NAME.policy` and `org/NAME.policy`;
 * NAME is a name, or in peer/ a key in 64 lower-case hex digits. Without the folder everything is
 * allowed. All of it is taken or nothing: one file that is not to be trusted, or one bad line,
 * spoils the whole. Other files are notes of the owner.
 */
#ifndef LINUX_SERVICES_H
#define LINUX_SERVICES_H

#include "linux/store.h"
#include "policy/policy.h"

#define SERVICES_FOLDER "services"
#define SERVICES_DEFAULT "default"
#define SERVICES_GLOBAL "global.policy"
#define SERVICES_LISTS 4096u   /* files with rules */
#define SERVICES_RULES 16384u  /* in all of them */
#define SERVICES_FILE 96u      /* bytes of the longest name below services/, with its terminator */
#define SERVICES_WHY 1024u

struct service_list {
	enum policy_origin origin;
	char name[POLICY_NAME + 1]; /* "" of the global one */
	uint32_t first, count;      /* of the rules of all lists */
};

struct services {
	bool is_there;              /* the folder */
	bool has_default;           /* the file; without it the default is allow */
	enum policy_default fallback;
	struct service_list *lists; /* peers by name, orgs by name, the global one */
	uint32_t list_count, list_cap;
	struct policy_rule *rules;
	uint32_t rule_count, rule_cap;
	char bad[SERVICES_WHY];     /* the first mistake: "global.policy:3: why", or what the store
	                               says of a file */
};

/* 0, or negative errno (-EBADMSG: a bad line) with `bad` set and no lists. To be freed by
 * services_free in any case, which leaves it empty. */
int services_read(struct store *s, struct services *out) must_check;
void services_free(struct services *sv);
/* The list of that name, or NULL. */
const struct service_list *services_find(const struct services *sv, enum policy_origin origin,
					 const char *name);

/* In memory alone: the list is gone, or has these rules from now on. False: there is no room. */
void services_drop(struct services *sv, enum policy_origin origin, const char *name);
bool services_set(struct services *sv, enum policy_origin origin, const char *name,
		  const struct policy_rule *rules, size_t count) must_check;

/* "peer/NAME.policy", "org/NAME.policy", "global.policy" or, of POLICY_FROM_DEFAULT, "default":
 * below services/. */
void services_file(char out[static SERVICES_FILE], enum policy_origin origin, const char *name);
/* 64 lower-case hex digits. */
bool services_is_key(const char *name, size_t len);

/* Removes services/ with all of it, in one step for who reads it. -EEXIST with s->error naming what
 * is in there and not ours; then nothing was removed. -ENOENT: there is none. */
int services_remove(struct store *s) must_check;

#endif
