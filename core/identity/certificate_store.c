/* certificate_store.c - one array of certificates by slot, and two maps into it: by org and node,
 * and by hash. */
#include "identity/certificate_store.h"
#include "base/map.h"
#include "base/pool.h"
#include "crypto/hash.h"

#include <string.h>

struct entry {
	struct certificate certificate;
	uint8_t hash[SIGNED_HASH];
};

struct certificate_store {
	uint8_t hash_key[16];
	struct pool pool;
	struct map by_topic, by_hash;
	struct entry *entries;
};

/* Parts start at multiples of 64, so that each is aligned for whatever it holds. */
static size_t padded(size_t size)
{
	return (size + 63) / 64 * 64;
}

size_t certificate_store_size(uint32_t certificates)
{
	return padded(sizeof(struct certificate_store)) + padded(pool_size(certificates))
	     + 2 * padded(map_size(certificates)) + padded(certificates * sizeof(struct entry));
}

struct certificate_store *certificate_store_init(void *memory, uint32_t certificates,
						 const uint8_t hash_key[16])
{
	uint8_t *at = memory;
	struct certificate_store *s = memory;

	BUG_ON(certificates < 1);
	memcpy(s->hash_key, hash_key, sizeof(s->hash_key));
	at += padded(sizeof(*s));
	pool_init(&s->pool, at, certificates);
	at += padded(pool_size(certificates));
	map_init(&s->by_topic, at, certificates);
	at += padded(map_size(certificates));
	map_init(&s->by_hash, at, certificates);
	at += padded(map_size(certificates));
	s->entries = (struct entry *)(void *)at;
	return s;
}

/* --- lookups */

struct wanted {
	const struct certificate_store *s;
	const struct public_key *org, *node;
	const uint8_t *hash;
};

static bool same_topic(const void *ctx, uint32_t slot)
{
	const struct wanted *w = ctx;
	const struct certificate_body *b = &w->s->entries[slot].certificate.body;

	return !memcmp(&b->org, w->org, sizeof(b->org))
	    && !memcmp(&b->node, w->node, sizeof(b->node));
}

static bool same_hash(const void *ctx, uint32_t slot)
{
	const struct wanted *w = ctx;

	return !memcmp(w->s->entries[slot].hash, w->hash, SIGNED_HASH);
}

static uint64_t topic_hash(const struct certificate_store *s, const struct public_key *org,
			   const struct public_key *node)
{
	uint8_t topic[64];

	memcpy(topic, org->b, 32);
	memcpy(topic + 32, node->b, 32);
	return siphash(s->hash_key, topic, sizeof(topic));
}

uint32_t certificate_store_find(const struct certificate_store *s, const struct public_key *org,
				const struct public_key *node)
{
	return map_find(&s->by_topic, topic_hash(s, org, node), same_topic,
			&(struct wanted){ .s = s, .org = org, .node = node });
}

uint32_t certificate_store_find_hash(const struct certificate_store *s,
				     const uint8_t hash[static SIGNED_HASH])
{
	return map_find(&s->by_hash, siphash(s->hash_key, hash, SIGNED_HASH), same_hash,
			&(struct wanted){ .s = s, .hash = hash });
}

/* --- changes */

static void add(struct certificate_store *s, uint32_t slot, const struct certificate *c)
{
	struct entry *e = &s->entries[slot];

	e->certificate = *c;
	certificate_hash(c, e->hash);
	BUG_ON(!map_add(&s->by_topic, topic_hash(s, &c->body.org, &c->body.node), slot));
	BUG_ON(!map_add(&s->by_hash, siphash(s->hash_key, e->hash, SIGNED_HASH), slot));
}

static void take_out(struct certificate_store *s, uint32_t slot)
{
	const struct entry *e = &s->entries[slot];
	const struct certificate_body *b = &e->certificate.body;

	BUG_ON(!map_remove(&s->by_hash, siphash(s->hash_key, e->hash, SIGNED_HASH), slot));
	BUG_ON(!map_remove(&s->by_topic, topic_hash(s, &b->org, &b->node), slot));
}

/* More than 0: `new` counts more than what is there. */
static int compare(const struct certificate *new, const struct certificate *there)
{
	if (new->body.not_before != there->body.not_before)
		return new->body.not_before > there->body.not_before ? 1 : -1;
	if (new->body.expires != there->body.expires)
		return new->body.expires > there->body.expires ? 1 : -1;
	/* Where the lengths differ, the bytes do before the shorter one ends. */
	return memcmp(new->wire, there->wire, new->len);
}

enum certificate_put certificate_store_put(struct certificate_store *s,
					   const struct certificate *c, uint32_t *slot)
{
	uint32_t at = certificate_store_find(s, &c->body.org, &c->body.node);

	if (at != CERTIFICATE_NONE) {
		int order = compare(c, &s->entries[at].certificate);

		*slot = at;
		if (order <= 0)
			return order ? CERTIFICATE_OLDER : CERTIFICATE_SAME;
		take_out(s, at);
	} else {
		at = pool_get(&s->pool);
		if (at == POOL_NONE)
			return CERTIFICATE_FULL;
		*slot = at;
	}
	add(s, at, c);
	return CERTIFICATE_NEW;
}

void certificate_store_remove(struct certificate_store *s, uint32_t slot)
{
	BUG_ON(!pool_used(&s->pool, slot));
	take_out(s, slot);
	memset(&s->entries[slot], 0, sizeof(s->entries[slot]));
	pool_put(&s->pool, slot);
}

/* --- walks and reads; slots never handed out are not looked at */

uint32_t certificate_store_next(const struct certificate_store *s, uint32_t slot)
{
	for (slot++; slot < s->pool.fresh; slot++) /* CERTIFICATE_NONE + 1 is 0 */
		if (pool_used(&s->pool, slot))
			return slot;
	return CERTIFICATE_NONE;
}

uint32_t certificate_store_count(const struct certificate_store *s)
{
	return s->pool.count;
}

uint32_t certificate_store_cap(const struct certificate_store *s)
{
	return s->pool.cap;
}

const struct certificate *certificate_store_at(const struct certificate_store *s, uint32_t slot)
{
	BUG_ON(!pool_used(&s->pool, slot));
	return &s->entries[slot].certificate;
}

const uint8_t *certificate_store_hash(const struct certificate_store *s, uint32_t slot)
{
	BUG_ON(!pool_used(&s->pool, slot));
	return s->entries[slot].hash;
}
