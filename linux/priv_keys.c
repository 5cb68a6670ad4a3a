/* priv_keys.c - reading folders of keys.
 *
 * Checking that a key is a point of the curve takes longer than all else (0.1 ms). So its twin,
 * which that finds, is kept with it. With 16,384 keys a revocation would otherwise take more than
 * a second.
 */
#include "linux/priv_keys.h"

#include "identity/address.h"
#include "identity/keyfile.h"
#include "linux/priv_watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_TEXT 256
#define ENDING ".pub"

struct reading {
	struct key_folder *f;
	struct store *store;
	struct unusable *unusable;
};

static struct key_entry *new_entry(struct key_folder *f)
{
	if (f->count == f->most)
		return NULL;
	if (f->count == f->cap) {
		uint32_t cap = f->cap ? 2 * f->cap : 16;
		struct key_entry *e = reallocarray(f->entries, cap, sizeof(*e));

		if (!e)
			return NULL;
		f->entries = e;
		f->cap = cap;
	}
	memset(&f->entries[f->count], 0, sizeof(*f->entries));
	return &f->entries[f->count];
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct key_entry *)a)->name, ((const struct key_entry *)b)->name);
}

/* True, with the key and its twin set, when the file is as it was when it was read before. */
static bool is_known(const struct key_folder *f, struct key_entry *e)
{
	const struct key_entry *old = f->before
		? bsearch(e, f->before, f->before_count, sizeof(*e), by_name) : NULL;

	if (!old || !store_stamp_is_same(&e->stamp, &old->stamp))
		return false;
	e->key = old->key;
	e->twin = old->twin;
	return true;
}

/* What the file holds; false if that is nothing of use. */
static bool parse_entry(struct reading *r, const char *path, struct key_entry *e)
{
	char text[KEY_TEXT], why[PATH_MAX + 2 * NAME_MAX + 200];
	ssize_t n = store_read(r->store, path, text, sizeof(text), 0);
	enum key_problem problem;

	if (n == -ENOENT) /* removed since it was listed */
		return false;
	if (n < 0) {
		r->f->passing |= watch_is_passing((int)n);
		r->f->lost = true;
		unusable_add(r->unusable, r->store->error);
		return false;
	}
	if (!e) {
		snprintf(why, sizeof(why), "%s/%s: there are too many keys", r->store->path, path);
		r->f->lost = true;
		unusable_add(r->unusable, why);
		return false;
	}
	problem = peer_key_parse(text, (size_t)n, &e->key, &e->twin);
	if (problem == KEY_OK)
		return true;
	snprintf(why, sizeof(why), "%s/%s: %s", r->store->path, path, key_problem_text(problem));
	r->f->lost = true; /* whose key it was nobody can tell */
	unusable_add(r->unusable, why);
	return false;
}

static int visit(void *ctx, const char *file)
{
	struct reading *r = ctx;
	char path[2 * NAME_MAX + 3], why[2 * NAME_MAX + 80];
	size_t len = strlen(file), name_len = len - (sizeof(ENDING) - 1);
	struct key_entry *e;

	/* Other files are notes of the owner. */
	if (len < sizeof(ENDING) || len > NAME_MAX || strcmp(file + name_len, ENDING) != 0)
		return 0;
	snprintf(path, sizeof(path), "%s/%s", r->f->folder, file);
	if (!name_valid(file, name_len)) {
		snprintf(why, sizeof(why), "%s: a name that no peer can have", path);
		r->f->lost = true;
		unusable_add(r->unusable, why);
		return 0;
	}
	e = new_entry(r->f);
	if (e) {
		memcpy(e->name, file, name_len);
		/* Before reading: what changes after this is read again. */
		if (store_stamp_of(r->store, path, &e->stamp) == 0 && is_known(r->f, e)) {
			r->f->count++;
			return 0;
		}
	}
	r->f->count += parse_entry(r, path, e);
	return 0;
}

void key_folder_read(struct key_folder *f, struct store *s, struct unusable *u)
{
	key_folder_settle(f);
	f->before = f->entries;
	f->before_count = f->count;
	f->entries = NULL;
	f->count = f->cap = 0;
	f->lost = f->passing = false;
	f->error = store_list(s, f->folder, visit, &(struct reading){ f, s, u });
	if (f->error) {
		f->count = 0;
		f->passing = true;
	}
	if (f->count)
		qsort(f->entries, f->count, sizeof(*f->entries), by_name);
}

bool key_folder_is_same(const struct key_folder *f)
{
	if (f->count != f->before_count)
		return false;
	for (uint32_t i = 0; i < f->count; i++)
		if (memcmp(&f->entries[i].key, &f->before[i].key, sizeof(f->entries[i].key)) != 0
		    || strcmp(f->entries[i].name, f->before[i].name) != 0)
			return false;
	return true;
}

void key_folder_settle(struct key_folder *f)
{
	free(f->before);
	f->before = NULL;
	f->before_count = 0;
}

void key_folder_free(struct key_folder *f)
{
	key_folder_settle(f);
	free(f->entries);
	f->entries = NULL;
	f->count = f->cap = 0;
}
