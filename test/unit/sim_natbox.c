/* The NAT, against tables of RFC 4787's terms. */
#include "tap.h"

#include "sim/natbox.h"

static const struct ip outside = { FAMILY_IPV4, { 203, 0, 113, 1 } };

static struct endpoint at(uint8_t host, uint16_t port)
{
	return (struct endpoint){ .ip = ip_v4(198, 18, 0, host), .port = port };
}

static struct endpoint in(uint8_t host, uint16_t port)
{
	return (struct endpoint){ .ip = ip_v4(192, 168, 0, host), .port = port };
}

static struct instant second(uint64_t s)
{
	return (struct instant){ s * 1000000000u };
}

static struct natbox *box(enum nat_by mapping, enum nat_by filtering, enum nat_ports ports)
{
	return natbox_new(&(struct nat_config){ .outside = outside, .mapping = mapping,
						 .filtering = filtering, .ports = ports }, 1);
}

/* The outside port for that remote; 0: lost. */
static uint16_t out(struct natbox *n, uint64_t s, struct endpoint inside, struct endpoint to)
{
	struct endpoint as;

	if (!natbox_out(n, second(s), &inside, &to, &as))
		return 0;
	ok(ip_equal(&as.ip, &outside));
	return as.port;
}

/* The inside host's last byte; 0: lost. */
static unsigned enters(struct natbox *n, uint64_t s, struct endpoint from, uint16_t port)
{
	struct endpoint inside;

	return natbox_in(n, second(s), &from, port, &inside) ? inside.ip.b[3] : 0;
}

static void mappings_depend_on_what_they_say(void)
{
	static const struct { enum nat_by by; bool other_port, other_host; } rows[] = {
		{ NAT_BY_NONE, true, true },
		{ NAT_BY_ADDRESS, true, false },
		{ NAT_BY_ADDRESS_AND_PORT, false, false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		for (enum nat_ports p = NAT_PORTS_RANDOM; p <= NAT_PORTS_SEQUENTIAL; p++) {
			struct natbox *n = box(rows[i].by, NAT_BY_NONE, p);
			uint16_t port = out(n, 1, in(2, 5), at(7, 70));

			eq_int(out(n, 2, in(2, 5), at(7, 70)), port);
			ok((out(n, 2, in(2, 5), at(7, 71)) == port) == rows[i].other_port);
			ok((out(n, 2, in(2, 5), at(8, 70)) == port) == rows[i].other_host);
			ok(out(n, 2, in(2, 6), at(7, 70)) != port);
			ok(out(n, 2, in(3, 5), at(7, 70)) != port);
			natbox_free(n);
		}
}

static void filters_let_in_whom_they_say(void)
{
	static const struct { enum nat_by by; unsigned other_port, other_host; } rows[] = {
		{ NAT_BY_NONE, 2, 2 }, { NAT_BY_ADDRESS, 2, 0 }, { NAT_BY_ADDRESS_AND_PORT, 0, 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		for (int mapping = NAT_BY_NONE; mapping <= NAT_BY_ADDRESS_AND_PORT; mapping++) {
			struct natbox *n = box((enum nat_by)mapping, rows[i].by, NAT_PORTS_RANDOM);
			uint16_t port = out(n, 1, in(2, 5), at(7, 70));

			eq_int(enters(n, 2, at(7, 70), port), 2);
			eq_int(enters(n, 2, at(7, 71), port), rows[i].other_port);
			eq_int(enters(n, 2, at(8, 70), port), rows[i].other_host);
			eq_int(enters(n, 2, at(7, 70), (uint16_t)(port ^ 1)), 0);
			natbox_free(n);
		}
}

static void ports_are_chosen_as_they_say(void)
{
	struct natbox *n = box(NAT_BY_NONE, NAT_BY_NONE, NAT_PORTS_PRESERVE);

	eq_int(out(n, 1, in(2, 51821), at(7, 70)), 51821);
	/* The second one of that port gets another. */
	eq_int(out(n, 1, in(3, 51821), at(7, 70)), 1024);
	eq_int(out(n, 1, in(2, 51821), at(8, 70)), 51821);
	natbox_free(n);
	n = box(NAT_BY_ADDRESS_AND_PORT, NAT_BY_NONE, NAT_PORTS_SEQUENTIAL);
	for (uint16_t i = 0; i < 10; i++)
		eq_int(out(n, 1, in(2, 5), at(7, (uint16_t)(70 + i))), 1024 + i);
	natbox_free(n);
}

/* As Linux does: the port is kept for every remote, unless two hosts want the same remote. */
static void one_preserved_port_serves_several_remotes(void)
{
	enum nat_by both = NAT_BY_ADDRESS_AND_PORT;
	struct natbox *n = box(both, both, NAT_PORTS_PRESERVE);

	eq_int(out(n, 1, in(2, 51821), at(7, 70)), 51821);
	eq_int(out(n, 1, in(2, 51821), at(8, 70)), 51821);
	eq_int(out(n, 1, in(3, 51821), at(9, 70)), 51821);
	eq_int(out(n, 1, in(3, 51821), at(7, 70)), 1024);
	eq_int(enters(n, 2, at(7, 70), 51821), 2);
	eq_int(enters(n, 2, at(9, 70), 51821), 3);
	eq_int(enters(n, 2, at(7, 70), 1024), 3);
	eq_int(enters(n, 2, at(9, 71), 51821), 0);
	natbox_free(n);
}

static void what_is_silent_is_forgotten(void)
{
	for (int refreshes = 0; refreshes < 2; refreshes++) {
		struct nat_config c = { .outside = outside, .filtering = NAT_BY_NONE,
					.ports = NAT_PORTS_SEQUENTIAL, .timeout = span_s(30),
					.inbound_refreshes = refreshes };
		struct natbox *n = natbox_new(&c, 1);
		uint16_t port = out(n, 10, in(2, 5), at(7, 70));

		eq_int(enters(n, 39, at(7, 70), port), 2);
		eq_int(natbox_count(n, second(39)), 1);
		eq_int(enters(n, 40, at(7, 70), port), refreshes ? 2 : 0);
		eq_int(enters(n, 70, at(7, 70), port), 0);
		eq_int(natbox_count(n, second(70)), 0);
		/* What goes out later comes from another port. */
		ok(out(n, 71, in(2, 5), at(7, 70)) != port);
		natbox_free(n);
	}
}

static void a_permission_ages_by_itself(void)
{
	struct nat_config c = { .outside = outside, .filtering = NAT_BY_ADDRESS,
				.timeout = span_s(30) };
	struct natbox *n = natbox_new(&c, 1);
	uint16_t port = out(n, 10, in(2, 5), at(7, 70));

	eq_int(out(n, 35, in(2, 5), at(8, 70)), port);
	eq_int(enters(n, 41, at(8, 70), port), 2);
	eq_int(enters(n, 41, at(7, 70), port), 0);
	natbox_free(n);
}

static void a_full_box_loses_and_a_rebooted_one_forgets(void)
{
	struct nat_config c = { .outside = outside, .mappings = 3, .ports = NAT_PORTS_SEQUENTIAL };
	struct natbox *n = natbox_new(&c, 1);

	for (uint8_t i = 2; i < 5; i++)
		ok(out(n, 1, in(i, 5), at(7, 70)));
	eq_int(out(n, 1, in(5, 5), at(7, 70)), 0);
	natbox_forget(n);
	eq_int(natbox_count(n, second(1)), 0);
	eq_int(enters(n, 1, at(7, 70), 1024), 0);
	eq_int(out(n, 1, in(5, 5), at(7, 70)), 1027);
	natbox_free(n);
}

static void there_are_only_so_many_ports(void)
{
	struct nat_config c = { .outside = outside, .first_port = 65534,
				.ports = NAT_PORTS_SEQUENTIAL };
	struct natbox *n = natbox_new(&c, 1);

	eq_int(out(n, 1, in(2, 5), at(7, 70)), 65534);
	eq_int(out(n, 1, in(3, 5), at(7, 70)), 65535);
	eq_int(out(n, 1, in(4, 5), at(7, 70)), 0);
	natbox_free(n);
}

static void strangers_take_ports_in_between(void)
{
	struct nat_config c = { .outside = outside, .mapping = NAT_BY_ADDRESS_AND_PORT,
				.ports = NAT_PORTS_SEQUENTIAL, .strangers = 10,
				.timeout = span_s(10000) };
	struct natbox *n = natbox_new(&c, 1);
	uint16_t first = out(n, 1, in(2, 5), at(7, 70));

	eq_int(out(n, 1, in(2, 5), at(7, 71)), first + 1);
	eq_int(out(n, 3, in(2, 5), at(7, 72)), first + 22);
	eq_int(out(n, 3, in(2, 5), at(7, 70)), first);
	ok(out(n, 9000, in(2, 5), at(7, 73)) >= 1024); /* once around */
	natbox_free(n);
}

TAP_TESTS(T(mappings_depend_on_what_they_say), T(filters_let_in_whom_they_say),
	  T(ports_are_chosen_as_they_say), T(one_preserved_port_serves_several_remotes),
	  T(what_is_silent_is_forgotten), T(a_permission_ages_by_itself),
	  T(a_full_box_loses_and_a_rebooted_one_forgets), T(there_are_only_so_many_ports),
	  T(strangers_take_ports_in_between))
