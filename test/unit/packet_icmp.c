/* ICMP errors: their bytes, and when there must be none. */
#include "tap.h"

#include "base/cursor.h"
#include "packet/checksum.h"
#include "packet/icmp.h"
#include "packet/ip.h"

static const char host_a[] = "\x0a\x63\0\1", host_b[] = "\x0a\x63\0\2";
static const char six_a[] = "\xfd\x99\0\0\0\0\0\0\0\0\0\0\0\0\0\1";
static const char six_b[] = "\xfd\x99\0\0\0\0\0\0\0\0\0\0\0\0\0\2";

static size_t v4(uint8_t *out, const char *src, const char *dst, uint8_t protocol,
		 uint16_t fragment, const char *payload, size_t len)
{
	struct writer w = wr_of(out, 4096);

	wr_be16(&w, 0x4500);
	wr_be16(&w, (uint16_t)(20 + len));
	wr_be16(&w, 7);
	wr_be16(&w, fragment);
	wr_u8(&w, 64);
	wr_u8(&w, protocol);
	wr_be16(&w, 0);
	wr_bytes(&w, src, 4);
	wr_bytes(&w, dst, 4);
	wr_bytes(&w, payload, len);
	return wr_len(&w);
}

static size_t v6(uint8_t *out, const char *src, const char *dst, uint8_t next,
		 const char *payload, size_t len)
{
	struct writer w = wr_of(out, 4096);

	wr_be32(&w, 0x60000000);
	wr_be16(&w, (uint16_t)len);
	wr_u8(&w, next);
	wr_u8(&w, 64);
	wr_bytes(&w, src, 16);
	wr_bytes(&w, dst, 16);
	wr_bytes(&w, payload, len);
	return wr_len(&w);
}

static uint8_t in[4096], out[ICMP_ERROR_MAX];

static void an_ipv4_error_is_well_formed(void)
{
	size_t n = v4(in, host_a, host_b, PROTO_UDP, 0x4000, "\0\1\0\2\0\x0c\0\0ping", 12);
	size_t got = icmp_unreachable(bytes_of(in, n + 3), ICMP_HOST_UNREACHABLE, 9, NULL, out,
				      sizeof(out));
	struct ip_packet p;

	eq_int(got, 28 + 32); /* the padding is not quoted */
	ok(ip_packet_parse(bytes_of(out, got), &p));
	eq_int(p.total_len, got);
	eq_int(p.protocol, PROTO_ICMP);
	eq_mem(p.src.b, host_b, 4);
	eq_mem(p.dst.b, host_a, 4);
	eq_int(checksum_finish(checksum_add(0, out, 20)), 0);
	eq_int(checksum_finish(checksum_add(0, out + 20, got - 20)), 0);
	eq_mem(out + 20, "\3\1", 2);
	eq_mem(out + 24, "\0\0\0\0", 4);
	eq_mem(out + 28, in, 32);
	ok(!icmp_unreachable(bytes_of(out, got), ICMP_HOST_UNREACHABLE, 0, NULL, in, sizeof(in)));
}

static void an_ipv6_error_is_well_formed(void)
{
	size_t n = v6(in, six_a, six_b, PROTO_TCP, "\0\1\0\2 and the rest", 17);
	struct ip from = ip_of(FAMILY_IPV6, "\xfd\x99\0\0\0\0\0\0\0\0\0\0\0\0\0\3");
	struct ip four = ip_v4(10, 0, 0, 1);
	size_t got = icmp_unreachable(bytes_of(in, n), ICMP_TOO_BIG, 1280, &from, out,
				      sizeof(out));
	struct ip_packet p;
	uint32_t sum;

	eq_int(got, 48 + 57);
	ok(ip_packet_parse(bytes_of(out, got), &p));
	eq_int(p.total_len, got);
	eq_int(p.protocol, PROTO_ICMPV6);
	ok(ip_equal(&p.src, &from));
	eq_mem(p.dst.b, six_a, 16);
	sum = checksum_pseudo(&p.src, &p.dst, PROTO_ICMPV6, (uint32_t)got - 40);
	eq_int(checksum_finish(checksum_add(sum, out + 40, got - 40)), 0);
	eq_mem(out + 40, "\2\0", 2);
	eq_mem(out + 44, "\0\0\5\0", 4);
	eq_mem(out + 48, in, 57);
	ok(icmp_unreachable(bytes_of(in, n), ICMP_TOO_BIG, 1280, &four, out, sizeof(out)));
	eq_mem(out + 8, six_b, 16); /* a word of the other family is no use */
}

static void each_reason_has_its_code(void)
{
	static const struct {
		enum icmp_reason reason;
		uint32_t mtu;
		const char *four, *six; /* type, code; second word */
	} rows[] = {
		{ ICMP_HOST_UNREACHABLE, 1420, "\3\1\0\0\0\0", "\1\3\0\0\0\0" },
		{ ICMP_PROHIBITED, 1420, "\3\x0d\0\0\0\0", "\1\1\0\0\0\0" },
		{ ICMP_TOO_BIG, 1420, "\3\4\0\0\5\x8c", "\2\0\0\0\5\x8c" },
		{ ICMP_TOO_BIG, 70000, "\3\4\0\0\xff\xff", "\2\0\0\1\x11\x70" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		size_t n = v4(in, host_a, host_b, 17, 0, "12345678", 8);

		ok(icmp_unreachable(bytes_of(in, n), rows[i].reason, rows[i].mtu, NULL, out,
				    sizeof(out)) == 56);
		eq_mem(out + 20, rows[i].four, 2);
		eq_mem(out + 24, rows[i].four + 2, 4);
		n = v6(in, six_a, six_b, 17, "12345678", 8);
		ok(icmp_unreachable(bytes_of(in, n), rows[i].reason, rows[i].mtu, NULL, out,
				    sizeof(out)) == 96);
		eq_mem(out + 40, rows[i].six, 2);
		eq_mem(out + 44, rows[i].six + 2, 4);
	}
}

static void long_packets_are_quoted_in_part(void)
{
	static char payload[2000];
	size_t n = v4(in, host_a, host_b, 17, 0, payload, sizeof(payload));

	eq_int(icmp_unreachable(bytes_of(in, n), ICMP_TOO_BIG, 1280, NULL, out, sizeof(out)), 576);
	ok(!icmp_unreachable(bytes_of(in, n), ICMP_TOO_BIG, 1280, NULL, out, 575));
	ok(!icmp_unreachable(bytes_of(in, n), ICMP_TOO_BIG, 1280, NULL, out, 0));
	n = v6(in, six_a, six_b, 17, payload, sizeof(payload));
	eq_int(icmp_unreachable(bytes_of(in, n), ICMP_TOO_BIG, 1280, NULL, out, sizeof(out)), 1280);
	ok(!icmp_unreachable(bytes_of(in, n), ICMP_TOO_BIG, 1280, NULL, out, 1279));
}

static void some_ipv4_packets_get_no_error(void)
{
	static const struct {
		const char *name, *src, *dst, *payload;
		uint8_t protocol;
		uint16_t fragment;
		size_t len;
		bool answered;
	} rows[] = {
		{ "echo request", host_a, host_b, "\x08\0\0\0", 1, 0, 4, true },
		{ "echo reply", host_a, host_b, "\0\0\0\0", 1, 0, 4, true },
		{ "unreachable", host_a, host_b, "\3\1\0\0", 1, 0, 4, false },
		{ "source quench", host_a, host_b, "\4\0\0\0", 1, 0, 4, false },
		{ "redirect", host_a, host_b, "\5\0\0\0", 1, 0, 4, false },
		{ "time exceeded", host_a, host_b, "\x0b\0\0\0", 1, 0, 4, false },
		{ "parameter problem", host_a, host_b, "\x0c\0\0\0", 1, 0, 4, false },
		{ "ICMP without a type", host_a, host_b, "", 1, 0, 0, false },
		{ "ICMPv6 error in IPv4", host_a, host_b, "\1\0\0\0", 58, 0, 4, false },
		{ "first fragment", host_a, host_b, "1234", 17, 0x2000, 4, true },
		{ "later fragment", host_a, host_b, "1234", 17, 0x0001, 4, false },
		{ "to multicast", host_a, "\xe0\0\0\1", "1234", 17, 0, 4, false },
		{ "to broadcast", host_a, "\xff\xff\xff\xff", "1234", 17, 0, 4, false },
		{ "from multicast", "\xe0\0\0\1", host_b, "1234", 17, 0, 4, false },
		{ "from broadcast", "\xff\xff\xff\xff", host_b, "1234", 17, 0, 4, false },
		{ "from nobody", "\0\0\0\0", host_b, "1234", 17, 0, 4, false },
		{ "no payload", host_a, host_b, "", 17, 0, 0, true },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		size_t n = v4(in, rows[i].src, rows[i].dst, rows[i].protocol, rows[i].fragment,
			      rows[i].payload, rows[i].len);

		for (enum icmp_reason r = ICMP_HOST_UNREACHABLE; r <= ICMP_TOO_BIG; r++)
			if (!icmp_unreachable(bytes_of(in, n), r, 1400, NULL, out, sizeof(out)) ==
			    rows[i].answered)
				TAP_FAIL("%s", rows[i].name);
	}
	ok(!icmp_unreachable(bytes_of(in, 19), ICMP_HOST_UNREACHABLE, 0, NULL, out, sizeof(out)));
}

static void some_ipv6_packets_get_no_error(void)
{
	static const char multicast[] = "\xff\2\0\0\0\0\0\0\0\0\0\0\0\0\0\1", nobody[16];
	static const struct {
		const char *name, *src, *dst, *payload;
		uint8_t next;
		size_t len;
		bool answered;
	} rows[] = {
		{ "echo request", six_a, six_b, "\x80\0\0\0", 58, 4, true },
		{ "unreachable", six_a, six_b, "\1\0\0\0", 58, 4, false },
		{ "too big", six_a, six_b, "\2\0\0\0", 58, 4, false },
		{ "last error type", six_a, six_b, "\x7f\0\0\0", 58, 4, false },
		{ "redirect", six_a, six_b, "\x89\0\0\0", 58, 4, false },
		{ "without a type", six_a, six_b, "", 58, 0, false },
		{ "error behind options", six_a, six_b, "\x3a\0aaaaaa\1\0\0\0", 60, 12, false },
		{ "later fragment", six_a, six_b, "\x11\0\0\x08\0\0\0\1", 44, 8, false },
		{ "first fragment", six_a, six_b, "\x11\0\0\1\0\0\0\1", 44, 8, true },
		{ "chain cut short", six_a, six_b, "\x3a\1aaaaaa", 60, 8, false },
		{ "to multicast", six_a, multicast, "1234", 17, 4, false },
		{ "from multicast", multicast, six_b, "1234", 17, 4, false },
		{ "from nobody", nobody, six_b, "1234", 17, 4, false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		size_t n = v6(in, rows[i].src, rows[i].dst, rows[i].next, rows[i].payload,
			      rows[i].len);

		if (!icmp_unreachable(bytes_of(in, n), ICMP_HOST_UNREACHABLE, 0, NULL, out,
				      sizeof(out)) == rows[i].answered)
			TAP_FAIL("%s", rows[i].name);
	}
}

TAP_TESTS(T(an_ipv4_error_is_well_formed),
	  T(an_ipv6_error_is_well_formed),
	  T(each_reason_has_its_code),
	  T(long_packets_are_quoted_in_part),
	  T(some_ipv4_packets_get_no_error),
	  T(some_ipv6_packets_get_no_error))
