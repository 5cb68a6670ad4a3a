/* What orgs signed, as files: names, what is written comes back, and what is not believed. */
#include "tap.h"
#include "contexts.h"

#include "crypto/curve.h"
#include "linux/store_orgs.h"

#include <errno.h>
#include <unistd.h>

#define HEX_ORG "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"

static char root[PATH_MAX - 300]; /* a fresh directory for each test */
static struct store store;
static struct public_key keys[3];
static struct secret_key secrets[3];

static void fresh(void)
{
	snprintf(root, sizeof(root), "%s/mgorgs-XXXXXX", getenv("TMPDIR") ?: "/tmp");
	ok(mkdtemp(root) != NULL);
	setenv("MESHGUARD_CONFIG_DIR", root, 1);
	eq_int(store_open(&store), 0);
}

static void finish(void)
{
	char command[PATH_MAX + 40];

	store_close(&store);
	snprintf(command, sizeof(command), "rm -rf '%s'", root);
	ok(system(command) == 0);
}

static struct certificate certificate(unsigned org, unsigned node)
{
	struct certificate_body b = { .org = keys[org], .node = keys[node], .not_before = 1,
				      .expires = 2, .name = "n" };
	struct certificate c;

	ok(certificate_sign(&b, &secrets[org], &c));
	return c;
}

static struct statement statement(enum statement_kind kind, unsigned issuer, unsigned subject)
{
	struct statement_body b = { .kind = kind, .issuer = keys[issuer],
				    .subject = keys[subject], .number = 7 };
	struct statement s;

	ok(statement_sign(&b, &secrets[issuer], NULL, &s));
	return s;
}

static void put(const char *file, struct bytes wire)
{
	char text[SIGNED_TEXT(SIGNED_MAX) + 1];

	signed_format(wire, text);
	eq_int(store_write(&store, file, text, strlen(text), STORE_REPLACE), 0);
}

struct seen {
	unsigned good, bad;
	struct certificate certificate;   /* the last */
	struct statement statement;
};

static int see_certificate(void *ctx, const struct certificate *c)
{
	struct seen *seen = ctx;

	seen->good += c != NULL;
	seen->bad += c == NULL;
	if (c)
		seen->certificate = *c;
	return 0;
}

static int see_statement(void *ctx, const struct statement *s)
{
	struct seen *seen = ctx;

	seen->good += s != NULL;
	seen->bad += s == NULL;
	if (s)
		seen->statement = *s;
	return 0;
}

static void names_say_what_a_file_is_about(void)
{
	char file[STORE_ORGS_FILE];

	certificate_file(file, &keys[0]);
	eq_str(file, "org/" HEX_ORG ".cert");
	statement_file(file, STATEMENT_REVOCATION, &keys[0], &keys[0]);
	eq_str(file, "statements/revocation-" HEX_ORG "-" HEX_ORG);
	statement_file(file, STATEMENT_SUCCESSOR, &keys[0], &keys[0]);
	eq_str(file, "statements/successor-" HEX_ORG "-" HEX_ORG);
}

static void certificates_come_back(void)
{
	struct certificate one = certificate(0, 1), two = certificate(2, 1);
	struct seen seen = { 0 };

	fresh();
	eq_int(store_each_certificate(&store, see_certificate, &seen), 0);
	eq_int(store_certificate_write(&store, &one), 0);
	eq_int(store_certificate_write(&store, &one), 0);
	eq_int(store_certificate_write(&store, &two), 0);
	eq_int(store_write(&store, "org/org.key", "x", 1, STORE_SECRET), 0);
	eq_int(store_write(&store, "org/notes", "x", 1, 0), 0);
	eq_int(store_each_certificate(&store, see_certificate, &seen), 0);
	eq_int(seen.good, 2);
	eq_int(seen.bad, 0);
	eq_mem(seen.certificate.wire, one.wire, one.len); /* d7... after c5... */
	finish();
}

static void certificates_that_are_none_are_told(void)
{
	struct certificate c = certificate(0, 1), other = certificate(2, 1);
	char file[STORE_ORGS_FILE], *reason = store.error;
	struct seen seen = { 0 };

	fresh();
	certificate_file(file, &keys[0]);
	put(file, bytes_of(other.wire, other.len)); /* another's name */
	put("org/short.cert", bytes_of(c.wire, c.len));
	c.wire[c.len - 1] ^= 1;
	certificate_file(file, &keys[2]);
	put(file, bytes_of(c.wire, c.len));
	eq_int(store_each_certificate(&store, see_certificate, &seen), 0);
	eq_int(seen.good, 0);
	eq_int(seen.bad, 3);
	ok(strstr(reason, ".cert: no valid certificate"));
	finish();
}

static void statements_come_back(void)
{
	struct statement revocation = statement(STATEMENT_REVOCATION, 0, 1);
	struct statement vouch = statement(STATEMENT_VOUCH, 0, 1), out;
	struct seen seen = { 0 };

	fresh();
	eq_int(store_statement_read(&store, STATEMENT_VOUCH, &keys[0], &keys[1], &out), 0);
	eq_int(store_each_statement(&store, STATEMENT_REVOCATION, see_statement, &seen), 0);
	eq_int(store_statement_write(&store, &revocation), 0);
	eq_int(store_statement_write(&store, &vouch), 0);
	eq_int(store_write(&store, "statements/README", "x", 1, 0), 0);
	eq_int(store_each_statement(&store, STATEMENT_REVOCATION, see_statement, &seen), 0);
	eq_int(seen.good, 1);
	eq_mem(seen.statement.wire, revocation.wire, revocation.len);
	eq_int(store_each_statement(&store, STATEMENT_SUCCESSOR, see_statement, &seen), 0);
	eq_int(seen.good, 1);
	eq_int(store_each_statement(&store, STATEMENT_VOUCH, see_statement, &seen), 0);
	eq_int(seen.good, 2);
	eq_int(seen.bad, 0);
	eq_mem(seen.statement.wire, vouch.wire, vouch.len);
	eq_int(store_statement_read(&store, STATEMENT_VOUCH, &keys[0], &keys[1], &out), 1);
	eq_mem(out.wire, vouch.wire, vouch.len);
	eq_int(store_statement_read(&store, STATEMENT_VOUCH, &keys[0], &keys[2], &out), 0);
	eq_int(store_statement_read(&store, STATEMENT_VOUCH, &keys[1], &keys[0], &out), 0);
	finish();
}

static void statements_that_are_none_are_told(void)
{
	struct statement s = statement(STATEMENT_VOUCH, 0, 1), out;
	char file[STORE_ORGS_FILE];
	struct seen seen = { 0 };

	fresh();
	statement_file(file, STATEMENT_REVOCATION, &keys[0], &keys[1]);
	put(file, bytes_of(s.wire, s.len)); /* another kind */
	eq_int(store_statement_read(&store, STATEMENT_REVOCATION, &keys[0], &keys[1], &out),
	       -EBADMSG);
	statement_file(file, STATEMENT_VOUCH, &keys[0], &keys[2]);
	put(file, bytes_of(s.wire, s.len)); /* another subject */
	statement_file(file, STATEMENT_VOUCH, &keys[0], &keys[1]);
	s.wire[90] ^= 1; /* in the signature */
	put(file, bytes_of(s.wire, s.len));
	eq_int(store_write(&store, "statements/vouch-" HEX_ORG "-" HEX_ORG "-" HEX_ORG, "x", 1, 0),
	       0);
	eq_int(store_each_statement(&store, STATEMENT_REVOCATION, see_statement, &seen), 0);
	eq_int(seen.bad, 1);
	eq_int(store_each_statement(&store, STATEMENT_VOUCH, see_statement, &seen), 0);
	eq_int(seen.good, 0);
	eq_int(seen.bad, 3); /* the name with three keys is too long to be one of ours */
	finish();
}

static void the_name_of_a_statement_tells_its_issuer(void)
{
	struct public_key issuer;
	char file[STORE_ORGS_FILE], *name = file + sizeof(STATEMENT_FOLDER);

	for (enum statement_kind kind = 1; kind <= STATEMENT_KINDS; kind++) {
		memset(&issuer, 0, sizeof(issuer));
		statement_file(file, kind, &keys[1], &keys[0]);
		eq_int(statement_name_issuer(name, &issuer), kind != STATEMENT_SUCCESSOR);
		if (kind != STATEMENT_SUCCESSOR)
			eq_mem(&issuer, &keys[1], sizeof(issuer));
		name[strlen(name) - 1] = '\0';
		ok(!statement_name_issuer(name, &issuer));
	}
	ok(!statement_name_issuer("vouch-" HEX_ORG, &issuer));
	ok(!statement_name_issuer("vouchx" HEX_ORG "-" HEX_ORG, &issuer));
	ok(!statement_name_issuer("grudge-" HEX_ORG "-" HEX_ORG, &issuer));
	ok(!statement_name_issuer("", &issuer));
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		T(names_say_what_a_file_is_about),
		T(certificates_come_back),
		T(certificates_that_are_none_are_told),
		T(statements_come_back),
		T(statements_that_are_none_are_told),
		T(the_name_of_a_statement_tells_its_issuer),
	};
	/* RFC 8032, 7.1, tests 1 to 3. */
	static const uint8_t seeds[3][32] = {
		{ 0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92,
		  0xec, 0x2c, 0xc4, 0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b,
		  0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60 },
		{ 1 }, { 2 },
	};

	test_crypto();
	for (unsigned i = 0; i < 3; i++)
		ed25519_from_seed(&keys[i], &secrets[i], seeds[i]);
	return tap_main(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
