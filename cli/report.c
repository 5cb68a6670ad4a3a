#include "cli/report.h"

#include "base/text.h"
#include "identity/address.h"
#include "identity/record.h"

#include <string.h>

static void print_services(const struct screen *s, const struct report_node *n)
{
	char line[sizeof(n->services_trouble) + 80];

	if (!strcmp(n->services_default, "closed"))
		put(s, RED, "  no service rules could be read: nothing new comes in\n");
	else if (n->service_rules || strcmp(n->services_default, "allow") != 0)
		fprintf(s->out, "  services   %s by default, rules %u\n", n->services_default,
			n->service_rules);
	if (!*n->services_trouble)
		return;
	snprintf(line, sizeof(line), "  services are ruled as before, for %s\n",
		 n->services_trouble);
	put(s, RED, line);
}

#define ENDS_SOON_S (30u * 86400)

/* Which orgs let others in here, and what we are in them. */
static void print_orgs(const struct screen *s, const struct report_node *n)
{
	if (n->open)
		put(s, RED, "  open       every key that finds this node is let in (up --open)\n");
	for (unsigned i = 0; i < n->org_count; i++) {
		const struct report_org *o = &n->orgs[i];
		char age[FORMAT_TEXT], ends[FORMAT_TEXT + 80] = "";
		enum colour colour = PLAIN;

		format_age(age, o->left_s);
		if (o->revoked) {
			snprintf(ends, sizeof(ends), "; it revoked this node, which its members "
				 "let in no more");
			colour = RED;
		} else if (o->until && !o->left_s) {
			snprintf(ends, sizeof(ends), "; this node's certificate has ended");
			colour = RED;
		} else if (o->until) {
			snprintf(ends, sizeof(ends), "; this node's certificate ends in %s", age);
			colour = o->left_s <= ENDS_SOON_S ? YELLOW : PLAIN;
		}
		if (o->trusted)
			fprintf(s->out, "  org        %s: members here %u", o->name, o->members);
		else
			fprintf(s->out, "  org        %s: not trusted here", o->name);
		put(s, colour, ends);
		putc('\n', s->out);
	}
}

const char *nat_text(unsigned kind)
{
	switch (kind) {
	case NAT_PUBLIC: return "none: others reach it under the address that they see";
	case NAT_EASY: return "easy: one outside port for all destinations";
	case NAT_HARD: return "hard: another outside port for each destination";
	case NAT_HARD_SEQUENTIAL: return "hard: another outside port for each, in a row";
	}
	return "unknown";
}

#define NAMED_NOT_REACHED 6u

/* Those that are here, and do not know the new key yet. */
static void print_not_reached(const struct report *r, const struct screen *s)
{
	unsigned count = 0;

	for (size_t i = 0; i < r->count; i++) {
		const struct report_peer *p = &r->peers[i];

		if (!p->path_up || p->second_reached)
			continue;
		if (++count <= NAMED_NOT_REACHED)
			fprintf(s->out, "%s%s", count == 1 ? "; not: " : ", ", p->name);
	}
	if (count > NAMED_NOT_REACHED)
		fprintf(s->out, " and %u more", count - NAMED_NOT_REACHED);
}

/* The other key, while this node's key changes. */
static void print_second(const struct report *r, const struct screen *s)
{
	const struct report_node *n = &r->node;
	const bool is_next = n->second.role == REPORT_NEXT;
	char key[BASE64_LEN(32) + 1], ipv4[IP_TEXT] = "no IPv4", ipv6[IP_TEXT];
	char left[FORMAT_TEXT], line[FORMAT_TEXT + 160];

	if (n->second.role == REPORT_NO_SECOND)
		return;
	base64_encode(n->second.key.b, sizeof(n->second.key.b), key, sizeof(key));
	if (n->second.ipv4.family != FAMILY_NONE)
		ip_format(&n->second.ipv4, ipv4);
	ip_format(&n->second.ipv6, ipv6);
	format_age(left, n->second.left_s);
	fprintf(s->out, "  %s    %s\n", is_next ? "new key" : "old key", key);
	if (!n->gossip_only)
		fprintf(s->out, "    there    %s, %s\n", ipv4, ipv6);
	fprintf(s->out, "    reaches  %u of %u peers", n->second.reached, n->second.peers);
	if (is_next)
		print_not_reached(r, s);
	putc('\n', s->out);
	if (is_next && !n->second.left_s)
		snprintf(line, sizeof(line), "    the overlap has ended: peers that accepted the "
			 "new key let only that one in\n    finish it with: meshguard rotate "
			 "--finish\n");
	else if (is_next)
		snprintf(line, sizeof(line), "    overlap  ends in %s; before that: meshguard "
			 "rotate --finish\n", left);
	else
		snprintf(line, sizeof(line), "    overlap  ends in %s, and the old key with it\n",
			 left);
	put(s, !is_next ? PLAIN : !n->second.left_s ? RED
	    : n->second.left_s <= 86400 ? YELLOW : PLAIN, line);
}

static void print_node(const struct report *r, const struct screen *s)
{
	const struct report_node *n = &r->node;
	char key[BASE64_LEN(32) + 1], ipv4[IP_TEXT] = "none (every one is taken: IPv6 only)";
	char ipv6[IP_TEXT], prefix[PREFIX_TEXT] = "none", up[FORMAT_TEXT];

	base64_encode(n->key.b, sizeof(n->key.b), key, sizeof(key));
	if (n->ipv4.family != FAMILY_NONE)
		ip_format(&n->ipv4, ipv4);
	ip_format(&n->ipv6, ipv6);
	if (n->prefix.ip.family != FAMILY_NONE)
		prefix_format(&n->prefix, prefix);
	format_age(up, span_in_s(instant_since(r->now, n->started)));
	put(s, BOLD, n->interface);
	fprintf(s->out, ": up %s, UDP port %u, mode %s, MTU %u\n", up, n->port,
		n->gossip_only ? "gossip-only" : "userspace", n->mtu);
	fprintf(s->out, "  key        %s\n", key);
	if (n->gossip_only)
		fprintf(s->out, "  addresses  none: this node carries no packets\n");
	else
		fprintf(s->out, "  addresses  %s, %s (prefix %s)\n", ipv4, ipv6, prefix);
	print_second(r, s);
	fprintf(s->out, "  directory  %s\n", r->about.directory);
	if (n->nat_kind)
		fprintf(s->out, "  NAT        %s\n", nat_text(n->nat_kind));
	if (n->relays)
		fprintf(s->out, "  relay      carries traffic of peers that have no path\n");
	fprintf(s->out, "  peers      %u alive of %u trusted\n", n->alive, n->trusted);
	print_orgs(s, n);
	if (n->trust_unreadable)
		put(s, RED, "  the trusted keys cannot be read: nobody is let in\n");
	else if (n->trusted == 0 && !n->open && !n->org_count)
		put(s, YELLOW, "  nobody is trusted; let somebody in with: meshguard trust KEY\n");
	if (n->bad_keys) {
		char line[80];

		snprintf(line, sizeof(line),
			 "  %u unusable keys; meshguard config show names them\n", n->bad_keys);
		put(s, YELLOW, line);
	}
	if (n->left_out) {
		char line[120];

		snprintf(line, sizeof(line),
			 "  trusted keys left out: %u, with room for %u; raise --max-members\n",
			 n->left_out, n->max_members);
		put(s, YELLOW, line);
	}
	print_services(s, n);
	for (unsigned i = 0; i < n->seed_count; i++) {
		char seed[ENDPOINT_TEXT];

		endpoint_format(&n->seeds[i].endpoint, seed);
		fprintf(s->out, "  seed       %s %s", seed,
			n->seeds[i].answered ? "answered" : "no answer");
		if (n->seeds[i].source != REPORT_GIVEN)
			fprintf(s->out, " (%s)", report_source_word(n->seeds[i].source));
		fputc('\n', s->out);
	}
}

/* Nothing was ever heard of it. */
static bool is_silent(const struct report_peer *p)
{
	return p->state == REPORT_UNKNOWN && !p->session && !p->path_up
	       && !instant_is_set(p->last_heard) && !instant_is_set(p->last_handshake_at);
}

static enum colour state_colour(enum report_state state)
{
	switch (state) {
	case REPORT_ALIVE: return GREEN;
	case REPORT_SUSPECT: return YELLOW;
	case REPORT_DEAD: return RED;
	case REPORT_UNKNOWN:
	case REPORT_LEFT: break;
	}
	return PLAIN;
}

static void add_address(struct table *t, const struct report_peer *p)
{
	char text[IP_TEXT] = "-";

	if (p->ipv4.family != FAMILY_NONE)
		ip_format(&p->ipv4, text);
	else if (p->ipv6.family != FAMILY_NONE)
		ip_format(&p->ipv6, text);
	table_add(t, PLAIN, text);
}

static void add_peer(struct table *t, const struct report_peer *p, struct instant now)
{
	char rtt[FORMAT_TEXT], age[FORMAT_TEXT] = "never", rx[FORMAT_TEXT], tx[FORMAT_TEXT];
	char both[2 * FORMAT_TEXT], endpoint[ENDPOINT_TEXT];
	char path[sizeof(p->relay) + ENDPOINT_TEXT + 24] = "-";

	format_rtt(rtt, p->rtt_us);
	if (instant_is_set(p->last_handshake_at))
		format_age(age, span_in_s(instant_since(now, p->last_handshake_at)));
	format_bytes(rx, p->rx_bytes);
	format_bytes(tx, p->tx_bytes);
	snprintf(both, sizeof(both), "%s/%s", rx, tx);
	if (endpoint_is_set(&p->endpoint)) {
		endpoint_format(&p->endpoint, endpoint);
		if (*p->relay)
			snprintf(path, sizeof(path), "relay via %s", p->relay);
		else
			snprintf(path, sizeof(path), "%s%s%s", p->path_up ? "direct " : "",
				 endpoint, p->path_up ? "" : " (silent)");
	}
	table_add(t, BOLD, p->name);
	add_address(t, p);
	table_add(t, state_colour(p->state), report_state_word(p->state));
	table_add(t, p->session ? GREEN : PLAIN,
		  p->session ? "up" : p->handshaking ? "trying" : "idle");
	table_add(t, PLAIN, rtt);
	table_add(t, PLAIN, age);
	table_add(t, PLAIN, both);
	table_add(t, PLAIN, path);
}

static void print_peers(const struct report *r, const struct screen *s)
{
	static const char *const heads[] = { "NAME", "ADDRESS",	  "STATE", "TUNNEL",
					     "RTT",  "HANDSHAKE", "RX/TX", "PATH" };
	struct table t = { .columns = sizeof(heads) / sizeof(*heads),
			   .right = 1u << 4 | 1u << 5 | 1u << 6 };

	for (size_t i = 0; i < r->count; i++) {
		if (is_silent(&r->peers[i]))
			continue;
		for (unsigned c = 0; t.count < t.columns; c++)
			table_add(&t, BOLD, heads[c]);
		add_peer(&t, &r->peers[i], r->now);
	}
	if (t.count)
		putc('\n', s->out);
	table_print(&t, s);
}

static const char *reason_text(enum report_reason reason)
{
	switch (reason) {
	case REASON_NONE: return "";
	case REASON_NEVER_HEARD: return "no seed and no peer knows where it is";
	case REASON_NO_SEED: return "no address to ask; give one with --seed";
	case REASON_NO_ANSWER: return "no answer from where it should be";
	case REASON_NO_HANDSHAKE: return "its tunnel does not answer";
	case REASON_LEFT: return "it left";
	case REASON_DEAD: return "it answers nobody";
	case REASON_PREFIX: return "its IPv4 prefix is not ours: only IPv6 works";
	case REASON_ADDRESS: return "another key holds its IPv4 address: only IPv6 works";
	case REASON_BOTH_HARD: return "both NATs are symmetric and no member relays";
	case REASON_NO_HELPER: return "behind a NAT, and no member that helps is reached";
	}
	return "";
}

/* Keys that never answered, and what is known of why. */
static void print_silent(const struct report *r, const struct screen *s)
{
	struct table t = { .columns = 3 };

	for (size_t i = 0; i < r->count; i++) {
		const struct report_peer *p = &r->peers[i];

		if (!is_silent(p))
			continue;
		table_add(&t, BOLD, p->name);
		add_address(&t, p);
		table_add(&t, PLAIN, reason_text(p->reason));
	}
	if (t.count)
		fputs("\nTrusted, but never heard:\n", s->out);
	table_print(&t, s);
}

/* What the columns cannot say about the others. */
static void print_notes(const struct report *r, const struct screen *s)
{
	bool first = true;

	for (size_t i = 0; i < r->count; i++) {
		const struct report_peer *p = &r->peers[i];

		if (is_silent(p) || p->reason == REASON_NONE || p->reason == REASON_LEFT
		    || p->reason == REASON_DEAD)
			continue;
		fprintf(s->out, "%s%s: %s\n", first ? "\n" : "", p->name, reason_text(p->reason));
		first = false;
	}
}

static void print_endings(const struct report *r, const struct screen *s)
{
	for (size_t i = 0; i < r->count; i++) {
		const struct report_peer *p = &r->peers[i];
		char line[sizeof(p->name) + 80], left[FORMAT_TEXT];

		if (!p->until || p->left_s > ENDS_SOON_S)
			continue;
		format_age(left, p->left_s);
		snprintf(line, sizeof(line), "\n%s: its certificate ends in %s\n", p->name, left);
		put(s, YELLOW, line);
	}
}

/* Who has stolen a key can announce one, too: this is for people to judge. */
static void print_successors(const struct report *r, const struct screen *s)
{
	for (size_t i = 0; i < r->count; i++) {
		const struct report_peer *p = &r->peers[i];
		char line[2 * sizeof(p->name) + 2 * IP_TEXT + 240], key[BASE64_LEN(32) + 1];
		char ipv4[IP_TEXT] = "no IPv4", ipv6[IP_TEXT];
		struct ip ip;

		if (!p->has_successor)
			continue;
		base64_encode(p->successor.b, sizeof(p->successor.b), key, sizeof(key));
		if (r->node.prefix.ip.family != FAMILY_NONE) {
			mesh_ipv4(&p->successor, 0, &r->node.prefix, &ip);
			ip_format(&ip, ipv4);
		}
		mesh_ipv6(&p->successor, &ip);
		ip_format(&ip, ipv6);
		if (p->successor_disputed)
			snprintf(line, sizeof(line), "\n%s: announced two different new keys, so "
				 "neither counts\n  its key may be stolen\n", p->name);
		else
			snprintf(line, sizeof(line), "\n%s: announces a new key %s\n"
				 "  its addresses will be %s, %s\n"
				 "  accept it with: meshguard trust --successor %s\n",
				 p->name, key, ipv4, ipv6, p->name);
		put(s, p->successor_disputed ? RED : YELLOW, line);
	}
}

/* Two records of one sequence: nobody but two holders of the key can sign them. */
static void print_conflicts(const struct report *r, const struct screen *s)
{
	for (size_t i = 0; i < r->count; i++) {
		char line[sizeof(r->peers[i].name) + 80];

		if (!r->peers[i].conflict)
			continue;
		snprintf(line, sizeof(line), "\n%s: conflict: its key is used at two places\n",
			 r->peers[i].name);
		put(s, RED, line);
	}
}

void print_report(const struct report *r, const struct screen *s)
{
	print_node(r, s);
	print_peers(r, s);
	print_silent(r, s);
	print_notes(r, s);
	print_endings(r, s);
	print_successors(r, s);
	print_conflicts(r, s);
}
