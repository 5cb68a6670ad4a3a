/* trace.h - what happened, as one rolling number and, when asked for, as lines. */
#ifndef SIM_TRACE_H
#define SIM_TRACE_H

#include "base/bytes.h"
#include "base/instant.h"

#include <stdio.h>

struct trace {
	uint64_t hash;
	uint64_t count;      /* of things mixed in */
	FILE *lines;         /* NULL: none wanted */
	bool datagrams;      /* lines for these as well */
};

/* Everything that two runs of one seed must have in common goes in here. Not keyed: the simulator
 * trusts itself. */
void trace_mix(struct trace *t, uint64_t a, uint64_t b, struct bytes data);
/* One line, when lines are wanted: "[   3.012] text". */
void trace_line(struct trace *t, struct instant now, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
