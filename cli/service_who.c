/* service_who.c - service who: whom the rules let reach a service. Trusted peers and orgs are in
 * files; of the others, members and guests, a running daemon knows, and of which orgs who is. */
#include "cli/config_orgs.h"
#include "cli/format.h"
#include "cli/org_names.h"
#include "cli/service_question.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One whom a daemon let in. */
struct live {
	struct public_key key;
	char name[REPORT_PEER_NAME];
	bool trusted;
	struct orgs_asked orgs;
};

enum kind { WHO_ORG, WHO_PEER, WHO_MEMBER, WHO_KINDS };

struct census {
	const struct judge *judge;
	const struct question *question;
	struct key_list trusted, denied;
	struct org_names orgs;
	struct live *live;
	size_t live_count, live_cap;
	struct table table;
	unsigned all[WHO_KINDS], can[WHO_KINDS];
	bool for_programs, failed;
	json_t *found[WHO_KINDS];    /* for programs */
};

static void ask(struct census *c, enum kind kind, const char *who, const struct service_list *own,
		const struct orgs_asked *orgs)
{
	char reason[SERVICE_RULE];
	struct policy_verdict v;

	judge_ask(c->judge, own, orgs->given, orgs->count, c->question->kind, c->question->port,
		  &v);
	c->all[kind]++;
	if (v.action != POLICY_ALLOW)
		return;
	c->can[kind]++;
	if (c->for_programs) {
		if (json_array_append_new(c->found[kind], json_pack("{s:s, s:o}", "name", who,
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
		"{s:i, s:o, s:O, s:O, s:O, s:i, s:i}", "version", SERVICE_JSON, "service",
		question_json(c->question), "peers", c->found[WHO_PEER], "orgs",
		c->found[WHO_ORG], "members", c->found[WHO_MEMBER], "trusted",
		(int)c->all[WHO_PEER], "admitted", (int)c->all[WHO_MEMBER]);

	return print_service_json(all);
}

static void census_text(struct census *c)
{
	struct screen screen = screen_of(stdout);

	table_print(&c->table, &screen);
	printf("%u of %u trusted peers can reach %s\n", c->can[WHO_PEER], c->all[WHO_PEER],
	       c->question->text);
	if (c->all[WHO_MEMBER])
		printf("%u of %u others who are let in can reach it\n", c->can[WHO_MEMBER],
		       c->all[WHO_MEMBER]);
}

/* Any of the first `count`. */
static bool is_among(const struct key_list *l, size_t count, const struct public_key *key)
{
	for (size_t i = 0; i < count; i++)
		if (l->keys[i].good && keys_are_twins(&l->keys[i].key, key))
			return true;
	return false;
}

/* Of which orgs the daemon knows that it is a member. */
static const struct orgs_asked *orgs_of(const struct census *c, const struct public_key *key)
{
	static const struct orgs_asked none;

	for (size_t i = 0; i < c->live_count; i++)
		if (!memcmp(&c->live[i].key, key, sizeof(*key)))
			return &c->live[i].orgs;
	return &none;
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
		ask(c, WHO_PEER, t->name, list_of_peer(&c->judge->sv, &p), orgs_of(c, &t->key));
	}
}

static void ask_orgs(struct census *c)
{
	char who[MAX_NAME + 16];

	for (size_t i = 0; i < c->orgs.count; i++) {
		const struct org_name *n = &c->orgs.names[i];
		struct orgs_asked one = { .count = 1 };

		memcpy(one.given[0], n->given, sizeof(n->given));
		snprintf(who, sizeof(who), "%s%s", c->for_programs ? "" : "members of ",
			 org_name_called(n));
		ask(c, WHO_ORG, who, NULL, &one);
	}
}

static void ask_members(struct census *c)
{
	for (size_t i = 0; i < c->live_count; i++) {
		const struct live *l = &c->live[i];
		const struct trusted t = { .good = true, .key = l->key };
		struct peer p;

		if (l->trusted || is_among(&c->trusted, c->trusted.count, &l->key)
		    || is_among(&c->denied, c->denied.count, &l->key))
			continue;
		peer_of_trusted(&t, &p);
		ask(c, WHO_MEMBER, l->name, list_of_peer(&c->judge->sv, &p), &l->orgs);
	}
}

static void keep_live(void *ctx, const struct report_peer *p)
{
	struct census *c = ctx;
	struct live *l;

	if (c->live_count == c->live_cap) {
		c->live_cap = c->live_cap ? 2 * c->live_cap : 64;
		c->live = reallocarray(c->live, c->live_cap, sizeof(*c->live));
		if (!c->live)
			exit(fail(EXIT_FAILED, "out of memory"));
	}
	l = &c->live[c->live_count++];
	*l = (struct live){ .key = p->key, .trusted = p->admission == REPORT_AUTHORIZED,
			    .orgs.count = p->ruled_count };
	memcpy(l->name, p->name, sizeof(l->name));
	memcpy(l->orgs.given, p->ruled_by, sizeof(l->orgs.given));
}

static enum exit_code read_all(struct store *s, struct census *c)
{
	key_list_read(&c->trusted, s, TRUST_FOLDER);
	if (c->trusted.unreadable)
		return fail(EXIT_FAILED, "%s", c->trusted.problem);
	key_list_read(&c->denied, s, DENIED_FOLDER);
	if (c->denied.unreadable)
		return fail(EXIT_FAILED, "%s", c->denied.problem);
	if (org_names_read(s, &c->orgs) < 0)
		return fail(EXIT_FAILED, "%s", s->error);
	daemon_each_peer(s->path, keep_live, c);
	return EXIT_DONE;
}

static enum exit_code answer(struct census *c)
{
	if (!c->for_programs) {
		table_add(&c->table, PLAIN, "WHO");
		table_add(&c->table, PLAIN, "BY");
	}
	ask_peers(c);
	ask_members(c);
	ask_orgs(c);
	if (c->for_programs)
		return census_json(c);
	census_text(c);
	return EXIT_DONE;
}

enum exit_code service_who(struct store *s, const struct arguments *a, const char *const *words,
			   unsigned count)
{
	static struct census c;
	struct judge j = { 0 };
	struct question q = { 0 };
	enum exit_code code = read_question(words, count, &q);

	c = (struct census){ .judge = &j, .question = &q, .table = { .columns = 2 },
			     .for_programs = has_option(a, "json") };
	for (unsigned i = 0; i < WHO_KINDS; i++)
		c.found[i] = json_array();
	if (code == EXIT_DONE)
		code = judge_open(s, &j);
	if (code == EXIT_DONE)
		code = read_all(s, &c);
	if (code == EXIT_DONE)
		code = answer(&c);
	for (unsigned i = 0; i < WHO_KINDS; i++)
		json_decref(c.found[i]);
	key_list_free(&c.trusted);
	key_list_free(&c.denied);
	free(c.live);
	judge_close(&j);
	return code;
}
