/* Attacks 07, 11, 23, 37: who speaks the language of members and is none, and members who speak of
 * such.
 *
 * 07 and 23 end at the look-up of the tag: what is sealed with a key that is not admitted has a tag
 * that nobody gave out, so that no byte of it is opened, let alone decoded. drop_unknown_tag counts
 * each of them. FLOOD=N: so many instead of 200,000; `make check-long` sends ten million. */
#include "node_world.h"

#include "node/node_impl.h"
#include "node_actor.h"
#include "swim/wire.h"

#define STRANGERS 4000u      /* with real keys: 50 us each */
#define FORGED 200000u       /* the same datagrams with another tag; FLOOD in the environment */

static size_t resident(const struct machine *m)
{
	static unsigned char pages[1u << 16];
	size_t n = (m->size + 4095) / 4096, sum = 0;

	if (n > sizeof(pages) || mincore(m->memory, m->size, pages))
		abort();
	for (size_t i = 0; i < n; i++)
		sum += pages[i] & 1u;
	return sum * 4096;
}

static void say(uint32_t number, const struct bytes datagram)
{
	struct endpoint from = { .port = 1024, .ip = ip_v4(198, 51, (uint8_t)(number >> 8),
							  (uint8_t)number) };

	event(&machines[0], &(struct node_event){ .kind = NODE_DATAGRAM, .from = from,
						  .data = datagram });
}

/* As many from each stranger. */
static uint32_t forged_each(void)
{
	const char *flood = getenv("FLOOD");

	return (flood ? (uint32_t)strtoul(flood, NULL, 10) : FORGED) / STRANGERS;
}

static void flood(uint8_t type)
{
	const uint32_t each = forged_each();
	struct actor a = { .memory = NULL };
	uint8_t memory[64], out[MAX_DATAGRAM];

	world(false);
	start_pair();
	run_ms(3000);
	ok(passes(0, 1, false, 300));
	const struct node *n = machines[0].node;
	size_t before = resident(&machines[0]);
	uint32_t trusted = trust_count(n->trust);
	unsigned sent = machines[0].sent;
	uint64_t unknown = n->counters.drop_unknown_tag;

	eq_int(swim_counters(n->swim)->alive, 1);
	for (uint32_t i = 0; i < STRANGERS; i++) {
		struct writer w = wr_of(memory, sizeof(memory));
		uint8_t bytes[32] = { [30] = 1 };
		size_t len;

		store_be32(bytes, i + 1);
		ed25519_from_seed(&a.public, &a.secret, bytes);
		random_init(&a.random, bytes);
		actor_restart(&a, &machines[0].public, 1000u + i);
		wire_put_header(&w, &(struct wire_header){ .type = type, .count = 2 });
		wr_u8(&w, 0);
		len = actor_seal(&a, 1, memory, wr_len(&w), out);
		ok(len > 0);
		for (uint32_t k = 0; k < each; k++) {
			say(i, bytes_of(out, len));
			store_be32(out + 4, i * each + k);
		}
	}
	printf("# %u datagrams of %u keys: %zu more bytes resident\n", each * STRANGERS, STRANGERS,
	       resident(&machines[0]) - before);
	ok(resident(&machines[0]) - before < 1u << 20);
	eq_int(swim_counters(n->swim)->alive, 1);
	eq_int(trust_count(n->trust), trusted);
	eq_int(machines[0].sent, sent);
	printf("# drop_control_unknown_tag: %ju\n", (uintmax_t)n->counters.drop_unknown_tag);
	eq_int(n->counters.drop_unknown_tag - unknown, each * STRANGERS);
	ok(passes(0, 1, false, 300));
	actor_end(&a);
}

static unsigned told(enum event_kind kind)
{
	const struct event_ring *ring = node_events(machines[0].node);
	unsigned count = 0;

	for (uint64_t i = 1; i <= ring->count; i++) {
		const struct event *e = event_get(ring, i);

		count += e && e->kind == kind
			 && !memcmp(&e->subject, &machines[1].public, sizeof(e->subject));
	}
	return count;
}

/* 1 has a good key, and tells 0 of itself and of key `about`. */
static void insider_tells(unsigned about)
{
	struct channel *channel = machines[1].node->channel;
	struct record_body body = { .key = machines[about].public, .sequence = 1 };
	uint8_t memory[CHANNEL_PAYLOAD_MAX], out[MAX_DATAGRAM];
	struct writer w = wr_of(memory, sizeof(memory));
	struct record r;
	size_t len;

	body.prefix = machines[about].prefix;
	ok(record_sign(&body, &machines[about].secret, &r));
	wire_put_header(&w, &(struct wire_header){ .type = WIRE_ITEMS });
	wr_u8(&w, 1);
	wire_put_record(&w, bytes_of(r.wire, r.len));
	len = channel_seal(channel, 0, channel_peer_epoch(channel, 0),
			   bytes_of(memory, wr_len(&w)), out);
	ok(len > 0);
	event(&machines[0], &(struct node_event){ .kind = NODE_DATAGRAM, .from = machines[1].at,
						  .data = bytes_of(out, len) });
}

static void attack_11_an_insider_that_tells_of_strangers_is_told_of_once(void)
{
	world(false);
	for (unsigned i = 0; i < 2; i++)
		switch_on(&machines[i]);
	trust(&machines[0], 2);
	trust(&machines[1], 1);
	seed(&machines[1], &machines[0].at);
	run_ms(3000);
	for (unsigned i = 0; i < 5; i++) /* as after a revocation */
		insider_tells(2);
	eq_int(told(EV_MEMBER_STRANGERS), 0);
	for (unsigned i = 0; i < 3000; i++)
		insider_tells(2 + i % 2);
	eq_int(told(EV_MEMBER_STRANGERS), 1);
	eq_int(trust_count(machines[0].node->trust), 1);
	eq_int(swim_counters(machines[0].node->swim)->alive, 1);
	ok(passes(0, 1, false, 300));
}

/* 1 tells 0 that `about` leaves: with a signature of its own, or an old one of `about`. */
static void insider_says_it_leaves(unsigned about, bool own_signature)
{
	const struct node *n = machines[1].node;
	uint8_t memory[CHANNEL_PAYLOAD_MAX], out[MAX_DATAGRAM], *key;
	struct writer w = wr_of(memory, sizeof(memory));
	struct record real, leaving;
	struct record_body body;
	struct swim_info info;
	size_t len;

	swim_info(n->swim, trust_find(n->trust, &machines[about].public), &info);
	ok(info.record != NULL);
	record_unkeep(info.record, &real);
	body = real.body;
	body.key = machines[1].public;
	body.sequence++;
	body.flags |= RECORD_LEAVING;
	ok(record_sign(&body, &machines[1].secret, &leaving));
	key = memmem(leaving.wire, leaving.len, &machines[1].public, 32);
	ok(key != NULL);
	memcpy(key, &machines[about].public, 32);
	if (!own_signature)
		memcpy(leaving.wire + leaving.len - 64, real.wire + real.len - 64, 64);
	wire_put_header(&w, &(struct wire_header){ .type = WIRE_ITEMS });
	wr_u8(&w, 1);
	wire_put_record(&w, bytes_of(leaving.wire, leaving.len));
	len = channel_seal(n->channel, 0, channel_peer_epoch(n->channel, 0),
			   bytes_of(memory, wr_len(&w)), out);
	event(&machines[0], &(struct node_event){ .kind = NODE_DATAGRAM, .from = machines[1].at,
						  .data = bytes_of(out, len) });
}

static void hear(const uint8_t *data, size_t len)
{
	event(&machines[0], &(struct node_event){ .kind = NODE_DATAGRAM, .from = machines[2].at,
						  .data = bytes_of(data, len) });
}

static uint8_t goodbye[MAX_DATAGRAM];
static size_t goodbye_len;

static void keep_goodbye(struct machine *m, const struct out *o)
{
	if (m == &machines[2] && o->kind == OUT_DATAGRAM &&
	    endpoint_equal(&o->to, &machines[0].at) && o->len <= sizeof(goodbye)) {
		memcpy(goodbye, o->data, o->len);
		goodbye_len = o->len;
	}
}

static bool lost_goodbyes(const struct machine *m, const struct out *o)
{
	(void)o;
	return m == &machines[2];
}

/* A forged leave, and a real one that was withheld and comes when the node has come back. */
static void attack_37_nobody_can_say_that_another_leaves(void)
{
	world(false);
	for (unsigned i = 0; i < 3; i++) {
		switch_on(&machines[i]);
		trust(&machines[i], 7u & ~(1u << i));
		if (i)
			seed(&machines[i], &machines[0].at);
	}
	run_ms(5000);
	ok(passes(0, 2, false, 500));
	const struct swim_counters *c = swim_counters(machines[0].node->swim);
	uint64_t forged = c->drop_signature;

	for (unsigned i = 0; i < 50; i++)
		insider_says_it_leaves(2, i & 1);
	eq_int(c->drop_signature - forged, 50);
	eq_int(c->alive, 2);
	ok(passes(0, 2, false, 500) && passes(2, 0, false, 500));

	on_out = keep_goodbye;
	cut = lost_goodbyes;
	event(&machines[2], &(struct node_event){ .kind = NODE_STOP });
	on_out = NULL;
	cut = NULL;
	ok(goodbye_len > 0);
	switch_off(&machines[2]);
	switch_on(&machines[2]);
	trust(&machines[2], 3);
	seed(&machines[2], &machines[0].at);
	run_ms(5000);
	ok(passes(0, 2, false, 500));
	for (unsigned i = 0; i < 5; i++)
		hear(goodbye, goodbye_len);
	eq_int(c->alive, 2);
	ok(passes(0, 2, false, 500) && passes(2, 0, false, 500));
}

static void attack_07_pings_of_4000_strange_keys_leave_no_trace(void) { flood(WIRE_PING); }
static void attack_23_nor_do_acks(void) { flood(WIRE_ACK); }

TAP_TESTS(T(attack_07_pings_of_4000_strange_keys_leave_no_trace),
	  T(attack_23_nor_do_acks),
	  T(attack_37_nobody_can_say_that_another_leaves),
	  T(attack_11_an_insider_that_tells_of_strangers_is_told_of_once))
