/* successor.c - trust --successor.
 *
 * The order of the writes: the rules of both keys, the old key under its new name, the new key
 * under the old one. Whatever is cut off in between, no key has another's rights, and the same
 * command does the rest.
 */
#include "cli/successor.h"

#include "base/text.h"
#include "cli/rotation.h"
#include "cli/words.h"
#include "identity/address.h"
#include "identity/keyfile.h"
#include "linux/services.h"
#include "linux/store_orgs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ENDING ".old"

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

/* True if the name is free for the old key: nobody's, its own, or that of a key before it. */
static bool is_free(struct store *s, const struct change *c, const char *name)
{
	char file[TRUST_FILE];
	struct statement st;
	struct public_key key;

	trust_file(file, TRUST_FOLDER, name);
	if (!store_exists(s, file))
		return true;
	return trusted_key(s, TRUST_FOLDER, name, &key)
	       && (!memcmp(&key, &c->old, sizeof(key))
		   || store_statement_read(s, STATEMENT_SUCCESSOR, &key, &c->old, &st) == 1);
}

static bool name_old(struct store *s, struct change *c)
{
	size_t len = strlen(c->name);
	char digits[17];

	if (len + sizeof(ENDING) - 1 <= MAX_NAME) {
		snprintf(c->old_name, sizeof(c->old_name), "%s" ENDING, c->name);
		if (is_free(s, c, c->old_name))
			return true;
	}
	hex_encode(c->old.b, 8, digits, sizeof(digits));
	snprintf(c->old_name, sizeof(c->old_name), "%s" ENDING, digits);
	return is_free(s, c, c->old_name);
}

/* Rules that are kept for `from` hold for `to`, too. Returns -ENOENT where there are none. */
static int copy_rules(struct store *services, const char *from, const char *to)
{
	static char text[POLICY_MAX_TEXT];
	char source[SERVICES_FILE], target[SERVICES_FILE];
	ssize_t n;

	services_file(source, POLICY_FROM_PEER, from);
	services_file(target, POLICY_FROM_PEER, to);
	n = store_read(services, source, text, sizeof(text), 0);
	return n < 0 ? (int)n : store_write(services, target, text, (size_t)n, STORE_REPLACE);
}

static void hex_of(const struct public_key *key, char out[static POLICY_NAME + 1])
{
	hex_encode(key->b, sizeof(key->b), out, POLICY_NAME + 1);
}

/* The old key keeps its rules, and the new one gets the same, by key or by name. */
static enum exit_code carry_rules(struct store *s, const struct change *c)
{
	char old[POLICY_NAME + 1], new[POLICY_NAME + 1];
	struct store services;
	int r;

	hex_of(&c->old, old);
	hex_of(&c->new, new);
	r = store_enter(s, SERVICES_FOLDER, false, &services);
	if (r == -ENOENT)
		return EXIT_DONE;
	if (r < 0)
		return fail(EXIT_FAILED, "%s", s->error);
	r = copy_rules(&services, old, new);
	if (r == -ENOENT)
		r = copy_rules(&services, c->name, old);
	if (r < 0 && r != -ENOENT)
		fail(EXIT_FAILED, "%s", services.error);
	store_close(&services);
	return r < 0 && r != -ENOENT ? EXIT_FAILED : EXIT_DONE;
}

static int put_key(struct store *s, const char *name, const struct public_key *key)
{
	char text[KEYFILE_PUBLIC + 1], file[TRUST_FILE];

	trust_file(file, TRUST_FOLDER, name);
	public_key_format(key, text);
	return store_write(s, file, text, KEYFILE_PUBLIC, STORE_REPLACE);
}

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
	if (code == EXIT_DONE && !name_old(s, c))
		code = fail(EXIT_REFUSED, "the name %s is taken by another key; meshguard revoke "
			    "%s first", c->old_name, c->old_name);
	if (code == EXIT_DONE)
		code = carry_rules(s, c);
	if (code != EXIT_DONE)
		return code;
	if (put_key(s, c->old_name, &c->old) < 0 || put_key(s, c->name, &c->new) < 0)
		return fail(EXIT_FAILED, "%s", s->error);
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
	size_t len = strlen(name), ending = sizeof(ENDING) - 1;

	return len > ending && !strcmp(name + len - ending, ENDING);
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
	return store_each_statement(s, visit_former, &(struct former){ s, key, fn, ctx });
}
