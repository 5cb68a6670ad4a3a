/* Where a node is reached: STUN servers, what a router maps, the order of a start, waking up. */
#include "node_world.h"

#include "nat/stun.h"

static struct endpoint server = { .ip = { FAMILY_IPV4, { 5, 5, 5, 1 } }, .port = 3478 };
static unsigned requests, first_seed_call;
static uint8_t id[STUN_ID];

static void watch(struct machine *m, const struct out *o)
{
	if (m != &machines[0] || o->kind != OUT_DATAGRAM)
		return;
	if (o->len == STUN_REQUEST_LEN && load_be16(o->data) == 1) {
		requests++;
		memcpy(id, o->data + 8, STUN_ID);
	} else if (!first_seed_call) {
		first_seed_call = 1 + requests;
	}
}

static void begin(void)
{
	world(false);
	on_out = watch;
	requests = first_seed_call = 0;
	switch_on(&machines[0]);
}

static void ask(unsigned number)
{
	struct node_event e = { .kind = NODE_STUN, .from = server, .number = number };

	e.from.ip.b[3] = (uint8_t)(1 + number);
	event(&machines[0], &e);
}

static void answers(unsigned number, const struct endpoint *mapped)
{
	uint8_t raw[32] = { 1, 1, 0, 12, 0x21, 0x12, 0xA4, 0x42, [21] = 1, [23] = 8, [25] = 1 };
	struct node_event e = { .kind = NODE_DATAGRAM, .from = server,
				.data = bytes_of(raw, sizeof(raw)) };

	memcpy(raw + 8, id, STUN_ID);
	store_be16(raw + 26, mapped->port);
	memcpy(raw + 28, mapped->ip.b, 4);
	e.from.ip.b[3] = (uint8_t)(1 + number);
	event(&machines[0], &e);
}

static bool has(const struct endpoint *e, enum report_candidate source)
{
	static struct report_node r;

	run_ms(1100); /* for a token of the bucket of records */
	node_report(machines[0].node, &r);
	for (unsigned i = 0; i < r.candidate_count; i++)
		if (endpoint_equal(&r.candidates[i].endpoint, e) &&
		    r.candidates[i].source == source)
			return true;
	return false;
}

static void servers_are_asked_in_the_step_that_names_them(void)
{
	begin();
	ask(0);
	eq_int(requests, 1);
	ask(0); /* the same again */
	eq_int(requests, 1);
	ask(1);
	eq_int(requests, 2);
	trust(&machines[0], 2);
	seed(&machines[0], &machines[1].at);
	run_ms(100);
	eq_int(first_seed_call, 1 + 2);
}

static void what_one_says_becomes_a_candidate(void)
{
	struct endpoint mapped = { .ip = ip_v4(7, 7, 7, 7), .port = 4000 };
	static struct report_node r;

	begin();
	ask(0);
	answers(0, &mapped);
	ok(has(&mapped, CANDIDATE_SEEN));
	node_report(machines[0].node, &r);
	eq_int(r.nat_kind, NAT_EASY);
	eq_int(r.stun_count, 1);
	ok(r.stun[0].answered && endpoint_equal(&r.stun[0].mapped, &mapped));
	/* an address of the mesh is none */
	mapped.ip = ip_v4(10, 99, 1, 1);
	begin();
	ask(0);
	answers(0, &mapped);
	ok(!has(&mapped, CANDIDATE_SEEN));
}

static void the_lonely_ask_again_and_others_do_not(void)
{
	begin();
	ask(0);
	answers(0, &(struct endpoint){ .ip = ip_v4(7, 7, 7, 7), .port = 4000 });
	run_ms(60000);
	ok(requests >= 2);
	switch_on(&machines[1]);
	trust(&machines[0], 2);
	trust(&machines[1], 1);
	seed(&machines[0], &machines[1].at);
	run_ms(60000); /* the transaction at hand ends, too */
	unsigned before = requests;
	run_ms(300000);
	eq_int(requests, before);
}

static void a_router_is_believed_as_far_as_others_see_the_same(void)
{
	struct endpoint mapped = { .ip = ip_v4(7, 7, 7, 7), .port = 4000 }, other = mapped;
	struct node_event e = { .kind = NODE_MAPPED, .from = mapped };

	other.ip.b[3]++;
	begin();
	event(&machines[0], &e);
	ok(has(&mapped, CANDIDATE_MAPPED));
	ask(0);
	answers(0, &other); /* another NAT above it */
	ok(!has(&mapped, CANDIDATE_MAPPED));
	begin();
	e.from.ip = ip_v4(192, 168, 1, 1);
	event(&machines[0], &e);
	ok(!has(&e.from, CANDIDATE_MAPPED));
	e.from = mapped;
	event(&machines[0], &e);
	ok(has(&mapped, CANDIDATE_MAPPED));
	e.from = (struct endpoint){ 0 };
	event(&machines[0], &e);
	ok(!has(&mapped, CANDIDATE_MAPPED));
}

static void the_start_is_told_in_its_order(void)
{
	const struct event_ring *ring;
	unsigned at = 0;

	begin();
	trust(&machines[0], 2);
	ring = node_events(machines[0].node);
	for (uint64_t i = 1; i <= ring->count; i++) {
		const struct event *e = event_get(ring, i);

		if (!e || e->kind < EV_START_IDENTITY || e->kind > EV_START_SERVING)
			continue;
		eq_int(e->kind, EV_START_IDENTITY + at);
		at++;
	}
	eq_int(at, 7);
}

static void who_wakes_up_asks_everybody_at_once(void)
{
	begin();
	switch_on(&machines[1]);
	trust(&machines[0], 2);
	trust(&machines[1], 1);
	seed(&machines[0], &machines[1].at);
	ask(0);
	run_ms(60000);
	unsigned asked = requests, sent = machines[0].sent;
	event(&machines[0], &(struct node_event){ .kind = NODE_RESUMED });
	run_ms(2);
	eq_int(requests, asked + 1);
	ok(machines[0].sent > sent + 1); /* and the member's path is probed */
}

TAP_TESTS(T(servers_are_asked_in_the_step_that_names_them), T(what_one_says_becomes_a_candidate),
	  T(the_lonely_ask_again_and_others_do_not),
	  T(a_router_is_believed_as_far_as_others_see_the_same),
	  T(the_start_is_told_in_its_order), T(who_wakes_up_asks_everybody_at_once))
