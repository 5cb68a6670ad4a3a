/* answer.c - the responder's side.
 *
 * It keeps nothing of who says hello: one ephemeral key and one cookie key answer everybody for two
 * minutes, and are good for two more. What a stranger can make it do, in this order:
 *
 * - hash: 1 us for each of our marks, HASHES a second in all;
 * - a welcome (one X25519), if he knows one of our marks: so many a second for each source, and
 *   WELCOMES in all. The source may be forged, so what is full here can keep others out;
 * - from here on the address is his, by the cookie: opening an introduction (one X25519), so many a
 *   second for each source;
 * - checking its signature and papers, up to a millisecond: INTRODUCTIONS a second in all.
 */
#include "org/introduce_impl.h"
#include "base/bucket.h"
#include "crypto/curve.h"
#include "crypto/hash.h"

#include <string.h>

#define SECOND UINT64_C(1000000000)
#define HASHES UINT64_C(100000)
#define WELCOMES UINT64_C(500)
#define INTRODUCTIONS UINT64_C(100)

static const char cookie_label[] = "meshguard first contact cookie v1";

/* --- turns */

void answer_tick(struct introductions *x, struct instant now)
{
	struct turn *turn = x->turns;

	if (turn[0].used && instant_reached(instant_add(turn[0].born, TURN_LIFE), now)) {
		turn[1] = turn[0];
		wipe(&turn[0], sizeof(turn[0]));
	}
	if (turn[1].used && instant_since(now, turn[1].born).ns >= 2 * TURN_LIFE.ns)
		wipe(&turn[1], sizeof(turn[1]));
}

struct instant answer_deadline(const struct introductions *x)
{
	struct instant first = INSTANT_NEVER;

	if (x->turns[0].used)
		first = instant_add(x->turns[0].born, TURN_LIFE);
	if (x->turns[1].used)
		first = instant_min(first, instant_add(x->turns[1].born,
						       (struct span){ 2 * TURN_LIFE.ns }));
	return first;
}

static const struct turn *present_turn(struct introductions *x, struct instant now)
{
	struct turn *t = &x->turns[0];

	answer_tick(x, now);
	if (!t->used) {
		t->used = true;
		t->born = now;
		random_bytes(x->random, t->secret.b, sizeof(t->secret.b));
		x25519_clamp(&t->secret);
		x25519_public(&t->public, &t->secret);
		random_bytes(x->random, t->cookie.b, sizeof(t->cookie.b));
	}
	return t;
}

static const struct turn *turn_of(struct introductions *x, const struct dh_public *public,
				  struct instant now)
{
	answer_tick(x, now);
	for (unsigned i = 0; i < 2; i++)
		if (x->turns[i].used && ct_equal(&x->turns[i].public, public, sizeof(*public)))
			return &x->turns[i];
	return NULL;
}

static void make_cookie(uint8_t out[static COOKIE], const struct turn *t,
			const struct contact *c, const struct endpoint *from)
{
	uint8_t address[1 + 16 + 2 + 4] = { from->ip.family };
	const struct bytes parts[] = {
		bytes_of(cookie_label, sizeof(cookie_label) - 1),
		bytes_of(address, sizeof(address)),
		bytes_of(c->initiator.b, sizeof(c->initiator.b)),
		bytes_of(c->responder.b, sizeof(c->responder.b)),
	};
	struct hash h;

	memcpy(address + 1, from->ip.b, sizeof(from->ip.b));
	store_be16(address + 17, from->port);
	store_be32(address + 19, from->scope);
	blake2b(&h, &t->cookie, parts, sizeof(parts) / sizeof(*parts));
	memcpy(out, h.b, COOKIE);
	wipe(&h, sizeof(h));
}

/* --- hello, welcome */

static bool is_hello(struct bytes d)
{
	return d.len >= HELLO_LEAST && d.len <= HELLO_MOST &&
	       (d.len - HELLO_LEN(0)) % ((size_t)HELLO_STEP * MARK_TAG) == 0;
}

static struct span per_second(uint64_t n)
{
	return (struct span){ SECOND / n };
}

static void write_welcome(struct introductions *x, const struct turn *t, const struct contact *c,
			  const struct dh_secret *shared, const struct endpoint *from,
			  const struct marks *marks, const struct match *m, uint8_t *out)
{
	uint8_t *nonce = out + WELCOME_HEADER, *inner = nonce + XAEAD_NONCE, *tag = inner + COOKIE;
	struct sym_key key;

	out[0] = STEP_WELCOME;
	memcpy(out + 1, c->initiator.b, ECHO);
	memcpy(out + 1 + ECHO, c->responder.b, sizeof(c->responder.b));
	random_bytes(x->random, nonce, XAEAD_NONCE);
	make_cookie(inner, t, c, from);
	for (unsigned i = 0; i < m->count; i++, tag += MARK_TAG)
		contact_tag(tag, STEP_WELCOME, &marks->list[m->mark[i]], c);
	random_bytes(x->random, tag, (size_t)(INTRODUCE_MATCHES - m->count) * MARK_TAG);
	contact_key(&key, STEP_WELCOME, shared, c);
	xaead_seal(inner, inner, WELCOME_INNER, out, WELCOME_HEADER, nonce, &key);
	wipe(&key, sizeof(key));
}

static void send_welcome(struct introductions *x, const struct turn *t, struct contact *c,
			 const struct endpoint *from, const struct marks *marks,
			 const struct match *m, struct outbox *out)
{
	uint8_t *d = outbox_reserve(out, WELCOME_LEN);
	struct dh_secret shared;

	if (!d) {
		x->counters.drop_no_room++;
		return;
	}
	c->responder = t->public;
	if (!x25519(&shared, &t->secret, &c->initiator)) {
		x->counters.drop_malformed++;
		return;
	}
	write_welcome(x, t, c, &shared, from, marks, m, d);
	wipe(&shared, sizeof(shared));
	outbox_commit(out, OUT_DATAGRAM, WELCOME_LEN)->to = *from;
	x->counters.hellos_received++;
	x->counters.welcomes_sent++;
}

static void rung(struct introductions *x, unsigned token, const struct endpoint *from)
{
	struct rung *r = &x->rung[x->rung_count];

	x->counters.hellos_received++;
	if (x->rung_count == RUNG)
		return;
	memcpy(r->id, x->tokens[token].id, sizeof(r->id));
	r->from = *from;
	x->rung_count++;
}

/* From the maker of a token that we have: our own hello goes back, which is no longer. */
static void poked(struct introductions *x, unsigned token, const struct endpoint *from,
		  struct instant now)
{
	x->counters.hellos_received++;
	ask_poked(x, token, from, now);
}

void answer_hello(struct introductions *x, struct instant now, const struct endpoint *from,
		  struct bytes d, struct outbox *out)
{
	struct contact c = { .initiator = { { 0 } } };
	unsigned mark_count = x->marks.count + x->token_marks.count;
	const struct marks *marks;
	struct span hashing;
	struct match m;

	if (!is_hello(d)) {
		x->counters.drop_malformed++;
		return;
	}
	hashing = (struct span){ per_second(HASHES).ns * mark_count };
	if (!mark_count) {
		x->counters.drop_no_match++;
		return;
	}
	if (!bucket_take(&x->match_full, now, hashing, SECOND / hashing.ns)) {
		x->counters.drop_rate++;
		return;
	}
	memcpy(c.initiator.b, d.data + 1, sizeof(c.initiator.b));
	marks = introduce_match(x, &m, STEP_HELLO, &c, d.data + HELLO_LEN(0),
				(unsigned)((d.len - HELLO_LEN(0)) / MARK_TAG));
	if (!m.count)
		x->counters.drop_no_match++;
	else if (ask_is_ours(x, &c.initiator))
		x->counters.drop_own++;
	else if (!sources_take(&x->hellos, x->hash_key, &from->ip, now) ||
		 !bucket_take(&x->welcome_full, now, per_second(WELCOMES), WELCOMES))
		x->counters.drop_rate++;
	else if (marks == &x->token_marks && x->tokens[m.mark[0]].bell
		 && !x->tokens[m.mark[0]].joining)
		rung(x, m.mark[0], from);
	else if (marks == &x->token_marks && x->tokens[m.mark[0]].joining)
		poked(x, m.mark[0], from, now);
	else
		send_welcome(x, present_turn(x, now), &c, from, marks, &m, out);
}

/* --- introduction, accept */

static bool was_introduced(const struct introductions *x, uint64_t hash)
{
	for (unsigned i = 0; i < REPLAYS; i++)
		if (x->replays[i] == hash)
			return true;
	return false;
}

static bool cookie_is_good(const struct turn *t, const struct contact *c,
			   const struct endpoint *from, const uint8_t *cookie)
{
	uint8_t want[COOKIE];
	bool good;

	make_cookie(want, t, c, from);
	good = ct_equal(want, cookie, COOKIE);
	wipe(want, sizeof(want));
	return good;
}

static bool open_introduction(const struct turn *t, const struct contact *c, struct bytes d,
			      uint8_t plain[static INTRODUCTION_LETTER], struct sym_key *accept)
{
	const uint8_t *nonce = d.data + INTRODUCTION_HEADER;
	struct dh_secret shared;
	struct sym_key key;
	bool good;

	if (!x25519(&shared, &t->secret, &c->initiator))
		return false;
	contact_key(&key, STEP_INTRODUCTION, &shared, c);
	contact_key(accept, STEP_ACCEPT, &shared, c);
	good = xaead_open(plain, nonce + XAEAD_NONCE, INTRODUCTION_LETTER + AEAD_TAG, d.data,
			  INTRODUCTION_HEADER, nonce, &key);
	wipe(&shared, sizeof(shared));
	wipe(&key, sizeof(key));
	return good;
}

/* What the cookie lets in. */
static bool hear_out(struct introductions *x, struct instant now, const struct turn *t,
		     const struct contact *c, struct bytes d, struct introduced *who,
		     struct sym_key *accept)
{
	uint64_t hash = siphash(x->hash_key, &c->initiator, sizeof(c->initiator)) | 1;
	uint8_t plain[INTRODUCTION_LETTER];
	struct letter l;

	if (was_introduced(x, hash)) {
		x->counters.drop_replayed++;
		return false;
	}
	if (!open_introduction(t, c, d, plain, accept)) {
		x->counters.drop_forged++;
		return false;
	}
	if (!letter_read(&l, bytes_of(plain, sizeof(plain)))) {
		x->counters.drop_malformed++;
		return false;
	}
	if (!bucket_take(&x->verify_full, now, per_second(INTRODUCTIONS), INTRODUCTIONS)) {
		x->counters.drop_rate++;
		return false;
	}
	if (!introduce_signer(x, &l, STEP_INTRODUCTION, c, who))
		return false;
	x->replays[x->replay_at++ % REPLAYS] = hash;
	return introduce_papers_of(x, &l, STEP_INTRODUCTION, c, who);
}

bool answer_introduction(struct introductions *x, struct instant now, const struct endpoint *from,
			 struct bytes d, struct introduced *who)
{
	struct sym_key accept;
	const struct turn *t;
	struct contact c;
	bool good;

	if (d.len != INTRODUCTION_LEN) {
		x->counters.drop_malformed++;
		return false;
	}
	memcpy(c.initiator.b, d.data + 1, sizeof(c.initiator.b));
	memcpy(c.responder.b, d.data + 33, sizeof(c.responder.b));
	t = turn_of(x, &c.responder, now);
	if (!t || !cookie_is_good(t, &c, from, d.data + 65)) {
		x->counters.drop_cookie++;
		return false;
	}
	if (!sources_take(&x->letters, x->hash_key, &from->ip, now)) {
		x->counters.drop_rate++;
		return false;
	}
	good = hear_out(x, now, t, &c, d, who, &accept);
	if (good) {
		who->initiator = false;
		who->from = *from;
		who->answer = (struct introduced_answer){ true, c.initiator, c.responder, accept };
		x->counters.introductions_received++;
	}
	wipe(&accept, sizeof(accept));
	return good;
}

/* Of the marks that were common, those that we still have. */
static void match_again(struct match *out, const struct marks *marks, const struct introduced *who)
{
	out->count = 0;
	if (who->token)
		return;
	for (unsigned i = 0; i < marks->count && out->count < INTRODUCE_MATCHES; i++) {
		bool common = !i && marks->open && who->open;

		for (unsigned k = 0; k < who->org_count; k++)
			common |= !memcmp(&marks->list[i], &who->orgs[k], sizeof(who->orgs[k]));
		if (common)
			out->mark[out->count++] = (uint8_t)i;
	}
}

/* By a token that is still known: it, and what is said of it. */
static void answer_token(const struct introductions *x, const struct introduced *who,
			 struct match *match, struct paper *verdict)
{
	for (unsigned i = 0; i < x->token_marks.count && !match->count; i++) {
		if (memcmp(x->tokens[i].id, who->token_id, sizeof(who->token_id)) != 0)
			continue;
		match->mark[match->count++] = (uint8_t)i;
		memcpy(verdict->org.b, x->tokens[i].mark.b, sizeof(verdict->org.b));
	}
	verdict->kind = PAPER_VERDICT;
	verdict->len = 1;
	verdict->wire[0] = (uint8_t)who->verdict;
}

void introduce_accept(struct introductions *x, struct introduced *who, struct outbox *out)
{
	struct paper verdict = { 0 };
	const struct contact c = { who->answer.theirs, who->answer.ours };
	struct match match;
	const struct letter_draft draft = {
		.step = STEP_ACCEPT, .contact = &c, .own = &x->own, .secret = x->secret,
		.initiator = &who->key, .match = &match,
		.marks = who->token ? &x->token_marks : &x->marks,
		.papers = who->token ? &verdict : x->papers,
		.paper_count = who->token ? 1 : x->paper_count,
	};
	uint8_t *d, *nonce, *inner;
	size_t len;

	match_again(&match, &x->marks, who);
	if (who->token)
		answer_token(x, who, &match, &verdict);
	d = outbox_reserve(out, MAX_DATAGRAM);
	if (who->answer.possible && match.count && d) {
		nonce = d + ACCEPT_HEADER;
		inner = nonce + XAEAD_NONCE;
		d[0] = STEP_ACCEPT;
		memcpy(d + 1, c.initiator.b, ECHO);
		random_bytes(x->random, nonce, XAEAD_NONCE);
		len = letter_write(inner, ACCEPT_LETTER, false, &draft);
		xaead_seal(inner, inner, len, d, ACCEPT_HEADER, nonce, &who->answer.key);
		outbox_commit(out, OUT_DATAGRAM, ACCEPT_OVERHEAD + len)->to = who->from;
		x->counters.accepts_sent++;
	}
	wipe(&verdict, sizeof(verdict));
	wipe(&who->answer, sizeof(who->answer));
}
