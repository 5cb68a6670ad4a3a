/* One room and what it makes of what it is told: the table of states, bounds, and sums against a
 * naive twin. */
#include "swim_world.h"

#include "swim/member.h"
#include "swim/scope.h"
#include "swim/suspicion.h"

#define PEERS 8u

static struct world w;

/* Node 0 is real; the others speak only as the test lets them. */
static void one_room(void)
{
	world_init(&w, PEERS, 11);
	w.no_paths = true;
	world_start(&w, 0, 500);
}

/* All have the same list. */
static uint64_t list_of(uint32_t from)
{
	return scope_tag(w.nodes[0].swim, from, w.nodes[0].swim->cap);
}

static struct writer begin(uint8_t *memory, const struct wire_header *h)
{
	struct writer m = wr_of(memory, CHANNEL_PAYLOAD_MAX);

	wire_put_header(&m, h);
	return m;
}

/* To the room; what it answers stays in w.out until the next call. */
static void speak(uint32_t from, const struct writer *m)
{
	outbox_clear(&w.out);
	swim_input(w.nodes[0].swim, world_time(&w), from, bytes_of(m->start, wr_len(m)), &w.out);
}

static struct record record_of(uint32_t i, uint64_t sequence, uint16_t flags)
{
	struct record r;

	w.nodes[i].body.sequence = sequence;
	w.nodes[i].body.flags = flags;
	ok(record_sign(&w.nodes[i].body, &w.nodes[i].secret, &r));
	return r;
}

static void give(uint32_t from, const struct record *r)
{
	uint8_t memory[CHANNEL_PAYLOAD_MAX];
	struct wire_header h = { .type = WIRE_ITEMS, .known = w.nodes[0].body.sequence,
				 .list = list_of(from) };
	struct writer m = begin(memory, &h);

	wr_u8(&m, 1);
	wire_put_record(&m, bytes_of(r->wire, r->len));
	speak(from, &m);
}

static void accuse(uint32_t from, uint32_t subject, uint64_t sequence, uint32_t accuser)
{
	uint8_t memory[CHANNEL_PAYLOAD_MAX];
	struct wire_header h = { .type = WIRE_ITEMS, .known = w.nodes[0].body.sequence,
				 .list = list_of(from) };
	struct accusation a = world_accusation(&w, subject, sequence, accuser);
	struct writer m = begin(memory, &h);

	wr_u8(&m, 1);
	wire_put_accusation(&m, &a);
	speak(from, &m);
}

static const struct swim_counters *counters(void)
{
	return swim_counters(w.nodes[0].swim);
}

/* The first message of this type to that member in the outbox; decoded. */
static bool sent(uint32_t to, uint8_t type, struct wire_message *m)
{
	for (uint32_t i = 0; i < w.out.count; i++)
		if (w.out.items[i].slot == to && w.out.items[i].data[0] == type) {
			ok(wire_decode(bytes_of(w.out.items[i].data, w.out.items[i].len), m));
			return true;
		}
	return false;
}

static bool accuses(const struct wire_message *m, uint32_t i)
{
	for (unsigned k = 0; k < m->items; k++)
		if (m->item[k].kind == WIRE_ITEM_ACCUSATION
		    && m->item[k].accusation.subject == member_id(&w.nodes[i].key)
		    && m->item[k].accusation.sequence == w.nodes[i].body.sequence)
			return true;
	return false;
}

static void a_key_that_is_admitted_is_unknown_until_its_record_comes(void)
{
	struct swim_info info;
	struct record r;

	one_room();
	swim_info(w.nodes[0].swim, 1, &info);
	eq_int(info.state, SWIM_UNKNOWN);
	eq_int(info.sequence, 0);
	ok(!info.record);
	swim_proof_of_life(w.nodes[0].swim, 1, world_time(&w));
	eq_int(world_state(&w, 0, 1), SWIM_UNKNOWN);
	eq_int(counters()->alive, 0);
	r = record_of(1, 7, 0);
	give(2, &r); /* by another one */
	swim_info(w.nodes[0].swim, 1, &info);
	eq_int(info.state, SWIM_ALIVE);
	eq_int(info.sequence, 7);
	eq_mem(info.record->wire, r.wire, r.len);
	eq_int(counters()->alive, 1);
	ok(instant_since(world_time(&w), info.last_heard).ns < TICK_NS);
	swim_info(w.nodes[0].swim, 3, &info);
	ok(!instant_is_set(info.last_heard));
	world_free(&w);
}

static void who_is_not_admitted_is_not_listened_to(void)
{
	struct record r;

	one_room();
	r = record_of(1, 7, 0);
	swim_forget(w.nodes[0].swim, 2, world_time(&w));
	give(2, &r);
	eq_int(counters()->drop_not_admitted, 1);
	eq_int(counters()->records_received, 0);
	swim_forget(w.nodes[0].swim, 1, world_time(&w));
	give(3, &r);
	eq_int(counters()->drop_not_admitted, 2);
	eq_int(counters()->alive, 0);
	world_free(&w);
}

static void a_malformed_message_is_counted_and_changes_nothing(void)
{
	uint8_t memory[CHANNEL_PAYLOAD_MAX];
	struct wire_header h = { .type = WIRE_PING };
	struct record r;
	struct writer m;

	one_room();
	r = record_of(1, 7, 0);
	m = begin(memory, &h);
	wr_u8(&m, 255);
	wire_put_record(&m, bytes_of(r.wire, r.len));
	speak(1, &m);
	eq_int(counters()->drop_malformed, 1);
	eq_int(counters()->records_received, 0);
	eq_int(world_state(&w, 0, 1), SWIM_UNKNOWN);
	eq_int(w.out.count, 0);
	world_free(&w);
}

static void a_bad_signature_is_counted_and_changes_nothing(void)
{
	struct record r;

	one_room();
	r = record_of(1, 7, 0);
	r.wire[r.len - 1] ^= 1;
	give(1, &r);
	eq_int(counters()->drop_signature, 1);
	eq_int(world_state(&w, 0, 1), SWIM_UNKNOWN);
	world_free(&w);
}

struct state_row {
	enum swim_state before;
	int64_t step;           /* new sequence minus the stored one */
	uint16_t flags;
	enum swim_state after;
};

static void bring_to(enum swim_state state)
{
	struct record r = record_of(1, 100, state == SWIM_LEFT ? RECORD_LEAVING : 0);

	give(2, &r);
	if (state == SWIM_DEAD || state == SWIM_SUSPECT) {
		/* The last other one, and it does not answer. */
		world_run(&w, state == SWIM_DEAD ? 20 * S : 2 * S);
	}
	eq_int(world_state(&w, 0, 1), state);
}

static void only_a_higher_sequence_changes_a_state_by_hearsay(void)
{
	static const struct state_row rows[] = {
		{ SWIM_ALIVE, -1, 0, SWIM_ALIVE },     { SWIM_ALIVE, 0, 0, SWIM_ALIVE },
		{ SWIM_ALIVE, 1, 0, SWIM_ALIVE },
		{ SWIM_ALIVE, -1, RECORD_LEAVING, SWIM_ALIVE },
		{ SWIM_ALIVE, 1, RECORD_LEAVING, SWIM_LEFT },
		{ SWIM_SUSPECT, -1, 0, SWIM_SUSPECT }, { SWIM_SUSPECT, 0, 0, SWIM_SUSPECT },
		{ SWIM_SUSPECT, 1, 0, SWIM_ALIVE },
		{ SWIM_SUSPECT, 1, RECORD_LEAVING, SWIM_LEFT },
		{ SWIM_DEAD, -1, 0, SWIM_DEAD },       { SWIM_DEAD, 0, 0, SWIM_DEAD },
		{ SWIM_DEAD, 1, 0, SWIM_ALIVE },       { SWIM_DEAD, 1, RECORD_LEAVING, SWIM_LEFT },
		{ SWIM_LEFT, -1, 0, SWIM_LEFT },       { SWIM_LEFT, 1, 0, SWIM_ALIVE },
		{ SWIM_LEFT, 1, RECORD_LEAVING, SWIM_LEFT },
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct swim_info info;
		struct record r;

		one_room();
		bring_to(rows[i].before);
		r = record_of(1, (uint64_t)(100 + rows[i].step), rows[i].flags);
		give(2, &r);
		if (world_state(&w, 0, 1) != rows[i].after)
			TAP_FAIL("row %u: state %d", i, world_state(&w, 0, 1));
		swim_info(w.nodes[0].swim, 1, &info);
		eq_int(info.sequence, 100 + (rows[i].step > 0 ? rows[i].step : 0));
		eq_int(counters()->alive,
		       rows[i].after == SWIM_ALIVE || rows[i].after == SWIM_SUSPECT);
		world_free(&w);
	}
}

static void a_dead_member_that_is_heard_lives_and_is_told_of_its_death(void)
{
	uint8_t memory[CHANNEL_PAYLOAD_MAX];
	struct wire_message m;

	one_room();
	bring_to(SWIM_DEAD);
	swim_reachable(w.nodes[0].swim, 1, true, world_time(&w));
	swim_proof_of_life(w.nodes[0].swim, 1, world_time(&w));
	eq_int(world_state(&w, 0, 1), SWIM_ALIVE);
	outbox_clear(&w.out);
	swim_tick(w.nodes[0].swim, world_time(&w), &w.out);
	ok(sent(1, WIRE_PING, &m));
	ok(m.items >= 1);
	ok(accuses(&m, 1));
	/* As soon as we know whom it admits we tell it the rest. */
	struct wire_header h = { .type = WIRE_ACK, .known = 500, .list = list_of(1) };
	struct writer ack = begin(memory, &h);
	wr_u8(&ack, 0);
	speak(1, &ack);
	w.now += S / 10;
	swim_tick(w.nodes[0].swim, world_time(&w), &w.out);
	ok(sent(1, WIRE_LIST, &m));
	world_free(&w);
}

static void a_left_member_that_is_heard_has_still_left(void)
{
	one_room();
	bring_to(SWIM_LEFT);
	swim_proof_of_life(w.nodes[0].swim, 1, world_time(&w));
	eq_int(world_state(&w, 0, 1), SWIM_LEFT);
	eq_int(counters()->alive, 0);
	world_free(&w);
}

static void the_highest_sequence_means_that_the_key_is_dead(void)
{
	struct record r;

	one_room();
	r = record_of(1, RECORD_SEQUENCE_DEAD, 0);
	give(2, &r);
	eq_int(world_state(&w, 0, 1), SWIM_LEFT);
	r = record_of(1, RECORD_SEQUENCE_DEAD - 1, 0);
	give(2, &r);
	eq_int(world_state(&w, 0, 1), SWIM_LEFT);
	world_free(&w);
}

static void an_old_record_is_answered_with_the_newer_one(void)
{
	struct wire_message m;
	struct record r, old;

	one_room();
	old = record_of(1, 7, 0);
	r = record_of(1, 8, 0);
	give(1, &r);
	give(2, &old);
	eq_int(counters()->drop_stale, 1);
	ok(sent(2, WIRE_ITEMS, &m));
	eq_int(m.items, 1);
	eq_int(m.item[0].record.len, r.len);
	eq_mem(m.item[0].record.data, r.wire, r.len);
	/* Not for ever. */
	unsigned answers = 0;
	for (unsigned i = 0; i < 1000; i++) {
		give(2, &old);
		answers += sent(2, WIRE_ITEMS, &m);
	}
	ok(answers >= 10 && answers <= 64);
	world_free(&w);
}

static void an_accusation_of_an_old_sequence_is_answered_with_the_record(void)
{
	struct wire_message m;
	struct record r;

	one_room();
	r = record_of(1, 8, 0);
	give(1, &r);
	accuse(2, 1, 7, 3);
	ok(sent(2, WIRE_ITEMS, &m));
	eq_int(world_state(&w, 0, 1), SWIM_ALIVE);
	/* Of a sequence that we do not know: the record is asked for. */
	accuse(2, 1, 9, 3);
	ok(sent(2, WIRE_WANT, &m));
	eq_int(m.entries, 1);
	ok(m.entry[0].id == member_id(&w.nodes[1].key));
	world_free(&w);
}

static void an_accusation_only_makes_us_look(void)
{
	uint8_t memory[CHANNEL_PAYLOAD_MAX];
	struct wire_message m;
	struct record r;

	one_room();
	for (uint32_t i = 1; i < 6; i++) {
		r = record_of(i, 8, 0);
		give(i, &r);
		swim_reachable(w.nodes[0].swim, i, true, world_time(&w));
		give(i, &r); /* on this path it says whom it admits */
	}
	outbox_clear(&w.out);
	swim_tick(w.nodes[0].swim, world_time(&w), &w.out);
	for (uint32_t i = 2; i < 6; i++)
		accuse(i, 1, 8, i);
	eq_int(world_state(&w, 0, 1), SWIM_ALIVE);
	outbox_clear(&w.out);
	swim_tick(w.nodes[0].swim, world_time(&w), &w.out);
	ok(sent(1, WIRE_PING, &m));
	/* The ping tells the accused; its answer ends the matter. */
	ok(m.items > 0);
	struct wire_header h = { .type = WIRE_ACK, .id = m.h.id, .known = 500 };
	struct writer ack = begin(memory, &h);
	wr_u8(&ack, 0);
	speak(1, &ack);
	eq_int(world_state(&w, 0, 1), SWIM_ALIVE);
	eq_int(counters()->suspicions, 0);
	world_free(&w);
}

static void when_we_are_accused_a_higher_record_is_asked_for_within_limits(void)
{
	uint64_t before;

	one_room();
	before = w.nodes[0].body.sequence;
	accuse(1, 0, before, 2);
	world_flush(&w, 0);
	eq_int(w.nodes[0].body.sequence, before + 1);
	accuse(1, 0, before, 2); /* of the old one */
	world_flush(&w, 0);
	eq_int(w.nodes[0].body.sequence, before + 1);
	for (unsigned i = 0; i < 600; i++) {
		accuse(1, 0, w.nodes[0].body.sequence, 2);
		world_flush(&w, 0);
		world_run(&w, S / 10);
	}
	ok(w.nodes[0].body.sequence - before >= 10);
	ok(w.nodes[0].body.sequence - before <= 4 + 60 / 5 + 1);
	world_free(&w);
}

static void a_higher_record_of_ours_makes_us_jump_above_it(void)
{
	struct record r, mine;

	one_room();
	mine = record_of(0, 700, 0);
	w.nodes[0].body.sequence = 500;
	r = mine;
	r.wire[r.len - 1] ^= 1;
	give(1, &r);
	world_flush(&w, 0);
	eq_int(w.nodes[0].body.sequence, 500);
	give(1, &mine);
	world_flush(&w, 0);
	eq_int(w.nodes[0].body.sequence, 701);
	world_free(&w);
}

static void two_records_of_one_sequence_are_told_once_and_the_smaller_is_kept(void)
{
	struct swim_info info, other;
	struct record a, b;

	one_room();
	a = record_of(1, 8, 0);
	w.nodes[1].body.candidates[0].port = 99;
	b = record_of(1, 8, 0);
	give(1, &a);
	world_flush(&w, 0);
	for (unsigned i = 0; i < 5; i++) {
		give(2, &b);
		world_flush(&w, 0);
		give(3, &a);
		world_flush(&w, 0);
	}
	eq_int(w.nodes[0].conflicts, 1);
	eq_int(swim_counters(w.nodes[0].swim)->conflicts, 1);
	swim_info(w.nodes[0].swim, 1, &info);
	eq_int(info.conflict, info.sequence);
	swim_info(w.nodes[0].swim, 2, &other);
	eq_int(other.conflict, 0);
	const struct record *smaller = memcmp(a.wire, b.wire, MAX_RECORD) < 0 ? &a : &b;
	eq_mem(info.record->wire, smaller->wire, MAX_RECORD);
	world_free(&w);
}

static void what_is_wanted_and_not_there_is_not_answered(void)
{
	uint8_t memory[CHANNEL_PAYLOAD_MAX];
	struct wire_header h = { .type = WIRE_WANT, .known = 500 };
	struct writer m;

	one_room();
	m = begin(memory, &h);
	wr_u8(&m, 2);
	wr_be64(&m, 1);
	wr_be64(&m, 2);
	wr_u8(&m, 0);
	speak(1, &m);
	eq_int(w.out.count, 0);
	/* Nor a list that has all that we have. */
	h.type = WIRE_LIST;
	m = begin(memory, &h);
	wr_be64(&m, 0);
	wr_be64(&m, UINT64_MAX);
	wr_u8(&m, 1);
	wire_put_entry(&m, &(struct wire_entry){ member_id(&w.nodes[0].key), 500, false });
	wr_u8(&m, 0);
	speak(1, &m);
	eq_int(w.out.count, 0);
	world_free(&w);
}

static void a_flood_of_lists_is_bounded(void)
{
	uint8_t memory[CHANNEL_PAYLOAD_MAX];
	struct wire_header h = { .type = WIRE_LIST, .known = 500 };
	struct writer m;
	uint64_t bytes = 0;
	struct record r;

	one_room();
	for (uint32_t i = 1; i < PEERS; i++) {
		r = record_of(i, 8, 0);
		give(1, &r);
	}
	m = begin(memory, &h);
	wr_be64(&m, 0);
	wr_be64(&m, UINT64_MAX);
	wr_u8(&m, 0);
	wr_u8(&m, 0);
	for (unsigned i = 0; i < 100000; i++) { /* ten seconds */
		speak(1, &m);
		for (uint32_t k = 0; k < w.out.count; k++)
			bytes += w.out.items[k].len;
		w.now += S / 10000;
	}
	printf("# %ju bytes a second\n", (uintmax_t)(bytes / 10));
	ok(bytes <= 2 * 1024 * 1024 + 11 * 32768 + 8 * 1200);
	ok(counters()->drop_rate > 0);
	/* What was asked for long ago is not sent any more: it has come from others by now. */
	ok(w.nodes[0].swim->job_count > 0);
	w.now += 6 * S;
	outbox_clear(&w.out);
	swim_tick(w.nodes[0].swim, world_time(&w), &w.out);
	for (uint32_t k = 0; k < w.out.count; k++)
		ok(w.out.items[k].data[0] != WIRE_ITEMS);
	eq_int(w.nodes[0].swim->job_count, 0);
	world_free(&w);
}

static void forgetting_leaves_nothing_behind(void)
{
	struct swim *s;
	struct swim_fact f;
	uint64_t digest;
	struct record r;

	one_room();
	s = w.nodes[0].swim;
	while (swim_next_fact(s, &f))
		;
	digest = s->digest;
	for (uint32_t i = 1; i < PEERS; i++) {
		swim_reachable(s, i, true, world_time(&w));
		r = record_of(i, 50 + i, i == 3 ? RECORD_LEAVING : 0);
		give(1, &r);
	}
	accuse(2, 1, 51, 4);
	world_run(&w, S);
	for (uint32_t i = 1; i < PEERS; i++)
		swim_forget(s, i, world_time(&w));
	ok(!swim_next_fact(s, &f));
	ok(s->digest == digest);
	eq_int(s->records_held, 1);
	eq_int(s->known, 1);
	eq_int(s->near_count, 0);
	eq_int(s->strangers, 0);
	eq_int(s->lists_due, 0);
	eq_int(s->job_count, 0);
	eq_int(s->probe_count, 0);
	eq_int(s->errand_count, 0);
	eq_int(s->suspicion_pool.count, 0);
	ok(s->queue_pool.count <= 1); /* our own */
	eq_int(counters()->alive, 0);
	ok(swim_deadline(s).ns == UINT64_MAX);
	/* The slot is somebody else's now. */
	swim_admit(s, 1, &w.nodes[5].key, world_time(&w));
	eq_int(world_state(&w, 0, 1), SWIM_UNKNOWN);
	world_free(&w);
}

/* Members 1..n live and have paths; they answer nothing. */
static void silent_members(uint32_t n)
{
	for (uint32_t i = 1; i <= n; i++) {
		struct record r = record_of(i, 8, 0);

		give(i, &r);
		swim_reachable(w.nodes[0].swim, i, true, world_time(&w));
	}
}

static void when_nobody_answers_at_all_nobody_is_accused(void)
{
	uint64_t pings;

	one_room();
	silent_members(3);
	w.now += 1;
	world_run(&w, 10 * S);
	eq_int(counters()->suspicions, 0);
	for (uint32_t i = 1; i <= 3; i++)
		eq_int(world_state(&w, 0, i), SWIM_ALIVE);
	/* And we ask less and less often. */
	pings = counters()->pings;
	world_run(&w, 10 * S);
	ok(counters()->pings - pings <= 24);
	/* A single other one is suspected all the same. */
	world_free(&w);
	one_room();
	silent_members(1);
	world_run(&w, 2 * S);
	eq_int(world_state(&w, 0, 1), SWIM_SUSPECT);
	world_free(&w);
}

static void no_verdict_is_taken_after_we_are_cut_off(void)
{
	struct swim_info info;

	one_room();
	silent_members(3);
	for (unsigned i = 0; i < 100; i++) { /* only 1 is silent */
		world_run(&w, S / 10);
		swim_proof_of_life(w.nodes[0].swim, 2, world_time(&w));
		swim_proof_of_life(w.nodes[0].swim, 3, world_time(&w));
		swim_info(w.nodes[0].swim, 1, &info);
		if (info.state == SWIM_SUSPECT)
			break;
	}
	eq_int(info.state, SWIM_SUSPECT);
	uint64_t digest = w.nodes[0].swim->digest;
	world_run(&w, 25 * S);
	eq_int(world_state(&w, 0, 1), SWIM_SUSPECT);
	world_run(&w, 10 * S); /* all are lost, which we do not tell */
	eq_int(world_state(&w, 0, 1), SWIM_DEAD);
	eq_int(world_state(&w, 0, 3), SWIM_DEAD);
	eq_int(counters()->deaths, 0);
	ok(w.nodes[0].swim->digest == digest);
	world_free(&w);
}

static void list_one(uint32_t from, uint32_t about, uint64_t sequence, bool dead)
{
	uint8_t memory[CHANNEL_PAYLOAD_MAX];
	struct wire_header h = { .type = WIRE_LIST, .known = w.nodes[0].body.sequence };
	uint64_t id = member_id(&w.nodes[about].key);
	struct writer m = begin(memory, &h);

	wr_be64(&m, id);
	wr_be64(&m, id);
	wr_u8(&m, 1);
	wire_put_entry(&m, &(struct wire_entry){ id, sequence, dead });
	wr_u8(&m, 0);
	speak(from, &m);
}

static void lists_with_another_verdict_lead_to_a_refutation(void)
{
	struct wire_message m;
	uint64_t alive;

	one_room();
	silent_members(3);
	list_one(2, 1, 8, true); /* dead there, alive here: it is asked, and told */
	outbox_clear(&w.out);
	swim_tick(w.nodes[0].swim, world_time(&w), &w.out);
	ok(sent(1, WIRE_PING, &m));
	ok(accuses(&m, 1));
	list_one(2, 0, 500, true); /* and so are we */
	world_flush(&w, 0);
	eq_int(w.nodes[0].body.sequence, 501);
	world_free(&w);

	one_room(); /* dead here, alive there: the other side is told */
	bring_to(SWIM_ALIVE);
	alive = w.nodes[0].swim->digest;
	world_run(&w, 20 * S);
	eq_int(world_state(&w, 0, 1), SWIM_DEAD);
	ok(w.nodes[0].swim->digest != alive);
	list_one(2, 1, 100, false);
	ok(sent(2, WIRE_ITEMS, &m));
	ok(accuses(&m, 1));
	list_one(2, 1, 100, true);
	ok(!sent(2, WIRE_ITEMS, &m));
	world_free(&w);
}

static void a_forgotten_accuser_and_pending_facts_are_gone(void)
{
	struct swim_fact f;
	struct record r;
	struct swim *s;

	one_room();
	s = w.nodes[0].swim;
	silent_members(4);
	accuse(2, 1, 8, 2);
	accuse(3, 1, 8, 3);
	eq_int(s->suspicions[s->members[1].suspicion - 1].accusers, 2);
	swim_forget(s, 2, world_time(&w));
	eq_int(s->suspicions[s->members[1].suspicion - 1].accusers, 1);
	eq_int(s->suspicions[s->members[1].suspicion - 1].accuser[0], 3);
	eq_int(suspicion_by(s, 1), NONE);
	while (swim_next_fact(s, &f))
		;
	for (uint32_t i = 3; i <= 5; i++) {
		r = record_of(i, 9, 0);
		give(1, &r);
	}
	swim_forget(s, 4, world_time(&w)); /* the middle one */
	ok(swim_next_fact(s, &f) && f.slot == 3);
	while (swim_next_fact(s, &f))
		ok(f.slot == 3 || f.slot == 5);
	swim_admit(s, 4, &w.nodes[4].key, world_time(&w));
	ok(!swim_next_fact(s, &f));
	world_free(&w);
}

/* Sums that the table keeps by differences, computed afresh. */
static void check_sums(const struct swim *s)
{
	uint32_t records = 0, alive = 0, near = 0, strangers = 0, used = 0;

	for (uint32_t i = 0; i <= s->cap; i++) {
		const struct member *m = &s->members[i];

		used += m->used;
		records += slot_sequence(s, i) != 0;
		alive += i < s->cap && member_lives(m);
		near += m->near != 0;
		strangers += m->stranger;
		if (m->near)
			eq_int(s->near[m->near - 1], i);
		if (m->used && i < s->cap)
			eq_int(m->near != 0, m->reachable && m->state != SWIM_DEAD
					     && m->state != SWIM_LEFT);
		if (m->used)
			eq_int(member_find(s, &slot_identity(s, i)->key), i);
		else
			eq_int(m->near != 0, 0);
	}
	eq_int(s->known, used);
	eq_int(s->records_held, records);
	eq_int(s->counters.alive, alive);
	eq_int(s->near_count, near);
	eq_int(s->strangers, strangers);
	for (uint32_t i = 1; i < s->known; i++)
		ok(slot_id(s, s->by_id[i - 1]) <= slot_id(s, s->by_id[i]));
}

static void the_sums_of_the_table_equal_a_count_at_any_time(void)
{
	struct swim *s;
	bool used[PEERS] = { 0 };

	one_room();
	s = w.nodes[0].swim;
	for (uint32_t i = 1; i < PEERS; i++)
		used[i] = true;
	for (unsigned step = 0; step < 5000; step++) {
		uint32_t i = 1 + (uint32_t)rng_below(&w.rng, PEERS - 1);
		struct record r;

		switch (rng_below(&w.rng, 8)) {
		case 0:
			if (used[i])
				swim_forget(s, i, world_time(&w));
			else
				swim_admit(s, i, &w.nodes[i].key, world_time(&w));
			used[i] = !used[i];
			break;
		case 1:
		case 2:
			r = record_of(i, 1 + step + rng_below(&w.rng, 3),
				      rng_below(&w.rng, 4) ? 0 : RECORD_LEAVING);
			give(1 + (uint32_t)rng_below(&w.rng, PEERS - 1), &r);
			break;
		case 3:
		case 4:
			if (used[i])
				swim_reachable(s, i, rng_below(&w.rng, 2), world_time(&w));
			break;
		case 5:
			accuse(1 + (uint32_t)rng_below(&w.rng, PEERS - 1), i,
			       slot_sequence(s, i), 1 + (uint32_t)rng_below(&w.rng, PEERS - 1));
			break;
		case 6:
			if (used[i])
				swim_proof_of_life(s, i, world_time(&w));
			break;
		default:
			world_flush(&w, 0);
			world_run(&w, rng_below(&w.rng, 3 * S));
			break;
		}
		check_sums(s);
		if (tap_bad)
			break;
	}
	world_free(&w);
}

static void a_table_of_16384_is_filled_and_emptied(void)
{
	const uint32_t cap = 16384;
	struct swim_config config = { .members = cap, .seed = 1 };
	struct outbox out;
	struct out items[160];
	static uint8_t arena[160 * 2048];
	uint8_t *memory = calloc(1, swim_size(cap));
	struct instant now = { S };
	struct public_key key = { { 0 } };
	struct swim *s;

	test_crypto();
	outbox_init(&out, items, 160, arena, sizeof(arena));
	s = swim_init(memory, &config, now);
	for (uint32_t i = 0; i < cap; i++) {
		store_be32(key.b + 28, i + 1);
		swim_admit(s, i, &key, now);
	}
	eq_int(s->known, cap + 1);
	for (uint32_t i = 0; i < cap; i++)
		swim_reachable(s, i, true, now);
	swim_tick(s, now, &out);
	eq_int(out.refused, 0);
	for (uint32_t i = 0; i < cap; i++)
		swim_forget(s, i, now);
	eq_int(s->known, 1);
	eq_int(s->near_count, 0);
	printf("# %zu bytes a member\n", (swim_size(cap) - swim_size(1)) / (cap - 1));
	free(memory);
}

TAP_TESTS(
	T(a_key_that_is_admitted_is_unknown_until_its_record_comes),
	T(who_is_not_admitted_is_not_listened_to),
	T(a_malformed_message_is_counted_and_changes_nothing),
	T(a_bad_signature_is_counted_and_changes_nothing),
	T(only_a_higher_sequence_changes_a_state_by_hearsay),
	T(a_dead_member_that_is_heard_lives_and_is_told_of_its_death),
	T(a_left_member_that_is_heard_has_still_left),
	T(the_highest_sequence_means_that_the_key_is_dead),
	T(an_old_record_is_answered_with_the_newer_one),
	T(an_accusation_of_an_old_sequence_is_answered_with_the_record),
	T(an_accusation_only_makes_us_look),
	T(when_we_are_accused_a_higher_record_is_asked_for_within_limits),
	T(a_higher_record_of_ours_makes_us_jump_above_it),
	T(two_records_of_one_sequence_are_told_once_and_the_smaller_is_kept),
	T(what_is_wanted_and_not_there_is_not_answered),
	T(a_flood_of_lists_is_bounded),
	T(forgetting_leaves_nothing_behind),
	T(when_nobody_answers_at_all_nobody_is_accused),
	T(no_verdict_is_taken_after_we_are_cut_off),
	T(lists_with_another_verdict_lead_to_a_refutation),
	T(a_forgotten_accuser_and_pending_facts_are_gone),
	T(the_sums_of_the_table_equal_a_count_at_any_time),
	T(a_table_of_16384_is_filled_and_emptied))
