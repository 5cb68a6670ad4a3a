/* service_target.c - whom rules are for.
 *
 * A misspelt name would make a file that nobody obeys, so names are looked up: peers in
 * authorized_keys, orgs in trusted_orgs. A key is no slip of the pen; it may be that of a member of
 * an org, who is in no file.
 */
#include "cli/org_names.h"
#include "cli/service.h"

#include "base/text.h"
#include "identity/address.h"
#include "identity/keyfile.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum exit_code nobody_known(struct store *s, enum policy_origin origin, const char *word)
{
	bool org = origin == POLICY_FROM_ORG;
	char best[NAME_MAX + 1];

	if (nearest_trusted(s, org ? ORGS_FOLDER : TRUST_FOLDER, word, best) < 0)
		return fail(EXIT_FAILED, "%s", s->error);
	if (*best)
		return fail(EXIT_FAILED, "no %s %.80s is trusted; did you mean %s? --force takes "
			    "it as it is", org ? "org" : "peer", word, best);
	return fail(EXIT_FAILED, "no %s %.80s is trusted; --force takes it as it is",
		    org ? "org" : "peer", word);
}

static void set_key(struct peer *p, const struct public_key *key)
{
	p->has_key = true;
	p->key = *key;
	hex_encode(key->b, sizeof(key->b), p->hex, sizeof(p->hex));
}

void peer_of_trusted(const struct trusted *t, struct peer *out)
{
	*out = (struct peer){ .trusted = true };
	set_key(out, &t->key);
	snprintf(out->alias, sizeof(out->alias), "%.63s", t->name);
}

static bool parse_key(const char *word, struct public_key *key)
{
	char text[KEYFILE_PUBLIC + 1];

	if (services_is_key(word, strlen(word))) {
		if (!hex_decode(word, strlen(word), key->b, sizeof(key->b)))
			return false;
		public_key_format(key, text);
		return public_key_parse(text, KEYFILE_PUBLIC, key) == KEY_OK;
	}
	return public_key_parse(word, strlen(word), key) == KEY_OK;
}

/* The daemon calls a key by the first of its names. */
static int find_alias(void *ctx, const struct trusted *t)
{
	struct peer *p = ctx;

	if (!t->good || memcmp(&t->key, &p->key, sizeof(p->key)) != 0)
		return 0;
	snprintf(p->alias, sizeof(p->alias), "%.63s", t->name);
	p->trusted = true;
	return 1;
}

struct by_name {
	struct peer *peer;
	const char *name;
};

static int find_name(void *ctx, const struct trusted *t)
{
	struct by_name *b = ctx;

	if (strcmp(t->name, b->name) != 0)
		return 0;
	b->peer->trusted = true;
	if (t->good)
		set_key(b->peer, &t->key);
	return 1;
}

enum exit_code find_peer(struct store *s, const char *word, struct peer *out)
{
	struct daemon_peer member;
	struct public_key key;

	*out = (struct peer){ 0 };
	if (name_valid(word, strlen(word))) {
		snprintf(out->alias, sizeof(out->alias), "%.63s", word);
		if (each_trusted(s, TRUST_FOLDER, find_name,
				 &(struct by_name){ .peer = out, .name = word }) < 0)
			return fail(EXIT_FAILED, "%s", s->error);
		if (!out->trusted && daemon_finds_peer(s->path, word, &member)) {
			set_key(out, &member.key); /* a member of an org, as status calls it */
			out->by_key = true;
		}
	} else if (parse_key(word, &key)) {
		set_key(out, &key);
		out->by_key = true;
	} else {
		return fail(EXIT_USAGE, "\"%.80s\" is neither a name nor a public key", word);
	}
	if (out->has_key && each_trusted(s, TRUST_FOLDER, find_alias, out) < 0)
		return fail(EXIT_FAILED, "%s", s->error);
	return EXIT_DONE;
}

void orgs_asked(struct store *s, const struct arguments *a, const struct peer *p,
		struct orgs_asked *out)
{
	static struct org_names names;
	const char *org = option_text(a, "org", NULL);
	struct daemon_peer known = { .key = p->key };
	struct text called = text_of(out->called, sizeof(out->called));

	if (org_names_read(s, &names) < 0)
		names.count = 0;
	out->count = 0;
	if (org) {
		snprintf(out->given[out->count++], sizeof(*out->given), "%.63s",
			 org_given(&names, org) ? org_given(&names, org) : org);
	} else if (p->has_key && daemon_finds_peer(s->path, NULL, &known)) {
		out->count = known.org_count;
		memcpy(out->given, known.orgs, sizeof(out->given));
	}
	for (unsigned i = 0; i < out->count; i++) {
		text_add(&called, i ? ", " : "");
		text_add(&called, org_called_by_file(&names, out->given[i]));
	}
}

static bool is_there(struct store *s, const char *folder, const char *name)
{
	char file[TRUST_FILE];

	trust_file(file, folder, name);
	return store_exists(s, file);
}

static bool has_file(struct store *s, const char *file)
{
	struct store services;
	bool there;

	if (store_enter(s, SERVICES_FOLDER, false, &services) < 0)
		return false;
	there = store_exists(&services, file);
	store_close(&services);
	return there;
}

static enum exit_code target_peer(struct store *s, const char *word, bool force, struct target *t)
{
	enum exit_code code = find_peer(s, word, &t->peer);

	if (code != EXIT_DONE)
		return code;
	t->origin = POLICY_FROM_PEER;
	snprintf(t->name, sizeof(t->name), "%s", t->peer.by_key ? t->peer.hex : word);
	snprintf(t->label, sizeof(t->label), "peer %s", t->name);
	snprintf(t->option, sizeof(t->option), " --peer %s", t->name);
	services_file(t->file, t->origin, t->name);
	if (t->peer.trusted || t->peer.by_key || force || has_file(s, t->file))
		return EXIT_DONE;
	return nobody_known(s, POLICY_FROM_PEER, word);
}

static enum exit_code target_org(struct store *s, const char *word, bool force, struct target *t)
{
	static struct org_names names;
	const char *given;

	if (!name_valid(word, strlen(word)))
		return fail(EXIT_USAGE, "--org %.80s: " NAME_RULE, word);
	if (org_names_read(s, &names) < 0)
		return fail(EXIT_FAILED, "%s", s->error);
	given = org_given(&names, word);
	t->origin = POLICY_FROM_ORG;
	/* What an org calls itself may change; its rules stay with the name of its file. */
	snprintf(t->name, sizeof(t->name), "%s", given ? given : word);
	snprintf(t->label, sizeof(t->label), "org %s", word);
	snprintf(t->option, sizeof(t->option), " --org %s", word);
	services_file(t->file, t->origin, t->name);
	if (force || given || is_there(s, ORGS_FOLDER, word) || has_file(s, t->file))
		return EXIT_DONE;
	return nobody_known(s, POLICY_FROM_ORG, word);
}

enum exit_code find_target(struct store *s, const struct arguments *a, struct target *out)
{
	const char *peer = option_text(a, "peer", NULL), *org = option_text(a, "org", NULL);
	bool force = has_option(a, "force");

	*out = (struct target){ .origin = POLICY_FROM_GLOBAL, .label = "global" };
	if (peer && org)
		return fail(EXIT_USAGE, "--peer and --org do not go together");
	services_file(out->file, POLICY_FROM_GLOBAL, "");
	if (peer)
		return target_peer(s, peer, force, out);
	return org ? target_org(s, org, force, out) : EXIT_DONE;
}

const struct service_list *list_of_peer(const struct services *sv, const struct peer *p)
{
	const struct service_list *l = NULL;

	if (p->has_key)
		l = services_find(sv, POLICY_FROM_PEER, p->hex);
	if (!l && p->alias[0])
		l = services_find(sv, POLICY_FROM_PEER, p->alias);
	return l;
}
