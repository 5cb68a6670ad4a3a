/* Splitting and merging are the inverse of each other, and nothing is merged that is not alike. */
#include "segments.h"

#include "base/rng.h"
#include "tap.h"

#define MOST 1500u

static uint8_t whole[65536], again[65536], parts[MERGE_MOST][65536];
static size_t lens[MERGE_MOST];
static struct rng rng;

static void random_payload(uint8_t *p, const struct shape *s)
{
	uint8_t *at = p + header_of(s);

	for (size_t i = 0; i < s->payload; i++)
		at[i] = (uint8_t)rng_below(&rng, 256);
}

static struct shape any_shape(void)
{
	struct shape s = {
		.is_v4 = rng_below(&rng, 2), .is_tcp = rng_below(&rng, 2),
		.id = (uint16_t)rng_below(&rng, 65536), .seq = (uint32_t)rng_u64(&rng),
		.flags = TCP_ACK, .payload = 1 + (uint32_t)rng_below(&rng, 60000),
	};

	s.options = s.is_tcp ? 4 * (uint32_t)rng_below(&rng, 11) : 0;
	if (rng_below(&rng, 2))
		s.flags |= TCP_PSH;
	return s;
}

static bool sums_are_right(const uint8_t *p, size_t len, const struct shape *s)
{
	static uint8_t copy[65536];

	memcpy(copy, p, len);
	seal_packet(copy, len, s->is_v4, s->is_tcp);
	return !memcmp(copy, p, len);
}

static uint32_t split_whole(const struct shape *s, size_t len, uint16_t segment)
{
	struct offload o = { .kind = s->is_tcp ? OFFLOAD_TCP : OFFLOAD_UDP, .segment = segment };
	struct split split;
	uint32_t count = 0;
	size_t n;

	ok(split_init(&split, bytes_of(whole, len), &o));
	while ((n = split_next(&split, parts[count])) > 0) {
		ok(n <= split_longest(&split));
		ok(sums_are_right(parts[count], n, s));
		lens[count++] = n;
		if (count == MERGE_MOST)
			break;
	}
	return count;
}

/* As many as are taken; the result in `again`. */
static uint32_t merge_parts(uint32_t count, size_t *len, struct offload *o)
{
	struct bytes more[MERGE_MOST];
	struct merge m;
	uint32_t taken = 1;

	ok(merge_begin(&m, parts[0], lens[0]));
	while (taken < count && merge_add(&m, parts[taken], lens[taken], &more[taken - 1]))
		taken++;
	merge_end(&m, o);
	*len = merged_bytes(again, parts[0], lens[0], more, taken - 1);
	return taken;
}

static void what_is_split_is_merged_again(void)
{
	rng_init(&rng, 3);
	for (unsigned i = 0; i < 3000; i++) {
		struct shape s = any_shape();
		uint16_t segment = (uint16_t)(1 + s.payload / MERGE_MOST +
					      rng_below(&rng, MOST));
		size_t len, got;
		struct offload o;
		uint32_t count;

		random_payload(whole, &s);
		len = make_segment(whole, &s);
		count = split_whole(&s, len, segment);
		eq_int(count, (s.payload + segment - 1) / segment);
		eq_int(merge_parts(count, &got, &o), count);
		eq_int(got, len);
		if (count > 1) {
			eq_int(o.segment, segment);
			ok(o.kind == (s.is_tcp ? OFFLOAD_TCP : OFFLOAD_UDP) && o.needs_checksum);
			ok(offload_checksum(again, got, &o));
		}
		eq_mem(again, whole, len);
	}
}

static uint8_t original[MERGE_MOST][65536];

static void what_is_merged_is_split_again(void)
{
	rng_init(&rng, 4);
	for (unsigned i = 0; i < 1000; i++) {
		struct shape s = any_shape();
		uint32_t count = 2 + (uint32_t)rng_below(&rng, 30), segment;
		struct offload o;
		size_t len;

		s.payload = segment = 1 + (uint32_t)rng_below(&rng, 1400);
		s.flags = TCP_ACK;
		for (uint32_t k = 0; k < count; k++) {
			if (k == count - 1) {
				s.payload = 1 + (uint32_t)rng_below(&rng, segment);
				s.flags |= rng_below(&rng, 2) ? TCP_PSH : 0;
			}
			random_payload(parts[k], &s);
			lens[k] = make_segment(parts[k], &s);
			memcpy(original[k], parts[k], lens[k]);
			s.seq += s.payload;
			s.id++;
		}
		eq_int(merge_parts(count, &len, &o), count);
		ok(offload_checksum(again, len, &o));
		memcpy(whole, again, len);
		eq_int(split_whole(&s, len, o.segment), count);
		for (uint32_t k = 0; k < count; k++)
			eq_mem(parts[k], original[k], lens[k]);
	}
}

/* One thing about the second packet is not as it should be. */
static void what_differs_is_not_merged(void)
{
	static const struct {
		const char *name;
		bool tcp_only, v4_only;
		int at;
		uint8_t flip;
	} bad[] = {
		{ "type of service", false, true, 1, 4 },
		{ "identification", false, true, 5, 64 },
		{ "fragment", false, true, 6, 0x20 },
		{ "time to live", false, true, 8, 1 },
		{ "source", false, true, 12, 1 },
		{ "destination", false, true, 19, 1 },
		{ "source port", false, false, 100, 1 },
		{ "destination port", false, false, 103, 1 },
		{ "sequence number", true, false, 107, 1 },
		{ "acknowledgment", true, false, 111, 1 },
		{ "flags: FIN", true, false, 113, TCP_FIN },
		{ "flags: SYN", true, false, 113, TCP_SYN },
		{ "flags: CWR", true, false, 113, 0x80 },
		{ "flags: ECE", true, false, 113, 0x40 },
		{ "flags: no ACK", true, false, 113, TCP_ACK },
		{ "window", true, false, 115, 1 },
		{ "urgent pointer", true, false, 119, 1 },
		{ "options", true, false, 120, 1 },
	};
	struct bytes more;
	struct merge m;

	for (unsigned kind = 0; kind < 4; kind++) {
		struct shape s = { .is_v4 = kind & 1, .is_tcp = kind & 2, .payload = 100,
				   .options = kind & 2 ? 12 : 0, .flags = TCP_ACK, .id = 9 };
		size_t l4 = s.is_v4 ? 20 : 40;

		for (size_t i = 0; i <= sizeof(bad) / sizeof(*bad); i++) {
			bool good = i == sizeof(bad) / sizeof(*bad);
			size_t at = good ? 0 : (size_t)bad[i].at;

			if (!good && bad[i].tcp_only && !s.is_tcp)
				continue;
			if (!good && bad[i].v4_only && !s.is_v4)
				continue;
			s.seq = 1;
			s.id = 9;
			lens[0] = make_segment(parts[0], &s);
			s.seq += s.payload;
			s.id++;
			lens[1] = make_segment(parts[1], &s);
			if (!good)
				parts[1][at >= 100 ? l4 + at - 100 : at] ^= bad[i].flip;
			seal_packet(parts[1], lens[1], s.is_v4, s.is_tcp);
			ok(merge_begin(&m, parts[0], lens[0]));
			if (merge_add(&m, parts[1], lens[1], &more) != good)
				TAP_FAIL("%s", good ? "what is alike is refused" : bad[i].name);
		}
		/* a wrong checksum of either, any of them */
		for (size_t i = l4; i < lens[1]; i += 7) {
			parts[1][i] ^= 1;
			ok(merge_begin(&m, parts[0], lens[0]));
			ok(!merge_add(&m, parts[1], lens[1], &more));
			parts[1][i] ^= 1;
			parts[0][i] ^= 1;
			ok(!merge_begin(&m, parts[0], lens[0]));
			parts[0][i] ^= 1;
		}
	}
}

/* PSH, or less payload, is the last; more payload than the first had never follows. */
static void a_run_ends(void)
{
	struct shape s = { .is_v4 = true, .is_tcp = true, .payload = 100, .flags = TCP_ACK };
	struct bytes more;
	struct merge m;

	for (unsigned how = 0; how < 4; how++) {
		s.seq = s.id = 0;
		s.payload = 100;
		s.flags = how == 3 ? TCP_ACK | TCP_PSH : TCP_ACK;
		for (unsigned k = 0; k < 3; k++) {
			lens[k] = make_segment(parts[k], &s);
			s.seq += s.payload;
			s.id++;
			if (how == 0)
				s.flags |= TCP_PSH;
			if (how == 1)
				s.payload = 99;
			if (how == 2)
				s.payload = 101;
		}
		ok(merge_begin(&m, parts[0], lens[0]));
		eq_int(merge_add(&m, parts[1], lens[1], &more), how < 2);
		ok(!merge_add(&m, parts[2], lens[2], &more));
	}
}

/* Nothing that the kernel says is trusted further than it goes. */
static void what_cannot_be_split_is_refused(void)
{
	struct shape s = { .is_v4 = true, .is_tcp = true, .payload = 3000, .flags = TCP_ACK };
	struct offload o = { .kind = OFFLOAD_TCP, .segment = 1000 };
	size_t len = make_segment(whole, &s);
	struct split split;

	ok(split_init(&split, bytes_of(whole, len), &o));
	ok(!split_init(&split, bytes_of(whole, len - 1), &o));
	ok(!split_init(&split, bytes_of(whole, 39), &o));
	o.segment = 0;
	ok(!split_init(&split, bytes_of(whole, len), &o));
	o = (struct offload){ .kind = OFFLOAD_UDP, .segment = 1000 };
	ok(!split_init(&split, bytes_of(whole, len), &o));
	whole[12 + 20] = 0x40;
	o.kind = OFFLOAD_TCP;
	ok(!split_init(&split, bytes_of(whole, len), &o));
	whole[6] = 0x20;
	ok(!split_init(&split, bytes_of(whole, len), &o));
	o = (struct offload){ .needs_checksum = true, .checksum_at = 20, .checksum_offset = 16 };
	ok(offload_checksum(whole, 38, &o) && !offload_checksum(whole, 37, &o));
	o.checksum_at = 65535;
	ok(!offload_checksum(whole, 100, &o));
}

TAP_TESTS(T(what_is_split_is_merged_again), T(what_is_merged_is_split_again),
	  T(what_differs_is_not_merged), T(a_run_ends), T(what_cannot_be_split_is_refused))
