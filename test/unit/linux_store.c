/* The store in a directory of its own: what it refuses, what it leaves behind, and what a crash
 * leaves behind. Some tests need root; without it they say so. */
#include "tap.h"

#include "linux/store.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char root[PATH_MAX - 300]; /* a fresh directory for each test */

static const char *at(const char *name)
{
	static char paths[4][PATH_MAX];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, PATH_MAX, "%s/%s", root, name);
	return path;
}

static void put(const char *name, const char *text, mode_t mode)
{
	int fd = open(at(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ok(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	ok(fchmod(fd, mode) == 0);
	close(fd);
}

static mode_t mode_of(const char *name)
{
	struct stat st;

	return lstat(at(name), &st) < 0 ? 0 : st.st_mode & 07777;
}

static unsigned entries(const char *folder)
{
	char command[PATH_MAX + 40], line[32] = "";

	snprintf(command, sizeof(command), "ls -A '%s' | wc -l", at(folder));

	FILE *p = popen(command, "r");

	if (p && !fgets(line, sizeof(line), p))
		line[0] = 0;
	if (p)
		pclose(p);
	return (unsigned)atoi(line);
}

static struct store fresh(void)
{
	static struct store s;

	snprintf(root, sizeof(root), "%s/mgstore-XXXXXX", getenv("TMPDIR") ?: "/tmp");
	ok(mkdtemp(root) != NULL);
	setenv("MESHGUARD_CONFIG_DIR", root, 1);
	eq_int(store_open(&s), 0);
	return s;
}

static void finish(struct store *s)
{
	char command[PATH_MAX + 40];

	store_close(s);
	snprintf(command, sizeof(command), "rm -rf '%s'", root);
	ok(system(command) == 0);
}

/* --- reading ----------------------------------------------------------------------------- */

static void judge_files(struct store *s)
{
	static const struct {
		const char *name;
		unsigned flags;
		ssize_t result;
	} table[] = {
		{ "good", 0, 5 }, { "good", STORE_SECRET, 5 },
		{ "loose", 0, 5 }, { "loose", STORE_SECRET, -EPERM },
		{ "group", STORE_SECRET, -EPERM }, { "link", 0, -ELOOP },
		{ "dangling", 0, -ELOOP }, { "twice", 0, -EMLINK },
		{ "pipe", 0, -ENXIO }, { "folder", 0, -EISDIR },
		{ "absent", 0, -ENOENT }, { "folder/inner", 0, 5 },
		{ "folder/absent", 0, -ENOENT }, { "linked/inner", 0, -ELOOP },
		{ "large", 0, -EFBIG }, { "full", 0, 16 }, { "empty", 0, 0 },
		{ "../good", 0, -EINVAL }, { "/good", 0, -EINVAL }, { "", 0, -EINVAL },
		{ ".", 0, -EINVAL }, { "..", 0, -EINVAL }, { ".hidden", 0, -EINVAL },
		{ "folder/../good", 0, -EINVAL }, { "folder/", 0, -EINVAL },
		{ "a/b/c", 0, -EINVAL }, { "folder/..", 0, -EINVAL },
	};
	char buf[16];

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		memset(buf, 'x', sizeof(buf));

		ssize_t n = store_read(s, table[i].name, buf, sizeof(buf), table[i].flags);

		if (n != table[i].result)
			TAP_FAIL("reading \"%s\" with flags %u gives %zd, want %zd (%s)",
				 table[i].name, table[i].flags, n, table[i].result, s->error);
		if (n == 5)
			eq_mem(buf, "hello", 5);
		if (n < 0 && n != -EINVAL && n != -ENOENT && !strstr(s->error, root))
			TAP_FAIL("the error does not name the place: %s", s->error);
	}
}

static void make_files(void)
{
	put("good", "hello", 0600);
	put("loose", "hello", 0644);
	put("group", "hello", 0640);
	put("twice", "hello", 0600);
	put("large", "12345678901234567", 0600);
	put("full", "1234567890123456", 0600);
	put("empty", "", 0600);
	ok(link(at("twice"), at("twice2")) == 0);
	ok(symlink("good", at("link")) == 0);
	ok(symlink("nowhere", at("dangling")) == 0);
	ok(mkfifo(at("pipe"), 0600) == 0);
	ok(mkdir(at("folder"), 0700) == 0);
	put("folder/inner", "hello", 0600);
	ok(symlink("folder", at("linked")) == 0);
}

static void reading_refuses_what_is_not_a_plain_file_of_ours(void)
{
	struct store s = fresh();

	make_files();
	judge_files(&s);
	finish(&s);
}

/* Makes openat2 fail with ENOSYS in this process, as kernels before 5.6 do. */
static bool without_openat2(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = 4, .filter = code };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
	       && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0
	       && syscall(SYS_openat2, -1, NULL, NULL, 0) < 0 && errno == ENOSYS;
}

static void an_old_kernel_refuses_the_same(void)
{
	struct store s = fresh();
	int status = -1;

	make_files();
	fflush(stdout);

	pid_t child = fork();

	if (child == 0) {
		ok(without_openat2());
		judge_files(&s);
		ok(store_write(&s, "folder/new", "x", 1, 0) == 0);
		ok(store_write(&s, "linked/new", "x", 1, 0) == -ELOOP);
		fflush(stdout);
		_exit(tap_bad != 0);
	}
	ok(waitpid(child, &status, 0) == child);
	eq_int(status, 0);
	finish(&s);
}

static void a_loose_secret_names_the_command_that_mends_it(void)
{
	struct store s = fresh();
	char buf[16], command[PATH_MAX + 32];

	put("identity.key", "hello", 0644);
	eq_int(store_read(&s, "identity.key", buf, sizeof(buf), STORE_SECRET), -EPERM);
	snprintf(command, sizeof(command), "chmod 600 '%s/identity.key'", root);

	const char *said = strstr(s.error, command);

	ok(said != NULL);
	ok(said && system(said) == 0);
	eq_int(store_read(&s, "identity.key", buf, sizeof(buf), STORE_SECRET), 5);
	finish(&s);
}

static void a_refused_read_leaves_nothing_in_the_buffer(void)
{
	struct store s = fresh();
	char buf[4] = "abc";

	put("secret", "hello", 0600);
	eq_int(store_read(&s, "secret", buf, sizeof(buf), STORE_SECRET), -EFBIG);
	eq_mem(buf, "\0\0\0\0", 4);
	finish(&s);
}

/* --- writing ----------------------------------------------------------------------------- */

static void writing_sets_modes_and_replaces_only_when_told(void)
{
	struct store s = fresh();
	char buf[16];
	mode_t old = umask(0);

	eq_int(store_write(&s, "key", "one", 3, STORE_SECRET), 0);
	eq_int(mode_of("key"), 0600);
	eq_int(store_write(&s, "key", "two", 3, STORE_SECRET), -EEXIST);
	ok(strstr(s.error, "already there"));
	eq_int(store_read(&s, "key", buf, sizeof(buf), STORE_SECRET), 3);
	eq_mem(buf, "one", 3);
	eq_int(store_write(&s, "key", "three", 5, STORE_SECRET | STORE_REPLACE), 0);
	eq_int(store_read(&s, "key", buf, sizeof(buf), STORE_SECRET), 5);
	eq_mem(buf, "three", 5);
	eq_int(store_write(&s, "pub", "", 0, 0), 0);
	eq_int(mode_of("pub"), 0644);
	umask(077);
	eq_int(store_write(&s, "keys/a.pub", "a", 1, 0), 0);
	eq_int(mode_of("keys"), 0700);
	eq_int(mode_of("keys/a.pub"), 0644);
	eq_int(entries(""), 3);
	eq_int(entries("keys"), 1);
	umask(old);
	finish(&s);
}

static void nothing_is_written_through_or_over_links(void)
{
	struct store s = fresh();
	char buf[16];

	put("target", "hello", 0600);
	ok(symlink("target", at("link")) == 0);
	ok(mkdir(at("folder"), 0700) == 0);
	ok(symlink("folder", at("linked")) == 0);
	ok(symlink("nowhere", at("dangling")) == 0);
	eq_int(store_write(&s, "link", "x", 1, 0), -EEXIST);
	eq_int(store_write(&s, "dangling", "x", 1, 0), -EEXIST);
	eq_int(store_write(&s, "linked/x", "x", 1, 0), -ELOOP);
	eq_int(store_write(&s, "dangling/x", "x", 1, 0), -ELOOP);
	eq_int(store_write(&s, "folder", "x", 1, STORE_REPLACE), -EISDIR);
	eq_int(store_write(&s, "target/x", "x", 1, 0), -ENOTDIR);
	/* Replacing replaces the link, not what it points to. */
	eq_int(store_write(&s, "link", "x", 1, STORE_REPLACE), 0);
	eq_int(store_read(&s, "target", buf, sizeof(buf), 0), 5);
	eq_int(store_read(&s, "link", buf, sizeof(buf), 0), 1);
	eq_int(entries("folder"), 0);
	eq_int(entries(""), 5);
	finish(&s);
}

static void left_over_temporary_files_go_and_living_ones_stay(void)
{
	struct store s = fresh();

	put(".tmp.0123456789abcdef", "half a ke", 0600);
	put(".tmp.fedcba9876543210", "other half", 0600);

	int living = open(at(".tmp.fedcba9876543210"), O_RDWR);

	ok(living >= 0 && flock(living, LOCK_EX) == 0);
	ok(mkfifo(at(".tmp.pipe"), 0600) == 0);
	eq_int(store_write(&s, "key", "x", 1, 0), 0);
	ok(access(at(".tmp.0123456789abcdef"), F_OK) < 0);
	ok(access(at(".tmp.pipe"), F_OK) < 0);
	ok(access(at(".tmp.fedcba9876543210"), F_OK) == 0);
	close(living);
	eq_int(store_write(&s, "key2", "x", 1, 0), 0);
	eq_int(entries(""), 2);
	finish(&s);
}

/* Writers at full speed; a reader must always find one of the contents, whole. */
static void readers_see_old_or_new_while_others_write_and_are_killed(void)
{
	enum { WRITERS = 3, READS = 3000, LEN = 3000 };
	struct store s = fresh();
	pid_t writers[WRITERS];
	static char buf[LEN + 1], content[LEN];
	unsigned bad = 0, kills = 0;

	memset(content, 'a', LEN);
	eq_int(store_write(&s, "file", content, LEN, STORE_REPLACE), 0);
	for (int i = 0; i < WRITERS; i++)
		writers[i] = 0;
	for (int n = 0; n < READS; n++) {
		int i = n % WRITERS;

		if (n % 100 == 0) {
			if (writers[i]) {
				kill(writers[i], SIGKILL);
				waitpid(writers[i], NULL, 0);
				kills++;
			}
			fflush(stdout);
			writers[i] = fork();
			if (writers[i] == 0) {
				memset(content, 'b' + i, LEN);
				while (store_write(&s, "file", content, LEN, STORE_REPLACE) == 0)
					;
				_exit(1);
			}
		}

		ssize_t len = store_read(&s, "file", buf, sizeof(buf), 0);
		char *end = buf;

		while (len == LEN && end < buf + LEN && *end == buf[0])
			end++;
		bad += len != LEN || end != buf + LEN;
	}
	for (int i = 0; i < WRITERS; i++) {
		int status;

		ok(waitpid(writers[i], &status, WNOHANG) == 0); /* none gave up */
		kill(writers[i], SIGKILL);
		waitpid(writers[i], NULL, 0);
	}
	eq_int(bad, 0);
	ok(kills > 10);
	eq_int(store_write(&s, "file", content, LEN, STORE_REPLACE), 0);
	eq_int(entries(""), 1);
	finish(&s);
}

static void removing_and_listing(void)
{
	struct store s = fresh();

	ok(!store_exists(&s, "keys/a.pub"));
	eq_int(store_remove(&s, "keys/a.pub"), -ENOENT);
	eq_int(store_write(&s, "keys/a.pub", "a", 1, 0), 0);
	ok(store_exists(&s, "keys/a.pub"));
	ok(store_exists(&s, "keys"));
	eq_int(store_remove(&s, "keys"), -EISDIR);
	eq_int(store_remove(&s, "keys/a.pub"), 0);
	ok(!store_exists(&s, "keys/a.pub"));
	ok(symlink("nowhere", at("dangling")) == 0);
	ok(store_exists(&s, "dangling"));
	eq_int(store_remove(&s, "dangling"), 0);
	finish(&s);
}

struct listing {
	char text[256];
	int stop_after;
};

static int note(void *ctx, const char *name)
{
	struct listing *l = ctx;

	strncat(l->text, name, sizeof(l->text) - strlen(l->text) - 1);
	strncat(l->text, " ", sizeof(l->text) - strlen(l->text) - 1);
	return --l->stop_after == 0 ? 7 : 0;
}

static void a_list_is_sorted_and_without_dot_files(void)
{
	struct store s = fresh();
	struct listing all = { .stop_after = -1 }, two = { .stop_after = 2 };
	static const char *const names[] = { "k/b", "k/a", "k/B", "k/a.pub", "k/10", "k/9" };

	eq_int(store_list(&s, "k", note, &all), 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		eq_int(store_write(&s, names[i], "", 0, 0), 0);
	put("k/.tmp.x", "", 0600);
	eq_int(store_list(&s, "k", note, &all), 0);
	eq_str(all.text, "10 9 B a a.pub b ");
	eq_int(store_list(&s, "k", note, &two), 7);
	eq_str(two.text, "10 9 ");
	ok(symlink("k", at("l")) == 0);
	eq_int(store_list(&s, "l", note, &all), -ELOOP);
	eq_int(store_list(&s, "..", note, &all), -EINVAL);
	finish(&s);
}

/* --- which directory --------------------------------------------------------------------- */

static void the_directory_is_chosen_in_the_order_of_the_design(void)
{
	struct store s = fresh();
	char home[PATH_MAX], want[PATH_MAX + 64];

	snprintf(home, sizeof(home), "%s", root);
	store_close(&s);
	unsetenv("SUDO_UID");
	setenv("XDG_CONFIG_HOME", at("xdg"), 1);
	setenv("HOME", at("home"), 1);

	ok(chdir(root) == 0);
	setenv("MESHGUARD_CONFIG_DIR", "here", 1);
	eq_int(store_open(&s), -ENOENT);
	eq_str(s.path, at("here"));
	eq_str(s.because, "MESHGUARD_CONFIG_DIR");
	eq_int(s.dir, -1);

	setenv("MESHGUARD_CONFIG_DIR", "", 1);
	eq_int(store_open(&s), -ENOENT);
	eq_str(s.path, at("xdg/meshguard"));
	eq_str(s.because, "XDG_CONFIG_HOME");

	setenv("XDG_CONFIG_HOME", "relative", 1);
	eq_int(store_create(&s), 0);
	snprintf(want, sizeof(want), "%s/home/.config/meshguard", home);
	eq_str(s.path, want);
	eq_str(s.because, "HOME");
	eq_int(mode_of("home/.config/meshguard"), 0700);
	eq_int(mode_of("home/.config"), 0700);
	store_close(&s);
	eq_int(store_open(&s), 0);
	store_close(&s);

	unsetenv("HOME");
	ok(store_open(&s) != -EINVAL);
	ok(s.path[0] == '/');
	eq_str(s.because, "the home directory in the password file");
	store_close(&s);
	setenv("HOME", "/", 1);
	unsetenv("XDG_CONFIG_HOME");
	ok(chdir("/") == 0);
	finish(&s);
}

static void a_directory_where_others_write_is_refused(void)
{
	struct store s = fresh();

	store_close(&s);
	ok(chmod(root, 0770) == 0);
	eq_int(store_open(&s), -EPERM);
	ok(strstr(s.error, "chmod go-w"));
	eq_int(store_create(&s), -EPERM);
	ok(chmod(root, 0755) == 0);
	eq_int(store_open(&s), 0);
	finish(&s);
}

static void folders_and_files_that_others_may_write_are_refused(void)
{
	struct store s = fresh();
	char buf[16];

	eq_int(store_write(&s, "k/a", "hello", 5, 0), 0);
	for (mode_t mode = 0620; mode <= 0666; mode += 046) {
		ok(chmod(at("k/a"), mode) == 0);
		eq_int(store_read(&s, "k/a", buf, sizeof(buf), 0), -EPERM);
		ok(strstr(s.error, "chmod go-w"));
	}
	ok(chmod(at("k/a"), 0644) == 0);
	eq_int(store_read(&s, "k/a", buf, sizeof(buf), 0), 5);
	ok(chmod(at("k"), 0777) == 0);
	eq_int(store_list(&s, "k", note, NULL), -EPERM);
	ok(strstr(s.error, "chmod go-w"));
	eq_int(store_write(&s, "k/b", "x", 1, 0), -EPERM);
	ok(chmod(at("k"), 0755) == 0);
	eq_int(store_remove(&s, "k/a"), 0);
	ok(rmdir(at("k")) == 0);
	ok(symlink("/tmp", at("k")) == 0);
	eq_int(store_list(&s, "k", note, NULL), -ELOOP);
	ok(strstr(s.error, "symbolic link"));
	ok(unlink(at("k")) == 0);
	finish(&s);
}

static void no_directory_is_an_error_and_a_file_too(void)
{
	struct store s = fresh();
	char buf[4];

	store_close(&s);
	setenv("MESHGUARD_CONFIG_DIR", at("none"), 1);
	eq_int(store_open(&s), -ENOENT);
	eq_int(store_read(&s, "x", buf, sizeof(buf), 0), -ENOENT);
	eq_int(store_write(&s, "x", "x", 1, 0), -ENOENT);
	eq_int(store_remove(&s, "x"), -ENOENT);
	eq_int(store_list(&s, "x", note, NULL), 0);
	ok(!store_exists(&s, "x"));
	put("file", "x", 0600);
	setenv("MESHGUARD_CONFIG_DIR", at("file"), 1);
	eq_int(store_open(&s), -ENOTDIR);
	ok(strstr(s.error, at("file")));
	setenv("MESHGUARD_CONFIG_DIR", at("file/below"), 1);
	eq_int(store_create(&s), -ENOTDIR);
	finish(&s);
}

/* --- as root ----------------------------------------------------------------------------- */

#define SOMEBODY 54321

static bool owned(const char *name, uid_t uid)
{
	struct stat st;

	return lstat(at(name), &st) == 0 && st.st_uid == uid && (uid == 0 || st.st_gid == uid + 1);
}

static void what_root_makes_belongs_to_the_owner_of_the_directory(void)
{
	struct store s = fresh();
	char buf[8];

	store_close(&s);
	ok(chown(root, SOMEBODY, SOMEBODY + 1) == 0);
	eq_int(store_open(&s), 0);
	eq_int(s.owner, SOMEBODY);
	eq_int(store_write(&s, "keys/a.pub", "a", 1, 0), 0);
	eq_int(store_write(&s, "identity.key", "a", 1, STORE_SECRET), 0);
	ok(owned("keys", SOMEBODY));
	ok(owned("keys/a.pub", SOMEBODY));
	ok(owned("identity.key", SOMEBODY));
	eq_int(store_read(&s, "identity.key", buf, sizeof(buf), STORE_SECRET), 1);
	ok(chown(at("identity.key"), 0, 0) == 0);
	eq_int(store_read(&s, "identity.key", buf, sizeof(buf), STORE_SECRET), 1);
	ok(chown(at("identity.key"), SOMEBODY + 7, 0) == 0);
	eq_int(store_read(&s, "identity.key", buf, sizeof(buf), STORE_SECRET), -EACCES);
	ok(strstr(s.error, "54328"));
	ok(chown(at("keys"), SOMEBODY + 7, 0) == 0);
	eq_int(store_read(&s, "keys/a.pub", buf, sizeof(buf), 0), 1);
	eq_int(store_write(&s, "keys/b.pub", "a", 1, 0), -EACCES);
	store_close(&s);
	setenv("MESHGUARD_CONFIG_DIR", at("deep/er"), 1);
	eq_int(store_create(&s), 0);
	ok(owned("deep", SOMEBODY));
	ok(owned("deep/er", SOMEBODY));
	finish(&s);
}

/* In a mount namespace of its own with a password file that knows SOMEBODY. */
static int under_sudo(void)
{
	char line[PATH_MAX + 128];
	struct store s;

	snprintf(line, sizeof(line), "root:x:0:0::%s:/bin/sh\nsb:x:%d:%d::%s:/bin/sh\n",
		 at("root"), SOMEBODY, SOMEBODY + 1, at("sb"));
	put("passwd", line, 0644);
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0
	    || mount(at("passwd"), "/etc/passwd", NULL, MS_BIND, NULL) < 0)
		return 1;
	unsetenv("MESHGUARD_CONFIG_DIR");
	unsetenv("XDG_CONFIG_HOME");
	setenv("HOME", at("root"), 1);
	setenv("SUDO_UID", "54321", 1);

	/* Nobody has an identity: the caller's directory, made with his ownership. */
	eq_int(store_open(&s), -ENOENT);
	eq_str(s.path, at("sb/.config/meshguard"));
	eq_str(s.because, "the directory of the user who called sudo");
	eq_int(s.owner, SOMEBODY);
	eq_int(store_create(&s), 0);
	eq_int(s.owner, SOMEBODY);
	ok(owned("sb/.config/meshguard", SOMEBODY));
	store_close(&s);

	/* He points it at somebody else's: refused. */
	ok(rename(at("sb/.config/meshguard"), at("sb/.config/away")) == 0);
	ok(mkdir(at("others"), 0700) == 0 && chown(at("others"), 999, 999) == 0);
	ok(symlink(at("others"), at("sb/.config/meshguard")) == 0);
	eq_int(store_open(&s), -EACCES);
	ok(unlink(at("sb/.config/meshguard")) == 0);

	/* Root has one: root's. */
	ok(mkdir(at("root/.config"), 0700) == 0 && mkdir(at("root/.config/meshguard"), 0700) == 0);
	eq_int(store_open(&s), -ENOENT);
	put("root/.config/meshguard/identity.key", "x", 0600);
	eq_int(store_open(&s), 0);
	eq_str(s.because, "HOME");
	store_close(&s);
	ok(unlink(at("root/.config/meshguard/identity.key")) == 0);

	/* What is named comes first; nonsense and unknown callers do not count. */
	setenv("MESHGUARD_CONFIG_DIR", at("sb"), 1);
	eq_int(store_open(&s), 0);
	eq_str(s.because, "MESHGUARD_CONFIG_DIR");
	store_close(&s);
	unsetenv("MESHGUARD_CONFIG_DIR");
	static const char *const no[] = {
		"0", "-1", "54322", "4294967295", " 54321", "54321x", "",
	};

	for (size_t i = 0; i < sizeof(no) / sizeof(*no); i++) {
		setenv("SUDO_UID", no[i], 1);
		eq_int(store_open(&s), 0);
		eq_str(s.because, "HOME");
		store_close(&s);
	}
	/* Nobody but root is believed. */
	setenv("SUDO_UID", "0", 1);
	ok(setresuid(SOMEBODY + 9, SOMEBODY + 9, SOMEBODY + 9) == 0);
	setenv("SUDO_UID", "54321", 1);
	ok(store_open(&s) < 0);
	eq_str(s.because, "HOME");
	return tap_bad != 0;
}

static void under_sudo_the_callers_directory_counts(void)
{
	struct store s = fresh();
	int status = -1;

	store_close(&s);
	ok(chmod(root, 0755) == 0);
	ok(mkdir(at("root"), 0755) == 0 && mkdir(at("sb"), 0755) == 0);
	ok(chown(at("sb"), SOMEBODY, SOMEBODY + 1) == 0);
	fflush(stdout);

	pid_t child = fork();

	if (child == 0) {
		int r = under_sudo();

		fflush(stdout);
		_exit(r);
	}
	ok(waitpid(child, &status, 0) == child);
	eq_int(status, 0);
	finish(&s);
}

static void full_disk(struct store *s)
{
	static uint8_t big[200000];
	char buf[8];

	eq_int(store_write(s, "file", "old", 3, 0), 0);
	eq_int(store_write(s, "file", big, sizeof(big), STORE_REPLACE), -ENOSPC);
	ok(strstr(s->error, "No space left"));
	eq_int(store_write(s, "other", big, sizeof(big), 0), -ENOSPC);
	eq_int(store_read(s, "file", buf, sizeof(buf), 0), 3);
	eq_int(entries(""), 1);
	eq_int(store_write(s, "file", "new", 3, STORE_REPLACE), 0);
}

static void a_full_disk_leaves_the_old_file(void)
{
	struct store s = fresh();
	int status = -1;

	store_close(&s);
	fflush(stdout);

	pid_t child = fork();

	if (child == 0) {
		ok(unshare(CLONE_NEWNS) == 0);
		ok(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
		ok(mount("none", root, "tmpfs", 0, "size=64k,mode=0700") == 0);
		eq_int(store_open(&s), 0);
		full_disk(&s);
		fflush(stdout);
		_exit(tap_bad != 0);
	}
	ok(waitpid(child, &status, 0) == child);
	eq_int(status, 0);
	finish(&s);
}

static void skipped(void)
{
}

#define R(fn) { geteuid() ? #fn " # SKIP needs root" : #fn, geteuid() ? skipped : fn }

int main(int argc, char **argv)
{
	const struct tap_test tests[] = {
		T(reading_refuses_what_is_not_a_plain_file_of_ours),
		T(an_old_kernel_refuses_the_same),
		T(a_loose_secret_names_the_command_that_mends_it),
		T(a_refused_read_leaves_nothing_in_the_buffer),
		T(writing_sets_modes_and_replaces_only_when_told),
		T(nothing_is_written_through_or_over_links),
		T(left_over_temporary_files_go_and_living_ones_stay),
		T(readers_see_old_or_new_while_others_write_and_are_killed),
		T(removing_and_listing),
		T(a_list_is_sorted_and_without_dot_files),
		T(the_directory_is_chosen_in_the_order_of_the_design),
		T(a_directory_where_others_write_is_refused),
		T(folders_and_files_that_others_may_write_are_refused),
		T(no_directory_is_an_error_and_a_file_too),
		R(what_root_makes_belongs_to_the_owner_of_the_directory),
		R(under_sudo_the_callers_directory_counts),
		R(a_full_disk_leaves_the_old_file),
	};

	return tap_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
