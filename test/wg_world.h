/* wg_world.h - engines that talk over a pretended wire in pretended time.
 *
 * Time jumps to the next thing that is due: a datagram's arrival or an engine's deadline. A
 * test may lose, copy or forge datagrams in world.meddle, and sees what came out of the TUN.
 */
#ifndef TEST_WG_WORLD_H
#define TEST_WG_WORLD_H

#include "base/rng.h"
#include "contexts.h"
#include "crypto/curve.h"
#include "tap.h"
#include "wg/engine.h"

#define WORLD_NODES 4
#define WORLD_WIRE 4096
#define WORLD_DELAY span_ms(20)

struct world_datagram {
	struct instant at;
	uint64_t number;           /* tells who was first when two arrive at once */
	struct endpoint from, to;
	uint8_t ecn;
	uint32_t len;
	uint8_t *data;
};

struct world_node {
	struct wg *wg;
	struct random random;
	struct endpoint address;
	struct dh_secret secret;
	struct dh_public key;
	struct allowedips *routes;
	uint32_t delivered;        /* packets to the TUN */
	uint8_t last[65536];       /* the last of them */
	uint32_t last_len;
	uint32_t facts[4];         /* by kind */
	struct wg_fact last_fact[4];
	uint32_t sent[5];          /* datagrams by type */
	struct instant last_sent[5];
	uint32_t sent_bytes, wakeups;
	struct endpoint last_to;
	uint8_t last_ecn;
};

struct world {
	struct moment now;
	struct rng rng;
	struct world_node nodes[WORLD_NODES];
	uint32_t count;
	struct world_datagram *wire; /* unordered */
	uint32_t in_flight;
	uint64_t put;
	/* True: the datagram is lost. It may be changed. */
	bool (*meddle)(struct world *w, struct world_node *from, struct world_datagram *d);
	void *ctx;
	struct outbox out;
	struct out items[512];
	uint8_t arena[512 * 1024];
};

static struct world *world_new(uint64_t seed)
{
	struct world *w = calloc(1, sizeof(*w));

	test_crypto();
	w->wire = calloc(WORLD_WIRE, sizeof(*w->wire));
	w->now.boot.ns = span_s(1000).ns;
	w->now.wall.s = 1700000000;
	rng_init(&w->rng, seed);
	outbox_init(&w->out, w->items, 512, w->arena, sizeof(w->arena));
	return w;
}

static void world_free(struct world *w)
{
	for (uint32_t i = 0; i < w->count; i++) {
		free(w->nodes[i].wg);
		free(w->nodes[i].routes);
	}
	for (uint32_t i = 0; i < w->in_flight; i++)
		free(w->wire[i].data);
	free(w->wire);
	free(w);
}

static void world_random(struct world *w, void *out, size_t len)
{
	for (size_t i = 0; i < len; i++)
		((uint8_t *)out)[i] = (uint8_t)rng_u64(&w->rng);
}

static struct world_node *world_add(struct world *w, bool roam, struct wg_limits limits)
{
	struct world_node *n = &w->nodes[w->count++];
	struct wg_config config = { .limits = limits, .random = &n->random, .roam = roam };
	size_t size = wg_size(&limits), routes = allowedips_size(64, limits.peers);
	uint8_t entropy[32];

	world_random(w, entropy, sizeof(entropy));
	random_init(&n->random, entropy);
	world_random(w, config.hash_key, sizeof(config.hash_key));
	world_random(w, n->secret.b, sizeof(n->secret.b));
	x25519_clamp(&n->secret);
	x25519_public(&n->key, &n->secret);
	n->address = (struct endpoint){ .ip = ip_v4(192, 0, 2, (uint8_t)w->count), .port = 51820 };

	n->wg = aligned_alloc(64, size);
	memset(n->wg, 0, size);
	n->wg = wg_init(n->wg, &config, w->now.boot);
	n->routes = aligned_alloc(64, (routes + 63) / 64 * 64);
	memset(n->routes, 0, routes);
	n->routes = allowedips_init(n->routes, 64, limits.peers);
	wg_set_routes(n->wg, n->routes);
	wg_set_private(n->wg, &n->secret, w->now.boot);
	return n;
}

/* The address inside the tunnel of a node. */
static struct ip world_inner(const struct world *w, const struct world_node *n)
{
	return ip_v4(10, 0, 0, (uint8_t)(n - w->nodes + 1));
}

/* Makes `of` a peer of n: routed, and reachable if asked for. */
static uint32_t world_peer(struct world *w, struct world_node *n, const struct world_node *of,
			   bool endpoint)
{
	uint32_t peer = wg_peer_add(n->wg, &of->key, (uint32_t)(of - w->nodes), w->now.boot);
	struct ip ip = world_inner(w, of);
	struct prefix p = prefix_of(&ip, 32);

	BUG_ON(peer == WG_NONE || !allowedips_insert(n->routes, &p, peer));
	if (endpoint)
		wg_peer_set_endpoint(n->wg, peer, &of->address);
	return peer;
}

static void world_put(struct world *w, const struct world_datagram *d)
{
	struct world_datagram *copy = &w->wire[w->in_flight++];

	BUG_ON(w->in_flight > WORLD_WIRE);
	*copy = *d;
	copy->number = w->put++;
	copy->data = malloc(d->len ? d->len : 1);
	memcpy(copy->data, d->data, d->len);
}

/* What a node put into the outbox goes to the wire or to its TUN; and its facts are counted. */
static void world_drain(struct world *w, struct world_node *n)
{
	struct wg_fact fact;

	for (uint32_t i = 0; i < w->out.count; i++) {
		struct out *o = &w->out.items[i];
		struct world_datagram d = {
			.at = instant_add(w->now.boot, WORLD_DELAY), .from = n->address,
			.to = o->to, .ecn = o->ecn, .len = o->len, .data = o->data,
		};

		if (o->kind == OUT_PACKET) {
			n->delivered++;
			n->last_len = o->len;
			memcpy(n->last, o->data, o->len);
			continue;
		}
		n->sent_bytes += o->len;
		n->last_to = o->to;
		n->last_ecn = o->ecn;
		for (uint32_t at = 0; at < o->len; at += d.len) {
			d.data = o->data + at;
			d.len = o->segment && o->segment < o->len - at ? o->segment : o->len - at;
			n->sent[d.data[0]]++;
			n->last_sent[d.data[0]] = w->now.boot;
			if (!w->meddle || !w->meddle(w, n, &d))
				world_put(w, &d);
		}
	}
	outbox_clear(&w->out);
	while (wg_next_fact(n->wg, &fact)) {
		n->facts[fact.kind]++;
		n->last_fact[fact.kind] = fact;
	}
}

static void world_input(struct world *w, struct world_node *n, const struct endpoint *from,
			uint8_t ecn, struct bytes datagram)
{
	wg_input(n->wg, w->now, from, ecn, datagram, &w->out);
	world_drain(w, n);
}

static void world_arrive(struct world *w, uint32_t which)
{
	struct world_datagram d = w->wire[which];

	w->wire[which] = w->wire[--w->in_flight];
	for (uint32_t i = 0; i < w->count; i++)
		if (endpoint_equal(&w->nodes[i].address, &d.to))
			world_input(w, &w->nodes[i], &d.from, d.ecn, bytes_of(d.data, d.len));
	free(d.data);
}

/* The earliest datagram on the wire; the first put wins a tie. */
static uint32_t world_first(const struct world *w)
{
	uint32_t first = 0;

	for (uint32_t i = 1; i < w->in_flight; i++) {
		const struct world_datagram *a = &w->wire[i], *b = &w->wire[first];

		if (a->at.ns < b->at.ns || (a->at.ns == b->at.ns && a->number < b->number))
			first = i;
	}
	return first;
}

static void world_set_time(struct world *w, struct instant t)
{
	uint64_t ns;

	if (!instant_before(w->now.boot, t))
		return;
	ns = w->now.wall.ns + (t.ns - w->now.boot.ns);
	w->now.wall.s += ns / 1000000000u;
	w->now.wall.ns = (uint32_t)(ns % 1000000000u);
	w->now.boot = t;
}

/* Lets all that is due happen, in order, until that instant. */
static void world_run_until(struct world *w, struct instant end)
{
	for (;;) {
		struct instant next = INSTANT_NEVER;
		uint32_t who = w->count, first = world_first(w);

		if (w->in_flight)
			next = w->wire[first].at;
		for (uint32_t i = 0; i < w->count; i++)
			if (instant_before(wg_deadline(w->nodes[i].wg), next)) {
				next = wg_deadline(w->nodes[i].wg);
				who = i;
			}
		if (instant_before(end, next) || next.ns == INSTANT_NEVER.ns)
			break;
		world_set_time(w, next);
		if (who == w->count) {
			world_arrive(w, first);
			continue;
		}
		w->nodes[who].wakeups++;
		wg_tick(w->nodes[who].wg, w->now, &w->out);
		world_drain(w, &w->nodes[who]);
	}
	world_set_time(w, end);
}

static void world_run(struct world *w, struct span time)
{
	world_run_until(w, instant_add(w->now.boot, time));
}

/* An IPv4 packet of len bytes from one node to another, with a number in it. */
static struct bytes world_packet(const struct world *w, const struct world_node *from,
				 const struct world_node *to, uint32_t len, uint32_t number)
{
	static uint8_t p[65536];
	struct ip source = world_inner(w, from), destination = world_inner(w, to);

	memset(p, 0, len);
	p[0] = 0x45;
	store_be16(p + 2, (uint16_t)len);
	memcpy(p + 12, source.b, 4);
	memcpy(p + 16, destination.b, 4);
	store_be32(p + 20, number);
	return bytes_of(p, len);
}

static bool world_send(struct world *w, struct world_node *from, const struct world_node *to,
		       uint32_t len, uint32_t number)
{
	bool sent = wg_route(from->wg, w->now, world_packet(w, from, to, len, number), &w->out);

	world_drain(w, from);
	return sent;
}

/* A small packet there and one back, as ping does; true if both arrived within a second. */
static bool world_ping(struct world *w, struct world_node *a, struct world_node *b)
{
	uint32_t at_a = a->delivered, at_b = b->delivered;

	world_send(w, a, b, 84, 1);
	world_run(w, span_ms(100));
	if (b->delivered == at_b)
		return false;
	world_send(w, b, a, 84, 1);
	world_run(w, span_ms(100));
	return a->delivered > at_a;
}

/* Two nodes that are peers of each other. */
static struct world *world_pair(uint64_t seed, bool roam)
{
	struct world *w = world_new(seed);
	struct wg_limits limits = { .peers = 8, .sessions = 16, .staged_packets = 256 };
	struct world_node *a = world_add(w, roam, limits), *b = world_add(w, roam, limits);

	world_peer(w, a, b, true);
	world_peer(w, b, a, true);
	return w;
}

#endif
