/* pull.c - each fetches for itself: a comparison never makes us send what was not asked for.
 *
 * The 64 sums show in which 64th parts of all hashes we differ; the peer lists up to 128 hashes of
 * those, beginning anywhere, and we want what we lack. With that in, or half a second after the
 * last that came, the next round begins with new sums, until we hold the same or a round brings
 * nothing. Nobody is asked for more than 200 objects a second, so who answers may drop the rest.
 *
 * One comparison for an org at a time; one that brings nothing for a second gives way to the next
 * peer that differs. Peers that lie could take such turns among themselves and keep us from a
 * revocation. So the answer to a question of ours, whom we asked by chance, does not wait: it
 * takes the place of what brought nothing at once, or has gone on for long. */
#include "org/pull.h"

#include "org/hold.h"
#include "org/index.h"
#include "org/rumour.h"
#include "org/tell.h"

#define SETTLE_S 2u
#define WAIT_MS 500u          /* for an answer; doubled */
#define FETCH_MS 1000u        /* for the first object */
#define STALLED_MS 1000u
#define LEAST_MS 300u         /* that a comparison has, whatever comes */
#define MOST_S 5u             /* that even one that brings something has, then */
#define BARREN_MAX 3u
#define EACH_MS 5u            /* an object wanted */
#define FEW 8u                /* so many at most are news */
#define BACKOFF_S 2u
#define BACKOFF_EXPONENT 8u
#define BACKOFF_MAX_S 600u
#define GIVE_BURST 300u       /* objects to one peer; one in EACH_MS comes back */
#define GIVE_ALL_MS 1u
#define GIVE_ALL_BURST 2000u

static void end(struct org *o)
{
	o->pull = (struct pull){ .slot = NONE };
}

/* --- asking */

static void ask(struct spread *s, unsigned org)
{
	struct org *o = &s->orgs[org];
	struct pull *p = &o->pull;
	uint64_t sums[SPREAD_BUCKETS];
	struct draft d;

	index_buckets(s, org, sums);
	message_begin(&d, SPREAD_MSG_BUCKETS);
	wr_be64(&d.w, tell_print(s->self_id, s->peers[p->slot].id, &o->key));
	for (unsigned i = 0; i < SPREAD_BUCKETS; i++)
		wr_be64(&d.w, sums[i]);
	message_send(s, &d, p->slot);
	p->wanted = p->left = 0;
	p->brought = p->answered = false;
	p->at = instant_add(s->now, span_ms((uint64_t)WAIT_MS << p->barren));
}

/* Whether another peer may take its place; answer: to a question of ours. */
static bool gives_way(const struct spread *s, const struct pull *p, bool answer)
{
	struct span age = instant_since(s->now, p->begun);

	if (p->slot == NONE
	    || instant_since(s->now, p->progress).ns >= span_ms(STALLED_MS).ns)
		return true;
	return answer && age.ns >= (p->fruitful ? span_s(MOST_S).ns : span_ms(LEAST_MS).ns);
}

static unsigned under_way(const struct spread *s)
{
	unsigned n = 0;

	for (unsigned i = 0; i < s->org_count; i++)
		n += !gives_way(s, &s->orgs[i].pull, false);
	return n;
}

/* What changed a moment ago is on its way to others, too. */
static bool is_settled(const struct spread *s, const struct org *o)
{
	return !instant_is_set(o->changed)
	       || instant_since(s->now, o->changed).ns >= span_s(SETTLE_S).ns;
}

static struct backoff *backoff_of(struct spread *s, uint32_t slot, unsigned org)
{
	return &s->backoffs[(slot + 67 * org) % BACKOFFS];
}

/* Whether it is time to compare with this peer; then the wait for the next time begins. */
static bool is_time(struct spread *s, uint32_t from, unsigned org, uint64_t its)
{
	struct backoff *b = backoff_of(s, from, org);
	uint64_t ours = s->orgs[org].digest, wait_s = BACKOFF_S;
	bool again = b->slot == from && b->org == org, same;

	same = again && b->ours == ours && b->its == its;
	if (same)
		wait_s <<= b->exponent;
	if (wait_s > BACKOFF_MAX_S)
		wait_s = BACKOFF_MAX_S;
	if (again && instant_since(s->now, b->begun).ns < span_s(wait_s).ns)
		return false;
	*b = (struct backoff){ .slot = from, .org = (uint8_t)org, .ours = ours, .its = its,
			       .exponent = same ? b->exponent : 0, .begun = s->now };
	if (same && b->exponent <= BACKOFF_EXPONENT)
		b->exponent++;
	return true;
}

void pull_consider(struct spread *s, uint32_t from, unsigned org, uint64_t its, bool answer)
{
	struct org *o = &s->orgs[org];
	const struct peer *p = &s->peers[from];

	if (!gives_way(s, &o->pull, answer)) {
		if (answer && !o->pull.fruitful && o->pull.slot != from)
			tell_again(s, from);
		return;
	}
	if (!answer && (!is_settled(s, o) || under_way(s) >= PULLS))
		return;
	if (!is_time(s, from, org, its))
		return;
	if (its == tell_digest(p->id, s->self_id, &o->key, 0)) {
		tell_now(s, from); /* it has nothing for us, but we have */
		return;
	}
	o->pull = (struct pull){ .slot = from, .begun = s->now, .progress = s->now };
	s->counters.comparisons++;
	ask(s, org);
}

void pull_equal(struct spread *s, uint32_t from, unsigned org)
{
	if (s->orgs[org].pull.slot == from)
		end(&s->orgs[org]);
}

static void next_round(struct spread *s, unsigned org)
{
	struct pull *p = &s->orgs[org].pull;

	p->barren = p->brought ? 0 : (uint8_t)(p->barren + 1);
	if (p->barren > BARREN_MAX)
		end(&s->orgs[org]);
	else
		ask(s, org);
}

void pull_tick(struct spread *s)
{
	for (unsigned i = 0; i < s->org_count; i++)
		if (s->orgs[i].pull.slot != NONE && instant_reached(s->orgs[i].pull.at, s->now))
			next_round(s, i);
}

struct instant pull_deadline(const struct spread *s)
{
	struct instant at = INSTANT_NEVER;

	for (unsigned i = 0; i < s->org_count; i++)
		if (s->orgs[i].pull.slot != NONE)
			at = instant_min(at, s->orgs[i].pull.at);
	return at;
}

void pull_forget(struct spread *s, uint32_t slot)
{
	for (unsigned i = 0; i < s->org_count; i++)
		if (s->orgs[i].pull.slot == slot)
			end(&s->orgs[i]);
	for (unsigned i = 0; i < BACKOFFS; i++)
		if (s->backoffs[i].slot == slot)
			s->backoffs[i].slot = NONE;
}

void pull_reset(struct spread *s)
{
	for (unsigned i = 0; i < s->org_count; i++)
		end(&s->orgs[i]);
	for (unsigned i = 0; i < BACKOFFS; i++)
		s->backoffs[i].slot = NONE;
}

/* --- fetching */

/* What we lack of a list goes into a WANT; returns how many. */
static unsigned want(struct spread *s, uint32_t from, unsigned org, struct bytes list)
{
	struct draft d;
	unsigned n = 0;

	message_begin(&d, SPREAD_MSG_WANT);
	wr_be64(&d.w, tell_print(s->self_id, s->peers[from].id, &s->orgs[org].key));
	for (size_t at = 0; at < list.len; at += 8) {
		uint64_t hash = load_be64(list.data + at);

		if (index_find(s, org, hash))
			continue;
		wr_be64(&d.w, hash);
		n++;
	}
	if (n)
		message_send(s, &d, from);
	return n;
}

void pull_have(struct spread *s, uint32_t from, const struct spread_message *m)
{
	uint32_t org = tell_find(s, from, m->print);
	struct pull *p;

	if (org == NONE)
		return;
	p = &s->orgs[org].pull;
	if (p->slot != from || p->answered) {
		s->counters.drop_unasked++;
		return;
	}
	p->answered = true;
	if (instant_before(instant_add(s->now, span_s(1)), s->pull_ok)) {
		p->at = s->pull_ok; /* others are being fetched from */
		return;
	}
	p->wanted = p->left = (uint16_t)want(s, from, org, m->list);
	if (!p->wanted)
		return end(&s->orgs[org]);
	if (instant_before(s->pull_ok, s->now))
		s->pull_ok = s->now;
	s->pull_ok = instant_add(s->pull_ok, span_ms((uint64_t)p->wanted * EACH_MS));
	p->at = instant_add(s->now, span_ms(FETCH_MS));
}

bool pull_came(struct spread *s, uint32_t from, unsigned org, bool taken)
{
	struct pull *p = &s->orgs[org].pull;
	bool few = p->wanted <= FEW;

	if (p->slot != from || !p->left)
		return false;
	p->left--;
	if (taken) {
		p->brought = p->fruitful = true;
		p->progress = s->now;
	}
	p->at = p->left ? instant_add(s->now, span_ms(WAIT_MS)) : s->pull_ok;
	if (!p->left && !p->brought)
		end(&s->orgs[org]);
	return few;
}

/* --- answering */

struct listing {
	struct writer *w;
	unsigned org;
	uint64_t differing;           /* sums, a bit each */
	uint32_t start;               /* of what is held of the org */
};

/* At most so many hashes of revocations, or of all else, whose sums differ. */
static unsigned list(const struct spread *s, const struct listing *l, bool revocations,
		     unsigned most)
{
	uint32_t first, count = index_of_org(s, l->org, &first);
	unsigned n = 0;

	for (uint32_t i = 0; i < count && n < most; i++) {
		const struct ref *ref = &s->refs[first + (l->start + i) % count];

		if (!(l->differing >> bucket_of(ref->hash) & 1)
		    || hold_is_revocation(s, ref) != revocations)
			continue;
		wr_be64(l->w, ref->hash);
		n++;
	}
	return n;
}

/* Half of it is for revocations: what many others hide is found late, and they must not be. */
static void have(struct spread *s, uint32_t to, unsigned org, uint64_t differing)
{
	uint32_t first, count = index_of_org(s, org, &first);
	struct draft d;
	struct listing l = { .w = &d.w, .org = org, .differing = differing };

	if (count)
		l.start = (uint32_t)rng_below(&s->rng, count);
	message_begin(&d, SPREAD_MSG_HAVE);
	wr_be64(&d.w, tell_print(s->self_id, s->peers[to].id, &s->orgs[org].key));
	list(s, &l, false, SPREAD_HASHES - list(s, &l, true, SPREAD_HASHES / 2));
	message_send(s, &d, to);
}

void pull_buckets(struct spread *s, uint32_t from, const struct spread_message *m)
{
	uint32_t org = tell_find(s, from, m->print);
	uint64_t ours[SPREAD_BUCKETS], differing = 0, digest = 0;

	if (org == NONE)
		return;
	index_buckets(s, org, ours);
	for (unsigned i = 0; i < SPREAD_BUCKETS; i++) {
		uint64_t its = load_be64(m->list.data + 8 * (size_t)i);

		digest += its;
		differing |= (uint64_t)(its != ours[i]) << i;
	}
	if (!differing)
		return tell_now(s, from);
	have(s, from, org, differing);
	if (digest)
		pull_consider(s, from, org, tell_digest(s->peers[from].id, s->self_id,
							&s->orgs[org].key, digest), false);
}

static bool may_give(struct spread *s, uint32_t to)
{
	if (bucket_take(&s->peers[to].give_full, s->now, span_ms(EACH_MS), GIVE_BURST)
	    && bucket_take(&s->give_full, s->now, span_ms(GIVE_ALL_MS), GIVE_ALL_BURST))
		return true;
	s->counters.drop_rate++;
	return false;
}

void pull_want(struct spread *s, uint32_t from, const struct spread_message *m)
{
	uint32_t org = tell_find(s, from, m->print);
	struct draft d;

	if (org == NONE)
		return;
	message_begin(&d, SPREAD_MSG_OBJECTS);
	wr_u8(&d.w, SPREAD_BULK);
	for (size_t at = 0; at < m->list.len; at += 8) {
		const struct ref *ref = index_find(s, org, load_be64(m->list.data + at));

		if (!ref)
			continue;
		if (!may_give(s, from))
			break;
		if (!rumour_write(s, &d.w, ref)) {
			message_send(s, &d, from);
			message_begin(&d, SPREAD_MSG_OBJECTS);
			wr_u8(&d.w, SPREAD_BULK);
			BUG_ON(!rumour_write(s, &d.w, ref));
		}
		s->counters.objects_sent++;
	}
	if (wr_len(&d.w) > 2)
		message_send(s, &d, from);
}
