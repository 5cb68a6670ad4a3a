/* Partial trust: nobody hears of a key that he does not admit. Node 0 is real; what it says to
 * whom is read. Then whole meshes, in which everything that is sent is read. */
#include "swim_world.h"

#include "swim/member.h"
#include "swim/peer.h"
#include "swim/scope.h"

#define PEERS 10u
#define FOREIGN 0x1234567890abcdefu /* the tag of another list */

static struct world w;

static struct swim *room(void)
{
	return w.nodes[0].swim;
}

static uint64_t id_of(uint32_t i)
{
	return member_id(&w.nodes[i].key);
}

static void one_room(uint32_t n)
{
	world_init(&w, n, 31);
	w.no_paths = true;
	world_start(&w, 0, 500);
}

/* --- what a message says about whom */

static bool tells_of(const struct wire_message *m, uint32_t who)
{
	bool yes = m->h.type == WIRE_PING_REQ
		   && !memcmp(m->target.b, w.nodes[who].key.b, sizeof(m->target.b));

	for (unsigned i = 0; i < m->entries; i++)
		yes |= m->entry[i].id == id_of(who);
	for (unsigned i = 0; i < m->items; i++) {
		const struct wire_item *item = &m->item[i];
		struct record_claim claim;

		if (item->kind == WIRE_ITEM_ACCUSATION)
			yes |= item->accusation.subject == id_of(who)
			       || item->accusation.accuser == id_of(who);
		else if (record_decode(item->record, &claim))
			yes |= !memcmp(claim.body.key.b, w.nodes[who].key.b, 32);
	}
	return yes;
}

/* How many messages to that peer tell of this member; takes what is in the outbox. */
static unsigned told(uint32_t to, uint32_t of)
{
	struct wire_message m;
	unsigned n = 0;

	for (uint32_t i = 0; i < w.out.count; i++) {
		const struct out *o = &w.out.items[i];

		ok(wire_decode(bytes_of(o->data, o->len), &m));
		n += o->slot == to && tells_of(&m, of);
	}
	return n;
}

static bool sent(uint32_t to, uint8_t type, struct wire_message *m)
{
	for (uint32_t i = 0; i < w.out.count; i++) {
		const struct out *o = &w.out.items[i];

		if (o->slot == to && wire_decode(bytes_of(o->data, o->len), m)
		    && m->h.type == type)
			return true;
	}
	return false;
}

/* --- peers speak */

static void speak(uint32_t from, const struct writer *m)
{
	swim_input(room(), world_time(&w), from, bytes_of(m->start, wr_len(m)), &w.out);
}

static void record(uint32_t of, uint64_t list)
{
	uint8_t memory[CHANNEL_PAYLOAD_MAX];
	struct writer m = wr_of(memory, sizeof(memory));
	struct record r;

	w.nodes[of].body.sequence = 100;
	ok(record_sign(&w.nodes[of].body, &w.nodes[of].secret, &r));
	wire_put_header(&m, &(struct wire_header){ .type = WIRE_ITEMS, .known = 500,
						   .list = list });
	wr_u8(&m, 1);
	wire_put_record(&m, bytes_of(r.wire, r.len));
	speak(of, &m);
}

static void ping(uint32_t from, uint64_t list)
{
	uint8_t memory[64];
	struct writer m = wr_of(memory, sizeof(memory));

	wire_put_header(&m, &(struct wire_header){ .type = WIRE_PING, .id = 7, .known = 500,
						   .list = list });
	wr_u8(&m, 0);
	speak(from, &m);
}

static void want(uint32_t from, uint32_t of)
{
	uint8_t memory[64];
	struct writer m = wr_of(memory, sizeof(memory));

	wire_put_header(&m, &(struct wire_header){ .type = WIRE_WANT, .known = 500 });
	wr_u8(&m, 1);
	wr_be64(&m, id_of(of));
	wr_u8(&m, 0);
	speak(from, &m);
}

/* Fingerprints of these members, from that position of a list of so many. */
static void prints(uint32_t from, uint64_t list, uint32_t position, uint32_t total,
		   const uint32_t *of, uint8_t n)
{
	uint8_t memory[CHANNEL_PAYLOAD_MAX];
	struct writer m = wr_of(memory, sizeof(memory));

	wire_put_header(&m, &(struct wire_header){ .type = WIRE_SCOPE, .known = 500,
						   .list = list });
	wr_be32(&m, position);
	wr_be32(&m, total);
	wr_u8(&m, n);
	for (unsigned i = 0; i < n; i++)
		wr_be64(&m, scope_print(room(), from, room()->cap, id_of(of[i])));
	wr_u8(&m, 0);
	speak(from, &m);
}

/* All that node 0 says in two seconds, kept in the outbox. */
static void let_it_speak(void)
{
	for (unsigned i = 0; i < 100; i++) {
		w.now += 20 * MS;
		swim_tick(room(), world_time(&w), &w.out);
	}
}

/* --- one room */

/* 1 has our list, 2 has told nothing, 3 echoes our tag, 4 has another list. All hear of news. */
static void only_who_has_our_list_hears_everything(void)
{
	struct wire_message m;

	one_room(PEERS);
	for (uint32_t i = 1; i < 5; i++) {
		uint64_t list = i == 1 ? scope_tag(room(), 1, room()->cap)
				: i == 3 ? scope_tag(room(), room()->cap, 3)
				: i == 4 ? FOREIGN : 0;

		swim_reachable(room(), i, true, world_time(&w));
		record(i, list);
	}
	ok(sent(4, WIRE_SCOPE_ASK, &m) && m.position == 0);
	ok(sent(3, WIRE_SCOPE_ASK, &m));
	ok(!sent(1, WIRE_SCOPE_ASK, &m));
	ok(!sent(2, WIRE_SCOPE_ASK, &m));
	outbox_clear(&w.out);
	record(5, scope_tag(room(), 5, room()->cap));
	let_it_speak();
	ok(told(1, 5) > 0 && told(1, 2) > 0);
	for (uint32_t to = 2; to < 5; to++)
		for (uint32_t of = 1; of < PEERS; of++)
			if (of != to)
				eq_int(told(to, of), 0);
	/* Not when they ask for it, either. */
	outbox_clear(&w.out);
	for (uint32_t from = 1; from < 5; from++)
		want(from, 5);
	let_it_speak();
	ok(told(1, 5) > 0);
	eq_int(told(2, 5) + told(3, 5) + told(4, 5), 0);
	world_free(&w);
}

static void who_has_another_list_hears_of_what_is_in_both(void)
{
	static const uint32_t his[] = { 0, 4, 5, 6 };
	struct wire_message m;

	one_room(PEERS);
	swim_reachable(room(), 4, true, world_time(&w));
	record(4, FOREIGN);
	outbox_clear(&w.out);
	prints(4, FOREIGN, 0, 4, his, 4);
	record(5, 0);
	record(6, 0);
	record(7, 0);
	let_it_speak();
	ok(told(4, 5) > 0 && told(4, 6) > 0);
	eq_int(told(4, 7), 0);
	/* Four records: his, ours, 5, 6; the fifth does not count. */
	outbox_clear(&w.out);
	ping(4, FOREIGN);
	ok(sent(4, WIRE_ACK, &m) && m.h.count == 4 && m.h.digest);
	uint64_t digest = m.h.digest;
	/* What only we admit does not change what both see. */
	record(8, 0);
	outbox_clear(&w.out);
	ping(4, FOREIGN);
	ok(sent(4, WIRE_ACK, &m) && m.h.digest == digest && m.h.count == 4);
	/* Accusations by, and of, somebody else are not for him. */
	outbox_clear(&w.out);
	struct wire_header h = { .type = WIRE_ITEMS, .known = 500 };
	static const struct { uint32_t subject, accuser; bool his; } rows[] = {
		{ 5, 7, false }, { 7, 5, false }, { 5, 6, true },
	};
	for (unsigned i = 0; i < 3; i++) {
		uint8_t memory[256];
		struct writer x = wr_of(memory, sizeof(memory));
		struct accusation a = world_accusation(&w, rows[i].subject, 100, rows[i].accuser);

		outbox_clear(&w.out);
		wire_put_header(&x, &h);
		wr_u8(&x, 1);
		wire_put_accusation(&x, &a);
		speak(rows[i].accuser, &x);
		let_it_speak();
		unsigned accusations = 0;
		for (uint32_t k = 0; k < w.out.count; k++) {
			const struct out *o = &w.out.items[k];

			ok(wire_decode(bytes_of(o->data, o->len), &m));
			for (unsigned n = 0; o->slot == 4 && n < m.items; n++)
				accusations += m.item[n].kind == WIRE_ITEM_ACCUSATION
					&& m.item[n].accusation.accuser == id_of(rows[i].accuser);
		}
		ok(rows[i].his ? accusations > 0 : !accusations);
	}
	world_free(&w);
}

/* Parts come in order or not at all, of one list, and only when asked for. */
static void a_list_comes_in_parts(void)
{
	static const uint32_t his[] = { 0, 4, 5, 6 };
	struct wire_message m;

	one_room(PEERS);
	swim_reachable(room(), 4, true, world_time(&w));
	prints(5, FOREIGN, 0, 1, his + 2, 1); /* this message alone makes us ask */
	record(4, FOREIGN);
	record(5, FOREIGN);
	record(6, 0);
	ok(!scope_shares(room(), 4, 5));
	prints(4, FOREIGN, 2, 4, his + 2, 2);
	ok(!scope_shares(room(), 4, 5));
	prints(4, FOREIGN, 0, 4, his, 2);
	ok(!scope_shares(room(), 4, 5) && !scope_digest(room(), 4));
	prints(4, FOREIGN, 0, 4, his, 2);
	ok(!scope_digest(room(), 4));
	prints(4, FOREIGN, 2, 4, his + 2, 2);
	ok(scope_shares(room(), 4, 5) && scope_shares(room(), 4, 6) && !scope_shares(room(), 4, 7));
	ok(scope_digest(room(), 4) != 0);
	eq_int(scope_count(room(), 4), 4);
	/* Nobody asked again. */
	prints(4, FOREIGN, 0, 1, (const uint32_t[]){ 7 }, 1);
	ok(!scope_shares(room(), 4, 7));
	/* His list changes: until the new one comes, the old one holds; then it alone. */
	w.now += 10 * S;
	outbox_clear(&w.out);
	ping(4, FOREIGN + 1);
	ok(sent(4, WIRE_SCOPE_ASK, &m) && m.position == 0);
	eq_int(scope_digest(room(), 4), 0);
	prints(4, FOREIGN + 1, 0, 4, his, 2);
	prints(4, FOREIGN + 2, 2, 4, his + 2, 2); /* of a third one */
	ok(!scope_shares(room(), 4, 5));
	w.now += 60 * S;
	ping(4, FOREIGN + 1);
	prints(4, FOREIGN + 1, 0, 3, (const uint32_t[]){ 0, 4, 7 }, 3);
	ok(!scope_shares(room(), 4, 5) && scope_shares(room(), 4, 7));
	/* Ours changes: what both admit is found out anew. */
	swim_forget(room(), 9, world_time(&w));
	eq_int(scope_digest(room(), 4), 0);
	ok(scope_shares(room(), 4, 7));
	swim_forget(room(), 7, world_time(&w));
	ok(!scope_shares(room(), 4, 7));
	world_free(&w);
}

static void our_list_is_told_in_fingerprints(void)
{
	uint8_t memory[64];
	struct writer m = wr_of(memory, sizeof(memory));
	struct wire_message got;

	one_room(300);
	swim_reachable(room(), 4, true, world_time(&w));
	wire_put_header(&m, &(struct wire_header){ .type = WIRE_SCOPE_ASK, .known = 500,
						   .list = FOREIGN });
	wr_be32(&m, WIRE_PRINTS_MAX);
	wr_u8(&m, 0);
	speak(4, &m);
	unsigned parts = 0, known = 0;
	for (uint32_t i = 0; i < w.out.count; i++) {
		const struct out *o = &w.out.items[i];

		if (!wire_decode(bytes_of(o->data, o->len), &got) || got.h.type != WIRE_SCOPE)
			continue;
		parts++;
		eq_int(got.total, 300);
		for (uint32_t k = 0; k < 300; k++)
			for (size_t p = 0; p < got.prints.len; p += WIRE_PRINT)
				known += load_be64(got.prints.data + p)
					 == scope_print(room(), room()->cap, 4, id_of(k));
	}
	eq_int(parts, 2);
	eq_int(known, 300 - WIRE_PRINTS_MAX);
	/* As often as its rate allows. */
	outbox_clear(&w.out);
	uint64_t refused = swim_counters(room())->drop_rate;
	for (unsigned i = 0; i < 200; i++) {
		speak(4, &m);
		outbox_clear(&w.out);
	}
	ok(swim_counters(room())->drop_rate - refused >= 100);
	world_free(&w);
}

/* More peers with other lists than there is room for: the rest hear of themselves only. */
static void there_is_room_for_so_many_lists(void)
{
	enum { N = SCOPE_MAX + 40 };
	unsigned asked = 0;
	struct wire_message m;

	one_room(N);
	for (uint32_t i = 1; i < N; i++) {
		swim_reachable(room(), i, true, world_time(&w));
		outbox_clear(&w.out);
		ping(i, FOREIGN + i);
		asked += sent(i, WIRE_SCOPE_ASK, &m);
	}
	eq_int(asked, SCOPE_MAX);
	ok(!sent(N - 1, WIRE_SCOPE_ASK, &m));
	/* Places of who was not heard of for long are taken. */
	w.now += 120 * S;
	outbox_clear(&w.out);
	ping(N - 1, FOREIGN + N - 1);
	ok(sent(N - 1, WIRE_SCOPE_ASK, &m));
	world_free(&w);
}

/* --- whole meshes: who admits whom is drawn; node 0 and everybody admit each other. */

static bool trusts[64][64];
static unsigned leaks;

static bool reads(struct world *of, uint32_t from, uint32_t to, struct bytes message)
{
	struct wire_message m;

	(void)of;
	if (!wire_decode(message, &m)) {
		leaks++;
		return false;
	}
	for (uint32_t who = 0; who < w.n; who++)
		leaks += tells_of(&m, who) && who != from && who != to
			 && (!trusts[to][who] || !trusts[from][who]);
	return trusts[from][to] && trusts[to][from];
}

static void admit_as_drawn(uint32_t i)
{
	for (uint32_t k = 0; k < w.n; k++)
		if (k != i && !trusts[i][k])
			swim_forget(w.nodes[i].swim, k, world_time(&w));
}

/* Everybody knows whom he and some common friend admit: here node 0 is everybody's friend. */
static bool knows_all(const struct world *of)
{
	for (uint32_t i = 0; i < of->n; i++)
		for (uint32_t k = 0; k < of->n; k++)
			if (i != k && trusts[i][k] && of->nodes[k].up && of->nodes[i].up
			    && world_state(of, i, k) != SWIM_ALIVE)
				return false;
	return true;
}

static void mesh(uint32_t n, unsigned percent, uint64_t seed)
{
	world_init(&w, n, seed);
	leaks = 0;
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t k = 0; k < n; k++)
			trusts[i][k] = i == k || !i || !k || rng_below(&w.rng, 100) < percent;
	/* One-sided trust does not make a path: both or none. */
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t k = 0; k < i; k++)
			trusts[i][k] = trusts[k][i];
	w.watch = reads;
	w.no_paths = true;
	for (uint32_t i = 0; i < n; i++) {
		world_start(&w, i, 1000);
		admit_as_drawn(i);
	}
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t k = 0; k < i; k++)
			if (trusts[i][k])
				world_path(&w, i, k, rng_below(&w.rng, 100 * MS));
	uint64_t time = world_until(&w, knows_all, 20 * S);
	ok(time != UINT64_MAX);
	world_run(&w, 60 * S);
	eq_int(world_deaths(&w), 0);
	/* News reach all whom they concern. */
	world_sign(&w, 1, 2000, 0);
	world_flush(&w, 1);
	world_run(&w, 15 * S);
	for (uint32_t i = 0; i < n; i++)
		if (i != 1 && trusts[i][1])
			eq_int(world_sequence(&w, i, 1), 2000);
	world_kill(&w, 2);
	world_run(&w, 30 * S);
	for (uint32_t i = 0; i < n; i++)
		if (i != 2 && trusts[i][2])
			eq_int(world_state(&w, i, 2), SWIM_DEAD);
	eq_int(leaks, 0);
	uint64_t bytes = 0;
	for (uint32_t i = 0; i < n; i++)
		bytes -= w.nodes[i].bytes;
	world_run(&w, 60 * S);
	for (uint32_t i = 0; i < n; i++)
		bytes += w.nodes[i].bytes;
	printf("# %u nodes, %u %% admit each other: all know after %.2f s; idle %.0f B/s\n",
	       n, percent, (double)time / 1e9, (double)bytes / 60 / n);
	world_free(&w);
}

static void in_a_mesh_nobody_hears_of_whom_he_does_not_admit(void)
{
	mesh(12, 50, 1);
	mesh(30, 50, 2);
	mesh(40, 80, 3);
	mesh(50, 20, 4);
}

/* --- our list changes */

/* All but the last, whose key it is about, know the list that node 0 has now. */
static bool the_list_is_known(const struct world *world)
{
	const struct swim *s = world->nodes[0].swim;

	for (uint32_t i = 1; i + 1 < world->n; i++)
		if (peer_seen(world->nodes[i].swim, 0)->list != scope_tag(s, s->cap, i))
			return false;
	return true;
}

static void a_key_more_or_less_is_known_to_those_near_within_a_fifth_of_a_second(void)
{
	for (uint32_t n = 4; n <= 17; n += 13) {
		uint64_t revoked, admitted;

		world_init(&w, n, n);
		world_join_all(&w);
		ok(world_until(&w, world_full, 20 * S) != UINT64_MAX);
		world_run(&w, 20 * S);
		ok(the_list_is_known(&w));
		swim_forget(room(), n - 1, world_time(&w));
		world_flush(&w, 0);
		w.nodes[n - 1].group = 1;
		revoked = world_until(&w, the_list_is_known, 20 * S);
		swim_admit(room(), n - 1, &w.nodes[n - 1].key, world_time(&w));
		world_flush(&w, 0);
		admitted = world_until(&w, the_list_is_known, 20 * S);
		printf("# N = %u: a revoked key is known after %ju ms, an admitted one after "
		       "%ju ms\n", n, (uintmax_t)(revoked / MS), (uintmax_t)(admitted / MS));
		ok(revoked <= S / 5);
		ok(admitted <= 6 * S / 5); /* the second change within a second */
		world_free(&w);
	}
}

static unsigned news;

static bool count_news(struct world *world, uint32_t from, uint32_t to, struct bytes message)
{
	struct wire_message m;

	(void)world;
	(void)to;
	ok(wire_decode(message, &m));
	news += from == 0 && m.h.type == WIRE_PING && m.h.id == 0;
	return true;
}

/* A store of two hundred keys that come one by one, and a flood of changes. */
static void changes_of_our_list_make_us_ask_sixteen_a_second_at_most(void)
{
	world_init(&w, 60, 7);
	w.cap = 260;
	world_join_all(&w);
	ok(world_until(&w, world_full, 20 * S) != UINT64_MAX);
	world_run(&w, 60 * S);
	w.watch = count_news;
	news = 0;
	world_run(&w, 10 * S);
	eq_int(news, 0);
	for (uint32_t i = 0; i < 200; i++) {
		struct public_key key = { { 1, (uint8_t)i, 7 } };

		swim_admit(room(), 60 + i, &key, world_time(&w));
	}
	world_flush(&w, 0);
	world_run(&w, 10 * S);
	eq_int(news, 16);
	news = 0;
	for (uint32_t i = 0; i < 200; i++) {
		swim_forget(room(), 60 + i, world_time(&w));
		world_flush(&w, 0);
		world_run(&w, 50 * MS);
	}
	ok(news >= 9 * 16 && news <= 11 * 16);
	world_free(&w);
}

TAP_TESTS(T(only_who_has_our_list_hears_everything),
	  T(who_has_another_list_hears_of_what_is_in_both),
	  T(a_list_comes_in_parts),
	  T(our_list_is_told_in_fingerprints),
	  T(there_is_room_for_so_many_lists),
	  T(a_key_more_or_less_is_known_to_those_near_within_a_fifth_of_a_second),
	  T(changes_of_our_list_make_us_ask_sixteen_a_second_at_most),
	  T(in_a_mesh_nobody_hears_of_whom_he_does_not_admit))
