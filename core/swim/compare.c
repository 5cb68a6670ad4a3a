/* compare.c - when two views are made equal by lists (sync.c): who has shown another digest than
 * ours is due for one. */
#include "swim/sync.h"

#include "swim/gossip.h"
#include "swim/member.h"
#include "swim/peer.h"
#include "swim/probe.h"
#include "swim/records.h"

#define FIRST_WAIT_MS 300u    /* from one list for a peer to the next; doubled each time */
#define WAIT_EXPONENT_MAX 11u /* 300 ms * 2^11: ten minutes */
#define NEWS_PAUSE_MS 60u     /* while we join: what came so long ago was the last of it */
#define CHECKS 5u             /* members asked for their digests after that */

void sync_due(struct swim *s, uint32_t slot)
{
	struct member *m = &s->members[slot];

	s->lists_due += !m->list_due;
	m->list_due = true;
}

void sync_not_due(struct swim *s, uint32_t slot)
{
	struct member *m = &s->members[slot];

	s->lists_due -= m->list_due;
	m->list_due = false;
}

static struct span list_wait(const struct peer *p)
{
	return span_ms((uint64_t)FIRST_WAIT_MS << p->list_wait);
}

/* While we join, and nothing has come for a moment: it will not come by itself. */
static bool is_behind(const struct swim *s, uint32_t theirs, uint32_t ours)
{
	return theirs > ours && records_joining(s)
	       && instant_since(s->now, s->news_at).ns >= span_ms(NEWS_PAUSE_MS).ns;
}

void sync_compare(struct swim *s, uint32_t from, const struct wire_header *h, bool answer)
{
	struct member *m = &s->members[from];
	struct peer *p = peer_of(s, from);
	uint64_t ours = scope_digest(s, from);
	uint32_t held = scope_count(s, from);
	uint32_t more = h->count > held ? h->count : held;
	uint32_t less = h->count < held ? h->count : held;
	bool quiet = (h->flags & WIRE_QUIET) && !gossip_settles(s);

	p->digest = h->digest;
	p->count = h->count;
	if (!ours || !h->digest)
		return;
	if (h->digest == ours) {
		m->estranged = false;
		p->list_wait = 0;
		s->sure = true;
		sync_not_due(s, from);
		return;
	}
	if (!m->reachable || (!is_behind(s, h->count, held)
			      && (!answer || (!quiet && (more - less) * 10u <= more))))
		return;
	/* Where much is missing, who has less says what it has. */
	if (!quiet && held > RECORDS_MANY && h->count < held)
		return;
	if (instant_is_set(p->listed)) {
		if (instant_since(s->now, p->listed).ns < list_wait(p).ns)
			return;
		if (p->list_wait < WAIT_EXPONENT_MAX)
			p->list_wait++;
	}
	sync_due(s, from);
}

void sync_news(struct swim *s)
{
	s->news_at = s->now;
	s->sure = false;
	s->checks = 0;
}

struct instant sync_check_at(const struct swim *s)
{
	if (s->sure || s->checks == CHECKS || !s->near_count || !records_joining(s))
		return INSTANT_NEVER;
	const struct instant since = instant_before(s->news_at, s->joined) ? s->joined : s->news_at;

	return instant_add(since, span_ms((uint64_t)NEWS_PAUSE_MS << s->checks));
}

void sync_check(struct swim *s)
{
	if (!instant_reached(sync_check_at(s), s->now))
		return;
	s->checks++;
	probe_ping(s, s->near[rng_below(&s->rng, s->near_count)], 0);
}
