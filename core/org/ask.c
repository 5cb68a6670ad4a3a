/* ask.c - the initiator's side.
 *
 * A target has one question open at a time. A hello that is not answered is sent again as it was
 * for QUESTION_LIFE, so that an answer counts however slow the way is; then with a new ephemeral
 * key. Each ephemeral key introduces us once at most, for the other side takes no second one.
 *
 * The first of several welcomes decides. Who watches the hello and knows a common mark can be the
 * first, and learns who we are as anybody who knows the mark can; the target is asked again.
 */
#include "org/introduce_impl.h"
#include "base/cursor.h"
#include "crypto/curve.h"

#include <string.h>

#define QUESTION_LIFE span_s(15)
#define ACCEPT_WAIT span_s(5)    /* no new hello while an accept may still come */
#define ACCEPTED_PAUSE span_s(60) /* the node has the word now */
#define BACKOFF_MIN span_s(1)
#define BACKOFF_MAX span_s(600)
#define BAD_WELCOMES 8u          /* each costs an X25519 */
#define TOKEN_SOON span_ms(250)  /* at first, and */
#define TOKEN_EACH span_s(1)     /* later: who comes with a token is waited for by a human */
#define TOKEN_FIRST span_s(3)
#define POKE_EACH span_ms(200)
#define POKE_FIRST span_s(10)
#define OPENERS 3u              /* a hop farther each, for a NAT at the provider */
#define SEARCH_MS 16u           /* random ports are tried in runs of this */
#define SEARCH_MOST 8u          /* in a run */

void ask_forget(struct target *t)
{
	wipe(&t->secret, sizeof(t->secret));
	wipe(&t->draws, sizeof(t->draws));
	wipe(&t->accept, sizeof(t->accept));
	wipe(&t->contact, sizeof(t->contact));
	t->state = ASK_NOTHING;
	t->bad = 0;
	t->until = INSTANT_NEVER;
}

static void ask_anew(struct target *t, struct instant now)
{
	ask_forget(t);
	t->known = false;
	t->since = now;
	t->next = now;
}

void ask_again(struct introductions *x, struct instant now)
{
	for (unsigned i = 0; i < x->target_count; i++)
		if (!x->targets[i].known)
			ask_anew(&x->targets[i], now);
}

static bool is_of_token(const struct target *t, const uint8_t *id)
{
	return t->token && !memcmp(t->id, id, sizeof(t->id));
}

/* id: of a token; NULL: by no token. */
static struct target *find(struct introductions *x, const struct endpoint *to, const uint8_t *id)
{
	for (unsigned i = 0; i < x->target_count; i++) {
		struct target *t = &x->targets[i];

		if ((id ? is_of_token(t, id) : !t->token) && !t->searches
		    && endpoint_equal(&t->to, to))
			return t;
	}
	return NULL;
}

static struct target *add(struct introductions *x, const struct endpoint *to, struct instant now)
{
	struct target *t;

	if (x->target_count == INTRODUCE_TARGETS || !endpoint_is_set(to) || !to->port
	    || !ip_is_unicast(&to->ip))
		return NULL;
	t = &x->targets[x->target_count++];
	memset(t, 0, sizeof(*t));
	t->to = *to;
	ask_anew(t, now);
	return t;
}

static void drop(struct introductions *x, struct target *t)
{
	ask_forget(t);
	*t = x->targets[--x->target_count];
	wipe(&x->targets[x->target_count], sizeof(*t));
}

bool introduce_add_target(struct introductions *x, const struct endpoint *to, struct instant now)
{
	return find(x, to, NULL) || add(x, to, now);
}

void introduce_target_known(struct introductions *x, const struct endpoint *to)
{
	struct target *t = find(x, to, NULL);

	if (!t)
		return;
	ask_forget(t);
	t->known = true;
}

void introduce_target_lost(struct introductions *x, const struct endpoint *to, struct instant now)
{
	struct target *t = find(x, to, NULL);

	if (t && t->known)
		ask_anew(t, now);
}

/* --- tokens */

static const struct introduce_token *token_of(const struct introductions *x, const uint8_t *id)
{
	for (unsigned i = 0; i < x->token_marks.count; i++)
		if (!memcmp(x->tokens[i].id, id, sizeof(x->tokens[i].id)))
			return &x->tokens[i];
	return NULL;
}

void ask_tokens_changed(struct introductions *x)
{
	for (unsigned i = x->target_count; i-- > 0; )
		if (x->targets[i].token && !token_of(x, x->targets[i].id))
			drop(x, &x->targets[i]);
}

bool introduce_token_target(struct introductions *x, const uint8_t id[static TOKEN_ID],
			    const struct endpoint *to, uint8_t hops, struct instant now)
{
	struct target *t = find(x, to, id);
	bool is_new = !t && token_of(x, id) && (t = add(x, to, now));

	if (!t || !token_of(x, id))
		return false;
	t->token = true;
	memcpy(t->id, id, sizeof(t->id));
	t->hops = hops;
	return is_new;
}

void introduce_token_scout(struct introductions *x, const uint8_t id[static TOKEN_ID],
			   const struct endpoint *to, uint16_t socket, struct instant now)
{
	struct endpoint from = *to;

	from.socket = socket;
	(void)introduce_token_target(x, id, &from, 0, now);
}

static bool is_scout(const struct target *t)
{
	return t->token && t->to.socket && !t->poked;
}

/* The way that the scout found is gone by the main socket. */
static void scout_is_welcome(struct introductions *x, struct target *scout, struct instant now)
{
	struct endpoint to = scout->to;
	struct target *t;

	to.socket = 0;
	t = find(x, &to, scout->id);
	if (t) {
		t->hops = 0;
		if (t->state != ASK_INTRODUCED)
			t->next = now;
	}
	drop(x, scout);
}

void introduce_token_search(struct introductions *x, const uint8_t id[static TOKEN_ID],
			    const struct ip *ip, unsigned rate, unsigned most,
			    struct instant now)
{
	const struct endpoint to = { .ip = *ip, .port = 1 };
	struct target *t;

	for (unsigned i = 0; i < x->target_count; i++)
		if (x->targets[i].searches && is_of_token(&x->targets[i], id)
		    && ip_equal(&x->targets[i].to.ip, ip))
			return;
	t = token_of(x, id) ? add(x, &to, now) : NULL;
	if (!t)
		return;
	t->token = t->searches = true;
	memcpy(t->id, id, sizeof(t->id));
	t->left = most;
	t->rate = rate;
}

/* Of those where only a hello said so, the one that is asked next makes room. */
static void make_room(struct introductions *x)
{
	struct target *oldest = NULL;
	unsigned count = 0;

	for (unsigned i = 0; i < x->target_count; i++) {
		struct target *t = &x->targets[i];

		count += t->poked;
		if (t->poked && (!oldest || instant_before(t->since, oldest->since)))
			oldest = t;
	}
	if (oldest && (count >= POKED_TARGETS || x->target_count == INTRODUCE_TARGETS))
		drop(x, oldest);
}

void ask_poked(struct introductions *x, unsigned token, const struct endpoint *from,
	       struct instant now)
{
	const struct introduce_token *k = &x->tokens[token];
	struct target *t = find(x, from, k->id);

	if (!t) {
		make_room(x);
		t = add(x, from, now);
		if (!t)
			return;
		t->token = t->poked = true;
		memcpy(t->id, k->id, sizeof(t->id));
	}
	t->hops = 0;
	if (t->state != ASK_INTRODUCED)
		t->next = now;
}

bool ask_is_ours(const struct introductions *x, const struct dh_public *ephemeral)
{
	bool ours = false;

	for (unsigned i = 0; i < x->target_count; i++)
		ours |= ct_equal(&x->targets[i].contact.initiator, ephemeral, sizeof(*ephemeral));
	return ours;
}

/* --- hello */

static struct span backoff(struct introductions *x, const struct target *t, struct instant now)
{
	uint64_t wait = instant_since(now, t->since).ns / 8, age = instant_since(now, t->since).ns;

	if (t->token && !token_of(x, t->id)->joining)
		return age < POKE_FIRST.ns ? POKE_EACH : TOKEN_EACH;
	if (t->token)
		return age < TOKEN_FIRST.ns ? TOKEN_SOON : TOKEN_EACH;

	if (wait < BACKOFF_MIN.ns)
		wait = BACKOFF_MIN.ns;
	if (wait > BACKOFF_MAX.ns)
		wait = BACKOFF_MAX.ns;
	return (struct span){ wait + rng_below(&x->rng, wait / 8) };
}

static void new_question(struct introductions *x, struct target *t, struct instant now)
{
	ask_forget(t);
	random_bytes(x->random, t->secret.b, sizeof(t->secret.b));
	x25519_clamp(&t->secret);
	x25519_public(&t->contact.initiator, &t->secret);
	random_bytes(x->random, t->draws.b, sizeof(t->draws.b));
	t->state = ASK_HELLO;
	t->until = instant_add(now, QUESTION_LIFE);
}

static size_t hello_len(const struct introductions *x, const struct target *t)
{
	unsigned count = t->token ? 1 : x->marks.count;

	return HELLO_LEN((count + HELLO_STEP - 1) / HELLO_STEP * HELLO_STEP);
}

/* Our tags among made up ones, each at a place by chance. */
static void write_hello(const struct introductions *x, const struct target *t, uint8_t *out)
{
	const struct sym_key *marks = t->token ? &token_of(x, t->id)->mark : x->marks.list;
	unsigned count = (unsigned)(hello_len(x, t) - HELLO_LEN(0)) / MARK_TAG;
	uint8_t *tags = out + HELLO_LEN(0), place[INTRODUCE_MARKS];
	struct random draws;

	random_init(&draws, t->draws.b);
	out[0] = STEP_HELLO;
	memcpy(out + 1, t->contact.initiator.b, sizeof(t->contact.initiator.b));
	random_bytes(&draws, tags, (size_t)count * MARK_TAG);
	for (unsigned i = 0; i < count; i++)
		place[i] = (uint8_t)i;
	for (unsigned i = 0, left = count; i < (t->token ? 1 : x->marks.count); i++) {
		BUG_ON(!left);
		unsigned k = random_u32(&draws) % left--;
		uint8_t at = place[k];

		place[k] = place[left];
		contact_tag(tags + (size_t)at * MARK_TAG, STEP_HELLO, &marks[i],
			    &t->contact);
	}
	wipe(&draws, sizeof(draws));
}

static void send_hello(struct introductions *x, struct target *t, struct instant now,
		       struct outbox *out)
{
	size_t len = hello_len(x, t);
	uint8_t *d = outbox_reserve(out, len);
	struct out *item;

	if (!d)
		return;
	if (t->state != ASK_HELLO)
		new_question(x, t, now);
	write_hello(x, t, d);
	item = outbox_commit(out, OUT_DATAGRAM, len);
	item->to = t->to;
	item->hops = t->hops ? (uint8_t)(t->hops + t->farther) : 0;
	t->farther = (uint8_t)((t->farther + 1u) % OPENERS);
	x->counters.hellos_sent++;
	if (t->searches)
		return;
	t->next = t->poked ? INSTANT_NEVER : instant_add(now, backoff(x, t, now));
	x->sent[x->sent_at++ % HELLO_RATE] = now;
	struct instant oldest = x->sent[x->sent_at % HELLO_RATE];
	x->send_next = instant_is_set(oldest) ? instant_add(oldest, span_s(1)) : now;
}

static bool is_asked(const struct introductions *x, const struct target *t)
{
	return t->token || (!t->known && x->marks.count);
}

/* Small, and to one address: beside what is sent to all others. */
static void search(struct introductions *x, struct target *t, struct instant now,
		   struct outbox *out)
{
	unsigned count = t->rate * SEARCH_MS / 1000;

	count = count ? count : 1;
	for (unsigned i = 0; i < count && t->left; i++, t->left--) {
		t->to.port = (uint16_t)(1024 + rng_below(&x->rng, UINT16_MAX + 1u - 1024));
		send_hello(x, t, now, out);
	}
	t->next = t->left ? instant_add(now, span_ms(count * UINT64_C(1000) / t->rate))
			  : INSTANT_NEVER;
}

void ask_tick(struct introductions *x, struct instant now, struct outbox *out)
{
	for (unsigned i = 0; i < x->target_count; i++)
		if (instant_reached(x->targets[i].until, now))
			ask_forget(&x->targets[i]);
	/* Not always the first target first. */
	for (unsigned n = 0, first = x->sent_at; n < x->target_count; n++) {
		struct target *t = &x->targets[(n + first) % x->target_count];

		if (!is_asked(x, t) || !instant_reached(t->next, now))
			continue;
		if (t->searches) {
			if (outbox_has_room(out, SEARCH_MOST, SEARCH_MOST * HELLO_LEAST))
				search(x, t, now, out);
			continue;
		}
		if (!instant_reached(x->send_next, now) ||
		    !outbox_has_room(out, 1, HELLO_MOST))
			return;
		send_hello(x, t, now, out);
	}
}

struct instant ask_deadline(const struct introductions *x)
{
	struct instant next = INSTANT_NEVER, forget = INSTANT_NEVER;

	for (unsigned i = 0; i < x->target_count; i++) {
		const struct target *t = &x->targets[i];

		forget = instant_min(forget, t->until);
		if (is_asked(x, t))
			next = instant_min(next, t->next);
	}
	if (next.ns != UINT64_MAX && instant_before(next, x->send_next))
		next = x->send_next;
	return instant_min(next, forget);
}

/* --- welcome, introduction */

static struct target *asked(struct introductions *x, const struct endpoint *from,
			    enum ask_state state, const uint8_t *echo)
{
	for (unsigned i = 0; i < x->target_count; i++) {
		struct target *t = &x->targets[i];

		if (t->state == state && (t->searches ? ip_equal(&t->to.ip, &from->ip)
					  : endpoint_equal(&t->to, from))
		    && ct_equal(t->contact.initiator.b, echo, ECHO))
			return t;
	}
	return NULL;
}

static const struct marks *marks_for(const struct introductions *x, const struct target *t)
{
	return t->token ? &x->token_marks : &x->marks;
}

struct welcome {
	struct dh_secret shared;
	uint8_t inner[WELCOME_INNER];
	struct match match;
};

static bool open_welcome(const struct introductions *x, struct target *t, struct bytes d,
			 struct welcome *w)
{
	const uint8_t *nonce = d.data + WELCOME_HEADER;
	struct sym_key key;
	bool good;

	memcpy(t->contact.responder.b, d.data + 1 + ECHO, sizeof(t->contact.responder.b));
	if (!x25519(&w->shared, &t->secret, &t->contact.responder))
		return false;
	contact_key(&key, STEP_WELCOME, &w->shared, &t->contact);
	good = xaead_open(w->inner, nonce + XAEAD_NONCE, WELCOME_INNER + AEAD_TAG, d.data,
			  WELCOME_HEADER, nonce, &key);
	wipe(&key, sizeof(key));
	if (!good)
		return false;
	contact_match(&w->match, STEP_WELCOME, marks_for(x, t), &t->contact, w->inner + COOKIE,
		      INTRODUCE_MATCHES);
	return w->match.count > 0;
}

static void write_introduction(struct introductions *x, const struct target *t,
			       const struct welcome *w, uint8_t *out)
{
	const struct letter_draft draft = {
		.step = STEP_INTRODUCTION, .contact = &t->contact, .own = &x->own,
		.secret = x->secret, .marks = marks_for(x, t), .match = &w->match,
		.papers = x->papers, .paper_count = t->token ? 0 : x->paper_count,
	};
	struct writer head = wr_of(out, INTRODUCTION_HEADER);
	uint8_t *nonce = out + INTRODUCTION_HEADER, *inner = nonce + XAEAD_NONCE;
	struct sym_key key;

	wr_u8(&head, STEP_INTRODUCTION);
	wr_bytes(&head, t->contact.initiator.b, sizeof(t->contact.initiator.b));
	wr_bytes(&head, t->contact.responder.b, sizeof(t->contact.responder.b));
	wr_bytes(&head, w->inner, COOKIE);
	random_bytes(x->random, nonce, XAEAD_NONCE);
	letter_write(inner, INTRODUCTION_LETTER, true, &draft);
	contact_key(&key, STEP_INTRODUCTION, &w->shared, &t->contact);
	xaead_seal(inner, inner, INTRODUCTION_LETTER, out, INTRODUCTION_HEADER, nonce, &key);
	wipe(&key, sizeof(key));
}

void ask_welcome(struct introductions *x, struct instant now, const struct endpoint *from,
		 struct bytes d, struct outbox *out)
{
	struct welcome w;
	struct target *t;
	uint8_t *to;

	if (d.len != WELCOME_LEN) {
		x->counters.drop_malformed++;
		return;
	}
	t = asked(x, from, ASK_HELLO, d.data + 1);
	if (!t || t->bad == BAD_WELCOMES || (t->token && token_of(x, t->id)->bell)) {
		x->counters.drop_unasked++;
		return;
	}
	to = outbox_reserve(out, INTRODUCTION_LEN);
	if (!to) {
		x->counters.drop_no_room++;
		return;
	}
	if (!open_welcome(x, t, d, &w)) {
		t->bad++;
		x->counters.drop_forged++;
	} else {
		x->counters.welcomes_received++;
		if (is_scout(t)) {
			wipe(&w, sizeof(w));
			return scout_is_welcome(x, t, now);
		}
		if (t->searches) { /* and found */
			t->searches = false;
			t->to = *from;
		}
		write_introduction(x, t, &w, to);
		outbox_commit(out, OUT_DATAGRAM, INTRODUCTION_LEN)->to = *from;
		x->counters.introductions_sent++;
		contact_key(&t->accept, STEP_ACCEPT, &w.shared, &t->contact);
		wipe(&t->secret, sizeof(t->secret));
		t->state = ASK_INTRODUCED;
		t->until = instant_add(now, QUESTION_LIFE);
		struct span wait = t->token ? TOKEN_EACH : ACCEPT_WAIT;

		if (t->poked || instant_before(t->next, instant_add(now, wait)))
			t->next = instant_add(now, wait);
	}
	wipe(&w, sizeof(w));
}

/* --- accept */

bool ask_accept(struct introductions *x, struct instant now, const struct endpoint *from,
		struct bytes d, struct introduced *who)
{
	uint8_t plain[ACCEPT_LETTER];
	const uint8_t *nonce = d.data + ACCEPT_HEADER;
	struct contact contact;
	struct letter l;
	struct target *t;

	if (d.len <= ACCEPT_OVERHEAD || d.len > MAX_DATAGRAM) {
		x->counters.drop_malformed++;
		return false;
	}
	t = asked(x, from, ASK_INTRODUCED, d.data + 1);
	if (!t) {
		x->counters.drop_unasked++;
		return false;
	}
	if (!xaead_open(plain, nonce + XAEAD_NONCE, d.len - ACCEPT_HEADER - XAEAD_NONCE, d.data,
			ACCEPT_HEADER, nonce, &t->accept)) {
		x->counters.drop_forged++;
		return false;
	}
	/* It is the other side's. One word is all that it has. */
	contact = t->contact;
	ask_forget(t);
	if (!letter_read(&l, bytes_of(plain, d.len - ACCEPT_OVERHEAD))) {
		x->counters.drop_malformed++;
		return false;
	}
	if (!introduce_signer(x, &l, STEP_ACCEPT, &contact, who) ||
	    !introduce_papers_of(x, &l, STEP_ACCEPT, &contact, who))
		return false;
	who->initiator = true;
	who->from = *from;
	wipe(&who->answer, sizeof(who->answer));
	t->next = instant_add(now, t->token ? TOKEN_EACH : ACCEPTED_PAUSE);
	x->counters.accepts_received++;
	return true;
}
