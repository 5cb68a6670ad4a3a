/* connect_generate.c - connect --generate: makes a token, and waits for who comes by it. */
#include "cli/connect.h"

#include "base/text.h"
#include "cli/daemon.h"
#include "cli/qr.h"
#include "cli/words.h"
#include "linux/loop.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define REPLY_S 60u

/* --- showing ----------------------------------------------------------------------------- */

/* A router says to have mapped the port; that it does was not seen yet. */
static bool is_mapped(const struct token *t)
{
	for (unsigned i = 0; i < t->candidate_count; i++)
		if (t->candidates[i].kind == TOKEN_MAPPED && t->candidates[i].open)
			return true;
	return false;
}

static void say_case(const struct connect *c, bool open, const struct token *t,
		     const char *helper)
{
	const char *where = isatty(STDIN_FILENO) ? "" : " with: meshguard connect --reply CODE";

	if (open)
		note("open: your peer needs this token alone");
	else if (helper[0])
		note("introducer %s will help: your peer needs this token alone; should it show a "
		     "code all the same, type it here", helper);
	else if (is_mapped(t))
		note("mapped: a router says that it lets your peer in with this token alone; "
		     "should it show a code all the same, type it here%s", where);
	else if (connect_hears_nobody(c))
		note("blocked: nobody has answered this host by UDP yet, so that nobody but a peer "
		     "on this network can come in");
	else if (t->hard)
		note("symmetric: this host's NAT uses another port for each destination; if your "
		     "peer shows a short code, type it here%s, and it may take a minute; if his "
		     "NAT is like that, too, nothing comes of it", where);
	else
		note("closed: as far as this host knows nothing comes in unasked; if your peer "
		     "shows a short code, type it here%s", where);
}

/* --- making ------------------------------------------------------------------------------ */

static enum exit_code make(struct connect *c, uint32_t minutes, bool confirm, struct token *t,
			   char text[static TOKEN_TEXT + 1], bool *open,
			   char helper[static MAX_NAME + 1])
{
	bool wrong;
	int r;

	*t = (struct token){ .key = c->identity.key, .prefix = c->node.prefix };
	t->expires = wall_clock(&wrong) + minutes * UINT64_C(60);
	if (wrong)
		note("the clock of this host is wrong: your peer may find the token expired");
	entropy(t->id, sizeof(t->id));
	entropy(t->secret, sizeof(t->secret));
	*open = connect_candidates(c, t);
	t->closed = !*open;
	helper[0] = '\0';
	if (!*open)
		connect_introducers(c, t, helper);
	if (!t->candidate_count)
		return fail(EXIT_FAILED, "this host has no address that a peer could reach");
	if (!token_make(t, &c->secret, text))
		return fail(EXIT_FAILED, "no token can be made of this host's addresses");
	r = token_store(&c->store, INVITATION_FOLDER, t, text, c->name, confirm);
	return r < 0 ? fail(EXIT_FAILED, "%s", c->store.error) : EXIT_DONE;
}

/* --- waiting ----------------------------------------------------------------------------- */

static void take_code(struct connect *c, const struct token *t, const char *id, const char *line)
{
	char text[ENDPOINT_TEXT];
	struct endpoint at;
	bool hard;

	if (!line[strspn(line, " \t\r")])
		return;
	if (!token_reply_read(t, line, strlen(line), &at, &hard)) {
		note("that is not a code for this token; look for a slip of the pen");
		return;
	}
	if (reply_store(&c->store, id, &at, hard) < 0) {
		note("%s", c->store.error);
		return;
	}
	endpoint_format(&at, text);
	note("calling your peer at %s", text);
}

static bool says_yes(const char *line)
{
	return line[0] == 'y' || line[0] == 'Y';
}

/* Somebody is there, and the user is asked once. */
static void ask(const struct token_file *f, bool *asked)
{
	char print[FINGERPRINT_TEXT];

	if (*asked)
		return;
	*asked = true;
	fingerprint_format(&f->key, print);
	fprintf(stderr, "somebody has come by the token; the fingerprint of his key is\n  %s\n"
		"let him in? [y/N] ", print);
}

static enum exit_code ended(struct connect *c, const struct token_file *f)
{
	switch (f->outcome) {
	case OUTCOME_JOINED:
		connect_say(c, f);
		return EXIT_DONE;
	case OUTCOME_REFUSED:
		return fail(EXIT_REFUSED, "he was not let in");
	case OUTCOME_EXPIRED:
		return fail(EXIT_TIMED_OUT, "your peer came when the token had expired");
	default:
		return fail(EXIT_FAILED, "the invitation was used, and nobody is trusted by it; "
			    "make another token");
	}
}

struct waiting {
	const struct token *token;
	char id[TOKEN_ID_TEXT + 1];
	char open[sizeof(INVITATION_FOLDER) + TOKEN_ID_TEXT + 2];
	char used[TOKEN_ID_TEXT + 8];
	bool look;                     /* at standard input */
	bool asked;
};

static enum exit_code not_there(struct connect *c, const struct waiting *w)
{
	bool wrong, over = wall_clock(&wrong) >= w->token->expires;

	if (!connect_interrupted && !over)
		return fail(EXIT_REFUSED, "the invitation was cancelled");
	if (store_exists(&c->store, w->open)
	    && token_remove(&c->store, INVITATION_FOLDER, w->id) < 0)
		note("%s", c->store.error);
	return over ? fail(EXIT_TIMED_OUT, "nobody came in time: the token has expired")
		    : fail(EXIT_FAILED, "interrupted: the token is void");
}

/* Nobody has it, and nobody will. */
static bool is_void(struct connect *c, const struct waiting *w)
{
	char used[sizeof(INVITATION_FOLDER) + TOKEN_ID_TEXT + 8];
	bool wrong;

	snprintf(used, sizeof(used), INVITATION_FOLDER "/%s", w->used);
	if (store_exists(&c->store, w->open))
		return connect_interrupted || wall_clock(&wrong) >= w->token->expires;
	return !store_exists(&c->store, used); /* looked at last: it may just have been renamed */
}

/* A line of the user's, if there is one. */
static enum exit_code take_input(struct connect *c, struct waiting *w)
{
	bool no = w->asked && (connect_interrupted || !w->look), wrong;
	char line[200] = "";

	if (!no && !connect_pause(&w->look, line, sizeof(line)))
		return EXIT_DONE;
	if (!w->asked)
		take_code(c, w->token, w->id, line);
	else if (invitation_decide(&c->store, w->id, says_yes(line), wall_clock(&wrong)) < 0)
		return fail(EXIT_FAILED, "%s", c->store.error);
	return EXIT_DONE;
}

static enum exit_code wait_for_peer(struct connect *c, const struct token *t, bool confirm)
{
	struct waiting w = { .token = t, .look = confirm || isatty(STDIN_FILENO) };
	enum exit_code code = EXIT_DONE;
	struct token_file f;

	hex_encode(t->id, sizeof(t->id), w.id, sizeof(w.id));
	snprintf(w.open, sizeof(w.open), INVITATION_FOLDER "/%s", w.id);
	snprintf(w.used, sizeof(w.used), "%s.used", w.id);
	while (code == EXIT_DONE) {
		/* With the token still in it, its end is just being written. */
		bool used = token_load(&c->store, INVITATION_FOLDER, w.used, &f) == 0
			    && !f.token.expires;

		if (used && f.outcome != OUTCOME_ASKED)
			return ended(c, &f);
		if (used)
			ask(&f, &w.asked);
		else if (is_void(c, &w))
			return not_there(c, &w);
		code = take_input(c, &w);
	}
	return code;
}

enum exit_code connect_generate(struct connect *c, uint32_t minutes, bool confirm, bool qr)
{
	enum exit_code code = connect_open(c);
	char text[TOKEN_TEXT + 1], print[FINGERPRINT_TEXT], helper[MAX_NAME + 1];
	struct token t;
	bool open;

	if (code == EXIT_DONE)
		code = connect_daemon(c, NULL);
	if (code != EXIT_DONE)
		return code;
	connect_catch();
	code = make(c, minutes, confirm, &t, text, &open, helper);
	if (code == EXIT_DONE) {
		printf("%s\n", text);
		fflush(stdout);
		if (qr)
			qr_print(text);
		fingerprint_format(&t.key, print);
		note("the fingerprint of this host's key: %s", print);
		say_case(c, open, &t, helper);
		code = wait_for_peer(c, &t, confirm);
	}
	wipe(text, sizeof(text));
	wipe(&t, sizeof(t));
	return code;
}

/* --- connect --reply --------------------------------------------------------------------- */

struct reply {
	struct connect *connect;
	const char *code;
	char id[TOKEN_ID_TEXT + 1];
	struct endpoint at;
	bool hard;
};

static int try_one(void *ctx, const char *file)
{
	struct reply *x = ctx;
	struct token_file f;
	bool fits;

	if (!is_token_file(file) || strchr(file, '.')
	    || token_load(&x->connect->store, INVITATION_FOLDER, file, &f) < 0)
		return 0;
	fits = token_reply_read(&f.token, x->code, strlen(x->code), &x->at, &x->hard);
	wipe(&f, sizeof(f));
	if (fits)
		memcpy(x->id, file, sizeof(x->id));
	return fits;
}

enum exit_code connect_reply(struct connect *c, const char *code)
{
	const struct instant end = instant_add(clock_now().boot, span_s(REPLY_S));
	struct reply x = { .connect = c, .code = code };
	char open[sizeof(INVITATION_FOLDER) + TOKEN_ID_TEXT + 2], used[sizeof(open) + 6];
	const char *const file = used + sizeof(INVITATION_FOLDER);
	struct token_file f;
	bool look = false;
	int r = open_store(&c->store);

	if (r < 0 || !start_crypto())
		return r == -ENOENT ? fail(EXIT_USAGE, "no invitation is open here") : EXIT_FAILED;
	r = store_list(&c->store, INVITATION_FOLDER, try_one, &x);
	if (r < 0)
		return fail(EXIT_FAILED, "%s", c->store.error);
	if (r == 0)
		return fail(EXIT_USAGE, "not a code for any invitation that is open here; look for "
			    "a slip of the pen");
	if (!daemon_describes(c->store.path, &c->node))
		return fail(EXIT_NOT_RUNNING, "no daemon runs that could call your peer; start it "
			    "with: meshguard up");
	connect_catch();
	if (reply_store(&c->store, x.id, &x.at, x.hard) < 0)
		return fail(EXIT_FAILED, "%s", c->store.error);
	snprintf(open, sizeof(open), INVITATION_FOLDER "/%s", x.id);
	snprintf(used, sizeof(used), "%s.used", open);
	while (!connect_interrupted && !instant_reached(end, clock_now().boot)) {
		if (token_load(&c->store, INVITATION_FOLDER, file, &f) == 0 && !f.token.expires
		    && f.outcome != OUTCOME_ASKED)
			return ended(c, &f);
		/* In this order: it may just have been renamed. */
		if (!store_exists(&c->store, open) && !store_exists(&c->store, used))
			return fail(EXIT_REFUSED, "the invitation was cancelled");
		connect_pause(&look, NULL, 0);
	}
	if (connect_interrupted)
		return fail(EXIT_FAILED, "interrupted: your peer is still called");
	return fail(EXIT_TIMED_OUT, "your peer was called for %u s and did not come; he is still "
		    "called", REPLY_S);
}
