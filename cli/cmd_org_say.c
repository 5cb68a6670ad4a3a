/* cmd_org_say.c - org-vouch, org-revoke and org-alias: what an org says about nodes and about
 * itself, as signed statements.
 *
 * The statement is kept in statements/, from where a daemon spreads it. Its number is the time, or
 * one more than the highest that the org gave this subject, whichever is greater: so an org whose
 * old statements were lost still says something newer.
 */
#include "cli/org.h"
#include "cli/words.h"

#include "base/text.h"
#include "identity/address.h"
#include "identity/org_name.h"
#include "linux/store_orgs.h"

#include <stdio.h>
#include <string.h>

/* The next number for this issuer and subject, whatever the kind. */
static enum exit_code number_next(struct store *s, struct statement_body *b, uint64_t now)
{
	b->number = now;
	for (enum statement_kind kind = 1; kind <= STATEMENT_KINDS; kind++) {
		struct statement there;
		int r = store_statement_read(s, kind, &b->issuer, &b->subject, &there);

		if (r < 0)
			return fail(EXIT_FAILED, "%s", s->error);
		if (r && there.body.number == UINT64_MAX)
			return fail(EXIT_REFUSED, "the org has used the highest number for this "
				    "key");
		if (r && there.body.number >= b->number)
			b->number = there.body.number + 1;
	}
	return EXIT_DONE;
}

static enum exit_code say(struct store *s, const struct org *org, struct statement_body *b,
			  const char *out)
{
	enum exit_code code = EXIT_DONE;
	struct statement st;
	uint64_t now;

	if (b->kind != STATEMENT_ALIAS)
		code = refuse_org_itself(org, &b->subject);
	if (code == EXIT_DONE && b->kind == STATEMENT_VOUCH)
		code = refuse_revoked(s, org, &b->subject);
	if (code != EXIT_DONE)
		return code;
	b->issuer = org->id.key;
	if (!clock_is_right(&now))
		return EXIT_FAILED;
	b->issued = now;
	code = number_next(s, b, now);
	if (code != EXIT_DONE)
		return code;
	if (!statement_sign(b, &org->secret, NULL, &st))
		return fail(EXIT_FAILED, "the statement cannot be signed");
	if (out) {
		code = give_out(out, bytes_of(st.wire, st.len));
		if (code != EXIT_DONE)
			return code;
	}
	if (store_statement_write(s, &st) < 0)
		return fail(EXIT_FAILED, "%s", s->error);
	return EXIT_DONE;
}

static enum exit_code say_about(const struct arguments *a, struct statement_body *b)
{
	const char *out = option_text(a, "out", NULL);
	char key[BASE64_LEN(32) + 1], line[160], peer[NAME_MAX + 1];
	enum exit_code code;
	struct store s;
	struct org org;

	code = key_of_word(a->words[0], &b->subject);
	if (code == EXIT_DONE)
		code = open_org(&s, &org);
	if (code != EXIT_DONE)
		return code;
	code = say(&s, &org, b, out);
	if (code == EXIT_DONE) {
		base64_encode(b->subject.b, sizeof(b->subject.b), key, sizeof(key));
		if (b->kind == STATEMENT_VOUCH)
			snprintf(line, sizeof(line), "vouched for %s", key);
		else
			snprintf(line, sizeof(line), "revoked %s (%s)", key,
				 revocation_reason_name(b->reason));
		if (out && !strcmp(out, "-"))
			note("%s", line);
		else
			puts(line);
		if (b->kind == STATEMENT_REVOCATION
		    && find_twin(&s, TRUST_FOLDER, &b->subject, peer) == 0 && peer[0])
			note("this machine itself trusts that key, which no org changes; "
			     "meshguard revoke %s ends it", peer);
	}
	close_org(&s, &org);
	return code;
}

#define OUT_OPTION                                                            \
	{ .name = "out", .kind = OPTION_TEXT, .value = "FILE",                \
	  .help = "also a new file, for org-join on another machine" }

static enum exit_code run_org_vouch(const struct arguments *a)
{
	struct statement_body b = { .kind = STATEMENT_VOUCH };

	return start_crypto() ? say_about(a, &b) : EXIT_FAILED;
}

const struct command command_org_vouch = {
	.name = "org-vouch",
	.summary = "let everybody who trusts the org admit an outside node",
	.words = "KEY|FILE|-",
	.min_words = 1,
	.max_words = 1,
	.options = (const struct option_spec[]){ OUT_OPTION, { 0 } },
	.text = "Signs, with the org's key in org/org.key, that a node which is no member may\n"
		"come in wherever the org is trusted, and keeps that in statements/, from where a\n"
		"daemon spreads it. org-revoke ends it.",
	.example = "meshguard org-vouch guest.pub",
	.run = run_org_vouch,
};

static enum exit_code run_org_revoke(const struct arguments *a)
{
	const char *given = option_text(a, "reason", "unspecified");
	struct statement_body b = { .kind = STATEMENT_REVOCATION };

	while (strcmp(given, revocation_reason_name(b.reason)) != 0)
		if (++b.reason == REVOCATION_REASONS)
			return fail(EXIT_USAGE, "--reason %.80s: it must be unspecified, "
				    "key-compromised or admin-removed", given);
	return start_crypto() ? say_about(a, &b) : EXIT_FAILED;
}

const struct command command_org_revoke = {
	.name = "org-revoke",
	.summary = "take back what the org signed for a node, for good",
	.words = "KEY|FILE|-",
	.min_words = 1,
	.max_words = 1,
	.options = (const struct option_spec[]){
		{ .name = "reason", .kind = OPTION_TEXT, .value = "REASON",
		  .help = "unspecified, key-compromised or admin-removed" },
		OUT_OPTION, { 0 } },
	.text = "Signs, with the org's key in org/org.key, that certificates and vouches of the\n"
		"org for this key count no more, and keeps that in statements/, from where a\n"
		"daemon spreads it. A revoked key stays revoked: a node that is to come back\n"
		"makes a new one. Who trusts the key itself is not affected.",
	.example = "meshguard org-revoke bob.pub --reason key-compromised",
	.run = run_org_revoke,
};

/* Its own digits are what it is called without an alias. */
static enum exit_code read_alias(const struct org *org, const char *word, struct statement_body *b)
{
	char digits[MAX_NAME + 1];

	org_name_default(&org->id.key, digits);
	if (strcmp(word, digits) != 0 && !org_alias_valid(word))
		return fail(EXIT_USAGE, "\"%.80s\": an org's name is letters, digits, - and _, at "
			    "most 63, and not six hex digits, but for its own: %s", word, digits);
	b->subject = org->id.key;
	memcpy(b->name, word, strlen(word) + 1);
	return EXIT_DONE;
}

static enum exit_code run_org_alias(const struct arguments *a)
{
	struct statement_body b = { .kind = STATEMENT_ALIAS };
	const char *out = option_text(a, "out", NULL);
	enum exit_code code;
	struct store s;
	struct org org;

	if (!start_crypto())
		return EXIT_FAILED;
	code = open_org(&s, &org);
	if (code != EXIT_DONE)
		return code;
	code = read_alias(&org, a->words[0], &b);
	if (code == EXIT_DONE)
		code = say(&s, &org, &b, out);
	close_org(&s, &org);
	if (code == EXIT_DONE && out && !strcmp(out, "-"))
		note("the org is called %s", b.name);
	else if (code == EXIT_DONE)
		printf("the org is called %s\n", b.name);
	return code;
}

const struct command command_org_alias = {
	.name = "org-alias",
	.summary = "give the org a name, for all who trust it",
	.words = "NAME",
	.min_words = 1,
	.max_words = 1,
	.options = (const struct option_spec[]){ OUT_OPTION, { 0 } },
	.text = "Signs, with the org's key in org/org.key, that the org is called NAME, and\n"
		"keeps that in statements/, from where a daemon spreads it. Who trusts the org\n"
		"without a --name of his own calls it so, and its members NODE.NAME, unless\n"
		"another org that he trusts has that name. The last alias counts; the org's six\n"
		"hex digits take it back.",
	.example = "meshguard org-alias acme",
	.run = run_org_alias,
};
