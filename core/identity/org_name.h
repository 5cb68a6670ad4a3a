/* org_name.h - what the trusted orgs are called here (docs/orgs.md, "What an org is called").
 *
 * A name that was given here counts, whatever the org says. An org without one, whose file is named
 * by the six hex digits of its key, may name itself: it is called by that alias as long as no other
 * trusted org has that name or that alias, or else by its digits. So a name never comes to mean
 * another org while both are trusted, whoever of them took it first.
 */
#ifndef IDENTITY_ORG_NAME_H
#define IDENTITY_ORG_NAME_H

#include "base/bug.h"
#include "base/bytes.h"
#include "base/limits.h"

#include <stdbool.h>
#include <stddef.h>

struct org_name {
	char given[MAX_NAME + 1];    /* of its file */
	char alias[MAX_NAME + 1];    /* which it gave itself; empty: none that is known */
	bool nameless;               /* the given one is that of org_name_default */
	bool by_alias;               /* set by org_names_settle */
};

/* A name that an org can go by: name_valid, no dot, which would look like a node's of another org,
 * not six hex digits, and not "mesh". */
bool org_alias_valid(const char *name) must_check;
void org_name_init(struct org_name *n, const struct public_key *org, const char *given);
/* Which go by their aliases, of all that are trusted. Two names are one if only their case tells
 * them apart. */
void org_names_settle(struct org_name *names, size_t count);
/* After that: the alias, or the name given here. */
const char *org_name_called(const struct org_name *n);

#endif
