#include "cli/service_json.h"

#include "linux/loop.h"

#include <stdio.h>
#include <string.h>

static json_t *count_json(const struct report_service *r, bool flows)
{
	uint64_t n = r ? flows ? r->flows : r->packets : 0;

	return r ? json_integer((json_int_t)(n & INT64_MAX)) : json_null();
}

static json_t *make(const struct service_list *l, const char *file, uint32_t number,
		    const struct policy_rule *rule, const char *text, bool covered,
		    const struct service_hits *hits)
{
	static const char *const origins[] = { "peer", "org", "global" };
	const char *origin = l ? origins[l->origin] : "default", *list = l ? l->name : "";
	uint32_t line = rule ? rule->line : 0;
	const struct report_service *r = hits ? service_hits_find(hits, origin, list, line, text)
					      : NULL;

	return json_pack("{s:s, s:s, s:s?, s:i, s:i, s:s, s:b, s:o, s:o}", "origin", origin,
			 "list", list, "file", file, "line", (int)line, "number", (int)number,
			 "rule", text, "covered", covered, "packets", count_json(r, false),
			 "flows", count_json(r, true));
}

json_t *rule_json(const struct services *sv, const struct service_list *l, uint32_t index,
		  const struct service_hits *hits)
{
	const struct policy_rule *rule = &sv->rules[l->first + index];
	char file[sizeof(SERVICES_FOLDER "/") + SERVICES_FILE] = SERVICES_FOLDER "/";
	char text[POLICY_RULE_TEXT], name[SERVICES_FILE];
	size_t by;

	services_file(name, l->origin, l->name);
	memcpy(file + strlen(file), name, strlen(name) + 1);
	policy_rule_format(rule, text);
	return make(l, file, index + 1, rule, text,
		    policy_rules_cover(rule - index, index, rule, &by), hits);
}

json_t *default_json(const struct services *sv, const struct service_hits *hits)
{
	return make(NULL, sv->has_default ? SERVICES_FOLDER "/" SERVICES_DEFAULT : NULL, 0, NULL,
		    policy_default_name(sv->fallback), false, hits);
}

json_t *reason_json(const struct judge *j, const struct policy_verdict *v)
{
	return v->list == POLICY_NONE ? default_json(&j->sv, NULL)
				      : rule_json(&j->sv, &j->sv.lists[v->list], v->rule, NULL);
}

bool add_rules_json(json_t *array, const struct services *sv, const struct service_list *l,
		    const struct service_hits *hits)
{
	for (uint32_t i = 0; l && i < l->count; i++)
		if (json_array_append_new(array, rule_json(sv, l, i, hits)) < 0)
			return false;
	return true;
}

json_t *pending_json(struct store *s)
{
	const struct moment now = clock_now();
	struct services_pending p;
	json_int_t left;

	if (services_pending_read(s, &p) <= 0)
		return json_null();
	left = (json_int_t)span_in_s(services_pending_left(&p, now));
	return json_pack("{s:I, s:I}", "left_s", left, "until", (json_int_t)now.wall.s + left);
}

enum exit_code print_service_json(json_t *object)
{
	bool good = object && json_dumpf(object, stdout, JSON_COMPACT) == 0;

	json_decref(object);
	if (!good)
		return fail(EXIT_FAILED, "there is no memory for the answer, or it cannot be "
			    "written");
	putchar('\n');
	return EXIT_DONE;
}
