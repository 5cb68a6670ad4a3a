/* service_judge.c - the rules of the files, asked as packets are: by the room that judges those. */
#include "cli/service.h"

#include <stdio.h>
#include <stdlib.h>

enum exit_code judge_compile(struct judge *j)
{
	struct policy_capacity c = { 1, j->sv.list_count + 1, j->sv.rule_count + 1 };
	void *memory = calloc(1, policy_size(&c));

	if (!memory)
		return fail(EXIT_FAILED, "there is no memory for the rules");
	j->policy = policy_init(memory, &c);
	policy_set_default(j->policy, j->sv.fallback);
	for (uint32_t i = 0; i < j->sv.list_count; i++) {
		const struct service_list *l = &j->sv.lists[i];
		uint32_t id = policy_add(j->policy, l->origin, l->name, j->sv.rules + l->first,
					 l->count);

		BUG_ON(id != i);
	}
	return EXIT_DONE;
}

enum exit_code judge_open(struct store *s, struct judge *j)
{
	enum exit_code code = read_services(s, &j->sv);

	j->policy = NULL;
	return code == EXIT_DONE ? judge_compile(j) : code;
}

void judge_close(struct judge *j)
{
	free(j->policy);
	services_free(&j->sv);
}

void judge_ask(const struct judge *j, const struct service_list *own,
	       const char orgs[][MAX_NAME + 1], unsigned org_count, enum policy_kind kind,
	       uint16_t port, struct policy_verdict *v)
{
	uint32_t lists[REPORT_MEMBERSHIPS], count = 0;

	for (unsigned i = 0; i < org_count && i < REPORT_MEMBERSHIPS; i++) {
		const struct service_list *l = services_find(&j->sv, POLICY_FROM_ORG, orgs[i]);

		if (l)
			lists[count++] = (uint32_t)(l - j->sv.lists);
	}
	policy_judge_as(j->policy, own ? (uint32_t)(own - j->sv.lists) : POLICY_NONE, lists,
			count, kind, port, v);
}

void judge_reason(const struct judge *j, const struct policy_verdict *v,
		  char out[static SERVICE_RULE])
{
	const struct service_list *l;

	if (v->list == POLICY_NONE) {
		snprintf(out, SERVICE_RULE, "%s: %s", j->sv.has_default
			 ? SERVICES_FOLDER "/" SERVICES_DEFAULT : "default",
			 policy_default_name(j->sv.fallback));
		return;
	}
	l = &j->sv.lists[v->list];
	format_rule(l, &j->sv.rules[l->first + v->rule], out);
}

const char *verdict_word(const struct policy_verdict *v)
{
	static const char *const words[] = { "allowed", "denied", "rejected" };

	return words[v->action];
}
