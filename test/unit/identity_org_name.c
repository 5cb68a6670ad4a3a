/* What orgs are called: their names here, their aliases, or their digits; never two by one name. */
#include "tap.h"
#include "contexts.h"

#include "base/rng.h"
#include "crypto/curve.h"
#include "identity/address.h"
#include "identity/org_name.h"
#include "identity/trust.h"

#include <strings.h>

#define ORGS 4u

static struct public_key keys[ORGS + 1];
static struct secret_key secrets[ORGS + 1];
static char digits[ORGS][MAX_NAME + 1];

static struct org_name named(unsigned org, const char *given, const char *alias)
{
	struct org_name n;

	org_name_init(&n, &keys[org], given ? given : digits[org]);
	memcpy(n.alias, alias, strlen(alias) + 1);
	return n;
}

static void an_alias_looks_like_no_other_name(void)
{
	static const char *const good[] = { "acme", "a", "Acme-2_b", "abcde", "abcdef0", "ghijkl",
					    "-x" };
	static const char *const bad[] = { "", "a.b", "acme.", "abcdef", "ABCDEF", "012345", "mesh",
					   "Mesh", "a b", "a/b", ".a", "\xc3\xa4" };
	char longest[MAX_NAME + 2] = "";

	for (unsigned i = 0; i < sizeof(good) / sizeof(*good); i++)
		ok(org_alias_valid(good[i]));
	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		ok(!org_alias_valid(bad[i]));
	memset(longest, 'z', MAX_NAME);
	ok(org_alias_valid(longest));
	longest[MAX_NAME] = 'z';
	ok(!org_alias_valid(longest));
}

static void who_is_called_what(void)
{
	static const struct {
		const char *what;
		const char *given[2], *alias[2], *called[2]; /* NULL: the digits */
	} rows[] = {
		{ "none has one", { NULL, NULL }, { "", "" }, { NULL, NULL } },
		{ "an alias", { NULL, NULL }, { "acme", "" }, { "acme", NULL } },
		{ "two aliases", { NULL, NULL }, { "acme", "beta" }, { "acme", "beta" } },
		{ "a name here counts", { "mine", NULL }, { "acme", "" }, { "mine", NULL } },
		{ "an alias is left", { "mine", NULL }, { "acme", "acme" }, { "mine", "acme" } },
		{ "one alias of two", { NULL, NULL }, { "acme", "acme" }, { NULL, NULL } },
		{ "but for the case", { NULL, NULL }, { "acme", "ACME" }, { NULL, NULL } },
		{ "the name of another", { "acme", NULL }, { "", "acme" }, { "acme", NULL } },
		{ "but for the case", { "Acme", NULL }, { "", "acme" }, { "Acme", NULL } },
		{ "no name at all", { NULL, NULL }, { "a.b", "mesh" }, { NULL, NULL } },
	};

	for (unsigned r = 0; r < sizeof(rows) / sizeof(*rows); r++) {
		struct org_name n[2];

		for (unsigned turn = 0; turn < 2; turn++) { /* the order does not count */
			for (unsigned i = 0; i < 2; i++)
				n[i ^ turn] = named(i, rows[r].given[i], rows[r].alias[i]);
			org_names_settle(n, 2);
			for (unsigned i = 0; i < 2; i++)
				eq_str(org_name_called(&n[i ^ turn]),
				       rows[r].called[i] ? rows[r].called[i] : digits[i]);
		}
	}
}

static void the_digits_of_another_are_nobodys_alias(void)
{
	struct org_name n[2] = { named(0, NULL, digits[1]), named(1, NULL, digits[0]) };

	org_names_settle(n, 2);
	eq_str(org_name_called(&n[0]), digits[0]);
	eq_str(org_name_called(&n[1]), digits[1]);
}

/* Whatever they say, no two are called alike, unless they were here. */
static void no_two_have_one_name(void)
{
	static const char *const words[] = { "", "acme", "Acme", "beta", "b.c", "mesh" };
	static const char *const here[] = { NULL, "acme", "beta" };
	unsigned by_alias = 0;
	struct rng r;

	rng_init(&r, 4);
	for (unsigned round = 0; round < 5000; round++) {
		struct org_name n[ORGS];

		for (unsigned i = 0; i < ORGS; i++) /* a folder has each name once */
			n[i] = named(i, i < 2 ? here[rng_below(&r, 2) * (i + 1)] : NULL,
				     words[rng_below(&r, 6)]);
		org_names_settle(n, ORGS);
		for (unsigned i = 0; i < ORGS; i++) {
			by_alias += n[i].by_alias;
			for (unsigned k = 0; k < i; k++)
				ok(strcasecmp(org_name_called(&n[i]), org_name_called(&n[k])) != 0);
		}
	}
	ok(by_alias > 1000);
}

/* --- in the trust room, where aliases come as statements */

static struct trust *t;
static struct statement_store *said;

static void fresh(void)
{
	static const uint8_t hash_key[16] = { 1 };
	static void *memory, *statements;

	free(memory);
	free(statements);
	memory = calloc(1, trust_size(8));
	statements = calloc(1, statement_store_size(64));
	said = statement_store_init(statements, 64, hash_key);
	t = trust_init(memory, 8, hash_key, &keys[ORGS]);
	trust_use(t, said, false);
}

static void say(unsigned org, unsigned subject, uint64_t number, const char *name)
{
	struct statement_body b = { .kind = STATEMENT_ALIAS, .issuer = keys[org],
				    .subject = keys[subject], .number = number };
	struct statement s;
	uint32_t slot;

	memcpy(b.name, name, strlen(name) + 1);
	ok(statement_sign(&b, &secrets[org], NULL, &s));
	ok(statement_store_put(said, &s, &slot) != STATEMENT_FULL);
}

static void trust_orgs(unsigned first, unsigned count)
{
	trust_begin(t);
	for (unsigned i = first; i < first + count; i++)
		eq_int(trust_add_org(t, &keys[i], digits[i]) <= TRUST_SAME, 1);
	trust_end(t, 1000);
}

static const char *called(unsigned org)
{
	return trust_org_called(t, trust_find_org(t, &keys[org]));
}

static void an_alias_that_comes_later_counts(void)
{
	fresh();
	trust_orgs(0, 2);
	eq_str(called(0), digits[0]);
	ok(!trust_name_orgs(t));
	say(0, 0, 5, "acme");
	ok(trust_name_orgs(t));
	eq_str(called(0), "acme");
	eq_str(trust_org_name(t, 0), digits[0]); /* rules stay with that */
	ok(!trust_name_orgs(t));
	say(0, 0, 4, "older");
	ok(!trust_name_orgs(t));
	eq_str(called(0), "acme");
	say(0, 0, 6, "beta");
	ok(trust_name_orgs(t));
	eq_str(called(0), "beta");
	say(0, 1, 7, "gamma"); /* of another's it says nothing that counts */
	ok(!trust_name_orgs(t));
	eq_str(called(1), digits[1]);
	say(0, 0, 8, digits[0]);
	ok(trust_name_orgs(t));
	eq_str(called(0), digits[0]);
}

static void a_name_is_free_again_when_its_org_goes(void)
{
	fresh();
	say(0, 0, 1, "acme");
	say(1, 1, 1, "acme");
	trust_orgs(0, 2);
	eq_str(called(0), digits[0]);
	eq_str(called(1), digits[1]);
	trust_orgs(1, 2);
	eq_str(called(1), "acme");
	trust_orgs(0, 3);
	eq_str(called(1), digits[1]);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		T(an_alias_looks_like_no_other_name),
		T(who_is_called_what),
		T(the_digits_of_another_are_nobodys_alias),
		T(no_two_have_one_name),
		T(an_alias_that_comes_later_counts),
		T(a_name_is_free_again_when_its_org_goes),
	};

	test_crypto();
	for (unsigned i = 0; i <= ORGS; i++) {
		const uint8_t seed[32] = { (uint8_t)(i + 40) };

		ed25519_from_seed(&keys[i], &secrets[i], seed);
		if (i < ORGS)
			org_name_default(&keys[i], digits[i]);
	}
	return tap_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
