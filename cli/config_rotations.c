#include "cli/config_rotations.h"

#include "base/text.h"
#include "cli/words.h"

#include <stdlib.h>
#include <string.h>

struct reading {
	struct config_rotations *out;
	const struct public_key *own;
	const struct key_list *trusted;
};

static bool is_same(const struct public_key *a, const struct public_key *b)
{
	return !memcmp(a, b, sizeof(*a));
}

static const struct trusted *find(const struct key_list *l, const struct public_key *key)
{
	for (size_t i = 0; i < l->count; i++)
		if (l->keys[i].good && is_same(&l->keys[i].key, key))
			return &l->keys[i];
	return NULL;
}

static int keep(void *ctx, const struct statement *st)
{
	const struct reading *r = ctx;
	struct config_rotations *c = r->out;
	const struct trusted *peer;
	struct rotation_line *line;

	if (!st || st->body.kind != STATEMENT_SUCCESSOR)
		return 0;
	peer = find(r->trusted, &st->body.issuer);
	if (!peer && !(r->own && is_same(r->own, &st->body.issuer)))
		return 0;
	if (c->count == c->cap) {
		c->cap = c->cap ? 2 * c->cap : 4;
		c->lines = reallocarray(c->lines, c->cap, sizeof(*c->lines));
		if (!c->lines)
			exit(fail(EXIT_FAILED, "out of memory"));
	}
	line = &c->lines[c->count++];
	*line = (struct rotation_line){ .body = st->body };
	if (peer)
		snprintf(line->name, sizeof(line->name), "%.63s", peer->name);
	return 0;
}

static const char *state_of(const struct config_rotations *c, const struct rotation_line *line,
			    const struct key_list *trusted, uint64_t now)
{
	for (size_t i = 0; i < c->count; i++)
		if (is_same(&c->lines[i].body.issuer, &line->body.issuer)
		    && !is_same(&c->lines[i].body.subject, &line->body.subject))
			return "disputed";
	if (line->body.until <= now)
		return "ended";
	return find(trusted, &line->body.subject) ? "accepted" : "pending";
}

void config_rotations_read(struct config_rotations *c, struct store *s,
			   const struct public_key *own, const struct key_list *trusted)
{
	bool clock_is_wrong;
	uint64_t now = wall_clock(&clock_is_wrong);

	*c = (struct config_rotations){ 0 };
	if (s->dir < 0)
		return;
	if (store_each_statement(s, STATEMENT_SUCCESSOR, keep,
				 &(struct reading){ c, own, trusted }) < 0)
		note("%s", s->error);
	for (size_t i = 0; i < c->count; i++)
		c->lines[i].state = state_of(c, &c->lines[i], trusted, now);
}

void config_rotations_free(struct config_rotations *c)
{
	free(c->lines);
	*c = (struct config_rotations){ 0 };
}

void config_rotations_print(const struct config_rotations *c, const struct screen *s)
{
	struct table t = { .columns = 4 };
	char key[BASE64_LEN(32) + 1], when[WHEN_TEXT];

	for (size_t i = 0; i < c->count; i++) {
		const struct rotation_line *l = &c->lines[i];
		bool is_bad = !strcmp(l->state, "disputed");

		base64_encode(l->body.subject.b, sizeof(l->body.subject.b), key, sizeof(key));
		format_when(l->body.until, when);
		table_add(&t, BOLD, l->name[0] ? l->name : "this machine");
		table_add(&t, is_bad ? RED : !strcmp(l->state, "accepted") ? PLAIN : YELLOW,
			  l->state);
		table_add(&t, PLAIN, key);
		table_add(&t, PLAIN, when);
	}
	if (t.count)
		puts("\nannounced keys: of whom, new key, end of the old one");
	table_print(&t, s);
}

json_t *config_rotations_json(const struct config_rotations *c)
{
	json_t *list = json_array();
	bool failed = !list;

	for (size_t i = 0; i < c->count; i++) {
		const struct rotation_line *l = &c->lines[i];
		const struct statement_body *b = &l->body;
		char old[BASE64_LEN(32) + 1], new[BASE64_LEN(32) + 1];

		base64_encode(b->issuer.b, sizeof(b->issuer.b), old, sizeof(old));
		base64_encode(b->subject.b, sizeof(b->subject.b), new, sizeof(new));
		failed |= json_array_append_new(list, json_pack(
			"{s:s?, s:s, s:s, s:I, s:s}", "name", l->name[0] ? l->name : NULL,
			"key", old, "successor", new, "until",
			(json_int_t)(b->until & INT64_MAX), "state", l->state)) != 0;
	}
	if (!failed)
		return list;
	json_decref(list);
	return NULL;
}
