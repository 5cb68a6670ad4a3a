/* cmd_ping.c - by which path the daemon reaches a peer. A datagram to the peer's mesh address each
 * second keeps the path in use, and the daemon's probes measure it. */
#include "cli/daemon.h"
#include "cli/report.h"

#include "identity/address.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define DISCARD 9 /* RFC 863: whoever gets it need not answer */

struct target {
	const char *name;
	struct report_peer peer;
	bool found;
	uint32_t mtu;
};

static enum exit_code look(struct control_client *client, const char *interface, struct target *t)
{
	static struct answer answer;
	int r = control_ask(client, REQUEST_STATUS);

	t->found = false;
	if (r < 0)
		return lost_daemon(interface, r);
	while ((r = control_next(client, &answer)) > 0) {
		if (answer.kind == ANSWER_NODE) {
			t->mtu = answer.node.mtu;
		} else if (answer.kind == ANSWER_PEER && !strcmp(answer.peer.name, t->name)) {
			t->peer = answer.peer;
			t->found = true;
		}
	}
	if (r < 0)
		return lost_daemon(interface, r);
	if (answer.kind == ANSWER_ERROR)
		return refused_by_daemon(interface, answer.problem);
	return EXIT_DONE;
}

/* A packet of one byte for the tunnel. Without a route to it the daemon has no interface. */
static bool use_path(const struct report_peer *p)
{
	struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_port = htons(DISCARD) };
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool sent;

	if (fd < 0)
		return false;
	memcpy(&to.sin6_addr, p->ipv6.b, sizeof(to.sin6_addr));
	sent = sendto(fd, "", 1, MSG_DONTWAIT, (const struct sockaddr *)&to, sizeof(to)) == 1;
	close(fd);
	return sent;
}

static void print_path(const struct target *t)
{
	const struct report_peer *p = &t->peer;
	char rtt[FORMAT_TEXT], at[ENDPOINT_TEXT];

	if (!p->path_up) {
		printf("%s: no path yet\n", p->name);
	} else {
		format_rtt(rtt, p->rtt_us);
		endpoint_format(&p->endpoint, at);
		printf("%s: %s%s, round trip %s, MTU %u\n", p->name,
		       *p->relay ? "relay via " : "direct ", *p->relay ? p->relay : at, rtt,
		       t->mtu);
	}
	fflush(stdout);
}

static enum exit_code ping(struct control_client *client, const char *interface, struct target *t,
			   uint64_t count, bool until_direct)
{
	const struct timespec second = { .tv_sec = 1 };
	enum exit_code code;

	for (uint64_t i = 0; i < count; i++) {
		if (i)
			nanosleep(&second, NULL);
		code = look(client, interface, t);
		if (code != EXIT_DONE)
			return code;
		if (!t->found)
			return fail(EXIT_FAILED, "ping: no peer is called %.80s; the names are in: "
				    "meshguard status", t->name);
		if (!use_path(&t->peer))
			return fail(EXIT_FAILED, "ping: no packet goes to %.80s: %s", t->name,
				    strerror(errno));
		print_path(t);
		if (until_direct && t->peer.path_up && !*t->peer.relay)
			return EXIT_DONE;
	}
	return t->peer.path_up && !until_direct ? EXIT_DONE : EXIT_TIMED_OUT;
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
	code = ping(&client, interface, &target,
		    option_number(a, "count", has_option(a, "until-direct") ? 60 : 5),
		    has_option(a, "until-direct"));
	control_close(&client);
	return code;
}

const struct command command_ping = {
	.name = "ping",
	.summary = "by which path a peer is reached, each second",
	.words = "PEER",
	.min_words = 1,
	.max_words = 1,
	.options = (const struct option_spec[]){
		{ .name = "count", .kind = OPTION_NUMBER, .min = 1, .max = 1000000, .value = "N",
		  .help = "seconds (default: 5; with --until-direct 60)" },
		{ .name = "until-direct", .kind = OPTION_FLAG,
		  .help = "ends when the path is direct; otherwise exit code 5" },
		INTERFACE_OPTION, { 0 } },
	.text = "Uses the path to the peer, so that the daemon looks for the best one, and says\n"
		"each second whether it is direct or through a relay, and how long its round\n"
		"trip is. Exit code 5: there is none.",
	.example = "meshguard ping alice --until-direct",
	.run = run,
};
