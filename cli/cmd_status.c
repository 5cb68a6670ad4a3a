/* cmd_status.c - the daemon's report, for people and for programs. */
#include "cli/daemon.h"
#include "cli/report.h"
#include "linux/loop.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void keep_node(struct report *r, const struct answer *a)
{
	r->node = a->node;
	r->about = a->about;
	memcpy(r->names, a->names, sizeof(r->names));
	/* The names lie in the answer; ours are at the same places. */
	for (unsigned i = 0; i < r->node.table_count; i++)
		r->node.tables[i].name =
			r->names[(a->node.tables[i].name - a->names[0]) / ANSWER_NAME];
	for (unsigned i = 0; i < r->node.counter_count; i++)
		r->node.counters[i].name =
			r->names[(a->node.counters[i].name - a->names[0]) / ANSWER_NAME];
}

static void keep_peer(struct report *r, const struct report_peer *p)
{
	if (r->count == r->cap) {
		r->cap = r->cap ? 2 * r->cap : 64;
		r->peers = reallocarray(r->peers, r->cap, sizeof(*r->peers));
		if (!r->peers)
			exit(fail(EXIT_FAILED, "out of memory"));
	}
	r->peers[r->count++] = *p;
}

static int by_name(const void *a, const void *b)
{
	const struct report_peer *p = a, *q = b;
	int d = strcmp(p->name, q->name);

	return d ? d : memcmp(&p->key, &q->key, sizeof(p->key));
}

/* Asks for everything. */
static enum exit_code collect(struct control_client *c, const char *interface, struct report *out)
{
	static struct answer answer;
	bool node = false;
	int r = control_ask(c, REQUEST_STATUS);

	if (r < 0)
		return lost_daemon(interface, r);
	while ((r = control_next(c, &answer)) > 0) {
		node |= answer.kind == ANSWER_NODE;
		if (answer.kind == ANSWER_NODE)
			keep_node(out, &answer);
		else
			keep_peer(out, &answer.peer);
	}
	if (r < 0)
		return lost_daemon(interface, r);
	if (answer.kind == ANSWER_ERROR)
		return refused_by_daemon(interface, answer.problem);
	if (!node || answer.peers != out->count)
		return lost_daemon(interface, -EPROTO);
	if (out->count)
		qsort(out->peers, out->count, sizeof(*out->peers), by_name);
	out->now = clock_now().boot;
	return EXIT_DONE;
}

static bool print_part(json_t *part)
{
	bool good = part && json_dumpf(part, stdout, JSON_COMPACT) == 0;

	json_decref(part);
	return good;
}

/* One peer a line, so that no tree of 16,384 stands in memory. */
static enum exit_code print_json(const struct report *r)
{
	bool good;

	printf("{\"version\":%u,\"node\":", CONTROL_VERSION);
	good = print_part(report_node_json(&r->node, &r->about, r->now));
	printf(",\"peers\":[");
	for (size_t i = 0; good && i < r->count; i++) {
		fputs(i ? ",\n" : "\n", stdout);
		good = print_part(report_peer_json(&r->peers[i], r->now));
	}
	puts("]}");
	return good ? EXIT_DONE : EXIT_FAILED;
}

static void print_pending(const struct report *r)
{
	char in[FORMAT_TEXT];

	if (!instant_is_set(r->node.services_until))
		return;
	format_age(in, span_in_s(instant_since(r->node.services_until, r->now)));
	printf("a change of the service rules is rolled back in %s unless: meshguard service "
	       "confirm\n", in);
}

static void print_data_plane(const struct report_node *n)
{
	if (n->aead[0])
		printf("data plane: packets sealed and opened by %s; kernel offloads: %s\n",
		       n->aead, n->offloads[0] ? n->offloads : "none");
}

/* Of the peers that packets went to. */
static void print_path_mtus(const struct report *r)
{
	const char *between = "path MTU:";

	for (size_t i = 0; i < r->count; i++) {
		const struct report_peer *p = &r->peers[i];

		if (!p->path_up || !p->path_mtu)
			continue;
		printf("%s %s %u", between, p->name, p->path_mtu);
		between = ",";
	}
	if (*between == ',')
		puts("");
}

static enum exit_code run(const struct arguments *a)
{
	static struct control_client client;
	static struct report report;
	const char *interface;
	enum exit_code code;
	int r;

	if (!chosen_interface(a, &interface))
		return EXIT_USAGE;
	r = control_connect(&client, interface);
	if (r < 0)
		return no_daemon(interface, r);
	code = collect(&client, interface, &report);
	control_close(&client);
	if (code == EXIT_DONE && has_option(a, "json")) {
		code = print_json(&report);
	} else if (code == EXIT_DONE) {
		struct screen screen = screen_of(stdout);

		print_report(&report, &screen);
		print_pending(&report);
		if (has_option(a, "verbose")) {
			print_data_plane(&report.node);
			print_path_mtus(&report);
		}
	}
	free(report.peers);
	return code;
}

const struct command command_status = {
	.name = "status",
	.summary = "this node, its peers, and how they are reached",
	.words = "",
	.options = (const struct option_spec[]){ JSON_OPTION, INTERFACE_OPTION,
		{ .name = "verbose", .kind = OPTION_FLAG,
		  .help = "also how packets are sealed, and how long they may be" },
		{ 0 } },
	.text = "STATE is what the members tell each other about a peer. TUNNEL is up when\n"
		"WireGuard has a session with it, idle when none was needed. RX/TX are the\n"
		"bytes through it, PATH is the address that is used. Trusted keys that were\n"
		"never heard are listed below with the reason.",
	.example = "meshguard status",
	.run = run,
};
