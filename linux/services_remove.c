/* services_remove.c - all service rules go at once.
 *
 * A daemon that reads while file by file goes would see a policy that nobody wrote. So the folder
 * loses its name first, and is emptied then; one that a killed remover left is emptied by the next.
 */
#include "linux/services.h"

#include "base/text.h"
#include "identity/address.h"
#include "linux/store_inside.h"

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
		return !strcmp(name, SERVICES_DEFAULT) || !strcmp(name, SERVICES_GLOBAL);
	if (len <= ending || strcmp(name + len - ending, ".policy") != 0)
		return false;
	return name_valid(name, len - ending)
	       || (level == PEERS && services_is_key(name, len - ending));
}

static enum level level_of(const char *name)
{
	return !strcmp(name, "peer") ? PEERS : !strcmp(name, "org") ? ORGS : TOP;
}

/* Looks for what is not ours; or, without a list for it, removes what is. 0 or negative errno. */
static int walk(int parent, const char *folder, enum level level, struct text *strange)
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
	for (struct dirent *e; !error && (e = readdir(d)); ) {
		enum level below = level == TOP ? level_of(e->d_name) : TOP;

		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		if (below != TOP) {
			error = walk(fd, e->d_name, below, strange);
			if (!error && !strange && unlinkat(fd, e->d_name, AT_REMOVEDIR) < 0)
				error = -errno;
		} else if (!strange) {
			error = unlinkat(fd, e->d_name, 0) < 0 ? -errno : 0;
		} else if (!is_ours(level, e->d_name)) {
			text_add(strange, strange->len ? ", " : "");
			text_add(strange, level == PEERS ? "peer/" : level == ORGS ? "org/" : "");
			text_add(strange, e->d_name);
		}
	}
	closedir(d);
	return error;
}

static int remove_going(struct store *s)
{
	int error = walk(s->dir, GOING, TOP, NULL);

	if (!error && unlinkat(s->dir, GOING, AT_REMOVEDIR) < 0)
		error = -errno;
	return error == -ENOENT ? 0 : error;
}

int services_remove(struct store *s)
{
	char list[512];
	struct text strange = text_of(list, sizeof(list));
	struct store inside;
	int error = store_enter(s, SERVICES_FOLDER, false, &inside);

	store_close(&inside);
	if (error)
		return error;
	error = walk(s->dir, SERVICES_FOLDER, TOP, &strange);
	if (!error && strange.len)
		return store_fail(s, -EEXIST,
				  "%s/" SERVICES_FOLDER " holds what is not ours: %s%s; "
				  "move it away first", s->path, list,
				  strange.truncated ? "..." : "");
	if (!error)
		error = remove_going(s);
	if (!error && renameat(s->dir, SERVICES_FOLDER, s->dir, GOING) < 0)
		error = -errno;
	if (!error)
		error = remove_going(s);
	if (!error && fsync(s->dir) < 0 && errno != EINVAL)
		error = -errno;
	return error ? store_fail_errno(s, "remove", SERVICES_FOLDER, error) : 0;
}
