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

void session_open_run(struct session *s, struct session_packet *packets, uint32_t count,
		      struct instant now)
{
	struct aead_job jobs[SESSION_RUN] uninitialized;
	const bool is_over = older_than(s, REJECT_AFTER_TIME, now);
	uint32_t opened = 0, job = 0;

	BUG_ON(count > SESSION_RUN);
	for (uint32_t i = 0; i < count; i++) {
		struct session_packet *p = &packets[i];
		const struct message_data *m = (const struct message_data *)p->in.data;
		const uint64_t counter = load_le64(m->counter);

		BUG_ON(p->in.len < MESSAGE_DATA_OVERHEAD);
		p->result = SESSION_EXPIRED;
		if (is_over || counter >= REJECT_AFTER_MESSAGES)
			continue;
		p->result = SESSION_OPENED;
		jobs[opened++] = (struct aead_job){
			.in = m->encrypted_packet, .out = p->out, .counter = counter,
			.len = p->in.len - MESSAGE_DATA_OVERHEAD, .key = &s->receive_key,
		};
	}
	aead_open_batch(jobs, opened);
	for (uint32_t i = 0; i < count; i++) {
		if (packets[i].result != SESSION_OPENED)
			continue;
		const struct aead_job *done = &jobs[job++];

		if (!done->ok) {
			packets[i].result = SESSION_FORGED;
		/* Only an authentic packet may move the window. */
		} else if (!replay_check_and_update(&s->replay, done->counter)) {
			packets[i].result = SESSION_REPLAYED;
			wipe(done->out, done->len);
		}
	}
}

enum session_opened session_open(struct session *s, uint8_t *out, struct bytes in,
				 struct instant now)
{
	struct session_packet packet = { .in = in, .out = out };

	session_open_run(s, &packet, 1, now);
	return packet.result;
}
