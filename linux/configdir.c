/* configdir.c - the choice, in the order of the design's section 3.
 *
 * `meshguard keygen` as a user and `sudo meshguard up` must meet. So under sudo root's own
 * directory counts only when somebody made an identity there; else the caller's directory is the
 * one. SUDO_UID is believed from root alone: anybody else could name a stranger with it, and
 * would gain nothing but a confusing message.
 */
#include "linux/configdir.h"

#include "base/text.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int join(char out[PATH_MAX], const char *a, const char *b)
{
	int n = snprintf(out, PATH_MAX, "%s/%s", a, b);

	return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

static const char *setting(const char *name)
{
	const char *value = secure_getenv(name);

	return value && *value ? value : NULL;
}

static int make_absolute(char out[PATH_MAX], const char *path)
{
	char here[PATH_MAX];

	if (path[0] == '/')
		return join(out, "", path + 1);
	if (!getcwd(here, sizeof(here)))
		return -errno;
	if (here[0] != '/') /* the kernel's "(unreachable)" */
		return -ENOENT;
	return join(out, here[1] ? here : "", path);
}

/* The home directory in the password file; valid until the next look into it. */
static const char *home_of(uid_t uid)
{
	const struct passwd *pw = getpwuid(uid);

	return pw && pw->pw_dir && pw->pw_dir[0] == '/' ? pw->pw_dir : NULL;
}

static int own_directory(struct configdir *out)
{
	const char *xdg = setting("XDG_CONFIG_HOME");
	const char *home = setting("HOME");

	out->owner = geteuid();
	/* Its specification has a relative path ignored. */
	if (xdg && xdg[0] == '/') {
		out->because = "XDG_CONFIG_HOME";
		return join(out->path, xdg, "meshguard");
	}
	out->because = "HOME";
	if (!home || home[0] != '/') {
		home = home_of(geteuid());
		out->because = "the home directory in the password file";
	}
	return home ? join(out->path, home, ".config/meshguard") : -ENOENT;
}

static bool holds_identity(const char *path)
{
	static const char *const names[] = { "identity.key", "identity.pub" };
	char file[PATH_MAX];
	struct stat st;

	for (unsigned i = 0; i < 2; i++)
		if (!join(file, path, names[i]) && !lstat(file, &st))
			return true;
	return false;
}

/* Who called sudo; 0 when nobody did, or root himself. */
static uid_t sudo_caller(void)
{
	const char *text = setting("SUDO_UID");
	uint64_t uid;

	if (getuid() != 0 || geteuid() != 0 || !text)
		return 0;
	return parse_u64(text, strlen(text), UINT32_MAX - 1, &uid) ? (uid_t)uid : 0;
}

int configdir_choose(struct configdir *out)
{
	const char *given = setting("MESHGUARD_CONFIG_DIR");

	memset(out, 0, sizeof(*out));
	if (given) {
		out->owner = geteuid();
		out->because = "MESHGUARD_CONFIG_DIR";
		return make_absolute(out->path, given);
	}

	int r = own_directory(out);
	uid_t caller = sudo_caller();
	const char *home = caller ? home_of(caller) : NULL;

	if (!home || (r == 0 && holds_identity(out->path)))
		return r;
	out->owner = caller;
	out->because = "the directory of the user who called sudo";
	return join(out->path, home, ".config/meshguard");
}
