#include "nat/relayed.h"

#include "base/map.h"
#include "crypto/hash.h"

#include <string.h>

#define ASK_TIMES 4u
#define ASK_EACH span_ms(400)
#define SILENT span_s(270)         /* before the relay closes it */
#define GIVES_WAY span_s(30)
#define PROVES span_s(3)           /* time for the peer to answer by a new channel */
#define FACTS 64u

struct hold {
	uint32_t peer, relay;
	bool asking;               /* an open is to be repeated, unless an offer comes */
	bool both;                 /* frames pass, by the relay's word */
	bool proved;               /* the peer answered by it */
	uint8_t tries;
	struct public_key key;     /* the peer's */
	struct endpoint relay_at;
	struct endpoint at;        /* channel 0: not offered yet */
	struct instant made;
	struct instant next;       /* to ask again */
	struct instant used;       /* the last that came by it */
};

struct relayed {
	uint8_t hash_key[16];
	uint32_t count;
	struct hold holds[RELAYED_MAX];
	struct map by_channel;     /* of those that have one */
	struct relayed_fact facts[FACTS];
	uint32_t fact_first, fact_count;
	struct relayed_counters counters;
	uint64_t cells[];
};

size_t relayed_size(void)
{
	return sizeof(struct relayed) + map_size(RELAYED_MAX);
}

struct relayed *relayed_init(void *memory, const uint8_t hash_key[static 16])
{
	struct relayed *r = memory;

	memcpy(r->hash_key, hash_key, sizeof(r->hash_key));
	map_init(&r->by_channel, r->cells, RELAYED_MAX);
	return r;
}

static void add_fact(struct relayed *r, enum relayed_fact_kind kind, const struct hold *h)
{
	if (r->fact_count == FACTS) {
		r->fact_first = (r->fact_first + 1) % FACTS;
		r->fact_count--;
	}
	r->facts[(r->fact_first + r->fact_count++) % FACTS] = (struct relayed_fact){
		kind, h->peer, h->relay, h->at,
	};
}

bool relayed_next_fact(struct relayed *r, struct relayed_fact *out)
{
	if (!r->fact_count)
		return false;
	*out = r->facts[r->fact_first];
	r->fact_first = (r->fact_first + 1) % FACTS;
	r->fact_count--;
	return true;
}

/* --- the table */

static uint64_t hash_of(const struct relayed *r, uint32_t channel)
{
	return siphash(r->hash_key, &channel, sizeof(channel));
}

struct wanted {
	const struct relayed *r;
	const struct endpoint *at;
};

static bool is_at(const void *ctx, uint32_t i)
{
	const struct wanted *w = ctx;

	return endpoint_equal(&w->r->holds[i].at, w->at);
}

static uint32_t find_at(const struct relayed *r, const struct endpoint *at)
{
	return map_find(&r->by_channel, hash_of(r, at->channel), is_at,
			&(struct wanted){ r, at });
}

static uint32_t find(const struct relayed *r, uint32_t peer, uint32_t relay)
{
	for (uint32_t i = 0; i < r->count; i++)
		if (r->holds[i].peer == peer && r->holds[i].relay == relay)
			return i;
	return RELAYED_NONE;
}

/* Into the map; false if another hold has that very place. */
static bool place(struct relayed *r, uint32_t i, const struct endpoint *at)
{
	struct hold *h = &r->holds[i];
	const uint32_t there = find_at(r, at);

	if (there != MAP_NONE)
		return there == i;
	if (h->at.channel) {
		add_fact(r, RELAYED_FACT_GONE, h);
		map_remove(&r->by_channel, hash_of(r, h->at.channel), i);
	}
	h->at = *at;
	h->both = h->proved = false;
	return map_add(&r->by_channel, hash_of(r, at->channel), i);
}

static void drop(struct relayed *r, uint32_t i)
{
	const uint32_t last = --r->count;
	struct hold *h = &r->holds[i];

	if (h->at.channel) {
		add_fact(r, RELAYED_FACT_GONE, h);
		map_remove(&r->by_channel, hash_of(r, h->at.channel), i);
	}
	if (i == last)
		return;
	*h = r->holds[last];
	if (h->at.channel) {
		map_remove(&r->by_channel, hash_of(r, h->at.channel), last);
		(void)map_add(&r->by_channel, hash_of(r, h->at.channel), i);
	}
}

static uint32_t add(struct relayed *r, struct instant now, uint32_t peer, uint32_t relay)
{
	uint32_t oldest = 0;

	if (r->count == RELAYED_MAX) {
		for (uint32_t i = 1; i < r->count; i++)
			if (instant_before(r->holds[i].used, r->holds[oldest].used))
				oldest = i;
		if (instant_since(now, r->holds[oldest].used).ns < GIVES_WAY.ns) {
			r->counters.drop_full++;
			return RELAYED_NONE;
		}
		drop(r, oldest);
	}
	r->holds[r->count] = (struct hold){ .peer = peer, .relay = relay, .used = now,
					    .made = now, .next = INSTANT_NEVER };
	return r->count++;
}

/* --- talking to relays */

static void send(const struct hold *h, const struct relay_message *m, struct outbox *out)
{
	uint8_t *data = outbox_reserve(out, RELAY_LEN);

	if (!data)
		return; /* counted by the outbox, and repeated */
	relay_encode(m, data);

	struct out *o = outbox_commit(out, OUT_MESSAGE, RELAY_LEN);
	o->slot = h->relay;
	o->to = h->relay_at;
}

static void ask(struct relayed *r, struct hold *h, struct instant now, struct outbox *out)
{
	struct relay_message m = { .type = RELAY_TYPE_OPEN, .other = h->key };

	h->tries++;
	h->next = instant_add(now, ASK_EACH);
	r->counters.asked++;
	send(h, &m, out);
}

void relayed_ask(struct relayed *r, struct instant now, uint32_t peer,
		 const struct public_key *key, const struct relay_end *relay, struct outbox *out)
{
	uint32_t i = find(r, peer, relay->slot);

	BUG_ON(relay->at.channel);
	if (i == RELAYED_NONE)
		i = add(r, now, peer, relay->slot);
	if (i == RELAYED_NONE)
		return;
	struct hold *h = &r->holds[i];
	h->key = *key;
	h->relay_at = relay->at;
	h->asking = true;
	h->tries = 0;
	ask(r, h, now, out);
}

void relayed_offered(struct relayed *r, struct instant now, uint32_t peer,
		     const struct relay_end *relay, const struct relay_message *m,
		     struct outbox *out)
{
	uint32_t i = find(r, peer, relay->slot);
	struct endpoint at = relay->at;

	r->counters.offered++;
	if (i == RELAYED_NONE)
		i = add(r, now, peer, relay->slot);
	at.channel = m->channel;
	if (i == RELAYED_NONE || !place(r, i, &at)) {
		r->counters.drop_channel++;
		return;
	}
	struct hold *h = &r->holds[i];
	struct relay_message answer = *m;
	h->key = m->other;
	h->relay_at = relay->at;
	h->used = now;
	answer.type = RELAY_TYPE_BIND;
	send(h, &answer, out);
}

bool relayed_bound(struct relayed *r, struct instant now, uint32_t peer,
		   const struct relay_end *relay, const struct relay_message *m,
		   struct endpoint *at)
{
	const uint32_t i = find(r, peer, relay->slot);

	if (i == RELAYED_NONE)
		return false;
	struct hold *h = &r->holds[i];
	if (m->state > RELAY_BOTH) {
		if (!h->asking)
			return false;
		r->counters.refused++;
		add_fact(r, RELAYED_FACT_REFUSED, h);
		drop(r, i);
		return false;
	}
	if (m->channel != h->at.channel)
		return false;
	h->asking = false;
	h->next = INSTANT_NEVER;
	h->used = now;
	h->both |= m->state == RELAY_BOTH;
	r->counters.bound += m->state == RELAY_BOTH;
	*at = h->at;
	return m->state == RELAY_BOTH;
}

uint32_t relayed_frame(struct relayed *r, struct instant now, const struct endpoint *from)
{
	const uint32_t i = find_at(r, from);

	if (i == MAP_NONE)
		return RELAYED_NONE;
	r->holds[i].used = now;
	return r->holds[i].peer;
}

uint32_t relayed_relay(const struct relayed *r, const struct endpoint *at)
{
	const uint32_t i = find_at(r, at);

	return i == MAP_NONE ? RELAYED_NONE : r->holds[i].relay;
}

uint32_t relayed_peer(const struct relayed *r, const struct endpoint *at)
{
	const uint32_t i = find_at(r, at);

	return i == MAP_NONE ? RELAYED_NONE : r->holds[i].peer;
}

bool relayed_nth(const struct relayed *r, uint32_t nth, uint32_t *peer, uint32_t *relay)
{
	if (nth >= r->count)
		return false;
	*peer = r->holds[nth].peer;
	*relay = r->holds[nth].relay;
	return true;
}

bool relayed_has(const struct relayed *r, uint32_t peer, uint32_t relay)
{
	const uint32_t i = find(r, peer, relay);

	return i != RELAYED_NONE && (r->holds[i].both || r->holds[i].asking);
}

void relayed_release(struct relayed *r, uint32_t peer, struct span age, struct instant now)
{
	for (uint32_t i = r->count; i-- > 0;)
		if (r->holds[i].peer == peer &&
		    instant_since(now, r->holds[i].made).ns >= age.ns)
			drop(r, i);
}

void relayed_proved(struct relayed *r, const struct endpoint *at)
{
	const uint32_t i = find_at(r, at);

	if (i != MAP_NONE)
		r->holds[i].proved = true;
}

bool relayed_works(const struct relayed *r, uint32_t nth, struct instant now)
{
	const struct hold *h = &r->holds[nth];

	return h->both && (h->proved || instant_since(now, h->made).ns < PROVES.ns);
}

/* What waits to be told of a peer must not be read after it is gone. */
static void forget_facts(struct relayed *r, uint32_t peer)
{
	struct relayed_fact f;

	for (uint32_t n = r->fact_count; n && relayed_next_fact(r, &f); n--)
		if (f.peer != peer)
			r->facts[(r->fact_first + r->fact_count++) % FACTS] = f;
}

void relayed_forget(struct relayed *r, uint32_t slot)
{
	for (uint32_t i = r->count; i-- > 0;)
		if (r->holds[i].peer == slot || r->holds[i].relay == slot)
			drop(r, i);
	forget_facts(r, slot);
}

/* --- time */

static struct instant due(const struct hold *h)
{
	return instant_min(h->asking ? h->next : INSTANT_NEVER, instant_add(h->used, SILENT));
}

void relayed_tick(struct relayed *r, struct instant now, struct outbox *out)
{
	for (uint32_t i = r->count; i-- > 0;) {
		struct hold *h = &r->holds[i];

		if (instant_reached(instant_add(h->used, SILENT), now)) {
			drop(r, i);
			continue;
		}
		if (!h->asking || !instant_reached(h->next, now) ||
		    !outbox_has_room(out, 1, RELAY_LEN))
			continue;
		if (h->tries < ASK_TIMES) {
			ask(r, h, now, out);
			continue;
		}
		add_fact(r, RELAYED_FACT_REFUSED, h);
		drop(r, i);
	}
}

struct instant relayed_deadline(const struct relayed *r)
{
	struct instant first = INSTANT_NEVER;

	for (uint32_t i = 0; i < r->count; i++)
		first = instant_min(first, due(&r->holds[i]));
	return first;
}

const struct relayed_counters *relayed_counters(const struct relayed *r)
{
	return &r->counters;
}

uint32_t relayed_channels(const struct relayed *r)
{
	return r->count;
}
