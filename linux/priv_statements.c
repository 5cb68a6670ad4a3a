#include "linux/priv_statements.h"

#include "linux/priv_watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AT_ONCE 64u  /* files checked before others have their turn */

/* --- entries */

static bool is_revocation(const char *name)
{
	const char *kind = statement_kind_name(STATEMENT_REVOCATION);

	return strncmp(name, kind, strlen(kind)) == 0;
}

static bool has_room(const struct statement_folder *f, const char *name)
{
	return f->count < STATEMENTS_MOST
	       && (is_revocation(name) || f->others < STATEMENTS_OTHERS);
}

/* The first entry that is not before that name. */
static uint32_t place_of(const struct statement_entry *entries, uint32_t count, const char *name)
{
	uint32_t low = 0, high = count;

	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (strcmp(entries[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct statement_entry *find(struct statement_entry *entries, uint32_t count,
				    const char *name)
{
	uint32_t at = place_of(entries, count, name);

	return at < count && !strcmp(entries[at].name, name) ? &entries[at] : NULL;
}

/* A new one in its place; NULL without memory. What is to come next stays the next. */
static struct statement_entry *insert(struct statement_folder *f, const char *name)
{
	uint32_t at = place_of(f->entries, f->count, name);

	if (f->count == f->cap) {
		uint32_t cap = f->cap ? 2 * f->cap : 16;
		struct statement_entry *e = reallocarray(f->entries, cap, sizeof(*e));

		if (!e)
			return NULL;
		f->entries = e;
		f->cap = cap;
	}
	memmove(&f->entries[at + 1], &f->entries[at], (f->count - at) * sizeof(*f->entries));
	memset(&f->entries[at], 0, sizeof(*f->entries));
	memcpy(f->entries[at].name, name, strlen(name));
	f->count++;
	f->others += !is_revocation(name);
	f->next += at < f->next;
	return &f->entries[at];
}

/* --- reading */

struct listing {
	struct statement_folder *f;
	struct store *store;
	const struct key_folder *orgs;
	struct unusable *unusable;
};

/* Of an org that is not trusted. */
static bool is_foreign(const struct key_folder *orgs, const char *name)
{
	struct public_key issuer;

	if (!statement_name_issuer(name, &issuer))
		return false;
	for (uint32_t i = 0; i < orgs->count; i++)
		if (!memcmp(&orgs->entries[i].key, &issuer, sizeof(issuer)))
			return false;
	return true;
}

static int visit(void *ctx, const char *name)
{
	struct listing *l = ctx;
	struct statement_folder *f = l->f;
	struct statement_entry *e = NULL, *old;
	char file[STORE_ORGS_FILE], why[PATH_MAX + STORE_ORGS_FILE + 80];

	if (!is_statement_name(name) || is_foreign(l->orgs, name))
		return 0;
	snprintf(file, sizeof(file), STATEMENT_FOLDER "/%s", name);
	if (has_room(f, name))
		e = insert(f, name);
	if (!e) {
		snprintf(why, sizeof(why), "%s/%s: there are too many statements", l->store->path,
			 file);
		unusable_add(l->unusable, why);
		f->lost |= is_revocation(name);
		return 0;
	}
	/* Before reading: what changes after this is read again. */
	if (store_stamp_of(l->store, file, &e->stamp) != 0)
		return 0;
	old = find(f->before, f->before_count, name);
	if (old && old->state == STATEMENT_GOOD && store_stamp_is_same(&e->stamp, &old->stamp)) {
		e->state = STATEMENT_GOOD;
		e->len = old->len;
		memcpy(e->wire, old->wire, old->len);
	}
	return 0;
}

void statement_folder_list(struct statement_folder *f, struct store *s,
			   const struct key_folder *orgs, struct unusable *u)
{
	statement_folder_settle(f);
	f->before = f->entries;
	f->before_count = f->count;
	f->entries = NULL;
	f->count = f->cap = f->others = f->next = 0;
	f->lost = f->passing = false;
	f->error = store_list(s, STATEMENT_FOLDER, visit, &(struct listing){ f, s, orgs, u });
	if (f->error) {
		f->count = f->others = 0;
		f->passing = true;
	}
}

/* The node process verifies them once more. What is accepted here, successors, is verified here. */
static int check_file(struct store *s, const char *file, struct statement_claim *out)
{
	int r = store_statement_claim(s, file, out);
	struct statement st;

	if (r != 1 || out->body.kind != STATEMENT_SUCCESSOR)
		return r;
	return store_statement_load(s, file, &st);
}

static void check(struct statement_folder *f, struct statement_entry *e, struct store *s,
		  struct unusable *u)
{
	char file[STORE_ORGS_FILE];
	struct statement_claim st;
	int r;

	snprintf(file, sizeof(file), STATEMENT_FOLDER "/%s", e->name);
	r = check_file(s, file, &st);
	e->state = r == 1 ? STATEMENT_GOOD : STATEMENT_BAD;
	if (r == 1) {
		e->len = st.len;
		memcpy(e->wire, st.wire, st.len);
	} else if (r != -ENOENT) { /* that was removed since it was listed */
		unusable_add(u, s->error);
		f->passing |= watch_is_passing(r);
		f->lost |= r != -EBADMSG && is_revocation(e->name);
	}
}

bool statement_folder_check(struct statement_folder *f, struct store *s, struct unusable *u)
{
	for (uint32_t n = 0; f->next < f->count; f->next++) {
		if (f->entries[f->next].state != STATEMENT_UNCHECKED)
			continue;
		if (n++ == AT_ONCE)
			return false;
		check(f, &f->entries[f->next], s, u);
	}
	return true;
}

bool statement_folder_is_same(const struct statement_folder *f)
{
	if (f->count != f->before_count)
		return false;
	for (uint32_t i = 0; i < f->count; i++) {
		const struct statement_entry *a = &f->entries[i], *b = &f->before[i];

		if (a->state != b->state || a->len != b->len || strcmp(a->name, b->name) != 0
		    || memcmp(a->wire, b->wire, a->len) != 0)
			return false;
	}
	return true;
}

void statement_folder_settle(struct statement_folder *f)
{
	free(f->before);
	f->before = NULL;
	f->before_count = 0;
}

void statement_folder_free(struct statement_folder *f)
{
	statement_folder_settle(f);
	free(f->entries);
	f->entries = NULL;
	f->count = f->cap = f->others = f->next = 0;
}

/* --- telling */

static void skip_bad(struct statement_folder *f)
{
	while (f->next < f->count && f->entries[f->next].state != STATEMENT_GOOD)
		f->next++;
}

void statement_folder_rewind(struct statement_folder *f)
{
	f->next = 0;
	skip_bad(f);
}

const struct statement_entry *statement_folder_next(const struct statement_folder *f)
{
	return f->next < f->count ? &f->entries[f->next] : NULL;
}

void statement_folder_sent(struct statement_folder *f)
{
	f->next++;
	skip_bad(f);
}

/* --- writing */

/* Of what an issuer says about a subject the highest number counts, and of equal ones the greater
 * bytes, as in the node's memory: the owner may have put it there a moment ago. */
static bool counts_more(const struct statement *there, const struct priv_statement *p)
{
	if (there->body.number != p->number)
		return there->body.number > p->number;
	return there->len >= p->len && memcmp(there->wire, p->wire, p->len) >= 0;
}

static bool is_sound(const struct priv_statement *p)
{
	return p->kind >= 1 && p->kind <= STATEMENT_KINDS && p->len >= 1 && p->len <= MAX_STATEMENT;
}

/* The bytes are what the child says that they are. */
static bool is_signed(const struct priv_statement *p)
{
	struct statement_claim c;
	struct statement st;

	if (!statement_decode(bytes_of(p->wire, p->len), &c) || c.body.kind != p->kind
	    || c.body.number != p->number
	    || memcmp(&c.body.issuer, &p->issuer, sizeof(p->issuer)) != 0
	    || memcmp(&c.body.subject, &p->subject, sizeof(p->subject)) != 0)
		return false;
	return p->kind == STATEMENT_SUCCESSOR ? statement_verify(&c, &st)
					      : statement_is_signed(&c);
}

int statement_folder_save(struct statement_folder *f, struct store *s,
			  const struct key_folder *orgs, const struct priv_statement *p)
{
	char file[STORE_ORGS_FILE], *name = file + sizeof(STATEMENT_FOLDER);
	struct statement_entry *e;
	struct statement there;
	int r;

	if (!is_sound(p) || !is_signed(p))
		return -EINVAL;
	statement_file(file, (enum statement_kind)p->kind, &p->issuer, &p->subject);
	if (is_foreign(orgs, name)) /* it would be neither read nor counted */
		return 0;
	e = find(f->entries, f->count, name);
	if (!e && !has_room(f, name))
		return -EDQUOT;
	r = store_statement_load(s, file, &there);
	if (r == 1 && counts_more(&there, p))
		return 0;
	r = store_statement_keep(s, file, bytes_of(p->wire, p->len));
	if (r < 0)
		return r;
	if (!e)
		e = insert(f, name);
	if (!e) /* then it is found like a file of somebody else's */
		return 0;
	e->state = STATEMENT_GOOD;
	e->ours = true;
	e->stamp = (struct store_stamp){ 0 };
	e->len = (uint16_t)p->len;
	memcpy(e->wire, p->wire, p->len);
	return 0;
}

bool statement_folder_wrote(const struct statement_folder *f, const char *name)
{
	const struct statement_entry *e = find(f->entries, f->count, name);

	return e && e->ours;
}
