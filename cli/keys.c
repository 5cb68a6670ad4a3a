#include "cli/keys.h"

#include "identity/address.h"
#include "identity/keyfile.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void unusable(struct identity *id, const char *problem)
{
	id->state = IDENTITY_UNUSABLE;
	snprintf(id->problem, sizeof(id->problem), "%s", problem);
}

static void unusable_file(struct identity *id, const struct store *s, const char *file,
			  const char *problem)
{
	id->state = IDENTITY_UNUSABLE;
	snprintf(id->problem, sizeof(id->problem), "%s/%s is %s", s->path, file, problem);
}

/* identity.pub against the key that the secret one gave. */
static void check_public(struct store *s, struct identity *id)
{
	char text[MAX_KEY_TEXT];
	struct public_key key;
	ssize_t n = store_read(s, IDENTITY_PUB, text, sizeof(text), 0);
	enum key_problem p;

	if (n == -ENOENT) {
		id->lacks_public = true;
		return;
	}
	if (n < 0) {
		unusable(id, s->error);
		return;
	}
	p = public_key_parse(text, (size_t)n, &key);
	if (p != KEY_OK)
		unusable_file(id, s, IDENTITY_PUB, key_problem_text(p));
	else if (!ct_equal(&key, &id->key, sizeof(key)))
		unusable_file(id, s, IDENTITY_PUB, "not the public half of " IDENTITY_KEY
			      "; move it away, then meshguard export prints the right one");
}

void read_identity(struct store *s, struct identity *out)
{
	char text[MAX_KEY_TEXT];
	struct secret_key secret;
	enum key_problem p;

	memset(out, 0, sizeof(*out));
	if (s->dir < 0)
		return;

	ssize_t n = store_read(s, IDENTITY_KEY, text, sizeof(text), STORE_SECRET);

	if (n == -ENOENT) {
		if (store_exists(s, IDENTITY_PUB))
			unusable_file(out, s, IDENTITY_PUB,
				      "there, but " IDENTITY_KEY " is missing");
		return;
	}
	if (n < 0) {
		unusable(out, s->error);
		return;
	}
	p = secret_key_parse(text, (size_t)n, &secret, &out->key);
	wipe(text, sizeof(text));
	wipe(&secret, sizeof(secret));
	if (p != KEY_OK) {
		unusable_file(out, s, IDENTITY_KEY, key_problem_text(p));
		return;
	}
	out->state = IDENTITY_GOOD;
	check_public(s, out);
}

void trust_file(char out[static TRUST_FILE], const char *name)
{
	snprintf(out, TRUST_FILE, TRUST_FOLDER "/%s.pub", name);
}

struct walk {
	struct store *store;
	int (*fn)(void *ctx, const struct trusted *t);
	void *ctx;
};

static void read_trusted(struct store *s, struct trusted *t)
{
	char text[MAX_KEY_TEXT];
	char file[TRUST_FILE];
	enum key_problem p;

	if (!name_valid(t->name, strlen(t->name))) {
		snprintf(t->problem, sizeof(t->problem),
			 "%s/" TRUST_FOLDER "/%s.pub: a name is 1 to 63 "
			 "letters, digits, '-', '_', '.', not starting with a dot",
			 s->path, t->name);
		return;
	}
	trust_file(file, t->name);

	ssize_t n = store_read(s, file, text, sizeof(text), 0);

	if (n < 0) {
		snprintf(t->problem, sizeof(t->problem), "%s", s->error);
		return;
	}
	p = public_key_parse(text, (size_t)n, &t->key);
	t->good = p == KEY_OK;
	if (!t->good)
		snprintf(t->problem, sizeof(t->problem), "%s/%s is %s", s->path, file,
			 key_problem_text(p));
}

static int visit(void *ctx, const char *file)
{
	struct walk *w = ctx;
	struct trusted t = { 0 };
	size_t len = strlen(file);

	/* Other files are notes of the owner. */
	if (len <= 4 || len > NAME_MAX || strcmp(file + len - 4, ".pub") != 0)
		return 0;
	memcpy(t.name, file, len - 4);
	read_trusted(w->store, &t);
	/* Names of files may hold anything, and this goes to a terminal. */
	for (char *c = t.problem; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	return w->fn(w->ctx, &t);
}

int each_trusted(struct store *s, int (*fn)(void *ctx, const struct trusted *t), void *ctx)
{
	struct walk w = { .store = s, .fn = fn, .ctx = ctx };

	return store_list(s, TRUST_FOLDER, visit, &w);
}

bool keys_are_twins(const struct public_key *a, const struct public_key *b)
{
	return !memcmp(a->b, b->b, 31) && ((a->b[31] ^ b->b[31]) & 0x7f) == 0;
}
