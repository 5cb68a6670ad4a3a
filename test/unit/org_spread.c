/* Spreading what orgs said: it arrives, soon and at bounded cost, and only where it may. */
#include "spread_world.h"

#include "crypto/hash.h"
#include "org/tell.h"

#define X 0u
#define Y 1u
#define Z 2u
#define ONLY(org) (1u << (org))

static uint32_t holders(enum statement_kind kind, unsigned org, unsigned person)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < node_count; i++)
		n += has_statement(i, kind, org, person);
	return n;
}

static void all_trust(unsigned orgs)
{
	for (uint32_t i = 0; i < node_count; i++)
		trust(i, orgs);
}

static void a_revocation_is_known_to_a_hundred_at_20_percent_loss(void)
{
	struct statement s = say(STATEMENT_REVOCATION, X, 0, 1);
	uint64_t worst_ms = 0, sum_ms = 0, sent = 0;

	for (uint64_t seed = 1; seed <= 10; seed++) {
		uint64_t ms = 0;

		world(100, 16, 16, seed);
		all_trust(ONLY(X));
		link_all();
		loss_permille = 200;
		run_ms(30000);
		wire_bytes = 0;
		eq_int(give_statement(0, &s), SPREAD_NEW);
		for (; holders(STATEMENT_REVOCATION, X, 0) < 100 && ms < 60000; ms += 100)
			run_ms(100);
		ok(ms <= 15000);
		worst_ms = ms > worst_ms ? ms : worst_ms;
		sum_ms += ms;
		run_ms(30000 - ms);
		sent += wire_bytes;
	}
	printf("# known to all after %" PRIu64 " ms, at worst %" PRIu64 "; %" PRIu64
	       " bytes a node in 30 s\n", sum_ms / 10, worst_ms, sent / 1000);
	ok(sum_ms / 10 <= 2000);
	ok(sent / 1000 < 12000);
}

static void a_latecomer_catches_up_with_1000_objects(void)
{
	uint64_t ms = 0, sent = 0, bytes;

	world(6, 2000, 2000, 7);
	all_trust(ONLY(X) | ONLY(Y));
	for (unsigned i = 0; i < 1000; i++) {
		struct certificate c = certify(i % 4 ? X : Y, i);
		struct statement v = say(i % 5 ? STATEMENT_VOUCH : STATEMENT_REVOCATION,
					 i % 2 ? X : Y, i, 1);

		for (uint32_t n = 0; n < 5; n++)
			eq_int(i % 3 ? give_certificate(n, &c) : give_statement(n, &v), SPREAD_NEW);
	}
	for (uint32_t i = 0; i < 5; i++)
		for (uint32_t j = 0; j < i; j++)
			link_nodes(i, j, true);
	run_ms(60000);
	bytes = wire_bytes;
	for (uint32_t i = 0; i < 5; i++)
		link_nodes(5, i, true);
	for (; held(5) < 1000 && ms < 60000; ms += 100)
		run_ms(100);
	eq_int(held(5), 1000);
	run_ms(20000);
	for (uint32_t i = 0; i < 6; i++)
		sent += counters(i)->objects_sent;
	printf("# caught up after %" PRIu64 " ms; %" PRIu64 " objects sent, %" PRIu64 " bytes\n",
	       ms, sent, wire_bytes - bytes);
	ok(ms < 15000);
	ok(sent < 1100);
	ok(wire_bytes - bytes < 350000);
	eq_int(counters(5)->org_bad_sig + counters(5)->drop_rate, 0);
}

static void a_revocation_beats_a_certificate_in_any_order(void)
{
	struct certificate c = certify(X, 0);
	struct certificate later = certify_for(X, &persons[0].pk, WALL, WALL + 9999);
	struct statement vouch = say(STATEMENT_VOUCH, X, 0, 9);
	struct statement other = say(STATEMENT_VOUCH, Y, 0, 1);
	struct statement revocation = say(STATEMENT_REVOCATION, X, 0, 1);

	for (int first = 0; first < 2; first++) {
		world(1, 16, 16, 1);
		all_trust(ONLY(X) | ONLY(Y));
		if (first)
			eq_int(give_statement(0, &revocation), SPREAD_NEW);
		eq_int(give_certificate(0, &c), first ? SPREAD_REVOKED : SPREAD_NEW);
		eq_int(give_statement(0, &vouch), first ? SPREAD_REVOKED : SPREAD_NEW);
		eq_int(give_statement(0, &other), SPREAD_NEW);
		eq_int(give_statement(0, &revocation), first ? SPREAD_SAME : SPREAD_NEW);
		eq_int(give_certificate(0, &later), SPREAD_REVOKED);
		ok(!has_certificate(0, X, 0) && !has_statement(0, STATEMENT_VOUCH, X, 0));
		ok(has_statement(0, STATEMENT_VOUCH, Y, 0));
		ok(has_statement(0, STATEMENT_REVOCATION, X, 0));
		eq_int(held(0), 2);
		eq_int(counters(0)->certificates, 0);
		eq_int(counters(0)->statements, 2);
	}
}

/* --- who may be told what */

static const unsigned partial[] = { ONLY(X) | ONLY(Y), ONLY(X), ONLY(Y), 0, ONLY(X) | ONLY(Y) };
static struct bytes secret_of[ORGS][64]; /* what would give an org away */
static unsigned secrets_of[ORGS];

static void keep_secret(unsigned org, const void *data, size_t len)
{
	secret_of[org][secrets_of[org]++] = bytes_of(memcpy(malloc(len), data, len), len);
}

static void no_secret_is_told(const struct letter *l)
{
	for (unsigned org = 0; org < ORGS; org++)
		for (unsigned i = 0; !(partial[l->to] >> org & 1) && i < secrets_of[org]; i++)
			ok(!memmem(l->bytes, l->len, secret_of[org][i].data,
				   secret_of[org][i].len));
	ok(partial[l->to] & partial[l->from] || l->bytes[0] == SPREAD_MSG_ORGS);
}

static uint64_t id_of(uint32_t node)
{
	struct hash h;

	blake3(&h, node_keys[node].pk.b, 32);
	return load_be64(h.b);
}

static void keep_org_secret(unsigned org, const struct statement *s, const struct certificate *c)
{
	uint8_t hash[SIGNED_HASH], sum[8], print[8];

	secrets_of[org] = 0;
	keep_secret(org, org_keys[org].pk.b, 8);
	statement_hash(s, hash);
	keep_secret(org, hash, sizeof(hash));
	store_be64(sum, load_be64(hash));
	certificate_hash(c, hash);
	keep_secret(org, hash, sizeof(hash));
	store_be64(sum, load_be64(sum) + load_be64(hash)); /* the digest */
	keep_secret(org, sum, sizeof(sum));
	/* What others of the org call it, and what they say they hold of it. */
	for (uint32_t from = 0; from < 5; from++)
		for (uint32_t to = 0; to < 5; to++) {
			if (from == to || !(partial[to] >> org & 1))
				continue;
			store_be64(print, tell_print(id_of(from), id_of(to), &org_keys[org].pk));
			keep_secret(org, print, sizeof(print));
			store_be64(print, tell_digest(id_of(from), id_of(to), &org_keys[org].pk,
						      load_be64(sum)));
			keep_secret(org, print, sizeof(print));
		}
}

static void who_does_not_trust_an_org_hears_nothing_of_it(void)
{
	struct statement s[2] = { say(STATEMENT_VOUCH, X, 0, 1), say(STATEMENT_VOUCH, Y, 0, 1) };
	struct certificate c[2] = { certify(X, 1), certify(Y, 1) };

	world(5, 16, 16, 3);
	for (unsigned org = 0; org < 2; org++)
		keep_org_secret(org, &s[org], &c[org]);
	for (uint32_t i = 0; i < 5; i++)
		trust(i, partial[i]);
	watch = no_secret_is_told;
	eq_int(give_statement(0, &s[X]), SPREAD_NEW);
	eq_int(give_certificate(2, &c[Y]), SPREAD_NEW);
	link_all();
	run_ms(20000);
	eq_int(give_statement(2, &s[Y]), SPREAD_NEW);
	eq_int(give_certificate(0, &c[X]), SPREAD_NEW);
	run_ms(100000);
	for (uint32_t i = 0; i < 5; i++) {
		for (unsigned org = 0; org < 2; org++) {
			eq_int(has_statement(i, STATEMENT_VOUCH, org, 0), partial[i] >> org & 1);
			eq_int(has_certificate(i, org, 1), partial[i] >> org & 1);
		}
		eq_int(counters(i)->drop_not_trusted, 0);
	}
}

static void who_comes_to_trust_an_org_hears_of_it_and_who_ceases_forgets(void)
{
	struct statement x = say(STATEMENT_VOUCH, X, 0, 1), y = say(STATEMENT_ALIAS, Y, 0, 1);
	struct certificate c = certify(Y, 1);

	world(3, 16, 16, 4);
	all_trust(ONLY(X));
	trust(0, ONLY(X) | ONLY(Y));
	link_all();
	give_statement(0, &x);
	give_statement(0, &y);
	give_certificate(0, &c);
	run_ms(30000);
	eq_int(held(1), 1);
	trust(1, ONLY(X) | ONLY(Y));
	run_ms(5000);
	eq_int(held(1), 3);
	eq_int(held(2), 1);
	trust(1, ONLY(Y));
	eq_int(held(1), 2);
	eq_int(counters(1)->certificates, 1);
	eq_int(counters(1)->statements, 1);
	ok(!has_statement(1, STATEMENT_VOUCH, X, 0));
	run_ms(5000);
	x = say(STATEMENT_REVOCATION, X, 2, 1);
	give_statement(0, &x);
	y = say(STATEMENT_REVOCATION, Y, 2, 1);
	give_statement(0, &y);
	run_ms(2000);
	ok(has_statement(2, STATEMENT_REVOCATION, X, 2));
	ok(has_statement(1, STATEMENT_REVOCATION, Y, 2));
	ok(!has_statement(1, STATEMENT_REVOCATION, X, 2));
	trust(1, 0);
	eq_int(held(1), 0);
	run_ms(60000);
	eq_int(held(1), 0);
}

/* The orgs are numbered anew in each round of the trust store. */
static void another_order_of_the_orgs_changes_nothing(void)
{
	struct public_key turned[2] = { org_keys[Y].pk, org_keys[X].pk };
	struct statement s = say(STATEMENT_REVOCATION, X, 0, 1);
	struct certificate c = certify(Y, 1);

	world(3, 16, 16, 5);
	trust(0, ONLY(X) | ONLY(Y));
	trust(1, ONLY(X));
	trust(2, ONLY(Y));
	link_all();
	run_ms(5000);
	eq_int(give_statement(0, &s), SPREAD_NEW); /* queued under the old number */
	wire_bytes = 0;
	spread_orgs(nodes[0].spread, turned, 2, clock_now);
	eq_int(wire_bytes, 0);
	eq_int(give_certificate(0, &c), SPREAD_NEW);
	run_ms(100);
	ok(has_statement(1, STATEMENT_REVOCATION, X, 0) && has_certificate(2, Y, 1));
	run_ms(100000);
	eq_int(nodes[0].others + nodes[1].others + nodes[2].others, 0);
	eq_int(counters(1)->drop_not_trusted + counters(2)->drop_not_trusted, 0);
}

/* --- cost */

static void equal_sets_exchange_nothing_but_orgs(void)
{
	uint64_t per_node;

	world(10, 100, 100, 6);
	all_trust(ONLY(X));
	for (unsigned i = 0; i < 40; i++) {
		struct statement s = say(STATEMENT_VOUCH, X, i, 1);
		struct certificate c = certify(X, i);

		for (uint32_t n = 0; n < 10; n++) {
			give_certificate(n, &c);
			give_statement(n, &s);
		}
	}
	link_all();
	run_ms(60000);
	wire_bytes = 0;
	run_ms(600000);
	for (uint32_t i = 0; i < 10; i++)
		eq_int(nodes[i].others + nodes[i].objects, 0);
	per_node = wire_bytes / 10 * 1000 / 600;
	printf("# idle: %" PRIu64 " thousandths of a byte a second and node\n", per_node);
	ok(per_node > 5000 && per_node < 10000);
}

static void nobody_to_talk_with_costs_nothing(void)
{
	world(3, 16, 16, 7);
	link_nodes(0, 1, true); /* neither trusts an org */
	run_ms(600000);
	eq_int(wire_bytes, 0);
	trust(2, ONLY(X));      /* trusts one, and reaches nobody */
	run_ms(600000);
	eq_int(wire_bytes, 0);
	nodes[0].mute = nodes[1].mute = true;
	trust(0, ONLY(X));
	run_ms(40000);          /* five tries, and one in 20 s to whoever may have changed */
	ok(wire_bytes > 0 && wire_bytes <= 8 * (HEADERS + 19));
}

static void a_hundred_peers_are_told_one_after_the_other(void)
{
	world(101, 16, 16, 19);
	trust(0, ONLY(X));
	for (uint32_t i = 1; i < 101; i++)
		link_nodes(0, i, true);
	for (unsigned i = 1; i <= 12; i++) {
		uint64_t before = counters(0)->messages_sent;

		run_ms(200);
		ok(counters(0)->messages_sent - before <= 8);
	}
	run_ms(1000);
	for (uint32_t i = 1; i < 101; i++)
		eq_int(counters(i)->messages_sent, 1); /* its answer */
}

static void lost_orgs_are_told_again(void)
{
	struct statement s = say(STATEMENT_REVOCATION, X, 0, 1);

	world(2, 16, 16, 8);
	all_trust(ONLY(X));
	loss_permille = 1000;
	link_all();
	run_ms(3000);
	loss_permille = 0;
	run_ms(6000);
	eq_int(give_statement(0, &s), SPREAD_NEW);
	run_ms(LATENCY_MS + 1);
	ok(has_statement(1, STATEMENT_REVOCATION, X, 0));
}

/* --- much at once */

static unsigned first_letters;

static void revocations_lead(const struct letter *l)
{
	struct spread_message m;

	ok(spread_decode(bytes_of(l->bytes, l->len), &m));
	if (l->from || m.type != SPREAD_MSG_OBJECTS || first_letters++ >= 3)
		return;
	for (unsigned i = 0; i < 3; i++)
		ok(m.object[i].kind == SPREAD_STATEMENT
		   && m.object[i].wire.data[1] == STATEMENT_REVOCATION);
}

static void more_than_the_queue_holds_arrives_and_revocations_lead(void)
{
	uint64_t sent = 0;

	world(5, 2000, 2000, 9);
	all_trust(ONLY(X));
	link_all();
	run_ms(30000);
	first_letters = 0;
	watch = revocations_lead;
	for (unsigned i = 0; i < 400; i++) {
		struct statement s = say(i < 397 ? STATEMENT_VOUCH : STATEMENT_REVOCATION, X, i, 1);

		eq_int(give_statement(0, &s), SPREAD_NEW);
	}
	run_ms(60000);
	for (uint32_t i = 0; i < 5; i++) {
		eq_int(held(i), 400);
		sent += counters(i)->objects_sent;
	}
	ok(first_letters > 3);
	printf("# each of 400 objects was sent %" PRIu64 " times to 4\n", sent / 400);
	ok(sent / 400 <= 12);
}

static void two_halves_become_one_at_10_percent_loss(void)
{
	uint64_t ms = 0;

	world(20, 200, 200, 10);
	all_trust(ONLY(X));
	for (unsigned i = 0; i < 80; i++) {
		struct certificate c = certify(X, i);

		for (uint32_t n = i < 40 ? 0 : 10; n < (i < 40 ? 10u : 20u); n++)
			give_certificate(n, &c);
	}
	link_all();
	loss_permille = 100;
	for (uint32_t least = 0; least < 80 && ms < 120000; ms += 100) {
		run_ms(100);
		least = 80;
		for (uint32_t i = 0; i < 20; i++)
			least = held(i) < least ? held(i) : least;
	}
	run_ms(120000 - ms);
	printf("# one after %" PRIu64 " ms, %" PRIu64 " bytes a node in two minutes\n", ms,
	       wire_bytes / 20);
	ok(ms < 30000);
	ok(wire_bytes / 20 < 60000);
}

/* Node 9 brings three objects that nobody has, and reaches one of nine. */
static void news_that_were_fetched_are_told_on(void)
{
	world(10, 16, 16, 16);
	all_trust(ONLY(X));
	for (uint32_t i = 0; i < 9; i++)
		for (uint32_t j = 0; j < i; j++)
			link_nodes(i, j, true);
	for (unsigned i = 0; i < 3; i++) {
		struct certificate c = certify(X, i);

		give_certificate(9, &c);
	}
	run_ms(30000);
	link_nodes(0, 9, true);
	run_ms(2500);
	for (uint32_t i = 0; i < 9; i++)
		eq_int(held(i), 3);
}

/* All from one peer, and no faster than it may be asked for. */
static void four_orgs_are_caught_up_with_at_once(void)
{
	uint64_t comparisons;

	world(2, 8, 1250, 17);
	all_trust(ONLY(ORGS) - 1);
	for (unsigned i = 0; i < 1000; i++) {
		struct certificate c = certify(i % ORGS, i);

		eq_int(give_certificate(0, &c), SPREAD_NEW);
	}
	link_all();
	run_ms(15000);
	eq_int(held(1), 1000);
	comparisons = counters(1)->comparisons;
	printf("# %" PRIu64 " comparisons\n", comparisons);
	ok(comparisons <= 2 * ORGS);
	eq_int(counters(0)->drop_rate + counters(1)->drop_rate, 0);
}

/* What the other has no room for hides the little that we lack; a revocation first of all. */
static void little_is_found_among_much(void)
{
	struct statement s = say(STATEMENT_REVOCATION, X, 1100, 1);

	world(2, 8, 2400, 18);
	start_node(0, 8, 606, 18);
	all_trust(ONLY(X));
	for (unsigned i = 0; i < 1000; i++) {
		struct certificate c = certify(X, i);

		if (i < 303)
			eq_int(give_certificate(0, &c), SPREAD_NEW);
		if (i >= 3)
			eq_int(give_certificate(1, &c), SPREAD_NEW);
	}
	eq_int(give_statement(0, &s), SPREAD_NEW);
	run_ms(3000);
	link_all();
	run_ms(1000);
	ok(has_statement(1, STATEMENT_REVOCATION, X, 1100));
	run_ms(29000);
	eq_int(held(1), 1001);
	eq_int(held(0), 304);
}

/* --- time */

static void certificates_that_are_over_go_everywhere(void)
{
	struct certificate c;

	world(3, 16, 16, 11);
	all_trust(ONLY(X));
	link_all();
	run_ms(5000);
	c = certify_for(X, &persons[0].pk, WALL, wall_now() + 60);
	eq_int(give_certificate(0, &c), SPREAD_NEW);
	run_ms(59000);
	for (uint32_t i = 0; i < 3; i++)
		eq_int(held(i), 1);
	run_ms(28000);
	for (uint32_t i = 0; i < 3; i++) {
		eq_int(held(i), 0);
		eq_int(counters(i)->changes, 2);
		eq_int(counters(i)->certificates, 0);
	}
	eq_int(give_certificate(0, &c), SPREAD_NOT_VALID);
	run_ms(600000);
	eq_int(counters(0)->comparisons + counters(1)->comparisons + counters(2)->comparisons, 0);
}

static void what_is_renewed_takes_the_place_of_the_old(void)
{
	struct certificate old = certify(X, 0), new;
	struct statement first = say(STATEMENT_REVOCATION, X, 1, 1);
	struct statement second = say(STATEMENT_REVOCATION, X, 1, 2);

	world(4, 16, 16, 12);
	all_trust(ONLY(X));
	for (uint32_t i = 0; i < 3; i++)
		link_nodes(i, (i + 1) % 3, true);
	run_ms(5000);
	give_certificate(0, &old);
	give_statement(0, &first);
	run_ms(2000);
	new = certify_for(X, &persons[0].pk, WALL + 1, WALL + 500);
	eq_int(give_certificate(1, &new), SPREAD_NEW);
	eq_int(give_statement(1, &second), SPREAD_NEW);
	run_ms(2000);
	link_nodes(0, 3, true); /* it never hears of the old ones */
	run_ms(5000);
	for (uint32_t i = 0; i < 4; i++) {
		const struct certificate_store *store = nodes[i].certificates;
		uint32_t slot = certificate_store_next(store, CERTIFICATE_NONE);

		eq_int(counters(i)->certificates, 1);
		eq_int(counters(i)->statements, 1);
		eq_int(certificate_store_at(store, slot)->body.not_before, WALL + 1);
		eq_int(give_certificate(i, &old), SPREAD_OLDER);
		eq_int(give_certificate(i, &new), SPREAD_SAME);
		eq_int(give_statement(i, &first), SPREAD_OLDER);
		eq_int(give_statement(i, &second), SPREAD_SAME);
	}
	eq_int(counters(3)->comparisons, 1);
	run_ms(100000);
	eq_int(counters(0)->comparisons + counters(1)->comparisons + counters(2)->comparisons, 0);
}

/* --- room */

static void one_org_leaves_room_for_another(void)
{
	unsigned vouches[2] = { 0 }, revocations[2] = { 0 }, certificates[2] = { 0 };

	world(1, 40, 10, 13);
	all_trust(ONLY(X) | ONLY(Y));
	for (unsigned org = 0; org < 2; org++)
		for (unsigned i = 0; i < 60; i++) {
			struct statement v = say(STATEMENT_VOUCH, org, i, 1);
			struct statement r = say(STATEMENT_REVOCATION, org, 100 + i, 1);
			struct certificate c = certify(org, 200 + i);

			vouches[org] += give_statement(0, &v) == SPREAD_NEW;
			certificates[org] += give_certificate(0, &c) == SPREAD_NEW;
			if (i >= 30)
				revocations[org] += give_statement(0, &r) == SPREAD_NEW;
		}
	/* A third each, so that both together leave one. */
	eq_int(vouches[X], 7);
	eq_int(vouches[Y], 7);
	eq_int(certificates[X], 4);
	eq_int(certificates[Y], 4);
	eq_int(revocations[X], 14);
	eq_int(revocations[Y], 12); /* what is left of 40 */
}

/* --- facts, and what was kept */

static void each_slot_is_told_once_and_what_is_gone_is_not(void)
{
	struct certificate c = certify(X, 0), other = certify(X, 1);
	struct statement vouch = say(STATEMENT_VOUCH, X, 0, 1);
	struct statement again = say(STATEMENT_VOUCH, X, 2, 1);
	struct statement newer = say(STATEMENT_VOUCH, X, 2, 2);
	struct statement revocation = say(STATEMENT_REVOCATION, X, 0, 1);
	struct spread_fact f;

	world(1, 4, 4, 14);
	all_trust(ONLY(X));
	ok(!spread_next_fact(nodes[0].spread, &f));
	for (int round = 0; round < 5; round++) { /* more than there are slots */
		give_certificate(0, &c);
		give_statement(0, &vouch);
		trust(0, 0);
		all_trust(ONLY(X));
	}
	give_certificate(0, &c);
	give_certificate(0, &other);
	give_statement(0, &revocation);
	give_statement(0, &again);
	give_statement(0, &newer);
	for (unsigned i = 0; i < 2; i++) {
		ok(spread_next_fact(nodes[0].spread, &f));
		eq_int(f.kind, SPREAD_FACT_STATEMENT);
		eq_int(statement_store_at(nodes[0].statements, f.slot)->body.kind,
		       i ? STATEMENT_VOUCH : STATEMENT_REVOCATION);
	}
	ok(spread_next_fact(nodes[0].spread, &f));
	eq_int(f.kind, SPREAD_FACT_CERTIFICATE);
	eq_mem(&certificate_store_at(nodes[0].certificates, f.slot)->body.node, &persons[1].pk, 32);
	ok(!spread_next_fact(nodes[0].spread, &f));
}

/* Stores that hold something before spread_orgs: nothing is told on, what is void goes. */
static void what_was_kept_counts_from_the_first_orgs_on(void)
{
	struct certificate c = certify(X, 0), void_one = certify(X, 1), others = certify(Y, 2);
	struct statement revocation = say(STATEMENT_REVOCATION, X, 1, 1);
	struct statement vouch = say(STATEMENT_VOUCH, X, 1, 1);
	struct spread_fact f;
	uint32_t slot;

	world(2, 8, 8, 15);
	link_all();
	certificate_store_put(nodes[0].certificates, &c, &slot);
	certificate_store_put(nodes[0].certificates, &void_one, &slot);
	certificate_store_put(nodes[0].certificates, &others, &slot);
	statement_store_put(nodes[0].statements, &revocation, &slot);
	statement_store_put(nodes[0].statements, &vouch, &slot);
	all_trust(ONLY(X));
	eq_int(held(0), 2);
	eq_int(counters(0)->changes, 3);
	ok(!spread_next_fact(nodes[0].spread, &f));
	ok(has_certificate(0, X, 0) && has_statement(0, STATEMENT_REVOCATION, X, 1));
	run_ms(1000);
	eq_int(held(1), 2);
	ok(spread_next_fact(nodes[1].spread, &f));

	world(1, 8, 8, 15);
	certificate_store_put(nodes[0].certificates, &c, &slot);
	trust(0, 0);
	eq_int(held(0), 0);
}

/* --- everything at once */

static bool same_of_org(uint32_t a, uint32_t b, unsigned org)
{
	uint32_t slot = CERTIFICATE_NONE;

	for (unsigned p = 0; p < 30; p++)
		for (unsigned kind = 1; kind < STATEMENT_SUCCESSOR; kind++)
			if (has_statement(a, kind, org, p) != has_statement(b, kind, org, p))
				return false;
	while ((slot = certificate_store_next(nodes[a].certificates, slot)) != CERTIFICATE_NONE)
		if (!memcmp(&certificate_store_at(nodes[a].certificates, slot)->body.org,
			    &org_keys[org].pk, 32)
		    && certificate_store_find_hash(nodes[b].certificates,
						   certificate_store_hash(nodes[a].certificates,
									  slot))
		       == CERTIFICATE_NONE)
			return false;
	return true;
}

static void all_agree_in_the_end(void)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		unsigned orgs[8];

		world(8, 400, 400, seed);
		loss_permille = 150;
		for (uint32_t i = 0; i < 8; i++)
			trust(i, orgs[i] = (unsigned)rng_below(&chance, 1u << ORGS));
		for (unsigned step = 0; step < 150; step++) {
			uint32_t a = (uint32_t)rng_below(&chance, 8);
			uint32_t b = (uint32_t)rng_below(&chance, 8);
			unsigned org = (unsigned)rng_below(&chance, ORGS);
			unsigned person = (unsigned)rng_below(&chance, 30);
			struct statement s = say(1 + (unsigned)rng_below(&chance, 3), org, person,
						 1 + rng_below(&chance, 3));
			struct certificate c = certify_for(org, &persons[person].pk,
							   WALL - rng_below(&chance, 3),
							   WALL + 99999);

			if (step % 3 == 0 && a != b)
				link_nodes(a, b, rng_below(&chance, 3));
			else if (step % 3 == 1)
				give_certificate(a, &c);
			else if (s.body.kind != STATEMENT_REVOCATION || step % 9 == 2)
				give_statement(a, &s);
			if (step % 50 == 49)
				trust(a, orgs[a] = (unsigned)rng_below(&chance, 1u << ORGS));
			run_ms(rng_below(&chance, 1000));
		}
		link_all();
		run_ms(400000);
		for (unsigned org = 0; org < ORGS; org++)
			for (uint32_t a = 0; a < 8; a++)
				for (uint32_t b = 0; b < 8; b++)
					if (orgs[a] & orgs[b] & ONLY(org))
						ok(same_of_org(a, b, org));
	}
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		T(a_revocation_is_known_to_a_hundred_at_20_percent_loss),
		T(a_latecomer_catches_up_with_1000_objects),
		T(a_revocation_beats_a_certificate_in_any_order),
		T(who_does_not_trust_an_org_hears_nothing_of_it),
		T(who_comes_to_trust_an_org_hears_of_it_and_who_ceases_forgets),
		T(another_order_of_the_orgs_changes_nothing),
		T(equal_sets_exchange_nothing_but_orgs),
		T(nobody_to_talk_with_costs_nothing),
		T(a_hundred_peers_are_told_one_after_the_other),
		T(lost_orgs_are_told_again),
		T(more_than_the_queue_holds_arrives_and_revocations_lead),
		T(two_halves_become_one_at_10_percent_loss),
		T(news_that_were_fetched_are_told_on),
		T(four_orgs_are_caught_up_with_at_once),
		T(little_is_found_among_much),
		T(certificates_that_are_over_go_everywhere),
		T(what_is_renewed_takes_the_place_of_the_old),
		T(one_org_leaves_room_for_another),
		T(each_slot_is_told_once_and_what_is_gone_is_not),
		T(what_was_kept_counts_from_the_first_orgs_on),
		T(all_agree_in_the_end),
	};

	world_keys();
	return tap_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
