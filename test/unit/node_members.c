/* More trusted keys than a node has room for. */
#define MEMBERS 2
#include "node_world.h"

#include "identity/channel.h"
#include "identity/trust.h"
#include "nat/path.h"
#include "nat/punch.h"
#include "org/spread.h"

#include <stdio.h>

static struct report_node report_of(const struct machine *m)
{
	struct report_node r;

	node_report(m->node, &r);
	return r;
}

static unsigned told(const struct machine *m, enum event_kind kind, int64_t *value)
{
	const struct event_ring *ring = node_events(m->node);
	unsigned n = 0;

	for (uint64_t i = 1; i <= ring->count; i++) {
		const struct event *e = event_get(ring, i);

		if (e && e->kind == kind) {
			n++;
			*value = e->a;
		}
	}
	return n;
}

/* 0 has room for two; 2 and 3 are there first. */
static void full(void)
{
	world(false);
	for (unsigned i = 0; i < 4; i++)
		switch_on(&machines[i]);
	trust(&machines[0], 1u << 2 | 1u << 3);
	for (unsigned i = 1; i < 4; i++) {
		trust(&machines[i], 1);
		seed(&machines[i], &machines[0].at);
	}
	run_ms(3000);
	for (unsigned i = 2; i < 4; i++)
		ok(passes(i, 0, false, 300));
}

static void a_full_table_never_evicts_an_admitted_live_member(void)
{
	const uint64_t hour = 3600000;

	full();
	/* The newcomer's name comes first in the store, and it calls all the time. */
	trust(&machines[0], 1u << 1 | 1u << 2 | 1u << 3);
	for (unsigned round = 0; round < 4; round++) {
		for (unsigned i = 2; i < 4; i++) {
			ok(passes(i, 0, false, 300));
			ok(passes(0, i, false, 300));
		}
		ok(!passes(1, 0, false, 300));
		eq_int(report_of(&machines[0]).trusted, 2);
		run_ms(hour);
		trust(&machines[0], 1u << 1 | 1u << 2 | 1u << 3);
	}
	/* Nor one that is dead, whose tunnel may come back. */
	switch_off(&machines[3]);
	run_ms(60000);
	trust(&machines[0], 1u << 1 | 1u << 2 | 1u << 3);
	run_ms(10000);
	ok(!passes(1, 0, false, 300));
	switch_on(&machines[3]);
	trust(&machines[3], 1);
	seed(&machines[3], &machines[0].at);
	run_ms(10000);
	ok(passes(3, 0, false, 300));
}

static void what_is_left_out_is_told_once_for_each_number(void)
{
	int64_t value = 0;

	full();
	eq_int(report_of(&machines[0]).max_members, 2);
	eq_int(report_of(&machines[0]).left_out, 0);
	eq_int(told(&machines[0], EV_TRUST_FULL, &value), 0);
	for (unsigned i = 0; i < 3; i++)
		trust(&machines[0], 1u << 1 | 1u << 2 | 1u << 3);
	eq_int(report_of(&machines[0]).left_out, 1);
	eq_int(report_of(&machines[0]).bad_keys, 0);
	eq_int(told(&machines[0], EV_TRUST_FULL, &value), 1);
	eq_int(value, 1);
	trust(&machines[0], 1u << 2 | 1u << 3);
	eq_int(report_of(&machines[0]).left_out, 0);
	trust(&machines[0], 1u << 1 | 1u << 2 | 1u << 3);
	eq_int(told(&machines[0], EV_TRUST_FULL, &value), 2);
}

/* The store gives the new key before it is known that an old one is gone. */
static void room_that_a_revocation_makes_is_asked_for(void)
{
	int64_t value = 0;

	full();
	ok(!actions.read_trust_again);
	trust(&machines[0], 1u << 1 | 1u << 2 | 1u << 3);
	ok(!actions.read_trust_again);
	trust(&machines[0], 1u << 1 | 1u << 2);
	ok(actions.read_trust_again);
	actions.read_trust_again = false;
	eq_int(report_of(&machines[0]).trusted, 1);
	trust(&machines[0], 1u << 1 | 1u << 2);
	ok(!actions.read_trust_again);
	eq_int(report_of(&machines[0]).trusted, 2);
	eq_int(report_of(&machines[0]).left_out, 0);
	eq_int(told(&machines[0], EV_TRUST_FULL, &value), 1);
	run_ms(5000);
	ok(passes(1, 0, false, 1000));
	ok(passes(2, 0, false, 300));
}

static void a_node_has_tables_for_as_many_as_may_be_asked_for(void)
{
	const uint32_t sizes[] = { 1, 2, MAX_MEMBERS, MOST_MEMBERS };

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct node_config config = { .members = sizes[i], .port = MESH_PORT,
					      .mtu = MESH_MTU, .interface = "mg0" };
		size_t size = node_size(sizes[i], 0);
		void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		ok(memory != MAP_FAILED);
		world(false);
		config.prefix = machines[0].prefix;
		config.secret = machines[0].secret;
		config.public = machines[0].public;
		struct node *n = node_init(memory, &config, now);
		node_step(n, now, &(struct node_event){ .kind = NODE_TRUST_KEY, .name = "b",
							.key = machines[1].public }, &actions);
		struct report_node r;

		node_report(n, &r);
		eq_int(r.trusted, 1);
		eq_int(r.max_members, sizes[i]);
		node_wipe(n);
		munmap(memory, size);
	}
}

/* Bytes of a table for each of the second 8,192 members. */
static size_t each(size_t (*size)(uint32_t))
{
	return (size(MAX_MEMBERS) - size(MAX_MEMBERS / 2)) / (MAX_MEMBERS / 2);
}

static size_t node_table(uint32_t members)
{
	return node_size(members, 0);
}

static size_t nat_tables(uint32_t members)
{
	return paths_size(members) + punches_size(members);
}

static size_t wg_table(uint32_t members)
{
	return wg_size(&(struct wg_limits){ members, 3 * 2048, 4096 });
}

/* Room for two certificates of each member: an org may fill half of it. */
static size_t certificates(uint32_t members)
{
	return certificate_store_size(2 * members) + spread_size(members, 2, 2 * members)
	     - spread_size(members, 2, 2);
}

/* What is there of an org's peer beside that. */
static size_t orgs(uint32_t members)
{
	return spread_size(members, 2, 2);
}

/* The file with single spaces for line ends. */
static const char *text_of_file(const char *path)
{
	static char text[1 << 18];
	FILE *f = fopen(path, "r");

	ok(f != NULL);
	text[f ? fread(text, 1, sizeof(text) - 1, f) : 0] = 0;
	if (f)
		fclose(f);
	for (char *p = text; *p; p++)
		if (*p == '\n')
			*p = ' ';
	return text;
}

/* The sentence that stands there is made here. */
static void docs_membership_states_what_one_more_member_costs(void)
{
	const size_t certified = each(certificates), org = each(orgs);
	const size_t all = each(node_table) - certified;
	const size_t nat = each(nat_tables), wg = each(wg_table);
	const size_t swim = each(swim_size), trust = each(trust_size), channel = each(channel_size);
	char sentence[600];

	ok(all < 4800);
	snprintf(sentence, sizeof(sentence),
		 "%zu bytes of a node's tables: %zu for its addresses (`core/nat`), %zu for its "
		 "tunnel without sessions (`core/wg`), %zu for its record and state (`core/swim`), "
		 "%zu for trust and %zu for the keys of the pair (`core/identity`), %zu for what "
		 "it shares of orgs (`core/org`), %zu for routes, addresses and services "
		 "(`core/node`). A certificate of an org takes %zu more.",
		 all, nat, wg, swim, trust, channel, org,
		 all - nat - wg - swim - trust - channel - org, certified / 2);
	if (!strstr(text_of_file("docs/membership.md"), sentence))
		TAP_FAIL("docs/membership.md does not say: %s", sentence);
}

TAP_TESTS(T(a_full_table_never_evicts_an_admitted_live_member),
	  T(what_is_left_out_is_told_once_for_each_number),
	  T(room_that_a_revocation_makes_is_asked_for),
	  T(a_node_has_tables_for_as_many_as_may_be_asked_for),
	  T(docs_membership_states_what_one_more_member_costs))
