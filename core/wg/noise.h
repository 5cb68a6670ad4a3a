/* noise.h - the handshake Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s, sections 5.4.1 to 5.4.5.
 *
 * Bytes in, bytes out: the ephemeral key, the index and the timestamp are arguments, macs
 * belong to cookie.h. Every function works on locals and changes what it was given only when
 * all went well; whatever is secret is wiped on every exit.
 */
#ifndef WG_NOISE_H
#define WG_NOISE_H

#include "wg/messages.h"
#include "wg/wg.h"

/* Ourselves. */
struct noise_identity {
	struct dh_secret secret;
	struct dh_public public;
	bool is_set;
};

/* What lasts about a peer, from one handshake to the next. */
struct noise_remote {
	struct dh_public key;
	struct sym_key preshared;          /* zero: none */
	struct dh_secret static_static;    /* DH(S_priv, key), computed when first needed */
	enum { STATIC_UNKNOWN, STATIC_GOOD, STATIC_LOW_ORDER } static_state;
	struct tai64n greatest;            /* timestamp accepted last */
	struct instant last_initiation;    /* accepted last */
};

/* One handshake on its way. */
struct noise_handshake {
	struct hash c;                     /* chaining key */
	struct hash h;                     /* transcript hash */
	struct dh_secret ephemeral;        /* ours; initiator only */
	struct dh_public remote_ephemeral; /* responder only */
	uint32_t local_index;
	uint32_t remote_index;
	bool in_flight;                    /* an initiation that waits for its response */
};

/* What a new message is made of. */
struct noise_fresh {
	struct dh_secret ephemeral; /* clamped */
	struct tai64n timestamp;    /* initiations only */
	uint32_t index;             /* ours */
};

enum noise_result {
	NOISE_OK,
	NOISE_BAD,      /* does not decrypt, or a low-order point */
	NOISE_REPLAYED, /* timestamp not greater than the greatest seen */
	NOISE_FLOOD,    /* more than 50 a second from this peer */
};

/* NULL or zero clears. Clamps. */
void noise_identity_set(struct noise_identity *self, const struct dh_secret *secret);
void noise_remote_init(struct noise_remote *remote, const struct dh_public *key);
/* To be called when our own key changed. */
void noise_remote_forget_static(struct noise_remote *remote);
void noise_handshake_clear(struct noise_handshake *hs);

/* Section 5.4.2. Writes all but the macs; *hs is then in flight. False: low-order key. */
bool noise_create_initiation(struct message_initiation *out, struct noise_handshake *hs,
			     const struct noise_identity *self, struct noise_remote *remote,
			     const struct noise_fresh *fresh) must_check;
/* The first half: decrypts who speaks, so that the caller can find him. *hs is then what the
 * second half wants; the caller wipes it. */
bool noise_read_static(struct dh_public *who, struct noise_handshake *hs,
		       const struct noise_identity *self,
		       const struct message_initiation *in) must_check;
/* The second half; commits the timestamp to *remote. */
enum noise_result noise_read_timestamp(struct noise_handshake *hs,
				       const struct noise_identity *self,
				       struct noise_remote *remote,
				       const struct message_initiation *in,
				       struct instant now) must_check;
/* Section 5.4.3. Writes all but the macs. */
bool noise_create_response(struct message_response *out, struct noise_handshake *hs,
			   const struct noise_remote *remote,
			   const struct noise_fresh *fresh) must_check;
/* Advances the initiation in *hs by its response; on failure *hs waits on. */
bool noise_read_response(struct noise_handshake *hs, const struct noise_identity *self,
			 const struct noise_remote *remote,
			 const struct message_response *in) must_check;
/* Section 5.4.5: the transport keys; wipes *hs. */
void noise_split(struct noise_handshake *hs, bool initiator, struct sym_key *send,
		 struct sym_key *receive);

#endif
