/* runtime.c - who runs what in this network namespace. */
#include "linux/runtime.h"

#include "linux/hosts.h"
#include "linux/priv.h"
#include "linux/rtnetlink.h"
#include "linux/tun.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define LOCK_BACKLOG 64
#define LOCK_TRIES 50      /* while the holder is between bind and listen, or just leaving */
#define LOCK_PAUSE_MS 10
#define LOCK_DYING 20      /* tries that a holder gets to be gone: it may just have been killed */

static socklen_t lock_address(struct sockaddr_un *a, const char *name)
{
	int n;

	memset(a, 0, sizeof(*a));
	a->sun_family = AF_UNIX;
	n = snprintf(a->sun_path + 1, sizeof(a->sun_path) - 1, "meshguard/%s", name);
	BUG_ON(n < 0 || (size_t)n >= sizeof(a->sun_path) - 1);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
}

/* True if somebody holds the lock; *who is all zero when it is not told who: the holder is of
 * another pid namespace, or has a full queue. */
static bool lock_held(const char *name, struct ucred *who)
{
	struct sockaddr_un at;
	socklen_t len = lock_address(&at, name), cred_len = sizeof(*who);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	bool held;

	memset(who, 0, sizeof(*who));
	if (fd < 0)
		return false;
	held = connect(fd, (const struct sockaddr *)&at, len) == 0;
	if (held && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, who, &cred_len) < 0)
		memset(who, 0, sizeof(*who));
	if (!held && errno == EAGAIN) /* its queue is full: it does not answer, but it is there */
		held = true;
	close(fd);
	return held;
}

static bool is_daemon(const struct ucred *who)
{
	return who->uid == 0 || who->uid == geteuid();
}

static int lock_try(const char *name)
{
	struct sockaddr_un at;
	socklen_t len = lock_address(&at, name);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&at, len) < 0 || listen(fd, LOCK_BACKLOG) < 0) {
		int error = -errno;

		close(fd);
		return error;
	}
	return fd;
}

static int lock_take(const char *name, pid_t *holder)
{
	struct ucred who;
	int fd = -EADDRINUSE;

	*holder = 0;
	for (int i = 0; i < LOCK_TRIES; i++) {
		fd = lock_try(name);
		if (fd != -EADDRINUSE)
			return fd;
		if (lock_held(name, &who) && who.pid && (i >= LOCK_DYING || !is_daemon(&who))) {
			*holder = who.pid;
			return is_daemon(&who) ? -EADDRINUSE : -EACCES;
		}
		poll(NULL, 0, LOCK_PAUSE_MS);
	}
	return fd;
}

static void interface_lock_name(char out[64], const char *interface)
{
	snprintf(out, 64, "if/%.*s", IFNAMSIZ - 1, interface);
}

int lock_take_interface(const char *interface, pid_t *holder)
{
	char name[64];

	interface_lock_name(name, interface);
	return lock_take(name, holder);
}

int lock_take_port(uint16_t port, pid_t *holder)
{
	char name[64];

	snprintf(name, sizeof(name), "port/%u", port);
	return lock_take(name, holder);
}

void lock_answer(int lock)
{
	int fd;

	while ((fd = accept4(lock, NULL, NULL, SOCK_CLOEXEC)) >= 0)
		close(fd);
}

pid_t runtime_holder(const char *interface)
{
	char name[64];
	struct ucred who;

	interface_lock_name(name, interface);
	/* A busy daemon needs a moment to work off its askers. */
	for (int i = 0; i < LOCK_TRIES && lock_held(name, &who); i++) {
		if (who.pid)
			return is_daemon(&who) ? who.pid : 0;
		poll(NULL, 0, LOCK_PAUSE_MS);
	}
	return 0;
}

/* --- places -------------------------------------------------------------------------------- */

/* The directory that has one for each network namespace. */
static bool place_dir(unsigned place, char *out, size_t cap)
{
	const char *own = place ? getenv("XDG_RUNTIME_DIR") : "/run";
	int n = own && own[0] == '/' ? snprintf(out, cap, "%s/meshguard", own) : -1;

	return n > 0 && (size_t)n < cap;
}

static bool runtime_dir(unsigned place, char *out, size_t cap)
{
	struct stat st;
	size_t len;

	if (!place_dir(place, out, cap))
		return false;
	len = strlen(out);
	if (stat("/proc/self/ns/net", &st) < 0)
		st.st_ino = 0;

	int n = snprintf(out + len, cap - len, "/%llu", (unsigned long long)st.st_ino);

	return n > 0 && (size_t)n < cap - len;
}

bool runtime_path(char *out, size_t cap, unsigned place, const char *interface, const char *ending)
{
	size_t len;

	if (!runtime_dir(place, out, cap))
		return false;
	len = strlen(out);

	int n = snprintf(out + len, cap - len, "/%.*s%s%s", IFNAMSIZ - 1, interface,
			 ending[0] == '.' ? "" : ".", ending);

	return n > 0 && (size_t)n < cap - len;
}

/* Others must be able to pass through, and only we to write. */
static int make_dir(const char *path)
{
	struct stat st;
	int r = 0;

	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return -errno;

	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || ((st.st_mode & 0777) != 0755 && fchmod(fd, 0755) < 0))
		r = -errno;
	else if (st.st_uid != 0 && st.st_uid != geteuid())
		r = -EACCES;
	close(fd);
	return r;
}

static int make_place(unsigned place)
{
	char dir[PATH_MAX];
	int r;

	if (!place_dir(place, dir, sizeof(dir)))
		return -ENOENT;
	r = make_dir(dir);
	if (r || !runtime_dir(place, dir, sizeof(dir)))
		return r ? r : -ENAMETOOLONG;
	r = make_dir(dir);
	/* Another's daemon may have made it. */
	if (r == 0 && faccessat(AT_FDCWD, dir, W_OK | X_OK, AT_EACCESS) < 0)
		r = -errno;
	return r;
}

int runtime_make(unsigned *place)
{
	int first = 0;

	for (*place = 0; *place < RUNTIME_PLACES; ++*place) {
		int r = make_place(*place);

		if (r == 0)
			return 0;
		first = first ? first : r;
	}
	*place = 0;
	return first;
}

void runtime_unmake(unsigned place)
{
	char dir[PATH_MAX];

	if (runtime_dir(place, dir, sizeof(dir)))
		rmdir(dir);
}

/* --- left-overs ------------------------------------------------------------------------------ */

static void remove_files(const char *interface)
{
	static const char *const endings[] = { "sock", "state" };
	char path[PATH_MAX];
	int error = hosts_write(interface, NULL, 0);

	(void)error; /* who may not write there did not */
	for (unsigned place = 0; place < RUNTIME_PLACES; place++) {
		for (unsigned i = 0; i < 2; i++)
			if (runtime_path(path, sizeof(path), place, interface, endings[i]))
				unlink(path);
		runtime_unmake(place);
	}
}

/* A TUN that a process of another network namespace still holds is no left-over. */
static bool is_busy_tun(const struct rtnl_link *link)
{
	char name[IFNAMSIZ];

	if (strcmp(link->kind, "tun") != 0)
		return false;
	memcpy(name, link->name, sizeof(name));

	int fd = tun_open(name, false);

	if (fd >= 0)
		close(fd);
	return fd == -EBUSY;
}

static int remove_link(struct rtnl *r, const char *interface)
{
	struct rtnl_link link;
	int error = rtnl_link_get(r, interface, &link);

	if (error)
		return error == -ENODEV ? -ENOENT : error;
	if (strncmp(link.alias, ALIAS_PREFIX, strlen(ALIAS_PREFIX)) != 0)
		return -EEXIST;
	if (is_busy_tun(&link))
		return -EBUSY;
	error = rtnl_link_delete(r, link.index);
	return error == -ENODEV ? 0 : error;
}

int runtime_remove_leftover(const char *interface)
{
	struct rtnl r;
	int error;

	if (runtime_holder(interface))
		return -EBUSY;
	error = rtnl_open(&r);
	if (error)
		return error;
	error = remove_link(&r, interface);
	rtnl_close(&r);
	if (error == 0 || error == -ENOENT)
		remove_files(interface);
	return error;
}
