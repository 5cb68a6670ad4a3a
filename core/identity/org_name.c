#include "identity/org_name.h"
#include "identity/address.h"

#include <string.h>

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool same(const char *a, const char *b)
{
	while (*a && lower(*a) == lower(*b)) {
		a++;
		b++;
	}
	return lower(*a) == lower(*b);
}

static bool is_digits(const char *name)
{
	size_t n = 0;

	while (name[n] && strchr("0123456789abcdef", lower(name[n])))
		n++;
	return n == 6 && !name[n];
}

bool org_alias_valid(const char *name)
{
	return name_valid(name, strlen(name)) && !strchr(name, '.') && !is_digits(name)
	    && !same(name, "mesh");
}

void org_name_init(struct org_name *n, const struct public_key *org, const char *given)
{
	char digits[MAX_NAME + 1];

	org_name_default(org, digits);
	memset(n, 0, sizeof(*n));
	memcpy(n->given, given, strlen(given) + 1);
	n->nameless = !strcmp(given, digits);
}

/* What a named org calls itself is no name here, and keeps nobody from that name. */
static bool is_free(const struct org_name *names, size_t count, size_t of)
{
	for (size_t i = 0; i < count; i++)
		if (i != of && (same(names[i].given, names[of].alias)
				|| (names[i].nameless && same(names[i].alias, names[of].alias))))
			return false;
	return true;
}

void org_names_settle(struct org_name *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		names[i].by_alias = names[i].nameless && org_alias_valid(names[i].alias)
			&& is_free(names, count, i);
}

const char *org_name_called(const struct org_name *n)
{
	return n->by_alias ? n->alias : n->given;
}
