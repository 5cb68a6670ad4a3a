/* The statements that say what has to be true. */
#include "sim/script.h"

#include <stdlib.h>
#include <string.h>

#define LOOK_EVERY span_ms(10)   /* at what changes without an event */
#define SEND_EVERY span_ms(500)

enum claim_kind { CLAIM_STATE, CLAIM_FULL, CLAIM_SETTLED, CLAIM_PING, CLAIM_DIRECT,
		  CLAIM_RELAYED, CLAIM_VIA, CLAIM_MTU };

struct claim {
	enum claim_kind kind;
	unsigned states;             /* bits of enum report_state */
	uint64_t mtu;                /* MTU: as measured */
	const bool *via;             /* VIA: by one of these */
	bool any;                    /* one pair is enough */
	bool mutual;                 /* PING: only between those that run and trust each other */
	uint32_t bad_a, bad_b;       /* the pair that failed last: looked at first */
	uint64_t seen;               /* world.changes when looked at */
	struct instant looked, sent;
	uint32_t *before;            /* PING: packets passed when it began */
};

static const struct { const char *word; unsigned states; } states[] = {
	{ "unknown", 1u << REPORT_UNKNOWN }, { "alive", 1u << REPORT_ALIVE },
	{ "suspect", 1u << REPORT_SUSPECT }, { "dead", 1u << REPORT_DEAD },
	{ "left", 1u << REPORT_LEFT }, { "up", 1u << REPORT_ALIVE | 1u << REPORT_SUSPECT },
	{ "gone", 1u << REPORT_DEAD | 1u << REPORT_LEFT },
	{ "away", 1u << REPORT_DEAD | 1u << REPORT_LEFT | 1u << REPORT_UNKNOWN },
};

static bool trusts(const struct world *w, uint32_t a, uint32_t b)
{
	return w->trusts[(size_t)a * w->n + b];
}

static bool has_path(const struct world *w, uint32_t a, uint32_t b, bool relayed)
{
	struct report_peer *r = malloc(sizeof(*r));
	bool has = false;

	BUG_ON(!r);
	for (uint32_t slot = UINT32_MAX; world_runs(w, a) && !has;) {
		slot = node_report_peer(w->hosts[a].node, slot, r);
		if (slot == UINT32_MAX)
			break;
		has = world_find(w, &r->key) == b && r->path_up && !*r->relay == !relayed;
	}
	free(r);
	return has;
}

/* The longest packet that is known to pass from a to b; 0: none is. */
static uint64_t measured(const struct world *w, uint32_t a, uint32_t b)
{
	struct report_peer *r = malloc(sizeof(*r));
	uint64_t mtu = 0;

	BUG_ON(!r);
	if (node_report_key(w->hosts[a].node, &w->hosts[b].public, r) != UINT32_MAX)
		mtu = r->path_mtu;
	free(r);
	return mtu;
}

static bool is_via(const struct claim *c, uint32_t through, uint32_t to)
{
	return through != NOBODY && through != to && c->via[through];
}

/* Whether the claim holds for this pair; pairs that it is not about hold. */
static bool holds(const struct script *s, const struct claim *c, uint32_t a, uint32_t b)
{
	const struct world *w = &s->world;
	unsigned state = 1u << world_view(w, a, b)->state;
	size_t pair = (size_t)a * w->n + b;

	if (a == b || (c->kind != CLAIM_PING && !world_runs(w, a)))
		return !c->any;
	if (c->mutual && !(trusts(w, a, b) && trusts(w, b, a)))
		return true;
	if (c->mutual && !(world_runs(w, a) && world_runs(w, b)))
		return true;
	switch (c->kind) {
	case CLAIM_STATE:
		return s->a[a] && s->b[b] ? (state & c->states) != 0 : !c->any;
	case CLAIM_FULL:
	case CLAIM_SETTLED:
		if (world_runs(w, b))
			return !trusts(w, a, b) || !trusts(w, b, a) || state == 1u << REPORT_ALIVE;
		return c->kind == CLAIM_FULL || w->hosts[b].node ||
		       !(state & (1u << REPORT_ALIVE | 1u << REPORT_SUSPECT));
	case CLAIM_MTU:
		return s->a[a] && s->b[b] ? measured(w, a, b) == c->mtu : !c->any;
	case CLAIM_PING:
		return s->a[a] && s->b[b] ? w->passed[pair] > c->before[pair] : !c->any;
	case CLAIM_DIRECT:
	case CLAIM_RELAYED:
		return s->a[a] && s->b[b] ? has_path(w, a, b, c->kind == CLAIM_RELAYED) : !c->any;
	case CLAIM_VIA:
		return s->a[a] && s->b[b] ? is_via(c, world_through(w, a, b), b) : !c->any;
	}
	return false;
}

/* The sequences that the running ones have now. */
static uint64_t *own_sequences(const struct world *w)
{
	uint64_t *list = calloc(w->n, sizeof(*list));
	struct report_node *r = malloc(sizeof(*r));

	BUG_ON(!r || !list);
	for (uint32_t i = 0; i < w->n; i++)
		if (world_runs(w, i)) {
			node_report(w->hosts[i].node, r);
			list[i] = r->sequence;
		}
	free(r);
	return list;
}

/* And know the newest record of each other. */
static bool have_paths(const struct script *s, struct claim *c)
{
	const struct world *w = &s->world;
	struct report_peer *r = malloc(sizeof(*r));
	uint64_t *sequences = own_sequences(w);
	bool all = true;

	BUG_ON(!r);
	for (uint32_t a = 0; all && a < w->n; a++)
		for (uint32_t slot = UINT32_MAX; all && world_runs(w, a);) {
			slot = node_report_peer(w->hosts[a].node, slot, r);
			if (slot == UINT32_MAX)
				break;
			uint32_t b = world_find(w, &r->key);
			if (b == NOBODY || !world_runs(w, b) || !trusts(w, b, a))
				continue;
			all = (r->path_up || r->reason == REASON_NONE) &&
			      r->sequence == sequences[b];
			c->bad_a = a;
			c->bad_b = b;
		}
	free(sequences);
	free(r);
	return all;
}

static bool looks_at_pairs(const struct script *s, struct claim *c)
{
	const struct world *w = &s->world;

	if (holds(s, c, c->bad_a, c->bad_b) == c->any)
		return c->any;
	for (uint32_t a = 0; a < w->n; a++)
		for (uint32_t b = 0; b < w->n; b++)
			if (holds(s, c, a, b) == c->any) {
				c->bad_a = a;
				c->bad_b = b;
				return c->any;
			}
	return !c->any;
}

static bool is_true(const struct script *s, struct claim *c)
{
	return looks_at_pairs(s, c) && (c->kind != CLAIM_SETTLED || have_paths(s, c));
}

static void send_missing(struct script *s, struct claim *c)
{
	struct world *w = &s->world;

	c->sent = w->now;
	for (uint32_t a = 0; a < w->n; a++)
		for (uint32_t b = 0; b < w->n; b++)
			if (a != b && s->a[a] && s->b[b] && world_runs(w, a) &&
			    (c->any || c->kind == CLAIM_MTU || !holds(s, c, a, b)))
				world_ping(w, a, b, true);
}

/* True when the claim should be looked at now. */
static bool worth_a_look(struct script *s, void *ctx)
{
	struct claim *c = ctx;
	const struct world *w = &s->world;
	bool polls = c->kind != CLAIM_STATE && c->kind != CLAIM_FULL;

	polls = polls && instant_since(w->now, c->looked).ns >= LOOK_EVERY.ns;
	if (c->seen == w->changes && !polls)
		return false;
	c->seen = w->changes;
	c->looked = w->now;
	return true;
}

/* Paths are measured while packets go by them. */
static bool sends(const struct claim *c)
{
	return c->kind == CLAIM_PING || c->kind == CLAIM_MTU;
}

/* Lets at most `limit` pass until the claim is true. */
static bool wait_for(struct script *s, struct claim *c, struct span limit)
{
	struct instant end = instant_add(s->world.now, limit);

	for (;;) {
		if (is_true(s, c))
			return true;
		if (!instant_before(s->world.now, end))
			return false;
		struct instant next = end, send = instant_add(c->sent, SEND_EVERY);
		if (sends(c) && instant_reached(send, s->world.now))
			send_missing(s, c);
		if (sends(c))
			next = instant_min(end, instant_add(c->sent, SEND_EVERY));
		script_pass(s, next, worth_a_look, c);
	}
}

static enum claim_kind kind_of(const char *word)
{
	if (!strcmp(word, "direct"))
		return CLAIM_DIRECT;
	if (!strcmp(word, "relayed"))
		return CLAIM_RELAYED;
	if (!strcmp(word, "via"))
		return CLAIM_VIA;
	return !strcmp(word, "ping") ? CLAIM_PING : CLAIM_STATE;
}

static bool parse_claim(struct script *s, const struct words *w, unsigned at, struct claim *c)
{
	const char *first = at < w->count ? w->word[at] : "";

	if (w->count == at + 1 && !strcmp(first, "full")) {
		c->kind = CLAIM_FULL;
		return true;
	}
	if (w->count == at + 1 && !strcmp(first, "settled")) {
		c->kind = CLAIM_SETTLED;
		return true;
	}
	if (w->count == at + 1 && !strcmp(first, "tunnels")) {
		*c = (struct claim){ .kind = CLAIM_PING, .mutual = true };
		return script_set(s, "all", s->a) && script_set(s, "all", s->b);
	}
	if (w->count == at + 4 && !strcmp(first, "mtu")) {
		c->kind = CLAIM_MTU;
		return script_set(s, w->word[at + 1], s->a) &&
		       script_set(s, w->word[at + 2], s->b) &&
		       script_number(s, w->word[at + 3], &c->mtu);
	}
	if (w->count != at + 3 + !strcmp(first, "via"))
		return script_error(s, "this cannot be expected");
	c->kind = kind_of(first);
	if (c->kind == CLAIM_VIA && !script_set(s, w->word[at + 3], s->c))
		return false;
	c->via = s->c;
	if (!script_set(s, w->word[at + (c->kind != CLAIM_STATE)], s->a) ||
	    !script_set(s, w->word[at + 1 + (c->kind != CLAIM_STATE)], s->b))
		return false;
	for (size_t i = 0; c->kind == CLAIM_STATE && i < sizeof(states) / sizeof(*states); i++)
		if (!strcmp(states[i].word, w->word[at + 2]))
			c->states = states[i].states;
	return c->kind != CLAIM_STATE || c->states ||
	       script_error(s, "no such state: %s", w->word[at + 2]);
}

static void report(struct script *s, bool good, const struct words *w, const char *note)
{
	struct scenario_result *r = s->result;
	char text[160] = "";
	size_t used = 0;

	for (unsigned i = 0; i < w->count && used < sizeof(text); i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", i ? " " : "",
					 w->word[i]);
	r->expects++;
	if (!good && !r->failures++)
		snprintf(r->first, sizeof(r->first), "line %u: %s: %s", s->line, text, note);
	if (s->options->tap)
		fprintf(s->options->tap, "%sok %u - line %u: %s # %s\n", good ? "" : "not ",
			r->expects, s->line, text, note);
	trace_line(&s->world.trace, s->world.now, "%s: %s", good ? "holds" : "FAILS", text);
}

static bool expect_no_death(struct script *s, const struct words *w)
{
	const struct world *world = &s->world;
	bool only_false = !strcmp(w->word[2], "false");
	char note[64];

	if (w->count != (only_false ? 4u : 3u) || strcmp(w->word[w->count - 1], "death"))
		return script_error(s, "expect no [false] death");
	snprintf(note, sizeof(note), "%ju deaths, %ju of them false", (uintmax_t)world->deaths,
		 (uintmax_t)world->false_deaths);
	report(s, !(only_false ? world->false_deaths : world->deaths), w, note);
	return true;
}

static bool expect_bytes(struct script *s, const struct words *w)
{
	const struct world *world = &s->world;
	struct span passed = instant_since(world->now, s->marked);
	uint64_t most, sum = 0, running = 0;
	char note[64];

	if (w->count != 4 || strcmp(w->word[2], "below"))
		return script_error(s, "expect bytes below N");
	if (!script_number(s, w->word[3], &most))
		return false;
	for (uint32_t i = 0; i < world->n; i++) {
		sum += world->hosts[i].sent_bytes;
		running += world_runs(world, i);
	}
	double rate = (double)(sum - s->marked_bytes) * 1e9 / (double)(passed.ns + !passed.ns) /
		      (double)(running + !running);
	snprintf(note, sizeof(note), "%.1f bytes a second and machine", rate);
	report(s, rate < (double)most, w, note);
	return true;
}

static bool expect_keepalive(struct script *s, const struct words *w)
{
	struct report_node *r = malloc(sizeof(*r));
	struct span want;
	bool good = true;
	char note[64] = "";

	BUG_ON(!r);
	if (w->count != 4 || !script_set(s, w->word[2], s->a) ||
	    !script_span(s, w->word[3], &want)) {
		free(r);
		return script_error(s, "expect keepalive SET T");
	}
	for (uint32_t i = 0; good && i < s->world.n; i++) {
		if (!s->a[i])
			continue;
		node_report(s->world.hosts[i].node, r);
		good = r->keepalive_ms == span_in_ms(want);
		snprintf(note, sizeof(note), "%u: %u ms, lifetime %u s", i, r->keepalive_ms,
			 r->lifetime_s);
	}
	free(r);
	report(s, good, w, note);
	return true;
}

static bool carry_out(struct script *s, const struct words *w, struct claim *c, bool never,
		      struct span limit)
{
	struct world *world = &s->world;
	struct instant start = world->now;
	size_t pairs = (size_t)world->n * world->n;
	char note[96];

	if (c->kind == CLAIM_PING) {
		c->before = malloc(pairs * sizeof(*c->before));
		BUG_ON(!c->before);
		memcpy(c->before, world->passed, pairs * sizeof(*c->before));
		c->any = never;
		send_missing(s, c);
	}
	c->any = never;
	bool held = wait_for(s, c, limit);
	uint64_t ms = span_in_ms(instant_since(world->now, start));
	if (!never && s->result->slowest_ms < ms)
		s->result->slowest_ms = ms;
	snprintf(note, sizeof(note), "%ju.%03ju s", (uintmax_t)(ms / 1000), (uintmax_t)(ms % 1000));
	if (held == never && c->kind > CLAIM_PING)
		snprintf(note, sizeof(note), "%u to %u through %d after %ju ms", c->bad_a, c->bad_b,
			 (int)world_through(world, c->bad_a, c->bad_b), (uintmax_t)ms);
	else if (held == never && c->kind != CLAIM_PING)
		snprintf(note, sizeof(note), "%u sees %u as %u after %ju ms", c->bad_a, c->bad_b,
			 world_view(world, c->bad_a, c->bad_b)->state, (uintmax_t)ms);
	else if (held == never)
		snprintf(note, sizeof(note), "%u to %u after %ju ms", c->bad_a, c->bad_b,
			 (uintmax_t)ms);
	report(s, held != never, w, note);
	free(c->before);
	return true;
}

bool script_expect(struct script *s, const struct words *w)
{
	bool never = !strcmp(w->word[0], "never");
	struct claim c = { 0 };
	struct span limit = { 0 };
	unsigned at = 1;

	if (!s->made)
		return script_error(s, "there are no nodes yet");
	if (w->count < 2)
		return script_error(s, "what is expected?");
	if (!never && w->count > 2 && !strcmp(w->word[1], "no"))
		return expect_no_death(s, w);
	if (!never && !strcmp(w->word[1], "bytes"))
		return expect_bytes(s, w);
	if (!never && !strcmp(w->word[1], "keepalive"))
		return expect_keepalive(s, w);
	/* A time ends with its unit; a set does not. */
	if (w->word[1][0] >= '0' && w->word[1][0] <= '9' && strpbrk(w->word[1], "smhd")) {
		if (!script_span(s, w->word[1], &limit))
			return false;
		at = 2;
	} else if (never) {
		return script_error(s, "never for how long?");
	}
	if (!parse_claim(s, w, at, &c))
		return false;
	script_start(s);
	return carry_out(s, w, &c, never, limit);
}
