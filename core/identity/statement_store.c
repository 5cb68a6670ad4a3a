/* statement_store.c - one array of statements by slot, and three maps into it: by what it is about,
 * by hash, and, for successors alone, by issuer. */
#include "identity/statement_store.h"
#include "base/map.h"
#include "base/pool.h"
#include "crypto/hash.h"

#include <string.h>

struct entry {
	struct statement statement;
	uint8_t hash[SIGNED_HASH];
};

struct statement_store {
	uint8_t hash_key[16];
	uint32_t others;           /* that are no revocations */
	struct pool pool;
	struct map by_topic, by_hash, by_old_key;
	struct entry *entries;
};

/* Parts start at multiples of 64, so that each is aligned for whatever it holds. */
static size_t padded(size_t size)
{
	return (size + 63) / 64 * 64;
}

size_t statement_store_size(uint32_t statements)
{
	return padded(sizeof(struct statement_store)) + padded(pool_size(statements))
	     + 3 * padded(map_size(statements)) + padded(statements * sizeof(struct entry));
}

struct statement_store *statement_store_init(void *memory, uint32_t statements,
					     const uint8_t hash_key[16])
{
	uint8_t *at = memory;
	struct statement_store *s = memory;
	struct map *const maps[] = { &s->by_topic, &s->by_hash, &s->by_old_key };

	BUG_ON(statements < 2);
	memcpy(s->hash_key, hash_key, sizeof(s->hash_key));
	at += padded(sizeof(*s));
	pool_init(&s->pool, at, statements);
	at += padded(pool_size(statements));
	for (size_t i = 0; i < 3; i++, at += padded(map_size(statements)))
		map_init(maps[i], at, statements);
	s->entries = (struct entry *)(void *)at;
	return s;
}

/* --- lookups */

struct wanted {
	const struct statement_store *s;
	const struct public_key *issuer, *subject;
	enum statement_kind kind;
	const uint8_t *hash;
};

static bool same_key(const struct public_key *a, const struct public_key *b)
{
	return !memcmp(a, b, sizeof(*a));
}

static bool same_topic(const void *ctx, uint32_t slot)
{
	const struct wanted *w = ctx;
	const struct statement_body *b = &w->s->entries[slot].statement.body;

	return b->kind == w->kind && same_key(&b->issuer, w->issuer)
	    && same_key(&b->subject, w->subject);
}

static bool same_hash(const void *ctx, uint32_t slot)
{
	const struct wanted *w = ctx;

	return !memcmp(w->s->entries[slot].hash, w->hash, SIGNED_HASH);
}

/* A successor of this issuer; another one than `subject`, if that is given. */
static bool same_old_key(const void *ctx, uint32_t slot)
{
	const struct wanted *w = ctx;
	const struct statement_body *b = &w->s->entries[slot].statement.body;

	return same_key(&b->issuer, w->issuer)
	    && (!w->subject || !same_key(&b->subject, w->subject));
}

static uint64_t topic_hash(const struct statement_store *s, enum statement_kind kind,
			   const struct public_key *issuer, const struct public_key *subject)
{
	uint8_t topic[65];

	topic[0] = (uint8_t)kind;
	memcpy(topic + 1, issuer->b, 32);
	memcpy(topic + 33, subject->b, 32);
	return siphash(s->hash_key, topic, sizeof(topic));
}

static uint64_t old_key_hash(const struct statement_store *s, const struct public_key *issuer)
{
	return siphash(s->hash_key, issuer->b, sizeof(issuer->b));
}

uint32_t statement_store_find(const struct statement_store *s, enum statement_kind kind,
			      const struct public_key *issuer, const struct public_key *subject)
{
	return map_find(&s->by_topic, topic_hash(s, kind, issuer, subject), same_topic,
			&(struct wanted){ .s = s, .issuer = issuer, .subject = subject,
					  .kind = kind });
}

uint32_t statement_store_find_hash(const struct statement_store *s,
				   const uint8_t hash[static SIGNED_HASH])
{
	return map_find(&s->by_hash, siphash(s->hash_key, hash, SIGNED_HASH), same_hash,
			&(struct wanted){ .s = s, .hash = hash });
}

static uint32_t find_successor(const struct statement_store *s, const struct public_key *issuer,
			       const struct public_key *other_than)
{
	return map_find(&s->by_old_key, old_key_hash(s, issuer), same_old_key,
			&(struct wanted){ .s = s, .issuer = issuer, .subject = other_than });
}

uint32_t statement_store_successor(const struct statement_store *s, const struct public_key *issuer,
				   bool *disputed)
{
	uint32_t slot = find_successor(s, issuer, NULL);

	*disputed = slot != STATEMENT_NONE
		 && find_successor(s, issuer, &s->entries[slot].statement.body.subject)
		    != STATEMENT_NONE;
	return slot;
}

/* --- changes */

static void add(struct statement_store *s, uint32_t slot, const struct statement *statement)
{
	struct entry *e = &s->entries[slot];
	const struct statement_body *b = &e->statement.body;

	e->statement = *statement;
	statement_hash(statement, e->hash);
	BUG_ON(!map_add(&s->by_topic, topic_hash(s, b->kind, &b->issuer, &b->subject), slot));
	BUG_ON(!map_add(&s->by_hash, siphash(s->hash_key, e->hash, SIGNED_HASH), slot));
	if (b->kind == STATEMENT_SUCCESSOR)
		BUG_ON(!map_add(&s->by_old_key, old_key_hash(s, &b->issuer), slot));
	s->others += b->kind != STATEMENT_REVOCATION;
}

static void take_out(struct statement_store *s, uint32_t slot)
{
	const struct entry *e = &s->entries[slot];
	const struct statement_body *b = &e->statement.body;

	s->others -= b->kind != STATEMENT_REVOCATION;
	if (b->kind == STATEMENT_SUCCESSOR)
		BUG_ON(!map_remove(&s->by_old_key, old_key_hash(s, &b->issuer), slot));
	BUG_ON(!map_remove(&s->by_hash, siphash(s->hash_key, e->hash, SIGNED_HASH), slot));
	BUG_ON(!map_remove(&s->by_topic, topic_hash(s, b->kind, &b->issuer, &b->subject), slot));
}

/* More than 0: `new` counts more than what is there. */
static int compare(const struct statement *new, const struct statement *there)
{
	if (new->body.number != there->body.number)
		return new->body.number > there->body.number ? 1 : -1;
	if (new->len != there->len)
		return new->len > there->len ? 1 : -1;
	return memcmp(new->wire, there->wire, new->len);
}

static bool has_room(const struct statement_store *s, const struct statement_body *b)
{
	uint32_t one;

	if (b->kind == STATEMENT_REVOCATION)
		return true;
	if (s->others >= s->pool.cap / 2)
		return false;
	if (b->kind != STATEMENT_SUCCESSOR)
		return true;
	one = find_successor(s, &b->issuer, NULL);
	return one == STATEMENT_NONE
	    || find_successor(s, &b->issuer, &s->entries[one].statement.body.subject)
	       == STATEMENT_NONE;
}

enum statement_put statement_store_put(struct statement_store *s, const struct statement *statement,
				       uint32_t *slot)
{
	const struct statement_body *b = &statement->body;
	uint32_t at = statement_store_find(s, b->kind, &b->issuer, &b->subject);

	if (at != STATEMENT_NONE) {
		int order = compare(statement, &s->entries[at].statement);

		*slot = at;
		if (order <= 0)
			return order ? STATEMENT_OLDER : STATEMENT_SAME;
		take_out(s, at);
	} else {
		at = has_room(s, b) ? pool_get(&s->pool) : POOL_NONE;
		if (at == POOL_NONE)
			return STATEMENT_FULL;
		*slot = at;
	}
	add(s, at, statement);
	return STATEMENT_NEW;
}

void statement_store_remove(struct statement_store *s, uint32_t slot)
{
	BUG_ON(!pool_used(&s->pool, slot));
	take_out(s, slot);
	memset(&s->entries[slot], 0, sizeof(s->entries[slot]));
	pool_put(&s->pool, slot);
}

/* --- walks and reads; slots never handed out are not looked at */

uint32_t statement_store_next(const struct statement_store *s, uint32_t slot)
{
	for (slot++; slot < s->pool.fresh; slot++) /* STATEMENT_NONE + 1 is 0 */
		if (pool_used(&s->pool, slot))
			return slot;
	return STATEMENT_NONE;
}

uint32_t statement_store_count(const struct statement_store *s)
{
	return s->pool.count;
}

uint32_t statement_store_cap(const struct statement_store *s)
{
	return s->pool.cap;
}

const struct statement *statement_store_at(const struct statement_store *s, uint32_t slot)
{
	BUG_ON(!pool_used(&s->pool, slot));
	return &s->entries[slot].statement;
}

const uint8_t *statement_store_hash(const struct statement_store *s, uint32_t slot)
{
	BUG_ON(!pool_used(&s->pool, slot));
	return s->entries[slot].hash;
}
