/* scope.c - partial trust: A admits X and B does not, so B never hears of X from A.
 *
 * Each header carries a tag of the sender's list of admitted keys, its own with them: a hash of
 * the list under a key that is the direction, so that only who has the same list can tell that it
 * is the same, and nobody can claim it by echo. Most meshes have one list, and need no more.
 *
 * Where two lists differ, each end asks for the other's (SCOPE_ASK) and gets fingerprints (SCOPE):
 * a hash of each id under the same kind of key. They mean something only to who knows the key
 * that they stand for. A fingerprint of a key that we admit sets a bit; bits are what both admit.
 * Until they are known, nothing is told but our own record and what concerns the peer itself.
 * Fingerprints come in the order of the sender's ids, some datagrams at each question; what does
 * not follow is dropped and asked for again.
 *
 * The digest of the view that both share is kept by differences for each such peer, like that of
 * the whole view. It has both tags in it, so that equal digests also mean that both ends are
 * right about the other's list.
 *
 * There are SCOPE_MAX such peers at most; a newcomer takes the place of the one used longest ago,
 * if that is a minute. */
#include "swim/scope.h"

#include "swim/gossip.h"
#include "swim/member.h"
#include "swim/peer.h"
#include "swim/sync.h"

#include "crypto/hash.h"

#include <string.h>

#define ASK_FIRST_MS 100u
#define ASK_EXPONENT_MAX 9u   /* 100 ms * 2^9: 51 s */
#define IN_USE_S 60u
#define PARTS_AT_ONCE 4u
#define PRINTS_AT_ONCE (PARTS_AT_ONCE * WIRE_PRINTS_MAX)
#define ANSWERS_PER_SECOND 10u
#define ANSWERS_BURST 60u     /* a list of 32,768 in one go */
#define PARTS_PER_SECOND 20u
#define PARTS_BURST 256u
#define TABLE 512u            /* places for the fingerprints of one datagram */

static void direction(uint8_t key[16], const struct swim *s, uint32_t from, uint32_t to)
{
	store_be64(key, slot_id(s, from));
	store_be64(key + 8, slot_id(s, to));
}

uint64_t scope_tag(const struct swim *s, uint32_t from, uint32_t to)
{
	uint8_t key[16], list[8];
	uint64_t tag;

	direction(key, s, from, to);
	store_be64(list, s->list);
	tag = siphash(key, list, sizeof(list));
	return tag ? tag : 1; /* 0: not told */
}

uint64_t scope_print(const struct swim *s, uint32_t from, uint32_t to, uint64_t id)
{
	uint8_t key[16], bytes[8];

	direction(key, s, from, to);
	store_be64(bytes, id);
	return siphash(key, bytes, sizeof(bytes));
}

static bool is_equal(const struct swim *s, uint32_t peer)
{
	uint64_t list = peer_seen(s, peer)->list;

	return list && list == scope_tag(s, peer, s->cap);
}

static struct scope *find(const struct swim *s, uint32_t peer)
{
	uint32_t at = s->members[peer].scope;

	return at ? &s->scopes[at - 1] : NULL;
}

static uint64_t *bits_of(const struct swim *s, const struct scope *x)
{
	return s->scope_bits + (size_t)(x - s->scopes) * s->scope_words;
}

static bool is_complete(const struct swim *s, const struct scope *x)
{
	return x->complete && x->list == peer_seen(s, x->peer)->list && x->ours == s->list;
}

struct scope_view scope_with(const struct swim *s, uint32_t peer)
{
	struct scope_view v = { .self = s->cap, .peer = peer, .all = is_equal(s, peer) };
	struct scope *x = v.all || !peer_seen(s, peer)->list ? NULL : find(s, peer);

	if (x) {
		x->used = s->now;
		v.bits = bits_of(s, x);
	}
	return v;
}

bool scope_shares(const struct swim *s, uint32_t peer, uint32_t slot)
{
	struct scope_view v = scope_with(s, peer);

	return scope_has(&v, slot);
}

bool scope_lacks(const struct swim *s, uint32_t peer, uint32_t slot)
{
	const struct scope *x = find(s, peer);

	return x && is_complete(s, x) && !scope_shares(s, peer, slot);
}

uint64_t scope_digest(const struct swim *s, uint32_t peer)
{
	uint64_t tags = peer_seen(s, peer)->list + scope_tag(s, s->cap, peer);
	const struct scope *x = find(s, peer);

	if (is_equal(s, peer))
		return s->digest + tags;
	return x && is_complete(s, x) ? x->digest + tags : 0;
}

uint32_t scope_count(const struct swim *s, uint32_t peer)
{
	const struct scope *x = find(s, peer);

	if (is_equal(s, peer))
		return s->records_held;
	return x && is_complete(s, x) ? x->count : 0;
}

void scope_buckets(const struct swim *s, uint32_t peer, uint64_t out[WIRE_BUCKETS_COUNT])
{
	struct scope_view v = scope_with(s, peer);

	if (v.all) {
		memcpy(out, s->bucket, sizeof(s->bucket));
		return;
	}
	memset(out, 0, sizeof(s->bucket));
	for (uint32_t i = 0; i < s->known; i++)
		if (scope_has(&v, s->by_id[i]))
			out[slot_id(s, s->by_id[i]) >> 56] += member_share(s, s->by_id[i]);
}

/* --- what both admit */

static void set_bit(struct swim *s, struct scope *x, uint32_t slot)
{
	uint64_t *word = bits_of(s, x) + slot / 64, bit = UINT64_C(1) << slot % 64;

	if (*word & bit)
		return;
	*word |= bit;
	x->digest += member_share(s, slot);
	x->count += slot_sequence(s, slot) != 0;
}

static void clear_bits(struct swim *s, struct scope *x)
{
	memset(bits_of(s, x), 0, s->scope_words * sizeof(uint64_t));
	x->digest = 0;
	x->count = 0;
}

void scope_count_view(struct swim *s, uint32_t slot, uint64_t share, uint32_t records)
{
	for (uint32_t i = 0; i < s->scopes_used; i++) {
		struct scope *x = &s->scopes[i];

		if (x->peer == NONE || !(bits_of(s, x)[slot / 64] >> slot % 64 & 1))
			continue;
		x->digest += share;
		x->count += records;
	}
}

static void release(struct swim *s, struct scope *x)
{
	s->members[x->peer].scope = 0;
	x->peer = NONE;
}

/* Its scope, a new one, or NULL: all are in use. */
static struct scope *scope_of(struct swim *s, uint32_t peer)
{
	struct scope *x = find(s, peer), *oldest = NULL;

	for (uint32_t i = 0; !x && i < s->scopes_used; i++) {
		struct scope *y = &s->scopes[i];

		if (y->peer == NONE)
			x = y;
		else if (!oldest || instant_before(y->used, oldest->used))
			oldest = y;
	}
	if (!x && s->scopes_used < s->scope_cap)
		x = &s->scopes[s->scopes_used++];
	if (!x && oldest && instant_since(s->now, oldest->used).ns > span_s(IN_USE_S).ns) {
		release(s, oldest);
		x = oldest;
	}
	if (!x)
		return NULL;
	if (s->members[peer].scope)
		return x;
	*x = (struct scope){ .peer = peer, .used = s->now };
	clear_bits(s, x);
	s->members[peer].scope = (uint16_t)(x - s->scopes + 1);
	return x;
}

void scope_reset(struct swim *s, uint32_t peer)
{
	if (!s->members[peer].peer)
		return;
	member_set_list(s, peer, 0);
	peer_of(s, peer)->digest = 0;
}

void scope_forget(struct swim *s, uint32_t slot)
{
	struct scope *own = find(s, slot);

	if (own)
		release(s, own);
	for (uint32_t i = 0; i < s->scopes_used; i++)
		if (s->scopes[i].peer != NONE)
			bits_of(s, &s->scopes[i])[slot / 64] &= ~(UINT64_C(1) << slot % 64);
}

/* --- asking */

static void send_ask(struct swim *s, struct scope *x)
{
	struct draft d;

	draft_begin(s, &d, x->peer, WIRE_SCOPE_ASK, 0, 0);
	if (d.ok)
		wr_be32(&d.w, x->got);
	draft_items(&d);
	draft_send(s, &d);
	x->ask_at = instant_add(s->now, span_ms((uint64_t)ASK_FIRST_MS << x->tries));
	if (x->tries < ASK_EXPONENT_MAX)
		x->tries++;
}

static void ask(struct swim *s, uint32_t peer)
{
	struct scope *x = scope_of(s, peer);

	if (!x || is_complete(s, x) || (instant_is_set(x->ask_at)
					&& !instant_reached(x->ask_at, s->now)))
		return;
	if (x->list != peer_seen(s, peer)->list || x->ours != s->list || x->complete) {
		x->got = 0;
		x->complete = false;
	}
	send_ask(s, x);
}

static void learn(struct swim *s, uint32_t peer, uint64_t list)
{
	struct member *m = &s->members[peer];

	member_set_list(s, peer, list);
	if (m->list_first && scope_digest(s, peer)) {
		m->list_first = false;
		sync_due(s, peer);
	}
}

/* A brief header has no tag, but its digest has: ours, or the one we had of it before. */
static void guess(struct swim *s, uint32_t from, const struct wire_header *h)
{
	struct peer *p = peer_of(s, from);
	const struct scope *x = find(s, from);
	uint64_t tags[2] = { scope_tag(s, from, s->cap), x ? x->list : 0 };

	for (unsigned i = 0; i < 2 && !p->list && h->digest; i++) {
		p->list = tags[i];
		if (p->list && scope_digest(s, from) == h->digest) {
			p->list = 0;
			learn(s, from, tags[i]);
			return;
		}
		p->list = 0;
	}
}

bool scope_heard(struct swim *s, uint32_t from, struct wire_header *h)
{
	const struct peer *p = peer_of(s, from);
	uint64_t ours;

	if (h->flags & WIRE_BRIEF)
		guess(s, from, h);
	else if (h->list && h->list != p->list)
		learn(s, from, h->list);
	if (p->list && !is_equal(s, from))
		ask(s, from);
	else if (p->list && find(s, from))
		release(s, find(s, from));
	if (!(h->flags & WIRE_BRIEF))
		return true;
	ours = scope_digest(s, from);
	h->count = p->count;
	if (!ours || h->digest != ours)
		return false;
	h->known = slot_sequence(s, s->cap);
	h->count = scope_count(s, from);
	return true;
}

void scope_asked(struct swim *s, uint32_t from, const struct wire_message *m)
{
	uint32_t at = m->position;

	if (at >= s->known || !sync_budget_left(s)
	    || !bucket_take(&peer_of(s, from)->scope_full, s->now,
			    (struct span){ 1000000000u / ANSWERS_PER_SECOND }, ANSWERS_BURST)) {
		s->counters.drop_rate++;
		return;
	}
	for (unsigned part = 0; part < PARTS_AT_ONCE && at < s->known; part++) {
		uint32_t left = s->known - at, n = left < WIRE_PRINTS_MAX ? left : WIRE_PRINTS_MAX;
		struct draft d;

		draft_begin(s, &d, from, WIRE_SCOPE, 0, 0);
		wr_be32(&d.w, at);
		wr_be32(&d.w, s->known);
		wr_u8(&d.w, (uint8_t)n);
		for (uint32_t i = at; i < at + n; i++)
			wr_be64(&d.w, scope_print(s, s->cap, from, slot_id(s, s->by_id[i])));
		draft_items(&d);
		draft_send(s, &d);
		at += n;
	}
}

/* --- learning */

struct prints {
	uint64_t print[TABLE];
	bool used[TABLE];
};

static void put_print(struct prints *t, uint64_t print)
{
	unsigned at = (unsigned)(print % TABLE);

	while (t->used[at])
		at = (at + 1) % TABLE;
	t->used[at] = true;
	t->print[at] = print;
}

static bool has_print(const struct prints *t, uint64_t print)
{
	for (unsigned at = (unsigned)(print % TABLE); t->used[at]; at = (at + 1) % TABLE)
		if (t->print[at] == print)
			return true;
	return false;
}

static void match(struct swim *s, struct scope *x, struct bytes prints)
{
	struct prints table = { .used = { false } };

	_Static_assert(TABLE > WIRE_PRINTS_MAX, "there is always an unused place");
	for (size_t i = 0; i < prints.len; i += WIRE_PRINT)
		put_print(&table, load_be64(prints.data + i));
	for (uint32_t i = 0; i < s->known; i++) {
		uint32_t slot = s->by_id[i];

		if (has_print(&table, scope_print(s, x->peer, s->cap, slot_id(s, slot))))
			set_bit(s, x, slot);
	}
}

void scope_take(struct swim *s, uint32_t from, const struct wire_message *m)
{
	struct scope *x = find(s, from);
	uint32_t n = (uint32_t)(m->prints.len / WIRE_PRINT);

	if (!x || (m->h.flags & WIRE_BRIEF) || x->complete || m->position != x->got
	    || !bucket_take(&peer_of(s, from)->parts_full, s->now,
			    (struct span){ 1000000000u / PARTS_PER_SECOND }, PARTS_BURST)) {
		s->counters.drop_rate++;
		return;
	}
	if (!x->got) {
		/* What it admitted before it may not admit now. */
		if (x->list != m->h.list)
			clear_bits(s, x);
		x->list = m->h.list;
		x->ours = s->list;
	} else if (x->list != m->h.list || x->ours != s->list) {
		x->got = 0; /* a list changed: from the start, when its next message comes */
		return;
	}
	match(s, x, m->prints);
	x->got += n;
	x->tries = 0;
	if (x->got >= m->total) {
		x->complete = true;
		x->ask_at = INSTANT_ZERO;
		s->members[from].list_first = false;
		sync_due(s, from);
	} else if (x->got % PRINTS_AT_ONCE == 0) {
		send_ask(s, x);
	}
}
