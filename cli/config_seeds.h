/* config_seeds.h - the saved seeds, for `config show`. */
#ifndef CLI_CONFIG_SEEDS_H
#define CLI_CONFIG_SEEDS_H

#include "base/endpoint.h"
#include "base/limits.h"
#include "cli/format.h"
#include "linux/store.h"

#include <jansson.h>

struct config_seeds {
	struct config_seed {
		char name[MAX_NAME + 1];
		bool good;
		struct endpoint at;
		char problem[PATH_MAX + 160]; /* not good: why */
	} *list;
	unsigned count;
	struct store *store;
};

void config_seeds_read(struct config_seeds *c, struct store *s);
void config_seeds_free(struct config_seeds *c);
void config_seeds_print(const struct config_seeds *c, const struct screen *s);
/* `saved_seeds`, and what is none into `unusable`. False: out of memory. */
bool config_seeds_json(const struct config_seeds *c, json_t *root, json_t *unusable);

#endif
