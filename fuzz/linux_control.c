/* Both decoders of the control socket: what is a request is asked again in the same words; what is
 * an answer is told again and means the same. */
#include "base/bug.h"
#include "linux/control_json.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t frame[CONTROL_HEAD + CONTROL_MAX_FRAME];

static void check_request(const uint8_t *data, size_t size)
{
	struct request r, again;
	size_t len;

	if (request_decode(data, size, &r) != REQUEST_OK)
		return;
	len = request_encode(&r, frame, sizeof(frame));
	BUG_ON(len <= CONTROL_HEAD || load_be32(frame) != len - CONTROL_HEAD);
	BUG_ON(request_decode(frame + CONTROL_HEAD, len - CONTROL_HEAD, &again) != REQUEST_OK);
	BUG_ON(again.id != r.id || again.verb != r.verb ||
	       memcmp(&again.peer, &r.peer, sizeof(r.peer)));
}

/* The frame that says what this answer said. */
static size_t tell(const struct answer *a, struct instant now)
{
	switch (a->kind) {
	case ANSWER_NODE:
		return frame_encode(a->id, "node", report_node_json(&a->node, &a->about, now),
				    frame, sizeof(frame));
	case ANSWER_PEER:
		return frame_encode(a->id, "peer", report_peer_json(&a->peer, now), frame,
				    sizeof(frame));
	case ANSWER_RULE:
		return frame_encode(a->id, "rule", report_service_json(&a->rule), frame,
				    sizeof(frame));
	case ANSWER_OBSERVED:
		return frame_encode(a->id, "observed", report_observed_json(&a->observed, now),
				    frame, sizeof(frame));
	case ANSWER_PONG:
		return frame_encode_pong(a->id, a->rtt_us, frame, sizeof(frame));
	case ANSWER_DONE:
		return frame_encode_done(a->id, a->peers, frame, sizeof(frame));
	case ANSWER_ERROR:
		return frame_encode_error(a->id, a->problem, frame, sizeof(frame));
	}
	return 0;
}

static void check_answer(const uint8_t *data, size_t size)
{
	static struct answer a, again;
	static uint8_t first[sizeof(frame)];
	struct instant now = { 1000 * 1000000000ull };
	size_t len;

	if (!answer_decode(data, size, now, &a))
		return;
	len = tell(&a, now);
	BUG_ON(len == 0);
	memcpy(first, frame, len);
	BUG_ON(!answer_decode(first + CONTROL_HEAD, len - CONTROL_HEAD, now, &again));
	BUG_ON(tell(&again, now) != len || memcmp(first, frame, len) != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > CONTROL_MAX_FRAME)
		return 0;
	check_request(data, size);
	check_answer(data, size);
	return 0;
}
