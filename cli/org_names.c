#include "cli/org_names.h"

#include "identity/address.h"
#include "linux/store_orgs.h"

#include <string.h>

void org_alias_said(struct store *s, const struct public_key *org, char out[static MAX_NAME + 1])
{
	struct statement st;

	out[0] = '\0';
	if (store_statement_read(s, STATEMENT_ALIAS, org, org, &st) == 1)
		memcpy(out, st.body.name, sizeof(st.body.name));
}

struct reading {
	struct store *store;
	struct org_names *names;
};

/* The daemon has no room for more, either. */
static int add(void *ctx, const struct trusted *t)
{
	const struct reading *r = ctx;
	struct org_names *n = r->names;

	if (!t->good || org_called(n, &t->key) || n->count == TRUST_ORGS)
		return 0;
	n->keys[n->count] = t->key;
	org_name_init(&n->names[n->count], &t->key, t->name);
	if (n->names[n->count].nameless)
		org_alias_said(r->store, &t->key, n->names[n->count].alias);
	n->count++;
	return 0;
}

int org_names_read(struct store *s, struct org_names *out)
{
	int r = 0;

	*out = (struct org_names){ .count = 0 };
	if (s->dir >= 0)
		r = each_trusted(s, ORGS_FOLDER, add, &(struct reading){ s, out });
	org_names_settle(out->names, out->count);
	return r < 0 ? r : 0;
}

const char *org_called(const struct org_names *n, const struct public_key *org)
{
	for (size_t i = 0; i < n->count; i++)
		if (!memcmp(&n->keys[i], org, sizeof(*org)))
			return org_name_called(&n->names[i]);
	return NULL;
}

const char *org_given(const struct org_names *n, const char *word)
{
	for (size_t i = 0; i < n->count; i++)
		if (!strcmp(n->names[i].given, word))
			return n->names[i].given;
	for (size_t i = 0; i < n->count; i++)
		if (n->names[i].by_alias && !strcmp(n->names[i].alias, word))
			return n->names[i].given;
	return NULL;
}

const char *org_called_by_file(const struct org_names *n, const char *given)
{
	for (size_t i = 0; i < n->count; i++)
		if (!strcmp(n->names[i].given, given))
			return org_name_called(&n->names[i]);
	return given;
}

bool org_alias_free(struct store *s, const struct org_names *n, const struct public_key *org,
		    char out[static MAX_NAME + 1])
{
	struct org_names with = *n;
	char digits[MAX_NAME + 1];
	struct org_name *one;

	if (n->count == TRUST_ORGS || org_called(n, org))
		return false;
	one = &with.names[with.count++];
	org_name_default(org, digits);
	org_name_init(one, org, digits);
	org_alias_said(s, org, one->alias);
	org_names_settle(with.names, with.count);
	memcpy(out, one->alias, sizeof(one->alias));
	return one->by_alias;
}
