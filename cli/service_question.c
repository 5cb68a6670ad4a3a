#include "cli/service_question.h"

#include <stdio.h>
#include <string.h>

enum exit_code read_question(const char *const *words, unsigned count, struct question *q)
{
	const char *rule[3] = { "allow", words[0], count > 1 ? words[1] : NULL };
	char text[POLICY_RULE_TEXT];
	struct policy_rule r;
	enum policy_error wrong = policy_rule_parse(rule, count + 1, &r);

	if (wrong)
		return fail(EXIT_USAGE, "%s; see: meshguard help service",
			    policy_error_text(wrong));
	*q = (struct question){ .port = r.first };
	policy_rule_format(&r, text);
	snprintf(q->text, sizeof(q->text), "%s", text + strlen("allow "));
	if (r.proto == POLICY_ICMP || (r.proto == POLICY_ALL && r.first == 0)) {
		q->kind = r.proto == POLICY_ICMP ? POLICY_IS_ICMP : POLICY_IS_OTHER;
		return EXIT_DONE;
	}
	q->kind = r.proto == POLICY_TCP ? POLICY_IS_TCP : POLICY_IS_UDP;
	if (r.proto == POLICY_ALL || r.first != r.last)
		return fail(EXIT_USAGE, "\"%s\" is not one service: ask for tcp or udp and one "
			    "port, or for icmp", q->text);
	return EXIT_DONE;
}

json_t *question_json(const struct question *q)
{
	static const char *const protocols[] = {
		[POLICY_IS_TCP] = "tcp", [POLICY_IS_UDP] = "udp", [POLICY_IS_ICMP] = "icmp",
		[POLICY_IS_OTHER] = "all",
	};
	bool has_port = q->kind == POLICY_IS_TCP || q->kind == POLICY_IS_UDP;

	return json_pack("{s:s, s:o}", "protocol", protocols[q->kind], "port",
			 has_port ? json_integer(q->port) : json_null());
}
