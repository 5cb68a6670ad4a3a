/* priv.c - one program becomes two or three processes.
 *
 * The launcher (only when the daemon goes to the background) is the process that the user
 * started. It passes on what the daemon has to say and waits for one byte; its exit status is the
 * daemon's until then, and 0 after it. The privileged process sets up, forks the node process,
 * wipes the secret that only the child needs, and serves.
 */
#include "linux/priv_inside.h"

#include "linux/priv_seeds.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SAY_PATIENCE_MS 100

void priv_say(const char *format, ...)
{
	char line[2 * PATH_MAX + 512] = "meshguard: ";
	const size_t start = strlen(line);
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(line + start, sizeof(line) - start - 1, format, ap);
	va_end(ap);
	if (n < 0)
		return;

	size_t len = strlen(line);

	/* Names of files come from others, and this goes to a terminal. */
	for (size_t i = start; i < len; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
	line[len++] = '\n';

	/* A full pipe, or a terminal that was stopped, must not stop revocations. */
	struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };

	if (poll(&p, 1, SAY_PATIENCE_MS) == 0 || write(STDERR_FILENO, line, len) < 0)
		return; /* there is nobody to tell */
}

void priv_silence(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int i = 0; fd >= 0 && i < 3; i++)
		dup2(fd, i);
	if (fd > 2)
		close(fd);
}

/* --- the launcher ---------------------------------------------------------------------------- */

struct launch {
	int status;   /* launcher: one byte when ready; daemon: where to write it */
	int words;    /* what the daemon says on its standard output and error */
	pid_t daemon; /* 0 in the daemon */
};

static volatile sig_atomic_t interrupted;

static void note_interrupt(int number)
{
	interrupted = number;
}

/* Passes on what is there. False at the end. */
static bool pass_words(int fd)
{
	char buf[4096];
	ssize_t n = read(fd, buf, sizeof(buf));

	if (n < 0)
		return errno == EINTR || errno == EAGAIN;
	for (ssize_t at = 0; at < n; ) {
		ssize_t w = write(STDERR_FILENO, buf + at, (size_t)(n - at));

		if (w <= 0)
			break;
		at += w;
	}
	return n > 0;
}

static int daemon_status(pid_t daemon)
{
	int status;

	while (waitpid(daemon, &status, 0) < 0)
		if (errno != EINTR)
			return 1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static int wait_for_daemon(struct launch *l)
{
	struct pollfd p[2] = { { .fd = l->status, .events = POLLIN },
			       { .fd = l->words, .events = POLLIN } };
	const struct sigaction note = { .sa_handler = note_interrupt };
	char byte;

	sigaction(SIGINT, &note, NULL);
	sigaction(SIGTERM, &note, NULL);
	for (;;) {
		if (interrupted) {
			kill(l->daemon, SIGTERM);
			interrupted = 0;
		}
		if (poll(p, 2, -1) < 0)
			continue;
		if (p[1].revents && !pass_words(l->words))
			p[1].fd = -1;
		if (!p[0].revents)
			continue;

		ssize_t n = read(l->status, &byte, 1);

		if (n < 0)
			continue;
		/* What was said before the byte stands in the pipe; after a failure, all of it. */
		if (n == 1)
			fcntl(l->words, F_SETFL, O_NONBLOCK);
		while (p[1].fd >= 0 && poll(&p[1], 1, n == 1 ? 0 : -1) > 0 && pass_words(l->words))
			;
		return n == 1 ? 0 : daemon_status(l->daemon);
	}
}

/* In the daemon: a session of its own, and nothing left of the terminal, nor of locks and pipes
 * that the caller handed down without meaning to. */
static void leave_terminal(int status, int words)
{
	const int keep[] = { status, words };
	int null;

	priv_close_all_but(keep, 2);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	setsid();
	if (null >= 0)
		dup2(null, STDIN_FILENO);
	dup2(words, STDOUT_FILENO);
	dup2(words, STDERR_FILENO);
	close(words);
	if (null > 2)
		close(null);
}

/* Forks the daemon. l->daemon is 0 in it. */
static int launch(struct launch *l)
{
	int status[2], words[2];

	if (pipe2(status, O_CLOEXEC) < 0)
		return -errno;
	if (pipe2(words, O_CLOEXEC) < 0) {
		int error = -errno;

		close(status[0]);
		close(status[1]);
		return error;
	}
	fflush(NULL);
	l->daemon = fork();
	if (l->daemon < 0)
		return -errno;

	bool in_daemon = l->daemon == 0;

	close(status[!in_daemon]);
	close(words[!in_daemon]);
	l->status = status[in_daemon];
	l->words = words[in_daemon];
	if (in_daemon)
		leave_terminal(l->status, l->words);
	return 0;
}

/* --- the fork -------------------------------------------------------------------------------- */

/* Pages that are never swapped out and in no core dump; the secret of the identity is in them. */
static struct priv_child *child_pages(void)
{
	struct priv_child *c = mmap(NULL, sizeof(*c), PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (c == MAP_FAILED)
		return NULL;
	madvise(c, sizeof(*c), MADV_DONTDUMP);
	mlock(c, sizeof(*c));
	return c;
}

static void block_signals(int how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	sigprocmask(how, &set, NULL);
}

static void read_nothing(void)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (null < 0)
		return;
	dup2(null, STDIN_FILENO);
	close(null);
}

/* The node process. Told to stop by the channel alone: what a terminal or a kill by name sends to
 * both processes must not end it before it has said good-bye to its peers. */
_Noreturn static void be_child(struct priv *p, pid_t parent, int (*child)(struct priv_child *))
{
	struct priv_child *c = p->child;
	const int keep[] = { c->channel, c->requests, c->tun, c->udp4, c->udp6, c->control,
			     c->uapi, c->keylog, c->ready, c->mdns };
	const struct priv_drop drop = {
		.uid = p->uid, .gid = p->gid, .parent = parent, .name = "meshguard: net",
		.keep = keep, .keep_count = sizeof(keep) / sizeof(*keep),
	};
	const char *step = "";
	int r;

	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	block_signals(SIG_UNBLOCK);
	read_nothing();
	mlock(c, sizeof(*c)); /* a lock does not pass through a fork */
	r = priv_drop(&drop, &step);
	if (r < 0) {
		priv_say("the node process cannot give up its rights (%s): %s", step,
			 strerror(-r));
		_exit(1);
	}
	r = child(c);
	fflush(NULL);
	_exit(r);
}

static void close_childs(struct priv *p)
{
	struct priv_child *c = p->child;

	close(c->channel);
	close(c->requests);
	close(c->tun);
	if (c->mdns >= 0)
		close(c->mdns);
	c->channel = c->requests = c->tun = c->mdns = -1;
	if (c->keylog >= 0)
		close(c->keylog);
	if (c->ready >= 0)
		close(c->ready);
	c->keylog = c->ready = -1;
	/* The listeners: what connects is the child's. The paths are ours to remove. */
	if (p->control.fd >= 0)
		close(p->control.fd);
	if (p->uapi.fd >= 0)
		close(p->uapi.fd);
	p->control.fd = p->uapi.fd = c->control = c->uapi = -1;
}

static int connect_both(int *ours, int *theirs)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) < 0)
		return -1;
	*ours = ends[0];
	*theirs = ends[1];
	return 0;
}

static int fork_child(struct priv *p, int (*child)(struct priv_child *))
{
	pid_t parent = getpid();
	int ready[2] = { -1, -1 };

	/* What is open after a failure here is closed by the end of the program. */
	if (connect_both(&p->channel, &p->child->channel) < 0
	    || connect_both(&p->requests, &p->child->requests) < 0
	    || (p->config->mdns && connect_both(&p->mdns, &p->child->mdns) < 0)
	    || (p->launcher >= 0 && pipe2(ready, O_CLOEXEC | O_NONBLOCK) < 0))
		return -errno;
	p->ready = ready[0];
	p->child->ready = ready[1];
	fflush(NULL);
	p->node = fork();
	if (p->node < 0)
		return -errno;
	if (p->node == 0)
		be_child(p, parent, child);
	wipe(&p->child->secret, sizeof(p->child->secret));
	close_childs(p);
	return 0;
}

/* --- all of it ------------------------------------------------------------------------------- */

static void prepare_process(void)
{
	const struct rlimit none = { 0, 0 };

	umask(077);
	prctl(PR_SET_NAME, "meshguard: priv", 0, 0, 0);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	setrlimit(RLIMIT_CORE, &none);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGUSR1, SIG_IGN); /* nothing of ours; death by it would leave the interface */
	signal(SIGUSR2, SIG_IGN);
	block_signals(SIG_BLOCK);
}

static int run(struct priv *p, int (*child)(struct priv_child *))
{
	int status = priv_setup(p);

	if (status == 0) {
		int r = fork_child(p, child);

		if (r < 0) {
			priv_say("cannot start the node process: %s", strerror(-r));
			status = 1;
		}
	}
	/* No directory is held busy by a daemon; relative paths were used above. */
	if (status == 0 && p->launcher >= 0 && chdir("/") < 0)
		priv_say("cannot change to /: %s", strerror(errno));
	if (status == 0)
		status = priv_serve(p);
	priv_cleanup(p);
	return status;
}

static bool seeds_ok(const struct priv_config *config)
{
	struct seed seed;

	for (unsigned i = 0; i < config->seed_count; i++)
		if (!seed_parse(config->seeds[i], &seed)) {
			priv_say("the seed \"%s\" is not HOST:PORT", config->seeds[i]);
			return false;
		}
	return true;
}

/* It becomes part of paths, and the kernel would fill in a pattern. */
static bool interface_ok(const char *name)
{
	bool good = name[0] && strnlen(name, IFNAMSIZ) < IFNAMSIZ && !strpbrk(name, "/%")
		    && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;

	if (!good)
		priv_say("\"%.15s\" is not a name of an interface", name);
	return good;
}

/* So that nothing that matters gets a number that errors are written to. */
static void fill_standard_descriptors(void)
{
	int fd;

	while ((fd = open("/dev/null", O_RDWR)) >= 0 && fd <= STDERR_FILENO)
		;
	if (fd >= 0)
		close(fd);
}

int priv_run(const struct priv_config *config, int (*child)(struct priv_child *))
{
	static struct priv priv;
	struct priv *p = &priv;
	struct launch l = { -1, -1, 0 };

	*p = (struct priv){
		.config = config, .store.dir = -1, .netlink.fd = -1, .interface_lock = -1,
		.port_lock = -1, .mdns = -1, .dns = { -1, -1 },
		.udp = { .fd4 = -1, .fd6 = -1 }, .control.fd = -1,
		.uapi.fd = -1, .channel = -1, .requests = -1, .ready = -1, .launcher = -1,
	};
	fill_standard_descriptors();
	if (!interface_ok(config->interface) || !seeds_ok(config))
		return 2;
	if (config->detach || (!config->mesh && !config->foreground)) {
		int r = launch(&l);

		if (r < 0) {
			priv_say("cannot go to the background: %s", strerror(-r));
			return 1;
		}
		if (l.daemon)
			return wait_for_daemon(&l);
		p->launcher = l.status;
	}
	prepare_process();
	p->child = child_pages();
	if (!p->child) {
		priv_say("no memory");
		return 1;
	}
	return run(p, child);
}
