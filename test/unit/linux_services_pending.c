/* Changes of the service rules that wait for their confirmation: what comes back, and when. */
#include "tap.h"

#include "linux/services_pending.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define WITHIN 60u

static char root[PATH_MAX - 300]; /* a fresh directory for each test */
static struct store store;
static struct services_pending mark;
static struct moment now;

static void command(const char *line)
{
	char whole[PATH_MAX + 400];

	snprintf(whole, sizeof(whole), "cd '%s' && %s", root, line);
	ok(system(whole) == 0);
}

static void fresh(void)
{
	snprintf(root, sizeof(root), "%s/mgpending-XXXXXX", getenv("TMPDIR") ?: "/tmp");
	ok(mkdtemp(root) != NULL);
	setenv("MESHGUARD_CONFIG_DIR", root, 1);
	eq_int(store_open(&store), 0);
	now = (struct moment){ instant_add(INSTANT_ZERO, span_s(1000)), { .s = 1700000000 } };
}

static void finish(void)
{
	store_close(&store);
	command("cd / && rm -rf \"$OLDPWD\"");
}

/* All that is in the directory, as "name=content " by name. */
static const char *content(void)
{
	static char out[1024];
	char line[PATH_MAX + 200];
	size_t n;
	FILE *f;

	snprintf(line, sizeof(line), "cd '%s' && find . -type f ! -name services.pending"
		 " ! -name services.undone | sort |"
		 " while read f; do printf '%%s=%%s ' \"${f#./}\" \"$(tr '\\n' , <\"$f\")\"; done",
		 root);
	f = popen(line, "r");
	n = fread(out, 1, sizeof(out) - 1, f);
	pclose(f);
	out[n] = '\0';
	return out;
}

static void rules(void)
{
	command("mkdir -m 700 services services/peer && echo deny >services/default && "
		"printf '# mine\\nallow tcp 22\\n' >services/global.policy && "
		"echo 'allow all' >services/peer/node-1.policy");
}

#define OLD "services/default=deny, services/global.policy=# mine,allow tcp 22, " \
	"services/peer/node-1.policy=allow all, "
#define CHANGE "rm services/default && echo 'deny all' >services/global.policy && " \
	"mkdir -m 700 services/org && echo 'allow all' >services/org/acme.policy"

static void begin(void)
{
	eq_int(services_pending_begin(&store, WITHIN, now, &mark), 0);
}

static void nothing_waits_at_first(void)
{
	fresh();
	rules();
	eq_int(services_pending_read(&store, &mark), 0);
	eq_int(services_pending_confirm(&store), 0);
	eq_int(services_pending_undo(&store), 0);
	eq_str(content(), OLD);
	finish();
}

static void what_was_comes_back(void)
{
	fresh();
	rules();
	begin();
	ok(mark.had);
	command(CHANGE);
	eq_int(services_pending_read(&store, &mark), 1);
	ok(!mark.is_back);
	eq_int(services_pending_undo(&store), 1);
	eq_str(content(), OLD);
	eq_int(services_pending_read(&store, &mark), 0);
	command("test ! -e services.before");
	finish();
}

static void where_there_were_none_none_are_left(void)
{
	fresh();
	begin();
	ok(!mark.had);
	rules();
	eq_int(services_pending_undo(&store), 1);
	eq_str(content(), "");
	command("test ! -e services && test ! -e services.before");
	finish();
}

static void what_was_removed_comes_back(void)
{
	fresh();
	rules();
	begin();
	eq_int(services_remove(&store), 0);
	eq_int(services_pending_undo(&store), 1);
	eq_str(content(), OLD);
	finish();
}

static void what_is_confirmed_stays(void)
{
	fresh();
	rules();
	begin();
	command(CHANGE);
	eq_int(services_pending_confirm(&store), 1);
	eq_int(services_pending_undo(&store), 0);
	eq_str(content(), "services/global.policy=deny all, services/org/acme.policy=allow all, "
	       "services/peer/node-1.policy=allow all, ");
	finish();
}

static void a_second_change_joins_the_first(void)
{
	struct services_pending second;

	fresh();
	rules();
	begin();
	command("echo allow >services/default");
	now.boot = instant_add(now.boot, span_s(30));
	eq_int(services_pending_begin(&store, WITHIN, now, &second), 0);
	eq_str(second.id, mark.id);
	eq_int(span_in_s(services_pending_left(&second, now)), WITHIN);
	eq_int(span_in_s(services_pending_left(&mark, now)), WITHIN - 30);
	command("echo 'deny tcp' >services/global.policy");
	eq_int(services_pending_undo(&store), 1);
	eq_str(content(), OLD);
	finish();
}

/* Who was killed after the exchange, and before the mark was gone. */
static void what_is_back_is_not_taken_away_again(void)
{
	fresh();
	rules();
	begin();
	command(CHANGE);
	command("mv services x && mv services.before services && mv x services.before && "
		"chmod 777 services && chmod 666 services/undone");
	eq_int(services_pending_read(&store, &mark), 1);
	ok(mark.is_back);
	eq_int(services_pending_left(&mark, now).ns, 0);
	eq_int(services_pending_undo(&store), 1);
	eq_str(content(), OLD);
	command("test ! -e services.before");
	finish();
}

/* The same where there was nothing before; and somebody made new rules meanwhile. */
static void rules_that_were_put_away_do_not_hinder(void)
{
	fresh();
	begin();
	rules();
	command("rm -r services.before && mv services services.before");
	command("mkdir -m 700 services && echo 'deny all' >services/global.policy");
	eq_int(services_pending_undo(&store), 1);
	eq_str(content(), "");
	finish();
}

/* Who was killed while he made the copy has not written the mark. */
static void half_a_copy_is_no_copy(void)
{
	fresh();
	rules();
	command("mkdir -m 700 services.before && echo 'deny all' >services.before/global.policy && "
		"echo allow >services.before/default");
	eq_int(services_pending_undo(&store), 0);
	begin();
	command(CHANGE);
	eq_int(services_pending_undo(&store), 1);
	eq_str(content(), OLD);
	finish();
}

static void what_is_not_ours_is_not_lost(void)
{
	fresh();
	rules();
	command("echo x >services/notes.txt");
	eq_int(services_pending_begin(&store, WITHIN, now, &mark), -EEXIST);
	ok(strstr(store.error, "services holds what is not ours: notes.txt"));
	eq_int(services_pending_read(&store, &mark), 0);
	command("rm services/notes.txt");
	begin();
	command("echo x >services/notes.txt");
	eq_int(services_pending_undo(&store), 1);
	eq_str(content(), "services.before/notes.txt=x, " OLD);
	eq_int(services_pending_begin(&store, WITHIN, now, &mark), -EEXIST);
	ok(strstr(store.error, "services.before holds what is not ours: notes.txt"));
	finish();
}

static void rules_that_others_may_write_are_not_kept(void)
{
	fresh();
	rules();
	command("chmod 666 services/global.policy");
	eq_int(services_pending_begin(&store, WITHIN, now, &mark), -EPERM);
	ok(strstr(store.error, "chmod go-w"));
	eq_int(services_pending_read(&store, &mark), 0);
	finish();
}

static void clocks_that_jump_do_not_matter(void)
{
	struct services_pending other;
	struct moment later;

	fresh();
	rules();
	begin();
	/* One kernel: its boot clock alone. */
	later = (struct moment){ instant_add(now.boot, span_s(59)), { .s = 0 } };
	eq_int(span_in_s(services_pending_left(&mark, later)), 1);
	later.wall.s = now.wall.s + 1000000;
	eq_int(span_in_s(services_pending_left(&mark, later)), 1);
	later.boot = instant_add(now.boot, span_s(60));
	later.wall.s = now.wall.s;
	eq_int(services_pending_left(&mark, later).ns, 0);
	/* Another one: the wall clock, and never longer than was asked for. */
	other = mark;
	other.boot[0] = other.boot[0] == '0' ? '1' : '0';
	later = (struct moment){ (struct instant){ 5 },
				 { .s = now.wall.s + 20 } };
	eq_int(span_in_s(services_pending_left(&other, later)), WITHIN - 20);
	later.wall.s = now.wall.s + WITHIN;
	eq_int(services_pending_left(&other, later).ns, 0);
	later.wall.s = 0;
	eq_int(span_in_s(services_pending_left(&other, later)), WITHIN);
	finish();
}

static const char *const damages[] = {
	"true >services.pending", "sed -i s/until/since/ services.pending",
	"truncate -s 100 services.pending", "head -c 500 /dev/zero >services.pending",
};
#define DAMAGES (sizeof(damages) / sizeof(*damages))

static void a_damaged_mark_loses_nothing_but_the_time(void)
{
	for (unsigned i = 0; i < DAMAGES; i++) {
		fresh();
		rules();
		begin();
		command(CHANGE);
		command(damages[i]);
		eq_int(services_pending_read(&store, &mark), 1);
		ok(mark.damaged && mark.had);
		eq_int(services_pending_left(&mark, now).ns, 0);
		eq_int(services_pending_undo(&store), 1);
		eq_str(content(), OLD);
		eq_int(services_pending_undo(&store), 0);
		finish();
		fresh();
		begin();
		rules();
		command(damages[i]);
		eq_int(services_pending_undo(&store), 1);
		eq_str(content(), "");
		command("test ! -e services");
		finish();
	}
}

static void what_is_back_stays_whatever_becomes_of_the_mark(void)
{
	for (unsigned i = 0; i < DAMAGES; i++) {
		fresh();
		rules();
		command("echo 00112233445566778899aabbccddeeff >services/undone"); /* a left-over */
		begin();
		command(CHANGE " && mv services x && mv services.before services && "
			"mv x services.before");
		command(damages[i]);
		eq_int(services_pending_read(&store, &mark), 1);
		ok(mark.is_back);
		eq_int(services_pending_undo(&store), 1);
		eq_str(content(), OLD);
		finish();
	}
}

static void a_damaged_mark_without_a_whole_copy_changes_nothing(void)
{
	for (unsigned i = 0; i < DAMAGES; i++) {
		fresh();
		rules();
		begin();
		command("rm services.before/undone && " CHANGE);
		command(damages[i]);
		eq_int(services_pending_read(&store, &mark), -EBADMSG);
		eq_int(services_pending_undo(&store), -EBADMSG);
		eq_int(services_pending_confirm(&store), -EBADMSG);
		eq_int(services_pending_begin(&store, WITHIN, now, &mark), -EBADMSG);
		ok(strstr(store.error, "services.pending is damaged"));
		command("test -e services.before/global.policy && "
			"grep -q 'deny all' services/global.policy");
		finish();
	}
}

static void who_comes_too_late_is_told_once(void)
{
	fresh();
	rules();
	ok(!services_pending_was_late(&store));
	begin();
	eq_int(services_pending_undo(&store), 1);
	ok(services_pending_was_late(&store));
	ok(!services_pending_was_late(&store));
	begin();
	eq_int(services_pending_undo(&store), 1);
	begin(); /* another one, which is not late */
	ok(!services_pending_was_late(&store));
	eq_int(services_pending_confirm(&store), 1);
	ok(!services_pending_was_late(&store));
	finish();
}

static void without_the_copy_nothing_is_taken_away(void)
{
	fresh();
	rules();
	begin();
	command("rm -r services.before");
	eq_int(services_pending_undo(&store), -ENOENT);
	ok(strstr(store.error, "cannot come back"));
	eq_str(content(), OLD);
	eq_int(services_pending_read(&store, &mark), 1);
	finish();
}

static void one_at_a_time_has_the_lock(void)
{
	int lock, other;

	fresh();
	lock = services_lock(&store, true);
	ok(lock >= 0);
	eq_int(services_lock(&store, false), -EAGAIN);
	close(lock);
	other = services_lock(&store, false);
	ok(other >= 0);
	close(other);
	finish();
}

TAP_TESTS(T(nothing_waits_at_first),
	  T(what_was_comes_back),
	  T(where_there_were_none_none_are_left),
	  T(what_was_removed_comes_back),
	  T(what_is_confirmed_stays),
	  T(a_second_change_joins_the_first),
	  T(what_is_back_is_not_taken_away_again),
	  T(rules_that_were_put_away_do_not_hinder),
	  T(half_a_copy_is_no_copy),
	  T(what_is_not_ours_is_not_lost),
	  T(rules_that_others_may_write_are_not_kept),
	  T(clocks_that_jump_do_not_matter),
	  T(a_damaged_mark_loses_nothing_but_the_time),
	  T(what_is_back_stays_whatever_becomes_of_the_mark),
	  T(a_damaged_mark_without_a_whole_copy_changes_nothing),
	  T(who_comes_too_late_is_told_once),
	  T(without_the_copy_nothing_is_taken_away),
	  T(one_at_a_time_has_the_lock))
