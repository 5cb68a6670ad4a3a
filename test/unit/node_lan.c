/* Neighbours on a LAN in whole nodes: who is recognised, who is a seed, and who is neither. */
#include "node_world.h"

#include "dns/lan.h"

static uint8_t txt[LAN_TXT_MAX];
static size_t txt_len;
static char name[LAN_NAME + 1];

static uint64_t counter_of(unsigned at, const char *which)
{
	static struct report_node r;

	node_report(machines[at].node, &r);
	for (unsigned i = 0; i < r.counter_count; i++)
		if (!strcmp(r.counters[i].name, which))
			return r.counters[i].value;
	return UINT64_MAX;
}

static unsigned seeds_of(unsigned at)
{
	static struct report_node r;

	node_report(machines[at].node, &r);
	for (unsigned i = 0; i < r.seed_count; i++)
		eq_int(r.seeds[i].source, REPORT_MDNS);
	return r.seed_count;
}

static void says(unsigned who, const char *as)
{
	memcpy(name, as, LAN_NAME);
	txt_len = node_lan_txt(machines[who].node, bytes_of(as, LAN_NAME), txt);
}

static void hears(unsigned who, const struct endpoint *at)
{
	event(&machines[who], &(struct node_event){ .kind = NODE_LAN, .from = *at, .name = name,
						    .data = bytes_of(txt, txt_len) });
}

static void two(void)
{
	world(false);
	switch_on(&machines[0]);
	switch_on(&machines[1]);
	trust(&machines[0], 1u << 1);
	trust(&machines[1], 1u << 0);
}

static void who_shares_a_key_is_recognised(void)
{
	two();
	says(0, "0123456789abcdef");
	hears(1, &machines[0].at);
	run_ms(2000);
	ok(passes(1, 0, false, 300));
	eq_int(seeds_of(1), 1);
	eq_int(counter_of(1, "drop_lan_unknown"), 0);
}

static void to_strangers_it_is_noise(void)
{
	struct lan_txt a, b;

	two();
	switch_on(&machines[2]);
	trust(&machines[2], 1u << 0); /* knows the key, and is not trusted there */
	says(0, "0123456789abcdef");
	hears(2, &machines[0].at);
	eq_int(seeds_of(2), 0);
	eq_int(counter_of(2, "drop_lan_unknown"), 1);
	ok(lan_txt_read(bytes_of(txt, txt_len), &a));
	eq_int(a.count, LAN_STRING_TAGS); /* whatever the number of peers */
	says(0, "fedcba9876543210");
	ok(lan_txt_read(bytes_of(txt, txt_len), &b));
	for (unsigned i = 0; i < a.count; i++)
		for (unsigned k = 0; k < b.count; k++)
			ok(memcmp(a.tags[i], b.tags[k], LAN_TAG));
	/* Under another name the tags are nobody's, and a copy of our own is nobody's either. */
	says(0, "0123456789abcdef");
	memcpy(name, "0123456789abcdee", LAN_NAME);
	hears(1, &machines[0].at);
	eq_int(seeds_of(1), 0);
	says(1, "0123456789abcdef");
	hears(1, &machines[0].at);
	eq_int(seeds_of(1), 0);
}

static void garbage_and_floods_cost_little(void)
{
	struct endpoint at;

	two();
	says(0, "0123456789abcdef");
	memcpy(name, "0123456789abcde", LAN_NAME); /* too short */
	hears(1, &machines[0].at);
	memcpy(name, "0123456789abcdef", LAN_NAME);
	txt_len = 3;
	hears(1, &machines[0].at);
	eq_int(seeds_of(1), 0);
	says(0, "0123456789abcdef");
	at = machines[0].at;
	for (unsigned i = 0; i < 1000; i++) {
		at.port = (uint16_t)(1000 + i);
		hears(1, &at);
	}
	eq_int(seeds_of(1), 16);
	eq_int(counter_of(1, "drop_lan_unknown"), 2 + 1000 - 16);
	at = machines[1].at; /* an address of the mesh is none of a LAN */
	at.ip = ip_v4(10, 99, 1, 2);
	run_ms(1000);
	hears(1, &at);
	eq_int(seeds_of(1), 16);
}

static void who_is_open_calls_and_may_be_called(void)
{
	struct lan_txt t;

	two();
	machines[2].open = machines[3].open = true;
	switch_on(&machines[2]);
	switch_on(&machines[3]);
	says(2, "0123456789abcdef");
	ok(lan_txt_read(bytes_of(txt, txt_len), &t));
	ok(t.call);
	hears(1, &machines[2].at); /* who knows whom to expect does not call */
	eq_int(seeds_of(1), 0);
	hears(3, &machines[2].at);
	eq_int(seeds_of(3), 1);
}

TAP_TESTS(T(who_shares_a_key_is_recognised), T(to_strangers_it_is_noise),
	  T(garbage_and_floods_cost_little), T(who_is_open_calls_and_may_be_called))
