/* Packets that cross the filter in both directions, under two policies at once. Whatever they are:
 *
 * - with nothing allowed, what comes in belongs to what went out to that very peer before;
 * - under `allow tcp 22`, what is let in by a rule is a whole header of TCP to port 22;
 * - the short way to look at a packet finds what the long one finds.
 *
 * A crossing is a byte (0x80: out; the rest: the peer), a wait in seconds, a length, a packet. */
#include "base/bug.h"
#include "base/cursor.h"
#include "policy/filter.h"
#include "policy/inspect.h"

#include <stdlib.h>
#include <string.h>

#define PEERS 4u
#define FLOWS 16u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct side {
	struct filter *filter;
	struct policy *policy;
	struct policy_hits hits[2];
};

static void side_init(struct side *s, bool allows)
{
	const struct policy_capacity cap = { PEERS, 1, 1 };
	const struct filter_config config = { .peers = PEERS, .flows = FLOWS };
	const struct policy_rule ssh = { POLICY_ALLOW, POLICY_TCP, 22, 22, 1 };

	s->filter = filter_init(calloc(1, filter_size(&config)), &config);
	s->policy = policy_init(calloc(1, policy_size(&cap)), &cap);
	BUG_ON(policy_add(s->policy, POLICY_FROM_GLOBAL, "", &ssh, allows) == POLICY_NONE);
	policy_set_default(s->policy, POLICY_DEFAULT_DENY);
	filter_set_policy(s->filter, s->policy, s->hits);
}

static void side_free(struct side *s)
{
	free(s->filter);
	free(s->policy);
}

static void check_ways(struct bytes packet, bool out)
{
	struct inspected a = { 0 }, b = { 0 };

	BUG_ON(inspect(packet, out, &a) != inspect_any(packet, out, &b));
	BUG_ON(a.as != b.as || a.kind != b.kind || a.port != b.port || a.tcp_flags != b.tcp_flags);
	BUG_ON(a.as == INSPECTED_FLOW && memcmp(&a.key, &b.key, sizeof(a.key)));
}

static void check_answer(struct filter *f, struct bytes packet, uint32_t peer, struct instant now)
{
	uint8_t answer[FILTER_ANSWER_MAX], again[FILTER_ANSWER_MAX];
	size_t len = filter_answer(f, packet, peer, now, answer, sizeof(answer));

	if (len && answer[0] >> 4 == 4) /* errors and resets are never answered */
		BUG_ON(filter_answer(f, bytes_of(answer, len), peer, now, again, sizeof(again)));
}

static void cross_in(struct side sides[2], struct bytes packet, uint32_t peer, struct instant now,
		     bool sent[PEERS])
{
	struct filter_decision d[2];
	bool passed[2];

	for (int i = 0; i < 2; i++) {
		passed[i] = filter_in(sides[i].filter, packet, peer, now, &d[i]) == FILTER_PASS;
		BUG_ON(passed[i] != (d[i].result == FILTER_PASS));
	}
	BUG_ON(passed[0] && (!sent[peer] || d[0].reason == FILTER_JUDGED));
	BUG_ON(passed[1] && d[1].reason == FILTER_JUDGED &&
	       (d[1].kind != POLICY_IS_TCP || d[1].port != 22));
	check_answer(sides[1].filter, packet, peer, now);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct side sides[2];
	struct cursor c = cur_of(data, size);
	struct instant now = { 1000000000 };
	bool sent[PEERS] = { false };

	side_init(&sides[0], false);
	side_init(&sides[1], true);
	while (cur_left(&c)) {
		uint8_t what = cur_u8(&c);
		uint32_t peer = what % PEERS;
		struct span wait = span_s(cur_u8(&c));
		struct bytes packet = cur_span(&c, cur_be16(&c));

		if (!cur_ok(&c))
			break;
		now = instant_add(now, wait);
		check_ways(packet, what & 0x80);
		if (what & 0x80) {
			sent[peer] = true;
			filter_out(sides[0].filter, packet, peer, now);
			filter_out(sides[1].filter, packet, peer, now);
		} else {
			cross_in(sides, packet, peer, now, sent);
		}
		filter_tick(sides[0].filter, now);
		BUG_ON(flows_count(filter_flows(sides[0].filter)) > FLOWS);
	}
	side_free(&sides[0]);
	side_free(&sides[1]);
	return 0;
}
