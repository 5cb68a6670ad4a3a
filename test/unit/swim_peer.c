/* What is held of those that we talk with, in a mesh of more members than there is room for. */
#include "swim_world.h"

#include "swim/member.h"
#include "swim/peer.h"
#include "swim/scope.h"

#define MEMBERS 600u

static struct world w;
static struct swim *s;

/* It is found, and says whom it admits and that it has our record. */
static void speak(uint32_t from)
{
	uint8_t memory[CHANNEL_PAYLOAD_MAX];
	struct wire_header h = { .type = WIRE_ITEMS, .known = slot_sequence(s, s->cap),
				 .list = scope_tag(s, from, s->cap) };
	struct writer m = wr_of(memory, sizeof(memory));
	struct record r;

	w.nodes[from].body.sequence = 7;
	ok(record_sign(&w.nodes[from].body, &w.nodes[from].secret, &r));
	wire_put_header(&m, &h);
	wr_u8(&m, 1);
	wire_put_record(&m, bytes_of(r.wire, r.len));
	swim_reachable(s, from, true, world_time(&w));
	outbox_clear(&w.out);
	swim_input(s, world_time(&w), from, bytes_of(m.start, wr_len(&m)), &w.out);
	outbox_clear(&w.out);
}

static void everybody_speaks(void)
{
	world_init(&w, MEMBERS + 1, 3);
	w.no_paths = true;
	world_start(&w, MEMBERS, 500); /* its own slot is not admitted */
	s = w.nodes[MEMBERS].swim;
	for (uint32_t i = 0; i < MEMBERS; i++)
		speak(i);
}

static uint32_t acquainted(void)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->near_count; i++) {
		bool is = peer_seen(s, s->near[i])->list != 0;

		n += is;
		eq_int(is, i < s->acquainted);
	}
	return n;
}

static void the_peer_that_was_used_longest_ago_gives_way(void)
{
	everybody_speaks();
	eq_int(s->counters.alive, MEMBERS);
	eq_int(s->peer_pool.count, PEER_MAX);
	eq_int(acquainted(), PEER_MAX);
	for (uint32_t i = 0; i < MEMBERS; i++)
		eq_int(s->members[i].peer != 0, i >= MEMBERS - PEER_MAX);
	/* Who comes back takes the place of the next one, and all that is known of it is new. */
	speak(0);
	ok(s->members[0].peer && !s->members[MEMBERS - PEER_MAX].peer);
	ok(peer_seen(s, 0)->list == scope_tag(s, 0, s->cap));
	eq_int(acquainted(), PEER_MAX);
	eq_int(slot_sequence(s, MEMBERS - PEER_MAX), 7);
	for (uint32_t i = 0; i < MEMBERS; i++)
		swim_forget(s, i, world_time(&w));
	eq_int(s->peer_pool.count, 0);
	ok(list_empty(&s->peers_by_use));
	world_free(&w);
}

/* It wants the record of another. */
static void want(uint32_t from, uint32_t of)
{
	uint8_t memory[CHANNEL_PAYLOAD_MAX];
	struct wire_header h = { .type = WIRE_WANT, .known = slot_sequence(s, s->cap),
				 .list = scope_tag(s, from, s->cap) };
	struct writer m = wr_of(memory, sizeof(memory));

	wire_put_header(&m, &h);
	wr_u8(&m, 1);
	wr_be64(&m, slot_id(s, of));
	wr_u8(&m, 0);
	swim_input(s, world_time(&w), from, bytes_of(m.start, wr_len(&m)), &w.out);
}

/* While an answer to it waits for its turn, hundreds of others speak: we do not forget meanwhile
 * what it may be told. */
static void who_waits_for_an_answer_does_not_give_way(void)
{
	bool answered = false;

	everybody_speaks();
	want(MEMBERS - 2, 1);
	ok(s->job_count);
	for (uint32_t i = 0; i < MEMBERS - 2; i++)
		speak(i);
	ok(s->members[MEMBERS - 2].peer && !s->members[MEMBERS - 1].peer);
	w.now += 40 * MS;
	swim_tick(s, world_time(&w), &w.out);
	for (uint32_t i = 0; i < w.out.count; i++)
		answered |= w.out.items[i].slot == MEMBERS - 2
			    && w.out.items[i].len > member_record(s, 1)->len;
	ok(answered);
	eq_int(s->job_count, 0);
	eq_int(peer_seen(s, MEMBERS - 2)->jobs, 0);
	speak(MEMBERS - 1);
	for (uint32_t i = 0; i < MEMBERS - 2; i++)
		speak(i);
	ok(!s->members[MEMBERS - 2].peer);
	world_free(&w);
}

/* Whom we know how to talk with becomes few at once: that we did not want to greet anybody before
 * does not mean that we slept. */
static void who_has_to_greet_again_has_not_slept(void)
{
	everybody_speaks();
	while (w.now < 1010 * S) {
		w.now = swim_deadline(s).ns;
		for (uint32_t i = 0; i < MEMBERS; i += 7)
			swim_proof_of_life(s, i, world_time(&w));
		swim_tick(s, world_time(&w), &w.out);
		outbox_clear(&w.out);
	}
	eq_int(s->health, 0);
	ok(!s->greeting);
	for (uint32_t i = MEMBERS - 1; s->acquainted > 100; i--)
		swim_reachable(s, i, false, world_time(&w));
	ok(s->greeting);
	swim_proof_of_life(s, 0, world_time(&w));
	eq_int(s->health, 0);
	ok(!instant_is_set(s->no_verdict_before));
	world_free(&w);
}

TAP_TESTS(
	T(the_peer_that_was_used_longest_ago_gives_way),
	T(who_waits_for_an_answer_does_not_give_way),
	T(who_has_to_greet_again_has_not_slept))
