/* Messages of members. A first byte of 0: the rest is one message as it comes. Else: the rest is
 * a script of messages, genuine records, accusations, time, paths and admissions. After each
 * step: what the room sends is well formed, goes to an admitted member, and no stored sequence
 * has fallen. */
#include "contexts.h"

#include "base/cursor.h"
#include "crypto/curve.h"
#include "crypto/hash.h"
#include "identity/record.h"
#include "swim/swim.h"
#include "swim/scope.h"
#include "swim/wire.h"

#include <string.h>

#define PEERS 6u
#define SEQUENCES 8u
#define STEPS 256u
#define ITEMS 512u

static struct public_key keys[PEERS + 1];
static struct secret_key secrets[PEERS + 1];
static struct record records[PEERS + 1][SEQUENCES][2]; /* [..][..][leaving] */

static struct outbox out;
static struct swim *swim;
static struct instant now;
static bool admitted[PEERS];
static uint64_t sequence[PEERS];

static void make_records(void)
{
	for (unsigned i = 0; i <= PEERS; i++) {
		uint8_t seed[32] = { (uint8_t)(i + 1) };

		ed25519_from_seed(&keys[i], &secrets[i], seed);
		for (unsigned k = 0; k < 2 * SEQUENCES; k++) {
			struct record_body body = { .key = keys[i], .sequence = k / 2 + 1 };

			body.flags = k % 2 ? RECORD_LEAVING : 0;
			body.prefix = (struct prefix){ ip_v4(10, 99, 0, 0), 16 };
			BUG_ON(!record_sign(&body, &secrets[i], &records[i][k / 2][k % 2]));
		}
	}
}

static void start(void)
{
	static uint64_t memory[1u << 16];
	static struct out items[ITEMS];
	static uint8_t arena[ITEMS * 2048];
	struct swim_config config = { .members = PEERS, .seed = 7, .self = keys[PEERS],
				      .secret = &secrets[PEERS] };

	BUG_ON(swim_size(PEERS) > sizeof(memory));
	memset(memory, 0, sizeof(memory));
	outbox_init(&out, items, ITEMS, arena, sizeof(arena));
	now = (struct instant){ 1000000000u };
	swim = swim_init(memory, &config, now);
	for (uint32_t i = 0; i < PEERS; i++) {
		swim_admit(swim, i, &keys[i], now);
		admitted[i] = true;
		sequence[i] = 0;
	}
	swim_set_self(swim, &records[PEERS][0][0], now);
}

static void check(void)
{
	struct wire_message m;
	struct swim_fact f;
	struct swim_info info;

	for (uint32_t i = 0; i < out.count; i++) {
		const struct out *o = &out.items[i];

		BUG_ON(o->kind != OUT_MESSAGE || o->slot >= PEERS || !admitted[o->slot]);
		BUG_ON(!wire_decode(bytes_of(o->data, o->len), &m));
	}
	outbox_clear(&out);
	for (uint32_t i = 0; i < PEERS; i++) {
		swim_info(swim, i, &info);
		BUG_ON(admitted[i] && info.sequence < sequence[i]);
		BUG_ON((info.state == SWIM_UNKNOWN) != !info.record);
		sequence[i] = info.sequence;
	}
	BUG_ON(swim_counters(swim)->alive > PEERS);
	while (swim_next_fact(swim, &f))
		BUG_ON(f.slot != UINT32_MAX && (f.slot >= PEERS || !admitted[f.slot]));
}

static void pass(uint64_t ms)
{
	struct instant until = instant_add(now, span_ms(ms));

	for (unsigned i = 0; i < 64 && instant_before(swim_deadline(swim), until); i++) {
		if (instant_before(now, swim_deadline(swim)))
			now = swim_deadline(swim);
		swim_tick(swim, now, &out);
		check();
	}
	now = until;
}

/* Peers of odd number have our list, the others one of their own. */
static uint64_t list_of(uint32_t from)
{
	return from & 1 ? scope_tag(swim, from, PEERS) : 77;
}

static void say(uint32_t from, uint8_t type, const struct record *r, const struct accusation *a)
{
	uint8_t memory[CHANNEL_PAYLOAD_MAX];
	struct writer w = wr_of(memory, sizeof(memory));

	wire_put_header(&w, &(struct wire_header){ .type = type, .flags = WIRE_BULK, .known = 1,
						   .list = list_of(from) });
	wr_u8(&w, 1);
	if (r)
		wire_put_record(&w, bytes_of(r->wire, r->len));
	else
		wire_put_accusation(&w, a);
	swim_input(swim, now, from, bytes_of(memory, wr_len(&w)), &out);
}

static uint64_t id_of(uint32_t i);

/* A list of its own in one part: us, and those whose bit is set. */
static void tell_scope(uint32_t from, uint32_t members)
{
	uint8_t memory[CHANNEL_PAYLOAD_MAX], n = 1;
	struct writer w = wr_of(memory, sizeof(memory));

	for (uint32_t i = 0; i < PEERS; i++)
		n += members >> i & 1;
	wire_put_header(&w, &(struct wire_header){ .type = WIRE_SCOPE, .list = 77 });
	wr_be32(&w, 0);
	wr_be32(&w, n);
	wr_u8(&w, n);
	wr_be64(&w, scope_print(swim, from, PEERS, id_of(PEERS)));
	for (uint32_t i = 0; i < PEERS; i++)
		if (members >> i & 1)
			wr_be64(&w, scope_print(swim, from, PEERS, id_of(i)));
	wr_u8(&w, 0);
	swim_input(swim, now, from, bytes_of(memory, wr_len(&w)), &out);
}

static uint64_t id_of(uint32_t i)
{
	struct hash h;

	blake3(&h, keys[i].b, sizeof(keys[i].b));
	return load_be64(h.b);
}

static void admission(uint32_t slot)
{
	if (admitted[slot])
		swim_forget(swim, slot, now);
	else
		swim_admit(swim, slot, &keys[slot], now);
	admitted[slot] = !admitted[slot];
	sequence[slot] = 0;
}

static void step(struct cursor *script)
{
	uint8_t op = cur_u8(script);
	uint32_t a = cur_u8(script), b = a >> 4;
	struct accusation accusation;

	switch (op % 8) {
	case 0:
		swim_input(swim, now, a % PEERS, cur_span(script, cur_be16(script)), &out);
		break;
	case 1:
		if (op & 8)
			tell_scope(a % PEERS, cur_u8(script));
		else
			pass(a * 10);
		break;
	case 2:
		if (admitted[a % PEERS])
			swim_reachable(swim, a % PEERS, op & 8, now);
		break;
	case 3:
		admission(a % PEERS);
		break;
	case 4:
		if (admitted[a % PEERS])
			swim_proof_of_life(swim, a % PEERS, now);
		break;
	case 5:
	case 6:
		say(a % PEERS, op & 8 ? WIRE_PING : WIRE_ITEMS,
		    &records[b % (PEERS + 1)][(op >> 4) % SEQUENCES][op >> 7], NULL);
		break;
	default:
		accusation.subject = id_of(b % (PEERS + 1));
		accusation.sequence = op >> 4;
		accusation.accuser = id_of(op >> 4 & 3);
		say(a % PEERS, op & 8 ? WIRE_ACK : WIRE_ITEMS, NULL, &accusation);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor script = cur_of(data, size);
	uint8_t scripted = cur_u8(&script);

	test_crypto();
	if (!secrets[0].b[0])
		make_records();
	start();
	if (!scripted) {
		swim_input(swim, now, 1, cur_span(&script, cur_left(&script)), &out);
		check();
	}
	for (unsigned i = 0; scripted && i < STEPS && cur_left(&script); i++) {
		step(&script);
		check();
	}
	return 0;
}
