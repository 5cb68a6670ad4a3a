/* tell.c - ORGS go to whom we reach, to all when our orgs change, and to somebody at random now and
 * then. Who is asked answers, and no answer is answered. */
#include "org/tell.h"

#include "org/pull.h"
#include "org/rumour.h"

#include "crypto/hash.h"

#include <string.h>

#define TELL_AT_ONCE 8u       /* in TICK_MS */
#define TELL_WITHIN_MS 300u
#define TELL_TRIES 5u         /* 1 s, 2, 4 and 8 after one another */

static uint64_t keyed(uint64_t from, uint64_t to, const void *data, size_t len)
{
	uint8_t key[16];

	store_be64(key, from);
	store_be64(key + 8, to);
	return siphash(key, data, len);
}

uint64_t tell_print(uint64_t from, uint64_t to, const struct public_key *org)
{
	return keyed(from, to, org->b, sizeof(org->b));
}

uint64_t tell_digest(uint64_t from, uint64_t to, const struct public_key *org, uint64_t digest)
{
	uint8_t data[40];

	memcpy(data, org->b, 32);
	store_be64(data + 32, digest);
	return keyed(from, to, data, sizeof(data));
}

static void share(struct spread *s, uint32_t slot, uint64_t orgs)
{
	uint64_t new = orgs & ~s->peers[slot].shared;

	s->peers[slot].shared = orgs;
	if (new)
		rumour_wake(s);
}

uint32_t tell_find(struct spread *s, uint32_t from, uint64_t print)
{
	const struct peer *p = &s->peers[from];

	for (unsigned i = 0; i < s->org_count; i++)
		if (tell_print(p->id, s->self_id, &s->orgs[i].key) == print) {
			share(s, from, p->shared | UINT64_C(1) << i);
			return i;
		}
	s->counters.drop_not_trusted++;
	return NONE;
}

static void send_orgs(struct spread *s, uint32_t to, uint8_t flags, uint8_t echo)
{
	uint64_t id = s->peers[to].id;
	struct draft d;

	message_begin(&d, SPREAD_MSG_ORGS);
	wr_u8(&d.w, flags);
	wr_u8(&d.w, echo);
	for (unsigned i = 0; i < s->org_count; i++) {
		const struct org *o = &s->orgs[i];

		wr_be64(&d.w, tell_print(s->self_id, id, &o->key));
		wr_be64(&d.w, tell_digest(s->self_id, id, &o->key, o->digest));
	}
	message_send(s, &d, to);
}

void tell_now(struct spread *s, uint32_t slot)
{
	send_orgs(s, slot, 0, 0);
}

/* The next of those due, but not so soon after the last. */
static void wake_at(struct spread *s, struct instant at)
{
	struct instant earliest = instant_add(s->told, span_ms(TICK_MS));

	s->tell_at = instant_min(s->tell_at, instant_before(at, earliest) ? earliest : at);
}

static void tell_after(struct spread *s, uint32_t slot, uint64_t ms)
{
	s->peers[slot].tell_at = instant_add(s->now, span_ms(ms));
	wake_at(s, s->peers[slot].tell_at);
}

void tell_later(struct spread *s, uint32_t slot)
{
	s->peers[slot].tries = 0;
	tell_after(s, slot, rng_below(&s->rng, TELL_WITHIN_MS));
}

void tell_ask(struct spread *s, uint32_t slot)
{
	s->peers[slot].asked = true;
	send_orgs(s, slot, SPREAD_ASK, s->version);
}

void tell_again(struct spread *s, uint32_t slot)
{
	const struct peer *p = &s->peers[slot];

	if (p->place && p->tries < TELL_TRIES)
		tell_after(s, slot, 500 + rng_below(&s->rng, 1000));
}

static void tell(struct spread *s, uint32_t slot)
{
	struct peer *p = &s->peers[slot];

	tell_ask(s, slot);
	p->tell_at = ++p->tries < TELL_TRIES
		   ? instant_add(s->now, span_s(UINT64_C(1) << (p->tries - 1))) : INSTANT_NEVER;
}

void tell_tick(struct spread *s)
{
	struct instant next = INSTANT_NEVER;
	unsigned sent = 0;
	uint32_t i = 0;

	if (!instant_reached(s->tell_at, s->now))
		return;
	for (; i < s->reached && sent < TELL_AT_ONCE; i++) {
		uint32_t slot = s->reach[(s->tell_place + i) % s->reached];
		const struct peer *p = &s->peers[slot];

		if (instant_reached(p->tell_at, s->now)) {
			tell(s, slot);
			sent++;
		}
		next = instant_min(next, p->tell_at);
	}
	if (i < s->reached)
		next = s->now; /* others may be due already */
	s->tell_place = s->reached ? (s->tell_place + i) % s->reached : 0;
	s->told = sent ? s->now : s->told;
	s->tell_at = INSTANT_NEVER;
	wake_at(s, next);
}

/* What of the list are orgs of ours; a bit each, and what its sender holds of them. */
static uint64_t match(const struct spread *s, uint32_t from, struct bytes list,
		      uint64_t digests[TRUST_ORGS])
{
	uint64_t id = s->peers[from].id, shared = 0;

	for (unsigned i = 0; i < s->org_count; i++) {
		uint64_t print = tell_print(id, s->self_id, &s->orgs[i].key);

		for (size_t at = 0; at < list.len; at += 16)
			if (load_be64(list.data + at) == print) {
				digests[i] = load_be64(list.data + at + 8);
				shared |= UINT64_C(1) << i;
			}
	}
	return shared;
}

void tell_input(struct spread *s, uint32_t from, const struct spread_message *m)
{
	struct peer *p = &s->peers[from];
	uint64_t digests[TRUST_ORGS], shared = match(s, from, m->list, digests);
	bool answer = p->asked && m->flags & SPREAD_ANSWER && m->echo == s->version;

	share(s, from, shared);
	if (answer)
		p->asked = false;
	if (m->flags & SPREAD_ASK) {
		send_orgs(s, from, SPREAD_ANSWER, m->echo);
		answer |= p->tell_at.ns != INSTANT_NEVER.ns; /* we would have asked, too */
	}
	if (answer)
		p->tell_at = INSTANT_NEVER;
	for (unsigned i = 0; i < s->org_count; i++) {
		const struct org *o = &s->orgs[i];

		if (!(shared >> i & 1))
			continue;
		if (tell_digest(p->id, s->self_id, &o->key, o->digest) == digests[i])
			pull_equal(s, from, i);
		else
			pull_consider(s, from, i, digests[i], answer);
	}
}
