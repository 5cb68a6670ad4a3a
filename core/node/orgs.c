/* What orgs say of others and of us: who comes in by it, and who goes.
 *
 * Statements and certificates are verified here or in the rooms below, and kept whatever they say;
 * who is in by them is judged in core/identity/trust. A word about one key is a question about that
 * key alone, a new round of the trust store is one about all. Time counts by the wall clock, or
 * where that is later from when this program was made, and for what an org says by the newest
 * moment at which it signed anything: so a machine of 1970 joins too, and no org can end what
 * another one said. */
#include "node/node_impl.h"

#include <string.h>

/* One org may take half of them. */
static uint32_t certificates_of(uint32_t members)
{
	return 2 * members;
}

void orgs_place(struct orgs_layout *l, uint32_t members, size_t *at)
{
	l->statements = node_place(at, statement_store_size(NODE_STATEMENTS));
	l->certificates = node_place(at, certificate_store_size(certificates_of(members)));
	l->spread = node_place(at, spread_size(members, NODE_STATEMENTS,
					       certificates_of(members)));
	l->introductions = node_place(at, introduce_size());
	l->unsaved = node_place(at, NODE_STATEMENTS / 8);
}

void orgs_init(struct node *n, uint8_t *base, const struct orgs_layout *l, struct moment now)
{
	struct node_orgs *o = &n->orgs;
	struct spread_config spread = {
		.members = n->config.members, .seed = random_u64(&n->random),
		.self = n->config.public,
	};
	struct introduce_config introduce = {
		.random = &n->random, .secret = &n->config.secret, .public = &n->config.public,
	};

	memcpy(introduce.hash_key, n->hash_key, sizeof(n->hash_key));
	o->statements = statement_store_init(base + l->statements, NODE_STATEMENTS, n->hash_key);
	o->certificates = certificate_store_init(base + l->certificates,
						 certificates_of(n->config.members),
						 n->hash_key);
	spread.statements = o->statements;
	spread.certificates = o->certificates;
	o->spread = spread_init(base + l->spread, &spread, now.boot);
	o->introductions = introduce_init(base + l->introductions, &introduce);
	o->unsaved = (uint64_t *)(void *)(base + l->unsaved);
	o->passed = now.boot;
	o->look_at = INSTANT_NEVER;
	trust_use(n->trust, o->statements, n->config.open);
}

uint64_t orgs_now(const struct node *n, struct moment now)
{
	uint64_t least = n->config.built + span_in_s(instant_since(now.boot, n->started));

	return now.wall.s > least ? now.wall.s : least;
}

bool orgs_own_is_good(const struct node *n, const struct certificate *c, struct moment now)
{
	uint64_t at = orgs_now(n, now);

	return certificate_validity(c, at > c->body.not_before ? at : c->body.not_before).state
	    == VALIDITY_GOOD;
}

/* --- who comes in */

static void let_in(struct node *n, enum trust_result result, uint32_t slot, struct moment now)
{
	if (result == TRUST_NEW)
		peering_admit(n, slot, now);
	else if (result == TRUST_SAME)
		service_bind(n, slot);
	else if (result == TRUST_FULL)
		n->orgs.no_room++;
}

void orgs_admit_key(struct node *n, const struct public_key *key, struct moment now)
{
	uint32_t slot = TRUST_NONE;
	enum trust_result result = trust_admit_key(n->trust, key, orgs_now(n, now), &slot);

	let_in(n, result, slot, now);
}

/* Where the clock is behind, others of its certificates may be over by that. */
static void org_said(struct node *n, const struct public_key *org, uint64_t at, struct moment now)
{
	if (!trust_org_time(n->trust, org, at) || at <= orgs_now(n, now) || n->orgs.in_round)
		return;
	trust_judge(n->trust, orgs_now(n, now));
	peering_sweep(n, now);
	service_bind_all(n); /* an org's rules end with the membership */
}

void orgs_admit_member(struct node *n, const struct certificate *c, struct moment now)
{
	uint32_t slot = TRUST_NONE;
	enum trust_result result;

	org_said(n, &c->body.org, c->body.not_before, now);
	result = trust_admit_certificate(n->trust, c, orgs_now(n, now), &slot);
	let_in(n, result, slot, now);
	if (!n->orgs.in_round) /* it may be the first to end */
		n->orgs.look_at = now.boot;
}

/* Something was said about this key. */
static void judge_key(struct node *n, const struct public_key *key, struct moment now)
{
	uint32_t slot = trust_find(n->trust, key);

	if (slot == TRUST_NONE) {
		orgs_admit_key(n, key, now);
		return;
	}
	trust_judge_slot(n->trust, slot, orgs_now(n, now));
	peering_check(n, slot, now);
}

/* Who is a member or vouched for, and was denied until now, or of an org that is trusted anew. */
static void admit_all(struct node *n, struct moment now)
{
	uint32_t at = STATEMENT_NONE;

	while ((at = statement_store_next(n->orgs.statements, at)) != STATEMENT_NONE) {
		const struct statement_body *b = &statement_store_at(n->orgs.statements, at)->body;

		if (b->kind == STATEMENT_VOUCH && trust_find(n->trust, &b->subject) == TRUST_NONE)
			orgs_admit_key(n, &b->subject, now);
	}
	at = CERTIFICATE_NONE;
	while ((at = certificate_store_next(n->orgs.certificates, at)) != CERTIFICATE_NONE)
		orgs_admit_member(n, certificate_store_at(n->orgs.certificates, at), now);
}

void orgs_keep(struct node *n, uint32_t statement)
{
	struct node_orgs *o = &n->orgs;
	uint64_t bit = UINT64_C(1) << statement % 64;

	o->unsaved_count += !(o->unsaved[statement / 64] & bit);
	o->unsaved[statement / 64] |= bit;
}

bool orgs_revoked_us(const struct node *n, const struct public_key *org)
{
	return statement_store_find(n->orgs.statements, STATEMENT_REVOCATION, org,
				    &n->config.public) != STATEMENT_NONE;
}

static void said_of_us(struct node *n, const struct statement_body *b, struct moment now)
{
	struct event e = { .at = now.boot, .kind = EV_REVOKED, .by = b->issuer,
			   .a = (int64_t)b->reason };

	if (b->kind == STATEMENT_REVOCATION)
		event_emit(&n->events, &e);
}

/* In a round they are named at its end. */
static void name_orgs(struct node *n, const struct statement_body *b, struct moment now)
{
	struct event e = { .at = now.boot, .kind = EV_ORG_NAMED, .by = b->issuer };

	if (!n->orgs.in_round && trust_name_orgs(n->trust))
		event_emit(&n->events, &e);
}

static void fact(struct node *n, const struct spread_fact *f, bool save, struct moment now)
{
	struct node_orgs *o = &n->orgs;

	if (f->kind == SPREAD_FACT_CERTIFICATE) {
		orgs_admit_member(n, certificate_store_at(o->certificates, f->slot), now);
		return;
	}

	struct statement_body b = statement_store_at(o->statements, f->slot)->body;

	org_said(n, &b.issuer, b.issued, now);
	if (save)
		orgs_keep(n, f->slot);
	if (b.kind == STATEMENT_ALIAS)
		name_orgs(n, &b, now);
	else if (!memcmp(&b.subject, &n->config.public, sizeof(b.subject)))
		said_of_us(n, &b, now);
	else
		judge_key(n, &b.subject, now);
}

static void take_facts(struct node *n, bool save, struct moment now)
{
	struct spread_fact f;

	while (spread_next_fact(n->orgs.spread, &f))
		fact(n, &f, save, now);
}

void orgs_facts(struct node *n, struct moment now)
{
	take_facts(n, true, now);
}

/* Takes one off the list, which must have one. */
static uint32_t next_unsaved(struct node_orgs *o)
{
	uint32_t i = 0, bit;

	while (!o->unsaved[i])
		i++;
	bit = (uint32_t)__builtin_ctzll(o->unsaved[i]);
	o->unsaved[i] &= o->unsaved[i] - 1;
	o->unsaved_count--;
	return i * 64 + bit;
}

void orgs_save(struct node *n, struct node_actions *actions)
{
	struct node_orgs *o = &n->orgs;

	while (o->unsaved_count && !actions->save_statement) {
		uint32_t slot = next_unsaved(o);

		/* It may be gone by now. */
		if (statement_store_next(o->statements, slot ? slot - 1 : STATEMENT_NONE) != slot)
			continue;
		actions->statement = *statement_store_at(o->statements, slot);
		actions->save_statement = true;
	}
}

void orgs_input(struct node *n, uint32_t slot, struct bytes message, struct moment now)
{
	spread_input(n->orgs.spread, now.boot, orgs_now(n, now), slot, message, &n->inner);
}

/* --- what the shell gives */

/* These very bytes were verified: most are, whenever the trust store is given anew. */
uint32_t orgs_has(const struct node *n, const struct statement_claim *c)
{
	const struct statement *there;
	uint32_t slot = statement_store_find(n->orgs.statements, c->body.kind, &c->body.issuer,
					     &c->body.subject);

	if (slot == STATEMENT_NONE)
		return STATEMENT_NONE;
	there = statement_store_at(n->orgs.statements, slot);
	return there->len == c->len && !memcmp(there->wire, c->wire, c->len) ? slot
									     : STATEMENT_NONE;
}

static void tell_orgs(struct node *n, struct moment now)
{
	struct public_key orgs[TRUST_ORGS];
	uint32_t count = trust_org_count(n->trust);

	for (uint32_t i = 0; i < count; i++)
		orgs[i] = *trust_org_key(n->trust, i);
	spread_orgs(n->orgs.spread, orgs, count, now.boot);
	n->orgs.told = true;
}

/* Nothing that would not be taken is worth a signature. */
static bool is_worth_it(struct node *n, const struct statement_body *b, struct moment now)
{
	if (b->kind == STATEMENT_SUCCESSOR)
		return true;
	if (trust_find_org(n->trust, &b->issuer) == TRUST_NONE)
		return false;
	if (!n->orgs.told) /* what it issued counts for an org that is new in this round */
		tell_orgs(n, now);
	return spread_judge(n->orgs.spread, b) == SPREAD_NEW;
}

static void take_statement(struct node *n, struct bytes wire, struct moment now)
{
	struct statement_claim claim;
	struct statement statement;
	bool decoded = statement_decode(wire, &claim);
	uint32_t slot = decoded ? orgs_has(n, &claim) : STATEMENT_NONE;

	if (slot != STATEMENT_NONE && claim.body.kind == STATEMENT_SUCCESSOR)
		successor_given(n, statement_store_at(n->orgs.statements, slot));
	if (slot != STATEMENT_NONE)
		return;
	if (decoded && !is_worth_it(n, &claim.body, now))
		return;
	if (!decoded || !(claim.body.kind == STATEMENT_SUCCESSOR
			  ? statement_verify(&claim, &statement)
			  : statement_verify_of_known(&claim, &statement))) {
		n->bad_keys++;
		return;
	}
	if (statement.body.kind == STATEMENT_SUCCESSOR) {
		statement_store_put(n->orgs.statements, &statement, &slot);
		successor_given(n, &statement);
		return;
	}
	spread_statement(n->orgs.spread, &statement, now.boot);
	take_facts(n, false, now);
}

/* Our own: of one org the last that is given. */
static void take_certificate(struct node *n, struct bytes wire)
{
	struct node_orgs *o = &n->orgs;
	struct certificate_claim claim;
	struct certificate c;
	unsigned i = 0;

	if (!certificate_decode(wire, &claim) || !certificate_verify(&claim, &c) ||
	    memcmp(&c.body.node, &n->config.public, sizeof(c.body.node)) != 0) {
		n->bad_keys++;
		return;
	}
	while (i < o->own_count &&
	       memcmp(&o->own[i].body.org, &c.body.org, sizeof(c.body.org)) != 0)
		i++;
	if (i == NODE_CERTIFICATES) {
		n->bad_keys++;
		return;
	}
	o->own[i] = c;
	o->own_count += i == o->own_count;
}

/* Ours that is valid longest is the one that our record names. */
static void name_certificate(struct node *n, struct moment now)
{
	const struct node_orgs *o = &n->orgs;
	const struct certificate *best = NULL;
	uint8_t hash[SIGNED_HASH] = { 0 };

	for (unsigned i = 0; i < o->own_count; i++) {
		const struct certificate *c = &o->own[i];

		if (orgs_own_is_good(n, c, now) &&
		    (!best || c->body.expires > best->body.expires))
			best = c;
	}
	if (best)
		certificate_hash(best, hash);
	n->record_stale |= memcmp(n->self.certificate, hash, sizeof(hash)) != 0;
	memcpy(n->self.certificate, hash, sizeof(hash));
}

void orgs_begin(struct node *n)
{
	n->orgs.own_count = 0;
	n->orgs.told = false;
	n->orgs.in_round = true;
	n->orgs.look_at = INSTANT_NEVER; /* of half a round nothing can be told */
	successor_begin(n);
}

void orgs_event(struct node *n, const struct node_event *e, struct moment now)
{
	switch (e->kind) {
	case NODE_TRUST_DENY:
		if (e->unreadable)
			trust_deny_unknown(n->trust);
		else if (trust_deny(n->trust, &e->key) == TRUST_FULL)
			n->bad_keys++;
		break;
	case NODE_TRUST_ORG:
		if (trust_add_org(n->trust, &e->key, e->name) >= TRUST_OWN_KEY)
			n->bad_keys++;
		break;
	case NODE_TRUST_STATEMENT:
		take_statement(n, e->data, now);
		break;
	case NODE_TRUST_CERTIFICATE:
		take_certificate(n, e->data);
		break;
	default:
		BUG_ON(true);
	}
}

void orgs_end(struct node *n, struct moment now)
{
	struct node_orgs *o = &n->orgs;

	o->in_round = false;
	for (unsigned i = 0; i < o->own_count; i++)
		(void)trust_org_time(n->trust, &o->own[i].body.org,
				     o->own[i].body.not_before);
	trust_end(n->trust, orgs_now(n, now));
	peering_sweep(n, now);
	tell_orgs(n, now);
	for (unsigned i = 0; i < o->own_count; i++)
		spread_certificate(o->spread, &o->own[i], now.boot, orgs_now(n, now));
	take_facts(n, false, now);
	admit_all(n, now);
	successor_end(n, now.boot);
	cache_introduce(n, now.boot);
	o->look_at = now.boot;
}

/* --- time */

static struct instant at_wall(struct moment now, uint64_t seconds)
{
	uint64_t left = seconds > now.wall.s ? seconds - now.wall.s : 0;

	/* The clock may be set meanwhile: it is looked at once an hour. */
	return instant_add(now.boot, span_s(left < 3600 ? left : 3600));
}

/* How near the end is: the number of steps that were passed. */
static const uint64_t steps[] = { 30 * 86400, 7 * 86400, 86400, 0 };
#define STEPS (sizeof(steps) / sizeof(*steps))

static uint8_t stage_of(uint64_t left)
{
	uint8_t stage = 0;

	while (stage < STEPS && left <= steps[stage])
		stage++;
	return stage;
}

static struct ending *ending_of(struct node_orgs *o, const struct certificate *c)
{
	uint8_t hash[SIGNED_HASH];
	struct ending *e;

	certificate_hash(c, hash);
	for (unsigned i = 0; i < NODE_CERTIFICATES; i++)
		if (!memcmp(o->endings[i].hash, hash, sizeof(hash)))
			return &o->endings[i];
	e = &o->endings[o->endings_at++ % NODE_CERTIFICATES];
	*e = (struct ending){ .stage = 0 };
	memcpy(e->hash, hash, sizeof(hash));
	return e;
}

/* Returns when there is more to tell of this certificate. */
static uint64_t tell_ending(struct node *n, const struct certificate *c, struct moment now)
{
	uint64_t wall = orgs_now(n, now), ends = c->body.expires;
	uint64_t left = ends > wall ? ends - wall : 0;
	uint8_t stage = stage_of(left);
	struct ending *told = ending_of(&n->orgs, c);
	struct event e = { .at = now.boot, .kind = EV_CERTIFICATE_ENDS, .by = c->body.org,
			   .a = (int64_t)left };

	if (stage > told->stage)
		event_emit(&n->events, &e);
	told->stage = stage;
	return stage < STEPS ? ends - steps[stage] : UINT64_MAX;
}

void orgs_tick(struct node *n, struct moment now)
{
	struct node_orgs *o = &n->orgs;
	uint64_t next, passed;

	if (!instant_reached(o->look_at, now.boot))
		return;
	passed = span_in_s(instant_since(now.boot, o->passed));
	trust_pass(n->trust, passed);
	o->passed = instant_add(o->passed, span_s(passed));
	if (trust_expiry(n->trust) <= trust_newest(n->trust, orgs_now(n, now))) {
		trust_judge(n->trust, orgs_now(n, now));
		peering_sweep(n, now);
		service_bind_all(n);
	}
	name_certificate(n, now);
	orgs_marks(n, now);
	next = trust_expiry(n->trust);
	for (unsigned i = 0; i < o->own_count; i++) {
		uint64_t more = tell_ending(n, &o->own[i], now);

		next = more < next ? more : next;
	}
	o->look_at = next == UINT64_MAX ? INSTANT_NEVER : at_wall(now, next);
}

struct instant orgs_deadline(const struct node *n)
{
	return n->orgs.look_at;
}
