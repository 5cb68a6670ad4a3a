#include "nat/stun_client.h"

#include <string.h>

void stun_client_init(struct stun_client *c, struct random *random)
{
	memset(c, 0, sizeof(*c));
	c->random = random;
	for (unsigned i = 0; i < STUN_TARGETS; i++)
		c->targets[i].next = INSTANT_NEVER;
}

static void ask(struct stun_client *c, struct stun_target *t, struct instant now)
{
	random_bytes(c->random, t->id, sizeof(t->id));
	t->sends = 0;
	t->waiting = true;
	t->next = now;
}

bool stun_client_add(struct stun_client *c, unsigned name, const struct endpoint *at,
		     struct instant now)
{
	struct stun_target *t;

	if (name >= STUN_SERVERS || !at->port || !ip_is_unicast(&at->ip))
		return false;
	t = &c->targets[2 * name + (at->ip.family == FAMILY_IPV6)];
	if (endpoint_equal(&t->at, at))
		return false;
	*t = (struct stun_target){ .at = *at };
	ask(c, t, now);
	return true;
}

void stun_client_ask(struct stun_client *c, struct instant now)
{
	for (struct stun_target *t = c->targets; t < c->targets + STUN_TARGETS; t++)
		if (endpoint_is_set(&t->at) && !t->waiting)
			ask(c, t, now);
}

void stun_client_again(struct stun_client *c, struct instant now)
{
	for (struct stun_target *t = c->targets; t < c->targets + STUN_TARGETS; t++) {
		t->waiting = false;
		t->mapped = t->other = (struct endpoint){ 0 };
	}
	stun_client_ask(c, now);
}

static struct stun_target *find(struct stun_client *c, const struct endpoint *from,
				const uint8_t id[static STUN_ID])
{
	for (struct stun_target *t = c->targets; t < c->targets + STUN_TARGETS; t++)
		if (t->waiting && t->sends && endpoint_equal(&t->at, from) &&
		    ct_equal(t->id, id, STUN_ID))
			return t;
	return NULL;
}

unsigned stun_client_input(struct stun_client *c, struct instant now, const struct endpoint *from,
			   struct bytes datagram,
			   bool (*refuse)(void *ctx, const struct ip *ip), void *ctx)
{
	struct stun_answer a;
	struct stun_target *t;

	if (!stun_answer_decode(datagram, &a)) {
		c->counters.drop_malformed++;
		return STUN_TARGETS;
	}
	t = find(c, from, a.id);
	if (!t) {
		c->counters.drop_unasked++;
		return STUN_TARGETS;
	}
	t->waiting = false;
	t->next = INSTANT_NEVER;
	t->answered = !a.error;
	if (a.error) {
		c->counters.errors++;
		return STUN_TARGETS;
	}
	if (!a.mapped.port || a.mapped.ip.family != from->ip.family ||
	    !ip_is_public(&a.mapped.ip) || refuse(ctx, &a.mapped.ip)) {
		c->counters.drop_address++;
		t->answered = false;
		return STUN_TARGETS;
	}
	c->counters.answers++;
	t->heard = now;
	t->mapped = a.mapped;
	t->other = a.other;
	if (t->sends == 1)
		t->rtt = instant_since(now, t->sent);
	return (unsigned)(t - c->targets);
}

static void send(struct stun_client *c, struct stun_target *t, struct instant now,
		 struct outbox *out)
{
	uint8_t *data = outbox_reserve(out, STUN_REQUEST_LEN);

	t->next = instant_add(now, t->sends + 1 == STUN_SENDS ? STUN_LAST :
			      (struct span){ STUN_RTO.ns << t->sends });
	t->sends++;
	t->sent = now;
	if (!data)
		return; /* repeated */
	stun_request(t->id, data);
	outbox_commit(out, OUT_DATAGRAM, STUN_REQUEST_LEN)->to = t->at;
	c->counters.requests++;
}

void stun_client_tick(struct stun_client *c, struct instant now, struct outbox *out)
{
	for (struct stun_target *t = c->targets; t < c->targets + STUN_TARGETS; t++) {
		if (!t->waiting || !instant_reached(t->next, now))
			continue;
		if (t->sends < STUN_SENDS) {
			send(c, t, now, out);
			continue;
		}
		t->waiting = t->answered = false;
		t->next = INSTANT_NEVER;
		c->counters.unanswered++;
	}
}

struct instant stun_client_deadline(const struct stun_client *c)
{
	struct instant first = INSTANT_NEVER;

	for (const struct stun_target *t = c->targets; t < c->targets + STUN_TARGETS; t++)
		if (t->waiting)
			first = instant_min(first, t->next);
	return first;
}

unsigned stun_client_count(const struct stun_client *c)
{
	unsigned n = 0;

	for (unsigned i = 0; i < STUN_TARGETS; i++)
		n += endpoint_is_set(&c->targets[i].at);
	return n;
}

unsigned stun_client_open(const struct stun_client *c)
{
	unsigned n = 0;

	for (unsigned i = 0; i < STUN_TARGETS; i++)
		n += c->targets[i].waiting;
	return n;
}
