/* Messages and frames as hostile members and strangers send them, to a relay and to an end of
 * channels. The input is a row of: what (1), who (1), length (1), bytes. */
#include "contexts.h"

#include "nat/relay.h"
#include "nat/relayed.h"

#include <string.h>

static struct relay_end end_of(uint8_t who)
{
	struct relay_end e = { .slot = who % 8, .key = { { (uint8_t)(who % 8 + 1) } } };

	e.at = (struct endpoint){ .ip = ip_v4(192, 0, 2, (uint8_t)(who % 16)), .port = 51821 };
	return e;
}

/* What was said last to each: a peer can prove its address. */
static uint8_t said[8][RELAY_LEN];

static void listen(struct outbox *out, uint32_t asked, size_t frame)
{
	for (uint32_t i = 0; i < out->count; i++) {
		const struct out *o = &out->items[i];

		if (o->kind == OUT_DATAGRAM) {
			BUG_ON(out->count != 1 || o->len != frame);
			continue;
		}
		BUG_ON(o->len != RELAY_LEN || out->count > asked);
		memcpy(said[o->slot % 8], o->data, RELAY_LEN);
	}
	outbox_clear(out);
}

static void tell(struct relay *r, struct relayed *mine, struct instant now, uint8_t who,
		 struct bytes d, struct outbox *out)
{
	struct relay_end from = end_of(who), other;
	struct relay_message m;
	struct endpoint at;
	uint8_t again[RELAY_LEN];

	if (!relay_decode(d, &m))
		return;
	relay_encode(&m, again);
	BUG_ON(d.len != RELAY_LEN || memcmp(again, d.data, RELAY_LEN) != 0);
	other = end_of((uint8_t)(m.other.b[0] - 1));
	other.key = m.other;
	if (m.type == RELAY_TYPE_OPEN)
		relay_open(r, now, &from, &other, m.other.b[1] == 0, out);
	else if (m.type == RELAY_TYPE_BIND)
		relay_bind(r, now, &from, &other, &m, out);
	else if (m.type == RELAY_TYPE_OFFER)
		relayed_offered(mine, now, other.slot, &from, &m, out);
	else if (relayed_bound(mine, now, other.slot, &from, &m, &at))
		BUG_ON(at.channel != m.channel || relayed_peer(mine, &at) != other.slot);
	listen(out, 2, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static _Alignas(64) uint8_t relay_memory[65536], mine_memory[262144], arena[1u << 16];
	static struct out items[64];
	const uint8_t entropy[32] = { 1 }, key[16] = { 2 };
	struct random random;
	struct relay_config config = { .members = 8, .random = &random, .sessions = 4 };
	struct instant now = { 1000000000u };
	struct relayed_fact fact;
	struct outbox out;

	test_crypto();
	BUG_ON(relay_size(8, 4) > sizeof(relay_memory) || relayed_size() > sizeof(mine_memory));
	memset(relay_memory, 0, relay_size(8, 4));
	memset(mine_memory, 0, relayed_size());
	random_init(&random, entropy);
	outbox_init(&out, items, 64, arena, sizeof(arena));
	struct relay *r = relay_init(relay_memory, &config, now);
	struct relayed *mine = relayed_init(mine_memory, key);
	relay_set_willing(r, true);
	while (size >= 3) {
		const uint8_t what = data[0], who = data[1];
		size_t len = data[2] < size - 3 ? data[2] : size - 3;
		struct bytes d = bytes_of(data + 3, len);
		struct relay_end e = end_of(who), peer = end_of((uint8_t)(who / 16));

		switch (what % 6) {
		case 0: tell(r, mine, now, who, d, &out); break;
		case 1: /* the answer to what was said to him, or that itself */
			said[who % 8][0] = what & 8 ? RELAY_TYPE_BIND : said[who % 8][0];
			tell(r, mine, now, who, bytes_of(said[who % 8], RELAY_LEN), &out);
			break;
		case 2:
			(void)relay_forward(r, now, &e.at, d, 0, &out);
			listen(&out, 0, d.len);
			break;
		case 3:
			now = instant_add(now, span_ms(who * 500u));
			relay_tick(r, now);
			relayed_tick(mine, now, &out);
			outbox_clear(&out);
			break;
		case 4:
			relayed_ask(mine, now, peer.slot, &peer.key, &e, &out);
			outbox_clear(&out);
			break;
		case 5:
			relay_forget(r, who % 8);
			relayed_forget(mine, who % 8);
			break;
		}
		BUG_ON(relay_channels(r) > 4 || relayed_channels(mine) > RELAYED_MAX);
		while (relayed_next_fact(mine, &fact))
			;
		data += 3 + len;
		size -= 3 + len;
	}
	return 0;
}
