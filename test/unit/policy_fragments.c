/* Fragments: the first one is judged, the others pass with it and replace nothing in it. */
#include "policy_world.h"

#include "policy/fragments.h"

struct piece {
	uint32_t peer, id;
	uint16_t offset;
	bool more, out;
	uint8_t protocol;
	uint16_t local, remote; /* of the first one */
	uint16_t len;           /* of its part; 0: what a first one takes */
	bool options;           /* IPv6: the fragmented part begins with destination options */
};

static struct shot piece(uint8_t family, struct piece p)
{
	uint8_t part[600] = { 0 }, them = (uint8_t)(10 + p.peer);
	size_t at = family == 4 ? 0 : 8, len = p.len ? p.len : 100;
	struct shot s;

	if (family == 6) {
		part[0] = p.options ? PROTO_DESTINATION : p.protocol;
		store_be16(part + 2, (uint16_t)(p.offset | p.more));
		store_be32(part + 4, p.id);
	}
	if (!p.offset && p.options) {
		part[at] = p.protocol;
		part[at + 2] = 1;
		part[at + 3] = 4;
	}
	if (!p.offset)
		l4_header(part + at + (p.options ? 8 : 0), p.protocol, p.out ? p.local : p.remote,
			  p.out ? p.remote : p.local, TCP_ACK);
	s = ip_shot(family, p.out ? 1 : them, p.out ? them : 1,
		    family == 4 ? p.protocol : PROTO_FRAGMENT,
		    (uint16_t)(p.offset / 8 | (p.more ? 0x2000 : 0)), part, at + len);
	if (family == 4)
		store_be16(s.bytes + 4, (uint16_t)p.id);
	return s;
}

static bool piece_in(struct world *w, struct piece p)
{
	struct shot s = piece(w->family, p);

	return shot_in(w, p.peer, &s) == FILTER_PASS;
}

static const struct piece first = { .peer = 1, .id = 7, .more = true, .protocol = PROTO_UDP,
	.local = 53, .remote = 50000 };

/* What follows a first fragment of 100 bytes. */
static struct piece after(struct piece p, uint16_t offset, bool more)
{
	p.offset = offset;
	p.more = more;
	return p;
}

static struct world *allowing(uint8_t family, const char *rules)
{
	struct world *w = world_new(family, 64);

	world_rules(w, POLICY_DEFAULT_DENY, rules);
	return w;
}

static void the_rest_passes_with_the_first(void)
{
	for (uint8_t f = 4; f <= 6; f += 2) {
		struct world *w = allowing(f, "allow udp 53\n");
		struct piece other = first;

		ok(!piece_in(w, after(first, 104, true))); /* it comes too early */
		ok(piece_in(w, first));
		ok(piece_in(w, after(first, 104, true)));
		eq_int(w->last.reason, FILTER_FRAGMENT);
		ok(piece_in(w, after(first, 208, false)));
		ok(piece_in(w, after(first, 104, true))); /* in any order */
		other.id = 8;
		ok(!piece_in(w, after(other, 104, true)));
		other = first;
		other.peer = 2;
		ok(!piece_in(w, after(other, 104, true)));
		if (f == 4) { /* IPv6 numbers all protocols together */
			other = first;
			other.protocol = 47;
			ok(!piece_in(w, after(other, 104, true)));
		}
		w->now = instant_add(w->now, span_s(30));
		ok(!piece_in(w, after(first, 104, true)));
		world_free(w);
	}
}

static void no_rest_passes_without_its_first(void)
{
	for (uint8_t f = 4; f <= 6; f += 2) {
		struct world *w = allowing(f, "allow udp 53\n");
		struct piece other = first;

		other.local = 54;
		ok(!piece_in(w, other));
		ok(!piece_in(w, after(other, 104, false)));
		other = first;
		other.len = 7; /* half a header */
		ok(!piece_in(w, other));
		ok(!piece_in(w, after(other, 8, false)));
		other = first;
		other.more = false; /* the whole packet in one: nothing follows */
		ok(piece_in(w, other));
		ok(!piece_in(w, after(other, 104, false)));
		world_free(w);
	}
}

static void nothing_in_the_first_is_replaced(void)
{
	static const struct {
		uint8_t protocol;
		bool options; /* IPv6 only */
		uint16_t ends; /* the headers, in the fragmented part */
	} rows[] = { { PROTO_UDP, false, 8 }, { PROTO_TCP, false, 20 }, { PROTO_UDP, true, 16 },
		{ PROTO_TCP, true, 28 } };

	for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(*rows); i++) {
		uint8_t f = i % 2 ? 6 : 4;
		struct world *w = allowing(f, "allow all 53\n");
		struct piece p = first;

		p.protocol = rows[i / 2].protocol;
		p.options = rows[i / 2].options;
		if (p.options && f == 4)
			goto next;
		ok(piece_in(w, p));
		for (uint16_t offset = 8; offset < 64; offset += 8) {
			eq_int(piece_in(w, after(p, offset, true)), offset >= rows[i / 2].ends);
			if (offset < rows[i / 2].ends)
				eq_int(w->last.reason, FILTER_OVERLAP);
		}
	next:
		world_free(w);
	}
}

/* What another protocol has in its first fragment is not known: all of it stays. */
static void an_unknown_first_is_kept_as_a_whole(void)
{
	struct world *w = allowing(4, "allow all\n");
	struct piece p = first;

	p.protocol = 47;
	ok(piece_in(w, p));
	ok(!piece_in(w, after(p, 96, true)) && piece_in(w, after(p, 104, true)));
	world_free(w);
}

static void fragments_of_our_flows_pass(void)
{
	for (uint8_t f = 4; f <= 6; f += 2) {
		struct world *w = allowing(f, "");
		struct piece p = first;

		udp_out(w, 1, 5000, 2049);
		p.local = 5000;
		p.remote = 2049;
		ok(piece_in(w, p));
		eq_int(w->last.reason, FILTER_OWN);
		ok(piece_in(w, after(p, 104, false)));
		world_rules(w, POLICY_DEFAULT_DENY, "reject all\n");
		ok(piece_in(w, after(p, 104, false)));
		world_free(w);
	}
}

static void a_first_fragment_opens_a_flow_of_ours(void)
{
	for (uint8_t f = 4; f <= 6; f += 2) {
		struct world *w = allowing(f, "");
		struct piece p = first;
		struct shot s;

		p.out = true;
		p.local = 5000;
		p.remote = 2049;
		s = piece(f, after(p, 104, false));
		shot_out(w, 1, &s);
		ok(!udp_in(w, 1, 5000, 2049));
		s = piece(f, p);
		shot_out(w, 1, &s);
		ok(udp_in(w, 1, 5000, 2049));
		world_free(w);
	}
}

static void a_change_of_rules_counts_for_the_rest(void)
{
	for (uint8_t f = 4; f <= 6; f += 2) {
		struct world *w = allowing(f, "allow udp 53\n");

		ok(piece_in(w, first));
		world_rules(w, POLICY_DEFAULT_DENY, "deny tcp\nallow all 53\n");
		ok(piece_in(w, after(first, 104, true)));
		world_rules(w, POLICY_DEFAULT_DENY, "");
		ok(!piece_in(w, after(first, 104, true)));
		world_free(w);
	}
}

static void without_port_rules_the_rest_is_judged_by_all(void)
{
	static const struct {
		enum policy_default standard;
		const char *rules;
		bool passes;
	} rows[] = {
		{ POLICY_DEFAULT_ALLOW, "", true },
		{ POLICY_DEFAULT_OBSERVE, "", true },
		{ POLICY_DEFAULT_DENY, "allow udp\n", false },
		{ POLICY_DEFAULT_DENY, "allow all 1-65535\n", false },
		{ POLICY_DEFAULT_DENY, "allow all\n", true },
		{ POLICY_DEFAULT_ALLOW, "deny tcp\n", true },
		{ POLICY_DEFAULT_ALLOW, "reject all\n", false },
	};

	for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(*rows); i++) {
		struct world *w = world_new(i % 2 ? 6 : 4, 16);

		world_rules(w, rows[i / 2].standard, rows[i / 2].rules);
		eq_int(piece_in(w, after(first, 104, true)), rows[i / 2].passes);
		world_free(w);
	}
}

/* Who begins many packets and ends none harms himself only. */
static void a_flood_of_firsts_stays_with_its_peer(void)
{
	struct world *w = allowing(4, "allow udp 53\n");
	struct piece p = first;
	unsigned kept = 0;

	p.peer = 2;
	ok(piece_in(w, p));
	p.peer = 1;
	for (p.id = 100; p.id < 1100; p.id++) {
		ok(piece_in(w, p));
		w->now.ns++;
	}
	for (p.id = 100; p.id < 1100; p.id++)
		kept += piece_in(w, after(p, 104, false));
	eq_int(kept, 16);
	p.id = 1099;
	ok(piece_in(w, after(p, 104, false))); /* the latest are */
	p.peer = 2;
	p.id = 7;
	ok(piece_in(w, after(p, 104, false)));
	p.peer = 1;
	p.id = 1099;
	filter_forget_peer(w->filter, 1);
	ok(!piece_in(w, after(p, 104, false)));
	world_free(w);
}

/* Peers that share a set do not share what is in it. */
static void a_set_is_of_several_peers(void)
{
	struct fragments *set = fragments_init(calloc(1, fragments_size()));
	struct shot s = piece(4, first);
	struct inspected p;

	ok(inspect(bytes_of(s.bytes, s.len), false, &p));
	fragments_add(set, &p, 1, false, (struct instant){ 5 });
	for (uint32_t peer = 0; peer < 1000; peer++)
		eq_int(fragments_find(set, &p, peer, (struct instant){ 6 }) != NULL, peer == 1);
	for (uint32_t peer = 2; peer < 1000; peer++)
		fragments_forget_peer(set, peer);
	ok(fragments_find(set, &p, 1, (struct instant){ 6 }));
	free(set);
}

TAP_TESTS(T(the_rest_passes_with_the_first), T(no_rest_passes_without_its_first),
	  T(nothing_in_the_first_is_replaced), T(an_unknown_first_is_kept_as_a_whole),
	  T(fragments_of_our_flows_pass), T(a_first_fragment_opens_a_flow_of_ours),
	  T(a_change_of_rules_counts_for_the_rest), T(without_port_rules_the_rest_is_judged_by_all),
	  T(a_flood_of_firsts_stays_with_its_peer), T(a_set_is_of_several_peers))
