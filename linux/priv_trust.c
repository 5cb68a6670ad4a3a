/* priv_trust.c - reading authorized_keys.
 *
 * Checking that a key is a point of the curve takes longer than all else (0.1 ms). So its twin,
 * which that finds, is told with it; and the last state is kept: a file that is as it was then is
 * not read again. With 16,384 keys a revocation would otherwise take more than a second.
 */
#include "linux/priv_trust.h"

#include "identity/address.h"
#include "identity/keyfile.h"
#include "linux/priv_inside.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOLDER "authorized_keys"
#define KEY_TEXT 256
#define MAX_ENTRIES (4u * MAX_MEMBERS)
#define MAX_TOLD 32u /* lines about unusable files, of one reading */

struct trust_entry {
	struct public_key key;
	struct dh_public twin;
	char name[MAX_NAME + 1];
	struct store_stamp stamp;
};

static const char *const folders[] = { FOLDER };

void trust_feed_open(struct trust_feed *f, struct store *store, struct instant now)
{
	*f = (struct trust_feed){ .store = store };
	watch_open(&f->watch, store, folders, 1, "trust", now);
}

static void free_names(char **names, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		free(names[i]);
	free(names);
}

static void free_entries(struct trust_feed *f)
{
	free(f->entries);
	free(f->before);
	f->entries = f->before = NULL;
	f->count = f->cap = f->next = f->before_count = 0;
}

void trust_feed_close(struct trust_feed *f)
{
	free_entries(f);
	free_names(f->told, f->told_count);
	free_names(f->bad, f->bad_count);
	f->told = f->bad = NULL;
	f->told_count = f->bad_count = 0;
	watch_close(&f->watch);
}

/* --- reading ----------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void remember_bad(struct trust_feed *f, const char *file)
{
	if (f->bad_count == f->bad_cap) {
		uint32_t cap = f->bad_cap ? 2 * f->bad_cap : 16;
		char **names = reallocarray(f->bad, cap, sizeof(*names));

		if (!names)
			return;
		f->bad = names;
		f->bad_cap = cap;
	}
	f->bad[f->bad_count] = strdup(file);
	f->bad_count += f->bad[f->bad_count] != NULL;
}

static void unusable(struct trust_feed *f, const char *file, const char *why)
{
	f->unusable++;
	if (f->unusable <= MAX_TOLD
	    && !(f->told && bsearch(&file, f->told, f->told_count, sizeof(*f->told), by_name)))
		priv_say("%s (this entry is not used)", why);
	if (f->unusable == MAX_TOLD)
		priv_say("further unusable files in " FOLDER " are only counted");
	remember_bad(f, file);
}

static struct trust_entry *new_entry(struct trust_feed *f)
{
	if (f->count == f->cap) {
		uint32_t cap = f->cap ? 2 * f->cap : 16;
		struct trust_entry *e = reallocarray(f->entries, cap, sizeof(*e));

		if (!e || cap > MAX_ENTRIES) {
			if (e)
				f->entries = e;
			return NULL;
		}
		f->entries = e;
		f->cap = cap;
	}
	memset(&f->entries[f->count], 0, sizeof(*f->entries));
	return &f->entries[f->count];
}

static int by_entry_name(const void *a, const void *b)
{
	return strcmp(((const struct trust_entry *)a)->name, ((const struct trust_entry *)b)->name);
}

/* True, with the key and its twin set, when the file is as it was when it was read before. */
static bool is_known(const struct trust_feed *f, struct trust_entry *e)
{
	const struct trust_entry *old = f->before
		? bsearch(e, f->before, f->before_count, sizeof(*e), by_entry_name) : NULL;

	if (!old || e->stamp.ino == 0 || e->stamp.dev != old->stamp.dev
	    || e->stamp.ino != old->stamp.ino || e->stamp.size != old->stamp.size
	    || e->stamp.changed_ns != old->stamp.changed_ns)
		return false;
	e->key = old->key;
	e->twin = old->twin;
	return true;
}

static void read_entry(struct trust_feed *f, const char *file, size_t name_len)
{
	char path[sizeof(FOLDER) + NAME_MAX + 1], text[KEY_TEXT], why[PATH_MAX + 512];
	struct trust_entry *e = new_entry(f);
	ssize_t n;

	snprintf(path, sizeof(path), FOLDER "/%s", file);
	if (e) {
		memcpy(e->name, file, name_len);
		/* Before reading: what changes after this is read again. */
		if (store_stamp_of(f->store, path, &e->stamp) == 0 && is_known(f, e)) {
			f->count++;
			return;
		}
	}
	n = store_read(f->store, path, text, sizeof(text), 0);
	if (n == -ENOENT) /* removed since it was listed */
		return;
	if (n < 0) {
		f->watch.again |= watch_is_passing((int)n);
		unusable(f, file, f->store->error);
		return;
	}
	if (!e) {
		snprintf(why, sizeof(why), "%s/%s: there are too many keys", f->store->path, path);
		unusable(f, file, why);
		return;
	}

	enum key_problem problem = peer_key_parse(text, (size_t)n, &e->key, &e->twin);

	if (problem != KEY_OK) {
		snprintf(why, sizeof(why), "%s/%s: %s", f->store->path, path,
			 key_problem_text(problem));
		unusable(f, file, why);
		return;
	}
	f->count++;
}

static int visit(void *ctx, const char *file)
{
	struct trust_feed *f = ctx;
	size_t len = strlen(file);

	/* Other files are notes of the owner. */
	if (len <= 4 || len > NAME_MAX || strcmp(file + len - 4, ".pub") != 0)
		return 0;
	if (!name_valid(file, len - 4)) {
		unusable(f, file, "a file in " FOLDER " has a name that no peer can have");
		return 0;
	}
	read_entry(f, file, len - 4);
	return 0;
}

/* r: what opening the directory gave. */
static void read_all(struct trust_feed *f, int r)
{
	if (f->store->owner != f->owner) /* then other files are to be believed */
		free_entries(f);
	f->owner = f->store->owner;
	f->unusable = 0;
	f->bad_count = f->bad_cap = 0;
	f->bad = NULL;
	f->before = f->entries;
	f->before_count = f->count;
	f->entries = NULL;
	f->count = f->cap = 0;
	if (r == 0)
		r = store_list(f->store, FOLDER, visit, f);
	if (r < 0) {
		if (!f->unreadable)
			priv_say("%s; until that is mended nobody is trusted", f->store->error);
		free_entries(f);
	}
	f->unreadable = r < 0;
	f->watch.again |= r < 0;
	free_names(f->told, f->told_count);
	f->told = f->bad;
	f->told_count = f->bad_count;
	f->bad = NULL;
	f->bad_count = f->bad_cap = 0;
	if (f->told_count)
		qsort(f->told, f->told_count, sizeof(*f->told), by_name);
	free(f->before);
	f->before = NULL;
	f->before_count = 0;
	if (f->count)
		qsort(f->entries, f->count, sizeof(*f->entries), by_entry_name);
	f->phase = TRUST_AT_BEGIN;
	f->next = 0;
}

/* --- out --------------------------------------------------------------------------------- */

struct instant trust_feed_deadline(const struct trust_feed *f)
{
	return f->phase == TRUST_IDLE ? watch_deadline(&f->watch) : INSTANT_NEVER;
}

void trust_feed_tick(struct trust_feed *f, struct instant now)
{
	int error;

	if (f->phase != TRUST_IDLE || !watch_due(&f->watch, now, &error))
		return;
	read_all(f, error);
	watch_done(&f->watch, now);
}

bool trust_feed_next(const struct trust_feed *f, struct priv_message *m)
{
	switch (f->phase) {
	case TRUST_IDLE:
		return false;
	case TRUST_AT_BEGIN:
		message_init(m, PRIV_TRUST_BEGIN);
		m->flag = f->unreadable;
		return true;
	case TRUST_AT_KEYS:
		message_init(m, PRIV_TRUST_KEY);
		m->key = f->entries[f->next].key;
		m->twin = f->entries[f->next].twin;
		memcpy(m->name, f->entries[f->next].name, sizeof(m->name));
		return true;
	case TRUST_AT_END:
		message_init(m, PRIV_TRUST_END);
		m->value = f->unusable;
		return true;
	}
	return false;
}

void trust_feed_sent(struct trust_feed *f)
{
	if (f->phase == TRUST_AT_END) {
		f->phase = TRUST_IDLE;
		return;
	}
	if (f->phase == TRUST_AT_KEYS)
		f->next++;
	f->phase = f->next < f->count ? TRUST_AT_KEYS : TRUST_AT_END;
}
