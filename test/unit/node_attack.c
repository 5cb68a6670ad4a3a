/* Whole nodes against strangers, replays, peers that lie, and packets of this host. */
#define MEMBERS 1024
#include "node_world.h"

#include "node/node_impl.h"
#include "node_actor.h"

static void two_nodes(void)
{
	world(false);
	start_pair();
	run_ms(3000);
	ok(passes(0, 1, false, 300));
	ok(passes(1, 0, false, 300));
}

/* Keys of nobody, besides those of the machines. */
static void trust_many(struct machine *m, unsigned whom, unsigned first, unsigned count)
{
	event(m, &(struct node_event){ .kind = NODE_TRUST_BEGIN });
	for (unsigned i = 0; i < count; i++) {
		struct node_event e = { .kind = NODE_TRUST_KEY, .name = "nobody" };
		uint8_t bytes[32] = { 0xAA, (uint8_t)((first + i) >> 8), (uint8_t)(first + i) };
		struct secret_key secret;

		ed25519_from_seed(&e.key, &secret, bytes);
		event(m, &e);
	}
	for (unsigned i = 0; i < NODES; i++)
		if (whom & 1u << i)
			event(m, &(struct node_event){ .kind = NODE_TRUST_KEY, .name = "friend",
						       .key = machines[i].public });
	event(m, &(struct node_event){ .kind = NODE_TRUST_END });
}

/* Tables of many peers are built now and then; a revocation does not wait for that. */
static void a_revoked_peer_is_cut_at_once_among_many(void)
{
	uint8_t p[64];
	size_t len;

	two_nodes();
	trust_many(&machines[0], 2, 0, 400);
	run_ms(500);
	ok(passes(0, 1, false, 300));
	ok(passes(1, 0, false, 300));
	run_ms(500);
	trust_many(&machines[0], 2, 0, 401);
	unsigned sent = machines[0].sent;
	trust_many(&machines[0], 0, 0, 402);
	len = make_packet(p, 0, 1, false, 7);
	event(&machines[0], &(struct node_event){ .kind = NODE_PACKET, .data = bytes_of(p, len) });
	eq_int(machines[0].sent, sent);
	ok(!passes(0, 1, true, 300));
	ok(!passes(1, 0, false, 300));
}

/* Else N nodes that start together insert N^3 routes. */
static void routes_are_not_built_for_each_key_nor_for_what_was_assumed(void)
{
	struct node *n;

	world(false);
	switch_on(&machines[0]);
	switch_on(&machines[1]);
	n = machines[0].node;
	trust_many(&machines[0], 2, 0, 200);
	ok(n->forwarding.current->generation < 40);
	trust(&machines[1], 1);
	run_ms(500);
	uint64_t built = n->forwarding.current->generation;
	seed(&machines[1], &machines[0].at);
	run_ms(3000);
	ok(passes(1, 0, false, 300));
	ok(n->peers[trust_find(n->trust, &machines[1].public)].claimed);
	eq_int(n->forwarding.current->generation, built);
}

/* A caller that gives no more room than the contract says, and everybody due at once. */
static void a_step_never_asks_for_more_room_than_it_may(void)
{
	static struct out items[OUTBOX_STEP_ITEMS];
	static uint8_t arena[OUTBOX_STEP_BYTES + 32 * OUTBOX_STEP_ITEMS];
	struct node_actions few = { .save_clock = false };
	const struct node_event time = { .kind = NODE_TIME };
	struct endpoint at[MAX_CANDIDATES];
	unsigned peers = 0, sent = 0, steps = 0, handshakes = 0;
	struct node *n;

	two_nodes();
	n = machines[0].node;
	trust_many(&machines[0], 2, 0, 900);
	outbox_init(&few.out, items, OUTBOX_STEP_ITEMS, arena, sizeof(arena));
	for (uint32_t slot = 0; slot < trust_count(n->trust); slot++, peers++) {
		for (unsigned i = 0; i < MAX_CANDIDATES; i++) {
			at[i] = machines[3].at;
			at[i].ip.b[1] = (uint8_t)(slot >> 8);
			at[i].ip.b[2] = (uint8_t)slot;
			at[i].ip.b[3] = (uint8_t)i;
		}
		paths_set_candidates(n->paths, slot, at, MAX_CANDIDATES, now.boot);
		paths_wanted(n->paths, slot, now.boot);
		wg_peer_set_endpoint(n->wg, n->peers[slot].wg, &at[0]);
		outbox_clear(&actions.out);
		wg_peer_handshake(n->wg, n->peers[slot].wg, now, &actions.out);
		/* the next one is due now as well */
		wg_peer_expire(n->wg, n->peers[slot].wg);
		wg_send(n->wg, now, n->peers[slot].wg, bytes_of(at, 64), &actions.out);
		wg_peer_expire(n->wg, n->peers[slot].wg);
	}
	outbox_clear(&actions.out);
	eq_int(peers, 901);
	while (instant_reached(node_deadline(n), now.boot) && steps++ < 1000) {
		node_step(n, now, &time, &few);
		for (uint32_t i = 0; i < few.out.count; i++)
			handshakes += few.out.items[i].data[0] == 1;
		sent += few.out.count;
		outbox_clear(&few.out);
	}
	ok(steps < 1000);
	eq_int(few.out.refused, 0);
	eq_int(n->inner.refused, 0);
	eq_int(handshakes, peers);
	ok(sent > 8 * 900);
}

/* --- what nodes know, to see that it stays */

/* All that a node tells of itself and its peers, but for what counts and what time alone moves. */
static uint64_t state_of(const struct node *n)
{
	const uint8_t key[16] = { 1 };
	struct report_node r;
	struct report_peer peer;
	uint64_t sum;

	node_report(n, &r);
	memset(r.counters, 0, sizeof(r.counters));
	memset(r.tables, 0, sizeof(r.tables));
	sum = siphash(key, &r, sizeof(r));
	for (uint32_t slot = UINT32_MAX; (slot = node_report_peer(n, slot, &peer)) != UINT32_MAX;)
		sum = sum * 31 + siphash(key, &peer, sizeof(peer));
	return sum;
}

static uint64_t counter_of(const struct node *n, const char *name)
{
	struct report_node r;

	node_report(n, &r);
	for (unsigned i = 0; i < sizeof(r.counters) / sizeof(*r.counters); i++)
		if (r.counters[i].name && !strcmp(r.counters[i].name, name))
			return r.counters[i].value;
	TAP_FAIL("there is no counter %s", name);
	return 0;
}

static void hears(struct machine *m, const struct endpoint *from, const void *data, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1); /* so that a sanitizer sees a read beyond it */

	memcpy(copy, data, len);
	event(m, &(struct node_event){ .kind = NODE_DATAGRAM, .from = *from,
				       .data = bytes_of(copy, len) });
	free(copy);
}

/* Takes everything off the wire and lets nothing answer. */
static void silence(void)
{
	in_flight = 0;
}

/* --- captured: all that arrived */

#define CAPTURED 8192
static struct flying *captured;
static unsigned captured_count;

static void capture(struct machine *m, const struct flying *f)
{
	(void)m;
	if (captured_count < CAPTURED)
		captured[captured_count++] = *f;
}

static struct machine *machine_at(const struct endpoint *at)
{
	for (unsigned i = 0; i < NODES; i++)
		if (endpoint_equal(&machines[i].at, at))
			return &machines[i];
	return NULL;
}

/* Three nodes that met and talked; what they said is captured. */
static void captured_talk(void)
{
	world(false);
	if (!captured)
		captured = calloc(CAPTURED, sizeof(*captured));
	captured_count = 0;
	on_arrival = capture;
	for (unsigned i = 0; i < 3; i++) {
		switch_on(&machines[i]);
		trust(&machines[i], 7u & ~(1u << i));
	}
	seed(&machines[1], &machines[0].at);
	seed(&machines[2], &machines[0].at);
	run_ms(5000);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned a = 0; a < 3; a++)
			for (unsigned b = 0; b < 3; b++)
				ok(a == b || passes(a, b, round & 1, 300));
		run_ms(70000); /* across a new handshake */
	}
	on_arrival = NULL;
	silence();
	ok(captured_count > 300);
}

static uint64_t shuffle_state;

static unsigned draw(unsigned below)
{
	shuffle_state = shuffle_state * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)((shuffle_state >> 33) % below);
}

/* Sends one again, from where it came or from elsewhere; returns the bytes that came of it. */
static size_t replay(const struct flying *f, const struct endpoint *from)
{
	struct machine *m = machine_at(&f->to);
	size_t answered = 0;

	silence();
	if (m)
		hears(m, from, f->data, f->len);
	for (unsigned i = 0; i < in_flight; i++)
		answered += wire[i].len;
	silence();
	return answered;
}

static void attack_36_nothing_captured_is_taken_twice(void)
{
	const struct endpoint elsewhere = { .ip = ip_v4(198, 51, 100, 66), .port = 6666 };
	unsigned packets[3];
	uint64_t state[3];
	size_t answered = 0;

	captured_talk();
	for (unsigned i = 0; i < 3; i++) {
		state[i] = state_of(machines[i].node);
		packets[i] = machines[i].got_packets;
	}
	for (unsigned i = 0; i < captured_count; i++)
		answered += replay(&captured[i], &captured[i].from);
	for (unsigned i = 0; i < captured_count; i++)
		answered += replay(&captured[i], &elsewhere);
	for (unsigned i = 0; i < 4 * captured_count; i++) {
		const struct flying *f = &captured[draw(captured_count)];
		answered += replay(f, i & 1 ? &f->from : &elsewhere);
	}
	for (unsigned i = 0; i < 3; i++) {
		eq_int(machines[i].got_packets, packets[i]);
		ok(state_of(machines[i].node) == state[i]);
	}
	/* Datagrams sealed before their sender knew the receiver may be replayed probes of somebody
	 * new: answered in their size, 20 a second. */
	ok(answered <= 3 * 2 * 20 * 210);
	for (unsigned a = 0; a < 3; a++)
		for (unsigned b = 0; b < 3; b++)
			ok(a == b || passes(a, b, true, 300));
}

/* The same against a process that was not there when it was said. */
static void attack_36_nor_after_a_restart(void)
{
	const struct endpoint elsewhere = { .ip = ip_v4(198, 51, 100, 66), .port = 6666 };
	size_t given = 0, answered = 0;
	struct report_peer peer;

	captured_talk();
	switch_off(&machines[1]);
	switch_off(&machines[2]);
	switch_off(&machines[0]);
	machines[0].got_packets = 0;
	machines[0].peers_len = 0; /* it would ask where it was */
	switch_on(&machines[0]);
	trust(&machines[0], 6);
	for (unsigned round = 0; round < 3; round++)
		for (unsigned i = 0; i < captured_count; i++) {
			if (machine_at(&captured[i].to) != &machines[0])
				continue;
			given += captured[i].len;
			answered += replay(&captured[i], &elsewhere);
			now.boot.ns += 1000000;
			for (int k = 0; k < 8; k++)
				event(&machines[0], &(struct node_event){ .kind = NODE_TIME });
			for (unsigned k = 0; k < in_flight; k++)
				answered += wire[k].len;
			silence();
			ok(answered <= given);
		}
	ok(answered > 0);
	eq_int(machines[0].got_packets, 0);
	for (uint32_t slot = UINT32_MAX;
	     (slot = node_report_peer(machines[0].node, slot, &peer)) != UINT32_MAX;) {
		eq_int(peer.state, REPORT_UNKNOWN);
		ok(!peer.path_up && !peer.session && !instant_is_set(peer.last_heard));
	}
	/* The true ones are let in all the same. */
	run_ms(1000);
	switch_on(&machines[1]);
	trust(&machines[1], 5);
	seed(&machines[1], &machines[0].at);
	run_ms(2000);
	ok(passes(0, 1, false, 300));
}

/* --- what strangers get */

/* So many that most give little; their number is in their address. */
#define SOURCES 16384u
static size_t came_from[SOURCES], went_to[SOURCES];
static size_t went_elsewhere;

static struct endpoint source(unsigned i)
{
	uint8_t v6[16] = { 0x20, 0x01, 0x0d, 0xb8, 9, [14] = (uint8_t)(i >> 8), [15] = (uint8_t)i };
	struct endpoint e = { .port = 4000 };

	e.ip = i % 3 ? ip_v4(198, 18, (uint8_t)(i >> 8), (uint8_t)i) : ip_of(FAMILY_IPV6, v6);
	return e;
}

static void count_out(struct machine *m, const struct out *o)
{
	bool v6 = o->to.ip.family == FAMILY_IPV6;
	unsigned i = load_be16(o->to.ip.b + (v6 ? 14 : 2)) % SOURCES;
	struct endpoint e = source(i);

	if (m != &machines[0] || o->kind != OUT_DATAGRAM)
		return;
	if (endpoint_equal(&e, &o->to))
		went_to[i] += o->len;
	else
		went_elsewhere += o->len;
}

/* A datagram to node 0, by chance: captured, changed, spliced, or noise that begins well. */
static size_t make_bad(uint8_t out[static 2048])
{
	static const uint8_t first[] = { 1, 2, 3, 4, 0x40, 0x7F, 0xE1, 0xE2, 0xE6, 0x20, 0 };
	const struct flying *f = &captured[draw(captured_count)];
	size_t len = f->len;

	memcpy(out, f->data, len);
	switch (draw(8)) {
	case 0: /* as it was */
	case 1:
		break;
	case 2:
	case 3:
		for (unsigned n = 1 + draw(3); n; n--)
			out[draw((unsigned)len)] ^= (uint8_t)(1u << draw(8));
		break;
	case 4:
		len = draw((unsigned)len + 1);
		break;
	case 5:
		memset(out + len, (int)draw(256), 2048 - len);
		len += draw((unsigned)(2048 - len));
		break;
	case 6:
		f = &captured[draw(captured_count)];
		if (f->len > 60 && len > 60)
			memcpy(out + 33, f->data + 33, (len < f->len ? len : f->len) - 33);
		break;
	default:
		len = draw(1500);
		for (size_t i = 0; i < len; i++)
			out[i] = (uint8_t)draw(256);
		if (len)
			out[0] = first[draw(sizeof(first))];
		if (len > 4 && draw(2))
			memset(out + 1, 0, 3);
	}
	return len;
}

static void bytes_sent_to_an_unproven_address_never_exceed_bytes_received_from_it(void)
{
	uint8_t data[2048];
	unsigned sent = 0;

	captured_talk();
	/* What was captured is of former processes for two of three parts of the run. */
	for (unsigned part = 0; part < 3; part++) {
		memset(came_from, 0, sizeof(came_from));
		memset(went_to, 0, sizeof(went_to));
		went_elsewhere = 0;
		on_out = count_out;
		unsigned packets = machines[0].got_packets;
		for (unsigned i = 0; i < 34000; i++) {
			unsigned at = draw(SOURCES);
			struct endpoint from = source(at);
			size_t len = make_bad(data);

			came_from[at] += len;
			hears(&machines[0], &from, data, len);
			ok(went_to[at] <= came_from[at]);
			if (draw(4) == 0)
				run_ms(draw(4));
			if (draw(2000) == 0)
				run_ms(draw(5000));
		}
		for (unsigned i = 0; i < SOURCES; i++) {
			ok(went_to[i] <= came_from[i]);
			sent += went_to[i] > 0;
		}
		on_out = NULL;
		eq_int(machines[0].got_packets, packets);
		for (unsigned a = 0; a < 3; a++)
			for (unsigned b = 0; b < 3; b++)
				ok(a == b || passes(a, b, true, 1000));
		if (part == 0) {
			switch_off(&machines[1]);
			switch_on(&machines[1]);
			trust(&machines[1], 5);
			seed(&machines[1], &machines[0].at);
		} else if (part == 1) {
			switch_off(&machines[0]);
			switch_on(&machines[0]);
			trust(&machines[0], 6);
		}
		run_ms(5000);
	}
	ok(sent > 0);
}

static void attack_34_own_key_is_refused_and_nobody_talks_to_himself(void)
{
	struct report_node r;

	two_nodes();
	trust(&machines[0], 3);
	node_report(machines[0].node, &r);
	eq_int(r.bad_keys, 1);
	eq_int(r.trusted, 1);
	/* What it says comes back to it, from where it went. */
	captured_talk();
	uint64_t state = state_of(machines[0].node);
	unsigned sent = machines[0].sent, packets = machines[0].got_packets;
	for (unsigned i = 0; i < captured_count; i++)
		if (endpoint_equal(&captured[i].from, &machines[0].at))
			hears(&machines[0], &captured[i].to, captured[i].data, captured[i].len);
	ok(state_of(machines[0].node) == state);
	eq_int(machines[0].sent, sent);
	eq_int(machines[0].got_packets, packets);
	/* A seed that is its own address finds nobody. */
	seed(&machines[0], &machines[0].at);
	run_ms(10000);
	ok(passes(0, 1, false, 300));
}

/* Known tag and wrong key, unknown tag, own tag, a WireGuard initiation of somebody that is not
 * admitted, and data under an index that is in use: no byte, no change, no sooner deadline. */
static void attack_34_wrong_and_unknown_keys_look_the_same_from_outside(void)
{
	const struct endpoint from = { .ip = ip_v4(198, 51, 100, 66), .port = 6666 };
	unsigned seen[2][4] = { { 0 } };
	const uint8_t probe[PATH_PROBE_LONG] = { PATH_TYPE_PROBE };

	/* 3 trusts 0, but 0 does not trust 3: what 3 says, by its own true keys */
	captured_talk();
	uint64_t strangers_from = captured_count;
	on_arrival = capture;
	switch_on(&machines[3]);
	trust(&machines[3], 1);
	seed(&machines[3], &machines[0].at);
	run_ms(1000);
	struct node *n3 = machines[3].node;
	struct flying sealed = { .from = machines[3].at, .to = machines[0].at };
	sealed.len = (uint32_t)channel_seal(n3->channel, 0, 0, bytes_of(probe, sizeof(probe)),
					    sealed.data);
	wire[in_flight++] = sealed;
	wg_peer_set_endpoint(n3->wg, n3->peers[0].wg, &machines[0].at);
	wg_peer_handshake(n3->wg, n3->peers[0].wg, now, &actions.out);
	carry_out(&machines[3]);
	run_ms(5);
	on_arrival = NULL;
	switch_off(&machines[3]);
	silence();

	for (unsigned i = 0; i < captured_count; i++) {
		struct flying f = captured[i];
		bool stranger = endpoint_equal(&f.from, &machines[3].at);
		unsigned kind = f.data[0] == 0xE1 ? 0 : f.data[0] == 1 ? 1 :
				f.data[0] == 0xE6 ? 3 : 2;

		if (machine_at(&f.to) != &machines[0] || (i >= strangers_from && !stranger))
			continue;
		if (!stranger) /* under a tag, or index, that is known, with a wrong key */
			f.data[f.len - (kind ? 33 : 1)] ^= 1;
		if (!stranger && (kind == 1 || kind == 3))
			continue; /* mac1 would tell, and a call is no more than its tags: below */
		uint64_t state = state_of(machines[0].node);
		struct instant deadline = node_deadline(machines[0].node);
		unsigned sent = machines[0].sent;
		hears(&machines[0], &from, f.data, f.len);
		eq_int(machines[0].sent, sent);
		ok(state_of(machines[0].node) == state);
		eq_int(node_deadline(machines[0].node).ns, deadline.ns);
		seen[stranger][kind]++;
	}
	ok(seen[0][0] > 100 && seen[0][2] > 5);
	ok(seen[1][0] > 0 && seen[1][1] > 0 && seen[1][3] > 0);
	ok(counter_of(machines[0].node, "drop_call_unknown") >= seen[1][3]);
	/* What was meant for others, too, came to this seed: it is under unknown tags. */
	ok(counter_of(machines[0].node, "drop_control_unknown_tag") >= seen[1][0]);
	ok(counter_of(machines[0].node, "drop_control_unknown_tag") +
	   counter_of(machines[0].node, "drop_control_forged") >= seen[0][0] + seen[1][0]);
	ok(counter_of(machines[0].node, "drop_control_forged") > 100);
	ok(counter_of(machines[0].node, "wireguard_drop_unknown_peer") >= seen[1][1]);
}

/* --- calls */

/* The call that the first node gets when it is somebody's seed, as captured. */
static const struct flying *captured_call(void)
{
	for (unsigned i = 0; i < captured_count; i++)
		if (captured[i].data[0] == 0xE6 && machine_at(&captured[i].to) == &machines[0])
			return &captured[i];
	return NULL;
}

/* Two a second, four at once, no more bytes than came, and nothing is kept of it. */
static void a_replayed_call_gets_no_more_than_a_replayed_probe(void)
{
	const struct endpoint elsewhere = { .ip = ip_v4(198, 51, 100, 66), .port = 6666 };
	struct node *n;

	captured_talk();
	n = machines[0].node;
	const struct flying *call = captured_call();
	ok(call != NULL);
	if (!call)
		return;
	for (unsigned given = 0; given < 2; given++) {
		const struct endpoint *from = given ? &call->from : &elsewhere;
		uint64_t answers = 0;

		run_ms(2000);
		silence();
		uint64_t state = state_of(n);
		for (unsigned i = 0; i < 3000; i++) {
			struct instant deadline = node_deadline(n);
			size_t answered = replay(call, from);

			ok(answered <= call->len);
			answers += answered > 0;
			eq_int(node_deadline(n).ns, deadline.ns);
			now.boot.ns += 1000000;
		}
		ok(answers >= 6 && answers <= 11);
		ok(state_of(n) == state);
	}
	/* Nor does who made the call believe what comes of it. */
	uint64_t probes = counter_of(machines[1].node, "probes_sent");
	uint64_t unasked = counter_of(machines[1].node, "probe_drop_unasked");
	run_ms(2000);
	silence();
	hears(&machines[0], &call->from, call->data, call->len);
	eq_int(in_flight, 1);
	run_ms(5);
	eq_int(counter_of(machines[1].node, "probe_drop_unasked"), unasked + 1);
	eq_int(counter_of(machines[1].node, "probes_sent"), probes);
}

/* Tags of strangers cost a bounded number of look-ups, and keep nobody out for longer. */
static void a_flood_of_calls_is_cut_short(void)
{
	uint8_t call[CHANNEL_CALL_LEN(CHANNEL_CALL_MOST)];
	struct node *n;

	two_nodes();
	n = machines[0].node;
	uint64_t state = state_of(n);
	silence();
	for (unsigned i = 0; i < 20000; i++) {
		struct endpoint from = { .ip = ip_v4(198, 18, (uint8_t)(i >> 8), (uint8_t)i),
					 .port = 4000 };

		for (size_t k = 0; k < sizeof(call); k++)
			call[k] = (uint8_t)draw(256);
		call[0] = 0xE6;
		hears(&machines[0], &from, call, sizeof(call));
	}
	eq_int(in_flight, 0);
	ok(state_of(n) == state);
	ok(counter_of(n, "drop_call_unknown") <= 1024);
	eq_int(counter_of(n, "drop_call_rate") + counter_of(n, "drop_call_unknown"), 20000);
	switch_off(&machines[1]);
	switch_on(&machines[1]);
	machines[1].peers_len = 0;
	trust(&machines[1], 1);
	seed(&machines[1], &machines[0].at);
	run_ms(1500);
	ok(passes(1, 0, false, 300));
}

/* What a stranger may keep us from hearing goes by the bytes he sends, not by the calls: many short
 * ones, here 17 Mbit/s of them, do not crowd out who calls for the first time. */
static void short_calls_of_strangers_keep_nobody_out(void)
{
	uint8_t call[CHANNEL_CALL_LEN(CHANNEL_CALL_LEAST)];
	struct instant end;

	world(false);
	switch_on(&machines[0]);
	trust(&machines[0], 2);
	run_ms(1000);
	for (unsigned i = 0; i < 60000; i++) {
		struct endpoint from = { .ip = ip_v4(198, 18, (uint8_t)(i >> 8), (uint8_t)i),
					 .port = 4000 };

		if (i == 40000) { /* two seconds of it: what there was to use up is used up */
			switch_on(&machines[1]);
			trust(&machines[1], 1);
			seed(&machines[1], &machines[0].at);
		}
		for (size_t k = 0; k < sizeof(call); k++)
			call[k] = (uint8_t)draw(256);
		call[0] = 0xE6;
		hears(&machines[0], &from, call, sizeof(call));
		end = instant_add(now.boot, (struct span){ 50000 });
		run_until(end);
	}
	eq_int(counter_of(machines[0].node, "calls_received"), 1);
	eq_int(counter_of(machines[1].node, "calls_sent"), 1);
	ok(passes(1, 0, false, 300));
}

/* --- clocks */

static void restart(struct machine *m, unsigned whom, int64_t wall_ahead_s)
{
	switch_off(m);
	m->wall_ahead_s = wall_ahead_s;
	switch_on(m);
	trust(m, whom);
	seed(m, &machines[0].at);
	run_ms(3000);
}

static void attack_39_a_clock_far_in_the_future_and_corrected(void)
{
	two_nodes();
	restart(&machines[1], 1, 200ll * 365 * 86400);
	ok(passes(1, 0, false, 1000));
	ok(passes(0, 1, true, 300));
	/* corrected while it runs: the next handshake must count as newer */
	machines[1].wall_ahead_s = 0;
	run_ms(200000);
	ok(passes(1, 0, false, 1000));
	/* and over a restart, at first with a clock behind */
	restart(&machines[1], 1, -86400);
	ok(passes(1, 0, false, 1000));
	restart(&machines[1], 1, 0);
	ok(passes(1, 0, true, 1000));
	ok(passes(0, 1, false, 300));
}

static void attack_39_a_machine_that_boots_in_1970(void)
{
	two_nodes();
	restart(&machines[1], 1, -(int64_t)now.wall.s);
	ok(passes(1, 0, false, 1000));
	ok(passes(0, 1, false, 300));
	/* NTP comes */
	machines[1].wall_ahead_s = 0;
	run_ms(200000);
	ok(passes(1, 0, true, 1000));
	/* its first start ever, with nothing saved, and both in 1970 */
	world(false);
	machines[0].wall_ahead_s = machines[1].wall_ahead_s = -(int64_t)now.wall.s;
	start_pair();
	run_ms(3000);
	ok(passes(1, 0, false, 1000));
	machines[0].wall_ahead_s = machines[1].wall_ahead_s = 0;
	run_ms(200000);
	ok(passes(0, 1, false, 1000));
}

/* --- this host */

/* Packets of this host by chance: nothing but errors about them, and those not without limit. */
static void packets_of_this_host_do_no_harm(void)
{
	uint8_t p[1500];
	unsigned packets, sent;

	two_nodes();
	packets = machines[0].got_packets;
	sent = machines[0].sent;
	for (unsigned i = 0; i < 100000; i++) {
		size_t len = make_packet(p, 0, 1 + draw(3), i & 1, (uint8_t)i);

		for (unsigned n = draw(4); n; n--)
			p[draw((unsigned)len)] = (uint8_t)draw(256);
		if (draw(4) == 0)
			len = draw((unsigned)sizeof(p));
		uint8_t *copy = malloc(len ? len : 1);
		memcpy(copy, p, len);
		event(&machines[0], &(struct node_event){ .kind = NODE_PACKET,
							  .data = bytes_of(copy, len) });
		free(copy);
		if (draw(10) == 0)
			run_ms(1);
	}
	ok(machines[0].got_packets - packets <= 1 + 100000 / 10 / 10 + 10);
	ok(machines[0].sent > sent);
	run_ms(100); /* what is still under way */
	ok(passes(0, 1, false, 300));
}

/* An admitted peer sends to our own port through the tunnel: that is nobody's underlay. */
static void datagrams_through_the_tunnel_to_its_own_port_are_dropped(void)
{
	struct endpoint mesh = { .port = MESH_PORT };

	captured_talk();
	switch_off(&machines[0]);
	switch_on(&machines[0]);
	trust(&machines[0], 6);
	silence();
	for (int v6 = 0; v6 < 2; v6++) {
		if (v6)
			mesh_ipv6(&machines[1].public, &mesh.ip);
		else
			mesh_ipv4(&machines[1].public, 0, &machines[1].prefix, &mesh.ip);
		for (unsigned i = 0; i < captured_count; i++)
			if (machine_at(&captured[i].to) == &machines[0])
				eq_int(replay(&captured[i], &mesh), 0);
	}
	ok(counter_of(machines[0].node, "drop_mesh_source") > 100);
}

static void what_a_user_may_get_wrong_does_not_stop_a_node(void)
{
	static const char *const labels[] = { "", ".hidden", "a/b", "\xff", "good-one", " " };
	struct endpoint bad = machines[0].at;

	world(false);
	for (unsigned i = 0; i < sizeof(labels) / sizeof(*labels); i++) {
		struct node_config config = {
			.members = 4, .sessions = 12, .port = i & 1 ? MESH_PORT : 0,
			.mtu = MESH_MTU, .prefix = machines[0].prefix,
			.secret = machines[0].secret, .public = machines[0].public,
		};
		uint8_t clock[NODE_CLOCK_LEN];
		void *memory = mmap(NULL, node_size(4, 12), PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		/* a state file of noise, too; the highest numbers last */
		memset(clock, i < 5 ? 0x11 * (int)i : 0xff, sizeof(clock));
		config.clock = bytes_of(clock, i == 4 ? 7 : sizeof(clock));
		strcpy(config.label, labels[i]);
		struct node *n = node_init(memory, &config, now);
		struct node_event e = { .kind = NODE_ADDRESSES, .addresses = &machines[0].at.ip,
					.number = 1 };
		node_step(n, now, &e, &actions);
		e = (struct node_event){ .kind = NODE_SEED, .from = bad };
		e.from.port = 0;
		node_step(n, now, &e, &actions);
		mesh_ipv4(&machines[0].public, 0, &machines[0].prefix, &e.from.ip);
		e.from.port = 1;
		node_step(n, now, &e, &actions);
		e = (struct node_event){ .kind = NODE_TIME };
		node_step(n, now, &e, &actions);
		ok(instant_before(now.boot, node_deadline(n)));
		node_wipe(n);
		munmap(memory, node_size(4, 12));
		outbox_clear(&actions.out);
		actions.save_clock = false;
	}
}

/* The cable is plugged in an hour after the start. */
static void a_network_that_comes_late_is_used_at_once(void)
{
	world(false);
	switch_on(&machines[0]);
	trust(&machines[0], 2);
	struct endpoint at = machines[1].at;
	machines[1].at.ip = ip_v4(0, 0, 0, 0);
	switch_on(&machines[1]);
	event(&machines[1], &(struct node_event){ .kind = NODE_ADDRESSES });
	trust(&machines[1], 1);
	seed(&machines[1], &machines[0].at);
	loss_percent = 100;
	run_ms(3600000);
	loss_percent = 0;
	machines[1].at = at;
	event(&machines[1], &(struct node_event){ .kind = NODE_ADDRESSES, .addresses = &at.ip,
						  .number = 1 });
	run_ms(500);
	ok(passes(1, 0, false, 300));
}

static struct actor liar;
static unsigned liar_asked;

/* Whatever it is asked, it says at once that it sees us at another address. */
static void lie(struct machine *m, const struct out *o)
{
	if (m != &machines[0] || o->kind != OUT_DATAGRAM ||
	    !endpoint_equal(&o->to, &machines[3].at) ||
	    !actor_hears(&liar, o->data, o->len))
		return;
	struct endpoint seen = { .ip = ip_v4(203, 0, 113, (uint8_t)++liar_asked), .port = 4000 };
	struct flying *f = &wire[in_flight];
	size_t len = actor_answers(&liar, &seen, f->data);
	if (!len || in_flight == FLYING)
		return;
	f->at = instant_add(now.boot, DELAY);
	f->from = machines[3].at;
	f->to = m->at;
	f->len = (uint32_t)len;
	in_flight++;
}

/* The only one who sees us says something else each time, and makes us ask all the time. */
static void a_liar_does_not_make_us_flood_the_mesh_with_records(void)
{
	uint8_t probe[PATH_PROBE_LONG] = { PATH_TYPE_PROBE }, data[MAX_DATAGRAM];
	struct report_node before, after;

	world(false);
	switch_on(&machines[0]);
	actor_begin(&liar, &machines[0].public, 77);
	liar_asked = 0;
	event(&machines[0], &(struct node_event){ .kind = NODE_TRUST_BEGIN });
	event(&machines[0], &(struct node_event){ .kind = NODE_TRUST_KEY, .key = liar.public,
						  .name = "liar" });
	event(&machines[0], &(struct node_event){ .kind = NODE_TRUST_END });
	on_out = lie;
	node_report(machines[0].node, &before);
	for (unsigned i = 0; i < 2000; i++) {
		size_t len = actor_seal(&liar, 0, probe, sizeof(probe), data);

		/* a new process again and again, so that it is asked again */
		if (i % 10 == 0)
			actor_restart(&liar, &machines[0].public, 5000 + i);
		hears(&machines[0], &machines[3].at, data, len);
		run_ms(10);
	}
	on_out = NULL;
	node_report(machines[0].node, &after);
	ok(liar_asked > 80);
	ok(after.sequence - before.sequence >= 5 && after.sequence - before.sequence <= 8 + 21);
	actor_end(&liar);
}

/* Containers come and go: what the host does to its addresses must not flood its peers. */
static void a_host_that_changes_all_the_time_floods_nobody(void)
{
	struct ip list[2];
	unsigned sent;

	two_nodes();
	list[0] = machines[1].at.ip;
	sent = machines[1].sent;
	for (unsigned i = 0; i < 5000; i++) {
		list[1] = ip_v4(203, 0, 113, (uint8_t)i);
		event(&machines[1], &(struct node_event){ .kind = NODE_ADDRESSES,
			.addresses = list, .number = 1 + (i & 1) });
		run_ms(2);
	}
	/* probes, records and their gossip, once a second each, and what goes on anyway */
	ok(machines[1].sent - sent < 10 * 12);
	list[1] = ip_v4(203, 0, 113, 200);
	event(&machines[1], &(struct node_event){ .kind = NODE_ADDRESSES, .addresses = list,
						  .number = 2 });
	machines[1].at.ip = list[1];
	run_ms(1100);
	ok(passes(0, 1, false, 300));
}

static struct ip left_by;

static void note_source(struct machine *m, const struct out *o)
{
	if (m == &machines[1] && o->kind == OUT_DATAGRAM && o->data[0] == 4)
		left_by = o->to.local;
}

/* The old address of ours may still be there and lead nowhere. */
static void a_tunnel_does_not_stick_to_an_old_source_address(void)
{
	struct ip old, changed = ip_v4(203, 0, 113, 77);

	two_nodes();
	old = machines[1].at.ip;
	on_out = note_source;
	ok(passes(1, 0, false, 100));
	ok(ip_equal(&left_by, &old));
	struct ip both[2] = { old, changed };
	event(&machines[1], &(struct node_event){ .kind = NODE_ADDRESSES, .addresses = both,
						  .number = 2 });
	machines[1].at.ip = changed;
	ok(passes(1, 0, false, 100));
	eq_int(left_by.family, FAMILY_NONE);
	run_ms(1000);
	ok(passes(1, 0, false, 100));
	ok(ip_equal(&left_by, &changed));
}

/* The padding ends where the MTU does, so a full packet is no multiple of 16 (paper, 5.4.6). */
static void packets_of_every_length_pass(void)
{
	uint8_t p[2048];

	two_nodes();
	for (uint16_t len = 24; len <= MESH_MTU; len++) {
		unsigned before = machines[1].got_packets;

		memset(p, 0, sizeof(p));
		make_packet(p, 0, 1, false, 1);
		store_be16(p + 2, len);
		event(&machines[0], &(struct node_event){ .kind = NODE_PACKET,
							  .data = bytes_of(p, len) });
		run_ms(3);
		eq_int(machines[1].got_packets - before, 1);
	}
}

TAP_TESTS(T(attack_34_own_key_is_refused_and_nobody_talks_to_himself),
	  T(attack_34_wrong_and_unknown_keys_look_the_same_from_outside),
	  T(attack_36_nothing_captured_is_taken_twice), T(attack_36_nor_after_a_restart),
	  T(a_replayed_call_gets_no_more_than_a_replayed_probe),
	  T(a_flood_of_calls_is_cut_short),
	  T(short_calls_of_strangers_keep_nobody_out),
	  T(attack_39_a_clock_far_in_the_future_and_corrected),
	  T(attack_39_a_machine_that_boots_in_1970),
	  T(bytes_sent_to_an_unproven_address_never_exceed_bytes_received_from_it),
	  T(packets_of_this_host_do_no_harm),
	  T(datagrams_through_the_tunnel_to_its_own_port_are_dropped),
	  T(what_a_user_may_get_wrong_does_not_stop_a_node),
	  T(a_network_that_comes_late_is_used_at_once),
	  T(a_liar_does_not_make_us_flood_the_mesh_with_records),
	  T(a_host_that_changes_all_the_time_floods_nobody),
	  T(a_tunnel_does_not_stick_to_an_old_source_address),
	  T(a_step_never_asks_for_more_room_than_it_may),
	  T(a_revoked_peer_is_cut_at_once_among_many),
	  T(routes_are_not_built_for_each_key_nor_for_what_was_assumed),
	  T(packets_of_every_length_pass))
