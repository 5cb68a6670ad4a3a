/* The name server of the mesh: what it answers, refuses, and does not know. */
#include "tap.h"

#include "dns/zone.h"

static uint8_t query[600], answer[DNS_ANSWER_MAX];
static size_t query_len, answer_len;

static enum dns_found find(const void *ctx, const char *name, struct dns_host *out)
{
	(void)ctx;
	out->ipv4 = ip_v4(10, 99, 1, 2);
	out->ipv6 = ip_of(FAMILY_IPV6, "\xfd\x99mg\0\0\0\0\0\0\0\0\0\0\1\2");
	if (dns_name_equal(name, "alice") || dns_name_equal(name, "db.prod"))
		return DNS_HOST;
	if (dns_name_equal(name, "six")) {
		out->ipv4 = (struct ip){ 0 };
		return DNS_HOST;
	}
	return dns_name_equal(name, "prod") ? DNS_ABOVE : DNS_UNKNOWN;
}

static const char *called = "alice";

static bool reverse(const void *ctx, const struct ip *ip, char name[static DNS_NAME_TEXT])
{
	(void)ctx;
	strcpy(name, called);
	return ip->b[ip->family == FAMILY_IPV4 ? 3 : 15] == 2;
}

static struct dns_names names(void)
{
	const struct ip v4 = ip_v4(10, 99, 0, 0);
	const struct ip v6 = ip_of(FAMILY_IPV6, "\xfd\x99mg\0\0\0\0\0\0\0\0\0\0\0\0");

	return (struct dns_names){ find, reverse, NULL, prefix_of(&v4, 16), prefix_of(&v6, 64) };
}

static struct dns_names zone;

static void ask_raw(void)
{
	answer_len = dns_answer(bytes_of(query, query_len), &zone, answer);
	ok(answer_len <= DNS_ANSWER_MAX);
}

static void make(const char *name, unsigned type, unsigned class, bool edns)
{
	struct writer w = wr_of(query, sizeof(query));

	wr_be16(&w, 0x1234);
	wr_be16(&w, DNS_RD);
	wr_be16(&w, 1);
	wr_be32(&w, 0);
	wr_be16(&w, edns);
	dns_write_name(&w, name);
	wr_be16(&w, (uint16_t)type);
	wr_be16(&w, (uint16_t)class);
	if (edns)
		wr_bytes(&w, "\0\0\x29\x04\xd0\0\0\0\0\0\0", 11);
	ok(wr_ok(&w));
	query_len = wr_len(&w);
}

/* What came back: rcode, counts, and the last record. */
static struct dns_header head;
static struct dns_record last;

static void ask(const char *name, unsigned type)
{
	struct dns_question q;
	struct cursor c;

	if (!zone.find)
		zone = names();
	make(name, type, DNS_IN, false);
	ask_raw();
	c = cur_of(answer, answer_len);
	memset(&last, 0, sizeof(last));
	ok(dns_read_header(&c, &head));
	eq_int(head.id, 0x1234);
	ok((head.flags & DNS_QR) && (head.flags & DNS_RD));
	ok(!(head.flags & 0x80)); /* no recursion */
	eq_int(head.questions, 1);
	ok(dns_read_question(bytes_of(answer, answer_len), &c, &q));
	eq_str(q.name, name);
	for (int i = 0; i < head.answers + head.authorities; i++)
		ok(dns_read_record(bytes_of(answer, answer_len), &c, &last));
	ok(cur_done(&c));
}

static void is(unsigned rcode, unsigned answers, unsigned authorities)
{
	eq_int(DNS_RCODE(head.flags), rcode);
	eq_int(head.answers, answers);
	eq_int(head.authorities, authorities);
	eq_int(!!(head.flags & DNS_AA), rcode == DNS_NOERROR || rcode == DNS_NXDOMAIN);
}

static void hosts_have_addresses(void)
{
	ask("alice.mesh", DNS_A);
	is(DNS_NOERROR, 1, 0);
	eq_str(last.name, "alice.mesh");
	eq_int(last.type, DNS_A);
	eq_int(last.ttl, DNS_MESH_TTL);
	eq_int(last.data.len, 4);
	eq_mem(last.data.data, "\x0a\x63\1\2", 4);
	ask("ALICE.Mesh", DNS_AAAA); /* and the question comes back as it was spelled */
	is(DNS_NOERROR, 1, 0);
	eq_int(last.data.len, 16);
	ask("db.prod.mesh", DNS_ANY);
	is(DNS_NOERROR, 2, 0);
}

static void a_name_without_that_record_exists(void)
{
	ask("six.mesh", DNS_A);
	is(DNS_NOERROR, 0, 1);
	eq_int(last.type, DNS_SOA);
	eq_str(last.name, "mesh");
	ask("alice.mesh", DNS_TXT);
	is(DNS_NOERROR, 0, 1);
	ask("prod.mesh", DNS_A); /* longer ones do */
	is(DNS_NOERROR, 0, 1);
	ask("mesh", DNS_A);
	is(DNS_NOERROR, 0, 1);
	ask("mesh", DNS_SOA);
	is(DNS_NOERROR, 1, 0);
}

static void a_name_that_is_not_is_told(void)
{
	ask("bob.mesh", DNS_A);
	is(DNS_NXDOMAIN, 0, 1);
	eq_str(last.name, "mesh");
	ask("alice.bob.mesh", DNS_A);
	is(DNS_NXDOMAIN, 0, 1);
}

static void addresses_have_names(void)
{
	char name[DNS_NAME_TEXT];

	ask("2.1.99.10.in-addr.arpa", DNS_PTR);
	is(DNS_NOERROR, 1, 0);

	struct cursor c = cur_of(last.data.data, last.data.len);

	ok(dns_read_name(bytes_of(answer, answer_len), &c, name));
	eq_str(name, "alice.mesh");
	ask("2.1.99.10.in-addr.arpa", DNS_A);
	is(DNS_NOERROR, 0, 1);
	eq_str(last.name, "99.10.in-addr.arpa");
	ask("3.1.99.10.in-addr.arpa", DNS_PTR);
	is(DNS_NXDOMAIN, 0, 1);
	ask("1.99.10.in-addr.arpa", DNS_PTR);
	is(DNS_NOERROR, 0, 1);
	ask("99.10.in-addr.arpa", DNS_SOA);
	is(DNS_NOERROR, 1, 0);
	ask("2.0.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.7.6.d.6.9.9.D.F.ip6.arpa", DNS_PTR);
	is(DNS_NOERROR, 1, 0);
	ask("3.0.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.7.6.d.6.9.9.d.f.ip6.arpa", DNS_PTR);
	is(DNS_NXDOMAIN, 0, 1);
	eq_str(last.name, "0.0.0.0.0.0.0.0.7.6.d.6.9.9.d.f.ip6.arpa");
	ask("1.2.1.99.10.in-addr.arpa", DNS_PTR);
	is(DNS_NXDOMAIN, 0, 1);
}

/* Their hosts are there all the same. */
static void names_that_dns_cannot_say_are_not_said(void)
{
	static char label[65], longest[DNS_NAME_TEXT];
	const char *const bad[] = { "a.", "a..b", ".a", ".", "..", "", label, longest };

	memset(label, 'x', 64);
	for (size_t i = 0; i < sizeof(longest) - 1; i++)
		longest[i] = i % 2 ? '.' : 'x';
	longest[249] = '\0'; /* with .mesh 254 */
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		called = bad[i];
		ask("2.1.99.10.in-addr.arpa", DNS_PTR);
		is(DNS_NOERROR, 0, 1);
		eq_str(last.name, "99.10.in-addr.arpa");
		ask("2.1.99.10.in-addr.arpa", DNS_ANY);
		is(DNS_NOERROR, 0, 1);
	}
	longest[247] = '\0'; /* and 252 */
	called = longest;
	ask("2.1.99.10.in-addr.arpa", DNS_PTR);
	is(DNS_NOERROR, 1, 0);
	called = label + 1;
	ask("2.1.99.10.in-addr.arpa", DNS_PTR);
	is(DNS_NOERROR, 1, 0);
	called = "alice";
}

/* A prefix that ends within an octet: a zone for each octet that is within. */
static void odd_prefixes_have_zones(void)
{
	const struct ip v4 = ip_v4(10, 96, 0, 0);

	zone = names();
	zone.ipv4 = prefix_of(&v4, 12);
	ask("2.1.111.10.in-addr.arpa", DNS_PTR);
	is(DNS_NOERROR, 1, 0);
	ask("2.1.112.10.in-addr.arpa", DNS_PTR);
	is(DNS_REFUSED, 0, 0);
	ask("10.in-addr.arpa", DNS_PTR);
	is(DNS_REFUSED, 0, 0);
	ask("3.1.97.10.in-addr.arpa", DNS_PTR);
	is(DNS_NXDOMAIN, 0, 1);
	eq_str(last.name, "97.10.in-addr.arpa");
	zone = names();
}

static void other_zones_are_refused(void)
{
	static const char *const others[] = {
		"example.org", "amesh", "mesh.org", "org", "1.0.0.127.in-addr.arpa", "in-addr.arpa",
		"10.in-addr.arpa", "ip6.arpa", "2.1.098.10.in-addr.arpa", "x.99.10.in-addr.arpa",
		"256.1.99.10.in-addr.arpa", "02.1.99.10.in-addr.arpa", "arpa", "1.1.d.f.ip6.arpa",
	};

	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		ask(others[i], DNS_A);
		is(DNS_REFUSED, 0, 0);
	}
	make("alice.mesh", DNS_A, 3, false);
	ask_raw();
	eq_int(answer[3] & 15, DNS_REFUSED);
}

static void what_is_no_question_gets_no_records(void)
{
	zone = names();
	make("alice.mesh", DNS_A, DNS_IN, false);
	for (query_len = 0; query_len < DNS_HEADER; query_len++) {
		ask_raw();
		eq_int(answer_len, 0);
	}
	for (make("alice.mesh", DNS_A, DNS_IN, false); query_len-- > DNS_HEADER; ) {
		ask_raw();
		eq_int(answer_len, DNS_HEADER);
		eq_int(answer[3] & 15, DNS_FORMERR);
	}
	make("alice.mesh", DNS_A, DNS_IN, false);
	query[2] |= 0x80; /* an answer: two servers could talk for ever */
	ask_raw();
	eq_int(answer_len, 0);
	query[2] = 0x28; /* an update */
	ask_raw();
	eq_int(answer_len, DNS_HEADER);
	eq_int(answer[3] & 15, DNS_NOTIMP);
	for (int count = 0; count < 3; count++) {
		make("alice.mesh", DNS_A, DNS_IN, false);
		query[5] = (uint8_t)count;
		ask_raw();
		eq_int(answer[3] & 15, count == 1 ? DNS_NOERROR : DNS_FORMERR);
	}
}

static void edns_is_answered(void)
{
	make("alice.mesh", DNS_A, DNS_IN, true);
	ask_raw();
	eq_int(answer[11], 1);
	eq_mem(answer + answer_len - 11, "\0\0\x29\x04\xd0\0\0\0\0\0\0", 11);
	query[query_len - 5] = 1; /* a later version */
	ask_raw();
	eq_int(answer[3] & 15, 0);
	eq_int(answer[7], 0);
	eq_int(answer[answer_len - 6], 1); /* BADVERS */
	make("alice.mesh", DNS_A, DNS_IN, true);
	query[11] = 2; /* and one that is not there */
	ask_raw();
	eq_int(answer[3] & 15, DNS_FORMERR);
}

/* The longest names fit. */
static void the_longest_answers_fit(void)
{
	char name[DNS_NAME_TEXT] = "";

	while (strlen(name) + 2 < 248)
		strcat(name, "a.");
	strcat(name, "mesh");
	ask(name, DNS_ANY);
	is(DNS_NXDOMAIN, 0, 1);
}

TAP_TESTS(T(hosts_have_addresses), T(a_name_without_that_record_exists),
	  T(a_name_that_is_not_is_told), T(addresses_have_names),
	  T(names_that_dns_cannot_say_are_not_said), T(odd_prefixes_have_zones),
	  T(other_zones_are_refused), T(what_is_no_question_gets_no_records), T(edns_is_answered),
	  T(the_longest_answers_fit))
