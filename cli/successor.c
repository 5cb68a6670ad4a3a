/* successor.c - trust --successor: what was announced, and who says no to it. */
#include "cli/successor.h"

#include "cli/rotation.h"
#include "cli/words.h"
#include "identity/address.h"
#include "identity/keyfile.h"
#include "linux/store_orgs.h"
#include "linux/store_successor.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct change {
	const char *name;
	struct public_key old, new;
	uint64_t until;
	char old_name[MAX_NAME + 1];
};

static void encode_key(const struct public_key *key, char out[static KEYFILE_PUBLIC + 1])
{
	public_key_format(key, out);
	out[KEYFILE_PUBLIC - 1] = '\0';
}

/* --- what was announced */

static enum exit_code take_file(struct store *s, const struct change *c, const char *word)
{
	static const char what[] = "a statement, which is one line of base64";
	char text[SIGNED_TEXT(SIGNED_MAX) + 16];
	struct statement_claim claim;
	struct statement st, there;
	uint8_t wire[SIGNED_MAX];
	enum exit_code code;
	size_t len, n;
	int r;

	code = text_of_word(word, what, text, sizeof(text), &len);
	if (code != EXIT_DONE)
		return code;
	n = signed_parse(text, len, wire);
	if (!n || !statement_decode(bytes_of(wire, n), &claim)
	    || claim.body.kind != STATEMENT_SUCCESSOR)
		return fail(EXIT_USAGE, "%.200s: not the statement of a rotation", word);
	if (!statement_verify(&claim, &st))
		return fail(EXIT_REFUSED, "%.200s: not signed by both keys", word);
	if (memcmp(&st.body.issuer, &c->old, sizeof(c->old)) != 0)
		return fail(EXIT_REFUSED, "%.200s: this is not about the key of %s", word, c->name);
	r = store_statement_read(s, STATEMENT_SUCCESSOR, &c->old, &st.body.subject, &there);
	if (r == 0 || (r == 1 && there.body.number < st.body.number))
		r = store_statement_write(s, &st);
	return r < 0 ? fail(EXIT_FAILED, "%s", s->error) : EXIT_DONE;
}

static enum exit_code choose(struct store *s, struct change *c)
{
	char one[KEYFILE_PUBLIC + 1], two[KEYFILE_PUBLIC + 1], when[WHEN_TEXT];
	const struct statement_body *b;
	struct successors known;
	bool clock_is_wrong;

	if (successors_of(s, &c->old, &known) < 0)
		return fail(EXIT_FAILED, "%s", s->error);
	if (!known.count)
		return fail(EXIT_FAILED, "%s has announced no new key here; give the file of its "
			    "statement, if you have it", c->name);
	b = &known.first.body;
	encode_key(&b->subject, one);
	if (known.count > 1) {
		encode_key(&known.second.body.subject, two);
		return fail(EXIT_FAILED, "%s announced two keys, %s and %s, so neither is taken: "
			    "its old key may be stolen; revoke %s, and trust what its owner says",
			    c->name, one, two, c->name);
	}
	if (b->until <= wall_clock(&clock_is_wrong)) {
		format_when(b->until, when);
		return fail(EXIT_TIMED_OUT, "%s announced %s, but its overlap ended %s; if that "
			    "is its key: meshguard revoke %s, meshguard trust %s --name %s",
			    c->name, one, when, c->name, one, c->name);
	}
	c->new = b->subject;
	c->until = b->until;
	return EXIT_DONE;
}

static enum exit_code refuse(struct store *s, const struct change *c)
{
	char name[NAME_MAX + 1];
	struct identity own;

	read_identity(s, &own);
	if (own.state == IDENTITY_GOOD && keys_are_twins(&own.key, &c->new))
		return fail(EXIT_REFUSED, "the new key of %s is this machine's own", c->name);
	if (find_twin(s, DENIED_FOLDER, &c->new, name) < 0)
		return fail(EXIT_FAILED, "%s", s->error);
	if (name[0])
		return fail(EXIT_REFUSED, "the new key of %s is denied here (%s)", c->name, name);
	if (find_twin(s, ORGS_FOLDER, &c->new, name) < 0)
		return fail(EXIT_FAILED, "%s", s->error);
	if (name[0])
		return fail(EXIT_REFUSED, "the new key of %s is that of the org %s", c->name, name);
	if (find_twin(s, TRUST_FOLDER, &c->new, name) < 0)
		return fail(EXIT_FAILED, "%s", s->error);
	return name[0] ? fail(EXIT_REFUSED, "the new key of %s is trusted already under the name "
			      "%s", c->name, name) : EXIT_DONE;
}

/* --- what is written */

static void say(const struct change *c)
{
	char old[KEYFILE_PUBLIC + 1], new[KEYFILE_PUBLIC + 1], when[WHEN_TEXT];
	char from[ADDRESSES_TEXT], to[ADDRESSES_TEXT];

	encode_key(&c->old, old);
	encode_key(&c->new, new);
	format_addresses(&c->old, from);
	format_addresses(&c->new, to);
	format_when(c->until, when);
	printf("%s  %s\n  now      %s\n  was      %s\n           %s\n", c->name, new, to, old,
	       from);
	printf("the old key stays trusted as %s until %s; meshguard revoke %s ends it now\n",
	       c->old_name, when, c->old_name);
}

static enum exit_code accept(struct store *s, struct change *c, const char *file)
{
	enum exit_code code = EXIT_DONE;
	char trust[TRUST_FILE];
	int r;

	trust_file(trust, TRUST_FOLDER, c->name);
	if (!store_exists(s, trust))
		return nobody_trusted(s, TRUST_FOLDER, c->name);
	if (!trusted_key(s, TRUST_FOLDER, c->name, &c->old))
		return fail(EXIT_FAILED, "%s/%s holds no usable key", s->path, trust);
	if (file)
		code = take_file(s, c, file);
	if (code == EXIT_DONE)
		code = choose(s, c);
	if (code == EXIT_DONE)
		code = refuse(s, c);
	if (code != EXIT_DONE)
		return code;
	r = store_successor_accept(s, c->name, &c->old, &c->new, c->old_name);
	if (r < 0)
		return fail(r == -EEXIST ? EXIT_REFUSED : EXIT_FAILED, "%s", s->error);
	say(c);
	return EXIT_DONE;
}

enum exit_code trust_successor(const char *name, const char *file)
{
	struct change c = { .name = name };
	enum exit_code code;
	struct store s;
	int r;

	if (!name_valid(name, strlen(name)))
		return fail(EXIT_USAGE, "--successor %.80s: " NAME_RULE, name);
	r = open_store(&s);
	if (r < 0 && r != -ENOENT)
		return EXIT_FAILED;
	code = accept(&s, &c, file);
	store_close(&s);
	return code;
}

/* --- and when the new one is revoked */

struct former {
	struct store *store;
	const struct public_key *key;
	int (*fn)(void *ctx, const struct public_key *former, const char *name);
	void *ctx;
};

static bool is_old_name(const char *name)
{
	size_t len = strlen(name), ending = sizeof(OLD_NAME_ENDING) - 1;

	return len > ending && !strcmp(name + len - ending, OLD_NAME_ENDING);
}

static int visit_former(void *ctx, const struct statement *st)
{
	const struct former *f = ctx;
	char name[NAME_MAX + 1];
	int r;

	if (!st || st->body.kind != STATEMENT_SUCCESSOR
	    || memcmp(&st->body.subject, f->key, sizeof(*f->key)) != 0)
		return 0;
	r = find_twin(f->store, TRUST_FOLDER, &st->body.issuer, name);
	if (r < 0 || !is_old_name(name)) /* the new key was not accepted in its place */
		return r;
	return f->fn(f->ctx, &st->body.issuer, name);
}

int each_former(struct store *s, const struct public_key *key,
		int (*fn)(void *ctx, const struct public_key *former, const char *name), void *ctx)
{
	return store_each_statement(s, STATEMENT_SUCCESSOR, visit_former,
				    &(struct former){ s, key, fn, ctx });
}
