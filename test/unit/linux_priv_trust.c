/* The feed of the trust store: what is told of which files, in which order, when, and what is not
 * told twice; what closes the door; and what the node has kept. */
#include "tap.h"
#include "contexts.h"

#include "crypto/curve.h"
#include "identity/keyfile.h"
#include "linux/loop.h"
#include "linux/priv_trust.h"

#include <errno.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ORG, OTHER, OWN, BOB, EVE, KEYS };

static char root[PATH_MAX - 300]; /* a fresh directory for each test */
static struct store store;
static struct trust_feed feed;
static struct instant now;
static FILE *words;               /* what was said on standard error */
static int quiet;                 /* what it was */
static struct public_key keys[KEYS];
static struct secret_key secrets[KEYS];

static void command(const char *format, const char *file)
{
	char line[2 * PATH_MAX], path[PATH_MAX + 100];

	snprintf(path, sizeof(path), "%s/%s", root, file);
	snprintf(line, sizeof(line), format, path);
	ok(system(line) == 0);
}

/* Thousands of files take a real disk ten seconds. */
static void fresh(void)
{
	const char *memory = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

	snprintf(root, sizeof(root), "%s/mgtrust-XXXXXX", getenv("TMPDIR") ?: memory);
	ok(mkdtemp(root) != NULL);
	setenv("MESHGUARD_CONFIG_DIR", root, 1);
	eq_int(store_open(&store), 0);
	now = instant_add(INSTANT_ZERO, span_s(1000));
	words = tmpfile();
	quiet = dup(STDERR_FILENO);
	dup2(fileno(words), STDERR_FILENO);
	trust_feed_open(&feed, &store, &keys[OWN], now);
}

static void finish(void)
{
	trust_feed_close(&feed);
	store_close(&store);
	command("rm -rf '%s'", "");
	dup2(quiet, STDERR_FILENO);
	close(quiet);
	fclose(words);
}

/* How often it was said since the last question. */
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

static void put(const char *file, const char *text)
{
	eq_int(store_write(&store, file, text, strlen(text), STORE_REPLACE), 0);
}

static void put_key(const char *file, unsigned key)
{
	char text[KEYFILE_PUBLIC + 1];

	public_key_format(&keys[key], text);
	put(file, text);
}

static struct statement statement(enum statement_kind kind, unsigned issuer, unsigned subject,
				  uint64_t number)
{
	struct statement_body b = { .kind = kind, .issuer = keys[issuer],
				    .subject = keys[subject], .number = number };
	struct statement s;

	ok(statement_sign(&b, &secrets[issuer], NULL, &s));
	return s;
}

static void put_statement(enum statement_kind kind, unsigned issuer, unsigned subject)
{
	struct statement s = statement(kind, issuer, subject, 7);

	eq_int(store_statement_write(&store, &s), 0);
}

static void put_certificate(unsigned org, unsigned node)
{
	struct certificate_body b = { .org = keys[org], .node = keys[node], .not_before = 1,
				      .expires = 2, .name = "n" };
	struct certificate c;

	ok(certificate_sign(&b, &secrets[org], &c));
	eq_int(store_certificate_write(&store, &c), 0);
}

/* What the feed says until it is idle, in letters: b(egin) d(eny) x (not all could be read) o(rg)
 * s(tatement) c(ertificate) k(ey) e(nd). */
struct heard {
	char letters[64];
	bool unreadable;
	uint32_t unusable;
	char org[MAX_NAME + 1];
	struct public_key denied, org_key;
	struct statement_claim statement;
	struct certificate_claim certificate;
};

static void take(struct heard *h, const struct priv_message *m)
{
	static const char letters[] = {
		[PRIV_TRUST_BEGIN - PRIV_TRUST_BEGIN] = 'b',
		[PRIV_TRUST_DENY - PRIV_TRUST_BEGIN] = 'd',
		[PRIV_TRUST_ORG - PRIV_TRUST_BEGIN] = 'o',
		[PRIV_TRUST_STATEMENT - PRIV_TRUST_BEGIN] = 's',
		[PRIV_TRUST_CERTIFICATE - PRIV_TRUST_BEGIN] = 'c',
		[PRIV_TRUST_KEY - PRIV_TRUST_BEGIN] = 'k',
		[PRIV_TRUST_END - PRIV_TRUST_BEGIN] = 'e',
	};
	const struct bytes data = bytes_of(m->data, m->data_len);
	size_t at = strlen(h->letters);

	if (at < sizeof(h->letters) - 1)
		h->letters[at] = letters[m->kind - PRIV_TRUST_BEGIN];
	switch (m->kind) {
	case PRIV_TRUST_BEGIN:
		h->unreadable = m->flag;
		break;
	case PRIV_TRUST_DENY:
		if (m->flag)
			h->letters[at] = 'x';
		else
			h->denied = m->key;
		break;
	case PRIV_TRUST_ORG:
		h->org_key = m->key;
		memcpy(h->org, m->name, sizeof(h->org));
		break;
	case PRIV_TRUST_STATEMENT:
		ok(statement_decode(data, &h->statement));
		break;
	case PRIV_TRUST_CERTIFICATE:
		ok(certificate_decode(data, &h->certificate));
		break;
	case PRIV_TRUST_END:
		h->unusable = m->value;
		break;
	}
}

static struct heard hear(void)
{
	static struct priv_message m;
	struct heard h = { 0 };

	do {
		trust_feed_tick(&feed, now);
	} while (feed.phase == TRUST_READING);
	for (; trust_feed_next(&feed, &m); trust_feed_sent(&feed))
		take(&h, &m);
	return h;
}

/* Takes what inotify has. */
static void notice(void)
{
	struct pollfd p = { .fd = feed.watch.inotify, .events = POLLIN };

	eq_int(poll(&p, 1, 5000), 1);
	watch_changed(&feed.watch, now);
}

/* Waits for inotify, and for the moment after the change. */
static struct heard hear_change(void)
{
	notice();
	now = instant_add(now, span_ms(50));
	return hear();
}

static void later(unsigned seconds)
{
	now = instant_add(now, span_s(seconds));
}

static void put_all(void)
{
	put_key("authorized_keys/bob.pub", BOB);
	put_key("denied_keys/eve.pub", EVE);
	put_key("trusted_orgs/acme.pub", ORG);
	put_statement(STATEMENT_REVOCATION, ORG, EVE);
	put_statement(STATEMENT_VOUCH, ORG, BOB);
	put_certificate(ORG, OWN);
}

static void all_is_told_in_order(void)
{
	struct heard h;

	fresh();
	put_all();
	h = hear();
	eq_str(h.letters, "bdosscke");
	eq_mem(&h.denied, &keys[EVE], 32);
	eq_mem(&h.org_key, &keys[ORG], 32);
	eq_str(h.org, "acme");
	eq_int(h.statement.body.kind, STATEMENT_VOUCH);
	eq_mem(&h.certificate.body.node, &keys[OWN], 32);
	eq_int(h.unusable, 0);
	eq_int(said("meshguard"), 0);
	finish();
}

static void put_successor(unsigned old, unsigned new, uint64_t until)
{
	struct statement_body b = { .kind = STATEMENT_SUCCESSOR, .issuer = keys[old],
				    .subject = keys[new], .number = until, .until = until };
	struct statement s;

	ok(statement_sign(&b, &secrets[old], &secrets[new], &s));
	eq_int(store_statement_write(&store, &s), 0);
}

static void a_former_key_is_told_until_its_overlap_is_over(void)
{
	const uint64_t wall = clock_now().wall.s;

	fresh();
	put_key("authorized_keys/bob.old.pub", BOB);
	put_key("authorized_keys/copy.pub", BOB);
	put_key("authorized_keys/bob.pub", EVE);
	put_successor(BOB, EVE, wall + 600);
	eq_str(hear().letters, "bskkke");
	/* It is time again when that ends, not only when a file changes. */
	ok(instant_reached(feed.ends, instant_add(now, span_s(600))));
	ok(!instant_reached(feed.ends, instant_add(now, span_s(590))));
	put_successor(BOB, EVE, wall + 90000);
	eq_str(hear_change().letters, "bskkke");
	ok(instant_reached(feed.ends, instant_add(now, span_s(3600)))); /* the clock may be set */
	put_successor(BOB, EVE, wall - 1);
	eq_str(hear_change().letters, "bske");
	eq_int(feed.now.unusable, 0);
	ok(feed.ends.ns == INSTANT_NEVER.ns);
	finish();
}

static void the_end_comes_without_a_change_of_files(void)
{
	fresh();
	put_key("authorized_keys/bob.old.pub", BOB);
	put_key("authorized_keys/bob.pub", EVE);
	put_successor(BOB, EVE, 1);
	eq_str(hear().letters, "bske");
	/* As if the clock had been behind when that was told. */
	feed.now.ended = 0;
	feed.ends = instant_add(now, span_s(5));
	later(5);
	eq_str(hear().letters, "");
	later(1);
	eq_str(hear().letters, "bske");
	finish();
}

static bool holds_key(const char *file, unsigned key)
{
	char text[KEYFILE_PUBLIC + 1], there[KEYFILE_PUBLIC + 1] = "";

	public_key_format(&keys[key], text);
	return store_read(&store, file, there, sizeof(there), 0) > 0 && !strcmp(text, there);
}

static void a_followed_key_is_succeeded_without_asking(void)
{
	const uint64_t wall = clock_now().wall.s;

	fresh();
	put_key("authorized_keys/bob.pub", BOB);
	put_successor(BOB, EVE, wall + 600);
	eq_str(hear().letters, "bske");
	ok(holds_key("authorized_keys/bob.pub", BOB)); /* not asked for */
	put_key("authorized_keys/bob.follow", OTHER);
	hear_change();
	ok(holds_key("authorized_keys/bob.pub", BOB)); /* that is about another key */
	put_key("authorized_keys/bob.follow", BOB);
	hear_change();
	eq_str(hear_change().letters, "bskke");
	ok(holds_key("authorized_keys/bob.pub", EVE));
	ok(holds_key("authorized_keys/bob.old.pub", BOB));
	ok(holds_key("authorized_keys/bob.follow", EVE));
	eq_int(said("bob is followed"), 1);
	finish();
}

static void what_is_doubtful_is_not_followed(void)
{
	const uint64_t wall = clock_now().wall.s;

	for (unsigned i = 0; i < 5; i++) {
		fresh();
		put_key("authorized_keys/bob.pub", BOB);
		put_key("authorized_keys/bob.follow", BOB);
		put_successor(BOB, i == 4 ? OWN : EVE, i == 0 ? wall - 1 : wall + 600);
		if (i == 1)
			put_successor(BOB, OTHER, wall + 600);
		if (i == 2)
			put_key("denied_keys/eve.pub", EVE);
		if (i == 3)
			put_key("trusted_orgs/eve.pub", EVE);
		hear();
		ok(holds_key("authorized_keys/bob.pub", BOB));
		eq_int(said("followed"), 0);
		finish();
	}
}

static void who_is_not_trusted_ends_no_key(void)
{
	fresh();
	put_key("authorized_keys/bob.pub", BOB);
	put_key("authorized_keys/mallory.pub", OTHER);
	put_successor(BOB, EVE, 1);
	eq_str(hear().letters, "bskke");
	finish();
}

static void each_kind_is_followed_live(void)
{
	fresh();
	eq_str(hear().letters, "be");
	put_key("denied_keys/eve.pub", EVE);
	eq_str(hear_change().letters, "bde");
	put_key("denied_keys/mallory.pub", BOB);
	eq_str(hear_change().letters, "bdde");
	put_key("trusted_orgs/acme.pub", ORG);
	eq_str(hear_change().letters, "bddoe");
	put_statement(STATEMENT_VOUCH, ORG, BOB);
	eq_str(hear_change().letters, "bddose");
	put_statement(STATEMENT_REVOCATION, ORG, BOB);
	eq_str(hear_change().letters, "bddosse");
	put_certificate(ORG, OWN);
	eq_str(hear_change().letters, "bddossce");
	put_certificate(OTHER, OWN);
	eq_str(hear_change().letters, "bddosscce");
	eq_int(store_remove(&store, "denied_keys/eve.pub"), 0);
	eq_str(hear_change().letters, "bdosscce");
	command("rm -r '%s'", "trusted_orgs");
	eq_str(hear_change().letters, "bdcce");
	put_key("trusted_orgs/acme.pub", ORG);
	eq_str(hear_change().letters, "bdosscce");
	finish();
}

/* Garbage of that name by that org, as much as asked for. */
static void fill(const char *kind, unsigned org, unsigned count)
{
	char path[PATH_MAX + 300], issuer[65], digits[65];
	struct public_key none = { 0 };

	hex_encode(keys[org].b, 32, issuer, sizeof(issuer));
	hex_encode(none.b, 32, digits, sizeof(digits));
	for (unsigned i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/statements/%s-%s-%08x%s", root, kind, issuer, i,
			 digits + 8);

		FILE *f = fopen(path, "w");

		if (!f || fclose(f) != 0)
			TAP_FAIL("cannot write %s", path);
	}
}

/* What it said stays on the disk, is not read and takes no room, and counts when it is back. */
static void the_word_of_an_org_that_is_not_trusted_waits(void)
{
	struct statement revocation = statement(STATEMENT_REVOCATION, OTHER, BOB, 5);
	char file[STORE_ORGS_FILE];

	fresh();
	put_key("trusted_orgs/acme.pub", ORG);
	put_statement(STATEMENT_VOUCH, ORG, EVE);
	fill("revocation", OTHER, 3);
	statement_file(file, STATEMENT_REVOCATION, &keys[OTHER], &keys[BOB]);
	eq_int(store_statement_write(&store, &revocation), 0);
	eq_str(hear().letters, "bose");
	eq_int(feed.statements.count, 1);
	eq_int(said("no valid statement"), 0); /* nobody looked */
	put_key("trusted_orgs/other.pub", OTHER);
	eq_str(hear_change().letters, "boosse");
	eq_int(said("no valid statement"), 3);
	eq_int(feed.statements.count, 5);
	eq_int(store_remove(&store, "trusted_orgs/other.pub"), 0);
	eq_str(hear_change().letters, "bose");
	eq_int(feed.statements.count, 1);
	ok(store_exists(&store, file));
	put_key("trusted_orgs/other.pub", OTHER);
	eq_str(hear_change().letters, "boosse");
	finish();
}

static void what_is_as_it_was_told_is_told_on_demand_alone(void)
{
	struct statement newer = statement(STATEMENT_VOUCH, ORG, BOB, 8);
	struct heard h;

	fresh();
	put_all();
	eq_str(hear().letters, "bdosscke");
	put_all();
	eq_str(hear_change().letters, "");
	put("org/org.pub", "notes\n");
	eq_str(hear_change().letters, "");
	trust_feed_reload(&feed, now);
	later(1);
	eq_str(hear().letters, "bdosscke");
	/* The same file with other content. */
	put_key("denied_keys/eve.pub", BOB);
	eq_str(hear_change().letters, "bdosscke");
	eq_int(store_statement_write(&store, &newer), 0);
	h = hear_change();
	eq_str(h.letters, "bdosscke");
	eq_int(h.statement.body.number, 8);
	finish();
}

static void what_is_unusable_is_counted_and_said_once(void)
{
	struct statement s = statement(STATEMENT_VOUCH, ORG, OTHER, 7);
	char file[STORE_ORGS_FILE];
	struct heard h;

	fresh();
	put_all();
	put("trusted_orgs/bad.pub", "no key\n");
	put_certificate(OTHER, BOB); /* not ours */
	statement_file(file, STATEMENT_VOUCH, &keys[ORG], &keys[OTHER]);
	s.wire[s.len - 1] ^= 1;
	eq_int(store_statement_keep(&store, file, bytes_of(s.wire, s.len)), 0);
	h = hear();
	eq_str(h.letters, "bdosscke");
	eq_int(h.unusable, 3);
	eq_int(said("this entry is not used"), 3);
	eq_int(said("trusted_orgs/bad.pub"), 1);
	eq_int(said("a certificate of another node"), 1);
	eq_int(said("no valid statement"), 1);
	eq_int(said("until that is mended"), 0);
	put_key("authorized_keys/carol.pub", OTHER);
	h = hear_change();
	eq_str(h.letters, "bdossckke");
	eq_int(h.unusable, 3);
	eq_int(said("this entry is not used"), 3);
	/* Whom a damaged denial keeps out nobody can tell. */
	put("denied_keys/bad.pub", "no key\n");
	h = hear_change();
	eq_str(h.letters, "bdxssckke");
	eq_int(said("denied_keys/bad.pub"), 1);
	eq_int(said("until that is mended"), 1);
	finish();
}

static void many_unusable_files_are_not_all_named(void)
{
	char file[64];

	fresh();
	for (int i = 0; i < 50; i++) {
		snprintf(file, sizeof(file), "trusted_orgs/bad%d.pub", i);
		put(file, "no key\n");
	}
	eq_int(hear().unusable, 50);
	eq_int(said("this entry is not used"), UNUSABLE_TOLD);
	eq_int(said("further unusable files are only counted"), 1);
	eq_int(store_remove(&store, "trusted_orgs/bad0.pub"), 0);
	eq_int(hear_change().unusable, 49);
	eq_int(said("further unusable files are only counted"), 1);
	finish();
}

/* Nobody comes in because of a file that is missing. */
static void closes_when(const char *chmod, const char *opens, const char *folder)
{
	fresh();
	put_all();
	command(chmod, folder);

	/* Others may write to it. What does not concern orgs goes on. */
	struct heard h = hear();

	ok(strchr(h.letters, 'x') && !strchr(h.letters, 'o') && strchr(h.letters, 'k'));
	ok(!h.unreadable);
	eq_int(said("neither orgs nor --open let anybody in"), 1);
	/* It is tried every second, and neither said nor told again. */
	later(1);
	eq_str(hear().letters, "");
	eq_int(said("neither orgs nor --open let anybody in"), 1);
	command(opens, folder);
	watch_changed(&feed.watch, now);
	later(1);
	eq_str(hear().letters, "bdosscke");
	finish();
}

static void what_keeps_others_out_must_be_known(void)
{
	closes_when("chmod g+w '%s'", "chmod g-w '%s'", "denied_keys");
	closes_when("chmod g+w '%s'", "chmod g-w '%s'", "statements");
	closes_when("chmod g+w '%s'", "chmod g-w '%s'", "trusted_orgs");
	closes_when("chmod g+w '%s'", "chmod g-w '%s'", "denied_keys/eve.pub");
	closes_when("chmod g+w '%s'/revocation-*", "chmod g-w '%s'/revocation-*", "statements");
	fresh();
	command("mkdir '%s'", "denied_keys");
	eq_str(hear().letters, "be");
	command("chmod g+w '%s'", "denied_keys");
	eq_str(hear_change().letters, "bxe");
	finish();
}

static void unread_vouches_and_keys_close_nothing(void)
{
	struct heard h;

	fresh();
	put_all();
	command("chmod g+w '%s'/vouch-*", "statements");
	h = hear();
	eq_str(h.letters, "bdoscke");
	eq_int(h.unusable, 1);
	command("chmod g+w '%s'", "authorized_keys");
	later(1);
	h = hear_change();
	eq_str(h.letters, "bdxsce"); /* neither keys nor orgs */
	ok(h.unreadable);
	eq_int(said("nobody is trusted"), 1);
	finish();
}

static void without_a_directory_nobody_comes_in(void)
{
	char away[PATH_MAX];
	struct heard h;

	fresh();
	snprintf(away, sizeof(away), "%s.away", root);
	put_all();
	eq_str(hear().letters, "bdosscke");
	ok(rename(root, away) == 0);
	later(1);
	h = hear();
	eq_str(h.letters, "bxe");
	ok(h.unreadable);
	later(1);
	eq_str(hear().letters, "");
	ok(rename(away, root) == 0);
	later(1);
	eq_str(hear().letters, "bdosscke");
	finish();
}

static void too_many_denials_close_the_door(void)
{
	char file[PATH_MAX + 80], text[KEYFILE_PUBLIC + 1];
	struct heard h;

	fresh();
	put_all();
	public_key_format(&keys[EVE], text);
	for (unsigned i = 0; i < TRUST_DENIALS; i++) {
		snprintf(file, sizeof(file), "%s/denied_keys/k%u.pub", root, i);

		FILE *f = fopen(file, "w");

		ok(f && fputs(text, f) >= 0 && fclose(f) == 0);
	}
	h = hear();
	ok(strchr(h.letters, 'o') == NULL);
	eq_int(h.unusable, 1);
	eq_int(said("there are too many keys"), 1);
	eq_int(said("neither orgs nor --open let anybody in"), 1);
	eq_int(store_remove(&store, "denied_keys/k7.pub"), 0);
	eq_int(hear_change().unusable, 0);
	finish();
}

/* --- what the node has kept */

static struct priv_message request(const struct statement *s)
{
	struct priv_message m = { .kind = PRIV_SAVE_STATEMENT };
	struct priv_statement p = {
		.kind = s->body.kind, .len = s->len, .number = s->body.number,
		.issuer = s->body.issuer, .subject = s->body.subject,
	};

	memcpy(p.wire, s->wire, s->len);
	m.data_len = sizeof(p);
	memcpy(m.data, &p, sizeof(p));
	return m;
}

static int save(const struct statement *s)
{
	struct priv_message m = request(s);

	return trust_feed_save(&feed, &m);
}

static uint64_t number_on_disk(const struct statement *s)
{
	struct statement there;
	int r = store_statement_read(&store, s->body.kind, &s->body.issuer, &s->body.subject,
				     &there);

	return r == 1 ? there.body.number : 0;
}

static void the_node_has_statements_kept(void)
{
	struct statement first = statement(STATEMENT_VOUCH, ORG, BOB, 5);
	struct statement second = statement(STATEMENT_VOUCH, ORG, BOB, 6);
	struct statement other = statement(STATEMENT_REVOCATION, ORG, EVE, 1);

	fresh();
	put_key("trusted_orgs/acme.pub", ORG);
	eq_str(hear().letters, "boe");
	eq_int(save(&first), 0);
	eq_int(number_on_disk(&first), 5);
	/* The node knows it; the folder is new, so it is read soon. */
	eq_str(hear_change().letters, "");
	/* And then there is no hurry. */
	eq_int(save(&second), 0);
	eq_int(save(&other), 0);
	eq_int(number_on_disk(&first), 6);
	eq_int(number_on_disk(&other), 1);
	notice();
	later(9);
	ok(!instant_reached(feed.watch.due, now));
	later(1);
	ok(instant_reached(feed.watch.due, now));
	eq_str(hear().letters, "");
	/* What the owner writes is read at once. */
	put_statement(STATEMENT_VOUCH, ORG, EVE);
	eq_str(hear_change().letters, "bossse");
	finish();
}

static void what_a_followed_key_announces_is_read_at_once(void)
{
	struct statement_body b = { .kind = STATEMENT_SUCCESSOR, .issuer = keys[BOB],
				    .subject = keys[EVE], .number = 1,
				    .until = clock_now().wall.s + 600 };
	struct statement s;

	fresh();
	put_key("authorized_keys/bob.pub", BOB);
	put_key("authorized_keys/bob.follow", BOB);
	eq_str(hear().letters, "bke");
	command("mkdir -p '%s'", "statements");
	hear_change();
	ok(statement_sign(&b, &secrets[BOB], &secrets[EVE], &s));
	s.wire[s.len - 1] ^= 1;
	eq_int(save(&s), -EINVAL); /* Eve signs it, too */
	s.wire[s.len - 1] ^= 1;
	eq_int(save(&s), 0); /* by the node process */
	hear_change();
	ok(holds_key("authorized_keys/bob.pub", EVE));
	finish();
}

static void what_counts_more_stays(void)
{
	struct statement old = statement(STATEMENT_VOUCH, ORG, BOB, 5);
	struct statement new = statement(STATEMENT_VOUCH, ORG, BOB, 6);
	char file[STORE_ORGS_FILE];

	fresh();
	put_key("trusted_orgs/acme.pub", ORG);
	eq_str(hear().letters, "boe");
	eq_int(store_statement_write(&store, &new), 0);
	eq_int(save(&old), 0);
	eq_int(number_on_disk(&new), 6);
	/* A file of no use counts less than anything. */
	statement_file(file, STATEMENT_VOUCH, &keys[ORG], &keys[BOB]);
	put(file, "spoilt\n");
	eq_int(save(&old), 0);
	eq_int(number_on_disk(&new), 5);
	finish();
}

static void requests_must_be_sound(void)
{
	struct statement s = statement(STATEMENT_VOUCH, ORG, BOB, 5);
	struct priv_message good = request(&s), m;
	struct priv_statement p;

	fresh();
	put_key("trusted_orgs/acme.pub", ORG);
	eq_str(hear().letters, "boe");
	for (unsigned i = 0; i < 10; i++) {
		m = good;
		memcpy(&p, m.data, sizeof(p));
		if (i == 0)
			p.kind = 0;
		if (i == 1)
			p.kind = STATEMENT_KINDS + 1;
		if (i == 2)
			p.len = 0;
		if (i == 3)
			p.len = MAX_STATEMENT + 1;
		if (i == 4)
			m.data_len--;
		if (i == 5) /* the claims are not those of the bytes */
			p.kind = STATEMENT_REVOCATION;
		if (i == 6)
			p.number++;
		if (i == 7)
			p.issuer = keys[OTHER];
		if (i == 8)
			p.subject = keys[EVE];
		if (i == 9)
			p.wire[p.len - 1] ^= 1;
		memcpy(m.data, &p, sizeof(p));
		eq_int(trust_feed_save(&feed, &m), -EINVAL);
	}
	ok(!store_exists(&store, "statements"));
	finish();
}

static void of_an_org_that_is_not_trusted_nothing_is_kept(void)
{
	struct statement theirs = statement(STATEMENT_VOUCH, OTHER, BOB, 5);
	struct statement ours = statement(STATEMENT_VOUCH, ORG, BOB, 5);

	fresh();
	put_key("trusted_orgs/acme.pub", ORG);
	eq_int(save(&ours), -EIO); /* nobody has looked yet */
	eq_str(hear().letters, "boe");
	eq_int(save(&theirs), 0);
	ok(!store_exists(&store, "statements"));
	command("chmod g+w '%s'", "trusted_orgs");
	hear_change();
	eq_int(save(&ours), -EIO);
	command("chmod g-w '%s'", "trusted_orgs");
	hear_change();
	eq_int(save(&ours), 0);
	eq_int(number_on_disk(&ours), 5);
	eq_int(save(&theirs), 0);
	eq_int(number_on_disk(&theirs), 0);
	finish();
}

static void the_network_cannot_fill_the_disk(void)
{
	struct statement vouch = statement(STATEMENT_VOUCH, ORG, BOB, 5);
	struct statement revocation = statement(STATEMENT_REVOCATION, ORG, BOB, 5);
	struct statement known = statement(STATEMENT_VOUCH, ORG, EVE, 6);

	fresh();
	put_key("trusted_orgs/acme.pub", ORG);
	put_statement(STATEMENT_VOUCH, ORG, OWN);
	eq_int(store_statement_write(&store, &known), 0);
	fill("vouch", ORG, STATEMENTS_OTHERS - 2);
	hear();
	/* Vouches may take half of the places; what is there may be replaced. */
	known = statement(STATEMENT_VOUCH, ORG, EVE, 7);
	eq_int(save(&vouch), -EDQUOT);
	eq_int(save(&known), 0);
	eq_int(number_on_disk(&known), 7);
	eq_int(save(&revocation), 0);
	fill("revocation", ORG, STATEMENTS_MOST - STATEMENTS_OTHERS - 1);
	hear_change();
	eq_int(feed.statements.count, STATEMENTS_MOST);
	revocation = statement(STATEMENT_REVOCATION, ORG, EVE, 5);
	eq_int(save(&revocation), -EDQUOT);
	revocation = statement(STATEMENT_REVOCATION, ORG, BOB, 8);
	eq_int(save(&revocation), 0);
	finish();
}

/* A save in the midst of the telling shifts what is told. */
static void a_save_while_it_is_told_loses_nothing(void)
{
	struct statement s;
	struct statement_body alias = { .kind = STATEMENT_ALIAS, .issuer = keys[ORG],
					.subject = keys[BOB], .number = 1, .name = "bob" };
	static struct priv_message m;
	struct heard h = { 0 };

	ok(statement_sign(&alias, &secrets[ORG], NULL, &s));
	fresh();
	put_all();
	do {
		trust_feed_tick(&feed, now);
	} while (feed.phase == TRUST_READING);
	while (trust_feed_next(&feed, &m)) {
		take(&h, &m);
		trust_feed_sent(&feed);
		if (!strcmp(h.letters, "bdos"))
			eq_int(save(&s), 0); /* its name comes first */
	}
	eq_str(h.letters, "bdosscke");
	eq_int(h.statement.body.kind, STATEMENT_VOUCH);
	finish();
}

/* Signatures take their time, and others want theirs. */
static void many_statements_are_checked_in_parts(void)
{
	char file[STORE_ORGS_FILE];
	unsigned ticks = 0;

	fresh();
	put_key("trusted_orgs/acme.pub", ORG);
	put_statement(STATEMENT_VOUCH, ORG, BOB);
	fill("vouch", ORG, 199);
	trust_feed_tick(&feed, now);
	ok(feed.phase == TRUST_READING);
	ok(!instant_before(now, trust_feed_deadline(&feed)));
	for (; feed.phase == TRUST_READING; ticks++)
		trust_feed_tick(&feed, now);
	eq_int(ticks, 3);
	eq_str(hear().letters, "bose");
	/* The folder goes while it is read: nothing of it is told as if it were all. */
	put_key("authorized_keys/bob.pub", BOB);
	notice();
	later(1);
	trust_feed_tick(&feed, now);
	ok(feed.phase == TRUST_READING);
	store_close(&store);
	trust_feed_tick(&feed, now);
	ok(feed.phase == TRUST_IDLE);
	later(1);
	eq_str(hear().letters, "boske");
	statement_file(file, STATEMENT_VOUCH, &keys[ORG], &keys[BOB]);
	ok(store_exists(&store, file));
	finish();
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		T(all_is_told_in_order),
		T(each_kind_is_followed_live),
		T(the_word_of_an_org_that_is_not_trusted_waits),
		T(a_former_key_is_told_until_its_overlap_is_over),
		T(the_end_comes_without_a_change_of_files),
		T(who_is_not_trusted_ends_no_key),
		T(a_followed_key_is_succeeded_without_asking),
		T(what_is_doubtful_is_not_followed),
		T(what_is_as_it_was_told_is_told_on_demand_alone),
		T(what_is_unusable_is_counted_and_said_once),
		T(many_unusable_files_are_not_all_named),
		T(what_keeps_others_out_must_be_known),
		T(unread_vouches_and_keys_close_nothing),
		T(without_a_directory_nobody_comes_in),
		T(too_many_denials_close_the_door),
		T(the_node_has_statements_kept),
		T(of_an_org_that_is_not_trusted_nothing_is_kept),
		T(what_a_followed_key_announces_is_read_at_once),
		T(what_counts_more_stays),
		T(requests_must_be_sound),
		T(the_network_cannot_fill_the_disk),
		T(a_save_while_it_is_told_loses_nothing),
		T(many_statements_are_checked_in_parts),
	};

	test_crypto();
	for (unsigned i = 0; i < KEYS; i++)
		ed25519_from_seed(&keys[i], &secrets[i], (const uint8_t[32]){ (uint8_t)(i + 1) });
	return tap_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
