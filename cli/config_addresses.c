#include "cli/config_addresses.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const words[] = { "deny", "allow" };

void config_addresses_read(struct config_addresses *c, struct store *s)
{
	static char text[ADDRESS_RULES * 128];
	unsigned line;
	ssize_t n;

	*c = (struct config_addresses){ .problem = "" };
	if (s->dir < 0)
		return;
	n = store_read(s, "addresses", text, sizeof(text), 0);
	if (n == -ENOENT)
		return;
	if (n < 0) {
		snprintf(c->problem, sizeof(c->problem), "%s", s->error);
		return;
	}
	line = address_rules_parse(text, (size_t)n, &c->rules);
	if (line)
		snprintf(c->problem, sizeof(c->problem), "%s/addresses:%u: it must be: allow "
			 "PREFIX, or: deny PREFIX; at most %u of them", s->path, line,
			 ADDRESS_RULES);
}

void config_addresses_print(const struct config_addresses *c, const struct screen *s)
{
	struct table t = { .columns = 2 };
	char prefix[PREFIX_TEXT];

	if (c->problem[0]) {
		puts("\naddress rules");
		put(s, RED, "unusable: ");
		puts(c->problem);
		return;
	}
	for (unsigned i = 0; i < c->rules.count; i++) {
		prefix_format(&c->rules.list[i].prefix, prefix);
		table_add(&t, PLAIN, words[c->rules.list[i].allow]);
		table_add(&t, PLAIN, prefix);
	}
	if (!t.count)
		return;
	puts("\naddress rules, the first that fits decides; all else is allowed");
	table_print(&t, s);
}

bool config_addresses_json(const struct config_addresses *c, json_t *root, json_t *unusable)
{
	json_t *list = json_array();
	char prefix[PREFIX_TEXT];
	int bad = 0;

	for (unsigned i = 0; i < c->rules.count; i++) {
		prefix_format(&c->rules.list[i].prefix, prefix);
		bad |= json_array_append_new(list, json_pack("{s:s, s:s}", "rule",
					     words[c->rules.list[i].allow], "prefix", prefix));
	}
	if (c->problem[0])
		bad |= json_array_append_new(unusable, json_pack("{s:s, s:s}", "name", "addresses",
								 "problem", c->problem));
	bad |= json_object_set_new(root, "address_rules", list);
	return bad == 0;
}
