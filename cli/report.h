/* report.h - a whole answer to `status`, and how people read it. */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include "cli/format.h"
#include "linux/control_json.h"

struct report {
	struct report_node node;
	struct control_about about;
	char names[208][ANSWER_NAME];   /* the node's */
	struct report_peer *peers;     /* sorted by name */
	size_t count, cap;
	struct instant now;            /* when it was asked for */
};

/* What is between this node and the Internet; of enum nat_kind. */
const char *nat_text(unsigned kind);

/* This node; its peers in columns; trusted keys that were never heard, with the reason; what is
 * wrong with the others. */
void print_report(const struct report *r, const struct screen *s);

#endif
