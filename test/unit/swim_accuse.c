/* Accusations: who may make them, how many it takes, and what a liar gets out of his. */
#include "swim_world.h"

#include "swim/accuse.h"
#include "swim/member.h"
#include "swim/peer.h"
#include "swim/rings.h"
#include "swim/scope.h"

#include <stdlib.h>

#define MANY 60u

static struct world w;

static struct swim *room(void)
{
	return w.nodes[0].swim;
}

/* All have the same list. */
static uint64_t list_of(uint32_t from)
{
	return scope_tag(room(), from, room()->cap);
}

/* Node 0 is real and knows the records of all others, who speak only as the test lets them. */
static void one_room_of_many(void)
{
	world_init(&w, MANY, 21);
	w.no_paths = true;
	world_start(&w, 0, 500);
	for (uint32_t i = 1; i < MANY; i++) {
		uint8_t memory[CHANNEL_PAYLOAD_MAX];
		struct writer m = wr_of(memory, sizeof(memory));
		struct record r;

		w.nodes[i].body.sequence = 100;
		ok(record_sign(&w.nodes[i].body, &w.nodes[i].secret, &r));
		wire_put_header(&m, &(struct wire_header){ .type = WIRE_ITEMS, .known = 500,
							    .list = list_of(i) });
		wr_u8(&m, 1);
		wire_put_record(&m, bytes_of(r.wire, r.len));
		swim_input(room(), world_time(&w), i, bytes_of(memory, wr_len(&m)), &w.out);
		swim_reachable(room(), i, true, world_time(&w));
		outbox_clear(&w.out);
	}
	world_flush(&w, 0);
	eq_int(swim_counters(room())->alive, MANY - 1);
}

static void say(uint32_t from, const struct accusation *a)
{
	uint8_t memory[CHANNEL_PAYLOAD_MAX];
	struct writer m = wr_of(memory, sizeof(memory));

	wire_put_header(&m, &(struct wire_header){ .type = WIRE_ITEMS, .known = 500,
						    .list = list_of(from) });
	wr_u8(&m, 1);
	wire_put_accusation(&m, a);
	outbox_clear(&w.out);
	swim_input(room(), world_time(&w), from, bytes_of(memory, wr_len(&m)), &w.out);
}

static void accuse(uint32_t from, uint32_t subject, uint32_t accuser)
{
	uint64_t sequence = w.nodes[subject].body.sequence;
	struct accusation a = world_accusation(&w, subject, sequence, accuser);

	say(from, &a);
}

/* Somebody whom the room does not watch, and who may accuse him. */
static uint32_t unwatched(uint32_t *watchers, unsigned *n)
{
	for (uint32_t subject = 1; subject < MANY; subject++) {
		if (rings_rank(room(), 0, subject, WATCHERS)
		    || rings_rank(room(), w.cap, subject, WATCHERS))
			continue;
		*n = 0;
		for (uint32_t i = 1; i < MANY; i++)
			if (i != subject && accuse_admissible(room(), i, subject))
				watchers[(*n)++] = i;
		return subject;
	}
	return 0;
}

static unsigned accusers_of(uint32_t subject)
{
	uint32_t at = room()->members[subject].suspicion;

	return at ? room()->suspicions[at - 1].accusers : 0;
}

/* The others live, the subject is silent. */
static void wait(uint32_t subject, uint64_t time)
{
	for (uint64_t t = 0; t < time; t += S / 10) {
		world_run(&w, S / 10);
		for (uint32_t i = 1; i < MANY; i++)
			if (i != subject)
				swim_proof_of_life(room(), i, world_time(&w));
	}
}

static void only_the_signature_of_the_accuser_counts(void)
{
	uint32_t watchers[MANY];
	struct accusation a;
	unsigned n;

	one_room_of_many();
	uint32_t subject = unwatched(watchers, &n);

	ok(subject && n >= 8);
	a = world_accusation(&w, subject, 100, watchers[0]);
	a.accuser = member_id(&w.nodes[watchers[1]].key); /* signed by another one */
	say(3, &a);
	a = world_accusation(&w, subject, 99, watchers[0]);
	a.sequence = 100; /* of another record */
	say(3, &a);
	a = world_accusation(&w, subject, 100, watchers[0]);
	a.signature.b[40] ^= 1;
	say(3, &a);
	eq_int(swim_counters(room())->drop_signature, 3);
	eq_int(accusers_of(subject), 0);
	accuse(3, subject, watchers[0]); /* whoever brings it */
	accuse(4, subject, watchers[0]); /* and once only */
	eq_int(accusers_of(subject), 1);
	world_free(&w);
}

static void who_does_not_watch_a_member_cannot_accuse_it(void)
{
	unsigned heard = 0;

	one_room_of_many();
	for (uint32_t subject = 1; subject < MANY; subject++) {
		unsigned admissible = 0;

		for (uint32_t i = 1; i < MANY; i++)
			admissible += i != subject && accuse_admissible(room(), i, subject);
		ok(admissible >= ACCUSERS && admissible <= RINGS * WATCHERS);
	}
	/* One liar about all. */
	for (uint32_t subject = 1; subject < MANY; subject++) {
		if (subject == 7)
			continue;
		accuse(7, subject, 7);
		heard += room()->members[subject].suspicion != 0;
	}
	printf("# of %u others one can accuse %u\n", MANY - 2, heard);
	ok(heard > 0 && heard <= RINGS * WATCHERS);
	world_free(&w);
}

/* The member tells its list: it admits all but one. */
static void tell_list(uint32_t from, uint32_t all_but)
{
	uint8_t memory[CHANNEL_PAYLOAD_MAX];

	for (unsigned part = 0; part < 2; part++) {
		struct writer m = wr_of(memory, sizeof(memory));

		wire_put_header(&m, &(struct wire_header){ .type = part ? WIRE_SCOPE : WIRE_ITEMS,
							    .known = 500, .list = 4711 });
		if (part) {
			wr_be32(&m, 0);
			wr_be32(&m, MANY - 1);
			wr_u8(&m, MANY - 1);
			for (uint32_t i = 0; i < MANY; i++)
				if (i != all_but)
					wr_be64(&m, scope_print(room(), from, room()->cap,
								member_id(&w.nodes[i].key)));
		}
		wr_u8(&m, 0);
		swim_input(room(), world_time(&w), from, bytes_of(memory, wr_len(&m)), &w.out);
		outbox_clear(&w.out);
	}
	ok(scope_lacks(room(), from, all_but));
}

/* He has no path to it, and it does not hear him. Who comes next watches in his place. */
static void whom_a_member_does_not_admit_cannot_accuse_it(void)
{
	uint32_t watchers[MANY];
	unsigned n, after = 0;

	one_room_of_many();
	uint32_t subject = unwatched(watchers, &n);

	tell_list(subject, watchers[0]);
	ok(!accuse_admissible(room(), watchers[0], subject));
	for (uint32_t i = 1; i < MANY; i++)
		after += i != subject && accuse_admissible(room(), i, subject);
	ok(after >= n);
	accuse(3, subject, watchers[0]);
	eq_int(accusers_of(subject), 0);
	accuse(3, subject, watchers[1]);
	eq_int(accusers_of(subject), 1);
	world_free(&w);
}

static void three_accusers_convict_nobody_and_four_a_silent_one(void)
{
	uint32_t watchers[MANY];
	unsigned n;

	for (unsigned count = 1; count <= 4; count++) {
		one_room_of_many();
		uint32_t subject = unwatched(watchers, &n);

		for (unsigned i = 0; i < count; i++)
			accuse(3, subject, watchers[i]);
		eq_int(accusers_of(subject), count);
		wait(subject, 3 * S / 2);
		eq_int(world_state(&w, 0, subject), SWIM_ALIVE); /* there is time to refute */
		wait(subject, S);
		eq_int(world_state(&w, 0, subject), count == 4 ? SWIM_DEAD : SWIM_ALIVE);
		wait(subject, 20 * S);
		eq_int(world_state(&w, 0, subject), count == 4 ? SWIM_DEAD : SWIM_ALIVE);
		world_free(&w);
	}
}

static void a_sign_of_life_acquits(void)
{
	uint32_t watchers[MANY];
	unsigned n;

	one_room_of_many();
	uint32_t subject = unwatched(watchers, &n);

	for (unsigned i = 0; i < 4; i++)
		accuse(3, subject, watchers[i]);
	wait(subject, S);
	swim_proof_of_life(room(), subject, world_time(&w));
	wait(subject, 10 * S);
	eq_int(world_state(&w, 0, subject), SWIM_ALIVE);
	/* Who is wrong again and again is not listened to. */
	for (unsigned k = 0; k < 20; k++) {
		accuse(3, subject, watchers[0]);
		wait(subject, 2 * S);
		swim_proof_of_life(room(), subject, world_time(&w));
	}
	accuse(3, subject, watchers[0]);
	eq_int(accusers_of(subject), 0);
	accuse(3, subject, watchers[5]);
	eq_int(accusers_of(subject), 1);
	accuse(3, subject, watchers[0]);
	eq_int(accusers_of(subject), 1);
	/* But whom two others confirm: it may watch somebody who lies to it. */
	accuse(3, subject, watchers[6]);
	accuse(3, subject, watchers[0]);
	eq_int(accusers_of(subject), 3);
	accuse(3, subject, watchers[7]);
	wait(subject, 5 * S / 2);
	eq_int(world_state(&w, 0, subject), SWIM_DEAD);
	world_free(&w);
}

/* Four are enough, but not for who may be the one that is cut off. */
static void who_hears_nobody_convicts_nobody(void)
{
	uint32_t watchers[MANY];
	unsigned n;

	one_room_of_many();
	uint32_t subject = unwatched(watchers, &n);

	for (unsigned i = 0; i < 4; i++)
		accuse(3, subject, watchers[i]);
	eq_int(accusers_of(subject), 4);
	world_run(&w, 8 * S);
	eq_int(swim_counters(room())->deaths, 0);
	world_free(&w);
}

/* Forty at once and one a second, even of somebody who was right so often that it is believed. */
static unsigned heeded(uint32_t subject, uint32_t accuser, unsigned times)
{
	unsigned heard = 0;

	for (unsigned i = 0; i < times; i++) {
		accuse(3, subject, accuser);
		heard += accusers_of(subject);
		swim_proof_of_life(room(), subject, world_time(&w));
		eq_int(accusers_of(subject), 0);
	}
	return heard;
}

static void one_accuser_is_heeded_once_a_second(void)
{
	uint32_t watchers[MANY];
	struct peer *p;
	unsigned n;

	one_room_of_many();
	uint32_t subject = unwatched(watchers, &n);

	p = peer_of(room(), watchers[0]);
	p->was_right = UINT8_MAX;
	p->credit_since = world_time(&w);
	eq_int(heeded(subject, watchers[0], 60), 40);
	wait(subject, 10 * S);
	eq_int(heeded(subject, watchers[0], 60), 10);
	eq_int(heeded(subject, watchers[1], 1), 1); /* others are heard all the same */
	world_free(&w);
}

/* Somebody who may not accuse the subject while all live. */
static uint32_t too_far(uint32_t subject)
{
	for (uint32_t i = 1; i < MANY; i++)
		if (i != subject && !accuse_admissible(room(), i, subject))
			return i;
	return 0;
}

static void who_is_dead_or_suspected_does_not_stand_between(void)
{
	static const enum swim_state states[] = { SWIM_SUSPECT, SWIM_DEAD };

	for (unsigned k = 0; k < 2; k++) {
		uint32_t watchers[MANY];
		unsigned n;

		one_room_of_many();
		uint32_t subject = unwatched(watchers, &n);
		uint32_t next = too_far(subject);

		ok(subject && next);
		/* So few that it does not become a small mesh, in which all watch all. */
		for (unsigned i = 0; i < n; i++)
			member_set_state(room(), watchers[i], states[k]);
		ok(!accuse_small(room()));
		accuse(3, subject, next);
		ok(accuse_admissible(room(), next, subject));
		eq_int(accusers_of(subject), 1);
		world_free(&w);
	}
}

/* Else each lie would make room for the next. */
static void who_is_accused_by_one_alone_stands_in_his_way(void)
{
	uint32_t watchers[MANY];
	unsigned n, rank = 0;

	one_room_of_many();
	uint32_t subject = unwatched(watchers, &n), last = watchers[0];

	for (unsigned i = 0; i < n; i++) {
		unsigned r = rings_rank(room(), watchers[i], subject, WATCHERS);

		last = r > rank ? watchers[i] : last;
		rank = r > rank ? r : rank;
	}
	eq_int(rank, WATCHERS);
	for (unsigned i = 0; i < n; i++)
		if (watchers[i] != last)
			accuse(3, watchers[i], last);
	eq_int(rings_rank(room(), last, subject, WATCHERS), WATCHERS);
	world_free(&w);
}

static void the_proof_of_a_verdict_is_given_to_who_asks(void)
{
	uint8_t memory[CHANNEL_PAYLOAD_MAX];
	struct writer m = wr_of(memory, sizeof(memory));
	uint32_t watchers[MANY];
	struct wire_message got;
	unsigned n, accusations = 0;

	one_room_of_many();
	uint32_t subject = unwatched(watchers, &n);

	for (unsigned i = 0; i < 4; i++)
		accuse(3, subject, watchers[i]);
	wait(subject, 5 * S);
	eq_int(world_state(&w, 0, subject), SWIM_DEAD);
	wire_put_header(&m, &(struct wire_header){ .type = WIRE_WANT, .known = 500,
					    .list = list_of(4) });
	wr_u8(&m, 1);
	wr_be64(&m, member_id(&w.nodes[subject].key));
	wr_u8(&m, 0);
	outbox_clear(&w.out);
	swim_input(room(), world_time(&w), 4, bytes_of(memory, wr_len(&m)), &w.out);
	for (uint32_t i = 0; i < w.out.count; i++) {
		const struct out *o = &w.out.items[i];

		if (o->slot != 4 || !wire_decode(bytes_of(o->data, o->len), &got))
			continue;
		for (unsigned k = 0; k < got.items; k++)
			accusations += got.item[k].kind == WIRE_ITEM_ACCUSATION;
	}
	eq_int(accusations, 4);
	world_free(&w);
}

/* --- whole meshes */

static uint32_t liar, dead_one;

/* The liar says of the dead one that it answered him. */
static bool vouch(struct world *of, uint32_t from, uint32_t to, struct bytes message)
{
	uint8_t memory[64];
	struct writer m = wr_of(memory, sizeof(memory));
	struct wire_message asked;

	if (to != liar || !wire_decode(message, &asked) || asked.h.type != WIRE_PING_REQ
	    || memcmp(asked.target.b, of->nodes[dead_one].key.b, 32) != 0)
		return true;
	struct world_event e = { .at = of->now + MS, .kind = WORLD_MESSAGE, .from = liar };

	wire_put_header(&m, &(struct wire_header){ .type = WIRE_FORWARDED, .id = asked.h.id,
						   .known = of->nodes[from].body.sequence });
	wr_u8(&m, 0);
	e.to = from;
	e.run = of->nodes[from].run;
	e.len = (uint16_t)wr_len(&m);
	e.data = malloc(e.len);
	memcpy(e.data, memory, e.len);
	world_push(of, e);
	return false;
}

static void a_helper_that_lies_does_not_keep_a_dead_member_alive(void)
{
	world_init(&w, 10, 5);
	world_join_all(&w);
	ok(world_until(&w, world_full, 20 * S) != UINT64_MAX);
	world_run(&w, 10 * S);
	liar = 9;
	dead_one = 4;
	w.watch = vouch;
	world_kill(&w, dead_one);
	world_run(&w, 15 * S);
	for (uint32_t i = 0; i < 9; i++)
		if (i != dead_one)
			eq_int(world_state(&w, i, dead_one), SWIM_DEAD);
	eq_int(world_deaths(&w), 9);
	world_free(&w);
}

static uint32_t one, other;

static bool not_directly(struct world *of, uint32_t from, uint32_t to, struct bytes message)
{
	(void)of;
	(void)message;
	return !(from == one && to == other) && !(from == other && to == one);
}

static void whom_helpers_reach_is_not_even_suspected(void)
{
	world_init(&w, 10, 5);
	world_join_all(&w);
	ok(world_until(&w, world_full, 20 * S) != UINT64_MAX);
	world_run(&w, 10 * S);
	one = 2;
	other = 6;
	w.watch = not_directly;
	world_run(&w, 60 * S);
	eq_int(swim_counters(w.nodes[one].swim)->suspicions, 0);
	eq_int(swim_counters(w.nodes[other].swim)->suspicions, 0);
	ok(w.nodes[one].doubted > 0);
	eq_int(w.nodes[other].body.sequence, 1000);
	world_free(&w);
}

/* Forty lies to everybody about everybody, in five minutes. */
static void one_insider(uint64_t seed, uint32_t n)
{
	static bool accused[256];
	unsigned hurt = 0;

	memset(accused, 0, sizeof(accused));
	world_init(&w, n, seed);
	world_join_all(&w);
	ok(world_until(&w, world_full, 20 * S) != UINT64_MAX);
	world_run(&w, 5 * S);
	liar = (uint32_t)rng_below(&w.rng, n);
	for (unsigned lie = 0; lie < 40; lie++) {
		for (uint32_t subject = 0; subject < n; subject++) {
			uint8_t memory[CHANNEL_PAYLOAD_MAX];
			struct writer m = wr_of(memory, sizeof(memory));
			struct accusation a;
			uint32_t to = (uint32_t)rng_below(&w.rng, n);

			if (subject == liar || to == liar || to == subject)
				continue;
			a = world_accusation(&w, subject, w.nodes[subject].body.sequence, liar);
			wire_put_header(&m, &(struct wire_header){
				.type = WIRE_ITEMS, .known = w.nodes[to].body.sequence });
			wr_u8(&m, 1);
			wire_put_accusation(&m, &a);
			swim_input(w.nodes[to].swim, world_time(&w), liar,
				   bytes_of(memory, wr_len(&m)), &w.out);
			world_flush(&w, to);
			accused[subject] |= w.nodes[to].swim->members[subject].suspicion != 0;
		}
		world_run(&w, 15 * S / 2);
	}
	for (uint32_t i = 0; i < n; i++)
		hurt += accused[i];
	world_run(&w, 10 * S);
	eq_int(world_deaths(&w), 0);
	ok(world_full(&w));
	ok(hurt <= 16);
	printf("# N = %u, seed %ju: %u of all accused\n", n, (uintmax_t)seed, hurt);
	world_free(&w);
}

static void one_insider_hurts_sixteen_and_evicts_nobody(void)
{
	unsigned seeds = getenv("SWIM_LARGE") ? 20 : 3;

	for (uint64_t seed = 1; seed <= seeds; seed++)
		one_insider(seed, 128);
}

TAP_TESTS(
	T(only_the_signature_of_the_accuser_counts),
	T(who_does_not_watch_a_member_cannot_accuse_it),
	T(whom_a_member_does_not_admit_cannot_accuse_it),
	T(three_accusers_convict_nobody_and_four_a_silent_one),
	T(a_sign_of_life_acquits),
	T(who_hears_nobody_convicts_nobody),
	T(one_accuser_is_heeded_once_a_second),
	T(who_is_dead_or_suspected_does_not_stand_between),
	T(who_is_accused_by_one_alone_stands_in_his_way),
	T(the_proof_of_a_verdict_is_given_to_who_asks),
	T(a_helper_that_lies_does_not_keep_a_dead_member_alive),
	T(whom_helpers_reach_is_not_even_suspected),
	T(one_insider_hurts_sixteen_and_evicts_nobody))
