/* cmd_netcheck.c - what this host's network lets through, as the running daemon found out, and as a
 * survey with sockets of its own does. */
#include "cli/daemon.h"
#include "cli/netcheck.h"
#include "cli/report.h"
#include "linux/loop.h"
#include "linux/reach_json.h"

#include "identity/record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void keep_member(struct netcheck *c, const struct report_peer *p)
{
	if (!p->path_up)
		return;
	if (c->count == c->cap) {
		c->cap = c->cap ? 2 * c->cap : 64;
		c->members = reallocarray(c->members, c->cap, sizeof(*c->members));
		if (!c->members)
			exit(fail(EXIT_FAILED, "out of memory"));
	}
	c->members[c->count++] = *p;
}

static int by_rtt(const void *a, const void *b)
{
	const struct report_peer *p = a, *q = b;

	return p->rtt_us < q->rtt_us ? -1 : p->rtt_us > q->rtt_us ? 1 : strcmp(p->name, q->name);
}

static enum exit_code collect(struct control_client *client, const char *interface,
			      struct netcheck *c)
{
	static struct answer answer;
	bool node = false;
	int r = control_ask(client, REQUEST_STATUS);

	if (r < 0)
		return lost_daemon(interface, r);
	while ((r = control_next(client, &answer)) > 0) {
		if (answer.kind == ANSWER_NODE) {
			c->node = answer.node;
			node = true;
		} else if (answer.kind == ANSWER_PEER) {
			keep_member(c, &answer.peer);
		}
	}
	if (r < 0)
		return lost_daemon(interface, r);
	if (answer.kind == ANSWER_ERROR)
		return refused_by_daemon(interface, answer.problem);
	if (!node)
		return lost_daemon(interface, -EPROTO);
	c->daemon = true;
	if (c->count)
		qsort(c->members, c->count, sizeof(*c->members), by_rtt);
	return EXIT_DONE;
}

/* --- what follows from it ------------------------------------------------------------------ */

enum verdict { NO, YES, UNKNOWN };

/* Somebody on the Internet or elsewhere answered; or all who were asked did not. */
static enum verdict udp_works(const struct netcheck *c)
{
	enum verdict v = c->node.stun_count ? NO : UNKNOWN;

	if (c->count)
		return YES;
	for (unsigned i = 0; i < c->node.stun_count; i++) {
		if (endpoint_is_set(&c->node.stun[i].mapped))
			return YES;
		if (c->node.stun[i].asking)
			v = UNKNOWN;
	}
	return v;
}

/* What the Internet sees of that family; family 0: nothing known. */
static struct endpoint seen_as(const struct netcheck *c, enum family family)
{
	for (unsigned i = 0; i < c->node.stun_count; i++)
		if (c->node.stun[i].mapped.ip.family == family)
			return c->node.stun[i].mapped;
	for (unsigned i = 0; i < c->node.candidate_count; i++) {
		const struct endpoint *e = &c->node.candidates[i].endpoint;

		if (e->ip.family == family && ip_is_public(&e->ip))
			return *e;
	}
	return (struct endpoint){ 0 };
}

static bool is_open(const struct netcheck *c)
{
	return instant_is_set(c->node.dialled_back);
}

/* --- for programs -------------------------------------------------------------------------- */

static json_t *endpoint_or_null(struct endpoint e)
{
	char text[ENDPOINT_TEXT];

	if (!endpoint_is_set(&e))
		return json_null();
	endpoint_format(&e, text);
	return json_string(text);
}

static json_t *members_json(const struct netcheck *c)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < c->count; i++)
		json_array_append_new(list, json_pack("{s:s,s:o,s:o}", "name", c->members[i].name,
			"endpoint", endpoint_or_null(c->members[i].endpoint),
			"rtt_us", c->members[i].rtt_us ?
			json_integer((json_int_t)(c->members[i].rtt_us & INT64_MAX)) :
			json_null()));
	return list;
}

static json_t *hairpin_json(const struct netcheck *c)
{
	if (c->hairpin == SURVEY_HAIRPIN_UNKNOWN)
		return json_null();
	return json_boolean(c->hairpin == SURVEY_HAIRPIN_YES);
}

static const char *filtering_word(const struct netcheck *c)
{
	return is_open(c) ? "open" : survey_filtering_word(c->filtering);
}

static enum exit_code print_json(const struct netcheck *c)
{
	enum verdict udp = udp_works(c);
	json_t *json = json_pack("{s:i,s:b,s:o,s:o,s:o,s:s,s:s,s:o,s:o,s:o,s:o}", "version",
		CONTROL_VERSION, "daemon", c->daemon,
		"udp", udp == UNKNOWN ? json_null() : json_boolean(udp == YES),
		"ipv4", endpoint_or_null(seen_as(c, FAMILY_IPV4)),
		"ipv6", endpoint_or_null(seen_as(c, FAMILY_IPV6)),
		"mapping", survey_mapping_word(c->mapping), "filtering", filtering_word(c),
		"hairpin", hairpin_json(c),
		"lifetime_s", c->lifetime_known ? json_integer(c->lifetime_s) : json_null(),
		"reach", reach_json(&c->node, c->now), "members", members_json(c));
	bool good = json && json_dumpf(json, stdout, JSON_COMPACT) == 0;

	puts("");
	json_decref(json);
	return good ? EXIT_DONE : EXIT_FAILED;
}

/* --- for people ---------------------------------------------------------------------------- */

static void print_seen(const char *name, const struct netcheck *c, enum family family)
{
	struct endpoint e = seen_as(c, family);
	char text[ENDPOINT_TEXT];

	if (!endpoint_is_set(&e)) {
		printf("%-13s nobody sees an address of it\n", name);
		return;
	}
	endpoint_format(&e, text);
	printf("%-13s %s\n", name, text);
}

static void print_mapping(const struct netcheck *c)
{
	char external[ENDPOINT_TEXT], gateway[IP_TEXT], left[FORMAT_TEXT];

	if (!c->node.mapping_count)
		printf("%-13s no router maps the port\n", "mapped port");
	for (unsigned i = 0; i < c->node.mapping_count; i++) {
		const struct report_mapping *m = &c->node.mappings[i];

		endpoint_format(&m->external, external);
		ip_format(&m->gateway.ip, gateway);
		format_age(left, span_in_s(instant_since(m->until, c->now)));
		printf("%-13s %s by %s from %s, for %s%s\n", i ? "" : "mapped port", external,
		       mapping_word(m->protocol), gateway, left,
		       m->double_nat ? "; useless: there is another NAT above" : "");
	}
}

static void print_stun(const struct netcheck *c)
{
	for (unsigned i = 0; i < c->node.stun_count; i++) {
		const struct report_stun *s = &c->node.stun[i];
		char server[ENDPOINT_TEXT], mapped[ENDPOINT_TEXT] = "no answer";

		endpoint_format(&s->server, server);
		if (endpoint_is_set(&s->mapped))
			endpoint_format(&s->mapped, mapped);
		else if (s->asking)
			snprintf(mapped, sizeof(mapped), "no answer yet");
		printf("%-13s %s: %s\n", i ? "" : "STUN", server, mapped);
	}
}

static void print_members(const struct netcheck *c)
{
	for (size_t i = 0; i < c->count; i++) {
		char rtt[FORMAT_TEXT], at[ENDPOINT_TEXT];

		format_rtt(rtt, c->members[i].rtt_us);
		endpoint_format(&c->members[i].endpoint, at);
		printf("%-13s %s: %s, %s\n", i ? "" : "members", c->members[i].name, rtt, at);
	}
	if (!c->count)
		printf("%-13s none is reached\n", "members");
}

static void print_nat(const struct netcheck *c)
{
	static const char *const ports[SURVEY_MAPPINGS] = {
		[SURVEY_ADDRESS] = ": one for each address",
		[SURVEY_ADDRESS_AND_PORT] = ": one for each address and port",
	};
	const char *detail = c->mapping < SURVEY_MAPPINGS ? ports[c->mapping] : NULL;

	printf("%-13s %s%s\n", "NAT", nat_text(c->node.nat_kind), detail ? detail : "");
}

static void print_lifetime(const struct netcheck *c)
{
	if (c->lifetime_known && c->lifetime_s)
		printf("%-13s a mapping that nothing uses lives %u s at least\n", "NAT lifetime",
		       c->lifetime_s);
	else if (c->lifetime_known)
		printf("%-13s a mapping that nothing uses lives less than %u s\n",
		       "NAT lifetime", lifetime_silence_s[0]);
	else
		printf("%-13s not measured; --lifetime does, in some minutes\n", "NAT lifetime");
}

static void print_all(const struct netcheck *c)
{
	static const char *const udp[] = {
		[NO] = "no answer from anybody: blocked, or no network", [YES] = "works",
		[UNKNOWN] = "nobody was asked, or did not answer yet",
	};
	static const char *const filtering[SURVEY_FILTERINGS] = {
		[SURVEY_FILTERING_UNKNOWN] = "unknown: no server that was asked can tell",
		[SURVEY_LETS_ALL] = "none: it lets in what comes from anywhere",
		[SURVEY_LETS_ADDRESS] = "by address: it lets in who was sent to, from any port",
		[SURVEY_LETS_ADDRESS_AND_PORT] = "by address and port: it lets in answers alone",
	};
	char age[FORMAT_TEXT];

	printf("%-13s %s\n", "UDP", udp[udp_works(c)]);
	print_seen("IPv4", c, FAMILY_IPV4);
	print_seen("IPv6", c, FAMILY_IPV6);
	format_age(age, span_in_s(instant_since(c->now, c->node.dialled_back)));
	print_nat(c);
	if (is_open(c))
		printf("%-13s none: a member came through unasked, %s ago\n", "filtering", age);
	else
		printf("%-13s %s\n", "filtering", filtering[c->filtering]);
	if (c->daemon)
		print_mapping(c);
	print_lifetime(c);
	if (c->hairpin != SURVEY_HAIRPIN_UNKNOWN)
		printf("%-13s %s\n", "hairpin", c->hairpin == SURVEY_HAIRPIN_YES ?
		       "yes: what is sent to the outside address comes back in" : "no");
	print_stun(c);
	if (c->daemon)
		print_members(c);
	else
		printf("%-13s meshguard is not running\n", "members");
}

/* What the daemon knows. No daemon, or none that talks to us: that is no failure, unless one was
 * asked for by name. */
static enum exit_code ask_daemon(struct netcheck *check, const struct arguments *a)
{
	static struct control_client client;
	const char *interface;
	enum exit_code code;
	int r;

	if (!chosen_interface(a, &interface))
		return EXIT_USAGE;
	r = control_connect(&client, interface);
	if (r == 0) {
		code = collect(&client, interface, check);
		control_close(&client);
		return code;
	}
	if (has_option(a, "interface") ||
	    (r != -ENOENT && r != -ECONNREFUSED && r != -EACCES && r != -EPERM))
		return no_daemon(interface, r);
	if (r == -EACCES || r == -EPERM)
		note("netcheck: the daemon on %s talks to root and its owner alone; without what "
		     "it knows:", interface);
	return EXIT_DONE;
}

static enum exit_code run(const struct arguments *a)
{
	static struct netcheck check;
	enum exit_code code = ask_daemon(&check, a);

	if (code != EXIT_DONE)
		return code;
	code = start_crypto() ? netcheck_survey(&check, a) : EXIT_FAILED;
	if (code != EXIT_DONE)
		return code;
	if (!check.lifetime_known && check.node.lifetime_known) {
		check.lifetime_known = true;
		check.lifetime_s = check.node.lifetime_s;
	}
	check.now = clock_now().boot;
	if (has_option(a, "json"))
		code = print_json(&check);
	else
		print_all(&check);
	free(check.members);
	return code;
}

const struct command command_netcheck = {
	.name = "netcheck",
	.summary = "what this host's network lets through",
	.words = "",
	.options = (const struct option_spec[]){
		JSON_OPTION,
		{ .name = "lifetime", .kind = OPTION_FLAG,
		  .help = "also measure how long the NAT keeps a mapping: minutes" },
		{ .name = "stun", .kind = OPTION_TEXT, .repeats = true, .value = "HOST:PORT",
		  .help = "ask these servers; or: off" },
		INTERFACE_OPTION, { 0 } },
	.text = "Says whether UDP gets through, what others see this host as, what kind of\n"
		"NAT is in between, whether it filters and whether it turns back what is sent\n"
		"to itself: by STUN servers, from sockets of its own. With a running daemon\n"
		"also the port that a router maps, the lifetime that the daemon measured, and\n"
		"how far away the members are. Needs no daemon and no rights.",
	.example = "meshguard netcheck",
	.run = run,
};
