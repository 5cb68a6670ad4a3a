#include "dns/zone.h"

#include <string.h>

#define EDNS_SIZE 1232u
#define BADVERS 16u

struct reply {
	struct dns_header query;
	struct dns_question question;
	struct bytes question_wire;  /* as it came, and goes back */
	bool edns;
	unsigned rcode;
	bool authoritative;
	unsigned answers, authorities;
	struct writer w;
};

/* --- the query ------------------------------------------------------------------------------- */

/* What is behind the question: only EDNS matters. */
static bool read_rest(struct bytes query, struct cursor *c, struct reply *r)
{
	const unsigned records = r->query.answers + r->query.authorities + r->query.additionals;
	struct dns_record record;

	for (unsigned i = 0; i < records; i++) {
		if (!dns_read_record(query, c, &record))
			return false;
		if (record.type != DNS_OPT)
			continue;
		if (r->edns || record.name[0])
			return false;
		r->edns = true;
		if ((record.ttl >> 16 & 0xff) != 0)
			r->rcode = BADVERS;
	}
	return true;
}

static void read_query(struct bytes query, struct cursor *c, struct reply *r)
{
	const uint8_t *start = c->at;

	if (DNS_OPCODE(r->query.flags) != 0) {
		r->rcode = DNS_NOTIMP;
		return;
	}
	r->rcode = DNS_FORMERR;
	if (r->query.questions != 1 || !dns_read_question(query, c, &r->question))
		return;
	r->question_wire = bytes_of(start, (size_t)(c->at - start));
	r->rcode = DNS_NOERROR;
	if (!read_rest(query, c, r))
		r->rcode = DNS_FORMERR;
}

/* --- records --------------------------------------------------------------------------------- */

static bool asks_for(const struct reply *r, enum dns_type type)
{
	return r->question.type == type || r->question.type == DNS_ANY;
}

/* A record of the name whose text begins at `at` of the question's; the length of its data is
 * written by close_record. */
static uint8_t *open_record(struct reply *r, size_t at, enum dns_type type)
{
	uint8_t *len;

	wr_be16(&r->w, (uint16_t)(0xC000u | (DNS_HEADER + at)));
	wr_be16(&r->w, (uint16_t)type);
	wr_be16(&r->w, DNS_IN);
	wr_be32(&r->w, DNS_MESH_TTL);
	len = r->w.at;
	wr_be16(&r->w, 0);
	return len;
}

static void close_record(struct reply *r, uint8_t *len)
{
	if (wr_ok(&r->w))
		store_be16(len, (uint16_t)(r->w.at - len - 2));
}

static void add_address(struct reply *r, const struct ip *ip)
{
	const enum dns_type type = ip->family == FAMILY_IPV4 ? DNS_A : DNS_AAAA;

	if (ip->family == FAMILY_NONE || !asks_for(r, type))
		return;

	uint8_t *len = open_record(r, 0, type);

	wr_bytes(&r->w, ip->b, ip_bits(ip) / 8);
	close_record(r, len);
	r->answers++;
}

/* There is no name server to name, nor anybody to write to. */
static void add_soa(struct reply *r, size_t zone_at)
{
	uint8_t *len = open_record(r, zone_at, DNS_SOA);

	wr_be16(&r->w, (uint16_t)(0xC000u | (DNS_HEADER + zone_at)));
	dns_write_name(&r->w, "nobody.invalid");
	wr_be32(&r->w, 1);            /* serial */
	wr_be32(&r->w, 3600);         /* refresh, retry, expire: for secondaries, which are none */
	wr_be32(&r->w, 1200);
	wr_be32(&r->w, 604800);
	wr_be32(&r->w, DNS_MESH_TTL); /* of what does not exist */
	close_record(r, len);
}

/* The zone is the end of the question's name from zone_at on. */
static void end_answer(struct reply *r, size_t zone_at, enum dns_found found)
{
	r->authoritative = true;
	if (found == DNS_UNKNOWN)
		r->rcode = DNS_NXDOMAIN;
	if (r->answers)
		return;
	add_soa(r, zone_at);
	r->authorities = 1;
}

/* --- .mesh ----------------------------------------------------------------------------------- */

static void answer_mesh(struct reply *r, const struct dns_names *names)
{
	char name[DNS_NAME_TEXT];
	size_t len = strlen(r->question.name) - strlen(DNS_MESH);
	enum dns_found found = DNS_ABOVE;
	struct dns_host host = { 0 };

	if (len == 0) {
		if (asks_for(r, DNS_SOA)) {
			add_soa(r, 0);
			r->answers++;
		}
	} else {
		memcpy(name, r->question.name, len - 1);
		name[len - 1] = '\0';
		found = names->find(names->ctx, name, &host);
	}
	if (found == DNS_HOST) {
		add_address(r, &host.ipv4);
		add_address(r, &host.ipv6);
	}
	end_answer(r, len, found);
}

/* --- addresses ------------------------------------------------------------------------------- */

/* A reverse name, read from its end. */
struct reverse {
	struct ip ip;
	unsigned labels;             /* octets or digits that it has */
	size_t starts[33];           /* of label i in the text, the last one first */
	bool too_many;
};

static bool take_label(struct reverse *v, const char *text, size_t len)
{
	uint64_t value = 0;

	if (v->ip.family == FAMILY_IPV4) {
		if (!parse_u64(text, len, 255, &value) || (len > 1 && text[0] == '0'))
			return false;
		v->ip.b[v->labels] = (uint8_t)value;
		return true;
	}
	if (len != 1)
		return false;
	value = (uint8_t)(*text | 0x20);
	if (value >= 'a' && value <= 'f')
		value -= 'a' - 10;
	else if (*text >= '0' && *text <= '9')
		value = (uint8_t)*text - '0';
	else
		return false;
	v->ip.b[v->labels / 2] |= (uint8_t)(v->labels % 2 ? value : value << 4);
	return true;
}

/* False: it is no reverse name, or of something that is no address. */
static bool read_reverse(const char *name, struct reverse *v)
{
	const bool v4 = dns_name_within(name, "in-addr.arpa");
	const unsigned most = v4 ? 4 : 32;
	size_t end = strlen(name) - (v4 ? 12 : 8);

	memset(v, 0, sizeof(*v));
	v->ip.family = v4 ? FAMILY_IPV4 : FAMILY_IPV6;
	while (end > 0) {
		size_t at = --end; /* the dot behind this label */

		while (at > 0 && name[at - 1] != '.')
			at--;
		if (v->labels == most) {
			v->too_many = true;
			return true;
		}
		if (!take_label(v, name + at, end - at))
			return false;
		v->starts[v->labels++] = at;
		end = at;
	}
	return true;
}

/* The host's name, which others chose: a valid name can have labels that are empty, and DNS has
 * none of those. Such a host exists, and has no name here. */
static void add_name(struct reply *r, char name[static DNS_NAME_TEXT])
{
	uint8_t wire[DNS_NAME_TEXT - 1];
	struct writer w = wr_of(wire, sizeof(wire));

	if (!asks_for(r, DNS_PTR) || strlen(name) + sizeof("." DNS_MESH) > DNS_NAME_TEXT)
		return;
	strcpy(name + strlen(name), "." DNS_MESH);
	dns_write_name(&w, name);
	if (!wr_ok(&w))
		return;

	uint8_t *len = open_record(r, 0, DNS_PTR);

	wr_bytes(&r->w, wire, wr_len(&w));
	close_record(r, len);
	r->answers++;
}

static void answer_reverse(struct reply *r, const struct dns_names *names)
{
	struct reverse v;

	r->rcode = DNS_REFUSED;
	if (!read_reverse(r->question.name, &v))
		return;

	const bool v4 = v.ip.family == FAMILY_IPV4;
	const struct prefix *prefix = v4 ? &names->ipv4 : &names->ipv6;
	const unsigned apex = (prefix->len + (v4 ? 7u : 3u)) / (v4 ? 8u : 4u);
	char name[DNS_NAME_TEXT];
	enum dns_found found = DNS_ABOVE;

	if (v.labels < apex || !prefix_contains(prefix, &v.ip))
		return;
	r->rcode = DNS_NOERROR;
	if (v.too_many) {
		found = DNS_UNKNOWN;
	} else if (v.labels == (v4 ? 4 : 32)) {
		found = names->reverse(names->ctx, &v.ip, name) ? DNS_HOST : DNS_UNKNOWN;
	} else if (v.labels == apex && asks_for(r, DNS_SOA)) {
		add_soa(r, 0);
		r->answers++;
	}
	if (found == DNS_HOST)
		add_name(r, name);
	end_answer(r, v.starts[apex - 1], found);
}

/* --- all of it ------------------------------------------------------------------------------- */

static void answer(struct reply *r, const struct dns_names *names)
{
	const char *name = r->question.name;

	if (r->question.class != DNS_IN && r->question.class != DNS_CLASS_ANY)
		r->rcode = DNS_REFUSED;
	else if (dns_name_within(name, DNS_MESH))
		answer_mesh(r, names);
	else if (dns_name_within(name, "in-addr.arpa") || dns_name_within(name, "ip6.arpa"))
		answer_reverse(r, names);
	else
		r->rcode = DNS_REFUSED;
}

static void write_opt(struct reply *r)
{
	wr_u8(&r->w, 0);
	wr_be16(&r->w, DNS_OPT);
	wr_be16(&r->w, EDNS_SIZE);
	wr_u8(&r->w, (uint8_t)(r->rcode >> 4));
	wr_u8(&r->w, 0);
	wr_be16(&r->w, 0);
	wr_be16(&r->w, 0);
}

size_t dns_answer(struct bytes query, const struct dns_names *names, uint8_t *out)
{
	struct cursor c = cur_of(query.data, query.len);
	struct reply r = { .w = wr_of(out, DNS_ANSWER_MAX) };

	if (!dns_read_header(&c, &r.query) || (r.query.flags & DNS_QR))
		return 0;
	read_query(query, &c, &r);
	wr_zero(&r.w, DNS_HEADER);
	wr_bytes(&r.w, r.question_wire.data, r.question_wire.len);
	if (r.rcode == DNS_NOERROR)
		answer(&r, names);
	if (r.edns)
		write_opt(&r);
	BUG_ON(!wr_ok(&r.w));

	struct writer head = wr_of(out, DNS_HEADER);

	wr_be16(&head, r.query.id);
	wr_be16(&head, (uint16_t)(DNS_QR | (r.query.flags & 0x7800u) | (r.query.flags & DNS_RD)
				  | (r.authoritative ? DNS_AA : 0) | (r.rcode & 15u)));
	wr_be16(&head, r.question_wire.len != 0);
	wr_be16(&head, (uint16_t)r.answers);
	wr_be16(&head, (uint16_t)r.authorities);
	wr_be16(&head, r.edns);
	return wr_len(&r.w);
}
