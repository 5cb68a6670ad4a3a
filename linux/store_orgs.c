#include "linux/store_orgs.h"

#include "base/text.h"
#include "linux/store_inside.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ENDING ".cert"
#define KEY_DIGITS 64u
#define MAX_TEXT (SIGNED_TEXT(SIGNED_MAX) + 16) /* and some white space */

struct digits { char text[KEY_DIGITS + 1]; };

static struct digits digits_of(const struct public_key *key)
{
	struct digits d;

	hex_encode(key->b, sizeof(key->b), d.text, sizeof(d.text));
	return d;
}

void certificate_file(char out[static STORE_ORGS_FILE], const struct public_key *org)
{
	snprintf(out, STORE_ORGS_FILE, CERTIFICATE_FOLDER "/%s" ENDING, digits_of(org).text);
}

void certificate_file_of(char out[static STORE_ORGS_FILE], const struct public_key *org,
			 const struct public_key *node)
{
	snprintf(out, STORE_ORGS_FILE, CERTIFICATE_FOLDER "/%s-%s" ENDING, digits_of(org).text,
		 digits_of(node).text);
}

bool certificate_is_main(const char *file, const struct certificate *c)
{
	char main[STORE_ORGS_FILE];

	certificate_file(main, &c->body.org);
	return !strcmp(main, file);
}

void statement_file(char out[static STORE_ORGS_FILE], enum statement_kind kind,
		    const struct public_key *issuer, const struct public_key *subject)
{
	snprintf(out, STORE_ORGS_FILE, STATEMENT_FOLDER "/%s-%s-%s", statement_kind_name(kind),
		 digits_of(issuer).text, digits_of(subject).text);
}

static int write_signed(struct store *s, const char *file, struct bytes wire)
{
	char text[SIGNED_TEXT(SIGNED_MAX) + 1];

	signed_format(wire, text);
	return store_write(s, file, text, strlen(text), STORE_REPLACE);
}

int store_certificate_write(struct store *s, const struct certificate *c)
{
	char file[STORE_ORGS_FILE];

	certificate_file(file, &c->body.org);
	return store_certificate_write_as(s, file, c);
}

int store_certificate_write_as(struct store *s, const char *file, const struct certificate *c)
{
	return write_signed(s, file, bytes_of(c->wire, c->len));
}

int store_statement_write(struct store *s, const struct statement *statement)
{
	const struct statement_body *b = &statement->body;
	char file[STORE_ORGS_FILE];

	statement_file(file, b->kind, &b->issuer, &b->subject);
	return write_signed(s, file, bytes_of(statement->wire, statement->len));
}

int store_statement_keep(struct store *s, const char *file, struct bytes wire)
{
	return write_signed(s, file, wire);
}

/* Length of what the file holds, or negative errno; 0 where it holds no such line. */
static ssize_t read_signed(struct store *s, const char *file, uint8_t wire[static SIGNED_MAX])
{
	char text[MAX_TEXT];
	ssize_t n = store_read(s, file, text, sizeof(text), 0);

	return n < 0 ? n : (ssize_t)signed_parse(text, (size_t)n, wire);
}

static int no_good(struct store *s, const char *file, const char *what)
{
	return store_fail(s, -EBADMSG, "%s/%s: no valid %s, or not the one of its name; "
			  "move it away", s->path, file, what);
}

int store_certificate_load(struct store *s, const char *file, struct certificate *out)
{
	struct certificate_claim claim;
	uint8_t wire[SIGNED_MAX];
	char right[STORE_ORGS_FILE];
	ssize_t n = read_signed(s, file, wire);

	if (n < 0)
		return (int)n;
	if (!certificate_decode(bytes_of(wire, (size_t)n), &claim)
	    || !certificate_verify(&claim, out))
		return no_good(s, file, "certificate");
	certificate_file_of(right, &out->body.org, &out->body.node);
	return certificate_is_main(file, out) || !strcmp(right, file)
	       ? 1 : no_good(s, file, "certificate");
}

static int read_statement(struct store *s, const char *file, struct statement_claim *out)
{
	const struct statement_body *b = &out->body;
	uint8_t wire[SIGNED_MAX];
	char right[STORE_ORGS_FILE];
	ssize_t n = read_signed(s, file, wire);

	if (n < 0)
		return (int)n;
	if (!statement_decode(bytes_of(wire, (size_t)n), out))
		return no_good(s, file, "statement");
	statement_file(right, b->kind, &b->issuer, &b->subject);
	return strcmp(right, file) ? no_good(s, file, "statement") : 1;
}

int store_statement_load(struct store *s, const char *file, struct statement *out)
{
	struct statement_claim claim;
	int r = read_statement(s, file, &claim);

	return r < 1 || statement_verify(&claim, out) ? r : no_good(s, file, "statement");
}

int store_statement_claim(struct store *s, const char *file, struct statement_claim *out)
{
	int r = read_statement(s, file, out);

	return r < 1 || statement_is_signed(out) ? r : no_good(s, file, "statement");
}

bool statement_name_issuer(const char *name, struct public_key *issuer)
{
	for (enum statement_kind kind = 1; kind <= STATEMENT_KINDS; kind++) {
		size_t len = strlen(statement_kind_name(kind));

		if (!strncmp(name, statement_kind_name(kind), len) && name[len] == '-')
			return kind != STATEMENT_SUCCESSOR
			    && strlen(name) == len + 2 * (KEY_DIGITS + 1)
			    && hex_decode(name + len + 1, KEY_DIGITS, issuer->b,
					  sizeof(issuer->b));
	}
	return false;
}

int store_statement_read(struct store *s, enum statement_kind kind, const struct public_key *issuer,
			 const struct public_key *subject, struct statement *out)
{
	char file[STORE_ORGS_FILE];
	int r;

	statement_file(file, kind, issuer, subject);
	r = store_statement_load(s, file, out);
	return r == -ENOENT ? 0 : r;
}

/* --- walks */

struct walk {
	struct store *store;
	int (*certificate)(void *ctx, const struct certificate *c);
	int (*statement)(void *ctx, const struct statement *st);
	const char *kind;
	void *ctx;
};

static bool ends_in_keys(const char *name, size_t keys)
{
	size_t len = strlen(name), digits = 0;

	while (digits < len && strchr("0123456789abcdef-", name[len - 1 - digits]))
		digits++;
	return digits >= keys * KEY_DIGITS + keys - 1;
}

bool is_certificate_name(const char *name)
{
	size_t len = strlen(name), ending = sizeof(ENDING) - 1;

	return len > ending && len + sizeof(CERTIFICATE_FOLDER "/") <= STORE_ORGS_FILE
	       && strcmp(name + len - ending, ENDING) == 0;
}

bool is_statement_name(const char *name)
{
	return ends_in_keys(name, 2)
	       && strlen(name) + sizeof(STATEMENT_FOLDER "/") <= STORE_ORGS_FILE;
}

static int visit_certificate(void *ctx, const char *name)
{
	const struct walk *w = ctx;
	struct certificate c;
	char file[STORE_ORGS_FILE];
	int r;

	if (!is_certificate_name(name))
		return 0;
	snprintf(file, sizeof(file), CERTIFICATE_FOLDER "/%s", name);
	r = store_certificate_load(w->store, file, &c);
	return r == -ENOENT ? 0 : w->certificate(w->ctx, r > 0 ? &c : NULL);
}

static int visit_statement(void *ctx, const char *name)
{
	const struct walk *w = ctx;
	struct statement st;
	char file[STORE_ORGS_FILE];
	int r;

	if (!is_statement_name(name) || strncmp(name, w->kind, strlen(w->kind)) != 0)
		return 0;
	snprintf(file, sizeof(file), STATEMENT_FOLDER "/%s", name);
	r = store_statement_load(w->store, file, &st);
	return r == -ENOENT ? 0 : w->statement(w->ctx, r > 0 ? &st : NULL);
}

int store_each_certificate(struct store *s, int (*fn)(void *ctx, const struct certificate *c),
			   void *ctx)
{
	return store_list(s, CERTIFICATE_FOLDER, visit_certificate,
			  &(struct walk){ .store = s, .certificate = fn, .ctx = ctx });
}

int store_each_statement(struct store *s, enum statement_kind kind,
			 int (*fn)(void *ctx, const struct statement *st), void *ctx)
{
	return store_list(s, STATEMENT_FOLDER, visit_statement,
			  &(struct walk){ .store = s, .statement = fn, .ctx = ctx,
					  .kind = statement_kind_name(kind) });
}
