#include "linux/priv_second.h"

#include "identity/keyfile.h"
#include "linux/priv_inside.h"
#include "linux/store_orgs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define IDENTITY "identity.key"
#define NEXT "next.key"
#define FORMER "former.key"
#define KEY_TEXT 256
#define TRY_AGAIN_S 10u
#define LOOK_AGAIN_S 3600u      /* the clock may be set */

/* Of one reading; holds secrets. */
struct found {
	enum second_role role;
	struct public_key main, key;
	struct secret_key secret;
	struct statement_body body;
	bool failed;             /* something could not be read: nothing follows from that */
};

static bool is_same(const struct public_key *a, const struct public_key *b)
{
	return !memcmp(a, b, sizeof(*a));
}

/* Once for each. */
static void complain(struct second_feed *f, struct found *found, const char *what)
{
	found->failed = true;
	if (strncmp(f->complaint, what, sizeof(f->complaint) - 1) != 0)
		priv_say("%s; the key change waits for that", what);
	snprintf(f->complaint, sizeof(f->complaint), "%s", what);
}

static bool read_key(struct second_feed *f, struct store *s, const char *file, struct found *found,
		     struct public_key *public)
{
	char text[KEY_TEXT], why[PATH_MAX + 80];
	ssize_t n = store_read(s, file, text, sizeof(text), STORE_SECRET);
	enum key_problem problem;

	if (n < 0 && n != -ENOENT)
		complain(f, found, s->error);
	if (n < 0)
		return false;
	problem = secret_key_parse(text, (size_t)n, &found->secret, public);
	wipe(text, sizeof(text));
	if (problem == KEY_OK)
		return true;
	snprintf(why, sizeof(why), "%s/%s is %s", s->path, file, key_problem_text(problem));
	complain(f, found, why);
	return false;
}

/* The statement of both that `new` follows `old`. */
static bool follows(struct second_feed *f, struct store *s, struct found *found,
		    const struct public_key *old, const struct public_key *new)
{
	struct statement st;
	int r = store_statement_read(s, STATEMENT_SUCCESSOR, old, new, &st);

	if (r < 0)
		complain(f, found, s->error);
	if (r == 1)
		found->body = st.body;
	return r == 1;
}

/* What --finish has done, in any of its steps. True: the main key is the next one now. */
static bool has_switched(struct second_feed *f, struct store *s, struct found *found, bool *soon)
{
	struct public_key identity;

	if (!read_key(f, s, IDENTITY, found, &identity)
	    || is_same(&identity, &f->main))
		return false;
	if (f->role == SECOND_NEXT && f->told && is_same(&identity, &f->key)) {
		found->main = identity;
		return true;
	}
	/* It was announced and finished before it was heard of: first one, then the other. */
	if (follows(f, s, found, &f->main, &identity)) {
		found->role = SECOND_NEXT;
		found->key = identity;
		*soon = true;
	}
	return false;
}

static void find(struct second_feed *f, struct store *s, struct moment now, struct found *found,
		 bool *soon)
{
	if (f->role != SECOND_NONE || store_exists(s, FORMER) || store_exists(s, NEXT))
		(void)has_switched(f, s, found, soon);
	if (found->role != SECOND_NONE)
		return;
	if (read_key(f, s, NEXT, found, &found->key)
	    && !is_same(&found->key, &found->main)
	    && follows(f, s, found, &found->main, &found->key))
		found->role = SECOND_NEXT;
	else if (read_key(f, s, FORMER, found, &found->key)
		 && !is_same(&found->key, &found->main)
		 && follows(f, s, found, &found->key, &found->main)
		 && found->body.until > now.wall.s)
		found->role = SECOND_FORMER;
}

/* --- the end of the overlap */

static const struct { uint64_t left_s; const char *text; } stages[] = {
	{ 7u * 86400, "7 days" }, { 86400, "1 day" }, { 3600, "1 hour" }, { 0, "" },
};
#define STAGES (sizeof(stages) / sizeof(*stages))

/* A stage that is as long as the whole overlap is none. */
static void warn(struct second_feed *f, uint64_t left)
{
	const uint64_t whole = f->until > f->issued ? f->until - f->issued : 0;
	unsigned stage = f->warned;

	while (stage < STAGES && left <= stages[stage].left_s)
		stage++;
	if (stage == f->warned)
		return;
	f->warned = stage;
	if (!left)
		priv_say("the overlap of both keys has ended, and the change is not finished: "
			 "peers that accepted the new key let only that one in; finish it with: "
			 "meshguard rotate --finish");
	else if (stages[stage - 1].left_s < whole)
		priv_say("the overlap of both keys ends within %s, and the change is not "
			 "finished; see: meshguard rotate --finish", stages[stage - 1].text);
}

static void look_at_time(struct second_feed *f, struct moment now)
{
	uint64_t left = f->until > now.wall.s ? f->until - now.wall.s : 0, next = left;

	f->look = INSTANT_NEVER;
	if (f->role == SECOND_NONE)
		return;
	if (f->role == SECOND_NEXT)
		warn(f, left);
	for (unsigned i = 0; i < STAGES; i++)
		if (left > stages[i].left_s) {
			next = left - stages[i].left_s;
			break;
		}
	if (left)
		f->look = instant_add(now.boot, span_s(next < LOOK_AGAIN_S ? next : LOOK_AGAIN_S));
}

/* --- the feed */

void second_feed_open(struct second_feed *f, const struct public_key *own)
{
	*f = (struct second_feed){ .main = *own, .look = INSTANT_NEVER };
}

static void take(struct second_feed *f, const struct found *found, struct moment now)
{
	const bool ended = f->role == SECOND_FORMER && found->role == SECOND_NONE
			   && f->until <= now.wall.s;
	const bool other = found->role == SECOND_NONE || !is_same(&found->key, &f->key);

	if (ended)
		priv_say("the overlap of both keys has ended: the former key is not used any "
			 "more; " FORMER " can be removed");
	f->tell |= found->role != f->role || !is_same(&found->main, &f->main)
		   || (found->role != SECOND_NONE && (other || found->body.until != f->until));
	if (f->tell)
		f->told = false;
	if (other || found->body.until != f->until)
		f->warned = 0;
	f->main = found->main;
	f->role = found->role;
	f->key = found->key;
	f->issued = found->body.issued;
	f->until = found->body.until;
	if (f->tell && f->role != SECOND_NONE)
		*f->secret = found->secret;
	look_at_time(f, now);
}

bool second_feed_read(struct second_feed *f, struct store *s, struct moment now, bool *soon)
{
	struct found found = { .main = f->main };

	if (!f->secret)
		return false;
	find(f, s, now, &found, soon);
	if (found.failed)
		f->look = instant_add(now.boot, span_s(TRY_AGAIN_S));
	else
		take(f, &found, now);
	wipe(&found, sizeof(found));
	return f->tell;
}

void second_feed_message(const struct second_feed *f, struct priv_message *m)
{
	struct priv_second p = { .role = f->role, .key = f->key, .until = f->until };

	message_init(m, PRIV_SECOND);
	m->key = f->main;
	if (f->role != SECOND_NONE)
		p.secret = *f->secret;
	m->data_len = sizeof(p);
	memcpy(m->data, &p, sizeof(p));
	wipe(&p, sizeof(p));
}

void second_feed_sent(struct second_feed *f)
{
	f->tell = false;
	f->told = true;
	wipe(f->secret, sizeof(*f->secret));
}
