/* A script of events into a whole node that admits two members, whose keys this target has: time,
 * datagrams as they come, sealed with the right keys under right or wrong epochs, probes, answers,
 * signed records, WireGuard handshakes and packets, packets of the host, the trust store, seeds
 * and addresses of the host.
 *
 * What must hold after each event: nothing aborts; no room is asked for that a step has not; time
 * alone brings the deadline into the future; and an address that proved nothing, that no record
 * claims and that is no seed got no more bytes than came from it. Claims, seeds and sources of
 * datagrams are in three ranges of addresses. */
#include "contexts.h"
#include "node_actor.h"

#include "base/cursor.h"
#include "node/node.h"
#include "node/node_impl.h"
#include "wg/wg.h"

#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MEMBERS 4u
#define SESSIONS 12u
#define ACTORS 2u
#define SOURCES 16u
#define MAX_OPS 96u
#define AT_ONCE 64u      /* steps of time alone until the deadline must lie ahead */
#define PER_WAIT 256u    /* deadlines within one wait; then time jumps */

enum op {
	OP_WAIT, OP_RAW, OP_SEALED, OP_PROBE, OP_ANSWER, OP_RECORD, OP_PACKET, OP_TRUST, OP_RESTART,
	OP_ADDRESSES, OP_SEED, OP_HANDSHAKE, OP_TUNNEL, OP_AGAIN, OP_STOP,
	OP_CALL,
	OPS
};

struct player {
	struct actor actor;
	struct wg *wg;               /* its tunnel */
	struct endpoint asked_at;    /* where the probe heard last went */
	uint8_t answer[MAX_DATAGRAM]; /* the last one made; right from wherever `proves` is */
	size_t answer_len;
	unsigned proves;
};

static struct {
	struct node *node;
	struct moment now;
	struct public_key public;
	struct player players[ACTORS];
	size_t came[SOURCES], went[SOURCES];
	bool proven[SOURCES];
	uint8_t last[MAX_DATAGRAM];
	size_t last_len;
} w;

static struct node_actions actions;
/* So narrow that addresses meet: the first actor's first one is the node's first, and the second
 * actor's first one is the node's second. */
static const struct prefix narrow = { { FAMILY_IPV4, { 10, 99 } }, 24 };
static const uint8_t actor_seeds[ACTORS] = { 67, 240 };

/* --- addresses: what is claimed is 10.1.0.0/16, seeds are 10.2.0.0/16 */

static struct endpoint source(unsigned i)
{
	const uint8_t v6[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = (uint8_t)i };
	struct endpoint e = { .port = (uint16_t)(1000 + i) };

	e.ip = i & 1 ? ip_of(FAMILY_IPV6, v6) : ip_v4(192, 0, 2, (uint8_t)i);
	e.local = i & 1 ? ip_of(FAMILY_IPV6, v6) : ip_v4(192, 0, 2, 200);
	return e;
}

static unsigned source_of(const struct endpoint *e)
{
	unsigned i = 0;

	for (; i < SOURCES; i++) {
		struct endpoint s = source(i);

		if (endpoint_equal(&s, e))
			break;
	}
	return i;
}

/* --- what the node sends */

static void see_datagram(const struct out *o)
{
	unsigned from = source_of(&o->to);
	/* To addresses by its peer's word then, within limits that nat_punch tests. */
	const bool punched = punch_counters(w.node->punches)->runs;

	if (from < SOURCES) {
		w.went[from] += o->len;
		BUG_ON(!punched && !w.proven[from] && w.went[from] > w.came[from]);
	} else if (!punched) {
		BUG_ON(o->to.ip.family != FAMILY_IPV4 || o->to.ip.b[0] != 10 ||
		       (o->to.ip.b[1] != 1 && o->to.ip.b[1] != 2));
	}
	for (struct player *p = w.players; p < w.players + ACTORS; p++) {
		if (o->data[0] == CHANNEL_FIRST_BYTE &&
		    actor_hears(&p->actor, o->data, o->len)) {
			if (p->actor.heard.len && p->actor.heard.payload[0] == PATH_TYPE_PROBE)
				p->asked_at = o->to;
		} else if (o->data[0] == 2) {
			struct out items[4];
			uint8_t arena[2048];
			struct outbox out;

			outbox_init(&out, items, 4, arena, sizeof(arena));
			wg_input(p->wg, w.now, &o->to, 0, bytes_of(o->data, o->len), &out);
		}
	}
}

static void see(void)
{
	BUG_ON(actions.out.refused || w.node->inner.refused);
	BUG_ON(actions.save_peers && actions.peers_len > sizeof(actions.peers));
	for (uint32_t i = 0; i < actions.out.count; i++)
		if (actions.out.items[i].kind == OUT_DATAGRAM)
			see_datagram(&actions.out.items[i]);
	outbox_clear(&actions.out);
	actions.save_clock = actions.save_peers = actions.set_address = false;
}

static void event(const struct node_event *e)
{
	node_step(w.node, w.now, e, &actions);
	see();
}

static void settle(void)
{
	const struct node_event time = { .kind = NODE_TIME };
	unsigned steps = 0;

	while (instant_reached(node_deadline(w.node), w.now.boot)) {
		BUG_ON(steps++ == AT_ONCE);
		event(&time);
	}
}

/* Every datagram lies in memory of its own length. */
static void datagram(unsigned from, const void *data, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	BUG_ON(!copy);
	memcpy(copy, data, len);
	if (len <= sizeof(w.last)) {
		memmove(w.last, data, len);
		w.last_len = len;
	}
	w.came[from] += len;
	for (struct player *p = w.players; p < w.players + ACTORS; p++)
		w.proven[from] |= from == p->proves && len && len == p->answer_len &&
				  !memcmp(copy, p->answer, len);
	if (w.node)
		(void)node_expects(w.node, bytes_of(copy, len));
	event(&(struct node_event){ .kind = NODE_DATAGRAM, .from = source(from),
				    .ecn = (uint8_t)len, .data = bytes_of(copy, len) });
	free(copy);
}

/* --- what the script can do */

static struct player *a_player(struct cursor *c)
{
	return &w.players[cur_u8(c) % ACTORS];
}

static unsigned a_source(struct cursor *c)
{
	return cur_u8(c) % SOURCES;
}

static uint64_t an_epoch(const struct player *p, struct cursor *c)
{
	uint8_t how = cur_u8(c);

	return how < 200 ? p->actor.node_epoch : how;
}

static struct bytes some_bytes(struct cursor *c, size_t max)
{
	size_t want = cur_be16(c) % (max + 1);

	return cur_span(c, want < cur_left(c) ? want : cur_left(c));
}

static void op_wait(struct cursor *c)
{
	uint64_t ms = (uint64_t)cur_be16(c) << (cur_u8(c) % 8);
	struct instant end = instant_add(w.now.boot, span_ms(ms));

	for (unsigned i = 0; i < PER_WAIT; i++) {
		struct instant next = node_deadline(w.node);

		if (!instant_before(next, end))
			break;
		if (instant_before(w.now.boot, next))
			w.now.boot = next;
		settle();
	}
	w.now.boot = end;
	w.now.wall.s += ms / 1000;
}

static void op_raw(struct cursor *c)
{
	unsigned from = a_source(c);
	struct bytes b = some_bytes(c, 1500);

	datagram(from, b.len ? b.data : (const uint8_t *)"", b.len);
}

static void sealed(struct player *p, unsigned from, uint64_t epoch, const void *payload, size_t len)
{
	uint8_t out[MAX_DATAGRAM];

	datagram(from, out, actor_seal(&p->actor, epoch, payload, len, out));
}

static void op_sealed(struct cursor *c)
{
	struct player *p = a_player(c);
	unsigned from = a_source(c);
	uint64_t epoch = an_epoch(p, c);
	struct bytes b = some_bytes(c, CHANNEL_PAYLOAD_MAX);

	sealed(p, from, epoch, b.len ? b.data : (const uint8_t *)"", b.len);
}

/* One that may lie about its length, or be cut. */
static void op_padded(struct player *p, unsigned from, uint64_t epoch, uint8_t *probe, uint8_t how)
{
	static uint8_t out[2000];
	const size_t len = PATH_PADDED_MIN + 90u * (how >> 4);

	memset(out, 0, sizeof(out));
	out[0] = 0xE7;
	store_be16(probe + 9, (uint16_t)(how & 4 ? len : how));
	(void)actor_seal(&p->actor, epoch, probe, PATH_PROBE_LEN, out + 1);
	datagram(from, out, how & 8 ? len - 1 : len);
}

static void op_probe(struct cursor *c)
{
	uint8_t probe[PATH_PROBE_LONG] = { PATH_TYPE_PROBE };
	struct player *p = a_player(c);
	unsigned from = a_source(c);
	uint64_t epoch = an_epoch(p, c);
	const uint8_t how = cur_u8(c);
	bool longer = how & 1;

	cur_bytes(c, probe + 1, 8);
	if (how & 2) {
		op_padded(p, from, epoch, probe, how);
		return;
	}
	sealed(p, from, epoch, probe, longer ? PATH_PROBE_LONG : PATH_PROBE_LEN);
}

/* To the probe heard last, from where it went, if that is a source of ours, or from elsewhere. */
static void op_answer(struct cursor *c)
{
	struct player *p = a_player(c);
	uint8_t how = cur_u8(c);
	unsigned from = source_of(&p->asked_at);
	struct endpoint seen = { .port = cur_be16(c) };
	uint8_t ip[16] = { 0 };

	cur_bytes(c, ip, 4);
	seen.ip = ip_of(how & 2 ? FAMILY_IPV6 : FAMILY_IPV4, ip);
	p->proves = from;
	if (how & 1 || from == SOURCES)
		from = how % SOURCES;
	p->answer_len = actor_answers(&p->actor, &seen, p->answer);
	if (p->answer_len)
		datagram(from, p->answer, p->answer_len);
}

/* A record of the member, newer than the one before, in a message that holds nothing else. */
static void op_record(struct cursor *c)
{
	struct player *p = a_player(c);
	unsigned from = a_source(c);
	uint64_t epoch = an_epoch(p, c);
	struct record_body body = { .sequence = p->actor.sequence += cur_u8(c) };
	uint8_t message[CHANNEL_PAYLOAD_MAX];
	struct writer wr = wr_of(message, sizeof(message));
	struct record record;

	body.flags = cur_be16(c);
	body.address_index = cur_u8(c) % 17;
	body.prefix = prefix_of(&narrow.ip, cur_u8(c) & 1 ? narrow.len : 12);
	body.candidate_count = cur_u8(c) % (MAX_CANDIDATES + 1);
	for (unsigned i = 0; i < body.candidate_count; i++)
		body.candidates[i] = (struct endpoint){
			.ip = ip_v4(10, 1, cur_u8(c), cur_u8(c)), .port = 1 + cur_u8(c),
		};
	if (!body.sequence || !actor_record(&p->actor, &body, &record))
		return;
	wr_u8(&wr, 0x15);
	wr_zero(&wr, 25);
	wr_u8(&wr, 1);
	wr_u8(&wr, 1);
	wr_bytes(&wr, record.wire, record.len);
	sealed(p, from, epoch, message, wr_len(&wr));
}

static void op_packet(struct cursor *c)
{
	uint8_t how = cur_u8(c), packet[1500] = { 0 };
	struct bytes b = some_bytes(c, sizeof(packet));
	struct ip to;

	memcpy(packet, b.data ? b.data : packet, b.len);
	if (how & 1 && b.len >= 40) { /* to a member */
		mesh_ipv6(&w.players[how / 2 % ACTORS].actor.public, &to);
		packet[0] = 0x60;
		store_be16(packet + 4, (uint16_t)(b.len - 40));
		memcpy(packet + 24, to.b, 16);
	} else if (how & 2 && b.len >= 20) {
		mesh_ipv4(&w.players[how / 4 % ACTORS].actor.public, 0,
			  &narrow, &to);
		packet[0] = 0x45;
		store_be16(packet + 2, (uint16_t)b.len);
		memcpy(packet + 16, to.b, 4);
	}
	event(&(struct node_event){ .kind = NODE_PACKET, .data = bytes_of(packet, b.len) });
}

static void trust(uint8_t whom)
{
	struct node_event e = { .kind = NODE_TRUST_KEY, .name = "somebody" };

	event(&(struct node_event){ .kind = NODE_TRUST_BEGIN, .unreadable = whom & 128 });
	for (unsigned i = 0; i < ACTORS; i++) {
		e.key = w.players[i].actor.public;
		if (whom >> (2 + i) & 1)
			e.key.b[31] ^= 128; /* the twin */
		if (whom >> i & 1)
			event(&e);
	}
	e.key = w.public;
	if (whom & 16)
		event(&e);
	memset(e.key.b, whom, sizeof(e.key.b));
	if (whom & 32)
		event(&e);
	event(&(struct node_event){ .kind = NODE_TRUST_END, .number = whom & 64 });
}

static void op_trust(struct cursor *c)
{
	trust(cur_u8(c));
}

static void op_restart(struct cursor *c)
{
	struct player *p = a_player(c);

	actor_restart(&p->actor, &w.public, 1 + (uint64_t)cur_u8(c));
}

static void op_addresses(struct cursor *c)
{
	struct ip list[40];
	uint32_t count = cur_u8(c) % 41;

	for (uint32_t i = 0; i < count; i++) {
		uint8_t b[16] = { 0 };

		cur_bytes(c, b, 4);
		list[i] = ip_of(b[0] & 1 ? FAMILY_IPV4 : FAMILY_IPV6, b);
	}
	event(&(struct node_event){ .kind = NODE_ADDRESSES, .addresses = list, .number = count });
}

static void op_seed(struct cursor *c)
{
	uint8_t how = cur_u8(c);
	struct endpoint at = { .ip = ip_v4(10, how & 1 ? 99 : 2, 0, how), .port = how };

	if (how & 0x80) { /* a neighbour, instead */
		const size_t len = cur_u8(c);
		struct bytes txt = cur_span(c, len % (cur_left(c) + 1));

		event(&(struct node_event){ .kind = NODE_LAN, .from = at, .data = txt,
					    .name = &"0123456789abcdef"[how & 1] });
		return;
	}
	event(&(struct node_event){ .kind = NODE_SEED, .from = at, .number = how % SEED_SOURCES });
}

static void op_handshake(struct cursor *c)
{
	struct player *p = a_player(c);
	unsigned from = a_source(c);
	struct out items[4];
	uint8_t arena[2048];
	struct outbox out;

	outbox_init(&out, items, 4, arena, sizeof(arena));
	wg_peer_expire(p->wg, 0);
	wg_peer_handshake(p->wg, 0, w.now, &out);
	for (uint32_t i = 0; i < out.count; i++)
		datagram(from, out.items[i].data, out.items[i].len);
}

static void op_tunnel(struct cursor *c)
{
	struct player *p = a_player(c);
	unsigned from = a_source(c);
	struct out items[8];
	uint8_t arena[8192];
	struct bytes b = some_bytes(c, 1420);
	struct outbox out;

	outbox_init(&out, items, 8, arena, sizeof(arena));
	if (b.len)
		wg_send(p->wg, w.now, 0, b, &out);
	for (uint32_t i = 0; i < out.count; i++)
		datagram(from, out.items[i].data, out.items[i].len);
}

/* The last datagram, from elsewhere, perhaps with one byte changed. */
static void op_again(struct cursor *c)
{
	unsigned from = a_source(c);
	size_t at = cur_be16(c);
	uint8_t flip = cur_u8(c), copy[MAX_DATAGRAM];

	memcpy(copy, w.last, w.last_len);
	if (w.last_len)
		copy[at % w.last_len] ^= flip;
	datagram(from, copy, w.last_len);
}

/* A call of the member: its tag in some place among others that are nobody's. */
static void op_call(struct cursor *c)
{
	uint8_t call[CHANNEL_CALL_LEN(CHANNEL_CALL_MOST)] = { 0 }, tag[8];
	struct player *p = a_player(c);
	unsigned from = a_source(c);
	unsigned tags = CHANNEL_CALL_LEAST + cur_u8(c) % (CHANNEL_CALL_MOST - 11);
	unsigned place = cur_u8(c) % tags;
	const uint32_t node = 0;

	channel_call(p->actor.channel, (const uint8_t *)"the call", &node, 1, call);
	memcpy(tag, call + CHANNEL_CALL_LEN(0), sizeof(tag));
	memset(call + CHANNEL_CALL_LEN(0), place, sizeof(tag));
	memcpy(call + CHANNEL_CALL_LEN(place), tag, sizeof(tag));
	datagram(from, call, CHANNEL_CALL_LEN(tags));
}

static void op_stop(struct cursor *c)
{
	if (cur_u8(c) == 's') /* seldom: it is the end */
		event(&(struct node_event){ .kind = NODE_STOP });
}

/* --- the run */

static void begin_player(struct player *p, uint8_t seed)
{
	static uint8_t memory[ACTORS][1u << 20] __attribute__((aligned(64)));
	struct wg_config config = {
		.limits = { 1, 6, 16 }, .random = &p->actor.random, .roam = true,
	};
	const struct endpoint at = source(0);
	struct dh_secret secret;
	struct dh_public node;

	actor_begin(&p->actor, &w.public, seed);
	BUG_ON(wg_size(&config.limits) > sizeof(memory[0]));
	memset(memory[seed % ACTORS], 0, wg_size(&config.limits));
	p->wg = wg_init(memory[seed % ACTORS], &config, w.now.boot);
	ed25519_to_dh_secret(&secret, &p->actor.secret);
	wg_set_private(p->wg, &secret, w.now.boot);
	BUG_ON(!ed25519_to_dh_public(&node, &w.public));
	BUG_ON(wg_peer_add(p->wg, &node, 0, w.now.boot) != 0);
	wg_peer_set_endpoint(p->wg, 0, &at);
}

static void begin(void *memory)
{
	static struct out items[OUTBOX_STEP_ITEMS];
	static uint8_t arena[OUTBOX_STEP_BYTES + 20 * OUTBOX_STEP_ITEMS];
	const uint8_t seed[32] = { 3 };
	struct node_config config = {
		.members = MEMBERS, .sessions = SESSIONS, .port = 51821, .mtu = 1420,
		.prefix = narrow, .entropy = { 7 },
	};

	test_crypto();
	outbox_init(&actions.out, items, OUTBOX_STEP_ITEMS, arena, sizeof(arena));
	memset(&w, 0, sizeof(w));
	w.now = (struct moment){ { 1000000000u }, { 1800000000u, 0 } };
	ed25519_from_seed(&w.public, &config.secret, seed);
	config.public = w.public;
	w.node = node_init(memory, &config, w.now);
	for (unsigned i = 0; i < ACTORS; i++)
		begin_player(&w.players[i], actor_seeds[i]);
	trust(3);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const ops[OPS])(struct cursor *) = {
		[OP_WAIT] = op_wait, [OP_RAW] = op_raw, [OP_SEALED] = op_sealed,
		[OP_PROBE] = op_probe, [OP_ANSWER] = op_answer, [OP_RECORD] = op_record,
		[OP_PACKET] = op_packet, [OP_TRUST] = op_trust, [OP_RESTART] = op_restart,
		[OP_ADDRESSES] = op_addresses, [OP_SEED] = op_seed,
		[OP_HANDSHAKE] = op_handshake, [OP_TUNNEL] = op_tunnel, [OP_AGAIN] = op_again,
		[OP_STOP] = op_stop, [OP_CALL] = op_call,
	};
	const size_t room = node_size(MEMBERS, SESSIONS);
	struct cursor c = cur_of(data, size);
	void *memory = mmap(NULL, room, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	BUG_ON(memory == MAP_FAILED);
	begin(memory);
	for (unsigned i = 0; i < MAX_OPS && cur_left(&c); i++) {
		ops[cur_u8(&c) % OPS](&c);
		settle();
	}
	node_wipe(w.node);
	for (unsigned i = 0; i < ACTORS; i++)
		actor_end(&w.players[i].actor);
	munmap(memory, room);
	return 0;
}
