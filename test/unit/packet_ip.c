/* Headers of IPv4 and IPv6 packets: what is read, what is refused, and where reading ends. */
#include "tap.h"

#include "base/cursor.h"
#include "base/rng.h"
#include "packet/ip.h"

/* The packet lies at the end of memory of its own, so that a sanitizer sees each byte too far. */
static bool parse(const void *data, size_t len, struct ip_packet *out)
{
	uint8_t *copy = malloc(len ? len : 1);
	bool good;

	memcpy(copy, data, len);
	good = ip_packet_parse(bytes_of(copy, len), out);
	free(copy);
	return good;
}

struct v4 {
	uint8_t first, ds, protocol;
	uint16_t total, fragment;
};

static size_t v4_packet(uint8_t *out, struct v4 h, const void *rest, size_t len)
{
	struct writer w = wr_of(out, 256);

	wr_u8(&w, h.first);
	wr_u8(&w, h.ds);
	wr_be16(&w, h.total ? h.total : (uint16_t)(20 + len));
	wr_be16(&w, 0x1234);
	wr_be16(&w, h.fragment);
	wr_u8(&w, 63);
	wr_u8(&w, h.protocol);
	wr_be16(&w, 0);
	wr_bytes(&w, "\xc0\0\2\1\xcb\0\x71\7", 8);
	wr_bytes(&w, rest, len);
	return wr_len(&w);
}

static void an_ipv4_header_is_read_whole(void)
{
	uint8_t packet[256];
	struct ip_packet p;
	struct ip src = ip_v4(192, 0, 2, 1), dst = ip_v4(203, 0, 113, 7);
	size_t n = v4_packet(packet, (struct v4){ 0x45, 0xb9, PROTO_UDP, 0, 0x4000 },
			     "\x13\x88\0\x35\0\x0b\0\0abc", 11);

	ok(parse(packet, n, &p));
	ok(ip_equal(&p.src, &src) && ip_equal(&p.dst, &dst));
	eq_int(p.version, 4);
	eq_int(p.total_len, 31);
	eq_int(p.dscp, 46);
	eq_int(p.ecn, 1);
	eq_int(p.ttl, 63);
	eq_int(p.protocol, 17);
	eq_int(p.l4_offset, 20);
	eq_int(p.src_port, 5000);
	eq_int(p.dst_port, 53);
	eq_int(p.fragment_id, 0x1234);
	ok(p.has_l4 && p.has_ports && p.dont_fragment && !p.is_fragment && !p.more_fragments);
}

static void ipv4_lengths_must_agree(void)
{
	static const struct {
		const char *name;
		struct v4 h;
		size_t rest, cut; /* bytes after the header; bytes cut off the end */
		bool good, ports;
	} rows[] = {
		{ "plain", { 0x45, 0, 6, 0, 0 }, 20, 0, true, true },
		{ "padded", { 0x45, 0, 6, 40, 0 }, 40, 0, true, true },
		{ "no payload", { 0x45, 0, 6, 20, 0 }, 0, 0, true, false },
		{ "half a port is padding", { 0x45, 0, 6, 23, 0 }, 20, 0, true, false },
		{ "two ports exactly", { 0x45, 0, 6, 24, 0 }, 4, 0, true, true },
		{ "total below header", { 0x45, 0, 6, 19, 0 }, 20, 0, false, false },
		{ "total above buffer", { 0x45, 0, 6, 41, 0 }, 20, 0, false, false },
		{ "cut in the payload", { 0x45, 0, 6, 40, 0 }, 20, 1, false, false },
		{ "cut in the header", { 0x45, 0, 6, 20, 0 }, 0, 1, false, false },
		{ "header words 4", { 0x44, 0, 6, 0, 0 }, 20, 0, false, false },
		{ "header words 0", { 0x40, 0, 6, 0, 0 }, 20, 0, false, false },
		{ "options", { 0x46, 0, 6, 0, 0 }, 24, 0, true, true },
		{ "longest header", { 0x4f, 0, 17, 0, 0 }, 44, 0, true, true },
		{ "options above total", { 0x4f, 0, 17, 59, 0 }, 44, 0, false, false },
		{ "version 5", { 0x55, 0, 6, 0, 0 }, 20, 0, false, false },
		{ "version 0", { 0x05, 0, 6, 0, 0 }, 20, 0, false, false },
		{ "version 6, too short", { 0x60, 0, 6, 0, 0 }, 19, 0, false, false },
		{ "ICMP has no ports", { 0x45, 0, 1, 0, 0 }, 20, 0, true, false },
		{ "UDP-Lite", { 0x45, 0, 136, 0, 0 }, 20, 0, true, true },
		{ "SCTP", { 0x45, 0, 132, 0, 0 }, 20, 0, true, true },
		{ "DCCP", { 0x45, 0, 33, 0, 0 }, 20, 0, true, true },
	};
	uint8_t packet[256], rest[64] = { 0 };
	struct ip_packet p;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		size_t n = v4_packet(packet, rows[i].h, rest, rows[i].rest) - rows[i].cut;

		if (parse(packet, n, &p) != rows[i].good)
			TAP_FAIL("%s: should be %s", rows[i].name, rows[i].good ? "good" : "bad");
		else if (rows[i].good && p.has_ports != rows[i].ports)
			TAP_FAIL("%s: ports %d", rows[i].name, p.has_ports);
	}
	ok(!parse("", 0, &p));
}

static void only_the_first_ipv4_fragment_has_ports(void)
{
	static const struct {
		uint16_t field, offset;
		bool fragment, more, l4;
	} rows[] = {
		{ 0x0000, 0, false, false, true },
		{ 0x2000, 0, true, true, true },
		{ 0x0001, 8, true, false, false },
		{ 0x3fff, 65528, true, true, false },
		{ 0x8000, 0, false, false, true }, /* reserved bit */
	};
	uint8_t packet[256];
	struct ip_packet p;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		size_t n = v4_packet(packet, (struct v4){ 0x45, 0, 17, 0, rows[i].field },
				     "\0\1\0\2\0\x08\0\0", 8);

		ok(parse(packet, n, &p));
		eq_int(p.fragment_offset, rows[i].offset);
		ok(p.is_fragment == rows[i].fragment && p.more_fragments == rows[i].more);
		ok(p.has_l4 == rows[i].l4 && p.has_ports == rows[i].l4);
		eq_int(p.protocol, 17);
	}
}

static size_t v6_packet(uint8_t *out, uint8_t next, const void *rest, size_t len)
{
	struct writer w = wr_of(out, 4096);

	wr_be32(&w, 0x6b912345); /* DSCP 46, ECN 1, a flow label */
	wr_be16(&w, (uint16_t)len);
	wr_u8(&w, next);
	wr_u8(&w, 62);
	wr_bytes(&w, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16);
	wr_bytes(&w, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\2", 16);
	wr_bytes(&w, rest, len);
	return wr_len(&w);
}

static void an_ipv6_header_is_read_whole(void)
{
	uint8_t packet[256];
	struct ip_packet p;
	struct ip src = ip_of(FAMILY_IPV6, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1");
	size_t n = v6_packet(packet, PROTO_TCP, "\0\x50\x1f\x90rest of it", 14);

	ok(parse(packet, n, &p));
	ok(ip_equal(&p.src, &src));
	eq_int(p.dst.b[15], 2);
	eq_int(p.version, 6);
	eq_int(p.total_len, 54);
	eq_int(p.dscp, 46);
	eq_int(p.ecn, 1);
	eq_int(p.ttl, 62);
	eq_int(p.protocol, 6);
	eq_int(p.l4_offset, 40);
	eq_int(p.src_port, 80);
	eq_int(p.dst_port, 8080);
	ok(p.has_l4 && p.has_ports && !p.is_fragment && p.dont_fragment);
	ok(!parse(packet, n - 1, &p));
	ok(!parse(packet, 39, &p));
	packet[5] = 0; /* the rest is padding */
	ok(parse(packet, n, &p));
	ok(p.total_len == 40 && p.has_l4 && !p.has_ports);
}

static void ipv6_extension_headers_are_walked(void)
{
	static const struct {
		const char *name, *rest;
		size_t len;
		uint32_t l4;
		uint8_t next, protocol;
		bool has_l4, ports, fragment;
		uint16_t offset;
	} rows[] = {
		{ "hop by hop", "\x11\0aaaaaa\0\1\0\2", 12, 48, 0, 17, true, true, false, 0 },
		{ "16 bytes of it", "\x11\1aaaaaaaaaaaaaa\0\1\0\2", 20, 56, 0, 17, true, true,
		  false, 0 },
		{ "four in a row", "\x2b\0aaaaaa\x3c\0aaaaaa\x87\0aaaaaa\x06\0aaaaaa\0\1\0\2", 36,
		  72, 0, 6, true, true, false, 0 },
		{ "AH counts in words", "\x11\1aaaaaaaaaa\0\1\0\2", 16, 52, 51, 17, true, true,
		  false, 0 },
		{ "first fragment", "\x11\0\0\1\0\0\0\7\0\1\0\2", 12, 48, 44, 17, true, true, true,
		  0 },
		{ "atomic fragment", "\x11\0\0\0\0\0\0\7\0\1\0\2", 12, 48, 44, 17, true, true, true,
		  0 },
		{ "later fragment", "\x11\0\5\xa9\0\0\0\7\0\1\0\2", 12, 48, 44, 17, false, false,
		  true, 1448 },
		{ "later fragment of options", "\x3c\0\0\x08\0\0\0\7\0\1\0\2", 12, 48, 44, 60,
		  false, false, true, 8 },
		{ "options in a first fragment", "\x3c\0\0\1\0\0\0\7\6\0aaaaaa\0\1\0\2", 20, 56, 44,
		  6, true, true, true, 0 },
		{ "runs out of the packet", "\x11\1aaaaaa", 8, 40, 0, 0, false, false, false, 0 },
		{ "one byte of it", "\x11", 1, 40, 60, 60, false, false, false, 0 },
		{ "half a fragment header", "\x11\0\0\1", 4, 40, 44, 44, false, false, true, 0 },
		{ "nothing after it", "\x11\0aaaaaa", 8, 48, 60, 17, true, false, false, 0 },
		{ "no next header", "\x3b\0aaaaaa\0\1\0\2", 12, 48, 60, 59, true, false, false, 0 },
		{ "ESP ends the walk", "\0\1\0\2\0\0\0\1", 8, 40, 50, 50, true, false, false, 0 },
		{ "unknown ends the walk", "\x11\0aaaaaa", 8, 40, 253, 253, true, false, false, 0 },
	};
	uint8_t packet[256];
	struct ip_packet p;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		size_t n = v6_packet(packet, rows[i].next, rows[i].rest, rows[i].len);

		if (!parse(packet, n, &p) || p.protocol != rows[i].protocol ||
		    p.l4_offset != rows[i].l4 || p.has_l4 != rows[i].has_l4 ||
		    p.has_ports != rows[i].ports || p.is_fragment != rows[i].fragment ||
		    p.fragment_offset != rows[i].offset)
			TAP_FAIL("%s: protocol %u at %" PRIu32 ", l4 %d, ports %d, %d at %u",
				 rows[i].name, p.protocol, p.l4_offset, p.has_l4, p.has_ports,
				 p.is_fragment, p.fragment_offset);
		if (p.has_ports)
			ok(p.src_port == 1 && p.dst_port == 2);
	}
}

static void odd_chains_are_marked(void)
{
	static const struct {
		const char *name, *rest;
		size_t len;
		uint8_t next;
		bool odd;
		uint32_t fragment_at;
	} rows[] = {
		{ "none", "\0\1\0\2", 4, 17, false, 0 },
		{ "hop by hop first", "\x3c\0aaaaaa\x11\0aaaaaa\0\1\0\2", 20, 0, false, 0 },
		{ "hop by hop twice", "\0\0aaaaaa\x11\0aaaaaa\0\1\0\2", 20, 0, true, 0 },
		{ "hop by hop second", "\0\0aaaaaa\x11\0aaaaaa\0\1\0\2", 20, 60, true, 0 },
		{ "two kinds of options", "\x3c\0aaaaaa\x11\0aaaaaa\0\1\0\2", 20, 60, false, 0 },
		{ "routing, at its end", "\x11\0\2\0aaaa\0\1\0\2", 12, 43, false, 0 },
		{ "routing, goes on", "\x11\0\0\1aaaa\0\1\0\2", 12, 43, true, 0 },
		{ "a fragment", "\x11\0\0\1\0\0\0\7\0\1\0\2", 12, 44, false, 48 },
		{ "options before it", "\x2c\0aaaaaa\x11\0\0\1\0\0\0\7\0\1\0\2", 20, 60, false,
		  56 },
		{ "options in it", "\x3c\0\0\1\0\0\0\7\x11\0aaaaaa\0\1\0\2", 20, 44, false, 48 },
		{ "a fragment in a fragment", "\x2c\0\0\1\0\0\0\7\x11\0\0\0\0\0\0\7\0\1\0\2",
		  20, 44, true, 56 },
	};
	uint8_t packet[256];
	struct ip_packet p;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		size_t n = v6_packet(packet, rows[i].next, rows[i].rest, rows[i].len);

		if (!parse(packet, n, &p) || p.is_odd != rows[i].odd)
			TAP_FAIL("%s: odd %d", rows[i].name, p.is_odd);
		if (rows[i].fragment_at)
			eq_int(p.fragment_at, rows[i].fragment_at);
	}
}

static void odd_options_are_marked(void)
{
	static const struct {
		const char *name, *options;
		bool odd;
	} rows[] = {
		{ "none to speak of", "\0\0\0\0\0\0\0\0", false },
		{ "no operation", "\1\1\1\1\1\1\1\1", false },
		{ "after the end", "\0\x83\3\4\0\0\0\0", false },
		{ "router alert", "\x94\4\0\0\0\0\0\0", false },
		{ "to the last byte", "\x44\x8\5\0\0\0\0\0", false },
		{ "loose source route", "\x83\7\4\x0a\0\0\1\0", true },
		{ "strict source route", "\1\x89\7\4\x0a\0\0\1", true },
		{ "record route", "\7\7\4\0\0\0\0\0", false },
		{ "length 0", "\x94\0\0\0\0\0\0\0", true },
		{ "length 1", "\x94\1\0\0\0\0\0\0", true },
		{ "too long", "\x44\x9\5\0\0\0\0\0", true },
		{ "without a length", "\1\1\1\1\1\1\1\x94", true },
	};
	uint8_t packet[256], rest[28] = { 0 };
	struct ip_packet p;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		memcpy(rest, rows[i].options, 8);
		ok(parse(packet, v4_packet(packet, (struct v4){ 0x47, 0, PROTO_TCP, 0, 0 }, rest,
					   sizeof(rest)), &p));
		if (p.is_odd != rows[i].odd)
			TAP_FAIL("%s: odd %d", rows[i].name, p.is_odd);
	}
}

/* What an ICMP error carries back: 28 bytes of a long packet are enough to know it. */
static void a_quote_may_be_cut(void)
{
	uint8_t packet[256];
	struct ip_packet p;
	size_t n = v4_packet(packet, (struct v4){ 0x45, 0, PROTO_TCP, 1400, 0 }, "\0\1\0\2aaaa", 8);

	ok(!parse(packet, n, &p));
	ok(ip_packet_parse_quoted(bytes_of(packet, n), &p));
	eq_int(p.total_len, 28);
	ok(p.has_ports && p.src_port == 1 && p.dst_port == 2);
	ok(ip_packet_parse_quoted(bytes_of(packet, 23), &p));
	ok(p.has_l4 && !p.has_ports);
	ok(!ip_packet_parse_quoted(bytes_of(packet, 19), &p));
	n = v4_packet(packet, (struct v4){ 0x46, 0, PROTO_TCP, 1400, 0 }, "aaa", 3);
	ok(!ip_packet_parse_quoted(bytes_of(packet, n), &p)); /* cut in its options */
	n = v6_packet(packet, PROTO_UDP, "\0\1\0\2aaaa", 8);
	packet[4] = 5;
	ok(!parse(packet, n, &p));
	ok(ip_packet_parse_quoted(bytes_of(packet, n), &p));
	eq_int(p.total_len, 48);
	ok(p.has_ports && p.dst_port == 2);
}

/* 500 headers of 8 bytes: long, but no reason to stumble. */
static void a_long_chain_is_walked_to_its_end(void)
{
	static uint8_t packet[4096], rest[4004];
	struct ip_packet p;

	for (size_t i = 0; i < 500; i++)
		rest[8 * i] = i < 499 ? PROTO_DESTINATION : PROTO_UDP;
	ok(parse(packet, v6_packet(packet, PROTO_DESTINATION, rest, sizeof(rest)), &p));
	ok(p.has_l4 && p.has_ports && p.l4_offset == 4040);
}

/* Whatever comes in, what comes out stays inside the packet. */
static void noise_never_points_outside(void)
{
	struct rng rng;
	uint8_t packet[96];
	struct ip_packet p;
	unsigned good = 0;

	rng_init(&rng, 11);
	for (int round = 0; round < 200000; round++) {
		static const uint8_t chain[] = { 0, 43, 44, 51, 60, 135, 17, 6 };
		size_t n = rng_below(&rng, sizeof(packet) + 1);

		for (size_t i = 0; i < n; i++)
			packet[i] = rng_below(&rng, 3) ? chain[rng_below(&rng, 8)]
						       : (uint8_t)rng_u64(&rng);
		if (n > 5) {
			packet[0] = rng_below(&rng, 2) ? 0x45 : 0x60;
			packet[2] = packet[4] = 0;
		}
		if (!parse(packet, n, &p))
			continue;
		good++;
		ok(p.total_len <= n && p.l4_offset <= p.total_len);
		ok(!p.has_ports || (p.has_l4 && p.l4_offset + 4 <= p.total_len));
		ok(!p.has_l4 || !p.fragment_offset);
	}
	ok(good > 10000);
}

TAP_TESTS(T(an_ipv4_header_is_read_whole),
	  T(ipv4_lengths_must_agree),
	  T(only_the_first_ipv4_fragment_has_ports),
	  T(an_ipv6_header_is_read_whole),
	  T(ipv6_extension_headers_are_walked),
	  T(odd_chains_are_marked),
	  T(odd_options_are_marked),
	  T(a_quote_may_be_cut),
	  T(a_long_chain_is_walked_to_its_end),
	  T(noise_never_points_outside))
