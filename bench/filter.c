/* What the filter costs a packet: 200 rules, and 50,000 flows that packets come to in random order.
 *
 * `make bench-filter`. Each line is the best of several runs, CPU time; the ratio is to opening one
 * packet of 1420 bytes (ChaCha20-Poly1305), which is a part of what such a packet costs the data
 * plane. Without random order the table would lie in the caches of the processor. */
#include "base/cursor.h"
#include "base/rng.h"
#include "contexts.h"
#include "crypto/aead.h"
#include "packet/tcp.h"
#include "policy/filter.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#define FLOWS 50000u
#define PEERS 100u
#define RULES 200u
#define PACKETS 1000000u
#define RUNS 7u
#define SIZE 1420u

static uint32_t order[PACKETS];

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint32_t peer_of(uint32_t flow)
{
	return flow % PEERS;
}

struct packet {
	bool six;
	uint8_t bytes[SIZE];
};

static void write_packet(struct packet *p, bool six, uint8_t flags)
{
	struct writer w = wr_of(p->bytes, sizeof(p->bytes));
	uint8_t host[16] = { 0xfd, 0x99 };

	p->six = six;
	if (six) {
		wr_be32(&w, 0x60000000);
		wr_be16(&w, SIZE - 40);
		wr_be16(&w, PROTO_TCP << 8 | 64);
	} else {
		wr_be16(&w, 0x4500);
		wr_be16(&w, SIZE);
		wr_be32(&w, 0);
		wr_be16(&w, 64 << 8 | PROTO_TCP);
		wr_be16(&w, 0);
	}
	wr_bytes(&w, host, six ? 16 : 4);
	wr_bytes(&w, host, six ? 16 : 4);
	wr_zero(&w, 12);
	wr_u8(&w, 0x50);
	wr_u8(&w, flags);
}

/* A few stores: what is measured is to find the packet in the cache, as the data plane does. */
static void set_flow(struct packet *p, uint32_t flow, bool inwards)
{
	uint8_t *src = p->bytes + (p->six ? 8 : 12), *dst = src + (p->six ? 16 : 4);
	uint8_t *ports = dst + (p->six ? 16 : 4);

	(inwards ? src : dst)[3] = (uint8_t)peer_of(flow);
	store_be16(ports + (inwards ? 0 : 2), (uint16_t)(1024 + flow / PEERS));
	store_be16(ports + (inwards ? 2 : 0), (uint16_t)(1000 + flow % RULES));
}

static struct filter *make(struct policy **policy)
{
	static struct policy_rule rules[RULES];
	static struct policy_hits hits[RULES + 1];
	const struct policy_capacity cap = { PEERS, 2, RULES };
	const struct filter_config config = { .peers = PEERS, .flows = FLOW_DEFAULT_CAP,
		.hash_key = "sixteen bytes..." };
	struct filter *f = filter_init(calloc(1, filter_size(&config)), &config);

	*policy = policy_init(calloc(1, policy_size(&cap)), &cap);
	for (uint16_t i = 0; i < RULES; i++)
		rules[i] = (struct policy_rule){ POLICY_ALLOW, POLICY_TCP, (uint16_t)(1000 + i),
			(uint16_t)(1000 + i), i };
	if (policy_add(*policy, POLICY_FROM_GLOBAL, "", rules, RULES) == POLICY_NONE)
		abort();
	policy_set_default(*policy, POLICY_DEFAULT_DENY);
	filter_set_policy(f, *policy, hits);
	return f;
}

typedef void work(struct filter *f, uint32_t i, struct instant now);

static double best_ns(work *does, struct filter *f, uint32_t count)
{
	double best = 1e18;
	static uint64_t ms = 1000;

	for (unsigned r = 0; r < RUNS; r++) {
		double from = seconds();

		for (uint32_t i = 0; i < count; i++) {
			ms += i % 1000 == 0; /* a million packets a second */
			does(f, i, instant_add(INSTANT_ZERO, span_ms(ms)));
		}
		from = (seconds() - from) / count * 1e9;
		best = from < best ? from : best;
	}
	return best;
}

static struct packet in, out;

static void known_in(struct filter *f, uint32_t i, struct instant now)
{
	struct filter_decision d;

	set_flow(&in, order[i], true);
	if (filter_in(f, bytes_of(in.bytes, SIZE), peer_of(order[i]), now, &d) != FILTER_PASS)
		abort();
}

/* As the data plane does: so many packets that came together. */
static void batch_in(struct filter *f, uint32_t i, struct instant now)
{
	static struct packet together[FILTER_BATCH];
	static struct filter_packet packets[FILTER_BATCH];
	struct filter_decision d[FILTER_BATCH];
	uint32_t k = i % FILTER_BATCH;

	if (together[k].six != in.six || !packets[k].bytes.data)
		together[k] = in;
	set_flow(&together[k], order[i], true);
	packets[k] = (struct filter_packet){ bytes_of(together[k].bytes, SIZE), peer_of(order[i]) };
	if (k != FILTER_BATCH - 1)
		return;
	filter_in_batch(f, packets, FILTER_BATCH, now, d);
	for (k = 0; k < FILTER_BATCH; k++)
		if (d[k].result != FILTER_PASS)
			abort();
}

static void known_out(struct filter *f, uint32_t i, struct instant now)
{
	set_flow(&out, order[i], false);
	filter_out(f, bytes_of(out.bytes, SIZE), peer_of(order[i]), now);
}

static void parse_only(struct filter *f, uint32_t i, struct instant now)
{
	struct ip_packet p;

	(void)f;
	(void)now;
	set_flow(&in, order[i], true);
	if (!ip_packet_parse(bytes_of(in.bytes, SIZE), &p))
		abort();
}

/* A flow that is busy: nothing has to be fetched. */
static void one_in(struct filter *f, uint32_t i, struct instant now)
{
	struct filter_decision d;

	(void)i;
	set_flow(&in, 7, true);
	if (filter_in(f, bytes_of(in.bytes, SIZE), 7, now, &d) != FILTER_PASS)
		abort();
}

static void judged(struct filter *f, uint32_t i, struct instant now)
{
	filter_judge_again(f);
	known_in(f, i, now);
}

static void opened(struct filter *f, uint32_t i, struct instant now)
{
	static uint8_t sealed[SIZE + 16], plain[SIZE + 16];
	static const struct sym_key key;

	(void)f;
	(void)now;
	if (!sealed[SIZE])
		aead_seal(sealed, plain, SIZE, NULL, 0, 7, &key);
	if (!aead_open(plain, sealed, SIZE + 16, NULL, 0, 7, &key))
		abort();
	(void)i;
}

static void run(bool six, double open_ns)
{
	struct policy *policy;
	struct filter *f = make(&policy);
	const struct { const char *name; work *does; } rows[] = {
		{ "reading the headers alone", parse_only },
		{ "in, one busy flow", one_in },
		{ "in, known flow", known_in },
		{ "in, known flow, batch", batch_in },
		{ "in, judged again each time", judged },
		{ "out, known flow", known_out },
	};
	struct filter_decision d;

	write_packet(&in, six, TCP_SYN);
	for (uint32_t i = 0; i < FLOWS; i++) {
		set_flow(&in, i, true);
		filter_in(f, bytes_of(in.bytes, SIZE), peer_of(i), INSTANT_ZERO, &d);
	}
	write_packet(&in, six, TCP_ACK);
	write_packet(&out, six, TCP_ACK);
	printf("IPv%d, %" PRIu32 " flows, %u rules\n", six ? 6 : 4, flows_count(filter_flows(f)),
	       RULES);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		double ns = best_ns(rows[i].does, f, PACKETS);

		printf("  %-28s %6.1f ns a packet, %4.1f %% of opening it\n", rows[i].name, ns,
		       ns / open_ns * 100);
	}
}

int main(void)
{
	struct rng rng;
	double open_ns;

	test_crypto();
	rng_init(&rng, 1);
	for (uint32_t i = 0; i < PACKETS; i++)
		order[i] = (uint32_t)rng_below(&rng, FLOWS);
	open_ns = best_ns(opened, NULL, PACKETS / 20);
	printf("opening a packet of %u bytes %6.1f ns\n", SIZE, open_ns);
	run(false, open_ns);
	run(true, open_ns);
	return 0;
}
