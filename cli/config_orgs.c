#include "cli/config_orgs.h"

#include "base/text.h"
#include "cli/words.h"
#include "identity/address.h"

#include <stdlib.h>
#include <string.h>

/* --- reading */

static int keep_key(void *ctx, const struct trusted *t)
{
	struct key_list *l = ctx;

	if (l->count == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 16;
		l->keys = reallocarray(l->keys, l->cap, sizeof(*l->keys));
		if (!l->keys)
			exit(fail(EXIT_FAILED, "out of memory"));
	}
	l->keys[l->count++] = *t;
	return 0;
}

void key_list_read(struct key_list *l, struct store *s, const char *folder)
{
	l->unreadable = s->dir >= 0 && each_trusted(s, folder, keep_key, l) < 0;
	if (l->unreadable)
		snprintf(l->problem, sizeof(l->problem), "%s", s->error);
}

void key_list_free(struct key_list *l)
{
	free(l->keys);
	*l = (struct key_list){ 0 };
}

struct reading {
	struct config_orgs *orgs;
	const struct store *store;
};

static int keep_certificate(void *ctx, const struct certificate *c)
{
	const struct reading *r = ctx;
	struct config_orgs *o = r->orgs;
	struct member *m;

	if (o->count == o->cap) {
		o->cap = o->cap ? 2 * o->cap : 4;
		o->members = reallocarray(o->members, o->cap, sizeof(*o->members));
		if (!o->members)
			exit(fail(EXIT_FAILED, "out of memory"));
	}
	m = &o->members[o->count++];
	memset(m, 0, sizeof(*m));
	m->good = c != NULL;
	if (c)
		m->certificate = *c;
	else
		snprintf(m->problem, sizeof(m->problem), "%s", r->store->error);
	return 0;
}

void config_orgs_read(struct config_orgs *o, struct store *s)
{
	memset(o, 0, sizeof(*o));
	read_pair(s, &org_files, &o->own, NULL);
	if (o->own.state == IDENTITY_GOOD)
		org_alias_said(s, &o->own.key, o->alias);
	key_list_read(&o->trusted, s, ORGS_FOLDER);
	if (org_names_read(s, &o->names) < 0)
		o->names.count = 0; /* the list above says why */
	key_list_read(&o->denied, s, DENIED_FOLDER);
	if (store_each_certificate(s, keep_certificate, &(struct reading){ o, s }) < 0)
		keep_certificate(&(struct reading){ o, s }, NULL);
}

void config_orgs_free(struct config_orgs *o)
{
	key_list_free(&o->trusted);
	key_list_free(&o->denied);
	free(o->members);
	o->members = NULL;
}

/* What the org is called here, or the digits that everybody can call it by. */
static const char *org_name(const struct config_orgs *o, const struct public_key *org,
			    char memory[static MAX_NAME + 1])
{
	const char *called = org_called(&o->names, org);

	if (called)
		return called;
	org_name_default(org, memory);
	return memory;
}

static const char *state_name(enum validity_state state)
{
	switch (state) {
	case VALIDITY_NOT_YET:
		return "not_yet";
	case VALIDITY_GOOD:
		return "valid";
	case VALIDITY_EXPIRED:
		return "expired";
	}
	return "";
}

static void encode_key(const struct public_key *key, char out[static BASE64_LEN(32) + 1])
{
	base64_encode(key->b, sizeof(key->b), out, BASE64_LEN(32) + 1);
}

/* --- for people */

void key_list_print_bad(const struct key_list *l, const struct screen *s)
{
	for (size_t i = 0; i < l->count; i++) {
		if (l->keys[i].good)
			continue;
		put(s, RED, "unusable: ");
		puts(l->keys[i].problem);
	}
	if (l->unreadable) {
		put(s, RED, "unreadable: ");
		puts(l->problem);
	}
}

static const char *alias_text(const struct org_names *names, const struct trusted *t,
			      char memory[static MAX_NAME + 16])
{
	const char *called = org_called_by_file(names, t->name);

	if (!strcmp(called, t->name))
		return "";
	snprintf(memory, MAX_NAME + 16, "called %s", called);
	return memory;
}

/* Orgs with what they are called: names is NULL for other keys. */
static void print_keys(const struct key_list *l, const struct org_names *names, const char *title,
		       const struct screen *s)
{
	struct table t = { .columns = names ? 3 : 2 };
	char key[BASE64_LEN(32) + 1], called[MAX_NAME + 16];

	for (size_t i = 0; i < l->count; i++) {
		if (!l->keys[i].good)
			continue;
		encode_key(&l->keys[i].key, key);
		table_add(&t, BOLD, l->keys[i].name);
		table_add(&t, PLAIN, key);
		if (names)
			table_add(&t, PLAIN, alias_text(names, &l->keys[i], called));
	}
	if (t.count || l->count || l->unreadable)
		printf("\n%s\n", title);
	table_print(&t, s);
	key_list_print_bad(l, s);
}

static void print_member(const struct config_orgs *o, const struct certificate *c, uint64_t now,
			 struct table *t)
{
	struct validity v = certificate_validity(c, now);
	bool soon = v.state == VALIDITY_GOOD && v.seconds < 30u * 86400;
	char name[MAX_NAME + 1], when[WHEN_TEXT], span[SPAN_TEXT], text[WHEN_TEXT + SPAN_TEXT + 16];

	format_when(v.state == VALIDITY_NOT_YET ? c->body.not_before : c->body.expires, when);
	format_span(v.seconds, span);
	snprintf(text, sizeof(text), v.state == VALIDITY_GOOD ? "until %s (%s)"
		 : v.state == VALIDITY_EXPIRED ? "expired %s (%s ago)" : "from %s (in %s)",
		 when, span);
	table_add(t, PLAIN, org_name(o, &c->body.org, name));
	table_add(t, BOLD, c->body.name);
	table_add(t, v.state != VALIDITY_GOOD ? RED : soon ? YELLOW : PLAIN, text);
}

static void print_members(const struct config_orgs *o, const struct screen *s)
{
	struct table t = { .columns = 3 };
	bool clock_is_wrong;
	uint64_t now = wall_clock(&clock_is_wrong);

	for (size_t i = 0; i < o->count; i++)
		if (o->members[i].good)
			print_member(o, &o->members[i].certificate, now, &t);
	if (o->count)
		puts("\ncertificates of this node: org, name, time");
	table_print(&t, s);
	for (size_t i = 0; i < o->count; i++) {
		if (o->members[i].good)
			continue;
		put(s, RED, "unusable: ");
		puts(o->members[i].problem);
	}
}

void config_orgs_print(const struct config_orgs *o, const struct screen *s)
{
	char key[BASE64_LEN(32) + 1], name[MAX_NAME + 1];

	if (o->own.state == IDENTITY_GOOD) {
		encode_key(&o->own.key, key);
		printf("\norg made here   %s, %s%s%s\n", key, org_name(o, &o->own.key, name),
		       o->alias[0] ? "; it calls itself " : "", o->alias);
	} else if (o->own.state == IDENTITY_UNUSABLE) {
		fputs("\norg made here ", stdout);
		put(s, RED, "unusable: ");
		puts(o->own.problem);
	}
	print_members(o, s);
	print_keys(&o->trusted, &o->names, "trusted orgs", s);
	print_keys(&o->denied, NULL, "denied keys", s);
}

/* --- for programs */

/* Any bytes: what is no UTF-8 cannot stand in JSON. */
static json_t *text_json(const char *text)
{
	json_t *value = json_string(text);

	return value ? value : json_string("?");
}

static json_t *problem_json(const char *name, const char *problem)
{
	return json_pack("{s:o, s:o}", "name", text_json(name), "problem", text_json(problem));
}

static json_t *key_json(const struct org_names *names, const char *name, const char *key)
{
	if (!names)
		return json_pack("{s:s, s:s}", "name", name, "key", key);
	return json_pack("{s:s, s:s, s:s}", "name", name, "key", key, "called",
			 org_called_by_file(names, name));
}

static int keys_json(const struct key_list *l, const struct org_names *names, json_t *good,
		     json_t *unusable)
{
	char key[BASE64_LEN(32) + 1];
	int bad = 0;

	for (size_t i = 0; i < l->count; i++) {
		const struct trusted *t = &l->keys[i];

		encode_key(&t->key, key);
		bad |= t->good ? json_array_append_new(good, key_json(names, t->name, key))
			       : json_array_append_new(unusable,
						       problem_json(t->name, t->problem));
	}
	if (l->unreadable)
		bad |= json_array_append_new(unusable, problem_json("", l->problem));
	return bad;
}

static json_t *member_json(const struct certificate *c, uint64_t now)
{
	const struct certificate_body *b = &c->body;
	char key[BASE64_LEN(32) + 1];
	json_t *groups = json_array();

	for (unsigned i = 0; i < b->group_count; i++)
		json_array_append_new(groups, json_string(b->groups[i]));
	encode_key(&b->org, key);
	return json_pack("{s:s, s:s, s:I, s:I, s:s, s:o}", "org", key, "name", b->name,
			 "not_before", (json_int_t)b->not_before,
			 "expires", (json_int_t)(b->expires > INT64_MAX ? INT64_MAX : b->expires),
			 "state", state_name(certificate_validity(c, now).state),
			 "groups", groups);
}

static json_t *own_json(const struct identity *own, const char *alias)
{
	char key[BASE64_LEN(32) + 1];

	encode_key(&own->key, key);
	switch (own->state) {
	case IDENTITY_GOOD:
		return json_pack("{s:s, s:s?}", "key", key, "alias", *alias ? alias : NULL);
	case IDENTITY_UNUSABLE:
		return json_pack("{s:o}", "problem", text_json(own->problem));
	case IDENTITY_NONE:
		break;
	}
	return json_null();
}

int config_orgs_json(const struct config_orgs *o, json_t *root, json_t *unusable)
{
	json_t *trusted = json_array(), *denied = json_array(), *members = json_array();
	bool clock_is_wrong;
	uint64_t now = wall_clock(&clock_is_wrong);
	int bad = keys_json(&o->trusted, &o->names, trusted, unusable);

	bad |= keys_json(&o->denied, NULL, denied, unusable);
	for (size_t i = 0; i < o->count; i++) {
		const struct member *m = &o->members[i];

		bad |= m->good ? json_array_append_new(members, member_json(&m->certificate, now))
			       : json_array_append_new(unusable, problem_json("", m->problem));
	}
	bad |= json_object_set_new(root, "org", own_json(&o->own, o->alias));
	bad |= json_object_set_new(root, "orgs", trusted);
	bad |= json_object_set_new(root, "certificates", members);
	bad |= json_object_set_new(root, "denied", denied);
	return bad;
}
