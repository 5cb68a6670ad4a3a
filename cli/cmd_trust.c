/* cmd_trust.c - trust: a key is trusted while authorized_keys/NAME.pub holds it, an org while
 * trusted_orgs/NAME.pub does. */
#include "cli/command.h"
#include "cli/key_kind.h"
#include "cli/org_names.h"
#include "cli/successor.h"
#include "cli/words.h"

#include "identity/address.h"
#include "identity/keyfile.h"
#include "linux/store_successor.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct search {
	const struct public_key *key;
	const char *name;
	char same_key[NAME_MAX + 1];   /* the first name that holds it, "" for none */
	char twin[NAME_MAX + 1];
	bool same_both;
	bool name_taken;               /* by another key, or by a file that holds none */
	bool name_good;
	unsigned unusable;
};

static int look(void *ctx, const struct trusted *t)
{
	struct search *s = ctx;
	bool same_name = !strcmp(t->name, s->name);
	bool same_key = t->good && !memcmp(&t->key, s->key, sizeof(t->key));

	s->unusable += !t->good;
	if (same_key && same_name)
		s->same_both = true;
	else if (same_key && !s->same_key[0])
		memcpy(s->same_key, t->name, sizeof(s->same_key));
	else if (t->good && !same_key && keys_are_twins(&t->key, s->key) && !s->twin[0])
		memcpy(s->twin, t->name, sizeof(s->twin));
	if (same_name && !same_key) {
		s->name_taken = true;
		s->name_good = t->good;
	}
	return 0;
}

static enum exit_code refuse_own(struct store *s, const struct public_key *key)
{
	struct identity id;

	read_identity(s, &id);
	if (id.state == IDENTITY_GOOD && keys_are_twins(&id.key, key))
		return fail(EXIT_REFUSED, memcmp(&id.key, key, sizeof(*key))
			    ? "this key has the same tunnel key as this machine's own"
			    : "this is this machine's own key; trust the keys of the others");
	return EXIT_DONE;
}

/* One key must not be both: a peer's key opens tunnels, an org's key says who else may come in. */
static enum exit_code refuse_other_kind(struct store *s, const struct public_key *key, bool org)
{
	char name[NAME_MAX + 1];

	if (find_twin(s, org ? TRUST_FOLDER : ORGS_FOLDER, key, name) < 0)
		return fail(EXIT_FAILED, "%s", s->error);
	if (!name[0])
		return EXIT_DONE;
	return fail(EXIT_REFUSED, org
		    ? "this is the key of the peer %s; an org, whose key lets others in, needs a "
		      "key of its own: meshguard org-keygen"
		    : "this is the key of the org %s, which lets others in; a peer needs a key of "
		      "its own: meshguard keygen",
		    name);
}

/* An org's key is like a peer's, so this is told by where it is known from. */
static enum exit_code refuse_unlikely(struct store *s, const struct public_key *key,
				      const char *word, bool org)
{
	char why[KIND_LINE];

	if (org || !is_org_key(s, key, word, why))
		return EXIT_DONE;
	return fail(EXIT_REFUSED, "%s; whom the org signed is let in with: meshguard trust --org "
		    "%.200s", why, word);
}

static enum exit_code add(struct store *s, const struct public_key *key, const char *name, bool org)
{
	struct prefix prefix = mesh_ipv4_default_prefix();
	char text[KEYFILE_PUBLIC + 1], file[TRUST_FILE], ipv4[IP_TEXT], ipv6[IP_TEXT];
	struct ip ip;
	int r;

	trust_file(file, org ? ORGS_FOLDER : TRUST_FOLDER, name);
	public_key_format(key, text);
	r = store_write(s, file, text, KEYFILE_PUBLIC, 0);
	if (r < 0)
		return fail(r == -EEXIST ? EXIT_REFUSED : EXIT_FAILED, "%s", s->error);
	if (org) {
		printf("trusted the org %s: whom it signed or vouched for may come in\n", name);
		return EXIT_DONE;
	}
	mesh_ipv4(key, 0, &prefix, &ip);
	ip_format(&ip, ipv4);
	mesh_ipv6(key, &ip);
	ip_format(&ip, ipv6);
	printf("trusted %s: %s, %s\n", name, ipv4, ipv6);
	return EXIT_DONE;
}

static enum exit_code refuse_collision(const struct search *found, const char *name, bool org)
{
	const char *option = org ? "--org " : "";

	if (found->same_key[0])
		return fail(EXIT_REFUSED, "this key is trusted already under the name %s",
			    found->same_key);
	if (found->twin[0])
		return fail(EXIT_REFUSED, "this key has the same tunnel key as that of %s",
			    found->twin);
	if (found->name_taken && found->name_good)
		return fail(EXIT_REFUSED,
			    "the name %s belongs to another key; choose another with --name, or "
			    "meshguard revoke %s%s first",
			    name, option, name);
	if (found->name_taken)
		return fail(EXIT_REFUSED, "the name %s is taken by a file without a usable key; "
			    "meshguard revoke %s%s removes it", name, option, name);
	return EXIT_DONE;
}

static enum exit_code judge_and_add(struct store *s, const struct public_key *key,
				    const char *name, bool org)
{
	const char *folder = org ? ORGS_FOLDER : TRUST_FOLDER;
	struct search found = { .key = key, .name = name };
	enum exit_code code = refuse_own(s, key);

	if (code == EXIT_DONE)
		code = refuse_other_kind(s, key, org);
	if (code != EXIT_DONE)
		return code;
	if (each_trusted(s, folder, look, &found) < 0)
		return fail(EXIT_FAILED, "%s", s->error);
	if (found.unusable)
		note("%u unusable entries in %s/%s; meshguard config show names them",
		     found.unusable, s->path, folder);
	if (found.same_both) {
		printf("%s is trusted already\n", name);
		return EXIT_DONE;
	}
	code = refuse_collision(&found, name, org);
	return code == EXIT_DONE ? add(s, key, name, org) : code;
}

/* Who is trusted is not denied any more. After a failure both may be there; the denial wins. */
static enum exit_code lift_denial(struct store *s, const struct public_key *key)
{
	int r = remove_key(s, DENIED_FOLDER, key, NULL);

	if (r < 0)
		return fail(EXIT_FAILED, "%s; this key stays denied until that file is removed",
			    s->error);
	if (r)
		puts("it is not denied any more");
	return EXIT_DONE;
}

/* By the name of its file, which revoke took from status (NODE.ORG), or by the key. */
static enum exit_code undeny(struct store *s, const char *word)
{
	char file[TRUST_FILE];
	struct public_key key;
	int r;

	if (name_valid(word, strlen(word))) {
		trust_file(file, DENIED_FOLDER, word);
		if (!store_exists(s, file))
			return nobody_trusted(s, DENIED_FOLDER, word);
		if (!trusted_key(s, DENIED_FOLDER, word, &key)) {
			if (store_remove(s, file) < 0)
				return fail(EXIT_FAILED, "%s", s->error);
			printf("removed " DENIED_FOLDER "/%s.pub, which held no usable key\n",
			       word);
			return EXIT_DONE;
		}
	} else if (public_key_parse(word, strlen(word), &key) != KEY_OK) {
		return fail(EXIT_USAGE, "\"%.80s\": neither a name nor a public key", word);
	}
	r = remove_key(s, DENIED_FOLDER, &key, NULL);
	if (r < 0)
		return fail(EXIT_FAILED, "%s", s->error);
	if (!r)
		return fail(EXIT_FAILED, "this key is not denied here");
	printf("%s is not denied any more: an org or --open may let it in again\n", word);
	return EXIT_DONE;
}

static enum exit_code run_undeny(const char *word)
{
	enum exit_code code;
	struct store s;

	if (open_store(&s) < 0)
		return s.dir < 0 && s.path[0] ? fail(EXIT_FAILED, "nobody is denied in %s", s.path)
					      : EXIT_FAILED;
	code = undeny(&s, word);
	store_close(&s);
	return code;
}

static enum exit_code follow_key(struct store *s, const char *name, const struct public_key *key)
{
	if (store_follow(s, name, key) < 0)
		return fail(EXIT_FAILED, "%s", s->error);
	printf("%s is followed: a running daemon accepts the key that it announces next\n", name);
	return EXIT_DONE;
}

/* The alias that is known of it, which then is its name here whatever it says later; or its digits,
 * until it says one. */
static void name_org(struct store *s, const struct public_key *key, char name[static MAX_NAME + 1])
{
	static struct org_names names;
	char alias[MAX_NAME + 1];

	org_name_default(key, name);
	if (org_names_read(s, &names) < 0)
		return;
	for (size_t i = 0; i < names.count; i++)
		if (!memcmp(&names.keys[i], key, sizeof(*key)))
			memcpy(name, names.names[i].given, sizeof(names.names[i].given));
	if (!org_called(&names, key) && org_alias_free(s, &names, key, alias))
		memcpy(name, alias, sizeof(alias));
}

static enum exit_code run_trust(const struct arguments *a)
{
	const char *given = option_text(a, "name", NULL);
	const char *successor = option_text(a, "successor", NULL);
	bool org = has_option(a, "org"), follow = has_option(a, "follow");
	char name[MAX_NAME + 1];
	struct public_key key;
	enum exit_code code;
	struct store s;

	if (successor && (given || org || follow))
		return fail(EXIT_USAGE, "--successor goes with none of --name, --org, --follow");
	if (has_option(a, "undeny") && (given || org || follow || successor))
		return fail(EXIT_USAGE, "--undeny goes with none of --name, --org, --follow, "
			    "--successor");
	if (org && follow)
		return fail(EXIT_USAGE, "--org and --follow do not go together");
	if (!successor && !a->word_count)
		return fail(EXIT_USAGE, "trust: something is missing; usage: meshguard trust "
			    "KEY|FILE|- or --successor NAME");
	if (!start_crypto())
		return EXIT_FAILED;
	if (has_option(a, "undeny"))
		return run_undeny(a->words[0]);
	if (successor)
		return trust_successor(successor, a->word_count ? a->words[0] : NULL);
	if (given && !name_valid(given, strlen(given)))
		return fail(EXIT_USAGE, "--name %.80s: " NAME_RULE, given);
	code = key_of_word(a->words[0], &key);
	if (code != EXIT_DONE)
		return code;
	if (given)
		memcpy(name, given, strlen(given) + 1);
	else
		name_default(&key, name);
	if (create_store(&s) < 0)
		return EXIT_FAILED;
	if (org && !given)
		name_org(&s, &key, name);
	code = refuse_unlikely(&s, &key, a->words[0], org);
	if (code == EXIT_DONE)
		code = judge_and_add(&s, &key, name, org);
	if (code == EXIT_DONE && !org)
		code = lift_denial(&s, &key);
	if (code == EXIT_DONE && follow)
		code = follow_key(&s, name, &key);
	store_close(&s);
	return code;
}

const struct command command_trust = {
	.name = "trust",
	.summary = "let the owner of a public key, or an org, in",
	.words = "KEY|FILE|-",
	.min_words = 0,
	.max_words = 1,
	.options = (const struct option_spec[]){
		{ .name = "name", .kind = OPTION_TEXT, .value = "NAME",
		  .help = "what to call it here (default: made from the key)" },
		{ .name = "org", .kind = OPTION_FLAG,
		  .help = "it is an org's key: let in whom that org signed" },
		{ .name = "successor", .kind = OPTION_TEXT, .value = "NAME",
		  .help = "accept the new key that NAME announced" },
		{ .name = "undeny", .kind = OPTION_FLAG,
		  .help = "end what revoke denied, without trusting the key" },
		{ .name = "follow", .kind = OPTION_FLAG,
		  .help = "accept its new keys unasked, a thief's, too" },
		{ 0 } },
	.text = "Adds a public key, given in base64, as a file that holds it, or on standard\n"
		"input (-), to authorized_keys/NAME.pub, or with --org to trusted_orgs/NAME.pub.\n"
		"A running daemon knows within a second. Two machines connect when both trust\n"
		"each other. Who was denied by revoke is denied no more; --undeny NAME|KEY ends\n"
		"just the denial, so that an org lets him in again. With --successor the\n"
		"word is not needed, or is the file of the statement that rotate made; the old\n"
		"key stays trusted as NAME.old until the overlap ends.",
	.example = "meshguard trust alice.pub --name alice",
	.run = run_trust,
};
