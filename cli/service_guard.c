/* service_guard.c - a change must not cut the connection over which it is made, unless that is
 * meant.
 *
 * The files are asked as `service explain` asks them, before the change and as they would be after
 * it, so no daemon is needed. One that runs is asked who has the address and which org let him in;
 * without it an address is looked for among those that derive from trusted keys.
 */
#include "cli/service.h"

#include "identity/address.h"
#include "linux/control_client.h"
#include "linux/sshconn.h"

#include <stdio.h>
#include <string.h>

struct caller {
	struct ssh_connection ssh;
	bool is_peer;                /* by a mesh address */
	struct peer peer;            /* without key and name: somebody else of the mesh */
	unsigned org_count;
	char orgs[REPORT_MEMBERSHIPS][MAX_NAME + 1];
};

/* --- who */

static void take_peer(struct caller *c, const struct report_peer *p)
{
	const struct trusted t = { .good = true, .key = p->key };

	if (!ip_equal(&p->ipv4, &c->ssh.peer) && !ip_equal(&p->ipv6, &c->ssh.peer))
		return;
	peer_of_trusted(&t, &c->peer);
	/* The name of an org's member is no name here. */
	c->peer.trusted = p->admission == REPORT_AUTHORIZED;
	if (c->peer.trusted)
		snprintf(c->peer.alias, sizeof(c->peer.alias), "%.63s", p->name);
	c->org_count = p->ruled_count;
	memcpy(c->orgs, p->ruled_by, sizeof(c->orgs));
}

/* False: there is no daemon of this directory. */
static bool ask_daemon(struct store *s, const char *interface, struct caller *c)
{
	static struct control_client client;
	static struct answer answer;
	bool ours = false;
	int r = control_connect(&client, interface);

	if (r < 0)
		return false;
	r = control_ask(&client, REQUEST_STATUS);
	while (r >= 0 && (r = control_next(&client, &answer)) == 1) {
		if (answer.kind == ANSWER_NODE && !is_directory_of(s, answer.about.directory))
			break;
		if (answer.kind == ANSWER_NODE) {
			ours = true;
			c->is_peer = mesh_has_address(&answer.node.prefix, &c->ssh.peer);
		} else if (answer.kind == ANSWER_PEER) {
			take_peer(c, &answer.peer);
		}
	}
	control_close(&client);
	return ours && r == 0;
}

static bool may_have(const struct public_key *key, const struct ip *ip)
{
	const struct prefix prefix = mesh_ipv4_default_prefix();
	struct ip own;

	mesh_ipv6(key, &own);
	for (unsigned i = 0; i < ADDRESS_INDEXES && !ip_equal(&own, ip); i++)
		mesh_ipv4(key, i, &prefix, &own);
	return ip_equal(&own, ip);
}

static int find_by_address(void *ctx, const struct trusted *t)
{
	struct caller *c = ctx;

	if (!t->good || !may_have(&t->key, &c->ssh.peer))
		return 0;
	peer_of_trusted(t, &c->peer);
	return 1;
}

static bool find_caller(struct store *s, const struct arguments *a, struct caller *c)
{
	const struct prefix prefix = mesh_ipv4_default_prefix();
	const char *interface = option_text(a, "interface", "mg0");

	*c = (struct caller){ 0 };
	if (!ssh_connection_find(&c->ssh))
		return false;
	if (ask_daemon(s, interface, c))
		return c->is_peer;
	c->is_peer = mesh_has_address(&prefix, &c->ssh.peer);
	return c->is_peer && each_trusted(s, TRUST_FOLDER, find_by_address, c) >= 0;
}

/* --- what */

static bool apply(struct services *sv, const struct outcome *o)
{
	switch (o->of) {
	case GUARD_DEFAULT:
		sv->has_default = true;
		sv->fallback = o->fallback;
		return true;
	case GUARD_RESET:
		services_free(sv);
		sv->has_default = false;
		sv->fallback = POLICY_DEFAULT_ALLOW;
		return true;
	case GUARD_LIST:
		if (!o->gone)
			return services_set(sv, o->target->origin, o->target->name, o->rules,
					    o->count);
		services_drop(sv, o->target->origin, o->target->name);
		return true;
	}
	return false;
}

/* False: it could not be asked. */
static bool ask(struct judge *j, const struct caller *c, struct policy_verdict *v)
{
	if (judge_compile(j) != EXIT_DONE)
		return false;
	judge_ask(j, list_of_peer(&j->sv, &c->peer), c->orgs, c->org_count, POLICY_IS_TCP,
		  c->ssh.port, v);
	return true;
}

/* True: he can come in now, and could not after it; `why` says by which rule. */
static bool cuts(struct store *s, const struct caller *c, const struct outcome *o,
		 char why[static SERVICE_RULE])
{
	struct judge before = { 0 }, after = { 0 };
	struct policy_verdict was, is;
	bool cut;

	/* Where a file is bad, no change is in force anyhow. */
	cut = services_read(s, &before.sv) == 0 && services_read(s, &after.sv) == 0
	      && apply(&after.sv, o) && ask(&before, c, &was) && ask(&after, c, &is)
	      && was.action == POLICY_ALLOW && is.action != POLICY_ALLOW;
	if (cut)
		judge_reason(&after, &is, why);
	judge_close(&before);
	judge_close(&after);
	return cut;
}

enum exit_code guard_connection(struct store *s, const struct arguments *a,
				const struct outcome *o)
{
	char why[SERVICE_RULE], from[IP_TEXT];
	struct caller c;

	if (has_option(a, "force") || !find_caller(s, a, &c) || !cuts(s, &c, o, why))
		return change_is_covered(s, a);
	ip_format(&c.ssh.peer, from);
	if (has_option(a, "confirm-within")) {
		note("this cuts the connection over which you are here, tcp %u from %s: %s",
		     c.ssh.port, from, why);
		return change_is_covered(s, a);
	}
	return fail(EXIT_FAILED, "this would cut the connection over which you are here, tcp %u "
		    "from %s: %s; --confirm-within 60s tries it, --force does it", c.ssh.port,
		    from, why);
}
