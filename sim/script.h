/* script.h - what the files that carry out a scenario share. */
#ifndef SIM_SCRIPT_H
#define SIM_SCRIPT_H

#include "sim/invariant.h"
#include "sim/scenario.h"

#define SCRIPT_WORDS 16u
#define SCRIPT_LATER 64u

struct words {
	char *word[SCRIPT_WORDS];
	unsigned count;
};

/* A statement that takes another one back. */
struct later {
	struct instant at;
	char text[160];
};

struct script {
	struct world world;
	struct invariants *invariants;
	const struct scenario_options *options;
	struct scenario_result *result;
	bool made, started;
	uint64_t seed;
	bool ipv6;
	bool *a, *b, *c;             /* sets of the statement at hand */
	bool *stays_off;
	unsigned line;
	struct later later[SCRIPT_LATER];
	unsigned later_count;
	struct instant marked;
	uint64_t marked_bytes;
	char error[160];
};

/* Each is false with script->error set when the statement makes no sense. */
bool script_span(struct script *s, const char *text, struct span *out);
bool script_number(struct script *s, const char *text, uint64_t *out);
bool script_percent(struct script *s, const char *text, uint32_t *permille);
bool script_set(struct script *s, const char *text, bool *set);
bool script_error(struct script *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Everything but time and expectations; `w` is the statement without `at` and `for`. */
bool script_act(struct script *s, const struct words *w);
/* expect and never. */
bool script_expect(struct script *s, const struct words *w);
/* Lets time pass, with what was planned for later; stops early when stop() is true after a step. */
void script_pass(struct script *s, struct instant until, bool (*stop)(struct script *, void *ctx),
		 void *ctx);
/* Carries out what was planned for later up to that time, the earliest first. */
void script_undo(struct script *s, struct instant until);
void script_start(struct script *s);

#endif
