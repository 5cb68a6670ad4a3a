/* config_addresses.h - the rules of the file `addresses`, for `config show`. */
#ifndef CLI_CONFIG_ADDRESSES_H
#define CLI_CONFIG_ADDRESSES_H

#include "cli/format.h"
#include "linux/store.h"
#include "nat/address_rules.h"

#include <jansson.h>

struct config_addresses {
	struct address_rules rules;
	char problem[PATH_MAX + 160]; /* `up` would not start with it; empty: it would */
};

void config_addresses_read(struct config_addresses *c, struct store *s);
/* Nothing, if there are none. */
void config_addresses_print(const struct config_addresses *c, const struct screen *s);
/* `address_rules`, and a file that is wrong into `unusable`. False: out of memory. */
bool config_addresses_json(const struct config_addresses *c, json_t *root, json_t *unusable);

#endif
