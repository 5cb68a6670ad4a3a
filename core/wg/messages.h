/* messages.h - what WireGuard puts on the wire, and the constants of its paper.
 *
 * The layouts are arrays of bytes only: no padding, no alignment, so that a datagram of the
 * exact length may be read through them. Numbers are little-endian (section 5.4).
 * Everything but data has one length; data is at least MESSAGE_DATA_OVERHEAD long.
 */
#ifndef WG_MESSAGES_H
#define WG_MESSAGES_H

#include "base/instant.h"

#include <stdint.h>

/* Section 6.1, and the constants that the paper leaves to the implementation. */
#define REKEY_AFTER_MESSAGES (1ull << 60)
#define REJECT_AFTER_MESSAGES (UINT64_MAX - (1ull << 13)) /* 2^64 - 2^13 - 1 */
#define REKEY_AFTER_TIME span_s(120)
#define REJECT_AFTER_TIME span_s(180)
#define ZERO_KEYS_AFTER_TIME span_s(540) /* REJECT_AFTER_TIME * 3 */
#define REKEY_ATTEMPT_TIME span_s(90)
#define REKEY_TIMEOUT span_s(5)
#define KEEPALIVE_TIMEOUT span_s(10)
#define REKEY_TIMEOUT_JITTER_MAX_MS 333u
#define COOKIE_SECRET_MAX_AGE span_s(120)
#define COOKIE_SECRET_LATENCY span_s(5)  /* a cookie is not used in its last seconds */
#define INITIATION_INTERVAL_MIN span_ms(20) /* 50 initiations a second from one peer */

#define MESSAGE_PADDING 16u

enum message_type {
	MESSAGE_INITIATION = 1,
	MESSAGE_RESPONSE = 2,
	MESSAGE_COOKIE_REPLY = 3,
	MESSAGE_DATA = 4,
};

#define NOISE_TAG 16
#define NOISE_TIMESTAMP 12
#define COOKIE_LEN 16
#define COOKIE_NONCE 24

struct message_initiation {
	uint8_t type[4];
	uint8_t sender[4];
	uint8_t ephemeral[32];
	uint8_t encrypted_static[32 + NOISE_TAG];
	uint8_t encrypted_timestamp[NOISE_TIMESTAMP + NOISE_TAG];
	uint8_t mac1[COOKIE_LEN];
	uint8_t mac2[COOKIE_LEN];
};

struct message_response {
	uint8_t type[4];
	uint8_t sender[4];
	uint8_t receiver[4];
	uint8_t ephemeral[32];
	uint8_t encrypted_nothing[NOISE_TAG];
	uint8_t mac1[COOKIE_LEN];
	uint8_t mac2[COOKIE_LEN];
};

struct message_cookie_reply {
	uint8_t type[4];
	uint8_t receiver[4];
	uint8_t nonce[COOKIE_NONCE];
	uint8_t encrypted_cookie[COOKIE_LEN + NOISE_TAG];
};

struct message_data {
	uint8_t type[4];
	uint8_t receiver[4];
	uint8_t counter[8];
	uint8_t encrypted_packet[];
};

_Static_assert(sizeof(struct message_initiation) == 148, "section 5.4.2");
_Static_assert(sizeof(struct message_response) == 92, "section 5.4.3");
_Static_assert(sizeof(struct message_cookie_reply) == 64, "section 5.4.7");
_Static_assert(sizeof(struct message_data) == 16, "section 5.4.6");

#define MESSAGE_DATA_OVERHEAD (sizeof(struct message_data) + NOISE_TAG)
/* The longest inner packet: what a UDP datagram over IPv4 holds, less our overhead. */
#define MESSAGE_MAX_INNER (65507u - (uint32_t)MESSAGE_DATA_OVERHEAD)

/* DS field of initiations and responses (AF41, no ECN), as the kernel's WireGuard sets it. */
#define HANDSHAKE_DSCP 0x88u

#endif
