/* services_remove.c - all service rules go at once.
 *
 * A daemon that reads while file by file goes would see a policy that nobody wrote. So the folder
 * loses its name first, and is emptied then; one that a killed remover left is emptied by the next.
 */
#include "linux/services_inside.h"

#include "base/text.h"
#include "identity/address.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define GOING ".services.going"
#define TMP ".tmp."

/* Of services/ itself, or of the folder in it. */
enum level { TOP, PEERS, ORGS };

static bool is_ours(enum level level, const char *name)
{
	size_t len = strlen(name), ending = strlen(".policy");

	if (!strncmp(name, TMP, sizeof(TMP) - 1)) /* of a killed writer */
		return true;
	if (level == TOP)
		return !strcmp(name, SERVICES_DEFAULT) || !strcmp(name, SERVICES_GLOBAL)
		       || !strcmp(name, SERVICES_UNDONE);
	if (len <= ending || strcmp(name + len - ending, ".policy") != 0)
		return false;
	return name_valid(name, len - ending)
	       || (level == PEERS && services_is_key(name, len - ending));
}

static enum level level_of(const char *name)
{
	return !strcmp(name, "peer") ? PEERS : !strcmp(name, "org") ? ORGS : TOP;
}

enum purpose { LOOK, REMOVE_OURS, REMOVE_ALL };

struct walk {
	enum purpose purpose;
	struct text *strange;        /* LOOK: what is not ours */
};

static int walk(const struct walk *w, int parent, const char *folder, enum level level);

static int visit(const struct walk *w, int fd, enum level level, const char *name)
{
	enum level below = level == TOP ? level_of(name) : TOP;

	if (below != TOP)
		return walk(w, fd, name, below);
	if (w->purpose == REMOVE_ALL || (w->purpose == REMOVE_OURS && is_ours(level, name)))
		return unlinkat(fd, name, 0) < 0 ? -errno : 0;
	if (w->purpose == LOOK && !is_ours(level, name)) {
		text_add(w->strange, w->strange->len ? ", " : "");
		text_add(w->strange, level == PEERS ? "peer/" : level == ORGS ? "org/" : "");
		text_add(w->strange, name);
	}
	return 0;
}

/* Goes through the folder, and, unless it only looks, removes it when it is empty. 0 or negative
 * errno. */
static int walk(const struct walk *w, int parent, const char *folder, enum level level)
{
	int fd = openat(parent, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	int error = 0;

	if (!d) {
		error = -errno;
		if (fd >= 0)
			close(fd);
		return error;
	}
	for (struct dirent *e; !error && (e = readdir(d)); )
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			error = visit(w, fd, level, e->d_name);
	closedir(d);
	if (!error && w->purpose != LOOK && unlinkat(parent, folder, AT_REMOVEDIR) < 0)
		error = errno == ENOTEMPTY && w->purpose == REMOVE_OURS ? 0 : -errno;
	return error;
}

int services_look(struct store *s, const char *folder)
{
	char list[512];
	struct text strange = text_of(list, sizeof(list));
	int error = walk(&(struct walk){ LOOK, &strange }, s->dir, folder, TOP);

	if (error)
		return store_fail_errno(s, "look at", folder, error);
	if (!strange.len)
		return 0;
	return store_fail(s, -EEXIST, "%s/%s holds what is not ours: %s%s; move it away first",
			  s->path, folder, list, strange.truncated ? "..." : "");
}

static int clear(struct store *s, const char *folder, enum purpose purpose)
{
	int error = walk(&(struct walk){ .purpose = purpose }, s->dir, folder, TOP);

	return error == -ENOENT ? 0 : error;
}

int services_clear(struct store *s, const char *folder)
{
	int error = clear(s, folder, REMOVE_OURS);

	return error ? store_fail_errno(s, "remove", folder, error) : 0;
}

int services_remove(struct store *s)
{
	struct store inside;
	int error = store_enter(s, SERVICES_FOLDER, false, &inside);

	store_close(&inside);
	if (!error)
		error = services_look(s, SERVICES_FOLDER);
	if (error)
		return error;
	error = clear(s, GOING, REMOVE_ALL);
	if (!error && renameat(s->dir, SERVICES_FOLDER, s->dir, GOING) < 0)
		error = -errno;
	if (!error)
		error = clear(s, GOING, REMOVE_ALL);
	if (!error && fsync(s->dir) < 0 && errno != EINVAL)
		error = -errno;
	return error ? store_fail_errno(s, "remove", SERVICES_FOLDER, error) : 0;
}
