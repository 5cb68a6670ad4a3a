/* config_rotations.h - what `config show` says about keys that announced another one: this
 * machine's own, and those of trusted peers. */
#ifndef CLI_CONFIG_ROTATIONS_H
#define CLI_CONFIG_ROTATIONS_H

#include "cli/config_orgs.h"

struct config_rotations {
	struct rotation_line {
		char name[MAX_NAME + 1];     /* of the peer; "" for this machine */
		struct statement_body body;
		const char *state;           /* "pending", "accepted", "disputed", "ended" */
	} *lines;
	size_t count, cap;
};

/* own: this machine's key, or NULL. trusted: what authorized_keys holds. */
void config_rotations_read(struct config_rotations *c, struct store *s,
			   const struct public_key *own, const struct key_list *trusted);
void config_rotations_free(struct config_rotations *c);
/* Says nothing where there is nothing. */
void config_rotations_print(const struct config_rotations *c, const struct screen *s);
/* The array "rotations"; NULL when out of memory. */
json_t *config_rotations_json(const struct config_rotations *c);

#endif
