/* daemon.h - talking with the daemon, and what is said when that fails. */
#ifndef CLI_DAEMON_H
#define CLI_DAEMON_H

#include "cli/command.h"
#include "linux/control_client.h"

/* After control_connect gave `error`: one line, and the exit code that belongs to it. */
enum exit_code no_daemon(const char *interface, int error);
/* The same for control_ask and control_next. */
enum exit_code lost_daemon(const char *interface, int error);
/* The daemon answered with an error. */
enum exit_code refused_by_daemon(const char *interface, enum request_problem problem);
/* What the daemon of this host says of itself that serves this configuration directory, on whatever
 * interface; the names in it are lost. False: there is none, or it does not
 * talk to us. */
bool daemon_describes(const char *directory, struct report_node *out);
/* True if a daemon of this host that serves this configuration directory, on whatever interface,
 * was started with --open. */
bool daemon_is_open(const char *directory);
/* Whom such a daemon's status calls by this name, of an org's member NODE.ORG, also by the six hex
 * digits of the org where it has an alias; name NULL: who has this key. Sets the key and the orgs
 * of which it is a member: the names of their rules. False: no daemon runs, or none knows it. */
struct daemon_peer {
	struct public_key key;
	char orgs[REPORT_MEMBERSHIPS][MAX_NAME + 1];
	unsigned org_count;
};
bool daemon_finds_peer(const char *directory, const char *name, struct daemon_peer *peer);
/* Calls fn for each peer of such a daemon; for none where none runs. */
void daemon_each_peer(const char *directory, void (*fn)(void *ctx, const struct report_peer *p),
		      void *ctx);

#endif
