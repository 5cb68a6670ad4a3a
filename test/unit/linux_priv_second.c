/* The second key: which files make one, when it is told, what follows from --finish, and when its
 * end is warned of. */
#include "tap.h"
#include "contexts.h"

#include "crypto/curve.h"
#include "identity/keyfile.h"
#include "linux/priv_second.h"
#include "linux/store_orgs.h"

#include <unistd.h>

#define START 1800000000u
#define HOUR 3600u
#define DAY (24 * HOUR)

enum { OLD, NEW, OTHER, KEYS };

static char root[PATH_MAX - 300];
static struct store store;
static struct second_feed feed;
static struct moment now;
static struct secret_key place;
static struct public_key keys[KEYS];
static struct secret_key secrets[KEYS];
static FILE *words;
static int quiet;

static void fresh(void)
{
	test_crypto();
	for (unsigned i = 0; i < KEYS; i++) {
		const uint8_t seed[32] = { (uint8_t)(i + 1) };

		ed25519_from_seed(&keys[i], &secrets[i], seed);
	}
	snprintf(root, sizeof(root), "%s/mgsecond-XXXXXX", getenv("TMPDIR") ?: "/tmp");
	ok(mkdtemp(root) != NULL);
	setenv("MESHGUARD_CONFIG_DIR", root, 1);
	eq_int(store_open(&store), 0);
	now = (struct moment){ { 1000000000u }, { START, 0 } };
	words = tmpfile();
	quiet = dup(STDERR_FILENO);
	dup2(fileno(words), STDERR_FILENO);
	second_feed_open(&feed, &keys[OLD]);
	feed.secret = &place;
}

static void finish(void)
{
	char line[PATH_MAX];

	store_close(&store);
	snprintf(line, sizeof(line), "rm -rf '%s'", root);
	ok(system(line) == 0);
	dup2(quiet, STDERR_FILENO);
	close(quiet);
	fclose(words);
}

static unsigned said(const char *part)
{
	static char text[32768];
	unsigned count = 0;
	size_t n;

	rewind(words);
	n = fread(text, 1, sizeof(text) - 1, words);
	text[n] = '\0';
	for (const char *at = text; (at = strstr(at, part)); at++)
		count++;
	return count;
}

static void put_secret(const char *file, unsigned key)
{
	char text[KEYFILE_SECRET + 1];

	secret_key_format(&secrets[key], text);
	eq_int(store_write(&store, file, text, KEYFILE_SECRET, STORE_SECRET | STORE_REPLACE), 0);
}

static void put_statement(unsigned old, unsigned new, uint64_t lasts)
{
	struct statement_body b = { .kind = STATEMENT_SUCCESSOR, .issuer = keys[old],
				    .subject = keys[new], .number = 1, .issued = START,
				    .until = START + lasts };
	struct statement s;

	ok(statement_sign(&b, &secrets[old], &secrets[new], &s));
	eq_int(store_statement_write(&store, &s), 0);
}

static bool soon;
static bool reads(void)
{
	soon = false;
	return second_feed_read(&feed, &store, now, &soon);
}

/* It is told: of which key, in which role, beside which main key. */
static bool tells(enum second_role role, unsigned key, unsigned main)
{
	struct priv_message m;
	struct priv_second p;
	bool right;

	if (!reads())
		return false;
	second_feed_message(&feed, &m);
	ok(m.kind == PRIV_SECOND && m.data_len == sizeof(p));
	memcpy(&p, m.data, sizeof(p));
	right = p.role == role && !memcmp(&m.key, &keys[main], 32);
	if (role != SECOND_NONE)
		right &= !memcmp(&p.key, &keys[key], 32)
			 && !memcmp(&p.secret, &secrets[key], sizeof(p.secret));
	second_feed_sent(&feed);
	ok(ct_is_zero(&place, sizeof(place)));
	ok(!reads()); /* once */
	return right;
}

static void begin(void)
{
	fresh();
	put_secret("identity.key", OLD);
	put_secret("next.key", NEW);
	put_statement(OLD, NEW, 30 * DAY);
}

static void a_next_key_needs_the_statement_of_both(void)
{
	char file[STORE_ORGS_FILE];

	fresh();
	put_secret("identity.key", OLD);
	ok(!reads());
	put_secret("next.key", NEW);
	ok(!reads());
	put_statement(NEW, OLD, DAY); /* the wrong way round */
	put_statement(OLD, OTHER, DAY);
	ok(!reads());
	put_statement(OLD, NEW, DAY);
	ok(tells(SECOND_NEXT, NEW, OLD));
	statement_file(file, STATEMENT_SUCCESSOR, &keys[OLD], &keys[NEW]);
	eq_int(store_remove(&store, file), 0); /* --cancel */
	ok(tells(SECOND_NONE, 0, OLD));
	finish();
}

static void what_finish_leaves_is_the_former_key_until_its_end(void)
{
	begin();
	ok(tells(SECOND_NEXT, NEW, OLD));
	put_secret("former.key", OLD); /* as --finish writes, step by step */
	ok(!reads());
	put_secret("identity.key", NEW);
	ok(tells(SECOND_FORMER, OLD, NEW));
	eq_int(store_remove(&store, "next.key"), 0);
	ok(!reads());
	ok(feed.look.ns <= now.boot.ns + span_s(HOUR).ns);
	now.wall.s = START + 30 * DAY - 1;
	ok(!reads());
	eq_int(feed.look.ns, now.boot.ns + span_s(1).ns);
	now.wall.s++;
	ok(tells(SECOND_NONE, 0, NEW));
	eq_int(said("the former key is not used any more"), 1);
	ok(feed.look.ns == INSTANT_NEVER.ns);
	finish();
}

static void after_a_restart_it_is_the_same(void)
{
	begin();
	put_secret("former.key", OLD);
	put_secret("identity.key", NEW);
	eq_int(store_remove(&store, "next.key"), 0);
	second_feed_open(&feed, &keys[NEW]);
	feed.secret = &place;
	ok(tells(SECOND_FORMER, OLD, NEW));
	eq_int(store_remove(&store, "former.key"), 0); /* the owner ends it */
	ok(tells(SECOND_NONE, 0, NEW));
	finish();
}

static void finished_before_it_was_heard_of_one_comes_after_the_other(void)
{
	fresh();
	put_secret("identity.key", OLD);
	ok(!reads());
	put_statement(OLD, NEW, DAY);
	put_secret("former.key", OLD);
	put_secret("identity.key", NEW);
	ok(reads() && soon);
	second_feed_sent(&feed);
	ok(tells(SECOND_FORMER, OLD, NEW));
	finish();
}

static void another_identity_waits_for_the_next_start(void)
{
	begin();
	ok(tells(SECOND_NEXT, NEW, OLD));
	put_secret("identity.key", OTHER);
	ok(!reads());
	finish();
}

static void a_damaged_file_ends_nothing_and_is_named_once(void)
{
	begin();
	ok(tells(SECOND_NEXT, NEW, OLD));
	eq_int(store_write(&store, "next.key", "?\n", 2, STORE_SECRET | STORE_REPLACE), 0);
	ok(!reads() && !reads());
	eq_int(feed.role, SECOND_NEXT);
	eq_int(said("next.key"), 1);
	ok(feed.look.ns <= now.boot.ns + span_s(10).ns);
	put_secret("next.key", NEW);
	ok(!reads());
	finish();
}

static void its_end_is_told_as_it_comes(void)
{
	static const struct { uint64_t left; const char *said; } steps[] = {
		{ 8 * DAY, "" }, { 7 * DAY, "within 7 days" }, { 6 * DAY, "" },
		{ DAY + 1, "" }, { DAY, "within 1 day" }, { HOUR, "within 1 hour" }, { 1, "" },
		{ 0, "the change is not finished: peers that accepted" },
	};
	unsigned lines = 0;

	begin();
	ok(tells(SECOND_NEXT, NEW, OLD));
	for (unsigned i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		now.wall.s = START + 30 * DAY - steps[i].left;
		ok(!reads() && !reads());
		lines += *steps[i].said != '\0';
		eq_int(said("meshguard: the overlap of both keys"), lines);
		ok(!*steps[i].said || said(steps[i].said) == 1);
	}
	eq_int(feed.role, SECOND_NEXT); /* those who accepted it know no other */
	finish();
}

static void an_overlap_that_is_as_short_is_not_warned_of(void)
{
	begin();
	put_statement(OLD, NEW, DAY);
	ok(tells(SECOND_NEXT, NEW, OLD));
	eq_int(said("overlap"), 0);
	now.wall.s = START + DAY - HOUR;
	ok(!reads());
	eq_int(said("within 1 hour"), 1);
	eq_int(said("overlap"), 1);
	finish();
}

static void without_a_place_for_the_secret_there_is_none(void)
{
	begin();
	feed.secret = NULL;
	ok(!reads());
	finish();
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		T(a_next_key_needs_the_statement_of_both),
		T(what_finish_leaves_is_the_former_key_until_its_end),
		T(after_a_restart_it_is_the_same),
		T(finished_before_it_was_heard_of_one_comes_after_the_other),
		T(another_identity_waits_for_the_next_start),
		T(a_damaged_file_ends_nothing_and_is_named_once),
		T(its_end_is_told_as_it_comes),
		T(an_overlap_that_is_as_short_is_not_warned_of),
		T(without_a_place_for_the_secret_there_is_none),
	};

	return tap_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
