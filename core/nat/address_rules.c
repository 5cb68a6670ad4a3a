#include "nat/address_rules.h"

#include <string.h>

struct word { const char *at; size_t len; };

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The next word of the line, and what follows it. */
static struct word next_word(const char **at, const char *end)
{
	struct word w;

	while (*at < end && is_blank(**at))
		++*at;
	w.at = *at;
	while (*at < end && !is_blank(**at))
		++*at;
	w.len = (size_t)(*at - w.at);
	return w;
}

static bool is_word(const struct word *w, const char *text)
{
	return w->len == strlen(text) && !memcmp(w->at, text, w->len);
}

static bool take_line(const char *at, const char *end, struct address_rules *out)
{
	const char *comment = at < end ? memchr(at, '#', (size_t)(end - at)) : NULL;
	struct word action, prefix, more;
	struct prefix p;

	end = comment ? comment : end;
	action = next_word(&at, end);
	prefix = next_word(&at, end);
	more = next_word(&at, end);
	if (!action.len)
		return true;
	if ((!is_word(&action, "allow") && !is_word(&action, "deny")) || more.len ||
	    out->count == ADDRESS_RULES || !prefix_parse(prefix.at, prefix.len, &p))
		return false;
	out->list[out->count].prefix = p;
	out->list[out->count++].allow = is_word(&action, "allow");
	return true;
}

unsigned address_rules_parse(const char *text, size_t len, struct address_rules *out)
{
	struct address_rules rules = { .count = 0 };
	const char *at = text, *end = text + len;

	for (unsigned line = 1; at < end; line++) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		const char *stop = newline ? newline : end;

		if (!take_line(at, stop, &rules))
			return line;
		at = newline ? newline + 1 : end;
	}
	*out = rules;
	return 0;
}

bool address_rules_allow(const struct address_rules *r, const struct ip *ip)
{
	for (unsigned i = 0; i < r->count; i++)
		if (prefix_contains(&r->list[i].prefix, ip))
			return r->list[i].allow;
	return true;
}
