/* reach_json.h - the member `reach` of the node's report: NAT kind, candidates, STUN servers, port
 * mappings. The schema is docs/control.md. */
#ifndef LINUX_REACH_JSON_H
#define LINUX_REACH_JSON_H

#include "base/bug.h"
#include "control/report.h"

#include <jansson.h>

/* A new reference; NULL when memory ran out. */
json_t *reach_json(const struct report_node *n, struct instant now);
/* False when it is not of the schema. Unknown members are passed over. */
bool reach_read(json_t *reach, struct instant now, struct report_node *n) must_check;

/* The words of the schema; NULL beyond the last. */
const char *nat_kind_word(unsigned kind);
const char *candidate_word(unsigned source);
const char *mapping_word(unsigned protocol);

#endif
