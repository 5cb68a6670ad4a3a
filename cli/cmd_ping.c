/* cmd_ping.c - by which path the daemon reaches a peer, and how long a sealed probe takes by it:
 * one each second, sent by the daemon, which uses the path for it as for a packet. */
#include "cli/daemon.h"
#include "cli/report.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

struct target {
	const char *name;
	struct report_peer peer;
	bool found;
	uint64_t rtt_us;   /* of the last probe; 0: it was not answered */
	uint32_t mtu;      /* of the interface */
};

/* Takes the parts of an answer that are about the peer. */
static enum exit_code take(struct control_client *client, const char *interface, struct target *t)
{
	static struct answer answer;
	int r;

	t->found = false;
	while ((r = control_next(client, &answer)) > 0) {
		if (answer.kind == ANSWER_NODE)
			t->mtu = answer.node.mtu;
		else if (answer.kind == ANSWER_PONG)
			t->rtt_us = answer.rtt_us;
		if (answer.kind != ANSWER_PEER || strcmp(answer.peer.name, t->name))
			continue;
		t->peer = answer.peer;
		t->found = true;
	}
	if (r < 0)
		return lost_daemon(interface, r);
	if (answer.kind == ANSWER_ERROR)
		return refused_by_daemon(interface, answer.problem);
	if (!t->found)
		return fail(EXIT_FAILED, "ping: no peer is called %.80s; the names are in: "
			    "meshguard status", t->name);
	return EXIT_DONE;
}

static void print_text(const struct target *t)
{
	const struct report_peer *p = &t->peer;
	char rtt[FORMAT_TEXT], at[ENDPOINT_TEXT], mtu[32] = "not measured yet";

	if (!p->path_up) {
		printf("%s: no path yet\n", p->name);
		return;
	}
	endpoint_format(&p->endpoint, at);
	printf("%s: %s%s, ", p->name, *p->relay ? "relay via " : "direct ",
	       *p->relay ? p->relay : at);
	if (!t->rtt_us) {
		printf("no answer\n");
		return;
	}
	format_rtt(rtt, t->rtt_us);
	if (p->path_mtu)
		snprintf(mtu, sizeof(mtu), "%u", p->path_mtu);
	printf("round trip %s, path MTU %s\n", rtt, mtu);
}

static json_t *number_or_null(uint64_t n)
{
	return n ? json_integer((json_int_t)(n & INT64_MAX)) : json_null();
}

/* One object a line. */
static bool print_json(const struct target *t)
{
	const struct report_peer *p = &t->peer;
	char at[ENDPOINT_TEXT] = "";

	if (endpoint_is_set(&p->endpoint))
		endpoint_format(&p->endpoint, at);
	json_t *json = json_pack("{s:i,s:s,s:o,s:s?,s:s?,s:s?,s:o,s:i}", "version",
		CONTROL_VERSION, "name", p->name, "rtt_us", number_or_null(t->rtt_us),
		"path", p->path_up ? *p->relay ? "relay" : "direct" : NULL,
		"relay", *p->relay ? p->relay : NULL, "endpoint", *at ? at : NULL,
		"path_mtu", number_or_null(p->path_mtu), "mtu", (int)t->mtu);
	const bool good = json && json_dumpf(json, stdout, JSON_COMPACT) == 0;

	puts("");
	json_decref(json);
	return good;
}

/* One probe, and what it found. */
static enum exit_code probe(struct control_client *client, const char *interface,
			    struct target *t, bool json)
{
	enum exit_code code;
	int r = control_ping(client, &t->peer.key);

	t->rtt_us = 0;
	code = r < 0 ? lost_daemon(interface, r) : take(client, interface, t);
	if (code != EXIT_DONE)
		return code;
	if (!json)
		print_text(t);
	else if (!print_json(t))
		return EXIT_FAILED;
	fflush(stdout);
	return EXIT_DONE;
}

static enum exit_code ping(struct control_client *client, const char *interface, struct target *t,
			   const struct arguments *a)
{
	const struct timespec second = { .tv_sec = 1 };
	const bool until_direct = has_option(a, "until-direct");
	const uint64_t count = option_number(a, "count", until_direct ? 60 : 5);
	enum exit_code code;
	int r = control_ask(client, REQUEST_STATUS);

	code = r < 0 ? lost_daemon(interface, r) : take(client, interface, t);
	for (uint64_t i = 0; i < count && code == EXIT_DONE; i++) {
		if (i)
			nanosleep(&second, NULL);
		code = probe(client, interface, t, has_option(a, "json"));
		if (until_direct && t->rtt_us && !*t->peer.relay)
			return code;
	}
	if (code != EXIT_DONE)
		return code;
	return t->rtt_us && !until_direct ? EXIT_DONE : EXIT_TIMED_OUT;
}

static enum exit_code run(const struct arguments *a)
{
	static struct control_client client;
	static struct target target;
	const char *interface;
	enum exit_code code;
	int r;

	if (!chosen_interface(a, &interface))
		return EXIT_USAGE;
	target.name = a->words[0];
	r = control_connect(&client, interface);
	if (r < 0)
		return no_daemon(interface, r);
	code = ping(&client, interface, &target, a);
	control_close(&client);
	return code;
}

const struct command command_ping = {
	.name = "ping",
	.summary = "by which path a peer is reached, and how fast",
	.words = "PEER",
	.min_words = 1,
	.max_words = 1,
	.options = (const struct option_spec[]){
		{ .name = "count", .kind = OPTION_NUMBER, .min = 1, .max = 1000000, .value = "N",
		  .help = "probes (default: 5; with --until-direct 60)" },
		{ .name = "until-direct", .kind = OPTION_FLAG,
		  .help = "ends when the path is direct; otherwise exit code 5" },
		JSON_OPTION, INTERFACE_OPTION, { 0 } },
	.text = "The daemon sends the peer a sealed probe each second by the path that it uses\n"
		"then, and looks for a better one. Shown are the path, direct or through a\n"
		"relay, the round trip of that probe, and the longest packet that passes.\n"
		"Exit code 5: there was no answer to the last one.",
	.example = "meshguard ping alice --until-direct",
	.run = run,
};
