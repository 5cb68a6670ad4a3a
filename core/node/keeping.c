/* How long our NAT keeps a mapping, measured with the help of members, and so how often something
 * goes out on paths that are to be kept (nat/lifetime.h).
 *
 * A helper is a member without a NAT that we reach directly over the Internet by IPv4. What comes
 * to the socket in question, and what comes from one at a helper, is told to no other room: a
 * probe there would keep the mapping alive. */
#include "node/node_impl.h"

#include <string.h>

_Static_assert(NODE_SOCKETS == PUNCH_SOCKETS + 1, "one that punching does not take");

#define FIRST span_s(30)        /* after a change of the network */
#define LOOK_EACH span_s(60)    /* for a helper, or for a NAT */
#define AGAIN span_s(600)       /* after a measurement without a result */
#define DAILY span_s(86400)
#define MOST_S 300u

void keeping_init(struct node *n, struct instant now)
{
	lifetime_init(&n->keeping.lifetime);
	n->keeping.at = instant_add(now, FIRST);
	n->keeping.helper = TRUST_NONE;
}

static void say_socket(struct node *n, enum out_kind kind, struct outbox *out)
{
	if (outbox_reserve(out, 0))
		outbox_commit(out, kind, 0)->to.socket = NODE_LIFETIME_SOCKET;
	n->keeping.open = kind == OUT_SOCKET_OPEN;
}

static bool is_behind_nat(const struct node *n)
{
	return n->self.nat_kind > NAT_PUBLIC;
}

void keeping_set(struct node *n)
{
	paths_set_keepalive(n->paths, is_behind_nat(n) ?
			    lifetime_keepalive(&n->keeping.lifetime) : span_s(0));
}

/* Other networks, other NATs. */
void keeping_changed(struct node *n, struct instant now)
{
	lifetime_init(&n->keeping.lifetime);
	n->keeping.lifetime.fruitless = n->keeping.measuring; /* that one is over */
	n->keeping.at = instant_add(now, FIRST);
	keeping_set(n);
}

static bool can_help(const struct node *n, uint32_t slot, struct endpoint *at)
{
	struct swim_info member;
	struct record record;

	swim_info(n->swim, slot, &member);
	if (!member.record || !paths_best(n->paths, slot, at) || at->channel ||
	    at->ip.family != FAMILY_IPV4 || !paths_outside(&at->ip))
		return false;
	record_unkeep(member.record, &record);
	return record.body.nat_kind == NAT_PUBLIC;
}

/* Another one each time, so that one that lies, or is behind something all the same, has the last
 * word only for a day. */
static bool choose(struct node *n)
{
	const uint32_t count = trust_count(n->trust);
	uint32_t slot = n->keeping.helper;

	for (uint32_t i = 0; i <= count; i++) {
		slot = trust_next(n->trust, slot);
		if (slot == TRUST_NONE)
			continue; /* from the beginning */
		if (can_help(n, slot, &n->keeping.to)) {
			n->keeping.helper = slot;
			return true;
		}
	}
	return false;
}

static void say(struct node *n, uint8_t type, uint32_t slot, const struct endpoint *to,
		const uint8_t id[static LIFETIME_ID])
{
	uint8_t *data = outbox_reserve(&n->inner, LIFETIME_ASK_LEN);
	struct out *o;

	if (!data)
		return; /* counted, and repeated */
	lifetime_encode(type, id, data);
	o = outbox_commit(&n->inner, OUT_MESSAGE,
			  type == LIFETIME_TYPE_ANSWER ? LIFETIME_ANSWER_LEN : LIFETIME_ASK_LEN);
	o->slot = slot;
	o->to = *to;
}

static void act(struct node *n, enum lifetime_do what, struct outbox *out)
{
	struct node_keeping *k = &n->keeping;
	struct endpoint to = k->to;

	to.socket = NODE_LIFETIME_SOCKET;
	to.local = (struct ip){ 0 };
	switch (what) {
	case LIFETIME_FRESH:
		if (k->open)
			say_socket(n, OUT_SOCKET_CLOSE, out);
		say_socket(n, OUT_SOCKET_OPEN, out);
		random_bytes(&n->random, k->id, sizeof(k->id));
		/* fall through */
	case LIFETIME_TOUCH:
		say(n, LIFETIME_TYPE_TOUCH, k->helper, &to, k->id);
		break;
	case LIFETIME_KNOCK:
		if (paths_best(n->paths, k->helper, &to))
			say(n, LIFETIME_TYPE_KNOCK, k->helper, &to, k->id);
		break;
	case LIFETIME_NOTHING:
		break;
	}
}

static void ended(struct node *n, struct instant now, struct outbox *out)
{
	struct node_keeping *k = &n->keeping;

	say_socket(n, OUT_SOCKET_CLOSE, out);
	k->measuring = false;
	if (!k->lifetime.fruitless)
		k->at = instant_add(now, DAILY);
	keeping_set(n);
}

void keeping_tick(struct node *n, struct instant now, struct outbox *out)
{
	struct node_keeping *k = &n->keeping;
	enum lifetime_do what;

	if (!outbox_has_room(out, OUTBOX_STEP_ITEMS, OUTBOX_STEP_BYTES))
		return; /* due still, and so the next step */
	if (!k->measuring && instant_reached(k->at, now)) {
		k->at = instant_add(now, LOOK_EACH);
		k->measuring = is_behind_nat(n) && choose(n);
		if (k->measuring) {
			k->at = instant_add(now, AGAIN);
			lifetime_begin(&k->lifetime, MOST_S, now);
		}
	}
	while (k->measuring && (what = lifetime_tick(&k->lifetime, now)) != LIFETIME_NOTHING)
		act(n, what, out);
	if (k->measuring && !lifetime_measures(&k->lifetime))
		ended(n, now, out);
}

struct instant keeping_deadline(const struct node *n)
{
	return n->keeping.measuring ? lifetime_deadline(&n->keeping.lifetime) : n->keeping.at;
}

bool keeping_input(struct node *n, uint32_t slot, const struct endpoint *from,
		   struct bytes message, bool fresh, struct instant now)
{
	struct node_keeping *k = &n->keeping;
	const bool silent_one = from->socket == NODE_LIFETIME_SOCKET;
	uint8_t id[LIFETIME_ID];
	struct endpoint to;

	if (!lifetime_decode(message, id) || from->channel || !fresh) {
		/* of another kind: nobody else's business where it came to that socket */
		n->counters.drop_type += silent_one;
		return silent_one;
	}
	if (message.data[0] == LIFETIME_TYPE_ANSWER) {
		if (silent_one && k->measuring && slot == k->helper &&
		    ct_equal(id, k->id, sizeof(id)))
			lifetime_heard(&k->lifetime, now);
	} else if (silent_one) {
		n->counters.drop_type++;
	} else if (message.data[0] == LIFETIME_TYPE_TOUCH) {
		if (lifetime_touched(&k->help, slot, from, id, now))
			say(n, LIFETIME_TYPE_ANSWER, slot, from, id);
	} else if (lifetime_knocked(&k->help, slot, id, &to, now)) {
		say(n, LIFETIME_TYPE_ANSWER, slot, &to, id);
	}
	return true;
}

void keeping_forget(struct node *n, uint32_t slot)
{
	lifetime_forget(&n->keeping.help, slot);
	if (n->keeping.measuring && slot == n->keeping.helper)
		lifetime_abandon(&n->keeping.lifetime);
}

void keeping_report(const struct node *n, struct report_node *r)
{
	r->lifetime_known = n->keeping.lifetime.known;
	r->lifetime_s = n->keeping.lifetime.seconds;
	r->keepalive_ms = is_behind_nat(n) ?
			  (uint32_t)span_in_ms(lifetime_keepalive(&n->keeping.lifetime)) : 0;
}
