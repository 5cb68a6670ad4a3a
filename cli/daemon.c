#include "cli/daemon.h"

#include "identity/address.h"
#include "linux/priv.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum exit_code no_daemon(const char *interface, int error)
{
	const bool other = strcmp(interface, "mg0") != 0;

	switch (error) {
	case -ENOENT:
	case -ECONNREFUSED:
		return fail(EXIT_NOT_RUNNING,
			    "meshguard is not running on %s; start it with: meshguard up%s%s",
			    interface, other ? " --interface " : "", other ? interface : "");
	case -EACCES:
	case -EPERM:
		return fail(EXIT_REFUSED,
			    "the daemon on %s talks to root, to the owner of its configuration "
			    "directory and to the group meshguard; try sudo",
			    interface);
	default:
		return lost_daemon(interface, error);
	}
}

static enum exit_code no_answer(const char *interface)
{
	const int process = (int)runtime_holder(interface);

	if (process == 0)
		return fail(EXIT_TIMED_OUT,
			    "the daemon on %s did not answer within %u s; it is stopped or "
			    "overloaded",
			    interface, CONTROL_ANSWER_S);
	return fail(EXIT_TIMED_OUT,
		    "the daemon on %s did not answer within %u s; it is stopped or overloaded; "
		    "the last resort: kill -KILL %d",
		    interface, CONTROL_ANSWER_S, process);
}

enum exit_code lost_daemon(const char *interface, int error)
{
	switch (error) {
	case -ETIMEDOUT:
		return no_answer(interface);
	case -EPIPE:
		return fail(EXIT_FAILED,
			    "the daemon on %s went away before its answer was complete", interface);
	case -EPROTO:
		return fail(EXIT_FAILED,
			    "the daemon on %s answers in another way than this program expects; "
			    "are both of one version?",
			    interface);
	default:
		return fail(EXIT_FAILED, "cannot talk with the daemon on %s: %s", interface,
			    strerror(-error));
	}
}

enum exit_code refused_by_daemon(const char *interface, enum request_problem problem)
{
	switch (problem) {
	case REQUEST_REFUSED:
		return fail(EXIT_REFUSED,
			    "the daemon on %s does this for root and the owner of its "
			    "configuration directory only; try sudo",
			    interface);
	case REQUEST_BUSY:
		return fail(EXIT_FAILED, "the daemon on %s has too many clients; try again",
			    interface);
	case REQUEST_OK:
	case REQUEST_MALFORMED:
	case REQUEST_VERSION:
	case REQUEST_UNKNOWN:
	case REQUEST_PROBLEMS:
		break;
	}
	return lost_daemon(interface, -EPROTO);
}

/* --- whoever runs here, on whatever interface */

struct question {
	const char *directory;     /* of daemons that count */
	enum request_verb verb;
	bool (*fits)(void *ctx, const struct answer *a); /* then no more is asked */
	void *ctx;
};

static bool ask_at(const char *socket, const struct question *q)
{
	static struct control_client client;
	static struct answer answer;
	bool ours = false, fits = false;
	int r = control_connect_path(&client, socket);

	if (r < 0)
		return false;
	r = control_ask(&client, q->verb);
	for (r = r < 0 ? r : 1; r > 0 && !fits; ) {
		r = control_next(&client, &answer);
		if (r < 0)
			break;
		if (answer.kind == ANSWER_NODE)
			ours = !strcmp(answer.about.directory, q->directory);
		fits = ours && q->fits(q->ctx, &answer);
	}
	control_close(&client);
	return fits;
}

static bool ask_in(const char *folder, const struct question *q)
{
	char path[2 * PATH_MAX];
	bool fits = false;
	DIR *d = opendir(folder);

	for (const struct dirent *e; d && !fits && (e = readdir(d)); ) {
		size_t len = strlen(e->d_name);

		if (len < 5 || strcmp(e->d_name + len - 5, ".sock") != 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
		fits = ask_at(path, q);
	}
	if (d)
		closedir(d);
	return fits;
}

static bool ask_all(const struct question *q)
{
	char path[PATH_MAX];

	for (unsigned place = 0; place < RUNTIME_PLACES; place++) {
		if (!runtime_path(path, sizeof(path), place, "any", "sock"))
			continue;
		*strrchr(path, '/') = '\0';
		if (ask_in(path, q))
			return true;
	}
	return false;
}

static bool keep_node(void *ctx, const struct answer *a)
{
	struct report_node *out = ctx;

	if (a->kind != ANSWER_NODE)
		return false;
	*out = a->node;
	out->table_count = out->counter_count = 0;
	return true;
}

bool daemon_describes(const char *directory, struct report_node *out)
{
	return ask_all(&(struct question){ directory, REQUEST_COUNTERS, keep_node, out });
}

static bool is_open(void *ctx, const struct answer *a)
{
	(void)ctx;
	return a->kind == ANSWER_NODE && a->node.open;
}

bool daemon_is_open(const char *directory)
{
	return ask_all(&(struct question){ directory, REQUEST_COUNTERS, is_open, NULL });
}

struct called {
	const char *name;
	struct daemon_peer *peer;
	struct report_org orgs[REPORT_ORGS];
	unsigned org_count;
};

/* "node.1f3a90", where people read "node.acme". */
static bool is_digits_name(const struct called *c, const struct report_peer *p)
{
	const char *dot = strrchr(c->name, '.');
	char digits[MAX_NAME + 1];

	if (!dot || !p->org[0] || p->admission != REPORT_MEMBER
	    || strncmp(p->name, c->name, (size_t)(dot + 1 - c->name)) != 0
	    || strcmp(p->name + (dot + 1 - c->name), p->org) != 0)
		return false;
	for (unsigned i = 0; i < c->org_count; i++) {
		if (strcmp(c->orgs[i].name, p->org) != 0)
			continue;
		org_name_default(&c->orgs[i].key, digits);
		if (!strcmp(digits, dot + 1))
			return true;
	}
	return false;
}

static bool is_called(void *ctx, const struct answer *a)
{
	struct called *c = ctx;

	if (a->kind == ANSWER_NODE) {
		memcpy(c->orgs, a->node.orgs, sizeof(c->orgs));
		c->org_count = a->node.org_count;
	}
	if (a->kind != ANSWER_PEER
	    || (c->name ? strcmp(a->peer.name, c->name) != 0 && !is_digits_name(c, &a->peer)
			: memcmp(&a->peer.key, &c->peer->key, sizeof(a->peer.key)) != 0))
		return false;
	c->peer->key = a->peer.key;
	c->peer->org_count = a->peer.ruled_count;
	memcpy(c->peer->orgs, a->peer.ruled_by, sizeof(c->peer->orgs));
	return true;
}

bool daemon_finds_peer(const char *directory, const char *name, struct daemon_peer *peer)
{
	struct called c = { .name = name, .peer = peer };

	return ask_all(&(struct question){ directory, REQUEST_STATUS, is_called, &c });
}

struct walk {
	void (*fn)(void *ctx, const struct report_peer *p);
	void *ctx;
};

static bool show_peer(void *ctx, const struct answer *a)
{
	const struct walk *w = ctx;

	if (a->kind == ANSWER_PEER)
		w->fn(w->ctx, &a->peer);
	return a->kind == ANSWER_DONE;
}

void daemon_each_peer(const char *directory, void (*fn)(void *ctx, const struct report_peer *p),
		      void *ctx)
{
	struct walk w = { fn, ctx };

	ask_all(&(struct question){ directory, REQUEST_STATUS, show_peer, &w });
}
