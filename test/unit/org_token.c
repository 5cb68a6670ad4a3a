/* First contact by a token: its maker answers who knows its mark, tells what becomes of him, and
 * nobody else hears a word; a joiner asks its maker alone, and says hello when he is called. */
#include "org_world.h"

#define NOW at_ms(0)

static struct introduce_token token_of(uint8_t id, bool joining)
{
	struct introduce_token t = { .joining = joining };

	memset(t.id, id, sizeof(t.id));
	memset(t.mark.b, id ^ 0x5A, sizeof(t.mark.b));
	return t;
}

/* b made the token, and a joins by it. */
static void tokens_start(struct meeting *m)
{
	struct introduce_token made = token_of(9, false), got = token_of(9, true);

	memset(m, 0, sizeof(*m));
	person_start(&m->a, 1);
	person_start(&m->b, 2);
	introduce_tokens(m->b.x, &made, 1);
	introduce_tokens(m->a.x, &got, 1);
	introduce_token_target(m->a.x, got.id, &m->b.at, 0, NOW);
}

static bool meet_with(struct meeting *m, enum token_verdict verdict, struct instant now)
{
	if (!meet_introduction(m, now) ||
	    !feed(&m->b, now, &m->a.at, &m->introduction, &m->of_a))
		return false;
	m->of_a.verdict = verdict;
	introduce_accept(m->b.x, &m->of_a, emptied());
	m->accept = only();
	return m->accept.len && feed(&m->a, now, &m->b.at, &m->accept, &m->of_b);
}

static void each_verdict_comes_to_who_joins(void)
{
	for (unsigned v = VERDICT_ACCEPTED; v < VERDICTS; v++) {
		struct introduce_token t = token_of(9, true);
		struct meeting m;

		tokens_start(&m);
		ok(meet_with(&m, (enum token_verdict)v, NOW));
		ok(m.of_a.token && !m.of_a.initiator && !m.of_a.open);
		eq_mem(m.of_a.token_id, t.id, sizeof(t.id));
		eq_mem(&m.of_a.key, &m.a.pk, 32);
		eq_int(m.of_a.org_count + m.of_a.certificate_count + m.of_a.statement_count, 0);
		ok(m.of_b.token && m.of_b.initiator);
		eq_mem(m.of_b.token_id, t.id, sizeof(t.id));
		eq_mem(&m.of_b.key, &m.b.pk, 32);
		eq_int(m.of_b.verdict, v);
		ok(m.hello.len >= m.welcome.len && m.introduction.len >= m.accept.len);
		meeting_stop(&m);
	}
}

static void another_token_is_not_answered(void)
{
	struct introduce_token other = token_of(8, false);
	struct meeting m;

	tokens_start(&m);
	introduce_tokens(m.b.x, &other, 1);
	ok(!meet_welcome(&m, NOW));
	eq_int(introduce_counters(m.b.x)->drop_no_match, 1);
	introduce_tokens(m.b.x, NULL, 0);
	nothing_comes_of(&m.b, NOW, &m.a.at, &m.hello);
	meeting_stop(&m);
}

static void a_token_that_is_gone_gets_no_accept(void)
{
	struct meeting m;

	tokens_start(&m);
	ok(meet_introduction(&m, NOW));
	ok(feed(&m.b, NOW, &m.a.at, &m.introduction, &m.of_a));
	introduce_tokens(m.b.x, NULL, 0);
	introduce_accept(m.b.x, &m.of_a, emptied());
	ok(!only().len);
	meeting_stop(&m);
}

/* Nor does its maker ask anybody by it, nor is anybody asked by it whom it does not name. */
static void only_its_maker_is_asked(void)
{
	struct endpoint elsewhere = endpoint_v4(77, 1);
	struct meeting m;

	tokens_start(&m);
	ok(introduce_add_target(m.a.x, &elsewhere, NOW));
	ok(introduce_add_target(m.b.x, &elsewhere, NOW));
	ok(!tick(&m.b, NOW).len);
	for (unsigned ms = 0; ms < 20000; ms += 250) {
		introduce_tick(m.a.x, at_ms(ms), emptied());
		for (unsigned i = 0; i < box.out.count; i++)
			ok(endpoint_equal(&box.items[i].to, &m.b.at));
	}
	meeting_stop(&m);
}

/* Where it is both a seed and the maker of a token, each is asked for itself. */
static void a_seed_and_a_token_do_not_mix(void)
{
	struct public_key org = { { 5 } };
	struct meeting m;

	tokens_start(&m);
	ok(introduce_add_target(m.a.x, &m.b.at, NOW));
	introduce_marks(m.a.x, &org, 1, false, NOW);
	introduce_tick(m.a.x, NOW, emptied());
	eq_int(box.out.count, 2);
	introduce_tokens(m.a.x, NULL, 0);
	introduce_tick(m.a.x, at_ms(5000), emptied());
	eq_int(box.out.count, 1);
	meeting_stop(&m);
}

static void the_way_is_opened_without_reaching_anybody(void)
{
	struct introduce_token got = token_of(9, true);
	struct meeting m;

	tokens_start(&m);
	introduce_token_target(m.a.x, got.id, &m.b.at, 2, NOW);
	m.hello = tick(&m.a, NOW);
	ok(m.hello.len);
	eq_int(box.items[0].hops, 2);
	/* A NAT at the provider is one hop farther. */
	for (unsigned i = 1; i < 4; i++) {
		ok(tick(&m.a, at_ms(250 * i)).len);
		eq_int(box.items[0].hops, 2 + i % 3);
	}
	meeting_stop(&m);
}

/* The maker learnt by a code where the joiner is: when he calls, the joiner asks in full. */
static void who_is_called_by_the_maker_asks_him_at_once(void)
{
	struct introduce_token made = token_of(9, false), got = token_of(9, true);
	struct datagram call;
	struct meeting m;

	tokens_start(&m);
	introduce_token_target(m.a.x, got.id, &m.b.at, 2, NOW);
	ok(tick(&m.a, NOW).len);
	introduce_token_target(m.b.x, made.id, &m.a.at, 0, NOW);
	call = tick(&m.b, NOW);
	ok(call.len);
	ok(!answer(&m.a, at_ms(1), &m.b.at, &call).len);
	m.hello = tick(&m.a, at_ms(1));
	ok(m.hello.len && m.hello.len <= call.len);
	eq_int(box.items[0].hops, 0);
	m.welcome = answer(&m.b, at_ms(2), &m.a.at, &m.hello);
	ok(m.welcome.len);
	meeting_stop(&m);
}

/* The NAT of who made it lets everybody in: found out by another socket, gone by the main one. */
static void a_scout_finds_an_open_way(void)
{
	struct introduce_token got = token_of(9, true);
	struct datagram scout;
	struct endpoint from;
	struct meeting m;

	tokens_start(&m);
	introduce_token_target(m.a.x, got.id, &m.b.at, 2, NOW);
	introduce_token_scout(m.a.x, got.id, &m.b.at, 3, NOW);
	introduce_tick(m.a.x, NOW, emptied());
	eq_int(box.out.count, 2);
	for (unsigned i = 0; i < 2; i++) {
		const struct out *o = &box.items[i];

		eq_int(o->hops, o->to.socket ? 0 : 2);
		if (o->to.socket != 3)
			continue;
		scout.len = o->len;
		memcpy(scout.b, o->data, o->len);
	}
	from = m.b.at;
	from.socket = 3;
	m.welcome = answer(&m.b, at_ms(1), &m.a.at, &scout);
	ok(m.welcome.len);
	/* Nobody is introduced that way. */
	ok(!answer(&m.a, at_ms(2), &from, &m.welcome).len);
	m.hello = tick(&m.a, at_ms(2));
	ok(m.hello.len);
	eq_int(box.items[0].hops, 0);
	eq_int(box.items[0].to.socket, 0);
	m.welcome = answer(&m.b, at_ms(3), &m.a.at, &m.hello);
	ok(answer(&m.a, at_ms(4), &m.b.at, &m.welcome).len);
	meeting_stop(&m);
}

/* The port of the maker is not known: many are tried, few a second, and one is his. */
static void a_port_is_searched(void)
{
	enum { MOST = 300, RATE = 50 };
	struct introduce_token got = token_of(9, true);
	struct endpoint there = { .port = 0 }, elsewhere = endpoint_v4(77, 4444);
	unsigned count = 0, same = 0;
	struct meeting m;

	tokens_start(&m);
	introduce_tokens(m.a.x, &got, 1);
	introduce_token_search(m.a.x, got.id, &m.b.at.ip, RATE, MOST, NOW);
	for (unsigned ms = 0; ms < 7000; ms += 10) {
		unsigned before = count;

		introduce_token_search(m.a.x, got.id, &m.b.at.ip, RATE, MOST, NOW);
		introduce_tick(m.a.x, at_ms(ms), emptied());
		for (unsigned i = 0; i < box.out.count; i++) {
			const struct out *o = &box.items[i];

			if (endpoint_equal(&o->to, &m.b.at))
				continue;
			ok(ip_equal(&o->to.ip, &m.b.at.ip) && o->to.port >= 1024);
			same += o->to.port == there.port;
			there = o->to;
			m.hello.len = o->len;
			memcpy(m.hello.b, o->data, o->len);
			count++;
		}
		ok(count - before <= 1 + RATE / 50);
	}
	eq_int(count, MOST);
	ok(same < 5);
	/* An answer from there, with his port there, counts; not from another address. */
	m.welcome = answer(&m.b, at_ms(7000), &m.a.at, &m.hello);
	ok(m.welcome.len);
	ok(!answer(&m.a, at_ms(7000), &elsewhere, &m.welcome).len);
	m.introduction = answer(&m.a, at_ms(7000), &there, &m.welcome);
	ok(m.introduction.len);
	ok(feed(&m.b, at_ms(7001), &m.a.at, &m.introduction, &m.of_a));
	meeting_stop(&m);
}

/* And one whom he calls from elsewhere, as often as he is called. */
static void a_call_from_elsewhere_is_answered_once(void)
{
	struct introduce_token made = token_of(9, false);
	struct endpoint elsewhere = endpoint_v4(3, 4444);
	struct datagram call;
	unsigned count = 0;
	struct meeting m;

	tokens_start(&m);
	introduce_token_target(m.b.x, made.id, &m.a.at, 0, NOW);
	call = tick(&m.b, NOW);
	ok(!answer(&m.a, NOW, &elsewhere, &call).len);
	for (unsigned ms = 0; ms < 10000; ms += 250) {
		introduce_tick(m.a.x, at_ms(ms), emptied());
		for (unsigned i = 0; i < box.out.count; i++)
			count += endpoint_equal(&box.items[i].to, &elsewhere);
	}
	eq_int(count, 1);
	/* However many addresses are made up: no table runs full, none is asked twice. */
	for (unsigned i = 0; i < 500; i++) {
		struct endpoint from = { .ip = ip_v4(2, 0, (uint8_t)(i >> 8), (uint8_t)i),
					 .port = 7 };

		ok(!answer(&m.a, at_ms(7000), &from, &call).len);
	}
	introduce_tick(m.a.x, at_ms(30000), emptied());
	ok(box.out.count <= 9);
	ok(introduce_add_target(m.a.x, &elsewhere, at_ms(30000)));
	meeting_stop(&m);
}

/* b hears for the maker that a comes: it says nothing, and tells from where; a believes nobody
 * there. */
static void a_bell_is_heard_and_not_answered(void)
{
	struct introduce_token hears = token_of(9, false), rings = token_of(9, true);
	struct endpoint from = { .port = 0 };
	uint8_t id[TOKEN_ID];
	struct meeting m;

	hears.bell = rings.bell = true;
	tokens_start(&m);
	introduce_tokens(m.a.x, &rings, 1);
	ok(meet_welcome(&m, NOW)); /* who lies and answers as if the token were his */
	nothing_comes_of(&m.a, NOW, &m.b.at, &m.welcome);
	introduce_tokens(m.b.x, &hears, 1);
	ok(!introduce_rung(m.b.x, id, &from));
	nothing_comes_of(&m.b, NOW, &m.a.at, &m.hello);
	ok(introduce_rung(m.b.x, id, &from));
	eq_mem(id, hears.id, sizeof(id));
	ok(endpoint_equal(&from, &m.a.at));
	ok(!introduce_rung(m.b.x, id, &from));
	for (unsigned i = 0; i < 100; i++)
		nothing_comes_of(&m.b, NOW, &m.a.at, &m.hello);
	for (unsigned i = 0; i < 8; i++)
		ok(introduce_rung(m.b.x, id, &from));
	ok(!introduce_rung(m.b.x, id, &from));
	meeting_stop(&m);
}

static void what_an_accept_says_must_be_a_verdict(void)
{
	struct meeting m;

	tokens_start(&m);
	ok(meet_introduction(&m, NOW));
	ok(feed(&m.b, NOW, &m.a.at, &m.introduction, &m.of_a));
	m.of_a.verdict = VERDICTS;
	introduce_accept(m.b.x, &m.of_a, emptied());
	m.accept = only();
	ok(!feed(&m.a, NOW, &m.b.at, &m.accept, &m.of_b));
	eq_int(introduce_counters(m.a.x)->drop_papers, 1);
	meeting_stop(&m);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		T(each_verdict_comes_to_who_joins),
		T(another_token_is_not_answered),
		T(a_token_that_is_gone_gets_no_accept),
		T(only_its_maker_is_asked),
		T(a_seed_and_a_token_do_not_mix),
		T(the_way_is_opened_without_reaching_anybody),
		T(who_is_called_by_the_maker_asks_him_at_once),
		T(a_scout_finds_an_open_way),
	  T(a_port_is_searched), T(a_call_from_elsewhere_is_answered_once),
		T(a_bell_is_heard_and_not_answered),
		T(what_an_accept_says_must_be_a_verdict),
	};

	test_crypto();
	return tap_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
