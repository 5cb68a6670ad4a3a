/* What orgs are trusted here, what this node is in them, and who is in by them. */
#include "node/node_impl.h"

#include "base/text.h"

#include <string.h>

static const struct certificate *own_of(const struct node *n, const struct public_key *org)
{
	for (unsigned i = 0; i < n->orgs.own_count; i++)
		if (!memcmp(&n->orgs.own[i].body.org, org, sizeof(*org)))
			return &n->orgs.own[i];
	return NULL;
}

static uint64_t left(const struct node *n, uint64_t until)
{
	return until > n->orgs.now ? until - n->orgs.now : 0;
}

static struct report_org *add(const struct node *n, struct report_node *r,
			      const struct public_key *org)
{
	struct report_org *o = &r->orgs[r->org_count++];
	const struct certificate *own = own_of(n, org);

	o->key = *org;
	o->revoked = orgs_revoked_us(n, org);
	if (own) {
		o->until = own->body.expires;
		o->left_s = left(n, o->until);
	}
	return o;
}

static void count_members(const struct node *n, struct report_node *r)
{
	uint32_t slot = TRUST_NONE, orgs[TRUST_MEMBERSHIPS];

	while ((slot = trust_next(n->trust, slot)) != TRUST_NONE)
		for (unsigned i = trust_orgs_of(n->trust, slot, orgs); i > 0; i--)
			r->orgs[orgs[i - 1]].members++;
}

_Static_assert(REPORT_ORGS >= TRUST_ORGS + NODE_CERTIFICATES, "all have room");

void orgs_report(const struct node *n, struct report_node *r)
{
	r->open = n->config.open;
	r->denied = trust_denied_count(n->trust);
	r->statements = statement_store_count(n->orgs.statements);
	for (uint32_t i = 0; i < trust_org_count(n->trust); i++) {
		struct report_org *o = add(n, r, trust_org_key(n->trust, i));

		o->trusted = true;
		memcpy(o->name, trust_org_called(n->trust, i),
		       strlen(trust_org_called(n->trust, i)));
	}
	count_members(n, r);
	for (unsigned i = 0; i < n->orgs.own_count; i++) {
		const struct public_key *org = &n->orgs.own[i].body.org;

		if (trust_find_org(n->trust, org) == TRUST_NONE)
			org_name_default(org, add(n, r, org)->name);
	}
}

_Static_assert(REPORT_MEMBERSHIPS == TRUST_MEMBERSHIPS, "all have room");

/* Their service rules are asked by name. */
static void report_rules(const struct node *n, const uint32_t *orgs, unsigned count,
			 struct report_peer *r)
{
	for (unsigned o = 0; o < count; o++) {
		const char *name = trust_org_name(n->trust, orgs[o]);
		unsigned i = r->ruled_count++;

		for (; i && strcmp(r->ruled_by[i - 1], name) > 0; i--)
			memcpy(r->ruled_by[i], r->ruled_by[i - 1], sizeof(r->ruled_by[i]));
		memset(r->ruled_by[i], 0, sizeof(r->ruled_by[i]));
		memcpy(r->ruled_by[i], name, strlen(name));
	}
}

/* By its label and its org; two of one name, or one that has a name of the trust store, are told
 * apart by six hex digits of a hash of the key, as those of orgs are. */
static void name_member(const struct node *n, uint32_t slot, struct report_peer *r)
{
	char digits[MAX_NAME + 1];
	struct text t = text_of(r->name, sizeof(r->name));

	text_add(&t, trust_name(n->trust, slot));
	text_char(&t, '.');
	text_add(&t, r->org);
	if (!trust_label_is_shared(n->trust, slot)
	    && trust_find_name(n->trust, r->name) == TRUST_NONE)
		return;
	org_name_default(trust_key(n->trust, slot), digits);
	t = text_of(r->name, sizeof(r->name));
	text_add(&t, trust_name(n->trust, slot));
	text_char(&t, '-');
	text_add(&t, digits);
	text_char(&t, '.');
	text_add(&t, r->org);
}

void orgs_report_peer(const struct node *n, uint32_t slot, struct report_peer *r)
{
	static const enum report_admission words[] = {
		[ADMIT_AUTHORIZED] = REPORT_AUTHORIZED, [ADMIT_ORG] = REPORT_MEMBER,
		[ADMIT_VOUCHED] = REPORT_VOUCHED, [ADMIT_OPEN] = REPORT_OPEN,
	};
	const enum admission why = trust_admission(n->trust, slot);
	const char *name = trust_name(n->trust, slot), *called;
	uint32_t orgs[TRUST_MEMBERSHIPS];

	r->admission = why < sizeof(words) / sizeof(*words) ? words[why] : REPORT_AUTHORIZED;
	memcpy(r->name, name, strlen(name));
	report_rules(n, orgs, trust_orgs_of(n->trust, slot, orgs), r);
	if (!r->ruled_count)
		return;
	if (trust_label_org(n->trust, slot) != TRUST_NONE)
		orgs[0] = trust_label_org(n->trust, slot);
	called = trust_org_called(n->trust, orgs[0]);
	memcpy(r->org, called, strlen(called));
	if (why != ADMIT_ORG) /* named by its owner here, and in for ever */
		return;
	r->until = trust_member_until(n->trust, slot);
	r->left_s = left(n, r->until);
	name_member(n, slot, r);
}
