/* cookie.h - mac1, mac2 and cookie replies, sections 5.3, 5.4.4 and 5.4.7.
 *
 * mac1 shows that the sender knows our public key. mac2 shows that he receives at the address
 * he writes from, and is asked for only under load.
 */
#ifndef WG_COOKIE_H
#define WG_COOKIE_H

#include "crypto/random.h"
#include "wg/messages.h"

/* Our side: judges what comes in. */
struct cookie_checker {
	struct hash mac1_key;      /* Hash(LABEL_MAC1 || S_pub) */
	struct hash cookie_key;    /* Hash(LABEL_COOKIE || S_pub) */
	uint8_t secret[32];        /* changes every two minutes */
	struct instant secret_birth;
};

/* Our side towards one peer: signs what goes out, keeps the cookie that he gave. */
struct cookie_sender {
	struct hash mac1_key, cookie_key; /* of the peer's public key */
	uint8_t cookie[COOKIE_LEN];
	struct instant cookie_birth;      /* zero: none */
	uint8_t last_mac1[COOKIE_LEN];
	bool awaits_reply;                /* last_mac1 was sent, no reply consumed yet */
};

void cookie_checker_init(struct cookie_checker *c, const struct dh_public *self);
void cookie_sender_init(struct cookie_sender *s, const struct dh_public *peer);

/* `message`: a whole initiation or response; the macs are its last 32 bytes. */
bool cookie_mac1_valid(const struct cookie_checker *c, struct bytes message);
/* Draws a new secret when the present one is too old; before either of the two below. */
void cookie_checker_refresh(struct cookie_checker *c, struct instant now, struct random *random);
/* `source`: all that tells where the message came from (address, port). */
bool cookie_mac2_valid(const struct cookie_checker *c, struct bytes message,
		       struct bytes source);
/* Answers the initiation or response `message`; the nonce is random. */
void cookie_create_reply(struct message_cookie_reply *out, const struct cookie_checker *c,
			 struct bytes message, struct bytes source,
			 const uint8_t nonce[static COOKIE_NONCE]);

/* Writes both macs at the end of a message of len bytes. */
void cookie_add_macs(struct cookie_sender *s, void *message, size_t len, struct instant now);
/* False if it does not answer the last message that we sent. */
bool cookie_read_reply(struct cookie_sender *s, const struct message_cookie_reply *in,
		       struct instant now);

#endif
