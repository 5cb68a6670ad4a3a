#include "base/endpoint.h"

#include "base/rng.h"
#include "dies.h"
#include "tap.h"

#include <arpa/inet.h>

#define COUNT(rows) (sizeof(rows) / sizeof(*(rows)))

static struct ip ip_from(const char *text)
{
	struct ip ip = { 0 };

	if (!ip_parse(text, strlen(text), &ip))
		TAP_FAIL("%s is no address", text);
	return ip;
}

/* Text in, text out (RFC 5952, sections 4 and 5); NULL: refused. */
static const struct {
	const char *in, *out;
} ip_rows[] = {
	{ "0.0.0.0", "0.0.0.0" },
	{ "255.255.255.255", "255.255.255.255" },
	{ "192.0.2.7", "192.0.2.7" },
	{ "::", "::" },
	{ "::1", "::1" },
	{ "1::", "1::" },
	{ "0:0:0:0:0:0:0:0", "::" },
	{ "2001:0db8::0001", "2001:db8::1" },                   /* 4.1 */
	{ "2001:db8:0:0:0:0:2:1", "2001:db8::2:1" },            /* 4.2.1 */
	{ "2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1" },      /* 4.2.2 */
	{ "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1" },
	{ "2001:0:0:1:0:0:0:1", "2001:0:0:1::1" },              /* 4.2.3: longest */
	{ "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1" },        /* first of equal ones */
	{ "2001:DB8:ABCD::EF", "2001:db8:abcd::ef" },           /* 4.3 */
	{ "::ffff:192.0.2.1", "::ffff:192.0.2.1" },             /* 5 */
	{ "::ffff:c000:201", "::ffff:192.0.2.1" },
	{ "::ffff:0:0", "::ffff:0.0.0.0" },
	{ "64:ff9b::192.0.2.33", "64:ff9b::c000:221" },
	{ "1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304" },
	{ "::1.2.3.4", "::102:304" },
	{ "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8" },
	{ "1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0" },
	{ "::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8" },
	{ "0:0:3:4:5:6:0:0", "::3:4:5:6:0:0" },
	{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
	{ "", NULL },
	{ "1.2.3", NULL },
	{ "1.2.3.4.5", NULL },
	{ "1.2.3.256", NULL },
	{ "01.2.3.4", NULL },
	{ "1.2.3.4 ", NULL },
	{ " 1.2.3.4", NULL },
	{ "1..3.4", NULL },
	{ "1.2.3.", NULL },
	{ ".1.2.3", NULL },
	{ "0x1.2.3.4", NULL },
	{ "1.2.3.+4", NULL },
	{ "16909060", NULL },
	{ ":", NULL },
	{ ":::", NULL },
	{ "1:::2", NULL },
	{ "::1::", NULL },
	{ "1::2::3", NULL },
	{ "1:", NULL },
	{ ":1", NULL },
	{ "::1:", NULL },
	{ ":1::", NULL },
	{ "1:2:3:4:5:6:7", NULL },
	{ "1:2:3:4:5:6:7:", NULL },
	{ "1:2:3:4:5:6:7:8:", NULL },
	{ "1:2:3:4:5:6:7:8:9", NULL },
	{ "1:2:3:4:5:6:7:8::", NULL },
	{ "::1:2:3:4:5:6:7:8", NULL },
	{ "1:2:3:4::5:6:7:8", NULL },
	{ "12345::", NULL },
	{ "00001::", NULL },
	{ "g::", NULL },
	{ "::-1", NULL },
	{ ":: 1", NULL },
	{ "::1.2.3", NULL },
	{ "::1.2.3.4:5", NULL },
	{ "::1.2.3.04", NULL },
	{ "1:2:3:4:5:6:7:1.2.3.4", NULL },
	{ "1::3:4:5:6:7:8:1.2.3.4", NULL },
	{ "1.2.3.4::", NULL },
	{ "::1%1", NULL },
	{ "[::1]", NULL },
	{ "::1/128", NULL },
};

static void test_ip_table(void)
{
	for (size_t i = 0; i < COUNT(ip_rows); i++) {
		struct ip ip = { .family = 99 };
		bool good = ip_parse(ip_rows[i].in, strlen(ip_rows[i].in), &ip);
		char out[IP_TEXT] = "";

		if (good != (ip_rows[i].out != NULL))
			TAP_FAIL("%s gives %d", ip_rows[i].in, good);
		if (!good || !ip_rows[i].out) {
			eq_int(ip.family, good ? ip.family : 99);
			continue;
		}
		ip_format(&ip, out);
		eq_str(out, ip_rows[i].out);
	}
	{
		char out[IP_TEXT];

		ip_format(&(struct ip){ 0 }, out);
		eq_str(out, "-");
	}
}

/* The C library as a twin, on texts that are nearly right. */
static void test_ip_against_libc(void)
{
	struct rng rng;
	int good = 0;

	rng_init(&rng, 6);
	for (int i = 0; i < 200000 && !tap_bad; i++) {
		static const char chars[] = "::::....0123456789abcdefF";
		uint8_t bytes[16];
		char text[INET6_ADDRSTRLEN + 1] = "", mine[IP_TEXT];
		int af = rng_below(&rng, 4) ? AF_INET6 : AF_INET;
		struct ip ip;
		size_t len;

		for (unsigned k = 0; k < 16; k += 2)
			store_be16(bytes + k, (uint16_t)(rng_u64(&rng) & rng_u64(&rng)
							 & -(rng_below(&rng, 2))));
		if (rng_below(&rng, 8) == 0)
			memcpy(bytes, (uint8_t[12]){ [10] = 0xff, [11] = 0xff }, 12);
		inet_ntop(af, bytes, text, sizeof(text));
		ip = ip_of(af == AF_INET ? FAMILY_IPV4 : FAMILY_IPV6, bytes);
		ip_format(&ip, mine);
		/* It writes v4-compatible addresses (long gone) dotted. */
		if (af == AF_INET || load_be64(bytes) || load_be32(bytes + 8))
			eq_str(mine, text);
		len = strlen(text);
		for (uint64_t k = rng_below(&rng, 3); k > 0; k--) {
			size_t at = rng_below(&rng, len);

			if (rng_below(&rng, 2))
				text[at] = chars[rng_below(&rng, sizeof(chars) - 1)];
			else if (len > 1)
				memmove(text + at, text + at + 1, len-- - at);
		}
		af = strchr(text, ':') ? AF_INET6 : AF_INET;
		memset(bytes, 0, sizeof(bytes));
		if (ip_parse(text, len, &ip) != (inet_pton(af, text, bytes) == 1)) {
			TAP_FAIL("%s", text);
		} else if (inet_pton(af, text, bytes) == 1) {
			eq_mem(ip.b, bytes, 16);
			good++;
		}
	}
	ok(good > 60000 && good < 180000);
}

static const struct {
	const char *in;
	uint16_t port;
	const char *out; /* NULL: refused */
} endpoint_rows[] = {
	{ "192.0.2.7:51821", 0, "192.0.2.7:51821" },
	{ "192.0.2.7:51821", 7, "192.0.2.7:51821" },
	{ "192.0.2.7", 7, "192.0.2.7:7" },
	{ "[2001:db8::1]:51821", 0, "[2001:db8::1]:51821" },
	{ "[2001:db8::1]", 7, "[2001:db8::1]:7" },
	{ "2001:db8::1", 7, "[2001:db8::1]:7" },
	{ "2001:db8::1:5182", 7, "[2001:db8::1:5182]:7" }, /* no port without brackets */
	{ "2001:db8::1:51821", 7, NULL },
	{ "::", 7, "[::]:7" },
	{ "[fe80::1%2]:51821", 0, "[fe80::1%2]:51821" },
	{ "[fe80::1]:1", 0, "[fe80::1]:1" },
	{ "fe80::1%4294967295", 65535, "[fe80::1%4294967295]:65535" },
	{ "[::ffff:1.2.3.4]:1", 0, "[::ffff:1.2.3.4]:1" },
	{ "1.2.3.4:65535", 0, "1.2.3.4:65535" },
	{ "1.2.3.4:1", 0, "1.2.3.4:1" },
	{ "1.2.3.4", 0, NULL }, /* a port is required */
	{ "[::1]", 0, NULL },
	{ "::1", 0, NULL },
	{ "1.2.3.4:0", 0, NULL },
	{ "1.2.3.4:0", 7, NULL },
	{ "[::1]:0", 7, NULL },
	{ "1.2.3.4:65536", 7, NULL },
	{ "1.2.3.4:01", 7, NULL },
	{ "1.2.3.4:", 7, NULL },
	{ "1.2.3.4:-1", 7, NULL },
	{ "1.2.3.4: 1", 7, NULL },
	{ ":1", 7, NULL },
	{ "", 7, NULL },
	{ "[", 7, NULL },
	{ "]", 7, NULL },
	{ "[]", 7, NULL },
	{ "[]:1", 7, NULL },
	{ "[::1", 7, NULL },
	{ "::1]", 7, NULL },
	{ "[::1]:", 7, NULL },
	{ "[::1]1", 7, NULL },
	{ "[::1]]:1", 7, NULL },
	{ "[[::1]]:1", 7, NULL },
	{ "[::1]:1:2", 7, NULL },
	{ "[::1] :1", 7, NULL },
	{ "[1.2.3.4]:1", 7, NULL },
	{ "[1.2.3.4]", 7, NULL },
	{ "1.2.3.4:1:2", 7, NULL },
	{ "[fe80::1%0]:1", 0, NULL },
	{ "[fe80::1%]:1", 0, NULL },
	{ "[fe80::1%01]:1", 0, NULL },
	{ "[fe80::1%4294967296]:1", 0, NULL },
	{ "[fe80::1%eth0]:1", 0, NULL },
	{ "[fe80::1%1%2]:1", 0, NULL },
	{ "[fe80::1]%1:1", 0, NULL },
	{ "[2001:db8::1%2]:1", 0, NULL }, /* only link-local addresses have one */
	{ "169.254.0.1%2:1", 0, NULL },
	{ "example.com:1", 0, NULL },
};

static void test_endpoint_table(void)
{
	for (size_t i = 0; i < COUNT(endpoint_rows); i++) {
		struct endpoint e = { .port = 99 };
		const char *in = endpoint_rows[i].in;
		bool good = endpoint_parse(in, strlen(in), endpoint_rows[i].port, &e);
		char out[ENDPOINT_TEXT];

		if (good != (endpoint_rows[i].out != NULL))
			TAP_FAIL("%s gives %d", in, good);
		if (!good) {
			eq_int(e.port, 99);
			continue;
		}
		endpoint_format(&e, out);
		eq_str(out, endpoint_rows[i].out);
		eq_int(e.local.family + e.local_ifindex, 0);
	}
	{
		char out[ENDPOINT_TEXT];
		struct endpoint longest = {
			.ip = ip_from("1111:2222:3333:4444:5555:6666:7777:8888"),
			.port = 65535, .scope = UINT32_MAX, .channel = 0x7fffffff,
		};

		endpoint_format(&(struct endpoint){ 0 }, out);
		eq_str(out, "-");
		endpoint_format(&longest, out);
		eq_str(out, "[1111:2222:3333:4444:5555:6666:7777:8888%4294967295]:65535");
	}
}

static void test_endpoint_equal(void)
{
	struct endpoint a = { .ip = ip_v4(1, 2, 3, 4), .port = 5 }, b = a;

	ok(endpoint_is_set(&a) && !endpoint_is_set(&(struct endpoint){ 0 }));
	b.local = ip_v4(9, 9, 9, 9);
	b.local_ifindex = 3;
	ok(endpoint_equal(&a, &b));
	b.port = 6;
	ok(!endpoint_equal(&a, &b));
	b = a;
	b.scope = 1;
	ok(!endpoint_equal(&a, &b));
	b = a;
	b.socket = 1;
	ok(!endpoint_equal(&a, &b));
	b = a;
	b.channel = 0x40000000;
	ok(!endpoint_equal(&a, &b));
	b = a;
	b.ip.b[3]++;
	ok(!endpoint_equal(&a, &b));
	b = a;
	b.ip.family = FAMILY_IPV6;
	ok(!endpoint_equal(&a, &b));
	ok(ip_equal(&a.ip, &(struct ip){ FAMILY_IPV4, { 1, 2, 3, 4 } }));
	ok(endpoint_equal(&(struct endpoint){ 0 }, &(struct endpoint){ 0 }));
}

enum { LOOP = 1, LINK = 2, PRIV = 4, UNI = 8 };

static const struct {
	const char *ip;
	int kinds;
} kind_rows[] = {
	{ "0.0.0.0", 0 },
	{ "0.255.255.255", 0 },
	{ "1.0.0.0", UNI },
	{ "9.255.255.255", UNI },
	{ "10.0.0.0", UNI | PRIV },
	{ "10.255.255.255", UNI | PRIV },
	{ "11.0.0.0", UNI },
	{ "100.63.255.255", UNI },
	{ "100.64.0.0", UNI | PRIV },
	{ "100.127.255.255", UNI | PRIV },
	{ "100.128.0.0", UNI },
	{ "126.255.255.255", UNI },
	{ "127.0.0.0", UNI | LOOP },
	{ "127.255.255.255", UNI | LOOP },
	{ "128.0.0.0", UNI },
	{ "169.253.255.255", UNI },
	{ "169.254.0.0", UNI | LINK },
	{ "169.254.255.255", UNI | LINK },
	{ "169.255.0.0", UNI },
	{ "172.15.255.255", UNI },
	{ "172.16.0.0", UNI | PRIV },
	{ "172.31.255.255", UNI | PRIV },
	{ "172.32.0.0", UNI },
	{ "192.168.0.0", UNI | PRIV },
	{ "192.169.0.0", UNI },
	{ "223.255.255.255", UNI },
	{ "224.0.0.0", 0 },
	{ "240.0.0.0", 0 },
	{ "255.255.255.255", 0 },
	{ "::", 0 },
	{ "::1", UNI | LOOP },
	{ "::2", UNI },
	{ "::fffe:ffff:ffff", UNI },
	{ "::ffff:0.0.0.0", 0 },
	{ "::ffff:127.0.0.1", 0 },
	{ "::ffff:255.255.255.255", 0 },
	{ "::1:0:0:0", UNI },
	{ "2001:db8::1", UNI },
	{ "fbff::", UNI },
	{ "fc00::", UNI | PRIV },
	{ "fdff:ffff::", UNI | PRIV },
	{ "fe00::", UNI },
	{ "fe7f:ffff::", UNI },
	{ "fe80::", UNI | LINK },
	{ "febf:ffff::", UNI | LINK },
	{ "fec0::", UNI },
	{ "feff:ffff::", UNI },
	{ "ff00::", 0 },
	{ "ff02::1", 0 },
};

static void test_kinds(void)
{

	for (size_t i = 0; i < COUNT(kind_rows); i++) {
		struct ip ip = ip_from(kind_rows[i].ip);
		int kinds = ip_is_loopback(&ip) * LOOP | ip_is_link_local(&ip) * LINK
			    | ip_is_private(&ip) * PRIV | ip_is_unicast(&ip) * UNI;

		if (kinds != kind_rows[i].kinds)
			TAP_FAIL("%s is %d, want %d", kind_rows[i].ip, kinds, kind_rows[i].kinds);
	}
	ok(!ip_is_unicast(&(struct ip){ 0 }) && !ip_is_loopback(&(struct ip){ 0 }));
}

static void test_public(void)
{
	static const char *const public[] = {
		"1.1.1.1", "9.255.255.255", "100.128.0.0", "192.0.1.1", "198.17.255.255",
		"198.20.0.0", "203.0.114.0", "223.255.255.255", "2000::1", "2001:200::1",
		"2001:db9::1", "2003::1", "3ffe::1",
	}, *const special[] = {
		"0.0.0.0", "10.0.0.1", "100.64.0.1", "127.0.0.1", "169.254.1.1", "172.16.0.1",
		"192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1",
		"198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1",
		"255.255.255.255", "::", "::1", "::ffff:1.1.1.1", "64:ff9b::101:101", "100::1",
		"2001::1", "2001:1ff::1", "2001:db8::1", "2002:101:101::1", "3fff::1", "4000::1",
		"fc00::1", "fe80::1", "ff02::1",
	};

	for (size_t i = 0; i < COUNT(public); i++) {
		struct ip ip = ip_from(public[i]);

		if (!ip_is_public(&ip))
			TAP_FAIL("%s is not public", public[i]);
	}
	for (size_t i = 0; i < COUNT(special); i++) {
		struct ip ip = ip_from(special[i]);

		if (ip_is_public(&ip))
			TAP_FAIL("%s is public", special[i]);
	}
}

static void test_prefix_table(void)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "10.0.0.0/8", "10.0.0.0/8" },
		{ "10.1.2.3/8", "10.0.0.0/8" },
		{ "10.255.255.255/9", "10.128.0.0/9" },
		{ "255.255.255.255/31", "255.255.255.254/31" },
		{ "10.1.2.3/32", "10.1.2.3/32" },
		{ "10.1.2.3", "10.1.2.3/32" },
		{ "10.1.2.3/0", "0.0.0.0/0" },
		{ "2001:db8::1", "2001:db8::1/128" },
		{ "2001:db8:ffff::1/33", "2001:db8:8000::/33" },
		{ "ffff::1/0", "::/0" },
		{ "::1/127", "::/127" },
		{ "10.0.0.0/33", NULL },
		{ "10.0.0.0/", NULL },
		{ "10.0.0.0/08", NULL },
		{ "10.0.0.0/-1", NULL },
		{ "10.0.0.0/8/8", NULL },
		{ "10.0.0.0/256", NULL },
		{ "10.0.0.0/8 ", NULL },
		{ "10.0.0.0/255.0.0.0", NULL },
		{ "10/8", NULL },
		{ "/8", NULL },
		{ "", NULL },
		{ "::/129", NULL },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct prefix p = { .len = 99 };
		bool good = prefix_parse(rows[i].in, strlen(rows[i].in), &p);
		char out[PREFIX_TEXT];

		if (good != (rows[i].out != NULL))
			TAP_FAIL("%s gives %d", rows[i].in, good);
		if (!good) {
			eq_int(p.len, 99);
			continue;
		}
		prefix_format(&p, out);
		eq_str(out, rows[i].out);
	}
}

/* Bit by bit. */
static bool naive_contains(const struct prefix *p, const struct ip *ip)
{
	if (p->ip.family != ip->family)
		return false;
	for (unsigned i = 0; i < p->len; i++)
		if ((p->ip.b[i / 8] ^ ip->b[i / 8]) & 0x80 >> i % 8)
			return false;
	return true;
}

/* Two prefixes overlap if one bit string begins with the other: no bit that both have differs. */
static bool naive_overlaps(const struct prefix *a, const struct prefix *b)
{
	struct prefix shorter = a->len < b->len ? *a : *b;

	return naive_contains(&shorter, &a->ip) && naive_contains(&shorter, &b->ip);
}

static struct prefix some_prefix(struct rng *rng)
{
	struct ip ip = { .family = rng_below(rng, 2) ? FAMILY_IPV4 : FAMILY_IPV6 };

	for (unsigned i = 0; i < ip_bits(&ip) / 8; i++) /* few addresses, many meetings */
		ip.b[i] = (uint8_t)(1u << rng_below(rng, 8) & -(unsigned)!rng_below(rng, 4));
	return prefix_of(&ip, (uint8_t)rng_below(rng, ip_bits(&ip) + 1));
}

static void test_prefix_race(void)
{
	struct rng rng;
	int inside = 0;

	rng_init(&rng, 9);
	for (int i = 0; i < 100000 && !tap_bad; i++) {
		struct prefix a = some_prefix(&rng), b = some_prefix(&rng);

		if (rng_below(&rng, 2)) { /* differ in one bit near the end of a */
			b.ip = a.ip;
			if (a.len)
				b.ip.b[(a.len - 1) / 8] ^= (uint8_t)(1 << rng_below(&rng, 8));
			b = prefix_of(&b.ip, (uint8_t)rng_below(&rng, ip_bits(&b.ip) + 1));
		}
		inside += naive_contains(&a, &b.ip);
		ok(prefix_contains(&a, &b.ip) == naive_contains(&a, &b.ip));
		ok(prefix_overlaps(&a, &b) == naive_overlaps(&a, &b));
		ok(prefix_contains(&a, &a.ip));
	}
	ok(inside > 10000 && inside < 90000);
	ok(!prefix_contains(&(struct prefix){ 0 }, &(struct ip){ 0 }));
}

static void too_long(void *len)
{
	struct ip ip = ip_v4(1, 2, 3, 4);

	prefix_of(&ip, *(uint8_t *)len);
}

static void test_misuse(void)
{
	ok(!dies(too_long, &(uint8_t){ 32 }));
	ok(dies(too_long, &(uint8_t){ 33 }));
}

TAP_TESTS(T(test_ip_table), T(test_ip_against_libc), T(test_endpoint_table),
	  T(test_endpoint_equal), T(test_kinds), T(test_public), T(test_prefix_table),
	  T(test_prefix_race),
	  T(test_misuse))
