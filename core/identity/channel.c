/* channel.c - the keys of each pair, and what was seen of each peer.
 *
 * A pair has two keys, one each way, made once by channel_add. Received tags are found through
 * a map whose hash is keyed, so the time of a lookup says nothing about the tags that exist.
 *
 * What is known of a peer is its epoch as adopted, the highest counter opened in it, and which
 * of the 64 counters up to that one were seen. Nothing but channel_adopt changes the epoch, and
 * nothing but a datagram with both right epochs moves the window. Adopting an epoch counts
 * every lower counter as seen: it may be a peer that was removed and added again, whose
 * datagrams from before must not pass a second time.
 *
 * For the same reason a slot that is filled after another was removed does not start with
 * counter 1 but above all counters that removed ones used: our epoch is still the same, and
 * the other side may have kept its window.
 *
 * A process has one epoch, so one that comes back belongs to a second process with that key: both
 * answer our probes in turn. Answers that the former process gave before it ended come late once
 * or twice; so it takes several turns, and a new epoch begins the count anew.
 */
#include "identity/channel.h"
#include "base/cursor.h"
#include "base/map.h"
#include "crypto/aead.h"
#include "crypto/curve.h"
#include "crypto/hash.h"

#include <string.h>

#define TAG 8u
#define NONCE_AT (1u + TAG)
#define SEALED_AT (NONCE_AT + XAEAD_NONCE)
#define INNER 24u           /* the two epochs and the counter */
#define WINDOW 64u
#define TURNS 6u

_Static_assert(SEALED_AT + INNER + AEAD_TAG == CHANNEL_OVERHEAD, "see docs/protocol.md");
_Static_assert(CHANNEL_CALL_LEN(CHANNEL_CALL_MOST) <= MAX_DATAGRAM, "see docs/protocol.md");

static const char key_label[] = "meshguard sealed datagram v1";
static const char tag_label[] = "meshguard sealed datagram tag v1";
static const char hint_label[] = "meshguard hint v1";

struct direction {
	struct sym_key key;
	uint8_t tag[TAG];
};

struct pair {
	bool used;
	uint8_t turns;             /* how often epoch and former changed places, up to TURNS */
	struct direction send, receive;
	uint64_t sent;             /* last counter that we used */
	uint64_t epoch;            /* of the peer, adopted; 0: none */
	uint64_t former;           /* the one before */
	uint64_t highest;          /* counter seen in that epoch */
	uint64_t seen;             /* bit i: highest - i */
};

struct channel {
	uint32_t members;
	struct random *random;
	uint8_t hash_key[16];
	struct public_key own;
	const struct secret_key *secret; /* of the one who made us: no copy to wipe */
	uint64_t epoch;
	uint64_t sent_before;      /* highest counter of all slots that were removed */
	struct map by_tag;
	struct pair *pairs;
};

static size_t padded(size_t size)
{
	return (size + 63) / 64 * 64;
}

size_t channel_size(uint32_t members)
{
	return padded(sizeof(struct channel)) + padded(map_size(members))
	     + members * sizeof(struct pair);
}

struct channel *channel_init(void *memory, const struct channel_config *config)
{
	struct channel *c = memory;
	uint8_t *at = memory;

	BUG_ON(!config->members || !config->epoch);
	c->members = config->members;
	c->random = config->random;
	memcpy(c->hash_key, config->hash_key, sizeof(c->hash_key));
	c->own = *config->public;
	c->secret = config->secret;
	c->epoch = config->epoch;
	at += padded(sizeof(*c));
	map_init(&c->by_tag, at, config->members);
	at += padded(map_size(config->members));
	c->pairs = (struct pair *)(void *)at;
	return c;
}

static struct pair *pair_of(const struct channel *c, uint32_t slot)
{
	BUG_ON(slot >= c->members);
	return &c->pairs[slot];
}

static uint64_t tag_hash(const struct channel *c, const uint8_t tag[static TAG])
{
	return siphash(c->hash_key, tag, TAG);
}

struct wanted {
	const struct channel *c;
	const uint8_t *tag;
};

static bool same_tag(const void *ctx, uint32_t slot)
{
	const struct wanted *w = ctx;

	return ct_equal(w->c->pairs[slot].receive.tag, w->tag, TAG);
}

static void derive(struct direction *out, const struct sym_key *shared,
		   const struct public_key *from, const struct public_key *to)
{
	const struct bytes parts[] = {
		bytes_of(key_label, sizeof(key_label) - 1),
		bytes_of(from->b, sizeof(from->b)),
		bytes_of(to->b, sizeof(to->b)),
	};
	const struct bytes label = bytes_of(tag_label, sizeof(tag_label) - 1);
	struct hash h;

	blake2b(&h, shared, parts, sizeof(parts) / sizeof(*parts));
	memcpy(out->key.b, h.b, sizeof(out->key.b));
	blake2b(&h, &out->key, &label, 1);
	memcpy(out->tag, h.b, sizeof(out->tag));
	wipe(&h, sizeof(h));
}

bool channel_add_twin(struct channel *c, uint32_t slot, const struct public_key *key,
		      const struct dh_public *dh)
{
	struct pair *p = pair_of(c, slot);
	struct dh_secret twin, result;
	struct sym_key shared;
	bool good;

	BUG_ON(p->used || !memcmp(key, &c->own, sizeof(*key)));
	ed25519_to_dh_secret(&twin, c->secret);
	good = x25519(&result, &twin, dh);
	wipe(&twin, sizeof(twin));
	if (!good)
		return false;
	memcpy(shared.b, result.b, sizeof(shared.b));
	*p = (struct pair){ .used = true, .sent = c->sent_before };
	derive(&p->send, &shared, &c->own, key);
	derive(&p->receive, &shared, key, &c->own);
	wipe(&result, sizeof(result));
	wipe(&shared, sizeof(shared));
	BUG_ON(!map_add(&c->by_tag, tag_hash(c, p->receive.tag), slot));
	return true;
}

bool channel_add(struct channel *c, uint32_t slot, const struct public_key *key)
{
	struct dh_public dh;

	return ed25519_to_dh_public(&dh, key) && channel_add_twin(c, slot, key, &dh);
}

void channel_remove(struct channel *c, uint32_t slot)
{
	struct pair *p = pair_of(c, slot);

	if (!p->used)
		return;
	if (p->sent > c->sent_before)
		c->sent_before = p->sent;
	BUG_ON(!map_remove(&c->by_tag, tag_hash(c, p->receive.tag), slot));
	wipe(p, sizeof(*p));
}

uint64_t channel_epoch(const struct channel *c)
{
	return c->epoch;
}

uint64_t channel_peer_epoch(const struct channel *c, uint32_t slot)
{
	return pair_of(c, slot)->epoch;
}

size_t channel_seal(struct channel *c, uint32_t slot, uint64_t your_epoch, struct bytes payload,
		    uint8_t *out)
{
	struct pair *p = pair_of(c, slot);
	uint8_t *inner = out + SEALED_AT;

	BUG_ON(!p->used || payload.len > CHANNEL_PAYLOAD_MAX);
	out[0] = CHANNEL_FIRST_BYTE;
	memcpy(out + 1, p->send.tag, TAG);
	random_bytes(c->random, out + NONCE_AT, XAEAD_NONCE);
	store_be64(inner, c->epoch);
	store_be64(inner + 8, ++p->sent);
	store_be64(inner + 16, your_epoch ? your_epoch : p->epoch);
	if (payload.len)
		memcpy(inner + INNER, payload.data, payload.len);
	xaead_seal(inner, inner, INNER + payload.len, out, NONCE_AT, out + NONCE_AT, &p->send.key);
	return CHANNEL_OVERHEAD + payload.len;
}

/* True the first time that the counter is seen in the window. */
static bool window_take(struct pair *p, uint64_t counter)
{
	uint64_t behind;

	if (counter > p->highest) {
		uint64_t by = counter - p->highest;

		p->seen = by < WINDOW ? p->seen << by : 0;
		p->highest = counter;
	}
	behind = p->highest - counter;
	if (behind >= WINDOW || p->seen >> behind & 1)
		return false;
	p->seen |= UINT64_C(1) << behind;
	return true;
}

static uint32_t find_tag(const struct channel *c, const uint8_t tag[static TAG])
{
	return map_find(&c->by_tag, tag_hash(c, tag), same_tag, &(struct wanted){ c, tag });
}

enum channel_verdict channel_open(struct channel *c, struct bytes datagram,
				  struct channel_opened *out)
{
	const uint8_t *d = datagram.data;
	uint8_t plain[INNER + CHANNEL_PAYLOAD_MAX];
	uint64_t your_epoch;
	struct cursor cur;
	struct pair *p;

	if (datagram.len < CHANNEL_OVERHEAD || datagram.len > MAX_SEALED
	    || d[0] != CHANNEL_FIRST_BYTE)
		return CHANNEL_MALFORMED;
	out->slot = find_tag(c, d + 1);
	if (out->slot == MAP_NONE)
		return CHANNEL_UNKNOWN;
	p = &c->pairs[out->slot];
	if (!xaead_open(plain, d + SEALED_AT, datagram.len - SEALED_AT, d, NONCE_AT, d + NONCE_AT,
			&p->receive.key))
		return CHANNEL_FORGED;
	out->len = (uint32_t)(datagram.len - CHANNEL_OVERHEAD);
	cur = cur_of(plain, INNER + out->len);
	out->epoch = cur_be64(&cur);
	out->counter = cur_be64(&cur);
	your_epoch = cur_be64(&cur);
	cur_bytes(&cur, out->payload, out->len);
	if (!cur_done(&cur) || !out->epoch || !out->counter)
		return CHANNEL_MALFORMED;
	out->knows_us = your_epoch == c->epoch;
	if (out->epoch != p->epoch)
		return CHANNEL_AUTHENTIC;
	/* Also without our epoch: else the first probes of a peer could be replayed for answers
	 * as long as it runs. */
	if (!window_take(p, out->counter))
		return CHANNEL_REPLAYED;
	return out->knows_us ? CHANNEL_FRESH : CHANNEL_AUTHENTIC;
}

bool channel_adopt(struct channel *c, const struct channel_opened *opened)
{
	struct pair *p = pair_of(c, opened->slot);

	/* Of the epoch that we know it passed the window when it was opened. */
	if (!p->used || !opened->knows_us || opened->epoch == p->epoch)
		return false;
	if (opened->epoch != p->former)
		p->turns = 0;
	else if (p->turns < TURNS)
		p->turns++;
	p->former = p->epoch;
	p->epoch = opened->epoch;
	p->highest = opened->counter;
	p->seen = UINT64_MAX;
	return p->turns == TURNS;
}

size_t channel_call(struct channel *c, const uint8_t id[static CHANNEL_CALL_ID],
		    const uint32_t *slots, unsigned count, uint8_t *out)
{
	uint8_t *tag = out + 1 + CHANNEL_CALL_ID;

	BUG_ON(!count || count > CHANNEL_CALL_MOST);
	out[0] = CHANNEL_CALL_BYTE;
	memcpy(out + 1, id, CHANNEL_CALL_ID);
	for (unsigned i = 0; i < count; i++, tag += TAG) {
		const struct pair *p = pair_of(c, slots[i]);

		BUG_ON(!p->used);
		memcpy(tag, p->send.tag, TAG);
	}
	if (count < CHANNEL_CALL_LEAST) {
		random_bytes(c->random, tag, TAG * (CHANNEL_CALL_LEAST - count));
		count = CHANNEL_CALL_LEAST;
	}
	return CHANNEL_CALL_LEN(count);
}

uint32_t channel_called(const struct channel *c, struct bytes datagram,
			uint8_t id[static CHANNEL_CALL_ID])
{
	const uint8_t *d = datagram.data;
	uint32_t slot = MAP_NONE;

	if (datagram.len < CHANNEL_CALL_LEN(CHANNEL_CALL_LEAST) ||
	    datagram.len > CHANNEL_CALL_LEN(CHANNEL_CALL_MOST) ||
	    (datagram.len - CHANNEL_CALL_LEN(0)) % TAG || d[0] != CHANNEL_CALL_BYTE)
		return CHANNEL_NOBODY;
	for (size_t at = CHANNEL_CALL_LEN(0); at < datagram.len && slot == MAP_NONE; at += TAG)
		slot = find_tag(c, d + at);
	if (slot == MAP_NONE)
		return CHANNEL_NOBODY;
	memcpy(id, d + 1, CHANNEL_CALL_ID);
	return slot;
}

bool channel_expects(const struct channel *c, struct bytes datagram)
{
	const uint8_t *d = datagram.data;
	uint8_t id[CHANNEL_CALL_ID];

	if (datagram.len && d[0] == CHANNEL_CALL_BYTE)
		return channel_called(c, datagram, id) != CHANNEL_NOBODY;
	return datagram.len >= CHANNEL_OVERHEAD && d[0] == CHANNEL_FIRST_BYTE
	       && find_tag(c, d + 1) != MAP_NONE;
}

void channel_hint(const struct channel *c, uint32_t slot, bool ours, struct bytes said,
		  uint8_t out[static CHANNEL_HINT])
{
	const struct pair *p = pair_of(c, slot);
	const struct bytes parts[] = { bytes_of(hint_label, sizeof(hint_label) - 1), said };
	struct hash h;

	BUG_ON(!p->used || !said.len || said.len > 64);
	blake2b(&h, ours ? &p->send.key : &p->receive.key, parts, 2);
	memcpy(out, h.b, CHANNEL_HINT);
}
