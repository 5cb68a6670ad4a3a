/* Who comes by a token, or made it, may be behind a NAT that gives another port for each
 * destination. Then the other one knows his address and no port: as with members (docs/nat.md,
 * "Birthday") the one opens many sockets towards the other's port, and the other one tries many
 * ports. Here nobody is a member yet. What goes to random ports is a hello by the token, which
 * tells nothing to whom it does not concern, and only who has the token answers it.
 *
 * And a scout: one socket more, by which a joiner asks without waiting for a call, in case that the
 * NAT of who made the token lets everybody in. */
#include "node/node_impl.h"

#include "identity/record.h"

#include <string.h>

#define LOOK_EACH span_s(1)      /* our own kind may be known a moment later */
#define OPEN_EACH span_ms(25)
#define OPEN_SOME 16u            /* and of those that are open a second: NATs forget after 30 */
#define OPENER_FIRST 2u
#define OPENERS 3u
#define CALLED_RATE 500u         /* by who was told where the joiner is */
#define CALLED_MOST 2048u
#define JOINING_RATE 50u         /* by a joiner: when he is called, a human decides */
#define JOINING_MOST 16384u

static bool is_hard(uint8_t kind)
{
	return kind == NAT_HARD || kind == NAT_HARD_SEQUENTIAL;
}

/* Where the other one is seen from the Internet, and is not open to all; NULL: not so. */
static const struct endpoint *closed_at(const struct node_token *t)
{
	const struct endpoint *at = NULL;

	for (unsigned i = 0; i < t->count; i++) {
		const struct token_candidate *c = &t->candidates[i];

		if (!ip_is_public(&c->at.ip))
			continue;
		if (c->open && t->role == NODE_TOKEN_JOINING) {
			if (c->kind != TOKEN_MAPPED)
				return NULL;
			continue; /* a router's word */
		}
		if (!at && c->at.ip.family == FAMILY_IPV4)
			at = &c->at;
	}
	return at;
}

static void let_out_scout(struct node *n, const struct node_token *t, const struct endpoint *at,
			  struct instant now, struct outbox *out)
{
	struct connect_ports *p = &n->connect.ports;

	if (!p->scout)
		p->scout = punch_socket_lend(n->punches, out);
	if (p->scout)
		introduce_token_scout(n->orgs.introductions, t->id, at, p->scout, now);
}

/* What there is to do for the tokens in use; the first that needs many sockets has them. */
static void look(struct node *n, struct instant now, struct outbox *out)
{
	struct connect_ports *p = &n->connect.ports;
	const bool hard = is_hard(n->self.nat_kind);

	p->opens = false;
	for (unsigned i = 0; i < n->connect.count; i++) {
		const struct node_token *t = &n->connect.list[i];
		const bool joining = t->role == NODE_TOKEN_JOINING;
		const struct endpoint *at = closed_at(t);

		if (!at || (!joining && t->role != NODE_TOKEN_INVITED))
			continue;
		if (joining)
			let_out_scout(n, t, at, now, out);
		if (hard == t->hard || n->config.no_birthday)
			continue;
		if (t->hard) {
			introduce_token_search(n->orgs.introductions, t->id, &at->ip,
					       joining ? JOINING_RATE : CALLED_RATE,
					       joining ? JOINING_MOST : CALLED_MOST, now);
		} else if (!p->opens) {
			p->opens = true;
			p->to = *at;
		}
	}
}

static bool was_met_by(const struct node *n, uint16_t socket)
{
	for (unsigned i = 0; i < NODE_MET; i++)
		if (n->connect.met[i].at.socket == socket)
			return true;
	return false;
}

/* All go back but those by which somebody came who is about to be let in. */
static void close_all(struct node *n, struct instant now)
{
	struct connect_ports *p = &n->connect.ports;

	for (unsigned i = 0; i < NODE_PORTS; i++) {
		if (!p->sockets[i] || was_met_by(n, p->sockets[i]))
			continue;
		punch_socket_back(n->punches, p->sockets[i], UINT32_MAX, now);
		p->sockets[i] = 0;
	}
	p->next_socket = 0;
}

/* Out of our own NAT, and not into the other's. */
static void open_way(struct node *n, uint16_t socket, struct outbox *out)
{
	struct endpoint to = n->connect.ports.to;

	to.socket = socket;
	for (uint8_t hops = OPENER_FIRST; hops < OPENER_FIRST + OPENERS; hops++) {
		uint8_t *d = outbox_reserve(out, 1);

		if (!d)
			return;
		*d = 0; /* nobody's first byte */
		struct out *item = outbox_commit(out, OUT_DATAGRAM, 1);
		item->to = to;
		item->hops = hops;
	}
}

static void open_some(struct node *n, struct instant now, struct outbox *out)
{
	struct connect_ports *p = &n->connect.ports;
	bool all = true;

	for (unsigned i = 0; i < OPEN_SOME; i++) {
		uint16_t *s = &p->sockets[p->next_socket];

		if (!*s) {
			*s = punch_socket_lend(n->punches, out);
			all &= !*s;
		}
		if (*s)
			open_way(n, *s, out);
		p->next_socket = (p->next_socket + 1) % NODE_PORTS;
	}
	p->next = instant_add(now, all ? LOOK_EACH : OPEN_EACH);
}

void connect_ports_changed(struct node *n, struct instant now)
{
	n->connect.ports.next = now;
}

void connect_ports_tick(struct node *n, struct instant now, struct outbox *out)
{
	struct connect_ports *p = &n->connect.ports;

	if (!instant_is_set(p->next) || !instant_reached(p->next, now) ||
	    !outbox_has_room(out, OPEN_SOME * (OPENERS + 1), OPEN_SOME * OPENERS * 16))
		return;
	look(n, now, out);
	p->next = n->connect.count ? instant_add(now, LOOK_EACH) : INSTANT_ZERO;
	if (p->opens)
		open_some(n, now, out);
	else
		close_all(n, now);
	if (!n->connect.count && p->scout) {
		punch_socket_back(n->punches, p->scout, UINT32_MAX, now);
		p->scout = 0;
	}
}

void connect_ports_keep(struct node *n, uint16_t socket, uint32_t slot, struct instant now)
{
	struct connect_ports *p = &n->connect.ports;

	for (unsigned i = 0; socket && i < NODE_PORTS; i++) {
		if (p->sockets[i] != socket)
			continue;
		punch_socket_back(n->punches, socket, slot, now);
		p->sockets[i] = 0;
	}
}
