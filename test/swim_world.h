/* swim_world.h - a small virtual network for tests of core/swim: N rooms, messages with delay and
 * loss, virtual time.
 *
 * Slot j of every node is node j. What core/nat would do is modelled: a node that learns a record
 * finds a path 2 ms later, in both directions, unless the link is cut. Everything comes from one
 * seed. */
#ifndef TEST_SWIM_WORLD_H
#define TEST_SWIM_WORLD_H

#include "tap.h"
#include "contexts.h"
#include "record_share.h"

#include "base/heap.h"
#include "base/rng.h"
#include "crypto/curve.h"
#include "crypto/hash.h"
#include "swim/swim.h"
#include "swim/wire.h"

#define WORLD_EVENTS (1u << 23)
#define WORLD_ITEMS 1024u

enum world_kind { WORLD_MESSAGE, WORLD_PATH };

/* A path that is found; all take the same time. */
struct world_find {
	uint64_t at;
	uint32_t from, to;
};

struct world_event {
	uint64_t at, number;
	enum world_kind kind;
	uint32_t from, to;
	uint32_t run;          /* of the receiver: a message to a former process is lost */
	uint16_t len;
	uint8_t *data;
};

struct world_node {
	struct public_key key;
	struct secret_key secret;
	struct record_body body;
	struct swim *swim;
	void *memory;
	uint32_t run;
	bool up;
	bool paused;
	uint64_t born;
	uint8_t group;         /* nodes of different groups do not hear each other */
	uint64_t bytes, messages, wakes, deaths, conflicts, own_newer, doubted;
	uint64_t *dead_at;     /* by slot: the last verdict */
};

struct world {
	uint32_t n, cap;
	struct world_node *nodes;
	struct rng rng;
	uint64_t now;
	uint64_t numbers;
	uint32_t loss_permille;
	uint64_t delay_min, delay_max;
	bool no_paths;         /* nobody finds paths by records */
	struct record_share records; /* of all nodes; not begun: each keeps its own */
	struct swim_identity *identities;
	struct swim_store store;
	enum swim_profile profile;
	struct world_event *heap;
	uint32_t count;
	struct world_find *finds; /* a ring; its size is a power of two */
	uint32_t finds_size, finds_first, finds_count;
	uint64_t claim_each;   /* how often world_until() asks; 0: at each event */
	struct heap timers;    /* by node; brought up to date by what happens to it */
	void *timers_memory;
	struct outbox out;
	struct out items[WORLD_ITEMS];
	uint8_t *arena;
	/* A test looks at each message on its way; false: it is dropped. */
	bool (*watch)(struct world *w, uint32_t from, uint32_t to, struct bytes message);
	uint64_t largest;
};

#define MS UINT64_C(1000000)
#define S UINT64_C(1000000000)

static inline bool world_before(const struct world_event *a, const struct world_event *b)
{
	return a->at != b->at ? a->at < b->at : a->number < b->number;
}

static inline void world_push(struct world *w, struct world_event e)
{
	uint32_t i = w->count++;

	if (w->count > WORLD_EVENTS) {
		puts("Bail out! too many events");
		exit(1);
	}
	e.number = w->numbers++;
	while (i && world_before(&e, &w->heap[(i - 1) / 2])) {
		w->heap[i] = w->heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	w->heap[i] = e;
}

static inline struct world_event world_pop(struct world *w)
{
	struct world_event first = w->heap[0], last = w->heap[--w->count];
	uint32_t i = 0;

	for (;;) {
		uint32_t child = 2 * i + 1;

		if (child >= w->count)
			break;
		if (child + 1 < w->count && world_before(&w->heap[child + 1], &w->heap[child]))
			child++;
		if (!world_before(&w->heap[child], &last))
			break;
		w->heap[i] = w->heap[child];
		i = child;
	}
	w->heap[i] = last;
	return first;
}

static inline struct instant world_time(const struct world *w)
{
	return (struct instant){ w->now };
}

static inline void world_path(struct world *w, uint32_t a, uint32_t b, uint64_t in)
{
	struct world_event e = { .at = w->now + in, .kind = WORLD_PATH, .from = a, .to = b };

	world_push(w, e);
	e.from = b;
	e.to = a;
	world_push(w, e);
}

/* Both find the path between them 2 ms from now. */
static inline void world_find(struct world *w, uint32_t a, uint32_t b)
{
	struct world_find both[2] = { { w->now + 2 * MS, a, b }, { w->now + 2 * MS, b, a } };

	if (w->finds_count + 2 > w->finds_size) {
		uint32_t size = w->finds_size ? 2 * w->finds_size : 1024;
		struct world_find *finds = malloc(size * sizeof(*finds));

		for (uint32_t i = 0; i < w->finds_count; i++)
			finds[i] = w->finds[(w->finds_first + i) % w->finds_size];
		free(w->finds);
		w->finds = finds;
		w->finds_size = size;
		w->finds_first = 0;
	}
	for (unsigned i = 0; i < 2; i++)
		w->finds[(w->finds_first + w->finds_count++) % w->finds_size] = both[i];
}

static inline void world_sign(struct world *w, uint32_t i, uint64_t sequence, uint16_t flags)
{
	struct world_node *node = &w->nodes[i];
	struct record record;

	node->body.sequence = sequence;
	node->body.flags = flags;
	if (!record_sign(&node->body, &node->secret, &record)) {
		puts("Bail out! a record cannot be signed");
		exit(1);
	}
	swim_set_self(node->swim, &record, world_time(w));
}

static inline void world_fact(struct world *w, uint32_t i, const struct swim_fact *f)
{
	struct world_node *node = &w->nodes[i];

	switch (f->kind) {
	case SWIM_FACT_RECORD:
		if (!w->no_paths)
			world_find(w, i, f->slot);
		break;
	case SWIM_FACT_DEAD:
		node->deaths++;
		if (node->dead_at)
			node->dead_at[f->slot] = w->now;
		break;
	case SWIM_FACT_CONFLICT:
		node->conflicts++;
		break;
	case SWIM_FACT_PATH_DOUBTED:
		node->doubted++;
		break;
	case SWIM_FACT_OWN_NEWER:
		node->own_newer++;
		world_sign(w, i, f->sequence + 1, node->body.flags);
		break;
	case SWIM_FACT_ALIVE:
	case SWIM_FACT_SUSPECT:
	case SWIM_FACT_LEFT:
		break;
	}
}

/* Takes what a node wishes, after each call into it. */
static inline void world_flush(struct world *w, uint32_t i)
{
	struct swim_fact f;

	while (swim_next_fact(w->nodes[i].swim, &f))
		world_fact(w, i, &f);
	for (uint32_t k = 0; k < w->out.count; k++) {
		const struct out *o = &w->out.items[k];
		struct world_event e = { .kind = WORLD_MESSAGE, .from = i, .to = o->slot };

		w->nodes[i].messages++;
		w->nodes[i].bytes += o->len + CHANNEL_OVERHEAD + 28;
		w->largest = o->len > w->largest ? o->len : w->largest;
		if (w->watch && !w->watch(w, i, o->slot, bytes_of(o->data, o->len)))
			continue;
		if (rng_below(&w->rng, 1000) < w->loss_permille)
			continue;
		e.at = w->now + w->delay_min + rng_below(&w->rng, w->delay_max - w->delay_min + 1);
		e.run = w->nodes[o->slot].run;
		e.len = (uint16_t)o->len;
		e.data = malloc(o->len);
		memcpy(e.data, o->data, o->len);
		world_push(w, e);
	}
	outbox_clear(&w->out);
}

static inline bool world_linked(const struct world *w, uint32_t a, uint32_t b)
{
	return a != b && w->nodes[a].up && w->nodes[b].up && w->nodes[a].group == w->nodes[b].group;
}

static inline void world_event(struct world *w, const struct world_event *e)
{
	struct world_node *to = &w->nodes[e->to];

	if (world_linked(w, e->from, e->to) && !to->paused) {
		if (e->kind == WORLD_PATH) {
			swim_proof_of_life(to->swim, e->from, world_time(w));
			swim_reachable(to->swim, e->from, true, world_time(w));
		} else if (e->run == to->run) {
			swim_input(to->swim, world_time(w), e->from, bytes_of(e->data, e->len),
				   &w->out);
		}
		world_flush(w, e->to);
	}
	free(e->data);
}

static inline void world_timer(struct world *w, uint32_t i)
{
	struct world_node *node = &w->nodes[i];
	bool runs = node->up && !node->paused;

	heap_set(&w->timers, i, runs ? swim_deadline(node->swim) : INSTANT_NEVER);
}

/* A test may have called a node between two runs. */
static inline void world_timers(struct world *w)
{
	for (uint32_t i = 0; i < w->n; i++)
		world_timer(w, i);
}

static inline void world_tick(struct world *w, uint32_t i)
{
	w->nodes[i].wakes++;
	swim_tick(w->nodes[i].swim, world_time(w), &w->out);
	world_flush(w, i);
}

/* The next thing that happens, if it does before `until`. */
static inline bool world_step(struct world *w, uint64_t until)
{
	uint64_t message = w->count ? w->heap[0].at : UINT64_MAX;
	uint64_t timer = heap_first(&w->timers).ns;
	uint64_t find = w->finds_count ? w->finds[w->finds_first].at : UINT64_MAX;
	uint64_t first = message < timer ? message : timer;
	uint32_t who;

	first = find < first ? find : first;
	if (first > until)
		return false;
	w->now = first > w->now ? first : w->now;
	if (find == first) {
		struct world_find f = w->finds[w->finds_first];
		struct world_event e = { .kind = WORLD_PATH, .from = f.from, .to = f.to };

		w->finds_first = (w->finds_first + 1) % w->finds_size;
		w->finds_count--;
		who = f.to;
		world_event(w, &e);
	} else if (message <= timer) {
		struct world_event e = world_pop(w);

		who = e.to;
		world_event(w, &e);
	} else {
		who = heap_pop(&w->timers, world_time(w));
		world_tick(w, who);
	}
	world_timer(w, who);
	return true;
}

static inline void world_run(struct world *w, uint64_t time)
{
	uint64_t until = w->now + time;

	world_timers(w);
	while (world_step(w, until))
		;
	w->now = until;
}

/* Runs until the claim holds; the time it took, or UINT64_MAX when it does not hold after
 * `limit`. */
static inline uint64_t world_until(struct world *w, bool (*claim)(const struct world *),
				   uint64_t limit)
{
	uint64_t start = w->now, asked;

	world_timers(w);
	while (!claim(w)) {
		asked = w->now;
		do {
			if (w->now - start > limit || !world_step(w, start + limit))
				return claim(w) ? w->now - start : UINT64_MAX;
		} while (w->now - asked < w->claim_each);
	}
	return w->now - start;
}

static inline enum swim_state world_state(const struct world *w, uint32_t of, uint32_t slot)
{
	struct swim_info info;

	swim_info(w->nodes[of].swim, slot, &info);
	return info.state;
}

/* What the accuser would sign. */
static inline struct accusation world_accusation(const struct world *w, uint32_t subject,
						 uint64_t sequence, uint32_t accuser)
{
	static const char context[] = "meshguard accusation v1";
	uint8_t words[sizeof(context) - 1 + 8 + 8 + 32];
	struct accusation a = { .sequence = sequence };
	struct hash h;

	blake3(&h, w->nodes[subject].key.b, 32);
	a.subject = load_be64(h.b);
	blake3(&h, w->nodes[accuser].key.b, 32);
	a.accuser = load_be64(h.b);
	memcpy(words, context, sizeof(context) - 1);
	store_be64(words + sizeof(context) - 1, a.subject);
	store_be64(words + sizeof(context) - 1 + 8, sequence);
	memcpy(words + sizeof(context) - 1 + 16, w->nodes[accuser].key.b, 32);
	ed25519_sign(&a.signature, words, sizeof(words), &w->nodes[accuser].secret);
	return a;
}

static inline uint64_t world_sequence(const struct world *w, uint32_t of, uint32_t slot)
{
	struct swim_info info;

	swim_info(w->nodes[of].swim, slot, &info);
	return info.sequence;
}

static inline bool world_full(const struct world *w)
{
	uint32_t up = 0;

	for (uint32_t i = 0; i < w->n; i++)
		up += w->nodes[i].up;
	for (uint32_t i = 0; i < w->n; i++)
		if (w->nodes[i].up && swim_counters(w->nodes[i].swim)->alive + 1 < up)
			return false;
	for (uint32_t i = 0; i < w->n; i++)
		for (uint32_t j = 0; w->nodes[i].up && j < w->n; j++)
			if (i != j && w->nodes[j].up && world_state(w, i, j) != SWIM_ALIVE)
				return false;
	return true;
}

/* Starts the process of a node; its record has this sequence. Everybody is admitted. */
static inline void world_start(struct world *w, uint32_t i, uint64_t sequence)
{
	struct world_node *node = &w->nodes[i];
	struct swim_config config = { .members = w->cap, .self = node->key,
				      .secret = &node->secret };

	config.seed = rng_u64(&w->rng);
	config.profile = w->profile;
	config.store = w->records.place ? &w->store : NULL;
	free(node->memory);
	node->memory = calloc(1, swim_size(w->cap));
	node->swim = swim_init(node->memory, &config, world_time(w));
	node->run++;
	node->up = true;
	node->paused = false;
	node->born = w->now;
	for (uint32_t j = 0; j < w->n; j++)
		if (j != i)
			swim_admit(node->swim, j, &w->nodes[j].key, world_time(w));
	world_sign(w, i, sequence, 0);
	world_flush(w, i);
}

static inline void world_kill(struct world *w, uint32_t i)
{
	w->nodes[i].up = false;
}

static inline void world_init(struct world *w, uint32_t n, uint64_t seed)
{
	test_crypto();
	*w = (struct world){ .n = n, .cap = n, .delay_min = MS / 5, .delay_max = MS };
	w->nodes = calloc(n, sizeof(*w->nodes));
	w->heap = malloc(WORLD_EVENTS * sizeof(*w->heap));
	w->arena = malloc(WORLD_ITEMS * 2048);
	w->now = 1000 * S;
	rng_init(&w->rng, seed);
	w->timers_memory = calloc(1, heap_size(n));
	heap_init(&w->timers, w->timers_memory, n);
	outbox_init(&w->out, w->items, WORLD_ITEMS, w->arena, WORLD_ITEMS * 2048);
	for (uint32_t i = 0; i < n; i++) {
		uint8_t bytes[32];

		for (unsigned k = 0; k < sizeof(bytes); k += 8)
			store_be64(bytes + k, rng_u64(&w->rng));
		ed25519_from_seed(&w->nodes[i].key, &w->nodes[i].secret, bytes);
		w->nodes[i].dead_at = calloc(n, sizeof(uint64_t));
		w->nodes[i].body = (struct record_body){ .key = w->nodes[i].key };
		w->nodes[i].body.prefix = (struct prefix){ ip_v4(10, 99, 0, 0), 16 };
		w->nodes[i].body.candidate_count = 2;
		for (unsigned c = 0; c < 2; c++)
			w->nodes[i].body.candidates[c] = (struct endpoint){
				.ip = ip_v4(192, 0, (uint8_t)(2 + c), (uint8_t)(1 + i % 250)),
				.port = 51821,
			};
	}
}

static inline int world_by_id(const void *a, const void *b)
{
	struct swim_identity x, y;

	swim_identify(&((const struct world_node *)a)->key, &x);
	swim_identify(&((const struct world_node *)b)->key, &y);
	return x.id < y.id ? -1 : x.id > y.id;
}

static inline void world_sort(struct world *w)
{
	qsort(w->nodes, w->n, sizeof(*w->nodes), world_by_id);
}

/* Before any node starts, and for large worlds: the nodes share the bytes of keys and records, are
 * in the order of their ids, and a claim is looked at once a millisecond. */
static inline void world_share(struct world *w)
{
	world_sort(w);
	for (uint32_t i = 0; i < w->n; i++) {
		free(w->nodes[i].dead_at);
		w->nodes[i].dead_at = NULL;
	}
	w->claim_each = MS;
	record_share_init(&w->records);
	w->identities = calloc(w->n, sizeof(*w->identities));
	for (uint32_t i = 0; i < w->n; i++)
		swim_identify(&w->nodes[i].key, &w->identities[i]);
	w->store = (struct swim_store){ w->identities, w->records.records, record_share_keep,
					&w->records };
}

static inline void world_free(struct world *w)
{
	while (w->count)
		free(world_pop(w).data);
	for (uint32_t i = 0; i < w->n; i++) {
		free(w->nodes[i].memory);
		free(w->nodes[i].dead_at);
	}
	record_share_free(&w->records);
	free(w->identities);
	free(w->nodes);
	free(w->heap);
	free(w->finds);
	free(w->timers_memory);
	free(w->arena);
}

/* All start together and know only node 0. */
static inline void world_join_all(struct world *w)
{
	for (uint32_t i = 0; i < w->n; i++)
		world_start(w, i, 1000);
	for (uint32_t i = 1; i < w->n; i++)
		world_path(w, i, 0, rng_below(&w->rng, 20 * MS));
}

static inline uint64_t world_deaths(const struct world *w)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < w->n; i++)
		sum += w->nodes[i].deaths;
	return sum;
}

#endif
