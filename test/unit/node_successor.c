/* A key that is to change: who hears of it, what is kept and shown, and who is not believed. */
#include "orgs_world.h"

#include "node/node_impl.h"

/* So many other keys that a machine may announce. */
static struct public_key next_keys[3];
static struct secret_key next_secrets[3];

static struct statement successor(unsigned node, unsigned next, uint64_t number, uint64_t until)
{
	struct statement_body b = { .kind = STATEMENT_SUCCESSOR, .number = number,
				    .issuer = machines[node].public, .subject = next_keys[next],
				    .issued = now.wall.s, .until = until };
	struct statement s;

	ok(statement_sign(&b, &machines[node].secret, &next_secrets[next], &s));
	return s;
}

/* Everybody knows everybody. */
static void friends(void)
{
	orgs_world();
	for (unsigned i = 0; i < 3; i++) {
		const uint8_t bytes[32] = { (uint8_t)(150 + i) };

		ed25519_from_seed(&next_keys[i], &next_secrets[i], bytes);
	}
	for (unsigned i = 0; i < NODES; i++) {
		disks[i].keys = (1u << NODES) - 1 - (1u << i);
		start(i);
	}
}

static void announce(unsigned node, unsigned next, uint64_t number)
{
	struct disk *d = &disks[node];

	d->said[0] = successor(node, next, number, now.wall.s + 7 * DAY);
	d->said_count = 1;
	read_disk(node);
}

static uint64_t counted(unsigned node, const char *name)
{
	static struct report_node r;

	node_report(machines[node].node, &r);
	for (unsigned i = 0; i < r.counter_count; i++)
		if (!strcmp(r.counters[i].name, name))
			return r.counters[i].value;
	TAP_FAIL("there is no counter %s", name);
	return 0;
}

static unsigned messages; /* of some length that went out of machine 0 */
static size_t message_len;

static void count_messages(struct machine *m, const struct out *o)
{
	messages += m == &machines[0] && o->kind == OUT_DATAGRAM && o->len == message_len;
}

static void every_peer_hears_of_it_and_keeps_it(void)
{
	struct report_peer p;

	friends();
	run_ms(3000);
	ok(report_of(1, 0, &p) && !p.has_successor);
	announce(0, 0, 1);
	run_ms(1000);
	for (unsigned i = 1; i < NODES; i++) {
		ok(report_of(i, 0, &p));
		ok(p.has_successor && !p.successor_disputed);
		eq_mem(&p.successor, &next_keys[0], 32);
		eq_int(p.successor_until, disks[0].said[0].body.until);
		eq_int(machines[i].said_count, 1);
		eq_mem(machines[i].said[0].wire, disks[0].said[0].wire, disks[0].said[0].len);
		ok(report_of(i, 2 == i ? 1 : 2, &p) && !p.has_successor);
	}
	ok(passes(1, 0, false, 500)); /* nothing else has changed */
	run_ms(30000);
	eq_int(machines[1].said_count, 1); /* once is enough */
}

static void who_comes_later_hears_of_it_and_few_times(void)
{
	struct report_peer p;

	friends();
	switch_off(&machines[3]);
	announce(0, 0, 1);
	message_len = CHANNEL_OVERHEAD + 1 + disks[0].said[0].len;
	run_ms(60000);
	start(3);
	run_ms(15000);
	ok(report_of(3, 0, &p) && p.has_successor);
	messages = 0;
	on_out = count_messages;
	run_ms(60000);
	eq_int(messages, 0);
	on_out = NULL;
}

static bool first_lost;
static bool lose_the_first(const struct machine *m, const struct out *o)
{
	bool is_it = m == &machines[0] && o->len == message_len && !first_lost;

	first_lost |= is_it;
	return is_it;
}

static void a_lost_message_is_made_good(void)
{
	struct report_peer p;

	orgs_world();
	friends();
	switch_off(&machines[2]);
	switch_off(&machines[3]);
	run_ms(3000);
	message_len = CHANNEL_OVERHEAD + 1 + successor(0, 0, 1, 1).len;
	first_lost = false;
	cut = lose_the_first;
	announce(0, 0, 1);
	run_ms(500);
	ok(first_lost);
	ok(report_of(1, 0, &p) && !p.has_successor);
	run_ms(3000);
	ok(report_of(1, 0, &p) && p.has_successor);
}

static void what_is_taken_back_is_told_to_nobody(void)
{
	struct report_peer p;

	friends();
	switch_off(&machines[3]);
	announce(0, 0, 1);
	run_ms(3000);
	disks[0].said_count = 0;
	read_disk(0);
	start(3);
	run_ms(15000);
	ok(passes(3, 0, false, 1000));
	ok(report_of(3, 0, &p) && !p.has_successor);
	announce(0, 0, 2); /* and once more */
	run_ms(3000);
	ok(report_of(3, 0, &p) && p.has_successor);
}

static void two_different_ones_are_disputed(void)
{
	struct report_peer p;

	friends();
	run_ms(3000);
	announce(0, 0, 1);
	run_ms(3000);
	announce(0, 1, 2);
	run_ms(3000);
	ok(report_of(1, 0, &p) && p.has_successor && p.successor_disputed);
	eq_int(machines[1].said_count, 2);
	announce(0, 2, 3); /* a third says nothing more */
	run_ms(3000);
	eq_int(machines[1].said_count, 2);
}

static void a_newer_word_on_the_same_key_takes_the_place(void)
{
	struct report_peer p;

	friends();
	run_ms(3000);
	announce(0, 0, 5);
	run_ms(3000);
	disks[0].said[0] = successor(0, 0, 6, now.wall.s + 30 * DAY);
	read_disk(0);
	run_ms(3000);
	ok(report_of(1, 0, &p) && p.has_successor && !p.successor_disputed);
	eq_int(p.successor_until, disks[0].said[0].body.until);
	eq_int(machines[1].said_count, 2);
}

static void what_is_over_or_accepted_is_not_shown(void)
{
	struct report_peer p;

	friends();
	run_ms(3000);
	disks[0].said[0] = successor(0, 0, 1, now.wall.s + 10);
	disks[0].said_count = 1;
	read_disk(0);
	run_ms(3000);
	ok(report_of(1, 0, &p) && p.has_successor);
	run_ms(10000);
	ok(report_of(1, 0, &p) && !p.has_successor);

	announce(0, 0, 2);
	run_ms(3000);
	ok(report_of(1, 0, &p) && p.has_successor);
	machines[3].public = next_keys[0]; /* as its owner accepts it */
	switch_off(&machines[3]);
	read_disk(1);
	ok(report_of(1, 0, &p) && !p.has_successor);
}

/* 1 says it to 0, as only a changed program would. */
static void insider_says(const uint8_t *message, size_t len)
{
	struct node *n = machines[1].node;
	uint8_t out[MAX_DATAGRAM];
	uint32_t slot = trust_find(n->trust, &machines[0].public);

	len = channel_seal(n->channel, slot, channel_peer_epoch(n->channel, slot),
			   bytes_of(message, len), out);
	ok(len > 0);
	event(&machines[0], &(struct node_event){ .kind = NODE_DATAGRAM, .from = machines[1].at,
						  .data = bytes_of(out, len) });
}

static void nobody_speaks_for_another_nor_without_both_keys(void)
{
	uint8_t message[2 + MAX_STATEMENT] = { SUCCESSOR_TYPE };
	struct statement other, own;
	struct report_peer p;

	friends();
	run_ms(3000);
	other = successor(2, 0, 1, now.wall.s + DAY); /* well signed, and not its word */
	own = successor(1, 0, 1, now.wall.s + DAY);
	memcpy(message + 1, other.wire, other.len);
	insider_says(message, 1 + other.len);
	eq_int(counted(0, "drop_successor"), 1);
	memcpy(message + 1, own.wire, own.len);
	insider_says(message, own.len);          /* cut short */
	insider_says(message, 2 + own.len);      /* too long */
	insider_says(message, 1);
	eq_int(counted(0, "drop_successor"), 4);
	message[own.len] ^= 1;                   /* the new key's signature */
	insider_says(message, 1 + own.len);
	message[own.len] ^= 1;
	message[own.len - 64] ^= 1;              /* the old key's */
	insider_says(message, 1 + own.len);
	message[own.len - 64] ^= 1;
	eq_int(counted(0, "drop_successor"), 6);
	ok(report_of(0, 1, &p) && !p.has_successor);
	ok(report_of(0, 2, &p) && !p.has_successor);
	eq_int(machines[0].said_count, 0);
	insider_says(message, 1 + own.len);      /* and as it should be */
	eq_int(counted(0, "drop_successor"), 6);
	ok(report_of(0, 1, &p) && p.has_successor);
	eq_int(machines[0].said_count, 1);
}

static void members_of_an_org_are_not_asked_to_accept(void)
{
	struct report_peer p;

	friends();
	for (unsigned i = 0; i < NODES; i++) {
		switch_off(&machines[i]);
		disks[i].keys = 0;
		member(i, ACME, now.wall.s + 90 * DAY);
	}
	for (unsigned i = 0; i < NODES; i++)
		start(i);
	run_ms(5000);
	announce(0, 0, 1);
	run_ms(5000);
	ok(report_of(1, 0, &p));
	eq_int(p.admission, REPORT_MEMBER);
	ok(!p.has_successor);
	eq_int(machines[1].said_count, 0);
	ok(counted(1, "drop_successor") > 0);
}

static void a_flood_of_them_is_not_checked(void)
{
	friends();
	run_ms(3000);
	for (uint64_t i = 1; i <= 60; i++) { /* newer and newer, each well signed */
		announce(0, 0, i);
		run_ms(100);
		machines[1].said_count = machines[2].said_count = machines[3].said_count = 0;
	}
	/* Four at once, and one in ten seconds. */
	ok(counted(1, "drop_successor") >= 50);
	run_ms(60000);
	announce(0, 0, 100);
	run_ms(1000);
	eq_int(machines[1].said[0].body.number, 100);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		T(every_peer_hears_of_it_and_keeps_it),
		T(who_comes_later_hears_of_it_and_few_times),
		T(a_lost_message_is_made_good),
		T(what_is_taken_back_is_told_to_nobody),
		T(two_different_ones_are_disputed),
		T(a_newer_word_on_the_same_key_takes_the_place),
		T(what_is_over_or_accepted_is_not_shown),
		T(nobody_speaks_for_another_nor_without_both_keys),
		T(members_of_an_org_are_not_asked_to_accept),
		T(a_flood_of_them_is_not_checked),
	};

	return tap_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
