/* org_names.h - what the trusted orgs are called, as the daemon calls them (identity/org_name.h):
 * from trusted_orgs/, and from the aliases in statements/. */
#ifndef CLI_ORG_NAMES_H
#define CLI_ORG_NAMES_H

#include "cli/keys.h"
#include "identity/org_name.h"
#include "identity/trust.h"

struct org_names {
	struct org_name names[TRUST_ORGS];
	struct public_key keys[TRUST_ORGS];
	size_t count;
};
/* Negative errno with s->error. An alias that cannot be read is none. */
int org_names_read(struct store *s, struct org_names *out) must_check;
/* Of an org, NULL: it is not trusted. */
const char *org_called(const struct org_names *n, const struct public_key *org);
/* The name of the file in trusted_orgs/ that `word` means, which is that of its rules, too: the
 * org's name there, else its alias. NULL: none. */
const char *org_given(const struct org_names *n, const char *word);
/* What such a file's org is called; the name itself where it is none of an org. */
const char *org_called_by_file(const struct org_names *n, const char *given);
/* What the org calls itself, "" for nothing that is known. */
void org_alias_said(struct store *s, const struct public_key *org, char out[static MAX_NAME + 1]);
/* The alias that the org may be trusted by without --name: known, and nobody else's. False: none.
 * The org need not be trusted yet. */
bool org_alias_free(struct store *s, const struct org_names *n, const struct public_key *org,
		    char out[static MAX_NAME + 1]);

#endif
