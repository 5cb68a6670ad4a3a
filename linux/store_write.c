/* store_write.c - a file is old or new, never half.
 *
 * A temporary file, ".tmp." and 16 random digits in the same folder, gets owner, mode and content,
 * is synced, and takes its name by one rename; then the folder is synced. The writer holds a lock
 * (flock) on its temporary file while it lives. The kernel lifts the lock when the writer is
 * killed, so a temporary file that can be locked is a left-over: the next writer removes it.
 */
#include "linux/store_inside.h"

#include "base/bytes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

#define TMP_PREFIX ".tmp."
#define TMP_NAME (sizeof(TMP_PREFIX) + 16)

static bool is_tmp(const char *name)
{
	return strncmp(name, TMP_PREFIX, sizeof(TMP_PREFIX) - 1) == 0;
}

/* Removes one temporary file unless its writer lives. */
static void clear_leftover(int folder, const char *name)
{
	int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		unlinkat(folder, name, 0);
	close(fd);
}

static void clear_leftovers(int folder)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d) {
		if (fd >= 0)
			close(fd);
		return;
	}
	for (struct dirent *e; (e = readdir(d)); )
		if (is_tmp(e->d_name))
			clear_leftover(folder, e->d_name);
	closedir(d);
}

/* A new, empty, locked file in the folder; its name goes to out. */
static int make_tmp(int folder, char out[TMP_NAME])
{
	for (int i = 0; i < STORE_RETRIES; i++) {
		uint64_t random;
		struct stat st;

		if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
			return -EIO;
		snprintf(out, TMP_NAME, TMP_PREFIX "%016llx", (unsigned long long)random);

		int fd = openat(folder, out,
				O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

		if (fd < 0 && errno == EEXIST)
			continue;
		if (fd < 0)
			return -errno;
		/* Somebody who cleans up may have come between; then this file is lost. */
		if (flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &st) == 0 && st.st_nlink == 1)
			return fd;
		unlinkat(folder, out, 0);
		close(fd);
	}
	return -EAGAIN;
}

static int fill(struct store *s, int fd, const void *data, size_t len, unsigned flags)
{
	const uint8_t *at = data;
	int r = store_hand_over(fd, s->owner, s->group);

	if (r < 0)
		return r;
	if (fchmod(fd, flags & STORE_SECRET ? 0600 : 0644) < 0)
		return -errno;
	while (len) {
		ssize_t n = write(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		at += n;
		len -= (size_t)n;
	}
	return fsync(fd) < 0 ? -errno : 0;
}

/* Gives the temporary file its name. */
static int publish(int folder, const char *tmp, const char *name, unsigned flags)
{
	if (flags & STORE_REPLACE)
		return renameat(folder, tmp, folder, name) < 0 ? -errno : 0;
	if (renameat2(folder, tmp, folder, name, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -errno;
	/* The file system cannot do that; a link never replaces either. */
	if (linkat(folder, tmp, folder, name, 0) < 0)
		return -errno;
	unlinkat(folder, tmp, 0);
	return 0;
}

static int write_in(struct store *s, int folder, const char *file, struct bytes content,
		    unsigned flags)
{
	char tmp[TMP_NAME];

	clear_leftovers(folder);

	int fd = make_tmp(folder, tmp);

	if (fd < 0)
		return fd;

	int r = fill(s, fd, content.data, content.len, flags);

	if (r == 0)
		r = publish(folder, tmp, file, flags);
	if (r < 0)
		unlinkat(folder, tmp, 0);
	else if (fsync(folder) < 0 && errno != EINVAL) /* EINVAL: this file system needs none */
		r = -errno;
	close(fd);
	return r;
}

static int make_folder(struct store *s, const struct where *w)
{
	int fd = store_step_into(s->dir, w->folder);

	if (fd < 0)
		return store_fail_errno(s, "make", w->folder, fd);
	close(fd);
	return 0;
}

int store_enter(struct store *s, const char *folder, bool make, struct store *out)
{
	struct where w = { 0 };
	int fd, r;

	*out = (struct store){ .dir = -1, .owner = s->owner, .group = s->group,
			       .because = s->because };
	if (!store_good_part(folder, strlen(folder)))
		return store_fail(s, -EINVAL, "\"%s\" is no name of a folder in %s", folder,
				  s->path);
	if (s->dir < 0)
		return store_fail(s, -ENOENT, "there is no directory %s yet", s->path);
	memcpy(w.folder, folder, strlen(folder));
	if (snprintf(out->path, sizeof(out->path), "%s/%s", s->path, folder) >= PATH_MAX)
		return store_fail(s, -ENAMETOOLONG, "the path of %s is too long", folder);
	fd = store_open_folder(s, &w);
	if (fd == -ENOENT && make) {
		r = make_folder(s, &w);
		if (r < 0)
			return r;
		fd = store_open_folder(s, &w);
	}
	out->dir = fd < 0 ? -1 : fd;
	return fd < 0 ? fd : 0;
}

int store_write(struct store *s, const char *name, const void *data, size_t len, unsigned flags)
{
	struct where w;
	int r = store_split(s, name, &w);

	if (r < 0)
		return r;

	int folder = store_open_folder(s, &w);

	if (folder == -ENOENT && w.folder[0]) {
		r = make_folder(s, &w);
		if (r < 0)
			return r;
		folder = store_open_folder(s, &w);
	}
	if (folder < 0)
		return folder;
	r = write_in(s, folder, w.file, bytes_of(data, len), flags);
	close(folder);
	if (r == -EEXIST)
		return store_fail(s, r, "%s/%s is already there", s->path, name);
	return r < 0 ? store_fail_errno(s, "write", name, r) : 0;
}

int store_remove(struct store *s, const char *name)
{
	struct where w;
	int r = store_split(s, name, &w);

	if (r < 0)
		return r;

	int folder = store_open_folder(s, &w);

	if (folder < 0)
		return folder;
	if (unlinkat(folder, w.file, 0) < 0)
		r = store_fail_errno(s, "remove", name, -errno);
	else if (fsync(folder) < 0 && errno != EINVAL)
		r = store_fail_errno(s, "sync the removal of", name, -errno);
	close(folder);
	return r;
}

/* Never replaces. */
static int move(int folder, const char *from, const char *to)
{
	int r = renameat2(folder, from, folder, to, RENAME_NOREPLACE) < 0 ? -errno : 0;

	if (r != -EINVAL && r != -ENOSYS)
		return r;
	/* The file system cannot do that; a link never replaces either. */
	if (linkat(folder, from, folder, to, 0) < 0)
		return -errno;
	unlinkat(folder, from, 0);
	return 0;
}

int store_rename(struct store *s, const char *from, const char *to)
{
	struct where w, v;
	int folder, r = store_split(s, from, &w);

	if (r == 0)
		r = store_split(s, to, &v);
	if (r < 0)
		return r;
	if (strcmp(w.folder, v.folder) != 0)
		return store_fail(s, -EXDEV, "%s and %s are of two folders", from, to);
	folder = store_open_folder(s, &w);
	if (folder < 0)
		return folder;
	r = move(folder, w.file, v.file);
	if (r == 0 && fsync(folder) < 0 && errno != EINVAL) {
		r = -errno;
		(void)!move(folder, v.file, w.file);
	}
	close(folder);
	return r < 0 ? store_fail_errno(s, "rename", from, r) : 0;
}
