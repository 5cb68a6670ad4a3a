/* What DNS says of seeds: messages as servers write them, and as liars do. */
#include "tap.h"

#include "base/bytes.h"
#include "dns/seeds.h"

static uint8_t message[2048];
static struct writer w;

static void begin(unsigned questions, unsigned answers)
{
	w = wr_of(message, sizeof(message));
	wr_be16(&w, 7);
	wr_be16(&w, DNS_QR | DNS_RD);
	wr_be16(&w, (uint16_t)questions);
	wr_be16(&w, (uint16_t)answers);
	wr_be32(&w, 0);
	for (unsigned i = 0; i < questions; i++) {
		dns_write_name(&w, DNS_SEEDS_LABELS ".example.org");
		wr_be16(&w, DNS_TXT);
		wr_be16(&w, DNS_IN);
	}
}

/* A record of the name that was asked for, by a pointer to it. */
static void record(uint16_t type, uint16_t class, uint32_t ttl, const void *data, size_t len)
{
	wr_be16(&w, 0xC000 | DNS_HEADER);
	wr_be16(&w, type);
	wr_be16(&w, class);
	wr_be32(&w, ttl);
	wr_be16(&w, (uint16_t)len);
	wr_bytes(&w, data, len);
}

static void txt(const char *string, uint32_t ttl)
{
	uint8_t data[256];

	data[0] = (uint8_t)strlen(string);
	memcpy(data + 1, string, strlen(string));
	record(DNS_TXT, DNS_IN, ttl, data, 1 + strlen(string));
}

static struct dns_seeds found;

static bool reads(enum dns_type type)
{
	memset(&found, 0, sizeof(found));
	found.ttl = UINT32_MAX;
	return dns_seeds_read(bytes_of(message, wr_len(&w)), type, &found);
}

static void is_target(const char *text, const char *host, unsigned port)
{
	struct dns_target t = { .port = 0 };

	if (!dns_target_parse(text, strlen(text), 51821, &t))
		TAP_FAIL("\"%s\" is refused", text);
	eq_str(t.host, host);
	eq_int(t.port, port);
}

static void hosts_have_a_port_or_the_default(void)
{
	is_target("seed.example.org:7", "seed.example.org", 7);
	is_target("seed.example.org", "seed.example.org", 51821);
	is_target("seed.example.org.:65535", "seed.example.org.", 65535);
	is_target("192.0.2.7:1", "192.0.2.7", 1);
	is_target("192.0.2.7", "192.0.2.7", 51821);
	is_target("[2001:db8::7]:9", "2001:db8::7", 9);
	is_target("[2001:db8::7]", "2001:db8::7", 51821);
	is_target("_a-b.c1", "_a-b.c1", 51821);
}

static void what_is_no_host_is_refused(void)
{
	static const char *const bad[] = {
		"", ":", ":1", "a:", "a:0", "a:65536", "a:x", "a: 1", "a b", "a..b", ".a", "-a",
		"2001:db8::7", "2001:db8::7:51821", "[2001:db8::7", "[2001:db8::7]1", "[]:1",
		"[192.0.2.7]:1", "[a]:1", "300.0.2.7", "1.2.3", "a/b", "a\n", "a:1:2",
		"\xc3\xa4.de",
		("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
	};
	struct dns_target t = { .host = "before", .port = 1 };

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (dns_target_parse(bad[i], strlen(bad[i]), 51821, &t))
			TAP_FAIL("\"%s\" is taken", bad[i]);
	eq_str(t.host, "before");
}

static void strings_of_others_are_no_seeds(void)
{
	static const char *const others[] = {
		"v=spf1 -all", "meshguard", "meshguard=", "Meshguard=a", "meshguard =a",
		"meshguard=a b", "=", "" };
	struct dns_target t;

	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		ok(!dns_seed_parse(bytes_of(others[i], strlen(others[i])), &t));
	ok(dns_seed_parse(bytes_of("meshguard=a.b:5", 15), &t));
	eq_str(t.host, "a.b");
	eq_int(t.port, 5);
}

static void all_strings_of_all_records_are_read(void)
{
	static const uint8_t two[] = "\x0fmeshguard=a.b:1\0\x0fmeshguard=c.d:2";

	begin(1, 4);
	txt("meshguard=[2001:db8::1]:3", 300);
	record(DNS_TXT, DNS_IN, 100, two, sizeof(two) - 1);
	record(DNS_A, DNS_IN, 5, "\1\2\3\4", 4);
	txt("meshguard=A.B:1", 200); /* the same host again */
	ok(reads(DNS_TXT));
	eq_int(found.count, 3);
	eq_str(found.list[0].host, "2001:db8::1");
	eq_str(found.list[1].host, "a.b");
	eq_str(found.list[2].host, "c.d");
	eq_int(found.ttl, 100);
}

static void srv_records_name_host_and_port(void)
{
	static const uint8_t srv[] = "\0\1\0\2\x12\x34\4seed\xc0\x1c"; /* example.org */
	static const uint8_t none[] = "\0\0\0\0\0\1\0";

	begin(1, 3);
	record(DNS_SRV, DNS_IN, 60, srv, sizeof(srv) - 1);
	record(DNS_SRV, DNS_IN, 60, none, sizeof(none) - 1);
	record(DNS_SRV, 3, 60, srv, 1); /* of another class: not looked into */
	ok(reads(DNS_SRV));
	eq_int(found.count, 1);
	eq_str(found.list[0].host, "seed.example.org");
	eq_int(found.list[0].port, 0x1234);
}

static void room_is_bounded(void)
{
	char string[64];

	begin(1, 40);
	for (int i = 0; i < 40; i++) {
		snprintf(string, sizeof(string), "meshguard=h%d.org", i);
		txt(string, 60);
	}
	ok(reads(DNS_TXT));
	eq_int(found.count, DNS_TARGETS);
}

static void other_counts_of_questions_are_refused(void)
{
	for (unsigned n = 0; n < 4; n++) {
		begin(n, 1);
		txt("meshguard=a.b", 60);
		eq_int(reads(DNS_TXT), n == 1);
		eq_int(found.count, n == 1);
	}
}

static void lengths_that_leave_the_record_are_refused(void)
{
	static const uint8_t long_string[] = "\x10meshguard=a.b:1";

	begin(1, 1);
	record(DNS_TXT, DNS_IN, 60, long_string, sizeof(long_string) - 1);
	ok(!reads(DNS_TXT));
	eq_int(found.count, 0);
	begin(1, 2); /* one that is not there */
	txt("meshguard=a.b", 60);
	ok(!reads(DNS_TXT));
	begin(1, 1);
	txt("meshguard=a.b", 60);
	for (size_t len = wr_len(&w); len-- > 0; ) {
		struct dns_seeds s = { .ttl = 0 };

		ok(!dns_seeds_read(bytes_of(message, len), DNS_TXT, &s));
	}
	begin(1, 1); /* and what a target leaves over */
	record(DNS_SRV, DNS_IN, 60, "\0\0\0\0\0\1\1a\0\0", 10);
	ok(!reads(DNS_SRV));
}

/* Names that point to themselves, to each other, forward, and into the header. */
static void names_that_loop_are_refused(void)
{
	static const struct { const char *data; size_t len; } srv[] = {
		{ "\0\0\0\0\0\1\xc0\x3f", 8 }, { "\0\0\0\0\0\1\1a\xc0\x3f", 10 },
		{ "\0\0\0\0\0\1\xc0\x41\xc0\x3f", 10 }, { "\0\0\0\0\0\1\xc0\0", 8 },
		{ "\0\0\0\0\0\1\xc0\x0b", 8 }, { "\0\0\0\0\0\1\xff\xff", 8 },
		{ "\0\0\0\0\0\1\x40", 7 }, { "\0\0\0\0\0\1\x80", 7 }, { "\0\0\0\0\0\1\xc0", 7 },
	};

	for (size_t i = 0; i < sizeof(srv) / sizeof(*srv); i++) {
		begin(1, 1);
		record(DNS_SRV, DNS_IN, 60, srv[i].data, srv[i].len);
		ok(!reads(DNS_SRV));
		eq_int(found.count, 0);
	}
}

/* Pointers that each lead to one label more: the longest name that is allowed, and one beyond. */
static void names_have_255_bytes_at_the_most(void)
{
	char name[DNS_NAME_TEXT];
	uint8_t data[300] = { 0 };
	size_t len = 0, back;

	memset(data, 0, DNS_HEADER);
	len = DNS_HEADER;
	data[len++] = 0;
	back = DNS_HEADER;
	for (int i = 0; i < 64; i++) {
		struct cursor c;

		data[len] = 1;
		data[len + 1] = 'a';
		data[len + 2] = (uint8_t)(0xc0 | back >> 8);
		data[len + 3] = (uint8_t)back;
		c = cur_of(data + len, sizeof(data) - len);
		ok(dns_read_name(bytes_of(data, sizeof(data)), &c, name));
		eq_int(strlen(name), 2 * i + 1);
		ok(c.at == data + len + 4);
		back = len;
		len += 4;
	}
	uint8_t labels[300];

	memset(labels, 0, sizeof(labels));
	for (size_t at = 0; at < 256; at += 64)
		labels[at] = 63;
	memset(labels + 1, 'a', 63);
	memset(labels + 65, 'b', 63);
	memset(labels + 129, 'c', 63);
	labels[192] = 61;
	memset(labels + 193, 'd', 62);
	labels[254] = 0; /* 3 * 64 + 62 + 1: 255 */

	struct cursor c = cur_of(labels, sizeof(labels));

	ok(dns_read_name(bytes_of(labels, sizeof(labels)), &c, name));
	eq_int(strlen(name), 253);
	labels[192] = 62;
	labels[254] = 'd';
	labels[255] = 0;
	c = cur_of(labels, sizeof(labels));
	ok(!dns_read_name(bytes_of(labels, sizeof(labels)), &c, name));
	eq_str(name, "");
}

static void names_are_compared_without_case_and_within_zones(void)
{
	ok(dns_name_equal("Alice.MESH", "alice.mesh"));
	ok(!dns_name_equal("alice.mesh", "alice.mes"));
	ok(!dns_name_equal("alice", "alice.mesh"));
	ok(!dns_name_equal("@", "`"));
	ok(dns_name_within("a.mesh", "mesh"));
	ok(dns_name_within("MESH", "mesh"));
	ok(!dns_name_within("amesh", "mesh"));
	ok(!dns_name_within("mesh.org", "mesh"));
	ok(dns_name_within("a", ""));
}

TAP_TESTS(T(hosts_have_a_port_or_the_default), T(what_is_no_host_is_refused),
	  T(strings_of_others_are_no_seeds), T(all_strings_of_all_records_are_read),
	  T(srv_records_name_host_and_port), T(room_is_bounded),
	  T(other_counts_of_questions_are_refused), T(lengths_that_leave_the_record_are_refused),
	  T(names_that_loop_are_refused), T(names_have_255_bytes_at_the_most),
	  T(names_are_compared_without_case_and_within_zones))
