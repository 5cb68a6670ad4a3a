/* What splitting, merging and looking up a peer costs. `make bench-packet`. Best of several runs,
 * CPU time. One packet of 60 KiB is cut into segments of 1,420 bytes, and these are put together
 * again; addresses of peers are asked for in random order. */
#include "base/rng.h"
#include "contexts.h"
#include "segments.h"
#include "wg/allowedips.h"

#include <time.h>

#define SEGMENTS 43u
#define PAYLOAD 1380u
#define LOOKUPS 200000u
#define RUNS 9u

static uint8_t whole[65536], parts[SEGMENTS][2048], kept[SEGMENTS][2048];
static size_t lengths[SEGMENTS];

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void split_once(const struct offload *o, size_t len)
{
	struct split s;

	if (!split_init(&s, bytes_of(whole, len), o))
		abort();
	for (unsigned i = 0; i < SEGMENTS; i++) {
		lengths[i] = split_next(&s, parts[i]);
		if (lengths[i] <= s.header_len)
			abort();
	}
}

static void merge_once(void)
{
	struct offload left;
	struct merge m;
	struct bytes more;

	if (!merge_begin(&m, parts[0], lengths[0]))
		abort();
	for (unsigned i = 1; i < SEGMENTS; i++)
		if (!merge_add(&m, parts[i], lengths[i], &more))
			abort();
	merge_end(&m, &left);
	memcpy(parts[0], kept[0], 128); /* its header was changed */
}

static void split_and_merge(bool is_tcp, bool is_v4)
{
	struct shape shape = { .is_v4 = is_v4, .is_tcp = is_tcp, .flags = 0x10,
			       .payload = SEGMENTS * PAYLOAD };
	struct offload o = { .kind = is_tcp ? OFFLOAD_TCP : OFFLOAD_UDP, .segment = PAYLOAD };
	double split = 1e18, merge = 1e18, t;
	size_t len;

	memset(whole, 7, sizeof(whole));
	len = make_segment(whole, &shape);
	for (unsigned r = 0; r < RUNS; r++) {
		t = seconds();
		for (unsigned i = 0; i < 200; i++)
			split_once(&o, len);
		t = seconds() - t;
		split = t < split ? t : split;
		memcpy(kept, parts, sizeof(kept));
		t = seconds();
		for (unsigned i = 0; i < 200; i++)
			merge_once();
		t = seconds() - t;
		merge = t < merge ? t : merge;
	}
	printf("%s over %s: split %.0f ns, merge %.0f ns a segment of %zu bytes\n",
	       is_tcp ? "TCP" : "UDP", is_v4 ? "IPv4" : "IPv6", split * 1e9 / (200 * SEGMENTS),
	       merge * 1e9 / (200 * SEGMENTS), lengths[0]);
}

static uint32_t any(uint32_t below)
{
	static uint64_t state = 88172645463325252ull;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 20) % below;
}

/* The address of a peer looks like a random one of 10.99.0.0/16, or of a /32 of IPv6. */
static struct prefix of_peer(uint32_t peer, bool is_v4)
{
	const uint32_t mixed = peer * 2654435761u;
	struct prefix p = { .ip = { .family = is_v4 ? FAMILY_IPV4 : FAMILY_IPV6 },
			    .len = is_v4 ? 32 : 128 };

	p.ip.b[0] = is_v4 ? 10 : 0xfd;
	p.ip.b[1] = 0x99;
	memcpy(p.ip.b + (is_v4 ? 2 : 8), &mixed, is_v4 ? 2 : 4);
	return p;
}

static void look_up(uint32_t peers)
{
	struct allowedips *table = allowedips_init(malloc(allowedips_size(2 * peers, peers)),
						   2 * peers, peers);
	double best[2] = { 1e18, 1e18 };
	uint64_t found = 0;

	for (uint32_t i = 0; i < peers; i++)
		for (int v4 = 0; v4 < 2; v4++) {
			const struct prefix p = of_peer(i, v4);

			if (!allowedips_insert(table, &p, i))
				abort();
		}
	for (unsigned r = 0; r < 2 * RUNS; r++) {
		static struct ip asked[4096];
		double t;

		for (unsigned i = 0; i < 4096; i++)
			asked[i] = of_peer(any(peers), r & 1).ip;
		t = seconds();
		for (unsigned i = 0; i < LOOKUPS; i++)
			found += allowedips_lookup(table, &asked[i % 4096]) < peers;
		t = seconds() - t;
		best[r & 1] = t < best[r & 1] ? t : best[r & 1];
	}
	if (found != 2ull * RUNS * LOOKUPS)
		abort();
	printf("%u peers: IPv4 %.0f ns, IPv6 %.0f ns an address\n", peers, best[1] * 1e9 / LOOKUPS,
	       best[0] * 1e9 / LOOKUPS);
}

int main(void)
{
	for (int kind = 0; kind < 4; kind++)
		split_and_merge(kind & 1, kind & 2);
	for (uint32_t peers = 1; peers <= 1000; peers *= 10)
		look_up(peers);
	return 0;
}
