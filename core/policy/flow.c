/* flow.c - a packet of a known flow costs one line of the hash heads and one of the flow, which
 * holds in 64 bytes all that the packet path needs. Links live in an array of their own: a flow
 * moves to the end of its list at most about once a second, however many packets it has.
 *
 * Lists: each peer has four, by who opened and by whether it was answered (proven), in the order of
 * their last packets to within that second. Peers are kept by weight, in one list for each weight
 * that there can be; `heaviest` is the highest one in use. Weights change by at most FLOW_WEIGHT,
 * so finding the next heaviest takes at most as many steps. All links are slot + 1, so that zeroed
 * memory is an empty table, and memory that no flow came to is never touched.
 */
#include "policy/flow.h"

#include "base/pool.h"
#include "base/siphash.h"
#include "packet/tcp.h"

#include <string.h>

#define LINE 64u
#define MOST_FLOWS (UINT32_C(1) << 20)
#define SWEEP_EVERY span_s(5)
#define SWEEP_PARTS 8u       /* a tick looks at one of them, */
#define SWEEP_LEAST 4096u    /* and at so many flows at least */
#define SWEEP_ON_OPEN 8u     /* before a flow is evicted */
#define MOVE_SHIFT 30        /* 2^30 ns: how exact the order of the lists is */

/* The order in which a peer loses its flows. */
enum class { THEIRS_UNPROVEN, THEIRS_PROVEN, OURS_UNPROVEN, OURS_PROVEN, CLASSES };

struct link {
	uint32_t before, after; /* slot + 1 */
};

struct holder {
	uint32_t first[CLASSES], last[CLASSES]; /* slot + 1 */
	uint32_t count;
	uint32_t weight;
	uint32_t before, after;                 /* peer + 1, among those of one weight */
};

struct flows {
	uint32_t cap, peers;
	uint32_t mask;           /* of the heads */
	uint32_t heaviest;
	uint32_t sweep_at;       /* slot */
	struct instant swept;
	struct siphash_key hash_key;
	struct flow_counts counts;
	struct pool pool;
	struct flow *flows;
	uint32_t *heads;         /* slot + 1, by hash */
	struct link *links;      /* by slot */
	struct holder *holders;  /* by peer */
	uint32_t *weights;       /* peer + 1, by weight */
};

#define KEY_BYTES offsetof(struct flow, state)
_Static_assert(sizeof(struct flow) == LINE, "a flow is one cache line");
_Static_assert(offsetof(struct flow_key, unused) == KEY_BYTES, "a flow begins with its key");
_Static_assert(KEY_BYTES == 42 && offsetof(struct flow_key, protocol) == 40, "words of it");
_Static_assert(offsetof(struct flow, version) == offsetof(struct flow_key, version), "the same");

static size_t in_lines(size_t n)
{
	return (n + LINE - 1) & ~(size_t)(LINE - 1);
}

static uint32_t heads_for(uint32_t cap)
{
	uint32_t n = 2;

	while (n < 2 * cap)
		n *= 2;
	return n;
}

size_t flows_size(uint32_t cap, uint32_t peers)
{
	BUG_ON(!cap || cap > MOST_FLOWS);
	return LINE + in_lines(sizeof(struct flows)) + in_lines(pool_size(cap)) +
	       in_lines(cap * sizeof(struct flow)) + in_lines(heads_for(cap) * sizeof(uint32_t)) +
	       in_lines(cap * sizeof(struct link)) + in_lines(peers * sizeof(struct holder)) +
	       in_lines((FLOW_WEIGHT * (size_t)cap + 1) * sizeof(uint32_t));
}

static void *carve(uint8_t **at, size_t size)
{
	void *got = *at;

	*at += in_lines(size);
	return got;
}

struct flows *flows_init(void *memory, uint32_t cap, uint32_t peers, const uint8_t hash_key[16])
{
	uint8_t *at = memory;
	struct flows *t;

	at += -(uintptr_t)at & (LINE - 1);
	t = carve(&at, sizeof(*t));
	t->cap = cap;
	t->peers = peers;
	t->mask = heads_for(cap) - 1;
	t->hash_key = siphash_key(hash_key);
	pool_init(&t->pool, carve(&at, pool_size(cap)), cap);
	t->flows = carve(&at, cap * sizeof(*t->flows));
	t->heads = carve(&at, (t->mask + 1) * sizeof(*t->heads));
	t->links = carve(&at, cap * sizeof(*t->links));
	t->holders = carve(&at, peers * sizeof(*t->holders));
	t->weights = carve(&at, (FLOW_WEIGHT * (size_t)cap + 1) * sizeof(*t->weights));
	return t;
}

/* --- ends and classes */

/* After Linux's defaults for connection tracking. */
struct span flow_timeout(enum flow_state state)
{
	static const uint32_t seconds[FLOW_STATES] = {
		[FLOW_SYN] = 60,
		[FLOW_ANSWERED] = 60,
		[FLOW_ESTABLISHED] = 5 * 24 * 3600,
		[FLOW_HALF_CLOSED] = 120,
		[FLOW_CLOSED] = 120,
		[FLOW_RESET] = 10,
		[FLOW_ONE_WAY] = 30,
		[FLOW_TWO_WAYS] = 180,
	};

	BUG_ON(state >= FLOW_STATES);
	return span_s(seconds[state]);
}

bool flow_has_expired(const struct flow *f, struct instant now)
{
	return instant_reached(instant_add(f->seen, flow_timeout(f->state)), now);
}

static bool is_proven(const struct flow *f)
{
	return f->state == FLOW_ESTABLISHED || f->state == FLOW_HALF_CLOSED ||
	       f->state == FLOW_TWO_WAYS;
}

static enum class class_of(const struct flow *f)
{
	return (f->flags & FLOW_IS_OURS ? OURS_UNPROVEN : THEIRS_UNPROVEN) + is_proven(f);
}

static uint32_t weight_of(const struct flow *f)
{
	return f->flags & FLOW_IS_OURS ? 1 : FLOW_WEIGHT;
}

/* --- lists */

static void list_take_out(struct flows *t, uint32_t slot, enum class class)
{
	struct holder *h = &t->holders[t->flows[slot].peer];
	struct link *l = &t->links[slot];

	*(l->before ? &t->links[l->before - 1].after : &h->first[class]) = l->after;
	*(l->after ? &t->links[l->after - 1].before : &h->last[class]) = l->before;
}

static void list_put_last(struct flows *t, uint32_t slot, enum class class)
{
	struct holder *h = &t->holders[t->flows[slot].peer];

	t->links[slot] = (struct link){ .before = h->last[class] };
	*(h->last[class] ? &t->links[h->last[class] - 1].after : &h->first[class]) = slot + 1;
	h->last[class] = slot + 1;
}

static void move(struct flows *t, uint32_t slot, enum class from, enum class to)
{
	list_take_out(t, slot, from);
	list_put_last(t, slot, to);
}

static void set_weight(struct flows *t, uint32_t peer, uint32_t weight)
{
	struct holder *h = &t->holders[peer];

	if (h->weight) {
		*(h->before ? &t->holders[h->before - 1].after : &t->weights[h->weight]) = h->after;
		if (h->after)
			t->holders[h->after - 1].before = h->before;
	}
	h->weight = weight;
	h->before = 0;
	h->after = weight ? t->weights[weight] : 0;
	if (weight) {
		if (h->after)
			t->holders[h->after - 1].before = peer + 1;
		t->weights[weight] = peer + 1;
	}
	if (weight > t->heaviest)
		t->heaviest = weight;
	while (t->heaviest && !t->weights[t->heaviest])
		t->heaviest--;
}

/* --- finding */

/* A flow begins with its key, so both are looked at alike. */
static inline uint64_t word(const void *key, size_t at)
{
	uint64_t w;

	memcpy(&w, (const uint8_t *)key + at, sizeof(w));
	return w;
}

static inline uint64_t half_word(const void *key, size_t at)
{
	uint32_t w;

	memcpy(&w, (const uint8_t *)key + at, sizeof(w));
	return w;
}

/* Protocol and version. */
static inline uint64_t last_word(const void *key)
{
	uint16_t w;

	memcpy(&w, (const uint8_t *)key + offsetof(struct flow_key, protocol), sizeof(w));
	return w;
}

/* Of IPv4 addresses there is little to hash. */
static uint32_t hash_of(const struct flows *t, const void *key, uint8_t version)
{
	uint64_t words[6] = { last_word(key), word(key, offsetof(struct flow_key, peer)) };
	size_t count = 2;

	if (version == 4)
		words[count++] = half_word(key, 0) << 32 | half_word(key, 16);
	for (size_t at = 0; at < 32 && version != 4; at += 8)
		words[count++] = word(key, at);
	return (uint32_t)siphash_of(t->hash_key, words, count) & t->mask;
}

static uint32_t *head_of(const struct flows *t, const void *key, uint8_t version)
{
	return &t->heads[hash_of(t, key, version)];
}

static inline bool is_same(const struct flow *f, const struct flow_key *key)
{
	uint64_t differs = last_word(f) ^ last_word(key);

	for (size_t at = 0; at < KEY_BYTES - 2; at += 8)
		differs |= word(f, at) ^ word(key, at);
	return !differs;
}

static void remove_flow(struct flows *t, uint32_t slot)
{
	struct flow *f = &t->flows[slot];
	struct holder *h = &t->holders[f->peer];
	uint32_t *at = head_of(t, f, f->version);

	while (*at != slot + 1)
		at = &t->flows[*at - 1].chain;
	*at = f->chain;
	list_take_out(t, slot, class_of(f));
	h->count--;
	set_weight(t, f->peer, h->weight - weight_of(f));
	pool_put(&t->pool, slot);
}

uint32_t flow_find_hashed(struct flows *t, const struct flow_key *key, uint32_t hash,
			  struct instant now)
{
	uint32_t slot1 = t->heads[hash];

	while (slot1 && !is_same(&t->flows[slot1 - 1], key))
		slot1 = t->flows[slot1 - 1].chain;
	if (!slot1)
		return FLOW_NONE;
	if (!flow_has_expired(&t->flows[slot1 - 1], now))
		return slot1 - 1;
	t->counts.expired++;
	remove_flow(t, slot1 - 1);
	return FLOW_NONE;
}

uint32_t flow_find(struct flows *t, const struct flow_key *key, struct instant now)
{
	return flow_find_hashed(t, key, hash_of(t, key, key->version), now);
}

/* --- fetching, ahead of finding: the first of a chain is almost always the one */

uint32_t flow_hash(const struct flows *t, const struct flow_key *key)
{
	uint32_t hash = hash_of(t, key, key->version);

	__builtin_prefetch(&t->heads[hash]);
	return hash;
}

void flow_fetch(const struct flows *t, uint32_t hash)
{
	uint32_t slot1 = t->heads[hash];

	if (slot1)
		__builtin_prefetch(&t->flows[slot1 - 1], 1);
}

/* A flow that a packet will move in its list, or NULL. */
static const struct link *moves(const struct flows *t, uint32_t hash, struct instant now)
{
	uint32_t slot1 = t->heads[hash];

	if (!slot1 || t->flows[slot1 - 1].seen.ns >> MOVE_SHIFT == now.ns >> MOVE_SHIFT)
		return NULL;
	return &t->links[slot1 - 1];
}

void flow_fetch_order(const struct flows *t, uint32_t hash, struct instant now)
{
	const struct link *l = moves(t, hash, now);

	if (l)
		__builtin_prefetch(l, 1);
}

void flow_fetch_beside(const struct flows *t, uint32_t hash, struct instant now)
{
	const struct link *l = moves(t, hash, now);

	if (!l)
		return;
	if (l->before)
		__builtin_prefetch(&t->links[l->before - 1], 1);
	if (l->after)
		__builtin_prefetch(&t->links[l->after - 1], 1);
}

/* --- room */

static void sweep(struct flows *t, uint32_t slots, struct instant now)
{
	for (; slots && t->pool.count; slots--) {
		uint32_t slot = t->sweep_at;

		t->sweep_at = slot + 1 < t->pool.fresh ? slot + 1 : 0;
		if (!pool_used(&t->pool, slot) || !flow_has_expired(&t->flows[slot], now))
			continue;
		t->counts.expired++;
		remove_flow(t, slot);
	}
}

static void evict(struct flows *t)
{
	const struct holder *h = &t->holders[t->weights[t->heaviest] - 1];
	enum class class = THEIRS_UNPROVEN;

	while (!h->first[class])
		class++;
	t->counts.evicted[class >= OURS_UNPROVEN]++;
	remove_flow(t, h->first[class] - 1);
}

uint32_t flow_open(struct flows *t, const struct flow_key *key, bool is_ours, struct instant now)
{
	uint32_t *head = head_of(t, key, key->version), slot;
	struct flow *f;

	BUG_ON(key->peer >= t->peers || key->unused);
	if (t->pool.count == t->cap)
		sweep(t, SWEEP_ON_OPEN, now);
	if (t->pool.count == t->cap)
		evict(t);
	if (!t->pool.count)
		t->swept = now;
	slot = pool_get(&t->pool);
	f = &t->flows[slot];
	memcpy(f, key, KEY_BYTES);
	f->state = key->protocol == PROTO_TCP ? FLOW_SYN : FLOW_ONE_WAY;
	f->flags = is_ours ? FLOW_IS_OURS : 0;
	f->chain = *head;
	f->generation = f->hit = 0;
	f->seen = now;
	*head = slot + 1;
	list_put_last(t, slot, class_of(f));
	t->holders[key->peer].count++;
	set_weight(t, key->peer, t->holders[key->peer].weight + weight_of(f));
	t->counts.opened++;
	return slot;
}

/* --- packets */

void flow_packet(struct flows *t, uint32_t slot, bool from_here, uint8_t tcp_flags,
		 struct instant now)
{
	struct flow *f = &t->flows[slot];
	enum class before = class_of(f);
	uint8_t was = f->state;
	struct instant seen = f->seen;

	flow_step(f, from_here, tcp_flags);
	if (!flow_is_over(f) || f->state != was)
		f->seen = now;
	if (class_of(f) != before || f->seen.ns >> MOVE_SHIFT != seen.ns >> MOVE_SHIFT)
		move(t, slot, before, class_of(f));
}

void flow_touch(struct flows *t, uint32_t slot, struct instant now)
{
	struct flow *f = &t->flows[slot];
	struct instant seen = f->seen;

	if (flow_is_over(f))
		return;
	f->seen = now;
	if (now.ns >> MOVE_SHIFT != seen.ns >> MOVE_SHIFT)
		move(t, slot, class_of(f), class_of(f));
}

void flow_close(struct flows *t, uint32_t slot)
{
	BUG_ON(!pool_used(&t->pool, slot));
	remove_flow(t, slot);
}

void flow_close_peer(struct flows *t, uint32_t peer)
{
	struct holder *h = &t->holders[peer];

	BUG_ON(peer >= t->peers);
	for (enum class c = THEIRS_UNPROVEN; c < CLASSES; c++)
		while (h->first[c])
			remove_flow(t, h->first[c] - 1);
}

struct flow *flow_at(struct flows *t, uint32_t slot)
{
	return slot < t->cap && pool_used(&t->pool, slot) ? &t->flows[slot] : NULL;
}

struct flow *flow_of(struct flows *t, uint32_t slot)
{
	return &t->flows[slot];
}

/* --- time */

void flows_tick(struct flows *t, struct instant now)
{
	uint32_t part = t->pool.fresh / SWEEP_PARTS;

	if (!instant_reached(flows_deadline(t), now))
		return;
	sweep(t, part > SWEEP_LEAST ? part : SWEEP_LEAST, now);
	t->swept = now;
}

struct instant flows_deadline(const struct flows *t)
{
	return t->pool.count ? instant_add(t->swept, SWEEP_EVERY) : INSTANT_NEVER;
}

uint32_t flows_count(const struct flows *t)
{
	return t->pool.count;
}

uint32_t flows_of_peer(const struct flows *t, uint32_t peer)
{
	BUG_ON(peer >= t->peers);
	return t->holders[peer].count;
}

const struct flow_counts *flows_counts(const struct flows *t)
{
	return &t->counts;
}
