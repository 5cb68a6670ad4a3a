/* cmd_rotate.c - rotate: another key in the place of this machine's own, announced beforehand.
 *
 * What a kill leaves, in the order of the writes:
 *
 *   rotate    next.key alone            rotate takes that key and goes on
 *             next.key and statement    pending
 *   --cancel  next.key alone            as above: peers that heard of it would take no other
 *   --finish  former.key               pending still; --finish begins anew
 *             no identity.pub          the same
 *             identity.key is new      --finish does what is left; the identity is good
 *             identity.pub is new      the same; certificates of the new key are in its place
 *             no next.key              done
 *
 * At each moment every secret key that was there is in one file at least, but for an older
 * former.key, whose overlap is over.
 */
#include "cli/org.h"
#include "cli/rotation.h"
#include "cli/words.h"

#include "crypto/curve.h"
#include "identity/keyfile.h"
#include "linux/loop.h"
#include "linux/store_orgs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void print_key(const char *what, const struct public_key *key)
{
	char text[KEYFILE_PUBLIC + 1], addresses[ADDRESSES_TEXT];

	public_key_format(key, text);
	format_addresses(key, addresses);
	printf("%s%s           %s\n", what, text, addresses);
}

static enum exit_code nothing_pending(const struct rotation *r)
{
	return fail(EXIT_FAILED, r->has_next
		    ? "the rotation was cancelled, or cut short; meshguard rotate takes it up again"
		    : "no rotation is pending; begin one with: meshguard rotate");
}

/* --- rotate */

/* Whoever announces two keys announces none, and so would we. */
static enum exit_code refuse_second(struct store *s, const struct rotation *r)
{
	struct successors known;
	char text[KEYFILE_PUBLIC + 1];
	const struct public_key *other;

	if (successors_of(s, &r->now.key, &known) < 0)
		return fail(EXIT_FAILED, "%s", s->error);
	if (!known.count || (known.count == 1 && r->has_next
			     && !memcmp(&known.first.body.subject, &r->next, sizeof(r->next))))
		return EXIT_DONE;
	other = &known.first.body.subject;
	public_key_format(other, text);
	text[KEYFILE_PUBLIC - 1] = '\0';
	return fail(EXIT_REFUSED, "this key has announced %s already, and peers take neither of "
		    "two; if that was not you, it is stolen: make a new one with meshguard keygen "
		    "--force, and have the others trust it", text);
}

static enum exit_code refuse_start(struct store *s, const struct rotation *r)
{
	char until[WHEN_TEXT];

	if (r->is_switched)
		return fail(EXIT_REFUSED, "the last rotation was cut short; meshguard rotate "
			    "--finish does what is left of it");
	if (!r->pending)
		return refuse_second(s, r);
	format_when(r->statement.body.until, until);
	return fail(EXIT_REFUSED, "a rotation is pending, its overlap ends %s; see meshguard "
		    "rotate --finish and --cancel", until);
}

static enum exit_code make_next(struct store *s, struct rotation *r)
{
	char text[KEYFILE_SECRET + 1];
	uint8_t seed[32];
	int done;

	if (r->has_next)
		return EXIT_DONE;
	entropy(seed, sizeof(seed));
	ed25519_from_seed(&r->next, &r->next_secret, seed);
	wipe(seed, sizeof(seed));
	secret_key_format(&r->next_secret, text);
	done = store_write(s, NEXT_KEY, text, KEYFILE_SECRET, STORE_SECRET);
	wipe(text, sizeof(text));
	r->has_next = done == 0;
	return done < 0 ? fail(EXIT_FAILED, "%s", s->error) : EXIT_DONE;
}

static enum exit_code announce(struct store *s, struct rotation *r, uint64_t now, uint64_t until)
{
	struct statement_body b = { .kind = STATEMENT_SUCCESSOR, .issuer = r->now.key,
				    .subject = r->next, .number = now, .issued = now,
				    .until = until };

	if (!statement_sign(&b, &r->secret, &r->next_secret, &r->statement))
		return fail(EXIT_FAILED, "the statement cannot be signed; move %s/" NEXT_KEY
			    " away", s->path);
	if (store_statement_write(s, &r->statement) < 0)
		return fail(EXIT_FAILED, "%s", s->error);
	return EXIT_DONE;
}

static void note_orgs(struct store *s, const struct public_key *new, const char *which)
{
	unsigned count = rotation_orgs_missing(s, new);

	if (count)
		note("certificates in org/: %u, of the old key; have the orgs sign the new one "
		     "(meshguard export%s), and take that with org-join", count, which);
}

static enum exit_code start(struct store *s, struct rotation *r, const char *overlap)
{
	enum exit_code code = refuse_start(s, r);
	char when[WHEN_TEXT];
	uint64_t now, until;

	if (code != EXIT_DONE)
		return code;
	if (!clock_is_right(&now))
		return EXIT_FAILED;
	if (!parse_when(overlap, now, &until) || until <= now)
		return fail(EXIT_USAGE, "--overlap %.80s: it must be like 7d, 12h, 2027-01-31 (its "
			    "beginning in UTC), or unix seconds to come", overlap);
	code = make_next(s, r);
	if (code == EXIT_DONE)
		code = announce(s, r, now, until);
	if (code != EXIT_DONE)
		return code;
	format_when(until, when);
	print_key("old key    ", &r->now.key);
	print_key("new key    ", &r->next);
	printf("overlap    until %s; before that: meshguard rotate --finish\n"
	       "a running daemon uses both keys now; the new one, for peers that accepted it\n",
	       when);
	if (store_exists(s, FORMER_KEY))
		note("the former key in " FORMER_KEY " is not used any more, if it still was");
	note_orgs(s, &r->next, " --next");
	return EXIT_DONE;
}

/* --- rotate --cancel */

static enum exit_code cancel(struct store *s, const struct rotation *r)
{
	const struct statement_body *b = &r->statement.body;
	char file[STORE_ORGS_FILE], until[WHEN_TEXT];

	if (!r->pending)
		return nothing_pending(r);
	statement_file(file, b->kind, &b->issuer, &b->subject);
	if (store_remove(s, file) < 0)
		return fail(EXIT_FAILED, "%s", s->error);
	format_when(b->until, until);
	printf("cancelled; peers that accepted the new key let the old one in until %s\n"
	       "%s/" NEXT_KEY " stays, and the next rotate announces the same key, for\n"
	       "peers that heard of it take no other\n", until, s->path);
	return EXIT_DONE;
}

/* --- rotate --finish */

static int write_secret(struct store *s, const char *file, const struct secret_key *secret)
{
	char text[KEYFILE_SECRET + 1];
	int r;

	secret_key_format(secret, text);
	r = store_write(s, file, text, KEYFILE_SECRET, STORE_SECRET | STORE_REPLACE);
	wipe(text, sizeof(text));
	return r;
}

/* Without its public half an identity is good, with another one's it is not. */
static int take_over(struct store *s, const struct rotation *r)
{
	int done = write_secret(s, FORMER_KEY, &r->secret);

	if (done == 0)
		done = rotation_carry_clock(s);
	if (done == 0 && store_exists(s, IDENTITY_PUB))
		done = store_remove(s, IDENTITY_PUB);
	return done < 0 ? done : write_secret(s, IDENTITY_KEY, &r->next_secret);
}

static enum exit_code finish(struct store *s, const struct rotation *r)
{
	char text[KEYFILE_PUBLIC + 1];
	int done = 0;

	if (!r->pending && !r->is_switched)
		return nothing_pending(r);
	if (!r->is_switched)
		done = take_over(s, r);
	if (done == 0)
		done = rotation_carry_certificates(s, &r->next);
	public_key_format(&r->next, text);
	if (done == 0)
		done = store_write(s, IDENTITY_PUB, text, KEYFILE_PUBLIC, STORE_REPLACE);
	if (done == 0)
		done = store_remove(s, NEXT_KEY);
	if (done < 0)
		return fail(EXIT_FAILED, "%s", s->error);
	print_key("own key    ", &r->next);
	printf("the old one is in %s/" FORMER_KEY "%s\n", s->path, r->pending
	       ? ", and in use beside it until the overlap ends;\nremove that file to end it now"
	       : "; remove it when nobody needs it");
	note("peers that have not accepted the new key let only the old one in");
	note_orgs(s, &r->next, "");
	return EXIT_DONE;
}

static enum exit_code run_rotate(const struct arguments *a)
{
	bool ends = has_option(a, "finish"), cancels = has_option(a, "cancel");
	enum exit_code code;
	struct rotation r;
	struct store s;
	int opened;

	if (ends + cancels + has_option(a, "overlap") > 1)
		return fail(EXIT_USAGE, "--overlap, --finish and --cancel do not go together");
	if (!start_crypto())
		return EXIT_FAILED;
	opened = open_store(&s);
	if (opened < 0 && opened != -ENOENT)
		return EXIT_FAILED;
	code = rotation_read(&s, &r);
	if (code == EXIT_DONE) {
		code = ends ? finish(&s, &r) : cancels ? cancel(&s, &r)
		     : start(&s, &r, option_text(a, "overlap", "7d"));
		rotation_close(&r);
	}
	store_close(&s);
	return code;
}

const struct command command_rotate = {
	.name = "rotate",
	.summary = "announce a new key, and change to it later",
	.words = "",
	.options = (const struct option_spec[]){
		{ .name = "overlap", .kind = OPTION_TEXT, .value = "WHEN",
		  .help = "when the old key ends: 12h, 2027-01-31 (default: 7d)" },
		{ .name = "finish", .kind = OPTION_FLAG,
		  .help = "the new key is the main one from now on" },
		{ .name = "cancel", .kind = OPTION_FLAG, .help = "announce it no more" },
		{ 0 } },
	.text = "Makes a new key, next.key, and a statement that both keys sign, which peers\n"
		"accept with trust --successor. A daemon runs both keys, with the addresses of\n"
		"both, within a second and until the overlap ends. With --finish the new one\n"
		"becomes the main key; do that before the end, for peers that accepted the new\n"
		"key let the old one in until then.",
	.example = "meshguard rotate --overlap 14d",
	.run = run_rotate,
};
