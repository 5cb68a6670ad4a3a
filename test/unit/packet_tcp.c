/* TCP headers, and the reset that answers a segment. */
#include "tap.h"

#include "base/cursor.h"
#include "packet/checksum.h"
#include "packet/icmp.h"
#include "packet/tcp.h"

static const char host_a[] = "\x0a\x63\0\1", host_b[] = "\x0a\x63\0\2";
static const char six_a[] = "\xfd\x99\0\0\0\0\0\0\0\0\0\0\0\0\0\1";
static const char six_b[] = "\xfd\x99\0\0\0\0\0\0\0\0\0\0\0\0\0\2";

struct segment {
	uint32_t seq, ack;
	uint8_t flags, words; /* words 0: five */
	uint16_t payload;
	uint16_t fragment;    /* IPv4 only */
	const char *dst;      /* NULL: host b */
};

static size_t build(uint8_t *out, unsigned version, struct segment s)
{
	struct writer w = wr_of(out, 2048);
	uint16_t len = (uint16_t)((s.words > 5 ? s.words : 5) * 4 + s.payload);

	if (version == 4) {
		wr_be16(&w, 0x4500);
		wr_be16(&w, (uint16_t)(20 + len));
		wr_be16(&w, 9);
		wr_be16(&w, s.fragment);
		wr_u8(&w, 64);
		wr_u8(&w, PROTO_TCP);
		wr_be16(&w, 0);
		wr_bytes(&w, host_a, 4);
		wr_bytes(&w, s.dst ? s.dst : host_b, 4);
	} else {
		wr_be32(&w, 0x60000000);
		wr_be16(&w, len);
		wr_u8(&w, PROTO_TCP);
		wr_u8(&w, 64);
		wr_bytes(&w, six_a, 16);
		wr_bytes(&w, s.dst ? s.dst : six_b, 16);
	}
	wr_be16(&w, 40000);
	wr_be16(&w, 22);
	wr_be32(&w, s.seq);
	wr_be32(&w, s.ack);
	wr_u8(&w, (uint8_t)((s.words ? s.words : 5) << 4));
	wr_u8(&w, s.flags);
	wr_zero(&w, len - 14u);
	return wr_len(&w);
}

static uint8_t in[2048], out[TCP_RESET_MAX];

static void a_header_is_read_whole(void)
{
	static const struct {
		const char *name;
		uint8_t words;
		size_t cut; /* bytes off the end of a header without payload */
		bool good;
	} rows[] = {
		{ "plain", 5, 0, true },         { "options", 8, 0, true },
		{ "longest", 15, 0, true },      { "shorter than a header", 4, 0, false },
		{ "no length", 0, 0, true },     { "cut", 5, 1, false },
		{ "options cut", 8, 1, false },
	};
	struct ip_packet p;
	struct tcp_header h;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		size_t n = build(in, 4, (struct segment){ .seq = 7, .ack = 8, .flags = TCP_SYN,
							  .words = rows[i].words });

		store_be16(in + 2, (uint16_t)(n - rows[i].cut));
		ok(ip_packet_parse(bytes_of(in, n - rows[i].cut), &p));
		if (tcp_header_read(bytes_of(in, n - rows[i].cut), &p, &h) != rows[i].good)
			TAP_FAIL("%s", rows[i].name);
	}
	ok(ip_packet_parse(bytes_of(in, build(in, 6, (struct segment){ 7, 8, TCP_ACK | TCP_FIN, 6,
								     11, 0, NULL })), &p));
	ok(tcp_header_read(bytes_of(in, p.total_len), &p, &h));
	eq_int(h.seq, 7);
	eq_int(h.ack, 8);
	eq_int(h.flags, TCP_ACK | TCP_FIN);
	eq_int(h.header_len, 24);
	eq_int(h.payload_len, 11);
}

static void a_reset_has_the_numbers_of_the_specification(void)
{
	static const struct {
		const char *name;
		struct segment s;
		uint32_t seq, ack;
		uint8_t flags;
	} rows[] = {
		{ "SYN", { 1000, 0, TCP_SYN, 0, 0, 0, NULL }, 0, 1001, TCP_RST | TCP_ACK },
		{ "SYN with data", { 1000, 0, TCP_SYN, 0, 100, 0, NULL }, 0, 1101,
		  TCP_RST | TCP_ACK },
		{ "SYN with options", { 1000, 0, TCP_SYN, 10, 0, 0, NULL }, 0, 1001,
		  TCP_RST | TCP_ACK },
		{ "ACK", { 5, 77, TCP_ACK, 0, 0, 0, NULL }, 77, 0, TCP_RST },
		{ "data", { 5, 77, TCP_ACK | TCP_PSH, 0, 500, 0, NULL }, 77, 0, TCP_RST },
		{ "SYN and ACK", { 5, 78, TCP_SYN | TCP_ACK, 0, 0, 0, NULL }, 78, 0, TCP_RST },
		{ "FIN without ACK", { 5, 0, TCP_FIN, 0, 2, 0, NULL }, 0, 8, TCP_RST | TCP_ACK },
		{ "nothing at all", { 5, 9, 0, 0, 0, 0, NULL }, 0, 5, TCP_RST | TCP_ACK },
		{ "it wraps", { UINT32_MAX, 0, TCP_SYN, 0, 0, 0, NULL }, 0, 0, TCP_RST | TCP_ACK },
	};

	for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(*rows); i++) {
		unsigned version = i % 2 ? 6 : 4;
		size_t n = build(in, version, rows[i / 2].s);
		size_t got = tcp_reset(bytes_of(in, n), out, sizeof(out));
		struct ip_packet p;
		struct tcp_header h = { 0 };
		uint32_t sum;

		eq_int(got, version == 4 ? 40 : 60);
		ok(ip_packet_parse(bytes_of(out, got), &p) && p.total_len == got);
		ok(tcp_header_read(bytes_of(out, got), &p, &h));
		if (h.seq != rows[i / 2].seq || h.ack != rows[i / 2].ack ||
		    h.flags != rows[i / 2].flags)
			TAP_FAIL("%s: seq %u, ack %u, flags %u", rows[i / 2].name, h.seq, h.ack,
				 h.flags);
		eq_int(p.src_port, 22);
		eq_int(p.dst_port, 40000);
		eq_mem(p.src.b, version == 4 ? host_b : six_b, ip_bits(&p.src) / 8);
		eq_mem(p.dst.b, version == 4 ? host_a : six_a, ip_bits(&p.dst) / 8);
		if (version == 4)
			eq_int(checksum_finish(checksum_add(0, out, 20)), 0);
		sum = checksum_pseudo(&p.src, &p.dst, PROTO_TCP, TCP_HEADER);
		eq_int(checksum_finish(checksum_add(sum, out + p.l4_offset, TCP_HEADER)), 0);
		ok(!tcp_reset(bytes_of(out, got), in, sizeof(in))); /* never a reset for one */
	}
}

static void some_packets_get_no_reset(void)
{
	static const char group[] = "\xe0\0\0\1";
	static const char six_group[] = "\xff\2\0\0\0\0\0\0\0\0\0\0\0\0\0\1";
	size_t n = build(in, 4, (struct segment){ .flags = TCP_SYN, .fragment = 0x4000 });

	eq_int(tcp_reset(bytes_of(in, n), out, sizeof(out)), 40);
	eq_int(tcp_reset(bytes_of(in, n), out, 40), 40);
	eq_int(tcp_reset(bytes_of(in, n), out, 39), 0);
	eq_int(tcp_reset(bytes_of(in, n - 1), out, sizeof(out)), 0);
	in[9] = PROTO_UDP;
	eq_int(tcp_reset(bytes_of(in, n), out, sizeof(out)), 0);
	n = build(in, 4, (struct segment){ .flags = TCP_RST | TCP_ACK });
	eq_int(tcp_reset(bytes_of(in, n), out, sizeof(out)), 0);
	n = build(in, 4, (struct segment){ .flags = TCP_SYN, .fragment = 0x2000 });
	eq_int(tcp_reset(bytes_of(in, n), out, sizeof(out)), 0);
	n = build(in, 4, (struct segment){ .flags = TCP_SYN, .fragment = 3 });
	eq_int(tcp_reset(bytes_of(in, n), out, sizeof(out)), 0);
	n = build(in, 4, (struct segment){ .flags = TCP_SYN, .dst = group });
	eq_int(tcp_reset(bytes_of(in, n), out, sizeof(out)), 0);
	n = build(in, 6, (struct segment){ .flags = TCP_SYN, .dst = six_group });
	eq_int(tcp_reset(bytes_of(in, n), out, sizeof(out)), 0);
	n = build(in, 6, (struct segment){ .flags = TCP_SYN });
	eq_int(tcp_reset(bytes_of(in, n), out, sizeof(out)), 60);
	memset(in + 8, 0, 16); /* from nowhere */
	eq_int(tcp_reset(bytes_of(in, n), out, sizeof(out)), 0);
}

/* A SYN with these options, and a right checksum; what tcp_clamp says of it. */
static bool clamp(unsigned version, uint8_t flags, const uint8_t *options, uint8_t words,
		  uint32_t mtu)
{
	const size_t n = build(in, version, (struct segment){ .flags = flags, .words = words,
							      .payload = 3 });
	struct ip_packet p;
	uint32_t sum;

	ok(ip_packet_parse(bytes_of(in, n), &p));
	const uint32_t len = (uint32_t)n - p.l4_offset;
	memcpy(in + p.l4_offset + 20, options, (words - 5u) * 4);
	store_be16(in + p.l4_offset + 16, 0);
	sum = checksum_pseudo(&p.src, &p.dst, PROTO_TCP, len);
	store_be16(in + p.l4_offset + 16,
		   checksum_finish(checksum_add(sum, in + p.l4_offset, len)));
	const bool clamped = tcp_clamp(in, &p, mtu);
	eq_int(checksum_finish(checksum_add(sum, in + p.l4_offset, len)), 0);
	return clamped;
}

static void a_syn_is_told_of_segments_that_fit(void)
{
	static const uint8_t even[] = { 2, 4, 0x05, 0x64, 1, 1, 1, 1 };
	static const uint8_t odd[] = { 1, 2, 4, 0x05, 0x64, 1, 1, 1 };
	static const uint8_t behind[] = { 8, 10, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 4, 0xff, 0xff, 1 };

	ok(clamp(4, TCP_SYN, even, 7, 1280));
	eq_int(load_be16(in + 42), 1240);
	ok(clamp(6, TCP_SYN, even, 7, 1280));
	eq_int(load_be16(in + 62), 1220);
	ok(clamp(4, TCP_SYN | TCP_ACK, odd, 7, 1328));
	eq_int(load_be16(in + 43), 1288);
	ok(clamp(4, TCP_SYN, behind, 9, 1408));
	eq_int(load_be16(in + 53), 1368);
	for (uint32_t mtu = 1280; mtu < 1420; mtu++) { /* whatever the carries are */
		ok(clamp(4, TCP_SYN, even, 7, mtu));
		ok(clamp(6, TCP_SYN, odd, 7, mtu));
	}
}

static void what_fits_or_is_no_syn_stays(void)
{
	static const uint8_t fits[] = { 2, 4, 0x04, 0xd8 }, larger[] = { 2, 4, 0x05, 0x64 };
	static const uint8_t none[] = { 1, 1, 1, 0 };
	static const uint8_t after_end[] = { 0, 2, 4, 0x05, 0x64, 0, 0, 0 };
	static const uint8_t bad[][4] = { { 2, 3, 5, 0x64 }, { 2, 0, 5, 0x64 }, { 8, 1, 2, 4 },
					  { 8, 9, 2, 4 }, { 1, 1, 1, 2 } };

	ok(!clamp(4, TCP_SYN, fits, 6, 1280));
	ok(!clamp(4, TCP_ACK, larger, 6, 1280));
	ok(!clamp(4, TCP_SYN, none, 6, 1280));
	ok(!clamp(4, TCP_SYN, after_end, 7, 1280));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		ok(!clamp(4, TCP_SYN, bad[i], 6, 1280));
}

TAP_TESTS(T(a_syn_is_told_of_segments_that_fit), T(what_fits_or_is_no_syn_stays),
	  T(a_header_is_read_whole), T(a_reset_has_the_numbers_of_the_specification),
	  T(some_packets_get_no_reset))
