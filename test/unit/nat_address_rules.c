/* Which addresses are told and tried: the text of the rules, and what they say. */
#include "nat/address_rules.h"
#include "tap.h"

static struct address_rules r;

static unsigned parse(const char *text)
{
	return address_rules_parse(text, strlen(text), &r);
}

static bool allows(const char *text)
{
	struct ip ip = { 0 };

	ok(ip_parse(text, strlen(text), &ip));
	return address_rules_allow(&r, &ip);
}

static void the_first_that_contains_it_decides(void)
{
	eq_int(parse("# docker\nallow 172.17.9.0/24\n\tdeny 172.16.0.0/12 # all others\r\n"
		     "deny fd00::/8\n\nallow 0.0.0.0/0\ndeny 10.0.0.1"), 0);
	eq_int(r.count, 5);
	ok(allows("172.17.9.1"));
	ok(!allows("172.17.8.1"));
	ok(!allows("fd12::1"));
	ok(allows("10.0.0.1"));
	ok(allows("2a01::1")); /* none contains it */
}

static void nothing_denied_is_all_allowed(void)
{
	eq_int(parse(""), 0);
	eq_int(r.count, 0);
	ok(allows("10.0.0.1"));
}

static void a_bad_line_is_named_and_nothing_is_taken(void)
{
	static const struct { const char *text; unsigned line; } rows[] = {
		{ "deny", 1 }, { "deny 10.0.0.0/33", 1 }, { "\n\nDeny 10.0.0.0/8", 3 },
		{ "deny 10.0.0.0/8 x", 1 }, { "allow 10.0.0.0/8\nrefuse 10.0.0.0/8", 2 },
		{ "10.0.0.0/8", 1 }, { "deny name", 1 },
	};
	char many[(ADDRESS_RULES + 1) * 14 + 1] = "";

	eq_int(parse("deny 10.0.0.0/8"), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		eq_int(parse(rows[i].text), rows[i].line);
		eq_int(r.count, 1);
	}
	for (unsigned i = 0; i <= ADDRESS_RULES; i++)
		strcat(many, "deny 10.1.2.3\n");
	eq_int(parse(many), ADDRESS_RULES + 1);
	eq_int(address_rules_parse(many, ADDRESS_RULES * 14, &r), 0);
	eq_int(r.count, ADDRESS_RULES);
}

TAP_TESTS(T(the_first_that_contains_it_decides), T(nothing_denied_is_all_allowed),
	  T(a_bad_line_is_named_and_nothing_is_taken))
