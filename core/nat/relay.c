#include "nat/relay.h"

#include "base/bucket.h"
#include "base/cursor.h"
#include "crypto/hash.h"

#include <string.h>

#define SESSIONS 64u
#define SESSION_RATE 1250000u      /* 10 Mbit/s */
#define TOTAL_RATE 12500000u
#define BURST_MS 200u              /* of a rate, at once */
#define ASK_BURST 64u              /* opens of one, and channels for them, then one in each */
#define ASK_EACH span_ms(100)
#define BIND_BURST 8u              /* binds of one end to a channel that is there */
#define BIND_EACH span_s(1)
#define FULL_BURST 64u             /* binds that are told that there is no room */
#define FULL_EACH span_ms(10)
#define SECRET_LIVES span_s(60)    /* and as long again as the one before */
#define UNBOUND_LIVES span_s(30)
#define IDLE_LIVES span_s(300)
#define NO_SESSION UINT32_MAX

struct side {
	uint32_t slot;
	bool bound;
	struct endpoint at;
	struct instant bind_full;  /* bucket */
};

struct session {
	struct side sides[2];
	struct instant used;       /* the last frame or bind */
	struct instant full;       /* bucket of bytes */
};

/* Buckets of a member. What it asks costs nobody else, and what others ask about it costs it
 * nothing: that it binds what was offered unasked is paid by who opened. */
struct asker {
	struct instant open_full;
	struct instant make_full;  /* channels that were made for its opens */
};

struct relay {
	struct relay_config config;
	bool willing;
	uint8_t secrets[2][32];    /* the present one, and that of before */
	struct instant secret_birth;
	struct instant total_full;
	struct instant told_full;  /* bucket: that there is no room */
	struct relay_counters counters;
	uint32_t count;
	struct session *sessions;
	struct asker *askers;      /* by slot */
	uint32_t *channels;        /* of the sessions, side by side: every frame looks here */
};

static uint32_t capacity(uint32_t sessions)
{
	return sessions ? sessions : SESSIONS;
}

size_t relay_size(uint32_t members, uint32_t sessions)
{
	size_t n = capacity(sessions);

	return sizeof(struct relay) + n * sizeof(struct session) +
	       members * sizeof(struct asker) + (n + 1) / 2 * sizeof(uint64_t);
}

static void draw_secrets(struct relay *r, struct instant now)
{
	random_bytes(r->config.random, r->secrets[0], sizeof(r->secrets[0]));
	r->secret_birth = now;
}

struct relay *relay_init(void *memory, const struct relay_config *config, struct instant now)
{
	struct relay *r = memory;

	r->config = *config;
	r->config.sessions = capacity(config->sessions);
	r->config.session_rate = config->session_rate ? config->session_rate : SESSION_RATE;
	r->config.total_rate = config->total_rate ? config->total_rate : TOTAL_RATE;
	r->sessions = (struct session *)(void *)(r + 1);
	r->askers = (struct asker *)(void *)(r->sessions + r->config.sessions);
	r->channels = (uint32_t *)(void *)(r->askers + config->members);
	draw_secrets(r, now);
	random_bytes(config->random, r->secrets[1], sizeof(r->secrets[1]));
	return r;
}

/* --- messages */

bool relay_decode(struct bytes message, struct relay_message *out)
{
	static const uint8_t zero[RELAY_COOKIE];
	struct cursor c = cur_of(message.data, message.len);

	out->type = cur_u8(&c);
	out->state = cur_u8(&c);
	if (cur_be16(&c))
		return false;
	out->channel = cur_be32(&c);
	cur_bytes(&c, out->other.b, sizeof(out->other.b));
	cur_bytes(&c, out->cookie, sizeof(out->cookie));
	if (!cur_done(&c))
		return false;

	const bool channel = out->channel >= RELAY_CHANNEL_FIRST &&
			     out->channel <= RELAY_CHANNEL_LAST;
	const bool cookie = memcmp(out->cookie, zero, sizeof(zero)) != 0;
	switch (out->type) {
	case RELAY_TYPE_OPEN:
		return !out->state && !out->channel && !cookie;
	case RELAY_TYPE_OFFER:
	case RELAY_TYPE_BIND:
		return !out->state && channel;
	case RELAY_TYPE_BOUND:
		return out->state < RELAY_STATES && !cookie &&
		       (out->state <= RELAY_BOTH ? channel : !out->channel);
	}
	return false;
}

void relay_encode(const struct relay_message *m, uint8_t out[static RELAY_LEN])
{
	struct writer w = wr_of(out, RELAY_LEN);

	wr_u8(&w, m->type);
	wr_u8(&w, m->state);
	wr_be16(&w, 0);
	wr_be32(&w, m->channel);
	wr_bytes(&w, m->other.b, sizeof(m->other.b));
	wr_bytes(&w, m->cookie, sizeof(m->cookie));
	BUG_ON(!wr_ok(&w) || wr_len(&w) != RELAY_LEN);
}

static void say(const struct relay_end *to, const struct relay_message *m, struct outbox *out)
{
	uint8_t *data = outbox_reserve(out, RELAY_LEN);

	if (!data)
		return; /* the asker asks again */
	relay_encode(m, data);

	struct out *o = outbox_commit(out, OUT_MESSAGE, RELAY_LEN);
	o->slot = to->slot;
	o->to = to->at;
}

static void say_bound(const struct relay_end *to, const struct public_key *other,
		      uint32_t channel, enum relay_state state, struct outbox *out)
{
	struct relay_message m = { .type = RELAY_TYPE_BOUND, .state = (uint8_t)state,
				   .channel = channel, .other = *other };

	say(to, &m, out);
}

/* --- channels and cookies */

static void refresh_secret(struct relay *r, struct instant now)
{
	const uint64_t age = instant_since(now, r->secret_birth).ns;

	if (age < SECRET_LIVES.ns)
		return;
	memcpy(r->secrets[1], r->secrets[0], sizeof(r->secrets[1]));
	draw_secrets(r, now);
	/* What is older than two lives was not honoured in the second of them. */
	if (age >= 2 * SECRET_LIVES.ns)
		random_bytes(r->config.random, r->secrets[1], sizeof(r->secrets[1]));
}

static void keyed(uint8_t out[16], const uint8_t secret[32], struct writer *w)
{
	BUG_ON(!wr_ok(w));
	blake2s_mac(out, secret, 32, bytes_of(w->start, wr_len(w)));
}

/* The same whoever of the two asks. */
static uint32_t make_channel(const struct relay *r, uint32_t a, uint32_t b)
{
	uint8_t in[16], out[16];
	struct writer w = wr_of(in, sizeof(in));

	wr_u8(&w, 0);
	wr_be32(&w, a < b ? a : b);
	wr_be32(&w, a < b ? b : a);
	keyed(out, r->secrets[0], &w);
	return RELAY_CHANNEL_FIRST | (load_be32(out) & 0x3FFFFFFFu);
}

enum role { NOBODYS, OPENER, OFFERED };

static void make_cookie(uint8_t out[16], const uint8_t secret[32], enum role role,
			uint32_t channel, const struct relay_end *end,
			const struct public_key *other)
{
	uint8_t in[96];
	struct writer w = wr_of(in, sizeof(in));

	wr_u8(&w, (uint8_t)role);
	wr_be32(&w, channel);
	wr_bytes(&w, end->key.b, sizeof(end->key.b));
	wr_bytes(&w, other->b, sizeof(other->b));
	wr_u8(&w, end->at.ip.family);
	wr_bytes(&w, end->at.ip.b, sizeof(end->at.ip.b));
	wr_be16(&w, end->at.port);
	wr_be32(&w, end->at.scope);
	keyed(out, secret, &w);
}

/* Whose the cookie is of the two, or NOBODYS. */
static enum role role_by_cookie(const struct relay *r, const struct relay_end *end,
				const struct relay_end *other, const struct relay_message *m)
{
	uint8_t mine[RELAY_COOKIE];
	enum role found = NOBODYS;

	for (unsigned i = 0; i < 2; i++)
		for (enum role role = OPENER; role <= OFFERED; role++) {
			make_cookie(mine, r->secrets[i], role, m->channel, end, &other->key);
			if (ct_equal(mine, m->cookie, sizeof(mine)))
				found = role;
		}
	return found;
}

static void offer(const struct relay *r, uint32_t channel, enum role role,
		  const struct relay_end *to, const struct relay_end *other, struct outbox *out)
{
	struct relay_message m = { .type = RELAY_TYPE_OFFER, .channel = channel,
				   .other = other->key };

	make_cookie(m.cookie, r->secrets[0], role, channel, to, &other->key);
	say(to, &m, out);
}

/* --- sessions */

static uint32_t find(const struct relay *r, uint32_t channel)
{
	for (uint32_t i = 0; i < r->count; i++)
		if (r->channels[i] == channel)
			return i;
	return NO_SESSION;
}

static bool joins(const struct session *s, uint32_t a, uint32_t b)
{
	return (s->sides[0].slot == a && s->sides[1].slot == b) ||
	       (s->sides[0].slot == b && s->sides[1].slot == a);
}

static uint32_t find_pair(const struct relay *r, uint32_t a, uint32_t b)
{
	for (uint32_t i = 0; i < r->count; i++)
		if (joins(&r->sessions[i], a, b))
			return i;
	return NO_SESSION;
}

static void close_session(struct relay *r, uint32_t i)
{
	const uint32_t last = --r->count;

	r->sessions[i] = r->sessions[last];
	r->channels[i] = r->channels[last];
	r->counters.closed++;
}

static bool is_bound(const struct session *s)
{
	return s->sides[0].bound && s->sides[1].bound;
}

static struct instant ends_at(const struct session *s)
{
	return instant_add(s->used, is_bound(s) ? IDLE_LIVES : UNBOUND_LIVES);
}

void relay_tick(struct relay *r, struct instant now)
{
	for (uint32_t i = r->count; i-- > 0;)
		if (instant_reached(ends_at(&r->sessions[i]), now))
			close_session(r, i);
}

struct instant relay_deadline(const struct relay *r)
{
	struct instant first = INSTANT_NEVER;

	for (uint32_t i = 0; i < r->count; i++)
		first = instant_min(first, ends_at(&r->sessions[i]));
	return first;
}

/* When all are taken, the one that was silent longest gives way, if that is a minute. */
static bool make_room(struct relay *r, struct instant now)
{
	uint32_t oldest = 0;

	if (r->count < r->config.sessions)
		return true;
	for (uint32_t i = 1; i < r->count; i++)
		if (instant_before(r->sessions[i].used, r->sessions[oldest].used))
			oldest = i;
	if (instant_since(now, r->sessions[oldest].used).ns < span_s(60).ns)
		return false;
	close_session(r, oldest);
	return true;
}

void relay_set_willing(struct relay *r, bool willing)
{
	r->willing = willing;
	while (!willing && r->count)
		close_session(r, r->count - 1);
}

bool relay_is_willing(const struct relay *r)
{
	return r->willing;
}

void relay_forget(struct relay *r, uint32_t slot)
{
	for (uint32_t i = r->count; i-- > 0;)
		if (r->sessions[i].sides[0].slot == slot || r->sessions[i].sides[1].slot == slot)
			close_session(r, i);
	r->askers[slot] = (struct asker){ 0 };
}

/* --- what members ask */

static bool may(struct relay *r, struct instant *full, struct instant now, struct span each,
		uint64_t burst)
{
	const bool yes = bucket_take(full, now, each, burst);

	r->counters.drop_rate += !yes;
	return yes;
}

void relay_open(struct relay *r, struct instant now, const struct relay_end *asker,
		const struct relay_end *other, bool reachable, struct outbox *out)
{
	uint32_t at;

	if (asker->at.channel ||
	    !may(r, &r->askers[asker->slot].open_full, now, ASK_EACH, ASK_BURST))
		return;
	if (!r->willing || !reachable || other->at.channel || other->slot == asker->slot) {
		r->counters.refused++;
		say_bound(asker, &other->key, 0,
			  r->willing ? RELAY_REFUSED_PEER : RELAY_REFUSED_OFF, out);
		return;
	}
	refresh_secret(r, now);
	at = find_pair(r, asker->slot, other->slot);
	const uint32_t channel = at != NO_SESSION ? r->channels[at] :
				 make_channel(r, asker->slot, other->slot);
	r->counters.opened++;
	offer(r, channel, OPENER, asker, other, out);
	/* Though it is bound: it may have been restarted. */
	offer(r, channel, OFFERED, other, asker, out);
}

static uint32_t sessions_of(const struct relay *r, uint32_t slot)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < r->count; i++)
		n += r->sessions[i].sides[0].slot == slot || r->sessions[i].sides[1].slot == slot;
	return n;
}

/* When half of all are taken, a member may have a quarter of them at the most. Either end, for
 * whoever is offered a channel binds by itself. */
static bool has_share(const struct relay *r, uint32_t a, uint32_t b)
{
	const uint32_t most = (r->config.sessions + 3) / 4;

	return r->count < r->config.sessions / 2 ||
	       (sessions_of(r, a) < most && sessions_of(r, b) < most);
}

/* The channel that is there, or a new one; NO_SESSION: no more is to be said. */
static uint32_t session_for(struct relay *r, struct instant now, const struct relay_end *asker,
			    const struct relay_end *other, const struct relay_message *m,
			    struct outbox *out)
{
	const enum role role = role_by_cookie(r, asker, other, m);
	uint32_t at = find(r, m->channel);

	if (role == NOBODYS || (at != NO_SESSION &&
				!joins(&r->sessions[at], asker->slot, other->slot))) {
		r->counters.drop_cookie++;
		return NO_SESSION;
	}
	if (at != NO_SESSION) {
		struct side *side = r->sessions[at].sides;

		side += side->slot != asker->slot;
		return may(r, &side->bind_full, now, BIND_EACH, BIND_BURST) ? at : NO_SESSION;
	}
	if (!has_share(r, asker->slot, other->slot) || !make_room(r, now)) {
		r->counters.refused++;
		if (may(r, &r->told_full, now, FULL_EACH, FULL_BURST))
			say_bound(asker, &m->other, 0, RELAY_REFUSED_FULL, out);
		return NO_SESSION;
	}
	struct asker *pays = &r->askers[role == OPENER ? asker->slot : other->slot];
	if (!may(r, &pays->make_full, now, ASK_EACH, ASK_BURST))
		return NO_SESSION;
	at = r->count++;
	r->channels[at] = m->channel;
	r->sessions[at] = (struct session){
		.sides = { { .slot = asker->slot }, { .slot = other->slot } },
	};
	return at;
}

void relay_bind(struct relay *r, struct instant now, const struct relay_end *asker,
		const struct relay_end *other, const struct relay_message *m, struct outbox *out)
{
	if (asker->at.channel)
		return;
	refresh_secret(r, now);
	if (!r->willing || other->slot == asker->slot) {
		r->counters.drop_cookie++;
		return;
	}
	const uint32_t at = session_for(r, now, asker, other, m, out);
	if (at == NO_SESSION)
		return;
	struct session *s = &r->sessions[at];
	struct side *mine = &s->sides[s->sides[0].slot != asker->slot], *its = &s->sides[0];
	if (its == mine)
		its = &s->sides[1];
	/* Two ends at one address would be a loop. */
	if (its->bound && endpoint_equal(&its->at, &asker->at)) {
		r->counters.drop_cookie++;
		return;
	}
	const bool completes = !mine->bound && its->bound;
	mine->bound = true;
	mine->at = asker->at;
	s->used = now;
	r->counters.bound++;
	say_bound(asker, &m->other, m->channel, its->bound ? RELAY_BOTH : RELAY_WAITS, out);
	if (completes) {
		struct relay_end first = { .slot = its->slot, .at = its->at };

		say_bound(&first, &asker->key, m->channel, RELAY_BOTH, out);
	}
}

/* --- frames */

static bool take_bytes(struct instant *full, struct instant now, uint64_t rate, size_t len)
{
	const uint64_t most = BURST_MS * UINT64_C(1000000);
	const uint64_t cost = len * UINT64_C(1000000000) / rate;

	if (instant_before(*full, now))
		*full = now;
	if (instant_since(*full, now).ns + cost > most)
		return false;
	*full = instant_add(*full, (struct span){ cost });
	return true;
}

static bool in_budget(struct relay *r, struct session *s, struct instant now, size_t len)
{
	const struct instant before = s->full;

	if (!take_bytes(&s->full, now, r->config.session_rate, len))
		return false;
	if (take_bytes(&r->total_full, now, r->config.total_rate, len))
		return true;
	s->full = before;
	return false;
}

bool relay_forward(struct relay *r, struct instant now, const struct endpoint *from,
		   struct bytes frame, uint8_t ecn, struct outbox *out)
{
	const uint32_t at = frame.len > RELAY_HEADER ? find(r, load_be32(frame.data)) : NO_SESSION;
	struct session *s;
	uint8_t *data;
	unsigned side;

	if (at == NO_SESSION)
		return false;
	s = &r->sessions[at];
	for (side = 0; side < 2; side++)
		if (s->sides[side].bound && endpoint_equal(&s->sides[side].at, from))
			break;
	if (side == 2) {
		r->counters.drop_address++;
		return true;
	}
	const struct side *to = &s->sides[!side];
	if (!to->bound) {
		r->counters.drop_unbound++;
		return true;
	}
	if (frame.len > RELAY_FRAME_MAX) {
		r->counters.drop_size++;
		return true;
	}
	if (!in_budget(r, s, now, frame.len)) {
		r->counters.drop_budget++;
		return true;
	}
	data = outbox_reserve(out, frame.len);
	if (!data)
		return true;
	memcpy(data, frame.data, frame.len);

	struct out *o = outbox_commit(out, OUT_DATAGRAM, frame.len);
	o->slot = to->slot;
	o->to = to->at;
	o->ecn = ecn;
	s->used = now;
	r->counters.frames++;
	r->counters.bytes += frame.len;
	return true;
}

const struct relay_counters *relay_counters(const struct relay *r)
{
	return &r->counters;
}

uint32_t relay_channels(const struct relay *r)
{
	return r->count;
}

uint32_t relay_most(const struct relay *r)
{
	return r->config.sessions;
}
