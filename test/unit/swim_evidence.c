/* What may change what is held of a member, after any time: only its own signature, and only
 * upwards. */
#include "swim_world.h"

#include "swim/member.h"
#include "swim/scope.h"

#define PEERS 5u
#define WEEK (7 * 86400 * S)

static struct world w;

static uint64_t list_of(uint32_t from)
{
	return scope_tag(w.nodes[0].swim, from, w.nodes[0].swim->cap);
}

/* To node 0, after its header; what it answers stays in w.out until the next call. */
static void speak(uint32_t from, const struct writer *m)
{
	outbox_clear(&w.out);
	swim_input(w.nodes[0].swim, world_time(&w), from, bytes_of(m->start, wr_len(m)), &w.out);
}

static struct record record_of(uint32_t i, uint64_t sequence, uint16_t flags)
{
	struct record_body body = w.nodes[i].body;
	struct record r;

	body.sequence = sequence;
	body.flags = flags;
	ok(record_sign(&body, &w.nodes[i].secret, &r));
	return r;
}

static struct wire_header header_of(uint32_t from, uint8_t type)
{
	return (struct wire_header){ .type = type, .known = w.nodes[0].body.sequence,
				     .list = list_of(from) };
}

static void give(uint32_t from, const struct record *r)
{
	uint8_t memory[CHANNEL_PAYLOAD_MAX];
	struct wire_header h = header_of(from, WIRE_ITEMS);
	struct writer m = wr_of(memory, sizeof(memory));

	wire_put_header(&m, &h);
	wr_u8(&m, 1);
	wire_put_record(&m, bytes_of(r->wire, r->len));
	speak(from, &m);
}

static void accuse(uint32_t from, uint32_t subject, uint64_t sequence, uint32_t accuser)
{
	uint8_t memory[CHANNEL_PAYLOAD_MAX];
	struct wire_header h = header_of(from, WIRE_ITEMS);
	struct accusation a = world_accusation(&w, subject, sequence, accuser);
	struct writer m = wr_of(memory, sizeof(memory));

	wire_put_header(&m, &h);
	wr_u8(&m, 1);
	wire_put_accusation(&m, &a);
	speak(from, &m);
}

/* "I hold that sequence of it", and whether it is dead. */
static void list(uint32_t from, uint32_t subject, uint64_t sequence, bool dead)
{
	uint8_t memory[CHANNEL_PAYLOAD_MAX];
	struct wire_header h = header_of(from, WIRE_LIST);
	struct wire_entry e = { member_id(&w.nodes[subject].key), sequence, dead };
	struct writer m = wr_of(memory, sizeof(memory));

	wire_put_header(&m, &h);
	wr_be64(&m, 0);
	wr_be64(&m, UINT64_MAX);
	wr_u8(&m, 1);
	wire_put_entry(&m, &e);
	wr_u8(&m, 0);
	speak(from, &m);
}

static void say(uint32_t from, uint8_t type, uint64_t known, uint32_t count, uint64_t digest)
{
	uint8_t memory[CHANNEL_PAYLOAD_MAX];
	struct wire_header h = header_of(from, type);
	struct writer m = wr_of(memory, sizeof(memory));

	h.known = known;
	h.count = count;
	h.digest = digest;
	wire_put_header(&m, &h);
	wr_u8(&m, 0);
	speak(from, &m);
}

/* Whether node 0 has sent that record to it with this call. */
static bool answered(uint32_t to, const struct record *r)
{
	struct wire_message m;

	for (uint32_t i = 0; i < w.out.count; i++) {
		const struct out *o = &w.out.items[i];

		if (o->slot != to || !wire_decode(bytes_of(o->data, o->len), &m))
			continue;
		for (unsigned k = 0; k < m.items; k++)
			if (m.item[k].kind == WIRE_ITEM_RECORD && m.item[k].record.len == r->len
			    && !memcmp(m.item[k].record.data, r->wire, r->len))
				return true;
	}
	return false;
}

static bool gone(const struct world *world)
{
	for (uint32_t i = 0; i < 3; i++)
		if (world_state(world, i, 3) != SWIM_DEAD || world_state(world, i, 4) != SWIM_LEFT)
			return false;
	return true;
}

/* Of five, 3 was killed and 4 has left; each has said something after its first record. */
static struct record first[PEERS], last[PEERS];

static void mourn(void)
{
	world_init(&w, PEERS, 31);
	w.profile = SWIM_METERED;
	world_join_all(&w);
	ok(world_until(&w, world_full, 60 * S) != UINT64_MAX);
	for (uint32_t i = 3; i < PEERS; i++) {
		first[i] = record_of(i, w.nodes[i].body.sequence, 0);
		world_sign(&w, i, w.nodes[i].body.sequence + 1, 0);
		world_run(&w, S);
	}
	world_sign(&w, 4, w.nodes[4].body.sequence + 1, RECORD_LEAVING);
	swim_leave(w.nodes[4].swim, world_time(&w), &w.out);
	world_flush(&w, 4);
	world_run(&w, S);
	world_kill(&w, 4);
	world_kill(&w, 3);
	for (uint32_t i = 3; i < PEERS; i++)
		last[i] = record_of(i, w.nodes[i].body.sequence, w.nodes[i].body.flags);
	ok(world_until(&w, gone, 120 * S) != UINT64_MAX);
}

static void weeks_later_an_old_record_does_not_revive(void)
{
	mourn();
	for (unsigned weeks = 1; weeks <= 3; weeks++) {
		world_run(&w, WEEK);
		ok(gone(&w));
		for (uint32_t i = 3; i < PEERS; i++) {
			uint64_t stale = swim_counters(w.nodes[0].swim)->drop_stale;

			give(1, &first[i]);
			ok(answered(1, &last[i]));
			eq_int(swim_counters(w.nodes[0].swim)->drop_stale, stale + 1);
			give(1, &last[i]);
			eq_int(world_sequence(&w, 0, i), last[i].body.sequence);
			world_flush(&w, 0);
			world_run(&w, 60 * S);
		}
		ok(gone(&w));
	}
	for (uint32_t i = 3; i < PEERS; i++) {
		struct record newer = record_of(i, last[i].body.sequence + 1, 0);

		give(1, &newer);
		eq_int(world_state(&w, 0, i), SWIM_ALIVE);
		eq_int(world_sequence(&w, 0, i), newer.body.sequence);
	}
	world_free(&w);
}

/* Tables are lost with a process; the others give it what it has to know. */
static void a_member_that_starts_anew_learns_who_is_gone(void)
{
	mourn();
	world_run(&w, WEEK);
	world_kill(&w, 0);
	world_run(&w, 600 * S);
	world_start(&w, 0, w.nodes[0].body.sequence + 1);
	world_path(&w, 0, 1, MS);
	ok(world_until(&w, gone, 300 * S) != UINT64_MAX);
	give(1, &first[3]);
	eq_int(world_state(&w, 0, 3), SWIM_DEAD);
	eq_int(world_sequence(&w, 0, 3), last[3].body.sequence);
	world_free(&w);
}

/* The smaller of two records of one sequence is kept, but it is no news of its subject's life. */
static void a_second_record_of_one_sequence_does_not_revive(void)
{
	mourn();
	for (uint32_t i = 3; i < PEERS; i++) {
		struct record other;

		do { /* whose bytes are smaller */
			w.nodes[i].body.candidates[0].port--;
			other = record_of(i, last[i].body.sequence, 0);
		} while (memcmp(other.wire, last[i].wire, MAX_RECORD) > 0);
		give(1, &other);
		eq_mem(member_record(w.nodes[0].swim, i)->wire, other.wire, other.len);
		eq_int(world_state(&w, 0, i), i == 3 ? SWIM_DEAD : SWIM_LEFT);
	}
	world_free(&w);
}

/* All that says a sequence without the subject's signature, below, at and far above what is
 * held. */
static void the_stored_sequence_is_monotone_for_every_evidence(void)
{
	static const int64_t steps[] = { -999, -1, 0, 1, 1 << 20 };
	uint32_t living = 2;

	mourn();
	for (unsigned i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		const uint32_t subjects[] = { living, 3, 4 };

		for (unsigned k = 0; k < 3; k++) {
			uint32_t subject = subjects[k];
			uint64_t held = world_sequence(&w, 0, subject);
			uint64_t own = w.nodes[0].body.sequence;
			uint64_t said = held + (uint64_t)steps[i];
			enum swim_state state = world_state(&w, 0, subject);
			struct record forged = record_of(subject, said, 0);
			struct record fresh = record_of(subject, held, 0);

			accuse(1, subject, said, 1);
			list(1, subject, said, false);
			list(1, subject, said, true);
			/* signed by another, and with a number that was not signed */
			forged.wire[forged.len - 1] ^= 1;
			give(1, &forged);
			store_be64(fresh.wire + 35, said);
			if (steps[i])
				give(1, &fresh);
			for (uint8_t type = WIRE_PING; type <= WIRE_ACK; type++)
				say(1, type, own + (uint64_t)steps[i], 4 + (uint32_t)steps[i],
				    said * 31);
			accuse(1, 0, own + (uint64_t)steps[i], 1);
			eq_int(world_sequence(&w, 0, subject), held);
			eq_int(slot_sequence(w.nodes[0].swim, w.nodes[0].swim->cap), own);
			ok(world_state(&w, 0, subject) == state
			   || (subject == living && world_state(&w, 0, subject) == SWIM_SUSPECT));
			outbox_clear(&w.out);
			world_run(&w, 60 * S); /* own number rises, when it is accused of it */
			ok(w.nodes[0].body.sequence >= own);
			ok(w.nodes[0].body.sequence <= own + 8);
			if (subject == living) /* it has refuted */
				held = w.nodes[living].body.sequence;
			eq_int(world_sequence(&w, 0, subject), held);
		}
	}
	/* A signature of the subject, over a higher number, raises it; nothing lowers it then. */
	for (uint32_t i = 2; i < PEERS; i++) {
		struct record r = record_of(i, 1 << 21, 0);

		give(1, &r);
		eq_int(world_sequence(&w, 0, i), 1 << 21);
		r = record_of(i, (1 << 21) - 1, 0);
		give(1, &r);
		eq_int(world_sequence(&w, 0, i), 1 << 21);
	}
	world_free(&w);
}

TAP_TESTS(T(weeks_later_an_old_record_does_not_revive),
	  T(a_member_that_starts_anew_learns_who_is_gone),
	  T(a_second_record_of_one_sequence_does_not_revive),
	  T(the_stored_sequence_is_monotone_for_every_evidence))
