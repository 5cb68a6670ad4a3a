/* cmd_down.c - ends the daemon, or cleans up after one that was killed.
 *
 * "Gone" is three things, in this order: the daemon closed our connection (its network process
 * ended), the interface is not there, and nobody holds its name (the privileged process ended,
 * which removes files last). */
#include "cli/daemon.h"
#include "linux/loop.h"
#include "linux/priv.h"
#include "linux/runtime.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 10000u
#define LOOK_MS 10u

/* The kernel tells nobody without asking when the last of it is gone: look a hundred times a
 * second. */
static void pause_shortly(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = LOOK_MS * 1000000L }, NULL);
}

static bool wait_until_gone(const char *interface, struct instant deadline)
{
	while (if_nametoindex(interface) || runtime_holder(interface)) {
		if (instant_reached(deadline, clock_now().boot))
			return false;
		pause_shortly();
	}
	return true;
}

/* `meshguard wireguard` holds the name, too, and answers wg(8) alone. A node has its control socket
 * before that one and for longer, so whoever has only that one is no node. */
static bool is_plain(const char *interface)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	bool answers;

	if (fd < 0)
		return false;
	snprintf(a.sun_path, sizeof(a.sun_path), UAPI_DIR "/%.15s.sock", interface);
	answers = connect(fd, (const struct sockaddr *)&a, sizeof(a)) == 0;
	close(fd);
	return answers;
}

/* As control_connect; a daemon that is just starting or ending is given its time. */
static int connect_or_gone(struct control_client *c, const char *interface,
			   struct instant deadline)
{
	for (;;) {
		int r = control_connect(c, interface);

		if ((r != -ENOENT && r != -ECONNREFUSED) || !runtime_holder(interface)
		    || is_plain(interface) || instant_reached(deadline, clock_now().boot))
			return r;
		pause_shortly();
	}
}

static enum exit_code stop(struct control_client *c, const char *interface,
			   struct instant deadline)
{
	static struct answer answer;
	int r = control_ask(c, REQUEST_DOWN);

	if (r == 0)
		r = control_next(c, &answer);
	if (r > 0)
		r = -EPROTO;
	/* It may have ended while we asked, by a signal or for another client. */
	if (r < 0 && r != -EPIPE)
		return lost_daemon(interface, r);
	if (r == 0 && answer.kind == ANSWER_ERROR)
		return refused_by_daemon(interface, answer.problem);
	if (control_wait_end(c, PATIENCE_MS) < 0 || !wait_until_gone(interface, deadline))
		return fail(EXIT_TIMED_OUT,
			    "the daemon was told to end, but %s is still there after %u s",
			    interface, PATIENCE_MS / 1000);
	printf("%s is down\n", interface);
	return EXIT_DONE;
}

/* why: what connecting gave; held: a daemon was there when we began. */
static enum exit_code clean_up(const char *interface, int why, bool held)
{
	int r = runtime_remove_leftover(interface);

	switch (r) {
	case 0:
		printf("no daemon was running; removed the left-over %s\n", interface);
		return EXIT_DONE;
	case -ENOENT:
		if (held) {
			printf("%s is down\n", interface);
			return EXIT_DONE;
		}
		return fail(EXIT_NOT_RUNNING,
			    "meshguard is not running on %s, and there is nothing to remove",
			    interface);
	case -EEXIST:
		return fail(EXIT_NOT_RUNNING,
			    "meshguard is not running on %s; an interface of that name is "
			    "there, but it is not ours and stays",
			    interface);
	case -EPERM:
	case -EACCES:
		return fail(EXIT_REFUSED,
			    "there is a left-over %s; removing it needs CAP_NET_ADMIN; try sudo",
			    interface);
	case -EBUSY:
		if (is_plain(interface))
			return fail(EXIT_REFUSED,
				    "%s is run by `meshguard wireguard` (process %d); end that "
				    "with: ip link del %s",
				    interface, (int)runtime_holder(interface), interface);
		return fail(EXIT_TIMED_OUT,
			    "process %d holds %s but takes no connection (%s), for %u s now",
			    (int)runtime_holder(interface), interface, strerror(-why),
			    PATIENCE_MS / 1000);
	default:
		return fail(EXIT_FAILED, "cannot remove %s: %s", interface, strerror(-r));
	}
}

static enum exit_code run(const struct arguments *a)
{
	static struct control_client c;
	struct instant deadline = instant_add(clock_now().boot, span_ms(PATIENCE_MS));
	const char *interface;
	enum exit_code code;
	bool held;
	int r;

	if (!chosen_interface(a, &interface))
		return EXIT_USAGE;
	held = runtime_holder(interface) != 0;
	r = connect_or_gone(&c, interface, deadline);
	if (r == -ENOENT || r == -ECONNREFUSED)
		return clean_up(interface, r, held);
	if (r < 0)
		return no_daemon(interface, r);
	code = stop(&c, interface, deadline);
	control_close(&c);
	return code;
}

const struct command command_down = {
	.name = "down",
	.summary = "stop the daemon: leave the mesh",
	.words = "",
	.options = (const struct option_spec[]){ INTERFACE_OPTION, { 0 } },
	.text = "Tells the daemon to say good-bye to its peers and to end; returns when the\n"
		"interface is gone. Without a daemon removes an interface that a killed one left.\n"
		"Interfaces of others are never touched.",
	.example = "sudo meshguard down",
	.run = run,
};
