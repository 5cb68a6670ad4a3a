/* What a packet is to the filter. Attack 28: extension headers, fragments, and everything that
 * cannot be parsed, under four policies. */
#include "policy_world.h"

#include "base/rng.h"
#include "base/text.h"
#include "policy/inspect.h"

/* Packets are written as words:
 *
 *   hbh dst rt mob ah       an extension header of 8 bytes (ah: 12); dst*9: nine of them
 *   rt+                     a routing header with a segment left
 *   frag frag:O frag:O+     a fragment header: atomic; offset O; with more to come
 *   at:O at:O+              IPv4: offset and "more" in the IP header (anywhere in the row)
 *   tcp:P udp:P sctp:P      a header from port 50000 to port P; tcp:P/N: N bytes of it only
 *   echo esp gre none ipip other icmp4 icmp6
 *   jumbo                   hop-by-hop options with a jumbo payload; then the length is 0
 *   off:N                   TCP: a header length of N words
 *   cut:N                   N bytes less than that, and the length says so
 */
struct build {
	struct shot s;
	size_t number_at;  /* where the number of the next header goes */
	size_t l4_at;
	bool six, jumbo;
};

static void put(struct build *b, uint8_t protocol, const void *data, size_t len)
{
	b->s.bytes[b->number_at] = protocol;
	memcpy(b->s.bytes + b->s.len, data, len);
	b->s.len += len;
}

static void put_option(struct build *b, uint8_t protocol, const char *body, size_t len)
{
	size_t at = b->s.len;

	put(b, protocol, body, len);
	b->number_at = at;
}

static void put_l4(struct build *b, uint8_t protocol, const char *port)
{
	uint8_t l4[40];
	const char *slash = strchr(port, '/');
	size_t len = l4_header(l4, protocol, 50000, (uint16_t)atoi(port), TCP_SYN);

	b->l4_at = b->s.len;
	put(b, protocol, l4, slash ? (size_t)atoi(slash + 1) : len);
}

static void put_fragment(struct build *b, const char *word)
{
	char body[8] = { 0, 0, 0, 0, 0, 0, 0, 7 };
	const char *colon = strchr(word, ':');

	if (colon)
		store_be16(body + 2, (uint16_t)(atoi(colon + 1) | !!strchr(word, '+')));
	put_option(b, PROTO_FRAGMENT, body, 8);
}

/* The word has that name, and perhaps something behind it. */
static bool is(const char *word, const char *name)
{
	size_t len = strcspn(word, ":*+");

	return strlen(name) == len && !memcmp(word, name, len);
}

static void put_word(struct build *b, const char *word)
{
	static const struct { const char *name; uint8_t protocol; } portless[] = {
		{ "esp", 50 }, { "gre", 47 }, { "none", PROTO_NONE }, { "ipip", 41 },
		{ "other", 253 }, { "icmp4", PROTO_ICMP }, { "icmp6", PROTO_ICMPV6 },
	};
	const char *after = word + strcspn(word, ":*+") + 1;
	int times = strchr(word, '*') ? atoi(after) : 1;

	for (size_t i = 0; i < sizeof(portless) / sizeof(*portless); i++)
		if (is(word, portless[i].name))
			put(b, portless[i].protocol, "\200\0\0\0\0\1\0\1\0\0\0\0", 12);
	if (is(word, "echo"))
		put(b, b->six ? PROTO_ICMPV6 : PROTO_ICMP, b->six ? "\200\0\0\0\0\1\0\1" :
							       "\10\0\0\0\0\1\0\1", 8);
	for (int i = 0; i < times && is(word, "hbh"); i++)
		put_option(b, PROTO_HOP_BY_HOP, "\0\0\1\4\0\0\0\0", 8);
	for (int i = 0; i < times && is(word, "dst"); i++)
		put_option(b, PROTO_DESTINATION, "\0\0\1\4\0\0\0\0", 8);
	if (is(word, "rt"))
		put_option(b, PROTO_ROUTING, strchr(word, '+') ? "\0\0\0\1\0\0\0\0" :
							       "\0\0\0\0\0\0\0\0", 8);
	if (is(word, "mob"))
		put_option(b, PROTO_MOBILITY, "\0\0\0\0\0\0\0\0", 8);
	if (is(word, "ah"))
		put_option(b, PROTO_AH, "\0\1\0\0\0\0\0\7\0\0\0\1", 12);
	if (is(word, "jumbo"))
		put_option(b, PROTO_HOP_BY_HOP, "\0\0\xc2\4\0\1\0\0", 8);
	b->jumbo |= is(word, "jumbo");
	if (is(word, "frag"))
		put_fragment(b, word);
	if (is(word, "tcp") || is(word, "udp") || is(word, "sctp"))
		put_l4(b, *word == 't' ? PROTO_TCP : *word == 'u' ? PROTO_UDP : PROTO_SCTP, after);
	if (is(word, "off"))
		b->s.bytes[b->l4_at + 12] = (uint8_t)(atoi(after) << 4);
	if (is(word, "at"))
		store_be16(b->s.bytes + 6, (uint16_t)(atoi(after) / 8 |
						      (strchr(word, '+') ? 0x2000 : 0)));
	if (is(word, "cut"))
		b->s.len -= (size_t)atoi(after);
}

static struct shot build(bool six, const char *words)
{
	struct build b = { .s = ip_shot(six ? 6 : 4, 11, 1, 0, 0, NULL, 0), .six = six,
			   .number_at = six ? 6 : 9 };
	char copy[200], *rest = NULL;

	snprintf(copy, sizeof(copy), "%s", words);
	for (char *w = strtok_r(copy, " ", &rest); w; w = strtok_r(NULL, " ", &rest))
		put_word(&b, w);
	if (b.s.len >= (six ? 40u : 20u))
		store_be16(b.s.bytes + (six ? 4 : 2),
			   (uint16_t)(b.jumbo ? 0 : b.s.len - (six ? 40 : 0)));
	return b.s;
}

/* --- attack 28 */

static const struct {
	enum policy_default standard;
	const char *rules;
} policies[4] = {
	{ POLICY_DEFAULT_DENY, "" },
	{ POLICY_DEFAULT_DENY, "allow tcp 22\n" },
	{ POLICY_DEFAULT_DENY, "allow all\n" },
	{ POLICY_DEFAULT_ALLOW, "deny tcp 22\n" },
};

/* nothing; allow tcp 22; allow all; deny tcp 22 */
#define OTHERS "--pp" /* any packet that is plainly something else */
#define DOUBT "--p-"  /* it might become anything, also a segment to port 22 */
#define NEVER "----"

static const struct {
	const char *words, *passes;
} both[] = {
	{ "tcp:22", "-pp-" },
	{ "tcp:23", OTHERS },
	{ "udp:22", OTHERS },
	{ "echo", OTHERS },
	{ "esp", OTHERS },
	{ "gre", OTHERS },
	{ "none", OTHERS },
	{ "ipip", OTHERS },
	{ "other", OTHERS },
	{ "sctp:22", OTHERS },
	{ "tcp:22/19", DOUBT },
	{ "tcp:22/4", DOUBT },
	{ "tcp:22/2", DOUBT },
	{ "tcp:22/0", DOUBT },
	{ "tcp:23/19", DOUBT },
	{ "tcp:22 off:4", DOUBT },
	{ "tcp:22 off:0", DOUBT },
	{ "tcp:22 off:6", DOUBT },
	{ "tcp:22 off:15", DOUBT },
	{ "udp:22/7", DOUBT },
	{ "udp:22/4", DOUBT },
	{ "udp:22/0", DOUBT },
	{ "echo cut:1", DOUBT },
	{ "echo cut:8", DOUBT },
	{ "sctp:22/3", OTHERS },
	{ "gre cut:12", OTHERS },
}, four[] = {
	{ "icmp4", OTHERS },
	{ "icmp6", OTHERS },
	{ "hbh tcp:22", OTHERS }, /* protocol 0 of IPv4 is no extension header */
	{ "tcp:22 at:0+", "-pp-" },
	{ "tcp:23 at:0+", OTHERS },
	{ "tcp:22/19 at:0+", DOUBT },
	{ "tcp:22/8 at:0+", DOUBT },
	{ "tcp:22 off:6 at:0+", DOUBT },
	{ "tcp:22 at:8", NEVER },
	{ "tcp:22 at:8+", NEVER },
	{ "tcp:22 at:16", NEVER },
	{ "tcp:22 at:24", OTHERS },
	{ "tcp:22 at:1480+", OTHERS },
	{ "tcp:22 at:65512+", OTHERS },
	{ "tcp:22 at:65520+", DOUBT }, /* beyond the longest packet */
	{ "tcp:22 at:65528", DOUBT },
	{ "udp:22 at:0+", OTHERS },
	{ "udp:22/7 at:0+", DOUBT },
	{ "udp:22 at:8", OTHERS },
	{ "echo at:0+", OTHERS },
	{ "echo at:8", OTHERS },
	{ "gre at:0+", OTHERS },
	{ "gre at:8", OTHERS },
}, six[] = {
	{ "icmp6", OTHERS },
	{ "icmp4", OTHERS },
	{ "hbh tcp:22", "-pp-" },
	{ "hbh tcp:23", OTHERS },
	{ "dst tcp:22", "-pp-" },
	{ "dst*64 tcp:22", "-pp-" },
	{ "rt tcp:22", "-pp-" },
	{ "mob tcp:22", "-pp-" },
	{ "ah tcp:22", "-pp-" },
	{ "hbh dst rt dst tcp:22", "-pp-" },
	{ "hbh dst rt ah dst udp:22", OTHERS },
	{ "rt+ tcp:22", DOUBT },
	{ "rt+ tcp:23", DOUBT },
	{ "hbh rt+ dst udp:53", DOUBT },
	{ "dst hbh tcp:22", DOUBT },
	{ "dst hbh tcp:23", DOUBT },
	{ "hbh", DOUBT },   /* and then a hop-by-hop header that is not there */
	{ "dst cut:1", DOUBT },
	{ "dst cut:7", DOUBT },
	{ "hbh dst cut:4", DOUBT },
	{ "ah cut:1", DOUBT },
	{ "jumbo tcp:22", DOUBT },
	{ "jumbo tcp:23", DOUBT },
	{ "hbh esp", OTHERS },
	{ "hbh none", OTHERS },
	{ "dst gre", OTHERS },
	{ "frag tcp:22", "-pp-" },
	{ "frag tcp:22/19", DOUBT },
	{ "frag:0+ tcp:22", "-pp-" },
	{ "frag:0+ tcp:23", OTHERS },
	{ "frag:0+ dst tcp:22", "-pp-" },
	{ "frag:0+ tcp:22/19", DOUBT },
	{ "frag:0+ tcp:22/8", DOUBT },
	{ "frag:0+ tcp:22/0", DOUBT },
	{ "frag:0+ tcp:22 off:7", DOUBT },
	{ "frag:0+ dst cut:4", DOUBT },
	{ "frag:0+ udp:22/4", DOUBT },
	{ "frag:0+ udp:22", OTHERS },
	{ "frag:0+ echo", OTHERS },
	{ "frag:8 tcp:22", NEVER },
	{ "frag:8+ tcp:22", NEVER },
	{ "frag:16 tcp:22", NEVER },
	{ "frag:24 tcp:22", OTHERS },
	{ "frag:1448+ tcp:22", OTHERS },
	{ "frag:65512+ tcp:22", OTHERS },
	{ "frag:65520+ tcp:22", DOUBT },
	{ "frag:65528 tcp:22", DOUBT },
	{ "frag:8 udp:22", OTHERS },
	{ "frag:8 dst tcp:22", OTHERS },
	{ "frag:8 none", OTHERS },
	{ "frag frag tcp:22", DOUBT },
	{ "frag:0+ frag:0 tcp:22", DOUBT },
	{ "frag:0+ frag:1448 tcp:22", DOUBT },
	{ "frag frag:8 udp:53", DOUBT },
	{ "frag:0+ hbh tcp:22", DOUBT },
	{ "frag:8 hbh tcp:22", OTHERS },
	{ "frag cut:1", DOUBT },
	{ "frag cut:7", DOUBT },
	{ "dst frag:0+ tcp:22", "-pp-" },
	{ "hbh rt frag:0+ dst tcp:22", "-pp-" },
};

static void expect(bool is_six, const char *words, const char *passes)
{
	struct shot s = build(is_six, words);
	char got[5] = "----";

	for (size_t i = 0; i < 4; i++) {
		struct world *w = world_new(is_six ? 6 : 4, 16);

		world_rules(w, policies[i].standard, policies[i].rules);
		if (shot_in(w, 1, &s) == FILTER_PASS)
			got[i] = 'p';
		world_free(w);
	}
	if (strcmp(got, passes))
		TAP_FAIL("IPv%d %s: %s, want %s", is_six ? 6 : 4, words, got, passes);
}

static void attack_28(void)
{
	char words[40];

	for (size_t i = 0; i < sizeof(both) / sizeof(*both); i++) {
		expect(false, both[i].words, both[i].passes);
		expect(true, both[i].words, both[i].passes);
	}
	for (size_t i = 0; i < sizeof(four) / sizeof(*four); i++)
		expect(false, four[i].words, four[i].passes);
	for (size_t i = 0; i < sizeof(six) / sizeof(*six); i++)
		expect(true, six[i].words, six[i].passes);
	for (unsigned n = 1; n <= 64; n++) { /* only one may be there */
		snprintf(words, sizeof(words), "hbh*%u tcp:22", n);
		expect(true, words, n == 1 ? "-pp-" : DOUBT);
		snprintf(words, sizeof(words), "dst*%u tcp:22", n);
		expect(true, words, "-pp-");
	}
}

/* A source route of IPv4 is what a routing header is in IPv6. */
static void options_may_be_doubtful(void)
{
	static const struct { const char *options, *passes; } rows[] = {
		{ "\1\1\1\0", "-pp-" }, { "\x94\4\0\0", "-pp-" }, { "\x83\3\4\0", DOUBT },
		{ "\x89\3\4\0", DOUBT }, { "\x94\5\0\0", DOUBT },
	};

	for (size_t i = 0; i < 4 * sizeof(rows) / sizeof(*rows); i++) {
		struct world *w = world_new(4, 16);
		struct shot s = build(false, "tcp:22");

		memmove(s.bytes + 24, s.bytes + 20, 20);
		memcpy(s.bytes + 20, rows[i / 4].options, 4);
		s.bytes[0] = 0x46;
		s.bytes[3] = (uint8_t)(s.len += 4);
		world_rules(w, policies[i % 4].standard, policies[i % 4].rules);
		eq_int(shot_in(w, 1, &s) == FILTER_PASS, rows[i / 4].passes[i % 4] == 'p');
		world_free(w);
	}
}

static void what_is_no_packet_never_passes(void)
{
	static const char *const ends[] = { "", "\x45", "\x60", "\x55", "\0\0\0\0" };
	struct world *w = world_new(4, 16);
	struct shot s;

	world_rules(w, POLICY_DEFAULT_ALLOW, "allow all\n");
	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		s.len = strlen(ends[i]);
		memcpy(s.bytes, ends[i], s.len);
		eq_int(shot_in(w, 1, &s), FILTER_DROP);
		eq_int(w->last.reason, FILTER_NOT_IP);
	}
	for (unsigned is_six = 0; is_six < 2; is_six++) {
		s = build(is_six, "tcp:22");
		s.len--; /* less than the header says */
		eq_int(shot_in(w, 1, &s), FILTER_DROP);
		s = build(is_six, "tcp:22");
		s.bytes[0] ^= 0xf0;
		eq_int(shot_in(w, 1, &s), FILTER_DROP);
		s = build(is_six, "tcp:22");
		s.len += 5; /* padding is none of it */
		eq_int(shot_in(w, 1, &s), FILTER_PASS);
	}
	s = build(false, "tcp:22");
	s.bytes[0] = 0x44;
	eq_int(shot_in(w, 1, &s), FILTER_DROP);
	s.bytes[0] = 0x4b; /* options longer than the packet */
	eq_int(shot_in(w, 1, &s), FILTER_DROP);
	world_free(w);
}

static void nothing_that_is_cut_passes_by_a_port(void)
{
	static const char *const rows[] = { "tcp:22", "hbh tcp:22", "dst*3 tcp:22",
		"frag:0+ tcp:22", "frag tcp:22", "hbh rt frag:0+ dst tcp:22" };

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		for (unsigned cut = 1; cut < 60; cut++) {
			struct world *w = world_new(6, 16);
			struct shot s = build(true, rows[i]);

			if (s.len < 40 + cut)
				cut = 60;
			s.len -= cut < 60 ? cut : 0;
			store_be16(s.bytes + 4, (uint16_t)(s.len - 40));
			world_rules(w, POLICY_DEFAULT_DENY, "allow tcp 22\n");
			eq_int(shot_in(w, 1, &s), cut < 60 ? FILTER_DROP : FILTER_PASS);
			world_free(w);
		}
	}
}

/* The short way for plain packets finds what the long one finds. */
static void both_ways_agree(void)
{
	static const uint8_t protocols[] = { PROTO_TCP, PROTO_UDP, PROTO_TCP, PROTO_UDP, PROTO_ICMP,
		PROTO_ICMPV6, PROTO_FRAGMENT, PROTO_DESTINATION, PROTO_SCTP };
	struct rng rng;
	unsigned plain = 0;

	rng_init(&rng, 28);
	for (unsigned turn = 0; turn < 200000 && !tap_bad; turn++) {
		size_t len = rng_below(&rng, 90);
		uint8_t *p = malloc(len + 1);
		struct inspected a, b;
		bool six_turn = rng_below(&rng, 2), from_here = rng_below(&rng, 2), good, any;

		for (size_t i = 0; i < len; i++)
			p[i] = (uint8_t)(rng_below(&rng, 3) ? 0 : rng_u64(&rng));
		if (len > 40 && rng_below(&rng, 20)) {
			size_t l4 = six_turn ? 40 : 20;

			p[0] = six_turn ? 0x60 : 0x45;
			store_be16(p + (six_turn ? 4 : 2),
				   (uint16_t)(rng_below(&rng, 4) ? len - (six_turn ? 40 : 0) :
								   rng_below(&rng, 90)));
			p[six_turn ? 6 : 9] = protocols[rng_below(&rng, sizeof(protocols))];
			if (!six_turn && rng_below(&rng, 4))
				p[6] = rng_below(&rng, 2) ? 0x40 : 0, p[7] = 0;
			if (len > l4 + 12 && rng_below(&rng, 4))
				p[l4 + 12] = (uint8_t)(rng_below(&rng, 9) << 4);
		}
		good = inspect(bytes_of(p, len), from_here, &a);
		any = inspect_any(bytes_of(p, len), from_here, &b);
		eq_int(good, any);
		if (good && any) {
			ok(a.as == b.as && a.kind == b.kind && a.port == b.port);
			ok(a.protocol == b.protocol && a.tcp_flags == b.tcp_flags);
			if (a.as == INSPECTED_FLOW)
				eq_mem(&a.key, &b.key, sizeof(a.key));
			ok(!a.is_plain || !b.ip.is_fragment);
			plain += a.is_plain;
		}
		free(p);
	}
	ok(plain > 20000);
}

TAP_TESTS(T(attack_28), T(options_may_be_doubtful), T(what_is_no_packet_never_passes),
	  T(nothing_that_is_cut_passes_by_a_port), T(both_ways_agree))
