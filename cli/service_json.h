/* service_json.h - what `service` says, for programs; docs/services.md has the members. */
#ifndef CLI_SERVICE_JSON_H
#define CLI_SERVICE_JSON_H

#include "cli/service.h"

#include <jansson.h>

#define SERVICE_JSON 1 /* "version": rises when a member goes or means something else */

/* All give NULL without memory, and what takes a part takes NULL for it, too: then all is NULL. */

/* index: of the rule in its list, from 0. hits may be NULL: nothing was counted. */
json_t *rule_json(const struct services *sv, const struct service_list *l, uint32_t index,
		  const struct service_hits *hits);
json_t *default_json(const struct services *sv, const struct service_hits *hits);
/* Which rule gives the verdict. */
json_t *reason_json(const struct judge *j, const struct policy_verdict *v);
/* Appends all rules of a list; l may be NULL. False: no memory. */
bool add_rules_json(json_t *array, const struct services *sv, const struct service_list *l,
		    const struct service_hits *hits) must_check;
/* Null when no change waits. */
json_t *pending_json(struct store *s);
/* Takes the object, and prints it on one line. Prints the line of an error. */
enum exit_code print_service_json(json_t *object);

#endif
