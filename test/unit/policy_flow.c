/* The table of open flows: states, timeouts, who is evicted; and a naive twin. */
#include "policy/flow.h"

#include "base/rng.h"
#include "packet/tcp.h"
#include "tap.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static const uint8_t hash_key[16] = "sixteen bytes...";

/* At a line of its own, so that the table lies where its memory begins. */
static struct flows *fresh(uint32_t cap, uint32_t peers)
{
	size_t size = (flows_size(cap, peers) + 63) & ~(size_t)63;
	void *memory = aligned_alloc(64, size);

	memset(memory, 0, size);
	return flows_init(memory, cap, peers, hash_key);
}

static struct flow_key key(uint8_t protocol, uint32_t peer, uint16_t local_port,
			   uint16_t remote_port)
{
	struct flow_key k = { .peer = peer, .local_port = local_port, .remote_port = remote_port,
			      .protocol = protocol, .version = 4 };

	memcpy(k.local, "\x0a\x63\0\1", 4);
	memcpy(k.remote, "\x0a\x63\1", 3);
	k.remote[3] = (uint8_t)peer;
	return k;
}

static struct instant at(uint64_t s)
{
	return instant_add(INSTANT_ZERO, span_s(s));
}

/* --- states */

static uint8_t tcp_flags(const char *letters)
{
	uint8_t flags = 0;

	for (; *letters && *letters != ' '; letters++)
		flags |= *letters == 'S' ? TCP_SYN :
			 *letters == 'A' ? TCP_ACK :
			 *letters == 'F' ? TCP_FIN :
					   TCP_RST;
	return flags;
}

/* Segments after the first one: '>' from the opener, '<' from the other. */
static void tcp_comes_and_goes(void)
{
	static const struct {
		const char *segments;
		enum flow_state ours, theirs; /* who opened */
	} rows[] = {
		{ "", FLOW_SYN, FLOW_SYN },
		{ ">S >S", FLOW_SYN, FLOW_SYN },
		{ "<SA", FLOW_ANSWERED, FLOW_ANSWERED },
		{ "<SA <SA", FLOW_ANSWERED, FLOW_ANSWERED },
		{ "<SA >A", FLOW_ESTABLISHED, FLOW_ESTABLISHED },
		{ "<S >SA <A", FLOW_ESTABLISHED, FLOW_ESTABLISHED }, /* both at once */
		{ "<A >A", FLOW_ESTABLISHED, FLOW_ESTABLISHED },     /* found under way */
		{ "<SA >A >S", FLOW_ESTABLISHED, FLOW_ESTABLISHED },
		{ "<RA", FLOW_RESET, FLOW_RESET },
		{ "<SA >R", FLOW_RESET, FLOW_RESET },
		{ "<SA >A >FA", FLOW_HALF_CLOSED, FLOW_HALF_CLOSED },
		{ "<SA >A <FA >A", FLOW_HALF_CLOSED, FLOW_HALF_CLOSED },
		{ "<SA >A >FA <FA >A", FLOW_CLOSED, FLOW_CLOSED },
		{ "<SA >A <FA >FA <A", FLOW_CLOSED, FLOW_CLOSED },
		{ ">FA", FLOW_SYN, FLOW_SYN }, /* FIN alone proves nothing */
		{ ">FA <A", FLOW_ANSWERED, FLOW_ANSWERED },
		{ ">FA <FA >A", FLOW_CLOSED, FLOW_CLOSED },
		{ "<SA >A >FA <FA >A >S", FLOW_SYN, FLOW_SYN }, /* begun anew */
		{ "<SA >A >FA <FA >A >S <SA >A", FLOW_ESTABLISHED, FLOW_ESTABLISHED },
		{ "<RA >S <SA >A", FLOW_ESTABLISHED, FLOW_ESTABLISHED },
		/* only this host knows whether it believed a reset */
		{ "<SA >A <R >A", FLOW_ESTABLISHED, FLOW_RESET },
		{ "<SA >A >R <A", FLOW_RESET, FLOW_ESTABLISHED },
		{ "<SA >A >FA <R >A", FLOW_HALF_CLOSED, FLOW_RESET },
	};

	for (size_t i = 0; i < 2 * COUNT(rows); i++) {
		bool ours = i % 2;
		struct flows *t = fresh(4, 2);
		struct flow_key k = key(PROTO_TCP, 1, 40000, 22);
		uint32_t slot = flow_open(t, &k, ours, at(1));
		const char *seg = rows[i / 2].segments;
		enum flow_state want = ours ? rows[i / 2].ours : rows[i / 2].theirs;

		for (; seg && *seg; seg = strchr(seg, ' ') ? strchr(seg, ' ') + 1 : NULL)
			flow_packet(t, slot, (*seg == '>') == ours, tcp_flags(seg + 1), at(1));
		if (flow_at(t, slot)->state != want)
			TAP_FAIL("\"%s\" of %s: %u, want %u", rows[i / 2].segments,
				 ours ? "ours" : "theirs", flow_at(t, slot)->state, want);
		free(t);
	}
}

static void others_have_one_way_or_two(void)
{
	struct flows *t = fresh(4, 2);
	struct flow_key k = key(PROTO_UDP, 1, 53, 999);
	uint32_t slot = flow_open(t, &k, false, at(1));

	eq_int(flow_at(t, slot)->state, FLOW_ONE_WAY);
	flow_packet(t, slot, false, 0, at(1));
	eq_int(flow_at(t, slot)->state, FLOW_ONE_WAY);
	flow_packet(t, slot, true, 0, at(1));
	flow_packet(t, slot, false, 0, at(1));
	eq_int(flow_at(t, slot)->state, FLOW_TWO_WAYS);
	free(t);
}

static void a_flow_ends_when_it_is_idle(void)
{
	static const struct {
		const char *segments; /* NULL: UDP, one way; "": UDP, answered */
		uint64_t seconds;
		bool lasts;           /* more packets keep it */
	} rows[] = {
		{ ">S", 60, true },
		{ "<SA", 60, true },
		{ "<SA >A", 432000, true },
		{ "<SA >A >FA", 120, true },
		{ "<SA >A >FA <FA", 120, false },
		{ "<SA >A >R", 10, false },
		{ NULL, 30, true },
		{ "", 180, true },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct flows *t = fresh(4, 2);
		bool udp = !rows[i].segments || !*rows[i].segments;
		struct flow_key k = key(udp ? PROTO_UDP : PROTO_TCP, 1, 40000, 22);
		uint32_t slot = flow_open(t, &k, true, at(1));
		const char *seg = udp ? NULL : rows[i].segments;

		for (; seg; seg = strchr(seg, ' ') ? strchr(seg, ' ') + 1 : NULL)
			flow_packet(t, slot, *seg == '>', tcp_flags(seg + 1), at(1));
		if (udp && rows[i].segments)
			flow_packet(t, slot, false, 0, at(1));
		eq_int(flow_find(t, &k, at(rows[i].seconds)), slot);
		flow_packet(t, slot, udp, TCP_ACK, at(rows[i].seconds));
		if (rows[i].lasts)
			eq_int(flow_find(t, &k, at(1 + rows[i].seconds)), slot);
		eq_int(flow_find(t, &k, at(rows[i].seconds * (rows[i].lasts ? 3 : 1) + 1)),
		       FLOW_NONE);
		eq_int(flows_count(t), 0);
		eq_int(flows_counts(t)->expired, 1);
		free(t);
	}
}

static void each_part_of_the_key_counts(void)
{
	struct flows *t = fresh(64, 4);
	struct flow_key base = key(PROTO_UDP, 1, 5, 6), other[8];

	for (size_t i = 0; i < COUNT(other); i++)
		other[i] = base;
	other[0].peer = 2;
	other[1].local_port = 6;
	other[2].remote_port = 5;
	other[3].protocol = PROTO_TCP;
	other[4].version = 6;
	other[5].local[15] = 1;
	other[6].remote[0] = 11;
	other[7].local_port = 6, other[7].remote_port = 5;
	flow_open(t, &base, true, at(1));
	for (size_t i = 0; i < COUNT(other); i++) {
		eq_int(flow_find(t, &other[i], at(1)), FLOW_NONE);
		flow_open(t, &other[i], true, at(1));
	}
	for (size_t i = 0; i < COUNT(other); i++)
		eq_int(flow_find(t, &other[i], at(1)), i + 1);
	eq_int(flow_find(t, &base, at(1)), 0);
	flow_close(t, 0);
	eq_int(flow_find(t, &base, at(1)), FLOW_NONE);
	eq_int(flows_of_peer(t, 1), 7);
	flow_close_peer(t, 1);
	eq_int(flows_of_peer(t, 1), 0);
	eq_int(flows_count(t), 1);
	eq_int(flow_find(t, &other[0], at(1)), 1);
	free(t);
}

/* Between the fetching of a flow and the look for it others may go and come. */
static void what_was_fetched_may_be_gone(void)
{
	struct flows *t = fresh(4, 4);
	struct flow_key k = key(PROTO_UDP, 1, 5, 6), other = key(PROTO_UDP, 2, 5, 6);
	struct flow_place place, new;
	uint32_t slot = flow_open(t, &k, true, at(1));

	flow_fetch_index(t, &other, &new);
	flow_fetch(t, &new);
	flow_fetch_index(t, &k, &place);
	flow_fetch(t, &place);
	eq_int(place.slot, slot);
	eq_int(flow_find_fetched(t, &k, &place, at(1)), slot);
	flow_close(t, slot);
	eq_int(flow_find_fetched(t, &k, &place, at(1)), FLOW_NONE);
	eq_int(flow_open(t, &other, true, at(1)), slot); /* in the same place */
	eq_int(flow_find_fetched(t, &k, &place, at(1)), FLOW_NONE);
	eq_int(flow_find_fetched(t, &other, &new, at(1)), slot);
	slot = flow_open(t, &k, true, at(1));
	eq_int(flow_find_fetched(t, &k, &place, at(1)), slot);
	eq_int(flow_find_fetched(t, &k, &place, at(31)), FLOW_NONE); /* expired: freed */
	eq_int(flow_find_fetched(t, &k, &place, at(31)), FLOW_NONE);
	eq_int(flows_count(t), 1);
	free(t);
}

static void expired_flows_are_freed(void)
{
	struct flows *t = fresh(20000, 2);
	unsigned ticks = 0;

	eq_int(flows_deadline(t).ns, INSTANT_NEVER.ns);
	for (uint32_t i = 0; i < 20000; i++) {
		struct flow_key k = key(PROTO_UDP, 1, (uint16_t)i, 1);

		flow_open(t, &k, false, at(1));
	}
	flows_tick(t, at(2)); /* not yet */
	eq_int(flows_count(t), 20000);
	for (; flows_count(t) && ticks < 20; ticks++)
		flows_tick(t, instant_add(at(31), span_s(5 * ticks)));
	eq_int(flows_count(t), 0);
	eq_int(ticks, 5);
	eq_int(flows_deadline(t).ns, INSTANT_NEVER.ns);
	free(t);
}

/* --- who is evicted */

/* Flows of ours with an honest peer, TCP and answered; those of the attacker as fast as he can. */
static void a_flood_evicts_itself(void)
{
	struct flows *t = fresh(1000, 8);
	struct instant now = at(1);
	uint32_t honest[300];

	for (uint32_t i = 0; i < 300; i++) {
		struct flow_key k = key(PROTO_TCP, 1 + i % 3, (uint16_t)(40000 + i), 443);

		honest[i] = flow_open(t, &k, i % 3 != 2, now);
		flow_packet(t, honest[i], i % 3 == 2, TCP_SYN | TCP_ACK, now);
		flow_packet(t, honest[i], i % 3 != 2, TCP_ACK, now);
	}
	for (uint32_t i = 0; i < 100000; i++) {
		struct flow_key k = key(i % 2 ? PROTO_UDP : PROTO_TCP, 7, (uint16_t)i,
					(uint16_t)(i >> 16));
		uint32_t slot = flow_open(t, &k, false, now);

		if (i % 3) /* even where he makes us answer */
			flow_packet(t, slot, true, TCP_ACK, now);
		now = instant_add(now, span_ms(1));
	}
	eq_int(flows_count(t), 1000);
	eq_int(flows_of_peer(t, 7), 700);
	for (uint32_t i = 0; i < 300; i++)
		ok(flow_at(t, honest[i])->peer == 1 + i % 3);
	eq_int(flows_counts(t)->evicted[1], 0);
	free(t);
}

static void a_peer_loses_what_is_worth_least(void)
{
	struct flows *t = fresh(8, 2);
	struct flow_key k;
	uint32_t slots[8];
	/* opened in this order: ours answered, ours, theirs answered, theirs; twice */
	static const uint8_t order[8] = { 3, 7, 2, 6, 1, 5, 0, 4 };

	for (uint32_t i = 0; i < 8; i++) {
		k = key(PROTO_UDP, 1, 1, (uint16_t)i);
		slots[i] = flow_open(t, &k, i % 4 < 2, at(1 + i));
		if (i % 2 == 0)
			flow_packet(t, slots[i], i % 4 == 2, 0, at(1 + i));
	}
	for (uint32_t i = 0; i < 8; i++) {
		k = key(PROTO_UDP, 0, 1, (uint16_t)i);
		flow_open(t, &k, true, at(9)); /* weighs less than what is left */
		k = key(PROTO_UDP, 1, 1, order[i]);
		if (i < 6)
			eq_int(flow_find(t, &k, at(9)), FLOW_NONE);
		if (i == 3) { /* then the two weigh 4 and 4 */
			eq_int(flows_of_peer(t, 0), 4);
			eq_int(flows_of_peer(t, 1), 4);
			break;
		}
	}
	free(t);
}

static void idle_flows_go_before_busy_ones(void)
{
	struct flows *t = fresh(4, 2);
	struct flow_key k[6];

	for (uint32_t i = 0; i < 6; i++)
		k[i] = key(PROTO_UDP, 1, 1, (uint16_t)i);
	for (uint32_t i = 0; i < 4; i++)
		flow_open(t, &k[i], false, at(1));
	flow_packet(t, flow_find(t, &k[0], at(11)), false, 0, at(11));
	flow_touch(t, flow_find(t, &k[2], at(20)), at(20));
	flow_open(t, &k[4], false, at(22));
	flow_open(t, &k[5], false, at(22));
	eq_int(flow_find(t, &k[1], at(22)), FLOW_NONE);
	eq_int(flow_find(t, &k[3], at(22)), FLOW_NONE);
	ok(flow_find(t, &k[0], at(22)) != FLOW_NONE && flow_find(t, &k[2], at(22)) != FLOW_NONE);
	free(t);
}

/* --- a naive twin: an array that is searched */

#define MOST 128u
#define TWIN_PEERS 5u

struct twin_flow {
	struct flow_key key;
	bool used, ours, opener_fin, other_fin;
	enum flow_state state;
	struct instant seen;
	uint64_t moved; /* when it came to the end of its list */
};

struct twin {
	struct twin_flow flows[MOST];
	uint32_t cap;
	uint64_t moves;
	struct instant swept;
};

static struct twin_flow *twin_find(struct twin *w, const struct flow_key *k)
{
	for (uint32_t i = 0; i < w->cap; i++)
		if (w->flows[i].used && !memcmp(&w->flows[i].key, k, sizeof(*k)))
			return &w->flows[i];
	return NULL;
}

static bool twin_expired(const struct twin_flow *f, struct instant now)
{
	return instant_reached(instant_add(f->seen, flow_timeout(f->state)), now);
}

static uint32_t twin_count(const struct twin *w)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < w->cap; i++)
		count += w->flows[i].used;
	return count;
}

static void twin_expire(struct twin *w, struct instant now)
{
	for (uint32_t i = 0; i < w->cap; i++)
		if (w->flows[i].used && twin_expired(&w->flows[i], now))
			w->flows[i].used = false;
}

static int twin_class(const struct twin_flow *f)
{
	return 2 * f->ours + (f->state == FLOW_ESTABLISHED || f->state == FLOW_HALF_CLOSED ||
			      f->state == FLOW_TWO_WAYS);
}

static uint32_t twin_weight(const struct twin *w, uint32_t peer)
{
	uint32_t weight = 0;

	for (uint32_t i = 0; i < w->cap; i++)
		if (w->flows[i].used && w->flows[i].key.peer == peer)
			weight += w->flows[i].ours ? 1 : FLOW_WEIGHT;
	return weight;
}

/* The flow may be the one to go: its peer is a heaviest one, and of him nothing goes before it. */
static bool twin_may_evict(const struct twin *w, const struct twin_flow *f)
{
	for (uint32_t p = 0; p < TWIN_PEERS; p++)
		if (twin_weight(w, p) > twin_weight(w, f->key.peer))
			return false;
	for (uint32_t i = 0; i < w->cap; i++) {
		const struct twin_flow *g = &w->flows[i];

		if (!g->used || g->key.peer != f->key.peer)
			continue;
		if (twin_class(g) < twin_class(f) ||
		    (twin_class(g) == twin_class(f) && g->moved < f->moved))
			return false;
	}
	return true;
}

static bool twin_is_over(const struct twin_flow *f)
{
	return f->state == FLOW_CLOSED || f->state == FLOW_RESET;
}

static enum flow_state twin_next(struct twin_flow *f, bool from_here, uint8_t flags)
{
	bool opener = from_here == f->ours;
	enum flow_state s = f->state;

	if (f->key.protocol != PROTO_TCP)
		return opener ? s : FLOW_TWO_WAYS;
	if (flags & TCP_RST)
		return FLOW_RESET;
	if (opener && (flags & TCP_SYN) && !(flags & TCP_ACK)) {
		if (twin_is_over(f))
			f->opener_fin = f->other_fin = false;
		return twin_is_over(f) ? FLOW_SYN : s;
	}
	if (s == FLOW_RESET && !from_here)
		return s;
	f->opener_fin |= opener && (flags & TCP_FIN);
	f->other_fin |= !opener && (flags & TCP_FIN);
	if (s == FLOW_SYN)
		return opener ? FLOW_SYN : FLOW_ANSWERED;
	if (s == FLOW_ANSWERED && !opener)
		return s;
	if (f->opener_fin && f->other_fin)
		return FLOW_CLOSED;
	return f->opener_fin || f->other_fin ? FLOW_HALF_CLOSED : FLOW_ESTABLISHED;
}

static void twin_packet(struct twin *w, struct twin_flow *f, bool from_here, uint8_t flags,
			struct instant now)
{
	struct instant seen = f->seen;
	enum flow_state was = f->state;
	int class = twin_class(f);

	f->state = twin_next(f, from_here, flags);
	if (!twin_is_over(f) || f->state != was)
		f->seen = now;
	if (twin_class(f) != class || f->seen.ns >> 33 != seen.ns >> 33)
		f->moved = ++w->moves;
}

static void twin_open(struct twin *w, const struct flow_key *k, bool ours, struct instant now)
{
	uint32_t i = 0;

	if (!twin_count(w))
		w->swept = now;
	while (w->flows[i].used)
		i++;
	w->flows[i] = (struct twin_flow){ .key = *k, .used = true, .ours = ours, .seen = now,
		.state = k->protocol == PROTO_TCP ? FLOW_SYN : FLOW_ONE_WAY, .moved = ++w->moves };
}

/* What the table let go must be what had to go. */
static void twin_evict(struct twin *w, struct flows *t, uint32_t count)
{
	struct twin_flow *gone = NULL;

	for (uint32_t i = 0; i < w->cap && !gone; i++) {
		bool there = false;

		for (uint32_t slot = 0; slot < w->cap; slot++) {
			const struct flow *f = flow_at(t, slot);

			there |= f && !memcmp(f->local, &w->flows[i].key,
					      offsetof(struct flow, state));
		}
		if (w->flows[i].used && !there)
			gone = &w->flows[i];
	}
	ok(gone && count == w->cap && twin_may_evict(w, gone));
	if (gone)
		gone->used = false;
}

static void compare(struct twin *w, struct flows *t)
{
	uint32_t count = 0;

	for (uint32_t slot = 0; slot < w->cap; slot++) {
		const struct flow *f = flow_at(t, slot);
		struct flow_key k = { 0 };
		const struct twin_flow *g;

		if (!f)
			continue;
		memcpy(&k, f->local, offsetof(struct flow, state));
		g = twin_find(w, &k);
		count++;
		if (!g || g->state != f->state || g->seen.ns != f->seen.ns ||
		    g->ours != !!(f->flags & FLOW_IS_OURS))
			TAP_FAIL("slot %u is unlike its twin", slot);
	}
	eq_int(count, flows_count(t));
	eq_int(count, twin_count(w));
	for (uint32_t p = 0, sum = 0; p < TWIN_PEERS; p++) {
		sum += flows_of_peer(t, p);
		if (p + 1 == TWIN_PEERS)
			eq_int(sum, count);
	}
}

static struct flow_key random_key(struct rng *rng, uint32_t ports)
{
	uint32_t peer = (uint32_t)rng_below(rng, TWIN_PEERS);

	peer = rng_below(rng, 3) ? peer : 0; /* one who does more than others */
	return key(rng_below(rng, 3) ? PROTO_TCP : PROTO_UDP, peer,
		   (uint16_t)rng_below(rng, ports), 1);
}

static void operate(struct rng *rng, struct twin *w, struct flows *t, uint32_t ports,
		    struct instant now)
{
	struct flow_key k = random_key(rng, ports);
	struct twin_flow *g = twin_find(w, &k);
	uint32_t slot = flow_find(t, &k, now), count;
	bool from_here = rng_below(rng, 2);
	static const uint8_t some[] = { TCP_SYN, TCP_SYN | TCP_ACK, TCP_ACK, TCP_ACK, TCP_ACK,
		TCP_FIN | TCP_ACK, TCP_RST, TCP_RST | TCP_ACK };
	uint8_t flags = some[rng_below(rng, COUNT(some))];

	if (g && twin_expired(g, now)) {
		g->used = false;
		g = NULL;
	}
	eq_int(slot != FLOW_NONE, g != NULL);
	if (slot != FLOW_NONE && g && !rng_below(rng, 30)) {
		flow_close(t, slot);
		g->used = false;
	} else if (slot != FLOW_NONE && g) {
		flow_packet(t, slot, from_here, flags, now);
		twin_packet(w, g, from_here, flags, now);
	} else {
		if (twin_count(w) == w->cap)
			twin_expire(w, now);
		count = twin_count(w);
		flow_open(t, &k, from_here, now);
		if (count == w->cap)
			twin_evict(w, t, count);
		twin_open(w, &k, from_here, now);
	}
}

/* With a cap of at most eight the sweep before an eviction sees every flow, as the twin does; with
 * a larger one the steps in time are so small that nothing expires. */
static void run(uint64_t seed, uint32_t cap, uint32_t ports, uint64_t step_us, unsigned turns)
{
	static struct twin w;
	struct flows *t = fresh(cap, TWIN_PEERS);
	struct instant now = at(1);
	struct rng rng;

	rng_init(&rng, seed);
	w = (struct twin){ .cap = cap };
	for (unsigned turn = 0; turn < turns && !tap_bad; turn++) {
		now.ns += rng_below(&rng, 2 * step_us) * 1000;
		operate(&rng, &w, t, ports, now);
		if (!rng_below(&rng, 20)) {
			if (twin_count(&w) && instant_reached(flows_deadline(t), now)) {
				twin_expire(&w, now);
				w.swept = now;
			}
			flows_tick(t, now);
		}
		if (!rng_below(&rng, 200)) {
			flow_close_peer(t, 2);
			for (uint32_t i = 0; i < cap; i++)
				w.flows[i].used &= w.flows[i].key.peer != 2;
		}
		compare(&w, t);
		if (tap_bad)
			printf("#  seed %" PRIu64 ", turn %u\n", seed, turn);
	}
	if (step_us > 1000000)
		ok(flows_counts(t)->expired > turns / 100);
	ok(flows_counts(t)->evicted[0] > turns / 100 && flows_counts(t)->evicted[1]);
	free(t);
}

static void a_naive_twin_agrees(void)
{
	for (uint64_t seed = 1; seed <= 10 && !tap_bad; seed++)
		run(seed, 8, 4, 3000000, 4000);
	for (uint64_t seed = 1; seed <= 4 && !tap_bad; seed++)
		run(seed, 100, 40, 300, 6000);
}

TAP_TESTS(T(tcp_comes_and_goes), T(others_have_one_way_or_two), T(a_flow_ends_when_it_is_idle),
	  T(each_part_of_the_key_counts), T(what_was_fetched_may_be_gone),
	  T(expired_flows_are_freed), T(a_flood_evicts_itself),
	  T(a_peer_loses_what_is_worth_least), T(idle_flows_go_before_busy_ones),
	  T(a_naive_twin_agrees))
