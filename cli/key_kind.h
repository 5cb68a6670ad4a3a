/* key_kind.h - what a text is that is no public key, and which command takes it. */
#ifndef CLI_KEY_KIND_H
#define CLI_KEY_KIND_H

#include "cli/keys.h"

#include "identity/signed.h"

#define KIND_TEXT_MAX (SIGNED_TEXT(SIGNED_MAX) + 16) /* bytes worth looking at */
#define KIND_LINE 200u

/* "a certificate, not a key: meshguard org-join takes it". False: it is nothing known. */
bool kind_of_text(const char *text, size_t len, char out[static KIND_LINE]);

/* True for a key that is known here as an org's: of org/org.pub, of a certificate of this node, or
 * as the issuer of what lies in statements/; or because the file, where the word is one, lies in
 * org/ or trusted_orgs/. Says which in `why`. */
bool is_org_key(struct store *s, const struct public_key *key, const char *word,
		char why[static KIND_LINE]);

#endif
