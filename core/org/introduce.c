#include "org/introduce_impl.h"
#include "crypto/curve.h"

#include <string.h>

size_t introduce_size(void)
{
	return sizeof(struct introductions);
}

struct introductions *introduce_init(void *memory, const struct introduce_config *config)
{
	struct introductions *x = memory;

	x->random = config->random;
	rng_init(&x->rng, random_u64(config->random));
	memcpy(x->hash_key, config->hash_key, sizeof(x->hash_key));
	x->secret = config->secret;
	x->own = *config->public;
	BUG_ON(!ed25519_to_dh_public(&x->twin, &x->own));
	return x;
}

void introduce_wipe(struct introductions *x)
{
	wipe(x, sizeof(*x));
}

const struct introduce_counters *introduce_counters(const struct introductions *x)
{
	return &x->counters;
}

/* --- marks and papers */

static bool has_mark(const struct marks *m, const void *key)
{
	for (unsigned i = 0; i < m->count; i++)
		if (!memcmp(&m->list[i], key, sizeof(m->list[i])))
			return true;
	return false;
}

static bool same_marks(const struct marks *a, const struct marks *b)
{
	if (a->count != b->count || a->open != b->open)
		return false;
	for (unsigned i = 0; i < a->count; i++)
		if (!has_mark(b, &a->list[i]))
			return false;
	return true;
}

void introduce_marks(struct introductions *x, const struct public_key *orgs, unsigned count,
		     bool open, struct instant now)
{
	struct marks m = { .open = open };

	if (open)
		contact_open_mark(&m.list[m.count++]);
	for (unsigned i = 0; i < count && m.count < INTRODUCE_MARKS; i++)
		if (!has_mark(&m, &orgs[i]))
			memcpy(m.list[m.count++].b, orgs[i].b, sizeof(orgs[i].b));
	/* In another order they are the same: a hello that is under way stays as it is. */
	if (same_marks(&x->marks, &m))
		return;
	x->marks = m;
	ask_again(x, now);
}

static void add_paper(struct paper *list, unsigned *count, enum paper_kind kind,
		      const struct public_key *org, struct bytes wire)
{
	struct paper *p = &list[(*count)++];

	p->kind = kind;
	p->org = *org;
	p->len = (uint16_t)wire.len;
	memcpy(p->wire, wire.data, wire.len);
}

static bool same_papers(const struct introductions *x, const struct paper *list, unsigned count)
{
	if (count != x->paper_count)
		return false;
	for (unsigned i = 0; i < count; i++) {
		const struct paper *a = &list[i], *b = &x->papers[i];

		if (a->kind != b->kind || a->len != b->len ||
		    memcmp(a->wire, b->wire, a->len) != 0)
			return false;
	}
	return true;
}

void introduce_papers(struct introductions *x, const struct certificate *certificates, unsigned n,
		      const struct statement *statements, unsigned m, struct instant now)
{
	struct paper list[2 * INTRODUCE_PAPERS];
	unsigned count = 0, most = INTRODUCE_PAPERS;

	memset(list, 0, sizeof(list));
	for (unsigned i = 0; i < n && count < most; i++) {
		const struct certificate *c = &certificates[i];

		if (!memcmp(&c->body.node, &x->own, sizeof(x->own)))
			add_paper(list, &count, PAPER_CERTIFICATE, &c->body.org,
				  bytes_of(c->wire, c->len));
	}
	most += count;
	for (unsigned i = 0; i < m && count < most; i++) {
		const struct statement *s = &statements[i];

		if (s->body.kind == STATEMENT_VOUCH &&
		    !memcmp(&s->body.subject, &x->own, sizeof(x->own)))
			add_paper(list, &count, PAPER_VOUCH, &s->body.issuer,
				  bytes_of(s->wire, s->len));
	}
	if (same_papers(x, list, count))
		return;
	memcpy(x->papers, list, sizeof(list));
	x->paper_count = count;
	ask_again(x, now);
}

/* --- tokens */

void introduce_tokens(struct introductions *x, const struct introduce_token *list, unsigned count)
{
	BUG_ON(count > INTRODUCE_TOKENS);
	wipe(&x->token_marks, sizeof(x->token_marks));
	wipe(x->tokens, sizeof(x->tokens));
	if (count)
		memcpy(x->tokens, list, count * sizeof(*list));
	x->token_marks.count = count;
	for (unsigned i = 0; i < count; i++)
		x->token_marks.list[i] = list[i].mark;
	ask_tokens_changed(x);
}

bool introduce_rung(struct introductions *x, uint8_t id[static TOKEN_ID], struct endpoint *from)
{
	const struct rung *r;

	if (!x->rung_count)
		return false;
	r = &x->rung[--x->rung_count];
	memcpy(id, r->id, TOKEN_ID);
	*from = r->from;
	return true;
}

/* --- letters */

bool introduce_signer(struct introductions *x, const struct letter *l, enum step step,
		      const struct contact *c, struct introduced *who)
{
	const struct public_key *initiator = step == STEP_ACCEPT ? &x->own : NULL;

	if (!letter_verify(l, step, c, initiator) || !ed25519_to_dh_public(&who->twin, &l->key)) {
		x->counters.drop_forged++;
		return false;
	}
	if (!memcmp(&who->twin, &x->twin, sizeof(x->twin))) {
		x->counters.drop_own++;
		return false;
	}
	who->key = l->key;
	return true;
}

const struct marks *introduce_match(const struct introductions *x, struct match *m, enum step step,
				    const struct contact *c, const uint8_t *tags, unsigned count)
{
	contact_match(m, step, &x->marks, c, tags, count);
	if (m->count)
		return &x->marks;
	contact_match(m, step, &x->token_marks, c, tags, count);
	return &x->token_marks;
}

/* By a token: which, and in an accept what is said of it. */
static bool read_token(struct introductions *x, const struct letter *l, enum step step,
		       const struct introduce_token *token, struct introduced *who)
{
	who->token = true;
	memcpy(who->token_id, token->id, sizeof(who->token_id));
	if (step == STEP_ACCEPT ? letter_verdict(l, &who->verdict) : !l->paper_count)
		return true;
	x->counters.drop_papers++;
	return false;
}

bool introduce_papers_of(struct introductions *x, const struct letter *l, enum step step,
			 const struct contact *c, struct introduced *who)
{
	const struct marks *marks;
	struct match m;

	marks = introduce_match(x, &m, step, c, l->tags, l->tag_count);
	who->open = who->token = false;
	who->org_count = who->certificate_count = who->statement_count = 0;
	if (m.count && marks == &x->token_marks)
		return read_token(x, l, step, &x->tokens[m.mark[0]], who);
	if (!m.count) {
		x->counters.drop_no_match++;
		return false;
	}
	if (!letter_papers(l, who)) {
		x->counters.drop_papers++;
		return false;
	}
	for (unsigned i = 0; i < m.count; i++) {
		if (!m.mark[i] && x->marks.open)
			who->open = true;
		else
			memcpy(who->orgs[who->org_count++].b, x->marks.list[m.mark[i]].b,
			       sizeof(who->orgs[0].b));
	}
	return true;
}

/* --- verbs */

bool introduce_input(struct introductions *x, struct instant now, const struct endpoint *from,
		     struct bytes datagram, struct introduced *who, struct outbox *out)
{
	switch (datagram.len ? datagram.data[0] : 0) {
	case STEP_HELLO:
		answer_hello(x, now, from, datagram, out);
		return false;
	case STEP_WELCOME:
		ask_welcome(x, now, from, datagram, out);
		return false;
	case STEP_INTRODUCTION:
		return answer_introduction(x, now, from, datagram, who);
	case STEP_ACCEPT:
		return ask_accept(x, now, from, datagram, who);
	}
	x->counters.drop_malformed++;
	return false;
}

void introduce_tick(struct introductions *x, struct instant now, struct outbox *out)
{
	answer_tick(x, now);
	ask_tick(x, now, out);
}

struct instant introduce_deadline(const struct introductions *x)
{
	return instant_min(answer_deadline(x), ask_deadline(x));
}
