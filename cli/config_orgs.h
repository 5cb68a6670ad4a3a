/* config_orgs.h - what `config show` says about organisations and denied keys. */
#ifndef CLI_CONFIG_ORGS_H
#define CLI_CONFIG_ORGS_H

#include "cli/format.h"
#include "cli/org_names.h"
#include "linux/store_orgs.h"

#include <jansson.h>

/* A folder of keys, as it was read. */
struct key_list {
	struct trusted *keys;
	size_t count, cap;
	bool unreadable;
	char problem[PATH_MAX + 512]; /* unreadable: why */
};
void key_list_read(struct key_list *l, struct store *s, const char *folder);
void key_list_free(struct key_list *l);
/* The unusable ones, each with its reason, and the reason why the folder is unreadable. */
void key_list_print_bad(const struct key_list *l, const struct screen *s);

struct config_orgs {
	struct identity own;           /* of org/org.key */
	char alias[MAX_NAME + 1];      /* which it gave itself, "" for none */
	struct org_names names;
	struct key_list trusted, denied;
	struct member {
		struct certificate certificate;
		bool good;
		char problem[PATH_MAX + 256]; /* not good: why */
	} *members;
	size_t count, cap;
};

void config_orgs_read(struct config_orgs *o, struct store *s);
void config_orgs_free(struct config_orgs *o);
/* Says nothing where there is nothing. */
void config_orgs_print(const struct config_orgs *o, const struct screen *s);
/* Adds "org", "orgs", "certificates" and "denied" to the object, and what is unusable to the array.
 * Non-zero when out of memory. */
int config_orgs_json(const struct config_orgs *o, json_t *root, json_t *unusable);

#endif
