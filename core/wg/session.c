#include "wg/session.h"

#include <string.h>

void session_init(struct session *s, struct noise_handshake *hs, bool initiator, uint32_t peer,
		  struct instant now)
{
	*s = (struct session){
		.birth = now,
		.local_index = hs->local_index,
		.remote_index = hs->remote_index,
		.peer = peer,
		.initiator = initiator,
	};
	replay_init(&s->replay);
	noise_split(hs, initiator, &s->send_key, &s->receive_key);
}

static bool older_than(const struct session *s, struct span age, struct instant now)
{
	return instant_since(now, s->birth).ns >= age.ns;
}

bool session_may_send(const struct session *s, struct instant now)
{
	return s->send_counter < REJECT_AFTER_MESSAGES && !older_than(s, REJECT_AFTER_TIME, now);
}

bool session_is_stale_to_send(const struct session *s, struct instant now)
{
	return s->send_counter > REKEY_AFTER_MESSAGES ||
	       (s->initiator && older_than(s, REKEY_AFTER_TIME, now));
}

bool session_is_stale_to_receive(const struct session *s, struct instant now)
{
	uint64_t margin = KEEPALIVE_TIMEOUT.ns + REKEY_TIMEOUT.ns;

	return s->initiator &&
	       older_than(s, (struct span){ REJECT_AFTER_TIME.ns - margin }, now);
}

size_t session_sealed_len(size_t len, uint32_t mtu)
{
	size_t padded = (len + MESSAGE_PADDING - 1) / MESSAGE_PADDING * MESSAGE_PADDING;

	if (padded > mtu)
		padded = len > mtu ? len : mtu;
	return padded + MESSAGE_DATA_OVERHEAD;
}

struct aead_job session_prepare(struct session *s, uint8_t *out, size_t len, size_t sealed_len)
{
	struct message_data *m = (struct message_data *)out;
	size_t padded = sealed_len - MESSAGE_DATA_OVERHEAD;
	uint64_t counter = s->send_counter++;

	BUG_ON(counter >= REJECT_AFTER_MESSAGES || padded < len);
	store_le32(m->type, MESSAGE_DATA);
	store_le32(m->receiver, s->remote_index);
	store_le64(m->counter, counter);
	memset(m->encrypted_packet + len, 0, padded - len);
	return (struct aead_job){ .in = m->encrypted_packet, .out = m->encrypted_packet,
				  .len = padded, .counter = counter, .key = &s->send_key };
}

void session_seal(struct session *s, uint8_t *out, size_t len, size_t sealed_len)
{
	struct aead_job job = session_prepare(s, out, len, sealed_len);

	aead_seal_batch(&job, 1);
}

enum session_opened session_open(struct session *s, uint8_t *out, struct bytes in,
				 struct instant now)
{
	const struct message_data *m = (const struct message_data *)in.data;
	uint64_t counter = load_le64(m->counter);
	struct aead_job job = { .in = m->encrypted_packet, .out = out, .counter = counter,
				.len = in.len - MESSAGE_DATA_OVERHEAD, .key = &s->receive_key };

	BUG_ON(in.len < MESSAGE_DATA_OVERHEAD);
	if (older_than(s, REJECT_AFTER_TIME, now) || counter >= REJECT_AFTER_MESSAGES)
		return SESSION_EXPIRED;
	aead_open_batch(&job, 1);
	if (!job.ok)
		return SESSION_FORGED;
	/* Only an authentic packet may move the window. */
	if (!replay_check_and_update(&s->replay, counter)) {
		wipe(out, in.len - MESSAGE_DATA_OVERHEAD);
		return SESSION_REPLAYED;
	}
	return SESSION_OPENED;
}
