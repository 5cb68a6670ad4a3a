/* Mesh addresses and names that derive from keys. */
#include "tap.h"
#include "contexts.h"

#include "base/text.h"
#include "crypto/curve.h"
#include "crypto/hash.h"
#include "identity/address.h"

/* Public keys of RFC 8032, 7.1, tests 1 to 3. */
static const char *const rfc_keys[] = {
	"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
	"3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
	"fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
};

static struct public_key key_of(const char *hex)
{
	struct public_key k;

	ok(hex_decode(hex, strlen(hex), k.b, sizeof(k.b)));
	return k;
}

/* Any 32 bytes will do where only the hash matters. */
static struct public_key key_number(uint32_t n)
{
	struct public_key k = { { 0 } };

	store_be32(k.b, n);
	return k;
}

static struct prefix prefix_text(const char *text)
{
	struct prefix p;

	ok(prefix_parse(text, strlen(text), &p));
	return p;
}

static void eq_ip(const struct ip *got, const char *want)
{
	char text[IP_TEXT];

	ip_format(got, text);
	eq_str(text, want);
}

static void keys_of_rfc_8032_have_their_check_values(void)
{
	static const char *const v4[] = { "10.99.108.49", "10.99.16.39", "10.99.132.96" };
	static const char *const v6[] = { "fd99:6d67::6c31:412:68f4:7160",
					  "fd99:6d67::1027:e035:b26b:605d",
					  "fd99:6d67::8460:6c25:c8a5:a750" };
	static const char *const names[] = { "peer-6c310412", "peer-1027e035", "peer-84606c25" };
	struct prefix p = mesh_ipv4_default_prefix();

	for (size_t i = 0; i < 3; i++) {
		struct public_key k = key_of(rfc_keys[i]);
		char name[MAX_NAME + 1];
		struct ip ip;

		mesh_ipv4(&k, 0, &p, &ip);
		eq_ip(&ip, v4[i]);
		mesh_ipv6(&k, &ip);
		eq_ip(&ip, v6[i]);
		name_default(&k, name);
		eq_str(name, names[i]);
		ok(name_valid(name, strlen(name)));
	}
}

/* The rule of the design, written out byte by byte. */
static void twin_ipv4(const struct public_key *k, unsigned index, const struct prefix *p,
		      uint8_t out[4])
{
	uint8_t in[33];
	struct hash h;
	unsigned host = 32u - p->len;

	memcpy(in, k->b, 32);
	in[32] = (uint8_t)index;
	blake3(&h, in, index ? 33 : 32);
	memcpy(out, p->ip.b, 4);
	for (unsigned bit = 0; bit < host; bit++)
		if (h.b[bit / 8] >> (7 - bit % 8) & 1)
			out[(p->len + bit) / 8] |= (uint8_t)(0x80 >> (p->len + bit) % 8);
	if (p->len == 16 && p->ip.b[0] == 10 && p->ip.b[1] == 99 && out[2] == 0)
		out[2] = 1;
	if (out[3] == 0)
		out[3] = 1;
	if (out[3] == 255)
		out[3] = 254;
}

static void every_prefix_and_index_agrees_with_the_twin(void)
{
	static const char *const prefixes[] = { "10.99.0.0/16", "10.0.0.0/8", "172.16.0.0/12",
						"10.98.0.0/16", "100.64.0.0/10", "192.168.7.0/24",
						"10.0.0.0/9", "172.20.128.0/17", "10.1.2.0/23" };

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++)
		for (uint32_t n = 0; n < 3000; n++) {
			struct prefix p = prefix_text(prefixes[i]);
			struct public_key k = key_number(n);
			uint8_t want[4];
			struct ip got;

			mesh_ipv4(&k, n % ADDRESS_INDEXES, &p, &got);
			twin_ipv4(&k, n % ADDRESS_INDEXES, &p, want);
			eq_int(got.family, FAMILY_IPV4);
			eq_mem(got.b, want, 4);
			ok(prefix_contains(&p, &got));
			ok(mesh_has_address(&p, &got));
			if (tap_bad)
				return;
		}
}

/* The first key whose hash has `a` and `b` (or -1: any) as its first bytes. */
static struct public_key key_with(int a, int b)
{
	for (uint32_t n = 0;; n++) {
		struct public_key k = key_number(n);
		struct hash h;

		blake3(&h, k.b, sizeof(k.b));
		if ((a < 0 || h.b[0] == a) && (b < 0 || h.b[1] == b))
			return k;
	}
}

static void edges_are_moved_inwards(void)
{
	static const struct {
		int a, b;
		const char *prefix, *want;
	} rows[] = {
		{ 0, 7, "10.99.0.0/16", "10.99.1.7" },
		{ 255, 7, "10.99.0.0/16", "10.99.255.7" },
		{ 7, 0, "10.99.0.0/16", "10.99.7.1" },
		{ 7, 255, "10.99.0.0/16", "10.99.7.254" },
		{ 0, 0, "10.99.0.0/16", "10.99.1.1" },
		{ 0, 255, "10.99.0.0/16", "10.99.1.254" },
		{ 7, 1, "10.99.0.0/16", "10.99.7.1" },
		{ 7, 254, "10.99.0.0/16", "10.99.7.254" },
		/* only the last octet moves in other prefixes */
		{ 0, 0, "10.98.0.0/16", "10.98.0.1" },
		{ 0, 255, "10.98.0.0/16", "10.98.0.254" },
		{ 0, -1, "192.168.7.0/24", "192.168.7.1" },
		{ 255, -1, "192.168.7.0/24", "192.168.7.254" },
		{ 1, -1, "192.168.7.0/24", "192.168.7.1" },
		{ 254, -1, "192.168.7.0/24", "192.168.7.254" },
		/* 12 bits: 0x000 and 0xfff, 0x0ff */
		{ 0, 0x0f, "10.1.16.0/20", "10.1.16.1" },
		{ 0xff, 0xf0, "10.1.16.0/20", "10.1.31.254" },
		{ 0x0f, 0xf0, "10.1.16.0/20", "10.1.16.254" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct public_key k = key_with(rows[i].a, rows[i].b);
		struct prefix p = prefix_text(rows[i].prefix);
		struct ip ip;

		mesh_ipv4(&k, 0, &p, &ip);
		eq_ip(&ip, rows[i].want);
	}
}

static void each_index_derives_another_address(void)
{
	struct prefix p = mesh_ipv4_default_prefix();
	struct public_key k = key_of(rfc_keys[0]);
	struct ip ip[ADDRESS_INDEXES];

	for (unsigned j = 0; j < ADDRESS_INDEXES; j++) {
		mesh_ipv4(&k, j, &p, &ip[j]);
		for (unsigned i = 0; i < j; i++)
			ok(!ip_equal(&ip[i], &ip[j]));
	}
}

static void only_the_mesh_has_its_addresses(void)
{
	static const struct {
		const char *ip;
		bool has;
	} rows[] = {
		{ "10.99.0.0", true }, { "10.99.255.255", true }, { "10.98.255.255", false },
		{ "10.100.0.0", false }, { "192.0.2.1", false }, { "fd99:6d67::", true },
		{ "fd99:6d67::ffff:ffff:ffff:ffff", true }, { "fd99:6d67:0:1::", false },
		{ "fd99:6d66::1", false }, { "2001:db8::1", false }, { "::ffff:10.99.0.1", false },
	};
	struct prefix p = mesh_ipv4_default_prefix();

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct ip ip;

		ok(ip_parse(rows[i].ip, strlen(rows[i].ip), &ip));
		if (mesh_has_address(&p, &ip) != rows[i].has)
			TAP_FAIL("%s", rows[i].ip);
	}
}

static void names_keep_to_their_alphabet(void)
{
	static const struct {
		const char *name;
		bool valid;
	} rows[] = {
		{ "", false }, { "a", true }, { "Alice-2_x.y", true }, { ".a", false },
		{ "a.", true }, { "..", false }, { "a..b", true }, { "-a", true }, { "a/b", false },
		{ "a b", false }, { "a\n", false }, { "\xc3\xa4", false }, { "a@b", false },
		{ "a[", false }, { "a`", false }, { "a{", false }, { "a:", false }, { "a,", false },
		{ "0", true }, { "9", true }, { "Z", true }, { "z", true }, { "_", true },
	};
	char long_name[MAX_NAME + 2];

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (name_valid(rows[i].name, strlen(rows[i].name)) != rows[i].valid)
			TAP_FAIL("name '%s'", rows[i].name);
	memset(long_name, 'n', sizeof(long_name));
	ok(name_valid(long_name, MAX_NAME));
	ok(!name_valid(long_name, MAX_NAME + 1));
	ok(!name_valid("a\0b", 3));
}

TAP_TESTS(T(keys_of_rfc_8032_have_their_check_values),
	  T(every_prefix_and_index_agrees_with_the_twin), T(edges_are_moved_inwards),
	  T(each_index_derives_another_address), T(only_the_mesh_has_its_addresses),
	  T(names_keep_to_their_alphabet))
