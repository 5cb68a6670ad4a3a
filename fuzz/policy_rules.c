/* The text of service rules: what is taken, is written in a form that means the same; and a rule
 * that is said to be covered is never the first that matches. */
#include "base/bug.h"
#include "policy/rules.h"

#include <string.h>

#define MOST 64u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_written(const struct policy_rule *r)
{
	char text[POLICY_RULE_TEXT];
	struct policy_rule again;
	struct policy_mistake mistake;
	size_t count;

	policy_rule_format(r, text);
	BUG_ON(!policy_rules_parse(bytes_of(text, strlen(text)), &again, 1, &count, &mistake));
	BUG_ON(count != 1 || again.line != 1 || !policy_rule_equal(r, &again));
}

static bool takes(const struct policy_rule *r, enum policy_proto proto, uint16_t port)
{
	return (r->proto == proto || r->proto == POLICY_ALL) && port >= r->first && port <= r->last;
}

static void check_covered(const struct policy_rule *rules, size_t count)
{
	const struct policy_rule *b = &rules[count];
	const uint16_t ports[] = { b->first, (uint16_t)((b->first + b->last) / 2), b->last };
	size_t by;

	if (!policy_rules_cover(rules, count, b, &by))
		return;
	BUG_ON(by < count && !policy_rule_covers(&rules[by], b));
	for (unsigned proto = POLICY_TCP; proto <= POLICY_UDP; proto++) {
		for (size_t p = 0; p < 3; p++) {
			size_t i = 0;

			while (!takes(&rules[i], proto, ports[p]) && i < count)
				i++;
			BUG_ON(i == count && takes(b, proto, ports[p]));
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct policy_rule rules[POLICY_MAX_RULES];
	struct bytes text = bytes_of(data, size);
	struct policy_mistake mistake;
	enum policy_default value;
	size_t count;

	if (policy_rules_parse(text, rules, POLICY_MAX_RULES, &count, &mistake))
		BUG_ON(mistake.error || mistake.line);
	else
		BUG_ON(count || !mistake.error || !policy_error_text(mistake.error));
	for (size_t i = 0; i < count; i++)
		check_written(&rules[i]);
	for (size_t i = 0; i < count && i < MOST; i++)
		check_covered(rules, i);
	if (policy_default_parse(text, &value, &mistake))
		BUG_ON(!policy_default_name(value));
	return 0;
}
