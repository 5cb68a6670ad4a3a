#include "cli/daemon.h"

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

/* --- whoever runs here */

static bool is_open_at(const char *socket, const char *directory)
{
	static struct control_client client;
	static struct answer answer;
	int r = control_connect_path(&client, socket);

	if (r < 0)
		return false;
	r = control_ask(&client, REQUEST_COUNTERS);
	if (r == 0)
		r = control_next(&client, &answer);
	control_close(&client);
	return r == 1 && answer.kind == ANSWER_NODE && answer.node.open
	       && !strcmp(answer.about.directory, directory);
}

static bool is_open_in(const char *folder, const char *directory)
{
	char path[2 * PATH_MAX];
	bool open = false;
	DIR *d = opendir(folder);

	for (const struct dirent *e; d && !open && (e = readdir(d)); ) {
		size_t len = strlen(e->d_name);

		if (len < 5 || strcmp(e->d_name + len - 5, ".sock") != 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
		open = is_open_at(path, directory);
	}
	if (d)
		closedir(d);
	return open;
}

bool daemon_is_open(const char *directory)
{
	char path[PATH_MAX];

	for (unsigned place = 0; place < RUNTIME_PLACES; place++) {
		if (!runtime_path(path, sizeof(path), place, "any", "sock"))
			continue;
		*strrchr(path, '/') = '\0';
		if (is_open_in(path, directory))
			return true;
	}
	return false;
}
