/* A member hears for who made a token that somebody comes: it hangs a bell up, is told where it was
 * rung from, and nothing that a member or a stranger sends fills a table or sends us elsewhere. */
#include "node_world.h"

#include "node/node_impl.h"

enum { MAKER, HELPER, JOINER, OTHER };

static struct node_token made, got;
static unsigned calls;               /* hellos from who made it to who joins */

static void count_calls(struct machine *m, const struct out *o)
{
	calls += m == &machines[MAKER] && o->len && o->data[0] == 0xE2 &&
		 endpoint_equal(&o->to, &machines[JOINER].at);
}

static void give(struct machine *m, const struct node_token *t)
{
	event(m, &(struct node_event){ .kind = NODE_TOKENS_BEGIN });
	if (t)
		event(m, &(struct node_event){ .kind = NODE_TOKEN, .token = t });
	event(m, &(struct node_event){ .kind = NODE_TOKENS_END });
}

static uint32_t slot_of(unsigned at, unsigned of)
{
	return trust_find(machines[at].node->trust, &machines[of].public);
}

static unsigned hanging(void)
{
	unsigned count = 0;

	for (unsigned i = 0; i < NODE_BELLS; i++)
		count += instant_is_set(machines[HELPER].node->connect.bells[i].until);
	return count;
}

static void start(void)
{
	world(false);
	/* Addresses that others may be told. */
	for (unsigned i = 0; i < NODES; i++)
		machines[i].at.ip = ip_v4(2, 0, 0, (uint8_t)(i + 1));
	for (unsigned i = 0; i < NODES; i++)
		switch_on(&machines[i]);
	trust(&machines[MAKER], 1 << HELPER | 1 << OTHER);
	trust(&machines[HELPER], 1 << MAKER | 1 << OTHER);
	trust(&machines[OTHER], 1 << MAKER | 1 << HELPER);
	seed(&machines[MAKER], &machines[HELPER].at);
	seed(&machines[OTHER], &machines[HELPER].at);
	calls = 0;
	on_out = count_calls;
	run_ms(5000);
	made = (struct node_token){ .role = NODE_TOKEN_INVITED, .id = { 7 }, .mark = { { 1 } },
				    .bell = { { 2 } }, .introducer_count = 1 };
	memcpy(made.introducers[0].key, &machines[HELPER].public, 8);
	made.introducers[0].at.at = machines[HELPER].at;
	got = made;
	got.role = NODE_TOKEN_JOINING;
	got.key = machines[MAKER].public;
}

static void who_rings_is_called_by_who_made_the_token(void)
{
	start();
	give(&machines[MAKER], &made);
	run_ms(3000);
	eq_int(hanging(), 1);
	eq_int(calls, 0);
	give(&machines[JOINER], &got);
	run_ms(3000);
	ok(calls);
	/* The helper has learnt nobody's key, and told nobody else. */
	eq_int(slot_of(HELPER, JOINER), TRUST_NONE);
	eq_int(machines[OTHER].node->connect.rings, 0);
}

static void it_hangs_for_a_minute_after_the_token_is_gone(void)
{
	start();
	give(&machines[MAKER], &made);
	run_ms(30000);
	eq_int(hanging(), 1);
	give(&machines[MAKER], NULL);
	run_ms(39000); /* it was hung up anew 20 s before, at the most */
	eq_int(hanging(), 1);
	run_ms(25000);
	eq_int(hanging(), 0);
	give(&machines[JOINER], &got);
	run_ms(3000);
	eq_int(calls, 0);
}

static void says(unsigned to, unsigned from, const uint8_t *bytes, size_t len)
{
	connect_input(machines[to].node, slot_of(to, from), bytes_of(bytes, len), now);
}

static void hangs(unsigned from, uint8_t mark, uint32_t seconds)
{
	uint8_t m[38] = { BELL_TYPE, 1, mark };

	store_be32(m + 34, seconds);
	says(HELPER, from, m, sizeof(m));
}

static bool is_hanging(uint8_t mark)
{
	for (unsigned i = 0; i < NODE_BELLS; i++) {
		const struct bell *b = &machines[HELPER].node->connect.bells[i];

		if (instant_is_set(b->until) && b->mark.b[0] == mark)
			return true;
	}
	return false;
}

static void a_member_has_two_and_the_older_makes_room(void)
{
	start();
	for (unsigned i = 1; i <= 100; i++) {
		hangs(MAKER, (uint8_t)i, UINT32_MAX);
		run_ms(10);
		ok(hanging() <= 2 && is_hanging((uint8_t)i));
	}
	ok(is_hanging(99));
	hangs(OTHER, 200, 30);
	eq_int(hanging(), 3);
	ok(is_hanging(99) && is_hanging(100));
	/* Nobody hangs one for longer than a minute. */
	run_ms(61000);
	eq_int(hanging(), 0);
}

static void what_is_no_message_is_counted_and_dropped(void)
{
	uint8_t m[64] = { BELL_TYPE, 1 };
	uint64_t before;
	unsigned bad = 0;

	start();
	before = machines[HELPER].node->counters.drop_type;
	for (unsigned kind = 0; kind < 256; kind++) {
		for (size_t len = 2; len <= sizeof(m); len++) {
			if ((kind == 1 && len == 38) || (kind == 2 && len == 29))
				continue;
			m[1] = (uint8_t)kind;
			says(HELPER, MAKER, m, len);
			bad++;
		}
	}
	eq_int(machines[HELPER].node->counters.drop_type - before, bad);
	eq_int(hanging(), 0);
}

/* As the helper tells it. */
static void rang(unsigned from, const struct endpoint *at, uint8_t family, uint8_t mark)
{
	uint8_t m[29] = { BELL_TYPE, 2, mark };

	m[10] = family;
	store_be16(m + 11, at->port);
	memcpy(m + 13, at->ip.b, sizeof(at->ip.b));
	says(MAKER, from, m, sizeof(m));
}

static void nobody_is_called_at_what_is_no_address(void)
{
	const unsigned *rings = &machines[MAKER].node->connect.rings;
	struct endpoint at = machines[JOINER].at, bad[] = { at, at, at, at };

	start();
	rings = &machines[MAKER].node->connect.rings;
	give(&machines[MAKER], &made);
	bad[0].port = 0;
	bad[1].ip = ip_v4(224, 0, 0, 1);
	bad[2].ip = ip_v4(0, 0, 0, 0);
	bad[3].ip = ip_v4(10, 99, 1, 1); /* of the mesh */
	for (unsigned i = 0; i < 4; i++)
		rang(HELPER, &bad[i], FAMILY_IPV4, 2);
	rang(HELPER, &at, 0, 2);
	rang(HELPER, &at, 5, 2);
	rang(HELPER, &at, FAMILY_IPV4, 3);  /* of no token */
	rang(OTHER, &at, FAMILY_IPV4, 2);   /* not one whom we asked */
	eq_int(*rings, 0);
	rang(HELPER, &at, FAMILY_IPV4, 2);
	eq_int(*rings, 1);
}

static void a_helper_that_lies_sends_us_to_few(void)
{
	unsigned sent;
	unsigned most;

	start();
	give(&machines[MAKER], &made);
	for (unsigned i = 0; i < 1000; i++) {
		struct endpoint at = { .ip = ip_v4(3, 0, (uint8_t)(i >> 8), (uint8_t)i),
				       .port = 9 };

		rang(HELPER, &at, FAMILY_IPV4, 2);
	}
	most = machines[MAKER].node->connect.rings;
	eq_int(most, 64);
	sent = machines[MAKER].sent;
	run_ms(10000);
	ok(machines[MAKER].sent - sent <= 1000); /* 50 hellos a second, and what members say */
	ok(machines[MAKER].sent - sent >= 64);
}

TAP_TESTS(T(who_rings_is_called_by_who_made_the_token),
	  T(it_hangs_for_a_minute_after_the_token_is_gone),
	  T(a_member_has_two_and_the_older_makes_room),
	  T(what_is_no_message_is_counted_and_dropped),
	  T(nobody_is_called_at_what_is_no_address),
	  T(a_helper_that_lies_sends_us_to_few))
