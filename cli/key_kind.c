#include "cli/key_kind.h"

#include "base/text.h"
#include "identity/keyfile.h"
#include "linux/store_orgs.h"

#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TOKEN "mg://"

static bool is_secret(const char *text, size_t len)
{
	struct public_key public;
	struct secret_key secret;
	bool is = secret_key_parse(text, len, &secret, &public) == KEY_OK;

	wipe(&secret, sizeof(secret));
	return is;
}

static bool kind_of_signed(struct bytes wire, char out[static KIND_LINE])
{
	struct certificate_claim certificate;
	struct statement_claim statement;

	if (certificate_decode(wire, &certificate)) {
		snprintf(out, KIND_LINE, "a certificate, for %s, not a key: meshguard org-join "
			 "takes it", certificate.body.name);
		return true;
	}
	if (!statement_decode(wire, &statement))
		return false;
	if (statement.body.kind == STATEMENT_SUCCESSOR)
		snprintf(out, KIND_LINE, "the announcement of a new key, not a key: meshguard "
			 "trust --successor NAME takes it");
	else
		snprintf(out, KIND_LINE, "a statement of an org (%s), not a key: meshguard "
			 "org-join takes it", statement_kind_name(statement.body.kind));
	return true;
}

bool kind_of_text(const char *text, size_t len, char out[static KIND_LINE])
{
	uint8_t wire[SIGNED_MAX];
	size_t n;

	if (is_secret(text, len)) {
		snprintf(out, KIND_LINE, "a secret key, which stays where it is; its public half "
			 "comes from: meshguard export");
		return true;
	}
	if (len >= strlen(TOKEN) && !memcmp(text, TOKEN, strlen(TOKEN))) {
		snprintf(out, KIND_LINE, "a token, not a key: meshguard connect --join takes it");
		return true;
	}
	n = signed_parse(text, len, wire);
	return n && kind_of_signed(bytes_of(wire, n), out);
}

/* --- keys of orgs */

struct search {
	const struct public_key *key;
	bool found;
};

static int by_certificate(void *ctx, const struct certificate *c)
{
	struct search *s = ctx;

	s->found |= c && !memcmp(&c->body.org, s->key, sizeof(*s->key));
	return s->found;
}

/* Who issued is in the name; nothing needs to be verified for a hint. */
static int by_statement(void *ctx, const char *name)
{
	struct search *s = ctx;
	char hex[2 * sizeof(s->key->b) + 1];
	const char *kind = statement_kind_name(STATEMENT_SUCCESSOR), *dash = strchr(name, '-');

	hex_encode(s->key->b, sizeof(s->key->b), hex, sizeof(hex));
	s->found |= is_statement_name(name) && dash && strncmp(name, kind, strlen(kind)) != 0
		    && !strncmp(dash + 1, hex, strlen(hex));
	return s->found;
}

static bool lies_with_orgs(const char *word)
{
	char path[PATH_MAX], *folder;

	if (!strcmp(word, "-") || access(word, F_OK) < 0 || !realpath(word, path))
		return false;
	folder = basename(dirname(path));
	return !strcmp(folder, CERTIFICATE_FOLDER) || !strcmp(folder, ORGS_FOLDER);
}

bool is_org_key(struct store *s, const struct public_key *key, const char *word,
		char why[static KIND_LINE])
{
	struct search search = { .key = key };
	struct identity own;

	read_pair(s, &org_files, &own, NULL);
	if (own.state == IDENTITY_GOOD && keys_are_twins(&own.key, key)) {
		snprintf(why, KIND_LINE, "this is the key of the org that was made here");
		return true;
	}
	if (s->dir >= 0)
		(void)store_each_certificate(s, by_certificate, &search);
	if (search.found) {
		snprintf(why, KIND_LINE, "this is the key of an org of which this node has a "
			 "certificate");
		return true;
	}
	if (s->dir >= 0)
		(void)store_list(s, STATEMENT_FOLDER, by_statement, &search);
	snprintf(why, KIND_LINE, search.found
		 ? "this is the key of an org, which signed what lies in " STATEMENT_FOLDER "/"
		 : "this file lies among the keys of orgs");
	return search.found || lies_with_orgs(word);
}
