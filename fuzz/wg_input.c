/* Datagrams into an engine, from a stranger and from a peer.
 *
 * The input is a program: a byte says what to do, the bytes after it with what. Besides raw
 * datagrams there are messages that this target seals with the right keys, so that the
 * input's bytes are judged as those of a peer who lies: timestamps, static keys, indices,
 * counters, inner packets, cookies. Time passes only when the program says so.
 *
 * What must hold: the engine never asks for more room than one step has; packets come out only
 * if their source is routed to the peer; what the engine sends opens with the peer's keys.
 */
#include "wg_engine.h"

#include "base/cursor.h"
#include "crypto/aead.h"
#include "crypto/curve.h"
#include "packet/ip.h"
#include "wg/cookie.h"
#include "wg/noise.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_OPS 64
#define MAX_BYTES 1600u

enum op {
	OP_RAW, OP_INITIATE, OP_RESPOND, OP_DATA, OP_COOKIE, OP_WAIT, OP_SEND, OP_AGAIN, OP_MANAGE,
	OPS
};

/* The peer that this target plays. */
struct actor {
	struct fuzz_engine *e;
	struct moment now;
	struct endpoint at;
	struct noise_identity self;
	struct noise_remote engine;      /* as we know it */
	struct cookie_sender macs;
	struct cookie_checker checker;   /* of messages to us */
	struct noise_handshake handshake;
	struct pair {
		uint32_t index;          /* ours; the program may choose the same twice */
		struct sym_key receive;
	} pairs[MAX_OPS];
	uint32_t pair_count;
	struct sym_key send;             /* of the newest pair */
	uint32_t theirs;                 /* index that the engine wants to see */
	uint64_t counter;
	uint64_t stamp;
	uint32_t handle;
	uint8_t last[MAX_BYTES + 32];    /* the last datagram into the engine */
	size_t last_len;
	struct message_initiation initiation; /* the engine's last one */
	bool has_initiation;
};

static void start(struct actor *a)
{
	struct dh_secret engine, own, psk;

	memset(&engine, 0x11, sizeof(engine));
	memset(&own, 0x22, sizeof(own));
	memset(&psk, 0x33, sizeof(psk));
	*a = (struct actor){
		.e = fuzz_engine(), .now = fuzz_start(),
		.at = { .ip = ip_v4(192, 0, 2, 7), .port = 51820 },
	};
	wg_set_private(a->e->wg, &engine, a->now.boot);
	noise_identity_set(&a->self, &own);
	noise_remote_init(&a->engine, wg_public(a->e->wg));
	cookie_sender_init(&a->macs, wg_public(a->e->wg));
	cookie_checker_init(&a->checker, &a->self.public);
	a->handle = wg_peer_add(a->e->wg, &a->self.public, 0, a->now.boot);
	wg_peer_set_endpoint(a->e->wg, a->handle, &a->at);
	memcpy(a->engine.preshared.b, psk.b, sizeof(psk));
	wg_peer_set_preshared(a->e->wg, a->handle, &a->engine.preshared);

	struct prefix routes[] = {
		{ .ip = { FAMILY_IPV4, { 10 } }, .len = 8 },
		{ .ip = { FAMILY_IPV6, { 0xfd } }, .len = 8 },
	};

	for (int i = 0; i < 2; i++)
		BUG_ON(!allowedips_insert(a->e->routes, &routes[i], a->handle));
}

static void keys_ready(struct actor *a, struct noise_handshake *hs, bool initiator)
{
	struct pair *p = &a->pairs[a->pair_count++];

	p->index = hs->local_index;
	a->theirs = hs->remote_index;
	noise_split(hs, initiator, &a->send, &p->receive);
	a->counter = 0;
}

/* A data message of the engine opens with a pair of keys that has its index. */
static void check_data(const struct actor *a, const struct out *o)
{
	const size_t sealed = o->len - sizeof(struct message_data);
	uint8_t plain[MAX_BYTES + 64];
	bool opens = false;

	BUG_ON(sealed % MESSAGE_PADDING || sealed > sizeof(plain));
	for (uint32_t i = 0; i < a->pair_count && !opens; i++)
		opens = load_le32(o->data + 4) == a->pairs[i].index &&
			aead_open(plain, o->data + 16, sealed, NULL, 0, load_le64(o->data + 8),
				  &a->pairs[i].receive);
	BUG_ON(!opens);
}

/* What it puts into the outbox, seen as the peer. */
static void see_datagram(struct actor *a, const struct out *o)
{
	struct message_response response;
	struct message_cookie_reply cookie;

	if (o->len == sizeof(a->initiation) && o->data[0] == MESSAGE_INITIATION) {
		memcpy(&a->initiation, o->data, o->len);
		a->has_initiation = true;
	} else if (o->len == sizeof(response) && o->data[0] == MESSAGE_RESPONSE) {
		memcpy(&response, o->data, sizeof(response));
		if (a->handshake.in_flight &&
		    noise_read_response(&a->handshake, &a->self, &a->engine, &response))
			keys_ready(a, &a->handshake, true);
	} else if (o->len == sizeof(cookie) && o->data[0] == MESSAGE_COOKIE_REPLY) {
		memcpy(&cookie, o->data, sizeof(cookie));
		(void)cookie_read_reply(&a->macs, &cookie, a->now.boot);
	} else if (o->len >= MESSAGE_DATA_OVERHEAD && o->data[0] == MESSAGE_DATA) {
		check_data(a, o);
	}
}

static void see(struct actor *a)
{
	struct outbox *out = &a->e->out;
	struct ip_packet p;

	BUG_ON(out->refused);
	for (uint32_t i = 0; i < out->count; i++) {
		const struct out *o = &out->items[i];

		if (o->kind == OUT_DATAGRAM) {
			see_datagram(a, o);
			continue;
		}
		/* WireGuard judges version, length and source; the host, all else. */
		if (!ip_packet_parse(bytes_of(o->data, o->len), &p))
			continue;
		BUG_ON(p.total_len != o->len);
		BUG_ON(allowedips_lookup(a->e->routes, &p.src) != a->handle);
	}
	outbox_clear(out);
}

/* Every datagram lies in memory of its own length. */
static void datagram(struct actor *a, const void *data, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	memcpy(copy, data, len);
	if (len <= sizeof(a->last)) {
		memmove(a->last, data, len);
		a->last_len = len;
	}
	wg_input(a->e->wg, a->now, &a->at, len & 3, bytes_of(copy, len), &a->e->out);
	free(copy);
	see(a);
}

static void op_initiate(struct actor *a, struct cursor *c)
{
	const uint8_t how = cur_u8(c);
	struct noise_identity self = a->self;
	struct noise_fresh fresh = { .index = cur_be32(c), .ephemeral = { { cur_u8(c), 1 } } };
	struct message_initiation m;

	x25519_clamp(&fresh.ephemeral);
	if (how & 1)
		cur_bytes(c, fresh.timestamp.b, sizeof(fresh.timestamp.b));
	else
		store_be64(fresh.timestamp.b, UINT64_C(0x400000006553f100) + ++a->stamp);
	if (how & 2) /* sealed all the same, but who is it? */
		cur_bytes(c, self.public.b, sizeof(self.public.b));
	noise_handshake_clear(&a->handshake);
	if (!noise_create_initiation(&m, &a->handshake, &self, &a->engine, &fresh))
		return;
	cookie_add_macs(&a->macs, &m, sizeof(m), a->now.boot);
	datagram(a, &m, sizeof(m));
}

static void op_respond(struct actor *a, struct cursor *c)
{
	struct noise_fresh fresh = { .index = cur_be32(c), .ephemeral = { { cur_u8(c), 2 } } };
	struct noise_handshake hs = { 0 };
	struct dh_public who;
	struct message_response m;

	x25519_clamp(&fresh.ephemeral);
	if (!a->has_initiation ||
	    !noise_read_static(&who, &hs, &a->self, &a->initiation) ||
	    noise_read_timestamp(&hs, &a->self, &a->engine, &a->initiation, a->now.boot))
		return;
	if (!noise_create_response(&m, &hs, &a->engine, &fresh))
		return;
	cookie_add_macs(&a->macs, &m, sizeof(m), a->now.boot);
	keys_ready(a, &hs, false);
	datagram(a, &m, sizeof(m));
}

static void op_data(struct actor *a, struct cursor *c)
{
	const uint8_t how = cur_u8(c);
	const uint64_t counter = how & 1 ? cur_be64(c) : a->counter++;
	const size_t want = cur_be16(c) % MAX_BYTES;
	const size_t len = want < cur_left(c) ? want : cur_left(c);
	uint8_t m[MAX_BYTES + 32] = { MESSAGE_DATA };

	store_le32(m + 4, a->theirs);
	store_le64(m + 8, counter);
	aead_seal(m + 16, cur_span(c, len).data, len, NULL, 0, counter, &a->send);
	datagram(a, m, MESSAGE_DATA_OVERHEAD + len);
}

static void op_cookie(struct actor *a, struct cursor *c)
{
	struct message_cookie_reply m;
	uint8_t nonce[COOKIE_NONCE], source[8];

	cur_bytes(c, nonce, sizeof(nonce));
	cur_bytes(c, source, sizeof(source));
	cookie_checker_refresh(&a->checker, a->now.boot, &a->e->random);
	cookie_create_reply(&m, &a->checker, bytes_of(&a->initiation, sizeof(a->initiation)),
			    bytes_of(source, sizeof(source)), nonce);
	datagram(a, &m, sizeof(m));
}

static void op_wait(struct actor *a, struct cursor *c)
{
	const struct span d = span_ms((uint64_t)cur_be16(c) * (1 + cur_u8(c) % 8));

	a->now.boot = instant_add(a->now.boot, d);
	a->now.wall.s += span_in_s(d);
	for (int i = 0; i < 16 && instant_reached(wg_deadline(a->e->wg), a->now.boot); i++) {
		wg_tick(a->e->wg, a->now, &a->e->out);
		see(a);
	}
}

static void op_again(struct actor *a, struct cursor *c)
{
	const uint16_t at = cur_be16(c);
	uint8_t copy[sizeof(a->last)];

	if (!a->last_len)
		return;
	memcpy(copy, a->last, a->last_len);
	copy[at % a->last_len] ^= cur_u8(c);
	datagram(a, copy, a->last_len);
}

static void op_manage(struct actor *a, struct cursor *c)
{
	struct wg *wg = a->e->wg;

	switch (cur_u8(c) % 6) {
	case 0:
		wg_peer_expire(wg, a->handle);
		break;
	case 1:
		wg_set_up(wg, false, a->now, &a->e->out);
		break;
	case 2:
		wg_set_up(wg, true, a->now, &a->e->out);
		break;
	case 3:
		wg_peer_set_keepalive(wg, a->handle, cur_u8(c), a->now, &a->e->out);
		break;
	case 4:
		wg_peer_handshake(wg, a->handle, a->now, &a->e->out);
		break;
	default:
		a->at.port = cur_be16(c);
	}
	see(a);
}

static void op_raw(struct actor *a, struct cursor *c)
{
	const size_t want = cur_be16(c) % MAX_BYTES;
	const size_t len = want < cur_left(c) ? want : cur_left(c);

	datagram(a, len ? cur_span(c, len).data : (const uint8_t *)"", len);
}

static void op_send(struct actor *a, struct cursor *c)
{
	const bool by_address = cur_u8(c) & 1;
	const size_t want = cur_be16(c) % MAX_BYTES;
	const size_t len = want < cur_left(c) ? want : cur_left(c);
	const struct bytes packet = cur_span(c, len);

	if (by_address)
		wg_route(a->e->wg, a->now, packet, &a->e->out);
	else
		wg_send(a->e->wg, a->now, a->handle, packet, &a->e->out);
	see(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const ops[OPS])(struct actor *, struct cursor *) = {
		[OP_RAW] = op_raw, [OP_INITIATE] = op_initiate, [OP_RESPOND] = op_respond,
		[OP_DATA] = op_data, [OP_COOKIE] = op_cookie, [OP_WAIT] = op_wait,
		[OP_SEND] = op_send, [OP_AGAIN] = op_again, [OP_MANAGE] = op_manage,
	};
	static struct actor a;
	struct cursor c = cur_of(data, size);
	struct wg_fact fact;

	start(&a);
	for (int i = 0; i < MAX_OPS && cur_left(&c); i++) {
		ops[cur_u8(&c) % OPS](&a, &c);
		while (wg_next_fact(a.e->wg, &fact))
			BUG_ON(fact.peer != a.handle);
	}
	return 0;
}
