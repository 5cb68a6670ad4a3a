/* cmd_org.c - org-keygen, org-sign and org-join: an org, who belongs to it, and a node that shows
 * that it does. Signing needs files alone, so an org's key may stay on a machine of its own. */
#include "cli/keys.h"
#include "cli/org.h"
#include "cli/org_names.h"
#include "cli/rotation.h"
#include "cli/words.h"

#include "base/text.h"
#include "identity/address.h"
#include "identity/keyfile.h"
#include "linux/store_orgs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Clocks differ: a certificate is good a little before it was signed. */
#define EARLIER 300u
#define DEFAULT_EXPIRES "365d"

static enum exit_code run_org_keygen(const struct arguments *a)
{
	char text[KEYFILE_PUBLIC + 1], name[MAX_NAME + 1];
	struct public_key public;
	enum exit_code code;
	struct store s;

	if (!start_crypto() || create_store(&s) < 0)
		return EXIT_FAILED;
	code = make_pair(&s, &org_files, has_option(a, "force"), &public);
	if (code == EXIT_DONE) {
		public_key_format(&public, text);
		org_name_default(&public, name);
		printf("org key    %s"
		       "known as   %s\n"
		       "kept in    %s/org\n", text, name, s.path);
	}
	store_close(&s);
	return code;
}

const struct command command_org_keygen = {
	.name = "org-keygen",
	.summary = "make an org: one key that signs nodes",
	.words = "",
	.options = (const struct option_spec[]){
		{ .name = "force", .kind = OPTION_FLAG,
		  .help = "replace the org that is there; it is lost for good" },
		{ 0 } },
	.text = "Makes org/org.key (secret, mode 0600) and org/org.pub in the configuration\n"
		"directory. Who has org.key decides who belongs to the org: better keep it on a\n"
		"machine that is on no network, for signing needs only files. Everybody who is to\n"
		"let members in trusts org.pub: meshguard trust --org org.pub.",
	.example = "meshguard org-keygen && meshguard export --org > acme.pub",
	.run = run_org_keygen,
};

/* --- the org that this directory holds */

enum exit_code open_org(struct store *s, struct org *out)
{
	int r = open_store(s);

	if (r < 0 && r != -ENOENT)
		return EXIT_FAILED;
	read_pair(s, &org_files, &out->id, &out->secret);
	if (out->id.state == IDENTITY_GOOD)
		return EXIT_DONE;
	if (out->id.state == IDENTITY_UNUSABLE)
		fail(EXIT_FAILED, "%s", out->id.problem);
	else
		fail(EXIT_FAILED, "there is no %s in %s; make one with: meshguard org-keygen",
		     ORG_KEY, s->path);
	store_close(s);
	return EXIT_FAILED;
}

void close_org(struct store *s, struct org *org)
{
	wipe(&org->secret, sizeof(org->secret));
	store_close(s);
}

bool clock_is_right(uint64_t *now)
{
	bool wrong;

	*now = wall_clock(&wrong);
	if (wrong)
		fail(EXIT_FAILED, "the clock of this machine is years behind; set it before it "
		     "dates what an org signs");
	return !wrong;
}

enum exit_code refuse_org_itself(const struct org *org, const struct public_key *key)
{
	if (!keys_are_twins(&org->id.key, key))
		return EXIT_DONE;
	return fail(EXIT_REFUSED, "this is the org's own key; it signs nodes, which have keys of "
		    "their own");
}

enum exit_code refuse_revoked(struct store *s, const struct org *org, const struct public_key *key)
{
	struct statement st;
	int r = store_statement_read(s, STATEMENT_REVOCATION, &org->id.key, key, &st);

	if (r == 0)
		return EXIT_DONE;
	if (r < 0)
		return fail(EXIT_FAILED, "%s", s->error);
	return fail(EXIT_REFUSED, "the org revoked this key (%s), which is for good; let the node "
		    "make a new one: meshguard keygen --force",
		    revocation_reason_name(st.body.reason));
}

enum exit_code give_out(const char *path, struct bytes wire)
{
	char text[SIGNED_TEXT(SIGNED_MAX) + 1];
	int r;

	signed_format(wire, text);
	r = write_out(path, text);
	if (r == -EEXIST)
		return fail(EXIT_REFUSED, "%.200s is already there; remove it, or choose another "
			    "name with --out", path);
	return r < 0 ? fail(EXIT_FAILED, "cannot write %.200s: %s", path, strerror(-r))
		     : EXIT_DONE;
}

/* --- org-sign */

static enum exit_code read_expires(const struct arguments *a, uint64_t now, uint64_t *expires)
{
	const char *text = option_text(a, "expires", DEFAULT_EXPIRES);
	char when[WHEN_TEXT];

	if (!parse_when(text, now, expires))
		return fail(EXIT_USAGE, "--expires %.80s: it must be like 90d, 12h, 30m, "
			    "2027-01-31 (its beginning in UTC), or unix seconds", text);
	format_when(*expires, when);
	if (*expires <= now)
		return fail(EXIT_USAGE, "--expires %.80s: %s is over", text, when);
	return EXIT_DONE;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

static enum exit_code read_groups(const struct arguments *a, struct certificate_body *b)
{
	for (const char *g; (g = option_nth(a, "group", b->group_count)); b->group_count++) {
		if (b->group_count == CERTIFICATE_GROUPS)
			return fail(EXIT_USAGE, "too many groups: at most %u", CERTIFICATE_GROUPS);
		if (!name_valid(g, strlen(g)))
			return fail(EXIT_USAGE, "--group %.80s: " NAME_RULE, g);
		memcpy(b->groups[b->group_count], g, strlen(g) + 1);
	}
	qsort(b->groups, b->group_count, sizeof(*b->groups), by_text);
	for (unsigned i = 1; i < b->group_count; i++)
		if (!strcmp(b->groups[i - 1], b->groups[i]))
			return fail(EXIT_USAGE, "--group %s is given twice", b->groups[i]);
	return EXIT_DONE;
}

static enum exit_code read_body(const struct arguments *a, struct certificate_body *b)
{
	const char *name = option_text(a, "name", NULL);
	enum exit_code code;
	uint64_t now;

	if (!clock_is_right(&now))
		return EXIT_FAILED;
	b->not_before = now - EARLIER;
	code = read_expires(a, now, &b->expires);
	if (code == EXIT_DONE)
		code = read_groups(a, b);
	if (code == EXIT_DONE && name && !name_valid(name, strlen(name)))
		code = fail(EXIT_USAGE, "--name %.80s: " NAME_RULE, name);
	if (code == EXIT_DONE)
		code = key_of_word(a->words[0], &b->node);
	if (code != EXIT_DONE)
		return code;
	if (name)
		memcpy(b->name, name, strlen(name) + 1);
	else
		name_default(&b->node, b->name);
	return EXIT_DONE;
}

static enum exit_code sign_node(struct store *s, const struct org *org, struct certificate_body *b,
				const char *out)
{
	enum exit_code code = refuse_org_itself(org, &b->node);
	struct certificate c;
	char until[WHEN_TEXT];

	if (code == EXIT_DONE)
		code = refuse_revoked(s, org, &b->node);
	if (code != EXIT_DONE)
		return code;
	b->org = org->id.key;
	if (!certificate_sign(b, &org->secret, &c))
		return fail(EXIT_USAGE, "the names of the groups are too long: a certificate has "
			    "at most %u bytes", MAX_CERTIFICATE);
	code = give_out(out, bytes_of(c.wire, c.len));
	if (code != EXIT_DONE)
		return code;
	format_when(b->expires, until);
	if (strcmp(out, "-") != 0)
		printf("signed %s until %s; the node takes it with: meshguard org-join %s\n",
		       b->name, until, out);
	else
		note("signed %s until %s", b->name, until);
	return EXIT_DONE;
}

static enum exit_code run_org_sign(const struct arguments *a)
{
	struct certificate_body b = { .flags = 0 };
	enum exit_code code;
	struct store s;
	struct org org;

	if (!start_crypto())
		return EXIT_FAILED;
	code = read_body(a, &b);
	if (code == EXIT_DONE)
		code = open_org(&s, &org);
	if (code != EXIT_DONE)
		return code;
	code = sign_node(&s, &org, &b, option_text(a, "out", "-"));
	close_org(&s, &org);
	return code;
}

const struct command command_org_sign = {
	.name = "org-sign",
	.summary = "sign a node: give it a certificate of the org",
	.words = "KEY|FILE|-",
	.min_words = 1,
	.max_words = 1,
	.options = (const struct option_spec[]){
		{ .name = "name", .kind = OPTION_TEXT, .value = "LABEL",
		  .help = "what the org calls the node (default: from its key)" },
		{ .name = "expires", .kind = OPTION_TEXT, .value = "WHEN",
		  .help = "90d, 12h, 2027-01-31 or unix seconds (default: 365d)" },
		{ .name = "group", .kind = OPTION_TEXT, .value = "NAME", .repeats = true,
		  .help = "a group that it belongs to, at most eight" },
		{ .name = "out", .kind = OPTION_TEXT, .value = "FILE",
		  .help = "a new file for it (default: standard output)" },
		{ 0 } },
	.text = "Takes a node's public key and writes a certificate, one line of base64, with\n"
		"the org's key in org/org.key. It is no secret. A date begins at 00:00 UTC. Sign\n"
		"again before it expires; the newer one takes the place of the older.",
	.example = "meshguard org-sign bob.pub --name bob --expires 90d --out bob.cert",
	.run = run_org_sign,
};

/* --- org-join */

static enum exit_code judge_time(const struct certificate *c)
{
	bool clock_is_wrong;
	struct validity v = certificate_validity(c, wall_clock(&clock_is_wrong));
	char span[SPAN_TEXT];

	format_span(v.seconds, span);
	switch (v.state) {
	case VALIDITY_EXPIRED:
		return fail(EXIT_TIMED_OUT, "this certificate expired %s ago; let the org sign "
			    "anew", span);
	case VALIDITY_NOT_YET:
		/* A clock that is known to be wrong proves nothing about the future. */
		if (!clock_is_wrong)
			return fail(EXIT_FAILED, "this certificate begins in %s; is the clock of "
				    "this machine right?", span);
		break;
	case VALIDITY_GOOD:
		break;
	}
	if (clock_is_wrong)
		note("the clock of this machine is years behind; certificates that expired since "
		     "are taken for good");
	return EXIT_DONE;
}

/* The key that is announced as the next one (docs/rotation.md). */
static bool is_next_key(struct store *s, const struct public_key *key)
{
	struct rotation r;
	bool is;

	if (!store_exists(s, NEXT_KEY) || rotation_read(s, &r) != EXIT_DONE)
		return false;
	is = r.pending && !memcmp(&r.next, key, sizeof(*key));
	rotation_close(&r);
	return is;
}

static enum exit_code judge_node(struct store *s, const struct certificate *c, bool *is_next)
{
	struct identity id;

	read_identity(s, &id);
	switch (id.state) {
	case IDENTITY_NONE:
		return fail(EXIT_FAILED, "there is no identity in %s; make one with: meshguard "
			    "keygen", s->path);
	case IDENTITY_UNUSABLE:
		return fail(EXIT_FAILED, "%s", id.problem);
	case IDENTITY_GOOD:
		break;
	}
	if (!memcmp(&id.key, &c->body.node, sizeof(id.key)))
		return EXIT_DONE;
	*is_next = is_next_key(s, &c->body.node);
	if (*is_next)
		return EXIT_DONE;
	return fail(EXIT_REFUSED, "this certificate is for %s, another node than this; let the org "
		    "sign the key that meshguard export prints", c->body.name);
}

static enum exit_code judge_revocation(struct store *s, const struct certificate_body *b)
{
	struct statement st;
	int r = store_statement_read(s, STATEMENT_REVOCATION, &b->org, &b->node, &st);

	if (r < 0)
		return fail(EXIT_FAILED, "%s", s->error);
	return r ? fail(EXIT_REFUSED, "the org has revoked the key of this node (%s); make a new "
			"one: meshguard keygen --force", revocation_reason_name(st.body.reason))
		 : EXIT_DONE;
}

static int is_newer(void *ctx, const struct certificate *there)
{
	const struct certificate *c = ctx;

	return there && !memcmp(&there->body.org, &c->body.org, sizeof(c->body.org))
	    && !memcmp(&there->body.node, &c->body.node, sizeof(c->body.node))
	    && there->body.not_before > c->body.not_before;
}

/* Others who saw the newer one keep to that. */
static enum exit_code refuse_older(struct store *s, const struct certificate *c)
{
	struct certificate copy = *c;
	int r = store_each_certificate(s, is_newer, &copy);

	if (r < 0 && r != -ENOENT)
		return fail(EXIT_FAILED, "%s", s->error);
	return r > 0 ? fail(EXIT_REFUSED, "a newer certificate of this org is here already")
		     : EXIT_DONE;
}

/* What the org is called here, "" where it is not trusted. Negative errno with s->error. */
static int find_org(struct store *s, const struct public_key *org, char out[static MAX_NAME + 1])
{
	static struct org_names names;
	int r = org_names_read(s, &names);
	const char *called = r < 0 ? NULL : org_called(&names, org);

	snprintf(out, MAX_NAME + 1, "%s", called ? called : "");
	return r;
}

static enum exit_code join(struct store *s, const struct certificate *c)
{
	const struct certificate_body *b = &c->body;
	char until[WHEN_TEXT], span[SPAN_TEXT], org[MAX_NAME + 1];
	bool clock_is_wrong, is_next = false;
	char file[STORE_ORGS_FILE];
	enum exit_code code = judge_node(s, c, &is_next);

	if (code == EXIT_DONE)
		code = judge_time(c);
	if (code == EXIT_DONE)
		code = judge_revocation(s, b);
	if (code != EXIT_DONE)
		return code;
	code = refuse_older(s, c);
	if (code != EXIT_DONE)
		return code;
	if (is_next)
		certificate_file_of(file, &b->org, &b->node);
	else
		certificate_file(file, &b->org);
	if (find_org(s, &b->org, org) < 0
	    || store_certificate_write_as(s, file, c) < 0)
		return fail(EXIT_FAILED, "%s", s->error);
	if (!org[0]) {
		char text[BASE64_LEN(32) + 1];

		base64_encode(b->org.b, sizeof(b->org.b), text, sizeof(text));
		note("this node does not let the org's members in yet; that takes: meshguard "
		     "trust --org %s", text);
		org_name_default(&b->org, org);
	}
	format_when(b->expires, until);
	format_span(b->expires - wall_clock(&clock_is_wrong), span);
	printf("joined %s as %s%s, until %s (%s)\n", org, b->name,
	       is_next ? " with the next key" : "", until, span);
	return EXIT_DONE;
}

static enum exit_code take_statement(struct store *s, const struct statement *st)
{
	const struct statement_body *b = &st->body;
	const char *kind = statement_kind_name(b->kind);
	char org[MAX_NAME + 1];
	struct statement there;
	int r = store_statement_read(s, b->kind, &b->issuer, &b->subject, &there);

	if (r < 0 || find_org(s, &b->issuer, org) < 0)
		return fail(EXIT_FAILED, "%s", s->error);
	if (r && there.body.number >= b->number) {
		printf("this %s is known already\n", kind);
		return EXIT_DONE;
	}
	if (store_statement_write(s, st) < 0)
		return fail(EXIT_FAILED, "%s", s->error);
	if (!org[0]) {
		note("this %s means nothing here until its org is trusted: meshguard trust --org",
		     kind);
		org_name_default(&b->issuer, org);
	}
	if (b->kind == STATEMENT_ALIAS && find_org(s, &b->issuer, org) < 0)
		return fail(EXIT_FAILED, "%s", s->error);
	printf("took the %s by %s\n", kind, org[0] ? org : b->name);
	return EXIT_DONE;
}

static enum exit_code take(struct store *s, const char *word, struct bytes wire)
{
	struct certificate_claim certificate_claim;
	struct statement_claim statement_claim;
	struct certificate c;
	struct statement st;

	if (certificate_decode(wire, &certificate_claim))
		return certificate_verify(&certificate_claim, &c) ? join(s, &c)
			: fail(EXIT_REFUSED, "%.200s: the signature of this certificate is not the "
			       "org's", word);
	if (statement_decode(wire, &statement_claim))
		return statement_verify(&statement_claim, &st) ? take_statement(s, &st)
			: fail(EXIT_REFUSED, "%.200s: the signature of this %s is not the org's",
			       word, statement_kind_name(statement_claim.body.kind));
	return fail(EXIT_USAGE, "%.200s: neither a certificate nor another thing that an org signs",
		    word);
}

static enum exit_code run_org_join(const struct arguments *a)
{
	static const char what[] = "a certificate, which is one line of base64";
	const char *word = a->words[0];
	char text[SIGNED_TEXT(SIGNED_MAX) + 16];
	uint8_t wire[SIGNED_MAX];
	enum exit_code code;
	struct store s;
	size_t len, n;
	int r;

	if (!start_crypto())
		return EXIT_FAILED;
	code = text_of_word(word, what, text, sizeof(text), &len);
	if (code != EXIT_DONE)
		return code;
	n = signed_parse(text, len, wire);
	if (!n)
		return fail(EXIT_USAGE, "%.200s: not %s", word, what);
	r = open_store(&s);
	if (r < 0)
		return r != -ENOENT ? EXIT_FAILED
			: fail(EXIT_FAILED, "there is no identity in %s; make one with: meshguard "
			       "keygen", s.path);
	code = take(&s, word, bytes_of(wire, n));
	store_close(&s);
	return code;
}

const struct command command_org_join = {
	.name = "org-join",
	.summary = "take a certificate, so that this node belongs to an org",
	.words = "FILE|-",
	.min_words = 1,
	.max_words = 1,
	.text = "Checks that the certificate is for this node, that the org signed it and that\n"
		"it is valid now, says when it ends, and keeps it as org/ORG.cert, ORG the org's\n"
		"key in hex. One of the same org that is there is replaced. While this node's\n"
		"key changes it may be for the next key (export --next), too. Also takes what\n"
		"org-vouch and org-revoke wrote with --out. A running daemon uses it\n"
		"within a second.",
	.example = "meshguard org-join bob.cert",
	.run = run_org_join,
};
