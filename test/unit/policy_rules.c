/* The text of service rules: what is taken, what is refused and why, what is covered. */
#include "policy/rules.h"

#include "base/rng.h"
#include "base/text.h"
#include "tap.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static struct policy_rule rules[POLICY_MAX_RULES + 1];

static struct bytes text(const char *s)
{
	return bytes_of(s, strlen(s));
}

/* One line each; NULL: refused. */
static const struct {
	const char *line, *canonical;
	enum policy_error error;
} lines[] = {
	{ "allow tcp 22", "allow tcp 22", POLICY_OK },
	{ "deny tcp 22", "deny tcp 22", POLICY_OK },
	{ "reject tcp 22", "reject tcp 22", POLICY_OK },
	{ "allow udp 53", "allow udp 53", POLICY_OK },
	{ "allow tcp 8000-9000", "allow tcp 8000-9000", POLICY_OK },
	{ "allow tcp 22-22", "allow tcp 22", POLICY_OK },
	{ "allow tcp 1", "allow tcp 1", POLICY_OK },
	{ "allow tcp 65535", "allow tcp 65535", POLICY_OK },
	{ "allow udp 1-65535", "allow udp 1-65535", POLICY_OK },
	{ "allow tcp all", "allow tcp", POLICY_OK },
	{ "allow tcp", "allow tcp", POLICY_OK },
	{ "reject udp", "reject udp", POLICY_OK },
	{ "allow icmp", "allow icmp", POLICY_OK },
	{ "allow icmp all", "allow icmp", POLICY_OK },
	{ "reject icmp", "reject icmp", POLICY_OK },
	{ "allow all", "allow all", POLICY_OK },
	{ "deny all", "deny all", POLICY_OK },
	{ "reject all", "reject all", POLICY_OK },
	{ "allow all all", "allow all", POLICY_OK },
	{ "allow all 22", "allow all 22", POLICY_OK },
	{ "deny all 8000-9000", "deny all 8000-9000", POLICY_OK },
	{ "  allow tcp 22", "allow tcp 22", POLICY_OK },
	{ "\tallow\ttcp\t22\t", "allow tcp 22", POLICY_OK },
	{ "allow   tcp  \t 22   ", "allow tcp 22", POLICY_OK },
	{ "allow tcp 22 # ssh", "allow tcp 22", POLICY_OK },
	{ "allow tcp 22# ssh", "allow tcp 22", POLICY_OK },
	{ "allow tcp # 22", "allow tcp", POLICY_OK },
	{ "allow tcp 22 # Zugang f\xc3\xbcr alle", "allow tcp 22", POLICY_OK },
	{ "allow tcp 22\r", "allow tcp 22", POLICY_OK },
	{ "allow tcp 22 \r", "allow tcp 22", POLICY_OK },
	{ "allow tcp 22 # ssh\r", "allow tcp 22", POLICY_OK },

	{ "permit tcp 22", NULL, POLICY_BAD_ACTION },
	{ "Allow tcp 22", NULL, POLICY_BAD_ACTION },
	{ "ALLOW tcp 22", NULL, POLICY_BAD_ACTION },
	{ "allo tcp 22", NULL, POLICY_BAD_ACTION },
	{ "allowed tcp 22", NULL, POLICY_BAD_ACTION },
	{ "tcp 22", NULL, POLICY_BAD_ACTION },
	{ "22", NULL, POLICY_BAD_ACTION },
	{ "observe", NULL, POLICY_BAD_ACTION },
	{ "; allow tcp 22", NULL, POLICY_BAD_ACTION },
	{ "allow,tcp,22", NULL, POLICY_BAD_ACTION },
	{ "\xef\xbb\xbf" "allow tcp 22", NULL, POLICY_BAD_ACTION }, /* a byte order mark */
	{ "allow\xc2\xa0tcp 22", NULL, POLICY_BAD_ACTION }, /* a space that does not break */
	{ "allow", NULL, POLICY_NO_PROTO },
	{ "deny", NULL, POLICY_NO_PROTO },
	{ "allow # tcp", NULL, POLICY_NO_PROTO },
	{ "allow 22", NULL, POLICY_BAD_PROTO },
	{ "allow TCP 22", NULL, POLICY_BAD_PROTO },
	{ "allow tcp/22", NULL, POLICY_BAD_PROTO },
	{ "allow tcp, 22", NULL, POLICY_BAD_PROTO },
	{ "allow sctp 22", NULL, POLICY_BAD_PROTO },
	{ "allow icmpv6", NULL, POLICY_BAD_PROTO },
	{ "allow any", NULL, POLICY_BAD_PROTO },
	{ "allow * 22", NULL, POLICY_BAD_PROTO },
	{ "allow tc 22", NULL, POLICY_BAD_PROTO },
	{ "allow tcp 0", NULL, POLICY_BAD_PORT },
	{ "allow tcp 65536", NULL, POLICY_BAD_PORT },
	{ "allow tcp 99999999999999999999", NULL, POLICY_BAD_PORT },
	{ "allow tcp -1", NULL, POLICY_BAD_PORT },
	{ "allow tcp +22", NULL, POLICY_BAD_PORT },
	{ "allow tcp 022", NULL, POLICY_BAD_PORT },
	{ "allow tcp 0x16", NULL, POLICY_BAD_PORT },
	{ "allow tcp 22.0", NULL, POLICY_BAD_PORT },
	{ "allow tcp ssh", NULL, POLICY_BAD_PORT },
	{ "allow tcp any", NULL, POLICY_BAD_PORT },
	{ "allow tcp ALL", NULL, POLICY_BAD_PORT },
	{ "allow tcp 22,443", NULL, POLICY_BAD_PORT },
	{ "allow tcp 22:443", NULL, POLICY_BAD_PORT },
	{ "allow tcp 22-", NULL, POLICY_BAD_PORT },
	{ "allow tcp -22", NULL, POLICY_BAD_PORT },
	{ "allow tcp -", NULL, POLICY_BAD_PORT },
	{ "allow tcp 1-2-3", NULL, POLICY_BAD_PORT },
	{ "allow tcp 0-22", NULL, POLICY_BAD_PORT },
	{ "allow tcp 22-0", NULL, POLICY_BAD_PORT },
	{ "allow tcp 22-65536", NULL, POLICY_BAD_PORT },
	{ "allow tcp 22-all", NULL, POLICY_BAD_PORT },
	{ "allow tcp 22\\", NULL, POLICY_BAD_PORT },
	{ "allow all 0", NULL, POLICY_BAD_PORT },
	{ "allow tcp 9000-8000", NULL, POLICY_BACKWARDS },
	{ "allow all 2-1", NULL, POLICY_BACKWARDS },
	{ "allow icmp 8", NULL, POLICY_ICMP_PORT },
	{ "deny icmp 22-23", NULL, POLICY_ICMP_PORT },
	{ "allow icmp echo", NULL, POLICY_ICMP_PORT },
	{ "allow tcp 22 443", NULL, POLICY_EXTRA_WORD },
	{ "allow tcp 8000 - 9000", NULL, POLICY_EXTRA_WORD },
	{ "allow all all all", NULL, POLICY_EXTRA_WORD },
	{ "allow tcp 22 from node-1", NULL, POLICY_EXTRA_WORD },
	{ "allow tcp 22 ssh", NULL, POLICY_EXTRA_WORD },
	{ "allow tcp 22\v", NULL, POLICY_NOT_TEXT },
	{ "allow tcp\f22", NULL, POLICY_NOT_TEXT },
	{ "allow tcp 22\r\r", NULL, POLICY_NOT_TEXT },
	{ "allow tcp\r22", NULL, POLICY_NOT_TEXT },
	{ "allow tcp 22 \x1b[31m", NULL, POLICY_NOT_TEXT },
	{ "# \x7f", NULL, POLICY_NOT_TEXT },
};

static void a_line_is_a_rule_or_a_mistake(void)
{
	for (size_t i = 0; i < COUNT(lines); i++) {
		struct policy_mistake mistake;
		char out[POLICY_RULE_TEXT];
		size_t count = 9;
		bool good = policy_rules_parse(text(lines[i].line), rules, 8, &count, &mistake);

		if (good != !!lines[i].canonical)
			TAP_FAIL("\"%s\" is %s", lines[i].line, good ? "taken" : "refused");
		eq_int(mistake.error, lines[i].error);
		eq_int(mistake.line, good ? 0 : 1);
		eq_int(count, good);
		if (!good)
			continue;
		eq_int(rules[0].line, 1);
		policy_rule_format(&rules[0], out);
		eq_str(out, lines[i].canonical);
	}
}

/* The words of a command line are judged as those of a file. */
static void a_command_line_is_judged_alike(void)
{
	for (size_t i = 0; i < COUNT(lines); i++) {
		char copy[64], out[POLICY_RULE_TEXT];
		const char *words[16];
		size_t count = 0;
		struct policy_rule r = { .line = 77 };
		enum policy_error error;

		if (strpbrk(lines[i].line, "#\r\f\v\x1b"))
			continue;
		snprintf(copy, sizeof(copy), "%s", lines[i].line);
		for (char *w = strtok(copy, " \t"); w; w = strtok(NULL, " \t"))
			words[count++] = w;
		error = policy_rule_parse(words, count, &r);
		eq_int(error, lines[i].error);
		eq_int(r.line, error ? 77 : 0);
		if (error)
			continue;
		policy_rule_format(&r, out);
		eq_str(out, lines[i].canonical);
	}
	eq_int(policy_rule_parse(NULL, 0, &rules[0]), POLICY_NO_RULE);
}

static void a_file_keeps_order_and_lines(void)
{
	const char *file = "# what node-1 may reach\r\n"
			   "\r\n"
			   "allow tcp 5432\r\n"
			   "   \t \n"
			   "  # nothing else\n"
			   "allow all 53 # names\n"
			   "\n"
			   "deny all";
	struct policy_mistake mistake;
	size_t count;

	ok(policy_rules_parse(text(file), rules, 3, &count, &mistake));
	eq_int(count, 3);
	eq_int(rules[0].line, 3);
	eq_int(rules[0].action, POLICY_ALLOW);
	eq_int(rules[0].proto, POLICY_TCP);
	eq_int(rules[0].first, 5432);
	eq_int(rules[0].last, 5432);
	eq_int(rules[1].line, 6);
	eq_int(rules[1].proto, POLICY_ALL);
	eq_int(rules[2].line, 8);
	eq_int(rules[2].action, POLICY_DENY);
	eq_int(rules[2].first, 0);
	eq_int(rules[2].last, 65535);
	ok(policy_rules_parse(text(""), rules, 3, &count, &mistake));
	eq_int(count, 0);
	ok(policy_rules_parse(text("\n\n#\n"), rules, 3, &count, &mistake));
	eq_int(count, 0);
}

static void one_bad_line_refuses_the_file(void)
{
	struct policy_mistake mistake;
	size_t count = 7;

	ok(!policy_rules_parse(text("allow tcp 22\n\nallow tpc 443\nallow tcp x\n"), rules, 9,
			       &count, &mistake));
	eq_int(count, 0);
	eq_int(mistake.error, POLICY_BAD_PROTO);
	eq_int(mistake.line, 3);
	ok(!policy_rules_parse(bytes_of("allow tcp 22\nallow\0tcp 2\n", 25), rules, 9, &count,
			       &mistake));
	eq_int(mistake.error, POLICY_NOT_TEXT);
	eq_int(mistake.line, 2);
	ok(!policy_rules_parse(bytes_of("allow tcp 22\n#\0\n", 16), rules, 9, &count, &mistake));
	eq_int(mistake.error, POLICY_NOT_TEXT);
}

static void a_file_is_bounded(void)
{
	static char file[POLICY_MAX_TEXT + 1];
	struct text t = text_of(file, sizeof(file));
	struct policy_mistake mistake;
	size_t count;

	for (unsigned i = 0; i < POLICY_MAX_RULES; i++)
		text_add(&t, "allow tcp 22\n");
	ok(policy_rules_parse(bytes_of(file, t.len), rules, COUNT(rules), &count, &mistake));
	eq_int(count, POLICY_MAX_RULES);
	ok(!policy_rules_parse(bytes_of(file, t.len), rules, POLICY_MAX_RULES - 1, &count,
			       &mistake));
	eq_int(mistake.error, POLICY_TOO_MANY);
	eq_int(mistake.line, POLICY_MAX_RULES);
	text_add(&t, "deny all");
	ok(!policy_rules_parse(bytes_of(file, t.len), rules, COUNT(rules), &count, &mistake));
	eq_int(mistake.error, POLICY_TOO_MANY);
	eq_int(mistake.line, POLICY_MAX_RULES + 1);

	memset(file, '\n', sizeof(file));
	ok(policy_rules_parse(bytes_of(file, POLICY_MAX_TEXT), rules, 1, &count, &mistake));
	ok(!policy_rules_parse(bytes_of(file, POLICY_MAX_TEXT + 1), rules, 1, &count, &mistake));
	eq_int(mistake.error, POLICY_TOO_LONG);
	eq_int(mistake.line, 0);
}

static void the_default_is_one_word(void)
{
	static const struct {
		const char *text;
		int value; /* -1: refused */
		enum policy_error error;
		uint32_t line;
	} rows[] = {
		{ "allow\n", POLICY_DEFAULT_ALLOW, POLICY_OK, 0 },
		{ "deny", POLICY_DEFAULT_DENY, POLICY_OK, 0 },
		{ "observe\r\n", POLICY_DEFAULT_OBSERVE, POLICY_OK, 0 },
		{ "# for now\n\n  deny # strict\n\n", POLICY_DEFAULT_DENY, POLICY_OK, 0 },
		{ "", -1, POLICY_NO_DEFAULT, 0 },
		{ "# deny\n", -1, POLICY_NO_DEFAULT, 0 },
		{ "reject\n", -1, POLICY_BAD_DEFAULT, 1 },
		{ "Deny\n", -1, POLICY_BAD_DEFAULT, 1 },
		{ "\ndeny all\n", -1, POLICY_EXTRA_WORD, 2 },
		{ "deny\ndeny\n", -1, POLICY_EXTRA_WORD, 2 },
		{ "allow\ndeny\n", -1, POLICY_EXTRA_WORD, 2 },
		{ "allow\x01\n", -1, POLICY_NOT_TEXT, 1 },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		enum policy_default value = 7;
		struct policy_mistake mistake;
		bool good = policy_default_parse(text(rows[i].text), &value, &mistake);

		eq_int(good, rows[i].value >= 0);
		eq_int((int)value, good ? rows[i].value : 7);
		eq_int(mistake.error, rows[i].error);
		eq_int(mistake.line, rows[i].line);
	}
}

static struct policy_rule rule(const char *line)
{
	struct policy_mistake mistake;
	struct policy_rule r = { 0 };
	size_t count;

	ok(policy_rules_parse(text(line), &r, 1, &count, &mistake));
	return r;
}

static void one_rule_covers_another(void)
{
	static const struct {
		const char *a, *b;
		bool covers;
	} rows[] = {
		{ "deny all", "allow tcp 22", true },
		{ "deny all", "allow all", true },
		{ "deny all", "allow icmp", true },
		{ "deny all", "allow all 22", true },
		{ "allow tcp", "deny tcp 22", true },
		{ "allow tcp", "deny tcp", true },
		{ "allow tcp", "deny udp 22", false },
		{ "allow tcp", "deny all 22", false },
		{ "allow tcp", "deny all", false },
		{ "allow all 22", "deny tcp 22", true },
		{ "allow all 22", "deny udp 22", true },
		{ "allow all 22", "deny icmp", false },
		{ "allow all 1-65535", "deny all", false },
		{ "allow all 1-65535", "deny tcp", false }, /* port 0 */
		{ "allow tcp 1-100", "deny tcp 50", true },
		{ "allow tcp 1-100", "deny tcp 100", true },
		{ "allow tcp 1-100", "deny tcp 101", false },
		{ "allow tcp 2-100", "deny tcp 1", false },
		{ "allow tcp 1-100", "deny tcp 50-101", false },
		{ "allow icmp", "deny icmp", true },
		{ "allow icmp", "deny all", false },
		{ "allow tcp 22", "allow tcp 22", true },
		{ "allow tcp 65535", "deny tcp 65535", true },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct policy_rule a = rule(rows[i].a), b = rule(rows[i].b);

		if (policy_rule_covers(&a, &b) != rows[i].covers)
			TAP_FAIL("\"%s\" over \"%s\"", rows[i].a, rows[i].b);
	}
}

static void several_rules_cover_together(void)
{
	static const struct {
		const char *file, *b;
		int by; /* -1: not covered */
	} rows[] = {
		{ "allow tcp 101-200\nallow tcp 1-100\n", "deny tcp 50-150", 2 },
		{ "allow tcp 102-200\nallow tcp 1-100\n", "deny tcp 50-150", -1 },
		{ "allow tcp 22\nallow udp 22\n", "deny all 22", 2 },
		{ "allow tcp 22\nallow udp 22\n", "deny udp 22", 1 },
		{ "allow tcp\nallow udp\nallow icmp\n", "deny all", -1 }, /* GRE is left */
		{ "allow tcp\nallow udp\nallow all\n", "deny all", 2 },
		{ "allow tcp 30000-65535\nallow udp\nallow tcp 1-29999", "allow all 1-65535", 3 },
		{ "", "allow all", -1 },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct policy_mistake mistake;
		struct policy_rule b = rule(rows[i].b);
		size_t count, by = 99;
		bool covered;

		ok(policy_rules_parse(text(rows[i].file), rules, 9, &count, &mistake));
		covered = policy_rules_cover(rules, count, &b, &by);
		eq_int(covered, rows[i].by >= 0);
		eq_int(by, covered ? rows[i].by : 99);
	}
}

/* In a world of eight ports that are all that rules name. */
static bool naive_takes(const struct policy_rule *r, unsigned what)
{
	if (what == 16)
		return r->proto == POLICY_ICMP || (r->proto == POLICY_ALL && !r->first);
	if (what == 17)
		return r->proto == POLICY_ALL && !r->first;
	if (r->proto != POLICY_ALL && r->proto != (what < 8 ? POLICY_TCP : POLICY_UDP))
		return false;
	return what % 8 >= r->first && what % 8 <= r->last;
}

static void covering_is_what_matching_says(void)
{
	struct rng rng;
	unsigned covered = 0;

	rng_init(&rng, 28);
	for (unsigned turn = 0; turn < 20000; turn++) {
		size_t count = rng_below(&rng, 7), by = 99;
		bool left = false;

		for (size_t i = 0; i <= count; i++) {
			uint16_t a = (uint16_t)(1 + rng_below(&rng, 7));
			uint16_t b = (uint16_t)(1 + rng_below(&rng, 7));

			rules[i] = (struct policy_rule){ .proto = (uint8_t)rng_below(&rng, 4),
				.first = a < b ? a : b, .last = a < b ? b : a };
			if (rules[i].proto == POLICY_ICMP || !rng_below(&rng, 4))
				rules[i].first = 0, rules[i].last = 65535;
		}
		for (unsigned what = 0; what < 18; what++) {
			bool taken = false;

			for (size_t i = 0; i < count; i++)
				taken |= naive_takes(&rules[i], what);
			left |= naive_takes(&rules[count], what) && !taken;
		}
		/* all ports are more than the eight: then one rule of all ports must be there */
		if (!rules[count].first && !left)
			for (unsigned p = POLICY_TCP; p <= POLICY_UDP; p++) {
				bool all = rules[count].proto != p &&
					   rules[count].proto != POLICY_ALL;

				for (size_t i = 0; i < count; i++)
					all |= !rules[i].first && (rules[i].proto == p ||
								   rules[i].proto == POLICY_ALL);
				left |= !all;
			}
		if (policy_rules_cover(rules, count, &rules[count], &by) == left)
			TAP_FAIL("turn %u", turn);
		covered += !left;
	}
	ok(covered > 1000);
}

static void every_mistake_has_its_words(void)
{
	for (enum policy_error e = POLICY_OK; e < POLICY_ERRORS; e++)
		ok(policy_error_text(e) && strlen(policy_error_text(e)) > 10);
	eq_str(policy_action_name(POLICY_REJECT), "reject");
	eq_str(policy_proto_name(POLICY_ALL), "all");
	eq_str(policy_default_name(POLICY_DEFAULT_OBSERVE), "observe");
}

TAP_TESTS(T(a_line_is_a_rule_or_a_mistake), T(a_command_line_is_judged_alike),
	  T(a_file_keeps_order_and_lines), T(one_bad_line_refuses_the_file), T(a_file_is_bounded),
	  T(the_default_is_one_word), T(one_rule_covers_another), T(several_rules_cover_together),
	  T(covering_is_what_matching_says), T(every_mistake_has_its_words))
