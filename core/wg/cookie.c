#include "wg/cookie.h"

#include "crypto/aead.h"
#include "crypto/hash.h"

#include <string.h>

#define MACS_LEN ((size_t)2 * COOKIE_LEN)

static void derive(struct hash *mac1_key, struct hash *cookie_key, const struct dh_public *public)
{
	struct bytes key = bytes_of(public->b, sizeof(public->b));

	blake2s(mac1_key, bytes_of("mac1----", 8), key);
	blake2s(cookie_key, bytes_of("cookie--", 8), key);
}

void cookie_checker_init(struct cookie_checker *c, const struct dh_public *self)
{
	wipe(c, sizeof(*c));
	derive(&c->mac1_key, &c->cookie_key, self);
}

void cookie_sender_init(struct cookie_sender *s, const struct dh_public *peer)
{
	wipe(s, sizeof(*s));
	derive(&s->mac1_key, &s->cookie_key, peer);
}

/* msg.mac1 := Mac(Hash(LABEL_MAC1 || S_pub), msg up to mac1) */
static void make_mac1(uint8_t out[COOKIE_LEN], const struct hash *key, const uint8_t *message,
		      size_t len)
{
	blake2s_mac(out, key->b, sizeof(key->b), bytes_of(message, len - MACS_LEN));
}

/* msg.mac2 := Mac(cookie, msg up to mac2) */
static void make_mac2(uint8_t out[COOKIE_LEN], const uint8_t cookie[COOKIE_LEN],
		      const uint8_t *message, size_t len)
{
	blake2s_mac(out, cookie, COOKIE_LEN, bytes_of(message, len - COOKIE_LEN));
}

/* cookie := Mac(secret, source) */
static void make_cookie(uint8_t out[COOKIE_LEN], const struct cookie_checker *c,
			struct bytes source)
{
	blake2s_mac(out, c->secret, sizeof(c->secret), source);
}

void cookie_checker_refresh(struct cookie_checker *c, struct instant now, struct random *random)
{
	if (instant_is_set(c->secret_birth) &&
	    instant_since(now, c->secret_birth).ns < COOKIE_SECRET_MAX_AGE.ns)
		return;
	random_bytes(random, c->secret, sizeof(c->secret));
	c->secret_birth = now;
}

bool cookie_mac1_valid(const struct cookie_checker *c, struct bytes message)
{
	uint8_t mac[COOKIE_LEN];

	BUG_ON(message.len <= MACS_LEN);
	make_mac1(mac, &c->mac1_key, message.data, message.len);
	return ct_equal(mac, message.data + message.len - MACS_LEN, sizeof(mac));
}

bool cookie_mac2_valid(const struct cookie_checker *c, struct bytes message,
		       struct bytes source)
{
	uint8_t cookie[COOKIE_LEN], mac[COOKIE_LEN];
	bool valid;

	BUG_ON(message.len <= MACS_LEN);
	make_cookie(cookie, c, source);
	make_mac2(mac, cookie, message.data, message.len);
	valid = ct_equal(mac, message.data + message.len - COOKIE_LEN, sizeof(mac));
	wipe(cookie, sizeof(cookie));
	wipe(mac, sizeof(mac));
	return valid;
}

void cookie_create_reply(struct message_cookie_reply *out, const struct cookie_checker *c,
			 struct bytes message, struct bytes source,
			 const uint8_t nonce[static COOKIE_NONCE])
{
	const uint8_t *mac1 = message.data + message.len - MACS_LEN;
	uint8_t cookie[COOKIE_LEN];
	struct sym_key key;

	BUG_ON(message.len <= MACS_LEN);
	make_cookie(cookie, c, source);
	memcpy(key.b, c->cookie_key.b, sizeof(key.b));
	*out = (struct message_cookie_reply){ .type = { MESSAGE_COOKIE_REPLY } };
	memcpy(out->receiver, message.data + 4, sizeof(out->receiver)); /* his sender index */
	memcpy(out->nonce, nonce, sizeof(out->nonce));
	xaead_seal(out->encrypted_cookie, cookie, sizeof(cookie), mac1, COOKIE_LEN, out->nonce,
		   &key);
	wipe(cookie, sizeof(cookie));
	wipe(&key, sizeof(key));
}

void cookie_add_macs(struct cookie_sender *s, void *message, size_t len, struct instant now)
{
	uint8_t *mac1 = (uint8_t *)message + len - MACS_LEN;
	uint8_t *mac2 = mac1 + COOKIE_LEN;
	struct instant ends = instant_add(s->cookie_birth, COOKIE_SECRET_MAX_AGE);

	make_mac1(mac1, &s->mac1_key, message, len);
	memcpy(s->last_mac1, mac1, COOKIE_LEN);
	s->awaits_reply = true;
	if (instant_is_set(s->cookie_birth) &&
	    instant_since(ends, now).ns > COOKIE_SECRET_LATENCY.ns)
		make_mac2(mac2, s->cookie, message, len);
	else
		memset(mac2, 0, COOKIE_LEN);
}

bool cookie_read_reply(struct cookie_sender *s, const struct message_cookie_reply *in,
		       struct instant now)
{
	uint8_t cookie[COOKIE_LEN];
	struct sym_key key;
	bool good;

	if (!s->awaits_reply)
		return false;
	memcpy(key.b, s->cookie_key.b, sizeof(key.b));
	good = xaead_open(cookie, in->encrypted_cookie, sizeof(in->encrypted_cookie),
			  s->last_mac1, COOKIE_LEN, in->nonce, &key);
	if (good) {
		memcpy(s->cookie, cookie, sizeof(cookie));
		s->cookie_birth = now;
		s->awaits_reply = false;
	}
	wipe(cookie, sizeof(cookie));
	wipe(&key, sizeof(key));
	return good;
}
