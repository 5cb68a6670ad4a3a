/* Two nodes with different keys on one socket, as a machine runs them while its key changes: whose
 * a datagram is, and that peers who accept the new key find it where the old one is. */
#include "orgs_world.h"

#include "node/node_impl.h"

/* The machines OLD and NEW are at one address; what comes there is given to both. */
enum { OLD, NEW, PEER, STRANGER };

static unsigned tunnel[2], sealed[2], calls[2], of_nobody;

static void look(struct machine *m, const struct flying *f)
{
	struct bytes data = bytes_of(f->data, f->len);
	enum demux_kind kind = demux(data);
	bool is[2];

	if (m != &machines[OLD] || !machines[NEW].node)
		return;
	for (unsigned i = 0; i < 2; i++) {
		enum node_claim claim = node_expects(machines[i].node, data);

		is[i] = claim == NODE_CLAIMS;
		tunnel[i] += is[i] && kind == DEMUX_WIREGUARD;
		sealed[i] += is[i] && kind == DEMUX_SEALED;
		calls[i] += is[i] && kind == DEMUX_CALL;
		ok((claim == NODE_CANNOT_SAY) ==
		   (kind != DEMUX_WIREGUARD && kind != DEMUX_SEALED && kind != DEMUX_PADDED &&
		    kind != DEMUX_CALL));
	}
	if (kind == DEMUX_WIREGUARD || kind == DEMUX_SEALED || kind == DEMUX_PADDED)
		ok(!is[0] || !is[1]);
	of_nobody += !is[0] && !is[1] && kind != DEMUX_INTRODUCTION;
}

static void one_machine_with_two_keys(void)
{
	orgs_world();
	memset(tunnel, 0, sizeof(tunnel));
	memset(sealed, 0, sizeof(sealed));
	memset(calls, 0, sizeof(calls));
	of_nobody = 0;
	machines[NEW].at = machines[OLD].at;
	disks[OLD].keys = disks[NEW].keys = 1u << PEER;
	disks[PEER].keys = 1u << OLD | 1u << NEW;
	on_arrival = look;
}

static void each_datagram_is_claimed_by_one_of_them(void)
{
	one_machine_with_two_keys();
	for (unsigned i = 0; i < 3; i++) {
		switch_on(&machines[i]);
		read_disk(i);
	}
	seed(&machines[PEER], &machines[OLD].at);
	run_ms(3000);
	ok(passes(PEER, OLD, false, 1000) && passes(PEER, NEW, false, 1000));
	ok(passes(OLD, PEER, true, 1000) && passes(NEW, PEER, true, 1000));
	run_ms(200000); /* handshakes again */
	ok(passes(PEER, OLD, false, 1000) && passes(NEW, PEER, false, 1000));
	for (unsigned i = 0; i < 2; i++) {
		ok(tunnel[i] >= 4);
		ok(sealed[i] >= 10);
		ok(calls[i] >= 1);
	}
	eq_int(of_nobody, 0);
}

static void what_is_for_neither_is_claimed_by_neither(void)
{
	one_machine_with_two_keys();
	disks[OLD].keys = disks[NEW].keys = 0; /* they let nobody in */
	for (unsigned i = 0; i < 3; i++) {
		switch_on(&machines[i]);
		read_disk(i);
	}
	seed(&machines[PEER], &machines[OLD].at);
	run_ms(5000);
	eq_int(tunnel[0] + tunnel[1] + sealed[0] + sealed[1] + calls[0] + calls[1], 0);
	ok(of_nobody >= 1);
}

static void cut_short_it_is_nobodys(void)
{
	uint8_t data[200] = { 0 };

	one_machine_with_two_keys();
	switch_on(&machines[OLD]);
	for (unsigned type = 0; type < 256; type++)
		for (size_t len = 0; len <= sizeof(data); len++) {
			data[0] = (uint8_t)type;
			ok(node_expects(machines[OLD].node, bytes_of(data, len)) != NODE_CLAIMS);
		}
}

static struct statement successor(void)
{
	struct statement_body b = { .kind = STATEMENT_SUCCESSOR, .number = 1,
				    .issuer = machines[OLD].public,
				    .subject = machines[NEW].public,
				    .issued = now.wall.s, .until = now.wall.s + 7 * DAY };
	struct statement s;

	ok(statement_sign(&b, &machines[OLD].secret, &machines[NEW].secret, &s));
	return s;
}

/* PEER has heard of the old key only because that one called it. */
static void until_accepted(bool with_statement)
{
	one_machine_with_two_keys();
	disks[PEER].keys = 1u << OLD;
	for (unsigned i = 0; i < 3; i++) {
		switch_on(&machines[i]);
		read_disk(i);
	}
	seed(&machines[OLD], &machines[PEER].at);
	run_ms(3000);
	ok(passes(PEER, OLD, false, 1000));
	if (with_statement)
		disks[PEER].said[disks[PEER].said_count++] = successor();
	read_disk(PEER);
	run_ms(1000);
	ok(!knows(PEER, NEW));
	disks[PEER].keys |= 1u << NEW;
	read_disk(PEER);
}

static void who_accepts_the_new_key_is_there_at_once(void)
{
	until_accepted(true);
	run_ms(100);
	ok(node_reaches(machines[PEER].node, &machines[NEW].public));
	ok(node_reaches(machines[NEW].node, &machines[PEER].public));
	ok(passes(PEER, NEW, false, 200) && passes(NEW, PEER, false, 200));
	ok(passes(PEER, OLD, false, 200)); /* as before */
}

static void another_key_is_not_looked_for_there(void)
{
	until_accepted(false);
	run_ms(1000);
	ok(!node_reaches(machines[PEER].node, &machines[NEW].public));
	ok(!node_reaches(machines[PEER].node, &machines[STRANGER].public));
}

static void an_old_key_that_comes_later_leads_to_the_new_one(void)
{
	one_machine_with_two_keys();
	disks[PEER].said[disks[PEER].said_count++] = successor();
	switch_on(&machines[PEER]);
	read_disk(PEER);
	run_ms(60000);
	switch_on(&machines[NEW]);
	read_disk(NEW);
	switch_on(&machines[OLD]);
	read_disk(OLD);
	run_ms(1000);
	ok(!node_reaches(machines[PEER].node, &machines[NEW].public));
	seed(&machines[OLD], &machines[PEER].at);
	run_ms(1000);
	ok(node_reaches(machines[PEER].node, &machines[NEW].public));
}

static void where_one_reaches_peers_the_other_may_begin(void)
{
	one_machine_with_two_keys();
	switch_on(&machines[PEER]);
	read_disk(PEER);
	switch_on(&machines[OLD]);
	read_disk(OLD);
	seed(&machines[OLD], &machines[PEER].at);
	run_ms(3000);
	machines[NEW].peers_len = (uint32_t)node_peers(machines[OLD].node, machines[NEW].peers);
	ok(machines[NEW].peers_len > 0);
	switch_on(&machines[NEW]);
	read_disk(NEW);
	run_ms(200);
	ok(passes(NEW, PEER, false, 200));
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		T(each_datagram_is_claimed_by_one_of_them),
		T(what_is_for_neither_is_claimed_by_neither),
		T(cut_short_it_is_nobodys),
		T(who_accepts_the_new_key_is_there_at_once),
		T(another_key_is_not_looked_for_there),
		T(an_old_key_that_comes_later_leads_to_the_new_one),
		T(where_one_reaches_peers_the_other_may_begin),
	};

	return tap_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
