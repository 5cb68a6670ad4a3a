/* connect_daemon.c - the daemon that does the work: the one that runs, or one that we start. */
#include "cli/connect.h"

#include "cli/daemon.h"
#include "identity/address.h"
#include "linux/loop.h"
#include "linux/rtnetlink.h"

#include <cap-ng.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define TUNNEL_MS 10000u
#define PEERS 256u

/* --- starting and stopping --------------------------------------------------------------- */

/* As `meshguard up --detach`. What it says goes where our errors go. */
static enum exit_code start(struct connect *c, const struct prefix *prefix)
{
	char text[PREFIX_TEXT], interface[IFNAMSIZ];
	int status;
	pid_t pid;

	c->exchange_only = !capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_ADMIN);
	prefix_format(prefix, text);
	snprintf(interface, sizeof(interface), "%s", c->interface);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		dup2(STDERR_FILENO, STDOUT_FILENO);
		execl("/proc/self/exe", "meshguard", "up", "--detach", "--interface", interface,
		      "--prefix", text, c->exchange_only ? "--gossip-only" : NULL, NULL);
		_exit(EXIT_FAILED);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			pid = -1;
	if (pid < 0 || !WIFEXITED(status))
		return fail(EXIT_FAILED, "a daemon cannot be started: %s", strerror(errno));
	return (enum exit_code)WEXITSTATUS(status);
}

enum exit_code connect_daemon(struct connect *c, const struct prefix *prefix)
{
	const struct prefix wanted = prefix ? *prefix : mesh_ipv4_default_prefix();
	enum exit_code code;

	if (daemon_describes(c->store.path, &c->node))
		return EXIT_DONE;
	code = start(c, &wanted);
	if (code != EXIT_DONE)
		return code;
	c->started = true;
	if (daemon_describes(c->store.path, &c->node))
		return EXIT_DONE;
	return fail(EXIT_FAILED, "the daemon that was started does not answer");
}

void connect_stop(const struct connect *c)
{
	static struct control_client client;
	static struct answer answer;

	if (!c->started || control_connect(&client, c->node.interface) < 0)
		return;
	if (control_ask(&client, REQUEST_DOWN) == 0 && control_next(&client, &answer) == 0)
		(void)!control_wait_end(&client, 10000);
	control_close(&client);
}

/* --- the peer ---------------------------------------------------------------------------- */

struct search {
	const struct public_key *key;
	struct report_peer *out;
	bool found;
};

static void look(void *ctx, const struct report_peer *p)
{
	struct search *s = ctx;

	if (memcmp(&p->key, s->key, sizeof(p->key)) != 0)
		return;
	*s->out = *p;
	s->found = true;
}

bool connect_peer(const struct connect *c, const struct public_key *key, struct report_peer *out)
{
	struct search s = { .key = key, .out = out };

	daemon_each_peer(c->store.path, look, &s);
	return s.found;
}

bool connect_tunnel(const struct connect *c, const struct public_key *key)
{
	const struct instant end = instant_add(clock_now().boot, span_ms(TUNNEL_MS));
	struct report_peer p;
	bool look_at_input = false;

	while (!connect_interrupted && !instant_reached(end, clock_now().boot)) {
		if (connect_peer(c, key, &p) && (p.session || (c->node.gossip_only && p.path_up)))
			return true;
		connect_pause(&look_at_input, NULL, 0);
	}
	return false;
}

/* --- addresses --------------------------------------------------------------------------- */

struct addresses {
	const struct connect *connect;
	struct token *token;
	bool open;
};

static void add(struct token *t, const struct endpoint *at, enum token_kind kind, bool open)
{
	for (unsigned i = 0; i < t->candidate_count; i++)
		if (endpoint_equal(&t->candidates[i].at, at))
			return;
	if (t->candidate_count < TOKEN_CANDIDATES)
		t->candidates[t->candidate_count++] = (struct token_candidate){
			.at = { .ip = at->ip, .port = at->port }, .kind = (uint8_t)kind,
			.open = open,
		};
}

/* Those of the host itself: of the Internet first. */
static int add_own(void *ctx, const struct rtnl_address *a)
{
	struct addresses *l = ctx;
	struct endpoint e = { .ip = a->ip, .port = l->connect->node.port };
	bool global = ip_is_public(&a->ip);

	if (a->scope != RT_SCOPE_UNIVERSE || ip_is_loopback(&a->ip) || global != l->open
	    || (a->flags & (IFA_F_DEPRECATED | IFA_F_TENTATIVE))
	    || mesh_has_address(&l->connect->node.prefix, &a->ip))
		return 0;
	add(l->token, &e, TOKEN_HOST, true);
	return 0;
}

bool connect_candidates(const struct connect *c, struct token *t)
{
	struct addresses l = { .connect = c, .token = t, .open = true };
	unsigned global;

	if (rtnl_addresses(add_own, &l) < 0)
		note("the addresses of this host cannot be listed");
	global = t->candidate_count;
	l.open = false;
	(void)!rtnl_addresses(add_own, &l);
	return global != 0;
}

bool connect_seen_as(const struct connect *c, struct endpoint *out)
{
	struct token t = { .candidate_count = 0 };

	if (!connect_candidates(c, &t))
		return false;
	*out = t.candidates[0].at;
	return true;
}
