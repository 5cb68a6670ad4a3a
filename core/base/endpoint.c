#include "base/endpoint.h"
#include "base/bug.h"

#include <limits.h>
#include <string.h>

struct ip ip_v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
	return (struct ip){ .family = FAMILY_IPV4, .b = { a, b, c, d } };
}

struct ip ip_of(enum family family, const void *bytes)
{
	struct ip ip = { .family = (uint8_t)family };

	memcpy(ip.b, bytes, ip_bits(&ip) / 8);
	return ip;
}

unsigned ip_bits(const struct ip *ip)
{
	return ip->family == FAMILY_IPV4 ? 32 : ip->family == FAMILY_IPV6 ? 128 : 0;
}

bool ip_equal(const struct ip *a, const struct ip *b)
{
	return a->family == b->family && memcmp(a->b, b->b, ip_bits(a) / 8) == 0;
}

/* True if the first `bits` bits are those of `of`. */
static bool same_bits(const uint8_t *a, const uint8_t *of, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	return memcmp(a, of, whole) == 0 && (!rest || (a[whole] ^ of[whole]) >> (8 - rest) == 0);
}

struct known {
	uint8_t family;
	uint8_t len;
	uint8_t b[16];
};

static bool in_any(const struct ip *ip, const struct known *known, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (ip->family == known[i].family && same_bits(ip->b, known[i].b, known[i].len))
			return true;
	return false;
}
#define IN(ip, known) in_any(ip, known, sizeof(known) / sizeof(*(known)))

bool ip_is_loopback(const struct ip *ip)
{
	static const struct known known[] = {
		{ FAMILY_IPV4, 8, { 127 } },
		{ FAMILY_IPV6, 128, { [15] = 1 } },
	};
	return IN(ip, known);
}

bool ip_is_link_local(const struct ip *ip)
{
	static const struct known known[] = {
		{ FAMILY_IPV4, 16, { 169, 254 } },
		{ FAMILY_IPV6, 10, { 0xfe, 0x80 } },
	};
	return IN(ip, known);
}

bool ip_is_private(const struct ip *ip)
{
	static const struct known known[] = {
		{ FAMILY_IPV4, 8, { 10 } },
		{ FAMILY_IPV4, 12, { 172, 16 } },
		{ FAMILY_IPV4, 16, { 192, 168 } },
		{ FAMILY_IPV4, 10, { 100, 64 } },
		{ FAMILY_IPV6, 7, { 0xfc } },
	};
	return IN(ip, known);
}

bool ip_is_unicast(const struct ip *ip)
{
	static const struct known never[] = {
		{ FAMILY_IPV4, 8, { 0 } },
		{ FAMILY_IPV4, 3, { 224 } },
		{ FAMILY_IPV6, 128, { 0 } },
		{ FAMILY_IPV6, 8, { 0xff } },
		{ FAMILY_IPV6, 96, { [10] = 0xff, [11] = 0xff } },
	};
	return ip_bits(ip) && !IN(ip, never);
}

bool ip_is_public(const struct ip *ip)
{
	static const struct known special[] = {
		{ FAMILY_IPV4, 24, { 192, 0, 0 } },
		{ FAMILY_IPV4, 24, { 192, 0, 2 } },
		{ FAMILY_IPV4, 24, { 192, 88, 99 } },
		{ FAMILY_IPV4, 15, { 198, 18 } },
		{ FAMILY_IPV4, 24, { 198, 51, 100 } },
		{ FAMILY_IPV4, 24, { 203, 0, 113 } },
		{ FAMILY_IPV6, 23, { 0x20, 0x01 } },             /* Teredo, ORCHID and so on */
		{ FAMILY_IPV6, 32, { 0x20, 0x01, 0x0d, 0xb8 } }, /* documentation */
		{ FAMILY_IPV6, 16, { 0x20, 0x02 } },             /* 6to4 */
		{ FAMILY_IPV6, 20, { 0x3f, 0xff } },             /* documentation */
	};

	if (!ip_is_unicast(ip) || ip_is_loopback(ip) || ip_is_link_local(ip) || ip_is_private(ip))
		return false;
	return !IN(ip, special) && (ip->family == FAMILY_IPV4 || ip->b[0] >> 5 == 1);
}

bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
	return a->port == b->port && a->scope == b->scope && a->socket == b->socket &&
	       a->channel == b->channel && ip_equal(&a->ip, &b->ip);
}

bool endpoint_is_set(const struct endpoint *e)
{
	return e->ip.family != FAMILY_NONE;
}

bool prefix_contains(const struct prefix *p, const struct ip *ip)
{
	return ip_bits(ip) && p->ip.family == ip->family && same_bits(ip->b, p->ip.b, p->len);
}

bool prefix_overlaps(const struct prefix *a, const struct prefix *b)
{
	return a->len <= b->len ? prefix_contains(a, &b->ip) : prefix_contains(b, &a->ip);
}

struct prefix prefix_of(const struct ip *ip, uint8_t len)
{
	struct prefix p = { .ip = { .family = ip->family }, .len = len };

	BUG_ON(len > ip_bits(ip));
	memcpy(p.ip.b, ip->b, (len + 7u) / 8);
	if (len % 8)
		p.ip.b[len / 8] &= (uint8_t)(0xff00u >> len % 8);
	return p;
}

/* --- text out */

static void add_v4(struct text *t, const uint8_t *b)
{
	for (unsigned i = 0; i < 4; i++) {
		if (i)
			text_char(t, '.');
		text_u64(t, b[i]);
	}
}

/* RFC 5952, 4.1: no leading zeros; 4.3: lower case. */
static void add_group(struct text *t, unsigned v)
{
	char digits[4];
	size_t at = sizeof(digits);

	do {
		digits[--at] = "0123456789abcdef"[v & 15];
		v >>= 4;
	} while (v);
	text_add_n(t, digits + at, sizeof(digits) - at);
}

/* RFC 5952, 4.2: "::" stands for the first longest run of two or more zero groups;
 * section 5: the last 32 bits of a v4-mapped address are dotted. */
static void add_v6(struct text *t, const uint8_t *b)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	unsigned groups = memcmp(b, mapped, sizeof(mapped)) == 0 ? 6 : 8;
	unsigned from = 8, len = 1, run = 0;

	for (unsigned i = 0; i < groups; i++) {
		run = load_be16(b + 2 * i) ? 0 : run + 1;
		if (run > len) {
			len = run;
			from = i + 1 - run;
		}
	}
	for (unsigned i = 0; i < groups; i++) {
		if (i == from) {
			text_add(t, "::");
			i += len - 1;
			continue;
		}
		if (i && i != from + len)
			text_char(t, ':');
		add_group(t, load_be16(b + 2 * i));
	}
	if (groups == 6) {
		text_char(t, ':');
		add_v4(t, b + 12);
	}
}

static void add_ip(struct text *t, const struct ip *ip)
{
	if (ip->family == FAMILY_IPV4)
		add_v4(t, ip->b);
	else if (ip->family == FAMILY_IPV6)
		add_v6(t, ip->b);
	else
		text_char(t, '-');
}

void ip_format(const struct ip *ip, char out[static IP_TEXT])
{
	struct text t = text_of(out, IP_TEXT);

	add_ip(&t, ip);
	BUG_ON(t.truncated);
}

void endpoint_format(const struct endpoint *e, char out[static ENDPOINT_TEXT])
{
	struct text t = text_of(out, ENDPOINT_TEXT);
	bool v6 = e->ip.family == FAMILY_IPV6;

	if (v6)
		text_char(&t, '[');
	add_ip(&t, &e->ip);
	if (v6 && e->scope) {
		text_char(&t, '%');
		text_u64(&t, e->scope);
	}
	if (v6)
		text_char(&t, ']');
	if (endpoint_is_set(e)) {
		text_char(&t, ':');
		text_u64(&t, e->port);
	}
	BUG_ON(t.truncated);
}

void prefix_format(const struct prefix *p, char out[static PREFIX_TEXT])
{
	struct text t = text_of(out, PREFIX_TEXT);

	add_ip(&t, &p->ip);
	if (p->ip.family != FAMILY_NONE) {
		text_char(&t, '/');
		text_u64(&t, p->len);
	}
	BUG_ON(t.truncated);
}

/* --- text in */

/* Index of the first or last c, or len. */
static size_t find(const char *s, size_t len, char c)
{
	size_t i = 0;

	while (i < len && s[i] != c)
		i++;
	return i;
}

static size_t find_last(const char *s, size_t len, char c)
{
	for (size_t i = len; i > 0; i--)
		if (s[i - 1] == c)
			return i - 1;
	return len;
}

static bool parse_v4(const char *s, size_t len, uint8_t out[4])
{
	for (unsigned i = 0; i < 4; i++) {
		size_t n = i < 3 ? find(s, len, '.') : len;
		uint64_t v;

		if ((i < 3 && n == len) || !parse_u64(s, n, 255, &v))
			return false;
		out[i] = (uint8_t)v;
		if (i < 3) {
			s += n + 1;
			len -= n + 1;
		}
	}
	return true;
}

/* One to four hex digits; -1 if it is something else. */
static int parse_group(const char *s, size_t len)
{
	uint8_t v[2] = { 0, 0 };
	char four[4] = { '0', '0', '0', '0' };

	if (!len || len > 4)
		return -1;
	memcpy(four + 4 - len, s, len);
	return hex_decode(four, 4, v, 2) ? load_be16(v) : -1;
}

#define NO_GAP UINT_MAX

/* RFC 4291, 2.2: eight groups, one "::" for one or more zero groups, the last 32 bits
 * may be dotted. Groups are gathered in b; `gap` is where the "::" stood. */
static bool parse_v6(const char *s, size_t len, uint8_t out[16])
{
	uint8_t b[16] = { 0 };
	unsigned at = 0, gap = NO_GAP;

	if (len >= 2 && s[0] == ':' && s[1] == ':') {
		gap = 0;
		s += 2;
		len -= 2;
	}
	while (len) {
		size_t n = find(s, len, ':');
		int v = parse_group(s, n);

		if (v < 0 && n == len && at <= 12 && parse_v4(s, len, b + at)) {
			at += 4;
			break;
		}
		if (v < 0 || at == 16)
			return false;
		store_be16(b + at, (uint16_t)v);
		at += 2;
		if (n == len)
			break;
		s += n + 1;
		len -= n + 1;
		if (!len) /* ends in a single colon */
			return false;
		if (s[0] == ':') {
			if (gap != NO_GAP)
				return false;
			gap = at;
			s++;
			len--;
		}
	}
	if (gap == NO_GAP ? at != 16 : at == 16)
		return false;
	memset(out, 0, 16);
	if (gap == NO_GAP)
		gap = at;
	memcpy(out, b, gap);
	memcpy(out + 16 - (at - gap), b + gap, at - gap);
	return true;
}

bool ip_parse(const char *text, size_t len, struct ip *out)
{
	struct ip ip = { 0 };

	if (find(text, len, ':') < len) {
		ip.family = FAMILY_IPV6;
		if (!parse_v6(text, len, ip.b))
			return false;
	} else {
		ip.family = FAMILY_IPV4;
		if (!parse_v4(text, len, ip.b))
			return false;
	}
	*out = ip;
	return true;
}

/* An IPv6 address, perhaps with "%scope", which only a link-local one may have. */
static bool parse_scoped(const char *text, size_t len, struct endpoint *e)
{
	size_t n = find(text, len, '%');
	uint64_t scope;

	if (!ip_parse(text, n, &e->ip) || e->ip.family != FAMILY_IPV6)
		return false;
	if (n == len)
		return true;
	if (!ip_is_link_local(&e->ip) || !parse_u64(text + n + 1, len - n - 1, UINT32_MAX, &scope)
	    || !scope)
		return false;
	e->scope = (uint32_t)scope;
	return true;
}

bool endpoint_parse(const char *text, size_t len, uint16_t default_port, struct endpoint *out)
{
	struct endpoint e = { .port = default_port };
	size_t colon = find_last(text, len, ':'), close = find(text, len, ']');
	uint64_t port;

	if (len && text[0] == '[') {
		if (close == len || !parse_scoped(text + 1, close - 1, &e))
			return false;
		if (close + 1 == len)
			colon = len;
		else if (colon != close + 1)
			return false;
	} else if (find(text, len, ':') == colon) { /* one colon at most: IPv4 */
		if (!ip_parse(text, colon, &e.ip))
			return false;
	} else {
		if (!parse_scoped(text, len, &e))
			return false;
		colon = len;
	}
	if (colon < len) {
		if (!parse_u64(text + colon + 1, len - colon - 1, UINT16_MAX, &port))
			return false;
		e.port = (uint16_t)port;
	}
	if (!e.port)
		return false;
	*out = e;
	return true;
}

bool prefix_parse(const char *text, size_t len, struct prefix *out)
{
	size_t slash = find(text, len, '/');
	struct ip ip;
	uint64_t bits;

	if (!ip_parse(text, slash, &ip))
		return false;
	bits = ip_bits(&ip);
	if (slash < len && !parse_u64(text + slash + 1, len - slash - 1, bits, &bits))
		return false;
	*out = prefix_of(&ip, (uint8_t)bits);
	return true;
}
