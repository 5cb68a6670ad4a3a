/* The folder of service rules: what is read, what spoils the whole, and how it goes. */
#include "tap.h"

#include "linux/services.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEX "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"

static char root[PATH_MAX - 300]; /* a fresh directory for each test */
static struct store store;
static struct services services;

static void fresh(void)
{
	snprintf(root, sizeof(root), "%s/mgservices-XXXXXX", getenv("TMPDIR") ?: "/tmp");
	ok(mkdtemp(root) != NULL);
	setenv("MESHGUARD_CONFIG_DIR", root, 1);
	eq_int(store_open(&store), 0);
}

static void finish(void)
{
	char command[PATH_MAX + 40];

	services_free(&services);
	store_close(&store);
	snprintf(command, sizeof(command), "rm -rf '%s'", root);
	ok(system(command) == 0);
}

static const char *path_of(const char *file)
{
	static char paths[2][PATH_MAX]; /* for calls that want two */
	static unsigned turn;
	char *path = paths[turn++ % 2];

	snprintf(path, PATH_MAX, "%s/services/%s", root, file);
	return path;
}

static void folder(const char *name)
{
	ok(mkdir(path_of(name), 0700) == 0 || errno == EEXIST);
}

static void put_n(const char *file, const void *text, size_t len)
{
	FILE *f;

	folder("");
	if (strchr(file, '/')) {
		folder("peer");
		folder("org");
	}
	f = fopen(path_of(file), "w");
	ok(f && fwrite(text, 1, len, f) == len);
	ok(f && fclose(f) == 0);
}

static void put(const char *file, const char *text)
{
	put_n(file, text, strlen(text));
}

static int reread(void)
{
	services_free(&services);
	return services_read(&store, &services);
}

static void refused(int error, const char *why)
{
	eq_int(reread(), error);
	ok(strstr(services.bad, why));
	if (!strstr(services.bad, why))
		printf("# %s\n", services.bad);
	eq_int(services.list_count, 0);
	eq_int(services.rule_count, 0);
}

static const struct policy_rule *rule(const struct service_list *l, uint32_t i)
{
	return &services.rules[l->first + i];
}

static void without_a_folder_everything_is_allowed(void)
{
	fresh();
	eq_int(reread(), 0);
	ok(!services.is_there && !services.has_default);
	eq_int(services.fallback, POLICY_DEFAULT_ALLOW);
	eq_int(services.list_count, 0);
	folder("");
	eq_int(reread(), 0);
	ok(services.is_there && !services.has_default);
	eq_int(services.fallback, POLICY_DEFAULT_ALLOW);
	finish();
}

static void every_kind_of_file_is_read_in_order(void)
{
	const struct service_list *l;
	char file[SERVICES_FILE];

	fresh();
	put("default", "# closed\ndeny # yes\n");
	put("global.policy", "allow tcp 22\n\n# web\nallow tcp 443\r\n");
	put("peer/node-1.policy", "allow tcp 5432\n");
	put("peer/" HEX ".policy", "");
	put("org/eosrio.policy", "allow tcp 80");
	eq_int(reread(), 0);
	ok(services.is_there && services.has_default);
	eq_int(services.fallback, POLICY_DEFAULT_DENY);
	eq_int(services.list_count, 4);
	eq_int(services.rule_count, 4);
	eq_str(services.lists[0].name, HEX);
	eq_int(services.lists[0].count, 0);
	eq_str(services.lists[1].name, "node-1");
	eq_int(services.lists[1].origin, POLICY_FROM_PEER);
	l = services_find(&services, POLICY_FROM_ORG, "eosrio");
	ok(l == &services.lists[2]);
	eq_int(rule(l, 0)->first, 80);
	l = services_find(&services, POLICY_FROM_GLOBAL, "");
	ok(l == &services.lists[3]);
	eq_int(l->count, 2);
	eq_int(rule(l, 1)->line, 4);
	eq_int(rule(l, 1)->first, 443);
	ok(!services_find(&services, POLICY_FROM_PEER, "eosrio"));
	services_file(file, POLICY_FROM_PEER, HEX);
	eq_str(file, "peer/" HEX ".policy");
	services_file(file, POLICY_FROM_DEFAULT, "");
	eq_str(file, "default");
	finish();
}

static void notes_are_not_read(void)
{
	fresh();
	put("README", "allow everything");
	put("global.policy~", "nonsense");
	put(".global.policy.swp", "nonsense");
	put("peer/node-1.policy.bak", "nonsense");
	put("peer/.node-1.policy", "nonsense");
	put("org/.policy", "nonsense");
	folder("old");
	put("old/x.policy", "nonsense");
	eq_int(reread(), 0);
	eq_int(services.list_count, 0);
	finish();
}

static void one_bad_line_spoils_the_whole(void)
{
	fresh();
	put("global.policy", "allow tcp 22\nallow tpc 443\n");
	refused(-EBADMSG, "global.policy:2: the protocol is none of");
	put("global.policy", "allow tcp 22\n");
	eq_int(reread(), 0);
	put("peer/bob.policy", "\n\nallow tcp 70000\n");
	refused(-EBADMSG, "peer/bob.policy:3: the port");
	unlink(path_of("peer/bob.policy"));
	put("org/acme.policy", "allow");
	refused(-EBADMSG, "org/acme.policy:1: the protocol is missing");
	unlink(path_of("org/acme.policy"));
	put("default", "maybe\n");
	refused(-EBADMSG, "default:1: the default is none of");
	put("default", "# none\n");
	refused(-EBADMSG, "default: the default is missing");
	put_n("default", "deny\0", 5);
	refused(-EBADMSG, "default:1: there is a control character");
	unlink(path_of("default"));
	put("peer/no body.policy", "deny all\n");
	refused(-EBADMSG, "peer/no body.policy: no peer can have this name");
	unlink(path_of("peer/no body.policy"));
	put("peer/D75A980182B10AB7D54BFED3C964073A0EE172F3DAA62325AF021A68F707511A.policy", "");
	refused(-EBADMSG, "no peer can have this name");
	finish();
}

static void files_that_are_not_to_be_trusted_are_refused(void)
{
	fresh();
	put("global.policy", "allow tcp 22\n");
	chmod(path_of("global.policy"), 0666);
	refused(-EPERM, "chmod go-w");
	chmod(path_of("global.policy"), 0644);
	put("elsewhere", "deny all\n");
	eq_int(symlink(path_of("elsewhere"), path_of("default")), 0);
	refused(-ELOOP, "default is a symbolic link");
	unlink(path_of("default"));
	folder("default");
	refused(-EISDIR, "default is not a regular file");
	rmdir(path_of("default"));
	put("peer/bob.policy", "deny all\n");
	chmod(path_of("peer"), 0777);
	refused(-EPERM, "others may write in");
	chmod(path_of("peer"), 0700);
	eq_int(reread(), 0);
	eq_int(rename(path_of("peer"), path_of("else")), 0);
	eq_int(symlink("else", path_of("peer")), 0);
	refused(-ELOOP, "symbolic link");
	unlink(path_of("peer"));
	put("peer", "");
	refused(-ENOTDIR, "is not a directory");
	unlink(path_of("peer"));
	chmod(path_of(""), 0722);
	refused(-EPERM, "others may write in");
	finish();
}

static void bounds_hold(void)
{
	static char text[POLICY_MAX_TEXT + 2];
	char name[64];
	size_t len = 0;

	fresh();
	memset(text, '#', sizeof(text));
	put_n("global.policy", text, POLICY_MAX_TEXT);
	eq_int(reread(), 0);
	put_n("global.policy", text, POLICY_MAX_TEXT + 1);
	refused(-EBADMSG, "global.policy: the file is longer");
	put_n("global.policy", text, POLICY_MAX_TEXT + 2);
	refused(-EBADMSG, "global.policy: the file is longer");
	unlink(path_of("global.policy"));
	for (unsigned i = 1; i <= POLICY_MAX_RULES; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "deny tcp %u\n", i);
	for (unsigned i = 0; i < SERVICES_RULES / POLICY_MAX_RULES; i++) {
		snprintf(name, sizeof(name), "peer/p%u.policy", i);
		put_n(name, text, len);
	}
	eq_int(reread(), 0);
	eq_int(services.rule_count, SERVICES_RULES);
	put("global.policy", "deny all\n");
	refused(-E2BIG, "more than 16384 rules");
	finish();
}

static void the_folder_goes_at_once_or_not_at_all(void)
{
	fresh();
	eq_int(services_remove(&store), -ENOENT);
	put("default", "deny\n");
	put("global.policy", "spoilt\n");
	put("peer/" HEX ".policy", "");
	put("peer/bob.policy", "");
	put("org/acme.policy", "");
	put("org/.tmp.0123456789abcdef", "");
	put("org/notes", "keep me");
	put(".hidden", "keep me");
	eq_int(services_remove(&store), -EEXIST);
	ok(strstr(store.error, "org/notes"));
	ok(strstr(store.error, ".hidden"));
	ok(!strstr(store.error, "bob"));
	ok(access(path_of("default"), F_OK) == 0 && access(path_of("peer/bob.policy"), F_OK) == 0);
	unlink(path_of("org/notes"));
	unlink(path_of(".hidden"));
	eq_int(services_remove(&store), 0);
	ok(access(path_of(""), F_OK) < 0);
	eq_int(rmdir(root), 0); /* nothing was left */
	eq_int(mkdir(root, 0700), 0);
	finish();
}

static const struct tap_test tests[] = {
	{ "without a folder everything is allowed", without_a_folder_everything_is_allowed },
	{ "every kind of file is read in order", every_kind_of_file_is_read_in_order },
	{ "notes are not read", notes_are_not_read },
	{ "one bad line spoils the whole", one_bad_line_spoils_the_whole },
	{ "files that are not to be trusted are refused",
	  files_that_are_not_to_be_trusted_are_refused },
	{ "bounds hold", bounds_hold },
	{ "the folder goes at once or not at all", the_folder_goes_at_once_or_not_at_all },
};

int main(int argc, char **argv)
{
	return tap_main(tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
