#include "linux/notice.h"

#include "linux/services.h"
#include "nat/path.h"

#include <string.h>

_Static_assert(SERVICES_LISTS <= NODE_LISTS && SERVICES_RULES <= NODE_RULES,
	       "what is read has room in the node");

/* Another part of a list; true when it is whole. What does not fit is our parent's mistake. */
static bool take_rules(struct notices *n, const struct priv_message *m)
{
	struct priv_rules part = { 0 };

	if (m->data_len > sizeof(part))
		return false;
	memcpy(&part, m->data, m->data_len);
	if (part.count > PRIV_RULES || n->count + part.count > POLICY_MAX_RULES)
		return false;
	memcpy(&n->rules[n->count], part.rules, part.count * sizeof(*part.rules));
	n->count += part.count;
	if (part.more)
		return false;
	memcpy(n->name, part.name, POLICY_NAME);
	n->list = (struct policy_list){ .name = n->name, .rules = n->rules,
					.origin = (enum policy_origin)part.origin,
					.count = n->count };
	n->count = 0;
	return true;
}

/* The node is told of what was done; that something waits is for who asks. */
static bool take_pending(struct notices *n, const struct priv_message *m)
{
	struct instant until;

	if (m->data_len != sizeof(until))
		return false;
	memcpy(&until, m->data, sizeof(until));
	n->pending_until = until.ns == INSTANT_NEVER.ns ? INSTANT_ZERO : until;
	return m->flag;
}

static bool take_token(struct notices *n, const struct priv_message *m)
{
	if (m->data_len != sizeof(n->token))
		return false;
	memcpy(&n->token, m->data, sizeof(n->token));
	return n->token.count <= TOKEN_CANDIDATES;
}

static bool connect_event(struct notices *n, const struct priv_message *m, struct node_event *e)
{
	switch (m->kind) {
	case PRIV_TOKENS_BEGIN:
		e->kind = NODE_TOKENS_BEGIN;
		return true;
	case PRIV_TOKEN:
		e->kind = NODE_TOKEN;
		e->token = &n->token;
		return take_token(n, m);
	case PRIV_TOKENS_END:
		e->kind = NODE_TOKENS_END;
		wipe(&n->token, sizeof(n->token));
		return true;
	case PRIV_SAVED_SEED:
		e->kind = NODE_SEED;
		e->from = m->endpoint;
		e->number = SEED_SAVED;
		return true;
	default:
		return false;
	}
}

bool notice_event(struct notices *n, const struct priv_message *m, struct node_event *e)
{
	*e = (struct node_event){ .kind = NODE_TIME };
	switch (m->kind) {
	case PRIV_TRUST_BEGIN:
		e->kind = NODE_TRUST_BEGIN;
		e->unreadable = m->flag;
		return true;
	case PRIV_TRUST_DENY:
		e->kind = NODE_TRUST_DENY;
		e->key = m->key;
		e->unreadable = m->flag;
		return true;
	case PRIV_TRUST_ORG:
		e->kind = NODE_TRUST_ORG;
		e->key = m->key;
		e->name = m->name;
		return true;
	case PRIV_TRUST_STATEMENT:
		e->kind = NODE_TRUST_STATEMENT;
		e->data = bytes_of(m->data, m->data_len);
		return true;
	case PRIV_TRUST_CERTIFICATE:
		e->kind = NODE_TRUST_CERTIFICATE;
		e->data = bytes_of(m->data, m->data_len);
		return true;
	case PRIV_TRUST_KEY:
		e->kind = NODE_TRUST_KEY;
		e->key = m->key;
		e->twin = &m->twin;
		e->name = m->name;
		return true;
	case PRIV_TRUST_END:
		e->kind = NODE_TRUST_END;
		e->number = m->value;
		return true;
	case PRIV_STUN:
		e->kind = NODE_STUN;
		e->from = m->endpoint;
		e->number = m->value;
		return true;
	case PRIV_SEED:
		e->kind = NODE_SEED;
		e->from = m->endpoint;
		e->number = m->which;
		return m->which < SEED_SOURCES;
	case PRIV_POLICY_BEGIN:
		e->kind = NODE_POLICY_BEGIN;
		n->count = 0;
		return true;
	case PRIV_POLICY_LIST:
		e->kind = NODE_POLICY_LIST;
		e->list = &n->list;
		return take_rules(n, m);
	case PRIV_POLICY_END:
		e->kind = NODE_POLICY_END;
		e->number = m->value;
		return true;
	case PRIV_POLICY_BAD:
		e->kind = NODE_POLICY_BAD;
		e->name = (const char *)m->data;
		return m->data_len && !m->data[m->data_len - 1];
	case PRIV_POLICY_PENDING:
		e->kind = NODE_POLICY_UNDONE;
		return take_pending(n, m);
	default:
		return connect_event(n, m, e);
	}
}
