/* hold.c - the one way into the stores and out of them: index, sums, queue and facts follow.
 *
 * What costs nothing is asked first: time, revocation, age, room. A signature is checked only for
 * what would then be taken. A forged one costs its sender as much as many good ones. */
#include "org/hold.h"

#include "org/facts.h"
#include "org/index.h"
#include "org/rumour.h"

#define VERIFY_EACH_MS 5u     /* 200 a second for each sender */
#define VERIFY_BURST 512u
#define FORGED_COSTS_MS 80u   /* besides */

struct bytes hold_wire(const struct spread *s, const struct ref *ref)
{
	if (ref->kind == SPREAD_CERTIFICATE) {
		const struct certificate *c = certificate_store_at(s->certificates, ref->slot);

		return bytes_of(c->wire, c->len);
	}
	const struct statement *t = statement_store_at(s->statements, ref->slot);

	return bytes_of(t->wire, t->len);
}

bool hold_is_revocation(const struct spread *s, const struct ref *ref)
{
	return ref->kind == SPREAD_STATEMENT
	    && statement_store_at(s->statements, ref->slot)->body.kind == STATEMENT_REVOCATION;
}

static struct ref ref_of(const struct spread *s, enum spread_kind kind, uint32_t slot, unsigned org)
{
	const uint8_t *hash = kind == SPREAD_CERTIFICATE
			    ? certificate_store_hash(s->certificates, slot)
			    : statement_store_hash(s->statements, slot);

	return (struct ref){ .hash = load_be64(hash), .slot = slot, .kind = (uint8_t)kind,
			     .org = (uint8_t)org };
}

/* --- sums */

static uint32_t *counter_of(struct spread *s, const struct ref *ref)
{
	struct org *o = &s->orgs[ref->org];

	if (ref->kind == SPREAD_CERTIFICATE)
		return &o->certificates;
	return hold_is_revocation(s, ref) ? &o->revocations : &o->others;
}

static void count(struct spread *s, const struct ref *ref, bool in)
{
	uint32_t *all = ref->kind == SPREAD_CERTIFICATE ? &s->counters.certificates
							: &s->counters.statements;

	s->orgs[ref->org].digest += in ? ref->hash : -ref->hash;
	*counter_of(s, ref) += in ? 1 : UINT32_MAX;
	*all += in ? 1 : UINT32_MAX;
}

static void changed(struct spread *s, unsigned org)
{
	s->orgs[org].changed = s->now;
	s->counters.changes++;
}

/* While it, or what replaces it, is in the store. */
static void forget(struct spread *s, const struct ref *ref)
{
	count(s, ref, false);
	index_remove(s, ref);
	rumour_drop(s, ref);
	facts_cancel(s, (enum spread_kind)ref->kind, ref->slot);
	changed(s, ref->org);
}

static void note(struct spread *s, const struct ref *ref)
{
	count(s, ref, true);
	index_add(s, ref);
	facts_add(s, (enum spread_kind)ref->kind, ref->slot);
	changed(s, ref->org);
	note_fresh(s);
}

static void remove_certificate(struct spread *s, unsigned org, uint32_t slot)
{
	struct ref ref = ref_of(s, SPREAD_CERTIFICATE, slot, org);

	forget(s, &ref);
	certificate_store_remove(s->certificates, slot);
}

static void remove_statement(struct spread *s, unsigned org, uint32_t slot)
{
	struct ref ref = ref_of(s, SPREAD_STATEMENT, slot, org);

	forget(s, &ref);
	statement_store_remove(s->statements, slot);
}

static void expires_at(struct spread *s, uint64_t wall)
{
	if (wall < s->next_expiry)
		s->next_expiry = wall;
}

/* --- may it come in? */

static bool is_revoked(const struct spread *s, const struct public_key *org,
		       const struct public_key *subject)
{
	return statement_store_find(s->statements, STATEMENT_REVOCATION, org, subject)
	       != STATEMENT_NONE;
}

/* Of so much room, what one of the orgs may take: one such part is left when all took theirs, so
 * that they keep nobody out who comes later. */
static uint32_t share_of(const struct spread *s, uint32_t room)
{
	return (room + s->org_count) / (s->org_count + 1);
}

static enum spread_put judge_certificate(const struct spread *s, unsigned org,
					 const struct certificate_body *b)
{
	uint32_t at;
	const struct certificate_body *there;

	/* One that has not begun says that our clock is behind. */
	if (s->wall >= b->expires)
		return SPREAD_NOT_VALID;
	if (is_revoked(s, &b->org, &b->node))
		return SPREAD_REVOKED;
	at = certificate_store_find(s->certificates, &b->org, &b->node);
	if (at == CERTIFICATE_NONE)
		return s->orgs[org].certificates <
		       share_of(s, certificate_store_cap(s->certificates))
		       ? SPREAD_NEW : SPREAD_FULL;
	there = &certificate_store_at(s->certificates, at)->body;
	return b->not_before < there->not_before
	       || (b->not_before == there->not_before && b->expires < there->expires)
	       ? SPREAD_OLDER : SPREAD_NEW;
}

/* Of the room for all else, which is half of that for revocations, the same share. */
static enum spread_put judge_statement(const struct spread *s, unsigned org,
				       const struct statement_body *b)
{
	uint32_t cap = statement_store_cap(s->statements);
	const struct org *o = &s->orgs[org];
	uint32_t at;

	if (b->kind == STATEMENT_SUCCESSOR)
		return SPREAD_NOT_VALID;
	if (b->kind == STATEMENT_VOUCH && is_revoked(s, &b->issuer, &b->subject))
		return SPREAD_REVOKED;
	at = statement_store_find(s->statements, b->kind, &b->issuer, &b->subject);
	if (at != STATEMENT_NONE)
		return b->number < statement_store_at(s->statements, at)->body.number
		       ? SPREAD_OLDER : SPREAD_NEW;
	if (b->kind == STATEMENT_REVOCATION)
		return o->revocations < share_of(s, cap) ? SPREAD_NEW : SPREAD_FULL;
	return o->others < share_of(s, (cap + 1) / 2) ? SPREAD_NEW : SPREAD_FULL;
}

enum spread_put hold_judge(const struct spread *s, const struct statement_body *b)
{
	uint32_t org = org_find(s, &b->issuer);

	return org == NONE ? SPREAD_NOT_TRUSTED : judge_statement(s, org, b);
}

/* --- in */

enum spread_put hold_certificate(struct spread *s, const struct certificate *c, struct ref *taken)
{
	const struct certificate_body *b = &c->body;
	uint32_t org = org_find(s, &b->org), slot;
	struct ref old = { 0 };
	enum spread_put put;

	if (org == NONE)
		return SPREAD_NOT_TRUSTED;
	put = judge_certificate(s, org, b);
	if (put != SPREAD_NEW)
		return put;
	slot = certificate_store_find(s->certificates, &b->org, &b->node);
	if (slot != CERTIFICATE_NONE)
		old = ref_of(s, SPREAD_CERTIFICATE, slot, org);
	switch (certificate_store_put(s->certificates, c, &slot)) {
	case CERTIFICATE_SAME:
		return SPREAD_SAME;
	case CERTIFICATE_OLDER:
		return SPREAD_OLDER;
	case CERTIFICATE_FULL:
		return SPREAD_FULL;
	case CERTIFICATE_NEW:
		break;
	}
	if (old.kind)
		forget(s, &old);
	*taken = ref_of(s, SPREAD_CERTIFICATE, slot, org);
	note(s, taken);
	expires_at(s, b->expires);
	return SPREAD_NEW;
}

/* What the revocation does away with. */
static void revoke(struct spread *s, unsigned org, const struct statement_body *b)
{
	uint32_t at = certificate_store_find(s->certificates, &b->issuer, &b->subject);

	if (at != CERTIFICATE_NONE)
		remove_certificate(s, org, at);
	at = statement_store_find(s->statements, STATEMENT_VOUCH, &b->issuer, &b->subject);
	if (at != STATEMENT_NONE)
		remove_statement(s, org, at);
}

enum spread_put hold_statement(struct spread *s, const struct statement *statement,
			       struct ref *taken)
{
	const struct statement_body *b = &statement->body;
	uint32_t org = org_find(s, &b->issuer), slot;
	struct ref old = { 0 };
	enum spread_put put;

	if (org == NONE)
		return SPREAD_NOT_TRUSTED;
	put = judge_statement(s, org, b);
	if (put != SPREAD_NEW)
		return put;
	slot = statement_store_find(s->statements, b->kind, &b->issuer, &b->subject);
	if (slot != STATEMENT_NONE)
		old = ref_of(s, SPREAD_STATEMENT, slot, org);
	switch (statement_store_put(s->statements, statement, &slot)) {
	case STATEMENT_SAME:
		return SPREAD_SAME;
	case STATEMENT_OLDER:
		return SPREAD_OLDER;
	case STATEMENT_FULL:
		return SPREAD_FULL;
	case STATEMENT_NEW:
		break;
	}
	if (old.kind)
		forget(s, &old);
	*taken = ref_of(s, SPREAD_STATEMENT, slot, org);
	note(s, taken);
	if (b->kind == STATEMENT_REVOCATION)
		revoke(s, org, b);
	return SPREAD_NEW;
}

/* --- from a peer */

static bool may_verify(struct spread *s, uint32_t from)
{
	if (bucket_take(&s->peers[from].verify_full, s->now, span_ms(VERIFY_EACH_MS), VERIFY_BURST))
		return true;
	s->counters.drop_rate++;
	return false;
}

static bool forged(struct spread *s, uint32_t from)
{
	struct peer *p = &s->peers[from];

	p->verify_full = instant_add(p->verify_full, span_ms(FORGED_COSTS_MS));
	s->counters.org_bad_sig++;
	return false;
}

static bool took(struct spread *s, enum spread_put put)
{
	struct spread_counters *c = &s->counters;
	uint64_t *const counter[] = {
		[SPREAD_NEW] = &c->objects_new, [SPREAD_SAME] = &c->objects_known,
		[SPREAD_OLDER] = &c->drop_older, [SPREAD_FULL] = &c->drop_full,
		[SPREAD_NOT_TRUSTED] = &c->drop_not_trusted, [SPREAD_REVOKED] = &c->drop_revoked,
		[SPREAD_NOT_VALID] = &c->drop_not_valid,
	};

	++*counter[put];
	return put == SPREAD_NEW;
}

static bool learn_certificate(struct spread *s, uint32_t from, unsigned org, struct bytes wire,
			      struct ref *taken)
{
	struct certificate_claim claim;
	struct certificate c;
	enum spread_put put;

	if (!certificate_decode(wire, &claim)) {
		s->counters.drop_malformed++;
		return false;
	}
	put = judge_certificate(s, org, &claim.body);
	if (put != SPREAD_NEW)
		return took(s, put);
	if (!may_verify(s, from))
		return false;
	if (!certificate_verify(&claim, &c))
		return forged(s, from);
	return took(s, hold_certificate(s, &c, taken));
}

static bool learn_statement(struct spread *s, uint32_t from, unsigned org, struct bytes wire,
			    struct ref *taken)
{
	struct statement_claim claim;
	struct statement statement;
	enum spread_put put;

	if (!statement_decode(wire, &claim)) {
		s->counters.drop_malformed++;
		return false;
	}
	put = judge_statement(s, org, &claim.body);
	if (put != SPREAD_NEW)
		return took(s, put);
	if (!may_verify(s, from))
		return false;
	if (!statement_verify_of_known(&claim, &statement)) /* a trusted org's */
		return forged(s, from);
	return took(s, hold_statement(s, &statement, taken));
}

bool hold_learn(struct spread *s, uint32_t from, unsigned org, const struct spread_object *o,
		struct ref *taken)
{
	return o->kind == SPREAD_CERTIFICATE ? learn_certificate(s, from, org, o->wire, taken)
					     : learn_statement(s, from, org, o->wire, taken);
}

/* --- all of it */

static void recount(struct spread *s, enum spread_kind kind, uint32_t slot, unsigned org)
{
	struct ref ref = ref_of(s, kind, slot, org);

	index_append(s, &ref);
	count(s, &ref, true);
}

static void recount_certificates(struct spread *s)
{
	uint32_t slot = CERTIFICATE_NONE;

	while ((slot = certificate_store_next(s->certificates, slot)) != CERTIFICATE_NONE) {
		const struct certificate_body *b =
			&certificate_store_at(s->certificates, slot)->body;
		uint32_t org = org_find(s, &b->org);

		if (org != NONE && !is_revoked(s, &b->org, &b->node)) {
			expires_at(s, b->expires);
			recount(s, SPREAD_CERTIFICATE, slot, org);
			continue;
		}
		facts_cancel(s, SPREAD_CERTIFICATE, slot);
		certificate_store_remove(s->certificates, slot);
		s->counters.changes++;
	}
}

static void recount_statements(struct spread *s)
{
	uint32_t slot = STATEMENT_NONE;

	while ((slot = statement_store_next(s->statements, slot)) != STATEMENT_NONE) {
		const struct statement_body *b = &statement_store_at(s->statements, slot)->body;
		uint32_t org = org_find(s, &b->issuer);

		if (b->kind == STATEMENT_SUCCESSOR)
			continue;
		if (org != NONE && (b->kind != STATEMENT_VOUCH
				    || !is_revoked(s, &b->issuer, &b->subject))) {
			recount(s, SPREAD_STATEMENT, slot, org);
			continue;
		}
		facts_cancel(s, SPREAD_STATEMENT, slot);
		statement_store_remove(s->statements, slot);
		s->counters.changes++;
	}
}

void hold_recount(struct spread *s)
{
	for (unsigned i = 0; i < s->org_count; i++) {
		struct org *o = &s->orgs[i];

		o->digest = 0;
		o->certificates = o->revocations = o->others = 0;
	}
	s->counters.certificates = s->counters.statements = 0;
	s->held = 0;
	s->next_expiry = UINT64_MAX;
	recount_certificates(s);
	recount_statements(s);
	index_sort(s);
}

void hold_expire(struct spread *s)
{
	uint32_t slot = CERTIFICATE_NONE;

	if (s->wall < s->next_expiry)
		return;
	s->next_expiry = UINT64_MAX;
	while ((slot = certificate_store_next(s->certificates, slot)) != CERTIFICATE_NONE) {
		const struct certificate_body *b =
			&certificate_store_at(s->certificates, slot)->body;

		if (s->wall < b->expires)
			expires_at(s, b->expires);
		else
			remove_certificate(s, org_find(s, &b->org), slot);
	}
}
