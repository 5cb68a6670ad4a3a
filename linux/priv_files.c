/* priv_files.c - sockets and files outside of the configuration directory.
 *
 * The control socket: in a directory that only root can write (or its owner, whose daemon it then
 * is), mode 0660. Its owner is the owner
 * of the configuration directory, its group is meshguard where that exists, else root; the
 * server then checks each caller's credentials.
 *
 * The UAPI socket is in a directory that all network namespaces share, so a living socket of that
 * name may be another program's: it stays. One that nobody listens to is replaced.
 */
#include "linux/priv_inside.h"

#include "linux/runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SOCKET_BACKLOG 64

static struct sockaddr_un address_of(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	BUG_ON(strlen(path) >= sizeof(a.sun_path));
	memcpy(a.sun_path, path, strlen(path) + 1);
	return a;
}

static int new_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	return fd < 0 ? -errno : fd;
}

/* True if somebody accepts at this path. */
static bool is_alive(const char *path)
{
	const struct sockaddr_un at = address_of(path);
	int fd = new_socket();

	if (fd < 0)
		return false;

	bool alive = connect(fd, (const struct sockaddr *)&at, sizeof(at)) == 0 || errno == EAGAIN;

	close(fd);
	return alive;
}

/* Binds s->path, which is free, to a socket that only the owner can use, gives it away, listens. */
static int listen_at(struct priv_socket *s, uid_t uid, gid_t gid, mode_t mode)
{
	const struct sockaddr_un at = address_of(s->path);
	struct stat st;
	int fd = new_socket();

	if (fd < 0)
		return fd;
	/* The mask is 077 since the start: until chmod nobody else comes in. */
	if (bind(fd, (const struct sockaddr *)&at, sizeof(at)) < 0)
		goto failed;
	if (lstat(s->path, &st) < 0)
		goto failed;
	s->dev = st.st_dev;
	s->ino = st.st_ino;
	s->fd = fd;
	if (((uid != 0 || gid != 0) && chown(s->path, uid, gid) < 0) || chmod(s->path, mode) < 0
	    || listen(fd, SOCKET_BACKLOG) < 0) {
		int error = -errno;

		priv_socket_remove(s);
		return error;
	}
	return 0;
failed:;
	int error = -errno;

	close(fd);
	return error;
}

bool priv_socket_is_there(const struct priv_socket *s)
{
	struct stat st;

	return lstat(s->path, &st) == 0 && st.st_dev == s->dev && st.st_ino == s->ino;
}

void priv_socket_remove(struct priv_socket *s)
{
	if (s->ino && priv_socket_is_there(s))
		unlink(s->path);
	s->ino = 0;
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

static gid_t control_group(void)
{
	const struct group *g = getgrnam("meshguard");

	return g ? g->gr_gid : 0;
}

int priv_listen_control(struct priv *p)
{
	struct priv_socket *s = &p->control;
	uid_t owner = geteuid() == 0 ? p->store.owner : 0;
	gid_t group = geteuid() == 0 ? control_group() : 0;
	int r = runtime_make(&p->place);

	if (r < 0) {
		priv_say("cannot make a directory in /run/meshguard: %s%s", strerror(-r),
			 r == -EACCES ? "; let XDG_RUNTIME_DIR name a directory of yours" : "");
		return 1;
	}
	if (!runtime_path(s->path, sizeof(s->path), p->place, p->child->interface, "sock")) {
		priv_say("XDG_RUNTIME_DIR is too long for a socket in it");
		return 1;
	}
	unlink(s->path); /* nobody's: we hold the interface's lock */
	r = listen_at(s, owner, group, 0660);
	if (r < 0) {
		priv_say("cannot make the control socket %s: %s", s->path, strerror(-r));
		return 1;
	}
	return 0;
}

static int make_uapi_dir(void)
{
	if (mkdir(UAPI_DIR, 0700) == 0)
		return chmod(UAPI_DIR, 0755) < 0 ? -errno : 0;
	return errno == EEXIST ? 0 : -errno;
}

int priv_listen_uapi(struct priv *p)
{
	struct priv_socket *s = &p->uapi;
	bool needed = !p->config->mesh;
	int r;

	snprintf(s->path, sizeof(s->path), UAPI_DIR "/%s.sock", p->child->interface);
	r = make_uapi_dir();
	if (r == 0 && is_alive(s->path))
		r = -EADDRINUSE;
	if (r == 0) {
		unlink(s->path);
		r = listen_at(s, 0, 0, 0600);
	}
	if (r == 0)
		return 0;
	if (r == -EADDRINUSE)
		priv_say("%s belongs to another running program; %s", s->path,
			 needed ? "choose another name for the interface"
				: "wg will show that one, not the mesh");
	else
		priv_say("cannot make the WireGuard socket %s: %s", s->path, strerror(-r));
	return needed ? 1 : 0;
}

int priv_open_keylog(const char *path)
{
	struct stat st;
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
		      0600);

	if (fd < 0) {
		priv_say("cannot open the key log %s: %s", path, strerror(errno));
		return -1;
	}
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1
	    || fchmod(fd, 0600) < 0) {
		priv_say("the key log %s must be a regular file of yours", path);
		close(fd);
		return -1;
	}
	priv_say("WARNING: who reads %s can decrypt all traffic of this tunnel; "
		 "the key log is for debugging only", path);
	return fd;
}

/* For people and for `down`: whose the interface is. Whole or not at all, as readers may come. */
int priv_write_state(struct priv *p)
{
	char tmp[PATH_MAX], text[256], key[BASE64_LEN(sizeof(p->child->public)) + 1];
	int len, r = 0;

	base64_encode(p->child->public.b, sizeof(p->child->public), key, sizeof(key));
	len = snprintf(text, sizeof(text), "pid %d\ninterface %s\nindex %d\nport %u\nkey %s\n",
		       (int)getpid(), p->child->interface, p->link, p->child->port, key);
	if (!runtime_path(p->state_path, sizeof(p->state_path), p->place, p->child->interface,
			  "state")
	    || !runtime_path(tmp, sizeof(tmp), p->place, p->child->interface, "state-tmp")) {
		p->state_path[0] = '\0';
		return 0; /* it is for people only */
	}
	unlink(tmp);

	int fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0 || fchmod(fd, 0644) < 0 || write(fd, text, (size_t)len) != len
	    || rename(tmp, p->state_path) < 0) {
		r = 1;
		priv_say("cannot write %s: %s", p->state_path, strerror(errno));
		unlink(tmp);
		p->state_path[0] = '\0';
	}
	if (fd >= 0)
		close(fd);
	return r;
}
