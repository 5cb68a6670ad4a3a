/* Whole nodes on a virtual wire in virtual time: the same objects that the daemon drives. */
#include "tap.h"

#include "contexts.h"
#include "crypto/curve.h"
#include "identity/address.h"
#include "node/node.h"

#include <sys/mman.h>

#define NODES 4
#define MEMBERS 64
#define DELAY span_ms(1)
#define FLYING 4096

struct machine {
	struct node *node;          /* NULL: off */
	void *memory;
	size_t size;
	struct public_key public;
	struct secret_key secret;
	struct endpoint at;         /* where it is reached */
	struct prefix prefix;
	uint8_t clock[NODE_CLOCK_LEN];
	bool has_clock;
	bool silent;                /* counts what it sends, below */
	unsigned sent, got_packets;
	uint8_t last_packet[256];
	size_t last_len;
};

struct flying {
	struct instant at;
	struct endpoint from, to;
	uint32_t len;
	uint8_t data[2048];
};

static struct machine machines[NODES];
static struct flying *wire;
static unsigned in_flight;
static struct moment now;
static struct node_actions actions;
static uint64_t entropy_count;
static unsigned loss_percent;
static uint64_t loss_state;

static void fresh_entropy(uint8_t out[32])
{
	memset(out, 0, 32);
	store_be64(out, ++entropy_count);
}

static void set_time(struct instant t)
{
	if (t.ns <= now.boot.ns)
		return;
	uint64_t passed = t.ns - now.boot.ns + now.wall.ns;

	now.boot = t;
	now.wall.s += passed / 1000000000u;
	now.wall.ns = (uint32_t)(passed % 1000000000u);
}

static bool lost(void)
{
	loss_state = loss_state * 6364136223846793005u + 1442695040888963407u;
	return (loss_state >> 33) % 100 < loss_percent;
}

static void carry_out(struct machine *m)
{
	for (uint32_t i = 0; i < actions.out.count; i++) {
		const struct out *o = &actions.out.items[i];

		if (o->kind == OUT_PACKET) {
			m->got_packets++;
			m->last_len = o->len < sizeof(m->last_packet) ? o->len : 0;
			memcpy(m->last_packet, o->data, m->last_len);
			continue;
		}
		m->sent++;
		if (in_flight == FLYING || o->len > sizeof(wire->data) || lost())
			continue;
		struct flying *f = &wire[in_flight++];
		f->at = instant_add(now.boot, DELAY);
		f->from = m->at;
		f->to = o->to;
		f->len = o->len;
		memcpy(f->data, o->data, o->len);
	}
	outbox_clear(&actions.out);
	if (actions.save_clock) {
		memcpy(m->clock, actions.clock, sizeof(m->clock));
		m->has_clock = true;
		actions.save_clock = false;
	}
}

static void event(struct machine *m, const struct node_event *e)
{
	uint8_t entropy[32];

	if (!m->node)
		return;
	fresh_entropy(entropy);
	node_entropy(m->node, entropy);
	node_step(m->node, now, e, &actions);
	carry_out(m);
}

static void deliver(unsigned i)
{
	struct flying f = wire[i];
	struct node_event e = { .kind = NODE_DATAGRAM, .from = f.from,
				.data = bytes_of(f.data, f.len) };

	wire[i] = wire[--in_flight];
	for (unsigned k = 0; k < NODES; k++)
		if (endpoint_equal(&machines[k].at, &f.to))
			event(&machines[k], &e);
}

static void run_until(struct instant end)
{
	for (;;) {
		struct instant first = end;
		int flight = -1, node = -1;

		for (unsigned i = 0; i < in_flight; i++)
			if (wire[i].at.ns < first.ns) {
				first = wire[i].at;
				flight = (int)i;
			}
		for (unsigned i = 0; i < NODES; i++)
			if (machines[i].node && node_deadline(machines[i].node).ns < first.ns) {
				first = node_deadline(machines[i].node);
				node = (int)i;
			}
		set_time(first);
		if (node >= 0)
			event(&machines[node], &(struct node_event){ .kind = NODE_TIME });
		else if (flight >= 0)
			deliver((unsigned)flight);
		else
			return;
	}
}

static void run_ms(uint64_t ms)
{
	run_until(instant_add(now.boot, span_ms(ms)));
}

static void switch_off(struct machine *m)
{
	if (!m->node)
		return;
	node_wipe(m->node);
	munmap(m->memory, m->size);
	m->node = NULL;
}

static void switch_on(struct machine *m)
{
	struct node_config config = {
		.members = MEMBERS, .sessions = 3 * MEMBERS, .port = MESH_PORT, .mtu = MESH_MTU,
		.interface = "mg0", .prefix = m->prefix, .secret = m->secret, .public = m->public,
	};

	if (m->has_clock)
		config.clock = bytes_of(m->clock, sizeof(m->clock));
	fresh_entropy(config.entropy);
	m->size = node_size(MEMBERS, 3 * MEMBERS);
	m->memory = mmap(NULL, m->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (m->memory == MAP_FAILED)
		abort();
	m->node = node_init(m->memory, &config, now);
	event(m, &(struct node_event){ .kind = NODE_ADDRESSES, .addresses = &m->at.ip, .number = 1 });
}

/* A bit a machine. */
static void trust(struct machine *m, unsigned whom)
{
	event(m, &(struct node_event){ .kind = NODE_TRUST_BEGIN });
	for (unsigned i = 0; i < NODES; i++) {
		char name[8] = { 'n', (char)('0' + i) };

		if (whom & 1u << i)
			event(m, &(struct node_event){ .kind = NODE_TRUST_KEY,
						       .key = machines[i].public, .name = name });
	}
	event(m, &(struct node_event){ .kind = NODE_TRUST_END });
}

static void seed(struct machine *m, const struct endpoint *at)
{
	event(m, &(struct node_event){ .kind = NODE_SEED, .from = *at });
}

static void world(bool ipv6)
{
	static struct out items[1024];
	static uint8_t arena[4u << 20];

	test_crypto();
	for (unsigned i = 0; i < NODES; i++)
		switch_off(&machines[i]);
	memset(machines, 0, sizeof(machines));
	in_flight = 0;
	loss_percent = 0;
	if (!wire)
		wire = calloc(FLYING, sizeof(*wire));
	outbox_init(&actions.out, items, 1024, arena, sizeof(arena));
	now = (struct moment){ { 1000000000u }, { 1800000000u, 0 } };
	for (unsigned i = 0; i < NODES; i++) {
		struct machine *m = &machines[i];
		uint8_t bytes[32] = { [0] = (uint8_t)(i + 1) };

		ed25519_from_seed(&m->public, &m->secret, bytes);
		m->prefix = mesh_ipv4_default_prefix();
		m->at.port = MESH_PORT;
		m->at.ip = ip_v4(192, 0, 2, (uint8_t)(i + 1));
		if (ipv6) {
			const uint8_t b[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = (uint8_t)(i + 1) };
			m->at.ip = ip_of(FAMILY_IPV6, b);
		}
	}
}

/* An IP packet with only a header and a mark, from one mesh address to another. */
static size_t make_packet(uint8_t *p, unsigned from, unsigned to, bool ipv6, uint8_t mark)
{
	struct ip src, dst;

	memset(p, 0, 64);
	if (ipv6) {
		mesh_ipv6(&machines[from].public, &src);
		mesh_ipv6(&machines[to].public, &dst);
		p[0] = 0x60;
		store_be16(p + 4, 4);
		p[6] = 59;
		p[7] = 64;
		memcpy(p + 8, src.b, 16);
		memcpy(p + 24, dst.b, 16);
		p[40] = mark;
		return 44;
	}
	mesh_ipv4(&machines[from].public, 0, &machines[from].prefix, &src);
	mesh_ipv4(&machines[to].public, 0, &machines[to].prefix, &dst);
	p[0] = 0x45;
	store_be16(p + 2, 24);
	p[8] = 64;
	p[9] = 253;
	memcpy(p + 12, src.b, 4);
	memcpy(p + 16, dst.b, 4);
	p[20] = mark;
	return 24;
}

/* Sends once; true if it arrives, unchanged, within so many milliseconds. */
static bool passes(unsigned from, unsigned to, bool ipv6, uint64_t within_ms)
{
	static uint8_t mark;
	uint8_t p[64];
	size_t len = make_packet(p, from, to, ipv6, ++mark);
	unsigned before = machines[to].got_packets;

	event(&machines[from], &(struct node_event){ .kind = NODE_PACKET, .data = bytes_of(p, len) });
	for (uint64_t t = 0; t < within_ms && machines[to].got_packets == before; t += 10)
		run_ms(10);
	return machines[to].got_packets == before + 1 && machines[to].last_len == len &&
	       !memcmp(machines[to].last_packet, p, len);
}

static void chain(bool ipv6)
{
	world(ipv6);
	for (unsigned i = 0; i < 3; i++) {
		switch_on(&machines[i]);
		trust(&machines[i], 7u & ~(1u << i));
	}
	seed(&machines[1], &machines[0].at);
	seed(&machines[2], &machines[0].at);
	run_ms(3000);
	for (unsigned a = 0; a < 3; a++)
		for (unsigned b = 0; b < 3; b++)
			if (a != b) {
				ok(passes(a, b, false, 300));
				ok(passes(a, b, true, 300));
			}
}

static void three_nodes_with_one_seed_reach_each_other(void)
{
	chain(false);
}

static void and_over_an_ipv6_underlay(void)
{
	chain(true);
}

static void two_nodes(unsigned first_off_ms)
{
	world(false);
	switch_on(&machines[1]);
	trust(&machines[1], 1);
	seed(&machines[1], &machines[0].at);
	run_ms(first_off_ms);
	switch_on(&machines[0]);
	trust(&machines[0], 2);
}

static void a_seed_that_comes_a_minute_later_is_found(void)
{
	two_nodes(60000);
	run_ms(10000);
	ok(passes(0, 1, false, 300));
}

static void a_seed_that_comes_an_hour_later_is_found(void)
{
	two_nodes(3600000);
	run_ms(600000);
	ok(passes(0, 1, false, 300));
}

static void a_killed_node_is_back_within_five_seconds(void)
{
	two_nodes(10);
	run_ms(3000);
	ok(passes(0, 1, false, 300));
	switch_off(&machines[1]);
	run_ms(30000);
	switch_on(&machines[1]);
	trust(&machines[1], 1);
	seed(&machines[1], &machines[0].at);
	run_ms(4000);
	ok(passes(0, 1, false, 1000));
	ok(passes(1, 0, false, 300));
	/* and the same at once, before anybody noticed that it was gone */
	switch_off(&machines[1]);
	run_ms(50);
	switch_on(&machines[1]);
	trust(&machines[1], 1);
	seed(&machines[1], &machines[0].at);
	run_ms(1000);
	ok(passes(0, 1, false, 1000));
}

static void the_seed_may_be_the_one_that_restarts(void)
{
	two_nodes(10);
	run_ms(3000);
	switch_off(&machines[0]);
	run_ms(20000);
	switch_on(&machines[0]);
	trust(&machines[0], 2);
	run_ms(5000);
	ok(passes(0, 1, false, 1000));
}

static void a_node_whose_clock_goes_back_ten_years_still_handshakes(void)
{
	two_nodes(10);
	run_ms(3000);
	ok(passes(1, 0, false, 300));
	switch_off(&machines[1]);
	now.wall.s -= 10ull * 365 * 86400;
	switch_on(&machines[1]);
	trust(&machines[1], 1);
	seed(&machines[1], &machines[0].at);
	run_ms(3000);
	ok(passes(1, 0, false, 1000));
}

static void a_revoked_peer_is_cut_at_once(void)
{
	two_nodes(10);
	run_ms(3000);
	ok(passes(1, 0, false, 300));
	trust(&machines[0], 0);
	ok(!passes(1, 0, false, 1000));
	ok(!passes(0, 1, false, 1000));
	trust(&machines[0], 2);
	run_ms(5000);
	ok(passes(1, 0, false, 1000));
}

static void who_trusts_nobody_or_is_trusted_by_nobody_hears_nothing(void)
{
	/* 1 trusts 0, but 0 trusts nobody. */
	world(false);
	switch_on(&machines[0]);
	trust(&machines[0], 0);
	switch_on(&machines[1]);
	trust(&machines[1], 1);
	seed(&machines[1], &machines[0].at);
	run_ms(60000);
	eq_int(machines[0].sent, 0);
	ok(machines[1].sent > 3);
	/* 0 trusts 2 now, which does not help 1. */
	trust(&machines[0], 4);
	run_ms(60000);
	eq_int(machines[0].sent, 0);
	ok(!passes(1, 0, false, 1000));
}

static void a_node_whose_address_changes_keeps_its_sessions(void)
{
	two_nodes(10);
	run_ms(3000);
	ok(passes(0, 1, false, 300));
	machines[1].at.ip = ip_v4(198, 51, 100, 7);
	event(&machines[1], &(struct node_event){ .kind = NODE_ADDRESSES,
		.addresses = &machines[1].at.ip, .number = 1 });
	run_ms(500);
	ok(passes(0, 1, false, 500));
	/* Without being told: its next packet shows it. */
	machines[1].at.ip = ip_v4(198, 51, 100, 8);
	ok(passes(1, 0, false, 100));
	run_ms(1500);
	ok(passes(0, 1, false, 100));
}

static void nodes_of_different_prefixes_have_ipv6_only(void)
{
	world(false);
	machines[1].prefix = prefix_of(&(struct ip){ FAMILY_IPV4, { 10 } }, 8);
	switch_on(&machines[0]);
	trust(&machines[0], 2);
	switch_on(&machines[1]);
	trust(&machines[1], 1);
	seed(&machines[1], &machines[0].at);
	run_ms(3000);
	ok(passes(0, 1, true, 300));
	ok(!passes(0, 1, false, 300));
}

static enum report_state state_of(unsigned at, unsigned whom)
{
	struct report_peer r;

	for (uint32_t slot = UINT32_MAX; (slot = node_report_peer(machines[at].node, slot, &r)) != UINT32_MAX;)
		if (!memcmp(&r.key, &machines[whom].public, sizeof(r.key)))
			return r.state;
	return REPORT_UNKNOWN;
}

static void a_leaving_node_is_seen_to_leave_and_a_killed_one_to_die(void)
{
	chain(false);
	eq_int(state_of(0, 2), REPORT_ALIVE);
	eq_int(state_of(2, 1), REPORT_ALIVE);
	event(&machines[2], &(struct node_event){ .kind = NODE_STOP });
	switch_off(&machines[2]);
	run_ms(1000);
	eq_int(state_of(0, 2), REPORT_LEFT);
	eq_int(state_of(1, 2), REPORT_LEFT);
	switch_off(&machines[1]);
	/* Ten seconds of grace for tunnel traffic, then a suspicion. */
	run_ms(13000);
	eq_int(state_of(0, 1), REPORT_DEAD);
	eq_int(state_of(0, 2), REPORT_LEFT);
	switch_on(&machines[2]);
	trust(&machines[2], 3);
	seed(&machines[2], &machines[0].at);
	run_ms(3000);
	eq_int(state_of(0, 2), REPORT_ALIVE);
}

static void a_mesh_lives_with_loss(void)
{
	chain(false);
	loss_percent = 20;
	run_ms(600000);
	for (unsigned a = 0; a < 3; a++)
		for (unsigned b = 0; b < 3; b++)
			if (a != b)
				eq_int(state_of(a, b), REPORT_ALIVE);
}

static void an_idle_mesh_sleeps(void)
{
	chain(false);
	run_ms(200000);
	unsigned before = machines[0].sent;
	run_ms(60000);
	/* Two probes a second and two answers, with room for keepalives. */
	ok(machines[0].sent - before < 360);
}

TAP_TESTS(T(three_nodes_with_one_seed_reach_each_other), T(and_over_an_ipv6_underlay),
	  T(a_seed_that_comes_a_minute_later_is_found), T(a_seed_that_comes_an_hour_later_is_found),
	  T(a_killed_node_is_back_within_five_seconds), T(the_seed_may_be_the_one_that_restarts),
	  T(a_node_whose_clock_goes_back_ten_years_still_handshakes),
	  T(a_revoked_peer_is_cut_at_once),
	  T(who_trusts_nobody_or_is_trusted_by_nobody_hears_nothing),
	  T(a_node_whose_address_changes_keeps_its_sessions),
	  T(nodes_of_different_prefixes_have_ipv6_only),
	  T(a_leaving_node_is_seen_to_leave_and_a_killed_one_to_die), T(a_mesh_lives_with_loss),
	  T(an_idle_mesh_sleeps))
