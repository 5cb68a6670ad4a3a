/* Invitations and joins on disk: one use, decided before anybody is trusted; nothing overwritten;
 * no secret left behind. */
#include "tap.h"
#include "contexts.h"

#include "crypto/curve.h"
#include "identity/address.h"
#include "linux/store_tokens.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOW 1000u

static char dir[] = "/tmp/meshguard-tokens-XXXXXX", home[sizeof(dir) + 16];
static struct store s;
static struct token token;
static struct public_key joiner;
static char text[TOKEN_TEXT + 1], id[TOKEN_ID_TEXT + 1];
static const struct endpoint at = { .ip = { FAMILY_IPV4, { 2, 0, 0, 9 } }, .port = 4000 };

static void start(void)
{
	static unsigned number;
	static const uint8_t seeds[2][32] = { { 1 }, { 2 } };
	struct secret_key sk, other;

	test_crypto();
	if (!number)
		ok(mkdtemp(dir) != NULL);
	snprintf(home, sizeof(home), "%s/%u", dir, number++);
	setenv("MESHGUARD_CONFIG_DIR", home, 1);
	eq_int(store_create(&s), 0);
	token = (struct token){ .expires = NOW + 600, .id = { 0xAB, 0xCD }, .secret = { 5 } };
	ok(prefix_parse("10.99.0.0/16", 12, &token.prefix));
	ed25519_from_seed(&token.key, &sk, seeds[0]);
	ed25519_from_seed(&joiner, &other, seeds[1]);
	ok(token_make(&token, &sk, text));
	hex_encode(token.id, sizeof(token.id), id, sizeof(id));
}

static void invite(const char *name, bool confirm)
{
	start();
	eq_int(token_store(&s, INVITATION_FOLDER, &token, text, name, confirm), 0);
}

static bool holds(const char *file, const char *want)
{
	char have[2048] = "";
	ssize_t n = store_read(&s, file, have, sizeof(have) - 1, 0);

	return n > 0 && strstr(have, want);
}

static struct token_file used(void)
{
	char file[TOKEN_ID_TEXT + 8];
	struct token_file f;

	snprintf(file, sizeof(file), "%s.used", id);
	eq_int(token_load(&s, INVITATION_FOLDER, file, &f), 0);
	return f;
}

static bool trusts(const char *name, const struct public_key *key)
{
	char file[100], want[BASE64_LEN(32) + 1];

	snprintf(file, sizeof(file), "authorized_keys/%s.pub", name);
	base64_encode(key->b, 32, want, sizeof(want));
	return holds(file, want);
}

static void what_is_stored_is_loaded(void)
{
	struct token_file f;
	struct sym_key mark;
	struct stat st;
	char path[200];

	invite("bob", true);
	eq_int(token_load(&s, INVITATION_FOLDER, id, &f), 0);
	ok(!f.ended && f.confirm);
	eq_str(f.name, "bob");
	eq_mem(&f.token.secret, &token.secret, TOKEN_SECRET);
	token_mark(&token, &mark);
	eq_mem(&f.mark, &mark, sizeof(mark));
	snprintf(path, sizeof(path), "%s/" INVITATION_FOLDER "/%s", home, id);
	eq_int(stat(path, &st), 0);
	eq_int(st.st_mode & 0777, 0600);
	eq_int(token_store(&s, INVITATION_FOLDER, &token, text, "", false), -EEXIST);
}

static void the_first_who_comes_is_trusted(void)
{
	struct public_key second = { { 7 } };
	struct token_file f;
	struct sym_key mark;
	struct endpoint e;

	invite("bob", false);
	eq_int(invitation_use(&s, id, &joiner, &at, NOW), OUTCOME_JOINED);
	ok(trusts("bob", &joiner));
	eq_int(seed_load(&s, "bob.seed", &e), 0);
	ok(endpoint_equal(&e, &at));
	f = used();
	eq_int(f.outcome, OUTCOME_JOINED);
	eq_mem(&f.key, &joiner, 32);
	eq_int(f.at, NOW);
	ok(!f.token.expires);
	token_mark(&token, &mark);
	eq_mem(&f.mark, &mark, sizeof(mark));
	ok(!holds("invitations/abcd000000000000.used", "mg://"));

	eq_int(invitation_use(&s, id, &second, &at, NOW), OUTCOME_USED);
	f = used();
	eq_mem(&f.key, &joiner, 32);
	eq_int(token_store(&s, INVITATION_FOLDER, &token, text, "", false), -EEXIST);
}

static void who_comes_late_is_not_trusted(void)
{
	invite("bob", false);
	eq_int(invitation_use(&s, id, &joiner, &at, NOW + 600), OUTCOME_EXPIRED);
	ok(!store_exists(&s, "authorized_keys"));
	eq_int(used().outcome, OUTCOME_EXPIRED);
	eq_int(invitation_use(&s, id, &joiner, &at, NOW), OUTCOME_USED);
}

static void what_was_cancelled_cannot_be_used(void)
{
	invite("", false);
	eq_int(reply_store(&s, id, &at, false), 0);
	eq_int(token_remove(&s, INVITATION_FOLDER, id), 0);
	eq_int(invitation_use(&s, id, &joiner, &at, NOW), OUTCOME_USED);
	ok(!store_exists(&s, "authorized_keys"));
	eq_int(reply_load(&s, id, &(struct endpoint){ 0 }, &(bool){ false }), -ENOENT);
	eq_int(token_remove(&s, INVITATION_FOLDER, id), -ENOENT);
}

static void no_name_is_taken_from_another_key(void)
{
	char name[MAX_NAME + 1], file[100];

	invite("bob", false);
	eq_int(store_write(&s, "authorized_keys/bob.pub", "x\n", 2, 0), 0);
	name_default(&joiner, name);
	snprintf(file, sizeof(file), "authorized_keys/%s.pub", name);
	eq_int(store_write(&s, file, "y\n", 2, 0), 0);
	eq_int(invitation_use(&s, id, &joiner, &at, NOW), OUTCOME_JOINED);
	ok(holds("authorized_keys/bob.pub", "x"));
	ok(holds(file, "y"));
	ok(strcmp(used().name, "bob") != 0 && strcmp(used().name, name) != 0);
	ok(trusts(used().name, &joiner));
}

static void a_key_that_is_trusted_keeps_its_name(void)
{
	char key[BASE64_LEN(32) + 2];

	invite("bob", false);
	base64_encode(joiner.b, 32, key, sizeof(key));
	eq_int(store_write(&s, "authorized_keys/old.pub", key, strlen(key), 0), 0);
	eq_int(invitation_use(&s, id, &joiner, &at, NOW), OUTCOME_JOINED);
	eq_str(used().name, "old");
	ok(!store_exists(&s, "authorized_keys/bob.pub"));
}

/* What cannot be written is no use, and nobody loses his invitation. */
static void who_cannot_be_trusted_now_may_come_again(void)
{
	invite("bob", false);
	eq_int(store_write(&s, "authorized_keys", "no folder", 9, 0), 0);
	ok(invitation_use(&s, id, &joiner, &at, NOW) < 0);
	eq_int(store_remove(&s, "authorized_keys"), 0);
	eq_int(invitation_use(&s, id, &joiner, &at, NOW), OUTCOME_JOINED);
	ok(trusts("bob", &joiner));
}

static void what_cannot_be_read_now_is_not_used_up(void)
{
	char path[200];

	invite("bob", false);
	snprintf(path, sizeof(path), "%s/" INVITATION_FOLDER "/%s", home, id);
	eq_int(chmod(path, 0644), 0); /* a secret that others can read is not read */
	ok(invitation_use(&s, id, &joiner, &at, NOW) < 0);
	ok(strstr(s.error, "chmod"));
	eq_int(chmod(path, 0600), 0);
	eq_int(invitation_use(&s, id, &joiner, &at, NOW), OUTCOME_JOINED);
}

static void the_user_is_asked_and_decides(void)
{
	for (unsigned yes = 0; yes < 2; yes++) {
		struct endpoint e;

		invite("bob", true);
		eq_int(invitation_decide(&s, id, true, NOW), -ENOENT);
		eq_int(invitation_use(&s, id, &joiner, &at, NOW), OUTCOME_ASKED);
		ok(!store_exists(&s, "authorized_keys"));
		ok(!holds("invitations/abcd000000000000.used", "mg://"));
		eq_int(invitation_use(&s, id, &joiner, &at, NOW), OUTCOME_USED);
		eq_int(invitation_decide(&s, id, yes, NOW + 1),
		       yes ? OUTCOME_JOINED : OUTCOME_REFUSED);
		ok(trusts("bob", &joiner) == yes);
		eq_int(used().outcome, yes ? OUTCOME_JOINED : OUTCOME_REFUSED);
		ok((seed_load(&s, "bob.seed", &e) == 0 && endpoint_equal(&e, &at)) == yes);
		eq_int(invitation_decide(&s, id, true, NOW), -ENOENT);
	}
}

static void a_use_that_was_cut_short_leaves_no_secret(void)
{
	struct token_file f;

	invite("bob", false);
	eq_int(store_rename(&s, "invitations/abcd000000000000",
			    "invitations/abcd000000000000.used"), 0);
	f = used();
	eq_int(f.token.expires, NOW + 600);
	token_mend(&s, &f);
	ok(!holds("invitations/abcd000000000000.used", "mg://"));
	eq_int(used().outcome, OUTCOME_NONE);
	eq_int(invitation_use(&s, id, &joiner, &at, NOW), OUTCOME_USED);
}

static void a_join_ends(void)
{
	for (unsigned o = OUTCOME_JOINED; o < OUTCOMES; o++) {
		struct token_file f;

		start();
		eq_int(token_store(&s, JOIN_FOLDER, &token, text, "alice", false), 0);
		eq_int(join_end(&s, id, (enum token_outcome)o, &at, NOW), o);
		ok(trusts("alice", &token.key) == (o == OUTCOME_JOINED));
		eq_int(token_load(&s, JOIN_FOLDER, "abcd000000000000.done", &f), 0);
		eq_int(f.outcome, o);
		ok(!store_exists(&s, "joins/abcd000000000000"));
		ok(!holds("joins/abcd000000000000.done", "mg://"));
	}
}

static void damaged_files_are_refused(void)
{
	static const struct { const char *name, *text; } rows[] = {
		{ "abcd000000000001", "token mg://AAAA\n" }, { "abcd000000000002", "" },
		{ "abcd000000000003", "outcome joined\n" }, { "abcd000000000004.used", "x y\n" },
		{ "abcd000000000005.used", "outcome nothing\n" },
		{ "abcd000000000006.used", "outcome joined" },
		{ "abcd000000000007.used", "key AAAA\n" },
		{ "abcd000000000008.used", "name ../x\n" },
	};
	char path[100], all[TOKEN_TEXT + 10];
	struct token_file f;

	start();
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		snprintf(path, sizeof(path), INVITATION_FOLDER "/%s", rows[i].name);
		eq_int(store_write(&s, path, rows[i].text, strlen(rows[i].text), STORE_SECRET), 0);
		eq_int(token_load(&s, INVITATION_FOLDER, rows[i].name, &f), -EBADMSG);
	}
	/* Of another token than its name says. */
	snprintf(all, sizeof(all), "token %s\n", text);
	eq_int(store_write(&s, INVITATION_FOLDER "/abcd000000000009", all, strlen(all),
			   STORE_SECRET), 0);
	eq_int(token_load(&s, INVITATION_FOLDER, "abcd000000000009", &f), -EBADMSG);
	ok(!is_token_file("abcd") && !is_token_file("abcd000000000009.x"));
	ok(!is_token_file("../000000000009") && is_token_file("abcd000000000009.used"));
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		T(what_is_stored_is_loaded),
		T(the_first_who_comes_is_trusted),
		T(who_comes_late_is_not_trusted),
		T(what_was_cancelled_cannot_be_used),
		T(no_name_is_taken_from_another_key),
		T(a_key_that_is_trusted_keeps_its_name),
		T(who_cannot_be_trusted_now_may_come_again),
		T(what_cannot_be_read_now_is_not_used_up),
		T(the_user_is_asked_and_decides),
		T(a_use_that_was_cut_short_leaves_no_secret),
		T(a_join_ends),
		T(damaged_files_are_refused),
	};
	int status = tap_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
	char command[sizeof(dir) + 16];

	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	return system(command) || status;
}
