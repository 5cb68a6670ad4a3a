/* service_explain.c - service explain: what the rules mean for a peer, asked of the room that
 * judges packets. Whose members an org has is in no file here: certificates are shown when peers
 * meet. So a running daemon is asked of which orgs a peer is a member, or --org says so. */
#include "cli/service_question.h"

#include <stdio.h>
#include <string.h>

/* True if the peer is let in at all, as far as files tell; says why. */
static bool print_admission(struct store *s, const struct peer *p, const struct orgs_asked *orgs)
{
	char name[NAME_MAX + 1] = "";

	fputs("  trust    ", stdout);
	if (p->has_key && find_twin(s, DENIED_FOLDER, &p->key, name) == 0 && name[0])
		printf(DENIED_FOLDER "/%s.pub keeps this key out\n", name);
	else if (p->has_key && p->trusted)
		printf(TRUST_FOLDER "/%s.pub\n", p->alias);
	else if (p->trusted)
		printf(TRUST_FOLDER "/%s.pub holds no usable key\n", p->alias);
	else if (orgs->count)
		printf("as a member of the org %s\n", orgs->called);
	else
		puts("not trusted by itself; an org may let it in");
	return !name[0] && (!p->trusted || p->has_key);
}

/* One step: what this list has to say. */
static void print_step(const struct judge *j, const char *title, const struct service_list *l,
		       const struct policy_verdict *v)
{
	char file[SERVICES_FILE], reason[SERVICE_RULE];

	printf("  %-8s ", title);
	if (!l) {
		puts("no rules");
		return;
	}
	services_file(file, l->origin, l->name);
	judge_reason(j, v, reason);
	if (v->list == (uint32_t)(l - j->sv.lists))
		puts(reason);
	else
		printf(SERVICES_FOLDER "/%s: no rule matches\n", file);
}

static void print_steps(const struct judge *j, const struct peer *p, const struct orgs_asked *orgs,
			const struct policy_verdict *v)
{
	struct step { const char *title; const struct service_list *list; } steps[] = {
		{ "peer", list_of_peer(&j->sv, p) },
		{ "org", NULL }, { "org", NULL }, { "org", NULL }, { "org", NULL },
		{ "global", services_find(&j->sv, POLICY_FROM_GLOBAL, "") },
	};
	char reason[SERVICE_RULE];

	_Static_assert(sizeof(steps) / sizeof(*steps) == REPORT_MEMBERSHIPS + 2, "all have room");
	for (unsigned i = 0; i < orgs->count; i++)
		steps[1 + i].list = services_find(&j->sv, POLICY_FROM_ORG, orgs->given[i]);
	/* What comes after the rule that decides is not asked. */
	for (unsigned i = 0; i < REPORT_MEMBERSHIPS + 2; i++) {
		if (i > 1 && i < REPORT_MEMBERSHIPS + 1 && i > orgs->count)
			continue;
		print_step(j, steps[i].title, steps[i].list, v);
		if (steps[i].list && v->list == (uint32_t)(steps[i].list - j->sv.lists))
			return;
	}
	judge_reason(j, v, reason);
	printf("  default  %s%s\n", reason,
	       v->observed ? "; it would be denied, were the default deny" : "");
}

static void explain_text(struct store *s, const struct judge *j, const struct peer *p,
			 const char *called, const struct orgs_asked *orgs,
			 const struct question *q,
			 const struct policy_verdict *v, bool out)
{
	char reason[SERVICE_RULE];

	judge_reason(j, v, reason);
	if (out)
		printf("%s %s: kept out, whatever the rules say\n", called, q->text);
	else
		printf("%s %s: %s by %s\n", called, q->text, verdict_word(v), reason);
	if (print_admission(s, p, orgs))
		print_steps(j, p, orgs, v);
}

static enum exit_code explain(struct store *s, const struct judge *j, const struct peer *p,
			      const char *called, const struct arguments *a,
			      const struct question *q)
{
	struct orgs_asked orgs;
	char name[NAME_MAX + 1] = "";
	struct policy_verdict v;
	bool out = p->has_key && find_twin(s, DENIED_FOLDER, &p->key, name) == 0 && name[0];

	out |= p->trusted && !p->has_key;
	orgs_asked(s, a, p, &orgs);
	judge_ask(j, list_of_peer(&j->sv, p), orgs.given, orgs.count, q->kind, q->port, &v);
	if (!has_option(a, "json")) {
		explain_text(s, j, p, called, &orgs, q, &v, out);
		return EXIT_DONE;
	}
	return print_service_json(json_pack(
		"{s:i, s:s, s:s?, s:o, s:s, s:b, s:o, s:s?, s:s?}", "version", SERVICE_JSON,
		"peer", called, "org", orgs.count ? orgs.called : NULL, "service",
		question_json(q), "verdict", out ? "kept-out" : verdict_word(&v),
		"observed", !out && v.observed, "by", out ? json_null() : reason_json(j, &v),
		"trusted", p->trusted ? p->alias : NULL, "denied", name[0] ? name : NULL));
}

enum exit_code service_explain(struct store *s, const struct arguments *a,
			       const char *const *words, unsigned count)
{
	const char *org = option_text(a, "org", NULL);
	struct judge j = { 0 };
	struct question q = { 0 };
	struct target t;
	struct peer p;
	enum exit_code code = read_question(words + 1, count - 1, &q);

	if (code == EXIT_DONE)
		code = find_target(s, a, &t); /* the org */
	if (code == EXIT_DONE)
		code = find_peer(s, words[0], &p);
	if (code == EXIT_DONE)
		code = judge_open(s, &j);
	if (code == EXIT_DONE && !p.trusted && !p.by_key && !org && !has_option(a, "force")
	    && !list_of_peer(&j.sv, &p))
		code = nobody_known(s, POLICY_FROM_PEER, words[0]);
	if (code == EXIT_DONE)
		code = explain(s, &j, &p, words[0], a, &q);
	judge_close(&j);
	return code;
}
