/* Cryptokey routing: tables of prefixes, and a race against a list that is searched whole. */
#include "tap.h"

#include "base/rng.h"
#include "wg/allowedips.h"

#define NONE ALLOWEDIPS_NONE

static struct allowedips *table(uint32_t prefixes, uint32_t peers)
{
	return allowedips_init(calloc(1, allowedips_size(prefixes, peers)), prefixes, peers);
}

static struct prefix net(const char *text)
{
	struct prefix p = { 0 };

	if (!prefix_parse(text, strlen(text), &p))
		TAP_FAIL("%s is not a prefix", text);
	return p;
}

static bool insert(struct allowedips *t, const char *text, uint32_t peer)
{
	struct prefix p = net(text);

	return allowedips_insert(t, &p, peer);
}

static bool removed(struct allowedips *t, const char *text, uint32_t peer)
{
	struct prefix p = net(text);

	return allowedips_remove(t, &p, peer);
}

static uint32_t owner(const struct allowedips *t, const char *text)
{
	struct ip ip = { 0 };

	if (!ip_parse(text, strlen(text), &ip))
		TAP_FAIL("%s is not an address", text);
	return allowedips_lookup(t, &ip);
}

/* The peer's prefixes, in order, with commas. */
static const char *listed(const struct allowedips *t, uint32_t peer)
{
	static char buf[4096];
	struct text text = text_of(buf, sizeof(buf));
	struct prefix p;

	for (uint32_t cursor = 0; allowedips_next(t, peer, &cursor, &p);) {
		char one[PREFIX_TEXT];

		prefix_format(&p, one);
		text_add(&text, text.len ? "," : "");
		text_add(&text, one);
	}
	return buf;
}

struct expect {
	const char *ip;
	uint32_t peer;
};

static void expect_all(const struct allowedips *t, const struct expect *e, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (owner(t, e[i].ip) != e[i].peer)
			TAP_FAIL("%s goes to %" PRIu32 ", want %" PRIu32, e[i].ip,
				 owner(t, e[i].ip), e[i].peer);
}

static void the_longest_prefix_wins(void)
{
	static const struct {
		const char *prefix;
		uint32_t peer;
	} rows[] = {
		{ "192.168.4.0/24", 0 }, { "192.168.4.4/32", 1 }, { "192.168.0.0/16", 2 },
		{ "192.95.5.64/27", 3 }, { "192.95.5.65/27", 2 }, { "0.0.0.0/0", 4 },
		{ "64.15.112.0/20", 6 }, { "64.15.123.211/25", 7 }, { "10.0.0.0/25", 0 },
		{ "10.0.0.128/25", 1 }, { "10.1.0.0/30", 0 }, { "10.1.0.4/30", 1 },
		{ "10.1.0.8/29", 2 }, { "10.1.0.16/29", 3 },
		{ "2607:5300:6006:6b0::c05f:543/128", 3 }, { "2607:5300:6006:6b0::/64", 2 },
		{ "::/0", 4 }, { "2607:5300:6006::/45", 5 }, { "2404:6800::/32", 4 },
		{ "2404:6800:4004:800::/64", 0 }, { "2404:6800:4004:800:dead:beef::/96", 6 },
		{ "fd00:1:2::/37", 1 }, { "fd00:1:2:3:4000::/75", 2 },
		{ "fd00:1:2:3:4000:0:8000::/111", 3 },
	};
	static const struct expect want[] = {
		{ "192.168.4.20", 0 }, { "192.168.4.4", 1 }, { "192.168.200.182", 2 },
		{ "192.95.5.68", 2 }, { "192.95.5.96", 4 }, { "192.95.5.63", 4 },
		{ "64.15.116.26", 6 }, { "64.15.127.3", 6 }, { "64.15.123.128", 7 },
		{ "64.15.123.127", 6 }, { "10.0.0.127", 0 }, { "10.0.0.128", 1 },
		{ "10.0.1.0", 4 }, { "10.1.0.3", 0 }, { "10.1.0.4", 1 }, { "10.1.0.15", 2 },
		{ "10.1.0.16", 3 }, { "10.1.0.24", 4 }, { "255.255.255.255", 4 },
		{ "2607:5300:6006:6b0::c05f:543", 3 }, { "2607:5300:6006:6b0::c02e:1ee", 2 },
		{ "2607:5300:6006::1", 5 }, { "2607:5300:6007::1", 5 },
		{ "2607:5300:600d:ffff::", 4 }, { "2607:5300:600e::", 4 }, { "::1", 4 },
		{ "2404:6800:4004:800::1", 0 }, { "2404:6800:4004:801::1", 4 },
		{ "2404:6800:4004:800:dead:beef:0:7", 6 },
		{ "2404:6800:4004:800:dead:bee0:0:7", 0 },
		{ "fd00:1:7ff:ffff::", 1 }, { "fd00:1:800::", 4 }, { "fd00:1:2:3:4000::1", 2 },
		{ "fd00:1:2:3:4020::1", 1 }, { "fd00:1:2:3:401f:ffff::1", 2 },
		{ "fd00:1:2:3:4000:0:8001:ffff", 3 }, { "fd00:1:2:3:4000:0:8002:0", 2 },
		{ "fd00:1:2:3:4000:0:7fff:ffff", 2 },
	};
	struct allowedips *t = table(64, 8);

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		ok(insert(t, rows[i].prefix, rows[i].peer));
	expect_all(t, want, sizeof(want) / sizeof(*want));
	eq_int(allowedips_count(t), sizeof(rows) / sizeof(*rows) - 1);
	free(t);
}

static void families_do_not_meet(void)
{
	struct allowedips *t = table(8, 4);

	ok(insert(t, "0.0.0.0/0", 1));
	eq_int(owner(t, "::"), NONE);
	ok(insert(t, "::/0", 2));
	ok(insert(t, "a00::/8", 3));
	eq_int(owner(t, "10.0.0.0"), 1);
	eq_int(owner(t, "a00::"), 3);
	eq_int(owner(t, "b00::"), 2);
	ok(removed(t, "0.0.0.0/0", 1));
	eq_int(owner(t, "10.0.0.0"), NONE);
	eq_int(owner(t, "a00::"), 3);

	struct ip none = { 0 };

	eq_int(allowedips_lookup(t, &none), NONE);
	free(t);
}

static void a_prefix_belongs_to_the_last_who_got_it(void)
{
	static const char *const prefixes[] = {
		"10.0.0.0/8", "0.0.0.0/0", "192.0.2.1/32", "172.16.0.0/13",
		"2001:db8:a000::/37", "2001:db8::4000:0:0:0/75", "2001:db8::2:0/111", "::/0",
		"2001:db8::1/128",
	};
	const size_t n = sizeof(prefixes) / sizeof(*prefixes);
	struct allowedips *t = table(9, 3);

	for (uint32_t peer = 0; peer < 3; peer++)
		for (size_t i = 0; i < n; i++)
			ok(insert(t, prefixes[i], peer));
	eq_int(allowedips_count(t), n);
	eq_str(listed(t, 0), "");
	eq_str(listed(t, 1), "");
	eq_str(listed(t, 2), "10.0.0.0/8,0.0.0.0/0,192.0.2.1/32,172.16.0.0/13,"
	       "2001:db8:a000::/37,2001:db8:0:0:4000::/75,2001:db8::2:0/111,::/0,"
	       "2001:db8::1/128");
	/* given again, it moves to the end of the list, as in other WireGuards */
	ok(insert(t, "10.0.0.0/8", 2));
	ok(insert(t, "192.0.2.1/32", 0));
	eq_str(listed(t, 0), "192.0.2.1/32");
	eq_str(listed(t, 2), "0.0.0.0/0,172.16.0.0/13,2001:db8:a000::/37,"
	       "2001:db8:0:0:4000::/75,2001:db8::2:0/111,::/0,2001:db8::1/128,10.0.0.0/8");
	free(t);
}

static void what_is_removed_uncovers_what_lies_below(void)
{
	struct allowedips *t = table(16, 4);

	ok(insert(t, "10.0.0.0/8", 0));
	ok(insert(t, "10.1.0.0/16", 1));
	ok(insert(t, "10.1.2.0/24", 2));
	ok(!removed(t, "10.1.2.0/24", 1)); /* somebody else's */
	ok(!removed(t, "10.1.2.0/23", 2)); /* nobody's */
	ok(!removed(t, "10.1.2.0/24", NONE));
	eq_int(owner(t, "10.1.2.3"), 2);
	ok(removed(t, "10.1.2.0/24", 2));
	ok(!removed(t, "10.1.2.0/24", 2));
	eq_int(owner(t, "10.1.2.3"), 1);
	ok(removed(t, "10.1.0.0/16", 1));
	eq_int(owner(t, "10.1.2.3"), 0);
	ok(removed(t, "10.0.0.0/8", 0));
	eq_int(owner(t, "10.1.2.3"), NONE);

	/* the point where two parted does not become anybody's, but may be given to one */
	ok(insert(t, "10.0.0.0/25", 0));
	ok(insert(t, "10.0.0.128/25", 1));
	ok(!removed(t, "10.0.0.0/24", NONE));
	ok(insert(t, "10.0.0.0/24", 2));
	ok(removed(t, "10.0.0.0/25", 0));
	eq_int(owner(t, "10.0.0.1"), 2);
	eq_int(owner(t, "10.0.0.129"), 1);
	ok(removed(t, "10.0.0.0/24", 2));
	eq_int(owner(t, "10.0.0.1"), NONE);
	eq_int(owner(t, "10.0.0.129"), 1);
	eq_int(allowedips_count(t), 1);
	free(t);
}

static void a_removed_peer_leaves_nothing(void)
{
	struct allowedips *t = table(2 * 256, 4);
	char text[64];

	for (int round = 0; round < 3; round++) {
		for (unsigned i = 0; i < 128; i++) {
			snprintf(text, sizeof(text), "10.%u.0.0/%u", i, 12 + i % 20);
			ok(insert(t, text, i % 2));
			snprintf(text, sizeof(text), "fd00:%x::/%u", i * 77, 20 + i % 100);
			ok(insert(t, text, i % 2));
		}
		ok(insert(t, "0.0.0.0/0", 2));
		allowedips_remove_peer(t, 0);
		eq_str(listed(t, 0), "");
		allowedips_remove_peer(t, 1);
		allowedips_remove_peer(t, 3);
		eq_int(allowedips_count(t), 1);
		eq_int(owner(t, "10.5.0.0"), 2);
		allowedips_remove_peer(t, 2);
		eq_int(allowedips_count(t), 0);
		eq_int(owner(t, "10.5.0.0"), NONE);
		eq_int(owner(t, "fd00:4d::"), NONE);
	}
	free(t);
}

static void a_full_table_refuses_new_prefixes_only(void)
{
	struct allowedips *t = table(3, 2);

	ok(insert(t, "10.0.0.0/8", 0));
	ok(insert(t, "10.128.0.0/16", 0));
	ok(insert(t, "::/0", 0));
	ok(!insert(t, "10.129.0.0/16", 0));
	ok(insert(t, "10.128.0.0/16", 1)); /* changes hands */
	eq_int(owner(t, "10.129.0.1"), 0);
	ok(removed(t, "::/0", 0));
	ok(insert(t, "10.129.0.0/16", 1));
	ok(!insert(t, "10.128.0.0/15", 1)); /* where two part: also an entry */
	eq_int(owner(t, "10.129.0.1"), 1);

	allowedips_clear(t);
	eq_int(allowedips_count(t), 0);
	eq_int(owner(t, "10.129.0.1"), NONE);
	eq_str(listed(t, 0), "");
	eq_str(listed(t, 1), "");
	ok(insert(t, "10.0.0.0/8", 1) && insert(t, "11.0.0.0/8", 1) && insert(t, "::/0", 1));
	eq_str(listed(t, 1), "10.0.0.0/8,11.0.0.0/8,::/0");
	free(t);
}

/* Were a removed prefix to keep its place in the trie, the nodes would run out. */
static void a_removed_prefix_gives_its_place_back(void)
{
	struct allowedips *t = table(2, 1);
	char text[64];

	ok(insert(t, "10.85.85.85/32", 0));
	for (int len = 0; len < 32; len++) {
		snprintf(text, sizeof(text), "10.85.85.85/%d", len);
		ok(insert(t, text, 0));
		ok(removed(t, text, 0));
	}
	eq_str(listed(t, 0), "10.85.85.85/32");
	free(t);
}

static void host_bits_do_not_count(void)
{
	struct allowedips *t = table(4, 2);
	struct prefix p = { .ip = ip_v4(10, 1, 2, 3), .len = 8 };

	ok(allowedips_insert(t, &p, 1));
	eq_int(owner(t, "10.255.0.0"), 1);
	eq_str(listed(t, 1), "10.0.0.0/8");
	free(t);
}

/* The twin: a list in the order of insertion, searched whole. */
struct twin {
	struct {
		struct prefix p;
		uint32_t peer;
	} rows[600];
	size_t n;
};

static bool twin_take(struct twin *w, const struct prefix *p, uint32_t peer)
{
	for (size_t i = 0; i < w->n; i++) {
		if (!ip_equal(&w->rows[i].p.ip, &p->ip) || w->rows[i].p.len != p->len)
			continue;
		if (peer != NONE && w->rows[i].peer != peer)
			return false;
		memmove(w->rows + i, w->rows + i + 1, (--w->n - i) * sizeof(*w->rows));
		return true;
	}
	return false;
}

static uint32_t twin_lookup(const struct twin *w, const struct ip *ip)
{
	uint32_t best = NONE;
	int len = -1;

	for (size_t i = 0; i < w->n; i++)
		if (w->rows[i].p.len > len && prefix_contains(&w->rows[i].p, ip)) {
			len = w->rows[i].p.len;
			best = w->rows[i].peer;
		}
	return best;
}

/* Few distinct bits, so that prefixes nest and meet. */
static struct ip some_ip(struct rng *rng)
{
	uint8_t b[16] = { 0 };
	bool four = rng_below(rng, 2);

	for (int i = 0; i < 4; i++)
		b[rng_below(rng, four ? 4 : 16)] = (uint8_t)rng_below(rng, 256);
	return ip_of(four ? FAMILY_IPV4 : FAMILY_IPV6, b);
}

static void compare_lists(const struct allowedips *t, const struct twin *w, uint32_t peers)
{
	for (uint32_t peer = 0; peer < peers; peer++) {
		uint32_t cursor = 0;
		struct prefix p;

		for (size_t i = 0; i < w->n; i++) {
			if (w->rows[i].peer != peer)
				continue;
			ok(allowedips_next(t, peer, &cursor, &p));
			ok(ip_equal(&p.ip, &w->rows[i].p.ip) && p.len == w->rows[i].p.len);
		}
		ok(!allowedips_next(t, peer, &cursor, &p));
	}
}

static void race_step(struct rng *rng, struct allowedips *t, struct twin *w, uint32_t peers)
{
	struct ip ip = some_ip(rng);
	struct prefix p = prefix_of(&ip, (uint8_t)rng_below(rng, ip_bits(&ip) + 1));
	uint32_t peer = (uint32_t)rng_below(rng, peers);
	uint64_t what = rng_below(rng, 200);

	if (what == 0) {
		allowedips_remove_peer(t, peer);
		for (size_t i = w->n; i-- > 0;)
			if (w->rows[i].peer == peer)
				twin_take(w, &w->rows[i].p, NONE);
	} else if (what < 60) {
		if (w->n && rng_below(rng, 4)) {
			size_t i = rng_below(rng, w->n);

			p = w->rows[i].p;
			peer = rng_below(rng, 4) ? w->rows[i].peer : peer;
		}
		bool got = allowedips_remove(t, &p, peer);

		ok(got == twin_take(w, &p, peer));
	} else {
		bool fits = twin_take(w, &p, NONE) || w->n < 600;

		ok(allowedips_insert(t, &p, peer) == fits);
		if (fits) {
			w->rows[w->n].p = p;
			w->rows[w->n++].peer = peer;
		}
	}
}

static void a_list_that_is_searched_whole_agrees(void)
{
	enum { PEERS = 9 };
	static struct twin w;

	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct allowedips *t = table(600, PEERS);
		struct rng rng;
		int bad = tap_bad;

		w.n = 0;
		rng_init(&rng, seed);
		for (int step = 0; step < 3000 && tap_bad == bad; step++) {
			race_step(&rng, t, &w, PEERS);
			for (int i = 0; i < 3; i++) {
				struct ip ip = some_ip(&rng);

				if (allowedips_lookup(t, &ip) != twin_lookup(&w, &ip))
					TAP_FAIL("seed %" PRIu64 ", step %d", seed, step);
			}
			if (step % 100 == 0)
				compare_lists(t, &w, PEERS);
		}
		eq_int(allowedips_count(t), w.n);
		for (uint32_t peer = 0; peer < PEERS; peer++)
			allowedips_remove_peer(t, peer);
		eq_int(allowedips_count(t), 0);
		free(t);
	}
}

static void a_whole_mesh_fits(void)
{
	const uint32_t peers = 16384;
	struct allowedips *t = table(2 * peers, peers);

	for (int round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < peers; i++) {
			uint8_t b[16] = { 0xfd };
			struct ip four = ip_v4(10, 99, (uint8_t)(i >> 8), (uint8_t)i);
			struct prefix p = prefix_of(&four, 32);

			ok(allowedips_insert(t, &p, i));
			store_be64(b + 8, i * UINT64_C(0x9e3779b97f4a7c15));
			p = (struct prefix){ .ip = ip_of(FAMILY_IPV6, b), .len = 128 };
			ok(allowedips_insert(t, &p, i));
		}
		eq_int(allowedips_count(t), 2 * peers);
		eq_int(owner(t, "10.99.63.255"), 16383);
		for (uint32_t i = 0; i < peers; i++)
			allowedips_remove_peer(t, (i * 7919) % peers);
		eq_int(allowedips_count(t), 0);
	}
	free(t);
}

TAP_TESTS(T(the_longest_prefix_wins),
	  T(families_do_not_meet),
	  T(a_prefix_belongs_to_the_last_who_got_it),
	  T(what_is_removed_uncovers_what_lies_below),
	  T(a_removed_peer_leaves_nothing),
	  T(a_full_table_refuses_new_prefixes_only),
	  T(a_removed_prefix_gives_its_place_back),
	  T(host_bits_do_not_count),
	  T(a_list_that_is_searched_whole_agrees),
	  T(a_whole_mesh_fits))
