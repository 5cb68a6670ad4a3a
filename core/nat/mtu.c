/* mtu.c - the longest packet that the path in use takes (DPLPMTUD, RFC 8899).
 *
 * A padded probe stands for a packet of the tunnel: it is as long on the wire as that packet sealed
 * by WireGuard, and never cut in fragments. What its answer confirms passes. Sizes are those of
 * packets: the MTU of the interface, and the multiples of 16 from 1280 on below it, since
 * WireGuard pads to these.
 *
 * The whole MTU is asked for first: nearly every path takes it, and one too small is believed by
 * the kernel for ten minutes. Nothing is held back until a shorter probe was answered where longer
 * ones were not, so that a peer that knows no padded probes, or a lossy path, costs nothing. Then
 * 1280 holds at once, and halving finds what is between.
 *
 * While packets go to the peer, what passed is confirmed each 15 s: where it does not pass any
 * more (a black hole) the search begins at 1280; and where the path takes less than the whole,
 * longer ones are tried again after a minute, two, four, up to ten; so is a peer that answered
 * none. Another path begins anew.
 *
 * Bounds: 50 padded probes a second for all peers, only to the address in use, which answered. */
#include "nat/path_impl.h"

#include "identity/channel.h"

#include <string.h>

#define STEP 16u                   /* WireGuard pads to it */
#define SMALL 1u                   /* the shortest padded probe: whether it is known at all */
#define TRIES_SEARCH 3u
#define TRIES_CONFIRM 5u           /* what passed once is not given up easily */
#define CONFIRM_EACH span_s(15)
#define RAISE_FIRST span_s(60)
#define RAISE_MAX span_s(600)
#define BURST 16u
#define EACH span_ms(20)
#define HELD span_ms(500)          /* while the path itself is in doubt */

_Static_assert(PATH_PADDED_MIN == 1 + CHANNEL_OVERHEAD + PATH_PROBE_LEN, "see path.h");
_Static_assert(PATH_MTU_MIN % STEP == 0, "the least is padded to itself");

/* Only while a path is narrow is its packets' length looked at. */
static void set_limit(struct paths *p, struct path_mtu *m, uint16_t limit)
{
	p->narrow += !!limit;
	p->narrow -= !!m->limit;
	m->limit = limit;
}

void path_mtu_reset(struct paths *p, uint32_t slot)
{
	struct path_mtu *m = &p->list[slot].mtu;

	set_limit(p, m, 0);
	*m = (struct path_mtu){ .next = INSTANT_NEVER };
}

void paths_set_mtu(struct paths *p, uint32_t mtu)
{
	p->mtu = mtu > PATH_MTU_MIN && mtu <= PATH_MTU_MAX ? (uint16_t)mtu : 0;
	for (uint32_t slot = 0; slot < p->top; slot++)
		if (p->list[slot].admitted)
			path_mtu_reset(p, slot);
}

static void ask(struct path_mtu *m, uint32_t size, struct instant now)
{
	m->asked = (uint16_t)size;
	m->tries = 0;
	m->next = now;
}

/* The next one to try between what passed and what did not; 0: none. */
static uint32_t between(const struct path_mtu *m)
{
	if (!m->failed) /* the whole passed */
		return 0;
	const uint32_t top = (m->failed - 1u) / STEP * STEP;
	if (m->passed < PATH_MTU_MIN)
		return m->failed > PATH_MTU_MIN ? PATH_MTU_MIN : 0;
	return top > m->passed ? m->passed + ((top - m->passed) / STEP + 1) / 2 * STEP : 0;
}

/* What passes is known. */
static void found(struct paths *p, struct path_mtu *m, struct instant now)
{
	m->asked = 0;
	m->next = instant_add(now, CONFIRM_EACH);
	if (m->passed == p->mtu)
		m->raise = (struct span){ 0 };
	else if (!m->passed)
		m->raise = RAISE_MAX;
	else
		m->raise.ns = m->raise.ns ? m->raise.ns * 2 : RAISE_FIRST.ns;
	if (m->raise.ns > RAISE_MAX.ns)
		m->raise = RAISE_MAX;
	m->raise_at = instant_add(now, m->raise);
}

static void go_on(struct paths *p, struct path_mtu *m, struct instant now)
{
	const uint32_t next = between(m);

	if (next)
		ask(m, next, now);
	else
		found(p, m, now);
}

/* All tries for m->asked were in vain. */
static void unanswered(struct paths *p, struct path_mtu *m, struct instant now)
{
	const uint16_t asked = m->asked;

	if (asked == SMALL) { /* it knows no padded probes, or did not hear them */
		m->passed = m->failed = 0;
		set_limit(p, m, 0);
		found(p, m, now);
		return;
	}
	m->failed = asked;
	if (asked <= m->passed)
		m->passed = 0;
	if (m->passed)
		go_on(p, m, now);
	else
		ask(m, asked > PATH_MTU_MIN ? PATH_MTU_MIN : SMALL, now);
}

void path_mtu_doubt(struct path *path, struct instant now)
{
	if (path->mtu.asked || path->mtu.next.ns == UINT64_MAX)
		return;
	path->mtu.next = path->mtu.raise_at = now;
	path->mtu.raise = (struct span){ 0 };
}

void path_mtu_wanted(struct paths *p, uint32_t slot, struct instant now)
{
	struct path *path = &p->list[slot];

	if (!p->mtu || path->best == NO_ADDRESS)
		return;
	path->mtu.next = now;
	path_reschedule(p, slot);
}

/* What is to be asked now; false: nothing. */
static bool choose(struct paths *p, const struct path *path, struct path_mtu *m,
		   struct instant now)
{
	if (m->asked && m->tries >= (m->asked == m->passed ? TRIES_CONFIRM : TRIES_SEARCH))
		unanswered(p, m, now);
	else if (m->asked)
		return true;
	else if (!path_is_active(path, now))
		m->next = INSTANT_NEVER;
	else if (m->passed < p->mtu && instant_reached(m->raise_at, now)) {
		m->failed = 0;
		ask(m, p->mtu, now);
	} else if (m->passed >= PATH_MTU_MIN)
		ask(m, m->passed, now);
	else
		m->next = m->raise_at;
	return m->asked && instant_reached(m->next, now);
}

void path_mtu_due(struct paths *p, uint32_t slot, struct instant now, struct outbox *out)
{
	struct path *path = &p->list[slot];
	struct path_mtu *m = &path->mtu;
	uint32_t len;

	if (path->best == NO_ADDRESS || !p->mtu) {
		m->next = INSTANT_NEVER;
		return;
	}
	const struct address *best = &path->list[path->best];
	if (best->tries) { /* nothing may pass at present, whatever its size */
		m->tries = 0;
		m->next = instant_add(now, HELD);
		return;
	}
	if (!choose(p, path, m, now))
		return;
	if (!bucket_take(&p->mtu_full, now, EACH, BURST)) {
		m->next = instant_add(now, span_ms(100 + rng_below(&p->rng, 100)));
		return;
	}
	if (!m->tries)
		random_bytes(p->config.random, m->id, sizeof(m->id));
	len = m->asked + PATH_SEALED_MORE;
	probe_padded(p, slot, &best->to, len < PATH_PADDED_MIN ? PATH_PADDED_MIN : len, m->id, out);
	m->next = instant_add(now, (struct span){ path_probe_timeout(p, best).ns << m->tries });
	m->tries++;
}

bool path_mtu_answered(struct paths *p, uint32_t slot, const struct endpoint *from,
		       const uint8_t id[static 8], struct instant now)
{
	struct path *path = &p->list[slot];
	struct path_mtu *m = &path->mtu;

	if (!m->asked || !m->tries || path->best == NO_ADDRESS ||
	    !endpoint_equal(&path->list[path->best].to, from) || !ct_equal(m->id, id, 8))
		return false;
	if (m->asked == m->passed) { /* as before */
		m->asked = 0;
		m->next = instant_add(now, CONFIRM_EACH);
	} else {
		m->passed = m->asked;
		set_limit(p, m, m->passed == p->mtu ? 0 :
				m->passed < PATH_MTU_MIN ? PATH_MTU_MIN : m->passed);
		go_on(p, m, now);
	}
	path_reschedule(p, slot);
	return true;
}

uint32_t paths_mtu(const struct paths *p, uint32_t slot)
{
	return p->list[slot].mtu.limit;
}

bool paths_any_narrow(const struct paths *p)
{
	return p->narrow;
}
