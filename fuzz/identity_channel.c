/* Sealed datagrams. A first byte of 0: the rest is one datagram as it comes. Else: the rest is a
 * script of datagrams that a peer with the right keys seals, epochs and counters as it likes,
 * and each verdict is compared with that of a model which remembers everything. */
#include "contexts.h"

#include "base/cursor.h"
#include "crypto/aead.h"
#include "crypto/curve.h"
#include "crypto/hash.h"
#include "identity/channel.h"

#include <string.h>

#define MEMBERS 4u
#define SLOT 1u
#define OUR_EPOCH 77u
#define STEPS 128u

static struct public_key our_pk, peer_pk;
static struct secret_key our_sk, peer_sk;
static struct random draws;
static struct sym_key peer_to_us;
static uint8_t tag[8];

/* docs/protocol.md, "Sealed datagram", for the direction from the peer to us. */
static void make_keys(void)
{
	static const uint8_t our_seed[32] = { 1 }, peer_seed[32] = { 2 };
	const struct bytes label = bytes_of("meshguard sealed datagram tag v1", 32);
	struct bytes parts[3] = { bytes_of("meshguard sealed datagram v1", 28),
				  bytes_of(peer_pk.b, 32), bytes_of(our_pk.b, 32) };
	struct dh_secret secret, shared;
	struct dh_public point;
	struct sym_key k;
	struct hash h;

	ed25519_from_seed(&our_pk, &our_sk, our_seed);
	ed25519_from_seed(&peer_pk, &peer_sk, peer_seed);
	ed25519_to_dh_secret(&secret, &peer_sk);
	BUG_ON(!ed25519_to_dh_public(&point, &our_pk) || !x25519(&shared, &secret, &point));
	memcpy(k.b, shared.b, sizeof(k.b));
	blake2b(&h, &k, parts, 3);
	memcpy(peer_to_us.b, h.b, sizeof(h.b));
	blake2b(&h, &peer_to_us, &label, 1);
	memcpy(tag, h.b, sizeof(tag));
}

static struct channel *start(void *memory)
{
	struct channel_config config = {
		.members = MEMBERS, .random = &draws, .hash_key = { 3 },
		.secret = &our_sk, .public = &our_pk, .epoch = OUR_EPOCH,
	};
	struct channel *c = channel_init(memory, &config);

	BUG_ON(!channel_add(c, SLOT, &peer_pk));
	return c;
}

static size_t seal(uint8_t *out, uint64_t epoch, uint64_t counter, uint64_t your_epoch,
		   struct bytes payload)
{
	uint8_t *inner = out + 33;

	out[0] = CHANNEL_FIRST_BYTE;
	memcpy(out + 1, tag, sizeof(tag));
	memset(out + 9, 0x5a, 24);
	store_be64(inner, epoch);
	store_be64(inner + 8, counter);
	store_be64(inner + 16, your_epoch);
	if (payload.len)
		memcpy(inner + 24, payload.data, payload.len);
	xaead_seal(inner, inner, 24 + payload.len, out, 9, out + 9, &peer_to_us);
	return payload.len + CHANNEL_OVERHEAD;
}

struct model {
	uint64_t epoch, floor, highest;
	uint64_t seen[STEPS];
	unsigned count;
};

static enum channel_verdict judge(struct model *m, uint64_t epoch, uint64_t counter, bool knows_us)
{
	if (!epoch || !counter)
		return CHANNEL_MALFORMED;
	if (epoch != m->epoch)
		return CHANNEL_AUTHENTIC;
	for (unsigned i = 0; i < m->count; i++)
		if (m->seen[i] == counter)
			return CHANNEL_REPLAYED;
	if (counter <= m->floor || (counter < m->highest && m->highest - counter > 63))
		return CHANNEL_REPLAYED;
	m->seen[m->count++] = counter;
	if (counter > m->highest)
		m->highest = counter;
	return knows_us ? CHANNEL_FRESH : CHANNEL_AUTHENTIC;
}

static void run_script(struct channel *c, struct cursor *script)
{
	struct model m = { .epoch = 0 };

	for (unsigned step = 0; step < STEPS && cur_left(script); step++) {
		uint8_t op = cur_u8(script);
		uint64_t epoch = op & 3, near = cur_u8(script);
		uint64_t counter = op & 4 ? cur_be64(script) : m.highest + near - 96;
		bool knows_us = op & 8, adopt = op & 16;
		struct bytes payload = cur_span(script, op >> 5);
		uint8_t datagram[MAX_DATAGRAM];
		struct channel_opened opened;
		enum channel_verdict want = judge(&m, epoch, counter, knows_us), got;
		size_t len = seal(datagram, epoch, counter, knows_us ? OUR_EPOCH : 76, payload);

		got = channel_open(c, bytes_of(datagram, len), &opened);
		BUG_ON(got != want);
		if (got != CHANNEL_FRESH && got != CHANNEL_AUTHENTIC)
			continue;
		BUG_ON(opened.slot != SLOT || opened.epoch != epoch || opened.counter != counter
		       || opened.knows_us != knows_us || opened.len != payload.len);
		BUG_ON(payload.len && memcmp(opened.payload, payload.data, payload.len));
		if (!adopt)
			continue;
		channel_adopt(c, &opened);
		if (knows_us && epoch != m.epoch)
			m = (struct model){ .epoch = epoch, .floor = counter, .highest = counter };
		BUG_ON(channel_peer_epoch(c, SLOT) != m.epoch);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint64_t memory[1024];
	struct channel_opened opened;
	struct cursor script;
	struct channel *c;

	test_crypto();
	if (!our_sk.b[0])
		make_keys();
	if (!size)
		return 0;
	BUG_ON(channel_size(MEMBERS) > sizeof(memory));
	memset(memory, 0, sizeof(memory));
	c = start(memory);
	if (data[0]) {
		script = cur_of(data + 1, size - 1);
		run_script(c, &script);
	} else {
		enum channel_verdict v = channel_open(c, bytes_of(data + 1, size - 1), &opened);

		BUG_ON(v == CHANNEL_FRESH || v == CHANNEL_REPLAYED);
		BUG_ON(channel_peer_epoch(c, SLOT));
	}
	return 0;
}
