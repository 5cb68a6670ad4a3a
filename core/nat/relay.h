/* relay.h - carries sealed traffic between two members who cannot reach each other (design,
 * section 6): what a relay does for others.
 *
 * Messages, inside sealed datagrams that are fresh and came from no relay; all of RELAY_LEN bytes,
 * docs/protocol.md "Relay":
 *   open   28   asker to relay: a channel to the member with this key
 *   offer  29   relay to both: the channel, and a cookie for the address it was sent to
 *   bind   2A   either to relay: the cookie, from that address
 *   bound  2B   relay to either: who is there; or why there is no channel
 *
 * Until a cookie comes back the relay keeps nothing: channel and cookie are a keyed hash of who
 * asks for whom, from where, under a secret that lives for a minute and is honoured for another.
 * A bound channel carries frames between its two addresses, as they are, and nothing else.
 *
 * What members can make a relay send: for an open, one message to each end, as long as the open,
 * at a limited rate; a frame for a frame of the same length, within a budget of bytes. Each pays
 * for what it asks: opens and the channels that are made for them by who opened, whoever of the two
 * binds first; later binds by the end of that channel.
 */
#ifndef NAT_RELAY_H
#define NAT_RELAY_H

#include "base/bug.h"
#include "base/endpoint.h"
#include "base/instant.h"
#include "base/outbox.h"
#include "crypto/random.h"

#define RELAY_TYPE_OPEN 0x28u
#define RELAY_TYPE_OFFER 0x29u
#define RELAY_TYPE_BIND 0x2Au
#define RELAY_TYPE_BOUND 0x2Bu
#define RELAY_LEN 56u
#define RELAY_COOKIE 16u
#define RELAY_HEADER 4u            /* of a frame: the channel */
#define RELAY_CHANNEL_FIRST 0x40000000u
#define RELAY_CHANNEL_LAST 0x7FFFFFFFu
#define RELAY_FRAME_MAX 2048u      /* header included; more is no packet of a usual link */

enum relay_state {
	RELAY_WAITS,               /* for the other end */
	RELAY_BOTH,                /* both ends are bound: frames pass */
	RELAY_REFUSED_OFF,         /* it does not relay */
	RELAY_REFUSED_PEER,        /* it does not admit the other end, or does not reach it */
	RELAY_REFUSED_FULL,
	RELAY_STATES
};

struct relay_message {
	uint8_t type;
	uint8_t state;             /* enum relay_state, of a bound; else 0 */
	uint32_t channel;          /* 0: none */
	struct public_key other;   /* the other end */
	uint8_t cookie[RELAY_COOKIE];
};
/* Exactly one such message, each field in its range. */
bool relay_decode(struct bytes message, struct relay_message *out) must_check;
void relay_encode(const struct relay_message *m, uint8_t out[static RELAY_LEN]);

/* What the user wants; auto: to relay if we are reached from everywhere, as far as we know. */
enum relay_mode { RELAY_AUTO, RELAY_ON, RELAY_OFF };

struct relay;

struct relay_config {
	uint32_t members;          /* slots are below */
	struct random *random;
	uint32_t sessions;         /* channels at the most; 0: 64 */
	uint64_t session_rate;     /* bytes a second; 0: 1,250,000 */
	uint64_t total_rate;       /* of all; 0: 12,500,000 */
};

/* A member, and the address that it has proved to us: by an answer, or as the source of what it
 * just said. */
struct relay_end {
	uint32_t slot;
	struct public_key key;
	struct endpoint at;
};

/* Both as in the configuration. Memory zeroed, aligned for uint64_t. */
size_t relay_size(uint32_t members, uint32_t sessions);
struct relay *relay_init(void *memory, const struct relay_config *config, struct instant now);
/* Not willing at first. Unwilling closes all channels. */
void relay_set_willing(struct relay *r, bool willing);
bool relay_is_willing(const struct relay *r);
/* A fresh open of `asker` for `other`, who is reachable if it is admitted here and there is a
 * direct path to `other->at`; if not, only its key counts. */
void relay_open(struct relay *r, struct instant now, const struct relay_end *asker,
		const struct relay_end *other, bool reachable, struct outbox *out);
/* A fresh bind of `asker` for the channel to `other` (its address is not looked at). */
void relay_bind(struct relay *r, struct instant now, const struct relay_end *asker,
		const struct relay_end *other, const struct relay_message *m, struct outbox *out);
/* A frame came from there; the caller has seen that it carries WireGuard or a sealed datagram, and
 * no other frame. Goes out as it is to the other end, or is dropped. True: the channel is one of
 * ours. */
bool relay_forward(struct relay *r, struct instant now, const struct endpoint *from,
		   struct bytes frame, uint8_t ecn, struct outbox *out);
/* The member is admitted no more: its channels close. */
void relay_forget(struct relay *r, uint32_t slot);
void relay_tick(struct relay *r, struct instant now);
struct instant relay_deadline(const struct relay *r);

struct relay_counters {
	uint64_t opened, bound, refused, closed;
	uint64_t frames, bytes;
	uint64_t drop_rate;        /* messages beyond what one member may ask */
	uint64_t drop_cookie;      /* a bind from elsewhere, or too late */
	uint64_t drop_address;     /* a frame from neither end */
	uint64_t drop_unbound;     /* the other end is not there yet */
	uint64_t drop_size, drop_budget;
};
const struct relay_counters *relay_counters(const struct relay *r);
uint32_t relay_channels(const struct relay *r);
uint32_t relay_most(const struct relay *r); /* channels at the most */

#endif
