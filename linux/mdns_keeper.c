/* mdns_keeper.c - the privileged process keeps an mDNS helper running. */
#include "linux/mdns.h"

#include "linux/helper.h"
#include "linux/priv_inside.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LONG_LIFE span_s(60)    /* after which it starts at once again */
#define MOST_WAIT_S 300u
#define GOODBYE_TRIES 30
#define GOODBYE_PAUSE_MS 10

void mdns_keeper_open(struct mdns_keeper *k, struct priv *p, struct instant now)
{
	*k = (struct mdns_keeper){ .p = p->mdns < 0 ? NULL : p, .due = now };
}

static void start(struct mdns_keeper *k, struct instant now)
{
	const struct helper self = {
		.name = "meshguard: mdns", .socket = k->p->mdns, .parent = getpid(),
		.lives_long = true,
	};

	k->started = now;
	k->due = instant_add(now, span_s(MOST_WAIT_S));
	k->helper = fork();
	if (k->helper == 0) {
		if (helper_become(&self) == 0)
			mdns_help(self.socket, k->p->child->interface);
		_exit(0);
	}
	if (k->helper < 0)
		k->helper = 0;
}

struct instant mdns_keeper_deadline(const struct mdns_keeper *k)
{
	return k->p && !k->helper && !k->stopping ? k->due : INSTANT_NEVER;
}

void mdns_keeper_tick(struct mdns_keeper *k, struct instant now)
{
	if (instant_reached(mdns_keeper_deadline(k), now))
		start(k, now);
}

bool mdns_keeper_reaped(struct mdns_keeper *k, pid_t pid, struct instant now)
{
	unsigned wait = 0;

	if (!k->p || pid != k->helper)
		return false;
	k->helper = 0;
	if (instant_reached(instant_add(k->started, LONG_LIFE), now))
		k->failures = 0;
	else if (k->failures++ == 0 && !k->stopping)
		priv_say("the mDNS helper ended; it is started again");
	if (k->failures)
		wait = 1u << (k->failures < 9 ? k->failures - 1 : 8);
	k->due = instant_add(now, span_s(wait < MOST_WAIT_S ? wait : MOST_WAIT_S));
	return true;
}

void mdns_keeper_close(struct mdns_keeper *k)
{
	if (!k->p || !k->helper)
		return;
	/* The node process is gone, so it came to the end of its socket once we let go, too. */
	close(k->p->mdns);
	k->p->mdns = -1;
	for (int i = 0; i < GOODBYE_TRIES; i++) {
		if (waitpid(k->helper, NULL, WNOHANG) != 0)
			return;
		poll(NULL, 0, GOODBYE_PAUSE_MS);
	}
	kill(k->helper, SIGKILL);
}
