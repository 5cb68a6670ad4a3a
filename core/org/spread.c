/* spread.c - the contract: peers, orgs and time; the work is done in the files that state.h
 * names. */
#include "org/spread.h"

#include "org/facts.h"
#include "org/hold.h"
#include "org/index.h"
#include "org/pull.h"
#include "org/rumour.h"
#include "org/tell.h"

#include "crypto/hash.h"

#include <string.h>

#define COMPARE_MS 20000u
#define COMPARE_FRESH_MS 2000u
#define ASKED_EACH_MS 100u    /* ORGS and BUCKETS of one peer looked at */
#define ASKED_BURST 20u
#define GONE 255u

_Static_assert(TRUST_ORGS <= 64, "a bit for each org");

/* --- what the other files use */

uint32_t peer_sharing(struct spread *s, uint64_t orgs)
{
	uint32_t start;

	if (!s->reached)
		return NONE;
	for (unsigned tries = 0; tries < 8; tries++) {
		uint32_t slot = s->reach[rng_below(&s->rng, s->reached)];

		if (s->peers[slot].shared & orgs)
			return slot;
	}
	start = (uint32_t)rng_below(&s->rng, s->reached);
	for (uint32_t i = 0; i < s->reached; i++) {
		uint32_t slot = s->reach[(start + i) % s->reached];

		if (s->peers[slot].shared & orgs)
			return slot;
	}
	return NONE;
}

void message_begin(struct draft *d, enum spread_type type)
{
	d->w = wr_of(d->bytes, sizeof(d->bytes));
	wr_u8(&d->w, (uint8_t)type);
}

void message_send(struct spread *s, struct draft *d, uint32_t to)
{
	size_t len = wr_len(&d->w);
	uint8_t *data = outbox_reserve(s->out, len);

	BUG_ON(!len);
	if (!data)
		return;
	memcpy(data, d->bytes, len);
	outbox_commit(s->out, OUT_MESSAGE, len)->slot = to;
	s->counters.messages_sent++;
	s->counters.bytes_sent += len;
}

/* The next comparison with somebody at random: a quarter sooner or later. */
static struct instant compare_after(struct spread *s, uint64_t ms)
{
	return instant_add(s->now, span_ms(ms * 3 / 4 + rng_below(&s->rng, ms / 2)));
}

void note_fresh(struct spread *s)
{
	if (!instant_before(s->now, s->fresh_until))
		s->compare_at = instant_min(s->compare_at, compare_after(s, COMPARE_FRESH_MS));
	s->fresh_until = instant_add(s->now, span_s(FRESH_S));
}

uint32_t org_find(const struct spread *s, const struct public_key *key)
{
	for (unsigned i = 0; i < s->org_count; i++)
		if (!memcmp(&s->orgs[i].key, key, sizeof(*key)))
			return i;
	return NONE;
}

/* --- memory */

static size_t padded(size_t size)
{
	return (size + 63) / 64 * 64;
}

size_t spread_size(uint32_t members, uint32_t statements, uint32_t certificates)
{
	size_t held = (size_t)statements + certificates;

	return padded(sizeof(struct spread)) + padded(members * sizeof(struct peer))
	     + padded(members * sizeof(uint32_t)) + padded(held * sizeof(struct ref))
	     + padded(facts_bits_size(statements)) + padded(facts_ring_size(statements))
	     + padded(facts_bits_size(certificates)) + padded(facts_ring_size(certificates));
}

static void *take(uint8_t **at, size_t size)
{
	void *part = *at;

	*at += padded(size);
	return part;
}

static uint64_t id_of(const struct public_key *key)
{
	struct hash h;

	blake3(&h, key->b, sizeof(key->b));
	return load_be64(h.b);
}

struct spread *spread_init(void *memory, const struct spread_config *config, struct instant now)
{
	uint32_t caps[2] = {
		[SPREAD_FACT_CERTIFICATE] = certificate_store_cap(config->certificates),
		[SPREAD_FACT_STATEMENT] = statement_store_cap(config->statements),
	};
	struct spread *s = memory;
	uint8_t *at = memory;

	BUG_ON(!config->members);
	take(&at, sizeof(*s));
	s->cap = config->members;
	s->self_id = id_of(&config->self);
	s->statements = config->statements;
	s->certificates = config->certificates;
	s->peers = take(&at, s->cap * sizeof(*s->peers));
	s->reach = take(&at, s->cap * sizeof(*s->reach));
	s->refs = take(&at, ((size_t)caps[0] + caps[1]) * sizeof(*s->refs));
	for (unsigned i = 0; i < 2; i++) {
		s->facts[i].cap = caps[i];
		s->facts[i].bits = take(&at, facts_bits_size(caps[i]));
		s->facts[i].ring = take(&at, facts_ring_size(caps[i]));
	}
	rng_init(&s->rng, config->seed);
	s->next_expiry = UINT64_MAX;
	s->rumour_at = s->tell_at = s->compare_at = INSTANT_NEVER;
	s->now = now;
	pull_reset(s);
	return s;
}

/* --- orgs */

static void renumber(struct spread *s, const uint8_t number[TRUST_ORGS])
{
	for (uint32_t i = 0; i < s->known; i++) {
		uint64_t before = s->peers[i].shared, after = 0;

		for (unsigned k = 0; before; k++, before >>= 1)
			if (before & 1 && number[k] != GONE)
				after |= UINT64_C(1) << number[k];
		s->peers[i].shared = after;
	}
	for (uint32_t i = s->rumour_count; i-- > 0;) {
		struct ref *ref = &s->rumours[i].ref;
		uint8_t new = number[ref->org];

		if (new == GONE)
			rumour_drop(s, &(struct ref){ .kind = ref->kind, .slot = ref->slot });
		else
			ref->org = new;
	}
}

static bool take_orgs(struct spread *s, const struct public_key *orgs, unsigned count,
		      uint8_t number[TRUST_ORGS])
{
	struct org next[TRUST_ORGS];
	bool changed = count != s->org_count;

	memset(number, GONE, TRUST_ORGS);
	memset(next, 0, sizeof(next));
	for (unsigned i = 0; i < count; i++) {
		uint32_t old = org_find(s, &orgs[i]);

		if (old != NONE) {
			BUG_ON(number[old] != GONE);
			number[old] = (uint8_t)i;
			next[i] = s->orgs[old];
		}
		changed |= old == NONE;
		next[i].key = orgs[i];
	}
	memcpy(s->orgs, next, sizeof(next));
	s->org_count = count;
	return changed;
}

static bool are_in_force(const struct spread *s, const struct public_key *orgs, unsigned count)
{
	for (unsigned i = 0; i < count && i < s->org_count; i++)
		if (org_find(s, &orgs[i]) != i)
			return false;
	return count == s->org_count;
}

void spread_orgs(struct spread *s, const struct public_key *orgs, unsigned count,
		 struct instant now)
{
	uint8_t number[TRUST_ORGS];
	bool changed;

	BUG_ON(count > TRUST_ORGS);
	if (s->counted && are_in_force(s, orgs, count))
		return;
	s->counted = true;
	s->now = now;
	s->out = NULL;
	changed = take_orgs(s, orgs, count, number);
	renumber(s, number);
	pull_reset(s);
	hold_recount(s);
	if (!changed)
		return;
	s->version++;
	for (uint32_t i = 0; i < s->reached; i++)
		tell_later(s, s->reach[i]);
	s->compare_at = count ? instant_min(s->compare_at, compare_after(s, COMPARE_MS))
			      : INSTANT_NEVER;
}

/* --- peers */

void spread_admit(struct spread *s, uint32_t slot, const struct public_key *key)
{
	BUG_ON(slot >= s->cap || s->peers[slot].admitted);
	s->peers[slot] = (struct peer){ .id = id_of(key), .admitted = true,
					.tell_at = INSTANT_NEVER };
	if (s->known <= slot)
		s->known = slot + 1;
}

static void unreach(struct spread *s, uint32_t slot)
{
	uint32_t at = s->peers[slot].place - 1, last = s->reach[--s->reached];

	s->reach[at] = last;
	s->peers[last].place = at + 1;
	s->peers[slot].place = 0;
	s->peers[slot].tell_at = INSTANT_NEVER;
	s->tell_place = s->reached ? s->tell_place % s->reached : 0;
}

void spread_reachable(struct spread *s, uint32_t slot, bool yes, struct instant now)
{
	struct peer *p = &s->peers[slot];

	BUG_ON(slot >= s->cap || !p->admitted);
	if (yes == (p->place != 0))
		return;
	s->now = now;
	s->out = NULL;
	if (!yes)
		return unreach(s, slot);
	s->reach[s->reached++] = slot;
	p->place = s->reached;
	if (s->org_count)
		tell_later(s, slot);
	if (p->shared)
		rumour_wake(s);
}

void spread_forget(struct spread *s, uint32_t slot)
{
	BUG_ON(slot >= s->cap);
	if (!s->peers[slot].admitted)
		return;
	if (s->peers[slot].place)
		unreach(s, slot);
	rumour_forget(s, slot);
	pull_forget(s, slot);
	s->peers[slot] = (struct peer){ .admitted = false };
}

/* --- objects */

enum spread_put spread_certificate(struct spread *s, const struct certificate *c,
				   struct instant now, uint64_t wall)
{
	struct ref taken;
	enum spread_put put;

	s->now = now;
	s->wall = wall;
	s->out = NULL;
	put = hold_certificate(s, c, &taken);
	if (put == SPREAD_NEW)
		rumour_add(s, &taken, NONE);
	return put;
}

enum spread_put spread_judge(const struct spread *s, const struct statement_body *b)
{
	return hold_judge(s, b);
}

enum spread_put spread_statement(struct spread *s, const struct statement *statement,
				 struct instant now)
{
	struct ref taken;
	enum spread_put put;

	s->now = now;
	s->out = NULL;
	put = hold_statement(s, statement, &taken);
	if (put == SPREAD_NEW)
		rumour_add(s, &taken, NONE);
	return put;
}

static void object_input(struct spread *s, uint32_t from, const struct spread_object *o, bool bulk)
{
	struct public_key key;
	uint8_t hash[SIGNED_HASH];
	const struct ref *held;
	struct ref taken;
	uint32_t org;
	bool new, news;

	s->counters.objects_received++;
	spread_object_org(o, &key);
	org = org_find(s, &key);
	if (org == NONE || !shares(s, from, org)) {
		s->counters.drop_not_trusted++;
		return;
	}
	signed_hash(o->wire, hash);
	held = index_find(s, org, load_be64(hash));
	if (held) {
		s->counters.objects_known++;
		if (!bulk)
			rumour_heard(s, held);
	}
	new = !held && hold_learn(s, from, org, o, &taken);
	news = bulk ? pull_came(s, from, org, new) : true;
	if (new && news)
		rumour_add(s, &taken, from);
}

static bool may_ask(struct spread *s, uint32_t from)
{
	if (bucket_take(&s->peers[from].orgs_full, s->now, span_ms(ASKED_EACH_MS), ASKED_BURST))
		return true;
	s->counters.drop_rate++;
	return false;
}

void spread_input(struct spread *s, struct instant now, uint64_t wall, uint32_t from,
		  struct bytes message, struct outbox *out)
{
	struct spread_message m;

	BUG_ON(from >= s->cap);
	s->now = now;
	s->wall = wall;
	s->out = out;
	if (!s->peers[from].admitted)
		return;
	if (!spread_decode(message, &m)) {
		s->counters.drop_malformed++;
		return;
	}
	switch (m.type) {
	case SPREAD_MSG_ORGS:
		if (may_ask(s, from))
			tell_input(s, from, &m);
		break;
	case SPREAD_MSG_BUCKETS:
		if (may_ask(s, from))
			pull_buckets(s, from, &m);
		break;
	case SPREAD_MSG_HAVE:
		pull_have(s, from, &m);
		break;
	case SPREAD_MSG_WANT:
		pull_want(s, from, &m);
		break;
	case SPREAD_MSG_OBJECTS:
		for (unsigned i = 0; i < m.objects; i++)
			object_input(s, from, &m.object[i], m.flags & SPREAD_BULK);
		break;
	}
}

/* --- time */

static void compare_tick(struct spread *s)
{
	uint32_t to = NONE;
	bool fresh = instant_before(s->now, s->fresh_until);

	if (!instant_reached(s->compare_at, s->now))
		return;
	hold_expire(s);
	if (rng_below(&s->rng, 4)) /* the others may have come to trust one of ours since */
		to = peer_sharing(s, UINT64_MAX);
	if (to == NONE && s->reached)
		to = s->reach[rng_below(&s->rng, s->reached)];
	if (to != NONE && rng_below(&s->rng, 4) == 0)
		tell_ask(s, to);
	else if (to != NONE)
		tell_now(s, to);
	s->compare_at = compare_after(s, fresh ? COMPARE_FRESH_MS : COMPARE_MS);
}

void spread_tick(struct spread *s, struct instant now, uint64_t wall, struct outbox *out)
{
	s->now = now;
	s->wall = wall;
	s->out = out;
	tell_tick(s);
	pull_tick(s);
	rumour_tick(s);
	compare_tick(s);
}

struct instant spread_deadline(const struct spread *s)
{
	return instant_min(instant_min(s->tell_at, s->rumour_at),
			   instant_min(s->compare_at, pull_deadline(s)));
}

const struct spread_counters *spread_counters(const struct spread *s)
{
	return &s->counters;
}
