/* cmd_revoke.c - revoke: the files of a key are removed, all of them, or it would still be let in.
 *
 * Where an org, or a daemon that is open, might let the key in again, a denial takes its place, in
 * denied_keys/NAME.pub. It is written first: whatever happens then, the key is out.
 */
#include "cli/command.h"
#include "cli/daemon.h"
#include "cli/org_names.h"
#include "cli/successor.h"

#include "base/text.h"
#include "identity/address.h"
#include "identity/keyfile.h"
#include "linux/store_successor.h"
#include "linux/store_tokens.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* --- denials */

static int count(void *ctx, const struct trusted *t)
{
	(void)ctx;
	(void)t;
	return 1;
}

/* True if some org, be its file usable or not, may let this key in. */
static bool orgs_are_trusted(struct store *s)
{
	return each_trusted(s, ORGS_FOLDER, count, NULL) != 0;
}

static int write_denial(struct store *s, const struct public_key *key, const char *name)
{
	char file[TRUST_FILE], text[KEYFILE_PUBLIC + 1], digits[33];
	int r;

	public_key_format(key, text);
	trust_file(file, DENIED_FOLDER, name);
	r = store_write(s, file, text, KEYFILE_PUBLIC, 0);
	if (r != -EEXIST)
		return r;
	/* The name belongs to another denied key; half of this one's digits belong to nobody. */
	hex_encode(key->b, sizeof(key->b) / 2, digits, sizeof(digits));
	trust_file(file, DENIED_FOLDER, digits);
	return store_write(s, file, text, KEYFILE_PUBLIC, STORE_REPLACE);
}

struct same {
	const struct public_key *key;
	char *name;
};

static int is_same(void *ctx, const struct trusted *t)
{
	struct same *w = ctx;

	if (!t->good || memcmp(&t->key, w->key, sizeof(t->key)) != 0)
		return 0;
	memcpy(w->name, t->name, sizeof(t->name));
	return 1;
}

/* A denial of its twin is none of the key. */
static enum exit_code deny(struct store *s, const struct public_key *key, const char *name)
{
	char denied[NAME_MAX + 1] = "";

	if (each_trusted(s, DENIED_FOLDER, is_same, &(struct same){ key, denied }) < 0)
		return fail(EXIT_FAILED, "%s", s->error);
	if (!denied[0] && write_denial(s, key, name) < 0)
		return fail(EXIT_FAILED, "%s", s->error);
	name = denied[0] ? denied : name;
	printf("denied %s: neither an org nor --open lets it in here; meshguard trust --undeny %s "
	       "ends that\n", name, name);
	return EXIT_DONE;
}

/* --- revoking */

struct revoking {
	struct store *store;
	bool denies;
	enum exit_code code;
};

static int revoke_former(void *ctx, const struct public_key *former, const char *name)
{
	struct revoking *r = ctx;

	if (r->denies)
		r->code = deny(r->store, former, name);
	if (r->code == EXIT_DONE && remove_key(r->store, TRUST_FOLDER, former, "revoked") < 0)
		r->code = fail(EXIT_FAILED, "%s", r->store->error);
	return r->code != EXIT_DONE;
}

/* Who had this key is out, under the key before it, too. */
static enum exit_code revoke_formers(struct store *s, const struct public_key *key, bool denies)
{
	struct revoking revoking = { .store = s, .denies = denies };

	if (each_former(s, key, revoke_former, &revoking) < 0)
		return fail(EXIT_FAILED, "%s", s->error);
	return revoking.code;
}

/* Where `connect` met him: nobody is to be asked there any more. */
static void forget_seed(struct store *s, const char *name)
{
	if (seed_exists(s, name) && seed_remove(s, name) < 0)
		note("%s", s->error);
}

static enum exit_code revoke_key(struct store *s, const struct public_key *key, const char *name,
				 bool denies)
{
	enum exit_code code = denies ? deny(s, key, name) : EXIT_DONE;
	int r;

	if (code != EXIT_DONE)
		return code;
	r = remove_key(s, TRUST_FOLDER, key, "revoked");
	if (r < 0)
		return fail(EXIT_FAILED, "%s", s->error);
	if (r == 0 && !denies)
		return fail(EXIT_FAILED, "this key is not trusted here");
	forget_seed(s, name);
	return revoke_formers(s, key, denies);
}

static enum exit_code remove_name(struct store *s, const char *folder, const char *name)
{
	char file[TRUST_FILE];

	trust_file(file, folder, name);
	if (store_remove(s, file) < 0
	    || (!strcmp(folder, TRUST_FOLDER) && store_unfollow(s, name) < 0))
		return fail(EXIT_FAILED, "%s", s->error);
	printf("revoked %s\n", name);
	return EXIT_DONE;
}

static bool is_there(struct store *s, const char *folder, const char *name)
{
	char file[TRUST_FILE];

	trust_file(file, folder, name);
	return store_exists(s, file);
}

static enum exit_code revoke_peer(struct store *s, const char *word, bool denies)
{
	bool is_name = name_valid(word, strlen(word));
	char name[MAX_NAME + 1];
	struct daemon_peer member;
	struct public_key key;

	denies = denies || orgs_are_trusted(s) || daemon_is_open(s->path);
	if (is_name && !is_there(s, TRUST_FOLDER, word)) {
		if (!denies || !daemon_finds_peer(s->path, word, &member))
			return nobody_trusted(s, TRUST_FOLDER, word);
		return revoke_key(s, &member.key, word, denies); /* let in by others, as NODE.ORG */
	}
	if (is_name && !trusted_key(s, TRUST_FOLDER, word, &key))
		return remove_name(s, TRUST_FOLDER, word);
	if (is_name)
		return revoke_key(s, &key, word, denies);
	if (public_key_parse(word, strlen(word), &key) != KEY_OK)
		return fail(EXIT_USAGE, "\"%.80s\": neither a name nor a public key", word);
	name_default(&key, name);
	return revoke_key(s, &key, name, denies);
}

static enum exit_code revoke_org(struct store *s, const char *word)
{
	static struct org_names names;
	bool is_name = name_valid(word, strlen(word));
	struct public_key key;
	int r;

	if (is_name && !is_there(s, ORGS_FOLDER, word)) {
		if (org_names_read(s, &names) < 0)
			return fail(EXIT_FAILED, "%s", s->error);
		word = org_given(&names, word) ? org_given(&names, word) : word;
	}
	if (is_name && !is_there(s, ORGS_FOLDER, word))
		return nobody_trusted(s, ORGS_FOLDER, word);
	if (is_name && !trusted_key(s, ORGS_FOLDER, word, &key))
		return remove_name(s, ORGS_FOLDER, word);
	if (!is_name && public_key_parse(word, strlen(word), &key) != KEY_OK)
		return fail(EXIT_USAGE, "\"%.80s\": neither a name nor a public key", word);
	r = remove_key(s, ORGS_FOLDER, &key, "revoked");
	if (r < 0)
		return fail(EXIT_FAILED, "%s", s->error);
	return r ? EXIT_DONE : fail(EXIT_FAILED, "no org of this key is trusted here");
}

static enum exit_code run_revoke(const struct arguments *a)
{
	bool org = has_option(a, "org"), denies = has_option(a, "deny");
	enum exit_code code;
	struct store s;
	int r;

	if (!start_crypto())
		return EXIT_FAILED;
	if (org && denies)
		return fail(EXIT_USAGE, "--deny is for peers; an org that is not trusted lets "
			    "nobody in");
	r = denies ? create_store(&s) : open_store(&s);
	if (r < 0 && (denies || r != -ENOENT))
		return EXIT_FAILED;
	code = org ? revoke_org(&s, a->words[0]) : revoke_peer(&s, a->words[0], denies);
	store_close(&s);
	return code;
}

const struct command command_revoke = {
	.name = "revoke",
	.summary = "let the owner of a trusted key, or an org, in no more",
	.words = "NAME|KEY",
	.min_words = 1,
	.max_words = 1,
	.options = (const struct option_spec[]){
		{ .name = "org", .kind = OPTION_FLAG,
		  .help = "an org: whom it signed is let in no more" },
		{ .name = "deny", .kind = OPTION_FLAG,
		  .help = "keep a key out, whatever orgs or --open say" },
		{ 0 } },
	.text = "Removes authorized_keys/NAME.pub, and every such file that holds the same key;\n"
		"with --org those of trusted_orgs. Where an org is trusted or a daemon is open,\n"
		"which might let the key in again, denied_keys/NAME.pub keeps it out until it is\n"
		"trusted anew.\n"
		"A running daemon closes the tunnel within a second.",
	.example = "meshguard revoke alice",
	.run = run_revoke,
};
