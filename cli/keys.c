#include "cli/keys.h"

#include "crypto/curve.h"
#include "identity/address.h"
#include "identity/keyfile.h"
#include "linux/loop.h"
#include "linux/store_successor.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const struct pair_files identity_files = { IDENTITY_KEY, IDENTITY_PUB };
const struct pair_files org_files = { ORG_KEY, ORG_PUB };

/* --- making a pair */

/* What the public file held before, to be put back should the secret one fail. */
struct before {
	char text[MAX_KEY_TEXT];
	ssize_t len;
};

static void undo_public(struct store *s, const struct pair_files *files,
			const struct before *before)
{
	char error[sizeof(s->error)];
	int r;

	memcpy(error, s->error, sizeof(error));
	if (before->len >= 0)
		r = store_write(s, files->public, before->text, (size_t)before->len, STORE_REPLACE);
	else
		r = store_remove(s, files->public);
	if (r < 0)
		note("%s", s->error);
	memcpy(s->error, error, sizeof(error));
}

static int write_pair(struct store *s, const struct pair_files *files,
		      const struct public_key *public, const struct secret_key *secret, bool force)
{
	unsigned replace = force ? STORE_REPLACE : 0;
	char public_text[KEYFILE_PUBLIC + 1], secret_text[KEYFILE_SECRET + 1];
	struct before before = { .len = -ENOENT };
	int r;

	if (force)
		before.len = store_read(s, files->public, before.text, sizeof(before.text), 0);
	public_key_format(public, public_text);
	r = store_write(s, files->public, public_text, KEYFILE_PUBLIC, replace);
	if (r < 0)
		return r;
	secret_key_format(secret, secret_text);
	r = store_write(s, files->secret, secret_text, KEYFILE_SECRET, STORE_SECRET | replace);
	wipe(secret_text, sizeof(secret_text));
	if (r < 0)
		undo_public(s, files, &before);
	return r;
}

static enum exit_code refuse_overwrite(const struct store *s, const struct pair_files *files,
				       bool key, bool public)
{
	const char *half = key ? files->secret : files->public;
	const char *pair = files == &org_files ? "an org" : "an identity";

	return fail(EXIT_REFUSED, "%s is already in %s; --force replaces it for good",
		    key && public ? pair : half, s->path);
}

enum exit_code make_pair(struct store *s, const struct pair_files *files, bool force,
			 struct public_key *public)
{
	bool has_key = store_exists(s, files->secret), has_public = store_exists(s, files->public);
	struct secret_key secret;
	uint8_t seed[32];
	int r;

	if (!force && (has_key || has_public))
		return refuse_overwrite(s, files, has_key, has_public);
	entropy(seed, sizeof(seed));
	ed25519_from_seed(public, &secret, seed);
	wipe(seed, sizeof(seed));
	r = write_pair(s, files, public, &secret, force);
	wipe(&secret, sizeof(secret));
	if (r < 0)
		return fail(r == -EEXIST ? EXIT_REFUSED : EXIT_FAILED, "%s", s->error);
	return EXIT_DONE;
}

/* --- reading a pair */

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

/* The public file against the key that the secret one gave. */
static void check_public(struct store *s, const struct pair_files *files, struct identity *id)
{
	char text[MAX_KEY_TEXT], problem[160];
	struct public_key key;
	ssize_t n = store_read(s, files->public, text, sizeof(text), 0);
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
	if (p != KEY_OK) {
		unusable_file(id, s, files->public, key_problem_text(p));
	} else if (!ct_equal(&key, &id->key, sizeof(key))) {
		snprintf(problem, sizeof(problem), "not the public half of %s; move it away, then "
			 "meshguard export%s prints the right one", files->secret,
			 files == &org_files ? " --org" : "");
		unusable_file(id, s, files->public, problem);
	}
}

void read_pair(struct store *s, const struct pair_files *files, struct identity *out,
	       struct secret_key *secret)
{
	char text[MAX_KEY_TEXT];
	struct secret_key read;
	enum key_problem p;

	memset(out, 0, sizeof(*out));
	if (s->dir < 0)
		return;

	ssize_t n = store_read(s, files->secret, text, sizeof(text), STORE_SECRET);

	if (n == -ENOENT) {
		snprintf(text, sizeof(text), "there, but %s is missing", files->secret);
		if (store_exists(s, files->public))
			unusable_file(out, s, files->public, text);
		return;
	}
	if (n < 0) {
		unusable(out, s->error);
		return;
	}
	p = secret_key_parse(text, (size_t)n, &read, &out->key);
	wipe(text, sizeof(text));
	if (p == KEY_OK) {
		out->state = IDENTITY_GOOD;
		check_public(s, files, out);
	} else {
		unusable_file(out, s, files->secret, key_problem_text(p));
	}
	if (secret && out->state == IDENTITY_GOOD)
		*secret = read;
	wipe(&read, sizeof(read));
}

void read_identity(struct store *s, struct identity *out)
{
	read_pair(s, &identity_files, out, NULL);
}

/* --- folders of keys */

void trust_file(char out[static TRUST_FILE], const char *folder, const char *name)
{
	snprintf(out, TRUST_FILE, "%s/%s.pub", folder, name);
}

struct walk {
	struct store *store;
	const char *folder;
	int (*fn)(void *ctx, const struct trusted *t);
	void *ctx;
};

static void read_trusted(struct store *s, const char *folder, struct trusted *t)
{
	char text[MAX_KEY_TEXT];
	char file[TRUST_FILE];
	enum key_problem p;

	if (!name_valid(t->name, strlen(t->name))) {
		snprintf(t->problem, sizeof(t->problem),
			 "%s/%s/%s.pub: " NAME_RULE,
			 s->path, folder, t->name);
		return;
	}
	trust_file(file, folder, t->name);

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
	read_trusted(w->store, w->folder, &t);
	/* Names of files may hold anything, and this goes to a terminal. */
	for (char *c = t.problem; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	return w->fn(w->ctx, &t);
}

int each_trusted(struct store *s, const char *folder,
		 int (*fn)(void *ctx, const struct trusted *t), void *ctx)
{
	struct walk w = { .store = s, .folder = folder, .fn = fn, .ctx = ctx };

	return store_list(s, folder, visit, &w);
}

struct twin {
	const struct public_key *key;
	char *name;
};

static int is_twin(void *ctx, const struct trusted *t)
{
	struct twin *w = ctx;

	if (!t->good || !keys_are_twins(&t->key, w->key))
		return 0;
	memcpy(w->name, t->name, sizeof(t->name));
	return 1;
}

int find_twin(struct store *s, const char *folder, const struct public_key *key,
	      char name[static NAME_MAX + 1])
{
	struct twin w = { .key = key, .name = name };
	int r;

	name[0] = '\0';
	r = each_trusted(s, folder, is_twin, &w);
	return r < 0 ? r : 0;
}

struct nearest {
	const char *word;
	unsigned distance;
	char *name;
};

static int find_nearest(void *ctx, const struct trusted *t)
{
	struct nearest *n = ctx;
	const char *best = *n->name ? n->name : NULL;

	suggest(n->word, t->name, &best, &n->distance);
	if (best == t->name)
		memcpy(n->name, t->name, sizeof(t->name));
	return 0;
}

int nearest_trusted(struct store *s, const char *folder, const char *word,
		    char name[static NAME_MAX + 1])
{
	struct nearest n = { .word = word, .name = name };

	name[0] = '\0';
	return each_trusted(s, folder, find_nearest, &n);
}

enum exit_code nobody_trusted(struct store *s, const char *folder, const char *word)
{
	const char *who = !strcmp(folder, ORGS_FOLDER) ? "no org" : "nobody";
	const char *is = !strcmp(folder, DENIED_FOLDER) ? "denied" : "trusted";
	char best[NAME_MAX + 1];

	if (nearest_trusted(s, folder, word, best) < 0)
		return fail(EXIT_FAILED, "%s", s->error);
	if (*best)
		return fail(EXIT_FAILED, "%s is %s by the name %.80s; did you mean %s?", who, is,
			    word, best);
	return fail(EXIT_FAILED,
		    "%s is %s by the name %.80s; meshguard config show lists the names", who,
		    is, word);
}

bool trusted_key(struct store *s, const char *folder, const char *name, struct public_key *key)
{
	char file[TRUST_FILE], text[MAX_KEY_TEXT];
	ssize_t n;

	trust_file(file, folder, name);
	n = store_read(s, file, text, sizeof(text), 0);
	return n > 0 && public_key_parse(text, (size_t)n, key) == KEY_OK;
}

/* A key may lie there under several names if somebody copied the file. */
#define MAX_HOLDERS 64u

struct holders {
	const struct public_key *key;
	char names[MAX_HOLDERS][NAME_MAX + 1];
	unsigned count;
};

static int add_holder(void *ctx, const struct trusted *t)
{
	struct holders *h = ctx;

	if (t->good && !memcmp(&t->key, h->key, sizeof(t->key)) && h->count < MAX_HOLDERS)
		memcpy(h->names[h->count++], t->name, sizeof(t->name));
	return 0;
}

int remove_key(struct store *s, const char *folder, const struct public_key *key, const char *verb)
{
	static struct holders h;
	char file[TRUST_FILE];
	int r, removed = 0;

	do {
		h = (struct holders){ .key = key };
		r = each_trusted(s, folder, add_holder, &h);
		for (unsigned i = 0; i < h.count && r == 0; i++) {
			int unfollowed = strcmp(folder, TRUST_FOLDER)
				       ? 0 : store_unfollow(s, h.names[i]);

			trust_file(file, folder, h.names[i]);
			r = store_remove(s, file);
			if (r == 0)
				r = unfollowed;
			if (r == 0 && verb)
				printf("%s %s\n", verb, h.names[i]);
			removed += r == 0;
		}
	} while (h.count == MAX_HOLDERS && r == 0);
	return r < 0 ? r : removed;
}

bool keys_are_twins(const struct public_key *a, const struct public_key *b)
{
	return !memcmp(a->b, b->b, 31) && ((a->b[31] ^ b->b[31]) & 0x7f) == 0;
}
