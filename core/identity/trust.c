/* trust.c - one array of peers by slot, and three maps into it: by key, by twin, by name.
 *
 * A reload marks what is given again with the number of the round, so that nothing is thrown
 * away and made anew: a key keeps its slot for as long as it stays in the store. Names may
 * wander between keys within one round (two files swapped), so a name belongs to the key that
 * it was given to last, and a key that has not come yet in this round loses its name to one
 * that has. Orgs and denials are in trust_judge.c.
 */
#include "identity/trust_impl.h"
#include "crypto/curve.h"
#include "crypto/hash.h"
#include "identity/address.h"

#include <string.h>

/* Parts start at multiples of 64, so that each is aligned for whatever it holds. */
static size_t padded(size_t size)
{
	return (size + 63) / 64 * 64;
}

static uint32_t denials_for(uint32_t members)
{
	return members < TRUST_DENIALS ? members : TRUST_DENIALS;
}

size_t trust_size(uint32_t members)
{
	uint32_t denials = denials_for(members);

	return padded(sizeof(struct trust)) + padded(pool_size(members))
	     + 3 * padded(map_size(members)) + padded(members * sizeof(struct peer))
	     + padded(pool_size(denials)) + padded(map_size(denials))
	     + padded(denials * sizeof(struct denial));
}

struct trust *trust_init(void *memory, uint32_t members, const uint8_t hash_key[16],
			 const struct public_key *own)
{
	uint8_t *at = memory;
	struct trust *t = memory;
	struct map *const maps[] = { &t->by_key, &t->by_dh, &t->by_name };
	uint32_t denials = denials_for(members);

	BUG_ON(!members);
	memcpy(t->hash_key, hash_key, sizeof(t->hash_key));
	t->own = *own;
	BUG_ON(!ed25519_to_dh_public(&t->own_dh, own));
	t->expiry = UINT64_MAX;
	at += padded(sizeof(*t));
	pool_init(&t->pool, at, members);
	at += padded(pool_size(members));
	for (size_t i = 0; i < 3; i++, at += padded(map_size(members)))
		map_init(maps[i], at, members);
	t->peers = (struct peer *)(void *)at;
	at += padded(members * sizeof(struct peer));
	pool_init(&t->denial_pool, at, denials);
	at += padded(pool_size(denials));
	map_init(&t->denied, at, denials);
	at += padded(map_size(denials));
	t->denials = (struct denial *)(void *)at;
	return t;
}

/* --- lookups */

struct wanted {
	const struct trust *t;
	const void *what;
};

static bool same_key(const void *ctx, uint32_t slot)
{
	const struct wanted *w = ctx;

	return !memcmp(&w->t->peers[slot].key, w->what, sizeof(struct public_key));
}

static bool same_dh(const void *ctx, uint32_t slot)
{
	const struct wanted *w = ctx;

	return !memcmp(&w->t->peers[slot].dh, w->what, sizeof(struct dh_public));
}

static bool same_name(const void *ctx, uint32_t slot)
{
	const struct wanted *w = ctx;

	return w->t->peers[slot].named && !strcmp(w->t->peers[slot].name, w->what);
}

uint64_t trust_hash(const struct trust *t, const void *data, size_t len)
{
	return siphash(t->hash_key, data, len);
}

uint32_t trust_find(const struct trust *t, const struct public_key *key)
{
	return map_find(&t->by_key, trust_hash(t, key, sizeof(*key)), same_key,
			&(struct wanted){ t, key });
}

uint32_t trust_find_dh(const struct trust *t, const struct dh_public *dh)
{
	return map_find(&t->by_dh, trust_hash(t, dh, sizeof(*dh)), same_dh,
			&(struct wanted){ t, dh });
}

uint32_t trust_find_name(const struct trust *t, const char *name)
{
	return map_find(&t->by_name, trust_hash(t, name, strlen(name)), same_name,
			&(struct wanted){ t, name });
}

/* --- changes */

static void unname(struct trust *t, uint32_t slot)
{
	struct peer *p = &t->peers[slot];

	if (*p->name)
		BUG_ON(!map_remove(&t->by_name, trust_hash(t, p->name, strlen(p->name)), slot));
	p->named = false;
	memset(p->name, 0, sizeof(p->name));
}

void trust_label(struct trust *t, uint32_t slot, const char *name)
{
	struct peer *p = &t->peers[slot];
	char given[MAX_NAME + 1] = "";

	memcpy(given, name, strlen(name)); /* it may be the peer's own */
	if (!strcmp(p->name, given)) {
		p->named = false;
		return;
	}
	unname(t, slot);
	memcpy(p->name, given, sizeof(given));
	if (*given)
		BUG_ON(!map_add(&t->by_name, trust_hash(t, given, strlen(given)), slot));
}

static bool is_guest(enum admission why)
{
	return why == ADMIT_ORG || why == ADMIT_VOUCHED || why == ADMIT_OPEN;
}

void trust_set_why(struct trust *t, uint32_t slot, enum admission why)
{
	struct peer *p = &t->peers[slot];

	t->guests += is_guest(why);
	t->guests -= is_guest(p->why);
	p->why = why;
}

/* The peer keeps the name as a label where another key of this round has it already. */
static void give_name(struct trust *t, uint32_t slot, const char *name)
{
	struct peer *p = &t->peers[slot];
	uint32_t holder = trust_find_name(t, name);

	if (holder == slot)
		return;
	trust_label(t, slot, name);
	if (holder != TRUST_NONE && t->peers[holder].round == t->round)
		return;
	if (holder != TRUST_NONE)
		t->peers[holder].named = false;
	p->named = true;
}

void trust_begin(struct trust *t)
{
	t->round++;
	t->in_round = true;
	t->denials_fit = true;
}

enum trust_result trust_new_peer(struct trust *t, const struct public_key *key,
				 const struct dh_public *twin, bool guest, uint32_t *slot)
{
	struct dh_public dh;
	uint32_t s;

	if (!memcmp(key, &t->own, sizeof(*key)))
		return TRUST_OWN_KEY;
	if (twin)
		dh = *twin;
	else if (!ed25519_to_dh_public(&dh, key))
		return TRUST_INVALID;
	if (!memcmp(&dh, &t->own_dh, sizeof(dh)) || trust_find_dh(t, &dh) != TRUST_NONE)
		return TRUST_TWIN;
	if (guest && t->guests >= t->pool.cap - t->pool.cap / 4)
		return TRUST_FULL;
	s = pool_get(&t->pool);
	if (s == POOL_NONE)
		return TRUST_FULL;
	t->peers[s] = (struct peer){ .key = *key, .dh = dh };
	BUG_ON(!map_add(&t->by_key, trust_hash(t, key, sizeof(*key)), s));
	BUG_ON(!map_add(&t->by_dh, trust_hash(t, &dh, sizeof(dh)), s));
	*slot = s;
	return TRUST_NEW;
}

enum trust_result trust_add(struct trust *t, const struct public_key *key,
			    const struct dh_public *twin, const char *name, uint32_t *slot)
{
	enum trust_result result = TRUST_SAME;
	uint32_t s;

	BUG_ON(!name_valid(name, strlen(name)));
	if (trust_is_denied(t, key, false))
		return TRUST_REFUSED;
	s = trust_find(t, key);
	if (s == TRUST_NONE)
		result = trust_new_peer(t, key, twin, false, &s);
	if (result != TRUST_NEW && result != TRUST_SAME)
		return result;
	if (t->peers[s].round != t->round || result == TRUST_NEW) {
		t->peers[s].round = t->round;
		trust_set_why(t, s, ADMIT_AUTHORIZED);
		give_name(t, s, name);
	}
	*slot = s;
	return result;
}

void trust_remove(struct trust *t, uint32_t slot)
{
	struct peer *p = &t->peers[slot];

	BUG_ON(!pool_used(&t->pool, slot));
	unname(t, slot);
	trust_set_why(t, slot, ADMIT_NO);
	BUG_ON(!map_remove(&t->by_dh, trust_hash(t, &p->dh, sizeof(p->dh)), slot));
	BUG_ON(!map_remove(&t->by_key, trust_hash(t, &p->key, sizeof(p->key)), slot));
	memset(p, 0, sizeof(*p));
	pool_put(&t->pool, slot);
}

/* --- walks and reads; slots never handed out are not looked at */

uint32_t trust_next(const struct trust *t, uint32_t slot)
{
	for (slot++; slot < t->pool.fresh; slot++) /* TRUST_NONE + 1 is 0 */
		if (pool_used(&t->pool, slot))
			return slot;
	return TRUST_NONE;
}

static bool is_stale(const struct trust *t, const struct peer *p)
{
	switch (p->why) {
	case ADMIT_AUTHORIZED:
		return p->round != t->round;
	case ADMIT_ORG:
	case ADMIT_VOUCHED:
	case ADMIT_OPEN:
		return false;
	case ADMIT_NO:
	case ADMIT_DENIED:
		break;
	}
	return true;
}

uint32_t trust_stale(const struct trust *t, uint32_t slot)
{
	do {
		slot = trust_next(t, slot);
	} while (slot != TRUST_NONE && !is_stale(t, &t->peers[slot]));
	return slot;
}

uint32_t trust_count(const struct trust *t)
{
	return t->pool.count;
}

static const struct peer *peer_of(const struct trust *t, uint32_t slot)
{
	BUG_ON(!pool_used(&t->pool, slot));
	return &t->peers[slot];
}

const struct public_key *trust_key(const struct trust *t, uint32_t slot)
{
	return &peer_of(t, slot)->key;
}

const struct dh_public *trust_dh(const struct trust *t, uint32_t slot)
{
	return &peer_of(t, slot)->dh;
}

const char *trust_name(const struct trust *t, uint32_t slot)
{
	return peer_of(t, slot)->name;
}

enum admission trust_admission(const struct trust *t, uint32_t slot)
{
	return pool_used(&t->pool, slot) ? t->peers[slot].why : ADMIT_NO;
}
