/* sync.c - synchronisation by lists.
 *
 * A LIST says: in this range of ids I hold exactly these, with these sequences and verdicts. The
 * receiver sends what is newer here or missing there (NEWER), asks for what is newer there
 * (WANT), and tells those whom the other side holds dead, so that they refute. One list thus
 * makes both views equal, and each datagram of it stands alone: one that is lost costs its range
 * only.
 *
 * Who holds more than RECORDS_MANY records sends BUCKETS first: digests of its view, cut by the
 * first byte of the ids. The answer is a LIST of the ranges that differ, nothing if none does.
 *
 * When: on first contact; and when an answer shows another view digest, if both ends have nothing
 * else to spread (or the counts differ by more than a tenth), and then less and less often while
 * it does not help, since two nodes that admit different keys never get equal digests.
 *
 * Pace: what lists cause is cut into jobs, a job sends when its turn comes; in all at most 8
 * datagrams every 40 ms, within the budget of bytes. A LIST is answered by as many datagrams as
 * records are needed, so a sender has at most JOBS_PER_PEER jobs; who gets none of these gets one
 * datagram at once, so that the seed of thousands makes them known to each other. What has waited
 * two seconds for its turn is dropped: most of it has come from others by then, and a later list
 * repairs the rest.
 *
 * When thousands start together everything is missing everywhere, and whatever is asked twice
 * comes twice. So in a large mesh one list follows the other when its answers have come, who has
 * less is the one that lists, and records that come are not passed on as news. */
#include "swim/sync.h"

#include "swim/gossip.h"
#include "swim/member.h"
#include "swim/peer.h"
#include "swim/probe.h"
#include "swim/records.h"
#include "swim/suspicion.h"

#include <string.h>

#define PUMP_MS 40u
#define PUMP_DATAGRAMS 8u
#define PUMP_LISTS 2u         /* of these: each is answered by several */
#define LIST_LEAST_MS 150u    /* from one list to the next, or from the last answer to it */
#define LIST_MOST_MS 1000u
#define JOBS_MANY (JOB_MAX / 2)
#define LISTS_FOR_OTHERS 2u   /* that have sent BUCKETS, at once */
#define JOB_LASTS span_s(2)
#define GIVE_PER_SECOND 20u
#define GIVE_BURST 40u

static struct job *new_job(struct swim *s, enum job_kind kind, uint32_t peer)
{
	struct job *place = NULL;
	unsigned of_peer = 0;

	for (struct job *j = s->jobs; j < s->jobs + JOB_MAX; j++) {
		if (j->kind == JOB_NONE)
			place = place ? place : j;
		else
			of_peer += j->peer == peer;
	}
	if (!place || of_peer >= JOBS_PER_PEER) {
		s->counters.drop_rate++;
		return NULL;
	}
	peer_of(s, peer)->jobs++;
	place->kind = kind;
	place->peer = peer;
	place->made = s->now;
	place->next = 0;
	place->last = UINT64_MAX;
	place->entries = 0;
	memset(place->mask, 0xff, sizeof(place->mask));
	s->job_count++;
	return place;
}

static unsigned jobs_of(const struct swim *s, enum job_kind kind)
{
	unsigned n = 0;

	for (unsigned i = 0; s->job_count && i < JOB_MAX; i++)
		n += s->jobs[i].kind == kind;
	return n;
}

static void end_job(struct swim *s, struct job *j)
{
	peer_of(s, j->peer)->jobs--;
	j->kind = JOB_NONE;
	s->job_count--;
}

/* --- lists out */

static struct wire_entry entry_of(const struct swim *s, uint32_t slot)
{
	const struct member *m = &s->members[slot];

	return (struct wire_entry){
		.id = slot_id(s, slot), .sequence = slot_sequence(s, slot),
		.dead = m->state == SWIM_DEAD && !m->lost,
	};
}

static void send_buckets(struct swim *s, struct job *j)
{
	uint64_t bucket[WIRE_BUCKETS_COUNT];
	struct draft d;

	scope_buckets(s, j->peer, bucket);
	draft_begin(s, &d, j->peer, WIRE_BUCKETS, 0, 0);
	for (unsigned i = 0; i < WIRE_BUCKETS_COUNT; i++)
		wr_be32(&d.w, (uint32_t)bucket[i]);
	draft_items(&d);
	draft_piggyback(s, &d);
	draft_send(s, &d);
	end_job(s, j);
}

static bool differs(const struct job *j, uint64_t id)
{
	unsigned bucket = (unsigned)(id >> 56);

	return j->mask[bucket / 64] >> bucket % 64 & 1;
}

/* The first id at or after this one that lies in a bucket that differs; false: none. */
static bool seek(const struct job *j, uint64_t *id)
{
	for (unsigned bucket = (unsigned)(*id >> 56); bucket < WIRE_BUCKETS_COUNT; bucket++) {
		uint64_t start = (uint64_t)bucket << 56;

		if (!differs(j, start))
			continue;
		*id = start > *id ? start : *id;
		return true;
	}
	return false;
}

/* One LIST, from the next bucket that differs on; what lies between two such goes along. */
static void send_list(struct swim *s, struct job *j)
{
	struct wire_entry entry[WIRE_ENTRIES_MAX];
	struct scope_view v = scope_with(s, j->peer);
	struct draft d;
	uint64_t first = j->next, last = UINT64_MAX, rest;
	unsigned n = 0;

	if (!seek(j, &first)) {
		end_job(s, j);
		return;
	}
	for (uint32_t i = member_from(s, first); i < s->known; i++) {
		uint64_t id = slot_id(s, s->by_id[i]);

		if (!slot_sequence(s, s->by_id[i]) || !scope_has(&v, s->by_id[i]))
			continue;
		if (n && entry[n - 1].id == id)
			continue;
		rest = id;
		if (!seek(j, &rest)) {
			last = id - 1;
			break;
		}
		if (n == WIRE_ENTRIES_MAX) {
			last = entry[n - 1].id;
			break;
		}
		entry[n++] = entry_of(s, s->by_id[i]);
	}
	draft_begin(s, &d, j->peer, WIRE_LIST, 0, 0);
	wr_be64(&d.w, first);
	wr_be64(&d.w, last);
	wr_u8(&d.w, (uint8_t)n);
	for (unsigned i = 0; i < n; i++)
		wire_put_entry(&d.w, &entry[i]);
	draft_items(&d);
	draft_piggyback(s, &d);
	draft_send(s, &d);
	j->next = last + 1;
	if (last == UINT64_MAX || !seek(j, &j->next))
		end_job(s, j);
}

/* --- records out */

static const struct wire_entry *listed(const struct job *j, uint64_t id)
{
	unsigned low = 0, high = j->entries;

	while (low < high) {
		unsigned mid = (low + high) / 2;

		if (j->entry[mid].id == id)
			return &j->entry[mid];
		if (j->entry[mid].id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

enum lack { LACKS_NOTHING, LACKS_RECORD, LACKS_VERDICT };

/* What the peer of the job lacks about this member. */
static enum lack lack_of(const struct swim *s, const struct job *j, uint32_t slot)
{
	const struct member *m = &s->members[slot];
	const struct wire_entry *e = listed(j, slot_id(s, slot));
	uint64_t sequence = slot_sequence(s, slot);

	if (!sequence || (slot == j->peer && !e))
		return LACKS_NOTHING;
	if (j->kind == JOB_WANTED)
		return e ? LACKS_RECORD : LACKS_NOTHING;
	if (!e || e->sequence < sequence)
		return LACKS_RECORD;
	if (e->sequence == sequence && !e->dead && m->state == SWIM_DEAD && !m->lost
	    && slot != j->peer)
		return LACKS_VERDICT;
	return LACKS_NOTHING;
}

static bool put_lack(struct swim *s, struct draft *d, const struct job *j, uint32_t slot)
{
	const struct member *m = &s->members[slot];

	if (!scope_has(&d->scope, slot))
		return true;
	switch (lack_of(s, j, slot)) {
	case LACKS_NOTHING:
		return true;
	case LACKS_RECORD:
		if (j->kind == JOB_WANTED && m->state == SWIM_DEAD && !m->lost)
			suspicion_put_proof(s, d, slot);
		return draft_record(s, d, slot);
	case LACKS_VERDICT:
		return suspicion_put_proof(s, d, slot);
	}
	return true;
}

/* One datagram of what the peer lacks. *all: that was the last of it. False: there was nothing to
 * send. */
static bool send_records(struct swim *s, struct job *j, bool *all)
{
	struct draft d;
	uint32_t i = member_from(s, j->next);

	*all = false;
	draft_begin(s, &d, j->peer, WIRE_ITEMS, WIRE_BULK, 0);
	if (!d.ok)
		return true;
	draft_items(&d);
	for (; i < s->known && slot_id(s, s->by_id[i]) <= j->last; i++) {
		if (!put_lack(s, &d, j, s->by_id[i])) {
			j->next = slot_id(s, s->by_id[i]);
			draft_send(s, &d);
			return true;
		}
	}
	*all = true;
	if (d.items)
		draft_send(s, &d);
	return d.items != 0;
}

/* What it admits comes first; its answer to a PING says it. */
static void begin_later(struct swim *s, uint32_t slot)
{
	s->members[slot].list_first = true;
	if (!peer_seen(s, slot)->list)
		probe_ping(s, slot, 0);
}

/* In a large mesh one list after the other: what several others answer at once is the same. The
 * next one waits until the answers have come, for a second at most. */
static unsigned lists_at_once(const struct swim *s)
{
	struct instant most = instant_add(s->list_began, span_ms(LIST_MOST_MS));
	struct instant last = s->bulk_heard;

	if (s->records_held <= RECORDS_MANY)
		return LISTS_AT_ONCE;
	if (instant_before(last, s->list_began))
		last = s->list_began;
	last = instant_add(last, span_ms(LIST_LEAST_MS));
	return instant_reached(instant_min(last, most), s->now);
}

static void start_due_lists(struct swim *s)
{
	enum job_kind kind = s->records_held > RECORDS_MANY ? JOB_BUCKETS : JOB_LIST;
	unsigned running = jobs_of(s, kind), most = lists_at_once(s);
	uint32_t first = s->lists_due && most ? (uint32_t)rng_below(&s->rng, s->known) : 0;

	for (uint32_t i = 0; s->lists_due && i < s->known && running < most; i++) {
		uint32_t slot = s->by_id[(first + i) % s->known];
		struct member *m = &s->members[slot];
		uint64_t ours;

		if (slot == s->cap || !m->list_due)
			continue;
		ours = scope_digest(s, slot);
		sync_not_due(s, slot);
		if (!m->reachable || (ours && peer_seen(s, slot)->digest == ours))
			continue;
		if (!ours) {
			begin_later(s, slot);
			continue;
		}
		if (!new_job(s, kind, slot))
			continue;
		peer_of(s, slot)->listed = s->list_began = s->now;
		s->counters.syncs++;
		running++;
	}
}

/* False: nothing was sent. */
static bool turn(struct swim *s, struct job *j, unsigned *lists)
{
	bool sent, all;
	uint64_t ours;

	if (j->kind == JOB_NONE)
		return false;
	ours = scope_digest(s, j->peer);
	/* It has all that from others by now, or asks again; or a list has changed. */
	if (instant_since(s->now, j->made).ns > JOB_LASTS.ns
	    || (j->kind == JOB_NEWER && ours && peer_seen(s, j->peer)->digest == ours)
	    || (!ours && (j->kind == JOB_LIST || j->kind == JOB_BUCKETS))) {
		end_job(s, j);
		return false;
	}
	if (j->kind == JOB_BUCKETS) {
		send_buckets(s, j);
		return true;
	}
	if (j->kind == JOB_LIST) {
		if (*lists == PUMP_LISTS)
			return false;
		(*lists)++;
		send_list(s, j);
		return true;
	}
	sent = send_records(s, j, &all);
	if (all)
		end_job(s, j);
	return sent;
}

void sync_pump(struct swim *s)
{
	unsigned sent = 0, lists = 0;

	if (!s->pumping || !instant_reached(s->pump_at, s->now) || !s->out)
		return;
	s->pump_at = instant_add(s->now, span_ms(PUMP_MS));
	if (!sync_budget_left(s))
		return;
	start_due_lists(s);
	/* One datagram a turn: who gets a few records can ask others for the rest. */
	for (unsigned idle = 0; idle < JOB_MAX && s->job_count && sent < PUMP_DATAGRAMS; idle++) {
		if (turn(s, &s->jobs[s->job_turn], &lists)) {
			sent++;
			idle = 0;
		}
		s->job_turn = (s->job_turn + 1) % JOB_MAX;
	}
}

/* --- in */

static bool may_give(struct swim *s, uint32_t to)
{
	return bucket_take(&peer_of(s, to)->answer_full, s->now,
			   (struct span){ 1000000000u / GIVE_PER_SECOND }, GIVE_BURST);
}

void sync_give(struct swim *s, uint32_t to, uint32_t slot)
{
	struct draft d;

	if (!scope_shares(s, to, slot))
		return;
	if (!may_give(s, to))
		return;
	draft_begin(s, &d, to, WIRE_ITEMS, 0, 0);
	draft_items(&d);
	if (d.ok && draft_record(s, &d, slot))
		draft_send(s, &d);
}

static void send_want(struct swim *s, uint32_t to, const uint64_t *ids, unsigned n)
{
	struct draft d;

	if (!n)
		return;
	draft_begin(s, &d, to, WIRE_WANT, 0, 0);
	wr_u8(&d.w, (uint8_t)n);
	for (unsigned i = 0; i < n; i++)
		wr_be64(&d.w, ids[i]);
	draft_items(&d);
	draft_send(s, &d);
}

void sync_ask(struct swim *s, uint32_t to, uint64_t id)
{
	if (may_give(s, to))
		send_want(s, to, &id, 1);
}

static bool keep_entries(struct job *j, const struct wire_message *m)
{
	if (!j)
		return false;
	for (unsigned i = 0; i < m->entries; i++)
		j->entry[i] = m->entry[i];
	j->entries = m->entries;
	return true;
}

/* No room for a job: it gets a datagram of what it lacks, each one another part, and meets others
 * there. What thousands told their seed alone leaves it once in this way. */
static void introduce(struct swim *s, uint32_t to, const struct wire_message *m)
{
	struct job j = { .kind = JOB_NEWER, .peer = to, .last = m->last };
	bool all;

	if (!sync_budget_left(s) || !may_give(s, to))
		return;
	keep_entries(&j, m);
	j.next = s->introduced;
	if (j.next < m->first || j.next > m->last)
		j.next = m->first;
	send_records(s, &j, &all);
	s->introduced = all ? 0 : j.next;
}

void sync_list(struct swim *s, uint32_t from, const struct wire_message *m)
{
	uint64_t want[WIRE_ENTRIES_MAX];
	unsigned wanted = 0;
	struct job *j = NULL;

	for (unsigned i = 0; i < m->entries; i++) {
		const struct wire_entry *e = &m->entry[i];
		uint32_t slot = member_find_id(s, e->id);

		if (slot == NONE)
			continue;
		if (e->sequence > slot_sequence(s, slot))
			want[wanted++] = e->id;
		else if (e->dead && e->sequence == slot_sequence(s, slot)
			 && records_said_dead(s, slot, from))
			want[wanted++] = e->id;
	}
	send_want(s, from, want, wanted);
	if (s->job_count <= JOBS_MANY || m->entries > s->records_held / 4)
		j = new_job(s, JOB_NEWER, from);
	if (!keep_entries(j, m)) {
		introduce(s, from, m);
		return;
	}
	j->next = m->first;
	j->last = m->last;
}

void sync_buckets(struct swim *s, uint32_t from, const struct wire_message *m)
{
	uint64_t mask[WIRE_BUCKETS_COUNT / 64] = { 0 }, any = 0, bucket[WIRE_BUCKETS_COUNT];
	struct job *j = NULL;

	if (!scope_digest(s, from))
		return;
	scope_buckets(s, from, bucket);
	for (unsigned i = 0; i < WIRE_BUCKETS_COUNT; i++)
		if (load_be32(m->buckets.data + i * WIRE_BUCKET) != (uint32_t)bucket[i])
			mask[i / 64] |= UINT64_C(1) << i % 64;
	for (unsigned i = 0; i < WIRE_BUCKETS_COUNT / 64; i++)
		any |= mask[i];
	/* Who lacks much is asked by many: two of them can tell it. */
	if (any && jobs_of(s, JOB_LIST) >= LISTS_FOR_OTHERS)
		s->counters.drop_rate++;
	else if (any)
		j = new_job(s, JOB_LIST, from);
	if (j)
		memcpy(j->mask, mask, sizeof(mask));
}

void sync_want(struct swim *s, uint32_t from, const struct wire_message *m)
{
	struct job *j = new_job(s, JOB_WANTED, from);

	if (!keep_entries(j, m))
		return;
	j->next = m->entry[0].id;
	j->last = m->entry[m->entries - 1].id;
}

void sync_forget(struct swim *s, uint32_t slot)
{
	sync_not_due(s, slot);
	for (struct job *j = s->jobs; j < s->jobs + JOB_MAX; j++)
		if (j->kind != JOB_NONE && j->peer == slot)
			end_job(s, j);
}
