/* Two strangers who share a token become peers. Who made it asks the shell, which keeps the
 * invitation, whether it is still to be had and writes who has it now; only then is the joiner
 * told. The joiner's side is written after that. Here is nothing that outlives the token. */
#include "node/node_impl.h"

#include <string.h>

_Static_assert(2 * NODE_TOKENS + NODE_BELLS <= INTRODUCE_TOKENS, "one table");

#define HOLD_LIFE span_s(10) /* an accept that is later than that is not waited for */
#define OPENER_HOPS 2u       /* out of our own NAT, and not into another one */

static const struct node_token *find(const struct node *n, const uint8_t *id)
{
	for (unsigned i = 0; i < n->connect.count; i++)
		if (!memcmp(n->connect.list[i].id, id, TOKEN_ID))
			return &n->connect.list[i];
	return NULL;
}

/* --- what the shell gives */

static void ask_candidates(struct node *n, const struct node_token *t, struct instant now)
{
	for (unsigned i = 0; i < t->count; i++) {
		const struct token_candidate *c = &t->candidates[i];

		(void)introduce_token_target(n->orgs.introductions, t->id, &c->at,
					     t->role == NODE_TOKEN_JOINING && !c->open
					     ? OPENER_HOPS : 0, now);
	}
	for (unsigned i = 0; t->role == NODE_TOKEN_JOINING && i < t->introducer_count; i++)
		(void)introduce_token_target(n->orgs.introductions, t->bell.b,
					     &t->introducers[i].at.at, 0, now);
}

/* Ours, those that we ring at introducers by, and bells that we hear for others. A bell's number is
 * the beginning of its mark, lest it be taken for a token's. */
void connect_use(struct node *n, struct instant now)
{
	struct introduce_token list[INTRODUCE_TOKENS] = { 0 };
	struct node_connect *c = &n->connect;
	unsigned count = 0;

	for (unsigned i = 0; i < c->count; i++) {
		const struct node_token *t = &c->list[i];

		memcpy(list[count].id, t->id, TOKEN_ID);
		list[count].mark = t->mark;
		list[count++].joining = t->role == NODE_TOKEN_JOINING;
		if (t->role != NODE_TOKEN_JOINING || !t->introducer_count)
			continue;
		memcpy(list[count].id, t->bell.b, TOKEN_ID);
		list[count].mark = t->bell;
		list[count].joining = list[count].bell = true;
		count++;
	}
	for (unsigned i = 0; i < NODE_BELLS; i++) {
		if (!instant_is_set(c->bells[i].until))
			continue;
		memcpy(list[count].id, c->bells[i].mark.b, TOKEN_ID);
		list[count].mark = c->bells[i].mark;
		list[count++].bell = true;
	}
	introduce_tokens(n->orgs.introductions, list, count);
	for (unsigned i = 0; i < c->count; i++)
		ask_candidates(n, &c->list[i], now);
	wipe(list, sizeof(list));
}

static void tokens_end(struct node *n, struct instant now)
{
	n->connect.rings = 0;
	n->connect.hang_at = now;
	connect_use(n, now);
	connect_ports_changed(n, now);
}

/* The asked node is one whom we shall meet there. */
static void remember(struct node *n, const struct public_key *key, const struct endpoint *at,
		     struct instant now)
{
	struct node_connect *c = &n->connect;
	uint32_t slot = trust_find(n->trust, key);

	if (slot != TRUST_NONE) {
		connect_ports_keep(n, at->socket, slot, now);
		paths_suggest(n->paths, slot, at, now);
	}
	c->met[c->met_at].key = *key;
	c->met[c->met_at].at = *at;
	if (slot != TRUST_NONE)
		c->met[c->met_at].at.socket = 0; /* it is the paths' now */
	c->met_at++;
	c->met_at %= NODE_MET;
}

void connect_suggest(struct node *n, uint32_t slot, struct instant now)
{
	const struct public_key *key = trust_key(n->trust, slot);

	for (unsigned i = 0; i < NODE_MET; i++) {
		struct met *m = &n->connect.met[i];

		if (!endpoint_is_set(&m->at) || memcmp(&m->key, key, sizeof(*key)) != 0)
			continue;
		connect_ports_keep(n, m->at.socket, slot, now);
		paths_suggest(n->paths, slot, &m->at, now);
		m->at.socket = 0;
	}
}

static void let_go(struct node_connect *c)
{
	wipe(&c->held, sizeof(c->held));
	c->holding = false;
}

static bool verdict_of(int result, enum token_verdict *out)
{
	switch (result) {
	case NODE_TOKEN_DONE:
		*out = VERDICT_ACCEPTED;
		return true;
	case NODE_TOKEN_ASKED:
		*out = VERDICT_ASKED;
		return true;
	case NODE_TOKEN_GONE:
		*out = VERDICT_USED;
		return true;
	case NODE_TOKEN_OVER:
		*out = VERDICT_EXPIRED;
		return true;
	}
	return false;
}

/* The shell has written what we asked for, or not. */
static void told(struct node *n, const struct node_event *e, struct moment now, struct outbox *out)
{
	struct node_connect *c = &n->connect;

	if (!c->holding)
		return;
	if (e->number == NODE_TOKEN_DONE)
		remember(n, &c->held.key, &c->held.from, now.boot);
	if (!c->held.initiator && verdict_of((int)e->number, &c->held.verdict) &&
	    instant_since(now.boot, c->held_at).ns < HOLD_LIFE.ns)
		introduce_accept(n->orgs.introductions, &c->held, out);
	let_go(c);
}

void connect_event(struct node *n, const struct node_event *e, struct moment now,
		   struct outbox *out)
{
	struct node_connect *c = &n->connect;

	switch (e->kind) {
	case NODE_TOKENS_BEGIN:
		wipe(c->list, sizeof(c->list));
		c->count = 0;
		break;
	case NODE_TOKEN:
		if (c->count < NODE_TOKENS)
			c->list[c->count++] = *e->token;
		break;
	case NODE_TOKENS_END:
		tokens_end(n, now.boot);
		break;
	case NODE_TOKEN_TOLD:
		told(n, e, now, out);
		break;
	default:
		break;
	}
}

/* --- who comes by one */

/* Asks the shell, and keeps who is to be answered; one at a time, the others come again. As long as
 * the shell's word is due, however late it is: it is of him. */
static void hold(struct node *n, const struct introduced *who, enum token_verdict verdict,
		 struct moment now)
{
	struct node_connect *c = &n->connect;

	if (c->holding)
		return;
	c->holding = true;
	c->held = *who;
	c->held_at = now.boot;
	c->wish = (struct node_token_wish){
		.key = who->key, .at = who->from, .verdict = (uint8_t)verdict,
	};
	memcpy(c->wish.id, who->token_id, sizeof(c->wish.id));
	c->wishing = true;
}

/* We began, and this is what its maker says. */
static void joined(struct node *n, const struct node_token *t, const struct introduced *who,
		   struct moment now)
{
	/* Whoever else has the token could answer, too; the maker's key is in it. */
	if (memcmp(&who->key, &t->key, sizeof(t->key)) != 0 || who->verdict == VERDICT_ASKED)
		return;
	hold(n, who, who->verdict, now);
}

static void spent(struct node *n, const struct node_token *t, struct introduced *who,
		  struct moment now, struct outbox *out)
{
	/* To him it was, and an accept may have been lost. */
	who->verdict = memcmp(&who->key, &t->key, sizeof(t->key)) != 0
		     ? VERDICT_USED : (enum token_verdict)t->verdict;
	if (who->verdict == VERDICT_ACCEPTED)
		remember(n, &who->key, &who->from, now.boot);
	introduce_accept(n->orgs.introductions, who, out);
}

static bool is_twin_of_another(const struct node *n, const struct introduced *who)
{
	uint32_t slot = trust_find_dh(n->trust, &who->twin);

	return slot != TRUST_NONE && slot != trust_find(n->trust, &who->key);
}

void connect_introduced(struct node *n, struct introduced *who, struct moment now,
			struct outbox *out)
{
	const struct node_token *t = find(n, who->token_id);

	if (!t || who->initiator != (t->role == NODE_TOKEN_JOINING))
		return;
	if (t->role == NODE_TOKEN_JOINING)
		joined(n, t, who, now);
	else if (t->role == NODE_TOKEN_SPENT)
		spent(n, t, who, now, out);
	else if (is_twin_of_another(n, who))
		return; /* a tunnel could not tell them apart */
	else if (trust_would_admit(n->trust, &who->key, NULL, orgs_now(n, now)) != ADMIT_DENIED)
		hold(n, who, VERDICT_ACCEPTED, now);
}

void connect_wish(struct node *n, struct node_actions *actions)
{
	if (!n->connect.wishing || actions->token_wish)
		return;
	n->connect.wishing = false;
	actions->token_wish = true;
	actions->wish = n->connect.wish;
}
