/* Port mapping: the layouts of RFC 6886 and RFC 6887 byte by byte, and the client against routers
 * that map, refuse, restart, lie or are silent, in virtual time. */
#include "tap.h"

#include "contexts.h"
#include "nat/mapping.h"

static size_t unhex(const char *hex, uint8_t *out)
{
	size_t n = strlen(hex) / 2;

	for (size_t i = 0; i < n; i++) {
		unsigned v;

		sscanf(hex + 2 * i, "%2x", &v);
		out[i] = (uint8_t)v;
	}
	return n;
}

static bool decode(const char *hex, struct pcp_answer *a)
{
	uint8_t raw[1200];

	return pcp_decode(bytes_of(raw, unhex(hex, raw)), a);
}

#define NONCE "0102030405060708090a0b0c"
#define ZERO4 "00000000"
#define HEAD_REST ZERO4 ZERO4 ZERO4
#define V4_MAPPED "00000000000000000000ffff"

static void requests_are_those_of_the_rfcs(void)
{
	struct pcp_wish w = {
		.client = ip_v4(192, 168, 7, 2), .internal = 51821, .external = 51822,
		.lifetime_s = 7200, .external_ip = ip_v4(5, 5, 5, 9),
	};
	uint8_t got[PCP_MAP_LEN], want[PCP_MAP_LEN];

	unhex(NONCE, w.nonce);
	/* RFC 6887, figures 2 and 9 */
	eq_int(unhex("0201" "0000" "00001c20" V4_MAPPED "c0a80702" NONCE "11000000" "ca6d" "ca6e"
		     V4_MAPPED "05050509", want), PCP_MAP_LEN);
	pcp_map(&w, got);
	eq_mem(got, want, PCP_MAP_LEN);
	w.external_ip = (struct ip){ 0 };
	w.lifetime_s = 0;
	unhex("0201" "0000" "00000000" V4_MAPPED "c0a80702" NONCE "11000000" "ca6d" "ca6e"
	      V4_MAPPED "00000000", want);
	pcp_map(&w, got);
	eq_mem(got, want, PCP_MAP_LEN);
	/* RFC 6887, 14.1.1 */
	eq_int(unhex("0200" "0000" "00000000" V4_MAPPED "c0a80702", want), PCP_ANNOUNCE_LEN);
	pcp_announce(&w.client, got);
	eq_mem(got, want, PCP_ANNOUNCE_LEN);
	/* RFC 6886, 3.2, 3.3, 3.4 */
	natpmp_address(got);
	eq_mem(got, "\0\0", NATPMP_ADDRESS_LEN);
	w.lifetime_s = 7200;
	eq_int(unhex("0001" "0000" "ca6d" "ca6e" "00001c20", want), NATPMP_MAP_LEN);
	natpmp_map(&w, got);
	eq_mem(got, want, NATPMP_MAP_LEN);
	w.lifetime_s = 0;
	unhex("0001" "0000" "ca6d" "0000" "00000000", want);
	natpmp_map(&w, got);
	eq_mem(got, want, NATPMP_MAP_LEN);
}

#define PCP_OK "02810000" "00001c20" "00000064" HEAD_REST NONCE "11000000" "ca6d" "ca6e" \
	V4_MAPPED "05050509"

static void answers_are_read(void)
{
	struct pcp_answer a;
	struct ip at = ip_v4(5, 5, 5, 9);
	uint8_t nonce[PCP_NONCE];

	unhex(NONCE, nonce);
	ok(decode(PCP_OK, &a));
	eq_int(a.kind, PCP_ANSWER_MAP);
	eq_int(a.result, 0);
	eq_int(a.lifetime_s, 7200);
	eq_int(a.epoch_s, 100);
	eq_int(a.internal, 51821);
	eq_int(a.external, 51822);
	ok(ip_equal(&a.external_ip, &at));
	eq_mem(a.nonce, nonce, PCP_NONCE);
	ok(decode(PCP_OK "01000000", &a)); /* an option */
	ok(decode("02810008" "0000001e" "00000064" HEAD_REST NONCE "11000000" "ca6d" "ca6e"
		  V4_MAPPED "05050509", &a));
	eq_int(a.result, 8); /* NO_RESOURCES */
	ok(decode("02800000" "00000000" "00000007" HEAD_REST, &a));
	eq_int(a.kind, PCP_ANSWER_ANNOUNCE);
	eq_int(a.epoch_s, 7);
	/* NAT-PMP, and its word that it does not speak PCP (RFC 6887, appendix A) */
	ok(decode("0080" "0000" "00000064" "05050509", &a));
	eq_int(a.kind, NATPMP_ANSWER_ADDRESS);
	ok(ip_equal(&a.external_ip, &at));
	ok(decode("0081" "0000" "00000064" "ca6d" "ca6e" "00001c20", &a));
	eq_int(a.kind, NATPMP_ANSWER_MAP);
	eq_int(a.external, 51822);
	eq_int(a.lifetime_s, 7200);
	ok(decode("0081" "0002" "00000064" "ca6d" "ca6e" "00000000", &a));
	eq_int(a.result, 2);
	ok(decode("0081" "0001" "00000064", &a));
	eq_int(a.kind, PCP_ANSWER_VERSION);
}

static void what_is_none_is_refused(void)
{
	static const char *const bad[] = {
		"", "00", "0200", "0000" "0000" "00000064" "05050509", "03810000" "00000000",
		"02820000" "00001c20" "00000064" HEAD_REST, "0080" "0000" "00000064" "050505",
		"0080" "0000" "00000064" "0505050900", "0081" "0000" "00000064" "ca6d" "ca6e",
		"0082" "0000" "00000064" "ca6d" "ca6e" "00001c20", PCP_OK "00", PCP_OK "0000",
	};
	struct pcp_answer a;
	uint8_t raw[1200] = { 0 };
	size_t len = unhex(PCP_OK, raw);

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (decode(bad[i], &a))
			TAP_FAIL("taken: %s", bad[i]);
	for (size_t n = 0; n < len; n++)
		ok(!pcp_decode(bytes_of(raw, n), &a));
	raw[36] = 6; /* TCP */
	ok(!pcp_decode(bytes_of(raw, len), &a));
	raw[36] = 17;
	ok(!pcp_decode(bytes_of(raw, 1104), &a));
}

/* --- the client */

static struct mapping m;
static struct random random_state;
static struct instant now;
static struct outbox out;
static const struct ip gateway = { FAMILY_IPV4, { 192, 168, 7, 1 } },
		       client = { FAMILY_IPV4, { 192, 168, 7, 2 } };

/* The router. */
static struct router {
	bool pcp, natpmp, refuses, silent;
	uint32_t lifetime_s;
	struct instant booted;
	struct ip address;
	unsigned maps, unmaps, asked;
} r;

static void begin(void)
{
	static struct out items[16];
	static uint8_t arena[4096];
	const uint8_t entropy[32] = { 9 };

	test_crypto();
	random_init(&random_state, entropy);
	outbox_init(&out, items, 16, arena, sizeof(arena));
	now = (struct instant){ 1000000000000u };
	r = (struct router){ .pcp = true, .natpmp = true, .lifetime_s = 7200,
			     .booted = { 1000000000u }, .address = ip_v4(5, 5, 5, 9) };
	mapping_init(&m, &random_state, 51821);
}

static uint32_t epoch(void)
{
	return (uint32_t)span_in_s(instant_since(now, r.booted));
}

static void from_router(const uint8_t *raw, size_t len)
{
	struct endpoint from = { .ip = gateway, .port = PCP_PORT };

	mapping_input(&m, now, &from, bytes_of(raw, len));
}

static void answer_pcp(const uint8_t *q, size_t len)
{
	uint8_t a[PCP_MAP_LEN] = { 2, (uint8_t)(q[1] | 0x80) };

	if (len == PCP_MAP_LEN) {
		r.maps += load_be32(q + 4) != 0;
		r.unmaps += load_be32(q + 4) == 0;
	}
	memcpy(a + 24, q + 24, len - 24);
	a[3] = r.refuses && len == PCP_MAP_LEN ? 2 : 0;
	store_be32(a + 4, load_be32(q + 4) ? r.lifetime_s : 0);
	store_be32(a + 8, epoch());
	if (len == PCP_MAP_LEN) {
		store_be16(a + 42, 40000);
		memset(a + 44, 0, 10);
		store_be16(a + 54, 0xffff);
		memcpy(a + 56, r.address.b, 4);
	}
	from_router(a, len);
}

static void answer_natpmp(const uint8_t *q, size_t len)
{
	uint8_t a[16] = { 0, (uint8_t)(q[1] | 0x80) };

	store_be16(a + 2, r.refuses ? 2 : 0);
	store_be32(a + 4, epoch());
	if (len == 2) {
		memcpy(a + 8, r.address.b, 4);
		from_router(a, 12);
		return;
	}
	r.maps += load_be32(q + 8) != 0;
	r.unmaps += load_be32(q + 8) == 0;
	store_be16(a + 8, load_be16(q + 4));
	store_be16(a + 10, 40000);
	store_be32(a + 12, load_be32(q + 8) ? r.lifetime_s : 0);
	from_router(a, 16);
}

static void route(void)
{
	for (unsigned i = 0; i < out.count; i++) {
		const struct out *o = &out.items[i];
		const uint8_t version_bad[] = { 0, 0x81, 0, 1, 0, 0, 0, 1 };

		ok(ip_equal(&o->to.ip, &gateway) && o->to.port == PCP_PORT);
		r.asked++;
		if (r.silent)
			continue;
		if (o->data[0] == 2 && r.pcp)
			answer_pcp(o->data, o->len);
		else if (o->data[0] == 2 && r.natpmp)
			from_router(version_bad, sizeof(version_bad));
		else if (o->data[0] == 0 && r.natpmp)
			answer_natpmp(o->data, o->len);
	}
	outbox_clear(&out);
}

static void run(unsigned ms)
{
	struct instant until = instant_add(now, span_ms(ms));
	unsigned turns = 0;

	while (turns++ < 10000) {
		mapping_tick(&m, now, &out);
		route();
		struct instant next = mapping_deadline(&m);
		if (instant_before(until, next))
			break;
		now = instant_before(now, next) ? next : instant_add(now, span_ms(1));
	}
	ok(turns < 10000);
	now = until;
}

static bool is_mapped(void)
{
	struct endpoint e;

	return mapping_external(&m, &e) && e.port == 40000 && ip_equal(&e.ip, &r.address);
}

static void pcp_is_tried_first_and_maps(void)
{
	begin();
	mapping_network(&m, &gateway, &client, now);
	run(1);
	ok(is_mapped() && m.changed);
	eq_int(m.protocol, MAPPING_PCP);
	eq_int(r.asked, 1);
	eq_int(r.maps, 1);
	m.changed = false;
	mapping_network(&m, &gateway, &client, now); /* the same again */
	run(1000);
	eq_int(r.maps, 1);
	ok(!m.changed);
}

static void natpmp_follows_at_once_where_pcp_is_not_spoken(void)
{
	begin();
	r.pcp = false;
	mapping_network(&m, &gateway, &client, now);
	run(1);
	run(1);
	ok(is_mapped());
	eq_int(m.protocol, MAPPING_NATPMP);
}

static void upnp_follows_where_nobody_answers(void)
{
	struct endpoint e = { .ip = ip_v4(5, 5, 5, 9), .port = 40000 };

	begin();
	r.silent = true;
	mapping_network(&m, &gateway, &client, now);
	run(3400);
	eq_int(m.upnp, UPNP_NOTHING);
	run(200);
	eq_int(m.upnp, UPNP_MAP);
	eq_int(r.asked, 9); /* 3 of PCP, 3 times two of NAT-PMP */
	m.upnp = UPNP_NOTHING;
	mapping_upnp_done(&m, now, &e, 7200);
	ok(is_mapped());
	/* what announces a restart has it made again, not more often than every five seconds */
	mapping_restarted(&m, now);
	run(1);
	eq_int(m.upnp, UPNP_MAP);
	m.upnp = UPNP_NOTHING;
	mapping_upnp_done(&m, now, &e, 7200);
	mapping_restarted(&m, now);
	run(1);
	eq_int(m.upnp, UPNP_NOTHING);
	/* renewed by the same */
	run(3600000 - 2);
	eq_int(m.upnp, UPNP_NOTHING);
	run(2);
	eq_int(m.upnp, UPNP_MAP);
	m.upnp = UPNP_NOTHING;
	mapping_upnp_done(&m, now, NULL, 0);
	ok(!is_mapped() && m.changed);
	eq_int(r.asked, 9);
	run(299000);
	eq_int(r.asked, 9);
	run(2000); /* all over again after a pause */
	ok(r.asked > 9);
}

static void a_helper_that_says_nothing_is_given_up(void)
{
	begin();
	r.silent = true;
	mapping_network(&m, &gateway, &client, now);
	run(4000);
	eq_int(m.upnp, UPNP_MAP);
	m.upnp = UPNP_NOTHING;
	run(31000);
	ok(m.rested);
	mapping_upnp_done(&m, now, &(struct endpoint){ .ip = r.address, .port = 1 }, 7200);
	ok(!m.mapped); /* too late */
}

static void it_is_renewed_after_half_its_life(void)
{
	begin();
	r.lifetime_s = 600;
	mapping_network(&m, &gateway, &client, now);
	run(299000);
	eq_int(r.maps, 1);
	run(2000);
	eq_int(r.maps, 2);
	run(300000);
	eq_int(r.maps, 3);
	ok(is_mapped());
	eq_int(m.counters.restarts, 0);
}

/* Within the minute that its tables' age is asked for, and at once where it announces. */
static void a_router_that_lost_its_tables_maps_again(void)
{
	for (int natpmp = 0; natpmp < 2; natpmp++) {
		begin();
		r.pcp = !natpmp;
		mapping_network(&m, &gateway, &client, now);
		run(100000);
		eq_int(r.maps, 1);
		r.booted = now;
		run(61000);
		eq_int(r.maps, 2);
		eq_int(m.counters.restarts, 1);
		ok(is_mapped());
	}
	begin();
	mapping_network(&m, &gateway, &client, now);
	run(30000);
	r.booted = now;
	uint8_t announced[PCP_ANNOUNCE_LEN] = { 2, 0x80 };
	from_router(announced, sizeof(announced));
	run(1);
	eq_int(r.maps, 2);
	from_router(announced, sizeof(announced)); /* again and again */
	run(1);
	eq_int(r.maps, 2);
	run(6000);
	r.booted = now;
	from_router(announced, sizeof(announced));
	run(1);
	eq_int(r.maps, 3);
	/* Of one that ran for two seconds the clock tells nothing, but its word does. */
	begin();
	r.booted = now;
	mapping_network(&m, &gateway, &client, now);
	run(2000);
	eq_int(r.maps, 1);
	r.booted = now;
	from_router(announced, sizeof(announced));
	run(1);
	eq_int(r.maps, 2);
}

static void only_the_router_that_was_asked_is_believed(void)
{
	uint8_t raw[PCP_MAP_LEN];
	struct endpoint from = { .ip = ip_v4(192, 168, 7, 66), .port = PCP_PORT };

	begin();
	r.silent = true;
	mapping_network(&m, &gateway, &client, now);
	run(1);
	size_t len = unhex(PCP_OK, raw);
	memcpy(raw + 24, m.nonce, PCP_NONCE);
	mapping_input(&m, now, &from, bytes_of(raw, len));
	from.ip = gateway;
	from.port = 5352;
	mapping_input(&m, now, &from, bytes_of(raw, len));
	eq_int(m.counters.drop_source, 2);
	ok(!m.mapped);
	raw[24] ^= 1; /* another nonce */
	from_router(raw, len);
	raw[24] ^= 1;
	raw[40] ^= 1; /* another port */
	from_router(raw, len);
	raw[40] ^= 1;
	eq_int(m.counters.drop_unasked, 2);
	ok(!m.mapped);
	from_router(raw, len);
	ok(m.mapped);
	from_router(raw, len);
	eq_int(m.counters.drop_unasked, 3);
}

static void who_refuses_is_left_for_the_next(void)
{
	begin();
	r.refuses = true;
	mapping_network(&m, &gateway, &client, now);
	run(1);
	run(1);
	run(1);
	ok(!m.mapped);
	eq_int(m.upnp, UPNP_MAP);
}

static void another_network_begins_anew(void)
{
	struct ip other = ip_v4(10, 0, 0, 1), none = { 0 };

	begin();
	mapping_network(&m, &gateway, &client, now);
	run(1);
	ok(is_mapped());
	m.changed = false;
	mapping_network(&m, &none, &none, now);
	ok(m.changed && !is_mapped());
	ok(mapping_deadline(&m).ns == UINT64_MAX);
	mapping_network(&m, &gateway, &client, now);
	run(1);
	ok(is_mapped());
	mapping_network(&m, &other, &client, now);
	ok(!is_mapped());
	mapping_network(&m, &(struct ip){ FAMILY_IPV6, { 1 } }, &client, now);
	ok(mapping_deadline(&m).ns == UINT64_MAX);
}

static void it_is_given_back_at_the_end(void)
{
	for (int natpmp = 0; natpmp < 2; natpmp++) {
		begin();
		r.pcp = !natpmp;
		mapping_network(&m, &gateway, &client, now);
		run(2);
		mapping_stop(&m, &out);
		eq_int(out.count, 1);
		route();
		eq_int(r.unmaps, 1);
		ok(mapping_deadline(&m).ns == UINT64_MAX);
	}
	begin();
	mapping_network(&m, &gateway, &client, now);
	mapping_stop(&m, &out); /* there was none yet */
	eq_int(out.count, 0);
}

/* RFC 6887, 11: nothing is translated there, so any external address is the one that we have. */
static void by_ipv6_a_pinhole_is_asked_for_and_only_by_pcp(void)
{
	const struct ip fe80 = { FAMILY_IPV6, { 0xfe, 0x80, [15] = 1 } };
	const struct ip six = { FAMILY_IPV6, { 0x2a, 1, [15] = 2 } };
	struct endpoint from = { .ip = fe80, .port = PCP_PORT }, e;
	uint8_t want[PCP_MAP_LEN], raw[PCP_MAP_LEN];

	begin();
	mapping_network(&m, &fe80, &six, now);
	outbox_clear(&out);
	mapping_tick(&m, now, &out);
	eq_int(out.count, 1);
	eq_int(out.items[0].len, PCP_MAP_LEN);
	ok(endpoint_equal(&out.items[0].to, &from));
	unhex("0201" "0000" "00001c20" "2a010000000000000000000000000002" NONCE "11000000" "ca6d"
	      "ca6d" "00000000000000000000000000000000", want);
	memcpy(want + 24, m.nonce, PCP_NONCE);
	eq_mem(out.items[0].data, want, PCP_MAP_LEN);
	/* Opened: the answer has the same layout, with our address. */
	memcpy(raw, want, sizeof(raw));
	raw[1] = 0x81;
	memset(raw + 8, 0, 16);
	memcpy(raw + 44, six.b, 16);
	mapping_input(&m, now, &from, bytes_of(raw, sizeof(raw)));
	ok(mapping_external(&m, &e) && ip_equal(&e.ip, &six) && e.port == 51821);
	/* Nobody there: neither NAT-PMP nor UPnP is tried, which know IPv4 alone. */
	begin();
	mapping_network(&m, &fe80, &six, now);
	for (unsigned i = 0; i < 100; i++) {
		outbox_clear(&out);
		mapping_tick(&m, now, &out);
		for (uint32_t k = 0; k < out.count; k++)
			eq_int(out.items[k].data[0], 2);
		now = instant_add(now, span_ms(100));
	}
	ok(m.rested && m.upnp == UPNP_NOTHING && !m.mapped);
	/* The families do not mix. */
	begin();
	mapping_network(&m, &gateway, &six, now);
	ok(mapping_deadline(&m).ns == UINT64_MAX);
}

TAP_TESTS(T(by_ipv6_a_pinhole_is_asked_for_and_only_by_pcp),
	  T(requests_are_those_of_the_rfcs), T(answers_are_read), T(what_is_none_is_refused),
	  T(pcp_is_tried_first_and_maps), T(natpmp_follows_at_once_where_pcp_is_not_spoken),
	  T(upnp_follows_where_nobody_answers), T(a_helper_that_says_nothing_is_given_up),
	  T(it_is_renewed_after_half_its_life), T(a_router_that_lost_its_tables_maps_again),
	  T(only_the_router_that_was_asked_is_believed), T(who_refuses_is_left_for_the_next),
	  T(another_network_begins_anew), T(it_is_given_back_at_the_end))
