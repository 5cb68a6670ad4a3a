/* Spreading what orgs said: it arrives, soon and at bounded cost, and only where it may. */
#include "spread_world.h"

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

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		T(a_revocation_is_known_to_a_hundred_at_20_percent_loss),
		T(a_latecomer_catches_up_with_1000_objects),
		T(a_revocation_beats_a_certificate_in_any_order),
	};

	world_keys();
	return tap_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
