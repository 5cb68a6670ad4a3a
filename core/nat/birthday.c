/* birthday.c - one side has another outside port for each destination: so many sockets there, and
 * so many ports tried here, that two of them meet.
 *
 * Where both sides count their ports, each opens a few sockets towards one port of the other: the
 * one that its count will have got to a little later (PREDICT). What the sockets of one side are
 * seen as covers the port that the other one aims at, and the other way round; so one socket of
 * each meets one of the other's, if not more strangers than that began flows in between.
 *
 * And the extra sockets, whatever they are for. */
#include "nat/punch_impl.h"

#include <string.h>

_Static_assert(BIRTHDAY_IPS * BIRTHDAY_ALL_EACH_S > BIRTHDAY_IP_BURST * BIRTHDAY_IP_EACH_S +
	       BIRTHDAY_ALL_BURST * BIRTHDAY_ALL_EACH_S, "who is forgotten has his bucket full");

/* Its own words in the run, as far as the one that hands on knows them to be true: else a member
 * might have many nodes probe somebody who has nothing to do with it. */
static const struct endpoint *outside_of(const struct run *r)
{
	for (unsigned i = 0; i < r->count; i++)
		if (paths_outside(&r->list[i].ip) && ip_equal(&r->list[i].ip, &r->sees))
			return &r->list[i];
	return NULL;
}

/* The bucket of that address, or the one that is full again first. */
static struct target *target_at(struct punches *u, const struct ip *ip)
{
	struct target *found = u->targets;

	for (struct target *t = u->targets; t < u->targets + BIRTHDAY_IPS; t++) {
		if (ip_equal(&t->ip, ip))
			return t;
		if (instant_before(t->full, found->full))
			found = t;
	}
	*found = (struct target){ .ip = *ip };
	return found;
}

bool birthday_may(struct punches *u, const struct run *r, struct instant now)
{
	struct instant full = u->list[r->slot].birthday_full;
	const struct endpoint *to = outside_of(r);
	const bool hard = kind_is_hard(u->kind);

	if (!u->config.birthday || u->birthday.slot != NOBODY || !to ||
	    paths_direct(u->config.paths, r->slot))
		return false;
	/* Who was seen by one alone may be hard, too: that will be known soon. */
	if (!hard && !u->list[r->slot].attempts && paths_observers(u->config.paths) < 2)
		return false;
	if (kinds_count(u->kind, r->kind))
		return to->port <= UINT16_MAX - PREDICT;
	struct instant ip_full = target_at(u, &to->ip)->full, all_full = u->birthdays_full;
	return hard != kind_is_hard(r->kind) && (hard ? r->kind : u->kind) != NAT_PUBLIC &&
	       bucket_take(&full, now, BIRTHDAY_EACH, BIRTHDAY_BURST) &&
	       bucket_take(&ip_full, now, BIRTHDAY_IP_EACH, BIRTHDAY_IP_BURST) &&
	       bucket_take(&all_full, now, BIRTHDAY_ALL_EACH, BIRTHDAY_ALL_BURST);
}

void birthday_begin(struct punches *u, const struct run *r, struct instant now)
{
	struct birthday *b = &u->birthday;
	struct punch_peer *peer = &u->list[r->slot];
	const struct endpoint *to = outside_of(r);
	const bool hard = kind_is_hard(u->kind);

	if (!to)
		return;
	*b = (struct birthday){
		.slot = r->slot, .hard = hard, .to = *to, .kind = r->kind,
		.predicted = kinds_count(u->kind, r->kind),
		.next = instant_add(r->begin, hard ? BIRTHDAY_AFTER : BIRTHDAY_PROBES_AFTER),
		.ends = instant_add(r->begin, span_s(8)),
	};
	b->to.socket = 0;
	if (b->predicted) {
		b->to.port = (uint16_t)(b->to.port + PREDICT);
		b->next = r->begin;
		b->ends = instant_add(r->begin, PREDICT_LASTS);
	} else {
		(void)bucket_take(&peer->birthday_full, now, BIRTHDAY_EACH, BIRTHDAY_BURST);
		(void)bucket_take(&target_at(u, &to->ip)->full, now, BIRTHDAY_IP_EACH,
				  BIRTHDAY_IP_BURST);
		(void)bucket_take(&u->birthdays_full, now, BIRTHDAY_ALL_EACH, BIRTHDAY_ALL_BURST);
	}
	if (!hard)
		paths_spray_begin(u->config.paths, r->slot, &b->to.ip, b->next);
	u->counters.birthdays++;
}

void birthday_end(struct punches *u, uint32_t slot)
{
	if (u->birthday.slot == slot)
		u->birthday.slot = NOBODY;
}

static uint32_t to_be_done(const struct birthday *b)
{
	if (b->predicted)
		return PREDICT_SOCKETS;
	return b->hard ? BIRTHDAY_SOCKETS : BIRTHDAY_PROBES;
}

static void open_some(struct punches *u, struct outbox *out)
{
	struct birthday *b = &u->birthday;

	for (unsigned i = 0; i < SOCKETS_A_TICK && b->done < to_be_done(b); i++, b->done++) {
		struct endpoint to = b->to;

		to.socket = socket_open(u, b->slot, out);
		if (!to.socket)
			continue;
		for (uint8_t k = 0; k < PATH_OPENERS; k++)
			paths_throw(u->config.paths, b->slot, &to, (uint8_t)(PATH_OPENER_FIRST + k),
				    out);
	}
}

/* Ports that follow the one that was seen, or precede it, come first where they are given in a
 * row. */
static uint16_t next_port(struct punches *u)
{
	const struct birthday *b = &u->birthday;
	uint32_t port;

	if (b->kind == NAT_HARD_SEQUENTIAL && b->done < 2 * PREDICT) {
		port = b->done < PREDICT ? b->to.port + b->done + 1u :
					   b->to.port - (b->done - PREDICT) - 1u;
		if (port >= 1024 && port <= UINT16_MAX)
			return (uint16_t)port;
	}
	return (uint16_t)(1024 + rng_below(&u->rng, UINT16_MAX + 1u - 1024));
}

static void probe_some(struct punches *u, struct outbox *out)
{
	struct birthday *b = &u->birthday;

	for (unsigned i = 0; i < PROBES_A_TICK && b->done < BIRTHDAY_PROBES; i++, b->done++)
		paths_spray(u->config.paths, next_port(u), out);
}

/* All sockets are open: whole probes from each, three times. */
static void probe_from_all(struct punches *u, struct instant now, struct outbox *out)
{
	static const uint16_t pause_ms[PREDICT_ROUNDS] = { 400, 600, 900 };
	struct birthday *b = &u->birthday;

	for (uint16_t i = 1; i <= PUNCH_SOCKETS; i++) {
		struct endpoint to = b->to;

		to.socket = i;
		if (u->sockets[i].state == SOCKET_RUNS && u->sockets[i].slot == b->slot &&
		    u->sockets[i].via == NOBODY)
			paths_throw(u->config.paths, b->slot, &to, 0, out);
	}
	b->next = instant_add(now, span_ms(pause_ms[b->rounds++]));
}

/* On a busy host ticks are late: what was missed is made up for, a fifth of a second of it at the
 * most. */
static struct instant after(struct instant due, struct span each, struct instant now)
{
	const struct instant next = instant_add(due, each);

	if (instant_since(now, next).ns > LATE_MOST.ns)
		return (struct instant){ now.ns - LATE_MOST.ns };
	return next;
}

void birthday_tick(struct punches *u, struct instant now, struct outbox *out)
{
	struct birthday *b = &u->birthday;

	if (b->slot == NOBODY || !instant_reached(b->next, now))
		return;
	if (instant_reached(b->ends, now)) {
		sockets_release(u, b->slot, now);
		b->slot = NOBODY;
		return;
	}
	if (b->predicted && b->done == PREDICT_SOCKETS) {
		if (b->rounds < PREDICT_ROUNDS)
			probe_from_all(u, now, out);
		else
			b->next = b->ends;
		return;
	}
	if (b->hard)
		open_some(u, out);
	else
		probe_some(u, out);
	if (b->done < to_be_done(b))
		b->next = after(b->next, b->hard ? SOCKETS_EVERY : PROBES_EVERY, now);
	else /* openers of both are under way */
		b->next = b->predicted ? instant_add(now, PREDICT_AFTER) : b->ends;
}

static void say_socket(enum out_kind kind, uint16_t socket, struct outbox *out)
{
	if (outbox_reserve(out, 0))
		outbox_commit(out, kind, 0)->to.socket = socket;
}

uint16_t socket_open(struct punches *u, uint32_t slot, struct outbox *out)
{
	for (uint16_t i = 1; i <= PUNCH_SOCKETS; i++) {
		if (u->sockets[i].state != SOCKET_CLOSED)
			continue;
		u->sockets[i] = (struct extra_socket){ SOCKET_RUNS, slot, NOBODY, INSTANT_NEVER };
		u->counters.sockets++;
		say_socket(OUT_SOCKET_OPEN, i, out);
		return i;
	}
	return 0;
}

uint16_t punch_socket_lend(struct punches *u, struct outbox *out)
{
	return socket_open(u, NOBODY, out);
}

void punch_socket_back(struct punches *u, uint16_t socket, uint32_t slot, struct instant now)
{
	struct extra_socket *s = &u->sockets[socket];

	BUG_ON(!socket || socket > PUNCH_SOCKETS || s->state != SOCKET_RUNS || s->slot != NOBODY);
	s->slot = slot;
	s->state = slot == NOBODY ? SOCKET_CLOSES : SOCKET_KEPT;
	s->check = instant_add(now, SOCKET_LATELY);
	u->close_at = instant_min(u->close_at, slot == NOBODY ? now : s->check);
}

/* Both ends may have been hit at different sockets: what was heard from just now is left for a
 * while. */
void sockets_release(struct punches *u, uint32_t slot, struct instant now)
{
	for (unsigned i = 1; i <= PUNCH_SOCKETS; i++) {
		struct extra_socket *s = &u->sockets[i];

		if (s->state != SOCKET_RUNS || s->slot != slot)
			continue;
		s->state = SOCKET_KEPT;
		s->check = instant_add(now, span_s(3));
		u->close_at = instant_min(u->close_at, s->check);
	}
}

void sockets_forget(struct punches *u, uint32_t slot)
{
	for (struct extra_socket *s = u->sockets; s <= &u->sockets[PUNCH_SOCKETS]; s++) {
		if (s->via == slot)
			s->via = NOBODY;
		if (s->state == SOCKET_CLOSED || s->slot != slot)
			continue;
		s->state = SOCKET_CLOSES;
		u->close_at = INSTANT_ZERO;
	}
}

void sockets_tick(struct punches *u, struct instant now, struct outbox *out)
{
	struct instant next = INSTANT_NEVER;
	unsigned closed = 0;

	if (!instant_reached(u->close_at, now))
		return;
	for (uint16_t i = 1; i <= PUNCH_SOCKETS; i++) {
		struct extra_socket *s = &u->sockets[i];
		const bool kept = s->state == SOCKET_KEPT;

		if (!kept && s->state != SOCKET_CLOSES)
			continue;
		if (kept && !instant_reached(s->check, now)) {
			next = instant_min(next, s->check);
		} else if (kept && paths_socket_used(u->config.paths, s->slot, i, SOCKET_LATELY,
						     now)) {
			s->check = instant_add(now, SOCKET_LATELY);
			next = instant_min(next, s->check);
		} else if (closed++ < 4 * SOCKETS_A_TICK) {
			if (s->slot != NOBODY)
				paths_drop_socket(u->config.paths, s->slot, i, now);
			if (s->via != NOBODY)
				paths_drop_socket(u->config.paths, s->via, i, now);
			say_socket(OUT_SOCKET_CLOSE, i, out);
			*s = (struct extra_socket){ 0 };
			u->counters.sockets--;
		} else {
			next = instant_min(next, instant_add(now, SOCKETS_EVERY));
		}
	}
	u->close_at = next;
}
