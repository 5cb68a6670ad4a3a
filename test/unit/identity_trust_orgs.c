/* Who is admitted by whom: denials, the trust store, certificates, vouches, open; in which order,
 * for how long; and a naive judge that agrees. */
#include "tap.h"
#include "contexts.h"
#include "dies.h"

#include "base/rng.h"
#include "crypto/curve.h"
#include "identity/trust.h"

#define NOW 1000000u
#define HOUR 3600u
#define KEYS 12u        /* 0..3 are orgs, the others nodes */
#define ACME 0u
#define BETA 1u
#define OWN 11u

static struct public_key keys[KEYS];
static struct secret_key secrets[KEYS];
static struct trust *t;
static struct statement_store *said;

static void fresh(uint32_t members)
{
	static const uint8_t hash_key[16] = { 1, 2, 3 };
	static void *memory, *statements;

	free(memory);
	free(statements);
	memory = calloc(1, trust_size(members));
	statements = calloc(1, statement_store_size(64));
	said = statement_store_init(statements, 64, hash_key);
	t = trust_init(memory, members, hash_key, &keys[OWN]);
	trust_use(t, said, false);
}

static struct certificate certificate(unsigned org, unsigned node, uint64_t begins, uint64_t ends)
{
	struct certificate_body b = { .org = keys[org], .node = keys[node], .not_before = begins,
				      .expires = ends };
	struct certificate c;

	snprintf(b.name, sizeof(b.name), "node%u", node);
	ok(certificate_sign(&b, &secrets[org], &c));
	return c;
}

/* The one org that it is a member of, or TRUST_NONE. */
static uint32_t org_of(uint32_t slot)
{
	uint32_t orgs[TRUST_MEMBERSHIPS];
	unsigned count = trust_orgs_of(t, slot, orgs);

	ok(count <= 1);
	return count ? orgs[0] : TRUST_NONE;
}

static void say(enum statement_kind kind, unsigned org, unsigned node)
{
	struct statement_body b = { .kind = kind, .issuer = keys[org], .subject = keys[node],
				    .number = 1 };
	struct statement s;
	uint32_t slot;

	ok(statement_sign(&b, &secrets[org], NULL, &s));
	ok(statement_store_put(said, &s, &slot) != STATEMENT_FULL);
}

static enum trust_result show(unsigned org, unsigned node, uint64_t ends, uint64_t now)
{
	struct certificate c = certificate(org, node, NOW - HOUR, ends);
	uint32_t slot;

	return trust_admit_certificate(t, &c, now, &slot);
}

static enum admission admission(unsigned node)
{
	return trust_admission(t, trust_find(t, &keys[node]));
}

/* Removes what is stale; how many that were. */
static unsigned sweep(void)
{
	unsigned n = 0;

	for (uint32_t s = TRUST_NONE; (s = trust_stale(t, s)) != TRUST_NONE; n++)
		trust_remove(t, s);
	return n;
}

/* A round with ACME as the only org, and this node in the store unless it is 0. */
static void round_with(unsigned node)
{
	uint32_t slot;

	trust_begin(t);
	trust_add_org(t, &keys[ACME], "acme");
	if (node)
		trust_add(t, &keys[node], NULL, "local", &slot);
	trust_end(t, NOW);
	sweep();
}

static void a_certificate_of_a_trusted_org_admits(void)
{
	struct certificate c = certificate(ACME, 5, NOW - HOUR, NOW + HOUR);
	uint32_t slot = TRUST_NONE, again;

	fresh(8);
	eq_int(trust_admit_certificate(t, &c, NOW, &slot), TRUST_REFUSED);
	round_with(0);
	eq_int(trust_would_admit(t, &keys[5], &c, NOW), ADMIT_ORG);
	eq_int(trust_would_admit(t, &keys[5], NULL, NOW), ADMIT_NO);
	eq_int(trust_admit_certificate(t, &c, NOW, &slot), TRUST_NEW);
	eq_int(trust_admit_certificate(t, &c, NOW, &again), TRUST_SAME);
	eq_int(again, slot);
	eq_int(trust_find(t, &keys[5]), slot);
	eq_int(trust_admission(t, slot), ADMIT_ORG);
	eq_str(trust_name(t, slot), "node5");
	eq_int(trust_find_name(t, "node5"), TRUST_NONE); /* a mere label */
	eq_int(org_of(slot), trust_find_org(t, &keys[ACME]));
	eq_str(trust_org_name(t, org_of(slot)), "acme");
	ok(trust_expiry(t) == NOW + HOUR);
	eq_int(trust_stale(t, TRUST_NONE), TRUST_NONE);
	round_with(0); /* a reload does not touch it */
	eq_int(admission(5), ADMIT_ORG);
	eq_int(show(BETA, 6, NOW + HOUR, NOW), TRUST_REFUSED); /* an org that nobody trusts */
	eq_int(trust_count(t), 1);
}

static void time_ends_and_begins_an_admission(void)
{
	fresh(8);
	round_with(0);
	eq_int(show(ACME, 5, NOW, NOW), TRUST_REFUSED);
	eq_int(show(ACME, 5, NOW + 1, NOW), TRUST_NEW);
	eq_int(show(ACME, 6, NOW + HOUR, NOW - HOUR - 1), TRUST_REFUSED); /* not yet */
	eq_int(show(ACME, 6, NOW + HOUR, NOW - HOUR), TRUST_NEW);
	ok(trust_expiry(t) == NOW + 1);
	trust_judge(t, NOW);
	eq_int(sweep(), 0);
	trust_judge(t, trust_expiry(t));
	eq_int(sweep(), 1);
	eq_int(admission(5), ADMIT_NO);
	eq_int(admission(6), ADMIT_ORG);
	ok(trust_expiry(t) == NOW + HOUR);
	eq_int(show(ACME, 6, NOW + 9 * HOUR, NOW), TRUST_SAME); /* renewed in time */
	trust_judge(t, NOW + 8 * HOUR);
	eq_int(sweep(), 0);
	trust_judge(t, NOW + 9 * HOUR);
	eq_int(sweep(), 1);
	ok(trust_expiry(t) == UINT64_MAX);
}

static void an_older_certificate_does_not_take_the_place_of_a_newer_one(void)
{
	struct certificate old = certificate(ACME, 5, NOW - 2 * HOUR, NOW + HOUR);
	struct certificate new = certificate(ACME, 5, NOW - HOUR, NOW + 2 * HOUR);
	uint32_t slot;

	fresh(8);
	round_with(0);
	eq_int(trust_admit_certificate(t, &new, NOW, &slot), TRUST_NEW);
	eq_int(trust_admit_certificate(t, &old, NOW, &slot), TRUST_SAME);
	ok(trust_expiry(t) == NOW + HOUR + HOUR);
	trust_judge(t, NOW + HOUR);
	eq_int(sweep(), 0);
}

static void an_orgs_revocation_beats_what_it_signed(void)
{
	fresh(8);
	round_with(0);
	eq_int(show(ACME, 5, NOW + HOUR, NOW), TRUST_NEW);
	say(STATEMENT_VOUCH, ACME, 5);
	say(STATEMENT_REVOCATION, BETA, 5); /* of an org that nobody trusts */
	trust_judge(t, NOW);
	eq_int(sweep(), 0);
	say(STATEMENT_REVOCATION, ACME, 5);
	trust_judge(t, NOW);
	eq_int(sweep(), 1);
	eq_int(show(ACME, 5, NOW + 2 * HOUR, NOW), TRUST_REFUSED);
	trust_use(t, said, true);
	eq_int(show(ACME, 5, NOW + 2 * HOUR, NOW), TRUST_REFUSED); /* open or not */
	eq_int(trust_would_admit(t, &keys[6], NULL, NOW), ADMIT_OPEN);
	/* but another org may have it */
	trust_begin(t);
	trust_add_org(t, &keys[ACME], "acme");
	trust_add_org(t, &keys[BETA + 1], "gamma");
	trust_end(t, NOW);
	eq_int(show(BETA + 1, 5, NOW + HOUR, NOW), TRUST_NEW);
	eq_int(admission(5), ADMIT_ORG);
}

static void no_org_changes_local_trust(void)
{
	uint32_t slot;

	fresh(8);
	say(STATEMENT_REVOCATION, ACME, 5);
	round_with(5);
	eq_int(admission(5), ADMIT_AUTHORIZED);
	eq_int(show(ACME, 5, NOW + HOUR, NOW), TRUST_SAME);
	trust_judge(t, NOW);
	eq_int(sweep(), 0);
	slot = trust_find(t, &keys[5]);
	eq_int(trust_admission(t, slot), ADMIT_AUTHORIZED);
	eq_str(trust_name(t, slot), "local");
	eq_int(org_of(slot), TRUST_NONE); /* revoked: no member */
}

static void a_member_that_is_trusted_too_keeps_its_slot(void)
{
	uint32_t slot;

	fresh(8);
	round_with(0);
	eq_int(show(ACME, 5, NOW + HOUR, NOW), TRUST_NEW);
	slot = trust_find(t, &keys[5]);
	round_with(5);
	eq_int(trust_find(t, &keys[5]), slot);
	eq_int(trust_admission(t, slot), ADMIT_AUTHORIZED);
	eq_int(trust_find_name(t, "local"), slot);
	ok(org_of(slot) != TRUST_NONE);
	round_with(0);
	eq_int(trust_find(t, &keys[5]), slot);
	eq_int(trust_admission(t, slot), ADMIT_ORG);
	eq_str(trust_name(t, slot), "local"); /* a label by now */
	eq_int(trust_find_name(t, "local"), TRUST_NONE);
	eq_int(show(ACME, 5, NOW + HOUR, NOW), TRUST_SAME);
	eq_str(trust_name(t, slot), "node5");
	trust_begin(t); /* the org is trusted no more */
	trust_end(t, NOW);
	eq_int(sweep(), 1);
	eq_int(trust_count(t), 0);
	eq_int(trust_org_count(t), 0);
}

static uint32_t show_as(unsigned org, unsigned node, const char *name)
{
	struct certificate_body b = { .org = keys[org], .node = keys[node],
				      .not_before = NOW - HOUR, .expires = NOW + HOUR };
	uint32_t slot = TRUST_NONE;
	struct certificate c;

	memcpy(b.name, name, strlen(name) + 1);
	ok(certificate_sign(&b, &secrets[org], &c));
	ok(trust_admit_certificate(t, &c, NOW, &slot) <= TRUST_SAME);
	return slot;
}

static void labels_of_one_org_are_known_as_shared(void)
{
	uint32_t web, other, third;

	fresh(8);
	trust_begin(t);
	trust_add_org(t, &keys[ACME], "acme");
	trust_add_org(t, &keys[BETA], "beta");
	trust_end(t, NOW);
	web = show_as(ACME, 5, "web");
	ok(!trust_label_is_shared(t, web));
	third = show_as(BETA, 7, "web"); /* of another org */
	ok(!trust_label_is_shared(t, web) && !trust_label_is_shared(t, third));
	other = show_as(ACME, 6, "web");
	ok(trust_label_is_shared(t, web) && trust_label_is_shared(t, other));
	ok(!trust_label_is_shared(t, third));
	eq_int(trust_find_name(t, "web"), TRUST_NONE); /* they are no names */
	show_as(ACME, 6, "db");
	ok(!trust_label_is_shared(t, web) && !trust_label_is_shared(t, other));
	show_as(ACME, 6, "web");
	ok(trust_label_is_shared(t, web));
	say(STATEMENT_REVOCATION, ACME, 6);
	trust_judge(t, NOW);
	ok(!trust_label_is_shared(t, web));
	trust_remove(t, other);
	ok(!trust_label_is_shared(t, web));
}

static void a_vouch_admits_an_outsider(void)
{
	uint32_t slot;

	fresh(8);
	say(STATEMENT_VOUCH, ACME, 5);
	say(STATEMENT_VOUCH, BETA, 6);
	eq_int(trust_admit_key(t, &keys[5], NOW, &slot), TRUST_REFUSED);
	round_with(0);
	eq_int(trust_admit_key(t, &keys[5], NOW, &slot), TRUST_NEW);
	eq_int(trust_admission(t, slot), ADMIT_VOUCHED);
	eq_int(org_of(slot), TRUST_NONE);
	eq_int(trust_admit_key(t, &keys[6], NOW, &slot), TRUST_REFUSED);
	eq_int(trust_admit_key(t, &keys[7], NOW, &slot), TRUST_REFUSED);
	say(STATEMENT_REVOCATION, ACME, 5);
	trust_judge(t, NOW);
	eq_int(sweep(), 1);
	eq_int(trust_count(t), 0);
}

static void open_admits_everybody_but_who_is_denied(void)
{
	uint32_t slot;

	fresh(8);
	trust_use(t, NULL, true);
	trust_begin(t);
	eq_int(trust_deny(t, &keys[5]), TRUST_NEW);
	eq_int(trust_deny(t, &keys[5]), TRUST_SAME);
	trust_end(t, NOW);
	eq_int(trust_admit_key(t, &keys[5], NOW, &slot), TRUST_REFUSED);
	eq_int(trust_would_admit(t, &keys[5], NULL, NOW), ADMIT_DENIED);
	eq_int(trust_admit_key(t, &keys[6], NOW, &slot), TRUST_NEW);
	eq_int(trust_admission(t, slot), ADMIT_OPEN);
	eq_int(trust_admit_key(t, &keys[OWN], NOW, &slot), TRUST_OWN_KEY);
	eq_int(trust_would_admit(t, &keys[OWN], NULL, NOW), ADMIT_NO);
	eq_int(show(BETA, 7, NOW + HOUR, NOW), TRUST_NEW); /* of an org that nobody trusts */
	eq_int(admission(7), ADMIT_OPEN);
	ok(!strncmp(trust_name(t, trust_find(t, &keys[7])), "peer-", 5)); /* and so is its name */
	trust_use(t, NULL, false);
	trust_judge(t, NOW);
	eq_int(sweep(), 2);
}

static void a_denial_beats_everything(void)
{
	uint32_t slot;

	fresh(8);
	round_with(5);
	eq_int(show(ACME, 6, NOW + HOUR, NOW), TRUST_NEW);
	trust_begin(t);
	eq_int(trust_deny(t, &keys[5]), TRUST_NEW);
	eq_int(trust_deny(t, &keys[6]), TRUST_NEW);
	trust_add_org(t, &keys[ACME], "acme");
	eq_int(trust_add(t, &keys[5], NULL, "local", &slot), TRUST_REFUSED);
	trust_end(t, NOW);
	eq_int(sweep(), 2);
	eq_int(show(ACME, 6, NOW + HOUR, NOW), TRUST_REFUSED);
	eq_int(trust_would_admit(t, &keys[5], NULL, NOW), ADMIT_DENIED);
	/* given after the key it is denied all the same */
	trust_begin(t);
	eq_int(trust_add(t, &keys[5], NULL, "local", &slot), TRUST_NEW);
	eq_int(trust_deny(t, &keys[5]), TRUST_SAME);
	trust_end(t, NOW);
	eq_int(sweep(), 1);
	/* lifted: the same round that gives the key */
	round_with(5);
	eq_int(admission(5), ADMIT_AUTHORIZED);
	eq_int(show(ACME, 6, NOW + HOUR, NOW), TRUST_NEW);
}

static void while_a_round_is_given_the_last_one_holds(void)
{
	uint32_t slot;

	fresh(8);
	trust_begin(t);
	trust_deny(t, &keys[7]);
	trust_add_org(t, &keys[ACME], "acme");
	trust_add(t, &keys[5], NULL, "local", &slot);
	trust_end(t, NOW);
	trust_begin(t);
	eq_int(show(ACME, 6, NOW + HOUR, NOW), TRUST_NEW);
	eq_int(show(ACME, 7, NOW + HOUR, NOW), TRUST_REFUSED);
	trust_judge(t, NOW);
	eq_int(admission(5), ADMIT_AUTHORIZED);
	trust_end(t, NOW);
	eq_int(sweep(), 2);
	trust_begin(t);
	trust_begin(t); /* a reader that began anew */
	trust_end(t, NOW);
	eq_int(trust_count(t), 0);
}

static void too_many_denials_close_what_is_not_the_trust_store(void)
{
	uint32_t slot;

	fresh(2);
	trust_use(t, said, true);
	trust_begin(t);
	eq_int(trust_deny(t, &keys[5]), TRUST_NEW);
	eq_int(trust_deny(t, &keys[6]), TRUST_NEW);
	eq_int(trust_deny(t, &keys[7]), TRUST_FULL);
	trust_add_org(t, &keys[ACME], "acme");
	eq_int(trust_add(t, &keys[8], NULL, "local", &slot), TRUST_NEW);
	trust_end(t, NOW);
	eq_int(sweep(), 0);
	eq_int(trust_admit_key(t, &keys[7], NOW, &slot), TRUST_REFUSED);
	eq_int(show(ACME, 9, NOW + HOUR, NOW), TRUST_REFUSED);
	round_with(8);
	eq_int(show(ACME, 9, NOW + HOUR, NOW), TRUST_NEW);
}

static void unknown_denials_close_what_is_not_the_trust_store(void)
{
	uint32_t slot;

	fresh(4);
	round_with(8);
	eq_int(show(ACME, 9, NOW + HOUR, NOW), TRUST_NEW);
	trust_use(t, said, true);
	trust_begin(t);
	trust_deny_unknown(t);
	trust_add_org(t, &keys[ACME], "acme");
	eq_int(trust_add(t, &keys[8], NULL, "local", &slot), TRUST_SAME);
	trust_end(t, NOW);
	eq_int(sweep(), 1);
	eq_int(trust_admit_key(t, &keys[7], NOW, &slot), TRUST_REFUSED);
	eq_int(show(ACME, 9, NOW + HOUR, NOW), TRUST_REFUSED);
	round_with(8);
	eq_int(show(ACME, 9, NOW + HOUR, NOW), TRUST_NEW);
}

static void guests_leave_room_for_the_trust_store(void)
{
	uint32_t slot;

	fresh(4);
	round_with(0);
	for (unsigned i = 5; i < 8; i++)
		eq_int(show(ACME, i, NOW + HOUR, NOW), TRUST_NEW);
	eq_int(show(ACME, 8, NOW + HOUR, NOW), TRUST_FULL);
	trust_remove(t, trust_find(t, &keys[7]));
	eq_int(show(ACME, 7, NOW + HOUR, NOW), TRUST_NEW);
	eq_int(show(ACME, 8, NOW + HOUR, NOW), TRUST_FULL);
	trust_begin(t);
	trust_add_org(t, &keys[ACME], "acme");
	eq_int(trust_add(t, &keys[8], NULL, "local", &slot), TRUST_NEW);
	eq_int(trust_add(t, &keys[9], NULL, "more", &slot), TRUST_FULL);
	eq_int(trust_add(t, &keys[5], NULL, "five", &slot), TRUST_SAME); /* no guest any more */
	trust_end(t, NOW);
	trust_remove(t, trust_find(t, &keys[6]));
	eq_int(show(ACME, 9, NOW + HOUR, NOW), TRUST_NEW);
}

static void twins_are_refused_whoever_admits_them(void)
{
	struct certificate c = certificate(ACME, 5, NOW - HOUR, NOW + HOUR);
	struct public_key minus = keys[5], minus_own = keys[OWN], bad = { { 2 } };
	uint32_t slot;

	fresh(8);
	round_with(0);
	trust_use(t, said, true);
	eq_int(trust_admit_certificate(t, &c, NOW, &slot), TRUST_NEW);
	minus.b[31] ^= 0x80;
	minus_own.b[31] ^= 0x80;
	eq_int(trust_admit_key(t, &minus, NOW, &slot), TRUST_TWIN);
	eq_int(trust_admit_key(t, &minus_own, NOW, &slot), TRUST_TWIN);
	eq_int(trust_admit_key(t, &bad, NOW, &slot), TRUST_INVALID);
	eq_int(trust_add_org(t, &bad, "bad"), TRUST_INVALID);
	eq_int(trust_count(t), 1);
}

static void orgs_end_at_their_limit(void)
{
	fresh(8);
	trust_begin(t);
	for (unsigned i = 0; i <= TRUST_ORGS; i++) {
		const uint8_t seed[32] = { 99, (uint8_t)i };
		struct public_key k;
		struct secret_key s;

		ed25519_from_seed(&k, &s, seed);
		eq_int(trust_add_org(t, &k, "x"), i < TRUST_ORGS ? TRUST_NEW : TRUST_FULL);
		eq_int(trust_find_org(t, &k), i < TRUST_ORGS ? i : TRUST_NONE);
	}
	eq_int(trust_org_count(t), TRUST_ORGS);
	trust_begin(t);
	trust_add_org(t, &keys[ACME], "no-room-yet");
	trust_end(t, NOW);
	eq_int(trust_org_count(t), 0);
	trust_begin(t);
	eq_int(trust_add_org(t, &keys[ACME], "one"), TRUST_NEW);
	eq_int(trust_add_org(t, &keys[ACME], "two"), TRUST_SAME);
	trust_end(t, NOW);
	eq_str(trust_org_name(t, 0), "one");
	trust_begin(t);
	eq_int(trust_add_org(t, &keys[ACME], "two"), TRUST_SAME);
	trust_end(t, NOW);
	eq_str(trust_org_name(t, 0), "two");
	eq_mem(trust_org_key(t, 0), &keys[ACME], sizeof(keys[ACME]));
}

/* The slot of key 5, with a certificate of ACME for an hour and one of BETA for two. */
static uint32_t trust_of_two(void)
{
	uint32_t slot = TRUST_NONE;

	fresh(8);
	trust_begin(t);
	trust_add_org(t, &keys[ACME], "acme");
	trust_add_org(t, &keys[BETA], "beta");
	trust_end(t, NOW);
	eq_int(show(ACME, 5, NOW + HOUR, NOW), TRUST_NEW);
	eq_int(show(BETA, 5, NOW + 2 * HOUR, NOW), TRUST_SAME);
	slot = trust_find(t, &keys[5]);
	ok(slot != TRUST_NONE);
	return slot;
}

static void a_member_of_two_orgs_is_in_as_long_as_one_of_them_lets_it(void)
{
	uint32_t slot = trust_of_two(), orgs[TRUST_MEMBERSHIPS];

	eq_int(trust_orgs_of(t, slot, orgs), 2);
	eq_int(orgs[0], trust_find_org(t, &keys[ACME]));
	eq_int(orgs[1], trust_find_org(t, &keys[BETA]));
	eq_int(trust_member_until(t, slot), NOW + 2 * HOUR);
	trust_judge_slot(t, slot, NOW + HOUR);
	eq_int(trust_orgs_of(t, slot, orgs), 1);
	eq_int(trust_admission(t, slot), ADMIT_ORG);
	say(STATEMENT_REVOCATION, BETA, 5);
	trust_judge_slot(t, slot, NOW + HOUR);
	eq_int(trust_admission(t, slot), ADMIT_NO);
	eq_int(trust_member_until(t, slot), 0);
}

/* --- a naive judge: the sentence of the design, asked of plain tables */

static struct facts {
	bool denied[KEYS], authorized[KEYS], org[4], revoked[4][KEYS], vouched[4][KEYS], open;
	struct { bool is; uint64_t ends; } shown[4][KEYS];
} facts;

static enum admission naive(unsigned k, uint64_t now)
{
	bool revoked = false;

	if (facts.denied[k])
		return ADMIT_DENIED;
	if (facts.authorized[k])
		return ADMIT_AUTHORIZED;
	for (unsigned o = 0; o < 4; o++)
		if (facts.org[o] && !facts.revoked[o][k] && facts.shown[o][k].is
		    && now < facts.shown[o][k].ends)
			return ADMIT_ORG;
	for (unsigned o = 0; o < 4; o++) {
		if (facts.org[o] && !facts.revoked[o][k] && facts.vouched[o][k])
			return ADMIT_VOUCHED;
		revoked |= facts.org[o] && facts.revoked[o][k];
	}
	return facts.open && !revoked ? ADMIT_OPEN : ADMIT_NO;
}

static void random_round(struct rng *r, uint64_t now)
{
	uint32_t slot;

	trust_begin(t);
	for (unsigned k = 4; k < OWN; k++) {
		facts.denied[k] = rng_below(r, 5) == 0;
		if (facts.denied[k])
			trust_deny(t, &keys[k]);
	}
	for (unsigned o = 0; o < 4; o++) {
		facts.org[o] = rng_below(r, 2);
		if (facts.org[o])
			trust_add_org(t, &keys[o], "org");
	}
	for (unsigned k = 4; k < OWN; k++) {
		facts.authorized[k] = rng_below(r, 4) == 0;
		if (facts.authorized[k])
			(void)trust_add(t, &keys[k], NULL, "n", &slot);
	}
	trust_end(t, now);
	sweep();
	/* Whoever is out has to show its certificate again. */
	for (unsigned k = 4; k < OWN; k++)
		for (unsigned o = 0; trust_find(t, &keys[k]) == TRUST_NONE && o < 4; o++)
			facts.shown[o][k].is = false;
}

static void random_deed(struct rng *r, uint64_t now)
{
	unsigned o = (unsigned)rng_below(r, 4), k = 4 + (unsigned)rng_below(r, OWN - 4);
	struct certificate c = certificate(o, k, NOW - HOUR, now + 1 + rng_below(r, 50));
	uint32_t slot;

	switch (rng_below(r, 8)) {
	case 0:
		say(STATEMENT_REVOCATION, o, k);
		facts.revoked[o][k] = true;
		break;
	case 1:
		say(STATEMENT_VOUCH, o, k);
		facts.vouched[o][k] = true;
		break;
	case 2:
		facts.open = rng_below(r, 2);
		trust_use(t, said, facts.open);
		break;
	case 3:
		random_round(r, now);
		break;
	default:
		/* Of each org the last that was good. */
		if (facts.org[o] && !facts.revoked[o][k]) {
			facts.shown[o][k].is = true;
			facts.shown[o][k].ends = c.body.expires;
		}
		if (trust_admit_certificate(t, &c, now, &slot) == TRUST_REFUSED)
			for (unsigned i = 0; i < 4; i++)
				facts.shown[i][k].is = false;
		break;
	}
	trust_judge(t, now);
	sweep();
	for (k = 4; k < OWN; k++) {
		(void)trust_admit_key(t, &keys[k], now, &slot);
		for (o = 0; trust_find(t, &keys[k]) == TRUST_NONE && o < 4; o++)
			facts.shown[o][k].is = false;
	}
}

static void a_naive_judge_agrees(void)
{
	unsigned seen[6] = { 0 };
	struct rng r;

	rng_init(&r, 4);
	for (int world = 0; world < 60 && !tap_bad; world++) {
		memset(&facts, 0, sizeof(facts));
		fresh(16);
		for (uint64_t step = 0; step < 60; step++) {
			random_deed(&r, NOW + step);
			for (unsigned k = 4; k < OWN; k++) {
				enum admission want = naive(k, NOW + step), got = admission(k);

				seen[want]++;
				/* Who is out has no slot. */
				eq_int(got, want == ADMIT_DENIED ? ADMIT_NO : want);
				eq_int(trust_would_admit(t, &keys[k], NULL, NOW + step) ==
				       ADMIT_DENIED, want == ADMIT_DENIED);
			}
		}
	}
	for (unsigned i = 0; i < 6; i++)
		ok(seen[i] > 100); /* each kind of verdict came */
}

static void ask_for_another(void *arg)
{
	struct certificate c = certificate(ACME, 5, NOW, NOW + HOUR);

	(void)trust_would_admit(arg, &keys[6], &c, NOW);
}

static void a_certificate_of_another_key_is_a_bug(void)
{
	fresh(8);
	ok(dies(ask_for_another, t));
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		T(a_certificate_of_a_trusted_org_admits),
		T(time_ends_and_begins_an_admission),
		T(an_older_certificate_does_not_take_the_place_of_a_newer_one),
		T(an_orgs_revocation_beats_what_it_signed),
		T(no_org_changes_local_trust),
		T(a_member_that_is_trusted_too_keeps_its_slot),
		T(labels_of_one_org_are_known_as_shared),
		T(a_vouch_admits_an_outsider),
		T(open_admits_everybody_but_who_is_denied),
		T(a_denial_beats_everything),
		T(while_a_round_is_given_the_last_one_holds),
		T(too_many_denials_close_what_is_not_the_trust_store),
		T(unknown_denials_close_what_is_not_the_trust_store),
		T(guests_leave_room_for_the_trust_store),
		T(twins_are_refused_whoever_admits_them),
		T(orgs_end_at_their_limit),
		T(a_member_of_two_orgs_is_in_as_long_as_one_of_them_lets_it),
		T(a_naive_judge_agrees),
		T(a_certificate_of_another_key_is_a_bug),
	};

	test_crypto();
	for (unsigned i = 0; i < KEYS; i++) {
		const uint8_t seed[32] = { (uint8_t)(i + 1) };

		ed25519_from_seed(&keys[i], &secrets[i], seed);
	}
	return tap_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
