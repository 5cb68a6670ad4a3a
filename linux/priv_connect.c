#include "linux/priv_connect.h"

#include "linux/loop.h"
#include "linux/priv_inside.h"
#include "linux/store_tokens.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

static const char *const folders[] = { INVITATION_FOLDER, JOIN_FOLDER, SEED_FOLDER };

_Static_assert(sizeof(struct node_token) <= PRIV_DATA, "a token fits a message");

#define LIST (NODE_TOKENS * sizeof(struct node_token))

int connect_feed_open(struct connect_feed *f, struct store *store, struct watch *with,
		      struct instant now)
{
	void *lists = mmap(NULL, 2 * LIST, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);

	if (lists == MAP_FAILED)
		return -errno;
	madvise(lists, 2 * LIST, MADV_WIPEONFORK);
	madvise(lists, 2 * LIST, MADV_DONTDUMP);
	mlock(lists, 2 * LIST);
	*f = (struct connect_feed){ .store = store, .ends = INSTANT_NEVER, .list = lists };
	f->before = f->list + NODE_TOKENS;
	watch_open(&f->watch, store, folders, sizeof(folders) / sizeof(*folders), "tokens", with,
		   now);
	return 0;
}

void connect_feed_close(struct connect_feed *f)
{
	if (!f->list)
		return;
	wipe(f->list, 2 * LIST);
	munmap(f->list, 2 * LIST);
	f->list = f->before = NULL;
	watch_close(&f->watch);
}

/* --- reading ----------------------------------------------------------------------------- */

struct reading {
	struct connect_feed *feed;
	const char *folder;
	uint64_t now;
	uint64_t ends;              /* the first that does; UINT64_MAX: none */
};

static void take_candidates(struct node_token *t, struct store *s, const struct token_file *f,
			    bool joining)
{
	struct endpoint at;

	if (joining) {
		t->hard = f->token.hard;
		t->count = f->token.candidate_count;
		memcpy(t->candidates, f->token.candidates, sizeof(t->candidates));
	} else if (reply_load(s, f->id, &at, &t->hard) == 0) {
		t->candidates[t->count++] = (struct token_candidate){ .at = at, .open = true };
	}
}

static uint8_t verdict_of(enum token_outcome outcome)
{
	switch (outcome) {
	case OUTCOME_JOINED:
		return VERDICT_ACCEPTED;
	case OUTCOME_ASKED:
		return VERDICT_ASKED;
	case OUTCOME_EXPIRED:
		return VERDICT_EXPIRED;
	case OUTCOME_REFUSED:
		return VERDICT_REFUSED;
	default:
		return VERDICT_USED;
	}
}

/* What is over is not told; an unused token is a secret, and goes. */
static bool is_over(struct reading *x, const struct token_file *f)
{
	if (x->now < f->expires) {
		if (f->expires < x->ends)
			x->ends = f->expires;
		return false;
	}
	if (!f->ended && token_remove(x->feed->store, x->folder, f->id) < 0)
		x->feed->watch.again = true;
	return true;
}

static int visit(void *ctx, const char *name)
{
	struct reading *x = ctx;
	struct connect_feed *feed = x->feed;
	struct node_token *t = &feed->list[feed->count];
	bool joining = !strcmp(x->folder, JOIN_FOLDER);
	struct token_file f;
	int r;

	if (!is_token_file(name) || feed->count == NODE_TOKENS)
		return 0;
	r = token_load(feed->store, x->folder, name, &f);
	if (r < 0 && r != -ENOENT)
		priv_say("%s", feed->store->error);
	if (r < 0)
		return 0;
	if (!is_over(x, &f) && !(joining && f.ended)) {
		memset(t, 0, sizeof(*t)); /* padding, too: they are compared */
		t->role = joining ? NODE_TOKEN_JOINING
			: f.ended ? NODE_TOKEN_SPENT : NODE_TOKEN_INVITED;
		t->verdict = verdict_of(f.outcome);
		hex_decode(f.id, TOKEN_ID_TEXT, t->id, sizeof(t->id));
		t->mark = f.mark;
		t->expires = f.expires;
		t->key = f.ended ? f.key : f.token.key;
		if (!f.ended) {
			token_bell(&f.token, &t->bell);
			t->introducer_count = f.token.introducer_count;
			memcpy(t->introducers, f.token.introducers, sizeof(t->introducers));
		}
		if (!f.ended)
			take_candidates(t, feed->store, &f, joining);
		feed->count++;
	}
	if (!joining)
		token_mend(feed->store, &f);
	wipe(&f, sizeof(f));
	return 0;
}

static int visit_seed(void *ctx, const char *name)
{
	struct connect_feed *f = ctx;
	struct endpoint at;
	int r;

	if (!is_seed_file(name))
		return 0;
	r = seed_load(f->store, name, &at);
	if (r < 0 && r != -ENOENT)
		priv_say("%s", f->store->error);
	if (r < 0)
		return 0;
	for (unsigned i = 0; i < f->seed_count; i++)
		if (endpoint_equal(&f->seeds[i], &at))
			return 0;
	if (f->seed_count < MAX_SEEDS)
		f->seeds[f->seed_count++] = at;
	return 0;
}

static void read_all(struct connect_feed *f, struct instant now)
{
	struct reading x = { .feed = f, .now = clock_now().wall.s, .ends = UINT64_MAX };

	memcpy(f->before, f->list, LIST);
	f->count_before = f->count;
	wipe(f->list, LIST);
	f->count = 0;
	for (unsigned i = 0; i < 2; i++) {
		x.folder = folders[i];
		if (store_list(f->store, x.folder, visit, &x) < 0)
			f->watch.again = true;
	}
	if (store_list(f->store, SEED_FOLDER, visit_seed, f) < 0)
		f->watch.again = true;
	f->ends = x.ends == UINT64_MAX ? INSTANT_NEVER
				       : instant_add(now, span_s(x.ends - x.now + 1));
}

static bool is_same(const struct connect_feed *f)
{
	return f->count == f->count_before
	       && !memcmp(f->list, f->before, f->count * sizeof(*f->list));
}

void connect_feed_tick(struct connect_feed *f, struct instant now)
{
	int error;

	if (f->phase != CONNECT_IDLE)
		return;
	if (instant_reached(f->ends, now)) {
		f->ends = INSTANT_NEVER;
		watch_reload(&f->watch, now);
	}
	if (!watch_due(&f->watch, now, &error))
		return;
	if (error == 0)
		read_all(f, now);
	watch_done(&f->watch, now);
	if (error || (f->told ? is_same(f) : !f->count))
		return;
	f->told = true;
	f->phase = CONNECT_AT_BEGIN;
	f->next = 0;
}

void connect_feed_again(struct connect_feed *f, struct instant now)
{
	f->told = false;
	watch_reload(&f->watch, now);
}

struct instant connect_feed_deadline(const struct connect_feed *f)
{
	return f->phase == CONNECT_IDLE ? instant_min(watch_deadline(&f->watch), f->ends)
					: INSTANT_NEVER;
}

/* --- out --------------------------------------------------------------------------------- */

bool connect_feed_next(const struct connect_feed *f, struct priv_message *m)
{
	if (f->seeds_told < f->seed_count) {
		message_init(m, PRIV_SAVED_SEED);
		m->endpoint = f->seeds[f->seeds_told];
		return true;
	}
	switch (f->phase) {
	case CONNECT_IDLE:
		return false;
	case CONNECT_AT_BEGIN:
		message_init(m, PRIV_TOKENS_BEGIN);
		return true;
	case CONNECT_AT_TOKENS:
		message_init(m, PRIV_TOKEN);
		m->data_len = sizeof(f->list[0]);
		memcpy(m->data, &f->list[f->next], sizeof(f->list[0]));
		return true;
	case CONNECT_AT_END:
		message_init(m, PRIV_TOKENS_END);
		return true;
	}
	return false;
}

void connect_feed_sent(struct connect_feed *f, const struct priv_message *m)
{
	if (m->kind == PRIV_SAVED_SEED) {
		f->seeds_told++;
		return;
	}
	if (f->phase == CONNECT_AT_END) {
		f->phase = CONNECT_IDLE;
		return;
	}
	f->next += f->phase == CONNECT_AT_TOKENS;
	f->phase = f->next < f->count ? CONNECT_AT_TOKENS : CONNECT_AT_END;
}

/* --- in ---------------------------------------------------------------------------------- */

static int errno_of(int outcome)
{
	switch (outcome) {
	case OUTCOME_JOINED:
		return 0;
	case OUTCOME_ASKED:
		return -EINPROGRESS;
	case OUTCOME_EXPIRED:
		return -ETIME;
	default:
		return outcome < 0 ? outcome : -EALREADY;
	}
}

static enum token_outcome outcome_of(uint8_t verdict)
{
	switch (verdict) {
	case VERDICT_ACCEPTED:
		return OUTCOME_JOINED;
	case VERDICT_EXPIRED:
		return OUTCOME_EXPIRED;
	case VERDICT_REFUSED:
		return OUTCOME_REFUSED;
	default:
		return OUTCOME_USED;
	}
}

int connect_feed_wish(struct connect_feed *f, const struct priv_message *m)
{
	const uint64_t now = clock_now().wall.s;
	char id[TOKEN_ID_TEXT + 1], path[sizeof(JOIN_FOLDER) + TOKEN_ID_TEXT + 2];
	struct node_token_wish w;
	int r;

	if (m->data_len != sizeof(w))
		return -EINVAL;
	memcpy(&w, m->data, sizeof(w));
	if (w.at.ip.family != FAMILY_IPV4 && w.at.ip.family != FAMILY_IPV6)
		return -EINVAL;
	w.at.ip = ip_of((enum family)w.at.ip.family, w.at.ip.b);
	hex_encode(w.id, sizeof(w.id), id, sizeof(id));
	snprintf(path, sizeof(path), JOIN_FOLDER "/%s", id);
	r = store_exists(f->store, path)
	    ? join_end(f->store, id, outcome_of(w.verdict), &w.at, now)
	    : invitation_use(f->store, id, &w.key, &w.at, now);
	if (r < 0)
		priv_say("%s", f->store->error);
	return errno_of(r);
}
