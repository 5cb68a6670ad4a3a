/* service_question.h - which service is asked about. */
#ifndef CLI_SERVICE_QUESTION_H
#define CLI_SERVICE_QUESTION_H

#include "cli/service_json.h"

struct question {
	enum policy_kind kind;
	uint16_t port;
	char text[POLICY_RULE_TEXT]; /* "tcp 22" */
};
/* By "tcp 22", "icmp" or "all"; prints the line of an error. */
enum exit_code read_question(const char *const *words, unsigned count, struct question *q);
json_t *question_json(const struct question *q);

#endif
