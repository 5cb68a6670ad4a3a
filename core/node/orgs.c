/* What orgs say of others and of us: who comes in by it, and who goes.
 *
 * Statements and certificates are verified here or in the rooms below, and kept whatever they say;
 * who is in by them is judged in core/identity/trust. A word about one key is a question about that
 * key alone, a new round of the trust store is one about all. Time counts by the wall clock, or by
 * the newest moment at which something was signed that we verified, where that is later: so a
 * machine that starts in 1970 joins too. */
#include "node/node_impl.h"

#include <string.h>

void orgs_place(struct orgs_layout *l, uint32_t members, size_t *at)
{
	(void)members;
	l->statements = node_place(at, statement_store_size(NODE_STATEMENTS));
}

void orgs_init(struct node *n, uint8_t *base, const struct orgs_layout *l, struct moment now)
{
	struct node_orgs *o = &n->orgs;

	(void)now;
	o->statements = statement_store_init(base + l->statements, NODE_STATEMENTS, n->hash_key);
	o->newest = n->config.built;
	o->look_at = INSTANT_NEVER;
	trust_use(n->trust, o->statements, n->config.open);
}

uint64_t orgs_now(const struct node *n, struct moment now)
{
	return now.wall.s > n->orgs.newest ? now.wall.s : n->orgs.newest;
}

/* Only what a trusted org signed tells the time. */
static void tell_time(struct node *n, const struct public_key *org, uint64_t issued)
{
	if (trust_find_org(n->trust, org) != TRUST_NONE && issued > n->orgs.newest)
		n->orgs.newest = issued;
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

static void admit_key(struct node *n, const struct public_key *key, struct moment now)
{
	uint32_t slot = TRUST_NONE;
	enum trust_result result = trust_admit_key(n->trust, key, orgs_now(n, now), &slot);

	let_in(n, result, slot, now);
}

/* Something was said about this key. */
static void judge_key(struct node *n, const struct public_key *key, struct moment now)
{
	uint32_t slot = trust_find(n->trust, key);

	if (slot == TRUST_NONE) {
		admit_key(n, key, now);
		return;
	}
	trust_judge_slot(n->trust, slot, orgs_now(n, now));
	peering_check(n, slot, now);
}

/* Who was vouched for by orgs that are trusted since, or was denied until now. */
static void admit_all(struct node *n, struct moment now)
{
	uint32_t at = STATEMENT_NONE;

	while ((at = statement_store_next(n->orgs.statements, at)) != STATEMENT_NONE) {
		const struct statement_body *b = &statement_store_at(n->orgs.statements, at)->body;

		tell_time(n, &b->issuer, b->issued);
		if (b->kind == STATEMENT_VOUCH && trust_find(n->trust, &b->subject) == TRUST_NONE)
			admit_key(n, &b->subject, now);
	}
}

/* --- what the shell gives */

/* These very bytes were verified: most are, whenever the trust store is given anew. */
static bool is_there(const struct node *n, const struct statement_claim *c)
{
	const struct statement *there;
	uint32_t slot = statement_store_find(n->orgs.statements, c->body.kind, &c->body.issuer,
					     &c->body.subject);

	if (slot == STATEMENT_NONE)
		return false;
	there = statement_store_at(n->orgs.statements, slot);
	return there->len == c->len && !memcmp(there->wire, c->wire, c->len);
}

static void take_statement(struct node *n, struct bytes wire, struct moment now)
{
	struct statement_claim claim;
	struct statement statement;
	uint32_t slot;
	bool decoded = statement_decode(wire, &claim);

	if (decoded && is_there(n, &claim))
		return;
	if (!decoded || !statement_verify(&claim, &statement)) {
		n->bad_keys++;
		return;
	}
	if (statement_store_put(n->orgs.statements, &statement, &slot) == STATEMENT_NEW)
		judge_key(n, &statement.body.subject, now);
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

		if (certificate_validity(c, orgs_now(n, now)).state == VALIDITY_GOOD &&
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

	for (unsigned i = 0; i < o->own_count; i++)
		tell_time(n, &o->own[i].body.org, o->own[i].body.not_before);
	trust_end(n->trust, orgs_now(n, now));
	peering_sweep(n, now);
	admit_all(n, now);
	name_certificate(n, now);
	o->look_at = now.boot;
}

/* --- time */

static struct instant at_wall(struct moment now, uint64_t seconds)
{
	uint64_t left = seconds > now.wall.s ? seconds - now.wall.s : 0;

	/* The clock may be set meanwhile: it is looked at once an hour. */
	return instant_add(now.boot, span_s(left < 3600 ? left : 3600));
}

void orgs_tick(struct node *n, struct moment now)
{
	struct node_orgs *o = &n->orgs;
	uint64_t expiry;

	if (!instant_reached(o->look_at, now.boot))
		return;
	if (trust_expiry(n->trust) <= orgs_now(n, now)) {
		trust_judge(n->trust, orgs_now(n, now));
		peering_sweep(n, now);
	}
	name_certificate(n, now);
	expiry = trust_expiry(n->trust);
	for (unsigned i = 0; i < o->own_count; i++)
		if (o->own[i].body.expires > orgs_now(n, now) && o->own[i].body.expires < expiry)
			expiry = o->own[i].body.expires;
	o->look_at = expiry == UINT64_MAX ? INSTANT_NEVER : at_wall(now, expiry);
}

struct instant orgs_deadline(const struct node *n)
{
	return n->orgs.look_at;
}
