/* Seals and opens for test/interop/sealed.py, a command a line:
 *   seal SEED PEER EPOCH YOUR PAYLOAD        -> DATAGRAM
 *   open SEED PEER EPOCH DATAGRAM            -> VERDICT EPOCH COUNTER KNOWS PAYLOAD
 *   sign SEED SEQUENCE NAME ENDPOINT ROUTE   -> RECORD
 *   read RECORD                              -> KEY SEQUENCE NAME ENDPOINT ROUTE, or "refused"
 * Bytes in hex, "-" for none; numbers in decimal. */
#include "contexts.h"
#include "hex.h"

#include "base/text.h"
#include "crypto/curve.h"
#include "identity/channel.h"
#include "identity/record.h"

#define WORDS 6
#define LINE 4096

static const char *hex_of(const void *data, size_t len)
{
	static char hex[LINE];

	hex_encode(data, len, hex, sizeof(hex));
	return len ? hex : "-";
}

static size_t bytes_in(const char *word, void *out, size_t cap)
{
	return strcmp(word, "-") ? unhex(word, out, cap) : 0;
}

static struct channel *channel_for(char **w, struct random *random)
{
	static uint64_t memory[1024];
	uint8_t seed[32], peer[32];
	struct public_key pk, peer_pk;
	struct secret_key sk;
	struct channel_config config = {
		.members = 1, .random = random, .secret = &sk, .public = &pk,
		.epoch = strtoull(w[3], NULL, 10),
	};
	struct channel *c;

	unhex(w[1], seed, sizeof(seed));
	unhex(w[2], peer, sizeof(peer));
	memcpy(peer_pk.b, peer, sizeof(peer));
	ed25519_from_seed(&pk, &sk, seed);
	random_init(random, seed);
	BUG_ON(channel_size(1) > sizeof(memory));
	memset(memory, 0, sizeof(memory));
	c = channel_init(memory, &config);
	BUG_ON(!channel_add(c, 0, &peer_pk));
	return c;
}

static void do_seal(char **w)
{
	uint8_t payload[CHANNEL_PAYLOAD_MAX], out[MAX_DATAGRAM];
	struct random random;
	struct channel *c = channel_for(w, &random);
	size_t len = bytes_in(w[5], payload, sizeof(payload));

	len = channel_seal(c, 0, strtoull(w[4], NULL, 10), bytes_of(payload, len), out);
	puts(hex_of(out, len));
}

static void do_open(char **w)
{
	static const char *const names[] = { "fresh", "authentic", "replayed", "unknown", "forged",
					     "malformed" };
	uint8_t datagram[MAX_DATAGRAM];
	struct random random;
	struct channel *c = channel_for(w, &random);
	struct channel_opened o = { 0 };
	size_t len = bytes_in(w[4], datagram, sizeof(datagram));
	enum channel_verdict v = channel_open(c, bytes_of(datagram, len), &o);

	printf("%s %" PRIu64 " %" PRIu64 " %d %s\n", names[v], o.epoch, o.counter, o.knows_us,
	       hex_of(o.payload, o.len));
}

static void do_sign(char **w)
{
	struct record_body b = { .address_index = 2, .nat_kind = 1, .flags = RECORD_RELAYS,
				 .candidate_count = 1, .route_count = 1 };
	struct secret_key sk;
	struct record r;
	uint8_t seed[32];

	unhex(w[1], seed, sizeof(seed));
	ed25519_from_seed(&b.key, &sk, seed);
	b.sequence = strtoull(w[2], NULL, 10);
	snprintf(b.name, sizeof(b.name), "%s", w[3]);
	BUG_ON(!prefix_parse("10.99.0.0/16", 12, &b.prefix));
	BUG_ON(!endpoint_parse(w[4], strlen(w[4]), 0, &b.candidates[0]));
	BUG_ON(!prefix_parse(w[5], strlen(w[5]), &b.routes[0]));
	BUG_ON(!record_sign(&b, &sk, &r));
	puts(hex_of(r.wire, r.len));
}

static void do_read(char **w)
{
	uint8_t wire[MAX_RECORD];
	char endpoint[ENDPOINT_TEXT], route[PREFIX_TEXT];
	size_t len = bytes_in(w[1], wire, sizeof(wire));
	struct record_claim claim;
	struct record r;

	if (!record_decode(bytes_of(wire, len), &claim) || !record_verify(&claim, &r)) {
		puts("refused");
		return;
	}
	endpoint_format(&r.body.candidates[0], endpoint);
	prefix_format(&r.body.routes[0], route);
	printf("%s %" PRIu64 " %s %s %s\n", hex_of(r.body.key.b, sizeof(r.body.key.b)),
	       r.body.sequence, r.body.name, endpoint, route);
}

int main(void)
{
	static char line[LINE];

	test_crypto();
	while (fgets(line, sizeof(line), stdin)) {
		char *w[WORDS] = { "", "", "", "", "", "" }, *save = NULL;
		char *word = strtok_r(line, " \n", &save);

		for (int i = 0; word && i < WORDS; i++, word = strtok_r(NULL, " \n", &save))
			w[i] = word;
		if (!strcmp(w[0], "seal"))
			do_seal(w);
		else if (!strcmp(w[0], "open"))
			do_open(w);
		else if (!strcmp(w[0], "sign"))
			do_sign(w);
		else if (!strcmp(w[0], "read"))
			do_read(w);
		fflush(stdout);
	}
	return tap_bad != 0;
}
