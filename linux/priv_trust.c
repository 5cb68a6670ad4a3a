#include "linux/priv_trust.h"

#include "linux/loop.h"
#include "linux/priv_follow.h"
#include "linux/priv_former.h"
#include "linux/priv_inside.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define KEYS_FOLDER "authorized_keys"
#define ORGS_FOLDER "trusted_orgs"
#define DENIED_FOLDER "denied_keys"
#define MOST_KEYS (4u * MAX_MEMBERS)

static const char *const folders[] = {
	KEYS_FOLDER, DENIED_FOLDER, ORGS_FOLDER, STATEMENT_FOLDER, CERTIFICATE_FOLDER,
};

static bool is_ours(void *ctx, const char *file)
{
	const struct trust_feed *f = ctx;
	const char *kind = statement_kind_name(STATEMENT_SUCCESSOR);

	/* It may be that of a key that is followed. */
	if (strncmp(file, kind, strlen(kind)) == 0)
		return false;
	return statement_folder_wrote(&f->statements, file);
}

void trust_feed_open(struct trust_feed *f, struct store *store, const struct public_key *own,
		     struct instant now)
{
	*f = (struct trust_feed){
		.store = store, .own = *own,
		.keys = { .folder = KEYS_FOLDER, .most = MOST_KEYS },
		.denials = { .folder = DENIED_FOLDER, .most = TRUST_DENIALS },
		.orgs = { .folder = ORGS_FOLDER, .most = TRUST_ORGS },
	};
	f->ends = INSTANT_NEVER;
	second_feed_open(&f->second, own);
	watch_open(&f->watch, store, folders, sizeof(folders) / sizeof(*folders),
		   "the configuration", NULL, now);
	f->watch.all_beside = true; /* keys of ours */
	f->watch.is_ours = is_ours;
	f->watch.ctx = f;
}

static void free_all(struct trust_feed *f)
{
	key_folder_free(&f->keys);
	key_folder_free(&f->denials);
	key_folder_free(&f->orgs);
	statement_folder_free(&f->statements);
}

void trust_feed_close(struct trust_feed *f)
{
	free_all(f);
	unusable_free(&f->unusable);
	watch_close(&f->watch);
}

void trust_feed_reload(struct trust_feed *f, struct instant now)
{
	f->again = true;
	watch_reload(&f->watch, now);
}

int trust_feed_save(struct trust_feed *f, const struct priv_message *m)
{
	struct priv_statement p;

	if (m->data_len != sizeof(p))
		return -EINVAL;
	memcpy(&p, m->data, sizeof(p));
	/* Which orgs are trusted is not known (yet). */
	if (f->now.unreadable || f->orgs.error || (!f->told && f->phase == TRUST_IDLE))
		return -EIO;
	return statement_folder_save(&f->statements, f->store, &f->orgs, &p);
}

/* --- reading ----------------------------------------------------------------------------- */

/* What keeps others out is not known: said once. */
static void close_orgs(struct trust_feed *f, const char *why)
{
	if (!f->now.closed && !f->before.closed)
		priv_say("%s; until that is mended neither orgs nor --open let anybody in", why);
	f->now.closed = true;
}

static void close_for_lost(struct trust_feed *f, const char *folder)
{
	char why[PATH_MAX + 80];

	snprintf(why, sizeof(why), "not all files in %s/%s could be used", f->store->path, folder);
	close_orgs(f, why);
}

static bool is_own_key(const struct trust_feed *f, const struct public_key *key)
{
	return !memcmp(key, &f->own, sizeof(*key))
	       || (f->second.role != SECOND_NONE && !memcmp(key, &f->second.key, sizeof(*key)));
}

static void read_certificate(struct trust_feed *f, const char *file)
{
	struct own_certificates *all = &f->certificates;
	char why[PATH_MAX + STORE_ORGS_FILE + 80];
	struct certificate c;
	int r = store_certificate_load(f->store, file, &c);
	bool own = r == 1 && is_own_key(f, &c.body.node);

	if (r == -ENOENT) /* removed since it was listed */
		return;
	if (r < 0) {
		f->watch.again |= watch_is_passing(r);
		unusable_add(&f->unusable, f->store->error);
		return;
	}
	if (!own && !certificate_is_main(file, &c)) /* it waits for its key, or did its work */
		return;
	if (!own || all->count == sizeof(all->list) / sizeof(*all->list)) {
		snprintf(why, sizeof(why), "%s/%s: %s", f->store->path, file, own
			 ? "there are too many certificates" : "a certificate of another node");
		unusable_add(&f->unusable, why);
		return;
	}
	all->list[all->count].len = c.len;
	memcpy(all->list[all->count].wire, c.wire, c.len);
	all->count++;
}

static int visit_certificate(void *ctx, const char *name)
{
	char file[STORE_ORGS_FILE];

	if (!is_certificate_name(name))
		return 0;
	snprintf(file, sizeof(file), CERTIFICATE_FOLDER "/%s", name);
	read_certificate(ctx, file);
	return 0;
}

static void read_certificates(struct trust_feed *f)
{
	if (store_list(f->store, CERTIFICATE_FOLDER, visit_certificate, f) < 0) {
		f->watch.again = true;
		unusable_add(&f->unusable, f->store->error);
	}
}

/* A folder that lets others in, or keeps them out. */
static void read_keys(struct trust_feed *f, struct key_folder *k)
{
	key_folder_read(k, f->store, &f->unusable);
	f->watch.again |= k->passing;
	if (k->error && k != &f->keys)
		close_orgs(f, f->store->error);
	if (k->lost && k == &f->denials)
		close_for_lost(f, k->folder);
}

static void trust_nobody(struct trust_feed *f)
{
	if (!f->before.unreadable)
		priv_say("%s; until that is mended nobody is trusted", f->store->error);
	f->now.unreadable = f->now.closed = f->watch.again = true;
}

/* r: what opening the directory gave. Signatures are left to be checked. */
static void read_all(struct trust_feed *f, int r)
{
	if (f->store->owner != f->owner) /* then other files are to be believed */
		free_all(f);
	f->owner = f->store->owner;
	f->before = f->now;
	f->now = (struct trust_verdict){ 0 };
	f->certificates_before = f->certificates;
	memset(&f->certificates, 0, sizeof(f->certificates));
	unusable_begin(&f->unusable);
	f->phase = TRUST_READING;
	if (r < 0) {
		trust_nobody(f);
		free_all(f);
		return;
	}
	f->again |= second_feed_read(&f->second, f->store, clock_now(), &f->watch.again);
	f->own = f->second.main;
	read_keys(f, &f->denials);
	read_keys(f, &f->orgs);
	statement_folder_list(&f->statements, f->store, &f->orgs, &f->unusable);
	if (f->statements.error)
		close_orgs(f, f->store->error);
	read_certificates(f);
	read_keys(f, &f->keys);
	if (f->keys.error)
		trust_nobody(f);
}

static bool is_same(const struct trust_feed *f)
{
	const struct own_certificates *a = &f->certificates, *b = &f->certificates_before;

	return f->now.unreadable == f->before.unreadable && f->now.closed == f->before.closed
	       && f->now.unusable == f->before.unusable && f->now.ended == f->before.ended
	       && key_folder_is_same(&f->keys)
	       && key_folder_is_same(&f->denials) && key_folder_is_same(&f->orgs)
	       && statement_folder_is_same(&f->statements) && a->count == b->count
	       && !memcmp(a->list, b->list, a->count * sizeof(*a->list));
}

/* Not while it is unknown who is to be kept out. */
static void accept_followed(const struct trust_feed *f)
{
	const struct follow follow = {
		.store = f->store, .own = &f->own, .keys = &f->keys, .denials = &f->denials,
		.orgs = &f->orgs, .statements = &f->statements, .now = clock_now().wall.s,
	};

	if (!f->now.closed && !f->now.unreadable)
		follow_accept(&follow);
}

/* All is read: is it to be told? */
static void judge(struct trust_feed *f, struct instant now)
{
	bool tell;

	f->watch.again |= f->statements.passing;
	if (f->statements.lost)
		close_for_lost(f, STATEMENT_FOLDER);
	accept_followed(f);
	f->now.unusable = f->unusable.count;
	f->now.ended = former_mark(&f->keys, &f->statements,
				   (struct moment){ now, clock_now().wall }, &f->ends);
	tell = f->again || !f->told || !is_same(f);
	key_folder_settle(&f->keys);
	key_folder_settle(&f->denials);
	key_folder_settle(&f->orgs);
	statement_folder_settle(&f->statements);
	statement_folder_rewind(&f->statements);
	watch_done(&f->watch, now);
	f->phase = !tell ? TRUST_IDLE : f->second.tell ? TRUST_AT_SECOND : TRUST_AT_BEGIN;
	f->again = false;
	f->next = 0;
}

/* --- out --------------------------------------------------------------------------------- */

struct instant trust_feed_deadline(const struct trust_feed *f)
{
	return f->phase == TRUST_IDLE
	     ? instant_min(watch_deadline(&f->watch), instant_min(f->ends, f->second.look))
	     : f->phase == TRUST_READING ? INSTANT_ZERO : INSTANT_NEVER;
}

void trust_feed_tick(struct trust_feed *f, struct instant now)
{
	int error;

	if (f->phase == TRUST_IDLE
	    && instant_reached(instant_min(f->ends, f->second.look), now)) {
		f->ends = f->second.look = INSTANT_NEVER;
		watch_reload(&f->watch, now);
	}
	if (f->phase == TRUST_IDLE && watch_due(&f->watch, now, &error))
		read_all(f, error);
	if (f->phase != TRUST_READING)
		return;
	if (f->store->dir < 0 && !f->now.unreadable) { /* lost under our hands: from the start */
		f->phase = TRUST_IDLE;
		trust_feed_reload(f, now);
	} else if (statement_folder_check(&f->statements, f->store, &f->unusable)) {
		judge(f, now);
	}
}

static void put_key(struct priv_message *m, enum priv_kind kind, const struct key_entry *e)
{
	message_init(m, kind);
	m->key = e->key;
	m->twin = e->twin;
	memcpy(m->name, e->name, sizeof(m->name));
}

static void put_data(struct priv_message *m, enum priv_kind kind, const uint8_t *wire, uint32_t len)
{
	message_init(m, kind);
	m->data_len = len;
	memcpy(m->data, wire, len);
}

bool trust_feed_next(const struct trust_feed *f, struct priv_message *m)
{
	const struct statement_entry *s;
	const struct own_certificate *c;

	switch (f->phase) {
	case TRUST_IDLE:
	case TRUST_READING:
		return false;
	case TRUST_AT_SECOND:
		second_feed_message(&f->second, m);
		return true;
	case TRUST_AT_BEGIN:
		message_init(m, PRIV_TRUST_BEGIN);
		m->flag = f->now.unreadable;
		return true;
	case TRUST_AT_DENIALS:
		put_key(m, PRIV_TRUST_DENY, &f->denials.entries[f->next]);
		return true;
	case TRUST_AT_CLOSED:
		message_init(m, PRIV_TRUST_DENY);
		m->flag = true;
		return true;
	case TRUST_AT_ORGS:
		put_key(m, PRIV_TRUST_ORG, &f->orgs.entries[f->next]);
		return true;
	case TRUST_AT_STATEMENTS:
		s = statement_folder_next(&f->statements);
		put_data(m, PRIV_TRUST_STATEMENT, s->wire, s->len);
		return true;
	case TRUST_AT_CERTIFICATES:
		c = &f->certificates.list[f->next];
		put_data(m, PRIV_TRUST_CERTIFICATE, c->wire, c->len);
		return true;
	case TRUST_AT_KEYS:
		put_key(m, PRIV_TRUST_KEY, &f->keys.entries[f->next]);
		return true;
	case TRUST_AT_END:
		message_init(m, PRIV_TRUST_END);
		m->value = f->now.unusable;
		return true;
	}
	return false;
}

/* True when the phase has something (more) to give. */
static bool has_more(const struct trust_feed *f)
{
	switch (f->phase) {
	case TRUST_AT_DENIALS:
		return f->next < f->denials.count;
	case TRUST_AT_CLOSED:
		return f->now.closed && f->next == 0;
	case TRUST_AT_ORGS:
		return !f->now.closed && f->next < f->orgs.count;
	case TRUST_AT_STATEMENTS:
		return statement_folder_next(&f->statements) != NULL;
	case TRUST_AT_CERTIFICATES:
		return f->next < f->certificates.count;
	case TRUST_AT_KEYS:
		return f->next < f->keys.count;
	default:
		return true;
	}
}

static void skip_ended(struct trust_feed *f)
{
	while (f->phase == TRUST_AT_KEYS && f->next < f->keys.count
	       && f->keys.entries[f->next].ended)
		f->next++;
}

void trust_feed_sent(struct trust_feed *f)
{
	if (f->phase == TRUST_AT_SECOND) {
		second_feed_sent(&f->second);
		f->phase = TRUST_AT_BEGIN;
		return;
	}
	if (f->phase == TRUST_AT_END) {
		f->phase = TRUST_IDLE;
		f->told = true;
		return;
	}
	if (f->phase == TRUST_AT_STATEMENTS)
		statement_folder_sent(&f->statements);
	f->next++;
	skip_ended(f);
	if (f->phase != TRUST_AT_BEGIN && has_more(f))
		return;
	do {
		f->phase++;
		f->next = 0;
		skip_ended(f);
	} while (!has_more(f));
}
