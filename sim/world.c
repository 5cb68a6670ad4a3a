#include "sim/world.h"

#include "base/limits.h"
#include "crypto/hash.h"
#include "sim/crypto.h"
#include "sim/net.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define OUT_ITEMS 1024u
#define OUT_ARENA (4u << 20)
#define EVENTS_KEPT 1024u /* of the node's ring */
/* Who was well and connected for so long and is declared dead all the same was declared so
 * wrongly. */
#define WELL_FOR span_s(15)

static void *take(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size);

	BUG_ON(!p);
	return p;
}

uint64_t world_stream(const struct world *w, const char *purpose, uint64_t number)
{
	uint8_t key[16] = { 0 }, in[32] = { 0 };

	store_be64(key, w->seed);
	store_be64(in, number);
	for (size_t i = 0; purpose[i]; i++)
		in[8 + i] = (uint8_t)purpose[i];
	return siphash(key, in, sizeof(in));
}

static const struct world *sorting;

static int by_key(const void *a, const void *b)
{
	const struct host *x = &sorting->hosts[*(const uint32_t *)a];
	const struct host *y = &sorting->hosts[*(const uint32_t *)b];

	return memcmp(x->public.b, y->public.b, sizeof(x->public.b));
}

static void make_hosts(struct world *w)
{
	for (uint32_t i = 0; i < w->n; i++) {
		host_init(&w->hosts[i], i, world_stream(w, "machine", i));
		rng_init(&w->link_rngs[i], world_stream(w, "links", i));
		net_give_address(w, i);
		w->by_key[i] = i;
	}
	sorting = w;
	qsort(w->by_key, w->n, sizeof(*w->by_key), by_key);
}

void world_init(struct world *w, uint64_t seed, uint32_t n, bool ipv6)
{
	size_t pairs = (size_t)n * n;

	sim_crypto();
	*w = (struct world){ .seed = seed, .n = n, .ipv6 = ipv6 };
	w->members = n < 16 ? 16 : n;
	w->quality = (struct link_quality){ .delay = { 200000 }, .jitter = { 800000 } };
	w->hosts = take(n, sizeof(*w->hosts));
	w->by_key = take(n, sizeof(*w->by_key));
	w->link_rngs = take(n, sizeof(*w->link_rngs));
	w->directions = take(pairs, sizeof(*w->directions));
	w->cuts = take(pairs, sizeof(*w->cuts));
	w->trusts = take(pairs, sizeof(*w->trusts));
	w->told = take(pairs, sizeof(*w->told));
	w->untold_since = take(pairs, sizeof(*w->untold_since));
	w->views = take(pairs, sizeof(*w->views));
	w->passed = take(pairs, sizeof(*w->passed));
	w->timer_memory = take(1, heap_size(n));
	heap_init(&w->timers, w->timer_memory, n);
	w->items = take(OUT_ITEMS, sizeof(struct out));
	w->arena = take(1, OUT_ARENA);
	outbox_init(&w->actions.out, w->items, OUT_ITEMS, w->arena, OUT_ARENA);
	make_hosts(w);
}

void world_free(struct world *w)
{
	for (uint32_t i = 0; i < w->n; i++) {
		struct host *h = &w->hosts[i];

		host_off(h);
		while (h->waiting_count)
			free(h->waiting[--h->waiting_count]);
		free(h->seeds);
	}
	queue_free(&w->queue);
	for (uint32_t i = 0; i < w->box_count; i++)
		natbox_free(w->boxes[i]);
	free(w->boxes);
	free(w->hosts);
	free(w->by_key);
	free(w->link_rngs);
	free(w->directions);
	free(w->cuts);
	free(w->trusts);
	free(w->told);
	free(w->untold_since);
	free(w->views);
	free(w->timer_memory);
	free(w->items);
	free(w->arena);
	free(w->owners);
	free(w->arrived);
	free(w->passed);
}

void world_violation(struct world *w, const char *format, ...)
{
	char text[sizeof(w->first_violation)];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	trace_line(&w->trace, w->now, "VIOLATION: %s", text);
	if (!w->violations++)
		snprintf(w->first_violation, sizeof(w->first_violation), "at %ju.%03ju s: %.220s",
			 (uintmax_t)(w->now.ns / 1000000000u),
			 (uintmax_t)(w->now.ns / 1000000u % 1000u), text);
}

/* --- who sees whom how */

uint32_t world_find(const struct world *w, const struct public_key *key)
{
	uint32_t low = 0, high = w->n;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		int order = memcmp(w->hosts[w->by_key[mid]].public.b, key->b, sizeof(key->b));

		if (!order)
			return w->by_key[mid];
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NOBODY;
}

struct view *world_view(const struct world *w, uint32_t who, uint32_t about)
{
	return &w->views[(size_t)who * w->n + about];
}

bool world_runs(const struct world *w, uint32_t i)
{
	return w->hosts[i].node && !w->hosts[i].paused;
}

static bool well(const struct world *w, uint32_t i)
{
	return world_runs(w, i) && instant_since(w->now, w->hosts[i].well_since).ns >= WELL_FOR.ns;
}

static bool passes(const struct world *w, uint32_t a, uint32_t b)
{
	size_t to = (size_t)a * w->n + b, back = (size_t)b * w->n + a;

	return !w->cuts[to] && !w->cuts[back] && w->told[to] && w->told[back];
}

bool world_connected(const struct world *w, uint32_t a, uint32_t b)
{
	uint32_t helpers = 0, others = 0;

	if (passes(w, a, b))
		return true;
	for (uint32_t i = 0; i < w->n; i++) {
		if (i == a || i == b || !well(w, i))
			continue;
		others++;
		helpers += passes(w, a, i) && passes(w, i, b);
	}
	return 2 * helpers > others && w->told[(size_t)a * w->n + b] &&
	       w->told[(size_t)b * w->n + a];
}

static void count_death(struct world *w, uint32_t who, uint32_t about)
{
	bool calm = !w->cut_changed.ns || instant_since(w->now, w->cut_changed).ns >= WELL_FOR.ns;
	bool wrong = well(w, who) && well(w, about) && calm && world_connected(w, who, about);

	w->deaths++;
	w->false_deaths += wrong;
	trace_line(&w->trace, w->now, "%u: %u is dead%s", who, about, wrong ? " (wrong)" : "");
}

static void set_view(struct world *w, uint32_t who, uint32_t about, enum report_state state,
		     const struct event *e)
{
	static const char *const words[] = { "unknown", "alive", "suspect", "dead", "left" };

	*world_view(w, who, about) = (struct view){
		.state = (uint8_t)state, .sequence = (uint64_t)e->a, .since = w->now,
	};
	w->changes++;
	if (state == REPORT_DEAD)
		count_death(w, who, about);
	else
		trace_line(&w->trace, w->now, "%u: %u is %s", who, about, words[state]);
}

static void take_event(struct world *w, uint32_t i, const struct event *e)
{
	uint32_t about = world_find(w, &e->subject);

	trace_mix(&w->trace, e->number << 32 | i, (uint64_t)e->kind << 32 | about,
		  bytes_of(NULL, 0));
	if (w->watch.event)
		w->watch.event(w->watch.ctx, i, e);
	switch (e->kind) {
	case EV_MEMBER_ALIVE:
		set_view(w, i, about, REPORT_ALIVE, e);
		break;
	case EV_MEMBER_SUSPECT:
		set_view(w, i, about, REPORT_SUSPECT, e);
		break;
	case EV_MEMBER_DEAD:
		set_view(w, i, about, REPORT_DEAD, e);
		break;
	case EV_MEMBER_LEFT:
		set_view(w, i, about, REPORT_LEFT, e);
		break;
	case EV_PEER_REVOKED:
		set_view(w, i, about, REPORT_UNKNOWN, e);
		break;
	case EV_SEQUENCE_JUMP:
		trace_line(&w->trace, w->now, "%u: goes above its own sequence", i);
		break;
	default:
		break;
	}
}

static void take_events(struct world *w, uint32_t i)
{
	struct host *h = &w->hosts[i];
	const struct event_ring *ring = node_events(h->node);

	if (ring->count - h->events_seen > EVENTS_KEPT)
		world_violation(w, "machine %u: %ju events in one step", i,
				(uintmax_t)(ring->count - h->events_seen));
	while (h->events_seen < ring->count) {
		const struct event *e = event_get(ring, ++h->events_seen);

		if (e)
			take_event(w, i, e);
	}
}

/* --- machines */

void world_event(struct world *w, uint32_t i, const struct node_event *e)
{
	struct host *h = &w->hosts[i];

	if (!world_runs(w, i))
		return;
	host_step(h, w->now, e, &w->actions);
	net_carry_out(w, i);
	take_events(w, i);
	heap_set(&w->timers, i, host_deadline(h));
	if (w->watch.stepped)
		w->watch.stepped(w->watch.ctx, i);
}

void world_trust(struct world *w, uint32_t who, uint32_t whom, bool yes)
{
	w->trusts[(size_t)who * w->n + whom] = yes && who != whom;
}

static void untell(struct world *w, uint32_t i, uint32_t k)
{
	size_t at = (size_t)i * w->n + k;

	if (w->told[at])
		w->untold_since[at] = w->now;
	w->told[at] = false;
}

void world_tell_trust(struct world *w, uint32_t i)
{
	bool *told = &w->told[(size_t)i * w->n];

	w->hosts[i].untold = true;
	if (!world_runs(w, i))
		return;
	if (memcmp(told, &w->trusts[(size_t)i * w->n], w->n * sizeof(*told)))
		w->hosts[i].well_since = w->now;
	world_event(w, i, &(struct node_event){ .kind = NODE_TRUST_BEGIN });
	for (uint32_t k = 0; k < w->n; k++) {
		char name[16];

		if (!w->trusts[(size_t)i * w->n + k]) {
			untell(w, i, k);
			continue;
		}
		told[k] = true;
		snprintf(name, sizeof(name), "n%u", k);
		world_event(w, i, &(struct node_event){ .kind = NODE_TRUST_KEY,
			.key = w->hosts[k].public, .twin = &w->hosts[k].twin, .name = name });
	}
	world_event(w, i, &(struct node_event){ .kind = NODE_TRUST_END });
	w->hosts[i].untold = false;
}

void world_seed(struct world *w, uint32_t who, uint32_t whom)
{
	struct host *h = &w->hosts[who];

	h->seeds = realloc(h->seeds, (h->seed_count + 1) * sizeof(*h->seeds));
	BUG_ON(!h->seeds);
	h->seeds[h->seed_count++] = w->hosts[whom].at;
	world_event(w, who, &(struct node_event){ .kind = NODE_SEED, .from = w->hosts[whom].at });
}

void world_tell_addresses(struct world *w, uint32_t i)
{
	struct ip ip = w->hosts[i].at.ip;
	struct node_event e = { .kind = NODE_ADDRESSES, .addresses = &ip, .number = 1 };

	w->hosts[i].untold |= w->hosts[i].paused;
	world_event(w, i, &e);
}

void world_on(struct world *w, uint32_t i, bool reboot)
{
	struct host *h = &w->hosts[i];

	if (h->node)
		return;
	memset(&w->views[(size_t)i * w->n], 0, w->n * sizeof(*w->views));
	for (uint32_t k = 0; k < w->n; k++)
		untell(w, i, k);
	w->changes++;
	trace_line(&w->trace, w->now, "%u starts", i);
	host_on(h, w->members, reboot, w->now);
	if (w->watch.started)
		w->watch.started(w->watch.ctx, i);
	world_tell_addresses(w, i);
	world_tell_trust(w, i);
	for (unsigned k = 0; k < h->seed_count; k++)
		world_event(w, i, &(struct node_event){ .kind = NODE_SEED, .from = h->seeds[k] });
}

static void drop_waiting(struct host *h)
{
	while (h->waiting_count)
		free(h->waiting[--h->waiting_count]);
}

void world_off(struct world *w, uint32_t i)
{
	if (!w->hosts[i].node)
		return;
	trace_line(&w->trace, w->now, "%u is off", i);
	host_off(&w->hosts[i]);
	drop_waiting(&w->hosts[i]);
	heap_set(&w->timers, i, INSTANT_NEVER);
	w->changes++;
}

void world_leave(struct world *w, uint32_t i)
{
	world_event(w, i, &(struct node_event){ .kind = NODE_STOP });
	world_off(w, i);
}

void world_lose_disk(struct world *w, uint32_t i)
{
	w->hosts[i].has_clock = false;
}

void world_pause(struct world *w, uint32_t i, bool keeps)
{
	if (!world_runs(w, i))
		return;
	trace_line(&w->trace, w->now, "%u pauses", i);
	w->hosts[i].paused = true;
	w->hosts[i].paused_at = w->now;
	w->hosts[i].keeps = keeps;
	heap_set(&w->timers, i, INSTANT_NEVER);
	w->changes++;
}

static void hand_over(struct world *w, uint32_t i, struct datagram *d)
{
	struct node_event e = { .kind = NODE_DATAGRAM, .from = d->from };

	e.data = bytes_of(d->data, d->len);
	e.from.local = w->hosts[i].at.ip;
	if (w->watch.delivered)
		w->watch.delivered(w->watch.ctx, i, d);
	world_event(w, i, &e);
	free(d);
}

void world_resume(struct world *w, uint32_t i)
{
	struct host *h = &w->hosts[i];
	unsigned n = h->waiting_count;

	if (!h->node || !h->paused)
		return;
	trace_line(&w->trace, w->now, "%u resumes", i);
	h->paused = false;
	h->resumed_at = h->well_since = w->now;
	h->waiting_count = 0;
	w->changes++;
	/* A loop looks at its sockets first. */
	for (unsigned k = 0; k < n; k++)
		hand_over(w, i, h->waiting[k]);
	if (h->untold) {
		world_tell_addresses(w, i);
		world_tell_trust(w, i);
	}
	heap_set(&w->timers, i, host_deadline(h));
}

void world_clock(struct world *w, uint32_t i, int64_t ms)
{
	w->hosts[i].wall_ahead_ms += ms;
}

void world_move(struct world *w, uint32_t i, bool told)
{
	net_give_address(w, i);
	trace_line(&w->trace, w->now, "%u moves", i);
	w->hosts[i].well_since = w->now;
	if (told)
		world_tell_addresses(w, i);
}

/* --- time */

static void deliver(struct world *w, struct datagram *d)
{
	uint32_t to = net_receiver(w, d);
	struct host *h = to == NOBODY ? NULL : &w->hosts[to];

	if (!h || !h->node) {
		free(d);
	} else if (!h->paused) {
		hand_over(w, to, d);
	} else if (h->keeps && h->waiting_count < HOST_WAITING) {
		h->waiting[h->waiting_count++] = d;
	} else {
		free(d);
	}
}

bool world_step(struct world *w, struct instant until)
{
	struct instant timer = heap_first(&w->timers), post = queue_first(&w->queue);
	struct instant first = instant_min(timer, post);

	if (instant_before(until, first) || w->stuck) {
		if (instant_before(w->now, until))
			w->now = until;
		return false;
	}
	if (instant_before(w->now, first))
		w->now = first;
	if (instant_before(timer, post)) {
		uint32_t i = heap_pop(&w->timers, w->now);

		world_event(w, i, &(struct node_event){ .kind = NODE_TIME });
	} else {
		deliver(w, queue_pop(&w->queue));
	}
	return true;
}

void world_run(struct world *w, struct instant until)
{
	while (world_step(w, until))
		;
}
