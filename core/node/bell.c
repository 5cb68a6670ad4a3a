/* A member may hear for the maker of a token that somebody comes: the maker hangs up a bell at him,
 * a mark that is not the token's; who joins says hello by that mark; and the member tells the maker
 * where that came from. So a maker behind a NAT learns where to call, and nobody carries a code.
 *
 *   39 | 1 | mark 32 | seconds 4             hang it up, for so long
 *   39 | 2 | mark[0..8] | family 1 | port 2 | address 16   it rang
 */
#include "node/node_impl.h"

#include "base/bucket.h"
#include "base/cursor.h"

#include <string.h>

#define HANG 1u
#define RANG 2u
#define HANG_LEN (2u + 32u + 4u)
#define RANG_LEN (2u + 8u + 1u + 2u + 16u)
#define HANG_AGAIN span_s(20)   /* an introducer may have been started anew */
#define BELL_S 60u              /* that one hangs; then it is hung up again */
#define BELLS_EACH 2u           /* of one member */
#define TOLD_EACH span_ms(200)
#define TOLD_BURST 4u
#define RINGS 64u               /* that we follow */

/* --- the maker */

static uint32_t slot_of(const struct node *n, const struct token_introducer *i)
{
	uint32_t slot = TRUST_NONE;

	while ((slot = trust_next(n->trust, slot)) != TRUST_NONE)
		if (!memcmp(trust_key(n->trust, slot), i->key, sizeof(i->key)))
			return slot;
	return TRUST_NONE;
}

static bool hang(struct node *n, const struct node_token *t, uint32_t slot)
{
	struct writer w;
	uint8_t *data;

	if (slot == TRUST_NONE)
		return true;
	data = outbox_reserve(&n->inner, HANG_LEN);
	if (!data)
		return false;
	w = wr_of(data, HANG_LEN);
	wr_u8(&w, BELL_TYPE);
	wr_u8(&w, HANG);
	wr_bytes(&w, t->bell.b, sizeof(t->bell.b));
	wr_be32(&w, BELL_S);
	outbox_commit(&n->inner, OUT_MESSAGE, HANG_LEN)->slot = slot;
	return true;
}

/* True if there is any to be hung up again. */
static bool hang_all(struct node *n)
{
	bool any = false;

	for (unsigned i = 0; i < n->connect.count; i++) {
		const struct node_token *t = &n->connect.list[i];

		for (unsigned k = 0; t->role == NODE_TOKEN_INVITED && k < t->introducer_count; k++)
			any |= hang(n, t, slot_of(n, &t->introducers[k]));
	}
	return any;
}

static bool is_introducer(const struct node_token *t, const struct public_key *key)
{
	for (unsigned i = 0; i < t->introducer_count; i++)
		if (!memcmp(t->introducers[i].key, key, sizeof(t->introducers[i].key)))
			return true;
	return false;
}

static void heard(struct node *n, uint32_t slot, struct cursor *c, struct moment now)
{
	struct endpoint e = { .port = 0 };
	const uint8_t *id = cur_span(c, TOKEN_ID).data;

	e.ip.family = cur_u8(c);
	e.port = cur_be16(c);
	cur_bytes(c, e.ip.b, sizeof(e.ip.b));
	if (!cur_done(c) || (e.ip.family != FAMILY_IPV4 && e.ip.family != FAMILY_IPV6))
		return;
	e.ip = ip_of((enum family)e.ip.family, e.ip.b);
	if (!e.port || !ip_is_unicast(&e.ip) || mesh_has_address(&n->config.prefix, &e.ip))
		return;
	for (unsigned i = 0; i < n->connect.count; i++) {
		const struct node_token *t = &n->connect.list[i];

		if (t->role != NODE_TOKEN_INVITED || memcmp(t->bell.b, id, TOKEN_ID) != 0 ||
		    !is_introducer(t, trust_key(n->trust, slot)) || n->connect.rings == RINGS)
			continue;
		n->connect.rings += introduce_token_target(n->orgs.introductions, t->id, &e, 0,
							   now.boot);
	}
}

/* --- the introducer */

/* Where it hangs already, else a free place; of his own the one that hangs longest makes room. */
static struct bell *place_of(struct node_connect *c, const struct public_key *owner,
			     const uint8_t *mark)
{
	struct bell *vacant = NULL, *oldest = NULL;
	unsigned count = 0;

	for (struct bell *b = c->bells; b < c->bells + NODE_BELLS; b++) {
		if (!instant_is_set(b->until)) {
			vacant = vacant ? vacant : b;
			continue;
		}
		if (memcmp(&b->owner, owner, sizeof(*owner)) != 0)
			continue;
		if (!memcmp(b->mark.b, mark, sizeof(b->mark.b)))
			return b;
		count++;
		if (!oldest || instant_before(b->until, oldest->until))
			oldest = b;
	}
	return count >= BELLS_EACH ? oldest : vacant;
}

static void hung_up(struct node *n, uint32_t slot, struct cursor *c, struct moment now)
{
	const struct public_key *owner = trust_key(n->trust, slot);
	const uint8_t *mark = cur_span(c, 32).data;
	uint32_t seconds = cur_be32(c);
	struct bell *b;
	bool same;

	if (!cur_done(c))
		return;
	b = place_of(&n->connect, owner, mark);
	if (!b)
		return;
	same = instant_is_set(b->until) && !memcmp(b->mark.b, mark, sizeof(b->mark.b));
	b->until = instant_add(now.boot, span_s(seconds < BELL_S ? seconds : BELL_S));
	if (same)
		return;
	b->owner = *owner;
	b->full = INSTANT_ZERO;
	memcpy(b->mark.b, mark, sizeof(b->mark.b));
	connect_use(n, now.boot);
}

static void tell(struct node *n, struct bell *b, const struct endpoint *from, struct instant now)
{
	uint32_t slot = trust_find(n->trust, &b->owner);
	struct writer w;
	uint8_t *data;

	if (slot == TRUST_NONE || !bucket_take(&b->full, now, TOLD_EACH, TOLD_BURST))
		return;
	data = outbox_reserve(&n->inner, RANG_LEN);
	if (!data)
		return;
	w = wr_of(data, RANG_LEN);
	wr_u8(&w, BELL_TYPE);
	wr_u8(&w, RANG);
	wr_bytes(&w, b->mark.b, TOKEN_ID);
	wr_u8(&w, from->ip.family);
	wr_be16(&w, from->port);
	wr_bytes(&w, from->ip.b, sizeof(from->ip.b));
	outbox_commit(&n->inner, OUT_MESSAGE, RANG_LEN)->slot = slot;
}

void connect_rung(struct node *n, struct instant now)
{
	uint8_t id[TOKEN_ID];
	struct endpoint from;

	while (introduce_rung(n->orgs.introductions, id, &from))
		for (struct bell *b = n->connect.bells; b < n->connect.bells + NODE_BELLS; b++)
			if (instant_is_set(b->until) && !memcmp(b->mark.b, id, TOKEN_ID))
				tell(n, b, &from, now);
}

/* --- both */

void connect_input(struct node *n, uint32_t slot, struct bytes message, struct moment now)
{
	struct cursor c = cur_of(message.data, message.len);
	uint8_t kind;

	(void)cur_u8(&c);
	kind = cur_u8(&c);
	if (kind == HANG && message.len == HANG_LEN)
		hung_up(n, slot, &c, now);
	else if (kind == RANG && message.len == RANG_LEN)
		heard(n, slot, &c, now);
	else
		n->counters.drop_type++;
}

void connect_tick(struct node *n, struct moment now, struct outbox *out)
{
	struct node_connect *c = &n->connect;
	bool ended = false;

	for (struct bell *b = c->bells; b < c->bells + NODE_BELLS; b++) {
		if (!instant_is_set(b->until) || !instant_reached(b->until, now.boot))
			continue;
		wipe(b, sizeof(*b));
		ended = true;
	}
	if (ended)
		connect_use(n, now.boot);
	if (instant_is_set(c->hang_at) && instant_reached(c->hang_at, now.boot))
		c->hang_at = hang_all(n) ? instant_add(now.boot, HANG_AGAIN) : INSTANT_ZERO;
	connect_ports_tick(n, now.boot, out);
}

struct instant connect_deadline(const struct node *n)
{
	const struct node_connect *c = &n->connect;
	struct instant first = instant_is_set(c->hang_at) ? c->hang_at : INSTANT_NEVER;

	for (unsigned i = 0; i < NODE_BELLS; i++)
		if (instant_is_set(c->bells[i].until))
			first = instant_min(first, c->bells[i].until);
	if (instant_is_set(c->ports.next))
		first = instant_min(first, c->ports.next);
	return first;
}
