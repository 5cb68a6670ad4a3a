/* connect_join.c - connect --join: goes to who made the token. */
#include "cli/connect.h"

#include "base/text.h"
#include "cli/words.h"
#include "linux/loop.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CODE_S 3u              /* without contact for so long, the other side must be told */
#define TEXT_MOST 4096u

/* --- reading ----------------------------------------------------------------------------- */

/* clean: the text without white space. */
static enum exit_code read_word(const char *word, struct token *t,
				char clean[static TOKEN_TEXT + 1])
{
	char text[TEXT_MOST + 1];
	enum token_problem problem;
	enum exit_code code;
	const char *at = word;
	size_t len = strlen(word), n = 0;

	if (!strcmp(word, "-")) {
		code = text_of_word("-", "a token, which begins with mg://", text, TEXT_MOST, &len);
		if (code != EXIT_DONE) {
			wipe(text, sizeof(text));
			return code;
		}
		at = text;
	}
	problem = token_read(at, len, t);
	for (size_t i = 0; problem == TOKEN_OK && i < len && n < TOKEN_TEXT; i++)
		if (!strchr(" \t\r\n", at[i]))
			clean[n++] = at[i];
	clean[n] = '\0';
	wipe(text, sizeof(text));
	return problem == TOKEN_OK ? EXIT_DONE
	     : fail(EXIT_USAGE, "this is not a token that can be used: %s; have it sent again",
		    token_problem_text(problem));
}

/* --- what speaks against it ---------------------------------------------------------------- */

static enum exit_code refuse(struct connect *c, const struct token *t)
{
	char name[NAME_MAX + 1], now[PREFIX_TEXT], want[PREFIX_TEXT];

	if (keys_are_twins(&c->identity.key, &t->key))
		return fail(EXIT_REFUSED, "this token was made here; your peer joins by it");
	if (find_twin(&c->store, DENIED_FOLDER, &t->key, name) < 0)
		return fail(EXIT_FAILED, "%s", c->store.error);
	if (name[0])
		return fail(EXIT_REFUSED, "who made this token is kept out here as %s; meshguard "
			    "trust lifts that", name);
	if (!c->node.port) /* no daemon is asked yet */
		return EXIT_DONE;
	prefix_format(&c->node.prefix, now);
	prefix_format(&t->prefix, want);
	if (strcmp(now, want) != 0)
		return fail(EXIT_REFUSED, "this token is of a mesh with prefix %s, and the daemon "
			    "here has %s; start it with --prefix %s", want, now, want);
	return EXIT_DONE;
}

/* --- waiting ----------------------------------------------------------------------------- */

static bool is_of_one_network(const struct token *t)
{
	for (unsigned i = 0; i < t->candidate_count; i++)
		if (ip_is_public(&t->candidates[i].at.ip))
			return false;
	return !t->introducer_count;
}

static void show_code(struct connect *c, const struct token *t)
{
	struct endpoint at;
	char code[TOKEN_REPLY];
	bool hard;

	if (!connect_seen_as(c, t, &at, &hard)) {
		if (is_of_one_network(t))
			note("blocked: no contact yet, and the token names no address on the "
			     "Internet: nobody but a peer on its maker's network can come by it; "
			     "trying on");
		else if (connect_hears_nobody(c))
			note("blocked: nobody has answered this host by UDP yet, so that nothing "
			     "but a peer on this network can be reached; trying on");
		else
			note("unseen: no contact yet, and nobody has told where this host is seen "
			     "from outside; trying on");
		return;
	}
	if (hard && t->hard) {
		note("symmetric: no contact yet, and both NATs use another port for each "
		     "destination: a mapped port (meshguard up --map) at one of them, IPv6, or a "
		     "member that relays is needed; trying on");
		return;
	}
	token_reply(t, &at, hard, code);
	printf("%s\n", code);
	fflush(stdout);
	note("no contact yet: read this code to your peer, who types it where he made the token, "
	     "or with: meshguard connect --reply CODE");
}

/* It may have ended long ago. */
static enum exit_code joined(struct connect *c, const struct token_file *f)
{
	char name[NAME_MAX + 1];

	if (find_twin(&c->store, TRUST_FOLDER, &f->key, name) < 0)
		return fail(EXIT_FAILED, "%s", c->store.error);
	if (!name[0])
		return fail(EXIT_REFUSED, "this host joined by this token before, and does not "
			    "trust its maker any more; have another one made");
	connect_say(c, f);
	return EXIT_DONE;
}

static enum exit_code ended(struct connect *c, const struct token_file *f)
{
	switch (f->outcome) {
	case OUTCOME_JOINED:
		return joined(c, f);
	case OUTCOME_USED:
		return fail(EXIT_REFUSED, "this token was used by somebody else; have another one "
			    "made, and look who came");
	case OUTCOME_EXPIRED:
		return fail(EXIT_TIMED_OUT, "the token has expired; have another one made");
	case OUTCOME_REFUSED:
		return fail(EXIT_REFUSED, "your peer did not let this host in");
	default:
		return fail(EXIT_FAILED, "the token was not taken");
	}
}

static enum exit_code give_up(struct connect *c, const char *id)
{
	if (token_remove(&c->store, JOIN_FOLDER, id) < 0)
		c->store.error[0] = '\0';
	if (connect_interrupted)
		return fail(EXIT_FAILED, "interrupted: not connected");
	return fail(EXIT_TIMED_OUT, "the token has expired before there was contact; have another "
		    "one made");
}

static enum exit_code wait_for_maker(struct connect *c, const struct token *t, const char *id)
{
	const struct instant soon = instant_add(clock_now().boot, span_s(CODE_S));
	char file[TOKEN_ID_TEXT + 8];
	bool look = false, told = false, wrong;
	struct token_file f;

	snprintf(file, sizeof(file), "%s.done", id);
	for (;;) {
		if (token_load(&c->store, JOIN_FOLDER, file, &f) == 0)
			return ended(c, &f);
		if (connect_interrupted || wall_clock(&wrong) >= t->expires)
			return give_up(c, id);
		if (!told && instant_reached(soon, clock_now().boot)) {
			show_code(c, t);
			told = true;
		}
		connect_pause(&look, NULL, 0);
	}
}

static enum exit_code go(struct connect *c, const struct token *t, const char *text)
{
	char id[TOKEN_ID_TEXT + 1], print[FINGERPRINT_TEXT];
	enum exit_code code = connect_daemon(c, &t->prefix);
	int r;

	if (code == EXIT_DONE)
		code = refuse(c, t);
	if (code != EXIT_DONE)
		return code;
	fingerprint_format(&t->key, print);
	note("the token was made by the key with the fingerprint %s", print);
	fingerprint_format(&c->identity.key, print);
	note("the fingerprint of this host's key: %s", print);
	connect_catch();
	hex_encode(t->id, sizeof(t->id), id, sizeof(id));
	r = token_store(&c->store, JOIN_FOLDER, t, text, c->name, false);
	if (r < 0 && r != -EEXIST) /* that one goes on */
		return fail(EXIT_FAILED, "%s", c->store.error);
	return wait_for_maker(c, t, id);
}

enum exit_code connect_join(struct connect *c, const char *word)
{
	char text[TOKEN_TEXT + 1];
	enum exit_code code;
	struct token t;
	bool wrong;

	if (!start_crypto())
		return EXIT_FAILED;
	code = read_word(word, &t, text);
	if (code != EXIT_DONE)
		return code;
	if (wall_clock(&wrong) >= t.expires)
		code = fail(EXIT_TIMED_OUT, "the token has expired; have another one made");
	if (code == EXIT_DONE)
		code = connect_open(c);
	if (code == EXIT_DONE)
		code = refuse(c, &t);
	if (code == EXIT_DONE)
		code = go(c, &t, text);
	wipe(&t, sizeof(t));
	wipe(text, sizeof(text));
	return code;
}
