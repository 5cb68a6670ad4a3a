/* node_world.h - whole nodes on a virtual wire in virtual time: the same objects that the daemon
 * drives. Each machine has its own keys, address and disk (the clock); time passes from one
 * deadline or arrival to the next. */
#ifndef TEST_NODE_WORLD_H
#define TEST_NODE_WORLD_H

#include "tap.h"

#include "contexts.h"
#include "crypto/curve.h"
#include "identity/address.h"
#include "node/node.h"

#include <sys/mman.h>

#ifndef NODES
#define NODES 4
#endif
#ifndef MEMBERS
#define MEMBERS 64
#endif
#define DELAY span_ms(1)
#define FLYING 4096

struct machine {
	struct node *node;          /* NULL: off */
	void *memory;
	size_t size;
	struct public_key public;
	struct secret_key secret;
	struct endpoint at;         /* where it is reached */
	struct instant due;         /* its deadline */
	struct prefix prefix;
	uint8_t clock[NODE_CLOCK_LEN];
	bool has_clock;
	uint8_t peers[NODE_PEERS_MAX];
	uint32_t peers_len;
	bool closed, open;          /* see node_config */
	enum relay_mode relay;
	struct statement said[64];   /* what it kept on its disk */
	unsigned said_count;
	int64_t wall_ahead_s;       /* how wrong its wall clock is */
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
static void (*on_out)(struct machine *m, const struct out *o);  /* sees all that nodes send */
static void (*on_arrival)(struct machine *m, const struct flying *f); /* and all that arrives */
static bool (*cut)(const struct machine *m, const struct out *o); /* this datagram is lost */
static uint64_t loss_state;

static inline void fresh_entropy(uint8_t out[32])
{
	memset(out, 0, 32);
	store_be64(out, ++entropy_count);
}

static inline void set_time(struct instant t)
{
	if (t.ns <= now.boot.ns)
		return;
	uint64_t passed = t.ns - now.boot.ns + now.wall.ns;

	now.boot = t;
	now.wall.s += passed / 1000000000u;
	now.wall.ns = (uint32_t)(passed % 1000000000u);
}

static inline bool lost(void)
{
	loss_state = loss_state * 6364136223846793005u + 1442695040888963407u;
	return (loss_state >> 33) % 100 < loss_percent;
}

static inline void carry_out(struct machine *m)
{
	for (uint32_t i = 0; i < actions.out.count; i++) {
		const struct out *o = &actions.out.items[i];

		if (on_out)
			on_out(m, o);
		if (o->kind == OUT_PACKET) {
			m->got_packets++;
			m->last_len = o->len < sizeof(m->last_packet) ? o->len : 0;
			memcpy(m->last_packet, o->data, m->last_len);
			continue;
		}
		m->sent++;
		if (in_flight == FLYING || o->len > sizeof(wire->data) || lost() ||
		    (cut && cut(m, o)))
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
	if (actions.save_peers) {
		memcpy(m->peers, actions.peers, actions.peers_len);
		m->peers_len = actions.peers_len;
		actions.save_peers = false;
	}
	if (actions.save_statement) {
		ok(m->said_count < sizeof(m->said) / sizeof(*m->said));
		m->said[m->said_count++] = actions.statement;
		actions.save_statement = false;
	}
}

/* What arrives at one moment is given to the node at once; and how much of it was taken at once. */
static bool in_batches;
static uint32_t longest_run;

/* One event, or datagrams that came together. */
static inline void events(struct machine *m, const struct node_event *e, uint32_t count)
{
	struct moment its = now;
	uint8_t entropy[32];

	if (!m->node)
		return;
	its.wall.s += (uint64_t)m->wall_ahead_s;
	fresh_entropy(entropy);
	node_entropy(m->node, entropy);
	for (uint32_t done = 0; done < count && m->node;) {
		if (count == 1) {
			node_step(m->node, its, e, &actions);
			done++;
		} else {
			uint32_t taken = node_datagrams(m->node, its, e + done, count - done,
							&actions);

			ok(taken > 0 && taken <= count - done);
			longest_run = taken > longest_run ? taken : longest_run;
			done += taken;
		}
		m->due = node_deadline(m->node);
		ok(!actions.out.refused);
		carry_out(m);
	}
}

static inline void event(struct machine *m, const struct node_event *e)
{
	events(m, e, 1);
}

/* All that comes at the moment of wire[i] to the same place, as one batch. */
static inline void deliver_batch(unsigned i)
{
	static struct flying batch[32];
	static struct node_event e[32];
	const struct instant at = wire[i].at;
	const struct endpoint to = wire[i].to;
	uint32_t count = 0;

	for (unsigned k = 0; k < in_flight && count < 32;) {
		if (wire[k].at.ns != at.ns || !endpoint_equal(&wire[k].to, &to)) {
			k++;
			continue;
		}
		batch[count++] = wire[k];
		wire[k] = wire[--in_flight];
	}
	for (uint32_t k = 0; k < count; k++) {
		e[k] = (struct node_event){ .kind = NODE_DATAGRAM, .from = batch[k].from,
					    .data = bytes_of(batch[k].data, batch[k].len) };
		e[k].from.local = to.ip;
	}
	for (unsigned k = 0; k < NODES; k++)
		if (endpoint_equal(&machines[k].at, &to))
			events(&machines[k], e, count);
}

static inline void deliver(unsigned i)
{
	if (in_batches) {
		deliver_batch(i);
		return;
	}
	struct flying f = wire[i];
	struct node_event e = { .kind = NODE_DATAGRAM, .from = f.from,
				.data = bytes_of(f.data, f.len) };

	wire[i] = wire[--in_flight];
	for (unsigned k = 0; k < NODES; k++) {
		if (!endpoint_equal(&machines[k].at, &f.to))
			continue;
		if (on_arrival)
			on_arrival(&machines[k], &f);
		e.from.local = f.to.ip;
		event(&machines[k], &e);
	}
}

static inline void run_until(struct instant end)
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
			if (machines[i].node && machines[i].due.ns < first.ns) {
				first = machines[i].due;
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

static inline void run_ms(uint64_t ms)
{
	run_until(instant_add(now.boot, span_ms(ms)));
}

static inline void switch_off(struct machine *m)
{
	if (!m->node)
		return;
	node_wipe(m->node);
	munmap(m->memory, m->size);
	m->node = NULL;
}

static inline void switch_on(struct machine *m)
{
	struct node_config config = {
		.members = MEMBERS, .sessions = 3 * MEMBERS, .port = MESH_PORT, .mtu = MESH_MTU,
		.interface = "mg0", .prefix = m->prefix, .secret = m->secret, .public = m->public,
	};

	config.closed = m->closed;
	config.open = m->open;
	config.relay = m->relay;
	config.peers = bytes_of(m->peers, m->peers_len);
	if (m->has_clock)
		config.clock = bytes_of(m->clock, sizeof(m->clock));
	fresh_entropy(config.entropy);
	m->size = node_size(MEMBERS, 3 * MEMBERS);
	m->memory = mmap(NULL, m->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (m->memory == MAP_FAILED)
		abort();
	struct moment its = now;
	its.wall.s += (uint64_t)m->wall_ahead_s;
	m->node = node_init(m->memory, &config, its);
	event(m, &(struct node_event){ .kind = NODE_ADDRESSES, .addresses = &m->at.ip,
				       .number = 1 });
}

/* A bit a machine. */
static inline void trust(struct machine *m, unsigned whom)
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

static inline void seed(struct machine *m, const struct endpoint *at)
{
	event(m, &(struct node_event){ .kind = NODE_SEED, .from = *at });
}

static inline void world(bool ipv6)
{
	static struct out items[1024];
	static uint8_t arena[4u << 20];

	test_crypto();
	for (unsigned i = 0; i < NODES; i++)
		switch_off(&machines[i]);
	memset(machines, 0, sizeof(machines));
	in_flight = 0;
	loss_percent = 0;
	on_out = NULL;
	on_arrival = NULL;
	cut = NULL;
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

/* The first two of the world trust each other, and the second one asks the first. */
static inline void start_pair(void)
{
	switch_on(&machines[0]);
	trust(&machines[0], 2);
	switch_on(&machines[1]);
	trust(&machines[1], 1);
	seed(&machines[1], &machines[0].at);
}

/* An IP packet with only a header and a mark, from one mesh address to another. */
static inline size_t make_packet(uint8_t *p, unsigned from, unsigned to, bool ipv6, uint8_t mark)
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
static inline bool passes(unsigned from, unsigned to, bool ipv6, uint64_t within_ms)
{
	static uint8_t mark;
	uint8_t p[64];
	size_t len = make_packet(p, from, to, ipv6, ++mark);
	unsigned before = machines[to].got_packets;

	event(&machines[from], &(struct node_event){ .kind = NODE_PACKET,
						     .data = bytes_of(p, len) });
	for (uint64_t t = 0; t < within_ms && machines[to].got_packets == before; t += 10)
		run_ms(10);
	return machines[to].got_packets == before + 1 && machines[to].last_len == len &&
	       !memcmp(machines[to].last_packet, p, len);
}

#endif
