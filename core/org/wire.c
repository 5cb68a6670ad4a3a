/* wire.c - the decoder; who writes a message does it with base/cursor.h. */
#include "org/wire.h"

#include "identity/statement.h"

#include <string.h>

#define CERTIFICATE_LEAST 152u
#define CERTIFICATE_LENGTH_AT 1u
#define CERTIFICATE_ORG_AT 3u
#define STATEMENT_KIND_AT 1u
#define STATEMENT_ISSUER_AT 4u

_Static_assert(3 + TRUST_ORGS * 16 <= CHANNEL_PAYLOAD_MAX, "all orgs fit into one message");
_Static_assert(9 + SPREAD_BUCKETS * 8 <= CHANNEL_PAYLOAD_MAX, "all buckets fit");
_Static_assert(9 + SPREAD_HASHES * 8 <= CHANNEL_PAYLOAD_MAX, "all hashes fit");
_Static_assert(2 + (1 + MAX_CERTIFICATE) <= CHANNEL_PAYLOAD_MAX, "a certificate fits");
_Static_assert(2 + (SPREAD_OBJECTS - 1) * 149 <= CHANNEL_PAYLOAD_MAX
	       && 2 + SPREAD_OBJECTS * 149 > CHANNEL_PAYLOAD_MAX, "no more objects fit");

static void get_list(struct cursor *c, struct spread_message *m, size_t each, size_t least,
		     size_t most)
{
	size_t left = cur_left(c);

	if (left % each || left / each < least || left / each > most)
		return cur_fail(c);
	m->list = cur_span(c, left);
}

static size_t certificate_length(struct bytes wire)
{
	size_t len;

	if (wire.len < CERTIFICATE_LEAST)
		return 0;
	len = load_be16(wire.data + CERTIFICATE_LENGTH_AT);
	return len < CERTIFICATE_LEAST || len > MAX_CERTIFICATE || len > wire.len ? 0 : len;
}

/* A successor is no word of an org. */
static size_t org_statement_length(struct bytes wire)
{
	size_t len = statement_length(wire);

	return len && wire.data[STATEMENT_KIND_AT] == STATEMENT_SUCCESSOR ? 0 : len;
}

static void get_object(struct cursor *c, struct spread_object *o)
{
	uint8_t kind = cur_u8(c);
	struct bytes rest = bytes_of(c->at, cur_left(c));
	size_t len = 0;

	if (kind == SPREAD_CERTIFICATE)
		len = certificate_length(rest);
	else if (kind == SPREAD_STATEMENT)
		len = org_statement_length(rest);
	if (!len)
		return cur_fail(c);
	*o = (struct spread_object){ (enum spread_kind)kind, cur_span(c, len) };
}

static void get_body(struct cursor *c, struct spread_message *m)
{
	switch (m->type) {
	case SPREAD_MSG_ORGS:
		m->flags = cur_u8(c);
		m->echo = cur_u8(c);
		return get_list(c, m, 16, 0, TRUST_ORGS);
	case SPREAD_MSG_BUCKETS:
		m->print = cur_be64(c);
		return get_list(c, m, 8, SPREAD_BUCKETS, SPREAD_BUCKETS);
	case SPREAD_MSG_HAVE:
		m->print = cur_be64(c);
		return get_list(c, m, 8, 0, SPREAD_HASHES);
	case SPREAD_MSG_WANT:
		m->print = cur_be64(c);
		return get_list(c, m, 8, 1, SPREAD_HASHES);
	case SPREAD_MSG_OBJECTS:
		m->flags = cur_u8(c);
		if (!cur_left(c))
			cur_fail(c);
		while (cur_ok(c) && cur_left(c) && m->objects < SPREAD_OBJECTS)
			get_object(c, &m->object[m->objects++]);
		return;
	default:
		cur_fail(c);
	}
}

bool spread_decode(struct bytes message, struct spread_message *out)
{
	struct cursor c = cur_of(message.data, message.len);

	memset(out, 0, sizeof(*out));
	if (message.len > CHANNEL_PAYLOAD_MAX)
		return false;
	out->type = (enum spread_type)cur_u8(&c);
	get_body(&c, out);
	return cur_done(&c);
}

void spread_object_org(const struct spread_object *o, struct public_key *out)
{
	size_t at = o->kind == SPREAD_CERTIFICATE ? CERTIFICATE_ORG_AT : STATEMENT_ISSUER_AT;

	memcpy(out->b, o->wire.data + at, sizeof(out->b));
}
