/* store_open.c - names below the directory, and opening them.
 *
 * A name is resolved without following one symbolic link: by openat2, and on kernels without it
 * component by component with O_NOFOLLOW. Names have two parts at most, so that is two steps.
 *
 * Root in somebody's directory gives what it makes to the owner of the directory around it, so
 * that `sudo meshguard trust` does not leave files that the user can no longer remove or read.
 */
#include "linux/store_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int store_fail(struct store *s, int error, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(s->error, sizeof(s->error), format, ap);
	va_end(ap);
	return error;
}

int store_fail_errno(struct store *s, const char *verb, const char *name, int error)
{
	return store_fail(s, error, "cannot %s %s/%s: %s", verb, s->path, name, strerror(-error));
}

/* --- names ------------------------------------------------------------------------------- */

bool store_good_part(const char *part, size_t len)
{
	return len > 0 && len <= NAME_MAX && part[0] != '.' && !memchr(part, '/', len);
}

int store_split(struct store *s, const char *name, struct where *w)
{
	const char *slash = strchr(name, '/');
	const char *file = slash ? slash + 1 : name;
	size_t folder_len = slash ? (size_t)(slash - name) : 0;

	memset(w, 0, sizeof(*w));
	if ((slash && !store_good_part(name, folder_len)) || !store_good_part(file, strlen(file)))
		return store_fail(s, -EINVAL, "\"%s\" is no name of a file in %s", name, s->path);
	memcpy(w->folder, name, folder_len);
	memcpy(w->file, file, strlen(file));
	if (s->dir < 0)
		return store_fail(s, -ENOENT, "there is no directory %s yet", s->path);
	return 0;
}

/* --- opening ----------------------------------------------------------------------------- */

static int open_step(int dir, const char *part, int flags)
{
	int fd = openat(dir, part, flags | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int open_by_steps(int dir, const struct where *w, int flags)
{
	if (!w->folder[0])
		return open_step(dir, w->file, flags);

	int folder = open_step(dir, w->folder, O_PATH | O_DIRECTORY);

	if (folder < 0)
		return folder == -ENOTDIR ? -ELOOP : folder;

	int fd = open_step(folder, w->file, flags);

	close(folder);
	return fd;
}

int store_open_below(int dir, const struct where *w, int flags)
{
	char name[2 * NAME_MAX + 3];
	struct open_how how = {
		.flags = (uint64_t)(flags | O_NOFOLLOW | O_CLOEXEC),
		.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};

	snprintf(name, sizeof(name), "%s%s%s", w->folder, w->folder[0] ? "/" : "", w->file);
	for (int i = 0; i < STORE_RETRIES; i++) {
		long fd = syscall(SYS_openat2, dir, name, &how, sizeof(how));

		if (fd >= 0)
			return (int)fd;
		/* Old kernels have not got it; old sandboxes refuse calls unknown to them. */
		if (errno == ENOSYS || errno == EPERM)
			return open_by_steps(dir, w, flags);
		if (errno != EAGAIN) /* a rename went on in the tree */
			return -errno;
	}
	return -EAGAIN;
}

bool store_owner_ok(const struct store *s, const struct stat *st)
{
	return st->st_uid == s->owner || st->st_uid == 0;
}

int store_open_folder(struct store *s, const struct where *w)
{
	struct where folder = { .file = "." };
	struct stat st;

	memcpy(folder.folder, w->folder, sizeof(folder.folder));

	int fd = store_open_below(s->dir, &folder, O_RDONLY | O_DIRECTORY);

	if (fd == -ELOOP || fd == -ENOTDIR)
		return store_fail(s, fd, "%s/%s is not a directory%s; put a directory there",
				  s->path, w->folder, fd == -ELOOP ? " but a symbolic link" : "");
	if (fd < 0)
		return store_fail_errno(s, "open", w->folder, fd);
	if (fstat(fd, &st) < 0 || !store_owner_ok(s, &st)) {
		close(fd);
		return store_fail(s, -EACCES, "%s/%s belongs to another user (%u)", s->path,
				  w->folder, (unsigned)st.st_uid);
	}
	/* They could let themselves in, as in the directory around it. */
	if (st.st_mode & 022) {
		close(fd);
		return store_fail(s, -EPERM, "others may write in %s/%s; mend it with: "
				  "chmod go-w '%s/%s'", s->path, w->folder, s->path, w->folder);
	}
	return fd;
}

int store_hand_over(int fd, uid_t uid, gid_t gid)
{
	if (geteuid() != 0 || uid == 0)
		return 0;
	/* In a user namespace an owner who is not mapped cannot be given anything (EINVAL). */
	return fchown(fd, uid, gid) < 0 && errno != EINVAL ? -errno : 0;
}

static void sync_folder(int fd)
{
	int readable = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (readable >= 0) {
		fsync(readable);
		close(readable);
	}
}

int store_step_into(int parent, const char *name)
{
	struct stat st;
	int fd = openat(parent, name, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0 || errno != ENOENT)
		return fd < 0 ? -errno : fd;
	if (fstat(parent, &st) < 0)
		return -errno;

	bool made = mkdirat(parent, name, 0700) == 0;

	if (!made && errno != EEXIST)
		return -errno;
	fd = open_step(parent, name, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return fd;

	int r = made ? store_hand_over(fd, st.st_uid, st.st_gid) : 0;

	if (r < 0) {
		close(fd);
		return r;
	}
	sync_folder(parent);
	return fd;
}
