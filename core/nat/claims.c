/* claims.c - where others say that a member may be: its record, or who has met it.
 *
 * Not all are probed. Up to 64 members everybody has a path to everybody. Of
 * more, the n-th that we are told of is probed with the chance 32 / n, and again with each later
 * record of its: that makes 64 + 32 ln(n / 64) paths, 130 of 500 and 225 of 10,000, and as many
 * again that others begin. It is a random graph, which is what gossip needs, and one that changes
 * slowly. The first 32 are probed at once, the others in turn, one every 30 ms. Whoever else is
 * needed is probed at that moment: whom swim must ask (paths_try), for whom a packet waits
 * (paths_wanted), and who sends us something (paths_heard). */
#include "nat/path_impl.h"

#define CLAIM_AGAIN span_s(10)  /* between records that have silent claims probed once more */
#define CLAIM_BURST 32u         /* members whose claims are probed at once, unasked */
#define CLAIM_EVERY span_ms(30)
#define WANTED_FOR span_s(60)   /* somebody waited for a path: new addresses are probed, too */

/* A record may send us anywhere but into this host, or where its words mean nothing here. */
static bool claimable(const struct paths *p, const struct endpoint *e)
{
	return (p->config.loopback || !ip_is_loopback(&e->ip)) && !ip_is_link_local(&e->ip);
}

static void count_told(struct paths *p, struct path *path)
{
	p->told += !path->told;
	path->told = true;
}

static bool is_chosen(struct paths *p)
{
	return p->told <= PATHS_ALL || rng_below(&p->rng, p->told) < PATHS_SHARE;
}

/* Nobody waits for these: a start among hundreds shall not be spent on them. */
static struct instant in_turn(struct paths *p, struct instant now)
{
	struct instant turn = instant_before(p->claim_next, now) ? now : p->claim_next;
	uint64_t ahead = CLAIM_EVERY.ns * (CLAIM_BURST - 1);

	p->claim_next = instant_add(turn, CLAIM_EVERY);
	return turn.ns <= now.ns + ahead ? now : (struct instant){ turn.ns - ahead };
}

static bool is_wanted(const struct path *path, struct instant now)
{
	return path->best != NO_ADDRESS ||
	       (instant_is_set(path->wanted) &&
		instant_since(now, path->wanted).ns < WANTED_FOR.ns);
}

void paths_set_candidates(struct paths *p, uint32_t slot, const struct endpoint *list, unsigned n,
			  struct instant now)
{
	struct path *path = &p->list[slot];
	bool again = !instant_is_set(path->claimed) ||
		     instant_since(now, path->claimed).ns >= CLAIM_AGAIN.ns;

	count_told(p, path);
	bool wanted = is_wanted(path, now);
	bool ask = wanted || (again ? is_chosen(p) : path_was_asked(path));
	struct instant when = ask && !wanted ? in_turn(p, now) : now;
	if (again)
		path->claimed = now;
	for (unsigned i = 0; i < path->count; i++)
		path->list[i].claimed = false;
	for (unsigned i = 0; i < n && i < MAX_CANDIDATES; i++) {
		struct address *a = claimable(p, &list[i]) ? path_address(p, slot, &list[i], true) :
				    NULL;
		bool silent = a && (!instant_is_set(a->answered) || path->best == NO_ADDRESS ||
				    path_is_relayed(path));

		if (a)
			a->claimed = true;
		if (ask && silent && !a->waiting && (again || !instant_is_set(a->sent))) {
			a->tries = 0;
			a->next = instant_min(a->next, when);
		}
	}
	/* What is claimed no longer and never worked makes room. */
	for (unsigned i = path->count; i-- > 0;)
		if (!path->list[i].claimed && i != path->best && !path->list[i].waiting &&
		    !path->list[i].to.channel && !instant_is_set(path->list[i].heard) &&
		    !instant_is_set(path->list[i].answered))
			path_drop_address(path, i);
	path_reschedule(p, slot);
}

void paths_suggest(struct paths *p, uint32_t slot, const struct endpoint *at, struct instant now)
{
	struct address *a = p->list[slot].admitted ? path_address(p, slot, at, true) : NULL;

	if (!a || a->waiting)
		return;
	a->claimed = true;
	count_told(p, &p->list[slot]);
	if (is_chosen(p))
		a->next = instant_min(a->next, in_turn(p, now));
	path_reschedule(p, slot);
}
