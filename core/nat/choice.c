/* choice.c - which of the addresses that answer is the path.
 *
 * The score is the smoothed round trip, longer by the probes that were lost; IPv6 is preferred
 * within a tenth, an address of the same LAN within a fifth, and a relay is used only while no
 * direct address answers. Another address takes over when it has answered three times, is a tenth
 * and 3 ms better, and the present one was held for 5 s; a direct one takes over from a relay, and
 * any one from an address that left two probes unanswered, with its first answer. */
#include "nat/path_impl.h"

#define HELD span_s(5)
#define BETTER span_ms(3)
#define PROMISING_EACH span_ms(200)
#define IDLE_EACH span_s(60)
#define RELAY_NS UINT64_C(1000000000)

bool path_is_relayed(const struct path *path)
{
	return path->best != NO_ADDRESS && path->list[path->best].to.channel;
}

bool path_is_active(const struct path *path, struct instant now)
{
	return instant_is_set(path->used) && instant_since(now, path->used).ns < PATH_ACTIVE.ns;
}

bool path_is_used(const struct paths *p, const struct path *path, struct instant now)
{
	struct span most = p->keepalive.ns ? PATH_KEPT : PATH_IDLE;

	return instant_is_set(path->used) && instant_since(now, path->used).ns < most.ns;
}

bool paths_used_within(const struct paths *p, uint32_t slot, struct span most, struct instant now)
{
	const struct instant used = p->list[slot].used;

	return instant_is_set(used) && instant_since(now, used).ns < most.ns;
}

static uint64_t score(const struct address *a)
{
	uint64_t s = a->rtt.ns + a->rtt.ns / LOSS_ALL * 4 * a->loss;

	if (ip_is_private(&a->to.ip) || ip_is_link_local(&a->to.ip))
		s -= s / 5;
	else if (a->to.ip.family == FAMILY_IPV6)
		s -= s / 10;
	return a->to.channel ? s + RELAY_NS : s;
}

static bool is_better(const struct address *a, const struct address *best)
{
	const uint64_t s = score(a), b = score(best);

	return s <= b - b / 10 && b >= s + BETTER.ns;
}

bool path_takes(const struct path *path, const struct address *a, struct instant now)
{
	const struct address *best = &path->list[path->best];

	if (best->tries >= PATH_TRIES_SWITCH)
		return true;
	if (!best->to.channel != !a->to.channel)
		return !a->to.channel;
	return a->answers >= ANSWERS_SWITCH && is_better(a, best) &&
	       instant_since(now, path->taken).ns >= HELD.ns;
}

struct instant path_keep_at(const struct paths *p, const struct path *path, struct instant now)
{
	if (path_is_active(path, now))
		return instant_add(now, PATH_BEAT);
	if (!path_is_used(p, path, now))
		return INSTANT_NEVER;
	struct span every = path_is_relayed(path) ? STANDBY_EACH : PATH_KEEP;
	const bool idle = instant_since(now, path->used).ns >= PATH_IDLE.ns;

	/* A path that is only kept is probed as often as the NAT demands, and no more often. */
	if (p->keepalive.ns && (idle || p->keepalive.ns < every.ns))
		every = p->keepalive;
	return instant_add(now, every);
}

struct instant path_answered_next(struct paths *p, const struct path *path,
				  const struct address *a, struct instant now)
{
	const struct address *best = &path->list[path->best];
	struct instant held = instant_add(path->taken, HELD);

	if (a == best)
		return path_keep_at(p, path, now);
	if (!best->to.channel == !a->to.channel && is_better(a, best))
		return a->answers < ANSWERS_SWITCH || !instant_before(now, held) ?
			instant_add(now, PROMISING_EACH) : held;
	if (!path_is_used(p, path, now) || (a->to.channel && !best->to.channel))
		return INSTANT_NEVER;
	if (a->to.channel)
		return instant_add(now, STANDBY_EACH);
	struct span idle = { IDLE_EACH.ns + rng_below(&p->rng, IDLE_EACH.ns / 8) };
	return instant_add(now, idle);
}

struct span path_retry(const struct address *a)
{
	static const uint16_t after_s[] = { 5, 15, 60, 300 };
	const unsigned last = sizeof(after_s) / sizeof(*after_s) - 1;
	unsigned i = a->tries > ADDRESS_TRIES_FAST ? a->tries - ADDRESS_TRIES_FAST : 0;

	return span_s(after_s[i < last ? i : last]);
}

void address_unanswered(struct address *a)
{
	a->tries++;
	a->answers = 0;
	a->loss = (uint16_t)(a->loss + (LOSS_ALL - a->loss) / 8);
}

bool paths_direct(const struct paths *p, uint32_t slot)
{
	const struct path *path = &p->list[slot];

	return path->admitted && path->best != NO_ADDRESS && !path_is_relayed(path);
}

void paths_set_keepalive(struct paths *p, struct span every)
{
	p->keepalive = every;
}
