/* spread_world.h - a world of spreads joined directly: one latency for all, losses, virtual time.
 * Slot j of each node is node j. */
#ifndef TEST_SPREAD_WORLD_H
#define TEST_SPREAD_WORLD_H

#include "tap.h"
#include "contexts.h"

#include "base/rng.h"
#include "crypto/curve.h"
#include "org/spread.h"
#include "org/wire.h"

#define NODES 101u
#define ORGS 4u
#define PERSONS 1200u          /* keys that orgs talk about */
#define FLIGHT 65536u          /* messages on their way, at most */
#define WALL 1000000u          /* unix seconds at the beginning */
#define LATENCY_MS 20u
#define HEADERS (73u + 48u)    /* what a datagram has besides the payload, over IPv6 */

struct keys {
	struct public_key pk;
	struct secret_key sk;
};

struct node {
	struct spread *spread;
	struct statement_store *statements;
	struct certificate_store *certificates;
	void *memory[3];
	uint64_t objects, others; /* messages sent: OBJECTS; neither these nor ORGS */
	bool mute;                /* what it says is lost */
};

struct letter {
	uint32_t from, to;
	struct instant at;
	uint32_t len;
	uint8_t bytes[CHANNEL_PAYLOAD_MAX];
};

static struct keys node_keys[NODES], org_keys[ORGS], persons[PERSONS];
static struct node nodes[NODES];
static uint32_t node_count;
static struct letter *flight;
static uint32_t flight_first, flight_count;
static struct instant clock_now;
static unsigned loss_permille;
static struct rng chance;
static uint64_t wire_bytes;      /* headers included */
static void (*watch)(const struct letter *l);

static uint64_t wall_now(void)
{
	return WALL + clock_now.ns / 1000000000u;
}

static void make_keys(struct keys *keys, unsigned count, uint8_t kind)
{
	for (unsigned i = 0; i < count; i++) {
		const uint8_t seed[32] = { kind, (uint8_t)(i >> 8), (uint8_t)i, 1 };

		ed25519_from_seed(&keys[i].pk, &keys[i].sk, seed);
	}
}

static void world_keys(void)
{
	test_crypto();
	make_keys(node_keys, NODES, 1);
	make_keys(org_keys, ORGS, 2);
	make_keys(persons, PERSONS, 3);
	flight = calloc(FLIGHT, sizeof(*flight));
}

/* --- objects */

static struct certificate certify_for(unsigned org, const struct public_key *key, uint64_t begins,
				      uint64_t ends)
{
	struct certificate_body b = { .org = org_keys[org].pk, .node = *key, .not_before = begins,
				      .expires = ends, .name = "n" };
	struct certificate c;

	ok(certificate_sign(&b, &org_keys[org].sk, &c));
	return c;
}

static struct certificate certify(unsigned org, unsigned person)
{
	return certify_for(org, &persons[person].pk, WALL - 10, WALL + 1000000);
}

static struct statement say(enum statement_kind kind, unsigned org, unsigned person,
			    uint64_t number)
{
	struct statement_body b = { .kind = kind, .issuer = org_keys[org].pk,
				    .subject = persons[person].pk, .number = number,
				    .issued = WALL - 10 };
	struct statement s;

	if (kind == STATEMENT_ALIAS)
		memcpy(b.name, "al", 3);
	ok(statement_sign(&b, &org_keys[org].sk, NULL, &s));
	return s;
}

/* --- the world */

static void trust(uint32_t node, unsigned orgs)
{
	struct public_key list[ORGS];
	unsigned count = 0;

	for (unsigned i = 0; i < ORGS; i++)
		if (orgs >> i & 1)
			list[count++] = org_keys[i].pk;
	spread_orgs(nodes[node].spread, list, count, clock_now);
}

static void start_node(uint32_t i, uint32_t statements, uint32_t certificates, uint64_t seed)
{
	static const uint8_t hash_key[16] = { 9 };
	struct node *n = &nodes[i];
	struct spread_config config = { .members = NODES, .seed = seed * 1000 + i,
					.self = node_keys[i].pk };

	for (unsigned k = 0; k < 3; k++)
		free(n->memory[k]);
	*n = (struct node){ 0 };
	n->memory[0] = calloc(1, statement_store_size(statements));
	n->memory[1] = calloc(1, certificate_store_size(certificates));
	n->memory[2] = calloc(1, spread_size(NODES, statements, certificates));
	n->statements = statement_store_init(n->memory[0], statements, hash_key);
	n->certificates = certificate_store_init(n->memory[1], certificates, hash_key);
	config.statements = n->statements;
	config.certificates = n->certificates;
	n->spread = spread_init(n->memory[2], &config, clock_now);
	for (uint32_t j = 0; j < NODES; j++)
		if (j != i)
			spread_admit(n->spread, j, &node_keys[j].pk);
}

/* `count` nodes that do not reach each other yet, and trust no org. */
static void world(uint32_t count, uint32_t statements, uint32_t certificates, uint64_t seed)
{
	clock_now = (struct instant){ 5000000000u };
	node_count = count;
	flight_count = 0;
	loss_permille = 0;
	watch = NULL;
	rng_init(&chance, seed);
	for (uint32_t i = 0; i < count; i++)
		start_node(i, statements, certificates, seed);
	wire_bytes = 0;
}

static inline void link_nodes(uint32_t a, uint32_t b, bool yes)
{
	spread_reachable(nodes[a].spread, b, yes, clock_now);
	spread_reachable(nodes[b].spread, a, yes, clock_now);
}

static inline void link_all(void)
{
	for (uint32_t i = 0; i < node_count; i++)
		for (uint32_t j = 0; j < i; j++)
			link_nodes(i, j, true);
}

static void post(uint32_t from, uint32_t to, const uint8_t *bytes, uint32_t len)
{
	struct letter *l = &flight[(flight_first + flight_count) % FLIGHT];

	if (flight_count == FLIGHT) {
		TAP_FAIL("%s", "as much is on its way as fits");
		return;
	}
	l->from = from;
	l->to = to;
	l->at = instant_add(clock_now, span_ms(LATENCY_MS));
	l->len = len;
	memcpy(l->bytes, bytes, len);
	wire_bytes += len + HEADERS;
	nodes[from].objects += bytes[0] == SPREAD_MSG_OBJECTS;
	nodes[from].others += bytes[0] != SPREAD_MSG_OBJECTS && bytes[0] != SPREAD_MSG_ORGS;
	if (watch)
		watch(l);
	if (!nodes[from].mute && rng_below(&chance, 1000) >= loss_permille)
		flight_count++;
}

static struct out out_items[256];
static uint8_t out_arena[256 * 2048];
static struct outbox outbox;

static void send_out(uint32_t from)
{
	struct spread_message m;

	for (uint32_t i = 0; i < outbox.count; i++) {
		const struct out *o = &outbox.items[i];

		ok(o->kind == OUT_MESSAGE && o->slot < node_count && o->slot != from);
		ok(spread_decode(bytes_of(o->data, o->len), &m));
		post(from, o->slot, o->data, o->len);
	}
	eq_int(outbox.refused, 0);
	outbox_init(&outbox, out_items, 256, out_arena, sizeof(out_arena));
}

/* What `from` says reaches `to` at once. */
static void hand(uint32_t from, uint32_t to, const void *bytes, size_t len)
{
	outbox_init(&outbox, out_items, 256, out_arena, sizeof(out_arena));
	spread_input(nodes[to].spread, clock_now, wall_now(), from, bytes_of(bytes, len), &outbox);
	send_out(to);
}

static void run_ms(uint64_t ms)
{
	struct instant until = instant_add(clock_now, span_ms(ms));

	for (;;) {
		struct instant next = flight_count ? flight[flight_first].at : INSTANT_NEVER;
		uint32_t who = NODES;

		for (uint32_t i = 0; i < node_count; i++) {
			struct instant at = spread_deadline(nodes[i].spread);

			if (instant_before(at, next)) {
				next = at;
				who = i;
			}
		}
		if (!instant_before(next, until))
			break;
		if (instant_before(clock_now, next))
			clock_now = next;
		if (who == NODES) {
			struct letter *l = &flight[flight_first];

			hand(l->from, l->to, l->bytes, l->len);
			flight_first = (flight_first + 1) % FLIGHT;
			flight_count--;
			continue;
		}
		outbox_init(&outbox, out_items, 256, out_arena, sizeof(out_arena));
		spread_tick(nodes[who].spread, clock_now, wall_now(), &outbox);
		send_out(who);
		ok(instant_before(clock_now, spread_deadline(nodes[who].spread)));
	}
	clock_now = until;
}

/* --- what they hold */

static inline bool has_statement(uint32_t node, enum statement_kind kind, unsigned org,
				 unsigned person)
{
	return statement_store_find(nodes[node].statements, kind, &org_keys[org].pk,
				    &persons[person].pk) != STATEMENT_NONE;
}

static inline bool has_certificate(uint32_t node, unsigned org, unsigned person)
{
	return certificate_store_find(nodes[node].certificates, &org_keys[org].pk,
				      &persons[person].pk) != CERTIFICATE_NONE;
}

static uint32_t held(uint32_t node)
{
	return statement_store_count(nodes[node].statements)
	     + certificate_store_count(nodes[node].certificates);
}

static const struct spread_counters *counters(uint32_t node)
{
	return spread_counters(nodes[node].spread);
}

static enum spread_put give_statement(uint32_t node, const struct statement *s)
{
	return spread_statement(nodes[node].spread, s, clock_now);
}

static enum spread_put give_certificate(uint32_t node, const struct certificate *c)
{
	return spread_certificate(nodes[node].spread, c, clock_now, wall_now());
}

#endif
