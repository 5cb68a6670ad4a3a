/* flow.c - a packet of a known flow costs one line of the index and one of the flow, which holds in
 * 64 bytes all that the packet path needs. Links live in an array of their own: a flow moves to the
 * end of its list at most about every nine seconds, however many packets it has.
 *
 * The index is a hash table with linear probing, at most half full. An entry has, beside the slot,
 * those bits of the flow's hash that do not say where it stands, so that another flow on the way
 * is passed over without a look at its line.
 *
 * Lists: each peer has four, by who opened and by whether it was answered (proven), in the order of
 * their last packets to within these nine seconds. Peers are kept by weight, in one list for each
 * weight that there can be; `heaviest` is the highest one in use. Weights change by at most
 * FLOW_WEIGHT, so finding the next heaviest takes at most as many steps. All links are
 * slot + 1, so that zeroed memory is an empty table, and memory that no flow came to is never
 * touched.
 */
#include "policy/flow.h"

#include "base/pool.h"
#include "base/siphash.h"
#include "packet/tcp.h"

#include <string.h>

#define LINE 64u
#define PEER_BITS 24 /* of a peer's slot */
#define MOST_FLOWS (UINT32_C(1) << 20)
#define SWEEP_EVERY span_s(5)
#define SWEEP_PARTS 8u       /* a tick looks at one of them, */
#define SWEEP_LEAST 4096u    /* and at so many flows at least */
#define SWEEP_ON_OPEN 8u     /* before a flow is evicted */
#define MOVE_SHIFT 33        /* 2^33 ns: how exact the order of the lists is */
#define SLOT_BITS ((MOST_FLOWS << 1) - 1) /* of an entry: slot + 1; the others are of the hash */

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
	uint32_t mask;           /* of the index */
	uint32_t heaviest;
	uint32_t sweep_at;       /* slot */
	struct instant swept;
	struct siphash_key hash_key;
	struct flow_counts counts;
	struct pool pool;
	struct flow *flows;
	uint32_t *index;         /* entries, by hash; 0: none */
	struct link *links;      /* by slot */
	struct holder *holders;  /* by peer */
	uint32_t *weights;       /* peer + 1, by weight */
};

#define KEY_BYTES offsetof(struct flow, state)
_Static_assert(sizeof(struct flow) == LINE, "a flow is one cache line");
_Static_assert(offsetof(struct flow_key, unused) == KEY_BYTES, "a flow begins with its key");
_Static_assert(KEY_BYTES == 42 && offsetof(struct flow_key, protocol) == 40, "words of it");
_Static_assert(offsetof(struct flow, version) == offsetof(struct flow_key, version), "the same");
_Static_assert(2 * MOST_FLOWS - 1 <= SLOT_BITS, "where an entry stands and its bits are apart");

static size_t in_lines(size_t n)
{
	return (n + LINE - 1) & ~(size_t)(LINE - 1);
}

static uint32_t index_for(uint32_t cap)
{
	uint32_t n = 2;

	while (n < 2 * cap)
		n *= 2;
	return n;
}

size_t flows_size(uint32_t cap, uint32_t peers)
{
	BUG_ON(!cap || cap > MOST_FLOWS || peers > 1u << PEER_BITS);
	return LINE + in_lines(sizeof(struct flows)) + in_lines(pool_size(cap)) +
	       in_lines(cap * sizeof(struct flow)) + in_lines(index_for(cap) * sizeof(uint32_t)) +
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
	t->mask = index_for(cap) - 1;
	t->hash_key = siphash_key(hash_key);
	pool_init(&t->pool, carve(&at, pool_size(cap)), cap);
	t->flows = carve(&at, cap * sizeof(*t->flows));
	t->index = carve(&at, (t->mask + 1) * sizeof(*t->index));
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
static uint32_t hash_of(const struct flows *t, const struct flow_key *key)
{
	uint64_t words[5] = { (uint64_t)(key->peer | (uint32_t)key->protocol << PEER_BITS) << 32 |
			      (uint32_t)key->local_port << 16 | key->remote_port };
	size_t count = 1;

	if (key->version == 4)
		words[count++] = half_word(key, 0) << 32 | half_word(key, 16);
	for (size_t at = 0; at < 32 && key->version != 4; at += 8)
		words[count++] = word(key, at);
	return (uint32_t)siphash_of(t->hash_key, words, count);
}

static inline bool is_same(const struct flow *f, const struct flow_key *key)
{
	uint64_t differs = last_word(f) ^ last_word(key);

	for (size_t at = 0; at < KEY_BYTES - 2; at += 8)
		differs |= word(f, at) ^ word(key, at);
	return !differs;
}

static inline uint32_t slot_in(uint32_t entry)
{
	return (entry & SLOT_BITS) - 1;
}

static void index_put(struct flows *t, uint32_t hash, uint32_t slot)
{
	uint32_t at = hash & t->mask;

	while (t->index[at])
		at = (at + 1) & t->mask;
	t->index[at] = (hash & ~SLOT_BITS) | (slot + 1);
}

/* What comes behind it moves up, if that is nearer to where its hash would have it. */
static void index_take_out(struct flows *t, uint32_t slot)
{
	uint32_t hole = t->flows[slot].hash & t->mask;

	while (slot_in(t->index[hole]) != slot)
		hole = (hole + 1) & t->mask;
	for (uint32_t at = (hole + 1) & t->mask; t->index[at]; at = (at + 1) & t->mask) {
		uint32_t home = t->flows[slot_in(t->index[at])].hash;

		if (((at - home) & t->mask) < ((at - hole) & t->mask))
			continue;
		t->index[hole] = t->index[at];
		hole = at;
	}
	t->index[hole] = 0;
}

static void remove_flow(struct flows *t, uint32_t slot)
{
	struct flow *f = &t->flows[slot];
	struct holder *h = &t->holders[f->peer];

	index_take_out(t, slot);
	list_take_out(t, slot, class_of(f));
	h->count--;
	set_weight(t, f->peer, h->weight - weight_of(f));
	f->version = 0; /* the same as no key */
	pool_put(&t->pool, slot);
}

/* From a place of the index on: the next entry that may be of that hash; 0: there is none. */
static inline uint32_t next_entry(const struct flows *t, uint32_t hash, uint32_t *at)
{
	uint32_t entry;

	do {
		entry = t->index[*at & t->mask];
		++*at;
	} while (entry && (entry ^ hash) & ~SLOT_BITS);
	return entry;
}

/* What was seen at fetching is most often still there. */
static uint32_t slot_of(const struct flows *t, const struct flow_key *key,
			const struct flow_place *place)
{
	uint32_t at = place->hash, entry;

	if (place->slot != FLOW_NONE && is_same(&t->flows[place->slot], key))
		return place->slot;
	while ((entry = next_entry(t, place->hash, &at)))
		if (is_same(&t->flows[slot_in(entry)], key))
			return slot_in(entry);
	return FLOW_NONE;
}

uint32_t flow_find_fetched(struct flows *t, const struct flow_key *key,
			   const struct flow_place *place, struct instant now)
{
	uint32_t slot = slot_of(t, key, place);

	if (slot == FLOW_NONE || !flow_has_expired(&t->flows[slot], now))
		return slot;
	t->counts.expired++;
	remove_flow(t, slot);
	return FLOW_NONE;
}

uint32_t flow_find(struct flows *t, const struct flow_key *key, struct instant now)
{
	const struct flow_place place = { hash_of(t, key), FLOW_NONE };

	return flow_find_fetched(t, key, &place, now);
}

/* --- fetching, ahead of finding: the first entry with the bits is almost always the one */

void flow_fetch_index(const struct flows *t, const struct flow_key *key, struct flow_place *out)
{
	out->hash = hash_of(t, key);
	__builtin_prefetch(&t->index[out->hash & t->mask]);
}

void flow_fetch(const struct flows *t, struct flow_place *place)
{
	uint32_t at = place->hash, entry = next_entry(t, place->hash, &at);

	place->slot = entry ? slot_in(entry) : FLOW_NONE;
	if (entry)
		__builtin_prefetch(&t->flows[place->slot], 1);
}

/* A flow that a packet will move in its list, or NULL. */
static const struct link *moves(const struct flows *t, const struct flow_place *place,
				struct instant now)
{
	if (place->slot == FLOW_NONE ||
	    t->flows[place->slot].seen.ns >> MOVE_SHIFT == now.ns >> MOVE_SHIFT)
		return NULL;
	return &t->links[place->slot];
}

void flow_fetch_order(const struct flows *t, const struct flow_place *place, struct instant now)
{
	const struct link *l = moves(t, place, now);

	if (l)
		__builtin_prefetch(l, 1);
}

void flow_fetch_beside(const struct flows *t, const struct flow_place *place, struct instant now)
{
	const struct link *l = moves(t, place, now);

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
	uint32_t slot;
	struct flow *f;

	BUG_ON(key->peer >= t->peers || key->unused || !key->version);
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
	f->hash = hash_of(t, key);
	f->generation = f->hit = 0;
	f->seen = now;
	index_put(t, f->hash, slot);
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
