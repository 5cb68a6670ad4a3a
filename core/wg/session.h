/* session.h - one pair of transport keys, and packets under them (section 5.4.6).
 *
 * A session holds all that sealing and opening needs, so that whoever has it needs nothing
 * else of the engine. Sealing changes the send counter only, opening the window only.
 */
#ifndef WG_SESSION_H
#define WG_SESSION_H

#include "crypto/aead_batch.h"
#include "wg/messages.h"
#include "wg/noise.h"
#include "wg/replay.h"

struct session {
	struct sym_key send_key;
	struct sym_key receive_key;
	uint64_t send_counter;     /* of the next packet */
	struct replay replay;
	struct instant birth;
	uint32_t local_index;      /* in what we receive */
	uint32_t remote_index;     /* in what we send */
	uint32_t peer;
	bool initiator;            /* we began the handshake, so we renew it */
};

enum session_opened {
	SESSION_OPENED,
	SESSION_EXPIRED,  /* older than REJECT_AFTER_TIME, or past REJECT_AFTER_MESSAGES */
	SESSION_FORGED,
	SESSION_REPLAYED,
};

/* Takes the keys out of a finished handshake, and wipes that. */
void session_init(struct session *s, struct noise_handshake *hs, bool initiator, uint32_t peer,
		  struct instant now);
bool session_may_send(const struct session *s, struct instant now);
/* Section 6.2: whether a packet just sent, or received, asks for a new handshake. Having
 * received asks later, and only when nothing sent will renew the session in time. */
bool session_is_stale_to_send(const struct session *s, struct instant now);
bool session_is_stale_to_receive(const struct session *s, struct instant now);

/* Bytes of a data message for an inner packet of len bytes on a link of that MTU: padded to a
 * multiple of 16, but not beyond the MTU. */
size_t session_sealed_len(size_t len, uint32_t mtu);
/* Writes session_sealed_len() bytes. The packet must be at out + MESSAGE_DATA_PLAIN, and may
 * be empty (a keepalive). The session must be allowed to send. */
#define MESSAGE_DATA_PLAIN sizeof(struct message_data)
void session_seal(struct session *s, uint8_t *out, size_t len, size_t sealed_len);
/* The same but for the sealing: takes a counter, writes what is in front of the packet and behind
 * it, and returns the job that is left to be done. It points to the session's key. */
struct aead_job session_prepare(struct session *s, uint8_t *out, size_t len, size_t sealed_len);
/* `in`: a whole data message, at least MESSAGE_DATA_OVERHEAD; out: that less, in bytes. */
struct session_packet {
	struct bytes in;
	uint8_t *out;
	enum session_opened result;
};
/* Opens them at once and fills in the results; those that are not SESSION_OPENED are wiped. */
#define SESSION_RUN 48u
void session_open_run(struct session *s, struct session_packet *packets, uint32_t count,
		      struct instant now);
/* The same for one. */
enum session_opened session_open(struct session *s, uint8_t *out, struct bytes in,
				 struct instant now) must_check;

#endif
