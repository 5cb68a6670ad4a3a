/* service_show.c - service list and service show: the rules as they are written. */
#include "cli/format.h"
#include "cli/org_names.h"
#include "cli/service_json.h"

#include <stdio.h>
#include <string.h>

static const char *default_source(const struct services *sv)
{
	if (sv->has_default)
		return SERVICES_FOLDER "/" SERVICES_DEFAULT;
	return sv->is_there ? "there is no " SERVICES_FOLDER "/" SERVICES_DEFAULT
			    : "there are no service rules";
}

static const struct service_hits no_hits;
static struct org_names org_names;

static void print_default(const struct services *sv, const struct service_hits *hits,
			  const struct screen *s)
{
	fputs("default  ", stdout);
	put(s, BOLD, policy_default_name(sv->fallback));
	printf("  (%s)", default_source(sv));
	service_hits_print(hits, "default", "", 0, "");
	putchar('\n');
}

/* The file of an org has the name that it was given here, or its digits. */
static const char *called(const struct service_list *l)
{
	const char *name = l->origin == POLICY_FROM_ORG ? org_called_by_file(&org_names, l->name)
							: l->name;

	return strcmp(name, l->name) ? name : "";
}

static void print_covered(const struct services *sv, const struct service_list *l, uint32_t index,
			  const struct screen *s)
{
	const struct policy_rule *rules = &sv->rules[l->first];
	char text[80] = "  never matches: those before it leave nothing";
	size_t by;

	if (!policy_rules_cover(rules, index, &rules[index], &by))
		return;
	if (by < index)
		snprintf(text, sizeof(text), "  never matches: rule %zu covers it", by + 1);
	put(s, YELLOW, text);
}

static void print_list(const struct services *sv, const struct service_list *l,
		       const struct service_hits *hits, const struct screen *s)
{
	static const char *const kinds[] = { "peer", "org", "global" };
	char file[SERVICES_FILE], rule[POLICY_RULE_TEXT];

	services_file(file, l->origin, l->name);
	fputs(kinds[l->origin], stdout);
	putchar(' ');
	put(s, BOLD, l->name);
	if (called(l)[0])
		printf(" called %s", called(l));
	printf("%s(" SERVICES_FOLDER "/%s)\n", l->name[0] ? " " : "", file);
	for (uint32_t i = 0; i < l->count; i++) {
		const struct policy_rule *r = &sv->rules[l->first + i];

		policy_rule_format(r, rule);
		printf("  %3u  %s", i + 1, rule);
		service_hits_print(hits, kinds[l->origin], l->name, r->line, rule);
		print_covered(sv, l, i, s);
		putchar('\n');
	}
	if (!l->count)
		puts("  no rules");
}

static void print_all(const struct services *sv, const struct service_hits *hits,
		      const struct screen *s)
{
	print_default(sv, hits, s);
	/* The global list, which is the last, concerns everybody. */
	for (uint32_t i = sv->list_count; i-- > 0; )
		if (sv->lists[i].origin == POLICY_FROM_GLOBAL)
			print_list(sv, &sv->lists[i], hits, s);
	for (uint32_t i = 0; i < sv->list_count; i++)
		if (sv->lists[i].origin != POLICY_FROM_GLOBAL)
			print_list(sv, &sv->lists[i], hits, s);
}

/* `only`: of one list; NULL and all: of all of them, the global one first. */
static enum exit_code list_json(struct store *s, const struct services *sv,
				const struct service_hits *hits, bool all,
				const struct service_list *only)
{
	json_t *rules = json_array();
	bool good = rules != NULL;

	for (uint32_t turn = 0; turn < 2 && all; turn++)
		for (uint32_t i = 0; good && i < sv->list_count; i++)
			if ((sv->lists[i].origin != POLICY_FROM_GLOBAL) == turn)
				good = add_rules_json(rules, sv, &sv->lists[i], hits);
	good = good && add_rules_json(rules, sv, only, hits);
	if (!good) {
		json_decref(rules);
		rules = NULL;
	}
	return print_service_json(json_pack("{s:i, s:o, s:o, s:o}", "version", SERVICE_JSON,
					    "rules", rules, "default", default_json(sv, hits),
					    "pending", pending_json(s)));
}

static void list_text(struct store *s, const struct services *sv, const struct service_hits *hits,
		      const struct target *t, const struct service_list *one)
{
	struct screen screen = screen_of(stdout);

	if (t->origin == POLICY_FROM_GLOBAL)
		print_all(sv, hits, &screen);
	else if (one)
		print_list(sv, one, hits, &screen);
	else
		printf("%s has no rules of its own\n", t->label);
	service_pending_print(s);
}

enum exit_code service_list(struct store *s, const struct arguments *a, const char *const *words,
			    unsigned count)
{
	const struct service_list *one;
	struct service_hits hits;
	const char *interface;
	struct services sv;
	struct target t;
	enum exit_code code;

	(void)words;
	(void)count;
	if (!chosen_interface(a, &interface))
		return EXIT_USAGE;
	code = find_target(s, a, &t);
	if (code == EXIT_DONE)
		code = read_services(s, &sv);
	if (code != EXIT_DONE)
		return code;
	if (org_names_read(s, &org_names) < 0)
		org_names.count = 0;
	service_hits_read(&hits, interface, s);
	one = services_find(&sv, t.origin, t.name);
	if (has_option(a, "json"))
		code = list_json(s, &sv, &hits, t.origin == POLICY_FROM_GLOBAL,
				 t.origin == POLICY_FROM_GLOBAL ? NULL : one);
	else
		list_text(s, &sv, &hits, &t, one);
	service_hits_free(&hits);
	services_free(&sv);
	return code;
}

/* --- show */

static void print_summary(const struct services *sv, const struct screen *s)
{
	const struct service_list *global = services_find(sv, POLICY_FROM_GLOBAL, "");
	unsigned counts[POLICY_FROM_GLOBAL + 1] = { 0 };

	for (uint32_t i = 0; i < sv->list_count; i++)
		counts[sv->lists[i].origin]++;
	print_default(sv, &no_hits, s);
	if (global)
		print_list(sv, global, &no_hits, s);
	else
		puts("global rules: none");
	printf("peer policies: %u\norg policies: %u\n", counts[POLICY_FROM_PEER],
	       counts[POLICY_FROM_ORG]);
}

static void print_in_order(const struct services *sv, const struct service_list *l)
{
	char text[SERVICE_RULE];

	for (uint32_t i = 0; l && i < l->count; i++) {
		format_rule(l, &sv->rules[l->first + i], text);
		printf("  %s\n", text);
	}
}

static void print_effective(const struct services *sv, const struct peer *p, const char *called,
			    const struct orgs_asked *orgs)
{
	printf("%s%s%s: the first rule that matches counts\n", called,
	       orgs->count ? " as a member of " : "", orgs->called);
	print_in_order(sv, list_of_peer(sv, p));
	for (unsigned i = 0; i < orgs->count; i++)
		print_in_order(sv, services_find(sv, POLICY_FROM_ORG, orgs->given[i]));
	print_in_order(sv, services_find(sv, POLICY_FROM_GLOBAL, ""));
	printf("  default: %s (%s)\n", policy_default_name(sv->fallback), default_source(sv));
}

static enum exit_code summary_json(struct store *s, const struct services *sv)
{
	const struct service_list *global = services_find(sv, POLICY_FROM_GLOBAL, "");
	unsigned counts[POLICY_FROM_GLOBAL + 1] = { 0 };
	json_t *rules = json_array();

	for (uint32_t i = 0; i < sv->list_count; i++)
		counts[sv->lists[i].origin]++;
	if (rules && !add_rules_json(rules, sv, global, NULL)) {
		json_decref(rules);
		rules = NULL;
	}
	return print_service_json(json_pack(
		"{s:i, s:o, s:o, s:i, s:i, s:o}", "version", SERVICE_JSON, "rules", rules,
		"default", default_json(sv, NULL), "peer_policies", (int)counts[POLICY_FROM_PEER],
		"org_policies", (int)counts[POLICY_FROM_ORG], "pending", pending_json(s)));
}

static enum exit_code effective_json(struct store *s, const struct services *sv,
				     const struct peer *p, const char *called,
				     const struct orgs_asked *orgs)
{
	const struct service_list *lists[REPORT_MEMBERSHIPS + 2] = { list_of_peer(sv, p) };
	unsigned count = 1;
	json_t *rules = json_array();

	for (unsigned i = 0; i < orgs->count; i++)
		lists[count++] = services_find(sv, POLICY_FROM_ORG, orgs->given[i]);
	lists[count++] = services_find(sv, POLICY_FROM_GLOBAL, "");
	for (unsigned i = 0; rules && i < count; i++) {
		if (add_rules_json(rules, sv, lists[i], NULL))
			continue;
		json_decref(rules);
		rules = NULL;
	}
	return print_service_json(json_pack("{s:i, s:s, s:s?, s:o, s:o, s:o}", "version",
					    SERVICE_JSON, "peer", called, "org",
					    orgs->count ? orgs->called : NULL, "rules",
					    rules, "default", default_json(sv, NULL), "pending",
					    pending_json(s)));
}

static enum exit_code show(struct store *s, const struct services *sv, const struct peer *p,
			   const char *called, const struct arguments *a)
{
	struct orgs_asked orgs = { .count = 0 };
	struct screen screen = screen_of(stdout);

	if (called)
		orgs_asked(s, a, p, &orgs);
	if (has_option(a, "json"))
		return called ? effective_json(s, sv, p, called, &orgs) : summary_json(s, sv);
	if (called)
		print_effective(sv, p, called, &orgs);
	else
		print_summary(sv, &screen);
	service_pending_print(s);
	return EXIT_DONE;
}

enum exit_code service_show(struct store *s, const struct arguments *a, const char *const *words,
			    unsigned count)
{
	const char *org = option_text(a, "org", NULL);
	struct services sv;
	struct peer p = { 0 };
	struct target t;
	enum exit_code code = find_target(s, a, &t); /* the org */

	if (code == EXIT_DONE && org && !count)
		code = fail(EXIT_USAGE, "service show --org: whose rules? meshguard service show "
			    "PEER --org NAME");
	if (code == EXIT_DONE && count)
		code = find_peer(s, words[0], &p);
	if (code != EXIT_DONE)
		return code;
	code = read_services(s, &sv);
	if (code == EXIT_DONE && count && !p.trusted && !p.by_key && !org
	    && !has_option(a, "force") && !list_of_peer(&sv, &p))
		code = nobody_known(s, POLICY_FROM_PEER, words[0]);
	else if (code == EXIT_DONE)
		code = show(s, &sv, &p, count ? words[0] : NULL, a);
	services_free(&sv);
	return code;
}
