/* Packets that come together are judged as they would be one after the other. */
#include "policy_world.h"

#include "base/rng.h"

#define ROUNDS 3000u

static struct rng rng;

static uint16_t port(void)
{
	static const uint16_t few[] = { 22, 53, 80, 5000, 40000, 40001 };

	return few[rng_below(&rng, sizeof(few) / sizeof(*few))];
}

/* Often of the same few flows, so that what one packet does to a flow concerns the next one. */
static struct shot any_shot(uint8_t family, bool inwards, uint32_t peer)
{
	static const uint8_t flags[] = { TCP_SYN, TCP_SYN | TCP_ACK, TCP_ACK, TCP_FIN | TCP_ACK,
					 TCP_RST, TCP_ACK | TCP_PSH };
	struct shot s = port_shot(family, inwards, peer,
				  rng_below(&rng, 2) ? PROTO_TCP : PROTO_UDP, port(), port(),
				  flags[rng_below(&rng, sizeof(flags))]);

	switch (rng_below(&rng, 8)) {
	case 0:
		return icmp_shot(family, inwards, peer, (uint8_t)(family == 4 ? 8 : 128),
				 port(), NULL, 0);
	case 1:
		return icmp_shot(family, inwards, peer, (uint8_t)(family == 4 ? 0 : 129),
				 port(), NULL, 0);
	case 2:
		s.len = rng_below(&rng, s.len + 1);
		return s;
	case 3:
		s.bytes[rng_below(&rng, s.len)] ^= (uint8_t)(1u << rng_below(&rng, 8));
		return s;
	default:
		return s;
	}
}

static void same(const struct world *a, const struct world *b, const struct filter_decision *x,
		 const struct filter_decision *y)
{
	eq_int(x->result, y->result);
	eq_int(x->reason, y->reason);
	eq_int(x->is_first, y->is_first);
	eq_int(x->port, y->port);
	eq_int(x->kind, y->kind);
	if (x->reason == FILTER_JUDGED)
		eq_int(x->verdict.hit, y->verdict.hit);
	eq_int(flows_count(filter_flows(a->filter)), flows_count(filter_flows(b->filter)));
}

static void change(struct world *one, struct world *batch)
{
	static const char *const rules[] = { "allow tcp 22\nallow udp 53\n", "reject tcp 22\n",
					     "allow all 80\ndeny icmp\n" };
	const char *text = rules[rng_below(&rng, 3)];

	world_rules(one, POLICY_DEFAULT_DENY, text);
	world_rules(batch, POLICY_DEFAULT_DENY, text);
}

/* 16 flows at the most, so that flows are evicted in the middle of a batch, too. */
static void a_batch_is_judged_as_its_packets_one_by_one(void)
{
	static struct shot shots[FILTER_BATCH];

	for (uint8_t family = 4; family <= 6; family += 2) {
		struct world *one = world_new(family, 16), *batch = world_new(family, 16);
		unsigned passed = 0;

		rng_init(&rng, family);
		change(one, batch);
		for (unsigned i = 0; i < ROUNDS; i++) {
			struct filter_packet packets[FILTER_BATCH];
			struct filter_decision d[FILTER_BATCH];
			uint32_t count = (uint32_t)rng_below(&rng, FILTER_BATCH + 1);
			uint32_t peer = (uint32_t)rng_below(&rng, WORLD_PEERS);
			struct shot sent = any_shot(family, false, peer);

			shot_out(one, peer, &sent);
			shot_out(batch, peer, &sent);
			if (!rng_below(&rng, 50))
				change(one, batch);
			for (uint32_t k = 0; k < count; k++) {
				peer = (uint32_t)rng_below(&rng, WORLD_PEERS);
				/* or of the flow of the one before */
				if (k && rng_below(&rng, 3) == 0) {
					peer = packets[k - 1].peer;
					shots[k] = shots[k - 1];
				} else {
					shots[k] = any_shot(family, true, peer);
				}
				packets[k] = (struct filter_packet){
					bytes_of(shots[k].bytes, shots[k].len), peer };
			}
			filter_in_batch(batch->filter, packets, count, batch->now, d);
			for (uint32_t k = 0; k < count; k++) {
				passed += shot_in(one, packets[k].peer, &shots[k]) == FILTER_PASS;
				if (k == count - 1)
					same(one, batch, &one->last, &d[k]);
				else
					eq_int(one->last.result, d[k].result);
			}
			one->now.ns += rng_below(&rng, 2) * 700000000;
			batch->now = one->now;
		}
		ok(passed > ROUNDS);
		ok(!memcmp(one->hits, batch->hits, sizeof(one->hits)));
		ok(!memcmp(filter_counts(one->filter), filter_counts(batch->filter),
			   sizeof(struct filter_counts)));
		world_free(one);
		world_free(batch);
	}
}

TAP_TESTS(T(a_batch_is_judged_as_its_packets_one_by_one))
