/* connect_daemon.c - the daemon that does the work: the one that runs, or one that we start. */
#include "cli/connect.h"

#include "cli/daemon.h"
#include "identity/address.h"
#include "identity/record.h"
#include "linux/loop.h"

#include <cap-ng.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define TUNNEL_MS 10000u
#define LEARN_MS 3000u

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

static bool is_open(const struct report_node *n, enum report_candidate source)
{
	bool double_nat = false;

	for (unsigned i = 0; i < n->mapping_count; i++)
		double_nat |= n->mappings[i].double_nat;
	switch (source) {
	case CANDIDATE_ANNOUNCED:
	case CANDIDATE_INTERFACE:
		return true;
	case CANDIDATE_MAPPED:
		return !double_nat;
	case CANDIDATE_SEEN:
		break;
	}
	return n->nat_kind == NAT_PUBLIC;
}

static enum token_kind kind_of(enum report_candidate source)
{
	switch (source) {
	case CANDIDATE_ANNOUNCED:
		return TOKEN_ANNOUNCED;
	case CANDIDATE_MAPPED:
		return TOKEN_MAPPED;
	case CANDIDATE_SEEN:
		return TOKEN_SEEN;
	case CANDIDATE_INTERFACE:
		break;
	}
	return TOKEN_HOST;
}

static bool is_hard(const struct report_node *n)
{
	return n->nat_kind == NAT_HARD || n->nat_kind == NAT_HARD_SEQUENTIAL;
}

/* What a STUN server said, where servers do not agree on a port. */
static bool told_by_server(const struct report_node *n, struct endpoint *out)
{
	for (unsigned i = 0; i < n->stun_count; i++) {
		const struct endpoint *e = &n->stun[i].mapped;

		if (!endpoint_is_set(e) || !ip_is_public(&e->ip))
			continue;
		*out = (struct endpoint){ .ip = e->ip, .port = e->port };
		return true;
	}
	return false;
}

static bool has_public(const struct report_node *n)
{
	struct endpoint at;

	if (is_hard(n) && told_by_server(n, &at))
		return true;
	for (unsigned i = 0; i < n->candidate_count; i++)
		if (ip_is_public(&n->candidates[i].endpoint.ip))
			return true;
	return false;
}

/* What others see may come in a moment, for a daemon that was just started. */
static void learn(struct connect *c)
{
	const struct instant end = instant_add(clock_now().boot, span_ms(LEARN_MS));
	bool look_at_input = false;

	while (daemon_describes(c->store.path, &c->node) && !has_public(&c->node)
	       && !instant_reached(end, clock_now().boot) && !connect_interrupted)
		connect_pause(&look_at_input, NULL, 0);
}

/* With a NAT that has another port for each: at the same address, at least. */
static void add_address(const struct report_node *n, struct token *t)
{
	struct endpoint at;

	t->hard = is_hard(n);
	if (!t->hard || !told_by_server(n, &at) || t->candidate_count == TOKEN_CANDIDATES)
		return;
	for (unsigned i = 0; i < t->candidate_count; i++)
		if (ip_equal(&t->candidates[i].at.ip, &at.ip))
			return;
	t->candidates[t->candidate_count++] = (struct token_candidate){
		.at = at, .kind = TOKEN_SEEN,
	};
}

bool connect_candidates(struct connect *c, struct token *t)
{
	bool anybody = false;

	learn(c);
	t->candidate_count = 0;
	for (unsigned i = 0; i < c->node.candidate_count; i++) {
		const struct endpoint *e = &c->node.candidates[i].endpoint;
		bool open = is_open(&c->node, c->node.candidates[i].source);

		/* A router's word is worth a try, and no promise. */
		anybody |= open && ip_is_public(&e->ip) &&
			   (c->node.candidates[i].source != CANDIDATE_MAPPED ||
			    c->node.nat_kind == NAT_PUBLIC);
		t->candidates[t->candidate_count++] = (struct token_candidate){
			.at = { .ip = e->ip, .port = e->port }, .open = open,
			.kind = (uint8_t)kind_of(c->node.candidates[i].source),
		};
	}
	if (!anybody)
		add_address(&c->node, t);
	return anybody;
}

static void count_reached(void *ctx, const struct report_peer *p)
{
	*(unsigned *)ctx += p->path_up;
}

bool connect_hears_nobody(const struct connect *c)
{
	unsigned reached = 0;

	for (unsigned i = 0; i < c->node.stun_count; i++)
		if (endpoint_is_set(&c->node.stun[i].mapped))
			return false;
	daemon_each_peer(c->store.path, count_reached, &reached);
	return c->node.stun_count && !reached;
}

struct helpers {
	struct token *token;
	char *name;
	uint64_t rtt_us[TOKEN_INTRODUCERS];
};

/* Those that are the nearest. */
static void consider(void *ctx, const struct report_peer *p)
{
	struct helpers *h = ctx;
	struct token *t = h->token;
	unsigned at = 0;

	if (!p->path_up || p->nat_kind != NAT_PUBLIC || !ip_is_public(&p->endpoint.ip))
		return;
	for (unsigned i = 1; i < t->introducer_count; i++)
		if (h->rtt_us[i] > h->rtt_us[at])
			at = i;
	if (t->introducer_count < TOKEN_INTRODUCERS)
		at = t->introducer_count++;
	else if (p->rtt_us >= h->rtt_us[at])
		return;
	memcpy(t->introducers[at].key, p->key.b, sizeof(t->introducers[at].key));
	t->introducers[at].at = (struct token_candidate){
		.at = { .ip = p->endpoint.ip, .port = p->endpoint.port }, .kind = TOKEN_HOST,
		.open = true,
	};
	h->rtt_us[at] = p->rtt_us;
	if (!at)
		snprintf(h->name, MAX_NAME + 1, "%.63s", p->name);
}

void connect_introducers(const struct connect *c, struct token *t, char name[static MAX_NAME + 1])
{
	struct helpers h = { .token = t, .name = name };

	name[0] = '\0';
	daemon_each_peer(c->store.path, consider, &h);
}

static bool has_family(const struct token *t, uint8_t family)
{
	for (unsigned i = 0; i < t->candidate_count; i++)
		if (t->candidates[i].at.ip.family == family
		    && ip_is_public(&t->candidates[i].at.ip))
			return true;
	return false;
}

bool connect_seen_as(struct connect *c, const struct token *t, struct endpoint *out, bool *hard)
{
	if (!daemon_describes(c->store.path, &c->node))
		return false;
	*hard = is_hard(&c->node);
	for (unsigned i = 0; i < c->node.candidate_count; i++) {
		const struct endpoint *e = &c->node.candidates[i].endpoint;

		if (!ip_is_public(&e->ip) || !has_family(t, e->ip.family))
			continue;
		*out = (struct endpoint){ .ip = e->ip, .port = e->port };
		return true;
	}
	return *hard && told_by_server(&c->node, out) && has_family(t, out->ip.family);
}
