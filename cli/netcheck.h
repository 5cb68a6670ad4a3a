/* netcheck.h - what `netcheck` finds out: by the running daemon, and by itself. */
#ifndef CLI_NETCHECK_H
#define CLI_NETCHECK_H

#include "cli/command.h"
#include "control/report.h"
#include "linux/survey.h"

struct netcheck {
	bool daemon;                  /* one answered; else `node` is what we found ourselves */
	struct report_node node;
	struct report_peer *members;  /* that a path leads to */
	size_t count, cap;
	struct instant now;
	bool surveyed;
	enum survey_mapping mapping;
	enum survey_filtering filtering;
	enum survey_hairpin hairpin;
	struct endpoint helper;       /* a server that can measure the lifetime; family 0: none */
	bool lifetime_known;
	uint16_t lifetime_s;          /* at least; 0: shorter than can be measured */
};

/* Sockets of its own, the servers that were named, else the daemon's, else the public ones; and the
 * lifetime where that was asked for. A failure is told on standard error. */
enum exit_code netcheck_survey(struct netcheck *c, const struct arguments *a);
const char *survey_mapping_word(enum survey_mapping m);
const char *survey_filtering_word(enum survey_filtering f);

#endif
