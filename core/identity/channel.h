/* channel.h - sealed datagrams between two nodes that know each other's keys (design, section 4).
 *
 *   E1 | tag 8 | nonce 24 | XChaCha20-Poly1305(
 *                my epoch 8 | counter 8 | your epoch 8 | payload ) | 16
 *
 * Key: BLAKE2b over the X25519 of the twins, a label with the version, and both Ed25519 keys,
 * sender first, so that each direction has its own. The first 9 bytes are authenticated. The tag
 * is derived from the directional key and finds the sender in O(1). An unknown tag is dropped
 * without an answer. Bytes: docs/protocol.md, "Sealed datagram".
 *
 * Freshness without clocks: a datagram is fresh when it carries my epoch, comes from the epoch of
 * the sender that I adopted, and its counter passes a window of 64. A sender's epoch is adopted
 * only from an answer to a probe of ours (channel_adopt), so that no withheld or replayed
 * datagram can move it. What is authentic but not fresh may only be a probe, answered by the same
 * size and rate limited by the caller, or an answer whose id matches.
 *
 * A call asks an address which of many peers lives there:
 *
 *   E6 | id 8 | the tags that we seal with for those peers
 *
 * It proves nothing: whoever saw the tags can write one.
 */
#ifndef IDENTITY_CHANNEL_H
#define IDENTITY_CHANNEL_H

#include "base/bug.h"
#include "base/limits.h"
#include "crypto/random.h"

#define CHANNEL_FIRST_BYTE 0xE1u
#define CHANNEL_OVERHEAD 73u
#define CHANNEL_PAYLOAD_MAX (MAX_SEALED - CHANNEL_OVERHEAD)
#define CHANNEL_CALL_BYTE 0xE6u
#define CHANNEL_CALL_ID 8u
#define CHANNEL_CALL_LEAST 12u /* tags, some of them made up; as long as the answer */
#define CHANNEL_CALL_MOST 152u
#define CHANNEL_CALL_LEN(tags) (1u + CHANNEL_CALL_ID + 8u * (tags))
#define CHANNEL_NOBODY UINT32_MAX

struct channel;

struct channel_config {
	uint32_t members;
	struct random *random;
	uint8_t hash_key[16];
	const struct secret_key *secret;
	const struct public_key *public;
	uint64_t epoch;              /* random, not 0 */
};

/* Memory: zeroed, aligned for uint64_t, touched only as far as used; it holds secrets. */
size_t channel_size(uint32_t members);
/* `random` and `secret` must stay; the rest of the configuration is copied. The keys of pairs are
 * the only secrets in the memory: channel_remove of every slot leaves none. */
struct channel *channel_init(void *memory, const struct channel_config *config);
/* Computes the keys of this pair (one X25519). False: the key has no usable twin. Our own key and a
 * slot that is in use are BUGs. */
bool channel_add(struct channel *c, uint32_t slot, const struct public_key *key) must_check;
/* The same where the caller has its twin already (ed25519_to_dh_public), which costs twice as
 * much. */
bool channel_add_twin(struct channel *c, uint32_t slot, const struct public_key *key,
		      const struct dh_public *dh) must_check;
void channel_remove(struct channel *c, uint32_t slot); /* wipes; harmless for a free slot */
uint64_t channel_epoch(const struct channel *c);
/* The epoch of that peer that was adopted; 0: none yet. */
uint64_t channel_peer_epoch(const struct channel *c, uint32_t slot);

/* Seals payload for the slot; out has CHANNEL_OVERHEAD + payload.len bytes and does not overlap
 * payload. your_epoch 0: the adopted one (0 when none); an answer gives the epoch that its question
 * carried. Returns the length; payload.len above CHANNEL_PAYLOAD_MAX is a BUG. Each call uses up a
 * counter: a datagram that is sent again is sealed again. */
size_t channel_seal(struct channel *c, uint32_t slot, uint64_t your_epoch, struct bytes payload,
		    uint8_t *out);

enum channel_verdict {
	CHANNEL_FRESH,
	CHANNEL_AUTHENTIC,  /* right key, but not fresh: a probe, or an answer to one, at most */
	CHANNEL_REPLAYED,   /* of the adopted epoch, counter seen before: drop */
	CHANNEL_UNKNOWN,    /* nobody's tag */
	CHANNEL_FORGED,     /* a known tag that does not open */
	CHANNEL_MALFORMED,
};
struct channel_opened {
	uint32_t slot;        /* also for CHANNEL_FORGED: whose tag it carried */
	uint64_t epoch;       /* the sender's */
	uint64_t counter;
	bool knows_us;        /* carried our epoch */
	uint32_t len;
	uint8_t payload[CHANNEL_PAYLOAD_MAX];
};
/* *out holds the message for FRESH and AUTHENTIC only. */
enum channel_verdict channel_open(struct channel *c, struct bytes datagram,
				  struct channel_opened *out) must_check;
/* False: no peer of ours seals with its tag; of a call: it asks for none of us. Proves nothing. */
bool channel_expects(const struct channel *c, struct bytes datagram);
/* Takes the sender's epoch and counter as current: the payload was the answer to our own
 * question. Ignored if it does not carry our epoch, and for the epoch that we know. What that
 * sender sealed before it is not fresh any more. True: two epochs have taken turns for a while, so
 * two processes use that key. */
bool channel_adopt(struct channel *c, const struct channel_opened *opened);

/* What may be said in public so that this peer alone recognises it: the hash of `said`, 1 to 64
 * bytes that are not said twice, under the key that we seal with (ours), or that the peer does. A
 * slot that is free is a BUG. */
#define CHANNEL_HINT 8u
void channel_hint(const struct channel *c, uint32_t slot, bool ours, struct bytes said,
		  uint8_t out[static CHANNEL_HINT]);

/* Writes a call to the peers in these slots, 1 to CHANNEL_CALL_MOST of them, into out
 * (CHANNEL_CALL_LEN of as many). Returns the length. Slots that are free are BUGs. */
size_t channel_call(struct channel *c, const uint8_t id[static CHANNEL_CALL_ID],
		    const uint32_t *slots, unsigned count, uint8_t *out);
/* The peer by whose tag this call asks for us, the first if there are several, and the call's id;
 * CHANNEL_NOBODY: it asks for others, or is no call. Not authentic. */
uint32_t channel_called(const struct channel *c, struct bytes datagram,
			uint8_t id[static CHANNEL_CALL_ID]);

#endif
