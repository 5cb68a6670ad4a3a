#include "sim/accusers.h"

#include "swim/swim.h"

#include <stdlib.h>

#define SMALL 40u            /* docs/protocol.md: up to so many others all accusations count */
#define WATCHERS 4u          /* on each ring */
#define HELD_MAX 24u
/* A suspicion ends eleven seconds after the first accusation; what one ceased to trust, and what
 * changed while one stood still, is known to all after a minute. */
#define DOUBT span_s(15)
#define SETTLES span_s(60)

struct held {
	uint64_t sequence;           /* of the accusations */
	struct instant doubted;
	struct instant read;         /* a record */
	uint16_t accuser[HELD_MAX];
	uint16_t count;              /* above HELD_MAX: anybody */
};

struct accusers {
	const struct world *w;
	struct held *held;           /* [who * n + subject] */
	uint32_t *ring[SWIM_RINGS];  /* machines by place */
	uint32_t *at[SWIM_RINGS];    /* where each is on it */
};

static void *take(size_t n, size_t size)
{
	void *p = calloc(n, size);

	BUG_ON(!p);
	return p;
}

struct spot {
	uint64_t place;
	uint32_t machine;
};

static int by_place(const void *a, const void *b)
{
	const struct spot *x = a, *y = b;

	return (x->place > y->place) - (x->place < y->place);
}

struct accusers *accusers_new(const struct world *w)
{
	struct accusers *a = take(1, sizeof(*a));
	struct spot *spots = take(w->n, sizeof(*spots));

	a->w = w;
	a->held = take((size_t)w->n * w->n, sizeof(*a->held));
	for (unsigned ring = 0; ring < SWIM_RINGS; ring++) {
		a->ring[ring] = take(w->n, sizeof(uint32_t));
		a->at[ring] = take(w->n, sizeof(uint32_t));
		for (uint32_t i = 0; i < w->n; i++) {
			struct swim_identity identity;

			swim_identify(&w->hosts[i].public, &identity);
			spots[i] = (struct spot){ identity.place[ring], i };
		}
		qsort(spots, w->n, sizeof(*spots), by_place);
		for (uint32_t i = 0; i < w->n; i++) {
			a->ring[ring][i] = spots[i].machine;
			a->at[ring][spots[i].machine] = i;
		}
	}
	free(spots);
	return a;
}

void accusers_free(struct accusers *a)
{
	for (unsigned ring = 0; ring < SWIM_RINGS; ring++) {
		free(a->ring[ring]);
		free(a->at[ring]);
	}
	free(a->held);
	free(a);
}

static struct held *held(const struct accusers *a, uint32_t who, uint32_t subject)
{
	return &a->held[(size_t)who * a->w->n + subject];
}

void accusers_forget(struct accusers *a, uint32_t who)
{
	for (uint32_t i = 0; i < a->w->n; i++)
		*held(a, who, i) = (struct held){ 0 };
}

void accusers_record(struct accusers *a, uint32_t who, uint32_t subject)
{
	held(a, who, subject)->read = a->w->now;
}

void accusers_doubt(struct accusers *a, uint32_t who, uint32_t subject)
{
	held(a, who, subject)->doubted = a->w->now;
}

/* --- who watches */

static bool is_past(const struct accusers *a, struct instant t, struct span wait)
{
	return !instant_is_set(t) || instant_since(a->w->now, t).ns >= wait.ns;
}

/* Whether it has admitted that one for a while, if at all. */
static bool admits(const struct accusers *a, uint32_t who, uint32_t whom)
{
	size_t at = (size_t)who * a->w->n + whom;

	return a->w->told[at] && is_past(a, a->w->untold_since[at], SETTLES);
}

static bool read_now(const struct accusers *a, uint32_t who, uint32_t subject)
{
	return held(a, who, subject)->read.ns == a->w->now.ns;
}

static bool is_large(const struct accusers *a, uint32_t who)
{
	uint32_t alive = 0;

	for (uint32_t i = 0; i < a->w->n; i++) {
		unsigned state = world_view(a->w, who, i)->state;

		alive += (state == REPORT_ALIVE || state == REPORT_SUSPECT) && !read_now(a, who, i);
	}
	return alive > SMALL;
}

/* Whether `who` surely takes it for a living member that could watch the subject. */
static bool lives(const struct accusers *a, uint32_t who, uint32_t between, uint32_t subject)
{
	if (between == who)
		return true;
	return world_view(a->w, who, between)->state == REPORT_ALIVE &&
	       admits(a, between, subject) && admits(a, subject, between) &&
	       admits(a, who, between) &&
	       is_past(a, held(a, who, between)->doubted, DOUBT) && !read_now(a, who, between);
}

static bool may_watch(const struct accusers *a, uint32_t who, uint32_t watcher, uint32_t subject)
{
	uint32_t n = a->w->n;

	if (!is_large(a, who) || !is_past(a, a->w->hosts[who].resumed_at, SETTLES))
		return true;
	for (unsigned ring = 0; ring < SWIM_RINGS; ring++) {
		uint32_t at = a->at[ring][subject];
		unsigned rank = 1;

		for (uint32_t i = 1; i < n && rank <= WATCHERS; i++) {
			uint32_t before = a->ring[ring][(at + n - i) % n];

			if (before == watcher)
				return true;
			rank += lives(a, who, before, subject);
		}
	}
	return false;
}

/* --- what is held */

static bool has(const struct held *h, uint32_t accuser)
{
	for (unsigned i = 0; i < h->count && i < HELD_MAX; i++)
		if (h->accuser[i] == accuser)
			return true;
	return h->count > HELD_MAX;
}

void accusers_read(struct accusers *a, uint32_t who, uint32_t accuser, uint32_t subject,
		   uint64_t sequence)
{
	struct held *h = held(a, who, subject);

	if (sequence > h->sequence) {
		h->sequence = sequence;
		h->count = 0;
	}
	if (sequence == h->sequence && !has(h, accuser) && may_watch(a, who, accuser, subject)) {
		if (h->count < HELD_MAX)
			h->accuser[h->count] = (uint16_t)accuser;
		h->count++;
	}
	accusers_doubt(a, who, subject);
}

bool accusers_has(const struct accusers *a, uint32_t who, uint32_t accuser, uint32_t subject,
		  uint64_t sequence)
{
	const struct held *h = held(a, who, subject);

	return sequence < h->sequence || (sequence == h->sequence && has(h, accuser));
}

unsigned accusers_count(const struct accusers *a, uint32_t who, uint32_t subject,
			uint64_t sequence)
{
	const struct held *h = held(a, who, subject);

	if (sequence < h->sequence)
		return HELD_MAX;
	return sequence == h->sequence ? h->count : 0;
}
