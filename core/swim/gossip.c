/* gossip.c - the queue of what is being spread, and the packing of messages.
 *
 * The queue holds references (whose record; who accuses whom), never bytes, so that what goes out
 * is what is known at that moment. Items lie in lists by class and by sends left; a message takes
 * from the first class and from most sends left (fewest sent) on, until it is full. Each item is
 * sent 3 + (ceil(log2(n + 1)) + 1) / 2 times by each node that spreads it (5 times for 10, 7 for
 * 100, 10 for 10,000), on every message that goes out anyway and in bursts to
 * three members every 120 ms while the queue is not empty.
 *
 * When the queue is full, accusations with the fewest sends left give way first; what cannot get
 * in is dropped: the view digest finds the difference later. */
#include "swim/gossip.h"

#include "swim/accuse.h"
#include "swim/member.h"
#include "swim/peer.h"
#include "swim/probe.h"
#include "swim/suspicion.h"

#define BURST_MS 120u
#define BURST_MEMBERS 3u
#define BURST_TRIES 12u
#define QUEUE_LONG 64u /* items that will take longer than a synchronisation */
#define PASSES_MAX 200u /* messages that an item is left out of, before it is given up */
#define PASSES_AT_ONCE 64u
/* In least suspicions: what has been on its way for so long without a pause is somebody who accuses
 * without end, and must not keep others from comparing their views. */
#define SETTLES_WITHIN 5u
#define PAUSE_MS 1000u
#define MISSES 8u /* items that did not fit, before a message counts as full */
/* Bytes a second, each for what is spread and for synchronisation; 256 KB and 2 MB at once. What
 * answers or asks a single question, our own record and accusations of the receiver are bounded
 * by their own rates. */
#define GOSSIP_BURST_S 8u
#define SYNC_BURST_S 64u
#define OVERHEAD (CHANNEL_OVERHEAD + 28u)
#define OWN_AGAIN_MS 100u

static unsigned sends_for(uint32_t members)
{
	unsigned log2 = 0;

	while (log2 < 31 && (UINT32_C(1) << log2) < members + 1)
		log2++;
	return 3 + (log2 + 1) / 2;
}

static void link_item(struct swim *s, uint32_t index)
{
	struct gossip_item *item = &s->queue[index];
	uint32_t *head = &s->heads[item->class][item->left];

	if (*head) {
		struct gossip_item *first = &s->queue[*head - 1];

		item->next = *head;
		item->prev = first->prev;
		s->queue[first->prev - 1].next = index + 1;
		first->prev = index + 1;
	} else {
		item->next = item->prev = index + 1;
		*head = index + 1;
	}
}

static void unlink_item(struct swim *s, uint32_t index)
{
	struct gossip_item *item = &s->queue[index];
	uint32_t *head = &s->heads[item->class][item->left];

	if (item->next == index + 1) {
		*head = 0;
		return;
	}
	s->queue[item->prev - 1].next = item->next;
	s->queue[item->next - 1].prev = item->prev;
	if (*head == index + 1)
		*head = item->next;
}

static void drop_item(struct swim *s, uint32_t index)
{
	unlink_item(s, index);
	if (s->queue[index].class != GOSSIP_ACCUSATION)
		s->members[s->queue[index].slot].item = 0;
	pool_put(&s->queue_pool, index);
}

/* Frees a place by giving up the least urgent item, if one is less urgent than this class. */
static bool make_room(struct swim *s, unsigned class)
{
	for (unsigned c = GOSSIP_CLASSES; c-- > class + 1;)
		for (unsigned left = 0; left < SENDS_MAX; left++)
			if (s->heads[c][left]) {
				drop_item(s, s->heads[c][left] - 1);
				return true;
			}
	return false;
}

static uint32_t add_item(struct swim *s, unsigned class, uint32_t slot)
{
	uint32_t index = pool_get(&s->queue_pool);

	if (index == POOL_NONE && make_room(s, class))
		index = pool_get(&s->queue_pool);
	if (index == POOL_NONE)
		return NONE;
	s->queue[index] = (struct gossip_item){ .slot = slot, .accuser = NONE };
	s->queue[index].class = (uint8_t)class;
	s->queue[index].left = (uint8_t)sends_for(s->counters.alive + 1);
	link_item(s, index);
	return index;
}

void gossip_record(struct swim *s, uint32_t slot)
{
	struct member *m = &s->members[slot];
	unsigned class = GOSSIP_RECORD;
	uint32_t index;

	if (slot == s->cap)
		class = GOSSIP_OWN;
	else if (m->state == SWIM_LEFT)
		class = GOSSIP_LEAVE;
	if (m->item)
		drop_item(s, m->item - 1);
	index = add_item(s, class, slot);
	if (index != NONE)
		m->item = (uint16_t)(index + 1);
}

void gossip_accusation(struct swim *s, uint32_t subject, uint32_t accuser)
{
	uint32_t index = add_item(s, GOSSIP_ACCUSATION, subject);

	if (index == NONE)
		return;
	s->queue[index].accuser = accuser;
	s->queue[index].sequence = slot_sequence(s, subject);
}

void gossip_forget(struct swim *s, uint32_t slot)
{
	for (uint32_t i = 0; i < s->queue_pool.fresh; i++)
		if (pool_used(&s->queue_pool, i)
		    && (s->queue[i].slot == slot || s->queue[i].accuser == slot))
			drop_item(s, i);
}

static bool gossip_budget_left(const struct swim *s)
{
	return instant_since(s->gossip_full, s->now).ns < span_s(GOSSIP_BURST_S).ns;
}

bool sync_budget_left(const struct swim *s)
{
	return instant_since(s->sync_full, s->now).ns < span_s(SYNC_BURST_S).ns;
}

static void spend(const struct swim *s, struct instant *full, size_t bytes)
{
	struct span cost = { (bytes + OVERHEAD) * (1000000000u / s->profile->budget) };

	if (instant_before(*full, s->now))
		*full = s->now;
	*full = instant_add(*full, cost);
}

/* What will make the views equal without a list. */
static bool is_on_its_way(const struct swim *s)
{
	uint64_t verdict_ns = span_ms(s->profile->suspicion_ms + s->profile->again_ms / 2).ns;

	if (s->queue_pool.count > QUEUE_LONG)
		return false;
	return !gossip_idle(s)
	       || (s->suspected && instant_since(s->now, s->suspected_since).ns < verdict_ns);
}

bool gossip_settles(const struct swim *s)
{
	uint64_t limit_ns = SETTLES_WITHIN * span_ms(s->profile->suspicion_ms).ns;

	return is_on_its_way(s)
	       && (!s->unsettled || instant_since(s->now, s->unsettled_since).ns < limit_ns);
}

void gossip_note(struct swim *s)
{
	bool unsettled = is_on_its_way(s);

	if (unsettled && !s->unsettled
	    && instant_since(s->now, s->settled_since).ns >= span_ms(PAUSE_MS).ns)
		s->unsettled_since = s->now;
	if (!unsettled && s->unsettled)
		s->settled_since = s->now;
	s->unsettled = unsettled;
}

static bool is_quiet(const struct swim *s)
{
	return !gossip_settles(s) && !s->job_count;
}

void draft_begin(struct swim *s, struct draft *d, uint32_t to, enum wire_type type, uint8_t flags,
		 uint32_t id)
{
	struct wire_header h = {
		.type = (uint8_t)type, .flags = flags, .id = id,
		.known = slot_sequence(s, to),
		.count = scope_count(s, to), .list = scope_tag(s, s->cap, to),
		.digest = scope_digest(s, to),
	};
	uint8_t *memory = s->out ? outbox_reserve(s->out, CHANNEL_PAYLOAD_MAX) : NULL;

	if (is_quiet(s))
		h.flags |= WIRE_QUIET;
	*d = (struct draft){ .to = to, .scope = scope_with(s, to), .ok = memory != NULL };
	d->equal = h.digest && peer_seen(s, to)->digest == h.digest;
	if (d->equal)
		h.flags |= WIRE_BRIEF;
	d->bulk = type == WIRE_LIST || type == WIRE_BUCKETS || type == WIRE_SCOPE
		  || (flags & WIRE_BULK);
	d->w = wr_of(memory, memory ? CHANNEL_PAYLOAD_MAX : 0);
	wire_put_header(&d->w, &h);
}

void draft_items(struct draft *d)
{
	d->body = wr_len(&d->w);
}

/* The number of items comes before the first of them. */
static size_t room(const struct draft *d)
{
	size_t left = wr_ok(&d->w) ? (size_t)(d->w.end - d->w.at) : 0;

	return d->items || !left ? left : left - 1;
}

static void count_item(struct draft *d)
{
	if (!d->items)
		wr_u8(&d->w, 0);
	d->items++;
}

bool draft_record(struct swim *s, struct draft *d, uint32_t slot)
{
	const struct record_kept *r = member_record(s, slot);

	BUG_ON(!slot_sequence(s, slot) || !scope_has(&d->scope, slot));
	if (room(d) < WIRE_RECORD_HEADER + r->len || d->items == WIRE_ITEMS_MAX)
		return false;
	count_item(d);
	wire_put_record(&d->w, bytes_of(r->wire, r->len));
	d->records++;
	if (slot == s->cap) {
		d->own_in = true;
		peer_of(s, d->to)->own_sent = s->now;
	}
	return true;
}

size_t draft_room(const struct draft *d)
{
	return d->items == WIRE_ITEMS_MAX ? 0 : room(d);
}

bool draft_accusation(struct swim *s, struct draft *d, uint32_t subject, uint32_t accuser)
{
	struct accusation a = {
		.subject = slot_id(s, subject),
		.sequence = slot_sequence(s, subject),
		.accuser = slot_id(s, accuser),
	};

	if (!scope_has(&d->scope, subject) || !scope_has(&d->scope, accuser)
	    || draft_room(d) < WIRE_ACCUSATION)
		return false;
	if (!suspicion_proof(s, subject, accuser, &a.signature)) {
		if (accuser != s->cap)
			return false;
		accuse_sign(s, subject, &a.signature);
	}
	count_item(d);
	wire_put_accusation(&d->w, &a);
	return true;
}

/* An accusation ends when its subject answered or has a newer record. */
static bool is_void(const struct swim *s, const struct gossip_item *item)
{
	const struct member *m = &s->members[item->slot];
	struct signature signature;

	if (item->class != GOSSIP_ACCUSATION)
		return false;
	return slot_sequence(s, item->slot) != item->sequence || m->state == SWIM_LEFT || m->lost
	       || !suspicion_proof(s, item->slot, item->accuser, &signature);
}

/* Whether the receiver has it already. That counts as a send: else an item that all who are near
 * know would stay for ever. */
static bool is_idle_for(const struct swim *s, const struct draft *d, const struct gossip_item *item)
{
	if (item->class == GOSSIP_ACCUSATION)
		return item->accuser == d->to;
	if (item->slot == s->cap)
		return s->members[d->to].told;
	return item->slot == d->to || d->equal;
}

static bool may_hear(const struct draft *d, const struct gossip_item *item)
{
	return scope_has(&d->scope, item->slot)
	       && (item->class != GOSSIP_ACCUSATION || scope_has(&d->scope, item->accuser));
}

static bool put_item(struct swim *s, struct draft *d, const struct gossip_item *item)
{
	if (item->class == GOSSIP_ACCUSATION)
		return draft_accusation(s, d, item->slot, item->accuser);
	if (item->slot == s->cap && d->own_in)
		return true;
	return draft_record(s, d, item->slot);
}

static void sent_once(struct swim *s, uint32_t index)
{
	struct gossip_item *item = &s->queue[index];

	if (item->left <= 1) {
		drop_item(s, index);
		return;
	}
	unlink_item(s, index);
	item->left--;
	link_item(s, index);
}

/* It waits for others, but not for ever. */
static void pass_over(struct swim *s, uint32_t index, unsigned *passes)
{
	(*passes)++;
	if (++s->queue[index].passed >= PASSES_MAX)
		drop_item(s, index);
}

/* Goes through one list; items sent are only noted, for counting them down moves them into the
 * next list. */
static void take_list(struct swim *s, struct draft *d, uint32_t *head, uint32_t *sent, unsigned *n,
		      unsigned *misses)
{
	uint32_t at = *head;
	unsigned passes = 0;

	while (at && *n < WIRE_ITEMS_MAX && *misses < MISSES && passes < PASSES_AT_ONCE) {
		const struct gossip_item *item = &s->queue[at - 1];
		uint32_t next = item->next;
		bool was_last = next == *head;

		if (is_void(s, item))
			drop_item(s, at - 1);
		else if (!may_hear(d, item))
			pass_over(s, at - 1, &passes);
		else if (is_idle_for(s, d, item) || put_item(s, d, item))
			sent[(*n)++] = at - 1;
		else
			(*misses)++;
		if (was_last)
			break;
		at = next;
	}
}

static void take_queue(struct swim *s, struct draft *d)
{
	uint32_t sent[WIRE_ITEMS_MAX];
	unsigned n = 0, misses = 0;

	for (unsigned class = 0; class < GOSSIP_CLASSES; class++)
		for (unsigned left = SENDS_MAX; left-- > 0;)
			take_list(s, d, &s->heads[class][left], sent, &n, &misses);
	d->spreads = n > 0;
	for (unsigned i = 0; i < n; i++)
		sent_once(s, sent[i]);
}

unsigned draft_piggyback(struct swim *s, struct draft *d)
{
	struct member *to = &s->members[d->to];
	struct instant sent = peer_seen(s, d->to)->own_sent;
	struct instant again = instant_add(sent, span_ms(OWN_AGAIN_MS));

	if (!d->ok)
		return 0;
	if (!to->told && !d->own_in && slot_sequence(s, s->cap)
	    && (!instant_is_set(sent) || instant_reached(again, s->now)))
		draft_record(s, d, s->cap);
	/* Who is accused, or was dead until now, hears it first, and can refute. */
	if (to->was_dead || (to->state == SWIM_DEAD && !to->lost))
		draft_accusation(s, d, d->to, s->cap);
	else if (to->suspicion)
		draft_accusation(s, d, d->to, suspicion_accuser(s, d->to));
	to->was_dead = false;
	if (!gossip_idle(s) && gossip_budget_left(s))
		take_queue(s, d);
	return d->items;
}

void draft_send(struct swim *s, struct draft *d)
{
	if (!d->ok)
		return;
	BUG_ON(!wr_ok(&d->w));
	if (d->items)
		d->w.start[d->body] = d->items;
	else
		d->w.start[WIRE_FLAGS_AT] |= WIRE_BARE;
	outbox_commit(s->out, OUT_MESSAGE, wr_len(&d->w))->slot = d->to;
	s->counters.records_sent += d->records;
	if (d->bulk)
		spend(s, &s->sync_full, wr_len(&d->w));
	else if (d->spreads)
		spend(s, &s->gossip_full, wr_len(&d->w));
}

static void burst_to(struct swim *s, uint32_t slot)
{
	struct draft d;

	if (!peer_seen(s, slot)->list) {
		probe_ping(s, slot, 0); /* whom does it admit? */
		return;
	}
	draft_begin(s, &d, slot, WIRE_ITEMS, 0, 0);
	draft_items(&d);
	if (draft_piggyback(s, &d))
		draft_send(s, &d);
}

/* The reachable member that many places after us in the order of ids. */
static uint32_t after_us(const struct swim *s, unsigned places)
{
	uint32_t at = member_from(s, slot_id(s, s->cap));

	for (uint32_t i = 1; i < s->known; i++) {
		uint32_t slot = s->by_id[(at + i) % s->known];

		if (slot != s->cap && s->members[slot].near && places-- == 1)
			return slot;
	}
	return NONE;
}

/* Chance alone leaves out one in e^sends. So one of the three is always the next in a circle:
 * whoever has spread an item has sent it to those who follow him, and nobody is left out unless
 * all of his predecessors are, or what they sent was lost. */
void gossip_burst(struct swim *s)
{
	uint32_t chosen[BURST_MEMBERS];
	unsigned n = 0;

	if (!s->bursting || !instant_reached(s->burst_at, s->now))
		return;
	s->burst_turn = (s->burst_turn + 1) % sends_for(s->counters.alive + 1);
	chosen[0] = after_us(s, s->burst_turn + 1);
	n = chosen[0] != NONE;
	for (unsigned i = 0; i < BURST_TRIES && n < BURST_MEMBERS && s->acquainted; i++) {
		uint32_t slot = s->near[rng_below(&s->rng, s->acquainted)];
		bool again = false;

		for (unsigned k = 0; k < n; k++)
			again |= chosen[k] == slot;
		if (!again)
			chosen[n++] = slot;
	}
	for (unsigned i = 0; i < n; i++)
		burst_to(s, chosen[i]);
	s->burst_at = instant_add(s->now, span_ms(BURST_MS));
}
