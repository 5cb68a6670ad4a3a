#include "sim/script.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define NODES_MAX 2048u

bool script_error(struct script *s, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(s->error, sizeof(s->error), format, args);
	va_end(args);
	return false;
}

/* --- words */

bool script_number(struct script *s, const char *text, uint64_t *out)
{
	char *end;

	*out = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)text[0]) || *end)
		return script_error(s, "not a number: %s", text);
	return true;
}

/* Thousandths of a decimal number, and what follows it. */
static bool thousandths(const char *text, uint64_t *out, const char **rest)
{
	uint64_t value = 0, unit = 1000;

	if (!isdigit((unsigned char)*text))
		return false;
	while (isdigit((unsigned char)*text) && value < UINT64_MAX / 100000)
		value = value * 10 + (uint64_t)(*text++ - '0');
	value *= 1000;
	if (*text == '.')
		for (text++; isdigit((unsigned char)*text); text++) {
			unit /= 10;
			value += unit * (uint64_t)(*text - '0');
		}
	*out = value;
	*rest = text;
	return true;
}

bool script_span(struct script *s, const char *text, struct span *out)
{
	static const struct { const char *unit; uint64_t us; } units[] = {
		{ "us", 1 }, { "ms", 1000 }, { "s", 1000000 }, { "m", 60000000 },
		{ "h", 3600000000 }, { "d", 86400000000 },
	};
	const char *rest;
	uint64_t value;

	if (thousandths(text, &value, &rest))
		for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
			if (!strcmp(units[i].unit, rest)) {
				*out = (struct span){ value * units[i].us };
				return true;
			}
	return script_error(s, "not a time: %s", text);
}

bool script_percent(struct script *s, const char *text, uint32_t *permille)
{
	const char *rest;
	uint64_t value;

	if (!thousandths(text, &value, &rest) || *rest || value > 100000)
		return script_error(s, "not a percentage: %s", text);
	*permille = (uint32_t)(value / 100);
	return true;
}

bool script_set(struct script *s, const char *text, bool *set)
{
	uint32_t n = s->world.n;
	char *end = NULL;

	memset(set, 0, n * sizeof(*set));
	if (!strcmp(text, "all")) {
		memset(set, 1, n * sizeof(*set));
		return true;
	}
	for (const char *at = text;; at = end + 1) {
		unsigned long first, last;

		if (!isdigit((unsigned char)*at))
			return script_error(s, "not a set: %s", text);
		first = last = strtoul(at, &end, 10);
		if (*end == '-' && isdigit((unsigned char)end[1]))
			last = strtoul(end + 1, &end, 10);
		if (first > last || last >= n)
			return script_error(s, "no such machines: %s", text);
		memset(set + first, 1, (last - first + 1) * sizeof(*set));
		if (!*end)
			return true;
		if (*end != ',')
			return script_error(s, "not a set: %s", text);
	}
}

static bool split(char *line, struct words *w)
{
	w->count = 0;
	line[strcspn(line, "#\r\n")] = 0;
	for (char *at = strtok(line, " \t"); at; at = strtok(NULL, " \t")) {
		if (w->count == SCRIPT_WORDS)
			return false;
		w->word[w->count++] = at;
	}
	return true;
}

/* --- time */

void script_start(struct script *s)
{
	if (s->started)
		return;
	s->started = true;
	for (uint32_t i = 0; i < s->world.n; i++)
		if (!s->stays_off[i])
			world_on(&s->world, i, true);
}

static bool run_text(struct script *s, const char *text);

void script_undo(struct script *s, struct instant until)
{
	for (;;) {
		unsigned first = SCRIPT_LATER;

		for (unsigned i = 0; i < s->later_count; i++)
			if (instant_reached(s->later[i].at, until) &&
			    (first == SCRIPT_LATER || s->later[i].at.ns < s->later[first].at.ns))
				first = i;
		if (first == SCRIPT_LATER)
			return;
		struct later due = s->later[first];
		memmove(&s->later[first], &s->later[first + 1],
			(--s->later_count - first) * sizeof(*s->later));
		if (!run_text(s, due.text))
			world_violation(&s->world, "cannot undo: %s: %s", due.text, s->error);
	}
}

void script_pass(struct script *s, struct instant until, bool (*stop)(struct script *, void *),
		 void *ctx)
{
	script_start(s);
	while (instant_before(s->world.now, until)) {
		struct instant end = until;

		for (unsigned i = 0; i < s->later_count; i++)
			end = instant_min(end, s->later[i].at);
		while (world_step(&s->world, end))
			if (stop && stop(s, ctx))
				return;
		script_undo(s, s->world.now);
	}
}

/* What takes this statement back. */
static bool undo_text(struct script *s, const struct words *w, char *out, size_t size)
{
	static const char *const undo[][2] = {
		{ "kill", "start" }, { "leave", "start" }, { "pause", "resume" },
		{ "suspend", "resume" }, { "cut", "heal" }, { "oneway", "heal" },
		{ "trust", "distrust" }, { "distrust", "trust" },
	};
	const char *a = w->count > 1 ? w->word[1] : "", *b = w->count > 2 ? w->word[2] : "";
	unsigned sets = strcmp(w->word[0], "delay") ? 2 : 3;

	for (size_t i = 0; i < sizeof(undo) / sizeof(*undo); i++)
		if (!strcmp(undo[i][0], w->word[0])) {
			snprintf(out, size, "%s %s %s", undo[i][1], a, b);
			return true;
		}
	if (!strcmp(w->word[0], "move") || !strcmp(w->word[0], "clock") || w->count < 2)
		return script_error(s, "nothing undoes this: %s", w->word[0]);
	snprintf(out, size, "%s %s %s %s", w->word[0], sets == 3 ? "200us 1ms" : "0",
		 w->count > sets ? w->word[sets] : "", w->count > sets ? w->word[sets + 1] : "");
	return true;
}

static bool plan_undo(struct script *s, const struct words *w, struct span after)
{
	struct later *l = &s->later[s->later_count];

	if (s->later_count == SCRIPT_LATER)
		return script_error(s, "too much is planned");
	l->at = instant_add(s->world.now, after);
	if (!undo_text(s, w, l->text, sizeof(l->text)))
		return false;
	s->later_count++;
	return true;
}

/* --- statements */

static bool make_nodes(struct script *s, const struct words *w)
{
	uint64_t n;

	if (s->made)
		return script_error(s, "nodes twice");
	if (!script_number(s, w->word[1], &n))
		return false;
	if (!n || n > NODES_MAX)
		return script_error(s, "1 to %u nodes", NODES_MAX);
	world_init(&s->world, s->seed, (uint32_t)n, s->ipv6);
	s->world.trace.lines = s->options->lines;
	s->world.trace.datagrams = s->options->datagrams;
	s->a = calloc(n, sizeof(bool));
	s->b = calloc(n, sizeof(bool));
	s->c = calloc(n, sizeof(bool));
	s->stays_off = calloc(n, sizeof(bool));
	BUG_ON(!s->a || !s->b || !s->c || !s->stays_off);
	s->made = true;
	s->invariants = invariants_attach(&s->world);
	return true;
}

static bool before_nodes(struct script *s, const struct words *w)
{
	uint64_t seed;

	if (s->made)
		return script_error(s, "`%s` comes before `nodes`", w->word[0]);
	if (!strcmp(w->word[0], "underlay")) {
		s->ipv6 = !strcmp(w->word[1], "ipv6");
		return s->ipv6 || !strcmp(w->word[1], "ipv4") || script_error(s, "ipv4 or ipv6");
	}
	if (!script_number(s, w->word[1], &seed))
		return false;
	if (!s->options->has_seed)
		s->seed = seed;
	return true;
}

static bool pass_until(struct script *s, struct instant at)
{
	if (instant_before(at, s->world.now))
		return script_error(s, "this time is over");
	script_pass(s, at, NULL, NULL);
	return true;
}

static bool run_plain(struct script *s, struct words *w)
{
	const char *verb = w->word[0];
	struct span span;

	if (w->count == 2 && !strcmp(verb, "nodes"))
		return make_nodes(s, w);
	if (w->count == 2 && (!strcmp(verb, "random") || !strcmp(verb, "underlay")))
		return before_nodes(s, w);
	if (!strcmp(verb, "expect") || !strcmp(verb, "never"))
		return script_expect(s, w);
	if (w->count == 2 && !strcmp(verb, "run"))
		return s->made && script_span(s, w->word[1], &span) &&
		       pass_until(s, instant_add(s->world.now, span));
	if (w->count > 3 && !strcmp(w->word[w->count - 2], "for")) {
		if (!script_span(s, w->word[w->count - 1], &span))
			return false;
		w->count -= 2;
		return script_act(s, w) && plan_undo(s, w, span);
	}
	return script_act(s, w);
}

static bool run_words(struct script *s, struct words *w)
{
	struct span span;

	if (!w->count)
		return true;
	if (strcmp(w->word[0], "at"))
		return run_plain(s, w);
	if (w->count < 3 || !s->made)
		return script_error(s, "at T STATEMENT, after `nodes`");
	if (!script_span(s, w->word[1], &span) || !pass_until(s, instant_add(INSTANT_ZERO, span)))
		return false;
	memmove(w->word, w->word + 2, (w->count -= 2) * sizeof(*w->word));
	return run_plain(s, w);
}

static bool run_text(struct script *s, const char *text)
{
	char line[256];
	struct words w;

	if (strlen(text) >= sizeof(line))
		return script_error(s, "the line is too long");
	snprintf(line, sizeof(line), "%s", text);
	if (!split(line, &w))
		return script_error(s, "too many words");
	return run_words(s, &w);
}

static void fail(struct script *s, const char *what, const char *why)
{
	struct scenario_result *r = s->result;

	r->expects++;
	if (!r->failures++)
		snprintf(r->first, sizeof(r->first), "%s: %.250s", what, why);
	if (s->options->tap)
		fprintf(s->options->tap, "not ok %u - %s: %s\n", r->expects, what, why);
}

static void run_lines(struct script *s, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");
		char line[256];

		s->line++;
		snprintf(line, sizeof(line), "%.*s", (int)len, text);
		if (len >= sizeof(line) || !run_text(s, line)) {
			char where[32];

			snprintf(where, sizeof(where), "line %u", s->line);
			fail(s, where, len >= sizeof(line) ? "too long" : s->error);
			return;
		}
		text += len + (text[len] == '\n');
	}
}

static void finish(struct script *s)
{
	struct scenario_result *r = s->result;
	uint64_t sum = 0;

	r->violations = s->world.violations;
	r->hash = s->world.trace.hash;
	r->leaks = s->world.leaks;
	r->events = s->world.trace.count;
	r->virtual_ms = s->world.now.ns / 1000000u;
	for (uint32_t i = 0; i < s->world.n; i++)
		sum += s->world.hosts[i].sent_bytes;
	r->bytes = (double)sum * 1e9 / (double)(s->world.now.ns + 1) / (double)s->world.n;
	if (r->violations)
		fail(s, "nothing happens that must not", s->world.first_violation);
	invariants_free(s->invariants);
	world_free(&s->world);
	free(s->a);
	free(s->b);
	free(s->c);
	free(s->stays_off);
}

bool scenario_run(const char *text, const struct scenario_options *o, struct scenario_result *out)
{
	struct script *s = calloc(1, sizeof(*s));

	BUG_ON(!s);
	*out = (struct scenario_result){ 0 };
	s->options = o;
	s->result = out;
	s->seed = o->has_seed ? o->seed : 1;
	run_lines(s, text);
	out->seed = s->seed;
	if (s->made)
		finish(s);
	free(s);
	return !out->failures;
}
