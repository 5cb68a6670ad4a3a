/* store.c - the configuration directory, and reading in it.
 *
 * What was opened is judged by fstat: a regular file, owned by the owner of the directory or by
 * root, of one link. A file that is replaced between open and fstat has no link left; it is opened
 * again.
 */
#include "linux/store_inside.h"

#include "base/bytes.h"
#include "linux/configdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAX_LIST (1u << 20) /* names of a folder */

/* --- the directory ----------------------------------------------------------------------- */

static int look_at_directory(struct store *s, uid_t expected)
{
	struct stat st;
	bool foreign;

	if (fstat(s->dir, &st) < 0)
		return store_fail(s, -errno, "cannot look at %s: %s", s->path, strerror(errno));
	/* The caller of sudo chose neither the path nor the links in it. */
	foreign = expected != geteuid() && st.st_uid != expected && st.st_uid != 0;
	if (foreign)
		return store_fail(s, -EACCES, "%s belongs to another user (%u)", s->path,
				  (unsigned)st.st_uid);
	if (st.st_mode & 022)
		return store_fail(s, -EPERM,
				  "others may write in %s; mend it with: chmod go-w '%s'",
				  s->path, s->path);
	s->owner = st.st_uid;
	s->group = st.st_gid;
	return 0;
}

static int choose(struct store *s, uid_t *owner)
{
	struct configdir c;
	int r = configdir_choose(&c);

	memset(s, 0, sizeof(*s));
	s->dir = -1;
	*owner = geteuid();
	if (r < 0)
		return store_fail(s, r, "cannot tell where the configuration directory is: %s; "
				  "set MESHGUARD_CONFIG_DIR", strerror(-r));
	memcpy(s->path, c.path, sizeof(s->path));
	s->because = c.because;
	s->owner = *owner = c.owner;
	s->group = getegid();
	return 0;
}

static int open_directory(struct store *s, uid_t owner)
{
	s->dir = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir < 0 && errno == ENOENT)
		return store_fail(s, -ENOENT, "there is no directory %s yet", s->path);
	if (s->dir < 0)
		return store_fail(s, -errno, "cannot open %s: %s", s->path, strerror(errno));

	int r = look_at_directory(s, owner);

	if (r < 0)
		store_close(s);
	return r;
}

int store_open(struct store *s)
{
	uid_t owner;
	int r = choose(s, &owner);

	return r < 0 ? r : open_directory(s, owner);
}

static int make_directory(struct store *s)
{
	char path[PATH_MAX];
	char *rest = path;
	int at = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	memcpy(path, s->path, sizeof(path));
	for (char *part; at >= 0 && (part = strsep(&rest, "/")); ) {
		if (!*part)
			continue;

		int next = store_step_into(at, part);

		close(at);
		if (next < 0)
			return store_fail(s, next, "cannot make %s: %s: %s", s->path, part,
					  strerror(-next));
		at = next;
	}
	if (at < 0)
		return store_fail(s, -errno, "cannot make %s: %s", s->path, strerror(errno));
	close(at);
	return 0;
}

int store_create(struct store *s)
{
	uid_t owner;
	int r = choose(s, &owner);

	if (r < 0)
		return r;
	r = open_directory(s, owner);
	if (r != -ENOENT)
		return r;
	r = make_directory(s);
	return r < 0 ? r : open_directory(s, owner);
}

void store_close(struct store *s)
{
	if (s->dir >= 0)
		close(s->dir);
	s->dir = -1;
}

int store_refresh(struct store *s)
{
	store_close(s);
	return open_directory(s, s->owner);
}

/* --- reading ----------------------------------------------------------------------------- */

/* 0, or the reason why this open file is not to be trusted; -EAGAIN: it was just replaced. */
static int judge(struct store *s, const char *name, int fd, unsigned flags)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return store_fail_errno(s, "look at", name, -errno);
	if (!S_ISREG(st.st_mode))
		return store_fail(s, S_ISDIR(st.st_mode) ? -EISDIR : -ENXIO,
				  "%s/%s is not a regular file", s->path, name);
	if (!store_owner_ok(s, &st))
		return store_fail(s, -EACCES,
				  "%s/%s belongs to another user (%u); "
				  "the owner of its directory or root must own it",
				  s->path, name, (unsigned)st.st_uid);
	if (st.st_nlink == 0)
		return -EAGAIN;
	if (st.st_nlink > 1)
		return store_fail(s, -EMLINK,
				  "%s/%s has a second name elsewhere (hard link); "
				  "make a copy and remove the links", s->path, name);
	if ((flags & STORE_SECRET) && (st.st_mode & 077))
		return store_fail(s, -EPERM,
				  "others can read %s/%s; mend it with: chmod 600 '%s/%s'",
				  s->path, name, s->path, name);
	if (st.st_mode & 022)
		return store_fail(s, -EPERM,
				  "others may write to %s/%s; mend it with: chmod go-w '%s/%s'",
				  s->path, name, s->path, name);
	return 0;
}

static int open_judged(struct store *s, const char *name, const struct where *w, unsigned flags)
{
	int r = -EAGAIN;

	for (int i = 0; i < STORE_RETRIES && r == -EAGAIN; i++) {
		/* Non-blocking, lest a pipe of that name holds us. */
		int fd = store_open_below(s->dir, w, O_RDONLY | O_NONBLOCK | O_NOCTTY);

		if (fd == -ELOOP)
			return store_fail(s, fd,
					  "%s/%s is a symbolic link; put the file itself there",
					  s->path, name);
		if (fd < 0)
			return store_fail_errno(s, "read", name, fd);
		r = judge(s, name, fd, flags);
		if (r == 0)
			return fd;
		close(fd);
	}
	return r == -EAGAIN ? store_fail_errno(s, "read", name, r) : r;
}

/* Reads to the end or to len, whichever is first. */
static ssize_t read_all(int fd, void *buf, size_t len)
{
	size_t have = 0;

	while (have < len) {
		ssize_t n = read(fd, (uint8_t *)buf + have, len - have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		have += (size_t)n;
	}
	return (ssize_t)have;
}

ssize_t store_read(struct store *s, const char *name, void *buf, size_t cap, unsigned flags)
{
	struct where w;
	uint8_t more;
	int r = store_split(s, name, &w);

	if (r < 0)
		return r;

	int fd = open_judged(s, name, &w, flags);

	if (fd < 0)
		return fd;

	ssize_t n = read_all(fd, buf, cap);
	ssize_t rest = n < 0 ? 0 : read_all(fd, &more, 1);

	close(fd);
	if (n < 0 || rest < 0)
		n = store_fail_errno(s, "read", name, (int)(n < 0 ? n : rest));
	else if (rest > 0)
		n = store_fail(s, -EFBIG, "%s/%s is too large: at most %zu bytes belong there",
			       s->path, name, cap);
	if (n < 0)
		wipe(buf, cap);
	return n;
}

/* --- names ----------------------------------------------------------------------------- */

bool store_exists(struct store *s, const char *name)
{
	struct where w;

	if (store_split(s, name, &w) < 0)
		return false;

	int fd = store_open_below(s->dir, &w, O_PATH);

	if (fd >= 0)
		close(fd);
	return fd != -ENOENT;
}

#define SETTLED_SECONDS 2

int store_stamp_of(struct store *s, const char *name, struct store_stamp *out)
{
	struct where w;
	struct stat st;
	struct timespec now;
	int r = store_split(s, name, &w);

	*out = (struct store_stamp){ 0 };
	if (r < 0)
		return r;

	int fd = store_open_below(s->dir, &w, O_PATH);

	if (fd < 0)
		return fd;
	r = fstat(fd, &st) < 0 ? -errno : 0;
	close(fd);
	if (r < 0)
		return r;
	clock_gettime(CLOCK_REALTIME, &now);
	out->changed_ns = (int64_t)st.st_ctim.tv_sec * 1000000000 + st.st_ctim.tv_nsec;
	out->size = st.st_size;
	if (st.st_ctim.tv_sec + SETTLED_SECONDS < now.tv_sec) {
		out->dev = st.st_dev;
		out->ino = st.st_ino;
	}
	return 0;
}

bool store_stamp_is_same(const struct store_stamp *a, const struct store_stamp *b)
{
	return a->ino != 0 && a->dev == b->dev && a->ino == b->ino && a->size == b->size
	       && a->changed_ns == b->changed_ns;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

struct names {
	char **list;
	size_t count, cap;
};

static int add_name(struct names *n, const char *name)
{
	if (n->count == MAX_LIST)
		return -E2BIG;
	if (n->count == n->cap) {
		size_t cap = n->cap ? 2 * n->cap : 64;
		char **list = reallocarray(n->list, cap, sizeof(*list));

		if (!list)
			return -ENOMEM;
		n->list = list;
		n->cap = cap;
	}
	n->list[n->count] = strdup(name);
	if (!n->list[n->count])
		return -ENOMEM;
	n->count++;
	return 0;
}

/* Takes fd. */
static int collect(struct names *n, int fd)
{
	DIR *d = fdopendir(fd);
	int r = 0;

	if (!d) {
		r = -errno;
		close(fd);
		return r;
	}
	while (r == 0) {
		errno = 0;

		const struct dirent *e = readdir(d);

		if (!e) {
			r = -errno;
			break;
		}
		if (e->d_name[0] != '.')
			r = add_name(n, e->d_name);
	}
	closedir(d);
	if (r == 0 && n->count)
		qsort(n->list, n->count, sizeof(*n->list), by_name);
	return r;
}

int store_list(struct store *s, const char *folder, int (*fn)(void *ctx, const char *name),
	       void *ctx)
{
	struct names names = { 0 };
	struct where w = { 0 };

	if (!store_good_part(folder, strlen(folder)))
		return store_fail(s, -EINVAL, "\"%s\" is no name of a folder in %s", folder,
				  s->path);
	memcpy(w.folder, folder, strlen(folder));
	if (s->dir < 0)
		return 0;

	int fd = store_open_folder(s, &w);

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;

	int r = collect(&names, fd);

	if (r < 0)
		store_fail_errno(s, "list", folder, r);
	for (size_t i = 0; r == 0 && i < names.count; i++)
		r = fn(ctx, names.list[i]);
	for (size_t i = 0; i < names.count; i++)
		free(names.list[i]);
	free(names.list);
	return r;
}
