/* Datagrams and records that another implementation made from docs/protocol.md alone. */
#include "tap.h"
#include "contexts.h"
#include "hex.h"

#include "crypto/curve.h"
#include "identity/channel.h"
#include "identity/record.h"
#include "vectors/identity_golden.h"

struct identity {
	struct public_key pk;
	struct secret_key sk;
};

static struct identity identity_of(const char *seed_hex)
{
	struct identity id;
	uint8_t seed[32];

	eq_int(unhex(seed_hex, seed, sizeof(seed)), sizeof(seed));
	ed25519_from_seed(&id.pk, &id.sk, seed);
	return id;
}

static void its_datagrams_open(void)
{
	static uint64_t memory[1024];

	for (size_t i = 0; i < sizeof(golden_datagrams) / sizeof(*golden_datagrams); i++) {
		const struct golden_datagram *g = &golden_datagrams[i];
		struct identity from = identity_of(g->from), to = identity_of(g->to);
		struct random random = { { { 0 } } };
		struct channel_config config = {
			.members = 1, .random = &random, .secret = &to.sk, .public = &to.pk,
			.epoch = g->yours,
		};
		uint8_t wire[MAX_DATAGRAM], payload[CHANNEL_PAYLOAD_MAX];
		size_t len = unhex(g->wire, wire, sizeof(wire));
		struct channel_opened o;
		struct channel *c;

		ok(channel_size(1) <= sizeof(memory));
		memset(memory, 0, sizeof(memory));
		c = channel_init(memory, &config);
		ok(channel_add(c, 0, &from.pk));
		eq_int(channel_open(c, bytes_of(wire, len), &o), CHANNEL_AUTHENTIC);
		ok(o.epoch == g->epoch);
		ok(o.counter == g->counter);
		ok(o.knows_us);
		eq_int(o.len, unhex(g->payload, payload, sizeof(payload)));
		eq_mem(o.payload, payload, o.len);
	}
}

/* Signatures are deterministic, so both directions are one comparison. */
static void its_records_are_ours_to_the_byte(void)
{
	for (size_t i = 0; i < sizeof(golden_records) / sizeof(*golden_records); i++) {
		const struct golden_record *g = &golden_records[i];
		struct identity id = identity_of(g->seed);
		struct record_body b = {
			.key = id.pk, .sequence = g->sequence, .address_index = 2, .nat_kind = 1,
			.flags = RECORD_RELAYS, .candidate_count = 1, .route_count = 1,
		};
		uint8_t wire[MAX_RECORD];
		size_t len = unhex(g->wire, wire, sizeof(wire));
		struct record_claim claim;
		struct record verified, made;

		snprintf(b.name, sizeof(b.name), "%s", g->name);
		ok(prefix_parse("10.99.0.0/16", 12, &b.prefix));
		ok(endpoint_parse(g->candidate, strlen(g->candidate), 0, &b.candidates[0]));
		ok(prefix_parse(g->route, strlen(g->route), &b.routes[0]));
		ok(record_decode(bytes_of(wire, len), &claim));
		ok(record_verify(&claim, &verified));
		ok(record_sign(&b, &id.sk, &made));
		eq_int(made.len, len);
		eq_mem(made.wire, wire, len);
	}
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		T(its_datagrams_open),
		T(its_records_are_ours_to_the_byte),
	};

	test_crypto();
	return tap_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
