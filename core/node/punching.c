/* Punching as the node sees it: what it is told of peers, and messages that members hand on for
 * others.
 *
 *   pass on  24 | key of the receiver 32 | sealed datagram    to the member that shall hand it on
 *   passed   25 | IPv4 4 | sealed datagram                    from that one to the receiver
 *
 * Inside is a datagram that the two ends sealed for each other: who hands it on cannot read, write
 * or change it. It tells at which IPv4 address of the Internet it reaches the sender (0: at none):
 * that is what the receiver believes when it is to send much. It goes one hop, shorter than it
 * came, and is never answered by who hands it on. */
#include "node/node_impl.h"

#include <string.h>

#define PASS_TYPE 0x24u
#define PASSED_TYPE 0x25u
#define SEALED_LEN (CHANNEL_OVERHEAD + PUNCH_LEN)
#define PASS_LEN (1 + sizeof(struct public_key) + SEALED_LEN)
#define PASSED_LEN (1 + 4 + SEALED_LEN)

/* Our record was made anew, or may have to be. */
void punching_self(struct node *n, struct instant now)
{
	punch_set_self(n->punches, n->self.nat_kind);
	punch_set_own(n->punches, n->self.candidates, n->self.candidate_count, now);
}

/* The peer's record says something new: before its claims are probed. */
void punching_record(struct node *n, uint32_t slot, const struct record_body *body,
		     struct instant now)
{
	const bool shy = body->nat_kind > NAT_PUBLIC && body->nat_kind < NAT_KINDS;

	paths_set_shy(n->paths, slot, shy);
	punch_set_record(n->punches, slot, body->nat_kind, body->candidates,
			 body->candidate_count, now);
}

/* For a member: to another one, as it came. */
static void pass_on(struct node *n, uint32_t from, struct bytes message, struct instant now)
{
	struct public_key key;
	uint8_t *data;

	if (message.len != PASS_LEN) {
		n->counters.drop_type++;
		return;
	}
	memcpy(key.b, message.data + 1, sizeof(key.b));
	uint32_t to = trust_find(n->trust, &key);
	if (to == TRUST_NONE || !punch_may_pass(n->punches, from, to, now))
		return;
	data = outbox_reserve(&n->inner, PASSED_LEN);
	if (!data)
		return;
	const struct ip sees = paths_answered_at(n->paths, from);
	data[0] = PASSED_TYPE;
	memcpy(data + 1, sees.b, 4);
	memcpy(data + 5, message.data + 1 + sizeof(key.b), SEALED_LEN);
	outbox_commit(&n->inner, OUT_MESSAGE, PASSED_LEN)->slot = to;
}

/* Somebody's word to us, by the hands of the member in `via`. */
static void passed(struct node *n, uint32_t slot, struct bytes message, struct instant now)
{
	struct punch_via via = { .slot = slot };
	struct channel_opened opened;
	enum channel_verdict verdict;

	if (message.len != PASSED_LEN) {
		n->counters.drop_type++;
		return;
	}
	if (load_be32(message.data + 1))
		via.sees = ip_of(FAMILY_IPV4, message.data + 1);
	verdict = channel_open(n->channel, bytes_of(message.data + 5, SEALED_LEN), &opened);
	if (verdict == CHANNEL_FRESH || verdict == CHANNEL_AUTHENTIC)
		punch_input(n->punches, now, opened.slot, &via,
			    bytes_of(opened.payload, opened.len), opened.epoch, opened.knows_us,
			    &n->inner);
	else
		n->counters.drop_passed++;
	wipe(opened.payload, sizeof(opened.payload));
}

bool punching_input(struct node *n, uint32_t slot, struct bytes message, struct instant now)
{
	if (message.data[0] == PASS_TYPE)
		pass_on(n, slot, message, now);
	else if (message.data[0] == PASSED_TYPE)
		passed(n, slot, message, now);
	else
		return false;
	return true;
}

/* An OUT_THROUGH: sealed for the receiver, and once more for who hands it on. */
void punching_flush(struct node *n, const struct out *item, struct outbox *out)
{
	uint8_t plain[PASS_LEN];
	struct endpoint to;

	BUG_ON(item->len != PUNCH_LEN);
	if (!paths_best(n->paths, item->via, &to)) {
		n->counters.drop_no_path++;
		return;
	}
	plain[0] = PASS_TYPE;
	memcpy(plain + 1, trust_key(n->trust, item->slot)->b, sizeof(struct public_key));
	channel_seal(n->channel, item->slot, item->epoch, bytes_of(item->data, item->len),
		     plain + 1 + sizeof(struct public_key));
	uint8_t *data = outbox_reserve(out, CHANNEL_OVERHEAD + PASS_LEN);
	if (!data)
		return; /* counted by the outbox, and repeated */
	size_t len = channel_seal(n->channel, item->via, 0, bytes_of(plain, sizeof(plain)), data);
	struct out *sealed = outbox_commit(out, OUT_DATAGRAM, len);
	sealed->slot = item->via;
	sealed->to = to;
}
