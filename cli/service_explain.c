/* service_explain.c - service explain and service who: what the rules mean, asked of the room that
 * judges packets. Whose members an org has is in no file here: certificates are shown when peers
 * meet. So a running daemon is asked of which org a peer is, or --org says so. */
#include "cli/config_orgs.h"
#include "cli/format.h"
#include "cli/service_json.h"

#include <stdio.h>
#include <string.h>

struct question {
	enum policy_kind kind;
	uint16_t port;
	char text[POLICY_RULE_TEXT]; /* "tcp 22" */
};

static enum exit_code read_question(const char *const *words, unsigned count, struct question *q)
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

static json_t *question_json(const struct question *q)
{
	static const char *const protocols[] = {
		[POLICY_IS_TCP] = "tcp", [POLICY_IS_UDP] = "udp", [POLICY_IS_ICMP] = "icmp",
		[POLICY_IS_OTHER] = "all",
	};
	bool has_port = q->kind == POLICY_IS_TCP || q->kind == POLICY_IS_UDP;

	return json_pack("{s:s, s:o}", "protocol", protocols[q->kind], "port",
			 has_port ? json_integer(q->port) : json_null());
}

/* --- explain */

/* True if the peer is let in at all, as far as files tell; says why. */
static bool print_admission(struct store *s, const struct peer *p, const char *org)
{
	char name[NAME_MAX + 1] = "";

	fputs("  trust    ", stdout);
	if (p->has_key && find_twin(s, DENIED_FOLDER, &p->key, name) == 0 && name[0])
		printf(DENIED_FOLDER "/%s.pub keeps this key out\n", name);
	else if (p->has_key && p->trusted)
		printf(TRUST_FOLDER "/%s.pub\n", p->alias);
	else if (p->trusted)
		printf(TRUST_FOLDER "/%s.pub holds no usable key\n", p->alias);
	else if (org)
		printf("as a member of the org %s\n", org);
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

static void print_steps(const struct judge *j, const struct peer *p, const char *org,
			const struct policy_verdict *v)
{
	struct step { const char *title; const struct service_list *list; } steps[] = {
		{ "peer", list_of_peer(&j->sv, p) },
		{ "org", org ? services_find(&j->sv, POLICY_FROM_ORG, org) : NULL },
		{ "global", services_find(&j->sv, POLICY_FROM_GLOBAL, "") },
	};
	char reason[SERVICE_RULE];

	/* What comes after the rule that decides is not asked. */
	for (unsigned i = 0; i < 3; i++) {
		print_step(j, steps[i].title, steps[i].list, v);
		if (steps[i].list && v->list == (uint32_t)(steps[i].list - j->sv.lists))
			return;
	}
	judge_reason(j, v, reason);
	printf("  default  %s%s\n", reason,
	       v->observed ? "; it would be denied, were the default deny" : "");
}

static void explain_text(struct store *s, const struct judge *j, const struct peer *p,
			 const char *called, const char *org, const struct question *q,
			 const struct policy_verdict *v, bool out)
{
	char reason[SERVICE_RULE];

	judge_reason(j, v, reason);
	if (out)
		printf("%s %s: kept out, whatever the rules say\n", called, q->text);
	else
		printf("%s %s: %s by %s\n", called, q->text, verdict_word(v), reason);
	if (print_admission(s, p, org))
		print_steps(j, p, org, v);
}

static enum exit_code explain(struct store *s, const struct judge *j, const struct peer *p,
			      const char *called, const struct arguments *a,
			      const struct question *q)
{
	struct daemon_peer known;
	const char *org = org_asked(s, a, p, &known);
	char name[NAME_MAX + 1] = "";
	struct policy_verdict v;
	bool out = p->has_key && find_twin(s, DENIED_FOLDER, &p->key, name) == 0 && name[0];

	out |= p->trusted && !p->has_key;
	judge_ask(j, list_of_peer(&j->sv, p),
		  org ? services_find(&j->sv, POLICY_FROM_ORG, org) : NULL, q->kind, q->port, &v);
	if (!has_option(a, "json")) {
		explain_text(s, j, p, called, org, q, &v, out);
		return EXIT_DONE;
	}
	return print_service_json(json_pack(
		"{s:i, s:s, s:s?, s:o, s:s, s:b, s:o, s:s?, s:s?}", "version", SERVICE_JSON,
		"peer", called, "org", org, "service", question_json(q), "verdict",
		out ? "kept-out" : verdict_word(&v), "observed", !out && v.observed, "by",
		out ? json_null() : reason_json(j, &v), "trusted", p->trusted ? p->alias : NULL,
		"denied", name[0] ? name : NULL));
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

/* --- who */

struct census {
	const struct judge *judge;
	const struct question *question;
	struct key_list trusted, orgs, denied;
	struct table table;
	unsigned peers, can;
	bool for_programs, failed;
	json_t *found[2];            /* for programs: orgs, peers */
};

static void ask(struct census *c, const char *who, const struct service_list *own,
		const struct service_list *org, bool is_peer)
{
	char reason[SERVICE_RULE];
	struct policy_verdict v;

	judge_ask(c->judge, own, org, c->question->kind, c->question->port, &v);
	c->peers += is_peer;
	if (v.action != POLICY_ALLOW)
		return;
	c->can += is_peer;
	if (c->for_programs) {
		if (json_array_append_new(c->found[is_peer], json_pack("{s:s, s:o}", "name", who,
					  "by", reason_json(c->judge, &v))) < 0)
			c->failed = true;
		return;
	}
	judge_reason(c->judge, &v, reason);
	table_add(&c->table, BOLD, who);
	table_add(&c->table, PLAIN, reason);
}

static enum exit_code census_json(struct census *c)
{
	json_t *all = c->failed ? NULL : json_pack(
		"{s:i, s:o, s:O, s:O, s:i}", "version", SERVICE_JSON, "service",
		question_json(c->question), "peers", c->found[1], "orgs", c->found[0], "trusted",
		(int)c->peers);

	return print_service_json(all);
}

static void census_text(struct census *c)
{
	struct screen screen = screen_of(stdout);

	table_print(&c->table, &screen);
	printf("%u of %u trusted peers can reach %s\n", c->can, c->peers, c->question->text);
}

/* Any of the first `count`. */
static bool is_among(const struct key_list *l, size_t count, const struct public_key *key)
{
	for (size_t i = 0; i < count; i++)
		if (l->keys[i].good && keys_are_twins(&l->keys[i].key, key))
			return true;
	return false;
}

static void ask_peers(struct census *c)
{
	for (size_t i = 0; i < c->trusted.count; i++) {
		const struct trusted *t = &c->trusted.keys[i];
		struct peer p;

		/* A key has the first of its names. */
		if (!t->good || is_among(&c->trusted, i, &t->key)
		    || is_among(&c->denied, c->denied.count, &t->key))
			continue;
		peer_of_trusted(t, &p);
		ask(c, t->name, list_of_peer(&c->judge->sv, &p), NULL, true);
	}
}

static void ask_orgs(struct census *c)
{
	char who[NAME_MAX + 16];

	for (size_t i = 0; i < c->orgs.count; i++) {
		const char *name = c->orgs.keys[i].name;

		snprintf(who, sizeof(who), "%s%s", c->for_programs ? "" : "members of ", name);
		if (c->orgs.keys[i].good)
			ask(c, who, NULL, services_find(&c->judge->sv, POLICY_FROM_ORG, name),
			    false);
	}
}

static enum exit_code read_keys(struct store *s, struct key_list *l, const char *folder)
{
	key_list_read(l, s, folder);
	return l->unreadable ? fail(EXIT_FAILED, "%s", l->problem) : EXIT_DONE;
}

enum exit_code service_who(struct store *s, const struct arguments *a, const char *const *words,
			   unsigned count)
{
	struct judge j = { 0 };
	struct question q = { 0 };
	struct census c = { .judge = &j, .question = &q, .table = { .columns = 2 },
			    .for_programs = has_option(a, "json"),
			    .found = { json_array(), json_array() } };
	enum exit_code code = read_question(words, count, &q);

	if (code == EXIT_DONE)
		code = judge_open(s, &j);
	if (code == EXIT_DONE)
		code = read_keys(s, &c.trusted, TRUST_FOLDER);
	if (code == EXIT_DONE)
		code = read_keys(s, &c.orgs, ORGS_FOLDER);
	if (code == EXIT_DONE)
		code = read_keys(s, &c.denied, DENIED_FOLDER);
	if (code == EXIT_DONE) {
		if (!c.for_programs) {
			table_add(&c.table, PLAIN, "WHO");
			table_add(&c.table, PLAIN, "BY");
		}
		ask_peers(&c);
		ask_orgs(&c);
		if (c.for_programs)
			code = census_json(&c);
		else
			census_text(&c);
	}
	json_decref(c.found[0]);
	json_decref(c.found[1]);
	key_list_free(&c.trusted);
	key_list_free(&c.orgs);
	key_list_free(&c.denied);
	judge_close(&j);
	return code;
}
