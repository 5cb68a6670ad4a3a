/* priv_drop.c - giving up rights, in this order and never back.
 *
 * Descriptors first, so that a failure later leaves as little as possible. The bounding set must
 * go while CAP_SETPCAP is there, identities while CAP_SETUID is. Death signal and dumpability are
 * reset by the kernel when identities change, so they come last.
 */
#include "linux/priv_inside.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_KEEP 16

static void close_range_of(unsigned first, unsigned last)
{
	if (first > last || syscall(SYS_close_range, first, last, 0) == 0)
		return;

	struct rlimit limit;
	unsigned end = last;

	if (end == ~0u && getrlimit(RLIMIT_NOFILE, &limit) == 0)
		end = (unsigned)limit.rlim_cur;
	for (unsigned fd = first; fd <= end; fd++)
		close((int)fd);
}

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

void priv_close_all_but(const int *keep, unsigned count)
{
	int kept[MAX_KEEP];
	unsigned n = 0, next = 3;

	BUG_ON(count > MAX_KEEP);
	for (unsigned i = 0; i < count; i++)
		if (keep[i] > 2)
			kept[n++] = keep[i];
	if (n)
		qsort(kept, n, sizeof(*kept), by_number);
	for (unsigned i = 0; i < n; i++) {
		close_range_of(next, (unsigned)kept[i] - 1);
		next = (unsigned)kept[i] + 1;
	}
	close_range_of(next, ~0u);
}

/* In a user namespace that maps nobody but its root there is no other user to become (EINVAL); that
 * root has no rights outside. */
static int change_user(const struct priv_drop *d)
{
	int groups;

	if (geteuid() != 0)
		return 0;
	groups = setgroups(0, NULL) < 0 ? -errno : 0;
	if (setresgid(d->gid, d->gid, d->gid) < 0)
		return errno == EINVAL ? 0 : -errno;
	if (groups < 0)
		return groups;
	return setresuid(d->uid, d->uid, d->uid) < 0 ? -errno : 0;
}

static int clear_capabilities(void)
{
	if (capng_get_caps_process() < 0)
		return -EIO;
	capng_clear(CAPNG_SELECT_CAPS);
	capng_clear(CAPNG_SELECT_AMBIENT);
	if (capng_apply(CAPNG_SELECT_CAPS) < 0 || capng_apply(CAPNG_SELECT_AMBIENT) < 0)
		return -EPERM;
	if (capng_get_caps_process() < 0)
		return -EIO;
	return capng_have_capabilities(CAPNG_SELECT_CAPS) == CAPNG_NONE ? 0 : -EPERM;
}

/* Without CAP_SETPCAP it stays, and means nothing: no_new_privs follows. */
static void clear_bounding_set(void)
{
	if (capng_get_caps_process() < 0 || !capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP))
		return;
	capng_clear(CAPNG_SELECT_BOUNDS);
	capng_apply(CAPNG_SELECT_BOUNDS);
}

static int lock_down(const struct priv_drop *d)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
	if (!d->parent)
		return 0;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return -errno;
	/* It may have died before the line above. */
	return getppid() == d->parent ? 0 : -ESRCH;
}

int priv_drop(const struct priv_drop *d, const char **what)
{
	const struct rlimit none = { 0, 0 };
	int r;

	prctl(PR_SET_NAME, d->name, 0, 0, 0);
	priv_close_all_but(d->keep, d->keep_count);
	*what = "no core dumps";
	if (setrlimit(RLIMIT_CORE, &none) < 0)
		return -errno;
	clear_bounding_set();
	*what = "another user";
	r = change_user(d);
	if (r < 0)
		return r;
	*what = "no capabilities";
	r = clear_capabilities();
	if (r < 0)
		return r;
	*what = "no way back";
	return lock_down(d);
}

void priv_user(const char *name, uid_t *uid, gid_t *gid)
{
	const struct passwd *pw = getpwnam(name);

	if (pw && pw->pw_uid != 0) {
		*uid = pw->pw_uid;
		*gid = pw->pw_gid;
	}
}
