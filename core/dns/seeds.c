#include "dns/seeds.h"

#include "base/bug.h"
#include "base/endpoint.h"
#include "base/limits.h"

#include <string.h>

#define PREFIX_TXT "meshguard="

static bool is_label_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
	       || c == '-' || c == '_';
}

bool dns_host_valid(const char *name, size_t len)
{
	size_t label = 0;
	bool letter = false;

	if (len && name[len - 1] == '.')
		len--;
	if (len == 0 || len > 253 || name[0] == '-')
		return false;
	for (size_t i = 0; i < len; i++) {
		if (name[i] == '.') {
			if (label == 0)
				return false;
			label = 0;
			continue;
		}
		if (!is_label_byte(name[i]) || ++label > DNS_LABEL)
			return false;
		letter |= name[i] < '0' || name[i] > '9';
	}
	return label && letter;
}

static bool take(const char *host, size_t len, uint16_t port, struct dns_target *out)
{
	struct ip ip;

	if (len == 0 || len >= sizeof(out->host)
	    || (!ip_parse(host, len, &ip) && !dns_host_valid(host, len)))
		return false;
	memcpy(out->host, host, len);
	out->host[len] = '\0';
	out->port = port;
	return true;
}

bool dns_target_parse(const char *text, size_t len, uint16_t default_port,
		      struct dns_target *out)
{
	const char *end = text + len, *rest;
	const char *colon = memchr(text, ':', len);
	const char *host = text;
	uint64_t port = default_port;
	struct ip ip;
	size_t host_len;

	if (len && text[0] == '[') {
		const char *close = memchr(text, ']', len);

		host = text + 1;
		if (!close || !ip_parse(host, (size_t)(close - host), &ip)
		    || ip.family != FAMILY_IPV6)
			return false;
		host_len = (size_t)(close - host);
		rest = close + 1;
	} else if (colon && !memchr(colon + 1, ':', (size_t)(end - colon - 1))) {
		host_len = (size_t)(colon - text);
		rest = colon;
	} else {
		host_len = len;
		rest = end;
		if (colon) /* which of them would begin the port? */
			return false;
	}
	if (rest != end && (*rest != ':'
			    || !parse_u64(rest + 1, (size_t)(end - rest - 1), UINT16_MAX, &port)
			    || port == 0))
		return false;
	return take(host, host_len, (uint16_t)port, out);
}

bool dns_seed_parse(struct bytes string, struct dns_target *out)
{
	const size_t skip = sizeof(PREFIX_TXT) - 1;

	if (string.len <= skip || memcmp(string.data, PREFIX_TXT, skip) != 0)
		return false;
	return dns_target_parse((const char *)string.data + skip, string.len - skip, MESH_PORT,
				out);
}

static void add(struct dns_seeds *s, const struct dns_target *t)
{
	for (unsigned i = 0; i < s->count; i++)
		if (s->list[i].port == t->port && dns_name_equal(s->list[i].host, t->host))
			return;
	if (s->count < DNS_TARGETS)
		s->list[s->count++] = *t;
}

/* RFC 1035, section 3.3.14: strings with their lengths before them, to the end. */
static bool read_txt(struct bytes data, struct dns_seeds *s)
{
	struct cursor c = cur_of(data.data, data.len);
	struct dns_target t;

	while (cur_left(&c) && cur_ok(&c)) {
		struct bytes string = cur_span(&c, cur_u8(&c));

		if (string.data && dns_seed_parse(string, &t))
			add(s, &t);
	}
	return cur_done(&c);
}

/* RFC 2782. Its target is a whole name, which older servers compress nevertheless. */
static bool read_srv(struct bytes message, struct bytes data, struct dns_seeds *s)
{
	struct cursor c = cur_of(data.data, data.len);
	char host[DNS_NAME_TEXT];
	struct dns_target t;
	uint16_t port;

	(void)cur_be32(&c); /* priority, weight */
	port = cur_be16(&c);
	if (!dns_read_name(message, &c, host) || !cur_done(&c))
		return false;
	/* The root means that there is decidedly no such service. */
	if (port && dns_host_valid(host, strlen(host)) && take(host, strlen(host), port, &t))
		add(s, &t);
	return true;
}

bool dns_seeds_read(struct bytes message, enum dns_type type, struct dns_seeds *s)
{
	struct cursor c = cur_of(message.data, message.len);
	struct dns_header h;
	struct dns_question q;
	struct dns_record r;

	if (!dns_read_header(&c, &h) || h.questions != 1 || !dns_read_question(message, &c, &q))
		return false;
	for (unsigned i = 0; i < h.answers; i++) {
		if (!dns_read_record(message, &c, &r))
			return false;
		if (r.class != DNS_IN || r.type != type)
			continue;
		if (type == DNS_TXT ? !read_txt(r.data, s) : !read_srv(message, r.data, s))
			return false;
		s->ttl = r.ttl < s->ttl ? r.ttl : s->ttl;
	}
	return true;
}
