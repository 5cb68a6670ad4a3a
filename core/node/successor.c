/* The key that is to follow ours, told to each peer that is reached, and what peers tell of theirs.
 *
 * A successor is told by the node that it is about, over a channel that only its present key opens,
 * and to nobody else. It changes nothing here: the owner of this node accepts it
 * (docs/rotation.md).
 * A few repetitions stand for an answer: whoever misses all of them is told when its path is up
 * again. */
#include "node/node_impl.h"

#include "base/bucket.h"

#include <string.h>

#define TELLS 3u              /* to each, when its path is there */
#define AGAIN span_s(2)
#define AT_ONCE 16u           /* messages of one step */
#define MESSAGES_BYTES ((size_t)AT_ONCE * (CHANNEL_OVERHEAD + 1 + MAX_STATEMENT))
#define LOOKS 256u            /* peers looked at in one step */
#define PAUSE span_ms(20)
/* Two signatures are checked, and a file is written. */
#define HEAR_EVERY span_s(10)
#define HEAR_BURST 4u

void successor_init(struct node *n)
{
	n->rotation.due = INSTANT_NEVER;
	n->rotation.at = TRUST_NONE;
}

/* --- ours */

void successor_begin(struct node *n)
{
	n->rotation.given = false;
}

void successor_given(struct node *n, const struct statement *s)
{
	struct rotation *r = &n->rotation;

	if (memcmp(&s->body.issuer, &n->config.public, sizeof(n->config.public)) != 0)
		return;
	r->given = true;
	if (r->own.len == s->len && !memcmp(r->own.wire, s->wire, s->len))
		return;
	r->own = *s;
	r->announced = false; /* not this one */
}

/* Who runs both keys during their overlap has them at one address. */
static void suggest(struct node *n, const struct public_key *old, const struct public_key *new,
		    struct instant now)
{
	uint32_t from = trust_find(n->trust, old), to = trust_find(n->trust, new);
	struct endpoint at, there;

	if (from != TRUST_NONE && to != TRUST_NONE && paths_best(n->paths, from, &at)
	    && !paths_best(n->paths, to, &there))
		paths_suggest(n->paths, to, &at, now);
}

/* To those that were accepted since. */
static void suggest_all(struct node *n, struct instant now)
{
	const struct statement_store *all = n->orgs.statements;
	uint32_t at = STATEMENT_NONE;

	while ((at = statement_store_next(all, at)) != STATEMENT_NONE) {
		const struct statement_body *b = &statement_store_at(all, at)->body;

		if (b->kind == STATEMENT_SUCCESSOR)
			suggest(n, &b->issuer, &b->subject, now);
	}
}

void successor_end(struct node *n, struct instant now)
{
	struct rotation *r = &n->rotation;
	uint32_t slot = TRUST_NONE;

	suggest_all(n, now);
	if (!r->given || r->announced) {
		r->announced = r->given;
		return;
	}
	r->announced = r->more = true;
	r->due = now;
	while ((slot = trust_next(n->trust, slot)) != TRUST_NONE)
		n->peers[slot].tells = TELLS;
}

void successor_path_up(struct node *n, uint32_t slot, struct instant now)
{
	const struct public_key *key = trust_key(n->trust, slot);
	bool disputed;
	uint32_t at = statement_store_successor(n->orgs.statements, key, &disputed);

	if (at != STATEMENT_NONE)
		suggest(n, key, &statement_store_at(n->orgs.statements, at)->body.subject, now);
	if (!n->rotation.announced)
		return;
	n->peers[slot].tells = TELLS;
	n->rotation.more = true; /* those before this slot were looked at */
	n->rotation.due = now;
}

/* True if it is to be told again. */
static bool tell(struct node *n, uint32_t slot)
{
	const struct statement *own = &n->rotation.own;
	uint8_t *data = outbox_reserve(&n->inner, 1 + own->len);

	if (!data)
		return true;
	data[0] = SUCCESSOR_TYPE;
	memcpy(data + 1, own->wire, own->len);
	outbox_commit(&n->inner, OUT_MESSAGE, 1 + own->len)->slot = slot;
	return --n->peers[slot].tells > 0;
}

static void tell_some(struct node *n, struct instant now)
{
	struct rotation *r = &n->rotation;
	struct endpoint best;
	unsigned told = 0;

	r->due = instant_add(now, PAUSE);
	for (unsigned i = 0; i < LOOKS && told < AT_ONCE; i++) {
		r->at = trust_next(n->trust, r->at);
		if (r->at == TRUST_NONE) {
			r->due = r->more ? instant_add(now, AGAIN) : INSTANT_NEVER;
			r->more = false;
			return;
		}
		if (!n->peers[r->at].tells)
			continue;
		if (!paths_best(n->paths, r->at, &best)) {
			n->peers[r->at].tells = 0;
			continue;
		}
		r->more |= tell(n, r->at);
		told++;
	}
}

void successor_tick(struct node *n, struct instant now, const struct outbox *out)
{
	struct rotation *r = &n->rotation;

	if (!instant_reached(r->due, now))
		return;
	if (!r->announced)
		r->due = INSTANT_NEVER;
	else if (outbox_has_room(out, AT_ONCE, MESSAGES_BYTES))
		tell_some(n, now);
	else
		r->due = instant_add(now, PAUSE);
}

struct instant successor_deadline(const struct node *n)
{
	return n->rotation.due;
}

/* --- of others */

static void announced(struct node *n, uint32_t slot, const struct statement *s, struct moment now)
{
	struct event e = { .at = now.boot, .kind = EV_SUCCESSOR, .subject = s->body.issuer,
			   .by = s->body.subject };
	bool disputed;
	uint32_t at;

	if (statement_store_put(n->orgs.statements, s, &at) != STATEMENT_NEW)
		return;
	orgs_keep(n, at);
	(void)statement_store_successor(n->orgs.statements, trust_key(n->trust, slot), &disputed);
	e.a = disputed;
	event_emit(&n->events, &e);
}

void successor_input(struct node *n, uint32_t slot, struct bytes message, struct moment now)
{
	struct node_peer *peer = &n->peers[slot];
	const struct public_key *key = trust_key(n->trust, slot);
	struct statement_claim claim;
	struct statement s;

	if (!statement_decode(bytes_of((const uint8_t *)message.data + 1, message.len - 1), &claim)
	    || claim.body.kind != STATEMENT_SUCCESSOR
	    || memcmp(&claim.body.issuer, key, sizeof(*key)) != 0) {
		n->counters.drop_successor++;
		return;
	}
	if (orgs_has(n, &claim) != STATEMENT_NONE)
		return;
	/* Whom an org lets in shows another certificate, and is let in by that. */
	if (trust_admission(n->trust, slot) != ADMIT_AUTHORIZED
	    || !bucket_take(&peer->heard_full, now.boot, HEAR_EVERY, HEAR_BURST)
	    || !statement_verify(&claim, &s))
		n->counters.drop_successor++;
	else
		announced(n, slot, &s, now);
}

/* What is of use to the owner: nothing that was accepted, or is over. */
void successor_report(const struct node *n, uint32_t slot, struct report_peer *r)
{
	const struct statement_body *b;
	uint32_t at, new;

	if (trust_admission(n->trust, slot) != ADMIT_AUTHORIZED)
		return;
	at = statement_store_successor(n->orgs.statements, trust_key(n->trust, slot),
				       &r->successor_disputed);
	if (at == STATEMENT_NONE)
		return;
	b = &statement_store_at(n->orgs.statements, at)->body;
	new = trust_find(n->trust, &b->subject);
	if (!r->successor_disputed
	    && (b->until <= n->orgs.now
		|| (new != TRUST_NONE && trust_admission(n->trust, new) == ADMIT_AUTHORIZED)))
		return;
	r->has_successor = true;
	r->successor = b->subject;
	r->successor_until = b->until;
}
