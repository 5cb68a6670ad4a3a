/* Spreading what orgs said: what peers that lie can do, and cannot. Node 0 is honest. */
#include "spread_world.h"

#include "crypto/hash.h"
#include "org/tell.h"

#define X 0u
#define Y 1u
#define ONLY(org) (1u << (org))

static uint64_t id_of(uint32_t node)
{
	struct hash h;

	blake3(&h, node_keys[node].pk.b, 32);
	return load_be64(h.b);
}

struct message {
	struct writer w;
	uint8_t bytes[2 * CHANNEL_PAYLOAD_MAX];
};

static void begin(struct message *m, enum spread_type type)
{
	m->w = wr_of(m->bytes, sizeof(m->bytes));
	wr_u8(&m->w, (uint8_t)type);
}

static void begin_print(struct message *m, enum spread_type type, uint32_t from, uint32_t to,
			unsigned org)
{
	begin(m, type);
	wr_be64(&m->w, tell_print(id_of(from), id_of(to), &org_keys[org].pk));
}

static void put_object(struct message *m, enum spread_kind kind, struct bytes wire)
{
	wr_u8(&m->w, (uint8_t)kind);
	wr_bytes(&m->w, wire.data, wire.len);
}

static void deliver(const struct message *m, uint32_t from, uint32_t to)
{
	hand(from, to, m->bytes, wr_len(&m->w));
}

static void tell_orgs(uint32_t from, uint32_t to, unsigned orgs, uint64_t digest)
{
	struct message m;

	begin(&m, SPREAD_MSG_ORGS);
	wr_u8(&m.w, 0);
	wr_u8(&m.w, 0);
	for (unsigned i = 0; i < ORGS; i++)
		if (orgs >> i & 1) {
			wr_be64(&m.w, tell_print(id_of(from), id_of(to), &org_keys[i].pk));
			wr_be64(&m.w, digest);
		}
	deliver(&m, from, to);
}

static void send_object(uint32_t from, uint32_t to, enum spread_kind kind, struct bytes wire)
{
	struct message m;

	begin(&m, SPREAD_MSG_OBJECTS);
	wr_u8(&m.w, 0);
	put_object(&m, kind, wire);
	deliver(&m, from, to);
}

static void send_statement(uint32_t from, uint32_t to, const struct statement *s)
{
	send_object(from, to, SPREAD_STATEMENT, bytes_of(s->wire, s->len));
}

static void send_certificate(uint32_t from, uint32_t to, const struct certificate *c)
{
	send_object(from, to, SPREAD_CERTIFICATE, bytes_of(c->wire, c->len));
}

static uint64_t malformed(void)
{
	return counters(0)->drop_malformed;
}

/* Node 0 trusts X and Y; node 1 says that it trusts X. */
static void two(void)
{
	world(3, 64, 64, 1);
	trust(0, ONLY(X) | ONLY(Y));
	tell_orgs(1, 0, ONLY(X), tell_digest(id_of(1), id_of(0), &org_keys[X].pk, 0));
	eq_int(counters(0)->drop_not_trusted, 0);
}

static void nothing_changed(void)
{
	struct spread_fact f;

	eq_int(held(0), 0);
	eq_int(counters(0)->changes, 0);
	eq_int(counters(0)->objects_new, 0);
	ok(!spread_next_fact(nodes[0].spread, &f));
}

static void forged_objects_change_nothing_and_are_counted(void)
{
	struct statement s = say(STATEMENT_VOUCH, X, 0, 1), successor;
	struct certificate c = certify(X, 0);
	struct statement_body b = { .kind = STATEMENT_SUCCESSOR, .issuer = org_keys[X].pk,
				    .subject = persons[0].pk, .number = 1, .until = 9 };

	two();
	for (size_t at = 4; at < s.len; at++) {
		struct statement forged = s;

		forged.wire[at] ^= 1;
		send_statement(1, 0, &forged);
	}
	nothing_changed();
	run_ms(20000); /* the allowance for forgeries is full again */
	for (size_t at = 3; at < c.len; at += 7) {
		struct certificate forged = c;

		forged.wire[at] ^= 0x80;
		send_certificate(1, 0, &forged);
	}
	nothing_changed();
	ok(counters(0)->org_bad_sig >= 40);
	ok(counters(0)->drop_not_trusted >= 30); /* another issuer */
	eq_int(counters(0)->objects_received, counters(0)->org_bad_sig
	       + counters(0)->drop_not_trusted + counters(0)->drop_rate + malformed()
	       + counters(0)->drop_not_valid);

	run_ms(20000);
	ok(statement_sign(&b, &org_keys[X].sk, &persons[0].sk, &successor));
	send_statement(1, 0, &successor);
	nothing_changed();
	send_statement(1, 0, &s);
	send_certificate(1, 0, &c);
	eq_int(held(0), 2);
	send_statement(1, 0, &s);
	eq_int(counters(0)->objects_known, 1);
}

static void what_is_cut_short_or_too_long_is_dropped_whole(void)
{
	struct statement s[2] = { say(STATEMENT_VOUCH, X, 0, 1), say(STATEMENT_ALIAS, X, 0, 1) };
	struct certificate c = certify(X, 0);
	struct message m;
	size_t len;

	two();
	begin(&m, SPREAD_MSG_OBJECTS);
	wr_u8(&m.w, 0);
	put_object(&m, SPREAD_STATEMENT, bytes_of(s[0].wire, s[0].len));
	put_object(&m, SPREAD_CERTIFICATE, bytes_of(c.wire, c.len));
	put_object(&m, SPREAD_STATEMENT, bytes_of(s[1].wire, s[1].len));
	len = wr_len(&m.w);
	for (size_t n = 0; n < len; n++) {
		bool whole = n == 2 + 1u + s[0].len || n == 2 + 2u + s[0].len + c.len;

		if (!whole)
			hand(1, 0, m.bytes, n);
	}
	eq_int(malformed(), len - 2);
	wr_u8(&m.w, 0);
	deliver(&m, 1, 0);
	eq_int(malformed(), len - 1);
	nothing_changed();
	eq_int(counters(0)->objects_received, 0);
	hand(1, 0, m.bytes, len);
	eq_int(held(0), 3);

	begin_print(&m, SPREAD_MSG_BUCKETS, 1, 0, X);
	wr_zero(&m.w, SPREAD_BUCKETS * 8 - 1);
	deliver(&m, 1, 0);
	begin_print(&m, SPREAD_MSG_WANT, 1, 0, X);
	deliver(&m, 1, 0);                       /* of nothing */
	wr_zero(&m.w, 8 * (SPREAD_HASHES + 1));
	deliver(&m, 1, 0);                       /* of too much */
	begin(&m, SPREAD_MSG_ORGS);
	wr_zero(&m.w, 2 + 16 * (TRUST_ORGS + 1));
	deliver(&m, 1, 0);
	begin(&m, 0x35);
	deliver(&m, 1, 0);
	eq_int(malformed(), len - 1 + 5);
	eq_int(nodes[0].objects + nodes[0].others, 0);
}

static void objects_of_orgs_that_one_end_does_not_trust_are_dropped(void)
{
	struct statement x = say(STATEMENT_REVOCATION, X, 0, 1);
	struct statement y = say(STATEMENT_REVOCATION, Y, 0, 1), z = say(STATEMENT_VOUCH, 2, 0, 1);
	struct message m;

	two();
	send_statement(1, 0, &y); /* 1 did not say that it trusts Y */
	send_statement(1, 0, &z); /* 0 does not */
	send_statement(2, 0, &x); /* 2 said nothing */
	eq_int(counters(0)->drop_not_trusted, 3);
	nothing_changed();
	begin_print(&m, SPREAD_MSG_BUCKETS, 1, 0, 2);
	wr_zero(&m.w, SPREAD_BUCKETS * 8);
	deliver(&m, 1, 0);
	begin_print(&m, SPREAD_MSG_WANT, 2, 0, X); /* what 2 would call it */
	wr_zero(&m.w, 8);
	deliver(&m, 1, 0);
	eq_int(counters(0)->drop_not_trusted, 5);
	eq_int(nodes[0].objects + nodes[0].others, 0);
	send_statement(1, 0, &x);
	eq_int(held(0), 1);
}

static void void_certificates_are_not_even_verified(void)
{
	struct statement r = say(STATEMENT_REVOCATION, X, 0, 1);
	struct statement old = say(STATEMENT_VOUCH, X, 5, 1), new = say(STATEMENT_VOUCH, X, 5, 2);
	struct certificate revoked = certify(X, 0);
	struct certificate over = certify_for(X, &persons[1].pk, WALL - 9, WALL - 1);

	two();
	send_statement(1, 0, &r);
	send_statement(1, 0, &new);
	revoked.wire[revoked.len - 1] ^= 1; /* a signature check would tell */
	over.wire[over.len - 1] ^= 1;
	old.wire[old.len - 1] ^= 1;
	send_certificate(1, 0, &revoked);
	send_certificate(1, 0, &over);
	send_statement(1, 0, &old);
	eq_int(counters(0)->drop_revoked, 1);
	eq_int(counters(0)->drop_not_valid, 1);
	eq_int(counters(0)->drop_older, 1);
	eq_int(counters(0)->org_bad_sig, 0);
	eq_int(held(0), 2);
}

static void a_flood_of_forgeries_costs_few_checks_and_hinders_no_other(void)
{
	struct statement good = say(STATEMENT_REVOCATION, X, 0, 1);

	two();
	tell_orgs(2, 0, ONLY(X), tell_digest(id_of(2), id_of(0), &org_keys[X].pk, 0));
	for (unsigned i = 0; i < 5000; i++) {
		struct statement forged = say(STATEMENT_VOUCH, X, 1 + i % 1000, 1 + i / 1000);

		forged.wire[forged.len - 1] ^= 1;
		send_statement(1, 0, &forged);
		run_ms(2);
	}
	printf("# %" PRIu64 " checks in 10 s\n", counters(0)->org_bad_sig);
	ok(counters(0)->org_bad_sig < 160);
	eq_int(counters(0)->drop_rate + counters(0)->org_bad_sig, 5000);
	send_statement(2, 0, &good);
	eq_int(held(0), 1);
}

static void who_asks_for_much_gets_what_there_is_to_give(void)
{
	uint8_t hashes[64][8];

	world(2, 256, 256, 2);
	trust(0, ONLY(X));
	for (unsigned i = 0; i < 64; i++) {
		struct certificate c = certify(X, i);

		eq_int(give_certificate(0, &c), SPREAD_NEW);
		certificate_hash(&c, hashes[i]);
	}
	for (unsigned i = 0; i < 1000; i++) { /* ten seconds */
		struct message m;

		begin_print(&m, SPREAD_MSG_WANT, 1, 0, X);
		wr_bytes(&m.w, hashes, sizeof(hashes));
		deliver(&m, 1, 0);
		begin_print(&m, SPREAD_MSG_BUCKETS, 1, 0, X);
		wr_zero(&m.w, SPREAD_BUCKETS * 8);
		deliver(&m, 1, 0);
		run_ms(10);
	}
	printf("# %" PRIu64 " objects, %" PRIu64 " bytes in 10 s\n", counters(0)->objects_sent,
	       wire_bytes);
	ok(counters(0)->objects_sent <= 300 + 2000);
	ok(nodes[0].others <= 20 + 100);
	ok(counters(0)->drop_rate > 1000);
}

static void answers_to_no_question_are_dropped(void)
{
	struct message m;

	two();
	begin_print(&m, SPREAD_MSG_HAVE, 1, 0, X);
	wr_be64(&m.w, 77);
	deliver(&m, 1, 0);
	eq_int(counters(0)->drop_unasked, 1);
	eq_int(nodes[0].others, 0);
}

/* Node 2 always says that it holds something else, and never what. */
static void a_peer_that_never_gives_cannot_keep_us_from_the_others(void)
{
	struct statement s = say(STATEMENT_REVOCATION, X, 0, 1);
	uint64_t ms = 0;

	world(3, 16, 16, 3);
	trust(0, ONLY(X));
	trust(1, ONLY(X));
	eq_int(give_statement(1, &s), SPREAD_NEW);
	spread_reachable(nodes[0].spread, 2, true, clock_now);
	for (; ms < 30000; ms += 250) {
		run_ms(250);
		tell_orgs(2, 0, ONLY(X), rng_u64(&chance));
	}
	eq_int(held(0), 0);
	link_nodes(0, 1, true);
	nodes[2].mute = true;
	for (ms = 0; !held(0) && ms < 120000; ms += 250) {
		run_ms(250);
		tell_orgs(2, 0, ONLY(X), rng_u64(&chance));
	}
	printf("# fetched after %" PRIu64 " ms\n", ms);
	ok(held(0) == 1 && ms < 5000);
}

/* Four that lie take turns; node 1 has something that it does not tell as news. */
static void liars_that_take_turns_cannot_either(void)
{
	struct statement first = say(STATEMENT_REVOCATION, X, 0, 1);
	struct statement second = say(STATEMENT_REVOCATION, X, 1, 1);
	uint64_t ms = 0;

	world(6, 16, 16, 5);
	trust(0, ONLY(X));
	trust(1, ONLY(X));
	eq_int(give_statement(1, &first), SPREAD_NEW);
	for (uint32_t i = 2; i < 6; i++) {
		spread_reachable(nodes[0].spread, i, true, clock_now);
		nodes[i].mute = true;
	}
	for (; held(0) < 2 && ms < 3600000; ms += 100) {
		run_ms(100);
		for (uint32_t i = 2; i < 6; i++)
			tell_orgs(i, 0, ONLY(X), rng_u64(&chance));
		if (ms == 10000)
			link_nodes(0, 1, true);
		if (ms == 20000) {
			eq_int(held(0), 1);
			link_nodes(0, 1, false);
			eq_int(give_statement(1, &second), SPREAD_NEW);
			spread_reachable(nodes[0].spread, 1, true, clock_now);
		}
	}
	printf("# fetched after %" PRIu64 " ms\n", ms - 20000);
	ok(held(0) == 2);
}

/* Node 1 has room for few, and lacks the rest for ever. */
static void a_difference_that_stays_is_looked_at_more_and_more_rarely(void)
{
	uint64_t bytes;

	world(2, 16, 200, 4);
	start_node(1, 16, 20, 4);
	trust(0, ONLY(X));
	trust(1, ONLY(X));
	for (unsigned i = 0; i < 100; i++) {
		struct certificate c = certify(X, i);

		eq_int(give_certificate(0, &c), SPREAD_NEW);
	}
	link_nodes(0, 1, true);
	run_ms(60000);
	eq_int(held(1), 10);
	ok(counters(1)->drop_full > 0);
	bytes = wire_bytes;
	run_ms(3600000);
	printf("# %" PRIu64 " comparisons; %" PRIu64 " bytes in an hour\n",
	       counters(0)->comparisons + counters(1)->comparisons, wire_bytes - bytes);
	ok(counters(0)->comparisons + counters(1)->comparisons < 60);
	ok(wire_bytes - bytes < 400000);
}

static void who_does_not_answer_is_asked_four_times(void)
{
	two();
	spread_reachable(nodes[0].spread, 1, true, clock_now);
	tell_orgs(1, 0, ONLY(X), 77);
	run_ms(60000);
	eq_int(nodes[0].others, 4);
	eq_int(counters(0)->comparisons, 1);
}

static void a_slot_given_to_another_starts_anew(void)
{
	struct statement s = say(STATEMENT_REVOCATION, X, 0, 1);

	two();
	spread_reachable(nodes[0].spread, 1, true, clock_now);
	tell_orgs(1, 0, ONLY(X), 77); /* a comparison begins */
	eq_int(nodes[0].others, 1);
	send_statement(1, 0, &s);     /* a rumour that 1 is not told */
	spread_forget(nodes[0].spread, 1);
	send_statement(1, 0, &s);     /* not admitted: not even counted */
	eq_int(counters(0)->objects_received, 1);
	wire_bytes = 0;
	run_ms(10000);
	eq_int(wire_bytes, 0);
	spread_admit(nodes[0].spread, 1, &node_keys[1].pk);
	send_statement(1, 0, &s);
	eq_int(counters(0)->drop_not_trusted, 1);
	spread_reachable(nodes[0].spread, 1, true, clock_now);
	run_ms(1000);
	eq_int(nodes[0].objects, 0);  /* it did not say that it trusts X */
	tell_orgs(1, 0, ONLY(X), 78);
	run_ms(1000);
	ok(nodes[0].objects > 0);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		T(forged_objects_change_nothing_and_are_counted),
		T(what_is_cut_short_or_too_long_is_dropped_whole),
		T(objects_of_orgs_that_one_end_does_not_trust_are_dropped),
		T(void_certificates_are_not_even_verified),
		T(a_flood_of_forgeries_costs_few_checks_and_hinders_no_other),
		T(who_asks_for_much_gets_what_there_is_to_give),
		T(answers_to_no_question_are_dropped),
		T(a_peer_that_never_gives_cannot_keep_us_from_the_others),
		T(liars_that_take_turns_cannot_either),
		T(a_difference_that_stays_is_looked_at_more_and_more_rarely),
		T(who_does_not_answer_is_asked_four_times),
		T(a_slot_given_to_another_starts_anew),
	};

	world_keys();
	return tap_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
