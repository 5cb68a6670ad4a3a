/* ping.c - how long a probe of this moment takes, asked by a user.
 *
 * The path's own probes are smoothed, rare on an idle path, and answers to repeated ones are not
 * exact. So a ping has its own id, by the path in use, once a second and three times at the most,
 * and tells nothing to the rest of this room. Without a path it waits until there is one. */
#include "nat/path_impl.h"

#include "crypto/hash.h"

#define AGAIN span_s(1)
#define PATIENCE span_s(3)
#define FORGOTTEN span_s(10) /* by who asked */

uint32_t paths_ping(struct paths *p, uint32_t slot, struct instant now)
{
	for (uint32_t i = 0; i < PATH_PINGS; i++) {
		struct path_ping *g = &p->pings[i];

		if (g->state != PING_NONE &&
		    !instant_reached(instant_add(g->until, FORGOTTEN), now))
			continue;
		*g = (struct path_ping){ .state = PING_WAITS, .slot = slot, .next = now,
					 .until = instant_add(now, PATIENCE) };
		return i;
	}
	return PATH_NO_PING;
}

enum path_ping_state paths_pinged(const struct paths *p, uint32_t number, struct span *rtt)
{
	BUG_ON(number >= PATH_PINGS);
	*rtt = p->pings[number].rtt;
	return p->pings[number].state;
}

void paths_ping_end(struct paths *p, uint32_t number)
{
	BUG_ON(number >= PATH_PINGS);
	p->pings[number].state = PING_NONE;
}

void path_ping_forget(struct paths *p, uint32_t slot)
{
	for (uint32_t i = 0; i < PATH_PINGS; i++)
		if (p->pings[i].slot == slot && p->pings[i].state == PING_WAITS)
			p->pings[i].state = PING_SILENT;
}

void path_ping_tick(struct paths *p, struct instant now, struct outbox *out)
{
	for (uint32_t i = 0; i < PATH_PINGS; i++) {
		struct path_ping *g = &p->pings[i];
		struct endpoint best;

		if (g->state != PING_WAITS || !instant_reached(g->next, now))
			continue;
		if (instant_reached(g->until, now)) {
			g->state = PING_SILENT;
			continue;
		}
		g->next = instant_min(g->until, instant_add(now, span_ms(20)));
		if (!paths_best(p, g->slot, &best) || !outbox_has_room(out, 1, PATH_PROBE_LONG))
			continue;
		g->next = instant_min(g->until, instant_add(now, AGAIN));
		g->at = best;
		g->sent = now;
		random_bytes(p->config.random, g->id, sizeof(g->id));
		probe_send(p, g->slot, &best, 0, false, g->id, out);
	}
}

struct instant path_ping_deadline(const struct paths *p)
{
	struct instant first = INSTANT_NEVER;

	for (uint32_t i = 0; i < PATH_PINGS; i++)
		if (p->pings[i].state == PING_WAITS)
			first = instant_min(first, p->pings[i].next);
	return first;
}

bool path_ping_answered(struct paths *p, uint32_t slot, const struct endpoint *from,
			const uint8_t id[static 8], struct instant now)
{
	for (uint32_t i = 0; i < PATH_PINGS; i++) {
		struct path_ping *g = &p->pings[i];

		if (g->state != PING_WAITS || g->slot != slot || !instant_is_set(g->sent) ||
		    !endpoint_equal(&g->at, from) || !ct_equal(g->id, id, 8))
			continue;
		g->state = PING_ANSWERED;
		g->rtt = instant_since(now, g->sent);
		return true;
	}
	return false;
}
