#include "linux/helper.h"

#include "linux/priv_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MEMORY (64u << 20)

/* A sanitizer's shadow is larger than any bound. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* Where the kernel has no Landlock it is still nobody. */
static void hide_files(const char *const *files)
{
	const struct landlock_ruleset_attr all = {
		.handled_access_fs = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1,
	};
	int rules = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof(all), 0);

	if (rules < 0)
		return;
	for (; files && *files; files++) {
		struct landlock_path_beneath_attr rule = {
			.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE,
			.parent_fd = open(*files, O_PATH | O_CLOEXEC),
		};

		if (rule.parent_fd < 0)
			continue;
		syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
		close(rule.parent_fd);
	}
	syscall(SYS_landlock_restrict_self, rules, 0);
	close(rules);
}

static void limit(int resource, rlim_t most)
{
	const struct rlimit to = { most, most };

	setrlimit(resource, &to);
}

int helper_become(const struct helper *h)
{
	struct priv_drop drop = {
		.uid = 65534, .gid = 65534, .parent = h->parent, .name = h->name,
		.keep = &h->socket, .keep_count = 1,
	};
	const char *step;
	sigset_t none;
	int error;

	signal(SIGALRM, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	priv_user("nobody", &drop.uid, &drop.gid);
	error = priv_drop(&drop, &step);
	if (error < 0)
		return error;
	hide_files(h->files);
	limit(RLIMIT_FSIZE, 0);
	limit(RLIMIT_NPROC, 0);
	limit(RLIMIT_NOFILE, 64);
	if (!h->lives_long)
		limit(RLIMIT_CPU, 5);
	if (!SANITIZED)
		limit(RLIMIT_DATA, MEMORY);
	return 0;
}
