/* First contact through orgs: whom we ask for, what we show, and who is let in by what he shows. */
#include "node/node_impl.h"

#include <string.h>

/* Orgs that we ask for: trusted ones, and those that say something good of us. */
void orgs_marks(struct node *n, struct moment now)
{
	const struct node_orgs *o = &n->orgs;
	struct public_key marks[TRUST_ORGS + NODE_CERTIFICATES];
	struct certificate good[NODE_CERTIFICATES];
	struct statement vouches[INTRODUCE_PAPERS];
	unsigned count = 0, papers = 0, vouched = 0;
	uint32_t at = STATEMENT_NONE;

	for (uint32_t i = 0; i < trust_org_count(n->trust); i++)
		marks[count++] = *trust_org_key(n->trust, i);
	for (unsigned i = 0; i < o->own_count; i++) {
		if (!orgs_own_is_good(n, &o->own[i], now))
			continue;
		good[papers++] = o->own[i];
		if (trust_find_org(n->trust, &o->own[i].body.org) == TRUST_NONE)
			marks[count++] = o->own[i].body.org;
	}
	while (vouched < INTRODUCE_PAPERS &&
	       (at = statement_store_next(o->statements, at)) != STATEMENT_NONE) {
		const struct statement *s = statement_store_at(o->statements, at);

		if (s->body.kind == STATEMENT_VOUCH &&
		    !memcmp(&s->body.subject, &n->config.public, sizeof(n->config.public)))
			vouches[vouched++] = *s;
	}
	introduce_marks(o->introductions, marks, count, n->config.open, now.boot);
	introduce_papers(o->introductions, good, papers, vouches, vouched, now.boot);
}

/* Its papers first: they may be what lets it in. */
static void take_papers(struct node *n, const struct introduced *who, struct moment now)
{
	for (unsigned i = 0; i < who->statement_count; i++)
		spread_statement(n->orgs.spread, &who->statements[i], now.boot);
	for (unsigned i = 0; i < who->certificate_count; i++)
		spread_certificate(n->orgs.spread, &who->certificates[i], now.boot,
				   orgs_now(n, now));
	orgs_facts(n, now);
}

/* Whether open alone lets it in: then it makes no org's member go. */
static bool is_mere_guest(const struct node *n, const struct introduced *who, struct moment now)
{
	const uint64_t at = orgs_now(n, now);

	for (unsigned i = 0; i < who->certificate_count; i++)
		if (trust_would_admit(n->trust, &who->key, &who->certificates[i], at) == ADMIT_ORG)
			return false;
	return trust_would_admit(n->trust, &who->key, NULL, at) == ADMIT_OPEN;
}

/* By what it showed, held or not, or by what is known of it. It has proved its key, so it goes
 * before who has not. */
static bool admit(struct node *n, const struct introduced *who, struct moment now)
{
	uint64_t full = n->orgs.no_room;

	for (unsigned tries = 0; tries < 2; tries++) {
		for (unsigned i = 0; i < who->certificate_count; i++)
			orgs_admit_member(n, &who->certificates[i], now);
		if (trust_find(n->trust, &who->key) == TRUST_NONE)
			orgs_admit_key(n, &who->key, now);
		if (trust_find(n->trust, &who->key) != TRUST_NONE)
			return true;
		if (n->orgs.no_room == full ||
		    !peering_make_room(n, is_mere_guest(n, who, now), now))
			return false;
	}
	return false;
}

void orgs_contact(struct node *n, struct moment now, const struct endpoint *from,
		  struct bytes datagram, struct outbox *out)
{
	struct introduced who;
	uint32_t slot;

	if (!introduce_input(n->orgs.introductions, now.boot, from, datagram, &who, out)) {
		connect_rung(n, now.boot);
		return;
	}
	if (who.token) {
		connect_introduced(n, &who, now, out);
		wipe(&who, sizeof(who));
		return;
	}
	take_papers(n, &who, now);
	if (!admit(n, &who, now) && peering_evict_twin(n, &who.twin, true, now))
		(void)admit(n, &who, now);
	slot = trust_find(n->trust, &who.key);
	if (slot != TRUST_NONE) {
		introduce_accept(n->orgs.introductions, &who, out);
		paths_suggest(n->paths, slot, from, now.boot);
	}
	wipe(&who, sizeof(who));
}

void orgs_path(struct node *n, uint32_t slot, const struct endpoint *at, bool up,
	       struct instant now)
{
	struct endpoint best;

	spread_reachable(n->orgs.spread, slot, paths_best(n->paths, slot, &best), now);
	if (at->channel)
		return; /* that is where the relay is */
	if (up)
		introduce_target_known(n->orgs.introductions, at);
	else
		introduce_target_lost(n->orgs.introductions, at, now);
}
