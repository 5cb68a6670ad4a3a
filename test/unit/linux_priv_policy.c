/* The feed of service rules: what is told when, in which parts, and what is not told twice. */
#include "tap.h"

#include "linux/priv_policy.h"

#include <errno.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[PATH_MAX - 300]; /* a fresh directory for each test */
static struct store store;
static struct policy_feed feed;
static struct instant now;
static int quiet;                 /* what standard error was */

static void command(const char *format)
{
	char line[PATH_MAX + 200];

	snprintf(line, sizeof(line), format, root);
	ok(system(line) == 0);
}

static void fresh(void)
{
	snprintf(root, sizeof(root), "%s/mgfeed-XXXXXX", getenv("TMPDIR") ?: "/tmp");
	ok(mkdtemp(root) != NULL);
	setenv("MESHGUARD_CONFIG_DIR", root, 1);
	eq_int(store_open(&store), 0);
	now = instant_add(INSTANT_ZERO, span_s(1000));
	quiet = dup(STDERR_FILENO);
	ok(freopen("/dev/null", "w", stderr) != NULL);
}

static void finish(void)
{
	policy_feed_close(&feed);
	store_close(&store);
	command("rm -rf '%s'");
	dup2(quiet, STDERR_FILENO);
	close(quiet);
}

static void put(const char *file, const char *text)
{
	struct store services;

	eq_int(store_enter(&store, "services", true, &services), 0);
	eq_int(store_write(&services, file, text, strlen(text), STORE_REPLACE), 0);
	store_close(&services);
}

/* What the feed says until it is idle. */
struct heard {
	unsigned begins, parts, lists, rules, ends, bads;
	uint32_t fallback, last_line;
	char bad[256], name[POLICY_NAME + 4];
	unsigned pendings, undone;
	struct instant until;
};

static struct heard hear(void)
{
	static struct priv_message m;
	struct priv_rules part;
	struct heard h = { 0 };

	policy_feed_tick(&feed, now);
	for (; policy_feed_next(&feed, &m); policy_feed_sent(&feed)) {
		ok(m.data_len <= PRIV_DATA);
		h.begins += m.kind == PRIV_POLICY_BEGIN;
		h.ends += m.kind == PRIV_POLICY_END;
		if (m.kind == PRIV_POLICY_END)
			h.fallback = m.value;
		if (m.kind == PRIV_POLICY_BAD) {
			h.bads++;
			eq_int(m.data[m.data_len - 1], 0);
			snprintf(h.bad, sizeof(h.bad), "%.255s", (const char *)m.data);
		}
		if (m.kind == PRIV_POLICY_PENDING) {
			h.pendings++;
			h.undone += m.flag;
			memcpy(&h.until, m.data, sizeof(h.until));
		}
		if (m.kind != PRIV_POLICY_LIST)
			continue;
		memcpy(&part, m.data, m.data_len);
		h.parts++;
		h.lists += !part.more;
		for (uint32_t i = 0; i < part.count; i++) {
			ok(!part.more || part.rules[i].line > h.last_line);
			h.last_line = part.rules[i].line;
		}
		h.rules += part.count;
		memcpy(h.name, part.name, sizeof(h.name));
	}
	return h;
}

/* Waits for inotify, and for the moment after the change. */
static struct heard hear_change(void)
{
	struct pollfd p = { .fd = feed.watch.inotify, .events = POLLIN };

	eq_int(poll(&p, 1, 5000), 1);
	watch_changed(&feed.watch, now);
	now = instant_add(now, span_ms(49));
	eq_int(hear().begins, 0);
	now = instant_add(now, span_ms(1));
	return hear();
}

static void without_rules_the_default_is_told_once(void)
{
	struct heard h;

	fresh();
	policy_feed_open(&feed, &store, NULL, now);
	h = hear();
	eq_int(h.begins, 1);
	eq_int(h.parts, 0);
	eq_int(h.ends, 1);
	eq_int(h.fallback, POLICY_DEFAULT_ALLOW);
	watch_reload(&feed.watch, now);
	now = instant_add(now, span_s(1));
	h = hear();
	eq_int(h.begins + h.ends + h.bads, 0);
	finish();
}

static void a_folder_that_comes_is_followed(void)
{
	struct heard h;

	fresh();
	policy_feed_open(&feed, &store, NULL, now);
	hear();
	put("default", "deny\n");
	h = hear_change();
	eq_int(h.ends, 1);
	eq_int(h.fallback, POLICY_DEFAULT_DENY);
	put("peer/node-1.policy", "allow tcp 22\nallow tcp 23\n");
	h = hear_change();
	eq_int(h.lists, 1);
	eq_int(h.rules, 2);
	eq_str(h.name, "node-1");
	put("peer/node-1.policy", "allow tcp 22\n");
	h = hear_change();
	eq_int(h.rules, 1);
	eq_int(services_remove(&store), 0);
	h = hear_change();
	eq_int(h.ends, 1);
	eq_int(h.lists, 0);
	eq_int(h.fallback, POLICY_DEFAULT_ALLOW);
	finish();
}

static void a_long_list_goes_in_parts(void)
{
	static char text[POLICY_MAX_TEXT];
	size_t len = 0;
	struct heard h;

	fresh();
	for (unsigned i = 1; i <= POLICY_MAX_RULES; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "deny udp %u\n", i);
	put("global.policy", text);
	put("peer/d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a.policy", "");
	policy_feed_open(&feed, &store, NULL, now);
	h = hear();
	eq_int(h.lists, 2);
	eq_int(h.parts, 1 + (POLICY_MAX_RULES + PRIV_RULES - 1) / PRIV_RULES);
	eq_int(h.rules, POLICY_MAX_RULES);
	eq_int(h.last_line, POLICY_MAX_RULES);
	finish();
}

static void a_bad_line_is_told_once_until_it_is_mended(void)
{
	struct heard h;

	fresh();
	put("global.policy", "allow tcp 22\n");
	policy_feed_open(&feed, &store, NULL, now);
	eq_int(hear().rules, 1);
	put("global.policy", "allow tcp 22\nalow\n");
	h = hear_change();
	eq_int(h.bads, 1);
	eq_int(h.begins + h.ends, 0);
	ok(!strncmp(h.bad, "global.policy:2: ", 17));
	watch_reload(&feed.watch, now);
	now = instant_add(now, span_s(1));
	h = hear();
	eq_int(h.bads, 0);
	put("global.policy", "allow tcp 22\n");
	h = hear_change();
	eq_int(h.ends, 1);
	eq_int(h.rules, 1);
	finish();
}

static void what_cannot_be_read_is_looked_at_every_second(void)
{
	struct heard h;

	fresh();
	put("global.policy", "allow tcp 22\n");
	command("chmod 777 '%s'");
	policy_feed_open(&feed, &store, NULL, now);
	h = hear();
	eq_int(h.bads, 1);
	ok(strstr(h.bad, "others may write in"));
	command("chmod 700 '%s'");
	now = instant_add(now, span_s(1));
	h = hear();
	eq_int(h.ends, 1);
	eq_int(h.rules, 1);
	command("mv '%1$s' '%1$s.old' && mkdir -m 700 '%1$s'");
	now = instant_add(now, span_s(1));
	h = hear();
	eq_int(h.ends, 1);
	eq_int(h.rules, 0);
	command("rm -rf '%s.old'");
	finish();
}

static void wait_from(struct instant when)
{
	struct services_pending mark;

	eq_int(services_pending_begin(&store, 60, (struct moment){ when, { .s = 1 } }, &mark), 0);
}

static void a_change_that_nobody_confirms_is_undone(void)
{
	struct heard h;

	fresh();
	put("global.policy", "allow tcp 22\n");
	policy_feed_open(&feed, &store, NULL, now);
	eq_int(hear().pendings, 0);
	wait_from(now);
	const struct instant until = instant_add(now, span_s(60));
	put("global.policy", "deny all\nallow tcp 22\n");
	h = hear_change();
	eq_int(h.rules, 2);
	eq_int(h.pendings, 1);
	eq_int(h.undone, 0);
	eq_int(h.until.ns, until.ns);
	/* It wakes us by itself, at that time and not before. */
	now = (struct instant){ until.ns - 1 };
	eq_int(hear().rules, 0);
	ok(instant_reached(policy_feed_deadline(&feed), until));
	now = until;
	h = hear();
	eq_int(h.rules, 1);
	eq_int(h.pendings, 1);
	eq_int(h.undone, 1);
	ok(h.until.ns == INSTANT_NEVER.ns);
	now = instant_add(now, span_s(1));
	h = hear();
	eq_int(h.begins + h.pendings, 0);
	finish();
}

static void one_that_is_confirmed_is_not(void)
{
	struct heard h;

	fresh();
	wait_from(now);
	put("global.policy", "deny all\n");
	policy_feed_open(&feed, &store, NULL, now);
	eq_int(hear().pendings, 1);
	eq_int(services_pending_confirm(&store), 1);
	h = hear_change();
	eq_int(h.pendings, 1);
	eq_int(h.undone, 0);
	ok(h.until.ns == INSTANT_NEVER.ns);
	now = instant_add(now, span_s(61));
	h = hear();
	eq_int(h.begins + h.pendings, 0);
	finish();
}

static void at_the_start_one_is_undone_before_the_rules_are_read(void)
{
	struct heard h;

	fresh();
	put("global.policy", "allow tcp 22\n");
	wait_from(now);
	put("global.policy", "deny all\nallow tcp 22\n");
	now = instant_add(now, span_s(60));
	policy_feed_open(&feed, &store, NULL, now);
	h = hear();
	eq_int(h.begins, 1);
	eq_int(h.rules, 1);
	eq_int(h.undone, 1);
	finish();
}

static void a_command_that_hangs_does_not_keep_its_change(void)
{
	int lock;

	fresh();
	wait_from(now);
	put("global.policy", "deny all\n");
	policy_feed_open(&feed, &store, NULL, now);
	eq_int(hear().rules, 1);
	lock = services_lock(&store, true);
	now = instant_add(now, span_s(60));
	eq_int(hear().undone, 0);
	now = instant_add(now, span_ms(1999));
	eq_int(hear().undone, 0);
	now = instant_add(now, span_ms(50));
	eq_int(hear().undone, 1);
	close(lock);
	finish();
}

static const struct tap_test tests[] = {
	{ "without rules the default is told once", without_rules_the_default_is_told_once },
	{ "a folder that comes is followed", a_folder_that_comes_is_followed },
	{ "a long list goes in parts", a_long_list_goes_in_parts },
	{ "a bad line is told once until it is mended",
	  a_bad_line_is_told_once_until_it_is_mended },
	{ "what cannot be read is looked at every second",
	  what_cannot_be_read_is_looked_at_every_second },
	{ "a change that nobody confirms is undone", a_change_that_nobody_confirms_is_undone },
	{ "one that is confirmed is not", one_that_is_confirmed_is_not },
	{ "at the start one is undone before the rules are read",
	  at_the_start_one_is_undone_before_the_rules_are_read },
	{ "a command that hangs does not keep its change",
	  a_command_that_hangs_does_not_keep_its_change },
};

int main(int argc, char **argv)
{
	return tap_main(tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
