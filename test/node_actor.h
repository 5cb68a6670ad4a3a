/* node_actor.h - a member that a test plays itself: it has the keys of one, and says what the test
 * wants. What the node sends to it is opened with them. */
#ifndef TEST_NODE_ACTOR_H
#define TEST_NODE_ACTOR_H

#include "base/cursor.h"
#include "crypto/curve.h"
#include "identity/channel.h"
#include "identity/record.h"
#include "nat/path.h"
#include "swim/swim.h"

#include <stdlib.h>
#include <string.h>

struct actor {
	struct public_key public;
	struct secret_key secret;
	struct random random;
	struct channel *channel;     /* slot 0: the node */
	void *memory;
	uint64_t node_epoch;         /* as last heard; 0: never */
	uint64_t sequence;
	/* what was opened last */
	struct channel_opened heard;
};

static inline void actor_end(struct actor *a)
{
	free(a->memory);
	*a = (struct actor){ .memory = NULL };
}

/* Another process of the same member: a new epoch, and nothing known of the node. */
static inline void actor_restart(struct actor *a, const struct public_key *node, uint64_t epoch)
{
	struct channel_config config = {
		.members = 1, .random = &a->random, .secret = &a->secret, .public = &a->public,
		.epoch = epoch,
	};

	free(a->memory);
	a->memory = aligned_alloc(64, (channel_size(1) + 63) / 64 * 64);
	if (!a->memory)
		abort();
	memset(a->memory, 0, channel_size(1));
	a->channel = channel_init(a->memory, &config);
	a->node_epoch = 0;
	if (!channel_add(a->channel, 0, node))
		abort();
}

static inline void actor_begin(struct actor *a, const struct public_key *node, uint8_t seed)
{
	uint8_t bytes[32] = { [31] = seed };

	*a = (struct actor){ .sequence = 1 };
	ed25519_from_seed(&a->public, &a->secret, bytes);
	random_init(&a->random, bytes);
	actor_restart(a, node, 1000u + seed);
}

/* Opens what the node sent to this member; false if it is not sealed for it. */
static inline bool actor_hears(struct actor *a, const void *data, size_t len)
{
	enum channel_verdict v = channel_open(a->channel, bytes_of(data, len), &a->heard);

	if (v != CHANNEL_FRESH && v != CHANNEL_AUTHENTIC)
		return false;
	a->node_epoch = a->heard.epoch;
	if (a->heard.knows_us)
		channel_adopt(a->channel, &a->heard);
	return true;
}

/* your_epoch 0: as last heard. */
static inline size_t actor_seal(struct actor *a, uint64_t your_epoch, const void *payload,
				size_t len, uint8_t out[static MAX_DATAGRAM])
{
	uint64_t epoch = your_epoch ? your_epoch : a->node_epoch;

	return channel_seal(a->channel, 0, epoch, bytes_of(payload, len), out);
}

/* The sealed answer to the probe heard last: "I see you as `seen`"; 0 if it was no probe. */
static inline size_t actor_answers(struct actor *a, const struct endpoint *seen,
				   uint8_t out[static MAX_DATAGRAM])
{
	uint8_t answer[PATH_PROBE_LEN];
	struct writer w = wr_of(answer, sizeof(answer));

	if (a->heard.len < PATH_PROBE_LEN || a->heard.payload[0] != PATH_TYPE_PROBE)
		return 0;
	wr_u8(&w, PATH_TYPE_ANSWER);
	wr_bytes(&w, a->heard.payload + 1, 8);
	wr_u8(&w, seen->ip.family);
	wr_be16(&w, seen->port);
	wr_bytes(&w, seen->ip.b, 16);
	wr_zero(&w, PATH_PROBE_LEN - 28);
	return channel_seal(a->channel, 0, a->heard.epoch, bytes_of(answer, sizeof(answer)), out);
}

/* A record of this member, signed. */
static inline bool actor_record(struct actor *a, const struct record_body *body,
				struct record *out)
{
	struct record_body b = *body;

	b.key = a->public;
	return record_sign(&b, &a->secret, out);
}

#endif
