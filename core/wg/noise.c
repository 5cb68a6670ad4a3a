/* noise.c - see noise.h. The margin has the paper's notation: C chaining key, H hash,
 * k key of one message part, E ephemeral, S static, i initiator, r responder, Q preshared.
 */
#include "wg/noise.h"

#include "crypto/aead.h"
#include "crypto/curve.h"
#include "crypto/hash.h"

#include <string.h>

static const char construction[] = "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s";
static const char identifier[] = "WireGuard v1 zx2c4 Jason@zx2c4.com";

/* The part of a handshake that every step mixes into. */
struct symmetric {
	struct hash c, h;
	struct sym_key k;
};

static void mix_hash(struct symmetric *s, const void *data, size_t len)
{
	struct hash h;

	blake2s(&h, bytes_of(s->h.b, sizeof(s->h.b)), bytes_of(data, len));
	s->h = h;
}

/* C := KDF1(C, data) */
static void mix_chain(struct symmetric *s, const void *data, size_t len)
{
	struct hash c;

	kdf(&c, NULL, NULL, &s->c, bytes_of(data, len));
	s->c = c;
	wipe(&c, sizeof(c));
}

/* (C, k) := KDF2(C, data) */
static void mix_key(struct symmetric *s, const void *data, size_t len)
{
	struct hash c, k;

	kdf(&c, &k, NULL, &s->c, bytes_of(data, len));
	s->c = c;
	memcpy(s->k.b, k.b, sizeof(s->k.b));
	wipe(&c, sizeof(c));
	wipe(&k, sizeof(k));
}

/* (C, t, k) := KDF3(C, Q); H := Hash(H || t) */
static void mix_preshared(struct symmetric *s, const struct sym_key *q)
{
	struct hash c, t, k;

	kdf(&c, &t, &k, &s->c, bytes_of(q->b, sizeof(q->b)));
	s->c = c;
	mix_hash(s, t.b, sizeof(t.b));
	memcpy(s->k.b, k.b, sizeof(s->k.b));
	wipe(&c, sizeof(c));
	wipe(&t, sizeof(t));
	wipe(&k, sizeof(k));
}

/* (C, k) := KDF2(C, DH(secret, point)) */
static bool mix_key_dh(struct symmetric *s, const struct dh_secret *secret,
		       const struct dh_public *point)
{
	struct dh_secret shared;
	bool good = x25519(&shared, secret, point);

	if (good)
		mix_key(s, shared.b, sizeof(shared.b));
	wipe(&shared, sizeof(shared));
	return good;
}

/* C := KDF1(C, DH(secret, point)) */
static bool mix_chain_dh(struct symmetric *s, const struct dh_secret *secret,
			 const struct dh_public *point)
{
	struct dh_secret shared;
	bool good = x25519(&shared, secret, point);

	if (good)
		mix_chain(s, shared.b, sizeof(shared.b));
	wipe(&shared, sizeof(shared));
	return good;
}

/* out := AEAD(k, 0, in, H); H := Hash(H || out) */
static void seal(struct symmetric *s, uint8_t *out, const void *in, size_t len)
{
	aead_seal(out, in, len, s->h.b, sizeof(s->h.b), 0, &s->k);
	mix_hash(s, out, len + NOISE_TAG);
}

static bool unseal(struct symmetric *s, void *out, const uint8_t *in, size_t len)
{
	if (!aead_open(out, in, len, s->h.b, sizeof(s->h.b), 0, &s->k))
		return false;
	mix_hash(s, in, len);
	return true;
}

/* C := Hash(CONSTRUCTION); H := Hash(Hash(C || IDENTIFIER) || S_r) */
static void start(struct symmetric *s, const struct dh_public *responder)
{
	blake2s(&s->c, bytes_of(construction, sizeof(construction) - 1), bytes_of(NULL, 0));
	s->h = s->c;
	mix_hash(s, identifier, sizeof(identifier) - 1);
	mix_hash(s, responder->b, sizeof(responder->b));
}

/* H := Hash(H || E); C := KDF1(C, E) */
static void mix_ephemeral(struct symmetric *s, const uint8_t e[static 32])
{
	mix_hash(s, e, 32);
	mix_chain(s, e, 32);
}

/* The one multiplication that is the same in each handshake of two peers. */
static bool know_static(struct noise_remote *remote, const struct noise_identity *self)
{
	if (remote->static_state == STATIC_UNKNOWN) {
		bool good = x25519(&remote->static_static, &self->secret, &remote->key);

		remote->static_state = good ? STATIC_GOOD : STATIC_LOW_ORDER;
	}
	return remote->static_state == STATIC_GOOD;
}

void noise_identity_set(struct noise_identity *self, const struct dh_secret *secret)
{
	if (!secret || ct_is_zero(secret->b, sizeof(secret->b))) {
		wipe(self, sizeof(*self));
		return;
	}
	self->secret = *secret;
	x25519_clamp(&self->secret);
	x25519_public(&self->public, &self->secret);
	self->is_set = true;
}

void noise_remote_init(struct noise_remote *remote, const struct dh_public *key)
{
	wipe(remote, sizeof(*remote));
	remote->key = *key;
}

void noise_remote_forget_static(struct noise_remote *remote)
{
	wipe(&remote->static_static, sizeof(remote->static_static));
	remote->static_state = STATIC_UNKNOWN;
}

void noise_handshake_clear(struct noise_handshake *hs)
{
	wipe(hs, sizeof(*hs));
}

bool noise_create_initiation(struct message_initiation *out, struct noise_handshake *hs,
			     const struct noise_identity *self, struct noise_remote *remote,
			     const struct noise_fresh *fresh)
{
	struct symmetric s;
	struct message_initiation m = { .type = { MESSAGE_INITIATION } };
	struct dh_public ephemeral;
	bool good = false;

	if (!self->is_set || !know_static(remote, self))
		return false;
	store_le32(m.sender, fresh->index);
	start(&s, &remote->key);

	x25519_public(&ephemeral, &fresh->ephemeral);                        /* E_i */
	memcpy(m.ephemeral, ephemeral.b, sizeof(m.ephemeral));
	mix_ephemeral(&s, m.ephemeral);

	if (!mix_key_dh(&s, &fresh->ephemeral, &remote->key))                /* DH(E_i, S_r) */
		goto out;
	seal(&s, m.encrypted_static, self->public.b, sizeof(self->public.b));

	mix_key(&s, remote->static_static.b, sizeof(remote->static_static.b)); /* DH(S_i, S_r) */
	seal(&s, m.encrypted_timestamp, fresh->timestamp.b, sizeof(fresh->timestamp.b));

	*out = m;
	noise_handshake_clear(hs);
	hs->c = s.c;
	hs->h = s.h;
	hs->ephemeral = fresh->ephemeral;
	hs->local_index = fresh->index;
	hs->in_flight = true;
	good = true;
out:
	wipe(&s, sizeof(s));
	return good;
}

bool noise_read_static(struct dh_public *who, struct noise_handshake *hs,
		       const struct noise_identity *self, const struct message_initiation *in)
{
	struct symmetric s;
	struct dh_public ephemeral, key;
	bool good = false;

	if (!self->is_set)
		return false;
	start(&s, &self->public);

	memcpy(ephemeral.b, in->ephemeral, sizeof(ephemeral.b));             /* E_i */
	mix_ephemeral(&s, in->ephemeral);

	if (!mix_key_dh(&s, &self->secret, &ephemeral))                      /* DH(S_r, E_i) */
		goto out;
	if (!unseal(&s, key.b, in->encrypted_static, sizeof(in->encrypted_static)))
		goto out;

	*who = key;                                                          /* S_i */
	noise_handshake_clear(hs);
	hs->c = s.c;
	hs->h = s.h;
	hs->remote_ephemeral = ephemeral;
	hs->remote_index = load_le32(in->sender);
	good = true;
out:
	wipe(&s, sizeof(s));
	return good;
}

/* Section 5.1: only a greater timestamp counts; and a peer may not make us compute for ever. */
static enum noise_result judge_timestamp(const struct noise_remote *remote,
					 const struct tai64n *timestamp, struct instant now)
{
	struct instant next = instant_add(remote->last_initiation, INITIATION_INTERVAL_MIN);

	if (memcmp(timestamp->b, remote->greatest.b, sizeof(timestamp->b)) <= 0)
		return NOISE_REPLAYED;
	if (instant_is_set(remote->last_initiation) && instant_before(now, next))
		return NOISE_FLOOD;
	return NOISE_OK;
}

enum noise_result noise_read_timestamp(struct noise_handshake *hs,
				       const struct noise_identity *self,
				       struct noise_remote *remote,
				       const struct message_initiation *in, struct instant now)
{
	struct symmetric s = { .c = hs->c, .h = hs->h };
	struct tai64n timestamp;
	enum noise_result result = NOISE_BAD;

	if (!know_static(remote, self))
		goto out;
	mix_key(&s, remote->static_static.b, sizeof(remote->static_static.b)); /* DH(S_r, S_i) */
	if (!unseal(&s, timestamp.b, in->encrypted_timestamp, sizeof(in->encrypted_timestamp)))
		goto out;
	result = judge_timestamp(remote, &timestamp, now);
	if (result != NOISE_OK)
		goto out;

	hs->c = s.c;
	hs->h = s.h;
	remote->greatest = timestamp;
	remote->last_initiation = now;
out:
	wipe(&s, sizeof(s));
	return result;
}

bool noise_create_response(struct message_response *out, struct noise_handshake *hs,
			   const struct noise_remote *remote, const struct noise_fresh *fresh)
{
	struct symmetric s = { .c = hs->c, .h = hs->h };
	struct message_response m = { .type = { MESSAGE_RESPONSE } };
	struct dh_public ephemeral;
	bool good = false;

	store_le32(m.sender, fresh->index);
	store_le32(m.receiver, hs->remote_index);

	x25519_public(&ephemeral, &fresh->ephemeral);                        /* E_r */
	memcpy(m.ephemeral, ephemeral.b, sizeof(m.ephemeral));
	mix_ephemeral(&s, m.ephemeral);

	if (!mix_chain_dh(&s, &fresh->ephemeral, &hs->remote_ephemeral))     /* DH(E_r, E_i) */
		goto out;
	if (!mix_chain_dh(&s, &fresh->ephemeral, &remote->key))              /* DH(E_r, S_i) */
		goto out;
	mix_preshared(&s, &remote->preshared);                               /* Q */
	seal(&s, m.encrypted_nothing, NULL, 0);

	*out = m;
	hs->c = s.c;
	hs->h = s.h;
	hs->local_index = fresh->index;
	good = true;
out:
	wipe(&s, sizeof(s));
	return good;
}

bool noise_read_response(struct noise_handshake *hs, const struct noise_identity *self,
			 const struct noise_remote *remote, const struct message_response *in)
{
	struct symmetric s = { .c = hs->c, .h = hs->h };
	struct dh_public ephemeral;
	uint8_t nothing[1];
	bool good = false;

	if (!hs->in_flight || !self->is_set)
		goto out;
	memcpy(ephemeral.b, in->ephemeral, sizeof(ephemeral.b));             /* E_r */
	mix_ephemeral(&s, in->ephemeral);

	if (!mix_chain_dh(&s, &hs->ephemeral, &ephemeral))                   /* DH(E_i, E_r) */
		goto out;
	if (!mix_chain_dh(&s, &self->secret, &ephemeral))                    /* DH(S_i, E_r) */
		goto out;
	mix_preshared(&s, &remote->preshared);                               /* Q */
	if (!unseal(&s, nothing, in->encrypted_nothing, sizeof(in->encrypted_nothing)))
		goto out;

	hs->c = s.c;
	hs->h = s.h;
	hs->remote_index = load_le32(in->sender);
	wipe(&hs->ephemeral, sizeof(hs->ephemeral));
	good = true;
out:
	wipe(&s, sizeof(s));
	return good;
}

void noise_split(struct noise_handshake *hs, bool initiator, struct sym_key *send,
		 struct sym_key *receive)
{
	struct hash first, second; /* the initiator's sending key, the responder's */

	kdf(&first, &second, NULL, &hs->c, bytes_of(NULL, 0));
	memcpy(send->b, initiator ? first.b : second.b, sizeof(send->b));
	memcpy(receive->b, initiator ? second.b : first.b, sizeof(receive->b));
	wipe(&first, sizeof(first));
	wipe(&second, sizeof(second));
	noise_handshake_clear(hs);
}
