/* trust_judge.c - denials, orgs, and the one place that says whether a key is in, and why.
 *
 * Of a certificate only who, from when and until when is kept, so that every slot can be judged
 * again: after a round, after a statement, when time has passed. Lookups of denials and statements
 * are O(1), orgs are few.
 */
#include "identity/trust_impl.h"
#include "crypto/curve.h"
#include "identity/address.h"

#include <string.h>

void trust_use(struct trust *t, const struct statement_store *statements, bool open)
{
	t->statements = statements;
	t->open = open;
}

/* --- denials */

struct wanted {
	const struct trust *t;
	const struct public_key *key;
};

static bool same_denial(const void *ctx, uint32_t slot)
{
	const struct wanted *w = ctx;

	return !memcmp(&w->t->denials[slot].key, w->key, sizeof(*w->key));
}

static uint32_t find_denial(const struct trust *t, const struct public_key *key)
{
	return map_find(&t->denied, trust_hash(t, key, sizeof(*key)), same_denial,
			&(struct wanted){ t, key });
}

bool trust_is_denied(const struct trust *t, const struct public_key *key, bool old)
{
	uint32_t d = find_denial(t, key);

	return d != MAP_NONE && (old || t->denials[d].round == t->round);
}

void trust_deny_unknown(struct trust *t)
{
	t->denials_fit = false;
	t->denials_lost = true; /* at once: the lost one may come */
}

enum trust_result trust_deny(struct trust *t, const struct public_key *key)
{
	uint32_t d = find_denial(t, key);
	enum trust_result result = TRUST_SAME;

	if (d == MAP_NONE) {
		d = pool_get(&t->denial_pool);
		if (d == POOL_NONE) {
			trust_deny_unknown(t);
			return TRUST_FULL;
		}
		t->denials[d].key = *key;
		BUG_ON(!map_add(&t->denied, trust_hash(t, key, sizeof(*key)), d));
		result = TRUST_NEW;
	}
	t->denials[d].round = t->round;
	return result;
}

uint32_t trust_denied_count(const struct trust *t)
{
	return t->denial_pool.count;
}

static void forget_denials(struct trust *t)
{
	for (uint32_t d = 0; d < t->denial_pool.fresh; d++) {
		struct denial *denial = &t->denials[d];

		if (!pool_used(&t->denial_pool, d) || denial->round == t->round)
			continue;
		BUG_ON(!map_remove(&t->denied, trust_hash(t, &denial->key, sizeof(denial->key)),
				   d));
		pool_put(&t->denial_pool, d);
	}
	t->denials_lost = !t->denials_fit;
}

/* --- orgs */

uint32_t trust_find_org(const struct trust *t, const struct public_key *key)
{
	for (uint32_t i = 0; i < t->org_count; i++)
		if (!memcmp(&t->orgs[i].key, key, sizeof(*key)))
			return i;
	return TRUST_NONE;
}

enum trust_result trust_add_org(struct trust *t, const struct public_key *key, const char *name)
{
	enum trust_result result = TRUST_SAME;
	uint32_t org = trust_find_org(t, key);
	struct dh_public dh;

	BUG_ON(!name_valid(name, strlen(name)));
	if (org == TRUST_NONE) {
		if (!ed25519_to_dh_public(&dh, key))
			return TRUST_INVALID;
		if (t->org_count == TRUST_ORGS)
			return TRUST_FULL;
		org = t->org_count++;
		t->orgs[org] = (struct trusted_org){ .key = *key,
						     .hash = trust_hash(t, key, sizeof(*key)) };
		result = TRUST_NEW;
	}
	if (t->orgs[org].round != t->round) {
		t->orgs[org].round = t->round;
		if (result == TRUST_NEW || strcmp(t->org_names[org].given, name) != 0)
			org_name_init(&t->org_names[org], key, name);
	}
	return result;
}

bool trust_org_time(struct trust *t, const struct public_key *key, uint64_t seconds)
{
	uint32_t org = trust_find_org(t, key);

	if (org == TRUST_NONE || seconds <= t->orgs[org].newest)
		return false;
	t->orgs[org].newest = seconds;
	return true;
}

void trust_pass(struct trust *t, uint64_t seconds)
{
	for (uint32_t i = 0; i < t->org_count; i++)
		if (t->orgs[i].newest <= UINT64_MAX - seconds)
			t->orgs[i].newest += seconds;
}

uint64_t trust_newest(const struct trust *t, uint64_t now)
{
	for (uint32_t i = 0; i < t->org_count; i++)
		now = t->orgs[i].newest > now ? t->orgs[i].newest : now;
	return now;
}

/* What it calls itself. */
static const char *alias_of(const struct statement_store *s, const struct public_key *org)
{
	uint32_t at = statement_store_find(s, STATEMENT_ALIAS, org, org);

	return at == STATEMENT_NONE ? "" : statement_store_at(s, at)->body.name;
}

static void forget_orgs(struct trust *t)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < t->org_count; i++) {
		if (t->orgs[i].round != t->round)
			continue;
		t->orgs[kept] = t->orgs[i];
		t->org_names[kept++] = t->org_names[i];
	}
	t->org_count = kept;
}

uint32_t trust_org_count(const struct trust *t)
{
	return t->org_count;
}

const struct public_key *trust_org_key(const struct trust *t, uint32_t org)
{
	BUG_ON(org >= t->org_count);
	return &t->orgs[org].key;
}

const char *trust_org_name(const struct trust *t, uint32_t org)
{
	BUG_ON(org >= t->org_count);
	return t->org_names[org].given;
}

const char *trust_org_called(const struct trust *t, uint32_t org)
{
	BUG_ON(org >= t->org_count);
	return org_name_called(&t->org_names[org]);
}

bool trust_name_orgs(struct trust *t)
{
	bool before[TRUST_ORGS], news = false;

	for (uint32_t i = 0; i < t->org_count; i++) {
		const struct public_key *key = &t->orgs[i].key;
		const char *alias = t->statements ? alias_of(t->statements, key) : "";

		before[i] = t->org_names[i].by_alias;
		news |= before[i] && strcmp(t->org_names[i].alias, alias) != 0;
		memset(t->org_names[i].alias, 0, sizeof(t->org_names[i].alias));
		memcpy(t->org_names[i].alias, alias, strlen(alias));
	}
	org_names_settle(t->org_names, t->org_count);
	for (uint32_t i = 0; i < t->org_count; i++)
		news |= before[i] != t->org_names[i].by_alias;
	return news;
}

/* --- judging */

static bool has_said(const struct trust *t, enum statement_kind kind, const struct public_key *org,
		     const struct public_key *key)
{
	return t->statements
	    && statement_store_find(t->statements, kind, org, key) != STATEMENT_NONE;
}

static uint32_t org_of(const struct trust *t, const struct membership *m)
{
	for (uint32_t i = 0; i < t->org_count; i++)
		if (t->orgs[i].hash == m->org)
			return i;
	return TRUST_NONE;
}

static bool membership_is_good(const struct trust *t, const struct public_key *key,
			       const struct membership *m, uint64_t now)
{
	uint32_t org = m->expires ? org_of(t, m) : TRUST_NONE;

	if (org != TRUST_NONE && t->orgs[org].newest > now)
		now = t->orgs[org].newest;
	return org != TRUST_NONE && m->not_before <= now && now < m->expires
	    && !has_said(t, STATEMENT_REVOCATION, &t->orgs[org].key, key);
}

/* Vouched for by an org that has not revoked the key, or ADMIT_OPEN where none has. */
static enum admission judge_stranger(const struct trust *t, const struct public_key *key)
{
	bool revoked = false;

	for (uint32_t i = 0; i < t->org_count; i++) {
		const struct public_key *org = &t->orgs[i].key;

		if (has_said(t, STATEMENT_REVOCATION, org, key))
			revoked = true;
		else if (has_said(t, STATEMENT_VOUCH, org, key))
			return ADMIT_VOUCHED;
	}
	return t->open && !revoked ? ADMIT_OPEN : ADMIT_NO;
}

static enum admission judge(const struct trust *t, const struct public_key *key, bool authorized,
			    bool is_member)
{
	if (trust_is_denied(t, key, true))
		return ADMIT_DENIED;
	if (authorized)
		return ADMIT_AUTHORIZED;
	if (t->denials_lost)
		return ADMIT_NO;
	return is_member ? ADMIT_ORG : judge_stranger(t, key);
}

/* In the round that is being given, those of the one before are in until its end. */
static bool is_authorized(const struct trust *t, const struct peer *p)
{
	return p->round && (p->round == t->round || (t->in_round && p->round == t->round - 1));
}

static void unlabel(struct trust *t, uint32_t slot)
{
	char label[MAX_NAME + 1];

	name_default(&t->peers[slot].key, label);
	trust_label(t, slot, label);
	t->peers[slot].label_of = 0;
}

void trust_judge_slot(struct trust *t, uint32_t slot, uint64_t now)
{
	struct peer *p = &t->peers[slot];
	bool is_member = false;

	BUG_ON(!pool_used(&t->pool, slot));
	for (unsigned i = 0; i < TRUST_MEMBERSHIPS; i++) {
		struct membership *m = &p->memberships[i];

		m->good = membership_is_good(t, &p->key, m, now);
		is_member |= m->good;
		if (m->good && m->expires < t->expiry)
			t->expiry = m->expires;
	}
	trust_set_why(t, slot, judge(t, &p->key, is_authorized(t, p), is_member));
	if (p->why != ADMIT_AUTHORIZED) /* it is found by that name no more */
		trust_label(t, slot, p->name);
	if (p->why == ADMIT_ORG && p->label_of && !p->memberships[p->label_of - 1].good)
		unlabel(t, slot); /* what an org called it is no name by another one */
}

void trust_judge(struct trust *t, uint64_t now)
{
	t->expiry = UINT64_MAX;
	for (uint32_t s = trust_next(t, TRUST_NONE); s != TRUST_NONE; s = trust_next(t, s))
		trust_judge_slot(t, s, now);
}

void trust_end(struct trust *t, uint64_t now)
{
	t->in_round = false;
	forget_denials(t);
	forget_orgs(t);
	trust_name_orgs(t);
	trust_judge(t, now);
}

uint64_t trust_expiry(const struct trust *t)
{
	return t->expiry;
}

/* --- admitting */

static struct membership membership_of(const struct trust *t, const struct certificate *c)
{
	return (struct membership){
		.org = trust_hash(t, &c->body.org, sizeof(c->body.org)),
		.not_before = c->body.not_before,
		.expires = c->body.expires & ~(UINT64_C(1) << 63),
	};
}

enum admission trust_would_admit(const struct trust *t, const struct public_key *key,
				 const struct certificate *c, uint64_t now)
{
	struct membership m = { .expires = 0 };
	uint32_t slot = trust_find(t, key);

	BUG_ON(c && memcmp(key, &c->body.node, sizeof(*key)) != 0);
	if (c)
		m = membership_of(t, c);
	if (!memcmp(key, &t->own, sizeof(*key)))
		return ADMIT_NO;
	return judge(t, key, slot != TRUST_NONE && is_authorized(t, &t->peers[slot]),
		     membership_is_good(t, key, &m, now));
}

/* Where this one belongs among those of the peer: in the place of the same org's, in an unused one,
 * or in that of one that is good no more. NULL: nowhere. */
static struct membership *place_of(const struct trust *t, struct peer *p,
				   const struct membership *m, uint64_t now)
{
	struct membership *free = NULL;

	for (unsigned i = 0; i < TRUST_MEMBERSHIPS; i++) {
		struct membership *old = &p->memberships[i];

		if (old->expires && old->org == m->org)
			return old;
		if ((!old->expires && (!free || free->expires))
		    || (!free && !membership_is_good(t, &p->key, old, now)))
			free = old;
	}
	return free;
}

/* True if it is kept, and its name is what the peer is to be called by: that is the name that one
 * org gives, as long as it gives one. */
static bool keep(const struct trust *t, struct peer *p, const struct membership *m, uint64_t now)
{
	struct membership *place = place_of(t, p, m, now);
	uint8_t number;

	if (!place || (membership_is_good(t, &p->key, place, now)
		       && place->not_before > m->not_before))
		return false;
	*place = *m;
	number = (uint8_t)(place - p->memberships + 1);
	if (p->label_of && p->label_of != number
	    && membership_is_good(t, &p->key, &p->memberships[p->label_of - 1], now))
		return false;
	p->label_of = number;
	return true;
}

static enum trust_result admit(struct trust *t, const struct public_key *key,
			       const struct certificate *c, uint64_t now, uint32_t *slot)
{
	struct membership m = c ? membership_of(t, c) : (struct membership){ .expires = 0 };
	bool is_good = membership_is_good(t, key, &m, now);
	enum trust_result result = TRUST_SAME;
	uint32_t s = trust_find(t, key);
	char label[MAX_NAME + 1];
	enum admission why;
	struct peer *p;

	name_default(key, label);
	if (is_good) /* else anybody could have written it */
		memcpy(label, c->body.name, sizeof(label));
	if (s == TRUST_NONE) {
		why = judge(t, key, false, is_good);
		if (why == ADMIT_NO || why == ADMIT_DENIED)
			return memcmp(key, &t->own, sizeof(*key)) ? TRUST_REFUSED : TRUST_OWN_KEY;
		result = trust_new_peer(t, key, NULL, true, &s);
		if (result != TRUST_NEW)
			return result;
		trust_label(t, s, label);
	}
	p = &t->peers[s];
	if (is_good && keep(t, p, &m, now) && !is_authorized(t, p))
		trust_label(t, s, label);
	trust_judge_slot(t, s, now);
	if (p->why == ADMIT_NO || p->why == ADMIT_DENIED)
		return TRUST_REFUSED; /* it is stale now */
	*slot = s;
	return result;
}

enum trust_result trust_admit_certificate(struct trust *t, const struct certificate *c,
					  uint64_t now, uint32_t *slot)
{
	return admit(t, &c->body.node, c, now, slot);
}

enum trust_result trust_admit_key(struct trust *t, const struct public_key *key, uint64_t now,
				  uint32_t *slot)
{
	return admit(t, key, NULL, now, slot);
}

unsigned trust_orgs_of(const struct trust *t, uint32_t slot, uint32_t out[static TRUST_MEMBERSHIPS])
{
	unsigned count = 0;

	BUG_ON(!pool_used(&t->pool, slot));
	for (unsigned i = 0; i < TRUST_MEMBERSHIPS; i++) {
		const struct membership *m = &t->peers[slot].memberships[i];
		uint32_t org = m->good ? org_of(t, m) : TRUST_NONE;

		if (org != TRUST_NONE)
			out[count++] = org;
	}
	return count;
}

uint32_t trust_label_org(const struct trust *t, uint32_t slot)
{
	const struct peer *p = &t->peers[slot];

	BUG_ON(!pool_used(&t->pool, slot));
	return p->label_of ? org_of(t, &p->memberships[p->label_of - 1]) : TRUST_NONE;
}

struct label {
	const struct trust *t;
	const char *name;
	uint32_t slot, org;
};

static bool is_another(const void *ctx, uint32_t slot)
{
	const struct label *l = ctx;

	return slot != l->slot && !strcmp(l->t->peers[slot].name, l->name)
	    && l->t->peers[slot].why == ADMIT_ORG && trust_label_org(l->t, slot) == l->org;
}

bool trust_label_is_shared(const struct trust *t, uint32_t slot)
{
	const char *name = trust_name(t, slot);
	struct label l = { t, name, slot, trust_label_org(t, slot) };

	return l.org != TRUST_NONE
	    && map_find(&t->by_name, trust_hash(t, name, strlen(name)), is_another, &l)
	       != MAP_NONE;
}

uint64_t trust_member_until(const struct trust *t, uint32_t slot)
{
	uint64_t until = 0;

	BUG_ON(!pool_used(&t->pool, slot));
	for (unsigned i = 0; i < TRUST_MEMBERSHIPS; i++) {
		const struct membership *m = &t->peers[slot].memberships[i];

		if (m->good && m->expires > until)
			until = m->expires;
	}
	return until;
}
