/* linux/store_orgs.h - what orgs signed, as it lies in the configuration directory.
 *
 * org/ORG.cert: this node's certificates; org/ORG-NODE.cert: those of its other key, NODE, while
 * its key changes; statements/KIND-ISSUER-SUBJECT: signed statements. ORG, NODE, ISSUER and SUBJECT
 * are keys in 64 lower-case hex digits, KIND is statement_kind_name. Each file is one line of
 * base64. What is read was verified, and is about what the name of its file says.
 */
#ifndef LINUX_STORE_ORGS_H
#define LINUX_STORE_ORGS_H

#include "identity/certificate.h"
#include "identity/statement.h"
#include "linux/store.h"

#define CERTIFICATE_FOLDER "org"
#define STATEMENT_FOLDER "statements"
#define STORE_ORGS_FILE 192u    /* bytes of the longest such name, with its terminator */

void certificate_file(char out[static STORE_ORGS_FILE], const struct public_key *org);
void statement_file(char out[static STORE_ORGS_FILE], enum statement_kind kind,
		    const struct public_key *issuer, const struct public_key *subject);

void certificate_file_of(char out[static STORE_ORGS_FILE], const struct public_key *org,
			 const struct public_key *node);
/* True for the first form of name. */
bool certificate_is_main(const char *file, const struct certificate *c);

/* Replaces what is there. As store_write. */
int store_certificate_write(struct store *s, const struct certificate *c) must_check;
int store_certificate_write_as(struct store *s, const char *file,
			       const struct certificate *c) must_check;
int store_statement_write(struct store *s, const struct statement *statement) must_check;
/* 1, 0 if there is none, or negative errno with s->error: -EBADMSG for what is none. */
int store_statement_read(struct store *s, enum statement_kind kind, const struct public_key *issuer,
			 const struct public_key *subject, struct statement *out) must_check;

/* What is written is opaque: for who must not look into it. As store_write. */
int store_statement_keep(struct store *s, const char *file, struct bytes wire) must_check;

/* True for the names, without their folder, of files of that form. */
bool is_certificate_name(const char *name);
bool is_statement_name(const char *name);
/* The same with the folder before the name: 1, or negative errno with s->error: -ENOENT, and
 * -EBADMSG for what is none. */
int store_certificate_load(struct store *s, const char *file, struct certificate *out) must_check;
int store_statement_load(struct store *s, const char *file, struct statement *out) must_check;
/* The same of a claim whose signature alone was checked. */
int store_statement_claim(struct store *s, const char *file, struct statement_claim *out)
	must_check;
/* Who issued what lies in a file of that name, without its folder, if it is an org: false for
 * successors and names of no known kind. */
bool statement_name_issuer(const char *name, struct public_key *issuer);

/* Calls fn for each file of that form, sorted; NULL for one that is unusable, s->error says why.
 * Other files are notes of the owner. Stops at the first non-zero and returns it; negative errno
 * with s->error when the folder cannot be read. */
int store_each_certificate(struct store *s, int (*fn)(void *ctx, const struct certificate *c),
			   void *ctx);
int store_each_statement(struct store *s, enum statement_kind kind,
			 int (*fn)(void *ctx, const struct statement *st), void *ctx);

#endif
